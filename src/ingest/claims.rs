//! Collects what each source claims about a package, for the facts to be weighed.
//!
//! In: settings, properties, metadata and file name of a package. Out: [`Claims`], one for each
//! source. Which source wins is decided in [`crate::model::facts`].

use ota_view::package::layout;
use ota_view::package::metadata::{self, OtaMetadata};
use ota_view::props::PropertyMap;

use super::metadata::Metadata;
use super::reading::choose_family;
use super::{Context, FILE_NAME};
use crate::model::build::{self, Kind};
use crate::model::config::Override;
use crate::model::facts::{Claim, Claims, Fact, Source};
use crate::model::family::{Family, Found};
use crate::model::names::{self, NameFacts};

/// The sources of facts about one package, apart from the settings.
pub(super) struct Sources<'a> {
    /// Path under `builds/`.
    pub(super) path: &'a str,
    pub(super) filename: &'a str,
    /// Properties of its partitions.
    pub(super) partition_props: Option<&'a PropertyMap>,
    /// Properties in `<zip>.prop`.
    pub(super) sidecar_props: Option<&'a PropertyMap>,
    pub(super) metadata: &'a Metadata,
    pub(super) kind: &'a Kind,
}

/// Collects the claims of all sources, and the facts in the file name.
pub(super) fn collect(
    sources: &Sources<'_>,
    context: Context<'_>,
) -> (Vec<Claims>, Option<NameFacts>) {
    let filename = sources.filename;
    let mut claims = Vec::new();
    claims.extend(override_claims(context.overrides, sources.path));
    let sidecar_place = format!("{}.prop", filename.escape_debug());
    for (source, place, props) in [
        (
            Source::BuildProp,
            layout::BUILD_PROP,
            sources.partition_props,
        ),
        (
            Source::Sidecar,
            sidecar_place.as_str(),
            sources.sidecar_props,
        ),
    ] {
        claims.extend(props.map(|props| {
            let (family, _) = choose_family(filename, props, context);
            props_claims(source, place, props, &family)
        }));
    }
    for (source, place, metadata) in [
        (
            Source::MetadataPb,
            metadata::PROTOBUF,
            &sources.metadata.protobuf,
        ),
        (Source::Metadata, metadata::TEXT, &sources.metadata.text),
    ] {
        claims.extend(
            metadata
                .as_ref()
                .map(|m| metadata_claims(source, place, m, sources.kind)),
        );
    }
    let known_devices: Vec<String> = claims
        .iter()
        .filter_map(|claims| Some(claims.values.get(&Fact::Device)?.value.clone()))
        .chain(claims.iter().flat_map(|claims| claims.devices.clone()))
        .chain(context.known_devices.keys().cloned())
        .collect();
    let name = names::parse(filename, &known_devices);
    claims.extend(name.as_ref().map(name_claims));
    (claims, name)
}

fn override_claims<'a>(
    overrides: &'a [Override],
    path: &'a str,
) -> impl Iterator<Item = Claims> + 'a {
    overrides
        .iter()
        .find(move |set| set.pattern.matches(path))
        .into_iter()
        .map(|set| {
            let mut claims = Claims::new(Source::Override, "romfeed.toml");
            for (fact, value) in &set.values {
                claims.set(*fact, Some(value.clone()));
            }
            claims
        })
}

pub(super) fn props_claims(
    source: Source,
    place: &str,
    props: &PropertyMap,
    family: &Family,
) -> Claims {
    let mut claims = Claims::new(source, place);
    let property = |key: &str| Some((props.get(key)?.to_owned(), key.to_owned()));
    let found: [(Fact, Option<Found>); 7] = [
        (Fact::Device, family.find_device(props)),
        (Fact::Version, family.find_version(props)),
        (Fact::Romtype, family.find_romtype(props)),
        (Fact::Datetime, family.find_datetime(props)),
        (Fact::Incremental, property("ro.build.version.incremental")),
        (Fact::SdkLevel, property("ro.build.version.sdk")),
        (
            Fact::SecurityPatch,
            property("ro.build.version.security_patch"),
        ),
    ];
    for (fact, found) in found {
        if let Some((value, key)) = found {
            let place = props.place(&key).filter(|place| !place.is_empty());
            let claim = Claim {
                value,
                place: place.map(str::to_owned),
                key: Some(key),
            };
            claims.values.insert(fact, claim);
        }
    }
    claims
}

/// Removes malformed numbers and dates, with a warning for each.
pub(super) fn drop_malformed(claims: &mut Claims) -> Vec<String> {
    let mut warnings = Vec::new();
    for (fact, kind) in [
        (Fact::Datetime, "number"),
        (Fact::SdkLevel, "number"),
        (Fact::SecurityPatch, "date"),
    ] {
        let Some(Claim { value, .. }) = claims.values.get(&fact) else {
            continue;
        };
        let is_sound = match fact {
            Fact::SdkLevel => value.parse().is_ok_and(build::is_sdk_level),
            Fact::SecurityPatch => build::is_date(value),
            _ => value.parse::<i64>().is_ok(),
        };
        if !is_sound {
            warnings.push(format!(
                "{} `{}` by {} is not a {kind}; ignored",
                fact.as_str(),
                value.escape_debug(),
                claims.place
            ));
            claims.values.remove(&fact);
        }
    }
    warnings
}

fn metadata_claims(source: Source, place: &str, metadata: &OtaMetadata, kind: &Kind) -> Claims {
    let mut claims = Claims::new(source, place);
    claims.set(Fact::Device, metadata.devices.first().cloned());
    claims.devices.clone_from(&metadata.devices);
    claims.set(Fact::Datetime, metadata.timestamp.map(|t| t.to_string()));
    claims.set(Fact::Incremental, metadata.incremental.clone());
    claims.set(
        Fact::SdkLevel,
        metadata.sdk_level.map(|sdk| sdk.to_string()),
    );
    claims.set(Fact::SecurityPatch, metadata.security_patch.clone());
    if matches!(kind, Kind::Delta { .. }) {
        claims.set(Fact::SourceIncremental, metadata.source_incremental.clone());
    }
    claims
}

fn name_claims(name: &NameFacts) -> Claims {
    let mut claims = Claims::new(Source::FileName, FILE_NAME);
    claims.comparable = name.compares_romtype;
    claims.set(Fact::Device, name.device.clone());
    claims.set(Fact::Version, name.version.clone());
    claims.set(Fact::Romtype, name.romtype.clone());
    claims.set(Fact::Datetime, name.timestamp.map(|t| t.to_string()));
    claims.set(Fact::Incremental, name.incremental.clone());
    claims
}
