//! EROFS, in every form that `mkfs.erofs` writes for one device.
//!
//! In: a partition. Out: files, folders and links. Read: flat, inline and chunked
//! files; compressed ones by full, compact and encoded indexes, with big physical
//! clusters, inline tails, fragments and deduplication; 48-bit addresses and the
//! metadata box. Not read: images that spread over several devices.
//! Source: Linux `fs/erofs/erofs_fs.h`, 6.17, and the layouts that erofs-utils
//! 1.9 writes.

#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing
    )
)]

mod decode;
mod index;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

use super::{
    Entry, EntryType, Error, FileSystem, Kind, MAX_ENTRIES, MAX_PATH_LEN, SUPERBLOCK_OFFSET,
    Watched, Way, crc32c,
};
use crate::io::{ReadAt, ReadError, len_of};

/// `EROFS_SUPER_MAGIC_V1`, little-endian.
pub(super) const MAGIC: [u8; 4] = [0xe2, 0xe1, 0xf5, 0xe0];
/// `sizeof(struct erofs_super_block)`, without extension slots.
const SUPERBLOCK_LEN: usize = 128;
const FEATURE_COMPAT_CHECKSUM: u32 = 1;
const FEATURE_LZ4_0PADDING: u32 = 1;
const FEATURE_DEVICE_TABLE: u32 = 8;
const FEATURE_48BIT: u32 = 0x80;
const FEATURE_METABOX: u32 = 0x100;
/// All incompatible features that are read.
const FEATURES_KNOWN: u32 = 0x1ff;
/// The bit of a node's number that puts it into the metadata box.
const NID_IN_METABOX: u64 = 1 << 63;
/// Bytes for each step of a node's number.
const NID_UNIT: u64 = 32;
/// `sizeof(struct erofs_inode_compact)` and `_extended`.
const COMPACT_LEN: usize = 32;
const EXTENDED_LEN: usize = 64;
/// `sizeof(struct erofs_dirent)`.
const DIRENT_LEN: usize = 12;
/// How much of a file is written at a time, in bytes.
const STEP: usize = 64 << 10;
/// Decoded extents that are kept, of files that many others lie in.
const NUM_CACHED: usize = 4;
/// Least that is counted for going through a block of a folder, in bytes: its index has to be
/// found.
const MIN_SEARCHED: u64 = 4096;
/// Largest folder, in bytes: a million entries of the usual length.
const MAX_FOLDER_SIZE: u64 = 64 << 20;
/// Longest name, in bytes (`EROFS_NAME_LEN`).
const MAX_NAME_LEN: usize = 255;

/// An EROFS file system.
pub(super) struct Erofs {
    source: Watched,
    superblock: Superblock,
    cache: RefCell<Vec<Cached>>,
    /// The compressed extents found last, with their nodes.
    extents: RefCell<Vec<(u64, Extent)>>,
}

struct Superblock {
    block_bits: u8,
    features: u32,
    root_nid: u64,
    meta_offset: u64,
    packed_nid: u64,
    metabox_nid: Option<u64>,
}

/// What an extent of a file decodes to.
#[derive(Clone)]
struct Cached {
    nid: u64,
    start: u64,
    bytes: Rc<Vec<u8>>,
}

/// A node: a file, folder or link.
#[derive(Clone, Copy, Debug)]
struct Inode {
    nid: u64,
    entry_type: EntryType,
    size: u64,
    data: Data,
    /// Where its metadata ends: inline data or indexes follow.
    end: u64,
}

/// How a node's data is laid out.
#[derive(Clone, Copy, Debug)]
enum Data {
    /// Blocks in a row.
    Plain { block: u64 },
    /// The same, but for the last part, which follows the node.
    Inline { block: u64 },
    /// All zeros.
    Hole,
    /// Chunks of `1 << bits` bytes by a table.
    Chunked {
        bits: u32,
        has_indexes: bool,
        is_wide: bool,
    },
    /// Compressed, by indexes of eight bytes, or by packed ones.
    Compressed { is_compact: bool },
}

