//! Finds out the digests of packages on other hosts: from the host's list, from checksum files, or by
//! downloading them.
//!
//! In: drafts of builds. Out: builds with all digests that are known. Those of different sources are compared, and a
//! contradiction is a fault. A package is downloaded in parts, each again if the connection breaks, and never
//! stored; its digest is cached at once.

use std::collections::{BTreeMap, BTreeSet};

use base16ct::lower::encode_string as hex;
use md5::Md5;
use ota_view::io::ReadAt;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::stated::StatedDigests;
use super::{KnownPackage, NewPackage, Sources};
use crate::catalog::Catalogs;
use crate::catalog::channels::ChannelKey;
use crate::fetch::RemoteError;
use crate::generate::draft::Draft;
use crate::generate::hashed::Hashed;
use crate::generate::report::Log;
use crate::generate::run::{Run, thread_pool};
use crate::ingest::digests::Digests;
use crate::ingest::{Error, Examined};
use crate::model::build::Build;
use crate::model::source::HashPolicy;
use crate::source::RemoteFolder;

/// Number of the newest builds of a channel that are downloaded if no host has their SHA-256: phones are offered
/// these first.
const NUM_DOWNLOADED: usize = 2;
/// The size of a part of a download, in bytes.
const PART_LEN: u64 = 8 << 20;

/// A build, its package, and the digests that are known.
struct Pending<'a> {
    build: Build,
    /// What was read of the package; `None` if the build is known, and only its SHA-256 is missing.
    examined: Option<Examined>,
    package: &'a NewPackage,
    folder: &'a RemoteFolder,
    policy: HashPolicy,
    stated: StatedDigests,
}

/// Finds out the digests of drafts whose packages are on other hosts, and of `known` builds without a SHA-256.
///
/// # Errors
/// If the system starts no threads.
pub(in crate::generate) fn digest_all(
    run: &Run<'_>,
    drafts: Vec<Draft>,
    sources: &Sources,
    catalogs: &Catalogs,
    known: &mut [KnownPackage],
) -> Result<(Vec<Hashed>, Log), crate::generate::error::Error> {
    let mut log = Log::default();
    let packages = sources.new.iter().map(|package| (&*package.path, package));
    let packages: BTreeMap<&str, &NewPackage> = packages.collect();
    let state = |draft: Draft| {
        let Draft { package, build } = draft;
        let found = *packages.get(&*package.path)?;
        let mut pending = Pending::new(run, build, found, sources)?;
        pending.examined = Some(package);
        Some((found.path.clone(), pending.with_stated(run)))
    };
    // Several at once: most of the time is spent waiting for hosts.
    let pool = thread_pool(run.config.source_jobs)?;
    let pending = pool.install(|| drafts.into_par_iter().filter_map(state).collect());
    let mut pending = log.take_successes(pending);
    let unhashed: Vec<(Build, NewPackage)> = known
        .iter()
        .filter_map(|known| Some((known.build.clone(), known.unhashed.clone()?)))
        .collect();
    let unhashed = unhashed.iter().filter_map(|(build, package)| {
        let pending = Pending::new(run, build.clone(), package, sources)?;
        Some((package.path.clone(), pending.with_cached(run)))
    });
    pending.extend(log.take_successes(unhashed.collect()));
    let wanted = find_wanted(&pending, catalogs);
    log.append(download_all(run, &mut pending, &wanted));
    let mut hashed = Vec::new();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut unknown: BTreeMap<&String, (usize, String)> = BTreeMap::new();
    for pending in pending {
        let Pending {
            mut build,
            examined,
            package: place,
            stated,
            ..
        } = pending;
        let Some(package) = examined else {
            found.extend(stated.sha256().map(|sha256| (build.path, sha256)));
            continue;
        };
        if let Some(origin) = &mut build.origin {
            origin.is_hashed = stated.is_hashed();
        }
        for text in package.facts.warnings {
            log.warn(&build.path, text);
        }
        build.sha256 = stated.sha256();
        build.md5 = stated.md5();
        if build.sha256.is_none() {
            build.id.clone_from(&build.md5);
        }
        if build.identity().is_empty() {
            let unknown = unknown.entry(&place.source).or_insert((0, build.path));
            unknown.0 += 1;
            continue;
        }
        hashed.push(Hashed {
            build,
            file: package.file,
            stamp: package.stamp,
            projects: package.projects,
            verdict: None,
        });
    }
    for KnownPackage { build, .. } in known {
        let sha256 = found.remove(&build.path);
        if let Some(origin) = build.origin.as_mut().filter(|_| sha256.is_some()) {
            origin.is_hashed = true;
        }
        build.sha256 = build.sha256.take().or(sha256);
    }
    for (source, (num, path)) in unknown {
        let others = match num {
            1 => String::new(),
            num => format!(" and {} more", num - 1),
        };
        let text = format!(
            "{}{others} left out: neither the host nor a checksum file has a digest; `hash = \"download\"` in the \
             [[source]] reads all of each zip once",
            path.escape_debug()
        );
        log.warn(source, text);
    }
    Ok((hashed, log))
}

