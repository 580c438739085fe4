//! Hashes files at the speed that the settings allow, and reports progress to an [`Observer`].

use digest_lanes::{Error, Source, Watch};
use rayon::prelude::*;

use super::draft::Draft;
use super::hashed::Hashed;
use super::report::Log;
use super::require;
use super::run::{Observer, Run};
use super::state::{CACHE, cache_key};
use crate::catalog::Catalogs;
use crate::ingest::Examined;
use crate::ingest::digests::{self, Digests, FEEDS};

/// Hashes the drafted packages, or takes their digests from the cache, and checks them against the
/// checksum files next to the packages. New packages that have to meet requirements are verified in
/// the same pass.
pub(super) fn hash_packages(
    run: &Run<'_>,
    drafts: Vec<Draft>,
    catalogs: &Catalogs,
) -> (Vec<Hashed>, Log) {
    let mut known: Vec<Option<Digests>> = drafts
        .iter()
        .map(|draft| match run.config.rehash {
            true => None,
            false => run
                .cache
                .digests(&cache_key(&draft.package.file), draft.package.stamp),
        })
        .collect();
    let verdicts = require::hash_and_verify(run, &drafts, catalogs, &mut known);
    let waiting: Vec<usize> = (0..drafts.len())
        .filter(|&index| known[index].is_none())
        .collect();
    let sources: Vec<Source<'_>> = waiting
        .iter()
        .map(|&index| Source {
            path: &drafts[index].package.file,
            stamp: drafts[index].package.stamp,
        })
        .collect();
    let remember = |nth: usize, digests: &Digests| {
        let Examined { file, stamp, .. } = &drafts[waiting[nth]].package;
        // A cache that cannot be written only costs time.
        let _ = run
            .cache
            .insert_digests(&cache_key(file), *stamp, digests, run.now_ns);
    };
    let mut results = hash_files(run, &sources, &remember).into_iter();
    let hashed: Vec<Result<Digests, Error>> = known
        .into_iter()
        .map(|known| match known {
            Some(digests) => Ok(digests),
            None => results.next().expect("one result for each waiting file"),
        })
        .collect();
    let hashed = drafts
        .into_par_iter()
        .zip(hashed)
        .zip(verdicts)
        .map(|((draft, digests), verdict)| {
            (draft.package.path.clone(), draft.verified(digests, verdict))
        })
        .collect();
    let mut log = Log::default();
    if let Err(error) = run.cache.save() {
        let text = format!("cannot be written, so the next run reads these zips again: {error}");
        log.warn(CACHE, text);
    }
    let mut sound = Vec::new();
    for (hashed, warnings) in log.take_successes(hashed) {
        for text in warnings {
            log.warn(&hashed.build.path, text);
        }
        sound.push(hashed);
    }
    (sound, log)
}

/// Hashes files. `remember` is called with the digests of each file as soon as they are known, so
/// that an interrupted run has not hashed in vain.
pub(super) fn hash_files(
    run: &Run<'_>,
    files: &[Source<'_>],
    remember: &(dyn Fn(usize, &Digests) + Sync),
) -> Vec<Result<Digests, Error>> {
    let num_bytes = files.iter().map(|file| file.stamp.size).sum();
    run.observer.hashing(files.len(), num_bytes);
    let watch = Watching {
        observer: run.observer,
        remember,
    };
    let results = digest_lanes::digest_files(files, &FEEDS, &digests::options(run.config), &watch);
    run.observer.hashing_done();
    let digests = |result: Result<Vec<String>, Error>| Ok(Digests::from_feeds(&result?));
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
            (self.remember)(index, &Digests::from_feeds(digests));
        }
    }
}
