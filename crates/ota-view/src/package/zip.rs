//! Zip archives as ROM packages use them.
//!
//! In: a [`ReadAt`] over the whole file. Out: the entry names as the central
//! directory gives them, the bytes of single entries, bounded, and the comment.
//! Specification: PKWARE APPNOTE 6.3.10, sections 4.3.12 to 4.3.16.
//!
//! Entries are decompressed and their headers checked by the `zip` crate. It
//! hides duplicate names and trusts the counts of the archive, so the tail and
//! the central directory are walked here first; nothing else in romfeed talks
//! to that crate.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::codec::Codec;
use crate::error_kind::ErrorKind;
use crate::io::{Budget, Counted, Limits, ReadAt, ReadError, Reader, Section, Spill};

/// End of central directory record, without its comment (APPNOTE 4.3.16).
const EOCD_LEN: usize = 22;
const EOCD_MAGIC: [u8; 4] = *b"PK\x05\x06";
/// The longest comment a 16-bit length allows.
const MAX_COMMENT_LEN: usize = 0xffff;
/// Zip64 end of central directory locator and record (APPNOTE 4.3.14, 4.3.15).
const ZIP64_LOCATOR_LEN: usize = 20;
const ZIP64_LOCATOR_MAGIC: [u8; 4] = *b"PK\x06\x07";
const ZIP64_EOCD_MAGIC: [u8; 4] = *b"PK\x06\x06";
const ZIP64_EOCD_LEN: usize = 56;
/// One central directory header, without its three variable parts.
const CENTRAL_LEN: usize = 46;
/// One local file header, without its name and extra field (APPNOTE 4.3.7).
const LOCAL_LEN: u64 = 30;
const CENTRAL_MAGIC: [u8; 4] = *b"PK\x01\x02";
const LOCAL_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// Bit 3 of the flags (APPNOTE 4.4.4).
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// The extra field with 64-bit sizes (APPNOTE 4.5.3).
const ZIP64_FIELD: u16 = 1;

/// Most entries read. The largest file-based ROMs hold about 5,000.
const MAX_ENTRIES: u64 = 100_000;
/// Most bytes decoded by [`Package::read`] of one package altogether; the largest
/// needs are a few transfer lists. What is opened at length has its own budget.
const MAX_DECODED: u64 = 64 << 20;
/// Longest central directory read, in bytes. The largest seen is under 1 MiB.
const MAX_CENTRAL_SIZE: u64 = 32 << 20;

/// Why a package cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// No zip structure at either end.
    #[error("no zip archive: no end-of-central-directory record in the last {searched} bytes")]
    NotAZip {
        /// Bytes searched at the end of the file.
        searched: usize,
    },
    /// It begins like a zip and lacks its end.
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
    /// Readers go by either number, and find other entries.
    #[error("its end record counts {counted} entries, but the central directory has {found}")]
    Miscounted {
        /// What the end record says.
        counted: u64,
        /// Headers in the directory.
        found: u64,
    },
    /// Two central directories could be meant.
    #[error("ambiguous zip: its central directory could begin at byte {ours:#x} or {theirs:#x}")]
    TwoDirectories {
        /// Where the last end record puts it.
        ours: u64,
        /// Where another reading puts it.
        theirs: u64,
    },
    /// More entries, or a longer directory, than romfeed reads.
    #[error("{what} is {found}, at most {limit} are read")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// Count found.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Two entries share the name of a file that matters.
    #[error("entry `{}` occurs more than once, so readers may disagree about its contents", .name.escape_debug())]
    Duplicate {
        /// The shared name.
        name: String,
    },
    /// An entry that matters shares bytes with another.
    #[error("entries `{}` and `{}` overlap", .name.escape_debug(), .other.escape_debug())]
    Overlap {
        /// The entry that matters.
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
    /// An entry that matters is encrypted.
    #[error("entry `{}` is encrypted", .name.escape_debug())]
    Encrypted {
        /// The entry.
        name: String,
    },
    /// An entry that matters is compressed in a way recoveries do not know.
    #[error("entry `{}` has compression method {method}; only 0 and 8 are read", .name.escape_debug())]
    Method {
        /// The entry.
        name: String,
        /// Its method, by APPNOTE 4.4.5.
        method: u16,
    },
    /// The entries read so far are too long together.
    #[error("its entries inflate to more than {MAX_DECODED} bytes")]
    Budget,
    /// An entry is longer than its use allows.
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
        /// The reason.
        #[source]
        source: ReadError,
    },
}

