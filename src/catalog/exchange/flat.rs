//! Entries with all facts in one object: LineageOS up to 22.x, LineageOTA, crDroid and most other
//! families.
//!
//! In: an entry. Out: its [`Facts`]. The families use different keys with the same meaning, and
//! forks mix them, so one table of keys reads all of them. Sources: `Utils.parseJsonUpdate` of
//! LineageOS's Updater (cm-14.1 to lineage-22.0) and of its forks, LineageOTA and LineageOTAstatic
//! (2024), crDroid's Kotlin Updater (2026), and about 3,000 published feeds.
//!
//! Left out: digests other than MD5 and SHA-256, which the catalog does not store.

use serde_json::{Map, Value};

use super::facts::Facts;
use super::{Format, Options, wire};
use crate::model::build;
use crate::model::names;
use digest_lanes::checksum_file::is_hex;

/// Keys for the file name of the package.
const FILENAME: [&str; 4] = ["filename", "fileName", "file_name", "file"];
/// Keys for its address.
const URL: [&str; 3] = ["url", "download", "filelink"];
/// Keys for its size.
const SIZE: [&str; 4] = ["size", "filesize", "file_size", "fileSize"];
/// Keys for the date in seconds since the epoch.
const SECONDS: [&str; 4] = ["datetime", "timestamp", "generatedAt", "fileTimestamp"];
/// Keys for the date as a day, for example `20190921`.
const DAY: [&str; 1] = ["build_date"];
/// Keys for the date in milliseconds since the epoch.
const MILLISECONDS: [&str; 1] = ["date"];
/// Keys for MD5 or SHA-256 digests, which their length tells apart.
const DIGEST: [&str; 6] = ["sha256", "md5", "md5sum", "filemd5", "filehash", "hash"];
/// Keys for digests that serve as an id if there is no better one.
const OTHER_DIGEST: [&str; 3] = ["sha_512", "sha512", "sha1sum"];
/// Keys for the release type that updaters compare.
const ROMTYPE: [&str; 2] = ["romtype", "channel"];
/// Keys for a release type that is only for people.
const BUILDTYPE: [&str; 3] = ["buildtype", "build_type", "releasetype"];
/// Keys that always hold a codename.
pub(super) const CODENAME: [&str; 3] = ["device_codename", "codename", "device_display_codename"];
/// Keys for the API level.
const SDK_LEVEL: [&str; 2] = ["os_sdk_level", "api_level"];
/// Keys for the security patch level.
const SECURITY_PATCH: [&str; 3] = ["os_patch_level", "android_spl", "patch"];
/// Keys for the flavour; some families use them for other values too.
const VARIANT: [&str; 3] = ["variant", "flavor", "type"];

/// Whether an object is such an entry: it has a file name, and an address or a size.
pub(super) fn is_entry(value: &Value) -> bool {
    let Some(entry) = value.as_object() else {
        return false;
    };
    let has = |keys: &[&str]| keys.iter().any(|key| entry.contains_key(*key));
    has(&FILENAME) && (has(&URL) || has(&SIZE) || entry.contains_key("download_sources"))
}

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

/// Returns the codename in an entry, or in the object around it.
pub(super) fn codename(entry: &Value) -> Option<&str> {
    let mut names = CODENAME.iter().filter_map(|key| entry.get(*key)?.as_str());
    names.find(|name| build::Device::parse(name).is_ok())
}

/// Returns the file name of an entry, of any JSON type.
pub(super) fn filename(entry: &Value) -> Option<&Value> {
    first(entry.as_object()?, &FILENAME).map(|(_, value)| value)
}

/// Finds the file name of an entry that may be broken, for messages.
pub(super) fn find_filename(entry: &Value) -> Option<String> {
    let file = || filename(entry.get("files")?.get(0)?);
    let name = filename(entry).or_else(file)?.as_str()?;
    Some(wire::shorten(name).to_owned())
}

/// Returns the address of an entry.
pub(super) fn url(entry: &Value) -> Option<&str> {
    first(entry.as_object()?, &URL)?.1.as_str()
}

