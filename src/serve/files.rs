//! Files on disk: packages, and what lies in the folder of the site and is not romfeed's.
//!
//! In: a decoded path below the server's address. Out: the answer, or none if there is no such
//! file. Of the folder of packages, only those of the catalog are served, and what belongs to one.
//! A link that leads out of both folders is not followed, but for packages: those may lie anywhere,
//! as for [`crate::scan`].

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use super::answer::{self, Answer, Content, Part};
use super::conditional::{self, Facts, Send};
use super::site::{Current, Stored};
use crate::address;
use crate::fetch::content_type;
use crate::kit::{PACKAGE_POLICY, PAGE_POLICY};

/// The folder of packages below the server's address.
const BUILDS: &str = "builds/";
/// What may be fetched from there beside a package of the same name, by the end of the name:
/// digests, changes, signatures.
const BESIDE: [&str; 7] = [
    "md5",
    "md5sum",
    "sha256",
    "sha256sum",
    "txt",
    "html",
    "csig",
];
/// And what beside a package of any name: images for the first installation.
const IMAGE: &str = "img";
/// The type of what is shown as it is.
const TEXT: &str = "text/plain; charset=utf-8";
/// What is served of a folder.
const INDEX: &str = "index.html";
/// How long packages may be kept; feeds are asked for again each time.
const KEEP_PACKAGE: &str = "public, max-age=3600";

/// A file that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Its path, decoded, below the server's address.
    pub(super) path: String,
    /// It was asked for with a closing slash.
    pub(super) is_folder: bool,
    /// The path of the server's address.
    pub(super) base_path: String,
}

/// Finds the file of a path without `.`, `..` or hidden parts.
fn find(current: &Current, path: &str) -> Option<PathBuf> {
    if let Some(file) = find_in_site(current, path) {
        return Some(file);
    }
    let path = path.strip_prefix(BUILDS)?;
    let file = current.builds.as_ref()?.join(path);
    if current.snapshot.packages.contains(path) {
        let name = path.rsplit('/').next()?;
        let exclude = &current.config.exclude;
        return (!exclude.is_match(path) && !exclude.is_match(name)).then_some(file);
    }
    let is_inside = || is_below(&file, current.builds.as_deref());
    (belongs_to_package(&current.snapshot.packages, path) && is_inside()).then_some(file)
}

/// Whether a file in the folder of packages is of use for one of them only.
fn belongs_to_package(packages: &BTreeSet<String>, path: &str) -> bool {
    let Some((stem, end)) = path.rsplit_once('.') else {
        return false;
    };
    let end = end.to_ascii_lowercase();
    if end == IMAGE {
        let folder = path.rfind('/').map_or("", |at| &path[..=at]);
        let is_beside = |package: &&String| !package[folder.len()..].contains('/');
        let below = packages.range(folder.to_owned()..);
        let mut below = below.take_while(|package| package.starts_with(folder));
        return below.find(is_beside).is_some();
    }
    let is_package = |path: &str| packages.contains(path);
    BESIDE.contains(&&*end) && (is_package(stem) || is_package(&format!("{stem}.zip")))
}

fn find_in_site(current: &Current, path: &str) -> Option<PathBuf> {
    let file = current.out.as_ref()?.join(path);
    let is_free = |path: &str| !current.own_files.contains(path);
    if file.is_dir() {
        let index = format!("{path}/{INDEX}");
        let file = file.join(INDEX);
        return (is_free(index.trim_start_matches('/')) && is_below(&file, current.out.as_deref()))
            .then_some(file);
    }
    (is_free(path) && is_below(&file, current.out.as_deref())).then_some(file)
}

fn is_below(file: &Path, root: Option<&Path>) -> bool {
    let file = file.canonicalize();
    root.is_some_and(|root| file.is_ok_and(|file| file.starts_with(root)))
}

