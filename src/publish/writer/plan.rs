//! Compares the pages of a site with its folder: what a run would create, change and remove.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use super::compare::{Compared, Existing};
use super::manifest::{Manifest, refuse_foreign_folder};
use super::paths::{NameRules, alike, is_inside, is_reserved};
use super::{Error, io_error};
use crate::publish::page::{sort_for_removal, writing_order};
use crate::publish::text_list::{Finder, TextList};

/// What a run would do to a folder.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Files to create, in writing order.
    pub created: Vec<String>,
    /// Files whose contents change, in writing order.
    pub changed: Vec<String>,
    /// romfeed's own files that are no longer in the site, in removal order: feeds before the pages
    /// that they lead to.
    pub removed: Vec<String>,
    /// Pages that are left out, since the file system reserves their names.
    pub reserved: Vec<String>,
    /// Pages that are left out, since a foreign file is in their place.
    pub foreign: Vec<String>,
    /// Number of files that need no change.
    pub num_unchanged: usize,
    /// Whether the manifest is absent, or has other files, makers or builds.
    pub(super) manifest_changed: bool,
    /// Identities of the builds the site is made from, sorted.
    pub(super) builds: TextList,
    /// The address of the site after the run.
    pub(super) base_url: Option<String>,
    /// The address of the site before the run, if it had another one.
    pub former_base_url: Option<String>,
    /// Those of `removed` whose place a page takes that differs only in case.
    pub(super) renamed: Vec<String>,
    /// The numbers of the pages to create or change, in writing order.
    pub(super) to_write: Vec<usize>,
    /// romfeed's own files before the run.
    pub(super) before: Manifest,
    /// The numbers of the pages that are romfeed's own files after the run, sorted by path; none if these are the same
    /// files as before.
    pub(super) after: Option<Vec<usize>>,
}

impl Plan {
    /// Adds all pages, and returns those that are romfeed's own after the run. `known` are romfeed's own
    /// files before the run, sorted.
    fn add_pages<'p>(
        &mut self,
        out: &Path,
        pages: &'p [Compared],
        known: &TextList,
        adopt: bool,
        rules: NameRules,
        foreign: &mut ForeignPaths<'_>,
    ) -> Result<OwnPages<'p>, Error> {
        // Where letter case does not count, a page replaces an own file whose name differs only in case.
        let known_folded: Option<HashMap<String, &str>> = rules.ignores_case.then(|| {
            let folded = known.iter().map(|path| (path.to_lowercase(), path));
            folded.collect()
        });
        let old_case = |path: &str| {
            let known = *known_folded.as_ref()?.get(&path.to_lowercase())?;
            (known != path).then_some(known)
        };
        let is_reserved = |path: &str| rules.reserves_names && is_reserved(path);
        let mut owned = OwnPages::new(pages, known);
        let mut finder = Finder::new(known);
        // Most runs change few of many pages, so only those are put in writing order.
        let mut others = Vec::new();
        for (number, page) in pages.iter().enumerate() {
            let path = &page.path;
            let place = finder.find(path);
            let is_same = matches!(page.existing, Ok(Existing::Same));
            let is_left_out = foreign.block(path) || is_reserved(path);
            if is_same && !is_left_out && old_case(path).is_none() {
                self.num_unchanged += 1;
                owned.add(number, place);
            } else {
                others.push((number, place));
            }
        }
        let order = |page: &'p Compared| writing_order(&page.path, &page.maker);
        others.sort_by_cached_key(|(number, _)| order(&pages[*number]));
        for (number, place) in others {
            let page = &pages[number];
            let path = &page.path;
            if foreign.block(path) {
                self.foreign.push(path.clone());
                continue;
            }
            if is_reserved(path) {
                self.reserved.push(path.clone());
                continue;
            }
            let old_case = old_case(path);
            let existing = match (old_case, &page.existing) {
                (Some(_), _) => Existing::Nothing,
                // Its files are removed first, since no page can be in a folder of this name.
                (None, Ok(Existing::InTheWay)) if foreign.is_own_folder(path) => Existing::Nothing,
                (None, Ok(existing)) => *existing,
                (None, Err(error)) => {
                    let error = io::Error::new(error.kind(), error.to_string());
                    return Err(io_error("read", &out.join(path))(error));
                }
            };
            self.renamed.extend(old_case.map(str::to_owned));
            if self.add_page(number, path, existing, place.is_some(), adopt) {
                owned.add(number, place);
            }
        }
        Ok(owned)
    }

    /// Adds a page, given what is in its place and whether that is romfeed's own file; returns whether it is that after
    /// the run.
    fn add_page(
        &mut self,
        number: usize,
        path: &str,
        existing: Existing,
        is_own: bool,
        adopt: bool,
    ) -> bool {
        let list = match existing {
            Existing::Nothing => &mut self.created,
            Existing::Same => {
                self.num_unchanged += 1;
                return true;
            }
            Existing::Different if is_own || adopt => &mut self.changed,
            Existing::Link if adopt => &mut self.changed,
            Existing::Different | Existing::Link | Existing::InTheWay => {
                self.foreign.push(path.to_owned());
                return false;
            }
        };
        list.push(path.to_owned());
        self.to_write.push(number);
        true
    }

    /// Adds the address of the site, if that is one for phones: a server on this machine has a passing one.
    #[must_use]
    pub fn at(mut self, base_url: Option<&str>) -> Plan {
        let base_url = base_url.filter(|base_url| base_url.starts_with("https://"));
        if let Some(base_url) = base_url.filter(|new| self.base_url.as_deref() != Some(new)) {
            self.former_base_url = self.base_url.replace(base_url.to_owned());
            self.manifest_changed = true;
        }
        self
    }

    /// Whether no file needs a change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Plans what to do with pages that were [compared](super::Comparer) with the folder, and whose paths were