/// Returns the flavour of an entry.
pub(super) fn variant(entry: &Value) -> Option<&'static str> {
    let texts = VARIANT.iter().filter_map(|key| entry.get(*key)?.as_str());
    texts.into_iter().find_map(names::stated_variant)
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
    let text = |keys: &[&'static str]| match first(entry, keys) {
        Some((key, value)) => wire::text(key, value),
        None => Ok(None),
    };
    let filename = text(&FILENAME)?;
    let name = || names::parse(filename.as_deref()?, options.known_devices);
    let digests = read_digests(entry, format, options)?;
    let (romtype, is_romtype_weak) = match text(&ROMTYPE)? {
        Some(romtype) => (Some(romtype), false),
        None => (text(&BUILDTYPE)?, true),
    };
    let source = first(entry, &wire::SOURCE_KEYS);
    let source = source.map(|(key, value)| wire::text(key, value));
    let source_incremental = source.transpose()?.flatten();
    let sdk_level = first(entry, &SDK_LEVEL).map(|(key, value)| wire::sdk_level(key, value));
    let mut timestamp = read_date(entry, notes)?;
    let mut url = text(&URL)?.or_else(|| first_source(entry));
    if let (None, Some(base), Some(filename)) = (&url, options.url_base, &filename) {
        url = Some(format!(
            "{base}/{}",
            crate::model::address::encode_path(filename)
        ));
    }
    // The lists of PixelExperience 9 had neither dates nor addresses.
    if timestamp.is_none() && !is_dated(format) {
        timestamp = name().and_then(|name| name.timestamp);
        if timestamp.is_some() {
            notes.push("it has no date; the date in its file name is used".to_owned());
        }
    }
    let mut version = text(&["version"])?;
    if version.is_none() && options.version.is_none() && may_name_version(format) {
        version = name().and_then(|name| name.version);
        if version.is_some() {
            notes.push("it has no version; the version in its file name is used".to_owned());
        }
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
        size: first(entry, &SIZE).map_or(Ok(None), |(_, value)| wire::size(value))?,
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

/// Returns the first of several keys that has a value.
fn first<'a>(
    entry: &'a Map<String, Value>,
    keys: &[&'static str],
) -> Option<(&'static str, &'a Value)> {
    let is_empty = |value: &Value| value.is_null() || value.as_str().is_some_and(str::is_empty);
    let mut values = keys.iter().filter_map(|key| Some((*key, entry.get(*key)?)));
    values.find(|(_, value)| !is_empty(value))
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
    if let Some((key, value)) = first(entry, &SECONDS) {
        return wire::number(key, value);
    }
    if let Some((key, value)) = first(entry, &DAY) {
        return wire::day(key, value, notes);
    }
    // Some families have a calendar date there, for people.
    let Some((key, value)) = first(entry, &MILLISECONDS) else {
        return Ok(None);
    };
    let number = wire::number(key, value).unwrap_or_default();
    let seconds = number.map(|number| number.div_euclid(1000));
    Ok(seconds.filter(|seconds| build::timestamp_fault(*seconds).is_none()))
}

fn read_security_patch(entry: &Map<String, Value>) -> Result<Option<String>, String> {
    let Some((key, value)) = first(entry, &SECURITY_PATCH) else {
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
    for key in DIGEST {
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
        let (key, value) = first(entry, &OTHER_DIGEST)?;
        wire::text(key, value).ok().flatten()
    };
    let id = match id {
        None if sha256.is_none() => md5.clone().or_else(other),
        id => id,
    };
    Ok(Digests { id, md5, sha256 })
}

/// Iterates over all keys that hold facts of a build.
pub(super) fn fact_keys() -> impl Iterator<Item = &'static str> {
    [
        &FILENAME[..],
        &URL,
        &SIZE,
        &SECONDS,
        &DAY,
        &MILLISECONDS,
        &DIGEST,
        &OTHER_DIGEST,
        &ROMTYPE,
        &CODENAME,
        &SDK_LEVEL,
        &SECURITY_PATCH,
        &VARIANT,
        &wire::SOURCE_KEYS,
        &[
            "id",
            "version",
            "incremental",
            "ota_property_files",
            "download_sources",
            "build_type",
            "releasetype",
        ],
    ]
    .into_iter()
    .flatten()
    .copied()
}
