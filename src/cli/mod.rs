//! The command line: arguments to settings to a call of the library, and its
//! answer to lines and an exit code.

mod args;
mod backend;
mod catalog;
mod catalog_merge;
mod check;
mod check_zip;
mod config;
mod contents;
mod device_texts;
mod devices;
#[cfg(test)]
mod documents;
mod escape;
mod exchange;
mod files;
mod findings;
mod hash;
mod http;
mod init;
mod inspect;
mod man;
mod progress;
mod rate;
mod remote;
mod report;
#[cfg(feature = "serve")]
mod serve;
mod simulate;
mod theme;

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{CommandFactory, Parser};
use romfeed::generate::{self, Event, Report};
use romfeed::model::config::Config;
use serde::Serialize;

use args::{CatalogCommand, Cli, Command, GenerateArgs, Global, Places};
use config::{Flags, Resolved};
use progress::Progress;
use report::{Next, Terminal};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All well.
    Done,
    /// Something failed, or the site is stale with `--exit-code`.
    Failed,
    /// The call or the settings are wrong.
    Usage,
    /// It was told to end at once.
    #[cfg(feature = "serve")]
    Interrupted,
}

impl Outcome {
    fn of_error(error: &generate::Error) -> Outcome {
        match error.is_usage() {
            true => Outcome::Usage,
            false => Outcome::Failed,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
            #[cfg(feature = "serve")]
            Outcome::Interrupted => 130,
        })
    }
}

/// Runs the command line. A closed pipe is success.
pub(crate) fn run() -> ExitCode {
    keep_contained_panics_quiet();
    let args: Vec<_> = std::env::args_os().collect();
    if let Some(outcome) = backend::run(&args) {
        return outcome.into();
    }
    let cli: Cli = parse(&args);
    let terminal = Terminal::new(&cli.global);
    match dispatch(&cli, terminal) {
        Ok(outcome) => outcome.into(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            terminal.error(&format!("cannot print: {error}"), None);
            Outcome::Failed.into()
        }
    }
}

/// The arguments of a call. Help, and what is wrong with them, is printed as clap does, and ends the
/// program; but words that a terminal would obey, escaped.
fn parse<T: Parser>(args: &[OsString]) -> T {
    T::try_parse_from(args).unwrap_or_else(|error| {
        let text = error.render().to_string();
        let Cow::Owned(escaped) = escape::harmless(&text) else {
            error.exit();
        };
        // A closed stream has no reader.
        let _ = io::stderr().write_all(escaped.as_bytes());
        std::process::exit(error.exit_code())
    })
}

/// What a library panics with over a damaged package is reported as its fault.
fn keep_contained_panics_quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !ota_view::catch_panic::is_catching() {
            usual(info);
        }
    }));
}

