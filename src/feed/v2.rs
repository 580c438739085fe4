//! The top-level array of LineageOS 23.2 on.
//!
//! Read by `UpdatesNetworkDataSource` of the Kotlin client (June 2026): one
//! malformed element fails the whole list, so a key without a value is left out.

use serde::Serialize;

use super::{render_list, to_ascii_json};
use crate::catalog::Offer;

/// Longest file, in bytes, that every revision of the client reads.
pub const MAX_SIZE: usize = 32 << 10;

/// What stands before and after the entries.
const FRAME: [&str; 2] = ["[", "]"];

#[derive(Serialize)]
struct Entry<'a> {
    datetime: i64,
    files: [File<'a>; 1],
    #[serde(rename = "type")]
    romtype: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    filename: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_patch_level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_sdk_level: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ota_property_files: Option<&'a str>,
    sha256: &'a str,
    size: u64,
    url: &'a str,
}

/// Renders offers, given newest first, into one file of at most 32 KiB.
#[must_use]
pub fn render(offers: &[Offer]) -> Vec<u8> {
    render_list(offers, MAX_SIZE, FRAME, &|offer| {
        let build = &offer.build;
        to_ascii_json(&Entry {
            datetime: build.timestamp,
            files: [File {
                filename: &build.filename,
                os_patch_level: build.security_patch.as_deref(),
                os_sdk_level: build.sdk_level,
                ota_property_files: build.property_files.as_deref(),
                sha256: &build.sha256,
                size: build.size,
                url: &offer.url,
            }],
            romtype: build.romtype.as_str(),
            version: &build.version,
        })
    })
}
