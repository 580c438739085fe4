//! Makes a build from given facts and its package.
//!
//! In: [`StatedFacts`]. Out: a [`Candidate`], which [`add`](super::add()) puts into the catalog. The
//! catalog is neither read nor locked, since reading a package may take long.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use digest_lanes::checksum_file;
use ota_view::error_kind::chain;
use ota_view::io::ReadAt;
use ota_view::verify;

use super::stated::find_filename;
use super::{EditError, Note, StatedFacts};
use crate::fetch::{Fetch, Remote, RemoteError};
use crate::generate::hashed::Hashed;
use crate::generate::require::{self, OnePass, Refused};
use crate::generate::state::{cache_key, load_cache};
use crate::ingest::digests::{self, Digests};
use crate::ingest::scan;
use crate::ingest::{self, Context, Examined, RemotePackage};
use crate::model::build::{self, Build, Device, Romtype};
use crate::model::config::Config;
use crate::model::facts::Fact;
use crate::model::fault_kind::FaultKind;

/// A build that may be [added](super::add()).
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The build.
    pub build: Build,
    /// Notes about it.
    pub notes: Vec<Note>,
    /// Whether its package was read, so that it can be compared with others of its channel.
    pub(super) is_read: bool,
}

/// Completes the given facts from the build's package: the zip on this machine or, if facts are
/// missing, parts of the zip at its address. `now` is in seconds since the epoch; without `fetch`
/// no host is contacted.
///
/// What a package says takes precedence, except for what is only read from its file name. A package
/// whose device, release type, size or digest differs from what was given is refused.
///
/// # Errors
/// [`EditError::Refused`] or [`EditError::Missing`]
pub fn prepare(
    stated: StatedFacts,
    config: &Config,
    fetch: Option<&Arc<dyn Fetch>>,
    now: i64,
) -> Result<Candidate, EditError> {
    let stated = stated.normalized();
    let filename = find_filename(&stated)?;
    let local = match &stated.zip {
        Some(zip) => Some((zip.clone(), path_in_builds(zip, &config.builds))),
        None => find_in_builds(config, &filename)?,
    };
    let is_local = local.is_some();
    let mut candidate = match (local, &stated.url, fetch) {
        (Some((zip, path)), ..) => from_zip(&stated, &zip, &path, config, now)?,
        (None, Some(url), Some(fetch)) if stated.lacks_facts() => {
            from_url(&stated, url, &filename, config, fetch, now)?
        }
        (None, ..) => from_facts(&stated, &filename, config, None)?,
    };
    apply_variant(&stated, &mut candidate);
    require_identity(&mut candidate.build)?;
    if !is_local {
        verify_at_address(&candidate.build, &stated, config, fetch)?;
    }
    Ok(candidate)
}

/// Verifies the package at the given address, all of which is read for that, if its device has requirements.
fn verify_at_address(
    build: &Build,
    stated: &StatedFacts,
    config: &Config,
    fetch: Option<&Arc<dyn Fetch>>,
) -> Result<(), EditError> {
    let (require, certificates) = config.requirements(&build.device);
    if require.is_empty() {
        return Ok(());
    }
    let refuse = |reason: String| {
        let path = build.path.escape_debug();
        EditError::Refused(format!("{path}: it cannot be verified: {reason}"))
    };
    let (Some(url), Some(fetch)) = (&stated.url, fetch) else {
        return Err(refuse("it has no address to read it from".to_owned()));
    };
    let remote = Remote::open(Arc::clone(fetch), url).map_err(|error| refuse(chain(&error)))?;
    let whole = remote.with_max_bytes(u64::MAX);
    let mut verdict = verify::check_source(whole, &build.path, &config.limits)
        .map_err(|error| refuse(chain(&error)))?;
    verdict.expect_signer(certificates, &build.path);
    match require.objection(&verdict.findings) {
        None => Ok(()),
        Some(finding) => {
            let refused = Refused(finding.clone());
            let path = build.path.escape_debug();
            Err(EditError::Refused(format!("{path}: {refused}")))
        }
    }
}

/// Sets the given variant, unless the settings have one for the build.
fn apply_variant(stated: &StatedFacts, candidate: &mut Candidate) {
    let build = &mut candidate.build;
    match (&build.variant, &stated.variant) {
        (None, Some(given)) => build.variant = Some(given.clone()),
        (Some(set), Some(given)) if set != given => candidate.notes.push(Note::Corrected {
            fact: "variant",
            given: given.to_string(),
            found: set.to_string(),
            place: "[[variant]] in the settings".to_owned(),
        }),
        _ => {}
    }
}

/// Requires a digest: without a SHA-256, phones know the build by its MD5.
fn require_identity(build: &mut Build) -> Result<(), EditError> {
    if build.sha256.is_none() {
        let missing = || EditError::Missing {
            key: "sha256",
            reason: Some(
                "there is no `md5` either by which phones could know the build".to_owned(),
            ),
        };
        build.id = Some(build.md5.clone().ok_or_else(missing)?);
    }
    Ok(())
}

/// A package as a scan finds it: the file, and its path in the folder of builds.
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

