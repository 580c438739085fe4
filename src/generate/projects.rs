//! The projects that builds were made from, and which changed from build to build.
//!
//! In: builds whose packages were read, manifests beside them, and what was kept in the folder of
//! changelogs. Out: a [`Gathered`], and on disk what is to be kept: `<zip stem>.projects` for each
//! build. What changed is told by that folder alone, so a site made without the zips has the same.
//! What lies beside a zip goes before what was kept of it, and that before what is in the zip,
//! unless the build is new. A manifest that cannot be read is a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;

use super::Error;
use super::report::{Event, Report};
use super::require::Hashed;
use super::sidecars::{self, Folders};
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Catalog, Catalogs};
use crate::files::read_head;
use crate::ingest::projects::manifest::{self, MAX_SIZE};
use crate::ingest::projects::{self, History, MAX_TEXT_LEN, Projects, Since};
use crate::model::build::{self, Build, Kind};
use crate::model::config::Config;
use ota_view::error_kind::chain;

/// What a manifest is called that lies beside the only full package of a folder.
const SHARED: &str = "build-manifest.xml";
/// Most changes of one build that are shown.
const MAX_CHANGES: usize = 100;

/// What is known of the projects of all builds.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// What changed in which build.
    pub(super) history: History,
    to_keep: Vec<(PathBuf, Projects)>,
}

/// The name of the file that keeps the projects of a package.
pub(super) fn kept_name(filename: &str) -> String {
    format!("{}.projects", build::bounded_stem(filename))
}

/// The projects that are told now, by packages or beside them, by the identity of the build.
pub(super) fn find(
    config: &Config,
    builds: &mut [Hashed],
    catalogs: &Catalogs,
    kept: &BTreeSet<String>,
    report: &mut Report,
) -> BTreeMap<String, Projects> {
    let names = names_beside(config, builds);
    // What was kept of a known build may be from beside its zip, or written by hand.
    let is_settled = |build: &Build| {
        catalogs.knows(build.identity()) && kept.contains(&kept_name(&build.filename))
    };
    let read = |(hashed, name): (&mut Hashed, Option<String>)| {
        let inside = hashed.projects.take();
        let inside = inside.filter(|_| !is_settled(&hashed.build));
        let beside = name.map(|path| read_manifest(config, &path)).transpose();
        let (beside, fault) = match beside {
            Ok(beside) => (beside, None),
            Err(fault) => (None, Some((hashed.build.path.clone(), fault))),
        };
        let identity = hashed.build.identity().to_owned();
        let found = beside.or(inside).map(|projects| (identity, projects));
        (found, fault)
    };
    let found: Vec<_> = builds.par_iter_mut().zip(names).map(read).collect();
    let (found, faults): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let faults = faults.into_iter().flatten();
    let warnings = faults.map(|(path, text)| Event::Warning { path, text });
    report.events.extend(warnings);
    found.into_iter().flatten().collect()
}

/// The manifest beside each package.
fn names_beside(config: &Config, builds: &[Hashed]) -> Vec<Option<String>> {
    let num_full = sidecars::num_full(builds.iter().map(|hashed| &hashed.build));
    let mut folders = Folders::new(config);
    let mut of_build = |build: &Build| {
        let (folder, filename) = sidecars::split(&build.path);
        let own = format!("{}.manifest.xml", build::stem(filename));
        let is_alone = num_full.get(folder) == Some(&1);
        let there = folders.names(folder);
        let shared = Some(SHARED.to_owned()).filter(|_| is_alone);
        let mut names = [Some(own), shared].into_iter().flatten();
        let name = names.find(|name| there.contains(name))?;
        Some(sidecars::join(folder, &name)).filter(|_| build.kind == Kind::Full)
    };
    builds
        .iter()
        .map(|hashed| of_build(&hashed.build))
        .collect()
}

fn read_manifest(config: &Config, path: &str) -> Result<Projects, String> {
    let name = sidecars::split(path).1;
    let fail = |error: &dyn std::fmt::Display| {
        let name = name.escape_debug();
        format!("{name} cannot be read, so it is left out: {error}")
    };
    let read = sidecars::open(config, path).and_then(|file| read_head(file, MAX_SIZE));
    let bytes = read.map_err(|error| fail(&error))?;
    manifest::parse(&bytes).map_err(|error| fail(&chain(&error)))
}

/// Brings together what was found now and what is kept; nothing is written.
pub(super) fn gather(
    config: &Config,
    catalog: &Catalog,
    mut found: BTreeMap<String, Projects>,
    kept: &BTreeSet<String>,
    report: &mut Report,
) -> Gathered {
    let mut channels: BTreeMap<ChannelKey, Vec<(&Build, Option<Projects>)>> = BTreeMap::new();
    for record in catalog.builds.values() {
        let build = &record.build;
        let found = found.remove(build.identity());
        let is_known = found.is_some() || kept.contains(&kept_name(&build.filename));
        if is_known && build.kind == Kind::Full {
            let channel = channels.entry(ChannelKey::from_build(build)).or_default();
            channel.push((build, found));
        }
    }
    let channels: Vec<Gathered> = channels
        .into_values()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|channel| of_lane(config, channel, kept))
        .collect();
    let mut gathered = Gathered::default();
    for channel in channels {
        gathered.history.extend(channel.history);
        gathered.to_keep.extend(channel.to_keep);
    }
    if !gathered.to_keep.is_empty() {
        let num = gathered.to_keep.len();
        report.events.push(Event::ProjectsKept(num));
    }
    gathered
}

/// The builds of one channel: what changed from each to the next. Two of them are held at a time.
fn of_lane(
    config: &Config,
    mut builds: Vec<(&Build, Option<Projects>)>,
    kept: &BTreeSet<String>,
) -> Gathered {
    builds.sort_by_key(|(build, _)| (build.timestamp, &build.path));
    let mut gathered = Gathered::default();
    let mut before: Option<(i64, Projects)> = None;
    for (build, found) in builds {
        let name = kept_name(&build.filename);
        let file = config.changelogs.join(&name);
        let text = match kept.contains(&name) {
            true => read_kept(config, &name),
            false => None,
        };
        if let Some(found) = &found
            && text.as_deref() != Some(found.as_str())
        {
            gathered.to_keep.push((file, found.clone()));
        }
        let projects = found.or_else(|| Some(Projects::parse(&text?)));
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

/// What was kept, if it is a text; whoever wrote it otherwise did not mean it for us.
fn read_kept(config: &Config, name: &str) -> Option<String> {
    let limit = u64::try_from(MAX_TEXT_LEN).unwrap_or(u64::MAX);
    let bytes = read_head(sidecars::open_kept(config, name).ok()?, limit).ok()?;
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

/// Writes what is to be kept.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn keep(gathered: &Gathered) -> Result<(), Error> {
    let mut to_keep = gathered.to_keep.iter();
    to_keep.try_for_each(|(file, projects)| sidecars::keep(file, projects.as_str()))
}
