//! `romfeed inspect --props`, `--ls` and `--extract`: properties, folders and files of a package.
//!
//! They work on any zip with partitions, whether an updater can install it or not.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use ota_view::device_props::{DeviceProps, Until};
use ota_view::error_kind::ErrorKind;
use ota_view::fs::{self, DirEntry, EntryType};
use ota_view::io::ReadError;
use ota_view::ota::{self, Ota};
use romfeed::generate::Fault;
use romfeed::ingest;
use romfeed::model::config::Config;
use romfeed::model::fault_kind::FaultKind;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::args::InspectArgs;
use super::escape::shown;
use super::json::{ErrorLine, print_json};
use super::remote::{self, Opened};
use super::report::{Terminal, chain, counters_line, print_fault};

/// Largest file or partition that is extracted, in bytes; the file systems of phones are smaller.
const MAX_EXTRACTED: u64 = 16 << 30;
/// How much of a partition is copied at a time, in bytes.
const STEP: usize = 1 << 20;

/// What to print of a package.
enum View<'a> {
    Props,
    List(PartitionPath<'a>),
    Extract(PartitionPath<'a>),
}

/// A path in a partition, or the partition itself.
struct PartitionPath<'a> {
    partition: &'a str,
    path: Option<&'a str>,
}

impl PartitionPath<'_> {
    /// Splits `system:/system/build.prop`; `boot:` and `boot` are the whole partition.
    fn parse(text: &str) -> PartitionPath<'_> {
        let (partition, path) = text.split_once(':').unwrap_or((text, ""));
        PartitionPath {
            partition,
            path: Some(path).filter(|path| !path.is_empty()),
        }
    }
}

/// Why a package or a part of it could not be printed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Package(#[from] ingest::Error),
    #[error(transparent)]
    Ota(#[from] ota::Error),
    #[error("partition `{}`", .partition.escape_debug())]
    Partition {
        partition: String,
        #[source]
        source: ReadError,
    },
    #[error("partition `{}` has {size} bytes; at most {MAX_EXTRACTED} are written", .partition.escape_debug())]
    TooLarge { partition: String, size: u64 },
    #[error("partition `{}` does not have the sha256 that is in the package", .partition.escape_debug())]
    Hash { partition: String },
    #[error("a delta, whose images need the build before it")]
    Delta,
    #[error("no build.prop was found in it")]
    NoProps,
    #[error("it is not a text")]
    Binary,
    #[error("cannot write {}", .file)]
    Output {
        file: String,
        #[source]
        source: io::Error,
    },
}

impl Failure {
    fn kind(&self) -> FaultKind {
        match self {
            Failure::Package(error) => error.kind(),
            Failure::Ota(error) => error.kind().into(),
            Failure::Partition { source, .. } => source.kind().into(),
            Failure::TooLarge { .. } => FaultKind::Limit,
            Failure::Hash { .. } => FaultKind::HashMismatch,
            Failure::Delta | Failure::NoProps => FaultKind::MissingFacts,
            Failure::Binary => FaultKind::Unsupported,
            Failure::Output { .. } => FaultKind::Io,
        }
    }

    fn fs(partition: &str, source: fs::Error) -> Failure {
        Failure::Ota(ota::Error::FileSystem {
            partition: partition.to_owned(),
            source,
        })
    }

