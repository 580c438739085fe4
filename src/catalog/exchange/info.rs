//! What a feed says for people: maintainer, maker, forum and the like.
//!
//! In: an entry, and the object around the list. Out: [`DeviceText`], which the pages and
//! feeds of the device show again. The keys are open: whatever is not a fact of the build
//! is for people.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::flat;

/// Keys for the name of the phone, best first.
const NAME: [&str; 8] = [
    "device_name",
    "device_display_name",
    "deviceName",
    "devicename",
    "device_model",
    "model",
    "name",
    "device",
];
/// Keys for the maker of the phone, best first.
const OEM: [&str; 4] = ["oem", "brand", "brandName", "device_brand"];

/// Keys that describe one build, and are not about its device.
const OF_THE_BUILD: [&str; 38] = [
    "addons",
    "additional_images",
    "android",
    "android_version",
    "assert",
    "changelog",
    "changelog_device",
    "changelog_device_id",
    "changelog_main",
    "changelog_url",
    "changes",
    "deviceChangelog",
    "error",
    "fastboot",
    "fastboot_package_url",
    "fastboot_sha256",
    "filepath",
    "files",
    "github_releases_url",
    "images",
    "latestVersion",
    "major",
    "minor",
    "mirror",
    "notification",
    "number",
    "os_patch_level",
    "ota_datetime",
    "payload",
    "recovery_sha256",
    "releases",
    "requireCleanFlash",
    "response",
    "result",
    "stream",
    "stream_url",
    "updates",
    "whatsNew",
];

/// Longest value that is kept, in bytes of JSON; anything longer is not for people.
const MAX_VALUE_SIZE: usize = 64 << 10;
/// Deepest value that is kept.
const MAX_DEPTH: usize = 8;

/// What people read of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceText {
    /// Its name in shops.
    pub name: Option<String>,
    /// Who makes it.
    pub oem: Option<String>,
    /// Everything else, under the feed's own keys.
    pub info: Map<String, Value>,
}

impl DeviceText {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.oem.is_none() && self.info.is_empty()
    }

    /// Adds what another text says and this one does not.
    pub fn complete(&mut self, other: &DeviceText) {
        self.name = self.name.take().or_else(|| other.name.clone());
        self.oem = self.oem.take().or_else(|| other.oem.clone());
        for (key, value) in &other.info {
            self.info.entry(key).or_insert_with(|| value.clone());
        }
    }
}

/// What an object says for people: an entry, or what its list stands in.
pub(super) fn read(object: &Value) -> DeviceText {
    static SKIPPED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
        let own = NAME.iter().chain(&OEM).chain(&OF_THE_BUILD).copied();
        flat::fact_keys().chain(own).collect()
    });
    let Some(object) = object.as_object() else {
        return DeviceText::default();
    };
    let text = |keys: &[&str]| {
        let mut texts = keys.iter().filter_map(|key| object.get(*key)?.as_str());
        let text = texts.find(|text| !text.trim().is_empty() && text.len() <= MAX_VALUE_SIZE);
        text.map(str::to_owned)
    };
    let is_kept = |key: &str, value: &Value| {
        !SKIPPED.contains(key)
            && !is_empty(value)
            && is_shallow(value, MAX_DEPTH)
            && key.len() + value.to_string().len() <= MAX_VALUE_SIZE
    };
    DeviceText {
        name: text(&NAME),
        oem: text(&OEM),
        info: object
            .iter()
            .filter(|(key, value)| is_kept(key, value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    }
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    let is_shallow = |value| is_shallow(value, depth - 1);
    match value {
        Value::Array(list) => depth > 0 && list.iter().all(is_shallow),
        Value::Object(map) => depth > 0 && map.values().all(is_shallow),
        _ => true,
    }
}

/// Whether a value says nothing: templates give each key a default of its own.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
