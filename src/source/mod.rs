//! Lists of packages, and of the files next to them, that are on other hosts.
//!
//! In: the settings of a source. Out: a [`Listing`]. Each kind of host is a module with one function
//! that asks the host for its list; files are read by range, whatever the host. A list that could
//! not be read whole is an [`Error`], never a shorter list.

mod builder;
mod client;
mod error;
#[cfg(test)]
mod fake;
mod files;
mod folder;
mod folders;
mod forgejo;
mod github;
mod gitlab;
mod heads;
mod listing;
mod pages;
mod releases;
#[cfg(feature = "s3")]
pub mod s3;
mod sourceforge;
mod xml;

use std::sync::Arc;

use crate::model::source::{Host, SourceConfig};

pub use client::Client;
pub use error::Error;
pub use folder::{
    Folder, LocalFolder, Names, RemoteFolder, Store, is_zip, join, list as list_names, split,
};
pub use heads::complete;

/// Maximum number of files in a source; the largest projects seen have 12,000.
const MAX_FILES: usize = 100_000;

/// A file that a source lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its path in the source, with `/` between folders; the first folder of a release's file is the
    /// name of the release (its tag).
    pub path: String,
    /// What the host knows it by, such as the number of an asset; otherwise the path.
    pub id: String,
    /// Its size in bytes; `None` if the list does not give it exactly.
    pub size: Option<u64>,
    /// Differs for other contents under the same `id`, such as the time of the upload; empty if the
    /// host gives nothing of the kind.
    pub tag: String,
    /// When it was published, in seconds since the epoch.
    pub date: Option<i64>,
    /// The host's SHA-256, 64 lower-case hex digits.
    pub sha256: Option<String>,
    /// The host's MD5, 32 lower-case hex digits.
    pub md5: Option<String>,
    /// The address that it is read from; phones download from there too, unless the settings have another.
    pub url: String,
    /// The text of its release, if there is one.
    pub notes: Option<Arc<str>>,
}

/// All files of a source, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files: packages, and what is next to them.
    pub files: Vec<RemoteFile>,
    /// What the host lists and romfeed cannot use, with the reason; one line each.
    pub warnings: Vec<String>,
}

/// Asks a source for the list of all its files. Drafts are left out, and prereleases unless the settings
/// want them; `newest` and `max_age` are not applied.
///
/// # Errors
/// [`Error`], if the list cannot be read whole.
pub fn list(client: &Client<'_>, source: &SourceConfig) -> Result<Listing, Error> {
    let listed = match &source.host {
        Host::GitHub {
            api,
            repo,
            prereleases,
        } => github::list(client, api, repo, *prereleases),
        Host::Forgejo {
            site,
            repo,
            prereleases,
        } => forgejo::list(client, site, repo, *prereleases),
        Host::GitLab { site, project } => gitlab::list(client, site, project),
        Host::SourceForge {
            site,
            project,
            path,
        } => sourceforge::list(client, site, project, path),
        Host::Listing { url } => listing::list(client, url),
        #[cfg(feature = "s3")]
        Host::S3(bucket) => s3::list(client, bucket),
        #[cfg(not(feature = "s3"))]
        Host::S3(_) => Err(Error::WithoutS3),
        Host::Files { file, base } => files::list(file, base),
    };
    let mut listing = listed.map_err(|error| match source.host.has_releases() {
        true => error,
        false => error.without_token(),
    })?;
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

/// Returns what the files of a source are asked for with, if their addresses alone are not enough; `now` is in
/// seconds since the epoch.
#[must_use]
#[cfg_attr(
    not(feature = "s3"),
    expect(unused_variables, reason = "only signatures have a time")
)]
pub fn store(source: &SourceConfig, now: i64) -> Option<Box<dyn Store>> {
    match &source.host {
        #[cfg(feature = "s3")]
        Host::S3(bucket) => Some(Box::new(s3::Signer::new(bucket, now))),
        _ => None,
    }
}
