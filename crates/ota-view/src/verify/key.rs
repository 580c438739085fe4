//! Checks signatures with public keys.
//!
//! In: a `SubjectPublicKeyInfo` as DER, a digest, a signature. Out: whether the signature is valid. Sources: RFC 5280
//! (4.1.2.7), RFC 3279 and 5480 for the keys, RFC 8017 (8.2.2) for RSA.
//!
//! Nothing here is secret, so running times need not be constant. [`MAX_MODULUS_BITS`] and
//! [`MAX_EXPONENT_BITS`] bound the cost of a hostile key.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature as EcdsaSignature, VerifyingKey};

use crate::package::signature::der::{BIT_STRING, Elements, INTEGER, OBJECT_IDENTIFIER, SEQUENCE};
use crate::package::signature::{self, DigestAlgorithm, Scheme};

/// 1.2.840.113549.1.1.1, `rsaEncryption`.
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// 1.2.840.10045.2.1, `id-ecPublicKey`.
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
/// 1.2.840.10045.3.1.7, `secp256r1`.
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// Shortest RSA modulus, in bits: the DigestInfo of SHA-512 needs 746 (RFC 8017, 9.2).
const MIN_MODULUS_BITS: u32 = 1024;
/// Longest RSA modulus, in bits; the longest in use has 4096.
const MAX_MODULUS_BITS: u32 = 8192;
/// Longest RSA exponent, in bits; 65537 has 17, and OpenSSL's limit for long keys is 64.
const MAX_EXPONENT_BITS: u32 = 64;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// The key is malformed.
    #[error("its public key is malformed")]
    Malformed,
    /// An unsupported kind of key.
    #[error("its public key is neither RSA nor on the curve P-256")]
    Unknown,
    /// An RSA key that exceeds the limits.
    #[error(
        "its RSA key has a modulus of {modulus} bits and an exponent of {exponent}; read are {MIN_MODULUS_BITS} to {MAX_MODULUS_BITS} and at most {MAX_EXPONENT_BITS}"
    )]
    Size {
        /// Bits of the modulus.
        modulus: u32,
        /// Bits of the exponent.
        exponent: u32,
    },
}

/// A public key.
#[derive(Debug)]
pub(super) enum PublicKey {
    /// Modulus and exponent.
    Rsa {
        modulus: Odd<BoxedUint>,
        exponent: BoxedUint,
    },
    P256(VerifyingKey),
}

impl PublicKey {
    /// Parses a `SubjectPublicKeyInfo`.
    pub(super) fn parse(der: &[u8]) -> Result<PublicKey, Error> {
        match parse_info(der).map_err(|_: signature::Error| Error::Malformed)? {
            (RSA, _, key) => parse_rsa(key),
            (EC, Some(P256), key) => VerifyingKey::from_sec1_bytes(key)
                .map(PublicKey::P256)
                .map_err(|_| Error::Malformed),
            _ => Err(Error::Unknown),
        }
    }

    /// Whether this key made the signature of a digest.
    pub(super) fn has_signed(
        &self,
        scheme: Scheme,
        algorithm: DigestAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        match (self, scheme) {
            (PublicKey::Rsa { modulus, exponent }, Scheme::Rsa) => {
                let expected = encode(algorithm, digest, num_bytes(modulus));
                expected.is_some() && power(signature, exponent, modulus) == expected
            }
            (PublicKey::P256(key), Scheme::Ecdsa) => EcdsaSignature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
            _ => false,
        }
    }

    /// Returns why a recovery refuses this key, if it does.
    pub(super) fn fault_in_recovery(&self) -> Option<String> {
        let PublicKey::Rsa { modulus, exponent } = self else {
            return None;
        };
        let bits = modulus.bits_vartime();
        let is_known = |known: u32| *exponent == BoxedUint::from(known);
        if !matches!(bits, 2048 | 4096) {
            return Some(format!("its RSA key has {bits} bits, not 2048 or 4096"));
        }
        (!is_known(3) && !is_known(65537))
            .then(|| "the exponent of its RSA key is neither 3 nor 65537".to_owned())
    }
}

/// The algorithm, the curve and the bytes of the key.
type Info<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

