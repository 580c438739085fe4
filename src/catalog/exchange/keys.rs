//! The keys under which feeds have the facts of a build, and values found by them.
//!
//! The families use different keys with the same meaning, and forks mix them, so one table of keys
//! reads all of them.

use serde_json::{Map, Value};

use super::wire::shorten;
use crate::model::build;
use crate::model::names;

/// Keys for the file name of the package.
pub(super) const FILENAME: [&str; 4] = ["filename", "fileName", "file_name", "file"];
/// Keys for its address.
pub(super) const URL: [&str; 3] = ["url", "download", "filelink"];
/// Keys for its size.
pub(super) const SIZE: [&str; 4] = ["size", "filesize", "file_size", "fileSize"];
/// Keys for the date in seconds since the epoch.
pub(super) const SECONDS: [&str; 4] = ["datetime", "timestamp", "generatedAt", "fileTimestamp"];
/// Keys for the date as a day, for example `20190921`.
pub(super) const DAY: [&str; 1] = ["build_date"];
/// Keys for the date in milliseconds since the epoch.
pub(super) const MILLISECONDS: [&str; 1] = ["date"];
/// Keys for MD5 or SHA-256 digests, which their length tells apart.
pub(super) const DIGEST: [&str; 6] = ["sha256", "md5", "md5sum", "filemd5", "filehash", "hash"];
/// Keys for digests that serve as an id if there is no better one.
pub(super) const OTHER_DIGEST: [&str; 3] = ["sha_512", "sha512", "sha1sum"];
/// Keys for the release type that updaters compare.
pub(super) const ROMTYPE: [&str; 2] = ["romtype", "channel"];
/// Keys for a release type that is only for people.
pub(super) const BUILDTYPE: [&str; 3] = ["buildtype", "build_type", "releasetype"];
/// Keys that always hold a codename.
const CODENAME: [&str; 3] = ["device_codename", "codename", "device_display_codename"];
/// Keys for the API level.
pub(super) const SDK_LEVEL: [&str; 2] = ["os_sdk_level", "api_level"];
/// Keys for the security patch level.
pub(super) const SECURITY_PATCH: [&str; 3] = ["os_patch_level", "android_spl", "patch"];
/// Keys for the variant; some families use them for other values too.
const FLAVOUR: [&str; 3] = ["variant", "flavor", "type"];
/// Keys for the incremental that a delta starts from.
pub(super) const SOURCE: [&str; 5] = [
    "preBuildIncremental",
    "pre-build-incremental",
    "pre_build_incremental",
    "sourceIncremental",
    "source_incremental",
];

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
        &FLAVOUR,
        &SOURCE,
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

/// Returns the first of several keys that has a value.
pub(super) fn first<'a>(
    entry: &'a Map<String, Value>,
    keys: &[&'static str],
) -> Option<(&'static str, &'a Value)> {
    let is_empty = |value: &Value| value.is_null() || value.as_str().is_some_and(str::is_empty);
    let mut values = keys.iter().filter_map(|key| Some((*key, entry.get(*key)?)));
    values.find(|(_, value)| !is_empty(value))
}

/// Whether an object has all facts of a build itself: a file name, and an address or a size.
pub(super) fn is_entry(value: &Value) -> bool {
    let Some(entry) = value.as_object() else {
        return false;
    };
    let has = |keys: &[&str]| keys.iter().any(|key| entry.contains_key(*key));
    has(&FILENAME) && (has(&URL) || has(&SIZE) || entry.contains_key("download_sources"))
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
    Some(shorten(name).to_owned())
}

/// Returns the address of an entry.
pub(super) fn url(entry: &Value) -> Option<&str> {
    first(entry.as_object()?, &URL)?.1.as_str()
}

/// Returns the variant of an entry.
pub(super) fn variant(entry: &Value) -> Option<&'static str> {
    let texts = FLAVOUR.iter().filter_map(|key| entry.get(*key)?.as_str());
    texts.into_iter().find_map(names::stated_variant)
}
