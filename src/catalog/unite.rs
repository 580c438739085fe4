//! The files of a folder of catalogs as one catalog, and which of them contradict each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::device_file::file_name;
use super::file::{self, Error, Taken};
use super::{Catalog, moves};

/// Why the file of a device was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Another file has one of its packages, or a build with the same file name or `id`.
    #[error("both this file and {other} have {}", .what.escape_debug())]
    Contradicts {
        /// The other file.
        other: String,
        /// The file name of the build, or its `id`.
        what: String,
    },
}

/// Two files that contradict each other.
pub(super) struct Clash {
    names: [String; 2],
    /// The file name of the build that both have, or its `id`.
    what: String,
}

impl Clash {
    pub(super) fn error(&self, path: &Path) -> Error {
        let [first, second] = self.paths(path);
        let what = self.what.clone();
        Error::Twice {
            first,
            second,
            what,
        }
    }

    /// Adds the two to the files that are left out.
    pub(super) fn leave_out(&self, path: &Path, left_out: &mut BTreeMap<String, LeftOut>) {
        let [first, second] = self.paths(path);
        for (name, other) in self.names.iter().zip([second, first]) {
            let what = self.what.clone();
            let reason = LeftOut::Contradicts { other, what };
            left_out.entry(name.clone()).or_insert(reason);
        }
    }

    fn paths(&self, path: &Path) -> [String; 2] {
        let path_of = |name: &String| path.join(name).display().to_string();
        self.names.each_ref().map(path_of)
    }
}

/// Makes one catalog of those of the files of these names. Returns also the names of files with outdated records, and
/// which files contradict each other.
pub(super) fn unite(catalogs: &[(String, Catalog)]) -> (Catalog, BTreeSet<String>, Vec<Clash>) {
    let mut all = Catalog::default();
    let (mut outdated, mut clashes) = (BTreeSet::new(), Vec::new());
    for (name, catalog) in catalogs {
        let added = moves::add(&mut all, catalog);
        outdated.extend(added.outdated.iter().map(file_name));
        clashes.extend(added.twice.into_iter().map(|twice| Clash {
            names: [file_name(&twice.device), name.clone()],
            what: twice.filename,
        }));
    }
    let taken = file::find_taken(&all);
    clashes.extend(taken.into_iter().map(|(first, second, taken)| Clash {
        names: [first, second].map(|build| file_name(&build.device)),
        what: match taken {
            Taken::Filename => second.filename.clone(),
            Taken::Id => format!("a build with the id `{}`", second.phone_id()),
        },
    }));
    (all, outdated, clashes)
}
