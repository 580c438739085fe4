//! Pages to files: only what changed, in an order that never leaves a feed
//! naming something that is not there.
//!
//! In: all pages of a site and the folder it is kept in. Out: first a [`Plan`]
//! that touches nothing, then its execution. The manifest in the folder lists the
//! files romfeed wrote; anything else there belongs to somebody else.

mod execute;
mod lock;
mod manifest;
mod paths;
mod plan;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::JsonError;

pub use execute::execute;
pub use lock::{Lock, lock, lock_within, open};
pub use manifest::{
    MAX_PUBLISHED_MANIFEST, Manifest, lacks_manifest, joint_manifest,
    own_files, published_files, read_manifest,
};
pub use paths::{NameRules, alike, check_paths};
pub use plan::{Plan, plan, plan_by_rules};

/// romfeed's own folder inside the site.
const STATE_DIR: &str = ".romfeed";
/// A page until it is whole.
const TEMPORARY: &str = "tmp";
/// Schema of the manifest.
const SCHEMA: u32 = 1;

/// Why a site cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds files and romfeed has never written there.
    #[error("{} is not empty and was not made by romfeed (it holds {}, for one)", .out.display(), .example.escape_debug())]
    NotOurs {
        /// The folder.
        out: PathBuf,
        /// One of its files.
        example: String,
    },
    /// The manifest cannot be understood.
    #[error("{} cannot be read", .file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// The reason.
        #[source]
        source: JsonError,
    },
    /// The manifest is a later romfeed's.
    #[error("{} has schema {found}, this romfeed reads schema {SCHEMA}", .file.display())]
    ManifestSchema {
        /// The manifest.
        file: PathBuf,
        /// The schema found.
        found: u32,
    },
    /// Another run holds the lock.
    #[error("another romfeed is at work here (it holds {})", .file.display())]
    Locked {
        /// The lock.
        file: PathBuf,
    },
    /// A page would be written outside the site, or among what romfeed keeps there.
    #[error("`{}` cannot be a page: its path leads out of the site", .path.escape_debug())]
    Outside {
        /// The path.
        path: String,
    },
    /// Two pages cannot both be files: one's path leads through the other.
    #[error("`{shorter}` would have to be both a file and the folder of `{longer}`{makers}")]
    Prefix {
        /// The page in the way.
        shorter: String,
        /// The page behind it.
        longer: String,
        /// What makes them, in this order.
        makers: PageOrigins,
    },
    /// Two pages have one path.
    #[error("`{path}` would have to be two pages at once{makers}")]
    Duplicate {
        /// The path.
        path: String,
        /// What makes them.
        makers: PageOrigins,
    },
    /// Two pages would be one file.
    #[error("`{first}` and `{second}` differ only in the case of letters, and {} does not tell them apart", .out.display())]
    Case {
        /// A path, or the folder at its beginning.
        first: String,
        /// Another.
        second: String,
        /// The folder.
        out: PathBuf,
    },
    /// The system refused.
    #[error("cannot {verb} {}", .file.display())]
    Io {
        /// What was tried; to `create`, `write` and `remove` is tried when some pages may be
        /// written already, all else before that.
        verb: &'static str,
        /// With which file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

/// What makes each of two pages; romfeed itself if it is no template.
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
