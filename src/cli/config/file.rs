//! The settings file `romfeed.toml`: its keys, and messages about those that are wrong.
//!
//! In: the path of the file, or none for `romfeed.toml` in the current folder. Out: the values as the
//! file has them; `values` and `resolve` check them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ota_view::verify::Require;
use romfeed::catalog::conflict::first_marker;
use romfeed::files::{plain_types, read_text};
use romfeed::model::config::{MajorUpgrades, Retention};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::nearest::nearest;
use super::super::position::position;
use super::super::rate::Rate;
use super::super::theme::FileSite;
use super::source_tables::{FileSource, FileStore};
use super::span::Span;

/// The name of the settings file.
pub(crate) const FILE_NAME: &str = "romfeed.toml";
/// What to do about a file in which git left conflict markers.
const MARKERS_HINT: &str = "edit it: keep the right lines of both, and remove those that begin with <<<<<<<, |||||||, ======= or >>>>>>>";
/// Largest settings file, certificate or feed template that is read, in bytes.
pub(super) const MAX_FILE_SIZE: u64 = 1 << 20;

/// Settings that cannot be used. The message is one line for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ConfigError {
    message: String,
    /// What to do about it, if the message does not say so.
    pub(crate) hint: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(message: String) -> ConfigError {
        ConfigError {
            message,
            hint: None,
        }
    }

    pub(crate) fn with_hint(self, hint: String) -> ConfigError {
        ConfigError {
            hint: Some(hint),
            ..self
        }
    }
}

/// Describes what is wrong with the value of a flag, which the environment may have set.
pub(super) fn flag_error(flag: &str, reason: &dyn std::fmt::Display) -> ConfigError {
    let variable = flag.to_uppercase().replace('-', "_");
    ConfigError::new(format!("--{flag} or ROMFEED_{variable}: {reason}"))
}

/// The place of a settings file.
#[derive(Clone)]
pub(super) struct Origin {
    /// The folder that paths in the file are relative to.
    pub(super) folder: PathBuf,
    /// The path of the file, for messages.
    pub(super) name: String,
}

impl Origin {
    /// Describes what is wrong with a key or a table.
    pub(super) fn error(&self, key: &str, reason: &dyn std::fmt::Display) -> ConfigError {
        ConfigError::new(format!("{}: {key}: {reason}", self.name))
    }

    /// Describes what is wrong with a catalog from flags, or else from the file.
    pub(super) fn catalog_error(&self, flags: &[PathBuf], reason: &str) -> ConfigError {
        match flags {
            [] => self.error("catalog", &reason),
            [..] => flag_error("catalog", &reason),
        }
    }
}

/// The keys of `romfeed.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileConfig {
    pub(super) builds: Option<PathBuf>,
    pub(super) out: Option<PathBuf>,
    pub(super) catalog: Option<OneOrMany>,
    pub(super) changelogs: Option<PathBuf>,
    pub(super) devices: Option<PathBuf>,
    pub(super) base_url: Option<String>,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) mirrors: Vec<String>,
    pub(super) device_feed: Option<String>,
    pub(super) jobs: Option<u16>,
    pub(super) io_limit: Option<Rate>,
    pub(super) keep: Option<usize>,
    pub(super) min_age: Option<Span>,
    pub(super) major_upgrades: Option<FileUpgrades>,
    pub(super) block_deltas: Option<bool>,
    pub(super) same_lane: Option<bool>,
    pub(super) follow_links: Option<bool>,
    #[serde(default)]
    pub(super) accept_new_signer: Vec<String>,
    pub(super) certificate: Option<OneOrMany>,
    #[serde(default)]
    pub(super) require: FileRequire,
    #[serde(default)]
    pub(super) site: FileSite,
    #[serde(default)]
    pub(super) romtype: BTreeMap<String, FileRetention>,
    #[serde(default, rename = "variant")]
    pub(super) variants: Vec<FileVariant>,
    #[serde(default, rename = "feed")]
    pub(super) feeds: Vec<FileFeed>,
    #[serde(default)]
    pub(super) exclude: Vec<String>,
    #[serde(default)]
    pub(super) device: BTreeMap<String, FileDevice>,
    #[serde(default, rename = "override")]
    pub(super) overrides: Vec<FileOverride>,
    #[serde(default, rename = "family")]
    pub(super) families: Vec<FileFamily>,
    #[serde(default, rename = "source")]
    pub(super) sources: Vec<FileSource>,
    pub(super) s3: Option<FileStore>,
    pub(super) source_jobs: Option<u16>,
    pub(super) max_download: Option<Rate>,
}

