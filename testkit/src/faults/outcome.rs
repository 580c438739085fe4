//! The losses that a fault caused.
//!
//! In: romfeed's files before a run, after an undisturbed one, and as a fault left them. Out: one
//! line for each loss; none means that phones and people noticed nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::{BASE_URL, Tree};

/// The site's folder, as paths in it begin.
const OUT: &str = "out/";
/// The list of romfeed's own files in the site.
const MANIFEST: &str = "out/.romfeed/manifest.json";
/// The caches; they differ between machines.
const CACHES: [&str; 2] = [".romfeed/cache.json", ".romfeed/pages.json"];

/// Whether a file is temporary and about to replace another; nothing reads it.
pub fn is_temporary(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path == "out/.romfeed/tmp" || name.ends_with(".romfeed-tmp") || path.starts_with("changelogs/.")
}

/// Returns the files of romfeed that are neither as before nor as after, and links that lead
/// nowhere.
pub fn losses(now: &Tree, before: &Tree, after: &Tree, folder: &Path) -> Vec<String> {
    let mut losses = Vec::new();
    for (path, bytes) in now {
        let is_whole = [before, after]
            .map(|tree| tree.get(path))
            .contains(&Some(bytes));
        if !is_whole && !is_free(path) {
            losses.push(format!("{path} is neither the old nor the new one"));
        }
    }
    let remaining = before.keys().filter(|path| after.contains_key(*path));
    for path in remaining.filter(|path| !now.contains_key(*path) && !is_free(path)) {
        losses.push(format!("{path} is gone"));
    }
    losses.extend(unlisted(now));
    losses.extend(dangling_from(feeds(now), now, folder));
    losses
}

/// Returns the losses where a fault hid part of the input: the site may miss new builds, but has
/// all builds from before, and every file is complete.
pub fn losses_of_input(now: &Tree, before: &Tree, after: &Tree, folder: &Path) -> Vec<String> {
    let [known, was, will_be] = [now, before, after].map(records);
    let mut losses = Vec::new();
    for (name, sha256) in was {
        let Some(later) = will_be.get(&name) else {
            continue;
        };
        match known.get(&name) {
            None => losses.push(format!("{name} is forgotten")),
            Some(found) if ![&sha256, later].contains(&found) => {
                losses.push(format!("{name} is known with {found}"));
            }
            Some(_) => {}
        }
    }
    losses.extend(broken(now));
    losses.extend(unlisted(now));
    losses.extend(dangling_from(feeds(now), now, folder));
    losses
}

/// Returns the builds of a catalog by name, with their digests; and its records of builds that are
/// gone.
pub fn records(tree: &Tree) -> BTreeMap<String, String> {
    let catalog = tree.get("catalog.json").map_or(&[][..], Vec::as_slice);
    let catalog: Value = serde_json::from_slice(catalog).unwrap_or_default();
    let all = |key: &str| catalog[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let builds = all("builds").into_iter();
    let builds = builds.map(|build| (text(&build["filename"]), text(&build["sha256"])));
    let gone = all("tombstones").into_iter();
    builds
        .chain(gone.map(|tombstone| (tombstone.to_string(), String::new())))
        .collect()
}

/// Returns files that do not end as their kind does.
fn broken(now: &Tree) -> Vec<String> {
    let is_whole = |path: &str, bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        match path.rsplit('.').next() {
            _ if is_free(path) => true,
            Some("html") => text.trim_end().ends_with("</html>"),
            _ if text.starts_with("<?xml") => text.trim_end().ends_with("</feed>"),
            _ if is_json(path) => serde_json::from_slice::<Value>(bytes).is_ok(),
            _ => true,
        }
    };
    let broken = now.iter().filter(|(path, bytes)| !is_whole(path, bytes));
    broken
        .map(|(path, _)| format!("{path} is not whole"))
        .collect()
}

fn is_json(path: &str) -> bool {
    path.ends_with(".json") || path.starts_with("out/api/") || path.starts_with("out/legacy/")
}

/// Pages link to each other in circles, so some always exist before their targets; a feed exists
/// only after all its targets.
fn feeds(now: &Tree) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    now.iter().filter(|(path, _)| !path.ends_with(".html"))
}

/// Files with any content.
fn is_free(path: &str) -> bool {
    is_temporary(path) || path.starts_with(".romfeed/") || path.starts_with("out/.romfeed/")
}

