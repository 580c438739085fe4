//! Warnings about a site: what phones or hosts may stumble over, though it is published.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::report::{FEEDS, Log, Report};
use crate::catalog::channels::{Channel, ChannelKey};
use crate::model::build::{Build, Device};
use crate::model::config::Config;
use crate::model::entry_rules::{Problem, date_problem};
use crate::publish::feed;
use crate::publish::site::ASSETS;
use crate::publish::writer::{self, Compared};

/// Warns of aliases that have builds of their own: their phones are offered both, and only the
/// maintainer knows whether that is intended.
pub(super) fn shared_names(
    config: &Config,
    channels: &BTreeMap<ChannelKey, Channel<'_>>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let names: BTreeSet<&Device> = channels.keys().map(|key| &key.device).collect();
    let devices = names.iter().filter_map(|device| {
        let settings = config.devices.get(device.as_str())?;
        Some((device, settings.aliases.iter()))
    });
    for (device, aliases) in devices {
        for alias in aliases {
            let of_alias = channels.iter().filter(|(key, _)| key.device == *alias);
            let mut offers = of_alias.flat_map(|(_, channel)| &channel.offers);
            let mut of_both = offers.clone();
            if offers.any(|offer| offer.build.device == *alias)
                && of_both.any(|offer| offer.build.device == **device)
            {
                warnings.push(format!(
                    "{alias} is an alias of {device} and has builds of its own; phones that \
                     ask for {alias} are offered both"
                ));
            }
        }
    }
    warnings
}

/// Warns of builds that are not offered under an alias, because the alias has builds of its own.
pub(super) fn withheld(
    config: &Config,
    withheld: &BTreeMap<(&Device, &Device), BTreeSet<&str>>,
) -> impl Iterator<Item = String> {
    withheld.iter().map(|((device, alias), filenames)| {
        format!(
            "{alias} is an alias of {device} and has builds of its own, so phones that ask for {alias} \
             are not offered {}; if they can install it, `same_lane = true` {} offers it to them",
            and_more(&filenames.iter().copied().collect::<Vec<_>>()),
            config.place_of_device(alias.as_str())
        )
    })
}

/// Builds in a list that phones cannot tell apart: the updater offers only builds with a later date than its own, and
/// a server recognises the phone's build by its incremental.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct LookAlikes {
    /// Those with the same date.
    dates: Groups,
    /// Those with the same incremental.
    incrementals: Groups,
}

/// Groups of builds that have something in common.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Groups {
    num: usize,
    /// The first group: what they have in common, and their names.
    first: Option<(String, String)>,
}

impl Groups {
    fn add(&mut self, common: String, names: &[&str]) {
        self.num += 1;
        self.first.get_or_insert_with(|| (common, and_more(names)));
    }

    fn append(&mut self, others: &Groups) {
        self.num = self.num.saturating_add(others.num);
        self.first = self.first.take().or_else(|| others.first.clone());
    }

    /// Warns of the first group of several builds.
    fn warn(&self, log: &mut Log, same: &str, fix: &str) {
        let Some((common, names)) = &self.first else {
            return;
        };
        let others = match self.num {
            0 | 1 => String::new(),
            2 => ", and so has 1 other group of builds".to_owned(),
            n => format!(", and so have {} other groups of builds", n - 1),
        };
        let text = format!(
            "{names} have {same} ({common}){others}: phones that run one of them never see the other; {fix}, \
             or take one out with `romfeed catalog remove`"
        );
        log.warn(FEEDS, text);
    }
}

impl LookAlikes {
    /// Finds those of some channels.
    pub(super) fn new(channels: &BTreeMap<ChannelKey, Channel<'_>>) -> LookAlikes {
        let mut found = LookAlikes::default();
        for (key, channel) in channels {
            let builds = channel.offers.iter().map(|offer| offer.build);
            let own = builds.filter(|build| build.device == key.device);
            for (timestamp, names) in groups(own.clone().map(|b| (b.timestamp, &*b.filename))) {
                let date = chrono::DateTime::from_timestamp(timestamp, 0).unwrap_or_default();
                let date = date.format("%Y-%m-%d %H:%M:%S UTC");
                found.dates.add(format!("{key}, {date}"), &names);
            }
            let with_number = own.filter_map(|build| {
                let incremental = build.incremental.as_deref()?;
                Some((incremental, &*build.filename))
            });
            for (number, names) in groups(with_number) {
                found.incrementals.add(format!("{key}, {number}"), &names);
            }
        }
        found
    }

    /// Adds those of another part.
    pub(super) fn append(&mut self, others: &LookAlikes) {
        self.dates.append(&others.dates);
        self.incrementals.append(&others.incrementals);
    }

    /// Warns of the first of each kind.
    pub(super) fn warn(&self) -> Log {
        let mut log = Log::default();
        let date_fix = "`m installclean` before a build sets a new ro.build.date.utc";
        self.dates.warn(&mut log, "one build date", date_fix);
        let number_fix = "build with a BUILD_NUMBER of its own";
        let number = "one ro.build.version.incremental";
        self.incrementals.warn(&mut log, number, number_fix);
        log
    }
}

