//! Lists of files on other hosts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use romfeed::fetch::{Fault, Fetch, Request, Response};
use romfeed::model::source::{Bucket, HashPolicy, Host, SourceConfig};
use romfeed::source::{self, Client, Listing};

/// Where the lists are.
const SITE: &str = "https://h/ota";
/// The media types of listings.
const TYPES: [&str; 2] = ["text/html", "application/json"];
/// Most files of a list.
const MAX_FILES: usize = 100_000;
/// Most warnings of a list, and most bytes of one.
const MAX_WARNINGS: (usize, usize) = (51, 8_000);

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("there is room for a folder");
}

/// A host that answers to all addresses alike.
struct Everywhere<'a> {
    media_type: &'static str,
    /// Answers to addresses with a query.
    feed: &'a [u8],
    /// Answers to all others.
    page: &'a [u8],
}

impl Fetch for Everywhere<'_> {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        let body = match request.url.contains('?') {
            true => self.feed,
            false => self.page,
        };
        Ok(Response {
            url: request.url.to_owned(),
            status: 200,
            headers: vec![("content-type".to_owned(), self.media_type.to_owned())],
            body: body.to_vec(),
            is_cut: false,
        })
    }
}

/// The listing of every folder of a web server; the first byte selects the media type.
pub(super) fn listing(data: &[u8]) {
    let Some((&selector, page)) = data.split_first() else {
        return;
    };
    let media_type = TYPES[usize::from(selector) % TYPES.len()];
    let url = format!("{SITE}/");
    list(Host::Listing { url }, media_type, &[], page);
}

/// The feed of every folder of a project, and its page after a zero byte.
pub(super) fn sourceforge(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (feed, page) = (parts.next(), parts.next());
    let host = Host::SourceForge {
        site: SITE.to_owned(),
        project: "rom".to_owned(),
        path: "/".to_owned(),
    };
    list(host, TYPES[0], feed.unwrap_or(&[]), page.unwrap_or(&[]));
}

/// A page of the objects of a bucket; without S3 in the program, it is not read.
pub(super) fn s3(data: &[u8]) {
    let bucket = Bucket {
        url: SITE.to_owned(),
        region: "us-east-1".to_owned(),
        prefix: "roms/".to_owned(),
        keys: None,
    };
    list(Host::S3(bucket), TYPES[0], data, &[]);
}

/// A list that rclone wrote.
pub(super) fn file_list(data: &[u8]) {
    let file: PathBuf = FOLDER.with(|folder| folder.path().join("list.json"));
    std::fs::write(&file, data).expect("there is room for the list");
    let base = SITE.to_owned();
    list(Host::Files { file, base }, TYPES[0], &[], &[]);
}

fn list(host: Host, media_type: &'static str, feed: &[u8], page: &[u8]) {
    let source = SourceConfig {
        device: None,
        name: "source".to_owned(),
        host,
        newest: None,
        max_age: None,
        hash: HashPolicy::Auto,
        url: None,
        token: None,
    };
    let client = Client {
        fetch: &Everywhere {
            media_type,
            feed,
            page,
        },
        token: None,
        now: 0,
    };
    if let Ok(listing) = source::list(&client, &source) {
        check(&listing);
    }
}

fn check(listing: &Listing) {
    assert!(listing.files.len() <= MAX_FILES);
    let mut paths = BTreeSet::new();
    for file in &listing.files {
        let path = file.path.as_str();
        assert!(paths.insert(path), "`{path}` is there twice");
        for name in path.split('/') {
            assert!(!name.is_empty() && !name.starts_with('.'), "{path:?}");
            let is_odd = |c: char| c.is_control() || c == '\\';
            assert!(!name.contains(is_odd), "{path:?}");
        }
        let below = file.url.strip_prefix(SITE);
        let below = below.unwrap_or_else(|| panic!("{} is elsewhere", file.url));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte);
        assert!(below.starts_with('/') && below.bytes().all(is_plain));
        assert!(file.size.is_none_or(|size| i64::try_from(size).is_ok()));
        for (digest, len) in [(&file.sha256, 64), (&file.md5, 32)] {
            let is_hex = |text: &String| text.len() == len && text.bytes().all(is_lower_hex);
            assert!(digest.as_ref().is_none_or(is_hex), "{digest:?}");
        }
    }
    assert!(listing.warnings.len() <= MAX_WARNINGS.0);
    for warning in &listing.warnings {
        assert!(!warning.chars().any(char::is_control), "{warning:?}");
        assert!(warning.len() <= MAX_WARNINGS.1, "{warning}");
    }
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
