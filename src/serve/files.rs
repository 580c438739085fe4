//! Files on disk: packages, their sidecars, and the user's own files in the folder of the site.
//!
//! In: a decoded path below the server's address. Out: the response, or none if there is no such
//! file. Of the folder of packages, only the packages of the catalog and their sidecars are served.
//! Packages may be links to files anywhere, as for [`crate::ingest::scan`]. Sidecars must not be
//! links, and links in the folder of the site may only lead to other files in it.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use super::conditional::{self, Facts, Send};
use super::response::{self, Content, Part, Response};
use super::site::Current;
use super::stored::Stored;
use crate::fetch::content_type;
use crate::files::{open_below, open_regular};
use crate::hosting::{PACKAGE_POLICY, PAGE_POLICY};
use crate::model::address;

/// The folder of packages below the server's address.
const BUILDS: &str = "builds/";
/// How the names of sidecars of a package end, after its own name: digests, changes, signatures.
const SIDECARS: [&str; 7] = [
    "md5",
    "md5sum",
    "sha256",
    "sha256sum",
    "txt",
    "html",
    "csig",
];
/// How the names of images for the first installation end, which may have any name.
const IMAGE: &str = "img";
/// The type of files that browsers show as plain text.
const TEXT: &str = "text/plain; charset=utf-8";
/// The file that is served for a folder.
const INDEX: &str = "index.html";
/// How long caches may keep packages; feeds are checked each time.
const KEEP_PACKAGE: &str = "public, max-age=3600";

/// A request for a file.
#[derive(Clone, Debug)]
pub(super) struct FileRequest {
    /// The decoded path of the file below the server's address.
    pub(super) path: String,
    /// Whether the path in the request ended with a slash.
    pub(super) is_folder: bool,
    /// The path of the server's address.
    pub(super) base_path: String,
}

/// An open file.
struct OpenFile {
    file: File,
    /// Its path, which determines its type.
    name: String,
    /// Whether it is the page of a requested folder.
    is_index: bool,
}

impl OpenFile {
    fn new(file: File, name: &str) -> OpenFile {
        OpenFile {
            file,
            name: name.to_owned(),
            is_index: false,
        }
    }
}

/// Opens the file at a path without `.`, `..` or hidden parts; none if there is no file to serve.
fn find(current: &Current, path: &str) -> io::Result<Option<OpenFile>> {
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
    Ok(found(open)?.map(|file| OpenFile::new(file, path)))
}

