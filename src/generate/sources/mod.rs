//! Packages on other hosts: which are known, which are new, which are gone.
//!
//! In: the sources of the settings and the catalogs. Out: [`Sources`]. Only lists are requested here;
//! [`examine`](super::examine) reads the new packages, and [`digests`] finds out their digests. A source that
//! cannot be listed is a fault, and nothing of it changes.

mod digests;
mod known;
mod names;
pub(super) mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use digest_lanes::Stamp;
use sha2::{Digest, Sha256};

use self::known::{Known, Match};
use super::draft::Draft;
use super::report::{BUILDS, Event, Fault, Log};
use super::state::load_cache;
use super::{Error, Observer, Run};
use crate::catalog::{Catalog, Catalogs, Record};
use crate::fetch::{Counted, Fetch};
use crate::ingest::cache::SOURCES;
use crate::model::build::{Build, IMAGES, Origin, stem};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::model::names as zip_names;
use crate::model::source::SourceConfig;
use crate::source::{self, Client, Folder, Listing, RemoteFile, RemoteFolder, is_zip, split};

pub(super) use digests::{check_known, digest_all};
pub(super) use names::keep_unique;
use state::SourceState;

/// Most of a source's builds that may be gone at once without a confirmation, as a divisor: half.
const LOSS_DIVISOR: usize = 2;

/// Most of the builds of a source are gone from its list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{num_gone} of its {num_before} builds are gone from the list, so none is retired; if they were deleted on \
     purpose: --accept-loss {source_name}"
)]
pub struct Loss {
    num_gone: usize,
    num_before: usize,
    source_name: String,
}

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
            beside: String::new(),
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

/// Lists all sources and compares them with the catalogs.
pub(super) fn ask(run: &Run<'_>, fetch: &Arc<dyn Fetch>, catalogs: &Catalogs) -> Asked {
    let (mut sources, mut states, mut log) = (Sources::default(), Vec::new(), Log::default());
    let known = Known::new(catalogs);
    for config in &run.config.sources {
        run.observer.listing(&config.name);
        let counted = Arc::new(Counted::new(Arc::clone(fetch)));
        let client = Client {
            fetch: &*counted,
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
                    let fetch: Arc<dyn Fetch> = counted.clone();
                    let folder = open_folder(run, fetch, config, listing, &mut log);
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
                    state.error = Some(error.to_string());
                    log.faults.push(Fault {
                        path: config.name.clone(),
                        kind: error.kind(),
                        error: error.into(),
                    });
                }
            }
        }
        run.observer.listed();
        state.traffic = counted.traffic();
        sources.connections.insert(config.name.clone(), counted);
        states.push(state);
    }
    Asked {
        sources,
        states,
        log,
    }
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
    let Asked { states, log, .. } = ask(&run, fetch, &catalogs);
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

