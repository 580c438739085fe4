//! Buckets of S3 and of services with the same interface, by the command line of AWS.
//!
//! Files are compared by MD5 with the ETag of the object (`ListObjectsV2`): that is its MD5 if it was sent in one part, as
//! files of up to 8 MB are. An object that was sent in more parts has the MD5 of the MD5s of its parts, and their number.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use serde::Serialize;

use super::files::Local;
use super::headers::{self, Headers};
use super::program::{Program, Runner};
use super::store::{Batch, Compared, Contents, SiteStore, Store};
use super::{Error, io_error};
use crate::files::read_file;
use crate::publish::writer::MAX_PUBLISHED_MANIFEST;

pub(super) const AWS: Program = Program {
    name: "aws",
    hint: "install the AWS command line (https://aws.amazon.com/cli/), then run: aws configure",
};
const MANIFEST: &str = ".romfeed/manifest.json";
/// The length of the parts in which `aws` sends large files, unless it is configured otherwise.
const PART: u64 = 8 << 20;
/// Most keys in one request of `DeleteObjects`.
const MAX_DELETED: usize = 1000;

/// A folder of a bucket.
pub(super) struct S3 {
    bucket: String,
    /// The beginning of all keys: empty, or with a slash at its end.
    prefix: String,
    runner: Runner,
}

/// An object in the bucket: its ETag, length and date.
type Object = (String, u64, String);

/// The file that `delete-objects` reads.
#[derive(Serialize)]
struct Deletion<'a> {
    #[serde(rename = "Objects")]
    objects: Vec<Key<'a>>,
    #[serde(rename = "Quiet")]
    quiet: bool,
}

#[derive(Serialize)]
struct Key<'a> {
    #[serde(rename = "Key")]
    key: &'a str,
}

impl S3 {
    /// Makes a store for a folder of a bucket; an empty one is all of it.
    pub(super) fn new(bucket: String, folder: &str, runner: Runner) -> S3 {
        let prefix = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        S3 {
            bucket,
            prefix,
            runner,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("s3://{}/{}{path}", self.bucket, self.prefix)
    }

    /// Lists all objects of the folder, by their paths below it.
    fn list(&self) -> Result<BTreeMap<String, Object>, Error> {
        let mut command = Command::new(AWS.name);
        command.args([
            "s3api",
            "list-objects-v2",
            "--output",
            "json",
            "--bucket",
            &self.bucket,
        ]);
        command.args(["--query", "Contents[].[Key, ETag, Size, LastModified]"]);
        // An empty value would be an option without one.
        if !self.prefix.is_empty() {
            command.args(["--prefix", &self.prefix]);
        }
        let output = self.runner.output(AWS, &mut command)?;
        if !output.status.success() {
            let what = format!("list {}", self.url(""));
            return Err(self.runner.failed(AWS, &what, &output));
        }
        let listed = match output.bytes.trim_ascii() {
            b"" => Ok(None),
            bytes => serde_json::from_slice(bytes),
        };
        let listed: Option<Vec<(String, String, u64, String)>> =
            listed.map_err(|error| AWS.answer(error))?;
        let objects = listed.unwrap_or_default().into_iter();
        Ok(objects
            .filter_map(|(key, etag, size, date)| {
                let path = key.strip_prefix(&self.prefix)?.to_owned();
                Some((path, (etag.trim_matches('"').to_owned(), size, date)))
            })
            .collect())
    }

    /// Copies files with the same headers, by a folder of links to them, which `aws` follows.
    fn copy_alike(&self, files: &[&Local], from: &Path, headers: &Headers) -> Result<(), Error> {
        let stage = self.runner.empty_folder("stage")?;
        let from = std::path::absolute(from).map_err(io_error(from))?;
        for file in files {
            let link = stage.join(&file.path);
            let folder = link.parent().unwrap_or(&stage);
            std::fs::create_dir_all(folder).map_err(io_error(folder))?;
            link_or_copy(&from.join(&file.path), &link).map_err(io_error(&link))?;
        }
        let mut command = Command::new(AWS.name);
        command.args(["s3", "cp", "--recursive", "--no-progress"]);
        command.args(["--cache-control", headers.cache_control()]);
        if let Some(content_type) = headers.content_type {
            command.args(["--content-type", content_type]);
        }
        command.arg(&stage).arg(self.url(""));
        let observer = &self.runner.observer;
        let lengths: BTreeMap<String, u64> = files
            .iter()
            .map(|file| {
                let len = from
                    .join(&file.path)
                    .metadata()
                    .map_or(0, |metadata| metadata.len());
                (self.url(&file.path), len)
            })
            .collect();
        let mut num_bytes = 0;
        // `upload: FILE to s3://BUCKET/KEY` once a file is there.
        let mut on_line = |line: &[u8]| {
            let line = String::from_utf8_lossy(line);
            if let Some((_, url)) = line.rsplit_once(" to s3://") {
                num_bytes += lengths
                    .get(&format!("s3://{url}"))
                    .copied()
                    .unwrap_or_default();
                observer.copied(num_bytes);
            }
        };
        let mut show = |line: &str| observer.said(line);
        let status = self
            .runner
            .run(AWS, &mut command, &mut on_line, &mut show)?;
        match status.success() {
            true => Ok(()),
            false => Err(AWS.failed(&format!("copy files to {}", self.url("")), status)),
        }
    }
}

impl Store for S3 {
    fn compare(&mut self, batch: &Batch<'_>) -> Result<Compared, Error> {
        let there = self.list()?;
        let mut compared = Compared::default();
        for file in batch.files {
            let local = batch.from.join(&file.path);
            let Some((etag, size, date)) = there.get(&file.path) else {
                compared.new.insert(file.path.clone());
                continue;
            };
            let metadata = local.metadata().map_err(io_error(&local))?;
            let is_package = batch.contents == Contents::Builds && !file.is_sidecar();
            let is_untouched = || {
                let modified = metadata.modified().map_err(io_error(&local))?;
                Ok::<bool, Error>(is_package && is_before(modified, date))
            };
            let is_same = metadata.len() == *size
                && (is_untouched()? || etag_of(&local, etag).map_err(io_error(&local))? == *etag);
            if !is_same {
                compared.changed.insert(file.path.clone());
            }
        }
        Ok(compared)
    }

