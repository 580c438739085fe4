//! The site that a phone checks, as far as a check and its advice need it.
//!
//! In: where to fetch the site, and for a folder its files. Out: whether an address is part of the site,
//! and which similar files exist if one is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use walkdir::WalkDir;

use crate::clients::check::target::{in_other_case, templates_for};
use crate::clients::updaters::{self, Generation, Phone};
use crate::fetch::{Fetch, Request};
use crate::generate::DeviceFamily;
use crate::model::address::encode_path;
use crate::model::config::{Config, DeviceFeed, FeedConfig};
use crate::publish::feed::template::{front_matter, shipped};

/// Maximum number of files of a site that are listed; the largest known site has a hundred thousand.
const MAX_PATHS: usize = 400_000;
/// The ends of the paths of lists: for a device and release type, and for a device.
const JSON: &str = ".json";
const BUILDS: &str = "/builds.json";
/// The placeholder for the variant in the paths of templates.
const VARIANT: &str = "{variant}";

/// A site.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The address of the site, without a closing slash.
    pub base: &'a str,
    /// The variant of the phone's ROM.
    pub variant: Option<&'a str>,
    /// Where to fetch the site.
    pub fetch: &'a dyn Fetch,
    /// It is fetched over the network.
    pub is_live: bool,
    /// The paths of its files, if known.
    pub paths: Option<&'a BTreeSet<String>>,
    /// The time, in seconds since the epoch.
    pub now: i64,
    /// The settings, which have the paths of the files for the updaters of forks.
    pub config: &'a Config,
    /// Every incremental in the catalog.
    pub incrementals: &'a BTreeSet<String>,
    /// The file names of the deltas in the catalog.
    pub deltas: &'a BTreeSet<String>,
    /// The ROM families of the builds in the catalog, by device and variant.
    pub families: &'a BTreeMap<(String, Option<String>), DeviceFamily>,
}

