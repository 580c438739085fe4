//! Locks, which keep two runs out of one folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::manifest::{MANIFEST, refuse_foreign_folder};
use super::{Error, LOCK, STAGE, STATE_DIR, TEMPORARY, io_error};
use crate::files::{create_public_folder, lock_file};

pub use crate::files::Lock;

/// The lock of a site, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct SiteLock {
    /// The folder of a site that is new; dropped while it is locked.
    _new_site: Option<NewSite>,
    lock: Lock,
}

impl SiteLock {
    /// Returns the locked file, opened for nothing else: the folder stays locked as long as any process has it open.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub fn share(&self) -> io::Result<File> {
        self.lock.share()
    }
}

/// A folder that was opened for a site, and where no site was.
#[derive(Debug)]
struct NewSite {
    out: PathBuf,
    /// Whether the folder is there only for the lock.
    is_made: bool,
}

impl Drop for NewSite {
    /// Removes what [`open`] made, unless the site was written.
    fn drop(&mut self) {
        let state = self.out.join(STATE_DIR);
        if state.join(MANIFEST).exists() {
            return;
        }
        let _ = fs::remove_file(state.join(LOCK));
        let _ = fs::remove_dir(&state);
        if self.is_made {
            let _ = fs::remove_dir(&self.out);
        }
    }
}

/// Locks a folder against other runs.
///
/// # Errors
/// [`Error::Locked`] if another run holds it, [`Error::Io`] otherwise.
pub fn lock(folder: &Path) -> Result<Lock, Error> {
    lock_within(folder, Duration::ZERO)
}

/// Locks a folder like [`lock`], but waits up to `wait` for another run to end.
///
/// # Errors
/// Those of [`lock`].
pub fn lock_within(folder: &Path, wait: Duration) -> Result<Lock, Error> {
    let path = folder.join(LOCK);
    fs::create_dir_all(folder).map_err(io_error("make", folder))?;
    let lock = lock_file(&path, wait).map_err(io_error("lock", &path))?;
    lock.ok_or(Error::Locked { file: path })
}

/// Locks a site against other runs, from before its plan until after its execution.
///
/// # Errors
/// [`Error::NotOurs`] if romfeed has never written there and `adopt` is not set,
/// [`Error::Locked`], or [`Error::Io`].
pub fn open(out: &Path, adopt: bool) -> Result<SiteLock, Error> {
    let is_new = !out.join(STATE_DIR).join(MANIFEST).exists();
    if is_new && !adopt {
        refuse_foreign_folder(out)?;
    }
    let new_site = is_new.then(|| NewSite {
        out: out.to_owned(),
        is_made: !out.exists(),
    });
    let state = out.join(STATE_DIR);
    create_public_folder(&state).map_err(io_error("make", &state))?;
    let lock = SiteLock {
        _new_site: new_site,
        lock: lock(&state)?,
    };
    // A killed run may have left them, or anyone something in their place; no other run can be writing here.
    for left in [TEMPORARY, STAGE].map(|name| state.join(name)) {
        if fs::remove_file(&left).is_err() {
            let _ = fs::remove_dir_all(&left);
        }
    }
    Ok(lock)
}
