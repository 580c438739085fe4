//! `romfeed catalog`: the list of all builds ever published.

mod device_texts;
mod edit;
mod export;
mod flags;
mod forms;
mod git;
mod import;
mod list;
mod merge;

use std::io;
use std::path::Path;

use romfeed::catalog::Catalog;
use romfeed::model::build::Kind;
use romfeed::model::config::Config;

use super::args::CatalogCommand;
use super::config::Flags;
use super::outcome::Outcome;
use super::report::{Terminal, count};
use super::settings;

use forms::Form;

pub(crate) use edit::{Line, add_stated, change};
pub(crate) use merge::unite;

/// Runs one of the commands.
pub(crate) fn run(
    command: &CatalogCommand,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    if let CatalogCommand::Merge {
        versions,
        name,
        prefer,
        ..
    } = command
        && let [base, ours, theirs] = &versions[..]
    {
        let (files, prefer) = ([base, ours, theirs], prefer.map(Into::into));
        let outcome = merge::drive(files, name.as_deref(), prefer, terminal);
        return Ok(outcome);
    }
    settings::with_config(file, flags(command), terminal, |config| {
        run_with(command, config, file, terminal)
    })
}

fn flags(command: &CatalogCommand) -> Flags {
    match command {
        CatalogCommand::Add(add) => Flags::new(&add.places.all),
        CatalogCommand::Remove { places, .. }
        | CatalogCommand::Yank { places, .. }
        | CatalogCommand::Unyank { places, .. }
        | CatalogCommand::Split { places, .. }
        | CatalogCommand::Join { places, .. }
        | CatalogCommand::Merge { places, .. } => Flags::new(&places.all),
        CatalogCommand::List { places, url, .. } => Flags {
            url: url.clone(),
            ..Flags::new(&places.all)
        },
        CatalogCommand::Import(import) => Flags::new(&import.places.all),
        CatalogCommand::Export(export) => Flags {
            url: export.url.clone(),
            ..Flags::new(&export::places(export))
        },
    }
}

fn run_with(
    command: &CatalogCommand,
    mut config: Config,
    settings: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    config.new_catalog = match command {
        CatalogCommand::Add(add) => add.new_catalog,
        CatalogCommand::Import(import) => import.new_catalog,
        _ => false,
    };
    match command {
        CatalogCommand::Add(add) => Ok(edit::add(add, &config, terminal)),
        CatalogCommand::Remove { names, .. } => Ok(edit::remove(names, &config, terminal)),
        CatalogCommand::Yank { names, reason, .. } => {
            Ok(edit::yank(names, Some(reason), &config, terminal))
        }
        CatalogCommand::Unyank { names, .. } => Ok(edit::yank(names, None, &config, terminal)),
        CatalogCommand::List { json, .. } => list::list(*json, &config, terminal),
        CatalogCommand::Merge { prefer, .. } => {
            Ok(merge::run(prefer.map(Into::into), &config, terminal))
        }
        CatalogCommand::Split { folder, places } => {
            let (to, places) = (folder.as_deref(), &places.all);
            let form = Form::Folder;
            Ok(forms::change(form, to, &config, places, settings, terminal))
        }
        CatalogCommand::Join { file, places } => {
            let (to, places) = (file.as_deref(), &places.all);
            let form = Form::File;
            Ok(forms::change(form, to, &config, places, settings, terminal))
        }
        CatalogCommand::Import(import) => Ok(import::import(import, &config, terminal)),
        CatalogCommand::Export(export) => export::export(export, &config, terminal),
    }
}

/// Counts what a catalog holds, for example `3 builds and 1 delta, 2 removed`.
fn contents(catalog: &Catalog) -> String {
    let records = catalog.builds.values();
    let num_full = records
        .filter(|record| record.build.kind == Kind::Full)
        .count();
    let deltas = match catalog.builds.len() - num_full {
        0 => String::new(),
        num_deltas => format!(" and {}", count(num_deltas, "delta", "deltas")),
    };
    let builds = count(num_full, "build", "builds");
    format!("{builds}{deltas}, {} removed", catalog.tombstones.len())
}
