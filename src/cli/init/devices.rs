//! The devices of the packages in the builds folder, for `romfeed init`.
//!
//! In: the builds folder. Out: one device for each codename, with manufacturer, name and model numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ota_view::device_props::Until;
use ota_view::ota::Ota;
use rayon::prelude::*;
use romfeed::hosting::{self, KnownDevice};
use romfeed::ingest::scan::{self, Found};
use romfeed::ingest::{self, Context};
use romfeed::model::build::{Device, Kind};
use romfeed::model::config::Config;
use romfeed::model::facts::Fact;

use crate::cli::report::{Terminal, count};

/// A package with its device and date.
struct PackageDevice<'a> {
    device: Device,
    timestamp: i64,
    found: &'a Found,
}

/// Finds the devices, each with the names in its newest full package. Packages that cannot be read are
/// only counted: `generate` reports why.
pub(crate) fn find(config: &Config, terminal: Terminal) -> Vec<KnownDevice> {
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
    newest
        .par_iter()
        .map(|package| describe(package, config))
        .collect()
}

/// Reads the device of a package; none if the package cannot be read or names no device, and
/// `Some(None)` for a delta, which has no properties.
fn examine<'a>(found: &'a Found, config: &Config) -> Option<Option<PackageDevice<'a>>> {
    let examined = ingest::examine(&found.file, &found.path, Context::new(config)).ok()?;
    if examined.kind != Kind::Full {
        return Some(None);
    }
    Some(Some(PackageDevice {
        device: Device::parse(examined.facts.value(Fact::Device)?).ok()?,
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
