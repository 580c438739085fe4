//! What both kinds of indexes of compressed files share: [`index`](super::index) and
//! [`extent_list`](super::extent_list).

use super::extent::Extent;
use super::fault::{corrupt, unsupported};
use super::inode::Inode;
use crate::fs::Error;

/// `sizeof(struct z_erofs_map_header)`.
pub(super) const HEADER_LEN: usize = 8;
pub(super) const ADVISE_INTERLACED: u16 = 0x10;
pub(super) const ADVISE_FRAGMENT: u16 = 0x20;
/// Bytes counted as searched for one index.
pub(super) const INDEX_SEARCHED: u64 = 16;
/// Longest physical cluster, in bytes (`Z_EROFS_PCLUSTER_MAX_SIZE`).
const MAX_ENCODED: u64 = 1 << 20;
/// Longest extent, in bytes (`Z_EROFS_PCLUSTER_MAX_DSIZE`).
pub(super) const MAX_DECODED: u64 = 12 << 20;

/// Returns the error for a compressed node with this fault.
pub(super) fn bad(inode: &Inode, fault: &str) -> Error {
    corrupt(format!("compressed node {} {fault}", inode.nid))
}

/// Checks that an extent is in the file and short enough to decode.
pub(super) fn check(inode: &Inode, extent: Extent, len: u64) -> Result<Extent, Error> {
    if extent.end > inode.size || extent.start >= extent.end {
        return Err(bad(inode, "has an extent beyond its end"));
    }
    if len > MAX_ENCODED || extent.end.saturating_sub(extent.start) > MAX_DECODED {
        return Err(unsupported(
            "extents beyond 12 MiB, or clusters beyond 1 MiB",
        ));
    }
    Ok(extent)
}
