//! Regular files of ext2 and ext3, read by their block maps.
//!
//! In: a partition, and the map of an inode. Out: the file's contents.
//! Source: Linux `fs/ext4/indirect.c`, and `Documentation/filesystems/ext4`.
//!
//! `ext4-view` 1.0.0 reports damage where a block map has a hole in place of an indirect block,
//! so these files are read here. Files with extents are left to the library.

use std::io::Write;

use super::fault::{Fault, read};
use crate::fs::{COPY_STEP, Error, Watched};

/// Entries of `i_block` that name blocks of the file; the last three lead to indirect blocks.
const NUM_DIRECT: usize = 12;

/// Where the blocks of a file are.
pub(super) struct BlockMap<'a> {
    source: &'a Watched,
    block_size: usize,
    num_blocks: u64,
    /// `i_block`.
    roots: [u32; 15],
    /// The last indirect block read on each level, with its number.
    cached: [(u32, Vec<u8>); 3],
}

impl<'a> BlockMap<'a> {
    /// Creates the block map of an inode from its `i_block`.
    pub(super) fn new(
        source: &'a Watched,
        block_size: usize,
        num_blocks: u64,
        roots: [u32; 15],
    ) -> BlockMap<'a> {
        BlockMap {
            source,
            block_size,
            num_blocks,
            roots,
            cached: Default::default(),
        }
    }

    /// Writes the first `size` bytes of the file; holes are zeros.
    ///
    /// # Errors
    /// Those of the partition or of `out`, or `Corrupt`.
    pub(super) fn copy(&mut self, size: u64, out: &mut dyn Write) -> Result<(), Fault> {
        let mut left = size;
        let mut index = 0;
        let mut buffer = Vec::with_capacity(COPY_STEP + self.block_size);
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
            if buffer.len() >= COPY_STEP || left == 0 {
                out.write_all(&buffer)
                    .map_err(|error| Fault::Own(Error::Write(error)))?;
                buffer.clear();
            }
        }
        Ok(())
    }

    /// Finds the block of the partition that holds a block of the file; `None` for a hole.
    pub(super) fn block(&mut self, index: u64) -> Result<Option<u32>, Fault> {
        let per_block = (self.block_size / 4) as u64;
        let direct = usize::try_from(index).ok();
        if let Some(root) = direct.and_then(|index| self.roots[..NUM_DIRECT].get(index)) {
            return Ok(Some(*root).filter(|block| *block != 0));
        }
        let mut index = index - NUM_DIRECT as u64;
        // How many blocks each of the last three roots covers.
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

    pub(super) fn read_block(&self, block: u32, buf: &mut [u8]) -> Result<(), Fault> {
        if u64::from(block) >= self.num_blocks {
            return Err(Fault::corrupt(format!(
                "block {block} of {}",
                self.num_blocks
            )));
        }
        read(self.source, u64::from(block) * self.block_size as u64, buf)
    }
}
