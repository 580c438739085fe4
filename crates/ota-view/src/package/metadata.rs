//! The metadata of a package: `META-INF/com/android/metadata` and `metadata.pb`.
//!
//! In: the text or the protobuf message. Out: [`OtaMetadata`].
//! Source: AOSP `build/tools/releasetools/ota_utils.py` and
//! `ota_metadata.proto`, Android 7 to 16. Fingerprints (`post-build`) are left
//! out on purpose: most ROMs spoof them.

use super::zip::{self, Package};
use crate::protobuf::{Fields, Malformed};

/// The text form, in every package since 2010.
pub const TEXT: &str = "META-INF/com/android/metadata";
/// The protobuf form, since Android 12.
pub const PROTOBUF: &str = "META-INF/com/android/metadata.pb";
/// Longest metadata read, in bytes. Real ones have less than 2 KiB; large care maps and partition
/// states could make them about ten times longer.
pub const MAX_SIZE: u64 = 64 << 10;

/// The metadata of a package; missing facts are `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtaMetadata {
    /// Devices that the package is for, in its order.
    pub devices: Vec<String>,
    /// `ro.build.date.utc` of the build inside, seconds since the epoch.
    pub timestamp: Option<i64>,
    /// `ro.build.version.incremental` of the build inside.
    pub incremental: Option<String>,
    /// API level of the build inside.
    pub sdk_level: Option<u32>,
    /// Security patch level, `YYYY-MM-DD`.
    pub security_patch: Option<String>,
    /// `ro.build.version.incremental` of the build that a delta starts from. A full package may have
    /// it too: repacked ROMs keep the metadata of stock deltas.
    pub source_incremental: Option<String>,
    /// `ota-property-files`, without its padding.
    pub property_files: Option<String>,
    /// `ota-streaming-property-files`, without its padding.
    pub streaming_property_files: Option<String>,
}

/// Reads the metadata of a package: the text form, or the protobuf form if there is no text.
///
/// Empty if the package has neither, or only a protobuf form that is malformed.
///
/// # Errors
/// As [`Package::read`].
pub fn read(package: &Package) -> Result<OtaMetadata, zip::Error> {
    if let Some(text) = package.read(TEXT, MAX_SIZE)? {
        return Ok(parse_text(&text));
    }
    let message = package.read(PROTOBUF, MAX_SIZE)?;
    let metadata = message.and_then(|message| parse_pb(&message).ok());
    Ok(metadata.unwrap_or_default())
}

/// Parses the text form: `key=value` lines, the last definition wins.
///
/// Unknown keys and malformed numbers are ignored. Never fails.
#[must_use]
pub fn parse_text(bytes: &[u8]) -> OtaMetadata {
    let text = String::from_utf8_lossy(bytes);
    let mut metadata = OtaMetadata::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        match key.trim() {
            "pre-device" => metadata.devices = split_devices([value]),
            "post-timestamp" => metadata.timestamp = value.parse().ok().filter(|time| *time > 0),
            "post-build-incremental" => metadata.incremental = Some(value.to_owned()),
            "post-sdk-level" => metadata.sdk_level = value.parse().ok(),
            "post-security-patch-level" => metadata.security_patch = Some(value.to_owned()),
            "pre-build-incremental" => metadata.source_incremental = Some(value.to_owned()),
            "ota-property-files" => metadata.property_files = Some(value.to_owned()),
            "ota-streaming-property-files" => {
                metadata.streaming_property_files = Some(value.to_owned());
            }
            _ => {}
        }
    }
    metadata
}

/// Parses the protobuf form.
///
/// # Errors
/// If the bytes are not a protobuf message.
pub fn parse_pb(bytes: &[u8]) -> Result<OtaMetadata, Malformed> {
    let mut metadata = OtaMetadata::default();
    let mut devices = Vec::new();
    for field in Fields::new(bytes) {
        let (number, value) = field?;
        match number {
            // map<string, string> property_files
            4 => {
                let (mut key, mut files) = (None, None);
                for field in Fields::new(value.bytes()) {
                    match field? {
                        (1, value) => key = value.text(),
                        (2, value) => files = value.text(),
                        _ => {}
                    }
                }
                // Padded in both forms.
                let files = files.map(|files| files.trim().to_owned());
                match key.as_deref() {
                    Some("ota-property-files") => metadata.property_files = files,
                    Some("ota-streaming-property-files") => {
                        metadata.streaming_property_files = files;
                    }
                    _ => {}
                }
            }
            // DeviceState precondition
            5 => {
                for field in Fields::new(value.bytes()) {
                    match field? {
                        (1, value) => devices.extend(value.text()),
                        (3, value) => metadata.source_incremental = value.text(),
                        _ => {}
                    }
                }
            }
            // DeviceState postcondition
            6 => {
                for field in Fields::new(value.bytes()) {
                    match field? {
                        (3, value) => metadata.incremental = value.text(),
                        (4, value) => {
                            metadata.timestamp =
                                i64::try_from(value.number()).ok().filter(|time| *time > 0);
                        }
                        (5, value) => {
                            metadata.sdk_level = value.text().and_then(|sdk| sdk.parse().ok());
                        }
                        (6, value) => metadata.security_patch = value.text(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    metadata.devices = split_devices(devices.iter().map(String::as_str));
    Ok(metadata)
}

/// Splits lists of devices, which are joined with `,` (asserted names) or `|` (several SKUs), even in
/// one element of the protobuf's repeated field.
fn split_devices<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut devices = Vec::new();
    for name in values.into_iter().flat_map(|value| value.split([',', '|'])) {
        let name = name.trim();
        if !name.is_empty() && !devices.iter().any(|known| known == name) {
            devices.push(name.to_owned());
        }
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::metadata::Metadata;

    fn sample() -> Metadata {
        Metadata::new()
            .ota_type("AB")
            .device("fog,wind|rain")
            .timestamp(1_664_984_464)
            .incremental("1664984471")
            .sdk(33)
            .security_patch("2022-09-05")
            .property_files("metadata:69:683     ")
    }

    #[test]
    fn text_and_protobuf_are_equal() {
        let text = parse_text(sample().text().as_bytes());
        assert_eq!(text.devices, ["fog", "wind", "rain"]);
        assert_eq!(text.timestamp, Some(1_664_984_464));
        assert_eq!(text.incremental.as_deref(), Some("1664984471"));
        assert_eq!(text.sdk_level, Some(33));
        assert_eq!(text.security_patch.as_deref(), Some("2022-09-05"));
        assert_eq!(text.property_files.as_deref(), Some("metadata:69:683"));
        assert_eq!(text.source_incremental, None);
        assert_eq!(parse_pb(&sample().pb()).unwrap(), text);
    }

    #[test]
    fn delta_names_its_source() {
        let delta = sample()
            .pre_incremental("1660000000")
            .pre_fingerprint("a/b/c:12");
        let text = parse_text(delta.text().as_bytes());
        assert_eq!(text.source_incremental.as_deref(), Some("1660000000"));
        assert_eq!(parse_pb(&delta.pb()).unwrap(), text);
    }

    #[test]
    fn zero_timestamp_and_malformed_numbers_are_absent() {
        let text = parse_text(b"post-timestamp=0\r\n\r\nnoise\nmodver=CM\npre-device = u8220 \r\n");
        assert_eq!(text.timestamp, None);
        assert_eq!(text.devices, ["u8220"]);
    }

    #[test]
    fn broken_protobuf_is_refused() {
        assert!(parse_pb(&[0xff; 30]).is_err());
    }
}
