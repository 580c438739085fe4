//! Files next to a zip: checksum files, `<zip>.prop` and `<zip>.csig`.
//!
//! In: the path of a zip. Out: the contents of its sidecar files, and the result of checking its
//! digests. Images, changelogs and manifests are read by `generate`.

use std::path::{Path, PathBuf};

use digest_lanes::checksum_file::{self, is_hex};

use super::Error;
use super::digests::Digests;
use crate::files::{open_regular, read_head};
use crate::model::build::Csig;

/// Longest `.csig` file read, in bytes; such a file has one certificate and a short list of ranges.
pub(super) const MAX_CSIG_SIZE: u64 = 1 << 20;

/// Checks the digests of a file against the checksum files next to it.
///
/// A checksum file that cannot be read or parsed is a warning.
///
/// # Errors
/// [`Error::HashMismatch`].
pub fn verify(file: &Path, digests: &Digests, warnings: &mut Vec<String>) -> Result<(), Error> {
    let filename = file.file_name().unwrap_or_default().to_string_lossy();
    for (algorithm, found) in [("sha256", &digests.sha256), ("md5", &digests.md5)] {
        let sidecar = with_suffix(file, &format!(".{algorithm}sum"));
        let Some(bytes) = read(&sidecar, checksum_file::MAX_SIZE, warnings) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let sidecar = format!("{}.{algorithm}sum", filename.escape_debug());
        match checksum_file::parse(&text, &filename, found.len()) {
            None => warnings.push(format!(
                "{sidecar} has no {algorithm} of the package; not checked"
            )),
            Some(expected) if expected != *found => {
                return Err(Error::HashMismatch {
                    algorithm,
                    file: sidecar,
                    expected,
                    found: found.clone(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

pub(super) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Reads a small file next to a package. Its absence is normal; any other error is a warning.
pub(super) fn read(file: &Path, limit: u64, warnings: &mut Vec<String>) -> Option<Vec<u8>> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let bytes = open_regular(file).and_then(|file| read_head(file, limit));
    match bytes {
        Ok(bytes) if bytes.len() as u64 <= limit => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Ok(_) => {
            warnings.push(format!(
                "{} is longer than {limit} bytes; ignored",
                name.escape_debug()
            ));
            None
        }
        Err(error) => {
            warnings.push(format!("{} cannot be read: {error}", name.escape_debug()));
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
