//! The manifest of a payload: messages of `update_metadata.proto`, parsed field by field.

use std::sync::{Arc, Mutex};

use super::partition::Partition;
use super::{Error, MAX_EXTENTS, MAX_OPERATIONS, Payload};
use crate::image::MAX_PARTITIONS;
use crate::io::Budget;
use crate::protobuf::{Fields, Malformed, Value};

/// One `InstallOperation`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Operation {
    pub(super) kind: u64,
    /// Offset of its data in the payload, in bytes.
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Bytes it writes.
    pub(super) output: u64,
    pub(super) sha256: Option<[u8; 32]>,
}

/// A run of bytes of the partition that one operation writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) operation: usize,
    /// Bytes of the operation's output that go to its earlier extents.
    pub(super) skipped: u64,
}

impl Payload {
    pub(super) fn read_manifest(&mut self, manifest: &[u8]) -> Result<(), Error> {
        let (mut signatures_offset, mut signatures_size) = (None, 0);
        for field in Fields::new(manifest) {
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

    /// Opens a partition as it will be after the update.
    ///
    /// Nothing is decoded before the partition is read.
    ///
    /// # Errors
    /// Kind `Corrupt` or `Limit` if its operations contradict each other.
    pub fn partition(&self, name: &str, budget: Arc<Budget>) -> Result<Option<Partition>, Error> {
        let Some((name, message)) = self.partitions.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        let place = || format!("partition `{}`", name.escape_debug());
        let mut size = None;
        let mut operations = Vec::new();
        let mut extents: Vec<Extent> = Vec::new();
        for field in Fields::new(message) {
            match field.map_err(|source| bad(&place(), source))? {
                // PartitionInfo new_partition_info
                (7, info) => {
                    for field in Fields::new(info.bytes()) {
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

    /// Parses an operation, and adds the extents that it writes to `extents`.
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
                (1, value) => operation.kind = value.number(),
                (2, value) => data_offset = value.number(),
                (3, value) => operation.len = value.number(),
                (6, extent) => {
                    let (mut start, mut num_blocks) = (0, 0);
                    for field in Fields::new(extent.bytes()) {
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

pub(super) fn bad(place: &str, source: Malformed) -> Error {
    Error::BadManifest {
        place: place.to_owned(),
        source,
    }
}

fn partition_name(message: &[u8]) -> Result<String, Error> {
    let mut name = String::new();
    for field in Fields::new(message) {
        if let (1, value) = field.map_err(|source| bad("PartitionUpdate", source))? {
            name = String::from_utf8_lossy(value.bytes()).into_owned();
        }
    }
    Ok(name)
}
