//! An opened image: its superblock, and what of it is kept in memory.

use std::cell::RefCell;
use std::sync::Arc;

use super::extent::{Cached, Extent};
use super::superblock::{Superblock, read_superblock};
use crate::fs::{Error, Kind, Watched};
use crate::io::ReadAt;

/// An EROFS file system.
pub(in crate::fs) struct Erofs {
    pub(super) source: Watched,
    pub(super) superblock: Superblock,
    pub(super) cache: RefCell<Vec<Cached>>,
    /// The compressed extents found last, with their node numbers.
    pub(super) extents: RefCell<Vec<(u64, Extent)>>,
}

impl Erofs {
    /// Reads the superblock.
    pub(in crate::fs) fn open(source: Arc<dyn ReadAt>) -> Result<Erofs, Error> {
        let source = Watched::new(source);
        let superblock = source.run(Kind::Erofs, "superblock", || read_superblock(&source))?;
        Ok(Erofs {
            source,
            superblock,
            cache: RefCell::default(),
            extents: RefCell::default(),
        })
    }

    pub(super) fn block_size(&self) -> u64 {
        1 << self.superblock.block_bits
    }

    /// Counts searched bytes of folders or indexes.
    pub(super) fn spend(&self, num_bytes: u64) -> Result<(), Error> {
        self.source.spend(Kind::Erofs, num_bytes)
    }

    /// Reads bytes of the image.
    pub(super) fn read_image(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let result = self.source.read(offset, buf);
        result.map_err(|source| Error::Read {
            kind: Kind::Erofs,
            place: format!("byte {offset:#x}"),
            source,
        })
    }
}
