//! Numbers that stand for texts, values and states of files, in one run and the next.

use std::hash::{DefaultHasher, Hash, Hasher};

use digest_lanes::Stamp;

/// Returns the hash of a value; the same in each run of one program.
pub(super) fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Returns a number that is another for another state of a file.
pub(super) fn number(stamp: Stamp) -> u64 {
    let Stamp {
        size,
        modified_ns,
        changed_ns,
        inode,
    } = stamp;
    hash(&(size, modified_ns, changed_ns, inode))
}
