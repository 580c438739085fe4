//! `{"response":[…]}`: what LineageOS 15.1 to 22.x and most generators write.
//!
//! Read as `Utils.parseJsonUpdate` of LineageOS/android_packages_apps_Updater,
//! branches cm-14.1 to lineage-22.0, reads it: seven keys, all required, any other
//! passed over. `sha256`, `md5` and `incremental` are such others, written by some
//! generators for forks of the client.

use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use super::wire;
use crate::build;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    datetime: Value,
    filename: Value,
    id: Value,
    romtype: Value,
    size: Value,
    url: Value,
    version: Value,
    sha256: Value,
    md5: Value,
    incremental: Value,
}

/// Reads one entry.
///
/// An id is kept as it is, and is a SHA-256 only where the entry or the caller
/// says so: LineageOTA's look the same and are none.
pub(super) fn read(entry: &Value, ids_are_sha256: bool) -> Result<Facts, String> {
    let wire: Wire = wire::parse(entry)?;
    let id = wire::text("id", &wire.id)?;
    let mut sha256 = wire::digest("sha256", &wire.sha256)?;
    if let (true, Some(id)) = (ids_are_sha256, &id) {
        let digest = id.to_ascii_lowercase();
        if !build::is_hex(&digest, 64) {
            return Err(format!("id `{}` is no SHA-256", id.escape_debug()));
        }
        if sha256.as_ref().is_some_and(|known| *known != digest) {
            return Err("id and sha256 differ, so the ids are no SHA-256".to_owned());
        }
        sha256 = Some(digest);
    }
    Ok(Facts {
        filename: wire::text("filename", &wire.filename)?,
        version: wire::text("version", &wire.version)?,
        romtype: wire::text("romtype", &wire.romtype)?,
        timestamp: wire::number("datetime", &wire.datetime)?,
        size: wire::size(&wire.size)?,
        url: wire::text("url", &wire.url)?,
        md5: wire::digest("md5", &wire.md5)?,
        incremental: wire::text("incremental", &wire.incremental)?,
        id,
        sha256,
        ..Facts::default()
    })
}
