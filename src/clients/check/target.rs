//! The feeds of a site, and who reads each.
//!
//! In: paths below a site's base address, and what made the files there, if that is known. Out:
//! [`Feed`]s. A file of a template has the readers of that template. Of other files the path tells:
//! the paths are those romfeed writes, which are also those of LineageOS's own server and of
//! LineageOTA.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use super::sound;
use crate::clients::updaters::Generation;
use crate::markup::template::Format;
use crate::publish::feed::template::{self, front_matter};
use crate::publish::makers::Makers;
use crate::publish::page::Maker;

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `{"response":[…]}` of one release type.
    V1,
    /// The same for phones that run one build.
    V1Incremental,
    /// An array, for LineageOS 23.2.
    V2,
    /// `{device}.json`, one or the other.
    Device,
    /// `{"result":[…]}`, which CMUpdater asks for by POST.
    Legacy,
    /// What a template makes for these clients.
    Template(&'static [Generation]),
    /// No client is known to read it; it should be sound in this format.
    Sound(Format),
}

const V1_READERS: &[Generation] = &[Generation::Template14, Generation::Java22];
const V2_READERS: &[Generation] = &[Generation::KotlinVersion, Generation::Kotlin23];

/// Who reads what each shipped template makes; people and other programs only, where it is empty.
const TEMPLATE_READERS: [(&str, &[Generation]); 13] = [
    ("atom", &[]),
    ("atom-site", &[]),
    ("crdroid", &[Generation::CrDroid14, Generation::Voltage14]),
    ("crdroid-16", &[Generation::CrDroid16]),
    ("custota", &[Generation::Custota]),
    (
        "evolution-x",
        &[Generation::EvolutionX14, Generation::EvolutionX15],
    ),
    ("grapheneos", &[Generation::GrapheneOs]),
    ("lineageota", V1_READERS),
    ("pixelos", &[Generation::PixelOs14]),
    ("pixelos-17", &[Generation::PixelOs17]),
    ("v1", V1_READERS),
    ("v2", V2_READERS),
    ("v2-incremental", V2_READERS),
];

/// The shipped templates that make what this client reads.
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
    /// Below the base address, not percent-encoded; the address itself where there is none.
    pub path: String,
    /// What it is for.
    pub kind: Kind,
    /// The device, as the address has it; `None` where it does not tell.
    pub device: Option<String>,
    /// The release type of the phones that read it; `None` where phones of all types do.
    pub romtype: Option<String>,
}

impl Feed {
    /// The feed at a path below the base address; none if nothing is known to read it.
    #[must_use]
    pub fn of_path(base: &str, path: &str) -> Option<Feed> {
        let parts: Vec<&str> = path.split('/').collect();
        let feed = |kind, device: &str, romtype: Option<&str>| Feed {
            url: format!("{base}/{}", crate::model::address::encode_path(path)),
            path: path.to_owned(),
            kind,
            device: Some(device.to_owned()),
            romtype: romtype.map(str::to_owned),
        };
        let json = |name: &'_ str| name.strip_suffix(".json").map(str::to_owned);
        // A variant's tree lies in a folder of its own.
        let known = match parts[..] {
            [_, "api" | "legacy", ..] => &parts[1..],
            _ => &parts[..],
        };
        match *known {
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

    /// The feed that this maker made at a path below the base address; none if nothing reads it.
    #[must_use]
    pub fn made_by(maker: &Maker, base: &str, path: &str) -> Option<Feed> {
        let kind = match maker {
            Maker::Page => return None,
            Maker::LineageOs => return Feed::of_path(base, path),
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

    /// The feed at an address that a phone asks for.
    #[must_use]
    pub fn of_url(url: &str, kind: Kind, device: &str, romtype: Option<&str>) -> Feed {
        let path = url.splitn(4, '/').nth(3).unwrap_or(url);
        Feed {
            url: url.to_owned(),
            path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
            kind,
            device: Some(device.to_owned()),
            romtype: romtype.map(str::to_owned),
        }
    }

    /// Whether a template makes it for clients that are known.
    #[must_use]
    pub fn is_of_template(&self) -> bool {
        matches!(self.kind, Kind::Template(_))
    }

    /// The generations of clients that read it, going by its first byte where the address does
    /// not tell. The first revisions of 23 are left out: they wanted the old list without a key
    /// beyond seven, for some weeks.
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
            // ROMs that ask without an ending are younger than the revision before.
            Kind::V2 if self.path.ends_with("/builds") => &[Generation::Kotlin23],
            Kind::V2 => V2_READERS,
            Kind::Device if is_array() => V2_READERS,
            Kind::Device => V1_READERS,
            Kind::Template(readers) => readers,
            // Whatever asks for it goes along redirects, as most clients do.
            Kind::Sound(_) => &[Generation::Java22],
        }
    }
}

/// The format of a shipped template's pages; none if it is a later romfeed's.
fn format_of_template(name: &str) -> Option<Format> {
    let front = front_matter::parse(template::shipped(name)?).ok()?;
    Some(front.format)
}

/// All feeds among the paths of a site, in order, each once; `makers` tell what made each, if that
/// is known.
#[must_use]
pub fn feeds(base: &str, paths: &[String], makers: Option<&Makers>) -> Vec<Feed> {
    if let Some(makers) = makers {
        let feeds = paths
            .iter()
            .filter_map(|path| Feed::made_by(makers.get(path)?, base, path));
        let feeds: BTreeSet<Feed> = feeds.collect();
        return feeds.into_iter().collect();
    }
    let devices: BTreeSet<Option<String>> = paths
        .iter()
        .filter_map(|path| Feed::of_path(base, path))
        .filter(|feed| feed.kind != Kind::Device)
        .map(|feed| feed.device)
        .collect();
    let feeds = paths.iter().filter_map(|path| Feed::of_path(base, path));
    // Other JSON may lie at the root; only what has a device's name is a list.
    let is_list = |feed: &Feed| feed.kind != Kind::Device || devices.contains(&feed.device);
    let feeds: BTreeSet<Feed> = feeds.filter(is_list).collect();
    feeds.into_iter().collect()
}

/// The path among these that differs from one that is not there in upper and lower case only.
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

    #[test]
    fn paths_tell_what_a_feed_is_for() {
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
            let feed = Feed::of_path("https://h", path).unwrap();
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
            let feed = Feed::of_path("https://h", path);
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
    fn what_made_a_file_tells_who_reads_it() {
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
            let makers: Makers = [(path.to_owned(), maker)].into();
            let paths = [path, "of/somebody/else.json"].map(str::to_owned);
            let found = feeds("https://h", &paths, Some(&makers));
            let kinds: Vec<Kind> = found.into_iter().map(|feed| feed.kind).collect();
            assert_eq!(kinds, Vec::from_iter(kind));
        }
    }

    #[test]
    fn other_json_at_the_root_is_no_feed() {
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
