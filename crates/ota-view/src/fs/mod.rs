//! The file systems inside partition images.
//!
//! In: a partition as a [`ReadAt`]. Out: its [`FileSystem`], which reads files and lists folders
//! by path. ext4 is read by the `ext4-view` crate: its panics become errors here, and an error of
//! the image below keeps its kind. EROFS has a reader in this module.
//!
//! F2FS and squashfs are recognised but not read. Neither is the `inline_data` feature of ext4,
//! which Android's image tools never set.

mod erofs;
mod ext4;

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::catch_panic::catch_panic;
use crate::error_kind::ErrorKind;
use crate::io::{ReadAt, ReadError};

/// Most symbolic links followed on one path, as on Linux.
const MAX_LINKS: usize = 40;
/// Most names looked up for one path, including those in links: each costs a walk through a
/// folder, and links multiply names.
const MAX_NAMES: usize = 1000;
/// Longest path looked up, in bytes (`PATH_MAX`).
const MAX_PATH_LEN: usize = 4096;
/// Most entries of one folder that are listed.
const MAX_ENTRIES: usize = 1 << 20;

/// Bytes of a file copied at a time.
const COPY_STEP: usize = 64 << 10;

/// Most bytes of folders and indexes searched in one file system. A hostile folder may list the same
/// block a million times, and a path may pass it a thousand times; searching real ones takes some
/// hundred KiB.
const MAX_SEARCHED: u64 = 256 << 20;

/// Why a file system, or something in it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a known file system.
    #[error("its file system is unknown")]
    Unknown,
    /// A file system, or a feature of one, that is not supported.
    #[error("{what} is not supported")]
    Unsupported {
        /// The file system or feature.
        what: String,
    },
    /// The file system contradicts itself.
    #[error("{kind}: {fault}")]
    Corrupt {
        /// Its kind.
        kind: Kind,
        /// What is wrong.
        fault: String,
    },
    /// The partition below cannot be read.
    #[error("{kind}: {place}")]
    Read {
        /// Its kind.
        kind: Kind,
        /// What was being read.
        place: String,
        /// The cause.
        #[source]
        source: ReadError,
    },
    /// The beginning of the partition cannot be read.
    #[error("cannot read its beginning")]
    Start {
        /// The cause.
        #[source]
        source: ReadError,
    },
    /// A file longer than the caller's limit.
    #[error("`{}` has {size} bytes, at most {limit} are read", .path.escape_debug())]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Too many bytes of folders or indexes to search.
    #[error("{kind}: more than {} MiB of folders to look for files in", MAX_SEARCHED >> 20)]
    Search {
        /// Its kind.
        kind: Kind,
    },
    /// Nothing at this path.
    #[error("no `{}`", .path.escape_debug())]
    NotFound {
        /// The path.
        path: String,
    },
    /// Too many links, for example a loop: in a system image, `/vendor` may link to itself.
    #[error("`{}` leads through too many symbolic links", .path.escape_debug())]
    LinkLoop {
        /// The path.
        path: String,
    },
    /// A file instead of a folder, or the reverse.
    #[error("`{}` is not a {expected}", .path.escape_debug())]
    WrongType {
        /// The path.
        path: String,
        /// `file` or `folder`.
        expected: &'static str,
    },
    /// The contents cannot be written to the output.
    #[error("cannot write")]
    Write(#[source] std::io::Error),
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Unknown | Error::Unsupported { .. } => ErrorKind::Unsupported,
            Error::Corrupt { .. } => ErrorKind::Corrupt,
            Error::Read { source, .. } | Error::Start { source } => source.kind(),
            Error::TooLarge { .. } | Error::Search { .. } => ErrorKind::Limit,
            Error::NotFound { .. } | Error::WrongType { .. } | Error::LinkLoop { .. } => {
                ErrorKind::NotFound
            }
            Error::Write(_) => ErrorKind::Io,
        }
    }

    /// Whether the error only means that there is no such file; the image may be valid.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Error::NotFound { .. } | Error::WrongType { .. } | Error::LinkLoop { .. }
        )
    }
}

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// ext2, ext3 and ext4.
    Ext4,
    /// EROFS.
    Erofs,
    /// F2FS, not read.
    F2fs,
    /// Squashfs, not read.
    Squashfs,
}

impl Kind {
    /// Returns the name, for messages and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Ext4 => "ext4",
            Kind::Erofs => "erofs",
            Kind::F2fs => "f2fs",
            Kind::Squashfs => "squashfs",
        }
    }
}

impl Kind {
    /// Finds a kind by its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Kind> {
        [Kind::Ext4, Kind::Erofs, Kind::F2fs, Kind::Squashfs]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The type of a folder entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Special,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name; invalid UTF-8 becomes U+FFFD.
    pub name: String,
    /// Its type.
    pub entry_type: EntryType,
    /// Length in bytes.
    pub size: u64,
    /// The target of a symbolic link.
    pub target: Option<String>,
}

/// An open file system: files and folders by path.
///
/// Symbolic links are followed inside the image, never out of it. A handle belongs to one thread; a
/// partition can be opened several times.
pub trait FileSystem {
    /// Returns the kind of file system.
    fn kind(&self) -> Kind;

    /// Writes a file's contents to `out`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is written if the file is longer than
    /// `limit`; otherwise any [`Error`].
    fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<(), Error>;

