//! Notes on an edit of the catalog.

use std::fmt;

use crate::fetch::Traffic;
use crate::model::entry_rules::Problem;

/// A consequence of an edit that the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The settings take precedence over the address that was given with the build.
    OtherAddress(String),
    /// Another build had this file name, and is no longer offered.
    Superseded(String),
    /// The build was removed before.
    Returned,
    /// A warning from the rules for entries.
    Doubtful(Problem),
    /// The package has a different value than was given; the package's value is used.
    Corrected {
        /// The fact.
        fact: &'static str,
        /// The given value.
        given: String,
        /// The package's value.
        found: String,
        /// Where in the package it was found.
        place: String,
    },
    /// Something about the package, in one line.
    OfPackage(String),
    /// How much was downloaded to read the package from its address.
    Fetched(Traffic),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::OtherAddress(url) => {
                write!(
                    f,
                    "`url` in the settings takes precedence over the given address: {url}"
                )
            }
            Note::Superseded(filename) => write!(
                f,
                "{}: the old build of this name is no longer offered",
                filename.escape_debug()
            ),
            Note::Returned => f.write_str("it was removed before and is added again"),
            Note::Doubtful(problem) => problem.fmt(f),
            Note::Corrected {
                fact,
                given,
                found,
                place,
            } => write!(
                f,
                "{fact} `{}` was given, but the package has `{}` ({}), which phones compare; that is published",
                given.escape_debug(),
                found.escape_debug(),
                place.escape_debug()
            ),
            Note::OfPackage(text) => f.write_str(text),
            Note::Fetched(traffic) => write!(f, "read from its address: {traffic}"),
        }
    }
}
