//! Merges scanned builds into the catalog.
//!
//! In: scanned builds with their digests, and the catalogs. Out: the catalog with builds added,
//! updated, moved, superseded and retired, with an [`Event`] for each, and a [`Fault`] for each
//! build that is left out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::found::Found;
use super::inputs::Inputs;
use super::name_taken::NameTaken;
use super::recognise::{recognise_corrected, recognise_imported};
use super::report::{Cause, Event, Fault, Log};
use super::{admission, duplicates, offered};
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Catalog, Catalogs, Reason, Record};
use crate::ingest;
use crate::ingest::scan::Scan;
use crate::model::build::{Build, Device, Origin, Variant};
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;

/// Merges the scanned builds into the catalog. `earlier` has the faults of the run so far: a package
/// that could not be read is not missing.
pub(super) fn reconcile(
    config: &Config,
    inputs: &Inputs<'_>,
    found: Found,
    catalogs: &mut Catalogs,
    earlier: &[Fault],
) -> Log {
    let mut log = Log::default();
    let Found {
        builds,
        gone,
        changed,
    } = found;
    let read: BTreeSet<String> = builds.iter().map(|build| build.path.clone()).collect();
    let replaced = origins(&builds);
    let builds = log.take(duplicates::drop_buried(&config.scope, builds, catalogs));
    for build in &builds {
        recognise_imported(build, &mut catalogs.own);
        let corrected = recognise_corrected(build, &mut catalogs.own);
        log.events.extend(corrected);
    }
    let builds = log.take(duplicates::drop_copies(config, builds, &catalogs.own));
    let builds = log.take(duplicates::drop_same_bytes(
        inputs.scan,
        builds,
        &catalogs.own,
    ));
    let builds = log.take(duplicates::drop_same_names(builds, catalogs));
    let mut merge = Merge {
        config,
        scan: inputs.scan,
        gone,
        changed,
        replaced,
        seen: identities(&builds),
        catalogs,
        log,
    };
    let builds = merge.keep_variants(builds);
    // Known builds first, so that new builds are compared with them in their current channel.
    let (known, new): (Vec<Build>, Vec<Build>) = builds
        .into_iter()
        .partition(|build| merge.catalogs.knows(build.identity()));
    let (moving, staying): (Vec<Build>, Vec<Build>) = known.into_iter().partition(|build| {
        let record = merge.catalogs.own.builds.get(build.identity());
        record.is_some_and(|record| {
            ChannelKey::from_build(&record.build) != ChannelKey::from_build(build)
        })
    });
    merge.add_all(staying);
    merge.sort_into_variants();
    merge.admit(moving);
    merge.admit(new);
    merge.retire_gone();
    merge.retire_vanished(earlier, &read);
    merge.remember_aliases();
    merge.log
}

/// A merge of scanned builds into the catalog.
struct Merge<'a> {
    config: &'a Config,
    scan: &'a Scan,
    /// Identities of builds whose packages are gone from their sources.
    gone: BTreeSet<String>,
    /// Identities of builds that other processes have changed meanwhile.
    changed: BTreeSet<String>,
    /// Source and path of the packages of sources that were read or are unchanged.
    replaced: BTreeSet<(String, String)>,
    /// Identities of the builds that were found.
    seen: BTreeSet<String>,
    catalogs: &'a mut Catalogs,
    log: Log,
}

