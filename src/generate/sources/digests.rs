//! Finds out the digests of packages on other hosts: from the host's list, from checksum files, or by
//! downloading them.
//!
//! In: drafts of builds. Out: builds with all digests that are known. Those of different sources are compared, and a
//! contradiction is a fault. A package is downloaded in parts, each again if the connection breaks, and never
//! stored; its digest is cached at once.

use std::collections::BTreeMap;

use base16ct::lower::encode_string as hex;
use md5::Md5;
use ota_view::io::ReadAt;
use sha2::{Digest, Sha256};

use super::{NewPackage, Sources};
use crate::catalog::Catalogs;
use crate::catalog::channels::ChannelKey;
use crate::generate::Run;
use crate::generate::draft::Draft;
use crate::generate::report::Log;
use crate::generate::require::Hashed;
use crate::ingest::digests::Digests;
use crate::ingest::{self, Error};
use crate::model::build::Build;
use crate::model::source::HashPolicy;
use crate::source::RemoteFolder;

/// Number of the newest builds of a channel that are downloaded if no host has their SHA-256: phones are offered
/// these first.
const NUM_DOWNLOADED: usize = 2;
/// The size of a part of a download, in bytes.
const PART_LEN: u64 = 8 << 20;
/// What has the digest, in messages.
const HOST: &str = "its host";

/// A draft, its package, and the digests that are known.
struct Pending<'a> {
    draft: Draft,
    package: &'a NewPackage,
    folder: &'a RemoteFolder,
    policy: HashPolicy,
    stated: StatedDigests,
}

/// Digests that the host, checksum files or an earlier download have.
#[derive(Clone, Default)]
struct StatedDigests {
    sha256: Option<String>,
    md5: Option<String>,
}

impl StatedDigests {
    /// Adds a digest.
    ///
    /// # Errors
    /// [`Error::HashMismatch`], if another source has another one.
    fn add(&mut self, algorithm: &'static str, place: &str, digest: String) -> Result<(), Error> {
        let slot = match algorithm {
            "sha256" => &mut self.sha256,
            _ => &mut self.md5,
        };
        match slot {
            Some(known) if *known != digest => Err(Error::HashMismatch {
                algorithm,
                file: place.to_owned(),
                expected: digest,
                found: known.clone(),
            }),
            _ => {
                *slot = Some(digest);
                Ok(())
            }
        }
    }
}

