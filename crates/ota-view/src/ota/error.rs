//! Why a partition cannot be opened.

use crate::error_kind::ErrorKind;
use crate::fs;
use crate::image::{MAX_PARTITIONS, payload, sparse, super_image, transfer_list};
use crate::io::ReadError;
use crate::package::zip;

/// Why a package or one of its partitions cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The zip cannot be read.
    #[error(transparent)]
    Zip(#[from] zip::Error),
    /// A zip inside the package cannot be read.
    #[error("entry `{}`", .entry.escape_debug())]
    InnerZip {
        /// The inner zip.
        entry: String,
        /// The cause.
        #[source]
        source: zip::Error,
    },
    /// The payload cannot be read.
    #[error("payload.bin")]
    Payload(#[from] payload::Error),
    /// A partition of the payload cannot be read.
    #[error("payload.bin: partition `{}`", .partition.escape_debug())]
    PayloadPartition {
        /// The partition.
        partition: String,
        /// The cause.
        #[source]
        source: payload::Error,
    },
    /// A transfer list cannot be used.
    #[error("entry `{}`", .entry.escape_debug())]
    TransferList {
        /// The list.
        entry: String,
        /// The cause.
        #[source]
        source: transfer_list::Error,
    },
    /// Too many partitions.
    #[error("more than {MAX_PARTITIONS} partition images or transfer lists")]
    TooMany,
    /// A split image whose parts are not sparse.
    #[error("partition `{}` in several parts that are not sparse", .partition.escape_debug())]
    RawParts {
        /// The partition.
        partition: String,
    },
    /// Two entries could be the same partition.
    #[error("ambiguous: both `{}` and `{}` could be partition `{}`", .entry.escape_debug(), .other.escape_debug(), .partition.escape_debug())]
    Ambiguous {
        /// The partition.
        partition: String,
        /// An entry.
        entry: String,
        /// Another entry.
        other: String,
    },
    /// An entry that cannot be used, for example a transfer list without data.
    #[error("entry `{}` {fault}", .entry.escape_debug())]
    Entry {
        /// The entry.
        entry: String,
        /// What is wrong.
        fault: &'static str,
    },
    /// A sparse image cannot be read.
    #[error("partition `{}`", .partition.escape_debug())]
    Sparse {
        /// The partition.
        partition: String,
        /// The cause.
        #[source]
        source: sparse::Error,
    },
    /// The super image cannot be read.
    #[error("super image")]
    Super(#[from] super_image::Error),
    /// The beginning of an image cannot be read.
    #[error("partition `{}`", .partition.escape_debug())]
    Read {
        /// The partition.
        partition: String,
        /// The cause.
        #[source]
        source: ReadError,
    },
    /// The file system of a partition cannot be read.
    #[error("partition `{}`", .partition.escape_debug())]
    FileSystem {
        /// The partition.
        partition: String,
        /// The cause.
        #[source]
        source: fs::Error,
    },
    /// No partition of this name.
    #[error("the package has no partition `{}`; it has {}", .name.escape_debug(), .has.escape_debug())]
    NoPartition {
        /// The name.
        name: String,
        /// The names of the partitions.
        has: String,
    },
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Zip(source) | Error::InnerZip { source, .. } => source.kind(),
            Error::Payload(source) | Error::PayloadPartition { source, .. } => source.kind(),
            Error::TransferList { source, .. } => source.kind(),
            Error::RawParts { .. } => ErrorKind::Unsupported,
            Error::TooMany => ErrorKind::Limit,
            Error::Entry { .. } | Error::Ambiguous { .. } => ErrorKind::Corrupt,
            Error::Sparse { source, .. } => source.kind(),
            Error::Super(source) => source.kind(),
            Error::Read { source, .. } => source.kind(),
            Error::FileSystem { source, .. } => source.kind(),
            Error::NoPartition { .. } => ErrorKind::NotFound,
        }
    }
}
