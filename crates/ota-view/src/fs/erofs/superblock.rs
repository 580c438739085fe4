//! The superblock: features of the image, and where its metadata is.

use super::fault::{corrupt, unsupported};
use crate::fs::{Error, Kind, SUPERBLOCK_OFFSET, Watched, crc32c};
use crate::io::{ReadError, len_of};
use crate::little_endian::{u8_at, u16_at, u32_at, u64_at};

/// `EROFS_SUPER_MAGIC_V1`, little-endian.
pub(in crate::fs) const MAGIC: [u8; 4] = [0xe2, 0xe1, 0xf5, 0xe0];

/// The bit of a node's number that puts it into the metadata box.
pub(super) const NID_IN_METABOX: u64 = 1 << 63;

/// `sizeof(struct erofs_super_block)`, without extension slots.
const SUPERBLOCK_LEN: usize = 128;
const FEATURE_COMPAT_CHECKSUM: u32 = 1;

pub(super) const FEATURE_LZ4_0PADDING: u32 = 1;

const FEATURE_DEVICE_TABLE: u32 = 8;

pub(super) const FEATURE_48BIT: u32 = 0x80;

const FEATURE_METABOX: u32 = 0x100;
/// All supported incompatible features.
const FEATURES_KNOWN: u32 = 0x1ff;

pub(super) struct Superblock {
    pub(super) block_bits: u8,
    pub(super) features: u32,
    pub(super) root_nid: u64,
    pub(super) meta_offset: u64,
    pub(super) packed_nid: u64,
    pub(super) metabox_nid: Option<u64>,
}

/// Reads the superblock, and refuses features that are not supported.
pub(super) fn read_superblock(source: &Watched) -> Result<Superblock, Error> {
    let mut raw = [0; SUPERBLOCK_LEN];
    read(source, SUPERBLOCK_OFFSET, &mut raw)?;
    if !raw.starts_with(&MAGIC) {
        return Err(bad("its magic is wrong".to_owned()));
    }
    let block_bits = u8_at(&raw, 12);
    if !(9..=16).contains(&block_bits) {
        return Err(bad(format!("blkszbits {block_bits}, expected 9 to 16")));
    }
    check_checksum(source, &raw, block_bits)?;
    // With 48-bit addresses there may be more blocks.
    let end = u64::from(u32_at(&raw, 36)) << block_bits;
    let size = source.source.size();
    if end > size {
        return Err(Error::Read {
            kind: Kind::Erofs,
            place: "superblock".to_owned(),
            source: ReadError::OutOfBounds {
                offset: size,
                end,
                size,
            },
        });
    }
    let features = u32_at(&raw, 80);
    if features & !FEATURES_KNOWN != 0 {
        return Err(unsupported(format!("features {features:#x}")));
    }
    if u8_at(&raw, 90) != 0 {
        return Err(unsupported("folders in blocks of their own size"));
    }
    if features & FEATURE_DEVICE_TABLE != 0 && u16_at(&raw, 86) != 0 {
        return Err(unsupported("more than one device"));
    }
    // Images that do not use the wide field have the root in the narrow one.
    let root_nid = match u64_at(&raw, 112) {
        wide if features & FEATURE_48BIT != 0 && wide != 0 => wide,
        _ => u16_at(&raw, 14).into(),
    };
    let metabox_nid = match features & FEATURE_METABOX {
        0 => None,
        _ if u8_at(&raw, 13) == 0 => {
            return Err(bad("it has no room for the metadata box".to_owned()));
        }
        _ => {
            let mut nid = [0; 8];
            let end = SUPERBLOCK_OFFSET.saturating_add(len_of(&raw));
            read(source, end, &mut nid)?;
            Some(u64::from_le_bytes(nid)).filter(|nid| nid & NID_IN_METABOX == 0)
        }
    };
    Ok(Superblock {
        block_bits,
        features,
        root_nid,
        meta_offset: u64::from(u32_at(&raw, 40)) << block_bits,
        packed_nid: u64_at(&raw, 96),
        metabox_nid,
    })
}

/// Checks the superblock's checksum, if it has one: of its block, with the checksum field as zero.
fn check_checksum(
    source: &Watched,
    raw: &[u8; SUPERBLOCK_LEN],
    block_bits: u8,
) -> Result<(), Error> {
    if u32_at(raw, 8) & FEATURE_COMPAT_CHECKSUM == 0 {
        return Ok(());
    }
    let block_size = 1u64 << block_bits;
    let len = match block_size > SUPERBLOCK_OFFSET {
        true => block_size.saturating_sub(SUPERBLOCK_OFFSET),
        false => block_size,
    };
    let mut block = vec![0; usize::try_from(len).expect("at most 64 KiB")];
    read(source, SUPERBLOCK_OFFSET, &mut block)?;
    if let Some(field) = block.get_mut(4..8) {
        field.fill(0);
    }
    let (found, stated) = (crc32c(&block), u32_at(raw, 4));
    match found == stated {
        true => Ok(()),
        false => Err(bad(format!(
            "its checksum is {found:#010x}, but {stated:#010x} is stated"
        ))),
    }
}

fn read(source: &Watched, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
    source.read(offset, buf).map_err(|source| Error::Read {
        kind: Kind::Erofs,
        place: "superblock".to_owned(),
        source,
    })
}

fn bad(fault: String) -> Error {
    corrupt(format!("superblock at byte 1024: {fault}"))
}
