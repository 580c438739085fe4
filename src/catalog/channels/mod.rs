//! Which builds are offered to which phones.
//!
//! In: a [`Catalog`](super::Catalog), the settings, the address of each build, the time. Out:
//! [`Channels`], which borrow from all of these: for each device name, variant and release type the
//! full builds that retention keeps, the deltas that lead to them, and every incremental that
//! phones may run. A device with aliases has a channel under each name that its phones ask for.

mod retention;
mod sort;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::model::build::{Build, Device, Kind, Romtype, Variant};
use crate::model::config::MajorUpgrades;
use crate::model::era::{self, Facts};

pub use retention::{NUM_PROTECTED, newest_first, protected, shorten};
pub use sort::is_withheld;

/// A package that phones are offered, with its address.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Offer<'a> {
    /// The build.
    pub build: &'a Build,
    /// Absolute https address, percent-encoded.
    pub url: &'a str,
}

/// A delta that phones are offered.
#[derive(Clone, Copy, Debug, Hash)]
pub struct DeltaOffer<'a> {
    /// The delta.
    pub offer: Offer<'a>,
    /// The incremental of the phones that can install it.
    pub source: &'a str,
    /// The date of that build, if it is known.
    pub source_since: Option<i64>,
    /// The full build it leads to.
    pub target: Offer<'a>,
}

/// The name of a channel. The romtype is in lower case, as clients ask for it and compare it
/// without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelKey {
    /// The device name that phones ask for.
    pub device: Device,
    /// The variant of the ROM.
    pub variant: Option<Variant>,
    /// Release type in lower case.
    pub romtype: String,
}

/// What is known about the builds with one incremental.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Installed<'a> {
    /// The earliest known date of such a build, in seconds since the epoch.
    pub since: Option<i64>,
    /// Their versions, sorted.
    pub versions: Vec<&'a str>,
    /// Those of their versions whose updaters also install newer minor versions.
    pub takes_minor_from: Vec<(u32, u32)>,
    /// The version of a delta that starts from this incremental, and so probably its own.
    pub version_of_delta: Option<&'a str>,
    /// Whether a build with it was once published in this channel and now belongs to another.
    pub has_moved: bool,
    /// The newest full build with it in the catalog, offered or not.
    pub build: Option<&'a Build>,
}

impl Installed<'_> {
    /// Whether phones that run this incremental can install builds of a version.
    ///
    /// If its own version is unknown, every version fits; except for builds that moved to another
    /// channel, since this one may hold another variant.
    fn takes(&self, version: &str) -> bool {
        let is_newer_minor = |installed: &(u32, u32)| {
            let parsed = era::parse_version(version);
            parsed.is_some_and(|(major, minor)| major == installed.0 && minor > installed.1)
        };
        if self.takes_minor_from.iter().any(is_newer_minor) {
            return true;
        }
        match (self.versions.is_empty(), self.version_of_delta) {
            (false, _) => self.versions.contains(&version),
            (true, _) if self.has_moved => false,
            (true, Some(likely)) => likely == version,
            (true, None) => true,
        }
    }
}

impl std::fmt::Display for ChannelKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(variant) = &self.variant {
            write!(f, "{variant}/")?;
        }
        write!(f, "{}/{}", self.device, self.romtype)
    }
}

/// The builds of one device, variant and romtype.
#[derive(Clone, Debug, Default)]
pub struct Channel<'a> {
    /// Full builds, newest first; builds of one second by file name.
    pub offers: Vec<Offer<'a>>,
    by_version: BTreeMap<&'a str, Vec<Offer<'a>>>,
    /// Deltas to the newest full builds, newest first; for each source and target the smallest.
    pub deltas: Vec<DeltaOffer<'a>>,
    /// Every incremental that was ever in this channel.
    pub incrementals: BTreeMap<&'a str, Installed<'a>>,
    /// Full builds that retention leaves out.
    pub unlisted: Vec<&'a Build>,
    /// Whether a build was ever here whose CMUpdater asks by POST, so that answers for it are needed.
    pub has_post_updaters: bool,
}

impl Hash for Channel<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Channel {
            offers,
            // The same offers in another order.
            by_version: _,
            deltas,
            incrementals,
            unlisted,
            has_post_updaters,
        } = self;
        (
            offers,
            deltas,
            incrementals,
            // No page shows them.
            unlisted.len(),
            has_post_updaters,
        )
            .hash(state);
    }
}

