//! Finds the device of an entry of a feed.
//!
//! In: the entry, its file name and the name of the feed. Out: the device, or one line on a
//! contradiction. The key `device` may hold a marketing name and a feed may have any name, so both
//! count only if something else agrees.

use super::Options;
use crate::model::build::{Build, Device};
use crate::model::names;

/// Words in the names of feeds and folders that are not codenames.
const WORDS: [&str; 36] = [
    "android",
    "api",
    "build",
    "builds",
    "cm",
    "community",
    "current",
    "device",
    "devices",
    "download",
    "downloads",
    "example",
    "experimental",
    "feed",
    "feeds",
    "index",
    "json",
    "latest",
    "lineage",
    "list",
    "main",
    "manifest",
    "master",
    "monthly",
    "nightly",
    "official",
    "release",
    "releases",
    "sample",
    "snapshot",
    "stable",
    "template",
    "unofficial",
    "updater",
    "updates",
    "weekly",
];

/// Shortest name of a feed that counts as a codename if nothing else agrees.
const MIN_LEN_ALONE: usize = 3;

/// Finds the device of a package.
///
/// `codename` comes from a key that always holds a codename, `device` from a key that may hold a
/// marketing name.
///
/// # Errors
/// One line with the flag that decides.
pub(super) fn find(
    filename: &str,
    codename: Option<&str>,
    device: Option<&str>,
    options: Options<'_>,
    notes: &mut Vec<String>,
) -> Result<Device, String> {
    if let Some(asked) = options.device {
        if let Some(codename) = codename.filter(|codename| *codename != asked.as_str()) {
            notes.push(format!(
                "the feed has device `{}`; --device {asked} takes precedence",
                codename.escape_debug()
            ));
        }
        return Ok(asked.clone());
    }
    let parse =
        |found: &str| Device::parse(found).map_err(|error| format!("{error}; add --device"));
    match codename.filter(|codename| has_part(filename, codename)) {
        Some(codename) => parse(codename),
        None => parse(Clues::new(filename, codename, device, options).decide(notes)?),
    }
}

/// What hints at the device of an entry.
struct Clues<'a> {
    filename: &'a str,
    options: Options<'a>,
    /// The text of a key that always holds a codename.
    codename: Option<&'a str>,
    /// The text of a key that may hold a marketing name, if it can be a codename.
    device: Option<&'a str>,
    /// What the file name and the name of the feed or its folders have in common.
    feed: Option<&'a str>,
    /// The device that the file name has where names of its ROM have one.
    parsed: Option<String>,
}

impl<'a> Clues<'a> {
    fn new(
        filename: &'a str,
        codename: Option<&'a str>,
        device: Option<&'a str>,
        options: Options<'a>,
    ) -> Clues<'a> {
        let feed = find_in_feed_name(filename, options);
        let device = device.filter(|device| is_codename(device));
        let hints = [feed, codename, device].into_iter().flatten();
        let hints: Vec<String> = hints.map(str::to_owned).collect();
        let parse = |known: &[String]| names::parse(filename, known)?.device;
        let parsed = parse(options.known_devices)
            .filter(|parsed| is_known(parsed, options))
            .or_else(|| parse(&hints));
        Clues {
            filename,
            options,
            codename,
            device,
            feed,
            parsed,
        }
    }

    fn is_known(&self, name: &str) -> bool {
        is_known(name, self.options)
    }

    /// Decides by the strongest clue, and refuses contradictions to it.
    fn decide(&self, notes: &mut Vec<String>) -> Result<&str, String> {
        let named_device = self.device.filter(|device| has_part(self.filename, device));
        if let Some(codename) = self.codename {
            self.accept_codename(codename, named_device)
        } else if let Some(feed) = self.feed {
            self.accept_feed(feed)
        } else if let Some(device) = named_device {
            Ok(device)
        } else if let Some(parsed) = &self.parsed {
            self.accept_parsed(parsed)
        } else {
            self.accept_alone(notes)
        }
    }

    /// Accepts the codename of a key, unless the names contradict it.
    fn accept_codename<'c>(
        &self,
        codename: &'c str,
        named_device: Option<&str>,
    ) -> Result<&'c str, String> {
        // A key takes precedence over a mere part of the feed's name.
        let whole = self
            .feed
            .filter(|feed| self.options.feed_name == Some(feed));
        let parsed = self.parsed.as_deref();
        let other = whole
            .or(named_device)
            .or(parsed.filter(|parsed| self.is_known(parsed)));
        match other.filter(|other| !other.eq_ignore_ascii_case(codename)) {
            Some(other) => Err(contradiction("the feed has device", codename, other)),
            None => Ok(codename),
        }
    }

    /// Accepts the codename in the feed's name, unless the file name has a longer one.
    fn accept_feed<'c>(&self, feed: &'c str) -> Result<&'c str, String> {
        let parsed = self.parsed.as_deref();
        match parsed.filter(|parsed| is_longer(parsed, feed)) {
            Some(parsed) => Err(contradiction("the feed's name is", feed, parsed)),
            None => Ok(feed),
        }
    }

    /// Accepts the codename in the file name, unless the feed is named after another device.
    fn accept_parsed<'c>(&self, parsed: &'c str) -> Result<&'c str, String> {
        let is_other = |feed: &&str| {
            let begin = self.filename.get(..feed.len());
            // The feed may be named after its ROM.
            let is_rom = begin.is_some_and(|begin| begin.eq_ignore_ascii_case(feed));
            *feed != parsed
                && (self.is_known(feed) || (is_codename(feed) && !self.is_known(parsed) && !is_rom))
        };
        let mut folders = self.options.feed_folders.iter();
        let agrees = folders.any(|folder| folder.eq_ignore_ascii_case(parsed));
        let feed = self.options.feed_name;
        match feed.filter(|feed| is_other(feed) && !agrees) {
            Some(feed) => Err(contradiction("the feed's name is", feed, parsed)),
            None => Ok(parsed),
        }
    }

    /// Accepts a name that nothing else confirms, if it can hardly be anything but a codename.
    fn accept_alone(&self, notes: &mut Vec<String>) -> Result<&str, String> {
        let may_be_device = |device: &&str| self.is_known(device) || !is_title(device);
        if let Some(device) = self.device.filter(may_be_device) {
            return Ok(device);
        }
        let may_be_feed =
            |feed: &&str| self.is_known(feed) || (is_codename(feed) && feed.len() >= MIN_LEN_ALONE);
        let Some(feed) = self.options.feed_name.filter(may_be_feed) else {
            return Err(
                "neither the feed nor the file name names its device; add --device".to_owned(),
            );
        };
        if !self.is_known(feed) {
            notes.push(format!(
                "device `{feed}` comes from the feed's own name; if it is another, add --device"
            ));
        }
        Ok(feed)
    }
}

