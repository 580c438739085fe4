//! The top-level array for LineageOS 23.2 on.
//!
//! Read by `UpdatesNetworkDataSource` of the Kotlin client (June 2026): one malformed element makes
//! the whole list invalid, so a key without a value is left out.

use serde::Serialize;

use super::list::render_list;
use crate::catalog::channels::{DeltaOffer, Offer};
use crate::markup::template::json;

/// Longest file, in bytes, that every revision of the client reads.
pub const MAX_SIZE: usize = 32 << 10;

/// The text before and after the entries.
const FRAME: [&str; 2] = ["[", "]"];

#[derive(Serialize)]
struct ElementJson<'a> {
    datetime: i64,
    files: [FileJson<'a>; 1],
    /// A delta. Some forks install it if its `pre-build` is the build they run; others ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    incremental: Option<[FileJson<'a>; 1]>,
    #[serde(rename = "type")]
    romtype: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct FileJson<'a> {
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

impl<'a> FileJson<'a> {
    /// Returns `None` for a build whose SHA-256 is unknown, since clients check the download with it.
    fn new(offer: &Offer<'a>) -> Option<FileJson<'a>> {
        let build = offer.build;
        Some(FileJson {
            filename: &build.filename,
            os_patch_level: build.security_patch.as_deref(),
            os_sdk_level: build.sdk_level,
            ota_property_files: build.property_files.as_deref(),
            sha256: build.sha256.as_deref()?,
            size: build.size,
            url: offer.url,
        })
    }
}

/// Renders builds, given newest first, as a file of at most 32 KiB. Of several deltas to one build,
/// it has the one from the newest source.
#[must_use]
pub fn render(offers: &[Offer<'_>], deltas: &[&DeltaOffer<'_>]) -> Vec<u8> {
    let hashed: Vec<Offer<'_>> = offers
        .iter()
        .filter(|offer| offer.build.sha256.is_some())
        .copied()
        .collect();
    render_list(&hashed, MAX_SIZE, FRAME, &|offer| {
        let build = offer.build;
        let leads_here = |delta: &&&DeltaOffer<'_>| {
            delta.offer.build.sha256.is_some() && delta.target.build.identity() == build.identity()
        };
        let delta = deltas
            .iter()
            .filter(leads_here)
            .max_by_key(|delta| delta.source_since);
        let file = FileJson::new(offer).expect("only builds with a SHA-256 are left");
        json::to_ascii(&ElementJson {
            datetime: build.timestamp,
            files: [file],
            incremental: delta.and_then(|delta| Some([FileJson::new(&delta.offer)?])),
            romtype: build.romtype.as_str(),
            version: &build.version,
        })
    })
}
