//! Gives packages of one name in two releases names of their own, since pages, changelogs and images of builds go
//! by the file name.

use std::collections::BTreeMap;

use crate::catalog::Catalogs;
use crate::generate::hashed::Hashed;
use crate::model::build::{Build, Origin, stem};
use crate::source::{join, split};

/// Renames builds of sources whose file name another build has: the name of the release, or else the start of the
/// digest, is appended. A build that is in the catalog keeps its name. The package's address does not change.
pub(in crate::generate) fn keep_unique(hashed: &mut [Hashed], catalogs: &Catalogs) {
    if !hashed.iter().any(|hashed| hashed.build.origin.is_some()) {
        return;
    }
    let mut by_name: BTreeMap<String, Vec<(String, Option<Origin>)>> = BTreeMap::new();
    let known = catalogs.all().flat_map(|catalog| catalog.builds.values());
    let known = known.map(|record| &record.build);
    for build in known.chain(hashed.iter().map(|hashed| &hashed.build)) {
        let of_name = by_name.entry(build.filename.clone()).or_default();
        of_name.push((build.identity().to_owned(), build.origin.clone()));
    }
    let is_taken = |build: &Build, filename: &str| {
        let of_name = by_name.get(filename).into_iter().flatten();
        let is_other = |(identity, origin): &&(String, Option<Origin>)| {
            identity != build.identity() && !is_same_place(origin.as_ref(), build.origin.as_ref())
        };
        of_name.filter(is_other).count() > 0
    };
    for hashed in hashed.iter_mut().filter(|h| h.build.origin.is_some()) {
        let build = &mut hashed.build;
        let known = catalogs.own.builds.get(build.identity());
        if let Some(known) = known.filter(|known| known.build.origin.is_some()) {
            build.filename.clone_from(&known.build.filename);
        } else if is_taken(build, &build.filename) {
            let stem = stem(&build.filename);
            let release = release(build).map(|release| format!("{stem}-{release}.zip"));
            let digest = format!("{stem}-{}.zip", build.identity().get(..8).unwrap_or("0"));
            let release = release.filter(|name| !is_taken(build, name));
            build.filename = release.unwrap_or(digest);
        }
        build.path = join(split(&build.path).0, &build.filename);
    }
}

/// Whether two packages are one file of a source, before and after it was replaced.
fn is_same_place(one: Option<&Origin>, other: Option<&Origin>) -> bool {
    one.zip(other)
        .is_some_and(|(one, other)| one.source == other.source && one.path == other.path)
}

/// Returns the name of a build's release, as far as it can be part of a file name.
fn release(build: &Build) -> Option<String> {
    let folder = split(&build.origin.as_ref()?.path).0;
    let name = split(folder).1;
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let name: String = name.chars().filter(is_safe).take(40).collect();
    (!name.is_empty()).then_some(name)
}
