//! An A/B `payload.bin`: its manifest, and its partitions as sources.
//!
//! In: a [`ReadAt`] over the payload. Out: whether it is a delta, the names of its partitions, and
//! each partition as a [`ReadAt`].
//! Source: AOSP `update_engine/update_metadata.proto` and
//! `payload_consumer/payload_constants.cc`, Android 16.
//!
//! A payload is laid out as
//!
//! ```text
//! header | manifest | signature of the manifest | data | signatures of the whole payload
//! ```
//!
//! The manifest lists the operations of each partition. An operation decodes a run of the data and
//! writes the result to some runs of blocks in the partition, its extents. To read bytes of a
//! partition, only the operations that write them are decoded, and only as far as needed.
//!
//! The hash of an operation's data is checked before any of the data is used. Data that is not read
//! is not checked; [`Payload::find_truncated`] finds data that is missing at the end of the file.

mod error;
mod limits;
mod manifest;
mod operation;
mod partition;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::limits::{MAX_BLOBS, MAX_MANIFEST_SIZE, MAX_OPERATIONS};
use self::manifest::{Manifest, bad_partition};
use self::operation::{Extent, REPLACE, SOURCE_OPERATIONS};
use crate::io::{Budget, ReadAt, ReadError};
use crate::protobuf::Fields;

pub use error::Error;
pub use partition::Partition;

const MAGIC: [u8; 4] = *b"CrAU";
/// The only major version that phones have used since 2016.
const MAJOR_VERSION: u64 = 2;
/// Header: magic, u64 version, u64 manifest size, u32 signature size.
const HEADER_LEN: usize = 24;
const MANIFEST_OFFSET: u64 = 24;

/// An opened payload.
pub struct Payload {
    source: Arc<dyn ReadAt>,
    manifest: Manifest,
    /// Bytes of header and manifest.
    manifest_end: u64,
}

impl Payload {
    /// Reads the header and the manifest.
    ///
    /// Safe on untrusted input: a manifest of at most 16 MiB is read, and at most twice that is
    /// allocated.
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
        let data_offset = manifest_end.saturating_add(signature_size.into());
        Ok(Payload {
            manifest: Manifest::parse(&manifest, data_offset)?,
            source,
            manifest_end,
        })
    }

    /// Whether the payload is a delta: an update for phones that run one earlier build.
    ///
    /// This is so if the minor version is not 0, if the manifest describes an old partition, or if an
    /// operation reads one.
    ///
    /// # Errors
    /// Kind `Corrupt` if an operation is not a protobuf message.
    pub fn needs_source(&self) -> Result<bool, Error> {
        if self.manifest.minor_version != 0 {
            return Ok(true);
        }
        for (name, message) in &self.manifest.partitions {
            let bad = |source| bad_partition(name, source);
            for field in Fields::new(message) {
                let needs = match field.map_err(bad)? {
                    // PartitionInfo old_partition_info
                    (6, _) => true,
                    // InstallOperation operations
                    (8, operation) => {
                        let mut kind = REPLACE;
                        for field in Fields::new(operation.bytes()) {
                            // type
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
        self.manifest
            .partitions
            .iter()
            .map(|(name, _)| name.as_str())
    }

    /// Opens a partition as it will be after the update.
    ///
    /// Nothing is decoded before the partition is read.
    ///
    /// # Errors
    /// Kind `Corrupt` or `Limit` if its operations contradict each other.
    pub fn partition(&self, name: &str, budget: Arc<Budget>) -> Result<Option<Partition>, Error> {
        let Some((name, message)) = self.manifest.partition(name) else {
            return Ok(None);
        };
        let bad = |source| bad_partition(name, source);
        let mut size = None;
        let mut operations = Vec::new();
        let mut extents: Vec<Extent> = Vec::new();
        for field in Fields::new(message) {
            match field.map_err(bad)? {
                // PartitionInfo new_partition_info
                (7, info) => {
                    for field in Fields::new(info.bytes()) {
                        // size
                        if let (1, value) = field.map_err(bad)? {
                            size = Some(value.number());
                        }
                    }
                }
                // InstallOperation operations
                (8, message) => {
                    let index = operations.len();
                    if index >= MAX_OPERATIONS {
                        return Err(Error::TooMany {
                            what: "operations in one partition",
                            limit: MAX_OPERATIONS,
                        });
                    }
                    let operation =
                        self.manifest
                            .parse_operation(index, message.bytes(), &mut extents)?;
                    operations.push(operation);
                }
                _ => {}
            }
        }
        let source = Arc::clone(&self.source);
        let block_size = self.manifest.block_size;
        Partition::new(source, budget, block_size, size, operations, extents).map(Some)
    }

    /// Returns the bytes of header and manifest: `METADATA_SIZE` of `payload_properties.txt`.
    #[must_use]
    pub fn manifest_end(&self) -> u64 {
        self.manifest_end
    }

    /// Returns the offset of the operations' data, after the signature of the manifest.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.manifest.data_offset
    }

    /// Returns where the signatures of the whole payload are, if the manifest states it: their offset
    /// in bytes from [`data_offset`](Payload::data_offset), and their length.
    #[must_use]
    pub fn signatures(&self) -> Option<(u64, u64)> {
        self.manifest.signatures
    }

    /// Finds the first operation whose data reaches beyond the end of the file.
    ///
    /// Returns the name of its partition and the error. Other errors of operations are reported when
    /// the partition is read.
    #[must_use]
    pub fn find_truncated(&self) -> Option<(&str, Error)> {
        let size = self.source.size();
        let blobs = self.blobs().ok()?.into_iter();
        let end = |blob: &Blob| blob.offset.saturating_add(blob.len);
        let blob = blobs.into_iter().find(|blob| end(blob) > size)?;
        let (name, _) = self.manifest.partitions.get(blob.partition)?;
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
        for (partition, (name, message)) in self.manifest.partitions.iter().enumerate() {
            let mut index = 0;
            for field in Fields::new(message) {
                let field = field.map_err(|source| bad_partition(name, source));
                // InstallOperation operations
                let (8, operation) = field? else { continue };
                extents.clear();
                let operation =
                    self.manifest
                        .parse_operation(index, operation.bytes(), &mut extents)?;
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
        let Some((name, message)) = self.manifest.partition(name) else {
            return Ok(None);
        };
        let bad = |source| bad_partition(name, source);
        let mut sha256 = None;
        for field in Fields::new(message) {
            // PartitionInfo new_partition_info
            if let (7, info) = field.map_err(bad)? {
                for field in Fields::new(info.bytes()) {
                    // hash
                    if let (2, value) = field.map_err(bad)? {
                        sha256 = value.bytes().try_into().ok();
                    }
                }
            }
        }
        Ok(sha256)
    }
}

/// The data of one operation, as a run of bytes of the payload.
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
    /// Whether it is uncompressed and longer than the extents it is written to, so that phones refuse
    /// it.
    pub is_too_long: bool,
    /// Its SHA-256, if the manifest states it.
    pub sha256: Option<[u8; 32]>,
}
