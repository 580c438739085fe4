//! Files on disk as a source.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{ReadAt, ReadError, check_bounds};

/// A file on disk, with the metadata it had when it was opened.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    metadata: Metadata,
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
        let metadata = file.metadata()?;
        Ok(FileSource { file, metadata })
    }

    /// The file's metadata when it was opened.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether the file at `path` is still this one: the same file on Unix, with the same size
    /// and time of modification.
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
        Ok(state(&now) == state(&self.metadata))
    }
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
