//! The parts of a site: devices whose files depend on no other device's builds.
//!
//! A device with aliases, or with builds under another name, is one part with these. All files of a part are
//! made from its channels, the texts about its builds and what the whole site has in common; a [`digest`] of all
//! these tells whether a part is as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::sink::Notes;
use crate::catalog::channels::{Channel, ChannelKey};
use crate::model::build::{Build, Device};
use crate::model::config::Config;
use crate::publish::feed::{ChannelMap, Feeds, Renderer, Sites};
use crate::publish::site;

/// Divides the channels of a site into its parts, each under the first of its device names.
pub(super) fn divide<'l, 'a>(
    channels: &'l BTreeMap<ChannelKey, Channel<'a>>,
) -> BTreeMap<&'l Device, ChannelMap<'l, 'a>> {
    let mut names = Names::default();
    for (key, channel) in channels {
        names.join(&key.device, &key.device);
        for build in builds(channel) {
            names.join(&key.device, &build.device);
        }
    }
    let mut parts: BTreeMap<&Device, ChannelMap<'_, '_>> = BTreeMap::new();
    for (key, channel) in channels {
        let part = parts.entry(names.first(&key.device)).or_default();
        part.insert(key, channel);
    }
    parts
}

/// Returns the builds that a channel offers.
fn builds<'a>(channel: &Channel<'a>) -> impl Iterator<Item = &'a Build> {
    let deltas = channel.deltas.iter().map(|delta| delta.offer.build);
    channel.offers.iter().map(|offer| offer.build).chain(deltas)
}

/// Device names that belong together: each leads to a smaller one, or to itself.
#[derive(Default)]
struct Names<'l>(BTreeMap<&'l Device, &'l Device>);

impl<'l> Names<'l> {
    fn first(&self, name: &'l Device) -> &'l Device {
        let mut name = name;
        while let Some(next) = self.0.get(name).filter(|next| **next != name) {
            name = next;
        }
        name
    }

    fn join(&mut self, one: &'l Device, other: &'l Device) {
        if one == other && self.0.contains_key(one) {
            return;
        }
        let [one, other] = [one, other].map(|name| self.first(name));
        let first = one.min(other);
        self.0.insert(one, first);
        self.0.insert(other, first);
    }
}

/// Returns a digest of all that the files of a part are made from. `common` is one of what all parts share.
pub(super) fn digest(channels: &ChannelMap<'_, '_>, notes: Notes<'_>, common: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    common.hash(&mut hasher);
    let mut names = BTreeSet::new();
    for (key, channel) in channels {
        key.hash(&mut hasher);
        channel.hash(&mut hasher);
        names.extend(builds(channel).map(|build| build.filename.as_str()));
    }
    for name in names {
        notes.changelogs.get(name).hash(&mut hasher);
        notes.history.get(name).hash(&mut hasher);
    }
    hasher.finish()
}

/// Returns a digest of what the files of all parts are made from, besides their builds.
pub(super) fn common(config: &Config, feeds: &Renderer<'_>, sites: &Sites, of_site: &Feeds) -> u64 {
    let mut hasher = DefaultHasher::new();
    settings(config).hash(&mut hasher);
    of_site
        .pages
        .iter()
        .any(|page| page.path == site::SITE_ATOM)
        .hash(&mut hasher);
    if feeds.shows_others() {
        sites.describe().hash(&mut hasher);
    }
    hasher.finish()
}

/// Returns a digest of the program and of all settings that pages may depend on.
fn settings(config: &Config) -> u64 {
    let Config {
        base_url,
        url,
        mirrors,
        devices,
        device_feed,
        retention,
        romtypes,
        major_upgrades,
        block_deltas,
        same_lane,
        families,
        feeds,
        sources,
        theme,
        known_devices,
        program,
        // These decide which builds are in the catalog, or how a run works.
        builds: _,
        follow_links: _,
        out: _,
        catalogs: _,
        changelogs: _,
        state: _,
        variants: _,
        accept_new_signer: _,
        certificates: _,
        require: _,
        overrides: _,
        exclude: _,
        exclude_patterns: _,
        devices_local: _,
        jobs: _,
        io_limit: _,
        limits: _,
        rehash: _,
        full: _,
        adopt: _,
        new_catalog: _,
        dry_run: _,
        catalog_only: _,
        scope: _,
        strict: _,
        source_jobs: _,
        max_download: _,
        accept_loss: _,
        place: _,
    } = config;
    let addresses = (base_url, url, mirrors, sources);
    let lists = (
        device_feed,
        retention,
        romtypes,
        major_upgrades,
        block_deltas,
        same_lane,
    );
    let pages = (devices, families, feeds, theme, known_devices);
    let mut hasher = DefaultHasher::new();
    format!("{program}{addresses:?}{lists:?}{pages:?}").hash(&mut hasher);
    hasher.finish()
}
