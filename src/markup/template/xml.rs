//! Checks whether a text is well-formed XML: elements that are not closed, values that are not
//! escaped, attributes without quotes.
//!
//! Extensible Markup Language (XML) 1.0, fifth edition. Document types are refused, since no feed
//! needs one.

use std::borrow::Cow;

use crate::markup::reorders;

/// Deepest nesting; feeds have four levels.
const MAX_DEPTH: usize = 64;

/// The byte at which something is wrong, and a description.
type XmlError = (usize, String);

/// Checks a whole document.
///
/// # Errors
/// The byte of the first fault, and a description.
pub(crate) fn check(text: &str) -> Result<(), XmlError> {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_char(*c)) {
        return Err((at, format!("U+{:04X} is not allowed in XML", u32::from(c))));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut has_root = false;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let Some(markup) = rest.find('<') else {
            check_text(rest, at, !open.is_empty())?;
            break;
        };
        check_text(&rest[..markup], at, !open.is_empty())?;
        at += markup;
        let rest = &text[at..];
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
            .into_iter()
            .find(|(begin, _)| rest.starts_with(begin));
        if let Some((begin, end)) = skipped {
            let len = rest[begin.len()..].find(end);
            let len = len.ok_or_else(|| (at, format!("{begin} has no {end}")))?;
            at += begin.len() + len + end.len();
            continue;
        }
        let end = tag_end(rest).ok_or_else(|| (at, "a < has no > after it".to_owned()))?;
        let tag = &rest[1..end];
        if let Some(name) = tag.strip_prefix('/') {
            let name = name.trim_end();
            match open.pop() {
                Some(expected) if expected == name => {}
                Some(expected) => {
                    return Err((at, format!("</{name}> instead of </{expected}>")));
                }
                None => return Err((at, format!("</{name}> closes nothing"))),
            }
        } else {
            if open.is_empty() && has_root {
                return Err((at, "a second root element".to_owned()));
            }
            has_root = true;
            let (tag, is_closed) = match tag.strip_suffix('/') {
                Some(tag) => (tag, true),
                None => (tag, false),
            };
            let name = check_tag(tag).map_err(|message| (at, message))?;
            if !is_closed {
                open.push(name);
            }
            if open.len() > MAX_DEPTH {
                return Err((at, format!("elements are nested deeper than {MAX_DEPTH}")));
            }
        }
        at += end + 1;
    }
    match open.pop() {
        Some(name) => Err((text.len(), format!("<{name}> is not closed"))),
        None if !has_root => Err((0, "there is no element".to_owned())),
        None => Ok(()),
    }
}

/// Whether XML allows a character: XML 1.0, 2.2.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Finds the `>` that ends a tag, outside of quotes.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Checks the inside of a tag and returns the element's name.
fn check_tag(tag: &str) -> Result<&str, String> {
    let end = tag.find(|c: char| c.is_ascii_whitespace());
    let (name, mut rest) = tag.split_at(end.unwrap_or(tag.len()));
    if !is_name(name) {
        return Err(format!("<{name}> has no name"));
    }
    let mut seen: Vec<&str> = Vec::new();
    while !rest.trim().is_empty() {
        if !rest.starts_with(|c: char| c.is_ascii_whitespace()) {
            return Err(format!("no space between the attributes of <{name}>"));
        }
        let bad = || format!("an attribute of <{name}> is not of the form name=\"value\"");
        let (key, after) = rest.split_once('=').ok_or_else(bad)?;
        let (key, after) = (key.trim(), after.trim_start());
        let quote = after.chars().next().filter(|c| ['"', '\''].contains(c));
        let quote = quote.filter(|_| is_name(key)).ok_or_else(bad)?;
        let (value, after) = after[1..].split_once(quote).ok_or_else(bad)?;
        if seen.contains(&key) {
            return Err(format!("<{name}> has two attributes `{key}`"));
        }
        seen.push(key);
        if value.contains('<') {
            return Err(format!(
                "< in the attribute `{key}` of <{name}>; write &lt;"
            ));
        }
        check_references(value).map_err(|(_, message)| message)?;
        rest = after;
    }
    Ok(name)
}

