//! `romfeed man`: the manual pages of romfeed and of each command, from the definition of the command
//! line.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory};
use romfeed::files::write_atomically;

use super::args::Cli;
use super::nearest::nearest;
use super::outcome::Outcome;
use super::report::Terminal;

/// The name of the program.
const NAME: &str = "romfeed";

const FILES: &str = r#".SH FILES
.TP
romfeed.toml
The settings; every key is optional. Paths in the file are relative to its folder.
.TP
catalog.json
All builds ever published. Keep this file in git.
.TP
changelogs/
The changelogs of builds and the projects that they were made from, next to the catalog. Keep this folder in git too.
.TP
\&.romfeed/
Lock and cache of this machine, next to the catalog.
"#;

/// Prints the manual page of romfeed, or of the command with this name: `catalog add`, or `catalog-add`
/// as its page is called.
pub(crate) fn print(command_names: &[String], terminal: Terminal) -> io::Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    let names = command_names
        .iter()
        .flat_map(|names| names.split([' ', '-']))
        .filter(|name| !name.is_empty());
    let mut names = names.peekable();
    names.next_if_eq(&NAME);
    for name in names {
        let Some(found) = command.find_subcommand(name) else {
            let known = command.get_subcommands().map(Command::get_name);
            let known: Vec<&str> = known.filter(|name| *name != "help").collect();
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("`{}` has no commands", command.get_name()),
                None => format!("known are {}", known.join(", ")),
            };
            let message = format!("unknown command `{}`", name.escape_debug());
            terminal.error(&message, Some(&hint));
            return Ok(Outcome::Usage);
        };
        command = found.clone();
    }
    io::stdout().write_all(&page(command)?)?;
    Ok(Outcome::Done)
}

/// Writes all pages to a folder, under the names that `man` expects.
pub(crate) fn write_all(folder: &Path, terminal: Terminal) -> Outcome {
    let mut command = Cli::command();
    command.build();
    match write_pages(&command, folder) {
        Ok(()) => Outcome::Done,
        Err(error) => {
            let what = format!("cannot write pages to {}: {error}", folder.display());
            terminal.error(&what, None);
            Outcome::Failed
        }
    }
}

/// Writes the pages of a command and of its subcommands.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let title = command.get_display_name().unwrap_or(NAME);
    let path = folder.join(format!("{title}.1"));
    write_atomically(&path, &page(command.clone())?)?;
    let mut subcommands = command
        .get_subcommands()
        .filter(|command| command.get_name() != "help");
    subcommands.try_for_each(|command| write_pages(command, folder))
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let title = command.get_display_name().unwrap_or(NAME).to_owned();
    let closing = [exit_status(&title), FILES.to_owned(), environment(&command)].concat();
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .title(title)
        .source(format!("{NAME} {}", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    page.extend(closing.as_bytes());
    Ok(page)
}

/// Describes the exit codes on the page with this title.
fn exit_status(title: &str) -> String {
    let name = title.strip_prefix("romfeed-").unwrap_or_default();
    let (well, failed) = match name.split('-').next().unwrap_or_default() {
        "generate" => (
            "Success.",
            r"A package or a source was left out and the rest was written; or, with \-\-exit\-code, the site is or was not up to date.",
        ),
        "publish" => (
            "The site is live.",
            "A package or a source was left out and the rest is live; or the live site has an error.",
        ),
        "inspect" => ("Success.", "A package could not be read."),
        "check" => (
            "No error was found. There may be warnings.",
            "At least one error was found.",
        ),
        "simulate" => (
            "Every simulated updater got a list that it can read, even if the list is empty.",
            "At least one of them got no list.",
        ),
        "serve" => (
            "The server stopped after a signal and finished its downloads; or the keys were changed.",
            "The server failed, or the keys could not be changed.",
        ),
        "catalog" => (
            "Success.",
            "Something was refused, or could not be read or written.",
        ),
        _ => (
            "Success.",
            "Something failed or was left out, and the rest was done.",
        ),
    };
    let mut text = ".SH \"EXIT STATUS\"\n".to_owned();
    let broken = "A second signal stopped the server before its downloads were finished.";
    let stopped = match name {
        "generate" => {
            r"The run stopped: a file could not be read or written, another run was under way, or \-\-strict found a fault. Run it again."
        }
        _ => {
            r"The run stopped: a step failed, another run was under way, or \-\-strict found a fault. Messages say what is live. Run it again: it continues."
        }
    };
    for (code, meaning) in [
        ("0", Some(well)),
        ("1", Some(failed)),
        (
            "2",
            Some("The call or the settings are wrong, and nothing was done."),
        ),
        (
            "3",
            ["generate", "publish"].contains(&name).then_some(stopped),
        ),
        ("130", (name == "serve").then_some(broken)),
    ] {
        if let Some(meaning) = meaning {
            let _ = writeln!(text, ".TP\n{code}\n{meaning}");
        }
    }
    text
}

/// Describes the environment variables that set flags of this command or, on the page of romfeed, of
/// any command.
fn environment(command: &Command) -> String {
    let mut flags = Vec::new();
    collect(command, &mut flags);
    flags.sort_unstable();
    flags.dedup();
    let mut text = ".SH ENVIRONMENT\n".to_owned();
    for (variable, flag) in flags {
        let flag = flag.replace('-', "\\-");
        let _ = writeln!(text, ".TP\n{variable}\nSets \\-\\-{flag}.");
    }
    text.push_str(
        ".TP\nTMPDIR\nThe folder for temporary copies of long compressed streams.\n\
         .TP\nNO_COLOR, TERM=dumb\nTurn colours off.\n",
    );
    text
}

fn collect(command: &Command, flags: &mut Vec<(String, String)>) {
    for argument in command.get_arguments().filter(|a| !a.is_hide_set()) {
        let variable = argument.get_env().and_then(|name| name.to_str());
        if let (Some(variable), Some(flag)) = (variable, argument.get_long()) {
            flags.push((variable.to_owned(), flag.to_owned()));
        }
    }
    for subcommand in command.get_subcommands() {
        collect(subcommand, flags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(name: &str) -> String {
        let mut command = Cli::command();
        command.build();
        let command = command.find_subcommand(name).unwrap().clone();
        String::from_utf8(page(command).unwrap()).unwrap()
    }

    #[test]
    fn each_command_has_its_own_exit_codes_and_variables() {
        let check = page_of("check");
        assert!(check.contains("At least one error was found."), "{check}");
        assert!(!check.contains("ROMFEED_URL"), "{check}");
        assert!(check.contains("ROMFEED_OUT\nSets \\-\\-out."), "{check}");
        assert!(page_of("generate").contains("ROMFEED_URL"));
        assert!(!page_of("generate").contains("130"));
        assert!(page_of("publish").contains("Messages say what is live."));
    }

    #[test]
    fn each_page_has_the_version() {
        let first = page_of("check");
        let first = first.lines().find(|line| line.starts_with(".TH")).unwrap();
        let version = format!("\"romfeed {}\"", env!("CARGO_PKG_VERSION"));
        assert!(first.contains(&version), "{first}");
    }
}
