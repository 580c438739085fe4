//! What git says about a merge in progress: the files that it could not merge, and how to go on.
//!
//! Everything comes from the program `git`, so that links, worktrees and filters are its business. Without
//! git, or outside of a repository, there is nothing to say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use romfeed::catalog::conflict::Versions;

/// Runs git in a folder, and returns what it prints; `None` if it fails.
fn git(folder: &Path, args: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(args)
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}

/// A file that git could not merge. A version is missing if that side does not have the file.
#[derive(Default)]
pub(super) struct Unmerged {
    /// The folder that git is asked in.
    folder: PathBuf,
    /// The objects of the common ancestor, ours and theirs.
    objects: [Option<String>; 3],
}

impl Unmerged {
    fn read(&self, version: usize) -> Option<Vec<u8>> {
        let object = self.objects[version].as_deref()?;
        git(&self.folder, &["cat-file", "blob", object])
    }

    /// Reads all versions; `None` if one side does not have the file.
    pub(super) fn versions(&self) -> Option<Versions> {
        Some(Versions {
            base: self.read(0),
            ours: self.read(1)?,
            theirs: self.read(2)?,
        })
    }

    /// Returns whether one side deleted the file.
    pub(super) fn is_deleted(&self) -> bool {
        self.objects[1].is_none() || self.objects[2].is_none()
    }
}

/// Lists the files that git could not merge, in the whole repository around a folder, by their path as seen
/// from the current folder (git-ls-files(1), `--unmerged`).
pub(super) fn unmerged(folder: &Path) -> BTreeMap<PathBuf, Unmerged> {
    let mut files: BTreeMap<PathBuf, Unmerged> = BTreeMap::new();
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let args = ["ls-files", "--unmerged", "-z", "--", ":/"];
    let listed = git(folder, &args).unwrap_or_default();
    for entry in String::from_utf8_lossy(&listed).split('\0') {
        let Some((facts, name)) = entry.split_once('\t') else {
            continue;
        };
        let mut facts = facts.split(' ').skip(1);
        let (Some(object), Some(stage)) = (facts.next(), facts.next()) else {
            continue;
        };
        let path = match folder == Path::new(".") {
            true => PathBuf::from(name),
            false => folder.join(name),
        };
        let file = files.entry(path).or_default();
        folder.clone_into(&mut file.folder);
        let version = match stage {
            "1" => 0,
            "2" => 1,
            _ => 2,
        };
        file.objects[version] = Some(object.to_owned());
    }
    files
}

/// What git is doing while files are in conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Merge,
    Rebase,
    CherryPick,
    Revert,
    Am,
    /// Git has nothing to continue, for example after `git stash pop`.
    Other,
}

impl Operation {
    /// The operations by the file or folder in git's own folder that exists meanwhile. The first one counts: a
    /// rebase picks commits.
    const ALL: [(&str, Operation); 6] = [
        ("rebase-apply/applying", Operation::Am),
        ("rebase-merge", Operation::Rebase),
        ("rebase-apply", Operation::Rebase),
        ("CHERRY_PICK_HEAD", Operation::CherryPick),
        ("REVERT_HEAD", Operation::Revert),
        ("MERGE_HEAD", Operation::Merge),
    ];

    /// Returns the operation in the repository of the current folder.
    pub(super) fn current() -> Operation {
        let mut args = vec!["rev-parse"];
        args.extend(
            Operation::ALL
                .iter()
                .flat_map(|(name, _)| ["--git-path", *name]),
        );
        let paths = git(Path::new("."), &args).unwrap_or_default();
        let paths = String::from_utf8_lossy(&paths).into_owned();
        let mut found = paths.lines().zip(Operation::ALL);
        found
            .find(|(path, _)| Path::new(path).exists())
            .map_or(Operation::Other, |(_, (_, operation))| operation)
    }

    /// Returns the command that goes on once no file is in conflict.
    pub(super) fn go_on(self) -> Option<&'static str> {
        match self {
            Operation::Merge => Some("git commit --no-edit"),
            Operation::Rebase => Some("git rebase --continue"),
            Operation::CherryPick => Some("git cherry-pick --continue"),
            Operation::Revert => Some("git revert --continue"),
            Operation::Am => Some("git am --continue"),
            Operation::Other => None,
        }
    }

    /// Describes whose values `ours` and `theirs` are.
    pub(super) fn sides(self) -> [&'static str; 2] {
        match self {
            Operation::Rebase => ["the branch that you rebase onto", "your commit"],
            Operation::CherryPick => ["this branch", "the commit that is picked"],
            _ => ["this branch", "the other branch"],
        }
    }
}

/// Merges files as git does without a driver, with conflict markers (git-merge-file(1)); `None` without git,
/// or if the texts do not contradict each other.
pub(super) fn merge_texts([base, ours, theirs]: [&Path; 3]) -> Option<Vec<u8>> {
    let labels = ["-L", "ours", "-L", "base", "-L", "theirs"];
    let output = Command::new("git")
        .args(["merge-file", "--stdout", "--diff3"])
        .args(labels)
        .args([ours, base, theirs])
        .output()
        .ok()?;
    // The exit code is the number of conflicts, up to 127.
    let num_conflicts = output.status.code()?;
    (1..=127).contains(&num_conflicts).then_some(output.stdout)
}
