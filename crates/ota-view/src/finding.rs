//! Findings: a rule, where it is broken, and how to fix it.
//!
//! Rules are constants of the modules that check them. Their ids are stable: scripts depend on
//! them.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For information; nothing breaks.
    Note,
    /// Breaks on some phones, or may break later.
    Warning,
    /// Phones cannot find, download or install the package.
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

/// A condition that must hold for phones to be updated.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// A stable id, in lower case with `-` between words: `payload-offset`.
    pub id: &'static str,
    /// How much it matters if the rule is broken.
    pub severity: Severity,
    /// What must hold, as a sentence without a full stop.
    pub title: &'static str,
    /// Where the rule comes from: a client, a specification, a host.
    pub source: &'static str,
    /// How to fix it, as a sentence without a full stop.
    pub fix: &'static str,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What breaks the rule: a URL, a page, a package; not escaped.
    pub place: String,
    /// The list entry that breaks the rule, by file name or number; not escaped.
    pub entry: Option<String>,
    /// What was found, as the rest of a sentence about the place or the entry; not escaped.
    pub message: String,
    /// How to fix this case, if it differs from [`Rule::fix`].
    advice: Option<&'static str>,
}

impl Finding {
    /// Creates a finding about a place.
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

    /// Names the list entry that the finding is about.
    #[must_use]
    pub fn with_entry(self, entry: impl Into<String>) -> Finding {
        Finding {
            entry: Some(entry.into()),
            ..self
        }
    }

    /// Returns the message, with the entry in front if there is one.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.entry {
            Some(entry) => format!("{entry}: {}", self.message),
            None => self.message.clone(),
        }
    }

    /// Replaces the rule's fix by one for this case.
    #[must_use]
    pub fn with_fix(self, fix: &'static str) -> Finding {
        Finding {
            advice: Some(fix),
            ..self
        }
    }

    /// Returns how to fix it, as a sentence without a full stop.
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
