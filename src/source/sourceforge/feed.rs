//! The feed of a folder: RSS 2.0 with Media RSS.
//!
//! Of each item, the title is the path of a file in the project; `media:content` has its size and
//! `media:hash` its MD5.

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

use super::Item;
use crate::source::MAX_FILES;
use crate::source::folders::parse_mail_date;
use crate::source::xml::{self, Elements};

/// Most attributes of one element; a feed has up to three.
const MAX_ATTRIBUTES: usize = 32;
/// The elements around a file.
const ITEM: [&str; 3] = ["rss", "channel", "item"];

/// Parses a feed; the error is the reason why the text is not one.
///
/// Safe on untrusted input, as [`xml::walk`] is.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Item>, String> {
    let mut feed = Feed::default();
    xml::walk(body, &mut feed)?;
    match feed.has_channel {
        true => Ok(feed.items),
        false => Err("it has no `channel`".to_owned()),
    }
}

/// What is read so far.
#[derive(Debug, Default)]
struct Feed {
    items: Vec<Item>,
    has_channel: bool,
    /// Whether the innermost `media:hash` is an MD5.
    is_md5: bool,
}

impl Elements for Feed {
    fn begin(&mut self, open: &[String], element: &BytesStart<'_>) -> Result<(), String> {
        self.has_channel |= open == &ITEM[..2];
        if open == ITEM {
            if self.items.len() == MAX_FILES {
                return Err(format!("it lists more than {MAX_FILES} files"));
            }
            self.items.push(Item::default());
        }
        match (element.name().as_ref(), self.items.last_mut()) {
            ("media:content", Some(item)) if open.starts_with(&ITEM.map(String::from)) => {
                let size = attribute(element, "filesize")?;
                item.size = size.and_then(|size| size.parse().ok());
            }
            ("media:hash", _) => {
                let algorithm = attribute(element, "algo")?;
                self.is_md5 = algorithm.is_none_or(|name| name.eq_ignore_ascii_case("md5"));
            }
            _ => {}
        }
        Ok(())
    }

    fn uses_text(&self, open: &[String]) -> bool {
        let name = open.last().map(String::as_str);
        open.starts_with(&ITEM.map(String::from))
            && matches!(name, Some("title" | "pubDate" | "media:hash"))
    }

    fn end(&mut self, open: &[String], name: &str, text: &str) -> Result<(), String> {
        let Some(item) = self.items.last_mut() else {
            return Ok(());
        };
        match name {
            "title" if open == ITEM => item.path = text.to_owned(),
            "pubDate" if open == ITEM => {
                item.time = text.to_owned();
                item.date = parse_mail_date(text);
            }
            "media:hash" if self.is_md5 => item.md5 = Some(text.to_owned()),
            "item" if !item.path.starts_with('/') => {
                return Err("the title of an item is not a path".to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Returns the value of an attribute.
fn attribute(element: &BytesStart<'_>, wanted: &str) -> Result<Option<String>, String> {
    let mut attributes = element.attributes();
    // The check for duplicates takes quadratic time; without it, the first one is used.
    attributes.with_checks(false);
    for attribute in attributes.take(MAX_ATTRIBUTES) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_ref() == wanted {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            return Ok(Some(value.map_err(|error| error.to_string())?.into_owned()));
        }
    }
    Ok(None)
}
