//! Checks the signature of a whole package.
//!
//! In: the comment of the zip, and the digest of the signed bytes: the file without the comment and
//! its length. Out: the signer. Sources: Android `RecoverySystem.verifyPackage`, AOSP
//! `bootable/recovery/otautil/verifier.cpp`.

use std::ops::Range;

use super::certificate::{key_digest, test_key};
use super::digest_pass::{Algorithm, Hasher, Pieces};
use super::key::PublicKey;
use super::{Findings, rules};
use crate::error_kind::ErrorKind;
use crate::error_kind::chain;
use crate::package::signature::{self, DigestAlgorithm, RecoveryDigest, Signature, Signer};
use crate::package::{Package, layout};

/// A signature that can be checked when the file has been read.
pub(super) struct ExaminedSignature {
    signature: Signature,
    key: PublicKey,
    signed: Range<u64>,
}

/// Reads the signature of a package, and checks what needs no digest of the file.
pub(super) fn examine(
    package: &Package,
    size: u64,
    is_ab: bool,
    findings: &mut Findings<'_>,
) -> Option<ExaminedSignature> {
    let comment = package.comment();
    let signature = match signature::parse_signature(comment) {
        Ok(Some(signature)) => signature,
        Ok(None) => {
            // A zip that is not a ROM needs no signature, and already has a finding.
            if is_ab || layout::detect(package).is_ok() {
                findings.add(&rules::SIGNATURE_MISSING, "is not signed");
            }
            return None;
        }
        Err(error) => {
            let rule = match error.kind() {
                ErrorKind::Unsupported => &rules::SIGNATURE_UNSUPPORTED,
                _ => &rules::SIGNATURE_MALFORMED,
            };
            findings.add(rule, chain(&error));
            return None;
        }
    };
    let key = match PublicKey::parse(&signature.public_key) {
        Ok(key) => key,
        Err(error) => {
            let name = name(&signature.signer);
            let message = format!("is signed by {name}, and {error}");
            findings.add(&rules::SIGNATURE_UNSUPPORTED, message);
            return None;
        }
    };
    if !signature.is_first_certificate {
        let message = "another certificate goes before the signer's, and phones look at that";
        findings.add(&rules::SIGNATURE_CERTIFICATE_ORDER, message);
    }
    if let Some(fault) = fault_in_recovery(&signature, &key) {
        let rule = match is_ab {
            true => &rules::SIGNATURE_SIDELOAD,
            false => &rules::SIGNATURE_RECOVERY,
        };
        findings.add(rule, format!("a recovery does not verify it: {fault}"));
    }
    check_secrecy(&key_digest(&signature.public_key), findings);
    // The two bytes before the comment are its length.
    let signed = 0..size.saturating_sub(comment.len() as u64).saturating_sub(2);
    Some(ExaminedSignature {
        signature,
        key,
        signed,
    })
}

fn check_secrecy(key: &str, findings: &mut Findings<'_>) {
    if let Some(name) = test_key(key) {
        let message = format!(
            "is signed with AOSP's public test key `{name}`: everyone can sign an update for its phones"
        );
        findings.add(&rules::SIGNATURE_TEST_KEY, message);
    }
}

fn fault_in_recovery(signature: &Signature, key: &PublicKey) -> Option<String> {
    if signature.attributes.is_some() {
        return Some("attributes are signed in place of the file".to_owned());
    }
    if ![DigestAlgorithm::Sha1, DigestAlgorithm::Sha256].contains(&signature.digest) {
        return Some("its digest is neither SHA-1 nor SHA-256".to_owned());
    }
    match signature.recovery_digest {
        Some(RecoveryDigest::Unknown) => {
            Some("it loads no certificate that is itself signed as this one is".to_owned())
        }
        Some(RecoveryDigest::Digest(digest)) if digest != signature.digest => Some(format!(
            "the certificate itself is signed with {}, and the package with {}",
            digest.name(),
            signature.digest.name()
        )),
        _ => key.fault_in_recovery(),
    }
}

/// Returns the signer's name, for messages.
fn name(signer: &Signer) -> &str {
    signer.subject.as_deref().unwrap_or("an unnamed signer")
}

impl ExaminedSignature {
    /// Returns the pieces of the file to digest.
    pub(super) fn pieces(&self) -> Pieces {
        let mut pieces = Pieces::new(Algorithm::Digest(self.signature.digest));
        pieces.push(self.signed.clone());
        pieces
    }

    /// Returns the signer and the digest of the key, if the signature is valid.
    pub(super) fn check_digests(
        self,
        digests: Option<Vec<Vec<u8>>>,
        findings: &mut Findings<'_>,
    ) -> Option<(Signer, String)> {
        let digest = digests
            .and_then(|mut digests| digests.pop())
            .unwrap_or_default();
        let Signature {
            attributes,
            signer,
            digest: algorithm,
            ..
        } = &self.signature;
        let name = name(signer);
        let signed = match attributes {
            None => digest,
            Some(attributes) if attributes.message_digest == digest => {
                let mut hasher = Hasher::new(Algorithm::Digest(*algorithm));
                hasher.update(&attributes.der);
                hasher.finish()
            }
            Some(_) => {
                let message = format!("is not what {name} signed: its digest differs");
                findings.add(&rules::SIGNATURE_INVALID, message);
                return None;
            }
        };
        let scheme = self.signature.scheme;
        let value = &self.signature.value;
        if !self.key.has_signed(scheme, *algorithm, &signed, value) {
            let message = format!("is not what {name} signed: the signature does not fit");
            findings.add(&rules::SIGNATURE_INVALID, message);
            return None;
        }
        let key = key_digest(&self.signature.public_key);
        Some((self.signature.signer, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Require;

    /// The test needs only the key's digest: the key itself is in every copy of AOSP.
    #[test]
    fn test_key_is_reported_and_refused_on_request() {
        let mut findings = Findings {
            place: "rom.zip",
            all: Vec::new(),
        };
        let testkey = "ef57b690165cb561b5026922c00d2d6574e8b184fa7d161e076f06e06e6d35db";
        check_secrecy(testkey, &mut findings);
        let [finding] = &findings.all[..] else {
            panic!("{:?}", findings.all);
        };
        assert_eq!(finding.rule.id, "signature-test-key");
        assert!(finding.message.contains("`testkey`"), "{}", finding.message);
        let release_key = Require {
            release_key: true,
            ..Require::default()
        };
        assert!(release_key.objection(&findings.all).is_some());
        let all_others = Require {
            release_key: false,
            signature: true,
            payload: true,
            property_files: true,
            blocks: true,
        };
        assert_eq!(all_others.objection(&findings.all), None);
        check_secrecy(&testkey.replacen('e', "f", 1), &mut findings);
        assert_eq!(findings.all.len(), 1);
    }
}
