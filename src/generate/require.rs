//! Checks that packages of new builds meet the `[require]` settings.
//!
//! In: hashed builds. Out: the builds that are already published, and the new ones whose packages
//! pass; each of the others is a [`Fault`]. Verdicts are cached, so a package is verified once.

use std::path::PathBuf;

use rayon::prelude::*;

use super::Run;
use super::report::{Fault, Log};
use super::state::cache_key;
use crate::catalog::Catalogs;
use crate::ingest::cache::Cache;
use crate::ingest::projects::Projects;
use crate::model::build::Build;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use digest_lanes::Stamp;
use ota_view::finding::Finding;
use ota_view::verify::{self, Verdict};

/// A build and the file it was read from.
pub(super) struct Hashed {
    pub(super) build: Build,
    pub(super) file: PathBuf,
    /// The state of the file when it was hashed.
    pub(super) stamp: Stamp,
    /// The projects in its package, if they were read now.
    pub(super) projects: Option<Projects>,
}

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

/// Rejects new builds whose packages do not meet the requirements.
pub(super) fn keep_required(
    run: &Run<'_>,
    hashed: Vec<Hashed>,
    catalogs: &Catalogs,
) -> (Vec<Build>, Log) {
    let judge = |hashed: Hashed| {
        let fault = match catalogs.knows(hashed.build.identity()) {
            true => None,
            false => fault(run.config, &hashed, run.cache),
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

/// Returns why a build's package does not meet the requirements, if it does not.
pub(super) fn fault(config: &Config, hashed: &Hashed, cache: &Cache) -> Option<Fault> {
    if config.require.is_empty() {
        return None;
    }
    let path = &hashed.build.path;
    let mut verdict = match read_verdict(config, hashed, cache) {
        Ok(verdict) => verdict,
        Err(error) => {
            return Some(Fault {
                path: path.clone(),
                kind: error.kind().into(),
                error: error.into(),
            });
        }
    };
    verdict.expect_signer(&config.certificates, path);
    let finding = config.require.objection(&verdict.findings)?;
    let refused = Refused(finding.clone());
    Some(Fault {
        path: path.clone(),
        kind: refused.kind(),
        error: refused.into(),
    })
}

/// Returns the cached verdict on a package, or else verifies it.
fn read_verdict(config: &Config, hashed: &Hashed, cache: &Cache) -> Result<Verdict, verify::Error> {
    let key = cache_key(&hashed.file);
    let known = match config.rehash {
        true => None,
        false => cache.verdict(&key, hashed.stamp, &hashed.build.path),
    };
    if let Some(verdict) = known {
        return Ok(verdict);
    }
    let metadata = std::fs::metadata(&hashed.file).map_err(verify::Error::Open)?;
    if Stamp::of(&metadata) != hashed.stamp {
        return Err(verify::Error::Changed);
    }
    let verdict = verify::check(&hashed.file, &hashed.build.path, &config.limits)?;
    // A cache that cannot be written only costs time.
    let _ = cache.insert_verdict(&key, hashed.stamp, &verdict);
    Ok(verdict)
}
