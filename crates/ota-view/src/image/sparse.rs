//! Android sparse images, whole or split over several files.
//!
//! In: sources that each hold a sparse image. Out: the image they stand for, as a
//! [`ReadAt`]. Chunk headers are read only as far as the image is, so that a
//! compressed sparse image need not be decoded to its end.
//! Source: AOSP `libsparse/sparse_format.h`, major version 1.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error_kind::ErrorKind;
use crate::io::{ImageFault, ReadAt, ReadError, check_bounds, len_of};

/// `sparse_header_t.magic`.
const MAGIC: u32 = 0xed26_ff3a;
/// `sizeof(sparse_header_t)` and `sizeof(chunk_header_t)` of version 1.
const HEADER_LEN: usize = 28;
const CHUNK_HEADER_LEN: usize = 12;
const CHUNK_RAW: u16 = 0xcac1;
const CHUNK_FILL: u16 = 0xcac2;
const CHUNK_DONT_CARE: u16 = 0xcac3;
const CHUNK_CRC32: u16 = 0xcac4;

/// Most chunks of one image, in all its files. A `super` image of 10 GB has some
/// thousands.
const MAX_CHUNKS: usize = 1 << 19;
/// Largest block, in bytes; always 4096 in practice.
const MAX_BLOCK_SIZE: u32 = 1 << 20;
/// Most files of one split image; fastboot makes some ten.
const MAX_PARTS: usize = 256;

/// Why a sparse image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A later version of the format.
    #[error("sparse image version {found} at byte 4, expected 1")]
    BadVersion {
        /// Its major version.
        found: u16,
    },
    /// A field of the header that cannot be.
    #[error("sparse image header: {field} {found} at byte {offset}")]
    BadHeader {
        /// `sparse_header_t` field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// Where it is.
        offset: u64,
    },
    /// More chunks or files than romfeed reads.
    #[error("sparse image: {found} {what}, at most {limit} are read")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// Count found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The files of a split image differ in size.
    #[error("sparse images of {first} and {other} bytes cannot be parts of one image")]
    Unequal {
        /// Size of the first.
        first: u64,
        /// Size of another.
        other: u64,
    },
    /// A chunk that contradicts the header.
    #[error("sparse image chunk {index} at byte {offset:#x}: {fault}")]
    BadChunk {
        /// Counted from 0.
        index: u32,
        /// Where its header is.
        offset: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// The bytes could not be read.
    #[error("sparse image {what}")]
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
            Error::BadVersion { .. } => ErrorKind::Unsupported,
            Error::BadHeader { .. } | Error::Unequal { .. } | Error::BadChunk { .. } => {
                ErrorKind::Corrupt
            }
            Error::TooMany { .. } => ErrorKind::Limit,
            Error::Read { source, .. } => source.kind(),
        }
    }
}

/// Whether a source begins like a sparse image.
///
/// # Errors
/// If it cannot be read; one that is too short is none.
pub fn detect(source: &dyn ReadAt) -> Result<bool, ReadError> {
    let mut header = [0; HEADER_LEN];
    if source.size() < len_of(&header) {
        return Ok(false);
    }
    source.read_exact_at(0, &mut header)?;
    Ok(header.starts_with(&MAGIC.to_le_bytes()))
}

/// The image that one or more sparse files stand for.
pub struct Sparse {
    parts: Vec<Part>,
    size: u64,
}

impl Sparse {
    /// Opens the files of one image; each covers the whole of it, and the first
    /// that cares about a block tells its contents.
    ///
    /// # Errors
    /// ErrorKind `Corrupt`, `Unsupported`, `Limit`, `Truncated` or `Io`.
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

    /// Reads the headers of all chunks, so that a file that ends before they do is seen at once.
    /// For files that need no decoding.
    ///
    /// # Errors
    /// ErrorKind `Corrupt`, `Truncated` or `Io`.
    pub fn check(&self) -> Result<(), Error> {
        self.parts.iter().try_for_each(Part::check)
    }

