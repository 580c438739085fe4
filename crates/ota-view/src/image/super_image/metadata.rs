//! Geometry and metadata: the partitions and where their bytes are.

use std::collections::BTreeSet;

use crate::image::MAX_PARTITIONS;
use sha2::{Digest, Sha256};

use super::Error;
use crate::image::mapped::Run;
use crate::io::ReadAt;

/// Bytes before the first geometry (`LP_PARTITION_RESERVED_BYTES`).
pub(super) const RESERVED_LEN: u64 = 4096;
/// Bytes each copy of the geometry takes (`LP_METADATA_GEOMETRY_SIZE`).
pub(super) const GEOMETRY_LEN: u64 = 4096;
pub(super) const GEOMETRY_MAGIC: u32 = 0x616c_4467;
/// `sizeof(LpMetadataGeometry)`.
pub(super) const GEOMETRY_STRUCT_LEN: usize = 52;
const HEADER_MAGIC: u32 = 0x414c_5030;
pub(super) const MAJOR_VERSION: u16 = 10;
/// `sizeof(LpMetadataHeaderV1_0)` and of V1_2.
pub(super) const HEADER_LEN: usize = 128;
const MAX_HEADER_LEN: u32 = 256;
/// `sizeof(LpMetadataPartition)` and of `LpMetadataExtent`.
const PARTITION_LEN: u32 = 52;
const EXTENT_LEN: u32 = 24;
/// `sizeof(LpMetadataBlockDevice)`.
const DEVICE_LEN: u32 = 64;
const SECTOR: u64 = 512;
/// `LP_TARGET_TYPE_LINEAR` and `_ZERO`.
const TARGET_LINEAR: u32 = 0;
const TARGET_ZERO: u32 = 1;
/// `LP_PARTITION_ATTR_DISABLED`.
const ATTRIBUTE_DISABLED: u32 = 1 << 3;
/// Largest copy of the metadata, in bytes; 64 KiB in practice.
const MAX_METADATA_SIZE: u32 = 4 << 20;
/// Most slots; 2 or 3 in practice.
const MAX_SLOTS: u32 = 16;
/// Most block devices; 3 in practice.
const MAX_DEVICES: usize = 64;

pub(super) fn geometry_offset(copy: u64) -> u64 {
    RESERVED_LEN.saturating_add(copy.saturating_mul(GEOMETRY_LEN))
}

/// The tables of the metadata that are used.
pub(super) struct Metadata {
    pub(super) partitions: Vec<Partition>,
    /// `LpMetadataExtent` rows of this length.
    pub(super) extents: Vec<u8>,
    pub(super) extent_len: usize,
    /// Names of the block devices, the one with the metadata first.
    pub(super) devices: Vec<String>,
}

/// A partition that is not empty.
pub(super) struct Partition {
    pub(super) name: String,
    pub(super) first_extent: u64,
    pub(super) num_extents: u64,
}

/// The geometry: where the metadata is.
pub(super) struct Geometry {
    metadata_max_size: u32,
    num_slots: u32,
}

impl Geometry {
    pub(super) fn read(source: &dyn ReadAt, copy: u64) -> Result<Geometry, Error> {
        const STRUCTURE: &str = "geometry";
        let offset = geometry_offset(copy);
        let bad = |fault| Error::Bad {
            structure: STRUCTURE,
            offset,
            fault,
        };
        let mut bytes = [0; GEOMETRY_STRUCT_LEN];
        read(source, STRUCTURE, offset, &mut bytes)?;
        if u32_at(&bytes, 0) != Some(GEOMETRY_MAGIC) {
            return Err(bad("its magic is wrong"));
        }
        // A longer structure would be of an unknown version.
        if u32_at(&bytes, 4) != u32::try_from(GEOMETRY_STRUCT_LEN).ok() {
            return Err(bad("its length is not 52"));
        }
        if !checksum_is_right(&bytes, 8) {
            return Err(bad("its checksum is wrong"));
        }
        let metadata_max_size = u32_at(&bytes, 40).unwrap_or(0);
        let num_slots = u32_at(&bytes, 44).unwrap_or(0);
        if metadata_max_size == 0
            || metadata_max_size > MAX_METADATA_SIZE
            || u64::from(metadata_max_size) % SECTOR != 0
        {
            return Err(bad("its metadata_max_size is not possible"));
        }
        if num_slots == 0 || num_slots > MAX_SLOTS {
            return Err(bad("its number of slots is not possible"));
        }
        Ok(Geometry {
            metadata_max_size,
            num_slots,
        })
    }

    /// Returns the number of copies: primary copies of all slots, then their backups.
    pub(super) fn num_copies(&self) -> u64 {
        u64::from(self.num_slots).saturating_mul(2)
    }

    fn metadata_offset(&self, copy: u64) -> u64 {
        geometry_offset(2).saturating_add(copy.saturating_mul(self.metadata_max_size.into()))
    }
}

