//! Reads what the partitions of a package say: its kind, properties and projects.
//!
//! In: an open package. Out: [`PartitionFacts`], which the cache stores, and [`Projects`]. Only
//! those parts of the partitions are decoded that are needed for it.

use std::sync::Arc;

use ota_view::device_props::{DeviceProps, MAX_PROPS_SIZE, Until};
use ota_view::error_kind::{ErrorKind, chain};
use ota_view::io::{Budget, Exceeded, ReadError};
use ota_view::ota::{self, Ota};
use ota_view::package::Package;
use ota_view::package::layout::{self, Layout};
use ota_view::props::PropertyMap;

use super::cache::PartitionFacts;
use super::claims::props_claims;
use super::projects::{self, Projects};
use super::{Context, Error};
use crate::model::config::VariantRule;
use crate::model::facts::{Fact, Source};
use crate::model::family::{self, Family};
use crate::model::fault_kind::FaultKind;

/// API level of Android 6; since then every build has a security patch level.
const SECURITY_PATCH_SDK: u32 = 23;

/// Takes what an earlier run read from the partitions, and reads the projects if they are not stored.
pub(super) fn recall(
    known: PartitionFacts,
    package: &Package,
    budget: &Arc<Budget>,
    filename: &str,
    context: Context<'_>,
    warnings: &mut Vec<String>,
) -> (PartitionFacts, Option<Projects>) {
    // The stored copy was lost, or the run that read them was interrupted before storing it.
    let is_lacking = context
        .knows_projects
        .is_some_and(|is_known| !is_known(filename));
    let projects = match known.has_projects && is_lacking {
        true => read_projects(package, None, budget),
        false => Ok(None),
    };
    let projects = projects.unwrap_or_else(|error| {
        warnings.push(without_projects(&error));
        None
    });
    (known, projects)
}

/// Determines whether a package is full or a delta, by its operations and not by its metadata, and
/// reads the properties of a full one.
pub(super) fn read(
    package: &Package,
    budget: &Arc<Budget>,
    layout: Layout,
    context: Context<'_>,
    is_remote: bool,
    warnings: &mut Vec<String>,
) -> Result<(PartitionFacts, Option<Projects>), Error> {
    let rom = Ota::from_package(package, Arc::clone(budget))?;
    let is_patch = |name: &str| name.starts_with("patch/") && name.ends_with(".p");
    let patches_files =
        matches!(layout, Layout::Files | Layout::Metadata) && package.names().any(is_patch);
    let is_delta = rom.needs_source() || patches_files;
    let is_enough = |props: &PropertyMap| has_all_facts(props, context);
    let mut device_props = match is_delta {
        // Its images cannot be computed without the source build.
        true => DeviceProps::default(),
        false => match rom.props(Until::Enough(&is_enough)) {
            Err(error) if is_remote && error.kind() == ErrorKind::Limit => {
                warnings.push(without_partitions(&error));
                DeviceProps::default()
            }
            read => read?,
        },
    };
    check_entry(package, &device_props, context.families)?;
    let projects = match context.knows_projects.is_some() && !is_delta {
        true => read_projects(package, Some(&rom), budget),
        false => Ok(None),
    };
    // A read error of the system may be temporary, so the next run tries again.
    let is_unsettled = projects.as_ref().is_err_and(|e| e.kind() == FaultKind::Io);
    let projects = projects.unwrap_or_else(|error| {
        let warnings = match is_unsettled {
            true => warnings,
            false => &mut device_props.warnings,
        };
        warnings.push(without_projects(&error));
        None
    });
    let facts = PartitionFacts {
        is_delta,
        device_props,
        has_projects: projects.is_some() || is_unsettled,
    };
    Ok((facts, projects))
}

