//! The catalog files of one site as one: the file that this machine writes, and those of other
//! machines that it only reads.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use digest_lanes::Stamp;

use super::store::Files;
use super::{Catalog, LeftOut, Parsed, Record, Tombstone, file, store};
use crate::model::build::{Build, Device};
use crate::model::config::Config;

/// A contradiction between two catalogs about one build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} disagree about {}: {what}", .filename.escape_debug())]
pub struct Contradiction {
    /// The catalog read first.
    pub first: String,
    /// The catalog read later.
    pub second: String,
    /// The build's file name.
    pub filename: String,
    /// What they disagree about.
    pub what: &'static str,
}

/// The catalog files of one site: the one that this machine writes, and those it only reads.
#[derive(Clone, Debug)]
pub struct Catalogs {
    /// The catalog that this machine writes.
    pub own: Catalog,
    own_name: String,
    pub(super) own_files: Files,
    pub(super) skips_unreadable: bool,
    others: Vec<(String, Catalog)>,
}

impl Catalogs {
    /// Reads all files, each once; the first is the one that is written, and need not exist.
    ///
    /// # Errors
    /// Describes the first file that cannot be read.
    ///
    /// # Panics
    /// If the settings name none.
    pub fn load(config: &Config) -> Result<Catalogs, file::Error> {
        Catalogs::read(config, false, None)
    }

    /// Reads all files like [`Catalogs::load`], except those that have not changed since they were parsed.
    ///
    /// # Errors
    /// As [`Catalogs::load`].
    ///
    /// # Panics
    /// If the settings name none.
    pub fn load_changed(config: &Config, parsed: &mut Parsed) -> Result<Catalogs, file::Error> {
        Catalogs::read(config, false, Some(parsed))
    }

    /// Reads all files like [`Catalogs::load`], but leaves out the files of devices that cannot be read, or that contradict
    /// each other.
    ///
    /// # Errors
    /// Describes the first other file that cannot be read.
    ///
    /// # Panics
    /// If the settings name none.
    pub fn load_readable(config: &Config) -> Result<Catalogs, file::Error> {
        Catalogs::read(config, true, None)
    }

    /// Reads only those files of the one catalog, a folder, that have these names and are there.
    ///
    /// # Errors
    /// Describes the first file that cannot be read.
    ///
    /// # Panics
    /// If the settings name no catalog.
    pub fn load_only(config: &Config, names: &BTreeSet<String>) -> Result<Catalogs, file::Error> {
        let path = config
            .catalogs
            .first()
            .expect("the settings name a catalog");
        let (own, own_files) = store::load_only(path, names)?;
        Ok(Catalogs {
            own,
            own_name: path.display().to_string(),
            own_files,
            skips_unreadable: false,
            others: Vec::new(),
        })
    }

    fn read(
        config: &Config,
        skips_unreadable: bool,
        mut parsed: Option<&mut Parsed>,
    ) -> Result<Catalogs, file::Error> {
        config.place.update().map_err(file::Error::Shared)?;
        let (own, others) = config
            .catalogs
            .split_first()
            .expect("the settings name a catalog");
        // Named twice, the written catalog would also be read in its former state.
        let written = own.canonicalize().ok();
        let is_written = |path: &&PathBuf| written.is_some() && path.canonicalize().ok() == written;
        let others = others.iter().filter(|path| !is_written(path));
        let own_name = own.display().to_string();
        let (own, own_files) =
            store::load_with_files(own, skips_unreadable, parsed.as_deref_mut())?;
        let load = |path: &PathBuf| {
            store::refuse_other_form(path)?;
            if matches!(path.try_exists(), Ok(false)) {
                let file = path.display().to_string();
                return Err(file::Error::Missing { file });
            }
            let (catalog, _) = store::load_changed(path, false, parsed.as_deref_mut())?;
            Ok((path.display().to_string(), catalog))
        };
        Ok(Catalogs {
            own,
            own_name,
            own_files,
            skips_unreadable,
            others: others.map(load).collect::<Result<_, _>>()?,
        })
    }

