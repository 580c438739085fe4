//! Extents: where the bytes of a node are stored.

use std::rc::Rc;

/// A run of a node's bytes, and where it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) storage: Storage,
}

/// Where the bytes of an extent are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Storage {
    /// Not stored: zeros.
    Hole,
    /// Uncompressed.
    Raw { offset: u64, in_metadata: bool },
    /// Uncompressed, but rotated inside its block.
    Interlaced { offset: u64, len: u64 },
    /// Compressed.
    Encoded {
        offset: u64,
        len: u64,
        algorithm: u8,
        in_metadata: bool,
    },
    /// In the packed file, from this byte on.
    Fragment { offset: u64 },
}

/// A decoded extent.
#[derive(Clone)]
pub(super) struct Cached {
    pub(super) nid: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) bytes: Rc<Vec<u8>>,
}