impl Error {
    /// The class of the fault; a fault of the file below keeps its own.
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
            Error::Zip { source, .. } => zip_class(source),
            Error::Read { source, .. } => source.kind(),
        }
    }
}

fn zip_class(error: &ZipError) -> ErrorKind {
    match error {
        ZipError::Io(error) => io_class(error),
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            ErrorKind::Unsupported
        }
        _ => ErrorKind::Corrupt,
    }
}

/// Finds our own error below an [`io::Error`]; what a decoder made of bad bytes
/// is corruption, not a failing disk.
fn io_class(error: &io::Error) -> ErrorKind {
    match ReadError::inside(error) {
        Some(inner) => inner.kind(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
        None => ErrorKind::Corrupt,
    }
}

/// One file inside a package, as its central directory describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// Bytes it takes in the package.
    pub compressed_size: u64,
    /// Bytes it holds, as declared.
    pub size: u64,
    /// Compression method: 0 stored, 8 deflated (APPNOTE 4.4.5).
    pub method: u16,
    /// Its contents are encrypted.
    pub encrypted: bool,
    /// CRC-32 of its contents, as declared (APPNOTE 4.4.7).
    pub crc32: u32,
    /// Its place in the central directory, from 0.
    pub index: u64,
    /// Bytes of its extra field in the central directory.
    pub extra_len: u16,
    /// Where its local header begins, before any shift of the archive.
    header_offset: u64,
    /// Bytes of its local header and contents, at least.
    min_len: u64,
}

/// What an entry's local header says (APPNOTE 4.3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalHeader {
    /// Where it begins in the package.
    pub offset: u64,
    /// Bytes of the name.
    pub name_len: u16,
    /// CRC and sizes follow the contents (APPNOTE 4.3.9).
    pub has_descriptor: bool,
    /// The extra field.
    pub extra: Vec<u8>,
}

impl LocalHeader {
    /// Whether its extra field has 64-bit sizes (APPNOTE 4.5.3).
    #[must_use]
    pub fn is_zip64(&self) -> bool {
        let mut extra = &self.extra[..];
        while let Some((field, rest)) = extra.split_at_checked(4) {
            if u16_at(field, 0) == ZIP64_FIELD {
                return true;
            }
            extra = rest.get(u16_at(field, 2).into()..).unwrap_or_default();
        }
        false
    }
}

/// The entries that share bytes with another, and one that each shares them with.
fn find_overlaps(entries: &BTreeMap<String, EntryInfo>) -> BTreeMap<String, String> {
    let mut in_order: Vec<(&String, u64, u64)> = entries
        .iter()
        .map(|(name, entry)| {
            let end = entry.header_offset.saturating_add(entry.min_len);
            (name, entry.header_offset, end)
        })
        .collect();
    in_order.sort_by_key(|(_, start, _)| *start);
    let mut overlaps = BTreeMap::new();
    // The entry that reaches furthest so far.
    let mut furthest: Option<(&String, u64)> = None;
    for (name, start, end) in in_order {
        if let Some((other, _)) = furthest.filter(|(_, reach)| *reach > start) {
            overlaps.entry(name.clone()).or_insert(other.clone());
            overlaps.entry(other.clone()).or_insert(name.clone());
        }
        if furthest.is_none_or(|(_, reach)| end > reach) {
            furthest = Some((name, end));
        }
    }
    overlaps
}

/// An entry opened for reading at length.
pub struct Entry {
    /// Where its bytes begin in the package.
    offset: u64,
    /// Its bytes as they lie in the package.
    compressed: Arc<dyn ReadAt>,
    info: EntryInfo,
}

impl Entry {
    /// Its contents from their beginning.
    #[must_use]
    pub fn stream(&self) -> Box<dyn Read + Send> {
        let compressed = Reader::new(Arc::clone(&self.compressed));
        match self.info.method {
            0 => Box::new(compressed),
            _ => Codec::Deflate.decode(compressed),
        }
    }

