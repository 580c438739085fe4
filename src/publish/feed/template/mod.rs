//! Feeds in any other format, from templates: a text with a head that sets what its pages are about
//! and where they are.
//!
//! In: the templates of the settings, and the channels of one variant. Out: pages. Nothing is
//! rendered before all templates are compiled. A template can neither read files nor see the time,
//! so the same builds give the same bytes. [`mod@context`] defines the values in templates,
//! [`mod@front_matter`] the head; `tree` collects the values of a variant, `pages` renders.

pub mod context;
pub mod front_matter;
mod pages;
mod pattern;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::Value;

use self::context::BuildContext;
use self::front_matter::{FrontMatter, Scope};
use self::pattern::Pattern;
use self::tree::TreeValues;
use super::{ChannelMap, Error, Feeds, Tree};
use crate::catalog::channels::{Channel, ChannelKey, Offer};
use crate::markup::strings::Strings;
use crate::markup::template::engine::Engine;
use crate::model::build::{Device, Variant};
use crate::model::config::{Config, DeviceFeed, FeedConfig};
use crate::publish::page::Maker;

pub use crate::markup::template::engine::MAX_PAGE_SIZE;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../templates/feeds/", $name, ".j2")))),*]
    };
}

/// The templates that come with romfeed, by name.
pub const SHIPPED: [(&str, &str); 15] = shipped![
    "atom",
    "atom-site",
    "crdroid",
    "crdroid-16",
    "custota",
    "evolution-x",
    "forum",
    "grapheneos",
    "lineageota",
    "pixelos",
    "pixelos-17",
    "telegram",
    "v1",
    "v2",
    "v2-incremental",
];

/// The shipped templates for newsreaders; pages link to their feeds.
pub const FOR_PEOPLE: [&str; 2] = ["atom", "atom-site"];

/// Returns the text of a template that comes with romfeed.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static str> {
    let mut all = SHIPPED.iter();
    all.find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// All templates of the settings, compiled.
#[derive(Debug)]
pub(super) struct Templates<'a> {
    all: Vec<Template<'a>>,
    config: &'a Config,
}

#[derive(Debug)]
struct Template<'a> {
    feed: &'a FeedConfig,
    front: FrontMatter,
    pattern: Pattern,
    engine: Engine<'a>,
}

