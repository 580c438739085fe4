//! From the arguments of the program to the values of a command.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;

use super::escape;

/// Parses the arguments. Prints help and errors as clap does, and then ends the program; control
/// characters in them are escaped.
pub(crate) fn parse<T: Parser>(args: &[OsString]) -> T {
    T::try_parse_from(args).unwrap_or_else(|error| {
        let text = error.render().to_string();
        let Cow::Owned(escaped) = escape::harmless(&text) else {
            error.exit();
        };
        // If the stream is closed, nothing reads the message.
        let _ = io::stderr().write_all(escaped.as_bytes());
        std::process::exit(error.exit_code())
    })
}
