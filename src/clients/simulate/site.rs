//! What is published, as far as a check and the advice on it need to know.
//!
//! In: something that answers requests, and for a folder its files. Out: whether an address is
//! the site's, and what the site has in place of what was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use walkdir::WalkDir;

use crate::clients::check::target::{in_other_case, templates_for};
use crate::clients::updaters::{Generation, Phone};
use crate::fetch::{Fetch, Request};
use crate::generate::DeviceFamily;
use crate::model::address::encode_path;
use crate::model::config::{Config, DeviceFeed, FeedConfig};
use crate::publish::feed::template::{front_matter, shipped};

/// Most files of a site that are listed; the largest known has a hundred thousand.
const MAX_PATHS: usize = 400_000;
/// What the lists of all builds of a lane and of a device end with.
const JSON: &str = ".json";
const BUILDS: &str = "/builds.json";

/// A site.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Where it is published, without a closing slash.
    pub base: &'a str,
    /// The variant of the phone's ROM.
    pub variant: Option<&'a str>,
    /// What answers for it.
    pub fetch: &'a dyn Fetch,
    /// It was asked over the network.
    pub is_live: bool,
    /// Its files by path, if they are known.
    pub paths: Option<&'a BTreeSet<String>>,
    /// The time, in seconds since the epoch.
    pub now: i64,
    /// The settings, which say where the files for the updaters of forks are.
    pub config: &'a Config,
    /// Every incremental that the catalog knows.
    pub incrementals: &'a BTreeSet<String>,
    /// The ROM families of the builds that the catalog knows, by device and variant.
    pub families: &'a BTreeMap<(String, Option<String>), DeviceFamily>,
}

impl Site<'_> {
    /// The path of an address below the site's, without query; none if it is another site's.
    #[must_use]
    pub fn path<'u>(&self, url: &'u str) -> Option<&'u str> {
        let below = url.strip_prefix(self.base)?;
        if !(below.is_empty() || below.starts_with(['/', '?', '#'])) {
            return None;
        }
        let path = below.split(['?', '#']).next().unwrap_or_default();
        Some(path.trim_start_matches('/'))
    }

    /// The address of the file that is for a fork's updater, with what that fills in left open.
    pub(super) fn fork_address(&self, generation: Generation, phone: &Phone) -> String {
        // What reads LineageOS's older list finds that in `{device}.json`.
        let path = match self.config.device_feed(&phone.device) {
            DeviceFeed::Template(name) if templates_for(generation).any(|one| one == name) => None,
            _ => templates_for(generation).find_map(|name| self.template_path(name)),
        };
        let path = path.unwrap_or_else(|| "{device}.json".to_owned());
        let tree = match path.contains("{variant}") {
            true => String::new(),
            false => self.tree(),
        };
        // The others name the folder, and find the file in it on their own.
        let path = match generation {
            Generation::Custota | Generation::GrapheneOs => {
                path.rsplit_once('/').map_or("", |(folder, _)| folder)
            }
            _ => &path,
        };
        let path = path.replace("{romtype}", "{type}");
        format!("{}/{tree}{path}", self.base)
    }

    /// The pattern of a template's paths; that of one which is not switched on comes last.
    fn template_path(&self, name: &str) -> Option<String> {
        let feed = self.enabled(name);
        let own = feed.and_then(|feed| feed.path.clone());
        let text = feed.map_or_else(|| shipped(name), |feed| Some(&*feed.text))?;
        own.or_else(|| Some(front_matter::parse(text).ok()?.path))
    }

    fn enabled(&self, name: &str) -> Option<&FeedConfig> {
        let mut feeds = self.config.feeds.iter();
        feeds.find(|feed| feed.name == name && feed.is_enabled)
    }

    /// Whether the settings publish what a fork's updater reads, for this device.
    pub(super) fn publishes_for(&self, generation: Generation, device: &str) -> bool {
        templates_for(generation).any(|template| match self.config.device_feed(device) {
            DeviceFeed::Template(name) if name == template => true,
            _ => self.enabled(template).is_some(),
        })
    }

    /// Whether something is published at a path; asked for where the files are not known.
    pub(super) fn is_there(&self, path: &str) -> bool {
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

    /// A file that differs from this path in upper and lower case only.
    pub(super) fn in_other_case(&self, path: &str) -> Option<&str> {
        in_other_case(self.paths.into_iter().flatten(), path)
    }

    /// The list of single builds that is for this incremental.
    pub(super) fn list_of(&self, incremental: &str) -> Option<&str> {
        let end = format!("/{incremental}");
        self.paths()
            .find(|path| path.contains("api/v1/") && path.ends_with(&end))
    }

    /// Files that end with this path, in the trees of variants.
    pub(super) fn in_variants(&self, path: &str) -> Option<&str> {
        let end = format!("/{path}");
        self.paths().find(|found| found.ends_with(&end))
    }

    /// The tree of the variant, as a path with a closing slash.
    pub(super) fn tree(&self) -> String {
        let variant = self.variant.map(|variant| format!("{variant}/"));
        variant.unwrap_or_default()
    }

    /// The devices with lists of builds.
    pub(super) fn devices(&self) -> BTreeSet<&str> {
        let (v1, v2) = self.folders();
        let of_v1 = self.paths().filter_map(|path| {
            let (device, romtype) = path.strip_prefix(&*v1)?.split_once('/')?;
            // Beside them are the lists of other tools.
            (device != "types" && romtype.ends_with(JSON)).then_some(device)
        });
        let of_v2 = self
            .paths()
            .filter_map(|path| path.strip_prefix(&*v2)?.strip_suffix(BUILDS));
        let devices: BTreeSet<&str> = of_v1.collect();
        devices.into_iter().chain(of_v2).collect()
    }

    /// The release types of a device.
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

/// The files below a folder, as paths with `/`; those that cannot be read are left out.
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
