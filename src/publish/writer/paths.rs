//! Which paths can be files of a site, and what its file system does with their names.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
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
    pub(super) fn probe<'p>(out: &Path, paths: impl Iterator<Item = &'p str>) -> NameRules {
        let has_reserved = || parts(paths).any(|part| portable_fault(split(part).1).is_some());
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
    parts_below(path, None).all(may_be_part)
}

/// Whether a path or a folder of it may be in the site, as far as its own name tells.
pub(super) fn may_be_part(part: &str) -> bool {
    let name = split(part).1;
    let mut components = Path::new(name).components();
    let is_name = matches!(components.next(), Some(Component::Normal(first)) if first == name);
    is_name && components.next().is_none() && part != STATE_DIR
}

/// Returns pairs of paths, or of folders in them, that differ only in case.
#[must_use]
pub fn alike<'p>(paths: impl Iterator<Item = &'p str> + Clone) -> Vec<(&'p str, &'p str)> {
    // Of names that differ only in case, one has capitals. Most sites have few of these.
    let has_capitals = |part: &&str| {
        let name = split(part).1;
        matches!(lower(name), Cow::Owned(lower) if lower != name)
    };
    let suspects: HashSet<&str> = parts(paths.clone())
        .filter(has_capitals)
        .map(|part| split(part).0)
        .collect();
    let mut known: HashMap<(&str, Cow<'_, str>), &str> = HashMap::new();
    let mut pairs = BTreeSet::new();
    let mut sound_folder = None;
    for path in paths {
        let folder = split(path).0;
        // Below folders that differ only in case, everything does.
        let is_sound = parts_below(path, sound_folder).all(|part| {
            let (folder, name) = split(part);
            if !suspects.contains(folder) {
                return true;
            }
            let known = *known.entry((folder, lower(name))).or_insert(part);
            if known != part {
                pairs.insert((known, part));
            }
            known == part
        });
        sound_folder = is_sound.then_some(folder);
    }
    pairs.into_iter().collect()
}

/// Returns a name in lower case.
fn lower(name: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    match name.bytes().all(is_lower) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_lowercase()),
    }
}

/// Returns the folder of a path, empty for the top one, and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Returns the folders of a path, from the top.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Returns the folders of a path, from the top, and the path; without folders if it is directly in `folder`.
fn parts_below<'p>(path: &'p str, folder: Option<&str>) -> impl Iterator<Item = &'p str> {
    // A slash at the start would be a folder without a name.
    let is_in = folder == Some(split(path).0) && folder != Some("");
    folders(if is_in { "" } else { path }).chain([path])
}

/// Returns all paths and folders of paths; folders not again for each of several paths in a row.
fn parts<'p>(paths: impl Iterator<Item = &'p str>) -> impl Iterator<Item = &'p str> {
    let mut last = None;
    paths.flat_map(move |path| {
        let parts = parts_below(path, last);
        last = Some(split(path).0);
        parts
    })
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
    pages: impl Iterator<Item = (&'p str, &'p Option<Arc<str>>)> + Clone,
) -> Result<(), Error> {
    let mut paths = pages.clone().map(|(path, _)| path);
    // The code that makes pages ensures this too; here is the last chance.
    let mut checked = None;
    let outside = paths.clone().find(|path| {
        let is_inside = parts_below(path, checked).all(may_be_part);
        checked = Some(split(path).0);
        !is_inside
    });
    if let Some(path) = outside {
        let path = path.to_owned();
        return Err(Error::Outside { path });
    }
    let known: HashSet<&str> = paths.clone().collect();
    let is_page = |folder| known.contains(folder);
    let mut checked = "";
    let has_pages_as_folders = paths.any(|path| {
        let folder = split(path).0;
        let is_checked = std::mem::replace(&mut checked, folder) == folder;
        !is_checked && folders(path).any(is_page)
    });
    match known.len() < pages.clone().count() || has_pages_as_folders {
        false => Ok(()),
        true => refuse_first(pages.collect()),
    }
}

/// Refuses the first page that has the path of another one, or of a folder of another one.
fn refuse_first(mut sorted: Vec<(&str, &Option<Arc<str>>)>) -> Result<(), Error> {
    // Sorted segment by segment, the pages in a folder follow the page with its name.
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
