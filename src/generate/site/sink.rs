//! Where the files of a site go, part by part.

use super::super::error::Error;
use super::super::report::Totals;
use super::outline::Newest;
use super::overview::Overview;
use crate::catalog::Catalog;
use crate::catalog::channels::Channels;
use crate::publish::page::Page;

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

    /// Looks at the builds and channels of a part before it is rendered, unless what the site needs of it is remembered.
    fn see(&self, _catalog: &Catalog, _channels: &Channels<'_>) {}

    /// Returns the path of a file.
    fn path(file: &Self::File) -> &str;
}

/// The files of a site, and what it offers.
pub(super) struct Rendered<F> {
    pub(super) parts: Vec<Part<F>>,
    /// What is to be remembered of each part.
    pub(super) overviews: Vec<Overview>,
    /// The last of the newest builds that the overviews have.
    pub(super) newest: Newest,
    /// When the site changes by itself, in seconds since the epoch.
    pub(super) next_change: Option<i64>,
    /// The files about all devices.
    pub(super) of_site: Vec<F>,
    pub(super) totals: Totals,
}

/// The files of devices that belong together.
#[derive(Clone, Debug)]
pub struct Part<F> {
    /// The first of the names of its devices' catalog files, without the ending.
    pub name: String,
    /// The digest of all that its files are made from; none if these are to be rendered each time.
    pub digest: Option<u64>,
    /// Its files.
    pub files: Vec<F>,
    /// Whether rendering it gives warnings.
    pub has_warnings: bool,
}
