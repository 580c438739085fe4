//! The catalog files of one site as one: the file that this machine writes, and those of other
//! machines that it only reads.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Catalog, Record, Tombstone, file};
use crate::model::build::Build;

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
    others: Vec<(String, Catalog)>,
}

impl Catalogs {
    /// Reads all files; the first is the one that is written, and need not exist.
    ///
    /// # Errors
    /// Describes the first file that cannot be read.
    ///
    /// # Panics
    /// If `paths` is empty.
    pub fn load(paths: &[PathBuf]) -> Result<Catalogs, file::Error> {
        let (own, others) = paths.split_first().expect("the settings name a catalog");
        let load = |path: &PathBuf| Ok((path.display().to_string(), file::load(path)?));
        Ok(Catalogs {
            own: file::load_or_empty(own)?,
            own_name: own.display().to_string(),
            others: others.iter().map(load).collect::<Result<_, _>>()?,
        })
    }

    /// Whether a catalog that is only read has a build under this identity.
    #[must_use]
    pub fn others_offer(&self, identity: &str) -> bool {
        self.others()
            .any(|catalog| catalog.builds.contains_key(identity))
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
        let mut merged = self.own.clone();
        let mut origins: BTreeMap<&str, &str> = BTreeMap::new();
        let mut taken_names: BTreeMap<&str, &str> = BTreeMap::new();
        let mut taken_ids: BTreeMap<&str, &str> = BTreeMap::new();
        for (identity, record) in &self.own.builds {
            taken_names.insert(&record.build.filename, identity);
            taken_ids.insert(record.build.phone_id(), identity);
        }
        for (name, other) in &self.others {
            let contradiction = |identity: &str, filename: &str, what| Contradiction {
                first: origins
                    .get(identity)
                    .unwrap_or(&self.own_name.as_str())
                    .to_string(),
                second: name.clone(),
                filename: filename.to_owned(),
                what,
            };
            for (identity, record) in &other.builds {
                let filename = record.build.filename.as_str();
                if merged.tombstones.contains_key(identity) {
                    let what = "removed in one, offered in the other";
                    return Err(contradiction(identity, filename, what));
                }
                match merged.builds.get(identity) {
                    Some(known) if known.agrees_with(record) => {
                        let retired = known.retired && record.retired;
                        if let Some(known) = merged.builds.get_mut(identity) {
                            known.retired = retired;
                        }
                        continue;
                    }
                    Some(_) => return Err(contradiction(identity, filename, "its facts differ")),
                    None => {}
                }
                if let Some(taken) = taken_names.get(filename) {
                    let what = "two different packages have this name";
                    return Err(contradiction(taken, filename, what));
                }
                if let Some(taken) = taken_ids.get(record.build.phone_id()) {
                    let what = "two different packages have this id";
                    return Err(contradiction(taken, filename, what));
                }
                merged.builds.insert(identity.clone(), record.clone());
            }
            for (identity, tombstone) in &other.tombstones {
                if merged.builds.contains_key(identity) {
                    let what = "offered in one, removed in the other";
                    return Err(contradiction(identity, &tombstone.filename, what));
                }
                merged
                    .tombstones
                    .insert(identity.clone(), tombstone.clone());
            }
            for (device, aliases) in &other.aliases {
                let known = merged.aliases.entry(device.clone()).or_default();
                known.extend(aliases.iter().cloned());
            }
            for (identity, record) in &other.builds {
                taken_names.insert(&record.build.filename, identity);
                taken_ids.insert(record.build.phone_id(), identity);
                origins.entry(identity).or_insert(name);
            }
            for identity in other.tombstones.keys() {
                origins.entry(identity).or_insert(name);
            }
        }
        Ok(Cow::Owned(merged))
    }
}
