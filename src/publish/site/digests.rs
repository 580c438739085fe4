//! The files that people can download, with their digests: the script of pages compares downloaded
//! files with them. Each device has a list of its files, and an index names the devices.

use std::collections::BTreeMap;

use serde::Serialize;

use super::builds::{BuildEntry, DeviceBuilds};
use super::values::device_name;
use super::{ASSETS, device_path, file};
use crate::model::build::ImageFile;
use crate::model::config::Config;
use crate::publish::page::Page;

/// The list of a device.
#[derive(Debug, Serialize)]
struct List<'a> {
    builds: Vec<BuildFiles<'a>>,
}

#[derive(Debug, Serialize)]
struct BuildFiles<'a> {
    /// Codename of its device.
    model: &'a str,
    /// The name of its device.
    device: &'a str,
    /// Path of its page, not escaped; that of its device if it has none.
    page: String,
    /// The SHA-256 of its package, images and deltas by file name; `None` if it is unknown.
    files: BTreeMap<&'a str, Option<&'a str>>,
}

/// The index of all lists.
#[derive(Debug, Serialize)]
struct Index<'a> {
    devices: Vec<ListedDevice<'a>>,
}

#[derive(Debug, Serialize)]
struct ListedDevice<'a> {
    /// Its codename.
    model: &'a str,
    name: &'a str,
}

/// Renders the list of a device's files.
pub(super) fn of_device(device: &DeviceBuilds<'_>, config: &Config) -> Page {
    let model = device.model.as_str();
    let builds = device.builds.iter().map(|entry| BuildFiles {
        model,
        device: device_name(device, config),
        page: entry.path.clone().unwrap_or_else(|| device_path(model)),
        files: files(entry, config),
    });
    let list = List {
        builds: builds.collect(),
    };
    render(format!("{ASSETS}/digests/{model}.json"), &list)
}

/// Renders the index of all devices. Their builds are not looked at.
pub(super) fn index(devices: &[DeviceBuilds<'_>], config: &Config) -> Page {
    let devices = devices.iter().map(|device| ListedDevice {
        model: device.model.as_str(),
        name: device_name(device, config),
    });
    let index = Index {
        devices: devices.collect(),
    };
    render(format!("{ASSETS}/digests.json"), &index)
}

fn render(path: String, content: &impl Serialize) -> Page {
    let mut json = serde_json::to_vec(content).expect("names and digests are texts");
    json.push(b'\n');
    file(path, &json)
}

fn files<'a>(entry: &BuildEntry<'a>, config: &Config) -> BTreeMap<&'a str, Option<&'a str>> {
    let build = entry.offer.build;
    let package = (build.filename.as_str(), build.sha256.as_deref());
    let published = |image: &&ImageFile| config.image_address(build, image).is_some();
    let images = build.images.iter().filter(published);
    let images = images.map(|image| (image.filename.as_str(), Some(image.sha256.as_str())));
    let deltas = entry.deltas.iter().map(|delta| {
        let delta = delta.offer.build;
        (delta.filename.as_str(), delta.sha256.as_deref())
    });
    images.chain(deltas).chain([package]).collect()
}
