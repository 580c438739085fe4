//! The source projects that builds were made from, and which changed from build to build.
//!
//! In: builds whose packages were read, manifests next to them, and copies stored in the folder of
//! changelogs. Out: a [`Gathered`], whose copies [`store`] writes: `<zip stem>.projects` for each
//! build. The changes shown come from that folder alone, so a site generated without the zips shows
//! the same. A file next to a zip takes precedence over the stored copy, and that over the manifest
//! in the zip, unless the build is new. A manifest that cannot be read is a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::Error;
use super::report::{Event, Log};
use super::sidecars::{self, Beside, Folders};
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Catalog, Catalogs};
use crate::files::{Place, read_head};
use crate::ingest::projects::manifest::{self, MAX_SIZE};
use crate::ingest::projects::{self, History, MAX_TEXT_LEN, Projects, Since};
use crate::model::build::{self, Build, Kind};
use crate::model::config::Config;
use crate::source;
use ota_view::error_kind::chain;

/// Name of the manifest next to the only full package of a folder.
const SHARED: &str = "build-manifest.xml";
/// Most changes of one build that are shown.
const MAX_CHANGES: usize = 100;

/// The projects of all builds.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The changes in each build.
    pub(super) history: History,
    to_store: Vec<(PathBuf, Projects)>,
}

/// Returns the name of the stored copy of a package's projects.
pub(super) fn stored_name(filename: &str) -> String {
    format!("{}.projects", build::bounded_stem(filename))
}

/// A build whose projects may be known, and those that were read from its package.
pub(super) type ReadProjects<'b> = (&'b Build, Option<Projects>);

/// What was found of the projects of builds.
#[derive(Default)]
pub(super) struct Found {
    /// By the identity of the build.
    pub(super) projects: BTreeMap<String, Projects>,
    /// Paths of the builds whose manifest could not be read.
    pub(super) unread: BTreeSet<String>,
}

/// Collects the projects read in this run, from packages or files next to them; `num_full` is the number of full
/// builds in each folder.
pub(super) fn find(
    builds: Vec<ReadProjects<'_>>,
    catalogs: &Catalogs,
    stored: &BTreeSet<String>,
    folders: &Folders<'_>,
    num_full: &BTreeMap<String, usize>,
) -> (Found, Log) {
    // The stored copy of a known build may come from a file next to its zip, or be edited by hand.
    let is_known = |build: &Build| {
        catalogs.knows(build.identity()) && stored.contains(&stored_name(&build.filename))
    };
    let read = |(build, inside): ReadProjects<'_>| {
        let inside = inside.filter(|_| !is_known(build));
        let sidecar = read_sidecar(folders, build, num_full).transpose();
        let (sidecar, warning) = match sidecar {
            Ok(sidecar) => (sidecar, None),
            Err(warning) => (None, Some((build.path.clone(), warning))),
        };
        let identity = build.identity().to_owned();
        let found = sidecar.or(inside).map(|projects| (identity, projects));
        (found, warning)
    };
    let read: Vec<_> = builds.into_par_iter().map(read).collect();
    let (mut found, mut log) = (Found::default(), Log::default());
    for (projects, warning) in read {
        found.projects.extend(projects);
        if let Some((path, text)) = warning {
            log.warn(&path, text);
            found.unread.insert(path);
        }
    }
    (found, log)
}

/// Reads the manifest next to a package, if there is one.
fn read_sidecar(
    folders: &Folders<'_>,
    build: &Build,
    num_full: &BTreeMap<String, usize>,
) -> Option<Result<Projects, String>> {
    let beside = folders.beside(build).filter(|_| build.kind == Kind::Full)?;
    let own = format!("{}.manifest.xml", build::stem(beside.filename()));
    let is_alone = num_full.get(source::split(&build.path).0) == Some(&1);
    let shared = Some(SHARED.to_owned()).filter(|_| is_alone);
    let there = beside.names();
    let mut names = [Some(own), shared].into_iter().flatten();
    let name = names.find(|name| there.contains(name))?;
    Some(read_manifest(&beside, &name))
}

fn read_manifest(beside: &Beside<'_>, name: &str) -> Result<Projects, String> {
    let fail = |error: &dyn std::fmt::Display| {
        let name = name.escape_debug();
        format!("{name} cannot be read, so it is left out: {error}")
    };
    let bytes = beside.read(name, MAX_SIZE).map_err(|error| fail(&error))?;
    manifest::parse(&bytes).map_err(|error| fail(&chain(&error)))
}

