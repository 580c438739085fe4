//! `super.img`, the partition that holds the logical partitions of Android 10 and later.
//!
//! In: partitions. Out: the image, not sparse. Format: AOSP
//! `system/core/fs_mgr/liblp/include/liblp/metadata_format.h`, versions 10.0 to 10.2,
//! little-endian:
//!
//! | at | what |
//! |---|---|
//! | 0 | 4096 zeros |
//! | 4096, 8192 | geometry and its copy |
//! | 12288 | metadata of each slot, `metadata_max_size` apart |
//! | then | copies of them all |
//! | then | the partitions |
//!
//! All slots hold the same metadata. Checksums are correct whatever is stated, unless something is
//! corrupted on purpose. An image may be spread over several block devices, as on phones that were
//! launched before Android 10; the first has the metadata.

use crate::payload::sha256;

/// Size in bytes of the unit that extents count in.
pub const SECTOR_SIZE: usize = 512;

const GEOMETRY_MAGIC: u32 = 0x616c_4467;
const HEADER_MAGIC: u32 = 0x414c_5030;
const GEOMETRY_OFFSET: usize = 4096;
const GEOMETRY_SIZE: usize = 4096;
const METADATA_OFFSET: usize = 12288;
const LOGICAL_BLOCK_SIZE: usize = 4096;

/// Target types, the `target_type` of an extent.
pub mod target {
    /// Sectors of the super partition.
    pub const LINEAR: u32 = 0;
    /// Zeros.
    pub const ZERO: u32 = 1;
}

/// Attributes of a partition.
mod attribute {
    pub(super) const READONLY: u32 = 1 << 0;
    pub(super) const SLOT_SUFFIXED: u32 = 1 << 1;
    pub(super) const DISABLED: u32 = 1 << 3;
}

/// The four tables of the metadata, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Names, attributes and runs of extents; 52 bytes each.
    Partitions,
    /// Runs of sectors; 24 bytes each.
    Extents,
    /// Groups with a common limit; 48 bytes each.
    Groups,
    /// The devices that extents are on; 64 bytes each.
    BlockDevices,
}

/// A super image under construction; valid until a setter makes it invalid.
#[derive(Clone, Debug)]
pub struct Super {
    major: u16,
    minor: u16,
    flags: u32,
    num_slots: u32,
    metadata_max_size: u32,
    slot_suffixed: bool,
    partitions: Vec<Partition>,
    disabled: Vec<String>,
    entry_sizes: [Option<u32>; 4],
    descriptors: [Option<[u32; 3]>; 4],
    declared_slots: Option<u32>,
    declared_max_size: Option<u32>,
    declared_header_size: Option<u32>,
    declared_tables_size: Option<u32>,
    shared_extents: Option<(String, u32, u32)>,
    devices: Vec<String>,
    corrupt: Corrupt,
}

#[derive(Clone, Copy, Debug, Default)]
struct Corrupt {
    primary_geometry: bool,
    backup_geometry: bool,
    primary_metadata: bool,
    backup_metadata: bool,
}

#[derive(Clone, Debug)]
struct Partition {
    name: String,
    extents: Vec<Extent>,
}

#[derive(Clone, Debug)]
enum Extent {
    /// Sectors that have to be placed on a block device.
    Data(Vec<u8>, u32),
    /// An extent with given fields: sectors, type, data, source.
    Fields(u64, u32, u64, u32),
}

impl Default for Super {
    fn default() -> Self {
        Self::new()
    }
}

impl Super {
    /// Starts an image without partitions: metadata version 10.0, 64 KiB for each of two
    /// slots.
    pub fn new() -> Self {
        Self {
            major: 10,
            minor: 0,
            flags: 0,
            num_slots: 2,
            metadata_max_size: 65536,
            slot_suffixed: false,
            partitions: Vec::new(),
            disabled: Vec::new(),
            entry_sizes: [None; 4],
            descriptors: [None; 4],
            declared_slots: None,
            declared_max_size: None,
            declared_header_size: None,
            declared_tables_size: None,
            shared_extents: None,
            devices: vec!["super".to_owned()],
            corrupt: Corrupt::default(),
        }
    }

