//! What a run reports of one part of a site, and shows of it on pages about all devices.
//!
//! In: the catalog of a part, and its channels. Out: an [`Overview`], which borrows nothing and is remembered, so that
//! the next run need not read the builds again.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::super::families;
use super::super::hash::hash;
use super::super::report::{Event, FEEDS, Log, Totals};
use super::outline::{IsNewest, Outline, ShownBuild};
use super::warnings::{self, LookAlikes};
use crate::catalog::Catalog;
use crate::catalog::channels::{Channel, ChannelKey, Channels, Held};
use crate::ingest::projects::History;
use crate::model::build::Build;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::publish::feed::{ChannelMap, build_pages};

/// What is to be known of a part of a site once its builds are no longer in memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Overview {
    /// A digest of all that it is made from; none if it cannot be remembered.
    pub(super) digest: Option<u64>,
    pub(super) outline: Outline,
    pub(super) totals: Totals,
    pub(super) look_alikes: LookAlikes,
    /// Builds that are sound but not offered now, by path, and why.
    held: BTreeMap<String, String>,
    warnings: Vec<String>,
    /// When it has last changed by itself, in seconds since the epoch.
    last_change: Option<i64>,
    /// When it does so next.
    next_change: Option<i64>,
}

impl Overview {
    /// Describes a part, without its digest. Its faults are in the log; with any, it is not to be remembered.
    pub(super) fn new(
        config: &Config,
        catalog: &Catalog,
        channels: &Channels<'_>,
        history: &History,
        is_newest: &IsNewest<'_>,
    ) -> (Overview, Log) {
        let mut log = Log::default();
        let mut held = BTreeMap::new();
        for (path, reason) in &channels.held {
            match reason {
                Held::WrongWay(_) => {
                    log.fault(path, FaultKind::Conflict, reason.to_string());
                }
                _ => {
                    held.insert((*path).to_owned(), reason.to_string());
                }
            }
        }
        let all: ChannelMap<'_, '_> = channels.channels.iter().collect();
        let pages = match config.theme.has_pages {
            true => build_pages::paths(&all),
            false => HashMap::new(),
        };
        let describe = |build: &Build, url: &str| ShownBuild {
            record: catalog
                .builds
                .get_shared(build.identity())
                .expect("channels are made of it"),
            url: url.to_owned(),
            page: pages.get(build.identity()).cloned(),
            has_projects: history.contains_key(&build.filename),
        };
        let mut warnings = warnings::shared_names(config, &channels.channels);
        warnings.extend(warnings::withheld(config, &channels.withheld));
        let overview = Overview {
            digest: None,
            outline: Outline::new(channels.channels.iter(), &describe, is_newest),
            totals: Totals {
                families: families::families(config, catalog).into_values().collect(),
                ..count_offers(&channels.channels)
            },
            look_alikes: LookAlikes::new(&channels.channels),
            held,
            warnings,
            last_change: channels.last_change,
            next_change: channels.next_change,
        };
        (overview, log)
    }

    /// Returns a digest of all that the files of the part are made from, besides what is `common` to all parts; none if
    /// they are to be rendered each time.
    pub(super) fn digest_with(&self, common: u64) -> Option<u64> {
        // What is held back, and under which names, changes with time.
        let changes = (self.last_change, self.next_change);
        Some(hash(&(self.digest?, common, changes)))
    }

    /// Whether it is right at this time, in seconds since the epoch.
    pub(super) fn is_of(&self, now: i64) -> bool {
        let has_changed = self.next_change.is_some_and(|change| change <= now);
        // The clock may have been set back.
        let is_early = self.last_change.is_some_and(|change| change > now);
        !has_changed && !is_early
    }

    /// Returns when it will be out of date, in seconds since the epoch.
    pub(super) fn next_change(&self) -> Option<i64> {
        self.next_change
    }
}

/// Reports what is to be known of all parts. `now` is in seconds since the epoch.
pub(super) fn report(overviews: &[Overview], now: i64) -> (Totals, Log) {
    let mut log = Log::default();
    let held = overviews.iter().flat_map(|overview| &overview.held);
    let held: BTreeMap<&String, &String> = held.collect();
    log.events
        .extend(held.into_iter().map(|(path, reason)| Event::Held {
            path: path.clone(),
            reason: reason.clone(),
        }));
    for text in overviews.iter().flat_map(|overview| &overview.warnings) {
        log.warn(FEEDS, text.clone());
    }
    let mut look_alikes = LookAlikes::default();
    let mut totals = Totals::default();
    for overview in overviews {
        look_alikes.append(&overview.look_alikes);
        totals.append(&overview.totals);
    }
    log.append(look_alikes.warn());
    let shown = overviews
        .iter()
        .flat_map(|overview| overview.outline.builds());
    let offered = shown.filter(|shown| !shown.url.is_empty());
    log.append(warnings::future(
        offered.map(|shown| &shown.record.build),
        now,
    ));
    (totals, log)
}

/// Counts what is offered.
fn count_offers(channels: &BTreeMap<ChannelKey, Channel<'_>>) -> Totals {
    let mut totals = Totals::default();
    // A build may be in several channels, but is in the catalog once: its address in memory
    // identifies it.
    let mut offered: HashSet<*const Build> = HashSet::new();
    let mut deltas: HashSet<*const Build> = HashSet::new();
    let mut unlisted: HashSet<*const Build> = HashSet::new();
    for (key, channel) in channels {
        unlisted.extend(
            channel
                .unlisted
                .iter()
                .map(|build| std::ptr::from_ref(*build)),
        );
        offered.extend(channel.offers.iter().map(|o| std::ptr::from_ref(o.build)));
        let of_channel = channel
            .deltas
            .iter()
            .map(|d| std::ptr::from_ref(d.offer.build));
        deltas.extend(of_channel);
        if !channel.offers.is_empty() {
            let variant = key.variant.as_ref();
            totals.variants.insert(variant.map(ToString::to_string));
            totals.devices.insert(key.device.to_string());
        }
    }
    totals.num_offered = offered.len();
    totals.num_deltas = deltas.len();
    // Retention may differ from name to name.
    totals.num_unlisted = unlisted.difference(&offered).count();
    totals
}
