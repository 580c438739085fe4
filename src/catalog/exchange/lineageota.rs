//! The answer of LineageOTA (julianxhokaxhiu/LineageOTA, 2024), whole or for one
//! device, and what ADeadTrousers/LineageOTAstatic writes after it.
//!
//! `{"id":null,"result":[…]}` of `/api` and `{"id":null,"response":[…]}` of
//! `/api/v1/…`, with thirteen keys. Before 2020 it had the first eight of them,
//! those that CyanogenMod's clients read. `api_level` is text, `incremental` is
//! empty where the package had no `build.prop`, and `id` is a SHA-256 of facts, not
//! of the file.

use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use super::wire;
use crate::names;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    incremental: Value,
    api_level: Value,
    url: Value,
    timestamp: Value,
    md5sum: Value,
    channel: Value,
    filename: Value,
    romtype: Value,
    datetime: Value,
    version: Value,
    id: Value,
    size: Value,
}

/// Reads one entry; what it had no key for before 2020 is taken from its twin key
/// or from the file name, as LineageOTA takes it.
pub(super) fn read(entry: &Value) -> Result<Facts, String> {
    let wire: Wire = wire::parse(entry)?;
    let filename = wire::text("filename", &wire.filename)?;
    let md5 = wire::digest("md5sum", &wire.md5sum)?;
    let named_version = || names::parse(filename.as_deref()?, &[])?.version;
    let romtype = match wire::text("romtype", &wire.romtype)? {
        Some(romtype) => Some(romtype),
        None => wire::text("channel", &wire.channel)?,
    };
    let timestamp = match wire::number("datetime", &wire.datetime)? {
        Some(timestamp) => Some(timestamp),
        None => wire::number("timestamp", &wire.timestamp)?,
    };
    Ok(Facts {
        version: wire::text("version", &wire.version)?.or_else(named_version),
        romtype,
        timestamp,
        size: wire::size(&wire.size)?,
        url: wire::text("url", &wire.url)?,
        // CyanogenMod's clients, which knew no id, went by the digest.
        id: wire::text("id", &wire.id)?.or_else(|| md5.clone()),
        incremental: wire::text("incremental", &wire.incremental)?,
        sdk_level: wire::sdk_level("api_level", &wire.api_level)?,
        filename,
        md5,
        ..Facts::default()
    })
}
