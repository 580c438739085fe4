//! Scanned builds meet the catalog: new, known, superseded, gone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::admission;
use super::report::{Event, Fault, Report};
use crate::catalog::channels::{self, ChannelKey};
use crate::catalog::{Catalog, Catalogs, Reason, Record};
use crate::ingest;
use crate::ingest::scan::Scan;
use crate::model::build::{Build, Device, Variant};
use crate::model::config::{AddressSource, Config};
use crate::model::fault_kind::FaultKind;
use crate::model::names;

/// Brings the scanned builds and the catalog together.
pub(super) fn reconcile(
    config: &Config,
    scan: &Scan,
    builds: Vec<Build>,
    catalogs: &mut Catalogs,
    report: &mut Report,
) {
    let builds = drop_buried(builds, catalogs, report);
    for build in &builds {
        recognise_imported(build, &mut catalogs.own);
    }
    let builds = drop_same_bytes(scan, builds, &catalogs.own, report);
    let builds = drop_same_names(builds, catalogs, report);
    let seen: BTreeSet<String> = identities(&builds);
    let builds = keep_variants(config, builds, &catalogs.own, report);
    // What is known first, so that new builds meet it where it belongs by now.
    let (known, new): (Vec<Build>, Vec<Build>) = builds
        .into_iter()
        .partition(|build| catalogs.knows(build.identity()));
    let (moving, staying): (Vec<Build>, Vec<Build>) = known.into_iter().partition(|build| {
        let record = catalogs.own.builds.get(build.identity());
        record.is_some_and(|record| {
            ChannelKey::from_build(&record.build) != ChannelKey::from_build(build)
        })
    });
    take_up_all(staying, &seen, catalogs, report);
    sort_into_variants(config, &seen, catalogs, report);
    let moving = keep_portable(moving, report);
    let moving = admission::admit(config, moving, catalogs, report);
    take_up_all(moving, &seen, catalogs, report);
    let new = keep_portable(new, report);
    let new = admission::admit(config, new, catalogs, report);
    take_up_all(new, &seen, catalogs, report);
    retire_vanished(config, scan, &seen, catalogs, report);
    remember_aliases(config, catalogs);
}

/// Remembers the aliases under which builds are published from now on, and forgets those that the
/// settings no longer have.
fn remember_aliases(config: &Config, catalogs: &mut Catalogs) {
    let mut known: BTreeMap<Device, BTreeSet<Device>> = BTreeMap::new();
    let devices: BTreeSet<&Device> = catalogs.all().flat_map(Catalog::devices).collect();
    let has_settings = devices.iter().filter_map(|device| {
        let settings = config.devices.get(device.as_str())?;
        Some((*device, &settings.aliases))
    });
    for (device, aliases) in has_settings {
        let is_published = |alias: &&Device| {
            let pair = [device, *alias];
            catalogs
                .all()
                .any(|catalog| catalog.has_alias(device, alias))
                || !channels::is_withheld(config, &catalogs.own, &devices, pair)
        };
        let published: BTreeSet<Device> = aliases.iter().filter(is_published).cloned().collect();
        if !published.is_empty() {
            known.insert(device.clone(), published);
        }
    }
    catalogs.own.aliases = known;
}

/// Refuses builds whose pages could not be files on every system; those that are published stay.
fn keep_portable(builds: Vec<Build>, report: &mut Report) -> Vec<Build> {
    let is_portable = |build: &Build| {
        let Some((what, value, reason)) = build.unportable() else {
            return true;
        };
        let value = value.to_owned();
        let error = match what {
            "file name" => ingest::Error::BadName {
                what,
                value,
                reason,
            },
            _ => ingest::Error::BadFact {
                what,
                value,
                reason,
            },
        };
        report.faults.push(Fault {
            path: build.path.clone(),
            class: FaultKind::Unsupported,
            error: error.into(),
        });
        false
    };
    builds.into_iter().filter(is_portable).collect()
}