    /// Its contents as a source: a stored entry in place, a deflated one decoded
    /// as far as it is read.
    #[must_use]
    pub fn source(&self, budget: &Arc<Budget>) -> Arc<dyn ReadAt> {
        match self.info.method {
            0 => Arc::clone(&self.compressed),
            _ => Arc::new(Spill::new(
                Codec::Deflate.as_str(),
                self.stream(),
                self.info.size,
                Arc::clone(budget),
            )),
        }
    }

    /// Where its bytes, compressed or not, begin in the package.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether its contents lie in the package as they are.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.info.method == 0
    }
}

/// A source that notes why it could not be read.
struct Noting {
    source: Arc<dyn ReadAt>,
    fault: Mutex<Option<ReadError>>,
}

impl Noting {
    fn take_fault(&self) -> Option<ReadError> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }
}

impl ReadAt for Noting {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.source.read_exact_at(offset, buf).inspect_err(|error| {
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        })
    }
}

/// An opened package: its entries by name.
///
/// A clone is another handle to the same package.
#[derive(Clone)]
pub struct Package {
    shared: Arc<Shared>,
}

/// What all handles to a package share.
struct Shared {
    source: Arc<dyn ReadAt>,
    archive: Mutex<Archive>,
    entries: BTreeMap<String, EntryInfo>,
    duplicates: BTreeSet<String>,
    overlaps: BTreeMap<String, String>,
    comment: Vec<u8>,
    /// Bytes before the archive.
    shift: u64,
}

/// The archive as the zip library reads it.
struct Archive {
    zip: ZipArchive<BufReader<Reader>>,
    /// Bytes that [`Package::read`] may still decode.
    left: u64,
}

impl Package {
    /// Reads the central directory.
    ///
    /// Safe on untrusted input: memory is bounded by 32 MiB of directory and
    /// 100,000 entries. Names that point outside the package are refused, since
    /// whatever unpacks the zip later may follow them.
    ///
    /// # Errors
    /// ErrorKind `NotAZip`, `Truncated`, `Corrupt`, `Limit` or `Io`.
    pub fn open(source: Arc<dyn ReadAt>) -> Result<Package, Error> {
        let Directory {
            start,
            shift,
            num_entries,
            bytes,
            comment,
        } = read_directory(&*source)?;
        let (entries, duplicates) = parse_directory(&bytes)?;
        let found = entries.values().map(|entry| entry.index.saturating_add(1));
        let found = found.max().unwrap_or(0);
        if found != num_entries {
            return Err(Error::Miscounted {
                counted: num_entries,
                found,
            });
        }
        let noting = Arc::new(Noting {
            source: Arc::clone(&source),
            fault: Mutex::default(),
        });
        let reader = BufReader::new(Reader::new(Arc::clone(&noting) as Arc<dyn ReadAt>));
        let archive = ZipArchive::new(reader);
        // The library looks for another directory where it fails to read one.
        if let Some(source) = noting.take_fault() {
            return Err(Error::Read {
                what: "central directory",
                source,
            });
        }
        let archive = archive.map_err(|source| Error::Zip {
            place: "central directory".to_owned(),
            source,
        })?;
        // A file may hold several end records; whoever reads it must take the same.
        if archive.central_directory_start() != start {
            return Err(Error::TwoDirectories {
                ours: start,
                theirs: archive.central_directory_start(),
            });
        }
        let shared = Shared {
            source,
            archive: Mutex::new(Archive {
                zip: archive,
                left: MAX_DECODED,
            }),
            overlaps: find_overlaps(&entries),
            entries,
            duplicates,
            comment,
            shift,
        };
        Ok(Package {
            shared: Arc::new(shared),
        })
    }

    /// Opens a package whose reads are counted and limited by a budget of its own.
    ///
    /// # Errors
    /// As [`Package::open`].
    pub fn open_within(
        source: impl ReadAt + 'static,
        limits: &Limits,
    ) -> Result<(Package, Arc<Budget>), Error> {
        let budget = Arc::new(Budget::new(limits.for_package(source.size())));
        let source = Counted::new(source, Arc::clone(&budget));
        Ok((Package::open(Arc::new(source))?, budget))
    }

