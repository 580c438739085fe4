//! The catalog as JSON for update clients, one module per client format.
//!
//! In: [`Channel`]s and changelogs. Out: [`Page`]s, paths and bytes. No I/O, no
//! clock: the same input always gives the same bytes.

pub mod build_pages;
pub mod cm;
pub mod lineageota;
pub mod official;
pub mod template;
pub mod v1;
pub mod v2;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalog::channels::{Channel, ChannelKey, DeltaOffer, Offer, newest_first, protected};
use crate::markup::changelog::Rendered;
use crate::model::build::{self, Device, Variant};
use crate::model::config::{Config, DeviceFeed};
use crate::publish::page::{Maker, Page};
use template::Templates;

/// Most full builds in the list of one incremental, beside the protected ones: a
/// phone needs the newest, and the lists of all incrementals grow with each build.
const MAX_LISTED: usize = 10;

/// Why feeds cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A template, or the page it made, is wrong.
    #[error("{}{}: {message}{}", .file, at_line(*.line), for_page(.page))]
    Template {
        /// The template.
        file: String,
        /// The line in it, counted from 1, if it is one line's fault.
        line: Option<usize>,
        /// What the page was to be about, if one was being made.
        page: Option<String>,
        /// What is wrong, in one line.
        message: String,
    },
    /// The settings give the pages of a template a path that cannot be.
    #[error("[[feed]] {name}: path `{}`: {reason}", .path.escape_debug())]
    Path {
        /// The template's name.
        name: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `{device}.json` is to come from a template that makes no page for a device.
    #[error(
        "device_feed = \"{name}\" is about one device, and {file} has scope = \"{}\"; it needs \
         scope = \"device\"",
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
    /// A template that was not read.
    #[error("device_feed = \"{name}\": there is no such template")]
    Unknown {
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

/// The feeds of a site, and what could not be given one.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    /// All feed files, sorted by path.
    pub pages: Vec<Page>,
    /// One line per incremental that cannot be a path, and per file that outgrew
    /// what clients read.
    pub warnings: Vec<String>,
}

impl Feeds {
    fn push(&mut self, path: String, bytes: impl Into<Arc<[u8]>>) {
        self.pages.push(Page {
            path,
            bytes: bytes.into(),
            maker: Maker::LineageOs,
            origin: None,
        });
    }

    /// Adds a feed; one that outgrew what every client reads is warned about.
    fn push_bounded(&mut self, path: String, bytes: impl Into<Arc<[u8]>>, max_size: usize) {
        let bytes = bytes.into();
        self.warn_if_long(&path, bytes.len(), max_size);
        self.push(path, bytes);
    }

    /// Warns about a feed of more bytes than every client reads.
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
type DeviceLanes<'l, 'a> = Vec<(&'l ChannelKey, &'l Channel<'a>)>;

/// All channels of one variant by the device's name.
type Tree<'l, 'a> = BTreeMap<&'l Device, DeviceLanes<'l, 'a>>;

/// Renders the feeds of all client generations.
///
/// # Errors
/// [`Error`] if a feed template cannot be used.
pub fn render(
    channels: &BTreeMap<ChannelKey, Channel<'_>>,
    config: &Config,
    changelogs: &Rendered,
) -> Result<Feeds, Error> {
    let templates = Templates::compile(config)?;
    let mut trees: BTreeMap<Option<&Variant>, Tree<'_, '_>> = BTreeMap::new();
    for (key, channel) in channels {
        let tree = trees.entry(key.variant.as_ref()).or_default();
        tree.entry(&key.device).or_default().push((key, channel));
    }
    let of_lanes: Vec<Feeds> = channels
        .par_iter()
        .map(|(key, channel)| render_lane(key, channel, config, changelogs))
        .collect();
    let pages = match config.theme.has_pages {
        true => build_pages::paths(channels),
        false => HashMap::new(),
    };
    let mut feeds = Feeds::default();
    for mut part in of_lanes {
        feeds.pages.append(&mut part.pages);
        feeds.warnings.append(&mut part.warnings);
    }
    for (variant, tree) in &trees {
        let prefix = prefix(*variant);
        for (device, channels) in tree {
            render_device(&prefix, device, channels, config, &mut feeds);
        }
        official::render(&prefix, tree, config, &mut feeds);
        templates.render(*variant, tree, changelogs, &pages, &mut feeds)?;
    }
    feeds.pages.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(feeds)
}

/// The folder of a variant's feed tree.
fn prefix(variant: Option<&Variant>) -> String {
    variant.map_or_else(String::new, |variant| format!("{variant}/"))
}

/// The lists of one device, variant and romtype.
fn render_lane(
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
        // Most incrementals of a long channel are told the same.
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

/// The files that hold all builds of one device and variant.
fn render_device(
    prefix: &str,
    device: &Device,
    channels: &DeviceLanes<'_, '_>,
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
        // It is made with the other pages of templates.
        DeviceFeed::Template(_) => {}
    }
    let path = format!("{prefix}api/v2/devices/{device}/builds");
    feeds.push_bounded(format!("{path}.json"), Arc::clone(&v2), v2::MAX_SIZE);
    // The address of LineageOS's own server, which docker-lineage-cicd builds into ROMs.
    feeds.push(path, v2);
}

/// For which clients a file is made, as far as its contents tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An object with `response`, for LineageOS 15.1 to 22.x.
    V1,
    /// A top-level array, for LineageOS 23.2 on.
    V2,
    /// Something else, described.
    Other(String),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::V1 => f.write_str("a list for LineageOS 15.1 to 22.x"),
            Shape::V2 => f.write_str("an array for LineageOS 23.2 on"),
            Shape::Other(description) => f.write_str(description),
        }
    }
}

