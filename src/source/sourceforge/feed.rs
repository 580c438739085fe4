//! The feed of a folder: RSS 2.0 with Media RSS.
//!
//! Of each item, the title is the path of a file in the project; `media:content` has its size and
//! `media:hash` its MD5.

use ota_view::catch_panic::catch_panic;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::Item;
use crate::source::MAX_FILES;
use crate::source::folders::parse_mail_date;

/// Deepest nesting of elements; a feed has five levels.
const MAX_DEPTH: usize = 32;
/// Most attributes of one element; a feed has up to three.
const MAX_ATTRIBUTES: usize = 32;
/// Longest text of an element that is used, in bytes.
const MAX_TEXT: usize = 4_000;
/// The elements around a file.
const ITEM: [&str; 3] = ["rss", "channel", "item"];

/// Parses a feed; the error is the reason why the text is not one.
///
/// Safe on untrusted input: no panic, time and memory proportional to its length, no entities
/// except those of XML itself.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Item>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let mut feed = Feed::default();
    catch_panic(|| feed.read(text))??;
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
    /// The names of the open elements.
    open: Vec<String>,
    /// The text of the innermost element, if it is used.
    text: String,
    /// Whether the innermost `media:hash` is an MD5.
    is_md5: bool,
}

impl Feed {
    fn read(&mut self, text: &str) -> Result<(), String> {
        let mut reader = Reader::from_str(text);
        loop {
            let offset = reader.buffer_position();
            let event = reader.read_event();
            match event.map_err(|error| format!("at byte {offset}: {error}"))? {
                Event::Start(element) => self.begin(&element)?,
                Event::Empty(element) => {
                    self.begin(&element)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(text) => self.push(&text.xml10_content())?,
                Event::CData(text) => self.push(&text.xml10_content())?,
                Event::GeneralRef(name) => {
                    let char = name.resolve_char_ref().ok().flatten().map(String::from);
                    let text = char.or_else(|| resolve_predefined_entity(&name).map(str::to_owned));
                    let text = text.ok_or_else(|| format!("at byte {offset}: unknown entity"))?;
                    self.push(&text)?;
                }
                Event::DocType(_) => return Err("it has a document type".to_owned()),
                Event::Eof if self.open.is_empty() => return Ok(()),
                Event::Eof => return Err("it ends early".to_owned()),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    fn begin(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        if self.open.len() == MAX_DEPTH {
            return Err(format!(
                "more than {MAX_DEPTH} elements are inside each other"
            ));
        }
        self.text.clear();
        self.open.push(element.name().as_ref().to_owned());
        self.has_channel |= self.open == ITEM[..2];
        if self.open == ITEM {
            if self.items.len() == MAX_FILES {
                return Err(format!("it lists more than {MAX_FILES} files"));
            }
            self.items.push(Item::default());
        }
        match (element.name().as_ref(), self.items.last_mut()) {
            ("media:content", Some(item)) if self.open.starts_with(&ITEM.map(String::from)) => {
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

    fn end(&mut self) -> Result<(), String> {
        let text = std::mem::take(&mut self.text);
        let name = self.open.pop().unwrap_or_default();
        let Some(item) = self.items.last_mut() else {
            return Ok(());
        };
        match name.as_str() {
            "title" if self.open == ITEM => item.path = text.trim().to_owned(),
            "pubDate" if self.open == ITEM => {
                item.time = text.trim().to_owned();
                item.date = parse_mail_date(&item.time);
            }
            "media:hash" if self.is_md5 => item.md5 = Some(text.trim().to_owned()),
            "item" if !item.path.starts_with('/') => {
                return Err("the title of an item is not a path".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds to the text of the innermost element, if it is used.
    fn push(&mut self, text: &str) -> Result<(), String> {
        let is_used = self.open.starts_with(&ITEM.map(String::from))
            && matches!(
                self.open.last().map(String::as_str),
                Some("title" | "pubDate" | "media:hash")
            );
        if is_used {
            self.text.push_str(text);
        }
        match self.text.len() > MAX_TEXT {
            true => Err(format!("a text has more than {MAX_TEXT} bytes")),
            false => Ok(()),
        }
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