    /// The names of all entries, sorted; folders end with `/`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.entries.keys().map(String::as_str)
    }

    /// The names that begin with `prefix`, sorted.
    pub fn names_with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.shared
            .entries
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(prefix))
    }

    /// Whether an entry of exactly this name exists.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.shared.entries.contains_key(name)
    }

    /// Bytes of the file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.source.size()
    }

    /// What the central directory says of an entry.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<EntryInfo> {
        self.shared.entries.get(name).copied()
    }

    /// All entries in the order of the central directory; of those that share a name, the
    /// last.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&str, EntryInfo)> {
        let entries = self.shared.entries.iter();
        let mut entries: Vec<_> = entries.map(|(name, info)| (name.as_str(), *info)).collect();
        entries.sort_by_key(|(_, info)| info.index);
        entries
    }

    /// The names that more than one entry has, sorted.
    pub fn duplicates(&self) -> impl Iterator<Item = &str> {
        self.shared.duplicates.iter().map(String::as_str)
    }

    /// The entries that share bytes with another, and which, sorted.
    pub fn overlaps(&self) -> impl Iterator<Item = (&str, &str)> {
        let overlaps = self.shared.overlaps.iter();
        overlaps.map(|(name, other)| (name.as_str(), other.as_str()))
    }

    /// Bytes before the archive, by which all its offsets are wrong.
    #[must_use]
    pub fn shift(&self) -> u64 {
        self.shared.shift
    }

    /// Reads the local header of an entry; `None` if there is no such entry, or no header
    /// where it should be.
    ///
    /// # Errors
    /// Those of the file below, and `Truncated` if the header leaves the file.
    pub fn local_header(&self, name: &str) -> Result<Option<LocalHeader>, Error> {
        let fail = |source| Error::Read {
            what: "local header",
            source,
        };
        let Some(info) = self.shared.entries.get(name) else {
            return Ok(None);
        };
        let offset = self.shared.shift.saturating_add(info.header_offset);
        let mut header = [0; LOCAL_LEN as usize];
        self.shared
            .source
            .read_exact_at(offset, &mut header)
            .map_err(fail)?;
        if !header.starts_with(&LOCAL_MAGIC) {
            return Ok(None);
        }
        let name_len = u16_at(&header, 26);
        let mut extra = vec![0; u16_at(&header, 28).into()];
        let extra_offset = offset
            .saturating_add(LOCAL_LEN)
            .saturating_add(name_len.into());
        self.shared
            .source
            .read_exact_at(extra_offset, &mut extra)
            .map_err(fail)?;
        Ok(Some(LocalHeader {
            offset,
            name_len,
            has_descriptor: u16_at(&header, 6) & FLAG_DESCRIPTOR != 0,
            extra,
        }))
    }

    /// The comment at the end of the archive, all that follows its end record.
    #[must_use]
    pub fn comment(&self) -> &[u8] {
        &self.shared.comment
    }

    /// Decodes one entry, at most `limit` bytes of it.
    ///
    /// # Errors
    /// ErrorKind `Limit` if it is longer, whatever size it declares; `Corrupt` if
    /// its name occurs twice, its headers disagree or its checksum is wrong;
    /// `Unsupported` if it is encrypted or compressed in an unknown way. All
    /// entries together may decode to 64 MiB.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(index) = self.index(name)? else {
            return Ok(None);
        };
        let fail = |source| Error::Zip {
            place: format!("entry `{}`", name.escape_debug()),
            source,
        };
        let options = zip::read::ZipReadOptions::default()
            .enforce_header_consistency(self.shared.duplicates.is_empty());
        let mut archive = self.archive();
        let left = archive.left;
        let entry = archive
            .zip
            .by_index_with_options(index, options)
            .map_err(fail)?;
        let mut bytes = Vec::new();
        // One byte beyond a limit tells that it does not suffice.
        entry
            .take(limit.min(left).saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| fail(ZipError::Io(error)))?;
        archive.left = left.checked_sub(bytes.len() as u64).ok_or(Error::Budget)?;
        if bytes.len() as u64 > limit {
            return Err(Error::EntryTooLarge {
                name: name.to_owned(),
                limit,
            });
        }
        Ok(Some(bytes))
    }

    /// Opens an entry for reading at length.
    ///
    /// Its checksum is not verified: that would mean to read all of it.
    ///
    /// # Errors
    /// As [`Package::read`], and `Truncated` if the entry leaves the file.
    pub fn open_entry(&self, name: &str) -> Result<Option<Entry>, Error> {
        let Some(index) = self.index(name)? else {
            return Ok(None);
        };
        let info = self.shared.entries[name];
        let fail = |source| Error::Zip {
            place: format!("entry `{}`", name.escape_debug()),
            source,
        };
        let options = zip::read::ZipReadOptions::default()
            .enforce_header_consistency(self.shared.duplicates.is_empty());
        let start = self
            .archive()
            .zip
            .by_index_with_options(index, options)
            .map_err(fail)?
            .data_start()
            .ok_or_else(|| fail(ZipError::FileNotFound))?;
        let compressed = Section::new(Arc::clone(&self.shared.source), start, info.compressed_size)
            .map_err(|source| Error::Read {
                what: "entry",
                source,
            })?;
        Ok(Some(Entry {
            offset: start,
            compressed: Arc::new(compressed),
            info,
        }))
    }

    fn archive(&self) -> MutexGuard<'_, Archive> {
        let archive = self.shared.archive.lock();
        archive.unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self, name: &str) -> Result<Option<usize>, Error> {
        let Some(info) = self.shared.entries.get(name) else {
            return Ok(None);
        };
        if self.shared.duplicates.contains(name) {
            return Err(Error::Duplicate {
                name: name.to_owned(),
            });
        }
        if info.encrypted {
            return Err(Error::Encrypted {
                name: name.to_owned(),
            });
        }
        if !matches!(info.method, 0 | 8) {
            return Err(Error::Method {
                name: name.to_owned(),
                method: info.method,
            });
        }
        if let Some(other) = self.shared.overlaps.get(name) {
            return Err(Error::Overlap {
                name: name.to_owned(),
                other: other.clone(),
            });
        }
        Ok(self.archive().zip.index_for_name(name))
    }
}

