//! One operation of a partition, and the part of the partition that it writes.

use super::error::Error;
use crate::io::ReadError;

/// `InstallOperation.Type`.
pub(super) const REPLACE: u64 = 0;
pub(super) const REPLACE_BZ: u64 = 1;
pub(super) const ZERO: u64 = 6;
pub(super) const DISCARD: u64 = 7;
pub(super) const REPLACE_XZ: u64 = 8;
pub(super) const REPLACE_ZSTD: u64 = 14;
/// Operation types that read the partition being replaced: MOVE, BSDIFF,
/// SOURCE_COPY, SOURCE_BSDIFF, PUFFDIFF, BROTLI_BSDIFF, ZUCCHINI,
/// LZ4DIFF_BSDIFF, LZ4DIFF_PUFFDIFF.
pub(super) const SOURCE_OPERATIONS: [u64; 9] = [2, 3, 4, 5, 9, 10, 11, 12, 13];

/// One `InstallOperation`: where its data is, and how much it writes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Operation {
    /// `InstallOperation.Type`.
    pub(super) kind: u64,
    /// Offset of its data in the payload, in bytes.
    pub(super) offset: u64,
    /// Length of its data in the payload, in bytes.
    pub(super) len: u64,
    /// Bytes that it writes to the partition.
    pub(super) output: u64,
    /// The SHA-256 of its data, if the manifest states it.
    pub(super) sha256: Option<[u8; 32]>,
}

impl Operation {
    /// Returns the error for data that cannot be read; `index` is the operation's position in the
    /// partition's list.
    pub(super) fn data_error(&self, index: usize, source: ReadError) -> Error {
        Error::Data {
            index,
            offset: self.offset,
            len: self.len,
            source,
        }
    }

    /// Compares the SHA-256 of the data with the one in the manifest.
    pub(super) fn check_hash(&self, index: usize, found: &[u8]) -> Result<(), Error> {
        match self.sha256.is_none_or(|expected| expected == found) {
            true => Ok(()),
            false => Err(Error::Operation {
                index,
                fault: format!(
                    "the sha256 of its {} bytes at {:#x} of the payload is not the one in the manifest",
                    self.len, self.offset
                ),
            }),
        }
    }
}

/// A run of bytes of the partition that one operation writes.
///
/// The output of an operation fills its extents one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Where it begins in the partition, in bytes.
    pub(super) start: u64,
    /// Where it ends.
    pub(super) end: u64,
    /// The operation's position in the partition's list.
    pub(super) operation: usize,
    /// Bytes of the operation's output that go to its earlier extents.
    pub(super) skipped: u64,
}
