//! Certificates that packages are compared with: the maintainer's and AOSP's public test keys.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use sha2::{Digest, Sha256};

use crate::package::signature;

/// The test keys whose private keys are published in AOSP, by the SHA-256 of the public key
/// (`SubjectPublicKeyInfo`). Source: `target/product/security/*.x509.pem` of platform/build. A
/// build that sets no `PRODUCT_DEFAULT_DEV_CERTIFICATE` is signed with the first.
const TEST_KEYS: [(&str, &str); 9] = [
    (
        "testkey",
        "ef57b690165cb561b5026922c00d2d6574e8b184fa7d161e076f06e06e6d35db",
    ),
    (
        "platform",
        "3d3df7dc9bf26e02d4cd76256d41d45e41a4dedebe7feb95c40e3697681be8a7",
    ),
    (
        "shared",
        "2b59625f19b7d0d143a69fb7a02d42b151480ddfe60b0572070ac24afca212a0",
    ),
    (
        "media",
        "091377d6fd00e4e217b750571d45cbe1a32c7fa74075138fc529fdf162b5416f",
    ),
    (
        "networkstack",
        "7bfcc5541e9f18e3738b1d5fa0b8524d44bac99424cfdcc6594d9386d4daaf15",
    ),
    (
        "bluetooth",
        "de5b1ddc59331bbdeee26d6467dd4f9fc09719098ba7dcb6a973045781a0e36c",
    ),
    (
        "nfc",
        "9318ca97d2c148ca94639603b68d0928068158113d23a1cfca30acc4df2cac37",
    ),
    (
        "sdk_sandbox",
        "d2e67bf7c0aaa67f3a4f7dc35dd2d45aa111a91e06a2cc517eaf9c249de31454",
    ),
    (
        "cts_uicc_2021",
        "4d850245247af73aaf72fe598c7c7ef73f618391d771763299d5f5139ca43f2c",
    ),
];

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// PEM without valid base64.
    #[error("the certificate is not base64")]
    Pem,
    /// Neither a PEM nor a DER certificate.
    #[error("it is not a certificate, expected X.509 as PEM or DER")]
    NotACertificate(#[source] signature::Error),
}

/// A certificate to compare packages with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The name of its owner.
    pub subject: Option<String>,
    /// SHA-256 of its public key as DER, in lower-case hexadecimal digits.
    pub key: String,
}

impl Certificate {
    /// Reads the first certificate of a file, as PEM or DER.
    ///
    /// # Errors
    /// [`Error`] if there is no certificate.
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

/// Returns the SHA-256 of a `SubjectPublicKeyInfo`, to compare keys as phones do: several
/// certificates may contain the same key.
pub(super) fn key_digest(public_key: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(public_key))
}

/// Finds the name of the test key with this [`key_digest`].
pub(super) fn test_key(key: &str) -> Option<&'static str> {
    let known = TEST_KEYS.iter().find(|(_, known)| *known == key);
    known.map(|(name, _)| *name)
}
