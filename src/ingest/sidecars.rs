//! Files next to a zip: checksum files, `<zip>.prop` and `<zip>.csig`.
//!
//! In: a folder and the path of a zip in it. Out: the contents of its sidecar files, and the result of checking its
//! digests. Images, changelogs and manifests are read by `generate`.

use std::path::Path;

use digest_lanes::checksum_file::{self, is_hex};

use super::Error;
use super::digests::Digests;
use crate::model::build::Csig;
use crate::source::{Folder, LocalFolder, split};

/// Longest `.csig` file read, in bytes; such a file has one certificate and a short list of ranges.
pub(super) const MAX_CSIG_SIZE: u64 = 1 << 20;

/// Checks the digests of a file on this machine against the checksum files next to it.
///
/// A checksum file that cannot be read or parsed is a warning.
///
/// # Errors
/// [`Error::HashMismatch`].
pub fn verify(file: &Path, digests: &Digests, warnings: &mut Vec<String>) -> Result<(), Error> {
    let Some((folder, path)) = LocalFolder::of_file(file) else {
        return Ok(());
    };
    for (algorithm, found) in [("sha256", &digests.sha256), ("md5", &digests.md5)] {
        match stated(&folder, path, algorithm, found.len(), warnings) {
            Some(stated) if stated.digest != *found => {
                return Err(Error::HashMismatch {
                    algorithm,
                    file: stated.place,
                    expected: stated.digest,
                    found: found.clone(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// A digest that a checksum file has for a package.
pub struct Stated {
    /// In lower-case hex.
    pub digest: String,
    /// The name of the checksum file, escaped for display.
    pub place: String,
}

/// Reads a digest from the checksum file next to a package; `algorithm` is `sha256` or `md5`, `len` the number
/// of its hex digits.
///
/// A checksum file that cannot be read or parsed is a warning.
pub fn stated(
    folder: &dyn Folder,
    path: &str,
    algorithm: &str,
    len: usize,
    warnings: &mut Vec<String>,
) -> Option<Stated> {
    let suffix = format!(".{algorithm}sum");
    let bytes = read(folder, path, &suffix, checksum_file::MAX_SIZE, warnings)?;
    let filename = split(path).1;
    let place = format!("{}{suffix}", filename.escape_debug());
    let digest = checksum_file::parse(&String::from_utf8_lossy(&bytes), filename, len);
    if digest.is_none() {
        warnings.push(format!(
            "{place} has no {algorithm} of the package; not checked"
        ));
    }
    Some(Stated {
        digest: digest?,
        place,
    })
}

/// Reads a small file next to a package. Its absence is normal; any other error is a warning.
pub(super) fn read(
    folder: &dyn Folder,
    path: &str,
    suffix: &str,
    limit: u64,
    warnings: &mut Vec<String>,
) -> Option<Vec<u8>> {
    let path = format!("{path}{suffix}");
    let name = split(&path).1.escape_debug();
    match folder.read(&path, limit) {
        Ok(bytes) if bytes.len() as u64 <= limit => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Ok(_) => {
            warnings.push(format!("{name} is longer than {limit} bytes; ignored"));
            None
        }
        Err(error) => {
            warnings.push(format!("{name} cannot be read: {error}"));
            None
        }
    }
}

/// Parses Custota's signature file: JSON inside a CMS structure, in one piece.
/// Source: chenxiaolong/Custota, `custota-tool`, version 2.
pub(super) fn parse_csig(bytes: &[u8]) -> Csig {
    #[derive(serde::Deserialize)]
    struct Content {
        version: u32,
        vbmeta_digest: Option<String>,
    }
    // The structure around it is short, so few braces are tried.
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'{');
    let parse = |(start, _): (usize, &u8)| {
        let mut contents = serde_json::Deserializer::from_slice(&bytes[start..]).into_iter();
        contents.next()?.ok().filter(|c: &Content| c.version >= 1)
    };
    let content = starts.take(64).find_map(parse);
    let digest = content.and_then(|content| content.vbmeta_digest);
    Csig {
        vbmeta_digest: digest.filter(|digest| is_hex(digest, 64)),
    }
}
