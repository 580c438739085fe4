//! Opens a package and gathers its facts.
//!
//! In: a file or a remote source, and a [`Context`]. Out: an [`Examined`] package with its facts and
//! their sources. Digests are computed elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use digest_lanes::Stamp;
use ota_view::device_props::{DeviceProps, MAX_PROPS_SIZE};
use ota_view::io::{Budget, Counted, Counters, FileSource, Limits, ReadAt};
use ota_view::package::layout::{self, Layout};
use ota_view::package::signature::{self, Signer};
use ota_view::package::{Package, zip};
use ota_view::props::PropertyMap;

use super::cache::PartitionFacts;
use super::claims::{self, Sources};
use super::metadata::Metadata;
use super::projects::Projects;
use super::reading::{Unpublished, choose_family};
use super::sidecars::{self, MAX_CSIG_SIZE};
use super::{Context, Error, partitions};
use crate::fetch::Remote;
use crate::model::address::check_https;
use crate::model::build::{Csig, Device, Kind, Variant};
use crate::model::facts::{self, Facts};
use crate::model::family::{self, Family};
use crate::model::names::NameFacts;
use crate::source::{Folder, LocalFolder};

/// A package that was read, with its facts.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The file; of a package on another host, its name in the cache.
    pub file: PathBuf,
    /// Its bare name.
    pub filename: String,
    /// Its path under `builds/`, with `/` between folders.
    pub path: String,
    /// Its state when it was examined.
    pub stamp: Stamp,
    /// How it carries the system.
    pub layout: Layout,
    /// Full or delta.
    pub kind: Kind,
    /// Facts with their sources, and warnings.
    pub facts: Facts,
    /// Name of the ROM family whose rules were applied, if there was a build.prop.
    pub family: Option<String>,
    /// The reading of the build's own family, if another reading is used because its device was
    /// published that way before.
    pub unpublished: Option<Unpublished>,
    /// Properties read from the partitions; empty for a delta.
    pub device_props: DeviceProps,
    /// The projects it was made from, if they were requested and read in this run.
    pub projects: Option<Projects>,
    /// Whether it has, or may have, a manifest of its projects.
    pub has_projects: bool,
    /// How much reading the package cost.
    pub counters: Counters,
    /// The https address from `ro.build.ota.url`.
    pub ota_url: Option<String>,
    /// The checked value of `ota-property-files`.
    pub property_files: Option<String>,
    /// Properties that the settings' rules for variants use.
    pub(super) variant_props: Vec<(String, String)>,
    /// The device name that its phones will use in requests.
    pub(super) next_device: Option<Device>,
    /// The content of `<zip>.csig`.
    pub(super) csig: Option<Csig>,
    /// Its signer.
    pub signer: Option<Signer>,
    /// Why phones could not install it.
    pub(super) obstacle: Option<&'static str>,
    /// The variant that the settings give it; set by [`Examined::draft`].
    pub variant: Option<Variant>,
    /// Whether its family's updater compares the romtype.
    pub compares_romtype: bool,
}

impl Examined {
    /// Returns what the cache stores about the package.
    #[must_use]
    pub fn partition_facts(&self) -> PartitionFacts {
        PartitionFacts {
            is_delta: self.kind != Kind::Full,
            device_props: self.device_props.clone(),
            has_projects: self.has_projects,
        }
    }
}

/// A package to examine.
struct Location<'a> {
    /// Its name in the cache and its state.
    known_as: (&'a Path, Stamp),
    /// Path under `builds/`, with `/` between folders.
    path: &'a str,
    /// The folder with the files next to it, and its path there.
    place: Option<(&'a dyn Folder, &'a str)>,
    /// Whether it is on another host.
    is_remote: bool,
}

impl Location<'_> {
    fn filename(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    fn read_sidecar(
        &self,
        suffix: &str,
        limit: u64,
        warnings: &mut Vec<String>,
    ) -> Option<Vec<u8>> {
        let (folder, path) = self.place?;
        sidecars::read(folder, path, suffix, limit, warnings)
    }
}

/// Opens a package for reading within limits.
///
/// # Errors
/// [`Error::Open`] or [`Error::Zip`].
pub fn open(file: &Path, limits: &Limits) -> Result<(Package, Arc<Budget>, Stamp), Error> {
    let source = FileSource::open(file).map_err(Error::Open)?;
    let stamp = Stamp::of(source.metadata());
    let (package, budget) = open_source(source, limits)?;
    Ok((package, budget, stamp))
}

