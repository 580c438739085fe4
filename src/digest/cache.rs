//! Digests of files that have not changed since they were last read.
//!
//! One JSON file, local to a machine and never part of a site. An entry holds
//! while path, size, modification time and inode are the same. Losing the cache
//! costs time and nothing else.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Digests;
use crate::io::{Stamp, write_atomically};

/// Version of the cache file; another version is thrown away.
const VERSION: u32 = 1;
/// A file younger than this when it is read may change again without its
/// modification time moving, so it is not remembered. Nanoseconds.
const SETTLED_NS: i64 = 2_000_000_000;
/// Least time between two writes of the cache while files are being read.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    files: BTreeMap<PathBuf, Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    size: u64,
    modified_ns: i64,
    inode: u64,
    md5: String,
    sha256: String,
}

/// The remembered digests, shared by the threads that read files.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<PathBuf, Entry>,
    changed: bool,
    saved_at: Instant,
}

impl Cache {
    /// Reads the cache; one that is absent, damaged or of another version is
    /// empty.
    #[must_use]
    pub fn load(path: &Path) -> Cache {
        let files = std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Wire>(&bytes).ok())
            .filter(|wire| wire.version == VERSION)
            .map(|wire| wire.files)
            .unwrap_or_default();
        Cache {
            path: path.to_owned(),
            state: Mutex::new(State {
                files,
                changed: false,
                saved_at: Instant::now(),
            }),
        }
    }

    /// The digests of `path`, if it still is the file that was read.
    #[must_use]
    pub fn get(&self, path: &Path, stamp: Stamp) -> Option<Digests> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = state.files.get(path)?;
        let known = Stamp {
            size: entry.size,
            modified_ns: entry.modified_ns,
            inode: entry.inode,
        };
        (known == stamp).then(|| Digests {
            md5: entry.md5.clone(),
            sha256: entry.sha256.clone(),
        })
    }

    /// Remembers the digests of `path`, and writes the cache now and then so
    /// that an interrupted run keeps what it has done.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn put(&self, path: &Path, stamp: Stamp, digests: &Digests, now_ns: i64) -> io::Result<()> {
        if now_ns.saturating_sub(stamp.modified_ns) < SETTLED_NS {
            return Ok(());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry {
            size: stamp.size,
            modified_ns: stamp.modified_ns,
            inode: stamp.inode,
            md5: digests.md5.clone(),
            sha256: digests.sha256.clone(),
        };
        state.files.insert(path.to_owned(), entry);
        state.changed = true;
        if state.saved_at.elapsed() < SAVE_INTERVAL {
            return Ok(());
        }
        self.write(&mut state)
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
        let wire = Wire {
            version: VERSION,
            files: state.files.clone(),
        };
        let bytes = serde_json::to_vec(&wire).map_err(io::Error::other)?;
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
            inode: 9,
        };
        let digests = Digests {
            md5: "m".into(),
            sha256: "s".into(),
        };
        let cache = Cache::load(&dir.path().join("cache.json"));
        cache.put(&file, stamp, &digests, 5 + SETTLED_NS).unwrap();
        cache.save().unwrap();
        let cache = Cache::load(&dir.path().join("cache.json"));
        assert_eq!(cache.get(&file, stamp), Some(digests.clone()));
        for other in [
            Stamp { size: 2, ..stamp },
            Stamp {
                modified_ns: 6,
                ..stamp
            },
            Stamp { inode: 8, ..stamp },
        ] {
            assert_eq!(cache.get(&file, other), None);
        }
        // Too young to be trusted.
        cache
            .put(
                &file,
                Stamp {
                    modified_ns: 50,
                    ..stamp
                },
                &digests,
                60,
            )
            .unwrap();
        assert_eq!(cache.get(&file, stamp), Some(digests));
        // Gone from the disk.
        std::fs::remove_file(&file).unwrap();
        cache.save().unwrap();
        assert_eq!(
            Cache::load(&dir.path().join("cache.json")).get(&file, stamp),
            None
        );
    }

    #[test]
    fn a_damaged_cache_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache.json");
        std::fs::write(&path, "{\"version\":1,\"files\":[").unwrap();
        let stamp = Stamp {
            size: 1,
            modified_ns: 5,
            inode: 9,
        };
        assert_eq!(Cache::load(&path).get(Path::new("x"), stamp), None);
    }
}
