//! Listing a folder of the maintainer.

use std::io;
use std::path::{Path, PathBuf};

/// Lists what is in a folder and not hidden, sorted; nothing is in a folder that does not exist.
///
/// # Errors
/// Whatever the system reports about the folder.
pub fn list_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}
