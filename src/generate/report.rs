//! The report of a run: what it did or, with `--dry-run`, would do. Printed for people and as `--json`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::families::DeviceFamily;
use super::source_state::SourceState;
use crate::catalog::Catalog;
use crate::ingest;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::publish::page::Page;
use crate::publish::writer::{self, Comparer, Plan};

/// Subject of warnings about the folder of builds.
pub const BUILDS: &str = "builds";
/// Subject of warnings about feeds and pages.
pub(super) const FEEDS: &str = "feeds";

/// Something that was left out of the site.
#[derive(Debug)]
pub struct Fault {
    /// Path under `builds/`, or the path in the site for a foreign file.
    pub path: String,
    /// The kind of the fault.
    pub kind: FaultKind,
    /// What is wrong, with its causes.
    pub error: Box<dyn std::error::Error + Send + Sync>,
}

/// Something a run did or noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A build is new.
    Added(String),
    /// A build's facts changed.
    Updated {
        /// The build's path.
        path: String,
        /// What changed, as words.
        what: Vec<&'static str>,
    },
    /// A build moved to another channel.
    Moved {
        /// The build's path.
        path: String,
        /// The new channel: variant, device and romtype.
        to: String,
    },
    /// A zip that was missing is back.
    Returned(String),
    /// A build took the file name of another, which is no longer offered.
    Superseded(String),
    /// The zip of a build that the site itself should serve cannot be used, so this catalog no longer
    /// offers the build.
    Retired {
        /// The build's path.
        path: String,
        /// What happened to the zip.
        cause: Cause,
        /// Another catalog that still offers the build.
        offered_by: Option<String>,
    },
    /// A zip is missing here, but its build is still offered from its own address.
    Remote(String),
    /// A zip whose build was removed from the catalog; it is not added again.
    Buried(String),
    /// Two files have the same bytes.
    SameBytes {
        /// The path that is left out.
        path: String,
        /// The path that is published.
        of: String,
    },
    /// A sound zip that is not an update package (GApps, a module, target-files) and was never published.
    NotAnUpdate {
        /// The zip's path.
        path: String,
        /// What it is.
        what: String,
    },
    /// A sound build that is not offered now.
    Held {
        /// The build's path.
        path: String,
        /// Why.
        reason: String,
    },
    /// The number of changelogs that were, or would be, copied to the folder of changelogs.
    ChangelogsKept(usize),
    /// The number of builds whose projects were, or would be, written to that folder.
    ProjectsKept(usize),
    /// A warning; what it is about is published anyway.
    Warning {
        /// The build's path, or a subject such as `feeds`.
        path: String,
        /// The warning.
        text: String,
    },
}

/// What happened to the zip of a retired build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is no longer in the folder of builds.
    Gone,
    /// The settings exclude it.
    Excluded,
    /// It differs from the checksum file next to it; a fault has both digests.
    HashMismatch,
    /// It cannot be published as it is; a fault says why.
    Faulty,
    /// Another file has taken its place.
    Replaced,
}

/// What one step of a run did and left out.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) events: Vec<Event>,
    pub(super) faults: Vec<Fault>,
}

/// The result for one path under `builds/`.
pub(super) type PerPath<T> = (String, Result<T, ingest::Error>);

impl Log {
    /// Adds a warning about a path or a subject such as [`FEEDS`].
    pub(super) fn warn(&mut self, subject: &str, text: String) {
        let path = subject.to_owned();
        self.events.push(Event::Warning { path, text });
    }

    /// Adds a fault.
    pub(super) fn fault(&mut self, path: &str, kind: FaultKind, message: impl Into<String>) {
        self.faults.push(Fault {
            path: path.to_owned(),
            kind,
            error: message.into().into(),
        });
    }

    /// Returns the value of a step, and takes over its log.
    pub(super) fn take<T>(&mut self, (value, log): (T, Log)) -> T {
        self.append(log);
        value
    }

    /// Takes over another log.
    pub(super) fn append(&mut self, log: Log) {
        self.events.extend(log.events);
        self.faults.extend(log.faults);
    }

    /// Returns the successful results; each failure becomes a fault of its path.
    pub(super) fn take_successes<T>(&mut self, results: Vec<PerPath<T>>) -> Vec<T> {
        let mut successes = Vec::new();
        for (path, result) in results {
            match result {
                Ok(value) => successes.push(value),
                Err(error) => self.faults.push(Fault {
                    path,
                    kind: error.kind(),
                    error: error.into(),
                }),
            }
        }
        successes
    }
}

/// What a site, or a part of it, offers to phones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) num_offered: usize,
    pub(super) num_deltas: usize,
    pub(super) num_unlisted: usize,
    pub(super) devices: BTreeSet<String>,
    pub(super) variants: BTreeSet<Option<String>>,
    pub(super) families: BTreeSet<DeviceFamily>,
}