/// A run of a node's bytes: where they are.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u64,
    end: u64,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Nowhere: zeros.
    Hole,
    /// As they are.
    Raw { offset: u64, in_metadata: bool },
    /// As they are, but rotated inside their block.
    Interlaced { offset: u64, len: u64 },
    /// Compressed.
    Encoded {
        offset: u64,
        len: u64,
        algorithm: u8,
        in_metadata: bool,
    },
    /// In the packed file, from this byte on.
    Fragment { offset: u64 },
}

fn corrupt(fault: impl Into<String>) -> Error {
    Error::Corrupt {
        kind: Kind::Erofs,
        fault: fault.into(),
    }
}

fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::Unsupported {
        what: format!("EROFS with {what}"),
    }
}

impl Erofs {
    /// Reads the superblock.
    pub(super) fn open(source: Arc<dyn ReadAt>) -> Result<Erofs, Error> {
        let source = Watched::new(source);
        let superblock = source.run(Kind::Erofs, "superblock", || read_superblock(&source))?;
        Ok(Erofs {
            source,
            superblock,
            cache: RefCell::default(),
            extents: RefCell::default(),
        })
    }

    fn block_size(&self) -> u64 {
        1 << self.superblock.block_bits
    }

    /// Counts bytes of folders or indexes that are gone through.
    fn spend(&self, num_bytes: u64) -> Result<(), Error> {
        self.source.spend(Kind::Erofs, num_bytes)
    }

    /// Reads bytes of the image.
    fn read_image(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let result = self.source.read(offset, buf);
        result.map_err(|source| Error::Read {
            kind: Kind::Erofs,
            place: format!("byte {offset:#x}"),
            source,
        })
    }

    /// Reads metadata that belongs to a node: of the image, or of the box.
    fn read_metadata(&self, nid: u64, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        if nid & NID_IN_METABOX == 0 {
            return self.read_image(offset, buf);
        }
        let metabox = self.superblock.metabox_nid;
        let metabox =
            metabox.ok_or_else(|| corrupt("a node in a metadata box that is not there"))?;
        let inode = self.inode(metabox)?;
        self.read_inode(&inode, offset, buf, Depth::Special)
    }

    fn inode(&self, nid: u64) -> Result<Inode, Error> {
        let base = match nid & NID_IN_METABOX {
            0 => self.superblock.meta_offset,
            _ => 0,
        };
        let offset = (nid & !NID_IN_METABOX)
            .checked_mul(NID_UNIT)
            .and_then(|offset| base.checked_add(offset))
            .ok_or_else(|| corrupt(format!("node {nid} beyond every image")))?;
        let mut raw = [0; EXTENDED_LEN];
        let (compact, rest) = raw.split_at_mut(COMPACT_LEN);
        self.read_metadata(nid, offset, compact)?;
        let is_extended = compact.first().is_some_and(|byte| byte & 1 == 1);
        if is_extended {
            self.read_metadata(nid, offset.saturating_add(len_of(compact)), rest)?;
        }
        self.parse_inode(nid, offset, &raw, is_extended)
    }

