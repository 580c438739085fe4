//! The builds of one variant as values for templates: all, by device, and by channel.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::{Serde, Value};

use super::context::{BuildContext, BuildValues, DeltaValues, DeviceValues, FullValues, Site};
use super::{Lack, Template};
use crate::catalog::channels::{Channel, ChannelKey, DeltaOffer, Offer, newest_first};
use crate::model::build::{Device, Variant};
use crate::model::config::Config;
use crate::publish::feed::{Tree, prefix};

/// The values of one variant for templates.
pub(super) struct TreeValues<'l, 'a> {
    pub(super) prefix: String,
    pub(super) variant: Option<&'l Variant>,
    pub(super) site: Value,
    pub(super) devices: Vec<DeviceTree<'l, 'a>>,
    /// All builds, each once, newest first.
    pub(super) builds: Vec<(Offer<'a>, Value)>,
    pub(super) list: Value,
}

/// The values of one device.
pub(super) struct DeviceTree<'l, 'a> {
    pub(super) model: &'l Device,
    pub(super) device: Value,
    pub(super) channels: Vec<ChannelTree<'l, 'a>>,
    /// The builds of all its channels, newest first.
    pub(super) builds: Vec<(Offer<'a>, Value)>,
    pub(super) list: Value,
}

/// The values of one device and release type.
pub(super) struct ChannelTree<'l, 'a> {
    pub(super) key: &'l ChannelKey,
    pub(super) channel: &'l Channel<'a>,
    pub(super) builds: Vec<(Offer<'a>, Value)>,
    pub(super) list: Value,
    pub(super) deltas: BTreeMap<&'a str, Vec<(&'l DeltaOffer<'a>, Value)>>,
}

/// Returns builds as a list for templates.
fn list_of<'v, 'a: 'v>(builds: impl IntoIterator<Item = &'v (Offer<'a>, Value)>) -> Value {
    builds.into_iter().map(|(_, value)| value.clone()).collect()
}

impl<'l, 'a> ChannelTree<'l, 'a> {
    /// Returns what its pages are about, for messages.
    pub(super) fn subject(&self) -> String {
        format!("device {}, romtype {}", self.key.device, self.key.romtype)
    }

    /// Returns the value of a placeholder that all its pages share.
    pub(super) fn placeholder(&self, name: &str) -> Option<String> {
        match name {
            "device" => Some(self.key.device.to_string()),
            "romtype" => Some(self.key.romtype.clone()),
            _ => None,
        }
    }

    fn new(
        key: &'l ChannelKey,
        channel: &'l Channel<'a>,
        context: BuildContext<'l>,
    ) -> ChannelTree<'l, 'a> {
        let mut deltas: BTreeMap<&str, Vec<(&DeltaOffer<'a>, Value)>> = BTreeMap::new();
        let mut by_target: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for delta in &channel.deltas {
            let value = Value::from(Serde(DeltaValues::new(delta, channel, context)));
            let target = by_target.entry(delta.target.build.identity()).or_default();
            target.push(value.clone());
            deltas.entry(delta.source).or_default().push((delta, value));
        }
        let full = |offer: &Offer<'a>| {
            let deltas = by_target.remove(offer.build.identity());
            let value = Value::from(Serde(FullValues {
                build: BuildValues::new(offer.build, Some(offer.url), context),
                deltas: deltas.unwrap_or_default(),
            }));
            (*offer, value)
        };
        let builds: Vec<(Offer<'a>, Value)> = channel.offers.iter().map(full).collect();
        ChannelTree {
            key,
            channel,
            list: list_of(&builds),
            builds,
            deltas,
        }
    }
}

impl<'l, 'a> TreeValues<'l, 'a> {
    /// Collects the values of a tree.
    pub(super) fn new(
        variant: Option<&'l Variant>,
        tree: &Tree<'l, 'a>,
        context: BuildContext<'l>,
    ) -> TreeValues<'l, 'a> {
        let config = context.config;
        let mut about = Vec::new();
        let mut devices = Vec::new();
        let mut all: Vec<(Offer<'a>, Value)> = Vec::new();
        let mut taken = BTreeSet::new();
        for (model, channels) in tree {
            let channels: Vec<ChannelTree<'l, 'a>> = channels
                .iter()
                .map(|(key, channel)| ChannelTree::new(key, channel, context))
                .collect();
            let mut builds: Vec<(Offer<'a>, Value)> = channels
                .iter()
                .flat_map(|channel| channel.builds.clone())
                .collect();
            builds.sort_by(|(a, _), (b, _)| newest_first(a, b));
            // A device with two names has each build twice.
            let fresh = builds
                .iter()
                .filter(|(o, _)| taken.insert(o.build.identity()));
            all.extend(fresh.cloned());
            let romtypes = channels
                .iter()
                .map(|channel| channel.key.romtype.as_str())
                .collect();
            let offers: Vec<Offer<'a>> = builds.iter().map(|(offer, _)| *offer).collect();
            let device = DeviceValues::new(model, romtypes, &offers, config);
            about.push(device.clone());
            devices.push(DeviceTree {
                model,
                device: Value::from(Serde(device)),
                channels,
                list: list_of(&builds),
                builds,
            });
        }
        all.sort_by(|(a, _), (b, _)| newest_first(a, b));
        let site = Site {
            name: &config.theme.name,
            base_url: config.base_url.as_deref(),
            variant: variant.map(Variant::as_str),
            updated: all.first().map(|(offer, _)| offer.build.timestamp),
            devices: about,
        };
        TreeValues {
            prefix: prefix(variant),
            variant,
            site: Value::from(Serde(site)),
            devices,
            list: list_of(&all),
            builds: all,
        }
    }

    /// Finds the builds that a template leaves out for lack of a fact, by that fact.
    pub(super) fn lacking(
        &self,
        template: &Template<'_>,
        config: &Config,
    ) -> BTreeMap<&'static str, Lack<'a>> {
        let mut lacking: BTreeMap<&'static str, Lack<'a>> = BTreeMap::new();
        let mut check = |offer: &Offer<'a>, value: &Value| {
            for fact in &template.front.requires {
                // An API level of 0 counts as missing.
                if value.get_attr(fact).is_ok_and(|value| value.is_true()) {
                    continue;
                }
                let lack = lacking.entry(fact).or_default();
                lack.ids.insert(offer.build.identity());
                if lack.newest.is_empty() {
                    lack.newest = &offer.build.filename;
                }
            }
        };
        for device in &self.devices {
            let is_own = template.is_device_feed(device.model, config);
            if !is_own && !template.feed.is_enabled {
                continue;
            }
            for (offer, value) in &device.builds {
                check(offer, value);
            }
            let deltas = device
                .channels
                .iter()
                .flat_map(|channel| channel.deltas.values());
            for (delta, value) in deltas.flatten() {
                check(&delta.offer, value);
            }
        }
        lacking
    }
}
