//! `romfeed inspect`: the facts about packages, and the place where each was found.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use romfeed::fetch::Traffic;
use romfeed::generate::Fault;
use romfeed::ingest::digests::{self, Digests};
use romfeed::ingest::{self, Examined};
use romfeed::model::build::{Kind, Variant};
use romfeed::model::config::Config;
use romfeed::model::facts::Fact;
use romfeed::model::fault_kind::FaultKind;
use serde::Serialize;

use super::args::{InspectArgs, Places};
use super::config::Flags;
use super::contents;
use super::escape::shown;
use super::json::{ErrorLine, print_json};
use super::outcome::Outcome;
use super::remote;
use super::report::{Terminal, chain, counters_line, print_fault};
use super::settings;
use super::time::{format_time, now};

/// One line of `--json`; part of the documented schema.
#[derive(Serialize)]
struct Line<'a> {
    file: String,
    kind: &'a str,
    layout: &'a str,
    device: Option<&'a str>,
    devices: &'a [String],
    variant: Option<&'a str>,
    version: Option<&'a str>,
    romtype: Option<&'a str>,
    datetime: Option<i64>,
    incremental: Option<&'a str>,
    source_incremental: Option<&'a str>,
    sdk_level: Option<u32>,
    security_patch: Option<&'a str>,
    size: u64,
    md5: Option<&'a str>,
    sha256: Option<&'a str>,
    signer: Option<&'a str>,
    sources: BTreeMap<&'a str, &'a str>,
    files: &'a [String],
    file_systems: BTreeMap<&'a str, &'a str>,
    read: Read,
    warnings: &'a [String],
}

/// The cost of reading the package.
#[derive(Serialize)]
struct Read {
    bytes: u64,
    bytes_decoded: u64,
    operations: u64,
}

/// Runs the command.
pub(crate) fn run(
    args: &InspectArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    let flags = Flags::new(&Places::default());
    settings::with_config(file, flags, terminal, |config| {
        if args.hash && args.zips.iter().any(|zip| remote::address(zip).is_some()) {
            terminal.error(
                "--hash reads a whole package, but only parts are read from an address",
                Some("download it first, or read all of it with `romfeed check URL`"),
            );
            return Ok(Outcome::Usage);
        }
        if args.extract.is_some() && args.zips.len() > 1 {
            terminal.error("--extract supports one package at a time", None);
            return Ok(Outcome::Usage);
        }
        let all_read = match contents::run(args, &config, terminal) {
            Some(result) => result?,
            None => print_all(args, &config, terminal)?,
        };
        Ok(Outcome::from_success(all_read))
    })
}

/// Prints all packages; returns whether all could be read.
fn print_all(args: &InspectArgs, config: &Config, terminal: Terminal) -> io::Result<bool> {
    let mut all_read = true;
    for (index, zip) in args.zips.iter().enumerate() {
        match inspect(zip, config, args.hash) {
            Ok(inspected) if args.json => {
                print_json(&line(zip, &inspected.package, inspected.digests.as_ref()))?;
            }
            Ok(inspected) => {
                let gap = if index > 0 { "\n" } else { "" };
                write!(io::stdout(), "{gap}{}", describe(zip, &inspected, terminal))?;
            }
            Err(error) => {
                all_read = false;
                match args.json {
                    true => print_json(&ErrorLine::new(zip, error.kind(), chain(&error)))?,
                    false => print_error(zip, error, terminal),
                }
            }
        }
    }
    Ok(all_read)
}

fn print_error(zip: &Path, error: ingest::Error, terminal: Terminal) {
    let hint = match error.kind() {
        FaultKind::Io if remote::address(zip).is_some() => remote::HINT,
        FaultKind::NotARom => "look inside it with --props, --ls or --extract",
        kind => {
            let fault = Fault {
                path: zip.display().to_string(),
                kind,
                error: error.into(),
            };
            return print_fault(terminal, &fault);
        }
    };
    let text = format!("{}: {}", shown(zip), chain(&error));
    terminal.error(&text, Some(hint));
}

