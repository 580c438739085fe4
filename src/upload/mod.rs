//! Publishing: which files go to the host, in which order, and with which program.
//!
//! In: the site and the packages on this machine, and a destination. Out: a site at the host, at every moment
//! without a feed that names a package that is not there.
//!
//! - `files`: the files of each step;
//! - `publication`: the steps, one after the other; the manifest at the destination decides what is romfeed's;
//! - `store`: what a destination has to be able to do;
//! - `rsync`, `rclone`, `s3`: destinations, by the programs that people have; `program` runs these, `headers` says how
//!   long files may be cached;
//! - `github`, `gitlab`: hosts of packages; `releases` has the titles and notes of releases;
//! - `git`, `web_hosts`: hosts that take all of a site at once;
//! - `destination`: the names of destinations on the command line.

mod destination;
pub mod files;
mod git;
mod github;
mod gitlab;
mod headers;
mod program;
mod publication;
mod rclone;
mod releases;
mod rsync;
mod s3;
mod store;
mod web_hosts;

use std::io;
use std::path::{Path, PathBuf};

use crate::publish::writer;

pub use destination::{
    Addresses, BadDestination, Extras, Place, SiteDestination, Token, ZipsDestination,
    require_programs, steps,
};
pub use git::Repository;
pub use github::Repository as GitHubRepository;
pub use program::Runner;
pub use publication::{Done, Live, LocalSite, Publication, Step};
pub use releases::{Release, Releases, releases};
pub use store::{Batch, Compared, Contents, Deploy, SiteHost, SiteStore, Store};

/// Follows the progress of a publication. The methods are called from several threads.
pub trait Observer: Send + Sync {
    /// Called before files are copied, with their number and their length in bytes.
    fn copying(&self, _num_files: usize, _num_bytes: u64) {}
    /// Called with the number of bytes that were copied so far.
    fn copied(&self, _num_bytes: u64) {}
    /// Called when all of them were copied.
    fn copying_done(&self) {}
    /// Called with each line of the error output of a program.
    fn said(&self, _line: &str) {}
}

/// Why a step was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program that copies is not installed.
    #[error("`{program}` is not installed")]
    NotInstalled {
        /// Its name.
        program: &'static str,
        /// How to get it.
        hint: &'static str,
    },
    /// The program that copies failed. Its error output was shown.
    #[error("`{program}` could not {what} ({status})")]
    Failed {
        /// Its name.
        program: &'static str,
        /// What it was to do.
        what: String,
        /// How it ended.
        status: String,
    },
    /// The answer of a program is not as expected.
    #[error("the answer of `{program}` cannot be read: {reason}")]
    Answer {
        /// Its name.
        program: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Files that are not from romfeed are in the places of new ones.
    #[error("{} at the destination and not from romfeed: {}", are(.0), names(.0))]
    Foreign(Vec<String>),
    /// Files or links are in the places of folders or files.
    #[error("{} in the way at the destination, as a link or another kind of file: {}", are(.0), names(.0))]
    Blocked(Vec<String>),
    /// Published packages have other bytes than those on this machine.
    #[error("{} at the destination with other bytes: {}", are(.0), names(.0))]
    OtherBytes(Vec<String>),
    /// A file of this machine cannot be read or written.
    #[error("cannot use {}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// Another machine has pushed in the meantime. Its catalog is united with the one here, so the site is to be
    /// generated again.
    #[error("another machine has pushed its builds in the meantime")]
    Raced,
    /// Files that git could not merge.
    #[error("git could not merge {}", names(.0))]
    Unmerged(Vec<String>),
    /// The folder of the catalog is not in a repository of git.
    #[error("{} is not in a repository of git", .0.display())]
    NoRepository(PathBuf),
    /// A manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] writer::Error),
}

/// Most files that an error names.
const MAX_NAMES: usize = 10;

fn are(paths: &[String]) -> String {
    match paths.len() {
        1 => "1 file is".to_owned(),
        num => format!("{num} files are"),
    }
}

fn names(paths: &[String]) -> String {
    let names = paths.iter().take(MAX_NAMES).map(|path| path.escape_debug());
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    let more = match paths.len() > MAX_NAMES {
        true => ", …",
        false => "",
    };
    format!("{}{more}", names.join(", "))
}

fn io_error(file: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::Io {
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
