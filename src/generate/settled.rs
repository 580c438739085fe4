//! Runs that only make the site: there are no packages to look at, and the catalog needs no change.
//!
//! In: a catalog with one file for each device. Out: the site. The builds of a device are in memory only while its pages
//! are rendered, and those of a device that is as the last run left it are not read at all.

use super::error::Error;
use super::report::Report;
use super::run::{Observer, thread_pool};
use super::site::{self, Describer, Displaced, Known, Memory, Notes, Sorter, Stock};
use super::state::{RUN_WAIT, lock_state};
use super::{folders, start};
use crate::catalog::{Held, store};
use crate::files::remove_leftover_copies;
use crate::model::config::Config;
use crate::publish::{feed, writer};
use std::path::Path;

/// Makes the site, if that is all there is to do; else changes neither catalog nor site and returns none. `now` is in
/// seconds since the epoch.
///
/// # Errors
/// [`Error`].
pub(super) fn generate(
    config: &Config,
    asks_sources: bool,
    observer: &dyn Observer,
    now: i64,
) -> Result<Option<Report>, Error> {
    if !folders::has_files_of_devices(config, asks_sources) {
        return Ok(None);
    }
    let path = folders::primary_catalog(config)?;
    folders::require_builds_folder(config)?;
    let mut report = Report {
        from_catalog_alone: true,
        ..Report::default()
    };
    let scan = report.take(start::scan_builds(config));
    if !scan.packages.is_empty() || !scan.links.is_empty() || !store::is_there(path) {
        return Ok(None);
    }
    store::refuse_other_form(path)?;
    let _lock = lock_state(&config.state)?;
    let pool = thread_pool(config.jobs)?;
    let held = Held::lock(&config.place, path, RUN_WAIT)?;
    remove_leftover_copies(&config.changelogs);
    pool.install(|| make(config, path, now, held, observer, report))
}

/// Makes and writes the site from a folder of catalogs, unless that needs a change.
fn make(
    config: &Config,
    path: &Path,
    now: i64,
    held: Held,
    observer: &dyn Observer,
    mut report: Report,
) -> Result<Option<Report>, Error> {
    let notes = Notes::local(config)?;
    let stock = Stock::folder(path)?;
    let known = find_known(config, now, &stock, &notes)?;
    let sketches = &known.sketches;
    if sketches.are_empty() || !sketches.are_settled(config) {
        return Ok(None);
    }
    known.require_published(config)?;
    report.append(sketches.warn_of_missing_sources(config));
    report.unseen = sketches.served();
    let lock = match report.is_refused(config) {
        true => None,
        false => Some(writer::open(&config.out, config.adopt)?),
    };
    let made = site::make(
        config,
        now,
        &stock,
        known,
        notes,
        lock.as_ref(),
        &mut report,
    )?;
    match &lock {
        Some(lock) if !report.is_refused(config) => {
            observer.writing();
            made.store_texts(held.place())?;
            drop(held);
            made.write(config, &mut report, lock, &stock.stamps().collect())?;
            observer.written();
        }
        // What waits in the site is removed before others may lock it.
        _ => drop(made),
    }
    Ok(Some(report))
}

/// Finds out what is known of the site; files that are read are described at once.
fn find_known(
    config: &Config,
    now: i64,
    stock: &Stock<'_>,
    notes: &Notes<'_>,
) -> Result<Known, Error> {
    let sorter = Sorter {
        config,
        now,
        displaced: &const { Displaced::new() },
    };
    let describer = |feeds: feed::Renderer<'_>| Describer {
        sorter,
        notes,
        most: feeds.most_on_site_pages(),
    };
    // If templates of feeds cannot be used, rendering tells why.
    let describer = feed::Renderer::new(config).ok().map(describer);
    let memory = Memory::of_last_run(config);
    Known::find(config, stock, memory, describer.as_ref())
}
