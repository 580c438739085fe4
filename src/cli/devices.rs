//! `devices.json`, in the schema of LineageOS's own backend.
//!
//! In: the file, and `devices_local.json` and `device_deps.json` next to it. Out: the facts about each
//! device, and one message for each entry that cannot be used, with its line and column.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use romfeed::catalog::conflict::first_marker;
use romfeed::files::{json_message, read_text};
use romfeed::model::config::DeviceInfo;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::position::position;

/// Largest of these files that is read, in bytes; that of LineageOS has 100 KiB.
pub(crate) const MAX_SIZE: u64 = 16 << 20;

/// The keys of an entry and their types.
#[derive(Debug, Deserialize)]
struct Entry {
    model: String,
    #[serde(default)]
    oem: String,
    #[serde(default)]
    name: String,
    info_url: Option<String>,
    wiki: Option<String>,
    /// The value is read from the whole entry; named here so that another type is an error.
    #[serde(rename = "info")]
    _info: Option<Map<String, Value>>,
}

/// The facts in the files.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    pub(crate) known: BTreeMap<String, DeviceInfo>,
    /// One line for each error.
    pub(crate) errors: Vec<String>,
}

/// Reads `devices.json` and the files next to it. Each of them may be missing, except for a
/// `devices.json` that the settings name.
pub(crate) fn load(path: &Path, is_named: bool) -> Devices {
    let mut devices = Devices::default();
    devices.add_file(path, is_named);
    devices.add_file(&local(path), false);
    devices.add_dependencies(&path.with_file_name("device_deps.json"));
    devices
}

/// Returns the path of the devices that belong to this site alone.
pub(crate) fn local(devices: &Path) -> PathBuf {
    devices.with_file_name("devices_local.json")
}

impl Devices {
    fn add_file(&mut self, path: &Path, is_named: bool) {
        let Some(text) = self.read(path, is_named) else {
            return;
        };
        let entries: Vec<&RawValue> = match serde_json::from_str(&text) {
            Ok(entries) => entries,
            Err(error) => {
                let message = match first_marker(text.as_bytes()) {
                    Some(line) => format!("a conflict that git could not merge, at line {line}"),
                    None => json_message(&error),
                };
                self.errors.push(format!("{}: {message}", path.display()));
                return;
            }
        };
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for entry in entries {
            let offset = (entry.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            let (line, column) = position(&text, offset);
            match parse_entry(entry.get()) {
                Err(error) => {
                    let (line, column) = inside((line, column), &error);
                    let message = json_message(&error);
                    let what = message.split(" at line ").next().unwrap_or_default();
                    self.errors.push(format!(
                        "{}: {what} at line {line} column {column}",
                        path.display()
                    ));
                }
                Ok((model, info)) => match places.get(&model) {
                    Some(first) => self.errors.push(format!(
                        "{}: `{}` is listed twice, at line {first} and at line {line} column {column}",
                        path.display(),
                        model.escape_debug()
                    )),
                    None => {
                        places.insert(model.clone(), line);
                        let known = self.known.entry(model).or_default();
                        complete(known, info);
                    }
                },
            }
        }
    }

    fn add_dependencies(&mut self, path: &Path) {
        let Some(text) = self.read(path, false) else {
            return;
        };
        match serde_json::from_str::<BTreeMap<String, Vec<String>>>(&text) {
            Err(error) => {
                let message = json_message(&error);
                self.errors.push(format!("{}: {message}", path.display()));
            }
            Ok(deps) => {
                for (model, deps) in deps {
                    if let Some(info) = self.known.get_mut(&model) {
                        info.dependencies = deps;
                    }
                }
            }
        }
    }

    fn read(&mut self, path: &Path, is_named: bool) -> Option<String> {
        match read_text(path, MAX_SIZE) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => None,
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                self.errors.push(message);
                None
            }
        }
    }
}

fn parse_entry(text: &str) -> Result<(String, DeviceInfo), serde_json::Error> {
    let known: Entry = serde_json::from_str(text)?;
    let entry: Map<String, Value> = serde_json::from_str(text)?;
    let info = DeviceInfo {
        oem: known.oem,
        name: known.name,
        info_url: known.info_url.or(known.wiki).filter(|url| !url.is_empty()),
        dependencies: Vec::new(),
        entry,
    };
    Ok((known.model, info))
}

/// Adds the facts of a later file about a device; they take precedence.
fn complete(known: &mut DeviceInfo, later: DeviceInfo) {
    for (known, later) in [(&mut known.oem, later.oem), (&mut known.name, later.name)] {
        if !later.is_empty() {
            *known = later;
        }
    }
    known.info_url = later.info_url.or(known.info_url.take());
    for (key, value) in later.entry {
        match (known.entry.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(later)) if key == "info" => {
                known.extend(later);
            }
            (_, value) => {
                known.entry.insert(key, value);
            }
        }
    }
}

/// Returns the position in the file of an error within an entry, counted from 1.
fn inside((line, column): (usize, usize), error: &serde_json::Error) -> (usize, usize) {
    match error.line() {
        0 | 1 => (line, column + error.column().saturating_sub(1)),
        below => (line + below - 1, error.column()),
    }
}
