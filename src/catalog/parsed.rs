//! Catalog files that were parsed before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use digest_lanes::Stamp;

use super::Catalog;

/// The files of catalogs as they were parsed, for those who read a catalog again and again: only files that changed
/// are parsed again. The catalogs that are read share the builds with these.
#[derive(Debug, Default)]
pub struct Parsed(BTreeMap<PathBuf, (Stamp, Catalog)>);

impl Parsed {
    /// Returns what a file held, if it has not changed since.
    pub(super) fn get(&self, file: &Path, stamp: Option<&Stamp>) -> Option<&Catalog> {
        let (parsed, catalog) = self.0.get(file)?;
        (Some(parsed) == stamp).then_some(catalog)
    }

    /// Adds a file, with its state before it was parsed.
    pub(super) fn insert(&mut self, file: &Path, stamp: Stamp, catalog: Catalog) {
        self.0.insert(file.to_owned(), (stamp, catalog));
    }

    /// Forgets the files in a folder that are no longer there.
    pub(super) fn forget_gone(&mut self, folder: &Path, there: &BTreeMap<PathBuf, Stamp>) {
        let is_in = |file: &Path| file.parent().is_some_and(|parent| parent == folder);
        self.0
            .retain(|file, _| !is_in(file) || there.contains_key(file));
    }
}
