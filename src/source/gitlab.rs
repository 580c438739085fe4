//! Lists the releases and packages of a project on GitLab.
use super::{Client, Error, Listing};
pub(super) fn list(_client: &Client<'_>, _site: &str, _project: &str) -> Result<Listing, Error> {
    todo!()
}
