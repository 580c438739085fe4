//! Findings as people and scripts see them.

use std::io::{self, Write};

use romfeed::finding::{Finding, Rule, Severity};
use serde::Serialize;

use super::report::{Talk, count};

/// One finding in `--json`; part of the documented schema.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    severity: &'a str,
    place: &'a str,
    message: &'a str,
    source: &'a str,
    fix: &'a str,
}

/// Prints findings: as JSON lines on standard output, or for people.
pub(crate) fn print(findings: &[Finding], json: bool, talk: Talk) -> io::Result<()> {
    if !json {
        for finding in findings {
            print_one(finding, talk);
        }
        return Ok(());
    }
    let mut out = io::stdout().lock();
    for Finding {
        rule,
        place,
        message,
    } in findings
    {
        let line = Line {
            id: rule.id,
            severity: rule.severity.as_str(),
            place,
            message,
            source: rule.source,
            fix: rule.fix,
        };
        let line = serde_json::to_string(&line).map_err(io::Error::other)?;
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn print_one(
    Finding {
        rule,
        place,
        message,
    }: &Finding,
    talk: Talk,
) {
    let plain = |text: &str| text.replace(char::is_control, "\u{fffd}");
    let (place, message) = (plain(place), plain(message));
    talk.finding(
        rule.severity,
        &format!("{place}: {message} [{}]", rule.id),
        rule.fix,
    );
    if talk.verbosity > 0 {
        talk.line(&format!("  source: {}", rule.source));
    }
}

/// `2 errors, 1 warning`, or `nothing wrong`.
pub(crate) fn tally(findings: &[Finding]) -> String {
    let kinds = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "note", "notes"),
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|(kind, one, many)| {
            let found = findings
                .iter()
                .filter(|finding| finding.rule.severity == kind);
            (found.count(), one, many)
        })
        .filter(|(found, ..)| *found > 0)
        .map(|(found, one, many)| count(found, one, many))
        .collect();
    match parts.is_empty() {
        true => "nothing wrong".to_owned(),
        false => parts.join(", "),
    }
}

/// Prints rules with their sources, one a paragraph.
pub(crate) fn print_rules(rules: &[&Rule]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for rule in rules {
        writeln!(out, "{} ({})\n  {}", rule.id, rule.severity, rule.title)?;
        writeln!(out, "  source: {}\n  fix: {}\n", rule.source, rule.fix)?;
    }
    Ok(())
}
