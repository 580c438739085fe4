//! What people see: lines for events, one line and a hint for each fault, a
//! summary with what to do next.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{self, IsTerminal, Write};

pub(crate) use ota_view::error_kind::chain;
use ota_view::io::{Exceeded, ReadError};
use romfeed::catalog::{Catalogs, file};
use romfeed::generate::{self, DeviceFamily, Event, Fault, Report};
use romfeed::ingest;
use romfeed::ingest::scan::Problem;
use romfeed::model::config::Config;
use romfeed::model::family::{self, UpdaterAddress};
use romfeed::model::fault_kind::FaultKind;
use romfeed::model::rom_settings::{self, RomSide, Updater};

use super::args::{Global, When};
use super::escape::{self, escape, harmless};

/// Longest line of an error or warning, in bytes.
const MAX_LINE_LEN: usize = 600;
/// So many faults that one hint is for are named; of more there is only the number, unless `-v`
/// asks for all.
const MAX_ALIKE: usize = 20;
/// The page of a device's changes, as the updater's resource names it: `%1$s` is the device.
const CHANGES: &str = "%1$s/changes.html";

fn paint(colored: bool, code: &str, text: &str) -> String {
    if colored {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// How much the program says on the terminal, and on which streams in colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    pub(crate) verbosity: u8,
    pub(crate) quiet: bool,
    colored: bool,
    colored_stdout: bool,
}

impl Terminal {
    pub(crate) fn new(global: &Global) -> Terminal {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colored = |is_terminal: bool| match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && !plain,
        };
        Terminal {
            verbosity: global.verbose,
            quiet: global.quiet,
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

    /// Prints a line unless `-q`. Nobody reads a closed stream, so a failure to
    /// write is no fault.
    pub(crate) fn line(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{}", harmless(text));
        }
    }

    /// Prints a line whatever the verbosity.
    pub(crate) fn always(self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", harmless(text));
    }

    /// Prints an error and what to do about it, whatever the verbosity.
    pub(crate) fn error(self, text: &str, hint: Option<&str>) {
        let text = shorten(text);
        self.always(&format!("{} {text}", self.paint("1;31", "error:")));
        if let Some(hint) = hint {
            self.always(&format!("  {} {hint}", self.paint("1", "hint:")));
        }
    }

    pub(crate) fn warning(self, text: &str) {
        let text = shorten(text);
        self.line(&format!("{} {text}", self.paint("1;33", "warning:")));
    }
}

/// A text whose lines can be read: names out of packages may be tens of thousands of
/// characters long.
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

/// So many texts of one kind were, or would be, written to where they are kept.
fn kept(num: usize, [one, many]: [&str; 2], config: &Config) -> String {
    let kept = if config.dry_run {
        "to keep in"
    } else {
        "kept in"
    };
    let folder = config.changelogs.display();
    format!("{} {kept} {folder}", count(num, one, many))
}

/// What fixes a manifest that cannot be understood. It alone tells which builds were published.
pub(crate) const MANIFEST_HINT: &str = "bring the last sound one back from git or from the live site, where it is \
    .romfeed/manifest.json too; only if there is none, remove it and run romfeed generate --adopt";

/// What a person can do about a fault.
fn hint(fault: &Fault) -> &'static str {
    match fault.error.downcast_ref() {
        Some(
            ingest::Error::NotAPath(_) | ingest::Error::BadFact { .. } | ingest::Error::Future(_),
        ) => {
            return "set the right value under [[override]] in romfeed.toml";
        }
        Some(ingest::Error::BadName { .. }) => return "rename it",
        Some(
            ingest::Error::StrayBuildProp { .. }
            | ingest::Error::Remembered {
                class: FaultKind::Conflict,
                ..
            },
        ) => {
            return "remove `system/build.prop` from the zip, sign it again, then run again";
        }
        // Both say what they are about.
        None if fault.error.is::<generate::Objection>() => return objection_hint(fault),
        None if let Some(problem) = fault.error.downcast_ref() => return problem_hint(problem),
        None if let Some(refused) = fault.error.downcast_ref::<generate::Refused>() => {
            return refused.0.fix();
        }
        Some(ingest::Error::Open(error)) if error.kind() == io::ErrorKind::NotFound => {
            return "check the name; a link may lead to a file that is gone";
        }
        Some(ingest::Error::Open(_)) => return "check that it is a file, and its permissions",
        _ => {}
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*fault.error);
    while let Some(error) = cause {
        if let Some(ReadError::Store { .. } | ReadError::Exceeded(Exceeded::Space { .. })) =
            error.downcast_ref()
        {
            return "name another folder: TMPDIR=/path/to/folder";
        }
        if let Some(ReadError::Exceeded(Exceeded::RunTime { .. })) = error.downcast_ref() {
            return "run again, since what was read is remembered; move out what takes long each time";
        }
        cause = error.source();
    }
    match fault.class {
        FaultKind::NotAZip => "remove it, or copy the package again",
        FaultKind::Truncated => "wait until the copy is complete, then run again",
        FaultKind::NotARom => {
            "move it out of the builds folder, or list it under `exclude` in romfeed.toml"
        }
        FaultKind::Corrupt => "build or copy the package again; `unzip -t` shows more",
        FaultKind::Limit | FaultKind::Unsupported => {
            "publish it with `romfeed catalog add` and its facts"
        }
        FaultKind::MissingFacts => {
            "put the build's build.prop beside it as <zip>.prop, or set the facts under [[override]] in romfeed.toml"
        }
        FaultKind::Conflict if fault.error.is::<ingest::Error>() => {
            "set the right value under [[override]] in romfeed.toml"
        }
        FaultKind::Conflict => "rename or remove one of the two",
        FaultKind::HashMismatch => "copy the package again, or make its digest file anew",
        FaultKind::BadSignature => "sign the package again",
        FaultKind::Io => {
            "check the file and its permissions; if it is still being written, run again later"
        }
    }
}

