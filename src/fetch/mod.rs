//! What a web host answers: from a live one, or from a folder as a plain host would serve it.
//!
//! In: an [`Request`], one request. Out: an [`Response`], or the [`Fault`] that no answer came. Nothing
//! is followed, decoded or judged on the way, since clients differ in all of it; [`follow`] goes
//! along redirects and keeps each answer.
//!
//! [`Http`] is the only part of romfeed that connects to anything.

mod folder;
mod http;
mod public;
mod remote;
mod roots;
mod tls;

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use thiserror::Error;

pub use folder::{Folder, content_type};
pub use http::{Http, Reach, Settings};
pub use remote::{Remote, RemoteError, Traffic};
pub use roots::{RootsError, parse_roots};
pub use tls::TlsFault;

/// Most redirects on the way to a list that tells what else there is; Android follows as many.
const MAX_REDIRECTS: usize = 20;

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The absolute address, exactly as it is to be sent.
    pub url: &'a str,
    /// JSON to send by POST; none is a GET.
    pub post: Option<&'a str>,
    /// The first and the last byte asked for.
    pub range: Option<(u64, u64)>,
    /// Ask for the range only if the file has this `ETag` or `Last-Modified` still, else for all of
    /// it.
    pub if_range: Option<&'a str>,
    /// Say that gzip is understood. It is not decoded.
    pub accept_gzip: bool,
    /// Most bytes of the body to read.
    pub max_body: usize,
    /// The address that was asked first, if redirects led from it to this one. From a public host
    /// they lead to public hosts only.
    pub redirected_from: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// A GET of a whole file of at most `max_body` bytes.
    #[must_use]
    pub fn get(url: &'a str, max_body: usize) -> Request<'a> {
        Request {
            url,
            post: None,
            range: None,
            if_range: None,
            accept_gzip: false,
            max_body,
            redirected_from: None,
        }
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The address that was asked.
    pub url: String,
    /// The status.
    pub status: u16,
    /// Names in lower case, and values, in their order; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The body as sent, up to what was asked for.
    pub body: Vec<u8>,
    /// More of the body would have followed.
    pub is_cut: bool,
}

impl Response {
    /// The first header of this name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(key, _)| key == name)?;
        Some(value)
    }

    /// `Location`, as it was sent, of an answer with status 3xx.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        (300..400)
            .contains(&self.status)
            .then(|| self.header("location"))
            .flatten()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// Not an address that can be asked.
    #[error("`{}` is no web address: {reason}", .url.escape_debug())]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder is published at another address.
    #[error("`{}` is not below {}", .url.escape_debug(), .base.escape_debug())]
    Elsewhere {
        /// The address asked for.
        url: String,
        /// Where the folder is published.
        base: String,
    },
    /// The name of the host leads nowhere.
    #[error("the name `{}` is not known", .host.escape_debug())]
    Name {
        /// The host.
        host: String,
    },
    /// The host is not one of the public internet, and no other may be asked.
    #[error("`{}` is an address inside a network, or not https; only public https addresses are read", .host.escape_debug())]
    NotPublic {
        /// The host.
        host: String,
    },
    /// A public host redirects to one that is not.
    #[error("it is redirected from a public address to `{}`, which is inside a network", .host.escape_debug())]
    RedirectedInside {
        /// The host it is redirected to.
        host: String,
    },
    /// Nobody is there, or the connection broke.
    #[error("the connection failed: {}", .reason.escape_debug())]
    Connection {
        /// What the system said.
        reason: String,
    },
    /// The certificate is not one that phones trust, or TLS failed otherwise.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The file that would answer cannot be read.
    #[error("the file cannot be read: {reason}")]
    File {
        /// What the system said.
        reason: String,
    },
    /// The host answers that it is broken, and tells nothing of what was asked for.
    #[error("the host fails with status {status}")]
    Host {
        /// From 500 on.
        status: u16,
    },
    /// A redirect follows a redirect for ever.
    #[error("it is redirected more than {max} times")]
    Redirects {
        /// How many were followed.
        max: usize,
    },
    /// It took too long.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// What came is not HTTP.
    #[error("the answer is not HTTP: {}", .reason.escape_debug())]
    Protocol {
        /// What is wrong.
        reason: String,
    },
}

