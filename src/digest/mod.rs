//! Size and digests of whole files, from one read of each.
//!
//! In: a path and the stamp it had when it was examined. Out: [`Digests`]. Memory
//! is one buffer a file, whatever its size. [`sidecar`] reads the digests that are
//! published beside files.

pub mod sidecar;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::class::Class;
use crate::io::Stamp;
pub(crate) use crate::package::signature::hex;

/// Bytes read at a time; larger buffers were measured to bring nothing.
const BUFFER_LEN: usize = 256 << 10;

/// The digests of one file, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// 32 digits.
    pub md5: String,
    /// 64 digits.
    pub sha256: String,
}

/// Why a file has no digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not the one that was examined.
    #[error("the file changed while it was read; is it still being written?")]
    Changed,
    /// The file ended before its own length.
    #[error("the file ends after {read} of {size} bytes")]
    Short {
        /// Bytes that could be read.
        read: u64,
        /// Bytes it should have.
        size: u64,
    },
    /// The system refused to read.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

impl Error {
    /// The class of the fault.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Error::Short { .. } => Class::Truncated,
            Error::Changed | Error::Io(_) => Class::Io,
        }
    }
}

/// Reads a file once and returns its digests.
///
/// `progress` is told the number of bytes after each read.
///
/// # Errors
/// [`Error::Changed`] if the file's stamp is not `expected` before or after the
/// read, [`Error::Short`] if it ends early.
pub fn digest_file(path: &Path, expected: Stamp, progress: &dyn Fn(u64)) -> Result<Digests, Error> {
    let mut file = File::open(path)?;
    let unchanged = |file: &File| -> Result<bool, Error> {
        // The path too: a file may have been renamed over the one being read.
        Ok(Stamp::of(&file.metadata()?) == expected
            && Stamp::of(&std::fs::metadata(path)?) == expected)
    };
    if !unchanged(&file)? {
        return Err(Error::Changed);
    }
    let (mut md5, mut sha256) = (Md5::new(), Sha256::new());
    let mut read = 0;
    read_all(&mut file, |bytes| {
        md5.update(bytes);
        sha256.update(bytes);
        read += bytes.len() as u64;
        progress(bytes.len() as u64);
        // A file that grows as fast as it is read would never end.
        match read > expected.size {
            true => Err(Error::Changed),
            false => Ok(()),
        }
    })?;
    if !unchanged(&file)? {
        return Err(Error::Changed);
    }
    if read != expected.size {
        return Err(Error::Short {
            read,
            size: expected.size,
        });
    }
    Ok(Digests {
        md5: hex(&md5.finalize()),
        sha256: hex(&sha256.finalize()),
    })
}

/// The SHA-1 of a file in lower-case hex, or `None` if the file is not the one of
/// this SHA-256.
///
/// Only other servers want it, so it is read for on its own and not with the rest.
///
/// # Errors
/// [`Error::Io`].
pub fn sha1_file(path: &Path, sha256: &str) -> Result<Option<String>, Error> {
    let mut file = File::open(path)?;
    let (mut sha1, mut found) = (Sha1::new(), Sha256::new());
    read_all(&mut file, |bytes| {
        sha1.update(bytes);
        found.update(bytes);
        Ok(())
    })?;
    Ok((hex(&found.finalize()) == sha256).then(|| hex(&sha1.finalize())))
}

/// Hands a file over piece by piece.
fn read_all(
    file: &mut File,
    mut take: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => take(&buffer[..len])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&std::fs::metadata(path).unwrap())
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let digests = digest_file(&path, stamp(&path), &|_| ()).unwrap();
        // RFC 1321, appendix A.5; FIPS 180-2, appendix B.1.
        assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            digests.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_sha1_is_that_of_the_standard_and_of_the_right_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let sha256 = digest_file(&path, stamp(&path), &|_| ()).unwrap().sha256;
        // FIPS 180-2, appendix A.1.
        assert_eq!(
            sha1_file(&path, &sha256).unwrap().unwrap(),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        std::fs::write(&path, "abd").unwrap();
        assert_eq!(sha1_file(&path, &sha256).unwrap(), None);
    }

    #[test]
    fn a_file_that_changes_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rom.zip");
        std::fs::write(&path, vec![7; 3 * BUFFER_LEN]).unwrap();
        let before = stamp(&path);
        // It grows while it is read.
        let grow = |_: u64| {
            let mut file = File::options().append(true).open(&path).unwrap();
            io::Write::write_all(&mut file, b"more").unwrap();
        };
        assert!(matches!(
            digest_file(&path, before, &grow),
            Err(Error::Changed)
        ));
        assert!(matches!(
            digest_file(&path, before, &|_| ()),
            Err(Error::Changed)
        ));
    }
}
