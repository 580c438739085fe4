//! Containers of partition images; each yields a partition as a
//! [`ReadAt`](crate::io::ReadAt).
//!
//! None of them is unpacked: a read of a partition becomes reads of the
//! operations, chunks or extents under it.

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
