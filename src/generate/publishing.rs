//! The second half of a run: merges what was found into the catalog, and makes the site.
//!
//! In: the builds that were found, with their texts. Out: catalog, stored texts and site, all of them written or none.

use std::collections::BTreeMap;

use super::error::Error;
use super::found::Found;
use super::inputs::{Inputs, waiting};
use super::report::{Log, Preview, Report};
use super::run::Run;
use super::site::{self, Known, Made, Memory, Notes, Stock};
use super::{changelogs, folders, lost, offered, projects, reconcile, sidecars, state};
use crate::catalog::{Catalog, Catalogs, Held, remove_empty_folder, store};
use crate::files::stamp_number;
use crate::ingest::projects::Projects;
use crate::ingest::scan::Scan;
use crate::model::build::Build;
use crate::model::config::Config;
use crate::publish::writer;

/// Merges what was found into the catalog, and makes the site. Returns false, and changes nothing, if the run must read all
/// catalog files for that.
pub(super) fn publish(
    run: &Run<'_>,
    mut inputs: Inputs<'_>,
    found: Found,
    projects: BTreeMap<String, Projects>,
    catalogs: &mut Catalogs,
    memory: Memory,
    report: &mut Report,
) -> Result<bool, Error> {
    let config = run.config;
    let (held, found) = hold_catalog(run, catalogs, found)?;
    // Other processes may have added builds with their texts.
    inputs.stored = sidecars::list_stored(&config.changelogs)?;
    let before = update_catalog(config, &inputs, found, catalogs, report);
    inputs.sources.count_traffic(&mut report.sources);
    let merged = catalogs.merged()?;
    // A run that did not read all files cannot tell.
    if merged.is_empty() && run.concerned.is_none() {
        drop(held);
        remove_empty_folder(folders::primary_catalog(config)?);
        report.nothing_to_publish = true;
        report.sort_faults();
        return Ok(true);
    }
    let Some((stock, known)) = find_known(run, &merged, memory, inputs.scan, report)? else {
        return Ok(false);
    };
    let listed = report.take(gather_listed(run, &merged, &inputs)?);
    // Changelogs next to packages were read meanwhile.
    inputs.sources.count_traffic(&mut report.sources);
    let projects = projects::not_stored(config, &merged, projects, &inputs.stored);
    let notes = Notes::new(config, inputs.folders, inputs.stored, listed, projects);
    let lock = match config.dry_run || report.is_refused(config) {
        true => None,
        false => Some(writer::open(&config.out, config.adopt)?),
    };
    let now = run.now();
    let made = site::make(config, now, &stock, known, notes, lock.as_ref(), report)?;
    let stamps = stock.stamps().collect();
    drop((stock, merged));
    read_again(&made.texts.changelogs.unread, &mut catalogs.own);
    let is_new = !store::is_there(folders::primary_catalog(config)?);
    let differs = |before: &Catalog| *before != catalogs.own;
    report.catalog_changed = is_new || before.as_ref().is_some_and(differs);
    let locks = lock.zip(held);
    finish(run, locks, catalogs, before.as_ref(), made, stamps, report)?;
    Ok(true)
}

/// Keeps other processes from writing the catalog, unless this run writes nothing, and drops what was found out about
/// builds that they have changed.
fn hold_catalog(
    run: &Run<'_>,
    catalogs: &mut Catalogs,
    found: Found,
) -> Result<(Option<Held>, Found), Error> {
    let config = run.config;
    if config.dry_run {
        return Ok((None, found));
    }
    let (held, changed) = state::hold_catalog(config, catalogs)?;
    if run.concerned.is_none() {
        lost::require_published(config, catalogs)?;
    }
    Ok((Some(held), found.without_changed(&changed, &catalogs.own)))
}

/// Merges the builds into the catalog; returns the catalog before, if it may have changed.
fn update_catalog(
    config: &Config,
    inputs: &Inputs<'_>,
    found: Found,
    catalogs: &mut Catalogs,
    report: &mut Report,
) -> Option<Catalog> {
    let has_packages = !report.from_catalog_alone;
    let before = may_change(config, has_packages, catalogs).then(|| catalogs.own.clone());
    let log = reconcile::reconcile(config, inputs, found, catalogs, &report.faults);
    report.append(log);
    if report.from_catalog_alone {
        report.unseen = offered::served_by_site(config, &catalogs.own);
    }
    before
}

