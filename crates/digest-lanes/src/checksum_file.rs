//! Checksum files, such as `rom.zip.sha256sum` and `rom.zip.md5sum`.
//!
//! In: the text and the name of the file it is about. Out: the expected digest. All common
//! forms are read: the bare digest, `digest  name` and `digest *name` of coreutils, and
//! `SHA256 (name) = digest` of the BSDs.

/// The longest checksum file worth reading, in bytes: a list of a whole folder fits.
pub const MAX_SIZE: u64 = 1 << 20;

/// Hex digits of MD5, SHA-256 and SHA-512. SHA-1 is left out, because a list of git commits
/// would look like SHA-1 digests.
const LENGTHS: [usize; 3] = [32, 64, 128];

/// Returns the digest of `filename` in `len` lower-case hex digits, or `None` if the text does
/// not contain it.
///
/// A line that names the file decides. Otherwise the text must contain a single digest, since
/// files are often renamed after their checksum was written.
#[must_use]
pub fn parse(text: &str, filename: &str, len: usize) -> Option<String> {
    let lines: Vec<(String, &str)> = text
        .lines()
        .filter_map(|line| parse_line(line, len))
        .collect();
    let named = lines
        .iter()
        .find(|(_, name)| name.rsplit(['/', '\\']).next() == Some(filename));
    match (named, lines.as_slice()) {
        (Some((digest, _)), _) | (None, [(digest, _)]) => Some(digest.clone()),
        _ => None,
    }
}

/// Returns whether the text contains only digests, with or without names.
#[must_use]
pub fn is_list(text: &str) -> bool {
    let is_digest = |line: &str| LENGTHS.iter().any(|len| parse_line(line, *len).is_some());
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().is_some_and(is_digest) && lines.all(is_digest)
}

fn parse_line(line: &str, len: usize) -> Option<(String, &str)> {
    let line = line.trim();
    let (digest, name) = if let Some((head, digest)) = line.split_once(") = ") {
        (digest, head.split_once(" (")?.1)
    } else {
        match line.split_once([' ', '\t']) {
            Some((digest, name)) => (digest, name.trim_start().trim_start_matches('*')),
            None => (line, ""),
        }
    };
    let digest = digest.trim().to_ascii_lowercase();
    is_hex(&digest, len).then_some((digest, name))
}

/// Returns whether `text` consists of `len` lower-case hex digits.
#[must_use]
pub fn is_hex(text: &str, len: usize) -> bool {
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    // Without an early end, several bytes are compared at once.
    text.len() == len && text.bytes().fold(true, |are, b| are & is_digit(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_in_use_are_read() {
        let digest = "900150983cd24fb0d6963f7d28e17f72";
        for text in [
            format!("{digest}\n"),
            format!("{digest}  rom.zip\n"),
            format!("{} *rom.zip\r\n", digest.to_uppercase()),
            format!("MD5 (out/rom.zip) = {digest}\n"),
            format!("{digest}  renamed-since.zip\n"),
            format!("{}  other.zip\n{digest}  ./rom.zip\n", "0".repeat(32)),
        ] {
            assert_eq!(
                parse(&text, "rom.zip", 32).as_deref(),
                Some(digest),
                "{text}"
            );
        }
    }

    #[test]
    fn text_without_the_digest_gives_none() {
        let other = "0".repeat(32);
        for text in [
            String::new(),
            "not a digest".to_owned(),
            format!("{other}  a.zip\n{other}  b.zip\n"),
            "é".repeat(40),
        ] {
            assert_eq!(parse(&text, "rom.zip", 32), None, "{text}");
        }
    }

    #[test]
    fn a_list_has_nothing_but_digests() {
        let digest = "900150983cd24fb0d6963f7d28e17f72";
        for (text, expected) in [
            (digest.to_owned(), true),
            (
                format!("{digest}  a.zip\n\n{digest}{digest} *b.zip\n"),
                true,
            ),
            (format!("MD5 (a.zip) = {digest}\n"), true),
            (format!("New\n{digest}  a.zip\n"), false),
            (format!("{digest}{}  a commit\n", &digest[..8]), false),
            ("\n".to_owned(), false),
        ] {
            assert_eq!(is_list(&text), expected, "{text}");
        }
    }
}
