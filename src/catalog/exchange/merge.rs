//! Adds the builds of a feed to the catalog.
//!
//! New builds are added; known ones get the facts that the catalog lacks, above all the id that
//! phones have. Facts in the catalog stay: they come from the package itself, or from an earlier
//! feed. The address of a known build stays too, since this site may serve the build by now.

use std::collections::{BTreeMap, HashMap};

use super::FeedEntry;
use super::info::DeviceText;
use crate::catalog::channels::ChannelKey;
use crate::catalog::{Catalog, Catalogs, Reason, Record};
use crate::model::build::{Build, Device};

/// What the import did with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryOutcome {
    /// It was added to the catalog.
    Added,
    /// The catalog had it, and now has the id that phones know.
    IdStored,
    /// The catalog had it, and now has these further facts.
    Completed(Vec<&'static str>),
    /// The catalog had it already, with all facts.
    Known,
    /// It was removed or superseded before, and is not added again.
    Buried,
}

/// An entry and what the import did with it.
#[derive(Clone, Debug)]
pub struct EntryReport {
    /// Place and file name, for a message.
    pub label: String,
    /// Its file name, if it has one.
    pub filename: Option<String>,
    /// What happened to it, or one line on why it was refused.
    pub outcome: Result<EntryOutcome, String>,
    /// Further remarks for people.
    pub notes: Vec<String>,
    /// Details of its build, if it is a valid one.
    pub build: Option<EntryDetails>,
}

/// Details of an entry that the catalog does not store.
#[derive(Clone, Debug)]
pub struct EntryDetails {
    /// The device it is for.
    pub device: Device,
    /// Its date, in seconds since the epoch.
    pub timestamp: i64,
    /// Whether it belongs to a variant.
    pub has_variant: bool,
    /// Its variant, if the feed has it.
    pub stated_variant: Option<&'static str>,
    /// Its texts for people.
    pub text: DeviceText,
}

/// Rules for which builds may be in one list.
#[derive(Clone, Copy)]
pub struct Guard<'a> {
    /// Returns one line if a build may not join the builds that the catalog had before the feed.
    pub object: &'a dyn Fn(&Build) -> Option<String>,
    /// Whether phones of a device can install every variant.
    pub may_mix: &'a dyn Fn(&Device) -> bool,
    /// Whether phones see only builds of their own release type.
    pub compares_romtype: bool,
}

/// Adds entries to the catalog, one after the other.
///
/// An entry that is refused changes nothing; the caller decides whether to save the others.
pub fn add(entries: Vec<FeedEntry>, catalogs: &mut Catalogs, guard: Guard<'_>) -> Vec<EntryReport> {
    let mut index = Index::new(&catalogs.own);
    let mut prior = PriorBuilds::default();
    let mut reports = Vec::new();
    for entry in entries {
        let label = entry.label();
        let FeedEntry {
            filename,
            build,
            mut notes,
            stated_variant,
            text,
            ..
        } = entry;
        let details = build.as_ref().ok().map(|build| EntryDetails {
            device: build.device.clone(),
            timestamp: build.timestamp,
            has_variant: build.variant.is_some(),
            stated_variant,
            text,
        });
        let outcome = build.and_then(|build| {
            if prior.repeats(&build, &label)? {
                notes.push("the feed has it twice".to_owned());
                return Ok(EntryOutcome::Known);
            }
            if !(guard.may_mix)(&build.device) {
                prior.check_variant(&build, stated_variant, &label, guard.compares_romtype)?;
            }
            add_one(build, catalogs, &mut index, guard, &mut notes)
        });
        reports.push(EntryReport {
            label,
            filename,
            outcome,
            notes,
            build: details,
        });
    }
    reports
}

