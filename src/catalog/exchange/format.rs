//! The formats of feeds, and how one is recognised by the entries in it.

use serde_json::Value;

use super::{flat, keys};
use crate::model::build::timestamp_fault;

/// Keys of the lists in feeds: CyanogenMod's clients read `result`, Paranoid Android `updates`, dotOS
/// `releases`, XPerience `files`.
const LISTS: [&str; 5] = ["response", "result", "updates", "releases", "files"];

/// The format of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"response":[…]}` of LineageOS 15.1 to 22.x.
    V1,
    /// The top-level array of LineageOS 23.2 on.
    V2,
    /// The answer of LineageOTA's `/api`, or of `LineageOTAstatic`.
    LineageOta,
    /// `builds.json` of the official backend, and ArrowOS's lists.
    Official,
    /// Entries with `download`, as of crDroid and Evolution X.
    CrDroid,
    /// Entries with the keys of any other family, and one object instead of a list.
    Other,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 6] = [
        Format::V1,
        Format::V2,
        Format::LineageOta,
        Format::Official,
        Format::CrDroid,
        Format::Other,
    ];

    /// Returns its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Format::V1 => "v1",
            Format::V2 => "v2",
            Format::LineageOta => "lineageota",
            Format::Official => "official",
            Format::CrDroid => "crdroid",
            Format::Other => "other",
        }
    }

    /// Whether its updaters show only builds of the phone's own release type.
    #[must_use]
    pub fn compares_romtype(self) -> bool {
        !matches!(self, Format::CrDroid | Format::Other)
    }

    /// Whether its ids may be digests of the packages.
    pub(super) fn has_ids(self) -> bool {
        !matches!(self, Format::LineageOta | Format::CrDroid)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether this is the line of a GrapheneOS channel: incremental, date, device or build id, and in
/// newer ones the channel.
pub(super) fn is_grapheneos_line(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    text.trim().lines().count() == 1
        && (3..=4).contains(&fields.len())
        && fields[1]
            .parse()
            .is_ok_and(|date: i64| timestamp_fault(date).is_none())
}

/// Recognises a format by its entries.
pub(super) fn detect(root: &Value) -> Option<Format> {
    let has_files = |entry: &Value| entry.get("files").is_some_and(Value::is_array);
    let of_list = |list: &[Value]| {
        let first = list.iter().find(|entry| entry.is_object())?;
        match () {
            () if has_files(first) => Some(Format::V2),
            () if keys::is_entry(first) => Some(flat::format(first)),
            () => None,
        }
    };
    // Keys of LineageOS outside its `response` or `result` are not its format.
    let other = |format| match format {
        Format::V1 => Format::Other,
        format => format,
    };
    let map = match root {
        Value::Array(list) if list.is_empty() => return Some(Format::V2),
        Value::Array(list) => return of_list(list).map(other),
        Value::Object(map) => map,
        _ => return None,
    };
    if let Some((key, list)) = find_list(root) {
        let is_lineage = matches!(key, "response" | "result");
        return match of_list(list) {
            Some(format) if is_lineage => Some(format),
            // `files` of an element of LineageOS 23.2.
            Some(_) if key == "files" && root.get("datetime").is_some() => Some(Format::V2),
            Some(format) => Some(other(format)),
            None => is_lineage.then_some(Format::V1),
        };
    }
    if keys::is_entry(root) {
        return Some(other(flat::format(root)));
    }
    let lists: Option<Vec<&Vec<Value>>> = map.values().map(Value::as_array).collect();
    let mut entries = lists?.into_iter().flatten();
    let first = entries.find(|entry| entry.is_object())?;
    match () {
        () if has_files(first) || first.get("filepath").is_some() => Some(Format::Official),
        () if !keys::is_entry(first) => None,
        () if first.get("url").is_some() => Some(Format::Official),
        // PixelExperience: lists by version.
        () => Some(Format::Other),
    }
}

/// Finds the list of builds in an object, and its key.
pub(super) fn find_list(root: &Value) -> Option<(&'static str, &Vec<Value>)> {
    let mut lists = LISTS
        .iter()
        .filter_map(|key| Some((*key, root.get(*key)?.as_array()?)));
    lists.next()
}
