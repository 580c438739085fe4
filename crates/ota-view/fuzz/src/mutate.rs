//! Mutations that get past checksums.
//!
//! In: an input. Out: the input changed by libFuzzer, with its checksums and headers corrected, so
//! that a reader does not stop at them. All inputs in the corpus are therefore ones that ota-view
//! reads, and need no fuzzer to be read again.

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzzer_mutate;
use ota_view::codec::Codec;
use sha2::{Digest, Sha256};
use testkit::zip::{Entry, Zip};

/// Most entries of a zip that is mutated.
const MAX_ENTRIES: usize = 64;
/// Longest entry that is unpacked and mutated.
const MAX_UNPACKED: u64 = 1 << 20;
/// Offset of the superblock of ext4 and EROFS, in bytes.
const SUPERBLOCK: usize = 1024;
/// Lengths of a sparse image's header and of a chunk's.
const SPARSE_LEN: usize = 28;
const CHUNK_LEN: usize = 12;

/// Changes `data[..size]`; returns its new size.
pub fn mutate(target: &str, data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    if matches!(target, "package" | "zip" | "verify")
        && !seed.is_multiple_of(4)
        && let Some(zip) = mutate_entry(&data[..size], max_size, seed / 4)
    {
        data[..zip.len()].copy_from_slice(&zip);
        return zip.len();
    }
    let size = fuzzer_mutate(data, size, max_size);
    // Sometimes a wrong checksum is itself the test.
    if !seed.is_multiple_of(16) {
        match target {
            "codec" => fix_xz(data.get_mut(1..size).unwrap_or_default()),
            _ => fix_image(&mut data[..size]),
        }
    }
    size
}

/// Changes the contents of one entry of a zip, and rewrites the zip.
fn mutate_entry(zip: &[u8], max_size: usize, seed: u32) -> Option<Vec<u8>> {
    let entries = parse_zip(zip)?;
    let chosen = seed as usize % entries.len();
    let mut rewritten = Zip::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let name = String::from_utf8(entry.name).ok()?;
        let is_deflated = entry.method == 8;
        if index != chosen {
            let mut kept = Entry::stored(&name, entry.data);
            if is_deflated {
                kept = kept.method(8).crc(entry.crc).declared_size(entry.size);
            }
            rewritten = rewritten.entry(kept);
            continue;
        }
        let mut contents = entry.data;
        if is_deflated {
            let mut unpacked = Vec::new();
            let decoder = Codec::Deflate.decode(Cursor::new(contents));
            let mut decoder = decoder.take(MAX_UNPACKED);
            decoder.read_to_end(&mut unpacked).ok()?;
            contents = unpacked;
        }
        let len = contents.len();
        let max_len = len + 256;
        contents.resize(max_len, 0);
        let len = fuzzer_mutate(&mut contents, len, max_len);
        contents.truncate(len);
        fix_image(&mut contents);
        rewritten = rewritten.entry(match is_deflated {
            true => Entry::deflated(&name, contents),
            false => Entry::stored(&name, contents),
        });
    }
    let rewritten = rewritten.build();
    (rewritten.len() <= max_size).then_some(rewritten)
}

struct ZipEntry {
    name: Vec<u8>,
    method: u16,
    crc: u32,
    size: u64,
    data: Vec<u8>,
}

/// Returns the entries of a plain zip; `None` for anything unusual.
fn parse_zip(zip: &[u8]) -> Option<Vec<ZipEntry>> {
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06")?;
    let mut at = u32_at(zip, end + 16)? as usize;
    let mut entries = Vec::new();
    while zip.get(at..)?.starts_with(b"PK\x01\x02") {
        let name_len = u16_at(zip, at + 28)?.into();
        let rest_len = usize::from(u16_at(zip, at + 30)?) + usize::from(u16_at(zip, at + 32)?);
        let local = u32_at(zip, at + 42)? as usize;
        let skipped =
            30 + usize::from(u16_at(zip, local + 26)?) + usize::from(u16_at(zip, local + 28)?);
        let data = zip.get(local + skipped..)?;
        entries.push(ZipEntry {
            name: zip.get(at + 46..)?.get(..name_len)?.to_vec(),
            method: u16_at(zip, at + 10)?,
            crc: u32_at(zip, at + 16)?,
            size: u32_at(zip, at + 24)?.into(),
            data: data.get(..u32_at(zip, at + 20)? as usize)?.to_vec(),
        });
        at += 46 + name_len + rest_len;
    }
    (1..=MAX_ENTRIES)
        .contains(&entries.len())
        .then_some(entries)
}