/// Opens a package, which may be a link.
fn open_package(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for a program that writes to it.
    match path.metadata()?.is_file() {
        true => File::open(path),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Turns the errors of files that do not exist, or must not be served, into none; other errors stay.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    let is_absent = |error: &io::Error| {
        let kinds = [NotFound, NotADirectory, InvalidFilename, InvalidInput];
        // Errors without a number come from romfeed: links, pipes and the like.
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

/// Returns whether a file in the folder of packages is a sidecar or an image of one of them.
fn belongs_to_package(packages: &BTreeSet<String>, path: &str) -> bool {
    let Some((stem, end)) = path.rsplit_once('.') else {
        return false;
    };
    let end = end.to_ascii_lowercase();
    if end == IMAGE {
        let folder = path.rfind('/').map_or("", |at| &path[..=at]);
        let is_in_folder = |package: &&String| !package[folder.len()..].contains('/');
        let below = packages.range(folder.to_owned()..);
        let mut below = below.take_while(|package| package.starts_with(folder));
        return below.find(is_in_folder).is_some();
    }
    let is_package = |path: &str| packages.contains(path);
    SIDECARS.contains(&&*end) && (is_package(stem) || is_package(&format!("{stem}.zip")))
}

/// Opens a file in the folder of the site that romfeed did not write; it may be a link to another file
/// in that folder.
fn find_in_site(current: &Current, path: &str) -> io::Result<Option<OpenFile>> {
    let Some(root) = &current.out else {
        return Ok(None);
    };
    let Some(metadata) = found(root.join(path).metadata())? else {
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
    let real = found(root.join(&path).canonicalize())?;
    let Some(real) = real
        .as_deref()
        .and_then(|real| real.strip_prefix(root).ok())
    else {
        return Ok(None);
    };
    let file = found(open_below(root, real))?;
    Ok(file.map(|file| OpenFile {
        is_index,
        ..OpenFile::new(file, &path)
    }))
}

/// Answers with a file; none if there is no such file. Blocks on the disk.
///
/// # Errors
/// An error of the system, other than that there is no such file.
pub(super) fn answer(
    current: &Current,
    wanted: &FileRequest,
    headers: &HeaderMap,
) -> io::Result<Option<Response>> {
    let Some(found) = find(current, &wanted.path)? else {
        return Ok(None);
    };
    // Without the slash, relative links of the page would be wrong.
    if found.is_index && !wanted.is_folder {
        return Ok(Some(redirect(wanted)));
    }
    let OpenFile { mut file, name, .. } = found;
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
    let mut response = partial(send, facts, cut);
    let is_in_builds = wanted.path.starts_with(BUILDS);
    let kind = match content_type(&name) {
        // No sidecar may run as a page in a browser.
        kind if is_in_builds && (kind.contains("html") || kind.contains("xml")) => TEXT,
        kind => kind,
    };
    response::set(&mut response, header::CONTENT_TYPE, kind);
    if is_in_builds {
        response::set(
            &mut response,
            header::CONTENT_SECURITY_POLICY,
            PACKAGE_POLICY,
        );
    }
    let is_package = kind == "application/zip";
    let keep = if is_package { KEEP_PACKAGE } else { "no-cache" };
    response::set(&mut response, header::CACHE_CONTROL, keep);
    let date = httpdate::fmt_http_date(UNIX_EPOCH + std::time::Duration::from_secs(modified.0));
    set_text(&mut response, header::LAST_MODIFIED, &date);
    Ok(Some(response))
}

/// Redirects to the same path with a slash at its end. The address is built from the decoded path, so
/// it cannot name another host.
fn redirect(wanted: &FileRequest) -> Response {
    let path = address::encode_path(&wanted.path);
    let mut response = Response::new(Content::Whole(None));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let target = format!("{}/{path}/", wanted.base_path);
    set_text(&mut response, header::LOCATION, &target);
    response
}

/// Answers with a page from memory.
pub(super) fn answer_page(page: &Stored, headers: &HeaderMap) -> Response {
    let len = page.len();
    let facts = Facts {
        etag: &page.etag,
        modified: None,
        size: u64::try_from(len).unwrap_or(u64::MAX),
    };
    let send = conditional::decide(headers, facts);
    let cut = |first: u64, len: u64| {
        let index = |at: u64| usize::try_from(at).expect("the part is within the page");
        Content::Whole(Some(page.bytes().slice(index(first)..index(first + len))))
    };
    let mut response = partial(send, facts, cut);
    response::set(&mut response, header::CONTENT_TYPE, page.content_type);
    response::set(&mut response, header::CACHE_CONTROL, "no-cache");
    response::set(&mut response, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

/// Makes the response to a conditional or partial request; `cut` returns a part of the body by its
/// first byte and length.
fn partial(send: Send, facts: Facts<'_>, cut: impl FnOnce(u64, u64) -> Content) -> Response {
    let size = facts.size;
    let (status, content) = match send {
        Send::Whole => (StatusCode::OK, cut(0, size)),
        Send::Range(first, last) => (StatusCode::PARTIAL_CONTENT, cut(first, last - first + 1)),
        Send::NotModified => (StatusCode::NOT_MODIFIED, Content::Whole(None)),
        Send::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, Content::Whole(None)),
    };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    match send {
        Send::Range(first, last) => {
            let range = format!("bytes {first}-{last}/{size}");
            set_text(&mut response, header::CONTENT_RANGE, &range);
        }
        Send::Unsatisfiable => set_text(
            &mut response,
            header::CONTENT_RANGE,
            &format!("bytes */{size}"),
        ),
        Send::Whole | Send::NotModified => {}
    }
    response
        .headers_mut()
        .insert(header::ETAG, facts.etag.clone());
    response::set(&mut response, header::ACCEPT_RANGES, "bytes");
    response
}

fn set_text(response: &mut Response, name: header::HeaderName, text: &str) {
    response.headers_mut().insert(name, value(text));
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("dates, digits and digests are ASCII")
}

/// Returns when a file was changed, in seconds and in nanoseconds since the epoch.
fn modified(metadata: &Metadata) -> (u64, u128) {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.as_nanos())
}