/// Builds that were removed once are not taken up again, and neither are those
/// that were superseded, as long as what took their name is there.
fn drop_buried(builds: Vec<Build>, catalogs: &mut Catalogs, report: &mut Report) -> Vec<Build> {
    let seen = identities(&builds);
    let own = &mut catalogs.own;
    for build in &builds {
        let stone = own.tombstones.get(build.identity());
        if let Some(Reason::Superseded(by)) = stone.map(|stone| &stone.reason)
            && !seen.contains(by)
        {
            own.tombstones.remove(build.identity());
        }
    }
    let (buried, builds): (Vec<Build>, Vec<Build>) = builds
        .into_iter()
        .partition(|build| catalogs.is_buried(build));
    let events = buried.into_iter().map(|build| Event::Buried(build.path));
    report.events.extend(events);
    builds
}

/// Puts scanned builds into the catalog that is kept.
fn take_up_all(
    builds: Vec<Build>,
    seen: &BTreeSet<String>,
    catalogs: &mut Catalogs,
    report: &mut Report,
) {
    bury_superseded(&builds, seen, catalogs, report);
    for build in builds {
        if is_name_taken(&build, catalogs, seen) {
            let message = "a published build of another device has this file name".to_owned();
            report
                .faults
                .push(Fault::message(&build.path, FaultKind::Conflict, message));
            continue;
        }
        take_up(build, catalogs, report);
    }
}

/// What the settings put into no variant stays in the one it has, unless that is one
/// of theirs.
fn keep_variants(
    config: &Config,
    mut builds: Vec<Build>,
    own: &Catalog,
    report: &mut Report,
) -> Vec<Build> {
    let is_set = |variant: &Variant| config.variants.iter().any(|rule| rule.variant == *variant);
    for build in builds.iter_mut().filter(|build| build.variant.is_none()) {
        let known = own.builds.get(build.identity());
        let variant = known.and_then(|record| record.build.variant.clone());
        build.variant = variant.filter(|variant| !is_set(variant));
        if let Some(variant) = &build.variant {
            let text = format!(
                "it stays in variant `{variant}`, which no [[variant]] names; `romfeed catalog \
                 remove` and `catalog add --zip` put it where its facts say"
            );
            let path = build.path.clone();
            report.events.push(Event::Warning { path, text });
        }
    }
    builds
}

fn identities(builds: &[Build]) -> BTreeSet<String> {
    builds
        .iter()
        .map(|build| build.identity().to_owned())
        .collect()
}

/// Gives a build that was imported without a SHA-256 the one of its package.
pub(super) fn recognise_imported(build: &Build, own: &mut Catalog) {
    let is_it = |known: &Build| {
        known.sha256.is_none()
            && known.filename == build.filename
            && known.device == build.device
            && known.size == build.size
            && (known.md5.is_none() || known.md5 == build.md5)
    };
    let Some(record) = own
        .find_filename(&build.filename)
        .filter(|r| is_it(&r.build))
    else {
        return;
    };
    let id = record.build.identity().to_owned();
    if let Some(mut record) = own.builds.remove(&id) {
        record.build.sha256.clone_from(&build.sha256);
        own.builds.insert(build.identity().to_owned(), record);
    }
}

