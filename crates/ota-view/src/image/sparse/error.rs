//! Why a sparse image cannot be read.

use crate::error_kind::ErrorKind;
use crate::io::ReadError;

/// Why a sparse image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A later version of the format.
    #[error("sparse image version {found} at byte 4, expected 1")]
    BadVersion {
        /// Its major version.
        found: u16,
    },
    /// A header field with an impossible value.
    #[error("sparse image header: {field} {found} at byte {offset}")]
    BadHeader {
        /// `sparse_header_t` field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// Its offset.
        offset: u64,
    },
    /// Too many chunks or files.
    #[error("sparse image: {found} {what}, at most {limit} are read")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// Count found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The files of a split image differ in size.
    #[error("sparse images of {first} and {other} bytes cannot be parts of one image")]
    Unequal {
        /// Size of the first.
        first: u64,
        /// Size of another.
        other: u64,
    },
    /// A chunk that contradicts the header.
    #[error("sparse image chunk {index} at byte {offset:#x}: {fault}")]
    BadChunk {
        /// Its number, from 0.
        index: u32,
        /// Offset of its header.
        offset: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// The bytes could not be read.
    #[error("sparse image {what}")]
    Read {
        /// The structure.
        what: &'static str,
        /// The cause.
        #[source]
        source: ReadError,
    },
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::BadVersion { .. } => ErrorKind::Unsupported,
            Error::BadHeader { .. } | Error::Unequal { .. } | Error::BadChunk { .. } => {
                ErrorKind::Corrupt
            }
            Error::TooMany { .. } => ErrorKind::Limit,
            Error::Read { source, .. } => source.kind(),
        }
    }
}
