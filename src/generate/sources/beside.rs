//! Known builds of sources, and the files next to their packages.

use std::ops::Bound;

use sha2::{Digest, Sha256};

use super::known::{Known, address};
use super::{KnownPackage, NewPackage};
use crate::catalog::Record;
use crate::model::build::{Build, IMAGES, Origin, stem};
use crate::model::config::Config;
use crate::source::{self, Folder, RemoteFolder, split};

/// Name of the manifest of projects next to the only package of a folder.
const MANIFEST: &str = "build-manifest.xml";

/// Returns a known build of the package's source. One without a source, at the same address, or of a source that the
/// settings no longer have, becomes one. `None` for a build of elsewhere, of which the package is a copy.
pub(super) fn adopt(record: &Record, config: &Config, package: &NewPackage) -> Option<Build> {
    let mut build = record.build.clone();
    let is_free = match &build.origin {
        Some(origin) if origin.source == package.source => {
            take_tag(&mut build, package);
            return Some(build);
        }
        Some(origin) => !config
            .sources
            .iter()
            .any(|source| source.name == origin.source),
        None => true,
    };
    let is_same = is_free && address(&build, config).as_deref() == Some(&package.url);
    is_same.then(|| {
        // The SHA-256 may come from a zip that was on this machine.
        let is_hashed = build
            .origin
            .as_ref()
            .map_or(build.sha256.is_some(), |o| o.is_hashed);
        build.origin = Some(Origin {
            is_hashed,
            ..package.origin()
        });
        build
    })
}

/// Takes the version of a package whose host did not give one before.
fn take_tag(build: &mut Build, package: &NewPackage) {
    let place = build.origin.as_mut();
    let place = place.filter(|origin| origin.path == package.file.path && origin.tag.is_empty());
    if let Some(origin) = place {
        origin.tag.clone_from(&package.file.tag);
    }
}

/// Finds out whether there are other files next to the package of a known build than before, and whether its
/// SHA-256 is missing. Builds of other catalogs are not changed here.
pub(super) fn look_beside(
    mut build: Build,
    package: &NewPackage,
    known: &Known<'_>,
    folder: &RemoteFolder,
) -> KnownPackage {
    let is_own = known.is_own(&build);
    let beside = tag_beside(folder, &package.file.path);
    let place = build.origin.as_mut().filter(|origin| {
        is_own && origin.source == package.source && origin.path == package.file.path
    });
    let is_here = place.is_some();
    let is_changed = place.is_some_and(|origin| {
        let is_changed = origin.beside != beside;
        origin.beside = beside;
        is_changed
    });
    let is_unhashed = is_here && build.sha256.is_none();
    let unhashed = is_unhashed.then(|| package.clone());
    KnownPackage {
        build,
        is_changed,
        unhashed,
    }
}

/// Returns a text that differs for other files next to a package: those that are named after it, and the images
/// and the manifest that are not.
pub(super) fn tag_beside(folder: &RemoteFolder, path: &str) -> String {
    const LEN: usize = 16;
    let (place, filename) = split(path);
    let names = folder.names(place);
    let starts = ["", "Changelog-"].map(|start| format!("{start}{}", stem(filename)));
    let of_package = starts.iter().flat_map(|start| {
        let from = (Bound::Included(start.as_str()), Bound::Unbounded);
        let names = names.range::<str, _>(from);
        names.take_while(move |name| name.starts_with(start))
    });
    let images = IMAGES.iter().flat_map(|image| {
        let of_image = [format!("{image}.img"), format!("{image}.img.sha256sum")];
        of_image.into_iter().filter_map(|name| names.get(&name))
    });
    let shared = images.chain(names.get(MANIFEST));
    let mut hasher = Sha256::new();
    let mut is_alone = true;
    for name in of_package.chain(shared) {
        is_alone = false;
        let file = folder.listed(&source::join(place, name));
        let facts = file.map(|file| (&file.id, &file.tag, file.size, &file.sha256));
        hasher.update(format!("{name:?} {facts:?}\n"));
    }
    match is_alone {
        true => String::new(),
        false => base16ct::lower::encode_string(&hasher.finalize())[..LEN].to_owned(),
    }
}
