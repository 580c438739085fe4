//! From a path to a build, by way of package, partitions, properties, names and
//! facts.
//!
//! In: a file. Out: an [`Examined`] package with its facts and their places, and
//! from that, with the file's digests, a [`Build`]. A package that fails is an
//! [`Error`] of its own and stops nothing else.

pub mod cache;
pub mod digests;
pub mod projects;
pub mod scan;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fetch::Remote;
use crate::files::{open_regular, read_head};
use crate::ingest::cache::PartitionFacts;
use crate::ingest::digests::Digests;
use crate::ingest::projects::Projects;
use crate::model::build::{self, Build, Csig, Device, Kind, NotAPath, Romtype, Variant};
use crate::model::config::{Config, DeviceConfig, DeviceInfo, Override, VariantRule};
use crate::model::entry_rules::CLOCK_SLACK;
use crate::model::facts::{self, Claim, Claims, Conflict, Fact, Facts, Source};
use crate::model::family::{self, Family, Found, Reading};
use crate::model::fault_kind::FaultKind;
use crate::model::names;
use digest_lanes::Stamp;
use digest_lanes::checksum_file;
use digest_lanes::checksum_file::is_hex;
use ota_view::device_props::{DeviceProps, MAX_PROPS_SIZE, Until};
use ota_view::error_kind::{ErrorKind, chain};
use ota_view::io::{Budget, Counters, Exceeded, FileSource, Limits, ReadAt, ReadError};
use ota_view::ota::{self, Ota};
use ota_view::package::layout::{self, Layout, NotAnOta};
use ota_view::package::metadata::{self, OtaMetadata};
use ota_view::package::signature::{self, Signer};
use ota_view::package::{Package, zip};
use ota_view::props::PropertyMap;

/// Since Android 6 every build states its security patch level.
const SECURITY_PATCH_SDK: u32 = 23;
/// Why an incremental is refused: clients put it into addresses as it is.
const NOT_AN_ADDRESS: &str =
    "cannot be part of a feed's address: only letters, digits and . _ ~ + @ - are allowed";
/// The place of facts that are read from nothing but the package's name.
pub const FILE_NAME: &str = "file name";
/// Longest `.csig` file read, in bytes; they hold one certificate and a list of
/// a few ranges.
const MAX_CSIG_SIZE: u64 = 1 << 20;
/// What a build without a romtype is published under; the default that
/// CyanogenMod's own updater assumes.
pub const DEFAULT_ROMTYPE: &str = "UNOFFICIAL";

