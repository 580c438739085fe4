//! Packages on other hosts: which are known, which are new, which are gone.
//!
//! In: the sources of the settings and the catalogs. Out: [`Sources`]. Only lists are requested here;
//! [`examine`](super::examine) reads the new packages, and [`digests`] finds out their digests. A source that
//! cannot be listed is a fault, and nothing of it changes.

mod digests;
mod known;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use digest_lanes::Stamp;
use sha2::{Digest, Sha256};

use self::known::{Known, Match};
use super::draft::Draft;
use super::report::{Event, Log};
use super::state::load_cache;
use super::{Error, Observer, Run};
use crate::catalog::{Catalogs, Record};
use crate::fetch::Fetch;
use crate::ingest::cache::SOURCES;
use crate::model::build::{Build, Origin};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::model::names as zip_names;
use crate::model::source::SourceConfig;
use crate::source::{self, Client, Listing, RemoteFile, RemoteFolder, is_zip, split};

pub(super) use digests::digest_all;
pub(super) use names::keep_unique;

/// Most of a source's builds that may be gone at once without a confirmation, as a divisor: half.
const LOSS_DIVISOR: usize = 2;

/// A package on another host that is not known yet.
pub(super) struct NewPackage {
    /// Name of its source.
    pub(super) source: String,
    /// Its path as a build's: below the name of the source.
    pub(super) path: String,
    /// The address that phones download it from.
    url: String,
    pub(super) file: RemoteFile,
}

impl NewPackage {
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
        }
    }
}

/// What the sources list, compared with the catalog.
#[derive(Default)]
pub(super) struct Sources {
    /// The files of each source that was listed, by its name.
    pub(super) folders: BTreeMap<String, RemoteFolder>,
    /// Packages to read.
    pub(super) new: Vec<NewPackage>,
    /// Builds whose packages are unchanged.
    pub(super) known: Vec<Build>,
    /// Identities of builds whose packages are gone.
    pub(super) gone: BTreeSet<String>,
}

/// What a source lists, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Its name.
    pub name: String,
    /// Number of all files.
    pub num_files: usize,
    /// Number of packages.
    pub num_packages: usize,
    /// Packages that a run would read.
    pub new: Vec<String>,
    /// Number of packages that `newest` and `max_age` leave out.
    pub num_left_out: usize,
    /// Packages in the catalog that are gone.
    pub gone: Vec<String>,
    /// Number of the new packages whose SHA-256 the host or a checksum file has.
    pub num_with_digest: usize,
    /// Number of bytes that computing digests would download at most.
    pub num_bytes_to_download: u64,
    /// Why it could not be listed.
    pub error: Option<String>,
}

