//! Reads a list of files in the format of `rclone lsjson`.
use super::{Error, Listing};
use std::path::Path;
pub(super) fn list(_file: &Path, _base: &str) -> Result<Listing, Error> {
    todo!()
}
