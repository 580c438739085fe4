//! The sketches of all catalog files of a site, and what they tell without the builds themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;

use super::super::error::Error;
use super::super::hash::hash;
use super::super::offered;
use super::super::report::Log;
use super::memory::Memory;
use super::sketch::Sketch;
use super::stock::Stock;
use crate::catalog::Catalog;
use crate::model::build::Device;
use crate::model::config::Config;
use crate::publish::text_list::TextList;

/// The sketch of each catalog file, by its name.
#[derive(Debug, Default)]
pub(in crate::generate) struct Sketches(BTreeMap<String, Sketched>);

/// The sketch of a catalog file.
#[derive(Debug)]
struct Sketched {
    sketch: Sketch,
    /// What phones know its builds and tombstones by; none if the file was not read in this run, or once all are taken.
    ids: Option<TextList>,
}

/// Sees a catalog file that is read, with its name and its sketch.
pub(super) type See<'l> = dyn Fn(&str, &Sketch, &Catalog) + Sync + 'l;

impl Sketches {
    /// Sketches all catalog files. A file whose stamp is remembered is not read; `see` sees the others.
    ///
    /// # Errors
    /// [`Error::Catalog`] if one cannot be read.
    pub(super) fn new(
        config: &Config,
        stock: &Stock<'_>,
        memory: &Memory,
        see: &See<'_>,
    ) -> Result<Sketches, Error> {
        let sketch = |(name, stamp): (&str, Option<u64>)| {
            if let Some(sketch) = memory.sketch(name, stamp) {
                let (sketch, ids) = (sketch.clone(), None);
                return Ok((name.to_owned(), Sketched { sketch, ids }));
            }
            let catalog = stock.load(&BTreeSet::from([name.to_owned()]))?;
            let sketch = Sketch::new(config, &catalog);
            see(name, &sketch, &catalog);
            let ids = Some(catalog.identities().collect());
            Ok((name.to_owned(), Sketched { sketch, ids }))
        };
        let files = stock.files().into_par_iter();
        Ok(Sketches(files.map(sketch).collect::<Result<_, Error>>()?))
    }

