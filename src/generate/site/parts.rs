//! The parts of a site: devices whose files depend on no other device's builds.
//!
//! A device with aliases, or with builds under another name, is one part with these. All files of a part are
//! made from its catalog files, the texts about its builds and what the whole site has in common; a digest of all
//! these tells whether a part is as it was.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::hash::hash;
use super::notes::{NewTexts, Notes};
use super::sketch::Sketch;
use super::sketches::Sketches;
use super::stock;
use crate::model::build::Device;
use crate::model::config::Config;
use crate::publish::feed::{Feeds, Renderer, Sites};
use crate::publish::site;

/// A part of a site, before it is rendered.
#[derive(Debug, Default)]
pub(super) struct PartPlan {
    /// The first of the names of its files, without the ending.
    pub(super) name: String,
    /// The names of the catalog files with its builds.
    pub(super) files: BTreeSet<String>,
    /// The names under which its phones ask for builds.
    pub(super) names: BTreeSet<Device>,
}

/// Divides the devices of a site into its parts.
pub(super) fn divide(config: &Config, sketches: &Sketches) -> Vec<PartPlan> {
    let groups = Groups::new(config, sketches);
    let mut parts: BTreeMap<String, PartPlan> = BTreeMap::new();
    for (file, sketch) in sketches.iter() {
        let part = parts.entry(groups.first(file)).or_default();
        part.files.insert(file.to_owned());
        part.names.extend(sketch.names.iter().cloned());
    }
    for device in configured(config) {
        let part = parts
            .entry(groups.first(&stock::file_of(&device)))
            .or_default();
        let names = config.names(&device, None).into_iter().cloned();
        part.names.extend(names);
    }
    let named = parts.into_iter().map(|(file, part)| PartPlan {
        name: file
            .rsplit_once('.')
            .map_or(&*file, |(name, _)| name)
            .to_owned(),
        ..part
    });
    named.collect()
}

/// Returns the devices that the settings know incrementals of, with builds or not.
fn configured(config: &Config) -> impl Iterator<Item = Device> {
    let devices = config.devices.iter();
    let known = devices.filter(|(_, device)| !device.known_incrementals.is_empty());
    known.filter_map(|(name, _)| Device::parse(name).ok())
}

/// Groups of files (union-find): each file leads to a smaller name of its group, or to itself.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<String, String>);

impl Groups {
    /// Joins the files of devices whose builds have names in common.
    pub(super) fn new(config: &Config, sketches: &Sketches) -> Groups {
        let mut groups = Groups::default();
        for (file, sketch) in sketches.iter() {
            groups.join(file, file);
            for name in &sketch.names {
                groups.join(file, &stock::file_of(name));
            }
        }
        for device in configured(config) {
            for name in config.names(&device, None) {
                groups.join(&stock::file_of(&device), &stock::file_of(name));
            }
        }
        groups
    }

    /// Whether a file, there or not, has a name in common with others, or has builds.
    pub(super) fn has(&self, file: &str) -> bool {
        self.0.contains_key(file)
    }

    /// Iterates over the names of all files, also of those that are not there.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the first of the names that belong together with one.
    pub(super) fn first(&self, name: &str) -> String {
        let mut name = name;
        while let Some(next) = self.0.get(name).filter(|next| *next != name) {
            name = next;
        }
        name.to_owned()
    }

    fn join(&mut self, one: &str, other: &str) {
        let [one, other] = [self.first(one), self.first(other)];
        let first = (&one).min(&other).clone();
        for name in [one, other] {
            self.0.insert(name, first.clone());
        }
    }
}

impl PartPlan {
    /// Returns a digest of the catalog files and the texts that the files of the part are made from, and of the settings;
    /// none if that says too little: some texts are not stored yet, or addresses are `shared` with other builds.
    pub(super) fn digest(
        &self,
        settings: u64,
        sketches: &Sketches,
        (notes, new): (&Notes<'_>, &NewTexts),
        shared: &HashSet<u64>,
    ) -> Option<u64> {
        let sketches: Vec<&Sketch> = self.files.iter().map(|file| sketches.get(file)).collect();
        let mut addresses = sketches.iter().flat_map(|sketch| &sketch.addresses.0);
        if !shared.is_empty() && addresses.any(|address| shared.contains(address)) {
            return None;
        }
        let digests = sketches.iter();
        let digests = digests.map(|sketch| Some((sketch.digest, notes.digest(sketch, new)?)));
        let digests: Vec<(u64, u64)> = digests.collect::<Option<_>>()?;
        Some(hash(&(settings, digests)))
    }
}

/// Returns a digest of what the files of all parts are made from, besides their builds and the settings.
pub(super) fn common(feeds: &Renderer<'_>, sites: &Sites, of_site: &Feeds) -> u64 {
    let mut hasher = DefaultHasher::new();
    of_site
        .pages
        .iter()
        .any(|page| page.path == site::SITE_ATOM)
        .hash(&mut hasher);
    if feeds.shows_others() {
        sites.describe().hash(&mut hasher);
    }
    hasher.finish()
}
