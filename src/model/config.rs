//! The settings of one run, resolved: a plain value the library works from.
//!
//! Flags, environment, `romfeed.toml` and defaults are brought together by the
//! command line; nothing here reads a file or the environment.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobMatcher, GlobSet};

use crate::files::{Disk, Place};
use crate::model::address::{UrlTemplate, encode_path, name_at};
use crate::model::build::{Build, Device, ImageFile, Variant};
use crate::model::facts::Fact;
use crate::model::family::Family;
use crate::model::scope::Scope;
use crate::model::source::SourceConfig;
use crate::model::theme::{Install, Theme};
use ota_view::io::Limits;
use ota_view::verify::{Certificate, Require};

/// The folder for lock and cache, next to the catalog that the lock protects.
pub const STATE_DIR: &str = ".romfeed";

/// The folder for copies of catalogs in buckets, in that of lock and cache.
pub const COPIES_DIR: &str = "s3";

/// The folder where the changelogs of builds are stored, next to the catalog.
pub const CHANGELOGS_DIR: &str = "changelogs";

/// The number of packages on other hosts that are read at once, where the settings have none.
pub const SOURCE_JOBS: usize = 8;

/// The number of bytes that a run downloads at most, where the settings have none: 20 GB.
pub const MAX_DOWNLOAD: u64 = 20_000_000_000;

/// What `{device}.json` at the site's root is written for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceFeed {
    /// `{"response":[…]}`, for LineageOS 15.1 to 22.x.
    #[default]
    V1,
    /// A top-level array, for LineageOS 23.2 on.
    V2,
    /// The feed template of this name.
    Template(String),
}

/// Whether a phone is offered builds of another version than its own, which its
/// updater may show and cannot install.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MajorUpgrades {
    /// In the list of its incremental it is not.
    #[default]
    Hide,
    /// It is, everywhere.
    List,
}

/// How much of a channel is listed; absent values come from a wider setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// This number of the newest builds, and in any case the two newest of each
    /// version.
    pub keep: Option<usize>,
    /// Only builds of at least this age, in seconds.
    pub min_age: Option<i64>,
}

impl Retention {
    fn or(self, wider: Retention) -> Retention {
        Retention {
            keep: self.keep.or(wider.keep),
            min_age: self.min_age.or(wider.min_age),
        }
    }
}

/// A build that phones run and the catalog does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIncremental {
    /// `ro.build.version.incremental`, fit for a path.
    pub incremental: String,
    /// Its version, if known.
    pub version: Option<String>,
    /// Its date in seconds since the epoch, if known.
    pub timestamp: Option<i64>,
}

/// Settings of one device.
#[derive(Clone, Debug, Default)]
pub struct DeviceConfig {
    /// The download address of its builds.
    pub url: Option<UrlTemplate>,
    /// Other places that have its builds.
    pub mirrors: Option<Vec<UrlTemplate>>,
    /// The format of its `{device}.json`.
    pub device_feed: Option<DeviceFeed>,
    /// How much of its channels is listed.
    pub retention: Retention,
    /// The same for single release types, in lower case.
    pub romtypes: BTreeMap<String, Retention>,
    /// Whether its phones are offered other versions.
    pub major_upgrades: Option<MajorUpgrades>,
    /// Whether its block-based deltas are offered.
    pub block_deltas: Option<bool>,
    /// Builds whose names differ in more than date and version may share a channel.
    pub same_lane: Option<bool>,
    /// Other names its phones ask for.
    pub aliases: Vec<Device>,
    /// The ROM family whose properties decide where its builds belong, if they have marks of several.
    pub family: Option<String>,
    /// Builds in the field that the catalog does not know, by release type in
    /// lower case.
    pub known_incrementals: BTreeMap<String, Vec<KnownIncremental>>,
    /// How to install its builds.
    pub install: Option<Install>,
    /// Certificates of its maintainer: packages must be signed with the key of one.
    pub certificates: Vec<Certificate>,
    /// Values for feed templates, by name.
    pub info: BTreeMap<String, serde_json::Value>,
    /// The path of the file with these settings, for messages, if it is not that of all devices.
    pub file: Option<String>,
}

/// An entry of `devices.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Who makes it.
    pub oem: String,
    /// Its name in shops.
    pub name: String,
    /// Where people read about it.
    pub info_url: Option<String>,
    /// The repositories its builds are made from.
    pub dependencies: Vec<String>,
    /// All of the entry, for templates of pages.
    pub entry: serde_json::Map<String, serde_json::Value>,
}

