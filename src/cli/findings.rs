//! Findings of `romfeed check`, printed for people or for scripts, and the rules behind them.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use ota_view::finding::{Finding, Rule, Severity};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde::Serialize;

use super::escape::escape;
use super::json::print_json;
use super::report::Terminal;

/// The page of the book that explains each rule under a heading of its own.
const RULES_PAGE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/docs/src/troubleshooting/rules.md"
));

/// A finding in `--json`; part of the documented schema.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    severity: &'a str,
    place: &'a str,
    message: &'a str,
    source: &'a str,
    fix: &'a str,
}

/// Prints findings: with `json`, one object a line; otherwise for people, grouped by what they say,
/// each group with its fix. `-v` adds each place and entry, and the source of the rule; `-q` prints
/// errors only.
pub(crate) fn print(terminal: Terminal, findings: &[Finding], json: bool) -> io::Result<()> {
    if json {
        return findings.iter().try_for_each(print_line);
    }
    for group in groups(findings) {
        print_group(terminal, &group);
    }
    Ok(())
}

fn print_line(finding: &Finding) -> io::Result<()> {
    print_json(&Line {
        id: finding.rule.id,
        severity: finding.rule.severity.as_str(),
        place: &finding.place,
        message: &finding.text(),
        source: finding.rule.source,
        fix: finding.fix(),
    })
}

/// Findings with the same message about several places or entries; never empty.
type Group<'f> = Vec<&'f Finding>;

/// Sorts findings into groups, in the order of the first of each.
fn groups(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut index = HashMap::new();
    for finding in findings {
        let what = match &finding.entry {
            Some(_) => without_values(&finding.message),
            None => finding.message.clone(),
        };
        let key = (
            finding.rule.id,
            finding.fix(),
            finding.entry.is_some(),
            what,
        );
        let at = *index.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push(finding);
    }
    groups
}

/// Returns a message without numbers and texts in backticks, which differ between entries.
fn without_values(message: &str) -> String {
    let outside = message.split('`').step_by(2);
    let outside: Vec<&str> = outside.collect();
    let is_digit = |c: char| c.is_ascii_digit();
    outside.join("`").replace(is_digit, "")
}

fn print_group(terminal: Terminal, group: &Group<'_>) {
    let Some(first) = group.first() else { return };
    let rule = first.rule;
    let (color, is_error) = match rule.severity {
        Severity::Error => ("1;31", true),
        Severity::Warning => ("1;33", false),
        Severity::Note => ("36", false),
    };
    let print = |text: &str| match is_error {
        true => terminal.always(text),
        false => terminal.line(text),
    };
    let severity = terminal.paint(color, rule.severity.as_str());
    let headline = escape(&headline(first, group));
    print(&format!("{severity} {} {headline}", rule.id));
    if terminal.verbosity > 0 && group.len() > 1 {
        for finding in group {
            let line = format!("{}: {}", finding.place, finding.text());
            print(&format!("    {}", escape(&line)));
        }
    }
    print(&format!(
        "  {} {}",
        terminal.paint("1", "fix:"),
        first.fix()
    ));
    if terminal.verbosity > 0 {
        print(&format!(
            "  {} {}",
            terminal.paint("1", "source:"),
            rule.source
        ));
    }
}

/// Describes a group in one line, not escaped.
fn headline(first: &Finding, group: &Group<'_>) -> String {
    let places: BTreeSet<&str> = group.iter().map(|found| &*found.place).collect();
    let place = match places.len() {
        1 => first.place.clone(),
        n => format!("{} and {} more", first.place, n - 1),
    };
    let entries: BTreeSet<&String> = group.iter().filter_map(|f| f.entry.as_ref()).collect();
    let is_same = group.iter().all(|found| found.message == first.message);
    match entries.len() {
        0 | 1 => format!("{place}: {}", first.text()),
        n if is_same => format!("{place}: {n} entries: {}", first.message),
        n => format!("{place}: {n} entries, one of them {}", first.text()),
    }
}

/// Counts the printed errors and warnings, for example `2 errors, 1 warning`; none if there are
/// none.
pub(crate) fn count(findings: &[Finding]) -> Option<String> {
    let groups = groups(findings);
    let of = |severity: Severity| {
        let first = groups.iter().filter_map(|group| group.first());
        first
            .filter(|finding| finding.rule.severity == severity)
            .count()
    };
    let parts: Vec<String> = [Severity::Error, Severity::Warning]
        .into_iter()
        .map(|severity| (of(severity), severity))
        .filter(|(num, _)| *num > 0)
        .map(|(num, severity)| format!("{num} {severity}{}", if num == 1 { "" } else { "s" }))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A rule in `check --rules --json`; part of the documented schema.
#[derive(Serialize)]
struct RuleLine<'a> {
    id: &'a str,
    severity: &'a str,
    title: &'a str,
    source: &'a str,
    fix: &'a str,
}

