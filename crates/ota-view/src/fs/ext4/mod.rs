//! ext2, ext3 and ext4, read by the `ext4-view` crate.
//!
//! [`block_map`] reads files that the crate reads wrongly, and [`inodes`] refuses those that would
//! make it run for ever.

mod block_map;
mod fault;
mod inodes;

use std::error::Error as StdError;
use std::io::Write;
use std::sync::Arc;

use ext4_view::{Ext4Error, Ext4Read, FileType};

use super::{
    COPY_STEP, DirEntry, EntryType, Error, FileSystem, Kind, MAX_ENTRIES, MAX_PATH_LEN, PathWalk,
    SUPERBLOCK_OFFSET, Watched, crc32c,
};
use crate::io::{ReadAt, ReadError};
use fault::Fault;
use inodes::{Inode, Inodes};

/// `s_magic`, at byte 56 of the superblock.
pub(super) const MAGIC: [u8; 2] = [0x53, 0xef];
/// Bytes of the superblock, and where it has its checksum.
const SUPERBLOCK_LEN: usize = 1024;
const CHECKSUM_AT: usize = 0x3fc;
/// `s_feature_ro_compat`: structures have checksums.
const METADATA_CHECKSUMS: u8 = 0x4;
/// `s_feature_incompat`: the journal is to be replayed first.
const INCOMPAT_RECOVER: u32 = 0x4;
/// The same: names in some folders are compared without letter case.
const INCOMPAT_CASEFOLD: u32 = 0x2_0000;
/// `s_log_block_size` of blocks of 64 KiB, the largest that Linux supports. The library accepts
/// larger ones, and keeps several in memory.
const MAX_LOG_BLOCK_SIZE: u32 = 6;
/// Most block groups: the library allocates all before it reads one. Enough for 512 GiB with the
/// smallest blocks.
const MAX_BLOCK_GROUPS: u64 = 1 << 16;

/// An ext4 file system.
pub(super) struct Ext4 {
    source: Watched,
    inner: ext4_view::Ext4,
    /// The error of an image that ends before its file system does.
    cut: Option<ReadError>,
}

struct Adapter {
    source: Watched,
    /// The changed superblock of an image that ends early: its size is that of the image.
    superblock: Option<Vec<u8>>,
}

impl Ext4Read for Adapter {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        if let Some(superblock) = &self.superblock
            && start_byte == SUPERBLOCK_OFFSET
            && dst.len() == superblock.len()
        {
            dst.copy_from_slice(superblock);
            return Ok(());
        }
        Ok(self.source.read(start_byte, dst)?)
    }
}

