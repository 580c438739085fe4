//! Changes of the catalog by hand, from the command line or through the server.
//!
//! In: what a person or a program [says](StatedFacts) of a build, or the name of one that is known. Out:
//! the catalog with it or without it, and [`Note`]s on what that means. [`prepare`] reads the
//! package, which may take long; all changes go through [`change`], which holds the lock.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime};
use percent_encoding::percent_decode_str;

use super::reconcile::recognise_imported;
use super::require::{self, Hashed};
use super::{
    Error, SharedLists, cache_key, load_cache, lock_state, object, require_published, save_catalog,
};
use crate::catalog::{Catalog, Catalogs, Reason, Record, Tombstone, file};
use crate::fetch::{Fetch, Remote, RemoteError, Traffic};
use crate::ingest::digests::{self, Digests};
use crate::ingest::scan;
use crate::ingest::{self, Context, Examined};
use crate::model::build::{self, Build, Device, Kind, Romtype, Variant};
use crate::model::config::{AddressSource, Config};
use crate::model::entry_rules::{self, ListedBuild, Problem};
use crate::model::facts::Fact;
use digest_lanes::checksum_file;
use ota_view::error_kind::chain;
use ota_view::io::ReadAt;

/// Fewest digits of a sha256 that name a build.
const MIN_PREFIX: usize = 8;

/// Why a catalog is not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// What was asked for cannot be; in one line, without control characters.
    #[error("{0}")]
    Refused(String),
    /// A fact that feeds need is neither given nor in a package that can be read.
    #[error("`{key}` is missing{}", .reason.as_ref().map_or(String::new(), |reason| format!(", and {reason}")))]
    Missing {
        /// The fact, as `add_build` names it.
        key: &'static str,
        /// Why it was not read from the package, if that was tried.
        reason: Option<String>,
    },
    /// Phones would not find the build without an address of its own.
    #[error("{0}")]
    NoAddress(String),
    /// The catalog cannot be read or written.
    #[error(transparent)]
    Run(#[from] Error),
}

impl From<String> for EditError {
    fn from(reason: String) -> EditError {
        EditError::Refused(reason)
    }
}

/// What a change means beside what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The settings go before the address that was given with the build.
    OtherAddress(String),
    /// Another build had this file name, and is offered no more.
    Superseded(String),
    /// It was removed once.
    Returned,
    /// What the rules of entries find doubtful.
    Doubtful(Problem),
    /// The package has another value than was given, and its own holds.
    Corrected {
        /// The fact.
        fact: &'static str,
        /// What was given.
        given: String,
        /// What the package has.
        found: String,
        /// Where it has it.
        place: String,
    },
    /// Something about the package, in one line.
    OfPackage(String),
    /// What reading the package from its address has cost.
    Fetched(Traffic),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::OtherAddress(url) => {
                write!(
                    f,
                    "`url` in the settings goes before the given address: {url}"
                )
            }
            Note::Superseded(filename) => write!(
                f,
                "{}: the old build of this name is offered no more",
                filename.escape_debug()
            ),
            Note::Returned => f.write_str("it was removed before and is taken up again"),
            Note::Doubtful(problem) => problem.fmt(f),
            Note::Corrected {
                fact,
                given,
                found,
                place,
            } => write!(
                f,
                "{fact} `{}` was given, but the package has `{}` ({}), which phones compare; that is published",
                given.escape_debug(),
                found.escape_debug(),
                place.escape_debug()
            ),
            Note::OfPackage(text) => f.write_str(text),
            Note::Fetched(traffic) => write!(f, "read from its address: {traffic}"),
        }
    }
}

/// Loads the catalogs under the lock, lets `edit` change them, and writes the first.
///
/// # Errors
/// [`EditError`]; then nothing is written.
pub fn change<T>(
    config: &Config,
    edit: impl FnOnce(&mut Catalogs) -> Result<T, EditError>,
) -> Result<T, EditError> {
    let _lock = lock_state(&config.state)?;
    let mut catalogs = Catalogs::load(&config.catalogs).map_err(Error::from)?;
    match require_published(config, &catalogs) {
        // A manifest that cannot be read tells nothing; `generate` refuses it.
        Ok(()) | Err(Error::Writer(_)) => {}
        Err(lost) => return Err(lost.into()),
    }
    let done = edit(&mut catalogs)?;
    catalogs.merged().map_err(Error::from)?;
    save_catalog(&config.catalogs[0], &file::render(&catalogs.own))?;
    Ok(done)
}

