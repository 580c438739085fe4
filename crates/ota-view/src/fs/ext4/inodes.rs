//! Inodes and folders of ext2, ext3 and ext4: checks that the library will terminate.
//!
//! In: a partition whose journal is clean. Out: inodes, the folders' entries, and whether the
//! extents of an inode are in order. Source: Linux `fs/ext4/extents.c`, `namei.c`, and
//! `Documentation/filesystems/ext4`.
//!
//! `ext4-view` 1.0.0 follows extents in any order, and visits an extent node as often as it is
//! listed, from its cache, so that no limit on reads would stop it. Checksums and everything else
//! are left to the library.

use std::ops::ControlFlow;

use super::block_map::BlockMap;
use super::fault::{Fault, read};
use crate::fs::{SUPERBLOCK_OFFSET, Watched};
use crate::little_endian::{u16_at, u32_at};

/// `s_feature_incompat`: numbers of blocks have 64 bits.
const INCOMPAT_64BIT: u32 = 0x80;
/// Largest descriptor of a block group, in bytes; 64 in practice.
const MAX_DESC_SIZE: u64 = 1024;
/// The root folder.
pub(super) const ROOT: u32 = 2;
/// `i_mode`: the type, a folder, a symbolic link.
const TYPE_MASK: u16 = 0xf000;
const TYPE_FOLDER: u16 = 0x4000;
const TYPE_LINK: u16 = 0xa000;
/// `i_flags`: encrypted, extents, contents in the inode.
const ENCRYPTED: u32 = 0x800;
const EXTENTS: u32 = 0x8_0000;
const INLINE_DATA: u32 = 0x1000_0000;
/// `eh_magic`, and the length of a header, an index and an extent.
const EXTENT_MAGIC: u16 = 0xf30a;
const EXTENT_LEN: usize = 12;
/// Deepest tree of extents (`EXT4_MAX_EXTENT_DEPTH`).
const MAX_DEPTH: u16 = 5;
/// Most nodes of one tree; with at least 84 extents each, enough for 80 MiB of single 1 KiB blocks.
const MAX_NODES: usize = 1024;
/// An extent longer than this is allocated but not written.
const MAX_WRITTEN: u16 = 0x8000;
/// Longest link target stored in the inode itself, in bytes.
const MAX_INLINE_TARGET: u64 = 59;

/// A callback for a block of a folder.
type VisitBlock<'a> = dyn FnMut(&[u8]) -> Result<ControlFlow<()>, Fault> + 'a;

/// Where the inodes of a file system are.
pub(super) struct Inodes<'a> {
    source: &'a Watched,
    block_size: u64,
    num_blocks: u64,
    inodes_per_group: u32,
    inode_size: u64,
    desc_size: u64,
    is_64bit: bool,
}

/// What an inode states about its contents.
#[derive(Clone, Copy)]
pub(super) struct Inode {
    number: u32,
    mode: u16,
    flags: u32,
    size: u64,
    /// `i_block`.
    block: [u8; 60],
}

/// A run of blocks of a file; `physical` is `None` where it is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    logical: u64,
    len: u64,
    physical: Option<u64>,
}

impl Inode {
    fn is_folder(&self) -> bool {
        self.mode & TYPE_MASK == TYPE_FOLDER
    }

    /// Returns the bytes of its entries; 0 if it is not a folder.
    pub(super) fn folder_size(&self) -> u64 {
        if self.is_folder() { self.size } else { 0 }
    }

    fn is_link(&self) -> bool {
        self.mode & TYPE_MASK == TYPE_LINK
    }

    /// Whether its contents are found by a block map.
    pub(super) fn has_block_map(&self) -> bool {
        self.flags & (ENCRYPTED | EXTENTS | INLINE_DATA) == 0
    }

    fn corrupt(&self, fault: &str) -> Fault {
        Fault::corrupt(format!("inode {} {fault}", self.number))
    }
}

