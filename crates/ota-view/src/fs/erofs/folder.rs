//! Folders: names and their nodes.

use super::data::Depth;
use super::fault::corrupt;
use super::image::Erofs;
use super::inode::Inode;
use crate::fs::Error;
use crate::little_endian::u64_at;

/// `sizeof(struct erofs_dirent)`.
const DIRENT_LEN: usize = 12;
/// Fewest bytes counted for searching a block of a folder, because its index must be found too.
const MIN_SEARCHED: u64 = 4096;
/// Largest folder, in bytes: a million entries of the usual length.
const MAX_FOLDER_SIZE: u64 = 64 << 20;
/// Longest name, in bytes (`EROFS_NAME_LEN`).
const MAX_NAME_LEN: usize = 255;

/// A callback for a name and its node number; `false` ends the walk.
pub(super) type Visit<'a> = dyn FnMut(&[u8], u64) -> Result<bool, Error> + 'a;

impl Erofs {
    /// Calls `visit` for each entry of a folder, until it returns `false`.
    pub(super) fn for_each_entry(
        &self,
        folder: &Inode,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        if folder.size > MAX_FOLDER_SIZE {
            return Err(Error::TooLarge {
                path: format!("folder of node {}", folder.nid),
                size: folder.size,
                limit: MAX_FOLDER_SIZE,
            });
        }
        let block_size = self.block_size();
        let mut offset = 0;
        while offset < folder.size {
            let len = folder.size.saturating_sub(offset).min(block_size);
            self.spend(len.max(MIN_SEARCHED))?;
            let mut block = vec![0; usize::try_from(len).unwrap_or(0)];
            self.read_inode(folder, offset, &mut block, Depth::Normal)?;
            for (name, nid) in parse_dirents(&block, folder.nid, offset)? {
                if !matches!(name, b"." | b"..") && !visit(name, nid)? {
                    return Ok(());
                }
            }
            offset = offset.saturating_add(len);
        }
        Ok(())
    }

    /// Finds the node of a name in a folder.
    pub(super) fn find(&self, folder: &Inode, name: &str) -> Result<Option<Inode>, Error> {
        let mut found = None;
        self.for_each_entry(folder, &mut |entry, nid| {
            if entry == name.as_bytes() {
                found = Some(nid);
            }
            Ok(found.is_none())
        })?;
        found.map(|nid| self.inode(nid)).transpose()
    }
}

/// Parses one block of a folder into names and node numbers.
fn parse_dirents(block: &[u8], nid: u64, offset: u64) -> Result<Vec<(&[u8], u64)>, Error> {
    let bad = |index: usize| {
        corrupt(format!(
            "folder of node {nid}, entry {index} of the block at its byte {offset:#x}"
        ))
    };
    let name_offset = |index: usize| -> Option<usize> {
        let at = index.checked_mul(DIRENT_LEN)?.checked_add(8)?;
        Some(usize::from(u16::from_le_bytes(
            *block.get(at..)?.first_chunk()?,
        )))
    };
    let table_len = name_offset(0).ok_or_else(|| bad(0))?;
    if table_len == 0 || table_len % DIRENT_LEN != 0 || table_len >= block.len() {
        return Err(bad(0));
    }
    let num_entries = table_len / DIRENT_LEN;
    let mut entries = Vec::with_capacity(num_entries);
    for index in 0..num_entries {
        let start = name_offset(index).ok_or_else(|| bad(index))?;
        let is_last = index.saturating_add(1) == num_entries;
        let end = match is_last {
            true => block.len(),
            false => name_offset(index.saturating_add(1)).ok_or_else(|| bad(index))?,
        };
        let name = block.get(start..end).ok_or_else(|| bad(index))?;
        // Padding may follow the last name.
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        if start < table_len || name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(&b'/')
        {
            return Err(bad(index));
        }
        entries.push((name, u64_at(block, index.saturating_mul(DIRENT_LEN))));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of a folder: entries, then names, then padding.
    fn dirents(names: &[&str], padding: usize) -> Vec<u8> {
        let mut block = Vec::new();
        let mut name_offset = names.len() * DIRENT_LEN;
        for (number, name) in names.iter().enumerate() {
            block.extend((number as u64 + 7).to_le_bytes());
            block.extend((name_offset as u16).to_le_bytes());
            block.extend([1, 0]);
            name_offset += name.len();
        }
        block.extend(names.concat().bytes());
        block.resize(block.len() + padding, 0);
        block
    }

    #[test]
    fn folder_block_is_parsed_into_names_and_nodes() {
        for padding in [0, 5] {
            let block = dirents(&[".", "..", "build.prop"], padding);
            let entries = parse_dirents(&block, 1, 0).unwrap();
            assert_eq!(
                entries,
                [(&b"."[..], 7), (&b".."[..], 8), (&b"build.prop"[..], 9)]
            );
        }
    }

    #[test]
    fn malformed_folder_block_is_refused() {
        let good = dirents(&["a", "b"], 3);
        for (at, value) in [
            // The first name begins inside the table, or not after a whole entry.
            (8, 0),
            (8, 23),
            (8, 200),
            // The second begins before the first, or beyond the block.
            (20, 24),
            (20, 3),
            (20, 255),
            // Names that no path can have.
            (24, b'/'),
            (24, 0),
        ] {
            let mut block = good.clone();
            block[at] = value;
            let error = parse_dirents(&block, 1, 0).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{at} {value}");
        }
        for len in 0..24 {
            assert!(parse_dirents(&good[..len], 1, 0).is_err(), "{len}");
        }
    }
}
