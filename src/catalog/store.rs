//! A catalog on disk: one file, or a folder with one file for each device.
//!
//! A path that ends in `/` is such a folder. Its files have the form of a whole catalog ([`mod@file`])
//! and hold the builds, tombstones and aliases of one device. Each is named after the device in lower
//! case, so that file systems without letter case never mix two up. Hidden files, and files with other
//! endings, may lie next to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use digest_lanes::Stamp;
use ota_view::error_kind::chain;
use rayon::prelude::*;

use super::device_file::{ENDING, file_name};
use super::file::{self, Error};
use super::unite::{LeftOut, unite};
use super::{Catalog, Parsed};
use crate::files::list_folder;
use crate::model::build::Device;

/// Returns whether a path is that of a catalog with one file for each device.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    path.last()
        .is_some_and(|end| std::path::is_separator(char::from(*end)))
}

/// Lists the files of a catalog, sorted; those of a folder that does not exist are none.
///
/// # Errors
/// Whatever the system reports about the folder.
pub fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !is_folder(path) {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = list_folder(path)?;
    files.retain(|file| file.extension().is_some_and(|end| end == ENDING));
    Ok(files)
}

/// Reads a catalog.
///
/// # Errors
/// [`Error`], with line and column where the JSON is wrong; [`Error::TwoForms`] if the same catalog is
/// there as a file and as a folder; [`Error::Moved`] if it is there in its other form alone.
pub fn load(path: &Path) -> Result<Catalog, Error> {
    refuse_other_form(path)?;
    load_one_form(path)
}

/// Reads a catalog, whether or not it is there in its other form too.
///
/// # Errors
/// [`Error`], with line and column where the JSON is wrong.
pub fn load_one_form(path: &Path) -> Result<Catalog, Error> {
    match is_folder(path) {
        true => Ok(load_folder(path, false, &BTreeMap::new(), None)?.0),
        false => file::load(path),
    }
}

/// The files that a catalog was read from.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    stamps: BTreeMap<PathBuf, Stamp>,
    /// The names of the files that were to be read, if those are not all.
    pub(super) only: Option<BTreeSet<String>>,
    /// The names of those with the earlier record of a build that has moved to another file.
    pub(super) outdated: BTreeSet<String>,
    /// Why some were left out, by name.
    pub(super) left_out: BTreeMap<String, LeftOut>,
}

impl Files {
    /// Whether the files of the catalog are the same as when it was read.
    pub(super) fn are_current(&self, path: &Path) -> bool {
        match &self.only {
            None => stamps(path).is_ok_and(|stamps| stamps == self.stamps),
            Some(names) => stamps_of(path, names) == self.stamps,
        }
    }

    /// Returns those of the files that are the same as when they were read, with their stamps.
    pub(super) fn unchanged(&self) -> impl Iterator<Item = (&Path, Stamp)> {
        let files = self.stamps.iter();
        let files = files.filter(|(file, known)| stamp(file).as_ref() == Some(*known));
        files.map(|(file, stamp)| (&**file, *stamp))
    }

    /// Returns the first of these files of the catalog that is not the same as when it was read.
    pub(super) fn first_changed(&self, path: &Path, names: &BTreeSet<String>) -> Option<PathBuf> {
        let mut files: Vec<PathBuf> = match is_folder(path) {
            true => names.iter().map(|name| path.join(name)).collect(),
            false => vec![path.to_owned()],
        };
        let position = files
            .iter()
            .position(|file| stamp(file) != self.stamps.get(file).copied());
        position.map(|position| files.swap_remove(position))
    }

    /// Returns the name of a device's file, and the reason, if it was left out.
    pub(super) fn left_out(&self, device: &Device) -> Option<(&str, &LeftOut)> {
        let (name, reason) = self.left_out.get_key_value(&file_name(device))?;
        Some((name, reason))
    }
}

/// Returns the state of each file of a catalog.
fn stamps(path: &Path) -> io::Result<BTreeMap<PathBuf, Stamp>> {
    let with_stamp = |file: PathBuf| {
        let stamp = stamp(&file)?;
        Some((file, stamp))
    };
    Ok(files(path)?.into_iter().filter_map(with_stamp).collect())
}

/// Returns the state of some files of a folder.
fn stamps_of(path: &Path, names: &BTreeSet<String>) -> BTreeMap<PathBuf, Stamp> {
    let files = names.iter().map(|name| path.join(name));
    files
        .filter_map(|file| stamp(&file).map(|stamp| (file, stamp)))
        .collect()
}

/// Returns the state of a file; none if it is not there. Links are followed.
#[must_use]
pub fn stamp(file: &Path) -> Option<Stamp> {
    // Opening a pipe would wait for its writer.
    if !std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    // A file that is opened is as new as its server has it; the state alone may be an old copy.
    let metadata = File::open(file).ok()?.metadata().ok()?;
    Some(Stamp::of(&metadata))
}

/// The most times that a catalog is read again because other processes changed it meanwhile.
const MAX_READS: usize = 5;

