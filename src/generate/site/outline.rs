//! What pages about all devices show of one part of a site: its channels, with the newest builds of each.
//!
//! In: the channels of a part. Out: an [`Outline`], which borrows nothing, so that the other builds need not stay in
//! memory; and channels of the builds in it.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalog::Record;
use crate::catalog::channels::{Channel, ChannelKey, DeltaOffer, Offer};
use crate::model::build::{Build, Variant};

/// The channels of a part with some of their builds: the newest of each version, and those that are among the newest
/// of the whole site.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Outline {
    builds: Vec<ShownBuild>,
    channels: Vec<ShownChannel>,
}

/// A build that pages about all devices may show.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ShownBuild {
    #[serde(serialize_with = "serialize", deserialize_with = "deserialize")]
    pub(super) record: Arc<Record>,
    /// Its address; empty if it is not offered.
    pub(super) url: String,
    /// Path of its page.
    pub(super) page: Option<String>,
    /// Whether it is known which projects changed in it.
    pub(super) has_projects: bool,
}

fn serialize<S: Serializer>(record: &Arc<Record>, serializer: S) -> Result<S::Ok, S::Error> {
    record.as_ref().serialize(serializer)
}

fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Record>, D::Error> {
    Record::deserialize(deserializer).map(Arc::new)
}

/// A channel; builds are numbers in the list of the outline.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ShownChannel {
    key: ChannelKey,
    /// Full builds, newest first.
    offers: Vec<usize>,
    deltas: Vec<ShownDelta>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ShownDelta {
    build: usize,
    target: usize,
    source: String,
    source_since: Option<i64>,
    /// The full build that it starts from, if that is known.
    source_build: Option<usize>,
}

/// Decides whether a full build is among the newest, given its channel and its place there.
pub(super) type IsNewest<'l> = dyn Fn(&ChannelKey, usize, &Offer<'_>) -> bool + 'l;

/// Makes the outline of channels.
struct Outliner<'l> {
    outline: Outline,
    numbers: BTreeMap<String, usize>,
    describe: &'l dyn Fn(&Build, &str) -> ShownBuild,
}

impl Outliner<'_> {
    /// Returns the number of a build; `url` is its address if it is offered.
    fn number(&mut self, build: &Build, url: &str) -> usize {
        let next = self.outline.builds.len();
        let number = *self
            .numbers
            .entry(build.identity().to_owned())
            .or_insert(next);
        match self.outline.builds.get_mut(number) {
            // The build that a delta starts from may be offered under another name.
            Some(known) if known.url.is_empty() => url.clone_into(&mut known.url),
            Some(_) => {}
            None => self.outline.builds.push((self.describe)(build, url)),
        }
        number
    }

    fn add(&mut self, key: &ChannelKey, channel: &Channel<'_>, is_newest: &IsNewest<'_>) {
        let mut versions = HashSet::new();
        let mut shown: HashSet<&str> = HashSet::new();
        for (at, offer) in channel.offers.iter().enumerate() {
            if versions.insert(&*offer.build.version) || is_newest(key, at, offer) {
                shown.insert(offer.build.identity());
            }
        }
        let is_to_shown = |delta: &&DeltaOffer<'_>| shown.contains(delta.target.build.identity());
        let deltas: Vec<&DeltaOffer<'_>> = channel.deltas.iter().filter(is_to_shown).collect();
        let source = |delta: &DeltaOffer<'_>| channel.incrementals.get(delta.source)?.build;
        // Deltas state the address of the build they start from, if that is offered.
        let sources = deltas.iter().filter_map(|delta| source(delta));
        let sources: Vec<&str> = sources.map(Build::identity).collect();
        shown.extend(sources);
        let offers = channel.offers.iter();
        let offers = offers.filter(|offer| shown.contains(offer.build.identity()));
        let offers = offers.map(|o| self.number(o.build, o.url)).collect();
        let deltas = deltas.iter().map(|delta| ShownDelta {
            build: self.number(delta.offer.build, delta.offer.url),
            target: self.number(delta.target.build, delta.target.url),
            source: delta.source.to_owned(),
            source_since: delta.source_since,
            source_build: source(delta).map(|build| self.number(build, "")),
        });
        let deltas = deltas.collect();
        self.outline.channels.push(ShownChannel {
            key: key.clone(),
            offers,
            deltas,
        });
    }
}

