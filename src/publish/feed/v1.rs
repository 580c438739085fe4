//! The `{"response":[…]}` feed for LineageOS 15.1 to 22.x and, at the same paths, for CyanogenMod 13
//! and 14.1.
//!
//! Read by `Utils.parseJsonUpdate` of LineageOS/android_packages_apps_Updater,
//! branches cm-14.1 to lineage-22.0: exactly these seven keys, all required.

use serde::Serialize;

use super::list::render_list;
use crate::catalog::channels::Offer;
use crate::markup::template::json;

/// Longest file, in bytes; an early revision of the 23.x client reads no more.
pub const MAX_SIZE: usize = 4 << 10;

/// The text before and after the entries.
const FRAME: [&str; 2] = ["{\"response\":[", "]}"];

/// One build, with its keys in the order of the official backend.
#[derive(Serialize)]
struct BuildJson<'a> {
    datetime: i64,
    filename: &'a str,
    id: &'a str,
    romtype: &'a str,
    size: u64,
    url: &'a str,
    version: &'a str,
}

/// Renders builds, given newest first, as a file of at most 4 KiB.
#[must_use]
pub fn render(offers: &[Offer<'_>]) -> Vec<u8> {
    render_list(offers, MAX_SIZE, FRAME, &|offer| {
        let build = &offer.build;
        json::to_ascii(&BuildJson {
            datetime: build.timestamp,
            filename: &build.filename,
            id: build.phone_id(),
            romtype: build.romtype.as_str(),
            size: build.size,
            url: offer.url,
            version: &build.version,
        })
    })
}