    fn copy(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        for (headers, files) in headers::groups(batch) {
            self.copy_alike(&files, batch.from, &headers)?;
        }
        Ok(())
    }
}

impl SiteStore for S3 {
    fn manifest(&mut self) -> Result<Vec<u8>, Error> {
        if !self.list()?.contains_key(MANIFEST) {
            return Ok(Vec::new());
        }
        let file = self.runner.empty_folder("published")?.join("manifest.json");
        let mut command = Command::new(AWS.name);
        command
            .args(["s3", "cp", "--quiet", &self.url(MANIFEST)])
            .arg(&file);
        let output = self.runner.output(AWS, &mut command)?;
        if !output.status.success() {
            let what = format!("read {}", self.url(MANIFEST));
            return Err(self.runner.failed(AWS, &what, &output));
        }
        let limit = u64::try_from(MAX_PUBLISHED_MANIFEST).unwrap_or(u64::MAX);
        read_file(&file, limit).map_err(io_error(&file))
    }

    fn remove(&mut self, paths: &[&str]) -> Result<(), Error> {
        let what = format!("remove files from {}", self.url(""));
        for paths in paths.chunks(MAX_DELETED) {
            let keys: Vec<String> = paths
                .iter()
                .map(|path| format!("{}{path}", self.prefix))
                .collect();
            let deletion = Deletion {
                objects: keys.iter().map(|key| Key { key }).collect(),
                quiet: true,
            };
            let file = self.runner.temporary("delete.json");
            let json = serde_json::to_vec(&deletion).map_err(|error| AWS.answer(error))?;
            std::fs::write(&file, json).map_err(io_error(&file))?;
            let mut argument = std::ffi::OsString::from("file://");
            argument.push(&file);
            let mut command = Command::new(AWS.name);
            command.args([
                "s3api",
                "delete-objects",
                "--output",
                "json",
                "--bucket",
                &self.bucket,
            ]);
            command
                .args(["--query", "Errors[].[Key, Message]", "--delete"])
                .arg(argument);
            let output = self.runner.output(AWS, &mut command)?;
            let has_errors = !matches!(output.bytes.trim_ascii(), b"" | b"null" | b"[]");
            if !output.status.success() || has_errors {
                self.runner
                    .observer
                    .said(&String::from_utf8_lossy(&output.bytes));
                return Err(self.runner.failed(AWS, &what, &output));
            }
        }
        Ok(())
    }
}

/// Returns whether a file was changed last before the date of an object: then it was not changed since it was uploaded.
fn is_before(modified: SystemTime, date: &str) -> bool {
    DateTime::parse_from_rfc3339(date).is_ok_and(|date| DateTime::<Utc>::from(modified) <= date)
}

/// Returns the ETag that a file would have if it was sent in as many parts as the object with another ETag.
fn etag_of(file: &Path, other: &str) -> io::Result<String> {
    let mut file = File::open(file)?;
    let hex = |digest: &[u8]| base16ct::lower::encode_string(digest);
    let Some((_, num_parts)) = other.rsplit_once('-') else {
        let mut md5 = Writer(Md5::new());
        io::copy(&mut file, &mut md5)?;
        return Ok(hex(&md5.0.finalize()));
    };
    let mut parts = Vec::new();
    let mut count = 0_u64;
    loop {
        let mut md5 = Writer(Md5::new());
        let read = io::copy(&mut (&mut file).take(PART), &mut md5)?;
        if read == 0 {
            break;
        }
        parts.extend(md5.0.finalize());
        count += 1;
    }
    match count.to_string() == num_parts {
        true => Ok(format!("{}-{count}", hex(&Md5::digest(&parts)))),
        false => Ok(String::new()),
    }
}

/// Hashes what is written to it.
struct Writer(Md5);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn link_or_copy(file: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(file, link)
}

#[cfg(not(unix))]
fn link_or_copy(file: &Path, link: &Path) -> io::Result<()> {
    std::fs::copy(file, link).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_of_one_and_of_several_parts_are_computed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "hello").unwrap();
        let whole = "5d41402abc4b2a76b9719d911017c592";
        assert_eq!(etag_of(&file, whole).unwrap(), whole);
        // The MD5 of the MD5.
        let part = "62109206880d38a4010a98e11243924a-1";
        assert_eq!(etag_of(&file, part).unwrap(), part);
        assert_eq!(etag_of(&file, "x-2").unwrap(), "");
    }

    #[test]
    fn a_file_that_is_older_than_the_object_was_not_changed_since() {
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        assert!(is_before(at(1_700_000_000), "2024-01-01T00:00:00+00:00"));
        assert!(is_before(at(1_700_000_000), "2024-01-01T00:00:00Z"));
        assert!(!is_before(at(1_800_000_000), "2024-01-01T00:00:00.000Z"));
        assert!(!is_before(at(0), "yesterday"));
    }
}
