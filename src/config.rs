//! The settings of one run, resolved: a plain value the library works from.
//!
//! Flags, environment, `romfeed.toml` and defaults are brought together by the
//! command line; nothing here reads a file or the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use globset::{GlobMatcher, GlobSet};

use crate::address::{UrlTemplate, encode_path};
use crate::build::Build;
use crate::facts::Fact;
use crate::family::Family;
use crate::io::Limits;

/// Which client generation `{device}.json` at the site's root is written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceFeed {
    /// `{"response":[…]}`, for LineageOS 15.1 to 22.x.
    #[default]
    V1,
    /// A top-level array, for LineageOS 23.2 on.
    V2,
}

/// Settings of one device.
#[derive(Clone, Debug, Default)]
pub struct DeviceConfig {
    /// Download address of its builds.
    pub url: Option<UrlTemplate>,
    /// Shape of its `{device}.json`.
    pub device_feed: Option<DeviceFeed>,
}

/// Facts set by hand for the packages a pattern matches.
#[derive(Clone, Debug)]
pub struct Override {
    /// Pattern on the path under `builds/`.
    pub pattern: GlobMatcher,
    /// The values that hold.
    pub values: BTreeMap<Fact, String>,
}

impl Override {
    /// Whether it applies to a package; a pattern without `/` matches the file
    /// name alone.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let filename = path.rsplit('/').next().unwrap_or(path);
        let in_any_folder = !self.pattern.glob().glob().contains('/');
        self.pattern
            .is_match(if in_any_folder { filename } else { path })
    }
}

/// Everything one run needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of ROM packages.
    pub builds: PathBuf,
    /// Folder the site is written to.
    pub out: PathBuf,
    /// Catalogs; the first is kept up to date, the others are only read.
    pub catalogs: Vec<PathBuf>,
    /// Folder for the lock and the cache of this machine.
    pub state: PathBuf,
    /// Address the site is published at, without a closing slash.
    pub base_url: Option<String>,
    /// Download address of every build.
    pub url: Option<UrlTemplate>,
    /// Settings of single devices, by codename.
    pub devices: BTreeMap<String, DeviceConfig>,
    /// Shape of `{device}.json` where a device sets none.
    pub device_feed: DeviceFeed,
    /// Facts set by hand; the first that matches a package decides.
    pub overrides: Vec<Override>,
    /// ROM families beside those that are known, looked for before them.
    pub families: Vec<Family>,
    /// Packages to pass over, by patterns on the path under `builds/`.
    pub exclude: GlobSet,
    /// Codenames from `devices.json`.
    pub known_devices: Vec<String>,
    /// Files read at the same time.
    pub jobs: usize,
    /// What reading one package may cost.
    pub limits: Limits,
    /// Read every file again, whatever the cache knows.
    pub rehash: bool,
    /// Take over an output folder that romfeed did not make.
    pub adopt: bool,
    /// Write nothing but the cache.
    pub dry_run: bool,
}

/// Which setting gave a build its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// `url` in the configuration, for all builds or for its device.
    Template,
    /// The build's own entry in the catalog.
    Catalog,
    /// `ro.build.ota.url` of the build.
    OtaUrl,
    /// The site itself is to serve the package.
    Site,
}

impl Config {
    /// The address template that holds for a build.
    #[must_use]
    pub fn template(&self, build: &Build) -> Option<&UrlTemplate> {
        let device = self.devices.get(build.device.as_str());
        device
            .and_then(|device| device.url.as_ref())
            .or(self.url.as_ref())
    }

    /// The download address of a build and where it comes from, or `None` if no
    /// setting gives one, or its template names a fact the build lacks.
    #[must_use]
    pub fn address(&self, build: &Build) -> Option<(String, AddressSource)> {
        let site = || {
            let base = self.base_url.as_ref()?;
            Some(format!("{base}/builds/{}", encode_path(&build.path)))
        };
        if let Some(template) = self.template(build) {
            return Some((template.render(build)?, AddressSource::Template));
        }
        None.or_else(|| Some((build.url.clone()?, AddressSource::Catalog)))
            .or_else(|| Some((build.ota_url.clone()?, AddressSource::OtaUrl)))
            .or_else(|| Some((site()?, AddressSource::Site)))
    }

    /// The shape of a device's `{device}.json`.
    #[must_use]
    pub fn device_feed(&self, device: &str) -> DeviceFeed {
        self.devices
            .get(device)
            .and_then(|device| device.device_feed)
            .unwrap_or(self.device_feed)
    }
}
