//! The feeds of a site, and the updaters that read each.
//!
//! In: paths below a site's base address, and the makers of these files, if known. Out: [`Feed`]s. If a
//! template made a file, the updaters of that template read it. Otherwise the path decides: romfeed,
//! LineageOS's official server and LineageOTA use the same paths.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use super::sound;
use crate::clients::updaters::Generation;
use crate::markup::template::Format;
use crate::publish::feed::template::{self, front_matter};
use crate::publish::makers::Makers;
use crate::publish::page::Maker;

/// The kind of a feed, which decides who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `{"response":[…]}` of one release type.
    V1,
    /// The same, for the phones that run one build.
    V1Incremental,
    /// An array, for LineageOS 23.2.
    V2,
    /// `{device}.json`, in the format of [`Kind::V1`] or [`Kind::V2`].
    Device,
    /// `{"result":[…]}`, which CMUpdater requests by POST.
    Legacy,
    /// A file from a template for these updaters.
    Template(&'static [Generation]),
    /// A file that no known updater reads; it must be well-formed in this format.
    Sound(Format),
}

const V1_READERS: &[Generation] = &[Generation::Template14, Generation::Java22];
/// The readers of the same list at an address of its own, which forks have built in or set.
const V1_TEMPLATE_READERS: &[Generation] = &[
    Generation::Template14,
    Generation::DerpFest16,
    Generation::LmoDroid14,
    Generation::Axion,
    Generation::Java22,
];
const V2_READERS: &[Generation] = &[Generation::KotlinVersion, Generation::Kotlin23];

/// The updaters that read the files of each shipped template; empty for files that only people and
/// other programs read.
const TEMPLATE_READERS: [(&str, &[Generation]); 15] = [
    ("atom", &[]),
    ("atom-site", &[]),
    ("crdroid", &[Generation::CrDroid14, Generation::Voltage14]),
    ("crdroid-16", &[Generation::CrDroid16]),
    ("custota", &[Generation::Custota]),
    (
        "evolution-x",
        &[Generation::EvolutionX14, Generation::EvolutionX15],
    ),
    ("forum", &[]),
    ("grapheneos", &[Generation::GrapheneOs]),
    ("lineageota", V1_READERS),
    ("pixelos", &[Generation::PixelOs14]),
    ("pixelos-17", &[Generation::PixelOs17]),
    ("telegram", &[]),
    ("v1", V1_TEMPLATE_READERS),
    ("v2", V2_READERS),
    ("v2-incremental", V2_READERS),
];

/// Returns the shipped templates whose files this updater reads.
pub fn templates_for(client: Generation) -> impl Iterator<Item = &'static str> {
    let all = TEMPLATE_READERS.iter();
    all.filter(move |(_, readers)| readers.contains(&client))
        .map(|(name, _)| *name)
}

/// One list of builds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feed {
    /// The absolute address.
    pub url: String,
    /// The path below the base address, not percent-encoded.
    pub path: String,
    /// The kind of the feed.
    pub kind: Kind,
    /// The device, as spelled in the address; `None` if the address has none.
    pub device: Option<String>,
    /// The release type of the phones that read it; `None` if phones of all types do.
    pub romtype: Option<String>,
}

impl Feed {
    /// Returns the feed at a path below the base address; `None` if the path is not that of a feed.
    #[must_use]
    pub fn from_path(base: &str, path: &str) -> Option<Feed> {
        let parts: Vec<&str> = path.split('/').collect();
        let feed = |kind, device: &str, romtype: Option<&str>| Feed {
            url: format!("{base}/{}", crate::model::address::encode_path(path)),
            path: path.to_owned(),
            kind,
            device: Some(device.to_owned()),
            romtype: romtype.map(str::to_owned),
        };
        let json = |name: &'_ str| name.strip_suffix(".json").map(str::to_owned);
        // The files of a variant are in a folder with its name.
        let parts = match parts[..] {
            [_, "api" | "legacy", ..] => &parts[1..],
            _ => &parts[..],
        };
        match *parts {
            ["api", "v1", "types", _] => None,
            ["api", "v1", device, name] => Some(feed(Kind::V1, device, Some(&json(name)?))),
            ["api", "v1", device, romtype, _] => {
                Some(feed(Kind::V1Incremental, device, Some(romtype)))
            }
            ["api", "v2", "devices", device, "builds.json" | "builds"] => {
                Some(feed(Kind::V2, device, None))
            }
            ["legacy", device, romtype, "index.json"] => {
                Some(feed(Kind::Legacy, device, Some(romtype)))
            }
            [name] | [_, name] => Some(feed(Kind::Device, &json(name)?, None)),
            _ => None,
        }
    }