/// Answers with a file; waits for the disk.
pub(super) fn answer(current: &Current, wanted: &Wanted, headers: &HeaderMap) -> Option<Answer> {
    let path = find(current, &wanted.path)?;
    // Without the slash, the links of the page would lead elsewhere.
    if path.ends_with(INDEX) && !wanted.path.ends_with(INDEX) && !wanted.is_folder {
        return Some(redirect(wanted));
    }
    // A pipe would make the open wait.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let file = File::open(&path).ok()?;
    let metadata = file.metadata().ok()?;
    let modified = modified(&metadata);
    let etag = value(&format!("\"{:x}-{:x}\"", modified.1, metadata.len()));
    let facts = Facts {
        etag: &etag,
        modified: Some(modified.0),
        size: metadata.len(),
    };
    let send = conditional::decide(headers, facts);
    let cut = |first, len| {
        let mut file = file;
        file.seek(SeekFrom::Start(first)).ok()?;
        Some(Content::Part(Part::new(file, len, &current.downloads)))
    };
    let mut answer = partial(send, facts, cut)?;
    let name = path.to_string_lossy();
    let is_beside_package = wanted.path.starts_with(BUILDS);
    let kind = match content_type(&name) {
        // Of what lies next to packages, nothing runs in a browser.
        kind if is_beside_package && (kind.contains("html") || kind.contains("xml")) => TEXT,
        kind => kind,
    };
    answer::set(&mut answer, header::CONTENT_TYPE, kind);
    if is_beside_package {
        answer::set(&mut answer, header::CONTENT_SECURITY_POLICY, PACKAGE_POLICY);
    }
    let is_package = kind == "application/zip";
    let keep = if is_package { KEEP_PACKAGE } else { "no-cache" };
    answer::set(&mut answer, header::CACHE_CONTROL, keep);
    let date = httpdate::fmt_http_date(UNIX_EPOCH + std::time::Duration::from_secs(modified.0));
    put(&mut answer, header::LAST_MODIFIED, &date);
    Some(answer)
}

/// To the same path with a closing slash; made anew, so that it cannot name another host.
fn redirect(wanted: &Wanted) -> Answer {
    let path = address::encode_path(&wanted.path);
    let mut answer = Answer::new(Content::Whole(None));
    *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let target = format!("{}/{path}/", wanted.base_path);
    put(&mut answer, header::LOCATION, &target);
    answer
}

/// Answers with a page from memory.
pub(super) fn answer_page(page: &Stored, headers: &HeaderMap) -> Answer {
    let len = page.bytes.len();
    let facts = Facts {
        etag: &page.etag,
        modified: None,
        size: u64::try_from(len).unwrap_or(u64::MAX),
    };
    let send = conditional::decide(headers, facts);
    let cut = |first: u64, len: u64| {
        let first = usize::try_from(first).ok()?;
        let end = first.checked_add(usize::try_from(len).ok()?)?;
        Some(Content::Whole(Some(page.bytes.slice(first..end))))
    };
    let mut answer = partial(send, facts, cut).expect("the part lies within the page");
    answer::set(&mut answer, header::CONTENT_TYPE, page.content_type);
    answer::set(&mut answer, header::CACHE_CONTROL, "no-cache");
    answer::set(&mut answer, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    answer
}

/// The status, headers and body that are asked for; `cut` gives a part by first byte and length.
fn partial(
    send: Send,
    facts: Facts<'_>,
    cut: impl FnOnce(u64, u64) -> Option<Content>,
) -> Option<Answer> {
    let size = facts.size;
    let (status, content) = match send {
        Send::Whole => (StatusCode::OK, cut(0, size)?),
        Send::Range(first, last) => (StatusCode::PARTIAL_CONTENT, cut(first, last - first + 1)?),
        Send::NotModified => (StatusCode::NOT_MODIFIED, Content::Whole(None)),
        Send::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, Content::Whole(None)),
    };
    let mut answer = Answer::new(content);
    *answer.status_mut() = status;
    match send {
        Send::Range(first, last) => {
            let range = format!("bytes {first}-{last}/{size}");
            put(&mut answer, header::CONTENT_RANGE, &range);
        }
        Send::Unsatisfiable => put(
            &mut answer,
            header::CONTENT_RANGE,
            &format!("bytes */{size}"),
        ),
        Send::Whole | Send::NotModified => {}
    }
    answer
        .headers_mut()
        .insert(header::ETAG, facts.etag.clone());
    answer::set(&mut answer, header::ACCEPT_RANGES, "bytes");
    Some(answer)
}

fn put(answer: &mut Answer, name: header::HeaderName, text: &str) {
    answer.headers_mut().insert(name, value(text));
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("dates, digits and digests are ASCII")
}

/// When a file was changed, in seconds and in nanoseconds since the epoch.
fn modified(metadata: &Metadata) -> (u64, u128) {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.as_nanos())
}
