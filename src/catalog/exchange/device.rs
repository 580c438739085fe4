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
    if let Some(codename) = codename.filter(|codename| has_part(filename, codename)) {
        return Device::parse(codename).map_err(|error| format!("{error}; add --device"));
    }
    let is_known = |name: &str| options.known_devices.iter().any(|known| known == name);
    let feed = find_in_feed_name(filename, options);
    let device = device.filter(|device| is_codename(device));
    let named_device = device.filter(|device| has_part(filename, device));
    let parse = |known: &[String]| names::parse(filename, known)?.device;
    let hints: Vec<String> = [feed, codename, device]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    let parsed = parse(options.known_devices)
        .filter(|parsed| is_known(parsed))
        .or_else(|| parse(&hints));
    let parsed = parsed.as_deref();
    let feed_name = options.feed_name;
    let found = if let Some(codename) = codename {
        // A key takes precedence over a mere part of the feed's name.
        let whole = feed.filter(|feed| feed_name == Some(feed));
        let other = whole
            .or(named_device)
            .or(parsed.filter(|parsed| is_known(parsed)));
        let is_other = |other: &&str| !other.eq_ignore_ascii_case(codename);
        if let Some(other) = other.filter(is_other) {
            return Err(contradiction("the feed has device", codename, other));
        }
        codename
    } else if let Some(feed) = feed {
        if let Some(parsed) = parsed.filter(|parsed| is_longer(parsed, feed)) {
            return Err(contradiction("the feed's name is", feed, parsed));
        }
        feed
    } else if let Some(device) = named_device {
        device
    } else if let Some(parsed) = parsed {
        let is_other = |feed: &&str| {
            let begin = filename.get(..feed.len());
            // The feed may be named after its ROM.
            let is_rom = begin.is_some_and(|begin| begin.eq_ignore_ascii_case(feed));
            *feed != parsed
                && (is_known(feed) || (is_codename(feed) && !is_known(parsed) && !is_rom))
        };
        let is_folder = |folder: &&str| folder.eq_ignore_ascii_case(parsed);
        let agrees = options.feed_folders.iter().any(is_folder);
        if let Some(feed) = feed_name.filter(|feed| is_other(feed) && !agrees) {
            return Err(contradiction("the feed's name is", feed, parsed));
        }
        parsed
    } else if let Some(device) = device.filter(|device| is_known(device) || !is_title(device)) {
        device
    } else if let Some(feed) = feed_name
        .filter(|feed| is_known(feed) || (is_codename(feed) && feed.len() >= MIN_LEN_ALONE))
    {
        if !is_known(feed) {
            notes.push(format!(
                "device `{feed}` comes from the feed's own name; if it is another, add --device"
            ));
        }
        feed
    } else {
        return Err("neither the feed nor the file name names its device; add --device".to_owned());
    };
    Device::parse(found).map_err(|error| format!("{error}; add --device"))
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
    let is_known = |name: &str| options.known_devices.iter().any(|known| known == name);
    // The first part of a file name is the ROM.
    let is_shared = |name: &&str| {
        (is_codename(name) && has_part_after_rom(filename, name))
            || (is_known(name) && has_part(filename, name))
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

/// Returns the flavour in the file name or the address of a package.
#[must_use]
pub(super) fn variant(build: &Build) -> Option<&'static str> {
    names::stated_variant(&build.filename).or_else(|| names::variant_in_path(build.url.as_deref()?))
}
