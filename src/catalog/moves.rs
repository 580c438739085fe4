//! Packages that go from the file of one device to that of another.
//!
//! In: the files of devices as they are, and a catalog as it is to be. Out: what each file holds until the others are
//! written, so that whenever a run is killed, every package is in one of them; and which record counts where two files
//! have one package then. That is the later one: it names the device of the other as a former one.
//!
//! A removed build that is added again for another device is in its new file first as a tombstone, and as a build only
//! once its former tombstone is gone. So a build and a tombstone that does not name the device of the build as a former
//! one are never left by a killed run, but by a program such as git; romfeed cannot know which of them is meant.

use std::collections::{BTreeMap, BTreeSet};

use super::channels::ChannelKey;
use super::device_file::file_name;
use super::{Catalog, Record, Tombstone};
use crate::model::build::Device;

/// A package that two files have, and neither is known to be the later.
pub(super) struct Twice {
    /// The device whose file was added before.
    pub(super) device: Device,
    /// The file name of the package.
    pub(super) filename: String,
}

/// What was found out while the catalogs of devices were added to each other.
#[derive(Default)]
pub(super) struct Added {
    /// The devices whose files have outdated records.
    pub(super) outdated: BTreeSet<Device>,
    /// The packages that two files have.
    pub(super) twice: Vec<Twice>,
}

/// Adds the catalog of one device to those of others, but no package that one of them has.
pub(super) fn add(all: &mut Catalog, catalog: &Catalog) -> Added {
    let Added {
        mut outdated,
        mut twice,
    } = Added::default();
    for (identity, record) in &catalog.builds {
        let device = &record.build.device;
        let mut is_twice = |known: &Device| {
            twice.push(Twice {
                device: known.clone(),
                filename: record.build.filename.clone(),
            });
        };
        if let Some(stone) = all.tombstones.get(identity) {
            match names(&stone.former, device) {
                true => _ = outdated.insert(device.clone()),
                false => is_twice(&stone.device),
            }
            continue;
        }
        let Some(known) = all.builds.get(identity) else {
            all.builds.share(identity, &catalog.builds);
            continue;
        };
        let Some(later) = later(known, record) else {
            is_twice(&known.build.device);
            continue;
        };
        let devices = [&known.build.device, device].into_iter();
        outdated.extend(devices.filter(|d| **d != later.build.device).cloned());
        all.builds.insert(identity, later);
    }
    for (identity, stone) in &catalog.tombstones {
        let added = add_stone(all, identity, stone, &mut outdated);
        twice.extend(added.err());
    }
    all.aliases.extend(catalog.aliases.clone());
    Added { outdated, twice }
}

fn add_stone(
    all: &mut Catalog,
    identity: &str,
    stone: &Tombstone,
    outdated: &mut BTreeSet<Device>,
) -> Result<(), Twice> {
    let stones = &mut all.tombstones;
    let known = stones.get(identity);
    if known.is_some_and(|known| names(&known.former, &stone.device)) {
        outdated.insert(stone.device.clone());
        return Ok(());
    }
    let build = all.builds.get(identity).map(|record| &record.build.device);
    if let Some(device) = build.or(known.map(|known| &known.device)) {
        if !names(&stone.former, device) {
            return Err(Twice {
                device: device.clone(),
                filename: stone.filename.clone(),
            });
        }
        outdated.insert(device.clone());
        all.builds.remove(identity);
    }
    stones.insert(identity.to_owned(), stone.clone());
    Ok(())
}

/// Whether one of the former channels is of a device.
fn names(former: &[ChannelKey], device: &Device) -> bool {
    former.iter().any(|channel| channel.device == *device)
}

/// Returns the later of two records of one build, if a run that moved it was killed, or git merged one
/// of the files alone: it names the device of the other. A build that was moved back and forth may be
/// the earlier one until its package is read again. A withdrawn build stays withdrawn.
fn later(one: &Record, other: &Record) -> Option<Record> {
    let follows = |later: &Record, earlier: &Record| names(&later.former, &earlier.build.device);
    let (later, earlier) = match (follows(one, other), follows(other, one)) {
        (true, _) => (one, other),
        (false, true) => (other, one),
        (false, false) => return None,
    };
    let mut record = later.clone();
    record.yanked = record.yanked.or_else(|| earlier.yanked.clone());
    Some(record)
}

/// The packages that go from one file to another when a catalog is written.
pub(super) struct Moves {
    /// What files had of packages that leave them, by name.
    leaving: BTreeMap<String, Catalog>,
    /// Tombstones of the builds that come back in another file than the one they were removed from, by name.
    returning: BTreeMap<String, Vec<Tombstone>>,
}

impl Moves {
    /// Compares the files to be written, as they are, with the catalog.
    pub(super) fn new(former: &BTreeMap<String, Catalog>, catalog: &Catalog) -> Moves {
        let mut moves = Moves {
            leaving: BTreeMap::new(),
            returning: BTreeMap::new(),
        };
        for (name, former) in former {
            // The file that has a package from now on, if that is another.
            let other = |identity: &str| {
                let build = catalog.builds.get(identity);
                let stone = catalog.tombstones.get(identity);
                let device = build.map(|record| &record.build.device);
                let now = file_name(device.or(stone.map(|stone| &stone.device))?);
                (now != *name).then_some(now)
            };
            for identity in former.builds.keys() {
                if other(identity).is_some() {
                    let leaving = moves.leaving.entry(name.clone()).or_default();
                    leaving.builds.share(identity, &former.builds);
                }
            }
            for (identity, stone) in &former.tombstones {
                let Some(now) = other(identity) else {
                    continue;
                };
                let leaving = moves.leaving.entry(name.clone()).or_default();
                leaving.tombstones.insert(identity.clone(), stone.clone());
                if let Some(record) = catalog.builds.get(identity) {
                    let mut record = record.clone();
                    record.keep_former(stone);
                    let stone = Tombstone::new(&record, stone.reason.clone());
                    moves.returning.entry(now).or_default().push(stone);
                }
            }
        }
        moves
    }

    /// Whether packages leave a file.
    pub(super) fn leave(&self, name: &str) -> bool {
        self.leaving.contains_key(name)
    }

    /// Whether removed builds come back in a file.
    pub(super) fn come_back(&self, name: &str) -> bool {
        self.returning.contains_key(name)
    }

    /// Returns what a file holds until the other files are written; `None` if that is what it holds in the end.
    pub(super) fn before_others(&self, name: &str, in_the_end: &Catalog) -> Option<Catalog> {
        let Some(leaving) = self.leaving.get(name) else {
            return self.after_others(name, in_the_end);
        };
        let held = self.after_others(name, in_the_end);
        let mut held = held.unwrap_or_else(|| in_the_end.clone());
        for identity in leaving.builds.keys() {
            held.builds.share(identity, &leaving.builds);
        }
        held.tombstones.extend(leaving.tombstones.clone());
        Some(held)
    }

    /// Returns what a file holds until what leaves the other files is gone there; `None` if that is what it holds in
    /// the end.
    pub(super) fn after_others(&self, name: &str, in_the_end: &Catalog) -> Option<Catalog> {
        let returning = self.returning.get(name)?;
        let mut held = in_the_end.clone();
        for stone in returning {
            held.builds.remove(stone.identity());
            let identity = stone.identity().to_owned();
            held.tombstones.insert(identity, stone.clone());
        }
        Some(held)
    }
}
