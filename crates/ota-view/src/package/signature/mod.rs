//! Whole-file signatures: reads which certificate a package claims to be signed with.
//!
//! In: the comment of the zip. Out: [`Signer`], or [`Signature`] with everything needed to check it;
//! `None` if there is no signature.
//! Source: AOSP `bootable/recovery/otautil/verifier.cpp` for the footer, RFC 5652
//! for CMS, RFC 5280 for certificates, X.690 for DER.
//!
//! Nothing is verified here: neither that the signature belongs to this file, nor that the
//! certificate can be trusted. Anyone can put another person's certificate into a package, so a
//! [`Signer`] is only a claim until the module `verify` has read the whole file and checked the
//! signature.
//!
//! As in recoveries, the first signer counts, bytes after the CMS are ignored, and lengths may have
//! more bytes than needed. The indefinite lengths of BER are refused: `signapk` writes DER, and
//! recoveries (`asn1_decoder.cpp`) read such an element as empty. Signatures of single entries
//! (`META-INF/*.RSA`) are ignored, because nothing that installs ROMs uses them.

mod certificate;
mod cms;
pub(crate) mod der;

use sha2::{Digest, Sha256};

use self::certificate::ParsedCertificate;
use self::der::{Elements, SEQUENCE};
use super::Package;
use super::zip::EOCD_MAGIC;
use crate::error_kind::ErrorKind;

pub use cms::{Attributes, DigestAlgorithm, Scheme};

/// `signature_start` u16, `0xffff`, `comment_size` u16 (`verifier.cpp`).
const FOOTER_LEN: usize = 6;

/// The digest that recoveries use, by the object identifier of a certificate's signature. `signapk`
/// and recoveries use SHA-1 for MD5 certificates.
const RECOVERY_DIGESTS: [(&[u8], DigestAlgorithm); 6] = [
    // md5WithRSAEncryption, sha1WithRSAEncryption, sha256WithRSAEncryption (RFC 8017, C)
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04",
        DigestAlgorithm::Sha1,
    ),
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
        DigestAlgorithm::Sha1,
    ),
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b",
        DigestAlgorithm::Sha256,
    ),
    // md5WithRSA, sha1WithRSA (OIW)
    (b"\x2b\x0e\x03\x02\x03", DigestAlgorithm::Sha1),
    (b"\x2b\x0e\x03\x02\x1d", DigestAlgorithm::Sha1),
    // ecdsa-with-SHA256 (RFC 5758, 3.2)
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", DigestAlgorithm::Sha256),
];

/// Why the signature of a package cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The footer was written for another comment.
    #[error(
        "the signature footer is for a comment of {stated} bytes, the zip has one of {comment_len}"
    )]
    CommentSize {
        /// Bytes according to the footer.
        stated: usize,
        /// Bytes in the zip.
        comment_len: usize,
    },
    /// The signature would begin before the comment, or in the footer.
    #[error(
        "the signature footer puts its begin {signature_start} bytes before the end, expected {} to {comment_len}",
        FOOTER_LEN + 1
    )]
    SignatureStart {
        /// Distance from the end of the file.
        signature_start: usize,
        /// Bytes in the comment.
        comment_len: usize,
    },
    /// The comment contains the end record of another zip.
    #[error(
        "an end-of-central-directory record begins at byte {offset:#x} of the signature comment"
    )]
    SecondEnd {
        /// Where in the comment.
        offset: usize,
    },
    /// An element is missing, of the wrong kind, or longer than what surrounds it.
    #[error("no {expected} at byte {offset:#x} of the signature's CMS")]
    Malformed {
        /// What should be there, by its name in the specification.
        expected: &'static str,
        /// Where in the CMS.
        offset: usize,
    },
    /// An element without a length.
    #[error("indefinite length at byte {offset:#x} of the signature's CMS, expected DER")]
    IndefiniteLength {
        /// Where in the CMS.
        offset: usize,
    },
    /// A CMS of another kind.
    #[error("the CMS of the signature holds no signed data")]
    NotSignedData,
    /// The signature has no signer.
    #[error("the signature names no signer")]
    NoSigner,
    /// The signer is named in a way that `signapk` does not use.
    #[error("the signer is named by key identifier; only issuer and serial number are read")]
    KeyIdentifier,
    /// The signer's certificate is elsewhere.
    #[error("none of the {num_certificates} certificates in the signature is the signer's")]
    NoCertificate {
        /// Certificates there are.
        num_certificates: usize,
    },
    /// Two certificates with one issuer and serial number.
    #[error("the signature has different certificates that could be the signer's")]
    SeveralCertificates,
    /// A digest or signature algorithm that is not supported.
    #[error("the {what} algorithm is none of SHA-1, SHA-2, RSA with PKCS #1 v1.5, ECDSA")]
    Algorithm {
        /// `digest` or `signature`.
        what: &'static str,
    },
    /// Two digests are stated where one is meant.
    #[error("the signature states two digests that differ")]
    TwoDigests,
    /// Attributes are signed, and the digest of the file is not among them.
    #[error("the signed attributes lack the digest of the file")]
    NoMessageDigest,
}

