//! `romfeed catalog merge`: merges the versions of a catalog that git could not merge.
//!
//! In: the versions in git's index or in three files. Out: one catalog, or the facts that both sides
//! changed in different ways.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use romfeed::catalog::conflict::{self, Versions};
use romfeed::catalog::merge::{Side, merge};
use romfeed::catalog::{Catalog, file};
use romfeed::files::{behind_links, write_atomically};
use romfeed::generate::{self, lock_state, save_catalog};
use romfeed::model::config::Config;

use crate::cli::escape;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Terminal, chain, print_run_error};

/// Merges every catalog of the settings that is in conflict.
pub(crate) fn run(prefer: Option<Side>, config: &Config, terminal: Terminal) -> Outcome {
    match lock_state(&config.state) {
        Ok(_lock) => merge_all(prefer, config, terminal),
        Err(error) => {
            print_run_error(terminal, &error);
            Outcome::from_error(&error)
        }
    }
}

fn merge_all(prefer: Option<Side>, config: &Config, terminal: Terminal) -> Outcome {
    let mut outcome = Outcome::Done;
    let mut merged_names = Vec::new();
    for path in &config.catalogs {
        let name = escape::shown(path);
        let result = match find_versions(path) {
            Ok(None) => continue,
            Ok(Some(versions)) => merge_versions(&versions, &name, prefer, terminal),
            Err(message) => {
                terminal.error(&message, Some("abort the merge and begin it again"));
                None
            }
        };
        let Some(merged) = result else {
            outcome = Outcome::Failed;
            continue;
        };
        if let Err(error) = save_catalog(path, &file::render(&merged)) {
            print_run_error(terminal, &error);
            outcome = Outcome::from_error(&error);
            continue;
        }
        let (builds, removed) = (merged.builds.len(), merged.tombstones.len());
        terminal.line(&format!(
            "merged {name}: {builds} builds, {removed} removed"
        ));
        merged_names.push(name);
    }
    if !merged_names.is_empty() {
        terminal.line(&format!("next: git add {}", merged_names.join(" ")));
    } else if matches!(outcome, Outcome::Done) {
        terminal.line("no catalog is in conflict");
    }
    outcome
}

/// Finds the versions of a catalog in conflict: in git's index, otherwise in the file itself.
fn find_versions(path: &Path) -> Result<Option<Versions>, String> {
    let text = match file::read(path) {
        Ok(text) => text,
        Err(file::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(chain(&error)),
    };
    let has_markers = conflict::first_marker(&text).is_some();
    match ask_git(&behind_links(path)) {
        // Without markers, the file is ours as git left it, or the conflict was resolved by hand.
        Some(versions) if has_markers || versions.ours == text => Ok(Some(versions)),
        _ if has_markers => {
            let versions = conflict::split(&text);
            let versions = versions.map_err(|error| format!("{}: {error}", escape::shown(path)))?;
            Ok(Some(versions))
        }
        _ => Ok(None),
    }
}

/// Reads the versions of a file in conflict from git's index (git-ls-files(1), `--unmerged`); none
/// without git, without a conflict, or if one side has deleted the file.
fn ask_git(path: &Path) -> Option<Versions> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(folder.unwrap_or(Path::new(".")))
            .args(args);
        let output = command.output().ok()?;
        output.status.success().then_some(output.stdout)
    };
    let name = path.file_name()?.to_str()?;
    let unmerged = [
        "--literal-pathspecs",
        "ls-files",
        "--unmerged",
        "-z",
        "--",
        name,
    ];
    let listed = String::from_utf8(git(&unmerged)?).ok()?;
    let version = |stage: &str| {
        let mut entries = listed
            .split('\0')
            .filter_map(|entry| entry.split_once('\t'));
        let object = entries.find_map(|(facts, _)| {
            let mut facts = facts.split(' ').skip(1);
            let object = facts.next()?;
            (facts.next() == Some(stage)).then_some(object)
        });
        git(&["cat-file", "blob", object?])
    };
    Some(Versions {
        base: version("1"),
        ours: version("2")?,
        theirs: version("3")?,
    })
}

/// Merges the versions, or reports why they cannot be merged.
fn merge_versions(
    versions: &Versions,
    name: &str,
    prefer: Option<Side>,
    terminal: Terminal,
) -> Option<Catalog> {
    let parse = |text: &[u8], side: &str| {
        let parsed = file::parse(text, &format!("{name} ({side})"));
        parsed.map_err(|error| print_run_error(terminal, &generate::Error::Catalog(error)))
    };
    // If both sides added the file, git passes an empty base.
    let base = match versions.base.as_deref() {
        Some(text) if !text.is_empty() => parse(text, "base").ok()?,
        _ => Catalog::default(),
    };
    let ours = parse(&versions.ours, "ours").ok()?;
    let theirs = parse(&versions.theirs, "theirs").ok()?;
    let clashes = match merge(&base, &ours, &theirs, prefer) {
        Ok(merged) => return Some(merged),
        Err(clashes) => clashes,
    };
    let hint =
        "choose whose values to use: romfeed catalog merge --prefer ours, or --prefer theirs";
    let last = clashes.len() - 1;
    for (index, clash) in clashes.iter().enumerate() {
        let message = format!("{name}: {clash}");
        terminal.error(&message, (index == last).then_some(hint));
    }
    None
}

/// Merges three files into the second, as git calls its merge drivers (gitattributes(5)). If that
/// fails, the second holds all versions between conflict markers, for [`run`] to merge later.
pub(crate) fn drive(
    files: [&PathBuf; 3],
    name: Option<&str>,
    prefer: Option<Side>,
    terminal: Terminal,
) -> Outcome {
    let [base, ours, theirs] = files;
    let read = || {
        Ok(Versions {
            base: Some(file::read(base)?),
            ours: file::read(ours)?,
            theirs: file::read(theirs)?,
        })
    };
    let versions = match read() {
        Ok(versions) => versions,
        Err(error) => {
            let error: file::Error = error;
            terminal.error(&chain(&error), None);
            return Outcome::Usage;
        }
    };
    let name = name.map_or_else(|| escape::shown(ours), escape::escape);
    let merged = merge_versions(&versions, &name, prefer, terminal);
    let (text, outcome) = match &merged {
        Some(merged) => (file::render(merged), Outcome::Done),
        None => {
            let base = versions.base.as_deref().unwrap_or_default();
            let text = conflict::join(base, &versions.ours, &versions.theirs);
            (text, Outcome::Failed)
        }
    };
    match write_atomically(ours, &text) {
        Ok(()) => outcome,
        Err(error) => {
            terminal.error(
                &format!("cannot write {}: {error}", escape::shown(ours)),
                None,
            );
            Outcome::Failed
        }
    }
}