impl Merge<'_> {
    /// Adds those builds that may join their channel.
    fn admit(&mut self, builds: Vec<Build>) {
        let builds = self.keep_portable(builds);
        let admitted = admission::admit(self.config, builds, self.catalogs);
        let builds = self.log.take(admitted);
        self.add_all(builds);
    }

    /// Adds scanned builds to the catalog.
    fn add_all(&mut self, builds: Vec<Build>) {
        self.bury_superseded(&builds);
        for build in builds {
            if let Some(other) = self.owner_of_name(&build) {
                let taken = NameTaken::new(&build, other);
                self.log.faults.push(taken.into());
                continue;
            }
            self.add(build);
        }
    }

    /// Keeps a build in its variant if the settings give it none, unless that variant is defined by the
    /// settings.
    fn keep_variants(&mut self, mut builds: Vec<Build>) -> Vec<Build> {
        let config = self.config;
        let is_set =
            |variant: &Variant| config.variants.iter().any(|rule| rule.variant == *variant);
        for build in builds.iter_mut().filter(|build| build.variant.is_none()) {
            let known = self.catalogs.own.builds.get(build.identity());
            let variant = known.and_then(|record| record.build.variant.clone());
            build.variant = variant.filter(|variant| !is_set(variant));
            if let Some(variant) = &build.variant {
                let text = format!(
                    "it stays in variant `{variant}`, which no [[variant]] names; `romfeed catalog \
                     remove` and `catalog add --zip` put it where its facts say"
                );
                self.log.warn(&build.path, text);
            }
        }
        builds
    }

    /// Rejects builds whose pages could not be files on every system; published builds are not checked.
    fn keep_portable(&mut self, builds: Vec<Build>) -> Vec<Build> {
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
            self.log.faults.push(Fault {
                path: build.path.clone(),
                kind: FaultKind::Unsupported,
                error: error.into(),
            });
            false
        };
        builds.into_iter().filter(is_portable).collect()
    }

    /// Moves builds whose packages are not here into the variants that the settings' patterns give
    /// them; their properties are no longer known.
    fn sort_into_variants(&mut self) {
        let mut others = Vec::new();
        for (identity, record) in &self.catalogs.own.builds {
            let variant = self.config.variant_by_path(&record.build.path);
            let is_other = variant.is_some()
                && record.build.variant.as_ref() != variant
                && self.config.scope.covers(&record.build);
            if !self.seen.contains(identity) && is_other {
                others.push((identity.to_owned(), variant.cloned()));
            }
        }
        for (identity, variant) in others {
            if let Some(record) = self.catalogs.own.builds.get_mut(&identity) {
                let mut build = record.build.clone();
                build.variant = variant;
                self.log.events.push(update(record, build));
            }
        }
    }

    /// Retires builds whose packages are gone from their sources, or have other contents there.
    fn retire_gone(&mut self) {
        let mut retired = Vec::new();
        for (identity, record) in &self.catalogs.own.builds {
            let Some(origin) = &record.build.origin else {
                continue;
            };
            let place = (origin.source.clone(), origin.path.clone());
            let cause = match () {
                () if self.gone.contains(identity) => Cause::Gone,
                () if self.replaced.contains(&place) => Cause::Replaced,
                () => continue,
            };
            let is_known = self.seen.contains(identity) || self.changed.contains(identity);
            if record.is_offered() && !is_known {
                retired.push((identity.to_owned(), cause));
            }
        }
        for (identity, cause) in retired {
            if let Some(record) = self.catalogs.own.builds.get_mut(&identity) {
                record.retired = true;
                self.log.events.push(Event::Retired {
                    path: record.build.path.clone(),
                    cause,
                    offered_by: None,
                });
            }
        }
    }

    /// Retires builds that the site itself should serve, but that are missing from the folder or have
    /// other bytes there. `read` are the paths whose bytes are known.
    fn retire_vanished(&mut self, earlier: &[Fault], read: &BTreeSet<String>) {
        let (config, scan) = (self.config, self.scan);
        let is_behind_link = |build: &Build| {
            let behind = |link: &String| build.path.strip_prefix(&**link);
            scan.links
                .iter()
                .filter_map(behind)
                .any(|rest| rest.starts_with('/'))
        };
        if !shows_missing(scan) {
            return;
        }
        let mut unread = unread_paths(earlier.iter().chain(&self.log.faults));
        unread.retain(|path| !read.contains(path));
        // What became of a zip that is still there, the run for the site finds out.
        let there = scan.packages.iter().filter(|_| config.catalog_only);
        let there: HashSet<&str> = there.map(|found| found.path.as_str()).collect();
        let is_left_alone =
            |build: &Build| !config.scope.covers(build) || there.contains(build.path.as_str());
        let is_vanished = |(identity, record): &(&str, &Record)| {
            let is_here = self.seen.contains(*identity)
                || self.changed.contains(*identity)
                || unread.contains(&record.build.path);
            let is_of_source = record.build.origin.is_some();
            let build = &record.build;
            let is_own = !is_of_source && !is_behind_link(build) && !is_left_alone(build);
            !is_here && is_own && record.is_offered()
        };
        let own = self.catalogs.own.builds.iter();
        let vanished: Vec<String> = own
            .filter(is_vanished)
            .map(|(identity, _)| identity.to_owned())
            .collect();
        for identity in vanished {
            let offered_by = self.catalogs.other_offering(&identity).map(str::to_owned);
            let own = &mut self.catalogs.own.builds;
            let Some(build) = own.get(&identity).map(|record| &record.build) else {
                continue;
            };
            let path = build.path.clone();
            // Most are elsewhere, and their records stay shared.
            if offered::is_served_by_site(config, build) {
                if let Some(record) = own.get_mut(&identity) {
                    record.retired = true;
                }
                let mut faults = earlier.iter().chain(&self.log.faults);
                let fault = faults.find(|fault| fault.path == path);
                self.log.events.push(Event::Retired {
                    cause: find_cause(config, scan, fault, &path),
                    path,
                    offered_by,
                });
            } else {
                self.log.events.push(Event::Remote(path));
            }
        }
    }

    /// Buries builds whose file name another package has taken, unless they are still in the folder
    /// under another name.
    fn bury_superseded(&mut self, builds: &[Build]) {
        let names: HashSet<&str> = builds.iter().map(|build| build.filename.as_str()).collect();
        let known: BTreeMap<String, Build> = self
            .catalogs
            .own
            .builds
            .values()
            .filter(|record| names.contains(record.build.filename.as_str()))
            .map(|record| (record.build.filename.clone(), record.build.clone()))
            .collect();
        for build in builds {
            let is_rebuilt = |old: &Build| {
                let is_here = old.identity() == build.identity()
                    || self.seen.contains(old.identity())
                    || self.changed.contains(old.identity())
                    || !self.config.scope.covers(old);
                !is_here && old.device == build.device
            };
            let Some(old) = known.get(&build.filename).filter(|old| is_rebuilt(old)) else {
                continue;
            };
            let reason = Reason::Superseded(build.identity().to_owned());
            self.catalogs.own.bury(old.identity(), reason);
            self.log.events.push(Event::Superseded(build.path.clone()));
        }
    }

    /// Returns the build that has the file name already: of another device or, if this run must not replace it, of the same.
    /// Others of the same device were buried, and one that is still in the folder will get its current name.
    fn owner_of_name(&self, build: &Build) -> Option<&Build> {
        let own = self.catalogs.own.find_filename(&build.filename);
        let owner = own.map(|record| &record.build);
        owner.filter(|owner| {
            owner.identity() != build.identity() && !self.seen.contains(owner.identity())
        })
    }

    /// Offers a build again, whose package was found at this path, and updates its facts.
    fn change(&mut self, identity: &str, path: String, build: Build) {
        let Some(record) = self.catalogs.own.builds.get_mut(identity) else {
            return;
        };
        if std::mem::take(&mut record.retired) {
            self.log.events.push(Event::Returned(path));
        }
        if record.build != build {
            self.log.events.push(update(record, build));
        }
    }

    /// Adds one scanned build to the catalog, or updates it there.
    fn add(&mut self, mut build: Build) {
        let path = build.path.clone();
        // As another process has left it; the next run looks at its package.
        if self.changed.contains(build.identity()) {
            return;
        }
        let identity = build.identity().to_owned();
        if let Some(record) = self.catalogs.own.builds.get(&identity) {
            // Facts that are not in the package stay.
            keep_place(record, &mut build);
            build.id.clone_from(&record.build.id);
            // Not every source states it.
            build.md5 = build.md5.or_else(|| record.build.md5.clone());
            build.family = build.family.or_else(|| record.build.family.clone());
            // Most are as they were, and stay shared.
            if record.retired || record.build != build {
                self.change(&identity, path, build);
            }
            return;
        }
        if self.catalogs.others_offer(build.identity()) {
            return;
        }
        if self.catalogs.find_in_others(&build.filename).is_some() {
            let message = "another catalog has a different package of this name";
            self.log.fault(&path, FaultKind::Conflict, message);
            return;
        }
        let is_rebuild = self.log.events.contains(&Event::Superseded(path.clone()));
        if !is_rebuild {
            self.log.events.push(Event::Added(path));
        }
        let mut record = Record::new(build);
        let own = &mut self.catalogs.own;
        // A superseded build that is back: phones that run it know its former channels and its `id`.
        if let Some(stone) = own.tombstones.remove(&identity) {
            record.keep_former(&stone);
            record.build.id = stone.id;
        }
        own.builds.insert(identity, record);
    }

    /// Stores the aliases under which builds are published from now on, and drops those that the
    /// settings no longer have.
    fn remember_aliases(&mut self) {
        let (config, catalogs) = (self.config, &mut *self.catalogs);
        let devices: BTreeSet<&Device> = catalogs.all().flat_map(Catalog::devices).collect();
        let others: Vec<&Catalog> = catalogs.others().collect();
        let mut known = offered::published_aliases(config, &catalogs.own, &devices, &others);
        // A run for some devices or sources leaves the aliases of other devices as they are.
        let builds = catalogs.own.builds.values().map(|record| &record.build);
        let covered = builds.filter(|build| config.scope.covers(build));
        let covered: BTreeSet<&Device> = covered.map(|build| &build.device).collect();
        let is_other = |device: &Device| !config.scope.is_all() && !covered.contains(device);
        known.retain(|device, _| !is_other(device));
        let others = catalogs.own.aliases.iter();
        let others = others.filter(|(device, _)| is_other(device));
        known.extend(others.map(|(device, aliases)| (device.clone(), aliases.clone())));
        catalogs.own.aliases = known;
    }
}

