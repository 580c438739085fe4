//! The settings and knowledge with which packages are examined.

use std::collections::BTreeMap;
use std::path::Path;

use digest_lanes::Stamp;
use ota_view::io::Limits;

use super::cache::PartitionFacts;
use crate::model::config::{Config, DeviceConfig, DeviceInfo, Override, VariantRule};
use crate::model::family::{Family, Reading};

/// The settings and knowledge with which packages are examined.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Values set by the configuration.
    pub overrides: &'a [Override],
    /// `devices.json`, by codename.
    pub known_devices: &'a BTreeMap<String, DeviceInfo>,
    /// ROM families of the configuration.
    pub families: &'a [Family],
    /// Settings of single devices, by codename.
    pub devices: &'a BTreeMap<String, DeviceConfig>,
    /// Returns, for a file name and the readings of its package, the index of the reading under
    /// which its device was published; `None` if it was not.
    pub published: &'a (dyn Fn(&str, &[Reading<'_>]) -> Option<usize> + Sync),
    /// Rules for variants.
    pub variants: &'a [VariantRule],
    /// Limits for reading one package.
    pub limits: &'a Limits,
    /// Returns what an earlier run read from a file's partitions.
    pub remembered: &'a (dyn Fn(&Path, Stamp) -> Option<PartitionFacts> + Sync),
    /// Returns whether the projects of the package with this file name are stored already; `None` if
    /// projects are not requested.
    pub knows_projects: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
}

impl<'a> Context<'a> {
    /// Takes the values of the configuration, without knowledge of earlier runs.
    #[must_use]
    pub fn new(config: &'a Config) -> Context<'a> {
        Context {
            overrides: &config.overrides,
            known_devices: &config.known_devices,
            families: &config.families,
            devices: &config.devices,
            published: &|_, _| None,
            variants: &config.variants,
            limits: &config.limits,
            remembered: &|_, _| None,
            knows_projects: None,
        }
    }
}
