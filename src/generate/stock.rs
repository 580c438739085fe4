//! The builds of a site, one catalog file after the other, so that they need not be in memory all at once.
//!
//! In: catalogs that are loaded, and a folder with the files of devices. Out: the catalog of some devices.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::Error;
use crate::catalog::{Catalog, store};
use crate::files::overtaken;
use crate::model::build::Device;
use crate::publish::writer;

/// Where the builds of each device are.
pub(super) struct Stock<'a> {
    /// Those in memory, by the name that the file of the device has in a folder.
    loaded: BTreeMap<String, Catalog>,
    folder: &'a Path,
    /// The other files of the folder, with the stamp that each had at first.
    files: BTreeMap<String, Option<u64>>,
}

impl<'a> Stock<'a> {
    /// Takes the builds of a catalog that is loaded.
    pub(super) fn loaded(catalog: &Catalog) -> Stock<'a> {
        Stock {
            loaded: store::by_file(catalog),
            folder: Path::new(""),
            files: BTreeMap::new(),
        }
    }

    /// Takes the builds of a folder, which are not read yet.
    ///
    /// # Errors
    /// [`Error::Catalog`] if it cannot be listed.
    pub(super) fn folder(path: &'a Path) -> Result<Stock<'a>, Error> {
        let with_stamp = |file: PathBuf| {
            let name = file.file_name()?.to_str()?.to_owned();
            // What a server has of a file is known once it is opened.
            let opened = File::open(&file).ok();
            Some((name, opened.and_then(|_| writer::stamp(&file))))
        };
        let files = store::files(path).map_err(|source| store::cannot_read(path, source))?;
        Ok(Stock {
            loaded: BTreeMap::new(),
            folder: path,
            files: files.into_iter().filter_map(with_stamp).collect(),
        })
    }

    /// Takes the builds of some files from a catalog that is loaded.
    pub(super) fn with_loaded(mut self, names: &BTreeSet<String>, catalog: &Catalog) -> Stock<'a> {
        self.loaded = store::by_file(catalog);
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

    /// Returns the stamps of the files that are not in memory.
    pub(super) fn stamps(&self) -> impl Iterator<Item = (String, u64)> {
        let files = self.files.iter();
        files.filter_map(|(name, stamp)| Some((name.clone(), (*stamp)?)))
    }

    /// Returns what some of the files hold, as one catalog.
    ///
    /// # Errors
    /// [`Error::Catalog`]; [`Error::Write`] if another program has changed one of them.
    pub(super) fn load(&self, names: &BTreeSet<String>) -> Result<Cow<'_, Catalog>, Error> {
        let mut all: Cow<'_, Catalog> = Cow::default();
        for catalog in names.iter().filter_map(|name| self.loaded.get(name)) {
            match &mut all {
                Cow::Owned(empty) if empty.is_empty() => all = Cow::Borrowed(catalog),
                _ => all.to_mut().share(catalog),
            }
        }
        let others = names.iter().filter(|name| self.files.contains_key(*name));
        let others: BTreeSet<String> = others.cloned().collect();
        if !others.is_empty() {
            let read = self.read(&others)?;
            match &mut all {
                Cow::Owned(empty) if empty.is_empty() => all = Cow::Owned(read),
                _ => all.to_mut().share(&read),
            }
        }
        Ok(all)
    }

    fn read(&self, names: &BTreeSet<String>) -> Result<Catalog, Error> {
        let catalog = store::load_some(self.folder, names)?;
        for name in names {
            let file = self.folder.join(name);
            // What was read may be another state of the file than was sketched.
            if self.files[name] != writer::stamp(&file) {
                let source = overtaken();
                return Err(Error::Write { file, source });
            }
        }
        Ok(catalog)
    }
}

/// Returns the name of the file that has the builds of a device.
pub(super) fn file_of(device: &Device) -> String {
    store::file_name(device)
}
