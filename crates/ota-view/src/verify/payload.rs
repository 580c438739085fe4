//! Checks the payload of an A/B package, and `payload_properties.txt`.
//!
//! Sources: LineageOS `Updater` ABUpdateInstaller; AOSP `update_engine`,
//! `payload_consumer/{delta_performer,payload_metadata,payload_constants}.cc`. The operations
//! are not carried out.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use sha2::{Digest, Sha256};

use super::digest_pass::{Algorithm, Pieces};
use super::{Error, Findings, offset, rules};
use crate::image::payload::{Blob, Payload};
use crate::io::{Budget, ReadAt};
use crate::package::signature::DigestAlgorithm;
use crate::package::{Package, layout};

/// Longest properties read, in bytes; real ones have about 200.
const MAX_PROPERTIES_SIZE: u64 = 64 << 10;
/// Most damaged operations that are reported one by one.
const MAX_REPORTED: usize = 5;

const KEYS: [&str; 4] = ["FILE_HASH", "FILE_SIZE", "METADATA_HASH", "METADATA_SIZE"];

/// The contents of `payload_properties.txt`.
struct Properties {
    file: (u64, Vec<u8>),
    metadata: (u64, Vec<u8>),
}

/// A payload that can be checked when the file has been read.
pub(super) struct ExaminedPayload {
    /// Offset in the package, and length.
    offset: u64,
    size: u64,
    /// Bytes before the data of the operations.
    data_offset: u64,
    /// The expected hash of the payload.
    file_hash: Option<Vec<u8>>,
    /// Operations' data to hash, in order, and the names of the partitions.
    blobs: Vec<Blob>,
    partitions: Vec<String>,
}

/// Reads manifest and properties, and checks what needs no digest of the data.
pub(super) fn examine(
    package: &Package,
    budget: &Arc<Budget>,
    findings: &mut Findings<'_>,
) -> Result<Option<ExaminedPayload>, Error> {
    let properties = read_properties(package, findings)?;
    let entry = match package.open_entry(layout::PAYLOAD) {
        Ok(Some(entry)) => entry,
        Ok(None) => return Ok(None),
        Err(error) => {
            findings.add_fault(&rules::PACKAGE_ZIP, error.kind(), error)?;
            return Ok(None);
        }
    };
    if !entry.is_stored() {
        findings.add(
            &rules::PAYLOAD_COMPRESSED,
            "payload.bin is compressed in the zip",
        );
        return Ok(None);
    }
    offset::check(package, entry.offset(), findings)?;
    let source = entry.source(budget);
    let size = source.size();
    let file_hash = properties.as_ref().and_then(|properties| {
        let (stated, hash) = &properties.file;
        if *stated != size {
            let message = format!("FILE_SIZE is {stated}, and payload.bin has {size} bytes");
            findings.add(&rules::PAYLOAD_FILE_HASH, message);
        }
        (*stated == size).then(|| hash.clone())
    });
    let payload = match Payload::open(Arc::clone(&source)) {
        Ok(payload) => payload,
        Err(error) => {
            findings.add_fault(&rules::PAYLOAD_MANIFEST, error.kind(), error)?;
            return Ok(None);
        }
    };
    if let Some(properties) = &properties {
        check_metadata(
            &*source,
            payload.manifest_end(),
            &properties.metadata,
            findings,
        )?;
    }
    let blobs = match payload.blobs() {
        Ok(blobs) => blobs,
        Err(error) => {
            findings.add_fault(&rules::PAYLOAD_MANIFEST, error.kind(), error)?;
            Vec::new()
        }
    };
    let partitions: Vec<String> = payload.partitions().map(str::to_owned).collect();
    let blobs = check_lengths(&payload, blobs, &partitions, size, findings);
    Ok(Some(ExaminedPayload {
        offset: entry.offset(),
        size,
        data_offset: payload.data_offset(),
        file_hash,
        blobs,
        partitions,
    }))
}

fn read_properties(
    package: &Package,
    findings: &mut Findings<'_>,
) -> Result<Option<Properties>, Error> {
    let text = match package.read(layout::PAYLOAD_PROPERTIES, MAX_PROPERTIES_SIZE) {
        Ok(Some(text)) => text,
        Ok(None) => {
            let message = "has payload.bin without payload_properties.txt";
            findings.add(&rules::PAYLOAD_NO_PROPERTIES, message);
            return Ok(None);
        }
        Err(error) => {
            findings.add_fault(&rules::PACKAGE_ZIP, error.kind(), error)?;
            return Ok(None);
        }
    };
    match parse_properties(&String::from_utf8_lossy(&text)) {
        Ok(properties) => Ok(Some(properties)),
        Err(fault) => {
            let message = format!("payload_properties.txt {fault}");
            findings.add(&rules::PAYLOAD_PROPERTIES, message);
            Ok(None)
        }
    }
}

/// Parses lines of `KEY=value`; keys other than [`KEYS`] are allowed. The Updater passes each line to
/// update_engine, which refuses lines without `=`, empty lines, and repeated keys
/// (`ParseKeyValuePairHeaders` of update_attempter_android.cc).
fn parse_properties(text: &str) -> Result<Properties, String> {
    let mut values = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        let (key, value) = match line.split_once('=') {
            Some(pair) => pair,
            None if line.is_empty() => return Err("has an empty line".to_owned()),
            None => return Err(format!("has the line `{line}`, expected KEY=value")),
        };
        if values.insert(key, value).is_some() {
            return Err(format!("has {key} more than once"));
        }
    }
    if let Some(missing) = KEYS.iter().find(|key| !values.contains_key(*key)) {
        return Err(format!("has no {missing}"));
    }
    let number = |key: &str| {
        let value = values.get(key).copied().unwrap_or_default();
        let number = value.parse().ok();
        number.ok_or_else(|| format!("says {key}={value}, which is not a number"))
    };
    let hash = |key: &str| {
        let value = values.get(key).copied().unwrap_or_default();
        let hash = BASE64.decode(value).ok().filter(|hash| hash.len() == 32);
        hash.ok_or_else(|| format!("says {key}={value}, which is not a SHA-256 in base64"))
    };
    Ok(Properties {
        file: (number("FILE_SIZE")?, hash("FILE_HASH")?),
        metadata: (number("METADATA_SIZE")?, hash("METADATA_HASH")?),
    })
}