impl Ext4 {
    pub(super) fn open(source: Arc<dyn ReadAt>) -> Result<Ext4, Error> {
        let source = Watched::new(source);
        let (inner, cut) = source.run(Kind::Ext4, "superblock", || {
            check_superblock(&source)?;
            let shortened = shorten(&source)?;
            let (superblock, cut) = shortened.unzip();
            let adapter = Box::new(Adapter {
                source: source.clone(),
                superblock,
            });
            let inner = ext4_view::Ext4::load(adapter)
                .map_err(|error| convert(&error, "superblock", "", cut.as_ref()))?;
            Ok((inner, cut))
        })?;
        Ok(Ext4 { source, inner, cut })
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
                Fault::Library(error) => convert(&error, path, expected, self.cut.as_ref()),
                Fault::Own(error) => error,
            })
        })
    }

    /// Resolves a path: its path without symbolic links, and the inodes of all its names.
    ///
    /// The library follows links too, but allocates as many bytes as a link declares.
    fn resolve(&self, inodes: &Inodes<'_>, path: &str) -> Result<ResolvedPath, Fault> {
        let mut walk = PathWalk::new(path);
        let root = inodes.inode(inodes::ROOT)?;
        inodes.check(&root)?;
        let mut found = ResolvedPath {
            names: Vec::new(),
            inodes: vec![root],
        };
        while let Some(name) = walk.next().map_err(Fault::Own)? {
            if name == ".." {
                found.pop();
                continue;
            }
            // Searched once here, and again by the library, which begins at the root each time.
            self.spend(found.last().folder_size())?;
            self.spend(found.search_len())?;
            let inode = inodes.find(found.last(), name.as_bytes())?;
            found.names.push(name);
            let here = found.path();
            let metadata = self.inner.symlink_metadata(here.as_str())?;
            let inode = inode.ok_or_else(|| {
                Fault::corrupt(format!(
                    "`{}` is in its folder only by its hash",
                    here.escape_debug()
                ))
            })?;
            if !metadata.is_symlink() {
                inodes.check(&inode)?;
                found.inodes.push(inode);
                continue;
            }
            let target = link_target(inodes, &inode)?;
            found.names.pop();
            if target.starts_with('/') {
                found.names.clear();
                found.inodes.truncate(1);
            }
            walk.follow(&target).map_err(Fault::Own)?;
        }
        Ok(found)
    }

    /// Adds the targets of links to the sorted entries of a folder. An unreadable target does not
    /// fail the listing.
    fn add_targets(
        &self,
        inodes: &Inodes<'_>,
        folder: &Inode,
        entries: &mut [DirEntry],
    ) -> Result<(), Fault> {
        let mut numbers = Vec::new();
        self.spend(folder.folder_size())?;
        inodes.for_each_entry(folder, &mut |name, number| {
            let name = String::from_utf8_lossy(name);
            let index = entries.binary_search_by(|entry| entry.name.as_str().cmp(&name));
            if let Some(index) = index
                .ok()
                .filter(|index| entries[*index].entry_type == EntryType::Link)
            {
                numbers.push((index, number));
            }
        })?;
        for (index, number) in numbers {
            let inode = inodes.inode(number)?;
            entries[index].target = link_target(inodes, &inode).ok();
        }
        Ok(())
    }

    fn spend(&self, num_bytes: u64) -> Result<(), Fault> {
        self.source.spend(Kind::Ext4, num_bytes).map_err(Fault::Own)
    }
}

/// Reads the target of a symbolic link; invalid UTF-8 becomes U+FFFD.
fn link_target(inodes: &Inodes<'_>, inode: &Inode) -> Result<String, Fault> {
    let target = inodes.target(inode, MAX_PATH_LEN)?;
    Ok(String::from_utf8_lossy(&target).into_owned())
}

/// A resolved path.
struct ResolvedPath {
    /// The names from the root on.
    names: Vec<String>,
    /// The inodes of the root and of each name.
    inodes: Vec<Inode>,
}

impl ResolvedPath {
    fn last(&self) -> &Inode {
        self.inodes.last().expect("the root stays")
    }

    fn pop(&mut self) {
        if self.names.pop().is_some() {
            self.inodes.pop();
        }
    }

    fn path(&self) -> String {
        format!("/{}", self.names.join("/"))
    }

    /// Returns the bytes of folders to search for it.
    fn search_len(&self) -> u64 {
        let sizes = self.inodes.iter().map(Inode::folder_size);
        sizes.fold(0, u64::saturating_add)
    }
}

/// Checks the fields that the library allocates by.
fn check_superblock(source: &Watched) -> Result<(), Error> {
    let read = |offset| {
        let mut field = [0; 4];
        let result = source.read(SUPERBLOCK_OFFSET + offset, &mut field);
        result.map_err(|source| Error::Read {
            kind: Kind::Ext4,
            place: "superblock".to_owned(),
            source,
        })?;
        Ok(u32::from_le_bytes(field))
    };
    let s_blocks_count = (u64::from(read(0x150)?) << 32) | u64::from(read(4)?);
    let s_log_block_size = read(24)?;
    let s_blocks_per_group = read(32)?;
    let corrupt = |fault| {
        Err(Error::Corrupt {
            kind: Kind::Ext4,
            fault,
        })
    };
    if s_log_block_size > MAX_LOG_BLOCK_SIZE {
        return corrupt(format!("s_log_block_size {s_log_block_size}"));
    }
    if read(0x60)? & INCOMPAT_RECOVER != 0 {
        return Err(Error::Unsupported {
            what: "ext4 with a journal that is to be replayed".to_owned(),
        });
    }
    if read(0x60)? & INCOMPAT_CASEFOLD != 0 {
        return Err(Error::Unsupported {
            what: "ext4 with folders that ignore letter case (casefold)".to_owned(),
        });
    }
    match s_blocks_count.checked_div(s_blocks_per_group.into()) {
        Some(num_groups) if num_groups > MAX_BLOCK_GROUPS => corrupt(format!(
            "{num_groups} block groups, at most {MAX_BLOCK_GROUPS} are read"
        )),
        _ => Ok(()),
    }
}

