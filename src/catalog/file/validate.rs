//! The rules for a build's values, wherever they come from: a catalog, a feed or a command line.

use crate::model::address::check_https;
use crate::model::build::{self, Build, ImageFile};
use digest_lanes::checksum_file::is_hex;

/// Checks the values of a build from a catalog, a feed or a command line.
///
/// # Errors
/// Describes the wrong value in one line.
pub fn validate_build(build: &Build) -> Result<(), String> {
    let fault = |what: &str, value: &str, fault: Option<&str>| match fault {
        None => Ok(()),
        Some(reason) => Err(format!("{what} `{}` {reason}", value.escape_debug())),
    };
    fault(
        "version",
        &build.version,
        build::version_fault(&build.version),
    )?;
    fault(
        "file name",
        &build.filename,
        build::filename_fault(&build.filename),
    )?;
    fault(
        "datetime",
        &build.timestamp.to_string(),
        build::timestamp_fault(build.timestamp),
    )?;
    if build
        .path
        .split('/')
        .any(|part| build::filename_fault(part).is_some())
    {
        return fault("path", &build.path, Some("leaves the builds folder"));
    }
    if build.identity().is_empty() {
        return Err("it has neither a sha256 nor an id".to_owned());
    }
    if let Some(id) = &build.id {
        fault("id", id, build::id_fault(id))?;
    }
    validate_digests(build)?;
    if let Some(date) = build
        .security_patch
        .as_ref()
        .filter(|date| !build::is_date(date))
    {
        return fault(
            "security_patch",
            date,
            Some("is not a date such as 2024-08-05"),
        );
    }
    if let Some(files) = &build.property_files
        && !build::are_property_files(files, build.size)
    {
        return fault("ota_property_files", files, Some("is malformed"));
    }
    for url in [&build.url, &build.ota_url].into_iter().flatten() {
        check_https(url).map_err(|error| error.to_string())?;
    }
    let size = build.size.to_string();
    fault("size", &size, build::size_fault(build.size))?;
    if let Some(level) = build.sdk_level.filter(|level| !build::is_sdk_level(*level)) {
        let level = level.to_string();
        return fault("sdk_level", &level, Some("is not an API level"));
    }
    build.images.iter().try_for_each(validate_image)
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
