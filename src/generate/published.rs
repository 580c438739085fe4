//! Keeps a device at the address where it was published before.
//!
//! In: the catalog, and the readings of a package, one for each ROM family whose markers it has.
//! Out: the reading under which its predecessor was published. So a family that is newly added to
//! the table does not change the address that phones in the field request.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::report::{FEEDS, Log};
use crate::catalog::Catalog;
use crate::catalog::channels::ChannelKey;
use crate::ingest::{DEFAULT_ROMTYPE, Examined};
use crate::model::build::Build;
use crate::model::config::Config;
use crate::model::family::Reading;

/// A build that was published.
#[derive(Clone, Copy)]
struct PublishedBuild<'a> {
    device: &'a str,
    romtype: &'a str,
    version: &'a str,
    filename: &'a str,
    timestamp: i64,
}

/// All builds that were published, by file name and device.
pub(super) struct Published<'a> {
    by_filename: HashMap<&'a str, PublishedBuild<'a>>,
    by_device: HashMap<&'a str, Vec<PublishedBuild<'a>>>,
}

impl<'a> Published<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Published<'a> {
        let mut published = Published {
            by_filename: HashMap::new(),
            by_device: HashMap::new(),
        };
        let builds = catalog.builds.values().map(|record| PublishedBuild {
            device: record.build.device.as_str(),
            romtype: record.build.romtype.as_str(),
            version: &record.build.version,
            filename: &record.build.filename,
            timestamp: record.build.timestamp,
        });
        let stones = catalog.tombstones.values().map(|stone| PublishedBuild {
            device: stone.device.as_str(),
            romtype: stone.romtype.as_str(),
            version: &stone.version,
            filename: &stone.filename,
            timestamp: stone.timestamp,
        });
        for prior in stones.chain(builds) {
            published.by_filename.insert(prior.filename, prior);
            let of_device = published.by_device.entry(prior.device).or_default();
            of_device.push(prior);
        }
        published
    }

    /// Returns the index of the reading under which the predecessor of a package was published;
    /// `None` without a predecessor, or if no reading matches it.
    pub(super) fn reading(&self, filename: &str, readings: &[Reading<'_>]) -> Option<usize> {
        let prior = self.predecessor(filename, readings)?;
        let distances = readings.iter().enumerate().filter_map(|(index, reading)| {
            let default = (!reading.family.compares_romtype).then_some(DEFAULT_ROMTYPE);
            let romtype = reading.romtype.as_deref().or(default)?;
            let is_place = reading.device.as_deref() == Some(prior.device)
                && romtype.eq_ignore_ascii_case(prior.romtype);
            let version = reading.version.as_deref()?;
            is_place.then(|| (distance(version, prior.version), index))
        });
        distances.min().map(|(_, index)| index)
    }

    /// Returns the build with this file name, or else the device's newest build of the same ROM,
    /// judged by the beginning of the name.
    fn predecessor(&self, filename: &str, readings: &[Reading<'_>]) -> Option<PublishedBuild<'a>> {
        if let Some(prior) = self.by_filename.get(filename) {
            return Some(*prior);
        }
        let devices = readings
            .iter()
            .filter_map(|reading| reading.device.as_deref());
        let of_devices = devices.filter_map(|device| self.by_device.get(device));
        let of_rom = of_devices
            .flatten()
            .filter(|prior| rom(prior.filename) == rom(filename));
        of_rom
            .max_by_key(|prior| (prior.timestamp, Reverse(prior.filename)))
            .copied()
    }
}

/// Returns the name of the ROM in a file name, in lower case.
fn rom(filename: &str) -> String {
    let rom = filename.split(['-', '_']).next().unwrap_or(filename);
    rom.to_ascii_lowercase()
}

/// Returns the distance between two versions: 0 if equal, else one more than the difference of the
/// major versions; the maximum if a version has no number.
fn distance(version: &str, other: &str) -> u64 {
    let major = |version: &str| {
        version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u64>().ok())
    };
    match (major(version), major(other)) {
        _ if version == other => 0,
        (Some(a), Some(b)) => a.abs_diff(b).saturating_add(1),
        _ => u64::MAX,
    }
}

/// Warns once for each list whose builds stay at the address that another family's properties gave.
pub(super) fn warn<'a>(
    config: &Config,
    packages: impl Iterator<Item = (&'a Examined, &'a Build)>,
) -> Log {
    let mut log = Log::default();
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (package, build) in packages {
        if let Some(unpublished) = &package.unpublished {
            let key = (&unpublished.family, ChannelKey::from_build(build));
            let group = groups.entry(key).or_default();
            group.push((package, build, unpublished));
        }
    }
    for ((family, channel), group) in groups {
        let Some((package, build, unpublished)) = group.last() else {
            continue;
        };
        let facts = |values: [&str; 3]| {
            let [device, version, romtype] = values.map(str::escape_debug);
            format!("`{device}`, `{version}`, `{romtype}`")
        };
        let own = unpublished.facts.each_ref();
        let own = own.map(|fact| fact.as_deref().unwrap_or("?"));
        let others = match group.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more of its list"),
        };
        let by = match package.family.as_deref() {
            Some(other) if other != family.as_str() => format!("those of {other}"),
            _ => "its other properties".to_owned(),
        };
        let base = config.base_url.as_deref().unwrap_or_default();
        let variant = channel.variant.map(|variant| format!("{variant}/"));
        let text = format!(
            "{}{others} would be {} by the properties of {family}, but was published as {} by {}: phones in the field ask {base}/{}api/v1/{}/{}/, so it stays there; `family = \
             \"{family}\"` {} moves it",
            package.path.escape_debug(),
            facts(own),
            facts([
                build.device.as_str(),
                &build.version,
                build.romtype.as_str()
            ]),
            by,
            variant.unwrap_or_default(),
            channel.device,
            channel.romtype,
            config.place_of_device(channel.device.as_str()),
        );
        log.warn(FEEDS, text);
    }
    log
}
