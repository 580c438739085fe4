//! Finds the build in the catalogs that a listed package is.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::catalog::{Catalog, Catalogs, Record, Tombstone};
use crate::model::build::{Build, Origin};
use crate::model::config::Config;
use crate::model::source::SourceConfig;
use crate::source::{RemoteFile, split};

/// All builds and removed builds of the catalogs, by what a list may say of them.
pub(super) struct Known<'a> {
    by_origin: HashMap<(&'a str, &'a str), &'a Record>,
    by_url: HashMap<Cow<'a, str>, &'a Record>,
    by_filename: HashMap<&'a str, Vec<&'a Record>>,
    stones: HashMap<(&'a str, &'a str), Vec<&'a Origin>>,
    catalogs: &'a Catalogs,
}

/// What a listed package is.
pub(super) enum Match<'a> {
    /// A build in a catalog, unchanged.
    Known(&'a Record),
    /// A build that was removed from the catalog.
    Buried,
    /// The package of this build had other contents when it was read, for these reasons.
    Changed(&'a Record, Vec<&'static str>),
    /// Unknown.
    New,
}

impl<'a> Known<'a> {
    pub(super) fn new(catalogs: &'a Catalogs, config: &Config) -> Known<'a> {
        let mut known = Known {
            by_origin: HashMap::new(),
            by_url: HashMap::new(),
            by_filename: HashMap::new(),
            stones: HashMap::new(),
            catalogs,
        };
        let records = catalogs.all().flat_map(|catalog| catalog.builds.values());
        // A zip that is gone from elsewhere may be published from a source.
        for record in records.filter(|r| !r.retired || r.build.origin.is_some()) {
            let build = &record.build;
            if let Some(origin) = &build.origin {
                known.by_origin.insert(key(origin), record);
            }
            if let Some(url) = address(build, config) {
                known.by_url.insert(url, record);
            }
            let of_name = known.by_filename.entry(&build.filename).or_default();
            of_name.push(record);
        }
        let stones = catalogs
            .all()
            .flat_map(|catalog| catalog.tombstones.values());
        for origin in stones.filter_map(|stone| stone.origin.as_ref()) {
            known.stones.entry(key(origin)).or_default().push(origin);
        }
        known
    }

    /// Iterates over the builds of the own catalog whose packages a source has, or had.
    pub(super) fn of_source(&self, source: &str) -> impl Iterator<Item = &'a Record> {
        let records = self.catalogs.own.builds.values();
        records.filter(move |record| {
            let origin = record.build.origin.as_ref();
            origin.is_some_and(|origin| origin.source == source)
        })
    }

    /// Returns whether a build is in the own catalog.
    pub(super) fn is_own(&self, build: &Build) -> bool {
        self.catalogs.own.builds.contains_key(build.identity())
    }

    /// Finds out what a listed package is: the same file as before, or the same address, or else the same name,
    /// size and digest.
    pub(super) fn find(&self, source: &SourceConfig, file: &RemoteFile) -> Match<'a> {
        let is_size = |record: &Record| file.size.is_none_or(|size| size == record.build.size);
        let is_same = |origin: &Origin| origin.id == file.id && is_version(origin, file);
        let place = (&*source.name, &*file.path);
        if let Some(record) = self.by_origin.get(&place) {
            let origin = record.build.origin.as_ref();
            let reasons = [
                (!is_size(record), "size"),
                (origin.is_some_and(|o| o.id != file.id), "upload"),
                (origin.is_some_and(|o| !is_version(o, file)), "version tag"),
            ];
            let reasons = reasons.into_iter().filter(|(is_changed, _)| *is_changed);
            let mut reasons: Vec<&'static str> = reasons.map(|(_, reason)| reason).collect();
            if reasons.is_empty() {
                return Match::Known(record);
            }
            if digests(record, file) == Some(false) {
                reasons.push("digest");
            }
            return Match::Changed(record, reasons);
        }
        let stones = self.stones.get(&place).into_iter().flatten();
        if stones.copied().any(is_same) || self.catalogs.all().any(|c| is_buried(c, file)) {
            return Match::Buried;
        }
        let url = source.phone_url(&file.path, &file.url);
        let same_url = self.by_url.get(&*url).copied();
        if let Some(record) = same_url.filter(|r| is_size(r) && digests(r, file) != Some(false)) {
            return Match::Known(record);
        }
        let filename = split(&file.path).1;
        let of_name = self.by_filename.get(filename).into_iter().flatten();
        let mut of_name = of_name.filter(|r| file.size == Some(r.build.size));
        match of_name.find(|record| digests(record, file) == Some(true)) {
            Some(record) => Match::Known(record),
            None => Match::New,
        }
    }
}

/// Returns whether a listed package has the version that was read; what has no tag may be the same.
fn is_version(origin: &Origin, file: &RemoteFile) -> bool {
    origin.tag.is_empty() || file.tag.is_empty() || origin.tag == file.tag
}

/// Returns where phones download a build: the address in its record, or else the one that the settings give it.
pub(super) fn address<'a>(build: &'a Build, config: &Config) -> Option<Cow<'a, str>> {
    match &build.url {
        Some(url) => Some(Cow::Borrowed(url)),
        None => Some(Cow::Owned(config.address(build)?.0)),
    }
}

fn key(origin: &Origin) -> (&str, &str) {
    (&origin.source, &origin.path)
}

/// Returns whether digests of a build and of a listed package are the same; `None` if none can be compared.
fn digests(record: &Record, file: &RemoteFile) -> Option<bool> {
    let pairs = [
        (&record.build.sha256, &file.sha256),
        (&record.build.md5, &file.md5),
    ];
    let mut pairs = pairs.into_iter();
    pairs.find_map(|(one, other)| Some(one.as_ref()? == other.as_ref()?))
}

/// Returns whether a build with the listed digest was removed by hand.
fn is_buried(catalog: &Catalog, file: &RemoteFile) -> bool {
    let digests = [&file.sha256, &file.md5];
    let stones = digests
        .into_iter()
        .flatten()
        .map(|id| catalog.tombstones.get(id));
    stones.flatten().any(Tombstone::is_removed)
}
