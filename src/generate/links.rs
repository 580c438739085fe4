//! Reports links in the folder of builds that were not followed.

use super::report::{BUILDS, Fault, Log};
use crate::catalog::Catalog;
use crate::ingest::scan::{self, Scan};
use crate::model::fault_kind::FaultKind;

/// Reports links that were not followed: a fault where published builds are behind the link, else
/// a warning.
pub(super) fn report(scan: &Scan, own: &Catalog) -> Log {
    let mut log = Log::default();
    for link in &scan.links {
        let is_behind = |path: &str| {
            let rest = path.strip_prefix(&**link);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let builds = own.builds.values().map(|record| &*record.build.path);
        match builds.filter(|path| is_behind(path)).count() {
            0 => {
                let link = link.escape_debug();
                let text = format!(
                    "`{link}` is a link that is not followed; follow_links = true in romfeed.toml \
                     follows it"
                );
                log.warn(BUILDS, text);
            }
            num => log.faults.push(Fault {
                path: link.clone(),
                kind: FaultKind::Io,
                error: scan::Problem::NotFollowed(num).into(),
            }),
        }
    }
    log
}
