//! Renders a site, plans what to write, writes it, and remembers it for the next run.

mod concerned;
mod describe;
mod in_the_way;
mod memory;
mod notes;
mod outline;
mod overview;
mod pages;
mod parts;
mod settings_digest;
mod sink;
mod sketch;
mod sketches;
mod snapshot;
mod stock;
mod summed;
mod unchanged;
mod warnings;

use std::collections::BTreeMap;

use self::describe::Early;
use self::notes::Found;
use self::outline::Newest;
use self::pages::Site;
use self::sketch::Sketch;
use self::sketches::Sketches;
use self::unchanged::{Comparison, Parts};
use super::error::Error;
use super::report::{Log, Report};
use super::{changelogs, lost, projects};
use crate::catalog::Catalog;
use crate::files::Place;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;
use crate::publish::page::Page;
use crate::publish::text_list::TextList;
use crate::publish::writer::{self, Compared, Comparer, Manifest};

pub(super) use concerned::Concerned;
pub(super) use describe::{Describer, Displaced, Sorter};
pub use in_the_way::InTheWay;
pub use memory::MEMORY;
pub(super) use memory::Memory;
pub(super) use notes::Notes;
pub use sink::{Part, Sink};
pub use snapshot::{OwnedChannel, OwnedOffer, Snapshot, snapshot};
pub(super) use stock::Stock;

/// What is known of a site before its texts are read.
pub(super) struct Known {
    pub(super) sketches: Sketches,
    /// What is remembered of the last run.
    memory: Memory,
    /// The manifest of the site, if it has one.
    manifest: Option<Manifest>,
    /// What phones know all builds and tombstones by, sorted.
    names: TextList,
    /// Descriptions of the files that were read.
    early: Early,
}

impl Known {
    /// Sketches the catalog, and reads the manifest of the site. A describer describes the files that are read.
    pub(super) fn find(
        config: &Config,
        stock: &Stock<'_>,
        mut memory: Memory,
        describer: Option<&Describer<'_>>,
    ) -> Result<Known, Error> {
        let early = Early::default();
        let see = |file: &str, sketch: &Sketch, catalog: &Catalog| {
            if let Some(describer) = describer {
                early.add(file, describer.describe(catalog, &sketch.names, |_| ()));
            }
        };
        let manifest = writer::read_manifest(&config.out)?;
        let none = TextList::default();
        let published = manifest.as_ref().map_or(&none, |manifest| &manifest.builds);
        let mut sketches = Sketches::new(config, stock, &memory, &see)?;
        let names = match sketches.take_names(published) {
            Some(names) => names,
            None => {
                memory.forget_catalogs();
                sketches = Sketches::new(config, stock, &memory, &see)?;
                sketches.take_names(published).expect("all files were read")
            }
        };
        Ok(Known {
            sketches,
            memory,
            manifest,
            names,
            early,
        })
    }

    /// Requires all builds of the site in the output folder, unless a new catalog was asked for.
    ///
    /// # Errors
    /// [`Error::BuildsLost`].
    pub(super) fn require_published(&self, config: &Config) -> Result<(), Error> {
        match &self.manifest {
            Some(manifest) if !config.new_catalog => {
                lost::refuse(config, self.sketches.lost(&manifest.builds))
            }
            _ => Ok(()),
        }
    }
}

/// A site that is rendered and compared with its folder.
pub(super) struct Made {
    files: Vec<Compared>,
    parts: Parts,
    sketches: Sketches,
    newest: Newest,
    /// What was found of the texts about builds; their log is in the report.
    pub(super) texts: Found,
    /// Holds the contents of files that differ.
    _contents: Comparer,
}