/// What the end of the file leads to.
struct Directory {
    /// Where the central directory begins.
    start: u64,
    /// How far that is behind its stated offset.
    shift: u64,
    /// How many entries the end record counts.
    num_entries: u64,
    /// The central directory.
    bytes: Vec<u8>,
    /// The comment of the archive.
    comment: Vec<u8>,
}

/// Reads the central directory, found from the end of the file.
fn read_directory(source: &dyn ReadAt) -> Result<Directory, Error> {
    let size = source.size();
    if size == 0 {
        return Err(Error::Empty);
    }
    let read = |offset: u64, buf: &mut [u8]| {
        source
            .read_exact_at(offset, buf)
            .map_err(|source| Error::Read {
                what: "zip directory",
                source,
            })
    };
    let tail_len = usize::try_from(size)
        .unwrap_or(usize::MAX)
        .min(EOCD_LEN + MAX_COMMENT_LEN + ZIP64_LOCATOR_LEN);
    let mut tail = vec![0; tail_len];
    let tail_start = size - tail_len as u64;
    read(tail_start, &mut tail)?;

    let Some(eocd) = find_eocd(&tail) else {
        let mut head = [0; 4];
        read(0, &mut head[..tail_len.min(4)])?;
        return Err(if head == LOCAL_MAGIC {
            Error::NoEnd
        } else {
            Error::NotAZip { searched: tail_len }
        });
    };
    let record = &tail[eocd..];
    let mut num_entries = u64::from(u16_at(record, 10));
    let mut central_size = u64::from(u32_at(record, 12));
    let mut central_offset = u64::from(u32_at(record, 16));
    let mut central_end = tail_start + eocd as u64;

    let locator = eocd
        .checked_sub(ZIP64_LOCATOR_LEN)
        .map(|at| &tail[at..eocd])
        .filter(|bytes| bytes.starts_with(&ZIP64_LOCATOR_MAGIC));
    if let Some(locator) = locator {
        central_end = u64_at(locator, 8);
        let mut record = [0; ZIP64_EOCD_LEN];
        let out_of_bounds = Error::CentralOutOfBounds {
            offset: central_end,
            size: ZIP64_EOCD_LEN as u64,
            file_size: size,
        };
        if central_end.saturating_add(ZIP64_EOCD_LEN as u64) > size {
            return Err(out_of_bounds);
        }
        read(central_end, &mut record)?;
        if !record.starts_with(&ZIP64_EOCD_MAGIC) {
            return Err(out_of_bounds);
        }
        num_entries = u64_at(&record, 32);
        central_size = u64_at(&record, 40);
        central_offset = u64_at(&record, 48);
    }
    for (what, found, limit) in [
        ("number of entries", num_entries, MAX_ENTRIES),
        (
            "size of the central directory",
            central_size,
            MAX_CENTRAL_SIZE,
        ),
    ] {
        if found > limit {
            return Err(Error::TooLarge { what, found, limit });
        }
    }
    // The directory ends where its end record begins, even if bytes were put
    // before the archive and its offsets are off by their number.
    let start = central_end
        .checked_sub(central_size)
        .filter(|start| central_offset <= *start)
        .ok_or(Error::CentralOutOfBounds {
            offset: central_offset,
            size: central_size,
            file_size: size,
        })?;
    let mut bytes = vec![0; usize::try_from(central_size).expect("limited above")];
    read(start, &mut bytes)?;
    Ok(Directory {
        start,
        shift: start.saturating_sub(central_offset),
        num_entries,
        bytes,
        comment: record[EOCD_LEN..].to_vec(),
    })
}

