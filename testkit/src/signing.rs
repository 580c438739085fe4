//! Whole-file signatures of packages, as Android's `signapk` makes them.
//!
//! In: a zip without a comment. Out: the same zip with a comment that holds a signature (CMS, RFC
//! 5652) over everything before the comment's length, RSA with PKCS #1 v1.5 padding (RFC 8017) and
//! SHA-256. Formats: AOSP `build/tools/signapk` for what is signed,
//! `bootable/recovery/otautil/verifier.cpp` for the footer. The two keys are in `keys/`. Nothing
//! here is fit to keep a secret.

use crate::payload::{base64, sha256};

/// The greeting that `signapk` puts before the signature.
const GREETING: &[u8] = b"signed by SignApk\0";
/// The end record of a zip, with an empty comment.
const END_LEN: usize = 22;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;

// Whole elements: object identifiers, and the algorithm identifiers they are put in.
const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const CONTENT_TYPE: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
const MESSAGE_DIGEST: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const SHA256: &[u8] = b"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";
const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// A key that packages can be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The subject of its certificate is `O=romfeed, CN=Alice's test key`.
    Alice,
    /// The subject of its certificate is `O=romfeed, CN=Bob's test key`.
    Bob,
}

impl Key {
    /// Returns all keys.
    pub const ALL: [Key; 2] = [Key::Alice, Key::Bob];

    /// Returns its self-signed certificate, as DER.
    pub fn certificate(self) -> &'static [u8] {
        match self {
            Key::Alice => include_bytes!("../keys/alice.cert.der"),
            Key::Bob => include_bytes!("../keys/bob.cert.der"),
        }
    }

    /// Returns the SHA-256 of its certificate, 64 lower-case hexadecimal digits.
    pub fn fingerprint(self) -> String {
        sha256(self.certificate())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Signs a message: 256 bytes, RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn sign(self, message: &[u8]) -> Vec<u8> {
        // RSAPrivateKey: version, modulus, public exponent, private exponent, ...
        let key = elements(contents(self.private_key()));
        let number = |index: usize| from_bytes(contents(key[index]));
        let hash = der(OCTET_STRING, &[&sha256(message)]);
        let info = der(SEQUENCE, &[SHA256, &hash]);
        let mut padded = vec![0xff; 8 * LIMBS - info.len()];
        padded[..2].copy_from_slice(&[0, 1]);
        *padded.last_mut().expect("there is padding") = 0;
        padded.extend(info);
        to_bytes(&power(&from_bytes(&padded), &number(3), &number(1)))
    }

    fn private_key(self) -> &'static [u8] {
        match self {
            Key::Alice => include_bytes!("../keys/alice.key.der"),
            Key::Bob => include_bytes!("../keys/bob.key.der"),
        }
    }
}

/// A detached CMS signature under construction; at first it has no certificates and no signers, so
/// it is not yet a valid signature.
#[derive(Clone, Debug, Default)]
pub struct Cms {
    certificates: Vec<u8>,
    signers: Vec<Key>,
    attributes: Option<Attributes>,
}

/// The attributes that are signed in place of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attributes {
    True,
    OfNothing,
    WithoutDigest,
}

impl Cms {
    /// Starts without certificates and signers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates what `signapk` writes: one signer and its certificate.
    pub fn of(key: Key) -> Self {
        Self::new().certificate(key.certificate()).signer(key)
    }

    /// Adds a certificate, or any other element in its place.
    pub fn certificate(mut self, der: impl AsRef<[u8]>) -> Self {
        self.certificates.extend_from_slice(der.as_ref());
        self
    }

    /// Adds a signer; its certificate is not added.
    pub fn signer(mut self, key: Key) -> Self {
        self.signers.push(key);
        self
    }

    /// Signs attributes in place of the message, whose digest is one of them.
    pub fn with_attributes(mut self) -> Self {
        self.attributes = Some(Attributes::True);
        self
    }

    /// Signs attributes with the digest of nothing.
    pub fn with_false_attributes(mut self) -> Self {
        self.attributes = Some(Attributes::OfNothing);
        self
    }

    /// Signs attributes that lack the digest.
    pub fn with_attributes_without_digest(mut self) -> Self {
        self.attributes = Some(Attributes::WithoutDigest);
        self
    }

    /// Returns the attributes as a SET, which is what is signed.
    fn attributes(&self, message: &[u8]) -> Option<Vec<u8>> {
        let digest = match self.attributes? {
            Attributes::True => sha256(message),
            Attributes::OfNothing => sha256(b""),
            Attributes::WithoutDigest => Vec::new(),
        };
        let attribute = |oid: &[u8], value: &[u8]| der(SEQUENCE, &[oid, &der(SET, &[value])]);
        let content_type = attribute(CONTENT_TYPE, DATA);
        let digest = match digest.as_slice() {
            [] => Vec::new(),
            digest => attribute(MESSAGE_DIGEST, &der(OCTET_STRING, &[digest])),
        };
        Some(der(SET, &[&content_type, &digest]))
    }