pub(super) fn read_metadata(
    source: &dyn ReadAt,
    geometry: &Geometry,
    copy: u64,
) -> Result<Metadata, Error> {
    let offset = geometry.metadata_offset(copy);
    let bad = |fault| Error::Bad {
        structure: "metadata",
        offset,
        fault,
    };
    let mut fixed = [0; HEADER_LEN];
    read(source, "metadata", offset, &mut fixed)?;
    if u32_at(&fixed, 0) != Some(HEADER_MAGIC) {
        return Err(bad("its magic is wrong"));
    }
    let version = u32_at(&fixed, 4).unwrap_or(0).to_le_bytes();
    let [v0, v1, ..] = version;
    let version = u16::from_le_bytes([v0, v1]);
    if version != MAJOR_VERSION {
        return Err(Error::BadVersion { found: version });
    }
    let header_size = u32_at(&fixed, 8).unwrap_or(0);
    let tables_size = u32_at(&fixed, 44).unwrap_or(0);
    let header_len = usize::try_from(header_size).unwrap_or(usize::MAX);
    if header_len < HEADER_LEN || header_size > MAX_HEADER_LEN {
        return Err(bad("its header_size is not possible"));
    }
    if header_size.saturating_add(tables_size) > geometry.metadata_max_size {
        return Err(bad("its tables are longer than their place"));
    }
    let mut header = vec![0; header_len];
    read(source, "metadata", offset, &mut header)?;
    if !checksum_is_right(&header, 12) {
        return Err(bad("the checksum of its header is wrong"));
    }
    let mut tables = vec![0; usize::try_from(tables_size).unwrap_or(0)];
    read(
        source,
        "metadata tables",
        offset.saturating_add(header_size.into()),
        &mut tables,
    )?;
    if header.get(48..80) != Some(&Sha256::digest(&tables)[..]) {
        return Err(bad("the checksum of its tables is wrong"));
    }
    let partitions = Table::parse(&header, 80, PARTITION_LEN, &tables)
        .filter(|partitions| partitions.rows().len() <= MAX_PARTITIONS)
        .ok_or_else(|| bad("its table of partitions is not possible"))?;
    let extents = Table::parse(&header, 92, EXTENT_LEN, &tables)
        .ok_or_else(|| bad("its table of extents is not possible"))?;
    let devices = Table::parse(&header, 116, DEVICE_LEN, &tables)
        .filter(|devices| (1..=MAX_DEVICES).contains(&devices.rows().len()))
        .ok_or_else(|| bad("its table of block devices is not possible"))?;
    let device = |row: &[u8]| parse_name(row.get(24..).unwrap_or_default());
    Ok(Metadata {
        partitions: partitions.rows().filter_map(parse_partition).collect(),
        extents: extents.bytes.to_vec(),
        extent_len: extents.row_len,
        devices: devices.rows().map(device).collect(),
    })
}

