//! Checks whether a phone will install a package.
//!
//! In: a package. Out: a [`Verdict`] with findings by the rules in [`rules`].
//! Sources: LineageOS `Updater` (ABUpdateInstaller, Utils), Android `RecoverySystem`, AOSP
//! `update_engine`, `bootable/recovery`, `build/tools/releasetools`.
//!
//! The whole file is read once from beginning to end, and compressed entries a second time. Not
//! checked: the signatures inside a payload, because their keys are only on phones, and whether a
//! delta fits the build that it is for.

mod blocks;
mod certificate;
mod digest_pass;
mod key;
mod layout;
mod offset;
mod payload;
mod property_files;
mod require;
pub mod rules;
mod signature;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base16ct::lower::encode_string as hex;
use digest_pass::{Algorithm, Pieces};

use crate::error_kind::{ErrorKind, chain};
use crate::finding::{Finding, Rule};
use crate::image;
use crate::io::{Budget, Counted, FileSource, Limits, ReadAt, ReadError};
use crate::package::signature::{DigestAlgorithm, Signer};
use crate::package::{Package, zip};

pub use certificate::{Certificate, Error as CertificateError};
pub use require::Require;

/// Bytes per second that every disk can read; it extends the time limit, because all of a package is
/// read and some have 10 GB.
const MIN_SPEED: u64 = 1_000_000;
/// Most findings of one rule for a package, which may have 100,000 entries.
const MAX_OF_RULE: usize = 20;

/// Why a package cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open the file")]
    Open(#[source] std::io::Error),
    /// The zip cannot be read for a reason outside of the package.
    #[error(transparent)]
    Zip(#[from] zip::Error),
    /// The payload cannot be read for a reason outside of the package.
    #[error("payload.bin")]
    Payload(#[from] image::payload::Error),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file changed while it was read.
    #[error("the file changed while it was read; is it still being written?")]
    Changed,
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Open(_) | Error::Changed => ErrorKind::Io,
            Error::Zip(error) => error.kind(),
            Error::Payload(error) => error.kind(),
            Error::Read(error) => error.kind(),
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Findings, in the order of reading.
    pub findings: Vec<Finding>,
    /// Whether the package has a payload, for A/B devices.
    pub is_ab: bool,
    /// The signer, if the signature is valid.
    pub signer: Option<Signer>,
    /// SHA-256 of the signer's key in lower-case hexadecimal digits, if the signature is valid.
    pub key: Option<String>,
}

impl Verdict {
    /// Adds a finding if the signer's key is not that of one of these certificates.
    ///
    /// Without certificates any key is accepted. A package without a valid signature already has
    /// another finding.
    pub fn expect_signer(&mut self, certificates: &[Certificate], place: &str) {
        let Some(key) = &self.key else { return };
        if certificates.is_empty() || certificates.iter().any(|known| known.key == *key) {
            return;
        }
        let name = |subject: &Option<String>| {
            let subject = subject.as_deref().unwrap_or("an unnamed signer");
            subject.to_owned()
        };
        let found = self.signer.as_ref().map(|signer| name(&signer.subject));
        let wanted: Vec<String> = certificates.iter().map(|c| name(&c.subject)).collect();
        let message = format!(
            "signed by {} with key {}, expected that of {}",
            found.unwrap_or_else(|| "another".to_owned()),
            short(key),
            wanted.join(" or "),
        );
        let rule = &rules::SIGNATURE_OTHER_CERTIFICATE;
        self.findings.push(Finding::new(rule, place, message));
    }
}

/// Shortens a digest for messages.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// Findings collected during a check.
struct Findings<'a> {
    place: &'a str,
    all: Vec<Finding>,
}

impl Findings<'_> {
    /// Adds a finding, up to a limit for each rule.
    fn add(&mut self, rule: &'static Rule, message: impl Into<String>) {
        let is_same = |finding: &&Finding| finding.rule.id == rule.id;
        if self.all.iter().filter(is_same).count() >= MAX_OF_RULE {
            return;
        }
        self.all.push(Finding::new(rule, self.place, message));
    }

    /// Adds an error in the package as a finding; returns other errors.
    fn add_fault<E: std::error::Error + 'static>(
        &mut self,
        rule: &'static Rule,
        kind: ErrorKind,
        error: E,
    ) -> Result<(), E> {
        match kind {
            ErrorKind::Io | ErrorKind::Limit => Err(error),
            _ => {
                self.add(rule, chain(&error));
                Ok(())
            }
        }
    }
}

/// Reads all of a package and checks it. Findings name it `place`.
///
/// Safe on untrusted input: memory is bounded by the zip's directory, the payload's manifest and a
/// few buffers; time by the limits plus the time that a slow disk needs for the file.
///
/// # Errors
/// [`Error`] if the file cannot be read for a reason outside of the package, or exceeds the limits.
pub fn check(file: &Path, place: &str, limits: &Limits) -> Result<Verdict, Error> {
    let (verdict, _) = check_file(file, place, limits, None)?;
    Ok(verdict)
}

/// Receives the number of bytes of each read of the whole file, before it is read; the read waits
/// for it to return.
pub type OnRead<'a> = dyn Fn(u64) + Sync + 'a;

