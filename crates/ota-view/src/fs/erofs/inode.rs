//! Nodes (files, folders and links) and the layouts of their data.

use super::fault::{corrupt, unsupported};
use super::image::Erofs;
use super::superblock::{FEATURE_48BIT, NID_IN_METABOX};
use crate::fs::{EntryType, Error};
use crate::io::len_of;
use crate::little_endian::{u16_at, u32_at, u64_at};

/// Bytes for each step of a node's number.
const NID_UNIT: u64 = 32;
/// `sizeof(struct erofs_inode_compact)` and `_extended`.
const COMPACT_LEN: usize = 32;
pub(super) const EXTENDED_LEN: usize = 64;
/// The largest offset where an inode may end, in bytes: no image or metadata box is that long.
const MAX_END: u64 = 1 << 63;

/// A node: a file, folder or link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inode {
    pub(super) nid: u64,
    pub(super) entry_type: EntryType,
    pub(super) size: u64,
    pub(super) data: Data,
    /// Where its metadata ends; inline data or indexes follow.
    pub(super) end: u64,
}

/// The layout of a node's data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Data {
    /// Consecutive blocks.
    Plain { block: u64 },
    /// Consecutive blocks, but the last part follows the node.
    Inline { block: u64 },
    /// All zeros.
    Hole,
    /// Chunks of `1 << bits` bytes, listed in a table.
    Chunked {
        bits: u32,
        has_indexes: bool,
        is_wide: bool,
    },
    /// Compressed, with indexes of eight bytes or packed ones.
    Compressed { is_compact: bool },
}

impl Erofs {
    pub(super) fn inode(&self, nid: u64) -> Result<Inode, Error> {
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

    pub(super) fn parse_inode(
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
        // Old images use the field of the upper address bits for something else.
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
            // Indexes follow, aligned.
            .filter(|end| *end <= MAX_END)
            .ok_or_else(|| bad("ends beyond every image"))?;
        Ok(Inode {
            nid,
            entry_type,
            size,
            data,
            end,
        })
    }
}
