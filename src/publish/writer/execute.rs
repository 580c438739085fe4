//! Carries a plan out: writes and removes files so that a run may be killed at any moment.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::compare::Compared;
use super::lock::SiteLock;
use super::manifest::{MANIFEST, OwnFile, joined, write_manifest};
use super::plan::Plan;
use super::stage::{NewFolder, is_missing};
use super::{Error, STATE_DIR, TEMPORARY, io_error};
use crate::files::{Durability, Readers, create_public_folder, replace_with};

/// Carries a plan out: pages, then feeds, then removals. `pages` are those that were planned.
///
/// Meanwhile the manifest lists old and new files, so that the next run repairs an interrupted one.
///
/// # Errors
/// [`Error::Io`]; the files that were written before are complete and stay.
pub fn execute(out: &Path, pages: &[Compared], plan: &Plan, _lock: &SiteLock) -> Result<(), Error> {
    let state = out.join(STATE_DIR);
    let temporary = state.join(TEMPORARY);
    let num_before = plan.before.files.len();
    let all = files_meanwhile(pages, plan);
    // How many files the manifest lists.
    let mut num_listed = num_before;
    if plan.manifest_changed && all.len() > num_before {
        write_list(&state, &all, plan)?;
        num_listed = all.len();
    }
    drop(all);
    let to_write: Vec<&Compared> = plan.to_write.iter().map(|number| &pages[*number]).collect();
    let (blocking, stale) = split_removed(&to_write, plan);
    for path in blocking {
        remove(out, path)?;
    }
    for pages in to_write.chunk_by(|one, next| folder_of(one) == folder_of(next)) {
        write_in_folder(out, pages, &temporary)?;
    }
    for path in stale {
        remove(out, path)?;
    }
    if plan.manifest_changed {
        let after = files_after(pages, plan);
        // Otherwise that is written already.
        if num_listed == num_before || after.len() < num_listed {
            write_list(&state, &after, plan)?;
        }
    }
    Ok(())
}

/// Returns romfeed's own files after a run.
fn files_after<'p>(pages: &'p [Compared], plan: &'p Plan) -> Vec<OwnFile<'p>> {
    match &plan.after {
        None => plan.before.own_files().collect(),
        Some(after) => numbered(pages, after).collect(),
    }
}

/// Returns romfeed's own files before and after a run.
fn files_meanwhile<'p>(pages: &'p [Compared], plan: &'p Plan) -> Vec<OwnFile<'p>> {
    let after = plan.after.as_deref().unwrap_or_default();
    joined(plan.before.own_files(), numbered(pages, after))
}

fn numbered<'p>(pages: &'p [Compared], numbers: &'p [usize]) -> impl Iterator<Item = OwnFile<'p>> {
    numbers.iter().map(|number| pages[*number].own_file())
}

/// Writes the manifest with a list of files.
fn write_list(state: &Path, files: &[OwnFile<'_>], plan: &Plan) -> Result<(), Error> {
    let manifest = state.join(MANIFEST);
    replace_with(
        &state.join(TEMPORARY),
        &manifest,
        Durability::Synced,
        Readers::Everyone,
        |file| write_manifest(file, files, &plan.builds, plan.base_url.as_deref()),
    )
    .map_err(io_error("write", &manifest))
}

/// Splits the files to remove into those that are in the way of pages, which are removed first, and all others.
fn split_removed<'p>(to_write: &[&Compared], plan: &'p Plan) -> (Vec<&'p String>, Vec<&'p String>) {
    if plan.removed.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut sorted: Vec<&str> = to_write.iter().map(|page| page.path.as_str()).collect();
    sorted.sort_unstable();
    let is_in_place_of_file = |old: &str| {
        let mut folders = old.match_indices('/').map(|(at, _)| &old[..at]);
        folders.any(|folder| sorted.binary_search(&folder).is_ok())
    };
    // A file whose place a folder takes, one in a folder whose place a file takes, or a page whose name differs only in
    // case.
    let is_blocking = |old: &&String| {
        has_folder(&sorted, old) || is_in_place_of_file(old) || plan.renamed.contains(old)
    };
    plan.removed.iter().partition(is_blocking)
}

/// Returns the path of the folder that a page is in.
fn folder_of(page: &Compared) -> &str {
    page.path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Writes pages of one folder that come one after the other.
fn write_in_folder(out: &Path, pages: &[&Compared], temporary: &Path) -> Result<(), Error> {
    let Some(first) = pages.first() else {
        return Ok(());
    };
    let folder = out.join(folder_of(first));
    let files = pages.iter().map(|page| (*page, out.join(&page.path)));
    if let Some(new) = common_folder(pages)
        && move_folder(new, &folder)?
    {
        files.for_each(|(page, file)| page.set_moved(&file));
        return Ok(());
    }
    create_public_folder(&folder).map_err(io_error("create", &folder))?;
    for (page, file) in files {
        let written = page.write(temporary, &file);
        written.map_err(io_error("write", &file))?;
    }
    Ok(())
}

/// Returns the new folder that all these pages wait in, and nothing else.
fn common_folder<'p>(pages: &[&'p Compared]) -> Option<&'p NewFolder> {
    let new = pages.first()?.new_folder()?;
    let is_in = |page: &&Compared| {
        page.new_folder()
            .is_some_and(|other| Arc::ptr_eq(new, other))
    };
    (new.has_only(pages.len()) && pages.iter().all(is_in)).then_some(new)
}

/// Moves a new folder to its place; returns whether that was possible. It is not if the place has been taken meanwhile,
/// and some systems move no folder with open files.
fn move_folder(new: &NewFolder, place: &Path) -> Result<bool, Error> {
    if let Some(parent) = place.parent() {
        create_public_folder(parent).map_err(io_error("create", parent))?;
    }
    // An empty folder of others would be replaced.
    Ok(is_missing(place) && fs::rename(&new.path, place).is_ok())
}

/// Whether one of these sorted paths is inside a folder of this name.
pub(super) fn has_folder(sorted: &[&str], name: &str) -> bool {
    let folder = format!("{name}/");
    let at = sorted.partition_point(|path| *path < folder.as_str());
    sorted.get(at).is_some_and(|path| path.starts_with(&folder))
}

/// Removes a file, and the folders that become empty by it.
fn remove(out: &Path, path: &str) -> Result<(), Error> {
    let file = out.join(path);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &file)(error));
        }
        _ => {}
    }
    let mut folder = file.parent();
    while let Some(empty) = folder.filter(|folder| *folder != out && fs::remove_dir(folder).is_ok())
    {
        folder = empty.parent();
    }
    Ok(())
}
