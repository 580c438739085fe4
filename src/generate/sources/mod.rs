//! Packages on other hosts: which are known, which are new, which are gone.
//!
//! In: the sources of the settings and the catalogs. Out: [`Sources`]. Only lists and headers are requested here;
//! `examine` reads the new packages, and [`digests`] finds out their digests. A source that
//! cannot be listed is a fault, and nothing of it changes.

mod beside;
mod compare;
mod device;
mod digests;
mod known;
mod names;
mod overwritten;
mod stated;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use digest_lanes::Stamp;
use rayon::ThreadPool;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use self::compare::Compared;
use self::known::Known;
use super::draft::Draft;
use super::error::Error;
use super::report::{Event, Fault, Log};
use super::run::{Observer, Run, thread_pool};
use super::state::load_cache;
use crate::catalog::{Catalogs, Record};
use crate::fetch::{Counted, Fetch};
use crate::ingest::cache::SOURCES;
use crate::model::build::{Build, Origin};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::model::source::SourceConfig;
use crate::source::{self, Client, RemoteFile, RemoteFolder};

use super::source_state::SourceState;
pub use compare::Loss;
pub use device::OtherDevice;
pub(super) use device::keep_own_devices;
pub(super) use digests::digest_all;
pub(super) use names::keep_unique;
pub use overwritten::Overwritten;
pub(super) use overwritten::explain;
pub(super) use stated::check_known;

/// A package on another host that is not known yet, or whose SHA-256 is not.
#[derive(Clone, Debug)]
pub(super) struct NewPackage {
    /// Name of its source.
    pub(super) source: String,
    /// Its path as a build's: below the name of the source.
    pub(super) path: String,
    /// The address that phones download it from.
    url: String,
    pub(super) file: RemoteFile,
    /// The build that was read from this place before.
    before: Option<Before>,
}

/// A build that was read from the place of a package.
#[derive(Clone, Debug)]
struct Before {
    filename: String,
    /// Whether phones are offered it.
    is_offered: bool,
    /// What is known to have changed since then; nothing, if the package is only to be read again.
    what: Vec<&'static str>,
}

impl NewPackage {
    fn new(config: &SourceConfig, file: &RemoteFile) -> NewPackage {
        NewPackage {
            source: config.name.clone(),
            path: format!("{}/{}", config.name, file.path),
            url: config.phone_url(&file.path, &file.url),
            file: file.clone(),
            before: None,
        }
    }

    /// Adds the build that was read from its place, and what has changed since.
    fn known_before(self, record: &Record, what: Vec<&'static str>) -> NewPackage {
        let before = Before {
            filename: record.build.filename.clone(),
            is_offered: record.is_offered(),
            what,
        };
        NewPackage {
            before: Some(before),
            ..self
        }
    }

    /// Returns whether the package is known and only read again because the user wants it.
    fn is_read_again(&self) -> bool {
        let before = self.before.as_ref();
        before.is_some_and(|before| before.what.is_empty())
    }

    /// Returns the package's name in the cache.
    pub(super) fn cache_key(&self) -> PathBuf {
        PathBuf::from(format!("{SOURCES}{}", self.path))
    }

    /// Returns the package's state for the cache, if it has this size in bytes.
    pub(super) fn stamp(&self, size: u64) -> Stamp {
        let version = Sha256::digest(format!("{}\n{}", self.file.id, self.file.tag));
        let (start, _) = version.split_at(size_of::<i64>());
        Stamp {
            size,
            modified_ns: 0,
            changed_ns: i64::from_be_bytes(start.try_into().unwrap_or_default()),
            inode: 0,
        }
    }

    /// Returns where the package is.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            source: self.source.clone(),
            path: self.file.path.clone(),
            id: self.file.id.clone(),
            tag: self.file.tag.clone(),
            beside: String::new(),
            is_hashed: false,
        }
    }
}

/// A build whose package is unchanged.
#[derive(Clone, Debug)]
pub(super) struct KnownPackage {
    pub(super) build: Build,
    /// Whether other files are next to the package than when they were read.
    pub(super) is_changed: bool,
    /// The package, if its SHA-256 is to become known.
    pub(super) unhashed: Option<NewPackage>,
}

