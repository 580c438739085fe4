//! CMS, as far as whole-file signatures use it.
//!
//! In: the DER of a `ContentInfo`. Out: the certificate of the first signer, and on request
//! everything needed to check the signature. Source: RFC 5652; RFC 3370, 5754 and 8017 for the
//! identifiers of algorithms.

use super::Error;
use super::certificate::ParsedCertificate;
use super::der::{
    CONTEXT_0, CONTEXT_0_PRIMITIVE, CONTEXT_1, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING,
    SEQUENCE, SET,
};

/// 1.2.840.113549.1.7.2, `id-signedData` (RFC 5652, 5.1).
pub(super) const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
/// 1.2.840.113549.1.9.4, `id-messageDigest` (RFC 5652, 11.2).
const MESSAGE_DIGEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// SHA-1, of keys made before 2014.
    Sha1,
    /// SHA-256, what `signapk` writes today.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    /// Returns the name, for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DigestAlgorithm::Sha1 => "SHA-1",
            DigestAlgorithm::Sha256 => "SHA-256",
            DigestAlgorithm::Sha384 => "SHA-384",
            DigestAlgorithm::Sha512 => "SHA-512",
        }
    }
}

/// A signature scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2).
    Rsa,
    /// ECDSA on the curve of the key.
    Ecdsa,
}

// Object identifiers, without tag and length.
const DIGESTS: [(&[u8], DigestAlgorithm); 4] = [
    (b"\x2b\x0e\x03\x02\x1a", DigestAlgorithm::Sha1),
    (
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x01",
        DigestAlgorithm::Sha256,
    ),
    (
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x02",
        DigestAlgorithm::Sha384,
    ),
    (
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x03",
        DigestAlgorithm::Sha512,
    ),
];
/// Identifiers of keys do not state the digest.
const SCHEMES: [(&[u8], Scheme, Option<DigestAlgorithm>); 10] = [
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", Scheme::Rsa, None),
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
        Scheme::Rsa,
        Some(DigestAlgorithm::Sha1),
    ),
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b",
        Scheme::Rsa,
        Some(DigestAlgorithm::Sha256),
    ),
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c",
        Scheme::Rsa,
        Some(DigestAlgorithm::Sha384),
    ),
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d",
        Scheme::Rsa,
        Some(DigestAlgorithm::Sha512),
    ),
    (b"\x2a\x86\x48\xce\x3d\x02\x01", Scheme::Ecdsa, None),
    (
        b"\x2a\x86\x48\xce\x3d\x04\x01",
        Scheme::Ecdsa,
        Some(DigestAlgorithm::Sha1),
    ),
    (
        b"\x2a\x86\x48\xce\x3d\x04\x03\x02",
        Scheme::Ecdsa,
        Some(DigestAlgorithm::Sha256),
    ),
    (
        b"\x2a\x86\x48\xce\x3d\x04\x03\x03",
        Scheme::Ecdsa,
        Some(DigestAlgorithm::Sha384),
    ),
    (
        b"\x2a\x86\x48\xce\x3d\x04\x03\x04",
        Scheme::Ecdsa,
        Some(DigestAlgorithm::Sha512),
    ),
];

/// Attributes that are signed in place of the content; one of them is the content's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The signed bytes: the DER of the attributes as a `SET` (RFC 5652, 5.4).
    pub der: Vec<u8>,
    /// The digest of the content.
    pub message_digest: Vec<u8>,
}

/// The first `SignerInfo` after its version, and the certificate that it names.
pub(super) struct FirstSigner<'a> {
    pub(super) certificate: ParsedCertificate<'a>,
    /// Whether the certificate is the first of all.
    pub(super) is_first_certificate: bool,
    /// What follows the name of the signer.
    rest: Elements<'a>,
}

/// Everything needed to check a signature.
pub(super) struct Proof {
    pub(super) digest: DigestAlgorithm,
    pub(super) scheme: Scheme,
    pub(super) attributes: Option<Attributes>,
    pub(super) value: Vec<u8>,
}