    /// Whether no file was left out.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.own_files.left_out.is_empty()
    }

    /// Returns the files of the written catalog that are the same as when they were read, with their stamps; none if other
    /// catalogs may have builds of the same devices.
    pub fn unchanged_files(&self) -> impl Iterator<Item = (&Path, Stamp)> {
        let files = self.own_files.unchanged();
        files.filter(|_| self.others.is_empty())
    }

    /// Returns the name of a device's file that was left out, and the reason.
    #[must_use]
    pub fn left_out(&self, device: &Device) -> Option<(&str, &LeftOut)> {
        self.own_files.left_out(device)
    }

    /// Whether a catalog that is only read has a build under this identity.
    #[must_use]
    pub fn others_offer(&self, identity: &str) -> bool {
        self.others()
            .any(|catalog| catalog.builds.contains_key(identity))
    }

    /// Returns the name of a catalog that is only read and offers a build.
    #[must_use]
    pub fn other_offering(&self, identity: &str) -> Option<&str> {
        let offers = |catalog: &Catalog| {
            let record = catalog.builds.get(identity);
            record.is_some_and(Record::is_offered)
        };
        let found = self.others.iter().find(|(_, catalog)| offers(catalog));
        found.map(|(name, _)| name.as_str())
    }

    /// Whether any catalog has a build under this identity.
    #[must_use]
    pub fn knows(&self, identity: &str) -> bool {
        self.own.builds.contains_key(identity) || self.others_offer(identity)
    }

    /// Iterates over the catalogs that are only read.
    pub fn others(&self) -> impl Iterator<Item = &Catalog> {
        self.others.iter().map(|(_, catalog)| catalog)
    }

    /// Iterates over all catalogs.
    pub fn all(&self) -> impl Iterator<Item = &Catalog> {
        self.others().chain([&self.own])
    }

    /// Whether any catalog has a tombstone of this build.
    #[must_use]
    pub fn is_buried(&self, build: &Build) -> bool {
        // A build that was imported without a SHA-256 can only be matched by name.
        let is_namesake = |stone: &Tombstone| {
            stone.sha256.is_none()
                && stone.device == build.device
                && stone.filename == build.filename
        };
        self.all().any(|catalog| {
            catalog.tombstones.contains_key(build.identity())
                || catalog.tombstones.values().any(is_namesake)
        })
    }

    /// Finds the build of a file name in a catalog that is only read.
    #[must_use]
    pub fn find_in_others(&self, filename: &str) -> Option<&Record> {
        self.others()
            .find_map(|catalog| catalog.find_filename(filename))
    }

    /// Merges all catalogs into one.
    ///
    /// # Errors
    /// [`Contradiction`] if two catalogs disagree about a build, or give one file name or `id` to
    /// two builds.
    pub fn merged(&self) -> Result<Cow<'_, Catalog>, Contradiction> {
        if self.others.is_empty() {
            return Ok(Cow::Borrowed(&self.own));
        }
        let mut merge = Merge::new(&self.own_name, &self.own);
        for (name, other) in &self.others {
            merge.add(name, other)?;
        }
        Ok(Cow::Owned(merge.merged))
    }
}

/// Catalogs that are merged one by one.
struct Merge<'a> {
    merged: Catalog,
    /// The name of the first catalog.
    first_name: &'a str,
    /// The names of the other catalogs by the identities that came from them.
    origins: BTreeMap<&'a str, &'a str>,
    /// Identities by file name.
    by_filename: BTreeMap<&'a str, &'a str>,
    /// Identities by the id that phones know.
    by_phone_id: BTreeMap<&'a str, &'a str>,
}

impl<'a> Merge<'a> {
    fn new(name: &'a str, first: &'a Catalog) -> Merge<'a> {
        let mut merge = Merge {
            merged: first.clone(),
            first_name: name,
            origins: BTreeMap::new(),
            by_filename: BTreeMap::new(),
            by_phone_id: BTreeMap::new(),
        };
        merge.add_names(first);
        merge
    }

    fn add_names(&mut self, catalog: &'a Catalog) {
        for (identity, record) in &catalog.builds {
            self.by_filename.insert(&record.build.filename, identity);
            self.by_phone_id.insert(record.build.phone_id(), identity);
        }
    }

    /// Adds a catalog of this name.
    fn add(&mut self, name: &'a str, other: &'a Catalog) -> Result<(), Contradiction> {
        for identity in other.builds.keys() {
            self.add_build(name, identity, other)?;
        }
        for (identity, tombstone) in &other.tombstones {
            if self.merged.builds.contains_key(identity) {
                let what = "offered in one, removed in the other";
                return Err(self.contradiction(name, identity, &tombstone.filename, what));
            }
            let tombstones = &mut self.merged.tombstones;
            tombstones.insert(identity.clone(), tombstone.clone());
        }
        for (device, aliases) in &other.aliases {
            let known = self.merged.aliases.entry(device.clone()).or_default();
            known.extend(aliases.iter().cloned());
        }
        self.add_names(other);
        let stones = other.tombstones.keys().map(String::as_str);
        for identity in other.builds.keys().chain(stones) {
            self.origins.entry(identity).or_insert(name);
        }
        Ok(())
    }

    fn add_build(
        &mut self,
        name: &str,
        identity: &str,
        other: &Catalog,
    ) -> Result<(), Contradiction> {
        let Some(record) = other.builds.get(identity) else {
            return Ok(());
        };
        let filename = record.build.filename.as_str();
        if self.merged.tombstones.contains_key(identity) {
            let what = "removed in one, offered in the other";
            return Err(self.contradiction(name, identity, filename, what));
        }
        if let Some(known) = self.merged.builds.get(identity) {
            if !known.agrees_with(record) {
                return Err(self.contradiction(name, identity, filename, "its facts differ"));
            }
            if known.retired && !record.retired {
                let known = self.merged.builds.get_mut(identity);
                known.into_iter().for_each(|known| known.retired = false);
            }
            return Ok(());
        }
        if let Some(taken) = self.by_filename.get(filename) {
            let what = "two different packages have this name";
            return Err(self.contradiction(name, taken, filename, what));
        }
        if let Some(taken) = self.by_phone_id.get(record.build.phone_id()) {
            let what = "two different packages have this id";
            return Err(self.contradiction(name, taken, filename, what));
        }
        self.merged.builds.share(identity, &other.builds);
        Ok(())
    }

    /// Describes a contradiction between a catalog and the one that `identity` came from.
    fn contradiction(
        &self,
        name: &str,
        identity: &str,
        filename: &str,
        what: &'static str,
    ) -> Contradiction {
        let first = self.origins.get(identity).unwrap_or(&self.first_name);
        Contradiction {
            first: (*first).to_owned(),
            second: name.to_owned(),
            filename: filename.to_owned(),
            what,
        }
    }
}