/// Tells what clients a file is for; `None` if it does not say.
#[must_use]
pub fn shape(bytes: &[u8]) -> Option<Shape> {
    use serde_json::Value;
    let keys = |object: &serde_json::Map<String, Value>| {
        let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys.join(", ").escape_debug().to_string()
    };
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Some(Shape::Other("XML".to_owned()));
    }
    match serde_json::from_slice(bytes).ok()? {
        Value::Array(list) => match list.first() {
            Some(entry) if entry.get("files").is_none() => {
                Some(Shape::Other("another array".to_owned()))
            }
            _ => Some(Shape::V2),
        },
        Value::Object(object) => match object.get("response").and_then(Value::as_array) {
            Some(list) => match list.first()?.as_object()? {
                entry if entry.contains_key("romtype") && entry.contains_key("id") => {
                    Some(Shape::V1)
                }
                entry => Some(Shape::Other(format!("a list of {}", keys(entry)))),
            },
            None => Some(Shape::Other(format!("an object with {}", keys(&object)))),
        },
        _ => None,
    }
}

/// A list of builds as text, at most `max_size` bytes of it, newest first.
///
/// Deltas and the two newest full builds of each romtype and version always stay:
/// the newest client deletes a half-downloaded build that leaves its feed. The
/// rest stay as long as they fit.
fn render_list(
    offers: &[Offer<'_>],
    max_size: usize,
    [open, close]: [&str; 2],
    render_entry: &dyn Fn(&Offer<'_>) -> String,
) -> Vec<u8> {
    let mut entries: Vec<Option<String>> = offers
        .iter()
        .zip(protected(offers))
        .map(|(offer, is_protected)| is_protected.then(|| render_entry(offer)))
        .collect();
    // Each entry brings a comma and a line break, the frame at most two breaks.
    let taken: usize = entries.iter().flatten().map(|entry| entry.len() + 2).sum();
    let mut left = max_size.saturating_sub(open.len() + close.len() + 2 + taken);
    for (offer, entry) in offers.iter().zip(&mut entries) {
        if entry.is_none() {
            let text = render_entry(offer);
            let Some(rest) = left.checked_sub(text.len() + 2) else {
                break;
            };
            left = rest;
            *entry = Some(text);
        }
    }
    let entries: Vec<String> = entries.into_iter().flatten().collect();
    join(open, &entries, close)
}

/// Entries one a line between an opening and a closing, so that a change of one
/// build is a change of one line.
fn join(open: &str, entries: &[String], close: &str) -> Vec<u8> {
    let mut text = open.to_owned();
    for (index, entry) in entries.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(entry);
    }
    if !entries.is_empty() {
        text.push('\n');
    }
    text.push_str(close);
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_told_by_what_clients_look_for() {
        let keys = |text: &str| Some(Shape::Other(text.to_owned()));
        for (text, expected) in [
            (
                r#"{"response":[{"id":"a","romtype":"x"}]}"#,
                Some(Shape::V1),
            ),
            (
                r#"{"response":[{"md5":"a","filename":"x"}]}"#,
                keys("a list of filename, md5"),
            ),
            (
                r#"{"url":"","datetime":5}"#,
                keys("an object with datetime, url"),
            ),
            ("[]", Some(Shape::V2)),
            // Nothing to tell them by.
            (r#"{"response":[]}"#, None),
            ("", None),
            ("<?xml?>", keys("XML")),
            ("[{\"a\":1}]", keys("another array")),
            ("5", None),
        ] {
            assert_eq!(shape(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_one_entry_a_line() {
        assert_eq!(join("[", &[], "]"), b"[]\n");
        assert_eq!(join("[", &["1".into(), "2".into()], "]"), b"[\n1,\n2\n]\n");
    }
}
