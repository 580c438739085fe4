//! `romfeed catalog import`: adds the builds of another server's feed to the catalog.
//!
//! In: a feed, and what the flags say about it. Out: a changed catalog with the ids that phones know,
//! texts about devices, and one line for each entry.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::path::Path;

use romfeed::catalog::exchange::info::DeviceText;
use romfeed::catalog::exchange::merge::{self, EntryOutcome, EntryReport};
use romfeed::catalog::exchange::{self, Feed, FeedEntry, Format};
use romfeed::catalog::{Catalog, Catalogs, Held, file, until_written};
use romfeed::generate::{self, PublishedVariants, SharedLists, lock_catalog};
use romfeed::model::build::{Build, Device, Romtype, Variant};
use romfeed::model::config::{AddressSource, Config};
use romfeed::model::names;

use super::device_texts;
use super::flags::{parse_url_base, parse_variant};
use crate::cli::args::{FeedFormat, ImportArgs};
use crate::cli::escape::shown;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Terminal, chain, count, print_run_error};
use crate::cli::time::now;

/// Most devices of a feed whose stored texts are listed.
const MAX_DEVICES: usize = 5;
/// Most entries that are named one by one for the same note.
const MAX_ALIKE: usize = 3;

impl From<FeedFormat> for Format {
    fn from(format: FeedFormat) -> Format {
        match format {
            FeedFormat::V1 => Format::V1,
            FeedFormat::V2 => Format::V2,
            FeedFormat::LineageOta => Format::LineageOta,
            FeedFormat::Official => Format::Official,
            FeedFormat::CrDroid => Format::CrDroid,
            FeedFormat::Other => Format::Other,
        }
    }
}

/// The flags of `import` that are checked before anything is read.
struct Given {
    device: Option<Device>,
    romtype: Option<Romtype>,
    variant: Option<Variant>,
    url_base: Option<String>,
}

/// Why nothing was imported.
enum Refusal {
    /// The call or the feed is wrong: one line, and how the command ends.
    Input(String, Outcome),
    /// The catalog is wrong, or cannot be written.
    Run(generate::Error),
}

impl From<generate::Error> for Refusal {
    fn from(error: generate::Error) -> Refusal {
        Refusal::Run(error)
    }
}

/// Adds the builds of a feed.
pub(crate) fn import(args: &ImportArgs, config: &Config, terminal: Terminal) -> Outcome {
    match try_import(args, config, terminal) {
        Ok(outcome) => outcome,
        Err(Refusal::Input(message, outcome)) => {
            terminal.error(&message, None);
            outcome
        }
        Err(Refusal::Run(error)) => {
            print_run_error(terminal, &error);
            Outcome::from_error(&error)
        }
    }
}

fn try_import(args: &ImportArgs, config: &Config, terminal: Terminal) -> Result<Outcome, Refusal> {
    let usage = |message: String| Refusal::Input(message, Outcome::Usage);
    let given = parse_given(args).map_err(usage)?;
    let (name, bytes) = read_feed(&args.file).map_err(usage)?;
    let is_overtaken =
        |refusal: &Refusal| matches!(refusal, Refusal::Run(error) if error.is_overtaken());
    let Merged {
        feed,
        before,
        catalogs,
        answers,
        num_bad,
        is_refused,
    } = until_written(is_overtaken, || {
        merge_feed(args, config, &given, &name, &bytes)
    })?;
    print_answers(terminal, &name, &feed, &answers, is_refused);
    if is_refused {
        print_refusal(terminal, &name, num_bad, answers.len());
        return Ok(Outcome::Failed);
    }
    let named = format!("{name} ({})", feed.format);
    if answers.is_empty() {
        let message = format!("{named}: there are no builds in it");
        return Err(Refusal::Input(message, Outcome::Failed));
    }
    let is_new = catalogs.own != before.own;
    print_summary(terminal, &named, &answers);
    let has_new_texts = store_texts(terminal, config, &answers, &feed.text);
    if is_new {
        warn_of_shared_lists(terminal, config, &before, &catalogs);
        warn_of_variant(terminal, &args.file, &answers);
        warn_of_loss(terminal, config, &catalogs, &answers);
        if feed.format == Format::CrDroid {
            terminal.line("its updater reads {device}.json: device_feed = \"crdroid\" or \"evolution-x\" keeps its form");
        }
    }
    if is_new || has_new_texts {
        terminal.line("next: romfeed generate");
    }
    Ok(Outcome::from_success(num_bad == 0))
}

