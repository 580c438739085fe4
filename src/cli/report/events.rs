//! What a run did or noticed, a line for each event.

use std::collections::BTreeSet;

use romfeed::generate::{self, Cause, Event, Report};
use romfeed::model::config::Config;

use super::count;
use super::terminal::Terminal;
use crate::cli::escape::escape;

/// Subjects of warnings about more than a build.
const GENERAL: [&str; 5] = [
    "feeds",
    "changelogs",
    generate::BUILDS,
    generate::CACHE,
    generate::MEMORY,
];

/// Prints the events of a run. Those that are not new are only counted, unless `-v` is given.
pub(super) struct EventPrinter<'r> {
    terminal: Terminal,
    config: &'r Config,
    /// The paths of builds that this run added or changed.
    new_paths: BTreeSet<&'r str>,
    num_remote: usize,
    pub(super) counts: Counts,
    /// How many warnings were only counted, and the builds they are about.
    num_hidden_warnings: usize,
    hidden_paths: Vec<&'r str>,
}

/// How many builds are not offered, as they are held back or were removed before.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) num_held: usize,
    /// Those whose reason was not printed.
    pub(super) num_held_hidden: usize,
    pub(super) num_buried: usize,
}

impl<'r> EventPrinter<'r> {
    pub(super) fn new(
        terminal: Terminal,
        config: &'r Config,
        report: &'r Report,
    ) -> EventPrinter<'r> {
        let new_paths = report.events.iter().filter_map(|event| match event {
            Event::Added(path)
            | Event::Updated { path, .. }
            | Event::Moved { path, .. }
            | Event::Superseded(path)
            | Event::Returned(path) => Some(path.as_str()),
            _ => None,
        });
        EventPrinter {
            terminal,
            config,
            new_paths: new_paths.collect(),
            num_remote: 0,
            counts: Counts::default(),
            num_hidden_warnings: 0,
            hidden_paths: Vec::new(),
        }
    }

    /// Returns whether an event is printed: it is new, or `-v` is given.
    fn is_shown(&self, path: &str) -> bool {
        self.terminal.verbosity > 0 || self.new_paths.contains(path)
    }

    pub(super) fn print(&mut self, event: &'r Event) {
        let terminal = self.terminal;
        match event {
            Event::Added(path) => terminal.line(&format!(
                "{} {}",
                terminal.paint("32", "new"),
                path.escape_debug()
            )),
            Event::Updated { path, what } => terminal.line(&format!(
                "{} {}: {}",
                terminal.paint("36", "changed"),
                path.escape_debug(),
                what.join(", ")
            )),
            Event::Moved { path, to } => terminal.line(&format!(
                "{} {} to {to}; phones that run it now see \"no updates\" at the old URL",
                terminal.paint("36", "moved"),
                path.escape_debug()
            )),
            Event::Returned(path) => terminal.line(&format!(
                "{} {} is offered again",
                terminal.paint("32", "back"),
                path.escape_debug()
            )),
            Event::Superseded(path) => terminal.warning(&format!(
                "{}: the package changed under its old name; the old build is no longer offered",
                path.escape_debug()
            )),
            Event::Retired {
                path,
                cause,
                offered_by,
            } => terminal.line(&format!(
                "{} {}: {}",
                terminal.paint("33", "retired"),
                path.escape_debug(),
                describe_retirement(*cause, offered_by.as_deref())
            )),
            Event::Remote(path) => {
                self.num_remote += 1;
                if terminal.verbosity > 0 {
                    terminal.line(&format!(
                        "not in the builds folder, offered from its address: {}",
                        path.escape_debug()
                    ));
                }
            }
            Event::Buried(path) => {
                self.counts.num_buried += 1;
                if terminal.verbosity > 0 {
                    terminal.line(&format!(
                        "passed over {}: it was removed or superseded before; `romfeed catalog add --zip` adds it again",
                        path.escape_debug()
                    ));
                }
            }
            Event::SameBytes { path, of } => terminal.line(&format!(
                "passed over {}: the same bytes as {}",
                path.escape_debug(),
                of.escape_debug()
            )),
            // Printed below, all together.
            Event::NotAnUpdate { .. } => {}
            Event::Held { path, reason } => {
                self.counts.num_held += 1;
                if !self.is_shown(path) {
                    self.counts.num_held_hidden += 1;
                } else {
                    terminal.line(&format!(
                        "{} {}: {reason}",
                        terminal.paint("33", "held"),
                        path.escape_debug()
                    ));
                }
            }
            Event::ChangelogsKept(num) => terminal.line(&describe_stored(
                *num,
                ["changelog", "changelogs"],
                self.config,
            )),
            Event::ProjectsKept(num) => {
                terminal.line(&describe_stored(
                    *num,
                    ["list of projects", "lists of projects"],
                    self.config,
                ));
            }
            Event::Warning { path, text } => {
                let is_general = GENERAL.contains(&path.as_str())
                    || self
                        .config
                        .sources
                        .iter()
                        .any(|source| source.name == *path);
                if self.is_shown(path) || is_general {
                    terminal.warning(&format!("{}: {text}", path.escape_debug()));
                } else {
                    self.num_hidden_warnings += 1;
                    if !self.hidden_paths.contains(&path.as_str()) {
                        self.hidden_paths.push(path);
                    }
                }
            }
        }
    }

    /// Prints how many events were only counted.
    pub(super) fn print_counts(&self, report: &Report) {
        let terminal = self.terminal;
        // The others are listed.
        let num_counted = if terminal.verbosity == 0 {
            self.num_remote
        } else {
            0
        };
        let num_elsewhere = num_counted.saturating_add(report.num_elsewhere);
        if num_elsewhere > 0 {
            terminal.line(&format!(
                "{} not in the builds folder and offered from elsewhere; -v lists {}",
                count(num_elsewhere, "build is", "builds are"),
                it_or_them(num_elsewhere)
            ));
        }
        if self.num_hidden_warnings > 0 {
            terminal.line(&format!(
                "{} about builds that are not new{}; -v shows {}",
                count(self.num_hidden_warnings, "warning", "warnings"),
                first_names(&self.hidden_paths),
                it_or_them(self.num_hidden_warnings)
            ));
        }
    }
}