/// Renders a site, compares it with the output folder, and plans what to write there; a lock shows that it may be
/// written. `now` is in seconds since the epoch.
pub(super) fn make(
    config: &Config,
    now: i64,
    stock: &Stock<'_>,
    known: Known,
    notes: Notes<'_>,
    lock: Option<&writer::SiteLock>,
    report: &mut Report,
) -> Result<Made, Error> {
    let Known {
        sketches,
        mut memory,
        manifest,
        names,
        early,
    } = known;
    let mut comparison = Comparison::new(config, lock, &mut memory, manifest);
    let site = Site {
        config,
        stock,
        sketches: &sketches,
        notes: &notes,
        now,
        memory: &memory,
        early: &early,
    };
    let render = |comparison: &Comparison<'_>| {
        let (mut rendered, log) = site.render(comparison)?;
        let totals = std::mem::take(&mut rendered.totals);
        let newest = std::mem::take(&mut rendered.newest);
        let (files, parts) = unchanged::join(rendered);
        let checked = writer::check_paths(files.iter().map(Compared::names)).map_err(Error::from);
        checked.map(|()| (files, parts, newest, totals, log))
    };
    let rendered = match render(&comparison) {
        // What made two pages is known only if both were rendered.
        Err(Error::Writer(writer::Error::Duplicate { .. } | writer::Error::Prefix { .. }))
            if comparison.forget() =>
        {
            render(&comparison)
        }
        rendered => rendered,
    };
    let (files, parts, newest, totals, log) = rendered?;
    let mut texts = notes.into_found();
    report.append(std::mem::take(&mut texts.log));
    report.append(log);
    report.set_totals(totals);
    report.known_devices = sketches.devices();
    report.known_romtypes = sketches.romtypes();
    plan(config, &files, comparison.manifest.take(), names, report)?;
    Ok(Made {
        files,
        parts,
        sketches,
        newest,
        texts,
        _contents: comparison.comparer,
    })
}

impl Made {
    /// Stores the copies of the texts about builds.
    pub(super) fn store_texts(&self, place: &dyn Place) -> Result<(), Error> {
        changelogs::store(place, &self.texts.changelogs, &|_| true)?;
        projects::store(place, &self.texts.projects, &|_| true)
    }

    /// Writes the site as it was planned, and remembers it. `stamps` are those of the catalog files whose sketches are
    /// made from what they hold now.
    pub(super) fn write(
        self,
        config: &Config,
        report: &mut Report,
        lock: &writer::SiteLock,
        stamps: &BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        writer::execute(&config.out, &self.files, &report.plan, lock)?;
        let mut memory = Memory::new(config);
        memory.newest = self.newest;
        self.sketches.remember(stamps, &mut memory);
        self.parts.remember(self.files, &mut memory);
        report.append(memory.store(config));
        Ok(())
    }

    /// Returns the pages, if their contents are in memory.
    pub(super) fn into_pages(self) -> Vec<Page> {
        let pages = self.files.into_iter().filter_map(Compared::into_page);
        pages.collect()
    }
}

/// Plans what to write to the output folder. `names` is what phones know all builds by.
fn plan(
    config: &Config,
    files: &[Compared],
    manifest: Option<Manifest>,
    names: TextList,
    report: &mut Report,
) -> Result<(), Error> {
    if config.adopt && writer::lacks_manifest(&config.out)? {
        report.append(warnings::adoption(config));
    }
    let plan = writer::plan(&config.out, files, manifest, names, config.adopt)?;
    report.plan = plan.at(config.base_url.as_deref());
    report.append(report_plan(config, files, report));
    report.sort_faults();
    Ok(())
}

/// Reports pages that cannot be written, and warns of names and changes that may cause trouble.
fn report_plan(config: &Config, pages: &[Compared], report: &Report) -> Log {
    let mut log = warnings::case(pages);
    for path in &report.plan.reserved {
        let message = "this file system reserves its name, so the page is left out";
        log.fault(path, FaultKind::Unsupported, message);
    }
    log.append(warnings::changes(config, pages, report));
    log.append(warnings::other_address(config, report));
    log.append(in_the_way::faults(&config.out, &report.plan.foreign));
    log
}
