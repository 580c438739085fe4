//! Replacing whole files.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces a file so that readers see the old or the new one, never a part.
///
/// The temporary file lies in the same folder. Missing folders are created.
///
/// # Errors
/// Whatever the system reports; the temporary file is then removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder(path))?;
    replace(
        &temporary(path),
        path,
        bytes,
        Durability::Synced,
        Readers::Umask,
    )
}

/// Creates a folder that git ignores, and the missing ones above it.
///
/// # Errors
/// Whatever the system reports about the folder.
pub fn create_ignored_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    let ignore = path.join(".gitignore");
    if !ignore.exists() {
        // Only a convenience: a folder that shows up in git does no harm.
        let _ = write_atomically(&ignore, b"*\n");
    }
    Ok(())
}

/// Creates a folder and the missing ones above it, for everyone to enter.
///
/// # Errors
/// Whatever the system reports.
pub fn create_public_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    std::fs::create_dir_all(path)?;
    for folder in missing {
        if let Some(permissions) = with_bits(&std::fs::metadata(folder)?, 0o555) {
            std::fs::set_permissions(folder, permissions)?;
        }
    }
    Ok(())
}

/// Returns the permissions of a file or folder with more bits in its mode; none if it has them, or the system has no
/// modes.
fn with_bits(metadata: &Metadata, bits: u32) -> Option<Permissions> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode();
        (mode & bits != bits).then(|| PermissionsExt::from_mode(mode | bits))
    }
    #[cfg(not(unix))]
    {
        let _ = (metadata, bits);
        None
    }
}

/// The most links followed from one path to its file, as on Linux.
const MAX_LINKS: usize = 40;

/// Returns the path that a link leads to in the end, whether there is a file or not. Other paths are
/// returned unchanged.
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

/// Removes the temporary file that a killed [`write_atomically`] left behind. No other process may be
/// writing this file.
pub fn remove_leftover(path: &Path) {
    // There is usually none, and a failure does no harm.
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

/// Whether a file must be safe on the disk before it replaces another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The file can be made again: the system may write it later.
    Cached,
    /// The file cannot be made again: wait for the disk.
    Synced,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whom the umask lets: files of the maintainer.
    Umask,
    /// Everyone: files of the site, which a server reads under another name.
    Everyone,
}

/// Creates a new file, so that a link in its place is not followed.
fn create(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            File::create_new(path)
        }
        created => created,
    }
}

/// Writes a file in a folder that is there; a file or link of that name is replaced.
///
/// # Errors
/// Whatever the system reports; the file is then removed.
pub fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let written = write(path, bytes, readers, Durability::Cached);
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

fn write(path: &Path, bytes: &[u8], readers: Readers, durability: Durability) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    if readers == Readers::Everyone {
        // Asked of the open file, which needs no search for its path.
        if let Some(permissions) = with_bits(&file.metadata()?, 0o444) {
            file.set_permissions(permissions)?;
        }
    }
    if durability == Durability::Synced {
        file.sync_all()?;
    }
    Ok(())
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
    readers: Readers,
) -> io::Result<()> {
    let written = write(temporary, bytes, readers, durability)
        .and_then(|()| std::fs::rename(temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written
}