    fn parse_inode(
        &self,
        nid: u64,
        offset: u64,
        raw: &[u8; EXTENDED_LEN],
        is_extended: bool,
    ) -> Result<Inode, Error> {
        let bad = |fault| corrupt(format!("node {nid} at byte {offset:#x} {fault}"));
        let i_format = u16_at(raw, 0);
        if i_format & !0x1f != 0 {
            return Err(unsupported(format!("nodes of format {i_format:#06x}")));
        }
        let i_xattr_icount = u16_at(raw, 2);
        let entry_type = match u16_at(raw, 4) >> 12 {
            0o10 => EntryType::File,
            0o04 => EntryType::Folder,
            0o12 => EntryType::Link,
            0o01 | 0o02 | 0o06 | 0o14 => EntryType::Special,
            _ => return Err(bad("is of no known type")),
        };
        let size = match is_extended {
            true => u64_at(raw, 8),
            false => u32_at(raw, 8).into(),
        };
        // The upper bits of an address stand where old images have something else.
        let is_wide = match is_extended {
            true => self.superblock.features & FEATURE_48BIT != 0,
            false => i_format & 0x10 != 0 && entry_type != EntryType::Folder,
        };
        let i_u = u32_at(raw, 16);
        let (high, null) = match is_wide {
            true => (u64::from(u16_at(raw, 6)), (1 << 48) - 1),
            false => (0, u64::from(u32::MAX)),
        };
        let block = high << 32 | u64::from(i_u);
        let data = match i_format >> 1 & 7 {
            0 if block == null => Data::Hole,
            0 => Data::Plain { block },
            1 => Data::Compressed { is_compact: false },
            2 => Data::Inline { block },
            3 => Data::Compressed { is_compact: true },
            4 => {
                if i_u & 0xff80 != 0 {
                    return Err(unsupported(format!("chunks of format {i_u:#06x}")));
                }
                Data::Chunked {
                    bits: u32::from(self.superblock.block_bits).saturating_add(i_u & 0x1f),
                    has_indexes: i_u & 0x20 != 0,
                    is_wide: i_u & 0x40 != 0,
                }
            }
            _ => return Err(unsupported("a layout of data that is not known")),
        };
        let xattr_len = match i_xattr_icount {
            0 => 0,
            count => 8u64.saturating_add(u64::from(count).saturating_mul(4)),
        };
        let len = match is_extended {
            true => EXTENDED_LEN,
            false => COMPACT_LEN,
        };
        let end = offset
            .checked_add(u64::try_from(len).unwrap_or(0))
            .and_then(|end| end.checked_add(xattr_len))
            .ok_or_else(|| bad("ends beyond every image"))?;
        Ok(Inode {
            nid,
            entry_type,
            size,
            data,
            end,
        })
    }

    /// Finds the extent over a byte of a node's data; `offset` is before its end.
    fn extent(&self, inode: &Inode, offset: u64) -> Result<Extent, Error> {
        let block_size = self.block_size();
        let bad = || corrupt(format!("node {} has data beyond every image", inode.nid));
        let raw = |start: u64, end: u64, offset: Option<u64>| {
            Ok(Extent {
                start,
                end,
                place: Place::Raw {
                    offset: offset.ok_or_else(bad)?,
                    in_metadata: false,
                },
            })
        };
        match inode.data {
            Data::Hole => Ok(Extent {
                start: 0,
                end: inode.size,
                place: Place::Hole,
            }),
            Data::Plain { block } => raw(0, inode.size, block.checked_mul(block_size)),
            Data::Inline { block } => {
                let tail = inode.size.saturating_sub(1) & !(block_size.saturating_sub(1));
                if offset < tail {
                    return raw(0, tail, block.checked_mul(block_size));
                }
                let len = inode.size.saturating_sub(tail);
                let within = inode.end & block_size.saturating_sub(1);
                if within.saturating_add(len) > block_size {
                    return Err(corrupt(format!(
                        "node {} has inline data across a block at byte {:#x}",
                        inode.nid, inode.end
                    )));
                }
                Ok(Extent {
                    start: tail,
                    end: inode.size,
                    place: Place::Raw {
                        offset: inode.end,
                        in_metadata: true,
                    },
                })
            }
            Data::Chunked {
                bits,
                has_indexes,
                is_wide,
            } => {
                let number = offset >> bits;
                let start = number << bits;
                let end = start.saturating_add(1 << bits).min(inode.size);
                let unit: u64 = if has_indexes { 8 } else { 4 };
                let entry = inode
                    .end
                    .next_multiple_of(unit)
                    .saturating_add(number.saturating_mul(unit));
                let mut bytes = [0; 8];
                let (bytes, _) = bytes.split_at_mut(if has_indexes { 8 } else { 4 });
                self.read_metadata(inode.nid, entry, bytes)?;
                let (address, null) = match has_indexes {
                    false => (u64::from(u32_at(bytes, 0)), u64::from(u32::MAX)),
                    true if is_wide => (
                        u64::from(u16_at(bytes, 0)) << 32 | u64::from(u32_at(bytes, 4)),
                        (1 << 48) - 1,
                    ),
                    true => (u64::from(u32_at(bytes, 4)), u64::from(u32::MAX)),
                };
                if address == null {
                    return Ok(Extent {
                        start,
                        end,
                        place: Place::Hole,
                    });
                }
                if has_indexes && u16_at(bytes, 2) != 0 {
                    return Err(unsupported("data on another device"));
                }
                raw(start, end, address.checked_mul(block_size))
            }
            Data::Compressed { is_compact } => {
                let is_it = |(nid, extent): &&(u64, Extent)| {
                    *nid == inode.nid && (extent.start..extent.end).contains(&offset)
                };
                if let Some((_, extent)) = self.extents.borrow().iter().find(is_it) {
                    return Ok(*extent);
                }
                let extent = index::find(self, inode, is_compact, offset)?;
                let mut extents = self.extents.borrow_mut();
                if extents.len() >= NUM_CACHED {
                    extents.remove(0);
                }
                extents.push((inode.nid, extent));
                Ok(extent)
            }
        }
    }

