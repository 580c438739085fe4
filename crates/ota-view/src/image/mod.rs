//! Containers of partition images.
//!
//! Each opens a partition as a [`ReadAt`](crate::io::ReadAt) without unpacking it: a read of the
//! partition becomes reads of the operations, chunks or extents that contain the bytes.

#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing
    )
)]

mod mapped;

pub mod payload;
pub mod sparse;
pub mod super_image;
pub mod transfer_list;

/// Most partitions of one package, counting the parts of split images; real ones have up to 60.
pub(crate) const MAX_PARTITIONS: usize = 1000;
