//! `romfeed catalog split` and `join`: one file for each device, or one for all.
//!
//! Changelogs and state lie next to the catalog, unless the settings say otherwise. They stay where they are: a next step
//! names the command that moves them.

use std::path::{Path, PathBuf};

use romfeed::catalog::{ENDING, store};
use romfeed::files::read_text;
use romfeed::generate;
use romfeed::generate::edit::convert;
use romfeed::hosting::written::{self, Written};
use romfeed::hosting::{GITATTRIBUTES, GITIGNORE, PIPELINE, PUBLISH};
use romfeed::model::config::{Config, STATE_DIR};

use super::contents;
use crate::cli::args::Places;
use crate::cli::config::{self, FILE_NAME, Flags};
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
    places: &Places,
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
            let what = match (store::is_there(own), form) {
                (false, _) => "is not there yet; the first build makes it",
                (true, Form::Folder) => "already has a file for each device",
                (true, Form::File) => "already is one file",
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
        if !store::is_there(own) && !store::is_there(&to) {
            terminal.error(
                &format!("there is no catalog yet: {} is not there", shown(own)),
                Some(&format!(
                    "{}; the first build makes it",
                    step_to_set(&to, settings)
                )),
            );
            return Outcome::Usage;
        }
        (own.clone(), to)
    };
    let is_there = store::is_there(&to);
    let catalog = match convert(&from, &to) {
        Ok(catalog) => catalog,
        Err(error) => return fail(&error, terminal),
    };
    let done = match is_there {
        true => format!("removed {}: {} has the same", shown(&from), shown(&to)),
        false => format!("moved {} to {}:", shown(&from), shown(&to)),
    };
    terminal.line(&format!("{done} {}", contents(&catalog)));
    let mut steps = Vec::new();
    let mut renamed = vec![(from, to.clone())];
    if to != *own {
        let neighbours = find_neighbours(&to, config, places, settings);
        steps.extend(move_steps(&neighbours));
        steps.push(step_to_set(&to, settings));
        renamed.extend(neighbours);
    }
    steps.extend(mentions(settings, &renamed));
    for step in steps {
        terminal.line(&format!("next: {step}"));
    }
    Outcome::Done
}

/// Says how the settings name a catalog.
fn step_to_set(catalog: &Path, settings: Option<&Path>) -> String {
    let file = settings.map_or_else(|| FILE_NAME.to_owned(), shown);
    let catalog = escape(&below(catalog, settings));
    format!("set `catalog = \"{catalog}\"` in {file}")
}

/// Returns the paths of changelogs and state, and the ones that they have next to the new catalog, if they lie next to
/// the old one.
fn find_neighbours(
    to: &Path,
    config: &Config,
    places: &Places,
    settings: Option<&Path>,
) -> Vec<(PathBuf, PathBuf)> {
    let places = Places {
        catalog: vec![to.to_owned()],
        ..places.clone()
    };
    let Ok(new) = config::resolve(settings, Flags::new(&places)) else {
        return Vec::new();
    };
    let (changelogs, state) = (new.config.changelogs, new.config.state);
    [(&config.changelogs, changelogs), (&config.state, state)]
        .into_iter()
        .filter(|(old, new)| *old != new && old.is_dir())
        .map(|(old, new)| (old.clone(), new))
        .collect()
}

/// Says how changelogs and state get to their new places.
fn move_steps(neighbours: &[(PathBuf, PathBuf)]) -> Vec<String> {
    let (there, free): (Vec<_>, Vec<_>) = neighbours.iter().partition(|(_, new)| new.exists());
    let mut steps = Vec::new();
    if let Some(folder) = free.first().and_then(|(_, new)| new.parent()) {
        let names: Vec<String> = free.iter().map(|(old, _)| shown(old)).collect();
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        steps.push(format!("mv {} {}", names.join(" "), shown(folder)));
    }
    steps.extend(there.iter().map(|(old, new)| {
        let (old, new) = (shown(old), shown(new));
        format!("{new} is there already; move the files of {old} there that it lacks")
    }));
    steps
}

/// Returns the path below the folder of the settings; that of a folder ends in `/`.
fn below(path: &Path, settings: Option<&Path>) -> String {
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    let below = path.strip_prefix(folder).unwrap_or(path);
    let below = below.to_string_lossy().into_owned();
    // `strip_prefix` drops a slash at the end.
    match store::is_folder(path) {
        true => format!("{}/", below.trim_end_matches(std::path::is_separator)),
        false => below,
    }
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

/// Says how the scripts and workflows that name the old paths get the new ones: `romfeed init` writes those again that
/// it wrote, and the others have lines to change.
fn mentions(settings: Option<&Path>, renamed: &[(PathBuf, PathBuf)]) -> Vec<String> {
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    let renamed: Vec<(String, String)> = renamed
        .iter()
        .map(|(old, new)| (below(old, settings), below(new, settings)))
        .collect();
    let (mut of_init, mut lines) = (Vec::new(), Vec::new());
    for file in scripts(folder) {
        let Ok(text) = read_text(&file, MAX_SIZE) else {
            continue;
        };
        // Workflows of init have other things in a folder of this name.
        let is_named_there = |old: &str| old != STATE_DIR || file.ends_with(GITIGNORE);
        let paths: Vec<_> = renamed
            .iter()
            .filter(|(old, _)| is_named_there(old))
            .collect();
        let is_named = |line: &str| paths.iter().any(|(old, _)| names(line, old));
        let named: Vec<(usize, &str)> = (1..)
            .zip(text.lines())
            .filter(|(_, line)| is_named(line))
            .collect();
        // init sets up the current folder alone.
        let is_here = folder.as_os_str().is_empty();
        if is_here && written::compare(&file.to_string_lossy(), &text) == Written::Unchanged {
            of_init.extend((!named.is_empty()).then(|| shown(&file)));
            continue;
        }
        lines.extend(named.into_iter().map(|(number, line)| {
            let line = line.trim();
            let mut new_line = line.to_owned();
            for (old, new) in paths.iter().filter(|(old, _)| names(line, old)) {
                new_line = replaced(&new_line, old, new, file.ends_with(GITATTRIBUTES));
            }
            let file = shown(&file);
            let (line, new_line) = (escape(line), escape(&new_line));
            format!("change {file}:{number}: {line}\n      to: {new_line}")
        }));
    }
    if !of_init.is_empty() {
        let command = format!("romfeed init, which writes {} again", of_init.join(", "));
        lines.insert(0, command);
    }
    lines
}

/// Lists the files that may name a path of the catalog.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = [PUBLISH, GITATTRIBUTES, GITIGNORE, PIPELINE]
        .into_iter()
        .map(|name| folder.join(name))
        .collect();
    for below in [".github", ".github/workflows", ".forgejo/workflows"] {
        let entries = std::fs::read_dir(folder.join(below)).into_iter().flatten();
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    files
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
