//! Escapes untrusted text for terminals.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// Escapes the path of a file or folder.
pub(crate) fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// Escapes a text from packages or servers, except for quotes and for backslashes, which separate the
/// folders of a path on Windows.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '\'' | '"' | '\\' => escaped.push(char),
            char => escaped.extend(char.escape_debug()),
        }
    }
    escaped
}

/// Escapes the control characters in a whole output, those of writing direction included. Line breaks,
/// tabs and the escape sequences of romfeed's colours stay; in texts from others, they are escaped
/// before.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_own = |c: char| matches!(c, '\n' | '\t' | '\x1b');
    let is_control = |c: char| (c.is_control() && !is_own(c)) || is_of_direction(c);
    if !text.contains(is_control) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_control(c) {
            true => escaped.extend(c.escape_unicode()),
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// Escapes the characters in JSON that change the direction of text; its meaning stays the same.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_of_direction) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_of_direction(c) {
            true => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// Returns whether a character changes the direction of the text around it (Unicode Standard Annex 9,
/// section 2), which can make a name look like another.
fn is_of_direction(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_except_for_colours_and_line_breaks() {
        let own = "\x1b[1merror:\x1b[0m a\n\tb \u{f6} \u{5d0}";
        assert_eq!(harmless(own), own);
        assert_eq!(
            harmless("a\u{202e}gpj.exe\u{9b}\r\u{7}"),
            "a\\u{202e}gpj.exe\\u{9b}\\u{d}\\u{7}"
        );
        for c in ['\u{61c}', '\u{200f}', '\u{202a}', '\u{2066}', '\u{2069}'] {
            assert!(!harmless(&c.to_string()).contains(c), "{c:?}");
            assert!(!escape(&c.to_string()).contains(c), "{c:?}");
        }
    }

    #[test]
    fn escaped_json_means_the_same() {
        let text = serde_json::to_string("a\u{202e}b\u{2066}").unwrap();
        let escaped = json(&text);
        assert_eq!(escaped, "\"a\\u202eb\\u2066\"");
        let read: String = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, "a\u{202e}b\u{2066}");
    }
}
