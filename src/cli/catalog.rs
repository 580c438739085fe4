//! `romfeed catalog`: add, remove, yank and list builds by hand.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use romfeed::build::{self, Build, Device, Kind, Romtype, Variant};
use romfeed::catalog::{Catalog, Catalogs, Reason, Record, file, lanes};
use romfeed::config::{AddressSource, Config};
use romfeed::digest;
use romfeed::generate::{self, lock_state, save_catalog};
use romfeed::ingest::{self, Context};
use serde::Serialize;

use super::Outcome;
use super::args::AddArgs;
use super::inspect::{format_time, path_in_builds, print_json};
use super::report::{Talk, chain, print_run_error};

/// Fewest digits of a sha256 that name a build.
const MIN_PREFIX: usize = 8;

/// One line of `catalog list --json`; part of the documented schema.
#[derive(Serialize)]
struct Line<'a> {
    filename: &'a str,
    device: &'a str,
    romtype: &'a str,
    version: &'a str,
    datetime: i64,
    incremental: Option<&'a str>,
    kind: &'a str,
    source_incremental: Option<&'a str>,
    size: u64,
    md5: Option<&'a str>,
    sha256: Option<&'a str>,
    id: &'a str,
    variant: Option<&'a str>,
    signer: Option<&'a str>,
    url: Option<String>,
    state: &'a str,
    yanked: Option<&'a str>,
}

/// Adds a build.
pub(crate) fn add(args: &AddArgs, config: &Config, talk: Talk) -> Outcome {
    change(config, talk, |catalogs| {
        let mut build = match &args.zip {
            Some(_) => from_zip(args, config, talk)?,
            None => from_facts(args, config)?,
        };
        if let Some(url) = &args.url {
            build.url = Some(url.clone());
        }
        file::check(&build)?;
        if build.timestamp > super::now().saturating_add(ingest::CLOCK_SLACK) {
            return Err(format!("datetime {} is in the future", build.timestamp));
        }
        if let Some(reason) = build.incremental.as_deref().and_then(build::path_fault) {
            return Err(format!(
                "the incremental cannot be part of a feed's address: {reason}"
            ));
        }
        match config.address(&build) {
            None => return Err("no setting gives it a download address; add --url URL".to_owned()),
            Some((_, AddressSource::Site)) if !config.builds.join(&build.path).exists() => {
                return Err(format!(
                    "it does not lie in {}, so phones cannot get it there; add --url URL",
                    config.builds.display()
                ));
            }
            Some((url, AddressSource::Template)) if args.url.is_some() => {
                talk.warning(&format!("`url` in the settings goes before --url: {url}"));
            }
            Some(_) => {}
        }
        let filename = build.filename.clone();
        if catalogs.others_offer(build.identity()) {
            return Err("another catalog has this build already".to_owned());
        }
        if args.zip.is_some()
            && let Some(objection) = generate::object(config, &build, catalogs)
        {
            return Err(format!("{}: {objection}", filename.escape_debug()));
        }
        let own = &mut catalogs.own;
        let namesake = own
            .find_filename(&filename)
            .map(|record| record.build.clone());
        if let Some(old) = namesake.filter(|old| old.identity() != build.identity()) {
            if old.device != build.device {
                return Err(format!(
                    "a build of {} has this file name already",
                    old.device
                ));
            }
            talk.warning(&format!(
                "{}: the old build of this name is offered no more",
                filename.escape_debug()
            ));
            let reason = Reason::Superseded(build.identity().to_owned());
            own.bury(old.identity(), reason);
        }
        if own.tombstones.remove(build.identity()).is_some() {
            talk.line("it was removed before and is taken up again");
        }
        let mut record = Record::new(build);
        if let Some(known) = own.builds.remove(record.build.identity()) {
            keep_known(&mut record, known);
        }
        own.builds
            .insert(record.build.identity().to_owned(), record);
        talk.line(&format!("added {}", filename.escape_debug()));
        Ok(())
    })
}

/// What phones have of a build that is added once more stays: above all its id.
fn keep_known(record: &mut Record, known: Record) {
    let ours = &mut record.build;
    let theirs = known.build.clone();
    ours.id = theirs.id.filter(|id| ours.sha256.as_ref() != Some(id));
    ours.incremental = ours.incremental.take().or(theirs.incremental);
    ours.next_device = ours.next_device.take().or(theirs.next_device);
    ours.signer = ours.signer.take().or(theirs.signer);
    let build = std::mem::replace(&mut record.build, known.build);
    record.former = known.former;
    record.update(build);
}

