//! The devices of the packages in the builds folder, for `romfeed init`.
//!
//! In: the builds folder. Out: one device for each codename, with manufacturer, name and model numbers, and the ROM
//! families of the newest packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ota_view::device_props::Until;
use ota_view::ota::Ota;
use rayon::prelude::*;
use romfeed::generate::DeviceFamily;
use romfeed::hosting::{self, KnownDevice};
use romfeed::ingest::scan::{self, Found};
use romfeed::ingest::{self, Context};
use romfeed::model::build::{Device, Kind};
use romfeed::model::config::Config;
use romfeed::model::facts::Fact;
use romfeed::model::family::{self, UpdaterAddress};

use crate::cli::report::{Terminal, count};

/// The family of packages without one of their own.
const LINEAGE: &str = "LineageOS";

/// What the packages say.
pub(crate) struct Devices {
    /// The devices.
    pub(crate) list: Vec<KnownDevice>,
    /// The families of the newest package of each device.
    pub(crate) families: BTreeSet<DeviceFamily>,
}

impl Devices {
    /// Returns the value of `device_feed` that the updaters of all devices read; none if they differ, or need none.
    pub(crate) fn device_feed(&self) -> Option<&'static str> {
        let addresses = |family: &DeviceFamily| family::updater_addresses(&family.name, family.sdk);
        let mut feeds = self
            .families
            .iter()
            .map(|family| match addresses(family)[..] {
                [(_, UpdaterAddress::BuiltIn(feed))] => Some(feed),
                _ => None,
            });
        let first = feeds.next()??;
        feeds.all(|feed| feed == Some(first)).then_some(first)
    }
}

/// A package with its device, family and date.
struct PackageDevice<'a> {
    device: Device,
    family: DeviceFamily,
    timestamp: i64,
    found: &'a Found,
}

/// Finds the devices, each with the names in its newest full package. Packages that cannot be read are
/// only counted: `generate` reports why.
pub(crate) fn find(config: &Config, terminal: Terminal) -> Devices {
    let scan = scan::scan(&config.builds, config.follow_links, &config.exclude);
    let packages: Vec<_> = scan
        .packages
        .par_iter()
        .map(|found| examine(found, config))
        .collect();
    let num_without = packages.iter().filter(|package| package.is_none()).count();
    if num_without > 0 {
        terminal.line(&format!(
            "{} no device; `romfeed generate` reports why",
            count(num_without, "zip names", "zips name")
        ));
    }
    let mut newest: BTreeMap<Device, PackageDevice<'_>> = BTreeMap::new();
    for package in packages.into_iter().flatten().flatten() {
        let known = newest.get(&package.device).map(|known| known.timestamp);
        if known.is_none_or(|known| known < package.timestamp) {
            newest.insert(package.device.clone(), package);
        }
    }
    let newest: Vec<PackageDevice<'_>> = newest.into_values().collect();
    Devices {
        list: newest
            .par_iter()
            .map(|package| describe(package, config))
            .collect(),
        families: newest.into_iter().map(|package| package.family).collect(),
    }
}

/// Reads the device of a package; none if the package cannot be read or names no device, and
/// `Some(None)` for a delta, which has no properties.
fn examine<'a>(found: &'a Found, config: &Config) -> Option<Option<PackageDevice<'a>>> {
    let examined = ingest::examine(&found.file, &found.path, Context::new(config)).ok()?;
    if examined.kind != Kind::Full {
        return Some(None);
    }
    let device = Device::parse(examined.facts.value(Fact::Device)?).ok()?;
    let set = config.devices.get(device.as_str());
    let set = set.and_then(|set| set.family.as_ref().map(ToString::to_string));
    let own = examined.family.filter(|name| family::has_own_updater(name));
    Some(Some(PackageDevice {
        family: DeviceFamily {
            name: set.or(own).unwrap_or_else(|| LINEAGE.to_owned()),
            sdk: examined.facts.number(Fact::SdkLevel),
        },
        device,
        timestamp: examined.facts.number(Fact::Datetime).unwrap_or_default(),
        found,
    }))
}

fn describe(package: &PackageDevice<'_>, config: &Config) -> KnownDevice {
    let model = package.device.as_str();
    let names = read_names(&package.found.file, config).unwrap_or_default();
    KnownDevice {
        model: model.to_owned(),
        oem: hosting::maker(&names.maker),
        name: match names.name.is_empty() {
            true => model.to_owned(),
            false => names.name,
        },
        models: names.models,
    }
}

/// Properties of partitions with the name of the device. Those of the vendor often have the
/// manufacturer's model number where the system has the name in shops.
const MODEL_KEYS: [&str; 4] = [
    "ro.product.model",
    "ro.product.product.model",
    "ro.product.odm.model",
    "ro.product.vendor.model",
];

/// What a package calls its device.
#[derive(Default)]
struct Names {
    maker: String,
    name: String,
    /// Model numbers, each once.
    models: Vec<String>,
}

/// Reads maker, name and model numbers from the properties of all partitions of a package.
fn read_names(file: &Path, config: &Config) -> Option<Names> {
    let (package, budget, _) = ingest::open(file, &config.limits).ok()?;
    let rom = Ota::from_package(&package, budget).ok()?;
    let device_props = rom.props(Until::Everything).ok()?;
    let first = |keys: [&str; 2]| {
        let mut values = keys.iter().filter_map(|key| device_props.props.get(key));
        values.next().unwrap_or_default().to_owned()
    };
    let values = MODEL_KEYS
        .iter()
        .filter_map(|key| device_props.props.get(key));
    let numbers: BTreeSet<&str> = values
        .filter(|value| hosting::is_model_number(value))
        .collect();
    Some(Names {
        maker: first(["ro.product.manufacturer", "ro.product.brand"]),
        name: first(["ro.product.model", "ro.product.name"]),
        models: numbers.into_iter().map(str::to_owned).collect(),
    })
}
