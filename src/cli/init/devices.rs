//! The devices of the packages in the builds folder, for `romfeed init`.
//!
//! In: the builds folder. Out: one device for each codename, with manufacturer and name.

use std::collections::BTreeMap;
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
    let [maker, name] = read_names(&package.found.file, config).unwrap_or_default();
    KnownDevice {
        model: model.to_owned(),
        oem: hosting::maker(&maker),
        name: match name.is_empty() {
            true => model.to_owned(),
            false => name,
        },
    }
}

/// Reads maker and name from the properties of all partitions of a package.
fn read_names(file: &Path, config: &Config) -> Option<[String; 2]> {
    let (package, budget, _) = ingest::open(file, &config.limits).ok()?;
    let rom = Ota::from_package(&package, budget).ok()?;
    let device_props = rom.props(Until::Everything).ok()?;
    let first = |keys: [&str; 2]| {
        let mut values = keys.iter().filter_map(|key| device_props.props.get(key));
        values.next().unwrap_or_default().to_owned()
    };
    Some([
        first(["ro.product.manufacturer", "ro.product.brand"]),
        first(["ro.product.model", "ro.product.name"]),
    ])
}
