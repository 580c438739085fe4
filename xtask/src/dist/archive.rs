//! Reproducible archives: the bytes depend only on the files; entries are sorted, with one time and
//! no owner.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write},
};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

use crate::tools::Result;

/// A file of an archive.
#[derive(Clone)]
pub(crate) struct File {
    bytes: Vec<u8>,
    mode: u32,
}

impl File {
    pub(crate) fn program(bytes: Vec<u8>) -> Self {
        Self { bytes, mode: 0o755 }
    }

    pub(crate) fn text(bytes: Vec<u8>) -> Self {
        Self { bytes, mode: 0o644 }
    }
}

/// Packs files into a folder with this name; `time` is in seconds since 1970.
pub(crate) fn tar_gz(folder: &str, files: &BTreeMap<String, File>, time: u64) -> Result<Vec<u8>> {
    let gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (path, file) in files {
        let mut header = tar::Header::new_ustar();
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(u64::try_from(file.bytes.len())?);
        header.set_mode(file.mode);
        header.set_mtime(time);
        archive.append_data(&mut header, format!("{folder}/{path}"), &file.bytes[..])?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// Packs files into a folder with this name. They are dated to the first day that zip can express,
/// because zip times have no time zone.
pub(crate) fn zip(folder: &str, files: &BTreeMap<String, File>) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, file) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .system(System::Unix)
            .unix_permissions(file.mode);
        archive.start_file(format!("{folder}/{path}"), options)?;
        archive.write_all(&file.bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Returns the SHA-256 of bytes, in lower-case digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, File> {
        BTreeMap::from([
            ("romfeed".to_owned(), File::program(b"\x7fELF".to_vec())),
            ("man/romfeed.1".to_owned(), File::text(b".TH".to_vec())),
        ])
    }

    #[test]
    fn files_of_a_tarball_are_sorted_and_have_no_owner() {
        let bytes = tar_gz("romfeed-1", &files(), 1_700_000_000).unwrap();
        let gzip = flate2::read::GzDecoder::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in tar::Archive::new(gzip).entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.uid().unwrap() + header.gid().unwrap(), 0);
            assert_eq!(header.mtime().unwrap(), 1_700_000_000);
            let path = entry.path().unwrap().display().to_string();
            seen.push((path, header.mode().unwrap()));
        }
        assert_eq!(
            seen,
            [
                ("romfeed-1/man/romfeed.1".to_owned(), 0o644),
                ("romfeed-1/romfeed".to_owned(), 0o755),
            ]
        );
    }

    #[test]
    fn a_zip_reads_back_and_has_a_fixed_time() {
        let bytes = zip("romfeed-1", &files()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let file = archive.by_name("romfeed-1/romfeed").unwrap();
        assert_eq!(file.last_modified(), Some(DateTime::default()));
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
    }

    #[test]
    fn digests_are_those_of_sha256sum() {
        assert_eq!(
            sha256(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
