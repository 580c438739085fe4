//! All builds ever known: which are offered, which are only remembered.
//!
//! In: builds from a scan, from `catalog add`, from catalog files. Out: the same,
//! sorted into [`mod@channels`] for the feeds. A build's identity is its SHA-256, or the
//! `id` of the feed it was imported from while its SHA-256 is unknown.
//! [`mod@file`] is the form on disk.

pub mod channels;
pub mod conflict;
pub mod exchange;
pub mod file;
pub mod merge;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::build::{Build, Device, Romtype, Variant};
use channels::ChannelKey;

/// A build and whether it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The build.
    pub build: Build,
    /// Its zip is gone from the place the site was to serve it from.
    pub retired: bool,
    /// Withdrawn by its maintainer, with the reason.
    pub yanked: Option<String>,
    /// Where it was published before its facts were set right: phones that run it
    /// may still ask there.
    pub former: Vec<ChannelKey>,
}

impl Record {
    /// A build that is offered.
    #[must_use]
    pub fn new(build: Build) -> Record {
        Record {
            build,
            retired: false,
            yanked: None,
            former: Vec::new(),
        }
    }

    /// Replaces the build, and remembers where phones may still ask for it.
    pub fn update(&mut self, build: Build) {
        let (old, new) = (ChannelKey::of(&self.build), ChannelKey::of(&build));
        self.former.retain(|channel| *channel != new);
        if old != new && !self.former.contains(&old) {
            self.former.push(old);
        }
        self.build = build;
    }

    /// Whether two machines say the same of a build. Where it lies, what lies
    /// beside it, and whether its zip is still there, is each machine's own matter.
    #[must_use]
    pub fn agrees_with(&self, other: &Record) -> bool {
        let mut same = other.clone();
        same.retired = self.retired;
        same.former.clone_from(&self.former);
        if same.build.filename == self.build.filename {
            same.build.path.clone_from(&self.build.path);
        }
        same.build.images.clone_from(&self.build.images);
        *self == same
    }

    /// Whether phones may be offered the build.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        !self.retired && self.yanked.is_none()
    }
}

/// Why a build is only remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Removed by hand.
    Removed,
    /// Another build took its file name; that build's identity.
    Superseded(String),
}

/// What remains of a build that is offered no more: enough to answer the phones
/// that run it, and never to offer it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Codename.
    pub device: Device,
    /// Flavour.
    pub variant: Option<Variant>,
    /// Release type, verbatim.
    pub romtype: Romtype,
    /// Version.
    pub version: String,
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// Incremental, if it had one.
    pub incremental: Option<String>,
    /// The incremental it started from, if it was a delta: phones that run that one
    /// were told of it.
    pub source_incremental: Option<String>,
    /// SHA-256 of the certificate that phones which run it trust.
    pub signer: Option<String>,
    /// The name its phones ask for, if it is not `device`.
    pub next_device: Option<Device>,
    /// The package's name when it was offered.
    pub filename: String,
    /// Its SHA-256, if known.
    pub sha256: Option<String>,
    /// What phones know it by, where that is not its SHA-256.
    pub id: Option<String>,
    /// Why it is gone.
    pub reason: Reason,
    /// Where it was published before its facts were set right.
    pub former: Vec<ChannelKey>,
}

impl Tombstone {
    /// Remembers a build.
    #[must_use]
    pub fn of(Record { build, former, .. }: &Record, reason: Reason) -> Tombstone {
        Tombstone {
            former: former.clone(),
            device: build.device.clone(),
            variant: build.variant.clone(),
            romtype: build.romtype.clone(),
            version: build.version.clone(),
            timestamp: build.timestamp,
            incremental: build.incremental.clone(),
            source_incremental: build.kind.source_incremental().map(str::to_owned),
            signer: build.signer.clone(),
            next_device: build.next_device.clone(),
            filename: build.filename.clone(),
            sha256: build.sha256.clone(),
            id: build.id.clone(),
            reason,
        }
    }

