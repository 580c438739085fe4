//! `romfeed catalog merge`: merges the versions of a catalog that git could not merge.
//!
//! In: the versions in git's index or in three files. Out: one catalog, or the facts that both sides
//! changed in different ways.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use romfeed::catalog::conflict::{self, Versions};
use romfeed::catalog::merge::{Side, merge};
use romfeed::catalog::{Catalog, file, store};
use romfeed::files::{behind_links, write_atomically};
use romfeed::generate::{self, lock_catalog, save_catalog};
use romfeed::model::config::Config;

use super::contents;
use super::git::{self, Operation, Unmerged};
use crate::cli::escape;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Terminal, chain, print_run_error};

/// The most file names of builds in one message.
const MAX_NAMES: usize = 5;

/// Merges every catalog that is in conflict: those of the settings, and others in the same repository.
pub(crate) fn run(prefer: Option<Side>, config: &Config, terminal: Terminal) -> Outcome {
    match lock_catalog(config) {
        Ok(_lock) => merge_all(prefer, config, terminal),
        Err(error) => {
            print_run_error(terminal, &error);
            Outcome::from_error(&error)
        }
    }
}

/// Merges every catalog that is in conflict, without a word on what to do in git; returns whether all are merged.
pub(crate) fn unite(config: &Config, terminal: Terminal) -> bool {
    match lock_catalog(config) {
        Ok(_lock) => merge_catalogs(None, config, terminal).outcome == Outcome::Done,
        Err(error) => {
            print_run_error(terminal, &error);
            false
        }
    }
}

fn merge_all(prefer: Option<Side>, config: &Config, terminal: Terminal) -> Outcome {
    let Merged {
        outcome,
        resolved,
        others,
    } = merge_catalogs(prefer, config, terminal);
    if resolved.is_empty() && outcome == Outcome::Done {
        terminal.line("no catalog is in conflict");
    }
    print_next(&resolved, &others, outcome == Outcome::Done, terminal);
    outcome
}

/// What became of the files in conflict.
struct Merged {
    outcome: Outcome,
    /// The catalogs that are merged now.
    resolved: Vec<String>,
    /// The other files that git could not merge.
    others: Vec<String>,
}

fn merge_catalogs(prefer: Option<Side>, config: &Config, terminal: Terminal) -> Merged {
    let mut outcome = Outcome::Done;
    let mut resolved = Vec::new();
    let mut unmerged = find_unmerged(config);
    let all = config.catalogs.iter();
    let files = all.flat_map(|path| store::files(path).unwrap_or_default());
    let mut catalogs: Vec<PathBuf> = files.collect();
    catalogs.extend(find_others(&unmerged, config));
    for path in &catalogs {
        let name = escape::shown(path);
        let file = unmerged.remove(&canonical(path));
        let merged = match find_versions(path, file.as_ref().map(|(_, file)| file)) {
            Ok(State::NotInConflict) => continue,
            Ok(State::Resolved(line)) => {
                terminal.line(&format!("{name} {line}"));
                resolved.push(name);
                continue;
            }
            Ok(State::InConflict(versions)) => merge_versions(&versions, &name, prefer, terminal),
            Err(Problem { text, hint }) => {
                terminal.error(&text, Some(&hint));
                None
            }
        };
        let Some(merged) = merged else {
            outcome = Outcome::Failed;
            continue;
        };
        if let Err(error) = save_catalog(config, path, &merged) {
            print_run_error(terminal, &error);
            outcome = Outcome::from_error(&error);
            continue;
        }
        terminal.line(&format!("merged {name}: {}", contents(&merged)));
        resolved.push(name);
    }
    let others = unmerged.values().map(|(path, _)| escape::shown(path));
    Merged {
        outcome,
        resolved,
        others: others.collect(),
    }
}

/// Prints what to do in git after these catalogs were `resolved`; `others` are still in conflict.
fn print_next(resolved: &[String], others: &[String], is_done: bool, terminal: Terminal) {
    if !resolved.is_empty() {
        let add = format!("git add {}", resolved.join(" "));
        let go_on = Operation::current().go_on();
        let go_on = go_on.filter(|_| is_done && others.is_empty());
        let go_on = go_on.map_or_else(String::new, |go_on| format!(" && {go_on}"));
        terminal.line(&format!("next: {add}{go_on}"));
    }
    if !others.is_empty() {
        terminal.line(&format!(
            "still in conflict, and not catalogs: {}",
            others.join(", ")
        ));
    }
}

/// The files that git could not merge, each with its path for people, by its path without links.
type UnmergedFiles = BTreeMap<PathBuf, (PathBuf, Unmerged)>;

/// Finds the files that git could not merge, in the repositories of the current folder and of the catalogs.
fn find_unmerged(config: &Config) -> UnmergedFiles {
    let catalogs = config.catalogs.iter().map(|path| behind_links(path));
    let of_catalogs = catalogs.filter_map(|path| Some(path.parent()?.to_owned()));
    let folders: BTreeSet<PathBuf> = of_catalogs.chain([PathBuf::new()]).collect();
    let files = folders.iter().flat_map(|folder| git::unmerged(folder));
    let mut unmerged = UnmergedFiles::new();
    for (path, file) in files {
        unmerged.entry(canonical(&path)).or_insert((path, file));
    }
    unmerged
}