impl<'a> Inodes<'a> {
    /// Reads the superblock, which the library has checked.
    ///
    /// # Errors
    /// Those of the partition.
    pub(super) fn open(source: &'a Watched) -> Result<Inodes<'a>, Fault> {
        let mut superblock = [0; 0x154];
        read(source, SUPERBLOCK_OFFSET, &mut superblock)?;
        let field = |at| u32_at(&superblock, at);
        let is_64bit = field(0x60) & INCOMPAT_64BIT != 0;
        let desc_size = match is_64bit {
            true => u64::from(field(0xfc) >> 16),
            false => 32,
        };
        let block_size = 1024u64.checked_shl(field(0x18)).unwrap_or(0);
        if block_size == 0 || !(32..=MAX_DESC_SIZE).contains(&desc_size) {
            return Err(Fault::corrupt("its inodes have no place".to_owned()));
        }
        Ok(Inodes {
            source,
            block_size,
            num_blocks: u64::from(field(4)) | u64::from(field(0x150)) << 32,
            inodes_per_group: field(0x28),
            inode_size: u64::from(field(0x58) & 0xffff),
            desc_size,
            is_64bit,
        })
    }

    /// Reads an inode.
    ///
    /// # Errors
    /// Those of the partition, or `Corrupt`.
    pub(super) fn inode(&self, number: u32) -> Result<Inode, Fault> {
        let corrupt = || Fault::corrupt(format!("inode {number} has no place"));
        let index = number.checked_sub(1).ok_or_else(corrupt)?;
        let group = index.checked_div(self.inodes_per_group);
        let in_group = index.checked_rem(self.inodes_per_group);
        let (group, in_group) = group.zip(in_group).ok_or_else(corrupt)?;
        // The descriptors follow the superblock, each wholly in one block.
        let first = if self.block_size == 1024 { 2 } else { 1 };
        let per_block = self.block_size / self.desc_size;
        let at = (first + u64::from(group) / per_block) * self.block_size
            + u64::from(group) % per_block * self.desc_size;
        let mut descriptor = [0; 0x2c];
        let is_wide = self.is_64bit && self.desc_size >= 64;
        let len = if is_wide { 0x2c } else { 0xc };
        read(self.source, at, &mut descriptor[..len])?;
        let inode_table =
            u64::from(u32_at(&descriptor, 8)) | u64::from(u32_at(&descriptor, 0x28)) << 32;
        let at = inode_table
            .checked_mul(self.block_size)
            .and_then(|at| at.checked_add(u64::from(in_group) * self.inode_size))
            .filter(|at| at.checked_add(128).is_some())
            .ok_or_else(corrupt)?;
        let mut raw = [0; 128];
        read(self.source, at, &mut raw)?;
        let mut block = [0; 60];
        block.copy_from_slice(&raw[0x28..0x64]);
        Ok(Inode {
            number,
            mode: u16_at(&raw, 0),
            flags: u32_at(&raw, 0x20),
            size: u64::from(u32_at(&raw, 4)) | u64::from(u32_at(&raw, 0x6c)) << 32,
            block,
        })
    }

    /// The block map of an inode that has one.
    ///
    /// # Errors
    /// `Corrupt` for blocks of an impossible size.
    pub(super) fn block_map(&self, inode: &Inode) -> Result<BlockMap<'a>, Fault> {
        let mut roots = [0; 15];
        for (root, bytes) in roots.iter_mut().zip(inode.block.chunks_exact(4)) {
            *root = u32_at(bytes, 0);
        }
        let block_size = usize::try_from(self.block_size);
        let block_size = block_size.map_err(|_| inode.corrupt("has blocks of no size"))?;
        Ok(BlockMap::new(
            self.source,
            block_size,
            self.num_blocks,
            roots,
        ))
    }

    /// Checks that the library will reach the end of an inode's extents: they are in order, and
    /// each node is listed once.
    ///
    /// # Errors
    /// Those of the partition, or `Corrupt`.
    pub(super) fn check(&self, inode: &Inode) -> Result<(), Fault> {
        match inode.flags & EXTENTS != 0 && !is_inline_link(inode) {
            true => self.extents(inode).map(drop),
            false => Ok(()),
        }
    }

    /// The extents of an inode, in order.
    fn extents(&self, inode: &Inode) -> Result<Vec<Extent>, Fault> {
        let mut extents: Vec<Extent> = Vec::new();
        let mut num_nodes = 0;
        // Nodes still to read, the next one last: their blocks, and the depth of the tree below.
        let mut left: Vec<(u64, u16)> = Vec::new();
        let mut node = inode.block.to_vec();
        let mut expected = u16_at(&node, 6);
        loop {
            let num_entries = usize::from(u16_at(&node, 2));
            let depth = u16_at(&node, 6);
            let entries = node.get(EXTENT_LEN..).unwrap_or_default();
            let is_sound = u16_at(&node, 0) == EXTENT_MAGIC
                && depth == expected
                && depth <= MAX_DEPTH
                && num_entries <= entries.len() / EXTENT_LEN;
            num_nodes += 1;
            if !is_sound || num_nodes + left.len() > MAX_NODES {
                return Err(inode.corrupt("has a bad node of extents"));
            }
            let entries = entries.chunks_exact(EXTENT_LEN).take(num_entries);
            match depth {
                0 => {
                    for entry in entries {
                        let end = extents.last().map_or(0, |last| last.logical + last.len);
                        let ee_len = u16_at(entry, 4);
                        let is_written = ee_len <= MAX_WRITTEN;
                        let len = if is_written {
                            ee_len
                        } else {
                            ee_len - MAX_WRITTEN
                        };
                        let physical =
                            u64::from(u16_at(entry, 6)) << 32 | u64::from(u32_at(entry, 8));
                        let extent = Extent {
                            logical: u32_at(entry, 0).into(),
                            len: len.into(),
                            physical: is_written.then_some(physical),
                        };
                        if extent.logical < end || len == 0 {
                            return Err(inode.corrupt("has extents out of order"));
                        }
                        extents.push(extent);
                    }
                }
                depth => {
                    let children = entries.map(|entry| {
                        let high = u64::from(u16_at(entry, 8)) << 32;
                        (high | u64::from(u32_at(entry, 4)), depth - 1)
                    });
                    left.extend(children.rev());
                }
            }
            let Some((block, depth)) = left.pop() else {
                return Ok(extents);
            };
            node = self.block(inode, block)?;
            expected = depth;
        }
    }

