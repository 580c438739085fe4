//! What a run starts from: the packages of the folder of builds and of sources, and the files next to them.

use std::collections::BTreeSet;

use super::error::Error;
use super::run::{Run, thread_pool};
use super::sidecars::Folders;
use super::sources::Sources;
use crate::ingest::scan::Scan;

/// What a run starts from, apart from settings and catalogs.
pub(super) struct Inputs<'a> {
    pub(super) scan: &'a Scan,
    pub(super) sources: &'a Sources,
    /// The files next to packages.
    pub(super) folders: Folders<'a>,
    /// Names of the stored copies of changelogs and projects.
    pub(super) stored: BTreeSet<String>,
}

/// Runs a step that waits for other hosts most of the time, if there are any: with as many threads as zips are read at
/// once, which may be more than processors.
pub(super) fn waiting<T: Send>(
    run: &Run<'_>,
    sources: &Sources,
    step: impl FnOnce() -> T + Send,
) -> Result<T, Error> {
    match sources.folders.is_empty() {
        true => Ok(step()),
        false => Ok(thread_pool(run.config.source_jobs)?.install(step)),
    }
}
