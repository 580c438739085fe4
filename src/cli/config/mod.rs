//! From flags, environment, `romfeed.toml` and defaults to one [`Config`].
//!
//! Flags take precedence over the environment (clap reads both), the environment over the file, and
//! the file over defaults. Paths in the file are relative to the file.
//!
//! - `file`: the keys of the file, as they are written; `values`: its tables, checked;
//! - `feeds`: the feed templates that it names.

mod feeds;
mod file;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ota_view::io::Limits;
use ota_view::verify::Certificate;
use romfeed::files::{behind_links, read_file};
use romfeed::model::address::{self, UrlTemplate};
use romfeed::model::config::{
    CHANGELOGS_DIR, Config, DeviceConfig, DeviceFeed, Retention, STATE_DIR,
};
use romfeed::publish::feed::template;

use super::args::{MAX_JOBS, Places};
use super::rate::Rate;
use super::report::chain;
use super::{devices, theme};
use feeds::FeedLoader;
use file::{FileDevice, FileRetention, MAX_FILE_SIZE, OneOrMany, Origin};

pub(crate) use file::{ConfigError, FILE_NAME};

/// Returns the default number of threads: one per processor.
pub(crate) fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The settings of a run, and the errors of `devices.json`.
pub(crate) struct Resolved {
    pub(crate) config: Config,
    pub(crate) devices_errors: Vec<String>,
}

/// The flags that take precedence over settings of the file; clap has added the values of the
/// environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) places: Places,
    pub(crate) url: Option<String>,
    pub(crate) jobs: Option<u16>,
    pub(crate) io_limit: Option<Rate>,
}

impl Flags {
    pub(crate) fn new(places: &Places) -> Flags {
        Flags {
            places: places.clone(),
            ..Flags::default()
        }
    }
}