/// Why a package is left out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open the file")]
    Open(#[source] std::io::Error),
    /// The zip cannot be read.
    #[error(transparent)]
    Zip(#[from] zip::Error),
    /// A sound zip, but no ROM.
    #[error(transparent)]
    NotARom(#[from] NotAnOta),
    /// Its signature cannot be read.
    #[error("its signature cannot be read")]
    Signature(#[from] signature::Error),
    /// The partitions cannot be read.
    #[error(transparent)]
    Ota(#[from] ota::Error),
    /// Weak sources contradict each other.
    #[error(transparent)]
    Conflict(#[from] Box<Conflict>),
    /// A `build.prop` that is an entry of the zip is not that of the image.
    #[error("`{place}` in the zip has `{key}={}`, but {image} has `{}`", .entry.escape_debug(), .value.escape_debug(), place = layout::BUILD_PROP)]
    StrayBuildProp {
        /// The property.
        key: String,
        /// Its value in the entry.
        entry: String,
        /// The file in the image.
        image: String,
        /// Its value there.
        value: String,
    },
    /// Facts that feeds need are nowhere.
    #[error("no source tells its {}{}", .facts.join(", "), because(.why.as_deref()))]
    Missing {
        /// The facts.
        facts: Vec<&'static str>,
        /// Why its partitions tell nothing, if it has any.
        why: Option<String>,
    },
    /// What reading the same file failed with before.
    #[error(
        "{message} (remembered from an earlier run; `romfeed generate --rehash` reads the file again)"
    )]
    Remembered {
        /// The class of the fault.
        class: FaultKind,
        /// The error and its causes.
        message: String,
    },
    /// No phone could install it.
    #[error("{0}")]
    NotInstallable(&'static str),
    /// A device or romtype that cannot be a path.
    #[error(transparent)]
    NotAPath(#[from] NotAPath),
    /// A fact that no client could use.
    #[error("{what} `{}` {reason}", .value.escape_debug())]
    BadFact {
        /// Which fact.
        what: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A build that is not made yet, or a clock that is wrong.
    #[error("datetime `{0}` is in the future; check the clock of both machines")]
    Future(i64),
    /// A file or folder name that no phone or host could use.
    #[error("{what} `{}` {reason}", .value.escape_debug())]
    BadName {
        /// `file name` or `folder name`.
        what: &'static str,
        /// The name.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bytes could not be hashed.
    #[error(transparent)]
    Digest(#[from] digest_lanes::Error),
    /// The file differs from the digest published beside it.
    #[error("its {algorithm} is {found}, but {file} says {expected}")]
    HashMismatch {
        /// `md5` or `sha256`.
        algorithm: &'static str,
        /// The digest file.
        file: String,
        /// The digest it gives.
        expected: String,
        /// The digest of the bytes.
        found: String,
    },
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!("; {why}")).unwrap_or_default()
}

impl Error {
    /// The class of the fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Error::Open(_) => FaultKind::Io,
            Error::Zip(error) => error.kind().into(),
            Error::NotARom(error) if error.is_incomplete => FaultKind::Corrupt,
            Error::NotARom(_) => FaultKind::NotARom,
            Error::Signature(error) => error.kind().into(),
            Error::Ota(error) => error.kind().into(),
            Error::Remembered { class, .. } => *class,
            Error::Conflict(_) | Error::StrayBuildProp { .. } => FaultKind::Conflict,
            Error::Missing { .. } => FaultKind::MissingFacts,
            Error::NotInstallable(_)
            | Error::NotAPath(_)
            | Error::BadFact { .. }
            | Error::Future(_)
            | Error::BadName { .. } => FaultKind::Corrupt,
            Error::Digest(error) => error.into(),
            Error::HashMismatch { .. } => FaultKind::HashMismatch,
        }
    }

    /// Whether the same bytes will fail in the same way whatever the settings, the machine and
    /// the files next to them. How long reading took says more about the machine.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        let is_of_bytes = matches!(
            self,
            Error::Zip(_)
                | Error::NotARom(_)
                | Error::Signature(_)
                | Error::Ota(_)
                | Error::StrayBuildProp { .. }
        );
        let exceeded = ReadError::exceeded(self);
        is_of_bytes
            && self.kind() != FaultKind::Io
            && !ReadError::is_system_error(self)
            && matches!(
                exceeded,
                None | Some(Exceeded::Decoded { .. } | Exceeded::Memory { .. })
            )
    }

    /// Whether other packages used the memory, or the room for temporary files, at the time.
    #[must_use]
    pub fn is_contended(&self) -> bool {
        matches!(ReadError::exceeded(self), Some(Exceeded::Contended))
    }
}

/// A package that was read: what it is and what is known about it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The file.
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
    /// Facts with their places, and warnings.
    pub facts: Facts,
    /// Name of the family whose rules were applied, if a build.prop told it.
    pub family: Option<String>,
    /// What the family that the build belongs to reads, where its device was published by the
    /// properties of another.
    pub unpublished: Option<Unpublished>,
    /// What was read of the partitions; empty for a delta.
    pub device_props: DeviceProps,
    /// The projects it was made from, if they were asked for and read now.
    pub projects: Option<Projects>,
    /// It has a manifest of them, or may have one.
    pub has_projects: bool,
    /// What reading the package has cost.
    pub counters: Counters,
    /// https address from `ro.build.ota.url`.
    pub ota_url: Option<String>,
    /// `ota-property-files`, checked.
    pub property_files: Option<String>,
    /// Properties that the variants of the settings go by.
    variant_props: Vec<(String, String)>,
    /// The name its phones will ask for.
    next_device: Option<Device>,
    /// What `<zip>.csig` says.
    csig: Option<Csig>,
    /// Who signed it.
    pub signer: Option<Signer>,
    /// Why no phone could install it.
    obstacle: Option<&'static str>,
    /// The variant that the settings sort it into, once it was drafted.
    pub variant: Option<Variant>,
    /// Its family's updater compares the romtype.
    pub compares_romtype: bool,
}

/// What a build would be published as, had its device not been published otherwise before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpublished {
    /// Name of the family.
    pub family: String,
    /// Codename, version and romtype, as far as they are known.
    pub facts: [Option<String>; 3],
}

/// What is known before any package is opened.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Values set by the configuration.
    pub overrides: &'a [Override],
    /// `devices.json`, by codename.
    pub known_devices: &'a BTreeMap<String, DeviceInfo>,
    /// ROM families of the configuration.
    pub families: &'a [Family],
    /// Settings of single devices, by codename.
    pub devices: &'a BTreeMap<String, DeviceConfig>,
    /// Which of several readings of a package, by its file name, its device was published by; none
    /// if nothing was published.
    pub published: &'a (dyn Fn(&str, &[Reading<'_>]) -> Option<usize> + Sync),
    /// What belongs to which variant.
    pub variants: &'a [VariantRule],
    /// What one package may cost.
    pub limits: &'a Limits,
    /// What an earlier run was told by a file's partitions.
    pub remembered: &'a (dyn Fn(&Path, Stamp) -> Option<PartitionFacts> + Sync),
    /// Whether the projects of a package, by its file name, are known without it; none if nobody
    /// asks for projects.
    pub knows_projects: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
}

