//! What a destination has to be able to do.

use std::collections::BTreeSet;
use std::path::Path;

use super::Error;
use super::files::Local;

/// What the files of a batch are; it decides how they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Packages and images, which are large and never change, and the files next to them.
    Builds,
    /// Files of the site, which are small. They are compared byte by byte or by digests.
    Site,
}

/// Files of one folder on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The folder.
    pub from: &'a Path,
    /// What they are.
    pub contents: Contents,
    /// The files, sorted, with paths below the folder. At the destination they have the same paths.
    pub files: &'a [&'a Local],
}

impl Batch<'_> {
    /// Returns the paths of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.path.as_str()).collect()
    }

    /// Returns the length of all files in bytes. A file that cannot be read has none; copying it fails.
    #[must_use]
    pub fn num_bytes(&self) -> u64 {
        let len = |file: &&Local| {
            let metadata = self.from.join(&file.path).metadata();
            metadata.map_or(0, |metadata| metadata.len())
        };
        self.files.iter().map(len).sum()
    }
}

/// How the files of a batch differ from those at the destination. Files that are in none of the lists are the same
/// there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The files that the destination does not have.
    pub new: BTreeSet<String>,
    /// The files that have other bytes there.
    pub changed: BTreeSet<String>,
    /// The files that have the same bytes there, but another date or other permissions, which a copy corrects.
    pub dated: BTreeSet<String>,
    /// Paths at the destination where a file or link is in the place of a folder, or a link or folder in the place
    /// of a file.
    pub blocked: BTreeSet<String>,
}

/// A place for files that can be compared and copied one by one.
///
/// It never follows links that are below the place, and reports an error unless all was done.
pub trait Store {
    /// Compares files with those at the destination; changes nothing. There is at least one.
    ///
    /// # Errors
    /// [`Error`] if a file could not be compared.
    fn compare(&mut self, batch: &Batch<'_>) -> Result<Compared, Error>;

    /// Copies files; what is in their places is replaced. There is at least one.
    ///
    /// # Errors
    /// [`Error`] if a file could not be copied. Others may have been.
    fn copy(&mut self, batch: &Batch<'_>) -> Result<(), Error>;
}

/// A place for a site whose files can be changed one by one.
pub trait SiteStore: Store {
    /// Reads the manifest of the published site; empty if there is none.
    ///
    /// # Errors
    /// [`Error`] if it is unknown whether there is one.
    fn manifest(&mut self) -> Result<Vec<u8>, Error>;

    /// Removes files; those that are missing already, or below what is no folder any more, are passed over. There is
    /// at least one.
    ///
    /// # Errors
    /// [`Error`] if a file could not be removed. Others may have been.
    fn remove(&mut self, paths: &[&str]) -> Result<(), Error>;
}

/// A host that takes all of a site at once.
pub trait Deploy {
    /// Looks whether the site can be published; changes nothing.
    ///
    /// # Errors
    /// [`Error`] if it certainly cannot.
    fn require(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Describes what would be published, one line for each part; changes nothing.
    ///
    /// # Errors
    /// [`Error`] if it is unknown.
    fn plan(&self) -> Result<Vec<String>, Error>;

    /// Publishes the site in this folder: all of it, or nothing if there is an error.
    ///
    /// # Errors
    /// [`Error`] if nothing was published.
    fn deploy(&mut self, out: &Path) -> Result<(), Error>;
}

/// How a host takes a site.
pub enum SiteHost {
    /// File by file, in the order of romfeed.
    Store(Box<dyn SiteStore>),
    /// All at once.
    Deploy(Box<dyn Deploy>),
}

impl SiteHost {
    /// Looks whether the site can be published, as far as that is known before it is made; changes nothing.
    ///
    /// # Errors
    /// [`Error`] if it certainly cannot.
    pub fn require(&self) -> Result<(), Error> {
        match self {
            SiteHost::Store(_) => Ok(()),
            SiteHost::Deploy(host) => host.require(),
        }
    }
}
