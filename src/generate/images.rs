//! Images next to packages, such as a recovery, which people flash before they install a package.
//!
//! In: hashed builds. Out: the same builds with their [`ImageFile`]s: `<zip stem>-<name>.img` in the
//! folder of the package, or `<name>.img` if it is the only full package there. Images are hashed
//! and cached like packages. An image that cannot be used is a warning, and its build is published
//! without it. On other hosts, images are not read: their digests come from lists and checksum files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use rayon::prelude::*;

use super::hashed::Hashed;
use super::hashes;
use super::report::Log;
use super::run::Run;
use super::sidecars::{self, Beside, Folders};
use super::sources::KnownPackage;
use super::state::cache_key;
use crate::ingest;
use crate::ingest::digests::Digests;
use crate::model::build::{self, Build, IMAGES, ImageFile, Kind};
use crate::source;
use digest_lanes::Source;
use digest_lanes::Stamp;

/// An image file and the build it belongs to.
struct FoundImage {
    /// Index of the build.
    owner: usize,
    name: &'static str,
    filename: String,
    file: PathBuf,
    stamp: Stamp,
    known: Option<Digests>,
}

/// Counts the full builds of each folder.
pub(super) fn num_full(hashed: &[Hashed], known: &[KnownPackage]) -> BTreeMap<String, usize> {
    let hashed = hashed.iter().map(|hashed| &hashed.build);
    let num_full = sidecars::num_full(hashed.chain(known.iter().map(|known| &known.build)));
    let owned = num_full.into_iter();
    owned
        .map(|(folder, num)| (folder.to_owned(), num))
        .collect()
}

/// Sets the images of builds; `num_full` is the number of full builds in each folder. An image on another host
/// that cannot be used now is looked for again in the next run.
pub(super) fn attach(
    run: &Run<'_>,
    builds: &mut [&mut Build],
    num_full: &BTreeMap<String, usize>,
    folders: &Folders<'_>,
) -> Log {
    let (config, cache) = (run.config, run.cache);
    let mut log = Log::default();
    let mut warn = |build: &Build, text: String| log.warn(&build.path, text);
    let mut found = Vec::new();
    let names = names(folders, builds, num_full);
    let listed = find_all_listed(folders, builds, &names);
    let before: Vec<Vec<ImageFile>> = builds
        .iter_mut()
        .map(|build| std::mem::take(&mut build.images))
        .collect();
    for ((owner, name, filename), listed) in names.into_iter().zip(listed) {
        let build = &*builds[owner];
        let Some(beside) = folders.beside(build) else {
            continue;
        };
        let path = beside.path(&filename);
        if let Some((image, warnings)) = listed {
            let is_it = |image: &&ImageFile| image.filename == filename;
            let known = before[owner].iter().find(is_it).cloned();
            let build = &mut *builds[owner];
            build.images.extend(image.as_ref().ok().cloned().or(known));
            // A checksum file that cannot be read now is read again by the next run.
            if let Some(origin) = build.origin.as_mut().filter(|_| !warnings.is_empty()) {
                origin.beside.clear();
            }
            for text in image.err().into_iter().chain(warnings) {
                warn(build, text);
            }
            continue;
        }
        let file = folders.local.file(&path);
        match stamp(folders.local.open(&path)) {
            Err(reason) => warn(build, format!("image {} {reason}", filename.escape_debug())),
            Ok(stamp) => found.push(FoundImage {
                known: match config.rehash {
                    true => None,
                    false => cache.digests(&cache_key(&file), stamp),
                },
                owner,
                name,
                filename,
                file,
                stamp,
            }),
        }
    }
    for (image, hashed) in hash_all(run, found) {
        let build = &mut *builds[image.owner];
        match hashed {
            Ok((sha256, warnings)) => {
                warnings.into_iter().for_each(|text| warn(build, text));
                build.images.push(ImageFile {
                    name: image.name.to_owned(),
                    filename: image.filename,
                    size: image.stamp.size,
                    sha256,
                });
            }
            Err(error) => {
                let name = image.filename.escape_debug();
                warn(build, format!("image {name} is left out: {error}"));
            }
        }
    }
    log
}

