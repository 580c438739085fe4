//! Lists the files of a project on SourceForge.
use super::{Client, Error, Listing};
pub(super) fn list(
    _client: &Client<'_>,
    _site: &str,
    _project: &str,
    _path: &str,
) -> Result<Listing, Error> {
    todo!()
}
