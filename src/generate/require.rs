//! Checks that packages of new builds meet the `[require]` settings.
//!
//! In: hashed builds. Out: the builds that are already published, and the new ones whose packages
//! pass; each of the others is a [`Fault`]. Verdicts are cached, so a package is verified once. New
//! packages are verified while they are hashed, so that their files are read once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;

use super::draft::Draft;
use super::hashed::{Hashed, Verified};
use super::report::{Fault, Log};
use super::run::Run;
use super::sources::Sources;
use super::state::cache_key;
use crate::catalog::Catalogs;
use crate::ingest::cache::Cache;
use crate::ingest::digests::Digests;
use crate::model::build::Build;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::source::Folder;
use digest_lanes::{RateLimiter, Stamp};
use ota_view::finding::Finding;
use ota_view::io::Limits;
use ota_view::verify::{self, OnRead};

/// A finding that the settings do not allow in a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({})", .0.message.escape_debug(), .0.rule.id)]
pub struct Refused(pub Finding);

impl Refused {
    /// Returns the kind of the fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self.0.rule.id.starts_with("signature-") {
            true => FaultKind::BadSignature,
            false => FaultKind::Corrupt,
        }
    }
}

/// Reads packages once, to hash and to verify them.
pub(super) struct OnePass {
    limits: Limits,
    pace: RateLimiter,
}

impl OnePass {
    /// Prepares for packages of `num_bytes` together. The settings limit the speed of reading; the
    /// waits that this causes do not count as time that the packages cost.
    pub(super) fn new(config: &Config, num_bytes: u64) -> OnePass {
        let limits = config.limits.clone();
        let waits = config.io_limit.map_or(0, |rate| num_bytes / rate);
        let jobs = u64::try_from(config.jobs.max(1)).unwrap_or(u64::MAX);
        let of_all = Duration::from_secs(waits.saturating_mul(jobs));
        OnePass {
            limits: Limits {
                time: limits.time.saturating_add(Duration::from_secs(waits)),
                run_time: limits.run_time.saturating_add(of_all),
                ..limits
            },
            pace: RateLimiter::new(config.io_limit),
        }
    }

    /// Verifies and hashes a package; findings name it `path`. There are no digests if it is not a
    /// zip, or could not be verified.
    pub(super) fn read(
        &self,
        file: &Path,
        path: &str,
        stamp: Stamp,
        on_read: &OnRead<'_>,
    ) -> (Verified, Option<Digests>) {
        let on_read = |num_bytes| {
            self.pace.wait(num_bytes);
            on_read(num_bytes);
        };
        let check = || verify::check_and_digest(file, path, &self.limits, &on_read);
        match if_unchanged(file, stamp, check) {
            Err(error) => (Err(error), None),
            Ok((verdict, digests)) => {
                let digests = digests.map(|of_file| Digests {
                    md5: of_file.md5,
                    sha256: of_file.sha256,
                });
                (Ok(verdict), digests)
            }
        }
    }
}

/// Returns what `read` returns, if the file has this stamp before and afterwards.
fn if_unchanged<T>(
    file: &Path,
    stamp: Stamp,
    read: impl FnOnce() -> Result<T, verify::Error>,
) -> Result<T, verify::Error> {
    let require = || match Stamp::of(&std::fs::metadata(file).map_err(verify::Error::Open)?) {
        now if now == stamp => Ok(()),
        _ => Err(verify::Error::Changed),
    };
    require()?;
    let result = read()?;
    require()?;
    Ok(result)
}

/// Hashes and verifies the packages that may have to meet requirements: those without `known` digests
/// whose name and size no catalog has. Sets their digests, and returns the verdict on each of them.
pub(super) fn hash_and_verify(
    run: &Run<'_>,
    drafts: &[Draft],
    catalogs: &Catalogs,
    known: &mut [Option<Digests>],
) -> Vec<Option<Verified>> {
    let mut verdicts: Vec<Option<Verified>> = drafts.iter().map(|_| None).collect();
    let must_meet = |build: &Build| !run.config.requirements(&build.device).0.is_empty();
    if !drafts.iter().any(|draft| must_meet(&draft.build)) {
        return verdicts;
    }
    let builds = catalogs.all().flat_map(|catalog| catalog.builds.values());
    let published: BTreeSet<(&str, u64)> = builds
        .map(|record| (record.build.filename.as_str(), record.build.size))
        .collect();
    let is_new = |build: &Build| {
        must_meet(build) && !published.contains(&(build.filename.as_str(), build.size))
    };
    let new: Vec<usize> = (0..drafts.len())
        .filter(|&index| known[index].is_none() && is_new(&drafts[index].build))
        .collect();
    if new.is_empty() {
        return verdicts;
    }
    let num_bytes = new.iter().map(|&index| drafts[index].build.size).sum();
    let one_pass = OnePass::new(run.config, num_bytes);
    let read = |&index: &usize| {
        let package = &drafts[index].package;
        let on_read = |num_bytes| run.observer.hashed(num_bytes);
        let (verdict, digests) =
            one_pass.read(&package.file, &package.path, package.stamp, &on_read);
        let key = cache_key(&package.file);
        // A cache that cannot be written only costs time.
        if let Some(digests) = &digests {
            let _ = run
                .cache
                .insert_digests(&key, package.stamp, digests, run.now_ns);
        }
        if let Ok(verdict) = &verdict {
            let _ = run.cache.insert_verdict(&key, package.stamp, verdict);
        }
        (index, verdict, digests)
    };
    run.observer.hashing(new.len(), num_bytes);
    let results: Vec<_> = new.par_iter().map(read).collect();
    run.observer.hashing_done();
    for (index, verdict, digests) in results {
        verdicts[index] = Some(verdict);
        known[index] = digests;
    }
    verdicts
}

