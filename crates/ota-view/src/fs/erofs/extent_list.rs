//! The list of extents that newer images have instead of cluster indexes.
//!
//! In: a compressed node and an offset in its data. Out: the [`Extent`] around it.
//! Source: Linux `fs/erofs/erofs_fs.h` (`z_erofs_extent`), 6.17.

use super::clusters::{ADVISE_FRAGMENT, ADVISE_INTERLACED, HEADER_LEN, INDEX_SEARCHED, bad, check};
use super::extent::{Extent, Storage};
use super::fault::unsupported;
use super::image::Erofs;
use super::inode::Inode;
use super::superblock::FEATURE_48BIT;
use crate::fs::Error;
use crate::little_endian::{u8_at, u16_at, u32_at};

/// Fields of a record's length.
const EXTENT_LEN_MASK: u32 = 0x1f_ffff;
const EXTENT_FORMAT_SHIFT: u32 = 28;

/// A record of the list.
#[derive(Clone, Copy)]
struct Record {
    start: u64,
    offset: u64,
    plen: u32,
}

/// The record over a byte, where its extent ends, and whether it is the last.
struct FoundRecord {
    record: Record,
    end: u64,
    is_last: bool,
}

/// A list of extents.
struct ExtentList<'a> {
    erofs: &'a Erofs,
    inode: &'a Inode,
    advise: u16,
    cluster_bits: u8,
    record_len: u64,
    num_records: u64,
    /// Where the first record is.
    table: u64,
}

/// Finds an extent in the list of extents.
pub(super) fn find(
    erofs: &Erofs,
    inode: &Inode,
    header_offset: u64,
    header: &[u8; HEADER_LEN],
    offset: u64,
) -> Result<Extent, Error> {
    let list = ExtentList::new(erofs, inode, header_offset, header)?;
    let found = match list.is_short() {
        true => list.find_short(offset)?,
        false => list.find_long(offset)?,
    };
    if found.record.start > offset || found.end <= offset {
        return Err(bad(inode, "has unordered extents"));
    }
    list.extent(&found)
}

impl<'a> ExtentList<'a> {
    fn new(
        erofs: &'a Erofs,
        inode: &'a Inode,
        header_offset: u64,
        header: &[u8; HEADER_LEN],
    ) -> Result<ExtentList<'a>, Error> {
        let advise = u16_at(header, 4);
        if erofs.superblock.features & FEATURE_48BIT == 0 {
            return Err(bad(inode, "lists extents without the feature"));
        }
        if advise & !0x37 != 0 {
            return Err(unsupported(format!("extent advice {advise:#x}")));
        }
        let record_len = 4u64 << (advise >> 1 & 3);
        let block_bits = erofs.superblock.block_bits;
        let cluster_bits = block_bits.saturating_add(u8_at(header, 7) & 15);
        let table = header_offset
            .saturating_add(8)
            .next_multiple_of(record_len)
            .saturating_add(if record_len == 4 { 8 } else { 0 });
        let mut list = ExtentList {
            erofs,
            inode,
            advise,
            cluster_bits,
            record_len,
            num_records: 0,
            table,
        };
        list.num_records = match list.is_short() {
            true => inode.size.div_ceil(1 << cluster_bits),
            false => u64::from(u32_at(header, 0)) | u64::from(u16_at(header, 6)) << 32,
        };
        if list.num_records == 0 || list.num_records > inode.size {
            return Err(bad(inode, "has an impossible number of extents"));
        }
        Ok(list)
    }

    /// Whether there is a record for each logical cluster.
    fn is_short(&self) -> bool {
        self.record_len <= 8
    }

    fn read(&self, number: u64) -> Result<Record, Error> {
        self.erofs.spend(INDEX_SEARCHED)?;
        let mut record = [0; 32];
        let (bytes, _) = record.split_at_mut(usize::try_from(self.record_len).unwrap_or(32));
        let at = self
            .table
            .saturating_add(number.saturating_mul(self.record_len));
        self.erofs.read_metadata(self.inode.nid, at, bytes)?;
        Ok(Record {
            plen: u32_at(&record, 0),
            offset: u64::from(u32_at(&record, 4)) | u64::from(u32_at(&record, 8)) << 32,
            start: match self.is_short() {
                true => number << self.cluster_bits,
                false => u64::from(u32_at(&record, 12)) | u64::from(u32_at(&record, 16)) << 32,
            },
        })
    }

    /// Finds the record of a cluster.
    fn find_short(&self, offset: u64) -> Result<FoundRecord, Error> {
        let number = offset >> self.cluster_bits;
        let mut record = self.read(number)?;
        if self.record_len == 4 {
            // Only lengths are listed, after the offset of the first.
            let mut base = [0; 8];
            let at = self.table.saturating_sub(8);
            self.erofs.read_metadata(self.inode.nid, at, &mut base)?;
            record.offset = u64::from_le_bytes(base);
            for before in 0..number {
                let len = self.read(before)?.plen & EXTENT_LEN_MASK;
                record.offset = record.offset.saturating_add(len.into());
            }
        }
        let end = record.start.saturating_add(1 << self.cluster_bits);
        Ok(FoundRecord {
            record,
            end: end.min(self.inode.size),
            is_last: number.saturating_add(1) == self.num_records,
        })
    }

    /// Finds the last record that begins at `offset` or before, by bisection.
    fn find_long(&self, offset: u64) -> Result<FoundRecord, Error> {
        let (mut left, mut right) = (0u64, self.num_records);
        loop {
            let middle = left.midpoint(right);
            if middle == left {
                break;
            }
            match self.read(middle)?.start <= offset {
                true => left = middle,
                false => right = middle,
            }
        }
        let is_last = right == self.num_records;
        let end = match is_last {
            true => self.inode.size,
            false => self.read(right)?.start,
        };
        Ok(FoundRecord {
            record: self.read(left)?,
            end,
            is_last,
        })
    }

    /// The extent of a record.
    fn extent(&self, found: &FoundRecord) -> Result<Extent, Error> {
        let Record {
            start,
            offset,
            plen,
        } = found.record;
        let end = found.end;
        let at = |storage| Extent {
            start,
            end,
            storage,
        };
        if found.is_last && self.advise & ADVISE_FRAGMENT != 0 {
            let high = match self.record_len {
                4 => 0,
                _ => offset << 32,
            };
            return Ok(at(Storage::Fragment {
                offset: high | u64::from(plen),
            }));
        }
        let len = u64::from(plen & EXTENT_LEN_MASK);
        if len == 0 {
            return Ok(at(Storage::Hole));
        }
        let block_bits = u32::from(self.erofs.superblock.block_bits);
        let is_aligned = (offset | len).trailing_zeros() >= block_bits;
        let storage = match plen >> EXTENT_FORMAT_SHIFT {
            0 if end.saturating_sub(start) > len => {
                return Err(bad(
                    self.inode,
                    "has more plain data than its cluster holds",
                ));
            }
            0 if self.advise & ADVISE_INTERLACED != 0 && is_aligned => {
                Storage::Interlaced { offset, len }
            }
            0 => Storage::Raw {
                offset,
                in_metadata: false,
            },
            format => Storage::Encoded {
                offset,
                len,
                algorithm: u8::try_from(format.saturating_sub(1)).unwrap_or(u8::MAX),
                in_metadata: false,
            },
        };
        check(self.inode, at(storage), len)
    }
}
