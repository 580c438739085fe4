//! Where files are stored that romfeed changes: on this machine, or in a place that several machines share.

use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::fs::{File, Metadata};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Durability, Readers, behind_links, list_folder, replace, write_atomically};

/// A place of files. Each has a path on this machine; in a shared place, that is the path of a copy. A place that is not
/// shared has no address, and nothing to bring up to date.
pub trait Place: Debug + Send + Sync {
    /// Returns the address of a place that several machines share; none for this machine.
    fn address(&self) -> Option<String> {
        None
    }

    /// Brings the copies on this machine up to date.
    ///
    /// # Errors
    /// Why the place cannot be read; some copies may be newer than others then.
    fn update(&self) -> io::Result<()> {
        Ok(())
    }

    /// As [`update`](Place::update), for a caller that asks all the time: less often than it asks.
    ///
    /// # Errors
    /// As [`update`](Place::update).
    fn poll(&self) -> io::Result<()> {
        Ok(())
    }

    /// As [`update`](Place::update), before a change: files are written only if they are still as they are now.
    /// The caller keeps other changes of the same program away until it has written them.
    ///
    /// # Errors
    /// As [`update`](Place::update).
    fn begin(&self) -> io::Result<()> {
        Ok(())
    }

    /// Makes a file, or replaces it in one step.
    ///
    /// # Errors
    /// Why it cannot be written; [`is_overtaken`] if another machine has changed it since the change
    /// [began](Place::begin).
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()>;

    /// As [`write`](Place::write), for a file that can be made again, so that it may reach the disk later.
    ///
    /// # Errors
    /// As [`write`](Place::write).
    fn write_copy(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write(file, bytes)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// As [`write`](Place::write).
    fn remove(&self, file: &Path) -> io::Result<()>;
}

/// Name of the folder of copies while they are being written, in that of the copies; their names may be as long as names
/// can be.
const TEMPORARY: &str = ".romfeed-tmp";

/// How old a half-written copy is for certain no longer being written.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Removes the half-written copies that killed runs left in a folder. Other processes may be writing there, also on other
/// machines.
pub fn remove_leftover_copies(folder: &Path) {
    let left = list_folder(&folder.join(TEMPORARY)).unwrap_or_default();
    let modified = |file: &Path| file.symlink_metadata()?.modified();
    // Usually there is none, and a leftover does no harm.
    let Some(now) = left.first().and_then(|_| time_in(folder).ok()) else {
        return;
    };
    for file in left {
        let age = modified(&file)
            .ok()
            .and_then(|at| now.duration_since(at).ok());
        if age.is_some_and(|age| age > MAX_AGE) {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Returns the time by the clock of the machine that a folder of copies is on.
fn time_in(folder: &Path) -> io::Result<SystemTime> {
    let file = temporary(folder)?;
    let time = File::create_new(&file)?.metadata()?.modified();
    std::fs::remove_file(file)?;
    time
}

/// Returns a path that no other process uses, for a copy while it is being written to a folder.
fn temporary(folder: &Path) -> io::Result<PathBuf> {
    let below = folder.join(TEMPORARY);
    let is_folder = |found: Metadata| found.is_dir();
    if !below.symlink_metadata().is_ok_and(is_folder) {
        // Earlier versions wrote a file of this name, and a link could lead anywhere.
        let _ = std::fs::remove_file(&below);
        std::fs::create_dir_all(&below)?;
    }
    // Each has keys of its own, which are random.
    let random = RandomState::new().build_hasher().finish();
    Ok(below.join(format!("{random:016x}")))
}

/// The file systems of this machine.
#[derive(Debug)]
pub struct Disk;

impl Place for Disk {
    /// If the file is a link, the file it points to is replaced and the link stays.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        write_atomically(&behind_links(file), bytes)
    }

    fn write_copy(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let temporary = temporary(folder)?;
        replace(&temporary, file, bytes, Durability::Cached, Readers::Umask)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        std::fs::remove_file(file)
    }
}

/// A file is no longer as it was when the change began.
#[derive(Debug, thiserror::Error)]
#[error("another program or machine changed it meanwhile; run this again")]
struct Overtaken;

/// Makes the error for a file that another program or machine has changed.
#[must_use]
pub fn overtaken() -> io::Error {
    io::Error::other(Overtaken)
}

/// Returns whether a file was not written because another program or machine has changed it.
#[must_use]
pub fn is_overtaken(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|source| source.is::<Overtaken>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_write_copies_to_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join("copies").join(name);
        let texts = [vec![b'a'; 40_000], vec![b'b'; 70_000]];
        std::thread::scope(|scope| {
            for (own, text) in ["one", "two"].iter().zip(&texts) {
                scope.spawn(move || {
                    for _ in 0..200 {
                        Disk.write_copy(&path(own), text).unwrap();
                        Disk.write_copy(&path("both"), text).unwrap();
                        assert_eq!(std::fs::read(path(own)).unwrap(), *text);
                    }
                });
            }
        });
        assert!(texts.contains(&std::fs::read(path("both")).unwrap()));
        assert_eq!(
            list_folder(&path(TEMPORARY)).unwrap(),
            [""; 0].map(PathBuf::from)
        );
    }

    #[test]
    fn only_old_leftovers_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join(TEMPORARY);
        std::fs::create_dir(&below).unwrap();
        for (name, age) in [("old", 2), ("new", 0)] {
            let file = File::create(below.join(name)).unwrap();
            let now = file.metadata().unwrap().modified().unwrap();
            file.set_modified(now - age * MAX_AGE).unwrap();
        }
        remove_leftover_copies(dir.path());
        assert_eq!(list_folder(&below).unwrap(), [below.join("new")]);
        // Earlier versions had one file for all.
        std::fs::remove_dir_all(&below).unwrap();
        std::fs::write(&below, "half").unwrap();
        remove_leftover_copies(dir.path());
        Disk.write_copy(&dir.path().join("copy"), b"text").unwrap();
        assert_eq!(std::fs::read(dir.path().join("copy")).unwrap(), b"text");
    }
}
