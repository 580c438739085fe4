//! What a fault has destroyed.
//!
//! Goes in: romfeed's files before a run, after an undisturbed one, and as a fault left them.
//! Comes out: one line for each loss; none means that phones and people noticed nothing.

use std::collections::BTreeSet;
use std::path::Path;

use super::{BASE_URL, Tree};

/// The site's folder, as paths begin in it.
const OUT: &str = "out/";
/// The list of romfeed's own files in the site.
const MANIFEST: &str = "out/.romfeed/manifest.json";
/// What is remembered between runs; not the same on two machines.
const CACHE: &str = ".romfeed/cache.json";

/// Whether a file is one that is about to take another's place; one without a reader.
pub fn is_temporary(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path == "out/.romfeed/tmp" || name.ends_with(".romfeed-tmp") || path.starts_with("changelogs/.")
}

/// What of romfeed's files is neither as before nor as after, or leads to nothing.
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
    let kept = before.keys().filter(|path| after.contains_key(*path));
    for path in kept.filter(|path| !now.contains_key(*path) && !is_free(path)) {
        losses.push(format!("{path} is gone"));
    }
    losses.extend(unlisted(now));
    losses.extend(dangling_from(feeds(now), now, folder));
    losses
}

/// What was lost where a fault hides some of the packages: the site may be of fewer builds than it
/// could be, but of no fewer than it was.
pub fn losses_of_input(now: &Tree, before: &Tree, after: &Tree, folder: &Path) -> Vec<String> {
    let catalog = |tree: &Tree| {
        let bytes = tree.get("catalog.json");
        bytes.map_or(String::new(), |bytes| {
            String::from_utf8_lossy(bytes).into_owned()
        })
    };
    let [now_known, after_known] = [now, after].map(catalog);
    let before_known = catalog(before);
    let names = before_known
        .split('"')
        .filter(|word| word.ends_with(".zip"));
    let forgotten = names.filter(|name| after_known.contains(name) && !now_known.contains(name));
    let mut losses: Vec<String> = forgotten
        .map(|name| format!("{name} is forgotten"))
        .collect();
    losses.extend(unlisted(now));
    losses.extend(dangling_from(feeds(now), now, folder));
    losses
}

/// Pages lead to one another in circles, so some are always there before the others; feeds are
/// there after all that they lead to.
fn feeds(now: &Tree) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    now.iter().filter(|(path, _)| !path.ends_with(".html"))
}

/// Files whose bytes may be any.
fn is_free(path: &str) -> bool {
    is_temporary(path) || path.starts_with(".romfeed/") || path.starts_with("out/.romfeed/")
}

/// Pages that romfeed would not know for its own.
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

/// Files that differ from what an undisturbed run leaves, temporary ones among them.
pub fn differences(now: &Tree, after: &Tree) -> Vec<String> {
    let mut paths: BTreeSet<&String> = now.keys().chain(after.keys()).collect();
    paths.retain(|path| *path != CACHE && now.get(*path) != after.get(*path));
    let tell = |path: &String| match (now.get(path), after.get(path)) {
        (None, _) => format!("{path} is missing"),
        (_, None) => format!("{path} is left over"),
        _ => format!("{path} differs"),
    };
    paths.into_iter().map(tell).collect()
}

/// What the site's files lead to that is not there.
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
        for target in targets(page, &String::from_utf8_lossy(bytes)) {
            // The zips are the maintainer's own.
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

/// The paths in the site that a page of it leads to: addresses below the base, and links.
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

/// A relative link as a path in the site; none if it leads elsewhere.
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
    fn each_kind_of_loss_is_seen() {
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
    fn links_and_addresses_that_lead_nowhere_are_seen() {
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
}