impl Outline {
    /// Makes the outline of channels; `describe` gets builds with their addresses.
    pub(super) fn new<'c, 'a: 'c>(
        channels: impl Iterator<Item = (&'c ChannelKey, &'c Channel<'a>)>,
        describe: &dyn Fn(&Build, &str) -> ShownBuild,
        is_newest: &IsNewest<'_>,
    ) -> Outline {
        let mut outliner = Outliner {
            outline: Outline::default(),
            numbers: BTreeMap::new(),
            describe,
        };
        for (key, channel) in channels {
            outliner.add(key, channel, is_newest);
        }
        outliner.outline
    }

    /// Returns the outline without builds that are not among the newest.
    pub(super) fn trimmed(&self, is_newest: &IsNewest<'_>) -> Outline {
        let builds = self.builds.iter();
        let known: BTreeMap<&str, &ShownBuild> = builds
            .map(|shown| (shown.record.build.identity(), shown))
            .collect();
        let describe = |build: &Build, _: &str| known[build.identity()].clone();
        let channels = self.channels();
        let channels = channels.iter().map(|(key, channel)| (*key, channel));
        Outline::new(channels, &describe, is_newest)
    }

    /// Whether it has all builds that its channels name; one that was read may lack some.
    pub(super) fn is_whole(&self) -> bool {
        let mut numbers = self.channels.iter().flat_map(|channel| {
            let of_deltas = channel.deltas.iter();
            let of_deltas = of_deltas.flat_map(|d| [Some(d.build), Some(d.target), d.source_build]);
            channel.offers.iter().copied().chain(of_deltas.flatten())
        });
        numbers.all(|number| number < self.builds.len())
    }

    /// Returns the builds in it.
    pub(super) fn builds(&self) -> &[ShownBuild] {
        &self.builds
    }

    /// Returns channels of the builds in it.
    pub(super) fn channels<'o>(&'o self) -> Vec<(&'o ChannelKey, Channel<'o>)> {
        let build = |number: usize| &self.builds[number].record.build;
        let offer = |number: usize| Offer {
            build: build(number),
            url: &self.builds[number].url,
        };
        let delta = |delta: &'o ShownDelta| {
            let ShownDelta { build, target, .. } = delta;
            DeltaOffer {
                offer: offer(*build),
                source: &delta.source,
                source_since: delta.source_since,
                target: offer(*target),
            }
        };
        let channel = |shown: &'o ShownChannel| {
            let ShownChannel {
                key,
                offers,
                deltas,
            } = shown;
            let sources = deltas.iter();
            let sources = sources.filter_map(|d| Some((&*d.source, build(d.source_build?))));
            let offers = offers.iter().map(|number| offer(*number)).collect();
            let deltas_to_them = deltas.iter().map(delta).collect();
            (key, Channel::of_some(offers, deltas_to_them, sources))
        };
        self.channels.iter().map(channel).collect()
    }
}

/// The place of a build among others: newest first, and builds of one second by file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    before: std::cmp::Reverse<i64>,
    filename: String,
}

impl Place {
    fn of(build: &Build) -> Place {
        Place {
            before: std::cmp::Reverse(build.timestamp),
            filename: build.filename.clone(),
        }
    }
}

/// The last of the newest builds of each variant that has more than those.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Newest(Vec<(Option<Variant>, Place)>);

