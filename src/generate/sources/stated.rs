//! Digests that hosts and checksum files state, and what it means if they contradict each other.

use rayon::prelude::*;

use super::{KnownPackage, Sources};
use crate::generate::report::Log;
use crate::ingest::{self, Error};
use crate::model::build::Build;
use crate::source::{Folder, RemoteFile, RemoteFolder};

/// What has the digest, in messages.
const HOST: &str = "its host";

/// A digest, and where it comes from.
#[derive(Clone)]
struct Statement {
    digest: String,
    /// What states it, for messages; `None` if it was computed from the package.
    place: Option<String>,
}

/// Digests that the host, checksum files or a download have of a package.
#[derive(Clone, Default)]
pub(super) struct StatedDigests {
    sha256: Option<Statement>,
    md5: Option<Statement>,
}

impl StatedDigests {
    /// Takes the published digests of a build.
    pub(super) fn published(build: &Build) -> StatedDigests {
        let statement = |digest: &Option<String>| {
            Some(Statement {
                digest: digest.clone()?,
                place: Some("the published build".to_owned()),
            })
        };
        StatedDigests {
            sha256: statement(&build.sha256),
            md5: statement(&build.md5),
        }
    }

    pub(super) fn sha256(&self) -> Option<String> {
        self.sha256.as_ref().map(|known| known.digest.clone())
    }

    pub(super) fn md5(&self) -> Option<String> {
        self.md5.as_ref().map(|known| known.digest.clone())
    }

    /// Returns whether the SHA-256 was computed from the package.
    pub(super) fn is_hashed(&self) -> bool {
        let known = self.sha256.as_ref();
        known.is_some_and(|known| known.place.is_none())
    }

    /// Adds a digest; `place` is what states it, or `None` if it was computed from the package.
    ///
    /// # Errors
    /// [`Error::HashMismatch`] or [`Error::Disagreement`], if another source has another one.
    pub(super) fn add(
        &mut self,
        algorithm: &'static str,
        place: Option<&str>,
        digest: String,
    ) -> Result<(), Error> {
        let slot = match algorithm {
            "sha256" => &mut self.sha256,
            _ => &mut self.md5,
        };
        let new = Statement {
            digest,
            place: place.map(str::to_owned),
        };
        match slot.take() {
            Some(known) if known.digest != new.digest => Err(contradiction(algorithm, known, new)),
            // What was computed takes precedence over what is stated.
            Some(known) if known.place.is_none() => {
                *slot = Some(known);
                Ok(())
            }
            _ => {
                *slot = Some(new);
                Ok(())
            }
        }
    }

    /// Adds the digests that the host and checksum files have of a package.
    ///
    /// # Errors
    /// As for [`add`](StatedDigests::add).
    pub(super) fn add_listed(
        &mut self,
        folder: &RemoteFolder,
        file: &RemoteFile,
        warnings: &mut Vec<String>,
    ) -> Result<(), Error> {
        for (algorithm, digest) in [("sha256", &file.sha256), ("md5", &file.md5)] {
            if let Some(digest) = digest {
                self.add(algorithm, Some(HOST), digest.clone())?;
            }
        }
        for (algorithm, len) in [("sha256", 64), ("md5", 32)] {
            let found = ingest::stated(folder, &file.path, algorithm, len, warnings);
            if let Some(found) = found {
                self.add(algorithm, Some(&found.place), found.digest)?;
            }
        }
        Ok(())
    }
}

fn contradiction(algorithm: &'static str, known: Statement, new: Statement) -> Error {
    match (known.place, new.place) {
        (Some(one), Some(other)) => Error::Disagreement {
            algorithm,
            one: one.into(),
            digest: known.digest.into(),
            other: other.into(),
            other_digest: new.digest.into(),
        },
        (Some(file), None) => Error::HashMismatch {
            algorithm,
            file,
            expected: known.digest,
            found: new.digest,
        },
        (None, file) => Error::HashMismatch {
            algorithm,
            file: file.unwrap_or_default(),
            expected: new.digest,
            found: known.digest,
        },
    }
}

/// Checks the published digests of known builds against checksum files that were not next to them before, and takes
/// a SHA-256 that was not known, or was corrected. A contradiction is a fault in each run; the build stays as it is.
pub(in crate::generate) fn check_known(sources: &Sources, known: &mut [KnownPackage]) -> Log {
    let changed = known.par_iter_mut().filter(|known| known.is_changed);
    let logs: Vec<Log> = changed
        .filter_map(|known| check_one(sources, known))
        .collect();
    let mut log = Log::default();
    for of_one in logs {
        log.append(of_one);
    }
    log
}

fn check_one(sources: &Sources, known: &mut KnownPackage) -> Option<Log> {
    let build = &mut known.build;
    let origin = build.origin.as_ref()?;
    let folder = sources.folders.get(&origin.source)?;
    let file = folder.listed(&origin.path)?;
    let (mut log, mut warnings) = (Log::default(), Vec::new());
    let mut stated = StatedDigests::default();
    let checked = stated
        .add_listed(folder, file, &mut warnings)
        .and_then(|()| take_stated(build, file, &stated));
    if checked.is_err() || !warnings.is_empty() {
        // The next run reads them again.
        if let Some(origin) = &mut build.origin {
            origin.beside.clear();
        }
    }
    for text in warnings {
        log.warn(&build.path, text);
    }
    log.take_successes(vec![(build.path.clone(), checked)]);
    known.unhashed = known.unhashed.take().filter(|_| build.sha256.is_none());
    Some(log)
}

/// Sets the digests of a known build to what is stated now. A published digest is corrected only if nothing but a
/// checksum file ever stated it, and the host shows that the package itself is unchanged. The build keeps its `id`.
///
/// # Errors
/// [`Error::WrongChecksumFile`] or [`Error::UnclearChange`].
fn take_stated(build: &mut Build, file: &RemoteFile, stated: &StatedDigests) -> Result<(), Error> {
    let identity = build.identity().to_owned();
    let origin = build.origin.as_ref();
    let is_hashed = origin.is_some_and(|origin| origin.is_hashed);
    let is_same_version =
        origin.is_some_and(|origin| !file.tag.is_empty() && origin.tag == file.tag);
    for (algorithm, published, stated) in [
        ("sha256", &mut build.sha256, &stated.sha256),
        ("md5", &mut build.md5, &stated.md5),
    ] {
        let Some(Statement { digest, place }) = stated else {
            continue;
        };
        let place = || place.clone().unwrap_or_default();
        match published {
            Some(known) if known == digest => {}
            Some(known) if is_hashed => {
                return Err(Error::WrongChecksumFile {
                    algorithm,
                    file: place(),
                    expected: digest.clone(),
                    found: known.clone(),
                });
            }
            Some(known) if !is_same_version => {
                return Err(Error::UnclearChange {
                    file: place(),
                    expected: digest.clone(),
                    published: known.clone(),
                });
            }
            // An MD5 is no reason to change an identity, so it is only corrected.
            Some(_) => {
                *published = Some(digest.clone());
                build.id.get_or_insert_with(|| identity.clone());
            }
            None if algorithm == "sha256" => *published = Some(digest.clone()),
            None => {}
        }
    }
    Ok(())
}
