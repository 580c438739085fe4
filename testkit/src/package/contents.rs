//! What the entries of a package hold, and how the signing tool writes them.

use crate::{BLOCK_SIZE, noise, props::Props, proto::Message, zip::Entry};

/// Returns an entry as the signing tool stores it.
pub(super) fn aligned(name: &str, data: impl Into<Vec<u8>>) -> Entry {
    Entry::stored(name, data).extra(alignment_field(), alignment_field())
}

/// Returns an entry as the signing tool compresses it: written in one go, sizes after the data.
pub(super) fn packed(name: &str, data: impl Into<Vec<u8>>) -> Entry {
    Entry::deflated(name, data).data_descriptor()
}

/// The extra field 0xd935 of Android's signing tool, without padding.
pub(super) fn alignment_field() -> Vec<u8> {
    vec![0x35, 0xd9, 2, 0, 0, 0]
}

/// Pads to whole blocks.
pub(super) fn blocks(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(BLOCK_SIZE), 0);
    bytes
}

/// Returns an image without a file system: the properties, a hole, and some code.
pub(super) fn default_image(props: &Props) -> Vec<u8> {
    let mut image = blocks(props.text().into_bytes());
    image.resize(image.len() + 6 * BLOCK_SIZE, 0);
    image.extend(noise(5, BLOCK_SIZE));
    image
}

pub(super) fn boot_image(fingerprint: &str) -> Vec<u8> {
    let mut image = b"ANDROID!".to_vec();
    image.extend_from_slice(&noise(7, 56));
    image.extend_from_slice(fingerprint.as_bytes());
    blocks(image)
}

pub(super) fn updater() -> Vec<u8> {
    let mut program = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0".to_vec();
    program.extend_from_slice(&noise(9, 236));
    program
}

pub(super) fn bsdiff_patch() -> Vec<u8> {
    let mut patch = b"BSDIFF40".to_vec();
    patch.extend_from_slice(&noise(13, 120));
    patch
}

/// Returns a `CareMap` with one partition: name, ranges, id, fingerprint.
pub(super) fn care_map(fingerprint: &str) -> Vec<u8> {
    let system = Message::new()
        .bytes(1, "system")
        .bytes(2, "2,0,7")
        .bytes(3, "ro.system.build.fingerprint")
        .bytes(4, fingerprint);
    Message::new().message(1, &system).build()
}

/// Returns an `ApexMetadata` with one compressed package.
pub(super) fn apex_info() -> Vec<u8> {
    let apex = Message::new()
        .bytes(1, "com.android.runtime")
        .uint(2, 1)
        .uint(3, 1)
        .uint(4, 6_549_504);
    Message::new().message(1, &apex).build()
}
