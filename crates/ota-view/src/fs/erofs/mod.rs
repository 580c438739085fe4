//! EROFS, in every format that `mkfs.erofs` writes for one device.
//!
//! In: a partition. Out: files, folders and links. Supported: flat, inline and chunked files;
//! compressed files with full, compact and encoded indexes, big physical clusters, inline tails,
//! fragments and deduplication; 48-bit addresses and the metadata box. Not supported: images on
//! several devices.
//! Source: Linux `fs/erofs/erofs_fs.h`, 6.17, and the layouts that erofs-utils
//! 1.9 writes.
//!
//! The parts, each of which uses only those before it: [`superblock`], [`extent`], [`image`],
//! [`inode`], [`clusters`], [`extent_list`], [`index`], [`decode`], [`data`], [`folder`].

#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing
    )
)]

mod clusters;
mod data;
mod decode;
mod extent;
mod extent_list;
mod fault;
mod folder;
mod image;
mod index;
mod inode;
mod superblock;
#[cfg(test)]
mod tests;

use std::io::Write;

use self::data::Depth;
use self::fault::corrupt;
use self::inode::Inode;
use super::{
    COPY_STEP, DirEntry, EntryType, Error, FileSystem, Kind, MAX_ENTRIES, MAX_PATH_LEN, PathWalk,
};
use crate::io::len_of;

pub(super) use self::image::Erofs;
pub(super) use self::superblock::MAGIC;

impl Erofs {
    /// Resolves a path, following links.
    fn resolve(&self, path: &str) -> Result<Inode, Error> {
        let root = self.inode(self.superblock.root_nid)?;
        let mut at = vec![root];
        let mut walk = PathWalk::new(path);
        while let Some(name) = walk.next()? {
            let folder = *at.last().expect("the root stays");
            if folder.entry_type != EntryType::Folder {
                return Err(Error::WrongType {
                    path: path.to_owned(),
                    expected: "folder",
                });
            }
            if name == ".." {
                if at.len() > 1 {
                    at.pop();
                }
                continue;
            }
            let inode = self.find(&folder, &name)?.ok_or_else(|| Error::NotFound {
                path: path.to_owned(),
            })?;
            if inode.entry_type != EntryType::Link {
                at.push(inode);
                continue;
            }
            let target = self.link_target(&inode)?;
            if target.starts_with('/') {
                at.truncate(1);
            }
            walk.follow(&target)?;
        }
        Ok(*at.last().expect("the root stays"))
    }

    fn link_target(&self, inode: &Inode) -> Result<String, Error> {
        let len = usize::try_from(inode.size).unwrap_or(usize::MAX);
        if len > MAX_PATH_LEN {
            return Err(corrupt(format!(
                "node {} is a symbolic link of {len} bytes",
                inode.nid
            )));
        }
        let mut target = vec![0; len];
        self.read_inode(inode, 0, &mut target, Depth::Normal)?;
        Ok(String::from_utf8_lossy(&target).into_owned())
    }
}

impl FileSystem for Erofs {
    fn kind(&self) -> Kind {
        Kind::Erofs
    }

    fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<(), Error> {
        self.source.run(Kind::Erofs, path, || {
            let inode = self.resolve(path)?;
            if inode.entry_type != EntryType::File {
                return Err(Error::WrongType {
                    path: path.to_owned(),
                    expected: "file",
                });
            }
            if inode.size > limit {
                return Err(Error::TooLarge {
                    path: path.to_owned(),
                    size: inode.size,
                    limit,
                });
            }
            let mut offset = 0;
            let mut buffer = vec![0; COPY_STEP];
            while offset < inode.size {
                let left = usize::try_from(inode.size.saturating_sub(offset)).unwrap_or(usize::MAX);
                let (part, _) = buffer.split_at_mut(left.min(COPY_STEP));
                self.read_inode(&inode, offset, part, Depth::Normal)?;
                out.write_all(part).map_err(Error::Write)?;
                offset = offset.saturating_add(len_of(part));
            }
            Ok(())
        })
    }

    fn list(&self, path: &str) -> Result<Vec<DirEntry>, Error> {
        self.source.run(Kind::Erofs, path, || {
            let folder = self.resolve(path)?;
            if folder.entry_type != EntryType::Folder {
                return Err(Error::WrongType {
                    path: path.to_owned(),
                    expected: "folder",
                });
            }
            let mut entries = Vec::new();
            self.for_each_entry(&folder, &mut |name, nid| {
                if entries.len() >= MAX_ENTRIES {
                    return Err(too_many_entries(path));
                }
                let inode = self.inode(nid)?;
                let target = match inode.entry_type {
                    // An unreadable target does not fail the listing.
                    EntryType::Link => self.link_target(&inode).ok(),
                    _ => None,
                };
                entries.push(DirEntry {
                    name: String::from_utf8_lossy(name).into_owned(),
                    entry_type: inode.entry_type,
                    size: inode.size,
                    target,
                });
                Ok(true)
            })?;
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
    }
}

fn too_many_entries(path: &str) -> Error {
    let limit = u64::try_from(MAX_ENTRIES).unwrap_or(u64::MAX);
    Error::TooLarge {
        path: path.to_owned(),
        size: limit.saturating_add(1),
        limit,
    }
}
