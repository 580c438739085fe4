//! Whether new builds meet what the settings require of packages.
//!
//! In: builds that were hashed. Out: those that are published already, and of the others those
//! whose packages are in order; each of the rest is a [`Fault`]. What is found is remembered, so
//! that a package is read for it once.

use std::path::PathBuf;

use rayon::prelude::*;

use super::cache_key;
use super::report::{Fault, Report};
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

/// What the settings require and a package lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({})", .0.message.escape_debug(), .0.rule.id)]
pub struct Refused(pub Finding);

impl Refused {
    /// The class of the fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self.0.rule.id.starts_with("signature-") {
            true => FaultKind::BadSignature,
            false => FaultKind::Corrupt,
        }
    }
}

/// Keeps new builds out whose packages lack what is required.
pub(super) fn keep_required(
    config: &Config,
    hashed: Vec<Hashed>,
    catalogs: &Catalogs,
    cache: &Cache,
    report: &mut Report,
) -> Vec<Build> {
    let judge = |hashed: Hashed| {
        let fault = match catalogs.knows(hashed.build.identity()) {
            true => None,
            false => fault(config, &hashed, cache),
        };
        (hashed.build, fault)
    };
    let judged: Vec<(Build, Option<Fault>)> = hashed.into_par_iter().map(judge).collect();
    let _ = cache.save();
    let mut builds = Vec::new();
    for (build, fault) in judged {
        match fault {
            None => builds.push(build),
            Some(fault) => report.faults.push(fault),
        }
    }
    builds
}

/// What keeps a build out, if something does.
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
                class: error.kind().into(),
                error: error.into(),
            });
        }
    };
    verdict.expect_signer(&config.certificates, path);
    let finding = config.require.objection(&verdict.findings)?;
    let refused = Refused(finding.clone());
    Some(Fault {
        path: path.clone(),
        class: refused.kind(),
        error: refused.into(),
    })
}

/// What is remembered of a package, or else what reading it tells.
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
    // A cache that cannot be written costs time, nothing else.
    let _ = cache.put_verdict(&key, hashed.stamp, &verdict);
    Ok(verdict)
}
