//! The packages of a run, from the scan until each may be published: examined, drafted, hashed, and judged by the settings.

use std::collections::BTreeMap;

use rayon::ThreadPool;

use super::draft::Draft;
use super::error::Error;
use super::hashed::Hashed;
use super::inputs::{Inputs, waiting};
use super::report::{Log, Report};
use super::run::Run;
use super::{catalog_only, draft, examine, hashes, images, projects, published, require, sources};
use crate::catalog::{Catalog, Catalogs};
use crate::ingest::projects::Projects;
use crate::model::build::Build;

/// Reads and hashes the packages, and returns the builds that may be published.
pub(super) fn find_builds(
    run: &Run<'_>,
    pool: &ThreadPool,
    inputs: &Inputs<'_>,
    catalogs: &Catalogs,
    report: &mut Report,
) -> Result<HashedBuilds, Error> {
    let merged = catalogs.merged()?;
    let drafts = report.take(read_packages(run, pool, inputs, catalogs, &merged)?);
    drop(merged);
    if run.needs_all() {
        return Ok(HashedBuilds::default());
    }
    let hashed = pool.install(|| hash_packages(run, drafts, catalogs, inputs));
    let found = report.take(hashed?);
    run.note_builds(found.0.iter());
    sources::explain(inputs.sources, &mut report.faults);
    Ok(found)
}

/// Examines the scanned packages and the new ones of sources, and drafts their builds; every build has a
/// download address then.
fn read_packages(
    run: &Run<'_>,
    pool: &ThreadPool,
    inputs: &Inputs<'_>,
    catalogs: &Catalogs,
    merged: &Catalog,
) -> Result<(Vec<Draft>, Log), Error> {
    let (examined, mut log) = examine::examine_all(run, pool, inputs, merged)?;
    let mut drafts = log.take(draft::draft_all(run, examined, merged));
    sources::set_addresses(&mut drafts, inputs.sources);
    log.append(sources::keep_own_devices(run.config, &mut drafts));
    catalog_only::require_devices(run.config, merged, catalogs, &drafts)?;
    catalog_only::keep_own_faults(run.config, merged, &mut log);
    log.append(catalog_only::keep_own(run.config, catalogs, &mut drafts));
    run.note_builds(drafts.iter().map(|draft| &draft.build));
    let drafted = drafts.iter().map(|draft| (&draft.package, &draft.build));
    log.append(published::warn(run.config, drafted));
    draft::require_addresses(run.config, merged, drafts.iter().map(|draft| &draft.build))?;
    Ok((drafts, log))
}

/// The builds that may be published, and the projects of each that were read in this run, by identity.
pub(super) type HashedBuilds = (Vec<Build>, BTreeMap<String, Projects>);

/// Hashes packages and their images, and rejects new packages that the settings do not allow.
fn hash_packages(
    run: &Run<'_>,
    drafts: Vec<Draft>,
    catalogs: &Catalogs,
    inputs: &Inputs<'_>,
) -> Result<(HashedBuilds, Log), Error> {
    let (remote, local): (Vec<Draft>, Vec<Draft>) = drafts
        .into_iter()
        .partition(|draft| draft.build.origin.is_some());
    let (mut hashed, mut log) = hashes::hash_packages(run, local, catalogs);
    let mut known = inputs.sources.known.clone();
    log.append(waiting(run, inputs.sources, || {
        sources::check_known(inputs.sources, &mut known)
    })?);
    let remote = sources::digest_all(run, remote, inputs.sources, catalogs, &mut known)?;
    hashed.extend(log.take(remote));
    sources::keep_unique(&mut hashed, catalogs);
    let folders = &inputs.folders;
    let num_full = images::num_full(&hashed, &known);
    let changed = known.iter_mut().filter(|known| known.is_changed);
    let builds = hashed.iter_mut().map(|hashed| &mut hashed.build);
    let mut builds: Vec<&mut Build> = builds.chain(changed.map(|k| &mut k.build)).collect();
    log.append(waiting(run, inputs.sources, || {
        images::attach(run, &mut builds, &num_full, folders)
    })?);
    let read = hashed.iter_mut().map(|hashed| {
        let Hashed {
            build, projects, ..
        } = hashed;
        (&*build, projects.take())
    });
    let changed = known.iter().filter(|known| known.is_changed);
    let read = read.chain(changed.map(|known| (&known.build, None)));
    let read: Vec<projects::ReadProjects<'_>> = read.collect();
    let found = waiting(run, inputs.sources, || {
        projects::find(read, catalogs, &inputs.stored, folders, &num_full)
    })?;
    let projects::Found { projects, unread } = log.take(found);
    let builds = hashed.iter_mut().map(|hashed| &mut hashed.build);
    for build in builds.chain(known.iter_mut().map(|known| &mut known.build)) {
        // The next run reads its manifest again.
        if let Some(origin) = build
            .origin
            .as_mut()
            .filter(|_| unread.contains(&build.path))
        {
            origin.beside.clear();
        }
    }
    let mut builds = log.take(require::keep_required(
        run,
        hashed,
        catalogs,
        inputs.sources,
    ));
    builds.extend(known.into_iter().map(|known| known.build));
    Ok(((builds, projects), log))
}
