//! Regular files opened without following links.
//!
//! Texts and images next to packages are published, so a link among them could publish any file that
//! the process may read. On Unix the call that opens a file refuses links, and the kind is checked on
//! the open file, so nothing can be swapped in between. Elsewhere the kind is checked before opening.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file. Its folder may be reached through links, but the file must not be one.
///
/// # Errors
/// Whatever the system reports; [`io::ErrorKind::Other`] for a link, a pipe or a device.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    open_below(folder, Path::new(name))
}

/// Opens a regular file below a folder; no part of `path` may be a link or lead upwards.
///
/// # Errors
/// As [`open_regular`].
pub fn open_below(root: &Path, path: &Path) -> io::Result<File> {
    let is_name = |part| matches!(part, std::path::Component::Normal(_));
    if path.as_os_str().is_empty() || !path.components().all(is_name) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = open_parts(root, path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// Reads the first `limit` bytes of an open file, and one more if there are more.
///
/// # Errors
/// Whatever the system reports.
pub fn read_head(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_link() -> io::Error {
    io::Error::other("a symbolic link, which is not followed; put the file itself there")
}

#[cfg(unix)]
fn open_parts(root: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open, openat};
    use rustix::io::Errno;
    let refuse = |error: Errno| match error {
        Errno::LOOP | Errno::MLINK => is_link(),
        error => error.into(),
    };
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = open(root, folder_flags, Mode::empty())?;
    let mut parts = path.iter().peekable();
    while let Some(part) = parts.next() {
        // A pipe would make the open wait for a writer.
        let flags = match parts.peek() {
            Some(_) => folder_flags,
            None => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
        };
        folder = openat(&folder, part, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(refuse)?;
    }
    Ok(folder.into())
}

#[cfg(not(unix))]
fn open_parts(root: &Path, path: &Path) -> io::Result<File> {
    let mut whole = root.to_owned();
    for part in path {
        whole.push(part);
        if whole.symlink_metadata()?.is_symlink() {
            return Err(is_link());
        }
    }
    if !whole.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(&whole)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_no_link_on_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/b/text"), "text").unwrap();
        symlink("text", root.join("a/b/link")).unwrap();
        symlink("b", root.join("a/folder")).unwrap();
        symlink(root, root.join("a/up")).unwrap();
        let open = |path: &str| open_below(root, Path::new(path));
        assert_eq!(read_head(open("a/b/text").unwrap(), 2).unwrap(), b"tex");
        for path in [
            "a/b/link",
            "a/folder/text",
            "a/up/a/b/text",
            "a/b",
            "",
            "../x",
            "/etc/hosts",
        ] {
            assert!(open(path).is_err(), "{path}");
        }
        assert!(open("a/b/link").unwrap_err().to_string().contains("link"));
        // The path of a folder is the caller's own.
        assert!(open_regular(&root.join("a/folder/text")).is_ok());
        assert!(open_regular(&root.join("a/b/link")).is_err());
        assert_eq!(open("a/none").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
