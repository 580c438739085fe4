//! Merges two versions of a catalog with their common ancestor, as git merges texts.
//!
//! In: the common ancestor, and the versions of both sides. Out: one catalog with every build of
//! either side, or all contradictions between them. Builds are the same if they have the same
//! SHA-256 or `id`; their facts are merged key by key, under the keys of the file, so that no key
//! of the schema is forgotten. Only a tombstone removes a build: a record that is merely absent on
//! one side stays.

mod facts;
mod twins;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::file;
use super::{Catalog, Reason, Record, Tombstone};
use crate::model::build::{Build, Device};

/// A side of a merge, as git names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The branch that is checked out; in a rebase, the one that is built upon.
    Ours,
    /// The other branch.
    Theirs,
}

/// A contradiction between both sides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Clash {
    /// Both sides changed the same fact of a build.
    #[error("{}: both sides changed `{fact}`: `{}` in ours, `{}` in theirs",
        .filename.escape_debug(), .ours.escape_debug(), .theirs.escape_debug())]
    Fact {
        /// The build's file name.
        filename: String,
        /// The key of the fact.
        fact: String,
        /// Its value in ours.
        ours: String,
        /// Its value in theirs.
        theirs: String,
    },
    /// Two builds have the same file name or `id`.
    #[error("{}: two packages have the same {what}: `{}` in ours, `{}` in theirs",
        .filename.escape_debug(), .ours.escape_debug(), .theirs.escape_debug())]
    Twins {
        /// The file name of the build in ours.
        filename: String,
        /// What they share.
        what: &'static str,
        /// The SHA-256 or `id` of the build in ours.
        ours: String,
        /// The SHA-256 or `id` of the build in theirs.
        theirs: String,
    },
    /// The facts of both sides make no valid build.
    #[error("{}: the facts of both sides together are not possible: {reason}",
        .filename.escape_debug())]
    Impossible {
        /// The build's file name.
        filename: String,
        /// Why.
        reason: String,
    },
}

/// What a catalog holds for one package.
#[derive(Clone, Copy)]
enum PackageState<'a> {
    Build(&'a Record),
    Stone(&'a Tombstone),
}

impl<'a> PackageState<'a> {
    fn build(self) -> Option<&'a Record> {
        match self {
            PackageState::Build(record) => Some(record),
            PackageState::Stone(_) => None,
        }
    }

    fn stone(self) -> Option<&'a Tombstone> {
        match self {
            PackageState::Build(_) => None,
            PackageState::Stone(stone) => Some(stone),
        }
    }
}

/// The SHA-256 of each `id`, so that builds known only by `id` can be matched; `None` where several
/// builds have the `id`.
type Digests<'a> = BTreeMap<&'a str, Option<&'a str>>;

/// Merges both sides; `base` is empty if the common ancestor is unknown.
///
/// A fact that both sides changed takes the value of the side in `prefer`; of two builds with one
/// file name or `id`, the one of that side supersedes the other.
///
/// # Errors
/// All contradictions that `prefer` does not resolve.
pub fn merge(
    base: &Catalog,
    ours: &Catalog,
    theirs: &Catalog,
    prefer: Option<Side>,
) -> Result<Catalog, Vec<Clash>> {
    let digests = digests([base, ours, theirs]);
    let [base_known, our_known, their_known] =
        [base, ours, theirs].map(|catalog| by_package(catalog, &digests));
    let mut merger = Merger {
        prefer,
        clashes: Vec::new(),
    };
    let mut merged = Catalog {
        aliases: merge_aliases(base, ours, theirs),
        ..Catalog::default()
    };
    let packages: BTreeSet<&str> = our_known
        .keys()
        .chain(their_known.keys())
        .copied()
        .collect();
    for package in packages {
        let base = base_known.get(package).copied();
        match (our_known.get(package), their_known.get(package)) {
            (Some(ours), Some(theirs)) => merger.merge_package(base, *ours, *theirs, &mut merged),
            (Some(one), None) | (None, Some(one)) => insert(*one, &mut merged),
            (None, None) => {}
        }
    }
    merger.resolve_twins(&mut merged, ours);
    match merger.clashes.is_empty() {
        true => Ok(merged),
        false => Err(merger.clashes),
    }
}

