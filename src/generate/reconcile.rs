//! Scanned builds meet the catalog: new, known, superseded, gone.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Event, Fault, Report};
use crate::build::Build;
use crate::catalog::{Catalog, Reason, Record};
use crate::class::Class;
use crate::config::{AddressSource, Config};
use crate::scan::Scan;

/// Brings the scanned builds and the catalog together.
pub(super) fn reconcile(
    config: &Config,
    scan: &Scan,
    builds: Vec<Build>,
    own: &mut Catalog,
    merged: &Catalog,
    report: &mut Report,
) {
    let builds = drop_same_bytes(builds, own, report);
    let builds = drop_same_names(builds, merged, report);
    let seen: BTreeSet<String> = builds.iter().map(|build| build.sha256.clone()).collect();
    for build in builds {
        take_up(build, own, merged, report);
    }
    if scan.packages.is_empty() {
        // A machine that has only the catalog knows nothing of the zips.
        return;
    }
    let present: BTreeSet<&str> = scan
        .packages
        .iter()
        .map(|found| found.path.as_str())
        .collect();
    for record in own.builds.values_mut() {
        let build = &record.build;
        if !record.is_offered()
            || seen.contains(&build.sha256)
            || present.contains(build.path.as_str())
        {
            continue;
        }
        if matches!(config.address(build), Some((_, AddressSource::Site))) {
            report.events.push(Event::Retired(build.path.clone()));
            record.retired = true;
        } else {
            report.events.push(Event::Remote(build.path.clone()));
        }
    }
}

/// Of several names of the same bytes, the one already published stays, else the
/// first.
fn drop_same_bytes(builds: Vec<Build>, own: &Catalog, report: &mut Report) -> Vec<Build> {
    let mut by_sha256: BTreeMap<String, Vec<Build>> = BTreeMap::new();
    for build in builds {
        by_sha256
            .entry(build.sha256.clone())
            .or_default()
            .push(build);
    }
    let mut kept = Vec::new();
    for (sha256, mut same) in by_sha256 {
        let published = own.builds.get(&sha256).map(|record| &record.build.path);
        let index = same
            .iter()
            .position(|build| Some(&build.path) == published)
            .unwrap_or(0);
        let chosen = same.swap_remove(index);
        same.sort_by(|a, b| a.path.cmp(&b.path));
        report
            .events
            .extend(same.into_iter().map(|build| Event::SameBytes {
                path: build.path,
                of: chosen.path.clone(),
            }));
        kept.push(chosen);
    }
    kept.sort_by(|a, b| a.path.cmp(&b.path));
    kept
}

/// Two different packages of one name are told apart neither by phones nor by
/// download pages: only one that is already published stays.
fn drop_same_names(builds: Vec<Build>, merged: &Catalog, report: &mut Report) -> Vec<Build> {
    let mut paths_by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for build in &builds {
        let paths = paths_by_name.entry(build.filename.clone()).or_default();
        paths.push(build.path.clone());
    }
    builds
        .into_iter()
        .filter(|build| {
            let paths = &paths_by_name[&build.filename];
            let published = merged.builds.contains_key(&build.sha256);
            if paths.len() == 1 || published {
                return true;
            }
            let others: Vec<&str> = paths
                .iter()
                .filter(|path| **path != build.path)
                .map(String::as_str)
                .collect();
            let message = format!(
                "a different package has the same file name: {}",
                others.join(", ")
            );
            report
                .faults
                .push(Fault::message(&build.path, Class::Conflict, message));
            false
        })
        .collect()
}

/// Puts one scanned build into the catalog.
fn take_up(mut build: Build, own: &mut Catalog, merged: &Catalog, report: &mut Report) {
    let path = build.path.clone();
    if merged.tombstones.contains_key(&build.sha256) {
        report.events.push(Event::Buried(path));
        return;
    }
    if let Some(record) = own.builds.get_mut(&build.sha256) {
        // What the package cannot tell is kept.
        build.url.clone_from(&record.build.url);
        build.variant.clone_from(&record.build.variant);
        build.signer.clone_from(&record.build.signer);
        if std::mem::take(&mut record.retired) {
            report.events.push(Event::Returned(path.clone()));
        }
        if record.build != build {
            report.events.push(Event::Updated(path));
            record.build = build;
        }
        return;
    }
    if merged.builds.contains_key(&build.sha256) {
        return;
    }
    let namesake = |catalog: &Catalog| {
        let record = catalog.find_filename(&build.filename)?;
        Some(record.build.sha256.clone())
    };
    if let Some(old) = namesake(own) {
        own.bury(&old, Reason::Superseded(build.sha256.clone()));
        report.events.push(Event::Superseded(path));
    } else if namesake(merged).is_some() {
        let message = "another catalog has a different package of this name";
        report
            .faults
            .push(Fault::message(&path, Class::Conflict, message.to_owned()));
        return;
    } else {
        report.events.push(Event::Added(path));
    }
    own.builds.insert(build.sha256.clone(), Record::new(build));
}
