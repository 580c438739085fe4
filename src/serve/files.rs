//! Files on disk: packages, and what lies in the folder of the site and is not romfeed's.
//!
//! In: a decoded path below the server's address. Out: the answer, or none if there is no such
//! file. Of the folder of packages, only those of the catalog are served, and what belongs to one.
//! Packages may be links to files anywhere, as for [`crate::ingest::scan`]; what lies beside them may not
//! be a link, and in the folder of the site links lead to other files of it only.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use super::answer::{self, Answer, Content, Part};
use super::conditional::{self, Facts, Send};
use super::site::{Current, Stored};
use crate::fetch::content_type;
use crate::files::{open_below, open_regular};
use crate::hosting::{PACKAGE_POLICY, PAGE_POLICY};
use crate::model::address;

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

/// A file that was found, open.
struct Found {
    file: File,
    /// Its path, for its type.
    name: String,
    /// It is the page of a folder that was asked for.
    is_index: bool,
}

impl Found {
    fn new(file: File, name: &str) -> Found {
        Found {
            file,
            name: name.to_owned(),
            is_index: false,
        }
    }
}

/// Opens the file of a path without `.`, `..` or hidden parts; none if nothing is there to serve.
fn find(current: &Current, path: &str) -> io::Result<Option<Found>> {
    if let Some(found) = find_in_site(current, path)? {
        return Ok(Some(found));
    }
    let (Some(path), Some(builds)) = (path.strip_prefix(BUILDS), &current.builds) else {
        return Ok(None);
    };
    let open = match () {
        () if current.snapshot.packages.contains(path) => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let exclude = &current.config.exclude;
            match exclude.is_match(path) || exclude.is_match(name) {
                true => return Ok(None),
                false => open_package(&builds.join(path)),
            }
        }
        () if !belongs_to_package(&current.snapshot.packages, path) => return Ok(None),
        () if current.config.follow_links => open_regular(&builds.join(path)),
        () => open_below(builds, Path::new(path)),
    };
    Ok(if_there(open)?.map(|file| Found::new(file, path)))
}

/// Opens a package, which may be a link.
fn open_package(path: &Path) -> io::Result<File> {
    // A pipe would make the open wait.
    match path.metadata()?.is_file() {
        true => File::open(path),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Tells what is not there, or is not a file to serve, from what the system failed to answer.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    let is_absent = |error: &io::Error| {
        let kinds = [NotFound, NotADirectory, InvalidFilename, InvalidInput];
        // Those without a number are our own, of links, pipes and the like.
        kinds.contains(&error.kind()) || error.raw_os_error().is_none() || is_loop(error)
    };
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(not(unix))]
fn is_loop(_error: &io::Error) -> bool {
    false
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

/// Opens a file of the site's folder that is not a page; links may lead to others in it.
fn find_in_site(current: &Current, path: &str) -> io::Result<Option<Found>> {
    let Some(root) = &current.out else {
        return Ok(None);
    };
    let Some(metadata) = if_there(root.join(path).metadata())? else {
        return Ok(None);
    };
    let is_index = metadata.is_dir();
    let path = match is_index {
        true => format!("{path}/{INDEX}").trim_start_matches('/').to_owned(),
        false => path.to_owned(),
    };
    if current.own_files.contains(&path) {
        return Ok(None);
    }
    let real = if_there(root.join(&path).canonicalize())?;
    let Some(real) = real
        .as_deref()
        .and_then(|real| real.strip_prefix(root).ok())
    else {
        return Ok(None);
    };
    let file = if_there(open_below(root, real))?;
    Ok(file.map(|file| Found {
        is_index,
        ..Found::new(file, &path)
    }))
}

/// Answers with a file; waits for the disk.
///
/// # Errors
/// If the system failed to look for it or to open it.
pub(super) fn answer(
    current: &Current,
    wanted: &Wanted,
    headers: &HeaderMap,
) -> io::Result<Option<Answer>> {
    let Some(found) = find(current, &wanted.path)? else {
        return Ok(None);
    };
    // Without the slash, the links of the page would lead elsewhere.
    if found.is_index && !wanted.is_folder {
        return Ok(Some(redirect(wanted)));
    }
    let Found { mut file, name, .. } = found;
    let metadata = file.metadata()?;
    let modified = modified(&metadata);
    let etag = value(&format!("\"{:x}-{:x}\"", modified.1, metadata.len()));
    let facts = Facts {
        etag: &etag,
        modified: Some(modified.0),
        size: metadata.len(),
    };
    let send = conditional::decide(headers, facts);
    if let Send::Range(first, _) = send {
        file.seek(SeekFrom::Start(first))?;
    }
    let cut = |_, len| Content::Part(Part::new(file, len, &current.downloads));
    let mut answer = partial(send, facts, cut);
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
    Ok(Some(answer))
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
        let place = |at: u64| usize::try_from(at).expect("the part lies within the page");
        Content::Whole(Some(page.bytes.slice(place(first)..place(first + len))))
    };
    let mut answer = partial(send, facts, cut);
    answer::set(&mut answer, header::CONTENT_TYPE, page.content_type);
    answer::set(&mut answer, header::CACHE_CONTROL, "no-cache");
    answer::set(&mut answer, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    answer
}

/// The status, headers and body that are asked for; `cut` gives a part by first byte and length.
fn partial(send: Send, facts: Facts<'_>, cut: impl FnOnce(u64, u64) -> Content) -> Answer {
    let size = facts.size;
    let (status, content) = match send {
        Send::Whole => (StatusCode::OK, cut(0, size)),
        Send::Range(first, last) => (StatusCode::PARTIAL_CONTENT, cut(first, last - first + 1)),
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
    answer
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
