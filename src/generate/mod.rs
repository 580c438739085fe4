//! The main job: a folder of packages and a catalog become a site.
//!
//! In: a [`Config`]. Out: the catalog and the site on disk, and a [`Report`] of
//! what changed and what was left out. Packages are examined, then hashed, then
//! brought together with the catalog; only then is anything written.

mod admission;
mod changelogs;
pub mod edit;
mod families;
mod hashes;
mod images;
mod lost;
mod pages;
mod projects;
mod published;
mod reconcile;
mod report;
mod require;
mod sidecars;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rayon::prelude::*;

use crate::catalog::{Catalog, Catalogs, Contradiction, file};
use crate::files::{behind_links, remove_leftover, write_atomically};
use crate::ingest::cache::Cache;
use crate::ingest::digests::Digests;
use crate::ingest::scan::{self, Found, Scan};
use crate::ingest::{self, Context, Examined};
use crate::model::build::{Build, Kind};
use crate::model::config::Config;
use crate::model::family::Reading;
use crate::model::fault_kind::FaultKind;
use crate::publish::feed;
use crate::publish::page::Page;
use crate::publish::{site, writer};
use digest_lanes::Source;
use digest_lanes::Stamp;
use ota_view::error_kind::chain;

use published::Published;
use require::Hashed;

pub use admission::{Flavours, Objection, SharedLists, object};
pub use families::{DeviceFamily, families};
pub use lost::{require_known, require_published};
pub use report::{Event, Fault, Report};
pub use require::Refused;
pub use snapshot::{OwnedLane, OwnedOffer, Snapshot, snapshot};

/// Longest wait for others that change the catalog.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Name of the cache in the state folder.
pub const CACHE: &str = "cache.json";

/// What warnings on the folder of builds are about.
pub const BUILDS: &str = "builds";