/// Rejects new builds whose packages do not meet the requirements.
pub(super) fn keep_required(
    run: &Run<'_>,
    hashed: Vec<Hashed>,
    catalogs: &Catalogs,
    sources: &Sources,
) -> (Vec<Build>, Log) {
    let judge = |mut hashed: Hashed| {
        let fault = match known_as(run.config, &hashed.build, catalogs) {
            KnownAs::Same => None,
            KnownAs::OtherDevice(other) => Some(Fault {
                path: hashed.build.path.clone(),
                kind: FaultKind::Conflict,
                error: format!("the SHA-256 that is given for it is that of {other}").into(),
            }),
            KnownAs::New => {
                verify_remote(run, &mut hashed, sources);
                fault(run.config, &mut hashed, run.cache)
            }
        };
        (hashed.build, fault)
    };
    let judged: Vec<(Build, Option<Fault>)> = hashed.into_par_iter().map(judge).collect();
    let _ = run.cache.save();
    let (mut builds, mut log) = (Vec::new(), Log::default());
    for (build, fault) in judged {
        match fault {
            None => builds.push(build),
            Some(fault) => log.faults.push(fault),
        }
    }
    (builds, log)
}

/// What the catalogs have under the identity of a build.
enum KnownAs {
    /// Nothing, or what cannot be trusted to be this package.
    New,
    /// The same package, which need not be verified again.
    Same,
    /// A build of another device, with its file name and device.
    OtherDevice(String),
}

/// Looks a build up. A SHA-256 that the source of one device gives, and that was not computed, proves
/// nothing: its maintainer could name any package.
fn known_as(config: &Config, build: &Build, catalogs: &Catalogs) -> KnownAs {
    let mut all = catalogs.all();
    let Some(known) = all.find_map(|catalog| catalog.builds.get(build.identity())) else {
        return KnownAs::New;
    };
    let is_proven = build.origin.as_ref().is_none_or(|origin| {
        let mut sources = config.sources.iter();
        let source = sources.find(|source| source.name == origin.source);
        origin.is_hashed || source.is_none_or(|source| source.device.is_none())
    });
    let known = &known.build;
    match () {
        () if is_proven => KnownAs::Same,
        () if known.device == build.device => KnownAs::New,
        () => KnownAs::OtherDevice(format!(
            "{}, a build for `{}`",
            known.filename.escape_debug(),
            known.device
        )),
    }
}

/// Verifies a package on another host, all of which is read for that.
fn verify_remote(run: &Run<'_>, hashed: &mut Hashed, sources: &Sources) {
    let config = run.config;
    let Some(origin) = hashed
        .build
        .origin
        .as_ref()
        .filter(|_| !config.requirements(&hashed.build.device).0.is_empty())
    else {
        return;
    };
    let known = run
        .cache
        .verdict(&hashed.file, hashed.stamp, &hashed.build.path);
    let folder = sources.folders.get(&origin.source);
    let file = folder.and_then(|folder| Some((folder, folder.listed(&origin.path)?)));
    let (None, Some((folder, file))) = (known.filter(|_| !config.rehash), file) else {
        return;
    };
    let verdict = match folder.open(file) {
        Err(error) => Err(verify::Error::Open(std::io::Error::other(error))),
        Ok(remote) => {
            let whole = remote.with_max_bytes(u64::MAX);
            verify::check_source(whole, &hashed.build.path, &config.limits)
        }
    };
    if let Ok(verdict) = &verdict {
        // A cache that cannot be written only costs time.
        let _ = run
            .cache
            .insert_verdict(&hashed.file, hashed.stamp, verdict);
    }
    hashed.verdict = Some(verdict);
}

/// Returns why a build's package does not meet the requirements, if it does not.
pub(super) fn fault(config: &Config, hashed: &mut Hashed, cache: &Cache) -> Option<Fault> {
    let (require, certificates) = config.requirements(&hashed.build.device);
    if require.is_empty() {
        return None;
    }
    let mut verdict = match read_verdict(config, hashed, cache) {
        Ok(verdict) => verdict,
        Err(error) => {
            return Some(Fault {
                path: hashed.build.path.clone(),
                kind: error.kind().into(),
                error: error.into(),
            });
        }
    };
    let path = &hashed.build.path;
    verdict.expect_signer(certificates, path);
    let finding = require.objection(&verdict.findings)?;
    let refused = Refused(finding.clone());
    Some(Fault {
        path: path.clone(),
        kind: refused.kind(),
        error: refused.into(),
    })
}

/// Returns the verdict on a package that was verified while it was hashed, or else the cached one, or
/// else verifies the package.
fn read_verdict(config: &Config, hashed: &mut Hashed, cache: &Cache) -> Verified {
    if let Some(verdict) = hashed.verdict.take() {
        return verdict;
    }
    let key = cache_key(&hashed.file);
    let known = match config.rehash {
        true => None,
        false => cache.verdict(&key, hashed.stamp, &hashed.build.path),
    };
    if let Some(verdict) = known {
        return Ok(verdict);
    }
    let check = || verify::check(&hashed.file, &hashed.build.path, &config.limits);
    let verdict = if_unchanged(&hashed.file, hashed.stamp, check)?;
    // A cache that cannot be written only costs time.
    let _ = cache.insert_verdict(&key, hashed.stamp, &verdict);
    Ok(verdict)
}
