//! Checks for packages of all layouts: whether they can be installed, and the checksums of their
//! entries.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use super::digest_pass::{Algorithm, Hasher, Pieces};
use super::{Error, Findings, rules};
use crate::error_kind::ErrorKind;
use crate::image::transfer_list::OP_LIST;
use crate::io::{Budget, ReadError};
use crate::package::zip::{Entry, EntryInfo};
use crate::package::{Package, layout, metadata};

/// Bytes decoded at a time.
const BUFFER_LEN: usize = 128 << 10;
/// Android 10: its recovery is the first that refuses packages without metadata.
const METADATA_SDK: u32 = 29;
/// Most errors of one kind that are reported one by one.
const MAX_REPORTED: usize = 10;

/// Checks the names of the entries, and returns whether the package is for A/B devices.
pub(super) fn check(package: &Package, findings: &mut Findings<'_>) -> bool {
    for name in package.duplicates().take(MAX_REPORTED) {
        let message = format!("entry `{name}` occurs more than once");
        findings.add(&rules::PACKAGE_ZIP, message);
    }
    for (name, other) in package.overlaps().take(MAX_REPORTED) {
        let message = format!("entries `{name}` and `{other}` share bytes");
        findings.add(&rules::PACKAGE_ZIP, message);
    }
    if package.contains(layout::PAYLOAD) {
        return true;
    }
    if let Err(error) = layout::detect(package) {
        findings.add(&rules::PACKAGE_NOT_A_ROM, error.to_string());
    }
    if !package.contains(layout::UPDATE_BINARY) {
        let message = format!("has neither payload.bin nor {}", layout::UPDATE_BINARY);
        findings.add(&rules::PACKAGE_UPDATE_BINARY, message);
    }
    false
}

/// Checks what only recoveries require.
pub(super) fn check_for_recovery(
    package: &Package,
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    if package.shift() > 0 {
        let message = format!(
            "{} bytes lie before the archive, and a recovery does not look behind them",
            package.shift()
        );
        findings.add(&rules::PACKAGE_ZIP, message);
    }
    // A zip that is not a ROM already has a finding.
    if package.contains(metadata::TEXT) || layout::detect(package).is_err() {
        return Ok(());
    }
    let rule = match is_new(package)? {
        true => &rules::PACKAGE_METADATA,
        false => &rules::PACKAGE_NO_METADATA,
    };
    findings.add(rule, format!("has no {}", metadata::TEXT));
    Ok(())
}

/// Whether a package without text metadata is certainly of Android 10 or later.
fn is_new(package: &Package) -> Result<bool, Error> {
    let bytes = match package.read(metadata::PROTOBUF, metadata::MAX_SIZE) {
        Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Limit) => {
            return Err(error.into());
        }
        read => read.ok().flatten(),
    };
    let facts = bytes.and_then(|bytes| metadata::parse_pb(&bytes).ok());
    let sdk_level = facts.and_then(|facts| facts.sdk_level);
    Ok(sdk_level.map_or_else(
        || package.contains(OP_LIST),
        |sdk_level| sdk_level >= METADATA_SDK,
    ))
}

/// Checks the checksums of all entries.
pub(super) struct Checksums {
    /// Stored entries by offset, with their end and stated checksum.
    stored: Vec<(u64, u64, u32, String)>,
    compressed: BTreeSet<String>,
    num_wrong: usize,
}

