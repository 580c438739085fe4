//! Storage services, SFTP, FTP and WebDAV by rclone 1.60 or newer.
//!
//! Files are compared by `rclone check`: by digests where the service has them and otherwise, for the small files of the
//! site, by their bytes. Packages of the same length and date are not read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::headers::{self, Headers};
use super::program::{Program, Runner, plain_folder};
use super::store::{Batch, Compared, Contents, SiteStore, Store};
use super::{Error, io_error};

pub(super) const RCLONE: Program = Program {
    name: "rclone",
    hint: "install rclone 1.60 or newer (https://rclone.org/install/), and set up the remote: rclone config",
};
/// The exit codes for folders and files that do not exist (rclone docs, "Exit code").
const MISSING: [i32; 2] = [3, 4];
/// The exit code of `rclone check` for differences, and of all commands for other errors.
const DIFFERENT: i32 = 1;
/// Dates that differ less are the same: many services store whole seconds.
const SAME_DATE: Duration = Duration::from_secs(2);
/// From this precision on, a service has no dates of its own (rclone's `ModTimeNotSupported` is a hundred years).
const NO_DATES: Duration = Duration::from_secs(365 * 86_400);

/// A folder of a remote of rclone.
pub(super) struct Rclone {
    /// The remote and the folder, for example `b2:bucket/ota`.
    place: String,
    runner: Runner,
    features: Option<Features>,
}

/// What a remote can do; a part of the output of `rclone backend features`.
#[derive(Clone, Deserialize)]
struct Features {
    #[serde(rename = "Root")]
    root: String,
    /// The precision of dates, in nanoseconds.
    #[serde(rename = "Precision")]
    precision: u64,
    /// The digests that the service has.
    #[serde(rename = "Hashes", default)]
    hashes: Option<Vec<String>>,
    #[serde(rename = "Features", default)]
    flags: Flags,
}

#[derive(Clone, Default, Deserialize)]
struct Flags {
    #[serde(rename = "IsLocal", default)]
    is_local: bool,
}

/// A file in the output of `rclone lsjson`.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Path")]
    path: String,
    #[serde(rename = "Size")]
    size: i64,
    #[serde(rename = "ModTime")]
    date: String,
}

/// A line of the log of rclone.
#[derive(Deserialize)]
struct LogLine {
    #[serde(default)]
    level: String,
    #[serde(default)]
    msg: String,
    stats: Option<Stats>,
}

#[derive(Deserialize)]
struct Stats {
    bytes: u64,
}

impl Rclone {
    /// Makes a store for a folder of a remote.
    pub(super) fn new(place: String, runner: Runner) -> Rclone {
        Rclone {
            place,
            runner,
            features: None,
        }
    }

    /// Returns the place of a file or folder.
    fn at(&self, path: &str) -> String {
        match self.place.ends_with([':', '/']) {
            true => format!("{}{path}", self.place),
            false => format!("{}/{path}", self.place),
        }
    }

    fn features(&mut self) -> Result<Features, Error> {
        if let Some(features) = &self.features {
            return Ok(features.clone());
        }
        let mut command = Command::new(RCLONE.name);
        command.args(["backend", "features", &self.place]);
        let output = self.runner.output(RCLONE, &mut command)?;
        if !output.status.success() {
            let what = format!("use {}", self.place);
            return Err(self.runner.failed(RCLONE, &what, &output));
        }
        let features = serde_json::from_slice(&output.bytes);
        let features: Features = features.map_err(|error| RCLONE.answer(error))?;
        self.features = Some(features.clone());
        Ok(features)
    }

