//! The file systems inside partition images.
//!
//! In: a partition as a [`ReadAt`]. Out: its [`FileSystem`], which answers with
//! files and folders by path. ext4 is read by the `ext4-view` crate: its panics
//! are contained here, and a fault of the image below keeps its class through its
//! errors. EROFS is read by a reader of our own.
//!
//! F2FS and squashfs are recognised and not read. So is the `inline_data` feature
//! of ext4: Android's image tools never set it.

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
/// Most names looked up on the way to one file, those of links among them: each
/// costs a walk through a folder, and links multiply names.
const MAX_NAMES: usize = 1000;
/// Longest path looked up, in bytes (`PATH_MAX`).
const MAX_PATH_LEN: usize = 4096;
/// Most entries of one folder that are listed.
const MAX_ENTRIES: usize = 1 << 20;

/// Most bytes of folders and indexes gone through in one file system. A folder may name the same
/// block a million times, and a path lead through it a thousand times; in real ones, the folders
/// on the way to all files that are asked for take some hundred KiB.
const MAX_SEARCHED: u64 = 256 << 20;

/// Why a file system, or something in it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No file system that is known.
    #[error("no file system that is known here begins like it")]
    Unknown,
    /// A file system, or a feature of one, that is not read.
    #[error("{what} is not read")]
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
        /// What was looked for.
        place: String,
        /// The reason.
        #[source]
        source: ReadError,
    },
    /// The beginning of the partition cannot be read.
    #[error("cannot read its beginning")]
    Start {
        /// The reason.
        #[source]
        source: ReadError,
    },
    /// A file longer than its use allows.
    #[error("`{}` has {size} bytes, at most {limit} are read", .path.escape_debug())]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Folders or indexes without end.
    #[error("{kind}: more than {} MiB of folders to look for files in", MAX_SEARCHED >> 20)]
    Search {
        /// Its kind.
        kind: Kind,
    },
    /// Nothing of this path.
    #[error("no `{}`", .path.escape_debug())]
    NotFound {
        /// The path.
        path: String,
    },
    /// Links that lead to each other, as in a system image whose `/vendor` is that
    /// of the phone.
    #[error("`{}` leads through too many symbolic links", .path.escape_debug())]
    LinkLoop {
        /// The path.
        path: String,
    },
    /// Not what is asked for.
    #[error("`{}` is no {expected}", .path.escape_debug())]
    WrongType {
        /// The path.
        path: String,
        /// `file` or `folder`.
        expected: &'static str,
    },
    /// What was read cannot be written.
    #[error("cannot write")]
    Write(#[source] std::io::Error),
}

impl Error {
    /// The class of the fault.
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

    /// There is no such file, which is not a fault of the image.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Error::NotFound { .. } | Error::WrongType { .. } | Error::LinkLoop { .. }
        )
    }
}

/// The kinds of file system that are told apart.
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
    /// The name used in messages and in `--json`.
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
    /// The kind of this name.
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

/// What an entry of a folder is.
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
    /// What it is.
    pub entry_type: EntryType,
    /// Length in bytes.
    pub size: u64,
    /// Where a symbolic link leads.
    pub target: Option<String>,
}

/// Files by path. Symbolic links are followed inside the image, never out of it.
///
/// One handle belongs to one thread; a partition can be opened several times.
pub trait FileSystem {
    /// Which one it is.
    fn kind(&self) -> Kind;

    /// Writes a file's contents to `out`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is written if the file is longer than
    /// `limit`; otherwise any [`Error`].
    fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<(), Error>;

    /// The entries of a folder, sorted by name, without `.` and `..`.
    ///
    /// # Errors
    /// Any [`Error`].
    fn list(&self, path: &str) -> Result<Vec<DirEntry>, Error>;

    /// A file's contents, at most `limit` bytes.
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

/// Finds out which file system a partition holds.
///
/// # Errors
/// If the partition cannot be read; one that is too short holds none.
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
/// ErrorKind `Unsupported` for one that is not read, otherwise as the image below.
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

/// A partition as the libraries read it, which remembers its last fault: their
/// own errors may lose it.
#[derive(Clone)]
struct Watched {
    source: Arc<dyn ReadAt>,
    fault: Arc<Mutex<Option<ReadError>>>,
    /// Bytes of folders and indexes gone through.
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

    /// Counts bytes of folders or indexes that are gone through.
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

    /// Runs a library; what it panics with becomes an error, and the fault of the
    /// partition, if there was one, goes before the library's own.
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

/// The names still to be looked up on the way to a path, links followed.
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

    /// The next name, or `None` at the end of the way.
    fn next(&mut self) -> Result<Option<String>, Error> {
        self.num_names += 1;
        match self.num_names > MAX_NAMES {
            true => Err(self.link_loop()),
            false => Ok(self.names.pop()),
        }
    }

    /// Goes on by way of a link's target.
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

/// Splits a path into its names, from the root on; `.` and empty ones say nothing.
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
    fn the_checksum_is_that_of_linux() {
        // CRC-32C of "123456789" is 0xe3069283 with the final inversion.
        assert_eq!(crc32c(b"123456789"), !0xe306_9283);
    }
}
