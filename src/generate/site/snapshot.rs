//! A site in memory: the pages that `generate` would write, and what a server needs to answer
//! requests.
//!
//! In: the settings, and the catalogs and changelogs on disk; packages are not read. Out: a
//! [`Snapshot`], which borrows nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::error::Error;
use super::super::folders::primary_catalog;
use super::super::lost;
use super::super::report::Report;
use super::describe::Early;
use super::memory::Memory;
use super::notes::Notes;
use super::pages::Site;
use super::sink::{Part, Sink};
use super::sketches::Sketches;
use super::stock::Stock;
use crate::catalog::channels::{Channel, ChannelKey, Channels, Offer};
use crate::catalog::{Catalog, Catalogs, Parsed, Record};
use crate::model::build::{Build, Kind};
use crate::model::config::{AddressSource, Config};
use crate::publish::feed::cm;
use crate::publish::page::Page;

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
    let notes = Notes::local(config)?;
    let (stock, memory) = (Stock::loaded(&merged), Memory::new(config));
    let site = Site {
        config,
        stock: &stock,
        sketches: &Sketches::new(config, &stock, &memory, &|_, _, _| ())?,
        notes: &notes,
        now,
        memory: &memory,
        early: &Early::default(),
    };
    let serving = Serving {
        config,
        sink,
        seen: Mutex::default(),
    };
    let rendered = report.take(site.render(&serving)?);
    report.append(notes.into_found().log);
    report.set_totals(rendered.totals);
    let Seen { channels, deltas } = serving
        .seen
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let mut answers = BTreeMap::new();
    // If two channels have the same incrementals, the first is used: phones do not send their channel.
    for (ends, answer) in deltas.into_values().flatten() {
        answers.entry(ends).or_insert(answer);
    }
    let parts = rendered.parts.into_iter();
    Ok(Snapshot {
        parts: parts.map(|part| (part.name.clone(), part)).collect(),
        of_site: rendered.of_site,
        next_change: rendered.next_change,
        known: lost::names(&merged),
        packages: packages(&merged),
        deltas: answers,
        channels,
        report,
    })
}

/// Lets a server see the channels of a site that goes to a sink.
struct Serving<'l, S> {
    config: &'l Config,
    sink: &'l S,
    seen: Mutex<Seen>,
}

/// The answers to `get_delta` of one channel, by the incrementals of source and target.
type Answers = Vec<((String, String), Vec<u8>)>;

/// What a server needs of the channels of a site.
#[derive(Default)]
struct Seen {
    channels: BTreeMap<ChannelKey, OwnedChannel>,
    deltas: BTreeMap<ChannelKey, Answers>,
}

impl<S: Sink> Sink for Serving<'_, S> {
    type File = S::File;

    fn known(&self, part: &str, digest: u64) -> Option<Vec<S::File>> {
        self.sink.known(part, digest)
    }

    fn take(&self, pages: Vec<Page>) -> Result<Vec<S::File>, Error> {
        self.sink.take(pages)
    }

    fn see(&self, catalog: &Catalog, channels: &Channels<'_>) {
        let owned = own(self.config, channels, catalog);
        let deltas = channels.channels.iter();
        let deltas: Vec<(ChannelKey, Answers)> = deltas
            .map(|(key, channel)| (key.clone(), render_deltas(channel)))
            .collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.channels.extend(owned);
        seen.deltas.extend(deltas);
    }

    fn path(file: &S::File) -> &str {
        S::path(file)
    }
}

fn packages(merged: &Catalog) -> BTreeSet<String> {
    let builds = merged.builds.values().map(|record| &record.build);
    builds.map(|build| build.path.clone()).collect()
}

/// Renders the answers to `get_delta` of a channel.
fn render_deltas(channel: &Channel<'_>) -> Answers {
    let answers = channel.deltas.iter().filter_map(|delta| {
        let target = delta.target.build.incremental.as_deref()?;
        let ends = (delta.source.to_owned(), target.to_owned());
        Some((ends, cm::render_delta(channel, delta.source, target)))
    });
    answers.collect()
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