    /// Returns the feed that a maker made at a path below the base address; `None` if it is a page.
    #[must_use]
    pub fn from_maker(maker: &Maker, base: &str, path: &str) -> Option<Feed> {
        let kind = match maker {
            Maker::Page => return None,
            Maker::LineageOs => return Feed::from_path(base, path),
            Maker::Own { format, .. } => Kind::Sound(*format),
            Maker::Shipped(name) => {
                let readers = TEMPLATE_READERS.iter().find(|(known, _)| known == name);
                match readers {
                    Some((_, readers)) if !readers.is_empty() => Kind::Template(readers),
                    _ => Kind::Sound(format_of_template(name).unwrap_or(sound::format_of(path))),
                }
            }
        };
        Some(Feed {
            url: format!("{base}/{}", crate::model::address::encode_path(path)),
            path: path.to_owned(),
            kind,
            device: None,
            romtype: None,
        })
    }

    /// Returns the feed at an address that phones ask for.
    #[must_use]
    pub fn from_url(url: &str, kind: Kind, device: &str, romtype: Option<&str>) -> Feed {
        let path = url.splitn(4, '/').nth(3).unwrap_or(url);
        Feed {
            url: url.to_owned(),
            path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
            kind,
            device: Some(device.to_owned()),
            romtype: romtype.map(str::to_owned),
        }
    }

    /// Returns whether a template made it for known updaters.
    #[must_use]
    pub fn is_of_template(&self) -> bool {
        matches!(self.kind, Kind::Template(_))
    }

    /// Returns the generations of updaters that read it.
    ///
    /// If the address does not decide this, the first byte of the body does. The first revisions of 23
    /// are left out: for a few weeks, they read the old list and refused all but seven keys.
    #[must_use]
    pub fn readers(&self, body: &[u8]) -> &'static [Generation] {
        let is_array = || body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        match self.kind {
            Kind::V1 => V1_READERS,
            Kind::V1Incremental => &[
                Generation::Cm14,
                Generation::First15,
                Generation::Template14,
                Generation::Java22,
            ],
            Kind::Legacy => &[Generation::Cm12],
            // Only ROMs with the newest revision ask for an address without an extension.
            Kind::V2 if self.path.ends_with("/builds") => &[Generation::Kotlin23],
            Kind::V2 => V2_READERS,
            Kind::Device if is_array() => V2_READERS,
            Kind::Device => V1_READERS,
            Kind::Template(readers) => readers,
            // Programs that read it follow redirects, as most updaters do.
            Kind::Sound(_) => &[Generation::Java22],
        }
    }
}

/// Returns the format of a shipped template's files; `None` for a template of a later version.
fn format_of_template(name: &str) -> Option<Format> {
    let front = front_matter::parse(template::shipped(name)?).ok()?;
    Some(front.format)
}

/// Returns all feeds among the paths of a site, sorted and without repetition.
///
/// `makers` has the maker of each file, if that is known.
#[must_use]
pub fn feeds(base: &str, paths: &[String], makers: Option<&Makers>) -> Vec<Feed> {
    if let Some(makers) = makers {
        let feeds = paths
            .iter()
            .filter_map(|path| Feed::from_maker(makers.get(path)?, base, path));
        let feeds: BTreeSet<Feed> = feeds.collect();
        return feeds.into_iter().collect();
    }
    let devices: BTreeSet<Option<String>> = paths
        .iter()
        .filter_map(|path| Feed::from_path(base, path))
        .filter(|feed| feed.kind != Kind::Device)
        .map(|feed| feed.device)
        .collect();
    let feeds = paths.iter().filter_map(|path| Feed::from_path(base, path));
    // At the root there may be other JSON; only a file named after a device is a list.
    let is_list = |feed: &Feed| feed.kind != Kind::Device || devices.contains(&feed.device);
    let feeds: BTreeSet<Feed> = feeds.filter(is_list).collect();
    feeds.into_iter().collect()
}

