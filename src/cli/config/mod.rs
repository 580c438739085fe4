//! From flags, environment, `romfeed.toml` and defaults to one [`Config`].
//!
//! Flags take precedence over the environment (clap reads both), the environment over the file, and
//! the file over defaults. Paths in the file are relative to the file.
//!
//! - `file`: the keys of the file, as they are written; `device_files`: those of single devices; `values`: its tables, checked;
//! - `places`: files and folders; `bucket`: a catalog that several machines share; `sources`: hosts of zips; `addresses`: of the site and of zips; `feeds`: the feed templates
//!   that the settings name.
//!
//! [`resolve`] is a chain: each step takes a [`Config`], sets the fields of one concern and returns it.

mod addresses;
mod bucket;
mod device_files;
mod feeds;
mod file;
mod places;
mod source_tables;
mod sources;
mod span;
mod values;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use ota_view::verify::Certificate;
use romfeed::files::{read_file, stamp};
use romfeed::model::config::{Config, DeviceConfig, DeviceFeed, Retention, SOURCE_JOBS};
use romfeed::publish::feed::template;

use super::args::{MAX_JOBS, Places};
use super::rate::Rate;
use super::report::chain;
use super::theme;
use feeds::FeedLoader;
use file::{FileConfig, FileDevice, FileRetention, MAX_FILE_SIZE, Origin};

pub(crate) use bucket::CatalogBucket;
pub(crate) use device_files::misnamed;
pub(crate) use file::{ConfigError, FILE_NAME};

/// The most packages on other hosts that can be read at once.
const MAX_SOURCE_JOBS: u16 = 64;

/// Returns the default number of threads: one per processor.
pub(crate) fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The settings of a run, and the errors of `devices.json`.
pub(crate) struct Resolved {
    pub(crate) config: Config,
    /// The bucket that has the catalog; the settings have the folder for its copy.
    pub(crate) bucket: Option<CatalogBucket>,
    pub(crate) devices_errors: Vec<String>,
    /// A warning about a table that has no effect.
    pub(crate) unused: Option<String>,
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
    let (mut settings, origin) = file::load(file)?;
    device_files::add(&mut settings, &origin)?;
    let devices = places::load_devices(&settings, &origin);
    let (config, bucket) = places::resolve(&flags.places, &settings, &origin)?;
    let config = Config {
        base_url: addresses::base_url(flags.places.base_url, &settings, &origin)?,
        url: addresses::url(flags.url, &settings, &origin)?,
        mirrors: addresses::mirrors(&settings, &origin)?,
        known_devices: devices.known,
        jobs: resolve_jobs(flags.jobs, &settings, &origin)?,
        io_limit: flags.io_limit.or(settings.io_limit).map(|rate| rate.0),
        program: program(&config),
        ..config
    };
    let config = with_packages(config, &settings, &origin)?;
    let config = with_channels(config, &settings, &origin)?;
    let config = with_pages(config, &settings, &origin)?;
    values::check_families(&config.devices, &config.families)
        .map_err(|e| origin.error("family", &e))?;
    Ok(Resolved {
        config,
        unused: bucket::unused(&settings, bucket.is_some(), &flags.places.catalog, &origin),
        bucket,
        devices_errors: devices.errors,
    })
}

