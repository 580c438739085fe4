//! `romfeed catalog list`: prints all builds of the catalog.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use romfeed::catalog::{Catalogs, Record, channels};
use romfeed::generate;
use romfeed::model::build::Variant;
use romfeed::model::config::Config;
use serde::Serialize;

use crate::cli::json::print_json;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Terminal, print_run_error};
use crate::cli::time::{format_time, now};

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

impl<'a> ListLine<'a> {
    fn new(record: &'a Record, state: &'a str, config: &Config) -> ListLine<'a> {
        let build = &record.build;
        ListLine {
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
        }
    }
}

/// Prints all builds, with their states.
pub(crate) fn list(json: bool, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let load =
        || -> Result<_, generate::Error> { Ok(Catalogs::load(config)?.merged()?.into_owned()) };
    let merged = match load() {
        Ok(merged) => merged,
        Err(error) => {
            print_run_error(terminal, &error);
            return Ok(Outcome::from_error(&error));
        }
    };
    // The addresses of builds do not matter for their states.
    let urls = merged.builds.keys().map(|key| (key, String::new()));
    let urls: BTreeMap<&str, String> = urls.collect();
    let channels = channels::Channels::new(&merged, config, &urls, now());
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
    let state = |record: &Record| {
        let build = &record.build;
        match record {
            Record {
                yanked: Some(_), ..
            } => "yanked",
            Record { retired: true, .. } => "retired",
            _ if offered.contains(build.identity()) => "offered",
            _ if channels.held.contains_key(build.path.as_str()) => "held",
            _ => "unlisted",
        }
    };
    for record in records {
        let state = state(record);
        if json {
            print_json(&ListLine::new(record, state, config))?;
        } else {
            writeln!(io::stdout(), "{}", describe(record, state))?;
        }
    }
    if merged.builds.is_empty() {
        terminal.line("the catalog is empty");
    }
    Ok(Outcome::Done)
}

/// Describes a build in one line, every text of it escaped.
fn describe(record: &Record, state: &str) -> String {
    let build = &record.build;
    format!(
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
    )
}
