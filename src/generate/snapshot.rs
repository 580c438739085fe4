//! A site in memory: the pages that `generate` would write, and what a server needs to answer
//! requests.
//!
//! In: the settings, and the catalogs and changelogs on disk; packages are not read. Out: a
//! [`Snapshot`], which borrows nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::folders::primary_catalog;
use super::sidecars::{self, Folders};
use super::sink::{Notes, Sink};
use super::{Error, Report, changelogs, lost, pages, projects};
use crate::catalog::channels::{self, Channel, ChannelKey, Channels, Held, Offer};
use crate::catalog::{Catalog, Catalogs};
use crate::model::build::{Build, Kind};
use crate::model::config::{AddressSource, Config};
use crate::publish::feed::cm;
use crate::publish::page::Page;

/// A package offered to phones.
#[derive(Clone, Debug)]
pub struct OwnedOffer {
    /// The build.
    pub build: Arc<Build>,
    /// Its address.
    pub url: Arc<str>,
    /// Address of the text about its changes next to the package; empty if there is none.
    pub changes: Arc<str>,
}

/// The packages offered to phones of one channel.
#[derive(Clone, Debug, Default)]
pub struct OwnedChannel {
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
    /// The offered packages of each channel.
    pub channels: BTreeMap<ChannelKey, OwnedChannel>,
    /// Paths in the folder of builds, with `/` between folders, of the packages of all builds in
    /// the catalogs, offered or not.
    pub packages: BTreeSet<String>,
    /// The answers to `get_delta`, by the incrementals of source and target.
    pub deltas: BTreeMap<(String, String), Vec<u8>>,
    /// When the next build that is too young becomes old enough, in seconds since the epoch.
    pub next_change: Option<i64>,
    /// Identities of all builds and tombstones, sorted.
    pub known: Vec<String>,
    /// Faults and warnings.
    pub report: Report,
}

/// Takes a snapshot of the site; `now` is in seconds since the epoch, `served` has the identities
/// of the builds in the previous snapshot.
///
/// # Errors
/// [`Error`] if a catalog or a feed template cannot be used, or the catalogs lack a build that was
/// published or served.
pub fn snapshot(config: &Config, served: &[String], now: i64) -> Result<Snapshot, Error> {
    primary_catalog(config)?;
    let catalogs = Catalogs::load(config)?;
    lost::require_published(config, &catalogs)?;
    lost::require_known(config, &catalogs, served)?;
    let merged = catalogs.merged()?;
    let mut report = Report::default();
    let urls = report.take(pages::addresses(config, &merged));
    let channels = channels::Channels::new(&merged, config, &urls, now);
    let stored = sidecars::list_stored(&config.changelogs)?;
    let changelogs = report.take(changelogs::gather(
        config,
        &merged,
        &stored,
        &Folders::new(config, None),
        &BTreeSet::new(),
    ));
    let projects = report.take(projects::gather(config, &merged, BTreeMap::new(), &stored));
    let notes = Notes {
        changelogs: &changelogs.changelogs,
        history: &projects.history,
    };
    let rendered = report.take(pages::render_channels(config, &channels, notes, &InMemory)?);
    report.set_totals(rendered.totals.clone());
    let until = |held: &Held| match held {
        Held::TooYoung(until) => Some(*until),
        _ => None,
    };
    Ok(Snapshot {
        pages: rendered.into_files(),
        next_change: channels.held.values().filter_map(until).min(),
        known: lost::names(&merged),
        packages: packages(&merged),
        deltas: render_deltas(&channels),
        channels: own(config, &channels),
        report,
    })
}

/// Keeps all pages in memory.
struct InMemory;

impl Sink for InMemory {
    type File = Page;

    fn known(&self, _part: &str, _digest: u64) -> Option<Vec<Page>> {
        None
    }

    fn take(&self, pages: Vec<Page>) -> Result<Vec<Page>, Error> {
        Ok(pages)
    }

    fn path(file: &Page) -> &str {
        &file.path
    }
}

fn packages(merged: &Catalog) -> BTreeSet<String> {
    let builds = merged.builds.values().map(|record| &record.build);
    builds.map(|build| build.path.clone()).collect()
}

/// Renders the answers to `get_delta`. If two channels have the same incrementals, the first is
/// used: phones do not send their channel.
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

/// Copies the channels. A build is in one channel for each name of its device, but in memory once.
fn own(config: &Config, channels: &Channels<'_>) -> BTreeMap<ChannelKey, OwnedChannel> {
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
        let owned = OwnedChannel {
            offers: channel.offers.iter().map(&mut to_owned).collect(),
            deltas: channel.deltas.iter().map(|d| to_owned(&d.offer)).collect(),
        };
        (key.clone(), owned)
    };
    channels.channels.iter().map(&mut own).collect()
}

/// Returns the address of the `.txt` or `.html` next to a package that the site itself serves, found
/// as LineageOTA finds it.
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