impl<'a> Pending<'a> {
    fn new(
        run: &Run<'_>,
        build: Build,
        package: &'a NewPackage,
        sources: &'a Sources,
    ) -> Option<Pending<'a>> {
        let configs = &run.config.sources;
        Some(Pending {
            stated: StatedDigests::published(&build),
            build,
            examined: None,
            package,
            folder: sources.folders.get(&package.source)?,
            policy: configs.iter().find(|s| s.name == package.source)?.hash,
        })
    }

    /// Gathers the digests that need no download.
    fn with_stated(mut self, run: &Run<'_>) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        let file = &self.package.file;
        self.stated.add_listed(self.folder, file, &mut warnings)?;
        if let Some(examined) = &mut self.examined {
            examined.facts.warnings.append(&mut warnings);
        }
        self.with_cached(run)
    }

    /// Adds the digests of an earlier download.
    fn with_cached(mut self, run: &Run<'_>) -> Result<Self, Error> {
        let key = self.package.cache_key();
        let stamp = self.package.stamp(self.build.size);
        let cached = run.cache.digests(&key, stamp);
        if let Some(digests) = cached.filter(|_| !run.config.rehash) {
            self.stated.add("sha256", None, digests.sha256)?;
            self.stated.add("md5", None, digests.md5)?;
        }
        Ok(self)
    }
}

/// Returns the indexes of the drafts to download, the newest first.
fn find_wanted(pending: &[Pending<'_>], catalogs: &Catalogs) -> Vec<usize> {
    let mut channels: BTreeMap<ChannelKey, Vec<i64>> = BTreeMap::new();
    let places = pending
        .iter()
        .filter_map(|pending| pending.build.origin.as_ref());
    let places: BTreeSet<(&str, &str)> = places.map(|o| (&*o.source, &*o.path)).collect();
    // A zip that was replaced counts once.
    let is_there = |build: &Build| {
        let origin = build.origin.as_ref();
        origin.is_none_or(|origin| !places.contains(&(&*origin.source, &*origin.path)))
    };
    let known = catalogs.own.builds.values();
    let known = known
        .filter(|record| record.is_offered())
        .map(|record| &record.build)
        .filter(|build| is_there(build));
    for build in known.chain(pending.iter().map(|pending| &pending.build)) {
        let dates = channels.entry(ChannelKey::from_build(build)).or_default();
        dates.push(build.timestamp);
    }
    for dates in channels.values_mut() {
        dates.sort_unstable_by(|a, b| b.cmp(a));
    }
    let is_new = |build: &Build| {
        let dates = channels.get(&ChannelKey::from_build(build));
        let last = dates.and_then(|dates| dates.get(NUM_DOWNLOADED - 1));
        last.is_none_or(|last| build.timestamp >= *last)
    };
    let is_wanted = |pending: &Pending<'_>| match pending.policy {
        HashPolicy::Known => false,
        HashPolicy::Auto => is_new(&pending.build),
        HashPolicy::Download => true,
    };
    let mut wanted: Vec<usize> = (0..pending.len())
        .filter(|&index| {
            let this = &pending[index];
            let is_unknown = this.stated.sha256().is_none();
            this.package.is_read_again() || is_unknown && is_wanted(this)
        })
        .collect();
    wanted.sort_by_key(|&index| std::cmp::Reverse(pending[index].build.timestamp));
    wanted
}

