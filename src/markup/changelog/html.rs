//! Sanitises HTML: writes a copy that has harmless elements only.
//!
//! In: any text. Out: a fragment of [`ELEMENTS`] only, each closed within the fragment. The result
//! does not depend on how browsers repair broken markup: no element in it changes how the text
//! after it is parsed (no scripts, styles, drawings, forms or raw text), element names come from
//! the table, and everything else is escaped text. So no nesting can restore what was removed.
//!
//! Elements that are not closed or are misplaced are repaired much as in WHATWG HTML, 13.2.6; but
//! nesting ends at [`MAX_DEPTH`], and formatting elements are not copied, which would let a short
//! text grow quadratically.

use super::tokens::{Element, Part, parts};
use super::{escape, open_link};

/// Deepest nesting; elements below that become text.
const MAX_DEPTH: usize = 64;
/// The schemes that links may have.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// The role of an element in its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Part of a line.
    Inline,
    /// Holds one paragraph.
    Line,
    /// Holds paragraphs.
    Block,
    /// Holds only items or rows.
    List,
    /// An item of a list or a cell of a row, which holds paragraphs.
    Item,
    /// Ends a line.
    Break,
    /// A line across the page.
    Rule,
}

/// The allowed elements: name, name in the output, role. Headings move down, since the page
/// has headings above them; folded sections are shown open.
const ELEMENTS: [(&str, &str, Role); 51] = [
    ("a", "a", Role::Inline),
    ("abbr", "abbr", Role::Inline),
    ("b", "b", Role::Inline),
    ("code", "code", Role::Inline),
    ("del", "del", Role::Inline),
    ("em", "em", Role::Inline),
    ("i", "i", Role::Inline),
    ("ins", "ins", Role::Inline),
    ("kbd", "kbd", Role::Inline),
    ("mark", "mark", Role::Inline),
    ("q", "q", Role::Inline),
    ("s", "s", Role::Inline),
    ("samp", "samp", Role::Inline),
    ("small", "small", Role::Inline),
    ("strike", "s", Role::Inline),
    ("strong", "strong", Role::Inline),
    ("sub", "sub", Role::Inline),
    ("sup", "sup", Role::Inline),
    ("tt", "code", Role::Inline),
    ("u", "u", Role::Inline),
    ("var", "var", Role::Inline),
    ("h1", "h3", Role::Line),
    ("h2", "h4", Role::Line),
    ("h3", "h5", Role::Line),
    ("h4", "h6", Role::Line),
    ("h5", "h6", Role::Line),
    ("h6", "h6", Role::Line),
    ("p", "p", Role::Line),
    ("pre", "pre", Role::Line),
    ("summary", "p", Role::Line),
    ("article", "div", Role::Block),
    ("blockquote", "blockquote", Role::Block),
    ("center", "div", Role::Block),
    ("details", "div", Role::Block),
    ("div", "div", Role::Block),
    ("section", "div", Role::Block),
    ("dl", "dl", Role::List),
    ("ol", "ol", Role::List),
    ("table", "table", Role::List),
    ("ul", "ul", Role::List),
    ("dd", "dd", Role::Item),
    ("dt", "dt", Role::Item),
    ("li", "li", Role::Item),
    ("tbody", "tbody", Role::Item),
    ("td", "td", Role::Item),
    ("tfoot", "tfoot", Role::Item),
    ("th", "th", Role::Item),
    ("thead", "thead", Role::Item),
    ("tr", "tr", Role::Item),
    ("br", "br", Role::Break),
    ("hr", "hr", Role::Rule),
];

/// Returns the output name and the role of an allowed element.
pub(super) fn find(name: &str) -> Option<(&'static str, Role)> {
    let found = ELEMENTS.iter().find(|(known, ..)| *known == name);
    found.map(|(_, name, role)| (*name, *role))
}

/// Returns the elements that may contain an item.
fn holders(item: &str) -> &'static [&'static str] {
    match item {
        "li" => &["ul", "ol"],
        "dt" | "dd" => &["dl"],
        "tr" => &["thead", "tbody", "tfoot", "table"],
        "td" | "th" => &["tr", "thead", "tbody", "tfoot", "table"],
        _ => &["table"],
    }
}

