//! Numbers that stand for texts and values, in one run and the next.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Returns the hash of a value; the same in each run of one program.
pub(super) fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
