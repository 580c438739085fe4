//! The builds of a catalog. Copies of it, and catalogs made from several, share the records until one is changed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::Record;

/// Builds by identity, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Builds(BTreeMap<Arc<str>, Arc<Record>>);

impl Builds {
    /// Returns the build with an identity.
    #[must_use]
    pub fn get(&self, identity: &str) -> Option<&Record> {
        self.0.get(identity).map(|record| &**record)
    }

    /// Returns the build with an identity, shared with this catalog.
    #[must_use]
    pub fn get_shared(&self, identity: &str) -> Option<Arc<Record>> {
        self.0.get(identity).map(Arc::clone)
    }

    /// Returns the build with an identity to be changed.
    pub fn get_mut(&mut self, identity: &str) -> Option<&mut Record> {
        self.0.get_mut(identity).map(Arc::make_mut)
    }

    /// Whether there is a build with an identity.
    #[must_use]
    pub fn contains_key(&self, identity: &str) -> bool {
        self.0.contains_key(identity)
    }

    /// Adds a build in place of one with the same identity.
    pub fn insert(&mut self, identity: impl Into<Arc<str>>, record: Record) {
        self.0.insert(identity.into(), Arc::new(record));
    }

    /// Adds a build; returns it instead if there is one with its identity.
    pub fn insert_new(&mut self, record: Record) -> Option<Record> {
        match self.0.entry(record.build.identity().into()) {
            Entry::Occupied(_) => Some(record),
            Entry::Vacant(entry) => {
                entry.insert(Arc::new(record));
                None
            }
        }
    }

    /// Adds a build of another catalog.
    pub fn share(&mut self, identity: &str, others: &Builds) {
        if let Some((identity, record)) = others.0.get_key_value(identity) {
            self.0.insert(Arc::clone(identity), Arc::clone(record));
        }
    }

    /// Removes a build.
    pub fn remove(&mut self, identity: &str) -> Option<Record> {
        self.0.remove(identity).map(Arc::unwrap_or_clone)
    }

    /// Returns the number of builds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over identities and builds.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// Iterates over identities.
    pub fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(|identity| &**identity)
    }

    /// Iterates over builds.
    pub fn values(&self) -> impl Iterator<Item = &Record> + Clone {
        self.0.values().map(|record| &**record)
    }
}

impl<I: Into<Arc<str>>> FromIterator<(I, Record)> for Builds {
    fn from_iter<T: IntoIterator<Item = (I, Record)>>(builds: T) -> Builds {
        let builds = builds.into_iter();
        Builds(
            builds
                .map(|(identity, record)| (identity.into(), Arc::new(record)))
                .collect(),
        )
    }
}

/// Iterates over identities and builds.
#[derive(Clone, Debug)]
pub struct Iter<'a>(std::collections::btree_map::Iter<'a, Arc<str>, Arc<Record>>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a Record);

    fn next(&mut self) -> Option<Self::Item> {
        let (identity, record) = self.0.next()?;
        Some((identity, record))
    }
}

impl<'a> IntoIterator for &'a Builds {
    type Item = (&'a str, &'a Record);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
