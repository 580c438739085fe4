//! The indexes of compressed files.
//!
//! In: a compressed node and an offset in its data. Out: the [`Extent`] around it. A file consists
//! of logical clusters; the index of each either begins an extent (a head) or states the distance
//! back to the head. Newer images list extents instead ([`extent_list`]).
//! Source: Linux `fs/erofs/erofs_fs.h` (`z_erofs_map_header`,
//! `z_erofs_lcluster_index`, `z_erofs_extent`) and the layouts that erofs-utils
//! 1.9 writes.

use std::cell::RefCell;

use super::clusters::{
    ADVISE_FRAGMENT, ADVISE_INTERLACED, HEADER_LEN, INDEX_SEARCHED, MAX_DECODED, bad, check,
};
use super::extent::{Extent, Storage};
use super::extent_list;
use super::fault::unsupported;
use super::image::Erofs;
use super::inode::Inode;
use crate::fs::Error;
use crate::io::len_of;
use crate::little_endian::{u8_at, u16_at, u32_at, u64_at};

const ADVISE_COMPACTED_2B: u16 = 1;
/// The same bit, where the indexes are not compact: a list of extents.
const ADVISE_EXTENTS: u16 = 1;
const ADVISE_BIG_PCLUSTER_1: u16 = 2;
const ADVISE_BIG_PCLUSTER_2: u16 = 4;
const ADVISE_INLINE: u16 = 8;
/// The bit of `h_clusterbits` that puts the whole file into the packed one.
const WHOLE_FRAGMENT: u8 = 0x80;
/// Types of logical clusters.
const TYPE_PLAIN: u8 = 0;
const TYPE_NONHEAD: u8 = 2;
const TYPE_HEAD2: u8 = 3;
/// The bit of a distance that makes it a number of blocks instead.
const BLOCK_COUNT: u16 = 1 << 11;
/// Bytes of indexes read at a time.
const WINDOW_LEN: u64 = 512;

/// Finds the extent over a byte of a compressed node's data.
pub(super) fn find(
    erofs: &Erofs,
    inode: &Inode,
    is_compact: bool,
    offset: u64,
) -> Result<Extent, Error> {
    let header_offset = inode.end.next_multiple_of(8);
    let mut header = [0; HEADER_LEN];
    erofs.read_metadata(inode.nid, header_offset, &mut header)?;
    let clusterbits = u8_at(&header, 7);
    if clusterbits & WHOLE_FRAGMENT != 0 {
        return Ok(Extent {
            start: 0,
            end: inode.size,
            storage: Storage::Fragment {
                offset: u64_at(&header, 0) & !(1 << 63),
            },
        });
    }
    let advise = u16_at(&header, 4);
    if !is_compact && advise & ADVISE_EXTENTS != 0 {
        return extent_list::find(erofs, inode, header_offset, &header, offset);
    }
    let index = ClusterIndex::new(erofs, inode, is_compact, header_offset, &header)?;
    index.find(offset)
}

/// The indexes of logical clusters.
struct ClusterIndex<'a> {
    erofs: &'a Erofs,
    inode: &'a Inode,
    is_compact: bool,
    advise: u16,
    /// Low nibble for heads, high nibble for second heads.
    algorithms: u8,
    /// Bytes of inline data at the end of the indexes.
    inline_len: u16,
    fragment_offset: u32,
    cluster_bits: u8,
    num_clusters: u64,
    /// Where the indexes begin.
    start: u64,
    /// Compact only: the number of indexes in packs of two, then in packs of sixteen; the rest is in
    /// packs of two again.
    num_initial: u64,
    num_middle: u64,
    /// The last bytes read, and where they begin.
    window: RefCell<(u64, Vec<u8>)>,
}

/// The index of a logical cluster.
#[derive(Clone, Copy, Debug)]
enum Cluster {
    Head {
        /// Where in the file its extent begins.
        start: u64,
        cluster_type: u8,
        block: u32,
    },
    NonHead {
        /// Distance in clusters to the head, or to another index nearer to it.
        back: u64,
        /// Blocks of the physical cluster; only in the first index after a head.
        num_blocks: Option<u16>,
    },
}