/// Prints rules with their sources: one a paragraph, or with `json` one object a line.
pub(crate) fn print_rules(rules: &[&Rule], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for rule in rules {
        if json {
            print_json(&RuleLine {
                id: rule.id,
                severity: rule.severity.as_str(),
                title: rule.title,
                source: rule.source,
                fix: rule.fix,
            })?;
            continue;
        }
        writeln!(out, "{} ({})\n  {}", rule.id, rule.severity, rule.title)?;
        writeln!(out, "  source: {}\n  fix: {}\n", rule.source, rule.fix)?;
    }
    Ok(())
}

/// Prints the command that explains the rules of these findings, as the last line of a run.
pub(crate) fn print_more(terminal: Terminal, findings: &[Finding]) {
    let ids: BTreeSet<&str> = findings.iter().map(|finding| finding.rule.id).collect();
    if !ids.is_empty() {
        let ids = Vec::from_iter(ids).join(" ");
        let more = terminal.paint("1", "more:");
        terminal.line(&format!("{more} romfeed check --explain {ids}"));
    }
}

/// Prints the sections of the book on the rules with these ids, each headed by the id.
pub(crate) fn explain(ids: &[String], terminal: Terminal) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (nth, id) in ids.iter().enumerate() {
        let space = if nth > 0 { "\n" } else { "" };
        let text = without_marks(section(id).unwrap_or_default(), terminal);
        writeln!(out, "{space}{}\n\n{text}", terminal.paint_stdout("1", id))?;
    }
    Ok(())
}

/// Returns the section of a rule, without its heading.
fn section(id: &str) -> Option<&'static str> {
    let sections = RULES_PAGE.split("\n### ");
    let parts = sections.filter_map(|section| section.split_once('\n'));
    let (_, section) = parts.into_iter().find(|(heading, _)| *heading == id)?;
    section.split("\n## ").next()
}

/// Renders Markdown for a terminal: emphasis becomes bold, a link its text; code keeps its backticks.
fn without_marks(markdown: &str, terminal: Terminal) -> String {
    let mut text = String::new();
    let mut is_bold = false;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::Emphasis | Tag::Strong) => is_bold = true,
            Event::End(TagEnd::Emphasis | TagEnd::Strong) => is_bold = false,
            Event::Start(Tag::Item) => text.push_str("- "),
            Event::End(TagEnd::Item) => text.push('\n'),
            Event::End(TagEnd::Paragraph) => text.push_str("\n\n"),
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::Code(code) => text.extend(["`", &*code, "`"]),
            Event::Text(word) if is_bold => text.push_str(&terminal.paint_stdout("1", &word)),
            Event::Text(word) | Event::Html(word) | Event::InlineHtml(word) => {
                text.push_str(&word);
            }
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    static RULE: Rule = Rule {
        id: "a-rule",
        severity: Severity::Error,
        title: "",
        source: "",
        fix: "",
    };

    fn headlines(findings: &[Finding]) -> Vec<String> {
        let groups = groups(findings);
        let headline = |group: &Group<'_>| headline(group[0], group);
        groups.iter().map(headline).collect()
    }

    #[test]
    fn the_same_message_about_several_places_is_one_line() {
        let find = |place: &str, message: &str| Finding::new(&RULE, place, message);
        let found = [find("a", "x 1"), find("b", "x 1"), find("c", "x 2")];
        assert_eq!(headlines(&found), ["a and 1 more: x 1", "c: x 2"]);
        assert_eq!(count(&found).as_deref(), Some("2 errors"));
    }

    #[test]
    fn the_same_message_about_several_entries_is_one_line() {
        let find = |place: &str, entry: &str, message: &str| {
            Finding::new(&RULE, place, message).with_entry(entry)
        };
        let same = [
            find("p", "a", "datetime `0` is bad"),
            find("p", "b", "datetime `0` is bad"),
            find("q", "b", "datetime `0` is bad"),
        ];
        assert_eq!(
            headlines(&same),
            ["p and 1 more: 2 entries: datetime `0` is bad"]
        );
        let others = [
            find("p", "a", "size 5 at `x`"),
            find("p", "b", "size 17 at `y 1`"),
            find("p", "c", "no size"),
        ];
        assert_eq!(
            headlines(&others),
            [
                "p: 2 entries, one of them a: size 5 at `x`",
                "p: c: no size"
            ]
        );
        let one = [find("p", "a", "x"), find("q", "a", "x")];
        assert_eq!(headlines(&one), ["p and 1 more: a: x"]);
    }
}
