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
    /// Packages that a run would read.
    pub new: Vec<String>,
    /// Number of packages that `newest` and `max_age` leave out.
    pub num_left_out: usize,
    /// Packages in the catalog that are gone.
    pub gone: Vec<String>,
    /// Number of the new packages whose SHA-256 the host or a checksum file has.
    pub num_with_digest: usize,
    /// Number of bytes that computing digests would download at most.
    pub num_bytes_to_download: u64,
    /// Why it could not be listed.
    pub error: Option<String>,
    /// What listing it, and reading its packages, has cost.
    pub traffic: Traffic,
}