fn problem_hint(problem: &Problem) -> &'static str {
    match problem {
        Problem::Loop => "remove the link",
        Problem::Unreadable(_) => {
            "check the file and its permissions; remove a link that leads nowhere"
        }
        Problem::NotFollowed(_) => {
            "they stay published; set follow_links = true in romfeed.toml, or move the folder itself here"
        }
        Problem::TooDeep => "move the builds further up",
        Problem::NotUtf8 => "rename it",
    }
}

fn objection_hint(fault: &Fault) -> &'static str {
    match fault.error.downcast_ref() {
        Some(generate::Objection::Device { .. }) => {
            "build it without that property; or, if phones of both devices can install it, set same_lane = true under [device.<that name>] in romfeed.toml"
        }
        Some(generate::Objection::Flavour { .. }) => {
            "set up [[variant]] in romfeed.toml, or same_lane = true under its device if phones can install either"
        }
        Some(generate::Objection::Signer { found: None, .. }) => {
            "sign it; or name the file under accept_new_signer in romfeed.toml if phones take it as it is"
        }
        _ => {
            "sign it with the old key; or, if phones were given the new one, add its fingerprint to accept_new_signer in romfeed.toml"
        }
    }
}

/// Prints one fault.
pub(crate) fn print_fault(terminal: Terminal, fault: &Fault) {
    let path = escape(&fault.path);
    terminal.error(
        &format!("{path}: {}", chain(&*fault.error)),
        Some(hint(fault)),
    );
    if terminal.verbosity > 1 && fault.error.source().is_some() {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&*fault.error);
        while let Some(error) = cause {
            terminal.line(&format!("    {error}"));
            cause = error.source();
        }
    }
}

/// Prints all faults, but of thousands of a kind no more than a person reads.
fn print_faults(terminal: Terminal, faults: &[Fault]) {
    let mut num_alike: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in faults {
        let num = num_alike.entry(hint(fault)).or_default();
        *num += 1;
        if *num <= MAX_ALIKE || terminal.verbosity > 0 {
            print_fault(terminal, fault);
        }
    }
    for (hint, num) in num_alike {
        let num_more = num.saturating_sub(MAX_ALIKE);
        if num_more > 0 && terminal.verbosity == 0 {
            terminal.error(
                &format!("{num_more} more like these; -v names each"),
                Some(hint),
            );
        }
    }
}

