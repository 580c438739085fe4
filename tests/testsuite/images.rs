//! File systems made by the real tools, read file by file.
//!
//! The images and the listings of what is in them come from `cargo xtask fixtures`.

use std::collections::BTreeMap;
use std::sync::Arc;

use romfeed::class::Class;
use romfeed::fs::{self, EntryType, FileSystem, Kind};
use romfeed::image::sparse::Sparse;
use romfeed::io::{ReadAt, ReadError};
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

/// Everything in a file system, in the form of a `.tree` file.
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

/// What `ext4-view` 1.0.0 does not read as Linux does: blocks that were allocated
/// and never written, and a block map with a hole where an indirect block would
/// be. No image of a ROM has either under its `build.prop`.
const KNOWN_FAULTS: [(&str, &str); 2] = [
    ("ext4-modern", "/system/holes.bin"),
    ("ext2-flat", "/etc/far.bin"),
];

fn check_tree(name: &str, image: Vec<u8>, kind: Kind) {
    let file_system = open(image).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(file_system.kind(), kind, "{name}");
    let mut found = BTreeMap::new();
    walk(&*file_system, "/", &mut found);
    found.remove("/lost+found");
    let tree = match name {
        name if name.ends_with("-product") => "product.tree",
        name if name.ends_with("-flat") => "flat.tree",
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
            assert_ne!(found.get(path), Some(line), "mended: {name}: {path}");
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
        "ext2-flat",
        "ext3-flat",
    ] {
        check_tree(name, fixture(name), Kind::Ext4);
    }
}

#[test]
fn every_form_of_erofs_is_read_file_by_file() {
    for name in [
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
    ] {
        let name = format!("erofs-{name}");
        check_tree(&name, fixture(&name), Kind::Erofs);
    }
}

#[test]
fn sparse_images_are_what_they_stand_for() {
    let whole = fixture("ext4-android");
    for name in ["sparse", "sparse-1k"] {
        let sparse = Sparse::open(vec![Arc::new(fixture(name))]).unwrap();
        let mut image = vec![0xaa; usize::try_from(sparse.size()).unwrap()];
        sparse.read_exact_at(0, &mut image).unwrap();
        assert!(image == whole, "{name}");
        // In pieces that respect no chunk.
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
        assert_eq!(error.class(), Class::Corrupt, "{name}: {error}");
        let error = file_system.list("/system/build.prop").unwrap_err();
        assert!(
            matches!(error, fs::Error::WrongType { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_file_longer_than_its_use_allows_is_not_read() {
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
fn file_systems_that_are_not_read_are_named() {
    for (name, word) in [
        ("f2fs", "f2fs is not read"),
        ("squashfs", "squashfs is not read"),
        ("ext4-inline", "ext4 with"),
    ] {
        let error = open(fixture(name)).err().unwrap();
        assert_eq!(error.class(), Class::Unsupported, "{name}");
        assert!(error.to_string().contains(word), "{name}: {error}");
    }
    for image in [Vec::new(), vec![0; 100], vec![0; 100_000]] {
        let error = open(image).err().unwrap();
        assert!(matches!(error, fs::Error::Unknown), "{error}");
    }
}

/// A source that fails from some byte on, with a class of its own.
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
            return Err(ReadError::Exceeded(romfeed::io::Exceeded::Cancelled));
        }
        self.image.read_exact_at(offset, buf)
    }
}

#[test]
fn a_fault_below_keeps_its_class_through_the_libraries() {
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
                    assert_eq!(error.class(), Class::Limit, "{name} from {from}: {error}");
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
        assert_eq!(error.class(), Class::Corrupt, "{name}: {error}");
        assert!(error.to_string().contains("checksum"), "{name}: {error}");
    }
}

#[test]
fn only_a_little_of_an_image_is_read_for_its_properties() {
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
        assert!(read < 140_000, "{name}: {read} bytes");
    }
}
