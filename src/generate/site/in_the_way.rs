//! Things in the folder of the site that romfeed did not write, and that pages cannot be written for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::report::{Fault, Log};
use crate::model::fault_kind::FaultKind;

/// A thing in the way of pages.
#[derive(Debug, thiserror::Error)]
#[error("a file or link that romfeed did not write is in the way of {}", .pages)]
pub struct InTheWay {
    /// Its path.
    pub file: PathBuf,
    /// The pages that it keeps out, as words.
    pages: String,
}

/// Reports each thing in the way once, with the number of pages that it keeps out.
pub(super) fn faults(out: &Path, pages: &[String]) -> Log {
    let mut num_pages: BTreeMap<&str, usize> = BTreeMap::new();
    for page in pages {
        *num_pages.entry(thing_in_the_way(out, page)).or_default() += 1;
    }
    let mut log = Log::default();
    for (path, num) in num_pages {
        let thing = InTheWay {
            file: out.join(path),
            pages: match num {
                1 => "this page".to_owned(),
                num => format!("{num} pages"),
            },
        };
        log.faults.push(Fault {
            path: path.to_owned(),
            kind: FaultKind::Conflict,
            error: thing.into(),
        });
    }
    log
}

/// Returns the path of the first folder of a page in whose place there is something else; that of the page if there is none.
fn thing_in_the_way<'p>(out: &Path, page: &'p str) -> &'p str {
    let folders = page.match_indices('/').map(|(end, _)| &page[..end]);
    let is_other = |folder: &&str| {
        let metadata = out.join(folder).symlink_metadata();
        metadata.is_ok_and(|metadata| !metadata.is_dir())
    };
    folders.into_iter().find(is_other).unwrap_or(page)
}
