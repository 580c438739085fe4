//! Decides whether a new build may join its channel.
//!
//! In: new builds and the published ones. Out: the builds that phones of the channel can
//! install; each of the others is a [`Fault`]. Builds that are already published are not
//! checked again.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{FEEDS, Fault, Log};
use super::shared_lists::SharedLists;
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Catalog, Catalogs, Tombstone};
use crate::model::build::{Build, Device, Kind, Variant};
use crate::model::config::Config;
use crate::model::family::NEXT_DEVICE;
use crate::model::fault_kind::FaultKind;
use crate::model::names;
use crate::model::variant_words::variant_words;

/// The builds of a channel that a new build is compared with.
type Channel<'a> = Vec<PriorBuild<'a>>;

/// A build that phones may run, as far as it is known.
#[derive(Clone, Copy, Debug)]
struct PriorBuild<'a> {
    standing: Standing,
    filename: &'a str,
    timestamp: i64,
    signer: Option<&'a String>,
    /// The build itself, unless it was removed.
    build: Option<&'a Build>,
}

/// How available a build is. A new build is compared with offered builds; with the others only where
/// nothing is offered, since phones may still run them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Offered,
    Withheld,
    Removed,
}

impl<'a> PriorBuild<'a> {
    fn new(build: &'a Build, standing: Standing) -> PriorBuild<'a> {
        PriorBuild {
            standing,
            filename: &build.filename,
            timestamp: build.timestamp,
            signer: build.signer.as_ref(),
            build: Some(build),
        }
    }

    fn from_tombstone(stone: &'a Tombstone) -> PriorBuild<'a> {
        PriorBuild {
            standing: Standing::Removed,
            filename: &stone.filename,
            timestamp: stone.timestamp,
            signer: stone.signer.as_ref(),
            build: None,
        }
    }
}

/// Returns the latest build of a channel that is not newer than `build`, or else the oldest one.
fn neighbour<'a>(
    channel: &Channel<'a>,
    build: &Build,
    counts: impl Fn(&PriorBuild<'a>) -> bool,
) -> Option<PriorBuild<'a>> {
    let standing = channel
        .iter()
        .filter(|other| counts(other))
        .map(|o| o.standing);
    let standing = standing.min()?;
    let is_like = |other: &PriorBuild<'a>| counts(other) && other.standing == standing;
    let others = || channel.iter().copied().filter(is_like);
    let before = others().filter(|other| other.timestamp <= build.timestamp);
    let before = before.max_by_key(|other| other.timestamp);
    before.or_else(|| others().min_by_key(|other| other.timestamp))
}

/// Returns the builds of all channels, without the given ones.
fn channels_without<'a>(
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
                channel.push(PriorBuild::new(build, standing));
            }
        }
        for stone in catalog.tombstones.values() {
            let channel = ChannelKey::new(&stone.device, stone.variant.as_ref(), &stone.romtype);
            channels
                .entry(channel)
                .or_default()
                .push(PriorBuild::from_tombstone(stone));
        }
    }
    channels
}

/// Returns the devices that have or had builds.
fn devices(catalogs: &Catalogs) -> BTreeSet<&Device> {
    catalogs.all().flat_map(Catalog::devices).collect()
}

/// Rejects builds that phones of their channel would download and then refuse, or install and
/// fail to start with.
pub(super) fn admit(
    config: &Config,
    mut builds: Vec<Build>,
    catalogs: &Catalogs,
) -> (Vec<Build>, Log) {
    let mut log = Log::default();
    if builds.is_empty() {
        return (builds, log);
    }
    builds.sort_by(|a, b| (a.timestamp, &a.path).cmp(&(b.timestamp, &b.path)));
    let mut channels = channels_without(&builds, catalogs);
    let mut devices = devices(catalogs);
    devices.extend(builds.iter().map(|build| &build.device));
    let mut judge = |build| {
        let channel = channels.entry(ChannelKey::from_build(build)).or_default();
        let objection = other_device(config, &devices, build, catalogs)
            .or_else(|| other_variant(config, channel, build))
            .or_else(|| other_signer(config, channel, build));
        if objection.is_none() {
            channel.push(PriorBuild::new(build, Standing::Offered));
        }
        objection
    };
    let objections: Vec<Option<Objection>> = builds.iter().map(&mut judge).collect();
    let mut shared = SharedLists::new(catalogs);
    let mut admitted = Vec::new();
    for (build, objection) in builds.into_iter().zip(objections) {
        let Some(objection) = objection else {
            if let Some(text) = shared.warning(config, &build) {
                log.warn(FEEDS, text);
            }
            admitted.push(build);
            continue;
        };
        log.faults.push(Fault {
            path: build.path,
            kind: match objection {
                Objection::Signer { .. } => FaultKind::BadSignature,
                Objection::Device { .. } | Objection::Variant { .. } => FaultKind::Conflict,
            },
            error: objection.into(),
        });
    }
    admitted.sort_by(|a, b| a.path.cmp(&b.path));
    (admitted, log)
}

/// Returns why a build may not join its channel; `None` if it may, or is in the catalogs already.
#[must_use]
pub fn object(config: &Config, build: &Build, catalogs: &Catalogs) -> Option<Objection> {
    if catalogs.knows(build.identity()) {
        return None;
    }
    let mut channels = channels_without(&[], catalogs);
    let channel = channels.entry(ChannelKey::from_build(build)).or_default();
    other_device(config, &devices(catalogs), build, catalogs)
        .or_else(|| other_variant(config, channel, build))
        .or_else(|| other_signer(config, channel, build))
}

