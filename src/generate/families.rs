//! Which ROM families published builds are of, as far as this machine knows.
//!
//! In: the catalogs, and the packages in the folder of builds, of which earlier runs remember what
//! takes long to read. Out: names of families. A build without its package tells nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Error, cache_key, load_cache};
use crate::build::{Build, Kind};
use crate::catalog::Catalogs;
use crate::config::Config;
use crate::ingest::{self, Context};
use crate::io::Stamp;

/// The families of the newest full build of each device and variant.
///
/// # Errors
/// [`Error`], if the catalogs cannot be read.
pub fn families(config: &Config) -> Result<BTreeSet<String>, Error> {
    let catalogs = Catalogs::load(&config.catalogs)?;
    let catalog = catalogs.merged()?;
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
    let cache = load_cache(config);
    let remembered = |file: &Path, stamp: Stamp| cache.told(&cache_key(file), stamp);
    let context = Context {
        remembered: &remembered,
        ..Context::new(config)
    };
    let family = |build: &Build| {
        let file = config.builds.join(&build.path);
        ingest::examine(&file, &build.path, context).ok()?.family
    };
    Ok(newest.into_values().filter_map(family).collect())
}
