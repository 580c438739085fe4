//! `catalog.json`: the catalog as it is kept in a maintainer's git.
//!
//! A JSON object of romfeed's own, schema 1. Records are sorted, their keys have
//! a fixed order, and the commas between records stand on lines of their own, so
//! that adding, changing or removing one build touches only that build's lines.
//! Unknown keys are refused: a newer romfeed wrote them, and dropping them would
//! lose what they say.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::channels::ChannelKey;
use super::{Catalog, Reason, Record, Tombstone, conflict};
use crate::files::{JsonError, after_byte_order_mark, json_message, read_file};
use crate::model::build::{self, Build, Csig, Device, ImageFile, Kind, Romtype, Variant};
use digest_lanes::checksum_file::is_hex;

/// The schema this romfeed reads and writes.
pub const SCHEMA: u32 = 1;
/// Longest catalog read, in bytes: some 400,000 builds.
const MAX_SIZE: u64 = 256 << 20;

/// Why a catalog cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused to read.
    #[error("cannot read {file}")]
    Io {
        /// The catalog.
        file: String,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// Not JSON, or not of this schema.
    #[error("{file}")]
    Json {
        /// The catalog.
        file: String,
        /// The reason, with line and column.
        #[source]
        source: JsonError,
    },
    /// Git left a conflict in it.
    #[error("{file} holds two versions that git could not merge, the first at line {line}")]
    Conflict {
        /// The catalog.
        file: String,
        /// The line of the first marker, from 1.
        line: usize,
    },
    /// Written by a later romfeed.
    #[error("{file} has schema {found}, this romfeed reads schema {SCHEMA}")]
    Schema {
        /// The catalog.
        file: String,
        /// The schema found.
        found: u32,
    },
    /// A record whose values cannot be.
    #[error("{file}: the record of {}: {reason}", .filename.escape_debug())]
    Record {
        /// The catalog.
        file: String,
        /// The record's file name.
        filename: String,
        /// What is wrong.
        reason: String,
    },
    /// A catalog beyond the limit.
    #[error("{file} is longer than {MAX_SIZE} bytes")]
    TooLarge {
        /// The catalog.
        file: String,
    },
}

#[derive(Deserialize)]
struct Header {
    schema: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    schema: u32,
    #[serde(default)]
    aliases: BTreeMap<String, BTreeSet<String>>,
    builds: Vec<WireBuild>,
    #[serde(default)]
    tombstones: Vec<WireTombstone>,
}

/// One build. Keys that are absent are unknown or do not apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBuild {
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    romtype: String,
    version: String,
    datetime: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incremental: Option<String>,
    kind: WireKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_incremental: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    block_based: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sdk_level: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security_patch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ota_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ota_property_files: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csig: Option<WireCsig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retired: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    yanked: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<WireLane>,
    path: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    images: Vec<WireImage>,
}

/// An image in the folder of the package.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireImage {
    name: String,
    filename: String,
    size: u64,
    sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireCsig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vbmeta_digest: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLane {
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    romtype: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireKind {
    Full,
    Delta,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTombstone {
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    romtype: String,
    version: String,
    datetime: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incremental: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_incremental: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_device: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<WireLane>,
    filename: String,
    reason: WireReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireReason {
    Removed,
    Superseded,
}

/// Reads a catalog; a file that does not exist is an empty one.
///
/// # Errors
/// [`Error`], naming line and column where the text is at fault.
pub fn load_or_empty(path: &Path) -> Result<Catalog, Error> {
    match load(path) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Catalog::default())
        }
        loaded => loaded,
    }
}

/// Reads a catalog.
///
/// # Errors
/// [`Error`], naming line and column where the text is at fault.
pub fn load(path: &Path) -> Result<Catalog, Error> {
    parse(&read(path)?, &path.display().to_string())
}

/// Reads the text of a catalog, whatever it says.
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

