//! The devices that a run concerns: those of its packages, and those with builds that the folder of builds should have.
//!
//! In: the sketches of all catalog files, and the names of the packages. Out: the names of the files to read. A package may
//! turn out to be of another device; then the run begins again, and reads all files.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::error::Error;
use super::super::hash::hash;
use super::memory::Memory;
use super::parts::Groups;
use super::sketch::Sketch;
use super::sketches::Sketches;
use super::stock::{self, Stock};
use crate::ingest::scan::Scan;
use crate::model::build::{Build, Device, bounded_stem};
use crate::model::config::Config;
use crate::source;

/// The catalog files that a run reads.
pub(in crate::generate) struct Concerned {
    pub(in crate::generate) files: BTreeSet<String>,
    groups: Groups,
    /// Hashes of what phones know the builds by that are not read.
    others: HashSet<u64>,
    /// Whether a package is, or may be, of another device.
    is_too_few: AtomicBool,
}

impl Concerned {
    /// Finds the files that a run needs to read; none if those are all. `published` are the identities of the builds that
    /// the site was made from: if any is lost, all files are read, since a package must not bring it back as a new one.
    /// The files that are not remembered are sketched one after the other, and remembered.
    ///
    /// # Errors
    /// [`Error::Catalog`] if one of them cannot be read.
    pub(in crate::generate) fn find(
        config: &Config,
        scan: &Scan,
        memory: &mut Memory,
        published: &[String],
    ) -> Result<Option<Concerned>, Error> {
        if !scan.links.is_empty() || scan.packages.is_empty() {
            return Ok(None);
        }
        let stock = Stock::folder(&config.catalogs[0])?;
        let sketches = Sketches::new(config, &stock, memory, &|_, _, _| ())?;
        let is_changing = !sketches.are_distinct() || !sketches.has_all_aliases(config);
        let published = published.iter().collect();
        if is_changing || sketches.lost(&published).next().is_some() {
            return Ok(None);
        }
        let groups = Groups::new(config, &sketches);
        let names: Vec<&str> = scan
            .packages
            .iter()
            .map(|found| source::split(&found.path).1)
            .collect();
        let stems: HashSet<u64> = names
            .iter()
            .map(|name| hash(&*bounded_stem(name)))
            .collect();
        let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        // Most zips have the codename of their device in their name. If one has not, the run finds out and begins again.
        let is_named = |file: &str| {
            let device = file.rsplit_once('.').map_or(file, |(device, _)| device);
            lower.iter().any(|name| name.contains(device))
        };
        let is_needed = |file: &str, sketch: &Sketch| {
            let mut known = sketch.stems.0.iter().chain(&sketch.stone_stems.0);
            let is_known = known.any(|stem| stems.contains(stem));
            is_known || is_named(file) || sketch.must_be_read()
        };
        let needed = sketches
            .iter()
            .filter(|(file, sketch)| is_needed(file, sketch));
        let needed: BTreeSet<String> = needed.map(|(file, _)| groups.first(file)).collect();
        let is_read = |file: &str| needed.contains(&groups.first(file));
        let others: Vec<&Sketch> = sketches
            .iter()
            .filter(|(file, _)| !is_read(file))
            .map(|(_, sketch)| sketch)
            .collect();
        if others.is_empty() {
            return Ok(None);
        }
        let ids = others.iter().flat_map(|sketch| &sketch.ids.0);
        // A device without a file may get one.
        let files = groups.names().filter(|file| is_read(file));
        let concerned = Concerned {
            files: files.map(str::to_owned).collect(),
            others: ids.copied().collect(),
            groups,
            is_too_few: AtomicBool::new(false),
        };
        let stamps: BTreeMap<String, u64> = stock.stamps().collect();
        sketches.remember(&stamps, memory);
        Ok(Some(concerned))
    }

    /// Whether the files that are read have all that there is about a device.
    fn has(&self, device: &Device) -> bool {
        let file = stock::file_of(device);
        self.files.contains(&file) || !self.groups.has(&file)
    }

    /// Notes the device that a package may be of.
    pub(in crate::generate) fn note_device(&self, device: &Device) {
        if !self.has(device) {
            self.note_all();
        }
    }

    /// Notes the device of a build, and the names under which its phones ask.
    pub(in crate::generate) fn note_build(&self, config: &Config, build: &Build) {
        for name in config.names(&build.device, build.next_device.as_ref()) {
            self.note_device(name);
            let owner = config
                .owner(name.as_str())
                .and_then(|(owner, _)| Device::parse(owner).ok());
            owner.iter().for_each(|owner| self.note_device(owner));
        }
        if self.others.contains(&hash(build.identity())) {
            self.note_all();
        }
    }

    /// Notes that a package may be of any device.
    pub(in crate::generate) fn note_all(&self) {
        self.is_too_few.store(true, Ordering::Relaxed);
    }

    /// Whether the run must read all files.
    pub(in crate::generate) fn are_too_few(&self) -> bool {
        self.is_too_few.load(Ordering::Relaxed)
    }
}
