//! The changelogs of builds: files next to packages, and copies in a folder next to the catalog.
//!
//! In: the settings and the catalog. Out: a [`Gathered`], whose copies [`store`] writes, because the
//! site may be generated later without the zips. A file next to a zip takes precedence over its
//! stored copy. A changelog that cannot be read is a warning.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::Error;
use super::report::{Event, Log};
use super::sidecars::{self, Beside, Folders};
use crate::files::{Place, read_head};
use crate::markup::changelog::{self, Changelog, Changelogs, Format, MAX_SIZE};
use crate::model::build::{self, Build, Kind};
use crate::model::config::Config;
use digest_lanes::checksum_file;

/// Subject of warnings about changelogs.
const SUBJECT: &str = "changelogs";

/// The changelogs of all builds.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By file name of the build.
    pub(super) changelogs: Changelogs,
    /// Identities of builds with a file on another host that could not be read.
    pub(super) unread: Vec<String>,
    to_store: Vec<NewCopy>,
}

/// A changelog whose stored copy is missing or differs.
#[derive(Debug)]
struct NewCopy {
    file: PathBuf,
    text: String,
    /// Stored copies in other formats, to be removed.
    outdated: Vec<PathBuf>,
}

/// The changelog of one build.
#[derive(Debug, Default)]
struct FoundChangelog {
    changelog: Option<Changelog>,
    to_store: Option<NewCopy>,
    is_unread: bool,
    warnings: Vec<String>,
}

impl Gathered {
    /// Adds those of other builds.
    pub(super) fn append(&mut self, others: Gathered) {
        self.changelogs.extend(others.changelogs);
        self.unread.extend(others.unread);
        self.to_store.extend(others.to_store);
    }

    /// Returns the stems of the copies to store.
    pub(super) fn new_stems(&self) -> impl Iterator<Item = &str> {
        let stems = self.to_store.iter().map(|copy| copy.file.file_stem());
        stems.filter_map(|stem| stem?.to_str())
    }

    /// Reports how many copies are to be stored, if any.
    pub(super) fn count_kept(&self) -> Option<Event> {
        let num = self.to_store.len();
        (num > 0).then_some(Event::ChangelogsKept(num))
    }
}

/// Gathers the changelogs of the full ones of some builds; nothing is written. `changed` are the paths of builds
/// on other hosts that are new or have other files next to them than before.
pub(super) fn gather(
    config: &Config,
    mut builds: Vec<&Build>,
    stored: &BTreeSet<String>,
    folders: &Folders<'_>,
    changed: &BTreeSet<&str>,
) -> (Gathered, Log) {
    builds.retain(|build| build.kind == Kind::Full);
    let found: Vec<(&Build, FoundChangelog)> = builds
        .into_par_iter()
        .map(|build| {
            let is_changed = changed.contains(&*build.path);
            (build, find(config, build, folders, stored, is_changed))
        })
        .collect();
    let (mut gathered, mut log) = (Gathered::default(), Log::default());
    for (build, found) in found {
        for text in found.warnings {
            log.warn(SUBJECT, text);
        }
        gathered.to_store.extend(found.to_store);
        let unread = found.is_unread.then(|| build.identity().to_owned());
        gathered.unread.extend(unread);
        let filename = build.filename.clone();
        let changelog = found.changelog.map(|changelog| (filename, changelog));
        gathered.changelogs.extend(changelog);
    }
    (gathered, log)
}

/// Returns the possible names of a changelog next to a package; earlier ones take precedence.
fn candidates(filename: &str) -> Vec<(String, Format)> {
    let stem = build::stem(filename);
    let of_format = |format: Format| {
        let end = format.extension();
        [
            format!("{stem}.{end}"),
            format!("{filename}.{end}"),
            format!("{stem}.changelog.{end}"),
        ]
        .map(|name| (name, format))
    };
    let mut names: Vec<(String, Format)> = Format::ALL.into_iter().flat_map(of_format).collect();
    names.extend(
        [
            format!("Changelog-{stem}.txt"),
            format!("Changelog-{filename}.txt"),
            format!("{stem}-changelog.txt"),
        ]
        .map(|name| (name, Format::Text)),
    );
    names
}