    /// Compares files by what is in them, or by their length alone if the service has no digests and `download` is not
    /// set. Returns the files that are missing, and those that differ.
    fn check(
        &mut self,
        paths: &[&str],
        from: &Path,
        download: bool,
    ) -> Result<[BTreeSet<String>; 2], Error> {
        let mut lists = [BTreeSet::new(), BTreeSet::new()];
        if paths.is_empty() {
            return Ok(lists);
        }
        let mut command = self.call("check", paths)?;
        command.args(["--one-way", "--combined", "-"]);
        if download
            && self
                .features()?
                .hashes
                .is_none_or(|hashes| hashes.is_empty())
        {
            command.arg("--download");
        }
        command.arg(plain_folder(from)).arg(&self.place);
        let what = format!("compare files with {}", self.place);
        // It prints an error for each difference.
        let output = self.runner.output(RCLONE, &mut command)?;
        let wanted: BTreeSet<&str> = paths.iter().copied().collect();
        let mut num_found = 0;
        for line in String::from_utf8_lossy(&output.bytes).lines() {
            let Some((mark, path)) = line
                .split_once(' ')
                .filter(|(_, path)| wanted.contains(path))
            else {
                continue;
            };
            let list = match mark {
                "=" => None,
                "+" => Some(0),
                "*" => Some(1),
                _ => continue,
            };
            num_found += 1;
            if let Some(list) = list {
                lists[list].insert(path.to_owned());
            }
        }
        let is_complete = num_found == wanted.len();
        if !is_complete || !output.has_code(&[0, DIFFERENT]) {
            return Err(self.runner.failed(RCLONE, &what, &output));
        }
        Ok(lists)
    }

    /// Compares packages and the files next to them.
    fn compare_builds(&mut self, batch: &Batch<'_>) -> Result<Compared, Error> {
        let there = self.list(&batch.paths())?;
        let has_dates = Duration::from_nanos(self.features()?.precision) < NO_DATES;
        let mut compared = Compared::default();
        let mut doubtful = Vec::new();
        for file in batch.files {
            let metadata = batch.from.join(&file.path).metadata();
            let metadata = metadata.map_err(io_error(&batch.from.join(&file.path)))?;
            let date = metadata
                .modified()
                .map_err(io_error(&batch.from.join(&file.path)))?;
            match there.get(&file.path) {
                None => {
                    compared.new.insert(file.path.clone());
                }
                Some(listed) if u64::try_from(listed.size) != Ok(metadata.len()) => {
                    compared.changed.insert(file.path.clone());
                }
                Some(listed)
                    if !file.is_sidecar() && is_same_date(&listed.date, date, has_dates) => {}
                Some(_) => doubtful.push(file.path.as_str()),
            }
        }
        let [missing, different] = self.check(&doubtful, batch.from, false)?;
        // Packages with the same bytes and another date stay: rclone refuses to correct dates of what must not change.
        compared.changed.extend(different);
        compared.new.extend(missing);
        Ok(compared)
    }

    /// Lists those of these files that are at the destination.
    fn list(&self, paths: &[&str]) -> Result<BTreeMap<String, Listed>, Error> {
        let mut command = self.call("lsjson", paths)?;
        command.args(["--recursive", "--files-only", "--no-mimetype", &self.place]);
        let output = self.runner.output(RCLONE, &mut command)?;
        if output.has_code(&MISSING) {
            return Ok(BTreeMap::new());
        }
        if !output.status.success() {
            let what = format!("list {}", self.place);
            return Err(self.runner.failed(RCLONE, &what, &output));
        }
        let listed = serde_json::from_slice(&output.bytes);
        let listed: Vec<Listed> = listed.map_err(|error| RCLONE.answer(error))?;
        Ok(listed
            .into_iter()
            .map(|file| (file.path.clone(), file))
            .collect())
    }

    /// Returns a call for exactly these files.
    fn call(&self, verb: &str, paths: &[&str]) -> Result<Command, Error> {
        let list = self.runner.list(paths, "", "\n")?;
        let mut command = Command::new(RCLONE.name);
        command.arg(verb).arg("--files-from-raw").arg(list);
        Ok(command)
    }

    /// Copies files with the same headers.
    fn copy_alike(
        &self,
        paths: &[&str],
        batch: &Batch<'_>,
        headers: &Headers,
        before: u64,
    ) -> Result<(), Error> {
        let mut command = self.call("copy", paths)?;
        for line in headers.lines() {
            command.args(["--header-upload", &line]);
        }
        // What is in the list differs; a service without digests could take a file of the same length for the same.
        command.arg(match headers.is_immutable {
            true => "--immutable",
            false => "--ignore-times",
        });
        command.args([
            "--use-json-log",
            "--stats",
            "500ms",
            "--stats-log-level",
            "NOTICE",
        ]);
        command.arg(plain_folder(batch.from)).arg(&self.place);
        let observer = self.runner.observer.clone();
        let mut on_message = |line: &str| match serde_json::from_str::<LogLine>(line) {
            Ok(LogLine {
                stats: Some(stats), ..
            }) => observer.copied(before + stats.bytes),
            Ok(line) if ["error", "critical"].contains(&line.level.as_str()) => {
                observer.said(&line.msg)
            }
            Ok(_) => {}
            Err(_) => observer.said(line),
        };
        let status = self
            .runner
            .run(RCLONE, &mut command, &mut |_| {}, &mut on_message)?;
        match status.success() {
            true => Ok(()),
            false => Err(RCLONE.failed(&format!("copy files to {}", self.place), status)),
        }
    }
}

