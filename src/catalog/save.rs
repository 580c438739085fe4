//! Writes a catalog to disk: one file, or those files of a folder that differ.
//!
//! A build whose device is corrected moves from one file to another. It stays in its former file until
//! the other is written. If the run is killed before, both files have the build, and the later record
//! counts: the one that names the device of the other as a former one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::device_file::file_name;
use super::moves::Moves;
use super::store::{devices, files, is_folder, name_of};
use super::{Catalog, file};
use crate::files::{Place, behind_links, remove_leftover};
use crate::model::build::Device;

/// Writes a catalog. Of a folder, only the files of devices that changed are written, and those of
/// devices without builds and tombstones are removed. If a file is a link, the file it points to is
/// replaced and the link stays.
///
/// # Errors
/// The file that cannot be written, and why; files written before stay.
pub fn save(place: &dyn Place, path: &Path, catalog: &Catalog) -> Result<(), (PathBuf, io::Error)> {
    let there = files(path).map_err(|error| (path.to_owned(), error))?;
    let mut names: BTreeSet<String> = there.iter().map(|file| name_of(file)).collect();
    names.extend(devices(catalog).into_iter().map(file_name));
    save_files(place, path, catalog, &names)
}

/// Writes a catalog as [`save`] does, but of a folder only the files of these names.
///
/// # Errors
/// As [`save`].
pub(super) fn save_files(
    place: &dyn Place,
    path: &Path,
    catalog: &Catalog,
    names: &BTreeSet<String>,
) -> Result<(), (PathBuf, io::Error)> {
    let write = |file: &Path, text: &[u8]| {
        let written = place.write(file, text);
        written.map_err(|error| (file.to_owned(), error))
    };
    if !is_folder(path) {
        return write(path, &file::render(catalog));
    }
    let by_file = wanted_by_file(catalog, &|name| names.contains(name));
    let rendered: Vec<(PathBuf, Vec<u8>)> = by_file
        .par_iter()
        .map(|(name, catalog)| (path.join(name), file::render(catalog)))
        .collect();
    let is_changed = |(file, text): &&(PathBuf, Vec<u8>)| {
        std::fs::read(file).map_or(true, |former| former != *text)
    };
    let changed: Vec<&(PathBuf, Vec<u8>)> = rendered.iter().filter(is_changed).collect();
    let gone = names.iter().filter(|name| !by_file.contains_key(*name));
    let gone: Vec<PathBuf> = gone.map(|name| path.join(name)).collect();
    let files = changed.iter().map(|(file, _)| file).chain(&gone);
    let former = files.filter_map(|file| Some((name_of(file), file::load(file).ok()?)));
    let moves = Moves::new(&former.collect(), catalog);
    // A run that is killed between two files loses no build, and brings back none that was removed.
    let write_held = |file: &Path, text: &[u8], held: Option<Catalog>| {
        let held = held.map(|held| file::render(&held));
        write(file, held.as_deref().unwrap_or(text))
    };
    for (file, text) in &changed {
        let name = name_of(file);
        write_held(file, text, moves.before_others(&name, &by_file[&name]))?;
    }
    for (file, text) in &changed {
        let name = name_of(file);
        if moves.leave(&name) {
            write_held(file, text, moves.after_others(&name, &by_file[&name]))?;
        }
    }
    for file in gone {
        match place.remove(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((file, error)),
            _ => {}
        }
    }
    for (file, text) in &changed {
        if moves.come_back(&name_of(file)) {
            write(file, text)?;
        }
    }
    Ok(())
}

/// Divides a catalog into those of the files of a folder.
#[must_use]
pub fn by_file(catalog: &Catalog) -> BTreeMap<String, Catalog> {
    wanted_by_file(catalog, &|_| true)
}

/// Divides a catalog into those of the files of a folder; only those with a name that is wanted.
fn wanted_by_file(
    catalog: &Catalog,
    is_wanted: &dyn Fn(&str) -> bool,
) -> BTreeMap<String, Catalog> {
    let mut files: BTreeMap<String, Catalog> = BTreeMap::new();
    let name = |device: &Device| Some(file_name(device)).filter(|name| is_wanted(name));
    for (identity, record) in &catalog.builds {
        if let Some(name) = name(&record.build.device) {
            let of_device = files.entry(name).or_default();
            of_device.builds.share(identity, &catalog.builds);
        }
    }
    for (identity, stone) in &catalog.tombstones {
        if let Some(name) = name(&stone.device) {
            let of_device = files.entry(name).or_default();
            of_device.tombstones.insert(identity.clone(), stone.clone());
        }
    }
    for (device, aliases) in &catalog.aliases {
        if let Some(name) = name(device) {
            let of_device = files.entry(name).or_default();
            of_device.aliases.insert(device.clone(), aliases.clone());
        }
    }
    files
}

/// Removes half-written files of killed runs. No other process may be writing this catalog.
pub(super) fn remove_leftovers(path: &Path) {
    if !is_folder(path) {
        return remove_leftover(&behind_links(path));
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // A device that was new has only the temporary file.
        let file = name
            .strip_prefix('.')
            .and_then(|name| name.strip_suffix(".romfeed-tmp"));
        if let Some(file) = file {
            remove_leftover(&path.join(file));
        }
    }
}
