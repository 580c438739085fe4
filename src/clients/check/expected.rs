//! What the catalog tells of a site's phones and packages, where the site is one's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::catalog::channels::Channels;
use crate::markup::changelog::Rendered;
use crate::model::build::Build;
use crate::model::config::Config;
use crate::publish::feed;
use crate::publish::makers::{Makers, makers_of};

/// A build that phones run, and that should have a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its package.
    pub filename: String,
    /// `ro.build.date.utc` of it, in seconds.
    pub timestamp: i64,
}

/// What the catalog has of a package, which goes before what the package says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The date that belongs into feeds, in seconds: settings may have set it, and some families
    /// compare another date than the package's.
    pub timestamp: i64,
    /// All names that phones ask for it under, its device's own among them.
    pub devices: BTreeSet<String>,
}

/// The lists a site must have, by path, as the catalog knows them.
#[must_use]
pub fn expected(channels: &Channels<'_>) -> BTreeMap<String, Option<Installed>> {
    let mut expected = BTreeMap::new();
    for (key, channel) in &channels.channels {
        let prefix = key.variant.as_ref().map(|variant| format!("{variant}/"));
        let prefix = prefix.unwrap_or_default();
        for (incremental, known) in &channel.incrementals {
            if crate::model::build::path_fault(incremental).is_some() {
                continue;
            }
            let path = format!(
                "{prefix}api/v1/{}/{}/{incremental}",
                key.device, key.romtype
            );
            let installed = known.build.map(|build| Installed {
                filename: build.filename.clone(),
                timestamp: build.timestamp,
            });
            expected.insert(path, installed);
        }
    }
    expected
}

/// All lists that the settings make of these channels, by path, with what makes each; texts on
/// changes are not among them.
///
/// # Errors
/// [`feed::Error`], if a feed template cannot be used.
pub fn lists(channels: &Channels<'_>, config: &Config) -> Result<Makers, feed::Error> {
    let feeds = feed::render(&channels.channels, config, &Rendered::default())?;
    Ok(makers_of(&feeds.pages))
}

/// The download address of each build that is offered, by its identity.
#[must_use]
pub fn addresses<'a>(catalog: &'a Catalog, config: &Config) -> BTreeMap<&'a str, String> {
    let offered = catalog.builds.values().filter(|record| record.is_offered());
    let address = |build: &'a Build| Some((build.identity(), config.address(build)?.0));
    offered
        .filter_map(|record| address(&record.build))
        .collect()
}

/// What the catalog has of its packages, by file name.
#[must_use]
pub fn known(catalog: &Catalog, config: &Config) -> BTreeMap<String, Known> {
    let builds = catalog.builds.values().map(|record| &record.build);
    let known = builds.map(|build| {
        let names = config.names(&build.device, build.next_device.as_ref());
        let known = Known {
            timestamp: build.timestamp,
            devices: names.into_iter().map(ToString::to_string).collect(),
        };
        (build.filename.clone(), known)
    });
    known.collect()
}
