//! Texts that people write: package names, changelogs and manifests of projects.

use html5gum::{HtmlString, StartTag, Token, Tokenizer};
use romfeed::ingest::projects::{self, Projects};
use romfeed::markup::changelog::{self, Format, MAX_SIZE};
use romfeed::model::names;

use super::text;

/// The elements that a page may have in a changelog.
const ELEMENTS: [&str; 42] = [
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "var",
];
/// Those of them without content.
const VOID: [&str; 2] = ["br", "hr"];
/// Most bytes that one byte of a changelog can become: a link twice, with its markup.
const MAX_GROWTH: usize = 64;
/// Most bytes of cells that Markdown adds for cells that rows leave out.
const MAX_CELLS: usize = 40 * MAX_SIZE;

/// The name of a package; before a line break, codenames separated by commas.
pub(super) fn names(data: &[u8]) {
    let text = text(data);
    let (known, filename) = text.rsplit_once('\n').unwrap_or(("", &text));
    let known: Vec<String> = known.split(',').map(str::to_owned).collect();
    if let Some(facts) = names::parse(filename, &known) {
        let read = [&facts.device, &facts.version, &facts.romtype];
        for fact in read.into_iter().chain([&facts.incremental]).flatten() {
            let is_there = filename.contains(fact.as_str()) || fact == "RELEASE";
            assert!(is_there, "`{fact}` is not in `{filename}`");
        }
    }
    let words = names::words(filename, &known.iter().collect::<Vec<_>>());
    let num_parts = filename.split(|c: char| !c.is_alphanumeric()).count();
    assert!(words.len() <= num_parts + known.len() * filename.len());
}

/// The first byte selects the format.
pub(super) fn changelog(data: &[u8]) {
    let Some((&selector, data)) = data.split_first() else {
        return;
    };
    let format = Format::ALL[usize::from(selector) % Format::ALL.len()];
    let changelog = changelog::decode(data, format);
    assert!(changelog.text.len() <= MAX_SIZE);
    assert_eq!(
        changelog::decode(changelog.text.as_bytes(), format),
        changelog
    );
    let html = changelog::render_html(&changelog);
    let plain = changelog::render_text(&changelog);
    for text in [&changelog.text, &html, &plain] {
        assert_printable(text);
    }
    let max_len = 1000 + MAX_GROWTH * changelog.text.len();
    let cells = usize::from(format == Format::Markdown) * MAX_CELLS;
    assert!(html.len() <= max_len + cells, "{} bytes", html.len());
    assert!(plain.len() <= max_len, "{} bytes", plain.len());
    assert_safe(&html);
}

/// Fails on characters that change how a terminal shows text, or that XML does not allow.
fn assert_printable(text: &str) {
    let is_odd = |c: char| c.is_control() && !"\n\t".contains(c);
    let is_none = |c: char| ['\u{fffe}', '\u{ffff}'].contains(&c);
    if let Some(c) = text.chars().find(|c| is_odd(*c) || is_none(*c)) {
        panic!("U+{:04X} is in the text", u32::from(c));
    }
}

/// Fails unless all elements are harmless and closed, and links lead to the web or to mail.
fn assert_safe(html: &str) {
    let mut open = Vec::new();
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = name(&tag.name);
                assert!(ELEMENTS.contains(&&*name), "<{name}> in {html}");
                assert!(!tag.self_closing, "{html}");
                assert_attributes(&name, &tag);
                if !VOID.contains(&&*name) {
                    open.push(name);
                }
            }
            Token::EndTag(tag) => assert_eq!(open.pop(), Some(name(&tag.name)), "{html}"),
            Token::Comment(_) | Token::Doctype(_) => panic!("a comment or a type: {html}"),
            Token::String(_) | Token::Error(_) => {}
        }
    }
    assert!(open.is_empty(), "{open:?} stay open: {html}");
}

fn assert_attributes(element: &str, tag: &StartTag<()>) {
    let names: Vec<String> = tag.attributes.keys().map(name).collect();
    if element == "ol" && names == ["start"] {
        let start = name(&tag.attributes[&b"start"[..]]);
        assert!(start.parse::<u32>().is_ok(), "{start}");
        return;
    }
    if element != "a" {
        assert!(names.is_empty(), "{names:?} at <{element}>");
        return;
    }
    assert_eq!(names, ["href", "rel"]);
    let url = name(&tag.attributes[&b"href"[..]]);
    let schemes = ["https://", "http://", "mailto:"];
    assert!(
        schemes.iter().any(|scheme| url
            .get(..scheme.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))),
        "{url}"
    );
}

fn name(bytes: &HtmlString) -> String {
    text(bytes)
}

/// A manifest of projects; the stored form is read back unchanged.
pub(super) fn manifest(data: &[u8]) {
    if let Ok(projects) = projects::manifest::parse(data) {
        assert!(!projects.is_empty());
        assert_eq!(Projects::parse(projects.as_str()), projects);
    }
    let kept = Projects::parse(&String::from_utf8_lossy(data));
    assert_eq!(Projects::parse(kept.as_str()), kept);
    assert_eq!(projects::diff(&kept, &kept), []);
}
