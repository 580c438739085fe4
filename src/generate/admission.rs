//! Whether a new build may join its channel.
//!
//! In: builds that are new and what is published. Out: those that phones of the channel
//! can install; each of the others is a [`Fault`]. What is published already is
//! not judged again.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Event, Fault, Report};
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Catalog, Catalogs, Tombstone};
use crate::model::build::{Build, Device, Kind};
use crate::model::config::Config;
use crate::model::family::NEXT_DEVICE;
use crate::model::fault_kind::FaultKind;
use crate::model::names;

/// The builds of a channel that one more is compared with.
type Channel<'a> = Vec<Earlier<'a>>;

/// What is known of a build that phones may run.
#[derive(Clone, Copy, Debug)]
struct Earlier<'a> {
    standing: Standing,
    filename: &'a str,
    timestamp: i64,
    signer: Option<&'a String>,
    /// The build itself, unless it was removed.
    build: Option<&'a Build>,
}

/// What is offered tells what a channel is like; what is not, where nothing is offered:
/// phones run it all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Offered,
    Withheld,
    Removed,
}

impl<'a> Earlier<'a> {
    fn of(build: &'a Build, standing: Standing) -> Earlier<'a> {
        Earlier {
            standing,
            filename: &build.filename,
            timestamp: build.timestamp,
            signer: build.signer.as_ref(),
            build: Some(build),
        }
    }

    fn of_stone(stone: &'a Tombstone) -> Earlier<'a> {
        Earlier {
            standing: Standing::Removed,
            filename: &stone.filename,
            timestamp: stone.timestamp,
            signer: stone.signer.as_ref(),
            build: None,
        }
    }
}

/// The build before this one or, if it is the first, the one behind it.
fn neighbour<'a>(
    channel: &Channel<'a>,
    build: &Build,
    counts: impl Fn(&Earlier<'a>) -> bool,
) -> Option<Earlier<'a>> {
    let standing = channel
        .iter()
        .filter(|other| counts(other))
        .map(|o| o.standing);
    let standing = standing.min()?;
    let is_like = |other: &Earlier<'a>| counts(other) && other.standing == standing;
    let others = || channel.iter().copied().filter(is_like);
    let before = others().filter(|other| other.timestamp <= build.timestamp);
    let before = before.max_by_key(|other| other.timestamp);
    before.or_else(|| others().min_by_key(|other| other.timestamp))
}

/// What is known of all channels but for these builds.
fn lanes_without<'a>(
    builds: &[Build],
    catalogs: &'a Catalogs,
) -> BTreeMap<ChannelKey, Channel<'a>> {
    let moving: BTreeSet<&str> = builds.iter().map(Build::identity).collect();
    let mut channels: BTreeMap<ChannelKey, Channel<'a>> = BTreeMap::new();
    for catalog in catalogs.all() {
        for record in catalog.builds.values() {
            let build = &record.build;
            let standing = match record.is_offered() {
                true => Standing::Offered,
                false => Standing::Withheld,
            };
            if !moving.contains(build.identity()) {
                let channel = channels.entry(ChannelKey::from_build(build)).or_default();
                channel.push(Earlier::of(build, standing));
            }
        }
        for stone in catalog.tombstones.values() {
            let channel = ChannelKey::new(&stone.device, stone.variant.as_ref(), &stone.romtype);
            channels
                .entry(channel)
                .or_default()
                .push(Earlier::of_stone(stone));
        }
    }
    channels
}

/// The devices that have builds of their own, or had.
fn devices(catalogs: &Catalogs) -> BTreeSet<&Device> {
    catalogs.all().flat_map(Catalog::devices).collect()
}