fn dispatch(cli: &Cli, terminal: Terminal) -> io::Result<Outcome> {
    let resolve = |flags: Flags<'_>| resolve(&cli.global, flags, terminal);
    match &cli.command {
        Command::Init(args) => {
            if cli.global.config.is_some() {
                terminal.error(
                    "init sets up the current folder",
                    Some("leave out --config"),
                );
                return Ok(Outcome::Usage);
            }
            match resolve(Flags::new(&args.places)) {
                Some(resolved) => init::run(args, &warn_of_devices(resolved, terminal), terminal),
                None => Ok(Outcome::Usage),
            }
        }
        Command::Generate(args) => {
            let flags = Flags {
                places: &args.places,
                url: args.url.as_deref(),
                jobs: args.jobs,
                io_limit: args.io_limit,
            };
            run_generate(args, cli.global.config.as_deref(), resolve(flags), terminal)
        }
        Command::Inspect(args) => {
            let Some(resolved) = resolve(Flags::new(&Places::default())) else {
                return Ok(Outcome::Usage);
            };
            let config = warn_of_devices(resolved, terminal);
            if args.hash && args.zips.iter().any(|zip| remote::address(zip).is_some()) {
                terminal.error(
                    "--hash reads all of a package, and of an address only parts are read",
                    Some("download it first, or read it to its end with `romfeed check URL`"),
                );
                return Ok(Outcome::Usage);
            }
            if args.extract.is_some() && args.zips.len() > 1 {
                terminal.error("--extract takes one package at a time", None);
                return Ok(Outcome::Usage);
            }
            let all_sound = match contents::run(args, &config, terminal) {
                Some(result) => result?,
                None => inspect::run(args, &config, terminal)?,
            };
            Ok(if all_sound {
                Outcome::Done
            } else {
                Outcome::Failed
            })
        }
        Command::Check(args) => {
            if !args.explain.is_empty() {
                findings::explain(&args.explain)?;
                return Ok(Outcome::Done);
            }
            if args.rules {
                findings::print_rules(ota_view::verify::rules::ALL, args.json)?;
                findings::print_rules(romfeed::clients::check::rules::ALL, args.json)?;
                return Ok(Outcome::Done);
            }
            let Some(resolved) = resolve(Flags::new(&args.places)) else {
                return Ok(Outcome::Usage);
            };
            let config = warn_of_devices(resolved, terminal);
            match args.packages.is_empty() {
                true => check::run(args, &config, terminal),
                false => {
                    let ca = args.live.ca.as_deref();
                    let (zips, certificates) = (&args.packages, &args.certificate);
                    check_zip::run(zips, certificates, ca, args.json, &config, terminal)
                }
            }
        }
        Command::Catalog(args) => {
            if let CatalogCommand::Merge {
                versions,
                name,
                prefer,
                ..
            } = &args.command
                && let [base, ours, theirs] = &versions[..]
            {
                let (files, prefer) = ([base, ours, theirs], prefer.map(Into::into));
                return Ok(catalog_merge::drive(
                    files,
                    name.as_deref(),
                    prefer,
                    terminal,
                ));
            }
            let places_of_export;
            let flags = match &args.command {
                CatalogCommand::Add(add) => Flags::new(&add.places),
                CatalogCommand::Remove { places, .. }
                | CatalogCommand::Yank { places, .. }
                | CatalogCommand::Unyank { places, .. }
                | CatalogCommand::Merge { places, .. } => Flags::new(places),
                CatalogCommand::List { places, url, .. } => Flags {
                    url: url.as_deref(),
                    ..Flags::new(places)
                },
                CatalogCommand::Import(import) => Flags::new(&import.places),
                CatalogCommand::Export(export) => {
                    places_of_export = exchange::places(export);
                    Flags {
                        url: export.url.as_deref(),
                        ..Flags::new(&places_of_export)
                    }
                }
            };
            let Some(resolved) = resolve(flags) else {
                return Ok(Outcome::Usage);
            };
            let mut config = warn_of_devices(resolved, terminal);
            config.new_catalog = match &args.command {
                CatalogCommand::Add(add) => add.new_catalog,
                CatalogCommand::Import(import) => import.new_catalog,
                _ => false,
            };
            match &args.command {
                CatalogCommand::Add(add) => Ok(catalog::add(add, &config, terminal)),
                CatalogCommand::Remove { names, .. } => {
                    Ok(catalog::remove(names, &config, terminal))
                }
                CatalogCommand::Yank { names, reason, .. } => {
                    Ok(catalog::yank(names, Some(reason), &config, terminal))
                }
                CatalogCommand::Unyank { names, .. } => {
                    Ok(catalog::yank(names, None, &config, terminal))
                }
                CatalogCommand::List { json, .. } => catalog::list(*json, &config, terminal),
                CatalogCommand::Merge { prefer, .. } => Ok(catalog_merge::run(
                    prefer.map(Into::into),
                    &config,
                    terminal,
                )),
                CatalogCommand::Import(import) => Ok(exchange::import(import, &config, terminal)),
                CatalogCommand::Export(export) => exchange::export(export, &config, terminal),
            }
        }
        Command::Files(args) => {
            let Some(resolved) = resolve(Flags::new(&args.places)) else {
                return Ok(Outcome::Usage);
            };
            files::run(args, &warn_of_devices(resolved, terminal), terminal)
        }
        Command::Simulate(args) => {
            let places = simulate::places(args);
            let Some(resolved) = resolve(Flags::new(&places)) else {
                return Ok(Outcome::Usage);
            };
            simulate::run(args, &warn_of_devices(resolved, terminal), terminal)
        }
        #[cfg(feature = "serve")]
        Command::Serve(args) => {
            let flags = Flags {
                url: args.url.as_deref(),
                ..Flags::new(&args.places)
            };
            let Some(resolved) = resolve(flags) else {
                return Ok(Outcome::Usage);
            };
            let config = warn_of_devices(resolved, terminal);
            serve::run(args, cli.global.config.as_deref(), config, terminal)
        }
        Command::Hash(args) => Ok(match hash::run(args, terminal)? {
            true => Outcome::Done,
            false => Outcome::Failed,
        }),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "romfeed", &mut script);
            io::stdout().write_all(&script)?;
            Ok(Outcome::Done)
        }
        Command::Man {
            to: Some(folder), ..
        } => Ok(man::write_all(folder, terminal)),
        Command::Man { verb, to: None } => man::print(verb, terminal),
    }
}