impl Error {
    /// Returns the kind of the error: `Unsupported` for valid formats that are not supported,
    /// `BadSignature` for everything else.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::KeyIdentifier | Error::Algorithm { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::BadSignature,
        }
    }
}

/// The signer that a package claims; the module's documentation says what that is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// SHA-256 of the certificate as DER, 64 lower-case hexadecimal digits.
    pub fingerprint: String,
    /// The common name of the certificate's subject, or else its organization; at
    /// most 64 characters, any of them. `None` if it has neither as plain text.
    pub subject: Option<String>,
}

/// Reads the signer that a package claims.
///
/// `None` if the package has no whole-file signature. Nothing is verified.
///
/// # Errors
/// As [`parse_comment`].
pub fn read_signer(package: &Package) -> Result<Option<Signer>, Error> {
    parse_comment(package.comment())
}

/// Reads the claimed signer from the comment of a zip.
///
/// Safe on untrusted input: no panic, no recursion, and time and memory in
/// proportion to the comment, which is at most 65,535 bytes long.
///
/// # Errors
/// Kind `BadSignature` if footer or CMS are malformed, or the certificate of the
/// signer is not there; `Unsupported` if the signer is named by key identifier.
pub fn parse_comment(comment: &[u8]) -> Result<Option<Signer>, Error> {
    let Some(cms) = find_cms(comment)? else {
        return Ok(None);
    };
    Ok(Some(Signer::from_certificate(
        cms::first_signer(cms)?.certificate,
    )?))
}

/// A whole-file signature, with everything needed to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The claimed signer.
    pub signer: Signer,
    /// The `SubjectPublicKeyInfo` of the signer's certificate, as DER (RFC 5280, 4.1).
    pub public_key: Vec<u8>,
    /// How a recovery with the signer's certificate digests packages; `None` if the certificate does
    /// not state it.
    pub recovery_digest: Option<RecoveryDigest>,
    /// Whether the signer's certificate is the first, which is the one that Android uses.
    pub is_first_certificate: bool,
    /// The digest of the signed bytes, and of the attributes if there are any.
    pub digest: DigestAlgorithm,
    /// The signature scheme.
    pub scheme: Scheme,
    /// The attributes that are signed in place of the file's digest, if any.
    pub attributes: Option<Attributes>,
    /// The signature itself.
    pub value: Vec<u8>,
}

/// How a recovery treats the algorithm that a certificate is signed with (`verifier.cpp`,
/// `LoadCertificateFromBuffer`; before Android 10 `DumpPublicKey.java`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryDigest {
    /// The recovery digests packages with this algorithm.
    Digest(DigestAlgorithm),
    /// The recovery does not load the certificate.
    Unknown,
}

impl RecoveryDigest {
    fn from_oid(oid: &[u8]) -> RecoveryDigest {
        let known = RECOVERY_DIGESTS.iter().find(|(known, _)| *known == oid);
        known.map_or(RecoveryDigest::Unknown, |(_, digest)| {
            RecoveryDigest::Digest(*digest)
        })
    }
}

