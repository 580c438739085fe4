//! HTML as plain text, with a line for each paragraph, item and row.

use super::html::{Role, find};
use super::tokens::{Element, Part, parts};

/// Renders a page or a fragment as text.
pub(super) fn render(html: &str) -> String {
    let mut writer = Writer::default();
    for part in parts(html) {
        match part {
            Part::Open(element) => writer.begin(&element),
            Part::Close(name) => writer.end(&name),
            Part::Text(text) => writer.text(&text),
        }
    }
    let mut text = writer.out;
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Number of open `pre` elements, in which white space is kept.
    num_pre: usize,
    /// Whether a space is due before the next word.
    has_blank: bool,
}

impl Writer {
    fn begin(&mut self, element: &Element) {
        let Some((name, role)) = find(&element.name) else {
            return;
        };
        match role {
            Role::Inline => {}
            Role::Line => self.break_lines(2),
            Role::Block | Role::List => self.break_lines(1),
            Role::Item if ["td", "th"].contains(&name) => self.has_blank = true,
            Role::Item => self.break_lines(1),
            Role::Break => self.end_line(),
            Role::Rule => {
                self.break_lines(1);
                self.out.push_str("---\n");
            }
        }
        match name {
            "li" => self.out.push_str("- "),
            "pre" => self.num_pre += 1,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if name == "pre" {
            self.num_pre = self.num_pre.saturating_sub(1);
        }
        match find(name) {
            Some((_, Role::Line)) => self.break_lines(2),
            Some((_, Role::Block | Role::List)) => self.break_lines(1),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.num_pre > 0 {
            self.out.push_str(text);
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                self.has_blank = true;
                continue;
            }
            let follows_word = !self.out.is_empty() && !self.out.ends_with(['\n', ' ']);
            if std::mem::take(&mut self.has_blank) && follows_word {
                self.out.push(' ');
            }
            self.out.push(c);
        }
    }

    fn end_line(&mut self) {
        self.has_blank = false;
        self.out.push('\n');
    }

    /// Ends the line with `num` line breaks, unless the text is empty.
    fn break_lines(&mut self, num: usize) {
        self.has_blank = false;
        // A paragraph at the start of an item stays in its line.
        if self.out.is_empty() || self.out.ends_with("- ") {
            return;
        }
        let end = self.out.bytes().rev().take(num);
        let num_now = end.take_while(|byte| *byte == b'\n').count();
        let missing = std::iter::repeat_n('\n', num - num_now);
        self.out.extend(missing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_items_and_rows_are_lines() {
        for (html, expected) in [
            ("<h1>A  b</h1>\n <p>c\n<b>d</b><br>e</p>", "A b\n\nc d\ne\n"),
            (
                "x<ul>\n<li>a</li>\n<li><p>b</p></li></ul>y",
                "x\n- a\n- b\n\ny\n",
            ),
            ("<table><tr><td>a<td>b<tr><th>c", "a b\nc\n"),
            ("<pre>a\n  b</pre>c", "a\n  b\n\nc\n"),
            ("<script>x</script>a&amp;&lt;b&gt;<hr>c", "a&<b>\n---\nc\n"),
            ("", ""),
        ] {
            assert_eq!(render(html), expected, "{html}");
        }
    }
}