/// A feed, the catalogs before and with its builds, and what became of each entry.
struct Merged {
    feed: Feed,
    before: Catalogs,
    catalogs: Catalogs,
    answers: Vec<EntryReport>,
    num_bad: usize,
    /// Whether bad entries keep the others out, too.
    is_refused: bool,
}

/// Adds the builds of a feed to the catalog, and writes that.
fn merge_feed(
    args: &ImportArgs,
    config: &Config,
    given: &Given,
    name: &str,
    bytes: &[u8],
) -> Result<Merged, Refusal> {
    let held = lock_catalog(config)?;
    let mut catalogs = Catalogs::load(config).map_err(generate::Error::from)?;
    generate::require_published(config, &catalogs)?;
    let mut feed = parse_feed(args, config, &catalogs, given, bytes).map_err(|error| {
        let outcome = match error.is_usage() {
            true => Outcome::Usage,
            false => Outcome::Failed,
        };
        Refusal::Input(format!("{name}: {}", chain(&error)), outcome)
    })?;
    let before = catalogs.clone();
    let entries = std::mem::take(&mut feed.entries);
    let answers = add_entries(config, entries, feed.format, &before, &mut catalogs);
    let num_bad = answers.iter().filter(|a| a.outcome.is_err()).count();
    let is_refused = num_bad > 0 && !args.skip_bad;
    if !is_refused && catalogs.own != before.own {
        save(config, &held, &before.own, &catalogs)?;
    }
    Ok(Merged {
        feed,
        before,
        catalogs,
        answers,
        num_bad,
        is_refused,
    })
}

/// Parses a feed with what the flags, its path, the settings and the catalog say about it.
fn parse_feed(
    args: &ImportArgs,
    config: &Config,
    catalogs: &Catalogs,
    given: &Given,
    bytes: &[u8],
) -> Result<Feed, exchange::Error> {
    let known_devices = known_devices(config, catalogs);
    let feed_name = args.file.file_name().and_then(|name| name.to_str());
    let feed_name = feed_name.filter(|name| *name != "-");
    let options = exchange::Options {
        variant_of: &|name| config.variant(name, &|_| None).cloned(),
        format: args.format.map(Format::from),
        device: given.device.as_ref(),
        feed_name: feed_name.map(|name| name.strip_suffix(".json").unwrap_or(name)),
        feed_folders: &feed_folders(&args.file),
        known_devices: &known_devices,
        romtype: given.romtype.as_ref(),
        version: args.version.as_deref(),
        variant: given.variant.as_ref(),
        url_base: given.url_base.as_deref(),
        ids_are_sha256: args.ids_are_sha256,
        now: now(),
    };
    exchange::read(bytes, options)
}

/// Adds the entries of a feed to the catalogs, by the settings' rules for lists. `before` are the
/// catalogs without them.
fn add_entries(
    config: &Config,
    entries: Vec<FeedEntry>,
    format: Format,
    before: &Catalogs,
    catalogs: &mut Catalogs,
) -> Vec<EntryReport> {
    let published = PublishedVariants::new(config, before);
    let guard = merge::Guard {
        object: &|build| {
            let objection = published.object(build)?;
            Some(format!("{objection}; {}", variant_hint(build, config)))
        },
        may_mix: &|device| config.same_lane(device.as_str()),
        compares_romtype: format.compares_romtype(),
    };
    merge::add(entries, catalogs, guard)
}

/// Prints the result for each entry, and what was passed over. Notes are left out of a refused import.
fn print_answers(
    terminal: Terminal,
    name: &str,
    feed: &Feed,
    answers: &[EntryReport],
    is_refused: bool,
) {
    for answer in answers {
        print_answer(terminal, name, answer, is_refused);
    }
    if !is_refused {
        print_notes(terminal, answers);
    }
    print_passed_over(terminal, feed.num_other_devices, "devices");
    print_passed_over(terminal, feed.num_other_variants, "variants");
    for line in &feed.left_out {
        terminal.warning(line);
    }
}