/// A package with its facts.
struct Inspected {
    package: Examined,
    digests: Option<Digests>,
    /// The requests to its host.
    traffic: Option<Traffic>,
}

fn inspect(zip: &Path, config: &Config, hash: bool) -> Result<Inspected, ingest::Error> {
    let remote = remote::address(zip).map(remote::open).transpose()?;
    let mut package = remote::examine(zip, remote.as_ref(), config)?;
    let digests = match hash {
        false => None,
        true => Some(digests::digest_file(
            zip,
            package.stamp,
            &digests::options(config),
        )?),
    };
    if let Some(digests) = &digests {
        ingest::verify(zip, digests, &mut package.facts.warnings)?;
    }
    match package.draft(config, now()) {
        Ok(_) => {}
        Err(ingest::Error::Missing { .. }) if package.kind != Kind::Full => {
            let warning =
                "a delta gets the missing facts from its full build, if that is published";
            package.facts.warnings.push(warning.to_owned());
        }
        Err(error) => {
            let warning = format!("it cannot be published: {}", chain(&error));
            package.facts.warnings.push(warning);
        }
    }
    Ok(Inspected {
        package,
        digests,
        traffic: remote.map(|remote| remote.traffic()),
    })
}

fn line<'a>(zip: &Path, package: &'a Examined, digests: Option<&'a Digests>) -> Line<'a> {
    let facts = &package.facts;
    Line {
        file: zip.display().to_string(),
        kind: package.kind.as_str(),
        layout: package.layout.as_str(),
        device: facts.value(Fact::Device),
        devices: &facts.devices,
        variant: package.variant.as_ref().map(Variant::as_str),
        version: facts.value(Fact::Version),
        romtype: facts.value(Fact::Romtype),
        datetime: facts.number(Fact::Datetime),
        incremental: facts.value(Fact::Incremental),
        source_incremental: facts.value(Fact::SourceIncremental),
        sdk_level: facts.number(Fact::SdkLevel),
        security_patch: facts.value(Fact::SecurityPatch),
        size: package.stamp.size,
        md5: digests.map(|digests| digests.md5.as_str()),
        sha256: digests.map(|digests| digests.sha256.as_str()),
        signer: package
            .signer
            .as_ref()
            .map(|signer| signer.fingerprint.as_str()),
        sources: Fact::ALL
            .into_iter()
            .filter_map(|fact| Some((fact.as_str(), facts.get(fact)?.place.as_str())))
            .collect(),
        files: &package.device_props.files,
        file_systems: package
            .device_props
            .file_systems
            .iter()
            .map(|(partition, kind)| (partition.as_str(), kind.as_str()))
            .collect(),
        read: Read {
            bytes: package.counters.bytes_read,
            bytes_decoded: package.counters.bytes_decoded,
            operations: package.counters.operations,
        },
        warnings: &facts.warnings,
    }
}

/// Formats the facts as a table, every value escaped.
fn describe(zip: &Path, inspected: &Inspected, terminal: Terminal) -> String {
    let package = &inspected.package;
    let family = package.family.as_ref();
    let family = family.map_or_else(String::new, |family| format!(", {family}"));
    let mut text = format!(
        "{}\n  {} package, layout {}{family}\n",
        terminal.paint_stdout("1", &shown(zip)),
        package.kind.as_str(),
        package.layout,
    );
    let groups = [
        fact_rows(package),
        package_rows(package),
        reading_rows(inspected, terminal.verbosity),
    ];
    for row in groups.into_iter().flatten() {
        text.push_str(&row.line(terminal));
        text.push('\n');
    }
    for warning in &package.facts.warnings {
        let word = terminal.paint_stdout("1;33", "warning:");
        text.push_str(&format!("  {word} {warning}\n"));
    }
    text
}

