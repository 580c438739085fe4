//! What made each feed of a site, as the manifest stores it.
//!
//! In: pages, or the `made_by` part of a manifest. Out: [`Makers`], or that part. Pages for people
//! are left out: a file without an entry is one of them.
//!
//! An older romfeed ignores this part of a manifest. If an older version runs in between and only
//! the form of a feed changes, this part is out of date until the next run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::markup::template::Format;
use crate::publish::page::Maker;
use crate::publish::text_list::TextList;

/// The makers of feeds, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Makers {
    /// The paths, sorted.
    pub(super) paths: TextList,
    /// The maker of each of them.
    makers: Vec<Arc<Maker>>,
}

impl Makers {
    /// Returns the number of feeds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are no feeds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Returns the maker of a file; `None` if it is not one of the feeds.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Maker> {
        self.at(self.paths.find(path)?)
    }

    /// Returns the maker of the path at a place in the list of paths.
    pub(super) fn at(&self, at: usize) -> Option<&Maker> {
        self.makers.get(at).map(Arc::as_ref)
    }

    /// Returns all feeds and their makers, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Maker)> {
        let makers = self.makers.iter().map(Arc::as_ref);
        self.paths.iter().zip(makers)
    }
}

impl<'p> FromIterator<(&'p str, Arc<Maker>)> for Makers {
    /// Sorts feeds by path; of several makers of one, the last is taken.
    fn from_iter<I: IntoIterator<Item = (&'p str, Arc<Maker>)>>(feeds: I) -> Makers {
        let mut feeds: Vec<(&str, Arc<Maker>)> = feeds.into_iter().collect();
        feeds.sort_by_key(|(path, _)| *path);
        let mut makers = Makers::default();
        let mut feeds = feeds.into_iter().peekable();
        while let Some((path, maker)) = feeds.next() {
            if feeds.peek().is_none_or(|(next, _)| *next != path) {
                makers.paths.push(path);
                makers.makers.push(maker);
            }
        }
        makers
    }
}

const LINEAGE_OS: &str = "lineageos";
const SHIPPED: &str = "shipped-template";
const OWN: &str = "own-template";

/// A maker and its files, as in the manifest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Made {
    maker: String,
    template: Option<String>,
    format: Option<Format>,
    files: TextList,
}

/// A maker and its files, to be written to the manifest.
#[derive(Debug, Serialize)]
pub(super) struct MadeRef<'f> {
    maker: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    files: Vec<&'f str>,
}

/// Returns the makers of the feeds among files, which are given by path and maker.
#[must_use]
pub fn makers_of<'p>(files: impl IntoIterator<Item = (&'p str, &'p Maker)>) -> Makers {
    // There are few of them, and many files.
    let mut known: HashMap<&Maker, Arc<Maker>> = HashMap::new();
    let feeds = files.into_iter().filter(|(_, maker)| maker.is_feed());
    feeds
        .map(|(path, maker)| {
            let maker = known
                .entry(maker)
                .or_insert_with(|| Arc::new(maker.clone()));
            (path, Arc::clone(maker))
        })
        .collect()
}

/// Returns the part of the manifest about the feeds among files.
pub(super) fn to_manifest<'f>(files: &[(&'f str, &'f Maker)]) -> Vec<MadeRef<'f>> {
    let mut by_maker: BTreeMap<&Maker, Vec<&str>> = BTreeMap::new();
    for (path, maker) in files {
        by_maker.entry(maker).or_default().push(path);
    }
    let made = by_maker.into_iter().filter_map(|(maker, files)| {
        let (maker, template, format) = match maker {
            Maker::Page => return None,
            Maker::LineageOs => (LINEAGE_OS, None, None),
            Maker::Shipped(name) => (SHIPPED, Some(&**name), None),
            Maker::Own { name, format } => (OWN, Some(&**name), Some(*format)),
        };
        Some(MadeRef {
            maker,
            template,
            format,
            files,
        })
    });
    made.collect()
}

/// Reads the makers in this part of a manifest; ignores those that only a later romfeed knows.
pub(super) fn from_manifest(made: Vec<Made>) -> Makers {
    let known = made.into_iter().filter_map(|one| {
        let maker = match (&*one.maker, one.template, one.format) {
            (LINEAGE_OS, ..) => Maker::LineageOs,
            (SHIPPED, Some(name), _) => Maker::Shipped(name),
            (OWN, Some(name), Some(format)) => Maker::Own { name, format },
            _ => return None,
        };
        Some((Arc::new(maker), one.files))
    });
    let known: Vec<(Arc<Maker>, TextList)> = known.collect();
    let feeds = known.iter().flat_map(|(maker, files)| {
        let feed = |path| (path, Arc::clone(maker));
        files.iter().map(feed)
    });
    feeds.collect()
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
        let files = [
            ("a/b.json", &Maker::LineageOs),
            ("c.json", &Maker::Shipped("crdroid".to_owned())),
            ("d", &own),
            ("e.json", &Maker::LineageOs),
            ("index.html", &Maker::Page),
        ];
        let makers = makers_of(files.into_iter().rev());
        assert_eq!((makers.len(), makers.get("d")), (4, Some(&own)));
        let text = serde_json::to_string(&to_manifest(&files)).unwrap();
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
        let expected = makers_of([("c", &Maker::LineageOs)]);
        assert_eq!(from_manifest(read), expected);
    }

    #[test]
    fn the_last_of_several_makers_of_a_feed_is_taken() {
        let shipped = Maker::Shipped("x".to_owned());
        let text = r#"[
            {"maker":"shipped-template","template":"x","files":["b","a"]},
            {"maker":"lineageos","files":["c","b"]}
        ]"#;
        let makers = from_manifest(serde_json::from_str(text).unwrap());
        let expected = [
            ("a", &shipped),
            ("b", &Maker::LineageOs),
            ("c", &Maker::LineageOs),
        ];
        assert!(makers.iter().eq(expected));
    }
}
