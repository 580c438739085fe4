//! From flags, environment, `romfeed.toml` and defaults to one [`Config`].
//!
//! Flags win over the environment (clap brings both), those over the file, the
//! file over defaults. Paths in the file are relative to the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use ota_view::io::Limits;
use ota_view::verify::{Certificate, Require};
use romfeed::files::{behind_links, plain_types, read_file, read_regular_text, read_text};
use romfeed::model::address::{self, UrlTemplate};
use romfeed::model::build::{self, Device, Romtype, Variant};
use romfeed::model::config::{
    Config, DeviceConfig, DeviceFeed, FeedConfig, KnownIncremental, MajorUpgrades, Override,
    PathPattern, Retention, VariantRule,
};
use romfeed::model::facts::Fact;
use romfeed::model::family::{FAMILIES, Family, Rule};
use romfeed::publish::feed::template;
use serde::Deserialize;

use super::args::{MAX_JOBS, Places};
use super::rate::Rate;
use super::report::chain;
use super::theme::FileSite;
use super::{devices, theme};

/// Name of the settings file.
pub(crate) const FILE_NAME: &str = "romfeed.toml";

/// Largest settings file, certificate or feed template that is read, in bytes.
const MAX_FILE_SIZE: u64 = 1 << 20;

/// One thread per processor.
pub(crate) fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Settings that cannot be used; the text is for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(String);

/// `romfeed.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileConfig {
    builds: Option<PathBuf>,
    out: Option<PathBuf>,
    catalog: Option<OneOrMany>,
    changelogs: Option<PathBuf>,
    devices: Option<PathBuf>,
    base_url: Option<String>,
    url: Option<String>,
    device_feed: Option<String>,
    jobs: Option<u16>,
    io_limit: Option<Rate>,
    keep: Option<usize>,
    min_age: Option<Span>,
    major_upgrades: Option<FileUpgrades>,
    block_deltas: Option<bool>,
    same_lane: Option<bool>,
    follow_links: Option<bool>,
    #[serde(default)]
    accept_new_signer: Vec<String>,
    certificate: Option<OneOrMany>,
    #[serde(default)]
    require: FileRequire,
    #[serde(default)]
    site: FileSite,
    #[serde(default)]
    romtype: BTreeMap<String, FileRetention>,
    #[serde(default, rename = "variant")]
    variants: Vec<FileVariant>,
    #[serde(default, rename = "feed")]
    feeds: Vec<FileFeed>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    device: BTreeMap<String, FileDevice>,
    #[serde(default, rename = "override")]
    overrides: Vec<FileOverride>,
    #[serde(default, rename = "family")]
    families: Vec<FileFamily>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a path or a list of paths")]
enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl OneOrMany {
    fn in_folder(&self, folder: &Path) -> Vec<PathBuf> {
        match self {
            OneOrMany::One(path) => vec![folder.join(path)],
            OneOrMany::Many(paths) => paths.iter().map(|path| folder.join(path)).collect(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FileRequire {
    signature: bool,
    release_key: bool,
    payload: bool,
    property_files: bool,
    blocks: bool,
}

impl From<FileRequire> for Require {
    fn from(file: FileRequire) -> Require {
        Require {
            signature: file.signature,
            release_key: file.release_key,
            payload: file.payload,
            property_files: file.property_files,
            blocks: file.blocks,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileUpgrades {
    Hide,
    List,
}

impl From<FileUpgrades> for MajorUpgrades {
    fn from(upgrades: FileUpgrades) -> MajorUpgrades {
        match upgrades {
            FileUpgrades::Hide => MajorUpgrades::Hide,
            FileUpgrades::List => MajorUpgrades::List,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRetention {
    keep: Option<usize>,
    min_age: Option<Span>,
}

/// Seconds, or a text as `90m`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected seconds, or a text such as \"90m\"")]
enum Span {
    Seconds(u32),
    Text(String),
}

impl Span {
    fn seconds(&self) -> Result<i64, String> {
        let text = match self {
            Span::Seconds(seconds) => return Ok(i64::from(*seconds)),
            Span::Text(text) => text,
        };
        let unit = text.chars().last().map_or(0, |unit| match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => 0,
        });
        let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
        match number.parse::<u32>() {
            Ok(number) if unit > 0 => Ok(i64::from(number) * unit),
            _ => Err(format!(
                "min_age `{}` is no time as 90s, 30m, 2h or 1d",
                text.escape_debug()
            )),
        }
    }
}

impl FileRetention {
    fn resolve(&self) -> Result<Retention, String> {
        Ok(Retention {
            keep: self.keep,
            min_age: self.min_age.as_ref().map(Span::seconds).transpose()?,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDevice {
    url: Option<String>,
    device_feed: Option<String>,
    install: Option<String>,
    keep: Option<usize>,
    min_age: Option<Span>,
    major_upgrades: Option<FileUpgrades>,
    block_deltas: Option<bool>,
    same_lane: Option<bool>,
    #[serde(default)]
    aliases: Vec<String>,
    family: Option<String>,
    #[serde(default)]
    romtype: BTreeMap<String, FileRetention>,
    #[serde(default)]
    known_incrementals: BTreeMap<String, Vec<FileKnown>>,
    #[serde(default)]
    info: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected an incremental, or a table with one")]
enum FileKnown {
    Incremental(String),
    Build(FileKnownBuild),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKnownBuild {
    incremental: String,
    version: Option<String>,
    datetime: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileVariant {
    name: String,
    package: Option<String>,
    property: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFeed {
    template: String,
    path: Option<String>,
    #[serde(default)]
    variants: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOverride {
    package: String,
    device: Option<String>,
    version: Option<String>,
    romtype: Option<String>,
    datetime: Option<i64>,
    incremental: Option<String>,
    sdk_level: Option<u32>,
    security_patch: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFamily {
    name: String,
    markers: Vec<String>,
    #[serde(default)]
    device: Vec<String>,
    #[serde(default)]
    version: Vec<String>,
    #[serde(default)]
    romtype: Vec<String>,
    #[serde(default)]
    datetime: Vec<String>,
    #[serde(default = "yes")]
    compares_romtype: bool,
}

fn yes() -> bool {
    true
}

/// The settings of a run, and what is wrong with `devices.json`.
pub(crate) struct Resolved {
    pub(crate) config: Config,
    pub(crate) devices_errors: Vec<String>,
}

/// The flags that settings of the file stand behind; clap has put values from
/// the environment among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags<'a> {
    pub(crate) places: &'a Places,
    pub(crate) url: Option<&'a str>,
    pub(crate) jobs: Option<u16>,
    pub(crate) io_limit: Option<Rate>,
}

impl<'a> Flags<'a> {
    pub(crate) fn new(places: &'a Places) -> Flags<'a> {
        Flags {
            places,
            url: None,
            jobs: None,
            io_limit: None,
        }
    }
}

/// Brings all settings together.
pub(crate) fn resolve(file: Option<&Path>, flags: Flags<'_>) -> Result<Resolved, ConfigError> {
    let places = flags.places;
    let (settings, folder, name) = load_file(file)?;
    let in_file =
        |what: &str, error: &dyn std::fmt::Display| ConfigError(format!("{name}: {what}: {error}"));
    let catalogs: Vec<PathBuf> = match (&places.catalog[..], settings.catalog) {
        ([_, ..], _) => places.catalog.clone(),
        ([], Some(paths)) => paths.in_folder(&folder),
        ([], None) => vec![folder.join("catalog.json")],
    };
    if catalogs.is_empty() {
        return Err(in_file("catalog", &"the list is empty"));
    }
    let base_url = match (
        places.base_url.as_ref().filter(|url| !url.is_empty()),
        settings.base_url,
    ) {
        (Some(url), _) => Some(
            address::parse_base(url)
                .map_err(|e| ConfigError(format!("--base-url or ROMFEED_BASE_URL: {e}")))?,
        ),
        (None, Some(url)) => Some(address::parse_base(&url).map_err(|e| in_file("base_url", &e))?),
        (None, None) => None,
    };
    let template = |text: &str, what: &str| UrlTemplate::parse(text).map_err(|e| in_file(what, &e));
    let url = match (flags.url.filter(|url| !url.is_empty()), settings.url) {
        (Some(url), _) => Some(
            UrlTemplate::parse(url)
                .map_err(|e| ConfigError(format!("--url or ROMFEED_URL: {e}")))?,
        ),
        (None, Some(url)) => Some(template(&url, "url")?),
        (None, None) => None,
    };
    let mut templates = FeedLoader {
        folder: folder.join("templates").join("feeds"),
        loaded: Vec::new(),
    };
    for feed in settings.feeds {
        templates
            .enable(feed)
            .map_err(|e| in_file("[[feed]]", &e))?;
    }
    let theme = theme::resolve(settings.site, &folder).map_err(|e| in_file("[site]", &e))?;
    if theme.has_pages {
        for name in template::FOR_PEOPLE {
            templates
                .enable_by_default(name)
                .map_err(|e| in_file("[site]", &e))?;
        }
    }
    let mut device_feed = |name: Option<String>, what: &str| match name.as_deref() {
        None => Ok(None),
        Some("v1") => Ok(Some(DeviceFeed::V1)),
        Some("v2") => Ok(Some(DeviceFeed::V2)),
        Some(name) => {
            templates.load(name).map_err(|e| in_file(what, &e))?;
            Ok(Some(DeviceFeed::Template(name.to_owned())))
        }
    };
    let default_feed = device_feed(settings.device_feed, "device_feed")?;
    let mut devices = BTreeMap::new();
    for (device, set) in settings.device {
        let what = format!("[device.{device}]");
        let url = set.url.as_ref();
        let config = DeviceConfig {
            url: url
                .map(|url| template(url, &format!("{what} url")))
                .transpose()?,
            device_feed: device_feed(set.device_feed.clone(), &format!("{what} device_feed"))?,
            install: set
                .install
                .as_ref()
                .map(|name| theme::load_install(folder.join(name)))
                .transpose()
                .map_err(|e| in_file(&what, &e))?,
            ..resolve_device(&device, set).map_err(|e| in_file(&what, &e))?
        };
        devices.insert(device, config);
    }
    check_aliases(&devices).map_err(|e| in_file("aliases", &e))?;
    let families = parse_families(settings.families).map_err(|e| in_file("[[family]]", &e))?;
    check_families(&devices, &families).map_err(|e| in_file("family", &e))?;
    let retention = FileRetention {
        keep: settings.keep,
        min_age: settings.min_age,
    };
    let retention = retention.resolve().map_err(|e| in_file("min_age", &e))?;
    let mut romtypes = BTreeMap::new();
    for (romtype, retention) in &settings.romtype {
        let retention = retention.resolve();
        let retention = retention.map_err(|e| in_file(&format!("[romtype.{romtype}]"), &e))?;
        romtypes.insert(romtype.to_ascii_lowercase(), retention);
    }
    let devices_named = settings.devices.is_some();
    let devices_file = settings
        .devices
        .map_or_else(|| folder.join("devices.json"), |path| folder.join(path));
    let known_devices = devices::load(&devices_file, devices_named);
    if settings
        .jobs
        .is_some_and(|jobs| !(1..=MAX_JOBS).contains(&jobs))
    {
        return Err(in_file("jobs", &format!("it must be 1 to {MAX_JOBS}")));
    }
    let certificates = settings.certificate.map(|paths| paths.in_folder(&folder));
    let certificates = load_certificates(&certificates.unwrap_or_default())
        .map_err(|e| in_file("certificate", &e))?;
    let defaults = Config::of_folder(&folder, Limits::new(std::env::temp_dir(), Instant::now));
    let place = |flag: &Option<PathBuf>, set: Option<PathBuf>, default: &Path| {
        let set = set.map(|path| folder.join(path));
        flag.clone().or(set).unwrap_or_else(|| default.to_owned())
    };
    let config = Config {
        builds: place(&places.builds, settings.builds, &defaults.builds),
        out: place(&places.out, settings.out, &defaults.out),
        changelogs: place(
            &places.changelogs,
            settings.changelogs,
            &catalogs[0].with_file_name(romfeed::model::config::CHANGELOGS_DIR),
        ),
        limits: Limits::in_folders(temporary_folders(&catalogs[0]), Instant::now),
        // One lock, whatever link leads to the catalog.
        state: behind_links(&catalogs[0]).with_file_name(romfeed::model::config::STATE_DIR),
        catalogs,
        base_url,
        url,
        devices,
        device_feed: default_feed.unwrap_or_default(),
        retention,
        romtypes,
        major_upgrades: settings.major_upgrades.map(Into::into).unwrap_or_default(),
        block_deltas: settings.block_deltas.unwrap_or_default(),
        same_lane: settings.same_lane.unwrap_or_default(),
        follow_links: settings.follow_links.unwrap_or_default(),
        variants: parse_variants(settings.variants).map_err(|e| in_file("[[variant]]", &e))?,
        accept_new_signer: parse_signers(settings.accept_new_signer)
            .map_err(|e| in_file("accept_new_signer", &e))?,
        certificates,
        require: settings.require.into(),
        feeds: templates.loaded,
        overrides: parse_overrides(settings.overrides).map_err(|e| in_file("[[override]]", &e))?,
        families,
        exclude: parse_globs(&settings.exclude).map_err(|e| in_file("exclude", &e))?,
        theme,
        known_devices: known_devices.known,
        devices_local: devices::local(&devices_file),
        jobs: flags
            .jobs
            .or(settings.jobs)
            .map_or_else(default_jobs, usize::from),
        io_limit: flags.io_limit.or(settings.io_limit).map(|rate| rate.0),
        ..defaults
    };
    Ok(Resolved {
        config,
        devices_errors: known_devices.errors,
    })
}

/// Where temporary files may go: the folder that `TMPDIR` names, else the one that the state is
/// in or will be made in, else that of the system.
fn temporary_folders(catalog: &Path) -> Vec<PathBuf> {
    let beside_state = std::path::absolute(catalog).unwrap_or_else(|_| catalog.to_owned());
    let beside_state = beside_state.ancestors().skip(1).find(|path| path.is_dir());
    let mut folders = vec![std::env::temp_dir()];
    if let Some(folder) = beside_state {
        let is_named = std::env::var_os("TMPDIR").is_some_and(|folder| !folder.is_empty());
        folders.insert(usize::from(is_named), folder.to_owned());
    }
    folders
}

/// The certificates in files, which are PEM or DER.
pub(crate) fn load_certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>, ConfigError> {
    let load = |path: &PathBuf| {
        let name = path.display();
        let bytes = read_file(path, MAX_FILE_SIZE)
            .map_err(|error| ConfigError(format!("cannot read {name}: {error}")))?;
        Certificate::parse(&bytes).map_err(|e| ConfigError(format!("{name}: {}", chain(&e))))
    };
    paths.iter().map(load).collect()
}

/// The file's settings, its folder, and its name for messages.
fn load_file(file: Option<&Path>) -> Result<(FileConfig, PathBuf, String), ConfigError> {
    let path = file.unwrap_or(Path::new(FILE_NAME));
    let name = path.display().to_string();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::new(),
    };
    let text = match read_text(path, MAX_FILE_SIZE) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => {
            return Ok((FileConfig::default(), PathBuf::new(), name));
        }
        Err(error) => return Err(ConfigError(format!("cannot read {name}: {error}"))),
    };
    let settings = toml::from_str(&text).map_err(|error| {
        let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
        let message = plain(&error.message().replace('\n', " "));
        ConfigError(format!("{name}, line {line}, column {column}: {message}"))
    })?;
    Ok((settings, folder, name))
}

/// A message of the parser in words of the settings file: without Rust's names of types, and with
/// the nearest key for one that is unknown.
fn plain(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((key, known)) = rest.split_once("`, expected ")
    {
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        return match nearest(key, &known) {
            Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
            None => format!("unknown key `{key}`; known are {}", known.join(", ")),
        };
    }
    plain_types(message, "a table")
}

/// The word that a mistyped one was likely meant to be: at most a third of its letters differ.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distances = known.iter().map(|other| (distance(&word, other), *other));
    let (distance, near) = distances.min()?;
    (distance <= near.chars().count().div_ceil(3)).then_some(near)
}

/// How many letters have to be added, removed or replaced to make one word the other.
fn distance(word: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (nth, letter) in word.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], nth + 1);
        for (at, same) in other.chars().enumerate() {
            let replaced = diagonal + usize::from(letter != same);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Line and column of a byte offset, both counted from 1.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// A device's settings but for those that need files.
fn resolve_device(name: &str, set: FileDevice) -> Result<DeviceConfig, String> {
    Device::parse(name).map_err(|e| e.to_string())?;
    let parse = |alias: &String| Device::parse(alias).map_err(|e| e.to_string());
    let mut known_incrementals = BTreeMap::new();
    for (romtype, known) in set.known_incrementals {
        let romtype = Romtype::parse(&romtype).map_err(|e| e.to_string())?;
        let known = known.into_iter().map(resolve_known);
        let known: Vec<KnownIncremental> = known.collect::<Result<_, _>>()?;
        let all: &mut Vec<_> = known_incrementals.entry(romtype.to_path()).or_default();
        all.extend(known);
    }
    let mut romtypes = BTreeMap::new();
    for (romtype, retention) in set.romtype {
        romtypes.insert(romtype.to_ascii_lowercase(), retention.resolve()?);
    }
    let retention = FileRetention {
        keep: set.keep,
        min_age: set.min_age,
    };
    let info = |(key, value): (String, toml::Value)| match serde_json::to_value(value) {
        Ok(value) => Ok((key, value)),
        Err(error) => Err(format!("info.{key}: {error}")),
    };
    Ok(DeviceConfig {
        url: None,
        device_feed: None,
        install: None,
        retention: retention.resolve()?,
        romtypes,
        major_upgrades: set.major_upgrades.map(Into::into),
        block_deltas: set.block_deltas,
        same_lane: set.same_lane,
        aliases: set.aliases.iter().map(parse).collect::<Result<_, _>>()?,
        family: set.family,
        known_incrementals,
        info: set.info.into_iter().map(info).collect::<Result<_, _>>()?,
    })
}

fn resolve_known(known: FileKnown) -> Result<KnownIncremental, String> {
    let known = match known {
        FileKnown::Incremental(incremental) => KnownIncremental {
            incremental,
            version: None,
            timestamp: None,
        },
        FileKnown::Build(build) => KnownIncremental {
            incremental: build.incremental,
            version: build.version,
            timestamp: build.datetime,
        },
    };
    let bad = |what: &str, value: &str, reason: &str| {
        Err(format!(
            "known_incrementals: {what} `{}` {reason}",
            value.escape_debug()
        ))
    };
    if let Some(reason) = build::path_fault(&known.incremental) {
        return bad(
            "incremental",
            &known.incremental,
            &format!("cannot be a file: {reason}"),
        );
    }
    if let Some((version, reason)) = known
        .version
        .as_ref()
        .and_then(|version| Some((version, build::version_fault(version)?)))
    {
        return bad("version", version, reason);
    }
    match known.timestamp.map(|t| (t, build::timestamp_fault(t))) {
        Some((timestamp, Some(reason))) => bad("datetime", &timestamp.to_string(), reason),
        _ => Ok(known),
    }
}

/// A name leads to one device.
fn check_aliases(devices: &BTreeMap<String, DeviceConfig>) -> Result<(), String> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (device, config) in devices {
        for alias in &config.aliases {
            if let Some(owner) = owners.insert(alias.as_str(), device) {
                return Err(format!(
                    "`{alias}` is an alias of both {owner} and {device}"
                ));
            }
            if alias.as_str() == device {
                return Err(format!("`{alias}` is the device itself"));
            }
        }
    }
    Ok(())
}

/// A family that a device names is one that is known.
fn check_families(devices: &BTreeMap<String, DeviceConfig>, own: &[Family]) -> Result<(), String> {
    let names: Vec<&str> = own
        .iter()
        .chain(FAMILIES.iter())
        .map(|family| &*family.name)
        .collect();
    let mut set = devices
        .values()
        .filter_map(|device| device.family.as_deref());
    match set.find(|name| !names.contains(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "`{}` is not a known ROM family; known are {}",
            name.escape_debug(),
            names.join(", ")
        )),
    }
}

fn parse_variants(entries: Vec<FileVariant>) -> Result<Vec<VariantRule>, String> {
    let parse = |entry: FileVariant| {
        let pattern = entry.package.as_deref().map(glob).transpose();
        let pattern = pattern.map_err(|e| e.to_string())?;
        let property = entry.property.map(|text| match text.split_once('=') {
            Some((key, value)) => (key.trim().to_owned(), Some(value.trim().to_owned())),
            None => (text, None),
        });
        if pattern.is_none() && property.is_none() {
            return Err(format!(
                "`{}` needs a package pattern or a property",
                entry.name
            ));
        }
        Ok(VariantRule {
            variant: Variant::parse(&entry.name).map_err(|e| e.to_string())?,
            pattern: pattern.map(|glob| PathPattern::new(glob.compile_matcher())),
            property,
        })
    };
    entries.into_iter().map(parse).collect()
}

/// Fingerprints with or without colons, at least 8 digits of them, or file names.
fn parse_signers(entries: Vec<String>) -> Result<Vec<String>, String> {
    let parse = |entry: String| {
        let digits = entry.replace(':', "").to_ascii_lowercase();
        let is_fingerprint = digits.bytes().all(|b| b.is_ascii_hexdigit());
        match is_fingerprint {
            true if (8..=64).contains(&digits.len()) => Ok(digits),
            true => Err(format!(
                "`{entry}` is no SHA-256 fingerprint; give 8 to 64 digits"
            )),
            false => Ok(entry),
        }
    };
    entries.into_iter().map(parse).collect()
}

/// Reads feed templates as the settings name them: the user's own, or else those
/// that come with romfeed.
struct FeedLoader {
    folder: PathBuf,
    loaded: Vec<FeedConfig>,
}

impl FeedLoader {
    fn load(&mut self, name: &str) -> Result<&mut FeedConfig, String> {
        if let Some(at) = self.loaded.iter().position(|feed| feed.name == name) {
            return Ok(&mut self.loaded[at]);
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(format!(
                "`{}` is no name of a template",
                name.escape_debug()
            ));
        }
        let file = self.folder.join(format!("{name}.j2"));
        let (file, text) = match (
            read_regular_text(&file, MAX_FILE_SIZE),
            template::shipped(name),
        ) {
            (Ok(text), _) => (file.display().to_string(), text),
            (Err(error), Some(text)) if error.kind() == std::io::ErrorKind::NotFound => {
                (format!("{name}.j2 (of romfeed)"), text.to_owned())
            }
            (Err(error), _) => {
                let known: Vec<&str> = template::SHIPPED.iter().map(|(name, _)| *name).collect();
                return Err(format!(
                    "cannot read {}: {error}; romfeed itself has {}",
                    file.display(),
                    known.join(", ")
                ));
            }
        };
        self.loaded.push(FeedConfig {
            name: name.to_owned(),
            file,
            text,
            path: None,
            variants: BTreeMap::new(),
            is_enabled: false,
        });
        Ok(self.loaded.last_mut().expect("pushed above"))
    }

    /// What the settings do not enable by themselves.
    fn enable_by_default(&mut self, name: &str) -> Result<(), String> {
        self.load(name)?.is_enabled = true;
        Ok(())
    }

    fn enable(&mut self, settings: FileFeed) -> Result<(), String> {
        let name = &settings.template;
        for (variant, spelled) in &settings.variants {
            if !variant.is_empty() {
                Variant::parse(variant).map_err(|e| format!("{name}: variants: {e}"))?;
            }
            if let Some(reason) = build::portable_fault(spelled) {
                let spelled = spelled.escape_debug();
                return Err(format!("{name}: variants: `{spelled}` {reason}"));
            }
            if let Some(reason) = build::path_fault(spelled) {
                let spelled = spelled.escape_debug();
                return Err(format!(
                    "{name}: variants: `{spelled}` cannot be part of a path: {reason}"
                ));
            }
        }
        let feed = self.load(name)?;
        if feed.is_enabled {
            return Err(format!("`{name}` is there twice"));
        }
        feed.is_enabled = true;
        feed.path = settings.path;
        feed.variants = settings.variants;
        Ok(())
    }
}

fn parse_overrides(entries: Vec<FileOverride>) -> Result<Vec<Override>, globset::Error> {
    entries
        .into_iter()
        .map(|entry| {
            let values = [
                (Fact::Device, entry.device),
                (Fact::Version, entry.version),
                (Fact::Romtype, entry.romtype),
                (
                    Fact::Datetime,
                    entry.datetime.map(|value| value.to_string()),
                ),
                (Fact::Incremental, entry.incremental),
                (
                    Fact::SdkLevel,
                    entry.sdk_level.map(|value| value.to_string()),
                ),
                (Fact::SecurityPatch, entry.security_patch),
            ];
            Ok(Override {
                pattern: PathPattern::new(glob(&entry.package)?.compile_matcher()),
                values: values
                    .into_iter()
                    .filter_map(|(fact, value)| Some((fact, value?)))
                    .collect(),
            })
        })
        .collect()
}

fn parse_families(entries: Vec<FileFamily>) -> Result<Vec<Family>, String> {
    let rules = |texts: Vec<String>| -> Result<Vec<Rule>, String> {
        let parse = |text: &String| {
            Rule::parse(text).ok_or_else(|| {
                format!("`{text}` is neither a property nor a field of one, as ro.my.version[0]")
            })
        };
        texts.iter().map(parse).collect()
    };
    entries
        .into_iter()
        .map(|entry| {
            let is_own = |rule: &String| entry.markers.iter().any(|mark| rule.starts_with(mark));
            let rule_lists = [&entry.device, &entry.version, &entry.romtype];
            let has_own = rule_lists.into_iter().flatten().any(is_own);
            if entry.name.is_empty() {
                return Err("a family needs a name".to_owned());
            }
            if !has_own {
                return Err(format!(
                    "`{}` needs a device, version or romtype that begins with one of its markers",
                    entry.name
                ));
            }
            if entry.markers.iter().any(String::is_empty) || entry.markers.is_empty() {
                return Err(format!(
                    "`{}` needs markers: what its properties begin with",
                    entry.name
                ));
            }
            let mut datetime = rules(entry.datetime)?;
            datetime.push(Rule::Whole("ro.build.date.utc".into()));
            Ok(Family {
                name: entry.name.into(),
                markers: entry.markers.into_iter().map(Into::into).collect(),
                device: rules(entry.device)?,
                version: rules(entry.version)?,
                romtype: rules(entry.romtype)?,
                datetime,
                compares_romtype: entry.compares_romtype,
            })
        })
        .collect()
}

fn parse_globs(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut globs = GlobSetBuilder::new();
    for pattern in patterns {
        globs.add(glob(pattern)?);
    }
    globs.build()
}

/// `*` stays inside a folder, `**` does not.
fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}
