//! The values in feed templates: `site`, `device`, `builds` and the others.
//!
//! Their names are public: users' templates depend on them. An unknown fact has no key at all, never
//! `null`, so that a template which needs it fails with the name of the key; one that does not
//! writes `| default("")`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;
use serde_json::Value as Json;

use crate::catalog::channels::{Channel, DeltaOffer, Installed, Offer};
use crate::markup::changelog::Rendered;
use crate::model::address::encode_path;
use crate::model::build::{self, Device, Variant};
use crate::model::config::Config;
use crate::model::era;
use crate::publish::feed::{DeviceChannels, Tree};

/// The context of builds: all that their values need besides their facts.
#[derive(Clone, Copy, Debug)]
pub struct BuildContext<'a> {
    /// The settings, for addresses.
    pub config: &'a Config,
    /// The changelogs of builds.
    pub changelogs: &'a Rendered,
    /// The paths of the pages of builds, not escaped, by identity.
    pub pages: &'a HashMap<&'a str, String>,
}

impl BuildContext<'_> {
    fn page_url(self, build: &build::Build) -> Option<String> {
        let path = self.pages.get(build.identity())?;
        let base = self.config.base_url.as_ref()?;
        Some(format!("{base}/{}", encode_path(path)))
    }
}

/// `site`: the site of one variant.
#[derive(Debug, Serialize)]
pub struct Site<'a> {
    /// The name of the site.
    pub name: &'a str,
    /// The address of the site, without a slash at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<&'a str>,
    /// The variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
    /// The date of the newest build that is offered, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<i64>,
    /// All devices by codename.
    pub devices: Vec<DeviceValues<'a>>,
}

/// Returns `site`, given all channels of its variant.
pub(super) fn site_value(variant: Option<&Variant>, tree: &Tree<'_, '_>, config: &Config) -> Value {
    let channels = tree.values().flatten();
    let offers = channels.flat_map(|(_, channel)| &channel.offers);
    let devices = tree
        .iter()
        .map(|(model, channels)| DeviceValues::of_channels(model, channels, config));
    Value::from(Serde(Site {
        name: &config.theme.name,
        base_url: config.base_url.as_deref(),
        variant: variant.map(Variant::as_str),
        updated: offers.map(|offer| offer.build.timestamp).max(),
        devices: devices.collect(),
    }))
}

/// `device`: the name that phones ask for, and what is known about the device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceValues<'a> {
    /// The codename that phones ask for.
    pub model: &'a str,
    /// Its marketing name, from `devices.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Its manufacturer, from `devices.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oem: Option<&'a str>,
    /// The address of a page about it, from `devices.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info_url: Option<&'a str>,
    /// `info` of `devices.json` and `[device.<codename>.info]` of the settings, which take precedence.
    pub info: BTreeMap<&'a str, &'a Json>,
    /// The release types that phones ask for, in lower case.
    pub romtypes: Vec<&'a str>,
    /// The versions that are offered.
    pub versions: BTreeSet<&'a str>,
}

impl<'a> DeviceValues<'a> {
    /// The fields that only `devices.json` has.
    pub(super) const OPTIONAL: [&'static str; 3] = ["name", "oem", "info_url"];

    /// Collects what is known about the device that phones call `model`, given its channels.
    pub(super) fn of_channels<'l: 'a>(
        model: &'l Device,
        channels: &DeviceChannels<'l, 'a>,
        config: &'a Config,
    ) -> DeviceValues<'a> {
        let offers = channels.iter().flat_map(|(_, channel)| &channel.offers);
        let model = model.as_str();
        let known = config.known_devices.get(model);
        let known = known.or_else(|| config.known_devices.get(config.owner(model)?.0));
        let text = |text: &'a String| Some(text.as_str()).filter(|text| !text.is_empty());
        DeviceValues {
            model,
            name: known.and_then(|known| text(&known.name)),
            oem: known.and_then(|known| text(&known.oem)),
            info_url: known.and_then(|known| known.info_url.as_deref()),
            info: config.device_info(model),
            romtypes: channels.iter().map(|(key, _)| &*key.romtype).collect(),
            versions: offers.map(|o| o.build.version.as_str()).collect(),
        }
    }
}