/// Reads the complete signature from the comment of a zip; `None` if there is no signature.
///
/// Safe on untrusted input, like [`parse_comment`].
///
/// # Errors
/// As [`parse_comment`], and if parts of the signature or key are missing; `Unsupported` for
/// unknown algorithms.
pub fn parse_signature(comment: &[u8]) -> Result<Option<Signature>, Error> {
    let Some(cms) = find_cms(comment)? else {
        return Ok(None);
    };
    let first = cms::first_signer(cms)?;
    let (certificate, is_first_certificate) = (first.certificate, first.is_first_certificate);
    let proof = first.proof()?;
    Ok(Some(Signature {
        signer: Signer::from_certificate(certificate)?,
        public_key: certificate.public_key()?.to_vec(),
        recovery_digest: certificate.algorithm.map(RecoveryDigest::from_oid),
        is_first_certificate,
        digest: proof.digest,
        scheme: proof.scheme,
        attributes: proof.attributes,
        value: proof.value,
    }))
}

/// Parses a certificate: its owner, and its `SubjectPublicKeyInfo` as DER.
///
/// # Errors
/// Kind `BadSignature` if it is not a certificate.
pub fn parse_certificate(der: &[u8]) -> Result<(Signer, Vec<u8>), Error> {
    let malformed = Error::Malformed {
        expected: "Certificate",
        offset: 0,
    };
    let element = Elements::new(der).next()?.filter(|e| e.tag == SEQUENCE);
    let certificate = ParsedCertificate::parse(element.ok_or(malformed)?)?;
    let public_key = certificate.public_key()?.to_vec();
    Ok((Signer::from_certificate(certificate)?, public_key))
}

impl Signer {
    fn from_certificate(certificate: ParsedCertificate<'_>) -> Result<Signer, Error> {
        Ok(Signer {
            fingerprint: base16ct::lower::encode_string(&Sha256::digest(certificate.der)),
            subject: certificate::parse_name(certificate.subject)?,
        })
    }
}

/// Follows the footer to the CMS.
fn find_cms(comment: &[u8]) -> Result<Option<&[u8]>, Error> {
    let Some((before, footer)) = comment.split_last_chunk::<FOOTER_LEN>() else {
        return Ok(None);
    };
    let [start_low, start_high, 0xff, 0xff, size_low, size_high] = *footer else {
        return Ok(None);
    };
    let signature_start = usize::from(u16::from_le_bytes([start_low, start_high]));
    let comment_size = usize::from(u16::from_le_bytes([size_low, size_high]));
    if comment_size != comment.len() {
        return Err(Error::CommentSize {
            stated: comment_size,
            comment_len: comment.len(),
        });
    }
    // `verifier.cpp` accepts the end record of the zip only once.
    let mut windows = comment.windows(EOCD_MAGIC.len());
    if let Some(offset) = windows.position(|bytes| bytes == EOCD_MAGIC) {
        return Err(Error::SecondEnd { offset });
    }
    signature_start
        .checked_sub(FOOTER_LEN)
        .filter(|len| *len > 0)
        .and_then(|len| before.len().checked_sub(len))
        .and_then(|at| before.get(at..))
        .map(Some)
        .ok_or(Error::SignatureStart {
            signature_start,
            comment_len: comment.len(),
        })
}

#[cfg(test)]
mod tests {
    use super::certificate::{COMMON_NAME, MAX_NAME_CHARS, ORGANIZATION};
    use super::cms::SIGNED_DATA;
    use super::der::{
        CONTEXT_0_PRIMITIVE, IA5_STRING, INTEGER, OBJECT_IDENTIFIER, PRINTABLE_STRING, SET,
        UTF8_STRING,
    };
    use super::*;
    use proptest::prelude::*;
    use std::sync::{Arc, LazyLock};
    use testkit::package::Package as Rom;
    use testkit::props::Props;
    use testkit::signing::{Cms, Key, comment};
    use testkit::zip::Zip;

    /// A signature by Alice over something.
    static CMS: LazyLock<Vec<u8>> = LazyLock::new(|| Cms::of(Key::Alice).build(b"package"));

    fn parse_cms(cms: &[u8]) -> Result<Option<Signer>, Error> {
        parse_comment(&comment(cms))
    }

    fn read(zip: Vec<u8>) -> Result<Option<Signer>, Error> {
        read_signer(&Package::open(Arc::new(zip)).unwrap())
    }

    fn alice() -> Signer {
        Signer {
            fingerprint: Key::Alice.fingerprint(),
            subject: Some("Alice's test key".to_owned()),
        }
    }

