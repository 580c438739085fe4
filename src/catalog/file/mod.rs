//! `catalog.json`: the catalog as a file, made for a maintainer's git repository.
//!
//! A JSON object of romfeed's own, schema 1. Records are sorted, their keys have a fixed order, and
//! the commas between records stand on lines of their own, so that adding, changing or removing one
//! build changes only that build's lines. Unknown keys are errors: a newer romfeed wrote them, and
//! ignoring them would lose data.

mod records;
mod validate;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::Path;

use rayon::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use self::records::{CatalogJson, Header, from_record, from_tombstone, to_record, to_tombstone};
use super::{Catalog, Record, Tombstone, conflict};
use crate::files::{JsonError, after_byte_order_mark, read_file};
use crate::model::build::{Build, Device};

pub(super) use records::{
    Facts, record_facts, record_from_facts, tombstone_facts, tombstone_from_facts,
};
pub use validate::validate_build;

/// The schema this romfeed reads and writes.
pub const SCHEMA: u32 = 1;
/// Longest catalog file that is read, in bytes: about ten million builds.
const MAX_SIZE: u64 = 8 << 30;

/// Why a catalog cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system cannot read the file.
    #[error("cannot read {file}")]
    Io {
        /// The catalog.
        file: String,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// It is named after the first catalog, and is not there.
    #[error("there is no catalog {file}")]
    Missing {
        /// The catalog.
        file: String,
    },
    /// The place that several machines share cannot be read.
    #[error("{0}")]
    Shared(#[source] io::Error),
    /// It is not JSON, or not of this schema.
    #[error("{file}")]
    Json {
        /// The catalog.
        file: String,
        /// The reason, with line and column.
        #[source]
        source: JsonError,
    },
    /// A file of a folder is JSON, but nothing like a catalog.
    #[error("{file} is not a catalog")]
    Foreign {
        /// The file.
        file: String,
    },
    /// It has no text at all.
    #[error("{file} is empty")]
    Empty {
        /// The catalog.
        file: String,
    },
    /// It has conflict markers of git.
    #[error("{file} holds two versions that git could not merge, the first at line {line}")]
    Conflict {
        /// The catalog.
        file: String,
        /// The line of the first marker, from 1.
        line: usize,
    },
    /// A later romfeed wrote it.
    #[error("{file} has schema {found}, this romfeed reads schema {SCHEMA}")]
    Schema {
        /// The catalog.
        file: String,
        /// The schema found.
        found: u32,
    },
    /// A record has an invalid value.
    #[error("{file}: the record of {}: {reason}", .filename.escape_debug())]
    Record {
        /// The catalog.
        file: String,
        /// The record's file name.
        filename: String,
        /// What is wrong.
        reason: String,
    },
    /// A file of a folder has something about a device that another file is for.
    #[error("{file} has records of `{device}`, whose file is {expected}")]
    OtherDevice {
        /// The file.
        file: String,
        /// The device.
        device: String,
        /// The name of its file.
        expected: String,
    },
    /// Two files of a folder have the same build, or builds with the same file name or `id`.
    #[error("{first} and {second} both have {}", .what.escape_debug())]
    Twice {
        /// The file read first.
        first: String,
        /// The file read later.
        second: String,
        /// The build's file name, or the `id`.
        what: String,
    },
    /// The catalog is there as a file and as a folder.
    #[error("both {file} and {folder} are there, and romfeed cannot know which is newer")]
    TwoForms {
        /// The file.
        file: String,
        /// The folder.
        folder: String,
    },
    /// The file and the folder of one catalog have different contents.
    #[error("both {file} and {folder} are there, and differ: {difference}")]
    FormsDiffer {
        /// The file.
        file: String,
        /// The folder.
        folder: String,
        /// What each has that the other lacks.
        difference: String,
    },
    /// The catalog is there in its other form alone.
    #[error("{from} is not there: it has been moved to {to}")]
    Moved {
        /// The path that was to be read.
        from: String,
        /// The path where the catalog is.
        to: String,
    },
    /// It is longer than the limit.
    #[error("{file} is longer than {MAX_SIZE} bytes")]
    TooLarge {
        /// The catalog.
        file: String,
    },
}

/// Reads a catalog from one file.
///
/// # Errors
/// [`Error`], with line and column where the JSON is wrong.
pub fn load(path: &Path) -> Result<Catalog, Error> {
    parse(&read(path)?, &path.display().to_string())
}

/// Reads the text of a catalog without parsing it.
///
/// # Errors
/// [`Error::TooLarge`] and [`Error::Io`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let file = path.display().to_string();
    read_file(path, MAX_SIZE).map_err(|source| match source.kind() {
        io::ErrorKind::FileTooLarge => Error::TooLarge { file },
        _ => Error::Io { file, source },
    })
}

