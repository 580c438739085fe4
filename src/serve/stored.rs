//! Pages in memory.
//!
//! In: the pages of a site. Out: the same pages, each with its tag and its type, and most of them compressed:
//! a site of 100,000 builds has 300 MB of pages, and few of them are asked for. Short pages, such as the
//! feeds that phones ask for, stay as they are; so do long ones, which all connections share.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::reload;
use crate::fetch::content_type;
use crate::generate::{Error, Sink, Snapshot};
use crate::publish::page::Page;

/// The number of digits of the SHA-256 in an entity tag: enough that no two pages share one.
const TAG_LEN: usize = 32;
/// The lengths of pages that are compressed: a connection holds one that it sends as it was before.
const COMPRESSED: RangeInclusive<usize> = 4 << 10..=256 << 10;

/// A page in memory.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    contents: Contents,
    /// The type to serve it as.
    pub(super) content_type: &'static str,
    /// The entity tag, in quotes.
    pub(super) etag: HeaderValue,
}

#[derive(Clone, Debug)]
enum Contents {
    Plain(Bytes),
    Compressed { deflated: Bytes, len: usize },
}

impl Stored {
    /// Returns how long the page is.
    pub(super) fn len(&self) -> usize {
        match &self.contents {
            Contents::Plain(bytes) => bytes.len(),
            Contents::Compressed { len, .. } => *len,
        }
    }

    /// Returns the page.
    pub(super) fn bytes(&self) -> Bytes {
        match &self.contents {
            Contents::Plain(bytes) => bytes.clone(),
            Contents::Compressed { deflated, len } => {
                let mut bytes = Vec::with_capacity(*len);
                let read = DeflateDecoder::new(&deflated[..]).read_to_end(&mut bytes);
                read.expect("it was compressed here");
                bytes.into()
            }
        }
    }
}

/// A page and its path; copies share both.
#[derive(Clone, Debug)]
pub(super) struct StoredPage {
    pub(super) path: Arc<str>,
    pub(super) page: Arc<Stored>,
}

/// Stores the pages of a site, each device's once for all sites in which they are the same.
#[derive(Debug)]
pub(super) struct Storage<'l> {
    /// The site before.
    pub(super) former: Option<&'l Snapshot<StoredPage>>,
    /// The path of the server's address, if pages reload themselves.
    pub(super) reload_at: Option<&'l str>,
}

impl Sink for Storage<'_> {
    type File = StoredPage;

    fn known(&self, part: &str, digest: u64) -> Option<Vec<StoredPage>> {
        let part = self.former?.parts.get(part)?;
        (part.digest == Some(digest)).then(|| part.files.clone())
    }

    fn take(&self, mut pages: Vec<Page>) -> Result<Vec<StoredPage>, Error> {
        if let Some(base_path) = self.reload_at {
            pages
                .iter_mut()
                .for_each(|page| reload::add_script(page, base_path));
        }
        Ok(store(pages))
    }

    fn path(file: &StoredPage) -> &str {
        &file.path
    }
}

/// Stores pages. Those that share their contents in memory still do so.
pub(super) fn store(pages: Vec<Page>) -> Vec<StoredPage> {
    let mut firsts: HashMap<*const u8, &Page> = HashMap::new();
    for page in &pages {
        firsts.entry(page.bytes.as_ptr()).or_insert(page);
    }
    let firsts: Vec<&Page> = firsts.into_values().collect();
    let stored = firsts.par_iter().map_init(encoder, |encoder, page| {
        let contents = compress(page, encoder);
        (page.bytes.as_ptr().addr(), (contents, tag(&page.bytes)))
    });
    let stored: HashMap<usize, (Contents, HeaderValue)> = stored.collect();
    let mut shared: HashMap<(usize, &'static str), Arc<Stored>> = HashMap::new();
    let store = |page: Page| {
        let (at, content_type) = (page.bytes.as_ptr().addr(), type_of(&page));
        let make = || {
            let (contents, etag) = stored[&at].clone();
            let stored = Stored {
                contents,
                content_type,
                etag,
            };
            Arc::new(stored)
        };
        StoredPage {
            path: page.path.into(),
            page: Arc::clone(shared.entry((at, content_type)).or_insert_with(make)),
        }
    };
    pages.into_iter().map(store).collect()
}

fn encoder() -> DeflateEncoder<Vec<u8>> {
    DeflateEncoder::new(Vec::new(), Compression::fast())
}

/// Compresses a page, if that is worth the time.
fn compress(page: &Page, encoder: &mut DeflateEncoder<Vec<u8>>) -> Contents {
    let len = page.bytes.len();
    if !COMPRESSED.contains(&len) {
        return Contents::Plain(Bytes::from_owner(page.bytes.clone()));
    }
    let written = encoder.write_all(&page.bytes);
    let written = written.and_then(|()| encoder.reset(Vec::new()));
    let mut deflated = written.expect("writing to memory does not fail");
    deflated.shrink_to_fit();
    Contents::Compressed {
        deflated: deflated.into(),
        len,
    }
}

fn tag(bytes: &[u8]) -> HeaderValue {
    let mut tag = base16ct::lower::encode_string(&Sha256::digest(bytes));
    tag.truncate(TAG_LEN);
    HeaderValue::from_str(&format!("\"{tag}\"")).expect("hex digits are ASCII")
}

/// Returns the type of a page. The lists of single incrementals may have any ending.
fn type_of(page: &Page) -> &'static str {
    let mut folders = page.path.split('/').take(2);
    let is_list = page.maker.is_feed() && folders.any(|name| name == "api" || name == "legacy");
    let mut parts = page.path.rsplit('/');
    let is_changes = parts.next() == Some("changes.txt")
        || (parts.next() == Some("changes") && page.path.contains("legacy/"));
    match is_list && !is_changes {
        true => "application/json",
        false => content_type(&page.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::page::Maker;

    #[test]
    fn a_list_is_json_under_any_name() {
        for (path, expected) in [
            ("api/v1/d/nightly/eng.txt", "application/json"),
            ("v/legacy/d/nightly/v1/build/get_delta", "application/json"),
            ("legacy/d/nightly/changes.txt", "text/plain; charset=utf-8"),
            (
                "v/legacy/d/nightly/changes/a.zip.txt",
                "text/plain; charset=utf-8",
            ),
            ("d-stable", "application/octet-stream"),
            ("feed.atom", "application/atom+xml"),
        ] {
            let page = Page {
                path: path.to_owned(),
                bytes: Arc::from(&b""[..]),
                maker: Maker::LineageOs,
                origin: None,
            };
            assert_eq!(type_of(&page), expected, "{path}");
        }
    }
    #[test]
    fn a_page_of_any_length_is_what_it_was() {
        let lens = [0, 1, 4 << 10, 100_000, 256 << 10, (256 << 10) + 1];
        let bytes = |len: usize| -> Arc<[u8]> { (0..len).map(|at| (at / 3) as u8).collect() };
        let page = |len: &usize| Page {
            path: len.to_string(),
            bytes: bytes(*len),
            maker: Maker::Page,
            origin: None,
        };
        let stored = store(lens.iter().map(page).collect());
        for (len, StoredPage { path, page }) in lens.into_iter().zip(stored) {
            assert_eq!(*path, len.to_string());
            assert_eq!(page.len(), len);
            assert!(page.bytes() == bytes(len)[..], "{len}");
            let is_compressed = matches!(page.contents, Contents::Compressed { .. });
            assert_eq!(is_compressed, COMPRESSED.contains(&len), "{len}");
        }
    }
}
