//! Limits on what is read of a package.

/// Most entries read. The largest file-based ROMs hold about 5,000.
pub(super) const MAX_ENTRIES: u64 = 100_000;
/// Longest central directory read, in bytes. The largest seen is under 1 MiB.
pub(super) const MAX_CENTRAL_SIZE: u64 = 32 << 20;
/// Most bytes that `Package::read` decodes of one package in total; transfer lists need the most.
/// What is read through `Package::open_entry` counts towards the budget instead.
pub(super) const MAX_DECODED: u64 = 64 << 20;
