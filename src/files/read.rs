//! Whole files, read up to a limit.

use std::io;
use std::path::Path;

use ota_view::io::open_file;

use super::regular::{open_regular, read_head};

/// Reads all of a regular file of at most `limit` bytes.
///
/// # Errors
/// Whatever the system reports, or [`io::ErrorKind::FileTooLarge`].
pub fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    within(read_head(open_file(path)?, limit)?, limit)
}

/// As [`read_file`], but refuses links: for files that are published.
///
/// # Errors
/// As [`read_file`] and [`open_regular`].
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    within(read_head(open_regular(path)?, limit)?, limit)
}

fn within(bytes: Vec<u8>, limit: u64) -> io::Result<Vec<u8>> {
    match bytes.len() as u64 > limit {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {} KiB", limit >> 10),
        )),
        false => Ok(bytes),
    }
}

/// Reads a text in UTF-8 of at most `limit` bytes.
///
/// # Errors
/// As [`read_file`], or [`io::ErrorKind::InvalidData`].
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read_file(path, limit)?)
}

/// As [`read_text`], but refuses links.
///
/// # Errors
/// As [`read_text`] and [`read_regular`].
pub fn read_regular_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read_regular(path, limit)?)
}

/// The byte order mark that some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes of a text after its byte order mark, if it has one.
#[must_use]
pub fn after_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

fn text(mut bytes: Vec<u8>) -> io::Result<String> {
    let start = bytes.len() - after_byte_order_mark(&bytes).len();
    bytes.drain(..start);
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "not a text in UTF-8");
    String::from_utf8(bytes).map_err(no_text)
}
