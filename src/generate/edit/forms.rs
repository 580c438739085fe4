//! Moves a catalog from one file to a folder with a file for each device, and back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::{Error, lock_state};
use crate::catalog::{Catalog, file, store};
use crate::model::config::Config;

/// Moves the catalog that romfeed maintains to another path, of the other form, and returns it.
///
/// The new form is complete and was read again before the old one is removed. If an earlier move was
/// stopped in between, this one completes it.
///
/// # Errors
/// [`Error::Catalog`] if the catalog cannot be read, or a different one is at the new path;
/// [`Error::Write`]. Then the old form is still there.
pub fn convert(config: &Config, to: &Path) -> Result<Catalog, Error> {
    let from = &config.catalogs[0];
    let _lock = lock_state(&config.state)?;
    refuse_same_place(from, to)?;
    let catalog = store::load_one_form(from)?;
    if !is_there(to) {
        write(&catalog, to)?;
    }
    if store::load_one_form(to)? != catalog {
        let (file, folder) = match store::is_folder(from) {
            true => (to, &**from),
            false => (&**from, to),
        };
        return Err(file::Error::TwoForms {
            file: file.display().to_string(),
            folder: folder.display().to_string(),
        }
        .into());
    }
    remove(from)?;
    Ok(catalog)
}

/// Refuses to move a catalog into its own folder, or to its own path: removing the old form would remove
/// the new one.
fn refuse_same_place(from: &Path, to: &Path) -> Result<(), Error> {
    let (file, folder) = match store::is_folder(from) {
        true => (to, from),
        false => (from, to),
    };
    let real = |path: &Path| std::path::absolute(path).ok()?.canonicalize().ok();
    let of_file = std::path::absolute(file).ok();
    let of_file = of_file.and_then(|file| real(file.parent()?));
    let is_inside = of_file.is_some() && of_file == real(folder);
    match is_inside || store::is_folder(from) == store::is_folder(to) {
        false => Ok(()),
        true => Err(Error::SamePlace {
            from: from.to_owned(),
            to: to.to_owned(),
        }),
    }
}

fn is_there(path: &Path) -> bool {
    match store::is_folder(path) {
        true => store::files(path).is_ok_and(|files| !files.is_empty()),
        false => path.exists(),
    }
}

/// Writes a catalog so that it appears complete or not at all.
fn write(catalog: &Catalog, to: &Path) -> Result<(), Error> {
    let write_error = |(file, source)| Error::Write { file, source };
    if !store::is_folder(to) {
        return store::save(to, catalog).map_err(write_error);
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let new = to.with_file_name(format!(".{name}.romfeed-tmp")).join("");
    let at = |path: &Path| {
        let file = path.to_owned();
        move |source| write_error((file, source))
    };
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&new)(error)),
        _ => {}
    }
    fs::create_dir_all(&new).map_err(at(&new))?;
    store::save(&new, catalog).map_err(write_error)?;
    // An empty folder may be there already.
    match fs::remove_dir(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(to)(error)),
        _ => {}
    }
    fs::rename(&new, to).map_err(at(to))
}

/// Removes the files of a catalog, and its folder unless other files are in it.
fn remove(path: &Path) -> Result<(), Error> {
    let write_error = |file: PathBuf| move |source| Error::Write { file, source };
    let files = store::files(path).map_err(write_error(path.to_owned()))?;
    for file in files {
        fs::remove_file(&file).map_err(write_error(file))?;
    }
    if store::is_folder(path) {
        // The folder stays if something else is in it.
        let _ = fs::remove_dir(path);
    }
    Ok(())
}