/// Whether zips that a scan did not find are missing. Without any zip, or with a part of the folder unreadable, it says
/// nothing of others: the disk may not be mounted, or another machine has the zips.
pub(super) fn shows_missing(scan: &Scan) -> bool {
    let hides = scan.faults.iter().any(|fault| fault.hides_packages);
    !scan.packages.is_empty() && !hides
}

/// Finds out what happened to the zip of a build that is no longer among the scanned builds.
fn find_cause(config: &Config, scan: &Scan, fault: Option<&Fault>, path: &str) -> Cause {
    let is_scanned = || scan.packages.iter().any(|found| found.path == path);
    match fault {
        Some(fault) if fault.kind == FaultKind::HashMismatch => Cause::HashMismatch,
        Some(_) => Cause::Faulty,
        None if is_scanned() => Cause::Replaced,
        None if config.builds.join(path).exists() => Cause::Excluded,
        None => Cause::Gone,
    }
}

/// Returns the paths of packages that could not be judged, so that they may be unchanged.
fn unread_paths<'a>(faults: impl Iterator<Item = &'a Fault>) -> BTreeSet<String> {
    // A file that could not be read may be unchanged; a damaged file is not.
    let is_damage = |kind| {
        use FaultKind::{Corrupt, HashMismatch, NotARom, NotAZip, Truncated};
        matches!(kind, NotAZip | Truncated | Corrupt | NotARom | HashMismatch)
    };
    faults
        .filter(|fault| {
            // A clock that was set back says nothing about the package.
            let is_clock = matches!(fault.error.downcast_ref(), Some(ingest::Error::Future(_)));
            is_clock || !is_damage(fault.kind)
        })
        .map(|fault| fault.path.clone())
        .collect()
}

