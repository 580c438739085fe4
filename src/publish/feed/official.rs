//! The answers of LineageOS's own update server other than lists of builds, field for field.
//!
//! Source: lineageos-infra/updater of 2026: `/api/v1/types/<device>/`, `/api/v1/devices`,
//! `/api/v2/oems`, `/api/v2/devices/<device>`. As files they end in `.json`, so that none has the
//! name of a folder.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{DeviceChannels, Feeds, Tree};
use crate::markup::template::json;
use crate::model::build::Device;
use crate::model::config::{Config, DeviceInfo};

/// The manufacturer of a device that is not in `devices.json`.
const UNKNOWN_OEM: &str = "Other";

#[derive(Serialize)]
struct Types<'a> {
    response: Vec<&'a str>,
}

#[derive(Serialize)]
struct Oem<'a> {
    devices: Vec<OemDevice<'a>>,
    name: &'a str,
}

#[derive(Serialize)]
struct OemDevice<'a> {
    model: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct DeviceDetails<'a> {
    dependencies: &'a [String],
    info_url: &'a str,
    model: &'a str,
    name: &'a str,
    oem: &'a str,
    versions: Vec<&'a str>,
}

impl<'a> DeviceDetails<'a> {
    /// Describes a device as `devices.json` does, else by its codename.
    fn new(model: &'a str, versions: &BTreeSet<&'a str>, config: &'a Config) -> DeviceDetails<'a> {
        let info = config.known_devices.get(model);
        let text = |get: fn(&DeviceInfo) -> &String| {
            let text = info.map(|info| get(info).as_str());
            text.filter(|text| !text.is_empty())
        };
        let info_url = info.and_then(|info| info.info_url.as_ref());
        let info_url = info_url.or(config.base_url.as_ref());
        DeviceDetails {
            dependencies: info.map_or(&[], |info| &info.dependencies),
            info_url: info_url.map_or("", String::as_str),
            model,
            name: text(|info| &info.name).unwrap_or(model),
            oem: text(|info| &info.oem).unwrap_or(UNKNOWN_OEM),
            versions: versions.iter().copied().collect(),
        }
    }
}

/// Renders the files of one device and variant.
pub(super) fn render_device(
    prefix: &str,
    device: &Device,
    channels: &DeviceChannels<'_, '_>,
    config: &Config,
    feeds: &mut Feeds,
) {
    let model = device.as_str();
    let types = channels
        .iter()
        .filter(|(_, channel)| !channel.offers.is_empty());
    let response = types.map(|(key, _)| key.romtype.as_str()).collect();
    push(
        feeds,
        format!("{prefix}api/v1/types/{model}.json"),
        &Types { response },
    );
    let versions = versions(channels);
    if !versions.is_empty() {
        push(
            feeds,
            format!("{prefix}api/v2/devices/{model}.json"),
            &DeviceDetails::new(model, &versions, config),
        );
    }
}

/// Renders the files about all devices of one variant.
pub(super) fn render(prefix: &str, tree: &Tree<'_, '_>, config: &Config, feeds: &mut Feeds) {
    let mut by_version: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut oems: BTreeMap<&str, Vec<OemDevice<'_>>> = BTreeMap::new();
    for (device, channels) in tree {
        let model = device.as_str();
        let versions = versions(channels);
        if versions.is_empty() {
            continue;
        }
        let DeviceDetails { oem, name, .. } = DeviceDetails::new(model, &versions, config);
        oems.entry(oem).or_default().push(OemDevice { model, name });
        for version in versions {
            by_version.entry(version).or_default().push(model);
        }
    }
    push(feeds, format!("{prefix}api/v1/devices.json"), &by_version);
    let oems: Vec<Oem<'_>> = oems
        .into_iter()
        .map(|(name, devices)| Oem { devices, name })
        .collect();
    push(feeds, format!("{prefix}api/v2/oems.json"), &oems);
}

/// Returns the versions that are offered.
fn versions<'a>(channels: &DeviceChannels<'_, 'a>) -> BTreeSet<&'a str> {
    let offers = channels.iter().flat_map(|(_, channel)| &channel.offers);
    offers.map(|offer| offer.build.version.as_str()).collect()
}

fn push<T: Serialize>(feeds: &mut Feeds, path: String, value: &T) {
    feeds.push(path, format!("{}\n", json::to_ascii(value)).into_bytes());
}