/// Returns the warning for partitions on another host that would cost too much to read.
fn without_partitions(error: &ota::Error) -> String {
    let why = match ReadError::exceeded(error) {
        Some(Exceeded::Fetched { limit }) => format!(
            "that takes more than {} MiB of the zip, which is the limit on other hosts",
            limit >> 20
        ),
        _ => chain(error),
    };
    format!(
        "its partitions are not read: {why}; instead, its facts come from META-INF, from its name, and from a .prop file \
         next to it"
    )
}

/// Returns the warning for projects that cannot be read; updaters do not need them.
fn without_projects(error: &projects::image::Error) -> String {
    format!("its projects are not known: {}", chain(error))
}

/// Reads the projects a full package was made from. `rom` is given if it is open already and it is
/// not known whether the package has a manifest.
fn read_projects(
    package: &Package,
    rom: Option<&Ota>,
    budget: &Arc<Budget>,
) -> Result<Option<Projects>, projects::image::Error> {
    match rom {
        // Not worth decoding a whole partition for a manifest that may not exist.
        Some(rom) => projects::image::read(package, rom, &|name| rom.is_cheap_to_read(name)),
        None => Ota::from_package(package, Arc::clone(budget))
            .map_err(Into::into)
            .and_then(|rom| projects::image::read(package, &rom, &|_| true)),
    }
}

/// Compares a `build.prop` that is an entry of the zip with that of the system image, for the
/// properties that facts come from.
///
/// # Errors
/// [`Error::Zip`] or [`Error::StrayBuildProp`].
fn check_entry(package: &Package, found: &DeviceProps, families: &[Family]) -> Result<(), Error> {
    let is_of_system = |place: &str| {
        let partition = place.split_once(':').map(|(partition, _)| partition);
        matches!(partition, Some("system" | "system_a" | "system_b"))
    };
    if !found.files.iter().any(|place| is_of_system(place)) {
        return Ok(());
    }
    let Some(text) = package.read(layout::BUILD_PROP, MAX_PROPS_SIZE)? else {
        return Ok(());
    };
    let entry = PropertyMap::parse(&text);
    let family = family::detect(&entry, families);
    let claims = props_claims(Source::BuildProp, layout::BUILD_PROP, &entry, family);
    for key in claims.values.into_values().filter_map(|claim| claim.key) {
        // Other partitions may have other values.
        let image = found.props.place(&key).filter(|place| is_of_system(place));
        let values = entry.get(&key).zip(found.props.get(&key));
        if let (Some(image), Some((entry, value))) = (image, values)
            && entry != value
        {
            return Err(Error::StrayBuildProp {
                entry: entry.to_owned(),
                image: image.to_owned(),
                value: value.to_owned(),
                key,
            });
        }
    }
    Ok(())
}

/// Returns whether properties have every fact a feed needs.
fn has_all_facts(props: &PropertyMap, context: Context<'_>) -> bool {
    let families = context.families;
    let wanted = |rule: &VariantRule| match &rule.property {
        Some((key, _)) => props.get(key).is_some(),
        None => true,
    };
    if !context.variants.iter().all(wanted) {
        return false;
    }
    let family = family::detect(props, families);
    let claims = props_claims(Source::BuildProp, "", props, family);
    let has = |fact| claims.values.contains_key(&fact);
    let sdk = props.get("ro.build.version.sdk");
    let has_security_patch = sdk.and_then(|sdk| sdk.parse().ok()).unwrap_or(0) < SECURITY_PATCH_SDK
        || has(Fact::SecurityPatch);
    let needs_romtype = family.compares_romtype;
    // The device name of another partition may take precedence over this one.
    let device = claims.values.get(&Fact::Device);
    let device_key = device
        .and_then(|claim| claim.key.as_deref())
        .unwrap_or_default();
    if device_key.starts_with("ro.product.") && device_key != "ro.product.device" {
        return false;
    }
    [
        Fact::Device,
        Fact::Version,
        Fact::Datetime,
        Fact::Incremental,
        Fact::SdkLevel,
    ]
    .into_iter()
    .all(has)
        && has_security_patch
        && (has(Fact::Romtype) || !needs_romtype)
}
