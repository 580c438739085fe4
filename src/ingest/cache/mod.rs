//! The cache: what earlier runs learned about files that have not changed since: digests, properties
//! of partitions, verdicts, and why a file cannot be read.
//!
//! One JSON file, local to a machine and never part of a site. An entry is valid while path, size,
//! modification time, inode and, on Unix, the time of the last change are the same; properties and
//! faults, also while the program's readers and the families of the settings are the same.
//! Losing the cache only costs time.

mod file;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base16ct::lower::encode_string as hex;
use digest_lanes::Stamp;
use ota_view::device_props::DeviceProps;
use ota_view::verify::Verdict;
use sha2::{Digest, Sha256};

use self::file::{CacheEntry, Files, WireDevice, WireFault, WireVerdict, parse, render};
use crate::files::{create_ignored_folder, lock_file, read_file, write_atomically};
use crate::ingest::digests::Digests;
use crate::model::family::{self, Family};
use crate::model::fault_kind::FaultKind;

/// Must be raised when the readers of partitions find more, or read differently.
const READER_VERSION: u32 = 4;
/// Longest cache read, in bytes: that of some 200,000 packages.
const MAX_SIZE: u64 = 256 << 20;
/// Least age of a file that is cached, in nanoseconds: a younger one may change again without a new
/// modification time.
const SETTLED_NS: i64 = 2_000_000_000;
/// Least time between two writes of the cache while files are being read.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);

/// Longest wait for another run that writes the cache.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The first folder in the names of packages on other hosts, followed by source and path.
pub const SOURCES: &str = "source:";

/// What was read from the partitions of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFacts {
    /// Whether the package needs an earlier build.
    pub is_delta: bool,
    /// The properties of the device, all or those that decide facts.
    pub device_props: DeviceProps,
    /// Whether it has, or may have, a manifest of the projects it was made from.
    pub has_projects: bool,
}

/// The cache, shared by the threads that read files.
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
    /// The files about which this run has learned something.
    own: BTreeSet<PathBuf>,
    changed: bool,
    saved_at: Instant,
    /// The cache file as this run read or wrote it; none if there was none.
    on_disk: Option<Stamp>,
}

impl Cache {
    /// Reads the cache; one that is absent, damaged or of another version is empty. `families` and
    /// `keys` are the settings' families and properties, which are stored in addition to the
    /// built-in ones.
    #[must_use]
    pub fn load(path: &Path, families: &[Family], keys: &[&str]) -> Cache {
        let known = &*family::FAMILIES;
        let depends_on = format!("{READER_VERSION} {known:?} {families:?} {keys:?}");
        let reader = hex(&Sha256::digest(depends_on));
        let on_disk = stamp(path);
        let files = read(path, &reader);
        Cache {
            path: path.to_owned(),
            families: families.to_vec(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            reader,
            state: Mutex::new(State {
                files,
                own: BTreeSet::new(),
                changed: false,
                saved_at: Instant::now(),
                on_disk,
            }),
        }
    }

    /// Returns the digests of `path`, if the file has not changed.
    #[must_use]
    pub fn digests(&self, path: &Path, stamp: Stamp) -> Option<Digests> {
        self.with(path, stamp, |entry| {
            Some(Digests {
                md5: entry.md5.clone()?,
                sha256: entry.sha256.clone()?,
            })
        })
    }

    /// Returns what was read from the partitions of `path`, if the file has not changed.
    #[must_use]
    pub fn partition_facts(&self, path: &Path, stamp: Stamp) -> Option<PartitionFacts> {
        self.with(path, stamp, |entry| {
            Some(entry.device.as_ref()?.partition_facts())
        })
    }

    /// Returns why `path` cannot be read, if the file has not changed: the kind of fault, and the
    /// error with its causes.
    #[must_use]
    pub fn fault(&self, path: &Path, stamp: Stamp) -> Option<(FaultKind, String)> {
        self.with(path, stamp, |entry| {
            let fault = entry.fault.as_ref()?;
            Some((FaultKind::parse(&fault.kind)?, fault.message.clone()))
        })
    }

    /// Returns the verdict on `path`, if the file has not changed; findings name it `place`.
    #[must_use]
    pub fn verdict(&self, path: &Path, stamp: Stamp, place: &str) -> Option<Verdict> {
        self.with(path, stamp, |entry| entry.verdict.as_ref()?.verdict(place))
    }

    /// Stores the verdict on `path`, if something about it is stored already.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn insert_verdict(&self, path: &Path, stamp: Stamp, verdict: &Verdict) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = state.files.get_mut(path);
        let Some(entry) = entry.filter(|entry| entry.stamp() == stamp) else {
            return Ok(());
        };
        entry.verdict = Some(WireVerdict::new(verdict));
        state.own.insert(path.to_owned());
        self.note_change(&mut state)
    }

