//! What is known of files that have not changed since they were last read: their
//! digests, and what their partitions told, or why they cannot be read.
//!
//! One JSON file, local to a machine and never part of a site. An entry holds
//! while path, size, modification time, inode and, on Unix, the time of the last change are the
//! same; what the partitions told, and faults, also while the program and the families of the
//! settings are.
//! Losing the cache costs time and nothing else.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::files::{read_file, write_atomically};
use crate::ingest::digests::Digests;
use crate::model::family::{self, Family};
use crate::model::fault_kind::FaultKind;
use base16ct::lower::encode_string as hex;
use digest_lanes::Stamp;
use ota_view::device_props::DeviceProps;
use ota_view::finding::Finding;
use ota_view::fs::Kind;
use ota_view::package::signature::Signer;
use ota_view::props::{Era, PropertyFile, PropertyMap};
use ota_view::verify::{Verdict, rules};

/// Version of the cache file; another version is thrown away.
const VERSION: u32 = 5;
/// To be raised when the readers of partitions find more, or read differently.
const READER_VERSION: u32 = 4;
/// To be raised when `verify` finds more, or judges differently.
const CHECKS_VERSION: u32 = 3;
/// Longest cache read, in bytes: that of some 200,000 packages.
const MAX_SIZE: u64 = 256 << 20;
/// A file younger than this when it is read may change again without its
/// modification time moving, so it is not remembered. Nanoseconds.
const SETTLED_NS: i64 = 2_000_000_000;
/// Least time between two writes of the cache while files are being read.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    version: u32,
    /// What `device` entries depend on beside the file.
    reader: &'a str,
    /// SHA-256 of `files` as it stands here: a digest with a flipped bit would be published.
    sum: &'a str,
    /// Entries by path.
    #[serde(borrow)]
    files: &'a RawValue,
}

type Files = BTreeMap<PathBuf, Entry>;

/// The entries of a cache file and what their `device` depends on; none if it is damaged, or
/// of another version.
fn parse(bytes: &[u8]) -> Option<(Files, String)> {
    let wire: Wire<'_> = serde_json::from_slice(bytes).ok()?;
    let is_whole = wire.version == VERSION && wire.sum == sum(wire.files);
    let files = serde_json::from_str(wire.files.get()).ok();
    Some((files.filter(|_| is_whole)?, wire.reader.to_owned()))
}

