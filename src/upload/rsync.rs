//! Folders of this machine and of others, by rsync 3.1 or newer.
//!
//! Lists of paths are files with a NUL after each path. Each path begins with `./`, since rsync takes lines with `;` or
//! `#` at the beginning for comments. What would be done is read from its itemized changes (rsync(1), `--itemize-changes`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{Program, Runner, plain_folder};
use super::store::{Batch, Compared, Contents, SiteStore, Store};
use super::{Error, io_error};
use crate::files::read_file;
use crate::publish::writer::MAX_PUBLISHED_MANIFEST;

pub(super) const RSYNC: Program = Program {
    name: "rsync",
    hint: "install rsync 3.1 or newer, here and on the other machine, for example: apt install rsync",
};
/// Some files were not transferred (rsync(1), exit values).
const PARTIAL: i32 = 23;
/// Where rsync keeps what it has of a large file, next to it, so that it can continue.
const PARTIAL_FOLDER: &str = ".rsync-partial";

/// Options to print what would be done, and do nothing.
const TRIAL: [&str; 3] = ["--dry-run", "--8-bit-output", "--out-format=%i %n"];
/// Options to remove files that are listed and missing, and create nothing.
const REMOVE: [&str; 2] = ["--existing", "--delete-missing-args"];
/// Options to print the number of bytes so far.
const PROGRESS: [&str; 3] = ["--info=progress2", "--no-human-readable", "--outbuf=N"];

/// A folder that rsync copies to.
pub(super) struct Rsync {
    /// The folder for rsync, without a slash at its end.
    place: String,
    runner: Runner,
    permissions: &'static [&'static str],
}

/// A line about a file or folder that rsync would change.
struct Item {
    path: String,
    is_file: bool,
    /// It is not there, or something of another kind is.
    is_new: bool,
    /// Its bytes differ or, without `--checksum`, its length or date.
    is_sent: bool,
}

impl Rsync {
    /// Makes a store for a folder: a path with a slash in front of any colon, or that of another machine.
    pub(super) fn new(place: String, runner: Runner) -> Rsync {
        Rsync {
            place,
            runner,
            // Without `--perms`, existing folders keep their owner's permissions: the destination may be shared.
            permissions: &["--chmod=D755,F644"],
        }
    }

    /// Leaves permissions to the host.
    pub(super) fn without_permissions(self) -> Rsync {
        Rsync {
            permissions: &[],
            ..self
        }
    }

    /// Returns the folder, if it is on this machine.
    fn local(&self) -> Option<&Path> {
        let (before, _) = self.place.split_once(':').unwrap_or((&self.place, ""));
        let is_local = before.contains('/') || before.len() == self.place.len();
        is_local.then(|| Path::new(&self.place))
    }

    /// Returns the call that copies exactly these files from a folder.
    fn call(&self, paths: &[&str], from: &Path, options: &[&str]) -> Result<Command, Error> {
        let list = self.runner.list(paths, "./", "\0")?;
        let mut files_from = std::ffi::OsString::from("--files-from=");
        files_from.push(list);
        let mut command = Command::new(RSYNC.name);
        command
            .arg(files_from)
            .args(["--from0", "--copy-links"])
            .args(self.permissions)
            .args(options);
        // The slash at the end stands for what is in the folder.
        command
            .arg(plain_folder(from).join(""))
            .arg(format!("{}/", self.place));
        Ok(command)
    }

    /// Lists what rsync would do, without changing anything, and the folders that are in the places of files.
    fn trial(
        &self,
        paths: &[&str],
        from: &Path,
        options: &[&str],
    ) -> Result<(Vec<Item>, BTreeSet<String>), Error> {
        let what = format!("compare files with {}", self.place);
        let mut command = self.call(paths, from, &[&TRIAL, options].concat())?;
        let output = self.runner.output(RSYNC, &mut command)?;
        let lines = || output.bytes.split(|byte| *byte == b'\n');
        let full = b"cannot delete non-empty directory: ";
        let folders: BTreeSet<String> = lines()
            .filter_map(|line| Some(unescape(line.strip_prefix(full)?)))
            .collect();
        match output.status.code() {
            Some(0) => {}
            Some(PARTIAL) if !folders.is_empty() => {}
            _ => return Err(self.runner.failed(RSYNC, &what, &output)),
        }
        Ok((lines().filter_map(Item::parse).collect(), folders))
    }

    /// Returns what is in the places of these files or of their folders, and is of another kind.
    fn blocked(&self, paths: &[&str], from: &Path) -> Result<BTreeSet<String>, Error> {
        // Without what is missing, only things of another kind would be replaced by something new.
        let (items, folders) = self.trial(paths, from, &["--existing", "--size-only"])?;
        let of_other_kind = items
            .into_iter()
            .filter(|item| item.is_new)
            .map(|item| item.path);
        Ok(of_other_kind.chain(folders).collect())
    }