/// What a person or a program says of a build; `None` is left to its package.
#[derive(Clone, Debug, Default)]
pub struct StatedFacts {
    /// The package on this machine; without it, it is looked for in the folder of builds.
    pub zip: Option<PathBuf>,
    /// Bare name of the package; without it, that of `zip` or of `url`.
    pub filename: Option<String>,
    /// Codename.
    pub device: Option<String>,
    /// Flavour; the settings take precedence.
    pub variant: Option<Variant>,
    /// Release type.
    pub romtype: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Seconds since the epoch.
    pub timestamp: Option<i64>,
    /// Length in bytes.
    pub size: Option<u64>,
    /// SHA-256, hex digits in any case.
    pub sha256: Option<String>,
    /// MD5, hex digits in any case.
    pub md5: Option<String>,
    /// Incremental.
    pub incremental: Option<String>,
    /// API level.
    pub sdk_level: Option<u32>,
    /// Security patch level.
    pub security_patch: Option<String>,
    /// Download address.
    pub url: Option<String>,
}

impl StatedFacts {
    /// What is given of a fact, as text.
    fn fact(&self, fact: Fact) -> Option<String> {
        match fact {
            Fact::Device => self.device.clone(),
            Fact::Version => self.version.clone(),
            Fact::Romtype => self.romtype.clone(),
            Fact::Datetime => self.timestamp.map(|timestamp| timestamp.to_string()),
            Fact::Incremental => self.incremental.clone(),
            Fact::SdkLevel => self.sdk_level.map(|level| level.to_string()),
            Fact::SecurityPatch => self.security_patch.clone(),
            Fact::SourceIncremental => None,
        }
    }

    /// Whether a package has to be asked for what every feed needs.
    fn lacks_facts(&self) -> bool {
        [&self.device, &self.version, &self.romtype]
            .iter()
            .any(|value| value.is_none())
            || self.timestamp.is_none()
            || self.size.is_none()
    }
}

/// A build that may be [added](add).
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The build.
    pub build: Build,
    /// What there is to say of it.
    pub notes: Vec<Note>,
    /// Its package was read, so that it can be compared with those of its channel.
    is_read: bool,
}

/// Reads a moment: Unix seconds, or a date and time as `2017-01-14 13:59:25`, in UTC unless it names
/// another zone as `2017-01-14T13:59:25+02:00` does.
///
/// # Errors
/// One line that says how it is written.
pub fn parse_time(text: &str) -> Result<i64, String> {
    let trimmed = text.trim();
    if let Ok(seconds) = trimmed.parse() {
        return Ok(seconds);
    }
    let zoned = DateTime::parse_from_rfc3339(trimmed).map(|time| time.timestamp());
    zoned
        .or_else(|_| {
            let text = trimmed.replacen('T', " ", 1);
            let time = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f");
            time.map(|time| time.and_utc().timestamp())
        })
        .map_err(|_| {
            format!(
                "`{}` is not a date; write it as `2017-01-14 13:59:25` (UTC) or in Unix seconds",
                text.escape_debug()
            )
        })
}

