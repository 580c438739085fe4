//! Renders all files of the site, part by part, and warns of what phones may stumble over.
//!
//! Only the builds of the parts that are being rendered need be in memory: pages about all devices are made from the
//! [overviews](Overview) of the parts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;

use super::super::error::Error;
use super::super::hash::hash;
use super::super::report::{FEEDS, Log};
use super::describe::{Describer, Displaced, Early, Sorter};
use super::memory::Memory;
use super::notes::{NewTexts, Notes};
use super::outline::{Newest, Outline};
use super::overview::{self, Overview};
use super::parts::{self, PartPlan};
use super::sink::{Part, Rendered, Sink};
use super::sketches::Sketches;
use super::stock::Stock;
use super::{settings_digest, warnings};
use crate::catalog::channels::{self, Channel, ChannelKey, Channels, Offer};
use crate::ingest::projects::{History, Since};
use crate::markup::changelog;
use crate::model::build::{Build, Variant};
use crate::model::config::Config;
use crate::publish::feed::{self, ChannelMap, Feeds, Sites};
use crate::publish::page::Page;
use crate::publish::site::{self, Known};

/// The most builds of a page about all devices for which the builds of other parts are remembered.
const MAX_REMEMBERED: usize = 1000;

/// What the files of a site are made from.
pub(super) struct Site<'a> {
    pub(super) config: &'a Config,
    pub(super) stock: &'a Stock<'a>,
    pub(super) sketches: &'a Sketches,
    pub(super) notes: &'a Notes<'a>,
    /// The time, in seconds since the epoch.
    pub(super) now: i64,
    pub(super) memory: &'a Memory,
    /// Descriptions of files that were read for their sketches.
    pub(super) early: &'a Early,
}