/// Removes builds named by file name or by the start of their sha256.
pub(crate) fn remove(names: &[String], config: &Config, talk: Talk) -> Outcome {
    change(config, talk, |catalogs| {
        for identity in find_all(names, config, &catalogs.own)? {
            let record = catalogs.own.bury(&identity, Reason::Removed);
            let record = record.expect("found above");
            talk.line(&format!("removed {}", record.build.filename.escape_debug()));
        }
        Ok(())
    })
}

/// Withdraws builds for a reason, or offers them again if there is none.
pub(crate) fn yank(names: &[String], reason: Option<&str>, config: &Config, talk: Talk) -> Outcome {
    change(config, talk, |catalogs| {
        if reason.is_some_and(|reason| reason.trim().is_empty()) {
            return Err("--reason is empty; say in a few words why".to_owned());
        }
        for identity in find_all(names, config, &catalogs.own)? {
            let record = catalogs.own.builds.get_mut(&identity).expect("found above");
            let filename = record.build.filename.escape_debug();
            match (reason, &record.yanked) {
                (Some(_), _) => talk.line(&format!("yanked {filename}")),
                (None, Some(_)) => talk.line(&format!("{filename} is offered again")),
                (None, None) => talk.warning(&format!("{filename} was not yanked")),
            }
            record.yanked = reason.map(str::to_owned);
        }
        Ok(())
    })
}

/// The identities of builds named by file name or by the start of their sha256.
fn find_all(names: &[String], config: &Config, own: &Catalog) -> Result<Vec<String>, String> {
    let find = |name: &String| {
        let found: Vec<&str> = own
            .builds
            .values()
            .filter(|record| names_build(name, &record.build))
            .map(|record| record.build.identity())
            .collect();
        match found[..] {
            [identity] => Ok(identity.to_owned()),
            [] => Err(format!(
                "`{}` is no file name, and no start of at least {MIN_PREFIX} digits of a sha256, in {}",
                name.escape_debug(),
                config.catalogs[0].display()
            )),
            [..] => Err(format!(
                "`{}` could be {} builds; give more digits",
                name.escape_debug(),
                found.len()
            )),
        }
    };
    names.iter().map(find).collect()
}

fn names_build(name: &str, build: &Build) -> bool {
    let is_prefix =
        name.len() >= MIN_PREFIX && build.identity().starts_with(&name.to_ascii_lowercase());
    build.filename == name || build.path == name || build.phone_id() == name || is_prefix
}

/// Prints all builds.
pub(crate) fn list(json: bool, config: &Config, talk: Talk) -> io::Result<Outcome> {
    let merged = match load(config).and_then(|catalogs| Ok(catalogs.merged()?.into_owned())) {
        Ok(merged) => merged,
        Err(error) => {
            print_run_error(talk, &error);
            return Ok(Outcome::of_error(&error));
        }
    };
    // Where phones get a build is the matter of the run that publishes it.
    let urls = merged
        .builds
        .keys()
        .map(|key| (key.as_str(), String::new()));
    let urls: BTreeMap<&str, String> = urls.collect();
    let lanes = lanes::lanes(&merged, config, &urls, super::now());
    let offers = lanes.lanes.values().flat_map(|lane| {
        let deltas = lane.deltas.iter().map(|delta| delta.offer);
        lane.offers.iter().copied().chain(deltas)
    });
    let offered: HashSet<&str> = offers.map(|offer| offer.build.identity()).collect();
    let mut records: Vec<&Record> = merged.builds.values().collect();
    records.sort_by_key(|record| {
        let build = &record.build;
        (
            build.device.clone(),
            build.romtype.to_path(),
            build.timestamp,
            build.filename.clone(),
        )
    });
    for record in records {
        let build = &record.build;
        let state = match record {
            Record {
                yanked: Some(_), ..
            } => "yanked",
            Record { retired: true, .. } => "retired",
            _ if offered.contains(build.identity()) => "offered",
            _ if lanes.held.contains_key(build.path.as_str()) => "held",
            _ => "unlisted",
        };
        if json {
            print_json(&Line {
                filename: &build.filename,
                device: build.device.as_str(),
                romtype: build.romtype.as_str(),
                version: &build.version,
                datetime: build.timestamp,
                incremental: build.incremental.as_deref(),
                kind: build.kind.as_str(),
                source_incremental: build.kind.source_incremental(),
                size: build.size,
                md5: build.md5.as_deref(),
                sha256: build.sha256.as_deref(),
                id: build.phone_id(),
                variant: build.variant.as_ref().map(Variant::as_str),
                signer: build.signer.as_deref(),
                url: config.address(build).map(|(url, _)| url),
                state,
                yanked: record.yanked.as_deref(),
            })?;
        } else {
            writeln!(
                io::stdout(),
                "{:<16} {:<11} {:<8} {}  {:<5} {:<8} {} {}{}",
                match &build.variant {
                    Some(variant) => format!("{variant}/{}", build.device),
                    None => build.device.to_string(),
                },
                build.romtype.as_str(),
                build.version.escape_debug().to_string(),
                format_time(build.timestamp),
                build.kind.as_str(),
                state,
                build
                    .identity()
                    .get(..12)
                    .unwrap_or(build.identity())
                    .escape_debug(),
                build.filename.escape_debug(),
                match &record.yanked {
                    Some(reason) => format!(" ({})", reason.escape_debug()),
                    None => String::new(),
                },
            )?;
        }
    }
    if merged.builds.is_empty() {
        talk.line("the catalog is empty");
    }
    Ok(Outcome::Done)
}