impl Gathered {
    /// Adds those of other builds.
    pub(super) fn append(&mut self, others: Gathered) {
        self.history.extend(others.history);
        self.to_store.extend(others.to_store);
    }

    /// Reports how many copies are to be stored, if any.
    pub(super) fn count_kept(&self) -> Option<Event> {
        let num = self.to_store.len();
        (num > 0).then_some(Event::ProjectsKept(num))
    }
}

/// Returns those of the projects found in this run that are not in the stored copies.
pub(super) fn not_stored(
    config: &Config,
    catalog: &Catalog,
    mut found: BTreeMap<String, Projects>,
    stored: &BTreeSet<String>,
) -> BTreeMap<String, Projects> {
    found.retain(|identity, projects| {
        let record = catalog.builds.get(identity);
        let name = record.map(|record| stored_name(&record.build.filename));
        let name = name.filter(|name| stored.contains(name));
        let text = name.and_then(|name| read_stored(config, &name));
        text.as_deref() != Some(projects.as_str())
    });
    found
}

/// Combines the projects found in this run with the stored copies; writes nothing.
pub(super) fn gather(
    config: &Config,
    catalog: &Catalog,
    found: &BTreeMap<String, Projects>,
    stored: &BTreeSet<String>,
) -> Gathered {
    if found.is_empty() && stored.is_empty() {
        return Gathered::default();
    }
    let mut channels: BTreeMap<ChannelKey, Vec<(&Build, Option<&Projects>)>> = BTreeMap::new();
    for record in catalog.builds.values() {
        let build = &record.build;
        let found = found.get(build.identity());
        let is_known = found.is_some() || stored.contains(&stored_name(&build.filename));
        if is_known && build.kind == Kind::Full {
            let channel = channels.entry(ChannelKey::from_build(build)).or_default();
            channel.push((build, found));
        }
    }
    let channels: Vec<Gathered> = channels
        .into_values()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|channel| changes_of_channel(config, channel, stored))
        .collect();
    let mut gathered = Gathered::default();
    channels
        .into_iter()
        .for_each(|channel| gathered.append(channel));
    gathered
}

/// Returns what changed from build to build of one channel. Only two builds' projects are in memory
/// at a time.
fn changes_of_channel(
    config: &Config,
    mut builds: Vec<(&Build, Option<&Projects>)>,
    stored: &BTreeSet<String>,
) -> Gathered {
    builds.sort_by_key(|(build, _)| (build.timestamp, &build.path));
    let mut gathered = Gathered::default();
    let mut before: Option<(i64, Projects)> = None;
    for (build, found) in builds {
        let name = stored_name(&build.filename);
        let file = config.changelogs.join(&name);
        let text = match stored.contains(&name) {
            true => read_stored(config, &name),
            false => None,
        };
        if let Some(found) = found
            && text.as_deref() != Some(found.as_str())
        {
            gathered.to_store.push((file, found.clone()));
        }
        let projects = found.cloned().or_else(|| Some(Projects::parse(&text?)));
        let Some(projects) = projects.filter(|projects| !projects.is_empty()) else {
            continue;
        };
        if let Some((timestamp, before)) = &before {
            let since = since(*timestamp, before, &projects);
            gathered.history.insert(build.filename.clone(), since);
        }
        before = Some((build.timestamp, projects));
    }
    gathered
}

/// Reads a stored copy; a file that is not UTF-8 text is ignored.
fn read_stored(config: &Config, name: &str) -> Option<String> {
    let limit = u64::try_from(MAX_TEXT_LEN).unwrap_or(u64::MAX);
    let bytes = read_head(sidecars::open_stored(config, name).ok()?, limit).ok()?;
    String::from_utf8(bytes).ok()
}

fn since(timestamp: i64, before: &Projects, projects: &Projects) -> Since {
    let mut changes = projects::diff(before, projects);
    let num_more = changes.len().saturating_sub(MAX_CHANGES);
    changes.truncate(MAX_CHANGES);
    Since {
        timestamp,
        changes,
        num_more,
    }
}

/// Writes the copies whose file is wanted.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn store(
    place: &dyn Place,
    gathered: &Gathered,
    is_wanted: &dyn Fn(&Path) -> bool,
) -> Result<(), Error> {
    let to_store = gathered.to_store.iter();
    let mut to_store = to_store.filter(|(file, _)| is_wanted(file));
    to_store.try_for_each(|(file, projects)| sidecars::store(place, file, projects.as_str()))
}
