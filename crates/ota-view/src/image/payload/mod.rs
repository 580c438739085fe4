//! An A/B `payload.bin`: its manifest, and its partitions as sources.
//!
//! In: a [`ReadAt`] over the payload. Out: whether it needs an earlier build, the names of its
//! partitions, and each partition as a [`ReadAt`] that decodes only the operations that contain the
//! bytes to read, and those only as far as needed.
//! Source: AOSP `update_engine/update_metadata.proto` and
//! `payload_consumer/payload_constants.cc`, Android 16.
//!
//! The hash of an operation's data is checked before any of it is used. Data that is not read is
//! not checked, except that the file is long enough to contain it.

mod error;
mod manifest;
mod partition;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::io::{ReadAt, ReadError};
use crate::protobuf::Fields;
use manifest::bad;

pub use error::Error;
pub use partition::Partition;

const MAGIC: [u8; 4] = *b"CrAU";
/// The only major version that phones have used since 2016.
const MAJOR_VERSION: u64 = 2;
/// Header: magic, u64 version, u64 manifest size, u32 signature size.
const HEADER_LEN: usize = 24;
const MANIFEST_OFFSET: u64 = 24;
/// Longest manifest read, in bytes. Real ones have 95 to 300 KiB; payload tools refuse more than
/// 16 MiB.
const MAX_MANIFEST_SIZE: u64 = 16 << 20;
/// Most extents written by one partition's operations. A system partition of
/// 4 GiB in operations of 2 MiB has about 2,000.
const MAX_EXTENTS: usize = 1 << 18;
/// Most operations of one partition, for the same reason.
const MAX_OPERATIONS: usize = 1 << 18;
/// Most runs of data listed by [`Payload::blobs`]; a payload of 32 GiB in operations of
/// 2 MiB has 16,384.
const MAX_BLOBS: usize = 1 << 19;
/// `InstallOperation.Type`.
const REPLACE: u64 = 0;
const REPLACE_BZ: u64 = 1;
const ZERO: u64 = 6;
const DISCARD: u64 = 7;
const REPLACE_XZ: u64 = 8;
const REPLACE_ZSTD: u64 = 14;
/// Operation types that read the partition being replaced: MOVE, BSDIFF,
/// SOURCE_COPY, SOURCE_BSDIFF, PUFFDIFF, BROTLI_BSDIFF, ZUCCHINI,
/// LZ4DIFF_BSDIFF, LZ4DIFF_PUFFDIFF.
const SOURCE_OPERATIONS: [u64; 9] = [2, 3, 4, 5, 9, 10, 11, 12, 13];

/// An opened payload.
pub struct Payload {
    source: Arc<dyn ReadAt>,
    /// Where the operations' data begins.
    data_offset: u64,
    block_size: u64,
    minor_version: u64,
    /// Bytes of header and manifest.
    manifest_end: u64,
    /// Offset (counted from the data) and length of the signatures of the whole payload.
    signatures: Option<(u64, u64)>,
    /// The name and the `PartitionUpdate` message of each partition.
    partitions: Vec<(String, Vec<u8>)>,
}

