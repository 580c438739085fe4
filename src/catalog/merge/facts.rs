//! The facts of one build in three versions, merged key by key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Clash, Merger, Side};
use crate::catalog::file::Facts;

impl Merger {
    /// Merges the facts of a build or tombstone; `filename` is its file name, for messages.
    pub(super) fn merge_facts(
        &mut self,
        filename: &str,
        base: &Facts,
        ours: &Facts,
        theirs: &Facts,
    ) -> Facts {
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let mut merged = Facts::new();
        for key in keys {
            let values = [base, ours, theirs].map(|facts| facts.get(key));
            let value = match key.as_str() {
                "former" => self.list(filename, key, values, Value::to_string),
                "images" => self.list(filename, key, values, |image| image["filename"].to_string()),
                // These identify the package, so a value that only one side has stays.
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

    /// Merges lists item by item; items with the same `name` are versions of each other.
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
}

/// Returns the merged value, unless both sides changed it.
fn three_way<T: PartialEq>(base: T, ours: T, theirs: T) -> Option<T> {
    match () {
        () if ours == theirs || base == theirs => Some(ours),
        () if base == ours => Some(theirs),
        () => None,
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
