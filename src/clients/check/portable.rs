//! File names of a site that cannot exist on every system.
//!
//! In: the paths of a site's files. Out: findings.

use crate::model::build::portable_fault;
use crate::publish::writer;
use ota_view::finding::Finding;

use super::rules;

/// Finds names that differ only in letter case, and names that Windows reserves.
pub(super) fn judge(paths: &[String]) -> Vec<Finding> {
    let alike = writer::alike(paths.iter().map(String::as_str));
    let alike = alike.into_iter().map(|(first, second)| {
        let message = format!("it differs from {first} only in the case of letters");
        Finding::new(&rules::NAME_CASE, second, message)
    });
    let reserved = paths.iter().filter_map(|path| {
        let fault = path.split('/').find_map(portable_fault)?;
        let message = format!("a part of its path {fault}");
        Some(Finding::new(&rules::NAME_RESERVED, path.clone(), message))
    });
    alike.chain(reserved).collect()
}
