//! The steps of a publication, in the only safe order.

use std::collections::BTreeSet;
use std::path::Path;

use super::files::{self, Local};
use super::program::Runner;
use super::store::{Batch, Compared, Contents, SiteHost, SiteStore, Store};
use super::{Error, io_error};
use crate::publish::writer;

/// The manifest, below the site.
const MANIFEST: &str = ".romfeed/manifest.json";
/// The name of the manifest of the published site in messages.
const PUBLISHED: &str = "the manifest at the destination";

/// A step of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The site is generated on this machine. It is the caller's.
    Generate,
    /// Packages and images are uploaded, and what belongs to them.
    Zips,
    /// Each package that a feed names is asked for at its address. It is the caller's.
    CheckZips,
    /// Pages, styles and pictures are uploaded.
    Pages,
    /// The lists that updaters read are uploaded.
    Feeds,
    /// The lists that name feeds are uploaded.
    Indexes,
    /// What the site no longer has is removed.
    Gone,
    /// All of the site is published at once.
    Deploy,
    /// The live site is checked. It is the caller's.
    CheckSite,
}

/// What phones and people can see of a publication that stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Live {
    /// Nothing new.
    #[default]
    Nothing,
    /// Pages, and no feed.
    Pages,
    /// Pages and feeds.
    Feeds,
    /// Everything new; files that the site no longer has may be there.
    All,
}

/// What a step did, or in a trial run would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Files that the destination did not have.
    pub created: Vec<String>,
    /// Files that had other bytes there.
    pub changed: Vec<String>,
    /// Files of which only the date or the permissions were corrected.
    pub dated: Vec<String>,
    /// Files that were removed.
    pub removed: Vec<String>,
    /// The length of the files that were copied, in bytes.
    pub num_bytes: u64,
    /// The number of files that were the same already.
    pub num_unchanged: usize,
    /// In a trial run, what a host that takes all of a site at once would do, one line for each part.
    pub plan: Vec<String>,
}

/// What is to be published.
#[derive(Clone, Debug)]
pub struct LocalSite<'a> {
    /// The folder of packages.
    pub builds: &'a Path,
    /// The packages, images and what belongs to them.
    pub zips: Vec<Local>,
    /// The folder of the site.
    pub out: &'a Path,
    /// The folder with the files to publish: that of the site or, in a trial run, what it would be.
    pub from: &'a Path,
    /// The files that romfeed wrote there.
    pub written: Vec<String>,
}

/// A publication: where the parts of a site go, and how far it is.
pub struct Publication {
    runner: Runner,
    /// Where packages go; none if they are elsewhere already.
    zips: Option<Box<dyn Store>>,
    site: SiteHost,
    /// Files and links that are not from romfeed may be replaced.
    adopt: bool,
    dry_run: bool,
    live: Live,
    /// The manifest of the published site, and what differs from it; known once pages are to be uploaded.
    known: Option<Known>,
}

/// What is known about the published site.
struct Known {
    /// The manifest that is there by now.
    manifest: Vec<u8>,
    /// The files in the manifest that was there before.
    published: BTreeSet<String>,
    compared: Compared,
}

impl Publication {
    /// Prepares a publication. In a trial run, nothing is changed at the destination.
    #[must_use]
    pub fn new(
        runner: Runner,
        zips: Option<Box<dyn Store>>,
        site: SiteHost,
        adopt: bool,
        dry_run: bool,
    ) -> Publication {
        Publication {
            runner,
            zips,
            site,
            adopt,
            dry_run,
            live: Live::Nothing,
            known: None,
        }
    }

    /// Returns what phones and people can see so far.
    #[must_use]
    pub fn live(&self) -> Live {
        self.live
    }

    /// Returns whether the destination certainly has no site of romfeed yet.
    ///
    /// # Errors
    /// [`Error`] if it cannot be asked.
    pub fn is_first(&mut self) -> Result<bool, Error> {
        match &mut self.site {
            SiteHost::Store(store) => Ok(store.manifest()?.is_empty()),
            SiteHost::Deploy(_) => Ok(false),
        }
    }

