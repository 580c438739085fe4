//! What lies beside packages: names, listed once for each folder, and the beginnings of files; and
//! how a copy of it is kept.
//!
//! In: a folder. Out: names of visible files, and bytes. A name that is no UTF-8 is nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Error;
use crate::build::{Build, Kind};
use crate::io::{Durability, replace};

/// The folders below one, each listed when it is first asked for.
#[derive(Debug)]
pub(super) struct Folders {
    root: PathBuf,
    known: BTreeMap<String, BTreeSet<String>>,
}

impl Folders {
    pub(super) fn new(root: &Path) -> Folders {
        Folders {
            root: root.to_owned(),
            known: BTreeMap::new(),
        }
    }

    /// The names in a folder, given with `/` between folders; none if it cannot be read.
    pub(super) fn names(&mut self, folder: &str) -> &BTreeSet<String> {
        let (root, key) = (&self.root, folder.to_owned());
        let listed = self.known.entry(key);
        listed.or_insert_with(|| list(&root.join(folder)).unwrap_or_default())
    }
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

/// The first `limit` bytes of a file, and one more if there are more.
///
/// # Errors
/// If it cannot be read, or is no regular file: a pipe would make the run wait.
pub(super) fn read_head(file: &Path, limit: usize) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(file)?
        .take(limit)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
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
