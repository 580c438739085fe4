//! `romfeed sources`: what each source lists, and what a run would read and download.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use romfeed::fetch::{Fetch, Reach};
use romfeed::generate::{self, Change, SourceState, Survey};
use romfeed::model::build::Device;
use romfeed::model::config::Config;
use romfeed::model::source::{Host, SourceConfig};
use romfeed::source;
use serde::Serialize;

use super::args::SourcesArgs;
use super::config::Flags;
use super::escape::escape;
use super::http;
use super::json::print_json;
use super::outcome::Outcome;
use super::progress::Progress;
use super::remote::TIMEOUT;
use super::report::{self, Terminal, count};
use super::settings;
use super::time::now_ns;

/// Runs the command.
pub(crate) fn run(
    args: &SourcesArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    settings::with_config(file, Flags::new(&args.places), terminal, |config| {
        print_sources(args, &config, terminal)
    })
}

/// Makes the client for the hosts of sources; `None` if there are none.
pub(crate) fn connect(
    config: &Config,
    ca: Option<&Path>,
) -> Result<Option<Arc<dyn Fetch>>, String> {
    if config.sources.is_empty() {
        return Ok(None);
    }
    let is_bucket = |source: &SourceConfig| matches!(source.host, Host::S3(_));
    if !cfg!(feature = "s3") && config.sources.iter().any(is_bucket) {
        return Err(source::Error::WithoutS3.to_string());
    }
    let http = http::connect(ca, TIMEOUT, Reach::Any)?;
    Ok(Some(Arc::new(http)))
}

fn print_sources(args: &SourcesArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let fetch = match connect(config, args.ca.as_deref()) {
        Ok(Some(fetch)) => fetch,
        Ok(None) => {
            terminal.error(
                "romfeed.toml has no [[source]]",
                Some("add one, for example: [[source]] with github = \"owner/name\""),
            );
            return Ok(Outcome::Usage);
        }
        Err(message) => {
            terminal.error(&escape(&message), None);
            return Ok(Outcome::Usage);
        }
    };
    if let Some(max) = args.groups {
        for names in divide(&config.sources, usize::from(max)) {
            writeln!(io::stdout(), "{}", names.join(" "))?;
        }
        return Ok(Outcome::Done);
    }
    let survey = match generate::survey(config, &fetch, &Progress::new(terminal), now_ns()) {
        Ok(survey) => survey,
        Err(error) => {
            report::print_run_error(terminal, &error);
            return Ok(Outcome::from_error(&error));
        }
    };
    if args.json {
        print_json(&to_json(&survey))?;
    } else {
        for state in &survey.sources {
            print_state(state, terminal);
        }
        print_traffic(&survey.sources, terminal);
    }
    for (source, text) in &survey.warnings {
        terminal.warning(&escape(&format!("{source}: {text}")));
    }
    for (source, text) in &survey.faults {
        terminal.error(&escape(&format!("{source}: {text}")), None);
    }
    Ok(Outcome::from_success(survey.faults.is_empty()))
}

/// Divides the sources into at most `max` groups of about the same size. Those of one device stay together, since they
/// change the same file.
fn divide(sources: &[SourceConfig], max: usize) -> Vec<Vec<&str>> {
    let mut units: Vec<(Option<&Device>, Vec<&str>)> = Vec::new();
    for source in sources {
        let device = source.device.as_ref();
        let mut same = units
            .iter_mut()
            .filter(|unit| device.is_some() && unit.0 == device);
        match same.next() {
            Some((_, names)) => names.push(&source.name),
            None => units.push((device, vec![&source.name])),
        }
    }
    let mut groups = vec![Vec::new(); max.min(units.len())];
    for (index, (_, names)) in units.into_iter().enumerate() {
        let group = index % groups.len();
        groups[group].extend(names);
    }
    groups
}

