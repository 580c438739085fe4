//! Changes of the catalog by hand, from the command line or through the server.
//!
//! In: a [`Build`] whose facts somebody vouches for, or the name of one that is known. Out: the
//! catalog with it or without it, and [`Note`]s on what that means. All changes go through
//! [`change`], which holds the lock.

use std::fmt;

use super::{Error, lock_state, save_catalog};
use crate::build::{self, Build};
use crate::catalog::{Catalog, Catalogs, Reason, Record, file};
use crate::config::{AddressSource, Config};
use crate::entry_rules::{self, ListedBuild, Problem};

/// Fewest digits of a sha256 that name a build.
const MIN_PREFIX: usize = 8;

/// Why a catalog is not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// What was asked for cannot be; in one line, without control characters.
    #[error("{0}")]
    Refused(String),
    /// Phones would not find the build without an address of its own.
    #[error("{0}")]
    NoAddress(String),
    /// The catalog cannot be read or written.
    #[error(transparent)]
    Run(#[from] Error),
}

impl From<String> for EditError {
    fn from(reason: String) -> EditError {
        EditError::Refused(reason)
    }
}

/// What a change means beside what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The settings go before the address that was given with the build.
    OtherAddress(String),
    /// Another build had this file name, and is offered no more.
    Superseded(String),
    /// It was removed once.
    Returned,
    /// What the rules of entries find doubtful.
    Doubtful(Problem),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::OtherAddress(url) => {
                write!(
                    f,
                    "`url` in the settings goes before the given address: {url}"
                )
            }
            Note::Superseded(filename) => write!(
                f,
                "{}: the old build of this name is offered no more",
                filename.escape_debug()
            ),
            Note::Returned => f.write_str("it was removed before and is taken up again"),
            Note::Doubtful(problem) => problem.fmt(f),
        }
    }
}

/// Loads the catalogs under the lock, lets `edit` change them, and writes the first.
///
/// # Errors
/// [`EditError`]; then nothing is written.
pub fn change<T>(
    config: &Config,
    edit: impl FnOnce(&mut Catalogs) -> Result<T, EditError>,
) -> Result<T, EditError> {
    let _lock = lock_state(&config.state)?;
    let mut catalogs = Catalogs::load(&config.catalogs).map_err(Error::from)?;
    let done = edit(&mut catalogs)?;
    catalogs.merged().map_err(Error::from)?;
    save_catalog(&config.catalogs[0], &file::render(&catalogs.own))?;
    Ok(done)
}

/// Checks what a person or a program says of a build that no package was read for.
///
/// # Errors
/// [`EditError::Refused`] if no phone could compare with it.
pub fn check_said(build: &Build) -> Result<(), EditError> {
    let version = &build.version;
    match build::version_fault(version).or_else(|| build::version_number_fault(version)) {
        None => Ok(()),
        Some(reason) => {
            let version = version.escape_debug();
            Err(format!("version `{version}` {reason}").into())
        }
    }
}

/// Adds a build, or takes it up again; `now` is in seconds since the epoch.
///
/// # Errors
/// [`EditError::Refused`] if phones could not use it, or it is another catalog's;
/// [`EditError::NoAddress`].
pub fn add(
    build: Build,
    config: &Config,
    catalogs: &mut Catalogs,
    now: i64,
) -> Result<Vec<Note>, EditError> {
    let mut notes = check(&build, now)?;
    match config.address(&build) {
        None => {
            let reason = "no setting gives it a download address".to_owned();
            return Err(EditError::NoAddress(reason));
        }
        Some((_, AddressSource::Site)) if !config.builds.join(&build.path).exists() => {
            let builds = config.builds.display();
            let reason = format!("it does not lie in {builds}, so phones cannot get it there");
            return Err(EditError::NoAddress(reason));
        }
        Some((url, AddressSource::Template)) if build.url.is_some() => {
            notes.push(Note::OtherAddress(url));
        }
        Some(_) => {}
    }
    if catalogs.others_offer(build.identity()) {
        return Err("another catalog has this build already".to_owned().into());
    }
    make_room(&build, &mut catalogs.own, &mut notes)?;
    let own = &mut catalogs.own;
    let mut record = Record::new(build);
    if let Some(known) = own.builds.remove(record.build.identity()) {
        keep_known(&mut record, known);
    }
    let identity = record.build.identity().to_owned();
    own.builds.insert(identity, record);
    Ok(notes)
}

