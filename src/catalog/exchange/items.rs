//! The elements of a feed, whatever lists or objects they stand in.

use serde_json::Value;

use super::format::find_list;
use super::{Error, Format, keys};

/// An element of a feed's list, not yet read as a build.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    /// The key of its list, in an official feed a codename.
    pub(super) key: Option<&'a str>,
    /// Its position, from 1.
    number: usize,
    pub(super) value: &'a Value,
    /// The object around its list.
    around: Option<&'a Value>,
}

impl<'a> Item<'a> {
    /// Returns the codename that it names.
    pub(super) fn codename(&self, format: Format) -> Option<&'a str> {
        match format {
            Format::Official => self.key,
            _ => keys::codename(self.value).or_else(|| keys::codename(self.around?)),
        }
    }

    pub(super) fn place(&self) -> String {
        match self.key {
            Some(key) => format!("{key}, entry {}", self.number),
            None => format!("entry {}", self.number),
        }
    }
}

/// Returns the items of a list.
fn list_items<'a>(
    key: Option<&'a str>,
    list: &'a [Value],
    around: Option<&'a Value>,
) -> Vec<Item<'a>> {
    let number = |(index, value)| Item {
        key,
        number: index + 1,
        value,
        around,
    };
    list.iter().enumerate().map(number).collect()
}

/// Returns the items of a feed in a format.
///
/// # Errors
/// [`Error::NotThat`] if the feed is not of this format.
pub(super) fn items(root: &Value, format: Format) -> Result<Vec<Item<'_>>, Error> {
    let not_that = |expected| Error::NotThat { format, expected };
    let one = || {
        vec![Item {
            key: None,
            number: 1,
            value: root,
            around: None,
        }]
    };
    let by_key = || {
        let lists = root.as_object()?.iter();
        let lists =
            lists.map(|(key, list)| Some(list_items(Some(key.as_str()), list.as_array()?, None)));
        Some(lists.collect::<Option<Vec<_>>>()?.concat())
    };
    let list = match root {
        Value::Array(list) => Some(list_items(None, list, None)),
        _ => find_list(root).map(|(_, list)| list_items(None, list, Some(root))),
    };
    match format {
        Format::Official => {
            by_key().ok_or(not_that("it has no list of builds under each codename"))
        }
        Format::V2 if root.get("files").is_some() => Ok(one()),
        Format::V2 => list.ok_or(not_that("it is not a list")),
        _ if keys::is_entry(root) => Ok(one()),
        _ => list
            .or_else(by_key)
            .ok_or(not_that("it is neither a list of builds nor one build")),
    }
}
