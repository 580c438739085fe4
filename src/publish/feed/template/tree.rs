//! The builds of one variant as values for templates: those of some devices, by device and by channel, or the
//! newest of all.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::{Serde, Value};

use super::context::{BuildContext, BuildValues, DeltaValues, DeviceValues};
use super::{Lacking, Template};
use crate::catalog::channels::{Channel, ChannelKey, DeltaOffer, Offer, newest_first};
use crate::markup::template::fields;
use crate::model::build::{Device, Variant};
use crate::model::config::Config;
use crate::publish::feed::{DeviceChannels, Tree, prefix};

/// The values of one variant for templates.
pub(super) struct TreeValues<'l, 'a> {
    pub(super) prefix: String,
    pub(super) variant: Option<&'l Variant>,
    pub(super) site: Value,
    pub(super) devices: Vec<DeviceTree<'l, 'a>>,
    /// The builds of a page about all devices, each once, newest first.
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
            let value = full_value(offer, deltas.unwrap_or_default(), context);
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
    /// Collects the values for pages about single devices.
    pub(super) fn of_devices(
        variant: Option<&'l Variant>,
        tree: &Tree<'l, 'a>,
        context: BuildContext<'l>,
        site: &Value,
    ) -> TreeValues<'l, 'a> {
        let device = |(model, channels): (&&'l Device, &DeviceChannels<'l, 'a>)| {
            let device = DeviceValues::of_channels(model, channels, context.config);
            let channels: Vec<ChannelTree<'l, 'a>> = channels
                .iter()
                .map(|(key, channel)| ChannelTree::new(key, channel, context))
                .collect();
            let mut builds: Vec<(Offer<'a>, Value)> = channels
                .iter()
                .flat_map(|channel| channel.builds.clone())
                .collect();
            builds.sort_by(|(a, _), (b, _)| newest_first(a, b));
            DeviceTree {
                model,
                device: Value::from(Serde(device)),
                channels,
                list: list_of(&builds),
                builds,
            }
        };
        TreeValues {
            prefix: prefix(variant),
            variant,
            site: site.clone(),
            devices: tree.iter().map(device).collect(),
            builds: Vec::new(),
            list: Value::default(),
        }
    }

    /// Collects the values for the page of a template about all devices.
    pub(super) fn of_site(
        variant: Option<&'l Variant>,
        tree: &Tree<'l, 'a>,
        context: BuildContext<'l>,
        site: &Value,
        template: &Template<'_>,
    ) -> TreeValues<'l, 'a> {
        let mut offers = offers(tree);
        offers.sort_by(|(a, _), (b, _)| newest_first(a, b));
        offers.truncate(template.front.limit.unwrap_or(usize::MAX));
        let builds: Vec<(Offer<'a>, Value)> = offers
            .into_iter()
            .map(|(offer, channel)| {
                let is_to_it = |delta: &&DeltaOffer<'_>| {
                    delta.target.build.identity() == offer.build.identity()
                };
                let deltas = channel.deltas.iter().filter(is_to_it);
                let deltas = deltas
                    .map(|delta| Value::from(Serde(DeltaValues::new(delta, channel, context))));
                (offer, full_value(&offer, deltas.collect(), context))
            })
            .collect();
        TreeValues {
            prefix: prefix(variant),
            variant,
            site: site.clone(),
            devices: Vec::new(),
            list: list_of(&builds),
            builds,
        }
    }

    /// Finds the builds that a template leaves out for lack of a fact, by that fact.
    pub(super) fn lacking(&self, template: &Template<'_>, config: &Config) -> Lacking<'a> {
        let mut lacking = Lacking::default();
        for device in &self.devices {
            let is_own = template.is_device_feed(device.model, config);
            if !is_own && !template.feed.is_enabled {
                continue;
            }
            for (offer, value) in &device.builds {
                check_facts(template, offer, value, &mut lacking);
            }
            let deltas = device
                .channels
                .iter()
                .flat_map(|channel| channel.deltas.values());
            for (delta, value) in deltas.flatten() {
                check_facts(template, &delta.offer, value, &mut lacking);
            }
        }
        lacking
    }
}

/// Finds the builds that a template about all devices leaves out.
pub(super) fn lacking_of_site<'a>(
    tree: &Tree<'_, 'a>,
    template: &Template<'_>,
    context: BuildContext<'_>,
) -> Lacking<'a> {
    let mut lacking = Lacking::default();
    if template.front.requires.is_empty() {
        return lacking;
    }
    for (offer, _) in offers(tree) {
        check_facts(
            template,
            &offer,
            &full_value(&offer, Vec::new(), context),
            &mut lacking,
        );
    }
    for (_, channel) in tree.values().flatten() {
        for delta in &channel.deltas {
            let value = Value::from(Serde(DeltaValues::new(delta, channel, context)));
            check_facts(template, &delta.offer, &value, &mut lacking);
        }
    }
    lacking
}

/// Returns each build once, with its channel: a device with two names has it in two.
fn offers<'l, 'a>(tree: &Tree<'l, 'a>) -> Vec<(Offer<'a>, &'l Channel<'a>)> {
    let mut taken = BTreeSet::new();
    let channels = tree.values().flatten();
    let all = channels.flat_map(|(_, channel)| channel.offers.iter().map(|o| (*o, *channel)));
    all.filter(|(offer, _)| taken.insert(offer.build.identity()))
        .collect()
}

/// Returns the values of a full build with the deltas that lead to it.
fn full_value(offer: &Offer<'_>, deltas: Vec<Value>, context: BuildContext<'_>) -> Value {
    let build = BuildValues::new(offer.build, Some(offer.url), context);
    let deltas = fields::map([("deltas", Value::from(deltas))]);
    fields::join(Value::from(Serde(build)), deltas)
}

fn check_facts<'a>(
    template: &Template<'_>,
    offer: &Offer<'a>,
    value: &Value,
    lacking: &mut Lacking<'a>,
) {
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
}
