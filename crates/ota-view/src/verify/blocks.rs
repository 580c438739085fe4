//! Checks block-based packages: each transfer list and its data.
//!
//! Source: AOSP `bootable/recovery/updater/blockimg.cpp`. What a list reads of the old partition is
//! on the phone and not checked.

use std::io::Read;
use std::sync::Arc;

use super::digest_pass::{Algorithm, Hasher};
use super::layout::{Checksums, read_entry, read_stream};
use super::{Error, Findings, rules};
use crate::codec::Codec;
use crate::error_kind::{ErrorKind, chain};
use crate::image::MAX_PARTITIONS;
use crate::image::transfer_list::{self, TransferList};
use crate::io::{Budget, ReadError};
use crate::ota::{NewData, find_new_data};
use crate::package::Package;
use crate::package::zip::{Entry, EntryInfo};

/// Checks all transfer lists of a package.
pub(super) fn check(
    package: &Package,
    budget: &Arc<Budget>,
    checksums: &mut Checksums,
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    let lists: Vec<String> = package
        .names()
        .filter(|name| name.ends_with(".transfer.list") && !name.contains('/'))
        .take(MAX_PARTITIONS)
        .map(str::to_owned)
        .collect();
    for list in lists {
        check_list(package, &list, budget, checksums, findings)?;
    }
    Ok(())
}

/// Checks one transfer list and its data.
fn check_list(
    package: &Package,
    list_name: &str,
    budget: &Arc<Budget>,
    checksums: &mut Checksums,
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    let partition = list_name.trim_end_matches(".transfer.list");
    let patches = format!("{partition}.patch.dat");
    if !package.contains(&patches) {
        let message = format!("`{list_name}` has no `{patches}`");
        findings.add(&rules::BLOCKS_FILES, message);
    }
    let list = match package.read(list_name, transfer_list::MAX_SIZE) {
        Ok(list) => list.unwrap_or_default(),
        Err(error) => {
            return Ok(findings.add_fault(&rules::PACKAGE_ZIP, error.kind(), error)?);
        }
    };
    let expected = match len_of_new_data(&list) {
        Ok(len) => len,
        Err(error) => {
            let message = format!("`{list_name}`: {}", chain(&error));
            findings.add(&rules::BLOCKS_LIST, message);
            return Ok(());
        }
    };
    let Some((codec, names)) = find_data(package, list_name, partition, findings) else {
        return Ok(());
    };
    let max = expected.saturating_add(1);
    let mut entries = Vec::new();
    for name in names {
        let info = package.entry(&name);
        match package.open_entry(&name) {
            Ok(entry) => entries.extend(info.zip(entry).map(|(info, entry)| (name, info, entry))),
            Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Limit) => {
                return Err(error.into());
            }
            // Reported already: every entry is opened for its checksum.
            Err(_) => return Ok(()),
        }
    }
    let found = match codec {
        None => plain_len(&entries, budget, checksums, findings),
        Some(codec) => decoded_len(&entries, codec, budget, max),
    };
    let data = format!("`{partition}.new.dat`");
    match found {
        Ok(found) if found == expected => {}
        Ok(found) => {
            let more = if found > expected && codec.is_some() {
                "more than "
            } else {
                ""
            };
            let found = if more.is_empty() { found } else { expected };
            let message = format!(
                "{data} holds {more}{found} bytes, and its transfer list writes {expected}"
            );
            findings.add(&rules::BLOCKS_DATA, message);
        }
        Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Limit) => {
            return Err(error.into());
        }
        Err(error) => {
            let message = format!("{data} cannot be decoded: {}", chain(&error));
            findings.add(&rules::BLOCKS_DATA, message);
        }
    }
    Ok(())
}

/// Finds the entries of a list's data, and how they are compressed; `None` after a finding that they
/// are missing, incomplete or ambiguous.
fn find_data(
    package: &Package,
    list_name: &str,
    partition: &str,
    findings: &mut Findings<'_>,
) -> Option<(Option<Codec>, Vec<String>)> {
    let NewData {
        codec,
        names,
        has_gap,
        rival,
    } = find_new_data(package, partition);
    if names.is_empty() || has_gap || rival.is_some() {
        let message = match has_gap {
            _ if let Some(rival) = rival => {
                format!("`{list_name}` has its data twice: `{rival}` could be meant, too")
            }
            true => format!("`{list_name}` lacks a part of `{partition}.new.dat`"),
            false => format!("`{list_name}` has no `{partition}.new.dat`"),
        };
        findings.add(&rules::BLOCKS_FILES, message);
        return None;
    }
    Some((codec, names))
}

/// Returns the bytes of new data; all commands are checked if the list needs no source.
fn len_of_new_data(list: &[u8]) -> Result<u64, transfer_list::Error> {
    match transfer_list::needs_source(list) {
        true => transfer_list::new_data_len(list),
        false => Ok(TransferList::parse(list)?.data_len),
    }
}

/// Name, central directory record and contents.
type Opened = (String, EntryInfo, Entry);

/// Returns the length of data that only the zip compresses, and checks its checksum.
fn plain_len(
    entries: &[Opened],
    budget: &Arc<Budget>,
    checksums: &mut Checksums,
    findings: &mut Findings<'_>,
) -> Result<u64, ReadError> {
    let mut len = 0u64;
    for (name, info, entry) in entries {
        if !entry.is_stored() {
            let mut hasher = Hasher::new(Algorithm::Crc32);
            read_entry(entry, info, budget, |bytes| hasher.update(bytes))?;
            checksums.check_decoded(name, hasher, info.crc32, findings);
        }
        len = len.saturating_add(info.size);
    }
    Ok(len)
}

/// Returns the length of compressed data, up to a little more than `max`.
fn decoded_len(
    entries: &[Opened],
    codec: Codec,
    budget: &Arc<Budget>,
    max: u64,
) -> Result<u64, ReadError> {
    let mut stream: Box<dyn Read + Send> = Box::new(std::io::empty());
    for (_, _, entry) in entries {
        stream = Box::new(stream.chain(entry.stream()));
    }
    let what = codec.as_str();
    read_stream(&mut *codec.decode(stream), what, budget, max, &mut |_| {})
}
