//! The ROM families of published builds.
//!
//! In: the catalogs, where a build may have the family read from its package or feed, and the
//! settings, which take precedence. Out: the family of the newest full build of each device and
//! variant. A build without a family is assumed to have LineageOS's updater.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::model::build::{Build, Kind};
use crate::model::config::Config;

/// The assumed family of builds without one.
const LINEAGE: &str = "LineageOS";

/// The family of a device's builds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceFamily {
    /// Its name.
    pub name: String,
    /// The API level of the newest full build, if known.
    pub sdk: Option<u32>,
}

/// Returns the family of the newest full build of each device and variant.
#[must_use]
pub fn families(
    config: &Config,
    catalog: &Catalog,
) -> BTreeMap<(String, Option<String>), DeviceFamily> {
    let mut newest: BTreeMap<_, &Build> = BTreeMap::new();
    let offered = catalog.builds.values().filter(|record| record.is_offered());
    for build in offered.map(|record| &record.build) {
        if build.kind != Kind::Full {
            continue;
        }
        let known = newest
            .entry((&build.device, &build.variant))
            .or_insert(build);
        if known.timestamp < build.timestamp {
            *known = build;
        }
    }
    let families = newest.into_values().map(|build| {
        let device = build.device.as_str();
        let set = config
            .devices
            .get(device)
            .and_then(|set| set.family.as_ref());
        let name = set.or(build.family.as_ref());
        let family = DeviceFamily {
            name: name.map_or(LINEAGE, |name| name.as_str()).to_owned(),
            sdk: build.sdk_level,
        };
        let variant = build.variant.as_ref().map(ToString::to_string);
        ((device.to_owned(), variant), family)
    });
    families.collect()
}