/// Something that answers requests.
pub trait Fetch: Send + Sync {
    /// Answers one request; does not follow redirects.
    ///
    /// # Errors
    /// [`Fault`], if no answer came.
    fn fetch(&self, ask: &Request<'_>) -> Result<Response, Fault>;

    /// The file that answers for an address, whether it is there or not; none of a live host, and
    /// none if no file can answer for it.
    fn file(&self, _url: &str) -> Option<PathBuf> {
        None
    }
}

/// Asks, and goes along at most `max` redirects. Each answer is kept; the last is what the
/// request ends with, and a redirect itself where there are more, or one leads nowhere.
///
/// # Errors
/// [`Fault`], if one of the requests got no answer.
pub fn follow(fetch: &dyn Fetch, ask: &Request<'_>, max: usize) -> Result<Vec<Response>, Fault> {
    let mut answers = vec![fetch.fetch(ask)?];
    while answers.len() <= max {
        let Some(last) = answers.last() else { break };
        let Some(next) = last.location().and_then(|to| resolve(&last.url, to)) else {
            break;
        };
        answers.push(fetch.fetch(&Request {
            url: &next,
            redirected_from: ask.redirected_from.or(Some(ask.url)),
            ..*ask
        })?);
    }
    Ok(answers)
}

/// Asks for JSON of at most `max_body` bytes, along redirects; none if the host has none there.
///
/// # Errors
/// [`Fault`], if no answer came but a status from 500 on, or redirects do not end.
pub fn fetch_json<T: DeserializeOwned>(
    fetch: &dyn Fetch,
    url: &str,
    max_body: usize,
) -> Result<Option<T>, Fault> {
    let found = fetch_found(fetch, url, max_body)?;
    Ok(found.and_then(|answer| serde_json::from_slice(&answer.body).ok()))
}

/// Asks for a file of at most `max_body` bytes, along redirects; none if the status is not 200.
///
/// # Errors
/// As [`fetch_json`].
pub fn fetch_found(
    fetch: &dyn Fetch,
    url: &str,
    max_body: usize,
) -> Result<Option<Response>, Fault> {
    let mut answers = follow(fetch, &Request::get(url, max_body), MAX_REDIRECTS)?;
    if answers.len() > MAX_REDIRECTS && answers.last().is_some_and(|a| a.location().is_some()) {
        return Err(Fault::Redirects { max: MAX_REDIRECTS });
    }
    if let Some(status) = answers.last().map(|a| a.status).filter(|s| *s >= 500) {
        return Err(Fault::Host { status });
    }
    Ok(answers.pop().filter(|answer| answer.status == 200))
}

/// The address a `Location` means (RFC 3986, 5.2), without a fragment; none if it has no meaning.
#[must_use]
pub fn resolve(base: &str, location: &str) -> Option<String> {
    let base: ureq::http::Uri = base.parse().ok()?;
    let location = location.split('#').next()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let url = if is_absolute(location) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{authority}{}{location}", base.path())
    } else if location.is_empty() {
        return None;
    } else {
        let (folder, _) = base.path().rsplit_once('/')?;
        format!(
            "{scheme}://{authority}{}",
            without_dots(&format!("{folder}/{location}"))
        )
    };
    Some(url)
}

/// Whether an address names its scheme and host (RFC 3986, 4.3).
#[must_use]
pub fn is_absolute(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| {
        let is_of_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        !scheme.is_empty() && scheme.bytes().all(is_of_scheme)
    })
}

/// A path without `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut parts: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    parts.pop();
                }
                if is_last {
                    parts.push("");
                }
            }
            segment => parts.push(segment),
        }
    }
    format!("/{}{query}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved() {
        let base = "https://h:8/a/b/c?d";
        for (location, expected) in [
            ("https://x/y", "https://x/y"),
            ("HTTP://x/y#z", "HTTP://x/y"),
            ("//x/y", "https://x/y"),
            ("/y?z", "https://h:8/y?z"),
            ("y", "https://h:8/a/b/y"),
            ("../y/./z", "https://h:8/a/y/z"),
            ("../../../..", "https://h:8/"),
            ("?q", "https://h:8/a/b/c?q"),
            ("y?u=https://x", "https://h:8/a/b/y?u=https://x"),
        ] {
            assert_eq!(
                resolve(base, location).as_deref(),
                Some(expected),
                "{location}"
            );
        }
        assert_eq!(resolve(base, ""), None);
        assert_eq!(resolve("nowhere", "/y"), None);
    }
}
