//! Why a run cannot begin or go on.

use std::io;
use std::path::PathBuf;

use crate::catalog::{Contradiction, UpdateError, file};
use crate::files::is_overtaken;
use crate::publish::feed;
use crate::publish::{site, writer};

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] file::Error),
    /// Two catalogs contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// The catalog is missing, though a site was published from it.
    #[error("there is no catalog {}, and the site in {} was published from one", .catalog.display(), .out.display())]
    CatalogGone {
        /// The catalog.
        catalog: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// The catalogs have lost builds that were published, or the ids by which phones know them.
    #[error("{} lacks the sha256 or id `{}` of a published build{}", .catalog.display(), .example.escape_debug(), more(*.num))]
    BuildsLost {
        /// The catalog that romfeed maintains.
        catalog: PathBuf,
        /// How many SHA-256 and ids are missing.
        num: usize,
        /// One of them.
        example: String,
    },
    /// The catalog would be published with the site.
    #[error("the catalog {} lies inside the output folder {}", .catalog.display(), .out.display())]
    CatalogInOut {
        /// The catalog.
        catalog: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// The stored changelogs would be published with the site.
    #[error("the folder of changelogs {} lies inside the output folder {}", .changelogs.display(), .out.display())]
    ChangelogsInOut {
        /// The folder.
        changelogs: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// The site and the builds would be in the same folder.
    #[error("{} is both the folder of builds and the output folder", .out.display())]
    OutIsBuilds {
        /// The folder.
        out: PathBuf,
    },
    /// The path of the builds is not a folder.
    #[error("{} is not a folder", .builds.display())]
    BuildsNotAFolder {
        /// The path.
        builds: PathBuf,
    },
    /// Nothing is known of a device that the run is for.
    #[error("no package, catalog or setting has a device `{}`", .device.escape_debug())]
    UnknownDevice {
        /// The device.
        device: String,
        /// The known devices.
        known: Vec<String>,
    },
    /// No setting gives a build its download address.
    #[error("no setting says where phones will download {}{}", .path.escape_debug(), others(*.num_others))]
    NoAddress {
        /// One such build.
        path: String,
        /// Its device, for an example.
        device: String,
        /// How many more there are.
        num_others: usize,
    },
    /// A feed template cannot be used.
    #[error(transparent)]
    Feed(#[from] feed::Error),
    /// A template of a page cannot be used.
    #[error(transparent)]
    Page(#[from] site::Error),
    /// The site cannot be written.
    #[error(transparent)]
    Writer(#[from] writer::Error),
    /// A catalog cannot be moved to a place that has or lies in the old one.
    #[error("{} cannot be moved to {}: one is in the other", .from.display(), .to.display())]
    SamePlace {
        /// The catalog.
        from: PathBuf,
        /// Where it was to go.
        to: PathBuf,
    },
    /// The stored changelogs cannot be listed.
    #[error("cannot read the folder of changelogs {}", .folder.display())]
    List {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The catalog cannot be written.
    #[error("cannot write {}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

impl From<UpdateError> for Error {
    fn from(error: UpdateError) -> Error {
        match error {
            UpdateError::Catalog(error) => Error::Catalog(error),
            UpdateError::Locked { file } => Error::Writer(writer::Error::Locked { file }),
            UpdateError::Write { file, source } => Error::Write { file, source },
        }
    }
}

fn more(num: usize) -> String {
    match num {
        0 | 1 => String::new(),
        n => format!(", and {} more", n - 1),
    }
}

fn others(num_others: usize) -> String {
    match num_others {
        0 => String::new(),
        1 => " and 1 other build".to_owned(),
        n => format!(" and {n} other builds"),
    }
}

impl Error {
    /// Returns whether another machine changed the catalog while this one was about to.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Error::Write { source, .. } if is_overtaken(source))
    }

    /// Returns whether the settings or the command are wrong, so that nothing was done.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Error::List { .. } | Error::Write { .. } | Error::Catalog(file::Error::Shared(_)) => {
                false
            }
            Error::Writer(error) => !matches!(
                error,
                writer::Error::Io { .. } | writer::Error::Locked { .. }
            ),
            _ => true,
        }
    }
}
