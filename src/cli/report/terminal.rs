//! Standard error as a terminal: colours, verbosity, and lines of readable length.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use crate::cli::args::{Global, When};
use crate::cli::escape::harmless;

/// Longest line of an error or warning, in bytes.
const MAX_LINE_LEN: usize = 600;

fn paint(colored: bool, code: &str, text: &str) -> String {
    if colored {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// The output on standard error, in colour or not, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    pub(crate) verbosity: u8,
    pub(crate) quiet: bool,
    /// It cannot move its cursor: no line is drawn twice.
    pub(crate) is_dumb: bool,
    colored: bool,
    colored_stdout: bool,
}

impl Terminal {
    pub(crate) fn new(global: &Global) -> Terminal {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || is_dumb;
        let colored = |is_terminal: bool| match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && !plain,
        };
        Terminal {
            verbosity: global.verbose,
            quiet: global.quiet,
            is_dumb,
            colored: colored(io::stderr().is_terminal()),
            colored_stdout: colored(io::stdout().is_terminal()),
        }
    }

    /// Colours a text for standard error.
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        paint(self.colored, code, text)
    }

    /// Colours a text for standard output.
    pub(crate) fn paint_stdout(self, code: &str, text: &str) -> String {
        paint(self.colored_stdout, code, text)
    }

    /// Prints a line, unless `-q` is given. A closed stream is not an error.
    pub(crate) fn line(self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Prints a line at any verbosity.
    pub(crate) fn always(self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", harmless(&without_os_codes(text)));
    }

    /// Prints an error and what to do about it, at any verbosity.
    pub(crate) fn error(self, text: &str, hint: Option<&str>) {
        let text = shorten(text);
        self.always(&format!("{} {text}", self.paint("1;31", "error:")));
        if let Some(hint) = hint {
            self.always(&format!("  {} {hint}", self.paint("1", "hint:")));
        }
    }

    /// Prints a warning, unless `-q` is given.
    pub(crate) fn warning(self, text: &str) {
        let text = shorten(text);
        self.line(&format!("{} {text}", self.paint("1;33", "warning:")));
    }
}

/// Removes the numbers that Rust adds to the errors of the system: ` (os error 2)`.
fn without_os_codes(text: &str) -> Cow<'_, str> {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return text.into();
    }
    let mut plain = first.to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        plain.push_str(rest.strip_prefix(')').unwrap_or(rest));
    }
    plain.into()
}

/// Shortens long lines: names in packages may have tens of thousands of characters.
fn shorten(text: &str) -> Cow<'_, str> {
    if text.lines().all(|line| line.len() <= MAX_LINE_LEN) {
        return text.into();
    }
    let lines = text.lines().map(|line| {
        let begin = line.floor_char_boundary(MAX_LINE_LEN / 2);
        let end = line.ceil_char_boundary(line.len().saturating_sub(MAX_LINE_LEN / 4));
        match line.len() <= MAX_LINE_LEN {
            true => line.to_owned(),
            false => format!("{} … {}", &line[..begin], &line[end..]),
        }
    });
    lines.collect::<Vec<String>>().join("\n").into()
}
