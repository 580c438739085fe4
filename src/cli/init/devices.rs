//! The devices that the packages in the builds folder are for, for `romfeed init`.

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

use super::super::report::{Terminal, count};

/// What one package tells: its device, and its date.
struct Told<'a> {
    device: Device,
    timestamp: i64,
    found: &'a Found,
}

/// The devices, each as its newest full package names it. What cannot be read is counted only,
/// since `generate` tells why.
pub(crate) fn find(config: &Config, terminal: Terminal) -> Vec<KnownDevice> {
    let scan = scan::scan(&config.builds, config.follow_links, &config.exclude);
    let told: Vec<_> = scan
        .packages
        .par_iter()
        .map(|found| ask(found, config))
        .collect();
    let num_silent = told.iter().filter(|told| told.is_none()).count();
    if num_silent > 0 {
        terminal.line(&format!(
            "{} no device; `romfeed generate` tells why",
            count(num_silent, "zip tells", "zips tell")
        ));
    }
    let mut newest: BTreeMap<Device, Told<'_>> = BTreeMap::new();
    for told in told.into_iter().flatten().flatten() {
        let known = newest.get(&told.device).map(|known| known.timestamp);
        if known.is_none_or(|known| known < told.timestamp) {
            newest.insert(told.device.clone(), told);
        }
    }
    let newest: Vec<Told<'_>> = newest.into_values().collect();
    newest
        .par_iter()
        .map(|told| describe(told, config))
        .collect()
}

/// None if a package cannot be read or names no device; `Some(None)` for a delta, which holds no
/// properties.
fn ask<'a>(found: &'a Found, config: &Config) -> Option<Option<Told<'a>>> {
    let examined = ingest::examine(&found.file, &found.path, Context::new(config)).ok()?;
    if examined.kind != Kind::Full {
        return Some(None);
    }
    Some(Some(Told {
        device: Device::parse(examined.facts.value(Fact::Device)?).ok()?,
        timestamp: examined.facts.number(Fact::Datetime).unwrap_or_default(),
        found,
    }))
}

fn describe(told: &Told<'_>, config: &Config) -> KnownDevice {
    let model = told.device.as_str();
    let [maker, name] = read_names(&told.found.file, config).unwrap_or_default();
    KnownDevice {
        model: model.to_owned(),
        oem: hosting::maker(&maker),
        name: match name.is_empty() {
            true => model.to_owned(),
            false => name,
        },
    }
}

/// Maker and name in the properties of a package; all of its partitions are asked.
fn read_names(file: &Path, config: &Config) -> Option<[String; 2]> {
    let (package, budget, _) = ingest::open(file, &config.limits).ok()?;
    let rom = Ota::from_package(&package, budget).ok()?;
    let told = rom.props(Until::Everything).ok()?;
    let first = |keys: [&str; 2]| {
        let mut values = keys.iter().filter_map(|key| told.props.get(key));
        values.next().unwrap_or_default().to_owned()
    };
    Some([
        first(["ro.product.manufacturer", "ro.product.brand"]),
        first(["ro.product.model", "ro.product.name"]),
    ])
}