/// Whether some bytes hold the beginning of an end record.
#[must_use]
pub fn has_end_record(bytes: &[u8]) -> bool {
    bytes
        .windows(EOCD_MAGIC.len())
        .any(|window| window == EOCD_MAGIC)
}

/// The last end record whose comment reaches exactly to the end of the file.
fn find_eocd(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(EOCD_LEN)?;
    (0..=last).rev().find(|&at| {
        let record = &tail[at..];
        record.starts_with(&EOCD_MAGIC)
            && at + EOCD_LEN + usize::from(u16_at(record, 20)) == tail.len()
    })
}

type Entries = (BTreeMap<String, EntryInfo>, BTreeSet<String>);

/// Walks the central directory: entries by name, and the names that repeat.
fn parse_directory(directory: &[u8]) -> Result<Entries, Error> {
    let mut entries = BTreeMap::new();
    let mut duplicates = BTreeSet::new();
    let mut offset = 0;
    for index in 0.. {
        let bad = || Error::BadCentralEntry { index, offset };
        let rest = &directory[offset..];
        if rest.is_empty() {
            break;
        }
        if index >= MAX_ENTRIES {
            return Err(Error::TooLarge {
                what: "number of entries",
                found: index + 1,
                limit: MAX_ENTRIES,
            });
        }
        // A digital signature record may close the directory (APPNOTE 4.3.13).
        if rest.starts_with(b"PK\x05\x05") {
            break;
        }
        let (header, variable) = rest
            .split_at_checked(CENTRAL_LEN)
            .filter(|(header, _)| header.starts_with(&CENTRAL_MAGIC))
            .ok_or_else(bad)?;
        let name_len = usize::from(u16_at(header, 28));
        let extra_len = usize::from(u16_at(header, 30));
        let comment_len = usize::from(u16_at(header, 32));
        let (name, variable) = variable.split_at_checked(name_len).ok_or_else(bad)?;
        let (extra, variable) = variable.split_at_checked(extra_len).ok_or_else(bad)?;
        if variable.len() < comment_len {
            return Err(bad());
        }
        let name = String::from_utf8_lossy(name).into_owned();
        if !is_safe_name(&name) {
            return Err(Error::UnsafeName { name });
        }
        let (size, compressed_size, header_offset) = entry_numbers(header, extra);
        let info = EntryInfo {
            header_offset,
            min_len: (LOCAL_LEN + name_len as u64).saturating_add(compressed_size),
            compressed_size,
            size,
            method: u16_at(header, 10),
            encrypted: u16_at(header, 8) & 1 == 1,
            crc32: u32_at(header, 16),
            index,
            extra_len: u16_at(header, 30),
        };
        if entries.insert(name.clone(), info).is_some() {
            duplicates.insert(name);
        }
        offset += CENTRAL_LEN + name_len + extra_len + comment_len;
    }
    Ok((entries, duplicates))
}

/// Uncompressed and compressed size and the offset of the local header, from the
/// zip64 extra field where the 32-bit fields overflow (APPNOTE 4.5.3).
fn entry_numbers(header: &[u8], mut extra: &[u8]) -> (u64, u64, u64) {
    let mut compressed = u64::from(u32_at(header, 20));
    let mut size = u64::from(u32_at(header, 24));
    let mut offset = u64::from(u32_at(header, 42));
    while let Some((field, rest)) = extra.split_at_checked(4) {
        let len = usize::from(u16_at(field, 2)).min(rest.len());
        let (mut data, rest) = rest.split_at(len);
        if u16_at(field, 0) == ZIP64_FIELD {
            for value in [&mut size, &mut compressed, &mut offset] {
                if *value == u64::from(u32::MAX)
                    && let Some((wide, rest)) = data.split_at_checked(8)
                {
                    *value = u64_at(wide, 0);
                    data = rest;
                }
            }
        }
        extra = rest;
    }
    (size, compressed, offset)
}

