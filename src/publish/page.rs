//! One file of the site, and the order in which files are written and removed.
//!
//! A feed must never name a file that is not there. So pages are written before the feeds that
//! lead to them, and feeds before the files that name feeds; files are removed the other way
//! round.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::markup::template::Format;

/// One file of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Path below the site's root, with `/` between folders.
    pub path: String,
    /// Its contents, shared by pages that are the same.
    pub bytes: Arc<[u8]>,
    /// What makes it.
    pub maker: Maker,
    /// Its template and its subject, for messages; `None` for files of romfeed itself.
    pub origin: Option<Arc<str>>,
}

/// What makes a file of the site; tells `check` which clients read the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Maker {
    /// romfeed, for people: a page, or a file that pages load.
    Page,
    /// romfeed, for the updaters of LineageOS: a list, or another answer of their server.
    LineageOs,
    /// The template of this name that comes with romfeed.
    Shipped(String),
    /// A template of the user.
    Own {
        /// Its name.
        name: String,
        /// The format of its pages.
        format: Format,
    },
}

impl Maker {
    /// Whether update clients read the file, so that it is written after all files it refers to.
    #[must_use]
    pub fn is_feed(&self) -> bool {
        *self != Maker::Page
    }
}

/// Returns what to sort pages by for writing: files that feeds lead to, then feeds, then files that name
/// feeds; within these, folder by folder.
#[must_use]
pub fn writing_order<'p>(path: &'p str, maker: &Maker) -> (bool, u8, &'p str) {
    (maker.is_feed(), rank(path), path)
}

/// Sorts paths for their removal: files that name feeds first, then feeds, then pages.
pub fn sort_for_removal(paths: &mut [String]) {
    paths.sort_by_key(|path| (path.ends_with(".html"), Reverse(rank(path))));
}

/// Returns how far a file is from the lists of builds: 1 if it names lists, 2 if it names devices
/// that have such files, and 0 for all others.
#[must_use]
pub fn rank(path: &str) -> u8 {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_in = |wanted: &str| folder.ends_with(wanted);
    match name {
        "devices.json" if is_in("api/v1") => 2,
        "oems.json" if is_in("api/v2") => 2,
        _ => u8::from(is_in("api/v1/types") || is_in("api/v2/devices")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_name_feeds_rank_behind_them() {
        let ranks = |paths: &[&str]| paths.iter().map(|path| rank(path)).collect::<Vec<_>>();
        let lists = [
            "api/v1/bacon/nightly.json",
            "api/v1/bacon/nightly/eng.1",
            "api/v2/devices/bacon/builds.json",
            "bacon.json",
            "devices.json",
        ];
        assert_eq!(ranks(&lists), [0; 5]);
        let of_devices = ["api/v1/types/bacon.json", "api/v2/devices/bacon.json"];
        assert_eq!(ranks(&of_devices), [1; 2]);
        assert_eq!(
            ranks(&["api/v1/devices.json", "gapps/api/v2/oems.json"]),
            [2; 2]
        );
    }
}
