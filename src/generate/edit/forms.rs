//! Moves a catalog from one file to a folder with a file for each device, and back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::error::Error;
use super::super::state::LOCK_WAIT;
use crate::catalog::{Catalog, Held, file, remove_lock, save, store};
use crate::files::{Disk, Place};

/// Moves the catalog that romfeed maintains from one path to another, of the other form, and returns it.
///
/// The new form is complete and was read again before the old one is removed. If both are there already, because an
/// earlier move was stopped in between, the old one is removed only if they are equal.
///
/// # Errors
/// [`Error::Catalog`] if the catalog cannot be read, or a different one is at the new path;
/// [`Error::Write`]. Then the old form is still there.
pub fn convert(from: &Path, to: &Path) -> Result<Catalog, Error> {
    refuse_same_place(from, to)?;
    let here: Arc<dyn Place> = Arc::new(Disk);
    let _held = Held::lock(&here, from, LOCK_WAIT)?;
    let shown = |path: &Path| path.display().to_string();
    if !store::is_there(from) && store::is_there(to) {
        let (from, to) = (shown(from), shown(to));
        return Err(file::Error::Moved { from, to }.into());
    }
    let catalog = store::load_one_form(from)?;
    match store::is_there(to) {
        false => write(&catalog, to)?,
        true => complete(&catalog, to)?,
    }
    let written = store::load_one_form(to)?;
    if written != catalog {
        let of_both = [(from, &catalog), (to, &written)];
        let [file, folder] = match store::is_folder(from) {
            true => [of_both[1], of_both[0]],
            false => of_both,
        };
        return Err(file::Error::FormsDiffer {
            file: shown(file.0),
            folder: shown(folder.0),
            difference: difference(file, folder),
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

/// Describes which builds each of two catalogs has that the other lacks or knows other facts of, as a part of a sentence.
fn difference(one: (&Path, &Catalog), other: (&Path, &Catalog)) -> String {
    let count = |names: &[&str]| match names {
        [name] => format!("1 build ({})", name.escape_debug()),
        names => format!(
            "{} builds (for example {})",
            names.len(),
            names[0].escape_debug()
        ),
    };
    let mut parts = Vec::new();
    for ((path, catalog), (_, other)) in [(one, other), (other, one)] {
        let builds = catalog.builds.iter();
        let lacking = builds.filter(|(identity, _)| !other.builds.contains_key(identity));
        let names: Vec<&str> = lacking
            .map(|(_, record)| record.build.filename.as_str())
            .collect();
        if !names.is_empty() {
            parts.push(format!("only {} has {}", path.display(), count(&names)));
        }
    }
    let in_both = one.1.builds.iter().filter(|(identity, record)| {
        let there = other.1.builds.get(identity);
        there.is_some_and(|there| there != *record)
    });
    let names: Vec<&str> = in_both
        .map(|(_, record)| record.build.filename.as_str())
        .collect();
    if !names.is_empty() {
        parts.push(format!("they have different facts of {}", count(&names)));
    }
    match parts[..] {
        [] => "they have the same builds, but differ in what was removed or in names of devices"
            .to_owned(),
        _ => parts.join("; "),
    }
}

/// Writes a catalog so that it appears complete or not at all.
fn write(catalog: &Catalog, to: &Path) -> Result<(), Error> {
    let write_error = |(file, source)| Error::Write { file, source };
    if !store::is_folder(to) {
        return save(&Disk, to, catalog).map_err(write_error);
    }
    let new = half_written(to);
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&new)(error)),
        _ => {}
    }
    fs::create_dir_all(&new).map_err(at(&new))?;
    save(&Disk, &new, catalog).map_err(write_error)?;
    // An empty folder may be there already.
    remove_lock(to).map_err(at(to))?;
    match fs::remove_dir(to) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => move_files(&new, to),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(to)(error)),
        _ => fs::rename(&new, to).map_err(at(to)),
    }
}

/// Returns the folder in which a catalog is written before it is moved to its place.
fn half_written(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.romfeed-tmp")).join("")
}

/// Moves the files of a catalog to a folder that has other files.
fn move_files(new: &Path, to: &Path) -> Result<(), Error> {
    for file in store::files(new).map_err(at(new))? {
        let target = to.join(file.file_name().unwrap_or_default());
        fs::rename(&file, &target).map_err(at(&target))?;
    }
    fs::remove_dir(new).map_err(at(new))
}

/// Moves the files that are still to be moved because an earlier move was stopped between two of them.
fn complete(catalog: &Catalog, to: &Path) -> Result<(), Error> {
    let new = half_written(to);
    if !store::is_folder(to) || !new.is_dir() {
        return Ok(());
    }
    let mut moved = store::load_one_form(to)?;
    let Ok(rest) = store::load_one_form(&new) else {
        return Ok(());
    };
    moved.share(&rest);
    match moved == *catalog {
        true => move_files(&new, to),
        false => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let file = path.to_owned();
    |source| Error::Write { file, source }
}

/// Removes the files of a catalog, and its folder unless other files are in it.
fn remove(path: &Path) -> Result<(), Error> {
    for file in store::files(path).map_err(at(path))? {
        fs::remove_file(&file).map_err(at(&file))?;
    }
    if store::is_folder(path) {
        // The folder stays if something else is in it.
        let _ = remove_lock(path).and_then(|()| fs::remove_dir(path));
    }
    Ok(())
}
