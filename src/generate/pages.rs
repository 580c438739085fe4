//! Renders all files of the site from the catalog, part by part, and warns of what phones may stumble over.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;

use super::report::{Event, FEEDS, Log, Totals};
use super::sink::{Notes, Part, Rendered, Sink};
use super::{Error, parts, warnings};
use crate::catalog::Catalog;
use crate::catalog::channels::{self, Channel, ChannelKey, Channels, Held, Offer};
use crate::markup::changelog;
use crate::model::build::{Build, Device, Variant};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::publish::feed::{self, ChannelMap, Feeds, Sites};
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

/// Renders all files of the site.
pub(super) fn render<S: Sink>(
    config: &Config,
    merged: &Catalog,
    notes: Notes<'_>,
    now: i64,
    sink: &S,
) -> Result<(Rendered<S::File>, Log), Error> {
    let (urls, mut log) = addresses(config, merged);
    let channels = channels::Channels::new(merged, config, &urls, now);
    let rendered = log.take(render_channels(config, &channels, notes, sink)?);
    Ok((rendered, log))
}

/// Renders all files of the site from its channels.
pub(super) fn render_channels<S: Sink>(
    config: &Config,
    Channels {
        channels,
        held,
        withheld,
    }: &Channels<'_>,
    notes: Notes<'_>,
    sink: &S,
) -> Result<(Rendered<S::File>, Log), Error> {
    let mut log = report_held(held);
    log.append(warnings::shared_names(config, channels));
    log.append(warnings::withheld(withheld));
    log.append(warnings::look_alikes(channels));
    log.append(warnings::language(config));
    let all: ChannelMap<'_, '_> = channels.iter().collect();
    let feeds = feed::Renderer::new(config)?;
    let sites = Sites::new(&all, config);
    let shown = changelog::render(notes.changelogs, &shown_on_site(&feeds, &all));
    let mut of_site = feeds.of_site(&all, &sites, &shown)?;
    let is_site_atom = |page: &Page| page.path == site::SITE_ATOM;
    let pages = site::Renderer::new(site::PageContext {
        config,
        changelogs: &shown,
        history: notes.history,
        has_site_atom: of_site.pages.iter().any(is_site_atom),
    })?;
    let renderer = PartRenderer {
        notes,
        common: parts::common(config, &feeds, &sites, &of_site),
        feeds,
        sites,
        pages,
        sink,
    };
    let divided: Vec<(&Device, ChannelMap<'_, '_>)> = parts::divide(channels).into_iter().collect();
    let rendered: Vec<Result<RenderedPart<S::File>, Error>> = divided
        .par_iter()
        .map(|(name, channels)| renderer.render(name, channels))
        .collect();
    let mut parts = Vec::new();
    for part in rendered {
        let (part, feeds) = part?;
        parts.push(part);
        of_site.append(feeds);
    }
    for text in of_site
        .warnings
        .iter()
        .cloned()
        .chain(of_site.left_out.warnings())
    {
        log.warn(FEEDS, text);
    }
    let of_parts = parts.iter().flat_map(|part| &part.files).map(S::path);
    let of_parts = of_parts.chain(of_site.pages.iter().map(|page| &*page.path));
    let html = renderer.pages.of_site(&all, of_parts)?;
    let mut files = sink.take(of_site.pages)?;
    files.extend(sink.take(html)?);
    let rendered = Rendered {
        parts,
        of_site: files,
        totals: count_offers(channels),
    };
    Ok((rendered, log))
}

/// Returns the file names of the builds whose changelogs pages about all devices may show.
fn shown_on_site<'a>(feeds: &feed::Renderer<'_>, all: &ChannelMap<'_, 'a>) -> BTreeSet<&'a str> {
    let name = |offer: &Offer<'a>| offer.build.filename.as_str();
    let mut by_variant: BTreeMap<Option<&Variant>, Vec<&Offer<'a>>> = BTreeMap::new();
    for (key, channel) in all {
        let offers = by_variant.entry(key.variant.as_ref()).or_default();
        offers.extend(&channel.offers);
    }
    let newest = all.values().filter_map(|channel| channel.offers.first());
    let mut shown: BTreeSet<&str> = newest.map(name).collect();
    for mut offers in by_variant.into_values() {
        offers.sort_by(|a, b| channels::newest_first(a, b));
        // A device with two names has each build twice.
        offers.dedup_by_key(|offer| offer.build.identity());
        shown.extend(
            offers
                .into_iter()
                .take(feeds.most_on_site_pages())
                .map(name),
        );
    }
    shown
}

/// Renders the parts of a site.
struct PartRenderer<'l, S> {
    notes: Notes<'l>,
    common: u64,
    feeds: feed::Renderer<'l>,
    sites: Sites,
    pages: site::Renderer<'l>,
    sink: &'l S,
}

/// A part, and the warnings about its feeds.
type RenderedPart<F> = (Part<F>, Feeds);

impl<S: Sink> PartRenderer<'_, S> {
    fn render(
        &self,
        name: &Device,
        channels: &ChannelMap<'_, '_>,
    ) -> Result<RenderedPart<S::File>, Error> {
        let digest = parts::digest(channels, self.notes, self.common);
        let part = |files, has_warnings| Part {
            name: name.to_string(),
            digest,
            files,
            has_warnings,
        };
        if let Some(files) = self.sink.known(name.as_str(), digest) {
            return Ok((part(files, false), Feeds::default()));
        }
        let offers = channels.values().flat_map(|channel| &channel.offers);
        let deltas = channels.values().flat_map(|channel| &channel.deltas);
        let builds = offers.chain(deltas.map(|delta| &delta.offer));
        let names = builds.map(|offer| offer.build.filename.as_str()).collect();
        let changelogs = changelog::render(self.notes.changelogs, &names);
        let mut feeds = self.feeds.of_devices(channels, &self.sites, &changelogs)?;
        let pages = self.pages.of_devices(channels, &changelogs, &feeds.pages)?;
        let mut files = self.sink.take(std::mem::take(&mut feeds.pages))?;
        files.extend(self.sink.take(pages)?);
        Ok((part(files, !feeds.is_faultless()), feeds))
    }
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