/// Warns of builds that are the first in a list which another device's builds fill.
fn warn_of_shared_lists(
    terminal: Terminal,
    config: &Config,
    before: &Catalogs,
    catalogs: &Catalogs,
) {
    let mut shared = SharedLists::new(before);
    for record in catalogs.own.builds.values() {
        if let Some(warning) = shared.warning(config, &record.build) {
            terminal.warning(&warning);
        }
    }
}

/// Reports entries that are for other devices or variants.
fn print_passed_over(terminal: Terminal, num: usize, what: &str) {
    if num > 0 {
        let builds = count(num, "entry", "entries");
        terminal.line(&format!("{builds} of other {what} passed over"));
    }
}

/// Reports that bad entries stopped the import.
fn print_refusal(terminal: Terminal, name: &str, num_bad: usize, num_all: usize) {
    let bad = match num_bad {
        1 => "1 entry is bad".to_owned(),
        n => format!("{n} entries are bad"),
    };
    let hint = match num_bad == num_all {
        true => "correct the feed, or put the zips into the builds folder",
        false => "--skip-bad imports the rest",
    };
    terminal.line(&format!("{name}: {bad}, so nothing was imported; {hint}"));
}

/// Returns the names of the two folders above a feed that its path contains.
fn feed_folders(feed: &Path) -> Vec<&str> {
    let folders = feed.ancestors().skip(1).take(2);
    folders
        .filter_map(|folder| folder.file_name()?.to_str())
        .collect()
}

/// Names the flags and settings for a build of another variant.
fn variant_hint(build: &Build, config: &Config) -> String {
    let variant = names::stated_variant(&build.filename);
    let variant = variant.or_else(|| names::variant_in_path(build.url.as_deref()?));
    format!(
        "add --variant, for example --variant {}, or set same_lane = true {} if phones can install either",
        variant.unwrap_or("other"),
        config.place_of_device(build.device.as_str())
    )
}

/// Warns of a variant that only the feed names: later builds cannot be compared with it.
fn warn_of_variant(terminal: Terminal, feed: &Path, answers: &[EntryReport]) {
    let name = feed.file_name().and_then(|name| name.to_str());
    let mut names = name.into_iter().chain(feed_folders(feed));
    let of_path = names.find_map(names::stated_variant);
    let hidden = answers.iter().find_map(|answer| {
        let described = answer
            .build
            .as_ref()
            .filter(|described| !described.has_variant)?;
        let is_named = answer
            .filename
            .as_deref()
            .and_then(names::stated_variant)
            .is_some();
        let variant = described.stated_variant.or(of_path).filter(|_| !is_named)?;
        Some((variant, &described.device))
    });
    if let Some((variant, device)) = hidden {
        terminal.warning(&format!(
            "the feed has the variant `{variant}`, which the names of its packages do not show; \
             if {device} has another variant too, import each with its own --variant"
        ));
    }
}

/// Stores the texts about devices. Returns whether any of them was new.
fn store_texts(
    terminal: Terminal,
    config: &Config,
    answers: &[EntryReport],
    of_feed: &DeviceText,
) -> bool {
    let texts = newest_texts(answers, of_feed);
    let file = config.devices_local.display();
    let stored = match device_texts::store(&config.devices_local, &texts, &config.known_devices) {
        Ok(stored) => stored,
        Err(error) => {
            terminal.warning(&format!(
                "the feed's texts about devices are not stored: {error}"
            ));
            return false;
        }
    };
    let lines = |all: &[(String, Vec<String>)], to_line: &dyn Fn(&str, &str) -> String| {
        let shown = all.iter().take(MAX_DEVICES);
        let mut lines: Vec<String> = shown
            .map(|(device, keys)| to_line(device, &keys.join(", ").escape_debug().to_string()))
            .collect();
        let num_more = all.len().saturating_sub(MAX_DEVICES);
        if num_more > 0 {
            lines.push(format!("{file}: {num_more} more devices"));
        }
        lines
    };
    for line in lines(&stored.added, &|device, keys| {
        format!("{file}: {device}: {keys}")
    }) {
        terminal.line(&line);
    }
    for line in lines(&stored.differing, &|device, keys| {
        format!("the feed has other values for {keys} of {device}; those in {file} stay")
    }) {
        terminal.warning(&line);
    }
    !stored.added.is_empty()
}

