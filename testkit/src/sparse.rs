//! Android sparse images, the form in which `fastboot` takes large images.
//!
//! In: an image, or chunks by hand. Out: the sparse file. Format: AOSP
//! `system/core/libsparse/sparse_format.h`, version 1.0, little-endian. The checksum in the header
//! is always zero, as `img2simg` leaves it.

use std::ops::Range;

const MAGIC: u32 = 0xed26_ff3a;
const HEADER_SIZE: u16 = 28;
const CHUNK_HEADER_SIZE: u16 = 12;

/// Chunk types, the `chunk_type` of a chunk header.
pub mod chunk {
    /// The blocks follow uncompressed.
    pub const RAW: u16 = 0xcac1;
    /// Four bytes follow, repeated over all blocks.
    pub const FILL: u16 = 0xcac2;
    /// Nothing follows; the content of the blocks does not matter.
    pub const DONT_CARE: u16 = 0xcac3;
    /// The CRC-32 of the image up to here follows.
    pub const CRC32: u16 = 0xcac4;
}

/// A sparse image under construction; valid until a setter makes it invalid.
#[derive(Clone, Debug)]
pub struct Sparse {
    block_size: u32,
    major: u16,
    header_size: u16,
    chunk_header_size: u16,
    total_blocks: Option<u32>,
    total_chunks: Option<u32>,
    chunks: Vec<Chunk>,
    /// CRC-32 of the image up to here, with zeros for blocks that do not matter.
    crc: crc32fast::Hasher,
}

#[derive(Clone, Debug)]
struct Chunk {
    kind: u16,
    num_blocks: u32,
    /// Stated size of header and body, if not the true one.
    total_size: Option<u32>,
    body: Vec<u8>,
}

impl Sparse {
    /// Starts an empty image with blocks of this size in bytes, usually 4096.
    pub fn new(block_size: u32) -> Self {
        Self {
            block_size,
            major: 1,
            header_size: HEADER_SIZE,
            chunk_header_size: CHUNK_HEADER_SIZE,
            total_blocks: None,
            total_chunks: None,
            chunks: Vec::new(),
            crc: crc32fast::Hasher::new(),
        }
    }

    /// Describes an image: RAW for data, FILL for blocks of one repeated word, DONT_CARE for
    /// zeros. The last block is filled up with zeros.
    ///
    /// `img2simg` makes the same chunks, except that it writes zeros as FILL; Android's file-system
    /// builder leaves them out like this function.
    pub fn from_image(image: &[u8], block_size: u32) -> Self {
        let whole = 0..image.len().div_ceil(block_size as usize);
        Self::from_part(image, block_size, whole)
    }

    /// Appends uncompressed blocks.
    ///
    /// # Panics
    /// When the bytes are not a whole number of blocks.
    pub fn raw(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let block_size = self.block_size as usize;
        assert_eq!(
            bytes.len() % block_size,
            0,
            "a RAW chunk is a whole number of blocks"
        );
        self.crc.update(&bytes);
        self.push(chunk::RAW, count(bytes.len() / block_size), bytes)
    }

    /// Appends blocks that repeat these four bytes, given as a little-endian number.
    pub fn fill(mut self, pattern: u32, num_blocks: u32) -> Self {
        self.feed_crc(pattern, num_blocks);
        self.push(chunk::FILL, num_blocks, pattern.to_le_bytes().to_vec())
    }

    /// Appends blocks whose content does not matter.
    pub fn dont_care(mut self, num_blocks: u32) -> Self {
        self.feed_crc(0, num_blocks);
        self.push(chunk::DONT_CARE, num_blocks, Vec::new())
    }

    /// Adds the true CRC-32 of the image up to here. Chunks made by [`Sparse::chunk`] are ignored.
    pub fn crc32(self) -> Self {
        let crc = self.crc.clone().finalize();
        self.push(chunk::CRC32, 0, crc.to_le_bytes().to_vec())
    }

    /// Adds a chunk that states any type, number of blocks and total size.
    pub fn chunk(
        mut self,
        kind: u16,
        declared_blocks: u32,
        declared_total_size: u32,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        self.chunks.push(Chunk {
            kind,
            num_blocks: declared_blocks,
            total_size: Some(declared_total_size),
            body: body.into(),
        });
        self
    }

    /// Sets the size of the file header; bytes after the first 28 are padding.
    pub fn header_size(mut self, size: u16) -> Self {
        self.header_size = size;
        self
    }

    /// Sets the size of all chunk headers; bytes after the first 12 are padding.
    pub fn chunk_header_size(mut self, size: u16) -> Self {
        self.chunk_header_size = size;
        self
    }

    /// States a number of blocks in the header other than the sum over the chunks.
    pub fn declared_total_blocks(mut self, num_blocks: u32) -> Self {
        self.total_blocks = Some(num_blocks);
        self
    }