/// Completes what is said of a build by its package: the one on this machine, or else, where facts
/// are missing, the one at its address, of which only parts are read. `now` is in seconds since the
/// epoch; without `fetch` no host is asked.
///
/// What a package says of itself holds, except for what is only read from its file name. A package
/// of another device, release type, size or digest than was given is refused.
///
/// # Errors
/// [`EditError::Refused`] or [`EditError::Missing`]
pub fn prepare(
    said: StatedFacts,
    config: &Config,
    fetch: Option<&Arc<dyn Fetch>>,
    now: i64,
) -> Result<Candidate, EditError> {
    let said = StatedFacts {
        url: said.url.filter(|url| !url.is_empty()),
        incremental: said
            .incremental
            .filter(|incremental| !incremental.is_empty()),
        sha256: said.sha256.map(|digest| digest.to_ascii_lowercase()),
        md5: said.md5.map(|digest| digest.to_ascii_lowercase()),
        ..said
    };
    let filename = find_filename(&said)?;
    let local = match &said.zip {
        Some(zip) => Some((zip.clone(), path_in_builds(zip, &config.builds))),
        None => find_in_builds(config, &filename)?,
    };
    let mut candidate = match (local, &said.url, fetch) {
        (Some((zip, path)), ..) => from_zip(&said, &zip, &path, config, now)?,
        (None, Some(url), Some(fetch)) if said.lacks_facts() => {
            from_url(&said, url, &filename, config, fetch, now)?
        }
        (None, ..) => from_facts(&said, &filename, config, None)?,
    };
    let build = &mut candidate.build;
    match (&build.variant, &said.variant) {
        (None, Some(given)) => build.variant = Some(given.clone()),
        (Some(set), Some(given)) if set != given => candidate.notes.push(Note::Corrected {
            fact: "variant",
            given: given.to_string(),
            found: set.to_string(),
            place: "[[variant]] in the settings".to_owned(),
        }),
        _ => {}
    }
    if build.sha256.is_none() {
        let missing = || EditError::Missing {
            key: "sha256",
            reason: Some(
                "there is no `md5` either by which phones could know the build".to_owned(),
            ),
        };
        build.id = Some(build.md5.clone().ok_or_else(missing)?);
    }
    Ok(candidate)
}

/// The name of the package: as given, or that of the file or of the last part of its address.
fn find_filename(said: &StatedFacts) -> Result<String, EditError> {
    let of_zip = || {
        Some(
            said.zip
                .as_ref()?
                .file_name()?
                .to_string_lossy()
                .into_owned(),
        )
    };
    let of_url = || {
        let path = said.url.as_ref()?.split(['?', '#']).next()?;
        let (_, name) = path.split_once("://")?.1.rsplit_once('/')?;
        let name = percent_decode_str(name).decode_utf8().ok()?;
        Some(name.into_owned()).filter(|name| !name.is_empty())
    };
    let given = said.filename.clone();
    let filename = given.or_else(of_zip).or_else(of_url);
    let filename = filename.ok_or(EditError::Missing {
        key: "filename",
        reason: None,
    })?;
    let fault = build::filename_fault(&filename).or_else(|| {
        let is_zip = build::stem(&filename).len() < filename.len();
        (!is_zip).then_some("does not end in `.zip`, so no phone will install it")
    });
    match fault {
        None => Ok(filename),
        Some(fault) => Err(format!("file name `{}` {fault}", filename.escape_debug()).into()),
    }
}

/// A package as a scan would find it: the file, and its path in the folder of builds.
type Located = (PathBuf, String);

fn find_in_builds(config: &Config, filename: &str) -> Result<Option<Located>, EditError> {
    let scan = scan::scan(&config.builds, config.follow_links, &config.exclude);
    let is_it = |path: &str| path.rsplit('/').next() == Some(filename);
    let found = scan.packages.into_iter().filter(|found| is_it(&found.path));
    match &found.collect::<Vec<_>>()[..] {
        [] => Ok(None),
        [found] => Ok(Some((found.file.clone(), found.path.clone()))),
        [one, other, ..] => Err(format!(
            "two zips have this name: `{}` and `{}`",
            one.path.escape_debug(),
            other.path.escape_debug()
        )
        .into()),
    }
}

