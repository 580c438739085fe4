//! `romfeed generate`: brings the site up to date, and reports what was done.

use std::io::{self, Write};
use std::path::Path;

use romfeed::generate::{self, Event, Report};
use romfeed::model::config::Config;
use romfeed::model::scope::Scope;
use serde::Serialize;

use super::args::{GenerateArgs, SiteArgs};
use super::config::{FILE_NAME, Flags, Resolved, misnamed};
use super::escape;
use super::json::print_json;
use super::outcome::Outcome;
use super::progress::Progress;
use super::report::{self, Next, Terminal};
use super::settings;
use super::sources;
use super::time::now_ns;
use super::unused::{self, Unused};

/// Runs the command.
pub(crate) fn run(
    args: &GenerateArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    settings::with_resolved(file, flags(&args.site), terminal, |resolved| {
        run_with(args, file, resolved, terminal)
    })
}

/// Returns the flags that take precedence over the settings.
pub(crate) fn flags(args: &SiteArgs) -> Flags {
    Flags {
        url: args.url.clone(),
        jobs: args.jobs,
        io_limit: args.io_limit,
        ..Flags::new(&args.places)
    }
}

/// Returns the next step: the script of `init`, if it is next to the settings.
fn next_step(args: &GenerateArgs, file: Option<&Path>) -> Next {
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let script = folder.join("publish");
    match args.no_next {
        true => Next::Silent,
        false if !script.is_file() => Next::Upload,
        false if folder.as_os_str().is_empty() => Next::Script("./publish".to_owned()),
        false => Next::Script(escape::shown(&script)),
    }
}

fn run_with(
    args: &GenerateArgs,
    file: Option<&Path>,
    resolved: Resolved,
    terminal: Terminal,
) -> io::Result<Outcome> {
    let (mut config, devices_errors) = match prepare(&args.site, resolved, terminal) {
        Ok(prepared) => prepared,
        Err(outcome) => return Ok(outcome),
    };
    config.dry_run = args.dry_run;
    config.adopt = args.adopt;
    config.catalog_only = args.catalog_only;
    config.names_all = args.json || terminal.verbosity > 0;
    if let Err(outcome) = require_sources("--source", &args.source, &config, terminal) {
        return Ok(outcome);
    }
    config.scope = Scope {
        devices: args.device.iter().cloned().collect(),
        sources: args.source.iter().cloned().collect(),
    };
    let next = next_step(args, file);
    let ca = args.ca.as_deref();
    let report = match update(&config, args.site.offline, ca, file, &next, terminal) {
        Ok(report) => report,
        Err(outcome) => return Ok(outcome),
    };
    print_devices_errors(&devices_errors, terminal);
    if args.json {
        let mut summary = summary(&report);
        let unused = unused_settings(&config, &report, file);
        summary.warnings.extend(unused.iter().map(|unused| Note {
            file: &unused.file,
            message: &unused.message,
        }));
        print_json(&summary)?;
    }
    if report.is_refused(&config) {
        return Ok(refuse(terminal));
    }
    if args.faults {
        let lines = left_out(&report, &devices_errors);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        io::stdout().write_all(text.as_bytes())?;
    }
    let failed = !report.faults.is_empty()
        || !devices_errors.is_empty()
        || (args.exit_code && report.is_stale());
    Ok(Outcome::from_success(!failed))
}

/// Returns the settings of a run, and the entries of `devices.json` that cannot be used. Reports what is wrong with the
/// arguments.
pub(crate) fn prepare(
    args: &SiteArgs,
    resolved: Resolved,
    terminal: Terminal,
) -> Result<(Config, Vec<String>), Outcome> {
    let Resolved {
        mut config,
        devices_errors,
        ..
    } = resolved;
    // The default folder may be missing: the site is then made from the catalog alone.
    if args.places.builds.is_some() && !config.builds.exists() {
        terminal.error(
            &format!("there is no folder {}", escape::shown(&config.builds)),
            Some("name the folder of the zips with --builds or ROMFEED_BUILDS"),
        );
        return Err(Outcome::Usage);
    }
    if args.strict && !devices_errors.is_empty() {
        print_devices_errors(&devices_errors, terminal);
        return Err(refuse(terminal));
    }
    config.strict = args.strict;
    config.rehash = args.rehash;
    config.full = args.full;
    config.new_catalog = args.new_catalog;
    require_sources("--accept-loss", &args.accept_loss, &config, terminal)?;
    config.accept_loss.clone_from(&args.accept_loss);
    Ok((config, devices_errors))
}

/// Requires that the settings have all sources that a flag names.
fn require_sources(
    flag: &str,
    names: &[String],
    config: &Config,
    terminal: Terminal,
) -> Result<(), Outcome> {
    let is_source = |name: &&String| config.sources.iter().any(|source| source.name == **name);
    let Some(name) = names.iter().find(|name| !is_source(name)) else {
        return Ok(());
    };
    let known: Vec<&str> = config.sources.iter().map(|source| &*source.name).collect();
    let hint = match known.is_empty() {
        true => "romfeed.toml has no [[source]]".to_owned(),
        false => format!("the sources of romfeed.toml are: {}", known.join(", ")),
    };
    let message = format!("{flag}: there is no source `{}`", escape::escape(name));
    terminal.error(&message, Some(&hint));
    Err(Outcome::Usage)
}