fn print_state(state: &SourceState, terminal: Terminal) {
    if state.error.is_some() {
        return;
    }
    let name = escape(&state.name);
    terminal.line(&format!(
        "{name}: {} files, {} zips: {} new, {} changed, {} gone{}",
        state.num_files,
        state.num_packages,
        state.new.len(),
        state.changed.len(),
        state.gone.len(),
        match state.num_left_out {
            0 => String::new(),
            num => format!(", {num} left out by newest or max_age"),
        }
    ));
    for path in &state.new {
        terminal.line(&format!("  new      {}", escape(path)));
    }
    for Change { path, what } in &state.changed {
        let path = escape(path);
        terminal.line(&format!("  changed  {path}: {}", what.join(", ")));
    }
    for path in &state.gone {
        terminal.line(&format!("  gone     {}", escape(path)));
    }
    print_digests(state, terminal);
}

/// Prints which zips have no SHA-256, and what a run downloads for it.
fn print_digests(state: &SourceState, terminal: Terminal) {
    let num_read = state.new.len() + state.changed.len();
    if num_read > 0 {
        let num_unknown = num_read - state.num_with_digest;
        let others = match num_unknown {
            0 => String::new(),
            num => format!("; {num} without, {}", size(state.num_bytes_to_download)),
        };
        terminal.line(&format!(
            "  {} of {num_read} to read have a SHA-256 already{others}",
            state.num_with_digest
        ));
    }
    if state.num_unhashed > 0 {
        terminal.line(&format!(
            "  {} published without a SHA-256, {}",
            count(state.num_unhashed, "build is", "builds are"),
            size(state.num_bytes_unhashed)
        ));
    }
    if state.num_unhashed > 0 || state.num_with_digest < num_read {
        terminal.line(
            "  for their SHA-256, a run downloads the newest two of each device and release type, unless `hash` in the \
             [[source]] says otherwise",
        );
    }
}

/// Prints what each source has cost, with `-v`.
pub(crate) fn print_traffic(states: &[SourceState], terminal: Terminal) {
    for state in states.iter().filter(|_| terminal.verbosity > 0) {
        let name = escape(&state.name);
        terminal.line(&format!("asked {name}: {}", state.traffic));
    }
}

/// Describes a size in the unit that fits.
fn size(num_bytes: u64) -> String {
    match num_bytes {
        0 => "an unknown size".to_owned(),
        1..1_000_000 => format!("{} kB", num_bytes.div_ceil(1_000)),
        _ => format!("{} MB", num_bytes.div_ceil(1_000_000)),
    }
}

/// The output of `sources --json`; part of the documented schema.
#[derive(Serialize)]
struct SurveyJson<'a> {
    schema: u32,
    sources: Vec<SourceJson<'a>>,
    warnings: Vec<NoteJson<'a>>,
    errors: Vec<NoteJson<'a>>,
}

#[derive(Serialize)]
struct SourceJson<'a> {
    name: &'a str,
    files: usize,
    zips: usize,
    new: &'a [String],
    changed: Vec<ChangeJson<'a>>,
    gone: &'a [String],
    left_out: usize,
    with_sha256: usize,
    bytes_without_sha256: u64,
    published_without_sha256: usize,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    path: &'a str,
    what: &'a [&'static str],
}

fn change_json(change: &Change) -> ChangeJson<'_> {
    ChangeJson {
        path: &change.path,
        what: &change.what,
    }
}

#[derive(Serialize)]
struct NoteJson<'a> {
    source: &'a str,
    message: &'a str,
}

fn to_json(survey: &Survey) -> SurveyJson<'_> {
    SurveyJson {
        schema: 1,
        sources: survey
            .sources
            .iter()
            .map(|state| SourceJson {
                name: &state.name,
                files: state.num_files,
                zips: state.num_packages,
                new: &state.new,
                changed: state.changed.iter().map(change_json).collect(),
                gone: &state.gone,
                left_out: state.num_left_out,
                with_sha256: state.num_with_digest,
                bytes_without_sha256: state.num_bytes_to_download + state.num_bytes_unhashed,
                published_without_sha256: state.num_unhashed,
                error: state.error.as_deref(),
            })
            .collect(),
        warnings: survey.warnings.iter().map(note_json).collect(),
        errors: survey.faults.iter().map(note_json).collect(),
    }
}

fn note_json((source, message): &(String, String)) -> NoteJson<'_> {
    NoteJson { source, message }
}
