//! The data of nodes: finds and reads extents.

use std::rc::Rc;

use super::extent::{Cached, Extent, Storage};
use super::fault::{corrupt, unsupported};
use super::image::Erofs;
use super::inode::{Data, Inode};
use super::superblock::NID_IN_METABOX;
use super::{decode, index};
use crate::fs::Error;
use crate::io::len_of;
use crate::little_endian::{u16_at, u32_at};

/// Decoded extents kept in memory, because many files may share one.
const NUM_CACHED: usize = 4;

/// Whose data is being read. The data of the packed file and of the metadata box must not lie in
/// either of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Normal,
    Special,
}

impl Erofs {
    /// Reads metadata of a node: from the image, or from the metadata box.
    pub(super) fn read_metadata(&self, nid: u64, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        if nid & NID_IN_METABOX == 0 {
            return self.read_image(offset, buf);
        }
        let metabox = self.superblock.metabox_nid;
        let metabox =
            metabox.ok_or_else(|| corrupt("a node in a metadata box that is not there"))?;
        let inode = self.inode(metabox)?;
        self.read_inode(&inode, offset, buf, Depth::Special)
    }

    /// Finds the extent over a byte of a node's data; `offset` is before its end.
    fn extent(&self, inode: &Inode, offset: u64) -> Result<Extent, Error> {
        match inode.data {
            Data::Hole => Ok(Extent {
                start: 0,
                end: inode.size,
                storage: Storage::Hole,
            }),
            Data::Plain { block } => self.blocks(inode, 0, inode.size, block),
            Data::Inline { block } => self.inline_extent(inode, offset, block),
            Data::Chunked {
                bits,
                has_indexes,
                is_wide,
            } => self.chunk(inode, offset, bits, has_indexes, is_wide),
            Data::Compressed { is_compact } => self.compressed_extent(inode, offset, is_compact),
        }
    }

    /// Returns the extent of consecutive blocks.
    fn blocks(&self, inode: &Inode, start: u64, end: u64, block: u64) -> Result<Extent, Error> {
        let bad = || corrupt(format!("node {} has data beyond every image", inode.nid));
        Ok(Extent {
            start,
            end,
            storage: Storage::Raw {
                offset: block.checked_mul(self.block_size()).ok_or_else(bad)?,
                in_metadata: false,
            },
        })
    }

    /// Finds an extent of a node whose last part follows its metadata.
    fn inline_extent(&self, inode: &Inode, offset: u64, block: u64) -> Result<Extent, Error> {
        let block_size = self.block_size();
        let tail = inode.size.saturating_sub(1) & !(block_size.saturating_sub(1));
        if offset < tail {
            return self.blocks(inode, 0, tail, block);
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
            storage: Storage::Raw {
                offset: inode.end,
                in_metadata: true,
            },
        })
    }

    /// Reads the entry of a chunk in the table after a node.
    fn chunk(
        &self,
        inode: &Inode,
        offset: u64,
        bits: u32,
        has_indexes: bool,
        is_wide: bool,
    ) -> Result<Extent, Error> {
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
                storage: Storage::Hole,
            });
        }
        if has_indexes && u16_at(bytes, 2) != 0 {
            return Err(unsupported("data on another device"));
        }
        self.blocks(inode, start, end, address)
    }

    /// Finds an extent of a compressed node, among the last ones found or by its indexes.
    fn compressed_extent(
        &self,
        inode: &Inode,
        offset: u64,
        is_compact: bool,
    ) -> Result<Extent, Error> {
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

    /// Fills `buf` with a node's data from `offset` on.
    pub(super) fn read_inode(
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
                    "byte {at:#x} of node {} is needed, but it has only {:#x} bytes",
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
    pub(super) fn read_extent(
        &self,
        inode: &Inode,
        extent: &Extent,
        skipped: u64,
        buf: &mut [u8],
        depth: Depth,
    ) -> Result<(), Error> {
        match extent.storage {
            Storage::Hole => {
                buf.fill(0);
                Ok(())
            }
            Storage::Raw {
                offset,
                in_metadata,
            } => {
                let offset = offset.saturating_add(skipped);
                match in_metadata {
                    true => self.read_metadata(inode.nid, offset, buf),
                    false => self.read_image(offset, buf),
                }
            }
            Storage::Fragment { offset } => {
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
            Storage::Interlaced { .. } | Storage::Encoded { .. } => {
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

    /// Returns an extent's data, from the cache or decoded now.
    pub(super) fn decoded(
        &self,
        inode: &Inode,
        extent: &Extent,
        depth: Depth,
    ) -> Result<Rc<Vec<u8>>, Error> {
        // An unordered list may have two extents with the same start.
        let is_it = |cached: &Cached| {
            (cached.nid, cached.start, cached.end) == (inode.nid, extent.start, extent.end)
        };
        if let Some(cached) = self.cache.borrow().iter().find(|cached| is_it(cached)) {
            return Ok(Rc::clone(&cached.bytes));
        }
        // Each small file may be in another large extent.
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
            end: extent.end,
            bytes: Rc::clone(&bytes),
        });
        Ok(bytes)
    }
}