    /// Carries out a step; those of the caller do nothing. The steps are to be those of [`steps`](super::steps), in
    /// their order, and none may follow one that failed.
    ///
    /// # Errors
    /// [`Error`]. What was done before stays, and another publication continues from there.
    pub fn run(&mut self, step: Step, local: &LocalSite<'_>) -> Result<Done, Error> {
        match step {
            Step::Generate | Step::CheckZips | Step::CheckSite => Ok(Done::default()),
            Step::Zips => self.send_zips(local),
            Step::Pages => {
                self.announce(local)?;
                self.send(files::Step::Pages, Live::Pages, local)
            }
            Step::Feeds => self.send(files::Step::Feeds, Live::Feeds, local),
            Step::Indexes => {
                let done = self.send(files::Step::Indexes, Live::Feeds, local)?;
                if !self.dry_run {
                    self.live = Live::All;
                }
                Ok(done)
            }
            Step::Gone => self.remove_gone(local),
            Step::Deploy => self.deploy(local),
        }
    }

    fn send_zips(&mut self, local: &LocalSite<'_>) -> Result<Done, Error> {
        let Some(store) = self.zips.as_deref_mut().filter(|_| !local.zips.is_empty()) else {
            return Ok(Done::default());
        };
        let files: Vec<&Local> = local.zips.iter().collect();
        let batch = Batch {
            from: local.builds,
            contents: Contents::Builds,
            files: &files,
        };
        let compared = store.compare(&batch)?;
        // Links may lead to zips that only the destination has.
        refuse_blocked(&compared, false)?;
        let is_other = |file: &&&Local| !file.is_sidecar() && compared.changed.contains(&file.path);
        let others: Vec<String> = files
            .iter()
            .filter(is_other)
            .map(|file| file.path.clone())
            .collect();
        if !others.is_empty() {
            return Err(Error::OtherBytes(others));
        }
        copy(store, &batch, &compared, &self.runner, self.dry_run)
    }

    /// Compares the site with the destination, and publishes a manifest that also lists the new files: if the
    /// publication is interrupted, the next one recognises them.
    fn announce(&mut self, local: &LocalSite<'_>) -> Result<(), Error> {
        let SiteHost::Store(store) = &mut self.site else {
            return Ok(());
        };
        let manifest = store.manifest()?;
        let source = Path::new(PUBLISHED);
        let published = writer::published_files(&manifest, source)?;
        let published: BTreeSet<String> = published.into_iter().collect();
        let paths = local.written.iter().map(String::as_str).chain([MANIFEST]);
        let files = site_files(paths);
        let compared = store.compare(&site_batch(local.from, &files.iter().collect::<Vec<_>>()))?;
        refuse_blocked(&compared, self.adopt)?;
        let is_foreign = |path: &&String| !published.contains(*path) && *path != MANIFEST;
        let foreign: Vec<String> = compared
            .changed
            .iter()
            .filter(is_foreign)
            .cloned()
            .collect();
        if !foreign.is_empty() && !self.adopt {
            return Err(Error::Foreign(foreign));
        }
        let both = writer::joint_manifest(local.from, &manifest, source)?;
        if both != manifest && !self.dry_run {
            let folder = self.runner.empty_folder("both")?;
            let file = folder.join(MANIFEST);
            std::fs::create_dir_all(folder.join(".romfeed"))
                .and_then(|()| std::fs::write(&file, &both))
                .map_err(io_error(&file))?;
            copy_manifest(&mut **store, &folder)?;
        }
        self.known = Some(Known {
            manifest: both,
            published,
            compared,
        });
        Ok(())
    }

    /// Uploads the files of one step; once the first of them may be there, `live` is what people see.
    fn send(
        &mut self,
        step: files::Step,
        live: Live,
        local: &LocalSite<'_>,
    ) -> Result<Done, Error> {
        let (SiteHost::Store(store), Some(known)) = (&mut self.site, &self.known) else {
            return Ok(Done::default());
        };
        let paths = files::pages(step, local.out, &local.written, &known.published);
        let files = site_files(paths.into_iter());
        let files: Vec<&Local> = files.iter().collect();
        let batch = site_batch(local.from, &files);
        let compared = &known.compared;
        let is_new = |file: &&Local| {
            compared.new.contains(&file.path) || compared.changed.contains(&file.path)
        };
        if !self.dry_run && files.iter().any(is_new) {
            self.live = self.live.max(live);
        }
        copy(&mut **store, &batch, compared, &self.runner, self.dry_run)
    }