    /// Makes a folder that has the folders of these files and nothing else. rsync removes files that are missing there.
    fn folders_of(&self, paths: &[&str]) -> Result<PathBuf, Error> {
        let nothing = self.runner.empty_folder("nothing")?;
        let folders = paths
            .iter()
            .filter_map(|path| Some(path.rsplit_once('/')?.0));
        for folder in folders.collect::<BTreeSet<&str>>() {
            let folder = nothing.join(folder);
            std::fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        }
        Ok(nothing)
    }

    /// Finds the packages with other bytes among those whose length or date differs.
    fn other_bytes(&self, paths: &[&str], from: &Path) -> Result<BTreeSet<String>, Error> {
        if paths.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (items, _) = self.trial(paths, from, &["--checksum"])?;
        let sent = items
            .into_iter()
            .filter(|item| item.is_file && item.is_sent);
        Ok(sent.map(|item| item.path).collect())
    }
}

impl Store for Rsync {
    fn compare(&mut self, batch: &Batch<'_>) -> Result<Compared, Error> {
        let paths = batch.paths();
        let mut compared = Compared::default();
        if self.local().is_some_and(|folder| !folder.exists()) {
            compared.new = paths.into_iter().map(str::to_owned).collect();
            return Ok(compared);
        }
        let how = match batch.contents {
            Contents::Builds => "--times",
            Contents::Site => "--checksum",
        };
        let (items, folders) = self.trial(&paths, batch.from, &[how])?;
        if items.iter().any(|item| item.is_new) || !folders.is_empty() {
            compared.blocked = self.blocked(&paths, batch.from)?;
        }
        let packages = match batch.contents {
            Contents::Builds => batch
                .files
                .iter()
                .filter(|file| !file.is_sidecar())
                .collect(),
            Contents::Site => Vec::new(),
        };
        let packages: BTreeSet<&str> = packages.iter().map(|file| file.path.as_str()).collect();
        let mut doubtful = BTreeSet::new();
        for item in items.into_iter().filter(|item| item.is_file) {
            let list = match item.is_sent {
                _ if item.is_new => &mut compared.new,
                true if packages.contains(item.path.as_str()) => &mut doubtful,
                true => &mut compared.changed,
                false => &mut compared.dated,
            };
            list.insert(item.path);
        }
        let paths: Vec<&str> = doubtful.iter().map(String::as_str).collect();
        let others = self.other_bytes(&paths, batch.from)?;
        compared.dated.extend(doubtful.difference(&others).cloned());
        compared.changed.extend(others);
        Ok(compared)
    }

    fn copy(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        if let Some(folder) = self.local() {
            // rsync makes only the last of the folders on the way.
            std::fs::create_dir_all(folder).map_err(io_error(folder))?;
        }
        let partial = format!("--partial-dir={PARTIAL_FOLDER}");
        let options = match batch.contents {
            Contents::Builds => ["--times", &partial],
            // All files get their names at the end.
            Contents::Site => ["--checksum", "--delay-updates"],
        };
        let options = [&options[..], &PROGRESS].concat();
        let mut command = self.call(&batch.paths(), batch.from, &options)?;
        let observer = self.runner.observer.clone();
        let mut on_line = |line: &[u8]| {
            if let Some(num_bytes) = transferred(line) {
                observer.copied(num_bytes);
            }
        };
        let status = self
            .runner
            .run(RSYNC, &mut command, &mut on_line, &mut |line| {
                observer.said(line)
            })?;
        match status.success() {
            true => Ok(()),
            false => Err(RSYNC.failed(&format!("copy files to {}", self.place), status)),
        }
    }
}

