//! `romfeed` without arguments: what to do next in this folder.

use std::ffi::OsStr;
use std::path::Path;

use romfeed::hosting::PUBLISH;
use walkdir::WalkDir;

use super::config::FILE_NAME;

/// The default folder of zips.
const BUILDS: &str = "builds";
/// Folders in which zips are looked for: `builds/bacon/` is one, and what lies deeper is rare.
const MAX_DEPTH: usize = 3;
/// The most files that are looked at.
const MAX_FILES: usize = 10_000;

/// Returns the next step in the current folder; `None` if there is nothing to begin with.
pub(super) fn find() -> Option<String> {
    if Path::new(FILE_NAME).exists() {
        return Some(match Path::new(PUBLISH).exists() {
            true => {
                format!("next: ./{PUBLISH}; or romfeed generate, for the site on this machine only")
            }
            false => "next: romfeed generate".to_owned(),
        });
    }
    let zips = |num| match num {
        1 => "1 zip".to_owned(),
        num => format!("{num} zips"),
    };
    match (num_zips(BUILDS, MAX_DEPTH), num_zips(".", 1)) {
        (0, 0) => None,
        (0, num) => Some(format!(
            "this folder has {}; next: move ROM zips to a folder {BUILDS}, then romfeed init",
            zips(num)
        )),
        (num, _) => Some(format!(
            "{BUILDS} has {}; next: romfeed init, then romfeed generate",
            zips(num)
        )),
    }
}

fn num_zips(folder: &str, max_depth: usize) -> usize {
    let entries = WalkDir::new(folder).max_depth(max_depth).into_iter();
    let files = entries.take(MAX_FILES).filter_map(Result::ok);
    let is_zip = |path: &Path| {
        let ending = path.extension().and_then(OsStr::to_str);
        ending.is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
    };
    files
        .filter(|entry| entry.file_type().is_file() && is_zip(entry.path()))
        .count()
}
