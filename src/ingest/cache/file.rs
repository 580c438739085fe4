//! The format of the cache file: entries by path, with a checksum.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base16ct::lower::encode_string as hex;
use digest_lanes::Stamp;
use ota_view::device_props::DeviceProps;
use ota_view::finding::Finding;
use ota_view::fs::Kind;
use ota_view::package::signature::Signer;
use ota_view::props::{Era, PropertyFile, PropertyMap};
use ota_view::verify::{Verdict, rules};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::PartitionFacts;

/// Version of the cache file; a file of another version is ignored.
const VERSION: u32 = 5;

/// Must be raised when `verify` finds more, or judges differently.
const CHECKS_VERSION: u32 = 3;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheFile<'a> {
    version: u32,
    /// What `device` entries depend on besides the file.
    reader: &'a str,
    /// SHA-256 of `files` as it stands here: a digest with a flipped bit would be published.
    sum: &'a str,
    /// Entries by path.
    #[serde(borrow)]
    files: &'a RawValue,
}

pub(super) type Files = BTreeMap<PathBuf, CacheEntry>;

/// Returns the entries of a cache file and what their `device` depends on; `None` if it is damaged
/// or of another version.
pub(super) fn parse(bytes: &[u8]) -> Option<(Files, String)> {
    let file: CacheFile<'_> = serde_json::from_slice(bytes).ok()?;
    let is_whole = file.version == VERSION && file.sum == sum(file.files);
    let files = serde_json::from_str(file.files.get()).ok();
    Some((files.filter(|_| is_whole)?, file.reader.to_owned()))
}

pub(super) fn render(files: &Files, reader: &str) -> serde_json::Result<Vec<u8>> {
    let files = &*serde_json::value::to_raw_value(files)?;
    let wire = CacheFile {
        version: VERSION,
        reader,
        sum: &sum(files),
        files,
    };
    serde_json::to_vec(&wire)
}

fn sum(files: &RawValue) -> String {
    hex(&Sha256::digest(files.get()))
}

/// What is known of one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CacheEntry {
    pub(super) size: u64,
    pub(super) modified_ns: i64,
    pub(super) changed_ns: i64,
    pub(super) inode: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) md5: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    pub(super) device: Option<WireDevice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<WireFault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<WireVerdict>,
}

impl CacheEntry {
    /// Creates an entry without any knowledge about the file.
    pub(super) fn new(stamp: Stamp) -> CacheEntry {
        CacheEntry {
            size: stamp.size,
            modified_ns: stamp.modified_ns,
            changed_ns: stamp.changed_ns,
            inode: stamp.inode,
            md5: None,
            sha256: None,
            device: None,
            fault: None,
            verdict: None,
        }
    }

    /// Adds what another run learned about the same file, where nothing is known.
    pub(super) fn complete(&mut self, other: CacheEntry) {
        self.md5 = self.md5.take().or(other.md5);
        self.sha256 = self.sha256.take().or(other.sha256);
        if self.device.is_none() && self.fault.is_none() {
            (self.device, self.fault) = (other.device, other.fault);
        }
        self.verdict = self.verdict.take().or(other.verdict);
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            size: self.size,
            modified_ns: self.modified_ns,
            changed_ns: self.changed_ns,
            inode: self.inode,
        }
    }
}

/// The verdict on a package that was read in full.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireVerdict {
    checks: u32,
    is_ab: bool,
    /// Ids of rules, and what was found.
    findings: Vec<(String, String)>,
    signer: Option<WireSigner>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSigner {
    fingerprint: String,
    subject: Option<String>,
    key: String,
}

impl WireVerdict {
    pub(super) fn new(verdict: &Verdict) -> WireVerdict {
        let findings = verdict.findings.iter();
        let signer = verdict.signer.as_ref().zip(verdict.key.as_ref());
        WireVerdict {
            checks: CHECKS_VERSION,
            is_ab: verdict.is_ab,
            findings: findings
                .map(|finding| (finding.rule.id.to_owned(), finding.message.clone()))
                .collect(),
            signer: signer.map(|(signer, key)| WireSigner {
                fingerprint: signer.fingerprint.clone(),
                subject: signer.subject.clone(),
                key: key.clone(),
            }),
        }
    }

