//! Commands that need the settings.

use std::io;
use std::path::Path;

use romfeed::model::config::Config;

use super::config::{self, Flags, Resolved};
use super::outcome::Outcome;
use super::report::{Terminal, chain};

/// Resolves the settings and runs a command with them. Prints what is wrong with the settings, and
/// does not run the command then.
pub(crate) fn with_resolved(
    file: Option<&Path>,
    flags: Flags,
    terminal: Terminal,
    run: impl FnOnce(Resolved) -> io::Result<Outcome>,
) -> io::Result<Outcome> {
    match config::resolve(file, flags) {
        Ok(resolved) => run(resolved),
        Err(error) => {
            terminal.error(&chain(&error), error.hint.as_deref());
            Ok(Outcome::Usage)
        }
    }
}

/// As [`with_resolved`], for commands that only warn of errors in `devices.json`.
pub(crate) fn with_config(
    file: Option<&Path>,
    flags: Flags,
    terminal: Terminal,
    run: impl FnOnce(Config) -> io::Result<Outcome>,
) -> io::Result<Outcome> {
    with_resolved(file, flags, terminal, |resolved| {
        for error in &resolved.devices_errors {
            terminal.warning(error);
        }
        run(resolved.config)
    })
}
