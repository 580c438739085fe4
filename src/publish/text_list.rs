//! Many short texts, such as the paths of all files of a site, in two pieces of memory instead of one for each text.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A list of texts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TextList {
    /// All texts, one after the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl TextList {
    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// Returns the number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the text at a place in the list.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = match at {
            0 => 0,
            at => self.ends[at - 1],
        };
        Some(&self.text[start..end])
    }

    /// Returns all texts, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator + Clone {
        (0..self.len()).map(|at| self.get(at).unwrap_or_default())
    }

    /// Returns the place of a text in a sorted list.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle)?.cmp(text) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether a sorted list has a text.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    /// Returns the texts sorted and without duplicates.
    #[must_use]
    pub fn sorted(mut self) -> TextList {
        if !self.iter().is_sorted_by(|one, next| one < next) {
            self = TextList::from_unsorted(self.iter().collect());
        }
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self
    }

    /// Returns the texts of two sorted lists, sorted and without duplicates.
    #[must_use]
    pub fn union(&self, other: &TextList) -> TextList {
        TextList::from_unsorted(self.iter().chain(other.iter()).collect())
    }

    fn from_unsorted(mut texts: Vec<&str>) -> TextList {
        // Most are in order, for which stable sorting is faster.
        texts.sort();
        texts.dedup();
        texts.into_iter().collect()
    }
}

impl<T: AsRef<str>> FromIterator<T> for TextList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> TextList {
        let mut list = TextList::default();
        texts.into_iter().for_each(|text| list.push(text.as_ref()));
        list
    }
}

impl fmt::Debug for TextList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for TextList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for TextList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TextList, D::Error> {
        deserializer.deserialize_seq(Texts)
    }
}

/// Reads a list.
struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = TextList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<TextList, A::Error> {
        let mut list = TextList::default();
        while texts.next_element_seed(OneMore(&mut list))?.is_some() {}
        Ok(list)
    }
}

/// Reads one more text of a list.
struct OneMore<'l>(&'l mut TextList);

impl<'de> DeserializeSeed<'de> for OneMore<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneMore<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.0.push(text);
        Ok(())
    }
}

/// Finds texts in a sorted list, one after the other: quickly if they come in the order of the list.
#[derive(Clone, Debug)]
pub struct Finder<'l> {
    list: &'l TextList,
    /// The place behind the text that was found last.
    next: usize,
}

impl<'l> Finder<'l> {
    /// Begins at the start of a sorted list.
    #[must_use]
    pub fn new(list: &'l TextList) -> Finder<'l> {
        Finder { list, next: 0 }
    }

    /// Returns the place of a text in the list.
    pub fn find(&mut self, text: &str) -> Option<usize> {
        let last = self
            .next
            .checked_sub(1)
            .and_then(|last| self.list.get(last));
        let next = self.list.get(self.next);
        let at = match next.map_or(Ordering::Greater, |next| next.cmp(text)) {
            Ordering::Equal => self.next,
            Ordering::Greater if last < Some(text) => return None,
            _ => self.list.find(text)?,
        };
        self.next = at + 1;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_searched() {
        let texts = ["b", "", "äö", "a/b", "b", "a"];
        let list: TextList = texts.into_iter().collect();
        assert_eq!(Vec::from_iter(list.iter()), texts);
        let list = list.sorted();
        let sorted = ["", "a", "a/b", "b", "äö"];
        assert_eq!(Vec::from_iter(list.iter()), sorted);
        assert_eq!(
            sorted.map(|text| list.find(text)),
            [0, 1, 2, 3, 4].map(Some)
        );
        assert_eq!(["A", "aa", "c", "ö"].map(|text| list.find(text)), [None; 4]);
        let mut finder = Finder::new(&list);
        let order = ["a", "a/b", "x", "b", "", "äö", "a"];
        let found = order.map(|text| finder.find(text));
        assert_eq!(
            found,
            [Some(1), Some(2), None, Some(3), Some(0), Some(4), Some(1)]
        );
        let other: TextList = ["a", "c"].into_iter().collect();
        assert_eq!(
            Vec::from_iter(list.union(&other).iter()),
            ["", "a", "a/b", "b", "c", "äö"]
        );
    }

    #[test]
    fn lists_are_read_and_written_as_lists_of_texts() {
        let json = r#"["a","\"\u00e4\n","c",""]"#;
        let list: TextList = serde_json::from_str(json).unwrap();
        assert_eq!(Vec::from_iter(list.iter()), ["a", "\"ä\n", "c", ""]);
        assert_eq!(
            serde_json::to_string(&list).unwrap(),
            r#"["a","\"ä\n","c",""]"#
        );
        for (json, expected) in [
            (
                "5",
                "invalid type: integer `5`, expected a sequence at line 1 column 1",
            ),
            (
                "[5]",
                "invalid type: integer `5`, expected a string at line 1 column 2",
            ),
        ] {
            let error = serde_json::from_str::<TextList>(json).unwrap_err();
            let of_strings = serde_json::from_str::<Vec<String>>(json).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(of_strings.to_string(), expected);
        }
    }
}
