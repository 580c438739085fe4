//! What others named or wrote, so that a terminal takes it for text.

use std::path::Path;

/// Where a file or folder is, so that a terminal takes it for text.
pub(crate) fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// Text from packages and servers, so that a terminal takes it for text; quotes stay, and what
/// parts the folders of a path on Windows.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '\'' | '"' | '\\' => escaped.push(char),
            char => escaped.extend(char.escape_debug()),
        }
    }
    escaped
}
