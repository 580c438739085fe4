//! What is offered to which phones: the builds of a catalog sorted into channels,
//! with what retention leaves of them, the deltas that lead to them, and every
//! incremental that phones may run.
//!
//! In: a [`Catalog`], the settings, each build's address, the time. Out:
//! [`Channels`], which borrow from all of these. A channel stands under the name that
//! phones ask for, so a device with aliases has one under each.

use std::collections::{BTreeMap, BTreeSet};

use super::{Catalog, Record};
use crate::model::build::{Build, Device, Kind, Romtype, Variant};
use crate::model::config::{Config, MajorUpgrades};
use crate::model::entry_rules::CLOCK_SLACK;
use crate::model::era::{self, Facts};

/// So many of the newest builds of each device, variant, romtype and version stay
/// in every list: the newest client deletes a half-downloaded build that leaves
/// its feed, and a new one must not take the place of that at once.
pub const NUM_PROTECTED: usize = 2;

/// One package that phones are offered, with its address.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The build.
    pub build: &'a Build,
    /// Absolute, percent-encoded https address.
    pub url: &'a str,
}

/// A delta that phones are offered.
#[derive(Clone, Copy, Debug)]
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

/// Which channel a build travels in; the romtype in lower case, since clients ask
/// for it so and compare it ignoring case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelKey {
    /// The name phones ask for.
    pub device: Device,
    /// Flavour.
    pub variant: Option<Variant>,
    /// Release type in lower case.
    pub romtype: String,
}

/// What is known of the builds that carry one incremental.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed<'a> {
    /// The earliest date of one, if any is known.
    pub since: Option<i64>,
    /// Their versions.
    pub versions: BTreeSet<&'a str>,
    /// Those of their versions whose updaters install newer minor versions.
    pub takes_minor_from: BTreeSet<(u32, u32)>,
    /// The version of a delta that starts from it, which is likely to be its own.
    pub version_of_delta: Option<&'a str>,
    /// A build that was published here carries it, and is at home elsewhere.
    pub has_moved: bool,
    /// The newest full build that carries it and that the catalog still knows,
    /// offered or not.
    pub build: Option<&'a Build>,
}

impl Installed<'_> {
    /// Whether builds of a version are for the phones that run this; of all
    /// versions, if its own is unknown. What is here now is for none that run what
    /// has moved: it may be another variant.
    fn takes(&self, version: &str) -> bool {
        let is_newer_minor = |own: &(u32, u32)| {
            let parsed = era::parse_version(version);
            parsed.is_some_and(|(major, minor)| major == own.0 && minor > own.1)
        };
        if self.takes_minor_from.iter().any(is_newer_minor) {
            return true;
        }
        match (self.versions.is_empty(), self.version_of_delta) {
            (false, _) => self.versions.contains(version),
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
    /// Full builds, newest first; equal times by file name.
    pub offers: Vec<Offer<'a>>,
    by_version: BTreeMap<&'a str, Vec<Offer<'a>>>,
    /// Deltas to the newest of them, the newest first; of one source and target
    /// the smallest.
    pub deltas: Vec<DeltaOffer<'a>>,
    /// Every incremental ever known.
    pub incrementals: BTreeMap<&'a str, Installed<'a>>,
    /// Full builds that retention leaves out.
    pub num_unlisted: usize,
    /// Phones with CMUpdater that asks by POST may run a build that was ever here, so
    /// there are answers for them.
    pub has_post_updaters: bool,
}

/// Why a build is not offered, though nothing is wrong with its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is younger than the settings ask for; the second it will be offered.
    TooYoung(i64),
    /// A block-based delta, and the settings do not ask for those.
    BlockBased,
    /// A delta that does not tell which build it starts from.
    NoSource,
    /// A delta whose full build is not offered; rooted phones would need it.
    NoFullBuild,
    /// A delta to a build that is not among the newest; the newest one's name.
    OldTarget(String),
    /// A delta that leads a phone back, or nowhere; the source's incremental.
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
                 block_deltas = true offers it all the same",
            ),
            Held::NoSource => f.write_str("the delta does not tell which build it starts from"),
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

/// All channels of a site, and what is kept out of them.
#[derive(Clone, Debug, Default)]
pub struct Channels<'a> {
    /// The channels.
    pub channels: BTreeMap<ChannelKey, Channel<'a>>,
    /// What is not offered and why, by path.
    pub held: BTreeMap<&'a str, Held>,
    /// File names of builds that are not offered under an alias of their device, since that has
    /// builds of its own; by device and alias.
    pub withheld: BTreeMap<(&'a Device, &'a Device), BTreeSet<&'a str>>,
}

