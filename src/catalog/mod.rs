//! All builds ever known: which are offered, which are only remembered.
//!
//! In: builds from a scan, from `catalog add`, from catalog files. Out: the same,
//! grouped into [`Lane`]s for the feeds. A build's identity is its SHA-256.
//! [`mod@file`] is the form on disk.

pub mod file;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::build::{Build, Device, Kind, Romtype, Variant};

/// A build and whether it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The build.
    pub build: Build,
    /// Its zip is gone from the place the site was to serve it from.
    pub retired: bool,
    /// Withdrawn by its maintainer, with the reason.
    pub yanked: Option<String>,
}

impl Record {
    /// A build that is offered.
    #[must_use]
    pub fn new(build: Build) -> Record {
        Record {
            build,
            retired: false,
            yanked: None,
        }
    }

    /// Whether two machines say the same of a build. Where it lies, and whether
    /// its zip is still there, is each machine's own matter.
    #[must_use]
    pub fn agrees_with(&self, other: &Record) -> bool {
        let mut same = other.clone();
        same.retired = self.retired;
        if same.build.filename == self.build.filename {
            same.build.path.clone_from(&self.build.path);
        }
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
    /// Another build took its file name; that build's SHA-256.
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
    /// The package's name when it was offered.
    pub filename: String,
    /// The build's identity.
    pub sha256: String,
    /// Why it is gone.
    pub reason: Reason,
}

impl Tombstone {
    /// Remembers a build.
    #[must_use]
    pub fn of(build: &Build, reason: Reason) -> Tombstone {
        Tombstone {
            device: build.device.clone(),
            variant: build.variant.clone(),
            romtype: build.romtype.clone(),
            version: build.version.clone(),
            timestamp: build.timestamp,
            incremental: build.incremental.clone(),
            filename: build.filename.clone(),
            sha256: build.sha256.clone(),
            reason,
        }
    }
}

/// All builds and tombstones of one or several catalog files, by SHA-256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Builds by identity.
    pub builds: BTreeMap<String, Record>,
    /// Tombstones by identity.
    pub tombstones: BTreeMap<String, Tombstone>,
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

    /// The record of a file name, if there is one.
    #[must_use]
    pub fn find_filename(&self, filename: &str) -> Option<&Record> {
        self.builds
            .values()
            .find(|record| record.build.filename == filename)
    }

    /// Takes a build out and leaves a tombstone.
    pub fn bury(&mut self, sha256: &str, reason: Reason) -> Option<Record> {
        let record = self.builds.remove(sha256)?;
        self.tombstones
            .insert(sha256.to_owned(), Tombstone::of(&record.build, reason));
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
    pub fn others_offer(&self, sha256: &str) -> bool {
        self.others
            .iter()
            .any(|(_, c)| c.builds.contains_key(sha256))
    }

    /// Whether any catalog has a tombstone of this identity.
    #[must_use]
    pub fn is_buried(&self, sha256: &str) -> bool {
        let others = self.others.iter().map(|(_, catalog)| catalog);
        others
            .chain([&self.own])
            .any(|catalog| catalog.tombstones.contains_key(sha256))
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
    pub fn merged(&self) -> Result<Catalog, Contradiction> {
        let mut merged = self.own.clone();
        let mut origins: BTreeMap<&str, &str> = BTreeMap::new();
        let mut sha_by_filename: BTreeMap<&str, &str> = BTreeMap::new();
        for (sha256, record) in &self.own.builds {
            sha_by_filename.insert(&record.build.filename, sha256);
        }
        for (name, other) in &self.others {
            let contradiction = |sha256: &str, filename: &str, what| Contradiction {
                first: origins
                    .get(sha256)
                    .unwrap_or(&self.own_name.as_str())
                    .to_string(),
                second: name.clone(),
                filename: filename.to_owned(),
                what,
            };
            for (sha256, record) in &other.builds {
                let filename = record.build.filename.as_str();
                if merged.tombstones.contains_key(sha256) {
                    let what = "removed in one, offered in the other";
                    return Err(contradiction(sha256, filename, what));
                }
                match merged.builds.get(sha256) {
                    Some(known) if known.agrees_with(record) => {
                        let retired = known.retired && record.retired;
                        if let Some(known) = merged.builds.get_mut(sha256) {
                            known.retired = retired;
                        }
                        continue;
                    }
                    Some(_) => return Err(contradiction(sha256, filename, "its facts differ")),
                    None => {}
                }
                if let Some(taken) = sha_by_filename.get(filename) {
                    let what = "two different packages have this name";
                    return Err(contradiction(taken, filename, what));
                }
                merged.builds.insert(sha256.clone(), record.clone());
            }
            for (sha256, tombstone) in &other.tombstones {
                if merged.builds.contains_key(sha256) {
                    let what = "offered in one, removed in the other";
                    return Err(contradiction(sha256, &tombstone.filename, what));
                }
                merged.tombstones.insert(sha256.clone(), tombstone.clone());
            }
            for (sha256, record) in &other.builds {
                sha_by_filename.insert(&record.build.filename, sha256);
                origins.entry(sha256).or_insert(name);
            }
            for sha256 in other.tombstones.keys() {
                origins.entry(sha256).or_insert(name);
            }
        }
        Ok(merged)
    }
}

/// One full build that phones are offered, with its address.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The build.
    pub build: Build,
    /// Absolute, percent-encoded https address.
    pub url: String,
}

/// Which lane a build travels in; the romtype in lower case, since clients ask
/// for it so and compare it ignoring case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneKey {
    /// Codename.
    pub device: Device,
    /// Flavour.
    pub variant: Option<Variant>,
    /// Release type in lower case.
    pub romtype: String,
}

