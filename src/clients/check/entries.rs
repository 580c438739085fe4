//! The entries of a list of builds, read and judged as each updater that reads the list would.
//!
//! In: the body of a list and its readers. Out: the entries, and a finding for each rule that one
//! breaks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::target::{Feed, Kind};
use super::transport::with_generations;
use super::{Installed, rules};
use crate::clients::updaters::{self, Entry, Generation, ListFault, Warning, read};
use crate::model::entry_rules::{self, ListedBuild, Problem};
use ota_view::finding::Rule;

/// Maximum size of a list that is parsed into a tree of JSON values, in bytes; the tree takes up to 25
/// times as much memory.
const MAX_TREE: usize = 1 << 20;

/// A function that takes a finding: the rule, the entry that breaks it if there is one, and the message.
pub(super) type Find<'f> = dyn FnMut(&'static Rule, Option<String>, String) + 'f;

/// Reads the entries that any generation reads, each once, with the last generation that reads it.
pub(super) fn read_all(
    readers: &[Generation],
    body: &[u8],
    find: &mut Find<'_>,
) -> Vec<(Generation, Entry)> {
    let mut entries: BTreeMap<usize, (Generation, Entry)> = BTreeMap::new();
    type IndexedFault = (Option<usize>, String);
    let mut faults: BTreeMap<IndexedFault, (&'static Rule, Vec<Generation>)> = BTreeMap::new();
    let mut add = |rule, index: Option<usize>, text: String, generation| {
        let (_, generations) = faults.entry((index, text)).or_insert((rule, Vec::new()));
        generations.push(generation);
    };
    for generation in readers {
        match read(*generation, body) {
            Ok(list) => {
                for dropped in list.dropped {
                    let (index, fault) = (Some(dropped.index), dropped.fault.to_string());
                    add(&rules::FEED_ENTRY_DROPPED, index, fault, *generation);
                }
                let read = list.entries.into_iter();
                entries.extend(read.map(|entry| (entry.index, (*generation, entry))));
            }
            Err(fault) => {
                let fault: ListFault = fault;
                add(
                    &rules::FEED_UNREADABLE,
                    None,
                    fault.to_string(),
                    *generation,
                );
            }
        }
    }
    for ((index, fault), (rule, generations)) in faults {
        let entry = index.map(|index| format!("entry {index}"));
        find(rule, entry, with_generations(fault, &generations, readers));
    }
    entries.into_values().collect()
}

/// Judges the entries of a list against each other and against the phones that read it.
pub(super) fn judge(
    feed: &Feed,
    entries: &[(Generation, Entry)],
    installed: Option<&Installed>,
    find: &mut Find<'_>,
) {
    // If a list has entries of all types, some of them are for other phones.
    let is_of_one_type = |romtype: &String| {
        let is_it = |entry: &Entry| entry_rules::romtype_problem(&entry.romtype, romtype).is_none();
        !matches!(feed.kind, Kind::Device)
            || feed.path.contains(&**romtype)
            || !entries.iter().any(|(_, entry)| is_it(entry))
    };
    let romtype = feed.romtype.as_ref();
    let romtype = romtype.filter(|romtype| feed.kind != Kind::Legacy && is_of_one_type(romtype));
    let mut ids: BTreeMap<&str, &Entry> = BTreeMap::new();
    for (generation, entry) in entries {
        let name = &entry.filename;
        let mut find = |rule, message| find(rule, Some(name.clone()), message);
        for warning in updaters::warnings(*generation, entry) {
            if let Some(rule) = rule_for(&warning) {
                find(rule, warning.to_string());
            }
        }
        if let Some(first) = ids.insert(&entry.id, entry)
            && first.url != entry.url
            && feed.kind != Kind::Legacy
        {
            let message = format!("{} has the same id: `{}`", first.filename, entry.id);
            find(&rules::ENTRY_DUPLICATE_ID, message);
        }
        if *generation == Generation::Kotlin23 && entry.sdk_level.is_none() {
            find(&rules::ENTRY_SDK, "it has no os_sdk_level".to_owned());
        }
        if let Some(romtype) = romtype
            && let Some(problem) = entry_rules::romtype_problem(&entry.romtype, romtype)
        {
            find(&rules::ENTRY_ROMTYPE, problem.to_string());
        }
        if let Some(installed) = installed
            && *name == installed.filename
            && entry.datetime > installed.timestamp
        {
            let message = format!(
                "it is offered to phones that run it: its datetime is {}, its own date {}",
                entry.datetime, installed.timestamp
            );
            find(&rules::FEED_OFFERS_INSTALLED, message);
        }
    }
}

/// Parses a body into a tree of JSON values; null if it is not JSON, or too long for that.
#[must_use]
pub fn json_tree(body: &[u8]) -> Value {
    match body.len() > MAX_TREE {
        true => Value::Null,
        false => serde_json::from_slice(body).unwrap_or_default(),
    }
}

/// Returns what is wrong with an entry for every reader.
///
/// `tree` is the body that the entry is from; `now` is in seconds since the epoch.
#[must_use]
pub fn entry_problems(
    generation: Generation,
    entry: &Entry,
    tree: &Value,
    now: i64,
) -> Vec<Problem> {
    // A field that an updater does not read is empty.
    let read = |text| Some(text).filter(|text: &&str| !text.is_empty());
    // Custota reads nothing but an address.
    let is_dated = generation.reads_date();
    let listed = ListedBuild {
        filename: read(&*entry.filename).filter(|_| is_dated),
        url: read(&*entry.url),
        version: read(&*entry.version),
        romtype: read(&*entry.romtype),
        timestamp: is_dated.then_some(entry.datetime),
        size: entry.size,
    };
    let mut problems = entry_rules::judge(&listed, now);
    // Updaters that read an array refuse the list if a number stands in place of text.
    let written = &tree["response"][entry.index];
    problems.extend(entry_rules::number_problems(written));
    problems
}

fn rule_for(warning: &Warning) -> Option<&'static Rule> {
    Some(match warning {
        Warning::RelativeUrl { .. }
        | Warning::CleartextUrl { .. }
        | Warning::UnescapedUrl { .. } => &rules::ENTRY_URL,
        Warning::Digest { .. } => &rules::ENTRY_DIGEST,
        // `judge` compares ids across entries.
        Warning::RepeatedId { .. } => return None,
        _ => &rules::ENTRY_FIELD,
    })
}
