//! HTML as a sequence of elements and text, without comments, scripts, styles and embedded
//! documents.
//!
//! WHATWG HTML, 13.2.5 (tokenization), by the library `html5gum`.

use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};

use super::decode::clean;

/// Elements that are removed with their contents, which are not HTML.
const SKIPPED: [&str; 10] = [
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "plaintext",
    "script",
    "style",
    "textarea",
    "title",
    "xmp",
];

/// A part of an HTML text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The opening tag of an element.
    Open(Element),
    /// The closing tag of an element; its name in lower case.
    Close(String),
    /// Text, with character references resolved.
    Text(String),
}

/// An opening tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name in lower case.
    pub(super) name: String,
    tag: StartTag<()>,
}

impl Element {
    /// Returns the value of an attribute, whose name is in lower case.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let value = self.tag.attributes.get(name.as_bytes());
        value.map(|value| text(value))
    }
}

/// Iterates over the parts of an HTML text; no text is malformed.
pub(super) fn parts(html: &str) -> impl Iterator<Item = Part> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let tokens = Tokenizer::new_with_emitter(html, emitter);
    let mut skipped: Option<String> = None;
    let mut is_shown = move |part: &Part| match (part, &skipped) {
        (Part::Open(element), None) if SKIPPED.contains(&element.name.as_str()) => {
            skipped = Some(element.name.clone());
            false
        }
        (Part::Close(name), Some(within)) if name == within => {
            skipped = None;
            false
        }
        (_, within) => within.is_none(),
    };
    let parts = tokens.filter_map(|Ok(token)| part(token));
    parts.filter(move |part| is_shown(part))
}

fn part(token: Token<()>) -> Option<Part> {
    match token {
        Token::StartTag(tag) => Some(Part::Open(Element {
            name: text(&tag.name),
            tag,
        })),
        Token::EndTag(tag) => Some(Part::Close(text(&tag.name))),
        Token::String(string) => Some(Part::Text(text(&string))),
        Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => None,
    }
}

/// Cleans a text: a reference such as `&#27;` can stand for a control character.
fn text(bytes: &HtmlString) -> String {
    clean(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_parts_are_left_out() {
        let shown = |html: &str| {
            let text = parts(html).map(|part| match part {
                Part::Open(element) => format!("<{}>", element.name),
                Part::Close(name) => format!("</{name}>"),
                Part::Text(text) => text,
            });
            text.collect::<String>()
        };
        for (html, expected) in [
            ("a<!-- b -->c<!DOCTYPE html>&lt;&auml;", "ac<ä"),
            ("<SCRIPT>a<b></script >c", "c"),
            ("<style>a</styl>b", ""),
            ("<title><!-- </title>a<p title='<b>'>", "a<p>"),
            ("<noframes><b></noframes>a</noframes>", "a</noframes>"),
            ("<", "<"),
            ("a&#1;&#27;&#x81;b&#xfffe;&#xfeff;c&#13;", "abc\n"),
        ] {
            assert_eq!(shown(html), expected, "{html}");
        }
    }
}
