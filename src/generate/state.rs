//! The state of a site next to its catalog: the lock, the cache, and writing the catalog.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, sidecars};
use crate::catalog::{Catalog, store};
use crate::files::{remove_leftover, write_atomically};
use crate::ingest::cache::Cache;
use crate::model::config::Config;
use crate::publish::writer;

/// Longest wait for another process that changes the catalog.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Name of the cache in the state folder.
pub const CACHE: &str = "cache.json";

/// Locks the catalog against other runs, and keeps the state folder out of git. Waits a short time
/// for other commands, such as `catalog add`, to finish.
///
/// # Errors
/// [`Error::Writer`] if another command holds the lock for longer, or the folder cannot be created.
pub fn lock_state(state: &Path) -> Result<writer::Lock, Error> {
    let lock = writer::lock_within(state, LOCK_WAIT)?;
    let ignore = state.join(".gitignore");
    if !ignore.exists() {
        // Only a convenience: a folder that shows up in git does no harm.
        let _ = write_atomically(&ignore, b"*\n");
    }
    Ok(lock)
}

/// Writes a catalog: a file, or the files of those devices that changed.
///
/// # Errors
/// [`Error::Write`].
pub fn save_catalog(path: &Path, catalog: &Catalog) -> Result<(), Error> {
    store::save(path, catalog).map_err(|(file, source)| Error::Write { file, source })
}

/// Removes half-written files of killed runs. The caller holds the lock.
pub(super) fn remove_leftovers(config: &Config, catalog: &Path) {
    store::remove_leftovers(catalog);
    remove_leftover(&config.state.join(CACHE));
    sidecars::remove_leftover(&config.changelogs);
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