impl DeviceInfo {
    /// What feeds and pages show under keys of the maintainer's own: `info` of the entry.
    #[must_use]
    pub fn info(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.entry.get("info")?.as_object()
    }
}

/// Which builds belong to a variant; both conditions hold where both are set.
#[derive(Clone, Debug)]
pub struct VariantRule {
    /// The variant.
    pub variant: Variant,
    /// Pattern on the path under `builds/`.
    pub pattern: Option<PathPattern>,
    /// A property of the build and, if it matters, its value.
    pub property: Option<(String, Option<String>)>,
}

/// A pattern on paths under `builds/`; without `/` it is on the file name alone.
#[derive(Clone)]
pub struct PathPattern(GlobMatcher);

impl std::fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A compiled pattern looks different in each run, and a digest of the settings is made from this text.
        f.debug_tuple("PathPattern").field(&self.as_str()).finish()
    }
}

impl PathPattern {
    /// Takes a pattern whose `*` stays inside a folder.
    #[must_use]
    pub fn new(pattern: GlobMatcher) -> PathPattern {
        PathPattern(pattern)
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.glob().glob()
    }

    /// Whether it matches a path.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let filename = path.rsplit('/').next().unwrap_or(path);
        let in_any_folder = !self.0.glob().glob().contains('/');
        self.0.is_match(if in_any_folder { filename } else { path })
    }
}

/// A feed template as it was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// The name, for example `crdroid`.
    pub name: String,
    /// Where its text comes from, for messages.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The pattern of its paths, if it is not the one in the template.
    pub path: Option<String>,
    /// How that pattern spells variants, by their names; `""` is the name of builds without one.
    pub variants: BTreeMap<String, String>,
    /// The template makes additional files; `{device}.json` keeps its format.
    pub is_enabled: bool,
}

/// Facts set by hand for the packages a pattern matches.
#[derive(Clone, Debug)]
pub struct Override {
    /// Pattern on the path under `builds/`.
    pub pattern: PathPattern,
    /// The values that hold.
    pub values: BTreeMap<Fact, String>,
}