/// Returns the index of the build, the name and the file name of each image. The images of one
/// build are in the order of [`IMAGES`].
fn names(
    folders: &Folders<'_>,
    builds: &[&mut Build],
    num_full: &BTreeMap<String, usize>,
) -> Vec<(usize, &'static str, String)> {
    let full = builds.iter().map(|build| &**build).enumerate();
    let full = full.filter(|(_, build)| build.kind == Kind::Full);
    let mut names = Vec::new();
    for (owner, build) in full {
        let Some(beside) = folders.beside(build) else {
            continue;
        };
        let folder = source::split(&build.path).0;
        let there = beside.names();
        let stem = build::stem(beside.filename());
        for name in IMAGES {
            let own = format!("{stem}-{name}.img");
            let shared = Some(format!("{name}.img")).filter(|_| num_full.get(folder) == Some(&1));
            let found = [Some(own), shared].into_iter().flatten();
            let found = found.into_iter().find(|filename| there.contains(filename));
            names.extend(found.map(|filename| (owner, name, filename)));
        }
    }
    names
}

/// An image on another host, or why it is left out; and warnings.
type Listed = (Result<ImageFile, String>, Vec<String>);

/// Returns those of the named images that are on other hosts, which are asked for several checksum files at once.
fn find_all_listed(
    folders: &Folders<'_>,
    builds: &[&mut Build],
    names: &[(usize, &'static str, String)],
) -> Vec<Option<Listed>> {
    let find = |(owner, name, filename): &(usize, &'static str, String)| {
        let beside = folders.beside(builds[*owner])?;
        beside.is_remote.then(|| {
            let mut warnings = Vec::new();
            let image = find_listed(&beside, name, filename.clone(), &mut warnings);
            (image, warnings)
        })
    };
    names.par_iter().map(find).collect()
}

/// Returns an image on another host, whose digest the host or a checksum file must have.
fn find_listed(
    beside: &Beside<'_>,
    name: &str,
    filename: String,
    warnings: &mut Vec<String>,
) -> Result<ImageFile, String> {
    let path = beside.path(&filename);
    let shown = filename.escape_debug();
    let file = beside.folder.listed(&path);
    let file = file.ok_or_else(|| format!("image {shown} is not listed"))?;
    let sha256 = file.sha256.clone().or_else(|| {
        let stated = ingest::stated(beside.folder, &path, "sha256", 64, warnings);
        Some(stated?.digest)
    });
    let lacks = |what| format!("image {shown} is left out: its host does not say its {what}");
    Ok(ImageFile {
        sha256: sha256.ok_or_else(|| lacks("SHA-256"))?,
        size: file.size.ok_or_else(|| lacks("size"))?,
        name: name.to_owned(),
        filename,
    })
}

/// Returns the stamp of an image. It is hashed only if it still has this stamp when it is read.
fn stamp(file: io::Result<File>) -> Result<Stamp, String> {
    match file.and_then(|file| file.metadata()) {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(metadata) if metadata.len() == 0 => Err("is empty".to_owned()),
        Ok(metadata) => Ok(Stamp::of(&metadata)),
    }
}

/// The SHA-256 of an image, with warnings.
type HashedImage = Result<(String, Vec<String>), ingest::Error>;

fn hash_all(run: &Run<'_>, found: Vec<FoundImage>) -> Vec<(FoundImage, HashedImage)> {
    let waiting: Vec<&FoundImage> = found.iter().filter(|image| image.known.is_none()).collect();
    let sources: Vec<Source<'_>> = waiting
        .iter()
        .map(|image| Source {
            path: &image.file,
            stamp: image.stamp,
        })
        .collect();
    let remember = |nth: usize, digests: &Digests| {
        let FoundImage { file, stamp, .. } = waiting[nth];
        // A cache that cannot be written only costs time.
        let _ = run
            .cache
            .insert_digests(&cache_key(file), *stamp, digests, run.now_ns);
    };
    let results = match sources.is_empty() {
        true => Vec::new(),
        false => hashes::hash_files(run, &sources, &remember),
    };
    let _ = run.cache.save();
    let mut results = results.into_iter();
    let hashed = |image: FoundImage| {
        let digests = match &image.known {
            Some(digests) => Ok(digests.clone()),
            None => results.next().expect("one result for each waiting image"),
        };
        let hashed = verified(&image, digests);
        (image, hashed)
    };
    found.into_iter().map(hashed).collect()
}

fn verified(image: &FoundImage, digests: Result<Digests, digest_lanes::Error>) -> HashedImage {
    let digests = digests?;
    let mut warnings = Vec::new();
    ingest::verify(&image.file, &digests, &mut warnings)?;
    Ok((digests.sha256, warnings))
}