    /// Reads as far as one chunk goes; answers how far.
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
                Kind::DontCare => continue,
                Kind::Raw { offset } => part
                    .source
                    .read_exact_at(offset.saturating_add(skipped), buf)?,
                Kind::Fill { pattern } => {
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

/// One file.
struct Part {
    source: Arc<dyn ReadAt>,
    block_size: u32,
    chunk_header_len: u16,
    num_chunks: u32,
    /// Bytes of the image.
    size: u64,
    index: Mutex<Index>,
}

/// The chunks whose headers have been read.
struct Index {
    /// Those that cover something, in order, without gaps.
    chunks: Vec<Chunk>,
    num_read: u32,
    /// Where the next chunk's header is.
    offset: u64,
    /// Bytes of the image before the next chunk.
    covered: u64,
}

/// A run of the image's bytes.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    start: u64,
    end: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Raw { offset: u64 },
    Fill { pattern: [u8; 4] },
    DontCare,
}

impl Part {
    fn open(source: Arc<dyn ReadAt>) -> Result<Part, Error> {
        let mut header = [0; HEADER_LEN];
        source
            .read_exact_at(0, &mut header)
            .map_err(|source| Error::Read {
                what: "header",
                source,
            })?;
        let [
            m0,
            m1,
            m2,
            m3,
            v0,
            v1,
            _,
            _,
            f0,
            f1,
            c0,
            c1,
            b0,
            b1,
            b2,
            b3,
            t0,
            t1,
            t2,
            t3,
            n0,
            n1,
            n2,
            n3,
            _,
            _,
            _,
            _,
        ] = header;
        let magic = u32::from_le_bytes([m0, m1, m2, m3]);
        let version = u16::from_le_bytes([v0, v1]);
        let file_hdr_sz = u16::from_le_bytes([f0, f1]);
        let chunk_hdr_sz = u16::from_le_bytes([c0, c1]);
        let blk_sz = u32::from_le_bytes([b0, b1, b2, b3]);
        let total_blks = u32::from_le_bytes([t0, t1, t2, t3]);
        let total_chunks = u32::from_le_bytes([n0, n1, n2, n3]);
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
        if blk_sz == 0 || blk_sz % 4 != 0 || blk_sz > MAX_BLOCK_SIZE {
            return bad("blk_sz", blk_sz, 12);
        }
        Ok(Part {
            source,
            block_size: blk_sz,
            chunk_header_len: chunk_hdr_sz,
            num_chunks: total_chunks,
            size: u64::from(total_blks).saturating_mul(blk_sz.into()),
            index: Mutex::new(Index {
                chunks: Vec::new(),
                num_read: 0,
                offset: file_hdr_sz.into(),
                covered: 0,
            }),
        })
    }

    fn check(&self) -> Result<(), Error> {
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

    /// The chunk over a byte of the image.
    fn chunk_at(&self, offset: u64) -> Result<Chunk, Error> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        while index.covered <= offset {
            self.read_next(&mut index)?;
        }
        let next = index.chunks.partition_point(|chunk| chunk.end <= offset);
        let chunk = index.chunks.get(next).copied();
        Ok(chunk.expect("the chunks cover all bytes up to `covered`"))
    }

