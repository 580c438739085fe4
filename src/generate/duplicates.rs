//! Drops scanned packages that duplicate another one (the same bytes, or the same file name) or were removed.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Event, Log};
use crate::catalog::{Catalog, Catalogs, Reason};
use crate::ingest::scan::Scan;
use crate::model::build::{Build, Device, Origin, stem};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::model::names;
use crate::model::scope::Scope;
use crate::source::join;

/// Drops packages of a run's sources whose builds are published from a source that the run does not look at, so that
/// runs for single sources do not take a build from each other. Once its package is gone from that source, another has it.
pub(super) fn drop_copies(
    config: &Config,
    mut builds: Vec<Build>,
    own: &Catalog,
) -> (Vec<Build>, Log) {
    let mut log = Log::default();
    let is_elsewhere = |origin: &Origin| {
        let mut sources = config.sources.iter();
        let source = sources.find(|source| source.name == origin.source);
        source.is_some_and(|source| !config.scope.covers_source(source))
    };
    builds.retain(|build| {
        let record = own.builds.get(build.identity());
        let published = record.filter(|record| !record.retired);
        let published = published.map(|record| &record.build);
        let is_copy = |published: &&Build| {
            published.origin != build.origin && published.origin.as_ref().is_some_and(is_elsewhere)
        };
        let Some(published) = published.filter(is_copy) else {
            return true;
        };
        log.events.push(Event::SameBytes {
            path: build.path.clone(),
            of: published.path.clone(),
        });
        false
    });
    (builds, log)
}

/// Keeps one of several files with the same bytes: the one already published, then one whose name
/// has its device (a copy named `latest.zip` looks like another variant), then one that is not named
/// by Android's build system, then a file rather than a link, then the first by path.
pub(super) fn drop_same_bytes(scan: &Scan, builds: Vec<Build>, own: &Catalog) -> (Vec<Build>, Log) {
    let mut log = Log::default();
    let links: BTreeSet<&str> = scan
        .packages
        .iter()
        .filter(|found| found.is_link)
        .map(|found| found.path.as_str())
        .collect();
    let mut by_identity: BTreeMap<String, Vec<Build>> = BTreeMap::new();
    for build in builds {
        let same = by_identity.entry(build.identity().to_owned()).or_default();
        same.push(build);
    }
    let mut chosen_builds = Vec::new();
    for (identity, mut same) in by_identity {
        let published = own.builds.get(&identity).map(|record| place(&record.build));
        same.sort_by_key(|build| {
            let is_link = links.contains(build.path.as_str());
            (
                Some(place(build)) != published,
                !has_device_in_name(&build.filename, &build.device),
                is_named_by_build_system(&build.filename),
                is_link,
                place(build),
            )
        });
        let mut same = same.into_iter();
        let first = same.next().expect("each group has a build");
        log.events.extend(same.map(|build| Event::SameBytes {
            path: place(&build),
            of: place(&first),
        }));
        chosen_builds.push(first);
    }
    chosen_builds.sort_by(|a, b| a.path.cmp(&b.path));
    (chosen_builds, log)
}

/// Returns where a package lies. In a source that is not its path, because a build keeps the name it has in the catalog.
pub(super) fn place(build: &Build) -> String {
    match &build.origin {
        Some(origin) => join(&origin.source, &origin.path),
        None => build.path.clone(),
    }
}

/// Returns whether a file name has the device.
fn has_device_in_name(filename: &str, device: &Device) -> bool {
    let device = device.as_str();
    let named = names::parse(filename, &[device.to_owned()]).and_then(|facts| facts.device);
    named.as_deref() == Some(device)
}

/// Returns whether Android's build system named this file: `{product}-ota.zip`, or `{product}-ota-{number}.zip`. ROMs
/// give a hard link to it a name with version and date.
fn is_named_by_build_system(filename: &str) -> bool {
    let ends = |(_, rest): &(&str, &str)| rest.starts_with('-') || rest.is_empty();
    stem(filename).split_once("-ota").as_ref().is_some_and(ends)
}

/// Rejects different packages with the same file name, which neither phones nor download pages can
/// tell apart; only one that is already published under the name stays.
pub(super) fn drop_same_names(builds: Vec<Build>, catalogs: &Catalogs) -> (Vec<Build>, Log) {
    let mut log = Log::default();
    let mut paths_by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for build in &builds {
        let paths = paths_by_name.entry(build.filename.clone()).or_default();
        paths.push(build.path.clone());
    }
    let is_published = |build: &Build| {
        let record = catalogs.own.builds.get(build.identity());
        record.is_some_and(|record| record.build.filename == build.filename)
            || catalogs.others_offer(build.identity())
    };
    let builds = builds
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
            log.fault(&build.path, FaultKind::Conflict, message);
            false
        })
        .collect();
    (builds, log)
}

/// Drops builds that were removed from the catalog, and superseded builds as long as another build with their file name
/// is there, or may be, because this run does not look at its package. The tombstones of others stay until they are added.
pub(super) fn drop_buried(
    scope: &Scope,
    builds: Vec<Build>,
    catalogs: &mut Catalogs,
) -> (Vec<Build>, Log) {
    let mut log = Log::default();
    let mut by_name: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for build in &builds {
        let identities = by_name.entry(&build.filename).or_default();
        identities.insert(build.identity());
    }
    let own = &mut catalogs.own;
    let mut returning = BTreeMap::new();
    for build in &builds {
        let stone = own.tombstones.get(build.identity());
        let is_superseded = stone.is_some_and(|stone| match &stone.reason {
            Reason::Removed => false,
            Reason::Superseded(by) => {
                let by = own.builds.get(by);
                by.is_none_or(|record| scope.covers(&record.build))
            }
        });
        if is_superseded && by_name[build.filename.as_str()].len() == 1 {
            returning.extend(own.tombstones.remove_entry(build.identity()));
        }
    }
    let (buried, builds): (Vec<Build>, Vec<Build>) = builds
        .into_iter()
        .partition(|build| catalogs.is_buried(build));
    catalogs.own.tombstones.extend(returning);
    let events = buried.into_iter().map(|build| Event::Buried(build.path));
    log.events.extend(events);
    (builds, log)
}
