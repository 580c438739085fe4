//! Warns of the first build of a device whose list already has builds of another device.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalogs;
use crate::catalog::channels::ChannelKey;
use crate::model::build::{Build, Device};
use crate::model::config::Config;
use crate::model::family::NEXT_DEVICE;

/// Lists of devices without builds of their own that contain builds of another device, because a
/// property of those builds names the list's device.
///
/// Such builds stay, since phones that were sent to the list wait there. But once the list's device
/// gets its first own build, phones of either device are offered the builds of both, so there is a
/// warning.
#[derive(Debug)]
pub struct SharedLists {
    /// One device with builds in each list.
    lists: BTreeMap<ChannelKey, Device>,
}

impl SharedLists {
    /// Collects the lists of the catalogs.
    #[must_use]
    pub fn new(catalogs: &Catalogs) -> SharedLists {
        let mut lists = BTreeMap::new();
        let mut own = BTreeSet::new();
        let mut note = |device: &Device, next: Option<&Device>, variant, romtype| {
            let Some(next) = next.filter(|next| *next != device) else {
                return;
            };
            let channel = ChannelKey::new(next, variant, romtype);
            lists.insert(channel, device.clone());
        };
        for catalog in catalogs.all() {
            for build in catalog.builds.values().map(|record| &record.build) {
                let (next, variant) = (build.next_device.as_ref(), build.variant.as_ref());
                note(&build.device, next, variant, &build.romtype);
            }
            for stone in catalog.tombstones.values() {
                let (next, variant) = (stone.next_device.as_ref(), stone.variant.as_ref());
                note(&stone.device, next, variant, &stone.romtype);
            }
        }
        if !lists.is_empty() {
            for catalog in catalogs.all() {
                let builds = catalog.builds.values();
                own.extend(builds.map(|record| ChannelKey::from_build(&record.build)));
                let stones = catalog.tombstones.values();
                own.extend(
                    stones.map(|s| ChannelKey::new(&s.device, s.variant.as_ref(), &s.romtype)),
                );
            }
        }
        lists.retain(|channel, _| !own.contains(channel));
        SharedLists { lists }
    }

    /// Returns a warning if a build is the first of its device in one of these lists and the
    /// settings do not allow it. Each list gets one warning.
    pub fn warning(&mut self, config: &Config, build: &Build) -> Option<String> {
        let other = self.lists.remove(&ChannelKey::from_build(build))?;
        let name = &build.device;
        let filename = build.filename.escape_debug();
        (!config.same_lane(name.as_str())).then(|| {
            format!(
                "{filename} is the first build of {name} in a list that has builds of {other}, by their \
                 {NEXT_DEVICE}: phones of {name} and {other} are offered the builds of both; if \
                 {name} is the new name of {other}, set same_lane = true {}; otherwise hold it back with \
                 `romfeed catalog yank {filename} --reason wrong-list`",
                config.place_of_device(name.as_str())
            )
        })
    }
}
