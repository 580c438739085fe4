//! The logical partitions of a `super` image.
//!
//! In: a source over the image (not sparse any more). Out: the names of its
//! partitions, and each as a [`ReadAt`]. On phones that were launched before Android 10, the
//! image lies in pieces on the old partitions: the first has the metadata, which names the
//! others ("retrofit").
//! Source: AOSP `fs_mgr/liblp/include/liblp/metadata_format.h`, versions 10.0 to
//! 10.2.
//!
//! The first copy of geometry and metadata whose checksums are right is used;
//! slots other than the first hold the same in a package, and are read only if
//! the first is damaged.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::mapped::{Joined, Mapped, Run};
use crate::error_kind::ErrorKind;
use crate::io::{ReadAt, ReadError};

/// Bytes before the first geometry (`LP_PARTITION_RESERVED_BYTES`).
const RESERVED_LEN: u64 = 4096;
/// Bytes each copy of the geometry takes (`LP_METADATA_GEOMETRY_SIZE`).
const GEOMETRY_LEN: u64 = 4096;
const GEOMETRY_MAGIC: u32 = 0x616c_4467;
/// `sizeof(LpMetadataGeometry)`.
const GEOMETRY_STRUCT_LEN: usize = 52;
const HEADER_MAGIC: u32 = 0x414c_5030;
const MAJOR_VERSION: u16 = 10;
/// `sizeof(LpMetadataHeaderV1_0)` and of V1_2.
const HEADER_LEN: usize = 128;
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

/// Why a super image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A later version of the format.
    #[error("super metadata version {found}, expected {MAJOR_VERSION}")]
    BadVersion {
        /// Its major version.
        found: u16,
    },
    /// A structure that contradicts itself.
    #[error("super {structure} at byte {offset:#x}: {fault}")]
    Bad {
        /// The structure.
        structure: &'static str,
        /// Where it begins.
        offset: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// A partition's extent that cannot be.
    #[error("super partition `{}`, extent {index}: {fault}", .partition.escape_debug())]
    BadExtent {
        /// The partition.
        partition: String,
        /// The extent, counted over the whole table.
        index: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// Two partitions claim the same bytes.
    #[error("ambiguous: super partitions `{}` and `{}` overlap", .partition.escape_debug(), .other.escape_debug())]
    Overlap {
        /// The one that begins first.
        partition: String,
        /// The other.
        other: String,
    },
    /// A part of a partition is on a block device that is not at hand.
    #[error("super partition `{}` lies in part on `{}`, which is not in the package", .partition.escape_debug(), .device.escape_debug())]
    MissingDevice {
        /// The partition.
        partition: String,
        /// The block device.
        device: String,
    },
    /// The bytes could not be read.
    #[error("super {structure}")]
    Read {
        /// The structure.
        structure: &'static str,
        /// The reason.
        #[source]
        source: ReadError,
    },
}

impl Error {
    /// The class of the fault.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::BadVersion { .. } | Error::MissingDevice { .. } => ErrorKind::Unsupported,
            Error::Bad { .. } | Error::BadExtent { .. } | Error::Overlap { .. } => {
                ErrorKind::Corrupt
            }
            Error::Read { source, .. } => source.kind(),
        }
    }
}

/// Whether a source holds a super image.
///
/// # Errors
/// If it cannot be read; one that is too short holds none.
pub fn detect(source: &dyn ReadAt) -> Result<bool, ReadError> {
    for copy in [0, 1] {
        let offset = geometry_offset(copy);
        let mut magic = [0; 4];
        if source.size() < offset.saturating_add(GEOMETRY_LEN) {
            return Ok(false);
        }
        source.read_exact_at(offset, &mut magic)?;
        if u32::from_le_bytes(magic) == GEOMETRY_MAGIC {
            return Ok(true);
        }
    }
    Ok(false)
}

fn geometry_offset(copy: u64) -> u64 {
    RESERVED_LEN.saturating_add(copy.saturating_mul(GEOMETRY_LEN))
}

/// The partitions of a super image.
pub struct Super {
    /// What is at hand of the block devices, in their order.
    devices: Vec<Option<Arc<dyn ReadAt>>>,
    metadata: Metadata,
}

/// The tables, as far as they are used.
struct Metadata {
    partitions: Vec<Partition>,
    /// `LpMetadataExtent` rows of this length.
    extents: Vec<u8>,
    extent_len: usize,
    /// Names of the block devices, the one with the metadata first.
    devices: Vec<String>,
}