    /// Lists a folder, sorted by name, without `.` and `..`.
    ///
    /// # Errors
    /// Any [`Error`].
    fn list(&self, path: &str) -> Result<Vec<DirEntry>, Error>;

    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`FileSystem::copy`].
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.copy(path, limit, &mut bytes)?;
        Ok(bytes)
    }
}

/// Offset of the superblock of ext4, EROFS and F2FS, in bytes.
const SUPERBLOCK_OFFSET: u64 = 1024;

/// Detects the file system of a partition.
///
/// # Errors
/// If the partition cannot be read. One that is too short has no file system.
pub fn detect(source: &dyn ReadAt) -> Result<Option<Kind>, ReadError> {
    let mut start = [0; 4];
    let mut superblock = [0; 64];
    if source.size() < SUPERBLOCK_OFFSET + superblock.len() as u64 {
        return Ok(None);
    }
    source.read_exact_at(0, &mut start)?;
    source.read_exact_at(SUPERBLOCK_OFFSET, &mut superblock)?;
    let [m0, m1, m2, m3, ..] = superblock;
    Ok(match [m0, m1, m2, m3] {
        _ if start == *b"hsqs" => Some(Kind::Squashfs),
        erofs::MAGIC => Some(Kind::Erofs),
        [0x10, 0x20, 0xf5, 0xf2] => Some(Kind::F2fs),
        _ if superblock[56..58] == ext4::MAGIC => Some(Kind::Ext4),
        _ => None,
    })
}

/// Opens the file system of a partition.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for unknown and unsupported ones; otherwise the kind of the image's error.
pub fn open(source: Arc<dyn ReadAt>) -> Result<Box<dyn FileSystem>, Error> {
    let kind = detect(&*source).map_err(|source| Error::Start { source })?;
    match kind {
        None => Err(Error::Unknown),
        Some(Kind::Ext4) => Ok(Box::new(ext4::Ext4::open(source)?)),
        Some(Kind::Erofs) => Ok(Box::new(erofs::Erofs::open(source)?)),
        Some(kind @ (Kind::F2fs | Kind::Squashfs)) => Err(Error::Unsupported {
            what: kind.as_str().to_owned(),
        }),
    }
}

/// A partition that records its last read error, because the errors of libraries may lose it.
#[derive(Clone)]
struct Watched {
    source: Arc<dyn ReadAt>,
    fault: Arc<Mutex<Option<ReadError>>>,
    /// Bytes of folders and indexes searched.
    searched: Arc<AtomicU64>,
}

impl Watched {
    fn new(source: Arc<dyn ReadAt>) -> Watched {
        Watched {
            source,
            fault: Arc::default(),
            searched: Arc::default(),
        }
    }

    /// Counts searched bytes of folders or indexes.
    fn spend(&self, kind: Kind, num_bytes: u64) -> Result<(), Error> {
        let before = self
            .searched
            .fetch_add(num_bytes.min(MAX_SEARCHED), Relaxed);
        match before.saturating_add(num_bytes) > MAX_SEARCHED {
            true => Err(Error::Search { kind }),
            false => Ok(()),
        }
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.source.read_exact_at(offset, buf).inspect_err(|error| {
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        })
    }

    fn take_fault(&self) -> Option<ReadError> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }

    /// Runs library code; a panic becomes an error, and a read error of the partition takes
    /// precedence over the library's error.
    fn run<T>(
        &self,
        kind: Kind,
        place: &str,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.take_fault();
        let result = catch_panic(work).unwrap_or_else(|message| {
            Err(Error::Corrupt {
                kind,
                fault: format!("{} ({message})", place.escape_debug()),
            })
        });
        match (result, self.take_fault()) {
            (Err(error), Some(source)) if !matches!(error, Error::Write(_)) => Err(Error::Read {
                kind,
                place: place.escape_debug().to_string(),
                source,
            }),
            (result, _) => result,
        }
    }
}

/// The names of a path that are still to be looked up, including those of followed links.
struct PathWalk<'a> {
    path: &'a str,
    names: Vec<String>,
    num_links: usize,
    num_names: usize,
}

impl<'a> PathWalk<'a> {
    fn new(path: &'a str) -> PathWalk<'a> {
        PathWalk {
            path,
            names: components(path).rev().map(str::to_owned).collect(),
            num_links: 0,
            num_names: 0,
        }
    }

    /// Returns the next name, or `None` at the end of the path.
    fn next(&mut self) -> Result<Option<String>, Error> {
        self.num_names += 1;
        match self.num_names > MAX_NAMES {
            true => Err(self.link_loop()),
            false => Ok(self.names.pop()),
        }
    }

    /// Continues with a link's target.
    fn follow(&mut self, target: &str) -> Result<(), Error> {
        self.num_links += 1;
        if self.num_links > MAX_LINKS {
            return Err(self.link_loop());
        }
        self.names
            .extend(components(target).rev().map(str::to_owned));
        Ok(())
    }

    fn link_loop(&self) -> Error {
        Error::LinkLoop {
            path: self.path.to_owned(),
        }
    }
}

/// Splits a path into its names; `.` and empty names are skipped.
fn components(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|name| !matches!(*name, "" | "."))
}

/// CRC-32C without the final inversion, as the file systems of Linux use it.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_that_of_linux() {
        // CRC-32C of "123456789" is 0xe3069283 with the final inversion.
        assert_eq!(crc32c(b"123456789"), !0xe306_9283);
    }
}