/// Names up to three builds, in brackets.
fn first_names(paths: &[&str]) -> String {
    let names = paths.iter().take(3).map(|path| escape(path));
    let names: Vec<String> = names.collect();
    let more = if paths.len() > names.len() {
        ", …"
    } else {
        ""
    };
    format!(" ({}{more})", names.join(", "))
}

fn it_or_them(num: usize) -> &'static str {
    match num {
        1 => "it",
        _ => "them",
    }
}

/// Describes why a build is retired, and who still offers it.
fn describe_retirement(cause: Cause, offered_by: Option<&str>) -> String {
    let cause = match cause {
        Cause::Gone => "its zip is gone",
        Cause::Excluded => "`exclude` in romfeed.toml names its zip",
        Cause::HashMismatch => {
            "its zip and the checksum file next to it differ (the error below has both digests)"
        }
        Cause::Faulty => "its zip cannot be published (the error below says why)",
        Cause::Replaced => "another file has taken the place of its zip",
    };
    match offered_by {
        None => format!("{cause}, so it is no longer offered"),
        Some(catalog) => format!(
            "{cause}, but {} still offers it; if that file is a copy, take it out of `catalog` in romfeed.toml",
            escape(catalog)
        ),
    }
}

/// Reports that texts of one kind were stored, or would be.
fn describe_stored(num: usize, [one, many]: [&str; 2], config: &Config) -> String {
    let stored = if config.dry_run {
        "to store in"
    } else {
        "stored in"
    };
    let folder = config.changelogs.display();
    format!("{} {stored} {folder}", count(num, one, many))
}