/// Returns the item that an element needs before it can hold text.
fn item_for_text(holder: &str) -> Option<&'static str> {
    match holder {
        "ul" | "ol" => Some("li"),
        "dl" => Some("dd"),
        "table" | "thead" | "tbody" | "tfoot" => Some("tr"),
        "tr" => Some("td"),
        _ => None,
    }
}

/// Renders HTML as a fragment that is safe in any page.
pub(super) fn sanitise(html: &str) -> String {
    let mut writer = Writer {
        out: String::with_capacity(html.len() + html.len() / 8),
        open: Vec::new(),
    };
    let mut headings = Headings::new(html);
    for part in parts(html) {
        match part {
            Part::Open(mut element) => {
                headings.begin(&mut element.name);
                writer.begin(&element);
            }
            Part::Close(mut name) => {
                headings.end(&mut name);
                writer.end(&name);
            }
            Part::Text(text) => writer.text(&text),
        }
    }
    writer.close_to(0);
    writer.out
}

/// Returns the level of a heading; 1 is the highest.
fn level(name: &str) -> Option<u32> {
    let digit = name.strip_prefix('h')?.chars().next()?.to_digit(10)?;
    (name.len() == 2 && (1..=6).contains(&digit)).then_some(digit)
}

/// Renumbers headings so that their levels have no gaps, since screen readers go from heading to
/// heading (WCAG 2.2, technique G141).
#[derive(Debug)]
struct Headings {
    highest: u32,
    last: u32,
}

impl Headings {
    fn new(html: &str) -> Headings {
        let levels = parts(html).filter_map(|part| match part {
            Part::Open(element) => level(&element.name),
            _ => None,
        });
        Headings {
            highest: levels.min().unwrap_or(1),
            last: 0,
        }
    }

    fn begin(&mut self, name: &mut String) {
        if let Some(level) = level(name) {
            self.last = (level + 1).saturating_sub(self.highest).min(self.last + 1);
            *name = format!("h{}", self.last);
        }
    }

    fn end(&self, name: &mut String) {
        if level(name).is_some() {
            *name = format!("h{}", self.last.max(1));
        }
    }
}

struct Writer {
    out: String,
    /// Output names of the open elements, the outermost first.
    open: Vec<(&'static str, Role)>,
}

impl Writer {
    fn begin(&mut self, element: &Element) {
        // Images are on other hosts, so only their description is shown.
        if element.name == "img" {
            return self.text(&element.attribute("alt").unwrap_or_default());
        }
        let Some((name, role)) = find(&element.name) else {
            return;
        };
        match role {
            _ if self.open.len() >= MAX_DEPTH => {}
            Role::Break => {
                self.make_room();
                self.out.push_str("<br>");
            }
            Role::Rule => {
                self.end_line();
                self.make_room();
                self.out.push_str("<hr>\n");
            }
            Role::Inline if name == "a" => self.link(element),
            Role::Inline => {
                self.make_room();
                self.push(name, role);
            }
            Role::Line | Role::Block | Role::List => {
                self.end_line();
                self.make_room();
                self.push_list(name, role, element);
            }
            Role::Item => self.item(name),
        }
    }

    fn end(&mut self, name: &str) {
        let Some((name, _)) = find(name) else {
            return;
        };
        if let Some(at) = self.open.iter().rposition(|(open, _)| *open == name) {
            self.close_to(at);
        }
    }

    fn text(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.make_room();
        }
        escape(text, &mut self.out);
    }

    fn link(&mut self, element: &Element) {
        self.end("a");
        if let Some(url) = element.attribute("href").as_deref().and_then(safe_url) {
            self.make_room();
            open_link(url, &mut self.out);
            self.open.push(("a", Role::Inline));
        }
    }

    fn item(&mut self, name: &'static str) {
        let is_holder = |(open, _): &(&str, Role)| holders(name).contains(open);
        let Some(at) = self.open.iter().rposition(is_holder) else {
            return;
        };
        self.close_to(at + 1);
        if ["td", "th"].contains(&name) && self.open[at].0 != "tr" {
            self.push("tr", Role::Item);
        }
        self.push(name, Role::Item);
    }

