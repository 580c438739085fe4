//! Images whose folders and files would never end, because they name the same blocks again and
//! again. Each is refused quickly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ota_view::error_kind::ErrorKind;
use ota_view::fs;

use super::support::fixture;

const BUILD_PROP: &str = "/system/build.prop";
/// Time limit for refusing an image, in a build without optimization that runs in parallel with
/// other tests.
const MAX_TIME: Duration = Duration::from_secs(30);

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

fn u32_at(image: &[u8], at: usize) -> usize {
    let bytes = image[at..].first_chunk().unwrap();
    usize::try_from(u32::from_le_bytes(*bytes)).unwrap()
}

/// Reads the properties, which has to fail quickly with this kind and message.
fn is_refused(what: &str, image: Vec<u8>, kind: ErrorKind, words: &str) {
    let began = Instant::now();
    let read = fs::open(Arc::new(image)).and_then(|files| files.read(BUILD_PROP, 1 << 20));
    let error = read.unwrap_err();
    assert_eq!(error.kind(), kind, "{what}: {error}");
    assert!(error.to_string().contains(words), "{what}: {error}");
    assert!(began.elapsed() < MAX_TIME, "{what}: {:?}", began.elapsed());
}

/// An ext image whose last blocks can be overwritten.
struct Ext {
    image: Vec<u8>,
    block_size: usize,
}

impl Ext {
    fn new(name: &str) -> Ext {
        let image = fixture(name);
        Ext {
            block_size: 1024 << u32_at(&image, 1024 + 0x18),
            image,
        }
    }

    /// Returns the offset of an inode.
    fn inode(&self, number: usize) -> usize {
        let per_group = u32_at(&self.image, 1024 + 0x28);
        let inode_len = u32_at(&self.image, 1024 + 0x58) & 0xffff;
        let (group, index) = ((number - 1) / per_group, (number - 1) % per_group);
        let descriptors = if self.block_size == 1024 { 2 } else { 1 } * self.block_size;
        u32_at(&self.image, descriptors + group * 32 + 8) * self.block_size + index * inode_len
    }

    /// Returns the offset of the inode of a name.
    fn inode_of(&self, name: &[u8]) -> usize {
        let len = u8::try_from(name.len()).unwrap();
        let pattern = [&[len, 1], name].concat();
        let found = self
            .image
            .windows(pattern.len())
            .position(|at| at == pattern);
        self.inode(u32_at(&self.image, found.unwrap() - 6))
    }

    /// Returns the number of a block that can be overwritten, counted from the end.
    fn spare(&self, index: usize) -> u32 {
        u32::try_from(self.image.len() / self.block_size - 1 - index).unwrap()
    }

    fn put_block(&mut self, block: u32, bytes: &[u8]) {
        let at = usize::try_from(block).unwrap() * self.block_size;
        let mut whole = vec![0; self.block_size];
        put(&mut whole, 0, bytes);
        put(&mut self.image, at, &whole);
    }

    /// Creates a block of a folder with a single empty entry.
    fn empty_entries(&self) -> Vec<u8> {
        let rec_len = u16::try_from(self.block_size).unwrap();
        [&[0; 4][..], &rec_len.to_le_bytes(), &[0, 0]].concat()
    }

    /// Gives an inode a tree of extents whose nodes name the node below as often as they can, down
    /// to a leaf with these extents: first block in the file, length, block.
    fn put_tree(&mut self, inode: usize, depth: u16, leaf: &[(u32, u16, u32)]) {
        let header = |num: u16, depth: u16| {
            let fields = [0xf30a, num, num, depth, 0, 0];
            fields.map(u16::to_le_bytes).concat()
        };
        let num_leaf = u16::try_from(leaf.len()).unwrap();
        let mut node = header(num_leaf, 0);
        for (logical, len, block) in leaf {
            node.extend(logical.to_le_bytes());
            node.extend(len.to_le_bytes());
            node.extend([0; 2]);
            node.extend(block.to_le_bytes());
        }
        for level in 1..=depth {
            let below = self.spare(8 + usize::from(level));
            self.put_block(below, &node);
            let room = if level == depth {
                4
            } else {
                self.block_size / 12 - 1
            };
            node = header(u16::try_from(room).unwrap(), level);
            for number in 0..room {
                node.extend(u32::try_from(number).unwrap().to_le_bytes());
                node.extend(below.to_le_bytes());
                node.extend([0; 4]);
            }
        }
        put(&mut self.image, inode + 0x28, &node);
    }
}

#[test]
fn folder_whose_block_map_repeats_itself_is_refused() {
    for name in ["ext2-flat", "ext3-flat"] {
        let mut ext = Ext::new(name);
        let blocks: [u32; 4] = std::array::from_fn(|index| ext.spare(index));
        let [entries, once, twice, thrice] = blocks;
        ext.put_block(entries, &ext.empty_entries());
        for pair in [entries, once, twice, thrice].windows(2) {
            let names = pair[0].to_le_bytes().repeat(ext.block_size / 4);
            ext.put_block(pair[1], &names);
        }
        let root = ext.inode(2);
        put(&mut ext.image, root + 4, &0xffff_0000u32.to_le_bytes());
        let direct = [entries; 11].map(u32::to_le_bytes).concat();
        put(&mut ext.image, root + 0x2c, &direct);
        let indirect = [once, twice, thrice].map(u32::to_le_bytes).concat();
        put(&mut ext.image, root + 0x58, &indirect);
        is_refused(
            name,
            ext.image,
            ErrorKind::Limit,
            "more than 256 MiB of folders",
        );
    }
}

