//! `romfeed catalog split` and `join`: one file for each device, or one for all.

use std::path::{Path, PathBuf};

use romfeed::catalog::store::{self, ENDING};
use romfeed::files::read_text;
use romfeed::generate;
use romfeed::generate::edit::convert;
use romfeed::hosting::written::{self, Written};
use romfeed::hosting::{GITATTRIBUTES, GITIGNORE, PIPELINE, PUBLISH};
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
    if let Some(address) = config.place.address() {
        terminal.error(
            &format!(
                "the catalog is in a bucket, {}, which has a file for each device",
                escape(&address)
            ),
            Some("to have it on this machine, copy its objects to a folder, and name that in `catalog`"),
        );
        return Outcome::Usage;
    }
    let own = &config.catalogs[0];
    let other = store::other_form(own);
    // A missing folder that is named without a slash looks like a file.
    let is_alike = |other: &PathBuf| store::is_folder(other) == store::is_folder(own);
    if other.as_ref().is_some_and(is_alike)
        && let Err(error) = store::refuse_other_form(own)
    {
        return fail(&error.into(), terminal);
    }
    let (from, to) = if store::is_folder(own) == (form == Form::Folder) {
        let Some(other) = other else {
            let what = match form {
                Form::Folder => "already has a file for each device",
                Form::File => "already is one file",
            };
            terminal.line(&format!("{} {what}", shown(own)));
            return Outcome::Done;
        };
        (other, own.clone())
    } else {
        let Some(to) = target(form, to, own) else {
            terminal.error(
                &format!("{} does not end in .json", shown(own)),
                Some("name the folder to write to: romfeed catalog split FOLDER"),
            );
            return Outcome::Usage;
        };
        (own.clone(), to)
    };
    let is_there = store::is_there(&to);
    let catalog = match convert(&from, &to) {
        Ok(catalog) => catalog,
        Err(error) => return fail(&error, terminal),
    };
    let (builds, removed) = (catalog.builds.len(), catalog.tombstones.len());
    let (from, to) = (&from, &to);
    let done = match is_there {
        true => format!("removed {}: {} has the same", shown(from), shown(to)),
        false => format!("moved {} to {}:", shown(from), shown(to)),
    };
    terminal.line(&format!("{done} {builds} builds, {removed} removed"));
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    let [old, new] = [from, to].map(|path| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        let below = below.to_string_lossy().into_owned();
        // `strip_prefix` drops a slash at the end.
        match store::is_folder(path) {
            true => format!("{}/", below.trim_end_matches(std::path::is_separator)),
            false => below,
        }
    });
    let settings = settings.map_or_else(|| FILE_NAME.to_owned(), shown);
    if to != own {
        terminal.line(&format!(
            "next: set `catalog = \"{}\"` in {settings}",
            escape(&new)
        ));
    }
    for step in mentions(folder, &old, &new) {
        terminal.line(&format!("next: {step}"));
    }
    Outcome::Done
}

fn fail(error: &generate::Error, terminal: Terminal) -> Outcome {
    print_run_error(terminal, error);
    Outcome::from_error(error)
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

/// Says how the scripts and workflows that name the old path get the new one: `romfeed init` writes those again that it
/// wrote, and the others have lines to change.
fn mentions(folder: &Path, old: &str, new: &str) -> Vec<String> {
    let mut files: Vec<PathBuf> = [PUBLISH, GITATTRIBUTES, GITIGNORE, PIPELINE]
        .into_iter()
        .map(|name| folder.join(name))
        .collect();
    for below in [".github", ".github/workflows", ".forgejo/workflows"] {
        let entries = std::fs::read_dir(folder.join(below)).into_iter().flatten();
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let (mut of_init, mut lines) = (Vec::new(), Vec::new());
    for file in files {
        let Ok(text) = read_text(&file, MAX_SIZE) else {
            continue;
        };
        let named: Vec<(usize, &str)> = (1..)
            .zip(text.lines())
            .filter(|(_, line)| names(line, old))
            .collect();
        // init sets up the current folder alone.
        let is_here = folder.as_os_str().is_empty();
        if is_here && written::compare(&file.to_string_lossy(), &text) == Written::Unchanged {
            of_init.extend((!named.is_empty()).then(|| shown(&file)));
            continue;
        }
        lines.extend(named.into_iter().map(|(number, line)| {
            let line = line.trim();
            let replaced = replaced(line, old, new, file.ends_with(GITATTRIBUTES));
            let file = shown(&file);
            let (line, replaced) = (escape(line), escape(&replaced));
            format!("change {file}:{number}: {line}\n      to: {replaced}")
        }));
    }
    if !of_init.is_empty() {
        let command = format!("romfeed init, which writes {} again", of_init.join(", "));
        lines.insert(0, command);
    }
    lines
}

/// Returns a line with the new path in place of the old one. `.gitattributes` and GitLab's `exists` know files alone, so
/// they get a pattern in place of a folder.
fn replaced(line: &str, old: &str, new: &str, is_attributes: bool) -> String {
    let pattern = |path: &str| match path.ends_with('/') {
        true => format!("{path}*.{ENDING}"),
        false => path.to_owned(),
    };
    let of_files = is_attributes || line.contains("exists:");
    let new = match of_files {
        true => pattern(new),
        false => new.to_owned(),
    };
    line.replace(&pattern(old), old).replace(old, &new)
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
