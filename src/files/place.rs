//! Where files are stored that romfeed changes: on this machine, or in a place that several machines share.

use std::fmt::Debug;
use std::io;
use std::path::Path;

use super::{Durability, Readers, behind_links, replace, write_atomically};

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

/// Name of a copy while it is being written; names of copies may be as long as names can be.
const TEMPORARY: &str = ".romfeed-tmp";

/// Removes the half-written copy that a killed run left in a folder. No other process may be writing there.
pub fn remove_leftover_copy(folder: &Path) {
    // Usually there is none, and a leftover does no harm.
    let _ = std::fs::remove_file(folder.join(TEMPORARY));
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
        let temporary = folder.join(TEMPORARY);
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