    /// Iterates over the names of the files and their sketches.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Sketch)> {
        self.0
            .iter()
            .map(|(name, sketched)| (&**name, &sketched.sketch))
    }

    /// Returns the sketch of a file.
    pub(super) fn get(&self, name: &str) -> &Sketch {
        &self.0[name].sketch
    }

    fn values(&self) -> impl Iterator<Item = &Sketch> {
        self.0.values().map(|sketched| &sketched.sketch)
    }

    /// Returns the devices with builds.
    pub(super) fn devices(&self) -> BTreeSet<String> {
        let devices = self.values().flat_map(|sketch| &sketch.built);
        devices.map(ToString::to_string).collect()
    }

    /// Returns the release types of builds, in lower case.
    pub(super) fn romtypes(&self) -> BTreeSet<String> {
        self.values()
            .flat_map(|sketch| sketch.romtypes.iter().cloned())
            .collect()
    }

    /// Whether there is no build and no tombstone.
    pub(in crate::generate) fn are_empty(&self) -> bool {
        self.values().all(|sketch| sketch.ids.0.is_empty())
    }

    /// Whether each file can be taken as it is: none has a build, a file name or an id of another, all offered builds have
    /// addresses, and the settings ask for no change of the catalog.
    pub(in crate::generate) fn are_settled(&self, config: &Config) -> bool {
        let mut sketches = self.values();
        let is_settled = |sketch: &Sketch| !sketch.is_misplaced && !sketch.lacks_address;
        sketches.all(is_settled) && self.are_distinct() && self.has_all_aliases(config)
    }

    /// Whether no file has a build, a file name or an id of another.
    pub(in crate::generate) fn are_distinct(&self) -> bool {
        let mut seen: HashMap<u64, &str> = HashMap::new();
        let mut are_distinct = |kind: fn(&Sketch) -> &[u64]| {
            seen.clear();
            self.0.iter().all(|(name, sketched)| {
                let mut hashes = kind(&sketched.sketch).iter();
                hashes.all(|hash| *seen.entry(*hash).or_insert(name) == name)
            })
        };
        are_distinct(|sketch| &sketch.ids.0) && are_distinct(|sketch| &sketch.stems.0)
    }

    /// Whether the catalog has the aliases under which its builds are published now.
    pub(super) fn has_all_aliases(&self, config: &Config) -> bool {
        let of_files = self.values().flat_map(|sketch| &sketch.aliases);
        let aliases: BTreeMap<Device, BTreeSet<Device>> = of_files
            .map(|(device, aliases)| (device.clone(), aliases.clone()))
            .collect();
        let known = Catalog {
            aliases,
            ..Catalog::default()
        };
        let devices: BTreeSet<&Device> = self.values().flat_map(|sketch| &sketch.devices).collect();
        offered::published_aliases(config, &known, &devices, &[]) == known.aliases
    }

    /// Returns the addresses that several offered builds have.
    pub(super) fn shared_addresses(&self) -> HashSet<u64> {
        let mut seen = HashSet::new();
        let all = self.values().flat_map(|sketch| &sketch.addresses.0);
        all.filter(|address| !seen.insert(**address))
            .copied()
            .collect()
    }

    /// Returns the names of the files with builds that have one of these addresses.
    pub(super) fn files_with(&self, addresses: &HashSet<u64>) -> Vec<&str> {
        let has_some = |sketch: &Sketch| sketch.addresses.0.iter().any(|a| addresses.contains(a));
        let files = self.iter().filter(|(_, sketch)| has_some(sketch));
        files.map(|(name, _)| name).collect()
    }

    /// Returns the file names of offered builds whose packages the site itself serves.
    pub(in crate::generate) fn served(&self) -> Vec<String> {
        self.values()
            .flat_map(|sketch| &sketch.served)
            .cloned()
            .collect()
    }

    /// Returns the number of builds, of no source, that are offered from elsewhere; of the files that are not in memory.
    pub(in crate::generate) fn num_elsewhere(&self, stock: &Stock<'_>) -> usize {
        let others = self.iter().filter(|(name, _)| !stock.is_in_memory(name));
        others.map(|(_, sketch)| sketch.num_elsewhere).sum()
    }

    /// Warns of sources that the settings lack.
    pub(in crate::generate) fn warn_of_missing_sources(&self, config: &Config) -> Log {
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for (source, num) in self.values().flat_map(|sketch| &sketch.num_of_sources) {
            let known = numbers.entry(source.clone()).or_default();
            *known = known.saturating_add(*num);
        }
        offered::warn_of_missing_sources(config, &numbers)
    }

    /// Returns the identities of all builds and tombstones, sorted, and forgets those of the files that were read; `published`
    /// are those in the manifest. Returns `None` if the manifest lacks one of a file that was not read in this run.
    pub(super) fn take_names(&mut self, published: &TextList) -> Option<TextList> {
        let unread = self.0.values().filter(|sketched| sketched.ids.is_none());
        let unread: HashSet<u64> = unread.flat_map(|s| &s.sketch.ids.0).copied().collect();
        let kept = published
            .iter()
            .filter(|name| unread.contains(&hash(*name)));
        let mut names: TextList = kept.collect();
        if names.len() != unread.len() {
            return None;
        }
        for ids in self.0.values_mut().filter_map(|read| read.ids.take()) {
            ids.iter().for_each(|name| names.push(name));
        }
        Some(names.sorted())
    }

    /// Returns the identities of builds that were published and are in none of the files.
    pub(super) fn lost<'n>(&self, published: &'n TextList) -> impl Iterator<Item = &'n str> {
        let ids = self.values().flat_map(|sketch| &sketch.ids.0);
        let known: HashSet<u64> = ids.copied().collect();
        let published = published.iter();
        published.filter(move |name| !known.contains(&hash(*name)))
    }

    /// Remembers the sketches of the files that have stamps: those of what each held when it was read.
    pub(super) fn remember(self, stamps: &BTreeMap<String, u64>, memory: &mut Memory) {
        for (name, sketched) in self.0 {
            if let Some(stamp) = stamps.get(&name) {
                memory.add_catalog(name, *stamp, sketched.sketch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;
    use crate::catalog::store;
    use crate::files::stamp_number;
    use crate::generate::site::sketch::Hashes;

    fn config(folder: &std::path::Path) -> Config {
        let limits = ota_view::io::Limits::new(std::env::temp_dir(), Instant::now);
        Config {
            catalogs: vec![folder.join("catalog/")],
            ..Config::for_folder(folder, limits)
        }
    }

    /// A sketch of a catalog with a build of this identity.
    fn sketch(identity: &str) -> Sketch {
        Sketch {
            ids: Hashes(vec![hash(identity)]),
            ..Sketch::default()
        }
    }

    #[test]
    fn a_file_that_is_as_it_was_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let (folder, file) = (
            dir.path().join("catalog/"),
            dir.path().join("catalog/onyx.json"),
        );
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "not a catalog").unwrap();
        let mut memory = Memory::new(&config);
        let sketches = || Sketches::new(&config, &Stock::folder(&folder)?, &memory, &|_, _, _| ());
        assert!(sketches().is_err());
        let stamp = stamp_number(store::stamp(&file).unwrap());
        memory.add_catalog("onyx.json".to_owned(), stamp, sketch("a"));
        let sketches = || Sketches::new(&config, &Stock::folder(&folder)?, &memory, &|_, _, _| ());
        assert_eq!(sketches().unwrap().get("onyx.json").ids, sketch("a").ids);
        fs::write(&file, "no catalog, too").unwrap();
        assert!(sketches().is_err());
    }

    #[test]
    fn names_are_known_only_if_the_last_run_knew_all_builds_that_are_not_read() {
        let unread = |identity: &str| Sketched {
            sketch: sketch(identity),
            ids: None,
        };
        let read = || Sketched {
            sketch: sketch("new"),
            ids: Some(["new"].into_iter().collect()),
        };
        let sketches = || {
            let files = [
                ("a.json", unread("a")),
                ("b.json", unread("b")),
                ("c.json", read()),
            ];
            let files = files.map(|(name, sketched)| (name.to_owned(), sketched));
            Sketches(files.into())
        };
        let names = |published: &[&str]| {
            let names = sketches().take_names(&published.iter().collect())?;
            Some(names.iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names(&["a", "b"]).as_deref(), Some("a b new"));
        // A build that was removed from a file that was read is no longer known.
        assert_eq!(names(&["a", "b", "old"]).as_deref(), Some("a b new"));
        assert_eq!(names(&["a"]), None);
        let published = ["a", "old"].iter().collect();
        assert!(sketches().lost(&published).eq(["old"]));
    }
}