/// Tells of a broken `devices.json` where it does not count as a failure.
fn warn_of_devices(resolved: Resolved, terminal: Terminal) -> Config {
    for error in &resolved.devices_errors {
        terminal.warning(error);
    }
    resolved.config
}

fn resolve(global: &Global, flags: Flags<'_>, terminal: Terminal) -> Option<Resolved> {
    match config::resolve(global.config.as_deref(), flags) {
        Ok(resolved) => Some(resolved),
        Err(error) => {
            terminal.error(&report::chain(&error), None);
            None
        }
    }
}

/// Nanoseconds since the epoch.
fn now_ns() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

/// Seconds since the epoch.
fn now() -> i64 {
    now_ns().div_euclid(1_000_000_000)
}

/// What follows `generate`: the script of `init`, if it is next to the settings.
fn next_step(args: &GenerateArgs, file: Option<&Path>) -> Next {
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let script = folder.join("publish");
    match args.no_next {
        true => Next::Unsaid,
        false if !script.is_file() => Next::Upload,
        false if folder.as_os_str().is_empty() => Next::Script("./publish".to_owned()),
        false => Next::Script(escape::shown(&script)),
    }
}

fn run_generate(
    args: &GenerateArgs,
    file: Option<&Path>,
    resolved: Option<Resolved>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    let Some(Resolved {
        mut config,
        devices_errors,
    }) = resolved
    else {
        return Ok(Outcome::Usage);
    };
    // The default may well be absent, where a catalog is all there is.
    if args.places.builds.is_some() && !config.builds.exists() {
        terminal.error(
            &format!("there is no folder {}", escape::shown(&config.builds)),
            Some("name the folder the zips are in by --builds or ROMFEED_BUILDS"),
        );
        return Ok(Outcome::Usage);
    }
    config.dry_run = args.dry_run;
    config.rehash = args.rehash;
    config.adopt = args.adopt;
    config.new_catalog = args.new_catalog;
    let report = match generate::generate(&config, &Progress::new(terminal), now_ns()) {
        Ok(report) => report,
        Err(error) => {
            report::print_run_error(terminal, &error);
            return Ok(Outcome::of_error(&error));
        }
    };
    report::print_report(terminal, &config, &report, &next_step(args, file));
    for error in &devices_errors {
        terminal.error(
            error,
            Some("mend it; codenames in file names may be cut wrongly without it"),
        );
    }
    if args.json {
        inspect::print_json(&summary(&report))?;
    }
    let failed = !report.faults.is_empty()
        || !devices_errors.is_empty()
        || (args.exit_code && report.is_stale());
    Ok(if failed {
        Outcome::Failed
    } else {
        Outcome::Done
    })
}

/// `generate --json`; part of the documented schema.
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
    class: &'a str,
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
                class: fault.class.as_str(),
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
            Event::Updated(path) | Event::Moved { path, .. } => summary.updated.push(path),
            Event::Returned(path) => summary.returned.push(path),
            Event::Superseded(path) => summary.superseded.push(path),
            Event::Retired(path) => summary.retired.push(path),
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