impl Site<'_> {
    /// Returns the path of an address below the site's, without its query; `None` for other sites.
    #[must_use]
    pub fn path<'u>(&self, url: &'u str) -> Option<&'u str> {
        let below = url.strip_prefix(self.base)?;
        if !(below.is_empty() || below.starts_with(['/', '?', '#'])) {
            return None;
        }
        let path = below.split(['?', '#']).next().unwrap_or_default();
        Some(path.trim_start_matches('/'))
    }

    /// Returns the address of the file for a fork's updater, with the placeholders that it replaces.
    pub(super) fn fork_address(&self, generation: Generation, phone: &Phone) -> String {
        let (path, variants) = self.fork_path(generation, &phone.device);
        let tree = match path.contains(VARIANT) {
            true => String::new(),
            false => self.tree(),
        };
        // For these the address is that of the folder; they append the file name themselves.
        let path = match generation {
            Generation::Custota | Generation::GrapheneOs => {
                path.rsplit_once('/').map_or("", |(folder, _)| folder)
            }
            _ => &path,
        };
        let variant = self.variant.unwrap_or_default();
        let spelled = variants.and_then(|variants| variants.get(variant));
        let variant = spelled.map_or(variant, String::as_str);
        let mut path = path.replace("{romtype}", "{type}");
        for (placeholder, value) in [
            (VARIANT, variant),
            ("{version}", &phone.version),
            ("{type}", &*phone.release_type.to_lowercase()),
        ] {
            if !value.is_empty() && !updaters::replaces(generation, placeholder) {
                path = path.replace(placeholder, value);
            }
        }
        format!("{}/{tree}{path}", self.base)
    }

    /// Returns the pattern of the path of the file that a fork's updater reads, and how it spells variants.
    fn fork_path(
        &self,
        generation: Generation,
        device: &str,
    ) -> (String, Option<&BTreeMap<String, String>>) {
        let device_feed = || ("{device}.json".to_owned(), None);
        let is_template = matches!(self.config.device_feed(device), DeviceFeed::Template(_));
        let reads_device_feed = self.reads_device_feed(generation, device);
        if is_template && reads_device_feed {
            return device_feed();
        }
        let enabled = templates_for(generation).find_map(|name| self.enabled(name));
        if let Some(feed) = enabled {
            let path = feed.path.clone().or_else(|| path_of(&feed.text));
            return path.map_or_else(device_feed, |path| (path, Some(&feed.variants)));
        }
        if reads_device_feed {
            return device_feed();
        }
        let path = templates_for(generation).find_map(|name| path_of(shipped(name)?));
        path.map_or_else(device_feed, |path| (path, None))
    }

    /// Returns whether a fork's updater reads `{device}.json` as the settings make it.
    fn reads_device_feed(&self, generation: Generation, device: &str) -> bool {
        let template = match self.config.device_feed(device) {
            DeviceFeed::V1 => "v1",
            DeviceFeed::V2 => "v2",
            DeviceFeed::Template(name) => name,
        };
        templates_for(generation).any(|name| name == template)
    }

    fn enabled(&self, name: &str) -> Option<&FeedConfig> {
        let mut feeds = self.config.feeds.iter();
        feeds.find(|feed| feed.name == name && feed.is_enabled)
    }

    /// Returns whether the settings publish the file that a fork's updater reads, for this device.
    pub(super) fn publishes_for(&self, generation: Generation, device: &str) -> bool {
        self.reads_device_feed(generation, device)
            || templates_for(generation).any(|template| self.enabled(template).is_some())
    }

    /// Returns whether a file is published at a path; sends a request if the files are not known.
    pub(super) fn is_published(&self, path: &str) -> bool {
        let url = || format!("{}/{}", self.base, encode_path(path));
        match self.paths {
            Some(paths) => paths.contains(path),
            None => {
                let response = self.fetch.fetch(&Request::get(&url(), 1));
                response.is_ok_and(|response| response.status == 200)
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.into_iter().flatten().map(String::as_str)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.is_some_and(|paths| paths.contains(path))
    }

    /// Returns a path that differs from this one only in letter case.
    pub(super) fn in_other_case(&self, path: &str) -> Option<&str> {
        in_other_case(self.paths.into_iter().flatten(), path)
    }

    /// Returns the list for the phones with this incremental.
    pub(super) fn list_for(&self, incremental: &str) -> Option<&str> {
        let end = format!("/{incremental}");
        self.paths()
            .find(|path| path.contains("api/v1/") && path.ends_with(&end))
    }

    /// Returns a file with this path in the tree of a variant.
    pub(super) fn in_variant(&self, path: &str) -> Option<&str> {
        let end = format!("/{path}");
        self.paths().find(|found| found.ends_with(&end))
    }

    /// Returns the folder of the variant, as a path with a closing slash; empty if there is none.
    pub(super) fn tree(&self) -> String {
        let variant = self.variant.map(|variant| format!("{variant}/"));
        variant.unwrap_or_default()
    }

    /// Returns the devices with lists of builds; none if the files of the site are not known.
    #[must_use]
    pub fn devices(&self) -> BTreeSet<&str> {
        let (v1, v2) = self.folders();
        let of_v1 = self.paths().filter_map(|path| {
            let (device, romtype) = path.strip_prefix(&*v1)?.split_once('/')?;
            // `types` holds lists of release types, not of builds.
            (device != "types" && romtype.ends_with(JSON)).then_some(device)
        });
        let of_v2 = self
            .paths()
            .filter_map(|path| path.strip_prefix(&*v2)?.strip_suffix(BUILDS));
        let devices: BTreeSet<&str> = of_v1.collect();
        devices.into_iter().chain(of_v2).collect()
    }

    /// Returns the release types of a device.
    pub(super) fn romtypes(&self, device: &str) -> BTreeSet<&str> {
        let (v1, _) = self.folders();
        let of_device = |path: &'_ str| -> Option<usize> {
            let rest = path
                .strip_prefix(&*v1)?
                .strip_prefix(device)?
                .strip_prefix('/')?;
            (!rest.contains('/') && rest.ends_with(JSON)).then(|| path.len() - rest.len())
        };
        self.paths()
            .filter_map(|path| path.get(of_device(path)?..)?.strip_suffix(JSON))
            .collect()
    }

    fn folders(&self) -> (String, String) {
        let tree = self.tree();
        (format!("{tree}api/v1/"), format!("{tree}api/v2/devices/"))
    }
}

/// Returns the pattern of the paths in the text of a template.
fn path_of(text: &str) -> Option<String> {
    Some(front_matter::parse(text).ok()?.path)
}

/// Lists the files below a folder, as paths with `/`; unreadable folders are left out.
#[must_use]
pub fn list_paths(root: &Path) -> BTreeSet<String> {
    let files = WalkDir::new(root).into_iter().filter_map(Result::ok);
    files
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let path = entry.path().strip_prefix(root).ok()?;
            Some(path.to_str()?.replace('\\', "/"))
        })
        .take(MAX_PATHS)
        .collect()
}
