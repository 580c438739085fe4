//! `romfeed catalog`: add, remove, yank and list builds by hand.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use romfeed::catalog::{Catalog, Catalogs, Reason, Record, channels};
use romfeed::fetch::{Fetch, Reach};
use romfeed::generate::edit::{self, EditError, Note, StatedFacts};
use romfeed::model::build::{Kind, Variant};
use romfeed::model::config::Config;
use serde::Serialize;

use super::args::AddArgs;
use super::inspect::{format_time, print_json};
use super::report::{Terminal, chain, print_run_error};
use super::{Outcome, http, remote};

/// One line of `catalog list --json`; part of the documented schema.
#[derive(Serialize)]
struct ListLine<'a> {
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

/// What is reported of a change once it is written.
pub(crate) enum Line {
    Info(String),
    Warning(String),
    /// Only with `-v`.
    Detail(String),
}

impl From<Note> for Line {
    fn from(note: Note) -> Line {
        let text = note.to_string();
        match note {
            Note::Returned => Line::Info(text),
            Note::Fetched(_) => Line::Detail(text),
            Note::OtherAddress(_)
            | Note::Superseded(_)
            | Note::Doubtful(_)
            | Note::Corrected { .. }
            | Note::OfPackage(_) => Line::Warning(text),
        }
    }
}

/// Adds a build.
pub(crate) fn add(args: &AddArgs, config: &Config, terminal: Terminal) -> Outcome {
    let variant = args.variant.as_deref().map(Variant::parse).transpose();
    let variant = match variant {
        Ok(variant) => variant,
        Err(error) => {
            terminal.error(&format!("--variant: {error}"), None);
            return Outcome::Usage;
        }
    };
    let said = StatedFacts {
        zip: args.zip.clone(),
        filename: args.filename.clone(),
        device: args.device.clone(),
        variant,
        romtype: args.romtype.clone(),
        version: args.version.clone(),
        timestamp: args.datetime,
        size: args.size,
        sha256: args.sha256.clone(),
        md5: args.md5.clone(),
        incremental: args.incremental.clone(),
        sdk_level: args.sdk_level,
        security_patch: args.security_patch.clone(),
        url: args.url.clone(),
    };
    let is_askable = args.url.as_deref().is_some_and(http::is_askable);
    let connect = || http::connect(None, remote::TIMEOUT, Reach::Any);
    let http = match is_askable {
        true => connect().map(|http| Some(Arc::new(http) as Arc<dyn Fetch>)),
        false => Ok(None),
    };
    add_said(said, config, http, terminal)
}

/// Adds a build of which this is known; where facts are missing, its address is asked by `http`.
pub(crate) fn add_said(
    said: StatedFacts,
    config: &Config,
    http: Result<Option<Arc<dyn Fetch>>, String>,
    terminal: Terminal,
) -> Outcome {
    let prepared = http
        .map_err(EditError::Refused)
        .and_then(|http| edit::prepare(said, config, http.as_ref(), super::now()));
    let candidate = match prepared {
        Ok(candidate) => candidate,
        Err(error) => return print_edit_error(terminal, &error),
    };
    change(config, terminal, |catalogs| {
        let build = &candidate.build;
        let filename = build.filename.escape_debug().to_string();
        let mut lacking = Vec::new();
        if build.kind == Kind::Full && build.sdk_level.is_none() {
            lacking.push(lacking_level(&filename));
        }
        if build.sha256.is_none() {
            lacking.push(lacking_sha256(&filename));
        }
        let notes = edit::add(candidate, config, catalogs, super::now())?;
        let mut lines: Vec<Line> = notes.into_iter().map(Line::from).collect();
        lines.extend(lacking.into_iter().map(Line::Warning));
        lines.push(Line::Info(format!("added {filename}")));
        Ok(lines)
    })
}

fn lacking_level(filename: &str) -> String {
    format!(
        "{filename}: its API level is not known, so LineageOS 23.2 and later take it for too old; \
         add it once more with --sdk-level"
    )
}

fn lacking_sha256(filename: &str) -> String {
    format!(
        "{filename}: its SHA-256 is not known, so LineageOS 23.2 and later do not see it; \
         add it once more with --sha256, or put its zip into the builds folder"
    )
}

