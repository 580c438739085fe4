//! Recognises files that `romfeed init` wrote and that were not edited since.
//!
//! In: the path and the text of a file. Out: whether it is as romfeed wrote it. The last line of each file is a
//! comment with a digest of the rest, so every later version recognises the file without the templates that it was
//! made from. JSON has no comments, so `devices.json` has no such line.

use super::SETTINGS;
use crate::model::build::short_hash;

/// The comment around the digest.
const BEFORE: &str = "As romfeed init wrote it: ";
const AFTER: &str = ". Once this file is edited, init never replaces it.";

/// What became of a file since romfeed wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Nothing: init may replace it.
    Unchanged,
    /// It was edited.
    Edited,
    /// It lacks the line with the digest: it is not from init, or from one that wrote no such line.
    Unknown,
}

/// Compares a file with the digest in it. Line endings of Windows, which git may write, make no difference.
///
/// The address in `base_url` makes no difference either: it is the first line of the settings that people edit, and
/// `init` reads it back.
#[must_use]
pub fn compare(path: &str, text: &str) -> Written {
    let text = unix_lines(text);
    let (body, digest) = split(path, &text);
    match digest {
        None => Written::Unknown,
        Some(digest) if digest == digest_of(path, &body) => Written::Unchanged,
        Some(_) => Written::Edited,
    }
}

/// Returns the text of a file with the line endings of Unix, and without the line with the digest.
#[must_use]
pub fn body(path: &str, text: &str) -> String {
    split(path, &unix_lines(text)).0
}

/// Adds the line with the digest.
pub(super) fn sign(path: &str, body: &str) -> String {
    match comment(path) {
        None => body.to_owned(),
        Some(comment) => {
            let digest = digest_of(path, body);
            format!("{body}{comment} {BEFORE}{digest}{AFTER}\n")
        }
    }
}

/// Splits a text into all other lines and the digest. Lines that were added after the digest belong to the former.
fn split<'t>(path: &str, text: &'t str) -> (String, Option<&'t str>) {
    let parse = |line: &'t str| {
        let line = line.strip_prefix(comment(path)?)?.trim();
        line.strip_prefix(BEFORE)?.strip_suffix(AFTER)
    };
    let mut digest = None;
    let mut body = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match parse(line) {
            Some(found) => digest = Some(found),
            None => body.push_str(line),
        }
    }
    (body, digest)
}

fn digest_of(path: &str, body: &str) -> String {
    if path != SETTINGS {
        return short_hash(body);
    }
    let lines = body.split_inclusive('\n');
    let masked: String = lines
        .map(|line| match is_base_url(line) {
            true => "base_url\n",
            false => line,
        })
        .collect();
    short_hash(&masked)
}

/// Returns whether a line of the settings has the address, or the example of one, and nothing else.
fn is_base_url(line: &str) -> bool {
    let line = line.trim_end();
    let line = line.strip_prefix("# ").unwrap_or(line);
    let value = line.strip_prefix("base_url = \"");
    let value = value.and_then(|rest| rest.strip_suffix('"'));
    value.is_some_and(|value| !value.contains(['"', '\\']))
}

/// Returns how a comment begins in a file; none for JSON.
fn comment(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.') {
        Some((_, "json")) => None,
        Some((_, "js")) => Some("//"),
        _ => Some("#"),
    }
}

/// Returns a text with the line endings of Unix.
#[must_use]
pub fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "#!/bin/sh\nset -eu\n";

    #[test]
    fn an_edit_anywhere_is_noticed() {
        let written = sign("publish", SCRIPT);
        assert!(written.starts_with(SCRIPT) && written.ends_with("replaces it.\n"));
        assert_eq!(compare("publish", &written), Written::Unchanged);
        for edited in [
            written.replace("-eu", "-e"),
            format!("{written}echo done\n"),
            written.replace("\n# As", "\n\n# As"),
            written.replacen("wrote it: ", "wrote it: 0", 1),
        ] {
            assert_eq!(compare("publish", &edited), Written::Edited, "{edited}");
        }
        assert_eq!(compare("publish", SCRIPT), Written::Unknown);
        assert_eq!(compare("publish", ""), Written::Unknown);
    }

    #[test]
    fn line_endings_of_windows_are_no_edit() {
        let written = sign("publish", SCRIPT).replace('\n', "\r\n");
        assert_eq!(compare("publish", &written), Written::Unchanged);
        assert_eq!(body("publish", &written), SCRIPT);
    }

    #[test]
    fn another_address_in_the_settings_is_no_edit() {
        let body = "# base_url = \"https://ota.example.org\"\nkeep = 3\n";
        let written = sign(SETTINGS, body);
        let own = written.replace("# base_url = \"https://ota", "base_url = \"https://roms");
        assert_eq!(compare(SETTINGS, &own), Written::Unchanged);
        for edited in [
            own.replace("example.org\"", "example.org\" # mine"),
            own.replace("keep = 3", "keep = 4"),
            own.replace("https://roms.example.org", "\\\"; x = \\\""),
        ] {
            assert_eq!(compare(SETTINGS, &edited), Written::Edited, "{edited}");
        }
    }

    #[test]
    fn each_kind_of_file_has_its_own_comment() {
        let line = |path| sign(path, "").split(' ').next().map(str::to_owned);
        assert_eq!(line("host/cloudfront.js").as_deref(), Some("//"));
        assert_eq!(line("host/_headers").as_deref(), Some("#"));
        assert_eq!(sign("devices.json", "[]\n"), "[]\n");
    }
}
