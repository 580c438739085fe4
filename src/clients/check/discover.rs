//! Finds out which files a site has.
//!
//! In: a folder, or the address of a live site. Out: the paths of its files. On a live site they come
//! from romfeed's manifest, or else from the lists of devices and release types that LineageOS's
//! official server has too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use walkdir::WalkDir;

use super::{fixes, rules};
use crate::fetch::{Fault, Fetch, fetch_json};
use crate::publish::writer::{MAX_PUBLISHED_MANIFEST, Manifest};
use ota_view::finding::Finding;

/// Maximum size of other lists, in bytes.
const MAX_LIST: usize = 1 << 20;
/// Maximum number of devices of a live site whose release types are fetched.
const MAX_DEVICES: usize = 1_000;

#[derive(Deserialize)]
struct Types {
    response: Vec<String>,
}

/// Lists all files in a folder, as paths with `/`.
///
/// Hidden files and folders, and names that are not UTF-8, are left out.
#[must_use]
pub fn files_in_folder(root: &Path) -> Vec<String> {
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

/// Fetches the manifest of a live site, or makes one from its lists; empty if there is neither.
///
/// # Errors
/// A finding, if the host does not answer.
pub fn files_of_site(base: &str, fetch: &dyn Fetch) -> Result<Manifest, Finding> {
    let manifest = find_manifest(base, fetch);
    manifest.map_err(|fault| fixes::unreachable(&rules::SITE_UNREACHABLE, base, &fault))
}

/// Returns the address of a live site's manifest.
pub(super) fn manifest_url(base: &str) -> String {
    format!("{base}/.romfeed/manifest.json")
}

fn find_manifest(base: &str, fetch: &dyn Fetch) -> Result<Manifest, Fault> {
    let manifest = fetch_json(fetch, &manifest_url(base), MAX_PUBLISHED_MANIFEST)?;
    if let Some(manifest) = manifest {
        return Ok(manifest);
    }
    for end in [".json", ""] {
        let url = format!("{base}/api/v1/devices{end}");
        if let Some(by_version) = fetch_json(fetch, &url, MAX_LIST)? {
            return Ok(Manifest {
                files: list_feeds(base, fetch, by_version, end)
                    .into_iter()
                    .collect(),
                ..Manifest::default()
            });
        }
    }
    Ok(Manifest::default())
}

/// Returns the paths of the feeds of all devices; addresses of the site's lists end with `end`.
fn list_feeds(
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
        // A device that cannot be read does not stop the others.
        let types: Option<Types> = fetch_json(fetch, &url, MAX_LIST).unwrap_or_default();
        for romtype in types.into_iter().flat_map(|types| types.response) {
            paths.push(match end {
                // LineageOS's official server accepts any incremental.
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
