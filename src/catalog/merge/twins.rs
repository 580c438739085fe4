//! Two builds of a merged catalog with one file name or one `id`.

use std::collections::BTreeMap;

use super::{Clash, Merger, Side};
use crate::catalog::{Catalog, Reason, Record};

impl Merger {
    /// Finds builds that share a file name or an `id`, which no two builds of a catalog may.
    pub(super) fn resolve_twins(&mut self, merged: &mut Catalog, ours: &Catalog) {
        let by_filename = |record: &Record| record.build.filename.clone();
        let by_phone_id = |record: &Record| record.build.phone_id().to_owned();
        self.resolve_twins_by(merged, ours, "file name", by_filename);
        self.resolve_twins_by(merged, ours, "id", by_phone_id);
    }

    /// Finds builds with the same `name`; `what` says what that is.
    fn resolve_twins_by(
        &mut self,
        merged: &mut Catalog,
        ours: &Catalog,
        what: &'static str,
        name: impl Fn(&Record) -> String,
    ) {
        let mut firsts: BTreeMap<String, String> = BTreeMap::new();
        let mut twins = Vec::new();
        for (identity, record) in &merged.builds {
            if let Some(first) = firsts.insert(name(record), identity.to_owned()) {
                twins.push((first, identity.to_owned()));
            }
        }
        for (first, second) in twins {
            let shared = merged.builds.get(&first).map(&name);
            let mut builds = ours.builds.values();
            let named = builds.find(|record| Some(name(record)) == shared);
            let is_ours = named.is_some_and(|Record { build, .. }| {
                let merged = merged.builds.get(&first).map(|record| &record.build);
                build.identity() == first
                    || (build.id.is_some() && merged.is_some_and(|merged| merged.id == build.id))
            });
            let (ours, theirs) = match is_ours {
                true => (first, second),
                false => (second, first),
            };
            match self.prefer {
                Some(Side::Ours) => {
                    merged.bury(&theirs, Reason::Superseded(ours));
                }
                Some(Side::Theirs) => {
                    merged.bury(&ours, Reason::Superseded(theirs));
                }
                None => {
                    let record = merged.builds.get(&ours);
                    let filename = record.map(|record| record.build.filename.clone());
                    self.clashes.push(Clash::Twins {
                        filename: filename.unwrap_or_default(),
                        what,
                        ours,
                        theirs,
                    });
                }
            }
        }
    }
}
