//! Three versions of one catalog become one, as git merges three versions of a text.
//!
//! In: the version both sides began with, and the versions of both. Out: one catalog that knows
//! every build of either side, or all facts in which they contradict each other. Builds are the
//! same if they have the same SHA-256 or `id`; their facts are merged key by key, as the file
//! has them, so that no key of the schema is forgotten. Only a tombstone removes a build: a
//! record that is merely absent on one side stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::file::{self, Facts};
use super::{Catalog, Reason, Record, Tombstone};
use crate::model::build::Device;

/// One of the two sides of a merge, as git names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The branch that is checked out; in a rebase, the one that is built upon.
    Ours,
    /// The other branch.
    Theirs,
}

/// What the two sides contradict each other in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Clash {
    /// Both changed the same fact of a build.
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
    /// Both have a build that no other may share something with.
    #[error("{}: two packages have the same {what}: `{}` in ours, `{}` in theirs",
        .filename.escape_debug(), .ours.escape_debug(), .theirs.escape_debug())]
    Twins {
        /// The file name of the build in ours.
        filename: String,
        /// What they share.
        what: &'static str,
        /// The SHA-256 or `id` of the build in ours.
        ours: String,
        /// The same of the build in theirs.
        theirs: String,
    },
    /// Facts of both sides do not go together.
    #[error("{}: the facts of both sides together are not possible: {reason}",
        .filename.escape_debug())]
    Impossible {
        /// The build's file name.
        filename: String,
        /// Why.
        reason: String,
    },
}

/// What a catalog says of one package.
#[derive(Clone, Copy)]
enum Known<'a> {
    Build(&'a Record),
    Stone(&'a Tombstone),
}

impl<'a> Known<'a> {
    fn build(self) -> Option<&'a Record> {
        match self {
            Known::Build(record) => Some(record),
            Known::Stone(_) => None,
        }
    }

    fn stone(self) -> Option<&'a Tombstone> {
        match self {
            Known::Build(_) => None,
            Known::Stone(stone) => Some(stone),
        }
    }
}

/// The SHA-256 of a build that one version knows only by its `id`; none where several have it.
type Digests<'a> = BTreeMap<&'a str, Option<&'a str>>;

/// Merges both sides; `base` is empty where the version they began with is not known.
///
/// A fact that both changed takes the value of the side in `prefer`, and of two builds with one
/// file name or `id` that side's supersedes the other.
///
/// # Errors
/// All contradictions that `prefer` does not settle.
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
            (Some(ours), Some(theirs)) => merger.both(base, *ours, *theirs, &mut merged),
            (Some(one), None) | (None, Some(one)) => insert(*one, &mut merged),
            (None, None) => {}
        }
    }
    merger.settle_twins(&mut merged, ours);
    match merger.clashes.is_empty() {
        true => Ok(merged),
        false => Err(merger.clashes),
    }
}

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

fn by_package<'a>(catalog: &'a Catalog, digests: &Digests<'a>) -> BTreeMap<&'a str, Known<'a>> {
    let package = |identity: &'a String| {
        let digest = digests.get(identity.as_str()).copied().flatten();
        digest.unwrap_or(identity)
    };
    let stones = catalog.tombstones.iter();
    let stones = stones.map(|(identity, stone)| (package(identity), Known::Stone(stone)));
    let builds = catalog.builds.iter();
    let builds = builds.map(|(identity, record)| (package(identity), Known::Build(record)));
    stones.chain(builds).collect()
}

