//! Sources of bytes that can be read at any offset.
//!
//! A [`ReadAt`] has no cursor, so several parsers can read one source at once. Sources compose:
//! a file, a [`Section`] of it, a partition in that section, a file system in the partition. A
//! [`Spill`] makes a source of a stream that can only be read forwards. All readers of a package
//! share one [`Budget`].

mod budget;
mod file;
mod scratch;
mod spill;

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error_kind::ErrorKind;

pub use budget::{Budget, Checked, Counted, Counters, Limits, RunTime};
pub use file::{FileSource, open_file};
pub use scratch::Scratch;
pub use spill::Spill;

/// A source of bytes that can be read at any offset.
pub trait ReadAt: Send + Sync {
    /// The number of bytes in the source.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset`, or fails.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] if the range passes the end; otherwise the error of the source.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;
}

/// Why bytes could not be read.
///
/// Libraries may wrap it in their own errors; [`ReadError::inside`] finds it again.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The range is beyond the end of the source.
    #[error("bytes {offset}..{end} are needed, but there are only {size}")]
    OutOfBounds {
        /// First byte needed.
        offset: u64,
        /// One past the last byte needed.
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
        source: Arc<io::Error>,
    },
    /// A compressed stream is damaged, or needs too much memory.
    #[error("{what} stream after {offset} decoded bytes")]
    Decode {
        /// The kind of stream.
        what: &'static str,
        /// Bytes decoded before the error.
        offset: u64,
        /// The decoder's reason.
        #[source]
        source: Arc<io::Error>,
    },
    /// Decoded bytes cannot be stored in a temporary file.
    #[error("cannot write to the temporary folder {}", .folder.display())]
    Store {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        #[source]
        source: Arc<io::Error>,
    },
    /// A limit of the package's budget is exceeded.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The structure of an image is invalid.
    #[error(transparent)]
    Image(#[from] ImageFault),
}

impl ReadError {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            ReadError::OutOfBounds { .. } => ErrorKind::Truncated,
            ReadError::Io { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
                ErrorKind::Truncated
            }
            ReadError::Io { .. } | ReadError::Store { .. } => ErrorKind::Io,
            ReadError::Decode { source, .. } => match source.kind() {
                io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
                io::ErrorKind::OutOfMemory => ErrorKind::Limit,
                io::ErrorKind::Unsupported => ErrorKind::Unsupported,
                _ => ErrorKind::Corrupt,
            },
            ReadError::Exceeded(_) => ErrorKind::Limit,
            ReadError::Image(fault) => fault.kind,
        }
    }

    /// Whether the operating system failed to read, or returned less than the file's length. The
    /// next attempt may succeed.
    #[must_use]
    pub fn is_system_error(error: &(dyn Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(ReadError::Io { .. }) = error.downcast_ref() {
                return true;
            }
            next = cause(error);
        }
        false
    }

    /// Finds the exceeded limit that caused an error.
    #[must_use]
    pub fn exceeded<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Exceeded> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(ReadError::Exceeded(exceeded)) = error.downcast_ref() {
                return Some(exceeded);
            }
            next = cause(error);
        }
        None
    }

    /// Finds a read error that a library wrapped in its own error.
    #[must_use]
    pub fn inside(error: &(dyn Error + 'static)) -> Option<ReadError> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<ReadError>() {
                return Some(found.clone());
            }
            next = cause(error);
        }
        None
    }

    /// Converts a decoder's error; a read error of its input takes precedence.
    pub(crate) fn decode(what: &'static str, offset: u64, error: io::Error) -> ReadError {
        ReadError::inside(&error).unwrap_or_else(|| ReadError::Decode {
            what,
            offset,
            source: Arc::new(error),
        })
    }
}

/// Returns the error inside another one: also that of a library, and that of an image, which show it as their own.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(ReadError::Image(fault)) = error.downcast_ref() {
        return Some(&*fault.error);
    }
    let shared = error.downcast_ref::<Arc<io::Error>>();
    let wrapped = shared.map(|error| &**error).or(error.downcast_ref());
    match wrapped.and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// A limit of the [`Budget`] that a package exceeded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exceeded {
    /// Too many bytes were decoded.
    #[error("more than {limit} bytes to decode")]
    Decoded {
        /// Bytes allowed.
        limit: u64,
    },
    /// Too many bytes of temporary files.
    #[error("more than {limit} bytes to keep in temporary files")]
    Scratch {
        /// Bytes allowed.
        limit: u64,
    },
    /// Too many bytes to download from another machine.
    #[error("more than {limit} bytes to download")]
    Fetched {
        /// Bytes allowed.
        limit: u64,
    },
    /// Decoding takes too much memory.
    #[error("more than {} MiB of memory to decode", .limit >> 20)]
    Memory {
        /// Bytes allowed.
        limit: u64,
    },
    /// Other packages use the memory or the space for temporary files; reading may succeed after
    /// they are closed.
    #[error("other packages use the memory, or the room for temporary files")]
    Contended,
    /// Reading the package took too long.
    #[error("not read within {} seconds", .limit.as_secs())]
    Time {
        /// Time allowed.
        limit: Duration,
    },
    /// All packages of the run together took too long.
    #[error("the packages of this run were not read within {} hours", .limit.as_secs() / 3600)]
    RunTime {
        /// Time allowed.
        limit: Duration,
    },
    /// The temporary folder has too little free space.
    #[error("the temporary folder {} has {free} bytes free, {needed} more are needed", .folder.display())]
    Space {
        /// The folder.
        folder: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes wanted.
        needed: u64,
    },
    /// Reading was cancelled, because another part of the package failed.
    #[error("cancelled")]
    Cancelled,
}

