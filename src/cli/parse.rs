//! From the arguments of the program to the values of a command.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser};
use romfeed::upload::SiteDestination;

use super::escape;

/// Words of the parser and of Rust, and ours.
const WORDS: [(&str, &str); 7] = [
    ("unrecognized subcommand", "unknown command"),
    ("a similar subcommand exists", "a similar command exists"),
    ("some similar subcommands exist", "similar commands exist"),
    ("invalid digit found in string", "it is not a whole number"),
    ("cannot parse integer from empty string", "it is empty"),
    ("number too large to fit in target type", "it is too large"),
    ("number too small to fit in target type", "it is too small"),
];

/// Parses the arguments. Prints help and errors as clap does, and then ends the program; control
/// characters in errors are escaped.
pub(crate) fn parse<T: Parser>(args: &[OsString]) -> T {
    T::try_parse_from(args).unwrap_or_else(|mut error| {
        name_destinations(&mut error);
        name_variable(&mut error, &T::command());
        let text = error.render().to_string();
        let words = WORDS.iter().fold(text.clone(), |text, (of_parser, ours)| {
            text.replace(of_parser, ours)
        });
        let plain = escape::harmless(&words);
        if plain == text {
            error.exit();
        }
        // If the stream is closed, nothing reads the message.
        let _ = io::stderr().write_all(plain.as_bytes());
        std::process::exit(error.exit_code())
    })
}

/// Names the variable of the environment that a wrong value is from, in place of its flag.
fn name_variable(error: &mut clap::Error, command: &Command) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let flag = text(ContextKind::InvalidArg).and_then(|arg| arg.strip_prefix("--"));
    let Some(flag) = flag.and_then(|arg| arg.split(' ').next()) else {
        return;
    };
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let variable = variable_of(flag, command);
    if let Some(variable) =
        variable.filter(|name| std::env::var(name).is_ok_and(|set| set == value))
    {
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
}

/// Returns the variable of the environment that sets a flag of a command, or of one below it.
fn variable_of(flag: &str, command: &Command) -> Option<String> {
    let mut flags = command.get_arguments();
    let own = flags.find(|arg| arg.get_long() == Some(flag) && arg.get_env().is_some());
    match own {
        Some(arg) => Some(arg.get_env()?.to_str()?.to_owned()),
        None => command
            .get_subcommands()
            .find_map(|below| variable_of(flag, below)),
    }
}

/// Adds what `publish` takes for `--to`, if that is missing.
fn name_destinations(error: &mut clap::Error) {
    let is_to = |missing: &ContextValue| match missing {
        ContextValue::Strings(names) => names.iter().any(|name| name.starts_with("--to ")),
        _ => false,
    };
    if error.kind() == ErrorKind::MissingRequiredArgument
        && error.get(ContextKind::InvalidArg).is_some_and(is_to)
    {
        let tip = format!("name one of: {}", SiteDestination::KINDS);
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
}