impl Newest {
    /// Finds the last of the newest `most` builds of each variant.
    pub(super) fn of<'o>(outlines: impl Iterator<Item = &'o Outline>, most: usize) -> Newest {
        let mut places: BTreeMap<Option<&Variant>, BTreeMap<Place, ()>> = BTreeMap::new();
        for outline in outlines {
            for channel in &outline.channels {
                let of_variant = places.entry(channel.key.variant.as_ref()).or_default();
                for number in &channel.offers {
                    // A device with two names has each build twice.
                    of_variant.insert(Place::of(&outline.builds[*number].record.build), ());
                    if of_variant.len() > most.saturating_add(1) {
                        of_variant.pop_last();
                    }
                }
            }
        }
        let last = |(variant, places): (Option<&Variant>, BTreeMap<Place, ()>)| {
            let has_more = places.len() > most;
            let (place, ()) = places.into_iter().nth(most.checked_sub(1)?)?;
            has_more.then(|| (variant.cloned(), place))
        };
        Newest(places.into_iter().filter_map(last).collect())
    }

    fn last(&self, variant: Option<&Variant>) -> Option<&Place> {
        let mut known = self.0.iter();
        let found = known.find(|(known, _)| known.as_ref() == variant);
        found.map(|(_, place)| place)
    }

    /// Whether a build of a variant is among the newest.
    pub(super) fn has(&self, variant: Option<&Variant>, build: &Build) -> bool {
        self.last(variant)
            .is_none_or(|last| Place::of(build) <= *last)
    }

    /// Returns whether outlines limited to these builds have all builds of `later`.
    pub(super) fn cover(&self, later: &Newest) -> bool {
        let mut all = self.0.iter();
        all.all(|(variant, last)| later.last(variant.as_ref()).is_some_and(|now| now <= last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::build::{Device, Romtype};

    /// The outline of a device with a build for each of these dates.
    fn outline(device: &str, dates: &[i64]) -> Outline {
        let device = Device::parse(device).unwrap();
        let romtype = Romtype::parse("nightly").unwrap();
        let shown = |date: &i64| {
            let path = format!("{device}-{date}.zip");
            let version = "22.2".to_owned();
            let build = Build::new(device.clone(), romtype.clone(), version, *date, path, 1);
            let build = Build {
                sha256: Some(format!("{device}{date}")),
                ..build
            };
            ShownBuild {
                record: Arc::new(Record::new(build)),
                url: String::new(),
                page: None,
                has_projects: false,
            }
        };
        Outline {
            builds: dates.iter().map(shown).collect(),
            channels: vec![ShownChannel {
                key: ChannelKey::new(&device, None, &romtype),
                offers: (0..dates.len()).collect(),
                deltas: Vec::new(),
            }],
        }
    }

    #[test]
    fn outlines_keep_the_newest_of_the_site_and_of_each_version() {
        let outlines = [outline("onyx", &[9, 7, 5]), outline("mako", &[8, 2, 1])];
        let newest = Newest::of(outlines.iter(), 3);
        let is_newest = |key: &ChannelKey, _: usize, offer: &Offer<'_>| {
            newest.has(key.variant.as_ref(), offer.build)
        };
        let dates = |outline: &Outline| {
            let builds = outline.builds.iter();
            builds
                .map(|shown| shown.record.build.timestamp)
                .collect::<Vec<_>>()
        };
        let [onyx, mako] = outlines
            .each_ref()
            .map(|outline| dates(&outline.trimmed(&is_newest)));
        assert_eq!((onyx, mako), (vec![9, 7], vec![8]));
    }

    #[test]
    fn builds_that_were_left_out_are_missed_once_newer_ones_are_gone() {
        let before = [outline("onyx", &[9, 7, 5]), outline("mako", &[8, 2])];
        let newest = Newest::of(before.iter(), 3);
        let with = |dates: &[i64]| Newest::of([&outline("onyx", dates), &before[1]].into_iter(), 3);
        assert!(newest.cover(&with(&[10, 9, 7])));
        assert!(newest.cover(&newest));
        assert!(!newest.cover(&with(&[9])));
        // All builds are among the newest, so none was left out.
        assert!(Newest::of(before.iter(), 5).cover(&with(&[])));
    }
}