/// Whether a path leads to a file below its folder. Owners of a device's file must not publish other files of the machine.
fn is_below(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Returns what tells this program from others, also from one of the same version that was built later.
fn program(config: &Config) -> String {
    let file = std::env::current_exe().and_then(std::fs::canonicalize);
    let stamp = file.ok().and_then(|file| stamp(&file));
    format!("{} {stamp:?}", config.program)
}

fn resolve_jobs(
    flag: Option<u16>,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<usize, ConfigError> {
    match settings.jobs {
        Some(jobs) if !(1..=MAX_JOBS).contains(&jobs) => {
            Err(origin.error("jobs", &format!("it must be 1 to {MAX_JOBS}")))
        }
        jobs => Ok(flag.or(jobs).map_or_else(default_jobs, usize::from)),
    }
}

fn resolve_source_jobs(settings: &FileConfig, origin: &Origin) -> Result<usize, ConfigError> {
    match settings.source_jobs {
        None => Ok(SOURCE_JOBS),
        Some(jobs) if (1..=MAX_SOURCE_JOBS).contains(&jobs) => Ok(usize::from(jobs)),
        Some(_) => Err(origin.error("source_jobs", &format!("it must be 1 to {MAX_SOURCE_JOBS}"))),
    }
}

/// Adds the settings on how packages are chosen, read and verified.
fn with_packages(
    config: Config,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Config, ConfigError> {
    let certificates = settings.certificate.as_ref();
    let certificates = certificates.map(|paths| paths.in_folder(&origin.folder));
    Ok(Config {
        follow_links: settings.follow_links.unwrap_or_default(),
        exclude: values::parse_globs(&settings.exclude).map_err(|e| origin.error("exclude", &e))?,
        exclude_patterns: settings.exclude.clone(),
        variants: values::parse_variants(&settings.variants)
            .map_err(|e| origin.error("[[variant]]", &e))?,
        overrides: values::parse_overrides(&settings.overrides)
            .map_err(|e| origin.error("[[override]]", &e))?,
        families: values::parse_families(&settings.families)
            .map_err(|e| origin.error("[[family]]", &e))?,
        certificates: load_certificates(&certificates.unwrap_or_default())
            .map_err(|e| origin.error("certificate", &e))?,
        accept_new_signer: values::parse_signers(&settings.accept_new_signer)
            .map_err(|e| origin.error("accept_new_signer", &e))?,
        require: (&settings.require).into(),
        sources: sources::parse(settings, origin)?,
        source_jobs: resolve_source_jobs(settings, origin)?,
        max_download: settings
            .max_download
            .map_or(config.max_download, |rate| rate.0.get()),
        ..config
    })
}

/// Adds the settings on which builds phones are offered.
fn with_channels(
    config: Config,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Config, ConfigError> {
    let retention = settings.retention();
    Ok(Config {
        retention: retention.map_err(|e| origin.error("min_age", &e))?,
        romtypes: resolve_romtypes(&settings.romtype, origin)?,
        major_upgrades: settings.major_upgrades.map(Into::into).unwrap_or_default(),
        block_deltas: settings.block_deltas.unwrap_or_default(),
        same_lane: settings.same_lane.unwrap_or_default(),
        ..config
    })
}

/// Adds the look of the pages, the feeds and the devices, and the templates that these name.
fn with_pages(
    config: Config,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Config, ConfigError> {
    let theme = theme::resolve(&settings.site, &origin.folder);
    let theme = theme.map_err(|e| origin.error("[site]", &e.error).with_hint(e.hint))?;
    let mut templates = FeedLoader::new(&origin.folder);
    for feed in &settings.feeds {
        let enabled = templates.enable(feed);
        enabled.map_err(|e| origin.error("[[feed]]", &e))?;
    }
    if theme.has_pages {
        for name in template::FOR_PEOPLE {
            let enabled = templates.enable_by_default(name);
            enabled.map_err(|e| origin.error("[site]", &e))?;
        }
    }
    let device_feed = resolve_device_feed(settings.device_feed.as_deref(), &mut templates)
        .map_err(|e| origin.error("device_feed", &e))?;
    let devices = resolve_devices(&settings.device, &mut templates, origin)?;
    Ok(Config {
        theme,
        device_feed: device_feed.unwrap_or_default(),
        devices,
        feeds: templates.loaded,
        ..config
    })
}

/// Parses a `device_feed`; reads the template that it names.
fn resolve_device_feed(
    name: Option<&str>,
    templates: &mut FeedLoader,
) -> Result<Option<DeviceFeed>, String> {
    Ok(match name {
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
    tables: &BTreeMap<String, FileDevice>,
    templates: &mut FeedLoader,
    origin: &Origin,
) -> Result<BTreeMap<String, DeviceConfig>, ConfigError> {
    let mut devices = BTreeMap::new();
    for (device, set) in tables {
        let table = format!("[device.{device}]");
        let origin = &match &set.file {
            None => origin.clone(),
            Some(name) => Origin {
                folder: origin.folder.clone(),
                name: name.clone(),
            },
        };
        let device_feed = resolve_device_feed(set.device_feed.as_deref(), templates)
            .map_err(|e| origin.error(&format!("{table} device_feed"), &e))?;
        let certificates = set.certificate.as_ref();
        let certificates = certificates.map(|paths| paths.in_folder(&origin.folder));
        let install = set.install.as_ref();
        if let Some(name) = install.filter(|name| set.file.is_some() && !is_below(name)) {
            let reason = format!(
                "`{}` is not below the folder of the settings",
                name.escape_debug()
            );
            return Err(origin.error(&format!("{table}.install"), &reason));
        }
        let install = install.map(|name| theme::load_install(origin.folder.join(name)));
        let install = install.transpose();
        let config = DeviceConfig {
            url: addresses::device_url(&table, set, origin)?,
            mirrors: addresses::device_mirrors(&table, set, origin)?,
            device_feed,
            certificates: load_certificates(&certificates.unwrap_or_default())
                .map_err(|e| origin.error(&format!("{table} certificate"), &e))?,
            install: install.map_err(|e| origin.error(&table, &e.error).with_hint(e.hint))?,
            ..values::resolve_device(device, set).map_err(|e| origin.error(&table, &e))?
        };
        devices.insert(device.clone(), config);
    }
    values::check_aliases(&devices, origin)?;
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

/// Reads the certificates in files, as PEM or DER.
///
/// # Errors
/// The first file that cannot be read or parsed.
pub(crate) fn load_certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>, ConfigError> {
    let load = |path: &PathBuf| {
        let name = path.display();
        let bytes = read_file(path, MAX_FILE_SIZE)
            .map_err(|error| ConfigError::new(format!("cannot read {name}: {error}")))?;
        Certificate::parse(&bytes).map_err(|e| ConfigError::new(format!("{name}: {}", chain(&e))))
    };
    paths.iter().map(load).collect()
}