/// What the sources list, compared with the catalog.
#[derive(Default)]
pub(super) struct Sources {
    /// What connects to each source, by its name.
    connections: BTreeMap<String, Arc<Counted>>,
    /// The files of each source that was listed, by its name.
    pub(super) folders: BTreeMap<String, RemoteFolder>,
    /// Packages to read.
    pub(super) new: Vec<NewPackage>,
    /// Builds whose packages are unchanged.
    pub(super) known: Vec<KnownPackage>,
    /// Identities of builds whose packages are gone.
    pub(super) gone: BTreeSet<String>,
}

impl Sources {
    /// Returns the paths of the builds whose files next to the package are to be read: of new ones, and of known
    /// ones where they changed.
    pub(super) fn changed(&self) -> BTreeSet<&str> {
        let changed = self.known.iter().filter(|known| known.is_changed);
        let changed = changed.map(|known| known.build.path.as_str());
        let new = self.new.iter().map(|package| package.path.as_str());
        changed.chain(new).collect()
    }
}

impl Sources {
    /// Writes down what each source has cost so far.
    pub(super) fn count_traffic(&self, states: &mut [SourceState]) {
        for state in states {
            if let Some(connection) = self.connections.get(&state.name) {
                state.traffic = connection.traffic();
            }
        }
    }
}

/// What asking all sources gave.
pub(super) struct Asked {
    pub(super) sources: Sources,
    /// What each of them lists, for people.
    pub(super) states: Vec<SourceState>,
    pub(super) log: Log,
}

/// Lists all sources, several at once, and compares them with the catalogs.
///
/// # Errors
/// If the system starts no threads.
pub(super) fn ask(
    run: &Run<'_>,
    fetch: &Arc<dyn Fetch>,
    catalogs: &Catalogs,
) -> Result<Asked, Error> {
    let (mut sources, mut states, mut log) = (Sources::default(), Vec::new(), Log::default());
    let known = Known::new(catalogs, run.config);
    let pool = thread_pool(run.config.source_jobs)?;
    let scope = &run.config.scope;
    let wanted = run.config.sources.iter();
    let wanted: Vec<&SourceConfig> = wanted.filter(|s| scope.covers_source(s)).collect();
    run.observer.listing(wanted.len());
    let answers = pool.install(|| {
        let answers = wanted.par_iter().map(|config| {
            run.observer.asking(&config.name);
            let counted = Arc::new(Counted::new(Arc::clone(fetch)));
            let mut state = SourceState {
                name: config.name.clone(),
                ..SourceState::default()
            };
            let answer = ask_one(run, &pool, config, &counted, &known, &mut state);
            run.observer.listed();
            state.traffic = counted.traffic();
            (counted, state, answer)
        });
        answers.collect::<Vec<_>>()
    });
    run.observer.listing_done();
    for (config, (counted, mut state, answer)) in wanted.into_iter().zip(answers) {
        sources.connections.insert(config.name.clone(), counted);
        match answer {
            Ok(answer) => {
                for text in answer.warnings {
                    log.warn(&config.name, text);
                }
                log.faults.extend(answer.compared.fault);
                sources.new.extend(answer.compared.new);
                let of_device = |build: &Build| scope.covers_device(&build.device);
                let known = answer.compared.known.into_iter();
                sources
                    .known
                    .extend(known.filter(|known| of_device(&known.build)));
                let is_own = |identity: &String| {
                    let record = catalogs.own.builds.get(identity);
                    record.is_some_and(|record| of_device(&record.build))
                };
                let gone = answer.compared.gone.into_iter();
                sources.gone.extend(gone.filter(is_own));
                sources.folders.insert(config.name.clone(), answer.folder);
            }
            Err(fault) => {
                state.error = Some(fault.error.to_string());
                log.faults.push(fault);
            }
        }
        states.push(state);
    }
    Ok(Asked {
        sources,
        states,
        log,
    })
}