    /// Fills `buf` with a node's data from `offset` on.
    fn read_inode(
        &self,
        inode: &Inode,
        offset: u64,
        buf: &mut [u8],
        depth: Depth,
    ) -> Result<(), Error> {
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            if at >= inode.size {
                return Err(corrupt(format!(
                    "byte {at:#x} wanted of node {}, which has {:#x}",
                    inode.nid, inode.size
                )));
            }
            let extent = self.extent(inode, at)?;
            if !(extent.start..extent.end).contains(&at) {
                return Err(corrupt(format!("node {} has unordered extents", inode.nid)));
            }
            let left = usize::try_from(extent.end.saturating_sub(at)).unwrap_or(usize::MAX);
            let (part, after) = rest.split_at_mut(left.min(rest.len()));
            self.read_extent(inode, &extent, at.saturating_sub(extent.start), part, depth)?;
            at = at.saturating_add(len_of(part));
            rest = after;
        }
        Ok(())
    }

    /// Fills `buf` with an extent's data from `skipped` on.
    fn read_extent(
        &self,
        inode: &Inode,
        extent: &Extent,
        skipped: u64,
        buf: &mut [u8],
        depth: Depth,
    ) -> Result<(), Error> {
        match extent.place {
            Place::Hole => {
                buf.fill(0);
                Ok(())
            }
            Place::Raw {
                offset,
                in_metadata,
            } => {
                let offset = offset.saturating_add(skipped);
                match in_metadata {
                    true => self.read_metadata(inode.nid, offset, buf),
                    false => self.read_image(offset, buf),
                }
            }
            Place::Fragment { offset } => {
                let packed_nid = self.superblock.packed_nid;
                let is_special = depth == Depth::Special && inode.nid == packed_nid;
                if is_special || packed_nid & NID_IN_METABOX != 0 {
                    return Err(corrupt("the packed file is a fragment of itself"));
                }
                let packed = self.inode(packed_nid)?;
                if packed.nid == inode.nid {
                    return Err(corrupt("the packed file is a fragment of itself"));
                }
                let offset = offset.saturating_add(skipped);
                self.read_inode(&packed, offset, buf, Depth::Special)
            }
            Place::Interlaced { .. } | Place::Encoded { .. } => {
                let decoded = self.decoded(inode, extent, depth)?;
                let start = usize::try_from(skipped).unwrap_or(usize::MAX);
                let bytes = decoded
                    .get(start..)
                    .and_then(|bytes| bytes.get(..buf.len()));
                buf.copy_from_slice(bytes.expect("an extent decodes to its whole length"));
                Ok(())
            }
        }
    }

    /// An extent's data, decoded before or now.
    fn decoded(&self, inode: &Inode, extent: &Extent, depth: Depth) -> Result<Rc<Vec<u8>>, Error> {
        let is_it = |cached: &Cached| cached.nid == inode.nid && cached.start == extent.start;
        if let Some(cached) = self.cache.borrow().iter().find(|cached| is_it(cached)) {
            return Ok(Rc::clone(&cached.bytes));
        }
        // Each small file may lie in another large extent.
        if depth == Depth::Special {
            self.spend(extent.end.saturating_sub(extent.start))?;
        }
        let bytes = Rc::new(decode::decode(self, inode, extent)?);
        let mut cache = self.cache.borrow_mut();
        if cache.len() >= NUM_CACHED {
            cache.remove(0);
        }
        cache.push(Cached {
            nid: inode.nid,
            start: extent.start,
            bytes: Rc::clone(&bytes),
        });
        Ok(bytes)
    }

    /// Calls `visit` for each entry of a folder, until it answers `false`.
    fn for_each_entry(&self, folder: &Inode, visit: &mut Visit<'_>) -> Result<(), Error> {
        if folder.size > MAX_FOLDER_SIZE {
            return Err(Error::TooLarge {
                path: format!("folder of node {}", folder.nid),
                size: folder.size,
                limit: MAX_FOLDER_SIZE,
            });
        }
        let block_size = self.block_size();
        let mut offset = 0;
        while offset < folder.size {
            let len = folder.size.saturating_sub(offset).min(block_size);
            self.spend(len.max(MIN_SEARCHED))?;
            let mut block = vec![0; usize::try_from(len).unwrap_or(0)];
            self.read_inode(folder, offset, &mut block, Depth::Normal)?;
            for (name, nid) in parse_dirents(&block, folder.nid, offset)? {
                if !matches!(name, b"." | b"..") && !visit(name, nid)? {
                    return Ok(());
                }
            }
            offset = offset.saturating_add(len);
        }
        Ok(())
    }

    /// The node of this name in a folder.
    fn find(&self, folder: &Inode, name: &str) -> Result<Option<Inode>, Error> {
        let mut found = None;
        self.for_each_entry(folder, &mut |entry, nid| {
            if entry == name.as_bytes() {
                found = Some(nid);
            }
            Ok(found.is_none())
        })?;
        found.map(|nid| self.inode(nid)).transpose()
    }

    /// Finds what a path names, following links.
    fn resolve(&self, path: &str) -> Result<Inode, Error> {
        let root = self.inode(self.superblock.root_nid)?;
        let mut at = vec![root];
        let mut way = Way::new(path);
        while let Some(name) = way.next()? {
            let folder = *at.last().expect("the root stays");
            if folder.entry_type != EntryType::Folder {
                return Err(Error::WrongType {
                    path: path.to_owned(),
                    expected: "folder",
                });
            }
            if name == ".." {
                if at.len() > 1 {
                    at.pop();
                }
                continue;
            }
            let inode = self.find(&folder, &name)?.ok_or_else(|| Error::NotFound {
                path: path.to_owned(),
            })?;
            if inode.entry_type != EntryType::Link {
                at.push(inode);
                continue;
            }
            let target = self.link_target(&inode)?;
            if target.starts_with('/') {
                at.truncate(1);
            }
            way.follow(&target)?;
        }
        Ok(*at.last().expect("the root stays"))
    }

    fn link_target(&self, inode: &Inode) -> Result<String, Error> {
        let len = usize::try_from(inode.size).unwrap_or(usize::MAX);
        if len > MAX_PATH_LEN {
            return Err(corrupt(format!(
                "node {} is a symbolic link of {len} bytes",
                inode.nid
            )));
        }
        let mut target = vec![0; len];
        self.read_inode(inode, 0, &mut target, Depth::Normal)?;
        Ok(String::from_utf8_lossy(&target).into_owned())
    }
}

