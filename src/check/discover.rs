//! Which files a site has: by looking into its folder, or by asking the site itself.
//!
//! A live site tells by the manifest romfeed leaves in it, or by the lists of devices and
//! release types that LineageOS's own server has too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use walkdir::WalkDir;

use crate::fetch::{Ask, Fetch};

/// Longest list of files read of a live site, in bytes: some 100,000 paths.
const MAX_MANIFEST: usize = 16 << 20;
/// Longest other list, in bytes.
const MAX_LIST: usize = 1 << 20;
/// Most devices of a live site that are asked about one by one.
const MAX_DEVICES: usize = 1_000;

#[derive(Deserialize)]
struct Manifest {
    files: Vec<String>,
}

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

/// The feeds of a live site, by their paths; empty if it does not tell.
#[must_use]
pub fn of_site(base: &str, fetch: &dyn Fetch) -> Vec<String> {
    let manifest: Option<Manifest> = load(fetch, base, "/.romfeed/manifest.json", MAX_MANIFEST);
    if let Some(manifest) = manifest {
        return manifest.files;
    }
    let list = |path: &str| {
        let url = format!("{path}.json");
        load::<BTreeMap<String, Vec<String>>>(fetch, base, &url, MAX_LIST)
            .map(|list| (list, ".json"))
            .or_else(|| Some((load(fetch, base, path, MAX_LIST)?, "")))
    };
    let Some((by_version, end)) = list("/api/v1/devices") else {
        return Vec::new();
    };
    let devices: BTreeSet<String> = by_version.into_values().flatten().collect();
    let mut paths = Vec::new();
    for device in devices.iter().take(MAX_DEVICES) {
        let url = match end {
            "" => format!("/api/v1/types/{device}/"),
            end => format!("/api/v1/types/{device}{end}"),
        };
        let types: Option<Types> = load(fetch, base, &url, MAX_LIST);
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

fn load<T: DeserializeOwned>(fetch: &dyn Fetch, base: &str, path: &str, max: usize) -> Option<T> {
    let url = format!("{base}{path}");
    let answer = fetch.fetch(&Ask::get(&url, max)).ok()?;
    (answer.status == 200).then(|| serde_json::from_slice(&answer.body).ok())?
}
