//! Refuses catalogs that have lost published builds: a missing catalog is not an empty one.
//!
//! In: the loaded catalogs, and the manifest of the site, which names the builds it was made from.
//! Out: an error if the SHA-256 or the `id` of one of these builds is in the catalogs neither as that
//! of a build nor as that of a tombstone.
//! Phones in the field would no longer find it.

use std::collections::HashSet;

use super::error::Error;
use crate::catalog::{Catalog, Catalogs, store};
use crate::model::config::Config;
use crate::publish::writer;

/// Returns what phones know all builds and tombstones of a catalog by, sorted, for the manifest: each
/// SHA-256, and each `id` of its own.
pub(super) fn names(catalog: &Catalog) -> Vec<String> {
    let mut names: Vec<String> = catalog.identities().map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Requires the catalog if the site in the output folder was published from one.
pub(super) fn require_catalog(config: &Config) -> Result<(), Error> {
    let manifest = writer::read_manifest(&config.out)?;
    let is_published = manifest.is_some_and(|manifest| !manifest.files.is_empty());
    match is_published && !config.new_catalog {
        false => Ok(()),
        true => Err(Error::CatalogGone {
            catalog: config.catalogs[0].clone(),
            out: config.out.clone(),
        }),
    }
}

/// Requires all builds of the site in the output folder, unless a new catalog was asked for.
///
/// # Errors
/// [`Error::CatalogGone`], [`Error::BuildsLost`]; [`Error::Writer`] if the manifest cannot be read.
pub fn require_published(config: &Config, catalogs: &Catalogs) -> Result<(), Error> {
    if config.new_catalog {
        return Ok(());
    }
    // Checked after loading: a catalog that appeared meanwhile was not read.
    if !store::is_there(&config.catalogs[0]) {
        require_catalog(config)?;
    }
    require_known(config, catalogs, &writer::published_builds(&config.out)?)
}

/// Requires builds, given by their identities.
///
/// # Errors
/// [`Error::BuildsLost`].
pub fn require_known(
    config: &Config,
    catalogs: &Catalogs,
    published: &[String],
) -> Result<(), Error> {
    let is_build = |name: &str| {
        catalogs
            .all()
            .any(|catalog| catalog.builds.contains_key(name))
    };
    // Most are the identities of builds.
    let others: Vec<&String> = published.iter().filter(|name| !is_build(name)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let known: HashSet<&str> = catalogs.all().flat_map(Catalog::identities).collect();
    let lost = others.into_iter().map(|name| &**name);
    refuse(config, lost.filter(|name| !known.contains(name)))
}

/// Refuses catalogs that have lost some builds, given by their identities.
pub(super) fn refuse<'n>(
    config: &Config,
    mut lost: impl Iterator<Item = &'n str>,
) -> Result<(), Error> {
    match lost.next() {
        None => Ok(()),
        Some(example) => Err(Error::BuildsLost {
            catalog: config.catalogs[0].clone(),
            num: 1 + lost.count(),
            example: example.to_owned(),
        }),
    }
}