/// Returns the path of a package in the folder of builds, as a scan gives it; for a package outside
/// the folder, its file name.
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
    stated: &StatedFacts,
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
    let mut candidate = from_package(stated, package, config, now)?;
    let cache = load_cache(config);
    let mut digests = cache.digests(&cache_key(zip), stamp);
    let mut verdict = None;
    let (require, _) = config.requirements(&candidate.build.device);
    if digests.is_none() && !require.is_empty() {
        let (verified, of_pass) = OnePass::new(config, stamp.size).read(zip, path, stamp, &|_| ());
        (verdict, digests) = (Some(verified), of_pass);
    }
    let digests = match digests {
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
    for (key, given, found) in [
        ("md5", &stated.md5, &md5),
        ("sha256", &stated.sha256, &sha256),
    ] {
        refuse_other(key, given.as_deref(), found)?;
    }
    candidate.build.md5 = Some(md5);
    candidate.build.sha256 = Some(sha256);
    let mut hashed = Hashed {
        build: candidate.build.clone(),
        file: zip.to_owned(),
        stamp,
        projects: None,
        verdict,
    };
    match require::fault(config, &mut hashed, &cache) {
        Some(fault) => Err(chain(&*fault.error).into()),
        None => Ok(candidate),
    }
}

/// Refuses a given value that differs from the package's.
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

/// Completes facts from the package at its address; if it cannot be fetched, the given facts must
/// suffice.
fn from_url(
    stated: &StatedFacts,
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
        Err(error) => return from_facts(stated, filename, config, Some(unread(&error))),
    };
    let context = Context::new(config);
    let package = RemotePackage {
        source: Arc::clone(&remote),
        known_as: None,
        path: filename,
        place: None,
    };
    let package = match ingest::examine_remote(package, context) {
        Ok(package) => package,
        Err(error) if error.kind() == FaultKind::Io => {
            return from_facts(stated, filename, config, Some(unread(&error)));
        }
        Err(error) => return Err(unread(&error).into()),
    };
    let mut candidate = from_package(stated, package, config, now)?;
    let build = &mut candidate.build;
    build.md5.clone_from(&stated.md5);
    build.sha256.clone_from(&stated.sha256);
    for (digest, suffix, len) in [
        (&mut build.sha256, ".sha256sum", 64),
        (&mut build.md5, ".md5sum", 32),
    ] {
        let sidecar = || fetch_digest(fetch, url, filename, suffix, len);
        *digest = digest.take().or_else(sidecar);
    }
    // Phones cannot use an address that is not https, such as one for tests on this machine.
    build.url = build.url.take().filter(|url| url.starts_with("https:"));
    candidate.notes.push(Note::Fetched(remote.traffic()));
    Ok(candidate)
}

/// Fetches the digest from the checksum file next to a package on its host, if there is one.
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

/// Makes a candidate from its package; given facts fill in what the package lacks.
fn from_package(
    stated: &StatedFacts,
    mut package: Examined,
    config: &Config,
    now: i64,
) -> Result<Candidate, EditError> {
    let mut notes = Vec::new();
    if let Some(size) = stated.size {
        refuse_other(
            "size",
            Some(&size.to_string()),
            &package.stamp.size.to_string(),
        )?;
    }
    for fact in Fact::ALL {
        if let Some(given) = stated.fact(fact) {
            notes.extend(compare_fact(fact, given, &mut package)?);
        }
    }
    let mut build = package.draft(config, now).map_err(|error| match error {
        ingest::Error::Missing { facts, .. } => EditError::Missing {
            key: facts.first().copied().unwrap_or_default(),
            reason: Some("the package does not have it".to_owned()),
        },
        error => EditError::Refused(chain(&error)),
    })?;
    build.url.clone_from(&stated.url);
    let warnings = package.facts.warnings.into_iter();
    notes.extend(warnings.map(Note::OfPackage));
    Ok(Candidate {
        build,
        notes,
        is_read: true,
    })
}

/// Compares a given value with the package's. Sets it where the package has none, or has it only from
/// its file name; otherwise the package's value is used, with a note if they differ.
///
/// # Errors
/// [`EditError::Refused`] if device or romtype differ, since phones would refuse the build.
fn compare_fact(
    fact: Fact,
    given: String,
    package: &mut Examined,
) -> Result<Option<Note>, EditError> {
    let Some(found) = package.facts.get(fact).cloned() else {
        package.facts.set(fact, &given, "given");
        return Ok(None);
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
        _ => {
            return Ok(Some(Note::Corrected {
                fact: fact.as_str(),
                given,
                found: found.value,
                place,
            }));
        }
    }
    Ok(None)
}

/// Makes a candidate from given facts alone; `reason` says why its package could not be read, if
/// that was tried.
fn from_facts(
    stated: &StatedFacts,
    filename: &str,
    config: &Config,
    reason: Option<String>,
) -> Result<Candidate, EditError> {
    let missing = |key| EditError::Missing {
        key,
        reason: reason.clone(),
    };
    let device = stated.device.as_deref().ok_or_else(|| missing("device"))?;
    let version = stated.version.clone().ok_or_else(|| missing("version"))?;
    let romtype = stated
        .romtype
        .as_deref()
        .ok_or_else(|| missing("romtype"))?;
    let timestamp = stated.timestamp.ok_or_else(|| missing("datetime"))?;
    let size = stated.size.ok_or_else(|| missing("size"))?;
    let fault = build::version_fault(&version).or_else(|| build::version_number_fault(&version));
    if let Some(fault) = fault {
        return Err(format!("version `{}` {fault}", version.escape_debug()).into());
    }
    let build = Build {
        variant: config.variant(filename, &|_| None).cloned(),
        incremental: stated.incremental.clone(),
        sdk_level: stated.sdk_level,
        security_patch: stated.security_patch.clone(),
        sha256: stated.sha256.clone(),
        md5: stated.md5.clone(),
        url: stated.url.clone(),
        ..Build::new(
            Device::parse(device).map_err(|e| e.to_string())?,
            Romtype::parse(romtype).map_err(|e| e.to_string())?,
            version,
            timestamp,
            filename.to_owned(),
            size,
        )
    };
    Ok(Candidate {
        build,
        notes: Vec::new(),
        is_read: false,
    })
}
