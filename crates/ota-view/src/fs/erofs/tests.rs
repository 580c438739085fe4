use std::sync::Arc;

use super::data::Depth;
use super::image::Erofs;
use super::inode::EXTENDED_LEN;
use super::superblock::{FEATURE_48BIT, MAGIC};
use crate::fs::Error;

/// Builds an image that has only a superblock.
fn image() -> Vec<u8> {
    let mut image = vec![0; 4096];
    image[1024..1028].copy_from_slice(&MAGIC);
    image[1036] = 12;
    image[1104..1108].copy_from_slice(&FEATURE_48BIT.to_le_bytes());
    image
}

/// Builds an inode from its format and number of attributes.
fn raw_inode(format: u16, num_attributes: u16) -> [u8; EXTENDED_LEN] {
    let mut raw = [0; EXTENDED_LEN];
    raw[..2].copy_from_slice(&format.to_le_bytes());
    raw[2..4].copy_from_slice(&num_attributes.to_le_bytes());
    raw[4..6].copy_from_slice(&0o100_644u16.to_le_bytes());
    raw
}

#[test]
fn two_extents_with_the_same_start_are_decoded_to_their_own_lengths() {
    let mut image = image();
    let mut raw = raw_inode(3, 0);
    raw[8] = 100;
    image[2048..2112].copy_from_slice(&raw);
    // Four records of 16 bytes, the last of which has the same start as the first.
    image[2112..2120].copy_from_slice(&[4, 0, 0, 0, 5, 0, 0, 0]);
    for (index, start) in [0u32, 10, 50, 0].into_iter().enumerate() {
        let record = [1 << 28 | 64, 3072, 0, start]
            .map(u32::to_le_bytes)
            .concat();
        image[2128 + index * 16..][..16].copy_from_slice(&record);
    }
    // LZ4: a run of 285 bytes.
    image[3072..3078].copy_from_slice(&[0x1f, b'x', 1, 0, 255, 10]);
    let erofs = Erofs::open(Arc::new(image)).unwrap();
    let inode = erofs.inode(64).unwrap();
    let mut bytes = [0; 100];
    erofs
        .read_inode(&inode, 0, &mut bytes, Depth::Normal)
        .unwrap();
    assert_eq!(bytes, [b'x'; 100]);
}

#[test]
fn inode_that_leaves_no_room_for_its_indexes_is_refused() {
    let erofs = Erofs::open(Arc::new(image())).unwrap();
    let raw = raw_inode(0, 5);
    let error = erofs.parse_inode(1, u64::MAX - 63, &raw, false);
    assert!(matches!(error, Err(Error::Corrupt { .. })), "{error:?}");
}
