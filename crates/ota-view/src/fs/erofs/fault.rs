//! Errors of an EROFS image.

use crate::fs::{Error, Kind};

/// Returns the error for an image that contradicts itself.
pub(super) fn corrupt(fault: impl Into<String>) -> Error {
    Error::Corrupt {
        kind: Kind::Erofs,
        fault: fault.into(),
    }
}

/// Returns the error for a feature that is not supported.
pub(super) fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::Unsupported {
        what: format!("EROFS with {what}"),
    }
}