/// `build`, and each of `builds`: a full build. A delta has the same facts.
#[derive(Debug, Serialize)]
pub struct BuildValues<'a> {
    /// Its codename, as in the package.
    pub device: &'a str,
    /// Its variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
    /// Its release type, verbatim.
    pub romtype: &'a str,
    /// The version that its updater compares.
    pub version: &'a str,
    /// Its date in seconds since 1970, as on a phone that runs it.
    pub datetime: i64,
    /// `ro.build.version.incremental`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental: Option<&'a str>,
    /// API level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk_level: Option<u32>,
    /// The version of Android, for example `15`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub android: Option<&'static str>,
    /// Security patch level, for example `2024-08-05`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_patch: Option<&'a str>,
    /// Its ROM and version, for example `LineageOS 22.2`; only the version if neither the family nor
    /// the file name shows the ROM.
    pub title: String,
    /// File name of the package, without a folder.
    pub filename: &'a str,
    /// Its path under `builds/`.
    pub path: &'a str,
    /// Length in bytes.
    pub size: u64,
    /// MD5 in lower-case hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<&'a str>,
    /// SHA-256 in lower-case hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<&'a str>,
    /// The id that phones know it by; usually its SHA-256.
    pub id: &'a str,
    /// Its download address; absent for the source of a delta that is no longer offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    /// The address of its page for people, if it has one and the settings have the address of the
    /// site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// Positions of files in the zip, for streaming updaters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ota_property_files: Option<&'a str>,
    /// SHA-256 of the certificate it is signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<&'a str>,
    /// Whether there is a `<zip>.csig` next to the zip.
    pub has_csig: bool,
    /// The address of the `.csig`, next to the zip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csig_url: Option<String>,
    /// The digest of its `vbmeta` images, from the `.csig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vbmeta_digest: Option<&'a str>,
    /// Images for the first installation; empty for a build that is no longer offered.
    pub images: Vec<ImageValues<'a>>,
    /// Its changelog as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changelog: Option<&'a str>,
    /// Its changelog as a fragment of HTML that is safe in any page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changelog_html: Option<&'a str>,
}

/// One of `images` of a build.
#[derive(Debug, Serialize)]
pub struct ImageValues<'a> {
    /// The partition, for example `recovery`.
    pub name: &'a str,
    /// Its name at its address.
    pub filename: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 in lower-case hex digits.
    pub sha256: &'a str,
    /// Its address, next to the zip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl<'a> ImageValues<'a> {
    /// Collects the facts of an image of a build.
    #[must_use]
    pub fn new(
        build: &build::Build,
        image: &'a build::ImageFile,
        config: &Config,
    ) -> ImageValues<'a> {
        ImageValues {
            name: &image.name,
            filename: config.image_name(build, image),
            size: image.size,
            sha256: &image.sha256,
            url: config.image_address(build, image),
        }
    }
}

impl<'a> BuildValues<'a> {
    /// The facts that may be missing.
    pub const OPTIONAL: [&'static str; 14] = [
        "variant",
        "incremental",
        "sdk_level",
        "android",
        "security_patch",
        "md5",
        "sha256",
        "url",
        "ota_property_files",
        "signer",
        "csig_url",
        "vbmeta_digest",
        "changelog",
        "changelog_html",
    ];

    /// Collects the facts of a build.
    #[must_use]
    pub fn new(
        build: &'a build::Build,
        url: Option<&'a str>,
        known: BuildContext<'a>,
    ) -> BuildValues<'a> {
        let csig = build.csig.as_ref();
        let changelog = known.changelogs.get(&build.filename);
        let images = build.images.iter().filter(|_| url.is_some());
        BuildValues {
            device: build.device.as_str(),
            variant: build.variant.as_ref().map(build::Variant::as_str),
            romtype: build.romtype.as_str(),
            version: &build.version,
            datetime: build.timestamp,
            incremental: build.incremental.as_deref(),
            sdk_level: build.sdk_level,
            android: sdk_level(build).and_then(android),
            security_patch: build.security_patch.as_deref(),
            title: rom_title(build),
            filename: &build.filename,
            path: &build.path,
            size: build.size,
            md5: build.md5.as_deref(),
            sha256: build.sha256.as_deref(),
            id: build.phone_id(),
            url,
            page_url: known.page_url(build),
            ota_property_files: build.property_files.as_deref(),
            signer: build.signer.as_deref(),
            has_csig: csig.is_some(),
            csig_url: csig.and(url).map(csig_url),
            vbmeta_digest: csig.and_then(|csig| csig.vbmeta_digest.as_deref()),
            images: images
                .map(|image| ImageValues::new(build, image, known.config))
                .collect(),
            changelog: changelog.map(|shown| shown.text.as_str()),
            changelog_html: changelog.map(|shown| shown.html.as_str()),
        }
    }
}

