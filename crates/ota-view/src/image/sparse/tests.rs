use super::*;
use crate::error_kind::ErrorKind;
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

/// The error of reading the whole image.
fn fault(bytes: Vec<u8>) -> Error {
    let part = Part::open(Arc::new(bytes)).unwrap();
    part.chunk_at(part.size - 1).unwrap_err()
}

#[test]
fn every_kind_of_chunk_is_read_completely_and_in_pieces() {
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
fn sparse_image_is_detected_by_its_magic() {
    assert!(detect(&good().build()).unwrap());
    assert!(!detect(&good().build()[..27].to_vec()).unwrap());
    assert!(!detect(&image_of_good()).unwrap());
    assert!(!detect(&Vec::new()).unwrap());
}

#[test]
fn first_file_that_has_a_block_decides_it() {
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
fn terabytes_of_one_pattern_are_read_quickly() {
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
fn impossible_header_field_is_named_with_its_offset() {
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
fn too_many_chunks_or_files_are_refused() {
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
fn files_of_different_sizes_are_refused() {
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
fn invalid_chunk_is_reported_with_its_offset() {
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
fn file_that_ends_early_is_truncated() {
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
fn changed_bytes_never_panic() {
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