/// Why a build with a sound package is not offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is younger than `min_age`; holds the second from which it is offered.
    TooYoung(i64),
    /// It is a block-based delta, and the settings do not allow those.
    BlockBased,
    /// It is a delta that does not name the build it starts from.
    NoSource,
    /// It is a delta whose full build is not offered; rooted phones would need that build.
    NoFullBuild,
    /// It is a delta to a build that is not among the newest; holds the newest one's file name.
    OldTarget(String),
    /// It is a delta to a build that is not newer than its source; holds the source's incremental.
    WrongWay(String),
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Held::TooYoung(until) => {
                let until = chrono::DateTime::from_timestamp(*until, 0).unwrap_or_default();
                write!(
                    f,
                    "held back by min_age until {}",
                    until.format("%Y-%m-%d %H:%M UTC")
                )
            }
            Held::BlockBased => f.write_str(
                "a block-based delta stops in the recovery on any changed partition; \
                 block_deltas = true offers it anyway",
            ),
            Held::NoSource => f.write_str("the delta does not name the build it starts from"),
            Held::NoFullBuild => f.write_str(
                "the full build that this delta leads to is not offered, and phones that were \
                 modified need it",
            ),
            Held::OldTarget(newest) => write!(
                f,
                "the delta leads to a build that is not among the {NUM_PROTECTED} newest; the newest is {}",
                newest.escape_debug()
            ),
            Held::WrongWay(source) => write!(
                f,
                "the delta starts from incremental {}, which is not older than what it leads to",
                source.escape_debug()
            ),
        }
    }
}

/// All channels of a site, and the builds that are not in them.
#[derive(Clone, Debug, Default)]
pub struct Channels<'a> {
    /// The channels.
    pub channels: BTreeMap<ChannelKey, Channel<'a>>,
    /// Builds that are not offered, and why, by path.
    pub held: BTreeMap<&'a str, Held>,
    /// File names of builds that are not offered under an alias of their device, since that has
    /// builds of its own; by device and alias.
    pub withheld: BTreeMap<(&'a Device, &'a Device), BTreeSet<&'a str>>,
    /// When these channels have last changed by themselves, in seconds since the epoch: `min_age` holds a build back from
    /// then on, or no longer does.
    pub last_change: Option<i64>,
    /// When they do so next.
    pub next_change: Option<i64>,
}

impl Channels<'_> {
    /// Notes a time, in seconds since the epoch, at which the channels change by themselves.
    fn add_change(&mut self, at: i64, now: i64) {
        match at > now {
            true => self.next_change = self.next_change.into_iter().chain([at]).min(),
            false => self.last_change = self.last_change.max(Some(at)),
        }
    }
}

impl ChannelKey {
    /// Returns the channel of a build under the name of its device.
    #[must_use]
    pub fn from_build(build: &Build) -> ChannelKey {
        ChannelKey::new(&build.device, build.variant.as_ref(), &build.romtype)
    }

    /// Returns the channel of a device, variant and romtype.
    #[must_use]
    pub fn new(device: &Device, variant: Option<&Variant>, romtype: &Romtype) -> ChannelKey {
        ChannelKey {
            device: device.clone(),
            variant: variant.cloned(),
            romtype: romtype.to_path(),
        }
    }
}

