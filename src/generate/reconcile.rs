//! Scanned builds meet the catalog: new, known, superseded, gone.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Event, Fault, Report};
use crate::build::Build;
use crate::catalog::{Catalog, Catalogs, Reason, Record};
use crate::class::Class;
use crate::config::{AddressSource, Config};
use crate::scan::Scan;

/// Brings the scanned builds and the catalog together.
pub(super) fn reconcile(
    config: &Config,
    scan: &Scan,
    builds: Vec<Build>,
    catalogs: &mut Catalogs,
    report: &mut Report,
) {
    let builds = drop_buried(builds, catalogs, report);
    let builds = drop_same_bytes(scan, builds, &catalogs.own, report);
    let builds = drop_same_names(builds, catalogs, report);
    let seen: BTreeSet<String> = builds.iter().map(|build| build.sha256.clone()).collect();
    bury_superseded(&builds, &seen, catalogs, report);
    for build in builds {
        if is_name_taken(&build, catalogs, &seen) {
            let message = "a published build of another device has this file name".to_owned();
            report
                .faults
                .push(Fault::message(&build.path, Class::Conflict, message));
            continue;
        }
        take_up(build, catalogs, report);
    }
    retire_vanished(config, scan, &seen, catalogs, report);
}

/// Builds that were removed once are not taken up again.
fn drop_buried(builds: Vec<Build>, catalogs: &Catalogs, report: &mut Report) -> Vec<Build> {
    let (buried, builds): (Vec<Build>, Vec<Build>) = builds
        .into_iter()
        .partition(|build| catalogs.is_buried(&build.sha256));
    let events = buried.into_iter().map(|build| Event::Buried(build.path));
    report.events.extend(events);
    builds
}

/// Offers no more what the site was to serve and what is not in the folder, or is
/// there with other bytes.
fn retire_vanished(
    config: &Config,
    scan: &Scan,
    seen: &BTreeSet<String>,
    catalogs: &mut Catalogs,
    report: &mut Report,
) {
    // A machine that has only the catalog knows nothing of the zips, and neither
    // does one that cannot read a part of the folder.
    if scan.packages.is_empty() || scan.faults.iter().any(|fault| fault.hides_packages) {
        return;
    }
    // What could not be judged may still be what it was; a damaged file is not.
    let is_damage = |class| {
        use Class::{Corrupt, HashMismatch, NotARom, NotAZip, Truncated};
        matches!(
            class,
            NotAZip | Truncated | Corrupt | NotARom | HashMismatch
        )
    };
    let unread: BTreeSet<String> = report
        .faults
        .iter()
        .filter(|fault| !is_damage(fault.class))
        .map(|fault| fault.path.clone())
        .collect();
    for record in catalogs.own.builds.values_mut() {
        let build = &record.build;
        let is_here = seen.contains(&build.sha256) || unread.contains(&build.path);
        if is_here || !record.is_offered() {
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

/// Of several names of the same bytes one stays: a file before a link to it, the
/// one already published before others, then the first.
fn drop_same_bytes(
    scan: &Scan,
    builds: Vec<Build>,
    own: &Catalog,
    report: &mut Report,
) -> Vec<Build> {
    let links: BTreeSet<&str> = scan
        .packages
        .iter()
        .filter(|found| found.is_link)
        .map(|found| found.path.as_str())
        .collect();
    let mut by_sha256: BTreeMap<String, Vec<Build>> = BTreeMap::new();
    for build in builds {
        let same = by_sha256.entry(build.sha256.clone()).or_default();
        same.push(build);
    }
    let mut kept = Vec::new();
    for (sha256, mut same) in by_sha256 {
        let published = own.builds.get(&sha256).map(|record| &record.build.path);
        same.sort_by_key(|build| {
            let is_link = links.contains(build.path.as_str());
            (is_link, Some(&build.path) != published, build.path.clone())
        });
        let mut same = same.into_iter();
        let chosen = same.next().expect("each group has a build");
        report.events.extend(same.map(|build| Event::SameBytes {
            path: build.path,
            of: chosen.path.clone(),
        }));
        kept.push(chosen);
    }
    kept.sort_by(|a, b| a.path.cmp(&b.path));
    kept
}

/// Two different packages of one name are told apart neither by phones nor by
/// download pages: only one that is already published under it stays.
fn drop_same_names(builds: Vec<Build>, catalogs: &Catalogs, report: &mut Report) -> Vec<Build> {
    let mut paths_by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for build in &builds {
        let paths = paths_by_name.entry(build.filename.clone()).or_default();
        paths.push(build.path.clone());
    }
    let is_published = |build: &Build| {
        let record = catalogs.own.builds.get(&build.sha256);
        record.is_some_and(|record| record.build.filename == build.filename)
            || catalogs.others_offer(&build.sha256)
    };
    builds
        .into_iter()
        .filter(|build| {
            let others: Vec<&str> = paths_by_name[&build.filename]
                .iter()
                .filter(|path| **path != build.path)
                .map(String::as_str)
                .collect();
            if others.is_empty() || is_published(build) {
                return true;
            }
            let others = others.join(", ");
            let message = format!("a different package has the same file name: {others}");
            report
                .faults
                .push(Fault::message(&build.path, Class::Conflict, message));
            false
        })
        .collect()
}

/// Buries the builds whose file name another package has taken, unless they are
/// still there under another name.
fn bury_superseded(
    builds: &[Build],
    seen: &BTreeSet<String>,
    catalogs: &mut Catalogs,
    report: &mut Report,
) {
    let known: BTreeMap<String, Build> = catalogs
        .own
        .builds
        .values()
        .map(|record| (record.build.filename.clone(), record.build.clone()))
        .collect();
    for build in builds {
        let is_rebuilt = |old: &Build| {
            old.sha256 != build.sha256 && !seen.contains(&old.sha256) && old.device == build.device
        };
        let Some(Build { sha256: old, .. }) =
            known.get(&build.filename).filter(|old| is_rebuilt(old))
        else {
            continue;
        };
        let reason = Reason::Superseded(build.sha256.clone());
        catalogs.own.bury(old, reason);
        report.events.push(Event::Superseded(build.path.clone()));
    }
}

/// Whether a build of another device holds the file name. Those of the same
/// device were buried, and what is still in the folder gets its own name.
fn is_name_taken(build: &Build, catalogs: &Catalogs, seen: &BTreeSet<String>) -> bool {
    let own = catalogs.own.find_filename(&build.filename);
    own.is_some_and(|record| {
        record.build.sha256 != build.sha256 && !seen.contains(&record.build.sha256)
    })
}

/// Puts one scanned build into the catalog that is kept.
fn take_up(mut build: Build, catalogs: &mut Catalogs, report: &mut Report) {
    let path = build.path.clone();
    if let Some(record) = catalogs.own.builds.get_mut(&build.sha256) {
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
    if catalogs.others_offer(&build.sha256) {
        return;
    }
    if catalogs.find_in_others(&build.filename).is_some() {
        let message = "another catalog has a different package of this name".to_owned();
        report
            .faults
            .push(Fault::message(&path, Class::Conflict, message));
        return;
    }
    let is_rebuild = report.events.contains(&Event::Superseded(path.clone()));
    if !is_rebuild {
        report.events.push(Event::Added(path));
    }
    let record = Record::new(build);
    catalogs
        .own
        .builds
        .insert(record.build.sha256.clone(), record);
}
