//! HTML as what a reader sees of it: elements and text, without comments, and without what is
//! no text: programs, styles, other documents.
//!
//! WHATWG HTML, 13.2.5 (tokenization), by `html5gum`.

use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};

use super::decode::clean;

/// Elements whose contents are not read as HTML; they go with all that is in them.
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

/// A part of a text in HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// An element begins.
    Open(Element),
    /// An element ends; its name in lower case.
    Close(String),
    /// Text, its references resolved.
    Text(String),
}

/// The beginning of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name in lower case.
    pub(super) name: String,
    tag: StartTag<()>,
}

impl Element {
    /// The value of an attribute; its name in lower case.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let value = self.tag.attributes.get(name.as_bytes());
        value.map(|value| text(value))
    }
}

/// The parts of a text in HTML; whatever it is, it has some.
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

/// A reference such as `&#27;` can name what no text is to have.
fn text(bytes: &HtmlString) -> String {
    clean(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_reader_sees_is_left_out() {
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
