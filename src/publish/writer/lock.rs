//! Locks, which keep two runs out of one folder.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::manifest::{read_manifest, refuse_foreign_folder};
use super::{Error, STATE_DIR, TEMPORARY, io_error};

pub(super) const LOCK: &str = "lock";

/// Time between two tries for a lock.
const LOCK_STEP: Duration = Duration::from_millis(10);

/// A lock that lasts until it is dropped, or until the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Keeps other runs away from a folder.
///
/// # Errors
/// [`Error::Locked`] if another run holds it, [`Error::Io`] otherwise.
pub fn lock(folder: &Path) -> Result<Lock, Error> {
    let path = folder.join(LOCK);
    fs::create_dir_all(folder).map_err(io_error("make", folder))?;
    // To open a pipe would wait for its reader.
    if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        let not_regular = io::Error::other("not a regular file");
        return Err(io_error("open", &path)(not_regular));
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Locked { file: path }),
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}

/// As [`lock`], but waits as long as `wait` for another run to end.
///
/// # Errors
/// As [`lock`].
pub fn lock_within(folder: &Path, wait: Duration) -> Result<Lock, Error> {
    let mut rest = wait;
    loop {
        match lock(folder) {
            Err(Error::Locked { .. }) if !rest.is_zero() => {
                let step = LOCK_STEP.min(rest);
                std::thread::sleep(step);
                rest -= step;
            }
            locked => return locked,
        }
    }
}

/// Keeps other runs away from a site, from before its plan until after its
/// execution.
///
/// # Errors
/// [`Error::NotOurs`] if romfeed has never written there and `adopt` is not set,
/// [`Error::Locked`], or [`Error::Io`].
pub fn open(out: &Path, adopt: bool) -> Result<Lock, Error> {
    if !adopt && read_manifest(out)?.is_none() {
        refuse_foreign_folder(out)?;
    }
    let state = out.join(STATE_DIR);
    let lock = lock(&state)?;
    // A run that was killed may have left it; nobody else is at work here.
    let _ = fs::remove_file(state.join(TEMPORARY));
    Ok(lock)
}
