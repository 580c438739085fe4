//! Files next to the packages of a run, and stored copies of them.
//!
//! In: the folder of builds and the listed sources. Out: for each build the folder of its package there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use crate::files::{Place, open_below};
use crate::model::build::{Build, Kind};
use crate::model::config::Config;
use crate::source::{self, Folder, LocalFolder, Names, RemoteFolder};

/// The folder of builds, and the sources that were listed in this run, by name.
pub(super) struct Folders<'a> {
    pub(super) local: LocalFolder,
    remote: Option<&'a BTreeMap<String, RemoteFolder>>,
}

/// The files next to a package.
pub(super) struct Beside<'a> {
    pub(super) folder: &'a dyn Folder,
    /// Path of the package in the folder.
    path: &'a str,
    /// Whether it is on another host.
    pub(super) is_remote: bool,
}

impl<'a> Folders<'a> {
    /// Takes the folder of builds and the listed sources.
    pub(super) fn new(
        config: &Config,
        remote: Option<&'a BTreeMap<String, RemoteFolder>>,
    ) -> Folders<'a> {
        Folders {
            local: LocalFolder::new(&config.builds, config.follow_links),
            remote,
        }
    }

    /// Whether a build is of a source that was listed in this run.
    pub(super) fn has_listed(&self, build: &Build) -> bool {
        self.beside(build).is_some_and(|beside| beside.is_remote)
    }

    /// Returns the files next to the package of a build; `None` if its source was not listed.
    pub(super) fn beside<'s>(&'s self, build: &'s Build) -> Option<Beside<'s>> {
        let Some(origin) = &build.origin else {
            return Some(Beside {
                folder: &self.local,
                path: &build.path,
                is_remote: false,
            });
        };
        Some(Beside {
            folder: self.remote?.get(&origin.source)?,
            path: &origin.path,
            is_remote: true,
        })
    }
}

impl Beside<'_> {
    /// Returns the file name of the package there.
    pub(super) fn filename(&self) -> &str {
        source::split(self.path).1
    }

    /// Returns the names next to the package.
    pub(super) fn names(&self) -> Names {
        self.folder.names(source::split(self.path).0)
    }

    /// Returns the path of a file next to the package.
    pub(super) fn path(&self, name: &str) -> String {
        source::join(source::split(self.path).0, name)
    }

    /// Reads the first `limit` bytes of a file next to the package, and one more if there are more.
    ///
    /// # Errors
    /// As for [`Folder::read`].
    pub(super) fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.folder.read(&self.path(name), limit)
    }

    /// Returns the text of the package's release, if there is one.
    pub(super) fn notes(&self) -> Option<Arc<str>> {
        self.folder.listed(self.path)?.notes.clone()
    }
}

/// Opens a stored copy.
///
/// # Errors
/// If it is not a regular file there, or a link.
pub(super) fn open_stored(config: &Config, name: &str) -> io::Result<File> {
    open_below(&config.changelogs, Path::new(name))
}

/// Lists the names of the stored copies; none if their folder does not exist yet.
///
/// # Errors
/// [`Error::List`]: without the copies, pages would lose published texts.
pub(super) fn list_stored(folder: &Path) -> Result<BTreeSet<String>, Error> {
    match source::list_names(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        listed => listed.map_err(|source| Error::List {
            folder: folder.to_owned(),
            source,
        }),
    }
}

/// Counts the full builds of each folder; copies of one package count once.
pub(super) fn num_full<'a>(builds: impl Iterator<Item = &'a Build>) -> BTreeMap<&'a str, usize> {
    let mut full: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for build in builds.filter(|build| build.kind == Kind::Full) {
        let builds = full.entry(source::split(&build.path).0).or_default();
        builds.insert(build.identity());
    }
    let nums = full.into_iter();
    nums.map(|(folder, builds)| (folder, builds.len()))
        .collect()
}

/// Writes a copy.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn store(place: &dyn Place, file: &Path, text: &str) -> Result<(), Error> {
    let written = place.write_copy(file, text.as_bytes());
    written.map_err(|source| Error::Write {
        file: file.to_owned(),
        source,
    })
}
