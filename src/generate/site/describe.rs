//! The descriptions of parts of a site, made while their builds are in memory.
//!
//! In: the catalog of a part. Out: its channels, and its [`Overview`]. A file that is read for its sketch is described
//! along with it, as most files are a part of their own: then it is read once less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::super::report::Log;
use super::notes::Notes;
use super::overview::Overview;
use super::parts::PartPlan;
use super::sketches::Sketches;
use crate::catalog::Catalog;
use crate::catalog::channels::{ChannelKey, Channels, Offer};
use crate::model::build::Device;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;

/// The builds that do not get the download address that settings give them, since it is that of a newer build; by
/// identity, with why.
pub(in crate::generate) type Displaced = BTreeMap<String, String>;

/// An overview without its digest, and the faults of its builds.
pub(super) type Described = (Overview, Log);

/// What channels are made from, besides builds.
#[derive(Clone, Copy)]
pub(in crate::generate) struct Sorter<'a> {
    pub(in crate::generate) config: &'a Config,
    /// The time, in seconds since the epoch.
    pub(in crate::generate) now: i64,
    pub(in crate::generate) displaced: &'a Displaced,
}

impl Sorter<'_> {
    /// Sorts the builds of a part into channels, and lets `look` see them. `names` are those under which its phones ask.
    pub(super) fn with_channels<T>(
        &self,
        catalog: &Catalog,
        names: &BTreeSet<Device>,
        look: impl FnOnce(&Channels<'_>, Log) -> T,
    ) -> T {
        let (urls, log) = self.addresses(catalog);
        let is_of_part = |device: &_| names.contains(device);
        let channels = Channels::of_devices(catalog, self.config, &urls, self.now, &is_of_part);
        look(&channels, log)
    }

    /// Returns the download address of each offered build, by identity.
    fn addresses<'c>(&self, catalog: &'c Catalog) -> (BTreeMap<&'c str, String>, Log) {
        let mut log = Log::default();
        let mut urls = BTreeMap::new();
        for record in catalog.builds.values().filter(|record| record.is_offered()) {
            let build = &record.build;
            let Some((url, _)) = self.config.address(build) else {
                let message =
                    "no setting gives it a download address, or the template names a fact it lacks";
                log.fault(&build.path, FaultKind::MissingFacts, message);
                continue;
            };
            match self.displaced.get(build.identity()) {
                Some(reason) => log.fault(&build.path, FaultKind::Conflict, reason.clone()),
                None => {
                    urls.insert(build.identity(), url);
                }
            }
        }
        (urls, log)
    }
}

/// Describes parts.
#[derive(Clone, Copy)]
pub(in crate::generate) struct Describer<'a> {
    pub(in crate::generate) sorter: Sorter<'a>,
    pub(in crate::generate) notes: &'a Notes<'a>,
    /// The most of the newest builds of each channel that are described.
    pub(in crate::generate) most: usize,
}

impl Describer<'_> {
    /// Describes a part, and lets `see` see its channels. `names` are those under which its phones ask.
    pub(super) fn describe(
        &self,
        catalog: &Catalog,
        names: &BTreeSet<Device>,
        see: impl FnOnce(&Channels<'_>),
    ) -> Described {
        self.sorter
            .with_channels(catalog, names, |channels, mut log| {
                see(channels);
                let history = self.notes.history(catalog);
                let is_newest = |_: &ChannelKey, at: usize, _: &Offer<'_>| at < self.most;
                let config = self.sorter.config;
                let overview = log.take(Overview::new(
                    config, catalog, channels, &history, &is_newest,
                ));
                (overview, log)
            })
    }
}

/// Descriptions of catalog files as parts of their own, by the name of the file.
#[derive(Debug, Default)]
pub(super) struct Early(Mutex<BTreeMap<String, Described>>);

impl Early {
    /// Adds the description of a file.
    pub(super) fn add(&self, file: &str, described: Described) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(file.to_owned(), described);
    }

    /// Takes out the description of a part whose builds have addresses of their own; none unless it is one file without
    /// names of others.
    pub(super) fn take(&self, plan: &PartPlan, sketches: &Sketches) -> Option<Described> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let described = plan.files.iter().filter_map(|file| all.remove(file)).last();
        let mut names = plan.files.iter().map(|file| &sketches.get(file).names);
        let is_alone = plan.files.len() == 1 && names.all(|names| *names == plan.names);
        described.filter(|_| is_alone)
    }
}