/// [checked](super::check_paths); changes nothing. `manifest` is that of the site, if it has one, `builds` are the identities of all builds in the
/// catalog, sorted. With `adopt`, folders and files that romfeed did not write are taken over.
///
/// # Errors
/// [`Error::NotOurs`], [`Error::Case`] or [`Error::Io`].
pub fn plan(
    out: &Path,
    pages: &[Compared],
    manifest: Option<Manifest>,
    builds: TextList,
    adopt: bool,
) -> Result<Plan, Error> {
    let rules = NameRules::probe(out, pages.iter().map(|page| &*page.path));
    plan_by_rules(out, pages, manifest, builds, adopt, rules)
}

/// Plans like [`plan`], for a file system with these rules.
///
/// # Errors
/// Those of [`plan`].
pub fn plan_by_rules(
    out: &Path,
    pages: &[Compared],
    manifest: Option<Manifest>,
    builds: TextList,
    adopt: bool,
    rules: NameRules,
) -> Result<Plan, Error> {
    if manifest.is_none() && !adopt {
        refuse_foreign_folder(out)?;
    }
    let is_new_site = manifest.is_none();
    let mut manifest = manifest.unwrap_or_default();
    if rules.ignores_case {
        refuse_same_names(out, pages)?;
    }
    let mut foreign = ForeignPaths::new(out, &manifest.files);
    let mut plan = Plan::default();
    let owned = plan.add_pages(out, pages, &manifest.files, adopt, rules, &mut foreign)?;
    plan.removed = removed(out, &manifest.files, &owned, &mut foreign);
    if !owned.are(&manifest) {
        plan.after = Some(owned.into_sorted());
    }
    let builds_before = std::mem::take(&mut manifest.builds);
    plan.manifest_changed = is_new_site || plan.after.is_some() || builds_before != builds;
    plan.builds = builds;
    plan.base_url = manifest.base_url.take();
    plan.before = manifest;
    Ok(plan)
}

/// The pages that are romfeed's own files after a run, by their numbers.
struct OwnPages<'p> {
    pages: &'p [Compared],
    /// The page of each file before the run; none for a file that is no longer in the site.
    of_known: Vec<Option<usize>>,
    /// All others.
    new: Vec<usize>,
}

impl<'p> OwnPages<'p> {
    /// Begins with no pages; `known` are romfeed's own files before the run.
    fn new(pages: &'p [Compared], known: &TextList) -> OwnPages<'p> {
        OwnPages {
            pages,
            of_known: vec![None; known.len()],
            new: Vec::new(),
        }
    }

    /// Adds a page, given its place in the list of files before the run.
    fn add(&mut self, number: usize, place: Option<usize>) {
        match place.and_then(|place| self.of_known.get_mut(place)) {
            Some(of_known) => *of_known = Some(number),
            None => self.new.push(number),
        }
    }

    /// Whether these were romfeed's own files before, with the same makers.
    fn are(&self, before: &Manifest) -> bool {
        let pages = self.of_known.iter().flatten();
        let pages = pages.map(|number| self.pages[*number].own_file());
        let feeds = pages.filter(|(_, maker)| maker.is_feed());
        self.new.is_empty()
            && self.of_known.iter().all(Option::is_some)
            && (before.makers.as_ref()).is_some_and(|makers| makers.iter().eq(feeds))
    }

    fn into_sorted(self) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.of_known.into_iter().flatten().collect();
        numbers.extend(self.new);
        numbers.sort_by_key(|number| &self.pages[*number].path);
        numbers
    }
}