/// Keeps builds out that phones of their channel would download and then refuse, or
/// install and not start with.
pub(super) fn admit(
    config: &Config,
    mut builds: Vec<Build>,
    catalogs: &Catalogs,
    report: &mut Report,
) -> Vec<Build> {
    if builds.is_empty() {
        return builds;
    }
    builds.sort_by(|a, b| (a.timestamp, &a.path).cmp(&(b.timestamp, &b.path)));
    let mut channels = lanes_without(&builds, catalogs);
    let mut devices = devices(catalogs);
    devices.extend(builds.iter().map(|build| &build.device));
    let mut judge = |build| {
        let channel = channels.entry(ChannelKey::from_build(build)).or_default();
        let objection = other_device(config, &devices, build, catalogs)
            .or_else(|| other_flavour(config, channel, build))
            .or_else(|| other_signer(config, channel, build));
        if objection.is_none() {
            channel.push(Earlier::of(build, Standing::Offered));
        }
        objection
    };
    let objections: Vec<Option<Objection>> = builds.iter().map(&mut judge).collect();
    let mut shared = SharedLists::new(catalogs);
    let mut admitted = Vec::new();
    for (build, objection) in builds.into_iter().zip(objections) {
        let Some(objection) = objection else {
            if let Some(text) = shared.warning(config, &build) {
                let path = "feeds".to_owned();
                report.events.push(Event::Warning { path, text });
            }
            admitted.push(build);
            continue;
        };
        report.faults.push(Fault {
            path: build.path,
            class: match objection {
                Objection::Signer { .. } => FaultKind::BadSignature,
                Objection::Device { .. } | Objection::Flavour { .. } => FaultKind::Conflict,
            },
            error: objection.into(),
        });
    }
    admitted.sort_by(|a, b| a.path.cmp(&b.path));
    admitted
}

/// Why a build may not join its channel, if it is not in it already.
#[must_use]
pub fn object(config: &Config, build: &Build, catalogs: &Catalogs) -> Option<Objection> {
    if catalogs.knows(build.identity()) {
        return None;
    }
    let mut channels = lanes_without(&[], catalogs);
    let channel = channels.entry(ChannelKey::from_build(build)).or_default();
    other_device(config, &devices(catalogs), build, catalogs)
        .or_else(|| other_flavour(config, channel, build))
        .or_else(|| other_signer(config, channel, build))
}

/// The flavours of what is published, for builds whose packages are elsewhere.
#[derive(Debug)]
pub struct Flavours<'a> {
    config: &'a Config,
    channels: BTreeMap<ChannelKey, Channel<'a>>,
}

impl<'a> Flavours<'a> {
    /// The flavours of all builds of the catalogs.
    #[must_use]
    pub fn new(config: &'a Config, catalogs: &'a Catalogs) -> Flavours<'a> {
        Flavours {
            config,
            channels: lanes_without(&[], catalogs),
        }
    }

    /// Why a build may not join its channel for its flavour.
    #[must_use]
    pub fn object(&self, build: &Build) -> Option<Objection> {
        other_flavour(
            self.config,
            self.channels.get(&ChannelKey::from_build(build))?,
            build,
        )
    }
}

/// The lists that builds of other devices are in by a property of theirs, before the device that
/// they are named after has builds of its own.
///
/// Such builds stay: phones that were sent to the list wait there. But phones of either device are
/// offered the builds of both from then on, so the first build of its own is warned of.
#[derive(Debug)]
pub struct SharedLists {
    /// A device with builds in each.
    lists: BTreeMap<ChannelKey, Device>,
}

impl SharedLists {
    /// The lists of these catalogs.
    #[must_use]
    pub fn new(catalogs: &Catalogs) -> SharedLists {
        let mut lists = BTreeMap::new();
        let mut own = BTreeSet::new();
        let mut note = |device: &Device, next: Option<&Device>, variant, romtype| {
            let Some(next) = next.filter(|next| *next != device) else {
                return;
            };
            let channel = ChannelKey::new(next, variant, romtype);
            lists.insert(channel, device.clone());
        };
        for catalog in catalogs.all() {
            for build in catalog.builds.values().map(|record| &record.build) {
                let (next, variant) = (build.next_device.as_ref(), build.variant.as_ref());
                note(&build.device, next, variant, &build.romtype);
            }
            for stone in catalog.tombstones.values() {
                let (next, variant) = (stone.next_device.as_ref(), stone.variant.as_ref());
                note(&stone.device, next, variant, &stone.romtype);
            }
        }
        if !lists.is_empty() {
            for catalog in catalogs.all() {
                let builds = catalog.builds.values();
                own.extend(builds.map(|record| ChannelKey::from_build(&record.build)));
                let stones = catalog.tombstones.values();
                own.extend(
                    stones.map(|s| ChannelKey::new(&s.device, s.variant.as_ref(), &s.romtype)),
                );
            }
        }
        lists.retain(|channel, _| !own.contains(channel));
        SharedLists { lists }
    }

