//! Compares the pages of a site with its folder: what a run would create, change and remove.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rayon::prelude::*;

use super::manifest::{read_manifest, refuse_foreign_folder};
use super::paths::{NameRules, alike, is_inside, is_reserved};
use super::{Error, io_error};
use crate::publish::makers::{Makers, makers_of};
use crate::publish::page::{Page, sort_for_removal, writing_order};

/// What a run would do to a folder.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Files to create, in writing order.
    pub created: Vec<String>,
    /// Files whose contents change, in writing order.
    pub changed: Vec<String>,
    /// romfeed's own files that the site has no more, in removing order: feeds before the
    /// pages that they lead to.
    pub removed: Vec<String>,
    /// Pages whose names the file system reserves; left out.
    pub reserved: Vec<String>,
    /// Files of somebody else that stand where a page belongs; left alone.
    pub foreign: Vec<String>,
    /// Number of files that are as they should be.
    pub num_unchanged: usize,
    /// The manifest is absent, or lists other files, makers or builds.
    pub(super) manifest_changed: bool,
    /// What makes the feeds, and what made those before.
    pub(super) made_by: Makers,
    pub(super) known_made_by: Makers,
    /// Identities of the builds the site is made from, sorted.
    pub(super) builds: Vec<String>,
    /// Those of `removed` whose place a page takes that differs from them in case only.
    pub(super) renamed: Vec<String>,
    /// What is romfeed's own after the run, and what was before it; both sorted.
    pub(super) owned: Vec<String>,
    pub(super) known: Vec<String>,
}

impl Plan {
    /// Whether the folder already is what it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Compares the pages, whose paths were [checked](check_paths), with the folder and
/// touches nothing. `builds` are the identities of all builds that are known, sorted.
///
/// Every file is read, so that one edited or removed by hand is made good. `adopt`
/// takes over a folder, or files in it, that romfeed did not write.
///
/// # Errors
/// [`Error::NotOurs`], [`Error::Case`], [`Error::Manifest`] or [`Error::Io`].
pub fn plan(out: &Path, pages: &[Page], builds: Vec<String>, adopt: bool) -> Result<Plan, Error> {
    plan_by_rules(out, pages, builds, adopt, NameRules::probe(out, pages))
}

/// As [`plan`], for a file system of these rules.
///
/// # Errors
/// As [`plan`].
pub fn plan_by_rules(
    out: &Path,
    pages: &[Page],
    builds: Vec<String>,
    adopt: bool,
    rules: NameRules,
) -> Result<Plan, Error> {
    let manifest = read_manifest(out)?;
    if manifest.is_none() && !adopt {
        refuse_foreign_folder(out)?;
    }
    let is_new_site = manifest.is_none();
    let manifest = manifest.unwrap_or_default();
    let known = manifest.files;
    let is_known = |path: &String| known.binary_search(path).is_ok();
    if rules.ignores_case
        && let Some((first, second)) = alike(pages.iter().map(|p| &*p.path)).pop()
    {
        return Err(Error::Case {
            first: first.to_owned(),
            second: second.to_owned(),
            out: out.to_owned(),
        });
    }
    // A file that is to be called otherwise in nothing but case must make way for it.
    let known_folded: HashMap<String, &String> = match rules.ignores_case {
        true => known
            .iter()
            .map(|path| (path.to_lowercase(), path))
            .collect(),
        false => HashMap::new(),
    };
    let ordered = writing_order(pages.iter().collect());
    let found: Vec<Result<Existing, Error>> = ordered
        .par_iter()
        .map_init(Vec::new, |buffer, page| {
            let file = out.join(&page.path);
            compare(&file, &page.bytes, buffer).map_err(io_error("read", &file))
        })
        .collect();
    let mut plan = Plan::default();
    let mut strange = ForeignPaths::new(out, &known);
    for (page, existing) in ordered.into_iter().zip(found) {
        let path = page.path.clone();
        if strange.is_on_the_way_to(&path) {
            plan.foreign.push(path);
            continue;
        }
        if rules.reserves_names && is_reserved(&path) {
            plan.reserved.push(path);
            continue;
        }
        let old_case = known_folded.get(&path.to_lowercase());
        let old_case = old_case.filter(|known| ***known != path);
        let existing = match old_case {
            Some(_) => Existing::Nothing,
            None => existing?,
        };
        plan.renamed.extend(old_case.map(|path| path.to_string()));
        match existing {
            Existing::Nothing => plan.created.push(path.clone()),
            Existing::Same => plan.num_unchanged += 1,
            Existing::Different if is_known(&path) || adopt => plan.changed.push(path.clone()),
            Existing::Link if adopt => plan.changed.push(path.clone()),
            Existing::Different | Existing::Link | Existing::InTheWay => {
                plan.foreign.push(path);
                continue;
            }
        }
        plan.owned.push(path);
    }
    plan.owned.sort_unstable();
    plan.removed = known
        .iter()
        .filter(|path| plan.owned.binary_search(path).is_err())
        .filter(|path| is_inside(path) && may_be_file(&out.join(path)))
        .filter(|path| !strange.is_on_the_way_to(path))
        .cloned()
        .collect();
    sort_for_removal(&mut plan.removed);
    plan.made_by = makers_of(pages);
    // Files of somebody else are not the site's.
    plan.made_by
        .retain(|path, _| plan.owned.binary_search(path).is_ok());
    let is_same_made = manifest.makers.as_ref() == Some(&plan.made_by);
    let is_same = known == plan.owned && is_same_made && manifest.builds == builds;
    plan.manifest_changed = is_new_site || !is_same;
    plan.known_made_by = manifest.makers.unwrap_or_default();
    plan.known = known;
    plan.builds = builds;
    Ok(plan)
}

/// What stands in the place of a site's folders and is none of romfeed's: links to
/// folders elsewhere, and files that somebody else put there.
struct ForeignPaths<'o> {
    out: &'o Path,
    /// romfeed's own files, sorted; one in the place of a folder makes way.
    own: &'o [String],
    known: HashMap<String, bool>,
}