fn insert(known: Known<'_>, merged: &mut Catalog) {
    match known {
        Known::Build(record) => insert_build(record.clone(), merged),
        Known::Stone(stone) => insert_stone(stone.clone(), merged),
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

/// The value that both sides come to, if only one of them changed it.
fn three_way<T: PartialEq>(base: T, ours: T, theirs: T) -> Option<T> {
    match () {
        () if ours == theirs || base == theirs => Some(ours),
        () if base == ours => Some(theirs),
        () => None,
    }
}

/// Fills in what only one of them knows.
fn share(one: &mut Option<String>, other: &mut Option<String>) {
    match (&*one, &*other) {
        (None, Some(_)) => one.clone_from(other),
        (Some(_), None) => other.clone_from(one),
        _ => {}
    }
}

struct Merger {
    prefer: Option<Side>,
    clashes: Vec<Clash>,
}

impl Merger {
    fn both(
        &mut self,
        base: Option<Known<'_>>,
        ours: Known<'_>,
        theirs: Known<'_>,
        merged: &mut Catalog,
    ) {
        match (ours, theirs) {
            (Known::Build(ours), Known::Build(theirs)) => {
                let base = base.and_then(Known::build);
                let facts = self.facts(
                    &ours.build.filename,
                    &base.map(file::record_facts).unwrap_or_default(),
                    &file::record_facts(ours),
                    &file::record_facts(theirs),
                );
                match file::record_of(facts) {
                    Ok(record) => insert_build(record, merged),
                    Err(reason) => self.impossible(&ours.build.filename, reason),
                }
            }
            (Known::Stone(ours), Known::Stone(theirs)) => {
                let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
                // Removed by hand is more than superseded.
                if ours.reason == Reason::Removed || theirs.reason == Reason::Removed {
                    ours.reason = Reason::Removed;
                    theirs.reason = Reason::Removed;
                }
                let base = base.and_then(Known::stone);
                let facts = self.facts(
                    &ours.filename,
                    &base.map(file::tombstone_facts).unwrap_or_default(),
                    &file::tombstone_facts(&ours),
                    &file::tombstone_facts(&theirs),
                );
                match file::tombstone_of(facts) {
                    Ok(stone) => insert_stone(stone, merged),
                    Err(reason) => self.impossible(&ours.filename, reason),
                }
            }
            (Known::Build(record), Known::Stone(stone))
            | (Known::Stone(stone), Known::Build(record)) => {
                let (mut record, mut stone) = (record.clone(), stone.clone());
                let build = &mut record.build;
                share(&mut build.sha256, &mut stone.sha256);
                share(&mut build.id, &mut stone.id);
                match base {
                    // One side brought back what was removed.
                    Some(Known::Stone(_)) => insert_build(record, merged),
                    _ => insert_stone(stone, merged),
                }
            }
        }
    }

    fn impossible(&mut self, filename: &str, reason: String) {
        self.clashes.push(Clash::Impossible {
            filename: filename.to_owned(),
            reason,
        });
    }

    fn facts(&mut self, filename: &str, base: &Facts, ours: &Facts, theirs: &Facts) -> Facts {
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let mut merged = Facts::new();
        for key in keys {
            let values = [base, ours, theirs].map(|facts| facts.get(key));
            let value = match key.as_str() {
                "former" => self.list(filename, key, values, Value::to_string),
                "images" => self.list(filename, key, values, |image| image["filename"].to_string()),
                // By these a package is known, so what one side knows stays known.
                "id" | "sha256" if values[1].is_none() || values[2].is_none() => {
                    values[1].or(values[2]).cloned()
                }
                _ => self.value(filename, key, values).cloned(),
            };
            if let Some(value) = value {
                merged.insert(key.clone(), value);
            }
        }
        merged
    }

    fn value<'a>(
        &mut self,
        filename: &str,
        fact: &str,
        [base, ours, theirs]: [Option<&'a Value>; 3],
    ) -> Option<&'a Value> {
        three_way(base, ours, theirs).unwrap_or_else(|| match self.prefer {
            Some(Side::Ours) => ours,
            Some(Side::Theirs) => theirs,
            None => {
                self.clashes.push(Clash::Fact {
                    filename: filename.to_owned(),
                    fact: fact.to_owned(),
                    ours: shown(ours),
                    theirs: shown(theirs),
                });
                ours
            }
        })
    }

    /// Merges lists item by item; items of one name are versions of each other.
    fn list(
        &mut self,
        filename: &str,
        fact: &str,
        lists: [Option<&Value>; 3],
        name: impl Fn(&Value) -> String,
    ) -> Option<Value> {
        let [base, ours, theirs] = lists;
        if let Some(list) = three_way(base, ours, theirs) {
            return list.cloned();
        }
        let items = lists.map(|list| -> BTreeMap<String, &Value> {
            let items = list.and_then(Value::as_array).into_iter().flatten();
            items.map(|item| (name(item), item)).collect()
        });
        let names: BTreeSet<&String> = items.iter().flat_map(BTreeMap::keys).collect();
        let merged = names.into_iter().filter_map(|name| {
            let versions = items.each_ref().map(|items| items.get(name).copied());
            self.value(filename, fact, versions).cloned()
        });
        Some(Value::Array(merged.collect()))
    }

    /// Finds builds that share what phones or files are told apart by.
    fn settle_twins(&mut self, merged: &mut Catalog, ours: &Catalog) {
        let of_filename = |record: &Record| record.build.filename.clone();
        let of_phone_id = |record: &Record| record.build.phone_id().to_owned();
        self.settle(merged, ours, "file name", of_filename);
        self.settle(merged, ours, "id", of_phone_id);
    }

    fn settle(
        &mut self,
        merged: &mut Catalog,
        ours: &Catalog,
        what: &'static str,
        name: impl Fn(&Record) -> String,
    ) {
        let mut firsts: BTreeMap<String, String> = BTreeMap::new();
        let mut twins = Vec::new();
        for (identity, record) in &merged.builds {
            if let Some(first) = firsts.insert(name(record), identity.clone()) {
                twins.push((first, identity.clone()));
            }
        }
        for (first, second) in twins {
            let shared = merged.builds.get(&first).map(&name);
            let mut builds = ours.builds.values();
            let named = builds.find(|record| Some(name(record)) == shared);
            let is_ours = named.is_some_and(|Record { build, .. }| {
                let merged = merged.builds.get(&first).map(|record| &record.build);
                build.identity() == first
                    || (build.id.is_some() && merged.is_some_and(|merged| merged.id == build.id))
            });
            let (ours, theirs) = match is_ours {
                true => (first, second),
                false => (second, first),
            };
            match self.prefer {
                Some(Side::Ours) => {
                    merged.bury(&theirs, Reason::Superseded(ours));
                }
                Some(Side::Theirs) => {
                    merged.bury(&ours, Reason::Superseded(theirs));
                }
                None => {
                    let record = merged.builds.get(&ours);
                    let filename = record.map(|record| record.build.filename.clone());
                    self.clashes.push(Clash::Twins {
                        filename: filename.unwrap_or_default(),
                        what,
                        ours,
                        theirs,
                    });
                }
            }
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACKAGES: usize = 4;

    /// What a catalog may say of a package.
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
        fn sides_can_change_places_and_no_package_is_lost(
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
        fn what_one_side_alone_changed_is_merged(base in states(), ours in states()) {
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

    /// The merged states of one package.
    fn one(base: u8, ours: u8, theirs: u8) -> Result<Catalog, Vec<Clash>> {
        merge(
            &catalog(&[base]),
            &catalog(&[ours]),
            &catalog(&[theirs]),
            None,
        )
    }

    #[test]
    fn a_removal_stands_and_a_return_too() {
        assert_eq!(one(1, 8, 2).unwrap(), catalog(&[8]));
        assert_eq!(one(0, 1, 8).unwrap(), catalog(&[8]));
        assert_eq!(one(8, 8, 1).unwrap(), catalog(&[1]));
        assert_eq!(one(1, 8, 9).unwrap(), catalog(&[8]));
        assert_eq!(one(1, 1, 0).unwrap(), catalog(&[1]));
    }

    #[test]
    fn facts_of_both_sides_are_united_and_contradictions_are_named() {
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
