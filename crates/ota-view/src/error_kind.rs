//! The kinds of errors, and errors as one line.
//!
//! Every error type of this crate has a method `kind`. Fallbacks and hints of a program branch on
//! the kind, never on the text of a message.

/// What keeps a package, or a part of it, from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a zip archive.
    NotAZip,
    /// The file ends before its structure does, or is still being written.
    Truncated,
    /// A valid zip that phones cannot install as a system update.
    NotAnOta,
    /// The file contradicts itself or its format.
    Corrupt,
    /// A size, count or depth above the limit for it.
    Limit,
    /// Valid, but in a format that this crate does not read.
    Unsupported,
    /// The package has no such partition, file or property.
    NotFound,
    /// The signature is absent, broken or not the expected one.
    BadSignature,
    /// The operating system refused to read.
    Io,
}

/// Joins an error and its causes into one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string().replace('\n', " ");
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    // Messages may quote untrusted bytes, and terminals obey control characters.
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