/// Opens a package from any source for reading within limits.
///
/// # Errors
/// [`Error::Zip`]
pub fn open_source(
    source: impl ReadAt + 'static,
    limits: &Limits,
) -> Result<(Package, Arc<Budget>), Error> {
    let budget = Arc::new(Budget::new(limits.for_package(source.size())));
    let package = Package::open(Arc::new(Counted::new(source, Arc::clone(&budget))))?;
    Ok((package, budget))
}

/// Opens a package and gathers its facts.
///
/// Reads the zip's directory, a few small entries, and only those parts of the partitions
/// that contain their `build.prop`. Safe on untrusted input: bounded by the limits of the context.
///
/// # Errors
/// Any [`Error`] except the two about digests.
pub fn examine(file: &Path, path: &str, context: Context<'_>) -> Result<Examined, Error> {
    let (package, budget, stamp) = open(file, context.limits)?;
    let place = LocalFolder::of_file(file);
    let location = Location {
        known_as: (file, stamp),
        path,
        place: place
            .as_ref()
            .map(|(folder, name)| (folder as &dyn Folder, *name)),
        is_remote: false,
    };
    examine_package(package, &budget, &location, context)
}

/// A package on another host.
pub struct RemotePackage<'a> {
    /// Its bytes.
    pub source: Arc<Remote>,
    /// Its name in the cache, if its state is known.
    pub known_as: Option<(&'a Path, Stamp)>,
    /// Path under `builds/`, or its file name.
    pub path: &'a str,
    /// The folder with the files next to it, and its path there.
    pub place: Option<(&'a dyn Folder, &'a str)>,
}

/// Examines a package on another host, without checking hashes of uncompressed data in it. If reading its partitions would exceed the limits, its facts
/// come from META-INF, `<zip>.prop` and its name, with a warning.
///
/// # Errors
/// As for [`examine`].
pub fn examine_remote(remote: RemotePackage<'_>, context: Context<'_>) -> Result<Examined, Error> {
    let limits = Limits {
        skips_hashes: true,
        ..context.limits.clone()
    };
    let (package, budget) = open_source(remote.source, &limits)?;
    let of_size = Stamp {
        size: package.size(),
        modified_ns: 0,
        changed_ns: 0,
        inode: 0,
    };
    let location = Location {
        known_as: remote.known_as.unwrap_or((Path::new(remote.path), of_size)),
        path: remote.path,
        place: remote.place,
        is_remote: true,
    };
    examine_package(package, &budget, &location, context)
}

fn examine_package(
    mut package: Package,
    budget: &Arc<Budget>,
    location: &Location<'_>,
    context: Context<'_>,
) -> Result<Examined, Error> {
    let (filename, (file, stamp)) = (location.filename(), location.known_as);
    let layout = layout::detect(&package)?;
    let mut warnings = Vec::new();
    let obstacle = find_obstacle(&package);
    let metadata = Metadata::read(&mut package, &mut warnings)?;
    let (partitions, projects) = read_partitions(
        &mut package,
        budget,
        layout,
        location,
        context,
        &mut warnings,
    )?;
    let kind = metadata.kind(partitions.is_delta, layout);
    let device_props = partitions.device_props;
    warnings.extend(device_props.warnings.iter().cloned());
    let partition_props = (!device_props.files.is_empty()).then_some(&device_props.props);
    let sidecar_props = location.read_sidecar(".prop", MAX_PROPS_SIZE, &mut warnings);
    let sidecar_props = sidecar_props.map(|bytes| PropertyMap::parse(&bytes));
    let sources = Sources {
        path: location.path,
        filename,
        partition_props,
        sidecar_props: sidecar_props.as_ref(),
        metadata: &metadata,
        kind: &kind,
    };
    let (mut facts, name) = weigh(&sources, context, &mut warnings)?;
    let props = partition_props.or(sidecar_props.as_ref());
    let (family, unpublished) = props
        .map(|props| choose_family(filename, props, context))
        .unzip();
    let found = family.as_deref().zip(props);
    warnings.extend(found.and_then(|(family, props)| family::overruled(family, props)));
    let property_files = metadata.property_files(stamp.size, &mut warnings);
    let next_device = props.and_then(|props| read_next_device(props, &mut warnings));
    let csig = location.read_sidecar(".csig", MAX_CSIG_SIZE, &mut warnings);
    facts.warnings.append(&mut warnings);
    Ok(Examined {
        file: file.to_owned(),
        filename: filename.to_owned(),
        path: location.path.to_owned(),
        stamp,
        layout,
        kind,
        facts,
        family: family.as_ref().map(|family| family.name.to_string()),
        unpublished: unpublished.flatten(),
        ota_url: props.and_then(read_ota_url),
        property_files,
        variant_props: read_variant_props(props, context),
        next_device,
        csig: csig.map(|bytes| sidecars::parse_csig(&bytes)),
        signer: signature::read_signer(&package)?,
        obstacle,
        variant: None,
        compares_romtype: compares_romtype(family.as_deref(), name.as_ref()),
        device_props,
        projects,
        has_projects: partitions.has_projects,
        counters: budget.counters(),
    })
}