/// Warns of builds that are dated in the future, given all builds of which each list has at least the newest. `now` is in
/// seconds since the epoch.
pub(super) fn future<'a>(builds: impl Iterator<Item = &'a Build>, now: i64) -> Log {
    let mut log = Log::default();
    let is_future = |build: &&Build| {
        matches!(
            date_problem(build.timestamp, now),
            Some(Problem::Future { .. })
        )
    };
    let mut first: BTreeMap<&Device, &Build> = BTreeMap::new();
    for build in builds.filter(is_future) {
        first.entry(&build.device).or_insert(build);
    }
    let Some(build) = first.values().next() else {
        return log;
    };
    let others = match first.len() - 1 {
        0 => String::new(),
        1 => ", and so are builds of 1 other device".to_owned(),
        num => format!(", and so are builds of {num} other devices"),
    };
    let name = build.filename.escape_debug();
    let date = chrono::DateTime::from_timestamp(build.timestamp, 0).unwrap_or_default();
    let text = format!(
        "`{name}` is dated {}, which is in the future{others}: phones that install it see no newer build; if this \
         machine's clock is right, run `romfeed catalog yank --reason \"wrong date\" {name}`, and build it again",
        date.format("%Y-%m-%d %H:%M UTC")
    );
    log.warn(FEEDS, text);
    log
}

/// Returns the names that have something in common, if they are several, by what that is.
fn groups<'a, K: Ord + Copy>(builds: impl Iterator<Item = (K, &'a str)>) -> Vec<(K, Vec<&'a str>)> {
    let mut builds: Vec<(K, &str)> = builds.collect();
    // The names of a group stay in the order of the list.
    builds.sort_by_key(|(key, _)| *key);
    let groups = builds.chunk_by(|(one, _), (other, _)| one == other);
    let groups = groups.filter(|group| group.len() > 1);
    groups
        .filter_map(|group| {
            let names = group.iter().map(|(_, name)| *name);
            Some((group.first()?.0, names.collect()))
        })
        .collect()
}

/// Returns up to three file names, and how many more there are.
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

/// Warns of an address of the site that differs from that of the run before.
pub(super) fn other_address(config: &Config, report: &Report) -> Log {
    let mut log = Log::default();
    if let (Some(new), Some(old)) = (&config.base_url, &report.plan.former_base_url) {
        let text = format!(
            "the address of the site was {} and becomes {}: ROMs in the field still ask the old one, so let it \
             redirect to the new one, or publish there too, until all phones run a build with the new address",
            old.escape_debug(),
            new.escape_debug()
        );
        log.warn(FEEDS, text);
    }
    log
}

/// Endings of files that browsers and news readers request, but updaters do not. Texts are announcements;
/// those below `legacy/` go with the list that names them.
const FOR_PEOPLE: [&str; 6] = ["atom", "css", "html", "js", "svg", "txt"];

/// Warns of a `{device}.json` that changes its format, which an installed updater may not
/// understand, and of feeds that are removed.
pub(super) fn changes(config: &Config, pages: &[Compared], report: &Report) -> Log {
    let mut log = Log::default();
    let changed: HashSet<&str> = report.plan.changed.iter().map(String::as_str).collect();
    let is_device_feed = |path: &str| {
        let name = path
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".json"));
        path.split('/').count() <= 2 && name.is_some_and(|name| report.devices.contains(name))
    };
    for page in pages {
        if !changed.contains(page.path.as_str()) || !is_device_feed(&page.path) {
            continue;
        }
        let published = std::fs::read(config.out.join(&page.path)).unwrap_or_default();
        let contents = page.read().ok().flatten().unwrap_or_default();
        if let (Some(old), Some(new)) = (feed::shape(&published), feed::shape(&contents))
            && old != new
        {
            let text = format!(
                "{} was {old} and becomes {new}; phones with an updater for the old form \
                 will not understand it",
                page.path
            );
            log.warn(FEEDS, text);
        }
    }
    let is_feed = |path: &&String| {
        let ending = path.rsplit('.').next().unwrap_or_default();
        !FOR_PEOPLE.contains(&ending) && !Path::new(path).starts_with(ASSETS)
    };
    let feeds: Vec<&String> = report.plan.removed.iter().filter(is_feed).collect();
    if let [first, others @ ..] = &feeds[..] {
        let others = match others.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let text = format!(
            "no longer part of the site, though phones may still ask for it: {first}{others}"
        );
        log.warn(FEEDS, text);
    }
    log
}

/// Most pairs of pages differing only in case that one run names.
const MAX_ALIKE: usize = 5;

/// Warns of pages that would be one file on systems that ignore the case of letters.
pub(super) fn case(pages: &[Compared]) -> Log {
    let mut log = Log::default();
    let alike = writer::alike(pages.iter().map(|page| &*page.path));
    let more = alike.len().saturating_sub(MAX_ALIKE);
    for (nth, (first, second)) in alike.into_iter().take(MAX_ALIKE).enumerate() {
        let more = match more {
            more if more > 0 && nth == 0 => format!(" (and {more} more such pairs)"),
            _ => String::new(),
        };
        let text = format!(
            "`{first}` and `{second}` differ only in the case of letters{more}; Windows, macOS \
             and some hosts mix them up"
        );
        log.warn(FEEDS, text);
    }
    log
}

/// Warns of texts that the language of the pages lacks.
pub(super) fn language(config: &Config) -> Log {
    let mut log = Log::default();
    let strings = &config.theme.strings;
    if !strings.missing().is_empty() {
        let missing: Vec<&str> = strings.missing().iter().map(String::as_str).collect();
        let text = format!(
            "templates/strings/{}.toml lacks texts, which are in English: {}",
            strings.lang(),
            and_more(&missing)
        );
        log.warn(FEEDS, text);
    }
    log
}

/// Warns that a folder without a manifest is adopted.
pub(super) fn adoption(config: &Config) -> Log {
    let mut log = Log::default();
    let text = format!(
        "{} has no .romfeed/manifest.json, so romfeed does not know which builds were published and \
         cannot notice builds missing from {}; romfeed check --zips compares it with the live site",
        config.out.display(),
        config.catalogs[0].display()
    );
    log.warn(FEEDS, text);
    log
}