/// Warns of builds whose source the settings no longer have: nothing of them changes any more.
pub(super) fn warn_of_missing(config: &Config, own: &Catalog) -> Log {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for record in own.builds.values().filter(|record| record.is_offered()) {
        if let Some(origin) = &record.build.origin {
            *numbers.entry(&origin.source).or_default() += 1;
        }
    }
    let mut log = Log::default();
    let is_set = |name: &str| config.sources.iter().any(|source| source.name == name);
    for (name, num) in numbers.into_iter().filter(|(name, _)| !is_set(name)) {
        let text = format!(
            "the catalog offers {num} of the source `{}`, which romfeed.toml does not have; they stay as they are, and \
             `romfeed catalog yank` takes them out of the lists",
            name.escape_debug()
        );
        log.warn(BUILDS, text);
    }
    log
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
            let beside = folder.map(|folder| tag_beside(folder, &package.file.path));
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

fn open_folder(
    run: &Run<'_>,
    fetch: Arc<dyn Fetch>,
    config: &SourceConfig,
    mut listing: Listing,
    log: &mut Log,
) -> RemoteFolder {
    for text in std::mem::take(&mut listing.warnings) {
        log.warn(&config.name, text);
    }
    RemoteFolder::new(fetch, config.host.address(), listing)
        .with_store(source::store(config, run.now()))
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
    let (mut new, mut others) = (Vec::new(), Vec::new());
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for file in folder.files() {
        state.num_files += 1;
        let path = format!("{}/{}", config.name, file.path);
        if !is_zip(&file.path) || is_excluded(&path) {
            continue;
        }
        state.num_packages += 1;
        listed.insert(&file.path);
        let package = NewPackage {
            source: config.name.clone(),
            path,
            url: config.phone_url(&file.path, &file.url),
            file: file.clone(),
        };
        match known.find(config, file) {
            Match::Known(record) => {
                // Another build's zip at another address says nothing about its own.
                let build = adopt(record, run.config, &package);
                let known = build.map(|build| look_beside(build, &package, known, folder));
                sources.known.extend(known);
                others.push(package);
            }
            Match::Buried => others.push(package),
            Match::New => new.push(package),
        }
    }
    let (gone, fault) = find_gone(run.config, config, known, &listed);
    state.gone = gone.iter().map(|r| r.build.path.clone()).collect();
    match fault {
        Some(fault) => log.faults.push(fault),
        None => {
            let identities = gone.iter().map(|record| record.build.identity().to_owned());
            sources.gone.extend(identities);
        }
    }
    let num_new = new.len();
    let new = choose(new, &others, config, run.now());
    state.num_left_out = num_new - new.len();
    describe_new(&new, folder, state);
    sources.new.extend(new);
}

/// Returns the offered builds of a source whose packages are not listed; and a fault, if these are so many that none
/// may be retired.
fn find_gone<'a>(
    config: &Config,
    source: &SourceConfig,
    known: &Known<'a>,
    listed: &BTreeSet<&str>,
) -> (Vec<&'a Record>, Option<Fault>) {
    let offered: Vec<&Record> = known
        .of_source(&source.name)
        .filter(|record| record.is_offered())
        .collect();
    let is_gone = |record: &&&Record| {
        let origin = record.build.origin.as_ref();
        origin.is_some_and(|origin| !listed.contains(&*origin.path))
    };
    let gone: Vec<&Record> = offered.iter().filter(is_gone).copied().collect();
    let is_most = listed.is_empty() || gone.len() * LOSS_DIVISOR > offered.len();
    let is_loss = !gone.is_empty() && is_most && !config.accept_loss.contains(&source.name);
    let fault = is_loss.then(|| Fault {
        path: source.name.clone(),
        kind: FaultKind::Conflict,
        error: Loss {
            num_gone: gone.len(),
            num_before: offered.len(),
            source_name: source.name.clone(),
        }
        .into(),
    });
    (gone, fault)
}

/// Writes down which packages a run reads, and what it may have to download for their digests.
fn describe_new(new: &[NewPackage], folder: &RemoteFolder, state: &mut SourceState) {
    state.new = new.iter().map(|package| package.path.clone()).collect();
    for NewPackage { file, .. } in new {
        let sidecar = format!("{}.sha256sum", split(&file.path).1);
        let names = folder.names(split(&file.path).0);
        if file.sha256.is_some() || names.contains(&sidecar) {
            state.num_with_digest += 1;
        } else {
            state.num_bytes_to_download += file.size.unwrap_or_default();
        }
    }
}

/// Returns a known build of the package's source. One without a source, at the same address, or of a source that the
/// settings no longer have, becomes one. `None` for a build of elsewhere, of which the package is a copy.
fn adopt(record: &Record, config: &Config, package: &NewPackage) -> Option<Build> {
    let mut build = record.build.clone();
    let is_free = match &build.origin {
        Some(origin) if origin.source == package.source => return Some(build),
        Some(origin) => !config
            .sources
            .iter()
            .any(|source| source.name == origin.source),
        None => true,
    };
    let is_same = is_free && build.url.as_ref() == Some(&package.url);
    is_same.then(|| {
        build.origin = Some(package.origin());
        build
    })
}