fn is_known(name: &str, options: Options<'_>) -> bool {
    options.known_devices.iter().any(|known| known == name)
}

fn contradiction(what: &str, one: &str, other: &str) -> String {
    format!(
        "{what} `{}`, and its file name is of `{}`; add --device",
        one.escape_debug(),
        other.escape_debug()
    )
}

/// Finds the codename that the name of a package shares with the name of the feed, a part of that, or
/// the name of a folder.
fn find_in_feed_name<'a>(filename: &str, options: Options<'a>) -> Option<&'a str> {
    let feed = options.feed_name?;
    // The first part of a file name is the ROM.
    let is_shared = |name: &&str| {
        (is_codename(name) && has_part_after_rom(filename, name))
            || (is_known(name, options) && has_part(filename, name))
    };
    let only = |mut names: Box<dyn Iterator<Item = &'a str> + 'a>| {
        let first = names.find(is_shared)?;
        names.all(|name| !is_shared(&name)).then_some(first)
    };
    Some(feed)
        .filter(is_shared)
        .or_else(|| only(Box::new(feed.split('_'))))
        .or_else(|| only(Box::new(feed.split(['-', '_']))))
        .or_else(|| {
            let mut folders = options.feed_folders.iter().copied();
            // If the feed's own name is a codename, its folder does not count.
            folders.find(|folder| is_shared(folder) && !is_codename(feed))
        })
}

/// Whether a text can be a codename: a path segment with a part that is neither a version nor a
/// common word.
fn is_codename(text: &str) -> bool {
    Device::parse(text).is_ok()
        && names::stated_variant(text).is_none()
        && text.split(['-', '_']).any(is_codename_part)
}

fn is_codename_part(part: &str) -> bool {
    let is_version = part
        .trim_start_matches(['v', 'V'])
        .chars()
        .all(|c| c.is_ascii_digit() || c == '.');
    // Phones of 10or have one letter as their codename.
    let is_letter = part.len() == 1 && part.chars().all(|c| c.is_ascii_uppercase());
    let word = part.to_ascii_lowercase();
    !is_version && !WORDS.contains(&word.as_str()) && (is_letter || names::is_codename(part))
}

/// Whether a codename contains another and has more parts: `poplar_dsds` is not `poplar`.
fn is_longer(name: &str, part: &str) -> bool {
    let num = |text: &str| {
        text.split(['-', '_'])
            .filter(|part| is_codename_part(part))
            .count()
    };
    has_part(name, part) && num(name) > num(part)
}

/// Whether a text looks like a marketing name: `Pixel`, `Robin`.
fn is_title(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase())
        && letters.next().is_some_and(|c| c.is_ascii_lowercase())
}

/// Whether a name has another as one of its parts, in any case.
fn has_part(name: &str, part: &str) -> bool {
    positions(name, part).next().is_some()
}

fn has_part_after_rom(name: &str, part: &str) -> bool {
    positions(name, part).any(|at| at > 0)
}

/// Returns the positions at which a name has another as one of its parts.
fn positions(name: &str, part: &str) -> impl Iterator<Item = usize> {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    let name = name.to_ascii_lowercase();
    let part = part.to_ascii_lowercase();
    let mut found = Vec::new();
    if !part.is_empty() {
        for (at, _) in name.match_indices(&part) {
            let (before, after) = (&name[..at], &name[at + part.len()..]);
            if is_edge(before.chars().next_back()) && is_edge(after.chars().next()) {
                found.push(at);
            }
        }
    }
    found.into_iter()
}

/// Returns the variant in the file name or the address of a package.
#[must_use]
pub(super) fn variant(build: &Build) -> Option<&'static str> {
    names::stated_variant(&build.filename).or_else(|| names::variant_in_path(build.url.as_deref()?))
}
