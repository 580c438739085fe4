//! What the state folder remembers of the last run, so that the next one need not read and render again what is as it
//! was.
//!
//! For each catalog file a stamp and its sketch; for each part of the site its outline, and for each file of it a stamp.
//! All this is only a help: without it, all is read and rendered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::report::Log;
use super::super::state::cache_key;
use super::outline::Newest;
use super::overview::Overview;
use super::settings_digest;
use super::sketch::Sketch;
use super::summed;
use crate::files::{read_file, write_atomically_with};
use crate::model::config::Config;

/// Name of the file in the state folder, and subject of warnings about it.
pub const MEMORY: &str = "pages.json";
/// Schema of the file. Raise it whenever what [`Sketch`], [`Overview`] or a digest is made from changes: otherwise pages of
/// the former program stay until the next version.
const SCHEMA: u32 = 4;
/// Longest file that is read, in bytes: about ten million pages.
const MAX_SIZE: u64 = 1 << 30;

/// Reads a file; none if it is damaged.
fn parse(bytes: &[u8]) -> Option<Memory> {
    let memory: Memory = summed::parse(bytes)?;
    let mut overviews = memory.overviews.values();
    overviews
        .all(|overview| overview.outline.is_whole())
        .then_some(memory)
}

/// What is remembered of a site.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::generate) struct Memory {
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
    pub(in crate::generate) fn new(config: &Config) -> Memory {
        Memory {
            schema: SCHEMA,
            out: cache_key(&config.out),
            settings: settings_digest::digest(config),
            ..Memory::default()
        }
    }

    /// Returns what is remembered of the last run, unless all is to be made again.
    pub(in crate::generate) fn of_last_run(config: &Config) -> Memory {
        match config.full {
            true => Memory::new(config),
            false => Memory::load(config),
        }
    }

    /// Reads what is remembered of a site; nothing if that is damaged, of another folder, or of other settings.
    pub(super) fn load(config: &Config) -> Memory {
        let expected = Memory::new(config);
        let read = read_file(&config.state.join(MEMORY), MAX_SIZE).ok();
        let remembered = read.and_then(|bytes| parse(&bytes));
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

    /// Writes what is remembered, for the next run; warns if that fails.
    pub(super) fn store(&self, config: &Config) -> Log {
        let mut log = Log::default();
        let file = config.state.join(MEMORY);
        if summed::is_in(&file, self).unwrap_or(false) {
            return log;
        }
        if let Err(error) = write_atomically_with(&file, |file| summed::write(file, self)) {
            let text = format!(
                "cannot be written to {}, so the next run takes longer: {error}",
                config.state.display()
            );
            log.warn(MEMORY, text);
        }
        log
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use serde_json::value::RawValue;

    use super::*;
    use crate::files::read_head;

    #[test]
    fn an_outline_that_lacks_a_build_is_damage() {
        let mut memory = Memory::default();
        memory.add_overview("x".to_owned(), Overview::default());
        let site = serde_json::to_string(&memory).unwrap();
        let no_channels = r#""channels":[]"#;
        assert!(site.contains(no_channels));
        let is_read = |offers: &str, deltas: &str| {
            let key = r#"{"device":"x","variant":null,"romtype":"nightly"}"#;
            let channel = format!(r#"{{"key":{key},"offers":{offers},"deltas":{deltas}}}"#);
            let site = site.replace(no_channels, &format!(r#""channels":[{channel}]"#));
            let site = RawValue::from_string(site).unwrap();
            let mut file = tempfile::tempfile().unwrap();
            summed::write(&mut file, &site).unwrap();
            file.rewind().unwrap();
            parse(&read_head(file, 1 << 20).unwrap()).is_some()
        };
        assert!(is_read("[]", "[]"));
        assert!(!is_read("[0]", "[]"));
        assert!(!is_read("[18446744073709551615]", "[]"));
        assert!(!is_read("[-1]", "[]"));
        let delta =
            r#"[{"build":0,"target":0,"source":"a","source_since":null,"source_build":null}]"#;
        assert!(!is_read("[]", delta));
    }
}
