//! `romfeed catalog split` and `join`: one file for each device, or one for all.

use std::path::{Path, PathBuf};

use romfeed::catalog::store;
use romfeed::files::read_text;
use romfeed::generate::edit::convert;
use romfeed::model::config::Config;

use crate::cli::config::FILE_NAME;
use crate::cli::escape::{escape, shown};
use crate::cli::outcome::Outcome;
use crate::cli::report::{Terminal, print_run_error};

/// Longest script or workflow that is searched for the old path, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// The form of a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One file.
    File,
    /// A folder with a file for each device.
    Folder,
}

/// Moves the catalog to a path, or to the one next to it, in this form.
pub(crate) fn change(
    form: Form,
    to: Option<&Path>,
    config: &Config,
    settings: Option<&Path>,
    terminal: Terminal,
) -> Outcome {
    let from = &config.catalogs[0];
    let is_folder = store::is_folder(from);
    if is_folder == (form == Form::Folder) {
        let what = match is_folder {
            true => "already has a file for each device",
            false => "already is one file",
        };
        terminal.line(&format!("{} {what}", shown(from)));
        return Outcome::Done;
    }
    let Some(to) = target(form, to, from) else {
        terminal.error(
            &format!("{} does not end in .json", shown(from)),
            Some("name the folder to write to: romfeed catalog split FOLDER"),
        );
        return Outcome::Usage;
    };
    let catalog = match convert(config, &to) {
        Ok(catalog) => catalog,
        Err(error) => {
            print_run_error(terminal, &error);
            return Outcome::from_error(&error);
        }
    };
    let (builds, removed) = (catalog.builds.len(), catalog.tombstones.len());
    terminal.line(&format!(
        "moved {} to {}: {builds} builds, {removed} removed",
        shown(from),
        shown(&to)
    ));
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    let [old, new] = [&**from, &*to].map(|path| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        let below = below.to_string_lossy().into_owned();
        // `strip_prefix` drops a slash at the end.
        match store::is_folder(path) {
            true => format!("{}/", below.trim_end_matches(std::path::is_separator)),
            false => below,
        }
    });
    let settings = settings.map_or_else(|| FILE_NAME.to_owned(), shown);
    terminal.line(&format!(
        "next: set `catalog = \"{}\"` in {settings}",
        escape(&new)
    ));
    for line in mentions(folder, &old) {
        terminal.line(&format!("next: change {line}"));
    }
    Outcome::Done
}

/// Returns the path to move to: the given one, or the same name in the other form.
fn target(form: Form, to: Option<&Path>, from: &Path) -> Option<PathBuf> {
    match (form, to) {
        (Form::Folder, Some(to)) => Some(to.join("")),
        (Form::File, Some(to)) => Some(to.to_owned()),
        (Form::Folder, None) => store::both_forms(from).map(|(_, folder)| folder),
        (Form::File, None) => store::both_forms(from).map(|(file, _)| file),
    }
}

/// Finds the lines of scripts and workflows that name the old path.
fn mentions(folder: &Path, old: &str) -> Vec<String> {
    let mut files: Vec<PathBuf> = ["publish", ".gitattributes", ".gitignore", ".gitlab-ci.yml"]
        .into_iter()
        .map(|name| folder.join(name))
        .collect();
    for below in [".github", ".github/workflows", ".forgejo/workflows"] {
        let entries = std::fs::read_dir(folder.join(below)).into_iter().flatten();
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = read_text(&file, MAX_SIZE) else {
            continue;
        };
        let lines = text.lines().enumerate();
        let named = lines.filter(|(_, line)| names(line, old));
        found.extend(named.map(|(index, line)| {
            format!("{}:{}: {}", shown(&file), index + 1, escape(line.trim()))
        }));
    }
    found
}

/// Returns whether a line has a path that is not the end or the beginning of a longer name.
fn names(line: &str, path: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    line.match_indices(path).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line
            .get(start + path.len()..)
            .and_then(|text| text.chars().next());
        let is_longer = !path.ends_with('/') && after.is_some_and(is_part);
        !before.is_some_and(is_part) && !is_longer
    })
}