/// Combines all settings.
///
/// # Errors
/// The first setting that cannot be used.
pub(crate) fn resolve(file: Option<&Path>, flags: Flags) -> Result<Resolved, ConfigError> {
    let (settings, origin) = file::load(file)?;
    let folder = &origin.folder;
    let places = flags.places;
    let catalogs = resolve_catalogs(places.catalog, settings.catalog, &origin)?;
    let base_url = resolve_base_url(places.base_url, settings.base_url, &origin)?;
    let url = resolve_url(flags.url, settings.url, &origin)?;
    let mut templates = FeedLoader::new(folder);
    for feed in settings.feeds {
        let enabled = templates.enable(feed);
        enabled.map_err(|e| origin.error("[[feed]]", &e))?;
    }
    let theme = theme::resolve(settings.site, folder).map_err(|e| origin.error("[site]", &e))?;
    if theme.has_pages {
        for name in template::FOR_PEOPLE {
            let enabled = templates.enable_by_default(name);
            enabled.map_err(|e| origin.error("[site]", &e))?;
        }
    }
    let device_feed = resolve_device_feed(settings.device_feed, &mut templates)
        .map_err(|e| origin.error("device_feed", &e))?;
    let devices = resolve_devices(settings.device, &mut templates, &origin)?;
    let families =
        values::parse_families(settings.families).map_err(|e| origin.error("[[family]]", &e))?;
    values::check_families(&devices, &families).map_err(|e| origin.error("family", &e))?;
    let retention = FileRetention {
        keep: settings.keep,
        min_age: settings.min_age,
    };
    let retention = retention
        .resolve()
        .map_err(|e| origin.error("min_age", &e))?;
    let romtypes = resolve_romtypes(&settings.romtype, &origin)?;
    let has_devices_file = settings.devices.is_some();
    let devices_file = folder.join(settings.devices.unwrap_or_else(|| "devices.json".into()));
    let known_devices = devices::load(&devices_file, has_devices_file);
    let is_usable = |jobs: u16| (1..=MAX_JOBS).contains(&jobs);
    if settings.jobs.is_some_and(|jobs| !is_usable(jobs)) {
        return Err(origin.error("jobs", &format!("it must be 1 to {MAX_JOBS}")));
    }
    let certificates = settings.certificate.map(|paths| paths.in_folder(folder));
    let certificates = load_certificates(&certificates.unwrap_or_default())
        .map_err(|e| origin.error("certificate", &e))?;
    let defaults = Config::for_folder(folder, Limits::new(std::env::temp_dir(), Instant::now));
    let place = |flag: Option<PathBuf>, set: Option<PathBuf>, default: &Path| {
        let set = set.map(|path| folder.join(path));
        flag.or(set).unwrap_or_else(|| default.to_owned())
    };
    let default_changelogs = catalogs[0].with_file_name(CHANGELOGS_DIR);
    let config = Config {
        builds: place(places.builds, settings.builds, &defaults.builds),
        out: place(places.out, settings.out, &defaults.out),
        changelogs: place(places.changelogs, settings.changelogs, &default_changelogs),
        limits: Limits::in_folders(temporary_folders(&catalogs[0]), Instant::now),
        // There is one lock, even if links lead to the same catalog.
        state: behind_links(&catalogs[0]).with_file_name(STATE_DIR),
        catalogs,
        base_url,
        url,
        devices,
        device_feed: device_feed.unwrap_or_default(),
        retention,
        romtypes,
        major_upgrades: settings.major_upgrades.map(Into::into).unwrap_or_default(),
        block_deltas: settings.block_deltas.unwrap_or_default(),
        same_lane: settings.same_lane.unwrap_or_default(),
        follow_links: settings.follow_links.unwrap_or_default(),
        variants: values::parse_variants(settings.variants)
            .map_err(|e| origin.error("[[variant]]", &e))?,
        accept_new_signer: values::parse_signers(settings.accept_new_signer)
            .map_err(|e| origin.error("accept_new_signer", &e))?,
        certificates,
        require: settings.require.into(),
        feeds: templates.loaded,
        overrides: values::parse_overrides(settings.overrides)
            .map_err(|e| origin.error("[[override]]", &e))?,
        families,
        exclude: values::parse_globs(&settings.exclude).map_err(|e| origin.error("exclude", &e))?,
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

fn resolve_catalogs(
    flags: Vec<PathBuf>,
    set: Option<OneOrMany>,
    origin: &Origin,
) -> Result<Vec<PathBuf>, ConfigError> {
    let catalogs = match (&flags[..], set) {
        ([_, ..], _) => flags,
        ([], Some(paths)) => paths.in_folder(&origin.folder),
        ([], None) => vec![origin.folder.join("catalog.json")],
    };
    match catalogs.is_empty() {
        true => Err(origin.error("catalog", &"the list is empty")),
        false => Ok(catalogs),
    }
}

fn resolve_base_url(
    flag: Option<String>,
    set: Option<String>,
    origin: &Origin,
) -> Result<Option<String>, ConfigError> {
    if let Some(url) = flag.filter(|url| !url.is_empty()) {
        let parsed = address::parse_base(&url).map(Some);
        return parsed.map_err(|e| ConfigError(format!("--base-url or ROMFEED_BASE_URL: {e}")));
    }
    let parsed = set.as_deref().map(address::parse_base).transpose();
    parsed.map_err(|e| origin.error("base_url", &e))
}

fn resolve_url(
    flag: Option<String>,
    set: Option<String>,
    origin: &Origin,
) -> Result<Option<UrlTemplate>, ConfigError> {
    if let Some(url) = flag.filter(|url| !url.is_empty()) {
        let parsed = UrlTemplate::parse(&url).map(Some);
        return parsed.map_err(|e| ConfigError(format!("--url or ROMFEED_URL: {e}")));
    }
    let parsed = set.as_deref().map(UrlTemplate::parse).transpose();
    parsed.map_err(|e| origin.error("url", &e))
}

/// Parses a `device_feed`; reads the template that it names.
fn resolve_device_feed(
    name: Option<String>,
    templates: &mut FeedLoader,
) -> Result<Option<DeviceFeed>, String> {
    Ok(match name.as_deref() {
        None => None,
        Some("v1") => Some(DeviceFeed::V1),
        Some("v2") => Some(DeviceFeed::V2),
        Some(name) => {
            templates.load(name)?;
            Some(DeviceFeed::Template(name.to_owned()))
        }
    })
}

/// Resolves the `[device.NAME]` tables.
fn resolve_devices(
    tables: BTreeMap<String, FileDevice>,
    templates: &mut FeedLoader,
    origin: &Origin,
) -> Result<BTreeMap<String, DeviceConfig>, ConfigError> {
    let mut devices = BTreeMap::new();
    for (device, set) in tables {
        let table = format!("[device.{device}]");
        let url = set.url.as_deref().map(UrlTemplate::parse).transpose();
        let url = url.map_err(|e| origin.error(&format!("{table} url"), &e))?;
        let device_feed = resolve_device_feed(set.device_feed.clone(), templates)
            .map_err(|e| origin.error(&format!("{table} device_feed"), &e))?;
        let install = set.install.as_ref();
        let install = install.map(|name| theme::load_install(origin.folder.join(name)));
        let install = install.transpose().map_err(|e| origin.error(&table, &e))?;
        let config = DeviceConfig {
            url,
            device_feed,
            install,
            ..values::resolve_device(&device, set).map_err(|e| origin.error(&table, &e))?
        };
        devices.insert(device, config);
    }
    values::check_aliases(&devices).map_err(|e| origin.error("aliases", &e))?;
    Ok(devices)
}

/// Resolves the `[romtype.NAME]` tables.
fn resolve_romtypes(
    tables: &BTreeMap<String, FileRetention>,
    origin: &Origin,
) -> Result<BTreeMap<String, Retention>, ConfigError> {
    let resolve = |(romtype, retention): (&String, &FileRetention)| {
        let resolved = retention.resolve();
        let retention = resolved.map_err(|e| origin.error(&format!("[romtype.{romtype}]"), &e))?;
        Ok((romtype.to_ascii_lowercase(), retention))
    };
    tables.iter().map(resolve).collect()
}

/// Returns the folders for temporary files, in the order in which they are tried: the folder in
/// `TMPDIR`, the folder of the state, and the default of the system.
fn temporary_folders(catalog: &Path) -> Vec<PathBuf> {
    let near_state = std::path::absolute(catalog).unwrap_or_else(|_| catalog.to_owned());
    let near_state = near_state.ancestors().skip(1).find(|path| path.is_dir());
    let mut folders = vec![std::env::temp_dir()];
    if let Some(folder) = near_state {
        let is_named = std::env::var_os("TMPDIR").is_some_and(|folder| !folder.is_empty());
        folders.insert(usize::from(is_named), folder.to_owned());
    }
    folders
}

/// Reads the certificates in files, as PEM or DER.
///
/// # Errors
/// The first file that cannot be read or parsed.
pub(crate) fn load_certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>, ConfigError> {
    let load = |path: &PathBuf| {
        let name = path.display();
        let bytes = read_file(path, MAX_FILE_SIZE)
            .map_err(|error| ConfigError(format!("cannot read {name}: {error}")))?;
        Certificate::parse(&bytes).map_err(|e| ConfigError(format!("{name}: {}", chain(&e))))
    };
    paths.iter().map(load).collect()
}
