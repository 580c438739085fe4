//! Decodes the bytes of a file to text.
//!
//! UTF-8 with or without a byte order mark, UTF-16 with one; everything else is Windows-1252, as in
//! the WHATWG Encoding Standard for pages without an encoding. Except for control characters,
//! ISO 8859-1 is the same.

use super::{Changelog, Format};
use crate::markup::reorders;

/// Longest changelog, in bytes: some thousand commits. To notice that a file is longer, read one
/// byte more.
pub const MAX_SIZE: usize = 256 << 10;

/// The end of a changelog that was cut.
const CUT: &str = "[cut here: the changelog is longer than 256 KiB]";

/// Windows-1252 from 0x80 to 0x9f (index-windows-1252 of the Encoding Standard); other bytes are the
/// characters with the same number.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Decodes the beginning of a file; more than [`MAX_SIZE`] bytes mean that the file is longer.
///
/// Decoding a decoded text does not change it.
#[must_use]
pub fn decode(bytes: &[u8], format: Format) -> Changelog {
    let is_cut = bytes.len() > MAX_SIZE;
    let bytes = bytes.get(..MAX_SIZE).unwrap_or(bytes);
    let text = clean(&to_text(bytes, is_cut));
    Changelog {
        format,
        text: match is_cut || text.len() > MAX_SIZE {
            true => cut(&text, format),
            false => text,
        },
    }
}

fn to_text(bytes: &[u8], is_cut: bool) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => from_utf8(rest, is_cut),
        [0xff, 0xfe, rest @ ..] => from_utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => from_utf16(rest, u16::from_be_bytes),
        bytes => from_utf8(bytes, is_cut),
    }
}

fn from_utf8(bytes: &[u8], is_cut: bool) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // The limit is in the middle of a character.
        Err(error) if is_cut && error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => bytes.iter().copied().map(from_windows_1252).collect(),
    }
}

fn from_windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (units, _) = bytes.as_chunks();
    char::decode_utf16(units.iter().copied().map(unit))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Ends all lines with `\n`, and removes characters that are not safe for terminals or XML, or that
/// reorder the text after them.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => clean.push('\n'),
            '\n' | '\t' => clean.push(c),
            // XML 1.0, 2.2, does not allow these.
            '\u{fffe}' | '\u{ffff}' | '\u{feff}' => {}
            c if c.is_control() || reorders(c) => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Cuts a text at the end of a line, and says so at its end.
fn cut(text: &str, format: Format) -> String {
    let (open, close) = match format {
        Format::Text => ("", "\n"),
        Format::Markdown => ("\n", "\n"),
        Format::Html => ("<p>", "</p>\n"),
    };
    let room = MAX_SIZE - open.len() - CUT.len() - close.len() - 1;
    let head = &text[..text.floor_char_boundary(room)];
    let end = head.rfind('\n').unwrap_or(head.len());
    format!("{}\n{open}{CUT}{close}", &head[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8]) -> String {
        decode(bytes, Format::Text).text
    }

    #[test]
    fn all_encodings_give_the_same_text() {
        let text = "Añadido: “ñandú” – 5 €\nok\n";
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let with = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.into_iter()
                .chain(utf16.iter().copied().flat_map(unit))
                .collect()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            with([0xff, 0xfe], u16::to_le_bytes),
            with([0xfe, 0xff], u16::to_be_bytes),
            b"A\xf1adido: \x93\xf1and\xfa\x94 \x96 5 \x80\nok\n".to_vec(),
        ] {
            assert_eq!(text_of(&bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn line_endings_are_unified_and_control_characters_removed() {
        assert_eq!(text_of(b"a\r\nb\rc\n\td\r"), "a\nb\nc\n\td\n");
        assert_eq!(
            text_of("x\0\x1b[31my\u{9b}z\u{7f}\u{fffe}\u{feff}\x0c".as_bytes()),
            "x[31myz"
        );
        // Half a pair, and half a unit.
        assert_eq!(text_of(b"\xff\xfea\0\x00\xd8b"), "a\u{fffd}");
        assert_eq!(text_of(b""), "");
    }

    #[test]
    fn long_texts_are_cut_at_the_end_of_a_line_once() {
        let line = "ä".repeat(30) + "\n";
        for format in Format::ALL {
            let long = line.repeat(2 * MAX_SIZE / line.len());
            let changelog = decode(&long.as_bytes()[..=MAX_SIZE], format);
            assert!(changelog.text.len() <= MAX_SIZE);
            let last = changelog.text.lines().last().unwrap();
            assert!(last.contains(CUT), "{last}");
            let lines = changelog.text.lines().filter(|l| l.starts_with('ä'));
            assert!(lines.clone().all(|l| l.len() == 60));
            assert!(lines.count() > 4_000);
            assert_eq!(decode(changelog.text.as_bytes(), format), changelog);
        }
        // One line, of characters that grow.
        let changelog = decode(&vec![0x80; MAX_SIZE], Format::Text);
        assert!(changelog.text.len() <= MAX_SIZE && changelog.text.contains(CUT));
        let whole = "a\n".repeat(MAX_SIZE / 2);
        assert_eq!(text_of(whole.as_bytes()), whole);
    }
}