/// What one source lists, compared with the catalogs.
struct Answer {
    folder: RemoteFolder,
    compared: Compared,
    warnings: Vec<String>,
}

/// Lists one source and compares it with the catalogs.
fn ask_one(
    run: &Run<'_>,
    pool: &ThreadPool,
    config: &SourceConfig,
    counted: &Arc<Counted>,
    known: &Known<'_>,
    state: &mut SourceState,
) -> Result<Answer, Fault> {
    let fault = |kind, error| Fault {
        path: config.name.clone(),
        kind,
        error,
    };
    if let Some(text) = find_name_clash(run.config, config) {
        return Err(fault(FaultKind::Conflict, text.into()));
    }
    let client = Client {
        fetch: &**counted,
        token: config.token.as_ref(),
        now: run.now(),
    };
    let listing = source::list(&client, config);
    let mut listing = listing.map_err(|error| fault(error.kind(), error.into()))?;
    let warnings = std::mem::take(&mut listing.warnings);
    // Most of the time is spent waiting for the host, so several are asked for at once.
    pool.install(|| source::complete(&client, config, &mut listing));
    let fetch: Arc<dyn Fetch> = counted.clone();
    let folder = RemoteFolder::new(fetch, config.host.address(), listing)
        .with_store(source::store(config, run.now()));
    let mut compared = compare::compare(run, config, &folder, known, state);
    pool.install(|| {
        let new = compared.new.par_iter_mut();
        new.for_each(|package| package.file = folder.with_digests(&package.file));
    });
    compare::count_digests(&compared, &folder, state);
    Ok(Answer {
        folder,
        compared,
        warnings,
    })
}

/// What all sources list, and what was noticed.
#[derive(Debug, Default)]
pub struct Survey {
    /// The sources, in the order of the settings.
    pub sources: Vec<SourceState>,
    /// Warnings: the source and the text.
    pub warnings: Vec<(String, String)>,
    /// Faults: the source and the text.
    pub faults: Vec<(String, String)>,
}

/// Lists all sources and compares them with the catalogs; reads no package and writes nothing.
///
/// # Errors
/// [`Error`], if a catalog cannot be read, or the system starts no threads.
pub fn survey(
    config: &Config,
    fetch: &Arc<dyn Fetch>,
    observer: &dyn Observer,
    now_ns: i64,
) -> Result<Survey, Error> {
    let catalogs = Catalogs::load(config)?;
    let run = Run {
        config,
        cache: &load_cache(config),
        observer,
        now_ns,
        concerned: None,
    };
    let Asked { states, log, .. } = ask(&run, fetch, &catalogs)?;
    let warnings = log.events.into_iter().filter_map(|event| match event {
        Event::Warning { path, text } => Some((path, text)),
        _ => None,
    });
    let faults = log.faults.into_iter();
    Ok(Survey {
        sources: states,
        warnings: warnings.collect(),
        faults: faults
            .map(|fault| (fault.path, fault.error.to_string()))
            .collect(),
    })
}

/// Sets where the drafts' packages are, if they are on other hosts.
pub(super) fn set_addresses(drafts: &mut [Draft], sources: &Sources) {
    let packages = sources
        .new
        .iter()
        .map(|package| (package.cache_key(), package));
    let packages: BTreeMap<PathBuf, &NewPackage> = packages.collect();
    for draft in drafts {
        if let Some(package) = packages.get(&draft.package.file) {
            draft.build.url = Some(package.url.clone());
            let folder = sources.folders.get(&package.source);
            let beside = folder.map(|folder| beside::tag_beside(folder, &package.file.path));
            draft.build.origin = Some(Origin {
                beside: beside.unwrap_or_default(),
                ..package.origin()
            });
        }
    }
}

/// Returns why a source's builds could be mixed up with those of a folder, if they could.
fn find_name_clash(config: &Config, source: &SourceConfig) -> Option<String> {
    let folder = config.builds.join(&source.name);
    folder.exists().then(|| {
        format!(
            "source `{}` has the name of a folder of builds; give it another `name` in romfeed.toml",
            source.name.escape_debug()
        )
    })
}
