//! Drafts a build from each examined package.
//!
//! In: examined packages and the catalogs. Out: builds that lack only their digests; each of the
//! other packages is a [`Fault`](super::Fault).

use std::collections::BTreeMap;

use super::error::Error;
use super::hashed::{Hashed, Verified};
use super::report::Log;
use super::run::Run;
use crate::catalog::Catalog;
use crate::ingest::digests::Digests;
use crate::ingest::{self, Examined};
use crate::model::build::{Build, Kind};
use crate::model::config::Config;

/// A package whose facts are complete, waiting for its digests.
pub(super) struct Draft {
    pub(super) package: Examined,
    pub(super) build: Build,
}

impl Draft {
    /// Returns the build with its digests, and warnings.
    pub(super) fn verified(
        self,
        digests: Result<Digests, digest_lanes::Error>,
        verdict: Option<Verified>,
    ) -> Result<(Hashed, Vec<String>), ingest::Error> {
        let Draft { package, mut build } = self;
        let digests = digests?;
        let mut warnings = package.facts.warnings;
        ingest::verify(&package.file, &digests, &mut warnings)?;
        build.sha256 = Some(digests.sha256);
        build.md5 = Some(digests.md5);
        let hashed = Hashed {
            build,
            file: package.file,
            stamp: package.stamp,
            projects: package.projects,
            verdict,
        };
        Ok((hashed, warnings))
    }
}

/// Drafts a build from each package: first full builds, then deltas, which take device, version
/// and romtype from the full build they lead to.
pub(super) fn draft_all(
    run: &Run<'_>,
    packages: Vec<Examined>,
    merged: &Catalog,
) -> (Vec<Draft>, Log) {
    let mut log = Log::default();
    let draft = |mut package: Examined| {
        let path = package.path.clone();
        let draft = package
            .draft(run.config, run.now())
            .map(|build| Draft { package, build });
        (path, draft)
    };
    let (full, deltas): (Vec<Examined>, Vec<Examined>) = packages
        .into_iter()
        .partition(|package| package.kind == Kind::Full);
    let mut drafts = log.take_successes(full.into_iter().map(draft).collect());
    let with_facts = |mut delta: Examined| {
        // Builds of each of them may be what it leads to.
        run.note_devices(delta.facts.devices.iter().map(String::as_str));
        let known = merged.builds.values().map(|record| &record.build);
        let builds = drafts.iter().map(|draft| &draft.build).chain(known);
        // Two variants may have the same incremental; then the delta's name decides.
        let named = run.config.variant(&delta.path, &|_| None);
        let targets = builds.filter(|build| delta.leads_to(build));
        let target = targets.max_by_key(|build| build.variant.as_ref() == named);
        let Some(target) = target.cloned() else {
            // It may be in a catalog file that was not read.
            run.note_all();
            return draft(delta);
        };
        delta.take_facts_of(&target);
        let (path, mut drafted) = draft(delta);
        if let Ok(draft) = &mut drafted {
            draft.build.variant = target.variant;
            draft.build.next_device = target.next_device;
        }
        (path, drafted)
    };
    let deltas = deltas.into_iter().map(with_facts).collect();
    drafts.extend(log.take_successes(deltas));
    for draft in &drafts {
        run.observer.examined(&draft.package);
    }
    (drafts, log)
}

/// Requires a download address for every build, before files are read in full.
pub(super) fn require_addresses<'a>(
    config: &Config,
    merged: &'a Catalog,
    scanned: impl Iterator<Item = &'a Build>,
) -> Result<(), Error> {
    let has_own_url = |build: &Build| {
        merged
            .find_filename(&build.filename)
            .is_some_and(|known| known.build.size == build.size && known.build.url.is_some())
    };
    let known = merged.builds.values();
    let known = known.filter(|record| record.is_offered() && config.scope.covers(&record.build));
    let lacking: BTreeMap<&str, &Build> = known
        .map(|record| &record.build)
        .chain(scanned)
        .filter(|build| config.template(build).is_none())
        .filter(|build| config.address(build).is_none() && !has_own_url(build))
        .map(|build| (build.path.as_str(), build))
        .collect();
    match lacking.values().next() {
        None => Ok(()),
        Some(build) => Err(Error::NoAddress {
            path: build.path.clone(),
            device: build.device.to_string(),
            num_others: lacking.len() - 1,
        }),
    }
}
