//! A folder that answers requests like a static web host.
//!
//! In: an address below the one where the folder is published. Out: the file with status 200, or a
//! part of it with 206; for a folder its `index.html`, after a redirect to the address with a closing
//! slash; otherwise 404 with `404.html`. A POST gets 405, as from GitHub Pages. A file that exists but
//! cannot be read is a [`Fault`].
//!
//! The content type depends on the extension; a name without one is `application/octet-stream`, as on
//! most hosts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::{Fault, Fetch, Request, Response};

/// Content types by extension.
const TYPES: [(&str, &str); 12] = [
    ("json", "application/json"),
    ("html", "text/html; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("xml", "application/xml"),
    ("atom", "application/atom+xml"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("ico", "image/x-icon"),
    ("zip", "application/zip"),
];
/// Content type of all other names.
const OCTETS: &str = "application/octet-stream";

/// Returns the content type that a static host sends for a file with this name.
#[must_use]
pub fn content_type(name: &str) -> &'static str {
    let end = name
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'));
    let known = end.and_then(|(_, end)| TYPES.iter().find(|(known, _)| *known == end));
    known.map_or(OCTETS, |(_, content_type)| content_type)
}

/// The folder of a site and the folder of its packages, published at one address.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The address of the site, without a closing slash.
    pub base: String,
    /// The folder of the site.
    pub root: PathBuf,
    /// The folder that is published as `builds/`.
    pub builds: PathBuf,
}

impl Folder {
    /// Returns the decoded path below the base address; `None` if it leads out of the folder.
    fn path(&self, url: &str) -> Result<Option<String>, Fault> {
        let below = url
            .strip_prefix(&self.base)
            .filter(|path| path.is_empty() || path.starts_with(['/', '?', '#']));
        let Some(path) = below else {
            return Err(Fault::Elsewhere {
                url: url.to_owned(),
                base: self.base.clone(),
            });
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let Ok(path) = percent_decode_str(path).decode_utf8() else {
            return Ok(None);
        };
        let path = path.trim_start_matches('/');
        let is_inside = path.split('/').all(|part| part != ".." && part != ".");
        let is_odd = |c| ['\0', '\\'].contains(&c) || (cfg!(windows) && c == ':');
        Ok((is_inside && !path.contains(is_odd)).then(|| path.to_owned()))
    }

    /// Returns the file at a path, whether it exists or not; `None` if it differs in letter case.
    fn file_at(&self, path: &str) -> Option<PathBuf> {
        let of_builds = path
            .strip_prefix("builds/")
            .filter(|_| !self.root.join(path).exists());
        let (folder, path) = match of_builds {
            Some(path) => (&self.builds, path),
            None => (&self.root, path),
        };
        let file = folder.join(path);
        is_named(&file, path).then_some(file)
    }
}

impl Fetch for Folder {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        let path = self.path(request.url)?;
        let response = |status, headers: &[(&str, String)], (body, is_cut)| Response {
            body: if request.head { Vec::new() } else { body },
            is_cut: is_cut && !request.head,
            url: request.url.to_owned(),
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        };
        let not_found = || {
            let page = read(&self.root.join("404.html"), 0, u64::MAX, request.max_body);
            let headers = [("content-type", content_type("404.html").to_owned())];
            Ok(response(404, &headers, page.unwrap_or_default()))
        };
        if request.post.is_some() {
            return Ok(response(405, &[], (Vec::new(), false)));
        }
        let Some(path) = path else {
            return not_found();
        };
        let Some(mut file) = self.file_at(&path) else {
            return not_found();
        };
        if file.is_dir() {
            if !(path.is_empty() || path.ends_with('/')) {
                let to = format!("{}/", request.url);
                return Ok(response(301, &[("location", to)], (Vec::new(), false)));
            }
            file = file.join("index.html");
        } else if path.ends_with('/') {
            return not_found();
        }
        let size = match file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) if is_absence(&error) => return not_found(),
            Err(error) => return Err(unreadable(&error)),
        };
        let name = file.to_string_lossy().into_owned();
        let content_type = ("content-type", content_type(&name).to_owned());
        let body = |first, last| {
            let body = read(&file, first, last, request.max_body);
            body.map_err(|error| unreadable(&error))
        };
        Ok(match request.range {
            Some((first, _)) if first >= size => {
                let range = ("content-range", format!("bytes */{size}"));
                response(416, &[range], (Vec::new(), false))
            }
            Some((first, last)) => {
                let last = last.min(size - 1);
                let range = ("content-range", format!("bytes {first}-{last}/{size}"));
                let length = ("content-length", (last - first + 1).to_string());
                response(206, &[content_type, range, length], body(first, last)?)
            }
            None => {
                let length = ("content-length", size.to_string());
                response(200, &[content_type, length], body(0, u64::MAX)?)
            }
        })
    }

    fn file(&self, url: &str) -> Option<PathBuf> {
        let path = self.path(url).ok()??;
        self.file_at(&path)
    }
}

