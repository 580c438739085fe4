//! Sorts the builds of a catalog into channels.

use std::collections::{BTreeMap, BTreeSet};

use super::retention::{newest_first, split};
use super::{Channel, ChannelKey, Channels, DeltaOffer, Held, Offer};
use crate::catalog::{Catalog, Record};
use crate::model::build::{Device, Kind, Romtype, Variant};
use crate::model::config::Config;
use crate::model::entry_rules::CLOCK_SLACK;
use crate::model::era::Facts;

/// The deltas of each channel whose full builds are not looked for yet.
type OpenDeltas<'a> = BTreeMap<ChannelKey, Vec<Offer<'a>>>;

impl<'a> Channels<'a> {
    /// Sorts the builds of a catalog into channels.
    ///
    /// `urls` has the download address of each offered build by its identity; a build without an
    /// address is left out. `now` is in seconds since the epoch.
    #[must_use]
    pub fn new(
        catalog: &'a Catalog,
        config: &'a Config,
        urls: &'a BTreeMap<&'a str, String>,
        now: i64,
    ) -> Channels<'a> {
        Channels::of_devices(catalog, config, urls, now, &|_| true)
    }

    /// Sorts the builds of some devices into channels as [`Channels::new`] does, given a catalog of these alone.
    #[must_use]
    pub fn of_devices(
        catalog: &'a Catalog,
        config: &'a Config,
        urls: &'a BTreeMap<&'a str, String>,
        now: i64,
        are_among: &dyn Fn(&Device) -> bool,
    ) -> Channels<'a> {
        let mut channels = Channels::default();
        let mut deltas = OpenDeltas::new();
        add_builds(catalog, config, urls, now, &mut channels, &mut deltas);
        remember_tombstones(catalog, config, &mut channels);
        remember_former(catalog, config, &mut channels);
        remember_configured(config, are_among, &mut channels);
        for (key, channel) in &mut channels.channels {
            let deltas = deltas.remove(key).unwrap_or_default();
            complete(key, channel, deltas, config, &mut channels.held);
        }
        channels
    }
}

/// Adds all builds to their channels; deltas go to `deltas`, since their full builds may come
/// later.
fn add_builds<'a>(
    catalog: &'a Catalog,
    config: &'a Config,
    urls: &'a BTreeMap<&'a str, String>,
    now: i64,
    channels: &mut Channels<'a>,
    deltas: &mut OpenDeltas<'a>,
) {
    let devices = catalog.devices();
    for (names, records) in by_names(catalog) {
        let (device, next_device, variant, romtype) = names;
        for name in config.names(device, next_device) {
            let is_alias = name != device && Some(name) != next_device;
            let is_withheld = is_alias && is_withheld(config, catalog, &devices, [device, name]);
            let key = ChannelKey::new(name, variant, romtype);
            let min_age = config.retention(name.as_str(), &key.romtype).min_age;
            let (mut channel_deltas, mut changes) = (Vec::new(), Vec::new());
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
                let until = min_age.map(|age| build.timestamp.saturating_add(age));
                if let Some(until) = until {
                    changes.extend([build.timestamp.saturating_sub(CLOCK_SLACK), until]);
                }
                let until = until.filter(|until| *until > now);
                // A build dated in the future means a wrong clock; `min_age` is ignored until that date.
                let is_future = build.timestamp > now + CLOCK_SLACK;
                match until {
                    Some(until) if !is_future => {
                        channels.held.insert(&build.path, Held::TooYoung(until));
                    }
                    _ if build.kind == Kind::Full => channel.offers.push(offer),
                    _ => channel_deltas.push(offer),
                }
            }
            for at in changes {
                channels.add_change(at, now);
            }
            if !channel_deltas.is_empty() {
                deltas.entry(key).or_default().append(&mut channel_deltas);
            }
        }
    }
}

/// Adds the incrementals of builds that are no longer offered.
fn remember_tombstones<'a>(catalog: &'a Catalog, config: &'a Config, channels: &mut Channels<'a>) {
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
}

/// Sorts the builds of a channel, applies retention, and adds the deltas that lead to what is left.
fn complete<'a>(
    key: &ChannelKey,
    channel: &mut Channel<'a>,
    deltas: Vec<Offer<'a>>,
    config: &Config,
    held: &mut BTreeMap<&'a str, Held>,
) {
    channel.offers.sort_by(newest_first);
    if let Some(keep) = config.retention(key.device.as_str(), &key.romtype).keep {
        let (listed, others) = split(&channel.offers, keep);
        channel.offers = listed;
        channel.unlisted = others.into_iter().map(|offer| offer.build).collect();
    }
    for offer in &channel.offers {
        let version = offer.build.version.as_str();
        channel.by_version.entry(version).or_default().push(*offer);
    }
    let takes_blocks = config.block_deltas(key.device.as_str());
    for offer in deltas {
        match channel.find_target(offer, takes_blocks) {
            Ok(delta) => channel.deltas.push(delta),
            Err(reason) => {
                held.insert(&offer.build.path, reason);
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

/// Whether builds of a device stay out of the lists of one of its aliases.
///
/// They do if the alias has builds of its own, whose phones could install them, unless they were
/// published there before or the settings say that they fit.
#[must_use]
pub fn is_withheld(
    config: &Config,
    catalog: &Catalog,
    devices: &BTreeSet<&Device>,
    [device, alias]: [&Device; 2],
) -> bool {
    devices.contains(alias)
        && !catalog.has_alias(device, alias)
        && !config.alias_same_lane(alias.as_str())
}

/// The facts that decide the channels of a build: device, next device, variant, romtype.
type Names<'a> = (
    &'a Device,
    Option<&'a Device>,
    Option<&'a Variant>,
    &'a Romtype,
);

/// Groups the records of a catalog by what decides their channels.
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

/// Adds the incrementals of builds to the channels they were published in before.
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

/// Adds the incrementals of the settings to all channels of their device and romtype, at least to
/// the one without a variant.
fn remember_configured<'a>(
    config: &'a Config,
    are_among: &dyn Fn(&Device) -> bool,
    channels: &mut Channels<'a>,
) {
    for (name, device) in &config.devices {
        let Some(device_name) = Device::parse(name).ok().filter(are_among) else {
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