    /// Signs the message and writes the CMS, as DER.
    pub fn build(&self, message: &[u8]) -> Vec<u8> {
        let version = der(INTEGER, &[&[1]]);
        let certificates = match self.certificates.as_slice() {
            [] => Vec::new(),
            certificates => der(CONTEXT_0, &[certificates]),
        };
        let signers: Vec<u8> = self
            .signers
            .iter()
            .flat_map(|key| {
                let attributes = self.attributes(message);
                let signed = attributes.as_deref().unwrap_or(message);
                let signature = der(OCTET_STRING, &[&key.sign(signed)]);
                let name = issuer_and_serial(key.certificate());
                // In the CMS they have another tag.
                let mut attributes = attributes.unwrap_or_default();
                if let Some(tag) = attributes.first_mut() {
                    *tag = CONTEXT_0;
                }
                der(
                    SEQUENCE,
                    &[&version, &name, SHA256, &attributes, RSA, &signature],
                )
            })
            .collect();
        let signed_data = der(
            SEQUENCE,
            &[
                &version,
                &der(SET, &[SHA256]),
                &der(SEQUENCE, &[DATA]),
                &certificates,
                &der(SET, &[&signers]),
            ],
        );
        der(SEQUENCE, &[SIGNED_DATA, &der(CONTEXT_0, &[&signed_data])])
    }
}

/// Returns the comment of a zip with this signature: greeting, signature, footer.
///
/// # Panics
/// When the signature does not fit into a comment of at most 65535 bytes.
pub fn comment(signature: &[u8]) -> Vec<u8> {
    let mut comment = [GREETING, signature].concat();
    let from_end = u16::try_from(signature.len() + 6).expect("a signature is below 64 KiB");
    let size = u16::try_from(comment.len() + 6).expect("a signature is below 64 KiB");
    comment.extend_from_slice(&from_end.to_le_bytes());
    comment.extend_from_slice(&[0xff, 0xff]);
    comment.extend_from_slice(&size.to_le_bytes());
    comment
}

/// Signs a zip of any contents, and puts the signature into its comment.
///
/// # Panics
/// When it has a comment already, or is not a zip.
pub fn sign(zip: Vec<u8>, key: Key) -> Vec<u8> {
    sign_as(zip, &Cms::of(key))
}

/// Signs a zip as [`sign`] does, with other certificates and signers.
///
/// # Panics
/// When it has a comment already, or is not a zip.
pub fn sign_as(mut zip: Vec<u8>, cms: &Cms) -> Vec<u8> {
    let end = &zip[zip.len() - END_LEN..];
    assert!(end.starts_with(b"PK\x05\x06"), "the zip has no comment yet");
    // The length of the comment is the only part of the end record that is not signed.
    zip.truncate(zip.len() - 2);
    let comment = comment(&cms.build(&zip));
    let size = u16::try_from(comment.len()).expect("checked by comment()");
    zip.extend_from_slice(&size.to_le_bytes());
    zip.extend_from_slice(&comment);
    zip
}

/// Returns an `IssuerAndSerialNumber` with the certificate's values.
fn issuer_and_serial(certificate: &[u8]) -> Vec<u8> {
    let tbs = elements(contents(certificate))[0];
    // Version, serial number, signature algorithm, issuer, ...
    let fields = elements(contents(tbs));
    der(SEQUENCE, &[fields[3], fields[1]])
}

/// Returns one element with these parts as its contents.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let len = u16::try_from(contents.len()).expect("elements here are below 64 KiB");
    let mut out = vec![tag];
    match len.to_be_bytes() {
        [0, low @ ..=0x7f] => out.push(low),
        [0, low] => out.extend([0x81, low]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend(contents);
    out
}

/// Splits a sequence of elements, each returned with its header.
fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    while !der.is_empty() {
        let (header_len, len) = measure(der);
        let (element, rest) = der.split_at(header_len + len);
        elements.push(element);
        der = rest;
    }
    elements
}

fn contents(element: &[u8]) -> &[u8] {
    &element[measure(element).0..]
}

/// Returns the lengths of an element's header and contents.
fn measure(der: &[u8]) -> (usize, usize) {
    match der[1] {
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        0x81 => (3, usize::from(der[2])),
        len => (2, usize::from(len)),
    }
}

const LIMBS: usize = 2048 / 64;

/// A number of 2048 bits, its lowest limb first.
type Number = [u64; LIMBS];

/// Leading zeros beyond 2048 bits are accepted.
fn from_bytes(bytes: &[u8]) -> Number {
    let mut number = [0; LIMBS];
    for (index, byte) in bytes.iter().rev().take(8 * LIMBS).enumerate() {
        number[index / 8] |= u64::from(*byte) << (8 * (index % 8));
    }
    number
}

fn to_bytes(number: &Number) -> Vec<u8> {
    number
        .iter()
        .rev()
        .flat_map(|limb| limb.to_be_bytes())
        .collect()
}