    fn read_next(&self, index: &mut Index) -> Result<(), Error> {
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
        let [k0, k1, _, _, c0, c1, c2, c3, t0, t1, t2, t3] = header;
        let chunk_type = u16::from_le_bytes([k0, k1]);
        let chunk_sz = u32::from_le_bytes([c0, c1, c2, c3]);
        let total_sz = u32::from_le_bytes([t0, t1, t2, t3]);
        let len = u64::from(chunk_sz).saturating_mul(self.block_size.into());
        let body_len = u64::from(total_sz)
            .checked_sub(self.chunk_header_len.into())
            .ok_or_else(|| bad("shorter than its header"))?;
        let body = at.saturating_add(self.chunk_header_len.into());
        let (expected_len, kind) = match chunk_type {
            CHUNK_RAW => (len, Some(Kind::Raw { offset: body })),
            CHUNK_FILL => {
                let mut pattern = [0; 4];
                read(body, &mut pattern)?;
                (4, Some(Kind::Fill { pattern }))
            }
            CHUNK_DONT_CARE => (0, Some(Kind::DontCare)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::noise;
    use testkit::sparse::{self as made, chunk};

    fn open(sparse: &made::Sparse) -> Result<Sparse, Error> {
        Sparse::open(vec![Arc::new(sparse.build())])
    }

    fn whole(sparse: &Sparse) -> Vec<u8> {
        let mut image = vec![0xaa; usize::try_from(sparse.size()).unwrap()];
        sparse.read_exact_at(0, &mut image).unwrap();
        image
    }

    /// Two blocks of data, two of a pattern, two of nothing, one of data.
    fn good() -> made::Sparse {
        made::Sparse::new(4096)
            .raw(noise(1, 8192))
            .fill(0x0403_0201, 2)
            .crc32()
            .dont_care(2)
            .raw(noise(2, 4096))
            .crc32()
    }

    fn image_of_good() -> Vec<u8> {
        let pattern = [1, 2, 3, 4].repeat(2048);
        [noise(1, 8192), pattern, vec![0; 8192], noise(2, 4096)].concat()
    }

    /// What reading all of the image fails with.
    fn fault(bytes: Vec<u8>) -> Error {
        let part = Part::open(Arc::new(bytes)).unwrap();
        part.chunk_at(part.size - 1).unwrap_err()
    }

    #[test]
    fn every_kind_of_chunk_is_read_whole_and_in_pieces() {
        for made in [good(), good().header_size(40).chunk_header_size(16)] {
            let sparse = open(&made).unwrap();
            assert!(whole(&sparse) == image_of_good());
            for (index, expected) in image_of_good().chunks(1021).enumerate() {
                let mut piece = vec![0xaa; expected.len()];
                sparse
                    .read_exact_at(index as u64 * 1021, &mut piece)
                    .unwrap();
                assert!(piece == expected, "{index}");
            }
        }
    }

    #[test]
    fn only_what_begins_with_its_magic_is_a_sparse_image() {
        assert!(detect(&good().build()).unwrap());
        assert!(!detect(&good().build()[..27].to_vec()).unwrap());
        assert!(!detect(&image_of_good()).unwrap());
        assert!(!detect(&Vec::new()).unwrap());
    }

    #[test]
    fn of_split_files_the_first_that_cares_holds() {
        let image = noise(3, 9 * 4096);
        let mut files: Vec<Arc<dyn ReadAt>> = Vec::new();
        for file in made::split(&image, 4096, 4) {
            files.push(Arc::new(file));
        }
        // It covers all, and comes too late for any block.
        files.push(Arc::new(made::Sparse::new(4096).fill(7, 9).build()));
        assert!(whole(&Sparse::open(files).unwrap()) == image);
    }

    #[test]
    fn terabytes_of_one_pattern_cost_nothing() {
        let made = made::Sparse::new(4096).fill(0x4443_4241, u32::MAX);
        let sparse = open(&made).unwrap();
        assert_eq!(sparse.size(), u64::from(u32::MAX) * 4096);
        let mut last = [0; 6];
        sparse.read_exact_at(sparse.size() - 6, &mut last).unwrap();
        assert_eq!(&last, b"CDABCD");
        let beyond = sparse.read_exact_at(sparse.size() - 5, &mut last);
        assert_eq!(beyond.unwrap_err().kind(), ErrorKind::Truncated);
    }

    #[test]
    fn a_field_of_the_header_that_cannot_be_is_named_with_its_place() {
        for (at, bytes, field, found) in [
            (0, &b"\0"[..], "magic", 0xed26_ff00),
            (8, &[27, 0], "file_hdr_sz", 27),
            (10, &[11, 0], "chunk_hdr_sz", 11),
            (12, &[0, 0, 0, 0], "blk_sz", 0),
            (12, &[6, 0, 0, 0], "blk_sz", 6),
            (12, &[4, 0, 16, 0], "blk_sz", 0x10_0004),
            (12, &[0xff; 4], "blk_sz", u32::MAX),
        ] {
            let mut bad = good().build();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            let error = Sparse::open(vec![Arc::new(bad)]).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            let Error::BadHeader {
                field: named,
                found: shown,
                offset,
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!((named, shown, offset), (field, found, at as u64));
        }
        let error = open(&good().major(2)).err().unwrap();
        assert!(matches!(error, Error::BadVersion { found: 2 }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let short = good().build()[..27].to_vec();
        let error = Sparse::open(vec![Arc::new(short)]).err().unwrap();
        assert!(
            matches!(error, Error::Read { what: "header", .. }),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Truncated);
    }

    #[test]
    fn more_chunks_or_files_than_are_read_are_refused() {
        let many = |chunks| open(&good().declared_total_chunks(chunks)).err();
        assert!(many(1 << 19).is_none());
        for chunks in [(1 << 19) + 1, u32::MAX] {
            let error = many(chunks).unwrap();
            assert!(matches!(error, Error::TooMany { what: "chunks", .. }));
            assert_eq!(error.kind(), ErrorKind::Limit);
        }
        // In all files together.
        let half: Arc<dyn ReadAt> = Arc::new(good().declared_total_chunks(1 << 18).build());
        assert!(Sparse::open(vec![Arc::clone(&half); 2]).is_ok());
        let error = Sparse::open(vec![half; 3]).err().unwrap();
        assert!(matches!(error, Error::TooMany { what: "chunks", .. }));
        for parts in [0, 257] {
            let file: Arc<dyn ReadAt> = Arc::new(good().build());
            let error = Sparse::open(vec![file; parts]).err().unwrap();
            assert!(matches!(error, Error::TooMany { what: "parts", .. }));
            assert_eq!(error.kind(), ErrorKind::Limit);
        }
    }

    #[test]
    fn files_of_different_images_are_no_parts() {
        let sources: Vec<Arc<dyn ReadAt>> = vec![
            Arc::new(good().build()),
            Arc::new(made::Sparse::new(4096).dont_care(6).build()),
        ];
        let error = Sparse::open(sources).err().unwrap();
        assert!(
            matches!(
                error,
                Error::Unequal {
                    first: 28_672,
                    other: 24_576
                }
            ),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_chunk_that_contradicts_itself_is_named_with_its_place() {
        let one = || made::Sparse::new(4096).fill(7, 1);
        for (made, found) in [
            (
                one().chunk(chunk::RAW, 1, 11, []),
                "shorter than its header",
            ),
            (
                one().chunk(chunk::RAW, 1, 12 + 4095, vec![0; 4096]),
                "its length does not fit its blocks",
            ),
            (
                one().chunk(chunk::RAW, u32::MAX, u32::MAX, vec![0; 4096]),
                "its length does not fit its blocks",
            ),
            (
                one().chunk(chunk::FILL, 1, 12, [0; 4]),
                "its length does not fit its blocks",
            ),
            (
                one().chunk(chunk::DONT_CARE, 1, 16, [0; 4]),
                "its length does not fit its blocks",
            ),
            (
                one().chunk(chunk::CRC32, 0, 12, [0; 4]),
                "its length does not fit its blocks",
            ),
            (
                one().chunk(chunk::CRC32, 1, 16, [0; 4]),
                "a checksum that covers blocks",
            ),
            (one().chunk(0xcac5, 1, 12, []), "of an unknown type"),
            (one().chunk(0, 1, 0, []), "shorter than its header"),
            (one().dont_care(2), "reaches beyond the image"),
            (one().dont_care(u32::MAX), "reaches beyond the image"),
            (
                one(),
                "missing: the chunks before it do not cover the image",
            ),
        ] {
            let error = fault(made.declared_total_blocks(2).build());
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            let Error::BadChunk {
                index,
                offset,
                fault,
            } = error
            else {
                panic!("{error}, expected {found}");
            };
            assert_eq!((index, offset, fault), (1, 28 + 16, found));
        }
    }

    #[test]
    fn a_file_that_ends_early_is_cut_short() {
        let bytes = good().build();
        let first_body = 28 + 12 + 8192;
        for len in [28, 30, first_body + 5, first_body + 12, first_body + 15] {
            let error = fault(bytes[..len].to_vec());
            assert!(
                matches!(
                    error,
                    Error::Read {
                        what: "chunk header",
                        ..
                    }
                ),
                "{len}: {error}"
            );
            assert_eq!(error.kind(), ErrorKind::Truncated, "{len}");
        }
        // Within the data of a chunk, the last one too.
        Sparse::open(vec![Arc::new(bytes.clone())])
            .unwrap()
            .check()
            .unwrap();
        for len in [1000, bytes.len() - 1] {
            let sparse = Sparse::open(vec![Arc::new(bytes[..len].to_vec())]).unwrap();
            assert_eq!(
                sparse.check().unwrap_err().kind(),
                ErrorKind::Truncated,
                "{len}"
            );
        }
        let sparse = Sparse::open(vec![Arc::new(bytes[..1000].to_vec())]).unwrap();
        let error = sparse.read_exact_at(0, &mut [0; 4096]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        sparse.read_exact_at(0, &mut [0; 900]).unwrap();
    }

    #[test]
    fn no_damaged_byte_makes_it_panic() {
        let good = good().build();
        let headers = (0..40).chain(28 + 12 + 8192..28 + 12 + 8192 + 16 + 16 + 12);
        for at in headers {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Ok(sparse) = Sparse::open(vec![Arc::new(bytes)]) {
                    let size = sparse.size();
                    for offset in [0, size / 2, size.saturating_sub(4096)] {
                        let _ = sparse.read_exact_at(offset, &mut [0; 4096]);
                    }
                }
            }
        }
    }
}
