//! Regular files of ext2 and ext3 by their block maps.
//!
//! In: a partition, and the number of an inode. Out: the file's contents.
//! Source: Linux `fs/ext4/indirect.c`, and `Documentation/filesystems/ext4`.
//!
//! `ext4-view` 1.0.0 reports damage where a block map has a hole in place of an indirect block,
//! so these files are read here. Files with extents, and those of a file system whose journal is
//! still to be replayed, are left to the library.

use std::io::Write;

use super::{Error, Fault, Kind, STEP, SUPERBLOCK_OFFSET, Watched};
use crate::io::ReadError;

/// `s_feature_incompat`: the journal is to be replayed first.
const INCOMPAT_RECOVER: u32 = 0x4;
/// `s_feature_incompat`: numbers of blocks have 64 bits.
const INCOMPAT_64BIT: u32 = 0x80;
/// `i_flags`: encrypted, extents, contents in the inode.
const FLAGS_OF_LIBRARY: u32 = 0x800 | 0x8_0000 | 0x1000_0000;
/// Entries of `i_block` that name blocks of the file; the last three lead to indirect blocks.
const NUM_DIRECT: usize = 12;
/// Largest descriptor of a block group, in bytes; 64 in practice.
const MAX_DESC_SIZE: u64 = 1024;

/// Where the blocks of a file are.
pub(super) struct BlockMap<'a> {
    source: &'a Watched,
    block_size: usize,
    num_blocks: u64,
    /// `i_block`.
    roots: [u32; 15],
    /// The indirect block read last on each level, with its number.
    cached: [(u32, Vec<u8>); 3],
}

