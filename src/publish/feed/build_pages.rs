//! Where the page of each build lies, which feeds for people link to and the site has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::catalog::channels::{Channel, ChannelKey, Offer, newest_first};
use crate::model::build::{self, Device};

/// Most builds of a device that have a page of their own, the newest; the others are in its lists
/// alone.
const MAX_PAGES: usize = 100;

/// Returns the path of each build's page, not escaped, by the build's identity.
#[must_use]
pub fn paths<'a>(channels: &BTreeMap<ChannelKey, Channel<'a>>) -> HashMap<&'a str, String> {
    let mut devices: BTreeMap<&Device, Vec<Offer<'a>>> = BTreeMap::new();
    // A build of a device with several names is in several channels.
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for offer in channels.values().flat_map(|channel| &channel.offers) {
        if seen.insert(offer.build.identity()) {
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

/// Names each page by its package, and where only the ends of two names differ, by what
/// tells them apart.
fn add_paths<'a>(model: &str, offers: &[Offer<'a>], paths: &mut HashMap<&'a str, String>) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for offer in offers {
        let stem = build::bounded_stem(&offer.build.filename);
        let identity = offer.build.identity();
        let mut path = format!("{model}/builds/{stem}.html");
        if !taken.insert(path.clone()) {
            // An identity may be anything that a feed elsewhere said.
            let digits = build::digits(identity);
            path = format!("{model}/builds/{stem}-{digits}.html");
        }
        paths.insert(identity, path);
    }
}
