//! Builds of a feed meet the catalog: new ones are added, known ones get what the
//! catalog did not know of them, above all the id that phones have.
//!
//! What the catalog knows stays: it comes from the package itself, or from a feed
//! that was there before. Nor is the address of a known build touched, since
//! it may lie on this site by now.

use std::collections::{BTreeMap, HashMap};

use super::Entry;
use super::info::DeviceText;
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Catalog, Catalogs, Reason, Record};
use crate::model::build::{Build, Device};

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the catalog now.
    Added,
    /// It was, and is now known by the id that phones have.
    IdKept,
    /// It was, and the feed told more of it.
    Completed(Vec<&'static str>),
    /// It was, and nothing is new.
    Known,
    /// It was removed or superseded once, and is not taken up again.
    Buried,
}

/// One entry and what became of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Place and file name, for a message.
    pub label: String,
    /// Its file name, if it tells one.
    pub filename: Option<String>,
    /// What became of it, or one line on why nothing did.
    pub outcome: Result<Taken, String>,
    /// What else there is to say.
    pub notes: Vec<String>,
    /// The build, if it could be one.
    pub build: Option<Described>,
}

/// What an entry told beside what the catalog stores.
#[derive(Clone, Debug)]
pub struct Described {
    /// The device it is for.
    pub device: Device,
    /// Its date, in seconds since the epoch.
    pub timestamp: i64,
    /// Whether it belongs to a variant.
    pub has_variant: bool,
    /// The flavour it is of, if the feed tells.
    pub flavour: Option<&'static str>,
    /// What people read.
    pub text: DeviceText,
}

/// Keeps builds apart that phones must not be offered side by side.
#[derive(Clone, Copy)]
pub struct Guard<'a> {
    /// One line on why a build may not join what was in the catalog before the feed.
    pub object: &'a dyn Fn(&Build) -> Option<String>,
    /// Whether phones of a device can install any flavour.
    pub may_mix: &'a dyn Fn(&Device) -> bool,
    /// Whether phones see the builds of their own release type alone.
    pub compares_romtype: bool,
}

/// Takes up entries one after the other.
///
/// An entry that cannot be taken up changes nothing; whether the others are kept
/// is for the caller to say.
pub fn take_up(entries: Vec<Entry>, catalogs: &mut Catalogs, guard: Guard<'_>) -> Vec<Answer> {
    let mut index = Index::new(&catalogs.own);
    let mut earlier = Earlier::default();
    let mut answers = Vec::new();
    for entry in entries {
        let label = entry.label();
        let Entry {
            filename,
            build,
            mut notes,
            flavour,
            text,
            ..
        } = entry;
        let described = build.as_ref().ok().map(|build| Described {
            device: build.device.clone(),
            timestamp: build.timestamp,
            has_variant: build.variant.is_some(),
            flavour,
            text,
        });
        let outcome = build.and_then(|build| {
            if earlier.repeats(&build, &label)? {
                notes.push("it stands in the feed twice".to_owned());
                return Ok(Taken::Known);
            }
            if !(guard.may_mix)(&build.device) {
                earlier.check_flavour(&build, flavour, &label, guard.compares_romtype)?;
            }
            take_up_one(build, catalogs, &mut index, guard, &mut notes)
        });
        answers.push(Answer {
            label,
            filename,
            outcome,
            notes,
            build: described,
        });
    }
    answers
}

/// The builds of a feed so far, by what no two of them may share.
#[derive(Default)]
struct Earlier {
    builds: Vec<(String, Build)>,
    ids: HashMap<String, usize>,
    sha256s: HashMap<String, usize>,
    filenames: HashMap<String, usize>,
    /// The first flavour that phones see, and its entry.
    flavours: BTreeMap<ChannelKey, (&'static str, String)>,
}

impl Earlier {
    /// Refuses a build of another flavour than one before it that the same phones see.
    fn check_flavour(
        &mut self,
        build: &Build,
        flavour: Option<&'static str>,
        label: &str,
        compares_romtype: bool,
    ) -> Result<(), String> {
        let Some(flavour) = flavour else {
            return Ok(());
        };
        let mut lane = ChannelKey::of(build);
        if !compares_romtype {
            lane.romtype.clear();
        }
        match self
            .flavours
            .entry(lane)
            .or_insert_with(|| (flavour, label.to_owned()))
        {
            (known, _) if *known == flavour => Ok(()),
            (known, first) => Err(format!(
                "it is of the flavour `{flavour}`, and {first} of `{known}`, so phones of one could \
                 fail to start with the other; import each with its own --variant, for example \
                 --variant {flavour}"
            )),
        }
    }

