//! Hashing, as the settings allow it and with whoever watches being told.

use super::Observer;
use crate::ingest::digests::{self, Digests, FEEDS};
use crate::model::config::Config;
use digest_lanes::{Error, Source, Watch};

/// Hashes files. `remember` is told the digests of each as soon as they are known, so that a
/// run that is broken off has not hashed for nothing.
pub(super) fn hash_files(
    config: &Config,
    files: &[Source<'_>],
    observer: &dyn Observer,
    remember: &(dyn Fn(usize, &Digests) + Sync),
) -> Vec<Result<Digests, Error>> {
    let num_bytes = files.iter().map(|file| file.stamp.size).sum();
    observer.hashing(files.len(), num_bytes);
    let watch = Watching { observer, remember };
    let results = digest_lanes::digest_files(files, &FEEDS, &digests::options(config), &watch);
    observer.hashing_done();
    let digests = |result: Result<Vec<String>, Error>| Ok(Digests::of_feeds(&result?));
    results.into_iter().map(digests).collect()
}

struct Watching<'a> {
    observer: &'a dyn Observer,
    remember: &'a (dyn Fn(usize, &Digests) + Sync),
}

impl Watch for Watching<'_> {
    fn on_read(&self, num_bytes: u64) {
        self.observer.hashed(num_bytes);
    }

    fn on_done(&self, index: usize, result: &Result<Vec<String>, Error>) {
        if let Ok(digests) = result {
            (self.remember)(index, &Digests::of_feeds(digests));
        }
    }
}