/// The digests of a whole file, in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigests {
    /// The MD5, 32 digits.
    pub md5: String,
    /// The SHA-256, 64 digits.
    pub sha256: String,
}

/// As [`check`], and digests the file while it is read. A file that is not a zip is not read to its
/// end, so it has no digests.
///
/// # Errors
/// As [`check`].
pub fn check_and_digest(
    file: &Path,
    place: &str,
    limits: &Limits,
    on_read: &OnRead<'_>,
) -> Result<(Verdict, Option<FileDigests>), Error> {
    check_file(file, place, limits, Some(on_read))
}

fn check_file(
    file: &Path,
    place: &str,
    limits: &Limits,
    on_read: Option<&OnRead<'_>>,
) -> Result<(Verdict, Option<FileDigests>), Error> {
    let source = Arc::new(FileSource::open(file).map_err(Error::Open)?);
    let result = check_and_maybe_digest(Arc::clone(&source), place, limits, on_read)?;
    match source.is_unchanged(file).map_err(Error::Open)? {
        true => Ok(result),
        false => Err(Error::Changed),
    }
}

/// As [`check`], for any source.
///
/// # Errors
/// As [`check`].
pub fn check_source(
    source: impl ReadAt + 'static,
    place: &str,
    limits: &Limits,
) -> Result<Verdict, Error> {
    let (verdict, _) = check_and_maybe_digest(source, place, limits, None)?;
    Ok(verdict)
}

/// Checks a package; digests the whole file only with `on_read`.
fn check_and_maybe_digest(
    source: impl ReadAt + 'static,
    place: &str,
    limits: &Limits,
    on_read: Option<&OnRead<'_>>,
) -> Result<(Verdict, Option<FileDigests>), Error> {
    let reading = Duration::from_secs(source.size() / MIN_SPEED);
    let budget = Arc::new(Budget::new(Limits {
        time: limits.time.saturating_add(reading),
        ..limits.for_package(source.size())
    }));
    let source: Arc<dyn ReadAt> = Arc::new(Counted::new(source, Arc::clone(&budget)));
    let mut findings = Findings {
        place,
        all: Vec::new(),
    };
    let package = match Package::open(Arc::clone(&source)) {
        Ok(package) => package,
        Err(error) => {
            findings.add_fault(&rules::PACKAGE_ZIP, error.kind(), error)?;
            let verdict = Verdict {
                findings: findings.all,
                ..Verdict::default()
            };
            return Ok((verdict, None));
        }
    };
    let is_ab = layout::check(&package, &mut findings);
    let mut payload = None;
    if is_ab {
        payload = payload::examine(&package, &budget, &mut findings)?;
        property_files::check(&package, payload.as_ref(), &mut findings)?;
    } else {
        layout::check_for_recovery(&package, &mut findings)?;
    }
    let signature = signature::examine(&package, source.size(), is_ab, &mut findings);
    let mut checksums = layout::Checksums::plan(&package, &mut findings)?;

    let mut lists = vec![checksums.pieces()];
    lists.extend(signature.as_ref().map(|signature| signature.pieces()));
    lists.extend(payload.iter().flat_map(payload::ExaminedPayload::pieces));
    if on_read.is_some() {
        lists.extend(whole_file(source.size()));
    }
    let mut digests = std::thread::scope(|scope| {
        let read = scope.spawn(|| digest_pass::read(&*source, lists, on_read.unwrap_or(&|_| ())));
        blocks::check(&package, &budget, &mut checksums, &mut findings)?;
        checksums.check_compressed(&package, &budget, &mut findings)?;
        let digests = read.join();
        digests
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map_err(Error::from)
    })?;
    let of_whole = on_read.and_then(|_| take_whole_file(&mut digests));
    let mut digests = digests.into_iter();

    checksums.check_digests(digests.next().unwrap_or_default(), &mut findings);
    let of_file = signature.as_ref().and_then(|_| digests.next());
    let signer = signature.and_then(|signature| signature.check_digests(of_file, &mut findings));
    if let Some(payload) = payload {
        payload.check_digests(digests, &mut findings);
    }
    let verdict = Verdict {
        findings: findings.all,
        is_ab,
        key: signer.as_ref().map(|(_, key)| key.clone()),
        signer: signer.map(|(signer, _)| signer),
    };
    Ok((verdict, of_whole))
}

/// Returns lists of one piece each: the whole file for MD5, and for SHA-256.
fn whole_file(size: u64) -> [Pieces; 2] {
    [Algorithm::Md5, Algorithm::Digest(DigestAlgorithm::Sha256)].map(|algorithm| {
        let mut pieces = Pieces::new(algorithm);
        pieces.push(0..size);
        pieces
    })
}

/// Removes the digests of [`whole_file`] from the end of the list.
fn take_whole_file(digests: &mut Vec<Vec<Vec<u8>>>) -> Option<FileDigests> {
    let mut next = || Some(hex(&digests.pop()?.pop()?));
    let sha256 = next()?;
    let md5 = next()?;
    Some(FileDigests { md5, sha256 })
}