/// Reads a catalog, and which files it was read from; a file or folder that does not exist is an empty catalog. With
/// `skips_unreadable`, the files of devices that cannot be read, or that contradict each other, are left out. Those that
/// have not changed since they were `parsed` are not read.
///
/// # Errors
/// As [`load`].
pub(super) fn load_with_files(
    path: &Path,
    skips_unreadable: bool,
    parsed: Option<&mut Parsed>,
) -> Result<(Catalog, Files), Error> {
    if matches!(path.try_exists(), Ok(false)) {
        refuse_other_form(path)?;
        return Ok(<(Catalog, Files)>::default());
    }
    load_changed(path, skips_unreadable, parsed)
}

/// Reads a catalog as [`load`] does, and which files it was read from. Those that have not changed since they were
/// parsed are not read.
///
/// # Errors
/// As [`load`].
pub(super) fn load_changed(
    path: &Path,
    skips_unreadable: bool,
    mut parsed: Option<&mut Parsed>,
) -> Result<(Catalog, Files), Error> {
    refuse_other_form(path)?;
    // Read first: a change meanwhile is then noticed.
    let mut before = stamps(path).unwrap_or_default();
    for _ in 1..MAX_READS {
        let loaded = load_once(path, skips_unreadable, &before, parsed.as_deref_mut());
        let after = stamps(path).unwrap_or_default();
        // A build that moves between two files may have been in neither when each was read.
        if after == before {
            let (catalog, files) = loaded?;
            let stamps = after;
            return Ok((catalog, Files { stamps, ..files }));
        }
        before = after;
    }
    let (catalog, files) = load_once(path, skips_unreadable, &before, parsed)?;
    let stamps = before;
    Ok((catalog, Files { stamps, ..files }))
}

fn load_once(
    path: &Path,
    skips_unreadable: bool,
    stamps: &BTreeMap<PathBuf, Stamp>,
    parsed: Option<&mut Parsed>,
) -> Result<(Catalog, Files), Error> {
    if is_folder(path) {
        return load_folder(path, skips_unreadable, stamps, parsed);
    }
    let loaded = load_files(&[path.to_owned()], file::load, stamps, parsed);
    let catalog = loaded.into_iter().next().expect("one file was read")?;
    Ok((catalog, Files::default()))
}

/// Reads files, except those that have not changed since they were parsed.
fn load_files(
    files: &[PathBuf],
    load: fn(&Path) -> Result<Catalog, Error>,
    stamps: &BTreeMap<PathBuf, Stamp>,
    parsed: Option<&mut Parsed>,
) -> Vec<Result<Catalog, Error>> {
    let known = |file: &Path| parsed.as_deref()?.get(file, stamps.get(file)).cloned();
    let loaded: Vec<Result<Catalog, Error>> = files
        .par_iter()
        .map(|file| known(file).map_or_else(|| load(file), Ok))
        .collect();
    if let Some(parsed) = parsed {
        for (file, loaded) in files.iter().zip(&loaded) {
            if let (Some(stamp), Ok(catalog)) = (stamps.get(file), loaded) {
                parsed.insert(file, *stamp, catalog.clone());
            }
        }
    }
    loaded
}

/// Reads the catalog of each device.
fn load_folder(
    path: &Path,
    skips_unreadable: bool,
    stamps: &BTreeMap<PathBuf, Stamp>,
    mut parsed: Option<&mut Parsed>,
) -> Result<(Catalog, Files), Error> {
    if !path.is_dir() {
        return Err(cannot_read(path, io::ErrorKind::NotFound.into()));
    }
    let paths = files(path).map_err(|source| cannot_read(path, source))?;
    if let Some(parsed) = parsed.as_deref_mut() {
        parsed.forget_gone(path, stamps);
    }
    let loaded = load_files(&paths, load_device, stamps, parsed);
    let mut catalogs = Vec::new();
    let mut left_out = BTreeMap::new();
    for (file, catalog) in paths.iter().zip(loaded) {
        match catalog {
            Ok(catalog) => catalogs.push((name_of(file), catalog)),
            // Another process has removed it since the folder was listed.
            Err(_) if std::fs::symlink_metadata(file).is_err() => {}
            Err(error) if skips_unreadable => {
                left_out.insert(name_of(file), LeftOut::Unreadable(chain(&error)));
            }
            Err(error) => return Err(error),
        }
    }
    loop {
        let (all, outdated, clashes) = unite(&catalogs);
        match clashes.first() {
            None => {
                let files = Files {
                    outdated,
                    left_out,
                    ..Files::default()
                };
                return Ok((all, files));
            }
            Some(clash) if !skips_unreadable => return Err(clash.error(path)),
            Some(_) => clashes
                .iter()
                .for_each(|clash| clash.leave_out(path, &mut left_out)),
        }
        catalogs.retain(|(name, _)| !left_out.contains_key(name));
    }
}

