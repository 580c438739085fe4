//! Locks between processes: files that the system locks, so that a lock ends with its process.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time between two attempts to take a lock.
const LOCK_STEP: Duration = Duration::from_millis(10);

/// A lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Returns the locked file, opened for nothing else: the folder stays locked as long as any process has it open.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// Locks a file, which is created if it is missing, and waits up to `wait` for other processes; `None` if one of
/// them holds it for longer.
///
/// # Errors
/// If it is not a regular file; otherwise whatever the system reports, for example that the file system has no locks.
pub fn lock_file(path: &Path, wait: Duration) -> io::Result<Option<Lock>> {
    let start = Instant::now();
    loop {
        // Opening a pipe would wait for its reader.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("not a regular file"));
        }
        let mut options = File::options();
        let options = options.create(true).truncate(false).read(true).write(true);
        let file = options.open(path)?;
        let is_locked = match file.try_lock() {
            Ok(()) => true,
            Err(fs::TryLockError::WouldBlock) => false,
            Err(fs::TryLockError::Error(source)) => return Err(source),
        };
        if is_locked && is_still_there(&file, path) {
            return Ok(Some(Lock { file }));
        }
        let waited = start.elapsed();
        if !is_locked && waited >= wait {
            return Ok(None);
        }
        std::thread::sleep(LOCK_STEP.min(wait.saturating_sub(waited)));
    }
}

/// Returns whether a path leads to this open file, and the file was not removed meanwhile.
#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: io::Result<fs::Metadata>| {
        let metadata = metadata.ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    identity(file.metadata()) == identity(fs::metadata(path))
}

/// Systems other than Unix do not remove open files.
#[cfg(not(unix))]
fn is_still_there(_file: &File, _path: &Path) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_not_taken_on_a_file_that_was_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let wait = Duration::from_secs(10);
        let first = lock_file(&path, wait).unwrap().unwrap();
        assert!(lock_file(&path, Duration::ZERO).unwrap().is_none());
        fs::remove_file(&path).unwrap();
        let second = lock_file(&path, Duration::ZERO).unwrap().unwrap();
        assert!(is_still_there(&second.file, &path));
        assert!(!is_still_there(&first.file, &path));
    }
}
