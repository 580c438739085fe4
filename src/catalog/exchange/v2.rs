//! The top-level array of LineageOS 23.2 on.
//!
//! Read like `UpdatesNetworkDataSource` of the Kotlin client (June 2026): only the first of `files`;
//! `os_*` there, or on the element as before. PixelOS 17 writes no `type`. Forks read one delta
//! under `incremental`, and some name its source under one of several keys.

use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use super::{keys, wire};

#[derive(Default, Deserialize)]
#[serde(default)]
struct ElementJson {
    datetime: Value,
    files: Value,
    incremental: Value,
    #[serde(rename = "type")]
    romtype: Value,
    version: Value,
    os_patch_level: Value,
    os_sdk_level: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FileJson {
    filename: Value,
    os_patch_level: Value,
    os_sdk_level: Value,
    ota_property_files: Value,
    sha256: Value,
    size: Value,
    url: Value,
}

/// Reads one element: the full build, and the deltas that name their source.
pub(super) fn read(entry: &Value, notes: &mut Vec<String>) -> Result<(Facts, Vec<Facts>), String> {
    let wire: ElementJson = wire::parse(entry)?;
    let file = wire.files.get(0).filter(|file| file.is_object());
    let file = file.ok_or("it has no object in files")?;
    let full = read_file(&wire, file)?;
    let mut deltas = Vec::new();
    for file in wire.incremental.as_array().into_iter().flatten() {
        let is_source = |key: &&&str| file.get(**key).is_some_and(Value::is_string);
        let Some(key) = keys::SOURCE.iter().find(is_source) else {
            let name = keys::find_filename(file).unwrap_or_else(|| "without a name".to_owned());
            notes.push(format!(
                "its delta {} is left out: the feed does not name the build it starts from",
                name.escape_debug()
            ));
            continue;
        };
        deltas.push(Facts {
            source_incremental: wire::text(key, &file[*key])?,
            is_delta: true,
            ..read_file(&wire, file)?
        });
    }
    Ok((full, deltas))
}

fn read_file(wire: &ElementJson, file: &Value) -> Result<Facts, String> {
    let file: FileJson = wire::parse(file)?;
    let either = |inner: &Value, outer: &Value| match inner {
        Value::Null => outer.clone(),
        inner => inner.clone(),
    };
    let sdk_level = either(&file.os_sdk_level, &wire.os_sdk_level);
    let security_patch = either(&file.os_patch_level, &wire.os_patch_level);
    Ok(Facts {
        filename: wire::text("filename", &file.filename)?,
        version: wire::text("version", &wire.version)?,
        romtype: wire::text("type", &wire.romtype)?,
        timestamp: wire::number("datetime", &wire.datetime)?,
        size: wire::size(&file.size)?,
        url: wire::text("url", &file.url)?,
        sha256: wire::digest("sha256", &file.sha256)?,
        sdk_level: wire::sdk_level("os_sdk_level", &sdk_level)?,
        security_patch: wire::text("os_patch_level", &security_patch)?,
        property_files: wire::property_files(&file.ota_property_files)?,
        // PixelOS 17 has no romtype and compares none.
        is_lineage: !wire.romtype.is_null(),
        ..Facts::default()
    })
}