/// The keys of a catalog that a text has.
#[derive(Deserialize)]
struct Keys<S, L> {
    schema: Option<S>,
    builds: Option<L>,
    tombstones: Option<L>,
}

/// Returns whether a text looks like a catalog, sound or not.
#[must_use]
pub fn is_catalog(bytes: &[u8]) -> bool {
    let keys = serde_json::from_slice::<Keys<u32, Vec<IgnoredAny>>>(bytes);
    keys.is_ok_and(|keys| {
        keys.schema.is_some() && keys.builds.is_some() && keys.tombstones.is_some()
    })
}

/// Returns whether a text is JSON that has nothing of a catalog.
pub(super) fn is_foreign(bytes: &[u8]) -> bool {
    let bytes = after_byte_order_mark(bytes);
    match serde_json::from_slice::<Keys<IgnoredAny, IgnoredAny>>(bytes) {
        Ok(keys) => keys.schema.is_none() && keys.builds.is_none() && keys.tombstones.is_none(),
        Err(_) => serde_json::from_slice::<IgnoredAny>(bytes).is_ok(),
    }
}

/// Parses the text of a catalog; `file` is its name for messages.
///
/// # Errors
/// [`Error`], with line and column where the JSON is wrong.
pub fn parse(bytes: &[u8], file: &str) -> Result<Catalog, Error> {
    let wire = parse_wire(bytes, file).map_err(|error| match conflict::first_marker(bytes) {
        Some(line) => Error::Conflict {
            file: file.to_owned(),
            line,
        },
        None => error,
    })?;
    let record_error = |filename: &str, reason: String| Error::Record {
        file: file.to_owned(),
        filename: filename.to_owned(),
        reason,
    };
    let mut catalog = Catalog {
        aliases: parse_aliases(&wire.aliases).map_err(|reason| record_error("aliases", reason))?,
        ..Catalog::default()
    };
    let records: Vec<Result<Record, Error>> = wire
        .builds
        .into_par_iter()
        .map(|wire| {
            let path = wire.path.clone();
            to_record(wire).map_err(|reason| record_error(&path, reason))
        })
        .collect();
    for record in records {
        if let Some(record) = catalog.builds.insert_new(record?) {
            let reason = "another record has the same sha256 or id".to_owned();
            return Err(record_error(&record.build.path, reason));
        }
    }
    if let Some((_, build, taken)) = find_taken(&catalog).first() {
        let reason = match taken {
            Taken::Filename => "another record has the same file name",
            Taken::Id => "another record has the same id, by which phones tell builds apart",
        };
        return Err(record_error(&build.path, reason.to_owned()));
    }
    for wire in wire.tombstones {
        let filename = wire.filename.clone();
        let tombstone = to_tombstone(wire).map_err(|reason| record_error(&filename, reason))?;
        let identity = tombstone.identity().to_owned();
        if catalog.builds.contains_key(&identity) {
            return Err(record_error(
                &filename,
                "it is both offered and removed".to_owned(),
            ));
        }
        if catalog.tombstones.insert(identity, tombstone).is_some() {
            return Err(record_error(
                &filename,
                "another tombstone has the same sha256 or id".to_owned(),
            ));
        }
    }
    Ok(catalog)
}

/// What two builds have in common though it must tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The file name.
    Filename,
    /// The `id` that phones know.
    Id,
}