/// Corrects the checksums of an image of any known format.
fn fix_image(image: &mut [u8]) {
    let Some(superblock) = find_superblock(image).and_then(|at| image.get_mut(at..)) else {
        return;
    };
    if superblock.starts_with(&0xe0f5_e1e2_u32.to_le_bytes()) {
        fix_erofs(superblock);
    } else if superblock.get(56..58) == Some(&[0x53, 0xef]) {
        // `s_feature_ro_compat` without metadata_csum and gdt_csum, which would
        // mean a checksum in every structure.
        if let Some([low, high]) = superblock.get_mut(100..102) {
            *low &= !0x10;
            *high &= !0x04;
        }
    } else {
        fix_super(image);
    }
}

/// Returns the offset of the superblock, also in a sparse image with blocks of at least 1024 bytes;
/// a hole may precede it.
fn find_superblock(image: &[u8]) -> Option<usize> {
    if !image.starts_with(&0xed26_ff3a_u32.to_le_bytes()) {
        return Some(SUPERBLOCK);
    }
    let is_hole = u16_at(image, SPARSE_LEN)? == 0xcac3;
    let hole_len = u32_at(image, SPARSE_LEN + 4)?.saturating_mul(u32_at(image, 12)?);
    Some(match is_hole && hole_len == 1024 {
        true => SPARSE_LEN + CHUNK_LEN + CHUNK_LEN,
        false => SPARSE_LEN + CHUNK_LEN + SUPERBLOCK,
    })
}

fn fix_erofs(superblock: &mut [u8]) {
    let Some(&block_bits) = superblock.get(12) else {
        return;
    };
    if !(10..=16).contains(&block_bits) {
        return;
    }
    let len = match (1usize << block_bits).checked_sub(SUPERBLOCK) {
        None | Some(0) => 1 << block_bits,
        Some(len) => len,
    };
    if let Some(block) = superblock.get_mut(..len) {
        block[4..8].fill(0);
        let checksum = crc32c(block);
        block[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}

/// Corrects geometry, header and tables of a super image, in all copies.
fn fix_super(image: &mut [u8]) {
    for at in [4096, 8192] {
        fix_sha256(image, at, 52, 8);
    }
    let size = u32_at(image, 4096 + 40).unwrap_or(0) as usize;
    let num_slots = u32_at(image, 4096 + 44).unwrap_or(0).min(4) as usize;
    for copy in 0..2 * num_slots {
        let at = 12288 + copy.saturating_mul(size);
        let header_len = u32_at(image, at + 8).unwrap_or(0) as usize;
        let tables_len = u32_at(image, at + 44).unwrap_or(0) as usize;
        let tables = at.saturating_add(header_len);
        let tables = image.get(tables..tables.saturating_add(tables_len));
        let sha256 = Sha256::digest(tables.unwrap_or_default());
        if let Some(place) = image.get_mut(at + 48..at + 80) {
            place.copy_from_slice(&sha256);
        }
        fix_sha256(image, at, header_len, 12);
    }
}

/// Writes a structure's checksum, computed with zeros in its place.
fn fix_sha256(image: &mut [u8], at: usize, len: usize, place: usize) {
    let structure = image.get_mut(at..).and_then(|rest| rest.get_mut(..len));
    let Some(structure) = structure.filter(|structure| structure.len() >= place + 32) else {
        return;
    };
    structure[place..place + 32].fill(0);
    let sha256 = Sha256::digest(&structure);
    structure[place..place + 32].copy_from_slice(&sha256);
}

/// Corrects the stream header and the first block header of an xz stream.
fn fix_xz(stream: &mut [u8]) {
    if !stream.starts_with(b"\xfd7zXZ\0") || stream.len() < 13 {
        return;
    }
    let checksum = crc32fast::hash(&stream[6..8]);
    stream[8..12].copy_from_slice(&checksum.to_le_bytes());
    let header_len = (usize::from(stream[12]) + 1) * 4;
    if let Some(header) = stream.get_mut(12..12 + header_len) {
        let (header, place) = header.split_at_mut(header_len - 4);
        place.copy_from_slice(&crc32fast::hash(header).to_le_bytes());
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