impl<'a> Context<'a> {
    /// Takes what the configuration sets; nothing is remembered.
    #[must_use]
    pub fn new(config: &'a Config) -> Context<'a> {
        Context {
            overrides: &config.overrides,
            known_devices: &config.known_devices,
            families: &config.families,
            devices: &config.devices,
            published: &|_, _| None,
            variants: &config.variants,
            limits: &config.limits,
            remembered: &|_, _| None,
            knows_projects: None,
        }
    }
}

/// Opens a package for reading within its limits.
///
/// # Errors
/// [`Error::Open`] or [`Error::Zip`].
pub fn open(file: &Path, limits: &Limits) -> Result<(Package, Arc<Budget>, Stamp), Error> {
    let source = FileSource::open(file).map_err(Error::Open)?;
    let stamp = Stamp::of(source.metadata());
    let (package, budget) = open_source(source, limits)?;
    Ok((package, budget, stamp))
}

/// As [`open`], of a package anywhere.
///
/// # Errors
/// [`Error::Zip`]
pub fn open_source(
    source: impl ReadAt + 'static,
    limits: &Limits,
) -> Result<(Package, Arc<Budget>), Error> {
    Ok(Package::open_within(source, limits)?)
}

/// Opens a package and gathers its facts.
///
/// Reads the zip's directory, a few small entries, and of the partitions only
/// what lies under their `build.prop`. Safe on untrusted input: bounded by the
/// limits of the context.
///
/// # Errors
/// Any [`Error`] but the two about digests.
pub fn examine(file: &Path, path: &str, context: Context<'_>) -> Result<Examined, Error> {
    let (package, budget, stamp) = open(file, context.limits)?;
    examine_package(package, &budget, Some((file, stamp)), path, context)
}

/// As [`examine`], of a package on another machine; it has no sidecars. Where its partitions would
/// take too much to download, what META-INF and the name say holds, with a warning.
///
/// # Errors
/// As [`examine`].
pub fn examine_remote(
    remote: Arc<Remote>,
    filename: &str,
    context: Context<'_>,
) -> Result<Examined, Error> {
    let (package, budget) = open_source(remote, context.limits)?;
    examine_package(package, &budget, None, filename, context)
}

/// Gathers the facts of a package; `file` is where it is on this machine.
fn examine_package(
    package: Package,
    budget: &Arc<Budget>,
    file: Option<(&Path, Stamp)>,
    path: &str,
    context: Context<'_>,
) -> Result<Examined, Error> {
    let stamp = file.map_or(
        Stamp {
            size: package.size(),
            modified_ns: 0,
            changed_ns: 0,
            inode: 0,
        },
        |(_, stamp)| stamp,
    );
    let filename = path.rsplit('/').next().unwrap_or(path).to_owned();
    let sidecar = |suffix: &str, limit, warnings: &mut Vec<String>| {
        let (file, _) = file?;
        read_sidecar(&with_suffix(file, suffix), limit, warnings)
    };
    let layout = layout::detect(&package)?;

    let mut warnings = Vec::new();
    let obstacle = find_obstacle(&package);
    let (pb, text) = read_metadata(&package, &mut warnings)?;
    let remembered = file.and_then(|(file, stamp)| (context.remembered)(file, stamp));
    let (told, projects) = match remembered {
        Some(told) => {
            // Lost since, or the run that read them did not get to keep them.
            let is_lacking = context
                .knows_projects
                .is_some_and(|known| !known(&filename));
            let projects = match told.has_projects && is_lacking {
                true => read_projects(&package, None, budget),
                false => Ok(None),
            };
            let projects = projects.unwrap_or_else(|error| {
                warnings.push(without_projects(&error));
                None
            });
            (told, projects)
        }
        None => {
            let is_remote = file.is_none();
            ask_partitions(&package, budget, layout, context, is_remote, &mut warnings)?
        }
    };
    let kind = match told.is_delta {
        false => Kind::Full,
        true => Kind::Delta {
            source_incremental: pb
                .as_ref()
                .or(text.as_ref())
                .and_then(|metadata| metadata.source_incremental.clone()),
            is_block_based: layout != Layout::Payload,
        },
    };
    let device_props = told.device_props;
    warnings.extend(device_props.warnings.iter().cloned());
    let inner_props = (!device_props.files.is_empty()).then_some(&device_props.props);
    let sidecar_props =
        sidecar(".prop", MAX_PROPS_SIZE, &mut warnings).map(|bytes| PropertyMap::parse(&bytes));
    let sidecar_props = sidecar_props.as_ref();

    let mut claims = Vec::new();
    claims.extend(override_claims(context.overrides, path));
    let sidecar_place = format!("{}.prop", filename.escape_debug());
    for (source, place, props) in [
        (Source::BuildProp, layout::BUILD_PROP, inner_props),
        (Source::Sidecar, sidecar_place.as_str(), sidecar_props),
    ] {
        claims.extend(props.map(|props| {
            let (family, _) = choose_family(&filename, props, context);
            props_claims(source, place, props, &family)
        }));
    }
    for (source, place, metadata) in [
        (Source::MetadataPb, metadata::PROTOBUF, &pb),
        (Source::Metadata, metadata::TEXT, &text),
    ] {
        claims.extend(
            metadata
                .as_ref()
                .map(|m| metadata_claims(source, place, m, &kind)),
        );
    }
    let known_devices: Vec<String> = claims
        .iter()
        .filter_map(|claims| Some(claims.values.get(&Fact::Device)?.value.clone()))
        .chain(claims.iter().flat_map(|claims| claims.devices.clone()))
        .chain(context.known_devices.keys().cloned())
        .collect();
    let name = names::parse(&filename, &known_devices);
    claims.extend(name.as_ref().map(name_claims));

    for claims in &mut claims {
        warnings.extend(drop_malformed(claims));
    }
    let mut facts = facts::weigh(&claims)?;
    let props = inner_props.or(sidecar_props);
    let (family, unpublished) = props
        .map(|props| choose_family(&filename, props, context))
        .unzip();
    warnings.extend(
        family
            .as_deref()
            .zip(props)
            .and_then(|(family, props)| family::overruled(family, props)),
    );
    let property_files = pb
        .as_ref()
        .and_then(|metadata| metadata.property_files.clone())
        .or_else(|| {
            text.as_ref()
                .and_then(|metadata| metadata.property_files.clone())
        });
    let property_files = check_property_files(property_files, stamp.size, &mut warnings);
    let next_device = props.and_then(|props| read_next_device(props, &mut warnings));
    let csig = sidecar(".csig", MAX_CSIG_SIZE, &mut warnings).map(|bytes| parse_csig(&bytes));
    let variant_props = context.variants.iter().filter_map(|rule| {
        let (key, _) = rule.property.as_ref()?;
        Some((key.clone(), props?.get(key)?.to_owned()))
    });
    let variant_props = variant_props.collect();
    facts.warnings.append(&mut warnings);
    let ota_url = props
        .and_then(|props| props.get("ro.build.ota.url"))
        .filter(|url| crate::model::address::check_https(url).is_ok())
        .map(str::to_owned);
    Ok(Examined {
        file: file.map_or_else(|| PathBuf::from(&filename), |(file, _)| file.to_owned()),
        filename,
        path: path.to_owned(),
        stamp,
        layout,
        kind,
        facts,
        family: family.as_ref().map(|family| family.name.to_string()),
        unpublished: unpublished.flatten(),
        ota_url,
        property_files,
        variant_props,
        next_device,
        csig,
        signer: signature::read_signer(&package)?,
        obstacle,
        variant: None,
        compares_romtype: match (family, &name) {
            (Some(family), _) => family.compares_romtype,
            (None, Some(name)) => name.compares_romtype,
            (None, None) => true,
        },
        device_props,
        projects,
        has_projects: told.has_projects,
        counters: budget.counters(),
    })
}

/// Why no phone could install a package, as far as it is seen without reading all of it.
fn find_obstacle(package: &Package) -> Option<&'static str> {
    match package.comment() {
        // Recoveries and updaters count from the beginning of the file.
        _ if package.shift() > 0 => {
            Some("there are bytes before the archive, so phones do not find what is in it")
        }
        // AOSP recovery, `verify_file`; libziparchive takes the last one.
        comment if zip::has_end_record(comment) => {
            Some("its comment holds an end-of-central-directory record, so phones refuse it")
        }
        _ => None,
    }
}