/// Finds the changelog of one build: the first usable file next to its package, or else the text of its
/// release, or else the stored copy.
fn find(
    config: &Config,
    build: &Build,
    folders: &Folders<'_>,
    stored: &BTreeSet<String>,
    is_changed: bool,
) -> FoundChangelog {
    let mut found = FoundChangelog::default();
    let stem = build::bounded_stem(&build.filename);
    let of_format = |format: Format| (format!("{stem}.{}", format.extension()), format);
    let formats = Format::ALL.into_iter().filter(|_| !stored.is_empty());
    let copies = formats.map(of_format);
    let copies: Vec<(String, Format)> = copies.filter(|(name, _)| stored.contains(name)).collect();
    let read_stored = |name: &str| read(sidecars::open_stored(config, name)?);
    let beside = folders.beside(build).and_then(|beside| {
        let is_known = beside.is_remote && !copies.is_empty() && !is_changed;
        let read = read_beside(&beside, is_known, &mut found.warnings);
        found.is_unread = beside.is_remote && !found.warnings.is_empty();
        read
    });
    let Some(changelog) = beside else {
        found.changelog = first(&copies, &read_stored, &mut found.warnings);
        return found;
    };
    let name = format!("{stem}.{}", changelog.format.extension());
    let file = config.changelogs.join(&name);
    let others = copies.iter().filter(|(other, _)| *other != name);
    let outdated: Vec<PathBuf> = others
        .map(|(other, _)| config.changelogs.join(other))
        .collect();
    let is_stored = read_stored(&name).is_ok_and(|bytes| bytes == changelog.text.as_bytes());
    found.to_store = (!is_stored || !outdated.is_empty()).then(|| NewCopy {
        file,
        text: changelog.text.clone(),
        outdated,
    });
    found.changelog = Some(changelog);
    found
}

/// Reads the changelog next to a package, or else the text of its release. A file that `is_known` is not read
/// again: there is a copy of it.
fn read_beside(
    beside: &Beside<'_>,
    is_known: bool,
    warnings: &mut Vec<String>,
) -> Option<Changelog> {
    let there = beside.names();
    let names = match there.is_empty() {
        true => Vec::new(),
        false => candidates(beside.filename()),
    };
    let names = names.into_iter();
    let names: Vec<_> = names.filter(|(name, _)| there.contains(name)).collect();
    if is_known && !names.is_empty() {
        return None;
    }
    let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX);
    let file = first(&names, &|name| beside.read(name, limit), warnings);
    file.or_else(|| {
        let notes = beside.notes()?;
        let changelog = changelog::decode(notes.as_bytes(), Format::Markdown);
        Some(changelog).filter(|changelog| !changelog.text.trim().is_empty())
    })
}

fn read(file: File) -> io::Result<Vec<u8>> {
    read_head(file, u64::try_from(MAX_SIZE).unwrap_or(u64::MAX))
}

/// Returns the first file that can be read and has text.
fn first(
    names: &[(String, Format)],
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    warnings: &mut Vec<String>,
) -> Option<Changelog> {
    for (name, format) in names {
        let bytes = match read(name) {
            Ok(bytes) => bytes,
            Err(error) => {
                let name = name.escape_debug();
                warnings.push(format!("{name} cannot be read, so it is left out: {error}"));
                continue;
            }
        };
        let changelog = changelog::decode(&bytes, *format);
        // Digests are sometimes published under such a name.
        let is_digest = *format == Format::Text && checksum_file::is_list(&changelog.text);
        if !is_digest && !changelog.text.trim().is_empty() {
            return Some(changelog);
        }
    }
    None
}

/// Writes the copies, and removes outdated ones; only those whose file is wanted.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn store(
    place: &dyn Place,
    gathered: &Gathered,
    is_wanted: &dyn Fn(&Path) -> bool,
) -> Result<(), Error> {
    let copies = gathered.to_store.iter();
    for copy in copies.filter(|copy| is_wanted(&copy.file)) {
        sidecars::store(place, &copy.file, &copy.text)?;
        for file in &copy.outdated {
            match place.remove(file) {
                // Another process has removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(|source| Error::Write {
                    file: file.clone(),
                    source,
                })?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_changelogs_have_an_order() {
        let names: Vec<String> = candidates("x.ZIP")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "x.md",
                "x.ZIP.md",
                "x.changelog.md",
                "x.html",
                "x.ZIP.html",
                "x.changelog.html",
                "x.txt",
                "x.ZIP.txt",
                "x.changelog.txt",
                "Changelog-x.txt",
                "Changelog-x.ZIP.txt",
                "x-changelog.txt",
            ]
        );
    }
}
