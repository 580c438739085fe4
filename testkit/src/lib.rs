//! Writers of ROM packages for romfeed's tests and samples, and faults for its runs.
//!
//! romfeed reads packages that other programs made. To test it without keeping large
//! ROMs around, this crate makes small packages with the same structure: the same zip
//! entries in the same order, the same text files, and payloads, transfer lists and other
//! containers of images whose sizes, offsets and hashes are true.
//!
//! The writers share no code with the readers, so one misreading of a format cannot hide
//! in both. Everything is deterministic: the same calls give the same bytes.
//!
//! - [`package`] puts whole ROM zips together and is where most tests start;
//! - [`props`] writes `build.prop`, the text that describes a build;
//! - [`metadata`] writes `META-INF/com/android/metadata` and `metadata.pb`;
//! - [`payload`] writes `payload.bin`, the images of an A/B package;
//! - [`transfer_list`] writes `system.transfer.list` and `system.new.dat`;
//! - [`sparse`] writes sparse images, also split ones;
//! - [`super_image`] writes `super.img`, which holds logical partitions;
//! - [`signing`] signs packages;
//! - [`hosts`] starts hosts of releases on this machine, such as GitHub;
//! - [`zip`] and [`proto`] are the encodings below them, also for malformed input;
//! - [`faults`] runs a built romfeed, disturbs it, and reports what was lost;
//! - [`fuzz`] runs fuzz targets over their inputs.
//!
//! Wrong use, such as an image that is not a whole number of blocks, panics.
//!
//! ```
//! use testkit::{package::Package, props::Props};
//!
//! let props = Props::lineage(
//!     "22.2", "UNOFFICIAL", "enchilada", 1_748_736_000, "eng.me.20250601.000000", 35, "2025-05-05",
//! );
//! let zip = Package::payload(props).build();
//! assert_eq!(&zip[..4], b"PK\x03\x04");
//! ```

pub mod faults;
pub mod fuzz;
pub mod hosts;
pub mod metadata;
pub mod package;
pub mod payload;
pub mod props;
pub mod proto;
pub mod signing;
pub mod sparse;
pub mod super_image;
pub mod transfer_list;
pub mod zip;

/// Size in bytes of the blocks that payloads and transfer lists count in.
pub const BLOCK_SIZE: usize = 4096;

/// Returns reproducible bytes like those of compiled code: they do not repeat and hardly compress.
///
/// `seed` selects the sequence; the same seed gives the same bytes.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
