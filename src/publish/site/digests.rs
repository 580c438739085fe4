//! The list of all files that people can download, with their digests: the script of pages compares
//! downloaded files with it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::builds::{BuildEntry, DeviceBuilds};
use super::values::device_name;
use super::{ASSETS, device_path, file};
use crate::model::build::ImageFile;
use crate::model::config::Config;
use crate::publish::page::Page;

/// About how many bytes describe one build.
const LEN: usize = 220;

/// All builds; each is described when it is written, since large sites have very many.
struct List<'l, 'a> {
    devices: &'l [DeviceBuilds<'a>],
    config: &'l Config,
}

impl Serialize for List<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let builds = self.devices.iter().flat_map(|device| {
            let name = device_name(device, self.config);
            let entries = device.builds.iter();
            entries.map(move |entry| BuildFiles {
                model: device.model.as_str(),
                device: name,
                page: entry
                    .path
                    .clone()
                    .unwrap_or_else(|| device_path(device.model.as_str())),
                files: files(entry, self.config),
            })
        });
        serializer.collect_seq(builds)
    }
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

/// Renders the list.
pub(super) fn render(devices: &[DeviceBuilds<'_>], config: &Config) -> Page {
    let list = BTreeMap::from([("builds", List { devices, config })]);
    let num_builds: usize = devices.iter().map(|device| device.builds.len()).sum();
    let mut json = Vec::with_capacity(LEN * num_builds);
    serde_json::to_writer(&mut json, &list).expect("names and digests are texts");
    json.push(b'\n');
    file(format!("{ASSETS}/digests.json"), &json)
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
