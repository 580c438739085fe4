//! `romfeed man`: the manual pages, of romfeed and of each verb, out of the definition of the
//! command line.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory};
use romfeed::files::write_atomically;

use super::Outcome;
use super::args::Cli;
use super::report::Terminal;

/// What the program is called.
const NAME: &str = "romfeed";

const FILES: &str = r#".SH FILES
.TP
romfeed.toml
The settings; every key is optional. Paths in it are relative to it.
.TP
catalog.json
All builds ever published; made to be kept in git.
.TP
changelogs/
The changelogs of builds and the projects they were made from, beside the catalog; for git too.
.TP
\&.romfeed/
Lock and cache of this machine, beside the catalog.
"#;

/// Prints the manual page of romfeed, or of the verb with this path: `catalog add`, or
/// `catalog-add` as the page is called.
pub(crate) fn print(verb: &[String], terminal: Terminal) -> io::Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    let names = verb
        .iter()
        .flat_map(|names| names.split([' ', '-']))
        .filter(|name| !name.is_empty());
    let mut names = names.peekable();
    names.next_if_eq(&NAME);
    for name in names {
        let Some(found) = command.find_subcommand(name) else {
            terminal.error(&format!("there is no verb `{}`", name.escape_debug()), None);
            return Ok(Outcome::Usage);
        };
        command = found.clone();
    }
    io::stdout().write_all(&page(command)?)?;
    Ok(Outcome::Done)
}

/// Writes all pages to a folder, each under the name that `man` looks for.
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

/// Writes the page of a command and those of the verbs below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let title = command.get_display_name().unwrap_or(NAME);
    let path = folder.join(format!("{title}.1"));
    write_atomically(&path, &page(command.clone())?)?;
    let mut verbs = command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help");
    verbs.try_for_each(|verb| write_pages(verb, folder))
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

/// What the exit codes mean for the page of this title.
fn exit_status(title: &str) -> String {
    let verb = title.strip_prefix("romfeed-").unwrap_or_default();
    let (well, failed) = match verb.split('-').next().unwrap_or_default() {
        "generate" => (
            "All well.",
            r"A package was left out, and the rest was written; or the site could not be written; or, with \-\-exit\-code, the site is or was stale.",
        ),
        "inspect" => ("All well.", "A package could not be read."),
        "check" => (
            "No error was found; there may be warnings.",
            "At least one error was found.",
        ),
        "simulate" => (
            "Every updater comes to a list it can read, even an empty one.",
            "One of them comes to none.",
        ),
        "serve" => (
            "The server was told to stop, and finished what it sent; or the keys were changed.",
            "The server could not go on, or the keys could not be changed.",
        ),
        "catalog" => (
            "All well.",
            "Something was refused, or could not be read or written.",
        ),
        _ => (
            "All well.",
            "Something failed or was left out, and the rest was done.",
        ),
    };
    let mut text = ".SH \"EXIT STATUS\"\n".to_owned();
    let broken = "Told a second time to stop, the server did not wait for downloads.";
    for (code, meaning) in [
        ("0", Some(well)),
        ("1", Some(failed)),
        (
            "2",
            Some("The call or the settings are wrong, and nothing was done."),
        ),
        ("130", (verb == "serve").then_some(broken)),
    ] {
        if let Some(meaning) = meaning {
            let _ = writeln!(text, ".TP\n{code}\n{meaning}");
        }
    }
    text
}

/// The variables that stand for flags of this verb or, for the page of romfeed, of any.
fn environment(command: &Command) -> String {
    let mut flags = Vec::new();
    collect(command, &mut flags);
    flags.sort_unstable();
    flags.dedup();
    let mut text = ".SH ENVIRONMENT\n".to_owned();
    for (variable, flag) in flags {
        let flag = flag.replace('-', "\\-");
        let _ = writeln!(text, ".TP\n{variable}\nStands for \\-\\-{flag}.");
    }
    text.push_str(
        ".TP\nTMPDIR\nWhere long compressed streams are kept while they are read.\n\
         .TP\nNO_COLOR, TERM=dumb\nTurn colours off.\n",
    );
    text
}

fn collect(command: &Command, flags: &mut Vec<(String, String)>) {
    for argument in command.get_arguments() {
        let variable = argument.get_env().and_then(|name| name.to_str());
        if let (Some(variable), Some(flag)) = (variable, argument.get_long()) {
            flags.push((variable.to_owned(), flag.to_owned()));
        }
    }
    for verb in command.get_subcommands() {
        collect(verb, flags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(verb: &str) -> String {
        let mut command = Cli::command();
        command.build();
        let command = command.find_subcommand(verb).unwrap().clone();
        String::from_utf8(page(command).unwrap()).unwrap()
    }

    #[test]
    fn each_verb_has_its_own_exit_codes_and_variables() {
        let check = page_of("check");
        assert!(check.contains("At least one error was found."), "{check}");
        assert!(!check.contains("ROMFEED_URL"), "{check}");
        assert!(
            check.contains("ROMFEED_OUT\nStands for \\-\\-out."),
            "{check}"
        );
        assert!(page_of("generate").contains("ROMFEED_URL"));
        assert!(!page_of("generate").contains("130"));
    }

    #[test]
    fn each_page_has_the_version() {
        let first = page_of("check");
        let first = first.lines().find(|line| line.starts_with(".TH")).unwrap();
        let version = format!("\"romfeed {}\"", env!("CARGO_PKG_VERSION"));
        assert!(first.contains(&version), "{first}");
    }
}