/// Collects the SHA-256 of each `id`.
fn digests<'a>(catalogs: [&'a Catalog; 3]) -> Digests<'a> {
    let mut digests = Digests::new();
    for catalog in catalogs {
        let builds = catalog.builds.values().map(|record| &record.build);
        let builds = builds.map(|build| (&build.sha256, &build.id));
        let stones = catalog.tombstones.values();
        let stones = stones.map(|stone| (&stone.sha256, &stone.id));
        for (sha256, id) in builds.chain(stones) {
            if let (Some(sha256), Some(id)) = (sha256, id) {
                let digest = digests.entry(id).or_insert(Some(sha256));
                *digest = digest.filter(|known| *known == sha256);
            }
        }
    }
    digests
}

fn by_package<'a>(
    catalog: &'a Catalog,
    digests: &Digests<'a>,
) -> BTreeMap<&'a str, PackageState<'a>> {
    let package = |identity: &'a str| {
        let digest = digests.get(identity).copied().flatten();
        digest.unwrap_or(identity)
    };
    let stones = catalog.tombstones.iter();
    let stones = stones.map(|(identity, stone)| (package(identity), PackageState::Stone(stone)));
    let builds = catalog.builds.iter();
    let builds = builds.map(|(identity, record)| (package(identity), PackageState::Build(record)));
    stones.chain(builds).collect()
}

fn insert(known: PackageState<'_>, merged: &mut Catalog) {
    match known {
        PackageState::Build(record) => insert_build(record.clone(), merged),
        PackageState::Stone(stone) => insert_stone(stone.clone(), merged),
    }
}

fn insert_build(record: Record, merged: &mut Catalog) {
    let identity = record.build.identity().to_owned();
    merged.builds.insert(identity, record);
}

fn insert_stone(stone: Tombstone, merged: &mut Catalog) {
    let identity = stone.identity().to_owned();
    merged.tombstones.insert(identity, stone);
}

fn merge_aliases(
    base: &Catalog,
    ours: &Catalog,
    theirs: &Catalog,
) -> BTreeMap<Device, BTreeSet<Device>> {
    let pairs = |catalog: &Catalog| -> BTreeSet<(Device, Device)> {
        let lines = catalog.aliases.iter();
        let pairs = lines.flat_map(|(device, aliases)| {
            aliases.iter().map(|alias| (device.clone(), alias.clone()))
        });
        pairs.collect()
    };
    let (base, ours, theirs) = (pairs(base), pairs(ours), pairs(theirs));
    let mut merged: BTreeMap<Device, BTreeSet<Device>> = BTreeMap::new();
    for pair in &ours | &theirs {
        let in_both = ours.contains(&pair) && theirs.contains(&pair);
        if in_both || !base.contains(&pair) {
            merged.entry(pair.0).or_default().insert(pair.1);
        }
    }
    merged
}

/// Copies a value that only one of them has to the other.
fn share(one: &mut Option<String>, other: &mut Option<String>) {
    match (&*one, &*other) {
        (None, Some(_)) => one.clone_from(other),
        (Some(_), None) => other.clone_from(one),
        _ => {}
    }
}

/// Gives a build that both sides have found first, each at another source, the same place in both.
fn share_place(ours: &mut Build, theirs: &mut Build) {
    let source = |build: &Build| build.origin.as_ref().map(|origin| origin.source.clone());
    let (Some(our_source), Some(their_source)) = (source(ours), source(theirs)) else {
        return;
    };
    let (from, to) = match our_source.cmp(&their_source) {
        Ordering::Less => (ours, theirs),
        Ordering::Greater => (theirs, ours),
        Ordering::Equal => return,
    };
    to.path.clone_from(&from.path);
    to.filename.clone_from(&from.filename);
    to.url.clone_from(&from.url);
    to.origin.clone_from(&from.origin);
}

struct Merger {
    prefer: Option<Side>,
    clashes: Vec<Clash>,
}

