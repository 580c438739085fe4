//! What the whole site needs to know of the catalog of one device, without its builds.
//!
//! In: a catalog file. Out: a [`Sketch`], a few bytes for each build, which the state folder remembers: while the file
//! stays as it is, it need not be read again.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::super::hash::hash;
use super::super::offered;
use crate::catalog::Catalog;
use crate::model::build::{Device, bounded_stem};
use crate::model::config::{AddressSource, Config};
use crate::source;

/// Hashes of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hashes(pub(super) Vec<u64>);

impl Serialize for Hashes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        BASE64_STANDARD.encode(bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hashes, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(de::Error::custom)?;
        let (hashes, rest) = bytes.as_chunks();
        match rest.is_empty() {
            true => Ok(Hashes(
                hashes.iter().copied().map(u64::from_le_bytes).collect(),
            )),
            false => Err(de::Error::custom("half a number")),
        }
    }
}

/// What the whole site needs to know of one catalog file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sketch {
    /// A digest of all that the file holds.
    pub(super) digest: u64,
    /// The devices that it has builds or tombstones of.
    pub(super) devices: BTreeSet<Device>,
    /// Those of them that it has builds of.
    pub(super) built: BTreeSet<Device>,
    /// The release types of builds, in lower case.
    pub(super) romtypes: BTreeSet<String>,
    /// The names under which phones ask for all of them.
    pub(super) names: BTreeSet<Device>,
    /// The aliases under which builds were published.
    pub(super) aliases: BTreeMap<Device, BTreeSet<Device>>,
    /// Hashes of the identities of builds and tombstones.
    pub(super) ids: Hashes,
    /// Hashes of the stems of their file names.
    pub(super) stems: Hashes,
    /// Hashes of the stems of file names of tombstones.
    pub(super) stone_stems: Hashes,
    /// Hashes of the download addresses of offered builds.
    pub(super) addresses: Hashes,
    /// Folders with packages that are of no source.
    pub(super) folders: BTreeSet<String>,
    /// Number of offered builds by source.
    pub(super) num_of_sources: BTreeMap<String, usize>,
    /// The file names of offered builds whose packages the site itself serves.
    pub(super) served: Vec<String>,
    /// Number of offered builds of no source whose address is not on the site.
    pub(super) num_elsewhere: usize,
    /// Whether rules for variants give a build another variant than it has.
    pub(super) is_misplaced: bool,
    /// Whether an offered build has no download address.
    pub(super) lacks_address: bool,
}

impl Sketch {
    /// Describes a catalog file.
    pub(super) fn new(config: &Config, catalog: &Catalog) -> Sketch {
        let mut sketch = Sketch {
            digest: hash(catalog),
            devices: catalog.devices().into_iter().cloned().collect(),
            aliases: catalog.aliases.clone(),
            ids: Hashes(catalog.identities().map(hash).collect()),
            num_of_sources: offered::num_of_sources(catalog),
            served: offered::served_by_site(config, catalog),
            ..Sketch::default()
        };
        sketch.names.extend(catalog.aliases.keys().cloned());
        let builds = catalog.builds.values().map(|record| {
            let build = &record.build;
            (&build.device, build.next_device.as_ref(), &record.former)
        });
        let stones = catalog.tombstones.values();
        let stones = stones.map(|s| (&s.device, s.next_device.as_ref(), &s.former));
        let names = catalog.tombstones.values().map(|stone| &stone.filename);
        sketch.stone_stems = Hashes(names.map(|name| hash(&*bounded_stem(name))).collect());
        let mut seen = BTreeSet::new();
        for (device, next_device, former) in builds.chain(stones) {
            let former = former.iter().map(|channel| &channel.device);
            for device in former.chain([device]) {
                if seen.insert((device, next_device)) {
                    let names = config.names(device, next_device);
                    sketch.names.extend(names.into_iter().cloned());
                }
            }
        }
        for record in catalog.builds.values() {
            let build = &record.build;
            sketch.stems.0.push(hash(&*bounded_stem(&build.filename)));
            if !sketch.built.contains(&build.device) {
                sketch.built.insert(build.device.clone());
            }
            sketch.romtypes.insert(build.romtype.to_path());
            let variant = config.variant_by_path(&build.path);
            sketch.is_misplaced |= variant.is_some() && variant != build.variant.as_ref();
            if build.origin.is_none() {
                let folder = source::split(&build.path).0;
                if !sketch.folders.contains(folder) {
                    sketch.folders.insert(folder.to_owned());
                }
            }
            if !record.is_offered() {
                continue;
            }
            let address = config.address(build);
            sketch.lacks_address |= address.is_none();
            let is_elsewhere = address
                .as_ref()
                .is_some_and(|(_, by)| *by != AddressSource::Site);
            sketch.num_elsewhere += usize::from(build.origin.is_none() && is_elsewhere);
            sketch
                .addresses
                .0
                .extend(address.map(|(url, _)| hash(&*url)));
        }
        sketch
    }

    /// Whether a run that looks at packages must read the file, whatever these are: the packages of its builds may be gone,
    /// or the settings ask for a change.
    pub(super) fn must_be_read(&self) -> bool {
        !self.served.is_empty() || self.is_misplaced || self.lacks_address
    }
}
