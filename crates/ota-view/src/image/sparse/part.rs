//! One file of a sparse image: its header and its chunks.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Error, HEADER_LEN, MAGIC};
use crate::io::{ReadAt, ReadError};
use crate::little_endian::{u16_at, u32_at};

const CHUNK_HEADER_LEN: usize = 12;
const CHUNK_RAW: u16 = 0xcac1;
const CHUNK_FILL: u16 = 0xcac2;
const CHUNK_DONT_CARE: u16 = 0xcac3;
const CHUNK_CRC32: u16 = 0xcac4;

/// Largest block, in bytes; always 4096 in practice.
const MAX_BLOCK_SIZE: u32 = 1 << 20;

/// One file.
pub(super) struct Part {
    pub(super) source: Arc<dyn ReadAt>,
    block_size: u32,
    chunk_header_len: u16,
    pub(super) num_chunks: u32,
    /// Bytes of the image.
    pub(super) size: u64,
    index: Mutex<ChunkIndex>,
}

/// The chunks whose headers have been read.
struct ChunkIndex {
    /// Those that cover blocks, in order, without gaps.
    chunks: Vec<Chunk>,
    num_read: u32,
    /// Offset of the next chunk's header.
    offset: u64,
    /// Bytes of the image before the next chunk.
    covered: u64,
}

/// A run of the image's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) kind: ChunkKind,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ChunkKind {
    Raw { offset: u64 },
    Fill { pattern: [u8; 4] },
    DontCare,
}

impl Part {
    pub(super) fn open(source: Arc<dyn ReadAt>) -> Result<Part, Error> {
        let mut header = [0; HEADER_LEN];
        source
            .read_exact_at(0, &mut header)
            .map_err(|source| Error::Read {
                what: "header",
                source,
            })?;
        let magic = u32_at(&header, 0);
        let version = u16_at(&header, 4);
        let file_hdr_sz = u16_at(&header, 8);
        let chunk_hdr_sz = u16_at(&header, 10);
        let blk_sz = u32_at(&header, 12);
        let total_blks = u32_at(&header, 16);
        let total_chunks = u32_at(&header, 20);
        let bad = |field, found, offset| {
            Err(Error::BadHeader {
                field,
                found,
                offset,
            })
        };
        if magic != MAGIC {
            return bad("magic", magic, 0);
        }
        if version != 1 {
            return Err(Error::BadVersion { found: version });
        }
        if usize::from(file_hdr_sz) < HEADER_LEN {
            return bad("file_hdr_sz", file_hdr_sz.into(), 8);
        }
        if usize::from(chunk_hdr_sz) < CHUNK_HEADER_LEN {
            return bad("chunk_hdr_sz", chunk_hdr_sz.into(), 10);
        }
        if blk_sz == 0 || !blk_sz.is_multiple_of(4) || blk_sz > MAX_BLOCK_SIZE {
            return bad("blk_sz", blk_sz, 12);
        }
        Ok(Part {
            source,
            block_size: blk_sz,
            chunk_header_len: chunk_hdr_sz,
            num_chunks: total_chunks,
            size: u64::from(total_blks).saturating_mul(blk_sz.into()),
            index: Mutex::new(ChunkIndex {
                chunks: Vec::new(),
                num_read: 0,
                offset: file_hdr_sz.into(),
                covered: 0,
            }),
        })
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        while index.num_read < self.num_chunks || index.covered < self.size {
            self.read_next(&mut index)?;
        }
        let size = self.source.size();
        match index.offset > size {
            false => Ok(()),
            true => Err(Error::Read {
                what: "chunk",
                source: ReadError::OutOfBounds {
                    offset: size,
                    end: index.offset,
                    size,
                },
            }),
        }
    }

    /// Finds the chunk that covers a byte of the image.
    pub(super) fn chunk_at(&self, offset: u64) -> Result<Chunk, Error> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        while index.covered <= offset {
            self.read_next(&mut index)?;
        }
        let next = index.chunks.partition_point(|chunk| chunk.end <= offset);
        let chunk = index.chunks.get(next).copied();
        Ok(chunk.expect("the chunks cover all bytes up to `covered`"))
    }

    fn read_next(&self, index: &mut ChunkIndex) -> Result<(), Error> {
        let at = index.offset;
        let number = index.num_read;
        let bad = |fault| Error::BadChunk {
            index: number,
            offset: at,
            fault,
        };
        if number == self.num_chunks {
            return Err(bad("missing: the chunks before it do not cover the image"));
        }
        let read = |offset, buf: &mut [u8]| {
            let result = self.source.read_exact_at(offset, buf);
            result.map_err(|source| Error::Read {
                what: "chunk header",
                source,
            })
        };
        let mut header = [0; CHUNK_HEADER_LEN];
        read(at, &mut header)?;
        let chunk_type = u16_at(&header, 0);
        let chunk_sz = u32_at(&header, 4);
        let total_sz = u32_at(&header, 8);
        let len = u64::from(chunk_sz).saturating_mul(self.block_size.into());
        let body_len = u64::from(total_sz)
            .checked_sub(self.chunk_header_len.into())
            .ok_or_else(|| bad("shorter than its header"))?;
        let body = at.saturating_add(self.chunk_header_len.into());
        let (expected_len, kind) = match chunk_type {
            CHUNK_RAW => (len, Some(ChunkKind::Raw { offset: body })),
            CHUNK_FILL => {
                let mut pattern = [0; 4];
                read(body, &mut pattern)?;
                (4, Some(ChunkKind::Fill { pattern }))
            }
            CHUNK_DONT_CARE => (0, Some(ChunkKind::DontCare)),
            CHUNK_CRC32 if chunk_sz == 0 => (4, None),
            CHUNK_CRC32 => return Err(bad("a checksum that covers blocks")),
            _ => return Err(bad("of an unknown type")),
        };
        if body_len != expected_len {
            return Err(bad("its length does not fit its blocks"));
        }
        let end = index.covered.saturating_add(len);
        if end > self.size {
            return Err(bad("reaches beyond the image"));
        }
        if let Some(kind) = kind.filter(|_| len > 0) {
            index.chunks.push(Chunk {
                start: index.covered,
                end,
                kind,
            });
        }
        index.covered = end;
        index.num_read = number.saturating_add(1);
        index.offset = at.saturating_add(total_sz.into());
        Ok(())
    }
}
