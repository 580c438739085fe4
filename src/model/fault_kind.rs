//! The kinds of fault that keep a package from being published.
//!
//! Hints, and scripts that read `--json`, where it is called `class`, branch on the kind, never on
//! the text of a message.

use std::fmt;

use ota_view::error_kind::ErrorKind;

/// A kind of fault that keeps a package, or a part of it, from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The bytes are not a zip archive at all.
    NotAZip,
    /// The file ends too early, perhaps because it is still being written.
    Truncated,
    /// A sound zip that no phone could install as a system update.
    NotARom,
    /// The file contradicts itself or its format.
    Corrupt,
    /// A size, count or depth above the limit for it.
    Limit,
    /// Valid, but in a form romfeed does not read.
    Unsupported,
    /// No source has a fact that feeds need.
    MissingFacts,
    /// Sources of the same rank contradict each other.
    Conflict,
    /// The bytes differ from the digest in a checksum file.
    HashMismatch,
    /// The signature is absent, broken or not the expected one.
    BadSignature,
    /// The operating system refused to read.
    Io,
}

impl FaultKind {
    const ALL: [FaultKind; 11] = [
        FaultKind::NotAZip,
        FaultKind::Truncated,
        FaultKind::NotARom,
        FaultKind::Corrupt,
        FaultKind::Limit,
        FaultKind::Unsupported,
        FaultKind::MissingFacts,
        FaultKind::Conflict,
        FaultKind::HashMismatch,
        FaultKind::BadSignature,
        FaultKind::Io,
    ];

    /// Parses a [name](FaultKind::as_str).
    #[must_use]
    pub fn parse(name: &str) -> Option<FaultKind> {
        let mut all = FaultKind::ALL.into_iter();
        all.find(|kind| kind.as_str() == name)
    }

    /// The name used in `--json` output; part of the documented schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::NotAZip => "not_a_zip",
            FaultKind::Truncated => "truncated",
            FaultKind::NotARom => "not_a_rom",
            FaultKind::Corrupt => "corrupt",
            FaultKind::Limit => "limit",
            FaultKind::Unsupported => "unsupported",
            FaultKind::MissingFacts => "missing_facts",
            FaultKind::Conflict => "conflict",
            FaultKind::HashMismatch => "hash_mismatch",
            FaultKind::BadSignature => "bad_signature",
            FaultKind::Io => "io",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<ErrorKind> for FaultKind {
    fn from(kind: ErrorKind) -> FaultKind {
        match kind {
            ErrorKind::NotAZip => FaultKind::NotAZip,
            ErrorKind::Truncated => FaultKind::Truncated,
            ErrorKind::NotAnOta => FaultKind::NotARom,
            ErrorKind::Limit => FaultKind::Limit,
            ErrorKind::Unsupported => FaultKind::Unsupported,
            ErrorKind::NotFound => FaultKind::MissingFacts,
            ErrorKind::BadSignature => FaultKind::BadSignature,
            ErrorKind::Io => FaultKind::Io,
            // A kind that is added to the reader later is a fault of the package, too.
            _ => FaultKind::Corrupt,
        }
    }
}

impl From<&digest_lanes::Error> for FaultKind {
    fn from(error: &digest_lanes::Error) -> FaultKind {
        match error {
            digest_lanes::Error::Short { .. } => FaultKind::Truncated,
            _ => FaultKind::Io,
        }
    }
}