    /// Whether the same entry came before.
    fn repeats(&mut self, build: &Build, label: &str) -> Result<bool, String> {
        let sha256 = build.sha256.as_ref();
        let same = [
            ("id", self.ids.get(build.phone_id())),
            ("sha256", sha256.and_then(|sha256| self.sha256s.get(sha256))),
            ("file name", self.filenames.get(&build.filename)),
        ];
        for (what, at) in same {
            let Some((first, known)) = at.and_then(|at| self.builds.get(*at)) else {
                continue;
            };
            if known == build {
                return Ok(true);
            }
            return Err(format!("it has the {what} of {first}"));
        }
        let at = self.builds.len();
        self.ids.insert(build.phone_id().to_owned(), at);
        self.filenames.insert(build.filename.clone(), at);
        if let Some(sha256) = sha256 {
            self.sha256s.insert(sha256.clone(), at);
        }
        self.builds.push((label.to_owned(), build.clone()));
        Ok(false)
    }
}

/// Identities by what else no two builds of a catalog share.
struct Index {
    by_filename: HashMap<String, String>,
    by_phone_id: HashMap<String, String>,
}

impl Index {
    fn new(catalog: &Catalog) -> Index {
        let mut index = Index {
            by_filename: HashMap::new(),
            by_phone_id: HashMap::new(),
        };
        for Record { build, .. } in catalog.builds.values() {
            index.insert(build);
        }
        index
    }

    fn insert(&mut self, build: &Build) {
        let identity = || build.identity().to_owned();
        self.by_filename.insert(build.filename.clone(), identity());
        self.by_phone_id
            .insert(build.phone_id().to_owned(), identity());
    }

    fn remove(&mut self, build: &Build) {
        self.by_filename.remove(&build.filename);
        self.by_phone_id.remove(build.phone_id());
    }
}

fn take_up_one(
    build: Build,
    catalogs: &mut Catalogs,
    index: &mut Index,
    guard: Guard<'_>,
    notes: &mut Vec<String>,
) -> Result<Taken, String> {
    let namesake = index.by_filename.get(&build.filename);
    let namesake = namesake.and_then(|identity| catalogs.own.builds.get(identity));
    let is_same_file = |known: &Build| known.size == build.size && known.device == build.device;
    let by_phone_id = || {
        catalogs
            .own
            .builds
            .get(index.by_phone_id.get(build.phone_id())?)
    };
    let known = catalogs.own.builds.get(build.identity());
    let known = known.or_else(by_phone_id);
    let known = known.or(namesake.filter(|record| is_same_file(&record.build)));
    if let Some(known) = known {
        let mut merged = known.build.clone();
        check_same(&merged, &build)?;
        let news = complete(&mut merged, &build, index)?;
        note_differences(&merged, &build, notes);
        let state = match known {
            Record {
                yanked: Some(_), ..
            } => Some("yanked"),
            Record { retired: true, .. } => Some("retired"),
            _ => None,
        };
        notes.extend(state.map(|state| format!("it is {state} in the catalog, and stays so")));
        if news.is_empty() {
            return Ok(Taken::Known);
        }
        let old = known.build.identity().to_owned();
        if let Some(mut record) = catalogs.own.builds.remove(&old) {
            index.remove(&record.build);
            index.insert(&merged);
            record.build = merged;
            let identity = record.build.identity().to_owned();
            catalogs.own.builds.insert(identity, record);
        }
        return Ok(match news[..] {
            ["id"] => Taken::IdKept,
            _ => Taken::Completed(news),
        });
    }
    if is_buried(&build, catalogs) {
        return Ok(Taken::Buried);
    }
    if let Some(other) = namesake {
        return Err(format!(
            "another build has this file name in the catalog: of {}, with {} bytes",
            other.build.device, other.build.size
        ));
    }
    if is_known_elsewhere(&build, catalogs)? {
        notes.push("another catalog has it".to_owned());
        return Ok(Taken::Known);
    }
    if let Some(objection) = (guard.object)(&build) {
        return Err(objection);
    }
    index.insert(&build);
    let identity = build.identity().to_owned();
    catalogs.own.builds.insert(identity, Record::new(build));
    Ok(Taken::Added)
}

/// Whether what is taken for one build by its name or id can be one.
fn check_same(known: &Build, build: &Build) -> Result<(), String> {
    let name = known.filename.escape_debug();
    let differ = |one: &Option<String>, other: &Option<String>| {
        one.is_some() && other.is_some() && one != other
    };
    let what = if known.device != build.device {
        format!("device {}", known.device)
    } else if known.size != build.size {
        format!("{} bytes", known.size)
    } else if known.kind != build.kind {
        format!("kind {}", known.kind.as_str())
    } else if differ(&known.sha256, &build.sha256) {
        "another sha256".to_owned()
    } else if differ(&known.md5, &build.md5) {
        "another md5".to_owned()
    } else if differ(&known.id, &build.id) {
        format!("the id `{}`", known.phone_id().escape_debug())
    } else {
        return Ok(());
    };
    Err(format!("the catalog has it as {name}, with {what}"))
}

/// Fills in what the catalog does not know; returns what that was.
fn complete(known: &mut Build, build: &Build, index: &Index) -> Result<Vec<&'static str>, String> {
    let mut news = Vec::new();
    if known.sha256.is_none() && build.sha256.is_some() {
        known.sha256.clone_from(&build.sha256);
        // It may turn out that the id was the digest all along.
        known.id = known
            .id
            .take()
            .filter(|id| known.sha256.as_ref() != Some(id));
        news.push("sha256");
    }
    if known.id.is_none() && build.id.is_some() && build.id != known.sha256 {
        if let Some(id) = &build.id
            && index.by_phone_id.contains_key(id)
        {
            return Err("another build has its id in the catalog".to_owned());
        }
        known.id.clone_from(&build.id);
        news.push("id");
    }
    let Build {
        md5,
        incremental,
        security_patch,
        property_files,
        family,
        ..
    } = known;
    for (what, ours, theirs) in [
        ("md5", md5, &build.md5),
        ("incremental", incremental, &build.incremental),
        ("security_patch", security_patch, &build.security_patch),
        ("ota_property_files", property_files, &build.property_files),
        ("family", family, &build.family),
    ] {
        if ours.is_none() && theirs.is_some() {
            ours.clone_from(theirs);
            news.push(what);
        }
    }
    if known.sdk_level.is_none() && build.sdk_level.is_some() {
        known.sdk_level = build.sdk_level;
        news.push("sdk_level");
    }
    Ok(news)
}