fn render(files: &Files, reader: &str) -> serde_json::Result<Vec<u8>> {
    let files = &*serde_json::value::to_raw_value(files)?;
    let wire = Wire {
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

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    size: u64,
    modified_ns: i64,
    changed_ns: i64,
    inode: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    device: Option<Device>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<WireVerdict>,
}

/// What reading all of a package told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireVerdict {
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
    fn of(verdict: &Verdict) -> WireVerdict {
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

    /// The verdict, unless it was made by other checks.
    fn verdict(&self, place: &str) -> Option<Verdict> {
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
struct Fault {
    class: String,
    message: String,
}

/// What the partitions told, as far as facts depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    is_delta: bool,
    #[serde(default)]
    has_projects: bool,
    files: Vec<File>,
    file_systems: BTreeMap<String, String>,
    warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    place: String,
    properties: BTreeMap<String, String>,
}

/// What the partitions of a package told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFacts {
    /// It needs an earlier build.
    pub is_delta: bool,
    /// The properties of the device, all or those that decide facts.
    pub device_props: DeviceProps,
    /// It has a manifest of the projects it was made from, or may have one.
    pub has_projects: bool,
}

impl Entry {
    /// A file of which nothing is known yet.
    fn new(stamp: Stamp) -> Entry {
        Entry {
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

    fn stamp(&self) -> Stamp {
        Stamp {
            size: self.size,
            modified_ns: self.modified_ns,
            changed_ns: self.changed_ns,
            inode: self.inode,
        }
    }
}

impl Device {
    fn told(&self) -> PartitionFacts {
        // Every key is in one file only, so the order decides nothing.
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

/// What is remembered, shared by the threads that read files.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    families: Vec<Family>,
    keys: Vec<String>,
    reader: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    files: Files,
    changed: bool,
    saved_at: Instant,
}

impl Cache {
    /// Reads the cache; one that is absent, damaged or of another version is
    /// empty. `families` and `keys` are what the settings ask of properties beside
    /// what is always remembered.
    #[must_use]
    pub fn load(path: &Path, families: &[Family], keys: &[&str]) -> Cache {
        let known = &*family::FAMILIES;
        let depends_on = format!("{READER_VERSION} {known:?} {families:?} {keys:?}");
        let reader = hex(&Sha256::digest(depends_on));
        let bytes = read_file(path, MAX_SIZE).unwrap_or_default();
        let (mut files, made_by) = parse(&bytes).unwrap_or_default();
        if made_by != reader {
            for entry in files.values_mut() {
                (entry.device, entry.fault) = (None, None);
            }
        }
        Cache {
            path: path.to_owned(),
            families: families.to_vec(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            reader,
            state: Mutex::new(State {
                files,
                changed: false,
                saved_at: Instant::now(),
            }),
        }
    }

    /// The digests of `path`, if it still is the file that was read.
    #[must_use]
    pub fn digests(&self, path: &Path, stamp: Stamp) -> Option<Digests> {
        self.with(path, stamp, |entry| {
            Some(Digests {
                md5: entry.md5.clone()?,
                sha256: entry.sha256.clone()?,
            })
        })
    }

    /// What the partitions of `path` told, if it still is the file that was read.
    #[must_use]
    pub fn told(&self, path: &Path, stamp: Stamp) -> Option<PartitionFacts> {
        self.with(path, stamp, |entry| Some(entry.device.as_ref()?.told()))
    }

    /// Why `path` cannot be read, if it still is the file that was read: the class of the fault,
    /// and the error with its causes.
    #[must_use]
    pub fn fault(&self, path: &Path, stamp: Stamp) -> Option<(FaultKind, String)> {
        self.with(path, stamp, |entry| {
            let fault = entry.fault.as_ref()?;
            Some((FaultKind::parse(&fault.class)?, fault.message.clone()))
        })
    }

    /// What reading all of `path` told, if it still is the file that was read; `place` is
    /// what its findings call it.
    #[must_use]
    pub fn verdict(&self, path: &Path, stamp: Stamp, place: &str) -> Option<Verdict> {
        self.with(path, stamp, |entry| entry.verdict.as_ref()?.verdict(place))
    }

    /// Remembers what reading all of `path` told, beside its digests; without those it is
    /// not remembered.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn put_verdict(&self, path: &Path, stamp: Stamp, verdict: &Verdict) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = state.files.get_mut(path);
        let is_hashed = |entry: &&mut Entry| entry.stamp() == stamp && entry.sha256.is_some();
        let Some(entry) = entry.filter(is_hashed) else {
            return Ok(());
        };
        entry.verdict = Some(WireVerdict::of(verdict));
        self.note_change(&mut state)
    }

    fn with<T>(
        &self,
        path: &Path,
        stamp: Stamp,
        answer: impl FnOnce(&Entry) -> Option<T>,
    ) -> Option<T> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = state.files.get(path)?;
        answer(entry).filter(|_| entry.stamp() == stamp)
    }

    fn remember(&self, told: &PartitionFacts) -> Device {
        let props = &told.device_props.props;
        let is_wanted = |key: &str| {
            family::is_of_interest(key, &self.families) || self.keys.iter().any(|own| own == key)
        };
        let files = told.device_props.files.iter().map(|place| File {
            place: place.clone(),
            properties: props
                .iter()
                .filter(|(key, _)| props.place(key) == Some(place))
                .filter(|(key, _)| is_wanted(key))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        });
        let systems = told.device_props.file_systems.iter();
        Device {
            is_delta: told.is_delta,
            has_projects: told.has_projects,
            files: files.collect(),
            file_systems: systems
                .map(|(partition, kind)| (partition.clone(), kind.as_str().to_owned()))
                .collect(),
            warnings: told.device_props.warnings.clone(),
        }
    }

    /// Remembers what the partitions of `path` told.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn put_told(
        &self,
        path: &Path,
        stamp: Stamp,
        told: &PartitionFacts,
        now_ns: i64,
    ) -> io::Result<()> {
        let device = Some(self.remember(told));
        self.change(path, stamp, now_ns, |entry| {
            let is_new = entry.device != device;
            (entry.device, entry.fault) = (device, None);
            is_new
        })
    }

    /// Remembers why `path` cannot be read.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn put_fault(
        &self,
        path: &Path,
        stamp: Stamp,
        class: FaultKind,
        message: String,
        now_ns: i64,
    ) -> io::Result<()> {
        let fault = Some(Fault {
            class: class.as_str().to_owned(),
            message,
        });
        self.change(path, stamp, now_ns, |entry| {
            let is_new = entry.fault != fault;
            (entry.device, entry.fault) = (None, fault);
            is_new
        })
    }

    /// Remembers the digests of a file, and writes the cache now and then so that an interrupted
    /// run keeps what it has done.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn put_digests(
        &self,
        path: &Path,
        stamp: Stamp,
        digests: &Digests,
        now_ns: i64,
    ) -> io::Result<()> {
        self.change(path, stamp, now_ns, |entry| {
            entry.md5 = Some(digests.md5.clone());
            entry.sha256 = Some(digests.sha256.clone());
            true
        })
    }

    /// Changes what is known of a file; `change` tells whether anything is new.
    fn change(
        &self,
        path: &Path,
        stamp: Stamp,
        now_ns: i64,
        change: impl FnOnce(&mut Entry) -> bool,
    ) -> io::Result<()> {
        if now_ns.saturating_sub(stamp.modified_ns) < SETTLED_NS {
            return Ok(());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.files.remove(path);
        let known = known.filter(|known| known.stamp() == stamp);
        let mut entry = known.unwrap_or_else(|| Entry::new(stamp));
        let is_new = change(&mut entry);
        state.files.insert(path.to_owned(), entry);
        match is_new {
            true => self.note_change(&mut state),
            false => Ok(()),
        }
    }

    /// Writes the cache if it was not written for a while.
    fn note_change(&self, state: &mut State) -> io::Result<()> {
        state.changed = true;
        match state.saved_at.elapsed() < SAVE_INTERVAL {
            true => Ok(()),
            false => self.write(state),
        }
    }

    /// Forgets files that are gone, and writes the cache if anything changed.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn save(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let num_before = state.files.len();
        state.files.retain(|path, _| path.exists());
        if !state.changed && state.files.len() == num_before {
            return Ok(());
        }
        self.write(&mut state)
    }

    fn write(&self, state: &mut State) -> io::Result<()> {
        let bytes = render(&state.files, &self.reader).map_err(io::Error::other)?;
        write_atomically(&self.path, &bytes)?;
        state.changed = false;
        state.saved_at = Instant::now();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_holds_only_for_the_same_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rom.zip");
        std::fs::write(&file, "x").unwrap();
        let stamp = Stamp {
            size: 1,
            modified_ns: 5,
            changed_ns: 7,
            inode: 9,
        };
        let digests = Digests {
            md5: "m".into(),
            sha256: "s".into(),
        };
        let told = PartitionFacts {
            is_delta: false,
            device_props: DeviceProps {
                props: PropertyMap::merge(
                    [
                        PropertyFile::parse("system:/a", b"ro.lineage.device=x\nro.build.id=1\n"),
                        PropertyFile::parse("product:/b", b"ro.build.id=2\n"),
                    ],
                    Era::LastWins,
                ),
                files: vec!["system:/a".to_owned(), "product:/b".to_owned()],
                file_systems: [("system".to_owned(), Kind::Erofs)].into(),
                warnings: vec!["w".to_owned()],
            },
            has_projects: true,
        };
        let load = || Cache::load(&dir.path().join("cache.json"), &[], &[]);
        let cache = load();
        let now = 5 + SETTLED_NS;
        cache.put_told(&file, stamp, &told, now).unwrap();
        assert_eq!(cache.digests(&file, stamp), None);
        cache.put_digests(&file, stamp, &digests, now).unwrap();
        cache.save().unwrap();
        let cache = load();
        assert_eq!(cache.digests(&file, stamp), Some(digests.clone()));
        assert_eq!(cache.told(&file, stamp), Some(told.clone()));
        let mine = Family {
            markers: vec!["ro.mine.".into()],
            ..crate::model::family::FAMILIES[0].clone()
        };
        let other = Cache::load(&dir.path().join("cache.json"), &[mine], &[]);
        assert_eq!(other.digests(&file, stamp), Some(digests.clone()));
        assert_eq!(other.told(&file, stamp), None);
        for other in [
            Stamp { size: 2, ..stamp },
            Stamp {
                modified_ns: 6,
                ..stamp
            },
            Stamp { inode: 8, ..stamp },
            Stamp {
                changed_ns: 8,
                ..stamp
            },
        ] {
            assert_eq!(cache.digests(&file, other), None);
            assert_eq!(cache.told(&file, other), None);
        }
        // Too young to be trusted.
        let young = Stamp {
            modified_ns: 50,
            ..stamp
        };
        cache.put_digests(&file, young, &digests, 60).unwrap();
        cache.put_told(&file, young, &told, 60).unwrap();
        assert_eq!(cache.digests(&file, stamp), Some(digests));
        // Gone from the disk.
        std::fs::remove_file(&file).unwrap();
        cache.save().unwrap();
        assert_eq!(load().digests(&file, stamp), None);
    }

    #[test]
    fn fault_holds_for_the_same_stamp_and_reader() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rom.zip");
        std::fs::write(&file, "x").unwrap();
        let stamp = Stamp {
            size: 1,
            modified_ns: 5,
            changed_ns: 7,
            inode: 9,
        };
        let path = dir.path().join("cache.json");
        let cache = Cache::load(&path, &[], &[]);
        let put = cache.put_fault(
            &file,
            stamp,
            FaultKind::Limit,
            "too much".into(),
            5 + SETTLED_NS,
        );
        put.unwrap();
        cache.save().unwrap();
        let cache = Cache::load(&path, &[], &[]);
        let known = Some((FaultKind::Limit, "too much".to_owned()));
        assert_eq!(cache.fault(&file, stamp), known);
        assert_eq!(cache.told(&file, stamp), None);
        assert_eq!(cache.fault(&file, Stamp { size: 2, ..stamp }), None);
        let other = Cache::load(&path, &[], &["ro.mine"]);
        assert_eq!(other.fault(&file, stamp), None);
    }

    #[test]
    fn a_cache_with_a_flipped_bit_is_empty() {
        let digits = "a".repeat(64);
        let entry = Entry {
            md5: Some(digits[..32].to_owned()),
            sha256: Some(digits),
            ..Entry::new(Stamp {
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

    #[test]
    fn a_damaged_cache_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache.json");
        std::fs::write(&path, "{\"version\":3,\"files\":[").unwrap();
        let stamp = Stamp {
            size: 1,
            modified_ns: 5,
            changed_ns: 7,
            inode: 9,
        };
        let cache = Cache::load(&path, &[], &[]);
        assert_eq!(cache.digests(Path::new("x"), stamp), None);
    }
}
