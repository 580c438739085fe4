//! Faults of an entry that an updater accepts at first and fails at later (E5 to E9, T1, V2-4).
//!
//! In: an [`Entry`] as it was read. Out: [`Warning`]s, in a fixed order.
//!
//! Left out: dates and sizes that no updater can use, which the rules for all entries cover.

use std::fmt;

use super::{Entry, Generation};

/// A fault that an updater accepts at first; its text is a fragment of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The address does not begin with a scheme and a host (E7).
    RelativeUrl {
        /// The address.
        url: String,
    },
    /// The address is not https, and this updater refuses plain http (T1).
    CleartextUrl {
        /// The address.
        url: String,
    },
    /// The address has blanks or characters beyond ASCII (E7).
    UnescapedUrl {
        /// The address.
        url: String,
    },
    /// The filename leads out of the download folder, or is empty (E5).
    Filename {
        /// The filename.
        filename: String,
    },
    /// There is no `changes`, which CyanogenMod 10.2 reads for a newer build.
    NoChanges,
    /// The id is empty, or the reserved word for imported packages (E6).
    Id {
        /// The id.
        id: String,
    },
    /// The digest is not in lower case, as forks compare it.
    Digest {
        /// The digest.
        digest: String,
    },
    /// The range of a file ends beyond the package, which forks refuse (V2-4).
    PropertyFiles {
        /// The end of the last range, in bytes.
        end: i64,
        /// The size of the package, in bytes.
        size: i64,
    },
    /// Other entries have the same id, and only one of them is shown (E9).
    RepeatedId {
        /// The id.
        id: String,
        /// The places of the others in the list, from 0.
        others: Vec<usize>,
    },
}

/// Returns the faults of one entry that show later in this generation.
#[must_use]
pub fn warnings(generation: Generation, entry: &Entry) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(url_warning(generation, &entry.url));
    let filename = || entry.filename.clone();
    if ["", ".", ".."].contains(&entry.filename.as_str()) || entry.filename.contains(['/', '\0']) {
        let filename = filename();
        warnings.push(Warning::Filename { filename });
    }
    if generation == Generation::Cm10 && entry.changes.is_none() {
        warnings.push(Warning::NoChanges);
    }
    let has_digest = matches!(
        generation,
        Generation::KotlinVersion
            | Generation::Kotlin23
            | Generation::CrDroid16
            | Generation::PixelOs17
    );
    let id = entry.id.clone();
    if has_digest && !is_digest(&id) {
        warnings.push(Warning::Digest { digest: id });
    } else if !generation.is_cmupdater() && ["", "local"].contains(&id.as_str()) {
        warnings.push(Warning::Id { id });
    }
    if let (Some(end), Some(size)) = (entry.property_files_end, entry.size)
        && end > size
    {
        warnings.push(Warning::PropertyFiles { end, size });
    }
    warnings
}

/// Returns the most important warning about an address.
fn url_warning(generation: Generation, url: &str) -> Option<Warning> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let owned = || url.to_owned();
    if generation.is_no_list() && !url.contains("://") {
        // It is resolved against the address of the body.
        return None;
    }
    if rest.is_empty() || rest.starts_with('/') || !(is("https") || is("http")) {
        return Some(Warning::RelativeUrl { url: owned() });
    }
    if is("http") && generation.refuses_cleartext() {
        return Some(Warning::CleartextUrl { url: owned() });
    }
    let is_escaped = url.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_escaped).then(|| Warning::UnescapedUrl { url: owned() })
}

fn is_digest(id: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.len() == 64 && id.bytes().all(is_digit)
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::RelativeUrl { url } => write!(
                f,
                "its url `{url}` is not an absolute web address, so the download fails"
            ),
            Warning::CleartextUrl { url } => write!(
                f,
                "its url `{url}` is not https, so the updater refuses to download it"
            ),
            Warning::UnescapedUrl { url } => write!(
                f,
                "its url `{url}` has characters that should be percent-encoded"
            ),
            Warning::Filename { filename } => write!(
                f,
                "its filename `{filename}` is not a bare name, so it cannot be stored"
            ),
            Warning::NoChanges => f.write_str(
                "it has no `changes`, so the updater stops unless it has the changelog already",
            ),
            Warning::Id { id } => write!(f, "its id `{id}` does not identify a build"),
            Warning::Digest { digest } => write!(
                f,
                "its sha256 `{digest}` is not 64 hexadecimal digits in lower case"
            ),
            Warning::PropertyFiles { end, size } => write!(
                f,
                "its `ota_property_files` reaches to byte {end}, beyond its size {size}"
            ),
            Warning::RepeatedId { id, others } => {
                let others: Vec<String> = others.iter().map(usize::to_string).collect();
                let others = others.join(", ");
                write!(
                    f,
                    "its id `{id}` is also that of entry {others}, so the updater shows only one of them"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            id: "a".repeat(64),
            filename: "a.zip".to_owned(),
            url: "https://h/a.zip".to_owned(),
            datetime: 1_700_000_000,
            size: Some(100),
            ..Entry::default()
        }
    }

    fn only(generation: Generation, entry: &Entry) -> Option<String> {
        let warnings = warnings(generation, entry);
        assert!(warnings.len() < 2, "{warnings:?}");
        warnings.first().map(Warning::to_string)
    }

    #[test]
    fn good_entry_has_no_warnings() {
        let entry = Entry {
            changes: Some(String::new()),
            ..entry()
        };
        for generation in Generation::ALL {
            assert_eq!(only(generation, &entry), None);
        }
    }

    #[test]
    fn bad_download_addresses_are_reported() {
        for (url, message) in [
            (
                "a.zip",
                "is not an absolute web address, so the download fails",
            ),
            (
                "//h/a.zip",
                "is not an absolute web address, so the download fails",
            ),
            (
                "https:///a.zip",
                "is not an absolute web address, so the download fails",
            ),
            (
                "ftp://h/a.zip",
                "is not an absolute web address, so the download fails",
            ),
            (
                "http://h/a.zip",
                "is not https, so the updater refuses to download it",
            ),
            (
                "https://h/a b.zip",
                "has characters that should be percent-encoded",
            ),
        ] {
            let entry = Entry {
                url: url.to_owned(),
                ..entry()
            };
            let expected = format!("its url `{url}` {message}");
            assert_eq!(only(Generation::Java22, &entry), Some(expected));
        }
        let cleartext = Entry {
            url: "http://h/a".to_owned(),
            ..entry()
        };
        assert_eq!(only(Generation::Template14, &cleartext), None);
    }

    #[test]
    fn bad_names_ranges_and_ids_are_reported() {
        for (entry, message) in [
            (
                Entry {
                    filename: "a/b.zip".to_owned(),
                    ..entry()
                },
                "its filename `a/b.zip` is not a bare name, so it cannot be stored",
            ),
            (
                Entry {
                    property_files_end: Some(101),
                    ..entry()
                },
                "its `ota_property_files` reaches to byte 101, beyond its size 100",
            ),
            (
                Entry {
                    id: "A".to_owned(),
                    ..entry()
                },
                "its sha256 `A` is not 64 hexadecimal digits in lower case",
            ),
        ] {
            assert_eq!(only(Generation::Kotlin23, &entry).as_deref(), Some(message));
        }
        let local = Entry {
            id: "local".to_owned(),
            ..entry()
        };
        assert_eq!(
            only(Generation::Java22, &local).as_deref(),
            Some("its id `local` does not identify a build")
        );
        assert_eq!(only(Generation::Cm14, &local), None);
    }
}