    /// Removes published files that the site no longer has, then publishes its manifest.
    fn remove_gone(&mut self, local: &LocalSite<'_>) -> Result<Done, Error> {
        let (SiteHost::Store(store), Some(known)) = (&mut self.site, &self.known) else {
            return Ok(Done::default());
        };
        let gone = files::pages(
            files::Step::Gone,
            local.out,
            &local.written,
            &known.published,
        );
        if !self.dry_run {
            if !gone.is_empty() {
                store.remove(&gone)?;
            }
            let file = local.from.join(MANIFEST);
            let own = std::fs::read(&file).map_err(io_error(&file))?;
            if known.manifest != own || known.compared.dated.contains(MANIFEST) {
                copy_manifest(&mut **store, local.from)?;
            }
        }
        Ok(Done {
            removed: gone.into_iter().map(str::to_owned).collect(),
            ..Done::default()
        })
    }

    fn deploy(&mut self, local: &LocalSite<'_>) -> Result<Done, Error> {
        let SiteHost::Deploy(host) = &mut self.site else {
            return Ok(Done::default());
        };
        if self.dry_run {
            return Ok(Done {
                plan: host.plan()?,
                ..Done::default()
            });
        }
        host.deploy(local.out)?;
        self.live = Live::All;
        Ok(Done::default())
    }
}

/// Copies those files of a batch that differ from the destination.
fn copy(
    store: &mut (impl Store + ?Sized),
    batch: &Batch<'_>,
    compared: &Compared,
    runner: &Runner,
    dry_run: bool,
) -> Result<Done, Error> {
    let of = |paths: &BTreeSet<String>| -> Vec<String> {
        let files = batch.files.iter().map(|file| &file.path);
        files
            .filter(|path| paths.contains(*path))
            .cloned()
            .collect()
    };
    let [created, changed, dated] = [&compared.new, &compared.changed, &compared.dated].map(of);
    let is_wanted = |file: &&&Local| {
        let lists = [&created, &changed, &dated];
        lists
            .iter()
            .any(|list| list.binary_search(&file.path).is_ok())
    };
    let files: Vec<&Local> = batch.files.iter().filter(is_wanted).copied().collect();
    let num_unchanged = batch.files.len() - files.len();
    let batch = Batch {
        files: &files,
        ..*batch
    };
    let num_bytes = batch.num_bytes();
    if !files.is_empty() && !dry_run {
        runner.observer.copying(files.len(), num_bytes);
        let copied = store.copy(&batch);
        runner.observer.copying_done();
        copied?;
    }
    Ok(Done {
        created,
        changed,
        dated,
        num_bytes,
        num_unchanged,
        ..Done::default()
    })
}

fn copy_manifest(store: &mut dyn SiteStore, from: &Path) -> Result<(), Error> {
    let files = site_files([MANIFEST].into_iter());
    store.copy(&site_batch(from, &files.iter().collect::<Vec<_>>()))
}

fn refuse_blocked(compared: &Compared, adopt: bool) -> Result<(), Error> {
    match compared.blocked.is_empty() || adopt {
        true => Ok(()),
        false => Err(Error::Blocked(compared.blocked.iter().cloned().collect())),
    }
}

fn site_batch<'a>(from: &'a Path, files: &'a [&'a Local]) -> Batch<'a> {
    Batch {
        from,
        contents: Contents::Site,
        files,
    }
}

/// Returns the files of a site with these paths, sorted.
fn site_files<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<Local> {
    let paths: BTreeSet<&str> = paths.collect();
    let file = |path: &str| Local {
        path: path.to_owned(),
        url: None,
        sha256: None,
    };
    paths.into_iter().map(file).collect()
}
