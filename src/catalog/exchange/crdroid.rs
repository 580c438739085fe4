//! `<device>.json` of crDroid, Evolution X and their kin: `{"response":[…]}` with
//! one element, whose keys are about the device as much as about the build.
//!
//! Read as their Updaters of 2024 (crDroid 14.0, Evolution X vic) and crDroid's
//! Kotlin one of 2026 read it. `device` is the name in shops and no codename, and
//! numbers often are text.

use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use super::wire;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    filename: Value,
    download: Value,
    timestamp: Value,
    md5: Value,
    sha256: Value,
    size: Value,
    version: Value,
    buildtype: Value,
    os_patch_level: Value,
    os_sdk_level: Value,
    id: Value,
}

/// Reads one entry.
///
/// Its phones know a build by `md5`, the newest by `sha256`, and go on finding both
/// under these keys. So an id is needed only while there is no SHA-256, and then it
/// is the MD5.
pub(super) fn read(entry: &Value) -> Result<Facts, String> {
    let wire: Wire = wire::parse(entry)?;
    let sha256 = wire::digest("sha256", &wire.sha256)?;
    let md5 = wire::digest("md5", &wire.md5)?;
    // Only a feed that LineageOS clients read too has an id.
    let id = match wire::text("id", &wire.id)? {
        None if sha256.is_none() => md5.clone(),
        id => id,
    };
    Ok(Facts {
        filename: wire::text("filename", &wire.filename)?,
        version: wire::text("version", &wire.version)?,
        romtype: wire::text("buildtype", &wire.buildtype)?,
        is_romtype_weak: true,
        timestamp: wire::number("timestamp", &wire.timestamp)?,
        size: wire::size(&wire.size)?,
        url: wire::text("download", &wire.download)?,
        sdk_level: wire::sdk_level("os_sdk_level", &wire.os_sdk_level)?,
        security_patch: wire::text("os_patch_level", &wire.os_patch_level)?,
        id,
        sha256,
        md5,
        ..Facts::default()
    })
}
