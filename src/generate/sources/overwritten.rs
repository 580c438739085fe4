//! Errors of packages that took the place of a published one.

use std::error::Error;
use std::fmt;

use super::Sources;
use crate::fetch::RemoteError;
use crate::generate::report::Fault;

/// A package cannot be published, and has overwritten the one of a published build.
#[derive(Debug)]
pub struct Overwritten {
    filename: String,
    /// What changed, if the host shows it.
    what: Vec<&'static str>,
    error: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for Overwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what.is_empty() {
            true => String::new(),
            false => format!(" (other {})", self.what.join(", ")),
        };
        write!(
            f,
            "it has overwritten the zip of the published build {}{what}, which stays listed although phones can no \
             longer install it; and the new zip cannot be published",
            self.filename.escape_debug()
        )
    }
}

impl Error for Overwritten {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

/// Adds to the errors of packages that were published before with other contents what that means.
pub(in crate::generate) fn explain(sources: &Sources, faults: &mut [Fault]) {
    for fault in faults {
        let mut new = sources.new.iter();
        let package = new.find(|package| package.path == fault.path);
        let before = package.and_then(|package| package.before.as_ref());
        let Some(before) = before.filter(|before| before.is_offered) else {
            continue;
        };
        // A host that is out of order says nothing about a zip that is only read again.
        if before.what.is_empty() && RemoteError::inside(&*fault.error).is_some() {
            continue;
        }
        let error = std::mem::replace(&mut fault.error, "".into());
        fault.error = Box::new(Overwritten {
            filename: before.filename.clone(),
            what: before.what.clone(),
            error,
        });
    }
}