/// Downloads the wanted packages within the limit of a run; one that fails is a fault and is removed.
fn download_all(run: &Run<'_>, pending: &mut Vec<Pending<'_>>, wanted: &[usize]) -> Log {
    let mut log = Log::default();
    if wanted.is_empty() {
        return log;
    }
    let limit = run.config.max_download;
    let size = |pending: &Pending<'_>| pending.build.size;
    let mut rest = limit;
    let (mut chosen, mut num_waiting) = (Vec::new(), 0);
    // Known packages that were to be read again, and are not, stay as they are.
    let mut dropped = Vec::new();
    for &index in wanted {
        let this = &pending[index];
        if size(this) > limit {
            let text = format!(
                "{} is not downloaded for its SHA-256: it has {} bytes, and `max_download` is {limit}; make that \
                 larger",
                this.package.path.escape_debug(),
                size(this)
            );
            log.warn(&this.package.source, text);
            dropped.extend(this.package.is_read_again().then_some(index));
            continue;
        }
        match rest.checked_sub(size(this)) {
            Some(left) => {
                rest = left;
                chosen.push(index);
            }
            None => {
                num_waiting += 1;
                dropped.extend(this.package.is_read_again().then_some(index));
            }
        }
    }
    let num_bytes = chosen.iter().map(|&index| size(&pending[index])).sum();
    run.observer.downloading(chosen.len(), num_bytes);
    for index in chosen {
        let this = &mut pending[index];
        let downloaded = download(run, this).and_then(|digests| {
            this.stated.add("md5", None, digests.md5)?;
            this.stated.add("sha256", None, digests.sha256)
        });
        if let Err(error) = downloaded {
            dropped.push(index);
            log.take_successes::<()>(vec![(this.package.path.clone(), Err(error))]);
        }
    }
    run.observer.hashing_done();
    dropped.sort_unstable();
    for index in dropped.into_iter().rev() {
        pending.remove(index);
    }
    if num_waiting > 0 {
        let then = match run.config.rehash {
            true => "make it larger to read all of them again",
            false => "the next run goes on",
        };
        let text = format!(
            "{num_waiting} packages are not downloaded for their digests now: the limit of a run is {limit} bytes \
             (max_download); {then}"
        );
        log.warn(super::super::BUILDS, text);
    }
    log
}

/// Reads a whole package and returns its digests, which are cached at once.
fn download(run: &Run<'_>, pending: &Pending<'_>) -> Result<Digests, Error> {
    let remote = pending.folder.open(&pending.package.file)?;
    let remote = remote.with_max_bytes(u64::MAX);
    let (size, listed) = (remote.size(), pending.build.size);
    if size != listed {
        let found = size;
        return Err(Error::OtherSize { listed, found });
    }
    let (mut md5, mut sha256) = (Md5::new(), Sha256::new());
    let mut buffer = vec![0; usize::try_from(PART_LEN.min(size)).unwrap_or_default()];
    let mut at = 0;
    while at < size {
        let len = PART_LEN.min(size - at);
        let part = &mut buffer[..usize::try_from(len).unwrap_or_default()];
        let read = remote.read_exact_at(at, part);
        read.map_err(|error| match RemoteError::inside(&error) {
            Some(cause) => Error::Host(cause.clone()),
            None => Error::Open(std::io::Error::other(error)),
        })?;
        md5.update(&*part);
        sha256.update(&*part);
        run.observer.hashed(len);
        at += len;
    }
    let digests = Digests {
        md5: hex(&md5.finalize()),
        sha256: hex(&sha256.finalize()),
    };
    // A cache that cannot be written only costs time.
    let key = pending.package.cache_key();
    let stamp = pending.package.stamp(size);
    let _ = run.cache.insert_digests(&key, stamp, &digests, run.now_ns);
    let _ = run.cache.save();
    Ok(digests)
}