impl<'o> ForeignPaths<'o> {
    fn new(out: &'o Path, own: &'o [String]) -> ForeignPaths<'o> {
        ForeignPaths {
            out,
            own,
            known: HashMap::new(),
        }
    }

    /// Whether a page of this path would lie behind such a thing.
    fn is_on_the_way_to(&mut self, path: &str) -> bool {
        let Some((folder, _)) = path.rsplit_once('/') else {
            return false;
        };
        if let Some(known) = self.known.get(folder) {
            return *known;
        }
        let is_strange = self.is_strange(folder) || self.is_on_the_way_to(folder);
        self.known.insert(folder.to_owned(), is_strange);
        is_strange
    }

    fn is_strange(&self, folder: &str) -> bool {
        let is_own = |folder: &str| self.own.binary_search_by(|own| (**own).cmp(folder)).is_ok();
        match self.out.join(folder).symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => true,
            Ok(metadata) if metadata.is_file() => !is_own(folder),
            Ok(metadata) => !metadata.is_dir(),
            Err(_) => false,
        }
    }
}

/// Whether a file is there that romfeed may have written; links, pipes and folders are from others.
/// What cannot be looked at counts too, as romfeed would never remove a file that it forgot.
fn may_be_file(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(metadata) => metadata.is_file(),
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ),
    }
}

/// What stands where a page belongs.
enum Existing {
    Nothing,
    /// A file with the page's bytes.
    Same,
    /// A file with others.
    Different,
    /// A link, wherever it leads.
    Link,
    /// A folder, or something else that is no file.
    InTheWay,
}

/// Compares a file with what it should hold; `buffer` is for reading.
fn compare(file: &Path, bytes: &[u8], buffer: &mut Vec<u8>) -> io::Result<Existing> {
    // Asked for before it is opened: a pipe would wait for a writer.
    match file.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Ok(Existing::Link),
        Ok(metadata) if !metadata.is_file() => Ok(Existing::InTheWay),
        Ok(metadata) if metadata.len() != bytes.len() as u64 => Ok(Existing::Different),
        Ok(_) => {
            buffer.resize(bytes.len(), 0);
            match File::open(file)?.read_exact(buffer) {
                Ok(()) if *buffer == bytes => Ok(Existing::Same),
                Ok(()) => Ok(Existing::Different),
                // It was cut short since.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Ok(Existing::Different)
                }
                Err(error) => Err(error),
            }
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Existing::Nothing)
        }
        Err(error) => Err(error),
    }
}
