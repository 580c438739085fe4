//! What a run found out, and what other processes have changed in the catalog meanwhile.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Catalogs};
use crate::model::build::Build;

/// What a run found out about builds, to be merged into the catalog.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The builds whose packages are there.
    pub(super) builds: Vec<Build>,
    /// Identities of builds whose packages are gone from their sources.
    pub(super) gone: BTreeSet<String>,
    /// Identities of builds and tombstones that other processes have changed since the catalog was loaded. The run
    /// knows only their earlier state, so they stay as they are until the next run.
    pub(super) changed: BTreeSet<String>,
}

impl Found {
    /// Drops what was found out about builds that have `changed` since; those in the catalog count as found, as they are
    /// there now.
    pub(super) fn without_changed(self, changed: &BTreeSet<String>, own: &Catalog) -> Found {
        let as_now = |build: Build| match changed.contains(build.identity()) {
            false => Some(build),
            true => Some(own.builds.get(build.identity())?.build.clone()),
        };
        Found {
            builds: self.builds.into_iter().filter_map(as_now).collect(),
            gone: &self.gone - changed,
            changed: changed.clone(),
        }
    }

    /// Drops builds of devices whose catalog was left out.
    pub(super) fn without_left_out(mut self, catalogs: &Catalogs) -> Found {
        let is_there = |build: &Build| catalogs.left_out(&build.device).is_none();
        self.builds.retain(is_there);
        self
    }
}