/// Finds out whether a package is full or a delta, by what it does and not by
/// what it says, and what the partitions of a full one tell.
fn ask_partitions(
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
    let is_enough = |props: &PropertyMap| tells_all(props, context);
    let mut device_props = match is_delta {
        // What its images will be cannot be known without its source.
        true => DeviceProps::default(),
        false => match rom.props(Until::Enough(&is_enough)) {
            Err(error) if is_remote && error.kind() == ErrorKind::Limit => {
                warnings.push(format!("its partitions are not read: {}", chain(&error)));
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
    // What the system failed to read once is looked for again, and not remembered as a fault.
    let is_unsettled = projects.as_ref().is_err_and(|e| e.kind() == FaultKind::Io);
    let projects = projects.unwrap_or_else(|error| {
        let warnings = match is_unsettled {
            true => warnings,
            false => &mut device_props.warnings,
        };
        warnings.push(without_projects(&error));
        None
    });
    let told = PartitionFacts {
        is_delta,
        device_props,
        has_projects: projects.is_some() || is_unsettled,
    };
    Ok((told, projects))
}

/// The warning of projects that cannot be read: they are for people alone.
fn without_projects(error: &projects::image::Error) -> String {
    format!("its projects are not known: {}", chain(error))
}

/// Reads the projects a full package was made from; `rom` if it is open already, and it is not
/// known that it has them.
fn read_projects(
    package: &Package,
    rom: Option<&Ota>,
    budget: &Arc<Budget>,
) -> Result<Option<Projects>, projects::image::Error> {
    match rom {
        // For what may not be there, no stream of a whole partition is decoded.
        Some(rom) => projects::image::read(package, rom, &|name| rom.is_cheap_to_read(name)),
        None => Ota::from_package(package, Arc::clone(budget))
            .map_err(Into::into)
            .and_then(|rom| projects::image::read(package, &rom, &|_| true)),
    }
}

/// Compares a `build.prop` that is an entry of the zip with that of the system's image, as far as
/// facts depend on them.
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
        // Other partitions may well say something else.
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

/// The family whose properties hold for a package: the one that the settings name for its device,
/// the one its device was published by, or else the one it belongs to; and what that one reads,
/// where another holds because of what was published.
fn choose_family<'a>(
    filename: &str,
    props: &PropertyMap,
    context: Context<'a>,
) -> (Cow<'a, Family>, Option<Unpublished>) {
    let readings = family::readings(props, context.families);
    let [detected, _, ..] = &readings[..] else {
        return (Cow::Borrowed(family::detect(props, context.families)), None);
    };
    let devices = readings
        .iter()
        .filter_map(|reading| reading.device.as_ref());
    let set = devices
        .filter_map(|device| context.devices.get(device)?.family.as_ref())
        .find_map(|name| {
            readings
                .iter()
                .find(|reading| reading.family.name == **name)
        });
    if let Some(set) = set {
        return (set.family.clone(), None);
    }
    match (context.published)(filename, &readings) {
        None | Some(0) => (detected.family.clone(), None),
        Some(index) => {
            let facts = [&detected.device, &detected.version, &detected.romtype];
            let unpublished = Unpublished {
                family: detected.family.name.to_string(),
                facts: facts.map(Clone::clone),
            };
            (readings[index].family.clone(), Some(unpublished))
        }
    }
}

/// Whether properties tell every fact a feed needs.
fn tells_all(props: &PropertyMap, context: Context<'_>) -> bool {
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
    // A partition's own name may be outvoted by that of another partition.
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

impl Examined {
    /// What is remembered of the package.
    #[must_use]
    pub fn told(&self) -> PartitionFacts {
        PartitionFacts {
            is_delta: self.kind != Kind::Full,
            device_props: self.device_props.clone(),
            has_projects: self.has_projects,
        }
    }

    /// Whether this is a delta and `full` is the build it makes.
    #[must_use]
    pub fn leads_to(&self, full: &Build) -> bool {
        let is_same = |fact, value: &str| self.facts.value(fact) == Some(value);
        let incremental = full.incremental.as_deref().unwrap_or_default();
        let device = full.device.as_str();
        self.kind != Kind::Full
            && full.kind == Kind::Full
            && is_same(Fact::Incremental, incremental)
            && is_same(Fact::Datetime, &full.timestamp.to_string())
            && (is_same(Fact::Device, device) || self.facts.devices.iter().any(|d| d == device))
    }

    /// Takes over what the full build knows better: a delta has no properties, so
    /// its own word for these is that of its name.
    pub fn adopt(&mut self, full: &Build) {
        let place = format!("its full build {}", full.filename.escape_debug());
        for (fact, value) in [
            (Fact::Device, full.device.as_str()),
            (Fact::Version, &full.version),
            (Fact::Romtype, full.romtype.as_str()),
        ] {
            self.facts.set(fact, value, &place);
        }
    }

    /// The build this package is, but for its digests.
    ///
    /// A family whose updater compares no romtype, and that has none, is filed
    /// under `UNOFFICIAL`, with a warning among the facts.
    ///
    /// `now` is in seconds since the epoch.
    ///
    /// # Errors
    /// [`Error::NotInstallable`], [`Error::Missing`], [`Error::NotAPath`], [`Error::BadFact`] or
    /// [`Error::BadName`].
    pub fn draft(&mut self, config: &Config, now: i64) -> Result<Build, Error> {
        if let Some(obstacle) = self.obstacle {
            return Err(Error::NotInstallable(obstacle));
        }
        let default_romtype = (self.facts.get(Fact::Romtype).is_none() && !self.compares_romtype)
            .then_some(DEFAULT_ROMTYPE);
        let missing: Vec<&'static str> =
            [Fact::Device, Fact::Version, Fact::Romtype, Fact::Datetime]
                .into_iter()
                .filter(|fact| self.facts.get(*fact).is_none())
                .filter(|fact| *fact != Fact::Romtype || default_romtype.is_none())
                .map(Fact::as_str)
                .collect();
        if !missing.is_empty() {
            return Err(Error::Missing {
                facts: missing,
                why: self.device_props.warnings.first().cloned(),
            });
        }
        let value = |fact| self.facts.value(fact).unwrap_or_default().to_owned();
        let bad = |what, value: &str, fault: Option<&'static str>| match fault {
            None => Ok(()),
            Some(reason) => Err(Error::BadFact {
                what,
                value: value.to_owned(),
                reason,
            }),
        };
        let version = value(Fact::Version);
        bad("version", &version, build::version_fault(&version))?;
        for part in self.path.split('/') {
            if let Some(reason) = build::filename_fault(part) {
                return Err(Error::BadName {
                    what: match part == self.filename {
                        true => "file name",
                        false => "folder name",
                    },
                    value: part.to_owned(),
                    reason,
                });
            }
        }
        let datetime = value(Fact::Datetime);
        let fault = match datetime.parse() {
            Ok(timestamp) => build::timestamp_fault(timestamp),
            Err(_) => Some("is no number of seconds"),
        };
        bad("datetime", &datetime, fault)?;
        match datetime.parse() {
            Ok(timestamp) if timestamp > now.saturating_add(CLOCK_SLACK) => {
                return Err(Error::Future(timestamp));
            }
            _ => {}
        }
        for (what, fact) in [
            ("incremental", Fact::Incremental),
            ("source incremental", Fact::SourceIncremental),
        ] {
            if let Some(incremental) = self.facts.value(fact) {
                let fault = build::path_fault(incremental);
                bad(what, incremental, fault.map(|_| NOT_AN_ADDRESS))?;
            }
        }
        let property = |key: &str| {
            let found = self.variant_props.iter().find(|(known, _)| known == key);
            found.map(|(_, value)| value.clone())
        };
        self.variant = config.variant(&self.path, &property).cloned();
        let romtype = self.facts.value(Fact::Romtype).or(default_romtype);
        let built = Build {
            device: Device::parse(&value(Fact::Device))?,
            variant: self.variant.clone(),
            romtype: Romtype::parse(romtype.unwrap_or_default())?,
            version,
            timestamp: datetime.parse().expect("checked above"),
            incremental: self.facts.value(Fact::Incremental).map(str::to_owned),
            kind: self.kind.clone(),
            sdk_level: self.facts.number(Fact::SdkLevel),
            security_patch: self.facts.value(Fact::SecurityPatch).map(str::to_owned),
            filename: self.filename.clone(),
            path: self.path.clone(),
            size: self.stamp.size,
            sha256: None,
            id: None,
            md5: None,
            url: None,
            ota_url: self.ota_url.clone(),
            property_files: self.property_files.clone(),
            signer: self
                .signer
                .as_ref()
                .map(|signer| signer.fingerprint.clone()),
            next_device: self.next_device.clone(),
            csig: self.csig.clone(),
            images: Vec::new(),
            family: self
                .family
                .clone()
                .filter(|name| family::has_own_updater(name)),
        };
        for (is_unknown, what) in [
            (
                built.incremental.is_none(),
                "incremental; phones that run it and ask with {incr} get an error",
            ),
            (
                built.sdk_level.is_none(),
                "API level; LineageOS 23.2 on does not show it",
            ),
        ] {
            if is_unknown {
                self.facts
                    .warnings
                    .push(format!("no source tells its {what}"));
            }
        }
        if default_romtype.is_some() {
            self.facts.warnings.push(format!(
                "it has no romtype; it is published as `{DEFAULT_ROMTYPE}`, which its updater does not compare"
            ));
        }
        Ok(built)
    }
}

/// Holds the digests of a file against those published beside it.
///
/// Digest files that cannot be read or understood are warned about.
///
/// # Errors
/// [`Error::HashMismatch`].
pub fn verify(file: &Path, digests: &Digests, warnings: &mut Vec<String>) -> Result<(), Error> {
    let filename = file.file_name().unwrap_or_default().to_string_lossy();
    for (algorithm, found) in [("sha256", &digests.sha256), ("md5", &digests.md5)] {
        let beside = with_suffix(file, &format!(".{algorithm}sum"));
        let Some(bytes) = read_sidecar(&beside, checksum_file::MAX_SIZE, warnings) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let beside = format!("{}.{algorithm}sum", filename.escape_debug());
        match checksum_file::parse(&text, &filename, found.len()) {
            None => warnings.push(format!(
                "{beside} holds no {algorithm} of the package; not checked"
            )),
            Some(expected) if expected != *found => {
                return Err(Error::HashMismatch {
                    algorithm,
                    file: beside,
                    expected,
                    found: found.clone(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Reads a small file beside a package; its absence is normal, any other trouble
/// is a warning.
fn read_sidecar(file: &Path, limit: u64, warnings: &mut Vec<String>) -> Option<Vec<u8>> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let read = open_regular(file).and_then(|file| read_head(file, limit));
    match read {
        Ok(bytes) if bytes.len() as u64 <= limit => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Ok(_) => {
            warnings.push(format!(
                "{} is longer than {limit} bytes; ignored",
                name.escape_debug()
            ));
            None
        }
        Err(error) => {
            warnings.push(format!("{} cannot be read: {error}", name.escape_debug()));
            None
        }
    }
}

type BothMetadata = (Option<OtaMetadata>, Option<OtaMetadata>);

/// Reads both forms of the metadata; the text says the same as a protobuf that
/// cannot be decoded.
fn read_metadata(package: &Package, warnings: &mut Vec<String>) -> Result<BothMetadata, Error> {
    let pb = package.read(metadata::PROTOBUF, metadata::MAX_SIZE)?;
    let text = package.read(metadata::TEXT, metadata::MAX_SIZE)?;
    let pb = match pb.as_deref().map(metadata::parse_pb) {
        None => None,
        Some(Ok(pb)) => Some(pb),
        Some(Err(_)) => {
            warnings.push(format!(
                "{} is no protobuf message; ignored",
                metadata::PROTOBUF
            ));
            None
        }
    };
    Ok((pb, text.as_deref().map(metadata::parse_text)))
}

/// The new name of the device, if the build has one.
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

/// What Custota's signature file says of the build: JSON inside a CMS structure,
/// in one piece. Source: chenxiaolong/Custota, `custota-tool`, version 2.
fn parse_csig(bytes: &[u8]) -> Csig {
    #[derive(serde::Deserialize)]
    struct Content {
        version: u32,
        vbmeta_digest: Option<String>,
    }
    // The structure around it is short, so few braces are tried.
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'{');
    let parse = |(start, _): (usize, &u8)| {
        let mut contents = serde_json::Deserializer::from_slice(&bytes[start..]).into_iter();
        contents.next()?.ok().filter(|c: &Content| c.version >= 1)
    };
    let content = starts.take(64).find_map(parse);
    let digest = content.and_then(|content| content.vbmeta_digest);
    Csig {
        vbmeta_digest: digest.filter(|digest| is_hex(digest, 64)),
    }
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

fn props_claims(source: Source, place: &str, props: &PropertyMap, family: &Family) -> Claims {
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

/// Takes out numbers and dates that are none, one warning each.
fn drop_malformed(claims: &mut Claims) -> Vec<String> {
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
                "{} `{}` by {} is no {kind}; ignored",
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

fn name_claims(name: &names::NameFacts) -> Claims {
    let mut claims = Claims::new(Source::FileName, FILE_NAME);
    claims.comparable = name.compares_romtype;
    claims.set(Fact::Device, name.device.clone());
    claims.set(Fact::Version, name.version.clone());
    claims.set(Fact::Romtype, name.romtype.clone());
    claims.set(Fact::Datetime, name.timestamp.map(|t| t.to_string()));
    claims.set(Fact::Incremental, name.incremental.clone());
    claims
}

/// Keeps `ota-property-files` only if every client can parse it: one malformed
/// part fails a whole v2 feed on the phone.
fn check_property_files(
    value: Option<String>,
    size: u64,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let value = value?;
    if build::are_property_files(&value, size) {
        return Some(value);
    }
    warnings.push(
        "ota-property-files is malformed and is left out of the feed; phones will not stream"
            .to_owned(),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use ota_view::image::sparse;
    use ota_view::io::ImageFault;

    #[test]
    fn fault_of_the_disk_is_never_lasting() {
        let short = || ReadError::Io {
            offset: 7,
            source: Arc::new(std::io::ErrorKind::UnexpectedEof.into()),
        };
        let in_zip = |source| {
            Error::Zip(zip::Error::Read {
                what: "entry",
                source,
            })
        };
        let in_chunk = sparse::Error::Read {
            what: "chunk",
            source: short(),
        };
        let in_image = Error::Ota(ota::Error::FileSystem {
            partition: "system".to_owned(),
            source: ota_view::fs::Error::Start {
                source: ImageFault::new(ota_view::error_kind::ErrorKind::Truncated, in_chunk)
                    .into(),
            },
        });
        for error in [in_zip(short()), in_image] {
            assert_eq!(error.kind(), FaultKind::Truncated, "{error}");
            assert!(!error.is_lasting(), "{error}");
        }
        let cut_short = in_zip(ReadError::OutOfBounds {
            offset: 1,
            end: 3,
            size: 2,
        });
        assert!(cut_short.is_lasting());
    }
}