    fn push_list(&mut self, name: &'static str, role: Role, element: &Element) {
        let start = element.attribute("start").filter(|_| name == "ol");
        match start.and_then(|start| start.parse::<u32>().ok()) {
            None => self.push(name, role),
            Some(start) => {
                self.out.push_str(&format!("<ol start=\"{start}\">"));
                self.open.push((name, role));
            }
        }
    }

    fn push(&mut self, name: &'static str, role: Role) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        self.open.push((name, role));
    }

    /// Closes elements that cannot hold a paragraph.
    fn end_line(&mut self) {
        let is_line = |(_, role): &(_, Role)| [Role::Inline, Role::Line].contains(role);
        let holds = self.open.iter().rposition(|open| !is_line(open));
        self.close_to(holds.map_or(0, |at| at + 1));
    }

    /// Opens items until text is allowed here.
    fn make_room(&mut self) {
        while let Some(item) = self.open.last().and_then(|(name, _)| item_for_text(name)) {
            self.push(item, Role::Item);
        }
    }

    fn close_to(&mut self, len: usize) {
        while self.open.len() > len
            && let Some((name, role)) = self.open.pop()
        {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
            if role != Role::Inline {
                self.out.push('\n');
            }
        }
    }
}

/// Returns the address if its scheme is allowed and it has no white space or control characters.
fn safe_url(url: &str) -> Option<&str> {
    let url = url.trim();
    let begins = |scheme: &str| {
        let head = url.get(..scheme.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    let is_plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    (is_plain && SCHEMES.iter().any(|scheme| begins(scheme))).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics if a fragment has a tag that is not allowed, or not closed in order.
    fn check(html: &str) {
        let mut open: Vec<String> = Vec::new();
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            let end = rest[at..].find('>').unwrap() + at;
            let tag = &rest[at + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name), "{html}");
                continue;
            }
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(
                ELEMENTS.iter().any(|(_, output, _)| *output == name),
                "{html}"
            );
            let is_link = attributes.starts_with("href=\"http")
                || attributes.starts_with("href=\"mailto:")
                || attributes.starts_with("href=\"HTTP");
            let is_list = attributes.starts_with("start=\"");
            assert!(attributes.is_empty() || is_link || is_list, "{html}");
            if !["br", "hr"].contains(&name) {
                open.push(name.to_owned());
            }
        }
        assert!(open.is_empty(), "{html}: {open:?}");
        assert!(!rest.contains('>'), "{html}");
    }

    #[test]
    fn common_markup_is_preserved() {
        let rel = "rel=\"noopener noreferrer nofollow\"";
        for (html, expected) in [
            (
                "<h1>A</h1><p class=x style=y id=z onclick=q>b</p>",
                "<h3>A</h3>\n<p>b</p>\n",
            ),
            (
                "<h2>A</h2><h5>b</h5><h6>c</h6><h3>d</h4>e",
                "<h3>A</h3>\n<h4>b</h4>\n<h5>c</h5>\n<h4>d</h4>\ne",
            ),
            ("<p>a<p>b", "<p>a</p>\n<p>b</p>\n"),
            (
                "<ul><li>a<li>b</ul>c",
                "<ul><li>a</li>\n<li>b</li>\n</ul>\nc",
            ),
            ("<ol start=3><li>a", "<ol start=\"3\"><li>a</li>\n</ol>\n"),
            (
                "<ul>a<ul><li>b</ul></ul>",
                "<ul><li>a<ul><li>b</li>\n</ul>\n</li>\n</ul>\n",
            ),
            ("<li>a</li>", "a"),
            (
                "<table><td>a<th>b<tr><td>c</table>",
                "<table><tr><td>a</td>\n<th>b</th>\n</tr>\n<tr><td>c</td>\n</tr>\n</table>\n",
            ),
            (
                "<table>a</table>",
                "<table><tr><td>a</td>\n</tr>\n</table>\n",
            ),
            ("<b>a<p>b</b>c", "<b>a</b><p>bc</p>\n"),
            ("a<BR>b<hr/>c", "a<br>b<hr>\nc"),
            ("<strike>a</strike> <tt>b</tt>", "<s>a</s> <code>b</code>"),
            ("<img src=//h/x alt='a<b'>", "a&lt;b"),
            (
                "<html><head><title>t</title><style>s</style></head><body>x",
                "x",
            ),
            (
                "<details><summary>a</summary>b</details>",
                "<div><p>a</p>\nb</div>\n",
            ),
            ("x</p></b>y", "xy"),
            ("<a>x</a>", "x"),
            ("<a href=/local>x</a>", "x"),
        ] {
            assert_eq!(sanitise(html), expected, "{html}");
            check(expected);
        }
        assert_eq!(
            sanitise("<a href='https://h/?a&amp;b=\"' target=_blank>x<a href=mailto:a@b>y"),
            format!(
                "<a href=\"https://h/?a&amp;b=&quot;\" {rel}>x</a><a href=\"mailto:a@b\" {rel}>y</a>"
            )
        );
    }

    #[test]
    fn scripts_and_active_content_are_removed() {
        for html in [
            "<script>alert(1)</script>",
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
            "<img src=x onerror=alert(1)>",
            "<img alt='\"><script>alert(1)</script>'>",
            "<svg onload=alert(1)><script>alert(1)</script></svg>",
            "<svg><style><img src=x onerror=alert(1)></style></svg>",
            "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "<math><annotation-xml encoding=\"text/html\"><img src=x onerror=alert(1)>",
            "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
            "<template><script>alert(1)</script></template>",
            "<textarea><img title=\"</textarea><img src onerror=alert(1)>\">",
            "<title><a title=\"</title><img src onerror=alert(1)>\">",
            "<xmp><p title=\"</xmp><svg/onload=alert(1)>\">",
            "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
            "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
            "<a href=javascript:alert(1)>x</a>",
            "<a href='JaVaScRiPt:alert(1)'>x</a>",
            "<a href=' \u{1}javascript:alert(1)'>x</a>",
            "<a href='java\nscript:alert(1)'>x</a>",
            "<a href='&#106;avascript&colon;alert(1)'>x</a>",
            "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
            "<a href='vbscript:x'>x</a><a href='//evil.example'>x</a>",
            "<a href='https://h\" onmouseover=\"alert(1)'>x</a>",
            "<a href='https://h' onmouseover=alert(1) style='x:expression(alert(1))'>x</a>",
            "<p style=\"background:url(javascript:alert(1))\">x</p>",
            "<base href=https://evil.example><link rel=stylesheet href=//evil.example>",
            "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
            "<form action=javascript:alert(1)><input type=submit formaction=javascript:alert(1)>",
            "<button onclick=alert(1)>x</button><video><source onerror=alert(1)></video>",
            "<div><p><table></div><td>x</table></p>",
            "</td></tr></table></div></body><script>alert(1)</script>",
            "<![CDATA[<script>alert(1)</script>]]>",
            "<!--><script>alert(1)</script>-->",
            "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
            "<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
            "<p/onclick=alert(1)/>x<p\tonclick=alert(1)>y<p\0onclick=alert(1)>z",
            "<plaintext></plaintext><script>alert(1)</script>",
            "<select><template><style><!--</style><a rel=\"--></style></template></select><img src onerror=alert(1)>\">",
            "<h5><h6><li><td><b><p><i><table><a href=https://h><tr><script>x",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "<p title='",
            "<a href=\"https://h",
        ] {
            let safe = sanitise(html);
            check(&safe);
            // Remains of it may be text, but not tags.
            let lower = safe.to_ascii_lowercase();
            for word in [
                "<script",
                "<img",
                "<svg",
                "<math",
                "<style",
                "\"javascript",
                "<!",
            ] {
                assert!(!lower.contains(word), "{html}: {safe}");
            }
            // Sanitising again changes only line breaks.
            assert_eq!(
                sanitise(&safe).replace('\n', ""),
                safe.replace('\n', ""),
                "{html}"
            );
        }
    }

    #[test]
    fn nesting_is_limited() {
        let safe = sanitise(&"<div><ul><li>".repeat(10_000));
        assert!(safe.len() < 3_000, "{}", safe.len());
        check(&safe);
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_a_well_formed_fragment(html in r#"(<(/?(a|b|p|ul|li|table|td|tr|h1|svg|script|style|title|br)( href=https://h| x="|)>?|!--|--)|[ -~]|&lt;|\n){0,40}"#) {
            check(&sanitise(&html));
        }
    }
}