fn parse_info(der: &[u8]) -> Result<Info<'_>, signature::Error> {
    let mut info = Elements::new(der).take(SEQUENCE, "SubjectPublicKeyInfo")?;
    let mut algorithm = info.take(SEQUENCE, "algorithm")?;
    let oid = algorithm.take(OBJECT_IDENTIFIER, "algorithm")?.rest;
    let curve = algorithm.take_if(OBJECT_IDENTIFIER)?;
    let key = info.take(BIT_STRING, "subjectPublicKey")?;
    // The first byte is the number of unused bits, which must be 0.
    let bytes = key.rest.strip_prefix(&[0]).unwrap_or_default();
    Ok((oid, curve.map(|curve| curve.rest), bytes))
}

/// `RSAPublicKey` (RFC 8017, A.1.1).
fn parse_rsa(key: &[u8]) -> Result<PublicKey, Error> {
    let numbers = || -> Result<_, signature::Error> {
        let mut key = Elements::new(key).take(SEQUENCE, "RSAPublicKey")?;
        let modulus = key.take(INTEGER, "modulus")?.rest;
        Ok((modulus, key.take(INTEGER, "publicExponent")?.rest))
    };
    let (modulus, exponent) = numbers().map_err(|_| Error::Malformed)?;
    let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
    let size = Error::Size {
        modulus: num_bits(modulus),
        exponent: num_bits(exponent),
    };
    if !(MIN_MODULUS_BITS..=MAX_MODULUS_BITS).contains(&num_bits(modulus))
        || num_bits(exponent) > MAX_EXPONENT_BITS
    {
        return Err(size);
    }
    let exponent = BoxedUint::from_be_slice_vartime(exponent);
    let modulus = Odd::new(BoxedUint::from_be_slice_vartime(modulus));
    let modulus = modulus.into_option().ok_or(Error::Malformed)?;
    // With these exponents, signatures would be meaningless.
    if exponent <= BoxedUint::one() {
        return Err(Error::Malformed);
    }
    Ok(PublicKey::Rsa { modulus, exponent })
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let num_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(num_zeros..).unwrap_or_default()
}

/// Returns the bits of a number without leading zero bytes.
fn num_bits(bytes: &[u8]) -> u32 {
    let unused = bytes.first().map_or(0, |byte| byte.leading_zeros());
    let all = u32::try_from(bytes.len()).unwrap_or(u32::MAX / 8);
    all.saturating_mul(8).saturating_sub(unused)
}

fn num_bytes(modulus: &BoxedUint) -> usize {
    modulus.bits_vartime().div_ceil(8) as usize
}

/// Raises the signature to the power of the exponent; the result is as long as the modulus (RFC
/// 8017, 5.2.2).
fn power(signature: &[u8], exponent: &BoxedUint, modulus: &Odd<BoxedUint>) -> Option<Vec<u8>> {
    let len = num_bytes(modulus);
    if signature.len() != len {
        return None;
    }
    let signature = BoxedUint::from_be_slice(signature, modulus.bits_precision()).ok()?;
    if signature >= *modulus.as_ref() {
        return None;
    }
    let params = BoxedMontyParams::new_vartime(modulus.clone());
    let number = BoxedMontyForm::new(signature, &params);
    let power = number.pow_bounded_exp(exponent, exponent.bits_vartime());
    let bytes = power.retrieve().to_be_bytes();
    let start = bytes.len().checked_sub(len)?;
    Some(bytes.get(start..)?.to_vec())
}

