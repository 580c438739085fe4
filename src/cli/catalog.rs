//! `romfeed catalog`: add, remove and list builds by hand.

use std::io::{self, Write};

use romfeed::build::{Build, Device, Kind, Romtype};
use romfeed::catalog::{Catalogs, Reason, Record, file};
use romfeed::config::{AddressSource, Config};
use romfeed::digest;
use romfeed::generate::{lock_state, save_catalog};
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
    sha256: &'a str,
    url: Option<String>,
    state: &'a str,
}

/// Adds a build.
pub(crate) fn add(args: &AddArgs, config: &Config, talk: Talk) -> Outcome {
    change(config, talk, |catalogs| {
        let mut build = match &args.zip {
            Some(_) => from_zip(args, config, talk)?,
            None => from_facts(args)?,
        };
        if let Some(url) = &args.url {
            build.url = Some(url.clone());
        }
        file::check(&build)?;
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
        if catalogs.others_offer(&build.sha256) {
            return Err("another catalog has this build already".to_owned());
        }
        let own = &mut catalogs.own;
        let namesake = own
            .find_filename(&filename)
            .map(|record| record.build.clone());
        if let Some(old) = namesake.filter(|old| old.sha256 != build.sha256) {
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
            own.bury(&old.sha256, Reason::Superseded(build.sha256.clone()));
        }
        if own.tombstones.remove(&build.sha256).is_some() {
            talk.line("it was removed before and is taken up again");
        }
        own.builds.insert(build.sha256.clone(), Record::new(build));
        talk.line(&format!("added {}", filename.escape_debug()));
        Ok(())
    })
}

/// Removes builds named by file name or by the start of their sha256.
pub(crate) fn remove(names: &[String], config: &Config, talk: Talk) -> Outcome {
    change(config, talk, |catalogs| {
        let own = &mut catalogs.own;
        for name in names {
            let found: Vec<String> = own
                .builds
                .values()
                .filter(|record| names_build(name, &record.build))
                .map(|record| record.build.sha256.clone())
                .collect();
            let [sha256] = &found[..] else {
                return Err(match found.len() {
                    0 => format!(
                        "`{}` is no file name, and no start of at least {MIN_PREFIX} digits of a sha256, in {}",
                        name.escape_debug(),
                        config.catalogs[0].display()
                    ),
                    n => format!(
                        "`{}` could be {n} builds; give more digits",
                        name.escape_debug()
                    ),
                });
            };
            let record = own.bury(sha256, Reason::Removed).expect("found above");
            talk.line(&format!("removed {}", record.build.filename.escape_debug()));
        }
        Ok(())
    })
}

fn names_build(name: &str, build: &Build) -> bool {
    let is_prefix =
        name.len() >= MIN_PREFIX && build.sha256.starts_with(&name.to_ascii_lowercase());
    build.filename == name || build.path == name || is_prefix
}

/// Prints all builds.
pub(crate) fn list(json: bool, config: &Config, talk: Talk) -> io::Result<Outcome> {
    let merged = match load(config).and_then(|catalogs| Ok(catalogs.merged()?)) {
        Ok(merged) => merged,
        Err(error) => {
            print_run_error(talk, &error);
            return Ok(Outcome::of_error(&error));
        }
    };
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
            Record { build, .. } if build.kind != Kind::Full => "held",
            _ => "offered",
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
                sha256: &build.sha256,
                url: config.address(build).map(|(url, _)| url),
                state,
            })?;
        } else {
            writeln!(
                io::stdout(),
                "{:<16} {:<11} {:<8} {}  {:<5} {:<7} {} {}",
                build.device.as_str(),
                build.romtype.as_str(),
                build.version.escape_debug().to_string(),
                format_time(build.timestamp),
                build.kind.as_str(),
                state,
                &build.sha256[..12],
                build.filename.escape_debug(),
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
        let mut build = package.draft()?;
        let digests = digest::digest_file(zip, package.stamp, &|_| ())?;
        let mut warnings = package.facts.warnings;
        ingest::verify(zip, &digests, &mut warnings)?;
        for warning in &warnings {
            talk.warning(warning);
        }
        build.sha256 = digests.sha256;
        build.md5 = Some(digests.md5);
        Ok(build)
    };
    read().map_err(|error| format!("{}: {}", zip.display(), chain(&error)))
}

fn from_facts(args: &AddArgs) -> Result<Build, String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let filename = text(&args.filename);
    Ok(Build {
        device: Device::parse(&text(&args.device)).map_err(|e| e.to_string())?,
        variant: None,
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
        sha256: text(&args.sha256).to_ascii_lowercase(),
        md5: args.md5.as_ref().map(|md5| md5.to_ascii_lowercase()),
        url: None,
        ota_url: None,
        property_files: None,
        signer: None,
    })
}