impl Site<'_> {
    /// Renders all files.
    pub(super) fn render<S: Sink>(&self, sink: &S) -> Result<(Rendered<S::File>, Log), Error> {
        let config = self.config;
        let feeds = feed::Renderer::new(config)?;
        let most = feeds.most_on_site_pages();
        let plans = self.plan()?;
        let (overviews, newest, mut log) = self.overviews(&plans, most, sink)?;
        let (totals, reported) = overview::report(&overviews, self.now);
        log.append(reported);
        log.append(warnings::language(config));
        let channels: Vec<(&ChannelKey, Channel<'_>)> = overviews
            .iter()
            .flat_map(|overview| overview.outline.channels())
            .collect();
        let all: ChannelMap<'_, '_> = channels
            .iter()
            .map(|(key, channel)| (*key, channel))
            .collect();
        let outlines = || overviews.iter().map(|overview| &overview.outline);
        let about = AboutAll::new(&all, outlines(), self.notes, &feeds);
        let sites = Sites::new(&all, config);
        let mut of_site = feeds.of_site(&all, &sites, &about.shown, &about.pages)?;
        let is_site_atom = |page: &Page| page.path == site::SITE_ATOM;
        let pages = site::Renderer::new(config, of_site.pages.iter().any(is_site_atom))?;
        let common = parts::common(&feeds, &sites, &of_site);
        let renderer = PartRenderer {
            site: self,
            displaced: &plans.displaced,
            feeds,
            sites,
            pages,
            sink,
        };
        let parts = renderer.render_all(&plans.parts, &overviews, common, &mut of_site)?;
        log.append(warn_of_feeds(&of_site));
        let of_parts = parts.iter().flat_map(|part| &part.files).map(S::path);
        let of_parts = of_parts.chain(of_site.pages.iter().map(|page| &*page.path));
        let html = renderer.pages.of_site(&all, of_parts, about.known())?;
        let mut files = sink.take(of_site.pages)?;
        files.extend(sink.take(html)?);
        let next_change = overviews.iter().filter_map(Overview::next_change).min();
        let (overviews, newest) = match most > MAX_REMEMBERED {
            true => (Vec::new(), Newest::default()),
            false => (overviews, newest),
        };
        let rendered = Rendered {
            parts,
            overviews,
            newest,
            next_change,
            of_site: files,
            totals,
        };
        Ok((rendered, log))
    }

    /// Divides the site into parts.
    fn plan(&self) -> Result<Plans, Error> {
        let shared = self.sketches.shared_addresses();
        Ok(Plans {
            parts: parts::divide(self.config, self.sketches),
            displaced: match shared.is_empty() {
                true => Displaced::default(),
                false => self.displaced(&shared)?,
            },
            shared,
            new: self.notes.new_texts(),
        })
    }

    /// Finds the builds whose address is that of a newer build. An address serves one file, so if several builds have the
    /// same address, only the newest is offered.
    fn displaced(&self, shared: &HashSet<u64>) -> Result<Displaced, Error> {
        let mut owners: HashMap<String, (i64, String, String)> = HashMap::new();
        let mut displaced = Vec::new();
        for file in self.sketches.files_with(shared) {
            let catalog = self.stock.load(&BTreeSet::from([file.to_owned()]))?;
            for record in catalog.builds.values().filter(|record| record.is_offered()) {
                let build = &record.build;
                let Some((url, _)) = self.config.address(build) else {
                    continue;
                };
                if !shared.contains(&hash(&*url)) {
                    continue;
                }
                let newness = (
                    build.timestamp,
                    build.path.clone(),
                    build.identity().to_owned(),
                );
                match owners.get_mut(&url) {
                    None => {
                        owners.insert(url, newness);
                    }
                    Some(owner) => {
                        let older = match newness > *owner {
                            true => std::mem::replace(owner, newness),
                            false => newness,
                        };
                        displaced.push((older.2, url));
                    }
                }
            }
        }
        let reasons = displaced.into_iter().map(|(identity, url)| {
            let owner = owners[&url].1.escape_debug();
            let reason = format!("its download address is also that of {owner}: {url}");
            (identity, reason)
        });
        Ok(reasons.collect())
    }

    /// Describes all parts, and returns the last of the newest builds in these descriptions.
    fn overviews<S: Sink>(
        &self,
        plans: &Plans,
        most: usize,
        sink: &S,
    ) -> Result<(Vec<Overview>, Newest, Log), Error> {
        let nothing = Memory::default();
        for memory in [self.memory, &nothing] {
            let (mut overviews, log) = self.overviews_with(plans, most, sink, memory)?;
            let newest = Newest::of(overviews.iter().map(|overview| &overview.outline), most);
            // Builds that were not among the newest may be now, and are not remembered.
            if !memory.newest.cover(&newest) {
                continue;
            }
            for overview in &mut overviews {
                let is_newest = |key: &ChannelKey, _: usize, offer: &Offer<'_>| {
                    newest.has(key.variant.as_ref(), offer.build)
                };
                overview.outline = overview.outline.trimmed(&is_newest);
            }
            return Ok((overviews, newest, log));
        }
        unreachable!("nothing is missing if nothing is remembered")
    }

    fn overviews_with<S: Sink>(
        &self,
        plans: &Plans,
        most: usize,
        sink: &S,
        memory: &Memory,
    ) -> Result<(Vec<Overview>, Log), Error> {
        let settings = settings_digest::digest(self.config);
        let describer = Describer {
            sorter: self.sorter(&plans.displaced),
            notes: self.notes,
            most,
        };
        let overview = |plan: &PartPlan| {
            let early = self.early.take(plan, self.sketches);
            let notes = (self.notes, &plans.new);
            let digest = plan.digest(settings, self.sketches, notes, &plans.shared);
            if let Some(known) = memory.overview(&plan.name, digest, self.now) {
                return Ok((known.clone(), Log::default()));
            }
            let early = early.filter(|_| digest.is_some());
            let (mut overview, log) = match early {
                Some(early) => early,
                None => {
                    let catalog = self.stock.load(&plan.files)?;
                    let see = |channels: &Channels<'_>| sink.see(&catalog, channels);
                    describer.describe(&catalog, &plan.names, see)
                }
            };
            overview.digest = digest.filter(|_| log.faults.is_empty());
            Ok((overview, log))
        };
        let found: Vec<Result<(Overview, Log), Error>> =
            plans.parts.par_iter().map(overview).collect();
        let mut all = Log::default();
        let mut overviews = Vec::with_capacity(found.len());
        for found in found {
            overviews.push(all.take(found?));
        }
        Ok((overviews, all))
    }

    fn sorter<'s>(&'s self, displaced: &'s Displaced) -> Sorter<'s> {
        Sorter {
            config: self.config,
            now: self.now,
            displaced,
        }
    }
}

/// Reports what is wrong with feeds.
fn warn_of_feeds(feeds: &Feeds) -> Log {
    let mut log = Log::default();
    let warnings = feeds.warnings.iter().cloned();
    for text in warnings.chain(feeds.left_out.warnings()) {
        log.warn(FEEDS, text);
    }
    log
}

/// The parts of a site before they are rendered, and what several of them have in common.
struct Plans {
    parts: Vec<PartPlan>,
    /// The addresses that several builds have.
    shared: HashSet<u64>,
    displaced: Displaced,
    new: NewTexts,
}

/// What pages about all devices show, besides their builds.
struct AboutAll<'o> {
    shown: changelog::Rendered,
    /// Paths of the pages of builds, by identity.
    pages: HashMap<&'o str, String>,
    history: History,
}

