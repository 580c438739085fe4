//! Android sparse images, in one file or several.
//!
//! In: sources that each contain a sparse image. Out: the raw image as a [`ReadAt`]. Chunk headers
//! are read only as far as the image is read, so that a compressed sparse image need not be decoded
//! to its end.
//! Source: AOSP `libsparse/sparse_format.h`, major version 1.

mod error;
mod part;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::part::{ChunkKind, Part};
use crate::io::{ImageFault, ReadAt, ReadError, check_bounds, len_of};

pub use error::Error;

/// `sparse_header_t.magic`.
const MAGIC: u32 = 0xed26_ff3a;
/// `sizeof(sparse_header_t)` and `sizeof(chunk_header_t)` of version 1.
const HEADER_LEN: usize = 28;
/// Most chunks of one image, in all its files. A `super` image of 10 GB has a few thousand.
const MAX_CHUNKS: usize = 1 << 19;
/// Most files of one split image; fastboot makes about ten.
const MAX_PARTS: usize = 256;

/// Whether a source begins like a sparse image.
///
/// # Errors
/// If the source cannot be read. One that is too short is not a sparse image.
pub fn detect(source: &dyn ReadAt) -> Result<bool, ReadError> {
    let mut header = [0; HEADER_LEN];
    if source.size() < len_of(&header) {
        return Ok(false);
    }
    source.read_exact_at(0, &mut header)?;
    Ok(header.starts_with(&MAGIC.to_le_bytes()))
}

/// The raw image of one or more sparse files.
pub struct Sparse {
    parts: Vec<Part>,
    size: u64,
}

impl Sparse {
    /// Opens the files of one image. Each covers the whole image; the first that has a block (its
    /// chunk is not "don't care") decides the block's contents.
    ///
    /// # Errors
    /// Kind `Corrupt`, `Unsupported`, `Limit`, `Truncated` or `Io`.
    pub fn open(sources: Vec<Arc<dyn ReadAt>>) -> Result<Sparse, Error> {
        if sources.is_empty() || sources.len() > MAX_PARTS {
            return Err(Error::TooMany {
                what: "parts",
                found: sources.len(),
                limit: MAX_PARTS,
            });
        }
        let parts: Vec<Part> = sources
            .into_iter()
            .map(Part::open)
            .collect::<Result<_, _>>()?;
        let num_chunks = parts
            .iter()
            .map(|part| u64::from(part.num_chunks))
            .sum::<u64>();
        let found = usize::try_from(num_chunks).unwrap_or(usize::MAX);
        if found > MAX_CHUNKS {
            return Err(Error::TooMany {
                what: "chunks",
                found,
                limit: MAX_CHUNKS,
            });
        }
        let size = parts.first().map_or(0, |part| part.size);
        match parts.iter().find(|part| part.size != size) {
            Some(other) => Err(Error::Unequal {
                first: size,
                other: other.size,
            }),
            None => Ok(Sparse { parts, size }),
        }
    }

    /// Reads the headers of all chunks, to detect truncated files at once. Only for files that need no
    /// decoding.
    ///
    /// # Errors
    /// Kind `Corrupt`, `Truncated` or `Io`.
    pub fn check(&self) -> Result<(), Error> {
        self.parts.iter().try_for_each(Part::check)
    }

    /// Reads to the end of one chunk at most, and returns the length.
    fn read_chunk(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        let mut len = buf.len();
        for part in &self.parts {
            let chunk = part
                .chunk_at(offset)
                .map_err(|error| ImageFault::new(error.kind(), error))?;
            let left = chunk.end.saturating_sub(offset);
            len = len.min(usize::try_from(left).unwrap_or(usize::MAX));
            let (buf, _) = buf.split_at_mut(len);
            let skipped = offset.saturating_sub(chunk.start);
            match chunk.kind {
                ChunkKind::DontCare => continue,
                ChunkKind::Raw { offset } => part
                    .source
                    .read_exact_at(offset.saturating_add(skipped), buf)?,
                ChunkKind::Fill { pattern } => {
                    let rotation = usize::try_from(skipped % 4).unwrap_or(0);
                    let pattern = pattern.iter().cycle().skip(rotation);
                    for (byte, value) in buf.iter_mut().zip(pattern) {
                        *byte = *value;
                    }
                }
            }
            return Ok(len);
        }
        let (buf, _) = buf.split_at_mut(len);
        buf.fill(0);
        Ok(len)
    }
}

impl ReadAt for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let len = self.read_chunk(at, rest)?;
            rest = rest.split_at_mut(len).1;
            at = at.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}
