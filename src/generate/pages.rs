//! From the catalog to all files of the site, and what is worth pointing out about
//! them.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::Error;
use super::report::{Event, Fault, Report};
use crate::build::Build;
use crate::catalog::Catalog;
use crate::catalog::lanes::{self, Held, Lane, LaneKey, Lanes};
use crate::changelog::{self, Changelogs};
use crate::class::Class;
use crate::config::Config;
use crate::feed::{self, Page};
use crate::projects::History;
use crate::site;

/// The download address of each offered build by its identity. An address serves
/// one file: of several builds that claim it, the newest has it.
pub(super) fn addresses<'a>(
    config: &Config,
    merged: &'a Catalog,
    report: &mut Report,
) -> BTreeMap<&'a str, String> {
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
            let fault = Fault::message(&build.path, Class::MissingFacts, message.to_owned());
            report.faults.push(fault);
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
            report
                .faults
                .push(Fault::message(&build.path, Class::Conflict, message));
            false
        })
        .collect();
    drop(owners);
    let urls = builds.into_iter().zip(urls).zip(is_owned);
    urls.filter(|(_, is_owned)| *is_owned)
        .filter_map(|((build, url), _)| Some((build.identity(), url?)))
        .collect()
}

/// What is known of builds beside their facts.
#[derive(Clone, Copy)]
pub(super) struct Notes<'a> {
    pub(super) changelogs: &'a Changelogs,
    pub(super) history: &'a History,
}

/// All files of the site.
pub(super) fn render(
    config: &Config,
    merged: &Catalog,
    notes: Notes<'_>,
    now: i64,
    report: &mut Report,
) -> Result<Vec<Page>, Error> {
    let urls = addresses(config, merged, report);
    let lanes = lanes::lanes(merged, config, &urls, now);
    render_lanes(config, &lanes, notes, report)
}

/// All files of the site, from what phones are offered.
pub(super) fn render_lanes(
    config: &Config,
    Lanes { lanes, held }: &Lanes<'_>,
    notes: Notes<'_>,
    report: &mut Report,
) -> Result<Vec<Page>, Error> {
    // A build stands in several lanes, but in the catalog once: its place tells it.
    let mut offered: HashSet<*const Build> = HashSet::new();
    let mut deltas: HashSet<*const Build> = HashSet::new();
    for (key, lane) in lanes {
        report.num_unlisted += lane.num_unlisted;
        offered.extend(lane.offers.iter().map(|o| std::ptr::from_ref(o.build)));
        let of_lane = lane
            .deltas
            .iter()
            .map(|d| std::ptr::from_ref(d.offer.build));
        deltas.extend(of_lane);
        if !lane.offers.is_empty() {
            let variant = key.variant.as_ref();
            report.variants.insert(variant.map(ToString::to_string));
            report.devices.insert(key.device.to_string());
        }
    }
    report.num_offered = offered.len();
    report.num_deltas = deltas.len();
    for (path, held) in held {
        match held {
            Held::WrongWay(_) => {
                let fault = Fault::message(path, Class::Conflict, held.to_string());
                report.faults.push(fault);
            }
            _ => report.events.push(Event::Held {
                path: (*path).to_owned(),
                reason: held.to_string(),
            }),
        }
    }
    warn_of_shared_names(config, lanes, report);
    let changelogs = changelog::render(notes.changelogs);
    let feeds = feed::render(lanes, config, &changelogs)?;
    report
        .events
        .extend(feeds.warnings.into_iter().map(|text| Event::Warning {
            path: "feeds".to_owned(),
            text,
        }));
    let known = site::Known {
        config,
        changelogs: &changelogs,
        history: notes.history,
    };
    let mut pages = site::render(lanes, known, &feeds.pages)?;
    pages.extend(feeds.pages);
    Ok(pages)
}

/// An alias that is a device too: its phones are told of both, and nothing but the
/// maintainer knows whether that is what was meant.
fn warn_of_shared_names(config: &Config, lanes: &BTreeMap<LaneKey, Lane<'_>>, report: &mut Report) {
    for (device, settings) in &config.devices {
        for alias in &settings.aliases {
            let of_alias = lanes.iter().filter(|(key, _)| key.device == *alias);
            let mut offers = of_alias.flat_map(|(_, lane)| &lane.offers);
            if offers.any(|offer| offer.build.device == *alias) {
                report.events.push(Event::Warning {
                    path: "feeds".to_owned(),
                    text: format!(
                        "{alias} is an alias of {device} and has builds of its own; phones that \
                         ask for {alias} are offered both"
                    ),
                });
            }
        }
    }
}

/// How files end that browsers and readers of news ask for, and no updater.
const FOR_PEOPLE: [&str; 5] = ["atom", "css", "html", "js", "svg"];

/// What phones may stumble over is pointed out: a `{device}.json` that gets another
/// form, since what reads it must be new enough, or old enough; and files that go.
pub(super) fn warn_of_changes(config: &Config, pages: &[Page], report: &mut Report) {
    let changed: HashSet<&str> = report.plan.changed.iter().map(String::as_str).collect();
    let is_device_feed = |path: &str| {
        let name = path
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".json"));
        path.split('/').count() <= 2 && name.is_some_and(|name| report.devices.contains(name))
    };
    let mut warnings = Vec::new();
    for page in pages {
        if !changed.contains(page.path.as_str()) || !is_device_feed(&page.path) {
            continue;
        }
        let published = std::fs::read(config.out.join(&page.path)).unwrap_or_default();
        if let (Some(old), Some(new)) = (feed::shape(&published), feed::shape(&page.bytes))
            && old != new
        {
            warnings.push(format!(
                "{} was {old} and becomes {new}; phones with an updater for the old form \
                 will not understand it",
                page.path
            ));
        }
    }
    let is_feed = |path: &&String| {
        let ending = path.rsplit('.').next().unwrap_or_default();
        !FOR_PEOPLE.contains(&ending)
    };
    let feeds: Vec<&String> = report.plan.removed.iter().filter(is_feed).collect();
    if let [first, others @ ..] = &feeds[..] {
        let others = match others.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        warnings.push(format!(
            "no longer part of the site, though phones may still ask for it: {first}{others}"
        ));
    }
    let warnings = warnings.into_iter().map(|text| Event::Warning {
        path: "feeds".to_owned(),
        text,
    });
    report.events.extend(warnings);
}
