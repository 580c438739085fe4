//! Release assets of GitHub, by gh.
//!
//! The address of a file names its release and its name there: `…/releases/download/TAG/NAME`. Files with other
//! addresses are on other hosts; they are left alone, and the check of the zips asks for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::files::{Local, sha256};
use super::program::{Program, Runner};
use super::releases::{Release, Releases};
use super::store::{Batch, Compared, Store};
use super::{Error, io_error};

pub(super) const GH: Program = Program {
    name: "gh",
    hint: "install GitHub's command line from https://cli.github.com, then sign in: gh auth login",
};

/// The releases of a repository.
pub(super) struct GitHub {
    repository: Repository,
    texts: Releases,
    runner: Runner,
    /// The assets of each release that was asked for; none if there is no such release.
    known: BTreeMap<String, Option<Vec<Asset>>>,
}

/// A repository on github.com or a server of GitHub Enterprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The host, for example `github.com`.
    pub host: String,
    /// `OWNER/REPO`.
    pub path: String,
}

/// An asset, as GitHub lists it.
#[derive(Clone, Debug, Deserialize)]
struct Asset {
    name: String,
    size: u64,
    /// `sha256:` and hex digits; assets from before June 2025 have none.
    digest: Option<String>,
    /// `uploaded`, unless the upload is under way or broke off.
    state: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    assets: Vec<Asset>,
}

/// Where a file is in the repository.
#[derive(Debug, PartialEq, Eq)]
struct At<'a> {
    tag: &'a str,
    name: &'a str,
}

impl GitHub {
    /// Makes a store for a repository; `texts` has title and notes for the releases that it makes.
    pub(super) fn new(repository: Repository, texts: Releases, runner: Runner) -> GitHub {
        GitHub {
            repository,
            texts,
            runner,
            known: BTreeMap::new(),
        }
    }

    /// Returns the assets of a release; none if there is no such release.
    fn assets(&mut self, tag: &str) -> Result<Option<&[Asset]>, Error> {
        if !self.known.contains_key(tag) {
            let assets = self.ask(tag)?;
            self.known.insert(tag.to_owned(), assets);
        }
        Ok(self.known.get(tag).and_then(Option::as_deref))
    }

    fn ask(&self, tag: &str) -> Result<Option<Vec<Asset>>, Error> {
        let mut command = Command::new(GH.name);
        let Repository { host, path } = &self.repository;
        let endpoint = format!("repos/{path}/releases/tags/{tag}");
        command.args(["api", "--hostname", host, &endpoint]);
        let output = self.runner.output(GH, &mut command)?;
        if output.status.success() {
            let answer: Answer = serde_json::from_slice(&output.bytes).map_err(|e| GH.answer(e))?;
            return Ok(Some(answer.assets));
        }
        if output.says("HTTP 404") {
            return Ok(None);
        }
        let what = format!("list the assets of release {tag} of {path}");
        Err(self.runner.failed(GH, &what, &output))
    }

    /// Makes a release, unless it is there.
    fn require_release(&mut self, tag: &str) -> Result<(), Error> {
        if self.assets(tag)?.is_some() {
            return Ok(());
        }
        let Release { title, notes } = self.texts.get(tag).cloned().unwrap_or_else(|| Release {
            title: tag.to_owned(),
            notes: String::new(),
        });
        let file = self.runner.temporary("notes");
        std::fs::write(&file, notes).map_err(io_error(&file))?;
        let mut command = Command::new(GH.name);
        command
            .args(["release", "create", tag, "--repo"])
            .arg(self.repository.name())
            .arg(format!("--title={title}"))
            .arg("--notes-file")
            .arg(&file);
        let what = format!("make the release {tag} of {}", self.repository.path);
        self.call(&mut command, &what)?;
        self.known.insert(tag.to_owned(), Some(Vec::new()));
        Ok(())
    }

    /// Returns the path of a file with the name that it has in the release, since gh takes the name from the file.
    fn named(&self, file: PathBuf, name: &str) -> Result<PathBuf, Error> {
        // gh takes what is after a `#` in a path for a label.
        let has_label = file.as_os_str().as_encoded_bytes().contains(&b'#');
        if !has_label && file.file_name().is_some_and(|own| own == name) {
            return Ok(file);
        }
        let named = self.runner.empty_folder("asset")?.join(name);
        let file = std::path::absolute(&file).map_err(io_error(&file))?;
        #[cfg(unix)]
        let made = std::os::unix::fs::symlink(&file, &named);
        #[cfg(not(unix))]
        let made = std::fs::copy(&file, &named).map(|_| ());
        made.map_err(io_error(&named))?;
        Ok(named)
    }