/// Computes `base` to the power of `exponent`, modulo an odd number of exactly 2048 bits.
///
/// Uses Montgomery's method: numbers are multiplied by R, 2 to the power of 2048, so that a product
/// is reduced by shifts.
fn power(base: &Number, exponent: &Number, modulus: &Number) -> Number {
    // R modulo n is R - n, since n is more than half of R. Doubled 2048 times it is R * R.
    let (one, _) = subtract(&[0; LIMBS], modulus);
    let square = (0..64 * LIMBS).fold(one, |number, _| double(&number, modulus));
    let base = product(base, &square, modulus);
    let mut result = one;
    for bit in (0..64 * LIMBS).rev() {
        result = product(&result, &result, modulus);
        if exponent[bit / 64] >> (bit % 64) & 1 == 1 {
            result = product(&result, &base, modulus);
        }
    }
    let mut plain_one = [0; LIMBS];
    plain_one[0] = 1;
    product(&result, &plain_one, modulus)
}

/// Computes `left * right / R` modulo n.
fn product(left: &Number, right: &Number, modulus: &Number) -> Number {
    // Each step of Newton's doubles the number of correct bits of 1/n modulo 2^64.
    let inverse = (0..6).fold(1u64, |inverse, _| {
        inverse.wrapping_mul(2u64.wrapping_sub(modulus[0].wrapping_mul(inverse)))
    });
    let mut sum = [0; LIMBS];
    let mut carry = 0;
    for digit in right {
        let above = add_product(&mut sum, left, *digit);
        let multiple = sum[0].wrapping_mul(inverse.wrapping_neg());
        let above_too = add_product(&mut sum, modulus, multiple);
        sum.copy_within(1.., 0);
        let top = u128::from(carry) + u128::from(above) + u128::from(above_too);
        (sum[LIMBS - 1], carry) = (top as u64, (top >> 64) as u64);
    }
    reduce(sum, carry != 0, modulus)
}

/// Adds `number * digit` to `sum`, and returns the carry.
fn add_product(sum: &mut Number, number: &Number, digit: u64) -> u64 {
    let mut carry = 0;
    for (sum, limb) in sum.iter_mut().zip(number) {
        // At most 2^128 - 1.
        let wide = u128::from(*limb).wrapping_mul(u128::from(digit))
            + u128::from(*sum)
            + u128::from(carry);
        (*sum, carry) = (wide as u64, (wide >> 64) as u64);
    }
    carry
}

fn double(number: &Number, modulus: &Number) -> Number {
    let mut doubled = [0; LIMBS];
    let carry = add_product(&mut doubled, number, 2);
    reduce(doubled, carry != 0, modulus)
}

/// Reduces a number below twice the modulus, with a bit above its limbs, modulo n.
fn reduce(number: Number, carry: bool, modulus: &Number) -> Number {
    match subtract(&number, modulus) {
        (_, true) if !carry => number,
        (difference, _) => difference,
    }
}

/// Returns the difference modulo R, and whether it is negative.
fn subtract(left: &Number, right: &Number) -> (Number, bool) {
    let mut difference = [0; LIMBS];
    let mut borrow = false;
    for index in 0..LIMBS {
        let (limb, below) = left[index].overflowing_sub(right[index]);
        let (limb, below_too) = limb.overflowing_sub(u64::from(borrow));
        (difference[index], borrow) = (limb, below || below_too);
    }
    (difference, borrow)
}

/// Returns the certificate of a key as text, as `META-INF/com/android/otacert` has it.
pub fn pem(certificate: &[u8]) -> String {
    let body = base64(certificate);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in body.as_bytes().chunks(64) {
        text += &String::from_utf8_lossy(line);
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zip::Zip;

    /// `printf romfeed | openssl dgst -sha256 -keyform DER -sign alice.key.der | sha256sum`
    #[test]
    fn signatures_are_those_of_openssl() {
        let expected = [
            "a0b7cdb8697234c3ff8602bf24d05f4d27387d1f4f751996ccabb0dbdfc3d51d",
            "aea39e9365f2e6195f9fb2c50ba792110a2935bf9df0ce0091a0a3523513a2fd",
        ];
        for (key, expected) in Key::ALL.into_iter().zip(expected) {
            let signature = sha256(&key.sign(b"romfeed"));
            let text: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text, expected, "{key:?}");
        }
    }

    #[test]
    fn everything_but_the_comment_is_signed() {
        let plain = Zip::new().stored("a", "plain").build();
        let signed = sign(plain.clone(), Key::Alice);
        let (kept, rest) = signed.split_at(plain.len() - 2);
        assert_eq!(kept, &plain[..plain.len() - 2]);
        let expected = comment(&Cms::of(Key::Alice).build(kept));
        assert_eq!(rest[..2], (expected.len() as u16).to_le_bytes());
        assert_eq!(rest[2..], expected);
        assert!(!rest.windows(4).any(|bytes| bytes == b"PK\x05\x06"));
    }
}
