//! Why a package is left out.

use ota_view::io::{Exceeded, ReadError};
use ota_view::ota;
use ota_view::package::layout::{self, NotAnOta};
use ota_view::package::{signature, zip};

use crate::fetch::RemoteError;
use crate::model::build::NotAPath;
use crate::model::entry_rules::day;
use crate::model::facts::Conflict;
use crate::model::fault_kind::FaultKind;

/// Why a package is left out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open the file")]
    Open(#[source] std::io::Error),
    /// The host of the file does not send it.
    #[error("cannot be read from its host")]
    Host(#[from] RemoteError),
    /// The file is not the one that its host lists.
    #[error("it has {found} bytes, but its host lists {listed}")]
    OtherSize {
        /// The size in the list.
        listed: u64,
        /// The size of the file.
        found: u64,
    },
    /// The zip cannot be read.
    #[error(transparent)]
    Zip(#[from] zip::Error),
    /// A sound zip that is not a ROM.
    #[error(transparent)]
    NotARom(#[from] NotAnOta),
    /// Its signature cannot be read.
    #[error("its signature cannot be read")]
    Signature(#[from] signature::Error),
    /// The partitions cannot be read.
    #[error(transparent)]
    Ota(#[from] ota::Error),
    /// Weak sources contradict each other.
    #[error(transparent)]
    Conflict(#[from] Box<Conflict>),
    /// A `build.prop` that is an entry of the zip differs from that of the image.
    #[error("`{place}` in the zip has `{key}={}`, but {image} has `{}`", .entry.escape_debug(), .value.escape_debug(), place = layout::BUILD_PROP)]
    StrayBuildProp {
        /// The property.
        key: String,
        /// Its value in the entry.
        entry: String,
        /// The file in the image.
        image: String,
        /// Its value there.
        value: String,
    },
    /// Facts that feeds need were not found.
    #[error("no source has its {}{}", .facts.join(", "), because(.why.as_deref()))]
    Missing {
        /// The facts.
        facts: Vec<&'static str>,
        /// Why its partitions could not be read, if it has any.
        why: Option<String>,
    },
    /// Reading the same file failed in an earlier run.
    #[error(
        "{message} (remembered from an earlier run; `romfeed generate --rehash` reads the file again)"
    )]
    Remembered {
        /// The kind of the fault.
        kind: FaultKind,
        /// The error and its causes.
        message: String,
    },
    /// No phone could install it.
    #[error("{0}")]
    NotInstallable(&'static str),
    /// A device or romtype that cannot be part of a path.
    #[error(transparent)]
    NotAPath(#[from] NotAPath),
    /// A fact that updaters could not use.
    #[error("{what} `{}` {reason}", .value.escape_debug())]
    BadFact {
        /// Which fact.
        what: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A build dated in the future means that a clock is wrong.
    #[error("datetime `{0}` is in the future ({day}); check the clock of both machines", day = day(*.0))]
    Future(i64),
    /// A file or folder name that phones or hosts could not use.
    #[error("{what} `{}` {reason}", .value.escape_debug())]
    BadName {
        /// `file name` or `folder name`.
        what: &'static str,
        /// The name.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bytes could not be hashed.
    #[error(transparent)]
    Digest(#[from] digest_lanes::Error),
    /// Two sources state different digests, and the bytes were not hashed.
    #[error("{one} says {algorithm} {digest}, but {other} says {other_digest}")]
    Disagreement {
        /// `md5` or `sha256`.
        algorithm: &'static str,
        /// What states one.
        one: Box<str>,
        /// Its digest.
        digest: Box<str>,
        /// What states another.
        other: Box<str>,
        /// Its digest.
        other_digest: Box<str>,
    },
    /// A checksum file that changed contradicts bytes that were hashed and are unchanged.
    #[error(
        "{file} says {expected}, but the {algorithm} of the zip is {found}: romfeed read all of it, and it is unchanged \
         since then, so the checksum file is wrong"
    )]
    WrongChecksumFile {
        /// `md5` or `sha256`.
        algorithm: &'static str,
        /// The checksum file.
        file: String,
        /// The digest in the checksum file.
        expected: String,
        /// The digest of the bytes.
        found: String,
    },
    /// A checksum file has another digest than before, and it is unknown whether the package changed, too.
    #[error(
        "{file} says {expected}, and the build was published with {published}: the host does not show whether the zip \
         changed, too"
    )]
    UnclearChange {
        /// The checksum file.
        file: String,
        /// The digest in the checksum file.
        expected: String,
        /// The digest that was published.
        published: String,
    },
    /// The file differs from the digest in the checksum file next to it.
    #[error("its {algorithm} is {found}, but {file} says {expected}")]
    HashMismatch {
        /// `md5` or `sha256`.
        algorithm: &'static str,
        /// The checksum file.
        file: String,
        /// The digest in the checksum file.
        expected: String,
        /// The digest of the bytes.
        found: String,
    },
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!("; {why}")).unwrap_or_default()
}

impl Error {
    /// Returns the kind of fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Error::Open(_) | Error::Host(_) | Error::OtherSize { .. } => FaultKind::Io,
            Error::Zip(error) => error.kind().into(),
            Error::NotARom(error) if error.is_incomplete => FaultKind::Corrupt,
            Error::NotARom(_) => FaultKind::NotARom,
            Error::Signature(error) => error.kind().into(),
            Error::Ota(error) => error.kind().into(),
            Error::Remembered { kind, .. } => *kind,
            Error::Conflict(_) | Error::StrayBuildProp { .. } => FaultKind::Conflict,
            Error::Missing { .. } => FaultKind::MissingFacts,
            Error::NotInstallable(_)
            | Error::NotAPath(_)
            | Error::BadFact { .. }
            | Error::Future(_)
            | Error::BadName { .. } => FaultKind::Corrupt,
            Error::Digest(error) => error.into(),
            Error::HashMismatch { .. }
            | Error::Disagreement { .. }
            | Error::WrongChecksumFile { .. }
            | Error::UnclearChange { .. } => FaultKind::HashMismatch,
        }
    }

    /// Returns whether the same bytes will always fail in the same way, whatever the settings, the
    /// machine and the sidecar files. A time limit depends on the machine, so it does not count.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        let is_of_bytes = matches!(
            self,
            Error::Zip(_)
                | Error::NotARom(_)
                | Error::Signature(_)
                | Error::Ota(_)
                | Error::StrayBuildProp { .. }
        );
        let exceeded = ReadError::exceeded(self);
        is_of_bytes
            && self.kind() != FaultKind::Io
            && !ReadError::is_system_error(self)
            && matches!(
                exceeded,
                None | Some(Exceeded::Decoded { .. } | Exceeded::Memory { .. })
            )
    }

    /// Returns whether other packages used up the memory or the space for temporary files.
    #[must_use]
    pub fn is_contended(&self) -> bool {
        matches!(ReadError::exceeded(self), Some(Exceeded::Contended))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use ota_view::image::sparse;
    use ota_view::io::ImageFault;

    #[test]
    fn fault_of_the_disk_is_never_lasting() {
        let short = || ReadError::Io {
            offset: 7,
            source: Arc::new(std::io::ErrorKind::UnexpectedEof.into()),
        };
        let in_zip = |source| {
            Error::Zip(zip::Error::Read {
                what: "entry",
                source,
            })
        };
        let in_chunk = sparse::Error::Read {
            what: "chunk",
            source: short(),
        };
        let in_image = Error::Ota(ota::Error::FileSystem {
            partition: "system".to_owned(),
            source: ota_view::fs::Error::Start {
                source: ImageFault::new(ota_view::error_kind::ErrorKind::Truncated, in_chunk)
                    .into(),
            },
        });
        for error in [in_zip(short()), in_image] {
            assert_eq!(error.kind(), FaultKind::Truncated, "{error}");
            assert!(!error.is_lasting(), "{error}");
        }
        let cut_short = in_zip(ReadError::OutOfBounds {
            offset: 1,
            end: 3,
            size: 2,
        });
        assert!(cut_short.is_lasting());
    }
}
