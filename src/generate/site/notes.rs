//! The texts about builds, part by part: changelogs, and the changes of source projects.
//!
//! In: stored copies, files next to packages, and what hosts were asked for before. Out: the texts about the builds of
//! a part, and a digest that changes with them; in the end, the copies to store.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::Metadata;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use digest_lanes::Stamp;

use super::super::error::Error;
use super::super::hash::hash;
use super::super::report::Log;
use super::super::sidecars::{self, Folders};
use super::super::{changelogs, projects};
use super::sketch::Sketch;
use crate::catalog::Catalog;
use crate::files::stamp_number;
use crate::ingest::projects::{History, Projects};
use crate::markup::changelog::Changelogs;
use crate::model::build::Build;
use crate::model::config::Config;
use crate::source::Folder;

/// The texts about all builds.
pub(in crate::generate) struct Notes<'a> {
    config: &'a Config,
    folders: Folders<'a>,
    stored: BTreeSet<String>,
    /// The changelogs of builds whose sources were listed.
    listed: changelogs::Gathered,
    /// The projects of builds whose stored copies differ, by identity.
    projects: BTreeMap<String, Projects>,
    /// Digests of the stored copies, by the hash of their stem.
    digests: HashMap<u64, u64>,
    folder_digests: Mutex<BTreeMap<String, u64>>,
    /// By the name of the part.
    found: Mutex<BTreeMap<String, Found>>,
}

/// What was found besides the texts themselves.
#[derive(Default)]
pub(in crate::generate) struct Found {
    pub(in crate::generate) changelogs: changelogs::Gathered,
    pub(super) projects: projects::Gathered,
    pub(super) log: Log,
}

/// The texts about the builds of a part.
pub(super) struct OfPart {
    pub(in crate::generate) changelogs: Changelogs,
    pub(super) history: History,
    /// Whether some text cannot be read.
    pub(super) has_warnings: bool,
}

impl<'a> Notes<'a> {
    /// Takes the texts that are here; nothing is read on hosts.
    ///
    /// # Errors
    /// [`Error::List`] if the stored copies cannot be listed.
    pub(in crate::generate) fn local(config: &'a Config) -> Result<Notes<'a>, Error> {
        let stored = sidecars::list_stored(&config.changelogs)?;
        let folders = Folders::new(config, None);
        let (listed, projects) = (changelogs::Gathered::default(), BTreeMap::new());
        Ok(Notes::new(config, folders, stored, listed, projects))
    }

    /// Takes the texts that are here and those that were read on hosts.
    pub(in crate::generate) fn new(
        config: &'a Config,
        folders: Folders<'a>,
        stored: BTreeSet<String>,
        listed: changelogs::Gathered,
        projects: BTreeMap<String, Projects>,
    ) -> Notes<'a> {
        let mut digests: HashMap<u64, u64> = HashMap::new();
        for name in &stored {
            let stem = name.rsplit_once('.').map_or(&**name, |(stem, _)| stem);
            let of_stem = digests.entry(hash(stem)).or_default();
            *of_stem = hash(&(*of_stem, name, state(&config.changelogs.join(name))));
        }
        Notes {
            config,
            folders,
            stored,
            listed,
            projects,
            digests,
            folder_digests: Mutex::default(),
            found: Mutex::default(),
        }
    }

    /// Returns a digest of all that the texts about the builds of a file are made from; none if some of these are new,
    /// and so not stored yet.
    pub(super) fn digest(&self, sketch: &Sketch, new: &NewTexts) -> Option<u64> {
        let is_new = |hashes: &[u64], new: &HashSet<u64>| {
            !new.is_empty() && hashes.iter().any(|hash| new.contains(hash))
        };
        if is_new(&sketch.stems.0, &new.stems) || is_new(&sketch.ids.0, &new.ids) {
            return None;
        }
        let stored: Vec<Option<&u64>> = match self.digests.is_empty() {
            true => Vec::new(),
            false => sketch
                .stems
                .0
                .iter()
                .map(|stem| self.digests.get(stem))
                .collect(),
        };
        let folders = sketch
            .folders
            .iter()
            .map(|folder| self.folder_digest(folder));
        Some(hash(&(stored, folders.collect::<Vec<_>>())))
    }

