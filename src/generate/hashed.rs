//! A build whose digests are known.

use std::path::PathBuf;

use digest_lanes::Stamp;
use ota_view::verify::{self, Verdict};

use crate::ingest::projects::Projects;
use crate::model::build::Build;

/// A build and the file it was read from.
pub(super) struct Hashed {
    pub(super) build: Build,
    pub(super) file: PathBuf,
    /// The state of the file when it was hashed.
    pub(super) stamp: Stamp,
    /// The projects in its package, if they were read now.
    pub(super) projects: Option<Projects>,
    /// The result of verifying it, if it was verified while it was hashed.
    pub(super) verdict: Option<Verified>,
}

/// The result of verifying a package.
pub(super) type Verified = Result<Verdict, verify::Error>;