/// What is done with a name and its node; `false` ends the walk.
type Visit<'a> = dyn FnMut(&[u8], u64) -> Result<bool, Error> + 'a;

/// Whose data is being read: that of the packed file and of the metadata box may
/// lie in neither.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Normal,
    Special,
}

impl FileSystem for Erofs {
    fn kind(&self) -> Kind {
        Kind::Erofs
    }

    fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<(), Error> {
        self.source.run(Kind::Erofs, path, || {
            let inode = self.resolve(path)?;
            if inode.entry_type != EntryType::File {
                return Err(Error::WrongType {
                    path: path.to_owned(),
                    expected: "file",
                });
            }
            if inode.size > limit {
                return Err(Error::TooLarge {
                    path: path.to_owned(),
                    size: inode.size,
                    limit,
                });
            }
            let mut offset = 0;
            let mut buffer = vec![0; STEP];
            while offset < inode.size {
                let left = usize::try_from(inode.size.saturating_sub(offset)).unwrap_or(usize::MAX);
                let (part, _) = buffer.split_at_mut(left.min(STEP));
                self.read_inode(&inode, offset, part, Depth::Normal)?;
                out.write_all(part).map_err(Error::Write)?;
                offset = offset.saturating_add(len_of(part));
            }
            Ok(())
        })
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Error> {
        self.source.run(Kind::Erofs, path, || {
            let folder = self.resolve(path)?;
            if folder.entry_type != EntryType::Folder {
                return Err(Error::WrongType {
                    path: path.to_owned(),
                    expected: "folder",
                });
            }
            let mut entries = Vec::new();
            self.for_each_entry(&folder, &mut |name, nid| {
                if entries.len() >= MAX_ENTRIES {
                    return Err(too_many_entries(path));
                }
                let inode = self.inode(nid)?;
                let target = match inode.entry_type {
                    // One that leads nowhere readable spoils no listing.
                    EntryType::Link => self.link_target(&inode).ok(),
                    _ => None,
                };
                entries.push(Entry {
                    name: String::from_utf8_lossy(name).into_owned(),
                    entry_type: inode.entry_type,
                    size: inode.size,
                    target,
                });
                Ok(true)
            })?;
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
    }
}

fn too_many_entries(path: &str) -> Error {
    let limit = u64::try_from(MAX_ENTRIES).unwrap_or(u64::MAX);
    Error::TooLarge {
        path: path.to_owned(),
        size: limit.saturating_add(1),
        limit,
    }
}

/// The names and nodes in one block of a folder.
fn parse_dirents(block: &[u8], nid: u64, offset: u64) -> Result<Vec<(&[u8], u64)>, Error> {
    let bad = |index: usize| {
        corrupt(format!(
            "folder of node {nid}, entry {index} of the block at its byte {offset:#x}"
        ))
    };
    let name_offset = |index: usize| -> Option<usize> {
        let at = index.checked_mul(DIRENT_LEN)?.checked_add(8)?;
        Some(usize::from(u16::from_le_bytes(
            *block.get(at..)?.first_chunk()?,
        )))
    };
    let table_len = name_offset(0).ok_or_else(|| bad(0))?;
    if table_len == 0 || table_len % DIRENT_LEN != 0 || table_len >= block.len() {
        return Err(bad(0));
    }
    let num_entries = table_len / DIRENT_LEN;
    let mut entries = Vec::with_capacity(num_entries);
    for index in 0..num_entries {
        let start = name_offset(index).ok_or_else(|| bad(index))?;
        let is_last = index.saturating_add(1) == num_entries;
        let end = match is_last {
            true => block.len(),
            false => name_offset(index.saturating_add(1)).ok_or_else(|| bad(index))?,
        };
        let name = block.get(start..end).ok_or_else(|| bad(index))?;
        // Padding may follow the last name.
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        if start < table_len || name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(&b'/')
        {
            return Err(bad(index));
        }
        entries.push((name, u64_at(block, index.saturating_mul(DIRENT_LEN))));
    }
    Ok(entries)
}

fn read_superblock(source: &Watched) -> Result<Superblock, Error> {
    let read = |offset: u64, buf: &mut [u8]| {
        source.read(offset, buf).map_err(|source| Error::Read {
            kind: Kind::Erofs,
            place: "superblock".to_owned(),
            source,
        })
    };
    let mut raw = [0; SUPERBLOCK_LEN];
    read(SUPERBLOCK_OFFSET, &mut raw)?;
    let bad = |fault: String| corrupt(format!("superblock at byte 1024: {fault}"));
    if !raw.starts_with(&MAGIC) {
        return Err(bad("its magic is wrong".to_owned()));
    }
    let block_bits = u8_at(&raw, 12);
    if !(9..=16).contains(&block_bits) {
        return Err(bad(format!("blkszbits {block_bits}, expected 9 to 16")));
    }
    let checksum = u32_at(&raw, 4);
    if u32_at(&raw, 8) & FEATURE_COMPAT_CHECKSUM != 0 {
        // From the superblock to the end of its block, its own field as zero.
        let block_size = 1u64 << block_bits;
        let len = match block_size > SUPERBLOCK_OFFSET {
            true => block_size.saturating_sub(SUPERBLOCK_OFFSET),
            false => block_size,
        };
        let mut block = vec![0; usize::try_from(len).expect("at most 64 KiB")];
        read(SUPERBLOCK_OFFSET, &mut block)?;
        if let Some(field) = block.get_mut(4..8) {
            field.fill(0);
        }
        let found = crc32c(&block);
        if found != checksum {
            return Err(bad(format!(
                "its checksum is {found:#010x}, but it says {checksum:#010x}"
            )));
        }
    }
    // With wide numbers there may be more.
    let end = u64::from(u32_at(&raw, 36)) << block_bits;
    let size = source.source.size();
    if end > size {
        return Err(Error::Read {
            kind: Kind::Erofs,
            place: "superblock".to_owned(),
            source: ReadError::OutOfBounds {
                offset: size,
                end,
                size,
            },
        });
    }
    let features = u32_at(&raw, 80);
    if features & !FEATURES_KNOWN != 0 {
        return Err(unsupported(format!("features {features:#x}")));
    }
    if u8_at(&raw, 90) != 0 {
        return Err(unsupported("folders in blocks of their own size"));
    }
    if features & FEATURE_DEVICE_TABLE != 0 && u16_at(&raw, 86) != 0 {
        return Err(unsupported("more than one device"));
    }
    // Where the wide field is unused, the narrow one holds the root as of old.
    let root_nid = match u64_at(&raw, 112) {
        wide if features & FEATURE_48BIT != 0 && wide != 0 => wide,
        _ => u16_at(&raw, 14).into(),
    };
    let metabox_nid = match features & FEATURE_METABOX {
        0 => None,
        _ if u8_at(&raw, 13) == 0 => {
            return Err(bad("it has no room for the metadata box".to_owned()));
        }
        _ => {
            let mut nid = [0; 8];
            read(SUPERBLOCK_OFFSET.saturating_add(len_of(&raw)), &mut nid)?;
            Some(u64::from_le_bytes(nid)).filter(|nid| nid & NID_IN_METABOX == 0)
        }
    };
    Ok(Superblock {
        block_bits,
        features,
        root_nid,
        meta_offset: u64::from(u32_at(&raw, 40)) << block_bits,
        packed_nid: u64_at(&raw, 96),
        metabox_nid,
    })
}

/// Callers pass structures whose length they have made sure of.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
    *field.expect("the structure is longer than its fields")
}

fn u8_at(bytes: &[u8], at: usize) -> u8 {
    u8::from_le_bytes(array_at(bytes, at))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of a folder: entries, then names, then padding.
    fn dirents(names: &[&str], padding: usize) -> Vec<u8> {
        let mut block = Vec::new();
        let mut name_offset = names.len() * DIRENT_LEN;
        for (number, name) in names.iter().enumerate() {
            block.extend((number as u64 + 7).to_le_bytes());
            block.extend((name_offset as u16).to_le_bytes());
            block.extend([1, 0]);
            name_offset += name.len();
        }
        block.extend(names.concat().bytes());
        block.resize(block.len() + padding, 0);
        block
    }

    #[test]
    fn a_block_of_a_folder_gives_its_names_and_nodes() {
        for padding in [0, 5] {
            let block = dirents(&[".", "..", "build.prop"], padding);
            let entries = parse_dirents(&block, 1, 0).unwrap();
            assert_eq!(
                entries,
                [(&b"."[..], 7), (&b".."[..], 8), (&b"build.prop"[..], 9)]
            );
        }
    }

    #[test]
    fn a_block_that_contradicts_itself_is_refused() {
        let good = dirents(&["a", "b"], 3);
        for (at, value) in [
            // The first name begins inside the table, or not after a whole entry.
            (8, 0),
            (8, 23),
            (8, 200),
            // The second begins before the first, or beyond the block.
            (20, 24),
            (20, 3),
            (20, 255),
            // Names that no path can have.
            (24, b'/'),
            (24, 0),
        ] {
            let mut block = good.clone();
            block[at] = value;
            let error = parse_dirents(&block, 1, 0).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{at} {value}");
        }
        for len in 0..24 {
            assert!(parse_dirents(&good[..len], 1, 0).is_err(), "{len}");
        }
    }
}
