//! The central directory: the list of a zip's entries.
//!
//! In: the whole file. Out: its [`Directory`], found from the end of the file, and the entries
//! in it.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use super::limits::{MAX_CENTRAL_SIZE, MAX_ENTRIES};
use crate::io::ReadAt;
use crate::little_endian::{u16_at, u32_at, u64_at};

/// One local file header, without its name and extra field (APPNOTE 4.3.7).
pub(crate) const LOCAL_LEN: u64 = 30;
pub(super) const LOCAL_MAGIC: [u8; 4] = *b"PK\x03\x04";
/// End of central directory record, without its comment (APPNOTE 4.3.16).
pub(super) const EOCD_LEN: usize = 22;
pub(crate) const EOCD_MAGIC: [u8; 4] = *b"PK\x05\x06";
/// The longest comment a 16-bit length allows.
const MAX_COMMENT_LEN: usize = 0xffff;
/// Zip64 end of central directory locator and record (APPNOTE 4.3.14, 4.3.15).
const ZIP64_LOCATOR_LEN: usize = 20;
const ZIP64_LOCATOR_MAGIC: [u8; 4] = *b"PK\x06\x07";
const ZIP64_EOCD_MAGIC: [u8; 4] = *b"PK\x06\x06";
const ZIP64_EOCD_LEN: usize = 56;
/// One central directory header, without its three variable parts.
const CENTRAL_LEN: usize = 46;
const CENTRAL_MAGIC: [u8; 4] = *b"PK\x01\x02";

/// The extra field with 64-bit sizes (APPNOTE 4.5.3).
pub(super) const ZIP64_FIELD: u16 = 1;

/// An entry as the central directory describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// Length in the package, in bytes.
    pub compressed_size: u64,
    /// Declared length of its contents, in bytes.
    pub size: u64,
    /// Compression method: 0 stored, 8 deflated (APPNOTE 4.4.5).
    pub method: u16,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Declared CRC-32 of its contents (APPNOTE 4.4.7).
    pub crc32: u32,
    /// Position in the central directory, from 0.
    pub index: u64,
    /// Length of its extra field in the central directory, in bytes.
    pub extra_len: u16,
    /// Offset of its local header, without the shift of the archive.
    pub(super) header_offset: u64,
    /// Least length of its local header and contents, in bytes.
    pub(super) min_len: u64,
}

/// The central directory and the comment, as found from the end of the file.
pub(super) struct Directory {
    /// Offset of the central directory.
    pub(super) start: u64,
    /// Difference between that and the stated offset.
    pub(super) shift: u64,
    /// The number of entries according to the end record.
    pub(super) num_entries: u64,
    /// The bytes of the central directory.
    pub(super) bytes: Vec<u8>,
    /// The comment of the archive.
    pub(super) comment: Vec<u8>,
}

/// Finds and reads the central directory, from the end of the file.
pub(super) fn read_directory(source: &dyn ReadAt) -> Result<Directory, Error> {
    let size = source.size();
    if size == 0 {
        return Err(Error::Empty);
    }
    let tail_len = usize::try_from(size)
        .unwrap_or(usize::MAX)
        .min(EOCD_LEN + MAX_COMMENT_LEN + ZIP64_LOCATOR_LEN);
    let mut tail = vec![0; tail_len];
    let tail_start = size - tail_len as u64;
    read(source, tail_start, &mut tail)?;
    let Some(eocd) = find_eocd(&tail) else {
        let mut head = [0; 4];
        read(source, 0, &mut head[..tail_len.min(4)])?;
        return Err(if head == LOCAL_MAGIC {
            Error::NoEnd
        } else {
            Error::NotAZip { searched: tail_len }
        });
    };
    let (before, record) = tail.split_at(eocd);
    let end = match find_zip64_locator(before) {
        Some(locator) => EndRecord::read_zip64(source, u64_at(locator, 8))?,
        None => EndRecord::parse(record, tail_start + eocd as u64),
    };
    end.check_limits()?;
    // The directory ends where its end record begins, even if bytes were put
    // before the archive and its offsets are off by their number.
    let start = end
        .offset
        .checked_sub(end.central_size)
        .filter(|start| end.central_offset <= *start)
        .ok_or(Error::CentralOutOfBounds {
            offset: end.central_offset,
            size: end.central_size,
            file_size: size,
        })?;
    let mut bytes = vec![0; usize::try_from(end.central_size).expect("limited above")];
    read(source, start, &mut bytes)?;
    Ok(Directory {
        start,
        shift: start.saturating_sub(end.central_offset),
        num_entries: end.num_entries,
        bytes,
        comment: record[EOCD_LEN..].to_vec(),
    })
}