/// Weighs what all sources say; also returns the facts in the file name.
fn weigh(
    sources: &Sources<'_>,
    context: Context<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Facts, Option<NameFacts>), Error> {
    let (mut claims, name) = claims::collect(sources, context);
    for claims in &mut claims {
        warnings.extend(claims::drop_malformed(claims));
    }
    Ok((facts::weigh(&claims)?, name))
}

/// Returns whether the updater of a build compares its romtype; it does if nothing is known of it.
fn compares_romtype(family: Option<&Family>, name: Option<&NameFacts>) -> bool {
    let of_family = family.map(|family| family.compares_romtype);
    of_family.unwrap_or_else(|| name.is_none_or(|name| name.compares_romtype))
}

/// Returns what the partitions say, from an earlier run if the file has not changed, and the projects
/// if they are needed.
fn read_partitions(
    package: &mut Package,
    budget: &Arc<Budget>,
    layout: Layout,
    location: &Location<'_>,
    context: Context<'_>,
    warnings: &mut Vec<String>,
) -> Result<(PartitionFacts, Option<Projects>), Error> {
    let (file, stamp) = location.known_as;
    let remembered = (context.remembered)(file, stamp);
    match remembered {
        Some(known) => Ok(partitions::recall(
            known,
            package,
            budget,
            location.filename(),
            context,
            warnings,
        )),
        None => {
            let is_remote = location.is_remote;
            partitions::read(package, budget, layout, context, is_remote, warnings)
        }
    }
}

/// Returns why phones could not install a package, as far as that shows without reading all of it.
fn find_obstacle(package: &Package) -> Option<&'static str> {
    match package.comment() {
        // Recoveries and updaters count offsets from the beginning of the file.
        _ if package.shift() > 0 => {
            Some("there are bytes before the archive, so phones do not find what is in it")
        }
        // AOSP recovery (`verify_file`) refuses it; libziparchive would use the last record.
        comment if zip::has_end_record(comment) => {
            Some("its comment holds an end-of-central-directory record, so phones refuse it")
        }
        _ => None,
    }
}

/// Reads the new name of the device, if the build has one.
fn read_next_device(props: &PropertyMap, warnings: &mut Vec<String>) -> Option<Device> {
    let name = props.get(family::NEXT_DEVICE)?.trim();
    match Device::parse(name) {
        _ if name.is_empty() => None,
        Ok(device) => Some(device),
        Err(error) => {
            warnings.push(format!("{}: {error}; ignored", family::NEXT_DEVICE));
            None
        }
    }
}

/// Returns the https address in `ro.build.ota.url`.
fn read_ota_url(props: &PropertyMap) -> Option<String> {
    let url = props.get("ro.build.ota.url")?;
    check_https(url).is_ok().then(|| url.to_owned())
}

/// Returns the properties that rules for variants use, with their values.
fn read_variant_props(props: Option<&PropertyMap>, context: Context<'_>) -> Vec<(String, String)> {
    let values = context.variants.iter().filter_map(|rule| {
        let (key, _) = rule.property.as_ref()?;
        Some((key.clone(), props?.get(key)?.to_owned()))
    });
    values.collect()
}
