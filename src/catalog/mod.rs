//! The catalog: every build that was ever published, whether it is still offered or not.
//!
//! In: builds from a scan, from `catalog add`, from catalog files and from feeds of other servers.
//! Out: the same builds, sorted into [`mod@channels`] for the feeds. A build's identity is its
//! SHA-256; while that is unknown, the `id` in the feed it was imported from. [`mod@file`] is the
//! form of a file, [`mod@store`] reads it, [`save()`] writes it, [`update()`] changes it while other
//! processes may, [`mod@merge`] unites versions of one catalog, [`mod@exchange`] reads and writes
//! the lists of other servers.

#[cfg(feature = "s3")]
pub mod bucket;
mod builds;
mod catalogs;
pub mod channels;
pub mod conflict;
mod device_file;
pub mod exchange;
pub mod file;
pub mod merge;
mod moves;
mod parsed;
mod save;
pub mod store;
mod unite;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::build::{Build, Device, Origin, Romtype, Variant};
use channels::ChannelKey;

pub use builds::Builds;
pub use catalogs::{Catalogs, Contradiction};
pub use device_file::{ENDING, file_name};
pub use parsed::Parsed;
pub use save::{by_file, save};
pub use unite::LeftOut;
pub use update::{Held, UpdateError, remove_empty_folder, remove_lock, until_written, update};

/// A build, and whether phones are offered it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The build.
    pub build: Build,
    /// Whether its zip is gone from where the site serves it.
    pub retired: bool,
    /// The reason why its maintainer withdrew it, if so.
    pub yanked: Option<String>,
    /// Channels in which it was published before its facts were corrected; phones that run it may
    /// still ask there.
    pub former: Vec<ChannelKey>,
}

impl Record {
    /// Creates the record of a build that is offered.
    #[must_use]
    pub fn new(build: Build) -> Record {
        Record {
            build,
            retired: false,
            yanked: None,
            former: Vec::new(),
        }
    }

    /// Replaces the build, and remembers the channel in which phones may still ask for it.
    pub fn update(&mut self, build: Build) {
        let (old, new) = (
            ChannelKey::from_build(&self.build),
            ChannelKey::from_build(&build),
        );
        self.former.retain(|channel| *channel != new);
        if old != new && !self.former.contains(&old) {
            self.former.push(old);
        }
        self.build = build;
    }

    /// Remembers the channels in which phones may still ask for the build from before it was removed.
    pub fn keep_former(&mut self, stone: &Tombstone) {
        let of_stone = ChannelKey::new(&stone.device, stone.variant.as_ref(), &stone.romtype);
        let now = ChannelKey::from_build(&self.build);
        for channel in stone.former.iter().chain([&of_stone]) {
            if *channel != now && !self.former.contains(channel) {
                self.former.push(channel.clone());
            }
        }
    }

    /// Whether the records of two machines agree on a build.
    ///
    /// Its path, its source, its images and whether its zip is still there may differ from machine to machine.
    #[must_use]
    pub fn agrees_with(&self, other: &Record) -> bool {
        let mut same = other.clone();
        same.retired = self.retired;
        same.former.clone_from(&self.former);
        if same.build.filename == self.build.filename {
            same.build.path.clone_from(&self.build.path);
        }
        same.build.images.clone_from(&self.build.images);
        same.build.origin.clone_from(&self.build.origin);
        *self == same
    }

    /// Whether phones may be offered the build.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        !self.retired && self.yanked.is_none()
    }
}

/// Why a build is no longer in the catalog's list of builds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Removed by hand.
    Removed,
    /// Replaced by another build with its file name; holds that build's identity.
    Superseded(String),
}

/// What the catalog keeps of a removed build: enough to answer the phones that run it, and to
/// never offer it again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tombstone {
    /// Codename.
    pub device: Device,
    /// The variant of the ROM.
    pub variant: Option<Variant>,
    /// Release type, verbatim.
    pub romtype: Romtype,
    /// Version.
    pub version: String,
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// Incremental, if it had one.
    pub incremental: Option<String>,
    /// The incremental it started from, if it was a delta; phones that run that one were offered it.
    pub source_incremental: Option<String>,
    /// SHA-256 of the certificate it was signed with.
    pub signer: Option<String>,
    /// The device name that its phones ask for, if not `device`.
    pub next_device: Option<Device>,
    /// The package's name when it was offered.
    pub filename: String,
    /// Its SHA-256, if known.
    pub sha256: Option<String>,
    /// The `id` that phones know, where that is not its SHA-256.
    pub id: Option<String>,
    /// Where its package was read, if that is a source.
    pub origin: Option<Origin>,
    /// Why it was removed.
    pub reason: Reason,
    /// Channels in which it was published before its facts were corrected.
    pub former: Vec<ChannelKey>,
}

impl Tombstone {
    /// Creates the tombstone of a build.
    #[must_use]
    pub fn new(Record { build, former, .. }: &Record, reason: Reason) -> Tombstone {
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
            origin: build.origin.clone(),
            reason,
        }
    }

    /// Whether the build was removed by hand.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.reason == Reason::Removed
    }

    /// Returns what the catalog knew the build by: its SHA-256, else its `id`.
    #[must_use]
    pub fn identity(&self) -> &str {
        let known = self.sha256.as_deref().or(self.id.as_deref());
        known.unwrap_or_default()
    }
}

/// All builds and tombstones of one or several catalog files, by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Catalog {
    /// Builds by identity.
    pub builds: Builds,
    /// Tombstones by identity.
    pub tombstones: BTreeMap<String, Tombstone>,
    /// The aliases under which builds of a device were published; phones still ask there.
    pub aliases: BTreeMap<Device, BTreeSet<Device>>,
}

impl Catalog {
    /// Whether there is no build and no tombstone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty() && self.tombstones.is_empty()
    }

    /// Returns the devices that have builds of their own, or had some.
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

    /// Finds the build of a file name.
    #[must_use]
    pub fn find_filename(&self, filename: &str) -> Option<&Record> {
        self.builds
            .values()
            .find(|record| record.build.filename == filename)
    }

    /// Iterates over what builds and tombstones are known by: their SHA-256 and their `id`.
    pub fn identities(&self) -> impl Iterator<Item = &str> {
        let builds = self.builds.values().map(|record| &record.build);
        let builds = builds.map(|build| (build.sha256.as_deref(), build.id.as_deref()));
        let stones = self.tombstones.values();
        let stones = stones.map(|stone| (stone.sha256.as_deref(), stone.id.as_deref()));
        let both = builds.chain(stones);
        both.flat_map(|(sha256, id)| sha256.into_iter().chain(id))
    }

    /// Adds the builds, tombstones and aliases of another catalog, in place of those of the same identity or device. Records
    /// stay shared in memory.
    pub fn share(&mut self, other: &Catalog) {
        for identity in other.builds.keys() {
            self.builds.share(identity, &other.builds);
        }
        let stones = other.tombstones.iter();
        self.tombstones
            .extend(stones.map(|(identity, stone)| (identity.clone(), stone.clone())));
        let aliases = other.aliases.iter();
        self.aliases
            .extend(aliases.map(|(device, aliases)| (device.clone(), aliases.clone())));
    }

    /// Removes a build and leaves a tombstone.
    pub fn bury(&mut self, identity: &str, reason: Reason) -> Option<Record> {
        let record = self.builds.remove(identity)?;
        let stone = Tombstone::new(&record, reason);
        self.tombstones.insert(identity.to_owned(), stone);
        Some(record)
    }
}
