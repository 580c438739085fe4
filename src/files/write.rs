//! Files replaced whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces a file so that readers see the old or the new one, never a part.
///
/// The temporary file lies beside it; folders are made as needed.
///
/// # Errors
/// Whatever the system reports; the temporary file is then removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder(path))?;
    replace(&temporary(path), path, bytes, Durability::Synced)
}

/// Most links followed from one path to its file; Linux follows as many.
const MAX_LINKS: usize = 40;

/// The path that a link leads to in the end, whether there is a file or not; other paths as they
/// are.
#[must_use]
pub fn behind_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = std::fs::read_link(&path) else {
            break;
        };
        path = folder(&path).join(target);
    }
    path
}

/// Removes the temporary file of a [`write_atomically`] that was killed; nobody else may be
/// writing this file.
pub fn remove_leftover(path: &Path) {
    // Mostly there is none, and it does no harm.
    let _ = std::fs::remove_file(temporary(path));
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".romfeed-tmp");
    folder(path).join(name)
}

/// Whether a file must be on the disk itself before it takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It can be made again: left to the system's own time.
    Cached,
    /// It cannot: waits for the disk.
    Synced,
}

/// Makes a file that was not there, so that a link in its place leads nowhere.
fn create(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            File::create_new(path)
        }
        created => created,
    }
}

/// Writes `temporary` and renames it over `path`; both lie on one file system.
///
/// # Errors
/// Whatever the system reports; the temporary file is then removed.
pub fn replace(
    temporary: &Path,
    path: &Path,
    bytes: &[u8],
    durability: Durability,
) -> io::Result<()> {
    let write = || {
        let mut file = create(temporary)?;
        file.write_all(bytes)?;
        if durability == Durability::Synced {
            file.sync_all()?;
        }
        std::fs::rename(temporary, path)
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written
}