/// A partition that holds something.
struct Partition {
    name: String,
    first_extent: u64,
    num_extents: u64,
}

impl Super {
    /// Reads geometry and metadata from the first block device, mostly the only one.
    ///
    /// # Errors
    /// That of the first copy, if no copy is sound; [`Error::Overlap`].
    pub fn open(source: Arc<dyn ReadAt>) -> Result<Super, Error> {
        let geometry = Geometry::read(&*source, 0)
            .or_else(|first| Geometry::read(&*source, 1).map_err(|_| first))?;
        let mut fault = None;
        for slot in 0..geometry.num_copies() {
            match read_metadata(&*source, &geometry, slot) {
                Ok(metadata) => {
                    metadata.check_overlaps()?;
                    let mut devices = vec![None; metadata.devices.len()];
                    if let Some(first) = devices.first_mut() {
                        *first = Some(source);
                    }
                    return Ok(Super { devices, metadata });
                }
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        Err(fault.expect("a geometry has at least one slot"))
    }

    /// The names of the block devices other than the first; those of slot A may end in `_a`.
    pub fn other_devices(&self) -> impl Iterator<Item = &str> {
        self.metadata.devices.iter().skip(1).map(String::as_str)
    }

    /// Brings the block devices other than the first, in the order of
    /// [`Super::other_devices`].
    #[must_use]
    pub fn with_devices(
        mut self,
        others: impl IntoIterator<Item = Option<Arc<dyn ReadAt>>>,
    ) -> Super {
        for (device, source) in self.devices.iter_mut().skip(1).zip(others) {
            *device = source;
        }
        self
    }

    /// The names of the partitions that hold anything.
    pub fn partitions(&self) -> impl Iterator<Item = &str> {
        self.metadata.partitions.iter().map(|p| p.name.as_str())
    }

    /// A partition as a source.
    ///
    /// # Errors
    /// [`Error::BadExtent`], [`Error::MissingDevice`].
    pub fn partition(&self, name: &str) -> Result<Option<Box<dyn ReadAt>>, Error> {
        let mut partitions = self.metadata.partitions.iter();
        let Some(found) = partitions.find(|p| p.name == name) else {
            return Ok(None);
        };
        let sizes = self.devices.iter().map(|device| {
            let device = device.as_ref();
            device.map(|source| source.size())
        });
        let (runs, size) = self.metadata.runs(found, &sizes.collect::<Vec<_>>())?;
        let source: Arc<dyn ReadAt> = match &self.devices[..] {
            [Some(only)] => Arc::clone(only),
            devices => Arc::new(Joined::new(devices.iter().flatten().cloned().collect())),
        };
        Ok(Some(Box::new(Mapped::new(source, runs, size))))
    }
}

/// Where the metadata is.
struct Geometry {
    metadata_max_size: u32,
    num_slots: u32,
}

impl Geometry {
    fn read(source: &dyn ReadAt, copy: u64) -> Result<Geometry, Error> {
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
        // A longer structure would be one that is not known here.
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

    /// Primary copies of all slots, then their backups.
    fn num_copies(&self) -> u64 {
        u64::from(self.num_slots).saturating_mul(2)
    }

    fn metadata_offset(&self, copy: u64) -> u64 {
        geometry_offset(2).saturating_add(copy.saturating_mul(self.metadata_max_size.into()))
    }
}

fn read_metadata(source: &dyn ReadAt, geometry: &Geometry, copy: u64) -> Result<Metadata, Error> {
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

/// The name at the beginning of some bytes, at most 36 of them.
fn parse_name(bytes: &[u8]) -> String {
    let name = bytes.get(..36).unwrap_or_default();
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Parses a partition; `None` if it is disabled or holds nothing.
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
    /// Where the bytes of a partition are, and how many there are. Many partitions
    /// may claim the same extents, so they are listed for one at a time.
    ///
    /// `sizes` are those of the block devices at hand, which are joined in their order.
    fn runs(&self, partition: &Partition, sizes: &[Option<u64>]) -> Result<(Vec<Run>, u64), Error> {
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
                    let name = name.ok_or_else(|| bad("lies on a disk that is not named"))?;
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

    /// A row of the table of extents.
    fn extent(&self, index: u64) -> Option<&[u8]> {
        let index = usize::try_from(index).ok()?;
        self.extents.chunks_exact(self.extent_len).nth(index)
    }

    /// Refuses partitions of which two claim the same extent, or the same bytes of a device.
    fn check_overlaps(&self) -> Result<(), Error> {
        let fault = |partition: &Partition, other: &Partition| Error::Overlap {
            partition: partition.name.clone(),
            other: other.name.clone(),
        };
        let num_extents = self.extents.chunks_exact(self.extent_len).len();
        let num_extents = u64::try_from(num_extents).unwrap_or(u64::MAX);
        let mut partitions: Vec<&Partition> = self.partitions.iter().collect();
        partitions.sort_by_key(|partition| partition.first_extent);
        // What is not in the table is a fault of its own.
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
                // So is what lies beyond every disk.
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

/// The block device that an extent lies on.
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
    /// The table whose descriptor is at `at` of the header, of rows of at least
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

/// The SHA-256 at `at` is that of the structure with those 32 bytes zero.
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

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::noise;
    use testkit::super_image::{self as made, Table, target};

    /// Bytes of the metadata: room for each copy, and where the first begins.
    const ROOM: u64 = 4096;
    const METADATA: usize = 12_288;
    /// Bytes of the tables of [`good`]: three partitions, four extents, two groups
    /// and a device.
    const TABLES_LEN: usize = 3 * 52 + 4 * 24 + 2 * 48 + 64;

    fn good() -> made::Super {
        made::Super::new()
            .metadata_max_size(4096)
            .partition("system_a", noise(1, 3 * 512))
            .partition_in_extents("vendor_a", noise(2, 4 * 512), &[1, 2])
            .empty("system_b")
    }

    fn open(image: Vec<u8>) -> Result<Super, Error> {
        Super::open(Arc::new(image))
    }

    /// The fault of opening it, or one of its partitions.
    #[track_caller]
    fn fault(made: &made::Super) -> Error {
        fault_in(made.build())
    }

    #[track_caller]
    fn fault_in(image: Vec<u8>) -> Error {
        let logical = match open(image) {
            Ok(logical) => logical,
            Err(error) => return error,
        };
        let mut names = logical.partitions();
        names
            .find_map(|name| logical.partition(name).err())
            .unwrap()
    }

    fn read(logical: &Super, name: &str) -> Vec<u8> {
        let partition = logical.partition(name).unwrap().unwrap();
        let mut bytes = vec![0xaa; usize::try_from(partition.size()).unwrap()];
        partition.read_exact_at(0, &mut bytes).unwrap();
        bytes
    }

    #[track_caller]
    fn is_good(image: Vec<u8>) {
        let logical = open(image).unwrap();
        let names: Vec<&str> = logical.partitions().collect();
        assert_eq!(names, ["system_a", "vendor_a"]);
        assert!(read(&logical, "system_a") == noise(1, 3 * 512));
        assert!(read(&logical, "vendor_a") == noise(2, 4 * 512));
        assert!(logical.partition("system_b").unwrap().is_none());
    }

    #[test]
    fn partitions_are_read_whatever_the_version() {
        is_good(good().build());
        is_good(good().minor(2).flags(1).build());
        is_good(good().slots(3).build());
        is_good(good().entry_size(Table::Partitions, 60).build());
        is_good(
            good()
                .partition("odm_a", [7; 512])
                .disabled("odm_a")
                .build(),
        );
    }

    #[test]
    fn extents_of_zeros_need_no_place() {
        let image = made::Super::new()
            .raw_extent("a", 2, target::ZERO, 0, 0)
            .raw_extent("a", 1 << 40, target::ZERO, u64::MAX, 9)
            .build();
        let logical = open(image).unwrap();
        let partition = logical.partition("a").unwrap().unwrap();
        assert_eq!(partition.size(), (2 + (1 << 40)) * 512);
        let mut bytes = [1; 1024];
        partition
            .read_exact_at(partition.size() - 1024, &mut bytes)
            .unwrap();
        assert_eq!(bytes, [0; 1024]);
    }

    #[test]
    fn only_what_has_its_magic_is_a_super_image() {
        let good = good().build();
        assert!(detect(&good).unwrap());
        for (at, is_super) in [(4096, true), (8192, true)] {
            let mut one_copy = good.clone();
            one_copy[at] = 0;
            assert_eq!(detect(&one_copy).unwrap(), is_super);
        }
        let mut none = good.clone();
        none[4096] = 0;
        none[8192] = 0;
        assert!(!detect(&none).unwrap());
        assert!(!detect(&good[..8191].to_vec()).unwrap());
        assert!(!detect(&Vec::new()).unwrap());
    }

    #[test]
    fn a_sound_copy_stands_in_for_a_damaged_one() {
        is_good(good().corrupt_geometry().build());
        is_good(good().corrupt_primary_metadata().build());
        is_good(good().corrupt_backup_metadata().build());
        is_good(good().corrupt_geometry().corrupt_primary_metadata().build());
        // The first slot alone.
        let mut image = good().build();
        image[METADATA + 200] ^= 1;
        is_good(image);
    }

    #[test]
    fn without_a_sound_copy_the_fault_of_the_first_is_told() {
        let error = fault(&good().corrupt_geometry().corrupt_backup_geometry());
        assert!(
            matches!(
                error,
                Error::Bad {
                    structure: "geometry",
                    offset: 4096,
                    fault: "its checksum is wrong"
                }
            ),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let error = fault(&good().corrupt_primary_metadata().corrupt_backup_metadata());
        assert!(
            matches!(
                error,
                Error::Bad {
                    structure: "metadata",
                    offset: 12_288,
                    fault: "the checksum of its tables is wrong"
                }
            ),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_geometry_that_cannot_be_is_refused() {
        for (made, found) in [
            (
                good().declared_slots(0),
                "its number of slots is not possible",
            ),
            (
                good().declared_slots(17),
                "its number of slots is not possible",
            ),
            (
                good().declared_slots(u32::MAX),
                "its number of slots is not possible",
            ),
            (
                good().declared_metadata_max_size(0),
                "its metadata_max_size is not possible",
            ),
            (
                good().declared_metadata_max_size(4095),
                "its metadata_max_size is not possible",
            ),
            (
                good().declared_metadata_max_size((4 << 20) + 512),
                "its metadata_max_size is not possible",
            ),
            (
                good().declared_metadata_max_size(u32::MAX),
                "its metadata_max_size is not possible",
            ),
        ] {
            let error = fault(&made);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert_eq!(
                error.to_string(),
                format!("super geometry at byte 0x1000: {found}")
            );
        }
        let mut long = good().build();
        long[4096 + 4] = 56;
        long[8192 + 4] = 56;
        let error = open(long).err().unwrap();
        assert!(error.to_string().ends_with("its length is not 52"));
    }

    #[test]
    fn metadata_that_cannot_be_is_refused_with_its_place() {
        for (made, found) in [
            (
                good().declared_header_size(127),
                "its header_size is not possible",
            ),
            (
                good().declared_header_size(257),
                "its header_size is not possible",
            ),
            (
                good().declared_header_size(u32::MAX),
                "its header_size is not possible",
            ),
            (
                good().declared_tables_size(u32::MAX),
                "its tables are longer than their place",
            ),
            (
                good().declared_tables_size(4096 - 127),
                "its tables are longer than their place",
            ),
            (
                good().declared_table(Table::Partitions, 0, 3, 0),
                "its table of partitions is not possible",
            ),
            (
                good().declared_table(Table::Partitions, 0, u32::MAX, u32::MAX),
                "its table of partitions is not possible",
            ),
            (
                good().declared_table(Table::Partitions, u32::MAX, 1, 52),
                "its table of partitions is not possible",
            ),
            (
                good().declared_table(Table::Extents, 0, 1, 23),
                "its table of extents is not possible",
            ),
            (
                good().declared_table(Table::Extents, 0, 1000, 24),
                "its table of extents is not possible",
            ),
        ] {
            let error = fault(&made);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert_eq!(
                error.to_string(),
                format!("super metadata at byte 0x3000: {found}")
            );
        }
        let error = fault(&good().major(11));
        assert!(matches!(error, Error::BadVersion { found: 11 }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn an_extent_that_cannot_be_is_named_with_its_partition() {
        let with = |sectors, kind, data, source| {
            fault(&good().raw_extent("odm", sectors, kind, data, source))
        };
        for (error, found) in [
            (
                with(u64::MAX, target::LINEAR, 0, 0),
                "is longer than every disk",
            ),
            (
                with(1 << 55, target::ZERO, 0, 0),
                "is longer than every disk",
            ),
            (
                with(1, target::LINEAR, u64::MAX, 0),
                "begins beyond every disk",
            ),
            (
                with(1, target::LINEAR, 1 << 54, 0),
                "reaches beyond the end of super",
            ),
            (
                with(1 << 54, target::LINEAR, 1 << 54, 0),
                "reaches beyond the end of super",
            ),
            (
                with(1, target::LINEAR, 0, 1),
                "lies on a disk that is not named",
            ),
            (with(1, 2, 0, 0), "is of an unknown type"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            // Behind one of `system_a` and three of `vendor_a`.
            assert_eq!(
                error.to_string(),
                format!("super partition `odm`, extent 4: {found}")
            );
        }
        let half = (u64::MAX / 512) / 2 + 1;
        let error = fault(
            &made::Super::new()
                .raw_extent("a", half, target::ZERO, 0, 0)
                .raw_extent("a", half, target::ZERO, 0, 0),
        );
        assert!(
            matches!(error, Error::BadExtent { index: 1, .. }),
            "{error}"
        );
        let error = fault(&good().declared_table(Table::Extents, 0, 0, 24));
        assert!(
            matches!(
                error,
                Error::BadExtent {
                    index: 0,
                    fault: "is not in the table",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn pieces_on_several_devices_are_one_image() {
        let [system, vendor] = made::Super::new()
            .devices(&["system", "vendor"])
            .partition_on(1, "system", noise(3, 5 * 512))
            .partition("vendor", noise(4, 512))
            .partition_on(1, "vendor", noise(5, 512))
            .build_all()
            .try_into()
            .unwrap();
        let logical = open(system).unwrap();
        assert_eq!(logical.other_devices().collect::<Vec<_>>(), ["vendor"]);
        let error = logical.partition("system").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "super partition `system` lies in part on `vendor`, which is not in the package"
        );
        let other: Arc<dyn ReadAt> = Arc::new(vendor);
        let logical = logical.with_devices([Some(other)]);
        assert!(read(&logical, "system") == noise(3, 5 * 512));
        assert!(read(&logical, "vendor") == [noise(4, 512), noise(5, 512)].concat());
    }

    #[test]
    fn partitions_that_overlap_are_named() {
        let shared = 12_288 / 512 + 4 * ROOM / 512;
        for made in [
            // The second sector of `system_a`; and the same row of the table.
            good().raw_extent("odm", 1, target::LINEAR, shared + 1, 0),
            good()
                .raw_extent("odm", 1, target::LINEAR, shared + 1, 0)
                .shared_extents("odm", 0, 1),
        ] {
            let error = fault(&made);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert_eq!(
                error.to_string(),
                "ambiguous: super partitions `system_a` and `odm` overlap"
            );
        }
        // One that is disabled claims nothing.
        let odm = good().raw_extent("odm", 1, target::LINEAR, shared + 1, 0);
        is_good(odm.disabled("odm").build());
    }

    #[test]
    fn an_image_that_ends_early_is_cut_short() {
        let good = good().build();
        for (len, structure) in [
            (4096 + 51, "geometry"),
            (METADATA + 127, "metadata"),
            (METADATA + 130, "metadata tables"),
        ] {
            let error = open(good[..len].to_vec()).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Truncated, "{len}: {error}");
            assert!(
                matches!(error, Error::Read { structure: found, .. } if found == structure),
                "{len}: {error}"
            );
        }
        // Sound metadata, but the partitions are gone.
        let len = usize::try_from(12_288 + 4 * ROOM).unwrap();
        let error = fault_in(good[..len].to_vec());
        assert!(matches!(error, Error::BadExtent { .. }), "{error}");
    }

    #[test]
    fn no_damaged_byte_makes_it_panic() {
        let good = good().build();
        let end = METADATA + HEADER_LEN + TABLES_LEN;
        for at in (4096..4096 + GEOMETRY_STRUCT_LEN).chain(METADATA..end) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                // With right checksums, where that is what was to be changed.
                for is_fixed in [false, true] {
                    if is_fixed {
                        fix_checksums(&mut bytes);
                    }
                    if let Ok(logical) = open(bytes.clone()) {
                        for name in logical.partitions() {
                            if let Ok(Some(partition)) = logical.partition(name) {
                                let _ = partition.read_exact_at(0, &mut [0; 512]);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Makes the checksums of the first geometry and metadata right.
    fn fix_checksums(image: &mut [u8]) {
        let mut fix = |at: usize, covered: std::ops::Range<usize>| {
            image[at..at + 32].fill(0);
            let checksum = Sha256::digest(&image[covered]);
            image[at..at + 32].copy_from_slice(&checksum);
        };
        let header_end = METADATA + HEADER_LEN;
        fix(4096 + 8, 4096..4096 + GEOMETRY_STRUCT_LEN);
        fix(METADATA + 48, header_end..header_end + TABLES_LEN);
        fix(METADATA + 12, METADATA..header_end);
    }
}