/// Brings the site up to date, and prints what was done. Unless `offline` is set, the hosts of sources are asked.
pub(crate) fn update(
    config: &Config,
    offline: bool,
    ca: Option<&Path>,
    file: Option<&Path>,
    next: &Next,
    terminal: Terminal,
) -> Result<Report, Outcome> {
    let fetch = match offline {
        true => Ok(None),
        false => sources::connect(config, ca),
    };
    let fetch = fetch.map_err(|message| {
        terminal.error(&escape::escape(&message), None);
        Outcome::Usage
    })?;
    let progress = Progress::new(terminal);
    #[cfg(feature = "serve")]
    progress.prepare_stop(&config.out);
    let report = generate::generate(config, fetch.as_ref(), &progress, now_ns());
    let report = report.map_err(|error| {
        report::print_run_error(terminal, &error);
        match error.is_usage() {
            true => Outcome::Usage,
            false => Outcome::Stopped,
        }
    })?;
    for unused in unused_settings(config, &report, file) {
        terminal.warning(&format!("{}: {}", unused.file, unused.message));
    }
    sources::print_traffic(&report.sources, terminal);
    report::print_report(terminal, config, &report, next);
    Ok(report)
}

/// Describes the settings that have no effect. A run for catalogs alone, perhaps for a part of the packages, cannot know
/// what the others need.
fn unused_settings(config: &Config, report: &Report, file: Option<&Path>) -> Vec<Unused> {
    if config.catalog_only {
        return Vec::new();
    }
    let file = file.unwrap_or(Path::new(FILE_NAME));
    unused::warnings(config, report, file, &misnamed(file))
}

/// Prints the entries of `devices.json` that cannot be used.
pub(crate) fn print_devices_errors(devices_errors: &[String], terminal: Terminal) {
    for error in devices_errors {
        terminal.error(
            error,
            Some("correct it; without it, codenames in file names may be split wrongly"),
        );
    }
}

/// Reports that a strict run publishes nothing.
pub(crate) fn refuse(terminal: Terminal) -> Outcome {
    terminal.error(
        "nothing was published, because of --strict",
        Some("correct what is named above, or run without --strict to publish the rest"),
    );
    Outcome::Stopped
}

/// Returns what was left out, one line for each.
pub(crate) fn left_out(report: &Report, devices_errors: &[String]) -> Vec<String> {
    let devices = devices_errors.iter().map(|error| escape::escape(error));
    let faults = report
        .faults
        .iter()
        .map(|fault| escape::escape(&format!("{}: {}", fault.path, report::chain(&*fault.error))));
    devices.chain(faults).collect()
}

/// The output of `generate --json`; part of the documented schema.
#[derive(Serialize)]
struct Summary<'a> {
    schema: u32,
    stale: bool,
    offered: usize,
    devices: Vec<&'a str>,
    deltas: usize,
    unlisted: usize,
    held: Vec<Note<'a>>,
    added: Vec<&'a str>,
    updated: Vec<&'a str>,
    returned: Vec<&'a str>,
    superseded: Vec<&'a str>,
    retired: Vec<&'a str>,
    remote: Vec<&'a str>,
    passed_over: Vec<&'a str>,
    warnings: Vec<Note<'a>>,
    errors: Vec<Failure<'a>>,
    catalog_changed: bool,
    changelogs_kept: usize,
    projects_kept: usize,
    files: Files<'a>,
}

#[derive(Serialize)]
struct Note<'a> {
    file: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Failure<'a> {
    file: &'a str,
    #[serde(rename = "class")]
    kind: &'a str,
    message: String,
}

#[derive(Serialize)]
struct Files<'a> {
    created: &'a [String],
    changed: &'a [String],
    removed: &'a [String],
    unchanged: usize,
}

fn summary(report: &Report) -> Summary<'_> {
    let mut summary = Summary {
        schema: 1,
        stale: report.is_stale(),
        offered: report.num_offered,
        devices: report.devices.iter().map(String::as_str).collect(),
        deltas: report.num_deltas,
        unlisted: report.num_unlisted,
        held: Vec::new(),
        added: Vec::new(),
        updated: Vec::new(),
        returned: Vec::new(),
        superseded: Vec::new(),
        retired: Vec::new(),
        remote: Vec::new(),
        passed_over: Vec::new(),
        warnings: Vec::new(),
        errors: report
            .faults
            .iter()
            .map(|fault| Failure {
                file: &fault.path,
                kind: fault.kind.as_str(),
                message: report::chain(&*fault.error),
            })
            .collect(),
        catalog_changed: report.catalog_changed,
        changelogs_kept: report.num_changelogs_kept(),
        projects_kept: report.num_projects_kept(),
        files: Files {
            created: &report.plan.created,
            changed: &report.plan.changed,
            removed: &report.plan.removed,
            unchanged: report.plan.num_unchanged,
        },
    };
    for event in &report.events {
        match event {
            Event::Added(path) => summary.added.push(path),
            Event::Updated { path, .. } | Event::Moved { path, .. } => summary.updated.push(path),
            Event::Returned(path) => summary.returned.push(path),
            Event::Superseded(path) => summary.superseded.push(path),
            Event::Retired { path, .. } => summary.retired.push(path),
            Event::Remote(path) => summary.remote.push(path),
            Event::Buried(path)
            | Event::SameBytes { path, .. }
            | Event::NotAnUpdate { path, .. } => summary.passed_over.push(path),
            Event::ChangelogsKept(_) | Event::ProjectsKept(_) => {}
            Event::Held { path, reason } => summary.held.push(Note {
                file: path,
                message: reason,
            }),
            Event::Warning { path, text } => summary.warnings.push(Note {
                file: path,
                message: text,
            }),
        }
    }
    summary
}
