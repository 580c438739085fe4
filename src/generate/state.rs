//! The state of a site next to its catalog: the locks, the cache, and writing the catalog.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Error;
use crate::catalog::{Catalog, Catalogs, Held, save};
use crate::files::{create_ignored_folder, remove_leftover_copies};
use crate::ingest::cache::Cache;
use crate::model::config::Config;
use crate::publish::writer;

/// Longest wait of a command for another process.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Longest wait of a run that has read all packages: for one that makes the pages of a large site, among others.
pub(super) const RUN_WAIT: Duration = Duration::from_secs(600);

/// Name of the cache in the state folder.
pub const CACHE: &str = "cache.json";

/// Locks the state folder against other runs on this machine, and keeps it out of git. Waits a short time for them to
/// end.
///
/// # Errors
/// [`Error::Writer`] if another command holds the lock for longer, or the folder cannot be created.
pub fn lock_state(state: &Path) -> Result<writer::Lock, Error> {
    let lock = writer::lock_within(state, LOCK_WAIT)?;
    // The folder is there; what else may fail does no harm.
    let _ = create_ignored_folder(state);
    Ok(lock)
}

/// Keeps other processes from writing the catalog until the lock is dropped. Waits a short time for them to finish.
///
/// # Errors
/// [`Error::Writer`] if one holds the lock for longer; [`Error::Write`]; [`Error::Catalog`] if the place that has the
/// catalog cannot be read.
pub fn lock_catalog(config: &Config) -> Result<Held, Error> {
    Ok(Held::lock(&config.place, &config.catalogs[0], LOCK_WAIT)?)
}

/// Writes a catalog: a file, or the files of those devices that changed.
///
/// # Errors
/// [`Error::Write`].
pub fn save_catalog(config: &Config, path: &Path, catalog: &Catalog) -> Result<(), Error> {
    let saved = save(&*config.place, path, catalog);
    saved.map_err(|(file, source)| Error::Write { file, source })
}

/// Locks the catalog at the end of a run, when all packages are read, and reads it again if it has changed. Half-written
/// files of killed runs are removed. Returns the identities of the builds that changed, too.
pub(super) fn hold_catalog(
    config: &Config,
    catalogs: &mut Catalogs,
) -> Result<(Held, BTreeSet<String>), Error> {
    let held = Held::lock(&config.place, &config.catalogs[0], RUN_WAIT)?;
    remove_leftover_copies(&config.changelogs);
    let changed = held.refresh(catalogs)?;
    Ok((held, changed))
}

/// Loads the cache of what earlier runs learned about packages.
pub(super) fn load_cache(config: &Config) -> Cache {
    let rules = config.variants.iter();
    let keys: Vec<&str> = rules
        .filter_map(|rule| Some(rule.property.as_ref()?.0.as_str()))
        .collect();
    Cache::load(&config.state.join(CACHE), &config.families, &keys)
}

/// Returns the name of a file in the cache: its path without links.
pub(super) fn cache_key(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}
