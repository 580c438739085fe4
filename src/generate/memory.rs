//! What the state folder remembers of the last run, so that the next one need not read and render again what is as it
//! was.
//!
//! For each catalog file a stamp and its sketch; for each part of the site its outline, and for each file of it a stamp.
//! All this is only a help: without it, all is read and rendered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::outline::Newest;
use super::overview::Overview;
use super::parts;
use super::sketch::Sketch;
use super::state::cache_key;
use crate::files::{read_file, write_atomically};
use crate::model::config::Config;

/// Name of the file in the state folder.
const FILE: &str = "pages.json";
/// Schema of the file.
const SCHEMA: u32 = 2;
/// Longest file that is read, in bytes: about ten million pages.
const MAX_SIZE: u64 = 1 << 30;

/// What is remembered of a site.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    schema: u32,
    /// The folder of the site.
    out: PathBuf,
    /// The digest of the settings.
    settings: u64,
    /// The last of the newest builds that the overviews have.
    pub(super) newest: Newest,
    catalogs: BTreeMap<String, RememberedCatalog>,
    overviews: BTreeMap<String, Overview>,
    pub(super) parts: BTreeMap<String, RememberedPart>,
}

/// A catalog file as it was.
#[derive(Debug, Serialize, Deserialize)]
struct RememberedCatalog {
    stamp: u64,
    sketch: Sketch,
}

/// The files of a part as they were written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RememberedPart {
    pub(super) digest: u64,
    /// Path of each file, and a number of its stamp and its maker.
    pub(super) files: Vec<(String, u64)>,
}

impl Memory {
    /// Begins to remember a site that is made with these settings.
    pub(super) fn new(config: &Config) -> Memory {
        Memory {
            schema: SCHEMA,
            out: cache_key(&config.out),
            settings: parts::settings(config),
            ..Memory::default()
        }
    }

    /// Returns what is remembered of the last run, unless all is to be made again.
    pub(super) fn of_last_run(config: &Config) -> Memory {
        match config.full {
            true => Memory::new(config),
            false => Memory::load(config),
        }
    }

    /// Reads what is remembered of a site; nothing if that is damaged, of another folder, or of other settings.
    pub(super) fn load(config: &Config) -> Memory {
        let expected = Memory::new(config);
        let read = read_file(&config.state.join(FILE), MAX_SIZE).ok();
        let remembered: Option<Memory> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let is_it = |known: &Memory| {
            (known.schema, &known.out, known.settings)
                == (expected.schema, &expected.out, expected.settings)
        };
        remembered.filter(is_it).unwrap_or(expected)
    }

    /// Returns the sketch of a catalog file, if that has this stamp.
    pub(super) fn sketch(&self, name: &str, stamp: Option<u64>) -> Option<&Sketch> {
        let known = self.catalogs.get(name)?;
        (Some(known.stamp) == stamp).then_some(&known.sketch)
    }

    /// Returns the overview of a part, if that has this digest.
    pub(super) fn overview(&self, part: &str, digest: Option<u64>, now: i64) -> Option<&Overview> {
        let known = self.overviews.get(part)?;
        let is_current = known.digest.is_some() && known.digest == digest && known.is_of(now);
        is_current.then_some(known)
    }

    /// Whether any catalog file is remembered.
    pub(super) fn has_catalogs(&self) -> bool {
        !self.catalogs.is_empty()
    }

    /// Forgets the catalog files, so that all are read.
    pub(super) fn forget_catalogs(&mut self) {
        self.catalogs.clear();
    }

    /// Remembers a catalog file.
    pub(super) fn add_catalog(&mut self, name: String, stamp: u64, sketch: Sketch) {
        self.catalogs
            .insert(name, RememberedCatalog { stamp, sketch });
    }

    /// Remembers the overview of a part.
    pub(super) fn add_overview(&mut self, part: String, overview: Overview) {
        self.overviews.insert(part, overview);
    }

    /// Writes what is remembered, for the next run.
    pub(super) fn store(&self, config: &Config) {
        let json = serde_json::to_vec(self).expect("strings and numbers always become JSON");
        let file = config.state.join(FILE);
        if read_file(&file, MAX_SIZE).is_ok_and(|known| known == json) {
            return;
        }
        // Without it the next run takes longer, which is all.
        let _ = write_atomically(&file, &json);
    }
}