    fn block(&self, inode: &Inode, block: u64) -> Result<Vec<u8>, Fault> {
        let len = usize::try_from(self.block_size).unwrap_or(0);
        let at = block.checked_mul(self.block_size);
        let at = at.filter(|_| block < self.num_blocks);
        let at = at.ok_or_else(|| inode.corrupt("has blocks beyond the image"))?;
        let mut bytes = vec![0; len];
        read(self.source, at, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads an inode's contents block by block until `visit` stops it. A folder must have no blocks
    /// beyond its size, because the library would read them.
    fn for_each_block(&self, inode: &Inode, visit: &mut VisitBlock<'_>) -> Result<(), Fault> {
        let num_blocks = inode.size.div_ceil(self.block_size);
        if inode.flags & EXTENTS == 0 {
            let mut map = self.block_map(inode)?;
            for index in 0..num_blocks {
                let mut bytes = vec![0; usize::try_from(self.block_size).unwrap_or(0)];
                if let Some(block) = map.block(index)? {
                    map.read_block(block, &mut bytes)?;
                }
                if visit(&bytes)?.is_break() {
                    return Ok(());
                }
            }
            return Ok(());
        }
        for extent in self.extents(inode)? {
            if extent.logical + extent.len > num_blocks {
                return Err(inode.corrupt("has blocks behind its end"));
            }
            for index in 0..extent.len {
                let bytes = match extent.physical {
                    Some(physical) => self.block(inode, physical.saturating_add(index))?,
                    None => continue,
                };
                if visit(&bytes)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Calls `visit` with each name in a folder and its inode number.
    ///
    /// # Errors
    /// Those of the partition, or `Corrupt`.
    pub(super) fn for_each_entry(
        &self,
        folder: &Inode,
        visit: &mut dyn FnMut(&[u8], u32),
    ) -> Result<(), Fault> {
        if !folder.is_folder() || folder.flags & (ENCRYPTED | INLINE_DATA) != 0 {
            return Ok(());
        }
        self.for_each_block(folder, &mut |block| {
            let mut rest = block;
            while rest.len() >= 8 {
                let rec_len = usize::from(u16_at(rest, 4));
                let name_len = usize::from(rest.get(6).copied().unwrap_or(0));
                let entry = rest.split_at_checked(rec_len).filter(|_| rec_len >= 8);
                let (_, after) = entry.ok_or_else(|| folder.corrupt("has a bad entry"))?;
                let number = u32_at(rest, 0);
                if let Some(name) = rest.get(8..).and_then(|bytes| bytes.get(..name_len))
                    && number != 0
                {
                    visit(name, number);
                }
                rest = after;
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Finds the inode of a name in a folder.
    ///
    /// # Errors
    /// Those of the partition, or `Corrupt`, also if two inodes have the name, because the library
    /// could find either.
    pub(super) fn find(&self, folder: &Inode, name: &[u8]) -> Result<Option<Inode>, Fault> {
        let mut found = None;
        let mut is_ambiguous = false;
        self.for_each_entry(folder, &mut |entry, number| {
            if entry == name {
                is_ambiguous |= found.is_some_and(|found| found != number);
                found = Some(number);
            }
        })?;
        match is_ambiguous {
            true => Err(folder.corrupt("has two files of one name")),
            false => found.map(|number| self.inode(number)).transpose(),
        }
    }

    /// Reads the target of a symbolic link, at most `limit` bytes.
    ///
    /// # Errors
    /// Those of the partition, or `Corrupt`.
    pub(super) fn target(&self, link: &Inode, limit: usize) -> Result<Vec<u8>, Fault> {
        let len = usize::try_from(link.size).unwrap_or(usize::MAX);
        if len > limit || len == 0 {
            return Err(Fault::corrupt(format!("a symbolic link of {len} bytes")));
        }
        if is_inline_link(link) {
            return Ok(link.block[..len].to_vec());
        }
        let mut target = Vec::new();
        self.for_each_block(link, &mut |block| {
            target.extend_from_slice(block);
            Ok(match target.len() >= len {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        })?;
        target.truncate(len);
        Ok(target)
    }
}

fn is_inline_link(inode: &Inode) -> bool {
    inode.is_link() && inode.size <= MAX_INLINE_TARGET
}
