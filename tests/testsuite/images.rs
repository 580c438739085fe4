//! File systems made by the real tools, read file by file.
//!
//! The images and the listings of their contents come from `cargo xtask fixtures`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ota_view::error_kind::ErrorKind;
use ota_view::fs::{self, EntryType, FileSystem, Kind};
use ota_view::image::sparse::Sparse;
use ota_view::io::{ReadAt, ReadError};
use sha2::{Digest, Sha256};

use crate::support::{fixture, fixture_text};

/// Longest file in the trees.
const LIMIT: u64 = 1 << 20;

fn open(image: Vec<u8>) -> Result<Box<dyn FileSystem>, fs::Error> {
    fs::open(Arc::new(image))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns everything in a file system, in the form of a `.tree` file.
fn walk(file_system: &dyn FileSystem, folder: &str, tree: &mut BTreeMap<String, String>) {
    for entry in file_system.list(folder).unwrap() {
        let path = format!("{}/{}", folder.trim_end_matches('/'), entry.name);
        let line = match entry.entry_type {
            EntryType::Folder => "d\t0\t-".to_owned(),
            EntryType::Link => {
                let target = entry.target.unwrap();
                format!("l\t{}\t{target}", target.len())
            }
            EntryType::File => {
                let read = file_system.read(&path, LIMIT);
                read.map_or_else(
                    |error| error.to_string(),
                    |bytes| {
                        assert_eq!(bytes.len() as u64, entry.size, "{path}");
                        format!("f\t{}\t{}", bytes.len(), hex(&Sha256::digest(&bytes)))
                    },
                )
            }
            EntryType::Special => "?".to_owned(),
        };
        tree.insert(path.clone(), line);
        if entry.entry_type == EntryType::Folder {
            walk(file_system, &path, tree);
        }
    }
}

/// The forms of EROFS that there are images of.
const EROFS: [&str; 28] = [
    "plain",
    "noinline",
    "chunk",
    "chunk64",
    "extended",
    "xattrs",
    "xattrs-shared",
    "16k",
    "lz4",
    "lz4hc",
    "bigpcluster",
    "legacy",
    "ztail",
    "fragments",
    "tailfragments",
    "allfragments",
    "dedupe",
    "dirdata",
    "48bit",
    "metabox",
    "metabox-dirs",
    "16k-lz4hc",
    "product",
    "lzma",
    "lzma-frag",
    "deflate",
    "zstd",
    "mixed",
];

/// Files that `ext4-view` 1.0.0 reads differently than Linux: blocks that were allocated and never
/// written. No ROM image has any under its `build.prop`.
const KNOWN_FAULTS: [(&str, &str); 1] = [("ext4-modern", "/system/holes.bin")];

fn check_tree(name: &str, image: Vec<u8>, kind: Kind) {
    let file_system = open(image).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(file_system.kind(), kind, "{name}");
    let mut found = BTreeMap::new();
    walk(&*file_system, "/", &mut found);
    found.remove("/lost+found");
    let tree = match name {
        name if name.ends_with("-product") => "product.tree",
        name if name.ends_with("-flat") => "flat.tree",
        name if name.ends_with("-manifest") => "manifest.tree",
        _ => "system.tree",
    };
    let expected: BTreeMap<String, String> = fixture_text(tree)
        .lines()
        .map(|line| {
            let (facts, path) = line.rsplit_once('\t').unwrap();
            (path.to_owned(), facts.to_owned())
        })
        .collect();
    for (path, line) in &expected {
        if KNOWN_FAULTS.contains(&(name, path)) {
            assert_ne!(
                found.get(path),
                Some(line),
                "this known fault is fixed: {name}: {path}"
            );
            continue;
        }
        assert_eq!(found.get(path), Some(line), "{name}: {path}");
    }
    assert_eq!(found.len(), expected.len(), "{name}");
}

#[test]
fn every_form_of_ext4_is_read_file_by_file() {
    for name in [
        "ext4-android",
        "ext4-shared",
        "ext4-modern",
        "ext4-seed",
        "ext4-product",
        "ext4-manifest",
        "ext2-flat",
        "ext3-flat",
    ] {
        check_tree(name, fixture(name), Kind::Ext4);
    }
}

#[test]
fn an_ext4_without_the_free_blocks_at_its_end_is_read() {
    let mut image = fixture("ext4-android");
    let used = image.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    image.truncate(used.next_multiple_of(4096));
    check_tree("ext4-android", image, Kind::Ext4);
}

#[test]
fn every_form_of_erofs_is_read_file_by_file() {
    for name in EROFS {
        let name = format!("erofs-{name}");
        check_tree(&name, fixture(&name), Kind::Erofs);
    }
}

#[test]
fn sparse_images_read_as_their_contents() {
    let whole = fixture("ext4-android");
    for name in ["sparse", "sparse-1k"] {
        let sparse = Sparse::open(vec![Arc::new(fixture(name))]).unwrap();
        let mut image = vec![0xaa; usize::try_from(sparse.size()).unwrap()];
        sparse.read_exact_at(0, &mut image).unwrap();
        assert!(image == whole, "{name}");
        // In pieces that do not align with chunks.
        for (index, piece) in image.chunks_mut(777).enumerate() {
            sparse.read_exact_at(index as u64 * 777, piece).unwrap();
        }
        assert!(image == whole, "{name}");
    }
}

#[test]
fn links_are_followed_inside_the_image_and_never_out_of_it() {
    let expected = open(fixture("ext4-android"))
        .unwrap()
        .read("/system/build.prop", LIMIT)
        .unwrap();
    for name in ["ext4-android", "ext4-modern", "erofs-lz4hc", "erofs-plain"] {
        let file_system = open(fixture(name)).unwrap();
        for path in [
            "/system/etc/rel",
            "/system/etc/abs",
            "/system/etc/long",
            "/etc/rel",
            "/etc/abs",
            "/escape",
            "/system/../../system/./build.prop",
        ] {
            let bytes = file_system.read(path, LIMIT);
            let bytes = bytes.unwrap_or_else(|error| panic!("{name}: {path}: {error}"));
            assert!(bytes == expected, "{name}: {path}");
        }
        for path in [
            "/dangling",
            "/none",
            "/system/none",
            "/system/product/etc/build.prop",
        ] {
            let error = file_system.read(path, LIMIT).unwrap_err();
            assert!(
                matches!(error, fs::Error::NotFound { .. }),
                "{name}: {path}: {error}"
            );
        }
        for path in ["/", "/system", "/system/build.prop/x", "/etc"] {
            let error = file_system.read(path, LIMIT).unwrap_err();
            assert!(error.is_absence(), "{name}: {path}: {error}");
        }
        let error = file_system.read("/system/etc/loop1", LIMIT).unwrap_err();
        assert!(error.is_absence(), "{name}: {error}");
        assert!(
            matches!(error, fs::Error::LinkLoop { .. }),
            "{name}: {error}"
        );
        let error = file_system.list("/system/build.prop").unwrap_err();
        assert!(
            matches!(error, fs::Error::WrongType { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_file_longer_than_the_limit_is_not_read() {
    for name in ["ext4-android", "erofs-lz4hc"] {
        let file_system = open(fixture(name)).unwrap();
        let error = file_system.read("/system/big.txt", 149_999).unwrap_err();
        assert!(
            matches!(error, fs::Error::TooLarge { size: 150_000, .. }),
            "{name}: {error}"
        );
        assert!(file_system.read("/system/big.txt", 150_000).is_ok());
    }
}

#[test]
fn unsupported_file_systems_are_named() {
    for (name, word) in [
        ("f2fs", "f2fs is not supported"),
        ("squashfs", "squashfs is not supported"),
        ("ext4-inline", "ext4 with"),
    ] {
        let error = open(fixture(name)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
        assert!(error.to_string().contains(word), "{name}: {error}");
    }
    for image in [Vec::new(), vec![0; 100], vec![0; 100_000]] {
        let error = open(image).err().unwrap();
        assert!(matches!(error, fs::Error::Unknown), "{error}");
    }
}

#[test]
fn an_ext4_image_that_needs_excessive_memory_is_refused() {
    for (offset, value) in [
        // s_blocks_count, with s_blocks_per_group of 1 to have as many groups.
        (4, [0xff, 0xff, 0xff, 0x7f]),
        // s_log_block_size: 2 GiB.
        (24, [21, 0, 0, 0]),
    ] {
        let mut image = fixture("ext4-android");
        image[1024 + 32..][..4].copy_from_slice(&[1, 0, 0, 0]);
        image[1024 + offset..][..4].copy_from_slice(&value);
        let error = open(image).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    // A short link target is in the inode, at byte 40; i_size_high is at byte 108.
    let mut image = fixture("ext4-android");
    let target = image.windows(16).position(|w| w == b"../build.prop\0\0\0");
    let inode = target.unwrap() - 40;
    image[inode + 108] = 1;
    let file_system = open(image).unwrap();
    for path in ["/system/etc/rel", "/etc/rel"] {
        let error = file_system.read(path, LIMIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    let entries = file_system.list("/system/etc").unwrap();
    let link = entries.iter().find(|entry| entry.name == "rel").unwrap();
    assert_eq!(link.target, None);
}

/// A source that fails from a given byte on, with its own kind of error.
struct Failing {
    image: Vec<u8>,
    from: u64,
}

impl ReadAt for Failing {
    fn size(&self) -> u64 {
        self.image.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if offset + buf.len() as u64 > self.from {
            return Err(ReadError::Exceeded(ota_view::io::Exceeded::Cancelled));
        }
        self.image.read_exact_at(offset, buf)
    }
}

#[test]
fn an_error_of_the_source_keeps_its_class_through_the_libraries() {
    for name in [
        "ext4-android",
        "ext4-modern",
        "erofs-lz4hc",
        "erofs-lzma-frag",
        "erofs-metabox",
    ] {
        let image = fixture(name);
        let mut num_read = 0;
        let steps = (0..image.len() as u64).step_by(4096 * 3);
        for from in steps.chain([image.len() as u64]) {
            let source = Arc::new(Failing {
                image: image.clone(),
                from,
            });
            let read = fs::open(source).and_then(|f| f.read("/system/build.prop", LIMIT));
            match read {
                Ok(_) => num_read += 1,
                Err(error) => {
                    assert_eq!(
                        error.kind(),
                        ErrorKind::Limit,
                        "{name} from {from}: {error}"
                    );
                }
            }
        }
        assert!(num_read > 0, "{name}");
    }
}

#[test]
fn a_wrong_checksum_of_the_superblock_is_corruption() {
    for (name, at) in [("erofs-lz4hc", 1024 + 40), ("ext4-modern", 1024 + 100)] {
        let mut image = fixture(name);
        image[at] ^= 1;
        let error = open(image).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: {error}");
        assert!(error.to_string().contains("checksum"), "{name}: {error}");
    }
}

#[test]
fn reading_properties_reads_only_a_small_part_of_an_image() {
    struct Counting(Vec<u8>, std::sync::atomic::AtomicU64);
    impl ReadAt for Counting {
        fn size(&self) -> u64 {
            self.0.size()
        }
        fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
            let len = buf.len() as u64;
            self.1.fetch_add(len, std::sync::atomic::Ordering::Relaxed);
            self.0.read_exact_at(offset, buf)
        }
    }
    for name in ["ext4-android", "erofs-lz4hc", "erofs-plain"] {
        let source = Arc::new(Counting(fixture(name), 0.into()));
        let file_system = fs::open(Arc::clone(&source) as Arc<dyn ReadAt>).unwrap();
        file_system.read("/system/build.prop", LIMIT).unwrap();
        let read = source.1.load(std::sync::atomic::Ordering::Relaxed);
        assert!(read < 150_000, "{name}: {read} bytes");
    }
}

/// Images tried of each form; all but the first have one bit flipped.
#[cfg(unix)]
const NUM_SEEDS: u64 = 20;

/// The answer of another reader: the bytes of a file, if it reads any.
#[cfg(unix)]
fn read_by_another(image: &[u8], path: &str) -> Option<Vec<u8>> {
    use std::io::Read;
    let read = || -> Option<Vec<u8>> {
        let image = erofs_rs::backend::SliceImage::new(image);
        let file_system = erofs_rs::EroFS::new(image).ok()?;
        let mut bytes = Vec::new();
        let file = file_system.open(path).ok()?;
        file.take(LIMIT).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok()?
}

/// Corrects the checksum of the superblock.
#[cfg(unix)]
fn mend_checksum(image: &mut [u8]) {
    let block_size = 1usize << image[1024 + 12].clamp(9, 14);
    let end = if block_size > 1024 {
        block_size
    } else {
        1024 + block_size
    };
    image[1028..1032].fill(0);
    let mut crc = !0u32;
    for &byte in &image[1024..end] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    image[1028..1032].copy_from_slice(&crc.to_le_bytes());
}

#[cfg(unix)]
#[test]
fn two_readers_of_erofs_never_give_different_bytes() {
    let mut num_same = 0;
    for name in EROFS {
        let whole = fixture(&format!("erofs-{name}"));
        let at = |seed: u64| {
            let noise = testkit::noise(seed, 8);
            u64::from_le_bytes(noise.try_into().unwrap()) as usize
        };
        for seed in 0..NUM_SEEDS {
            let mut image = whole.clone();
            if seed > 0 {
                // Mostly in metadata, which is at the beginning or the end.
                let range = match seed % 3 {
                    0 => 1024..1152,
                    1 => 1152..whole.len().min(40_000),
                    _ => whole.len().saturating_sub(40_000)..whole.len(),
                };
                let place = range.start + at(seed * 2) % range.len();
                image[place] ^= 1 << (at(seed * 2 + 1) % 8);
                mend_checksum(&mut image);
            }
            for path in ["/system/build.prop", "/system/big.txt", "/etc/build.prop"] {
                let theirs = read_by_another(&image, path);
                let ours = open(image.clone()).and_then(|f| f.read(path, LIMIT));
                if let (Some(theirs), Ok(ours)) = (theirs, ours) {
                    assert!(ours == theirs, "{name}, seed {seed}, {path}");
                    num_same += 1;
                }
            }
        }
    }
    assert!(num_same > 25 * NUM_SEEDS, "{num_same}");
}
