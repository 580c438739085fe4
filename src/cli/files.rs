//! `romfeed files`: which files each step of publishing copies or removes.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use romfeed::catalog::Catalogs;
use romfeed::fetch::{Fetch, Reach, Request, follow};
use romfeed::files::read_file;
use romfeed::generate;
use romfeed::model::config::Config;
use romfeed::publish::writer::{self, MAX_PUBLISHED_MANIFEST};
use romfeed::upload::files::{self as upload, Local, Step};

use super::args::{FilesArgs, FilesStep};
use super::config::Flags;
use super::escape::{escape, shown};
use super::http;
use super::outcome::Outcome;
use super::report::{Terminal, chain, print_run_error};
use super::settings;

/// Most redirects on the way to the manifest.
const MAX_REDIRECTS: usize = 20;
/// Longest wait for the host of the manifest, in seconds.
const TIMEOUT: u16 = 30;

/// Runs the command.
pub(crate) fn run(
    args: &FilesArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    settings::with_config(file, Flags::new(&args.places), terminal, |config| {
        print_files(args, &config, terminal)
    })
}

fn print_files(args: &FilesArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let published = match &args.published {
        None => BTreeSet::new(),
        Some(place) => match read_published(place).and_then(|bytes| list(args, config, &bytes)) {
            Ok(Published::Manifest(manifest)) => {
                io::stdout().lock().write_all(&manifest)?;
                return Ok(Outcome::Done);
            }
            Ok(Published::Files(files)) => files,
            Err(message) => {
                let hint =
                    "give the site's .romfeed/manifest.json, or an empty file if it has none";
                terminal.error(&escape(&message), Some(hint));
                return Ok(Outcome::Failed);
            }
        },
    };
    let written = match writer::own_files(&config.out) {
        Ok(written) => written,
        Err(error) => {
            print_run_error(terminal, &generate::Error::from(error));
            return Ok(Outcome::Failed);
        }
    };
    let (of_builds, of_site): (Vec<Step>, Vec<Step>) = args
        .steps
        .iter()
        .map(|step| step_of(*step))
        .partition(|step| matches!(step, Step::Zips | Step::Images));
    if written.is_empty() && !of_site.is_empty() {
        let out = shown(&config.out);
        let message = format!("there is no site in {out}");
        terminal.error(&message, Some("run `romfeed generate` first"));
        return Ok(Outcome::Usage);
    }
    let of_site = of_site
        .into_iter()
        .flat_map(|step| upload::pages(step, &config.out, &written, &published));
    let mut lines: BTreeSet<String> = of_site.map(str::to_owned).collect();
    match list_packages(&of_builds, config, terminal) {
        Ok(files) => lines.extend(files.into_iter().map(|file| line(file, args.url))),
        Err(error) => {
            print_run_error(terminal, &error);
            return Ok(Outcome::from_error(&error));
        }
    }
    if args.new {
        lines.retain(|path| !published.contains(path));
    }
    print_lines(lines)?;
    Ok(Outcome::Done)
}

/// Lists the files of steps in the folder of packages; prints a warning for each that cannot be
/// published.
fn list_packages(
    steps: &[Step],
    config: &Config,
    terminal: Terminal,
) -> Result<Vec<Local>, generate::Error> {
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let catalogs = Catalogs::load(config)?;
    let catalog = catalogs.merged()?;
    let mut all = Vec::new();
    for step in steps {
        let (files, warnings) = upload::packages(*step, &catalog, config);
        for warning in warnings {
            terminal.warning(&warning);
        }
        all.extend(files);
    }
    Ok(all)
}

/// Formats a file: its path and, if wanted, its address and its SHA-256.
fn line(file: Local, with_url: bool) -> String {
    if !with_url {
        return file.path;
    }
    let [url, sha256] = [file.url, file.sha256].map(Option::unwrap_or_default);
    format!("{}\t{url}\t{sha256}", file.path)
}

fn print_lines(lines: BTreeSet<String>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let is_terminal = stdout.is_terminal();
    for line in lines {
        let line = if is_terminal { escape(&line) } else { line };
        writeln!(stdout, "{line}")?;
    }
    Ok(())
}

fn step_of(step: FilesStep) -> Step {
    match step {
        FilesStep::Zips => Step::Zips,
        FilesStep::Images => Step::Images,
        FilesStep::Pages => Step::Pages,
        FilesStep::Feeds => Step::Feeds,
        FilesStep::Indexes => Step::Indexes,
        FilesStep::Gone => Step::Gone,
    }
}

/// What is read from the manifest of a published site.
enum Published {
    /// The files that it lists.
    Files(BTreeSet<String>),
    /// The manifest to publish before the site.
    Manifest(Vec<u8>),
}

fn list(args: &FilesArgs, config: &Config, bytes: &[u8]) -> Result<Published, String> {
    let source = Path::new(args.published.as_deref().unwrap_or_default());
    let listed = match args.manifest {
        true => writer::joint_manifest(&config.out, bytes, source).map(Published::Manifest),
        false => writer::published_files(bytes, source)
            .map(|files| Published::Files(files.into_iter().collect())),
    };
    listed.map_err(|error| chain(&error))
}

/// Reads a manifest from a file or a host.
fn read_published(place: &str) -> Result<Vec<u8>, String> {
    match place.starts_with("https://") || place.starts_with("http://") {
        true => fetch(place),
        false => {
            let limit = u64::try_from(MAX_PUBLISHED_MANIFEST).unwrap_or(u64::MAX);
            read_file(Path::new(place), limit)
                .map_err(|error| format!("cannot read {place}: {error}"))
        }
    }
}

/// Reads a manifest from a host; returns an empty one if the host says that there is none.
fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let http = http::connect(None, TIMEOUT, Reach::Any)?;
    let http: &dyn Fetch = &http;
    let answers = follow(
        http,
        &Request::get(url, MAX_PUBLISHED_MANIFEST),
        MAX_REDIRECTS,
    )
    .map_err(|fault| format!("cannot get {url}: {fault}"))?;
    match answers.into_iter().next_back() {
        Some(answer) if answer.status == 200 && !answer.is_cut => Ok(answer.body),
        Some(answer) if [404, 410].contains(&answer.status) => Ok(Vec::new()),
        Some(answer) if answer.is_cut => Err(format!("{url} has more than 64 MiB")),
        answer => {
            let status = answer.map_or(0, |answer| answer.status);
            Err(format!("cannot get {url}: status {status}"))
        }
    }
}
