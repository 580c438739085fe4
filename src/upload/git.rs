//! A repository whose workflow makes the site from the catalog: the catalog and the changelogs are committed and pushed.
//!
//! If another machine has pushed in the meantime, its catalog is united with the one here. Then the site is not that of
//! the catalog any more, so the publication begins again.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;
use super::program::{Output, Program, Runner};
use super::store::Deploy;

const GIT: Program = Program {
    name: "git",
    hint: "install git, for example: apt install git",
};
/// The message of commits.
const MESSAGE: &str = "New builds";

/// The files that a repository gets, and how their conflicts are resolved.
pub struct Repository {
    /// The folder of the catalog.
    pub folder: PathBuf,
    /// The files and folders to commit: the catalog, and the changelogs if there are any.
    pub paths: Vec<PathBuf>,
    /// Unites the catalogs that git could not merge; returns whether it could.
    pub unite: Box<dyn FnMut() -> bool>,
}

/// Commits and pushes.
pub(super) struct Git {
    repository: Repository,
    runner: Runner,
}

impl Git {
    /// Makes the host for a repository.
    pub(super) fn new(repository: Repository, runner: Runner) -> Git {
        Git { repository, runner }
    }

    fn git(&self, args: &[&str], paths: &[PathBuf]) -> Result<Output, Error> {
        let mut command = Command::new(GIT.name);
        command.arg("-C").arg(&self.repository.folder).args(args);
        if !paths.is_empty() {
            command.arg("--").args(paths);
        }
        self.runner.output(GIT, &mut command)
    }

    fn succeed(&self, args: &[&str], paths: &[PathBuf], what: &str) -> Result<Output, Error> {
        let output = self.git(args, paths)?;
        match output.status.success() {
            true => Ok(output),
            false => Err(self.runner.failed(GIT, what, &output)),
        }
    }

    /// Commits what has changed.
    fn commit(&self) -> Result<(), Error> {
        let paths = &self.repository.paths;
        self.add(paths)?;
        let is_merging = self
            .git(&["rev-parse", "--quiet", "--verify", "MERGE_HEAD"], &[])?
            .status
            .success();
        if is_merging {
            return self
                .succeed(&["commit", "--quiet", "--no-edit"], &[], "commit the merge")
                .map(|_| ());
        }
        // An empty folder of changelogs is nothing that git could commit.
        let mut changed = Vec::new();
        for path in paths {
            let path = std::slice::from_ref(path);
            let is_same = self.git(&["diff", "--cached", "--quiet"], path)?;
            if !is_same.status.success() {
                changed.extend_from_slice(path);
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let args = ["commit", "--quiet", "--message", MESSAGE];
        self.succeed(&args, &changed, "commit the catalog")
            .map(|_| ())
    }

    /// Stages the catalog, which is united, and the other paths, unless files are in conflict there.
    fn add(&self, paths: &[PathBuf]) -> Result<(), Error> {
        let (catalog, others) = paths.split_at(1);
        self.succeed(&["add"], catalog, "add the catalog")?;
        let unmerged = self.unmerged()?;
        if !unmerged.is_empty() {
            return Err(Error::Unmerged(unmerged));
        }
        if !others.is_empty() {
            self.succeed(&["add"], others, "add the changelogs")?;
        }
        Ok(())
    }

    /// Returns the files in conflict, as paths in the repository.
    fn unmerged(&self) -> Result<Vec<String>, Error> {
        let args = ["diff", "--name-only", "--diff-filter=U", "-z"];
        let output = self.succeed(&args, &[], "list files in conflict")?;
        let text = String::from_utf8_lossy(&output.bytes).into_owned();
        let names = text.split('\0').filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }

    fn head(&self) -> Result<Vec<u8>, Error> {
        let args = ["rev-parse", "HEAD"];
        Ok(self.succeed(&args, &[], "find the last commit")?.bytes)
    }

    /// Takes over what other machines have pushed, if that was the reason why `pushed` failed; returns whether there was
    /// anything.
    fn pull(&mut self, pushed: &Output) -> Result<bool, Error> {
        let before = self.head()?;
        let pulled = self.git(&["pull", "--quiet", "--no-rebase", "--no-edit"], &[])?;
        if pulled.status.success() {
            return Ok(self.head()? != before);
        }
        if self.unmerged()?.is_empty() {
            self.runner.show(pushed);
            return Err(self
                .runner
                .failed(GIT, "pull what others have pushed", &pulled));
        }
        if !(self.repository.unite)() {
            return Err(Error::Unmerged(self.unmerged()?));
        }
        self.commit()?;
        Ok(true)
    }
}

impl Deploy for Git {
    fn deploy(&mut self, _out: &Path) -> Result<(), Error> {
        self.commit()?;
        let pushed = self.git(&["push", "--quiet"], &[])?;
        if pushed.status.success() {
            return Ok(());
        }
        match self.pull(&pushed)? {
            true => Err(Error::Raced),
            false => Err(self.runner.failed(GIT, "push the catalog", &pushed)),
        }
    }
}
