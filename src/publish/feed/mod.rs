//! Feeds for update clients, with one module for each format.
//!
//! In: [`Channel`]s and changelogs. Out: [`Page`]s. No I/O and no clock: the same input always gives
//! the same bytes.

pub mod build_pages;
pub mod cm;
pub mod lineageota;
mod list;
pub mod official;
mod shape;
pub mod template;
pub mod v1;
pub mod v2;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalog::channels::{Channel, ChannelKey, DeltaOffer, Offer, newest_first};
use crate::markup::changelog::Rendered;
use crate::model::build::{self, Device, Variant};
use crate::model::config::{Config, DeviceFeed};
use crate::publish::page::{Maker, Page};
use template::Templates;
use template::context::BuildContext;

pub use template::{LeftOut, Sites};

pub use shape::{Shape, shape};

/// Most full builds in the list of one incremental, besides the protected ones: a phone needs the
/// newest, and the lists of all incrementals grow with each build.
const MAX_LISTED: usize = 10;

/// Why feeds cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A template, or the page it made, is wrong.
    #[error("{}{}: {message}{}", .file, at_line(*.line), for_page(.page))]
    Template {
        /// The template.
        file: String,
        /// The line in it, counted from 1, if the error is in one line.
        line: Option<usize>,
        /// The subject of the page, if one was being rendered.
        page: Option<String>,
        /// What is wrong, in one line.
        message: String,
    },
    /// The settings give the pages of a template an invalid path.
    #[error("[[feed]] {name}: path `{}`: {reason}", .path.escape_debug())]
    Path {
        /// The template's name.
        name: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings make `{device}.json` from a template that makes no pages for devices.
    #[error(
        "device_feed = \"{name}\" needs a template with scope = \"device\"; {file} has scope = \"{}\"",
        .scope.as_str()
    )]
    DeviceFeed {
        /// The template's name.
        name: String,
        /// The template.
        file: String,
        /// Its scope.
        scope: template::front_matter::Scope,
    },
    /// The settings name a template that does not exist.
    #[error("device_feed = \"{name}\": there is no such template")]
    UnknownTemplate {
        /// The template's name.
        name: String,
    },
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

fn for_page(page: &Option<String>) -> String {
    page.as_ref()
        .map_or_else(String::new, |page| format!(" (for {page})"))
}

/// Feeds, and warnings about them.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    /// The feed files.
    pub pages: Vec<Page>,
    /// One line for each incremental that cannot be a path, and for each file that is longer than
    /// clients read.
    pub warnings: Vec<String>,
    /// Builds that templates leave out.
    pub left_out: LeftOut,
}

impl Feeds {
    /// Whether there is nothing to warn of.
    #[must_use]
    pub fn is_faultless(&self) -> bool {
        self.warnings.is_empty() && self.left_out.is_empty()
    }

    /// Adds the feeds of another part of the site.
    pub fn append(&mut self, other: Feeds) {
        self.pages.extend(other.pages);
        self.warnings.extend(other.warnings);
        self.left_out.append(other.left_out);
    }

    fn push(&mut self, path: String, bytes: impl Into<Arc<[u8]>>) {
        self.pages.push(Page {
            path,
            bytes: bytes.into(),
            maker: Maker::LineageOs,
            origin: None,
        });
    }

    /// Adds a feed, and warns if it is longer than every client reads.
    fn push_bounded(&mut self, path: String, bytes: impl Into<Arc<[u8]>>, max_size: usize) {
        let bytes = bytes.into();
        self.warn_if_long(&path, bytes.len(), max_size);
        self.push(path, bytes);
    }

    /// Warns about a feed that is longer than every client reads.
    fn warn_if_long(&mut self, path: &str, len: usize, max_size: usize) {
        if len > max_size {
            self.warnings.push(format!(
                "{path} has {len} bytes, and some updaters read no more than {max_size}; \
                 remove old versions from the catalog"
            ));
        }
    }
}

