//! An A/B `payload.bin`: its manifest, and its partitions as sources.
//!
//! In: a [`ReadAt`] over the payload. Out: whether it needs a source build, the
//! names of its partitions, and each partition as a [`ReadAt`] that decodes only
//! the operations under the bytes asked for, and those only as far as needed.
//! Source: AOSP `update_engine/update_metadata.proto` and
//! `payload_consumer/payload_constants.cc`, Android 16.
//!
//! The hash of an operation's data is checked before any of it is used. Data that no read asks
//! for is not looked at; only that it is there at all.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::codec::Codec;
use crate::error_kind::ErrorKind;
use crate::io::{
    Budget, ImageFault, ReadAt, ReadError, Reader, Section, Spill, check_bounds, len_of,
};
use crate::protobuf::{Fields, Malformed, Value};

const MAGIC: [u8; 4] = *b"CrAU";
/// The one major version phones have used since 2016.
const MAJOR_VERSION: u64 = 2;
/// Header: magic, u64 version, u64 manifest size, u32 signature size.
const HEADER_LEN: usize = 24;
const MANIFEST_OFFSET: u64 = 24;
/// Longest manifest read, in bytes. Real ones take 95 to 300 KiB, and payload
/// tools refuse more than 16 MiB.
const MAX_MANIFEST_SIZE: u64 = 16 << 20;
/// Most partitions of one payload; real ones have up to 60.
const MAX_PARTITIONS: usize = 1000;
/// Most extents written by one partition's operations. A system partition of
/// 4 GiB in operations of 2 MiB has some 2,000.
const MAX_EXTENTS: usize = 1 << 18;
/// Most operations of one partition, for the same reason.
const MAX_OPERATIONS: usize = 1 << 18;
/// Most runs of data listed by [`Payload::blobs`]; a payload of 32 GiB in operations of
/// 2 MiB has 16,384.
const MAX_BLOBS: usize = 1 << 19;
/// Most compressed bytes of an operation that are kept between hashing and decoding them; longer
/// ones are read twice.
const MAX_KEPT_LEN: u64 = 4 << 20;
/// Bytes read at a time to hash what is not kept.
const HASH_STEP: usize = 1 << 20;
/// Operations kept per partition, while they are being decoded and after: bytes
/// of memory, and how many.
const MAX_CACHED_LEN: usize = 16 << 20;
const MAX_CACHED: usize = 8;

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

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a payload.
    #[error("payload magic {found:?} at byte 0, expected \"CrAU\"")]
    BadMagic {
        /// What stands there instead.
        found: String,
    },
    /// A version no phone in the field uses.
    #[error("payload version {found} at byte 4, expected 2")]
    BadVersion {
        /// The version found.
        found: u64,
    },
    /// A manifest beyond the limit.
    #[error("payload manifest of {found} bytes at byte 12, at most {MAX_MANIFEST_SIZE} are read")]
    ManifestTooLarge {
        /// Declared size.
        found: u64,
    },
    /// The manifest is no protobuf message.
    #[error("payload manifest at byte 24, {place}")]
    BadManifest {
        /// The message in it.
        place: String,
        /// The reason.
        #[source]
        source: Malformed,
    },
    /// More of something than romfeed reads.
    #[error("payload manifest: more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A block size that is no power of two from 512 bytes to 64 KiB.
    #[error("payload manifest: block size {found}")]
    BadBlockSize {
        /// Declared size.
        found: u64,
    },
    /// Two partitions of one name.
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
    /// An operation that cannot be carried out here.
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
        /// The reason.
        #[source]
        source: ReadError,
    },
    /// No operation writes a block that is needed.
    #[error("byte {offset:#x} of the partition is written by no operation")]
    Unwritten {
        /// Where in the partition.
        offset: u64,
    },
    /// The bytes could not be read.
    #[error("payload {what}")]
    Read {
        /// The structure.
        what: &'static str,
        /// The reason.
        #[source]
        source: ReadError,
    },
}

