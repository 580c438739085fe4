//! Reads a partition of a payload, decoding only the operations that are read.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::error::Error;
use super::operation::{
    DISCARD, Extent, Operation, REPLACE, REPLACE_BZ, REPLACE_XZ, REPLACE_ZSTD, SOURCE_OPERATIONS,
    ZERO,
};
use crate::codec::Codec;
use crate::io::{
    Budget, ImageFault, ReadAt, ReadError, Reader, Section, Spill, check_bounds, len_of,
};

/// Most compressed bytes of an operation that are buffered between hashing and decoding; longer
/// data is read twice.
pub(super) const MAX_BUFFERED_LEN: u64 = 4 << 20;

/// Bytes read at a time to hash data that is not buffered: the data of an operation, in payloads of AOSP's
/// tools.
const HASH_STEP: usize = 2 << 20;
/// Most compressed bytes of a first operation that is read together with the second one.
const MAX_SHORT_LEN: u64 = 64 << 10;
/// Most decoded operations in the cache of a partition: their bytes in memory, and their number.
const MAX_CACHED_LEN: usize = 16 << 20;
const MAX_CACHED: usize = 8;

/// The fault of an operation whose data ends a whole block before its last extent does. Phones write
/// only the data, and then refuse the partition because its hash differs.
pub(super) const TOO_SHORT: &str = "its data ends before what it writes";

/// A partition inside a payload.
pub struct Partition {
    /// The payload.
    source: Arc<dyn ReadAt>,
    budget: Arc<Budget>,
    size: u64,
    block_size: u64,
    operations: Vec<Operation>,
    /// Sorted, without overlap.
    extents: Vec<Extent>,
    /// Decoded operations by index, the most recently used last.
    cache: Mutex<Vec<(usize, Arc<Spill>)>>,
    /// Indexes of the uncompressed operations whose hash was checked.
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
    /// Checks that no two operations write the same byte. Without a stated `size`, the partition ends
    /// with its last extent.
    pub(super) fn new(
        source: Arc<dyn ReadAt>,
        budget: Arc<Budget>,
        block_size: u64,
        size: Option<u64>,
        operations: Vec<Operation>,
        mut extents: Vec<Extent>,
    ) -> Result<Partition, Error> {
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
        Ok(Partition {
            source,
            budget,
            size: size.unwrap_or(end),
            block_size,
            operations,
            extents,
            cache: Mutex::new(Vec::new()),
            verified: Mutex::default(),
        })
    }

    /// Fills the beginning of `buf` from the extent around `offset`, and returns the number of bytes.
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

    /// Returns the operation of an extent.
    fn operation(&self, index: usize) -> &Operation {
        self.operations
            .get(index)
            .expect("extents are made together with their operations")
    }

    /// Fills `buf` from an operation's output, from `offset` on.
    fn read_operation(&self, index: usize, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let operation = self.operation(index);
        let failed = |source| operation.data_error(index, source);
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
                // Bytes after the data are zero.
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

    /// Returns the decoder of an operation, with the bytes decoded so far.
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

    /// Checks the hash of an uncompressed operation, once, unless the limits skip that.
    fn verify_stored(&self, index: usize) -> Result<(), Error> {
        if self.budget.limits().skips_hashes {
            return Ok(());
        }
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if !verified.contains(&index) {
            self.verify_unbuffered(index)?;
            verified.insert(index);
        }
        Ok(())
    }

    /// Checks the hash of an operation's data without buffering all of it.
    fn verify_unbuffered(&self, index: usize) -> Result<(), Error> {
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
                .map_err(|source| operation.data_error(index, source))?;
            hasher.update(&*part);
            done = done.saturating_add(len_of(part));
        }
        operation.check_hash(index, &hasher.finalize())
    }

    /// Reads the data of the first operation together with that of the next one that has any, if the first is short and
    /// reading again is expensive; otherwise the result is empty. File systems begin with a few facts and zeros, and
    /// have their root folder after that: so one request of a remote source has both.
    fn read_beginning(&self, index: usize) -> Vec<u8> {
        let mut with_data = self.operations.iter().filter(|operation| operation.len > 0);
        let (Some(first), Some(second)) = (self.operations.first(), with_data.nth(1)) else {
            return Vec::new();
        };
        let is_next = first.offset.checked_add(first.len) == Some(second.offset);
        let is_short = first.len <= MAX_SHORT_LEN && second.len <= MAX_BUFFERED_LEN;
        if index > 0 || !is_next || !is_short || !self.budget.limits().skips_hashes {
            return Vec::new();
        }
        let len = first.len.saturating_add(second.len);
        let mut data = vec![0; usize::try_from(len).unwrap_or_default()];
        // An error is reported when the first operation is read alone.
        match self.source.read_exact_at(first.offset, &mut data) {
            Ok(()) => data,
            Err(_) => Vec::new(),
        }
    }

    /// Checks the hash of a compressed operation's data, and starts to decode it.
    fn open_operation(&self, index: usize) -> Result<Spill, Error> {
        let operation = self.operation(index);
        let failed = |source| operation.data_error(index, source);
        let section = Section::new(Arc::clone(&self.source), operation.offset, operation.len)
            .map_err(failed)?;
        let codec = match operation.kind {
            REPLACE_BZ => Codec::Bzip2,
            REPLACE_ZSTD => Codec::Zstd,
            _ => Codec::Xz,
        };
        let stream = match usize::try_from(operation.len) {
            Ok(len) if operation.len <= MAX_BUFFERED_LEN => {
                let mut data = self.read_beginning(index);
                if data.is_empty() {
                    data = vec![0; len];
                    section.read_exact_at(0, &mut data).map_err(failed)?;
                }
                data.truncate(len);
                operation.check_hash(index, &Sha256::digest(&data))?;
                codec.decode(Cursor::new(data))
            }
            _ => {
                self.verify_unbuffered(index)?;
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
        Ok(
            spill
                .with_stream_len(usize::try_from(operation.len.min(MAX_BUFFERED_LEN)).unwrap_or(0)),
        )
    }
}

fn too_long(index: usize) -> Error {
    Error::Operation {
        index,
        fault: "its data is longer than what it writes".to_owned(),
    }
}

/// The output of a compressed operation: the decoded data, with zeros up to the end of its last block.
///
/// Data that decodes to more, or to a whole block less, is an error.
struct Output {
    /// The decoded data.
    stream: Box<dyn Read + Send>,
    /// Bytes of the output that are still to be read.
    left: u64,
    block_size: u64,
    /// Whether the decoded data has ended; zeros follow.
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
