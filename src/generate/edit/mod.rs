//! Edits of the catalog, from the command line or through the server.
//!
//! In: [`StatedFacts`] about a build, or the name of a build in the catalog. Out: the changed
//! catalog, and [`Note`]s on the consequences. [`prepare()`] reads the package, which may take
//! long; all changes go through [`change`], which holds the catalog's lock.

mod add;
mod forms;
mod note;
mod prepare;
mod stated;

use super::error::Error;
use super::lost::require_published;
use super::state::LOCK_WAIT;
use crate::catalog::{Catalog, Catalogs, UpdateError, update};
use crate::model::build::Build;
use crate::model::config::Config;

pub use add::add;
pub use forms::convert;
pub use note::Note;
pub use prepare::{Candidate, path_in_builds, prepare};
pub use stated::{StatedFacts, parse_time};

/// Fewest digits of a sha256 that identify a build.
const MIN_PREFIX: usize = 8;

/// Why a catalog was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The request was refused; the text is one line without control characters.
    #[error("{0}")]
    Refused(String),
    /// A fact that feeds need was neither given nor read from a package.
    #[error("`{key}` is missing{}", .reason.as_ref().map_or(String::new(), |reason| format!(", and {reason}")))]
    Missing {
        /// The fact, as `add_build` names it.
        key: &'static str,
        /// Why it could not be read from the package, if that was tried.
        reason: Option<String>,
    },
    /// The build has no download address.
    #[error("{0}")]
    NoAddress(String),
    /// The catalog cannot be read or written.
    #[error(transparent)]
    Run(#[from] Error),
}

impl From<String> for EditError {
    fn from(reason: String) -> EditError {
        EditError::Refused(reason)
    }
}

impl From<UpdateError> for EditError {
    fn from(error: UpdateError) -> EditError {
        EditError::Run(error.into())
    }
}

/// Loads the catalogs, lets `edit` change them while no other process can, and writes the first. `edit` may be called
/// several times, as for [`update`], and if another machine has changed a catalog that several share.
///
/// # Errors
/// [`EditError`]; then nothing is written.
pub fn change<T>(
    config: &Config,
    mut edit: impl FnMut(&mut Catalogs) -> Result<T, EditError>,
) -> Result<T, EditError> {
    let mut catalogs = Catalogs::load(config).map_err(Error::from)?;
    update(&mut catalogs, config, LOCK_WAIT, |catalogs, _| {
        match require_published(config, catalogs) {
            // An unreadable manifest does not block edits; `generate` refuses it.
            Ok(()) | Err(Error::Writer(_)) => {}
            Err(lost) => return Err(lost.into()),
        }
        let done = edit(catalogs)?;
        catalogs.merged().map_err(Error::from)?;
        Ok(done)
    })
}

/// Returns the identity of the build with this file name, path, id or start of its sha256.
///
/// # Errors
/// [`EditError::Refused`] if there is none, or more than one.
pub fn find(name: &str, config: &Config, own: &Catalog) -> Result<String, EditError> {
    let found: Vec<&str> = own
        .builds
        .values()
        .filter(|record| names_build(name, &record.build))
        .map(|record| record.build.identity())
        .collect();
    let name = name.escape_debug();
    match found[..] {
        [identity] => Ok(identity.to_owned()),
        [] => Err(EditError::Refused(format!(
            "`{name}` is neither a file name nor the start of a sha256 (at least {MIN_PREFIX} digits) in {}",
            config.catalogs[0].display()
        ))),
        [..] => Err(EditError::Refused(format!(
            "`{name}` matches {} builds; give more digits",
            found.len()
        ))),
    }
}

fn names_build(name: &str, build: &Build) -> bool {
    let is_prefix =
        name.len() >= MIN_PREFIX && build.identity().starts_with(&name.to_ascii_lowercase());
    build.filename == name || build.path == name || build.phone_id() == name || is_prefix
}
