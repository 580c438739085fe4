//! `romfeed addrom` and `delrom`: the commands of LineageOS's own server of 2017, for scripts that
//! call them.
//!
//! Source: LineageOS/lineageos_updater, 2017, `flask addrom` and `flask delrom`, flag by flag. They
//! are parsed apart from other commands, since `-v` is the version of the ROM here. They are not in
//! `--help`, and read settings from `romfeed.toml` and the environment only.

use std::ffi::OsString;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser};
use romfeed::catalog::{Catalog, Catalogs, Reason};
use romfeed::fetch::{Fetch, Http, Reach};
use romfeed::generate::edit::{self, StatedFacts};
use romfeed::model::config::Config;

use super::args::{Global, Places};
use super::catalog::{Line, add_stated, change};
use super::config::Flags;
use super::outcome::Outcome;
use super::parse::parse;
use super::report::Terminal;
use super::settings;
use super::{http, remote};

/// The commands, as the first argument names them.
const ADD: &str = "addrom";
const DELETE: &str = "delrom";

/// Add a build, as the LineageOS backend of 2017 does
#[derive(Debug, Parser)]
#[command(
    name = "romfeed addrom",
    no_binary_name = true,
    disable_version_flag = true
)]
struct AddArgs {
    /// Set the file name (lineage-14.1-20170114-NIGHTLY-v500.zip)
    #[arg(short, long, value_name = "TEXT")]
    filename: String,
    /// Set the codename (v500)
    #[arg(short, long, value_name = "TEXT")]
    device: String,
    /// Set the version (14.1)
    #[arg(short, long, value_name = "TEXT")]
    version: String,
    /// Set the date in UTC ("2017-01-14 13:59:25"), or in Unix seconds
    #[arg(short = 't', long, value_name = "TEXT", value_parser = edit::parse_time, allow_negative_numbers = true)]
    datetime: i64,
    /// Set the release type (nightly)
    #[arg(short, long, value_name = "TEXT")]
    romtype: String,
    /// Set the MD5
    #[arg(short, long, value_name = "TEXT")]
    md5sum: String,
    /// Set the download address
    #[arg(short, long, value_name = "TEXT")]
    url: String,
}

/// Remove a build, as the LineageOS backend of 2017 does
#[derive(Debug, Parser)]
#[command(
    name = "romfeed delrom",
    no_binary_name = true,
    disable_version_flag = true
)]
struct DeleteArgs {
    /// Name the build by its file name
    #[arg(short, long, value_name = "TEXT")]
    filename: String,
}

/// What flags of other commands set, and only the environment for these two.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Environment {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    places: Places,
}

/// Runs the command if the arguments name one of the two.
pub(super) fn run(args: &[OsString]) -> Option<Outcome> {
    let (command, rest) = (args.get(1)?.to_str()?, args.get(2..)?);
    match command {
        ADD => {
            let args: AddArgs = parse(rest);
            Some(with_config(|config, terminal| add(args, config, terminal)))
        }
        DELETE => {
            let args: DeleteArgs = parse(rest);
            Some(with_config(|config, terminal| {
                delete(&args.filename, config, terminal)
            }))
        }
        _ => None,
    }
}

/// Parses the command, as [`run`] does, without running it.
#[cfg(test)]
pub(super) fn try_parse(args: &[OsString]) -> Option<Result<(), clap::Error>> {
    let (command, rest) = (args.get(1)?.to_str()?, args.get(2..)?);
    match command {
        ADD => Some(AddArgs::try_parse_from(rest).map(drop)),
        DELETE => Some(DeleteArgs::try_parse_from(rest).map(drop)),
        _ => None,
    }
}

/// Returns the definition of both commands, for their manual pages.
pub(super) fn definitions() -> [clap::Command; 2] {
    [(AddArgs::command(), ADD), (DeleteArgs::command(), DELETE)].map(|(command, name)| {
        let command = command.bin_name(format!("romfeed {name}"));
        command.display_name(format!("romfeed-{name}")).name(name)
    })
}

/// Returns the flags of other commands whose variables set the same for these two, if the command is one of them.
pub(super) fn variables(command: &clap::Command) -> Option<clap::Command> {
    [ADD, DELETE]
        .contains(&command.get_name())
        .then(Environment::command)
}

fn with_config(run: impl FnOnce(&Config, Terminal) -> Outcome) -> Outcome {
    let Environment { global, places } = parse(&[]);
    let (terminal, file) = (Terminal::new(&global), global.config);
    let outcome = settings::with_config(file.as_deref(), Flags::new(&places), terminal, |config| {
        Ok(run(&config, terminal))
    });
    outcome.unwrap_or(Outcome::Failed)
}

fn add(args: AddArgs, config: &Config, terminal: Terminal) -> Outcome {
    let stated = StatedFacts {
        filename: Some(args.filename),
        device: Some(args.device),
        version: Some(args.version),
        timestamp: Some(args.datetime),
        romtype: Some(args.romtype),
        md5: Some(args.md5sum),
        url: Some(args.url),
        ..StatedFacts::default()
    };
    // Scripts may pass on addresses from others, so local networks are out of reach.
    let http = http::settings(None, remote::TIMEOUT, Reach::Public);
    let http = http.map(|settings| Some(Arc::new(Http::new(&settings)) as Arc<dyn Fetch>));
    add_stated(stated, config, http, terminal)
}

/// Removes a build. As on that server, it is not an error if the build does not exist.
fn delete(filename: &str, config: &Config, terminal: Terminal) -> Outcome {
    let name = filename.escape_debug();
    let known = |catalog: &Catalog| {
        let record = catalog.find_filename(filename)?;
        Some(record.build.identity().to_owned())
    };
    match Catalogs::load(config) {
        Ok(catalogs) if known(&catalogs.own).is_none() => {
            terminal.line(&format!("no build has the file name {name}"));
            return Outcome::Done;
        }
        // `change` reports errors of the catalog.
        _ => {}
    }
    change(config, terminal, |catalogs| {
        if let Some(identity) = known(&catalogs.own) {
            catalogs.own.bury(&identity, Reason::Removed);
        }
        Ok(vec![Line::Info(format!("removed {name}"))])
    })
}