/// Finds out the digests of drafts whose packages are on other hosts.
pub(in crate::generate) fn digest_all(
    run: &Run<'_>,
    drafts: Vec<Draft>,
    sources: &Sources,
    catalogs: &Catalogs,
) -> (Vec<Hashed>, Log) {
    let mut log = Log::default();
    let packages = sources.new.iter().map(|package| (&*package.path, package));
    let packages: BTreeMap<&str, &NewPackage> = packages.collect();
    let pending = drafts.into_iter().filter_map(|draft| {
        let package = *packages.get(&*draft.package.path)?;
        let folder = sources.folders.get(&package.source)?;
        let config = run
            .config
            .sources
            .iter()
            .find(|s| s.name == package.source)?;
        let pending = Pending {
            draft,
            package,
            folder,
            policy: config.hash,
            stated: StatedDigests::default(),
        };
        Some((package.path.clone(), pending.with_stated(run)))
    });
    let mut pending = log.take_successes(pending.collect());
    let wanted = find_wanted(&pending, catalogs);
    log.append(download_all(run, &mut pending, &wanted));
    let mut hashed = Vec::new();
    let mut unknown: BTreeMap<&String, (usize, String)> = BTreeMap::new();
    for pending in pending {
        let source = &pending.package.source;
        let Pending { draft, stated, .. } = pending;
        let Draft { package, mut build } = draft;
        for text in package.facts.warnings {
            log.warn(&build.path, text);
        }
        build.sha256 = stated.sha256;
        build.md5 = stated.md5;
        if build.sha256.is_none() {
            build.id.clone_from(&build.md5);
        }
        if build.identity().is_empty() {
            let unknown = unknown.entry(source).or_insert((0, build.path));
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
    (hashed, log)
}

impl Pending<'_> {
    /// Gathers the digests that need no download.
    fn with_stated(mut self, run: &Run<'_>) -> Result<Self, Error> {
        let file = self.folder.with_digests(&self.package.file);
        let stated = &mut self.stated;
        let warnings = &mut self.draft.package.facts.warnings;
        for (algorithm, digest) in [("sha256", &file.sha256), ("md5", &file.md5)] {
            if let Some(digest) = digest {
                stated.add(algorithm, HOST, digest.clone())?;
            }
        }
        for (algorithm, len) in [("sha256", 64), ("md5", 32)] {
            let found = ingest::stated(self.folder, &file.path, algorithm, len, warnings);
            if let Some(found) = found {
                stated.add(algorithm, &found.place, found.digest)?;
            }
        }
        let key = self.package.cache_key();
        let cached = run.cache.digests(&key, self.draft.package.stamp);
        if let Some(digests) = cached.filter(|_| !run.config.rehash) {
            stated.add("sha256", "an earlier download", digests.sha256)?;
            stated.add("md5", "an earlier download", digests.md5)?;
        }
        Ok(self)
    }
}

/// Returns the indexes of the drafts to download, the newest first.
fn find_wanted(pending: &[Pending<'_>], catalogs: &Catalogs) -> Vec<usize> {
    let mut channels: BTreeMap<ChannelKey, Vec<i64>> = BTreeMap::new();
    let known = catalogs.own.builds.values();
    let known = known
        .filter(|record| record.is_offered())
        .map(|record| &record.build);
    for build in known.chain(pending.iter().map(|pending| &pending.draft.build)) {
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
        HashPolicy::Auto => is_new(&pending.draft.build),
        HashPolicy::Download => true,
    };
    let mut wanted: Vec<usize> = (0..pending.len())
        .filter(|&index| pending[index].stated.sha256.is_none() && is_wanted(&pending[index]))
        .collect();
    wanted.sort_by_key(|&index| std::cmp::Reverse(pending[index].draft.build.timestamp));
    wanted
}

/// Downloads the wanted packages within the limit of a run; one that fails is a fault and is removed.
fn download_all(run: &Run<'_>, pending: &mut Vec<Pending<'_>>, wanted: &[usize]) -> Log {
    let mut log = Log::default();
    if wanted.is_empty() {
        return log;
    }
    let size = |pending: &Pending<'_>| pending.draft.build.size;
    let mut rest = run.config.max_download;
    let (mut chosen, mut num_waiting) = (Vec::new(), 0);
    for &index in wanted {
        match rest.checked_sub(size(&pending[index])) {
            Some(left) => {
                rest = left;
                chosen.push(index);
            }
            None => num_waiting += 1,
        }
    }
    let num_bytes = chosen.iter().map(|&index| size(&pending[index])).sum();
    run.observer.downloading(chosen.len(), num_bytes);
    let mut failed = Vec::new();
    for index in chosen {
        let this = &mut pending[index];
        let downloaded = download(run, this).and_then(|digests| {
            this.stated.add("md5", "the downloaded file", digests.md5)?;
            this.stated
                .add("sha256", "the downloaded file", digests.sha256)
        });
        if let Err(error) = downloaded {
            failed.push(index);
            log.take_successes::<()>(vec![(this.package.path.clone(), Err(error))]);
        }
    }
    run.observer.hashing_done();
    failed.sort_unstable();
    for index in failed.into_iter().rev() {
        pending.remove(index);
    }
    if num_waiting > 0 {
        let text = format!(
            "{num_waiting} packages are not downloaded for their digests now: the limit of a run is {} bytes \
             (max_download); the next run goes on",
            run.config.max_download
        );
        log.warn(super::super::BUILDS, text);
    }
    log
}

/// Reads a whole package and returns its digests, which are cached at once.
fn download(run: &Run<'_>, pending: &Pending<'_>) -> Result<Digests, Error> {
    let remote = pending.folder.open(&pending.package.file);
    let remote = remote.map_err(|error| Error::Open(std::io::Error::other(error)))?;
    let remote = remote.with_max_bytes(u64::MAX);
    let size = remote.size();
    let (mut md5, mut sha256) = (Md5::new(), Sha256::new());
    let mut buffer = vec![0; usize::try_from(PART_LEN.min(size)).unwrap_or_default()];
    let mut at = 0;
    while at < size {
        let len = PART_LEN.min(size - at);
        let part = &mut buffer[..usize::try_from(len).unwrap_or_default()];
        let read = remote.read_exact_at(at, part);
        read.map_err(|error| Error::Open(std::io::Error::other(error)))?;
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
    Ok(digests)
}
