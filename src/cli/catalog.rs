//! `romfeed catalog`: add, remove, yank and list builds by hand.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use romfeed::build::{Build, Device, Kind, Romtype, Variant};
use romfeed::catalog::{Catalog, Catalogs, Reason, Record, lanes};
use romfeed::config::Config;
use romfeed::digest::{self, Options};
use romfeed::generate;
use romfeed::generate::edit::{self, EditError, Note};
use romfeed::ingest::{self, Context};
use serde::Serialize;

use super::Outcome;
use super::args::AddArgs;
use super::inspect::{format_time, path_in_builds, print_json};
use super::report::{Talk, chain, print_run_error};

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

/// What is told of a change once it is written.
enum Said {
    Line(String),
    Warning(String),
}

impl From<Note> for Said {
    fn from(note: Note) -> Said {
        match note {
            Note::Returned => Said::Line(note.to_string()),
            Note::OtherAddress(_) | Note::Superseded(_) | Note::Doubtful(_) => {
                Said::Warning(note.to_string())
            }
        }
    }
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
        let filename = build.filename.escape_debug().to_string();
        if args.zip.is_some()
            && let Some(objection) = generate::object(config, &build, catalogs)
        {
            return Err(format!("{filename}: {objection}").into());
        }
        let lacks_level = build.kind == Kind::Full && build.sdk_level.is_none();
        let notes = edit::add(build, config, catalogs, super::now())?;
        let mut said: Vec<Said> = notes.into_iter().map(Said::from).collect();
        said.extend(lacks_level.then(|| Said::Warning(lacking_level(&filename))));
        said.push(Said::Line(format!("added {filename}")));
        Ok(said)
    })
}

fn lacking_level(filename: &str) -> String {
    format!(
        "{filename}: its API level is not known, so LineageOS 23.2 and later take it for too old; \
         add it once more with --sdk-level"
    )
}

/// Removes builds named by file name or by the start of their sha256.
pub(crate) fn remove(names: &[String], config: &Config, talk: Talk) -> Outcome {
    change(config, talk, |catalogs| {
        let mut said = Vec::new();
        for identity in find_all(names, config, &catalogs.own)? {
            // One that is named twice is removed once.
            let record = catalogs.own.bury(&identity, Reason::Removed);
            let filename = record.map(|record| record.build.filename.escape_debug().to_string());
            said.extend(filename.map(|filename| Said::Line(format!("removed {filename}"))));
        }
        Ok(said)
    })
}

/// Withdraws builds for a reason, or offers them again if there is none.
pub(crate) fn yank(names: &[String], reason: Option<&str>, config: &Config, talk: Talk) -> Outcome {
    change(config, talk, |catalogs| {
        if reason.is_some_and(|reason| reason.trim().is_empty()) {
            let reason = "--reason is empty; say in a few words why";
            return Err(reason.to_owned().into());
        }
        let mut said = Vec::new();
        for identity in find_all(names, config, &catalogs.own)? {
            let record = catalogs.own.builds.get_mut(&identity).expect("found above");
            let filename = record.build.filename.escape_debug();
            said.push(match (reason, &record.yanked) {
                (Some(_), _) => Said::Line(format!("yanked {filename}")),
                (None, Some(_)) => Said::Line(format!("{filename} is offered again")),
                (None, None) => Said::Warning(format!("{filename} was not yanked")),
            });
            record.yanked = reason.map(str::to_owned);
        }
        Ok(said)
    })
}

/// The identities of builds named by file name or by the start of their sha256.
fn find_all(names: &[String], config: &Config, own: &Catalog) -> Result<Vec<String>, EditError> {
    let find = |name: &String| edit::find(name, config, own);
    names.iter().map(find).collect()
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

/// Loads the catalog under its lock, lets `edit` change it, writes it, and tells what was done.
fn change(
    config: &Config,
    talk: Talk,
    edit: impl FnOnce(&mut Catalogs) -> Result<Vec<Said>, EditError>,
) -> Outcome {
    match edit::change(config, edit) {
        Ok(said) => {
            for one in said {
                match one {
                    Said::Line(text) => talk.line(&text),
                    Said::Warning(text) => talk.warning(&text),
                }
            }
            talk.line("next: romfeed generate");
            Outcome::Done
        }
        Err(EditError::Run(error)) => {
            print_run_error(talk, &error);
            Outcome::of_error(&error)
        }
        Err(error) => {
            let lacks_address = matches!(error, EditError::NoAddress(_));
            talk.error(
                &chain(&error),
                lacks_address.then_some("name its address: --url URL"),
            );
            Outcome::Failed
        }
    }
}

fn from_zip(args: &AddArgs, config: &Config, talk: Talk) -> Result<Build, String> {
    let zip = args.zip.as_deref().expect("called for --zip");
    let context = Context::new(config);
    let read = || -> Result<Build, ingest::Error> {
        let mut package = ingest::examine(zip, &path_in_builds(zip, &config.builds), context)?;
        let mut build = package.draft(config, super::now())?;
        let digests = digest::digest_file(zip, package.stamp, &Options::of(config))?;
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

fn from_facts(args: &AddArgs, config: &Config) -> Result<Build, EditError> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let filename = text(&args.filename);
    let build = Build {
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
        images: Vec::new(),
    };
    edit::check_said(&build)?;
    Ok(build)
}
