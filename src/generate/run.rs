//! What all steps of a run use: settings, cache, time, who follows its progress, and threads.

use std::io;
use std::path::PathBuf;

use rayon::ThreadPool;

use super::error::Error;
use super::site::Concerned;
use crate::ingest::Examined;
use crate::ingest::cache::Cache;
use crate::model::build::{Build, Device};
use crate::model::config::Config;

/// Follows the progress of a run. The methods are called from several threads.
pub trait Observer: Sync {
    /// Called before sources are listed, with their number.
    fn listing(&self, _num_sources: usize) {}
    /// Called before a source is listed; several may be listed at once.
    fn asking(&self, _source: &str) {}
    /// Called when a source was listed, or could not be.
    fn listed(&self) {}
    /// Called when all sources were listed.
    fn listing_done(&self) {}
    /// Called before packages of sources are read, with their number.
    fn reading(&self, _num_packages: usize) {}
    /// Called when another package of a source was read, or could not be.
    fn read(&self) {}
    /// Called when all packages of sources were read.
    fn reading_done(&self) {}
    /// Called when a package was examined.
    fn examined(&self, _package: &Examined) {}
    /// Called when hashing begins, with the numbers of files and bytes to hash.
    fn hashing(&self, _num_files: usize, _num_bytes: u64) {}
    /// Called when downloads for their digests begin, with the numbers of packages and bytes. They are
    /// hashed meanwhile.
    fn downloading(&self, _num_packages: usize, _num_bytes: u64) {}
    /// Called when another `num_bytes` bytes were hashed.
    fn hashed(&self, _num_bytes: u64) {}
    /// Called when all files were hashed or downloaded.
    fn hashing_done(&self) {}
    /// Called before the first file of catalog and site is written.
    fn writing(&self) {}
    /// Called when all of them are written.
    fn written(&self) {}
}

/// What all steps of a run use.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) config: &'a Config,
    pub(super) cache: &'a Cache,
    pub(super) observer: &'a dyn Observer,
    /// The time, in nanoseconds since the epoch.
    pub(super) now_ns: i64,
    /// The catalog files that were read, if those are not all.
    pub(super) concerned: Option<&'a Concerned>,
}

impl Run<'_> {
    /// Returns the time, in seconds since the epoch.
    pub(super) fn now(&self) -> i64 {
        self.now_ns.div_euclid(1_000_000_000)
    }

    /// Notes the devices of builds, in case the run does not read their catalog files.
    pub(super) fn note_builds<'b>(&self, builds: impl Iterator<Item = &'b Build>) {
        if let Some(concerned) = self.concerned {
            builds.for_each(|build| concerned.note_build(self.config, build));
        }
    }

    /// Notes names of devices, as far as they can be such.
    pub(super) fn note_devices<'n>(&self, names: impl Iterator<Item = &'n str>) {
        if let Some(concerned) = self.concerned {
            let devices = names.filter_map(|name| Device::parse(name).ok());
            devices.for_each(|device| concerned.note_device(&device));
        }
    }

    /// Notes that a package may be of any device.
    pub(super) fn note_all(&self) {
        self.concerned.into_iter().for_each(Concerned::note_all);
    }

    /// Whether the run has to read all catalog files.
    pub(super) fn needs_all(&self) -> bool {
        self.concerned.is_some_and(Concerned::are_too_few)
    }
}

pub(super) fn thread_pool(num_threads: usize) -> Result<ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(num_threads.max(1))
        .build()
        .map_err(|error| Error::Write {
            file: PathBuf::from("thread pool"),
            source: io::Error::other(error),
        })
}