/// Sorts a catalog into channels.
///
/// `urls` has the download address of each offered build by its identity; one
/// without is passed over. `now` is in seconds since the epoch.
#[must_use]
pub fn channels<'a>(
    catalog: &'a Catalog,
    config: &'a Config,
    urls: &'a BTreeMap<&'a str, String>,
    now: i64,
) -> Channels<'a> {
    let mut channels = Channels::default();
    let mut deltas: BTreeMap<ChannelKey, Vec<Offer<'a>>> = BTreeMap::new();
    let devices = catalog.devices();
    for (names, records) in by_names(catalog) {
        let (device, next_device, variant, romtype) = names;
        for name in config.names(device, next_device) {
            let is_alias = name != device && Some(name) != next_device;
            let is_withheld = is_alias && is_withheld(config, catalog, &devices, [device, name]);
            let key = ChannelKey::new(name, variant, romtype);
            let min_age = config.retention(name.as_str(), &key.romtype).min_age;
            let mut lane_deltas = Vec::new();
            let channel = channels.channels.entry(key.clone()).or_default();
            for record in &records {
                let build = &record.build;
                channel.remember_build(build);
                let url = urls.get(build.identity()).filter(|_| record.is_offered());
                let Some(url) = url else { continue };
                if is_withheld {
                    let filenames = channels.withheld.entry((device, name)).or_default();
                    filenames.insert(&build.filename);
                    continue;
                }
                let offer = Offer { build, url };
                match min_age.map(|age| build.timestamp.saturating_add(age)) {
                    // A clock that is behind the build itself tells nobody's age.
                    Some(until) if until > now && build.timestamp <= now + CLOCK_SLACK => {
                        channels.held.insert(&build.path, Held::TooYoung(until));
                    }
                    _ if build.kind == Kind::Full => channel.offers.push(offer),
                    _ => lane_deltas.push(offer),
                }
            }
            if !lane_deltas.is_empty() {
                deltas.entry(key).or_default().append(&mut lane_deltas);
            }
        }
    }
    for stone in catalog.tombstones.values() {
        for name in config.names(&stone.device, stone.next_device.as_ref()) {
            let key = ChannelKey::new(name, stone.variant.as_ref(), &stone.romtype);
            let channel = channels.channels.entry(key).or_default();
            let facts = Facts {
                version: Some(&stone.version),
                sdk: None,
                date: Some(stone.timestamp),
            };
            channel.remember(stone.incremental.as_deref(), facts);
            channel.remember_source(stone.source_incremental.as_deref(), &stone.version);
        }
    }
    remember_former(catalog, config, &mut channels);
    remember_configured(config, &mut channels);
    for (key, channel) in &mut channels.channels {
        channel.offers.sort_by(|a, b| newest_first(a, b));
        let num_all = channel.offers.len();
        if let Some(keep) = config.retention(key.device.as_str(), &key.romtype).keep {
            channel.offers = shorten(&channel.offers, keep);
        }
        channel.num_unlisted = num_all - channel.offers.len();
        for offer in &channel.offers {
            let version = offer.build.version.as_str();
            channel.by_version.entry(version).or_default().push(*offer);
        }
        let takes_blocks = config.block_deltas(key.device.as_str());
        for offer in deltas.remove(key).unwrap_or_default() {
            match channel.find_target(offer, takes_blocks) {
                Ok(delta) => channel.deltas.push(delta),
                Err(held) => {
                    channels.held.insert(&offer.build.path, held);
                }
            }
        }
        channel.deltas.sort_by(|a, b| {
            let order = newest_first(&a.target, &b.target).then(a.source.cmp(b.source));
            order.then(a.offer.build.size.cmp(&b.offer.build.size))
        });
        let ends = |delta: &DeltaOffer<'a>| (delta.target.build.identity(), delta.source);
        channel.deltas.dedup_by(|b, a| ends(a) == ends(b));
    }
    channels
}

/// Whether builds of a device stay out of the lists of one of its aliases: it has builds of its own,
/// whose phones could install them, and neither were they published there nor do the settings say
/// that they fit.
#[must_use]
pub fn is_withheld(
    config: &Config,
    catalog: &Catalog,
    devices: &BTreeSet<&Device>,
    [device, alias]: [&Device; 2],
) -> bool {
    devices.contains(alias)
        && !catalog.has_alias(device, alias)
        && !config.same_lane(alias.as_str())
}

/// What decides the channels of a build: device, next device, variant, romtype.
type Names<'a> = (
    &'a Device,
    Option<&'a Device>,
    Option<&'a Variant>,
    &'a Romtype,
);

/// The records of a catalog by what decides their channels, so that this is looked up
/// once for many.
fn by_names(catalog: &Catalog) -> BTreeMap<Names<'_>, Vec<&Record>> {
    let mut groups: BTreeMap<Names<'_>, Vec<&Record>> = BTreeMap::new();
    for record in catalog.builds.values() {
        let build = &record.build;
        let (next_device, variant) = (build.next_device.as_ref(), build.variant.as_ref());
        let names = (&build.device, next_device, variant, &build.romtype);
        groups.entry(names).or_default().push(record);
    }
    groups
}

