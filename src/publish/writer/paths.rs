//! Which paths can be files of a site, and what its file system does with their names.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

use super::{Error, LOCK, PageOrigins, STATE_DIR};
use crate::model::build::portable_fault;
use crate::publish::page::Page;

/// The rules of a file system for names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Whether names that differ only in case are the same.
    pub ignores_case: bool,
    /// Whether names that Windows reserves, and those that end in a dot, cannot be files.
    pub reserves_names: bool,
}

impl NameRules {
    /// Finds the rules that matter to these pages, by experiments in romfeed's own folder.
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

/// Whether a path is inside the site and outside of romfeed's own folder there, on all platforms.
pub(super) fn is_inside(path: &str) -> bool {
    let is_name = |part: &str| {
        let mut parts = Path::new(part).components();
        let is_one = matches!(parts.next(), Some(Component::Normal(name)) if name == part);
        is_one && parts.next().is_none()
    };
    path.split('/').all(is_name) && path.split('/').next() != Some(STATE_DIR)
}

/// Returns pairs of paths, or of folders in them, that differ only in case.
#[must_use]
pub fn alike<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<(&'p str, &'p str)> {
    let mut known: HashMap<String, &str> = HashMap::new();
    let mut pairs = BTreeSet::new();
    for path in paths {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        // Below folders that differ only in case, everything does.
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

/// Whether the file system of a site ignores case; false before romfeed's own folder exists.
fn ignores_case(out: &Path) -> bool {
    let other_case = [STATE_DIR, LOCK].map(str::to_ascii_uppercase);
    let there = out.join(STATE_DIR).join(LOCK);
    let found = out.join(&other_case[0]).join(&other_case[1]);
    there.exists() && found.exists()
}

/// Whether the file system of a site rejects the names that Windows reserves.
fn reserves_names(out: &Path) -> bool {
    let state = out.join(STATE_DIR);
    if cfg!(windows) || !state.exists() {
        return cfg!(windows);
    }
    let probe = state.join("aux");
    let created = File::create_new(&probe);
    // Also removes one that a killed run left.
    let _ = fs::remove_file(probe);
    created.is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput)
}

/// Checks that all pages can be files of one site: each has a path of its own inside the site, and
/// none has the name of a folder of another.
///
/// # Errors
/// [`Error::Outside`]; [`Error::Duplicate`] or [`Error::Prefix`], with the templates that make the
/// pages.
pub fn check_paths(pages: &[Page]) -> Result<(), Error> {
    // The code that makes pages ensures this too; here is the last chance.
    if let Some(page) = pages.iter().find(|page| !is_inside(&page.path)) {
        let path = page.path.clone();
        return Err(Error::Outside { path });
    }
    let mut sorted: Vec<&Page> = pages.iter().collect();
    // Sorted segment by segment, the pages in a folder follow the page with its name. The pages are
    // nearly in order, for which stable sorting is faster.
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

/// Returns the bytes of a path with the end of a segment before all others, so that paths are ordered
/// by their segments.
fn by_segment(path: &str) -> impl Iterator<Item = u16> + '_ {
    path.bytes().map(|byte| match byte {
        b'/' => 0,
        byte => u16::from(byte) + 1,
    })
}
