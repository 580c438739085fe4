//! `romfeed catalog add`, `remove`, `yank` and `unyank`: changes of the catalog by hand.
//!
//! In: flags. Out: a changed catalog, written under its lock, and lines about the change.

use std::sync::Arc;

use romfeed::catalog::{Catalog, Catalogs, Reason};
use romfeed::fetch::{Fetch, Reach, is_askable};
use romfeed::generate::edit::{self, EditError, Note, StatedFacts};
use romfeed::model::build::{Kind, Variant};
use romfeed::model::config::Config;

use crate::cli::args::AddArgs;
use crate::cli::escape::shown;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Terminal, chain, print_run_error};
use crate::cli::time::now;
use crate::cli::{http, remote};

/// A line about a change, printed once the change is written.
pub(crate) enum Line {
    Info(String),
    Warning(String),
    /// Printed with `-v` only.
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
    let stated = StatedFacts {
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
    let can_ask = args.url.as_deref().is_some_and(is_askable);
    let connect = || http::connect(None, remote::TIMEOUT, Reach::Any);
    let http = match can_ask {
        true => connect().map(|http| Some(Arc::new(http) as Arc<dyn Fetch>)),
        false => Ok(None),
    };
    add_stated(stated, config, http, terminal)
}

/// Adds a build with these facts. Missing facts are read from its address with `http`.
pub(crate) fn add_stated(
    stated: StatedFacts,
    config: &Config,
    http: Result<Option<Arc<dyn Fetch>>, String>,
    terminal: Terminal,
) -> Outcome {
    let prepared = http
        .map_err(EditError::Refused)
        .and_then(|http| edit::prepare(stated, config, http.as_ref(), now()));
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
        let notes = edit::add(candidate.clone(), config, catalogs, now())?;
        let mut lines: Vec<Line> = notes.into_iter().map(Line::from).collect();
        lines.extend(lacking.into_iter().map(Line::Warning));
        lines.push(Line::Info(format!("added {filename}")));
        Ok(lines)
    })
}

fn lacking_level(filename: &str) -> String {
    format!(
        "{filename}: its API level is unknown, so LineageOS 23.2 and later hide it as too old; \
         add it again with --sdk-level"
    )
}

fn lacking_sha256(filename: &str) -> String {
    format!(
        "{filename}: its SHA-256 is unknown, so LineageOS 23.2 and later do not see it; \
         add it again with --sha256, or put its zip into the builds folder"
    )
}

/// Removes builds named by file name or by the start of their sha256.
pub(crate) fn remove(names: &[String], config: &Config, terminal: Terminal) -> Outcome {
    change(config, terminal, |catalogs| {
        let mut lines = Vec::new();
        for identity in find_all(names, config, &catalogs.own)? {
            // A build that is named twice is removed once.
            let Some(record) = catalogs.own.bury(&identity, Reason::Removed) else {
                continue;
            };
            let filename = record.build.filename.escape_debug();
            let zip = config.builds.join(&record.build.path);
            lines.push(Line::Info(match zip.is_file() {
                true => format!(
                    "removed {filename}; {} stays, and romfeed generate passes over it",
                    shown(&zip)
                ),
                false => format!("removed {filename}"),
            }));
        }
        Ok(lines)
    })
}

/// Withdraws builds for a reason; without one, offers them again.
pub(crate) fn yank(
    names: &[String],
    reason: Option<&str>,
    config: &Config,
    terminal: Terminal,
) -> Outcome {
    change(config, terminal, |catalogs| {
        if reason.is_some_and(|reason| reason.trim().is_empty()) {
            let reason = "--reason is empty; give the reason in a few words";
            return Err(reason.to_owned().into());
        }
        let mut lines = Vec::new();
        for identity in find_all(names, config, &catalogs.own)? {
            let record = catalogs.own.builds.get_mut(&identity).expect("found above");
            let filename = record.build.filename.escape_debug();
            lines.push(match (reason, &record.yanked) {
                (Some(_), _) => Line::Info(format!("yanked {filename}")),
                (None, Some(_)) => Line::Info(format!("{filename} is offered again")),
                (None, None) => Line::Warning(format!("{filename} was not yanked")),
            });
            record.yanked = reason.map(str::to_owned);
        }
        Ok(lines)
    })
}

/// Returns the identities of builds that are named by file name or by the start of their sha256.
fn find_all(names: &[String], config: &Config, own: &Catalog) -> Result<Vec<String>, EditError> {
    let find = |name: &String| edit::find(name, config, own);
    names.iter().map(find).collect()
}

/// Loads the catalog under its lock, changes it with `edit`, writes it, and prints the lines.
pub(crate) fn change(
    config: &Config,
    terminal: Terminal,
    edit: impl FnMut(&mut Catalogs) -> Result<Vec<Line>, EditError>,
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
            return Outcome::from_error(error);
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
