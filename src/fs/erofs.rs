//! EROFS, by way of the `erofs-rs` crate.
//!
//! Symbolic links are followed here; the library does not. Its checksum of the
//! superblock is verified here too. Source: Linux `fs/erofs/erofs_fs.h`.

use std::io::Write;
use std::sync::Arc;

use erofs_rs::r#async::{EroFS, File};
use erofs_rs::backend::AsyncImage;
use erofs_rs::types::Inode;
use pollster::block_on;

use super::{
    Entry, EntryType, Error, FileSystem, Kind, MAX_ENTRIES, MAX_LINKS, MAX_PATH_LEN,
    SUPERBLOCK_OFFSET, Watched, components,
};
use crate::io::ReadAt;

/// `EROFS_SUPER_MAGIC_V1`, little-endian.
pub(super) const MAGIC: [u8; 4] = [0xe2, 0xe1, 0xf5, 0xe0];
/// `EROFS_FEATURE_COMPAT_SB_CHKSUM`.
const FEATURE_CHECKSUM: u32 = 1;
/// How much of a file is read at a time, in bytes.
const STEP: usize = 64 << 10;
/// Longest target of a symbolic link, in bytes.
const MAX_TARGET_LEN: u64 = MAX_PATH_LEN as u64;

/// An EROFS file system.
pub(super) struct Erofs {
    source: Watched,
    inner: EroFS<Adapter>,
}

#[derive(Clone)]
struct Adapter(Watched);

impl AsyncImage for Adapter {
    async fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> erofs_rs::Result<()> {
        self.0
            .read(offset, buf)
            .map_err(|error| erofs_rs::Error::Io(std::io::Error::other(error)))
    }
}

impl Erofs {
    pub(super) fn open(source: Arc<dyn ReadAt>) -> Result<Erofs, Error> {
        let source = Watched::new(source);
        let inner = source.run(Kind::Erofs, "superblock", || {
            verify_checksum(&source)?;
            block_on(EroFS::new(Adapter(source.clone())))
                .map_err(|error| convert(error, "superblock", ""))
        })?;
        Ok(Erofs { source, inner })
    }

    /// Finds what a path names, following links: its path without any, and its
    /// inode if it is no folder.
    fn resolve(&self, path: &str) -> Result<(String, Option<Inode>), Error> {
        let mut todo: Vec<String> = components(path).rev().map(str::to_owned).collect();
        let mut at: Vec<String> = Vec::new();
        let mut num_links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let folder = joined(&at);
            at.push(name);
            // A folder is entered without a look at what else lies beside it.
            match block_on(self.inner.read_dir(joined(&at))) {
                Ok(_) => continue,
                Err(erofs_rs::Error::NotADirectory(_)) => {}
                Err(error) => return Err(convert(error, path, "folder")),
            }
            let name = at.pop().expect("pushed above");
            let inode = self.find(&folder, &name)?.ok_or_else(|| Error::NotFound {
                path: path.to_owned(),
            })?;
            if !inode.is_symlink() {
                at.push(name);
                return match todo.is_empty() {
                    true => Ok((joined(&at), Some(inode))),
                    false => Err(Error::WrongType {
                        path: joined(&at),
                        expected: "folder",
                    }),
                };
            }
            num_links += 1;
            let target = self.link_target(inode, path)?;
            if num_links > MAX_LINKS {
                return Err(Error::Corrupt {
                    kind: Kind::Erofs,
                    fault: format!("too many symbolic links at `{}`", path.escape_debug()),
                });
            }
            if target.starts_with('/') {
                at.clear();
            }
            todo.extend(components(&target).rev().map(str::to_owned));
        }
        Ok((joined(&at), None))
    }

    /// Finds a name in a folder.
    fn find(&self, folder: &str, name: &str) -> Result<Option<Inode>, Error> {
        let fail = |error| convert(error, folder, "folder");
        let mut entries = block_on(self.inner.read_dir(folder)).map_err(fail)?;
        while let Some(entry) = block_on(entries.next_entry()) {
            let entry = entry.map_err(fail)?;
            if entry.dir_entry.file_name() == name.as_bytes() {
                return Ok(Some(entry.inode));
            }
        }
        Ok(None)
    }

    fn link_target(&self, inode: Inode, path: &str) -> Result<String, Error> {
        if inode.data_size() > MAX_TARGET_LEN {
            return Err(Error::Corrupt {
                kind: Kind::Erofs,
                fault: format!("a symbolic link of {} bytes", inode.data_size()),
            });
        }
        let target = block_on(self.inner.read_link_inode(inode))
            .map_err(|error| convert(error, path, "link"))?;
        Ok(String::from_utf8_lossy(target.as_bytes()).into_owned())
    }
}

