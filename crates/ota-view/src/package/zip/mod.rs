//! Zip archives as ROM packages use them.
//!
//! In: a [`ReadAt`] over the whole file. Out: the entry names of the central directory, the
//! contents of single entries, and the comment.
//! Specification: PKWARE APPNOTE 6.3.10, sections 4.3.12 to 4.3.16.
//!
//! The `zip` crate decompresses entries and checks their headers. It hides duplicate names and
//! trusts the archive's counts, so the central directory is parsed here first. Only this module
//! uses that crate.

mod directory;
mod entry;
mod error;
mod limits;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zip::ZipArchive;
use zip::result::ZipError;

use self::directory::{Directory, LOCAL_MAGIC, find_overlaps, parse_directory, read_directory};
use self::entry::FLAG_DESCRIPTOR;
use self::limits::MAX_DECODED;
use crate::io::{Budget, Counted, Limits, ReadAt, ReadError, Reader, Section};
use crate::little_endian::u16_at;

pub(crate) use directory::EOCD_MAGIC;
pub(crate) use directory::LOCAL_LEN;
pub use directory::{EntryInfo, has_end_record};
pub use entry::{Entry, LocalHeader};
pub use error::Error;

/// A source that records its last read error.
struct FaultRecorder {
    source: Arc<dyn ReadAt>,
    fault: Mutex<Option<ReadError>>,
}

impl FaultRecorder {
    fn take_fault(&self) -> Option<ReadError> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }
}

impl ReadAt for FaultRecorder {
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
    /// 100,000 entries. Names that point outside the package are refused, because tools that
    /// unpack the zip may follow them.
    ///
    /// # Errors
    /// Kind `NotAZip`, `Truncated`, `Corrupt`, `Limit` or `Io`.
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
        let recorder = Arc::new(FaultRecorder {
            source: Arc::clone(&source),
            fault: Mutex::default(),
        });
        let reader = BufReader::new(Reader::new(Arc::clone(&recorder) as Arc<dyn ReadAt>));
        let archive = ZipArchive::new(reader);
        // The library looks for another directory if it fails to read the first.
        if let Some(source) = recorder.take_fault() {
            return Err(Error::Read {
                what: "central directory",
                source,
            });
        }
        let archive = archive.map_err(|source| Error::Zip {
            place: "central directory".to_owned(),
            source,
        })?;
        // A file may have several end records; all readers must use the same.
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

    /// Iterates over the names of all entries, sorted; folders end with `/`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.entries.keys().map(String::as_str)
    }

    /// Iterates over the names that begin with `prefix`, sorted.
    pub fn names_with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.shared
            .entries
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(prefix))
    }

    /// Whether an entry of this name exists.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.shared.entries.contains_key(name)
    }

    /// Returns the length of the file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.source.size()
    }

    /// Returns the central directory's record of an entry.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<EntryInfo> {
        self.shared.entries.get(name).copied()
    }

    /// Returns all entries in the order of the central directory; of entries that share a name, only
    /// the last.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&str, EntryInfo)> {
        let entries = self.shared.entries.iter();
        let mut entries: Vec<_> = entries.map(|(name, info)| (name.as_str(), *info)).collect();
        entries.sort_by_key(|(_, info)| info.index);
        entries
    }

    /// Iterates over the names that more than one entry has, sorted.
    pub fn duplicates(&self) -> impl Iterator<Item = &str> {
        self.shared.duplicates.iter().map(String::as_str)
    }

    /// Iterates over pairs of entries that share bytes, sorted.
    pub fn overlaps(&self) -> impl Iterator<Item = (&str, &str)> {
        let overlaps = self.shared.overlaps.iter();
        overlaps.map(|(name, other)| (name.as_str(), other.as_str()))
    }

    /// Returns the number of bytes before the archive, by which all its offsets are wrong.
    #[must_use]
    pub fn shift(&self) -> u64 {
        self.shared.shift
    }

    /// Reads the local header of an entry; `None` if there is no such entry, or no header at its
    /// offset.
    ///
    /// # Errors
    /// Those of the source, and `Truncated` if the header reaches beyond the file.
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

    /// Returns the comment of the archive.
    #[must_use]
    pub fn comment(&self) -> &[u8] {
        &self.shared.comment
    }

    /// Reads an entry of at most `limit` bytes; `None` if there is none of this name.
    ///
    /// # Errors
    /// Kind `Limit` if it is longer, whatever size it declares; `Corrupt` if
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
        // One byte more than the limit shows that the entry is longer.
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

    /// Opens an entry for reading in part; `None` if there is none of this name.
    ///
    /// Its checksum is not verified: that would require reading all of it.
    ///
    /// # Errors
    /// As [`Package::read`], and `Truncated` if the entry reaches beyond the file.
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