/// Returns the path of a file without links; the file need not exist.
fn canonical(path: &Path) -> PathBuf {
    let path = behind_links(path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.canonicalize(),
        _ => Path::new(".").canonicalize(),
    };
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// Finds the catalogs of other sites among the files that git could not merge.
fn find_others(unmerged: &UnmergedFiles, config: &Config) -> Vec<PathBuf> {
    let files = config.catalogs.iter();
    let files = files.flat_map(|path| store::files(path).unwrap_or_default());
    let known: BTreeSet<PathBuf> = files.map(|path| canonical(&path)).collect();
    let is_catalog = |file: &Unmerged| {
        let versions = file.versions();
        versions.is_some_and(|versions| {
            file::is_catalog(&versions.ours) && file::is_catalog(&versions.theirs)
        })
    };
    let others = unmerged
        .iter()
        .filter(|(path, (_, file))| !known.contains(*path) && is_catalog(file));
    others.map(|(_, (path, _))| path.clone()).collect()
}

/// The state of a catalog in the merge of git.
enum State {
    NotInConflict,
    /// Nothing is left to merge; with the reason.
    Resolved(&'static str),
    InConflict(Versions),
}

/// Why a catalog cannot be merged, and what to do.
struct Problem {
    text: String,
    hint: String,
}

/// Finds the versions of a catalog in conflict: in git's index, otherwise in the file itself.
fn find_versions(path: &Path, unmerged: Option<&Unmerged>) -> Result<State, Problem> {
    let fail = |text: String| Problem {
        text,
        hint: "abort the merge and begin it again".to_owned(),
    };
    let text = match file::read(path) {
        Ok(text) => text,
        Err(file::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(State::NotInConflict);
        }
        Err(error) => return Err(fail(chain(&error))),
    };
    if unmerged.is_some_and(Unmerged::is_deleted) {
        return Ok(State::Resolved(
            "was deleted by one side; it stays, with the builds of the other",
        ));
    }
    if let Some(versions) = unmerged.and_then(Unmerged::versions) {
        return by_hand(path, &text, versions);
    }
    match conflict::first_marker(&text) {
        None => Ok(State::NotInConflict),
        Some(_) => match conflict::split(&text) {
            Ok(versions) => Ok(State::InConflict(versions)),
            Err(error) => Err(fail(format!("{}: {error}", escape::shown(path)))),
        },
    }
}

/// Decides about a file that git could not merge: a sound catalog that is neither of the versions was made by
/// hand and stays, but not if it lacks builds.
fn by_hand(path: &Path, text: &[u8], versions: Versions) -> Result<State, Problem> {
    let parse = |text: &[u8]| file::parse(text, "").ok();
    let sides = [parse(&versions.ours), parse(&versions.theirs)];
    let Some(made) = parse(text).filter(|made| !sides.iter().flatten().any(|side| side == made))
    else {
        return Ok(State::InConflict(versions));
    };
    let lost: BTreeSet<&str> = sides
        .iter()
        .flatten()
        .flat_map(|side| lost(&made, side))
        .collect();
    if lost.is_empty() {
        return Ok(State::Resolved("is merged already"));
    }
    let name = escape::shown(path);
    let mut names: Vec<String> = lost.iter().map(|name| escape::escape(name)).collect();
    if names.len() > MAX_NAMES {
        let num_more = names.len() - MAX_NAMES;
        names.truncate(MAX_NAMES);
        names.push(format!("{num_more} more"));
    }
    Err(Problem {
        text: format!(
            "{name} was merged by hand, and lacks builds of the two sides: {}",
            names.join(", ")
        ),
        hint: format!(
            "to merge it again: git checkout --merge -- {name} && romfeed catalog merge; to leave \
             them out: git add {name}, then romfeed catalog remove"
        ),
    })
}

/// Lists the file names of builds that a catalog neither has nor removed.
fn lost<'a>(made: &'a Catalog, side: &'a Catalog) -> impl Iterator<Item = &'a str> {
    let is_lost = |(identity, _): &(&str, _)| {
        !made.builds.contains_key(identity) && !made.tombstones.contains_key(*identity)
    };
    let lost = side.builds.iter().filter(is_lost);
    lost.map(|(_, record)| record.build.filename.as_str())
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
    // With several common ancestors, git merges these first, and its base may have conflict markers.
    let is_known = |text: &&[u8]| !text.is_empty() && conflict::first_marker(text).is_none();
    let base = match versions.base.as_deref().filter(is_known) {
        Some(text) => parse(text, "base").ok()?,
        None => Catalog::default(),
    };
    let ours = parse(&versions.ours, "ours").ok()?;
    let theirs = parse(&versions.theirs, "theirs").ok()?;
    let clashes = match merge(&base, &ours, &theirs, prefer) {
        Ok(merged) => return Some(merged),
        Err(clashes) => clashes,
    };
    let [of_ours, of_theirs] = Operation::current().sides();
    let hint = format!(
        "choose whose values to use: romfeed catalog merge --prefer ours ({of_ours}), or --prefer \
         theirs ({of_theirs})"
    );
    let last = clashes.len() - 1;
    for (index, clash) in clashes.iter().enumerate() {
        let message = format!("{name}: {clash}");
        terminal.error(&message, (index == last).then_some(hint.as_str()));
    }
    None
}

/// Merges three files into the second, as git calls its merge drivers (gitattributes(5)). If that
/// fails, the second holds the versions between conflict markers, for [`run`] to merge later; if that fails
/// too, the call in git's settings lets git do so ([`hosting::MERGE_DRIVER`](romfeed::hosting::MERGE_DRIVER)).
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
            let text = git::merge_texts([base, ours, theirs]);
            let base = versions.base.as_deref().unwrap_or_default();
            let join = || conflict::join(base, &versions.ours, &versions.theirs);
            (text.unwrap_or_else(join), Outcome::Failed)
        }
    };
    match write_atomically(ours, &text) {
        Ok(()) => outcome,
        Err(error) => {
            let text = format!("cannot write {}: {error}", escape::shown(ours));
            terminal.error(&text, None);
            Outcome::Usage
        }
    }
}