impl Checksums {
    /// Finds the bytes of all entries. Entries that share bytes already have a finding.
    pub(super) fn plan(package: &Package, findings: &mut Findings<'_>) -> Result<Checksums, Error> {
        let entries = package.in_order().into_iter();
        let entries: Vec<(String, EntryInfo)> = entries
            .map(|(name, info)| (name.to_owned(), info))
            .collect();
        let unsound: BTreeSet<String> = package
            .duplicates()
            .chain(package.overlaps().map(|(name, _)| name))
            .map(str::to_owned)
            .collect();
        let mut checksums = Checksums {
            stored: Vec::new(),
            compressed: BTreeSet::new(),
            num_wrong: 0,
        };
        for (name, info) in entries {
            if name.ends_with('/') || unsound.contains(&name) {
                continue;
            }
            let entry = match package.open_entry(&name) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(error) => {
                    findings.add_fault(&rules::PACKAGE_ZIP, error.kind(), error)?;
                    continue;
                }
            };
            if entry.is_stored() {
                let end = entry.offset().saturating_add(info.compressed_size);
                checksums
                    .stored
                    .push((entry.offset(), end, info.crc32, name));
            } else {
                checksums.compressed.insert(name);
            }
        }
        checksums.stored.sort();
        Ok(checksums)
    }

    /// Returns the pieces of the file to checksum.
    pub(super) fn pieces(&mut self) -> Pieces {
        let mut pieces = Pieces::new(Algorithm::Crc32);
        self.stored
            .retain(|(start, end, ..)| pieces.push(*start..*end).is_some());
        pieces
    }

    /// Checks an entry that another check has decoded, so that it is not decoded again.
    pub(super) fn check_decoded(
        &mut self,
        name: &str,
        found: Hasher,
        stated: u32,
        findings: &mut Findings<'_>,
    ) {
        if self.compressed.remove(name) {
            self.check_one(name, &found.finish(), stated, findings);
        }
    }

    /// Decodes the remaining compressed entries.
    pub(super) fn check_compressed(
        &mut self,
        package: &Package,
        budget: &Arc<Budget>,
        findings: &mut Findings<'_>,
    ) -> Result<(), Error> {
        for name in std::mem::take(&mut self.compressed) {
            let info = package.entry(&name);
            let entry = package.open_entry(&name)?;
            let Some((info, entry)) = info.zip(entry) else {
                continue;
            };
            let mut hasher = Hasher::new(Algorithm::Crc32);
            match read_entry(&entry, &info, budget, |bytes| hasher.update(bytes)) {
                Ok(()) => self.check_one(&name, &hasher.finish(), info.crc32, findings),
                Err(error) => {
                    let error = Named { name, error };
                    let kind = error.error.kind();
                    findings
                        .add_fault(&rules::PACKAGE_ZIP, kind, error)
                        .map_err(|named| named.error)?;
                }
            }
        }
        Ok(())
    }

    /// Checks the stored entries.
    pub(super) fn check_digests(mut self, found: Vec<Vec<u8>>, findings: &mut Findings<'_>) {
        for ((_, _, stated, name), found) in std::mem::take(&mut self.stored).iter().zip(found) {
            self.check_one(name, &found, *stated, findings);
        }
        if self.num_wrong > MAX_REPORTED {
            let message = format!("{} more entries are damaged", self.num_wrong - MAX_REPORTED);
            findings.add(&rules::PACKAGE_CRC, message);
        }
    }

    fn check_one(&mut self, name: &str, found: &[u8], stated: u32, findings: &mut Findings<'_>) {
        if found == stated.to_be_bytes() {
            return;
        }
        self.num_wrong = self.num_wrong.saturating_add(1);
        if self.num_wrong <= MAX_REPORTED {
            let found = base16ct::lower::encode_string(found);
            let message = format!("entry `{name}` has the CRC {found}, stated is {stated:08x}");
            findings.add(&rules::PACKAGE_CRC, message);
        }
    }
}

/// An error, and the entry that it is in.
#[derive(Debug, thiserror::Error)]
#[error("entry `{name}`")]
struct Named {
    name: String,
    #[source]
    error: ReadError,
}

/// Decodes an entry to its end, but not beyond its stated length.
///
/// # Errors
/// Those of the decoder and the budget, and if the entry's length is not the stated one.
pub(super) fn read_entry(
    entry: &Entry,
    info: &EntryInfo,
    budget: &Arc<Budget>,
    mut take: impl FnMut(&[u8]),
) -> Result<(), ReadError> {
    let len = read_stream(&mut *entry.stream(), "entry", budget, info.size, &mut take)?;
    match len == info.size {
        true => Ok(()),
        false => Err(ReadError::decode(
            "entry",
            len,
            std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("its length is not the {} bytes stated", info.size),
            ),
        )),
    }
}

/// Decodes a stream to its end, or until it is longer than `max` bytes, and returns its length.
///
/// # Errors
/// Those of the decoder and the budget.
pub(super) fn read_stream(
    stream: &mut dyn Read,
    what: &'static str,
    budget: &Arc<Budget>,
    max: u64,
    take: &mut dyn FnMut(&[u8]),
) -> Result<u64, ReadError> {
    let mut buffer = vec![0; BUFFER_LEN];
    let mut len = 0u64;
    while len <= max {
        let read = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ReadError::decode(what, len, error)),
        };
        budget.charge_decoded(read as u64)?;
        take(buffer.get(..read).unwrap_or_default());
        len = len.saturating_add(read as u64);
    }
    Ok(len)
}