    /// What the catalog knew the build by.
    #[must_use]
    pub fn identity(&self) -> &str {
        let known = self.sha256.as_deref().or(self.id.as_deref());
        known.unwrap_or_default()
    }
}

/// All builds and tombstones of one or several catalog files, by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Builds by identity.
    pub builds: BTreeMap<String, Record>,
    /// Tombstones by identity.
    pub tombstones: BTreeMap<String, Tombstone>,
    /// The aliases under which builds of a device were published: phones wait there.
    pub aliases: BTreeMap<Device, BTreeSet<Device>>,
}

/// Two catalogs that say different things of the same build.
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

impl Catalog {
    /// Whether it knows nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty() && self.tombstones.is_empty()
    }

    /// The devices that have builds of their own, or had.
    #[must_use]
    pub fn devices(&self) -> BTreeSet<&Device> {
        let builds = self.builds.values().map(|record| &record.build.device);
        let stones = self.tombstones.values().map(|stone| &stone.device);
        builds.chain(stones).collect()
    }

    /// Whether builds of a device were published under an alias.
    #[must_use]
    pub fn has_alias(&self, device: &Device, alias: &Device) -> bool {
        self.aliases
            .get(device)
            .is_some_and(|aliases| aliases.contains(alias))
    }

    /// The record of a file name, if there is one.
    #[must_use]
    pub fn find_filename(&self, filename: &str) -> Option<&Record> {
        self.builds
            .values()
            .find(|record| record.build.filename == filename)
    }

    /// What builds and tombstones are known by: their SHA-256 and their `id`.
    pub fn identities(&self) -> impl Iterator<Item = &str> {
        let builds = self.builds.values().map(|record| &record.build);
        let builds = builds.map(|build| (build.sha256.as_deref(), build.id.as_deref()));
        let stones = self.tombstones.values();
        let stones = stones.map(|stone| (stone.sha256.as_deref(), stone.id.as_deref()));
        let both = builds.chain(stones);
        both.flat_map(|(sha256, id)| sha256.into_iter().chain(id))
    }

    /// Takes a build out and leaves a tombstone.
    pub fn bury(&mut self, identity: &str, reason: Reason) -> Option<Record> {
        let record = self.builds.remove(identity)?;
        let stone = Tombstone::of(&record, reason);
        self.tombstones.insert(identity.to_owned(), stone);
        Some(record)
    }
}

/// The catalog files of one site: the one that is kept, and those that are only
/// read.
#[derive(Clone, Debug)]
pub struct Catalogs {
    /// What this machine keeps up to date.
    pub own: Catalog,
    own_name: String,
    others: Vec<(String, Catalog)>,
}

impl Catalogs {
    /// Reads all files; the first is the one that is kept, and may not exist.
    ///
    /// # Errors
    /// The first file that cannot be read.
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
        self.others
            .iter()
            .any(|(_, catalog)| catalog.builds.contains_key(identity))
    }

    /// Whether any catalog has a build under this identity.
    #[must_use]
    pub fn knows(&self, identity: &str) -> bool {
        self.own.builds.contains_key(identity) || self.others_offer(identity)
    }

    /// All catalogs, one by one.
    pub fn all(&self) -> impl Iterator<Item = &Catalog> {
        let others = self.others.iter().map(|(_, catalog)| catalog);
        others.chain([&self.own])
    }

    /// Whether any catalog has a tombstone of this build.
    #[must_use]
    pub fn is_buried(&self, build: &Build) -> bool {
        // One that was imported without a SHA-256 has only its name.
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

    /// The record of a file name in a catalog that is only read.
    #[must_use]
    pub fn find_in_others(&self, filename: &str) -> Option<&Record> {
        self.others
            .iter()
            .find_map(|(_, catalog)| catalog.find_filename(filename))
    }

    /// All catalogs as one.
    ///
    /// # Errors
    /// [`Contradiction`] if two say different things of one build, or give one
    /// file name to two builds.
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
