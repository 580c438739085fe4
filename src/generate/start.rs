//! How a run begins: the scan of the folder of builds, the lock, and the catalogs.

use std::path::Path;

use super::error::Error;
use super::report::{Fault, Log, Report};
use super::run::thread_pool;
use super::site::{Concerned, Memory};
use super::state::lock_state;
use super::{folders, links, lost, offered, state};
use crate::catalog::{Catalog, Catalogs, file, store};
use crate::ingest::cache::Cache;
use crate::ingest::scan::{self, Scan};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::publish::writer;
use rayon::ThreadPool;

/// What a run has before it looks at any package.
pub(super) struct Start {
    pub(super) scan: Scan,
    pub(super) catalogs: Catalogs,
    /// The catalog files that were read, if those are not all.
    pub(super) concerned: Option<Concerned>,
    /// What is remembered of the last run.
    pub(super) memory: Memory,
    pub(super) cache: Cache,
    pub(super) pool: ThreadPool,
    /// Keeps other runs for a site away until the end; none for runs that write no site.
    _lock: Option<writer::Lock>,
}

/// Locks the state folder, loads the catalogs, and scans the folder of builds; `None` if there is nothing to publish.
///
/// The catalogs are loaded before the scan: a build that another run added in between is then not taken for one whose
/// zip is gone.
///
/// # Errors
/// [`Error`], if a folder or a catalog is missing, damaged or in use.
pub(super) fn begin(
    config: &Config,
    asks_sources: bool,
    reads_all: bool,
    report: &mut Report,
) -> Result<Option<Start>, Error> {
    // Checked before locking, so that a wrong folder is left untouched.
    let catalog_path = check_folders(config)?;
    let pool = thread_pool(config.jobs)?;
    // Read before the catalogs: another run may publish a build in between.
    let published = match config.new_catalog {
        true => Vec::new(),
        false => writer::published_builds(&config.out)?,
    };
    let makes_site = !config.dry_run && !config.catalog_only;
    let mut memory = match makes_site {
        true => Memory::of_last_run(config),
        false => Memory::new(config),
    };
    let may_read_some =
        makes_site && !reads_all && folders::has_files_of_devices(config, asks_sources);
    let concerned = match may_read_some && store::is_there(catalog_path) {
        true => pool.install(|| find_concerned(config, &mut memory, &published))?,
        false => None,
    };
    let catalogs = pool.install(|| load(config, concerned.as_ref()))?;
    let scan = match config.scope.sources.is_empty() {
        true => report.take(scan_builds(config)),
        false => Scan::default(),
    };
    // The folder may have changed since its packages were listed.
    let is_other = scan.packages.is_empty() || !scan.links.is_empty();
    if let Some(concerned) = concerned.as_ref().filter(|_| is_other) {
        concerned.note_all();
    }
    let has_packages = !scan.packages.is_empty() || asks_sources;
    if !has_packages && config.catalogs.len() == 1 && !catalog_path.exists() {
        report.append(links::report(&scan, &Catalog::default()));
        return Ok(None);
    }
    let lock = match makes_site {
        true => Some(lock_state(&config.state)?),
        false => None,
    };
    if concerned.is_none() && catalogs.are_complete() {
        lost::require_known(config, &catalogs, &published)?;
    }
    report.append(links::report(&scan, &catalogs.own));
    if config.scope.is_all() && concerned.is_none() {
        let numbers = offered::num_of_sources(&catalogs.own);
        report.append(offered::warn_of_missing_sources(config, &numbers));
    }
    Ok(Some(Start {
        scan,
        catalogs,
        concerned,
        memory,
        cache: state::load_cache(config),
        pool,
        _lock: lock,
    }))
}

/// Checks that the folders of the settings can be used, and returns the path of the catalog.
fn check_folders(config: &Config) -> Result<&Path, Error> {
    let catalog_path = folders::primary_catalog(config)?;
    folders::require_builds_folder(config)?;
    config.place.update().map_err(file::Error::Shared)?;
    if !catalog_path.exists() {
        store::refuse_other_form(catalog_path)?;
        lost::require_catalog(config)?;
    }
    Ok(catalog_path)
}

/// Loads the catalogs, or those of their files that the run needs to read.
fn load(config: &Config, concerned: Option<&Concerned>) -> Result<Catalogs, Error> {
    let loaded = match concerned {
        Some(concerned) => Catalogs::load_only(config, &concerned.files),
        None if config.catalog_only => Catalogs::load_readable(config),
        None => Catalogs::load(config),
    };
    Ok(loaded?)
}

/// Finds the catalog files that the run needs to read; none if those are all.
fn find_concerned(
    config: &Config,
    memory: &mut Memory,
    published: &[String],
) -> Result<Option<Concerned>, Error> {
    let scan = scan_builds(config).0;
    Concerned::find(config, &scan, memory, published)
}

/// Scans the folder of builds; what cannot be read there is a fault.
pub(super) fn scan_builds(config: &Config) -> (Scan, Log) {
    let scan = scan::scan(&config.builds, config.follow_links, &config.exclude);
    let faults = scan.faults.iter().map(|fault| Fault {
        path: fault.path.clone(),
        kind: FaultKind::Io,
        error: fault.problem.clone().into(),
    });
    let log = Log {
        faults: faults.collect(),
        ..Log::default()
    };
    (scan, log)
}
