//! A site in memory: what `generate` would write, and what a server can answer beyond that.
//!
//! In: the settings and the catalogs as they are on disk, and changelogs; packages are not
//! looked at. Out: a
//! [`Snapshot`], which borrows from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Error, Report, changelogs, lost, pages, primary_catalog, projects, sidecars};
use crate::catalog::channels::{self, Channel, ChannelKey, Channels, Held, Offer};
use crate::catalog::{Catalog, Catalogs};
use crate::model::build::{Build, Kind};
use crate::model::config::{AddressSource, Config};
use crate::publish::feed::cm;
use crate::publish::page::Page;

/// One package that phones are offered.
#[derive(Clone, Debug)]
pub struct OwnedOffer {
    /// The build.
    pub build: Arc<Build>,
    /// Its address.
    pub url: Arc<str>,
    /// Where the text on its changes that lies beside it is; empty if there is none.
    pub changes: Arc<str>,
}

/// What the phones of one channel are offered.
#[derive(Clone, Debug, Default)]
pub struct OwnedLane {
    /// Full builds, newest first.
    pub offers: Vec<OwnedOffer>,
    /// Deltas.
    pub deltas: Vec<OwnedOffer>,
}

/// A site in memory.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All files of the site.
    pub pages: Vec<Page>,
    /// What is offered to whom.
    pub channels: BTreeMap<ChannelKey, OwnedLane>,
    /// Where packages are in the folder of builds, with `/` between folders: those of all builds
    /// that are known, offered or not.
    pub packages: BTreeSet<String>,
    /// The answers to `get_delta`, by the incrementals of source and target.
    pub deltas: BTreeMap<(String, String), Vec<u8>>,
    /// When a build that is held back becomes old enough, in seconds since the epoch.
    pub next_change: Option<i64>,
    /// Identities of all builds and tombstones, sorted.
    pub known: Vec<String>,
    /// What is left out, and why.
    pub report: Report,
}

/// Takes a snapshot of the site; `now` is in seconds since the epoch, `served` names the builds
/// of the snapshot before it.
///
/// # Errors
/// [`Error`] if a catalog or a feed template cannot be used, or a catalog lacks what was published
/// or served.
pub fn snapshot(config: &Config, served: &[String], now: i64) -> Result<Snapshot, Error> {
    primary_catalog(config)?;
    let catalogs = Catalogs::load(&config.catalogs)?;
    lost::require_published(config, &catalogs)?;
    lost::require_known(config, &catalogs, served)?;
    let merged = catalogs.merged()?;
    let mut report = Report::default();
    let urls = pages::addresses(config, &merged, &mut report);
    let channels = channels::Channels::new(&merged, config, &urls, now);
    let kept = sidecars::list_kept(&config.changelogs)?;
    let changelogs = changelogs::gather(config, &merged, &kept, &mut report);
    let projects = projects::gather(config, &merged, BTreeMap::new(), &kept, &mut report);
    let notes = pages::Notes {
        changelogs: &changelogs.changelogs,
        history: &projects.history,
    };
    let pages = pages::render_lanes(config, &channels, notes, &mut report)?;
    let until = |held: &Held| match held {
        Held::TooYoung(until) => Some(*until),
        _ => None,
    };
    Ok(Snapshot {
        pages,
        next_change: channels.held.values().filter_map(until).min(),
        known: lost::names(&merged),
        packages: packages(&merged),
        deltas: render_deltas(&channels),
        channels: own(config, &channels),
        report,
    })
}

fn packages(merged: &Catalog) -> BTreeSet<String> {
    let builds = merged.builds.values().map(|record| &record.build);
    builds.map(|build| build.path.clone()).collect()
}

/// Of two channels with the same incrementals the first answers: phones do not say which they are of.
fn render_deltas(channels: &Channels<'_>) -> BTreeMap<(String, String), Vec<u8>> {
    let mut answers = BTreeMap::new();
    for channel in channels.channels.values() {
        for delta in &channel.deltas {
            let Some(target) = delta.target.build.incremental.as_deref() else {
                continue;
            };
            let ends = (delta.source.to_owned(), target.to_owned());
            let answer = || cm::render_delta(channel, delta.source, target);
            answers.entry(ends).or_insert_with(answer);
        }
    }
    answers
}

/// A build stands in a channel under each name of its device, and in memory once.
fn own(config: &Config, channels: &Channels<'_>) -> BTreeMap<ChannelKey, OwnedLane> {
    let mut known: BTreeMap<String, OwnedOffer> = BTreeMap::new();
    let mut to_owned = |offer: &Offer<'_>| {
        let build = offer.build;
        let owned = known.entry(build.identity().to_owned());
        let owned = owned.or_insert_with(|| OwnedOffer {
            build: Arc::new(build.clone()),
            url: offer.url.into(),
            changes: changes(config, offer).into(),
        });
        owned.clone()
    };
    let mut own = |(key, channel): (&ChannelKey, &Channel<'_>)| {
        let owned = OwnedLane {
            offers: channel.offers.iter().map(&mut to_owned).collect(),
            deltas: channel.deltas.iter().map(|d| to_owned(&d.offer)).collect(),
        };
        (key.clone(), owned)
    };
    channels.channels.iter().map(&mut own).collect()
}

/// The `.txt` or `.html` beside a package that the site itself serves, as LineageOTA looks for it.
fn changes(config: &Config, offer: &Offer<'_>) -> String {
    let build = offer.build;
    let is_here = matches!(config.address(build), Some((_, AddressSource::Site)));
    let stem = build.path.strip_suffix(".zip");
    let Some(stem) = stem.filter(|_| is_here && build.kind == Kind::Full) else {
        return String::new();
    };
    for end in ["txt", "html"] {
        if config.builds.join(format!("{stem}.{end}")).is_file() {
            let url = offer.url.strip_suffix("zip").unwrap_or(offer.url);
            return format!("{url}{end}");
        }
    }
    String::new()
}
