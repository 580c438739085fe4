//! Files on disk as a source.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::inside::{open_regular, read_head};
use super::{ReadAt, ReadError, check_bounds};

/// What tells one state of a file from another without reading it.
///
/// Times are in nanoseconds since the epoch; `inode` and `changed_ns` are 0 where the
/// platform has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last modification, nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Time of the last change of content or metadata (Unix's ctime), nanoseconds since the epoch.
    /// Programs can set the other time back, as `cp -p` and `touch -r` do, but not this one.
    pub changed_ns: i64,
    /// The file's number on its file system.
    pub inode: u64,
}

impl Stamp {
    /// Takes the stamp out of a file's metadata.
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> Stamp {
        let modified_ns = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_nanos()).ok())
            .unwrap_or(0);
        #[cfg(unix)]
        let (inode, changed_ns) = {
            use std::os::unix::fs::MetadataExt;
            let seconds = metadata.ctime().saturating_mul(1_000_000_000);
            (
                metadata.ino(),
                seconds.saturating_add(metadata.ctime_nsec()),
            )
        };
        #[cfg(not(unix))]
        let (inode, changed_ns) = (0, 0);
        Stamp {
            size: metadata.len(),
            modified_ns,
            changed_ns,
            inode,
        }
    }
}

/// A file on disk, with the stamp it had when it was opened.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    stamp: Stamp,
}

impl FileSource {
    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// If the path cannot be opened or is no regular file; a FIFO is refused
    /// before it is opened, since opening it would wait for a writer.
    pub fn open(path: &Path) -> io::Result<FileSource> {
        let kind = std::fs::metadata(path)?;
        let file = open_file(path, &kind)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_regular());
        }
        let stamp = Stamp::of(&metadata);
        Ok(FileSource { file, stamp })
    }

    /// The file's stamp when it was opened.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }
}

/// Reads all of a regular file that may have `limit` bytes.
///
/// # Errors
/// Whatever the system reports, or [`io::ErrorKind::FileTooLarge`].
pub fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?;
    within(read_head(open_file(path, &kind)?, limit)?, limit)
}

/// Opens a file that was a regular one a moment ago, by its `kind`; a folder is refused by the
/// system itself.
///
/// Opening a pipe or a device may wait or do something. What takes the file's place in between is
/// opened without waiting, and a pipe then has nothing to read.
fn open_file(path: &Path, kind: &std::fs::Metadata) -> io::Result<File> {
    if !kind.is_file() && !kind.is_dir() {
        return Err(not_regular());
    }
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    options.open(path)
}

fn not_regular() -> io::Error {
    io::Error::other("not a regular file")
}

/// As [`read_file`], of a file whose name is not a link: what is in it may be published.
///
/// # Errors
/// As [`read_file`] and [`open_regular`].
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    within(read_head(open_regular(path)?, limit)?, limit)
}

fn within(bytes: Vec<u8>, limit: u64) -> io::Result<Vec<u8>> {
    match bytes.len() as u64 > limit {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {} KiB", limit >> 10),
        )),
        false => Ok(bytes),
    }
}

/// Reads all of a regular file that may have `limit` bytes, and is a text in UTF-8.
///
/// # Errors
/// As [`read_file`], or [`io::ErrorKind::InvalidData`].
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read_file(path, limit)?)
}

/// As [`read_text`], of a file whose name is not a link.
///
/// # Errors
/// As [`read_text`] and [`read_regular`].
pub fn read_regular_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read_regular(path, limit)?)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text");
    String::from_utf8(bytes).map_err(no_text)
}

#[cfg(unix)]
pub(super) fn read_file_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
pub(super) fn read_file_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buf.is_empty() {
        let read = file.seek_read(buf, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buf = &mut buf[read..];
        offset += read as u64;
    }
    Ok(())
}

impl ReadAt for FileSource {
    fn size(&self) -> u64 {
        self.stamp.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.stamp.size)?;
        read_file_at(&self.file, buf, offset).map_err(|source| ReadError::Io {
            offset,
            source: Arc::new(source),
        })
    }
}

// There is no safe call for a pipe on Apple's systems.
#[cfg(all(test, unix, not(target_vendor = "apple")))]
mod tests {
    use super::*;

    #[test]
    fn pipe_in_the_place_of_a_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rom.zip");
        std::fs::write(&path, "x").unwrap();
        let kind = std::fs::metadata(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let file = open_file(&path, &kind).unwrap();
        assert!(!file.metadata().unwrap().is_file());
        assert!(FileSource::open(&path).is_err());
        assert!(read_file(&path, 10).is_err());
    }
}