/// The channels of one device and variant.
type DeviceChannels<'l, 'a> = Vec<(&'l ChannelKey, &'l Channel<'a>)>;

/// All channels of one variant, by device name.
type Tree<'l, 'a> = BTreeMap<&'l Device, DeviceChannels<'l, 'a>>;

/// Channels by name: all of a site, or those of some devices.
pub type ChannelMap<'l, 'a> = BTreeMap<&'l ChannelKey, &'l Channel<'a>>;

/// Renders the feeds for all generations of clients: those of some devices, and those about all.
#[derive(Debug)]
pub struct Renderer<'l> {
    config: &'l Config,
    templates: Templates<'l>,
}

impl<'l> Renderer<'l> {
    /// Compiles the templates of the settings.
    ///
    /// # Errors
    /// [`Error`] if a feed template cannot be used.
    pub fn new(config: &'l Config) -> Result<Renderer<'l>, Error> {
        let templates = Templates::compile(config)?;
        Ok(Renderer { config, templates })
    }

    /// Whether feeds of single devices show other devices, so that they change with these.
    #[must_use]
    pub fn shows_others(&self) -> bool {
        self.templates.show_others()
    }

    /// Returns how many of the newest builds the pages about all devices show, at most.
    #[must_use]
    pub fn most_on_site_pages(&self) -> usize {
        self.templates.most_on_site_pages()
    }

    /// Renders the feeds of some devices; their builds are in no other channels. `pages` are the paths of the pages of
    /// builds, by identity.
    ///
    /// # Errors
    /// [`Error`] if a feed template cannot be used.
    pub fn of_devices(
        &self,
        channels: &ChannelMap<'_, '_>,
        sites: &Sites,
        changelogs: &Rendered,
        pages: &HashMap<&str, String>,
    ) -> Result<Feeds, Error> {
        let of_channels: Vec<Feeds> = channels
            .par_iter()
            .map(|(key, channel)| render_channel(key, channel, self.config, changelogs))
            .collect();
        let known = BuildContext {
            config: self.config,
            changelogs,
            pages,
        };
        let mut feeds = Feeds::default();
        of_channels.into_iter().for_each(|part| feeds.append(part));
        for (variant, tree) in &trees(channels) {
            let prefix = prefix(*variant);
            for (device, channels) in tree {
                render_device(&prefix, device, channels, self.config, &mut feeds);
                official::render_device(&prefix, device, channels, self.config, &mut feeds);
            }
            let templates = &self.templates;
            templates.render_devices(*variant, tree, known, sites, &mut feeds)?;
        }
        feeds.pages.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(feeds)
    }

    /// Renders all feeds at once.
    ///
    /// # Errors
    /// [`Error`] if a feed template cannot be used.
    pub fn all(
        &self,
        channels: &ChannelMap<'_, '_>,
        changelogs: &Rendered,
    ) -> Result<Feeds, Error> {
        let sites = Sites::new(channels, self.config);
        let pages = match self.config.theme.has_pages {
            true => build_pages::paths(channels),
            false => HashMap::new(),
        };
        let mut feeds = self.of_devices(channels, &sites, changelogs, &pages)?;
        feeds.append(self.of_site(channels, &sites, changelogs, &pages)?);
        Ok(feeds)
    }

    /// Renders the feeds about all devices, given all channels, or at least the newest build of each version in each and
    /// the [newest](Renderer::most_on_site_pages) of each variant. `pages` are the paths of the pages of builds, by
    /// identity.
    ///
    /// # Errors
    /// [`Error`] if a feed template cannot be used.
    pub fn of_site(
        &self,
        channels: &ChannelMap<'_, '_>,
        sites: &Sites,
        changelogs: &Rendered,
        pages: &HashMap<&str, String>,
    ) -> Result<Feeds, Error> {
        let known = BuildContext {
            config: self.config,
            changelogs,
            pages,
        };
        let mut feeds = Feeds::default();
        for (variant, tree) in &trees(channels) {
            official::render(&prefix(*variant), tree, self.config, &mut feeds);
            let templates = &self.templates;
            templates.render_site(*variant, tree, known, sites, &mut feeds)?;
        }
        feeds.pages.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(feeds)
    }
}

/// Sorts channels by variant and device.
fn trees<'l, 'a>(channels: &ChannelMap<'l, 'a>) -> BTreeMap<Option<&'l Variant>, Tree<'l, 'a>> {
    let mut trees: BTreeMap<Option<&Variant>, Tree<'_, '_>> = BTreeMap::new();
    for (key, channel) in channels {
        let tree = trees.entry(key.variant.as_ref()).or_default();
        tree.entry(&key.device).or_default().push((key, channel));
    }
    trees
}