/// The builds of one device, variant and romtype.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Full builds, newest first; equal times by file name.
    pub offers: Vec<Offer>,
    /// Every incremental ever known, with the oldest time it was carried at.
    pub incrementals: BTreeMap<String, i64>,
}

/// Sorts a catalog into lanes.
///
/// `address` gives each build its download address. Deltas are listed nowhere:
/// only phones that run their source could install them.
#[must_use]
pub fn lanes(
    catalog: &Catalog,
    address: &dyn Fn(&Build) -> Option<String>,
) -> BTreeMap<LaneKey, Lane> {
    let mut lanes: BTreeMap<LaneKey, Lane> = BTreeMap::new();
    let remember = |lane: &mut Lane, incremental: &Option<String>, timestamp: i64| {
        if let Some(incremental) = incremental {
            let oldest = lane
                .incrementals
                .entry(incremental.clone())
                .or_insert(timestamp);
            *oldest = timestamp.min(*oldest);
        }
    };
    let key = |device: &Device, variant: &Option<Variant>, romtype: &Romtype| LaneKey {
        device: device.clone(),
        variant: variant.clone(),
        romtype: romtype.to_path(),
    };
    for record in catalog.builds.values() {
        let build = &record.build;
        let lane = lanes
            .entry(key(&build.device, &build.variant, &build.romtype))
            .or_default();
        remember(lane, &build.incremental, build.timestamp);
        if record.is_offered()
            && build.kind == Kind::Full
            && let Some(url) = address(build)
        {
            lane.offers.push(Offer {
                build: build.clone(),
                url,
            });
        }
    }
    for tombstone in catalog.tombstones.values() {
        let lane = lanes
            .entry(key(
                &tombstone.device,
                &tombstone.variant,
                &tombstone.romtype,
            ))
            .or_default();
        remember(lane, &tombstone.incremental, tombstone.timestamp);
    }
    for lane in lanes.values_mut() {
        sort_newest_first(&mut lane.offers);
    }
    lanes
}

/// Newest first; builds of one second by file name, so that the order is stable.
pub fn sort_newest_first(offers: &mut [Offer]) {
    offers.sort_by(|a, b| {
        let key = |offer: &Offer| std::cmp::Reverse(offer.build.timestamp);
        (key(a), &a.build.filename).cmp(&(key(b), &b.build.filename))
    });
}