/// Checks header and manifest against the properties.
fn check_metadata(
    payload: &dyn ReadAt,
    len: u64,
    (size, hash): &(u64, Vec<u8>),
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    if *size != len {
        let message = format!("METADATA_SIZE is {size}, and header and manifest have {len} bytes");
        findings.add(&rules::PAYLOAD_METADATA_HASH, message);
        return Ok(());
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    payload.read_exact_at(0, &mut bytes)?;
    if Sha256::digest(&bytes).as_slice() != hash {
        let message = "METADATA_HASH is not that of header and manifest";
        findings.add(&rules::PAYLOAD_METADATA_HASH, message);
    }
    Ok(())
}

/// Checks that the data is contiguous up to the signatures, and keeps the pieces that are.
fn check_lengths(
    payload: &Payload,
    blobs: Vec<Blob>,
    partitions: &[String],
    size: u64,
    findings: &mut Findings<'_>,
) -> Vec<Blob> {
    let mut end = payload.data_offset();
    let mut sound = Vec::new();
    let mut faults = Vec::new();
    for blob in blobs {
        let next = blob.offset.saturating_add(blob.len);
        let place = describe(partitions, &blob);
        if next > size {
            faults.push(format!(
                "the data of {place} ends at {next}, behind the payload"
            ));
            break;
        }
        if blob.is_too_long {
            faults.push(format!("the data of {place} is longer than its blocks"));
        }
        if blob.offset == end {
            end = next;
            sound.push(blob);
        } else if faults.len() <= MAX_REPORTED {
            let offset = blob.offset;
            faults.push(format!(
                "the data of {place} begins at {offset}, expected {end}"
            ));
        }
    }
    if faults.is_empty() {
        let data_len = end.saturating_sub(payload.data_offset());
        let (signatures, signatures_len) = payload.signatures().unwrap_or((data_len, 0));
        if signatures != data_len {
            faults.push(format!(
                "the operations take {data_len} bytes of data, and the signatures begin behind {signatures}"
            ));
        }
        let expected = payload
            .data_offset()
            .saturating_add(signatures)
            .saturating_add(signatures_len);
        if expected != size {
            faults.push(format!(
                "it has {size} bytes, and should have {expected} by its manifest"
            ));
        }
    }
    for fault in faults.iter().take(MAX_REPORTED) {
        findings.add(&rules::PAYLOAD_LENGTH, format!("payload.bin: {fault}"));
    }
    sound
}

fn describe(partitions: &[String], blob: &Blob) -> String {
    let partition = partitions.get(blob.partition).map_or("", String::as_str);
    format!("partition `{partition}`, operation {}", blob.operation)
}

impl ExaminedPayload {
    /// Returns the offset and length that should be stated for `payload_metadata.bin`: header, manifest
    /// and the manifest's signature.
    pub(super) fn metadata(&self) -> (u64, u64) {
        (self.offset, self.data_offset)
    }

    /// Returns the pieces of the file to digest: the whole payload, and the data of operations.
    pub(super) fn pieces(&self) -> [Pieces; 2] {
        let sha256 = Algorithm::Digest(DigestAlgorithm::Sha256);
        let mut whole = Pieces::new(sha256);
        if self.file_hash.is_some() {
            whole.push(self.offset..self.offset.saturating_add(self.size));
        }
        let mut blobs = Pieces::new(sha256);
        for blob in &self.blobs {
            let start = self.offset.saturating_add(blob.offset);
            blobs.push(start..start.saturating_add(blob.len));
        }
        [whole, blobs]
    }

    /// Checks the digests of [`ExaminedPayload::pieces`].
    pub(super) fn check_digests(
        self,
        mut digests: impl Iterator<Item = Vec<Vec<u8>>>,
        findings: &mut Findings<'_>,
    ) {
        let whole = digests.next().unwrap_or_default().pop();
        if self.file_hash.is_some() && whole != self.file_hash {
            let message = "FILE_HASH is not that of payload.bin";
            findings.add(&rules::PAYLOAD_FILE_HASH, message);
        }
        let found = digests.next().unwrap_or_default();
        let is_wrong =
            |(blob, found): &(&Blob, Vec<u8>)| blob.sha256.is_some_and(|stated| *found != stated);
        let wrong: Vec<&Blob> = self
            .blobs
            .iter()
            .zip(found)
            .filter(is_wrong)
            .map(|(blob, _)| blob)
            .collect();
        for blob in wrong.iter().take(MAX_REPORTED) {
            let message = format!(
                "payload.bin: the data of {} is damaged",
                describe(&self.partitions, blob)
            );
            findings.add(&rules::PAYLOAD_OPERATION_HASH, message);
        }
        if wrong.len() > MAX_REPORTED {
            let message = format!(
                "payload.bin: {} more operations",
                wrong.len() - MAX_REPORTED
            );
            findings.add(&rules::PAYLOAD_OPERATION_HASH, message);
        }
    }
}