/// A row of the table: a name, a value and where it was found.
struct Row<'a> {
    name: &'a str,
    value: String,
    place: String,
}

impl<'a> Row<'a> {
    fn new(name: &'a str, value: impl Into<String>, place: impl Into<String>) -> Row<'a> {
        Row {
            name,
            value: value.into(),
            place: place.into(),
        }
    }

    /// Formats the row, its name and its place in colours of their own.
    fn line(&self, terminal: Terminal) -> String {
        let name = self.name;
        let [value, place] = [&self.value, &self.place].map(|text| text.escape_debug().to_string());
        let value = format!("{value:<33}");
        let value = match place.is_empty() {
            true => value.trim_end(),
            false => &value,
        };
        let place = match place.is_empty() {
            true => String::new(),
            false => format!(" {}", terminal.paint_stdout("2", &place)),
        };
        format!(
            "  {}{value}{place}",
            terminal.paint_stdout("36", &format!("{name:<19}"))
        )
    }
}

/// Returns a row for each fact; those of full packages have no source.
fn fact_rows(package: &Examined) -> Vec<Row<'static>> {
    let facts = &package.facts;
    let to_row = |fact: Fact| {
        let Some(found) = facts.get(fact) else {
            return (fact != Fact::SourceIncremental).then(|| Row::new(fact.as_str(), "-", ""));
        };
        let place = match &found.key {
            Some(key) => format!("{key} in {}", found.place),
            None => found.place.clone(),
        };
        let date = facts.number(fact).filter(|_| fact == Fact::Datetime);
        let date = date.map(|seconds| format!(" ({})", format_time(seconds)));
        let value = format!("{}{}", found.value, date.unwrap_or_default());
        Some(Row::new(fact.as_str(), value, place))
    };
    Fact::ALL.into_iter().filter_map(to_row).collect()
}

/// Returns the rows about devices, variant, signer and contents.
fn package_rows(package: &Examined) -> Vec<Row<'static>> {
    let mut rows = Vec::new();
    if package.facts.devices.len() > 1 {
        let hint = "`aliases` in romfeed.toml publishes it under more than one";
        let devices = package.facts.devices.join(", ");
        rows.push(Row::new("allowed devices", devices, hint));
    }
    if let Some(variant) = &package.variant {
        rows.push(Row::new("variant", variant.as_str(), "romfeed.toml"));
    }
    rows.push(match &package.signer {
        Some(signer) => {
            let subject = signer.subject.as_deref().unwrap_or_default();
            Row::new("signer", signer.fingerprint.as_str(), subject)
        }
        None => Row::new("signer", "-", "not signed as a whole"),
    });
    let systems = package.device_props.file_systems.iter();
    let systems: Vec<String> = systems
        .map(|(partition, kind)| format!("{partition} {kind}"))
        .collect();
    let files = package.device_props.files.join(", ");
    let contents = [("file systems", systems.join(", ")), ("files read", files)];
    let contents = contents.into_iter().filter(|(_, names)| !names.is_empty());
    rows.extend(contents.map(|(name, names)| Row::new(name, names, "")));
    rows
}

/// Returns the rows about size and digests and, with `-v`, about what was read.
fn reading_rows(inspected: &Inspected, verbosity: u8) -> Vec<Row<'static>> {
    let package = &inspected.package;
    let size = package.stamp.size;
    let mut rows = vec![Row::new("size", size.to_string(), "")];
    if verbosity > 0 {
        rows.push(Row::new("read", counters_line(package.counters, size), ""));
        let traffic = inspected.traffic.iter();
        rows.extend(traffic.map(|traffic| Row::new("asked its host", traffic.to_string(), "")));
    }
    if let Some(digests) = &inspected.digests {
        rows.push(Row::new("md5", digests.md5.as_str(), ""));
        rows.push(Row::new("sha256", digests.sha256.as_str(), ""));
    }
    rows
}
