//! Which paths can be files of a site, and what its file system does with their names.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

use super::lock::LOCK;
use super::{Error, PageOrigins, STATE_DIR};
use crate::model::build::portable_fault;
use crate::publish::page::Page;

/// What a file system does with names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Names that differ only in the case of letters are one.
    pub ignores_case: bool,
    /// Names that Windows reserves, and those that end in a dot, cannot be files.
    pub reserves_names: bool,
}

impl NameRules {
    /// Finds the rules that matter to these pages by trying them in romfeed's own folder.
    pub(super) fn probe(out: &Path, pages: &[Page]) -> NameRules {
        let has_reserved = || pages.iter().any(|page| is_reserved(&page.path));
        NameRules {
            ignores_case: ignores_case(out),
            reserves_names: has_reserved() && reserves_names(out),
        }
    }
}

/// Whether a part of a path is a name that Windows reserves.
pub(super) fn is_reserved(path: &str) -> bool {
    path.split('/').any(|name| portable_fault(name).is_some())
}

/// A path that stays inside the site and out of romfeed's own folder there, on every platform.
pub(super) fn is_inside(path: &str) -> bool {
    let is_name = |part: &str| {
        let mut parts = Path::new(part).components();
        let is_one = matches!(parts.next(), Some(Component::Normal(name)) if name == part);
        is_one && parts.next().is_none()
    };
    path.split('/').all(is_name) && path.split('/').next() != Some(STATE_DIR)
}

/// Pairs of paths, or of the folders at their beginnings, that differ only in the case of letters.
#[must_use]
pub fn alike<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<(&'p str, &'p str)> {
    let mut known: HashMap<String, &str> = HashMap::new();
    let mut pairs = BTreeSet::new();
    for path in paths {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        // Below folders that are alike, all would be.
        for part in folders.chain([path]) {
            let known = *known.entry(part.to_lowercase()).or_insert(part);
            if known != part {
                pairs.insert((known, part));
                break;
            }
        }
    }
    pairs.into_iter().collect()
}

/// Whether the file system of a site takes names that differ in case for one; not known before
/// romfeed's own folder is there.
fn ignores_case(out: &Path) -> bool {
    let other_case = [STATE_DIR, LOCK].map(str::to_ascii_uppercase);
    let there = out.join(STATE_DIR).join(LOCK);
    let found = out.join(&other_case[0]).join(&other_case[1]);
    there.exists() && found.exists()
}

/// Whether the file system of a site refuses the names that Windows reserves.
fn reserves_names(out: &Path) -> bool {
    let state = out.join(STATE_DIR);
    if cfg!(windows) || !state.exists() {
        return cfg!(windows);
    }
    let probe = state.join("aux");
    let created = File::create_new(&probe);
    // A run that was killed may have left it.
    let _ = fs::remove_file(probe);
    created.is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput)
}

/// Whether all pages can be files of one site: each has a path of its own inside it, and
/// none is a folder on the way to another. Paths sorted segment by segment put a
/// folder's pages right behind the page of its name.
///
/// # Errors
/// [`Error::Outside`]; [`Error::Duplicate`] or [`Error::Prefix`], with the templates that
/// make them.
pub fn check_paths(pages: &[Page]) -> Result<(), Error> {
    // Whoever makes pages sees to it; this is the last place that can.
    if let Some(page) = pages.iter().find(|page| !is_inside(&page.path)) {
        let path = page.path.clone();
        return Err(Error::Outside { path });
    }
    let mut sorted: Vec<&Page> = pages.iter().collect();
    // Stable sorting is the quicker one of pages that are nearly in order.
    sorted.sort_by(|a, b| {
        let order = by_segment(&a.path).cmp(by_segment(&b.path));
        order.then_with(|| a.origin.cmp(&b.origin))
    });
    for pair in sorted.windows(2) {
        let [first, second] = pair else { continue };
        let makers = || PageOrigins([first.origin.clone(), second.origin.clone()]);
        let rest = second.path.strip_prefix(&first.path);
        if rest.is_some_and(str::is_empty) {
            return Err(Error::Duplicate {
                path: first.path.clone(),
                makers: makers(),
            });
        }
        if rest.is_some_and(|rest| rest.starts_with('/')) {
            return Err(Error::Prefix {
                shorter: first.path.clone(),
                longer: second.path.clone(),
                makers: makers(),
            });
        }
    }
    Ok(())
}

/// A path's bytes with the end of a segment before any other, which makes the
/// order of paths that of their segments.
fn by_segment(path: &str) -> impl Iterator<Item = u16> + '_ {
    path.bytes().map(|byte| match byte {
        b'/' => 0,
        byte => u16::from(byte) + 1,
    })
}
