//! Recognises builds of the catalog that are known under another SHA-256, or without one.

use super::report::Event;
use crate::catalog::Catalog;
use crate::model::build::{Build, Origin};

/// Gives an imported build without a SHA-256 that of its package.
pub(super) fn recognise_imported(build: &Build, own: &mut Catalog) {
    let is_it = |known: &Build| {
        known.sha256.is_none()
            && known.filename == build.filename
            && known.device == build.device
            && known.size == build.size
            && (known.md5.is_none() || known.md5 == build.md5)
    };
    let Some(record) = own
        .find_filename(&build.filename)
        .filter(|r| is_it(&r.build))
    else {
        return;
    };
    let id = record.build.identity().to_owned();
    if let Some(mut record) = own.builds.remove(&id) {
        record.build.sha256.clone_from(&build.sha256);
        own.builds.insert(build.identity().to_owned(), record);
    }
}

/// Gives a published build the right SHA-256, if a wrong one was stated when it was published and its package is
/// unchanged; returns a warning then. The build keeps its `id`.
pub(super) fn recognise_corrected(build: &Build, own: &mut Catalog) -> Option<Event> {
    let place = build.origin.as_ref()?;
    let sha256 = build.sha256.as_ref()?;
    if own.builds.contains_key(sha256) {
        return None;
    }
    let is_version = |origin: &Origin| {
        let of_known = (&origin.source, &origin.path, &origin.id, &origin.tag);
        !origin.is_hashed && of_known == (&place.source, &place.path, &place.id, &place.tag)
    };
    let is_same = |known: &&Build| {
        let is_package = known.size == build.size && known.timestamp == build.timestamp;
        is_package && known.sha256.is_some() && known.origin.as_ref().is_some_and(is_version)
    };
    let wrong = {
        let mut known = own.builds.values().map(|record| &record.build);
        known.find(is_same)?.identity().to_owned()
    };
    let mut record = own.builds.remove(&wrong)?;
    let text = format!(
        "its SHA-256 was published as {wrong}, which is corrected to {sha256}; phones know it by its first id"
    );
    record.build.id.get_or_insert(wrong);
    record.build.sha256 = Some(sha256.clone());
    own.builds.insert(sha256.clone(), record);
    Some(Event::Warning {
        path: build.path.clone(),
        text,
    })
}