/// Prints why a run could not go on, with the setting that is missing.
pub(crate) fn print_run_error(terminal: Terminal, error: &generate::Error) {
    use romfeed::publish::writer;
    let hint = match error {
        generate::Error::NoAddress { device, .. } => Some(format!(
            "name the address of the site:   --base-url https://example.org/ota\n        \
             or in romfeed.toml:             base_url = \"https://example.org/ota\"\n        \
             zips that lie elsewhere:        --url 'https://example.org/{{device}}/{{filename}}'  (as in …/{device}/…)\n        \
             or in romfeed.toml:             url = \"https://example.org/{{device}}/{{filename}}\""
        )),
        generate::Error::CatalogGone { catalog, .. } => Some(format!(
            "bring it back, for example with `git checkout -- {}`; --new-catalog publishes without the builds it had",
            escape::shown(catalog)
        )),
        generate::Error::BuildsLost { catalog, .. } => Some(format!(
            "bring its records back (`git log -p -- {}` shows them), or name the other catalog with --catalog; --new-catalog publishes without them",
            escape::shown(catalog)
        )),
        generate::Error::CatalogInOut { .. } => {
            Some("keep the catalog beside romfeed.toml, with --catalog or `catalog = …`".to_owned())
        }
        generate::Error::ChangelogsInOut { .. } => {
            Some("keep it beside the catalog, with --changelogs or `changelogs = …`".to_owned())
        }
        generate::Error::Catalog(file::Error::Schema { .. }) => {
            Some("use a newer romfeed: one wrote this file; nothing was changed".to_owned())
        }
        generate::Error::Catalog(file::Error::Conflict { .. }) => Some(
            "unite them, so that no build of either is lost: romfeed catalog merge".to_owned(),
        ),
        generate::Error::Catalog(_) => Some(
            "correct that place, or bring the last sound version back from git; nothing was written"
                .to_owned(),
        ),
        generate::Error::Contradiction(_) => {
            Some("take the wrong one out: romfeed catalog remove --catalog FILE BUILD".to_owned())
        }
        generate::Error::Writer(writer::Error::NotOurs { .. }) => {
            Some("choose another --out, or take the folder over with --adopt".to_owned())
        }
        generate::Error::Writer(writer::Error::Manifest { .. }) => {
            Some(MANIFEST_HINT.to_owned())
        }
        generate::Error::Writer(writer::Error::ManifestSchema { .. }) => {
            Some("use a newer romfeed: one wrote this folder".to_owned())
        }
        generate::Error::OutIsBuilds { .. } => {
            Some("choose another --out; zips go to the host beside what is in it".to_owned())
        }
        generate::Error::BuildsNotAFolder { .. } => Some(
            "name the folder the zips are in; `romfeed catalog add --zip` takes one zip".to_owned(),
        ),
        generate::Error::Writer(writer::Error::Case { .. }) => Some(
            "write the site to another file system with --out, or take one of the builds out: `exclude` in romfeed.toml, or romfeed catalog remove".to_owned(),
        ),
        generate::Error::Writer(writer::Error::Locked { .. }) => {
            Some("wait until it has ended; the lock ends with the process".to_owned())
        }
        generate::Error::Writer(writer::Error::Io { verb, source, .. }) => {
            let before = match *verb {
                "create" | "write" | "remove" => {
                    "the site may be half written, so do not upload it: "
                }
                _ => "nothing was published: ",
            };
            io_hint(source, before)
        }
        generate::Error::List { source, .. } => match source.kind() {
            io::ErrorKind::PermissionDenied => {
                Some("run as a user who may read it, or make the folder readable".to_owned())
            }
            _ => io_hint(source, "nothing was published: "),
        },
        generate::Error::Write { source, .. } => io_hint(source, ""),
        _ => None,
    };
    terminal.error(&chain(error), hint.as_deref());
}