impl Merger {
    /// Merges a package that both sides know.
    fn merge_package(
        &mut self,
        base: Option<PackageState<'_>>,
        ours: PackageState<'_>,
        theirs: PackageState<'_>,
        merged: &mut Catalog,
    ) {
        match (ours, theirs) {
            (PackageState::Build(ours), PackageState::Build(theirs)) => {
                let base = base.and_then(PackageState::build);
                let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
                if base.is_none() {
                    share_place(&mut ours.build, &mut theirs.build);
                }
                let facts = self.merge_facts(
                    &ours.build.filename,
                    &base.map(file::record_facts).unwrap_or_default(),
                    &file::record_facts(&ours),
                    &file::record_facts(&theirs),
                );
                match file::record_from_facts(facts) {
                    Ok(record) => insert_build(record, merged),
                    Err(reason) => self.report_impossible(&ours.build.filename, reason),
                }
            }
            (PackageState::Stone(ours), PackageState::Stone(theirs)) => {
                let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
                // A removal by hand takes precedence over a replacement.
                if ours.reason == Reason::Removed || theirs.reason == Reason::Removed {
                    ours.reason = Reason::Removed;
                    theirs.reason = Reason::Removed;
                }
                let base = base.and_then(PackageState::stone);
                let facts = self.merge_facts(
                    &ours.filename,
                    &base.map(file::tombstone_facts).unwrap_or_default(),
                    &file::tombstone_facts(&ours),
                    &file::tombstone_facts(&theirs),
                );
                match file::tombstone_from_facts(facts) {
                    Ok(stone) => insert_stone(stone, merged),
                    Err(reason) => self.report_impossible(&ours.filename, reason),
                }
            }
            (PackageState::Build(record), PackageState::Stone(stone))
            | (PackageState::Stone(stone), PackageState::Build(record)) => {
                let (mut record, mut stone) = (record.clone(), stone.clone());
                let build = &mut record.build;
                share(&mut build.sha256, &mut stone.sha256);
                share(&mut build.id, &mut stone.id);
                match base {
                    // One side brought back what was removed.
                    Some(PackageState::Stone(_)) => insert_build(record, merged),
                    _ => insert_stone(stone, merged),
                }
            }
        }
    }

