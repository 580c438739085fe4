//! What a catalog offers: from which sources, under which names of devices, and which zips the site itself serves.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{BUILDS, Log};
use crate::catalog::{Catalog, channels};
use crate::model::build::{Build, Device};
use crate::model::config::{AddressSource, Config};

/// Returns the aliases under which builds are published, given all devices that have some.
pub(super) fn published_aliases(
    config: &Config,
    own: &Catalog,
    devices: &BTreeSet<&Device>,
    others: &[&Catalog],
) -> BTreeMap<Device, BTreeSet<Device>> {
    let mut known: BTreeMap<Device, BTreeSet<Device>> = BTreeMap::new();
    let has_settings = devices.iter().filter_map(|device| {
        let settings = config.devices.get(device.as_str())?;
        Some((*device, &settings.aliases))
    });
    for (device, aliases) in has_settings {
        let has_alias = |alias: &Device| {
            own.has_alias(device, alias)
                || others.iter().any(|other| other.has_alias(device, alias))
        };
        let is_published = |alias: &&Device| {
            has_alias(alias) || !channels::is_withheld(config, own, devices, [device, *alias])
        };
        let published: BTreeSet<Device> = aliases.iter().filter(is_published).cloned().collect();
        if !published.is_empty() {
            known.insert(device.clone(), published);
        }
    }
    known
}

/// Returns the file names of the offered builds whose zips the site itself serves.
pub(super) fn served_by_site(config: &Config, own: &Catalog) -> Vec<String> {
    let offered = own.builds.values().filter(|record| record.is_offered());
    offered
        .map(|record| &record.build)
        .filter(|build| is_served_by_site(config, build))
        .map(|build| build.filename.clone())
        .collect()
}

/// Whether the site itself serves the zip of a build.
pub(super) fn is_served_by_site(config: &Config, build: &Build) -> bool {
    config.address_source(build) == Some(AddressSource::Site)
}

/// Warns of builds whose source the settings no longer have: nothing of them changes any more.
pub(super) fn warn_of_missing_sources(config: &Config, numbers: &BTreeMap<String, usize>) -> Log {
    let mut log = Log::default();
    let is_set = |name: &str| config.sources.iter().any(|source| source.name == name);
    for (name, num) in numbers.iter().filter(|(name, _)| !is_set(name)) {
        let text = format!(
            "the catalog offers {num} of the source `{}`, which romfeed.toml does not have; they stay as they are, and \
             `romfeed catalog yank` takes them out of the lists",
            name.escape_debug()
        );
        log.warn(BUILDS, text);
    }
    log
}

/// Counts the offered builds of each source.
pub(super) fn num_of_sources(catalog: &Catalog) -> BTreeMap<String, usize> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for record in catalog.builds.values().filter(|record| record.is_offered()) {
        if let Some(origin) = &record.build.origin {
            match numbers.get_mut(&origin.source) {
                Some(num) => *num += 1,
                None => {
                    numbers.insert(origin.source.clone(), 1);
                }
            }
        }
    }
    numbers
}