    /// States a major version other than 10.
    pub fn major(mut self, major: u16) -> Self {
        self.major = major;
        self
    }

    /// Sets the minor version; the header has 256 bytes and flags from 2 on, 128 before.
    pub fn minor(mut self, minor: u16) -> Self {
        self.minor = minor;
        self
    }

    /// Sets the flags of the header: bit 0 for virtual A/B, bit 1 for active overlays. Left
    /// out below minor version 2.
    pub fn flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    /// Sets the number of slots, which all have the same metadata.
    pub fn slots(mut self, num_slots: u32) -> Self {
        self.num_slots = num_slots;
        self
    }

    /// Sets the space for the metadata of one slot, in bytes; real ones are whole sectors.
    pub fn metadata_max_size(mut self, size: u32) -> Self {
        self.metadata_max_size = size;
        self
    }

    /// Adds a partition in one extent, filled up with zeros to whole sectors.
    pub fn partition(mut self, name: &str, image: impl Into<Vec<u8>>) -> Self {
        let image = image.into();
        self.extents(name).push(Extent::Data(sectors(image), 0));
        self
    }

    /// Adds data to a partition as [`Super::partition`] does, on another block device.
    pub fn partition_on(mut self, device: u32, name: &str, image: impl Into<Vec<u8>>) -> Self {
        let image = sectors(image.into());
        self.extents(name).push(Extent::Data(image, device));
        self
    }