    fn with<T>(
        &self,
        path: &Path,
        stamp: Stamp,
        answer: impl FnOnce(&CacheEntry) -> Option<T>,
    ) -> Option<T> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = state.files.get(path)?;
        answer(entry).filter(|_| entry.stamp() == stamp)
    }

    /// Stores what was read from the partitions of `path`.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn insert_partition_facts(
        &self,
        path: &Path,
        stamp: Stamp,
        facts: &PartitionFacts,
        now_ns: i64,
    ) -> io::Result<()> {
        let is_wanted = |key: &str| {
            family::is_of_interest(key, &self.families) || self.keys.iter().any(|own| own == key)
        };
        let device = Some(WireDevice::new(facts, &is_wanted));
        self.change(path, stamp, now_ns, |entry| {
            let is_new = entry.device != device;
            (entry.device, entry.fault) = (device, None);
            is_new
        })
    }

    /// Stores why `path` cannot be read.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn insert_fault(
        &self,
        path: &Path,
        stamp: Stamp,
        kind: FaultKind,
        message: String,
        now_ns: i64,
    ) -> io::Result<()> {
        let fault = Some(WireFault {
            kind: kind.as_str().to_owned(),
            message,
        });
        self.change(path, stamp, now_ns, |entry| {
            let is_new = entry.fault != fault;
            (entry.device, entry.fault) = (None, fault);
            is_new
        })
    }

    /// Stores the digests of a file. Writes the cache from time to time, so that an interrupted run
    /// keeps its results.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn insert_digests(
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

    /// Changes the entry of a file; `change` returns whether anything is new.
    fn change(
        &self,
        path: &Path,
        stamp: Stamp,
        now_ns: i64,
        change: impl FnOnce(&mut CacheEntry) -> bool,
    ) -> io::Result<()> {
        if now_ns.saturating_sub(stamp.modified_ns) < SETTLED_NS {
            return Ok(());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.files.remove(path);
        let known = known.filter(|known| known.stamp() == stamp);
        let mut entry = known.unwrap_or_else(|| CacheEntry::new(stamp));
        let is_new = change(&mut entry);
        state.files.insert(path.to_owned(), entry);
        state.own.insert(path.to_owned());
        match is_new {
            true => self.note_change(&mut state),
            false => Ok(()),
        }
    }

    /// Marks the cache as changed, and writes it if the last write is some time ago.
    fn note_change(&self, state: &mut State) -> io::Result<()> {
        state.changed = true;
        match state.saved_at.elapsed() < SAVE_INTERVAL {
            true => Ok(()),
            false => self.write(state),
        }
    }

    /// Drops entries of files that no longer exist, and writes the cache if anything changed.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn save(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let num_before = state.files.len();
        let is_of_source = |path: &Path| {
            let path = path.as_os_str().as_encoded_bytes();
            path.starts_with(SOURCES.as_bytes())
        };
        state
            .files
            .retain(|path, _| is_of_source(path) || path.exists());
        if !state.changed && state.files.len() == num_before {
            return Ok(());
        }
        self.write(&mut state)
    }

    /// Writes the cache, with what other runs have written there meanwhile.
    fn write(&self, state: &mut State) -> io::Result<()> {
        create_ignored_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let lock = lock_file(&self.path.with_extension("lock"), LOCK_WAIT)?;
        if lock.is_none() {
            // The next write has it all.
            state.saved_at = Instant::now();
            return Ok(());
        }
        if stamp(&self.path) != state.on_disk {
            add_others(&mut state.files, &state.own, read(&self.path, &self.reader));
        }
        let bytes = render(&state.files, &self.reader).map_err(io::Error::other)?;
        write_atomically(&self.path, &bytes)?;
        state.on_disk = stamp(&self.path);
        state.changed = false;
        state.saved_at = Instant::now();
        Ok(())
    }
}

