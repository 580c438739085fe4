//! Checks that the folders of the settings can be used together.

use std::path::{Component, Path, PathBuf};

use super::error::Error;
use crate::catalog::store;
use crate::model::config::Config;

/// Returns the path of the catalog that romfeed maintains. Refuses settings that would publish a
/// catalog or the stored changelogs, or that put the site into the folder of builds.
pub(super) fn primary_catalog(config: &Config) -> Result<&Path, Error> {
    let out = resolve(&config.out);
    let is_in_out = |path: &PathBuf| resolve(path).starts_with(&out);
    if let Some(catalog) = config.catalogs.iter().find(|path| is_in_out(path)) {
        return Err(Error::CatalogInOut {
            catalog: catalog.clone(),
            out: config.out.clone(),
        });
    }
    if out == resolve(&config.builds) {
        return Err(Error::OutIsBuilds {
            out: config.out.clone(),
        });
    }
    match is_in_out(&config.changelogs) {
        false => Ok(&config.catalogs[0]),
        true => Err(Error::ChangelogsInOut {
            changelogs: config.changelogs.clone(),
            out: config.out.clone(),
        }),
    }
}

/// Whether a run makes a site from one catalog with a file for each device, and from no source.
pub(super) fn has_files_of_devices(config: &Config, asks_sources: bool) -> bool {
    let writes_site = !config.dry_run && !config.catalog_only;
    let [catalog] = &config.catalogs[..] else {
        return false;
    };
    writes_site && !asks_sources && config.scope.is_all() && store::is_folder(catalog)
}

/// Requires that the path of the builds is a folder, if it exists.
pub(super) fn require_builds_folder(config: &Config) -> Result<(), Error> {
    match config.builds.exists() && !config.builds.is_dir() {
        false => Ok(()),
        true => Err(Error::BuildsNotAFolder {
            builds: config.builds.clone(),
        }),
    }
}

/// Returns an absolute path without `..`; links in its existing part are resolved.
fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            part => resolved.push(part),
        }
        resolved = resolved.canonicalize().unwrap_or(resolved);
    }
    resolved
}