/// Lists all sources and compares them with the catalogs.
pub(super) fn ask(
    run: &Run<'_>,
    fetch: &Arc<dyn Fetch>,
    catalogs: &Catalogs,
) -> (Sources, Vec<SourceState>, Log) {
    let (mut sources, mut states, mut log) = (Sources::default(), Vec::new(), Log::default());
    let known = Known::new(catalogs);
    for config in &run.config.sources {
        run.observer.listing(&config.name);
        let client = Client {
            fetch: &**fetch,
            token: config.token.as_ref(),
            now: run.now(),
        };
        let mut state = SourceState {
            name: config.name.clone(),
            ..SourceState::default()
        };
        if let Some(text) = find_name_clash(run.config, config) {
            log.fault(&config.name, FaultKind::Conflict, &*text);
            state.error = Some(text);
        } else {
            match source::list(&client, config) {
                Ok(listing) => {
                    let folder = open_folder(fetch, config, listing, &mut log);
                    compare(
                        run,
                        config,
                        &folder,
                        &known,
                        &mut sources,
                        &mut state,
                        &mut log,
                    );
                    sources.folders.insert(config.name.clone(), folder);
                }
                Err(error) => {
                    log.fault(&config.name, error.kind(), error.to_string());
                    state.error = Some(error.to_string());
                }
            }
        }
        states.push(state);
    }
    (sources, states, log)
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
/// [`Error`], if a catalog cannot be read.
pub fn survey(
    config: &Config,
    fetch: &Arc<dyn Fetch>,
    observer: &dyn Observer,
    now_ns: i64,
) -> Result<Survey, Error> {
    let catalogs = Catalogs::load(&config.catalogs)?;
    let run = Run {
        config,
        cache: &load_cache(config),
        observer,
        now_ns,
    };
    let (_, sources, log) = ask(&run, fetch, &catalogs);
    let warnings = log.events.into_iter().filter_map(|event| match event {
        Event::Warning { path, text } => Some((path, text)),
        _ => None,
    });
    let faults = log.faults.into_iter();
    Ok(Survey {
        sources,
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
            draft.build.origin = Some(package.origin());
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

fn open_folder(
    fetch: &Arc<dyn Fetch>,
    config: &SourceConfig,
    mut listing: Listing,
    log: &mut Log,
) -> RemoteFolder {
    for text in std::mem::take(&mut listing.warnings) {
        log.warn(&config.name, text);
    }
    RemoteFolder::new(Arc::clone(fetch), config.host.address(), listing)
}

/// Compares the packages of one source with the catalogs.
fn compare(
    run: &Run<'_>,
    config: &SourceConfig,
    folder: &RemoteFolder,
    known: &Known<'_>,
    sources: &mut Sources,
    state: &mut SourceState,
    log: &mut Log,
) {
    let is_excluded = |path: &str| {
        run.config.exclude.is_match(path) || run.config.exclude.is_match(split(path).1)
    };
    let mut new = Vec::new();
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for file in folder.files() {
        state.num_files += 1;
        let path = format!("{}/{}", config.name, file.path);
        if !is_zip(&file.path) || is_excluded(&path) {
            continue;
        }
        state.num_packages += 1;
        listed.insert(&file.path);
        match known.find(config, file) {
            Match::Known(record) => sources.known.push(adopt(record, config, file)),
            Match::Buried => {}
            Match::New => new.push(NewPackage {
                source: config.name.clone(),
                path,
                url: config.phone_url(&file.path, &file.url),
                file: file.clone(),
            }),
        }
    }
    let gone = known.of_source(&config.name).filter(|record| {
        let origin = record.build.origin.as_ref();
        record.is_offered() && origin.is_some_and(|origin| !listed.contains(&*origin.path))
    });
    let gone: Vec<&Record> = gone.collect();
    state.gone = gone.iter().map(|r| r.build.path.clone()).collect();
    let num_before = known
        .of_source(&config.name)
        .filter(|r| r.is_offered())
        .count();
    let is_loss = !gone.is_empty() && (listed.is_empty() || gone.len() * LOSS_DIVISOR > num_before);
    if is_loss && !run.config.accept_loss.contains(&config.name) {
        log.fault(
            &config.name,
            FaultKind::Conflict,
            format!(
                "{} of its {num_before} builds are gone from the list, so none is retired; if they were deleted on \
                 purpose: --accept-loss {}",
                gone.len(),
                config.name
            ),
        );
    } else {
        let identities = gone.iter().map(|record| record.build.identity().to_owned());
        sources.gone.extend(identities);
    }
    let num_new = new.len();
    let new = choose(new, config, run.now());
    state.num_left_out = num_new - new.len();
    state.new = new.iter().map(|package| package.path.clone()).collect();
    for NewPackage { file, .. } in &new {
        let sidecar = format!("{}.sha256sum", split(&file.path).1);
        let folder_names = source::Folder::names(folder, split(&file.path).0);
        if file.sha256.is_some() || folder_names.contains(&sidecar) {
            state.num_with_digest += 1;
        } else {
            state.num_bytes_to_download += file.size.unwrap_or_default();
        }
    }
    sources.new.extend(new);
}

/// Returns a known build; one that was in the catalog without a source, at the same address, now has one.
fn adopt(record: &Record, config: &SourceConfig, file: &RemoteFile) -> Build {
    let mut build = record.build.clone();
    let url = config.phone_url(&file.path, &file.url);
    if build.origin.is_none() && build.url == Some(url) {
        build.origin = Some(Origin {
            source: config.name.clone(),
            path: file.path.clone(),
            id: file.id.clone(),
            tag: file.tag.clone(),
        });
    }
    build
}

/// Keeps the packages of the newest releases, and those that are young enough. A release is a folder whose
/// packages have one date; the date in a package's name counts where its host gives none.
fn choose(new: Vec<NewPackage>, config: &SourceConfig, now: i64) -> Vec<NewPackage> {
    let date = |package: &NewPackage| {
        let filename = split(&package.file.path).1;
        let of_name = || zip_names::parse(filename, &[])?.timestamp;
        package.file.date.or_else(of_name)
    };
    let group = |package: &NewPackage| match config.host.has_releases() {
        true => split(&package.file.path).0.to_owned(),
        false => package.file.path.clone(),
    };
    let mut groups: Vec<(Option<i64>, String)> = Vec::new();
    for package in &new {
        groups.push((date(package), group(package)));
    }
    groups.sort_by(|a, b| b.cmp(a));
    groups.dedup_by(|a, b| a.1 == b.1);
    let newest = config.newest.unwrap_or(usize::MAX);
    let chosen: BTreeSet<String> = groups
        .into_iter()
        .take(newest)
        .map(|(_, group)| group)
        .collect();
    let is_young = |package: &NewPackage| match (config.max_age, date(package)) {
        (Some(max), Some(date)) => now.saturating_sub(date) <= max,
        _ => true,
    };
    let is_chosen = |package: &NewPackage| chosen.contains(&group(package)) && is_young(package);
    new.into_iter().filter(is_chosen).collect()
}
