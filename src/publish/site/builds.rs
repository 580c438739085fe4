//! The builds of each device, as pages show them.
//!
//! A build stands with the device it is for, whatever other names its phones ask for; all variants
//! and release types of a device stand together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::catalog::channels::{Channel, DeltaOffer, Offer, newest_first};
use crate::model::build::{Build, Device, Variant};
use crate::model::names;
use crate::publish::feed::ChannelMap;

/// A device with the builds that people can download.
pub(super) struct DeviceBuilds<'a> {
    pub(super) model: &'a Device,
    /// The builds, newest first.
    pub(super) builds: Vec<BuildEntry<'a>>,
    /// Paths of its newsfeeds.
    pub(super) atoms: Vec<&'a str>,
}

/// What people choose between: a variant, and a release type in lower case.
pub(super) type Choice<'a> = (Option<&'a Variant>, String);

impl<'a> DeviceBuilds<'a> {
    /// Returns the newest build of each variant and release type, ordered by variant: the plain one
    /// first, Google's apps last. Within a variant, the release type with the newest build comes first.
    pub(super) fn latest(&self) -> Vec<&BuildEntry<'a>> {
        let mut seen = BTreeSet::new();
        let is_first = |entry: &&BuildEntry<'a>| seen.insert(entry.choice());
        let mut latest: Vec<&BuildEntry<'a>> = self.builds.iter().filter(is_first).collect();
        // A stable sort keeps the newest of a variant first.
        latest.sort_by_key(|entry| {
            let variant = entry.offer.build.variant.as_ref();
            (variant.map(|variant| rank(variant.as_str())), variant)
        });
        latest
    }
}

/// Returns the place of a variant among others. Most people who do not choose expect the ROM as it is,
/// and Google's apps are what they could not remove again.
fn rank(variant: &str) -> u8 {
    match names::stated_variant(variant) {
        Some("vanilla") => 0,
        Some("gapps") => 2,
        _ => 1,
    }
}

impl<'a> BuildEntry<'a> {
    pub(super) fn choice(&self) -> Choice<'a> {
        let build = self.offer.build;
        (
            build.variant.as_ref(),
            build.romtype.as_str().to_lowercase(),
        )
    }
}

/// A build with its channel, its deltas and its page.
pub(super) struct BuildEntry<'a> {
    pub(super) offer: Offer<'a>,
    pub(super) channel: &'a Channel<'a>,
    /// The deltas to it.
    pub(super) deltas: Vec<&'a DeltaOffer<'a>>,
    /// Path of its page, not escaped, if it has one.
    pub(super) path: Option<String>,
}

/// Returns all devices with their builds, by codename. `pages` are the paths of the pages of builds, by identity.
pub(super) fn by_device<'a>(
    channels: &ChannelMap<'a, 'a>,
    atoms: &BTreeSet<&'a str>,
    pages: &HashMap<&str, String>,
) -> Vec<DeviceBuilds<'a>> {
    let mut devices: BTreeMap<&Device, DeviceBuilds<'a>> = BTreeMap::new();
    // If a device has several names, its builds are in several channels.
    let mut seen: HashSet<*const Build> = HashSet::new();
    for (key, channel) in channels {
        for offer in &channel.offers {
            let model = &offer.build.device;
            let device = devices.entry(model).or_insert_with(|| DeviceBuilds {
                model,
                builds: Vec::new(),
                atoms: Vec::new(),
            });
            let prefix = key.variant.as_ref().map(|variant| format!("{variant}/"));
            let atom = format!("{}{model}.atom", prefix.unwrap_or_default());
            if let Some(atom) = atoms.get(atom.as_str())
                && !device.atoms.contains(atom)
            {
                device.atoms.push(atom);
            }
            if seen.insert(std::ptr::from_ref(offer.build)) {
                device.builds.push(BuildEntry {
                    offer: *offer,
                    channel,
                    deltas: deltas_to(offer, channel),
                    path: pages.get(offer.build.identity()).cloned(),
                });
            }
        }
    }
    let mut devices: Vec<DeviceBuilds<'a>> = devices.into_values().collect();
    for device in &mut devices {
        device
            .builds
            .sort_by(|a, b| newest_first(&a.offer, &b.offer));
    }
    devices
}

fn deltas_to<'a>(offer: &Offer<'a>, channel: &'a Channel<'a>) -> Vec<&'a DeltaOffer<'a>> {
    let leads_to_it =
        |delta: &&DeltaOffer<'_>| delta.target.build.identity() == offer.build.identity();
    channel.deltas.iter().filter(leads_to_it).collect()
}
