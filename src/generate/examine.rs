//! Examines all packages of a scan, with the help of the cache.
//!
//! In: the scan, the catalogs and the cache. Out: the packages that can be read; each of the others is
//! a [`Fault`](super::Fault), or a note if it is not an update package.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use digest_lanes::Stamp;
use ota_view::error_kind::chain;
use ota_view::io::ReadAt;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::error::Error;
use super::inputs::Inputs;
use super::projects;
use super::published::Published;
use super::report::{Event, Fault, Log, PerPath};
use super::run::{Run, thread_pool};
use super::sources::{NewPackage, Sources};
use super::state::cache_key;
use crate::catalog::Catalog;
use crate::fetch::RemoteError;
use crate::ingest::scan::Found;
use crate::ingest::{self, Context, Examined, RemotePackage};
use crate::model::family::Reading;
use crate::model::fault_kind::FaultKind;
use crate::source::RemoteFolder;

/// Examines all scanned packages, and the new ones of sources. Those that cannot be used are faults.
pub(super) fn examine_all(
    run: &Run<'_>,
    pool: &ThreadPool,
    inputs: &Inputs<'_>,
    merged: &Catalog,
) -> Result<(Vec<Examined>, Log), Error> {
    let remembered = |file: &Path, stamp| match run.config.rehash {
        true => None,
        false => run.cache.partition_facts(&cache_key(file), stamp),
    };
    let stored = &inputs.stored;
    let knows_projects = |filename: &str| stored.contains(&projects::stored_name(filename));
    let published = Published::new(merged);
    let published = |filename: &str, readings: &[Reading<'_>]| {
        let devices = readings
            .iter()
            .filter_map(|reading| reading.device.as_deref());
        run.note_devices(devices);
        published.reading(filename, readings)
    };
    let context = Context {
        published: &published,
        remembered: &remembered,
        knows_projects: Some(&knows_projects),
        ..Context::new(run.config)
    };
    let mut examined = pool.install(|| examine_scanned(run, &inputs.scan.packages, context));
    let mut listed = examine_listed(run, inputs.sources, context)?;
    let mut log = join_faults(inputs.sources, &mut listed);
    examined.extend(listed);
    log.append(note_other_zips(&mut examined, merged));
    let examined = log.take_successes(examined);
    Ok((examined, log))
}

fn examine_scanned(
    run: &Run<'_>,
    packages: &[Found],
    context: Context<'_>,
) -> Vec<PerPath<Examined>> {
    let examine = |found: &Found| examine(run, found, context);
    let mut examined: Vec<PerPath<Examined>> = packages
        .par_iter()
        .map(|found| (found.path.clone(), examine(found)))
        .collect();
    // Once more, one at a time, with all the space for temporary files.
    for (found, (_, result)) in packages.iter().zip(&mut examined) {
        if result.as_ref().is_err_and(ingest::Error::is_contended) {
            *result = examine(found);
        }
    }
    examined
}

/// Examines the new packages of sources, several at once: most of the time is spent waiting for hosts.
fn examine_listed(
    run: &Run<'_>,
    sources: &Sources,
    context: Context<'_>,
) -> Result<Vec<PerPath<Examined>>, Error> {
    if sources.new.is_empty() {
        return Ok(Vec::new());
    }
    run.observer.reading(sources.new.len());
    let pool = thread_pool(run.config.source_jobs)?;
    let examine = |package: &NewPackage| {
        let folder = sources.folders.get(&package.source)?;
        let examined = examine_remote(run, package, folder, context);
        run.observer.read();
        Some((package.path.clone(), examined))
    };
    let examined = pool.install(|| sources.new.par_iter().filter_map(examine).collect());
    run.observer.reading_done();
    Ok(examined)
}

/// A host sends whole files only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its host does not answer requests for a part of a file (status 200 to a Range), so {num_packages} zips cannot be \
     read"
)]
pub struct WithoutRanges {
    num_packages: usize,
}

/// Removes the errors of packages whose hosts send whole files only, and returns one fault for each source that has
/// several of them.
fn join_faults(sources: &Sources, examined: &mut Vec<PerPath<Examined>>) -> Log {
    let mut log = Log::default();
    let is_whole = |result: &Result<Examined, ingest::Error>| {
        let error = result.as_ref().err();
        error.is_some_and(|error| {
            RemoteError::inside(error).is_some_and(|error| *error == RemoteError::NoRanges)
        })
    };
    let whole = examined.iter().filter(|(_, result)| is_whole(result));
    let whole: HashSet<String> = whole.map(|(path, _)| path.clone()).collect();
    let mut by_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in sources
        .new
        .iter()
        .filter(|package| whole.contains(&package.path))
    {
        let of_source = by_source.entry(&package.source).or_default();
        of_source.push(&package.path);
    }
    by_source.retain(|_, paths| paths.len() > 1);
    let joined: HashSet<&str> = by_source.values().flatten().copied().collect();
    examined.retain(|(path, _)| !joined.contains(path.as_str()));
    for (source, paths) in by_source {
        log.faults.push(Fault {
            path: source.to_owned(),
            kind: FaultKind::Io,
            error: Box::new(WithoutRanges {
                num_packages: paths.len(),
            }),
        });
    }
    log
}

