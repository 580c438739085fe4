//! Why a publication does not begin, although its destinations and settings are valid one by one.

use std::path::{Component, Path, PathBuf};

use romfeed::model::config::Config;
use romfeed::upload::{Addresses, Place, SiteDestination, ZipsDestination};

use crate::cli::escape::{escape, shown};

/// What is wrong, and what to do about it.
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) hint: String,
}

/// Returns why these destinations cannot be used with these settings; `project` is the folder of the settings.
pub(super) fn refuse(
    site: &SiteDestination,
    zips: &ZipsDestination,
    config: &Config,
    project: &Path,
) -> Option<Refusal> {
    let places = [site.place(), zips.place()].into_iter().flatten();
    let folders = places.filter_map(Place::local);
    let own = own_folders(config, project);
    refuse_git(site, config)
        .or_else(|| folders.into_iter().find_map(|to| refuse_folder(to, &own)))
        .or_else(|| refuse_addresses(&zips.addresses()?, config))
}

/// Refuses to commit a catalog that is in a bucket.
fn refuse_git(site: &SiteDestination, config: &Config) -> Option<Refusal> {
    let address = config.place.address()?;
    (*site == SiteDestination::Git).then(|| Refusal {
        message: format!(
            "the catalog is in a bucket, {}, so git has nothing to publish",
            escape(&address)
        ),
        hint:
            "start the workflow that runs `romfeed generate`, or name another destination with --to"
                .to_owned(),
    })
}

/// Refuses a host of packages to which no address leads: nothing would be uploaded.
fn refuse_addresses(addresses: &Addresses, config: &Config) -> Option<Refusal> {
    let of_devices = config
        .devices
        .values()
        .filter_map(|device| device.url.as_ref());
    let mut templates = of_devices.chain(&config.url);
    let is_reached = templates.any(|template| template.can_begin_with(&addresses.begin));
    (!is_reached).then(|| Refusal {
        message: format!("`url` does not lead to {}", escape(&addresses.of)),
        hint: format!(
            "set in romfeed.toml: url = \"{}\"",
            escape(&addresses.template)
        ),
    })
}

/// A folder or file of the project.
struct Own {
    name: &'static str,
    path: PathBuf,
    /// Another folder may lie in it.
    is_open: bool,
}

fn own_folders(config: &Config, project: &Path) -> Vec<Own> {
    let own = |name, path: &Path| Own {
        name,
        path: real(path),
        is_open: false,
    };
    let catalogs = config.catalogs.iter().map(|path| own("the catalog", path));
    let mut all = vec![
        Own {
            is_open: true,
            ..own("the project", project)
        },
        own("the folder of zips", &config.builds),
        own("the folder of the generated site", &config.out),
        own("the folder of changelogs", &config.changelogs),
    ];
    all.extend(catalogs);
    all
}

/// Refuses a folder in which romfeed would find its own copies, or write over what it reads.
fn refuse_folder(to: &Path, own: &[Own]) -> Option<Refusal> {
    let folder = real(to);
    own.iter().find_map(|own| {
        let how = match () {
            () if folder == own.path => "is",
            () if own.path.starts_with(&folder) => "contains",
            () if folder.starts_with(&own.path) && !own.is_open => "is in",
            () => return None,
        };
        Some(Refusal {
            message: format!(
                "{} cannot be a destination: it {how} {}, {}",
                shown(to),
                own.name,
                shown(&own.path)
            ),
            hint: "name the folder that the web server serves, for example /srv/ota or ./www"
                .to_owned(),
        })
    })
}

/// Returns an absolute path without links, also for a folder that is not there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            let mut whole = real;
            for part in rest.components() {
                match part {
                    Component::ParentDir => {
                        whole.pop();
                    }
                    part => whole.push(part),
                }
            }
            return whole;
        }
    }
    path
}
