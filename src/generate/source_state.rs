//! What a source lists, for people.

use crate::fetch::Traffic;

/// What a source lists, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Its name.
    pub name: String,
    /// Number of all files.
    pub num_files: usize,
    /// Number of packages.
    pub num_packages: usize,
    /// Unknown packages that a run would read.
    pub new: Vec<String>,
    /// Packages of published builds that have other contents now, which a run would read.
    pub changed: Vec<Change>,
    /// Number of packages that `newest` and `max_age` leave out.
    pub num_left_out: usize,
    /// Packages in the catalog that are gone.
    pub gone: Vec<String>,
    /// Number of the new and changed packages whose SHA-256 the host or a checksum file has.
    pub num_with_digest: usize,
    /// The size of the other new and changed packages, in bytes.
    pub num_bytes_to_download: u64,
    /// Number of the published builds without a SHA-256.
    pub num_unhashed: usize,
    /// The size of their packages, in bytes.
    pub num_bytes_unhashed: u64,
    /// Why it could not be listed.
    pub error: Option<String>,
    /// What listing it, and reading its packages, has cost.
    pub traffic: Traffic,
}

/// A package that has other contents than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path of its build.
    pub path: String,
    /// What is known to have changed: its size, its version tag, the number of the upload or its digest.
    pub what: Vec<&'static str>,
}
