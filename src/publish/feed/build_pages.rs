//! The paths of the pages of builds, which feeds for people link to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::ChannelMap;
use crate::catalog::channels::{Offer, newest_first};
use crate::model::build::{self, Build, Device};

/// Most builds of a device with a page of their own: the newest. Others are only in lists.
const MAX_PAGES: usize = 100;

/// Returns the path of each build's page, not escaped, by the build's identity.
#[must_use]
pub fn paths<'a>(channels: &ChannelMap<'_, 'a>) -> HashMap<&'a str, String> {
    let mut devices: BTreeMap<&Device, Vec<Offer<'a>>> = BTreeMap::new();
    // If a device has several names, its builds are in several channels.
    let mut seen: HashSet<*const Build> = HashSet::new();
    for offer in channels.values().flat_map(|channel| &channel.offers) {
        if seen.insert(std::ptr::from_ref(offer.build)) {
            devices.entry(&offer.build.device).or_default().push(*offer);
        }
    }
    let mut paths = HashMap::new();
    for (device, mut offers) in devices {
        offers.sort_by(newest_first);
        offers.truncate(MAX_PAGES);
        add_paths(device.as_str(), &offers, &mut paths);
    }
    paths
}

/// Names each page after its package; if two pages would have one name, adds a part of the identity.
fn add_paths<'a>(model: &str, offers: &[Offer<'a>], paths: &mut HashMap<&'a str, String>) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for offer in offers {
        let stem = build::bounded_stem(&offer.build.filename);
        let identity = offer.build.identity();
        let mut path = format!("{model}/builds/{stem}.html");
        if !taken.insert(path.clone()) {
            // The identity may be an `id` from another feed, and so any text.
            let digits = build::short_hash(identity);
            path = format!("{model}/builds/{stem}-{digits}.html");
        }
        paths.insert(identity, path);
    }
}