    fn report_impossible(&mut self, filename: &str, reason: String) {
        self.clashes.push(Clash::Impossible {
            filename: filename.to_owned(),
            reason,
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const PACKAGES: usize = 4;

    /// Returns what a catalog holds for a package, and whether that is a build.
    fn record(package: usize, state: u8) -> Option<(bool, Value)> {
        let sha256 = format!("{package:064x}");
        let filename = format!("rom-{package}.zip");
        let mut record = serde_json::json!({
            "device": "bacon", "romtype": "nightly", "version": "21.0", "datetime": 1_722_470_400,
            "id": format!("id-{package}"), "sha256": sha256,
        });
        let mut set = |key: &str, value: Value| record[key] = value;
        if state >= 8 {
            set("filename", filename.into());
            set(
                "reason",
                if state == 8 { "removed" } else { "superseded" }.into(),
            );
            if state == 9 {
                set("superseded_by", "other".into());
            }
            return Some((false, record));
        }
        set("kind", "full".into());
        set("size", 5.into());
        set("path", format!("bacon/{filename}").into());
        match state {
            0 => return None,
            1 => {}
            2 => set("yanked", "no sound".into()),
            3 => set("yanked", "does not boot".into()),
            4 => set("retired", true.into()),
            5 => set(
                "former",
                serde_json::json!([{"device": "oneplus", "romtype": "nightly"}]),
            ),
            6 => set(
                "former",
                serde_json::json!([{"device": "one", "romtype": "weekly"}]),
            ),
            _ => set("sha256", Value::Null),
        }
        Some((true, record))
    }

    fn catalog(states: &[u8]) -> Catalog {
        let records = states.iter().enumerate();
        let records = records.filter_map(|(package, state)| record(package, *state));
        let (builds, stones): (Vec<_>, Vec<_>) = records.partition(|(is_build, _)| *is_build);
        let list = |records: Vec<(bool, Value)>| -> Vec<Value> {
            records.into_iter().map(|(_, record)| record).collect()
        };
        let text = serde_json::json!({
            "schema": 1, "builds": list(builds), "tombstones": list(stones),
        });
        file::parse(text.to_string().as_bytes(), "catalog.json").unwrap()
    }

    fn states() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0_u8..10, PACKAGES)
    }

    proptest! {
        #[test]
        fn the_order_of_sides_does_not_matter_and_no_package_is_lost(
            base in states(), ours in states(), theirs in states(),
        ) {
            let (base, ours, theirs) = (catalog(&base), catalog(&ours), catalog(&theirs));
            let merged = merge(&base, &ours, &theirs, None);
            let swapped = merge(&base, &theirs, &ours, None);
            prop_assert_eq!(merged.as_ref().ok(), swapped.as_ref().ok());
            let ours_first = merge(&base, &ours, &theirs, Some(Side::Ours)).unwrap();
            let swapped = merge(&base, &theirs, &ours, Some(Side::Theirs)).unwrap();
            prop_assert_eq!(&ours_first, &swapped);
            let text = file::render(&ours_first);
            prop_assert_eq!(&file::parse(&text, "catalog.json").unwrap(), &ours_first);
            for merged in merged.iter().chain([&ours_first]) {
                let known: BTreeSet<&str> = merged.identities().collect();
                for identity in ours.identities().chain(theirs.identities()) {
                    prop_assert!(known.contains(identity), "{}", identity);
                }
            }
        }

        #[test]
        fn changes_of_one_side_are_merged(base in states(), ours in states()) {
            let (base, ours) = (catalog(&base), catalog(&ours));
            let merged = merge(&base, &ours, &base, None).unwrap();
            for (identity, record) in &ours.builds {
                if base.builds.contains_key(identity) {
                    prop_assert_eq!(merged.builds.get(identity), Some(record));
                }
            }
            for (identity, stone) in &ours.tombstones {
                prop_assert_eq!(merged.tombstones.get(identity).map(|s| &s.filename), Some(&stone.filename));
            }
        }
    }

    /// Merges the states of one package.
    fn one(base: u8, ours: u8, theirs: u8) -> Result<Catalog, Vec<Clash>> {
        merge(
            &catalog(&[base]),
            &catalog(&[ours]),
            &catalog(&[theirs]),
            None,
        )
    }

    #[test]
    fn removals_and_restored_builds_are_kept() {
        assert_eq!(one(1, 8, 2).unwrap(), catalog(&[8]));
        assert_eq!(one(0, 1, 8).unwrap(), catalog(&[8]));
        assert_eq!(one(8, 8, 1).unwrap(), catalog(&[1]));
        assert_eq!(one(1, 8, 9).unwrap(), catalog(&[8]));
        assert_eq!(one(1, 1, 0).unwrap(), catalog(&[1]));
    }

    #[test]
    fn facts_of_both_sides_are_merged_and_contradictions_reported() {
        assert_eq!(one(2, 1, 2).unwrap(), catalog(&[1]));
        let merged = one(1, 2, 4).unwrap();
        let record = merged.builds.values().next().unwrap();
        assert!(record.retired && record.yanked.as_deref() == Some("no sound"));
        assert_eq!(one(5, 6, 1).unwrap(), catalog(&[6]));
        assert_eq!(
            one(1, 5, 6)
                .unwrap()
                .builds
                .values()
                .next()
                .unwrap()
                .former
                .len(),
            2
        );
        assert_eq!(one(7, 2, 7).unwrap(), catalog(&[2]));
        assert_eq!(
            one(1, 2, 3).unwrap_err()[0].to_string(),
            "rom-0.zip: both sides changed `yanked`: `no sound` in ours, `does not boot` in theirs"
        );
    }

    #[test]
    fn aliases_are_merged_name_by_name() {
        let with = |names: &[&str]| {
            let device = |name: &&str| Device::parse(name).unwrap();
            let names: BTreeSet<Device> = names.iter().map(device).collect();
            let aliases = (!names.is_empty()).then(|| (device(&"bacon"), names));
            Catalog {
                aliases: aliases.into_iter().collect(),
                ..Catalog::default()
            }
        };
        let merged = merge(
            &with(&["a", "b"]),
            &with(&["b", "c"]),
            &with(&["a", "b", "d"]),
            None,
        );
        assert_eq!(merged.unwrap(), with(&["b", "c", "d"]));
    }
}
