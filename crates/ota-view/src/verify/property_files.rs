//! Checks `ota-property-files` and `ota-streaming-property-files` of the metadata, which list the
//! offsets of entries.
//!
//! In: the metadata, as text and protobuf, and the entries of the zip. Source: AOSP
//! `build/tools/releasetools/ota_utils.py` (PropertyFiles). Entries are listed by file
//! name, with the offset and length of their bytes, which must be stored.

use super::payload::ExaminedPayload;
use super::{Error, Findings, rules};
use crate::package::{Package, metadata};

/// The name for header, manifest and the manifest's signature of the payload; not an entry.
const PAYLOAD_METADATA: &str = "payload_metadata.bin";
/// Most errors reported for one list.
const MAX_FAULTS: usize = 100;

/// Checks all lists of an A/B package, and that there is one. Nothing reads the lists of other
/// packages.
pub(super) fn check(
    package: &Package,
    payload: Option<&ExaminedPayload>,
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    let mut checked: Vec<String> = Vec::new();
    for (entry, is_text) in [(metadata::TEXT, true), (metadata::PROTOBUF, false)] {
        let bytes = match package.read(entry, metadata::MAX_SIZE) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(error) => {
                findings.add_fault(&rules::PACKAGE_ZIP, error.kind(), error)?;
                continue;
            }
        };
        let parsed = match is_text {
            true => metadata::parse_text(&bytes),
            false => match metadata::parse_pb(&bytes) {
                Ok(parsed) => parsed,
                Err(error) => {
                    let message = format!("`{entry}` cannot be read: {error}");
                    findings.add(&rules::PACKAGE_PROPERTY_FILES, message);
                    continue;
                }
            },
        };
        let lists = [
            ("ota-property-files", parsed.property_files),
            (
                "ota-streaming-property-files",
                parsed.streaming_property_files,
            ),
        ];
        for (key, list) in lists {
            // Both forms of the metadata have the same lists.
            let Some(list) = list.filter(|list| !checked.contains(list)) else {
                continue;
            };
            let faults = check_list(package, payload, &list)?;
            if let Some((first, others)) = faults.split_first() {
                let more = match others.len() {
                    0 => String::new(),
                    n => format!("; and {n} more"),
                };
                let message = format!("{key} in `{entry}`: {first}{more}");
                findings.add(&rules::PACKAGE_PROPERTY_FILES, message);
            }
            checked.push(list);
        }
    }
    if checked.is_empty() {
        let message = "its metadata has no ota-property-files";
        findings.add(&rules::PACKAGE_NO_PROPERTY_FILES, message);
    }
    Ok(())
}

/// Finds the errors of one list: `name:offset:length`, separated by commas.
fn check_list(
    package: &Package,
    payload: Option<&ExaminedPayload>,
    list: &str,
) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    for token in list.trim().split(',') {
        if faults.len() >= MAX_FAULTS {
            break;
        }
        let Some((name, stated)) = parse_token(token) else {
            faults.push(format!("`{token}` is not name:offset:length"));
            continue;
        };
        let found = match name {
            // An unreadable payload is reported instead.
            PAYLOAD_METADATA => match payload {
                Some(payload) => Ok(payload.metadata()),
                None => continue,
            },
            name => find(package, name)?,
        };
        match found {
            Ok(found) if found == stated => {}
            Ok((offset, len)) => faults.push(format!(
                "{name} should be at {} with {} bytes, and is at {offset} with {len}",
                stated.0, stated.1
            )),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(faults)
}

fn parse_token(token: &str) -> Option<(&str, (u64, u64))> {
    let (rest, len) = token.trim().rsplit_once(':')?;
    let (name, offset) = rest.rsplit_once(':')?;
    Some((name, (offset.parse().ok()?, len.parse().ok()?)))
}

/// Finds the offset and length of the entry with a file name, or what is wrong with it.
fn find(package: &Package, name: &str) -> Result<Result<(u64, u64), String>, Error> {
    let is_it = |entry: &&str| entry.rsplit('/').next() == Some(name);
    let Some(entry) = package.names().find(is_it).map(str::to_owned) else {
        return Ok(Err(format!("there is no entry {name}")));
    };
    let info = package.entry(&entry);
    Ok(match package.open_entry(&entry) {
        Ok(Some(opened)) if opened.is_stored() => {
            Ok((opened.offset(), info.map_or(0, |info| info.size)))
        }
        Ok(_) => Err(format!("{name} is compressed, and can be read in no range")),
        Err(error) => Err(format!("{name}: {error}")),
    })
}
