//! Positional reads, the currency between packages, images and file systems, and
//! the atomic write of whole files.
//!
//! A [`ReadAt`] answers "these bytes at this offset" without a cursor, so one
//! source can be read by several parsers at once. Sources compose: a file, a
//! [`Section`] of it, later a partition inside that section.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use crate::class::Class;

/// A source of bytes that can be read at any offset.
pub trait ReadAt: Send + Sync {
    /// The number of bytes in the source.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset`, or fails.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] if the range passes the end, otherwise
    /// whatever the layer below reports.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;
}

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The range lies beyond the end of the source.
    #[error("bytes {offset}..{end} wanted of {size}")]
    OutOfBounds {
        /// First byte wanted.
        offset: u64,
        /// One past the last byte wanted.
        end: u64,
        /// Bytes the source has.
        size: u64,
    },
    /// The operating system failed to read.
    #[error("cannot read at byte {offset}")]
    Io {
        /// Where the read began.
        offset: u64,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl ReadError {
    /// The class of the fault.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            ReadError::OutOfBounds { .. } => Class::Truncated,
            ReadError::Io { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
                Class::Truncated
            }
            ReadError::Io { .. } => Class::Io,
        }
    }
}

/// Checks that `offset..offset + len` lies within `size` bytes.
fn check_bounds(offset: u64, len: usize, size: u64) -> Result<(), ReadError> {
    let end = u64::try_from(len)
        .ok()
        .and_then(|len| offset.checked_add(len))
        .unwrap_or(u64::MAX);
    if end > size {
        return Err(ReadError::OutOfBounds { offset, end, size });
    }
    Ok(())
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        let start = usize::try_from(offset).expect("bounds checked above");
        buf.copy_from_slice(&self[start..start + buf.len()]);
        Ok(())
    }
}

/// What tells one state of a file from another without reading it.
///
/// Times are in nanoseconds since the epoch; `inode` is 0 where the platform
/// has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last modification, nanoseconds since the epoch.
    pub modified_ns: i64,
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
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Stamp {
            size: metadata.len(),
            modified_ns,
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
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        Ok(FileSource { file, stamp })
    }

    /// The file's stamp when it was opened.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
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
        read_file_at(&self.file, buf, offset).map_err(|source| ReadError::Io { offset, source })
    }
}

/// A window onto another source: a stored zip entry, a partition, a table.
pub struct Section {
    source: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
}

impl Section {
    /// Opens the window `start..start + len`.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] if the window is not wholly inside `source`.
    pub fn new(source: Arc<dyn ReadAt>, start: u64, len: u64) -> Result<Section, ReadError> {
        let size = source.size();
        let end = start.saturating_add(len);
        if end > size {
            return Err(ReadError::OutOfBounds {
                offset: start,
                end,
                size,
            });
        }
        Ok(Section { source, start, len })
    }
}

impl ReadAt for Section {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.len)?;
        self.source.read_exact_at(self.start + offset, buf)
    }
}

/// A cursor over a [`ReadAt`], for libraries that want [`Read`] and [`Seek`].
///
/// A [`ReadError`] travels through [`io::Error`] and can be had back by
/// downcasting.
pub struct Reader {
    source: Arc<dyn ReadAt>,
    position: u64,
}

impl Reader {
    /// Starts at the first byte of `source`.
    #[must_use]
    pub fn new(source: Arc<dyn ReadAt>) -> Reader {
        Reader {
            source,
            position: 0,
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.source.size().saturating_sub(self.position);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        self.source
            .read_exact_at(self.position, &mut buf[..len])
            .map_err(io::Error::other)?;
        self.position += len as u64;
        Ok(len)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.source.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Replaces a file so that readers see the old or the new one, never a part.
///
/// The temporary file lies beside it; folders are made as needed.
///
/// # Errors
/// Whatever the system reports; the temporary file is then removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".romfeed-tmp");
    let temporary = folder.join(name);
    replace(&temporary, path, bytes, Durability::Synced)
}

/// Whether a file must be on the disk itself before it takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It can be made again: left to the system's own time.
    Cached,
    /// It cannot: waits for the disk.
    Synced,
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
        let mut file = File::create(temporary)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_refuses_to_reach_beyond_its_source() {
        let source: Arc<dyn ReadAt> = Arc::new(vec![0u8; 10]);
        assert!(Section::new(Arc::clone(&source), 5, 6).is_err());
        assert!(Section::new(Arc::clone(&source), u64::MAX, 2).is_err());
        let section = Section::new(source, 5, 5).unwrap();
        let mut two = [0; 2];
        assert!(section.read_exact_at(3, &mut two).is_ok());
        assert!(section.read_exact_at(4, &mut two).is_err());
    }

    #[test]
    fn reader_keeps_the_class_of_a_fault_through_io_error() {
        struct Broken;
        impl ReadAt for Broken {
            fn size(&self) -> u64 {
                100
            }
            fn read_exact_at(&self, offset: u64, _: &mut [u8]) -> Result<(), ReadError> {
                Err(ReadError::Io {
                    offset,
                    source: io::Error::other("disk on fire"),
                })
            }
        }
        let error = Reader::new(Arc::new(Broken)).read(&mut [0; 4]).unwrap_err();
        let inner = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<ReadError>())
            .unwrap();
        assert_eq!(inner.class(), Class::Io);
    }

    #[test]
    fn reader_seeks_and_ends() {
        let mut reader = Reader::new(Arc::new(b"abcdef".to_vec()));
        reader.seek(SeekFrom::End(-2)).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ef");
        assert!(reader.seek(SeekFrom::Current(-7)).is_err());
    }
}