/// Returns the contents of an RSA signature: EMSA-PKCS1-v1_5 (RFC 8017, 9.2). `None` if the key is
/// too short.
fn encode(algorithm: DigestAlgorithm, digest: &[u8], len: usize) -> Option<Vec<u8>> {
    // The headers of DigestInfo (RFC 8017, 9.2, note 1).
    let header: &[u8] = match algorithm {
        DigestAlgorithm::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\0\x04\x14",
        DigestAlgorithm::Sha256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\0\x04\x20"
        }
        DigestAlgorithm::Sha384 => {
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\0\x04\x30"
        }
        DigestAlgorithm::Sha512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\0\x04\x40"
        }
    };
    let num_ones = len.checked_sub(header.len() + digest.len() + 3)?;
    let mut encoded = vec![0, 1];
    encoded.resize(num_ones.checked_add(2)?, 0xff);
    encoded.push(0);
    encoded.extend(header);
    encoded.extend(digest);
    (num_ones >= 8).then_some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use testkit::signing::Key;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, high, low], &contents[..]].concat()
    }

    fn info(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
        let algorithm: Vec<u8> = algorithm.iter().flat_map(|oid| der(6, &[oid])).collect();
        der(
            SEQUENCE,
            &[
                &der(SEQUENCE, &[&algorithm]),
                &der(BIT_STRING, &[&[0], key]),
            ],
        )
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, Error> {
        let numbers = [
            der(INTEGER, &[&[0], modulus]),
            der(INTEGER, &[&[0], exponent]),
        ];
        PublicKey::parse(&info(&[RSA], &der(SEQUENCE, &[&numbers.concat()])))
    }

    fn alice() -> PublicKey {
        let (_, key) = signature::parse_certificate(Key::Alice.certificate()).unwrap();
        PublicKey::parse(&key).unwrap()
    }

    #[test]
    fn oversized_keys_are_refused_before_any_computation() {
        let size = |modulus, exponent| Error::Size { modulus, exponent };
        assert_eq!(rsa(&[0xff; 127], &[3]).unwrap_err(), size(1016, 2));
        assert!(rsa(&[0xff; 128], &[3]).is_ok());
        assert!(rsa(&[0xff; 1024], &[0xff; 8]).is_ok());
        assert_eq!(rsa(&[0xff; 1025], &[3]).unwrap_err(), size(8200, 2));
        assert_eq!(rsa(&[0xff; 256], &[0xff; 9]).unwrap_err(), size(2048, 72));
        for exponent in [&[][..], &[0], &[1]] {
            assert_eq!(rsa(&[0xff; 256], exponent).unwrap_err(), Error::Malformed);
        }
        let even = [&[0xff; 255][..], &[0xfe]].concat();
        assert_eq!(rsa(&even, &[3]).unwrap_err(), Error::Malformed);
    }

    #[test]
    fn unsupported_and_malformed_keys_are_distinguished() {
        let other = [&b"\x2b\x65\x70"[..]];
        assert_eq!(
            PublicKey::parse(&info(&other, &[7; 32])).unwrap_err(),
            Error::Unknown
        );
        let p384 = [EC, &b"\x2b\x81\x04\0\x22"[..]];
        assert_eq!(
            PublicKey::parse(&info(&p384, &[4; 97])).unwrap_err(),
            Error::Unknown
        );
        for (algorithm, key) in [
            (&[RSA][..], &b"x"[..]),
            (&[EC, P256], &[4; 65]),
            (&[EC, P256], b""),
        ] {
            let error = PublicKey::parse(&info(algorithm, key)).unwrap_err();
            assert_eq!(error, Error::Malformed, "{key:?}");
        }
        assert_eq!(PublicKey::parse(b"").unwrap_err(), Error::Malformed);
    }

    #[test]
    fn signature_is_valid_only_for_its_digest_key_and_scheme() {
        let digest = Sha256::digest(b"package");
        let value = Key::Alice.sign(b"package");
        let key = alice();
        let fits = |scheme, algorithm, digest: &[u8], value: &[u8]| {
            key.has_signed(scheme, algorithm, digest, value)
        };
        let sha256 = DigestAlgorithm::Sha256;
        assert!(fits(Scheme::Rsa, sha256, &digest, &value));
        assert!(!fits(Scheme::Ecdsa, sha256, &digest, &value));
        assert!(!fits(Scheme::Rsa, DigestAlgorithm::Sha512, &digest, &value));
        assert!(!fits(
            Scheme::Rsa,
            sha256,
            &Sha256::digest(b"other"),
            &value
        ));
        assert!(!fits(
            Scheme::Rsa,
            sha256,
            &digest,
            &Key::Bob.sign(b"package")
        ));
        // Shorter, longer, and beyond the modulus.
        assert!(!fits(Scheme::Rsa, sha256, &digest, &value[1..]));
        assert!(!fits(
            Scheme::Rsa,
            sha256,
            &digest,
            &[&[0], &value[..]].concat()
        ));
        assert!(!fits(Scheme::Rsa, sha256, &digest, &[0xff; 256]));
        assert!(!fits(Scheme::Rsa, sha256, &digest, &[0; 256]));
        assert_eq!(key.fault_in_recovery(), None);
    }
}
