//! Entries with all facts in one object: LineageOS up to 22.x, LineageOTA, crDroid and most other
//! families.
//!
//! In: an entry. Out: its [`Facts`], found by the [`keys`] of all families. Sources: `Utils.parseJsonUpdate` of
//! LineageOS's Updater (cm-14.1 to lineage-22.0) and of its forks, LineageOTA and LineageOTAstatic
//! (2024), crDroid's Kotlin Updater (2026), and about 3,000 published feeds.
//!
//! Left out: digests other than MD5 and SHA-256, which the catalog does not store.

use serde_json::{Map, Value};

use super::facts::Facts;
use super::keys::{self, first};
use super::{Format, Options, wire};
use crate::model::address::encode_path;
use crate::model::build;
use crate::model::names;
use digest_lanes::checksum_file::is_hex;

/// Returns the format of a list of such entries, given its first.
pub(super) fn format(entry: &Value) -> Format {
    let has = |key: &str| entry.get(key).is_some();
    match () {
        () if has("download") => Format::CrDroid,
        // Only LineageOTA and its copies have these keys.
        () if has("md5sum") && has("channel") => Format::LineageOta,
        () if has("url") && has("datetime") && !has("filehash") => Format::V1,
        () => Format::Other,
    }
}

/// Reads one entry.
///
/// # Errors
/// One line on the first value that does not fit its key.
pub(super) fn read(
    entry: &Value,
    format: Format,
    options: Options<'_>,
    notes: &mut Vec<String>,
) -> Result<Facts, String> {
    let entry = entry.as_object().ok_or("it is not a JSON object")?;
    let filename = text(entry, &keys::FILENAME)?;
    let name = || names::parse(filename.as_deref()?, options.known_devices);
    let digests = read_digests(entry, format, options)?;
    let (romtype, is_romtype_weak) = read_romtype(entry)?;
    let source_incremental = text(entry, &keys::SOURCE)?;
    let sdk_level = first(entry, &keys::SDK_LEVEL);
    let sdk_level = sdk_level.map(|(key, value)| wire::sdk_level(key, value));
    let mut timestamp = read_date(entry, notes)?;
    let url = find_url(entry, filename.as_deref(), options.url_base)?;
    // The lists of PixelExperience 9 had neither dates nor addresses.
    if timestamp.is_none() && !is_dated(format) {
        timestamp = note_from_name("date", name().and_then(|name| name.timestamp), notes);
    }
    let mut version = text(entry, &["version"])?;
    if version.is_none() && options.version.is_none() && may_name_version(format) {
        version = note_from_name("version", name().and_then(|name| name.version), notes);
    }
    Ok(Facts {
        device: entry
            .get("device")
            .and_then(Value::as_str)
            .map(str::to_owned),
        version,
        romtype,
        is_romtype_weak,
        is_lineage: format.compares_romtype(),
        timestamp,
        size: first(entry, &keys::SIZE).map_or(Ok(None), |(_, value)| wire::size(value))?,
        url,
        id: digests.id,
        sha256: digests.sha256,
        md5: digests.md5,
        incremental: match entry.get("incremental") {
            Some(Value::Array(_)) | None => None,
            Some(value) => wire::text("incremental", value)?,
        },
        sdk_level: sdk_level.transpose()?.flatten(),
        security_patch: read_security_patch(entry)?,
        property_files: wire::property_files(
            entry.get("ota_property_files").unwrap_or(&Value::Null),
        )?,
        is_delta: source_incremental.is_some(),
        source_incremental,
        filename,
        ..Facts::default()
    })
}