/// Finds the first `SignerInfo` and the certificate that it names (RFC 5652, 5.1 and 5.3).
pub(super) fn first_signer(cms: &[u8]) -> Result<FirstSigner<'_>, Error> {
    let mut content_info = Elements::new(cms).take(SEQUENCE, "ContentInfo")?;
    if content_info.take(OBJECT_IDENTIFIER, "contentType")?.rest != SIGNED_DATA {
        return Err(Error::NotSignedData);
    }
    let mut content = content_info.take(CONTEXT_0, "content")?;
    let mut signed_data = content.take(SEQUENCE, "SignedData")?;
    signed_data.take(INTEGER, "version")?;
    signed_data.take(SET, "digestAlgorithms")?;
    signed_data.take(SEQUENCE, "encapContentInfo")?;
    let certificates = signed_data.take_if(CONTEXT_0)?;
    // Revocation lists.
    signed_data.take_if(CONTEXT_1)?;
    let mut signer_infos = signed_data.take(SET, "signerInfos")?;

    if signer_infos.rest.is_empty() {
        return Err(Error::NoSigner);
    }
    let mut signer_info = signer_infos.take(SEQUENCE, "SignerInfo")?;
    signer_info.take(INTEGER, "version")?;
    if signer_info.take_if(CONTEXT_0_PRIMITIVE)?.is_some() {
        return Err(Error::KeyIdentifier);
    }
    let mut sid = signer_info.take(SEQUENCE, "IssuerAndSerialNumber")?;
    let issuer = sid.take(SEQUENCE, "issuer")?;
    let serial_number = sid.take(INTEGER, "serialNumber")?;

    let mut num_certificates = 0;
    let mut is_first_certificate = false;
    let mut found: Option<ParsedCertificate<'_>> = None;
    let mut certificates = certificates.unwrap_or_default();
    while let Some(element) = certificates.next()? {
        // Attribute certificates and other kinds have tags of their own.
        if element.tag != SEQUENCE {
            continue;
        }
        num_certificates += 1;
        let certificate = ParsedCertificate::parse(element)?;
        // Compared as bytes: signing tools copy both from the certificate.
        if certificate.issuer != issuer.rest || certificate.serial_number != serial_number.rest {
            continue;
        }
        if found.is_some_and(|found| found.der != certificate.der) {
            return Err(Error::SeveralCertificates);
        }
        is_first_certificate |= num_certificates == 1;
        found = Some(certificate);
    }
    Ok(FirstSigner {
        certificate: found.ok_or(Error::NoCertificate { num_certificates })?,
        is_first_certificate,
        rest: signer_info,
    })
}

impl FirstSigner<'_> {
    /// Reads the rest of the `SignerInfo`.
    pub(super) fn proof(mut self) -> Result<Proof, Error> {
        let digest = self.rest.take(SEQUENCE, "digestAlgorithm")?;
        let digest = parse_digest(digest)?;
        let attributes = self.rest.take_if(CONTEXT_0)?;
        let attributes = attributes.map(parse_attributes).transpose()?;
        let scheme = self.rest.take(SEQUENCE, "signatureAlgorithm")?;
        let scheme = parse_scheme(scheme, digest)?;
        let value = self.rest.take(OCTET_STRING, "signature")?;
        Ok(Proof {
            digest,
            scheme,
            attributes,
            value: value.rest.to_vec(),
        })
    }
}

fn parse_digest(mut algorithm: Elements<'_>) -> Result<DigestAlgorithm, Error> {
    let oid = algorithm.take(OBJECT_IDENTIFIER, "algorithm")?.rest;
    let known = DIGESTS.iter().find(|(known, _)| *known == oid);
    known
        .map(|(_, digest)| *digest)
        .ok_or(Error::Algorithm { what: "digest" })
}

/// Parses the scheme; a digest that it states must be the one stated before.
fn parse_scheme(mut algorithm: Elements<'_>, digest: DigestAlgorithm) -> Result<Scheme, Error> {
    let oid = algorithm.take(OBJECT_IDENTIFIER, "algorithm")?.rest;
    let known = SCHEMES.iter().find(|(known, ..)| *known == oid);
    match known {
        Some((_, scheme, of)) if of.is_none_or(|of| of == digest) => Ok(*scheme),
        Some(_) => Err(Error::TwoDigests),
        None => Err(Error::Algorithm { what: "signature" }),
    }
}

/// Parses `SignedAttributes` (RFC 5652, 5.3); only the digest is used.
fn parse_attributes(set: Elements<'_>) -> Result<Attributes, Error> {
    let mut message_digest = None;
    let mut attributes = set;
    while !attributes.rest.is_empty() {
        let mut attribute = attributes.take(SEQUENCE, "Attribute")?;
        let is_digest = attribute.take(OBJECT_IDENTIFIER, "attrType")?.rest == MESSAGE_DIGEST;
        let mut values = attribute.take(SET, "attrValues")?;
        if is_digest {
            if message_digest.is_some() {
                return Err(Error::TwoDigests);
            }
            message_digest = Some(values.take(OCTET_STRING, "MessageDigest")?.rest.to_vec());
        }
    }
    Ok(Attributes {
        der: der_of_set(set.rest),
        message_digest: message_digest.ok_or(Error::NoMessageDigest)?,
    })
}

/// Encodes contents as a DER set; a comment limits them to 64 KiB.
fn der_of_set(contents: &[u8]) -> Vec<u8> {
    let len = u16::try_from(contents.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let header: &[u8] = match len {
        [0, low @ ..=0x7f] => &[SET, low],
        [0, low] => &[SET, 0x81, low],
        [high, low] => &[SET, 0x82, high, low],
    };
    [header, contents].concat()
}
