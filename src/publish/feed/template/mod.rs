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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use self::context::BuildContext;
use self::front_matter::{FrontMatter, Scope};
use self::pattern::Pattern;
use self::tree::TreeValues;
use super::{Error, Feeds, Tree};
use crate::catalog::channels::{Channel, ChannelKey, Offer};
use crate::markup::changelog::Rendered;
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

    /// Renders the pages of one variant.
    ///
    /// # Errors
    /// [`Error::Template`] for the first page that cannot be rendered.
    pub(super) fn render(
        &self,
        variant: Option<&Variant>,
        tree: &Tree<'_, '_>,
        changelogs: &Rendered,
        pages: &HashMap<&str, String>,
        feeds: &mut Feeds,
    ) -> Result<(), Error> {
        if self.all.is_empty() {
            return Ok(());
        }
        let known = BuildContext {
            config: self.config,
            changelogs,
            pages,
        };
        let all = TreeValues::new(variant, tree, known);
        for template in &self.all {
            let lacking = all.lacking(template, self.config);
            if lacking.is_empty() {
                all.render_all(template, self.config, feeds)?;
                continue;
            }
            feeds.warnings.extend(warnings(template, &lacking));
            let without: BTreeSet<&str> = lacking
                .values()
                .flat_map(|lack| &lack.ids)
                .copied()
                .collect();
            let is_fit = |offer: &Offer<'_>| !without.contains(offer.build.identity());
            let channels: Vec<(&ChannelKey, Channel<'_>)> = tree
                .values()
                .flatten()
                .map(|(key, channel)| (*key, channel.only(&is_fit)))
                .collect();
            let mut fit: Tree<'_, '_> = BTreeMap::new();
            for (key, channel) in &channels {
                fit.entry(&key.device).or_default().push((key, channel));
            }
            TreeValues::new(variant, &fit, known).render_all(template, self.config, feeds)?;
        }
        Ok(())
    }
}

/// Builds without a fact that a template's clients need.
#[derive(Default)]
struct Lack<'a> {
    /// Their identities.
    ids: BTreeSet<&'a str>,
    /// The file name of the newest.
    newest: &'a str,
}

/// Returns a warning for each fact that keeps builds out of a template's pages.
fn warnings<'w>(
    template: &'w Template<'_>,
    lacking: &'w BTreeMap<&'static str, Lack<'_>>,
) -> impl Iterator<Item = String> + 'w {
    lacking.iter().map(|(fact, lack)| {
        let newest = lack.newest.escape_debug();
        let builds = match lack.ids.len() - 1 {
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
        format!(
            "template `{}` leaves out {builds}; {fix}",
            template.feed.name
        )
    })
}