/// Everything one run needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of ROM packages.
    pub builds: PathBuf,
    /// Links to folders below `builds` are followed.
    pub follow_links: bool,
    /// Folder the site is written to.
    pub out: PathBuf,
    /// Catalogs; the first is kept up to date, the others are only read. One that ends in `/` is a folder
    /// with a file for each device.
    pub catalogs: Vec<PathBuf>,
    /// Where the first catalog is stored with its changelogs.
    pub place: Arc<dyn Place>,
    /// Folder the changelogs of builds are kept in.
    pub changelogs: PathBuf,
    /// Folder for the lock and the cache of this machine.
    pub state: PathBuf,
    /// Address the site is published at, without a closing slash.
    pub base_url: Option<String>,
    /// Download address of every build.
    pub url: Option<UrlTemplate>,
    /// Other places that have the builds, for people.
    pub mirrors: Vec<UrlTemplate>,
    /// Settings of single devices, by codename.
    pub devices: BTreeMap<String, DeviceConfig>,
    /// Format of `{device}.json` where a device sets none.
    pub device_feed: DeviceFeed,
    /// How much of a channel is listed where no narrower setting applies.
    pub retention: Retention,
    /// The same for single release types of all devices, in lower case.
    pub romtypes: BTreeMap<String, Retention>,
    /// Whether phones are offered other versions, unless their device has a setting.
    pub major_upgrades: MajorUpgrades,
    /// Whether block-based deltas are offered, where a device sets nothing.
    pub block_deltas: bool,
    /// Whether builds whose names differ in more than date and version may share a
    /// channel, where a device sets nothing.
    pub same_lane: bool,
    /// Which builds belong to which variant; the first that matches decides.
    pub variants: Vec<VariantRule>,
    /// Signers that may take over a channel: fingerprints, or their first digits.
    pub accept_new_signer: Vec<String>,
    /// Certificates of the maintainer; packages are to be signed with the key of one.
    pub certificates: Vec<Certificate>,
    /// What has to be in order with a package before it is published.
    pub require: Require,
    /// The configured feed templates.
    pub feeds: Vec<FeedConfig>,
    /// Facts set by hand; the first that matches a package decides.
    pub overrides: Vec<Override>,
    /// ROM families from the settings, which take precedence over the built-in ones.
    pub families: Vec<Family>,
    /// Packages to pass over, by patterns on the path under `builds/`.
    pub exclude: GlobSet,
    /// The same patterns as text, for advice.
    pub exclude_patterns: Vec<String>,
    /// How the pages look that people read.
    pub theme: Theme,
    /// `devices.json`, by codename.
    pub known_devices: BTreeMap<String, DeviceInfo>,
    /// `devices_local.json`, where an import stores texts about devices.
    pub devices_local: PathBuf,
    /// Threads that read packages, hash and write pages.
    pub jobs: usize,
    /// Most bytes a second that hashing may read, if there is a limit.
    pub io_limit: Option<NonZeroU64>,
    /// What reading one package may cost, and all of a run.
    pub limits: Limits,
    /// Read every file again, whatever the cache knows.
    pub rehash: bool,
    /// What tells this romfeed from others: pages of another one are made again.
    pub program: String,
    /// Read all catalog files, render every page and compare it with its file; remember nothing of the last run.
    pub full: bool,
    /// Name each build that is offered from elsewhere, even if that takes reading all catalog files.
    pub names_all: bool,
    /// Take over an output folder that romfeed did not make.
    pub adopt: bool,
    /// Go on without builds that were published and are not in the catalogs.
    pub new_catalog: bool,
    /// Write nothing but the cache.
    pub dry_run: bool,
    /// Write only catalogs and what belongs to them, not the site.
    pub catalog_only: bool,
    /// Which packages a run looks at that writes only catalogs.
    pub scope: Scope,
    /// Write nothing if a package or a source has a fault.
    pub strict: bool,
    /// Hosts whose packages are published too.
    pub sources: Vec<SourceConfig>,
    /// The number of packages on other hosts that are read at once.
    pub source_jobs: usize,
    /// The number of bytes that a run downloads to compute digests, at most.
    pub max_download: u64,
    /// Sources whose builds are retired even if most of them are gone.
    pub accept_loss: Vec<String>,
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
    /// Returns what the packages of a device must meet, and the certificates of those who may sign them.
    ///
    /// A device with certificates of its own must be signed with the key of one of these. Upper and lower case of its
    /// name do not matter, so that a misspelled file with settings lets no package in.
    #[must_use]
    pub fn requirements(&self, device: &Device) -> (Require, &[Certificate]) {
        let name = device.as_str();
        let is_own = |(owner, config): &(&String, &DeviceConfig)| {
            let mut names = config.aliases.iter().map(Device::as_str);
            owner.eq_ignore_ascii_case(name) || names.any(|alias| alias.eq_ignore_ascii_case(name))
        };
        let in_other_case = || Some(self.devices.iter().find(is_own)?.1);
        let own = self.device(name).or_else(in_other_case);
        match own.map(|own| &*own.certificates) {
            None | Some([]) => (self.require, &self.certificates),
            Some(own) => {
                let require = Require {
                    signature: true,
                    ..self.require
                };
                (require, own)
            }
        }
    }

    /// The settings of a folder in which nothing is set: `builds`, `out`,
    /// `catalog.json`, `changelogs` and `.romfeed` in it, one thread.
    #[must_use]
    pub fn for_folder(folder: &Path, limits: Limits) -> Config {
        Config {
            builds: folder.join("builds"),
            out: folder.join("out"),
            catalogs: vec![folder.join("catalog.json")],
            place: Arc::new(Disk),
            changelogs: folder.join(CHANGELOGS_DIR),
            state: folder.join(STATE_DIR),
            base_url: None,
            url: None,
            mirrors: Vec::new(),
            devices: BTreeMap::new(),
            device_feed: DeviceFeed::default(),
            retention: Retention::default(),
            romtypes: BTreeMap::new(),
            major_upgrades: MajorUpgrades::default(),
            block_deltas: false,
            same_lane: false,
            follow_links: false,
            variants: Vec::new(),
            accept_new_signer: Vec::new(),
            certificates: Vec::new(),
            require: Require::default(),
            feeds: Vec::new(),
            overrides: Vec::new(),
            families: Vec::new(),
            exclude: GlobSet::empty(),
            exclude_patterns: Vec::new(),
            theme: Theme::default(),
            known_devices: BTreeMap::new(),
            devices_local: folder.join("devices_local.json"),
            jobs: 1,
            io_limit: None,
            limits,
            rehash: false,
            full: false,
            names_all: false,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            adopt: false,
            new_catalog: false,
            dry_run: false,
            catalog_only: false,
            scope: Scope::default(),
            strict: false,
            sources: Vec::new(),
            source_jobs: SOURCE_JOBS,
            max_download: MAX_DOWNLOAD,
            accept_loss: Vec::new(),
        }
    }

    /// Returns the text on how to install on a device: its own, or else that of the site.
    #[must_use]
    pub fn install(&self, device: &str) -> Option<&Install> {
        let own = self.devices.get(device);
        let own = own.and_then(|device| device.install.as_ref());
        own.or(self.theme.install.as_ref())
    }

    /// The files that tell how to install builds.
    pub fn install_files(&self) -> impl Iterator<Item = &Path> {
        let own = self.devices.values().filter_map(|d| d.install.as_ref());
        let all = own.chain(&self.theme.install);
        all.map(|install| install.file.as_path())
    }

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
        let source = self.address_source(build)?;
        let address = match source {
            AddressSource::Template => self.template(build)?.render(build)?,
            AddressSource::Catalog => build.url.clone()?,
            AddressSource::OtaUrl => build.ota_url.clone()?,
            AddressSource::Site => {
                let base = self.base_url.as_ref()?;
                format!("{base}/builds/{}", encode_path(&build.path))
            }
        };
        Some((address, source))
    }

    /// Returns which setting gives a build its address; none if no setting does.
    #[must_use]
    pub fn address_source(&self, build: &Build) -> Option<AddressSource> {
        // Templates are for packages that the maintainer uploads; those of a source are there already.
        let is_listed = build.origin.is_some() && build.url.is_some();
        match () {
            () if !is_listed && self.template(build).is_some() => Some(AddressSource::Template),
            () if build.url.is_some() => Some(AddressSource::Catalog),
            () if build.ota_url.is_some() => Some(AddressSource::OtaUrl),
            () => self.base_url.as_ref().map(|_| AddressSource::Site),
        }
    }

    /// Returns the addresses of a build on mirrors, except those whose template names a fact that the
    /// build lacks.
    pub fn mirrors<'a>(&'a self, build: &'a Build) -> impl Iterator<Item = String> + 'a {
        let device = self.devices.get(build.device.as_str());
        let own = device.and_then(|device| device.mirrors.as_ref());
        let mirrors = own.unwrap_or(&self.mirrors).iter();
        mirrors.filter_map(|mirror| mirror.render(build))
    }

    /// The download address of an image: its package's own, with the image's name and facts in place of the
    /// package's. Only where the folders of packages are in the address, the image has the name of its file;
    /// elsewhere it is [`Build::image_filename`], because each device has its own `recovery.img`. `None` if the package
    /// has no address, or one in which nothing differs for the image.
    #[must_use]
    pub fn image_address(&self, build: &Build, image: &ImageFile) -> Option<String> {
        let (url, source) = self.address(build)?;
        let with_name = |filename: String| Build {
            path: build.image_path(image),
            filename,
            size: image.size,
            sha256: Some(image.sha256.clone()),
            md5: None,
            ..build.clone()
        };
        let address = match source {
            AddressSource::Catalog | AddressSource::OtaUrl => {
                let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
                let (folder, name) = match (&build.origin, path.rsplit_once('/')) {
                    (Some(_), Some((folder, _))) => (format!("{folder}/"), image.filename.clone()),
                    _ => {
                        let folder = path
                            .strip_suffix(&encode_path(&build.filename))
                            .or_else(|| path.strip_suffix(&build.filename))?;
                        (folder.to_owned(), build.image_filename(image))
                    }
                };
                format!("{folder}{}{query}", encode_path(&name))
            }
            AddressSource::Template if !self.template(build)?.names("path") => {
                self.address(&with_name(build.image_filename(image)))?.0
            }
            AddressSource::Template | AddressSource::Site => {
                self.address(&with_name(image.filename.clone()))?.0
            }
        };
        (address != url).then_some(address)
    }

    /// Returns the name of an image at its address.
    #[must_use]
    pub fn image_name(&self, build: &Build, image: &ImageFile) -> String {
        let name = self.image_address(build, image);
        let name = name.and_then(|url| name_at(&url));
        name.unwrap_or_else(|| image.filename.clone())
    }

    /// Returns the settings for the phones that request this name, and the device
    /// they belong to: that of this name, or the one with this alias.
    #[must_use]
    pub fn owner(&self, name: &str) -> Option<(&str, &DeviceConfig)> {
        let is_alias = |config: &DeviceConfig| config.aliases.iter().any(|a| a.as_str() == name);
        self.devices
            .get_key_value(name)
            .or_else(|| self.devices.iter().find(|(_, config)| is_alias(config)))
            .map(|(device, config)| (device.as_str(), config))
    }

    /// Says where the settings of a device are, or belong: `in devices.d/bacon.toml`, `under [device.bacon] in romfeed.toml`.
    #[must_use]
    pub fn place_of_device(&self, device: &str) -> String {
        let set = self.devices.get(device);
        match set.and_then(|set| set.file.as_ref()) {
            Some(file) => format!("in {file}"),
            None => format!("under [device.{device}] in romfeed.toml"),
        }
    }

    /// Returns the maintainer's texts about a device: `info` of `devices.json`, and
    /// `[device.<codename>.info]`, which takes precedence.
    #[must_use]
    pub fn device_info(&self, name: &str) -> BTreeMap<&str, &serde_json::Value> {
        let owner = self.owner(name);
        let known = self.known_devices.get(name);
        let known = known.or_else(|| self.known_devices.get(owner?.0));
        let of_devices = known.and_then(DeviceInfo::info).into_iter().flatten();
        let of_settings = owner.into_iter().flat_map(|(_, settings)| &settings.info);
        let all = of_devices.chain(of_settings);
        all.map(|(key, value)| (key.as_str(), value)).collect()
    }

    fn device(&self, name: &str) -> Option<&DeviceConfig> {
        Some(self.owner(name)?.1)
    }

    /// Returns the format of a device's `{device}.json`.
    #[must_use]
    pub fn device_feed(&self, name: &str) -> &DeviceFeed {
        let device = self.device(name).and_then(|d| d.device_feed.as_ref());
        device.unwrap_or(&self.device_feed)
    }

    /// Returns how much of a channel is listed; `romtype` is in lower case.
    #[must_use]
    pub fn retention(&self, name: &str, romtype: &str) -> Retention {
        let device = self.device(name);
        let of_romtype = |romtypes: &BTreeMap<String, Retention>| romtypes.get(romtype).copied();
        device
            .and_then(|device| of_romtype(&device.romtypes))
            .unwrap_or_default()
            .or(device.map(|device| device.retention).unwrap_or_default())
            .or(of_romtype(&self.romtypes).unwrap_or_default())
            .or(self.retention)
    }

    /// Returns whether phones that ask for this name are offered other versions.
    #[must_use]
    pub fn major_upgrades(&self, name: &str) -> MajorUpgrades {
        let device = self.device(name).and_then(|device| device.major_upgrades);
        device.unwrap_or(self.major_upgrades)
    }

    /// Whether block-based deltas are offered under this name.
    #[must_use]
    pub fn block_deltas(&self, name: &str) -> bool {
        let device = self.device(name).and_then(|device| device.block_deltas);
        device.unwrap_or(self.block_deltas)
    }

    /// Whether builds of a device whose names differ in more than date and version
    /// may share a channel.
    #[must_use]
    pub fn same_lane(&self, name: &str) -> bool {
        let device = self.device(name).and_then(|device| device.same_lane);
        device.unwrap_or(self.same_lane)
    }

    /// Whether a name that is an alias of another device may share a channel with that. Only settings under this name count:
    /// the other device must not let itself in.
    #[must_use]
    pub fn alias_same_lane(&self, name: &str) -> bool {
        let own = self.devices.get(name).and_then(|own| own.same_lane);
        own.unwrap_or(self.same_lane)
    }

    /// Returns the names under which phones request builds of a device, its own first.
    #[must_use]
    pub fn names<'a>(
        &'a self,
        device: &'a Device,
        next_device: Option<&'a Device>,
    ) -> Vec<&'a Device> {
        let aliases = self
            .devices
            .get(device.as_str())
            .map_or(&[][..], |config| &config.aliases[..]);
        let mut names = vec![device];
        for name in next_device.into_iter().chain(aliases) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The variant of a build whose properties are not known any more; none, if one of
    /// them could decide.
    #[must_use]
    pub fn variant_by_path(&self, path: &str) -> Option<&Variant> {
        let is_named = |rule: &&VariantRule| rule.pattern.as_ref().is_none_or(|p| p.matches(path));
        let rule = self.variants.iter().find(is_named)?;
        rule.property.is_none().then_some(&rule.variant)
    }

    /// The variant of a build with these properties.
    #[must_use]
    pub fn variant(
        &self,
        path: &str,
        property: &dyn Fn(&str) -> Option<String>,
    ) -> Option<&Variant> {
        let matches = |rule: &&VariantRule| {
            let is_named = rule.pattern.as_ref().is_none_or(|p| p.matches(path));
            let has_property = rule.property.as_ref().is_none_or(|(key, wanted)| {
                property(key).is_some_and(|value| wanted.as_ref().is_none_or(|w| *w == value))
            });
            is_named && has_property
        };
        self.variants.iter().find(matches).map(|rule| &rule.variant)
    }
}
