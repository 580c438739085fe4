//! The part of all packages that one of several runs looks at.

use std::collections::BTreeSet;

use crate::model::build::{Build, Device};
use crate::model::source::SourceConfig;

/// Which packages a run looks at. Empty sets are no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Packages of these devices.
    pub devices: BTreeSet<Device>,
    /// Packages of the sources of these names; those in the folder of builds are then left out.
    pub sources: BTreeSet<String>,
}

impl Scope {
    /// Whether a run looks at all packages.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.devices.is_empty() && self.sources.is_empty()
    }

    /// Whether a run looks at the package of a build.
    #[must_use]
    pub fn covers(&self, build: &Build) -> bool {
        let source = build.origin.as_ref().map(|origin| &origin.source);
        let is_source = source.is_some_and(|source| self.sources.contains(source));
        (self.sources.is_empty() || is_source) && self.covers_device(&build.device)
    }

    /// Whether a run looks at packages of a device.
    #[must_use]
    pub fn covers_device(&self, device: &Device) -> bool {
        self.devices.is_empty() || self.devices.contains(device)
    }

    /// Whether a run looks at packages of a source.
    #[must_use]
    pub fn covers_source(&self, source: &SourceConfig) -> bool {
        let is_named = self.sources.is_empty() || self.sources.contains(&source.name);
        is_named && source.device.as_ref().is_none_or(|d| self.covers_device(d))
    }
}
