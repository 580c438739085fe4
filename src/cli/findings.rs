//! Findings, for people and for scripts.

use std::io::{self, Write};

use romfeed::finding::{Finding, Rule, Severity};
use serde::Serialize;

use super::inspect::print_json;
use super::report::Talk;
use super::tame::escape;

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

/// Prints findings: with `json` as one object a line, otherwise for people, each with what to
/// do about it and, with `-v`, who wants it so. `-q` leaves errors alone.
pub(crate) fn print(talk: Talk, findings: &[Finding], json: bool) -> io::Result<()> {
    for finding in findings {
        match json {
            true => print_json(&line(finding))?,
            false => print_one(talk, finding),
        }
    }
    Ok(())
}

fn line(finding: &Finding) -> Line<'_> {
    Line {
        id: finding.rule.id,
        severity: finding.rule.severity.as_str(),
        place: &finding.place,
        message: &finding.message,
        source: finding.rule.source,
        fix: finding.fix(),
    }
}

fn print_one(talk: Talk, finding: &Finding) {
    let rule = finding.rule;
    let (color, is_error) = match rule.severity {
        Severity::Error => ("1;31", true),
        Severity::Warning => ("1;33", false),
        Severity::Note => ("36", false),
    };
    let tell = |text: &str| match is_error {
        true => talk.always(text),
        false => talk.line(text),
    };
    let severity = talk.paint(color, rule.severity.as_str());
    let (place, message) = (escape(&finding.place), escape(&finding.message));
    tell(&format!("{severity} {} {place}: {message}", rule.id));
    tell(&format!("  {} {}", talk.paint("1", "fix:"), finding.fix()));
    if talk.verbosity > 0 {
        tell(&format!("  {} {}", talk.paint("1", "source:"), rule.source));
    }
}

/// `2 errors, 1 warning`; none if there is neither.
pub(crate) fn count(findings: &[Finding]) -> Option<String> {
    let of = |severity: Severity| {
        let all = findings.iter();
        all.filter(|finding| finding.rule.severity == severity)
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

/// Prints rules with who wants them so: one a paragraph, or with `json` one object a line.
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
