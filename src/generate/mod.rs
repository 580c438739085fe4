//! The main job: a folder of packages and a catalog become a site.
//!
//! In: a [`Config`]. Out: the catalog and the site on disk, and a [`Report`] of
//! what changed and what was left out. Packages are examined, then hashed, then
//! brought together with the catalog; only then is anything written.

mod reconcile;
mod report;

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use crate::build::{Build, Kind};
use crate::cache::{Cache, Told};
use crate::catalog::{self, Catalog, Catalogs, Contradiction, file};
use crate::class::Class;
use crate::config::Config;
use crate::digest;
use crate::feed::{self, Page};
use crate::ingest::{self, Context, Examined};
use crate::io::write_atomically;
use crate::scan::{self, Found};
use crate::site::writer;

pub use report::{Event, Fault, Report};

/// Name of the cache in the state folder.
pub const CACHE: &str = "cache.json";

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
    /// The catalog would be published with the site.
    #[error("the catalog {} lies inside the output folder {}", .catalog.display(), .out.display())]
    CatalogInOut {
        /// The catalog.
        catalog: PathBuf,
        /// The output folder.
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
    /// The site cannot be written.
    #[error(transparent)]
    Writer(#[from] writer::Error),
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
            Error::Write { .. } => false,
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
/// `now_ns` is the time in nanoseconds since the epoch; it decides only which
/// digests are remembered, never what is published.
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
    let _lock = match config.dry_run {
        true => None,
        false => Some(lock_state(&config.state)?),
    };
    let mut catalogs = Catalogs::load(&config.catalogs)?;
    let merged = catalogs.merged()?;
    let scan = scan::scan(&config.builds, &config.exclude);
    let mut report = Report::default();
    for fault in &scan.faults {
        report.faults.push(Fault::message(
            &fault.path,
            Class::Io,
            fault.message.clone(),
        ));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.jobs.max(1))
        .build()
        .map_err(|error| Error::Write {
            file: PathBuf::from("thread pool"),
            source: io::Error::other(error),
        })?;
    let cache = Cache::load(&config.state.join(CACHE), &config.families);
    let drafts =
        pool.install(|| examine_all(config, &scan.packages, &cache, observer, &mut report));
    require_addresses(config, &merged, drafts.iter().map(|draft| &draft.build))?;
    report.from_catalog_alone = scan.packages.is_empty();
    let builds = pool.install(|| hash_all(config, drafts, &cache, observer, now_ns, &mut report));

    let known = file::render(&catalogs.own);
    reconcile::reconcile(config, &scan, builds, &mut catalogs, &mut report);
    let merged = catalogs.merged()?;
    if merged.is_empty() {
        report.nothing_to_publish = true;
        report.sort_faults();
        return Ok(report);
    }

    let pages = render_pages(config, &merged, &mut report);
    let site_lock = match config.dry_run {
        true => None,
        false => Some(writer::open(&config.out, config.adopt)?),
    };
    report.plan = writer::plan(&config.out, &pages, config.adopt)?;
    for path in &report.plan.foreign {
        let message = "a file that romfeed did not write is in the way of this page";
        report
            .faults
            .push(Fault::message(path, Class::Conflict, message.to_owned()));
    }
    report.sort_faults();
    let rendered = file::render(&catalogs.own);
    report.catalog_changed = rendered != known || !catalog_path.exists();
    let Some(site_lock) = site_lock else {
        return Ok(report);
    };
    if report.catalog_changed {
        save_catalog(catalog_path, &rendered)?;
    }
    writer::execute(&config.out, &pages, &report.plan, &site_lock)?;
    Ok(report)
}

/// Keeps other runs away from the catalog, and the state folder out of git.
///
/// # Errors
/// [`Error::Writer`] if another run is at work, or the folder cannot be made.
pub fn lock_state(state: &Path) -> Result<writer::Lock, Error> {
    let lock = writer::lock(state)?;
    let ignore = state.join(".gitignore");
    if !ignore.exists() {
        // Only a convenience: a folder that shows up in git does no harm.
        let _ = write_atomically(&ignore, b"*\n");
    }
    Ok(lock)
}

/// Writes a catalog.
///
/// # Errors
/// [`Error::Write`].
pub fn save_catalog(path: &Path, rendered: &[u8]) -> Result<(), Error> {
    // A link stays one: the file it leads to is replaced.
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    write_atomically(&file, rendered).map_err(|source| Error::Write {
        file: path.to_owned(),
        source,
    })
}

/// The catalog that is kept up to date; none of them may be published.
fn primary_catalog(config: &Config) -> Result<&Path, Error> {
    let out = plain(&config.out);
    match config
        .catalogs
        .iter()
        .find(|path| plain(path).starts_with(&out))
    {
        None => Ok(&config.catalogs[0]),
        Some(catalog) => Err(Error::CatalogInOut {
            catalog: catalog.clone(),
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

fn examine_all(
    config: &Config,
    packages: &[Found],
    cache: &Cache,
    observer: &dyn Observer,
    report: &mut Report,
) -> Vec<Draft> {
    let remembered = |file: &Path, stamp| match config.rehash {
        true => None,
        false => cache.told(&cache_key(file), stamp),
    };
    let context = Context {
        remembered: &remembered,
        ..Context::new(config)
    };
    let examined: Vec<PerPath<Draft>> = packages
        .par_iter()
        .map(|found| {
            let draft =
                ingest::examine(&found.file, &found.path, context).and_then(|mut package| {
                    let build = package.draft()?;
                    observer.examined(&package);
                    Ok(Draft { package, build })
                });
            (found.path.clone(), draft)
        })
        .collect();
    keep_sound(examined, report)
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
                class: error.class(),
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
) -> Vec<Build> {
    let known: Vec<Option<digest::Digests>> = drafts
        .iter()
        .map(|draft| match config.rehash {
            true => None,
            false => cache.digests(&cache_key(&draft.package.file), draft.package.stamp),
        })
        .collect();
    let waiting = || {
        drafts
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
    };
    let num_bytes = waiting().map(|(draft, _)| draft.build.size).sum();
    observer.hashing(waiting().count(), num_bytes);
    let hashed: Vec<PerPath<(Build, Vec<String>)>> = drafts
        .into_par_iter()
        .zip(known)
        .map(|(draft, known)| {
            let Draft { package, mut build } = draft;
            let mut warnings = package.facts.warnings.clone();
            let file = package.file.as_path();
            let told = Told {
                is_delta: package.kind != Kind::Full,
                device_props: package.device_props,
            };
            let hash = || -> Result<digest::Digests, ingest::Error> {
                let key = cache_key(file);
                let digests = match known {
                    Some(digests) if cache.told(&key, package.stamp).is_some() => {
                        return Ok(digests);
                    }
                    Some(digests) => digests,
                    None => digest::digest_file(file, package.stamp, &|n| observer.hashed(n))?,
                };
                // A cache that cannot be written costs time, nothing else.
                let _ = cache.put(&key, package.stamp, &digests, &told, now_ns);
                Ok(digests)
            };
            let result = hash().and_then(|digests| {
                ingest::verify(file, &digests, &mut warnings)?;
                build.sha256 = digests.sha256;
                build.md5 = Some(digests.md5);
                Ok((build, warnings))
            });
            (package.path, result)
        })
        .collect();
    observer.hashing_done();
    let _ = cache.save();
    let mut builds = Vec::new();
    for (build, warnings) in keep_sound(hashed, report) {
        report
            .events
            .extend(warnings.into_iter().map(|text| Event::Warning {
                path: build.path.clone(),
                text,
            }));
        builds.push(build);
    }
    builds
}

/// All files of the site.
fn render_pages(config: &Config, merged: &Catalog, report: &mut Report) -> Vec<Page> {
    let offered = || {
        let records = merged.builds.values().filter(|record| record.is_offered());
        records.map(|record| &record.build)
    };
    // An address serves one file: of several builds that claim it, the newest.
    let mut owners: BTreeMap<String, &Build> = BTreeMap::new();
    let newness = |build: &Build| (build.timestamp, build.path.clone());
    for build in offered().filter(|build| build.kind == Kind::Full) {
        let Some((url, _)) = config.address(build) else {
            let message =
                "no setting gives it a download address, or the template names a fact it lacks";
            report.faults.push(Fault::message(
                &build.path,
                Class::MissingFacts,
                message.to_owned(),
            ));
            continue;
        };
        let owner = owners.entry(url).or_insert(build);
        if newness(build) > newness(owner) {
            *owner = build;
        }
    }
    let urls: BTreeMap<&str, &str> = owners
        .iter()
        .map(|(url, build)| (build.sha256.as_str(), url.as_str()))
        .collect();
    let lacks_url =
        |build: &&Build| build.kind == Kind::Full && !urls.contains_key(build.sha256.as_str());
    for build in offered().filter(lacks_url) {
        if let Some((url, _)) = config.address(build) {
            let owner = owners[&url].path.escape_debug();
            let message = format!("its download address is also that of {owner}: {url}");
            report
                .faults
                .push(Fault::message(&build.path, Class::Conflict, message));
        }
    }
    let address = |build: &Build| Some((*urls.get(build.sha256.as_str())?).to_owned());
    let lanes = catalog::lanes(merged, &address);
    for offer in lanes.values().flat_map(|lane| &lane.offers) {
        report.devices.insert(offer.build.device.to_string());
        report.num_offered += 1;
    }
    report.num_deltas = offered().filter(|build| build.kind != Kind::Full).count();
    let feeds = feed::render(&lanes, &|device| config.device_feed(device));
    report
        .events
        .extend(feeds.warnings.into_iter().map(|text| Event::Warning {
            path: "feeds".to_owned(),
            text,
        }));
    let mut pages = crate::site::fixed_pages();
    pages.extend(feeds.pages);
    pages
}
