//! Texts for people in a feed: maintainer, manufacturer, forum and others.
//!
//! In: an entry, or the object around the list. Out: [`DeviceText`], which the pages and feeds of
//! the device show again. Every key that is not a fact of the build counts as a text for people.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::keys;

/// Keys for the marketing name of the device, best first.
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
/// Keys for the manufacturer of the device, best first.
const OEM: [&str; 4] = ["oem", "brand", "brandName", "device_brand"];

/// Keys that describe one build, not its device.
const BUILD_KEYS: [&str; 38] = [
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

/// Longest value that is stored, in bytes of JSON; longer ones are not for people.
const MAX_VALUE_SIZE: usize = 64 << 10;
/// Deepest nesting of a value that is stored.
const MAX_DEPTH: usize = 8;

/// Texts about a device for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceText {
    /// Its marketing name.
    pub name: Option<String>,
    /// Its manufacturer.
    pub oem: Option<String>,
    /// All other texts, under the feed's own keys.
    pub info: Map<String, Value>,
}

impl DeviceText {
    /// Whether it has no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.oem.is_none() && self.info.is_empty()
    }

    /// Adds the texts of another that are missing here.
    pub fn complete(&mut self, other: &DeviceText) {
        self.name = self.name.take().or_else(|| other.name.clone());
        self.oem = self.oem.take().or_else(|| other.oem.clone());
        for (key, value) in &other.info {
            self.info.entry(key).or_insert_with(|| value.clone());
        }
    }
}

/// Reads the texts for people from an entry, or from the object around its list.
pub(super) fn read(object: &Value) -> DeviceText {
    static SKIPPED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
        let other = NAME.iter().chain(&OEM).chain(&BUILD_KEYS).copied();
        keys::fact_keys().chain(other).collect()
    });
    let Some(object) = object.as_object() else {
        return DeviceText::default();
    };
    let text = |keys: &[&str]| {
        let mut texts = keys.iter().filter_map(|key| object.get(*key)?.as_str());
        let text = texts.find(|text| !text.trim().is_empty() && text.len() <= MAX_VALUE_SIZE);
        text.map(str::to_owned)
    };
    let is_stored = |key: &str, value: &Value| {
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
            .filter(|(key, value)| is_stored(key, value))
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

/// Whether a value is empty, as the defaults of templates are.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
