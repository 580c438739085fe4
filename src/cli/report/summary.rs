//! The report of a run: its events, a summary, and the next step.

use std::collections::{BTreeMap, BTreeSet};

use romfeed::generate::{Event, Report};
use romfeed::model::config::Config;
use romfeed::model::rom_settings::Updater;

use super::events::{Counts, EventPrinter};
use super::hints::print_faults;
use super::rom::{print_rom_side, roms};
use super::terminal::Terminal;
use super::{MAX_ALIKE, count};
use crate::cli::escape::escape;
use crate::cli::unused::Known;

/// Fewest letters that a name must begin with before an advised pattern covers all names like it.
const MIN_BEGIN_LEN: usize = 3;

/// The next step after a run that changed the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing is printed: a script that publishes takes the next step.
    Silent,
    /// Run this script, which publishes.
    Script(String),
    /// Upload the site by hand.
    Upload,
}

/// Prints the report of a run, and the next step.
pub(crate) fn print_report(terminal: Terminal, config: &Config, report: &Report, next: &Next) {
    let mut events = EventPrinter::new(terminal, config, report);
    for event in &report.events {
        events.print(event);
    }
    events.print_counts(report);
    let counts = events.counts;
    print_other_zips(terminal, config, report);
    print_faults(terminal, &report.faults);
    if config.catalog_only {
        return print_catalog_summary(terminal, config, report, next);
    }
    print_summary(terminal, config, report, counts, next);
}

/// Lists the zips that are not update packages, and says how to exclude them.
fn print_other_zips(terminal: Terminal, config: &Config, report: &Report) {
    let others = report.events.iter().filter_map(|event| match event {
        Event::NotAnUpdate { path, what } => Some((path, what)),
        _ => None,
    });
    let others: Vec<(&String, &String)> = others.collect();
    let num_named = match terminal.verbosity {
        0 => MAX_ALIKE,
        _ => others.len(),
    };
    for (path, what) in others.iter().take(num_named) {
        terminal.line(&format!("passed over {}: {what}", escape(path)));
    }
    if others.len() > num_named {
        let num_more = others.len() - num_named;
        terminal.line(&format!("passed over {num_more} more; -v lists them"));
    }
    if !others.is_empty() {
        let others: BTreeSet<&str> = others.iter().map(|(path, _)| path.as_str()).collect();
        let packages = Known::new(config, report).paths;
        // A second `exclude` would be an error, so the line has the patterns that are there already.
        let patterns = config.exclude_patterns.iter().cloned();
        let patterns: Vec<String> = patterns
            .chain(exclude_patterns(&others, &packages))
            .map(|pattern| escape(&format!("{pattern:?}")))
            .collect();
        terminal.line(&format!(
            "  {} `exclude` in romfeed.toml passes over zips without a note: exclude = [{}]",
            terminal.paint("1", "hint:"),
            patterns.join(", ")
        ));
    }
}

/// Returns patterns for `exclude` that match these zips: how the names of several begin, up to the first
/// digit, `-`, `_` or `.`, unless a package begins like that too; otherwise each path.
fn exclude_patterns(others: &BTreeSet<&str>, packages: &BTreeSet<String>) -> BTreeSet<String> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in others {
        let name = file_name(path);
        let end = name.find(|c: char| c.is_ascii_digit() || "-_.".contains(c));
        let begin = &name[..end.unwrap_or(name.len())];
        groups.entry(begin).or_default().push(path);
    }
    let is_free = |begin: &str| {
        let mut names = packages.iter().map(|path| file_name(path));
        begin.len() >= MIN_BEGIN_LEN && !names.any(|name| name.starts_with(begin))
    };
    let patterns =
        groups
            .into_iter()
            .flat_map(|(begin, paths)| match paths.len() > 1 && is_free(begin) {
                true => vec![format!("{begin}*")],
                false => paths.into_iter().map(globset::escape).collect(),
            });
    patterns.collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Prints how to retire builds while there is no zip, since an empty folder retires none.
fn print_unseen(terminal: Terminal, unseen: &[String]) {
    let (stay, zips, name) = match unseen {
        [] => return,
        [name] => ("1 build stays".to_owned(), "its zip is", escape(name)),
        all => (
            format!("{} builds stay", all.len()),
            "a zip is",
            "NAME".to_owned(),
        ),
    };
    terminal.line(&format!(
        "  {} {stay} offered from this site; if {zips} gone for good: romfeed catalog yank --reason \"zip is gone\" {name}",
        terminal.paint("1", "hint:"),
    ));
}

/// Prints what a run did that writes only catalogs.
fn print_catalog_summary(terminal: Terminal, config: &Config, report: &Report, next: &Next) {
    let catalog = config.catalogs[0].display();
    let is_new = |event: &&Event| matches!(event, Event::Added(_) | Event::Superseded(_));
    let num_new = report.events.iter().filter(is_new).count();
    match report.catalog_changed {
        true => terminal.line(&format!(
            "{catalog} is written, with {}",
            count(num_new, "new build", "new builds")
        )),
        false if report.is_refused(config) => {}
        false => terminal.line(&format!("{catalog} is up to date")),
    }
    if report.catalog_changed && *next != Next::Silent {
        terminal.line("next: romfeed generate, which makes the site of all catalogs");
    }
}