/// The path of a package in the folder of builds, as a scan would give it; outside of it, its name.
#[must_use]
pub fn path_in_builds(zip: &Path, builds: &Path) -> String {
    let inside = zip
        .canonicalize()
        .ok()
        .zip(builds.canonicalize().ok())
        .and_then(|(zip, builds)| zip.strip_prefix(builds).ok().map(Path::to_owned));
    let path = inside.unwrap_or_else(|| zip.file_name().unwrap_or_default().into());
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn from_zip(
    said: &StatedFacts,
    zip: &Path,
    path: &str,
    config: &Config,
    now: i64,
) -> Result<Candidate, EditError> {
    let refuse = |error: ingest::Error| {
        let place = path.escape_debug();
        EditError::Refused(format!("{place}: {}", chain(&error)))
    };
    let package = ingest::examine(zip, path, Context::new(config)).map_err(refuse)?;
    let stamp = package.stamp;
    let mut candidate = from_package(said, package, config, now)?;
    let cache = load_cache(config);
    let digests = match cache.digests(&cache_key(zip), stamp) {
        Some(digests) => digests,
        None => digests::digest_file(zip, stamp, &digests::options(config))
            .map_err(|error| refuse(error.into()))?,
    };
    let mut warnings = Vec::new();
    ingest::verify(zip, &digests, &mut warnings).map_err(refuse)?;
    candidate
        .notes
        .extend(warnings.into_iter().map(Note::OfPackage));
    let Digests { md5, sha256 } = digests;
    for (key, given, found) in [("md5", &said.md5, &md5), ("sha256", &said.sha256, &sha256)] {
        refuse_other(key, given.as_deref(), found)?;
    }
    candidate.build.md5 = Some(md5);
    candidate.build.sha256 = Some(sha256);
    let hashed = Hashed {
        build: candidate.build.clone(),
        file: zip.to_owned(),
        stamp,
        projects: None,
    };
    match require::fault(config, &hashed, &cache) {
        Some(fault) => Err(chain(&*fault.error).into()),
        None => Ok(candidate),
    }
}

/// Refuses a value that is not that of the package.
fn refuse_other(key: &str, given: Option<&str>, found: &str) -> Result<(), EditError> {
    match given.filter(|given| *given != found) {
        None => Ok(()),
        Some(given) => Err(format!(
            "{key} `{}` is not that of the package, which is `{}`",
            given.escape_debug(),
            found.escape_debug()
        )
        .into()),
    }
}

/// Completes facts by the package at its address; where that does not answer, what is given has to
/// do.
fn from_url(
    said: &StatedFacts,
    url: &str,
    filename: &str,
    config: &Config,
    fetch: &Arc<dyn Fetch>,
    now: i64,
) -> Result<Candidate, EditError> {
    let unread = |error: &(dyn std::error::Error + 'static)| {
        format!("`{}` cannot be read: {}", url.escape_debug(), chain(error))
    };
    let remote = match Remote::open(Arc::clone(fetch), url) {
        Ok(remote) => Arc::new(remote),
        // What is there is not the package.
        Err(error @ (RemoteError::Page | RemoteError::Encoded(_))) => {
            return Err(unread(&error).into());
        }
        Err(error) => return from_facts(said, filename, config, Some(unread(&error))),
    };
    let context = Context::new(config);
    let package = match ingest::examine_remote(Arc::clone(&remote), filename, context) {
        Ok(package) => package,
        Err(error) if error.kind() == crate::model::fault_kind::FaultKind::Io => {
            return from_facts(said, filename, config, Some(unread(&error)));
        }
        Err(error) => return Err(unread(&error).into()),
    };
    let mut candidate = from_package(said, package, config, now)?;
    let build = &mut candidate.build;
    build.md5.clone_from(&said.md5);
    build.sha256.clone_from(&said.sha256);
    for (digest, suffix, len) in [
        (&mut build.sha256, ".sha256sum", 64),
        (&mut build.md5, ".md5sum", 32),
    ] {
        let sidecar = || fetch_digest(fetch, url, filename, suffix, len);
        *digest = digest.take().or_else(sidecar);
    }
    // What was read on this machine is at no address for phones.
    build.url = build.url.take().filter(|url| url.starts_with("https:"));
    candidate.notes.push(Note::Fetched(remote.traffic()));
    Ok(candidate)
}

/// The digest in the file next to a package on its host, if there is one.
fn fetch_digest(
    fetch: &Arc<dyn Fetch>,
    url: &str,
    filename: &str,
    suffix: &str,
    len: usize,
) -> Option<String> {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let remote = Remote::open(Arc::clone(fetch), &format!("{path}{suffix}{query}")).ok()?;
    if remote.size() > checksum_file::MAX_SIZE {
        return None;
    }
    let mut text = vec![0; usize::try_from(remote.size()).ok()?];
    remote.read_exact_at(0, &mut text).ok()?;
    checksum_file::parse(&String::from_utf8_lossy(&text), filename, len)
}

/// A build by its package, and by what is given where the package says nothing.
fn from_package(
    said: &StatedFacts,
    mut package: Examined,
    config: &Config,
    now: i64,
) -> Result<Candidate, EditError> {
    let mut notes = Vec::new();
    if let Some(size) = said.size {
        refuse_other(
            "size",
            Some(&size.to_string()),
            &package.stamp.size.to_string(),
        )?;
    }
    for fact in Fact::ALL {
        let Some(given) = said.fact(fact) else {
            continue;
        };
        let Some(found) = package.facts.get(fact).cloned() else {
            package.facts.set(fact, &given, "given");
            continue;
        };
        let is_same = match fact {
            Fact::Romtype => given.eq_ignore_ascii_case(&found.value),
            Fact::Device => given == found.value || package.facts.devices.contains(&given),
            _ => given == found.value,
        };
        let is_guess = found.place == ingest::FILE_NAME;
        let is_for_people = fact == Fact::Romtype && !package.compares_romtype;
        let place = found.key.as_ref().map_or_else(
            || found.place.clone(),
            |key| format!("{key} in {}", found.place),
        );
        match fact {
            _ if is_guess || is_for_people => package.facts.set(fact, &given, "given"),
            Fact::Device if is_same => package.facts.set(fact, &given, "given"),
            _ if is_same => {}
            Fact::Device | Fact::Romtype => {
                return Err(format!(
                    "{} `{}` is not that of the package: it has `{}` ({}), so phones would refuse it",
                    fact.as_str(),
                    given.escape_debug(),
                    found.value.escape_debug(),
                    place.escape_debug()
                )
                .into());
            }
            _ => notes.push(Note::Corrected {
                fact: fact.as_str(),
                given,
                found: found.value,
                place,
            }),
        }
    }
    let mut build = package.draft(config, now).map_err(|error| match error {
        ingest::Error::Missing { facts, .. } => EditError::Missing {
            key: facts.first().copied().unwrap_or_default(),
            reason: Some("the package does not have it".to_owned()),
        },
        error => EditError::Refused(chain(&error)),
    })?;
    build.url.clone_from(&said.url);
    let warnings = package.facts.warnings.into_iter();
    notes.extend(warnings.map(Note::OfPackage));
    Ok(Candidate {
        build,
        notes,
        is_read: true,
    })
}

/// A build that no package was read for; `reason` says why not, if that was tried.
fn from_facts(
    said: &StatedFacts,
    filename: &str,
    config: &Config,
    reason: Option<String>,
) -> Result<Candidate, EditError> {
    let missing = |key| EditError::Missing {
        key,
        reason: reason.clone(),
    };
    let device = said.device.as_deref().ok_or_else(|| missing("device"))?;
    let version = said.version.clone().ok_or_else(|| missing("version"))?;
    let romtype = said.romtype.as_deref().ok_or_else(|| missing("romtype"))?;
    let timestamp = said.timestamp.ok_or_else(|| missing("datetime"))?;
    let size = said.size.ok_or_else(|| missing("size"))?;
    let fault = build::version_fault(&version).or_else(|| build::version_number_fault(&version));
    if let Some(fault) = fault {
        return Err(format!("version `{}` {fault}", version.escape_debug()).into());
    }
    let build = Build {
        device: Device::parse(device).map_err(|e| e.to_string())?,
        variant: config.variant(filename, &|_| None).cloned(),
        romtype: Romtype::parse(romtype).map_err(|e| e.to_string())?,
        version,
        timestamp,
        incremental: said.incremental.clone(),
        kind: Kind::Full,
        sdk_level: said.sdk_level,
        security_patch: said.security_patch.clone(),
        path: filename.to_owned(),
        filename: filename.to_owned(),
        size,
        sha256: said.sha256.clone(),
        id: None,
        md5: said.md5.clone(),
        url: said.url.clone(),
        ota_url: None,
        property_files: None,
        signer: None,
        next_device: None,
        csig: None,
        images: Vec::new(),
        family: None,
    };
    Ok(Candidate {
        build,
        notes: Vec::new(),
        is_read: false,
    })
}

/// Adds a build, or takes it up again; `now` is in seconds since the epoch.
///
/// # Errors
/// [`EditError::Refused`] if phones could not use it, or it is another catalog's;
/// [`EditError::NoAddress`].
pub fn add(
    candidate: Candidate,
    config: &Config,
    catalogs: &mut Catalogs,
    now: i64,
) -> Result<Vec<Note>, EditError> {
    let Candidate {
        build,
        mut notes,
        is_read,
    } = candidate;
    notes.extend(check(&build, now)?);
    if is_read && let Some(objection) = object(config, &build, catalogs) {
        return Err(format!("{}: {objection}", build.filename.escape_debug()).into());
    }
    let shared = SharedLists::new(catalogs).warning(config, &build);
    notes.extend(shared.map(Note::OfPackage));
    match config.address(&build) {
        None => {
            let reason = "no setting gives it a download address".to_owned();
            return Err(EditError::NoAddress(reason));
        }
        Some((_, AddressSource::Site)) if !config.builds.join(&build.path).exists() => {
            let builds = config.builds.display();
            let reason = format!("it does not lie in {builds}, so phones cannot get it there");
            return Err(EditError::NoAddress(reason));
        }
        Some((url, AddressSource::Template)) if build.url.is_some() => {
            notes.push(Note::OtherAddress(url));
        }
        Some(_) => {}
    }
    if catalogs.others_offer(build.identity()) {
        return Err("another catalog has this build already".to_owned().into());
    }
    let own = &mut catalogs.own;
    let mut record = Record::new(build);
    recognise(&mut record.build, own);
    make_room(&mut record.build, own, &mut notes)?;
    let build = &record.build;
    let has_its_id = |other: &&Record| {
        other.build.phone_id() == build.phone_id() && other.build.identity() != build.identity()
    };
    if let Some(other) = own.builds.values().find(has_its_id) {
        let other = other.build.filename.escape_debug();
        return Err(format!("`{other}` has its md5, and phones know it by that already").into());
    }
    if let Some(known) = own.builds.remove(record.build.identity()) {
        keep_known(&mut record, known);
    }
    let identity = record.build.identity().to_owned();
    own.builds.insert(identity, record);
    Ok(notes)
}

fn check(build: &Build, now: i64) -> Result<Vec<Note>, String> {
    let entry = ListedBuild {
        filename: Some(&build.filename),
        url: build.url.as_deref(),
        version: Some(&build.version),
        romtype: Some(build.romtype.as_str()),
        timestamp: Some(build.timestamp),
        size: Some(i64::try_from(build.size).unwrap_or(i64::MAX)),
    };
    let problems = entry_rules::judge(&entry, now);
    if let Some(error) = problems.iter().find(|problem| problem.is_error()) {
        return Err(error.to_string());
    }
    file::validate_build(build)?;
    if let Some((what, value, reason)) = build.unportable() {
        return Err(format!("{what} `{}` {reason}", value.escape_debug()));
    }
    match build.incremental.as_deref().and_then(build::path_fault) {
        None => Ok(problems.into_iter().map(Note::Doubtful).collect()),
        Some(reason) => Err(format!(
            "the incremental cannot be part of a feed's address: {reason}"
        )),
    }
}

/// Finds the same build in the catalog where only one of the two has a SHA-256, so that both have
/// one identity and the id that phones know.
fn recognise(build: &mut Build, own: &mut Catalog) {
    recognise_imported(build, own);
    let Some(Record { build: known, .. }) = own.find_filename(&build.filename) else {
        return;
    };
    let is_it = known.device == build.device
        && known.size == build.size
        && known.md5.is_some()
        && known.md5 == build.md5;
    if build.sha256.is_none() && is_it {
        build.sha256.clone_from(&known.sha256);
        build.id.clone_from(&known.id);
    }
}

/// Takes the build out that has the name of the new one, and the new one's tombstone.
fn make_room(build: &mut Build, own: &mut Catalog, notes: &mut Vec<Note>) -> Result<(), String> {
    let namesake = own
        .find_filename(&build.filename)
        .map(|record| record.build.clone());
    if let Some(old) = namesake.filter(|old| old.identity() != build.identity()) {
        if old.device != build.device {
            return Err(format!(
                "a build of {} has this file name already",
                old.device
            ));
        }
        notes.push(Note::Superseded(build.filename.clone()));
        let reason = Reason::Superseded(build.identity().to_owned());
        own.bury(old.identity(), reason);
    }
    // One that was removed before its SHA-256 was known has only its name, and its id.
    let is_it = |identity: &str, stone: &Tombstone| {
        identity == build.identity()
            || stone.sha256.is_none()
                && stone.reason == Reason::Removed
                && stone.device == build.device
                && stone.filename == build.filename
    };
    let stones = own.tombstones.iter();
    let stones = stones.filter(|(identity, stone)| is_it(identity, stone));
    let stones: Vec<String> = stones.map(|(identity, _)| identity.clone()).collect();
    for identity in stones {
        let stone = own.tombstones.remove(&identity);
        let id = stone.and_then(|stone| stone.id);
        build.id = build.id.take().or(id);
        notes.push(Note::Returned);
    }
    Ok(())
}

/// What phones have of a build that is added once more stays: above all its id.
fn keep_known(record: &mut Record, known: Record) {
    let ours = &mut record.build;
    let theirs = known.build.clone();
    ours.id = theirs.id.filter(|id| ours.sha256.as_ref() != Some(id));
    ours.incremental = ours.incremental.take().or(theirs.incremental);
    ours.next_device = ours.next_device.take().or(theirs.next_device);
    ours.signer = ours.signer.take().or(theirs.signer);
    ours.images = theirs.images;
    let build = std::mem::replace(&mut record.build, known.build);
    record.former = known.former;
    record.update(build);
}

/// The identity of the build with this file name, path, id or start of its sha256.
///
/// # Errors
/// [`EditError::Refused`] if there is none, or more than one.
pub fn find(name: &str, config: &Config, own: &Catalog) -> Result<String, EditError> {
    let found: Vec<&str> = own
        .builds
        .values()
        .filter(|record| names_build(name, &record.build))
        .map(|record| record.build.identity())
        .collect();
    let name = name.escape_debug();
    match found[..] {
        [identity] => Ok(identity.to_owned()),
        [] => Err(EditError::Refused(format!(
            "`{name}` is no file name, and no start of at least {MIN_PREFIX} digits of a sha256, in {}",
            config.catalogs[0].display()
        ))),
        [..] => Err(EditError::Refused(format!(
            "`{name}` could be {} builds; give more digits",
            found.len()
        ))),
    }
}

fn names_build(name: &str, build: &Build) -> bool {
    let is_prefix =
        name.len() >= MIN_PREFIX && build.identity().starts_with(&name.to_ascii_lowercase());
    build.filename == name || build.path == name || build.phone_id() == name || is_prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_text_or_unix_seconds() {
        for text in [
            "2017-01-14 13:59:25",
            " 2017-01-14 13:59:25 ",
            "2017-01-14T13:59:25",
            "2017-01-14T13:59:25Z",
            "2017-01-14 13:59:25.123456",
            "2017-01-14T15:59:25+02:00",
            "1484402365",
        ] {
            assert_eq!(parse_time(text), Ok(1_484_402_365), "{text}");
        }
        assert_eq!(parse_time("-5"), Ok(-5));
        for text in [
            "",
            "soon",
            "2017-01-14",
            "2017-01-14 13:59",
            "2017-02-30 13:59:25",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_name_comes_from_the_file_or_its_address() {
        let name = |zip: &str, url: &str| {
            find_filename(&StatedFacts {
                zip: (!zip.is_empty()).then(|| zip.into()),
                url: Some(url.to_owned()),
                ..StatedFacts::default()
            })
        };
        assert_eq!(name("a/b.zip", "https://h/c.zip").unwrap(), "b.zip");
        assert_eq!(
            name("", "https://h/d/c%20c.ZIP?x=/y.zip#z").unwrap(),
            "c c.ZIP"
        );
        for url in [
            "https://h",
            "https://h/",
            "https://h/a.img",
            "https://h/a%2fb.zip",
            "https://h/.zip",
        ] {
            assert!(name("", url).is_err(), "{url}");
        }
    }
}