/// For a file system that is longer than its image: returns the superblock with the image's size,
/// and the error of reading beyond the image.
///
/// An image may lack free blocks at its end. The library reads ahead up to the end of the file
/// system, so it must see the image's end.
fn shorten(source: &Watched) -> Result<Option<(Vec<u8>, ReadError)>, Error> {
    let mut superblock = vec![0; SUPERBLOCK_LEN];
    let result = source.read(SUPERBLOCK_OFFSET, &mut superblock);
    result.map_err(|source| Error::Read {
        kind: Kind::Ext4,
        place: "superblock".to_owned(),
        source,
    })?;
    let field = |at: usize| {
        let bytes = superblock[at..].first_chunk();
        u32::from_le_bytes(*bytes.expect("the field lies in the superblock"))
    };
    let s_blocks_count = (u64::from(field(0x150)) << 32) | u64::from(field(4));
    let block_size = 1024u64 << field(24).min(MAX_LOG_BLOCK_SIZE);
    let size = source.source.size();
    let num_blocks = size / block_size;
    if s_blocks_count <= num_blocks {
        return Ok(None);
    }
    let [b0, b1, b2, b3, b4, b5, b6, b7] = num_blocks.to_le_bytes();
    superblock[4..8].copy_from_slice(&[b0, b1, b2, b3]);
    superblock[0x150..0x154].copy_from_slice(&[b4, b5, b6, b7]);
    if superblock[0x65] & METADATA_CHECKSUMS != 0 {
        let checksum = crc32c(&superblock[..CHECKSUM_AT]);
        superblock[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    }
    let cut = ReadError::OutOfBounds {
        offset: num_blocks.saturating_mul(block_size),
        end: s_blocks_count.saturating_mul(block_size),
        size,
    };
    Ok(Some((superblock, cut)))
}

impl FileSystem for Ext4 {
    fn kind(&self) -> Kind {
        Kind::Ext4
    }

    fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<(), Error> {
        self.run(path, "file", || {
            let inodes = Inodes::open(&self.source)?;
            let found = self.resolve(&inodes, path)?;
            self.spend(found.search_len())?;
            let mut file = self.inner.open(found.path().as_str())?;
            let size = file.metadata().len();
            if size > limit {
                return Err(Fault::Own(Error::TooLarge {
                    path: path.to_owned(),
                    size,
                    limit,
                }));
            }
            if found.last().has_block_map() {
                return inodes.block_map(found.last())?.copy(size, out);
            }
            let mut buffer = vec![0; COPY_STEP];
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

    fn list(&self, path: &str) -> Result<Vec<DirEntry>, Error> {
        self.run(path, "folder", || {
            let mut entries = Vec::new();
            let inodes = Inodes::open(&self.source)?;
            let folder = self.resolve(&inodes, path)?;
            self.spend(folder.search_len())?;
            for entry in self.inner.read_dir(folder.path().as_str())? {
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
                entries.push(DirEntry {
                    name,
                    entry_type,
                    size: metadata.len(),
                    target: None,
                });
            }
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            self.add_targets(&inodes, folder.last(), &mut entries)?;
            Ok(entries)
        })
    }
}

/// Converts a library error; damage in an image that ends early is reported as its early end.
fn convert(
    error: &Ext4Error,
    path: &str,
    expected: &'static str,
    cut: Option<&ReadError>,
) -> Error {
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
        error if let Some(cut) = cut => Error::Read {
            kind: Kind::Ext4,
            place: format!("{} at `{}`", error, path.escape_debug()),
            source: cut.clone(),
        },
        error => Error::Corrupt {
            kind: Kind::Ext4,
            fault: format!("{} at `{}`", error, path.escape_debug()),
        },
    }
}