    fn find(bytes: &[u8], part: &[u8]) -> usize {
        bytes
            .windows(part.len())
            .position(|window| window == part)
            .unwrap()
    }

    /// An element of DER with a long length.
    fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, high, low], contents].concat()
    }

    /// What is read of Alice's certificate with these attributes for a subject.
    fn subject(attributes: &[(&[u8], u8, &[u8])]) -> Option<String> {
        let certificate = Key::Alice.certificate();
        let mut element = Elements::new(certificate).next().unwrap().unwrap();
        let subject = ParsedCertificate::parse(element).unwrap().subject;
        let tbs = element.contents.take(SEQUENCE, "").unwrap();
        let name: Vec<u8> = attributes
            .iter()
            .flat_map(|(oid, tag, value)| {
                let attribute = [der(OBJECT_IDENTIFIER, oid), der(*tag, value)].concat();
                der(SET, &der(SEQUENCE, &attribute))
            })
            .collect();
        // The old name has a header of two bytes.
        let tbs = [
            &certificate[tbs.offset..subject.offset - 2],
            &der(SEQUENCE, &name),
            &certificate[subject.offset + subject.rest.len()..tbs.offset + tbs.rest.len()],
        ];
        let certificate = der(SEQUENCE, &der(SEQUENCE, &tbs.concat()));
        let cms = Cms::new().certificate(certificate).signer(Key::Alice);
        parse_cms(&cms.build(b"")).unwrap().unwrap().subject
    }

    #[test]
    fn packages_of_all_layouts_name_their_signer() {
        let props = Props::lineage(
            "22.2",
            "NIGHTLY",
            "enchilada",
            1_748_736_000,
            "eng.me",
            35,
            "2025-05-05",
        );
        let roms = [Rom::files, Rom::block, Rom::payload, Rom::images];
        for (rom, key) in roms.into_iter().zip(Key::ALL.into_iter().cycle()) {
            let signer = read(rom(props.clone()).signed(key).build())
                .unwrap()
                .unwrap();
            assert_eq!(signer.fingerprint, key.fingerprint());
            assert_eq!(signer.fingerprint.len(), 64);
            assert_eq!(signer.subject.unwrap(), format!("{key:?}'s test key"));
        }
        assert_eq!(read(Rom::payload(props).build()), Ok(None));
    }

    #[test]
    fn comment_without_footer_is_not_a_signature() {
        let footer_cut_off = comment(&CMS);
        let footer_cut_off = &footer_cut_off[..footer_cut_off.len() - 1];
        for comment in [
            &b""[..],
            b"\xff\xff",
            b"\0\0\xff\xff\0",
            b"a comment for people",
            b"signed by SignApk\0",
            footer_cut_off,
        ] {
            assert_eq!(parse_comment(comment), Ok(None), "{comment:x?}");
            assert_eq!(read(Zip::new().comment(comment).build()), Ok(None));
        }
    }

    #[test]
    fn footer_with_a_wrong_comment_length_is_refused() {
        let mut long = comment(&CMS);
        long.insert(0, b' ');
        let error = parse_comment(&long).unwrap_err();
        let comment_len = long.len();
        let stated = comment_len - 1;
        assert_eq!(
            error,
            Error::CommentSize {
                stated,
                comment_len
            }
        );
        assert_eq!(error.kind(), ErrorKind::BadSignature);
        let short = comment(&CMS).split_off(1);
        let comment_len = short.len();
        let stated = comment_len + 1;
        assert_eq!(
            parse_comment(&short),
            Err(Error::CommentSize {
                stated,
                comment_len
            })
        );
    }

    #[test]
    fn signature_lies_between_comment_start_and_footer() {
        let sound = comment(&CMS);
        let comment_len = sound.len();
        for start in [0, 5, 6, comment_len + 1, 0xffff] {
            let mut comment = sound.clone();
            let at = comment_len - FOOTER_LEN;
            comment[at..at + 2].copy_from_slice(&u16::try_from(start).unwrap().to_le_bytes());
            let error = parse_comment(&comment).unwrap_err();
            assert_eq!(
                error,
                Error::SignatureStart {
                    signature_start: start,
                    comment_len
                }
            );
            assert!(error.to_string().contains("expected 7 to"), "{error}");
        }
        // The greeting is a habit and no part of the format.
        let bare = &sound[b"signed by SignApk\0".len()..];
        let size = u16::try_from(bare.len()).unwrap().to_le_bytes();
        let bare = [&bare[..bare.len() - 2], &size].concat();
        assert_eq!(parse_comment(&bare), Ok(Some(alice())));
    }

    #[test]
    fn the_longest_comment_is_read() {
        let filler = vec![0; 0xffff - comment(&CMS).len()];
        let longest = comment(&[&CMS[..], &filler].concat());
        assert_eq!(longest.len(), 0xffff);
        let zip = Zip::new().comment(longest).build();
        assert_eq!(read(zip), Ok(Some(alice())));
    }

    #[test]
    fn end_record_inside_the_comment_is_refused() {
        let cms = [&CMS[..], &EOCD_MAGIC].concat();
        let offset = b"signed by SignApk\0".len() + CMS.len();
        assert_eq!(parse_cms(&cms), Err(Error::SecondEnd { offset }));
    }

    #[test]
    fn garbage_is_refused() {
        for (garbage, expected) in [
            (&b"not a CMS"[..], "ContentInfo"),
            (b"\x30", "DER element"),
            (b"\x30\x05\0", "DER element that fits"),
            (b"\x30\x85\0\0\0\0\0", "DER element"),
            (b"\x30\x84\xff\xff\xff\xff", "DER element that fits"),
            (b"\x30\0", "contentType"),
        ] {
            let error = parse_cms(garbage).unwrap_err();
            assert!(
                matches!(error, Error::Malformed { expected: e, .. } if e == expected),
                "{error:?}"
            );
            assert_eq!(error.kind(), ErrorKind::BadSignature);
        }
    }

    #[test]
    fn contents_other_than_signed_data_are_refused() {
        let mut cms = CMS.clone();
        let at = find(&cms, SIGNED_DATA);
        cms[at + SIGNED_DATA.len() - 1] = 3;
        assert_eq!(parse_cms(&cms), Err(Error::NotSignedData));
    }

    #[test]
    fn indefinite_lengths_are_refused() {
        // What BER makes of the outermost element.
        let ber = [&[SEQUENCE, 0x80], &CMS[4..], &[0, 0]].concat();
        assert_eq!(parse_cms(&ber), Err(Error::IndefiniteLength { offset: 0 }));
    }

    #[test]
    fn lengths_may_have_leading_zeros() {
        let cms = [&[SEQUENCE, 0x84, 0, 0], &CMS[2..]].concat();
        assert_eq!(parse_cms(&cms), Ok(Some(alice())));
    }

    #[test]
    fn signer_info_chooses_among_certificates() {
        for certificates in [[Key::Alice, Key::Bob], [Key::Bob, Key::Alice]] {
            let both = certificates
                .iter()
                .fold(Cms::new(), |cms, key| cms.certificate(key.certificate()));
            for key in Key::ALL {
                let cms = both.clone().signer(key).build(b"");
                let signer = parse_cms(&cms).unwrap().unwrap();
                assert_eq!(signer.fingerprint, key.fingerprint());
            }
        }
    }

    #[test]
    fn first_of_several_signers_counts() {
        let cms = Cms::of(Key::Alice).certificate(Key::Bob.certificate());
        assert_eq!(
            parse_cms(&cms.signer(Key::Bob).build(b"")),
            Ok(Some(alice()))
        );
    }

    #[test]
    fn serial_number_must_be_the_same() {
        let mut other = Key::Alice.certificate().to_vec();
        let serial = find(&other, &[INTEGER, 20]) + 10;
        other[serial] ^= 1;
        let cms = Cms::new().certificate(&other).signer(Key::Alice);
        let none = Err(Error::NoCertificate {
            num_certificates: 1,
        });
        assert_eq!(parse_cms(&cms.build(b"")), none);
        let cms = cms.certificate(Key::Alice.certificate());
        assert_eq!(parse_cms(&cms.build(b"")), Ok(Some(alice())));
    }

    #[test]
    fn certificates_that_differ_in_something_else_are_ambiguous() {
        let mut other = Key::Alice.certificate().to_vec();
        *other.last_mut().unwrap() ^= 1;
        let twice = Cms::of(Key::Alice).certificate(Key::Alice.certificate());
        assert_eq!(parse_cms(&twice.build(b"")), Ok(Some(alice())));
        let ambiguous = twice.certificate(other).build(b"");
        assert_eq!(parse_cms(&ambiguous), Err(Error::SeveralCertificates));
    }

    #[test]
    fn signature_without_the_certificate_of_its_signer_is_refused() {
        let none = Cms::new().signer(Key::Alice);
        for (cms, num_certificates) in [
            (none.clone(), 0),
            (none.clone().certificate(Key::Bob.certificate()), 1),
            // An attribute certificate of version 2.
            (none.certificate(der(0xa2, b"any")), 0),
        ] {
            let error = parse_cms(&cms.build(b"")).unwrap_err();
            assert_eq!(error, Error::NoCertificate { num_certificates });
            assert_eq!(error.kind(), ErrorKind::BadSignature);
        }
    }

    #[test]
    fn signature_without_signer_is_refused() {
        let cms = Cms::new().certificate(Key::Alice.certificate());
        assert_eq!(parse_cms(&cms.build(b"")), Err(Error::NoSigner));
    }

    #[test]
    fn signer_named_by_key_identifier_is_unsupported() {
        let mut cms = CMS.clone();
        // `sid` follows the certificates and the version of the signer.
        let signer_infos = find(&cms, Key::Alice.certificate()) + Key::Alice.certificate().len();
        let sid = signer_infos + find(&cms[signer_infos..], &[INTEGER, 1, 1, SEQUENCE]) + 3;
        cms[sid] = CONTEXT_0_PRIMITIVE;
        let error = parse_cms(&cms).unwrap_err();
        assert_eq!(error, Error::KeyIdentifier);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn subject_is_common_name_or_organization() {
        let organization = (ORGANIZATION, PRINTABLE_STRING, &b"Android"[..]);
        assert_eq!(
            subject(&[(COMMON_NAME, UTF8_STRING, b" key "), organization]),
            Some("key".to_owned())
        );
        assert_eq!(
            subject(&[(COMMON_NAME, IA5_STRING, b" "), organization]),
            Some("Android".to_owned())
        );
        // BMPString, and the country.
        assert_eq!(
            subject(&[(COMMON_NAME, 0x1e, b"\0k"), (b"\x55\x04\x06", 0x13, b"US")]),
            None
        );
        let long = subject(&[(COMMON_NAME, UTF8_STRING, "é".repeat(1000).as_bytes())]);
        assert_eq!(long.unwrap().chars().count(), MAX_NAME_CHARS);
        let noise = subject(&[(COMMON_NAME, UTF8_STRING, b"a\xff")]);
        assert_eq!(noise.unwrap(), "a\u{fffd}");
    }

    #[test]
    fn truncated_cms_is_refused() {
        for len in 1..CMS.len() {
            assert!(parse_cms(&CMS[..len]).is_err(), "{len}");
        }
    }

    /// A changed bit may cause an error, but never another signer.
    #[test]
    fn changed_bits_never_lead_to_another_certificate() {
        let certificate = find(&CMS, Key::Alice.certificate());
        let certificate = certificate..certificate + Key::Alice.certificate().len();
        for at in 0..CMS.len() {
            for bit in 0..8 {
                let mut cms = CMS.clone();
                cms[at] ^= 1 << bit;
                if let Ok(signer) = parse_cms(&cms) {
                    let same = signer == Some(alice());
                    assert!(same || certificate.contains(&at), "byte {at}, bit {bit}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn reading_ends_for_any_comment(
            comment in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let _ = parse_comment(&comment);
        }

        #[test]
        fn reading_ends_for_any_cms(
            cms in proptest::collection::vec(any::<u8>(), 1..300),
        ) {
            let _ = parse_cms(&cms);
        }

        #[test]
        fn reading_ends_for_spliced_cms(
            from in any::<proptest::sample::Index>(),
            to in any::<proptest::sample::Index>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..8),
        ) {
            let (from, to) = (from.index(CMS.len()), to.index(CMS.len()));
            let _ = parse_cms(&[&CMS[..from], &bytes, &CMS[to..]].concat());
        }
    }
}
