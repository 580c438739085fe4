//! X.509 certificates.
//!
//! In: DER. Out: issuer, serial number, subject and public key. Source: RFC 5280. Validity,
//! extensions and the certificate's own signature are ignored: phones compare only the public key.

use super::Error;
use super::der::{
    CONTEXT_0, Element, Elements, IA5_STRING, INTEGER, OBJECT_IDENTIFIER, PRINTABLE_STRING,
    SEQUENCE, SET, T61_STRING, UTF8_STRING,
};

/// 2.5.4.3 and 2.5.4.10, `id-at-commonName` and `id-at-organizationName` (RFC 5280, A.1).
pub(super) const COMMON_NAME: &[u8] = b"\x55\x04\x03";
pub(super) const ORGANIZATION: &[u8] = b"\x55\x04\x0a";

/// Most characters of a name (RFC 5280, A.1, `ub-common-name`).
pub(super) const MAX_NAME_CHARS: usize = 64;

/// A parsed certificate (RFC 5280, 4.1).
#[derive(Clone, Copy)]
pub(super) struct ParsedCertificate<'a> {
    /// All of it.
    pub(super) der: &'a [u8],
    /// The contents of the name.
    pub(super) issuer: &'a [u8],
    /// The bytes of the number.
    pub(super) serial_number: &'a [u8],
    pub(super) subject: Elements<'a>,
    /// The object identifier of the certificate's own signature algorithm, if there is one.
    pub(super) algorithm: Option<&'a [u8]>,
    /// What follows the subject.
    rest: Elements<'a>,
}

impl<'a> ParsedCertificate<'a> {
    pub(super) fn parse(element: Element<'a>) -> Result<ParsedCertificate<'a>, Error> {
        let mut certificate = element.contents;
        let mut tbs = certificate.take(SEQUENCE, "TBSCertificate")?;
        // Version, absent in certificates of version 1.
        tbs.take_if(CONTEXT_0)?;
        let serial_number = tbs.take(INTEGER, "serialNumber")?.rest;
        tbs.take(SEQUENCE, "signature")?;
        let issuer = tbs.take(SEQUENCE, "issuer")?.rest;
        tbs.take(SEQUENCE, "validity")?;
        let subject = tbs.take(SEQUENCE, "subject")?;
        let algorithm = certificate.take(SEQUENCE, "signatureAlgorithm").ok();
        let algorithm =
            algorithm.and_then(|mut algorithm| algorithm.take(OBJECT_IDENTIFIER, "algorithm").ok());
        Ok(ParsedCertificate {
            der: element.whole,
            issuer,
            serial_number,
            subject,
            algorithm: algorithm.map(|algorithm| algorithm.rest),
            rest: tbs,
        })
    }

    /// Reads its `SubjectPublicKeyInfo`, as DER.
    pub(super) fn public_key(mut self) -> Result<&'a [u8], Error> {
        let offset = self.rest.offset;
        let element = self.rest.next()?;
        let is_key = |element: &Element<'_>| element.tag == SEQUENCE;
        let element = element.filter(is_key).ok_or(Error::Malformed {
            expected: "subjectPublicKeyInfo",
            offset,
        })?;
        Ok(element.whole)
    }
}

/// Reads the common name in a `Name`, or else the organization (RFC 5280, 4.1.2.4).
pub(super) fn parse_name(mut name: Elements<'_>) -> Result<Option<String>, Error> {
    let (mut common_name, mut organization) = (None, None);
    while !name.rest.is_empty() {
        let mut set = name.take(SET, "RelativeDistinguishedName")?;
        while !set.rest.is_empty() {
            let mut attribute = set.take(SEQUENCE, "AttributeTypeAndValue")?;
            let place = match attribute.take(OBJECT_IDENTIFIER, "type")?.rest {
                COMMON_NAME => &mut common_name,
                ORGANIZATION => &mut organization,
                _ => continue,
            };
            if let Some(value) = attribute.next()?
                && let UTF8_STRING | PRINTABLE_STRING | T61_STRING | IA5_STRING = value.tag
            {
                let text = String::from_utf8_lossy(value.contents.rest);
                let text: String = text.trim().chars().take(MAX_NAME_CHARS).collect();
                *place = Some(text).filter(|text| !text.is_empty());
            }
        }
    }
    Ok(common_name.or(organization))
}