    /// Returns whether the output is a pipe that was closed.
    fn is_broken_pipe(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let io_error = error.downcast_ref::<io::Error>();
            if io_error.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// Does what one of these flags says, and returns whether that succeeded for all packages; `None`
/// without any of the flags.
pub(crate) fn run(
    args: &InspectArgs,
    config: &Config,
    terminal: Terminal,
) -> Option<io::Result<bool>> {
    let view = match (&args.props, &args.ls, &args.extract) {
        (true, ..) => View::Props,
        (_, Some(place), _) => View::List(PartitionPath::parse(place)),
        (.., Some(place)) => View::Extract(PartitionPath::parse(place)),
        _ => return None,
    };
    Some(print_all(args, &view, config, terminal))
}

fn print_all(
    args: &InspectArgs,
    view: &View<'_>,
    config: &Config,
    terminal: Terminal,
) -> io::Result<bool> {
    let mut all_succeeded = true;
    for (index, zip) in args.zips.iter().enumerate() {
        if args.zips.len() > 1 && !args.json {
            let gap = if index > 0 { "\n" } else { "" };
            writeln!(io::stdout(), "{gap}# {}", shown(zip))?;
        }
        match print_view(zip, args, view, config, terminal) {
            Ok(()) => {}
            Err(failure) if failure.is_broken_pipe() => {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Err(failure) => {
                all_succeeded = false;
                match args.json {
                    true => print_json(&ErrorLine::new(zip, failure.kind(), chain(&failure)))?,
                    false => report(zip, failure, terminal),
                }
            }
        }
    }
    Ok(all_succeeded)
}

fn print_view(
    zip: &Path,
    args: &InspectArgs,
    view: &View<'_>,
    config: &Config,
    terminal: Terminal,
) -> Result<(), Failure> {
    let Opened {
        package,
        budget,
        size,
        remote,
    } = remote::open_package(zip, &config.limits)?;
    let rom = Ota::from_package(&package, Arc::clone(&budget))?;
    match view {
        View::Props => print_props(zip, &rom, args.json, terminal)?,
        View::List(place) => print_list(zip, place, &rom, args.json)?,
        View::Extract(place) => {
            let output = args
                .output
                .as_deref()
                .filter(|output| *output != Path::new("-"));
            extract(place, &rom, output)?;
        }
    }
    if terminal.verbosity > 0 {
        terminal.line(&format!("read {}", counters_line(budget.counters(), size)));
        if let Some(remote) = remote {
            terminal.line(&format!("asked its host: {}", remote.traffic()));
        }
    }
    Ok(())
}

fn report(zip: &Path, failure: Failure, terminal: Terminal) {
    let hint = match &failure {
        Failure::Binary => Some("write it to a file with --output FILE"),
        Failure::Ota(ota::Error::FileSystem { source, .. }) if source.is_absence() => {
            Some("list the files with --ls PARTITION:FOLDER")
        }
        Failure::Ota(ota::Error::NoPartition { .. }) => {
            Some("list the other files of the zip with `unzip -l`")
        }
        Failure::Ota(error) if error.kind() == ErrorKind::Unsupported => {
            Some("extract the partition with --extract PARTITION: and read it with other tools")
        }
        Failure::Delta => Some("use the full package of the same build"),
        Failure::NoProps => Some("list the partitions with --ls :"),
        Failure::Output { .. } => Some("check the permissions and the free space"),
        failure if failure.kind() == FaultKind::Io && remote::address(zip).is_some() => {
            Some(remote::HINT)
        }
        Failure::TooLarge { .. } => Some("no phone has such a partition; check the package"),
        _ => None,
    };
    if let Some(hint) = hint {
        let text = format!("{}: {}", shown(zip), chain(&failure));
        return terminal.error(&text, Some(hint));
    }
    let kind = failure.kind();
    let error: Box<dyn Error + Send + Sync> = match failure {
        Failure::Package(error) => error.into(),
        failure => failure.into(),
    };
    let path = zip.display().to_string();
    print_fault(terminal, &Fault { path, kind, error });
}

fn print_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|source| Failure::Output {
        file: "the output".to_owned(),
        source,
    })
}

/// One property of `--props --json`; part of the documented schema.
#[derive(Serialize)]
struct Property<'a> {
    value: &'a str,
    source: &'a str,
}

#[derive(Serialize)]
struct Properties<'a> {
    file: String,
    files: &'a [String],
    properties: std::collections::BTreeMap<&'a str, Property<'a>>,
}

fn print_props(zip: &Path, rom: &Ota, json: bool, terminal: Terminal) -> Result<(), Failure> {
    if rom.needs_source() {
        return Err(Failure::Delta);
    }
    let DeviceProps {
        props,
        files,
        warnings,
        ..
    } = rom.props(Until::Everything)?;
    for warning in &warnings {
        terminal.warning(warning);
    }
    if files.is_empty() {
        return Err(Failure::NoProps);
    }
    if json {
        let properties = props
            .iter()
            .map(|(key, value)| {
                let source = props.place(key).unwrap_or_default();
                (key, Property { value, source })
            })
            .collect();
        let line = Properties {
            file: zip.display().to_string(),
            files: &files,
            properties,
        };
        return print_json(&line).map_err(|source| Failure::Output {
            file: "the output".to_owned(),
            source,
        });
    }
    let mut text = String::new();
    for (key, value) in props.iter() {
        let line = format!("{key}={value}");
        text.extend(
            line.chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c }),
        );
        text.push('\n');
    }
    print_out(text.as_bytes())?;
    if terminal.verbosity > 0 {
        for file in &files {
            terminal.line(&format!("from {}", file.escape_debug()));
        }
    }
    Ok(())
}

/// One entry of `--ls --json`; part of the documented schema.
#[derive(Serialize)]
struct Listed<'a> {
    file: String,
    name: &'a str,
    #[serde(rename = "type")]
    entry_type: &'a str,
    size: u64,
    target: Option<&'a str>,
}

fn print_list(zip: &Path, place: &PartitionPath<'_>, rom: &Ota, json: bool) -> Result<(), Failure> {
    let entries = match place.partition {
        "" => list_partitions(rom)?,
        partition => rom
            .file_system(partition)?
            .list(place.path.unwrap_or("/"))
            .map_err(|source| Failure::fs(partition, source))?,
    };
    let mut text = String::new();
    for entry in &entries {
        if json {
            let line = Listed {
                file: zip.display().to_string(),
                name: &entry.name,
                entry_type: match entry.entry_type {
                    EntryType::File => "file",
                    EntryType::Folder => "folder",
                    EntryType::Link => "link",
                    EntryType::Special => "special",
                },
                size: entry.size,
                target: entry.target.as_deref(),
            };
            text.push_str(&serde_json::to_string(&line).expect("names and numbers"));
            text.push('\n');
        } else {
            text.push_str(&describe(entry));
        }
    }
    print_out(text.as_bytes())
}

