//! The parts of a site that the last run left as they are: their files need not be rendered again.
//!
//! The state folder remembers the digest of each part and a stamp of each of its files. While both are the same,
//! the files are what rendering would give. What is remembered is only a help: without it, all is rendered.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Error;
use super::sink::{Part, Rendered, Sink};
use super::state::cache_key;
use crate::files::{read_file, write_atomically};
use crate::model::config::Config;
use crate::publish::page::{Maker, Page};
use crate::publish::writer::{self, Compared, Comparer, Manifest};

/// Name of the file in the state folder.
const FILE: &str = "pages.json";
/// Schema of the file.
const SCHEMA: u32 = 1;
/// Longest file that is read, in bytes: about ten million pages.
const MAX_SIZE: u64 = 1 << 30;

/// What is remembered of a site.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    schema: u32,
    /// The folder of the site.
    out: PathBuf,
    parts: BTreeMap<String, RememberedPart>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RememberedPart {
    digest: u64,
    /// Path of each file, and a number of its stamp and its maker.
    files: Vec<(String, u64)>,
}

/// The parts that an earlier run has written.
#[derive(Debug, Default)]
struct Known(Mutex<BTreeMap<String, RememberedPart>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, RememberedPart>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is remembered of a site; nothing if that is damaged or of another folder.
    fn load(config: &Config) -> Known {
        let read = read_file(&config.state.join(FILE), MAX_SIZE).ok();
        let remembered: Option<Remembered> =
            read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let is_it =
            |known: &Remembered| known.schema == SCHEMA && known.out == cache_key(&config.out);
        let remembered = remembered.filter(is_it);
        Known(Mutex::new(remembered.unwrap_or_default().parts))
    }

    /// Takes out the files of a part, if it is as it was.
    fn files(&self, site: &Comparison<'_>, name: &str, digest: u64) -> Option<Vec<Compared>> {
        let manifest = site.manifest.as_ref()?;
        let makers = manifest.makers.as_ref()?;
        let part = self.lock().remove(name);
        let files = part.filter(|part| part.digest == digest)?.files.into_iter();
        let files = files.map(|(path, known)| {
            let stamp = writer::stamp(&site.out.join(&path))?;
            let maker = makers.get(&path).cloned().unwrap_or(Maker::Page);
            // What is not in the manifest is not romfeed's own.
            let is_own = manifest.files.binary_search(&path).is_ok();
            let is_same = is_own && mark(stamp, &maker) == known;
            is_same.then(|| Compared::unchanged(path, maker, stamp))
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
    /// Begins a comparison; without a lock, nothing is written and all contents are kept.
    pub(super) fn new(
        config: &'l Config,
        lock: Option<&writer::SiteLock>,
    ) -> Result<Comparison<'l>, Error> {
        Ok(Comparison {
            out: &config.out,
            known: match lock {
                Some(_) if !config.full => Known::load(config),
                _ => Known::default(),
            },
            num_known: AtomicUsize::new(0),
            manifest: writer::read_manifest(&config.out)?,
            comparer: match lock {
                Some(lock) => Comparer::staged(&config.out, lock),
                None => Comparer::in_memory(&config.out),
            },
        })
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

/// The digests of the parts of a site, with the ranges of their files.
#[derive(Debug)]
pub(super) struct Parts(Vec<PartRange>);

#[derive(Debug)]
struct PartRange {
    name: String,
    digest: u64,
    num_files: usize,
    has_warnings: bool,
}

/// Puts all files of a site into one list: those of each part, then those about all devices.
pub(super) fn join(rendered: Rendered<Compared>) -> (Vec<Compared>, Parts) {
    let mut files = Vec::new();
    let mut parts = Vec::new();
    for part in rendered.parts {
        let Part {
            name,
            digest,
            files: of_part,
            has_warnings,
        } = part;
        parts.push(PartRange {
            name,
            digest,
            num_files: of_part.len(),
            has_warnings,
        });
        files.extend(of_part);
    }
    files.extend(rendered.of_site);
    (files, Parts(parts))
}

/// Remembers the parts of a site that was written, for the next run.
pub(super) fn remember(config: &Config, parts: Parts, files: &[Compared]) {
    let mut rest = files;
    let mut remembered = BTreeMap::new();
    for part in parts.0 {
        let (of_part, others) = rest.split_at(part.num_files);
        rest = others;
        // Warnings are given in every run.
        if part.has_warnings {
            continue;
        }
        let stamped = of_part.iter().map(|file| {
            let stamp = *file.stamp.get()?;
            Some((file.path.clone(), mark(stamp, &file.maker)))
        });
        // A page that was left out has no stamp.
        if let Some(files) = stamped.collect() {
            let digest = part.digest;
            remembered.insert(part.name, RememberedPart { digest, files });
        }
    }
    let remembered = Remembered {
        schema: SCHEMA,
        out: cache_key(&config.out),
        parts: remembered,
    };
    let json = serde_json::to_vec(&remembered).expect("strings and numbers always become JSON");
    let file = config.state.join(FILE);
    if read_file(&file, MAX_SIZE).is_ok_and(|known| known == json) {
        return;
    }
    // Without it the next run takes longer, which is all.
    let _ = write_atomically(&file, &json);
}