/// Pages without romfeed's mark.
fn unlisted(now: &Tree) -> Vec<String> {
    let Some(manifest) = now.get(MANIFEST) else {
        let pages = now
            .keys()
            .filter(|path| path.starts_with(OUT) && !is_free(path));
        return pages
            .map(|path| format!("{path} without a manifest"))
            .collect();
    };
    let text = String::from_utf8_lossy(manifest);
    if !text.ends_with("]\n}\n") {
        return vec![format!("{MANIFEST} is not whole")];
    }
    let listed: BTreeSet<&str> = text.split('"').skip(1).step_by(2).collect();
    let pages = now.keys().filter_map(|path| path.strip_prefix(OUT));
    let pages = pages.filter(|page| !page.starts_with(".romfeed/") && !listed.contains(page));
    pages
        .map(|page| format!("{page} is not in the manifest"))
        .collect()
}

/// What killed runs leave half-written here goes once it is an hour old, since other runs may be writing there.
const SHARED_TEMPORARY: &str = "changelogs/.romfeed-tmp/";

/// Returns the files that differ from those of an undisturbed run, including most temporary ones.
pub fn differences(now: &Tree, after: &Tree) -> Vec<String> {
    let mut paths: BTreeSet<&String> = now.keys().chain(after.keys()).collect();
    let is_compared = |path: &str| !CACHES.contains(&path) && !path.starts_with(SHARED_TEMPORARY);
    paths.retain(|path| is_compared(path) && now.get(*path) != after.get(*path));
    let describe = |path: &String| match (now.get(path), after.get(path)) {
        (None, _) => format!("{path} is missing"),
        (_, None) => format!("{path} is left over"),
        _ => format!("{path} differs"),
    };
    paths.into_iter().map(describe).collect()
}

/// Returns the targets of the site's files that do not exist.
pub fn dangling(now: &Tree, folder: &Path) -> Vec<String> {
    dangling_from(now.iter(), now, folder)
}

fn dangling_from<'a>(
    files: impl Iterator<Item = (&'a String, &'a Vec<u8>)>,
    now: &Tree,
    folder: &Path,
) -> Vec<String> {
    let mut dangling = BTreeSet::new();
    for (path, bytes) in files {
        let Some(page) = path.strip_prefix(OUT).filter(|_| !is_free(path)) else {
            continue;
        };
        let text = String::from_utf8_lossy(bytes);
        for target in targets(page, &text).into_iter().chain(named(page, &text)) {
            // The zips belong to the maintainer.
            let is_there = now.contains_key(&format!("{OUT}{target}"))
                || now.contains_key(&format!("{OUT}{target}/index.html"))
                || target.is_empty()
                || target.starts_with("builds/") && !folder.join(&target).is_dir();
            if !is_there {
                dangling.insert(format!("{page} leads to {target}, which is not there"));
            }
        }
    }
    dangling.into_iter().collect()
}