impl<'o> AboutAll<'o> {
    fn new(
        all: &ChannelMap<'_, 'o>,
        outlines: impl Iterator<Item = &'o Outline>,
        notes: &Notes<'_>,
        feeds: &feed::Renderer<'_>,
    ) -> AboutAll<'o> {
        let (mut pages, mut history) = (HashMap::new(), History::new());
        for shown in outlines.flat_map(Outline::builds) {
            let build = &shown.record.build;
            pages.extend(shown.page.clone().map(|page| (build.identity(), page)));
            if shown.has_projects {
                // These pages show only that there are some.
                history.insert(build.filename.clone(), Since::default());
            }
        }
        let shown = shown_on_site(feeds, all);
        let builds: Vec<&Build> = shown.values().copied().collect();
        let changelogs = notes.of_builds(&builds);
        AboutAll {
            shown: changelog::render(&changelogs, &shown.into_keys().collect()),
            pages,
            history,
        }
    }

    fn known(&self) -> Known<'_> {
        Known {
            changelogs: &self.shown,
            history: &self.history,
            pages: &self.pages,
        }
    }
}

/// Returns the builds whose changelogs pages about all devices may show, by file name.
fn shown_on_site<'a>(
    feeds: &feed::Renderer<'_>,
    all: &ChannelMap<'_, 'a>,
) -> BTreeMap<&'a str, &'a Build> {
    let named = |offer: &Offer<'a>| (offer.build.filename.as_str(), offer.build);
    let mut by_variant: BTreeMap<Option<&Variant>, Vec<&Offer<'a>>> = BTreeMap::new();
    for (key, channel) in all {
        let offers = by_variant.entry(key.variant.as_ref()).or_default();
        offers.extend(&channel.offers);
    }
    let newest = all.values().filter_map(|channel| channel.offers.first());
    let mut shown: BTreeMap<&str, &Build> = newest.map(named).collect();
    for mut offers in by_variant.into_values() {
        offers.sort_by(|a, b| channels::newest_first(a, b));
        // A device with two names has each build twice.
        offers.dedup_by_key(|offer| offer.build.identity());
        let most = feeds.most_on_site_pages();
        shown.extend(offers.into_iter().take(most).map(named));
    }
    shown
}

/// Renders the parts of a site.
struct PartRenderer<'l, S> {
    site: &'l Site<'l>,
    displaced: &'l Displaced,
    feeds: feed::Renderer<'l>,
    sites: Sites,
    pages: site::Renderer<'l>,
    sink: &'l S,
}

/// A part, and the warnings about its feeds.
type RenderedPart<F> = (Part<F>, Feeds);

impl<S: Sink> PartRenderer<'_, S> {
    /// Renders all parts; warnings about their feeds go to `feeds`.
    fn render_all(
        &self,
        plans: &[PartPlan],
        overviews: &[Overview],
        common: u64,
        feeds: &mut Feeds,
    ) -> Result<Vec<Part<S::File>>, Error> {
        let parts = plans.par_iter().zip(overviews);
        let parts = parts.map(|(plan, overview)| self.render(plan, overview.digest_with(common)));
        let rendered: Vec<Result<RenderedPart<S::File>, Error>> = parts.collect();
        let mut parts = Vec::with_capacity(rendered.len());
        for part in rendered {
            let (part, of_part) = part?;
            parts.push(part);
            feeds.append(of_part);
        }
        Ok(parts)
    }

    /// Renders a part; `digest` is one of all that its files are made from.
    fn render(&self, plan: &PartPlan, digest: Option<u64>) -> Result<RenderedPart<S::File>, Error> {
        let part = |files, has_warnings| Part {
            name: plan.name.clone(),
            digest,
            files,
            has_warnings,
        };
        let known = digest.and_then(|digest| self.sink.known(&plan.name, digest));
        if let Some(files) = known {
            return Ok((part(files, false), Feeds::default()));
        }
        let site = self.site;
        let catalog = site.stock.load(&plan.files)?;
        let sorter = site.sorter(self.displaced);
        sorter.with_channels(&catalog, &plan.names, |channels, _| {
            let notes = site.notes.of_part(&plan.name, &catalog);
            let channels: ChannelMap<'_, '_> = channels.channels.iter().collect();
            let offers = channels.values().flat_map(|channel| &channel.offers);
            let deltas = channels.values().flat_map(|channel| &channel.deltas);
            let builds = offers.chain(deltas.map(|delta| &delta.offer));
            let names = builds.map(|offer| offer.build.filename.as_str()).collect();
            let changelogs = changelog::render(&notes.changelogs, &names);
            let pages = match site.config.theme.has_pages {
                true => feed::build_pages::paths(&channels),
                false => HashMap::new(),
            };
            let mut feeds = self
                .feeds
                .of_devices(&channels, &self.sites, &changelogs, &pages)?;
            let known = Known {
                changelogs: &changelogs,
                history: &notes.history,
                pages: &pages,
            };
            let pages = self.pages.of_devices(&channels, &feeds.pages, known)?;
            let mut files = self.sink.take(std::mem::take(&mut feeds.pages))?;
            files.extend(self.sink.take(pages)?);
            let has_warnings = notes.has_warnings || !feeds.is_faultless();
            Ok((part(files, has_warnings), feeds))
        })
    }
}