/// What a run tells while it works; the methods are called from several threads.
pub trait Observer: Sync {
    /// A package was examined.
    fn examined(&self, _package: &Examined) {}
    /// Hashing begins: so many files, so many bytes.
    fn hashing(&self, _num_files: usize, _num_bytes: u64) {}
    /// So many more bytes were hashed.
    fn hashed(&self, _num_bytes: u64) {}
    /// Hashing is over.
    fn hashing_done(&self) {}
}

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] file::Error),
    /// Two catalogs contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// A site was published from a catalog that is not there.
    #[error("there is no catalog {}, and the site in {} was published from one", .catalog.display(), .out.display())]
    CatalogGone {
        /// The catalog.
        catalog: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// The catalogs have lost builds that were published.
    #[error("{} lacks {} published before (sha256 or id `{}`)", .catalog.display(), builds(*.num), .example.escape_debug())]
    BuildsLost {
        /// The catalog that is kept.
        catalog: PathBuf,
        /// How many.
        num: usize,
        /// The identity of one.
        example: String,
    },
    /// The catalog would be published with the site.
    #[error("the catalog {} lies inside the output folder {}", .catalog.display(), .out.display())]
    CatalogInOut {
        /// The catalog.
        catalog: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// The changelogs that are kept would be published with the site.
    #[error("the folder of changelogs {} lies inside the output folder {}", .changelogs.display(), .out.display())]
    ChangelogsInOut {
        /// The folder.
        changelogs: PathBuf,
        /// The output folder.
        out: PathBuf,
    },
    /// Site and builds would be one folder.
    #[error("{} is both the folder of builds and the output folder", .out.display())]
    OutIsBuilds {
        /// The folder.
        out: PathBuf,
    },
    /// The builds are to be in something that is no folder.
    #[error("{} is not a folder", .builds.display())]
    BuildsNotAFolder {
        /// The path.
        builds: PathBuf,
    },
    /// No setting gives a build its download address.
    #[error("nothing tells where phones will download {}{}", .path.escape_debug(), others(*.num_others))]
    NoAddress {
        /// One such build.
        path: String,
        /// Its device, for an example.
        device: String,
        /// How many more there are.
        num_others: usize,
    },
    /// A feed template cannot be used.
    #[error(transparent)]
    Feed(#[from] feed::Error),
    /// A template of a page cannot be used.
    #[error(transparent)]
    Page(#[from] site::Error),
    /// The site cannot be written.
    #[error(transparent)]
    Writer(#[from] writer::Error),
    /// The texts that are kept beside the catalog cannot be listed.
    #[error("cannot read the folder of changelogs {}", .folder.display())]
    List {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The catalog cannot be written.
    #[error("cannot write {}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

fn builds(num: usize) -> String {
    match num {
        1 => "a build that was".to_owned(),
        n => format!("{n} builds that were"),
    }
}

fn others(num_others: usize) -> String {
    match num_others {
        0 => String::new(),
        1 => " and 1 other build".to_owned(),
        n => format!(" and {n} other builds"),
    }
}

impl Error {
    /// The settings or the call are at fault, and nothing was done.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Error::List { .. } | Error::Write { .. } => false,
            Error::Writer(error) => !matches!(
                error,
                writer::Error::Io { .. } | writer::Error::Locked { .. }
            ),
            _ => true,
        }
    }
}

/// Brings the site up to date.
///
/// `now_ns` is the time in nanoseconds since the epoch. What is published depends
/// on it only by `min_age`.
///
/// # Errors
/// [`Error`]; a package that cannot be used is a [`Fault`] in the report instead.
pub fn generate(config: &Config, observer: &dyn Observer, now_ns: i64) -> Result<Report, Error> {
    let catalog_path = primary_catalog(config)?;
    if config.builds.exists() && !config.builds.is_dir() {
        return Err(Error::BuildsNotAFolder {
            builds: config.builds.clone(),
        });
    }
    let config = &Config {
        limits: config.limits.for_run(),
        ..config.clone()
    };
    let scan = scan::scan(&config.builds, config.follow_links, &config.exclude);
    let mut report = Report::default();
    for fault in &scan.faults {
        report.faults.push(Fault {
            path: fault.path.clone(),
            class: FaultKind::Io,
            error: fault.problem.clone().into(),
        });
    }
    // In a folder that is none of ours, not even a lock is left.
    if !catalog_path.exists() {
        lost::require_catalog(config)?;
    }
    if scan.packages.is_empty() && config.catalogs.len() == 1 && !catalog_path.exists() {
        tell_links(&scan, &Catalog::default(), &mut report);
        report.nothing_to_publish = true;
        return Ok(report);
    }
    let _lock = match config.dry_run {
        true => None,
        false => Some(lock_state(&config.state)?),
    };
    if !config.dry_run {
        remove_leftovers(config, catalog_path);
    }
    let now = now_ns.div_euclid(1_000_000_000);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.jobs.max(1))
        .build()
        .map_err(|error| Error::Write {
            file: PathBuf::from("thread pool"),
            source: io::Error::other(error),
        })?;
    let mut catalogs = pool.install(|| Catalogs::load(&config.catalogs))?;
    require_published(config, &catalogs)?;
    tell_links(&scan, &catalogs.own, &mut report);
    let cache = load_cache(config);
    let merged = catalogs.merged()?;
    let kept = sidecars::list_kept(&config.changelogs)?;
    let packages = &scan.packages;
    let examined = pool.install(|| {
        examine_all(
            config,
            packages,
            &cache,
            &kept,
            &merged,
            now_ns,
            &mut report,
        )
    });
    let drafts = draft_all(config, examined, &merged, now, observer, &mut report);
    let drafted = drafts.iter().map(|draft| (&draft.package, &draft.build));
    published::warn(config, drafted, &mut report);
    require_addresses(config, &merged, drafts.iter().map(|draft| &draft.build))?;
    drop(merged);
    report.from_catalog_alone = scan.packages.is_empty();
    let (builds, found) = pool.install(|| {
        let mut hashed = hash_all(config, drafts, &cache, observer, now_ns, &mut report);
        images::attach(config, &mut hashed, &cache, observer, now_ns, &mut report);
        let found = projects::find(config, &mut hashed, &catalogs, &kept, &mut report);
        let builds = require::keep_required(config, hashed, &catalogs, &cache, &mut report);
        (builds, found)
    });

    // From a catalog alone nothing comes that was not in it, except that the rules
    // for variants may be new. A copy of a large one takes its time.
    let has_aliases = || {
        config
            .devices
            .values()
            .any(|device| !device.aliases.is_empty())
    };
    let may_change = !scan.packages.is_empty()
        || !config.variants.is_empty()
        || has_aliases()
        || !catalogs.own.aliases.is_empty();
    let known = may_change.then(|| catalogs.own.clone());
    reconcile::reconcile(config, &scan, builds, &mut catalogs, &mut report);
    let merged = catalogs.merged()?;
    if merged.is_empty() {
        report.nothing_to_publish = true;
        report.sort_faults();
        return Ok(report);
    }

    let changelogs = pool.install(|| changelogs::gather(config, &merged, &kept, &mut report));
    let projects = pool.install(|| projects::gather(config, &merged, found, &kept, &mut report));
    let notes = pages::Notes {
        changelogs: &changelogs.changelogs,
        history: &projects.history,
    };
    let pages = pool.install(|| pages::render(config, &merged, notes, now, &mut report))?;
    writer::check_paths(&pages)?;
    if config.adopt && writer::lacks_manifest(&config.out)? {
        report.events.push(Event::Warning {
            path: "feeds".to_owned(),
            text: format!(
                "{} has no .romfeed/manifest.json, so which builds were published is not known, and builds that \
                 {} lost are not missed; romfeed check --zips compares it with the live site",
                config.out.display(),
                catalog_path.display()
            ),
        });
    }
    let site_lock = match config.dry_run {
        true => None,
        false => Some(writer::open(&config.out, config.adopt)?),
    };
    let builds = lost::names(&merged);
    report.plan = pool.install(|| writer::plan(&config.out, &pages, builds, config.adopt))?;
    warn_of_case(&pages, &mut report);
    for path in &report.plan.reserved {
        let message = "its name is one that this file system reserves, so the page is left out";
        report.faults.push(Fault::message(
            path,
            FaultKind::Unsupported,
            message.to_owned(),
        ));
    }
    pages::warn_of_changes(config, &pages, &mut report);
    for path in &report.plan.foreign {
        let message = "a file or link that romfeed did not write is in the way of this page";
        report.faults.push(Fault::message(
            path,
            FaultKind::Conflict,
            message.to_owned(),
        ));
    }
    report.sort_faults();
    report.catalog_changed =
        known.is_some_and(|known| known != catalogs.own) || !catalog_path.exists();
    let Some(site_lock) = site_lock else {
        return Ok(report);
    };
    if report.catalog_changed {
        save_catalog(catalog_path, &file::render(&catalogs.own))?;
    }
    changelogs::keep(&changelogs)?;
    projects::keep(&projects)?;
    writer::execute(&config.out, &pages, &report.plan, &site_lock)?;
    Ok(report)
}

/// Most pairs of pages that differ only in case which are named.
const MAX_ALIKE: usize = 5;

/// Names pages that would be one file on systems that ignore the case of letters.
fn warn_of_case(pages: &[Page], report: &mut Report) {
    let alike = writer::alike(pages.iter().map(|page| &*page.path));
    let more = alike.len().saturating_sub(MAX_ALIKE);
    for (nth, (first, second)) in alike.into_iter().take(MAX_ALIKE).enumerate() {
        let more = match more {
            more if more > 0 && nth == 0 => format!(" (and {more} more such pairs)"),
            _ => String::new(),
        };
        report.events.push(Event::Warning {
            path: "feeds".to_owned(),
            text: format!(
                "`{first}` and `{second}` differ only in the case of letters{more}; Windows, macOS \
                 and some hosts mix them up"
            ),
        });
    }
}

/// Names the links that were not followed: as faults those with published builds behind them.
fn tell_links(scan: &Scan, own: &Catalog, report: &mut Report) {
    for link in &scan.links {
        let is_behind = |path: &str| {
            let rest = path.strip_prefix(&**link);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let builds = own.builds.values().map(|record| &*record.build.path);
        match builds.filter(|path| is_behind(path)).count() {
            0 => report.events.push(Event::Warning {
                path: BUILDS.to_owned(),
                text: format!(
                    "`{}` is a link that is not followed; follow_links = true in romfeed.toml \
                     follows it",
                    link.escape_debug()
                ),
            }),
            num => report.faults.push(Fault {
                path: link.clone(),
                class: FaultKind::Io,
                error: scan::Problem::NotFollowed(num).into(),
            }),
        }
    }
}

/// Keeps other runs away from the catalog, and the state folder out of git. Short changes of others,
/// such as `catalog add`, are waited for.
///
/// # Errors
/// [`Error::Writer`] if another run is at work for longer, or the folder cannot be made.
pub fn lock_state(state: &Path) -> Result<writer::Lock, Error> {
    let lock = writer::lock_within(state, LOCK_WAIT)?;
    let ignore = state.join(".gitignore");
    if !ignore.exists() {
        // Only a convenience: a folder that shows up in git does no harm.
        let _ = write_atomically(&ignore, b"*\n");
    }
    Ok(lock)
}

/// Writes a catalog. A link to one stays: the file that it leads to is replaced.
///
/// # Errors
/// [`Error::Write`].
pub fn save_catalog(path: &Path, rendered: &[u8]) -> Result<(), Error> {
    write_atomically(&behind_links(path), rendered).map_err(|source| Error::Write {
        file: path.to_owned(),
        source,
    })
}

/// Removes what runs that were killed left half written; nobody else is at work here.
fn remove_leftovers(config: &Config, catalog: &Path) {
    remove_leftover(&behind_links(catalog));
    remove_leftover(&config.state.join(CACHE));
    sidecars::remove_leftover(&config.changelogs);
}

/// The catalog that is kept up to date; neither it nor what lies with it may be published, and
/// the site has a folder of its own.
fn primary_catalog(config: &Config) -> Result<&Path, Error> {
    let out = plain(&config.out);
    let is_in_out = |path: &PathBuf| plain(path).starts_with(&out);
    if let Some(catalog) = config.catalogs.iter().find(|path| is_in_out(path)) {
        return Err(Error::CatalogInOut {
            catalog: catalog.clone(),
            out: config.out.clone(),
        });
    }
    if out == plain(&config.builds) {
        return Err(Error::OutIsBuilds {
            out: config.out.clone(),
        });
    }
    match is_in_out(&config.changelogs) {
        false => Ok(&config.catalogs[0]),
        true => Err(Error::ChangelogsInOut {
            changelogs: config.changelogs.clone(),
            out: config.out.clone(),
        }),
    }
}

/// An absolute path without links in what exists of it, and without `..`.
fn plain(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
        plain = plain.canonicalize().unwrap_or(plain);
    }
    plain
}

/// A package whose facts are complete, waiting for its digests.
struct Draft {
    package: Examined,
    build: Build,
}

impl Draft {
    /// The build with its digests, and what there is to warn of.
    fn verified(
        self,
        digests: Result<Digests, digest_lanes::Error>,
    ) -> Result<(Hashed, Vec<String>), ingest::Error> {
        let Draft { package, mut build } = self;
        let digests = digests?;
        let mut warnings = package.facts.warnings;
        ingest::verify(&package.file, &digests, &mut warnings)?;
        build.sha256 = Some(digests.sha256);
        build.md5 = Some(digests.md5);
        let hashed = Hashed {
            build,
            file: package.file,
            stamp: package.stamp,
            projects: package.projects,
        };
        Ok((hashed, warnings))
    }
}

fn examine_all(
    config: &Config,
    packages: &[Found],
    cache: &Cache,
    kept: &BTreeSet<String>,
    merged: &Catalog,
    now_ns: i64,
    report: &mut Report,
) -> Vec<Examined> {
    let remembered = |file: &Path, stamp| match config.rehash {
        true => None,
        false => cache.told(&cache_key(file), stamp),
    };
    let knows_projects = |filename: &str| kept.contains(&projects::kept_name(filename));
    let published = Published::new(merged);
    let published =
        |filename: &str, readings: &[Reading<'_>]| published.reading(filename, readings);
    let context = Context {
        published: &published,
        remembered: &remembered,
        knows_projects: Some(&knows_projects),
        ..Context::new(config)
    };
    let examine = |found: &Found| examine(config, found, context, cache, now_ns);
    let mut examined: Vec<PerPath<Examined>> = packages
        .par_iter()
        .map(|found| (found.path.clone(), examine(found)))
        .collect();
    // With the room for temporary files to themselves.
    for (found, (_, result)) in packages.iter().zip(&mut examined) {
        if result.as_ref().is_err_and(ingest::Error::is_contended) {
            *result = examine(found);
        }
    }
    note_other_zips(&mut examined, merged, report);
    keep_sound(examined, report)
}

/// Takes out the zips that are no update packages, each with a note: maintainers keep them next to
/// their builds. One that was published as a build stays an error.
fn note_other_zips(examined: &mut Vec<PerPath<Examined>>, merged: &Catalog, report: &mut Report) {
    let is_other = |result: &Result<Examined, ingest::Error>| {
        result
            .as_ref()
            .is_err_and(|error| error.kind() == FaultKind::NotARom)
    };
    if !examined.iter().any(|(_, result)| is_other(result)) {
        return;
    }
    let published: HashSet<&str> = merged
        .builds
        .values()
        .map(|record| record.build.path.as_str())
        .collect();
    examined.retain(|(path, result)| match result {
        Err(error) if is_other(result) && !published.contains(path.as_str()) => {
            report.events.push(Event::NotAnUpdate {
                path: path.clone(),
                what: chain(error),
            });
            false
        }
        _ => true,
    });
}

/// Examines one package, and remembers what came of it: what cannot be read costs once.
fn examine(
    config: &Config,
    found: &Found,
    context: Context<'_>,
    cache: &Cache,
    now_ns: i64,
) -> Result<Examined, ingest::Error> {
    let key = cache_key(&found.file);
    let stamp = std::fs::metadata(&found.file).ok();
    let stamp = stamp.as_ref().map(Stamp::of);
    if let Some(stamp) = stamp.filter(|_| !config.rehash)
        && let Some((class, message)) = cache.fault(&key, stamp)
    {
        return Err(ingest::Error::Remembered { class, message });
    }
    let examined = ingest::examine(&found.file, &found.path, context);
    // One that is being copied may have its old stamp again when it is whole.
    let after = std::fs::metadata(&found.file).ok();
    let stamp = stamp.filter(|stamp| after.is_some_and(|after| Stamp::of(&after) == *stamp));
    // A cache that cannot be written costs time, nothing else.
    let _ = match (&examined, stamp) {
        (Ok(package), Some(stamp)) if package.stamp == stamp => {
            cache.put_told(&key, package.stamp, &package.told(), now_ns)
        }
        (Err(error), Some(stamp)) if error.is_lasting() => {
            cache.put_fault(&key, stamp, error.kind(), chain(error), now_ns)
        }
        _ => Ok(()),
    };
    examined
}

/// Completes the facts of all packages; those of deltas come after, since their
/// full builds know more of them than they do.
fn draft_all(
    config: &Config,
    packages: Vec<Examined>,
    merged: &Catalog,
    now: i64,
    observer: &dyn Observer,
    report: &mut Report,
) -> Vec<Draft> {
    let draft = |mut package: Examined| {
        let path = package.path.clone();
        let draft = package
            .draft(config, now)
            .map(|build| Draft { package, build });
        (path, draft)
    };
    let (full, deltas): (Vec<Examined>, Vec<Examined>) = packages
        .into_iter()
        .partition(|package| package.kind == Kind::Full);
    let mut drafts = keep_sound(full.into_iter().map(draft).collect(), report);
    let with_facts = |mut delta: Examined| {
        let known = merged.builds.values().map(|record| &record.build);
        let builds = drafts.iter().map(|draft| &draft.build).chain(known);
        // Two variants may carry one incremental; then the delta's name decides.
        let named = config.variant(&delta.path, &|_| None);
        let targets = builds.filter(|build| delta.leads_to(build));
        let target = targets.max_by_key(|build| build.variant.as_ref() == named);
        let Some(target) = target.cloned() else {
            return draft(delta);
        };
        delta.adopt(&target);
        let (path, mut drafted) = draft(delta);
        if let Ok(draft) = &mut drafted {
            draft.build.variant = target.variant;
            draft.build.next_device = target.next_device;
        }
        (path, drafted)
    };
    let deltas = deltas.into_iter().map(with_facts).collect();
    drafts.extend(keep_sound(deltas, report));
    for draft in &drafts {
        observer.examined(&draft.package);
    }
    drafts
}

/// What became of one path under `builds/`.
type PerPath<T> = (String, Result<T, ingest::Error>);

/// Splits results: what failed becomes a fault of its path.
fn keep_sound<T>(results: Vec<PerPath<T>>, report: &mut Report) -> Vec<T> {
    let mut sound = Vec::new();
    for (path, result) in results {
        match result {
            Ok(value) => sound.push(value),
            Err(error) => report.faults.push(Fault {
                path,
                class: error.kind(),
                error: error.into(),
            }),
        }
    }
    sound
}

/// Every build needs a download address before anything is read at length.
fn require_addresses<'a>(
    config: &Config,
    merged: &'a Catalog,
    scanned: impl Iterator<Item = &'a Build>,
) -> Result<(), Error> {
    let has_own_url = |build: &Build| {
        merged
            .find_filename(&build.filename)
            .is_some_and(|known| known.build.size == build.size && known.build.url.is_some())
    };
    let known = merged.builds.values().filter(|record| record.is_offered());
    let lacking: BTreeMap<&str, &Build> = known
        .map(|record| &record.build)
        .chain(scanned)
        .filter(|build| config.template(build).is_none())
        .filter(|build| config.address(build).is_none() && !has_own_url(build))
        .map(|build| (build.path.as_str(), build))
        .collect();
    match lacking.values().next() {
        None => Ok(()),
        Some(build) => Err(Error::NoAddress {
            path: build.path.clone(),
            device: build.device.to_string(),
            num_others: lacking.len() - 1,
        }),
    }
}

/// What earlier runs remember of packages.
fn load_cache(config: &Config) -> Cache {
    let rules = config.variants.iter();
    let keys: Vec<&str> = rules
        .filter_map(|rule| Some(rule.property.as_ref()?.0.as_str()))
        .collect();
    Cache::load(&config.state.join(CACHE), &config.families, &keys)
}

/// The name a file has in the cache, whatever way led to it.
fn cache_key(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

fn hash_all(
    config: &Config,
    drafts: Vec<Draft>,
    cache: &Cache,
    observer: &dyn Observer,
    now_ns: i64,
    report: &mut Report,
) -> Vec<Hashed> {
    let known: Vec<Option<Digests>> = drafts
        .iter()
        .map(|draft| match config.rehash {
            true => None,
            false => cache.digests(&cache_key(&draft.package.file), draft.package.stamp),
        })
        .collect();
    let waiting: Vec<usize> = (0..drafts.len())
        .filter(|&index| known[index].is_none())
        .collect();
    let sources: Vec<Source<'_>> = waiting
        .iter()
        .map(|&index| Source {
            path: &drafts[index].package.file,
            stamp: drafts[index].package.stamp,
        })
        .collect();
    let remember = |nth: usize, digests: &Digests| {
        let Examined { file, stamp, .. } = &drafts[waiting[nth]].package;
        // A cache that cannot be written costs time, nothing else.
        let _ = cache.put_digests(&cache_key(file), *stamp, digests, now_ns);
    };
    let mut results = hashes::hash_files(config, &sources, observer, &remember).into_iter();
    let hashed: Vec<Result<Digests, digest_lanes::Error>> = known
        .into_iter()
        .map(|known| match known {
            Some(digests) => Ok(digests),
            None => results.next().expect("one for each that waits"),
        })
        .collect();
    let hashed = drafts
        .into_par_iter()
        .zip(hashed)
        .map(|(draft, digests)| (draft.package.path.clone(), draft.verified(digests)))
        .collect();
    if let Err(error) = cache.save() {
        let text = format!("cannot be written, so the next run reads these zips again: {error}");
        let path = CACHE.to_owned();
        report.events.push(Event::Warning { path, text });
    }
    let mut sound = Vec::new();
    for (hashed, warnings) in keep_sound(hashed, report) {
        report
            .events
            .extend(warnings.into_iter().map(|text| Event::Warning {
                path: hashed.build.path.clone(),
                text,
            }));
        sound.push(hashed);
    }
    sound
}
