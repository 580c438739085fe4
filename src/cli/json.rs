//! JSON on standard output.

use std::io::{self, Write};
use std::path::Path;

use romfeed::model::fault_kind::FaultKind;
use serde::Serialize;

use super::escape;

/// Prints one object and a line break.
pub(crate) fn print_json<T: Serialize>(value: &T) -> io::Result<()> {
    let mut text = serde_json::to_string(value).map_err(io::Error::other)?;
    text.push('\n');
    io::stdout().write_all(escape::json(&text).as_bytes())
}

/// The line of a package that could not be read; part of the documented schema.
#[derive(Serialize)]
pub(crate) struct ErrorLine {
    file: String,
    error: ErrorBody,
}

#[derive(Serialize)]
struct ErrorBody {
    #[serde(rename = "class")]
    kind: &'static str,
    message: String,
}

impl ErrorLine {
    pub(crate) fn new(zip: &Path, kind: FaultKind, message: String) -> ErrorLine {
        ErrorLine {
            file: zip.display().to_string(),
            error: ErrorBody {
                kind: kind.as_str(),
                message,
            },
        }
    }
}