/// Returns the path that differs from a missing one only in letter case.
pub fn in_other_case<'p>(
    paths: impl IntoIterator<Item = &'p String>,
    path: &str,
) -> Option<&'p str> {
    let paths = paths.into_iter().map(String::as_str);
    let alike: Vec<&str> = paths
        .filter(|found| found.eq_ignore_ascii_case(path))
        .collect();
    match alike.contains(&path) {
        true => None,
        false => alike.first().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::feed::template::SHIPPED;
    use crate::publish::makers::makers_of;

    #[test]
    fn kind_of_a_feed_depends_on_its_path() {
        for (path, kind, romtype) in [
            ("api/v1/dev/nightly.json", Kind::V1, Some("nightly")),
            ("gapps/api/v1/dev/nightly.json", Kind::V1, Some("nightly")),
            (
                "api/v1/dev/nightly/eng.1",
                Kind::V1Incremental,
                Some("nightly"),
            ),
            ("api/v2/devices/dev/builds.json", Kind::V2, None),
            ("api/v2/devices/dev/builds", Kind::V2, None),
            (
                "legacy/dev/nightly/index.json",
                Kind::Legacy,
                Some("nightly"),
            ),
            ("dev.json", Kind::Device, None),
            ("gapps/dev.json", Kind::Device, None),
        ] {
            let feed = Feed::from_path("https://h", path).unwrap();
            assert_eq!(
                (feed.kind, feed.romtype.as_deref()),
                (kind, romtype),
                "{path}"
            );
            assert_eq!(feed.device.as_deref(), Some("dev"), "{path}");
            assert_eq!(feed.url, format!("https://h/{path}"));
        }
        for path in [
            "404.html",
            "api/v1/devices.json",
            "api/v1/types/dev.json",
            "builds.atom",
        ] {
            let feed = Feed::from_path("https://h", path);
            assert!(feed.is_none_or(|feed| feed.kind == Kind::Device), "{path}");
        }
    }

    #[test]
    fn every_shipped_template_has_its_readers() {
        for (name, _) in SHIPPED {
            let is_it = |(known, _): &(&str, &[Generation])| *known == name;
            assert!(TEMPLATE_READERS.iter().any(is_it), "{name}");
        }
    }

    #[test]
    fn readers_of_a_file_depend_on_its_maker() {
        let own = Maker::Own {
            name: "mine".to_owned(),
            format: Format::Xml,
        };
        let shipped = |name: &str| Maker::Shipped(name.to_owned());
        let path = "api/v1/dev/nightly.json";
        for (maker, kind) in [
            (Maker::Page, None),
            (Maker::LineageOs, Some(Kind::V1)),
            (own, Some(Kind::Sound(Format::Xml))),
            (shipped("lineageota"), Some(Kind::Template(V1_READERS))),
            (shipped("atom"), Some(Kind::Sound(Format::Xml))),
            (
                shipped("of-a-later-version"),
                Some(Kind::Sound(Format::Json)),
            ),
        ] {
            let makers = makers_of([(path, &maker)]);
            let paths = [path, "of/another/maker.json"].map(str::to_owned);
            let found = feeds("https://h", &paths, Some(&makers));
            let kinds: Vec<Kind> = found.into_iter().map(|feed| feed.kind).collect();
            assert_eq!(kinds, Vec::from_iter(kind));
        }
    }

    #[test]
    fn other_json_at_the_root_is_not_a_feed() {
        let paths = [
            "dev.json",
            "package.json",
            "api/v1/devices.json",
            "api/v1/dev/x.json",
        ];
        let found = feeds("https://h", &paths.map(str::to_owned), None);
        let paths: Vec<&str> = found.iter().map(|feed| feed.path.as_str()).collect();
        assert_eq!(paths, ["api/v1/dev/x.json", "dev.json"]);
    }
}
