//! Writes pages to a folder: only those that changed, in an order in which no feed ever names a file
//! that is not there.
//!
//! In: all pages of a site, and its folder. The pages are [compared](Comparer) first; then comes a [`Plan`],
//! which changes nothing; then its execution. The manifest in the folder lists the files that romfeed wrote. All other files there
//! are foreign, and stay as they are.

mod compare;
mod execute;
mod lock;
mod manifest;
mod paths;
mod plan;
mod stage;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::JsonError;

pub use compare::{Compared, Comparer};
pub use execute::execute;
pub use lock::{Lock, SiteLock, lock, lock_within, open};
pub use manifest::{
    Lookup, MAX_PUBLISHED_MANIFEST, Manifest, joint_manifest, lacks_manifest, own_files,
    published_builds, published_files, read_manifest,
};
pub use paths::{NameRules, alike, check_paths};
pub use plan::{Plan, plan, plan_by_rules};

/// romfeed's own folder inside the site.
const STATE_DIR: &str = ".romfeed";
/// The name of the lock in that folder.
const LOCK: &str = "lock";
/// The name of a page while it is written.
const TEMPORARY: &str = "tmp";
/// The folder with the contents of pages until they are in their place.
const STAGE: &str = "new";
/// Schema of the manifest.
const SCHEMA: u32 = 1;

/// Why a site cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder has files, and romfeed has never written there.
    #[error("{} is not empty and was not made by romfeed (it has {}, for example)", .out.display(), .example.escape_debug())]
    NotOurs {
        /// The folder.
        out: PathBuf,
        /// One of its files.
        example: String,
    },
    /// The manifest is not valid.
    #[error("{} cannot be read", .file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// The reason.
        #[source]
        source: JsonError,
    },
    /// A later romfeed wrote the manifest.
    #[error("{} has schema {found}, this romfeed reads schema {SCHEMA}", .file.display())]
    ManifestSchema {
        /// The manifest.
        file: PathBuf,
        /// The schema found.
        found: u32,
    },
    /// Another run holds the lock.
    #[error("another romfeed is running here (it holds {})", .file.display())]
    Locked {
        /// The lock.
        file: PathBuf,
    },
    /// A page would be written outside the site, or in romfeed's own folder.
    #[error("`{}` cannot be a page: its path is outside the site", .path.escape_debug())]
    Outside {
        /// The path.
        path: String,
    },
    /// The path of a page is a folder of another page.
    #[error("`{shorter}` would have to be both a file and the folder of `{longer}`{makers}")]
    Prefix {
        /// The page with the shorter path.
        shorter: String,
        /// The page with the longer path.
        longer: String,
        /// What makes them, in this order.
        makers: PageOrigins,
    },
    /// Two pages have the same path.
    #[error("`{path}` would have to be two pages at once{makers}")]
    Duplicate {
        /// The path.
        path: String,
        /// What makes them.
        makers: PageOrigins,
    },
    /// Two pages would be the same file, since the file system ignores case.
    #[error("`{first}` and `{second}` differ only in the case of letters, and {} ignores case", .out.display())]
    Case {
        /// A path, or a folder in it.
        first: String,
        /// Another one, in other case.
        second: String,
        /// The folder.
        out: PathBuf,
    },
    /// The operating system refused an operation.
    #[error("cannot {verb} {}", .file.display())]
    Io {
        /// The operation. With `create`, `write` and `remove` some pages may be written already, with
        /// others none are.
        verb: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

/// What makes each of two pages: a template with its subject, else romfeed itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOrigins([Option<Arc<str>>; 2]);

impl fmt::Display for PageOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own: Arc<str> = "romfeed itself".into();
        let [first, second] = &self.0;
        if first.is_none() && second.is_none() {
            return Ok(());
        }
        let [first, second] = [first, second].map(|maker| maker.as_ref().unwrap_or(&own));
        write!(f, ": one is made by {first}, the other by {second}")
    }
}

fn io_error<'a>(verb: &'static str, file: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io {
        verb,
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
