//! The checks that a package must pass to be accepted.

use super::rules;
use crate::finding::{Finding, Rule};

/// The required checks; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// The signature is present, valid, and made with the maintainer's key if that is known.
    pub signature: bool,
    /// The signature is not made with a test key.
    pub release_key: bool,
    /// The payload and its properties are valid.
    pub payload: bool,
    /// The lists of offsets are valid, and present in A/B packages.
    pub property_files: bool,
    /// Transfer lists and their data are valid.
    pub blocks: bool,
}

impl Require {
    /// Whether nothing is required.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Require::default()
    }

    /// Returns the first finding that breaks a requirement.
    #[must_use]
    pub fn objection<'a>(&self, findings: &'a [Finding]) -> Option<&'a Finding> {
        findings.iter().find(|finding| self.includes(finding.rule))
    }

    /// Whether a requirement covers a rule. Rules about the whole zip are covered by all.
    fn includes(&self, rule: &Rule) -> bool {
        let id = rule.id;
        if id == rules::SIGNATURE_TEST_KEY.id {
            return self.release_key;
        }
        // Only a warning: phones install the package anyway.
        if [rules::SIGNATURE_SIDELOAD.id, rules::PACKAGE_NO_METADATA.id].contains(&id) {
            return false;
        }
        if [rules::PACKAGE_UPDATE_BINARY.id, rules::PACKAGE_METADATA.id].contains(&id) {
            return self.blocks;
        }
        match id.split_once('-').map_or(id, |(aspect, _)| aspect) {
            "signature" => self.signature,
            "payload" => self.payload,
            "blocks" => self.blocks,
            _ if id.ends_with("property-files") => self.property_files,
            _ => self.payload || self.blocks,
        }
    }
}