/// What to do where a folder could not be written to; `before` tells what that means.
fn io_hint(error: &io::Error, before: &str) -> Option<String> {
    Some(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{before}free some space and run again")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{before}run as a user who may write there, or make the folder writable")
        }
        io::ErrorKind::FileTooLarge => {
            format!("{before}raise the limit on the size of files (`ulimit -f`) and run again")
        }
        io::ErrorKind::ResourceBusy => {
            format!("{before}if the file itself is mounted here, mount its folder instead")
        }
        io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists => {
            format!("{before}move away what is in the way of this file or folder, and run again")
        }
        _ => return None,
    })
}

/// What follows a run that changed the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The caller goes on by itself: a script that publishes.
    Unsaid,
    /// This script publishes.
    Script(String),
    /// People upload the site by hand.
    Upload,
}

/// Prints what a run did and what to do next.
pub(crate) fn print_report(terminal: Terminal, config: &Config, report: &Report, next: &Next) {
    let mut fresh = BTreeSet::new();
    let mut num_remote = 0;
    let mut num_held = 0;
    let mut num_silent_warnings = 0;
    for event in &report.events {
        if let Event::Added(path)
        | Event::Updated(path)
        | Event::Moved { path, .. }
        | Event::Superseded(path)
        | Event::Returned(path) = event
        {
            fresh.insert(path.as_str());
        }
    }
    for event in &report.events {
        match event {
            Event::Added(path) => terminal.line(&format!("{} {}", terminal.paint("32", "new"), path.escape_debug())),
            Event::Updated(path) => terminal.line(&format!("{} {}", terminal.paint("36", "changed"), path.escape_debug())),
            Event::Moved { path, to } => terminal.line(&format!(
                "{} {} to {to}; phones that run it are told of nothing at its old address",
                terminal.paint("36", "moved"),
                path.escape_debug()
            )),
            Event::Returned(path) => terminal.line(&format!("{} {} is offered again", terminal.paint("32", "back"), path.escape_debug())),
            Event::Superseded(path) => terminal.warning(&format!(
                "{}: the package changed under its old name; the old build is offered no more",
                path.escape_debug()
            )),
            Event::Retired(path) => terminal.line(&format!(
                "{} {}: its zip is gone, changed or excluded, so it is offered no more",
                terminal.paint("33", "retired"),
                path.escape_debug()
            )),
            Event::Remote(path) => {
                num_remote += 1;
                if terminal.verbosity > 0 {
                    terminal.line(&format!("not in the builds folder, offered from its address: {}", path.escape_debug()));
                }
            }
            Event::Buried(path) => terminal.line(&format!(
                "passed over {}: it was removed or superseded before; `romfeed catalog add --zip` takes it up again",
                path.escape_debug()
            )),
            Event::SameBytes { path, of } => terminal.line(&format!(
                "passed over {}: the same bytes as {}",
                path.escape_debug(),
                of.escape_debug()
            )),
            // Told below, all together.
            Event::NotAnUpdate { .. } => {}
            Event::Held { path, reason } => {
                num_held += 1;
                if terminal.verbosity > 0 || fresh.contains(path.as_str()) {
                    terminal.line(&format!("{} {}: {reason}", terminal.paint("33", "held"), path.escape_debug()));
                }
            }
            Event::ChangelogsKept(num) => terminal.line(&kept(*num, ["changelog", "changelogs"], config)),
            Event::ProjectsKept(num) => {
                terminal.line(&kept(*num, ["list of projects", "lists of projects"], config));
            }
            Event::Warning { path, text } => {
                let is_general = ["feeds", "changelogs", generate::BUILDS, generate::CACHE].contains(&path.as_str());
                if terminal.verbosity > 0 || fresh.contains(path.as_str()) || is_general {
                    terminal.warning(&format!("{}: {text}", path.escape_debug()));
                } else {
                    num_silent_warnings += 1;
                }
            }
        }
    }
    if num_remote > 0 && terminal.verbosity == 0 {
        terminal.line(&format!(
            "{} not in the builds folder and offered from elsewhere{}",
            count(num_remote, "build is", "builds are"),
            first_names(report)
        ));
    }
    if num_silent_warnings > 0 {
        terminal.line(&format!(
            "{} about builds that are not new; -v shows them",
            count(num_silent_warnings, "warning", "warnings")
        ));
    }
    print_other_zips(terminal, report);
    print_faults(terminal, &report.faults);
    print_summary(terminal, config, report, num_held, next);
}