impl Payload {
    /// Reads the header and the manifest.
    ///
    /// Safe on untrusted input: at most 16 MiB are read, and at most twice that is allocated.
    ///
    /// # Errors
    /// Kind `Corrupt`, `Unsupported`, `Limit`, `Truncated` or `Io`.
    pub fn open(source: Arc<dyn ReadAt>) -> Result<Payload, Error> {
        let read = |what, offset, buf: &mut [u8]| {
            let result = source.read_exact_at(offset, buf);
            result.map_err(|source| Error::Read { what, source })
        };
        let mut header = [0; HEADER_LEN];
        read("header", 0, &mut header)?;
        let [m0, m1, m2, m3, numbers @ ..] = header;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(Error::BadMagic {
                found: String::from_utf8_lossy(&[m0, m1, m2, m3]).into_owned(),
            });
        }
        let (version, rest) = numbers.split_first_chunk().expect("20 bytes are left");
        let (manifest_size, rest) = rest.split_first_chunk().expect("12 bytes are left");
        let (signature_size, _) = rest.split_first_chunk().expect("4 bytes are left");
        let version = u64::from_be_bytes(*version);
        let manifest_size = u64::from_be_bytes(*manifest_size);
        let signature_size = u32::from_be_bytes(*signature_size);
        if version != MAJOR_VERSION {
            return Err(Error::BadVersion { found: version });
        }
        if manifest_size > MAX_MANIFEST_SIZE {
            return Err(Error::ManifestTooLarge {
                found: manifest_size,
            });
        }
        let manifest_end = MANIFEST_OFFSET.saturating_add(manifest_size);
        if manifest_end > source.size() {
            return Err(Error::Read {
                what: "manifest",
                source: ReadError::OutOfBounds {
                    offset: MANIFEST_OFFSET,
                    end: manifest_end,
                    size: source.size(),
                },
            });
        }
        let mut manifest = vec![0; usize::try_from(manifest_size).expect("limited above")];
        read("manifest", MANIFEST_OFFSET, &mut manifest)?;
        let mut payload = Payload {
            data_offset: manifest_end.saturating_add(signature_size.into()),
            source,
            block_size: 4096,
            minor_version: 0,
            manifest_end,
            signatures: None,
            partitions: Vec::new(),
        };
        payload.read_manifest(&manifest)?;
        Ok(payload)
    }

    /// Whether the payload is a delta, which can only be applied to an earlier build.
    ///
    /// # Errors
    /// Kind `Corrupt` if an operation is not a protobuf message.
    pub fn needs_source(&self) -> Result<bool, Error> {
        if self.minor_version != 0 {
            return Ok(true);
        }
        for (name, message) in &self.partitions {
            let bad = |source| bad(&format!("partition `{}`", name.escape_debug()), source);
            for field in Fields::new(message) {
                let needs = match field.map_err(bad)? {
                    // PartitionInfo old_partition_info
                    (6, _) => true,
                    (8, operation) => {
                        let mut kind = REPLACE;
                        for field in Fields::new(operation.bytes()) {
                            if let (1, value) = field.map_err(bad)? {
                                kind = value.number();
                            }
                        }
                        SOURCE_OPERATIONS.contains(&kind)
                    }
                    _ => false,
                };
                if needs {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Iterates over the names of the partitions, in the manifest's order.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        self.partitions.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the bytes of header and manifest: `METADATA_SIZE` of `payload_properties.txt`.
    #[must_use]
    pub fn manifest_end(&self) -> u64 {
        self.manifest_end
    }

    /// Returns the offset of the operations' data, after the signature of the manifest.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// Returns the offset (counted from the data) and length of the signatures of the whole payload,
    /// if the manifest states them.
    #[must_use]
    pub fn signatures(&self) -> Option<(u64, u64)> {
        self.signatures
    }

    /// Finds the first operation whose data reaches beyond the end of the payload, and returns its
    /// partition and the error. Other errors of operations are reported when the partition is read.
    #[must_use]
    pub fn find_truncated(&self) -> Option<(&str, Error)> {
        let size = self.source.size();
        let blobs = self.blobs().ok()?.into_iter();
        let end = |blob: &Blob| blob.offset.saturating_add(blob.len);
        let blob = blobs.into_iter().find(|blob| end(blob) > size)?;
        let (name, _) = self.partitions.get(blob.partition)?;
        let error = Error::Data {
            index: blob.operation,
            offset: blob.offset,
            len: blob.len,
            source: ReadError::OutOfBounds {
                offset: blob.offset,
                end: end(&blob),
                size,
            },
        };
        Some((name, error))
    }

    /// Lists the data of all operations that have any, in the manifest's order.
    ///
    /// # Errors
    /// Kind `Corrupt` or `Limit` if an operation in the manifest is invalid.
    pub fn blobs(&self) -> Result<Vec<Blob>, Error> {
        let mut blobs = Vec::new();
        let mut extents = Vec::new();
        for (partition, (name, message)) in self.partitions.iter().enumerate() {
            let mut index = 0;
            for field in Fields::new(message) {
                let field = field
                    .map_err(|source| bad(&format!("partition `{}`", name.escape_debug()), source));
                let (8, operation) = field? else { continue };
                extents.clear();
                let operation = self.parse_operation(index, operation.bytes(), &mut extents)?;
                if operation.len > 0 {
                    if blobs.len() >= MAX_BLOBS {
                        return Err(Error::TooMany {
                            what: "operations with data",
                            limit: MAX_BLOBS,
                        });
                    }
                    blobs.push(Blob {
                        partition,
                        operation: index,
                        offset: operation.offset,
                        len: operation.len,
                        is_too_long: operation.kind == REPLACE && operation.len > operation.output,
                        sha256: operation.sha256,
                    });
                }
                index = index.saturating_add(1);
            }
        }
        Ok(blobs)
    }

    /// Returns the SHA-256 of a partition after the update, if the manifest states it.
    ///
    /// # Errors
    /// Kind `Corrupt` if the manifest is malformed.
    pub fn sha256(&self, name: &str) -> Result<Option<[u8; 32]>, Error> {
        let Some((name, message)) = self.partitions.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        let bad = |source| bad(&format!("partition `{}`", name.escape_debug()), source);
        let mut sha256 = None;
        for field in Fields::new(message) {
            // PartitionInfo new_partition_info
            if let (7, info) = field.map_err(bad)? {
                for field in Fields::new(info.bytes()) {
                    if let (2, value) = field.map_err(bad)? {
                        sha256 = value.bytes().try_into().ok();
                    }
                }
            }
        }
        Ok(sha256)
    }
}

/// The data of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The partition's index in [`Payload::partitions`].
    pub partition: usize,
    /// The operation's index in the partition.
    pub operation: usize,
    /// Offset in the payload, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// Whether it is stored uncompressed and longer than the blocks that it is written to.
    pub is_too_long: bool,
    /// Its SHA-256, if the manifest states it.
    pub sha256: Option<[u8; 32]>,
}