fn identities(builds: &[Build]) -> BTreeSet<String> {
    builds
        .iter()
        .map(|build| build.identity().to_owned())
        .collect()
}

/// Keeps the address of a published build. A build whose package is now at another place of a source gets the
/// address of that place, unless it is offered from elsewhere.
fn keep_place(record: &Record, build: &mut Build) {
    let known = &record.build;
    let is_same =
        |one: &Origin, other: &Origin| one.source == other.source && one.path == other.path;
    let keeps_all = match (&known.origin, &build.origin) {
        (None, Some(_)) => record.is_offered() && known.url != build.url,
        (Some(_), None) => true,
        _ => false,
    };
    let is_moved = match (&known.origin, &build.origin) {
        (Some(one), Some(other)) => !is_same(one, other) && known.url != build.url,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if keeps_all {
        build.origin.clone_from(&known.origin);
        build.path.clone_from(&known.path);
        build.filename.clone_from(&known.filename);
    }
    if keeps_all || !is_moved {
        build.url.clone_from(&known.url);
    }
    if let Some((one, other)) = known.origin.as_ref().zip(build.origin.as_mut()) {
        other.is_hashed |= one.is_hashed;
    }
}

/// Returns source and path of all packages of sources.
fn origins(builds: &[Build]) -> BTreeSet<(String, String)> {
    let origins = builds.iter().filter_map(|build| build.origin.as_ref());
    origins
        .map(|origin| (origin.source.clone(), origin.path.clone()))
        .collect()
}

/// Updates the record of a build in the catalog.
fn update(record: &mut Record, build: Build) -> Event {
    let path = build.path.clone();
    let channel = ChannelKey::from_build(&build);
    let event = match ChannelKey::from_build(&record.build) == channel {
        true => Event::Updated {
            path,
            what: record.build.differences(&build),
        },
        false => Event::Moved {
            path,
            to: channel.to_string(),
        },
    };
    record.update(build);
    event
}