/// Tells where the feed said otherwise than the catalog, which stands.
fn note_differences(known: &Build, build: &Build, notes: &mut Vec<String>) {
    let sdk = |build: &Build| build.sdk_level.map(|level| level.to_string());
    for (what, ours, theirs) in [
        (
            "filename",
            Some(known.filename.clone()),
            Some(build.filename.clone()),
        ),
        (
            "datetime",
            Some(known.timestamp.to_string()),
            Some(build.timestamp.to_string()),
        ),
        (
            "version",
            Some(known.version.clone()),
            Some(build.version.clone()),
        ),
        (
            "romtype",
            Some(known.romtype.to_path()),
            Some(build.romtype.to_path()),
        ),
        (
            "incremental",
            known.incremental.clone(),
            build.incremental.clone(),
        ),
        ("sdk_level", sdk(known), sdk(build)),
        (
            "security_patch",
            known.security_patch.clone(),
            build.security_patch.clone(),
        ),
    ] {
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours != theirs
        {
            notes.push(format!(
                "the feed has {what} `{}`; the catalog's `{}` stays",
                theirs.escape_debug(),
                ours.escape_debug()
            ));
        }
    }
}

/// Whether any catalog has a tombstone of this build. One without a SHA-256 may be
/// known there by its digest only; then name and date tell it.
fn is_buried(build: &Build, catalogs: &Catalogs) -> bool {
    let others = catalogs.others.iter().map(|(_, catalog)| catalog);
    let mut stones = others
        .chain([&catalogs.own])
        .flat_map(|catalog| catalog.tombstones.values());
    catalogs.is_buried(build)
        || stones.any(|stone| {
            let is_namesake = stone.device == build.device && stone.filename == build.filename;
            let is_it = stone.reason == Reason::Removed || stone.timestamp == build.timestamp;
            (build.id.is_some() && stone.id == build.id)
                || (build.sha256.is_none() && is_namesake && is_it)
        })
}

/// Whether a catalog that is only read has this build.
fn is_known_elsewhere(build: &Build, catalogs: &Catalogs) -> Result<bool, String> {
    if catalogs.others_offer(build.identity()) {
        return Ok(true);
    }
    let others = catalogs.others.iter().map(|(_, catalog)| catalog);
    for Record { build: known, .. } in others.flat_map(|catalog| catalog.builds.values()) {
        let has_name = known.filename == build.filename;
        if has_name || known.phone_id() == build.phone_id() {
            check_same(known, build)?;
            return Ok(true);
        }
    }
    Ok(false)
}