/// Parses the name at the beginning of some bytes, at most 36 bytes long.
fn parse_name(bytes: &[u8]) -> String {
    let name = bytes.get(..36).unwrap_or_default();
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Parses a partition; `None` if it is disabled or empty.
fn parse_partition(row: &[u8]) -> Option<Partition> {
    let field = |at| u32_at(row, at).unwrap_or(0);
    let is_disabled = field(36) & ATTRIBUTE_DISABLED != 0;
    let num_extents = u64::from(field(44));
    (num_extents > 0 && !is_disabled).then(|| Partition {
        name: parse_name(row),
        first_extent: field(40).into(),
        num_extents,
    })
}

impl Metadata {
    /// Returns the runs of a partition and its length in bytes, for one partition at a time because
    /// many may list the same extents.
    ///
    /// `sizes` are those of the available block devices, which are joined in their order.
    pub(super) fn runs(
        &self,
        partition: &Partition,
        sizes: &[Option<u64>],
    ) -> Result<(Vec<Run>, u64), Error> {
        let mut runs = Vec::new();
        let mut end = 0u64;
        let first = partition.first_extent;
        for index in first..first.saturating_add(partition.num_extents) {
            let bad = |fault| Error::BadExtent {
                partition: partition.name.clone(),
                index,
                fault,
            };
            let row = self
                .extent(index)
                .ok_or_else(|| bad("is not in the table"))?;
            let bytes = |at| u64_at(row, at).and_then(|sectors| sectors.checked_mul(SECTOR));
            let len = bytes(0).ok_or_else(|| bad("is longer than every disk"))?;
            let start = end;
            end = start
                .checked_add(len)
                .ok_or_else(|| bad("is longer than every disk"))?;
            let offset = match u32_at(row, 8) {
                Some(TARGET_ZERO) => None,
                Some(TARGET_LINEAR) => {
                    let device = device_of(row);
                    let name = self.devices.get(device);
                    let name = name.ok_or_else(|| bad("is on a disk that has no name"))?;
                    let Some(Some(device_size)) = sizes.get(device) else {
                        return Err(Error::MissingDevice {
                            partition: partition.name.clone(),
                            device: name.clone(),
                        });
                    };
                    let from = bytes(12).ok_or_else(|| bad("begins beyond every disk"))?;
                    if from.checked_add(len).is_none_or(|end| end > *device_size) {
                        return Err(bad("reaches beyond the end of super"));
                    }
                    let before = sizes.iter().take(device).flatten();
                    let joined = before.fold(from, |sum, size| sum.saturating_add(*size));
                    Some(joined)
                }
                _ => return Err(bad("is of an unknown type")),
            };
            runs.push(Run { start, end, offset });
        }
        Ok((runs, end))
    }

    /// Returns a row of the table of extents.
    fn extent(&self, index: u64) -> Option<&[u8]> {
        let index = usize::try_from(index).ok()?;
        self.extents.chunks_exact(self.extent_len).nth(index)
    }

    /// Refuses partitions if two have the same name.
    pub(super) fn check_names(&self) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        match self.partitions.iter().find(|p| !names.insert(&p.name)) {
            Some(second) => Err(Error::Twice {
                partition: second.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Checks that no two partitions claim the same extent, or the same bytes of a device.
    pub(super) fn check_overlaps(&self) -> Result<(), Error> {
        let fault = |partition: &Partition, other: &Partition| Error::Overlap {
            partition: partition.name.clone(),
            other: other.name.clone(),
        };
        let num_extents = self.extents.chunks_exact(self.extent_len).len();
        let num_extents = u64::try_from(num_extents).unwrap_or(u64::MAX);
        let mut partitions: Vec<&Partition> = self.partitions.iter().collect();
        partitions.sort_by_key(|partition| partition.first_extent);
        // Extents that are not in the table are reported when the partition is opened.
        let end = |partition: &Partition| {
            let end = partition.first_extent.saturating_add(partition.num_extents);
            end.min(num_extents)
        };
        let mut places = Vec::new();
        for (index, partition) in partitions.iter().enumerate() {
            let next = partitions.get(index.saturating_add(1));
            if let Some(next) = next.filter(|next| next.first_extent < end(partition)) {
                return Err(fault(partition, next));
            }
            for row in (partition.first_extent..end(partition)).filter_map(|at| self.extent(at)) {
                let sectors = u64_at(row, 12).zip(u64_at(row, 0));
                // So are extents beyond the largest disk.
                let place = sectors.and_then(|(start, len)| {
                    let end = start.checked_add(len)?;
                    end.checked_mul(SECTOR).map(|_| (start, end))
                });
                if let Some((start, end)) = place.filter(|(start, end)| start < end)
                    && u32_at(row, 8) == Some(TARGET_LINEAR)
                {
                    places.push((device_of(row), start, end, *partition));
                }
            }
        }
        places.sort_by_key(|(device, start, ..)| (*device, *start));
        for pair in places.windows(2) {
            if let [(device, _, end, first), (other_device, start, _, second)] = pair
                && device == other_device
                && end > start
            {
                return Err(fault(first, second));
            }
        }
        Ok(())
    }
}

/// Returns the index of an extent's block device.
fn device_of(extent: &[u8]) -> usize {
    u32_at(extent, 20)
        .and_then(|device| usize::try_from(device).ok())
        .unwrap_or(usize::MAX)
}

/// Rows of equal length; `LpMetadataTableDescriptor`.
struct Table<'a> {
    bytes: &'a [u8],
    row_len: usize,
}

impl<'a> Table<'a> {
    /// Finds the table whose descriptor is at offset `at` of the header. Rows have at least
    /// `min_row_len` bytes.
    fn parse(header: &[u8], at: usize, min_row_len: u32, tables: &'a [u8]) -> Option<Table<'a>> {
        let field = |n: usize| u32_at(header, at.checked_add(n)?);
        let (offset, count, row_len) = (field(0)?, field(4)?, field(8)?);
        if row_len < min_row_len {
            return None;
        }
        let start = usize::try_from(offset).ok()?;
        let len = usize::try_from(u64::from(count).checked_mul(row_len.into())?).ok()?;
        let bytes = tables.get(start..)?.get(..len)?;
        Some(Table {
            bytes,
            row_len: usize::try_from(row_len).ok()?,
        })
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.bytes.chunks_exact(self.row_len)
    }
}

/// Whether the SHA-256 at offset `at` is that of the structure with those 32 bytes as zeros.
fn checksum_is_right(structure: &[u8], at: usize) -> bool {
    let Some((before, rest)) = structure.split_at_checked(at) else {
        return false;
    };
    let Some((checksum, after)) = rest.split_at_checked(32) else {
        return false;
    };
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update([0; 32]);
    hasher.update(after);
    hasher.finalize()[..] == *checksum
}

fn read(
    source: &dyn ReadAt,
    structure: &'static str,
    offset: u64,
    buf: &mut [u8],
) -> Result<(), Error> {
    source
        .read_exact_at(offset, buf)
        .map_err(|source| Error::Read { structure, source })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
