//! Markdown as HTML, which must still be sanitised.
//!
//! CommonMark 0.31 with the tables and the strikethrough of GitHub, by the library `pulldown-cmark`.

use pulldown_cmark::{Options, Parser, html};

/// Most quotes and list items that one line may open. The parser compares each line with all that
/// are open, so thousands would take far too long.
const MAX_MARKERS: usize = 64;

/// Renders a text as HTML; a text beyond the limit is shown as plain text.
pub(super) fn render(text: &str) -> String {
    if text.lines().any(|line| num_markers(line) > MAX_MARKERS) {
        return super::plain::render_html(text);
    }
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut out = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut out, Parser::new_ext(text, options));
    out
}

/// Counts the quotes and list items that a line may open.
fn num_markers(line: &str) -> usize {
    let is_of_marker = |c: &u8| b">-*+.) \t".contains(c) || c.is_ascii_digit();
    let end = line.bytes().position(|c| !is_of_marker(&c));
    let head = &line.as_bytes()[..end.unwrap_or(line.len())];
    // A rule of many dashes opens nothing: the mark of an item is followed by a space.
    let is_item = |pair: &[u8]| b"-*+.)".contains(&pair[0]) && b" \t".contains(&pair[1]);
    let num_items = head.windows(2).filter(|pair| is_item(pair)).count();
    num_items + head.iter().filter(|c| **c == b'>').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_markdown_becomes_html() {
        let html = render("# News\n\n- a **b** ~~c~~\n\n|x|y|\n|-|-|\n|1|2|\n");
        for part in [
            "<h1>News</h1>",
            "<li>a <strong>b</strong> <del>c</del></li>",
            "<td>1</td>",
        ] {
            assert!(html.contains(part), "{html}");
        }
    }

    #[test]
    fn lines_that_open_too_many_blocks_stay_plain_text() {
        let deep = "> ".repeat(MAX_MARKERS + 1);
        assert!(render(&format!("a\n{deep}b")).starts_with("<pre>"));
        assert!(!render(&"> ".repeat(MAX_MARKERS)).starts_with("<pre>"));
        for (line, expected) in [
            ("-".repeat(100), 0),
            ("a ".to_owned() + &"- ".repeat(100), 0),
            ("> 1. - * a".to_owned(), 4),
            (">>\t+ x".to_owned(), 3),
            ("2.5 > 3".to_owned(), 1),
        ] {
            assert_eq!(num_markers(&line), expected, "{line}");
        }
    }
}
