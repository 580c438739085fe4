//! Changelogs: what is new in a build, as its maintainer wrote it.
//!
//! In: the bytes of a file in one of three formats. Out: a [`Changelog`] of bounded length in UTF-8;
//! from that, HTML that is safe in any page ([`render_html`]) and plain text ([`render_text`]). A
//! changelog is untrusted: its parts may come from anywhere, and the page is on the maintainer's
//! own address.

mod decode;
mod html;
mod markdown;
mod plain;
mod text;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::reorders;

pub use decode::{MAX_SIZE, decode};

/// The format of a changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Plain text.
    Text,
    /// CommonMark with tables and strikethrough.
    Markdown,
    /// HTML, a whole page or a fragment.
    Html,
}

impl Format {
    /// All formats, the one that takes precedence first.
    pub const ALL: [Format; 3] = [Format::Markdown, Format::Html, Format::Text];

    /// Returns the extension of its files, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Format::Text => "txt",
            Format::Markdown => "md",
            Format::Html => "html",
        }
    }
}

/// The changelog of a build.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Changelog {
    /// The format of the text.
    pub format: Format,
    /// The text: at most [`MAX_SIZE`] bytes; the only control characters are tabs and the `\n` that
    /// ends lines.
    pub text: String,
}

/// The changelogs of a site, by the file name of the build.
pub type Changelogs = BTreeMap<String, Changelog>;

/// A rendered changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Plain text, for clients that show only that.
    pub text: String,
    /// HTML for pages, from [`render_html`].
    pub html: String,
}

/// The rendered changelogs of a site, by the file name of the build.
pub type Rendered = BTreeMap<String, Shown>;

/// Renders the changelogs of the builds with these file names.
#[must_use]
pub fn render(changelogs: &Changelogs, names: &BTreeSet<&str>) -> Rendered {
    let shown = |name: &&str| {
        let changelog = changelogs.get(*name)?;
        let shown = Shown {
            text: render_text(changelog),
            html: render_html(changelog),
        };
        Some(((*name).to_owned(), shown))
    };
    names.par_iter().filter_map(shown).collect()
}

/// Renders a changelog as a fragment of HTML that is safe wherever blocks are allowed.
///
/// It has only harmless elements, each closed; headings from `h3` on; and links to http, https and
/// mail addresses. Time and length are proportional to the length of the text.
#[must_use]
pub fn render_html(changelog: &Changelog) -> String {
    match changelog.format {
        Format::Text => plain::render_html(&changelog.text),
        Format::Markdown => html::sanitise(&markdown::render(&changelog.text)),
        Format::Html => html::sanitise(&changelog.text),
    }
}

/// Replaces names in braces, such as `{version}`, in safe HTML; other braces stay.
///
/// Values are escaped, so the result is safe too.
#[must_use]
pub fn fill(html: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = values.iter().find_map(|(name, value)| {
            let after = after.strip_prefix(*name)?.strip_prefix('}')?;
            Some((value, after))
        });
        match value {
            Some((value, after)) => {
                escape(value, &mut filled);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Renders a changelog as plain text. Markdown stays as it is, since it is made to be read so.
#[must_use]
pub fn render_text(changelog: &Changelog) -> String {
    match changelog.format {
        Format::Text | Format::Markdown => changelog.text.clone(),
        Format::Html => text::render(&changelog.text).replace(reorders, ""),
    }
}

/// Escapes text for an element or a quoted attribute, without the characters that reorder the text
/// after them.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if reorders(c) => {}
            c => out.push(c),
        }
    }
}

/// Writes the opening tag of a link. Its `rel` hides from the target where a reader comes from, and
/// tells search engines that the site does not endorse it.
fn open_link(url: &str, out: &mut String) {
    out.push_str("<a href=\"");
    escape(url, out);
    out.push_str("\" rel=\"noopener noreferrer nofollow\">");
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Texts that slow down parsers of HTML and Markdown, or make their output long.
    #[test]
    fn hostile_texts_take_bounded_time_and_space() {
        let unique: String = (0..20_000).map(|i| format!("<b id={i}>")).collect();
        let columns = "|a".repeat(400);
        let rules = "|-".repeat(400);
        for (name, text) in [
            ("div", "<div>".repeat(MAX_SIZE / 5)),
            ("b", "<b>".repeat(MAX_SIZE / 3)),
            (
                "formatting",
                format!("<p>{unique}</p>{}", "<p>x</p>".repeat(8_000)),
            ),
            (
                "attributes",
                format!("<a {}>", "a b=c ".repeat(MAX_SIZE / 6)),
            ),
            ("table", "<table>".repeat(MAX_SIZE / 7)),
            ("lists", "<ul><li>".repeat(MAX_SIZE / 8)),
            ("open", "<".repeat(MAX_SIZE)),
            ("comments", "<!--".repeat(MAX_SIZE / 4)),
            ("references", "&amp".repeat(MAX_SIZE / 4)),
            ("quotes", ">".repeat(MAX_SIZE)),
            (
                "items",
                format!(
                    "{}a{}",
                    "- ".repeat(MAX_SIZE / 4),
                    "\n".repeat(MAX_SIZE / 2)
                ),
            ),
            (
                "numbers",
                format!(
                    "{}a{}",
                    "1. ".repeat(MAX_SIZE / 6),
                    "\n".repeat(MAX_SIZE / 2)
                ),
            ),
            ("brackets", "[".repeat(MAX_SIZE)),
            ("links", "[a](".repeat(MAX_SIZE / 4)),
            ("angles", "[a](<b".repeat(MAX_SIZE / 6)),
            ("stars", "*a_ ".repeat(MAX_SIZE / 4)),
            ("strikes", "~~a ".repeat(MAX_SIZE / 4)),
            ("ticks", (1..720).map(|n| "`".repeat(n) + "a").collect()),
            (
                "cells",
                format!("{columns}\n{rules}\n{}", "|\n".repeat(MAX_SIZE / 2 - 800)),
            ),
            (
                "definitions",
                format!(
                    "[a]: {}\n\n{}",
                    "x".repeat(MAX_SIZE / 2),
                    "[a]\n".repeat(MAX_SIZE / 8)
                ),
            ),
            ("addresses", "http://".repeat(MAX_SIZE / 7)),
        ] {
            for format in Format::ALL {
                let begun = Instant::now();
                let changelog = decode(text.as_bytes(), format);
                let html = render_html(&changelog);
                let plain = render_text(&changelog);
                let seconds = begun.elapsed().as_secs_f64();
                // Generous: without optimisation, on a busy machine.
                assert!(seconds < 10.0, "{name} as {format:?}: {seconds} s");
                assert!(
                    html.len() < 40 * MAX_SIZE,
                    "{name} as {format:?}: {}",
                    html.len()
                );
                assert!(
                    plain.len() < 2 * MAX_SIZE,
                    "{name} as {format:?}: {}",
                    plain.len()
                );
            }
        }
    }
}