    /// Returns a warning if a build is the first of its device in one of these lists, and the
    /// settings do not say that it belongs there. Each list is warned of once.
    pub fn warning(&mut self, config: &Config, build: &Build) -> Option<String> {
        let other = self.lists.remove(&ChannelKey::from_build(build))?;
        let name = &build.device;
        let filename = build.filename.escape_debug();
        (!config.same_lane(name.as_str())).then(|| {
            format!(
                "{filename} is the first build of {name} in a list that has builds of {other}, by their \
                 {NEXT_DEVICE}: phones of {name} and {other} are offered the builds of both; if \
                 {name} is the new name of {other}, say so by same_lane = true under \
                 [device.{name}] in romfeed.toml, and otherwise hold it back with `romfeed catalog \
                 yank {filename} --reason wrong-list`"
            )
        })
    }
}

/// Why a build may not join its channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// A property of its puts it into the lists of another device's phones.
    #[error(
        "its {NEXT_DEVICE} is `{name}`, and {name} has builds of its own: phones that ask for {name} \
         would be offered this one"
    )]
    Device {
        /// The name.
        name: Device,
    },
    /// Its name tells of another flavour.
    #[error(
        "its name differs from that of {} in more than date and version ({}), so it may be \
         another variant, which phones of the first could fail to start with",
        .other.escape_debug(), .difference.escape_debug()
    )]
    Flavour {
        /// The build before it.
        other: String,
        /// What one name has and the other has not.
        difference: String,
    },
    /// It is signed with another key, or not at all.
    #[error("it is {}, and {} before it by {expected}, so phones would refuse it",
        .found.as_ref().map_or("not signed".to_owned(), |signer| format!("signed by {signer}")),
        .other.escape_debug())]
    Signer {
        /// The build before it.
        other: String,
        /// Fingerprint of its signer.
        expected: String,
        /// Fingerprint of this build's signer.
        found: Option<String>,
    },
}

/// A property may give a build a name that no other has; or one whose lists builds of its device
/// are in already, since phones wait there.
fn other_device(
    config: &Config,
    devices: &BTreeSet<&Device>,
    build: &Build,
    catalogs: &Catalogs,
) -> Option<Objection> {
    let name = build.next_device.as_ref()?;
    let is_other = *name != build.device && devices.contains(name);
    if !is_other || config.same_lane(name.as_str()) {
        return None;
    }
    let is_same =
        |device: &Device, next: Option<&Device>| *device == build.device && next == Some(name);
    let is_published = catalogs.all().any(|catalog| {
        let mut builds = catalog.builds.values().map(|record| &record.build);
        let mut stones = catalog.tombstones.values();
        builds.any(|build| is_same(&build.device, build.next_device.as_ref()))
            || stones.any(|stone| is_same(&stone.device, stone.next_device.as_ref()))
    });
    (!is_published).then(|| Objection::Device { name: name.clone() })
}

fn other_flavour(config: &Config, channel: &Channel<'_>, build: &Build) -> Option<Objection> {
    let is_full = |other: &Earlier<'_>| other.build.is_some_and(|b| b.kind == Kind::Full);
    let other = neighbour(channel, build, is_full)?.build?;
    if build.kind != Kind::Full || config.same_lane(build.device.as_str()) {
        return None;
    }
    let words = |build: &Build| {
        let known = [Some(&build.version), build.incremental.as_ref()];
        names::words(
            &build.filename,
            &known.into_iter().flatten().collect::<Vec<_>>(),
        )
    };
    // The address of a package may lead through a folder of its flavour.
    let folder = |build: &Build| names::flavour_of_path(build.url.as_deref()?);
    let (mut ours, mut theirs) = (words(build), words(other));
    if let (Some(our_folder), Some(their_folder)) = (folder(build), folder(other)) {
        ours.insert(our_folder.to_owned());
        theirs.insert(their_folder.to_owned());
    }
    let difference: Vec<String> = ours
        .symmetric_difference(&theirs)
        .map(|word| format!("`{word}`"))
        .collect();
    (!difference.is_empty()).then(|| Objection::Flavour {
        other: other.filename.clone(),
        difference: difference.join(", "),
    })
}

fn other_signer(config: &Config, channel: &Channel<'_>, build: &Build) -> Option<Objection> {
    let other = neighbour(channel, build, |other| other.signer.is_some())?;
    let expected = other.signer?;
    let is_accepted = config.accept_new_signer.iter().any(|accepted| {
        let is_signer = |signer: &String| signer.starts_with(accepted.as_str());
        build.signer.as_ref().is_some_and(is_signer) || build.filename == *accepted
    });
    if build.signer.as_ref() == Some(expected) || is_accepted {
        return None;
    }
    Some(Objection::Signer {
        other: other.filename.to_owned(),
        expected: expected.clone(),
        found: build.signer.clone(),
    })
}
