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

use crate::error_kind::{ErrorKind, chain};
use crate::finding::{Finding, Rule};
use crate::image;
use crate::io::{Budget, Counted, FileSource, Limits, ReadAt, ReadError};
use crate::package::signature::Signer;
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
    let source = Arc::new(FileSource::open(file).map_err(Error::Open)?);
    let verdict = check_source(Arc::clone(&source), place, limits)?;
    match source.is_unchanged(file).map_err(Error::Open)? {
        true => Ok(verdict),
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
