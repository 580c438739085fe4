//! What others named or wrote, so that a terminal takes it for text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// Where a file or folder is, so that a terminal takes it for text.
pub(crate) fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// Text from packages and servers, so that a terminal takes it for text; quotes stay, and what
/// parts the folders of a path on Windows.
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

/// A whole text for a terminal, with line breaks and the colours of romfeed's own: of what is in it
/// from elsewhere, the controls that were not escaped yet, those of writing direction among them.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_own = |c: char| matches!(c, '\n' | '\t' | '\x1b');
    let is_obeyed = |c: char| (c.is_control() && !is_own(c)) || is_of_direction(c);
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_obeyed(c) {
            true => escaped.extend(c.escape_unicode()),
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// JSON that a terminal shows in the order it is written in; it means the same.
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

/// Whether a character changes the direction in which others are shown (Unicode Standard Annex 9,
/// 2): with it, a name can look like another.
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
    fn what_a_terminal_obeys_is_escaped_but_for_colours_and_line_breaks() {
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
    fn json_means_the_same_without_a_change_of_direction() {
        let text = serde_json::to_string("a\u{202e}b\u{2066}").unwrap();
        let escaped = json(&text);
        assert_eq!(escaped, "\"a\\u202eb\\u2066\"");
        let read: String = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, "a\u{202e}b\u{2066}");
    }
}