/// Parses the text of a catalog; `file` is its name for messages.
///
/// # Errors
/// [`Error`], naming line and column where the text is at fault.
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
        let record = record?;
        let identity = record.build.identity().to_owned();
        match catalog.builds.entry(identity) {
            Entry::Vacant(place) => place.insert(record),
            Entry::Occupied(_) => {
                let reason = "another record has the same sha256 or id".to_owned();
                return Err(record_error(&record.build.path, reason));
            }
        };
    }
    let mut filenames = HashSet::with_capacity(catalog.builds.len());
    let mut ids = HashSet::new();
    // Without an id of its own, a build has its identity, and no other has that.
    let has_ids = catalog.builds.values().any(|r| r.build.id.is_some());
    for Record { build, .. } in catalog.builds.values() {
        let taken = match () {
            () if !filenames.insert(&build.filename) => "file name",
            () if has_ids && !ids.insert(build.phone_id()) => {
                "id, by which phones tell builds apart"
            }
            () => continue,
        };
        let reason = format!("another record has the same {taken}");
        return Err(record_error(&build.path, reason));
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

fn parse_wire(bytes: &[u8], file: &str) -> Result<Wire, Error> {
    let json = |source: serde_json::Error| Error::Json {
        file: file.to_owned(),
        source: source.into(),
    };
    let bytes = after_byte_order_mark(bytes);
    let parsed: Result<Wire, _> = serde_json::from_slice(bytes);
    let schema = match &parsed {
        Ok(wire) => wire.schema,
        // A later schema may have any form, so the number is asked for alone.
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

/// The text of a catalog, ending in a line break.
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

/// A line for each device; nothing if there are none, as catalogs had before.
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

/// Checks a build's values as they come from a catalog or a command line.
///
/// # Errors
/// One line that says which value is wrong.
pub fn check(build: &Build) -> Result<(), String> {
    let fault = |what: &str, value: &str, fault: Option<&str>| match fault {
        None => Ok(()),
        Some(reason) => Err(format!("{what} `{}` {reason}", value.escape_debug())),
    };
    fault(
        "version",
        &build.version,
        build::version_fault(&build.version),
    )?;
    fault(
        "file name",
        &build.filename,
        build::filename_fault(&build.filename),
    )?;
    fault(
        "datetime",
        &build.timestamp.to_string(),
        build::timestamp_fault(build.timestamp),
    )?;
    if build
        .path
        .split('/')
        .any(|part| build::filename_fault(part).is_some())
    {
        return fault("path", &build.path, Some("leaves the builds folder"));
    }
    if build.identity().is_empty() {
        return Err("it has neither a sha256 nor an id".to_owned());
    }
    if let Some(id) = &build.id {
        fault("id", id, build::id_fault(id))?;
    }
    let vbmeta_digest = build.csig.as_ref().map(|csig| csig.vbmeta_digest.as_ref());
    for (what, value, len) in [
        ("sha256", build.sha256.as_ref(), 64),
        ("md5", build.md5.as_ref(), 32),
        ("signer", build.signer.as_ref(), 64),
        ("vbmeta_digest", vbmeta_digest.flatten(), 64),
    ] {
        if let Some(value) = value.filter(|value| !is_hex(value, len)) {
            return Err(format!(
                "{what} `{}` is not {len} lower-case hex digits",
                value.escape_debug()
            ));
        }
    }
    if let Some(date) = build
        .security_patch
        .as_ref()
        .filter(|date| !build::is_date(date))
    {
        return fault("security_patch", date, Some("is no date as 2024-08-05"));
    }
    if let Some(files) = &build.property_files
        && !build::are_property_files(files, build.size)
    {
        return fault("ota_property_files", files, Some("is malformed"));
    }
    for url in [&build.url, &build.ota_url].into_iter().flatten() {
        crate::model::address::check_https(url).map_err(|error| error.to_string())?;
    }
    let size = build.size.to_string();
    fault("size", &size, build::size_fault(build.size))?;
    if let Some(level) = build.sdk_level.filter(|level| !build::is_sdk_level(*level)) {
        let level = level.to_string();
        return fault("sdk_level", &level, Some("is no API level"));
    }
    build.images.iter().try_for_each(check_image)
}

fn check_image(image: &ImageFile) -> Result<(), String> {
    let filename = image.filename.escape_debug();
    let reason = match () {
        () if !build::IMAGES.contains(&image.name.as_str()) => "has a name that is not known",
        () if build::filename_fault(&image.filename).is_some() => "is no file name",
        () if image.size == 0 => "has size 0",
        () if !is_hex(&image.sha256, 64) => "has a sha256 that is not 64 lower-case hex digits",
        () => return Ok(()),
    };
    Err(format!("image `{filename}` {reason}"))
}

fn to_record(wire: WireBuild) -> Result<Record, String> {
    let kind = match (wire.kind, wire.source_incremental) {
        (WireKind::Full, None) if !wire.block_based => Kind::Full,
        (WireKind::Full, _) => {
            return Err("a full build has no source_incremental and no block_based".to_owned());
        }
        (WireKind::Delta, source_incremental) => Kind::Delta {
            source_incremental,
            is_block_based: wire.block_based,
        },
    };
    let build = Build {
        device: Device::parse(&wire.device).map_err(|e| e.to_string())?,
        variant: parse_variant(wire.variant)?,
        romtype: Romtype::parse(&wire.romtype).map_err(|e| e.to_string())?,
        version: wire.version,
        timestamp: wire.datetime,
        incremental: wire.incremental,
        kind,
        sdk_level: wire.sdk_level,
        security_patch: wire.security_patch,
        filename: wire.path.rsplit('/').next().unwrap_or_default().to_owned(),
        path: wire.path,
        size: wire.size,
        sha256: wire.sha256,
        id: wire.id,
        md5: wire.md5,
        url: wire.url,
        ota_url: wire.ota_url,
        property_files: wire.ota_property_files,
        signer: wire.signer,
        next_device: parse_device(wire.next_device)?,
        csig: wire.csig.map(|csig| Csig {
            vbmeta_digest: csig.vbmeta_digest,
        }),
        images: wire.images.into_iter().map(to_image).collect(),
        family: wire.family,
    };
    check(&build)?;
    Ok(Record {
        build,
        retired: wire.retired,
        yanked: wire.yanked,
        former: to_lanes(wire.former)?,
    })
}

/// The keys and values of a record or a tombstone; a key that is absent has no value.
pub(super) type Facts = serde_json::Map<String, serde_json::Value>;

fn to_facts(wire: &impl Serialize) -> Facts {
    match serde_json::to_value(wire) {
        Ok(serde_json::Value::Object(facts)) => facts,
        _ => unreachable!("records become JSON objects"),
    }
}

fn from_facts<T: serde::de::DeserializeOwned>(facts: Facts) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::Object(facts)).map_err(|error| json_message(&error))
}

/// The facts of a record, as its keys in the file.
pub(super) fn record_facts(record: &Record) -> Facts {
    to_facts(&from_record(record))
}

/// The record of these facts.
///
/// # Errors
/// One line that says which value is wrong.
pub(super) fn record_of(facts: Facts) -> Result<Record, String> {
    to_record(from_facts(facts)?)
}

/// The facts of a tombstone, as its keys in the file.
pub(super) fn tombstone_facts(tombstone: &Tombstone) -> Facts {
    to_facts(&from_tombstone(tombstone))
}

/// The tombstone of these facts.
///
/// # Errors
/// One line that says which value is wrong.
pub(super) fn tombstone_of(facts: Facts) -> Result<Tombstone, String> {
    to_tombstone(from_facts(facts)?)
}

fn to_image(wire: WireImage) -> ImageFile {
    ImageFile {
        name: wire.name,
        filename: wire.filename,
        size: wire.size,
        sha256: wire.sha256,
    }
}

fn from_image(image: ImageFile) -> WireImage {
    WireImage {
        name: image.name,
        filename: image.filename,
        size: image.size,
        sha256: image.sha256,
    }
}

fn to_lanes(channels: Vec<WireLane>) -> Result<Vec<ChannelKey>, String> {
    let parse = |channel: WireLane| {
        let device = Device::parse(&channel.device).map_err(|e| e.to_string())?;
        let variant = parse_variant(channel.variant)?;
        let romtype = Romtype::parse(&channel.romtype).map_err(|e| e.to_string())?;
        Ok(ChannelKey::new(&device, variant.as_ref(), &romtype))
    };
    channels.into_iter().map(parse).collect()
}

fn from_lanes(channels: &[ChannelKey]) -> Vec<WireLane> {
    let wire = |channel: &ChannelKey| WireLane {
        device: channel.device.to_string(),
        variant: channel.variant.as_ref().map(ToString::to_string),
        romtype: channel.romtype.clone(),
    };
    channels.iter().map(wire).collect()
}

fn parse_device(device: Option<String>) -> Result<Option<Device>, String> {
    let device = device.map(|device| Device::parse(&device));
    device.transpose().map_err(|error| error.to_string())
}

fn parse_variant(variant: Option<String>) -> Result<Option<Variant>, String> {
    let variant = variant.map(|variant| Variant::parse(&variant));
    variant.transpose().map_err(|error| error.to_string())
}

fn from_record(record: &Record) -> WireBuild {
    let build = record.build.clone();
    WireBuild {
        device: build.device.to_string(),
        variant: build.variant.map(|variant| variant.to_string()),
        romtype: build.romtype.to_string(),
        version: build.version,
        datetime: build.timestamp,
        incremental: build.incremental,
        source_incremental: build.kind.source_incremental().map(str::to_owned),
        block_based: matches!(
            build.kind,
            Kind::Delta {
                is_block_based: true,
                ..
            }
        ),
        kind: match build.kind {
            Kind::Full => WireKind::Full,
            Kind::Delta { .. } => WireKind::Delta,
        },
        sdk_level: build.sdk_level,
        security_patch: build.security_patch,
        url: build.url,
        ota_url: build.ota_url,
        ota_property_files: build.property_files,
        next_device: build.next_device.map(|device| device.to_string()),
        csig: build.csig.map(|csig| WireCsig {
            vbmeta_digest: csig.vbmeta_digest,
        }),
        signer: build.signer,
        family: build.family,
        retired: record.retired,
        yanked: record.yanked.clone(),
        former: from_lanes(&record.former),
        path: build.path,
        size: build.size,
        md5: build.md5,
        sha256: build.sha256,
        id: build.id,
        images: build.images.into_iter().map(from_image).collect(),
    }
}

fn to_tombstone(wire: WireTombstone) -> Result<Tombstone, String> {
    let is_sha256 = |sha256: &String| is_hex(sha256, 64);
    if !wire.sha256.as_ref().is_none_or(is_sha256) {
        return Err("sha256 is not 64 lower-case hex digits".to_owned());
    }
    if !wire.signer.as_ref().is_none_or(is_sha256) {
        return Err("signer is not 64 lower-case hex digits".to_owned());
    }
    if wire.sha256.is_none() && wire.id.is_none() {
        return Err("it has neither a sha256 nor an id".to_owned());
    }
    let reason = match (wire.reason, wire.superseded_by) {
        (WireReason::Removed, None) => Reason::Removed,
        (WireReason::Superseded, Some(by)) => Reason::Superseded(by),
        _ => return Err("superseded_by belongs to reason `superseded` and no other".to_owned()),
    };
    Ok(Tombstone {
        device: Device::parse(&wire.device).map_err(|e| e.to_string())?,
        variant: parse_variant(wire.variant)?,
        romtype: Romtype::parse(&wire.romtype).map_err(|e| e.to_string())?,
        version: wire.version,
        timestamp: wire.datetime,
        incremental: wire.incremental,
        source_incremental: wire.source_incremental,
        signer: wire.signer,
        next_device: parse_device(wire.next_device)?,
        filename: wire.filename,
        sha256: wire.sha256,
        id: wire.id,
        reason,
        former: to_lanes(wire.former)?,
    })
}

fn from_tombstone(tombstone: &Tombstone) -> WireTombstone {
    let (reason, superseded_by) = match &tombstone.reason {
        Reason::Removed => (WireReason::Removed, None),
        Reason::Superseded(by) => (WireReason::Superseded, Some(by.clone())),
    };
    WireTombstone {
        device: tombstone.device.to_string(),
        variant: tombstone.variant.as_ref().map(ToString::to_string),
        romtype: tombstone.romtype.to_string(),
        version: tombstone.version.clone(),
        datetime: tombstone.timestamp,
        incremental: tombstone.incremental.clone(),
        source_incremental: tombstone.source_incremental.clone(),
        signer: tombstone.signer.clone(),
        next_device: tombstone.next_device.as_ref().map(ToString::to_string),
        former: from_lanes(&tombstone.former),
        filename: tombstone.filename.clone(),
        reason,
        superseded_by,
        sha256: tombstone.sha256.clone(),
        id: tombstone.id.clone(),
    }
}
