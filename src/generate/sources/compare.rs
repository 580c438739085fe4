//! Compares what one source lists with the catalogs: which packages are known, changed, new or gone.

use std::collections::{BTreeMap, BTreeSet};

use super::beside::{adopt, look_beside};
use super::known::{Known, Match};
use super::{KnownPackage, NewPackage};
use crate::catalog::Record;
use crate::generate::report::Fault;
use crate::generate::run::Run;
use crate::generate::source_state::{Change, SourceState};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::model::names as zip_names;
use crate::model::source::SourceConfig;
use crate::source::{Folder, RemoteFile, RemoteFolder, is_zip, split};

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

/// The packages of one source.
#[derive(Default)]
pub(super) struct Compared {
    /// Packages to read.
    pub(super) new: Vec<NewPackage>,
    /// Builds whose packages are unchanged.
    pub(super) known: Vec<KnownPackage>,
    /// Identities of builds whose packages are gone.
    pub(super) gone: Vec<String>,
    /// Why none may be retired, if so many are gone.
    pub(super) fault: Option<Fault>,
}

/// Compares the packages of one source with the catalogs, and counts them in `state`.
pub(super) fn compare(
    run: &Run<'_>,
    config: &SourceConfig,
    folder: &RemoteFolder,
    known: &Known<'_>,
    state: &mut SourceState,
) -> Compared {
    let is_excluded = |path: &str| {
        run.config.exclude.is_match(path) || run.config.exclude.is_match(split(path).1)
    };
    let mut compared = Compared::default();
    let (mut new, mut others) = (Vec::new(), Vec::new());
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for file in folder.files() {
        state.num_files += 1;
        let package = NewPackage::new(config, file);
        if !is_zip(&file.path) || is_excluded(&package.path) {
            continue;
        }
        state.num_packages += 1;
        listed.insert(&file.path);
        match known.find(config, file) {
            Match::Known(record) if run.config.rehash && is_place(record, config, file) => {
                others.push(package.clone());
                compared.new.push(package.known_before(record, Vec::new()));
            }
            Match::Known(record) => {
                // Another build's zip at another address says nothing about its own.
                let build = adopt(record, run.config, &package);
                let known = build.map(|build| look_beside(build, &package, known, folder));
                compared.known.extend(known);
                others.push(package);
            }
            // It is read whatever `newest` and `max_age` say: its build is published.
            Match::Changed(record, what) => {
                others.push(package.clone());
                state.changed.push(Change {
                    path: package.path.clone(),
                    what: what.clone(),
                });
                compared.new.push(package.known_before(record, what));
            }
            Match::Buried => others.push(package),
            Match::New => new.push(package),
        }
    }
    let (gone, fault) = find_gone(run.config, config, known, &listed);
    state.gone = gone.iter().map(|r| r.build.path.clone()).collect();
    if fault.is_none() {
        let identities = gone.iter().map(|record| record.build.identity().to_owned());
        compared.gone.extend(identities);
    }
    compared.fault = fault;
    let num_new = new.len();
    let new = choose(new, &others, config, run.now());
    state.num_left_out = num_new - new.len();
    state.new = new.iter().map(|package| package.path.clone()).collect();
    compared.new.extend(new);
    compared
}

/// Returns whether a build was read from this file of the source.
fn is_place(record: &Record, config: &SourceConfig, file: &RemoteFile) -> bool {
    let origin = record.build.origin.as_ref();
    origin.is_some_and(|origin| origin.source == config.name && origin.path == file.path)
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

/// Counts the packages whose SHA-256 no host and no checksum file has, and what a run may download for them.
pub(super) fn count_digests(compared: &Compared, folder: &RemoteFolder, state: &mut SourceState) {
    for NewPackage { file, .. } in &compared.new {
        let sidecar = format!("{}.sha256sum", split(&file.path).1);
        let names = folder.names(split(&file.path).0);
        if file.sha256.is_some() || names.contains(&sidecar) {
            state.num_with_digest += 1;
        } else {
            state.num_bytes_to_download += file.size.unwrap_or_default();
        }
    }
    let unhashed = compared
        .known
        .iter()
        .filter_map(|known| known.unhashed.as_ref());
    for package in unhashed {
        state.num_unhashed += 1;
        state.num_bytes_unhashed += package.file.size.unwrap_or_default();
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