/// The variants of published builds, to check builds whose packages are not on this machine.
#[derive(Debug)]
pub struct PublishedVariants<'a> {
    config: &'a Config,
    channels: BTreeMap<ChannelKey, Channel<'a>>,
}

impl<'a> PublishedVariants<'a> {
    /// Collects the variants of all builds of the catalogs.
    #[must_use]
    pub fn new(config: &'a Config, catalogs: &'a Catalogs) -> PublishedVariants<'a> {
        PublishedVariants {
            config,
            channels: channels_without(&[], catalogs),
        }
    }

    /// Returns why the variant of a build keeps it out of its channel, if it does.
    #[must_use]
    pub fn object(&self, build: &Build) -> Option<Objection> {
        other_variant(
            self.config,
            self.channels.get(&ChannelKey::from_build(build))?,
            build,
        )
    }
}

/// A `[[variant]]` that would separate two builds by their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuggestedRule {
    /// The name of the variant.
    pub name: Variant,
    /// The pattern for file names.
    pub package: String,
}

impl SuggestedRule {
    /// Makes a rule for one of the words that only `filename` has, as far as it can be told from `other` by it.
    fn new(words: &BTreeMap<String, String>, filename: &str, other: &str) -> Option<SuggestedRule> {
        let rule = |(word, spelled): (&String, &String)| {
            let name = names::stated_variant(spelled).unwrap_or(word);
            let at = filename.find(spelled.as_str())?;
            let before = filename[..at].chars().next_back();
            let before = before.filter(|c| matches!(c, '-' | '_' | '.'));
            let text: String = before.into_iter().chain(spelled.chars()).collect();
            let is_plain = text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            (is_plain && !other.contains(&text)).then_some(SuggestedRule {
                name: Variant::parse(name).ok()?,
                package: format!("*{text}*"),
            })
        };
        // A word that is known to mean a variant says more than any other.
        let is_known = |(_, spelled): &(&String, &String)| names::stated_variant(spelled).is_some();
        let known = words.iter().filter(is_known).find_map(rule);
        known.or_else(|| words.iter().find_map(rule))
    }
}

/// Why a build may not join its channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// One of its properties would put it into the list of another device.
    #[error(
        "its {NEXT_DEVICE} is `{name}`, and {name} has builds of its own: phones that ask for {name} \
         would be offered this one"
    )]
    Device {
        /// The name.
        name: Device,
    },
    /// Its file name suggests another variant.
    #[error(
        "its name differs from that of {} in more than date and version ({}), so it may be \
         another variant, which phones of the first could fail to start with",
        .other.escape_debug(), .difference.escape_debug()
    )]
    Variant {
        /// File name of the build before it.
        other: String,
        /// The words that only one of the names has.
        difference: String,
        /// A rule that separates them.
        rule: Option<SuggestedRule>,
    },
    /// It is signed with another key, or not at all.
    #[error("it is {}, but {} before it is signed by {expected}, so phones would refuse it",
        .found.as_ref().map_or("not signed".to_owned(), |signer| format!("signed by {signer}")),
        .other.escape_debug())]
    Signer {
        /// File name of the build before it.
        other: String,
        /// Fingerprint of its signer.
        expected: String,
        /// Fingerprint of this build's signer.
        found: Option<String>,
    },
}

/// Objects to a build whose property names another device that has builds. A name without builds is
/// allowed, and so is one whose list already has builds of the same device, since phones wait there.
fn other_device(
    config: &Config,
    devices: &BTreeSet<&Device>,
    build: &Build,
    catalogs: &Catalogs,
) -> Option<Objection> {
    let name = build.next_device.as_ref()?;
    let owner = config
        .owner(name.as_str())
        .map_or(name.as_str(), |(owner, _)| owner);
    let has_builds = |device: &&Device| *device == name || device.as_str() == owner;
    let is_other = owner != build.device.as_str() && devices.iter().any(has_builds);
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

fn other_variant(config: &Config, channel: &Channel<'_>, build: &Build) -> Option<Objection> {
    let is_full = |other: &PriorBuild<'_>| other.build.is_some_and(|b| b.kind == Kind::Full);
    let other = neighbour(channel, build, is_full)?.build?;
    if build.kind != Kind::Full || config.same_lane(build.device.as_str()) {
        return None;
    }
    let words = |build: &Build| {
        let known = [Some(&build.version), build.incremental.as_ref()];
        let known: Vec<&String> = known.into_iter().flatten().collect();
        variant_words(&build.filename, &known, build.device.as_str())
    };
    // The address of a package may have a folder named after its variant.
    let folder = |build: &Build| names::variant_in_path(build.url.as_deref()?);
    let (mut ours, mut theirs) = (words(build), words(other));
    if let (Some(our_folder), Some(their_folder)) = (folder(build), folder(other)) {
        ours.insert(our_folder.to_owned(), our_folder.to_owned());
        theirs.insert(their_folder.to_owned(), their_folder.to_owned());
    }
    let common: BTreeSet<String> = ours
        .keys()
        .filter(|word| theirs.contains_key(*word))
        .cloned()
        .collect();
    ours.retain(|word, _| !common.contains(word));
    theirs.retain(|word, _| !common.contains(word));
    let difference: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let difference: Vec<String> = difference.iter().map(|word| format!("`{word}`")).collect();
    (!difference.is_empty()).then(|| Objection::Variant {
        other: other.filename.clone(),
        difference: difference.join(", "),
        rule: SuggestedRule::new(&ours, &build.filename, &other.filename)
            .or_else(|| SuggestedRule::new(&theirs, &other.filename, &build.filename)),
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
