//! The records of a catalog as JSON: what each key holds, and the way to and from [`Record`] and
//! [`Tombstone`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::validate::validate_build;
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Reason, Record, Tombstone};
use crate::files::json_message;
use crate::model::build::{Build, Csig, Device, ImageFile, Kind, Origin, Romtype, Variant};
use digest_lanes::checksum_file::is_hex;

#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) schema: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogJson {
    pub(super) schema: u32,
    #[serde(default)]
    pub(super) aliases: BTreeMap<String, BTreeSet<String>>,
    pub(super) builds: Vec<BuildJson>,
    #[serde(default)]
    pub(super) tombstones: Vec<TombstoneJson>,
}

/// One build; an absent key is unknown or does not apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildJson {
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    romtype: String,
    version: String,
    datetime: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incremental: Option<String>,
    kind: KindJson,
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
    csig: Option<CsigJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retired: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    yanked: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<ChannelJson>,
    pub(super) path: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    images: Vec<ImageJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<OriginJson>,
}

/// Where a source has the package; an absent `id` is the same as `path`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginJson {
    source: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    tag: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    beside: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hashed: bool,
}

/// An image file next to the package.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageJson {
    name: String,
    filename: String,
    size: u64,
    sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CsigJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vbmeta_digest: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelJson {
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    romtype: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindJson {
    Full,
    Delta,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TombstoneJson {
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
    former: Vec<ChannelJson>,
    pub(super) filename: String,
    reason: ReasonJson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<OriginJson>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReasonJson {
    Removed,
    Superseded,
}

pub(super) fn to_record(wire: BuildJson) -> Result<Record, String> {
    let kind = match (wire.kind, wire.source_incremental) {
        (KindJson::Full, None) if !wire.block_based => Kind::Full,
        (KindJson::Full, _) => {
            return Err("a full build has no source_incremental and no block_based".to_owned());
        }
        (KindJson::Delta, source_incremental) => Kind::Delta {
            source_incremental,
            is_block_based: wire.block_based,
        },
    };
    let device = Device::parse(&wire.device).map_err(|e| e.to_string())?;
    let variant = parse_variant(wire.variant)?;
    let romtype = Romtype::parse(&wire.romtype).map_err(|e| e.to_string())?;
    let build = Build {
        variant,
        incremental: wire.incremental,
        kind,
        sdk_level: wire.sdk_level,
        security_patch: wire.security_patch,
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
        origin: wire.origin.map(to_origin),
        ..Build::new(
            device,
            romtype,
            wire.version,
            wire.datetime,
            wire.path,
            wire.size,
        )
    };
    validate_build(&build)?;
    Ok(Record {
        build,
        retired: wire.retired,
        yanked: wire.yanked,
        former: to_channels(wire.former)?,
    })
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        from_record(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Record, D::Error> {
        to_record(BuildJson::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The keys and values of a record or a tombstone.
pub(in crate::catalog) type Facts = serde_json::Map<String, serde_json::Value>;

fn to_facts(wire: &impl Serialize) -> Facts {
    match serde_json::to_value(wire) {
        Ok(serde_json::Value::Object(facts)) => facts,
        _ => unreachable!("records become JSON objects"),
    }
}

fn from_facts<T: serde::de::DeserializeOwned>(facts: Facts) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::Object(facts)).map_err(|error| json_message(&error))
}

/// Returns the facts of a record under the keys of the file.
pub(in crate::catalog) fn record_facts(record: &Record) -> Facts {
    to_facts(&from_record(record))
}

/// Creates a record from its facts.
///
/// # Errors
/// Describes the wrong value in one line.
pub(in crate::catalog) fn record_from_facts(facts: Facts) -> Result<Record, String> {
    to_record(from_facts(facts)?)
}

/// Returns the facts of a tombstone under the keys of the file.
pub(in crate::catalog) fn tombstone_facts(tombstone: &Tombstone) -> Facts {
    to_facts(&from_tombstone(tombstone))
}

/// Creates a tombstone from its facts.
///
/// # Errors
/// Describes the wrong value in one line.
pub(in crate::catalog) fn tombstone_from_facts(facts: Facts) -> Result<Tombstone, String> {
    to_tombstone(from_facts(facts)?)
}

fn to_image(wire: ImageJson) -> ImageFile {
    ImageFile {
        name: wire.name,
        filename: wire.filename,
        size: wire.size,
        sha256: wire.sha256,
    }
}

fn from_image(image: ImageFile) -> ImageJson {
    ImageJson {
        name: image.name,
        filename: image.filename,
        size: image.size,
        sha256: image.sha256,
    }
}

fn to_origin(wire: OriginJson) -> Origin {
    Origin {
        id: wire.id.unwrap_or_else(|| wire.path.clone()),
        source: wire.source,
        path: wire.path,
        tag: wire.tag,
        beside: wire.beside,
        is_hashed: wire.hashed,
    }
}

fn from_origin(origin: Origin) -> OriginJson {
    OriginJson {
        id: (origin.id != origin.path).then_some(origin.id),
        source: origin.source,
        path: origin.path,
        tag: origin.tag,
        beside: origin.beside,
        hashed: origin.is_hashed,
    }
}

fn to_channels(channels: Vec<ChannelJson>) -> Result<Vec<ChannelKey>, String> {
    let parse = |channel: ChannelJson| {
        let device = Device::parse(&channel.device).map_err(|e| e.to_string())?;
        let variant = parse_variant(channel.variant)?;
        let romtype = Romtype::parse(&channel.romtype).map_err(|e| e.to_string())?;
        Ok(ChannelKey::new(&device, variant.as_ref(), &romtype))
    };
    channels.into_iter().map(parse).collect()
}

fn from_channels(channels: &[ChannelKey]) -> Vec<ChannelJson> {
    let wire = |channel: &ChannelKey| ChannelJson {
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

pub(super) fn from_record(record: &Record) -> BuildJson {
    let build = record.build.clone();
    BuildJson {
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
            Kind::Full => KindJson::Full,
            Kind::Delta { .. } => KindJson::Delta,
        },
        sdk_level: build.sdk_level,
        security_patch: build.security_patch,
        url: build.url,
        ota_url: build.ota_url,
        ota_property_files: build.property_files,
        next_device: build.next_device.map(|device| device.to_string()),
        csig: build.csig.map(|csig| CsigJson {
            vbmeta_digest: csig.vbmeta_digest,
        }),
        signer: build.signer,
        family: build.family,
        retired: record.retired,
        yanked: record.yanked.clone(),
        former: from_channels(&record.former),
        path: build.path,
        size: build.size,
        md5: build.md5,
        sha256: build.sha256,
        id: build.id,
        images: build.images.into_iter().map(from_image).collect(),
        origin: build.origin.map(from_origin),
    }
}

pub(super) fn to_tombstone(wire: TombstoneJson) -> Result<Tombstone, String> {
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
        (ReasonJson::Removed, None) => Reason::Removed,
        (ReasonJson::Superseded, Some(by)) => Reason::Superseded(by),
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
        origin: wire.origin.map(to_origin),
        reason,
        former: to_channels(wire.former)?,
    })
}

pub(super) fn from_tombstone(tombstone: &Tombstone) -> TombstoneJson {
    let (reason, superseded_by) = match &tombstone.reason {
        Reason::Removed => (ReasonJson::Removed, None),
        Reason::Superseded(by) => (ReasonJson::Superseded, Some(by.clone())),
    };
    TombstoneJson {
        device: tombstone.device.to_string(),
        variant: tombstone.variant.as_ref().map(ToString::to_string),
        romtype: tombstone.romtype.to_string(),
        version: tombstone.version.clone(),
        datetime: tombstone.timestamp,
        incremental: tombstone.incremental.clone(),
        source_incremental: tombstone.source_incremental.clone(),
        signer: tombstone.signer.clone(),
        next_device: tombstone.next_device.as_ref().map(ToString::to_string),
        former: from_channels(&tombstone.former),
        filename: tombstone.filename.clone(),
        reason,
        superseded_by,
        sha256: tombstone.sha256.clone(),
        id: tombstone.id.clone(),
        origin: tombstone.origin.clone().map(from_origin),
    }
}