impl SiteStore for Rsync {
    fn manifest(&mut self) -> Result<Vec<u8>, Error> {
        if self.local().is_some_and(|folder| !folder.exists()) {
            return Ok(Vec::new());
        }
        let folder = self.runner.empty_folder("published")?;
        let mut command = Command::new(RSYNC.name);
        command.args(["--ignore-missing-args", "--relative"]);
        command
            .arg(format!("{}/./.romfeed/manifest.json", self.place))
            .arg(folder.join(""));
        let output = self.runner.output(RSYNC, &mut command)?;
        if !output.status.success() {
            let what = format!(
                "read {}: check the address, and make the folder if it is missing",
                self.place
            );
            return Err(self.runner.failed(RSYNC, &what, &output));
        }
        let file = folder.join(".romfeed").join("manifest.json");
        let limit = u64::try_from(MAX_PUBLISHED_MANIFEST).unwrap_or(u64::MAX);
        match read_file(&file, limit) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(io_error(&file)),
        }
    }

    fn remove(&mut self, paths: &[&str]) -> Result<(), Error> {
        if self.local().is_some_and(|folder| !folder.exists()) {
            return Ok(());
        }
        let what = format!("remove files from {}", self.place);
        let folder = self.folders_of(paths)?;
        let mut command = self.call(paths, &folder, &[&TRIAL[..], &REMOVE].concat())?;
        let output = self.runner.output(RSYNC, &mut command)?;
        if !output.has_code(&[0, PARTIAL]) {
            return Err(self.runner.failed(RSYNC, &what, &output));
        }
        // Folders in the places of files are not romfeed's, and neither is what is below links and files in the places
        // of folders.
        let lines = output.bytes.split(|byte| *byte == b'\n');
        let removed = |line: &[u8]| Some(unescape(line.strip_prefix(b"*deleting   ")?));
        let found: BTreeSet<String> = lines.filter_map(removed).collect();
        let paths: Vec<&str> = paths
            .iter()
            .copied()
            .filter(|path| found.contains(*path))
            .collect();
        if paths.is_empty() {
            return Ok(());
        }
        let folder = self.folders_of(&paths)?;
        let mut command = self.call(&paths, &folder, &REMOVE)?;
        let observer = &self.runner.observer;
        let mut show = |line: &str| observer.said(line);
        let status = self
            .runner
            .run(RSYNC, &mut command, &mut |_| {}, &mut show)?;
        match status.success() {
            true => Ok(()),
            false => Err(RSYNC.failed(&what, status)),
        }
    }
}

impl Item {
    /// Parses a line of itemized changes: `YXcstpoguax`, a space and the path. None for other lines.
    fn parse(line: &[u8]) -> Option<Item> {
        let at = line.iter().position(|byte| *byte == b' ')?;
        let (flags, path) = (&line[..at], &line[at + 1..]);
        let [update, kind, attributes @ ..] = flags else {
            return None;
        };
        if !b"<>ch.".contains(update) || !b"fdLDS".contains(kind) || attributes.is_empty() {
            return None;
        }
        Some(Item {
            path: unescape(path).trim_end_matches('/').to_owned(),
            is_file: *kind == b'f',
            is_new: attributes.contains(&b'+'),
            is_sent: b"<>".contains(update),
        })
    }
}

/// Returns a path as it is: rsync prints some bytes, and `\#` in front of digits, as `\#` and three octal digits.
fn unescape(path: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.strip_prefix(b"#").and_then(|digits| digits.get(..3));
        let value =
            digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match value.filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[5..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the number of bytes in a line of `--info=progress2`.
fn transferred(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let (number, rest) = text.trim_start().split_once(' ')?;
    match rest.trim_start().contains('%') {
        true => number.replace([',', '.'], "").parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_from_the_lines_of_rsync() {
        let parse = |line: &str| {
            let item = Item::parse(line.as_bytes())?;
            Some((item.path, item.is_file, item.is_new, item.is_sent))
        };
        let path = "api/v1/x.json".to_owned();
        assert_eq!(
            parse("<f+++++++++ api/v1/x.json"),
            Some((path.clone(), true, true, true))
        );
        assert_eq!(
            parse(">fcsT...... api/v1/x.json"),
            Some((path.clone(), true, false, true))
        );
        assert_eq!(
            parse(".f...p..... api/v1/x.json"),
            Some((path, true, false, false))
        );
        assert_eq!(
            parse("cd+++++++++ a b/"),
            Some(("a b".to_owned(), false, true, false))
        );
        for line in [
            "",
            "created directory x",
            "*deleting   old/x",
            "sending list",
            ".f x",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn paths_are_unescaped() {
        for (printed, path) in [
            ("a b.zip", "a b.zip"),
            (r"we\ird#012", r"we\ird#012"),
            (r"new\#012line", "new\nline"),
            (r"\#134#012", r"\#012"),
            (r"\#01", r"\#01"),
            ("ü", "ü"),
        ] {
            assert_eq!(unescape(printed.as_bytes()), path);
        }
    }

    #[test]
    fn progress_is_read_from_the_lines_of_rsync() {
        let line = b"  1234567  45%    1.20MB/s    0:00:10 (xfr#1, to-chk=2/5)";
        assert_eq!(transferred(line), Some(1_234_567));
        assert_eq!(transferred(b"sending incremental file list"), None);
        assert_eq!(transferred(b"total size is 3"), None);
    }
}
