//! Limits on what a manifest may state.

/// Longest manifest read, in bytes. Real ones have 95 to 300 KiB; payload tools refuse more than
/// 16 MiB.
pub(super) const MAX_MANIFEST_SIZE: u64 = 16 << 20;
/// Most extents written by one partition's operations. A system partition of
/// 4 GiB in operations of 2 MiB has about 2,000.
pub(super) const MAX_EXTENTS: usize = 1 << 18;
/// Most operations of one partition, for the same reason.
pub(super) const MAX_OPERATIONS: usize = 1 << 18;
/// Most operations with data in all partitions; a payload of 32 GiB in operations of
/// 2 MiB has 16,384.
pub(super) const MAX_BLOBS: usize = 1 << 19;