fn check(build: &Build, now: i64) -> Result<Vec<Note>, String> {
    let entry = ListedBuild {
        filename: Some(&build.filename),
        url: build.url.as_deref(),
        version: Some(&build.version),
        romtype: Some(build.romtype.as_str()),
        timestamp: Some(build.timestamp),
        size: Some(i64::try_from(build.size).unwrap_or(i64::MAX)),
    };
    let problems = entry_rules::judge(&entry, now);
    if let Some(error) = problems.iter().find(|problem| problem.is_error()) {
        return Err(error.to_string());
    }
    file::check(build)?;
    match build.incremental.as_deref().and_then(build::path_fault) {
        None => Ok(problems.into_iter().map(Note::Doubtful).collect()),
        Some(reason) => Err(format!(
            "the incremental cannot be part of a feed's address: {reason}"
        )),
    }
}

/// Takes the build out that has the name of the new one, and the new one's tombstone.
fn make_room(build: &Build, own: &mut Catalog, notes: &mut Vec<Note>) -> Result<(), String> {
    let namesake = own
        .find_filename(&build.filename)
        .map(|record| record.build.clone());
    if let Some(old) = namesake.filter(|old| old.identity() != build.identity()) {
        if old.device != build.device {
            return Err(format!(
                "a build of {} has this file name already",
                old.device
            ));
        }
        notes.push(Note::Superseded(build.filename.clone()));
        let reason = Reason::Superseded(build.identity().to_owned());
        own.bury(old.identity(), reason);
    }
    if own.tombstones.remove(build.identity()).is_some() {
        notes.push(Note::Returned);
    }
    Ok(())
}

/// What phones have of a build that is added once more stays: above all its id.
fn keep_known(record: &mut Record, known: Record) {
    let ours = &mut record.build;
    let theirs = known.build.clone();
    ours.id = theirs.id.filter(|id| ours.sha256.as_ref() != Some(id));
    ours.incremental = ours.incremental.take().or(theirs.incremental);
    ours.next_device = ours.next_device.take().or(theirs.next_device);
    ours.signer = ours.signer.take().or(theirs.signer);
    ours.images = theirs.images;
    let build = std::mem::replace(&mut record.build, known.build);
    record.former = known.former;
    record.update(build);
}

/// The identity of the build with this file name, path, id or start of its sha256.
///
/// # Errors
/// [`EditError::Refused`] if there is none, or more than one.
pub fn find(name: &str, config: &Config, own: &Catalog) -> Result<String, EditError> {
    let found: Vec<&str> = own
        .builds
        .values()
        .filter(|record| names_build(name, &record.build))
        .map(|record| record.build.identity())
        .collect();
    let name = name.escape_debug();
    match found[..] {
        [identity] => Ok(identity.to_owned()),
        [] => Err(EditError::Refused(format!(
            "`{name}` is no file name, and no start of at least {MIN_PREFIX} digits of a sha256, in {}",
            config.catalogs[0].display()
        ))),
        [..] => Err(EditError::Refused(format!(
            "`{name}` could be {} builds; give more digits",
            found.len()
        ))),
    }
}

fn names_build(name: &str, build: &Build) -> bool {
    let is_prefix =
        name.len() >= MIN_PREFIX && build.identity().starts_with(&name.to_ascii_lowercase());
    build.filename == name || build.path == name || build.phone_id() == name || is_prefix
}