impl Totals {
    /// Adds those of another part.
    pub(super) fn append(&mut self, other: &Totals) {
        self.num_offered = self.num_offered.saturating_add(other.num_offered);
        self.num_deltas = self.num_deltas.saturating_add(other.num_deltas);
        self.num_unlisted = self.num_unlisted.saturating_add(other.num_unlisted);
        self.devices.extend(other.devices.iter().cloned());
        self.variants.extend(other.variants.iter().cloned());
        self.families.extend(other.families.iter().cloned());
    }
}

/// What a run did, or would do.
#[derive(Debug, Default)]
pub struct Report {
    /// What happened.
    pub events: Vec<Event>,
    /// What was left out.
    pub faults: Vec<Fault>,
    /// What the sources list.
    pub sources: Vec<SourceState>,
    /// What was, or would be, done to the site's files.
    pub plan: Plan,
    /// The catalog was, or would be, written.
    pub catalog_changed: bool,
    /// Number of builds offered to phones.
    pub num_offered: usize,
    /// Devices with an offered build.
    pub devices: BTreeSet<String>,
    /// Variants with an offered build; `None` stands for builds without a variant.
    pub variants: BTreeSet<Option<String>>,
    /// The ROM families of offered builds.
    pub families: BTreeSet<DeviceFamily>,
    /// The devices with builds in the catalogs, offered or not; empty if a run makes no site.
    pub known_devices: BTreeSet<String>,
    /// The release types of these builds, in lower case.
    pub known_romtypes: BTreeSet<String>,
    /// Number of deltas offered to phones.
    pub num_deltas: usize,
    /// Number of full builds that retention leaves out of the lists.
    pub num_unlisted: usize,
    /// The scan found no zip, so the site is made from the catalog alone.
    pub from_catalog_alone: bool,
    /// File names of the builds that stay offered in a site made from the catalog alone, although the
    /// site itself serves their zips and no zip was found.
    pub unseen: Vec<String>,
    /// Number of builds that are offered from elsewhere, besides those of [`Event::Remote`]: of devices that the run does
    /// not concern.
    pub num_elsewhere: usize,
    /// Neither the scan nor the catalog has anything to publish, so nothing is written.
    pub nothing_to_publish: bool,
    /// After a trial run, what a run would write.
    pub preview: Option<Preview>,
}

/// What a run would write.
#[derive(Debug)]
pub struct Preview {
    /// All catalogs as one.
    pub catalog: Catalog,
    /// The site.
    pub pages: Vec<Page>,
}

impl Preview {
    /// Writes the site to an empty folder.
    ///
    /// # Errors
    /// Those of [`writer::execute`].
    pub fn write(&self, folder: &Path) -> Result<(), writer::Error> {
        let lock = writer::open(folder, false)?;
        let builds = super::lost::names(&self.catalog).into_iter().collect();
        let pages = Comparer::in_memory(folder).compare(self.pages.clone())?;
        let plan = writer::plan(folder, &pages, None, builds, false)?;
        writer::execute(folder, &pages, &plan, &lock)
    }
}

impl Report {
    /// Returns the value of a step, and takes over its log.
    pub(super) fn take<T>(&mut self, (value, log): (T, Log)) -> T {
        self.append(log);
        value
    }

    /// Takes over the log of a step.
    pub(super) fn append(&mut self, log: Log) {
        self.events.extend(log.events);
        self.faults.extend(log.faults);
    }

    /// Sets what the site offers.
    pub(super) fn set_totals(&mut self, totals: Totals) {
        self.num_offered = totals.num_offered;
        self.num_deltas = totals.num_deltas;
        self.num_unlisted = totals.num_unlisted;
        self.devices = totals.devices;
        self.variants = totals.variants;
        self.families = totals.families;
    }

    pub(super) fn sort_faults(&mut self) {
        self.faults.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Returns whether nothing is written because the run is strict and something has a fault.
    #[must_use]
    pub fn is_refused(&self, config: &Config) -> bool {
        config.strict && !self.faults.is_empty()
    }

    /// Returns whether the site, the catalog or the stored changelogs are out of date.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let num_kept = self.num_changelogs_kept() + self.num_projects_kept();
        self.catalog_changed || !self.plan.is_empty() || num_kept > 0
    }

    /// Returns how many changelogs were, or would be, copied to the folder of changelogs.
    #[must_use]
    pub fn num_changelogs_kept(&self) -> usize {
        let numbers = self.events.iter().map(|event| match event {
            Event::ChangelogsKept(num) => *num,
            _ => 0,
        });
        numbers.sum()
    }

    /// Returns for how many builds projects were, or would be, written to the same folder.
    #[must_use]
    pub fn num_projects_kept(&self) -> usize {
        let numbers = self.events.iter().map(|event| match event {
            Event::ProjectsKept(num) => *num,
            _ => 0,
        });
        numbers.sum()
    }
}
