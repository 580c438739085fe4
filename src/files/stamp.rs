//! Numbers that stand for the states of files, in one run and the next.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use digest_lanes::Stamp;

/// Returns a number that changes whenever a file does, as far as its metadata tell; none if it is no regular file.
#[must_use]
pub fn stamp(file: &Path) -> Option<u64> {
    let metadata = file.symlink_metadata().ok().filter(Metadata::is_file)?;
    Some(stamp_of(&metadata))
}

/// Returns the [`stamp`] of a file in this state.
#[must_use]
pub fn stamp_of(metadata: &Metadata) -> u64 {
    stamp_number(Stamp::of(metadata))
}

/// Returns a number that is another for another state of a file.
#[must_use]
pub fn stamp_number(stamp: Stamp) -> u64 {
    let Stamp {
        size,
        modified_ns,
        changed_ns,
        inode,
    } = stamp;
    let mut hasher = DefaultHasher::new();
    (size, modified_ns, changed_ns, inode).hash(&mut hasher);
    hasher.finish()
}
