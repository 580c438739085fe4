//! Which maker made each feed of a site, as the manifest keeps it.
//!
//! In: pages, or the part of a manifest. Out: [`MadeBy`], or that part. Pages for people are left
//! out: a file without an entry is one.
//!
//! An older romfeed reads a manifest with this part and passes over it. Where such a one is run in
//! between and only the form of a feed changes, this part is out of date until the next run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::markup::template::Format;
use crate::publish::feed::{Maker, Page};

/// The makers of feeds, by path.
pub type MadeBy = BTreeMap<String, Maker>;

const LINEAGE_OS: &str = "lineageos";
const SHIPPED: &str = "shipped-template";
const OWN: &str = "own-template";

/// A maker and its files, in the manifest.
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

/// The makers of the feeds among these pages.
#[must_use]
pub fn made_by_of(pages: &[Page]) -> MadeBy {
    let feeds = pages.iter().filter(|page| page.is_feed());
    let maker = |page: &Page| (page.path.clone(), page.maker.clone());
    feeds.map(maker).collect()
}

/// The part of the manifest that holds these makers.
pub(super) fn to_manifest(makers: &MadeBy) -> Vec<Made> {
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

/// The makers in this part of a manifest; those that a later romfeed knows are passed over.
pub(super) fn from_manifest(made: Vec<Made>) -> MadeBy {
    let mut makers = MadeBy::new();
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
    fn makers_come_back_from_the_manifest() {
        let own = Maker::Own {
            name: "mine".to_owned(),
            format: Format::Xml,
        };
        let makers: MadeBy = [
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
    fn what_a_later_romfeed_adds_is_passed_over() {
        let text = r#"[
            {"maker":"robot","files":["a"],"speed":5},
            {"maker":"shipped-template","files":["b"]},
            {"maker":"lineageos","template":"x","files":["c"]}
        ]"#;
        let read = serde_json::from_str(text).unwrap();
        let expected: MadeBy = [("c".to_owned(), Maker::LineageOs)].into();
        assert_eq!(from_manifest(read), expected);
    }
}
