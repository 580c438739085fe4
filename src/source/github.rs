//! Lists the releases of a repository on GitHub.
use super::{Client, Error, Listing};
pub(super) fn list(
    _client: &Client<'_>,
    _api: &str,
    _repo: &str,
    _prereleases: bool,
) -> Result<Listing, Error> {
    todo!()
}
