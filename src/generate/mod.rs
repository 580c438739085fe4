//! The main job: turns a folder of packages and a catalog into a site.
//!
//! In: a [`Config`]. Out: the catalog and the site on disk, and a [`Report`] of
//! what changed and what was left out. Packages are examined, then hashed, then
//! merged into the catalog; only then is anything written.
//!
//! Each step returns a value and a log of what it did and left out; [`generate`] puts the steps
//! together.

mod admission;
mod catalog_only;
mod changelogs;
mod draft;
mod duplicates;
pub mod edit;
mod error;
mod examine;
mod families;
mod folders;
mod found;
mod hash;
mod hashed;
mod hashes;
mod images;
mod inputs;
mod links;
mod lost;
mod name_taken;
mod offered;
mod packages;
mod projects;
mod published;
mod publishing;
mod recognise;
mod reconcile;
mod report;
mod require;
mod run;
mod settled;
mod shared_lists;
mod sidecars;
mod site;
mod source_state;
mod sources;
mod start;
mod state;

use std::sync::Arc;

use crate::catalog::{Catalogs, until_written};
use crate::fetch::Fetch;
use crate::model::config::Config;

use found::Found;
use inputs::Inputs;
use packages::find_builds;
use run::Run;
use sidecars::Folders;
use sources::Sources;

pub use admission::{Objection, PublishedVariants, SuggestedRule, object};
pub use catalog_only::UnreadableCatalog;
pub use error::Error;
pub use examine::WithoutRanges;
pub use families::{DeviceFamily, families};
pub use lost::{require_known, require_published};
pub use name_taken::NameTaken;
pub use report::{BUILDS, Cause, Event, Fault, Preview, Report};
pub use require::Refused;
pub use run::Observer;
pub use shared_lists::SharedLists;
pub use site::{InTheWay, MEMORY, OwnedChannel, OwnedOffer, Part, Sink, Snapshot, snapshot};
pub use source_state::{Change, SourceState};
pub use sources::{Loss, OtherDevice, Overwritten, Survey, survey};
pub use state::{CACHE, lock_catalog, lock_state, save_catalog};

/// Brings the site up to date.
///
/// `fetch` connects to the sources of the settings; without it, nothing of them changes. `now_ns` is the time
/// in nanoseconds since the epoch. It affects what is published only through `min_age`, and which packages of
/// sources are read only through `max_age`.
///
/// # Errors
/// [`Error`]. A package or a source that cannot be used is a [`Fault`] in the report instead.
pub fn generate(
    config: &Config,
    fetch: Option<&Arc<dyn Fetch>>,
    observer: &dyn Observer,
    now_ns: i64,
) -> Result<Report, Error> {
    let config = &Config {
        limits: config.limits.for_run(),
        ..config.clone()
    };
    until_written(Error::is_overtaken, || {
        let fetch = fetch.filter(|_| !config.sources.is_empty());
        let now = now_ns.div_euclid(1_000_000_000);
        if let Some(report) = settled::generate(config, fetch.is_some(), observer, now)? {
            return Ok(report);
        }
        let reads_all = config.names_all;
        if let Some(report) = generate_once(config, fetch, observer, now_ns, reads_all)? {
            return Ok(report);
        }
        let report = generate_once(config, fetch, observer, now_ns, true)?;
        Ok(report.expect("all catalog files were read"))
    })
}

/// Brings the site up to date once. Unless it `reads_all` catalog files, it reads only those of the devices that it
/// concerns; it changes nothing and returns none if that turns out to be too few.
fn generate_once(
    config: &Config,
    fetch: Option<&Arc<dyn Fetch>>,
    observer: &dyn Observer,
    now_ns: i64,
    reads_all: bool,
) -> Result<Option<Report>, Error> {
    let mut report = Report::default();
    let Some(start) = start::begin(config, fetch.is_some(), reads_all, &mut report)? else {
        report.nothing_to_publish = true;
        return Ok(Some(report));
    };
    let (mut catalogs, pool) = (start.catalogs, start.pool);
    let run = Run {
        config,
        cache: &start.cache,
        observer,
        now_ns,
        concerned: start.concerned.as_ref(),
    };
    let sources = ask_sources(&run, fetch, &catalogs, &mut report)?;
    let inputs = Inputs {
        scan: &start.scan,
        sources: &sources,
        folders: Folders::new(config, fetch.map(|_| &sources.folders)),
        stored: sidecars::list_stored(&config.changelogs)?,
    };
    let (builds, projects) = find_builds(&run, &pool, &inputs, &catalogs, &mut report)?;
    report.from_catalog_alone = inputs.scan.packages.is_empty() && fetch.is_none();
    let found = Found {
        builds,
        gone: sources.gone.clone(),
        ..Found::default()
    };
    if config.catalog_only {
        let faults = &report.faults;
        let own = &mut catalogs;
        let stored =
            pool.install(|| catalog_only::store(&run, &inputs, &found, projects, own, faults));
        report.catalog_changed = report.take(stored?);
        sources.count_traffic(&mut report.sources);
        report.sort_faults();
        return Ok(Some(report));
    }
    if run.needs_all() {
        return Ok(None);
    }
    let memory = start.memory;
    let published = pool.install(|| {
        let catalogs = &mut catalogs;
        publishing::publish(&run, inputs, found, projects, catalogs, memory, &mut report)
    });
    Ok(published?.then_some(report))
}

/// Lists the sources and compares them with the catalogs.
fn ask_sources(
    run: &Run<'_>,
    fetch: Option<&Arc<dyn Fetch>>,
    catalogs: &Catalogs,
    report: &mut Report,
) -> Result<Sources, Error> {
    let Some(fetch) = fetch else {
        return Ok(Sources::default());
    };
    let asked = sources::ask(run, fetch, catalogs)?;
    report.sources = asked.states;
    Ok(report.take((asked.sources, asked.log)))
}
