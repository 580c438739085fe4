//! What a check finds: a rule, where it is broken, and what to do about it.
//!
//! Rules are constants of the modules that look for them. Their ids are part of what romfeed
//! promises: scripts go by them.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing breaks.
    Note,
    /// Breaks on some phones, or some day.
    Warning,
    /// Phones get no list, no package, or cannot install it.
    Error,
}

impl Severity {
    /// The name in `--json`; part of the documented schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that must hold for updates to arrive.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable, in lower case with `-` between words: `feed-redirect`.
    pub id: &'static str,
    /// What breaking it costs.
    pub severity: Severity,
    /// What must hold, as a sentence without a full stop.
    pub title: &'static str,
    /// Who wants it so: a client, a specification, a host.
    pub source: &'static str,
    /// What to do, as a sentence without a full stop.
    pub fix: &'static str,
}

/// A rule that something breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What breaks it: an address, a page, a package; not escaped.
    pub place: String,
    /// The entry of a list that breaks it, by file name or number; not escaped.
    pub entry: Option<String>,
    /// What was found, as a fragment of a sentence on the place or the entry; not escaped.
    pub message: String,
    /// What to do in this very case; none is what the rule says.
    advice: Option<&'static str>,
}

impl Finding {
    /// A rule broken at a place.
    #[must_use]
    pub fn new(
        rule: &'static Rule,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            rule,
            place: place.into(),
            entry: None,
            message: message.into(),
            advice: None,
        }
    }

    /// The same finding on one entry of the list at the place.
    #[must_use]
    pub fn with_entry(self, entry: impl Into<String>) -> Finding {
        Finding {
            entry: Some(entry.into()),
            ..self
        }
    }

    /// The message, with the entry that it is on.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.entry {
            Some(entry) => format!("{entry}: {}", self.message),
            None => self.message.clone(),
        }
    }

    /// The same, where the cause asks for something else than the rule says, or for one part of it.
    #[must_use]
    pub fn with_fix(self, fix: &'static str) -> Finding {
        Finding {
            advice: Some(fix),
            ..self
        }
    }

    /// What to do, as a sentence without a full stop.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        self.advice.unwrap_or(self.rule.fix)
    }
}

/// Whether any of the findings is an error.
#[must_use]
pub fn has_errors(findings: &[Finding]) -> bool {
    let is_error = |finding: &Finding| finding.rule.severity == Severity::Error;
    findings.iter().any(is_error)
}
