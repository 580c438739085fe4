//! What a site is rendered from, and where its files go, part by part.

use super::Error;
use super::report::Totals;
use crate::ingest::projects::History;
use crate::markup::changelog::Changelogs;
use crate::publish::page::Page;

/// Texts about builds that are not in the catalog.
#[derive(Clone, Copy)]
pub(super) struct Notes<'a> {
    pub(super) changelogs: &'a Changelogs,
    pub(super) history: &'a History,
}

/// What happens to the files of a site, part by part.
pub trait Sink: Sync {
    /// A file that was taken over.
    type File: Send;

    /// Returns the files of a part that needs no rendering, since its digest is that of an earlier run.
    fn known(&self, part: &str, digest: u64) -> Option<Vec<Self::File>>;

    /// Takes over rendered files.
    ///
    /// # Errors
    /// Why they cannot be taken over.
    fn take(&self, pages: Vec<Page>) -> Result<Vec<Self::File>, Error>;

    /// Returns the path of a file.
    fn path(file: &Self::File) -> &str;
}

/// The files of a site, and what it offers.
pub(super) struct Rendered<F> {
    pub(super) parts: Vec<Part<F>>,
    /// The files about all devices.
    pub(super) of_site: Vec<F>,
    pub(super) totals: Totals,
}

/// The files of devices that belong together.
#[derive(Clone, Debug)]
pub struct Part<F> {
    /// The first of its device names.
    pub name: String,
    /// The digest of all that its files are made from.
    pub digest: u64,
    /// Its files.
    pub files: Vec<F>,
    /// Whether rendering it gives warnings.
    pub has_warnings: bool,
}