/// Reads those files of a folder that have these names and are there, and which files they are.
///
/// # Errors
/// As [`load`].
pub(super) fn load_only(path: &Path, names: &BTreeSet<String>) -> Result<(Catalog, Files), Error> {
    refuse_other_form(path)?;
    let mut before = stamps_of(path, names);
    let mut num_reads = 0;
    loop {
        num_reads += 1;
        let loaded = load_some(path, before.keys());
        let after = stamps_of(path, names);
        if after == before || num_reads == MAX_READS {
            let files = Files {
                stamps: before,
                only: Some(names.clone()),
                ..Files::default()
            };
            return Ok((loaded?, files));
        }
        before = after;
    }
}

/// Reads files of a folder.
///
/// # Errors
/// As [`load`]; also if one of them is not there.
fn load_some<'f>(path: &Path, files: impl Iterator<Item = &'f PathBuf>) -> Result<Catalog, Error> {
    let load = |file: &PathBuf| Ok((name_of(file), load_device(file)?));
    let catalogs: Vec<(String, Catalog)> = files.map(load).collect::<Result<_, Error>>()?;
    let (all, _, clashes) = unite(&catalogs);
    match clashes.first() {
        None => Ok(all),
        Some(clash) => Err(clash.error(path)),
    }
}

/// Describes a folder that cannot be listed.
#[must_use]
pub fn cannot_read(path: &Path, source: io::Error) -> Error {
    Error::Io {
        file: path.display().to_string(),
        source,
    }
}

/// Returns the name of a file in a folder.
pub(super) fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Reads the catalog of one device, and checks that it is that device's. A file that is listed and is not there, such
/// as a link that leads nowhere, is not an empty catalog.
///
/// # Errors
/// As [`load`].
pub fn load_device(path: &Path) -> Result<Catalog, Error> {
    let catalog = file::load(path).map_err(|error| match error {
        Error::Io { file, source } if source.kind() == io::ErrorKind::NotFound => Error::Io {
            file,
            source: io::Error::other("it was removed meanwhile, or is a link that leads nowhere"),
        },
        Error::Json { file, .. } if file::read(path).is_ok_and(|text| file::is_foreign(&text)) => {
            Error::Foreign { file }
        }
        error => error,
    })?;
    let found = path.file_name().unwrap_or_default();
    for device in devices(&catalog) {
        let expected = file_name(device);
        if *found != *expected {
            return Err(Error::OtherDevice {
                file: path.display().to_string(),
                device: device.to_string(),
                expected,
            });
        }
    }
    Ok(catalog)
}

/// Returns all devices that a catalog has something about.
pub(super) fn devices(catalog: &Catalog) -> BTreeSet<&Device> {
    let mut devices = catalog.devices();
    devices.extend(catalog.aliases.keys());
    devices
}

/// Refuses a catalog that is there as a file and as a folder, since one of them would be out of date, and one that is
/// there in its other form alone, since it is not empty.
///
/// # Errors
/// [`Error::TwoForms`], [`Error::Moved`].
pub fn refuse_other_form(path: &Path) -> Result<(), Error> {
    let Some(other) = other_form(path) else {
        return Ok(());
    };
    let [here, there] = [path, &other].map(|path| path.display().to_string());
    if !is_there(path) {
        return Err(Error::Moved {
            from: here,
            to: there,
        });
    }
    let (file, folder) = match is_folder(path) {
        true => (there, here),
        false => (here, there),
    };
    Err(Error::TwoForms { file, folder })
}

/// Returns whether a catalog is there: a file, or a folder with files of devices.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    match is_folder(path) {
        true => files(path).is_ok_and(|files| !files.is_empty()),
        false => path.exists(),
    }
}

/// Returns the path of a catalog's other form, if a catalog is there.
#[must_use]
pub fn other_form(path: &Path) -> Option<PathBuf> {
    // While a folder is not there, its name may have no slash.
    let is_missing_folder = || path.extension().is_none() && !path.exists();
    if is_folder(path) || is_missing_folder() {
        let file = path.with_extension(ENDING);
        // A catalog is an object. `devices.json`, a list, may lie next to a catalog in `devices/`.
        let is_list = |text: Vec<u8>| text.trim_ascii_start().starts_with(b"[");
        let is_catalog = || !file::read(&file).is_ok_and(is_list);
        return (file.is_file() && is_catalog()).then_some(file);
    }
    let (_, folder) = both_forms(path)?;
    // Other people's folders may have this name.
    let mut in_folder = files(&folder).ok()?.into_iter();
    in_folder
        .any(|file| file::load(&file).is_ok())
        .then_some(folder)
}

/// Returns the paths of the file and of the folder that one catalog has in its two forms; none if its
/// file does not end in `.json`.
#[must_use]
pub fn both_forms(path: &Path) -> Option<(PathBuf, PathBuf)> {
    if is_folder(path) {
        return Some((path.with_extension(ENDING), path.to_owned()));
    }
    let is_named = path.extension().is_some_and(|end| end == ENDING);
    is_named.then(|| (path.to_owned(), path.with_extension("").join("")))
}