impl FileConfig {
    /// Checks `keep` and `min_age` for all devices and release types.
    pub(super) fn retention(&self) -> Result<Retention, String> {
        resolve_retention(self.keep, self.min_age.as_ref())
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a path or a list of paths")]
pub(super) enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl OneOrMany {
    /// Returns the paths as they are written.
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            OneOrMany::One(path) => std::slice::from_ref(path),
            OneOrMany::Many(paths) => paths,
        }
    }

    /// Returns the paths, relative to a folder.
    pub(super) fn in_folder(&self, folder: &Path) -> Vec<PathBuf> {
        self.paths().iter().map(|path| folder.join(path)).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileRequire {
    pub(super) signature: bool,
    pub(super) release_key: bool,
    pub(super) payload: bool,
    pub(super) property_files: bool,
    pub(super) blocks: bool,
}

impl From<&FileRequire> for Require {
    fn from(file: &FileRequire) -> Require {
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
pub(super) enum FileUpgrades {
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
pub(super) struct FileRetention {
    pub(super) keep: Option<usize>,
    pub(super) min_age: Option<Span>,
}

impl FileRetention {
    /// Checks the values.
    pub(super) fn resolve(&self) -> Result<Retention, String> {
        resolve_retention(self.keep, self.min_age.as_ref())
    }
}

fn resolve_retention(keep: Option<usize>, min_age: Option<&Span>) -> Result<Retention, String> {
    let min_age = min_age.map(Span::seconds).transpose()?;
    Ok(Retention { keep, min_age })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileDevice {
    pub(super) url: Option<String>,
    pub(super) mirrors: Option<Vec<String>>,
    pub(super) device_feed: Option<String>,
    pub(super) install: Option<String>,
    pub(super) keep: Option<usize>,
    pub(super) min_age: Option<Span>,
    pub(super) major_upgrades: Option<FileUpgrades>,
    pub(super) block_deltas: Option<bool>,
    pub(super) same_lane: Option<bool>,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    pub(super) family: Option<String>,
    #[serde(default)]
    pub(super) romtype: BTreeMap<String, FileRetention>,
    #[serde(default)]
    pub(super) known_incrementals: BTreeMap<String, Vec<FileKnown>>,
    #[serde(default)]
    pub(super) info: BTreeMap<String, toml::Value>,
    pub(super) certificate: Option<OneOrMany>,
    #[serde(default, rename = "source")]
    pub(super) sources: Vec<FileSource>,
    /// The file with these settings, if it is not that of all devices.
    #[serde(skip)]
    pub(super) file: Option<String>,
}

impl FileDevice {
    /// Checks `keep` and `min_age` for all release types of the device.
    pub(super) fn retention(&self) -> Result<Retention, String> {
        resolve_retention(self.keep, self.min_age.as_ref())
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected an incremental, or a table with one")]
pub(super) enum FileKnown {
    Incremental(String),
    Build(FileKnownBuild),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileKnownBuild {
    pub(super) incremental: String,
    pub(super) version: Option<String>,
    pub(super) datetime: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileVariant {
    pub(super) name: String,
    pub(super) package: Option<String>,
    pub(super) property: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFeed {
    pub(super) template: String,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) variants: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileOverride {
    pub(super) package: String,
    pub(super) device: Option<String>,
    pub(super) version: Option<String>,
    pub(super) romtype: Option<String>,
    pub(super) datetime: Option<i64>,
    pub(super) incremental: Option<String>,
    pub(super) sdk_level: Option<u32>,
    pub(super) security_patch: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFamily {
    pub(super) name: String,
    pub(super) markers: Vec<String>,
    #[serde(default)]
    pub(super) device: Vec<String>,
    #[serde(default)]
    pub(super) version: Vec<String>,
    #[serde(default)]
    pub(super) romtype: Vec<String>,
    #[serde(default)]
    pub(super) datetime: Vec<String>,
    #[serde(default = "yes")]
    pub(super) compares_romtype: bool,
}

fn yes() -> bool {
    true
}

/// Reads the settings file. The default file may be missing.
///
/// # Errors
/// [`ConfigError`] with line and column if the file is not valid.
pub(super) fn load(file: Option<&Path>) -> Result<(FileConfig, Origin), ConfigError> {
    let path = file.unwrap_or(Path::new(FILE_NAME));
    let name = path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let text = match read_text(path, MAX_FILE_SIZE) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => {
            return Ok((FileConfig::default(), Origin { folder, name }));
        }
        Err(error) => {
            let is_missing = error.kind() == std::io::ErrorKind::NotFound;
            let error = ConfigError::new(format!("cannot read {name}: {error}"));
            return Err(match is_missing {
                true => error.with_hint(format!(
                    "check the path; `romfeed init` writes a {FILE_NAME} to the current folder"
                )),
                false => error,
            });
        }
    };
    let settings = parse(&text, &name, None)?;
    Ok((settings, Origin { folder, name }))
}

/// Parses the settings file of one device; `main` is the path of the settings file for all of them.
///
/// # Errors
/// [`ConfigError`] with line and column.
pub(super) fn parse_device(text: &str, name: &str, main: &str) -> Result<FileDevice, ConfigError> {
    parse(text, name, Some(main))
}

/// Parses a settings file. Keys that it does not have may belong into the file `main`.
fn parse<T: DeserializeOwned>(
    text: &str,
    name: &str,
    main: Option<&str>,
) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        if let Some(line) = first_marker(text.as_bytes()) {
            let error = ConfigError::new(format!(
                "{name} holds two versions that git could not merge, the first at line {line}"
            ));
            return error.with_hint(MARKERS_HINT.to_owned());
        }
        let span = error.span().unwrap_or_default();
        let (line, column) = position(text, span.start);
        let message = error.message().replace('\n', " ");
        let heading = text
            .get(span)
            .filter(|_| message.ends_with("expected a sequence"));
        let message = heading
            .and_then(explain_heading)
            .unwrap_or_else(|| explain::<T>(&message, main));
        ConfigError::new(format!("{name}, line {line}, column {column}: {message}"))
    })
}

/// Names of tables that there may be several of.
const LISTS: [&str; 5] = ["variant", "feed", "override", "family", "source"];

/// Returns what is wrong with a heading in single brackets, if it needs double ones.
fn explain_heading(heading: &str) -> Option<String> {
    let name = heading.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    let known = nearest(name, LISTS)?;
    Some(format!(
        "`[{name}]` is one table, and there may be several; did you mean `[[{known}]]`?"
    ))
}

/// Returns the keys at the top level of a file.
fn top_level_keys<T: DeserializeOwned>() -> Vec<String> {
    let error = toml::from_str::<T>("' ' = 0").err();
    let message = error.map(|error| error.message().to_owned());
    let message = message.unwrap_or_default();
    let (_, known) = message.split_once("`, expected ").unwrap_or_default();
    let known = known.split('`').skip(1).step_by(2);
    known.map(str::to_owned).collect()
}

/// Rewrites a message of the parser: without the names of Rust types, and with the nearest key for an
/// unknown one.
fn explain<T: DeserializeOwned>(message: &str, main: Option<&str>) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((key, known)) = rest.split_once("`, expected ")
    {
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        let is_of = |keys: Vec<String>| keys.iter().any(|of_file| of_file == key);
        if is_of(top_level_keys::<T>()) {
            return format!(
                "unknown key `{key}` here; did you mean the one at the top of the file, above the first `[`?"
            );
        }
        if let Some(main) = main.filter(|_| is_of(top_level_keys::<FileConfig>())) {
            return match key {
                "device" => {
                    "this file is for one device alone; write its settings without `[device.…]`"
                        .to_owned()
                }
                _ => format!(
                    "unknown key `{key}` here; it is a setting for all devices, and belongs into {main}"
                ),
            };
        }
        return match nearest(key, known.iter().copied()) {
            Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
            None => format!("unknown key `{key}`; known are {}", known.join(", ")),
        };
    }
    plain_types(message, "a table")
}
