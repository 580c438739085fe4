//! The builds of a site, one catalog file after the other, so that they need not be in memory all at once.
//!
//! In: catalogs that are loaded, and a folder with the files of devices. Out: the catalog of some devices.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::super::error::Error;
use crate::catalog::{Catalog, by_file, file_name, store};
use crate::files::overtaken;
use crate::files::stamp_number;
use crate::model::build::Device;

/// Where the builds of each device are.
pub(in crate::generate) struct Stock<'a> {
    /// Those in memory, by the name that the file of the device has in a folder.
    loaded: BTreeMap<String, Catalog>,
    folder: &'a Path,
    /// The other files of the folder, with the stamp that each had at first.
    files: BTreeMap<String, Option<u64>>,
    kept: Mutex<Kept>,
}

/// The first of the files that were read, so that small sites read none twice.
#[derive(Default)]
struct Kept {
    num_builds: usize,
    catalogs: BTreeMap<String, Catalog>,
}

/// The most builds that are kept; each takes about a kilobyte.
const MAX_KEPT: usize = 10_000;

impl<'a> Stock<'a> {
    /// Takes the builds of a catalog that is loaded.
    pub(in crate::generate) fn loaded(catalog: &Catalog) -> Stock<'a> {
        Stock {
            loaded: by_file(catalog),
            folder: Path::new(""),
            files: BTreeMap::new(),
            kept: Mutex::default(),
        }
    }

    /// Takes the builds of a folder, which are not read yet.
    ///
    /// # Errors
    /// [`Error::Catalog`] if it cannot be listed.
    pub(in crate::generate) fn folder(path: &'a Path) -> Result<Stock<'a>, Error> {
        let mut files = BTreeMap::new();
        for file in store::files(path).map_err(|source| store::cannot_read(path, source))? {
            // Another process has removed it since the folder was listed.
            if file.symlink_metadata().is_err() {
                continue;
            }
            match file.file_name().and_then(OsStr::to_str) {
                Some(name) => {
                    files.insert(name.to_owned(), stamp(&file));
                }
                // No device has such a name, so it is an error if it has builds.
                None => drop(store::load_device(&file)?),
            }
        }
        Ok(Stock {
            loaded: BTreeMap::new(),
            folder: path,
            files,
            kept: Mutex::default(),
        })
    }

    /// Takes the builds of some files from a catalog that is loaded.
    pub(in crate::generate) fn with_loaded(
        mut self,
        names: &BTreeSet<String>,
        catalog: &Catalog,
    ) -> Stock<'a> {
        self.loaded = by_file(catalog);
        let is_loaded = |name: &String| names.contains(name) || self.loaded.contains_key(name);
        self.files.retain(|name, _| !is_loaded(name));
        self
    }

    /// Returns the names of all files, with the stamps of those that are not in memory.
    pub(super) fn files(&self) -> Vec<(&str, Option<u64>)> {
        let loaded = self.loaded.keys().map(|name| (&**name, None));
        let others = self.files.iter().map(|(name, stamp)| (&**name, *stamp));
        loaded.chain(others).collect()
    }

    /// Whether the builds of a file were in memory from the beginning.
    pub(super) fn is_in_memory(&self, name: &str) -> bool {
        self.loaded.contains_key(name)
    }

    /// Returns the stamps of the files that are not in memory.
    pub(in crate::generate) fn stamps(&self) -> impl Iterator<Item = (String, u64)> {
        let files = self.files.iter();
        files.filter_map(|(name, stamp)| Some((name.clone(), (*stamp)?)))
    }

    /// Returns what some of the files hold, as one catalog.
    ///
    /// # Errors
    /// [`Error::Catalog`]; [`Error::Write`] if another program has changed one of them.
    pub(super) fn load(&self, names: &BTreeSet<String>) -> Result<Cow<'_, Catalog>, Error> {
        let mut all: Option<Cow<'_, Catalog>> = None;
        for name in names {
            let catalog = match self.loaded.get(name) {
                Some(catalog) => Cow::Borrowed(catalog),
                None if self.files.contains_key(name) => Cow::Owned(self.read(name)?),
                None => continue,
            };
            match &mut all {
                Some(all) => all.to_mut().share(&catalog),
                None => all = Some(catalog),
            }
        }
        Ok(all.unwrap_or_default())
    }

    fn read(&self, name: &str) -> Result<Catalog, Error> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalog) = kept().catalogs.get(name) {
            return Ok(catalog.clone());
        }
        let file = self.folder.join(name);
        let read = store::load_device(&file);
        // What was read may be another state of the file than was sketched, or half of one.
        if self.files[name] != stamp(&file) {
            let source = overtaken();
            return Err(Error::Write { file, source });
        }
        let catalog = read?;
        let mut kept = kept();
        let num_builds = kept.num_builds + catalog.builds.len();
        if num_builds <= MAX_KEPT {
            kept.num_builds = num_builds;
            kept.catalogs.insert(name.to_owned(), catalog.clone());
        }
        Ok(catalog)
    }
}

/// Returns the number of a file's stamp; none if it is not there, or not a file.
fn stamp(file: &Path) -> Option<u64> {
    store::stamp(file).map(stamp_number)
}

/// Returns the name of the file that has the builds of a device.
pub(super) fn file_of(device: &Device) -> String {
    file_name(device)
}
