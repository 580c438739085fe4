//! Runs that write catalogs and what belongs to them, but no site: many of them may work side by side, each on a part
//! of the packages.
//!
//! In: what a run found out about its packages. Out: the catalog with them, written while no other process can. The
//! last run, of a whole site, publishes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::changelogs::{self, Gathered};
use super::draft::Draft;
use super::error::Error;
use super::found::Found;
use super::inputs::{Inputs, waiting};
use super::lost::require_published;
use super::publishing::read_again;
use super::report::{Fault, Log};
use super::run::Run;
use super::state::RUN_WAIT;
use super::{duplicates, projects, reconcile};
use crate::catalog::{Catalog, Catalogs, LeftOut, Record, UpdateError, update};
use crate::files::{Place, remove_leftover_copies};
use crate::ingest::projects::Projects;
use crate::model::build::{Build, Device, bounded_stem};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::model::names;

/// The catalog of a device that a run leaves out, with the packages that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {} of {device} {} until that is corrected", packages(*.num_packages), waits(*.num_packages))]
pub struct UnreadableCatalog {
    reason: String,
    num_packages: usize,
    device: Device,
}

fn packages(num: usize) -> String {
    format!("{num} package{}", if num == 1 { "" } else { "s" })
}

fn waits(num: usize) -> &'static str {
    if num == 1 { "waits" } else { "wait" }
}

/// Requires that something is known of each device that the run is for.
///
/// # Errors
/// [`Error::UnknownDevice`].
pub(super) fn require_devices(
    config: &Config,
    merged: &Catalog,
    catalogs: &Catalogs,
    drafts: &[Draft],
) -> Result<(), Error> {
    if config.scope.devices.is_empty() {
        return Ok(());
    }
    let known = merged.devices().into_iter();
    let known = known.chain(drafts.iter().map(|draft| &draft.build.device));
    let mut known: BTreeSet<&str> = known.map(Device::as_str).collect();
    known.extend(config.devices.keys().map(String::as_str));
    let is_unknown =
        |device: &&Device| !known.contains(device.as_str()) && catalogs.left_out(device).is_none();
    match config.scope.devices.iter().find(is_unknown) {
        None => Ok(()),
        Some(device) => Err(Error::UnknownDevice {
            device: device.to_string(),
            known: known.into_iter().map(str::to_owned).collect(),
        }),
    }
}

/// Drops the drafts that are not for this run: of other devices, or of devices whose catalog was left out.
pub(super) fn keep_own(config: &Config, catalogs: &Catalogs, drafts: &mut Vec<Draft>) -> Log {
    let mut waiting: BTreeMap<Device, usize> = BTreeMap::new();
    for device in &config.scope.devices {
        waiting.insert(device.clone(), 0);
    }
    drafts.retain(|Draft { build, .. }| config.scope.covers(build));
    drafts.retain(|Draft { build, .. }| {
        let is_there = catalogs.left_out(&build.device).is_none();
        if !is_there {
            *waiting.entry(build.device.clone()).or_default() += 1;
        }
        is_there
    });
    let mut log = Log::default();
    for (device, num_packages) in waiting {
        let Some((name, left_out)) = catalogs.left_out(&device) else {
            continue;
        };
        let path = config.catalogs[0].join(name).display().to_string();
        let reason = left_out.to_string();
        let reason = reason.strip_prefix(&format!("{path}: ")).unwrap_or(&reason);
        let reason = reason.to_owned();
        log.faults.push(Fault {
            path,
            kind: match left_out {
                LeftOut::Unreadable(_) => FaultKind::Corrupt,
                LeftOut::Contradicts { .. } => FaultKind::Conflict,
            },
            error: Box::new(UnreadableCatalog {
                reason,
                num_packages,
                device,
            }),
        });
    }
    log
}

/// Drops the faults of packages of devices that the run is not for: published builds of one, or packages whose file name
/// has a known form with the codename of one. Any other package that could not be read may be of a device of this run.
pub(super) fn keep_own_faults(config: &Config, merged: &Catalog, log: &mut Log) {
    if config.scope.devices.is_empty() || log.faults.is_empty() {
        return;
    }
    let builds = merged.builds.values().map(|record| &record.build);
    let published: HashMap<String, &Device> = builds
        .flat_map(|build| {
            [&build.path, &duplicates::place(build)].map(|path| (path.clone(), &build.device))
        })
        .collect();
    let of_catalog = merged.devices().into_iter().map(Device::to_string);
    let of_settings = config.devices.keys().chain(config.known_devices.keys());
    let known: Vec<String> = of_catalog.chain(of_settings.cloned()).collect();
    let of_name = |path: &str| {
        let filename = path.rsplit('/').next().unwrap_or(path);
        let name = names::parse(filename, &known)?.device;
        let name = name.filter(|name| known.contains(name))?;
        Device::parse(config.owner(&name).map_or(&name, |(device, _)| device)).ok()
    };
    log.faults.retain(|fault| {
        let device = published.get(&fault.path).map(|device| (*device).clone());
        let device = device.or_else(|| of_name(&fault.path));
        device.is_none_or(|device| config.scope.covers_device(&device))
    });
}