/// Removes builds named by file name or by the start of their sha256.
pub(crate) fn remove(names: &[String], config: &Config, terminal: Terminal) -> Outcome {
    change(config, terminal, |catalogs| {
        let mut said = Vec::new();
        for identity in find_all(names, config, &catalogs.own)? {
            // One that is named twice is removed once.
            let record = catalogs.own.bury(&identity, Reason::Removed);
            let filename = record.map(|record| record.build.filename.escape_debug().to_string());
            said.extend(filename.map(|filename| Line::Info(format!("removed {filename}"))));
        }
        Ok(said)
    })
}

/// Withdraws builds for a reason, or offers them again if there is none.
pub(crate) fn yank(
    names: &[String],
    reason: Option<&str>,
    config: &Config,
    terminal: Terminal,
) -> Outcome {
    change(config, terminal, |catalogs| {
        if reason.is_some_and(|reason| reason.trim().is_empty()) {
            let reason = "--reason is empty; say in a few words why";
            return Err(reason.to_owned().into());
        }
        let mut said = Vec::new();
        for identity in find_all(names, config, &catalogs.own)? {
            let record = catalogs.own.builds.get_mut(&identity).expect("found above");
            let filename = record.build.filename.escape_debug();
            said.push(match (reason, &record.yanked) {
                (Some(_), _) => Line::Info(format!("yanked {filename}")),
                (None, Some(_)) => Line::Info(format!("{filename} is offered again")),
                (None, None) => Line::Warning(format!("{filename} was not yanked")),
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
pub(crate) fn list(json: bool, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let merged = match load(config).and_then(|catalogs| Ok(catalogs.merged()?.into_owned())) {
        Ok(merged) => merged,
        Err(error) => {
            print_run_error(terminal, &error);
            return Ok(Outcome::of_error(&error));
        }
    };
    // Where phones get a build is the matter of the run that publishes it.
    let urls = merged
        .builds
        .keys()
        .map(|key| (key.as_str(), String::new()));
    let urls: BTreeMap<&str, String> = urls.collect();
    let channels = channels::Channels::new(&merged, config, &urls, super::now());
    let offers = channels.channels.values().flat_map(|channel| {
        let deltas = channel.deltas.iter().map(|delta| delta.offer);
        channel.offers.iter().copied().chain(deltas)
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
            _ if channels.held.contains_key(build.path.as_str()) => "held",
            _ => "unlisted",
        };
        if json {
            print_json(&ListLine {
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
        terminal.line("the catalog is empty");
    }
    Ok(Outcome::Done)
}

fn load(config: &Config) -> Result<Catalogs, romfeed::generate::Error> {
    Ok(Catalogs::load(&config.catalogs)?)
}

/// Loads the catalog under its lock, lets `edit` change it, writes it, and reports what was done.
pub(crate) fn change(
    config: &Config,
    terminal: Terminal,
    edit: impl FnOnce(&mut Catalogs) -> Result<Vec<Line>, EditError>,
) -> Outcome {
    match edit::change(config, edit) {
        Ok(lines) => {
            for line in lines {
                match line {
                    Line::Info(text) => terminal.line(&text),
                    Line::Warning(text) => terminal.warning(&text),
                    Line::Detail(text) if terminal.verbosity > 0 => terminal.line(&text),
                    Line::Detail(_) => {}
                }
            }
            terminal.line("next: romfeed generate");
            Outcome::Done
        }
        Err(error) => print_edit_error(terminal, &error),
    }
}

fn print_edit_error(terminal: Terminal, error: &EditError) -> Outcome {
    let hint = match error {
        EditError::Run(error) => {
            print_run_error(terminal, error);
            return Outcome::of_error(error);
        }
        EditError::NoAddress(_) => Some("name its address: --url URL".to_owned()),
        EditError::Missing { key, .. } => Some(format!(
            "put the zip into the builds folder, or give it: romfeed catalog add --{key} …"
        )),
        _ => None,
    };
    terminal.error(&chain(error), hint.as_deref());
    Outcome::Failed
}