/// Returns whether a file has exactly this name.
///
/// Web hosts compare names exactly; the file systems of Windows and macOS ignore letter case.
fn is_named(file: &Path, path: &str) -> bool {
    if !cfg!(any(windows, target_os = "macos")) {
        return true;
    }
    let Ok(real) = file.canonicalize() else {
        return true;
    };
    // The target of a link may have any other name.
    let names = real.components().rev().map(|part| part.as_os_str());
    let asked = path.rsplit('/').filter(|part| !part.is_empty());
    names
        .zip(asked)
        .all(|(name, asked)| name == asked || !name.eq_ignore_ascii_case(asked))
}

/// Returns whether an error means that the file does not exist, not that it cannot be read.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    [NotFound, NotADirectory].contains(&error.kind())
}

fn unreadable(error: &io::Error) -> Fault {
    Fault::File {
        reason: error.to_string(),
    }
}

/// Reads the bytes from `first` to `last`, at most `max`; also returns whether that cut them short.
fn read(file: &Path, first: u64, last: u64, max: usize) -> io::Result<(Vec<u8>, bool)> {
    // Opening a pipe would wait for its writer.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(first))?;
    let mut body = Vec::new();
    let wanted = last.saturating_sub(first).saturating_add(1);
    let max_len = u64::try_from(max).unwrap_or(u64::MAX);
    file.take(wanted.min(max_len.saturating_add(1)))
        .read_to_end(&mut body)?;
    let is_cut = body.len() > max;
    body.truncate(max);
    Ok((body, is_cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("out/a.json", "[]"),
            ("out/sub/x y", "0123456789"),
            ("out/page/index.html", "<p>"),
            ("out/404.html", "gone"),
            ("builds/dev/a.zip", "zip"),
            ("secret", "secret"),
        ] {
            let file = dir.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let folder = Folder {
            base: "https://h/ota".to_owned(),
            root: dir.path().join("out"),
            builds: dir.path().join("builds"),
        };
        (dir, folder)
    }

    fn get(folder: &Folder, path: &str) -> (u16, String) {
        let url = format!("https://h/ota{path}");
        let response = folder.fetch(&Request::get(&url, 100)).unwrap();
        (response.status, String::from_utf8(response.body).unwrap())
    }

    #[test]
    fn files_are_served_as_by_a_static_host() {
        let (_dir, folder) = folder();
        assert_eq!(get(&folder, "/a.json"), (200, "[]".to_owned()));
        assert_eq!(get(&folder, "/a.json?x=1"), (200, "[]".to_owned()));
        assert_eq!(get(&folder, "/builds/dev/a.zip"), (200, "zip".to_owned()));
        assert_eq!(get(&folder, "/page"), (301, String::new()));
        assert_eq!(get(&folder, "/page/"), (200, "<p>".to_owned()));
        for path in [
            "/b.json",
            "/../secret",
            "/%2e%2e/secret",
            "/builds/../../secret",
            "/a.json/",
            "",
            "/sub/",
        ] {
            assert_eq!(get(&folder, path), (404, "gone".to_owned()), "{path}");
        }
        let other = folder.fetch(&Request::get("https://h/otaku", 9));
        assert!(matches!(other, Err(Fault::Elsewhere { .. })), "{other:?}");
    }

    #[test]
    fn ranges_get_206_and_posts_get_405() {
        let (_dir, folder) = folder();
        let url = "https://h/ota/sub/x%20y";
        let request = |first, last| Request {
            range: Some((first, last)),
            ..Request::get(url, 3)
        };
        let response = folder.fetch(&request(2, 8)).unwrap();
        assert_eq!(
            (response.status, &*response.body, response.is_cut),
            (206, &b"234"[..], true)
        );
        assert_eq!(response.header("content-range"), Some("bytes 2-8/10"));
        assert_eq!(response.header("content-type"), Some(OCTETS));
        assert_eq!(folder.fetch(&request(10, 11)).unwrap().status, 416);
        let post = Request {
            post: Some("{}"),
            ..Request::get(url, 3)
        };
        assert_eq!(folder.fetch(&post).unwrap().status, 405);
    }

    #[cfg(unix)]
    #[test]
    fn unreadable_file_is_an_error_not_a_404() {
        let (dir, folder) = folder();
        let link = dir.path().join("out/loop");
        std::os::unix::fs::symlink(&link, &link).unwrap();
        let fault = folder.fetch(&Request::get("https://h/ota/loop", 9));
        assert!(matches!(fault, Err(Fault::File { .. })), "{fault:?}");
        // Reading does not wait for a pipe. No other program makes it: it would hold the locks of other tests for a moment.
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            let pipe = dir.path().join("out/pipe");
            mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
            let fault = folder.fetch(&Request::get("https://h/ota/pipe", 9));
            assert!(matches!(fault, Err(Fault::File { .. })), "{fault:?}");
        }
        std::os::unix::fs::symlink("nothing", dir.path().join("out/broken")).unwrap();
        assert_eq!(get(&folder, "/broken"), (404, "gone".to_owned()));
        let file = folder.file("https://h/ota/builds/dev/a%20b.zip");
        assert_eq!(file, Some(dir.path().join("builds/dev/a b.zip")));
        assert_eq!(folder.file("https://other/a"), None);
    }
}
