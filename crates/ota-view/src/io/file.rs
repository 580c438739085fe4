//! Files on disk as a source.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{ReadAt, ReadError, check_bounds};

/// An open file, with its metadata at that time.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    metadata: Metadata,
}

impl FileSource {
    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// If the path cannot be opened or is not a regular file. A pipe is refused before it is
    /// opened, because opening it would wait for a writer.
    pub fn open(path: &Path) -> io::Result<FileSource> {
        let file = open_file(path)?;
        let metadata = file.metadata()?;
        match metadata.is_file() {
            true => Ok(FileSource { file, metadata }),
            false => Err(not_regular()),
        }
    }

    /// Returns the file's metadata at the time it was opened.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether the file at `path` is unchanged: on Unix the same inode, with the same size and
    /// modification time; and whether it ends at its size, since some file systems report old ones.
    ///
    /// # Errors
    /// If the system does not report its metadata.
    pub fn is_unchanged(&self, path: &Path) -> io::Result<bool> {
        let now = std::fs::metadata(path)?;
        #[cfg(unix)]
        let file = |metadata: &Metadata| {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let file = |_: &Metadata| ();
        let state =
            |metadata: &Metadata| (file(metadata), metadata.len(), metadata.modified().ok());
        let ends = read_file_at(&self.file, &mut [0], self.metadata.len())
            .is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
        Ok(ends && state(&now) == state(&self.metadata))
    }
}

/// Opens a regular file for reading, and never waits for a pipe that takes its place meanwhile.
///
/// # Errors
/// Whatever the system reports; [`io::ErrorKind::Other`] for a pipe or a device. A folder is
/// refused by the system itself.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = open_as(path, &std::fs::metadata(path)?)?;
    let metadata = file.metadata()?;
    match metadata.is_file() || metadata.is_dir() {
        true => Ok(file),
        false => Err(not_regular()),
    }
}

/// Opens a file that was of this `kind` a moment ago. Opening a pipe or a device may wait or have
/// effects; a pipe that took the place of a file since is opened without waiting.
fn open_as(path: &Path, kind: &Metadata) -> io::Result<File> {
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
        self.metadata.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.metadata.len())?;
        read_file_at(&self.file, buf, offset).map_err(|source| ReadError::Io {
            offset,
            source: Arc::new(source),
        })
    }
}

// There is no safe call that makes a pipe on Apple's systems.
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
        let file = open_as(&path, &kind).unwrap();
        assert!(!file.metadata().unwrap().is_file());
        assert!(FileSource::open(&path).is_err());
        assert!(open_file(&path).is_err());
    }
}
