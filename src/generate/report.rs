//! What a run did, or would do: for people and for `--json`.

use std::collections::BTreeSet;

use crate::model::fault_kind::FaultKind;
use crate::publish::writer::Plan;

/// Something that was left out of the site.
#[derive(Debug)]
pub struct Fault {
    /// Path under `builds/`, or the path in the site for a foreign file.
    pub path: String,
    /// The class of the fault.
    pub class: FaultKind,
    /// What is wrong, with its causes.
    pub error: Box<dyn std::error::Error + Send + Sync>,
}

impl Fault {
    pub(super) fn message(path: &str, class: FaultKind, message: String) -> Fault {
        Fault {
            path: path.to_owned(),
            class,
            error: message.into(),
        }
    }
}

/// Something a run did or noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A build is new.
    Added(String),
    /// A build's facts changed.
    Updated(String),
    /// A build is published in another place than before.
    Moved {
        /// The build's path.
        path: String,
        /// The new place: variant, device and romtype.
        to: String,
    },
    /// A zip that was gone is back.
    Returned(String),
    /// A build took the file name of another, which is offered no more.
    Superseded(String),
    /// A zip is gone, and the site was to serve it: offered no more.
    Retired(String),
    /// A zip is gone, and is still offered from its own address.
    Remote(String),
    /// A zip was removed from the catalog once, and is not taken up again.
    Buried(String),
    /// The same bytes under a second name.
    SameBytes {
        /// The name left out.
        path: String,
        /// The name published.
        of: String,
    },
    /// A sound zip that is no update package (GApps, a module, target-files), and was never published.
    NotAnUpdate {
        /// The zip's path.
        path: String,
        /// What it is.
        what: String,
    },
    /// A build that is sound and is not offered now.
    Held {
        /// The build's path.
        path: String,
        /// Why.
        reason: String,
    },
    /// So many changelogs were, or would be, copied to the folder where they are kept.
    ChangelogsKept(usize),
    /// The projects of so many builds were, or would be, written there.
    ProjectsKept(usize),
    /// A doubt about a build that is published all the same.
    Warning {
        /// The build's path.
        path: String,
        /// The doubt.
        text: String,
    },
}

/// What a run did, or would do.
#[derive(Debug, Default)]
pub struct Report {
    /// What happened to which build.
    pub events: Vec<Event>,
    /// What was left out.
    pub faults: Vec<Fault>,
    /// What was, or would be, done to the site's files.
    pub plan: Plan,
    /// The catalog was, or would be, written.
    pub catalog_changed: bool,
    /// Builds phones are offered.
    pub num_offered: usize,
    /// Devices with an offered build.
    pub devices: BTreeSet<String>,
    /// Variants with an offered build; none is the builds without one.
    pub variants: BTreeSet<Option<String>>,
    /// Deltas phones are offered.
    pub num_deltas: usize,
    /// Full builds that retention leaves out of the lists.
    pub num_unlisted: usize,
    /// The scan found no zip, so that the catalog alone makes the site.
    pub from_catalog_alone: bool,
    /// Neither scan nor catalog has anything to publish, so nothing is written.
    pub nothing_to_publish: bool,
}

impl Report {
    pub(super) fn sort_faults(&mut self) {
        self.faults.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// The site, the catalog or what is kept beside it is not what it should be.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let num_kept = self.num_changelogs_kept() + self.num_projects_kept();
        self.catalog_changed || !self.plan.is_empty() || num_kept > 0
    }

    /// Changelogs that were, or would be, copied to the folder where they are kept.
    #[must_use]
    pub fn num_changelogs_kept(&self) -> usize {
        let kept = self.events.iter().map(|event| match event {
            Event::ChangelogsKept(num) => *num,
            _ => 0,
        });
        kept.sum()
    }

    /// Builds whose projects were, or would be, written to the same folder.
    #[must_use]
    pub fn num_projects_kept(&self) -> usize {
        let kept = self.events.iter().map(|event| match event {
            Event::ProjectsKept(num) => *num,
            _ => 0,
        });
        kept.sum()
    }
}