/// Lists the partitions, as if they were files of the package.
fn list_partitions(rom: &Ota) -> Result<Vec<DirEntry>, Failure> {
    rom.partitions()
        .map(|name| {
            Ok(DirEntry {
                name: format!("{name}:"),
                entry_type: EntryType::File,
                // The length of a compressed image is known only at its end.
                size: match rom.image(name)?.size() {
                    u64::MAX => 0,
                    size => size,
                },
                target: None,
            })
        })
        .collect()
}

fn describe(entry: &DirEntry) -> String {
    let name = entry.name.escape_debug();
    match (entry.entry_type, &entry.target) {
        (EntryType::Folder, _) => format!("{:>12}  {name}/\n", "-"),
        (EntryType::Link, Some(target)) => {
            format!("{:>12}  {name} -> {}\n", "-", target.escape_debug())
        }
        (EntryType::Link, None) => format!("{:>12}  {name} -> ?\n", "-"),
        (EntryType::Special, _) => format!("{:>12}  {name} (special)\n", "-"),
        _ => format!("{:>12}  {name}\n", entry.size),
    }
}

fn extract(place: &PartitionPath<'_>, rom: &Ota, output: Option<&Path>) -> Result<(), Failure> {
    let Some(output) = output else {
        let mut stdout = GuardedStdout {
            checked: !io::stdout().is_terminal(),
            is_binary: false,
        };
        let copied = copy(place, rom, &mut stdout);
        return match stdout.is_binary {
            true => Err(Failure::Binary),
            false => copied,
        };
    };
    let fail = |source| Failure::Output {
        file: output.display().to_string(),
        source,
    };
    // A pipe or a device is written to, not replaced; a link is followed.
    let output = output.canonicalize().unwrap_or_else(|_| output.to_owned());
    if output.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let file = std::fs::File::options().write(true).open(&output);
        return copy(place, rom, &mut file.map_err(fail)?);
    }
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // The file is written whole or not at all, even if the disk is full or the package damaged.
    let mut part = output.file_name().unwrap_or_default().to_owned();
    part.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&part).suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder
        .tempfile_in(folder)
        .map_err(|error| fail(error.kind().into()))?;
    copy(place, rom, &mut file)?;
    file.persist(&output).map_err(|error| fail(error.error))?;
    Ok(())
}

fn copy(place: &PartitionPath<'_>, rom: &Ota, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(path) = place.path {
        let file_system = rom.file_system(place.partition)?;
        return file_system
            .copy(path, MAX_EXTRACTED, out)
            .map_err(|source| Failure::fs(place.partition, source));
    }
    let image = rom.image(place.partition)?;
    let fail = |source| Failure::Partition {
        partition: place.partition.to_owned(),
        source,
    };
    // The length of a compressed image is known only at its end.
    let is_open_ended = image.size() == u64::MAX;
    if image.size() > MAX_EXTRACTED && !is_open_ended {
        return Err(Failure::TooLarge {
            partition: place.partition.to_owned(),
            size: image.size(),
        });
    }
    let mut hasher = Sha256::new();
    let mut offset = 0;
    let mut buffer = vec![0; STEP];
    while offset < image.size() {
        let left = usize::try_from(image.size() - offset).unwrap_or(usize::MAX);
        let mut len = left.min(STEP);
        while let Err(error) = image.read_exact_at(offset, &mut buffer[..len]) {
            match error {
                ReadError::OutOfBounds { size, .. } if is_open_ended && size >= offset => {
                    len = usize::try_from(size - offset).unwrap_or(0).min(len);
                }
                error => return Err(fail(error)),
            }
        }
        if len == 0 {
            break;
        }
        hasher.update(&buffer[..len]);
        out.write_all(&buffer[..len])
            .map_err(|source| Failure::Output {
                file: "the output".to_owned(),
                source,
            })?;
        offset += len as u64;
    }
    let expected = rom.sha256(place.partition)?;
    match expected.is_some_and(|expected| expected[..] != hasher.finalize()[..]) {
        true => Err(Failure::Hash {
            partition: place.partition.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Standard output that refuses binary data if it is a terminal.
struct GuardedStdout {
    checked: bool,
    is_binary: bool,
}

impl Write for GuardedStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_text = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\n' | b'\r' | b'\t');
        if !self.checked && !bytes.iter().all(is_text) {
            self.is_binary = true;
            return Err(io::ErrorKind::InvalidData.into());
        }
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
