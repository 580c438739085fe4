//! Images beside packages, which people flash before they can install a package.
//!
//! In: builds that were hashed. Out: the same with their [`ImageFile`]s: `<zip stem>-<name>.img`
//! in the folder of the package, or `<name>.img` where it is the only full package there. They
//! are hashed like packages, and remembered like them. One that cannot be used is a warning, and
//! its build is published without it.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::report::{Event, Report};
use super::require::Hashed;
use super::sidecars::{self, Folders};
use super::{Observer, cache_key, hashes};
use crate::ingest;
use crate::ingest::cache::Cache;
use crate::ingest::digests::Digests;
use crate::model::build::{self, Build, IMAGES, ImageFile, Kind};
use crate::model::config::Config;
use digest_lanes::Source;
use digest_lanes::Stamp;

/// An image that was found, and whose it is.
struct Found {
    /// Place of the build among those that were hashed.
    owner: usize,
    name: &'static str,
    filename: String,
    file: PathBuf,
    stamp: Stamp,
    known: Option<Digests>,
}

/// Gives the builds their images.
pub(super) fn attach(
    config: &Config,
    builds: &mut [Hashed],
    cache: &Cache,
    observer: &dyn Observer,
    now_ns: i64,
    report: &mut Report,
) {
    let mut warn = |build: &Build, text: String| {
        let path = build.path.clone();
        report.events.push(Event::Warning { path, text });
    };
    let mut found = Vec::new();
    for (owner, name, filename) in names(config, builds) {
        let build = &builds[owner].build;
        let path = sidecars::join(sidecars::split(&build.path).0, &filename);
        let file = config.builds.join(&path);
        match stamp(sidecars::open(config, &path)) {
            Err(reason) => warn(build, format!("image {} {reason}", filename.escape_debug())),
            Ok(stamp) => found.push(Found {
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
    for (image, hashed) in hash_all(config, found, cache, observer, now_ns) {
        let build = &mut builds[image.owner].build;
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
}

/// The names of all images: whose, of what, and the file's. Those of one build in the order of
/// [`IMAGES`].
fn names(config: &Config, builds: &[Hashed]) -> Vec<(usize, &'static str, String)> {
    let num_full = sidecars::num_full(builds.iter().map(|hashed| &hashed.build));
    let full = builds.iter().map(|hashed| &hashed.build).enumerate();
    let full = full.filter(|(_, build)| build.kind == Kind::Full);
    let mut folders = Folders::new(config);
    let mut names = Vec::new();
    for (owner, build) in full {
        let (folder, filename) = sidecars::split(&build.path);
        let there = folders.names(folder);
        let stem = build::stem(filename);
        for name in IMAGES {
            let own = format!("{stem}-{name}.img");
            let shared = Some(format!("{name}.img")).filter(|_| num_full[folder] == 1);
            let found = [Some(own), shared].into_iter().flatten();
            let found = found.into_iter().find(|filename| there.contains(filename));
            names.extend(found.map(|filename| (owner, name, filename)));
        }
    }
    names
}

/// The stamp of an image that was opened as a regular file; it is hashed only if what is read then
/// still has it.
fn stamp(file: io::Result<File>) -> Result<Stamp, String> {
    match file.and_then(|file| file.metadata()) {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(metadata) if metadata.len() == 0 => Err("is empty".to_owned()),
        Ok(metadata) => Ok(Stamp::of(&metadata)),
    }
}

/// The SHA-256 of an image and what there is to say about it.
type HashedImage = Result<(String, Vec<String>), ingest::Error>;

fn hash_all(
    config: &Config,
    found: Vec<Found>,
    cache: &Cache,
    observer: &dyn Observer,
    now_ns: i64,
) -> Vec<(Found, HashedImage)> {
    let waiting: Vec<&Found> = found.iter().filter(|image| image.known.is_none()).collect();
    let sources: Vec<Source<'_>> = waiting
        .iter()
        .map(|image| Source {
            path: &image.file,
            stamp: image.stamp,
        })
        .collect();
    let remember = |nth: usize, digests: &Digests| {
        let Found { file, stamp, .. } = waiting[nth];
        // A cache that cannot be written costs time, nothing else.
        let _ = cache.put_digests(&cache_key(file), *stamp, digests, now_ns);
    };
    let results = match sources.is_empty() {
        true => Vec::new(),
        false => hashes::hash_files(config, &sources, observer, &remember),
    };
    let _ = cache.save();
    let mut results = results.into_iter();
    let hashed = |image: Found| {
        let digests = match &image.known {
            Some(digests) => Ok(digests.clone()),
            None => results.next().expect("one for each that waits"),
        };
        let hashed = verified(&image, digests);
        (image, hashed)
    };
    found.into_iter().map(hashed).collect()
}

fn verified(image: &Found, digests: Result<Digests, digest_lanes::Error>) -> HashedImage {
    let digests = digests?;
    let mut warnings = Vec::new();
    ingest::verify(&image.file, &digests, &mut warnings)?;
    Ok((digests.sha256, warnings))
}