    /// States a number of chunks in the header other than the true one.
    pub fn declared_total_chunks(mut self, num_chunks: u32) -> Self {
        self.total_chunks = Some(num_chunks);
        self
    }

    /// States a major version other than 1.
    pub fn major(mut self, major: u16) -> Self {
        self.major = major;
        self
    }

    /// Writes the sparse file.
    ///
    /// A header size below the standard one is only stated: the header stays complete.
    pub fn build(&self) -> Vec<u8> {
        let num_blocks = self
            .chunks
            .iter()
            .fold(0u32, |sum, chunk| sum.saturating_add(chunk.num_blocks));
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&self.major.to_le_bytes());
        out.extend_from_slice(&0u16.to_le_bytes()); // minor version
        out.extend_from_slice(&self.header_size.to_le_bytes());
        out.extend_from_slice(&self.chunk_header_size.to_le_bytes());
        out.extend_from_slice(&self.block_size.to_le_bytes());
        out.extend_from_slice(&self.total_blocks.unwrap_or(num_blocks).to_le_bytes());
        let num_chunks = self.total_chunks.unwrap_or(count(self.chunks.len()));
        out.extend_from_slice(&num_chunks.to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes()); // checksum
        pad(&mut out, HEADER_SIZE, self.header_size);
        for chunk in &self.chunks {
            let true_size = u32::from(self.chunk_header_size) + count(chunk.body.len());
            out.extend_from_slice(&chunk.kind.to_le_bytes());
            out.extend_from_slice(&0u16.to_le_bytes()); // reserved
            out.extend_from_slice(&chunk.num_blocks.to_le_bytes());
            out.extend_from_slice(&chunk.total_size.unwrap_or(true_size).to_le_bytes());
            pad(&mut out, CHUNK_HEADER_SIZE, self.chunk_header_size);
            out.extend_from_slice(&chunk.body);
        }
        out
    }

    /// Describes some blocks of an image, and marks all others as DONT_CARE.
    fn from_part(image: &[u8], block_size: u32, part: Range<usize>) -> Self {
        let len = block_size as usize;
        let mut padded = image.to_vec();
        padded.resize(image.len().next_multiple_of(len), 0);
        let mut runs: Vec<(Run, Range<usize>)> = Vec::new();
        for (index, block) in padded.chunks(len).enumerate() {
            let run = match part.contains(&index) {
                true => Run::of(block),
                false => Run::DontCare,
            };
            match runs.last_mut() {
                Some((last, blocks)) if *last == run => blocks.end = index + 1,
                _ => runs.push((run, index..index + 1)),
            }
        }
        runs.into_iter()
            .fold(Self::new(block_size), |sparse, (run, blocks)| match run {
                Run::Raw => sparse.raw(&padded[blocks.start * len..blocks.end * len]),
                Run::Fill(pattern) => sparse.fill(pattern, count(blocks.len())),
                Run::DontCare => sparse.dont_care(count(blocks.len())),
            })
    }

    fn push(mut self, kind: u16, num_blocks: u32, body: Vec<u8>) -> Self {
        self.chunks.push(Chunk {
            kind,
            num_blocks,
            total_size: None,
            body,
        });
        self
    }

    fn feed_crc(&mut self, pattern: u32, num_blocks: u32) {
        // Hostile files claim terabytes; their checksum does not matter.
        if u64::from(num_blocks) * u64::from(self.block_size) <= 1 << 26 {
            let block = pattern.to_le_bytes().repeat(self.block_size as usize / 4);
            for _ in 0..num_blocks {
                self.crc.update(&block);
            }
        }
    }
}

/// Splits an image into complete sparse files, like `system.img_sparsechunk.N` and `super_N.img`:
/// each has the size of the whole image, and marks the blocks of the others as DONT_CARE.
///
/// # Panics
/// When there are no parts.
pub fn split(image: &[u8], block_size: u32, parts: usize) -> Vec<Vec<u8>> {
    let num_blocks = image.len().div_ceil(block_size as usize);
    (0..parts)
        .map(|index| {
            let part = num_blocks * index / parts..num_blocks * (index + 1) / parts;
            Sparse::from_part(image, block_size, part).build()
        })
        .collect()
}

/// What a run of blocks is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Raw,
    Fill(u32),
    DontCare,
}

impl Run {
    fn of(block: &[u8]) -> Self {
        let mut words = block.chunks_exact(4);
        let first: [u8; 4] = block[..4].try_into().expect("a block has four bytes");
        match words.all(|word| word == first) {
            true if first == [0; 4] => Self::DontCare,
            true => Self::Fill(u32::from_le_bytes(first)),
            false => Self::Raw,
        }
    }
}

