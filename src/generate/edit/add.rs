//! Adds a build to the catalog.
//!
//! In: a [`Candidate`] and the catalogs. Out: the build in the catalog that romfeed maintains, with the
//! id that phones know, or why it was refused.

use super::{Candidate, EditError, Note};
use crate::catalog::{Catalog, Catalogs, Reason, Record, Tombstone, file};
use crate::generate::recognise::recognise_imported;
use crate::generate::{SharedLists, object};
use crate::model::build::{self, Build};
use crate::model::config::{AddressSource, Config};
use crate::model::entry_rules::{self, ListedBuild};

/// Adds a build, or updates it if it is in the catalog; `now` is in seconds since the epoch.
///
/// # Errors
/// [`EditError::Refused`] if phones could not use it, or another catalog has it;
/// [`EditError::NoAddress`].
pub fn add(
    candidate: Candidate,
    config: &Config,
    catalogs: &mut Catalogs,
    now: i64,
) -> Result<Vec<Note>, EditError> {
    let Candidate {
        build,
        mut notes,
        is_read,
    } = candidate;
    notes.extend(validate(&build, now)?);
    if is_read && let Some(objection) = object(config, &build, catalogs) {
        return Err(format!("{}: {objection}", build.filename.escape_debug()).into());
    }
    let shared = SharedLists::new(catalogs).warning(config, &build);
    notes.extend(shared.map(Note::OfPackage));
    match config.address(&build) {
        None => {
            let reason = "no setting gives it a download address".to_owned();
            return Err(EditError::NoAddress(reason));
        }
        Some((_, AddressSource::Site)) if !config.builds.join(&build.path).exists() => {
            let builds = config.builds.display();
            let reason = format!("it is not in {builds}, so phones cannot get it from there");
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
    let own = &mut catalogs.own;
    let mut record = Record::new(build);
    recognise(&mut record.build, own);
    make_room(&mut record, own, &mut notes)?;
    let build = &record.build;
    let has_its_id = |other: &&Record| {
        other.build.phone_id() == build.phone_id() && other.build.identity() != build.identity()
    };
    if let Some(other) = own.builds.values().find(has_its_id) {
        let other = other.build.filename.escape_debug();
        return Err(format!("`{other}` has its md5, and phones know it by that already").into());
    }
    if let Some(known) = own.builds.remove(record.build.identity()) {
        keep_known(&mut record, known);
    }
    let identity = record.build.identity().to_owned();
    own.builds.insert(identity, record);
    Ok(notes)
}

/// Refuses a build that phones or hosts could not use; doubts are notes.
fn validate(build: &Build, now: i64) -> Result<Vec<Note>, String> {
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
    file::validate_build(build)?;
    if let Some((what, value, reason)) = build.unportable() {
        return Err(format!("{what} `{}` {reason}", value.escape_debug()));
    }
    match build.incremental.as_deref().and_then(build::path_fault) {
        None => Ok(problems.into_iter().map(Note::Doubtful).collect()),
        Some(reason) => Err(format!(
            "the incremental cannot be part of a feed's address: {reason}"
        )),
    }
}

/// Finds the same build in the catalog if only one of the two has a SHA-256, and gives both the
/// same identity and the id that phones know.
fn recognise(build: &mut Build, own: &mut Catalog) {
    recognise_imported(build, own);
    let Some(Record { build: known, .. }) = own.find_filename(&build.filename) else {
        return;
    };
    let is_it = known.device == build.device
        && known.size == build.size
        && known.md5.is_some()
        && known.md5 == build.md5;
    if build.sha256.is_none() && is_it {
        build.sha256.clone_from(&known.sha256);
        build.id.clone_from(&known.id);
    }
}

/// Removes the build that has the new build's file name, and the new build's tombstones.
fn make_room(record: &mut Record, own: &mut Catalog, notes: &mut Vec<Note>) -> Result<(), String> {
    let build = &record.build;
    let namesake = own
        .find_filename(&build.filename)
        .map(|record| record.build.clone());
    if let Some(old) = namesake.filter(|old| old.identity() != build.identity()) {
        if old.device != build.device {
            return Err(format!(
                "it is for {}, and a build of {} has its file name `{}`",
                build.device,
                old.device,
                build.filename.escape_debug()
            ));
        }
        notes.push(Note::Superseded(build.filename.clone()));
        let reason = Reason::Superseded(build.identity().to_owned());
        own.bury(old.identity(), reason);
    }
    // A build that was removed before its SHA-256 was known is recognised by its name.
    let is_it = |identity: &str, stone: &Tombstone| {
        identity == build.identity()
            || stone.sha256.is_none()
                && stone.reason == Reason::Removed
                && stone.device == build.device
                && stone.filename == build.filename
    };
    let stones = own.tombstones.iter();
    let stones = stones.filter(|(identity, stone)| is_it(identity, stone));
    let stones: Vec<String> = stones.map(|(identity, _)| identity.clone()).collect();
    for identity in stones {
        if let Some(stone) = own.tombstones.remove(&identity) {
            record.keep_former(&stone);
            record.build.id = record.build.id.take().or(stone.id);
        }
        notes.push(Note::Returned);
    }
    Ok(())
}

/// Keeps what phones know of a build that is added again, above all its id.
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