/// Returns whether reconciling may change the catalog. Without packages, only rules for variants and
/// aliases can. Copying a large catalog to compare it is slow, so it is skipped where possible.
fn may_change(config: &Config, has_packages: bool, catalogs: &Catalogs) -> bool {
    let mut devices = config.devices.values();
    has_packages
        || !config.variants.is_empty()
        || devices.any(|device| !device.aliases.is_empty())
        || !catalogs.own.aliases.is_empty()
}

/// Finds out what is known of the site; none if the run must read all catalog files. `merged` is the catalog as it is
/// to be, or the part of it that was read.
fn find_known<'c>(
    run: &Run<'c>,
    merged: &Catalog,
    memory: Memory,
    scan: &Scan,
    report: &mut Report,
) -> Result<Option<(Stock<'c>, Known)>, Error> {
    let config = run.config;
    let Some(concerned) = run.concerned else {
        let stock = Stock::loaded(merged);
        let known = Known::find(config, &stock, memory, None)?;
        return Ok(Some((stock, known)));
    };
    let stock = Stock::folder(&config.catalogs[0])?.with_loaded(&concerned.files, merged);
    let known = Known::find(config, &stock, memory, None)?;
    if !known.sketches.are_distinct() || known.sketches.are_empty() {
        return Ok(None);
    }
    known.require_published(config)?;
    report.append(known.sketches.warn_of_missing_sources(config));
    if reconcile::shows_missing(scan) {
        report.num_elsewhere = known.sketches.num_elsewhere(&stock);
    }
    Ok(Some((stock, known)))
}

/// Gathers the changelogs of builds whose sources were listed; writes nothing.
fn gather_listed(
    run: &Run<'_>,
    merged: &Catalog,
    inputs: &Inputs<'_>,
) -> Result<(changelogs::Gathered, Log), Error> {
    let folders = &inputs.folders;
    let builds = merged.builds.values().map(|record| &record.build);
    let listed: Vec<&Build> = builds.filter(|build| folders.has_listed(build)).collect();
    let changed = inputs.sources.changed();
    waiting(run, inputs.sources, || {
        changelogs::gather(run.config, listed, &inputs.stored, folders, &changed)
    })
}

/// Lets the next run read what could not be read on other hosts; `unread` are the identities of the builds.
pub(super) fn read_again(unread: &[String], own: &mut Catalog) {
    for identity in unread {
        let record = own.builds.get_mut(identity);
        if let Some(origin) = record.and_then(|record| record.build.origin.as_mut()) {
            origin.beside.clear();
        }
    }
}

/// Writes the catalog and the stored texts, from which a site can be made again, lets other processes write them, and
/// writes the site; a trial run shows it instead. `stamps` are those of the catalog files that were not read.
fn finish(
    run: &Run<'_>,
    locks: Option<(writer::SiteLock, Held)>,
    catalogs: &Catalogs,
    before: Option<&Catalog>,
    made: Made,
    mut stamps: BTreeMap<String, u64>,
    report: &mut Report,
) -> Result<(), Error> {
    let config = run.config;
    if config.dry_run {
        let catalog = catalogs.merged()?.into_owned();
        let pages = made.into_pages();
        report.preview = Some(Preview { catalog, pages });
        return Ok(());
    }
    let Some((lock, held)) = locks else {
        return Ok(());
    };
    // A page that cannot be written is a fault, too.
    if report.is_refused(config) {
        // What waits in the site is removed before others may lock it.
        drop(made);
        return Ok(());
    }
    run.observer.writing();
    held.save(before, catalogs)?;
    made.store_texts(held.place())?;
    stamps.extend(catalogs.unchanged_files().filter_map(|(file, stamp)| {
        let name = file.file_name()?.to_str()?.to_owned();
        Some((name, stamp_number(stamp)))
    }));
    drop(held);
    made.write(config, report, &lock, &stamps)?;
    run.observer.written();
    Ok(())
}
