//! The texts about devices in imported feeds, stored in `devices_local.json` under `info`.
//!
//! In: the texts of an import, and the known devices. Out: the file with the new texts, and the keys
//! that were added or differ.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use romfeed::catalog::exchange::info::DeviceText;
use romfeed::files::{json_message, read_text, write_atomically};
use romfeed::model::config::DeviceInfo;
use serde_json::{Map, Value};

use crate::cli::devices::MAX_SIZE;

/// The result of storing the texts of a feed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Devices, and the keys that are new in `devices_local.json`.
    pub(crate) added: Vec<(String, Vec<String>)>,
    /// Devices, and the keys for which the feed has a value that differs from the known one.
    pub(crate) differing: Vec<(String, Vec<String>)>,
}

/// Writes the texts of a feed about devices to `devices_local.json`. Known facts about a device are
/// not changed.
///
/// # Errors
/// One line if the file cannot be read or written; it is unchanged then.
pub(crate) fn store(
    file: &Path,
    texts: &BTreeMap<String, DeviceText>,
    known: &BTreeMap<String, DeviceInfo>,
) -> Result<Stored, String> {
    let mut stored = Stored::default();
    let mut changes: Vec<(&String, DeviceText)> = Vec::new();
    let unknown = DeviceInfo::default();
    for (model, text) in texts {
        let known = known.get(model).unwrap_or(&unknown);
        let is_new = |key: &str| known.info().is_none_or(|info| !info.contains_key(key));
        let is_other = |key: &str, value: &Value| {
            let known = known.info().and_then(|info| info.get(key));
            known.is_some_and(|known| known != value)
        };
        let missing =
            |text: &Option<String>, known: &str| text.clone().filter(|_| known.is_empty());
        let info = text.info.iter();
        let differing: Vec<String> = info
            .clone()
            .filter(|(key, value)| is_other(key, value))
            .map(|(key, _)| key.clone())
            .collect();
        if !differing.is_empty() {
            stored.differing.push((model.clone(), differing));
        }
        let new = DeviceText {
            name: missing(&text.name, &known.name),
            oem: missing(&text.oem, &known.oem),
            info: info
                .filter(|(key, _)| is_new(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        };
        if !new.is_empty() {
            let facts = [("name", new.name.is_some()), ("oem", new.oem.is_some())];
            let keys = facts.iter().filter(|(_, is_new)| *is_new);
            let keys = keys.map(|(key, _)| (*key).to_owned());
            let keys = keys.chain(new.info.keys().cloned()).collect();
            stored.added.push((model.clone(), keys));
            changes.push((model, new));
        }
    }
    if !changes.is_empty() {
        write_texts(file, changes)?;
    }
    Ok(stored)
}

fn write_texts(file: &Path, changes: Vec<(&String, DeviceText)>) -> Result<(), String> {
    let name = file.display();
    let mut entries: Vec<Map<String, Value>> = match read_text(file, MAX_SIZE) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|error| format!("{name}: {}", json_message(&error)))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(format!("cannot read {name}: {error}")),
    };
    for (model, text) in changes {
        let is_model = |entry: &Map<String, Value>| entry.get("model").is_some_and(|m| m == model);
        let at = entries.iter().position(is_model).unwrap_or_else(|| {
            let new = [("model".to_owned(), Value::from(model.as_str()))];
            entries.push(new.into_iter().collect());
            entries.len() - 1
        });
        let entry = &mut entries[at];
        for (key, value) in [("name", text.name), ("oem", text.oem)] {
            if let Some(value) = value {
                entry.insert(key.to_owned(), Value::from(value));
            }
        }
        if text.info.is_empty() {
            continue;
        }
        let info = entry.entry("info").or_insert_with(|| Map::new().into());
        if let Value::Object(info) = info {
            info.extend(text.info);
        }
    }
    let mut json = serde_json::to_vec_pretty(&entries).map_err(|error| error.to_string())?;
    json.push(b'\n');
    if json.len() as u64 > MAX_SIZE {
        return Err(format!("{name} would be longer than {MAX_SIZE} bytes"));
    }
    write_atomically(file, &json).map_err(|error| format!("cannot write {name}: {error}"))
}
