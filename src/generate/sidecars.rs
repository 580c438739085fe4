//! What lies beside packages: names, listed once for each folder, and the beginnings of files; and
//! how a copy of it is kept.
//!
//! In: a folder. Out: names of visible files, and bytes. A name that is no UTF-8 is nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;

use super::Error;
use crate::files::{Durability, open_below, open_regular, replace};
use crate::model::build::{Build, Kind};
use crate::model::config::Config;

/// The folders below that of the builds, each listed when it is first asked for.
#[derive(Debug)]
pub(super) struct Folders<'c> {
    config: &'c Config,
    known: BTreeMap<String, BTreeSet<String>>,
}

impl<'c> Folders<'c> {
    pub(super) fn new(config: &'c Config) -> Folders<'c> {
        Folders {
            config,
            known: BTreeMap::new(),
        }
    }

    /// The names in a folder, given with `/` between folders; none if it cannot be read, or lies
    /// behind a link that is not followed.
    pub(super) fn names(&mut self, folder: &str) -> &BTreeSet<String> {
        let config = self.config;
        let listed = self.known.entry(folder.to_owned());
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

/// Opens a file beside a package, given by its path under `builds/`.
///
/// # Errors
/// If it is not a regular file there, or a link.
pub(super) fn open(config: &Config, path: &str) -> io::Result<File> {
    match config.follow_links {
        true => open_regular(&config.builds.join(path)),
        false => open_below(&config.builds, Path::new(path)),
    }
}

/// A path under `builds/`.
pub(super) fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Opens a text that is kept.
///
/// # Errors
/// As [`open`].
pub(super) fn open_kept(config: &Config, name: &str) -> io::Result<File> {
    open_below(&config.changelogs, Path::new(name))
}

/// The folder and the name of a path under `builds/`.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The names of the texts that are kept; none if there is no folder for them yet.
///
/// # Errors
/// [`Error::List`]: pages without the texts would take back what is published.
pub(super) fn list_kept(folder: &Path) -> Result<BTreeSet<String>, Error> {
    match list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        listed => listed.map_err(|source| Error::List {
            folder: folder.to_owned(),
            source,
        }),
    }
}

/// The visible names in a folder; packages are not among them.
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

/// How many full builds each folder has.
pub(super) fn num_full<'a>(builds: impl Iterator<Item = &'a Build>) -> BTreeMap<&'a str, usize> {
    let mut num_full: BTreeMap<&str, usize> = BTreeMap::new();
    for build in builds.filter(|build| build.kind == Kind::Full) {
        *num_full.entry(split(&build.path).0).or_default() += 1;
    }
    num_full
}

/// A text until it is whole, in the folder where it is to be kept.
const TEMPORARY: &str = ".romfeed-tmp";

/// Removes what a run that was killed left in the folder of kept texts.
pub(super) fn remove_leftover(folder: &Path) {
    // Mostly there is none, and it does no harm.
    let _ = std::fs::remove_file(folder.join(TEMPORARY));
}

/// Writes a text that is to be kept.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn keep(file: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        // What it is made from is there still.
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
