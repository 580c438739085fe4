//! A repository whose workflow makes the site from the catalog: the catalog and the changelogs are committed and pushed.
//!
//! If another machine has pushed in the meantime, its catalog is united with the one here. Then the site is not that of
//! the catalog any more, so the publication begins again.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{Output, Program, Runner};
use super::store::Deploy;
use super::{Error, names};

pub(super) const GIT: Program = Program {
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
    /// This publication changes the catalog or, in a trial run, would change it.
    pub is_changed: bool,
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

/// Returns the paths in the output of `git status --porcelain -z`. The former name of a renamed file follows its new
/// one.
fn changed_files(output: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut entries = output.split('\0');
    while let Some((state, path)) = entries.next().and_then(|entry| entry.split_at_checked(3)) {
        files.push(path.to_owned());
        if state.contains(['R', 'C']) {
            entries.next();
        }
    }
    files
}

impl Deploy for Git {
    fn require(&self) -> Result<(), Error> {
        let found = self.git(&["rev-parse", "--show-toplevel"], &[])?;
        if found.status.success() {
            return Ok(());
        }
        self.runner.show(&found);
        Err(Error::NoRepository(self.repository.folder.clone()))
    }

    fn plan(&self) -> Result<Vec<String>, Error> {
        let args = ["status", "--porcelain", "-z", "--untracked-files=all"];
        let what = "list what has changed";
        let output = self.succeed(&args, &self.repository.paths, what)?;
        let mut files = changed_files(&String::from_utf8_lossy(&output.bytes));
        let catalog = self.repository.paths.first();
        let name = catalog.and_then(|path| path.file_name());
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let is_named = |name: &String| {
            let mut names = files.iter().map(Path::new);
            names.any(|file| file.ends_with(name))
        };
        if self.repository.is_changed
            && let Some(name) = name.filter(|name| !is_named(name))
        {
            files.insert(0, name);
        }
        let commit = match files.is_empty() {
            true => "nothing to commit".to_owned(),
            false => format!("to commit: {}", names(&files)),
        };
        let text = |output: Output| {
            let text = String::from_utf8_lossy(&output.bytes).trim().to_owned();
            (output.status.success() && !text.is_empty()).then_some(text)
        };
        let branch = text(self.git(&["symbolic-ref", "--quiet", "--short", "HEAD"], &[])?);
        let upstream = text(self.git(&["rev-parse", "--abbrev-ref", "@{upstream}"], &[])?);
        let push = match (branch, upstream) {
            (Some(branch), Some(upstream)) => {
                format!("to push: the branch {branch}, to {upstream}")
            }
            (Some(branch), None) => format!(
                "to push: the branch {branch}; git does not know where to: git push --set-upstream origin {branch}"
            ),
            (None, _) => "no branch to push: run git switch BRANCH first".to_owned(),
        };
        Ok(vec![commit, push])
    }

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
