//! Which paths can be files of a site, and what its file system does with their names.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use super::{Error, LOCK, PageOrigins, STATE_DIR};
use crate::model::build::portable_fault;

/// The rules of a file system for names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Whether names that differ only in case are the same.
    pub ignores_case: bool,
    /// Whether names that Windows reserves, and those that end in a dot, cannot be files.
    pub reserves_names: bool,
}

impl NameRules {
    /// Finds the rules that matter to pages with these paths, by experiments in romfeed's own folder.
    pub(super) fn probe<'p>(out: &Path, mut paths: impl Iterator<Item = &'p str>) -> NameRules {
        let mut has_reserved = || paths.any(is_reserved);
        NameRules {
            ignores_case: ignores_case(out),
            reserves_names: has_reserved() && reserves_names(out),
        }
    }

    /// Whether the file system of a site ignores case.
    pub(super) fn probe_case(out: &Path) -> bool {
        ignores_case(out)
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

/// Checks that all pages, given by path and origin, can be files of one site: each has a path of its own inside the site, and
/// none has the name of a folder of another.
///
/// # Errors
/// [`Error::Outside`]; [`Error::Duplicate`] or [`Error::Prefix`], with the templates that make the
/// pages.
pub fn check_paths<'p>(
    pages: impl Iterator<Item = (&'p str, &'p Option<Arc<str>>)>,
) -> Result<(), Error> {
    let mut sorted: Vec<(&str, &Option<Arc<str>>)> = pages.collect();
    // The code that makes pages ensures this too; here is the last chance.
    if let Some((path, _)) = sorted.iter().find(|(path, _)| !is_inside(path)) {
        let path = (*path).to_owned();
        return Err(Error::Outside { path });
    }
    // Sorted segment by segment, the pages in a folder follow the page with its name. The pages are
    // nearly in order, for which stable sorting is faster.
    sorted.sort_by(|a, b| {
        let order = by_segment(a.0).cmp(by_segment(b.0));
        order.then_with(|| a.1.cmp(b.1))
    });
    for pair in sorted.windows(2) {
        let [first, second] = pair else { continue };
        let ((first, first_origin), (second, second_origin)) = (first, second);
        let makers = || PageOrigins([(*first_origin).clone(), (*second_origin).clone()]);
        let rest = second.strip_prefix(*first);
        if rest.is_some_and(str::is_empty) {
            return Err(Error::Duplicate {
                path: (*first).to_owned(),
                makers: makers(),
            });
        }
        if rest.is_some_and(|rest| rest.starts_with('/')) {
            return Err(Error::Prefix {
                shorter: (*first).to_owned(),
                longer: (*second).to_owned(),
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
