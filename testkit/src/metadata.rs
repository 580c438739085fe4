//! `META-INF/com/android/metadata` and its binary twin `metadata.pb`.
//!
//! In: what a package says about itself. Out: sorted `key=value` lines, and the `OtaMetadata`
//! message of AOSP `build/make/tools/releasetools/ota_metadata.proto` (Android 15). Per-partition
//! states are left out.

use crate::proto::Message;
use std::collections::BTreeMap;

/// The metadata of one package; unset keys do not appear.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    ota_type: Option<String>,
    device: Option<String>,
    timestamp: Option<i64>,
    incremental: Option<String>,
    sdk: Option<u32>,
    security_patch: Option<String>,
    fingerprint: Option<String>,
    pre_fingerprint: Option<String>,
    pre_incremental: Option<String>,
    property_files: Option<String>,
    streaming_property_files: Option<String>,
    required_cache: Option<i64>,
    wipe: bool,
    downgrade: bool,
    lines: Vec<(String, String)>,
}

impl Metadata {
    /// Starts empty metadata.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `ota-type`: `AB`, `BLOCK` or `FILE`.
    pub fn ota_type(mut self, ota_type: &str) -> Self {
        self.ota_type = Some(ota_type.to_owned());
        self
    }

    /// Sets `pre-device` verbatim. In the binary form `|` separates devices, while a list
    /// with commas stays one element, as ROMs that write such lists have it.
    pub fn device(mut self, device: &str) -> Self {
        self.device = Some(device.to_owned());
        self
    }

    /// Sets `post-timestamp`, in seconds since the epoch.
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Sets `post-build-incremental`.
    pub fn incremental(mut self, incremental: &str) -> Self {
        self.incremental = Some(incremental.to_owned());
        self
    }

    /// Sets `post-sdk-level`.
    pub fn sdk(mut self, sdk: u32) -> Self {
        self.sdk = Some(sdk);
        self
    }

    /// Sets `post-security-patch-level`, such as `2025-05-05`.
    pub fn security_patch(mut self, level: &str) -> Self {
        self.security_patch = Some(level.to_owned());
        self
    }

    /// Sets `post-build`, the fingerprint of the build in the package.
    pub fn fingerprint(mut self, fingerprint: &str) -> Self {
        self.fingerprint = Some(fingerprint.to_owned());
        self
    }

    /// Sets `pre-build`, the fingerprint of the build a delta starts from.
    pub fn pre_fingerprint(mut self, fingerprint: &str) -> Self {
        self.pre_fingerprint = Some(fingerprint.to_owned());
        self
    }

    /// Sets `pre-build-incremental`, the incremental of the build a delta starts from.
    pub fn pre_incremental(mut self, incremental: &str) -> Self {
        self.pre_incremental = Some(incremental.to_owned());
        self
    }

    /// Sets `ota-property-files`: `name:offset:size,...` with trailing spaces.
    pub fn property_files(mut self, files: &str) -> Self {
        self.property_files = Some(files.to_owned());
        self
    }

    /// Sets `ota-streaming-property-files`, the older list without the virtual entry.
    pub fn streaming_property_files(mut self, files: &str) -> Self {
        self.streaming_property_files = Some(files.to_owned());
        self
    }

    /// Sets `ota-required-cache`, in bytes.
    pub fn required_cache(mut self, bytes: i64) -> Self {
        self.required_cache = Some(bytes);
        self
    }

    /// Sets `ota-wipe=yes`.
    pub fn wipe(mut self) -> Self {
        self.wipe = true;
        self
    }

    /// Sets `ota-downgrade=yes`.
    pub fn downgrade(mut self) -> Self {
        self.downgrade = true;
        self
    }

