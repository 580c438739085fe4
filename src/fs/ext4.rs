//! ext2, ext3 and ext4, by way of the `ext4-view` crate.

use std::error::Error as StdError;
use std::io::Write;
use std::sync::Arc;

use ext4_view::{Ext4Error, Ext4Read, FileType};

use super::{Entry, EntryType, Error, FileSystem, Kind, MAX_ENTRIES, Watched};
use crate::io::ReadAt;

/// `s_magic`, at byte 56 of the superblock.
pub(super) const MAGIC: [u8; 2] = [0x53, 0xef];
/// How much of a file is read at a time, in bytes.
const STEP: usize = 64 << 10;

/// An ext4 file system.
pub(super) struct Ext4 {
    source: Watched,
    inner: ext4_view::Ext4,
}

struct Adapter(Watched);

impl Ext4Read for Adapter {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(self.0.read(start_byte, dst)?)
    }
}

impl Ext4 {
    pub(super) fn open(source: Arc<dyn ReadAt>) -> Result<Ext4, Error> {
        let source = Watched::new(source);
        let adapter = Box::new(Adapter(source.clone()));
        let inner = source.run(Kind::Ext4, "superblock", || {
            ext4_view::Ext4::load(adapter).map_err(|error| convert(&error, "superblock", ""))
        })?;
        Ok(Ext4 { source, inner })
    }

    /// Runs the library on a path.
    fn run<T>(
        &self,
        path: &str,
        expected: &'static str,
        work: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.source.run(Kind::Ext4, path, || {
            work().map_err(|fault| match fault {
                Fault::Library(error) => convert(&error, path, expected),
                Fault::Own(error) => error,
            })
        })
    }
}

/// What a library call, or what is done with its answer, fails with.
enum Fault {
    Library(Ext4Error),
    Own(Error),
}

impl From<Ext4Error> for Fault {
    fn from(error: Ext4Error) -> Fault {
        Fault::Library(error)
    }
}

impl FileSystem for Ext4 {
    fn kind(&self) -> Kind {
        Kind::Ext4
    }

    fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<(), Error> {
        self.run(path, "file", || {
            let mut file = self.inner.open(path)?;
            let size = file.metadata().len();
            if size > limit {
                return Err(Fault::Own(Error::TooLarge {
                    path: path.to_owned(),
                    size,
                    limit,
                }));
            }
            let mut buffer = vec![0; STEP];
            loop {
                let mut len = 0;
                while let read @ 1.. = file.read_bytes(&mut buffer[len..])? {
                    len += read;
                }
                if len == 0 {
                    return Ok(());
                }
                out.write_all(&buffer[..len])
                    .map_err(|error| Fault::Own(Error::Write(error)))?;
            }
        })
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Error> {
        self.run(path, "folder", || {
            let mut entries = Vec::new();
            for entry in self.inner.read_dir(path)? {
                let entry = entry?;
                let name = String::from_utf8_lossy(entry.file_name().as_ref()).into_owned();
                if name == "." || name == ".." {
                    continue;
                }
                if entries.len() >= MAX_ENTRIES {
                    return Err(Fault::Own(Error::TooLarge {
                        path: path.to_owned(),
                        size: MAX_ENTRIES as u64 + 1,
                        limit: MAX_ENTRIES as u64,
                    }));
                }
                let metadata = entry.metadata()?;
                let entry_type = match metadata.file_type() {
                    FileType::Regular => EntryType::File,
                    FileType::Directory => EntryType::Folder,
                    FileType::Symlink => EntryType::Link,
                    _ => EntryType::Special,
                };
                let target = match entry_type {
                    EntryType::Link => {
                        let target = self.inner.read_link(&entry.path())?;
                        Some(String::from_utf8_lossy(target.as_ref()).into_owned())
                    }
                    _ => None,
                };
                entries.push(Entry {
                    name,
                    entry_type,
                    size: metadata.len(),
                    target,
                });
            }
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
    }
}

fn convert(error: &Ext4Error, path: &str, expected: &'static str) -> Error {
    match error {
        Ext4Error::NotFound => Error::NotFound {
            path: path.to_owned(),
        },
        Ext4Error::NotADirectory | Ext4Error::IsADirectory | Ext4Error::IsASpecialFile => {
            Error::WrongType {
                path: path.to_owned(),
                expected,
            }
        }
        Ext4Error::Incompatible(feature) => Error::Unsupported {
            what: format!("ext4 with {feature}"),
        },
        Ext4Error::Encrypted => Error::Unsupported {
            what: "ext4 with encrypted files".to_owned(),
        },
        error => Error::Corrupt {
            kind: Kind::Ext4,
            fault: format!("{} at `{}`", error, path.escape_debug()),
        },
    }
}