/// Whether this is a name: XML 1.0, 2.3, exact for ASCII and approximate for other letters.
fn is_name(name: &str) -> bool {
    let is_start = |c: char| c.is_alphabetic() || "_:".contains(c);
    name.starts_with(is_start)
        && name
            .chars()
            .all(|c| is_start(c) || c.is_numeric() || "-.".contains(c))
}

fn check_text(text: &str, at: usize, is_inside: bool) -> Result<(), XmlError> {
    if !is_inside && !text.trim().is_empty() {
        let start = text.len() - text.trim_start().len();
        return Err((at + start, "text outside of the root element".to_owned()));
    }
    check_references(text).map_err(|(offset, message)| (at + offset, message))
}

/// Checks that each `&` begins a reference to a character.
fn check_references(text: &str) -> Result<(), XmlError> {
    for (at, _) in text.match_indices('&') {
        let name = text[at + 1..].split_once(';').map_or("", |(name, _)| name);
        let is_number = |digits: &str, radix| {
            let number = u32::from_str_radix(digits, radix).ok();
            !digits.starts_with('+') && number.and_then(char::from_u32).is_some_and(is_char)
        };
        let is_reference = match name.strip_prefix('#') {
            Some(hex) if hex.starts_with('x') => is_number(&hex[1..], 16),
            Some(digits) => is_number(digits, 10),
            None => ["amp", "lt", "gt", "quot", "apos"].contains(&name),
        };
        if !is_reference {
            return Err((
                at,
                "a & that does not begin a reference; write &amp;".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Escapes text for an element or a quoted attribute.
///
/// Characters that XML does not allow become U+FFFD, and so do those that reorder the text after
/// them: names and versions are untrusted, and one bad character must not stop the whole site.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    // Most texts have nothing to escape.
    let Some(at) = text.bytes().position(|byte| !is_plain(byte)) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(at);
    let mut escaped = String::with_capacity(text.len() + rest.len());
    escaped.push_str(plain);
    for c in rest.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if !is_char(c) || reorders(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Whether a byte is a character of ASCII that stays as it is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\n' | b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_reported_with_their_position() {
        let good = "<?xml version=\"1.0\"?>\n<!-- < -->\n<a b='x > y' c=\"&#228;&amp;\"><b/>t\
                    <c >]]</c ><![CDATA[<]]></a>\n";
        assert_eq!(check(good), Ok(()));
        for (text, at, message) in [
            ("", 0, "no element"),
            ("x", 0, "outside"),
            ("<a/>x", 4, "outside"),
            ("<a/><b/>", 4, "second"),
            ("<a>", 3, "not closed"),
            ("<a></b>", 3, "</b> instead of </a>"),
            ("</a>", 0, "closes nothing"),
            ("<a", 0, "no >"),
            ("<a b>", 0, "form"),
            ("<a b=c/>", 0, "form"),
            ("<a b='c'd='e'/>", 0, "space"),
            ("<a b='' b=''/>", 0, "two attributes"),
            ("<a b='<'/>", 0, "&lt;"),
            ("<a>x & y</a>", 5, "&amp;"),
            ("<a>&nbsp;</a>", 3, "&amp;"),
            ("<a>&#0;</a>", 3, "&amp;"),
            ("<a>\u{1}</a>", 3, "U+0001"),
            ("<!DOCTYPE a><a/>", 0, "no name"),
            ("<!-- ", 0, "no -->"),
            ("< a/>", 0, "no name"),
        ] {
            let (found, error) = check(text).unwrap_err();
            assert_eq!(found, at, "{text}: {error}");
            assert!(error.contains(message), "{text}: {error}");
        }
        assert!(check(&"<a>".repeat(100_000)).is_err());
        let value = "<a b=\"&'\u{e4}\u{0}\u{1b}\u{fffe}\u{ffff}\">";
        assert_eq!(
            check(&format!("<a b=\"{0}\">{0}</a>", escape(value))),
            Ok(())
        );
    }
}
