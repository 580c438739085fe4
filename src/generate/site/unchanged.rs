//! The parts of a site that the last run left as they are: their files need not be rendered again.
//!
//! The state folder remembers the digest of each part and a stamp of each of its files. While both are the same,
//! the files are what rendering would give.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::error::Error;
use super::memory::{Memory, RememberedPart};
use super::overview::Overview;
use super::sink::{Part, Rendered, Sink};
use crate::files::stamp;
use crate::model::config::Config;
use crate::publish::page::{Maker, Page};
use crate::publish::writer::{self, Compared, Comparer, Manifest};

/// The parts that an earlier run has written.
#[derive(Debug, Default)]
struct Known(Mutex<BTreeMap<String, RememberedPart>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, RememberedPart>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the files of a part, if it is as it was.
    fn files(&self, site: &Comparison<'_>, name: &str, digest: u64) -> Option<Vec<Compared>> {
        let manifest = site.manifest.as_ref()?;
        manifest.makers.as_ref()?;
        let mut lookup = manifest.lookup();
        let part = self.lock().remove(name);
        let files = part.filter(|part| part.digest == digest)?.files.into_iter();
        let files = files.map(|(path, known)| {
            let stamp = stamp(&site.out.join(&path))?;
            // What is not in the manifest is not romfeed's own.
            let maker = lookup.maker(&path)?;
            let is_same = mark(stamp, maker) == known;
            is_same.then(|| Compared::unchanged(path, maker.clone(), stamp))
        });
        files.collect()
    }
}

/// Returns a number that changes with the stamp of a file, and with its maker.
fn mark(stamp: u64, maker: &Maker) -> u64 {
    let mut hasher = DefaultHasher::new();
    (stamp, maker).hash(&mut hasher);
    hasher.finish()
}

/// Compares the files of a site with those in its folder, except those that are known.
#[derive(Debug)]
pub(super) struct Comparison<'l> {
    out: &'l Path,
    known: Known,
    /// The number of parts that were not rendered.
    num_known: AtomicUsize,
    /// The manifest of the site, if it has one.
    pub(super) manifest: Option<Manifest>,
    pub(super) comparer: Comparer,
}

impl<'l> Comparison<'l> {
    /// Begins a comparison; without a lock, nothing is written and all contents are kept. The files in `memory` are
    /// taken out of it.
    pub(super) fn new(
        config: &'l Config,
        lock: Option<&writer::SiteLock>,
        memory: &mut Memory,
        manifest: Option<Manifest>,
    ) -> Comparison<'l> {
        Comparison {
            out: &config.out,
            known: Known(Mutex::new(std::mem::take(&mut memory.parts))),
            num_known: AtomicUsize::new(0),
            manifest,
            comparer: match lock {
                Some(lock) => Comparer::staged(&config.out, lock),
                None => Comparer::in_memory(&config.out),
            },
        }
    }

    /// Forgets what earlier runs have written; returns whether any of it was used.
    pub(super) fn forget(&mut self) -> bool {
        self.known.lock().clear();
        std::mem::take(self.num_known.get_mut()) > 0
    }
}

impl Sink for Comparison<'_> {
    type File = Compared;

    fn known(&self, part: &str, digest: u64) -> Option<Vec<Compared>> {
        let files = self.known.files(self, part, digest)?;
        self.num_known.fetch_add(1, Ordering::Relaxed);
        Some(files)
    }

    fn take(&self, pages: Vec<Page>) -> Result<Vec<Compared>, Error> {
        Ok(self.comparer.compare(pages)?)
    }

    fn path(file: &Compared) -> &str {
        &file.path
    }
}

/// The parts of a site without their files.
#[derive(Debug)]
pub(super) struct Parts {
    ranges: Vec<PartRange>,
    overviews: Vec<Overview>,
}

/// A part, and the number of its files, which come after those of the parts before it.
#[derive(Debug)]
struct PartRange {
    name: String,
    digest: Option<u64>,
    num_files: usize,
    has_warnings: bool,
}

/// Puts all files of a site into one list: those of each part, then those about all devices.
pub(super) fn join(rendered: Rendered<Compared>) -> (Vec<Compared>, Parts) {
    let of_parts = rendered.parts.iter().map(|part| part.files.len());
    let num_files = of_parts.sum::<usize>() + rendered.of_site.len();
    let mut files = Vec::with_capacity(num_files);
    let mut ranges = Vec::new();
    for part in rendered.parts {
        let Part {
            name,
            digest,
            files: of_part,
            has_warnings,
        } = part;
        ranges.push(PartRange {
            name,
            digest,
            num_files: of_part.len(),
            has_warnings,
        });
        files.extend(of_part);
    }
    files.extend(rendered.of_site);
    let overviews = rendered.overviews;
    (files, Parts { ranges, overviews })
}

impl Parts {
    /// Adds the parts of a site that was written, and their files, to what is remembered of it.
    pub(super) fn remember(self, files: Vec<Compared>, memory: &mut Memory) {
        let mut rest = files.into_iter();
        for part in &self.ranges {
            let of_part: Vec<Compared> = rest.by_ref().take(part.num_files).collect();
            // Warnings are given in every run.
            let Some(digest) = part.digest.filter(|_| !part.has_warnings) else {
                continue;
            };
            let stamped = of_part.into_iter().map(|file| {
                let mark = mark(*file.stamp.get()?, &file.maker);
                Some((file.path, mark))
            });
            // A page that was left out has no stamp.
            if let Some(files) = stamped.collect() {
                let remembered = RememberedPart { digest, files };
                memory.parts.insert(part.name.clone(), remembered);
            }
        }
        for (part, overview) in self.ranges.into_iter().zip(self.overviews) {
            if overview.digest.is_some() {
                memory.add_overview(part.name, overview);
            }
        }
    }
}
