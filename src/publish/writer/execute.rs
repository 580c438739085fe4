//! Carries a plan out: writes and removes files so that a run may be killed at any moment.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::compare::Compared;
use super::lock::SiteLock;
use super::manifest::{MANIFEST, render_manifest};
use super::plan::Plan;
use super::{Error, STATE_DIR, TEMPORARY, io_error};
use crate::files::{Durability, Readers, create_public_folder, replace};
use crate::publish::makers::Makers;
use crate::publish::page::writing_order;
use crate::publish::text_list::TextList;

/// Carries a plan out: pages, then feeds, then removals.
///
/// Meanwhile the manifest lists old and new files, so that the next run repairs an interrupted one.
///
/// # Errors
/// [`Error::Io`]; the files that were written before are complete and stay.
pub fn execute(out: &Path, pages: &[Compared], plan: &Plan, _lock: &SiteLock) -> Result<(), Error> {
    let state = out.join(STATE_DIR);
    let temporary = state.join(TEMPORARY);
    let manifest = state.join(MANIFEST);
    let write_manifest = |files: &TextList, makers: &Makers| {
        let bytes = render_manifest(files, makers, &plan.builds, plan.base_url.as_deref());
        replace(
            &temporary,
            &manifest,
            &bytes,
            Durability::Synced,
            Readers::Everyone,
        )
        .map_err(io_error("write", &manifest))
    };
    let (before, after) = (&plan.before, plan.after());
    if plan.manifest_changed {
        let both = before.files.union(&after.files);
        if both.len() > before.files.len() {
            write_manifest(&both, &before.makers.union(&after.makers))?;
        }
    }
    let to_write = pages_to_write(pages, plan);
    // A file whose place a folder takes is removed first.
    let mut sorted: Vec<&str> = to_write.iter().map(|page| page.path.as_str()).collect();
    sorted.sort_unstable();
    let (blocking, stale): (Vec<&String>, Vec<&String>) = plan
        .removed
        .iter()
        .partition(|old| has_folder(&sorted, old) || plan.renamed.contains(old));
    for path in blocking {
        remove(out, path)?;
    }
    let mut last_folder = PathBuf::new();
    for page in to_write {
        let file = out.join(&page.path);
        if let Some(folder) = file.parent().filter(|folder| **folder != *last_folder) {
            create_public_folder(folder).map_err(io_error("create", folder))?;
            folder.clone_into(&mut last_folder);
        }
        page.write(&temporary, &file)
            .map_err(io_error("write", &file))?;
    }
    for path in stale {
        remove(out, path)?;
    }
    if plan.manifest_changed {
        write_manifest(&after.files, &after.makers)?;
    }
    Ok(())
}

/// Returns the pages that a plan creates or changes, in writing order.
fn pages_to_write<'a>(pages: &'a [Compared], plan: &Plan) -> Vec<&'a Compared> {
    // Most runs write few of many pages, so only those are sorted.
    let wanted: HashSet<&str> = plan
        .created
        .iter()
        .chain(&plan.changed)
        .map(String::as_str)
        .collect();
    let is_wanted = |page: &&Compared| wanted.contains(page.path.as_str());
    let mut pages: Vec<&Compared> = pages.iter().filter(is_wanted).collect();
    pages.sort_by_cached_key(|page| writing_order(&page.path, &page.maker));
    pages
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
