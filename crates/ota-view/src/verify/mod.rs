//! Whether a phone will install a package.
//!
//! In: a package. Out: a [`Verdict`] with what is wrong with it, by the rules in [`rules`].
//! Sources: LineageOS `Updater` (ABUpdateInstaller, Utils), Android `RecoverySystem`, AOSP
//! `update_engine`, `bootable/recovery`, `build/tools/releasetools`.
//!
//! The whole file is read, once from begin to end, and what is compressed a second time. Left
//! out are the signatures inside a payload: their keys are in the phone, and in no file here.
//! Whether a delta fits the build it is for is not looked at, either.

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

use crate::error_kind::{ErrorKind, chain};
use crate::finding::{Finding, Rule};
use crate::image;
use crate::io::{Budget, Counted, FileSource, Limits, ReadAt, ReadError};
use crate::package::signature::Signer;
use crate::package::{Package, zip};

pub use certificate::{Certificate, Error as CertificateError};
pub use require::Require;

/// Bytes that any disk reads in a second; all of a package is read, and there are those of 10 GB.
const MIN_SPEED: u64 = 1_000_000;
/// Most findings of one rule for a package: one may have 100,000 entries.
const MAX_OF_RULE: usize = 20;

/// Why a package cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open the file")]
    Open(#[source] std::io::Error),
    /// The zip cannot be read to its end, for a reason that is not its own.
    #[error(transparent)]
    Zip(#[from] zip::Error),
    /// The payload cannot be read to its end, for a reason that is not its own.
    #[error("payload.bin")]
    Payload(#[from] image::payload::Error),
    /// The file cannot be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is not the file it was.
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

/// What is known of a package after all of it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong with it, in the order of reading.
    pub findings: Vec<Finding>,
    /// It carries the system in a payload, for A/B devices.
    pub is_ab: bool,
    /// Who signed it, if the signature is valid.
    pub signer: Option<Signer>,
    /// SHA-256 of the key that signed it, in lower-case hexadecimal digits; as `signer`.
    pub key: Option<String>,
}

impl Verdict {
    /// Adds a finding if none of these certificates is of the key that signed it.
    ///
    /// No certificates are no condition. A package without a valid signature has its finding
    /// already.
    pub fn expect_signer(&mut self, certificates: &[Certificate], place: &str) {
        let Some(key) = &self.key else { return };
        if certificates.is_empty() || certificates.iter().any(|known| known.key == *key) {
            return;
        }
        let name = |subject: &Option<String>| {
            let subject = subject.as_deref().unwrap_or("somebody without a name");
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

/// Enough of a digest to tell keys apart.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// What is found on the way.
struct Findings<'a> {
    place: &'a str,
    all: Vec<Finding>,
}

impl Findings<'_> {
    /// Of one rule, no more than a person reads.
    fn add(&mut self, rule: &'static Rule, message: impl Into<String>) {
        let is_same = |finding: &&Finding| finding.rule.id == rule.id;
        if self.all.iter().filter(is_same).count() >= MAX_OF_RULE {
            return;
        }
        self.all.push(Finding::new(rule, self.place, message));
    }

    /// Adds what is the package's own fault, and fails with what is not.
    fn add_fault<E: std::error::Error + 'static>(
        &mut self,
        rule: &'static Rule,
        class: ErrorKind,
        error: E,
    ) -> Result<(), E> {
        match class {
            ErrorKind::Io | ErrorKind::Limit => Err(error),
            _ => {
                self.add(rule, chain(&error));
                Ok(())
            }
        }
    }
}

/// Reads all of a package and judges it. `place` is what findings call it.
///
/// Safe on untrusted input: memory is bounded by the zip's directory, the payload's manifest
/// and a few buffers; time by the limits, and the time a slow disk takes for all of the file.
///
/// # Errors
/// [`Error`], if it cannot be read for a reason that is not its own, or would cost more than
/// the limits allow.
pub fn check(file: &Path, place: &str, limits: &Limits) -> Result<Verdict, Error> {
    let source = Arc::new(FileSource::open(file).map_err(Error::Open)?);
    let verdict = check_source(Arc::clone(&source), place, limits)?;
    match source.is_unchanged(file).map_err(Error::Open)? {
        true => Ok(verdict),
        false => Err(Error::Changed),
    }
}

/// As [`check`], of a package anywhere.
///
/// # Errors
/// As [`check`].
pub fn check_source(
    source: impl ReadAt + 'static,
    place: &str,
    limits: &Limits,
) -> Result<Verdict, Error> {
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
            return Ok(Verdict {
                findings: findings.all,
                ..Verdict::default()
            });
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
    lists.extend(payload.iter().flat_map(payload::Examined::pieces));
    let mut digests = std::thread::scope(|scope| {
        let read = scope.spawn(|| digest_pass::read(&*source, lists));
        blocks::check(&package, &budget, &mut checksums, &mut findings)?;
        checksums.check_compressed(&package, &budget, &mut findings)?;
        let digests = read.join();
        digests
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map_err(Error::from)
    })?
    .into_iter();

    checksums.judge(digests.next().unwrap_or_default(), &mut findings);
    let of_file = signature.as_ref().and_then(|_| digests.next());
    let signer = signature.and_then(|signature| signature.judge(of_file, &mut findings));
    if let Some(payload) = payload {
        payload.judge(digests, &mut findings);
    }
    Ok(Verdict {
        findings: findings.all,
        is_ab,
        key: signer.as_ref().map(|(_, key)| key.clone()),
        signer: signer.map(|(signer, _)| signer),
    })
}
