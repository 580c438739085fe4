//! The manifest of a payload: messages of `update_metadata.proto`, parsed field by field.

use super::error::Error;
use super::limits::MAX_EXTENTS;
use super::operation::{Extent, Operation};
use crate::image::MAX_PARTITIONS;
use crate::protobuf::{Fields, Malformed, Value};

/// A `DeltaArchiveManifest`, which full payloads have too.
///
/// The messages of its partitions are checked when they are used.
pub(super) struct Manifest {
    /// Where the operations' data begins in the payload. Offsets in the manifest count from there.
    pub(super) data_offset: u64,
    /// Bytes in a block; extents count in blocks.
    pub(super) block_size: u64,
    /// 0 for a full payload.
    pub(super) minor_version: u64,
    /// Offset, counted from the data, and length of the signatures of the whole payload.
    pub(super) signatures: Option<(u64, u64)>,
    /// The name and the `PartitionUpdate` message of each partition.
    pub(super) partitions: Vec<(String, Vec<u8>)>,
}

impl Manifest {
    /// Parses the message.
    pub(super) fn parse(message: &[u8], data_offset: u64) -> Result<Manifest, Error> {
        let mut manifest = Manifest {
            data_offset,
            block_size: 4096,
            minor_version: 0,
            signatures: None,
            partitions: Vec::new(),
        };
        let (mut signatures_offset, mut signatures_size) = (None, 0);
        for field in Fields::new(message) {
            match field.map_err(|source| bad("DeltaArchiveManifest", source))? {
                // block_size
                (3, value) => manifest.block_size = value.number(),
                // signatures_offset
                (4, value) => signatures_offset = Some(value.number()),
                // signatures_size
                (5, value) => signatures_size = value.number(),
                // minor_version
                (12, value) => manifest.minor_version = value.number(),
                // PartitionUpdate partitions
                (13, Value::Bytes(partition)) => {
                    if manifest.partitions.len() >= MAX_PARTITIONS {
                        return Err(Error::TooMany {
                            what: "partitions",
                            limit: MAX_PARTITIONS,
                        });
                    }
                    let name = partition_name(partition)?;
                    if manifest.partitions.iter().any(|(known, _)| *known == name) {
                        return Err(Error::Duplicate { name });
                    }
                    manifest.partitions.push((name, partition.to_vec()));
                }
                _ => {}
            }
        }
        manifest.signatures = signatures_offset.map(|offset| (offset, signatures_size));
        let block_size = manifest.block_size;
        if !block_size.is_power_of_two() || !(512..=65536).contains(&block_size) {
            return Err(Error::BadBlockSize { found: block_size });
        }
        Ok(manifest)
    }

    /// Returns the name and the message of a partition.
    pub(super) fn partition(&self, name: &str) -> Option<(&str, &[u8])> {
        let found = self.partitions.iter().find(|(known, _)| known == name);
        found.map(|(name, message)| (name.as_str(), message.as_slice()))
    }

    /// Parses an `InstallOperation`, and adds the extents that it writes to `extents`.
    ///
    /// `index` is its position in the partition's list.
    pub(super) fn parse_operation(
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
        // Bytes of the operation's output before the next extent.
        let mut skipped = 0u64;
        for field in Fields::new(message) {
            match field.map_err(|source| bad(&place(), source))? {
                // type
                (1, value) => operation.kind = value.number(),
                // data_offset
                (2, value) => data_offset = value.number(),
                // data_length
                (3, value) => operation.len = value.number(),
                // Extent dst_extents
                (6, extent) => {
                    let (start, end) = self
                        .parse_extent(extent.bytes())
                        .map_err(|source| bad(&place(), source))?
                        .ok_or_else(|| fault("writes an impossible extent"))?;
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
                // data_sha256_hash
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

    /// Parses an `Extent` into its first byte and its end; `None` if it is empty or too far away.
    fn parse_extent(&self, message: &[u8]) -> Result<Option<(u64, u64)>, Malformed> {
        let (mut start_block, mut num_blocks) = (0, 0);
        for field in Fields::new(message) {
            match field? {
                (1, value) => start_block = value.number(),
                (2, value) => num_blocks = value.number(),
                _ => {}
            }
        }
        let bytes = |blocks: u64| blocks.checked_mul(self.block_size);
        let start_and_len = bytes(start_block).zip(bytes(num_blocks));
        let range = start_and_len.and_then(|(start, len)| Some((start, start.checked_add(len)?)));
        Ok(range.filter(|(start, end)| start < end))
    }
}

/// Returns the error for a message that is not protobuf; `place` says where in the manifest it is.
pub(super) fn bad(place: &str, source: Malformed) -> Error {
    Error::BadManifest {
        place: place.to_owned(),
        source,
    }
}

/// Returns the error for a malformed message of a partition.
pub(super) fn bad_partition(name: &str, source: Malformed) -> Error {
    bad(&format!("partition `{}`", name.escape_debug()), source)
}

/// Returns the `partition_name` of a `PartitionUpdate`.
fn partition_name(message: &[u8]) -> Result<String, Error> {
    let mut name = String::new();
    for field in Fields::new(message) {
        if let (1, value) = field.map_err(|source| bad("PartitionUpdate", source))? {
            name = String::from_utf8_lossy(value.bytes()).into_owned();
        }
    }
    Ok(name)
}
