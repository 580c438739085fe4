//! Renders all files of the site from the catalog, and warns of what phones may stumble over.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::report::{Event, FEEDS, Log, Totals};
use super::{Error, warnings};
use crate::catalog::Catalog;
use crate::catalog::channels::{self, Channel, ChannelKey, Channels, Held};
use crate::ingest::projects::History;
use crate::markup::changelog::{self, Changelogs};
use crate::model::build::Build;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::publish::feed;
use crate::publish::page::Page;
use crate::publish::site;

/// Returns the download address of each offered build, by identity. An address serves one file, so
/// if several builds have the same address, only the newest is offered.
pub(super) fn addresses<'a>(
    config: &Config,
    merged: &'a Catalog,
) -> (BTreeMap<&'a str, String>, Log) {
    let mut log = Log::default();
    let newness = |build: &'a Build| (build.timestamp, &build.path);
    let offered = merged.builds.values().filter(|record| record.is_offered());
    let builds: Vec<&Build> = offered.map(|record| &record.build).collect();
    let urls: Vec<Option<String>> = builds
        .par_iter()
        .map(|build| config.address(build).map(|(url, _)| url))
        .collect();
    let mut owners: HashMap<&str, &Build> = HashMap::with_capacity(builds.len());
    for (build, url) in builds.iter().zip(&urls) {
        let Some(url) = url else {
            let message =
                "no setting gives it a download address, or the template names a fact it lacks";
            log.fault(&build.path, FaultKind::MissingFacts, message);
            continue;
        };
        let owner = owners.entry(url).or_insert(build);
        if newness(owner) < newness(build) {
            *owner = build;
        }
    }
    let is_owned: Vec<bool> = builds
        .iter()
        .zip(&urls)
        .map(|(build, url)| {
            let Some(url) = url else { return false };
            let owner = owners[url.as_str()];
            if owner.identity() == build.identity() {
                return true;
            }
            let owner = owner.path.escape_debug();
            let message = format!("its download address is also that of {owner}: {url}");
            log.fault(&build.path, FaultKind::Conflict, message);
            false
        })
        .collect();
    drop(owners);
    let urls = builds.into_iter().zip(urls).zip(is_owned);
    let urls = urls
        .filter(|(_, is_owned)| *is_owned)
        .filter_map(|((build, url), _)| Some((build.identity(), url?)))
        .collect();
    (urls, log)
}

/// Texts about builds that are not in the catalog.
#[derive(Clone, Copy)]
pub(super) struct Notes<'a> {
    pub(super) changelogs: &'a Changelogs,
    pub(super) history: &'a History,
}

/// Renders all files of the site.
pub(super) fn render(
    config: &Config,
    merged: &Catalog,
    notes: Notes<'_>,
    now: i64,
) -> Result<(Rendered, Log), Error> {
    let (urls, mut log) = addresses(config, merged);
    let channels = channels::Channels::new(merged, config, &urls, now);
    let rendered = log.take(render_channels(config, &channels, notes)?);
    Ok((rendered, log))
}

/// Renders all files of the site from its channels.
pub(super) fn render_channels(
    config: &Config,
    Channels {
        channels,
        held,
        withheld,
    }: &Channels<'_>,
    notes: Notes<'_>,
) -> Result<(Rendered, Log), Error> {
    let mut log = report_held(held);
    log.append(warnings::shared_names(config, channels));
    log.append(warnings::withheld(withheld));
    log.append(warnings::look_alikes(channels));
    log.append(warnings::language(config));
    let changelogs = changelog::render(notes.changelogs);
    let feeds = feed::render(channels, config, &changelogs)?;
    for text in feeds.warnings {
        log.warn(FEEDS, text);
    }
    let known = site::PageContext {
        config,
        changelogs: &changelogs,
        history: notes.history,
    };
    let mut pages = site::render(channels, known, &feeds.pages)?;
    pages.extend(feeds.pages);
    let rendered = Rendered {
        pages,
        totals: count_offers(channels),
    };
    Ok((rendered, log))
}

/// The files of a site, and what it offers.
pub(super) struct Rendered {
    pub(super) pages: Vec<Page>,
    pub(super) totals: Totals,
}

/// Counts what is offered.
fn count_offers(channels: &BTreeMap<ChannelKey, Channel<'_>>) -> Totals {
    let mut totals = Totals::default();
    // A build may be in several channels, but is in the catalog once: its address in memory
    // identifies it.
    let mut offered: HashSet<*const Build> = HashSet::new();
    let mut deltas: HashSet<*const Build> = HashSet::new();
    for (key, channel) in channels {
        totals.num_unlisted += channel.num_unlisted;
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
    totals
}

/// Reports builds that are sound but not offered now, by path.
fn report_held(held: &BTreeMap<&str, Held>) -> Log {
    let mut log = Log::default();
    for (path, held) in held {
        match held {
            Held::WrongWay(_) => {
                log.fault(path, FaultKind::Conflict, held.to_string());
            }
            _ => log.events.push(Event::Held {
                path: (*path).to_owned(),
                reason: held.to_string(),
            }),
        }
    }
    log
}
