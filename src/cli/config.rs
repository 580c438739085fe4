//! From flags, environment, `romfeed.toml` and defaults to one [`Config`].
//!
//! Flags win over the environment (clap brings both), those over the file, the
//! file over defaults. Paths in the file are relative to the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use romfeed::address::{self, UrlTemplate};
use romfeed::config::{Config, DeviceConfig, DeviceFeed, Override};
use romfeed::facts::Fact;
use romfeed::family::{Family, Rule};
use romfeed::io::Limits;
use serde::Deserialize;

use super::args::{MAX_JOBS, Places};

/// Name of the settings file.
pub(crate) const FILE_NAME: &str = "romfeed.toml";
/// Folder for lock and cache, beside the catalog that the lock is for.
const STATE_DIR: &str = ".romfeed";

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
    devices: Option<PathBuf>,
    base_url: Option<String>,
    url: Option<String>,
    device_feed: Option<Feed>,
    jobs: Option<u16>,
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
#[serde(untagged)]
enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Feed {
    V1,
    V2,
}

impl From<Feed> for DeviceFeed {
    fn from(feed: Feed) -> DeviceFeed {
        match feed {
            Feed::V1 => DeviceFeed::V1,
            Feed::V2 => DeviceFeed::V2,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDevice {
    url: Option<String>,
    device_feed: Option<Feed>,
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

/// One entry of `devices.json`; the schema of the official backend, of which
/// only the codename is used here.
#[derive(Debug, Deserialize)]
struct DeviceEntry {
    model: String,
}

/// The settings of a run, and what is wrong with `devices.json`, if anything.
pub(crate) struct Resolved {
    pub(crate) config: Config,
    pub(crate) devices_error: Option<String>,
}

/// The flags that settings of the file stand behind; clap has put values from
/// the environment among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags<'a> {
    pub(crate) places: &'a Places,
    pub(crate) url: Option<&'a str>,
    pub(crate) jobs: Option<u16>,
}

impl<'a> Flags<'a> {
    pub(crate) fn new(places: &'a Places) -> Flags<'a> {
        Flags {
            places,
            url: None,
            jobs: None,
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
        ([], Some(OneOrMany::One(path))) => vec![folder.join(path)],
        ([], Some(OneOrMany::Many(paths))) => paths.iter().map(|path| folder.join(path)).collect(),
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
    let mut devices = BTreeMap::new();
    for (device, set) in settings.device {
        let what = format!("[device.{device}] url");
        let config = DeviceConfig {
            url: set.url.map(|url| template(&url, &what)).transpose()?,
            device_feed: set.device_feed.map(Into::into),
        };
        devices.insert(device, config);
    }
    let devices_named = settings.devices.is_some();
    let devices_file = settings
        .devices
        .map_or_else(|| folder.join("devices.json"), |path| folder.join(path));
    let (known_devices, devices_error) = match load_devices(&devices_file, devices_named) {
        Ok(known) => (known, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    if settings
        .jobs
        .is_some_and(|jobs| !(1..=MAX_JOBS).contains(&jobs))
    {
        return Err(in_file("jobs", &format!("it must be 1 to {MAX_JOBS}")));
    }
    let default_jobs = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let config = Config {
        builds: places
            .builds
            .clone()
            .unwrap_or_else(|| folder.join(settings.builds.unwrap_or_else(|| "builds".into()))),
        out: places
            .out
            .clone()
            .unwrap_or_else(|| folder.join(settings.out.unwrap_or_else(|| "out".into()))),
        state: catalogs[0].with_file_name(STATE_DIR),
        catalogs,
        base_url,
        url,
        devices,
        device_feed: settings
            .device_feed
            .map_or_else(DeviceFeed::default, Into::into),
        overrides: parse_overrides(settings.overrides).map_err(|e| in_file("[[override]]", &e))?,
        families: parse_families(settings.families).map_err(|e| in_file("[[family]]", &e))?,
        exclude: parse_globs(&settings.exclude).map_err(|e| in_file("exclude", &e))?,
        known_devices,
        jobs: flags
            .jobs
            .or(settings.jobs)
            .map_or_else(default_jobs, usize::from),
        limits: Limits::new(std::env::temp_dir(), Instant::now),
        rehash: false,
        adopt: false,
        dry_run: false,
    };
    Ok(Resolved {
        config,
        devices_error,
    })
}

/// The file's settings, its folder, and its name for messages.
fn load_file(file: Option<&Path>) -> Result<(FileConfig, PathBuf, String), ConfigError> {
    let path = file.unwrap_or(Path::new(FILE_NAME));
    let name = path.display().to_string();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::new(),
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => {
            return Ok((FileConfig::default(), PathBuf::new(), name));
        }
        Err(error) => return Err(ConfigError(format!("cannot read {name}: {error}"))),
    };
    let settings = toml::from_str(&text).map_err(|error| {
        let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
        let message = error.message().replace('\n', " ");
        ConfigError(format!("{name}, line {line}, column {column}: {message}"))
    })?;
    Ok((settings, folder, name))
}

/// Line and column of a byte offset, both counted from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// Codenames from `devices.json`; a file that does not exist has none, unless the
/// settings name it.
fn load_devices(path: &Path, is_named: bool) -> Result<Vec<String>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let entries: Vec<DeviceEntry> =
        serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(entries.into_iter().map(|entry| entry.model).collect())
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
                pattern: glob(&entry.package)?.compile_matcher(),
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
