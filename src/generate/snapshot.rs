//! A site in memory: the pages that `generate` would write, and what a server needs to answer
//! requests.
//!
//! In: the settings, and the catalogs and changelogs on disk; packages are not read. Out: a
//! [`Snapshot`], which borrows nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::folders::primary_catalog;
use super::sidecars::{self, Folders};
use super::sink::{Notes, Part, Sink};
use super::{Error, Report, changelogs, lost, pages, projects};
use crate::catalog::channels::{self, Channel, ChannelKey, Channels, Held, Offer};
use crate::catalog::{Catalog, Catalogs, Parsed, Record};
use crate::model::build::{Build, Kind};
use crate::model::config::{AddressSource, Config};
use crate::publish::feed::cm;

/// A package offered to phones.
#[derive(Clone, Debug)]
pub struct OwnedOffer {
    record: Arc<Record>,
    /// Its address.
    pub url: Arc<str>,
    /// Address of the text about its changes next to the package; empty if there is none.
    pub changes: Arc<str>,
}

impl OwnedOffer {
    /// Returns the build.
    #[must_use]
    pub fn build(&self) -> &Build {
        &self.record.build
    }
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
#[derive(Debug)]
pub struct Snapshot<F> {
    /// The files of devices, by the name of their part.
    pub parts: BTreeMap<String, Part<F>>,
    /// The files about all devices.
    pub of_site: Vec<F>,
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

/// Takes a snapshot of the site, whose files go to `sink`. `former` is the previous snapshot; of the
/// catalogs, only files that changed since they were `parsed` are read. `now` is in seconds since the epoch.
///
/// # Errors
/// [`Error`] if a catalog or a feed template cannot be used, or the catalogs lack a build that was
/// published or served.
pub fn snapshot<S: Sink>(
    config: &Config,
    parsed: &mut Parsed,
    former: Option<&Snapshot<S::File>>,
    sink: &S,
    now: i64,
) -> Result<Snapshot<S::File>, Error> {
    primary_catalog(config)?;
    let catalogs = Catalogs::load_changed(config, parsed)?;
    lost::require_published(config, &catalogs)?;
    if let Some(former) = former {
        lost::require_known(config, &catalogs, &former.known)?;
    }
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
    let rendered = report.take(pages::render_channels(config, &channels, notes, sink)?);
    report.set_totals(rendered.totals);
    let until = |held: &Held| match held {
        Held::TooYoung(until) => Some(*until),
        _ => None,
    };
    let parts = rendered.parts.into_iter();
    Ok(Snapshot {
        parts: parts.map(|part| (part.name.clone(), part)).collect(),
        of_site: rendered.of_site,
        next_change: channels.held.values().filter_map(until).min(),
        known: lost::names(&merged),
        packages: packages(&merged),
        deltas: render_deltas(&channels),
        channels: own(config, &channels, &merged),
        report,
    })
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

/// Makes channels that borrow nothing. A build is in one channel for each name of its device, but in memory once.
fn own<'a>(
    config: &Config,
    channels: &Channels<'a>,
    merged: &Catalog,
) -> BTreeMap<ChannelKey, OwnedChannel> {
    let mut known: HashMap<&str, OwnedOffer> = HashMap::new();
    let mut to_owned = |offer: &Offer<'a>| {
        let owned = known.entry(offer.build.identity());
        let owned = owned.or_insert_with_key(|identity| OwnedOffer {
            record: merged
                .builds
                .get_shared(identity)
                .expect("channels are made of it"),
            url: offer.url.into(),
            changes: changes(config, offer).into(),
        });
        owned.clone()
    };
    let mut own = |(key, channel): (&ChannelKey, &Channel<'a>)| {
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
