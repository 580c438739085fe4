//! Runs that only make the site: there are no packages to look at, and the catalog needs no change.
//!
//! In: a catalog with one file for each device. Out: the site. The builds of a device are in memory only while its pages
//! are rendered, and those of a device that is as the last run left it are not read at all.

use super::report::Report;
use super::run::{Observer, thread_pool};
use super::site::{self, Known, Memory, Notes, Stock};
use super::state::RUN_WAIT;
use super::state::lock_state;
use super::{Error, folders, start};
use crate::catalog::{Held, store};
use crate::files::remove_leftover_copies;
use crate::model::config::Config;
use crate::publish::writer;

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
    pool.install(|| {
        let stock = Stock::folder(path)?;
        let known = Known::find(config, &stock, Memory::of_last_run(config))?;
        let sketches = &known.sketches;
        if sketches.are_empty() || !sketches.are_settled(config) {
            return Ok(None);
        }
        known.require_published(config)?;
        report.append(sketches.warn_of_missing_sources(config));
        report.unseen = sketches.served();
        make(config, now, &stock, known, held, observer, report).map(Some)
    })
}

/// Makes and writes the site.
fn make(
    config: &Config,
    now: i64,
    stock: &Stock<'_>,
    known: Known,
    held: Held,
    observer: &dyn Observer,
    mut report: Report,
) -> Result<Report, Error> {
    let notes = Notes::local(config)?;
    let lock = match report.is_refused(config) {
        true => None,
        false => Some(writer::open(&config.out, config.adopt)?),
    };
    let made = site::make(config, now, stock, known, notes, lock.as_ref(), &mut report)?;
    if let Some(lock) = lock.filter(|_| !report.is_refused(config)) {
        observer.writing();
        made.store_texts(held.place())?;
        drop(held);
        made.write(config, &mut report, &lock, &stock.stamps().collect())?;
        observer.written();
    }
    Ok(report)
}
