//! Plain text as HTML: preformatted, with links for addresses.

use super::{escape, open_link};

/// The schemes of addresses that become links.
const SCHEMES: [&str; 2] = ["https://", "http://"];

/// Longest address that becomes a link, in bytes; not all browsers and servers accept longer ones.
const MAX_URL_LEN: usize = 2_000;

/// Renders text as a `pre` element.
pub(super) fn render_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    // Parsers of HTML drop one line break after the tag.
    out.push_str("<pre>\n");
    let mut rest = text;
    while let Some((at, len)) = find_address(rest) {
        let (before, from) = rest.split_at(at);
        let (url, after) = from.split_at(len);
        escape(before, &mut out);
        open_link(url, &mut out);
        escape(url, &mut out);
        out.push_str("</a>");
        rest = after;
    }
    escape(rest, &mut out);
    out.push_str("</pre>\n");
    out
}

/// Finds the position and the length of the first address.
fn find_address(text: &str) -> Option<(usize, usize)> {
    for (at, _) in text.match_indices("http") {
        let from = &text[at..];
        let Some(scheme) = SCHEMES.iter().find(|scheme| from.starts_with(**scheme)) else {
            continue;
        };
        let from = &from[..from.floor_char_boundary(MAX_URL_LEN)];
        let ends = |c: char| c.is_whitespace() || "<>\"`{}|\\^".contains(c);
        let url = &from[..from.find(ends).unwrap_or(from.len())];
        let url = trim_punctuation(url);
        if url.len() > scheme.len() {
            return Some((at, url.len()));
        }
    }
    None
}

/// Removes punctuation and brackets after an address that belong to the sentence around it.
fn trim_punctuation(mut url: &str) -> &str {
    let (has_round, has_square) = (url.contains('('), url.contains('['));
    while let Some(last) = url.chars().next_back() {
        let belongs = match last {
            ')' => has_round,
            ']' => has_square,
            last => !".,;:!?'*_".contains(last),
        };
        if belongs {
            break;
        }
        url = &url[..url.len() - last.len_utf8()];
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_addresses_are_links() {
        let link =
            |url: &str| format!("<a href=\"{url}\" rel=\"noopener noreferrer nofollow\">{url}</a>");
        for (text, expected) in [
            ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;".to_owned()),
            ("see https://h/a.", format!("see {}.", link("https://h/a"))),
            ("(http://h/a)", format!("({})", link("http://h/a"))),
            ("http://h/a_(b)", link("http://h/a_(b)")),
            ("http:// https://", "http:// https://".to_owned()),
            ("javascript:alert(1)", "javascript:alert(1)".to_owned()),
            (
                "https://h/?a=1&b=\"onx=1",
                format!("{}&quot;onx=1", link("https://h/?a=1&amp;b=")),
            ),
            ("https://h/'x", link("https://h/&#39;x")),
        ] {
            assert_eq!(
                render_html(text),
                format!("<pre>\n{expected}</pre>\n"),
                "{text}"
            );
        }
    }
}
