//! `romfeed catalog export`: writes `builds.json` of the official backend.
//!
//! In: the catalog. Out: the full builds of one variant, and a line for each build that is left out.

use std::io::{self, Write};
use std::path::Path;

use romfeed::catalog::Catalogs;
use romfeed::catalog::exchange::export::{self, Export};
use romfeed::files::write_atomically;
use romfeed::generate;
use romfeed::ingest::digests;
use romfeed::model::build::Build;
use romfeed::model::config::Config;

use super::flags::{parse_url_base, parse_variant};
use crate::cli::args::{ExportArgs, Places};
use crate::cli::outcome::Outcome;
use crate::cli::report::{Terminal, chain, count, print_run_error};

/// Returns the places of `export`, which writes no site.
pub(crate) fn places(args: &ExportArgs) -> Places {
    Places {
        builds: args.builds.clone(),
        catalog: args.catalog.clone(),
        base_url: args.base_url.clone(),
        ..Places::default()
    }
}

/// Writes `builds.json`.
pub(crate) fn export(
    args: &ExportArgs,
    config: &Config,
    terminal: Terminal,
) -> io::Result<Outcome> {
    let given = parse_variant(args.variant.as_deref())
        .and_then(|variant| Ok((variant, parse_url_base(args.url_base.as_deref())?)));
    let (variant, url_base) = match given {
        Ok(given) => given,
        Err(message) => {
            terminal.error(&message, None);
            return Ok(Outcome::Usage);
        }
    };
    let is_catalog = |output: &Path| config.catalogs.iter().any(|path| is_same(path, output));
    if args.output.as_deref().is_some_and(is_catalog) {
        terminal.error("--output names the catalog; choose another file", None);
        return Ok(Outcome::Usage);
    }
    let load =
        || -> Result<_, generate::Error> { Ok(Catalogs::load(config)?.merged()?.into_owned()) };
    let catalog = match load() {
        Ok(catalog) => catalog,
        Err(error) => {
            print_run_error(terminal, &error);
            return Ok(Outcome::from_error(&error));
        }
    };
    let sha1 = |build: &Build| read_sha1(build, config);
    let address = |build: &Build| Some(config.address(build)?.0);
    let export = export::render(
        &catalog,
        export::Options {
            address: &address,
            variant: variant.as_ref(),
            url_base: url_base.as_deref(),
            sha1: match args.sha1 {
                true => Some(&sha1),
                false => None,
            },
        },
    );
    print_export(terminal, &export);
    if export.num_builds == 0 {
        terminal.line("there is no full build to write");
    }
    match &args.output {
        None => io::stdout().write_all(&export.json)?,
        Some(file) => {
            if let Err(error) = write_atomically(file, &export.json) {
                terminal.error(&format!("cannot write {}: {error}", file.display()), None);
                return Ok(Outcome::Failed);
            }
            print_written(terminal, config, file, &export, url_base.as_deref());
        }
    }
    Ok(match export.left_out[..] {
        [] => Outcome::Done,
        [..] => Outcome::Failed,
    })
}

/// Reports the written file, and what to do with it.
fn print_written(
    terminal: Terminal,
    config: &Config,
    file: &Path,
    export: &Export,
    url_base: Option<&str>,
) {
    let builds = count(export.num_builds, "build", "builds");
    terminal.line(&format!("{}: {builds}", file.display()));
    let base = match url_base {
        Some(base) => base.to_owned(),
        None => format!("the address of the files in {}", config.builds.display()),
    };
    terminal.line(&format!(
        "next: give it to the backend as UPSTREAM_PATH, with DOWNLOAD_BASE_URL={base}"
    ));
}

fn is_same(one: &Path, other: &Path) -> bool {
    let plain = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    plain(one) == plain(other)
}

fn read_sha1(build: &Build, config: &Config) -> Result<String, String> {
    let zip = config.builds.join(&build.path);
    let sha256 = build.sha256.as_deref().unwrap_or_default();
    match digests::sha1_file(&zip, sha256, &digests::options(config)) {
        Ok(Some(sha1)) => Ok(sha1),
        Ok(None) => Err(format!(
            "no sha1: {} is not its zip, by its sha256",
            zip.display()
        )),
        Err(error) => Err(format!(
            "no sha1: {}: {}; leave out --sha1: the backend only passes it on",
            zip.display(),
            chain(&error)
        )),
    }
}

fn print_export(terminal: Terminal, export: &Export) {
    for (filename, note) in &export.notes {
        terminal.warning(&format!("{}: {note}", filename.escape_debug()));
    }
    if export.num_deltas > 0 {
        let deltas = count(export.num_deltas, "delta", "deltas");
        terminal.line(&format!("{deltas} left out: that server offers no deltas"));
    }
    if export.num_other_variants > 0 {
        let names = export.other_variants.iter().map(|variant| match variant {
            Some(variant) => variant.to_string(),
            None => "none".to_owned(),
        });
        let names: Vec<String> = names.collect();
        terminal.line(&format!(
            "{} of other variants left out ({}): that server has no variants, so write one file for each with --variant",
            count(export.num_other_variants, "build", "builds"),
            names.join(", ")
        ));
    }
    for (filename, reason) in &export.left_out {
        terminal.error(&format!("{}: {reason}", filename.escape_debug()), None);
    }
}