/// Names the zips that are no update packages, and how to hear no more of them.
fn print_other_zips(terminal: Terminal, report: &Report) {
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
        terminal.line(&format!("passed over {num_more} more; -v names each"));
    }
    if let Some((path, _)) = others.first() {
        terminal.line(&format!(
            "  {} `exclude` in romfeed.toml passes over zips without a note: exclude = [{}]",
            terminal.paint("1", "hint:"),
            escape(&format!("{path:?}"))
        ));
    }
}

/// A few of the builds that are only offered from elsewhere.
fn first_names(report: &Report) -> String {
    let remote: Vec<String> = report
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Remote(path) => Some(path.escape_debug().to_string()),
            _ => None,
        })
        .collect();
    let more = if remote.len() > 3 { ", …" } else { "" };
    format!(" ({}{more})", remote[..remote.len().min(3)].join(", "))
}

fn print_summary(
    terminal: Terminal,
    config: &Config,
    report: &Report,
    num_held: usize,
    next: &Next,
) {
    if report.nothing_to_publish {
        terminal.line(&format!(
            "nothing to publish: no build in {} and none in {}; nothing was written",
            config.builds.display(),
            config.catalogs[0].display()
        ));
        return;
    }
    if report.from_catalog_alone {
        let builds = config.builds.display();
        let what = match config.builds.exists() {
            true => format!("no zip in {builds}"),
            false => format!("there is no folder {builds}"),
        };
        terminal.line(&format!("{what}: the site is made from the catalog alone"));
    }
    if let Some(base) = &config.base_url {
        for updater in [Updater::Template, Updater::Array] {
            for rom in roms(base, &report.variants, updater) {
                if let Some(fault) = rom.fault() {
                    terminal.warning(&format!("{} {fault}", rom.value()));
                }
            }
        }
    }
    let plan = &report.plan;
    let out = config.out.display();
    let what = what_is_offered(report);
    let beside = [
        (report.num_deltas, ["delta", "deltas"], ""),
        (num_held, ["build", "builds"], " held back (-v tells why)"),
        (
            report.num_unlisted,
            ["build", "builds"],
            " no longer listed (keep)",
        ),
    ];
    let beside: String = beside
        .into_iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, [one, many], what)| format!("; {}{what}", count(n, one, many)))
        .collect();
    let left_out = match report.faults.len() {
        0 => String::new(),
        n => format!("; {n} left out"),
    };
    let (num_written, num_removed) = (plan.created.len() + plan.changed.len(), plan.removed.len());
    if !report.is_stale() {
        terminal.line(&format!("{out} is up to date: {what}{beside}{left_out}"));
        return;
    }
    let [write, remove] = if config.dry_run {
        ["to write", "to remove"]
    } else {
        ["written", "removed"]
    };
    terminal.line(&format!(
        "{out}: {what} ({} {write}, {num_removed} {remove}, {} unchanged){beside}{left_out}",
        count(num_written, "file", "files"),
        plan.num_unchanged,
    ));
    if config.dry_run {
        for (mark, paths) in [
            ("+", &plan.created),
            ("~", &plan.changed),
            ("-", &plan.removed),
        ] {
            for path in paths {
                terminal.line(&format!("  {mark} {path}"));
            }
        }
        return;
    }
    match next {
        Next::Unsaid => return,
        Next::Script(script) => return terminal.line(&format!("next: {script}")),
        Next::Upload => {}
    }
    let is_new = plan.created.iter().any(|path| path == "404.html");
    match &config.base_url {
        Some(base) if !is_new => {
            terminal.line(&format!("next: upload new zips, then {out}, to {base}"));
        }
        Some(base) => {
            terminal.line(&format!(
                "next: upload {out} to {base}, zips before feeds, and build this line into the ROM:"
            ));
            print_rom_side(terminal, base, &report.variants, &families(config));
        }
        None => terminal.line(&format!(
            "next: set base_url in romfeed.toml, then upload {out}; `romfeed check` prints the line for the ROM"
        )),
    }
}

