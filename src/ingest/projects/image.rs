//! Reads the repo manifest inside a package.
//!
//! In: a package and its partitions. Out: the [`Projects`] of the first manifest found, in the
//! order of `PLACES`. LineageOS stores it in the system or product partition. Only the folders on
//! the way and the file itself are decoded, and what precedes them in a stream.

use super::Projects;
use super::manifest::{self, MAX_SIZE};
use crate::model::fault_kind::FaultKind;
use ota_view::error_kind::ErrorKind;
use ota_view::fs::FileSystem;
use ota_view::ota::{self, Ota};
use ota_view::package::{Package, zip};

/// Paths in packages whose entries are the files of the system.
const ENTRIES: [&str; 3] = [
    "system/etc/build-manifest.xml",
    "system/product/etc/build-manifest.xml",
    "system/system_ext/etc/build-manifest.xml",
];
/// Paths in each partition; a system image may or may not contain the root folder.
const PLACES: [(&str, &[&str]); 3] = [
    (
        "system",
        &[
            "/system/etc/build-manifest.xml",
            "/etc/build-manifest.xml",
            "/system/product/etc/build-manifest.xml",
            "/product/etc/build-manifest.xml",
            "/system/system_ext/etc/build-manifest.xml",
            "/system_ext/etc/build-manifest.xml",
        ],
    ),
    ("product", &["/etc/build-manifest.xml"]),
    ("system_ext", &["/etc/build-manifest.xml"]),
];

/// Why the manifest of a package cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The zip cannot be read.
    #[error(transparent)]
    Zip(#[from] zip::Error),
    /// A partition cannot be read.
    #[error(transparent)]
    Ota(#[from] ota::Error),
    /// The manifest cannot be used.
    #[error("{place}")]
    Manifest {
        /// Where it is, for example `system:/system/etc/build-manifest.xml`.
        place: String,
        /// The reason.
        #[source]
        source: manifest::Error,
    },
}

impl Error {
    /// Returns the kind of fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Error::Zip(error) => error.kind().into(),
            Error::Ota(error) => error.kind().into(),
            Error::Manifest { source, .. } => source.kind(),
        }
    }
}

/// Reads the manifest of a package, if it has one: from an entry of the zip, or from one of the
/// wanted partitions. Partitions in an unsupported format are skipped.
///
/// # Errors
/// [`Error`] if the package is damaged on the way, or the manifest cannot be parsed.
pub fn read(
    package: &Package,
    rom: &Ota,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Option<Projects>, Error> {
    for entry in ENTRIES {
        if let Some(bytes) = package.read(entry, MAX_SIZE)? {
            return parse(entry.to_owned(), &bytes).map(Some);
        }
    }
    for (partition, paths) in PLACES {
        let Some(name) = rom.find(partition).filter(|name| is_wanted(name)) else {
            continue;
        };
        let found = match rom.file_system(name) {
            Ok(file_system) => first(name, &*file_system, paths),
            Err(error) => Err(error),
        };
        match found {
            Ok(None) => {}
            Ok(Some((path, bytes))) => return parse(format!("{name}:{path}"), &bytes).map(Some),
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

fn parse(place: String, bytes: &[u8]) -> Result<Projects, Error> {
    manifest::parse(bytes).map_err(|source| Error::Manifest { place, source })
}

/// Reads the first of some files that exists.
fn first<'p>(
    partition: &str,
    file_system: &dyn FileSystem,
    paths: &[&'p str],
) -> Result<Option<(&'p str, Vec<u8>)>, ota::Error> {
    for path in paths {
        match file_system.read(path, MAX_SIZE) {
            Ok(bytes) => return Ok(Some((path, bytes))),
            Err(error) if error.is_absence() => {}
            Err(source) => {
                return Err(ota::Error::FileSystem {
                    partition: partition.to_owned(),
                    source,
                });
            }
        }
    }
    Ok(None)
}
