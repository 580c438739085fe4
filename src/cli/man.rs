//! `romfeed man`: the manual pages of romfeed and of each command, from the definition of the command
//! line.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory};
use romfeed::files::write_atomically;

use super::args::Cli;
use super::backend;
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
    let backend = backend::definitions();
    let names = command_names
        .iter()
        .flat_map(|names| names.split([' ', '-']))
        .filter(|name| !name.is_empty());
    let mut names = names.peekable();
    names.next_if_eq(&NAME);
    for name in names {
        let of_backend = match command.get_name() {
            NAME => &backend[..],
            _ => &[],
        };
        let found = {
            let mut commands = command.get_subcommands().chain(of_backend);
            commands.find(|command| command.get_name() == name).cloned()
        };
        let Some(found) = found else {
            let known = command.get_subcommands().chain(of_backend);
            let known = known.map(Command::get_name);
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
        command = found;
    }
    let call = command.get_bin_name().unwrap_or(NAME);
    let call = call.replacen(NAME, "romfeed man", 1);
    let page = page(command)?;
    let mut stdout = io::stdout();
    stdout.write_all(&page)?;
    if stdout.is_terminal() {
        terminal.line(&format!("hint: to read this page: {call} | man -l -"));
    }
    Ok(Outcome::Done)
}

/// Writes all pages to a folder, under the names that `man` expects.
pub(crate) fn write_all(folder: &Path, terminal: Terminal) -> Outcome {
    let mut command = Cli::command();
    command.build();
    let mut commands = std::iter::once(command).chain(backend::definitions());
    match commands.try_for_each(|command| write_pages(&command, folder)) {
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
    let closing = [
        examples(&command),
        exit_status(&title),
        FILES.to_owned(),
        environment(&command),
    ];
    let closing = closing.concat();
    // The examples have a section of their own.
    let usage = synopsis(&command);
    let command = command.after_help(None::<&str>).override_usage(usage);
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .title(title)
        .source(format!("{NAME} {}", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    page.extend(closing.as_bytes());
    Ok(page)
}

/// Returns the call of a command with all its flags and their values; global flags are named as one.
fn synopsis(command: &Command) -> String {
    let mut words = vec![command.get_bin_name().unwrap_or(NAME).to_owned()];
    let own = || {
        let arguments = command.get_arguments();
        arguments.filter(|argument| !argument.is_hide_set() && !argument.is_global_set())
    };
    // The flags of a command itself come before those under a heading.
    let flags = own().filter(|argument| !argument.is_positional() && argument.get_id() != "help");
    let (headed, plain): (Vec<&Arg>, Vec<&Arg>) =
        flags.partition(|argument| argument.get_help_heading().is_some());
    let arguments = plain.into_iter().chain(headed);
    words.extend(arguments.map(|argument| bracketed(argument, &flag(argument))));
    if command.get_arguments().any(Arg::is_global_set) {
        words.push("[GLOBAL OPTIONS]".to_owned());
    }
    words.extend(
        own()
            .filter(|argument| argument.is_positional())
            .map(|argument| bracketed(argument, &values(argument))),
    );
    if command.has_subcommands() {
        words.push("COMMAND".to_owned());
    }
    words.join(" ")
}

/// Returns a flag with its value: `--out FOLDER`.
fn flag(argument: &Arg) -> String {
    let name = match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => format!("-{short}|--{long}"),
        (Some(short), None) => format!("-{short}"),
        (None, long) => format!("--{}", long.unwrap_or_default()),
    };
    match argument.get_action().takes_values() {
        true => format!("{name} {}", values(argument)),
        false => name,
    }
}

fn values(argument: &Arg) -> String {
    match argument.get_value_names() {
        Some(names) => names
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        None => argument.get_id().as_str().to_uppercase(),
    }
}

/// Adds brackets if an argument may be left out, and dots if it may be repeated.
fn bracketed(argument: &Arg, text: &str) -> String {
    let is_many = argument
        .get_num_args()
        .is_some_and(|num| num.max_values() == usize::MAX);
    let is_repeated = matches!(argument.get_action(), ArgAction::Append | ArgAction::Count);
    let dots = if is_many || (is_repeated && !argument.is_positional()) {
        "..."
    } else {
        ""
    };
    match argument.is_required_set() {
        true => format!("{text}{dots}"),
        false => format!("[{text}]{dots}"),
    }
}

/// Returns the section of the examples that the help of a command ends with.
fn examples(command: &Command) -> String {
    let help = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut lines = help
        .lines()
        .filter(|line| line.starts_with("  "))
        .peekable();
    if lines.peek().is_none() {
        return String::new();
    }
    let mut text = ".SH EXAMPLES\n.nf\n".to_owned();
    for line in lines {
        let line = line.trim_start().replace('\\', "\\e").replace('-', "\\-");
        let _ = writeln!(text, "{line}");
    }
    text + ".fi\n"
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
            "A package or a source was left out and the rest is live; or the live site has an error, or is not the one that was published.",
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
    let broken = match name {
        "generate" | "publish" => {
            "Ctrl-C or another signal stopped the run; standard error says what was written."
        }
        _ => "A second signal stopped the server before its downloads were finished.",
    };
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
        (
            "130",
            matches!(name, "serve" | "generate" | "publish").then_some(broken),
        ),
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
    let of_backend = backend::variables(command);
    let end = match of_backend {
        Some(_) => " of other commands",
        None => "",
    };
    let mut flags = Vec::new();
    collect(of_backend.as_ref().unwrap_or(command), &mut flags);
    flags.sort_unstable();
    flags.dedup();
    let mut text = ".SH ENVIRONMENT\n".to_owned();
    for (variable, flag) in flags {
        let flag = flag.replace('-', "\\-");
        let _ = writeln!(text, ".TP\n{variable}\nSets \\-\\-{flag}{end}.");
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
        assert!(page_of("publish").contains("Messages say what is live."));
        assert!(page_of("generate").contains("130\nCtrl-C"));
        assert!(!page_of("check").contains("130"));
    }

    #[test]
    fn the_synopsis_has_the_own_flags_first_and_their_values() {
        let page = page_of("generate");
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        let own = at("[\\-\\-url TEMPLATE]");
        assert!(own < at("[\\-o|\\-\\-out FOLDER]"));
        assert!(at("[\\-o|\\-\\-out FOLDER]") < at("[GLOBAL OPTIONS]"));
        assert!(at("[\\-\\-accept\\-loss SOURCE]...") < at(".SH OPTIONS"));
        assert!(at(".SH OPTIONS") < at(".SH \"FILES, FOLDERS AND ADDRESS OF THE SITE\""));
        assert!(at("GLOBAL OPTIONS\"") < at(".SH EXAMPLES"));
    }

    #[test]
    fn each_page_has_the_version() {
        let first = page_of("check");
        let first = first.lines().find(|line| line.starts_with(".TH")).unwrap();
        let version = format!("\"romfeed {}\"", env!("CARGO_PKG_VERSION"));
        assert!(first.contains(&version), "{first}");
    }
}
