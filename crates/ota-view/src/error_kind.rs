//! The classes of fault a package can show, and errors as one line.
//!
//! Every error of the library answers `class()`. Fallbacks, hints and the
//! `--json` schema branch on the class, never on the text of a message.

use std::fmt;

/// What kind of fault keeps a package, or a part of it, from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The bytes are not a zip archive at all.
    NotAZip,
    /// The file ends before its structure does, or is still being written.
    Truncated,
    /// A sound zip that no phone could install as a system update.
    NotARom,
    /// The file contradicts itself or its format.
    Corrupt,
    /// A size, count or depth beyond what romfeed is willing to read.
    Limit,
    /// Valid, but in a form romfeed does not read.
    Unsupported,
    /// A fact that feeds need is nowhere to be found.
    MissingFacts,
    /// Sources of equal weakness contradict each other.
    Conflict,
    /// The bytes differ from the digest published beside them.
    HashMismatch,
    /// The signature is absent, broken or not the expected one.
    BadSignature,
    /// The operating system refused to read.
    Io,
}

impl Class {
    const ALL: [Class; 11] = [
        Class::NotAZip,
        Class::Truncated,
        Class::NotARom,
        Class::Corrupt,
        Class::Limit,
        Class::Unsupported,
        Class::MissingFacts,
        Class::Conflict,
        Class::HashMismatch,
        Class::BadSignature,
        Class::Io,
    ];

    /// The class of this [name](Class::as_str).
    #[must_use]
    pub fn parse(name: &str) -> Option<Class> {
        let mut all = Class::ALL.into_iter();
        all.find(|class| class.as_str() == name)
    }

    /// The name used in `--json` output; part of the documented schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Class::NotAZip => "not_a_zip",
            Class::Truncated => "truncated",
            Class::NotARom => "not_a_rom",
            Class::Corrupt => "corrupt",
            Class::Limit => "limit",
            Class::Unsupported => "unsupported",
            Class::MissingFacts => "missing_facts",
            Class::Conflict => "conflict",
            Class::HashMismatch => "hash_mismatch",
            Class::BadSignature => "bad_signature",
            Class::Io => "io",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Joins an error and its causes into one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string().replace('\n', " ");
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    // Libraries quote what they read, and terminals obey what they are sent.
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