fn read(source: &dyn ReadAt, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
    let result = source.read_exact_at(offset, buf);
    result.map_err(|source| Error::Read {
        what: "zip directory",
        source,
    })
}

/// An end of central directory record, of either kind.
struct EndRecord {
    num_entries: u64,
    central_size: u64,
    central_offset: u64,
    /// Offset of the record itself.
    offset: u64,
}

impl EndRecord {
    /// Parses the record at `offset` of the file.
    fn parse(record: &[u8], offset: u64) -> EndRecord {
        EndRecord {
            num_entries: u16_at(record, 10).into(),
            central_size: u32_at(record, 12).into(),
            central_offset: u32_at(record, 16).into(),
            offset,
        }
    }

    /// Reads the zip64 record at `offset` of the file.
    fn read_zip64(source: &dyn ReadAt, offset: u64) -> Result<EndRecord, Error> {
        let mut record = [0; ZIP64_EOCD_LEN];
        let out_of_bounds = Error::CentralOutOfBounds {
            offset,
            size: ZIP64_EOCD_LEN as u64,
            file_size: source.size(),
        };
        if offset.saturating_add(ZIP64_EOCD_LEN as u64) > source.size() {
            return Err(out_of_bounds);
        }
        read(source, offset, &mut record)?;
        if !record.starts_with(&ZIP64_EOCD_MAGIC) {
            return Err(out_of_bounds);
        }
        Ok(EndRecord {
            num_entries: u64_at(&record, 32),
            central_size: u64_at(&record, 40),
            central_offset: u64_at(&record, 48),
            offset,
        })
    }

    fn check_limits(&self) -> Result<(), Error> {
        for (what, found, limit) in [
            ("number of entries", self.num_entries, MAX_ENTRIES),
            (
                "size of the central directory",
                self.central_size,
                MAX_CENTRAL_SIZE,
            ),
        ] {
            if found > limit {
                return Err(Error::TooLarge { what, found, limit });
            }
        }
        Ok(())
    }
}

/// Finds the zip64 locator, which ends where the end record begins.
fn find_zip64_locator(before: &[u8]) -> Option<&[u8]> {
    let at = before.len().checked_sub(ZIP64_LOCATOR_LEN)?;
    let locator = &before[at..];
    locator.starts_with(&ZIP64_LOCATOR_MAGIC).then_some(locator)
}

/// Whether some bytes contain the magic of an end record.
#[must_use]
pub fn has_end_record(bytes: &[u8]) -> bool {
    bytes
        .windows(EOCD_MAGIC.len())
        .any(|window| window == EOCD_MAGIC)
}

/// Finds the last end record whose comment ends exactly at the end of the file.
fn find_eocd(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(EOCD_LEN)?;
    (0..=last).rev().find(|&at| {
        let record = &tail[at..];
        record.starts_with(&EOCD_MAGIC)
            && at + EOCD_LEN + usize::from(u16_at(record, 20)) == tail.len()
    })
}

type Entries = (BTreeMap<String, EntryInfo>, BTreeSet<String>);