/// Adds the incrementals of builds to the channels they were published in once.
fn remember_former<'a>(catalog: &'a Catalog, config: &'a Config, channels: &mut Channels<'a>) {
    let records = catalog.builds.values();
    let records = records.map(|r| (&r.build.incremental, &r.build.next_device, &r.former));
    let stones = catalog.tombstones.values();
    let stones = stones.map(|s| (&s.incremental, &s.next_device, &s.former));
    for (incremental, next_device, former) in records.chain(stones) {
        for channel in former {
            for name in config.names(&channel.device, next_device.as_ref()) {
                let key = ChannelKey {
                    device: name.clone(),
                    ..channel.clone()
                };
                let channel = channels.channels.entry(key).or_default();
                if let Some(incremental) = incremental {
                    let installed = channel.incrementals.entry(incremental).or_default();
                    installed.has_moved = true;
                }
            }
        }
    }
}

/// Adds the incrementals of the settings to the channels of their device and
/// romtype; to the plain one in any case.
fn remember_configured<'a>(config: &'a Config, channels: &mut Channels<'a>) {
    for (name, device) in &config.devices {
        let Ok(device_name) = Device::parse(name) else {
            continue;
        };
        for (romtype, known) in &device.known_incrementals {
            for name in config.names(&device_name, None) {
                let is_wanted = |key: &ChannelKey| key.device == *name && key.romtype == *romtype;
                let mut keys: Vec<ChannelKey> = channels
                    .channels
                    .keys()
                    .filter(|key| is_wanted(key))
                    .cloned()
                    .collect();
                let plain = ChannelKey {
                    device: name.clone(),
                    variant: None,
                    romtype: romtype.clone(),
                };
                if !keys.contains(&plain) {
                    keys.push(plain);
                }
                for key in keys {
                    let channel = channels.channels.entry(key).or_default();
                    for known in known {
                        let facts = Facts {
                            version: known.version.as_deref(),
                            sdk: None,
                            date: known.timestamp,
                        };
                        channel.remember(Some(&known.incremental), facts);
                    }
                }
            }
        }
    }
}

impl ChannelKey {
    /// The channel of a build under its device's own name.
    #[must_use]
    pub fn of(build: &Build) -> ChannelKey {
        ChannelKey::new(&build.device, build.variant.as_ref(), &build.romtype)
    }

    /// The channel of these three.
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
        installed.versions.extend(facts.version);
        let version = facts.lineage_version();
        let version = version.filter(|_| facts.takes_minor_versions());
        installed.takes_minor_from.extend(version);
    }

    /// Phones run what a delta starts from, or nobody could use it.
    fn remember_source(&mut self, source: Option<&'a str>, version: &'a str) {
        if let Some(source) = source {
            let installed = self.incrementals.entry(source).or_default();
            installed.version_of_delta = Some(version);
        }
    }

    /// The full build that a delta leads to, if phones may be led there.
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

    /// The channel without the builds that `is_fit` refuses, and without deltas that lead to one.
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

    /// The newest full builds, some `limit` of them, that a phone with `installed`
    /// is told of: newer than that and, unless other versions are listed too, of
    /// its version, or of one that its updater installs as well.
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

/// Whether the build a delta makes is this full one.
#[must_use]
pub fn leads_to(delta: &Build, full: &Build) -> bool {
    full.kind == Kind::Full
        && delta.timestamp == full.timestamp
        && match (&delta.incremental, &full.incremental) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
}

/// The newest `keep` of a list that is sorted newest first, and the protected
/// ones of each version.
#[must_use]
pub fn shorten<'a>(offers: &[Offer<'a>], keep: usize) -> Vec<Offer<'a>> {
    let protected = protected(offers);
    let numbered = offers.iter().enumerate();
    numbered
        .filter(|(index, _)| *index < keep || protected[*index])
        .map(|(_, offer)| *offer)
        .collect()
}

/// Which of a list that is sorted newest first stay whatever limits it: deltas, and
/// the newest full builds of each romtype and version.
#[must_use]
pub fn protected<'a>(offers: &[Offer<'a>]) -> Vec<bool> {
    let mut num_full: Vec<(&'a Build, usize)> = Vec::new();
    let is_protected = |offer: &Offer<'a>| {
        let build = offer.build;
        if build.kind != Kind::Full {
            return true;
        }
        let same = |(known, _): &(&Build, usize)| {
            let (a, b) = (known.romtype.as_str(), build.romtype.as_str());
            known.version == build.version && a.eq_ignore_ascii_case(b)
        };
        let group = num_full.iter().position(same).unwrap_or_else(|| {
            num_full.push((build, 0));
            num_full.len() - 1
        });
        num_full[group].1 += 1;
        num_full[group].1 <= NUM_PROTECTED
    };
    offers.iter().map(is_protected).collect()
}

/// Newest first; builds of one second by file name, so that the order is stable.
#[must_use]
pub fn newest_first(a: &Offer<'_>, b: &Offer<'_>) -> std::cmp::Ordering {
    let newness = b.build.timestamp.cmp(&a.build.timestamp);
    newness.then_with(|| a.build.filename.cmp(&b.build.filename))
}