fn load(config: &Config) -> Result<Catalogs, romfeed::generate::Error> {
    Ok(Catalogs::load(&config.catalogs)?)
}

/// Loads the catalog under its lock, lets `edit` change it, and writes it.
fn change(
    config: &Config,
    talk: Talk,
    edit: impl FnOnce(&mut Catalogs) -> Result<(), String>,
) -> Outcome {
    let fail = |error: romfeed::generate::Error| {
        print_run_error(talk, &error);
        Outcome::of_error(&error)
    };
    let _lock = match lock_state(&config.state) {
        Ok(lock) => lock,
        Err(error) => return fail(error),
    };
    let mut catalogs = match load(config) {
        Ok(catalogs) => catalogs,
        Err(error) => return fail(error),
    };
    if let Err(message) = edit(&mut catalogs) {
        talk.error(&message, None);
        return Outcome::Failed;
    }
    if let Err(error) = catalogs.merged() {
        return fail(error.into());
    }
    match save_catalog(&config.catalogs[0], &file::render(&catalogs.own)) {
        Err(error) => fail(error),
        Ok(()) => {
            talk.line("next: romfeed generate");
            Outcome::Done
        }
    }
}

fn from_zip(args: &AddArgs, config: &Config, talk: Talk) -> Result<Build, String> {
    let zip = args.zip.as_deref().expect("called for --zip");
    let context = Context::new(config);
    let read = || -> Result<Build, ingest::Error> {
        let mut package = ingest::examine(zip, &path_in_builds(zip, &config.builds), context)?;
        let mut build = package.draft(config, super::now())?;
        let digests = digest::digest_file(zip, package.stamp, &|_| ())?;
        let mut warnings = package.facts.warnings;
        ingest::verify(zip, &digests, &mut warnings)?;
        for warning in &warnings {
            talk.warning(warning);
        }
        build.sha256 = Some(digests.sha256);
        build.md5 = Some(digests.md5);
        Ok(build)
    };
    read().map_err(|error| format!("{}: {}", zip.display(), chain(&error)))
}

fn from_facts(args: &AddArgs, config: &Config) -> Result<Build, String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let filename = text(&args.filename);
    Ok(Build {
        device: Device::parse(&text(&args.device)).map_err(|e| e.to_string())?,
        variant: config.variant(&filename, &|_| None).cloned(),
        romtype: Romtype::parse(&text(&args.romtype)).map_err(|e| e.to_string())?,
        version: text(&args.version),
        timestamp: args.datetime.unwrap_or_default(),
        incremental: args.incremental.clone().filter(|value| !value.is_empty()),
        kind: Kind::Full,
        sdk_level: args.sdk_level,
        security_patch: args.security_patch.clone(),
        path: filename.clone(),
        filename,
        size: args.size.unwrap_or_default(),
        sha256: args
            .sha256
            .as_ref()
            .map(|sha256| sha256.to_ascii_lowercase()),
        id: None,
        md5: args.md5.as_ref().map(|md5| md5.to_ascii_lowercase()),
        url: None,
        ota_url: None,
        property_files: None,
        signer: None,
        next_device: None,
        csig: None,
    })
}