/// Returns the folder of a variant's feeds.
fn prefix(variant: Option<&Variant>) -> String {
    variant.map_or_else(String::new, |variant| format!("{variant}/"))
}

/// Renders the lists of one device, variant and romtype.
fn render_channel(
    key: &ChannelKey,
    channel: &Channel<'_>,
    config: &Config,
    changelogs: &Rendered,
) -> Feeds {
    let mut feeds = Feeds::default();
    let prefix = prefix(key.variant.as_ref());
    let folder = format!("{prefix}api/v1/{}/{}", key.device, key.romtype);
    let list = v1::render(&channel.offers);
    feeds.push_bounded(format!("{folder}.json"), list, v1::MAX_SIZE);
    let upgrades = config.major_upgrades(key.device.as_str());
    let mut deltas: HashMap<&str, Vec<&DeltaOffer<'_>>> = HashMap::new();
    for delta in &channel.deltas {
        deltas.entry(delta.source).or_default().push(delta);
    }
    let mut rendered: HashMap<Vec<usize>, Arc<[u8]>> = HashMap::new();
    for (incremental, installed) in &channel.incrementals {
        if let Some(reason) = build::path_fault(incremental) {
            feeds.warnings.push(format!(
                "{} {}: incremental `{}` has no feed of its own: {reason}",
                key.device,
                key.romtype,
                incremental.escape_debug()
            ));
            continue;
        }
        let mut offers = channel.newer_than(installed, upgrades, MAX_LISTED);
        for delta in deltas.get(incremental).into_iter().flatten() {
            let is_target =
                |full: &Offer<'_>| full.build.identity() == delta.target.build.identity();
            if let Some(at) = offers.iter().position(is_target) {
                offers.insert(at, delta.offer);
            }
        }
        // Most incrementals of a long channel have the same list.
        let identity = offers
            .iter()
            .map(|o| std::ptr::from_ref(o.build).addr())
            .collect();
        let bytes = rendered
            .entry(identity)
            .or_insert_with(|| v1::render(&offers).into());
        feeds.push(format!("{folder}/{incremental}"), Arc::clone(bytes));
    }
    cm::render(key, channel, config, changelogs, &mut feeds);
    feeds
}

/// Renders the files with all builds of one device and variant.
fn render_device(
    prefix: &str,
    device: &Device,
    channels: &DeviceChannels<'_, '_>,
    config: &Config,
    feeds: &mut Feeds,
) {
    let mut offers: Vec<Offer<'_>> = channels
        .iter()
        .flat_map(|(_, channel)| channel.offers.clone())
        .collect();
    offers.sort_by(newest_first);
    let deltas: Vec<&DeltaOffer<'_>> = channels
        .iter()
        .flat_map(|(_, channel)| &channel.deltas)
        .collect();
    let v2: Arc<[u8]> = v2::render(&offers, &deltas).into();
    let root = format!("{prefix}{device}.json");
    match config.device_feed(device.as_str()) {
        DeviceFeed::V1 => feeds.push_bounded(root, v1::render(&offers), v1::MAX_SIZE),
        DeviceFeed::V2 => feeds.push_bounded(root, Arc::clone(&v2), v2::MAX_SIZE),
        // `Templates::render` makes it.
        DeviceFeed::Template(_) => {}
    }
    let path = format!("{prefix}api/v2/devices/{device}/builds");
    feeds.push_bounded(format!("{path}.json"), Arc::clone(&v2), v2::MAX_SIZE);
    // The address of LineageOS's own server, which docker-lineage-cicd builds into ROMs.
    feeds.push(path, v2);
}