/// As [`examine`], for a package on another host.
fn examine_remote(
    run: &Run<'_>,
    package: &NewPackage,
    folder: &RemoteFolder,
    context: Context<'_>,
) -> Result<Examined, ingest::Error> {
    let key = package.cache_key();
    let recall = |size| {
        let known = run.cache.fault(&key, package.stamp(size));
        known.filter(|_| !run.config.rehash)
    };
    if let Some((kind, message)) = package.file.size.and_then(recall) {
        return Err(ingest::Error::Remembered { kind, message });
    }
    let remote = folder.open(&package.file)?;
    let size = remote.size();
    if let Some(listed) = package.file.size.filter(|listed| *listed != size) {
        return Err(ingest::Error::OtherSize {
            listed,
            found: size,
        });
    }
    if let Some((kind, message)) = recall(size).filter(|_| package.file.size.is_none()) {
        return Err(ingest::Error::Remembered { kind, message });
    }
    let stamp = package.stamp(size);
    let remote = RemotePackage {
        source: Arc::new(remote),
        known_as: Some((&key, stamp)),
        path: &package.path,
        place: Some((folder, &package.file.path)),
    };
    let examined = ingest::examine_remote(remote, context);
    // A cache that cannot be written only costs time.
    let _ = match &examined {
        Ok(examined) => {
            let facts = examined.partition_facts();
            run.cache
                .insert_partition_facts(&key, stamp, &facts, run.now_ns)
        }
        Err(error) if error.is_lasting() => {
            run.cache
                .insert_fault(&key, stamp, error.kind(), chain(error), run.now_ns)
        }
        Err(_) => Ok(()),
    };
    examined
}

/// Removes zips that are not update packages, each with a note: maintainers keep such zips next to
/// their builds. A zip that was published as a build remains an error.
fn note_other_zips(examined: &mut Vec<PerPath<Examined>>, merged: &Catalog) -> Log {
    let mut log = Log::default();
    let is_other = |result: &Result<Examined, ingest::Error>| {
        result
            .as_ref()
            .is_err_and(|error| error.kind() == FaultKind::NotARom)
    };
    if !examined.iter().any(|(_, result)| is_other(result)) {
        return log;
    }
    let published: HashSet<&str> = merged
        .builds
        .values()
        .map(|record| record.build.path.as_str())
        .collect();
    examined.retain(|(path, result)| match result {
        Err(error) if is_other(result) && !published.contains(path.as_str()) => {
            let what = match error {
                ingest::Error::Remembered { message, .. } => message.clone(),
                error => chain(error),
            };
            let path = path.clone();
            log.events.push(Event::NotAnUpdate { path, what });
            false
        }
        _ => true,
    });
    log
}

/// Examines one package and caches the result, also a failure, so that an unreadable package is
/// read only once.
fn examine(run: &Run<'_>, found: &Found, context: Context<'_>) -> Result<Examined, ingest::Error> {
    let key = cache_key(&found.file);
    let stamp = std::fs::metadata(&found.file).ok();
    let stamp = stamp.as_ref().map(Stamp::of);
    if let Some(stamp) = stamp.filter(|_| !run.config.rehash)
        && let Some((kind, message)) = run.cache.fault(&key, stamp)
    {
        return Err(ingest::Error::Remembered { kind, message });
    }
    let examined = ingest::examine(&found.file, &found.path, context);
    // A package that is still being copied may have the same stamp when the copy is complete.
    let after = std::fs::metadata(&found.file).ok();
    let stamp = stamp.filter(|stamp| after.is_some_and(|after| Stamp::of(&after) == *stamp));
    // A cache that cannot be written only costs time.
    let _ = match (&examined, stamp) {
        (Ok(package), Some(stamp)) if package.stamp == stamp => run.cache.insert_partition_facts(
            &key,
            package.stamp,
            &package.partition_facts(),
            run.now_ns,
        ),
        (Err(error), Some(stamp)) if error.is_lasting() => {
            run.cache
                .insert_fault(&key, stamp, error.kind(), chain(error), run.now_ns)
        }
        _ => Ok(()),
    };
    examined
}