impl Store for Rclone {
    fn compare(&mut self, batch: &Batch<'_>) -> Result<Compared, Error> {
        let features = self.features()?;
        let mut compared = match batch.contents {
            Contents::Builds => self.compare_builds(batch)?,
            Contents::Site => {
                let [new, changed] = self.check(&batch.paths(), batch.from, true)?;
                Compared {
                    new,
                    changed,
                    ..Compared::default()
                }
            }
        };
        if features.flags.is_local {
            compared.blocked = blocked(Path::new(&features.root), &batch.paths());
        }
        Ok(compared)
    }

    fn copy(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let features = self.features()?;
        // rclone would follow the links.
        if features.flags.is_local {
            let blocked = blocked(Path::new(&features.root), &batch.paths());
            if !blocked.is_empty() {
                return Err(Error::Blocked(blocked.into_iter().collect()));
            }
        }
        let mut before = 0;
        for (headers, files) in headers::groups(batch) {
            let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            self.copy_alike(&paths, batch, &headers, before)?;
            let files = Batch {
                files: &files,
                ..*batch
            };
            before += files.num_bytes();
        }
        Ok(())
    }
}

impl SiteStore for Rclone {
    fn manifest(&mut self) -> Result<Vec<u8>, Error> {
        let mut command = Command::new(RCLONE.name);
        command.args(["cat", &self.at(".romfeed/manifest.json")]);
        let output = self.runner.output(RCLONE, &mut command)?;
        match output.status.success() {
            true => Ok(output.bytes),
            false if output.has_code(&MISSING) => Ok(Vec::new()),
            false => Err(self
                .runner
                .failed(RCLONE, &format!("read {}", self.place), &output)),
        }
    }

    fn remove(&mut self, paths: &[&str]) -> Result<(), Error> {
        let mut paths = paths.to_vec();
        let features = self.features()?;
        if features.flags.is_local {
            let root = PathBuf::from(features.root);
            paths.retain(|path| blocked(&root, &[path]).is_empty());
        }
        // With an empty list, rclone would not select files at all.
        if paths.is_empty() {
            return Ok(());
        }
        let mut command = self.call("delete", &paths)?;
        command.arg(&self.place);
        let output = self.runner.output(RCLONE, &mut command)?;
        match output.has_code(&[0]) || output.has_code(&MISSING) {
            true => Ok(()),
            false => {
                let what = format!("remove files from {}", self.place);
                Err(self.runner.failed(RCLONE, &what, &output))
            }
        }
    }
}

/// Returns whether a package was not changed since it was uploaded. A service without dates has the date of the upload.
fn is_same_date(there: &str, here: SystemTime, has_dates: bool) -> bool {
    let Ok(there) = DateTime::parse_from_rfc3339(there) else {
        return false;
    };
    let here = DateTime::<Utc>::from(here);
    let age = there.with_timezone(&Utc) - here;
    match has_dates {
        true => age
            .abs()
            .to_std()
            .is_ok_and(|difference| difference < SAME_DATE),
        false => age >= chrono::Duration::zero(),
    }
}

/// Returns the links and files in the places of folders of these files, and the links and folders in the places of the
/// files, in a folder of this machine.
fn blocked(root: &Path, paths: &[&str]) -> BTreeSet<String> {
    let mut blocked = BTreeSet::new();
    for path in paths {
        let folders = path.match_indices('/').map(|(at, _)| (&path[..at], true));
        for (part, is_folder) in folders.chain([(*path, false)]) {
            let Ok(metadata) = root.join(part).symlink_metadata() else {
                break;
            };
            if metadata.is_symlink() || metadata.is_dir() != is_folder {
                blocked.insert(part.to_owned());
                break;
            }
        }
    }
    blocked
}
