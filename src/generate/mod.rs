//! The main job: turns a folder of packages and a catalog into a site.
//!
//! In: a [`Config`]. Out: the catalog and the site on disk, and a [`Report`] of
//! what changed and what was left out. Packages are examined, then hashed, then
//! merged into the catalog; only then is anything written.
//!
//! Each step returns a value and a log of what it did and left out; [`generate`] puts the steps
//! together.

mod admission;
mod catalog_only;
mod changelogs;
mod concerned;
mod draft;
mod duplicates;
pub mod edit;
mod error;
mod examine;
mod families;
mod folders;
mod found;
mod hash;
mod hashed;
mod hashes;
mod images;
mod in_the_way;
mod links;
mod lost;
mod memory;
mod name_taken;
mod notes;
mod outline;
mod overview;
mod pages;
mod parts;
mod projects;
mod published;
mod publishing;
mod recognise;
mod reconcile;
mod report;
mod require;
mod settings_digest;
mod settled;
mod shared_lists;
mod sidecars;
mod sink;
mod site;
mod sketch;
mod sketches;
mod snapshot;
mod source_state;
mod sources;
mod start;
mod state;
mod stock;
mod unchanged;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::ThreadPool;

use crate::catalog::{Catalog, Catalogs, until_written};
use crate::fetch::Fetch;
use crate::ingest::Examined;
use crate::ingest::cache::Cache;
use crate::ingest::projects::Projects;
use crate::ingest::scan::Scan;
use crate::model::build::{Build, Device};
use crate::model::config::Config;

use concerned::Concerned;
use draft::Draft;
use found::Found;
use hashed::Hashed;
use report::Log;
use sidecars::Folders;
use sources::Sources;

pub use admission::{Objection, PublishedVariants, SuggestedRule, object};
pub use catalog_only::UnreadableCatalog;
pub use error::Error;
pub use examine::WithoutRanges;
pub use families::{DeviceFamily, families};
pub use lost::{require_known, require_published};
pub use name_taken::NameTaken;
pub use report::{BUILDS, Cause, Event, Fault, Preview, Report};
pub use require::Refused;
pub use shared_lists::SharedLists;
pub use sink::{Part, Sink};
pub use snapshot::{OwnedChannel, OwnedOffer, Snapshot, snapshot};
pub use source_state::{Change, SourceState};
pub use sources::{Loss, OtherDevice, Overwritten, Survey, survey};
pub use state::{CACHE, lock_catalog, lock_state, save_catalog};

/// Follows the progress of a run. The methods are called from several threads.
pub trait Observer: Sync {
    /// Called before a source is listed.
    fn listing(&self, _source: &str) {}
    /// Called when a source was listed, or could not be.
    fn listed(&self) {}
    /// Called before packages of sources are read, with their number.
    fn reading(&self, _num_packages: usize) {}
    /// Called when another package of a source was read, or could not be.
    fn read(&self) {}
    /// Called when all packages of sources were read.
    fn reading_done(&self) {}
    /// Called when a package was examined.
    fn examined(&self, _package: &Examined) {}
    /// Called when hashing begins, with the numbers of files and bytes to hash.
    fn hashing(&self, _num_files: usize, _num_bytes: u64) {}
    /// Called when downloads for their digests begin, with the numbers of packages and bytes. They are
    /// hashed meanwhile.
    fn downloading(&self, _num_packages: usize, _num_bytes: u64) {}
    /// Called when another `num_bytes` bytes were hashed.
    fn hashed(&self, _num_bytes: u64) {}
    /// Called when all files were hashed or downloaded.
    fn hashing_done(&self) {}
    /// Called before the first file of catalog and site is written.
    fn writing(&self) {}
    /// Called when all of them are written.
    fn written(&self) {}
}

/// What all steps of a run use.
#[derive(Clone, Copy)]
struct Run<'a> {
    config: &'a Config,
    cache: &'a Cache,
    observer: &'a dyn Observer,
    /// The time, in nanoseconds since the epoch.
    now_ns: i64,
    /// The catalog files that were read, if those are not all.
    concerned: Option<&'a Concerned>,
}

impl Run<'_> {
    /// Returns the time, in seconds since the epoch.
    fn now(&self) -> i64 {
        self.now_ns.div_euclid(1_000_000_000)
    }

    /// Notes the devices of builds, in case the run does not read their catalog files.
    fn note_builds<'b>(&self, builds: impl Iterator<Item = &'b Build>) {
        if let Some(concerned) = self.concerned {
            builds.for_each(|build| concerned.note_build(self.config, build));
        }
    }

    /// Notes names of devices, as far as they can be such.
    fn note_devices<'n>(&self, names: impl Iterator<Item = &'n str>) {
        if let Some(concerned) = self.concerned {
            let devices = names.filter_map(|name| Device::parse(name).ok());
            devices.for_each(|device| concerned.note_device(&device));
        }
    }

    /// Notes that a package may be of any device.
    fn note_all(&self) {
        self.concerned.into_iter().for_each(Concerned::note_all);
    }

    /// Whether the run has to read all catalog files.
    fn needs_all(&self) -> bool {
        self.concerned.is_some_and(Concerned::are_too_few)
    }
}

