//! Generic packages of GitLab, by curl.
//!
//! The address of a file is that of the upload, too. Files with other addresses are on other hosts; they are left
//! alone, and the check of the zips asks for them. Anyone may read the packages of a public project, so the token is
//! sent only with uploads, and through a pipe: other users of the machine see command lines.

use std::path::Path;
use std::process::Command;

use super::files::Local;
use super::program::{Output, Program, Runner};
use super::store::{Batch, Compared, Store};
use super::{Error, io_error};

pub(super) const CURL: Program = Program {
    name: "curl",
    hint: "install curl, for example: apt install curl",
};
/// Longest file that is compared byte by byte; larger ones are compared by their lengths. Digests and signatures of one
/// kind all have the same length.
const MAX_COMPARED: u64 = 64 << 10;

/// The packages of a project.
pub(super) struct GitLab {
    /// The address that all of them begin with.
    packages: String,
    token: String,
    runner: Runner,
}

impl GitLab {
    /// Makes a store for the packages of a project, `GROUP/PROJECT`, on a host.
    pub(super) fn new(host: &str, project: &str, token: String, runner: Runner) -> GitLab {
        GitLab {
            packages: packages(host, project),
            token,
            runner,
        }
    }

    /// Returns the address of a file if it is among the packages.
    fn url<'a>(&self, file: &'a Local) -> Option<&'a str> {
        let url = file.url.as_deref()?;
        let (begin, rest) = url.split_at_checked(self.packages.len())?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        let is_name = |part: &str| !["", ".", ".."].contains(&part);
        let is_own = begin.eq_ignore_ascii_case(&self.packages);
        let is_plain = rest.chars().all(is_plain) && rest.split('/').all(is_name);
        (is_own && is_plain).then_some(url)
    }

    /// Returns the length of a file there; none if it is not there.
    fn size(&self, url: &str) -> Result<Option<u64>, Error> {
        let body = self.runner.temporary("byte");
        let mut command = Command::new(CURL.name);
        command
            .args([
                "--globoff",
                "--silent",
                "--show-error",
                "--location",
                "--range",
                "0-0",
            ])
            .arg("--output")
            .arg(body)
            .args(["--dump-header", "-", url]);
        let output = self.succeed(&mut command, &format!("ask for {url}"))?;
        let text = String::from_utf8_lossy(&output.bytes).into_owned();
        let status = text.lines().rev().find_map(|line| {
            let rest = line.strip_prefix("HTTP/")?;
            rest.split_whitespace().nth(1)?.parse::<u16>().ok()
        });
        let header = |name: &str| {
            text.lines().rev().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        let size = match status {
            Some(404) => return Ok(None),
            Some(206) => header("content-range").and_then(|range| {
                let total = range.rsplit_once('/')?.1;
                total.parse().ok()
            }),
            Some(200) => header("content-length").and_then(|length| length.parse().ok()),
            _ => None,
        };
        let status = status.unwrap_or_default();
        let unknown = || CURL.answer(format!("{url} has status {status} and no length"));
        size.map(Some).ok_or_else(unknown)
    }

    /// Returns whether a small file has the same bytes there.
    fn is_same(&self, url: &str, path: &Path) -> Result<bool, Error> {
        let mut command = Command::new(CURL.name);
        command.args([
            "--globoff",
            "--fail",
            "--silent",
            "--show-error",
            "--location",
            url,
        ]);
        let output = self.succeed(&mut command, &format!("get {url}"))?;
        Ok(output.bytes == std::fs::read(path).map_err(io_error(path))?)
    }

    fn succeed(&self, command: &mut Command, what: &str) -> Result<Output, Error> {
        let output = self.runner.output(CURL, command)?;
        match output.status.success() {
            true => Ok(output),
            false => Err(self.runner.failed(CURL, what, &output)),
        }
    }
}

/// Returns what the addresses of all packages of a project begin with.
pub(super) fn packages(host: &str, project: &str) -> String {
    let project = project.replace('/', "%2F");
    format!("https://{host}/api/v4/projects/{project}/packages/generic/")
}

impl Store for GitLab {
    fn compare(&mut self, batch: &Batch<'_>) -> Result<Compared, Error> {
        let mut compared = Compared::default();
        for file in batch.files {
            let Some(url) = self.url(file) else {
                continue;
            };
            let path = batch.from.join(&file.path);
            let size = path.metadata().map_err(io_error(&path))?.len();
            match self.size(url)? {
                None => compared.new.insert(file.path.clone()),
                Some(there) if there != size => compared.changed.insert(file.path.clone()),
                Some(_) if size > MAX_COMPARED || self.is_same(url, &path)? => false,
                Some(_) => compared.changed.insert(file.path.clone()),
            };
        }
        Ok(compared)
    }

    fn copy(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let mut num_bytes = 0;
        for file in batch.files {
            let Some(url) = self.url(file) else {
                continue;
            };
            let path = batch.from.join(&file.path);
            num_bytes += path.metadata().map_err(io_error(&path))?.len();
            let mut command = Command::new(CURL.name);
            command
                .args(["--globoff", "--fail", "--silent", "--show-error"])
                .args(["--config", "-"])
                .arg("--upload-file")
                .arg(&path)
                .arg(url);
            let config = format!("header = \"PRIVATE-TOKEN: {}\"\n", self.token);
            let mut output = self
                .runner
                .output_with(CURL, &mut command, config.as_bytes())?;
            if !output.status.success() {
                // With `verbose` in its settings, curl prints what it sends.
                for line in &mut output.messages {
                    *line = line.replace(&self.token, "…");
                }
                return Err(self.runner.failed(CURL, &format!("upload {url}"), &output));
            }
            self.runner.observer.copied(num_bytes);
        }
        Ok(())
    }
}