/// Returns the texts about each device: those of its newest imported entry and, if the feed has one
/// device only, those of the feed.
fn newest_texts(answers: &[EntryReport], of_feed: &DeviceText) -> BTreeMap<String, DeviceText> {
    let is_imported =
        |answer: &&EntryReport| !matches!(answer.outcome, Err(_) | Ok(EntryOutcome::Buried));
    let mut newest: BTreeMap<String, (i64, &DeviceText)> = BTreeMap::new();
    for described in answers
        .iter()
        .filter(is_imported)
        .filter_map(|a| a.build.as_ref())
    {
        let device = newest.entry(described.device.to_string());
        let known = device.or_insert((described.timestamp, &described.text));
        if described.timestamp > known.0 {
            *known = (described.timestamp, &described.text);
        }
    }
    let is_only = newest.len() == 1;
    let to_text = |(device, (_, text)): (String, (i64, &DeviceText))| {
        let mut text = text.clone();
        if is_only {
            text.complete(of_feed);
        }
        // The key for the marketing name may hold the codename.
        text.name.take_if(|name| name.eq_ignore_ascii_case(&device));
        (device, text)
    };
    let texts = newest.into_iter().map(to_text);
    texts.filter(|(_, text)| !text.is_empty()).collect()
}

fn save(
    config: &Config,
    held: &Held,
    before: &Catalog,
    catalogs: &Catalogs,
) -> Result<(), generate::Error> {
    catalogs.merged()?;
    let rendered = file::render(&catalogs.own);
    // A catalog that cannot be read again must never be written.
    file::parse(&rendered, &config.catalogs[0].display().to_string())?;
    Ok(held.save(Some(before), catalogs)?)
}

fn parse_given(args: &ImportArgs) -> Result<Given, String> {
    let device = args.device.as_deref().map(Device::parse).transpose();
    let romtype = args.romtype.as_deref().map(Romtype::parse).transpose();
    Ok(Given {
        device: device.map_err(|error| format!("--device: {error}"))?,
        romtype: romtype.map_err(|error| format!("--romtype: {error}"))?,
        variant: parse_variant(args.variant.as_deref())?,
        url_base: parse_url_base(args.url_base.as_deref())?,
    })
}

/// Returns the feed's name for messages, and its bytes, at most one more than the limit.
fn read_feed(path: &Path) -> Result<(String, Vec<u8>), String> {
    let mut bytes = Vec::new();
    let limit = exchange::MAX_SIZE + 1;
    let (name, read) = if path == Path::new("-") {
        let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
        ("standard input".to_owned(), read)
    } else {
        let file = std::fs::File::open(path);
        let read = file.and_then(|file| file.take(limit).read_to_end(&mut bytes));
        (shown(path), read)
    };
    match read {
        Ok(_) => Ok((name, bytes)),
        Err(error) => Err(format!("cannot read {name}: {error}")),
    }
}

/// Returns every codename in `devices.json`, the settings and the catalog.
fn known_devices(config: &Config, catalogs: &Catalogs) -> Vec<String> {
    let builds = catalogs.own.builds.values();
    let stones = catalogs.own.tombstones.values();
    let catalog = builds.map(|record| &record.build.device);
    let catalog = catalog.chain(stones.map(|stone| &stone.device));
    let settings = config.known_devices.keys().chain(config.devices.keys());
    let catalog = catalog.map(ToString::to_string);
    let mut known: Vec<String> = settings.cloned().chain(catalog).collect();
    known.sort();
    known.dedup();
    known
}

fn print_answer(terminal: Terminal, feed: &str, answer: &EntryReport, is_refused: bool) {
    let name = answer.filename.as_deref().unwrap_or_default();
    let name = name.escape_debug();
    match &answer.outcome {
        Err(reason) => terminal.error(&format!("{feed}: {}: {reason}", answer.label), None),
        // The good entries are not imported either.
        Ok(_) if is_refused => {}
        Ok(EntryOutcome::Added) => terminal.line(&format!("added {name}")),
        Ok(EntryOutcome::IdStored) => terminal.line(&format!("id kept {name}")),
        Ok(EntryOutcome::Completed(what)) => {
            terminal.line(&format!("completed {name}: {}", what.join(", ")));
        }
        Ok(EntryOutcome::Known) => terminal.line(&format!("already known {name}")),
        Ok(EntryOutcome::Buried) => terminal.line(&format!(
            "passed over {name}: it was removed or superseded before; `romfeed catalog add` adds it again"
        )),
    }
}

