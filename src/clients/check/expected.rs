//! What the catalog expects of the site that is published from it.
//!
//! In: the catalog and the settings. Out: the lists that the site must have, and the facts that its
//! packages must match.

use std::collections::{BTreeMap, BTreeSet};

use super::images::LinkedImage;
use crate::catalog::Catalog;
use crate::catalog::channels::Channels;
use crate::markup::changelog::Rendered;
use crate::model::build::Build;
use crate::model::config::Config;
use crate::publish::feed::{self, ChannelMap};
use crate::publish::makers::{Makers, makers_of};

/// A build that phones run and that must have a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The file name of its package.
    pub filename: String,
    /// Its `ro.build.date.utc`, in seconds.
    pub timestamp: i64,
}

/// The catalog's facts about a package, which take precedence over those in the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogFacts {
    /// The date in feeds, in seconds. Settings may have changed it, and some families compare
    /// another date than the package's.
    pub timestamp: i64,
    /// All device names that phones use to ask for it.
    pub devices: BTreeSet<String>,
}

/// Returns the lists that the site must have, by path, with the build that each is for if known.
#[must_use]
pub fn expected(channels: &Channels<'_>) -> BTreeMap<String, Option<Installed>> {
    let mut expected = BTreeMap::new();
    for (key, channel) in &channels.channels {
        let prefix = key.variant.as_ref().map(|variant| format!("{variant}/"));
        let prefix = prefix.unwrap_or_default();
        for (incremental, origin) in &channel.incrementals {
            if crate::model::build::path_fault(incremental).is_some() {
                continue;
            }
            let path = format!(
                "{prefix}api/v1/{}/{}/{incremental}",
                key.device, key.romtype
            );
            let installed = origin.build.map(|build| Installed {
                filename: build.filename.clone(),
                timestamp: build.timestamp,
            });
            expected.insert(path, installed);
        }
    }
    expected
}

/// Returns the path of every list that the settings make for these channels, with its maker.
///
/// Changelogs are not included.
///
/// # Errors
/// [`feed::Error`], if a feed template cannot be used.
pub fn lists(channels: &Channels<'_>, config: &Config) -> Result<Makers, feed::Error> {
    let channels: ChannelMap<'_, '_> = channels.channels.iter().collect();
    let feeds = feed::Renderer::new(config)?.all(&channels, &Rendered::default())?;
    let pages = feeds.pages.iter();
    Ok(makers_of(pages.map(|page| (&*page.path, &page.maker))))
}

/// Returns the download address of each offered build, by its identity.
#[must_use]
pub fn addresses<'a>(catalog: &'a Catalog, config: &Config) -> BTreeMap<&'a str, String> {
    let offered = catalog.builds.values().filter(|record| record.is_offered());
    let address = |build: &'a Build| Some((build.identity(), config.address(build)?.0));
    offered
        .filter_map(|record| address(&record.build))
        .collect()
}

/// Returns the addresses of the offered packages and their images that the sources of the settings list, with the name
/// of the source.
#[must_use]
pub fn listed_by_sources(catalog: &Catalog, config: &Config) -> BTreeMap<String, String> {
    let offered = catalog.builds.values().filter(|record| record.is_offered());
    let addresses = |build: &Build| {
        let name = &build.origin.as_ref()?.source;
        config.sources.iter().find(|source| source.name == *name)?;
        let (url, _) = config.address(build)?;
        let images = build.images.iter();
        let images = images.filter_map(|image| config.image_address(build, image));
        let all = std::iter::once(url).chain(images);
        Some(all.map(|url| (url, name.clone())).collect::<Vec<_>>())
    };
    offered
        .filter_map(|record| addresses(&record.build))
        .flatten()
        .collect()
}

/// Returns the images that pages link to: those of the builds that phones are offered.
#[must_use]
pub fn linked_images(channels: &Channels<'_>, config: &Config) -> Vec<LinkedImage> {
    let offers = channels.channels.values().flat_map(|all| &all.offers);
    let images =
        offers.flat_map(|offer| offer.build.images.iter().map(|image| (offer.build, image)));
    let images: BTreeSet<LinkedImage> = images
        .filter_map(|(build, image)| {
            let url = config.image_address(build, image)?;
            let size = image.size;
            Some(LinkedImage { url, size })
        })
        .collect();
    images.into_iter().collect()
}

/// Returns the catalog's facts about its packages, by file name.
#[must_use]
pub fn catalog_facts(catalog: &Catalog, config: &Config) -> BTreeMap<String, CatalogFacts> {
    let builds = catalog.builds.values().map(|record| &record.build);
    let facts = builds.map(|build| {
        let names = config.names(&build.device, build.next_device.as_ref());
        let facts = CatalogFacts {
            timestamp: build.timestamp,
            devices: names.into_iter().map(ToString::to_string).collect(),
        };
        (build.filename.clone(), facts)
    });
    facts.collect()
}
