//! Which files a site has: by looking into its folder, or by asking the site itself.
//!
//! A live site tells by the manifest romfeed leaves in it, or by the lists of devices and
//! release types that LineageOS's own server has too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use walkdir::WalkDir;

use super::{fixes, rules};
use crate::fetch::{Fault, Fetch, fetch_json};
use crate::publish::writer::{MAX_PUBLISHED_MANIFEST, Manifest};
use ota_view::finding::Finding;

/// Longest other list, in bytes.
const MAX_LIST: usize = 1 << 20;
/// Most devices of a live site that are asked about one by one.
const MAX_DEVICES: usize = 1_000;

#[derive(Deserialize)]
struct Types {
    response: Vec<String>,
}

/// All files of a folder, by their paths with `/`; hidden folders and names that are no text are
/// passed over.
#[must_use]
pub fn of_folder(root: &Path) -> Vec<String> {
    let is_hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let entries = WalkDir::new(root).sort_by_file_name().into_iter();
    let entries = entries.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
    let files = entries
        .flatten()
        .filter(|entry| !entry.file_type().is_dir());
    let path = |entry: walkdir::DirEntry| {
        let path = entry.path().strip_prefix(root).ok()?;
        let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
        Some(parts?.join("/"))
    };
    files.filter_map(path).collect()
}

/// The files of a live site, and what made them as far as it tells; empty if it does not tell.
///
/// # Errors
/// A finding, if its host does not answer.
pub fn of_site(base: &str, fetch: &dyn Fetch) -> Result<Manifest, Finding> {
    let told = told_by(base, fetch);
    told.map_err(|fault| fixes::find(&rules::SITE_UNREACHABLE, base, &fault))
}

/// The address of a live site's manifest.
pub(super) fn manifest_url(base: &str) -> String {
    format!("{base}/.romfeed/manifest.json")
}

/// Reads the manifest at this address; `None` if there is none.
fn manifest_of(url: &str, fetch: &dyn Fetch) -> Result<Option<Manifest>, Fault> {
    fetch_json(fetch, url, MAX_PUBLISHED_MANIFEST)
}

fn told_by(base: &str, fetch: &dyn Fetch) -> Result<Manifest, Fault> {
    if let Some(manifest) = manifest_of(&manifest_url(base), fetch)? {
        return Ok(manifest);
    }
    for end in [".json", ""] {
        let url = format!("{base}/api/v1/devices{end}");
        if let Some(by_version) = fetch_json(fetch, &url, MAX_LIST)? {
            return Ok(Manifest {
                files: feeds_of(base, fetch, by_version, end),
                ..Manifest::default()
            });
        }
    }
    Ok(Manifest::default())
}

/// The feeds of the devices of each version; addresses of the site's lists end with `end`.
fn feeds_of(
    base: &str,
    fetch: &dyn Fetch,
    by_version: BTreeMap<String, Vec<String>>,
    end: &str,
) -> Vec<String> {
    let devices: BTreeSet<String> = by_version.into_values().flatten().collect();
    let mut paths = Vec::new();
    for device in devices.iter().take(MAX_DEVICES) {
        let url = match end {
            "" => format!("{base}/api/v1/types/{device}/"),
            end => format!("{base}/api/v1/types/{device}{end}"),
        };
        // One device without an answer is not all of the site.
        let types: Option<Types> = fetch_json(fetch, &url, MAX_LIST).unwrap_or_default();
        for romtype in types.into_iter().flat_map(|types| types.response) {
            paths.push(match end {
                // LineageOS's own server takes any incremental.
                "" => format!("api/v1/{device}/{romtype}/any"),
                end => format!("api/v1/{device}/{romtype}{end}"),
            });
        }
        if !end.is_empty() {
            paths.push(format!("api/v2/devices/{device}/builds.json"));
        }
    }
    paths
}