    /// Returns whether an upload of this name broke off, so that it may be replaced.
    fn is_broken(&mut self, tag: &str, name: &str) -> Result<bool, Error> {
        let assets = self.assets(tag)?.unwrap_or_default();
        let mut named = assets.iter().filter(|asset| asset.name == name);
        Ok(named.any(|asset| {
            asset
                .state
                .as_deref()
                .is_some_and(|state| state != "uploaded")
        }))
    }

    fn call(&self, command: &mut Command, what: &str) -> Result<(), Error> {
        let output = self.runner.output(GH, command)?;
        match output.status.success() {
            true => Ok(()),
            false => Err(self.runner.failed(GH, what, &output)),
        }
    }
}

impl Repository {
    /// Returns its name for gh: `HOST/OWNER/REPO`.
    fn name(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// Returns what the addresses of all assets begin with.
    pub(super) fn releases(&self) -> String {
        format!("https://{}/releases/download/", self.name())
    }
}

/// Returns where a file is in a repository. GitHub renames files with other characters, so these are left to the check
/// of the zips, which names them.
fn place<'a>(repository: &Repository, file: &'a Local) -> Option<At<'a>> {
    let begin = repository.releases();
    let url = file.url.as_deref()?;
    let (before, rest) = url.split_at_checked(begin.len())?;
    let (tag, name) = rest.split_once('/')?;
    let is_plain = |text: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !text.is_empty() && text.chars().all(is_plain)
    };
    let is_tag = is_plain(tag) && tag.starts_with(|c: char| c.is_ascii_alphanumeric());
    (before.eq_ignore_ascii_case(&begin) && is_tag && is_plain(name)).then_some(At { tag, name })
}

impl Asset {
    /// Returns whether it has the bytes of a file on this machine.
    fn is_same(&self, file: &Local, path: &Path) -> Result<bool, Error> {
        let size = path.metadata().map_err(io_error(path))?.len();
        if self.size != size {
            return Ok(false);
        }
        let Some(digest) = &self.digest else {
            // Digests of one kind all have the same length.
            return Ok(!file.is_sidecar());
        };
        let own = match &file.sha256 {
            Some(sha256) => sha256.clone(),
            None => sha256(path).map_err(io_error(path))?,
        };
        Ok(*digest == format!("sha256:{own}"))
    }
}

impl Store for GitHub {
    fn compare(&mut self, batch: &Batch<'_>) -> Result<Compared, Error> {
        let mut compared = Compared::default();
        let repository = self.repository.clone();
        for file in batch.files {
            let Some(At { tag, name }) = place(&repository, file) else {
                continue;
            };
            let assets = self.assets(tag)?.unwrap_or_default();
            let is_whole = |asset: &&Asset| asset.state.as_deref().is_none_or(|s| s == "uploaded");
            match assets
                .iter()
                .find(|asset| asset.name == name)
                .filter(is_whole)
            {
                None => compared.new.insert(file.path.clone()),
                Some(asset) if asset.is_same(file, &batch.from.join(&file.path))? => false,
                Some(_) => compared.changed.insert(file.path.clone()),
            };
        }
        Ok(compared)
    }

    fn copy(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let repository = self.repository.clone();
        let mut num_bytes = 0;
        for file in batch.files {
            let Some(At { tag, name }) = place(&repository, file) else {
                continue;
            };
            self.require_release(tag)?;
            let path = batch.from.join(&file.path);
            num_bytes += path.metadata().map_err(io_error(&path))?.len();
            let named = self.named(path, name)?;
            let mut command = Command::new(GH.name);
            command.args(["release", "upload", tag]).arg(named);
            if file.is_sidecar() || self.is_broken(tag, name)? {
                command.arg("--clobber");
            }
            command.arg("--repo").arg(repository.name());
            self.call(&mut command, &format!("upload {name} to the release {tag}"))?;
            self.runner.observer.copied(num_bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_in_the_own_repository_are_uploaded() {
        let local = |url: &str| Local {
            path: "a/x.zip".to_owned(),
            url: Some(url.to_owned()),
            sha256: None,
        };
        let base = "https://github.com/you/ota/releases/download";
        let repository = |path: &str| Repository {
            host: "github.com".to_owned(),
            path: path.to_owned(),
        };
        let file = local(&format!("{base}/bacon-1/x.zip"));
        let at = At {
            tag: "bacon-1",
            name: "x.zip",
        };
        assert_eq!(place(&repository("You/ota"), &file), Some(at));
        for url in [
            "https://github.com/me/ota/releases/download/t/x.zip".to_owned(),
            format!("{base}/-t/x.zip"),
            format!("{base}/t/a%20b.zip"),
            format!("{base}/t/x.zip?raw=1"),
            format!("{base}/t/u/x.zip"),
            format!("{base}/t/"),
            format!("{base}/x.zip"),
            "https://github.com/ü".to_owned(),
        ] {
            assert_eq!(place(&repository("you/ota"), &local(&url)), None, "{url}");
        }
    }
}