/// Whether a name stays inside the folder a package would be unpacked to.
fn is_safe_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| part != "..")
        && !matches!(name.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// Callers pass headers whose length they have checked.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("a slice of N bytes is an array of N bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::zip::{Entry, Zip};

    fn open(bytes: Vec<u8>) -> Result<Package, Error> {
        Package::open(Arc::new(bytes))
    }

    fn kind(bytes: Vec<u8>) -> ErrorKind {
        open(bytes).err().expect("must fail").kind()
    }

    #[test]
    fn end_record_that_counts_other_entries_is_refused() {
        let zip = testkit::zip::Zip::new().stored("a", "x").stored("b", "y");
        let good = zip.build();
        assert!(Package::open(Arc::new(good.clone())).is_ok());
        for counted in [1u8, 3] {
            let mut zip = good.clone();
            let count = zip.len() - EOCD_LEN + 8;
            (zip[count], zip[count + 2]) = (counted, counted);
            let error = Package::open(Arc::new(zip)).err().unwrap();
            assert!(
                matches!(error, Error::Miscounted { found: 2, .. }),
                "{error}"
            );
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    /// A source of which one read fails.
    struct FailingOnce {
        bytes: Vec<u8>,
        fails_at: usize,
        num_reads: std::sync::atomic::AtomicUsize,
    }

    impl ReadAt for FailingOnce {
        fn size(&self) -> u64 {
            self.bytes.size()
        }

        fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
            let ordinal = std::sync::atomic::Ordering::Relaxed;
            if self.num_reads.fetch_add(1, ordinal) == self.fails_at {
                return Err(ReadError::Io {
                    offset,
                    source: Arc::new(io::Error::from_raw_os_error(5)),
                });
            }
            self.bytes.read_exact_at(offset, buf)
        }
    }

    #[test]
    fn failing_disk_is_never_taken_for_a_damaged_zip() {
        // A zip inside, so that there is another directory to be found.
        let inner = testkit::zip::Zip::new().stored("a", "text").build();
        let zip = testkit::zip::Zip::new().stored("images.zip", inner).build();
        let mut fails_at = 0;
        loop {
            let source = Arc::new(FailingOnce {
                bytes: zip.clone(),
                fails_at,
                num_reads: Default::default(),
            });
            match Package::open(Arc::clone(&source) as Arc<dyn ReadAt>) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Io, "read {fails_at}: {error}"),
            }
            fails_at += 1;
        }
        assert!(fails_at > 3, "{fails_at}");
    }

    #[test]
    fn entries_are_read_whatever_their_form() {
        let zip = Zip::new()
            .stored("a", "plain")
            .deflated("b", "x".repeat(10_000))
            .entry(Entry::deflated("c", "streamed").data_descriptor())
            .entry(Entry::stored("d", "wide").zip64())
            .comment("signed by nobody")
            .build();
        let package = open(zip).unwrap();
        assert_eq!(package.comment(), b"signed by nobody");
        assert_eq!(package.read("a", 5).unwrap().unwrap(), b"plain");
        assert_eq!(package.read("b", 10_000).unwrap().unwrap().len(), 10_000);
        assert_eq!(package.read("c", 100).unwrap().unwrap(), b"streamed");
        assert_eq!(package.read("d", 100).unwrap().unwrap(), b"wide");
        assert_eq!(package.entry("d").unwrap().size, 4);
        assert!(package.read("e", 100).unwrap().is_none());
    }

    #[test]
    fn stored_entry_is_read_in_place() {
        let package = open(Zip::new().stored("x", "skip").stored("a", "plain").build()).unwrap();
        let entry = package.open_entry("a").unwrap().unwrap();
        let mut bytes = [0; 3];
        let source = entry.source(&budget());
        source.read_exact_at(2, &mut bytes).unwrap();
        assert_eq!(&bytes, b"ain");
        assert!(entry.is_stored());
    }

    fn budget() -> Arc<Budget> {
        let limits = crate::io::Limits::new(std::env::temp_dir(), std::time::Instant::now);
        Arc::new(Budget::new(limits))
    }

    #[test]
    fn deflated_entry_is_decoded_as_far_as_it_is_read() {
        let contents = testkit::noise(1, 1 << 20);
        let zip = Zip::new().deflated("a", contents.clone()).build();
        let budget = budget();
        let source = open(zip)
            .unwrap()
            .open_entry("a")
            .unwrap()
            .unwrap()
            .source(&budget);
        let mut bytes = [0; 100];
        source.read_exact_at(5000, &mut bytes).unwrap();
        assert_eq!(bytes[..], contents[5000..5100]);
        assert!(budget.counters().bytes_decoded < 300_000);
    }

    #[test]
    fn overlapping_entries_are_refused_where_they_are_used() {
        let zip = Zip::new()
            .stored("a", "contents that are long enough to hold a header")
            .entry(Entry::stored("inside", "").declared_offset(10))
            .stored("c", "apart")
            .build();
        let package = open(zip).unwrap();
        for name in ["a", "inside"] {
            let error = package.read(name, 100).unwrap_err();
            assert!(
                matches!(error, super::Error::Overlap { .. }),
                "{name}: {error}"
            );
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(package.open_entry(name).is_err());
        }
        assert_eq!(package.read("c", 9).unwrap().unwrap(), b"apart");
    }

    #[test]
    fn entry_longer_than_its_limit_is_refused_whatever_it_declares() {
        let zip = Zip::new()
            .entry(Entry::deflated("bomb", vec![0; 1 << 20]).declared_size(10))
            .build();
        let error = open(zip).unwrap().read("bomb", 1000).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Limit | ErrorKind::Corrupt),
            "{error:?}"
        );
        let zip = Zip::new().deflated("bomb", vec![0; 1 << 20]).build();
        let error = open(zip).unwrap().read("bomb", 1000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }

    #[test]
    fn duplicate_matters_only_for_the_entry_that_is_read() {
        let zip = Zip::new()
            .stored("twice", "1")
            .stored("twice", "2")
            .stored("once", "3")
            .build();
        let package = open(zip).unwrap();
        assert!(matches!(
            package.read("twice", 9),
            Err(Error::Duplicate { .. })
        ));
        assert_eq!(package.read("once", 9).unwrap().unwrap(), b"3");
    }

    #[test]
    fn hostile_entries_are_named() {
        for name in ["../x", "/etc/passwd", "a/../../b", "a\\b", "C:evil"] {
            let error = open(Zip::new().stored(name, "").build()).err();
            assert!(matches!(error, Some(Error::UnsafeName { .. })), "{name}");
        }
        let zip = Zip::new()
            .entry(Entry::stored("s", "x").encrypted())
            .build();
        assert!(matches!(
            open(zip).unwrap().read("s", 9),
            Err(Error::Encrypted { .. })
        ));
        let zip = Zip::new().entry(Entry::stored("s", "x").crc(1)).build();
        assert_eq!(
            open(zip).unwrap().read("s", 9).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
        let zip = Zip::new()
            .entry(Entry::stored("s", "x").local_name("t"))
            .build();
        assert_eq!(
            open(zip).unwrap().read("s", 9).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }

    #[test]
    fn damaged_files_have_their_own_classes() {
        assert_eq!(kind(Vec::new()), ErrorKind::NotAZip);
        assert_eq!(kind(b"hello".to_vec()), ErrorKind::NotAZip);
        assert_eq!(kind(vec![0; 100_000]), ErrorKind::NotAZip);
        let whole = Zip::new().stored("a", "plain").build();
        for len in 4..whole.len() {
            assert_eq!(kind(whole[..len].to_vec()), ErrorKind::Truncated, "{len}");
        }
    }

    #[test]
    fn no_damaged_byte_makes_it_panic() {
        let whole = Zip::new()
            .deflated("a", "plain plain plain")
            .entry(Entry::stored("d", "wide").zip64())
            .build();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Ok(package) = open(bytes) {
                    let _ = package.read("a", 100);
                    let _ = package
                        .open_entry("d")
                        .map(|entry| entry.map(|entry| entry.source(&budget())));
                }
            }
        }
    }
}
