//! The page of a folder.
//!
//! Its script has a JSON object of what is directly in the folder, by name: `net.sf.files = {…};`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Item;
use crate::files::json_message;
use crate::source::MAX_FILES;

/// A file or folder on the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) is_folder: bool,
    md5: Option<String>,
    /// When it was uploaded, in seconds since the epoch.
    time: Option<i64>,
}

impl Listed {
    pub(super) fn item(self, path: String) -> Item {
        Item {
            path,
            size: None,
            md5: self.md5,
            time: self.time.map(|time| time.to_string()).unwrap_or_default(),
            date: self.time,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Entry {
    /// `f` or `d`.
    r#type: String,
    /// `false` for a folder, and for a file that is not public yet.
    downloadable: Option<bool>,
    md5: Option<String>,
    mtime: Option<i64>,
}

/// Parses a page; the error is the reason why the text is not one.
pub(super) fn parse(body: &[u8]) -> Result<BTreeMap<String, Listed>, String> {
    let html = String::from_utf8_lossy(body);
    let mut values = html.split("net.sf.files").skip(1);
    let json = values.find_map(|rest| rest.trim_start().strip_prefix('='));
    let json = json.ok_or("it has no `net.sf.files`")?;
    let mut values = serde_json::Deserializer::from_str(json).into_iter();
    let entries: Option<Result<BTreeMap<String, Entry>, _>> = values.next();
    let entries = entries.ok_or("`net.sf.files` is empty")?;
    let entries = entries.map_err(|error| format!("`net.sf.files`: {}", json_message(&error)))?;
    if entries.len() > MAX_FILES {
        return Err(format!("it lists more than {MAX_FILES} files"));
    }
    let listed = entries.into_iter().filter_map(|(name, entry)| {
        let is_folder = match (entry.r#type.as_str(), entry.downloadable) {
            ("d", _) => true,
            ("f", None | Some(true)) => false,
            _ => return None,
        };
        let listed = Listed {
            is_folder,
            md5: entry.md5,
            time: entry.mtime,
        };
        Some((name, listed))
    });
    Ok(listed.collect())
}
