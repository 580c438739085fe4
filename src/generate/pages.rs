//! From the catalog to all files of the site, and what is worth pointing out about
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;

use super::Error;
use super::report::{Event, Fault, Report};
use crate::catalog::Catalog;
use crate::catalog::channels::{self, Channel, ChannelKey, Channels, Held};
use crate::ingest::projects::History;
use crate::markup::changelog::{self, Changelogs};
use crate::model::build::{Build, Device};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::publish::feed;
use crate::publish::page::Page;
use crate::publish::site;

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
            let fault = Fault::message(&build.path, FaultKind::MissingFacts, message.to_owned());
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
                .push(Fault::message(&build.path, FaultKind::Conflict, message));
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
    let channels = channels::Channels::new(merged, config, &urls, now);
    render_lanes(config, &channels, notes, report)
}

/// All files of the site, from what phones are offered.
pub(super) fn render_lanes(
    config: &Config,
    Channels {
        channels,
        held,
        withheld,
    }: &Channels<'_>,
    notes: Notes<'_>,
    report: &mut Report,
) -> Result<Vec<Page>, Error> {
    // A build stands in several channels, but in the catalog once: its place tells it.
    let mut offered: HashSet<*const Build> = HashSet::new();
    let mut deltas: HashSet<*const Build> = HashSet::new();
    for (key, channel) in channels {
        report.num_unlisted += channel.num_unlisted;
        offered.extend(channel.offers.iter().map(|o| std::ptr::from_ref(o.build)));
        let of_lane = channel
            .deltas
            .iter()
            .map(|d| std::ptr::from_ref(d.offer.build));
        deltas.extend(of_lane);
        if !channel.offers.is_empty() {
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
                let fault = Fault::message(path, FaultKind::Conflict, held.to_string());
                report.faults.push(fault);
            }
            _ => report.events.push(Event::Held {
                path: (*path).to_owned(),
                reason: held.to_string(),
            }),
        }
    }
    warn_of_shared_names(config, channels, report);
    warn_of_withheld(withheld, report);
    warn_of_look_alikes(channels, report);
    let changelogs = changelog::render(notes.changelogs);
    let feeds = feed::render(channels, config, &changelogs)?;
    report
        .events
        .extend(feeds.warnings.into_iter().map(|text| Event::Warning {
            path: "feeds".to_owned(),
            text,
        }));
    let known = site::PageContext {
        config,
        changelogs: &changelogs,
        history: notes.history,
    };
    let mut pages = site::render(channels, known, &feeds.pages)?;
    pages.extend(feeds.pages);
    Ok(pages)
}

/// An alias that is a device too: its phones are told of both, and nothing but the
/// maintainer knows whether that is what was meant.
fn warn_of_shared_names(
    config: &Config,
    channels: &BTreeMap<ChannelKey, Channel<'_>>,
    report: &mut Report,
) {
    for (device, settings) in &config.devices {
        for alias in &settings.aliases {
            let of_alias = channels.iter().filter(|(key, _)| key.device == *alias);
            let mut offers = of_alias.flat_map(|(_, channel)| &channel.offers);
            let mut of_both = offers.clone();
            if offers.any(|offer| offer.build.device == *alias)
                && of_both.any(|offer| offer.build.device.as_str() == device)
            {
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

/// Builds that an alias would put into the lists of a device with builds of its own.
fn warn_of_withheld(withheld: &BTreeMap<(&Device, &Device), BTreeSet<&str>>, report: &mut Report) {
    for ((device, alias), filenames) in withheld {
        let text = format!(
            "{alias} is an alias of {device} and has builds of its own, so phones that ask for {alias} \
             are not offered {}; if they can install it, `same_lane = true` under [device.{alias}] in \
             romfeed.toml offers it to them",
            and_more(&filenames.iter().copied().collect::<Vec<_>>())
        );
        let path = "feeds".to_owned();
        report.events.push(Event::Warning { path, text });
    }
}

/// Builds of a list that phones take for one another: the updater offers only what has a later date
/// than the phone's own, and a server knows the phone's build by its incremental.
fn warn_of_look_alikes(channels: &BTreeMap<ChannelKey, Channel<'_>>, report: &mut Report) {
    let own = channels.iter().flat_map(|(key, channel)| {
        let builds = channel.offers.iter().map(|offer| offer.build);
        let builds = builds.filter(|build| build.device == key.device);
        builds.map(move |build| (key, build))
    });
    let mut by_date: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    let mut by_incremental: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (key, build) in own {
        let same = by_date.entry((key, build.timestamp)).or_default();
        same.push(&build.filename);
        if let Some(incremental) = &build.incremental {
            let same = by_incremental.entry((key, incremental)).or_default();
            same.push(&build.filename);
        }
    }
    let dates = by_date.into_iter().map(|((key, timestamp), names)| {
        let date = chrono::DateTime::from_timestamp(timestamp, 0).unwrap_or_default();
        (
            format!("{key}, {}", date.format("%Y-%m-%d %H:%M:%S UTC")),
            names,
        )
    });
    let incrementals = by_incremental
        .into_iter()
        .map(|((key, incremental), names)| (format!("{key}, {incremental}"), names));
    for (same, fix, groups) in [
        (
            "one build date",
            "`m installclean` before a build sets a new ro.build.date.utc",
            dates.collect::<Vec<_>>(),
        ),
        (
            "one ro.build.version.incremental",
            "build with a BUILD_NUMBER of its own",
            incrementals.collect(),
        ),
    ] {
        let mut groups = groups.iter().filter(|(_, names)| names.len() > 1);
        let Some((place, names)) = groups.next() else {
            continue;
        };
        let others = match groups.count() {
            0 => String::new(),
            1 => ", and so has 1 other group of builds".to_owned(),
            n => format!(", and so have {n} other groups of builds"),
        };
        let text = format!(
            "{} have {same} ({place}){others}: phones that run one of them never see the other; {fix}, \
             or take one out with `romfeed catalog remove`",
            and_more(names)
        );
        let path = "feeds".to_owned();
        report.events.push(Event::Warning { path, text });
    }
}

/// Up to three file names, and how many more there are.
fn and_more(filenames: &[&str]) -> String {
    let named = filenames
        .iter()
        .take(3)
        .map(|name| name.escape_debug().to_string());
    let mut named: Vec<String> = named.collect();
    match filenames.len() - named.len() {
        0 => {}
        n => named.push(format!("{n} more")),
    }
    match named.pop() {
        Some(last) if !named.is_empty() => format!("{} and {last}", named.join(", ")),
        last => last.unwrap_or_default(),
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