impl Error {
    /// The class of the fault.
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

/// An opened payload.
pub struct Payload {
    source: Arc<dyn ReadAt>,
    /// Where the operations' data begins.
    data_offset: u64,
    block_size: u64,
    minor_version: u64,
    /// Bytes of header and manifest.
    manifest_end: u64,
    /// Where the signatures of the whole payload begin behind the data, and their length.
    signatures: Option<(u64, u64)>,
    /// Names, and the `PartitionUpdate` message of each.
    partitions: Vec<(String, Vec<u8>)>,
}

impl Payload {
    /// Reads the header and the manifest.
    ///
    /// Safe on untrusted input: at most 16 MiB are read, and no more than twice
    /// that is allocated, whatever the manifest holds.
    ///
    /// # Errors
    /// ErrorKind `Corrupt`, `Unsupported`, `Limit`, `Truncated` or `Io`.
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

    fn read_manifest(&mut self, manifest: &[u8]) -> Result<(), Error> {
        let (mut signatures_offset, mut signatures_size) = (None, 0);
        for field in Fields::of(manifest) {
            match field.map_err(|source| bad("DeltaArchiveManifest", source))? {
                (4, value) => signatures_offset = Some(value.number()),
                (5, value) => signatures_size = value.number(),
                (3, value) => self.block_size = value.number(),
                (12, value) => self.minor_version = value.number(),
                (13, Value::Bytes(partition)) => {
                    if self.partitions.len() >= MAX_PARTITIONS {
                        return Err(Error::TooMany {
                            what: "partitions",
                            limit: MAX_PARTITIONS,
                        });
                    }
                    let name = partition_name(partition)?;
                    if self.partitions.iter().any(|(known, _)| *known == name) {
                        return Err(Error::Duplicate { name });
                    }
                    self.partitions.push((name, partition.to_vec()));
                }
                _ => {}
            }
        }
        self.signatures = signatures_offset.map(|offset| (offset, signatures_size));
        if !self.block_size.is_power_of_two() || !(512..=65536).contains(&self.block_size) {
            return Err(Error::BadBlockSize {
                found: self.block_size,
            });
        }
        Ok(())
    }