/// Builds whose packages are elsewhere go where the patterns of the settings put
/// them; their properties are not known any more.
fn sort_into_variants(
    config: &Config,
    seen: &BTreeSet<String>,
    catalogs: &mut Catalogs,
    report: &mut Report,
) {
    for (identity, record) in &mut catalogs.own.builds {
        let variant = config.variant_by_path(&record.build.path);
        let is_other = variant.is_some() && record.build.variant.as_ref() != variant;
        if !seen.contains(identity) && is_other {
            let mut build = record.build.clone();
            build.variant = variant.cloned();
            update(record, build, report);
        }
    }
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
    let is_behind_link = |build: &Build| {
        let behind = |link: &String| build.path.strip_prefix(&**link);
        scan.links
            .iter()
            .filter_map(behind)
            .any(|rest| rest.starts_with('/'))
    };
    if scan.packages.is_empty() || scan.faults.iter().any(|fault| fault.hides_packages) {
        return;
    }
    // What could not be judged may still be what it was; a damaged file is not.
    let is_damage = |class| {
        use FaultKind::{Corrupt, HashMismatch, NotARom, NotAZip, Truncated};
        matches!(
            class,
            NotAZip | Truncated | Corrupt | NotARom | HashMismatch
        )
    };
    let unread: BTreeSet<String> = report
        .faults
        .iter()
        .filter(|fault| {
            // A clock that fell back says nothing of the package.
            let is_clock = matches!(fault.error.downcast_ref(), Some(ingest::Error::Future(_)));
            is_clock || !is_damage(fault.class) && !fault.error.is::<admission::Objection>()
        })
        .map(|fault| fault.path.clone())
        .collect();
    for record in catalogs.own.builds.values_mut() {
        let build = &record.build;
        let is_here = seen.contains(build.identity()) || unread.contains(&build.path);
        if is_here || !record.is_offered() || is_behind_link(build) {
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

/// Of several names of the same bytes one stays: the one already published, then one
/// that tells its device, since a copy as `latest.zip` looks like another flavour; a
/// file before a link to it; then the first.
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
    let mut by_identity: BTreeMap<String, Vec<Build>> = BTreeMap::new();
    for build in builds {
        let same = by_identity.entry(build.identity().to_owned()).or_default();
        same.push(build);
    }
    let mut kept = Vec::new();
    for (identity, mut same) in by_identity {
        let published = own.builds.get(&identity).map(|record| &record.build.path);
        same.sort_by_key(|build| {
            let is_link = links.contains(build.path.as_str());
            (
                Some(&build.path) != published,
                !tells_device(&build.filename, &build.device),
                is_link,
                build.path.clone(),
            )
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

fn tells_device(filename: &str, device: &Device) -> bool {
    let device = device.as_str();
    let named = names::parse(filename, &[device.to_owned()]).and_then(|facts| facts.device);
    named.as_deref() == Some(device)
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
        let record = catalogs.own.builds.get(build.identity());
        record.is_some_and(|record| record.build.filename == build.filename)
            || catalogs.others_offer(build.identity())
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
                .push(Fault::message(&build.path, FaultKind::Conflict, message));
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
    let names: HashSet<&str> = builds.iter().map(|build| build.filename.as_str()).collect();
    let known: BTreeMap<String, Build> = catalogs
        .own
        .builds
        .values()
        .filter(|record| names.contains(record.build.filename.as_str()))
        .map(|record| (record.build.filename.clone(), record.build.clone()))
        .collect();
    for build in builds {
        let is_rebuilt = |old: &Build| {
            let is_here = old.identity() == build.identity() || seen.contains(old.identity());
            !is_here && old.device == build.device
        };
        let Some(old) = known.get(&build.filename).filter(|old| is_rebuilt(old)) else {
            continue;
        };
        let reason = Reason::Superseded(build.identity().to_owned());
        catalogs.own.bury(old.identity(), reason);
        report.events.push(Event::Superseded(build.path.clone()));
    }
}

/// Whether a build of another device holds the file name. Those of the same
/// device were buried, and what is still in the folder gets its own name.
fn is_name_taken(build: &Build, catalogs: &Catalogs, seen: &BTreeSet<String>) -> bool {
    let own = catalogs.own.find_filename(&build.filename);
    own.is_some_and(|record| {
        let known = record.build.identity();
        known != build.identity() && !seen.contains(known)
    })
}

fn update(record: &mut Record, build: Build, report: &mut Report) {
    let path = build.path.clone();
    let channel = ChannelKey::from_build(&build);
    report
        .events
        .push(match ChannelKey::from_build(&record.build) == channel {
            true => Event::Updated(path),
            false => Event::Moved {
                path,
                to: channel.to_string(),
            },
        });
    record.update(build);
}

/// Puts one scanned build into the catalog that is kept.
fn take_up(mut build: Build, catalogs: &mut Catalogs, report: &mut Report) {
    let path = build.path.clone();
    if let Some(record) = catalogs.own.builds.get_mut(build.identity()) {
        // What the package cannot tell is kept.
        build.url.clone_from(&record.build.url);
        build.id.clone_from(&record.build.id);
        build.family = build.family.or_else(|| record.build.family.clone());
        if std::mem::take(&mut record.retired) {
            report.events.push(Event::Returned(path.clone()));
        }
        if record.build != build {
            update(record, build, report);
        }
        return;
    }
    if catalogs.others_offer(build.identity()) {
        return;
    }
    if catalogs.find_in_others(&build.filename).is_some() {
        let message = "another catalog has a different package of this name".to_owned();
        report
            .faults
            .push(Fault::message(&path, FaultKind::Conflict, message));
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
        .insert(record.build.identity().to_owned(), record);
}
