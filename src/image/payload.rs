//! The header and manifest of an A/B `payload.bin`.
//!
//! In: a [`ReadAt`] over the payload. Out: whether it needs a source build.
//! Source: AOSP `update_engine/update_metadata.proto` and
//! `payload_consumer/payload_constants.cc`, Android 16.

use prost::Message;

use crate::class::Class;
use crate::io::{ReadAt, ReadError};

const MAGIC: [u8; 4] = *b"CrAU";
/// The one major version phones have used since 2016.
const MAJOR_VERSION: u64 = 2;
/// Header: magic, u64 version, u64 manifest size, u32 signature size.
pub const HEADER_LEN: u64 = 24;
/// Longest manifest read, in bytes; real ones take 95 to 300 KiB. Decoding one
/// may take some twenty times its length in memory.
pub const MAX_MANIFEST_SIZE: u64 = 4 << 20;

/// Operation types that read the partition being replaced
/// (`InstallOperation.Type`): MOVE, BSDIFF, SOURCE_COPY, SOURCE_BSDIFF, PUFFDIFF,
/// BROTLI_BSDIFF, ZUCCHINI, LZ4DIFF_BSDIFF, LZ4DIFF_PUFFDIFF.
const SOURCE_OPERATIONS: [i32; 9] = [2, 3, 4, 5, 9, 10, 11, 12, 13];

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a payload.
    #[error("payload magic {found:?} at byte 0, expected \"CrAU\"")]
    BadMagic {
        /// What stands there instead.
        found: String,
    },
    /// A version no phone in the field uses.
    #[error("payload version {found} at byte 4, expected 2")]
    BadVersion {
        /// The version found.
        found: u64,
    },
    /// A manifest beyond the limit.
    #[error("payload manifest of {found} bytes at byte 12, at most {MAX_MANIFEST_SIZE} are read")]
    ManifestTooLarge {
        /// Declared size.
        found: u64,
    },
    /// The manifest is no protobuf message.
    #[error("payload manifest at byte 24")]
    BadManifest(#[source] prost::DecodeError),
    /// The bytes could not be read.
    #[error("payload header")]
    Read(#[from] ReadError),
}

impl Error {
    /// The class of the fault.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Error::BadMagic { .. } | Error::BadManifest(_) => Class::Corrupt,
            Error::BadVersion { .. } => Class::Unsupported,
            Error::ManifestTooLarge { .. } => Class::Limit,
            Error::Read(error) => error.class(),
        }
    }
}

/// Whether the payload can be applied only over the build it was made from.
///
/// Reads the 24-byte header and the manifest. Safe on untrusted input: at most
/// 4 MiB are read.
///
/// # Errors
/// Class `Corrupt`, `Unsupported`, `Limit`, `Truncated` or `Io`.
pub fn needs_source(payload: &dyn ReadAt) -> Result<bool, Error> {
    let mut header = [0; HEADER_LEN as usize];
    payload.read_exact_at(0, &mut header)?;
    let (magic, numbers) = header.split_at(4);
    if magic != MAGIC {
        return Err(Error::BadMagic {
            found: String::from_utf8_lossy(magic).into_owned(),
        });
    }
    let number = |at: usize| {
        let bytes = numbers[at..at + 8].try_into();
        u64::from_be_bytes(bytes.expect("eight bytes of a 20-byte header"))
    };
    let (version, manifest_size) = (number(0), number(8));
    if version != MAJOR_VERSION {
        return Err(Error::BadVersion { found: version });
    }
    if manifest_size > MAX_MANIFEST_SIZE {
        return Err(Error::ManifestTooLarge {
            found: manifest_size,
        });
    }
    if HEADER_LEN + manifest_size > payload.size() {
        return Err(Error::Read(ReadError::OutOfBounds {
            offset: HEADER_LEN,
            end: HEADER_LEN + manifest_size,
            size: payload.size(),
        }));
    }
    let mut manifest = vec![0; usize::try_from(manifest_size).expect("limited above")];
    payload.read_exact_at(HEADER_LEN, &mut manifest)?;
    let manifest = wire::Manifest::decode(&*manifest).map_err(Error::BadManifest)?;
    let reads_source = |partition: &wire::Partition| {
        partition.old_info.is_some()
            || partition
                .operations
                .iter()
                .any(|operation| SOURCE_OPERATIONS.contains(&operation.kind))
    };
    Ok(manifest.minor_version != 0 || manifest.partitions.iter().any(reads_source))
}

/// The messages of `update_metadata.proto`, as far as they are read.
mod wire {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Manifest {
        #[prost(uint32, tag = "12")]
        pub(super) minor_version: u32,
        #[prost(message, repeated, tag = "13")]
        pub(super) partitions: Vec<Partition>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Partition {
        #[prost(message, optional, tag = "6")]
        pub(super) old_info: Option<PartitionInfo>,
        #[prost(message, repeated, tag = "8")]
        pub(super) operations: Vec<Operation>,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(super) struct PartitionInfo {}

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(super) struct Operation {
        #[prost(int32, tag = "1")]
        pub(super) kind: i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::payload::{Partition, Payload};

    fn full() -> Payload {
        Payload::new().partition(Partition::new("system").replace(vec![7; 4096]))
    }

    #[test]
    fn full_payload_stands_alone() {
        assert!(!needs_source(&full().build()).unwrap());
    }

    #[test]
    fn each_sign_of_a_source_makes_a_delta() {
        assert!(needs_source(&full().minor_version(8).build()).unwrap());
        let old = Partition::new("vendor")
            .replace(vec![7; 4096])
            .old_info(4096, [1; 32]);
        assert!(needs_source(&full().partition(old).build()).unwrap());
        let copy = Partition::new("vendor").op(4, Vec::new(), &[(0, 1)]);
        assert!(needs_source(&full().partition(copy).build()).unwrap());
    }

    #[test]
    fn hostile_headers_have_their_classes() {
        let good = full().build();
        let with = |at: usize, bytes: &[u8]| {
            let mut bad = good.clone();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            needs_source(&bad).unwrap_err().class()
        };
        assert_eq!(with(0, b"PK"), Class::Corrupt);
        assert_eq!(with(4, &1u64.to_be_bytes()), Class::Unsupported);
        assert_eq!(with(12, &u64::MAX.to_be_bytes()), Class::Limit);
        assert_eq!(with(12, &(1u64 << 20).to_be_bytes()), Class::Truncated);
        assert_eq!(with(24, &[0xff; 16]), Class::Corrupt);
        assert_eq!(
            needs_source(&vec![0; 3]).unwrap_err().class(),
            Class::Truncated
        );
    }
}
