//! Walks through the elements of XML that a host sends.

use ota_view::catch_panic::catch_panic;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// Deepest nesting of elements; feeds have five levels.
const MAX_DEPTH: usize = 32;
/// Longest text of an element that is used, in bytes.
const MAX_TEXT: usize = 4_000;

/// What takes elements, in the order in which they are in the text. An error ends the walk.
pub(super) trait Elements {
    /// Takes the start of an element; `open` has the names of all open elements, its own last.
    fn begin(&mut self, open: &[String], element: &BytesStart<'_>) -> Result<(), String>;

    /// Returns whether the text of the innermost element is used.
    fn uses_text(&self, open: &[String]) -> bool;

    /// Takes the end of an element, and its text without spaces around it; `open` has the names of the elements
    /// around it.
    fn end(&mut self, open: &[String], name: &str, text: &str) -> Result<(), String>;
}

/// Passes on the elements of a text; the error is the reason why it is not XML.
///
/// Safe on untrusted input: no panic, time and memory proportional to its length, no entities except those of
/// XML itself.
pub(super) fn walk(body: &[u8], elements: &mut dyn Elements) -> Result<(), String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let mut walk = Walk {
        elements,
        open: Vec::new(),
        text: String::new(),
    };
    catch_panic(|| walk.read(text))?
}

struct Walk<'a> {
    elements: &'a mut dyn Elements,
    /// The names of the open elements.
    open: Vec<String>,
    /// The text of the innermost element, if it is used.
    text: String,
}

impl Walk<'_> {
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
        self.elements.begin(&self.open, element)
    }

    fn end(&mut self) -> Result<(), String> {
        let text = std::mem::take(&mut self.text);
        let name = self.open.pop().unwrap_or_default();
        self.elements.end(&self.open, &name, text.trim())
    }

    /// Adds to the text of the innermost element, if it is used.
    fn push(&mut self, text: &str) -> Result<(), String> {
        if self.elements.uses_text(&self.open) {
            self.text.push_str(text);
        }
        match self.text.len() > MAX_TEXT {
            true => Err(format!("a text has more than {MAX_TEXT} bytes")),
            false => Ok(()),
        }
    }
}