/// Brings the site up to date.
///
/// `fetch` connects to the sources of the settings; without it, nothing of them changes. `now_ns` is the time
/// in nanoseconds since the epoch. It affects what is published only through `min_age`, and which packages of
/// sources are read only through `max_age`.
///
/// # Errors
/// [`Error`]. A package or a source that cannot be used is a [`Fault`] in the report instead.
pub fn generate(
    config: &Config,
    fetch: Option<&Arc<dyn Fetch>>,
    observer: &dyn Observer,
    now_ns: i64,
) -> Result<Report, Error> {
    let config = &Config {
        limits: config.limits.for_run(),
        ..config.clone()
    };
    until_written(Error::is_overtaken, || {
        let fetch = fetch.filter(|_| !config.sources.is_empty());
        let now = now_ns.div_euclid(1_000_000_000);
        if let Some(report) = settled::generate(config, fetch.is_some(), observer, now)? {
            return Ok(report);
        }
        let reads_all = config.names_all;
        if let Some(report) = generate_once(config, fetch, observer, now_ns, reads_all)? {
            return Ok(report);
        }
        let report = generate_once(config, fetch, observer, now_ns, true)?;
        Ok(report.expect("all catalog files were read"))
    })
}

/// Brings the site up to date once. Unless it `reads_all` catalog files, it reads only those of the devices that it
/// concerns; it changes nothing and returns none if that turns out to be too few.
fn generate_once(
    config: &Config,
    fetch: Option<&Arc<dyn Fetch>>,
    observer: &dyn Observer,
    now_ns: i64,
    reads_all: bool,
) -> Result<Option<Report>, Error> {
    let mut report = Report::default();
    let Some(start) = start::begin(config, fetch.is_some(), reads_all, &mut report)? else {
        report.nothing_to_publish = true;
        return Ok(Some(report));
    };
    let (mut catalogs, pool) = (start.catalogs, start.pool);
    let run = Run {
        config,
        cache: &start.cache,
        observer,
        now_ns,
        concerned: start.concerned.as_ref(),
    };
    let sources = ask_sources(&run, fetch, &catalogs, &mut report)?;
    let inputs = Inputs {
        scan: &start.scan,
        sources: &sources,
        folders: Folders::new(config, fetch.map(|_| &sources.folders)),
        stored: sidecars::list_stored(&config.changelogs)?,
    };
    let (builds, projects) = find_builds(&run, &pool, &inputs, &catalogs, &mut report)?;
    report.from_catalog_alone = inputs.scan.packages.is_empty() && fetch.is_none();
    let found = Found {
        builds,
        gone: sources.gone.clone(),
        ..Found::default()
    };
    if config.catalog_only {
        let faults = &report.faults;
        let own = &mut catalogs;
        let stored =
            pool.install(|| catalog_only::store(&run, &inputs, &found, projects, own, faults));
        report.catalog_changed = report.take(stored?);
        sources.count_traffic(&mut report.sources);
        report.sort_faults();
        return Ok(Some(report));
    }
    if run.needs_all() {
        return Ok(None);
    }
    let memory = start.memory;
    let published = pool.install(|| {
        let catalogs = &mut catalogs;
        publishing::publish(&run, inputs, found, projects, catalogs, memory, &mut report)
    });
    Ok(published?.then_some(report))
}

/// Lists the sources and compares them with the catalogs.
fn ask_sources(
    run: &Run<'_>,
    fetch: Option<&Arc<dyn Fetch>>,
    catalogs: &Catalogs,
    report: &mut Report,
) -> Result<Sources, Error> {
    let Some(fetch) = fetch else {
        return Ok(Sources::default());
    };
    let asked = sources::ask(run, fetch, catalogs)?;
    report.sources = asked.states;
    Ok(report.take((asked.sources, asked.log)))
}

/// Reads and hashes the packages, and returns the builds that may be published.
fn find_builds(
    run: &Run<'_>,
    pool: &ThreadPool,
    inputs: &Inputs<'_>,
    catalogs: &Catalogs,
    report: &mut Report,
) -> Result<HashedBuilds, Error> {
    let merged = catalogs.merged()?;
    let drafts = report.take(read_packages(run, pool, inputs, catalogs, &merged)?);
    drop(merged);
    if run.needs_all() {
        return Ok(HashedBuilds::default());
    }
    let hashed = pool.install(|| hash_packages(run, drafts, catalogs, inputs));
    let found = report.take(hashed?);
    run.note_builds(found.0.iter());
    sources::explain(inputs.sources, &mut report.faults);
    Ok(found)
}

