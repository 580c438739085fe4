//! What `generate` asks of a package before it publishes it.

use super::rules;
use crate::finding::{Finding, Rule};

/// The aspects that have to be in order; nothing is required at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// The signature is there, valid, and made with the maintainer's key if that is known.
    pub signature: bool,
    /// It is not made with a test key.
    pub release_key: bool,
    /// The payload and its properties are in order.
    pub payload: bool,
    /// The lists of offsets are in order, and there in A/B packages.
    pub property_files: bool,
    /// Transfer lists and their data are in order.
    pub blocks: bool,
}

impl Require {
    /// Whether nothing is required.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Require::default()
    }

    /// The first of the findings that keeps a package out.
    #[must_use]
    pub fn objection<'a>(&self, findings: &'a [Finding]) -> Option<&'a Finding> {
        findings.iter().find(|finding| self.includes(finding.rule))
    }

    /// What makes the contents of a package unusable counts for every kind of contents.
    fn includes(&self, rule: &Rule) -> bool {
        let id = rule.id;
        if id == rules::SIGNATURE_TEST_KEY.id {
            return self.release_key;
        }
        // Worth a warning, but it is installed all the same.
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
