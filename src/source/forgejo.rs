//! Lists the releases of a repository on Forgejo.
use super::{Client, Error, Listing};
pub(super) fn list(
    _client: &Client<'_>,
    _site: &str,
    _repo: &str,
    _prereleases: bool,
) -> Result<Listing, Error> {
    todo!()
}