fn copy_file(
    path: &str,
    mut file: File<'_, Adapter>,
    limit: u64,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let size = file.size();
    if size > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        });
    }
    let mut buffer = vec![0; STEP];
    let mut left = size;
    while left > 0 {
        let read =
            block_on(file.read(&mut buffer)).map_err(|error| convert(error, path, "file"))?;
        if read == 0 {
            return Err(Error::Corrupt {
                kind: Kind::Erofs,
                fault: format!("`{}` ends {left} bytes early", path.escape_debug()),
            });
        }
        out.write_all(&buffer[..read]).map_err(Error::Write)?;
        left = left.saturating_sub(read as u64);
    }
    Ok(())
}

impl FileSystem for Erofs {
    fn kind(&self) -> Kind {
        Kind::Erofs
    }

    fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<(), Error> {
        self.source.run(Kind::Erofs, path, || {
            // Without links on the way, the library finds it with fewer reads.
            if let Ok(file) = block_on(self.inner.open(path)) {
                return copy_file(path, file, limit, out);
            }
            self.source.take_fault();
            let (_, inode) = self.resolve(path)?;
            let inode = inode.ok_or_else(|| Error::WrongType {
                path: path.to_owned(),
                expected: "file",
            })?;
            let file = self.inner.open_inode_file(inode);
            copy_file(
                path,
                file.map_err(|error| convert(error, path, "file"))?,
                limit,
                out,
            )
        })
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, Error> {
        self.source.run(Kind::Erofs, path, || {
            let (folder, _) = self.resolve(path)?;
            let fail = |error| convert(error, path, "folder");
            let mut found = block_on(self.inner.read_dir(&folder)).map_err(fail)?;
            let mut entries = Vec::new();
            while let Some(entry) = block_on(found.next_entry()) {
                let entry = entry.map_err(fail)?;
                if entries.len() >= MAX_ENTRIES {
                    return Err(Error::TooLarge {
                        path: path.to_owned(),
                        size: MAX_ENTRIES as u64 + 1,
                        limit: MAX_ENTRIES as u64,
                    });
                }
                let inode = entry.inode;
                let entry_type = match () {
                    () if inode.is_file() => EntryType::File,
                    () if inode.is_dir() => EntryType::Folder,
                    () if inode.is_symlink() => EntryType::Link,
                    () => EntryType::Special,
                };
                let target = match entry_type {
                    EntryType::Link => Some(self.link_target(inode, path)?),
                    _ => None,
                };
                entries.push(Entry {
                    name: String::from_utf8_lossy(entry.dir_entry.file_name()).into_owned(),
                    entry_type,
                    size: inode.data_size(),
                    target,
                });
            }
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
    }
}

fn joined(names: &[String]) -> String {
    format!("/{}", names.join("/"))
}

/// Verifies the checksum of the superblock's block, if it has one.
fn verify_checksum(source: &Watched) -> Result<(), Error> {
    let read = |offset, buf: &mut [u8]| {
        source.read(offset, buf).map_err(|source| Error::Read {
            kind: Kind::Erofs,
            place: "superblock".to_owned(),
            source,
        })
    };
    let mut fixed = [0; 16];
    read(SUPERBLOCK_OFFSET, &mut fixed)?;
    let [_, _, _, _, c0, c1, c2, c3, f0, f1, f2, f3, blkszbits, ..] = fixed;
    let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
    let features = u32::from_le_bytes([f0, f1, f2, f3]);
    if features & FEATURE_CHECKSUM == 0 || !(10..=16).contains(&blkszbits) {
        return Ok(());
    }
    // From the superblock to the end of its block, its own field as zero.
    let block_size = 1u64 << blkszbits;
    let len = match block_size > SUPERBLOCK_OFFSET {
        true => block_size - SUPERBLOCK_OFFSET,
        false => block_size,
    };
    let mut block = vec![0; usize::try_from(len).expect("at most 64 KiB")];
    read(SUPERBLOCK_OFFSET, &mut block)?;
    block[4..8].fill(0);
    let found = crc32c(&block);
    match found == checksum {
        true => Ok(()),
        false => Err(Error::Corrupt {
            kind: Kind::Erofs,
            fault: format!(
                "superblock checksum {found:#010x} at byte 1024, but it says {checksum:#010x}"
            ),
        }),
    }
}

/// CRC-32C without the final inversion, as Linux uses it here.
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

fn convert(error: erofs_rs::Error, path: &str, expected: &'static str) -> Error {
    use erofs_rs::Error as E;
    match error {
        E::PathNotFound(_) => Error::NotFound {
            path: path.to_owned(),
        },
        E::NotAFile(_) | E::NotADirectory(_) | E::NotASymlink(_) => Error::WrongType {
            path: path.to_owned(),
            expected,
        },
        E::NotSupported(what) => Error::Unsupported {
            what: format!("EROFS with {what}"),
        },
        error => Error::Corrupt {
            kind: Kind::Erofs,
            fault: format!("{error} at `{}`", path.escape_debug()),
        },
    }
}