/// The texts about the builds that were found.
struct Texts {
    changelogs: Gathered,
    projects: projects::Gathered,
}

/// Why a run writes nothing.
enum Stop {
    /// It is strict, and something has a fault.
    Refused(Log),
    Failed(Error),
}

impl From<UpdateError> for Stop {
    fn from(error: UpdateError) -> Stop {
        Stop::Failed(error.into())
    }
}

/// Writes what was found to the catalog; returns whether that changed it.
pub(super) fn store(
    run: &Run<'_>,
    inputs: &Inputs<'_>,
    found: &Found,
    projects: BTreeMap<String, Projects>,
    catalogs: &mut Catalogs,
    earlier: &[Fault],
) -> Result<(bool, Log), Error> {
    let config = run.config;
    // Other hosts are asked before the catalog is locked.
    let (texts, mut log) = gather(run, inputs, found, projects)?;
    let stored = update(catalogs, config, RUN_WAIT, |catalogs, changed| {
        let failed = |error: Error| Stop::Failed(error);
        require_readable(config, catalogs).map_err(failed)?;
        let before = catalogs.own.clone();
        let found = found.clone().without_changed(changed, &catalogs.own);
        let found = found.without_left_out(catalogs);
        let log = reconcile::reconcile(config, inputs, found, catalogs, earlier);
        if config.strict && !(earlier.is_empty() && log.faults.is_empty()) {
            return Err(Stop::Refused(log));
        }
        catalogs.merged().map_err(|error| failed(error.into()))?;
        read_again(&texts.changelogs.unread, &mut catalogs.own);
        remove_leftover_copies(&config.changelogs);
        store_texts(&*config.place, &texts, &catalogs.own).map_err(failed)?;
        Ok((before != catalogs.own, log))
    });
    match stored {
        Ok((is_changed, reconciled)) => {
            log.append(reconciled);
            Ok((is_changed, log))
        }
        Err(Stop::Refused(reconciled)) => {
            log.append(reconciled);
            Ok((false, log))
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Refuses a catalog that lacks published builds, unless it is known to be incomplete.
fn require_readable(config: &Config, catalogs: &Catalogs) -> Result<(), Error> {
    match catalogs.are_complete() {
        true => require_published(config, catalogs),
        false => Ok(()),
    }
}

/// Gathers the changelogs and projects of the builds that were found.
fn gather(
    run: &Run<'_>,
    inputs: &Inputs<'_>,
    found: &Found,
    projects: BTreeMap<String, Projects>,
) -> Result<(Texts, Log), Error> {
    let with_identity = |build: &Build| (build.identity().to_owned(), Record::new(build.clone()));
    let catalog = Catalog {
        builds: found.builds.iter().map(with_identity).collect(),
        ..Catalog::default()
    };
    let (config, stored) = (run.config, &inputs.stored);
    let changed = inputs.sources.changed();
    let (changelogs, mut log): (Gathered, Log) = waiting(run, inputs.sources, || {
        let builds = found.builds.iter().collect();
        changelogs::gather(config, builds, stored, &inputs.folders, &changed)
    })?;
    let projects = projects::gather(config, &catalog, &projects, stored);
    log.events.extend(changelogs.count_kept());
    log.events.extend(projects.count_kept());
    Ok((
        Texts {
            changelogs,
            projects,
        },
        log,
    ))
}

/// Stores the texts of those builds that were accepted.
fn store_texts(place: &dyn Place, texts: &Texts, own: &Catalog) -> Result<(), Error> {
    let builds = own.builds.values();
    let stems = builds.map(|record| bounded_stem(&record.build.filename));
    let stems: BTreeSet<String> = stems.collect();
    let is_accepted = |file: &Path| {
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        stem.is_some_and(|stem| stems.contains(stem))
    };
    changelogs::store(place, &texts.changelogs, &is_accepted)?;
    projects::store(place, &texts.projects, &is_accepted)
}