impl<'a> BlockMap<'a> {
    /// Reads the block map of an inode; `None` if the library reads the file rightly.
    ///
    /// The library has opened the file, so superblock and inode are known to be sound.
    ///
    /// # Errors
    /// Those of the partition, or `Corrupt`.
    pub(super) fn read(source: &'a Watched, inode: u32) -> Result<Option<BlockMap<'a>>, Fault> {
        let u32_at = |offset: u64| -> Result<u32, Fault> {
            let mut field = [0; 4];
            read(source, offset, &mut field)?;
            Ok(u32::from_le_bytes(field))
        };
        let field = |offset: u64| u32_at(SUPERBLOCK_OFFSET + offset);
        let s_feature_incompat = field(0x60)?;
        if s_feature_incompat & INCOMPAT_RECOVER != 0 {
            return Ok(None);
        }
        let is_64bit = s_feature_incompat & INCOMPAT_64BIT != 0;
        let s_inode_size = u64::from(field(0x58)? & 0xffff);
        let s_inodes_per_group = field(0x28)?;
        let block_size = 1024u64.checked_shl(field(0x18)?).unwrap_or(0);
        let desc_size = match is_64bit {
            true => u64::from(field(0xfc)? >> 16),
            false => 32,
        };
        let corrupt = || Fault::corrupt(format!("inode {inode} has no place"));
        let index = inode.checked_sub(1).ok_or_else(corrupt)?;
        let group = index.checked_div(s_inodes_per_group).ok_or_else(corrupt)?;
        let in_group = index.checked_rem(s_inodes_per_group).ok_or_else(corrupt)?;
        if block_size == 0 || !(32..=MAX_DESC_SIZE).contains(&desc_size) {
            return Err(corrupt());
        }
        // The descriptors follow the superblock, each wholly in one block.
        let first = if block_size == 1024 { 2 } else { 1 };
        let per_block = block_size / desc_size;
        let descriptor = (first + u64::from(group) / per_block) * block_size
            + u64::from(group) % per_block * desc_size;
        let mut inode_table = u64::from(u32_at(descriptor + 8)?);
        if is_64bit && desc_size >= 64 {
            inode_table |= u64::from(u32_at(descriptor + 0x28)?) << 32;
        }
        let at = inode_table
            .checked_mul(block_size)
            .and_then(|at| at.checked_add(u64::from(in_group) * s_inode_size))
            .filter(|at| at.checked_add(128).is_some())
            .ok_or_else(corrupt)?;
        if u32_at(at + 0x20)? & FLAGS_OF_LIBRARY != 0 {
            return Ok(None);
        }
        let mut roots = [0; 15];
        for (offset, root) in (at + 0x28..).step_by(4).zip(&mut roots) {
            *root = u32_at(offset)?;
        }
        let num_blocks = u64::from(field(4)?) | u64::from(field(0x150)?) << 32;
        Ok(Some(BlockMap {
            source,
            block_size: usize::try_from(block_size).map_err(|_| corrupt())?,
            num_blocks,
            roots,
            cached: Default::default(),
        }))
    }

    /// Writes the first `size` bytes of the file; holes are zeros.
    ///
    /// # Errors
    /// Those of the partition or of `out`, or `Corrupt`.
    pub(super) fn copy(&mut self, size: u64, out: &mut dyn Write) -> Result<(), Fault> {
        let mut left = size;
        let mut index = 0;
        let mut buffer = Vec::with_capacity(STEP + self.block_size);
        while left > 0 {
            let len =
                usize::try_from(left).map_or(self.block_size, |left| left.min(self.block_size));
            let start = buffer.len();
            buffer.resize(start + len, 0);
            if let Some(block) = self.block(index)? {
                self.read_block(block, &mut buffer[start..])?;
            }
            left -= len as u64;
            index += 1;
            if buffer.len() >= STEP || left == 0 {
                out.write_all(&buffer)
                    .map_err(|error| Fault::Own(Error::Write(error)))?;
                buffer.clear();
            }
        }
        Ok(())
    }

    /// The block of the partition that holds a block of the file; `None` for a hole.
    fn block(&mut self, index: u64) -> Result<Option<u32>, Fault> {
        let per_block = (self.block_size / 4) as u64;
        let direct = usize::try_from(index).ok();
        if let Some(root) = direct.and_then(|index| self.roots[..NUM_DIRECT].get(index)) {
            return Ok(Some(*root).filter(|block| *block != 0));
        }
        let mut index = index - NUM_DIRECT as u64;
        // How many blocks lead from each of the last three roots.
        let mut covered = 1;
        for levels in 1..=3 {
            covered *= per_block;
            if index < covered {
                return self.follow(levels, index, covered);
            }
            index -= covered;
        }
        Err(Fault::corrupt(
            "a file longer than its block map".to_owned(),
        ))
    }

    /// Follows indirect blocks on `levels` levels, which lead to `covered` blocks.
    fn follow(
        &mut self,
        levels: usize,
        mut index: u64,
        mut covered: u64,
    ) -> Result<Option<u32>, Fault> {
        let per_block = (self.block_size / 4) as u64;
        let mut block = self.roots[NUM_DIRECT + levels - 1];
        for level in (0..levels).rev() {
            if block == 0 {
                return Ok(None);
            }
            covered /= per_block;
            let at = usize::try_from(index / covered).unwrap_or(usize::MAX) * 4;
            index %= covered;
            if self.cached[level].0 != block {
                let mut bytes = vec![0; self.block_size];
                self.read_block(block, &mut bytes)?;
                self.cached[level] = (block, bytes);
            }
            let bytes = self.cached[level].1.get(at..).unwrap_or_default();
            block = u32::from_le_bytes(*bytes.first_chunk().expect("the index is below a block's"));
        }
        Ok(Some(block).filter(|block| *block != 0))
    }

    fn read_block(&self, block: u32, buf: &mut [u8]) -> Result<(), Fault> {
        if u64::from(block) >= self.num_blocks {
            return Err(Fault::corrupt(format!(
                "block {block} of {}",
                self.num_blocks
            )));
        }
        read(self.source, u64::from(block) * self.block_size as u64, buf)
    }
}

fn read(source: &Watched, offset: u64, buf: &mut [u8]) -> Result<(), Fault> {
    let result = source.read(offset, buf);
    result.map_err(|source: ReadError| {
        Fault::Own(Error::Read {
            kind: Kind::Ext4,
            place: format!("byte {offset:#x}"),
            source,
        })
    })
}
