//! How a run begins: the scan of the folder of builds, the lock, and the catalogs.

use super::report::Log;
use super::{Error, Fault, Report, folders, links, lock_state, lost, sources, state, thread_pool};
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
    report: &mut Report,
) -> Result<Option<Start>, Error> {
    let catalog_path = folders::primary_catalog(config)?;
    folders::require_builds_folder(config)?;
    config.place.update().map_err(file::Error::Shared)?;
    // Checked before locking, so that a wrong folder is left untouched.
    if !catalog_path.exists() {
        store::refuse_other_form(catalog_path)?;
        lost::require_catalog(config)?;
    }
    let pool = thread_pool(config.jobs)?;
    let load = match config.catalog_only {
        true => Catalogs::load_readable,
        false => Catalogs::load,
    };
    // Read before the catalogs: another run may publish a build in between.
    let published = match config.new_catalog {
        true => Vec::new(),
        false => writer::published_builds(&config.out)?,
    };
    let catalogs = pool.install(|| load(config))?;
    let scan = match config.scope.sources.is_empty() {
        true => report.take(scan_builds(config)),
        false => Scan::default(),
    };
    let has_packages = !scan.packages.is_empty() || asks_sources;
    if !has_packages && config.catalogs.len() == 1 && !catalog_path.exists() {
        report.append(links::report(&scan, &Catalog::default()));
        return Ok(None);
    }
    let lock = match config.dry_run || config.catalog_only {
        true => None,
        false => Some(lock_state(&config.state)?),
    };
    if catalogs.are_complete() {
        lost::require_known(config, &catalogs, &published)?;
    }
    report.append(links::report(&scan, &catalogs.own));
    if config.scope.is_all() {
        report.append(sources::warn_of_missing(config, &catalogs.own));
    }
    Ok(Some(Start {
        scan,
        catalogs,
        cache: state::load_cache(config),
        pool,
        _lock: lock,
    }))
}

/// Scans the folder of builds; what cannot be read there is a fault.
fn scan_builds(config: &Config) -> (Scan, Log) {
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