/// Parses the central directory: entries by name, and the names that occur more than once.
pub(super) fn parse_directory(directory: &[u8]) -> Result<Entries, Error> {
    let mut entries = BTreeMap::new();
    let mut duplicates = BTreeSet::new();
    let mut offset = 0;
    for index in 0.. {
        let bad = || Error::BadCentralEntry { index, offset };
        let rest = &directory[offset..];
        if rest.is_empty() {
            break;
        }
        if index >= MAX_ENTRIES {
            return Err(Error::TooLarge {
                what: "number of entries",
                found: index + 1,
                limit: MAX_ENTRIES,
            });
        }
        // A digital signature record may close the directory (APPNOTE 4.3.13).
        if rest.starts_with(b"PK\x05\x05") {
            break;
        }
        let (header, variable) = rest
            .split_at_checked(CENTRAL_LEN)
            .filter(|(header, _)| header.starts_with(&CENTRAL_MAGIC))
            .ok_or_else(bad)?;
        let name_len = usize::from(u16_at(header, 28));
        let extra_len = usize::from(u16_at(header, 30));
        let comment_len = usize::from(u16_at(header, 32));
        let (name, variable) = variable.split_at_checked(name_len).ok_or_else(bad)?;
        let (extra, variable) = variable.split_at_checked(extra_len).ok_or_else(bad)?;
        if variable.len() < comment_len {
            return Err(bad());
        }
        let name = String::from_utf8_lossy(name).into_owned();
        if !is_safe_name(&name) {
            return Err(Error::UnsafeName { name });
        }
        let (size, compressed_size, header_offset) = entry_numbers(header, extra);
        let info = EntryInfo {
            header_offset,
            min_len: (LOCAL_LEN + name_len as u64).saturating_add(compressed_size),
            compressed_size,
            size,
            method: u16_at(header, 10),
            encrypted: u16_at(header, 8) & 1 == 1,
            crc32: u32_at(header, 16),
            index,
            extra_len: u16_at(header, 30),
        };
        if entries.insert(name.clone(), info).is_some() {
            duplicates.insert(name);
        }
        offset += CENTRAL_LEN + name_len + extra_len + comment_len;
    }
    Ok((entries, duplicates))
}

/// Returns the uncompressed size, the compressed size and the offset of the local header, from the
/// zip64 extra field if the 32-bit fields overflow (APPNOTE 4.5.3).
fn entry_numbers(header: &[u8], mut extra: &[u8]) -> (u64, u64, u64) {
    let mut compressed = u64::from(u32_at(header, 20));
    let mut size = u64::from(u32_at(header, 24));
    let mut offset = u64::from(u32_at(header, 42));
    while let Some((field, rest)) = extra.split_at_checked(4) {
        let len = usize::from(u16_at(field, 2)).min(rest.len());
        let (mut data, rest) = rest.split_at(len);
        if u16_at(field, 0) == ZIP64_FIELD {
            for value in [&mut size, &mut compressed, &mut offset] {
                if *value == u64::from(u32::MAX)
                    && let Some((wide, rest)) = data.split_at_checked(8)
                {
                    *value = u64_at(wide, 0);
                    data = rest;
                }
            }
        }
        extra = rest;
    }
    (size, compressed, offset)
}

/// Whether a name stays inside the folder that a package is unpacked to.
fn is_safe_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| part != "..")
        && !matches!(name.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic())
}

/// Finds the entries that share bytes with another, each with one of the others.
pub(super) fn find_overlaps(entries: &BTreeMap<String, EntryInfo>) -> BTreeMap<String, String> {
    let mut in_order: Vec<(&String, u64, u64)> = entries
        .iter()
        .map(|(name, entry)| {
            let end = entry.header_offset.saturating_add(entry.min_len);
            (name, entry.header_offset, end)
        })
        .collect();
    in_order.sort_by_key(|(_, start, _)| *start);
    let mut overlaps = BTreeMap::new();
    // The entry with the largest end so far.
    let mut furthest: Option<(&String, u64)> = None;
    for (name, start, end) in in_order {
        if let Some((other, _)) = furthest.filter(|(_, reach)| *reach > start) {
            overlaps.entry(name.clone()).or_insert(other.clone());
            overlaps.entry(other.clone()).or_insert(name.clone());
        }
        if furthest.is_none_or(|(_, reach)| end > reach) {
            furthest = Some((name, end));
        }
    }
    overlaps
}