/// Returns the state of the cache file.
fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().map(|m| Stamp::of(&m))
}

/// Reads the entries of a cache file. What other readers of partitions found is left out.
fn read(path: &Path, reader: &str) -> Files {
    let bytes = read_file(path, MAX_SIZE).unwrap_or_default();
    let (mut files, made_by) = parse(&bytes).unwrap_or_default();
    if made_by != reader {
        for entry in files.values_mut() {
            (entry.device, entry.fault) = (None, None);
        }
    }
    files
}

/// Adds the entries of other runs, but to those of this run's `own` files only what they lack.
fn add_others(files: &mut Files, own: &BTreeSet<PathBuf>, others: Files) {
    for (path, other) in others {
        let known = files.get_mut(&path).filter(|_| own.contains(&path));
        match known {
            None => {
                files.insert(path, other);
            }
            Some(known) if known.stamp() == other.stamp() => known.complete(other),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use ota_view::fs::Kind;
    use ota_view::props::{Era, PropertyFile, PropertyMap};

    use super::*;

    #[test]
    fn entry_is_valid_only_for_the_same_stamp() {
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
        let facts = PartitionFacts {
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
        cache
            .insert_partition_facts(&file, stamp, &facts, now)
            .unwrap();
        assert_eq!(cache.digests(&file, stamp), None);
        cache.insert_digests(&file, stamp, &digests, now).unwrap();
        cache.save().unwrap();
        let cache = load();
        assert_eq!(cache.digests(&file, stamp), Some(digests.clone()));
        assert_eq!(cache.partition_facts(&file, stamp), Some(facts.clone()));
        let mine = Family {
            markers: vec!["ro.mine.".into()],
            ..crate::model::family::FAMILIES[0].clone()
        };
        let other = Cache::load(&dir.path().join("cache.json"), &[mine], &[]);
        assert_eq!(other.digests(&file, stamp), Some(digests.clone()));
        assert_eq!(other.partition_facts(&file, stamp), None);
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
            assert_eq!(cache.partition_facts(&file, other), None);
        }
        // Too young to be cached.
        let young = Stamp {
            modified_ns: 50,
            ..stamp
        };
        cache.insert_digests(&file, young, &digests, 60).unwrap();
        cache
            .insert_partition_facts(&file, young, &facts, 60)
            .unwrap();
        assert_eq!(cache.digests(&file, stamp), Some(digests));
        // No longer on the disk.
        std::fs::remove_file(&file).unwrap();
        cache.save().unwrap();
        assert_eq!(load().digests(&file, stamp), None);
    }

    #[test]
    fn fault_is_valid_only_for_the_same_stamp_and_settings() {
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
        let put = cache.insert_fault(
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
        assert_eq!(cache.partition_facts(&file, stamp), None);
        assert_eq!(cache.fault(&file, Stamp { size: 2, ..stamp }), None);
        let other = Cache::load(&path, &[], &["ro.mine"]);
        assert_eq!(other.fault(&file, stamp), None);
    }

    #[test]
    fn two_runs_at_once_keep_what_both_learned() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache.json");
        let stamp = Stamp {
            size: 1,
            modified_ns: 5,
            changed_ns: 7,
            inode: 9,
        };
        let now = 5 + SETTLED_NS;
        let files = ["one.zip", "two.zip", "both.zip"].map(|name| dir.path().join(name));
        for file in &files {
            std::fs::write(file, "x").unwrap();
        }
        let [one, two, both] = &files;
        let digests = Digests {
            md5: "m".into(),
            sha256: "s".into(),
        };
        let (first, second) = (Cache::load(&path, &[], &[]), Cache::load(&path, &[], &[]));
        for file in [one, both] {
            first.insert_digests(file, stamp, &digests, now).unwrap();
        }
        let insert = |file, message: &str| {
            let message = message.to_owned();
            second.insert_fault(file, stamp, FaultKind::Limit, message, now)
        };
        insert(two, "too much").unwrap();
        insert(both, "too much").unwrap();
        first.save().unwrap();
        second.save().unwrap();
        let cache = Cache::load(&path, &[], &[]);
        for file in [one, both] {
            assert_eq!(cache.digests(file, stamp), Some(digests.clone()));
        }
        for file in [two, both] {
            assert!(cache.fault(file, stamp).is_some());
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