/// Returns the builds that share a file name, or the id that phones know.
pub(super) fn find_taken(catalog: &Catalog) -> Vec<(&Build, &Build, Taken)> {
    let mut found = Vec::new();
    let mut filenames: HashMap<&str, &Build> = HashMap::with_capacity(catalog.builds.len());
    let mut ids: HashMap<&str, &Build> = HashMap::new();
    // Without an `id`, phones know a build by its identity, which is unique already.
    let has_ids = catalog.builds.values().any(|r| r.build.id.is_some());
    for Record { build, .. } in catalog.builds.values() {
        if let Some(first) = filenames.insert(&build.filename, build) {
            found.push((first, build, Taken::Filename));
        }
        if has_ids && let Some(first) = ids.insert(build.phone_id(), build) {
            found.push((first, build, Taken::Id));
        }
    }
    found
}

fn parse_wire(bytes: &[u8], file: &str) -> Result<CatalogJson, Error> {
    let json = |source: serde_json::Error| Error::Json {
        file: file.to_owned(),
        source: source.into(),
    };
    let bytes = after_byte_order_mark(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(Error::Empty {
            file: file.to_owned(),
        });
    }
    let parsed: Result<CatalogJson, _> = match std::str::from_utf8(bytes) {
        // Its texts need not be checked one by one.
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    };
    let schema = match &parsed {
        Ok(wire) => wire.schema,
        // A later schema may have any form, so only its number is read.
        Err(_) => {
            let header: Header = serde_json::from_slice(bytes).map_err(json)?;
            header.schema
        }
    };
    match schema {
        SCHEMA => parsed.map_err(json),
        found => Err(Error::Schema {
            file: file.to_owned(),
            found,
        }),
    }
}

/// Renders a catalog as text that ends in a line break.
#[must_use]
pub fn render(catalog: &Catalog) -> Vec<u8> {
    let mut records: Vec<&Record> = catalog.builds.values().collect();
    records.sort_by_cached_key(|Record { build, .. }| {
        let channel = (&build.device, &build.variant, build.romtype.to_path());
        (channel, build.timestamp, &build.path, build.identity())
    });
    let mut tombstones: Vec<&Tombstone> = catalog.tombstones.values().collect();
    tombstones.sort_by_cached_key(|stone| {
        let channel = (&stone.device, &stone.variant, stone.romtype.to_path());
        (channel, stone.timestamp, &stone.filename, stone.identity())
    });
    let builds = records.into_iter().map(from_record);
    let tombstones = tombstones.into_iter().map(from_tombstone);
    let mut text = format!("{{\n  \"schema\": {SCHEMA},\n");
    render_aliases(&mut text, &catalog.aliases);
    text.push_str("  \"builds\": [\n");
    render_list(&mut text, builds);
    text.push_str("  ],\n  \"tombstones\": [\n");
    render_list(&mut text, tombstones);
    text.push_str("  ]\n}\n");
    text.into_bytes()
}

fn parse_aliases(
    wire: &BTreeMap<String, BTreeSet<String>>,
) -> Result<BTreeMap<Device, BTreeSet<Device>>, String> {
    let parse = |name: &String| Device::parse(name).map_err(|error| error.to_string());
    let entries = wire.iter().map(|(device, aliases)| {
        let aliases = aliases.iter().map(parse).collect::<Result<_, String>>()?;
        Ok((parse(device)?, aliases))
    });
    entries.collect()
}

/// Writes one line for each device; nothing if there are no aliases, as in older catalogs.
fn render_aliases(text: &mut String, aliases: &BTreeMap<Device, BTreeSet<Device>>) {
    let lines = aliases.iter().map(|(device, aliases)| {
        let names: Vec<String> = aliases.iter().map(|alias| format!("\"{alias}\"")).collect();
        format!("    \"{device}\": [{}]", names.join(", "))
    });
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        text.push_str("  \"aliases\": {\n");
        text.push_str(&lines.join("\n    ,\n"));
        text.push_str("\n  },\n");
    }
}

fn render_list<T: Serialize>(text: &mut String, records: impl Iterator<Item = T>) {
    for (index, record) in records.enumerate() {
        if index > 0 {
            text.push_str("    ,\n");
        }
        let json = serde_json::to_string_pretty(&record)
            .expect("strings, numbers and bools always become JSON");
        for line in json.lines() {
            text.push_str("    ");
            text.push_str(line);
            text.push('\n');
        }
    }
}
