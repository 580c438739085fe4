//! Why a server could not start.

use std::io;
use std::path::PathBuf;

use crate::generate;
use crate::publish::writer;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The site could not be made.
    #[error(transparent)]
    Generate(#[from] generate::Error),
    /// The manifest in the folder of the site could not be read.
    #[error(transparent)]
    Writer(#[from] writer::Error),
    /// The certificate or the key cannot be used.
    #[error("{}: {reason}", .file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// The system reported an error.
    #[error("cannot serve")]
    Io(#[from] io::Error),
}
