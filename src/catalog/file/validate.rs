//! The rules for a build's values, wherever they come from: a catalog, a feed or a command line.

use std::fmt;

use crate::model::address::check_https;
use crate::model::build::{self, Build, ImageFile};
use digest_lanes::checksum_file::is_hex;

/// Checks the values of a build from a catalog, a feed or a command line.
///
/// # Errors
/// Describes the wrong value in one line.
pub fn validate_build(build: &Build) -> Result<(), String> {
    validate_names(build)?;
    validate_identity(build)?;
    validate_details(build)?;
    build.images.iter().try_for_each(validate_image)
}

/// Returns an error if a value has a fault.
fn refuse(what: &str, value: impl fmt::Display, fault: Option<&str>) -> Result<(), String> {
    match fault {
        None => Ok(()),
        Some(reason) => {
            let value = value.to_string();
            Err(format!("{what} `{}` {reason}", value.escape_debug()))
        }
    }
}

/// Checks what every feed shows: version, file name, date and path.
fn validate_names(build: &Build) -> Result<(), String> {
    let Build {
        version,
        filename,
        timestamp,
        path,
        ..
    } = build;
    refuse("version", version, build::version_fault(version))?;
    refuse("file name", filename, build::filename_fault(filename))?;
    let date_fault = build::timestamp_fault(*timestamp);
    refuse("datetime", timestamp, date_fault)?;
    // The last part is nearly always the file name, which is checked already.
    let mut parts = path.split('/').filter(|part| part != filename);
    let leaves = parts.any(|part| build::filename_fault(part).is_some());
    refuse("path", path, leaves.then_some("leaves the builds folder"))
}

/// Checks what the build is known by.
fn validate_identity(build: &Build) -> Result<(), String> {
    if build.identity().is_empty() {
        return Err("it has neither a sha256 nor an id".to_owned());
    }
    if let Some(id) = &build.id {
        refuse("id", id, build::id_fault(id))?;
    }
    validate_digests(build)
}

/// Checks the other facts.
fn validate_details(build: &Build) -> Result<(), String> {
    if let Some(date) = &build.security_patch {
        let fault = (!build::is_date(date)).then_some("is not a date such as 2024-08-05");
        refuse("security_patch", date, fault)?;
    }
    if let Some(files) = &build.property_files {
        let is_sound = build::are_property_files(files, build.size);
        let fault = (!is_sound).then_some("is malformed");
        refuse("ota_property_files", files, fault)?;
    }
    for url in [&build.url, &build.ota_url].into_iter().flatten() {
        check_https(url).map_err(|error| error.to_string())?;
    }
    let size_fault = build::size_fault(build.size);
    refuse("size", build.size, size_fault)?;
    if let Some(level) = build.sdk_level {
        let fault = (!build::is_sdk_level(level)).then_some("is not an API level");
        refuse("sdk_level", level, fault)?;
    }
    Ok(())
}

/// Checks that digests are lower-case hex of the right length.
fn validate_digests(build: &Build) -> Result<(), String> {
    let vbmeta_digest = build.csig.as_ref().map(|csig| csig.vbmeta_digest.as_ref());
    for (what, value, len) in [
        ("sha256", build.sha256.as_ref(), 64),
        ("md5", build.md5.as_ref(), 32),
        ("signer", build.signer.as_ref(), 64),
        ("vbmeta_digest", vbmeta_digest.flatten(), 64),
    ] {
        if let Some(value) = value.filter(|value| !is_hex(value, len)) {
            return Err(format!(
                "{what} `{}` is not {len} lower-case hex digits",
                value.escape_debug()
            ));
        }
    }
    Ok(())
}

fn validate_image(image: &ImageFile) -> Result<(), String> {
    let filename = image.filename.escape_debug();
    let reason = match () {
        () if !build::IMAGES.contains(&image.name.as_str()) => "has a name that is not known",
        () if build::filename_fault(&image.filename).is_some() => "is not a file name",
        () if image.size == 0 => "has size 0",
        () if !is_hex(&image.sha256, 64) => "has a sha256 that is not 64 lower-case hex digits",
        () => return Ok(()),
    };
    Err(format!("image `{filename}` {reason}"))
}