/// Finds out whether there are other files next to the package of a known build than before, and whether its
/// SHA-256 is missing. Builds of other catalogs are not changed here.
fn look_beside(
    mut build: Build,
    package: &NewPackage,
    known: &Known<'_>,
    folder: &RemoteFolder,
) -> KnownPackage {
    let is_own = known.is_own(&build);
    let beside = tag_beside(folder, &package.file.path);
    let place = build.origin.as_mut().filter(|origin| {
        is_own && origin.source == package.source && origin.path == package.file.path
    });
    let is_here = place.is_some();
    let is_changed = place.is_some_and(|origin| {
        let is_changed = origin.beside != beside;
        origin.beside = beside;
        is_changed
    });
    let is_unhashed = is_here && build.sha256.is_none();
    let unhashed = is_unhashed.then(|| package.clone());
    KnownPackage {
        build,
        is_changed,
        unhashed,
    }
}

/// Returns a text that differs for other files next to a package: those that are named after it, and the images
/// that are not.
fn tag_beside(folder: &RemoteFolder, path: &str) -> String {
    const LEN: usize = 16;
    let (place, filename) = split(path);
    let names = folder.names(place);
    let starts = ["", "Changelog-"].map(|start| format!("{start}{}", stem(filename)));
    let of_package = starts.iter().flat_map(|start| {
        let from = (Bound::Included(start.as_str()), Bound::Unbounded);
        let names = names.range::<str, _>(from);
        names.take_while(move |name| name.starts_with(start))
    });
    let shared = IMAGES.iter().flat_map(|image| {
        let of_image = [format!("{image}.img"), format!("{image}.img.sha256sum")];
        of_image.into_iter().filter_map(|name| names.get(&name))
    });
    let mut hasher = Sha256::new();
    let mut is_alone = true;
    for name in of_package.chain(shared) {
        is_alone = false;
        let file = folder.listed(&source::join(place, name));
        let facts = file.map(|file| (&file.id, &file.tag, file.size, &file.sha256));
        hasher.update(format!("{name:?} {facts:?}\n"));
    }
    match is_alone {
        true => String::new(),
        false => base16ct::lower::encode_string(&hasher.finalize())[..LEN].to_owned(),
    }
}

/// Keeps the new packages of the newest releases of all, and those that are young enough. A release is a folder whose
/// packages have one date; the date in a package's name counts where its host gives none.
fn choose(
    new: Vec<NewPackage>,
    others: &[NewPackage],
    config: &SourceConfig,
    now: i64,
) -> Vec<NewPackage> {
    let date = |package: &NewPackage| {
        let filename = split(&package.file.path).1;
        let of_name = || zip_names::parse(filename, &[])?.timestamp;
        package.file.date.or_else(of_name)
    };
    let group = |package: &NewPackage| match config.host.has_releases() {
        true => split(&package.file.path).0.to_owned(),
        false => package.file.path.clone(),
    };
    let mut dates: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for package in new.iter().chain(others) {
        let newest = dates.entry(group(package)).or_default();
        *newest = (*newest).max(date(package));
    }
    let mut groups: Vec<(Option<i64>, String)> = dates
        .into_iter()
        .map(|(group, date)| (date, group))
        .collect();
    groups.sort_by(|a, b| b.cmp(a));
    let newest = groups.into_iter().take(config.newest.unwrap_or(usize::MAX));
    let chosen: BTreeSet<String> = newest.map(|(_, group)| group).collect();
    let is_young = |package: &NewPackage| match (config.max_age, date(package)) {
        (Some(max), Some(date)) => now.saturating_sub(date) <= max,
        _ => true,
    };
    let is_chosen = |package: &NewPackage| chosen.contains(&group(package)) && is_young(package);
    new.into_iter().filter(is_chosen).collect()
}