/// What the ROM of each variant has to contain for this updater.
fn roms<'a>(
    base: &'a str,
    variants: &'a BTreeSet<Option<String>>,
    updater: Updater,
) -> impl Iterator<Item = RomSide<'a>> {
    variants.iter().map(move |variant| RomSide {
        variant: variant.as_deref(),
        ..RomSide::new(base, updater)
    })
}

/// `3 builds for 2 devices`.
pub(crate) fn what_is_offered(report: &Report) -> String {
    format!(
        "{} for {}",
        count(report.num_offered, "build", "builds"),
        count(report.devices.len(), "device", "devices")
    )
}

/// The families of what is published, as far as they are known.
pub(crate) fn families(config: &Config) -> BTreeSet<DeviceFamily> {
    // Catalogs that cannot be read have been reported.
    let Ok(catalogs) = Catalogs::load(&config.catalogs) else {
        return BTreeSet::new();
    };
    let Ok(catalog) = catalogs.merged() else {
        return BTreeSet::new();
    };
    generate::families(config, &catalog).into_values().collect()
}

/// Prints what goes into the ROM of each variant: the lines of the makefile, and with `-v` the
/// overlay, which leads to the site's list of changes as well. Families whose updaters do not read
/// these get a line of their own; where no family is known, LineageOS's lines stand.
pub(crate) fn print_rom_side(
    terminal: Terminal,
    base: &str,
    variants: &BTreeSet<Option<String>>,
    families: &BTreeSet<DeviceFamily>,
) {
    let mut has_lines = families.is_empty();
    let mut texts = BTreeSet::new();
    for DeviceFamily { name, sdk } in families {
        let mut addresses = family::updater_addresses(name, *sdk);
        if addresses.len() > 1 {
            addresses.retain(|(_, address)| *address != UpdaterAddress::Unknown);
        }
        if addresses.is_empty() {
            addresses.push((0, UpdaterAddress::Unknown));
        }
        let is_of_several = addresses.len() > 1;
        for (since, address) in addresses {
            let which = match is_of_several && since > 0 {
                true => format!("{name}, API level {since} on"),
                false => name.clone(),
            };
            let which = escape(&which);
            texts.insert(match address {
                UpdaterAddress::LineageOs => {
                    has_lines = true;
                    continue;
                }
                UpdaterAddress::Property(property) => {
                    format!("  {which}: {property}={base}/api/v1/{{device}}/{{type}}.json")
                }
                UpdaterAddress::BuiltIn(feed) => format!(
                    "  {which}: its updater has its address built in; build it with \
                     {base}/{{device}}.json, and set device_feed = \"{feed}\""
                ),
                UpdaterAddress::Unknown => {
                    has_lines = true;
                    format!(
                        "  {which}: where its updater has its address is not known; these lines are for \
                         LineageOS's"
                    )
                }
            });
        }
    }
    for text in &texts {
        terminal.line(text);
    }
    if !has_lines {
        return;
    }
    let changelog = format!("{base}/{CHANGES}");
    for updater in [Updater::Template, Updater::Array] {
        for rom in roms(base, variants, updater) {
            let lines = match (terminal.verbosity, updater) {
                (0, Updater::Template) => rom.makefile_lines(),
                (0, _) => vec![format!("({}: {})", updater.roms(), rom.property_line())],
                _ => {
                    terminal.line(&format!("  # {}", updater.roms()));
                    rom_settings::lines(&rom, Some(&changelog))
                }
            };
            for line in lines {
                terminal.line(&format!("  {line}"));
            }
        }
    }
    if terminal.verbosity == 0 {
        terminal.line("  (-v shows the overlay for the updater's changelog, too)");
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