    /// Adds a line to the text form only; it does not replace a line set otherwise.
    pub fn text_line(mut self, key: &str, value: &str) -> Self {
        self.lines.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Returns the text form: one `key=value` per line, sorted.
    pub fn text(&self) -> String {
        let yes = |set: bool| set.then(|| "yes".to_owned());
        let mut lines: Vec<(&str, String)> = [
            ("ota-downgrade", yes(self.downgrade)),
            ("ota-property-files", self.property_files.clone()),
            (
                "ota-required-cache",
                self.required_cache.map(|n| n.to_string()),
            ),
            (
                "ota-streaming-property-files",
                self.streaming_property_files.clone(),
            ),
            ("ota-type", self.ota_type.clone()),
            ("ota-wipe", yes(self.wipe)),
            ("post-build", self.fingerprint.clone()),
            ("post-build-incremental", self.incremental.clone()),
            ("post-sdk-level", self.sdk.map(|n| n.to_string())),
            ("post-security-patch-level", self.security_patch.clone()),
            ("post-timestamp", self.timestamp.map(|n| n.to_string())),
            ("pre-build", self.pre_fingerprint.clone()),
            ("pre-build-incremental", self.pre_incremental.clone()),
            ("pre-device", self.device.clone()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
        lines.extend(
            self.lines
                .iter()
                .map(|(key, value)| (key.as_str(), value.clone())),
        );
        lines.sort_by_key(|(key, _)| *key);
        lines
            .into_iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect()
    }

    /// Returns the binary form, an `OtaMetadata` message.
    pub fn pb(&self) -> Vec<u8> {
        let mut message = Message::new();
        match self.ota_type.as_deref() {
            Some("AB") => message = message.uint(1, 1),
            Some("BLOCK") => message = message.uint(1, 2),
            _ => {} // 0, unknown, which proto3 does not write
        }
        if self.wipe {
            message = message.uint(2, 1);
        }
        if self.downgrade {
            message = message.uint(3, 1);
        }
        let files = BTreeMap::from([
            ("ota-property-files", &self.property_files),
            (
                "ota-streaming-property-files",
                &self.streaming_property_files,
            ),
        ]);
        for (key, value) in files {
            if let Some(value) = value {
                message = message.message(4, &Message::new().bytes(1, key).bytes(2, value));
            }
        }
        message = message.message(5, &self.precondition());
        message = message.message(6, &self.postcondition());
        match self.required_cache {
            Some(0) | None => message,
            Some(bytes) => message.int64(8, bytes),
        }
        .build()
    }

    pub(crate) fn has_property_files(&self) -> bool {
        self.property_files.is_some()
    }

    fn devices(&self) -> Message {
        let mut state = Message::new();
        for device in self.device.iter().flat_map(|list| list.split('|')) {
            state = state.bytes(1, device);
        }
        state
    }

    fn precondition(&self) -> Message {
        let mut state = self.devices();
        if let Some(fingerprint) = &self.pre_fingerprint {
            state = state.bytes(2, fingerprint);
        }
        if let Some(incremental) = &self.pre_incremental {
            state = state.bytes(3, incremental);
        }
        state
    }

    fn postcondition(&self) -> Message {
        let mut state = self.devices();
        if let Some(fingerprint) = &self.fingerprint {
            state = state.bytes(2, fingerprint);
        }
        if let Some(incremental) = &self.incremental {
            state = state.bytes(3, incremental);
        }
        if let Some(timestamp) = self.timestamp {
            state = state.int64(4, timestamp);
        }
        if let Some(sdk) = self.sdk {
            state = state.bytes(5, sdk.to_string());
        }
        if let Some(level) = &self.security_patch {
            state = state.bytes(6, level);
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_lines_are_sorted() {
        let text = Metadata::new()
            .device("fog,wind,rain")
            .timestamp(1_664_984_464)
            .ota_type("AB")
            .text_line("oplus-id", "1")
            .text();
        assert_eq!(
            text,
            "oplus-id=1\nota-type=AB\npost-timestamp=1664984464\npre-device=fog,wind,rain\n"
        );
    }

    #[test]
    fn binary_form_has_the_published_field_numbers() {
        let pb = Metadata::new()
            .ota_type("AB")
            .device("fog,wind,rain")
            .timestamp(1_664_984_464)
            .sdk(33)
            .pb();
        let expected = b"\x08\x01\x2a\x0f\x0a\x0dfog,wind,rain\
            \x32\x19\x0a\x0dfog,wind,rain\x20\x90\xcb\xf6\x99\x06\x2a\x0233";
        assert_eq!(pb, expected);
    }
}