    /// Names the block devices; the first has the metadata.
    pub fn devices(mut self, names: &[&str]) -> Self {
        self.devices = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// States the extents of a partition: the first index in the table, and how many.
    pub fn shared_extents(mut self, partition: &str, first: u32, num: u32) -> Self {
        self.shared_extents = Some((partition.to_owned(), first, num));
        self
    }

    /// Adds a partition in extents of these numbers of sectors, with one more for the rest.
    ///
    /// An extent whose part of the image is all zeros becomes a ZERO extent. The others are stored
    /// in the super image in reverse order, so that none follows the one before it.
    ///
    /// # Panics
    /// When the extents are larger than the image.
    pub fn partition_in_extents(
        mut self,
        name: &str,
        image: impl Into<Vec<u8>>,
        extents: &[u64],
    ) -> Self {
        let image = sectors(image.into());
        let mut rest = image.as_slice();
        let mut parts = Vec::new();
        for &num_sectors in extents {
            let (part, after) = rest.split_at(num_sectors as usize * SECTOR_SIZE);
            parts.push(part);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        let parts = parts.into_iter().map(|part| {
            if part.iter().all(|&byte| byte == 0) {
                Extent::Fields((part.len() / SECTOR_SIZE) as u64, target::ZERO, 0, 0)
            } else {
                Extent::Data(part.to_vec(), 0)
            }
        });
        self.extents(name).extend(parts);
        self
    }

    /// Adds a partition without extents, as the other slot has in a factory image.
    pub fn empty(mut self, name: &str) -> Self {
        self.extents(name);
        self
    }

    /// Adds an extent to a partition unchanged: number of sectors, type (see [`target`]), and the
    /// sector and block device it is on.
    pub fn raw_extent(
        mut self,
        partition: &str,
        num_sectors: u64,
        kind: u32,
        target_data: u64,
        target_source: u32,
    ) -> Self {
        self.extents(partition).push(Extent::Fields(
            num_sectors,
            kind,
            target_data,
            target_source,
        ));
        self
    }

    /// Marks partitions and group as suffixed: readers add `_a` or `_b` to the names, as on devices
    /// that were launched before Android 10.
    pub fn slot_suffixed(mut self) -> Self {
        self.slot_suffixed = true;
        self
    }

    /// Marks a partition as disabled; this needs minor version 1, and sets it.
    pub fn disabled(mut self, name: &str) -> Self {
        self.disabled.push(name.to_owned());
        self.minor = self.minor.max(1);
        self
    }

    /// Writes the entries of a table with this length in bytes, cut or filled up with zeros.
    pub fn entry_size(mut self, table: Table, size: u32) -> Self {
        self.entry_sizes[table as usize] = Some(size);
        self
    }

    /// States other values for a table than the true ones: offset from the end of the header,
    /// number of entries, size of an entry.
    pub fn declared_table(
        mut self,
        table: Table,
        offset: u32,
        num_entries: u32,
        entry_size: u32,
    ) -> Self {
        self.descriptors[table as usize] = Some([offset, num_entries, entry_size]);
        self
    }

    /// States a number of slots in the geometry other than the true one.
    pub fn declared_slots(mut self, num_slots: u32) -> Self {
        self.declared_slots = Some(num_slots);
        self
    }

    /// States a space for the metadata in the geometry other than the true one.
    pub fn declared_metadata_max_size(mut self, size: u32) -> Self {
        self.declared_max_size = Some(size);
        self
    }

    /// States a size of the header other than the true one.
    pub fn declared_header_size(mut self, size: u32) -> Self {
        self.declared_header_size = Some(size);
        self
    }

    /// States a size of the tables other than the true one.
    pub fn declared_tables_size(mut self, size: u32) -> Self {
        self.declared_tables_size = Some(size);
        self
    }

    /// Changes the first geometry, so that its checksum is wrong and the copy counts.
    pub fn corrupt_geometry(mut self) -> Self {
        self.corrupt.primary_geometry = true;
        self
    }

    /// Changes the copy of the geometry.
    pub fn corrupt_backup_geometry(mut self) -> Self {
        self.corrupt.backup_geometry = true;
        self
    }

    /// Changes the tables of all slots, so that their checksum is wrong and the copies count.
    pub fn corrupt_primary_metadata(mut self) -> Self {
        self.corrupt.primary_metadata = true;
        self
    }

    /// Changes the tables in the copies for all slots.
    pub fn corrupt_backup_metadata(mut self) -> Self {
        self.corrupt.backup_metadata = true;
        self
    }

    /// Writes the image, as large as needed; with several block devices, the first.
    ///
    /// # Panics
    /// When the metadata does not fit into its space, or a name into its 36 bytes.
    pub fn build(&self) -> Vec<u8> {
        self.build_all().swap_remove(0)
    }

    /// Returns the contents of all block devices.
    ///
    /// # Panics
    /// As [`Super::build`].
    pub fn build_all(&self) -> Vec<Vec<u8>> {
        let room = self.metadata_max_size as usize;
        let copies_len = room * self.num_slots as usize;
        let data_offset = (METADATA_OFFSET + 2 * copies_len).next_multiple_of(LOGICAL_BLOCK_SIZE);

        let (mut data, places) = self.place(data_offset);
        let sizes = data.iter().enumerate();
        let sizes: Vec<usize> = sizes
            .map(|(device, data)| self.first_byte(device, data_offset) + data.len())
            .collect();
        let metadata = self.metadata(&places, data_offset, &sizes);
        assert!(
            metadata.len() <= room,
            "metadata of {} bytes, room for {room}",
            metadata.len()
        );

        let mut out = vec![0; data_offset];
        let geometry = self.geometry();
        for (offset, corrupt) in [
            (GEOMETRY_OFFSET, self.corrupt.primary_geometry),
            (
                GEOMETRY_OFFSET + GEOMETRY_SIZE,
                self.corrupt.backup_geometry,
            ),
        ] {
            out[offset..offset + geometry.len()].copy_from_slice(&geometry);
            if corrupt {
                out[offset + 41] ^= 0x55; // in metadata_max_size
            }
        }
        for slot in 0..self.num_slots as usize {
            for (offset, corrupt) in [
                (METADATA_OFFSET + slot * room, self.corrupt.primary_metadata),
                (
                    METADATA_OFFSET + copies_len + slot * room,
                    self.corrupt.backup_metadata,
                ),
            ] {
                out[offset..offset + metadata.len()].copy_from_slice(&metadata);
                if corrupt {
                    out[offset + self.header_len()] ^= 0x01; // in the first table
                }
            }
        }
        out.append(&mut data[0]);
        data[0] = out;
        for other in &mut data[1..] {
            other.splice(0..0, vec![0; self.first_byte(1, data_offset)]);
        }
        data
    }

    /// Returns where the data of a block device begins: after the metadata, or after a block that
    /// no partition gets.
    fn first_byte(&self, device: usize, data_offset: usize) -> usize {
        if device == 0 {
            data_offset
        } else {
            LOGICAL_BLOCK_SIZE
        }
    }

    /// Returns the extents of a partition, which is added if it is new.
    fn extents(&mut self, name: &str) -> &mut Vec<Extent> {
        let known = self.partitions.iter().position(|known| known.name == name);
        let index = known.unwrap_or_else(|| {
            self.partitions.push(Partition {
                name: name.to_owned(),
                extents: Vec::new(),
            });
            self.partitions.len() - 1
        });
        &mut self.partitions[index].extents
    }

    /// Places the data on all block devices, after `offset` on the first; returns the data, and the
    /// fields of all extents in the order of their partitions.
    fn place(&self, offset: usize) -> (Vec<Vec<u8>>, Vec<[u64; 4]>) {
        let mut data = vec![Vec::new(); self.devices.len()];
        let mut places = Vec::new();
        for partition in &self.partitions {
            let first = places.len();
            for extent in partition.extents.iter().rev() {
                places.push(match extent {
                    Extent::Data(bytes, device) => {
                        let of_device = &mut data[*device as usize];
                        let start = self.first_byte(*device as usize, offset) + of_device.len();
                        of_device.extend_from_slice(bytes);
                        [
                            (bytes.len() / SECTOR_SIZE) as u64,
                            u64::from(target::LINEAR),
                            (start / SECTOR_SIZE) as u64,
                            u64::from(*device),
                        ]
                    }
                    Extent::Fields(num_sectors, kind, target_data, target_source) => [
                        *num_sectors,
                        u64::from(*kind),
                        *target_data,
                        u64::from(*target_source),
                    ],
                });
            }
            places[first..].reverse();
        }
        for of_device in &mut data {
            of_device.resize(of_device.len().next_multiple_of(LOGICAL_BLOCK_SIZE), 0);
        }
        (data, places)
    }

    fn geometry(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_u32(&mut out, GEOMETRY_MAGIC);
        put_u32(&mut out, 52); // size of this structure
        out.extend_from_slice(&[0; 32]); // checksum
        put_u32(
            &mut out,
            self.declared_max_size.unwrap_or(self.metadata_max_size),
        );
        put_u32(&mut out, self.declared_slots.unwrap_or(self.num_slots));
        put_u32(&mut out, LOGICAL_BLOCK_SIZE as u32);
        let checksum = sha256(&out);
        out[8..40].copy_from_slice(&checksum);
        out
    }

    /// Returns header and tables.
    fn metadata(&self, places: &[[u64; 4]], data_offset: usize, sizes: &[usize]) -> Vec<u8> {
        let mut tables = Vec::new();
        let mut descriptors = Vec::new();
        for (table, entries) in [
            (Table::Partitions, self.partition_entries()),
            (Table::Extents, extent_entries(places)),
            (Table::Groups, self.group_entries(sizes.iter().sum())),
            (
                Table::BlockDevices,
                self.block_device_entries(data_offset, sizes),
            ),
        ] {
            let standard = match table {
                Table::Partitions => 52,
                Table::Extents => 24,
                Table::Groups => 48,
                Table::BlockDevices => 64,
            };
            let entry_size = self.entry_sizes[table as usize].unwrap_or(standard);
            let place = [tables.len() as u32, entries.len() as u32, entry_size];
            for mut entry in entries {
                assert_eq!(entry.len(), standard as usize, "the size of an entry");
                entry.resize(entry_size as usize, 0);
                tables.extend_from_slice(&entry);
            }
            descriptors.push(self.descriptors[table as usize].unwrap_or(place));
        }

        let tables_size = self.declared_tables_size.unwrap_or(tables.len() as u32);
        let mut covered = tables.clone();
        // Stated sizes may reach into the zeros after the tables, or out of the space.
        let behind = (self.metadata_max_size as usize).saturating_sub(self.header_len());
        covered.resize((tables_size as usize).min(behind.max(tables.len())), 0);

        let mut header = Vec::new();
        put_u32(&mut header, HEADER_MAGIC);
        header.extend_from_slice(&self.major.to_le_bytes());
        header.extend_from_slice(&self.minor.to_le_bytes());
        let header_size = self
            .declared_header_size
            .unwrap_or(self.header_len() as u32);
        put_u32(&mut header, header_size);
        header.extend_from_slice(&[0; 32]); // checksum of the header
        put_u32(&mut header, tables_size);
        header.extend_from_slice(&sha256(&covered));
        for field in descriptors.iter().flatten() {
            put_u32(&mut header, *field);
        }
        if self.minor >= 2 {
            put_u32(&mut header, self.flags);
        }
        header.resize(self.header_len(), 0);
        let mut out = [header, tables].concat();
        let covered = out[..out.len().min(header_size as usize)].to_vec();
        out[12..44].copy_from_slice(&sha256(&covered));
        out
    }

    fn header_len(&self) -> usize {
        if self.minor >= 2 { 256 } else { 128 }
    }

    fn partition_entries(&self) -> Vec<Vec<u8>> {
        let mut first_extent = 0;
        self.partitions
            .iter()
            .map(|partition| {
                let mut attributes = attribute::READONLY;
                if self.slot_suffixed {
                    attributes |= attribute::SLOT_SUFFIXED;
                }
                if self.disabled.contains(&partition.name) {
                    attributes |= attribute::DISABLED;
                }
                let num_extents = partition.extents.len() as u32;
                let stated = match &self.shared_extents {
                    Some((of, first, num)) if *of == partition.name => [*first, *num],
                    _ => [first_extent, num_extents],
                };
                let mut entry = name(&partition.name);
                put_u32(&mut entry, attributes);
                put_u32(&mut entry, stated[0]);
                put_u32(&mut entry, stated[1]);
                put_u32(&mut entry, 1); // group
                first_extent += num_extents;
                entry
            })
            .collect()
    }

    /// The group every image has, and the one of the partitions.
    fn group_entries(&self, size: usize) -> Vec<Vec<u8>> {
        [
            ("default", false, 0),
            ("main", self.slot_suffixed, size as u64),
        ]
        .into_iter()
        .map(|(group, suffixed, maximum_size)| {
            let mut entry = name(group);
            put_u32(&mut entry, u32::from(suffixed));
            put_u64(&mut entry, maximum_size);
            entry
        })
        .collect()
    }

    fn block_device_entries(&self, data_offset: usize, sizes: &[usize]) -> Vec<Vec<u8>> {
        let devices = self.devices.iter().zip(sizes).enumerate();
        devices
            .map(|(device, (device_name, size))| {
                let first_byte = self.first_byte(device, data_offset);
                let mut entry = Vec::new();
                put_u64(&mut entry, (first_byte / SECTOR_SIZE) as u64);
                put_u32(&mut entry, LOGICAL_BLOCK_SIZE as u32); // alignment
                put_u32(&mut entry, 0); // offset of the alignment
                put_u64(&mut entry, *size as u64);
                entry.extend_from_slice(&name(device_name));
                put_u32(&mut entry, 0); // flags
                entry
            })
            .collect()
    }
}

fn extent_entries(places: &[[u64; 4]]) -> Vec<Vec<u8>> {
    places
        .iter()
        .map(|&[num_sectors, kind, target_data, target_source]| {
            let mut entry = Vec::new();
            put_u64(&mut entry, num_sectors);
            put_u32(&mut entry, kind as u32);
            put_u64(&mut entry, target_data);
            put_u32(&mut entry, target_source as u32);
            entry
        })
        .collect()
}

fn name(text: &str) -> Vec<u8> {
    assert!(text.len() <= 36, "a name has at most 36 bytes");
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(36, 0);
    bytes
}

fn sectors(mut image: Vec<u8>) -> Vec<u8> {
    image.resize(image.len().next_multiple_of(SECTOR_SIZE), 0);
    image
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    /// Returns the SHA-256 of some bytes with zeros in place of the checksum at `at`.
    fn checksum(bytes: &[u8], at: usize) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[at..at + 32].fill(0);
        sha256(&bytes)
    }

    fn small() -> Super {
        Super::new().metadata_max_size(1024)
    }

    /// Returns the fields of the extent at an index: sectors, type, data, source.
    fn extent(image: &[u8], index: usize) -> (u64, u32, u64, u32) {
        let header = &image[12288..];
        let at = u32_at(header, 8) as usize + u32_at(header, 92) as usize + index * 24;
        (
            u64_at(header, at),
            u32_at(header, at + 8),
            u64_at(header, at + 12),
            u32_at(header, at + 20),
        )
    }

    fn linear(image: &[u8], index: usize) -> &[u8] {
        let (num_sectors, kind, sector, source) = extent(image, index);
        assert_eq!((kind, source), (0, 0));
        &image[sector as usize * 512..(sector + num_sectors) as usize * 512]
    }

    #[test]
    fn geometry_is_at_4096_and_8192() {
        let image = small().slots(3).build();
        assert!(image[..4096].iter().all(|&byte| byte == 0));
        let geometry = &image[4096..4096 + 52];
        assert_eq!(geometry[..8], *b"gDla\x34\0\0\0");
        assert_eq!(geometry[8..40], checksum(geometry, 8));
        assert_eq!(geometry[40..], *b"\0\x04\0\0\x03\0\0\0\0\x10\0\0");
        assert_eq!(image[8192..8192 + 52], *geometry);
        // Six times 1024 bytes of metadata, rounded up to a block.
        assert_eq!(image.len(), 12288 + 8192);
    }

    #[test]
    fn metadata_describes_itself() {
        let image = small().partition("system", *b"hello").build();
        let metadata = &image[12288..13312];
        assert_eq!(metadata[..12], *b"0PLA\x0a\0\0\0\x80\0\0\0");
        assert_eq!(metadata[12..44], checksum(&metadata[..128], 12));
        let tables_size = 52 + 24 + 2 * 48 + 64;
        assert_eq!(u32_at(metadata, 44), tables_size);
        let tables = &metadata[128..128 + tables_size as usize];
        assert_eq!(metadata[48..80], sha256(tables));
        let descriptors: Vec<u32> = (80..128)
            .step_by(4)
            .map(|at| u32_at(metadata, at))
            .collect();
        assert_eq!(
            descriptors,
            [0, 1, 52, 52, 1, 24, 52 + 24, 2, 48, 52 + 24 + 96, 1, 64]
        );
        assert_eq!(tables[..8], *b"system\0\0");
        assert_eq!(tables[36..52], *b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0");
        assert_eq!(&tables[76..83], b"default");
        assert_eq!(&tables[124..128], b"main");
        let device = &tables[172..];
        assert_eq!(u64_at(device, 0), 16384 / 512);
        assert_eq!(u64_at(device, 16), image.len() as u64);
        assert_eq!(&device[24..30], b"super\0");
        for copy in 1..4 {
            assert_eq!(image[12288 + copy * 1024..][..1024], *metadata);
        }
    }

    #[test]
    fn partitions_follow_the_metadata_in_whole_sectors() {
        let (a, b) = (noise(1, 700), noise(2, 4096));
        let image = small()
            .partition("a", a.clone())
            .empty("c")
            .partition("b", b.clone())
            .build();
        assert_eq!(extent(&image, 0), (2, 0, 32, 0));
        assert_eq!(extent(&image, 1), (8, 0, 34, 0));
        assert_eq!(linear(&image, 0)[..700], a);
        assert_eq!(linear(&image, 1), b);
        assert_eq!(image.len(), 16384 + 8192);
        let partitions = &image[12288 + 128..];
        assert_eq!(&partitions[52..54], b"c\0");
        let runs: Vec<_> = (0..3)
            .map(|index| {
                (
                    u32_at(partitions, index * 52 + 40),
                    u32_at(partitions, index * 52 + 44),
                )
            })
            .collect();
        assert_eq!(runs, [(0, 1), (1, 0), (1, 1)]);
    }

    #[test]
    fn extents_are_in_reverse_order_without_zeros() {
        let parts = [noise(1, 512), vec![0; 1024], noise(2, 1024), noise(3, 512)];
        let image = small()
            .partition_in_extents("a", parts.concat(), &[1, 2, 2])
            .build();
        assert_eq!(u32_at(&image, 12288 + 96), 4);
        assert_eq!(extent(&image, 1), (2, 1, 0, 0));
        assert_eq!(linear(&image, 0), parts[0]);
        assert_eq!(linear(&image, 2), parts[2]);
        assert_eq!(linear(&image, 3), parts[3]);
        assert!(extent(&image, 0).2 > extent(&image, 2).2);
        assert!(extent(&image, 2).2 > extent(&image, 3).2);
    }

    #[test]
    fn minor_version_2_has_flags_after_the_tables() {
        let image = small().minor(2).flags(1).partition("a", [1; 512]).build();
        let metadata = &image[12288..];
        assert_eq!(metadata[4..12], *b"\x0a\0\x02\0\0\x01\0\0");
        assert_eq!(u32_at(metadata, 128), 1);
        assert_eq!(metadata[12..44], checksum(&metadata[..256], 12));
        assert_eq!(&metadata[256..258], b"a\0");
        assert_eq!(linear(&image, 0), [1; 512]);
    }

    #[test]
    fn attributes_are_stated() {
        let image = small()
            .slot_suffixed()
            .empty("a")
            .empty("b")
            .disabled("b")
            .build();
        let metadata = &image[12288..];
        assert_eq!(metadata[4..8], *b"\x0a\0\x01\0");
        assert_eq!(u32_at(metadata, 128 + 36), 3);
        assert_eq!(u32_at(metadata, 128 + 52 + 36), 11);
        let groups = 128 + 2 * 52;
        assert_eq!(u32_at(metadata, groups + 36), 0);
        assert_eq!(u32_at(metadata, groups + 48 + 36), 1);
    }

    #[test]
    fn corruption_hits_one_copy_only() {
        let good = small().partition("a", [1; 512]).build();
        let differences = |image: Vec<u8>| -> Vec<usize> {
            assert_eq!(image.len(), good.len());
            (0..good.len())
                .filter(|&at| image[at] != good[at])
                .collect()
        };
        let make = || small().partition("a", [1; 512]);
        assert_eq!(differences(make().corrupt_geometry().build()), [4096 + 41]);
        assert_eq!(
            differences(make().corrupt_backup_geometry().build()),
            [8192 + 41]
        );
        assert_eq!(
            differences(make().corrupt_primary_metadata().build()),
            [12288 + 128, 12288 + 1024 + 128]
        );
        assert_eq!(
            differences(make().corrupt_backup_metadata().build()),
            [12288 + 2048 + 128, 12288 + 3072 + 128]
        );
    }

    #[test]
    fn wrong_values_have_valid_checksums() {
        let image = small()
            .raw_extent("a", u64::MAX, 7, 1 << 40, 5)
            .entry_size(Table::Partitions, 60)
            .declared_table(Table::Groups, 1, 2, 3)
            .declared_tables_size(600)
            .declared_slots(9)
            .declared_metadata_max_size(u32::MAX)
            .build();
        let geometry = &image[4096..4096 + 52];
        assert_eq!(geometry[8..40], checksum(geometry, 8));
        assert_eq!((u32_at(geometry, 40), u32_at(geometry, 44)), (u32::MAX, 9));
        let metadata = &image[12288..];
        assert_eq!(metadata[12..44], checksum(&metadata[..128], 12));
        assert_eq!(metadata[48..80], sha256(&metadata[128..128 + 600]));
        assert_eq!(u32_at(metadata, 88), 60);
        assert_eq!(u32_at(metadata, 92), 60);
        assert_eq!(u32_at(metadata, 104), 1);
        assert_eq!(extent(&image, 0), (u64::MAX, 7, 1 << 40, 5));
    }
}