/// Reads the text under the first of several keys that has a value.
fn text(entry: &Map<String, Value>, keys: &[&'static str]) -> Result<Option<String>, String> {
    match first(entry, keys) {
        Some((key, value)) => wire::text(key, value),
        None => Ok(None),
    }
}

/// Reads the release type, and whether it is only for people.
fn read_romtype(entry: &Map<String, Value>) -> Result<(Option<String>, bool), String> {
    Ok(match text(entry, &keys::ROMTYPE)? {
        Some(romtype) => (Some(romtype), false),
        None => (text(entry, &keys::BUILDTYPE)?, true),
    })
}

/// Finds the address: in the entry, else the file name under `base`.
fn find_url(
    entry: &Map<String, Value>,
    filename: Option<&str>,
    base: Option<&str>,
) -> Result<Option<String>, String> {
    let url = text(entry, &keys::URL)?.or_else(|| first_source(entry));
    let under_base = || Some(format!("{}/{}", base?, encode_path(filename?)));
    Ok(url.or_else(under_base))
}

/// Notes that a fact comes from the file name, if it was found there.
fn note_from_name<T>(what: &str, found: Option<T>, notes: &mut Vec<String>) -> Option<T> {
    if found.is_some() {
        notes.push(format!(
            "it has no {what}; the {what} in its file name is used"
        ));
    }
    found
}

/// Returns the first download address in a list of FlamingoOS, which has them by host.
fn first_source(entry: &Map<String, Value>) -> Option<String> {
    let sources = entry.get("download_sources")?.as_object()?;
    let mut urls = sources.values().filter_map(Value::as_str);
    urls.find(|url| !url.is_empty()).map(str::to_owned)
}

/// Whether clients of a format reject entries without a date.
fn is_dated(format: Format) -> bool {
    !matches!(format, Format::Other)
}

/// Whether the version may come from the file name: LineageOTA did so before 2020, and other
/// families compare only the date.
fn may_name_version(format: Format) -> bool {
    matches!(format, Format::LineageOta | Format::Other)
}

/// Reads the date in seconds since the epoch.
fn read_date(entry: &Map<String, Value>, notes: &mut Vec<String>) -> Result<Option<i64>, String> {
    if let Some((key, value)) = first(entry, &keys::SECONDS) {
        return wire::number(key, value);
    }
    if let Some((key, value)) = first(entry, &keys::DAY) {
        return wire::day(key, value, notes);
    }
    // Some families have a calendar date there, for people.
    let Some((key, value)) = first(entry, &keys::MILLISECONDS) else {
        return Ok(None);
    };
    let number = wire::number(key, value).unwrap_or_default();
    let seconds = number.map(|number| number.div_euclid(1000));
    Ok(seconds.filter(|seconds| build::timestamp_fault(*seconds).is_none()))
}

fn read_security_patch(entry: &Map<String, Value>) -> Result<Option<String>, String> {
    let Some((key, value)) = first(entry, &keys::SECURITY_PATCH) else {
        return Ok(None);
    };
    let patch = wire::text(key, value)?;
    // Other families' keys may hold any text.
    Ok(patch.filter(|patch| key == "os_patch_level" || build::is_date(patch)))
}

/// The id of a build, and the digests of its bytes.
struct Digests {
    id: Option<String>,
    md5: Option<String>,
    sha256: Option<String>,
}

/// Reads the id and the digests of an entry.
///
/// An id is stored as it is, and is a SHA-256 only if the caller says so: ids of LineageOTA look the
/// same and are not.
///
/// Phones of crDroid and similar ROMs know a build by `md5` or `sha256`, and still find both under
/// these keys. So they need an id only without a SHA-256, and then it is the MD5 or another digest.
fn read_digests(
    entry: &Map<String, Value>,
    format: Format,
    options: Options<'_>,
) -> Result<Digests, String> {
    let get = |key: &'static str| entry.get(key).unwrap_or(&Value::Null);
    let (mut md5, mut sha256) = (None, None);
    for key in keys::DIGEST {
        let Some(digest) = wire::digest(key, get(key))? else {
            continue;
        };
        let is_sha256 = match (key, digest.len()) {
            ("sha256", _) | ("filehash" | "hash", 64) => true,
            // Some feeds have a SHA-1 there.
            ("filehash" | "hash", len) if len != 32 => continue,
            _ => false,
        };
        let stored = if is_sha256 { &mut sha256 } else { &mut md5 };
        if stored.is_none() {
            *stored = Some(digest);
        }
    }
    let id = wire::text("id", get("id"))?;
    if let (true, Some(id), true) = (options.ids_are_sha256, &id, format.has_ids()) {
        let digest = id.to_ascii_lowercase();
        if !is_hex(&digest, 64) {
            return Err(format!("id `{}` is not a SHA-256", id.escape_debug()));
        }
        if sha256.as_ref().is_some_and(|known| *known != digest) {
            return Err("id and sha256 differ, so the ids are not SHA-256".to_owned());
        }
        sha256 = Some(digest);
    }
    let other = || {
        let (key, value) = first(entry, &keys::OTHER_DIGEST)?;
        wire::text(key, value).ok().flatten()
    };
    let id = match id {
        None if sha256.is_none() => md5.clone().or_else(other),
        id => id,
    };
    Ok(Digests { id, md5, sha256 })
}