fn thread_pool(num_threads: usize) -> Result<ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(num_threads.max(1))
        .build()
        .map_err(|error| Error::Write {
            file: PathBuf::from("thread pool"),
            source: io::Error::other(error),
        })
}

/// Runs a step that waits for other hosts most of the time, if there are any: with as many threads as zips are read at
/// once, which may be more than processors.
fn waiting<T: Send>(
    run: &Run<'_>,
    sources: &Sources,
    step: impl FnOnce() -> T + Send,
) -> Result<T, Error> {
    match sources.folders.is_empty() {
        true => Ok(step()),
        false => Ok(thread_pool(run.config.source_jobs)?.install(step)),
    }
}

/// What a run starts from, apart from settings and catalogs.
struct Inputs<'a> {
    scan: &'a Scan,
    sources: &'a Sources,
    /// The files next to packages.
    folders: Folders<'a>,
    /// Names of the stored copies of changelogs and projects.
    stored: BTreeSet<String>,
}

/// Examines the scanned packages and the new ones of sources, and drafts their builds; every build has a
/// download address then.
fn read_packages(
    run: &Run<'_>,
    pool: &ThreadPool,
    inputs: &Inputs<'_>,
    catalogs: &Catalogs,
    merged: &Catalog,
) -> Result<(Vec<Draft>, Log), Error> {
    let (examined, mut log) = examine::examine_all(run, pool, inputs, merged)?;
    let mut drafts = log.take(draft::draft_all(run, examined, merged));
    sources::set_addresses(&mut drafts, inputs.sources);
    log.append(sources::keep_own_devices(run.config, &mut drafts));
    catalog_only::require_devices(run.config, merged, catalogs, &drafts)?;
    catalog_only::keep_own_faults(run.config, merged, &mut log);
    log.append(catalog_only::keep_own(run.config, catalogs, &mut drafts));
    run.note_builds(drafts.iter().map(|draft| &draft.build));
    let drafted = drafts.iter().map(|draft| (&draft.package, &draft.build));
    log.append(published::warn(run.config, drafted));
    draft::require_addresses(run.config, merged, drafts.iter().map(|draft| &draft.build))?;
    Ok((drafts, log))
}

/// The builds that may be published, and the projects of each that were read in this run, by identity.
type HashedBuilds = (Vec<Build>, BTreeMap<String, Projects>);

/// Hashes packages and their images, and rejects new packages that the settings do not allow.
fn hash_packages(
    run: &Run<'_>,
    drafts: Vec<Draft>,
    catalogs: &Catalogs,
    inputs: &Inputs<'_>,
) -> Result<(HashedBuilds, Log), Error> {
    let (remote, local): (Vec<Draft>, Vec<Draft>) = drafts
        .into_iter()
        .partition(|draft| draft.build.origin.is_some());
    let (mut hashed, mut log) = hashes::hash_packages(run, local, catalogs);
    let mut known = inputs.sources.known.clone();
    log.append(waiting(run, inputs.sources, || {
        sources::check_known(inputs.sources, &mut known)
    })?);
    let remote = sources::digest_all(run, remote, inputs.sources, catalogs, &mut known)?;
    hashed.extend(log.take(remote));
    sources::keep_unique(&mut hashed, catalogs);
    let folders = &inputs.folders;
    let num_full = images::num_full(&hashed, &known);
    let changed = known.iter_mut().filter(|known| known.is_changed);
    let builds = hashed.iter_mut().map(|hashed| &mut hashed.build);
    let mut builds: Vec<&mut Build> = builds.chain(changed.map(|k| &mut k.build)).collect();
    log.append(waiting(run, inputs.sources, || {
        images::attach(run, &mut builds, &num_full, folders)
    })?);
    let read = hashed.iter_mut().map(|hashed| {
        let Hashed {
            build, projects, ..
        } = hashed;
        (&*build, projects.take())
    });
    let changed = known.iter().filter(|known| known.is_changed);
    let read = read.chain(changed.map(|known| (&known.build, None)));
    let read: Vec<projects::ReadProjects<'_>> = read.collect();
    let found = waiting(run, inputs.sources, || {
        projects::find(read, catalogs, &inputs.stored, folders, &num_full)
    })?;
    let projects::Found { projects, unread } = log.take(found);
    let builds = hashed.iter_mut().map(|hashed| &mut hashed.build);
    for build in builds.chain(known.iter_mut().map(|known| &mut known.build)) {
        // The next run reads its manifest again.
        if let Some(origin) = build
            .origin
            .as_mut()
            .filter(|_| unread.contains(&build.path))
        {
            origin.beside.clear();
        }
    }
    let mut builds = log.take(require::keep_required(
        run,
        hashed,
        catalogs,
        inputs.sources,
    ));
    builds.extend(known.into_iter().map(|known| known.build));
    Ok(((builds, projects), log))
}