/// An error of an image, passed through the sources above it with its kind.
#[derive(Clone, Debug)]
pub struct ImageFault {
    /// The kind of the error.
    pub kind: ErrorKind,
    error: Arc<dyn Error + Send + Sync>,
}

impl ImageFault {
    /// Wraps the error of an image.
    pub fn new(kind: ErrorKind, error: impl Error + Send + Sync + 'static) -> ImageFault {
        ImageFault {
            kind,
            error: Arc::new(error),
        }
    }
}

impl fmt::Display for ImageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for ImageFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Returns the length of a buffer as a `u64`.
pub(crate) fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Checks that `offset..offset + len` lies within `size` bytes.
pub(crate) fn check_bounds(offset: u64, len: usize, size: u64) -> Result<(), ReadError> {
    let end = u64::try_from(len)
        .ok()
        .and_then(|len| offset.checked_add(len));
    match end {
        Some(end) if end <= size => Ok(()),
        _ => Err(ReadError::OutOfBounds {
            offset,
            end: end.unwrap_or(u64::MAX),
            size,
        }),
    }
}

impl<S: ReadAt + ?Sized> ReadAt for Arc<S> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_exact_at(offset, buf)
    }
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
    /// [`ReadError::OutOfBounds`] if the window reaches beyond `source`.
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
/// A [`ReadError`] is wrapped in an [`io::Error`]; [`ReadError::inside`] finds it again.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_system_errors_are_found_inside_of_images_and_libraries() {
        let limit = || ReadError::from(Exceeded::Fetched { limit: 7 });
        let in_image = ReadError::from(ImageFault::new(ErrorKind::Limit, limit()));
        let in_library = io::Error::other(in_image.clone());
        let in_stream = ReadError::Decode {
            what: "brotli",
            offset: 0,
            source: Arc::new(io::Error::other(limit())),
        };
        for error in [
            &limit() as &(dyn Error + 'static),
            &in_image,
            &in_library,
            &in_stream,
        ] {
            let found = ReadError::exceeded(error);
            assert_eq!(found, Some(&Exceeded::Fetched { limit: 7 }), "{error:?}");
            assert!(!ReadError::is_system_error(error), "{error:?}");
        }
        let read = ReadError::Io {
            offset: 0,
            source: Arc::new(io::ErrorKind::Other.into()),
        };
        let in_image = ReadError::from(ImageFault::new(ErrorKind::Io, read));
        assert!(ReadError::is_system_error(&in_image));
        assert_eq!(ReadError::exceeded(&in_image), None);
    }

    #[test]
    fn section_beyond_its_source_is_refused() {
        let source: Arc<dyn ReadAt> = Arc::new(vec![0u8; 10]);
        assert!(Section::new(Arc::clone(&source), 5, 6).is_err());
        assert!(Section::new(Arc::clone(&source), u64::MAX, 2).is_err());
        let section = Section::new(source, 5, 5).unwrap();
        let mut two = [0; 2];
        assert!(section.read_exact_at(3, &mut two).is_ok());
        assert!(section.read_exact_at(4, &mut two).is_err());
    }

    #[test]
    fn reader_keeps_the_kind_of_an_error_through_io_error() {
        struct Broken;
        impl ReadAt for Broken {
            fn size(&self) -> u64 {
                100
            }
            fn read_exact_at(&self, offset: u64, _: &mut [u8]) -> Result<(), ReadError> {
                Err(ReadError::Io {
                    offset,
                    source: Arc::new(io::Error::other("disk on fire")),
                })
            }
        }
        let error = Reader::new(Arc::new(Broken)).read(&mut [0; 4]).unwrap_err();
        assert_eq!(ReadError::inside(&error).unwrap().kind(), ErrorKind::Io);
        let twice = io::Error::other(error);
        assert_eq!(ReadError::inside(&twice).unwrap().kind(), ErrorKind::Io);
    }

    #[test]
    fn reader_seeks_and_stops_at_the_end() {
        let mut reader = Reader::new(Arc::new(b"abcdef".to_vec()));
        reader.seek(SeekFrom::End(-2)).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ef");
        assert!(reader.seek(SeekFrom::Current(-7)).is_err());
    }
}
