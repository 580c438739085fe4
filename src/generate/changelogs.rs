//! The changelogs of builds: beside their packages, and kept in a folder beside the catalog.
//!
//! In: the settings and the catalog. Out: a [`Gathered`], and on disk what is to be kept: zips
//! may be gone, or never have been, where the site is made again. What lies beside a zip goes
//! before what was kept of it. A changelog that cannot be read is a warning.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use rayon::prelude::*;

use super::Error;
use super::report::{Event, Report};
use super::sidecars::{self, Folders};
use crate::catalog::Catalog;
use crate::files::read_head;
use crate::markup::changelog::{self, Changelog, Changelogs, Format, MAX_SIZE};
use crate::model::build::{self, Build, Kind};
use crate::model::config::Config;
use digest_lanes::checksum_file;

/// What warnings on changelogs are about.
const SUBJECT: &str = "changelogs";

/// The changelogs of all builds.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By file name of the build.
    pub(super) changelogs: Changelogs,
    to_keep: Vec<Keep>,
}

/// A changelog that is not yet kept as it is.
#[derive(Debug)]
struct Keep {
    file: PathBuf,
    text: String,
    /// What was kept of the build in other formats.
    outdated: Vec<PathBuf>,
}

/// What was found of one build.
#[derive(Debug, Default)]
struct OfBuild {
    changelog: Option<Changelog>,
    keep: Option<Keep>,
    warnings: Vec<String>,
}

/// Gathers the changelogs of all full builds of a catalog; nothing is written.
pub(super) fn gather(
    config: &Config,
    catalog: &Catalog,
    kept: &BTreeSet<String>,
    report: &mut Report,
) -> Gathered {
    let mut folders = Folders::new(config);
    let builds = catalog.builds.values().map(|record| &record.build);
    let mut with_names = |build| {
        let names = names_beside(build, &mut folders);
        (build, names)
    };
    let builds: Vec<(&Build, Vec<(String, Format)>)> = builds
        .filter(|build| build.kind == Kind::Full)
        .map(&mut with_names)
        .collect();
    let found: Vec<(&Build, OfBuild)> = builds
        .into_par_iter()
        .map(|(build, names)| (build, find(config, build, &names, kept)))
        .collect();
    let mut gathered = Gathered::default();
    for (build, of_build) in found {
        let texts = of_build.warnings.into_iter();
        report.events.extend(texts.map(|text| Event::Warning {
            path: SUBJECT.to_owned(),
            text,
        }));
        gathered.to_keep.extend(of_build.keep);
        let filename = build.filename.clone();
        let changelog = of_build.changelog.map(|changelog| (filename, changelog));
        gathered.changelogs.extend(changelog);
    }
    if !gathered.to_keep.is_empty() {
        let num = gathered.to_keep.len();
        report.events.push(Event::ChangelogsKept(num));
    }
    gathered
}

/// The files beside a package that may be its changelog.
fn names_beside(build: &Build, folders: &mut Folders<'_>) -> Vec<(String, Format)> {
    let there = folders.names(sidecars::split(&build.path).0);
    let names = candidates(&build.filename).into_iter();
    names.filter(|(name, _)| there.contains(name)).collect()
}

/// The names that a changelog beside a package may have, the first going before the others.
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

/// The changelog of one build: the first of `names` beside it that is one, or what was kept.
fn find(
    config: &Config,
    build: &Build,
    names: &[(String, Format)],
    kept: &BTreeSet<String>,
) -> OfBuild {
    let mut found = OfBuild::default();
    let folder = sidecars::split(&build.path).0;
    let stem = build::bounded_stem(&build.filename);
    let of_format = |format: Format| (format!("{stem}.{}", format.extension()), format);
    let in_store = Format::ALL.map(of_format);
    let in_store: Vec<(String, Format)> = in_store
        .into_iter()
        .filter(|(name, _)| kept.contains(name))
        .collect();
    let read_beside = |name: &str| read(sidecars::open(config, &sidecars::join(folder, name))?);
    let read_kept = |name: &str| read(sidecars::open_kept(config, name)?);
    let beside = first(names, &read_beside, &mut found.warnings);
    let Some(changelog) = beside else {
        found.changelog = first(&in_store, &read_kept, &mut found.warnings);
        return found;
    };
    let name = format!("{stem}.{}", changelog.format.extension());
    let file = config.changelogs.join(&name);
    let others = in_store.iter().filter(|(other, _)| *other != name);
    let outdated: Vec<PathBuf> = others
        .map(|(other, _)| config.changelogs.join(other))
        .collect();
    let is_kept = read_kept(&name).is_ok_and(|bytes| bytes == changelog.text.as_bytes());
    found.keep = (!is_kept || !outdated.is_empty()).then(|| Keep {
        file,
        text: changelog.text.clone(),
        outdated,
    });
    found.changelog = Some(changelog);
    found
}

fn read(file: File) -> io::Result<Vec<u8>> {
    read_head(file, u64::try_from(MAX_SIZE).unwrap_or(u64::MAX))
}

/// The first of the files that has something to say.
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
        // Some publish digests under such a name.
        let is_digest = *format == Format::Text && checksum_file::is_list(&changelog.text);
        if !is_digest && !changelog.text.trim().is_empty() {
            return Some(changelog);
        }
    }
    None
}

/// Writes what is to be kept.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn keep(gathered: &Gathered) -> Result<(), Error> {
    for keep in &gathered.to_keep {
        sidecars::keep(&keep.file, &keep.text)?;
        let removed = keep.outdated.iter().try_for_each(std::fs::remove_file);
        removed.map_err(|source| Error::Write {
            file: keep.file.clone(),
            source,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beside_a_package_have_an_order() {
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
