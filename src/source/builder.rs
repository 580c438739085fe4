//! Builds a [`Listing`] from untrusted facts.
//!
//! In: what a host says about its files. Out: files with safe paths, sound addresses and sound digests.
//! A file that romfeed cannot use, and a fact that cannot be true, become a warning.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use chrono::DateTime;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde_json::Number;

use super::{Error, Listing, MAX_FILES, RemoteFile};
use crate::fetch::without_secrets;
use crate::model::address::check_https;
use crate::model::build::filename_fault;

/// Maximum number of warnings; the others are counted.
const MAX_WARNINGS: usize = 50;
/// Maximum length of what a host knows a file by, in bytes; links on GitLab have an address.
const MAX_IDENTITY: usize = 8000;
/// Longest part of an untrusted text that a warning shows, in characters.
const MAX_SHOWN: usize = 200;
/// What hosts leave unescaped in addresses; old versions of Gitea do not escape file names.
const UNESCAPED: &AsciiSet = &AsciiSet::EMPTY
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What a host says about a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer<'a> {
    /// The names of its folders in the source.
    pub(super) folders: Vec<&'a str>,
    /// Its name.
    pub(super) name: &'a str,
    /// What the host knows it by.
    pub(super) id: String,
    /// Its size in bytes.
    pub(super) size: Option<&'a Number>,
    /// Differs for other contents under the same `id`; may be empty.
    pub(super) tag: String,
    /// When it was published, in seconds since the epoch.
    pub(super) date: Option<i64>,
    /// Its SHA-256 in hex.
    pub(super) sha256: Option<&'a str>,
    /// Its MD5 in hex.
    pub(super) md5: Option<&'a str>,
    /// The address to download it from; other characters than those of an address are escaped.
    pub(super) url: &'a str,
    /// The text of its release.
    pub(super) notes: Option<Arc<str>>,
}

/// A listing that grows file by file.
#[derive(Debug)]
pub(super) struct Builder {
    /// The address of the source.
    url: String,
    /// The files by path.
    files: BTreeMap<String, RemoteFile>,
    num_offers: usize,
    warnings: Vec<String>,
    num_more_warnings: usize,
}

impl Builder {
    /// Makes an empty listing of the source at an address. If that is https, the files must be too.
    pub(super) fn new(url: &str) -> Builder {
        Builder {
            url: url.to_owned(),
            files: BTreeMap::new(),
            num_offers: 0,
            warnings: Vec::new(),
            num_more_warnings: 0,
        }
    }

    /// Adds a file, or a warning if romfeed cannot use it.
    ///
    /// # Errors
    /// [`Error::TooMany`], if there are more files than a source may have.
    pub(super) fn add(&mut self, offer: Offer<'_>) -> Result<(), Error> {
        self.num_offers += 1;
        if self.num_offers > MAX_FILES {
            return Err(Error::TooMany {
                url: self.url.clone(),
                limit: MAX_FILES,
                what: "files",
            });
        }
        let mut parts = offer.folders.clone();
        parts.push(offer.name);
        let path = parts.join("/");
        for part in parts {
            if let Some(reason) = filename_fault(part) {
                let reason = format!("`{}` {reason}", shown(part));
                self.leave_out(&path, &reason);
                return Ok(());
            }
        }
        if offer.id.len().saturating_add(offer.tag.len()) > MAX_IDENTITY {
            self.leave_out(&path, "what the host knows it by is longer than 8000 bytes");
            return Ok(());
        }
        let url = utf8_percent_encode(offer.url, UNESCAPED).to_string();
        if let Err(reason) = self.check_url(&url) {
            let url = shown(&without_secrets(&url));
            let reason = format!("its address `{url}` is unusable: {reason}");
            self.leave_out(&path, &reason);
            return Ok(());
        }
        let file = RemoteFile {
            id: offer.id,
            size: self.size(&path, offer.size),
            tag: offer.tag,
            date: offer.date,
            sha256: self.hex(&path, "SHA-256", 64, offer.sha256),
            md5: self.hex(&path, "MD5", 32, offer.md5),
            url,
            notes: offer.notes,
            path,
        };
        match self.files.entry(file.path.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(file);
            }
            // A page that begins later than expected repeats the end of the previous one.
            Entry::Occupied(entry) if entry.get().id == file.id => {}
            Entry::Occupied(_) => self.leave_out(&file.path, "another file has the same path"),
        }
        Ok(())
    }

    /// Adds a warning that a file is left out.
    pub(super) fn leave_out(&mut self, path: &str, reason: &str) {
        self.warn(format!("`{}` is left out: {reason}", shown(path)));
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, warning: String) {
        match self.warnings.len() < MAX_WARNINGS {
            true => self.warnings.push(warning),
            false => self.num_more_warnings += 1,
        }
    }

    /// Returns the listing.
    pub(super) fn finish(mut self) -> Listing {
        if self.num_more_warnings > 0 {
            let more = format!("{} more warnings are not shown", self.num_more_warnings);
            self.warnings.push(more);
        }
        Listing {
            files: self.files.into_values().collect(),
            warnings: self.warnings,
        }
    }

    fn check_url(&self, url: &str) -> Result<(), String> {
        if has_signature(url) {
            return Err("it is signed, and signatures expire".to_owned());
        }
        let checked = match url.strip_prefix("http://") {
            Some(rest) if self.url.starts_with("http://") => {
                check_https(&format!("https://{rest}"))
            }
            _ => check_https(url),
        };
        checked.map_err(|error| error.reason)
    }

    fn size(&mut self, path: &str, size: Option<&Number>) -> Option<u64> {
        let size = size?;
        // Updaters count bytes in signed 64-bit numbers.
        let sound = size.as_i64().and_then(|size| u64::try_from(size).ok());
        if sound.is_none() {
            let path = shown(path);
            self.warn(format!(
                "the size `{size}` of `{path}` is ignored: it cannot be true"
            ));
        }
        sound
    }

    fn hex(&mut self, path: &str, what: &str, len: usize, value: Option<&str>) -> Option<String> {
        let value = value.filter(|value| !value.is_empty())?;
        if value.len() == len && value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Some(value.to_ascii_lowercase());
        }
        let (path, value) = (shown(path), shown(value));
        self.warn(format!(
            "`{value}` of `{path}` is ignored: it is not a {what} in hex"
        ));
        None
    }
}