/// Prints the notes on entries. A note that applies to many is printed once, with `-v` for each.
fn print_notes(terminal: Terminal, answers: &[EntryReport]) {
    let mut nums: HashMap<&str, usize> = HashMap::new();
    for note in answers.iter().flat_map(|answer| &answer.notes) {
        *nums.entry(note).or_default() += 1;
    }
    for answer in answers {
        for note in &answer.notes {
            match nums.get_mut(note.as_str()) {
                Some(num) if *num > MAX_ALIKE && terminal.verbosity == 0 => {
                    terminal.warning(&format!("{num} entries: {note}"));
                    *num = 0;
                }
                // It was printed for all of them.
                Some(0) => {}
                _ => terminal.warning(&format!("{}: {note}", answer.label)),
            }
        }
    }
}

fn print_summary(terminal: Terminal, feed: &str, answers: &[EntryReport]) {
    let num = |is_it: &dyn Fn(&Result<EntryOutcome, String>) -> bool| {
        answers.iter().filter(|a| is_it(&a.outcome)).count()
    };
    let parts = [
        (num(&|o| matches!(o, Ok(EntryOutcome::Added))), "added"),
        (
            num(&|o| matches!(o, Ok(EntryOutcome::IdStored | EntryOutcome::Completed(_)))),
            "completed",
        ),
        (
            num(&|o| matches!(o, Ok(EntryOutcome::Known))),
            "already known",
        ),
        (
            num(&|o| matches!(o, Ok(EntryOutcome::Buried))),
            "passed over",
        ),
        (num(&Result::is_err), "left out"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    terminal.line(&format!("{feed}: {}", parts.join(", ")));
}

/// Reports facts that the added builds lack and phones need.
fn warn_of_loss(terminal: Terminal, config: &Config, catalogs: &Catalogs, answers: &[EntryReport]) {
    let added = answers.iter().filter_map(|answer| match answer.outcome {
        Ok(EntryOutcome::Added) => answer.filename.as_deref(),
        _ => None,
    });
    let added: HashSet<&str> = added.collect();
    let own = catalogs.own.builds.values().map(|record| &record.build);
    let added: Vec<&Build> = own
        .filter(|build| added.contains(build.filename.as_str()))
        .collect();
    let is_moved = |build: &&&Build| {
        let address = config.address(build);
        matches!(address, Some((url, AddressSource::Template)) if Some(&url) != build.url.as_ref())
    };
    if let Some((url, _)) = added.iter().find(is_moved).and_then(|b| config.address(b)) {
        terminal.warning(&format!(
            "`url` in the settings takes precedence over the addresses of the feed: {url}"
        ));
    }
    let num_bare = added.iter().filter(|b| b.incremental.is_none()).count();
    if num_bare > 0 {
        terminal.line(&format!(
            "{} without an incremental; list the incrementals of your phones under known_incrementals if they ask with {{incr}}",
            count(num_bare, "build is", "builds are")
        ));
    }
    let num_unhashed = added.iter().filter(|b| b.sha256.is_none()).count();
    if num_unhashed > 0 {
        terminal.line(&format!(
            "{} without a sha256, so the feeds of LineageOS 23.2 on leave {} out until the zip is in {}",
            count(num_unhashed, "build is", "builds are"),
            if num_unhashed == 1 { "it" } else { "them" },
            config.builds.display()
        ));
    }
    // A build that is left out needs no API level.
    let num_unleveled = added
        .iter()
        .filter(|b| b.sha256.is_some() && b.sdk_level.is_none())
        .count();
    if num_unleveled > 0 {
        terminal.line(&format!(
            "{} without an API level, so LineageOS 23.2 on hides {} until the zip is in {}",
            count(num_unleveled, "build is", "builds are"),
            if num_unleveled == 1 { "it" } else { "them" },
            config.builds.display()
        ));
    }
}
