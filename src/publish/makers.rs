//! What made each feed of a site, as the manifest stores it.
//!
//! In: pages, or the `made_by` part of a manifest. Out: [`Makers`], or that part. Pages for people
//! are left out: a file without an entry is one of them.
//!
//! An older romfeed ignores this part of a manifest. If an older version runs in between and only
//! the form of a feed changes, this part is out of date until the next run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::markup::template::Format;
use crate::publish::page::Maker;

/// The makers of feeds, by path.
pub type Makers = BTreeMap<String, Maker>;

const LINEAGE_OS: &str = "lineageos";
const SHIPPED: &str = "shipped-template";
const OWN: &str = "own-template";

/// A maker and its files, as in the manifest.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Made {
    maker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    files: Vec<String>,
}

/// Returns the makers of the feeds among files, which are given by path and maker.
#[must_use]
pub fn makers_of<'p>(files: impl Iterator<Item = (&'p str, &'p Maker)>) -> Makers {
    let feeds = files.filter(|(_, maker)| maker.is_feed());
    feeds
        .map(|(path, maker)| (path.to_owned(), maker.clone()))
        .collect()
}

/// Converts makers into their part of the manifest.
pub(super) fn to_manifest(makers: &Makers) -> Vec<Made> {
    let mut files: BTreeMap<&Maker, Vec<String>> = BTreeMap::new();
    for (path, maker) in makers {
        files.entry(maker).or_default().push(path.clone());
    }
    let made = files.into_iter().filter_map(|(maker, files)| {
        let (maker, template, format) = match maker {
            Maker::Page => return None,
            Maker::LineageOs => (LINEAGE_OS, None, None),
            Maker::Shipped(name) => (SHIPPED, Some(name), None),
            Maker::Own { name, format } => (OWN, Some(name), Some(*format)),
        };
        Some(Made {
            maker: maker.to_owned(),
            template: template.cloned(),
            format,
            files,
        })
    });
    made.collect()
}

/// Reads the makers in this part of a manifest; ignores those that only a later romfeed knows.
pub(super) fn from_manifest(made: Vec<Made>) -> Makers {
    let mut makers = Makers::new();
    for one in made {
        let maker = match (&*one.maker, one.template, one.format) {
            (LINEAGE_OS, ..) => Maker::LineageOs,
            (SHIPPED, Some(name), _) => Maker::Shipped(name),
            (OWN, Some(name), Some(format)) => Maker::Own { name, format },
            _ => continue,
        };
        let files = one.files.into_iter();
        makers.extend(files.map(|path| (path, maker.clone())));
    }
    makers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_survive_the_manifest() {
        let own = Maker::Own {
            name: "mine".to_owned(),
            format: Format::Xml,
        };
        let makers: Makers = [
            ("a/b.json".to_owned(), Maker::LineageOs),
            ("c.json".to_owned(), Maker::Shipped("crdroid".to_owned())),
            ("d".to_owned(), own),
            ("e.json".to_owned(), Maker::LineageOs),
        ]
        .into();
        let text = serde_json::to_string(&to_manifest(&makers)).unwrap();
        assert!(text.contains(r#""files":["a/b.json","e.json"]"#), "{text}");
        let read = serde_json::from_str(&text).unwrap();
        assert_eq!(from_manifest(read), makers);
    }

    #[test]
    fn makers_of_a_later_romfeed_are_ignored() {
        let text = r#"[
            {"maker":"robot","files":["a"],"speed":5},
            {"maker":"shipped-template","files":["b"]},
            {"maker":"lineageos","template":"x","files":["c"]}
        ]"#;
        let read = serde_json::from_str(text).unwrap();
        let expected: Makers = [("c".to_owned(), Maker::LineageOs)].into();
        assert_eq!(from_manifest(read), expected);
    }
}
