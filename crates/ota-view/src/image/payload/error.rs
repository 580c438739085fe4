//! Why a payload cannot be read.

use super::limits::MAX_MANIFEST_SIZE;
use crate::error_kind::ErrorKind;
use crate::io::ReadError;
use crate::protobuf::Malformed;

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source is not a payload.
    #[error("payload magic {found:?} at byte 0, expected \"CrAU\"")]
    BadMagic {
        /// The bytes found.
        found: String,
    },
    /// A version that phones do not use.
    #[error("payload version {found} at byte 4, expected 2")]
    BadVersion {
        /// The version found.
        found: u64,
    },
    /// A manifest longer than the limit.
    #[error("payload manifest of {found} bytes at byte 12, at most {MAX_MANIFEST_SIZE} are read")]
    ManifestTooLarge {
        /// Declared size.
        found: u64,
    },
    /// The manifest is not a protobuf message.
    #[error("payload manifest at byte 24, {place}")]
    BadManifest {
        /// The message in it.
        place: String,
        /// The cause.
        #[source]
        source: Malformed,
    },
    /// Too many of something.
    #[error("payload manifest: more than {limit} {what}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A block size that is not a power of two from 512 bytes to 64 KiB.
    #[error("payload manifest: block size {found}")]
    BadBlockSize {
        /// Declared size.
        found: u64,
    },
    /// Two partitions have the same name.
    #[error("payload manifest: partition `{}` occurs twice", .name.escape_debug())]
    Duplicate {
        /// The name.
        name: String,
    },
    /// An operation contradicts itself or another.
    #[error("operation {index}: {fault}")]
    Operation {
        /// Its position in the partition's list.
        index: usize,
        /// What is wrong.
        fault: String,
    },
    /// An operation that changes the image of an earlier build.
    #[error("operation {index}: type {kind} needs the image it was made from")]
    NeedsSource {
        /// Its position in the partition's list.
        index: usize,
        /// `InstallOperation.Type`.
        kind: u64,
    },
    /// An operation of an unknown type.
    #[error("operation {index}: type {kind} is not known")]
    UnknownOperation {
        /// Its position in the partition's list.
        index: usize,
        /// `InstallOperation.Type`.
        kind: u64,
    },
    /// An operation's data cannot be read.
    #[error("operation {index}, {len} bytes at {offset:#x} of the payload")]
    Data {
        /// Its position in the partition's list.
        index: usize,
        /// Offset of its data in the payload.
        offset: u64,
        /// Length of its data.
        len: u64,
        /// The cause.
        #[source]
        source: ReadError,
    },
    /// No operation writes a byte that is read.
    #[error("byte {offset:#x} of the partition is written by no operation")]
    Unwritten {
        /// Offset in the partition.
        offset: u64,
    },
    /// The bytes could not be read.
    #[error("payload {what}")]
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
            Error::BadMagic { .. }
            | Error::BadManifest { .. }
            | Error::BadBlockSize { .. }
            | Error::Duplicate { .. }
            | Error::Operation { .. }
            | Error::Unwritten { .. } => ErrorKind::Corrupt,
            Error::BadVersion { .. }
            | Error::NeedsSource { .. }
            | Error::UnknownOperation { .. } => ErrorKind::Unsupported,
            Error::ManifestTooLarge { .. } | Error::TooMany { .. } => ErrorKind::Limit,
            Error::Data { source, .. } | Error::Read { source, .. } => source.kind(),
        }
    }
}