#[test]
fn extents_that_repeat_themselves_are_refused() {
    type Place = fn(&Ext) -> usize;
    let places: [(&str, Place); 2] = [
        ("root", |ext| ext.inode(2)),
        ("file", |ext| ext.inode_of(b"build.prop")),
    ];
    for (what, place) in places {
        // Empty extents, so that the library would never reach a block.
        let leaf: Vec<_> = (0..84).map(|_| (0, 0, 100)).collect();
        for depth in [0, 1, 2, 5] {
            let mut ext = Ext::new("ext4-android");
            let leaf = if depth == 0 { &leaf[..4] } else { &leaf };
            ext.put_tree(place(&ext), depth, leaf);
            is_refused(what, ext.image, ErrorKind::Corrupt, "extents");
        }
        // A valid leaf, named more than once.
        let mut ext = Ext::new("ext4-android");
        ext.put_tree(place(&ext), 2, &[(0, 1, 100)]);
        is_refused(what, ext.image, ErrorKind::Corrupt, "extents");
    }
}

#[test]
fn folder_is_searched_a_bounded_number_of_times() {
    // Sixteen MiB of the same block of entries, in valid extents, and a link that leads through it
    // a thousand times.
    let mut ext = Ext::new("ext4-android");
    let entries = ext.spare(0);
    ext.put_block(entries, &ext.empty_entries());
    let folder = ext.inode(2);
    let first = u32_at(&ext.image, folder + 0x28 + 20);
    let mut leaf: Vec<(u32, u16, u32)> = vec![(0, 1, u32::try_from(first).unwrap())];
    leaf.extend((1..300).map(|logical| (logical, 1, entries)));
    ext.put_tree(folder, 1, &leaf);
    // Naming the leaf once is valid.
    put(&mut ext.image, folder + 0x28 + 2, &1u16.to_le_bytes());
    put(&mut ext.image, folder + 4, &(300u32 << 12).to_le_bytes());
    let source = Arc::new(ext.image);
    let files = fs::open(source).unwrap();
    assert!(files.read(BUILD_PROP, 1 << 20).is_ok());
    let path = format!("/system{}", "/../system".repeat(400));
    let began = Instant::now();
    let error = files.read(&path, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(began.elapsed() < MAX_TIME, "{:?}", began.elapsed());
}

#[test]
fn image_whose_journal_is_to_be_replayed_is_not_read() {
    let mut ext = Ext::new("ext3-flat");
    ext.image[1024 + 0x60] |= 4;
    is_refused("journal", ext.image, ErrorKind::Unsupported, "journal");
}

/// Creates EROFS with a root folder of this many chunks, all of them the same block of names.
fn erofs_of_chunks(num_chunks: usize) -> Vec<u8> {
    const BLOCK: usize = 4096;
    let mut root = Vec::new();
    // An extended inode in chunks: format, no attributes, a folder, its length.
    for field in [1 | 4 << 1, 0, 0o040_755, 0u16] {
        root.extend(field.to_le_bytes());
    }
    root.extend(u64::try_from(num_chunks * BLOCK).unwrap().to_le_bytes());
    root.resize(64, 0);
    let table = BLOCK + root.len() + 4 * num_chunks;
    let names = table.next_multiple_of(BLOCK);
    let block = u32::try_from(names / BLOCK).unwrap();
    root.extend(block.to_le_bytes().repeat(num_chunks));
    let mut image = vec![0; BLOCK];
    put(&mut image, 1024, &[0xe2, 0xe1, 0xf5, 0xe0]);
    image[1024 + 12] = 12;
    image[1024 + 40] = 1;
    image.extend(root);
    image.resize(names, 0);
    let entries = 200usize;
    for number in 0..entries {
        image.extend(7u64.to_le_bytes());
        let name = u16::try_from(entries * 12 + number * 3).unwrap();
        image.extend(name.to_le_bytes());
        image.extend([1, 0]);
    }
    for number in 0..entries {
        image.extend(format!("{number:03}").bytes());
    }
    image.resize(names + BLOCK, 0);
    image
}

#[test]
fn folder_of_erofs_is_searched_a_bounded_number_of_times() {
    let files = fs::open(Arc::new(erofs_of_chunks(100))).unwrap();
    let error = files.read(BUILD_PROP, 1 << 20).unwrap_err();
    assert!(error.is_absence(), "{error}");

    let files = fs::open(Arc::new(erofs_of_chunks(16_000))).unwrap();
    let began = Instant::now();
    let mut searches = (0..100).map(|_| files.read(BUILD_PROP, 1 << 20).unwrap_err());
    let refused = searches.find(|error| !error.is_absence()).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Limit, "{refused}");
    assert!(began.elapsed() < MAX_TIME, "{:?}", began.elapsed());
}
