//! The command line.
//!
//! In: the arguments and the environment. Out: settings, a call of the library, and its result as
//! lines and an exit code.
//!
//! - `args`: the arguments, with `parse`, `listen` and `rate`;
//! - `settings`: runs a command with its settings, which `config`, `theme` and `devices` read;
//! - a module for each command: `generate`, `publish`, `check` (with `check_zip`, `findings`), `inspect` (with
//!   `contents`), `simulate`, `catalog`, `files`, `sources`, `init`, `serve`, `hash`, `man`; `backend` for the
//!   commands of LineageOS's former server;
//! - `report`: the terminal, and what is printed about a run; `escape`, `json`, `progress`, `time`:
//!   other output; `interrupt`: Ctrl-C during a run; `http`, `remote`: packages and sites on other hosts;
//! - `unused`: settings that have no effect; `nearest`: the known word that is most like a mistyped
//!   one;
//! - `first_step`: what to do without arguments; `outcome`: exit codes.

mod args;
mod backend;
mod catalog;
mod check;
mod check_zip;
mod config;
mod contents;
mod devices;
#[cfg(test)]
mod documents;
mod escape;
mod files;
mod findings;
mod first_step;
mod generate;
mod hash;
mod http;
mod init;
mod inspect;
#[cfg(feature = "serve")]
mod interrupt;
mod json;
#[cfg(feature = "serve")]
mod listen;
mod man;
mod nearest;
mod outcome;
mod parse;
mod position;
mod progress;
mod publish;
mod rate;
mod remote;
mod report;
#[cfg(feature = "serve")]
mod serve;
mod settings;
mod simulate;
mod sources;
mod theme;
mod time;
mod unused;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use args::{Cli, Command};
use outcome::Outcome;
use report::Terminal;

/// Runs the command line. A closed pipe counts as success.
pub(crate) fn run() -> ExitCode {
    silence_caught_panics();
    let args: Vec<_> = std::env::args_os().collect();
    if let Some(outcome) = backend::run(&args) {
        return outcome.into();
    }
    if let [_] = &args[..] {
        return print_first_step();
    }
    let cli: Cli = parse::parse(&args);
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

/// Prints the help, and then what to do in this folder.
fn print_first_step() -> ExitCode {
    let help = Cli::command().try_get_matches_from([""]).err();
    // If the stream is closed, nothing reads the help.
    let _ = help.map(|help| help.print());
    if let Some(step) = first_step::find() {
        let _ = writeln!(io::stderr(), "\n{step}");
    }
    Outcome::Usage.into()
}

/// Prints no message for panics that are caught: they are reported as errors of the package that
/// caused them in a library.
fn silence_caught_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !ota_view::catch_panic::is_catching() {
            default(info);
        }
    }));
}

fn dispatch(cli: &Cli, terminal: Terminal) -> io::Result<Outcome> {
    let file = cli.global.config.as_deref();
    match &cli.command {
        Command::Init(args) => init::run(args, file, terminal),
        Command::Generate(args) => generate::run(args, file, terminal),
        Command::Publish(args) => publish::run(args, file, terminal),
        Command::Inspect(args) => inspect::run(args, file, terminal),
        Command::Check(args) => check::run(args, file, terminal),
        Command::Catalog(args) => catalog::run(&args.command, file, terminal),
        Command::Files(args) => files::run(args, file, terminal),
        Command::Sources(args) => sources::run(args, file, terminal),
        Command::Simulate(args) => simulate::run(args, file, terminal),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(args, file, terminal),
        Command::Hash(args) => hash::run(args, terminal),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "romfeed", &mut script);
            io::stdout().write_all(&script)?;
            Ok(Outcome::Done)
        }
        Command::Man {
            to: Some(folder), ..
        } => Ok(man::write_all(folder, terminal)),
        Command::Man { names, to: None } => man::print(names, terminal),
    }
}
