//! Why a package cannot be read as a zip.

use std::io;

use zip::result::ZipError;

use super::limits::MAX_DECODED;
use crate::error_kind::ErrorKind;
use crate::io::ReadError;

/// Why a package cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// No zip structure at either end of the file.
    #[error("no zip archive: no end-of-central-directory record in the last {searched} bytes")]
    NotAZip {
        /// Bytes searched at the end of the file.
        searched: usize,
    },
    /// The file begins like a zip and lacks its end.
    #[error("cut short: begins like a zip, but the end-of-central-directory record is missing")]
    NoEnd,
    /// The central directory lies outside the file.
    #[error("cut short: central directory of {size} bytes at {offset:#x} in a file of {file_size}")]
    CentralOutOfBounds {
        /// Declared offset.
        offset: u64,
        /// Declared length.
        size: u64,
        /// Bytes in the file.
        file_size: u64,
    },
    /// A central directory header is malformed.
    #[error("central directory entry {index} at byte {offset:#x} of the directory is malformed")]
    BadCentralEntry {
        /// Position in the directory.
        index: u64,
        /// Byte offset inside the directory.
        offset: usize,
    },
    /// The number of entries is ambiguous: some readers use the end record, others the directory.
    #[error("its end record counts {counted} entries, but the central directory has {found}")]
    Miscounted {
        /// Entries according to the end record.
        counted: u64,
        /// Headers in the directory.
        found: u64,
    },
    /// The file has two possible central directories.
    #[error("ambiguous zip: its central directory could begin at byte {ours:#x} or {theirs:#x}")]
    TwoDirectories {
        /// Where the last end record puts it.
        ours: u64,
        /// Where another reading puts it.
        theirs: u64,
    },
    /// Too many entries, or a directory that is too long.
    #[error("{what} is {found}, at most {limit} are read")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// Count found.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Two entries have the name of the file that is read.
    #[error("entry `{}` occurs more than once, so readers may disagree about its contents", .name.escape_debug())]
    Duplicate {
        /// The shared name.
        name: String,
    },
    /// The entry that is read shares bytes with another.
    #[error("entries `{}` and `{}` overlap", .name.escape_debug(), .other.escape_debug())]
    Overlap {
        /// The entry that is read.
        name: String,
        /// The other.
        other: String,
    },
    /// An entry's name would leave the folder it is unpacked to.
    #[error("entry name `{}` points outside the package", .name.escape_debug())]
    UnsafeName {
        /// The name, lossily decoded.
        name: String,
    },
    /// The entry that is read is encrypted.
    #[error("entry `{}` is encrypted", .name.escape_debug())]
    Encrypted {
        /// The entry.
        name: String,
    },
    /// The entry that is read has a compression method that recoveries do not support.
    #[error("entry `{}` has compression method {method}; only 0 and 8 are read", .name.escape_debug())]
    Method {
        /// The entry.
        name: String,
        /// Its method, by APPNOTE 4.4.5.
        method: u16,
    },
    /// The entries read so far are too long in total.
    #[error("its entries inflate to more than {MAX_DECODED} bytes")]
    Budget,
    /// An entry is longer than the caller's limit.
    #[error("entry `{}` is longer than {limit} bytes", .name.escape_debug())]
    EntryTooLarge {
        /// The entry.
        name: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// The zip library refused the archive or one of its entries.
    #[error("{place}")]
    Zip {
        /// What was being read.
        place: String,
        /// The library's reason.
        #[source]
        source: ZipError,
    },
    /// Bytes of the file could not be read.
    #[error("{what}")]
    Read {
        /// What was being read.
        what: &'static str,
        /// The cause.
        #[source]
        source: ReadError,
    },
}

impl Error {
    /// Returns the kind of the error; read errors of the source keep their kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Empty | Error::NotAZip { .. } => ErrorKind::NotAZip,
            Error::NoEnd | Error::CentralOutOfBounds { .. } => ErrorKind::Truncated,
            Error::BadCentralEntry { .. }
            | Error::Miscounted { .. }
            | Error::TwoDirectories { .. }
            | Error::Duplicate { .. }
            | Error::Overlap { .. }
            | Error::UnsafeName { .. } => ErrorKind::Corrupt,
            Error::TooLarge { .. } | Error::EntryTooLarge { .. } | Error::Budget => {
                ErrorKind::Limit
            }
            Error::Encrypted { .. } | Error::Method { .. } => ErrorKind::Unsupported,
            Error::Zip { source, .. } => zip_kind(source),
            Error::Read { source, .. } => source.kind(),
        }
    }
}

fn zip_kind(error: &ZipError) -> ErrorKind {
    match error {
        ZipError::Io(error) => io_kind(error),
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            ErrorKind::Unsupported
        }
        _ => ErrorKind::Corrupt,
    }
}

/// Returns the kind of a [`ReadError`] inside an [`io::Error`]; other errors are a decoder's, which
/// mean corrupt data, not a failing disk.
fn io_kind(error: &io::Error) -> ErrorKind {
    match ReadError::inside(error) {
        Some(inner) => inner.kind(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
        None => ErrorKind::Corrupt,
    }
}
