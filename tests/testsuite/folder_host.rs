//! Web hosts in this process that list what they serve: a web server with folders, and SourceForge.
//!
//! Files are sent by range, with an `ETag`.

use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest, Md5};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::remote::host::{Answer, Asked, Host};

/// The number of files in a feed of SourceForge.
const FEED_LEN: usize = 100;

/// Files by path, which has `/` between folders and none at its beginning.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// How a web server lists a folder.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// As a page, like nginx and Apache.
    Html,
    /// As JSON, like nginx with `autoindex_format json`.
    Json,
}

/// Starts a web server with these files and listings of their folders.
pub(crate) fn web_server(files: Files, form: Form) -> Host {
    Host::new(move |asked, _| answer(&files, form, asked))
}

/// Answers a request as such a web server.
pub(crate) fn answer(files: &Files, form: Form, asked: &Asked) -> Answer {
    let path = path(asked);
    match files.get(&path) {
        Some(file) => send(asked, file),
        None if path.is_empty() || path.ends_with('/') => list(files, &path, form),
        None => Answer::new(404),
    }
}

/// Starts SourceForge with the files of one project, and a mirror; the feed begins with the last path.
pub(crate) fn sourceforge(project: &str, files: Files) -> (Host, Host) {
    let mirror = web_server(files.clone(), Form::Html);
    let (at_mirror, project) = (mirror.url("/"), project.to_owned());
    let site = Host::new(move |asked, _| {
        let path = path(asked);
        let path = path.strip_prefix(&format!("project/{project}/"));
        let url = asked.path.as_str();
        let feed = url.strip_prefix(&format!("/projects/{project}/rss?path=/"));
        let page = url.strip_prefix(&format!("/projects/{project}/files/"));
        let is_browser = asked
            .header("user-agent")
            .is_some_and(|name| name.starts_with("Mozilla"));
        match (feed, page, path) {
            (Some(folder), _, _) if !folder.contains('&') => feed_of(&files, &decode(folder)),
            // As of September 2026.
            (Some(_), _, _) => Answer::new(400),
            (_, Some(folder), _) => page_of(&files, &decode(folder)),
            (_, _, Some(_)) if is_browser => Answer::new(200)
                .with("content-type", "text/html; charset=utf-8")
                .body(b"<title>Your download will start shortly</title>"),
            (_, _, Some(path)) if files.contains_key(path) => {
                let path = encode(path);
                Answer::new(302).with("location", &format!("{at_mirror}{path}?viasf=1"))
            }
            _ => Answer::new(404),
        }
    });
    (site, mirror)
}

/// Returns the decoded path of a request, without its first slash.
fn path(asked: &Asked) -> String {
    let path = asked.path.split('?').next().unwrap();
    decode(path.trim_start_matches('/'))
}

fn decode(path: &str) -> String {
    percent_decode_str(path).decode_utf8().unwrap().into_owned()
}

fn encode(path: &str) -> String {
    let names = path.split('/');
    let names = names.map(|name| utf8_percent_encode(name, NON_ALPHANUMERIC).to_string());
    names.collect::<Vec<_>>().join("/")
}

fn md5(bytes: &[u8]) -> String {
    let digest = Md5::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn send(asked: &Asked, file: &[u8]) -> Answer {
    let tag = format!("\"{}\"", md5(file));
    let is_same = asked.header("if-range").is_none_or(|known| known == tag);
    let answer = match is_same && !file.is_empty() {
        true => Answer::of_range(asked, file),
        false => Answer::new(200).body(file),
    };
    answer
        .with("etag", &tag)
        .with("content-type", "application/zip")
}

/// Returns the names directly in a folder, which is empty or ends with a slash; those of folders end
/// with one too.
fn names_in<'f>(files: &'f Files, folder: &str) -> BTreeSet<&'f str> {
    let below = files.keys().filter_map(|path| path.strip_prefix(folder));
    let names = below.map(|below| below.split_inclusive('/').next().unwrap());
    names.collect()
}

fn list(files: &Files, folder: &str, form: Form) -> Answer {
    let names = names_in(files, folder);
    if names.is_empty() && !folder.is_empty() {
        return Answer::new(404);
    }
    let (media_type, text) = match form {
        Form::Html => {
            let links = names.iter().map(|name| {
                let link = encode(name);
                format!("<a href=\"{link}\">{name:.20}</a>\n")
            });
            let links: String = links.collect();
            let title = format!("Index of /{folder}");
            let text = format!(
                "<html><head><title>{title}</title></head><body><h1>{title}</h1><pre>\
                 <a href=\"../\">../</a>\n{links}</pre></body></html>"
            );
            ("text/html", text)
        }
        Form::Json => {
            let entries = names.iter().map(|name| match name.strip_suffix('/') {
                Some(name) => serde_json::json!({"name": name, "type": "directory"}),
                None => {
                    let size = files[&format!("{folder}{name}")].len();
                    let time = "Thu, 01 Aug 2024 12:34:56 GMT";
                    serde_json::json!({"name": name, "type": "file", "mtime": time, "size": size})
                }
            });
            let entries: serde_json::Value = entries.collect();
            ("application/json", entries.to_string())
        }
    };
    Answer::new(200)
        .with("content-type", media_type)
        .body(text.as_bytes())
}

/// Returns the feed of a folder, which has no slash at its ends.
fn feed_of(files: &Files, folder: &str) -> Answer {
    let below = |path: &str| match folder {
        "" => true,
        folder => path.starts_with(&format!("{folder}/")),
    };
    let newest = files.iter().rev().filter(|(path, _)| below(path));
    let items = newest.take(FEED_LEN).map(|(path, file)| {
        let (size, md5) = (file.len(), md5(file));
        format!(
            "<item><title><![CDATA[/{path}]]></title><pubDate>Thu, 01 Aug 2024 12:34:56 UT</pubDate>\
             <media:content type=\"application/zip\" filesize=\"{size}\">\
             <media:hash algo=\"md5\">{md5}</media:hash></media:content></item>"
        )
    });
    let items: String = items.collect();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <rss xmlns:media=\"http://video.search.yahoo.com/mrss/\" version=\"2.0\"><channel>\
         <title>ROM</title>{items}</channel></rss>"
    );
    Answer::new(200).body(text.as_bytes())
}

/// Returns the page of a folder, which is empty or ends with a slash.
fn page_of(files: &Files, folder: &str) -> Answer {
    let names = names_in(files, folder);
    let entries = names.iter().map(|name| match name.strip_suffix('/') {
        Some(name) => (name, serde_json::json!({"type": "d", "md5": ""})),
        None => {
            let md5 = md5(&files[&format!("{folder}{name}")]);
            let file = serde_json::json!({"type": "f", "downloadable": true, "md5": md5});
            (*name, file)
        }
    });
    let entries: BTreeMap<&str, serde_json::Value> = entries.collect();
    let json = serde_json::to_string(&entries).unwrap();
    let text = format!("<html><script>net.sf.files = {json};</script></html>");
    Answer::new(200).body(text.as_bytes())
}
