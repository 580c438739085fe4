//! Why a super image cannot be read.

use super::metadata::MAJOR_VERSION;
use crate::error_kind::ErrorKind;
use crate::io::ReadError;

/// Why a super image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A later version of the format.
    #[error("super metadata version {found}, expected {MAJOR_VERSION}")]
    BadVersion {
        /// Its major version.
        found: u16,
    },
    /// An invalid structure.
    #[error("super {structure} at byte {offset:#x}: {fault}")]
    Bad {
        /// The structure.
        structure: &'static str,
        /// Its offset.
        offset: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// An invalid extent of a partition.
    #[error("super partition `{}`, extent {index}: {fault}", .partition.escape_debug())]
    BadExtent {
        /// The partition.
        partition: String,
        /// The extent's index in the whole table.
        index: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// Two partitions claim the same bytes.
    #[error("ambiguous: super partitions `{}` and `{}` overlap", .partition.escape_debug(), .other.escape_debug())]
    Overlap {
        /// The one that begins first.
        partition: String,
        /// The other.
        other: String,
    },
    /// Two partitions have the same name.
    #[error("ambiguous: super has two partitions `{}`", .partition.escape_debug())]
    Twice {
        /// The partition.
        partition: String,
    },
    /// A part of a partition is on a block device that is not available.
    #[error("super partition `{}` is partly on `{}`, which is not in the package", .partition.escape_debug(), .device.escape_debug())]
    MissingDevice {
        /// The partition.
        partition: String,
        /// The block device.
        device: String,
    },
    /// The bytes could not be read.
    #[error("super {structure}")]
    Read {
        /// The structure.
        structure: &'static str,
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
            Error::BadVersion { .. } | Error::MissingDevice { .. } => ErrorKind::Unsupported,
            Error::Bad { .. }
            | Error::BadExtent { .. }
            | Error::Overlap { .. }
            | Error::Twice { .. } => ErrorKind::Corrupt,
            Error::Read { source, .. } => source.kind(),
        }
    }
}
