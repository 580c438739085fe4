//! Computes the digests that feeds contain.

use std::path::Path;

use digest_lanes::{Algorithm, Error, Options, Source, Stamp, digest_files};

use crate::model::config::Config;

/// The digests of one file, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// 32 digits.
    pub md5: String,
    /// 64 digits.
    pub sha256: String,
}

/// Returns the number of threads and the reading speed that the settings allow.
#[must_use]
pub fn options(config: &Config) -> Options {
    Options {
        threads: config.jobs,
        bytes_per_second: config.io_limit,
    }
}

/// Reads one file once and returns the digests that feeds contain.
///
/// # Errors
/// As for [`digest_files`].
pub fn digest_file(path: &Path, stamp: Stamp, options: &Options) -> Result<Digests, Error> {
    let [md5, sha256] = digest_one(path, stamp, FEEDS, options)?;
    Ok(Digests { md5, sha256 })
}

/// The algorithms of the digests that feeds contain.
pub const FEEDS: [Algorithm; 2] = [Algorithm::Md5, Algorithm::Sha256];

impl Digests {
    /// Takes the digests that [`digest_files`] returns for [`FEEDS`].
    ///
    /// # Panics
    /// If there are not exactly two.
    #[must_use]
    pub fn from_feeds(digests: &[String]) -> Digests {
        let [md5, sha256] = digests else {
            panic!("as many digests as algorithms");
        };
        Digests {
            md5: md5.clone(),
            sha256: sha256.clone(),
        }
    }
}

/// Returns the SHA-1 of a file in lower-case hex, or `None` if its SHA-256 is not the given one.
///
/// # Errors
/// As for [`digest_files`].
pub fn sha1_file(path: &Path, sha256: &str, options: &Options) -> Result<Option<String>, Error> {
    let stamp = Stamp::of(&std::fs::metadata(path)?);
    let wanted = [Algorithm::Sha1, Algorithm::Sha256];
    let [sha1, found] = digest_one(path, stamp, wanted, options)?;
    Ok((found == sha256).then_some(sha1))
}

fn digest_one<const N: usize>(
    path: &Path,
    stamp: Stamp,
    algorithms: [Algorithm; N],
    options: &Options,
) -> Result<[String; N], Error> {
    let mut results = digest_files(&[Source { path, stamp }], &algorithms, options, &());
    let digests = results.pop().expect("one file, one result")?;
    Ok(digests.try_into().expect("as many digests as algorithms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_THREADS: Options = Options {
        threads: 2,
        bytes_per_second: None,
    };

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&std::fs::metadata(path).unwrap())
    }

    #[test]
    fn digests_match_test_vectors_of_the_standards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let digests = digest_file(&path, stamp(&path), &TWO_THREADS).unwrap();
        // RFC 1321, appendix A.5; FIPS 180-2, appendix B.1.
        assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            digests.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn sha1_matches_the_standard_and_requires_the_right_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let digests = digest_file(&path, stamp(&path), &TWO_THREADS).unwrap();
        let sha1 = |path: &Path| sha1_file(path, &digests.sha256, &TWO_THREADS).unwrap();
        // FIPS 180-2, appendix A.1.
        assert_eq!(
            sha1(&path).unwrap(),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        std::fs::write(&path, "abd").unwrap();
        assert_eq!(sha1(&path), None);
    }
}
