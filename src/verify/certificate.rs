//! Certificates that packages are compared with: the maintainer's, and those everybody has.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use sha2::{Digest, Sha256};

use crate::package::signature::{self, Signer};

/// The certificates whose private keys are published with AOSP, by their SHA-256. Source:
/// `target/product/security/*.x509.pem` of platform/build. A build that sets no
/// `PRODUCT_DEFAULT_DEV_CERTIFICATE` is signed with the first.
const TEST_KEYS: [(&str, &str); 5] = [
    (
        "testkey",
        "a40da80a59d170caa950cf15c18c454d47a39b26989d8b640ecd745ba71bf5dc",
    ),
    (
        "platform",
        "c8a2e9bccf597c2fb6dc66bee293fc13f2fc47ec77bc6b2b0d52c11f51192ab8",
    ),
    (
        "shared",
        "28bbfe4a7b97e74681dc55c2fbb6ccb8d6c74963733f6af6ae74d8c3a6e879fd",
    ),
    (
        "media",
        "465983f7791f2abeb43ea2cbdc7f21a8260b72bc08a55c839fc1a43bc741a81e",
    ),
    (
        "networkstack",
        "e1dbadce60dc080d15b58a014b0dcf9400e24de23fa00b287a5a982bfebda2ee",
    ),
];

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Begin and end of PEM, and no base64 between them.
    #[error("the certificate is no base64")]
    Pem,
    /// Neither PEM nor DER of a certificate.
    #[error("it is no certificate, expected X.509 as PEM or DER")]
    NotACertificate(#[source] signature::Error),
}

/// A certificate, as far as packages are compared with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: Option<String>,
    /// SHA-256 of its public key as DER, in lower-case hexadecimal digits.
    pub key: String,
}

impl Certificate {
    /// Reads the first certificate of a file, as PEM or DER.
    ///
    /// # Errors
    /// [`Error`], if there is none.
    pub fn parse(file: &[u8]) -> Result<Certificate, Error> {
        let text = String::from_utf8_lossy(file);
        let pem = text
            .split_once(BEGIN)
            .and_then(|(_, rest)| rest.split_once(END));
        let der = match pem {
            Some((body, _)) => {
                let body: String = body.split_ascii_whitespace().collect();
                BASE64.decode(&body).map_err(|_| Error::Pem)?
            }
            None => file.to_vec(),
        };
        let (signer, key) = signature::parse_certificate(&der).map_err(Error::NotACertificate)?;
        Ok(Certificate {
            subject: signer.subject,
            key: key_digest(&key),
        })
    }
}

/// SHA-256 of a `SubjectPublicKeyInfo`, by which keys are told apart as phones do: the same
/// key may be in several certificates.
pub(super) fn key_digest(public_key: &[u8]) -> String {
    crate::package::signature::hex(&Sha256::digest(public_key))
}

/// The name of the test key that this is the certificate of.
pub(super) fn test_key(signer: &Signer) -> Option<&'static str> {
    let known = TEST_KEYS.iter();
    let mut known = known.filter(|(_, fingerprint)| *fingerprint == signer.fingerprint);
    known.next().map(|(name, _)| *name)
}