    /// Returns a digest of the files next to the packages of a folder.
    fn folder_digest(&self, folder: &str) -> u64 {
        let mut known = self
            .folder_digests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = known.get(folder) {
            return *digest;
        }
        let local = &self.folders.local;
        let names = local.names(folder);
        let files = names.iter().map(|name| {
            let path = crate::source::join(folder, name);
            (name, state(&local.file(&path)))
        });
        let digest = hash(&files.collect::<Vec<_>>());
        known.insert(folder.to_owned(), digest);
        digest
    }

    /// Returns what is not stored yet.
    pub(super) fn new_texts(&self) -> NewTexts {
        NewTexts {
            stems: self.listed.new_stems().map(hash).collect(),
            ids: self
                .projects
                .keys()
                .map(|identity| hash(&**identity))
                .collect(),
        }
    }

    fn changelogs<'b>(
        &self,
        builds: impl Iterator<Item = &'b Build>,
    ) -> (changelogs::Gathered, Log) {
        let (listed, others): (Vec<&Build>, Vec<&Build>) =
            builds.partition(|build| self.folders.has_listed(build));
        let nothing = BTreeSet::new();
        let (mut gathered, log) =
            changelogs::gather(self.config, others, &self.stored, &self.folders, &nothing);
        let known = listed.into_iter().filter_map(|build| {
            let changelog = self.listed.changelogs.get(&build.filename)?;
            Some((build.filename.clone(), changelog.clone()))
        });
        gathered.changelogs.extend(known);
        (gathered, log)
    }

    /// Returns the changelogs of some builds.
    pub(super) fn of_builds(&self, builds: &[&Build]) -> Changelogs {
        self.changelogs(builds.iter().copied()).0.changelogs
    }

    /// Returns the changes of projects in the builds of a part.
    pub(super) fn history(&self, part: &Catalog) -> History {
        projects::gather(self.config, part, &self.projects, &self.stored).history
    }

    /// Returns the texts about the builds of a part with this name, and remembers what is to be stored of them.
    pub(super) fn of_part(&self, name: &str, part: &Catalog) -> OfPart {
        let builds = part.builds.values().map(|record| &record.build);
        let (mut changelogs, log) = self.changelogs(builds);
        let mut projects = projects::gather(self.config, part, &self.projects, &self.stored);
        let texts = OfPart {
            changelogs: std::mem::take(&mut changelogs.changelogs),
            history: std::mem::take(&mut projects.history),
            has_warnings: !log.events.is_empty(),
        };
        let found = Found {
            changelogs,
            projects,
            log,
        };
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), found);
        texts
    }

    /// Returns what was found besides the texts.
    pub(super) fn into_found(self) -> Found {
        let of_parts = self
            .found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut found = Found::default();
        for of_part in of_parts.into_values() {
            found.changelogs.append(of_part.changelogs);
            found.projects.append(of_part.projects);
            found.log.append(of_part.log);
        }
        found.changelogs.append(self.listed);
        let num_changelogs = found.changelogs.count_kept();
        let num_projects = found.projects.count_kept();
        found.log.events.extend(num_changelogs);
        found.log.events.extend(num_projects);
        found
    }
}

/// Hashes of the builds with texts that are not stored yet: of the stems of their file names, and of identities.
#[derive(Default)]
pub(super) struct NewTexts {
    stems: HashSet<u64>,
    ids: HashSet<u64>,
}

/// Returns a number that changes with a file, as far as the system tells; links are followed.
fn state(file: &Path) -> u64 {
    let metadata = std::fs::metadata(file).ok();
    let stamp = metadata
        .as_ref()
        .filter(|m: &&Metadata| m.is_file())
        .map(Stamp::of);
    hash(&stamp.map(stamp_number))
}
