//! What lists of folders have in common.

use std::fmt;
use std::marker::PhantomData;

use chrono::DateTime;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use super::builder::{Builder, shown};
use super::{Error, MAX_FILES};
use crate::model::build::filename_fault;

/// Returns whether a name at the end of `path` can be used. Hidden names cannot, as in a local folder;
/// for others there is a warning.
pub(super) fn is_usable(name: &str, path: &str, builder: &mut Builder) -> bool {
    if name.starts_with('.') {
        return false;
    }
    let is_utf8 = !name.contains(char::REPLACEMENT_CHARACTER);
    match filename_fault(name).or((!is_utf8).then_some("is not UTF-8")) {
        Some(fault) => {
            builder.leave_out(path, &format!("`{}` {fault}", shown(name)));
            false
        }
        None => true,
    }
}

/// Refuses more than `limit` of something in the list at an address.
///
/// # Errors
/// [`Error::TooMany`].
pub(super) fn check_number(
    url: &str,
    what: &'static str,
    number: usize,
    limit: usize,
) -> Result<(), Error> {
    match number > limit {
        true => Err(Error::TooMany {
            url: url.to_owned(),
            limit,
            what,
        }),
        false => Ok(()),
    }
}

/// Parses a date as in e-mails (RFC 5322) into seconds since the epoch.
pub(super) fn parse_mail_date(text: &str) -> Option<i64> {
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(date.timestamp())
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
        for (name, warning) in [
            ("a.zip", None),
            ("ä b:c.zip", None),
            (".hidden.zip", None),
            ("..", None),
            ("a/b", Some("`x` is left out: `a/b` holds a path separator")),
            (
                "a\\b",
                Some("`x` is left out: `a\\\\b` holds a path separator"),
            ),
            (
                "a\0b",
                Some("`x` is left out: `a\\0b` holds control characters"),
            ),
            (
                "l\u{fffd}.zip",
                Some("`x` is left out: `l\u{fffd}.zip` is not UTF-8"),
            ),
            (
                "",
                Some("`x` is left out: `` is empty or longer than 255 bytes"),
            ),
        ] {
            let mut builder = Builder::new("https://h");
            let is_usable = is_usable(name, "x", &mut builder);
            assert_eq!(is_usable, warning.is_none() && !name.starts_with('.'));
            assert_eq!(builder.finish().warnings, Vec::from_iter(warning));
        }
    }

    #[test]
    fn dates_of_mails_have_their_zone_in_many_forms() {
        for (text, expected) in [
            ("Thu, 01 Aug 2024 12:34:56 GMT", Some(1_722_515_696)),
            ("Thu, 01 Aug 2024 12:34:56 UT", Some(1_722_515_696)),
            ("Sun, 09 Aug 2009 21:27:17 +0000", Some(1_249_853_237)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_mail_date(text), expected, "{text}");
        }
    }
}
