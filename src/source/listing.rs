//! Lists a folder of a web server.
use super::{Client, Error, Listing};
pub(super) fn list(_client: &Client<'_>, _url: &str) -> Result<Listing, Error> {
    todo!()
}