/// The builds earlier in the feed, by what no two of them may share.
#[derive(Default)]
struct PriorBuilds {
    builds: Vec<(String, Build)>,
    ids: HashMap<String, usize>,
    sha256s: HashMap<String, usize>,
    filenames: HashMap<String, usize>,
    /// The first variant in each channel, and its entry.
    variants: BTreeMap<ChannelKey, (&'static str, String)>,
}

impl PriorBuilds {
    /// Refuses a build of another variant than an earlier one in the same channel.
    fn check_variant(
        &mut self,
        build: &Build,
        variant: Option<&'static str>,
        label: &str,
        compares_romtype: bool,
    ) -> Result<(), String> {
        let Some(variant) = variant else {
            return Ok(());
        };
        let mut channel = ChannelKey::from_build(build);
        if !compares_romtype {
            channel.romtype.clear();
        }
        match self
            .variants
            .entry(channel)
            .or_insert_with(|| (variant, label.to_owned()))
        {
            (known, _) if *known == variant => Ok(()),
            (known, first) => Err(format!(
                "its variant is `{variant}`, and that of {first} is `{known}`, so phones of one could \
                 fail to start with the other; import each with its own --variant, for example \
                 --variant {variant}"
            )),
        }
    }

    /// Whether the feed had the same entry before.
    ///
    /// # Errors
    /// One line if an earlier build shares an id, a SHA-256 or a file name with it.
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

/// Identities of builds by file name and by id, which are unique in a catalog.
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

/// Adds one entry to the catalog.
fn add_one(
    build: Build,
    catalogs: &mut Catalogs,
    index: &mut Index,
    guard: Guard<'_>,
    notes: &mut Vec<String>,
) -> Result<EntryOutcome, String> {
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
        let known = known.clone();
        return complete_known(known, &build, catalogs, index, notes);
    }
    if is_buried(&build, catalogs) {
        return Ok(EntryOutcome::Buried);
    }
    if let Some(other) = namesake {
        return Err(format!(
            "another build has this file name in the catalog: of {}, with {} bytes",
            other.build.device, other.build.size
        ));
    }
    if is_known_elsewhere(&build, catalogs)? {
        notes.push("another catalog has it".to_owned());
        return Ok(EntryOutcome::Known);
    }
    if let Some(objection) = (guard.object)(&build) {
        return Err(objection);
    }
    index.insert(&build);
    let identity = build.identity().to_owned();
    catalogs.own.builds.insert(identity, Record::new(build));
    Ok(EntryOutcome::Added)
}

/// Adds the facts of an entry to a build that the catalog has.
fn complete_known(
    mut known: Record,
    build: &Build,
    catalogs: &mut Catalogs,
    index: &mut Index,
    notes: &mut Vec<String>,
) -> Result<EntryOutcome, String> {
    let old = known.build.clone();
    check_same(&old, build)?;
    let news = complete(&mut known.build, build, index)?;
    note_differences(&known.build, build, notes);
    let state = match &known {
        Record {
            yanked: Some(_), ..
        } => Some("yanked"),
        Record { retired: true, .. } => Some("retired"),
        _ => None,
    };
    notes.extend(state.map(|state| format!("it is {state} in the catalog, and stays so")));
    if news.is_empty() {
        return Ok(EntryOutcome::Known);
    }
    catalogs.own.builds.remove(old.identity());
    index.remove(&old);
    index.insert(&known.build);
    let identity = known.build.identity().to_owned();
    catalogs.own.builds.insert(identity, known);
    Ok(match news[..] {
        ["id"] => EntryOutcome::IdStored,
        _ => EntryOutcome::Completed(news),
    })
}

/// Checks that two builds with one file name or id can be the same build.
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

/// Fills in the facts that the catalog lacks; returns their names.
fn complete(known: &mut Build, build: &Build, index: &Index) -> Result<Vec<&'static str>, String> {
    let mut news = Vec::new();
    if known.sha256.is_none() && build.sha256.is_some() {
        known.sha256.clone_from(&build.sha256);
        // The id may have been the digest.
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

/// Notes facts in which the feed differs from the catalog; the catalog takes precedence.
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

/// Whether any catalog has a tombstone of this build. If its SHA-256 is unknown, file name and date
/// identify it.
fn is_buried(build: &Build, catalogs: &Catalogs) -> bool {
    let mut stones = catalogs
        .all()
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
///
/// # Errors
/// One line if it has another build with the same file name or id.
fn is_known_elsewhere(build: &Build, catalogs: &Catalogs) -> Result<bool, String> {
    if catalogs.others_offer(build.identity()) {
        return Ok(true);
    }
    let others = catalogs
        .others()
        .flat_map(|catalog| catalog.builds.values());
    for Record { build: known, .. } in others {
        let has_name = known.filename == build.filename;
        if has_name || known.phone_id() == build.phone_id() {
            check_same(known, build)?;
            return Ok(true);
        }
    }
    Ok(false)
}