/// ROMs by the first part of their packages' names, in lower case.
const ROMS: [(&str, &str); 22] = [
    ("arrow", "ArrowOS"),
    ("axion", "AxionOS"),
    ("calyx", "CalyxOS"),
    ("cm", "CyanogenMod"),
    ("crdroidandroid", "crDroid"),
    ("derpfest", "DerpFest"),
    ("dotos", "dotOS"),
    ("e", "/e/OS"),
    ("evolutionx", "Evolution X"),
    ("flamingoos", "FlamingoOS"),
    ("havoc", "Havoc-OS"),
    ("iode", "iodéOS"),
    ("lineage", "LineageOS"),
    ("lineageos", "LineageOS"),
    ("lmodroid", "LMODroid"),
    ("lunaris", "Lunaris"),
    ("matrixx", "Matrixx"),
    ("omni", "OmniROM"),
    ("pixelexperience", "PixelExperience"),
    ("pixelos", "PixelOS"),
    ("risingos", "RisingOS"),
    ("voltage", "VoltageOS"),
];

/// Returns the API level of a build; for a build of LineageOS without one, that of its version.
fn sdk_level(build: &build::Build) -> Option<u32> {
    let facts = era::Facts {
        version: Some(&build.version)
            .filter(|_| build.family.is_none())
            .map(|v| &**v),
        sdk: None,
        date: Some(build.timestamp),
    };
    build.sdk_level.or_else(|| facts.lineage_sdk())
}

/// Returns the version of Android with an API level.
fn android(sdk_level: u32) -> Option<&'static str> {
    Some(match sdk_level {
        16 => "4.1",
        17 => "4.2",
        18 => "4.3",
        19 => "4.4",
        21 => "5.0",
        22 => "5.1",
        23 => "6.0",
        24 => "7.0",
        25 => "7.1",
        26 => "8.0",
        27 => "8.1",
        28 => "9",
        29 => "10",
        30 => "11",
        31 => "12",
        32 => "12L",
        33 => "13",
        34 => "14",
        35 => "15",
        36 => "16",
        37 => "17",
        _ => return None,
    })
}

/// Returns a build's ROM, if its family or file name shows it, and its version.
#[must_use]
pub fn rom_title(build: &build::Build) -> String {
    let start = build.filename.split(['-', '_']).next().unwrap_or_default();
    let known = || {
        ROMS.iter()
            .find(|(prefix, _)| start.eq_ignore_ascii_case(prefix))
    };
    let rom = build.family.as_deref().or_else(|| Some(known()?.1));
    // The versions of some ROMs contain their names.
    let is_number = build.version.starts_with(|c: char| c.is_ascii_digit());
    match rom.filter(|_| is_number) {
        Some(name) => format!("{name} {}", build.version),
        None => build.version.clone(),
    }
}

/// Returns the address of the `.csig` of a package.
fn csig_url(url: &str) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    format!("{path}.csig{query}")
}

/// One of `deltas`: the facts of the delta, and the build it starts from.
#[derive(Debug, Serialize)]
pub struct DeltaValues<'a> {
    /// The facts of the delta.
    #[serde(flatten)]
    pub build: BuildValues<'a>,
    /// The incremental of the phones that can install it.
    pub source_incremental: &'a str,
    /// The full build it starts from, if it is in the catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<BuildValues<'a>>,
}

impl<'a> DeltaValues<'a> {
    /// Collects the facts of a delta of this channel.
    #[must_use]
    pub fn new(
        delta: &DeltaOffer<'a>,
        channel: &Channel<'a>,
        known: BuildContext<'a>,
    ) -> DeltaValues<'a> {
        let source = channel.incrementals.get(delta.source).and_then(|i| i.build);
        let url = |source: &build::Build| {
            let mut offers = channel.offers.iter();
            let is_it = |offer: &&Offer<'a>| offer.build.identity() == source.identity();
            offers.find(is_it).map(|offer| offer.url)
        };
        DeltaValues {
            build: BuildValues::new(delta.offer.build, Some(delta.offer.url), known),
            source_incremental: delta.source,
            source: source.map(|source| BuildValues::new(source, url(source), known)),
        }
    }
}

/// `installed`: what is known about the builds with one incremental.
#[derive(Debug, Serialize)]
pub struct InstalledValues<'a> {
    /// The incremental.
    pub incremental: &'a str,
    /// The earliest date of such a build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datetime: Option<i64>,
    /// Their versions; empty if unknown.
    pub versions: &'a [&'a str],
}

impl<'a> InstalledValues<'a> {
    /// Collects the values of one incremental of a channel.
    #[must_use]
    pub fn new(incremental: &'a str, installed: &'a Installed<'a>) -> InstalledValues<'a> {
        InstalledValues {
            incremental,
            datetime: installed.since,
            versions: &installed.versions,
        }
    }
}

/// `page`: the page that is being rendered.
#[derive(Debug, Serialize)]
pub struct PageValues<'a> {
    /// Its path in the site.
    pub path: &'a str,
    /// Its address, if the settings have the address of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