/// Returns whether a query contains what gives access to a file, under one of the names that stores use.
fn has_signature(url: &str) -> bool {
    const NAMES: [&str; 6] = [
        "x-amz-signature",
        "x-goog-signature",
        "signature",
        "sig",
        "access_token",
        "private_token",
    ];
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// Returns the beginning of an untrusted text, safe for terminals.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(MAX_SHOWN).collect();
    let dots = if start.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", start.escape_debug())
}

/// Returns the text of a release, unless it is blank.
pub(super) fn notes(text: Option<String>) -> Option<Arc<str>> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(Arc::from)
}

/// Parses a date of RFC 3339 into seconds since the epoch.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    let date = DateTime::parse_from_rfc3339(text.trim()).ok()?;
    Some(date.timestamp())
}

/// Returns what changes with the contents of a file: the time of the upload, and the size.
pub(super) fn tag(uploaded: Option<&str>, size: Option<&Number>) -> String {
    let size = size.and_then(Number::as_u64);
    match (uploaded.and_then(parse_date), size) {
        (Some(date), Some(size)) => format!("{date}/{size}"),
        (Some(date), None) => date.to_string(),
        (None, Some(size)) => format!("/{size}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the warning about a file at an address, in a source at another.
    fn warning(source: &str, url: &str) -> Option<String> {
        let mut builder = Builder::new(source);
        let offer = Offer {
            name: "a.zip",
            url,
            ..Offer::default()
        };
        builder.add(offer).unwrap();
        builder.finish().warnings.pop()
    }

    #[test]
    fn addresses_in_lists_are_https_if_that_of_the_source_is() {
        for (source, url, is_usable) in [
            ("https://h", "https://other/a.zip", true),
            ("https://h", "http://h/a.zip", false),
            ("HTTPS://h", "http://h/a.zip", false),
            ("http://localhost:1", "http://localhost:2/a.zip", true),
            ("http://localhost:1", "ftp://h/a.zip", false),
            ("https://h", "file:///etc/passwd", false),
            ("https://h", "//h/a.zip", false),
            ("https://h", "https://me:secret@h/a.zip", false),
        ] {
            let warning = warning(source, url);
            assert_eq!(warning.is_none(), is_usable, "{url}: {warning:?}");
            assert!(!warning.unwrap_or_default().contains("secret"), "{url}");
        }
    }

    #[test]
    fn signed_addresses_are_not_published_and_not_shown() {
        for query in [
            "X-Amz-Signature=s3cr3t",
            "a=b&sig=s3cr3t",
            "Signature=s3cr3t&x",
        ] {
            let warning = warning("https://h", &format!("https://h/a.zip?{query}")).unwrap();
            assert!(warning.contains("it is signed"), "{warning}");
            assert!(!warning.contains("s3cr3t"), "{warning}");
        }
        assert_eq!(
            warning("https://h", "https://h/a.zip?version=2&design=1"),
            None
        );
    }
}