    /// Whether the payload can be applied only over the build it was made from.
    ///
    /// # Errors
    /// ErrorKind `Corrupt` if an operation is no message.
    pub fn needs_source(&self) -> Result<bool, Error> {
        if self.minor_version != 0 {
            return Ok(true);
        }
        for (name, message) in &self.partitions {
            let bad = |source| bad(&format!("partition `{}`", name.escape_debug()), source);
            for field in Fields::of(message) {
                let needs = match field.map_err(bad)? {
                    // PartitionInfo old_partition_info
                    (6, _) => true,
                    (8, operation) => {
                        let mut kind = REPLACE;
                        for field in Fields::of(operation.bytes()) {
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

    /// The names of the partitions, in the manifest's order.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        self.partitions.iter().map(|(name, _)| name.as_str())
    }

    /// Bytes of header and manifest, `METADATA_SIZE` of `payload_properties.txt`.
    #[must_use]
    pub fn manifest_end(&self) -> u64 {
        self.manifest_end
    }

    /// Where the operations' data begins, behind the signature of the manifest.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// Where the signatures of the whole payload begin, counted from the data, and their
    /// length, if the manifest tells.
    #[must_use]
    pub fn signatures(&self) -> Option<(u64, u64)> {
        self.signatures
    }

    /// The first operation whose data reaches beyond the end of the payload: its partition, and
    /// the fault. What else is wrong with operations is a fault of the partition that is read.
    #[must_use]
    pub fn find_cut(&self) -> Option<(&str, Error)> {
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

    /// The data of all operations that have any, in the manifest's order.
    ///
    /// # Errors
    /// ErrorKind `Corrupt` or `Limit` for what the manifest says of an operation.
    pub fn blobs(&self) -> Result<Vec<Blob>, Error> {
        let mut blobs = Vec::new();
        let mut extents = Vec::new();
        for (partition, (name, message)) in self.partitions.iter().enumerate() {
            let mut index = 0;
            for field in Fields::of(message) {
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

    /// The SHA-256 that a partition has after the update, if the manifest tells it.
    ///
    /// # Errors
    /// ErrorKind `Corrupt` if the manifest is malformed.
    pub fn sha256(&self, name: &str) -> Result<Option<[u8; 32]>, Error> {
        let Some((name, message)) = self.partitions.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        let bad = |source| bad(&format!("partition `{}`", name.escape_debug()), source);
        let mut sha256 = None;
        for field in Fields::of(message) {
            // PartitionInfo new_partition_info
            if let (7, info) = field.map_err(bad)? {
                for field in Fields::of(info.bytes()) {
                    if let (2, value) = field.map_err(bad)? {
                        sha256 = value.bytes().try_into().ok();
                    }
                }
            }
        }
        Ok(sha256)
    }

    /// A partition as the phone would have it after the update.
    ///
    /// Nothing is decoded before the partition is read.
    ///
    /// # Errors
    /// ErrorKind `Corrupt` or `Limit` if its operations contradict each other.
    pub fn partition(&self, name: &str, budget: Arc<Budget>) -> Result<Option<Partition>, Error> {
        let Some((name, message)) = self.partitions.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        let place = || format!("partition `{}`", name.escape_debug());
        let mut size = None;
        let mut operations = Vec::new();
        let mut extents: Vec<Extent> = Vec::new();
        for field in Fields::of(message) {
            match field.map_err(|source| bad(&place(), source))? {
                // PartitionInfo new_partition_info
                (7, info) => {
                    for field in Fields::of(info.bytes()) {
                        if let (1, value) = field.map_err(|source| bad(&place(), source))? {
                            size = Some(value.number());
                        }
                    }
                }
                (8, message) => {
                    let index = operations.len();
                    if index >= MAX_OPERATIONS {
                        return Err(Error::TooMany {
                            what: "operations in one partition",
                            limit: MAX_OPERATIONS,
                        });
                    }
                    let operation = self.parse_operation(index, message.bytes(), &mut extents)?;
                    operations.push(operation);
                }
                _ => {}
            }
        }
        extents.sort_by_key(|extent| extent.start);
        for pair in extents.windows(2) {
            if let [first, second] = pair
                && first.end > second.start
            {
                return Err(Error::Operation {
                    index: second.operation,
                    fault: format!(
                        "writes from byte {} on what operation {} writes too",
                        second.start, first.operation,
                    ),
                });
            }
        }
        let end = extents.last().map_or(0, |extent| extent.end);
        Ok(Some(Partition {
            source: Arc::clone(&self.source),
            budget,
            size: size.unwrap_or(end),
            block_size: self.block_size,
            operations,
            extents,
            cache: Mutex::new(Vec::new()),
            verified: Mutex::default(),
        }))
    }

    /// Parses one operation, and adds what it writes to `extents`.
    fn parse_operation(
        &self,
        index: usize,
        message: &[u8],
        extents: &mut Vec<Extent>,
    ) -> Result<Operation, Error> {
        let place = || format!("operation {index}");
        let fault = |fault: &str| Error::Operation {
            index,
            fault: fault.to_owned(),
        };
        let mut operation = Operation::default();
        let mut data_offset = 0;
        // Bytes of the operation's output that lie before the next extent.
        let mut skipped = 0u64;
        for field in Fields::of(message) {
            match field.map_err(|source| bad(&place(), source))? {
                (1, value) => operation.kind = value.number(),
                (2, value) => data_offset = value.number(),
                (3, value) => operation.len = value.number(),
                (6, extent) => {
                    let (mut start, mut num_blocks) = (0, 0);
                    for field in Fields::of(extent.bytes()) {
                        match field.map_err(|source| bad(&place(), source))? {
                            (1, value) => start = value.number(),
                            (2, value) => num_blocks = value.number(),
                            _ => {}
                        }
                    }
                    let bytes = |blocks: u64| blocks.checked_mul(self.block_size);
                    let place = bytes(start).zip(bytes(num_blocks));
                    let range =
                        place.and_then(|(start, len)| Some((start, start.checked_add(len)?)));
                    let Some((start, end)) = range.filter(|(start, end)| start < end) else {
                        return Err(fault("writes an impossible extent"));
                    };
                    if extents.len() >= MAX_EXTENTS {
                        return Err(Error::TooMany {
                            what: "extents in one partition",
                            limit: MAX_EXTENTS,
                        });
                    }
                    extents.push(Extent {
                        start,
                        end,
                        operation: index,
                        skipped,
                    });
                    skipped = skipped
                        .checked_add(end.saturating_sub(start))
                        .ok_or_else(|| fault("writes an impossible extent"))?;
                }
                (8, hash) => operation.sha256 = hash.bytes().try_into().ok(),
                _ => {}
            }
        }
        operation.output = skipped;
        operation.offset = self
            .data_offset
            .checked_add(data_offset)
            .ok_or_else(|| fault("has its data beyond every file"))?;
        Ok(operation)
    }
}

fn bad(place: &str, source: Malformed) -> Error {
    Error::BadManifest {
        place: place.to_owned(),
        source,
    }
}

fn partition_name(message: &[u8]) -> Result<String, Error> {
    let mut name = String::new();
    for field in Fields::of(message) {
        if let (1, value) = field.map_err(|source| bad("PartitionUpdate", source))? {
            name = String::from_utf8_lossy(value.bytes()).into_owned();
        }
    }
    Ok(name)
}

/// One `InstallOperation`.
#[derive(Clone, Copy, Debug, Default)]
struct Operation {
    kind: u64,
    /// Where its data is in the payload, in bytes.
    offset: u64,
    len: u64,
    /// Bytes it writes.
    output: u64,
    sha256: Option<[u8; 32]>,
}

/// The data of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The partition's place among [`Payload::partitions`].
    pub partition: usize,
    /// The operation's place among the partition's.
    pub operation: usize,
    /// Where it begins in the payload, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// It is to be written as it is, and is longer than the blocks it is for.
    pub is_too_long: bool,
    /// Its SHA-256, if the manifest tells.
    pub sha256: Option<[u8; 32]>,
}

/// A run of bytes of the partition that one operation writes.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u64,
    end: u64,
    operation: usize,
    /// How much of the operation's output goes to its earlier extents.
    skipped: u64,
}

/// A partition inside a payload.
pub struct Partition {
    source: Arc<dyn ReadAt>,
    budget: Arc<Budget>,
    size: u64,
    block_size: u64,
    operations: Vec<Operation>,
    /// Sorted, without overlap.
    extents: Vec<Extent>,
    /// Decoded operations, the last used at the end.
    cache: Mutex<Vec<(usize, Arc<Spill>)>>,
    /// Stored operations whose hash was checked.
    verified: Mutex<BTreeSet<usize>>,
}

impl ReadAt for Partition {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let done = self
                .read_extent(at, rest)
                .map_err(|error| ImageFault::new(error.kind(), error))?;
            let (part, after) = rest.split_at_mut(done);
            at = at.saturating_add(len_of(part));
            rest = after;
        }
        Ok(())
    }
}

impl Partition {
    /// Reads from one extent only; answers how much.
    fn read_extent(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let next = self.extents.partition_point(|extent| extent.end <= offset);
        let extent = self.extents.get(next);
        let Some(extent) = extent.filter(|extent| extent.start <= offset) else {
            return Err(Error::Unwritten { offset });
        };
        let left = usize::try_from(extent.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = left.min(buf.len());
        let within = offset.saturating_sub(extent.start);
        let (part, _) = buf.split_at_mut(len);
        self.read_operation(
            extent.operation,
            extent.skipped.saturating_add(within),
            part,
        )?;
        Ok(len)
    }

    /// The operation an extent belongs to.
    fn operation(&self, index: usize) -> &Operation {
        self.operations
            .get(index)
            .expect("extents are made together with their operations")
    }

    /// Reads from an operation's output.
    fn read_operation(&self, index: usize, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let operation = self.operation(index);
        let failed = |source| operation.data_fault(index, source);
        match operation.kind {
            ZERO | DISCARD => buf.fill(0),
            REPLACE => {
                if operation.len > operation.output {
                    return Err(too_long(index));
                }
                if operation.output.saturating_sub(operation.len) >= self.block_size {
                    return Err(Error::Operation {
                        index,
                        fault: TOO_SHORT.to_owned(),
                    });
                }
                self.verify_stored(index)?;
                // What the data does not reach is zero.
                let left = operation.len.saturating_sub(offset);
                let len = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                let (data, padding) = buf.split_at_mut(len);
                if !data.is_empty() {
                    self.source
                        .read_exact_at(operation.offset.saturating_add(offset), data)
                        .map_err(failed)?;
                }
                padding.fill(0);
            }
            REPLACE_BZ | REPLACE_XZ | REPLACE_ZSTD => {
                let decoded = self.decoded(index)?;
                decoded.read_exact_at(offset, buf).map_err(failed)?;
            }
            kind if SOURCE_OPERATIONS.contains(&kind) => {
                return Err(Error::NeedsSource { index, kind });
            }
            kind => return Err(Error::UnknownOperation { index, kind }),
        }
        Ok(())
    }

    /// The decoder of an operation, with what it has decoded so far.
    fn decoded(&self, index: usize) -> Result<Arc<Spill>, Error> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = cache.iter().position(|(known, _)| *known == index) {
            let found = cache.remove(at);
            let decoded = Arc::clone(&found.1);
            cache.push(found);
            return Ok(decoded);
        }
        let decoded = Arc::new(self.open_operation(index)?);
        self.budget.count_operation();
        let used = |cache: &[(usize, Arc<Spill>)]| -> usize {
            cache.iter().map(|(_, spill)| spill.memory_len()).sum()
        };
        while cache.len() >= MAX_CACHED || !cache.is_empty() && used(&cache) > MAX_CACHED_LEN {
            cache.remove(0);
        }
        cache.push((index, Arc::clone(&decoded)));
        Ok(decoded)
    }

    /// Checks the hash of a stored operation, once.
    fn verify_stored(&self, index: usize) -> Result<(), Error> {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if !verified.contains(&index) {
            self.verify_at_length(index)?;
            verified.insert(index);
        }
        Ok(())
    }

    /// Checks the hash of an operation's data without keeping it.
    fn verify_at_length(&self, index: usize) -> Result<(), Error> {
        let operation = self.operation(index);
        if operation.sha256.is_none() {
            return Ok(());
        }
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; HASH_STEP];
        let mut done = 0;
        while done < operation.len {
            let left = usize::try_from(operation.len.saturating_sub(done)).unwrap_or(usize::MAX);
            let (part, _) = buffer.split_at_mut(left.min(HASH_STEP));
            self.source
                .read_exact_at(operation.offset.saturating_add(done), part)
                .map_err(|source| operation.data_fault(index, source))?;
            hasher.update(&*part);
            done = done.saturating_add(len_of(part));
        }
        operation.check_hash(index, &hasher.finalize())
    }

    fn open_operation(&self, index: usize) -> Result<Spill, Error> {
        let operation = self.operation(index);
        let failed = |source| operation.data_fault(index, source);
        let section = Section::new(Arc::clone(&self.source), operation.offset, operation.len)
            .map_err(failed)?;
        let codec = match operation.kind {
            REPLACE_BZ => Codec::Bzip2,
            REPLACE_ZSTD => Codec::Zstd,
            _ => Codec::Xz,
        };
        let stream = match usize::try_from(operation.len) {
            Ok(len) if operation.len <= MAX_KEPT_LEN => {
                let mut data = vec![0; len];
                section.read_exact_at(0, &mut data).map_err(failed)?;
                operation.check_hash(index, &Sha256::digest(&data))?;
                codec.decode(Cursor::new(data))
            }
            _ => {
                self.verify_at_length(index)?;
                codec.decode(Reader::new(Arc::new(section)))
            }
        };
        let output = Output {
            stream,
            left: operation.output,
            block_size: self.block_size,
            ended: false,
        };
        let spill = Spill::new(
            codec.as_str(),
            Box::new(output),
            operation.output,
            Arc::clone(&self.budget),
        );
        let spill = spill.with_window(codec.max_window());
        Ok(spill.holding(usize::try_from(operation.len.min(MAX_KEPT_LEN)).unwrap_or(0)))
    }
}

fn too_long(index: usize) -> Error {
    Error::Operation {
        index,
        fault: "its data is longer than what it writes".to_owned(),
    }
}

impl Operation {
    fn data_fault(&self, index: usize, source: ReadError) -> Error {
        Error::Data {
            index,
            offset: self.offset,
            len: self.len,
            source,
        }
    }

    fn check_hash(&self, index: usize, found: &[u8]) -> Result<(), Error> {
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

/// The fault of data that ends more than a block before what it is for; phones write only what
/// there is, and refuse the partition.
const TOO_SHORT: &str = "its data ends before what it writes";

/// A decoded operation, padded with zeros to whole blocks; less is an error, and so is more.
struct Output {
    stream: Box<dyn Read + Send>,
    left: u64,
    block_size: u64,
    ended: bool,
}

impl Read for Output {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buf.len());
        let (buf, _) = buf.split_at_mut(len);
        if buf.is_empty() {
            return Ok(0);
        }
        let mut read = 0;
        if !self.ended {
            read = self.stream.read(buf)?;
            self.ended = read == 0;
            if self.ended && self.left >= self.block_size {
                let kind = std::io::ErrorKind::InvalidData;
                return Err(std::io::Error::new(kind, TOO_SHORT));
            }
        }
        if self.ended {
            buf.fill(0);
            read = len;
        }
        self.left = self
            .left
            .saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        if self.left == 0 && !self.ended && self.stream.read(&mut [0])? != 0 {
            let message = "its data decodes to more than what it writes";
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                message,
            ));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Limits;
    use std::time::Instant;
    use testkit::payload::{self, Operation, op};

    fn full() -> payload::Payload {
        payload::Payload::new()
            .partition(payload::Partition::new("system").replace(testkit::noise(1, 3 * 4096)))
    }

    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(Limits::new(std::env::temp_dir(), Instant::now)))
    }

    fn open(bytes: Vec<u8>) -> Result<Payload, Error> {
        Payload::open(Arc::new(bytes))
    }

    fn needs_source(payload: payload::Payload) -> bool {
        open(payload.build()).unwrap().needs_source().unwrap()
    }

    fn read(payload: payload::Payload) -> Result<Vec<u8>, ReadError> {
        let payload = open(payload.build()).unwrap();
        let partition = payload.partition("system", budget()).unwrap().unwrap();
        let mut image = vec![0; usize::try_from(partition.size()).unwrap()];
        partition.read_exact_at(0, &mut image).map(|()| image)
    }

    #[test]
    fn full_payload_stands_alone() {
        assert!(!needs_source(full()));
    }

    #[test]
    fn each_sign_of_a_source_makes_a_delta() {
        assert!(needs_source(full().minor_version(8)));
        let old = payload::Partition::new("vendor")
            .replace(vec![7; 4096])
            .old_info(4096, [1; 32]);
        assert!(needs_source(full().partition(old)));
        let copy = payload::Partition::new("vendor").op(4, Vec::new(), &[(0, 1)]);
        assert!(needs_source(full().partition(copy)));
    }

    #[test]
    fn hostile_headers_have_their_classes() {
        let good = full().build();
        let with = |at: usize, bytes: &[u8]| {
            let mut bad = good.clone();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            open(bad).err().unwrap().kind()
        };
        assert_eq!(with(0, b"PK"), ErrorKind::Corrupt);
        assert_eq!(with(4, &1u64.to_be_bytes()), ErrorKind::Unsupported);
        assert_eq!(with(12, &u64::MAX.to_be_bytes()), ErrorKind::Limit);
        assert_eq!(with(12, &(1u64 << 20).to_be_bytes()), ErrorKind::Truncated);
        assert_eq!(with(24, &[0xff; 16]), ErrorKind::Corrupt);
        assert_eq!(open(vec![0; 3]).err().unwrap().kind(), ErrorKind::Truncated);
    }

    #[test]
    fn stored_zero_and_padded_blocks_are_read_in_any_order() {
        let blocks = testkit::noise(3, 2 * 4096);
        let image = read(
            payload::Payload::new().partition(
                payload::Partition::new("system")
                    .operation(
                        Operation::new(op::REPLACE)
                            .data(&blocks[..])
                            .dst(&[(3, 1), (0, 1)]),
                    )
                    .operation(Operation::new(op::ZERO).dst(&[(1, 1)]))
                    .operation(Operation::new(op::REPLACE).data(b"short").dst(&[(2, 1)])),
            ),
        )
        .unwrap();
        assert_eq!(image[3 * 4096..], blocks[..4096]);
        assert_eq!(image[..4096], blocks[4096..]);
        assert_eq!(image[4096..8192], [0; 4096]);
        assert_eq!(&image[8192..8198], b"short\0");
    }

    #[test]
    fn operations_that_contradict_each_other_are_refused() {
        let system = || payload::Partition::new("system").replace(vec![7; 8192]);
        let class = |partition: payload::Partition| {
            let payload = open(payload::Payload::new().partition(partition).build()).unwrap();
            payload
                .partition("system", budget())
                .err()
                .map(|e| e.kind())
        };
        assert_eq!(class(system()), None);
        let overlap = system().operation(Operation::new(op::ZERO).dst(&[(1, 2)]));
        assert_eq!(class(overlap), Some(ErrorKind::Corrupt));
        for extent in [(u64::MAX, 1), (1, u64::MAX), (1 << 51, 1 << 51), (5, 0)] {
            let wild = system().operation(Operation::new(op::ZERO).dst(&[extent]));
            assert_eq!(class(wild), Some(ErrorKind::Corrupt), "{extent:?}");
        }
    }

    /// A zstd frame with a window of 8 MiB, and blocks that are stored.
    fn zstd_of_raw_blocks(bytes: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3];
        let blocks = bytes.chunks(128 << 10);
        let last = blocks.len() - 1;
        for (index, block) in blocks.enumerate() {
            let header = (block.len() as u32) << 3 | u32::from(index == last);
            frame.extend(&header.to_le_bytes()[..3]);
            frame.extend(block);
        }
        frame
    }

    #[test]
    fn hash_of_data_is_checked_whatever_its_length() {
        let noise = testkit::noise(9, 5 << 20);
        let num_blocks = noise.len() as u64 / 4096;
        let frame = zstd_of_raw_blocks(&noise);
        assert!(frame.len() as u64 > MAX_KEPT_LEN);
        let with = |hash: Option<[u8; 32]>, num_blocks| {
            let operation = Operation::new(op::REPLACE_ZSTD).data(&frame[..]);
            let operation = match hash {
                Some(hash) => operation.data_hash(hash),
                None => operation,
            };
            let partition = payload::Partition::new("system");
            let partition = partition.operation(operation.dst(&[(0, num_blocks)]));
            read(payload::Payload::new().partition(partition))
        };
        assert!(with(None, num_blocks).unwrap() == noise);
        let error = with(Some([7; 32]), num_blocks).unwrap_err();
        assert!(error.to_string().contains("sha256"), "{error}");
        let error = with(None, num_blocks + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let cause = std::error::Error::source(&error).unwrap();
        let cause = crate::error_kind::chain(cause);
        assert!(cause.contains(TOO_SHORT), "{cause}");
    }

    #[test]
    fn data_beyond_the_payload_is_found_without_reading_any() {
        let first = payload::Partition::new("boot").replace(vec![7; 4096]);
        let beyond = Operation::new(op::REPLACE)
            .data(vec![1; 4096])
            .dst(&[(0, 1)])
            .declared_data(5000, 4096);
        let second = payload::Partition::new("system").operation(beyond);
        let payload = open(
            payload::Payload::new()
                .partition(first)
                .partition(second)
                .build(),
        );
        let payload = payload.unwrap();
        let (name, error) = payload.find_cut().unwrap();
        assert_eq!((name, error.kind()), ("system", ErrorKind::Truncated));
        assert!(open(full().build()).unwrap().find_cut().is_none());
    }

    #[test]
    fn faults_of_the_data_keep_their_class_and_name_the_operation() {
        let with = |operation: Operation| {
            let partition = payload::Partition::new("system").operation(operation);
            let error = read(payload::Payload::new().partition(partition)).unwrap_err();
            (error.kind(), error.to_string())
        };
        let beyond = Operation::new(op::REPLACE)
            .data(vec![1; 4096])
            .dst(&[(0, 1)])
            .declared_data(1 << 40, 4096);
        let (class, text) = with(beyond);
        assert_eq!(class, ErrorKind::Truncated);
        assert!(text.starts_with("operation 0, 4096 bytes at"), "{text}");
        let huge = Operation::new(op::REPLACE_XZ)
            .data(vec![1; 4096])
            .dst(&[(0, 1)])
            .declared_data(u64::MAX - 100, 4096);
        let partition = payload::Partition::new("system").operation(huge);
        let payload = open(payload::Payload::new().partition(partition).build()).unwrap();
        let error = payload.partition("system", budget()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let wrong_hash = Operation::new(op::REPLACE_XZ)
            .data(b"x".to_vec())
            .data_hash([0; 32])
            .dst(&[(0, 1)]);
        assert_eq!(with(wrong_hash).0, ErrorKind::Corrupt);
        for kind in [op::REPLACE_XZ, op::REPLACE_BZ, op::REPLACE_ZSTD] {
            let noise = Operation::new(kind)
                .data(testkit::noise(2, 500))
                .dst(&[(0, 1)]);
            assert_eq!(with(noise).0, ErrorKind::Corrupt, "{kind}");
        }
        let unknown = Operation::new(99).data(vec![1; 10]).dst(&[(0, 1)]);
        assert_eq!(with(unknown).0, ErrorKind::Unsupported);
        let wrong_hash = Operation::new(op::REPLACE)
            .data(vec![1; 4096])
            .data_hash([0; 32])
            .dst(&[(0, 1)]);
        assert_eq!(with(wrong_hash).0, ErrorKind::Corrupt);
        let short = Operation::new(op::REPLACE)
            .data(vec![1; 4096])
            .dst(&[(0, 2)]);
        let (class, text) = with(short);
        assert_eq!(class, ErrorKind::Corrupt);
        assert_eq!(text, "operation 0: its data ends before what it writes");
        let long = Operation::new(op::REPLACE)
            .data(vec![1; 5000])
            .dst(&[(0, 1)]);
        assert_eq!(with(long).0, ErrorKind::Corrupt);
        let late = Operation::new(op::ZERO).dst(&[(1, 1)]);
        let (class, text) = with(late);
        assert_eq!(
            (class, text.as_str()),
            (
                ErrorKind::Corrupt,
                "byte 0x0 of the partition is written by no operation"
            )
        );
    }
}
