//! The pages of the site for people, and the files they load.
//!
//! In: the channels of builds, the settings, and the feeds to link to. Out: [`Page`]s. No I/O and no
//! clock.

mod builds;
mod digests;
mod html_pages;
mod templates;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use minijinja::Value;
use minijinja::value::Serde;

use crate::ingest::projects::History;
use crate::markup::changelog::Rendered;
use crate::markup::strings::Strings;
use crate::markup::template::json;
use crate::model::address;
use crate::model::config::Config;
use crate::model::theme::Logo;
use crate::publish::feed::ChannelMap;
use crate::publish::page::{Maker, Page};

pub use templates::SHIPPED as TEMPLATES;

/// What pages show besides the builds themselves.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The changelogs of the builds that are shown.
    pub changelogs: &'a Rendered,
    /// The changes of source projects.
    pub history: &'a History,
    /// Paths of the pages of builds, by identity.
    pub pages: &'a HashMap<&'a str, String>,
}

/// The context of pages.
#[derive(Clone, Copy, Debug)]
struct PageContext<'a> {
    config: &'a Config,
    known: Known<'a>,
    /// Whether there is a newsfeed of all builds, [`SITE_ATOM`].
    has_site_atom: bool,
}

/// Folder of the files that pages load: style, script, images.
pub const ASSETS: &str = "assets";
/// Path of the newsfeed of all builds.
pub const SITE_ATOM: &str = "builds.atom";
const SCRIPT: &str = include_str!("../../../templates/script.js");
/// The worker of the script, which hashes downloaded files.
const WORKER: &str = include_str!("../../../templates/sha256.js");

/// What stands in the script where its texts go.
const TEXTS_PLACE: &str = "ROMFEED_TEXTS";
/// The texts that the script shows.
const SCRIPT_TEXTS: [&str; 17] = [
    "check.cancelled",
    "check.changed",
    "check.checking",
    "check.digest",
    "check.no_list",
    "check.no_worker",
    "check.not_here",
    "check.other_build",
    "check.other_device",
    "check.unchanged",
    "check.unchecked",
    "check.unknown",
    "check.unreadable",
    "home.not_found",
    "site.copied",
    "site.last_build",
    "site.marked",
];

/// Why pages cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A template is wrong.
    #[error("{file}{}: {message}{}", Line(*.line), Subject(.page))]
    Template {
        /// The template.
        file: String,
        /// The line in it, counted from 1, if the error is in one line.
        line: Option<usize>,
        /// The page, if one was being rendered.
        page: Option<String>,
        /// What is wrong, in one line.
        message: String,
    },
}

struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

struct Subject<'a>(&'a Option<String>);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(page) = self.0 else { return Ok(()) };
        write!(f, " (for {})", page.escape_debug())
    }
}

/// Returns the path of a device's page.
fn device_path(model: &str) -> String {
    format!("{model}.html")
}

/// Returns the path of the page with a device's changes, which the menu of the updater opens.
fn changes_path(model: &str) -> String {
    format!("{model}/changes.html")
}

fn logo_path(logo: &Logo) -> String {
    format!("{ASSETS}/logo.{}", logo.extension)
}

fn file(path: String, bytes: &[u8]) -> Page {
    Page {
        path,
        bytes: bytes.into(),
        maker: Maker::Page,
        origin: None,
    }
}

/// Renders the files of the site that are no feeds: those of some devices, and those about all.
pub struct Renderer<'l> {
    engine: templates::Pages<'l>,
    config: &'l Config,
    has_site_atom: bool,
}

impl<'l> Renderer<'l> {
    /// Compiles the templates of pages. `has_site_atom` is whether there is a newsfeed of all builds, [`SITE_ATOM`].
    ///
    /// # Errors
    /// [`Error`] if a template cannot be used.
    pub fn new(config: &'l Config, has_site_atom: bool) -> Result<Renderer<'l>, Error> {
        Ok(Renderer {
            engine: templates::Pages::compile(&config.theme)?,
            config,
            has_site_atom,
        })
    }

    fn context<'k>(&'k self, known: Known<'k>) -> PageContext<'k> {
        PageContext {
            config: self.config,
            known,
            has_site_atom: self.has_site_atom,
        }
    }

    /// Renders the pages of some devices, whose builds are in no other channels. Of their feeds only the paths
    /// are used.
    ///
    /// # Errors
    /// [`Error`] if a template cannot be used.
    pub fn of_devices(
        &self,
        channels: &ChannelMap<'_, '_>,
        feeds: &[Page],
        known: Known<'_>,
    ) -> Result<Vec<Page>, Error> {
        if !self.config.theme.has_pages {
            return Ok(Vec::new());
        }
        let atoms = atoms(feeds.iter().map(|page| page.path.as_str()));
        html_pages::of_devices(&self.engine, channels, self.context(known), &atoms)
    }

    /// Renders the files about all devices, given all channels, or at least the newest build of each version in each, and
    /// the paths of all feeds.
    ///
    /// `.nojekyll` keeps GitHub Pages from hiding and changing files. `404.html` is the answer of a host
    /// for an unknown path; without it some hosts answer 200, which breaks the cache of updaters.
    ///
    /// # Errors
    /// [`Error`] if a template cannot be used.
    pub fn of_site<'p>(
        &self,
        channels: &ChannelMap<'_, '_>,
        feeds: impl Iterator<Item = &'p str>,
        known: Known<'_>,
    ) -> Result<Vec<Page>, Error> {
        let config = self.config;
        let theme = &config.theme;
        let site = Value::from(Serde(values::SiteValues::new(config, false)));
        let mut pages = vec![file(".nojekyll".to_owned(), b"")];
        let mut fixed = vec![("404.html", "404.html".to_owned())];
        if theme.has_pages {
            fixed.push(("style.css", format!("{ASSETS}/style.css")));
            fixed.push(("icon.svg", format!("{ASSETS}/icon.svg")));
            let script = |name, shipped| {
                let own = theme.templates.get(name);
                own.map_or(shipped, |own| &*own.text)
            };
            let texts = script_texts(&theme.strings);
            let main = script("script.js", SCRIPT).replace(TEXTS_PLACE, &texts);
            pages.push(file(format!("{ASSETS}/script.js"), main.as_bytes()));
            let worker = script("sha256.js", WORKER);
            pages.push(file(format!("{ASSETS}/sha256.js"), worker.as_bytes()));
            if let Some(logo) = &theme.logo {
                pages.push(file(logo_path(logo), &logo.bytes));
            }
            let atoms = atoms(feeds);
            pages.extend(html_pages::of_site(
                &self.engine,
                channels,
                self.context(known),
                &atoms,
            )?);
        }
        for (template, path) in fixed {
            // This page is shown for any path, so it cannot link relatively.
            let base = config.base_url.as_deref().filter(|_| theme.has_pages);
            let base = base.map(|base| format!("{}/", address::path_of(base)));
            let values = [("site", site.clone()), ("home", base.into())];
            pages.push(
                self.engine
                    .render(template, &path, Value::from_pairs(values))?,
            );
        }
        Ok(pages)
    }
}

/// Returns the texts of the script by their keys, as an expression of JavaScript.
fn script_texts(strings: &Strings) -> String {
    let texts = SCRIPT_TEXTS.map(|key| (key, strings.text(key)));
    json::to_ascii(&BTreeMap::from(texts))
}

/// Returns the newsfeeds among feeds.
fn atoms<'p>(feeds: impl Iterator<Item = &'p str>) -> BTreeSet<&'p str> {
    feeds.filter(|path| path.ends_with(".atom")).collect()
}