    /// Returns the verdict, unless it was made by another version of the checks.
    pub(super) fn verdict(&self, place: &str) -> Option<Verdict> {
        let finding = |(id, message): &(String, String)| {
            let rule = rules::find(id)?;
            Some(Finding::new(rule, place, message.clone()))
        };
        let findings = self.findings.iter().map(finding).collect::<Option<_>>();
        let signer = self.signer.as_ref();
        Some(Verdict {
            findings: findings.filter(|_| self.checks == CHECKS_VERSION)?,
            is_ab: self.is_ab,
            key: signer.map(|signer| signer.key.clone()),
            signer: signer.map(|signer| Signer {
                fingerprint: signer.fingerprint.clone(),
                subject: signer.subject.clone(),
            }),
        })
    }
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFault {
    #[serde(rename = "class")]
    pub(super) kind: String,
    pub(super) message: String,
}

/// Properties of the partitions that facts depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireDevice {
    is_delta: bool,
    #[serde(default)]
    has_projects: bool,
    files: Vec<WireFile>,
    file_systems: BTreeMap<String, String>,
    warnings: Vec<String>,
}

/// The properties in one file of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFile {
    place: String,
    properties: BTreeMap<String, String>,
}

impl WireDevice {
    /// Takes those properties that are wanted.
    pub(super) fn new(facts: &PartitionFacts, is_wanted: &dyn Fn(&str) -> bool) -> WireDevice {
        let props = &facts.device_props.props;
        let files = facts.device_props.files.iter().map(|place| WireFile {
            place: place.clone(),
            properties: props
                .iter()
                .filter(|(key, _)| props.place(key) == Some(place))
                .filter(|(key, _)| is_wanted(key))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        });
        let systems = facts.device_props.file_systems.iter();
        WireDevice {
            is_delta: facts.is_delta,
            has_projects: facts.has_projects,
            files: files.collect(),
            file_systems: systems
                .map(|(partition, kind)| (partition.clone(), kind.as_str().to_owned()))
                .collect(),
            warnings: facts.device_props.warnings.clone(),
        }
    }

    pub(super) fn partition_facts(&self) -> PartitionFacts {
        // Every key is stored for one file only, so the order does not matter.
        let files = self.files.iter().map(|file| {
            let properties = file.properties.iter();
            PropertyFile::from_definitions(
                file.place.clone(),
                properties.map(|(key, value)| (key.clone(), value.clone())),
            )
        });
        let systems = self.file_systems.iter();
        PartitionFacts {
            is_delta: self.is_delta,
            device_props: DeviceProps {
                props: PropertyMap::merge(files, Era::LastWins),
                files: self.files.iter().map(|file| file.place.clone()).collect(),
                file_systems: systems
                    .filter_map(|(partition, kind)| Some((partition.clone(), Kind::parse(kind)?)))
                    .collect(),
                warnings: self.warnings.clone(),
            },
            has_projects: self.has_projects,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_with_a_flipped_bit_is_empty() {
        let digits = "a".repeat(64);
        let entry = CacheEntry {
            md5: Some(digits[..32].to_owned()),
            sha256: Some(digits),
            ..CacheEntry::new(Stamp {
                size: 1,
                modified_ns: 5,
                changed_ns: 7,
                inode: 9,
            })
        };
        let files = Files::from([(PathBuf::from("x"), entry)]);
        let bytes = render(&files, "me").unwrap();
        assert_eq!(parse(&bytes).unwrap().0.len(), 1);
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("aaaa", "aaba"),
            ("\"size\":1", "\"size\":3"),
            ("n\":5", "n\":2"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(parse(changed.as_bytes()).is_none(), "{changed}");
        }
    }
}
