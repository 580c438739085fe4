//! `builds.json` of the official backend: all builds under their codenames.
//!
//! Source: `api_common.py` and `api_v2.py` of lineageos-infra/updater. Since 2023 a build has
//! `files`, sorted by the backend so that the first `.zip` is the package. Before, the build was
//! the file itself, as it still is in ArrowOS's lists (arrow_ota), whose dates are days. An address
//! is the server's `DOWNLOAD_BASE_URL` followed by `filepath`; answers of the server itself have it
//! as `url`.

use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use super::wire;

#[derive(Default, Deserialize)]
#[serde(default)]
struct BuildJson {
    datetime: Value,
    #[serde(rename = "type")]
    romtype: Value,
    version: Value,
    os_patch_level: Value,
    os_sdk_level: Value,
    ota_property_files: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FileJson {
    filename: Value,
    filepath: Value,
    sha256: Value,
    size: Value,
    url: Value,
    // Since June 2026 the server's answers have these keys here.
    os_patch_level: Value,
    os_sdk_level: Value,
    ota_property_files: Value,
}

/// Returns the address in an entry itself.
pub(super) fn url(entry: &Value) -> Option<&str> {
    package(entry)?.get("url")?.as_str()
}

/// Returns the package among the files of a build, or the build itself in the old form.
fn package(entry: &Value) -> Option<&Value> {
    let Some(files) = entry.get("files") else {
        return Some(entry);
    };
    let name = |file: &Value| file.get("filename")?.as_str().map(str::to_owned);
    let named = files
        .as_array()?
        .iter()
        .filter_map(|file| Some((name(file)?, file)));
    let zips = named.filter(|(name, _)| name.ends_with(".zip"));
    let first = zips.min_by(|(one, _), (other, _)| one.cmp(other));
    first.map(|(_, file)| file)
}

/// Reads one build.
pub(super) fn read(
    entry: &Value,
    device: Option<&str>,
    url_base: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Facts, String> {
    let wire: BuildJson = wire::parse(entry)?;
    let package = package(entry).ok_or("it has no .zip in files")?;
    let file: FileJson = wire::parse(package)?;
    let either = |one: &Value, other: &Value| match one {
        Value::Null => other.clone(),
        one => one.clone(),
    };
    let url = match url_base {
        None => wire::text("url", &file.url)?,
        Some(base) => {
            let path = wire::text("filepath", &file.filepath)?.ok_or("it has no filepath")?;
            if !path.starts_with('/') {
                return Err(format!(
                    "filepath `{}` does not begin with a slash",
                    path.escape_debug()
                ));
            }
            Some(format!("{base}{path}"))
        }
    };
    let is_day = |date: &Value| date.as_str().is_some_and(|date| date.trim().len() == 8);
    let timestamp = match is_day(&wire.datetime) {
        true => wire::day("datetime", &wire.datetime, notes)?,
        false => wire::number("datetime", &wire.datetime)?,
    };
    let sdk_level = either(&wire.os_sdk_level, &file.os_sdk_level);
    let security_patch = either(&wire.os_patch_level, &file.os_patch_level);
    let property_files = either(&wire.ota_property_files, &file.ota_property_files);
    Ok(Facts {
        codename: device.map(str::to_owned),
        is_lineage: true,
        filename: wire::text("filename", &file.filename)?,
        version: wire::text("version", &wire.version)?,
        romtype: wire::text("type", &wire.romtype)?,
        timestamp,
        size: wire::size(&file.size)?,
        sha256: wire::digest("sha256", &file.sha256)?,
        sdk_level: wire::sdk_level("os_sdk_level", &sdk_level)?,
        security_patch: wire::text("os_patch_level", &security_patch)?,
        property_files: wire::property_files(&property_files)?,
        url,
        ..Facts::default()
    })
}
