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
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomically`], for contents that are written piece by piece.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_atomically_with(
    path: &Path,
    contents: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    std::fs::create_dir_all(folder(path))?;
    let temporary = temporary(path);
    replace_with(
        &temporary,
        path,
        Durability::Synced,
        Readers::Umask,
        contents,
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
    missing.into_iter().try_for_each(let_everyone_enter)
}

/// Creates a folder that is not there yet, for everyone to enter.
///
/// # Errors
/// Whatever the system reports, for example that something of this name is there.
pub fn create_new_public_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)?;
    let_everyone_enter(path)
}

fn let_everyone_enter(folder: &Path) -> io::Result<()> {
    match with_bits(&std::fs::metadata(folder)?, 0o555) {
        Some(permissions) => std::fs::set_permissions(folder, permissions),
        None => Ok(()),
    }
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

/// Writes a new file in a folder that is there, and returns its state.
///
/// # Errors
/// Whatever the system reports, for example that something of this name is there, which stays. What this call has made
/// is removed.
pub fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<Metadata> {
    let mut file = File::create_new(path)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| finish(&file, Durability::Cached, readers));
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Creates a file. What is in its place is removed, so that a link is not followed.
fn create(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            File::create_new(path)
        }
        created => created,
    }
}

/// Completes a file that was written, and returns its state.
fn finish(file: &File, durability: Durability, readers: Readers) -> io::Result<Metadata> {
    // Asked of the open file, which needs no search for its path.
    let mut metadata = file.metadata()?;
    let missing = with_bits(&metadata, 0o444).filter(|_| readers == Readers::Everyone);
    if let Some(permissions) = missing {
        file.set_permissions(permissions)?;
        metadata = file.metadata()?;
    }
    if durability == Durability::Synced {
        file.sync_all()?;
    }
    Ok(metadata)
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
    let contents = |file: &mut File| file.write_all(bytes);
    replace_with(temporary, path, durability, readers, contents)
}

/// As [`replace`], for contents that are written piece by piece.
///
/// # Errors
/// As [`replace`].
pub fn replace_with(
    temporary: &Path,
    path: &Path,
    durability: Durability,
    readers: Readers,
    contents: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let write = || {
        let mut file = create(temporary)?;
        contents(&mut file)?;
        finish(&file, durability, readers)
    };
    // The file is closed before it is renamed.
    let written = write().and_then(|_| std::fs::rename(temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written
}
