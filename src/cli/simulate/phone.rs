//! The phone of `romfeed simulate`, from flags, from files of properties, or from a package.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ota_view::device_props::Until;
use ota_view::ota::Ota;
use ota_view::props::{Era, PropertyFile, PropertyMap};
use romfeed::clients::simulate::{MAX_PROPS, PhoneOverrides, Subject, parse_props};
use romfeed::ingest;
use romfeed::model::config::Config;

use super::Failure;
use crate::cli::args::SimulateArgs;
use crate::cli::report::{Terminal, chain};

/// Refuses a call that names standard input twice.
pub(super) fn refuse_two_readers_of_stdin(args: &SimulateArgs) -> Result<(), Failure> {
    let files = args.props.iter().chain(&args.previous);
    if files.filter(|file| is_stdin(file)).count() > 1 {
        let text = "standard input (-) can be read only once";
        return Err(Failure::new(text).hint("save one of the two to a file, and name that"));
    }
    Ok(())
}

/// Reads what the arguments say about the phone.
pub(super) fn subject(
    args: &SimulateArgs,
    config: &Config,
    terminal: Terminal,
) -> Result<Subject, Failure> {
    let overrides = PhoneOverrides {
        family: None,
        device: args.device.clone(),
        next_device: args.next_device.clone(),
        romtype: args.r#type.clone(),
        version: args.version.clone(),
        incremental: args.incr.clone(),
        datetime: args.date,
        sdk: args.sdk,
        uri: args.uri.clone(),
        is_ab: args.ab,
        allow_downgrading: args.allow_downgrading,
        allow_major_upgrades: args.allow_major_upgrades,
    };
    let props = match &args.zip {
        Some(zip) => Some(props_of_zip(zip, config, terminal)?),
        None if args.props.is_empty() => None,
        None => Some(props_of_files(&args.props)?),
    };
    let name = args.zip.as_ref().and_then(|zip| zip.file_name());
    let subject = Subject {
        props,
        overrides,
        filename: name.map(|name| name.to_string_lossy().into_owned()),
    };
    if subject.is_described() {
        return Ok(subject);
    }
    Err(match &subject.props {
        None => Failure::new("which phone? give --props, --zip or --device").hint(
            "`adb shell getprop | romfeed simulate --props -` takes the phone that is plugged in",
        ),
        Some(_) => Failure::new("the properties name neither device nor version nor incremental")
            .hint("take them from the phone with `adb shell getprop`, or add system's build.prop by another --props"),
    })
}

fn props_of_files(files: &[PathBuf]) -> Result<PropertyMap, Failure> {
    let mut parsed: Vec<PropertyFile> = Vec::new();
    for file in files {
        let should = "it should be the output of `adb shell getprop`, or a build.prop";
        let bytes = read_file(file, MAX_PROPS, should)?;
        let props = parse_props(&file.display().to_string(), &bytes);
        parsed.push(props.map_err(|error| Failure::for_file(file, &error).hint(should))?);
    }
    let era = Era::from_sdk(parsed.iter().find_map(PropertyFile::sdk));
    let mut props = PropertyMap::merge(parsed, era);
    props.derive_product(era);
    Ok(props)
}

fn props_of_zip(zip: &Path, config: &Config, terminal: Terminal) -> Result<PropertyMap, Failure> {
    let fail = |error: ingest::Error| Failure::for_file(zip, &chain(&error));
    let (package, budget, _) = ingest::open(zip, &config.limits).map_err(fail)?;
    let rom = Ota::from_package(&package, budget).map_err(|error| fail(error.into()))?;
    if rom.needs_source() {
        return Err(
            Failure::for_file(zip, &"a delta, which holds no properties")
                .hint("give the full package of the same build"),
        );
    }
    let found = rom.props(Until::Everything);
    let found = found.map_err(|error| fail(error.into()))?;
    for warning in &found.warnings {
        terminal.warning(warning);
    }
    if found.files.is_empty() {
        return Err(Failure::for_file(zip, &"no build.prop was found in it")
            .hint("describe the phone by --device, --type, --version, --incr, --date and --sdk"));
    }
    Ok(found.props)
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Reads a whole file of at most `max` bytes; `-` is standard input. `should` is the hint for a longer
/// file, which must be something else.
pub(super) fn read_file(file: &Path, max: usize, should: &'static str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let read = match is_stdin(file) {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::for_file(file, &error))?;
    match bytes.len() > max {
        true => Err(Failure::for_file(file, &format!("more than {max} bytes")).hint(should)),
        false => Ok(bytes),
    }
}