impl<'a> Template<'a> {
    fn compile(feed: &'a FeedConfig, strings: &Arc<Strings>) -> Result<Template<'a>, Error> {
        let fault = |line: Option<usize>, message: String| Error::Template {
            file: feed.file.clone(),
            line,
            page: None,
            message,
        };
        let front = front_matter::parse(&feed.text).map_err(|e| fault(Some(e.line), e.message))?;
        let pattern = Pattern::parse(&front.path, front.scope)
            .map_err(|reason| fault(Some(front.path_line), format!("path: {reason}")))?;
        let own_path = |path: &str, reason: String| Error::Path {
            name: feed.name.clone(),
            path: path.to_owned(),
            reason,
        };
        let pattern = match &feed.path {
            None => pattern,
            Some(path) => {
                Pattern::parse(path, front.scope).map_err(|reason| own_path(path, reason))?
            }
        };
        if !feed.variants.is_empty() && !pattern.names("variant") {
            let path = feed.path.as_ref().unwrap_or(&front.path);
            let reason = "it has no {variant}, so `variants` means nothing".to_owned();
            return Err(own_path(path, reason));
        }
        let mut engine =
            Engine::new(front.format, strings).map_err(|e| fault(e.line, e.message))?;
        engine
            .add(&feed.file, &feed.text)
            .map_err(|e| fault(e.line, e.message))?;
        Ok(Template {
            feed,
            front,
            pattern,
            engine,
        })
    }

    /// Returns the maker of its pages. A file that differs from the shipped template of its name is
    /// the user's own.
    fn maker(&self) -> Maker {
        let name = self.feed.name.clone();
        match shipped(&name) == Some(&*self.feed.text) {
            true => Maker::Shipped(name),
            false => Maker::Own {
                name,
                format: self.front.format,
            },
        }
    }

    /// Whether its page is about all devices.
    fn is_of_site(&self) -> bool {
        self.front.scope == Scope::Site
    }

    /// Whether the settings make the `{device}.json` of a device from this template.
    fn is_device_feed(&self, model: &Device, config: &Config) -> bool {
        let feed = config.device_feed(model.as_str());
        matches!(feed, DeviceFeed::Template(name) if *name == self.feed.name)
    }

    fn error(&self, page: &str, line: Option<usize>, message: String) -> Error {
        Error::Template {
            file: self.feed.file.clone(),
            line,
            page: Some(page.to_owned()),
            message,
        }
    }
}

impl<'a> Templates<'a> {
    /// Compiles the templates of the settings.
    ///
    /// # Errors
    /// [`Error`]: a wrong head or body, or a `device_feed` with another scope.
    pub(super) fn compile(config: &'a Config) -> Result<Templates<'a>, Error> {
        let all: Vec<Template<'a>> = config
            .feeds
            .iter()
            .map(|feed| Template::compile(feed, &config.theme.strings))
            .collect::<Result<_, _>>()?;
        let of_devices = config.devices.values().map(|d| d.device_feed.as_ref());
        for feed in of_devices.flatten().chain([&config.device_feed]) {
            let DeviceFeed::Template(name) = feed else {
                continue;
            };
            match all.iter().find(|template| template.feed.name == *name) {
                None => return Err(Error::UnknownTemplate { name: name.clone() }),
                Some(template) if template.front.scope != Scope::Device => {
                    return Err(Error::DeviceFeed {
                        name: name.clone(),
                        file: template.feed.file.clone(),
                        scope: template.front.scope,
                    });
                }
                Some(_) => {}
            }
        }
        Ok(Templates { all, config })
    }

    /// Returns how many of the newest builds of each variant the pages about all devices show, at most.
    pub(super) fn most_on_site_pages(&self) -> usize {
        let of_site = self.all.iter().filter(|template| template.is_of_site());
        // Builds that lack a fact are left out, and older ones take their places.
        let limit = |front: &FrontMatter| front.limit.filter(|_| front.requires.is_empty());
        let limits = of_site.map(|template| limit(&template.front).unwrap_or(usize::MAX));
        limits.max().unwrap_or_default()
    }

    /// Whether pages of single devices may show other devices.
    pub(super) fn show_others(&self) -> bool {
        let mut of_devices = self.all.iter().filter(|template| !template.is_of_site());
        of_devices.any(|template| shows_others(&template.feed.text))
    }

    /// Renders the pages of some devices of one variant.
    ///
    /// # Errors
    /// [`Error::Template`] for the first page that cannot be rendered.
    pub(super) fn render_devices(
        &self,
        variant: Option<&Variant>,
        tree: &Tree<'_, '_>,
        known: BuildContext<'_>,
        sites: &Sites,
        feeds: &mut Feeds,
    ) -> Result<(), Error> {
        let of_devices = self.all.iter().filter(|template| !template.is_of_site());
        let templates: Vec<&Template<'_>> = of_devices.collect();
        if templates.is_empty() {
            return Ok(());
        }
        let site = sites.of(variant);
        let all = TreeValues::of_devices(variant, tree, known, &site);
        for template in templates {
            let lacking = all.lacking(template, self.config);
            if lacking.is_empty() {
                all.render_all(template, self.config, feeds)?;
                continue;
            }
            let fit = fit_channels(tree, &lacking);
            feeds.left_out.add(template.feed, variant, &lacking);
            let fit = as_tree(&fit);
            let fit = TreeValues::of_devices(variant, &fit, known, &site);
            fit.render_all(template, self.config, feeds)?;
        }
        Ok(())
    }

    /// Renders the pages about all devices of one variant.
    ///
    /// # Errors
    /// [`Error::Template`] for the first page that cannot be rendered.
    pub(super) fn render_site(
        &self,
        variant: Option<&Variant>,
        tree: &Tree<'_, '_>,
        known: BuildContext<'_>,
        sites: &Sites,
        feeds: &mut Feeds,
    ) -> Result<(), Error> {
        let of_site = self.all.iter().filter(|template| template.is_of_site());
        for template in of_site.filter(|template| template.feed.is_enabled) {
            let lacking = tree::lacking_of_site(tree, template, known);
            if lacking.is_empty() {
                let values =
                    TreeValues::of_site(variant, tree, known, &sites.of(variant), template);
                values.render_all(template, self.config, feeds)?;
                continue;
            }
            feeds.left_out.add(template.feed, variant, &lacking);
            let channels = fit_channels(tree, &lacking);
            let fit = as_tree(&channels);
            let site = context::site_value(variant, &fit, self.config);
            let values = TreeValues::of_site(variant, &fit, known, &site, template);
            values.render_all(template, self.config, feeds)?;
        }
        Ok(())
    }
}

/// Returns the channels of a tree without the builds that lack a fact.
fn fit_channels<'l, 'a>(
    tree: &Tree<'l, 'a>,
    lacking: &Lacking<'a>,
) -> Vec<(&'l ChannelKey, Channel<'a>)> {
    let without: BTreeSet<&str> = lacking
        .values()
        .flat_map(|lack| &lack.ids)
        .copied()
        .collect();
    let is_fit = |offer: &Offer<'_>| !without.contains(offer.build.identity());
    tree.values()
        .flatten()
        .map(|(key, channel)| (*key, channel.only(&is_fit)))
        .collect()
}

fn as_tree<'l, 'a>(channels: &'l [(&'l ChannelKey, Channel<'a>)]) -> Tree<'l, 'a> {
    let mut tree: Tree<'_, '_> = BTreeMap::new();
    for (key, channel) in channels {
        tree.entry(&key.device).or_default().push((key, channel));
    }
    tree
}

/// Whether a template may show more of `site` than its own name and address. Its text alone is looked at, and
/// doubts count as yes.
fn shows_others(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let is_plain = |name: &str| ["site.name", "site.base_url", "site.variant"].contains(&name);
    let mut words = text.split(|c| !is_word(c));
    words.any(|word| (word == "site" || word.starts_with("site.")) && !is_plain(word))
}

/// Builds that a template leaves out for lack of a fact, by that fact.
type Lacking<'a> = BTreeMap<&'static str, Lack<'a>>;

/// Builds without a fact that a template's clients need.
#[derive(Default)]
struct Lack<'a> {
    /// Their identities.
    ids: BTreeSet<&'a str>,
    /// The file name of the newest.
    newest: &'a str,
}

/// The builds that templates leave out, by variant, template and missing fact.
#[derive(Clone, Debug, Default)]
pub struct LeftOut(BTreeMap<(Option<String>, String, &'static str), NumLeftOut>);

#[derive(Clone, Debug)]
struct NumLeftOut {
    num: usize,
    /// The file name of the newest, of the first device that has some.
    newest: String,
}

impl LeftOut {
    /// Whether no build is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, feed: &FeedConfig, variant: Option<&Variant>, lacking: &Lacking<'_>) {
        for (fact, lack) in lacking {
            let key = (variant.map(ToString::to_string), feed.name.clone(), *fact);
            let left_out = NumLeftOut {
                num: lack.ids.len(),
                newest: lack.newest.to_owned(),
            };
            self.0.insert(key, left_out);
        }
    }

    /// Adds those of other devices.
    pub fn append(&mut self, other: LeftOut) {
        for (key, more) in other.0 {
            let known = self.0.entry(key);
            known
                .and_modify(|known| known.num += more.num)
                .or_insert(more);
        }
    }

    /// Returns a warning for each fact that keeps builds out of a template's pages.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((_, name, fact), left_out)| {
            let newest = left_out.newest.escape_debug();
            let builds = match left_out.num - 1 {
                0 => format!("`{newest}`, which has no {fact}"),
                others => format!(
                    "{} builds that have no {fact}: `{newest}` and {others} older",
                    others + 1
                ),
            };
            let fix = match *fact {
                "csig_url" | "vbmeta_digest" => "put its .csig next to the zip",
                "changelog" | "changelog_html" => "write one",
                "sdk_level" | "android" | "security_patch" | "incremental" => {
                    "put the zip into builds/ to have it read, or set it with an [[override]]"
                }
                _ => "put the zip into builds/ to have it read",
            };
            format!("template `{name}` leaves out {builds}; {fix}")
        })
    }
}

/// The values `site` of all variants.
#[derive(Debug)]
pub struct Sites(BTreeMap<Option<Variant>, Value>);

impl Sites {
    /// Describes the site, given all channels.
    #[must_use]
    pub fn new(channels: &ChannelMap<'_, '_>, config: &Config) -> Sites {
        let trees = super::trees(channels);
        let sites = trees.iter().map(|(variant, tree)| {
            let site = context::site_value(*variant, tree, config);
            (variant.cloned(), site)
        });
        Sites(sites.collect())
    }

    /// Returns all values as a text.
    #[must_use]
    pub fn describe(&self) -> String {
        let sites = self.0.values().map(|site| {
            serde_json::to_string(site).expect("the values are texts, numbers, lists and maps")
        });
        sites.collect()
    }

    fn of(&self, variant: Option<&Variant>) -> Value {
        self.0.get(&variant.cloned()).cloned().unwrap_or_default()
    }
}