/// Prints what is published and what was written.
fn print_summary(
    terminal: Terminal,
    config: &Config,
    report: &Report,
    counts: Counts,
    next: &Next,
) {
    if report.nothing_to_publish {
        let sources = match report.sources.is_empty() {
            _ if config.sources.is_empty() => "",
            true => "; the sources were not asked (--offline)",
            false => ", nor in the sources",
        };
        terminal.line(&format!(
            "nothing to publish: no build in {} and none in {}{sources}; nothing was written",
            config.builds.display(),
            config.catalogs[0].display()
        ));
        return;
    }
    if report.from_catalog_alone {
        let builds = config.builds.display();
        let what = match config.builds.exists() {
            _ if !config.sources.is_empty() => {
                format!("no zip in {builds}, and the sources were not asked (--offline)")
            }
            true => format!("no zip in {builds}"),
            false => format!("there is no folder {builds}"),
        };
        terminal.line(&format!("{what}: the site is made from the catalog alone"));
        print_unseen(terminal, &report.unseen);
    }
    warn_of_rom_settings(terminal, config, report);
    let out = config.out.display();
    let what = what_is_offered(report);
    let details = details(terminal, config, report, counts);
    if !report.is_stale() {
        let state = match report.plan.foreign.is_empty() {
            true => "up to date",
            false => "unchanged, but not up to date",
        };
        terminal.line(&format!("{out} is {state}: {what}{details}"));
        return;
    }
    let is_refused = report.is_refused(config);
    let files = describe_files(report, config.dry_run || is_refused);
    terminal.line(&format!("{out}: {what} ({files}){details}"));
    match config.dry_run {
        true => print_plan(terminal, report),
        false if is_refused => {}
        false => print_next_step(terminal, config, report, next),
    }
}

/// Warns of settings for the ROM that its updater cannot use.
fn warn_of_rom_settings(terminal: Terminal, config: &Config, report: &Report) {
    let Some(base) = &config.base_url else {
        return;
    };
    for updater in [Updater::Template, Updater::Array] {
        for rom in roms(base, &report.variants, updater) {
            if let Some(fault) = rom.fault() {
                terminal.warning(&format!("{} {fault}", rom.value()));
            }
        }
    }
}

/// Counts what is offered besides full builds, and what is not offered.
fn details(terminal: Terminal, config: &Config, report: &Report, counts: Counts) -> String {
    let held_back = match counts.num_held_hidden {
        0 => " held back",
        _ => " held back (-v shows why)",
    };
    let passed_over = match terminal.verbosity {
        0 => " passed over (-v shows which)",
        _ => " passed over",
    };
    let counted = [
        (report.num_deltas, ["delta", "deltas"], ""),
        (counts.num_held, ["build", "builds"], held_back),
        (
            report.num_unlisted,
            ["build", "builds"],
            " no longer listed (keep)",
        ),
        (
            counts.num_buried,
            ["zip of a removed build", "zips of removed builds"],
            passed_over,
        ),
    ];
    let counted = counted.into_iter().filter(|(num, ..)| *num > 0);
    let details: String = counted
        .map(|(num, [one, many], what)| format!("; {}{what}", count(num, one, many)))
        .collect();
    let is_source = |path: &str| config.sources.iter().any(|source| source.name == path);
    let faults = report.faults.iter();
    let num_sources = faults.filter(|fault| is_source(&fault.path)).count();
    let failed = match num_sources {
        0 => String::new(),
        num => format!("; {}", count(num, "source failed", "sources failed")),
    };
    match report.faults.len() - num_sources {
        0 => format!("{details}{failed}"),
        num => format!("{details}; {num} left out{failed}"),
    }
}

/// Counts the files of the site by what was done with them.
fn describe_files(report: &Report, dry_run: bool) -> String {
    let [write, remove] = match dry_run {
        true => ["to write", "to remove"],
        false => ["written", "removed"],
    };
    let plan = &report.plan;
    format!(
        "{} {write}, {} {remove}, {} unchanged",
        count(plan.created.len() + plan.changed.len(), "file", "files"),
        plan.removed.len(),
        plan.num_unchanged,
    )
}

/// Lists the files that a run would write or remove.
fn print_plan(terminal: Terminal, report: &Report) {
    let plan = &report.plan;
    let lists = [
        ("+", &plan.created),
        ("~", &plan.changed),
        ("-", &plan.removed),
    ];
    for (mark, paths) in lists {
        for path in paths {
            terminal.line(&format!("  {mark} {path}"));
        }
    }
}

fn print_next_step(terminal: Terminal, config: &Config, report: &Report, next: &Next) {
    let out = config.out.display();
    match next {
        Next::Silent => return,
        Next::Script(script) => return terminal.line(&format!("next: {script}")),
        Next::Upload => {}
    }
    let is_new = report.plan.created.iter().any(|path| path == "404.html");
    // The zips of sources are uploaded already; without a folder of builds there are no others.
    let is_elsewhere = !config.sources.is_empty() && !config.builds.exists();
    match &config.base_url {
        Some(base) if !is_new => {
            let what = match is_elsewhere {
                true => out.to_string(),
                false => format!("new zips, then {out},"),
            };
            terminal.line(&format!("next: upload {what} to {base}"));
        }
        Some(base) => {
            let order = if is_elsewhere { "" } else { ", zips before feeds" };
            terminal.line(&format!(
                "next: upload {out} to {base}{order}, and add these lines to the ROM:"
            ));
            print_rom_side(terminal, base, &report.variants, &report.families);
        }
        None => terminal.line(&format!(
            "next: set base_url in romfeed.toml, then upload {out}; `romfeed check` prints the line for the ROM"
        )),
    }
}

/// Describes the offered builds, for example `3 builds for 2 devices`.
pub(crate) fn what_is_offered(report: &Report) -> String {
    format!(
        "{} for {}",
        count(report.num_offered, "build", "builds"),
        count(report.devices.len(), "device", "devices")
    )
}