fn pad(out: &mut Vec<u8>, standard: u16, stated: u16) {
    let extra = usize::from(stated.saturating_sub(standard));
    out.extend(std::iter::repeat_n(0xee, extra));
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a sparse image has 32-bit sizes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    fn u16_at(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
    }

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    /// Returns type, blocks and total size of all chunks of a file with standard headers.
    fn chunks(sparse: &[u8]) -> Vec<(u16, u32, u32)> {
        let mut chunks = Vec::new();
        let mut at = 28;
        while at < sparse.len() {
            let total_size = u32_at(sparse, at + 8);
            chunks.push((u16_at(sparse, at), u32_at(sparse, at + 4), total_size));
            at += total_size as usize;
        }
        assert_eq!(at, sparse.len());
        assert_eq!(u32_at(sparse, 20) as usize, chunks.len());
        assert_eq!(
            u32_at(sparse, 16),
            chunks.iter().map(|chunk| chunk.1).sum::<u32>()
        );
        chunks
    }

    #[test]
    fn every_field_is_at_its_offset() {
        let sparse = Sparse::new(8)
            .raw(*b"ABCDEFGHIJKLMNOP")
            .fill(0x0403_0201, 3)
            .dont_care(5)
            .build();
        let header =
            b"\x3a\xff\x26\xed\x01\0\0\0\x1c\0\x0c\0\x08\0\0\0\x0a\0\0\0\x03\0\0\0\0\0\0\0";
        let raw = b"\xc1\xca\0\0\x02\0\0\0\x1c\0\0\0ABCDEFGHIJKLMNOP";
        let fill = b"\xc2\xca\0\0\x03\0\0\0\x10\0\0\0\x01\x02\x03\x04";
        let dont_care = b"\xc3\xca\0\0\x05\0\0\0\x0c\0\0\0";
        assert_eq!(sparse, [&header[..], raw, fill, dont_care].concat());
    }

    #[test]
    fn the_checksum_covers_data_fills_and_gaps() {
        let sparse = Sparse::new(4).raw(*b"1234").fill(0x3938_3736, 1).crc32();
        let bytes = sparse.clone().dont_care(1).crc32().build();
        assert_eq!(u32_at(&bytes, 20), 5);
        let first = 28 + 16 + 16;
        assert_eq!(bytes[first..first + 4], [0xc4, 0xca, 0, 0]);
        assert_eq!(
            (u32_at(&bytes, first + 4), u32_at(&bytes, first + 8)),
            (0, 16)
        );
        assert_eq!(u32_at(&bytes, first + 12), crc32fast::hash(b"12346789"));
        let second = first + 16 + 12;
        let whole = crc32fast::hash(b"12346789\0\0\0\0");
        assert_eq!(u32_at(&bytes, second + 12), whole);
    }

    #[test]
    fn images_become_raw_fill_and_gaps() {
        let image = [
            noise(1, 8192),
            vec![0x77; 4096],
            vec![0; 12288],
            b"the end".to_vec(),
        ]
        .concat();
        let sparse = Sparse::from_image(&image, 4096).build();
        assert_eq!(
            chunks(&sparse),
            [
                (chunk::RAW, 2, 12 + 8192),
                (chunk::FILL, 1, 16),
                (chunk::DONT_CARE, 3, 12),
                (chunk::RAW, 1, 12 + 4096),
            ]
        );
        assert_eq!(sparse[40..40 + 8192], image[..8192]);
        assert!(sparse.ends_with(&[0; 4089]));
    }

    #[test]
    fn split_files_have_gaps_for_each_other() {
        let files = split(&noise(1, 5 * 4096), 4096, 3);
        let found: Vec<_> = files.iter().map(|file| chunks(file)).collect();
        let raw = |blocks: u32| (chunk::RAW, blocks, 12 + blocks * 4096);
        let gap = |blocks: u32| (chunk::DONT_CARE, blocks, 12);
        assert_eq!(
            found,
            [
                vec![raw(1), gap(4)],
                vec![gap(1), raw(2), gap(2)],
                vec![gap(3), raw(2)],
            ]
        );
    }

    #[test]
    fn headers_can_be_larger() {
        let bytes = Sparse::new(4)
            .raw(*b"1234")
            .header_size(32)
            .chunk_header_size(20)
            .build();
        assert_eq!((u16_at(&bytes, 8), u16_at(&bytes, 10)), (32, 20));
        assert_eq!(u16_at(&bytes, 32), chunk::RAW);
        assert_eq!(u32_at(&bytes, 32 + 8), 24);
        assert_eq!(&bytes[32 + 20..], b"1234");
    }

    #[test]
    fn any_stated_value_can_be_wrong() {
        let bytes = Sparse::new(4)
            .chunk(0xcac9, 7, u32::MAX, *b"..")
            .major(2)
            .declared_total_blocks(u32::MAX)
            .declared_total_chunks(9)
            .build();
        assert_eq!(u16_at(&bytes, 4), 2);
        assert_eq!((u32_at(&bytes, 16), u32_at(&bytes, 20)), (u32::MAX, 9));
        assert_eq!(&bytes[28..], b"\xc9\xca\0\0\x07\0\0\0\xff\xff\xff\xff..");
    }
}