/// Returns the files that a list of devices or release types implies, although it contains no
/// address.
fn named(page: &str, text: &str) -> Vec<String> {
    let Some((root, list)) = page.split_once("api/") else {
        return Vec::new();
    };
    let list_of: Value = serde_json::from_str(text).unwrap_or_default();
    let words = |value: &Value| -> Vec<String> {
        let words = value.as_array().into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    if let Some(device) = list.strip_prefix("v1/types/") {
        let device = device.trim_end_matches(".json");
        let types = words(&list_of["response"]).into_iter();
        return types
            .map(|romtype| format!("{root}api/v1/{device}/{romtype}.json"))
            .collect();
    }
    match list {
        "v1/devices.json" => {
            let versions = list_of.as_object().into_iter().flatten();
            let devices = versions.flat_map(|(_, devices)| words(devices));
            devices
                .map(|device| format!("{root}api/v1/types/{device}.json"))
                .collect()
        }
        "v2/oems.json" => {
            let makers = list_of.as_array().into_iter().flatten();
            let devices =
                makers.flat_map(|maker| maker["devices"].as_array().into_iter().flatten());
            let models = devices.filter_map(|device| device["model"].as_str());
            let of = |model: &str| {
                let device = format!("{root}api/v2/devices/{model}");
                [format!("{device}.json"), format!("{device}/builds.json")]
            };
            models.flat_map(of).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the paths in the site that one of its pages leads to: addresses below the base, and
/// links.
fn targets(page: &str, text: &str) -> Vec<String> {
    let end = |c: char| c.is_whitespace() || "\"'<>&?#{%\\".contains(c);
    let mut targets = Vec::new();
    for rest in text.split(BASE_URL).skip(1) {
        let target = rest.split(end).next().unwrap_or_default();
        targets.extend(target.strip_prefix('/').map(str::to_owned));
    }
    if page.ends_with(".html") {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for mark in ["href=\"", "src=\""] {
            for rest in text.split(mark).skip(1) {
                let link = rest.split(end).next().unwrap_or_default();
                targets.extend(resolve(folder, link));
            }
        }
    }
    targets
}

/// Resolves a relative link to a path in the site; `None` if it leads elsewhere.
fn resolve(folder: &str, link: &str) -> Option<String> {
    if link.is_empty() || link.contains(':') || link.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        files.iter().map(owned).collect()
    }

    const LISTED: &str =
        "{\n  \"schema\": 1,\n  \"files\": [\n    \"a\",\n    \"b.html\"\n  ]\n}\n";

    #[test]
    fn each_kind_of_loss_is_found() {
        let before = tree(&[("catalog.json", "1"), ("out/a", "1"), (MANIFEST, LISTED)]);
        let after = tree(&[("catalog.json", "2"), ("out/a", "2"), ("out/b.html", "")]);
        let losses = |now: &[(&str, &str)]| losses(&tree(now), &before, &after, Path::new("."));
        let base: [(&str, &str); 3] = [("catalog.json", "2"), ("out/a", "1"), (MANIFEST, LISTED)];
        assert!(losses(&base).is_empty());
        let with = |place: usize, change: (&'static str, &'static str)| {
            let mut now = base;
            now[place] = change;
            losses(&now)
        };
        assert_eq!(
            with(1, ("out/a", ""))[0],
            "out/a is neither the old nor the new one"
        );
        assert_eq!(with(0, ("x", ""))[1], "catalog.json is gone");
        assert_eq!(with(2, ("out/b.html", "")).len(), 2, "no manifest");
        assert_eq!(
            with(2, (MANIFEST, "{}")),
            ["out/.romfeed/manifest.json is not whole"]
        );
        assert_eq!(with(1, ("out/c", ""))[2], "c is not in the manifest");
    }

    #[test]
    fn broken_links_and_addresses_are_found() {
        let now = tree(&[
            (
                "out/d/x.html",
                "<a href=\"../index.html\"><a href=\"y.html#z\"><img src=\"data:x\">",
            ),
            (
                "out/d.json",
                "{\"url\":\"https://example.org/ota/d/z.html\"}",
            ),
            ("out/index.html", "<a href=\"d/x.html\">"),
        ]);
        assert_eq!(
            dangling(&now, Path::new(".")),
            [
                "d.json leads to d/z.html, which is not there",
                "d/x.html leads to d/y.html, which is not there"
            ]
        );
    }

    #[test]
    fn missing_devices_and_types_are_found() {
        let now = tree(&[
            ("out/api/v1/devices.json", "{\"21.0\":[\"a\",\"b\"]}"),
            (
                "out/api/v1/types/a.json",
                "{\"response\":[\"nightly\",\"x\"]}",
            ),
            ("out/api/v1/a/nightly.json", "{}"),
            (
                "out/g/api/v2/oems.json",
                "[{\"devices\":[{\"model\":\"c\"}]}]",
            ),
            ("out/g/api/v2/devices/c.json", "{}"),
        ]);
        assert_eq!(
            dangling(&now, Path::new(".")),
            [
                "api/v1/devices.json leads to api/v1/types/b.json, which is not there",
                "api/v1/types/a.json leads to api/v1/a/x.json, which is not there",
                "g/api/v2/oems.json leads to g/api/v2/devices/c/builds.json, which is not there"
            ]
        );
    }

    #[test]
    fn forgotten_builds_and_truncated_files_are_found() {
        let catalog = |builds: &str| {
            let of = |(name, sha256): (&str, &str)| {
                format!("{{\"filename\":\"{name}\",\"sha256\":\"{sha256}\"}}")
            };
            let builds = builds.split_whitespace().filter_map(|b| b.split_once('='));
            let builds: Vec<String> = builds.map(of).collect();
            format!("{{\"builds\":[{}],\"tombstones\":[]}}", builds.join(","))
        };
        let losses = |now: &str, page: &str| {
            let [before, after] = ["a=1 b=1 c=1", "a=2 b=1"].map(catalog);
            let [before, after] =
                [before, after].map(|catalog| tree(&[("catalog.json", &catalog)]));
            let now = tree(&[
                ("catalog.json", &catalog(now)),
                ("out/a.html", page),
                (MANIFEST, "{\n\"files\": [\"a.html\"\n  ]\n}\n"),
            ]);
            losses_of_input(&now, &before, &after, Path::new("."))
        };
        assert!(losses("a=1 b=1", "</html>\n").is_empty());
        assert!(losses("a=2 b=1 c=1 d=1", "</html>").is_empty());
        assert_eq!(losses("a=3 b=1", "</html>"), ["a is known with 3"]);
        assert_eq!(losses("a=1", "</html>"), ["b is forgotten"]);
        assert_eq!(losses("a=1 b=1", "</htm"), ["out/a.html is not whole"]);
    }
}
