//! The files of a list so far, with names that can be published.
//!
//! Hidden names are left out, as in a local folder; other names that phones or hosts could not use
//! are left out with a warning.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use chrono::DateTime;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use super::{Error, Listing, MAX_FILES, RemoteFile};
use crate::model::build::filename_fault;

/// Maximum number of warnings; the rest is counted.
const MAX_WARNINGS: usize = 20;
/// Longest part of a path that a warning shows, in characters.
const MAX_SHOWN: usize = 120;

/// The files of a list so far.
#[derive(Debug, Default)]
pub(super) struct Entries {
    files: BTreeMap<String, RemoteFile>,
    warnings: Vec<String>,
    num_more_warnings: usize,
}

impl Entries {
    /// Returns whether a name in a list can be used; `path` is shown in the warning if it cannot.
    pub(super) fn accepts(&mut self, path: &str, name: &str) -> bool {
        if name.starts_with('.') {
            return false;
        }
        let is_utf8 = !name.contains(char::REPLACEMENT_CHARACTER);
        match filename_fault(name).or((!is_utf8).then_some("is not UTF-8")) {
            Some(fault) => {
                self.warn(path, &format!("is left out: its name {fault}"));
                false
            }
            None => true,
        }
    }

    /// Adds a file whose names are accepted; the first one at a path counts.
    ///
    /// # Errors
    /// [`Error::TooMany`], with the address of the list.
    pub(super) fn add(&mut self, list: &str, file: RemoteFile) -> Result<(), Error> {
        if let Entry::Vacant(place) = self.files.entry(file.path.clone()) {
            place.insert(file);
        } else {
            self.warn(&file.path, "is listed twice; the first one counts");
        }
        check_number(list, "files", self.files.len(), MAX_FILES)
    }

    /// Returns whether there is a file at a path.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Adds a warning about a file, which begins with its path.
    pub(super) fn warn(&mut self, path: &str, fault: &str) {
        if self.warnings.len() == MAX_WARNINGS {
            self.num_more_warnings += 1;
            return;
        }
        let shown: String = path.chars().take(MAX_SHOWN).collect();
        self.warnings
            .push(format!("`{}` {fault}", shown.escape_debug()));
    }

    /// Returns a digest of `len` hex digits in lower case; warns of one that is something else.
    pub(super) fn digest(&mut self, path: &str, text: Option<&str>, len: usize) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex && text.len() == len {
            return Some(text.to_ascii_lowercase());
        }
        self.warn(
            path,
            &format!("has a digest that is not {len} hex digits; it is not used"),
        );
        None
    }

    pub(super) fn finish(mut self) -> Listing {
        if self.num_more_warnings > 0 {
            let more = format!("there are {} more warnings", self.num_more_warnings);
            self.warnings.push(more);
        }
        Listing {
            files: self.files.into_values().collect(),
            warnings: self.warnings,
        }
    }
}

/// Refuses a list with more than `limit` of something.
///
/// # Errors
/// [`Error::TooMany`].
pub(super) fn check_number(
    list: &str,
    what: &'static str,
    number: usize,
    limit: usize,
) -> Result<(), Error> {
    match number > limit {
        true => Err(Error::TooMany {
            url: list.to_owned(),
            limit,
            what,
        }),
        false => Ok(()),
    }
}

/// Returns a size that is given exactly, in bytes: a number from 0 to 2^63 - 1.
pub(super) fn exact_size(size: &serde_json::Number) -> Option<u64> {
    size.as_i64().and_then(|size| u64::try_from(size).ok())
}

/// Returns the time that a text names, in seconds since the epoch; the text is as in e-mails
/// (RFC 5322) or as in RFC 3339.
pub(super) fn date(text: &str) -> Option<i64> {
    let date = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    date.ok().map(|date| date.timestamp())
}

/// A JSON list of at most [`MAX_FILES`] values.
#[derive(Debug)]
pub(super) struct Bounded<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Bounded<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    if values.len() == MAX_FILES {
                        let more = format!("it lists more than {MAX_FILES} files");
                        return Err(A::Error::custom(more));
                    }
                    values.push(value);
                }
                Ok(Bounded(values))
            }
        }

        deserializer.deserialize_seq(List(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_published_are_left_out_with_a_warning() {
        let mut entries = Entries::default();
        for (name, warning) in [
            ("a.zip", ""),
            ("ä b:c.zip", ""),
            (".hidden.zip", ""),
            ("..", ""),
            ("a/b", "holds a path separator"),
            ("a\\b", "holds a path separator"),
            ("a\0b", "holds control characters"),
            ("a\u{1b}[2Jb", "holds control characters"),
            ("l\u{fffd}.zip", "is not UTF-8"),
            ("", "is empty or longer than 255 bytes"),
        ] {
            let is_usable = entries.accepts(name, name);
            assert_eq!(is_usable, warning.is_empty() && !name.starts_with('.'));
            let found = entries.warnings.pop().unwrap_or_default();
            assert!(found.ends_with(warning), "{name}: {found}");
            assert!(!found.chars().any(char::is_control));
        }
    }

    #[test]
    fn only_the_first_warnings_are_shown_and_the_rest_is_counted() {
        let mut entries = Entries::default();
        for index in 0..MAX_WARNINGS + 3 {
            entries.warn(&format!("{index}{}", "x".repeat(9_999)), "why");
        }
        let warnings = entries.finish().warnings;
        assert_eq!(warnings.len(), MAX_WARNINGS + 1);
        assert_eq!(warnings.last().unwrap(), "there are 3 more warnings");
        assert!(warnings[0].len() < 200);
    }

    #[test]
    fn sizes_and_times_are_exact_or_unknown() {
        let size = |json: &str| exact_size(&serde_json::from_str(json).unwrap());
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("9223372036854775807"), Some(i64::MAX as u64));
        for unknown in [
            "-1",
            "9223372036854775808",
            "1e30",
            "1.5",
            "99999999999999999999",
        ] {
            assert_eq!(size(unknown), None, "{unknown}");
        }
        for (text, expected) in [
            ("Thu, 01 Aug 2024 12:34:56 GMT", Some(1_722_515_696)),
            ("Thu, 01 Aug 2024 12:34:56 UT", Some(1_722_515_696)),
            ("Sun, 09 Aug 2009 21:27:17 +0000", Some(1_249_853_237)),
            ("2024-08-01T12:34:56.000000000Z", Some(1_722_515_696)),
            ("2024-08-01T14:34:56+02:00", Some(1_722_515_696)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }
}