impl<'a> Channel<'a> {
    /// Returns a channel of some of the builds of another; `sources` are builds by their incrementals.
    #[must_use]
    pub fn of_some(
        offers: Vec<Offer<'a>>,
        deltas: Vec<DeltaOffer<'a>>,
        sources: impl Iterator<Item = (&'a str, &'a Build)>,
    ) -> Channel<'a> {
        let installed = |build| Installed {
            build: Some(build),
            ..Installed::default()
        };
        Channel {
            offers,
            deltas,
            incrementals: sources
                .map(|(number, build)| (number, installed(build)))
                .collect(),
            ..Channel::default()
        }
    }

    fn remember_build(&mut self, build: &'a Build) {
        let facts = Facts {
            version: Some(&build.version),
            sdk: build.sdk_level,
            date: Some(build.timestamp),
        };
        self.remember_source(build.kind.source_incremental(), &build.version);
        self.remember(build.incremental.as_deref(), facts);
        let Some(incremental) = &build.incremental else {
            return;
        };
        if build.kind == Kind::Full {
            let installed = self.incrementals.entry(incremental).or_default();
            let newest = installed.build.filter(|b| b.timestamp >= build.timestamp);
            installed.build = newest.or(Some(build));
        }
    }

    fn remember(&mut self, incremental: Option<&'a str>, facts: Facts<'a>) {
        self.has_post_updaters |= facts.has_post_updater();
        let Some(incremental) = incremental else {
            return;
        };
        let installed = self.incrementals.entry(incremental).or_default();
        installed.since = match (installed.since, facts.date) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        insert_sorted(&mut installed.versions, facts.version);
        insert_sorted(&mut installed.takes_minor_from, facts.takes_minor_from());
    }

    /// Remembers the build that a delta starts from: some phone runs it, or the delta is of no use.
    fn remember_source(&mut self, source: Option<&'a str>, version: &'a str) {
        if let Some(source) = source {
            let installed = self.incrementals.entry(source).or_default();
            installed.version_of_delta = Some(version);
        }
    }

    /// Finds the full build that a delta leads to, if phones may be offered the delta.
    fn find_target(&self, offer: Offer<'a>, takes_blocks: bool) -> Result<DeltaOffer<'a>, Held> {
        let delta = offer.build;
        let Kind::Delta {
            source_incremental: Some(source),
            is_block_based,
        } = &delta.kind
        else {
            return Err(Held::NoSource);
        };
        let source_since = self.incrementals.get(source.as_str()).and_then(|i| i.since);
        if delta.incremental.as_ref() == Some(source)
            || source_since.is_some_and(|since| since >= delta.timestamp)
        {
            return Err(Held::WrongWay(source.clone()));
        }
        if *is_block_based && !takes_blocks {
            return Err(Held::BlockBased);
        }
        let target = self.offers.iter().find(|full| leads_to(delta, full.build));
        let target = target.ok_or(Held::NoFullBuild)?;
        let of_version = &self.by_version[target.build.version.as_str()];
        let is_it = |full: &&Offer<'a>| full.build.identity() == target.build.identity();
        if !of_version
            .iter()
            .take(NUM_PROTECTED)
            .any(|full| is_it(&full))
        {
            return Err(Held::OldTarget(of_version[0].build.filename.clone()));
        }
        Ok(DeltaOffer {
            offer,
            source,
            source_since,
            target: *target,
        })
    }

    /// Returns the channel without the builds that `is_fit` rejects, and without deltas to them.
    #[must_use]
    pub fn only(&self, is_fit: &dyn Fn(&Offer<'a>) -> bool) -> Channel<'a> {
        let mut channel = self.clone();
        channel.offers.retain(is_fit);
        for offers in channel.by_version.values_mut() {
            offers.retain(is_fit);
        }
        channel
            .deltas
            .retain(|delta| is_fit(&delta.offer) && is_fit(&delta.target));
        channel
    }

    /// Returns the newest full builds that a phone with `installed` is offered; about `limit` of
    /// them.
    ///
    /// They are newer than the installed build. With [`MajorUpgrades::List`] they may have any
    /// version, otherwise one that its updater installs.
    #[must_use]
    pub fn newer_than(
        &self,
        installed: &Installed<'_>,
        upgrades: MajorUpgrades,
        limit: usize,
    ) -> Vec<Offer<'a>> {
        let is_elsewhere = installed.has_moved && installed.versions.is_empty();
        let all = upgrades == MajorUpgrades::List && !is_elsewhere;
        let fitting = self
            .by_version
            .iter()
            .filter(|(version, _)| all || installed.takes(version));
        let mut newer = Vec::new();
        for (_, offers) in fitting {
            let is_newer =
                |offer: &Offer<'a>| installed.since.is_none_or(|t| offer.build.timestamp > t);
            let num_newer = offers.partition_point(is_newer);
            newer.extend_from_slice(&offers[..num_newer.min(limit)]);
        }
        newer.sort_by(newest_first);
        shorten(&newer, limit)
    }
}

/// Adds a value to a sorted list of few values, unless it is there.
fn insert_sorted<T: Ord>(list: &mut Vec<T>, value: Option<T>) {
    if let Some(value) = value
        && let Err(at) = list.binary_search(&value)
    {
        // Nearly all lists have one value.
        list.reserve_exact(1);
        list.insert(at, value);
    }
}

/// Whether a delta leads to this full build.
#[must_use]
pub fn leads_to(delta: &Build, full: &Build) -> bool {
    full.kind == Kind::Full
        && delta.timestamp == full.timestamp
        && match (&delta.incremental, &full.incremental) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
}