impl<'a> ClusterIndex<'a> {
    fn new(
        erofs: &'a Erofs,
        inode: &'a Inode,
        is_compact: bool,
        header_offset: u64,
        header: &[u8; HEADER_LEN],
    ) -> Result<ClusterIndex<'a>, Error> {
        let advise = u16_at(header, 4);
        let block_bits = erofs.superblock.block_bits;
        let cluster_bits = block_bits.saturating_add(u8_at(header, 7) & 15);
        if u8_at(header, 7) & !15 != 0 || advise & !0x3f != 0 {
            return Err(unsupported(format!("compression advice {advise:#x}")));
        }
        if cluster_bits > 24 || is_compact && cluster_bits > 14 {
            return Err(unsupported("logical clusters of this size"));
        }
        // Packs are laid out by blocks, even if clusters are larger.
        let num_blocks = inode.size.div_ceil(1 << block_bits);
        let start = header_offset.saturating_add(if is_compact { 8 } else { 16 });
        let to_pack_of_16 = start.next_multiple_of(32).saturating_sub(start) / 4;
        let num_initial = match is_compact {
            true => to_pack_of_16.min(num_blocks),
            false => 0,
        };
        let num_middle = match is_compact && advise & ADVISE_COMPACTED_2B != 0 {
            true => num_blocks.saturating_sub(num_initial) & !15,
            false => 0,
        };
        if num_middle > 0 && cluster_bits > 12 {
            return Err(unsupported(
                "packed indexes of logical clusters above 4 KiB",
            ));
        }
        Ok(ClusterIndex {
            erofs,
            inode,
            is_compact,
            advise,
            algorithms: u8_at(header, 6),
            inline_len: match advise & ADVISE_INLINE {
                0 => 0,
                _ => u16_at(header, 2),
            },
            fragment_offset: u32_at(header, 0),
            cluster_bits,
            num_clusters: inode.size.div_ceil(1 << cluster_bits),
            start,
            num_initial,
            num_middle,
            window: RefCell::default(),
        })
    }

    fn has_big_clusters(&self, cluster_type: u8) -> bool {
        let flag = match cluster_type {
            TYPE_HEAD2 => ADVISE_BIG_PCLUSTER_2,
            _ => ADVISE_BIG_PCLUSTER_1,
        };
        self.advise & flag != 0
    }

    /// Finds the extent over a byte of the file.
    fn find(&self, offset: u64) -> Result<Extent, Error> {
        let bad = |fault| bad(self.inode, fault);
        let mut number = offset >> self.cluster_bits;
        let (start, cluster_type, block) = loop {
            if offset.saturating_sub(number << self.cluster_bits) > MAX_DECODED {
                return Err(bad("has a head too far back"));
            }
            let back = match self.cluster(number)? {
                Cluster::Head {
                    start,
                    cluster_type,
                    block,
                } if start <= offset => break (start, cluster_type, block),
                // The extent of the byte began in an earlier cluster.
                Cluster::Head { .. } => 1,
                Cluster::NonHead { back, .. } => back,
            };
            number = number
                .checked_sub(back)
                .ok_or_else(|| bad("has no head at its beginning"))?;
        };
        let head = number;
        let mut num_blocks = None;
        let mut end = self.inode.size;
        for next in head.saturating_add(1)..self.num_clusters {
            match self.cluster(next)? {
                Cluster::Head { start, .. } => {
                    end = start;
                    break;
                }
                Cluster::NonHead {
                    num_blocks: found, ..
                } => {
                    if next == head.saturating_add(1) {
                        num_blocks = found;
                    }
                }
            }
            if next.saturating_sub(head) > MAX_DECODED >> self.cluster_bits {
                return Err(unsupported("extents beyond 12 MiB"));
            }
        }
        self.extent(start, end, cluster_type, block, num_blocks)
    }

    fn extent(
        &self,
        start: u64,
        end: u64,
        cluster_type: u8,
        block: u32,
        num_blocks: Option<u16>,
    ) -> Result<Extent, Error> {
        let is_last = end == self.inode.size;
        if is_last && self.advise & ADVISE_FRAGMENT != 0 {
            let high = match self.is_compact {
                true => 0,
                false => u64::from(block) << 32,
            };
            return Ok(Extent {
                start,
                end,
                storage: Storage::Fragment {
                    offset: high | u64::from(self.fragment_offset),
                },
            });
        }
        let block_bits = self.erofs.superblock.block_bits;
        let in_metadata = is_last && self.inline_len > 0;
        let (offset, len) = match in_metadata {
            true => (self.end()?, u64::from(self.inline_len)),
            false => {
                let offset = u64::from(block) << block_bits;
                let len = match cluster_type != TYPE_PLAIN && self.has_big_clusters(cluster_type) {
                    true => u64::from(num_blocks.unwrap_or(1)) << block_bits,
                    false => 1 << self.cluster_bits,
                };
                (offset, len)
            }
        };
        if len == 0 {
            return Err(bad(self.inode, "has a cluster of no blocks"));
        }
        let storage = match cluster_type {
            TYPE_PLAIN if end.saturating_sub(start) > len => {
                return Err(bad(
                    self.inode,
                    "has more plain data than its cluster holds",
                ));
            }
            TYPE_PLAIN if self.advise & ADVISE_INTERLACED != 0 && !in_metadata => {
                Storage::Interlaced { offset, len }
            }
            TYPE_PLAIN => Storage::Raw {
                offset,
                in_metadata,
            },
            _ => Storage::Encoded {
                offset,
                len,
                algorithm: match cluster_type {
                    TYPE_HEAD2 => self.algorithms >> 4,
                    _ => self.algorithms & 15,
                },
                in_metadata,
            },
        };
        check(
            self.inode,
            Extent {
                start,
                end,
                storage,
            },
            len,
        )
    }

    /// Returns where the indexes end and inline data begins.
    fn end(&self) -> Result<u64, Error> {
        let last = self.num_clusters.saturating_sub(1);
        let (offset, _, len) = self.pack(last);
        Ok(offset.saturating_add(u64::try_from(len).unwrap_or(0)))
    }

    /// Returns the offset of an index's pack, the index's slot in it, and the pack's length.
    fn pack(&self, number: u64) -> (u64, usize, usize) {
        if !self.is_compact {
            let offset = self.start.saturating_add(number.saturating_mul(8));
            return (offset, 0, 8);
        }
        let middle = self
            .start
            .saturating_add(self.num_initial.saturating_mul(4));
        let after_middle = middle.saturating_add(self.num_middle.saturating_mul(2));
        let in_middle = number.wrapping_sub(self.num_initial);
        // The position of the index, the bits of an offset within one index, and the pack's length.
        let (position, index_bits, len) = if number < self.num_initial {
            (self.start.saturating_add(number.saturating_mul(4)), 2, 8)
        } else if in_middle < self.num_middle {
            (middle.saturating_add(in_middle.saturating_mul(2)), 1, 32)
        } else {
            let rest = in_middle.saturating_sub(self.num_middle);
            (after_middle.saturating_add(rest.saturating_mul(4)), 2, 8u64)
        };
        let within = position & len.saturating_sub(1);
        let slot = usize::try_from(within >> index_bits).unwrap_or(0);
        let len = usize::try_from(len).unwrap_or(0);
        (position.saturating_sub(within), slot, len)
    }

    /// Fills `buf` from the window of indexes around `offset`.
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let copy = |window: &(u64, Vec<u8>), buf: &mut [u8]| {
            let start = usize::try_from(offset.checked_sub(window.0)?).ok()?;
            buf.copy_from_slice(window.1.get(start..)?.get(..buf.len())?);
            Some(())
        };
        if copy(&self.window.borrow(), buf).is_some() {
            return Ok(());
        }
        // Reads no further than the indexes: they may be at the end of the image.
        let start = (offset & !(WINDOW_LEN.saturating_sub(1))).max(self.start.min(offset));
        let end = start
            .saturating_add(WINDOW_LEN)
            .min(self.end()?)
            .max(offset.saturating_add(len_of(buf)));
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
        self.erofs
            .read_metadata(self.inode.nid, start, &mut bytes)?;
        let window = (start, bytes);
        copy(&window, buf).expect("the window is around it");
        *self.window.borrow_mut() = window;
        Ok(())
    }

    fn cluster(&self, number: u64) -> Result<Cluster, Error> {
        if number >= self.num_clusters {
            return Err(bad(self.inode, "has an index beyond its end"));
        }
        self.erofs.spend(INDEX_SEARCHED)?;
        let (offset, slot, len) = self.pack(number);
        let mut pack = [0; 32];
        let (pack, _) = pack.split_at_mut(len);
        self.read(offset, pack)?;
        match self.is_compact {
            true => self.compact_cluster(number, pack, slot),
            false => {
                let advise = u16_at(pack, 0);
                let cluster_type = u8::try_from(advise & 3).unwrap_or(0);
                match cluster_type {
                    TYPE_NONHEAD => self.non_head(u16_at(pack, 4)),
                    _ => self.head(number, u16_at(pack, 2), cluster_type, u32_at(pack, 4)),
                }
            }
        }
    }

    fn head(
        &self,
        number: u64,
        within: u16,
        cluster_type: u8,
        block: u32,
    ) -> Result<Cluster, Error> {
        if u64::from(within) >= 1 << self.cluster_bits {
            return Err(bad(
                self.inode,
                "has an extent that begins in another cluster",
            ));
        }
        Ok(Cluster::Head {
            start: (number << self.cluster_bits).saturating_add(within.into()),
            cluster_type,
            block,
        })
    }

    fn non_head(&self, distance: u16) -> Result<Cluster, Error> {
        if distance & BLOCK_COUNT != 0 {
            return Ok(Cluster::NonHead {
                back: 1,
                num_blocks: Some(distance & !BLOCK_COUNT),
            });
        }
        match distance {
            0 => Err(bad(self.inode, "has an index that leads to itself")),
            back => Ok(Cluster::NonHead {
                back: back.into(),
                num_blocks: None,
            }),
        }
    }

    /// Parses an index in a pack: fields of equal length, then the block before the pack's first.
    fn compact_cluster(&self, number: u64, pack: &[u8], slot: usize) -> Result<Cluster, Error> {
        let (fields, base) = pack.split_at(pack.len().saturating_sub(4));
        let (num_slots, field_bits) = match pack.len() {
            32 => (16, 14),
            _ => (2usize, 16usize),
        };
        let low_bits = u32::from(self.cluster_bits.max(12));
        let field = |slot: usize| -> (u16, u8) {
            let bit = slot.saturating_mul(field_bits);
            let mut word = [0; 4];
            for (byte, source) in word.iter_mut().zip(fields.iter().skip(bit / 8)) {
                *byte = *source;
            }
            let word = u32::from_le_bytes(word) >> (bit % 8);
            let low = word & !(u32::MAX << low_bits);
            let cluster_type = word >> low_bits & 3;
            (
                u16::try_from(low).unwrap_or(0),
                u8::try_from(cluster_type).unwrap_or(0),
            )
        };
        let (low, cluster_type) = field(slot);
        if cluster_type == TYPE_NONHEAD {
            let is_last = slot.saturating_add(1) == num_slots;
            if low & BLOCK_COUNT != 0 || !is_last {
                return self.non_head(low);
            }
            // The last index of a pack states the distance forward; the one before it is one
            // cluster nearer to the head.
            let back = match field(slot.saturating_sub(1)) {
                (before, TYPE_NONHEAD) if before & BLOCK_COUNT != 0 => 2,
                (before, TYPE_NONHEAD) => before.saturating_add(1),
                _ => 1,
            };
            return self.non_head(back);
        }
        // Counts the blocks of the extents before it in the pack.
        let is_big = self.advise & ADVISE_BIG_PCLUSTER_1 != 0;
        let mut num_blocks = if is_big { 0 } else { 1u32 };
        let mut at = slot;
        while let Some(earlier) = at.checked_sub(1) {
            at = earlier;
            let (before, before_type) = field(at);
            if before_type != TYPE_NONHEAD {
                num_blocks = num_blocks.saturating_add(1);
            } else if is_big && before & BLOCK_COUNT != 0 {
                num_blocks = num_blocks.saturating_add(u32::from(before & !BLOCK_COUNT));
                at = at.saturating_sub(1);
            } else if is_big {
                let Some(back) = before.checked_sub(2) else {
                    return Err(bad(self.inode, "has a big cluster without its length"));
                };
                match at.checked_sub(usize::from(back)) {
                    Some(earlier) => at = earlier,
                    None => break,
                }
            } else {
                match at.checked_sub(usize::from(before)) {
                    Some(earlier) => {
                        at = earlier;
                        num_blocks = num_blocks.saturating_add(1);
                    }
                    None => break,
                }
            }
        }
        // Blocks count modulo 2^32: the block before the first may be -1.
        let block = u32_at(base, 0).wrapping_add(num_blocks);
        self.head(number, low, cluster_type, block)
    }
}
