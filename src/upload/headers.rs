//! The headers of files in storage services: how long they may be cached, and types that their names do not show.

use std::collections::BTreeMap;

use super::files::Local;
use super::store::{Batch, Contents};

/// The lifetime of packages, which never change.
const LONG: &str = "public, max-age=31536000, immutable";
/// The lifetime of all other files.
const SHORT: &str = "public, max-age=60, must-revalidate";

/// The headers of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Headers {
    /// It is a package or an image, and never changes.
    pub(super) is_immutable: bool,
    /// Its type, if its name does not show it.
    pub(super) content_type: Option<&'static str>,
}

impl Headers {
    fn new(file: &Local, contents: Contents) -> Headers {
        let is_immutable = contents == Contents::Builds && !file.is_sidecar();
        Headers {
            is_immutable,
            content_type: match contents {
                Contents::Builds => {
                    (is_immutable && file.path.ends_with(".zip")).then_some("application/zip")
                }
                Contents::Site => is_json(&file.path).then_some("application/json"),
            },
        }
    }

    pub(super) fn cache_control(&self) -> &'static str {
        match self.is_immutable {
            true => LONG,
            false => SHORT,
        }
    }

    /// Returns the lines of the headers.
    pub(super) fn lines(&self) -> Vec<String> {
        let cache = format!("Cache-Control: {}", self.cache_control());
        let content_type = self
            .content_type
            .map(|value| format!("Content-Type: {value}"));
        [cache].into_iter().chain(content_type).collect()
    }
}

/// Lists of incrementals and the answers to CyanogenMod's requests have no ending that shows their type.
fn is_json(path: &str) -> bool {
    path.ends_with(".json")
        || path.ends_with("/get_delta")
        || path.starts_with("api/")
        || path.contains("/api/")
}

/// Returns the files of a batch by their headers.
pub(super) fn groups<'a>(batch: &Batch<'a>) -> BTreeMap<Headers, Vec<&'a Local>> {
    let mut groups: BTreeMap<Headers, Vec<&Local>> = BTreeMap::new();
    for file in batch.files {
        groups
            .entry(Headers::new(file, batch.contents))
            .or_default()
            .push(file);
    }
    groups
}
