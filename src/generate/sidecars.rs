//! Sidecar files: cached directory listings, bounded reads and stored copies.
//!
//! In: a folder. Out: names of visible files, and bytes. A name that is not UTF-8 is ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;

use super::Error;
use crate::files::{Durability, open_below, open_regular, replace};
use crate::model::build::{Build, Kind};
use crate::model::config::Config;

/// Listings of the folders under `builds/`, each read when it is first needed.
#[derive(Debug)]
pub(super) struct Folders<'c> {
    config: &'c Config,
    listed: BTreeMap<String, BTreeSet<String>>,
}

impl<'c> Folders<'c> {
    pub(super) fn new(config: &'c Config) -> Folders<'c> {
        Folders {
            config,
            listed: BTreeMap::new(),
        }
    }

    /// Returns the names in a folder, given with `/` between folders; none if it cannot be read or
    /// is behind a link that is not followed.
    pub(super) fn names(&mut self, folder: &str) -> &BTreeSet<String> {
        let config = self.config;
        let listed = self.listed.entry(folder.to_owned());
        listed.or_insert_with(|| match is_behind_link(config, folder) {
            true => BTreeSet::new(),
            false => list(&config.builds.join(folder)).unwrap_or_default(),
        })
    }
}

fn is_behind_link(config: &Config, folder: &str) -> bool {
    let folders = Path::new(folder).ancestors();
    let mut folders = folders.filter(|folder| !folder.as_os_str().is_empty());
    let is_link = |folder: &Path| config.builds.join(folder).is_symlink();
    !config.follow_links && folders.any(is_link)
}

/// Opens a file next to a package, given by its path under `builds/`.
///
/// # Errors
/// If it is not a regular file there, or a link.
pub(super) fn open(config: &Config, path: &str) -> io::Result<File> {
    match config.follow_links {
        true => open_regular(&config.builds.join(path)),
        false => open_below(&config.builds, Path::new(path)),
    }
}

/// Joins a folder and a name to a path under `builds/`.
pub(super) fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Opens a stored copy.
///
/// # Errors
/// As [`open`].
pub(super) fn open_stored(config: &Config, name: &str) -> io::Result<File> {
    open_below(&config.changelogs, Path::new(name))
}

/// Splits a path under `builds/` into folder and name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Lists the names of the stored copies; none if their folder does not exist yet.
///
/// # Errors
/// [`Error::List`]: without the copies, pages would lose published texts.
pub(super) fn list_stored(folder: &Path) -> Result<BTreeSet<String>, Error> {
    match list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        listed => listed.map_err(|source| Error::List {
            folder: folder.to_owned(),
            source,
        }),
    }
}

/// Lists the visible names in a folder, without packages.
fn list(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && !name.starts_with('.')
            && !name.ends_with(".zip")
        {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Counts the full builds of each folder.
pub(super) fn num_full<'a>(builds: impl Iterator<Item = &'a Build>) -> BTreeMap<&'a str, usize> {
    let mut num_full: BTreeMap<&str, usize> = BTreeMap::new();
    for build in builds.filter(|build| build.kind == Kind::Full) {
        *num_full.entry(split(&build.path).0).or_default() += 1;
    }
    num_full
}

/// Name of a copy while it is being written.
const TEMPORARY: &str = ".romfeed-tmp";

/// Removes the half-written copy of a killed run.
pub(super) fn remove_leftover(folder: &Path) {
    // Usually there is none, and a leftover does no harm.
    let _ = std::fs::remove_file(folder.join(TEMPORARY));
}

/// Writes a copy.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn store(file: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        // Its source still exists, so it need not be synced to disk.
        replace(
            &folder.join(TEMPORARY),
            file,
            text.as_bytes(),
            Durability::Cached,
        )
    };
    write().map_err(|source| Error::Write {
        file: file.to_owned(),
        source,
    })
}