/// Returns the own files that are no longer in the site, in removal order. `known` are romfeed's files
/// before the run.
fn removed(
    out: &Path,
    known: &TextList,
    owned: &OwnPages<'_>,
    foreign: &mut ForeignPaths<'_>,
) -> Vec<String> {
    let mut removed: Vec<String> = known
        .iter()
        .zip(&owned.of_known)
        .filter(|(_, page)| page.is_none())
        .map(|(path, _)| path)
        .filter(|path| is_inside(path) && may_be_file(&out.join(path)))
        .filter(|path| !foreign.block(path))
        .map(str::to_owned)
        .collect();
    sort_for_removal(&mut removed);
    removed
}

/// Refuses pages whose paths differ only in case.
///
/// # Errors
/// [`Error::Case`].
fn refuse_same_names(out: &Path, pages: &[Compared]) -> Result<(), Error> {
    match alike(pages.iter().map(|page| &*page.path)).pop() {
        None => Ok(()),
        Some((first, second)) => Err(Error::Case {
            first: first.to_owned(),
            second: second.to_owned(),
            out: out.to_owned(),
        }),
    }
}

/// Foreign things in the place of a site's folders: links, and files that romfeed did not write.
struct ForeignPaths<'o> {
    out: &'o Path,
    /// romfeed's own files, sorted; one in the place of a folder is replaced.
    own: &'o TextList,
    /// The results for folders so far.
    cached: HashMap<String, bool>,
    /// The folder of the path before, and its result.
    last: (String, bool),
}

impl<'o> ForeignPaths<'o> {
    fn new(out: &'o Path, own: &'o TextList) -> ForeignPaths<'o> {
        ForeignPaths {
            out,
            own,
            cached: HashMap::new(),
            last: (String::new(), false),
        }
    }

    /// Whether a foreign thing is in the place of a folder of this path.
    fn block(&mut self, path: &str) -> bool {
        let Some((folder, _)) = path.rsplit_once('/') else {
            return false;
        };
        if self.last.0 != folder {
            self.last = (folder.to_owned(), self.is_blocked(folder));
        }
        self.last.1
    }

    fn is_blocked(&mut self, folder: &str) -> bool {
        if let Some(is_blocked) = self.cached.get(folder) {
            return *is_blocked;
        }
        let parent = folder.rsplit_once('/').map(|(parent, _)| parent);
        let is_blocked =
            self.is_foreign(folder) || parent.is_some_and(|parent| self.is_blocked(parent));
        self.cached.insert(folder.to_owned(), is_blocked);
        is_blocked
    }

    /// Whether a folder has nothing but romfeed's own files in it and in all folders below; none of them is empty.
    fn is_own_folder(&self, folder: &str) -> bool {
        let is_own = |entry: io::Result<DirEntry>| {
            let entry = entry.ok()?;
            let path = format!("{folder}/{}", entry.file_name().to_str()?);
            Some(match entry.file_type().ok()? {
                kind if kind.is_dir() => self.is_own_folder(&path),
                kind => kind.is_file() && self.own.contains(&path),
            })
        };
        let Ok(entries) = fs::read_dir(self.out.join(folder)) else {
            return false;
        };
        let mut entries = entries.map(is_own).peekable();
        entries.peek().is_some() && entries.all(|is_own| is_own == Some(true))
    }

    fn is_foreign(&self, folder: &str) -> bool {
        match self.out.join(folder).symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => true,
            Ok(metadata) if metadata.is_file() => !self.own.contains(folder),
            Ok(metadata) => !metadata.is_dir(),
            Err(_) => false,
        }
    }
}

/// Whether there may be a file that romfeed wrote; links, pipes and folders are foreign.
///
/// A path that cannot be examined counts as a file, since a file that is dropped from the manifest
/// would never be removed.
fn may_be_file(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(metadata) => metadata.is_file(),
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ),
    }
}
