//! Single entries: their local headers and their contents.

use std::io::Read;
use std::sync::Arc;

use super::directory::{EntryInfo, ZIP64_FIELD};
use crate::codec::Codec;
use crate::io::{Budget, ReadAt, Reader, Spill};
use crate::little_endian::u16_at;

/// Bit 3 of the flags (APPNOTE 4.4.4).
pub(super) const FLAG_DESCRIPTOR: u16 = 1 << 3;

/// The local header of an entry (APPNOTE 4.3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalHeader {
    /// Its offset in the package.
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

/// An entry opened for reading in part.
pub struct Entry {
    /// The offset of its bytes in the package.
    pub(super) offset: u64,
    /// Its bytes in the package, which may be compressed.
    pub(super) compressed: Arc<dyn ReadAt>,
    pub(super) info: EntryInfo,
}

impl Entry {
    /// Returns a stream of its contents.
    #[must_use]
    pub fn stream(&self) -> Box<dyn Read + Send> {
        let compressed = Reader::new(Arc::clone(&self.compressed));
        match self.info.method {
            0 => Box::new(compressed),
            _ => Codec::Deflate.decode(compressed),
        }
    }

    /// Returns its contents as a source: a stored entry is read in place, a deflated one is decoded as
    /// far as it is read.
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

    /// Returns the offset of its bytes in the package, compressed or not.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether it is stored without compression.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.info.method == 0
    }
}
