//! HTTP requests to a live web host, or to a folder that answers like a static host.
//!
//! In: a [`Request`]. Out: a [`Response`], or a [`Fault`] if there was none. Redirects are not followed
//! and bodies are not decoded, because updaters differ in how they do both; [`follow`] follows
//! redirects and returns every response.
//!
//! [`Http`] is the only part of romfeed that opens network connections.

mod counted;
mod folder;
mod http;
mod public;
mod remote;
mod roots;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use thiserror::Error;

pub use counted::Counted;
pub use folder::{Folder, content_type};
pub use http::{Http, Reach, Settings};
pub use remote::{Remote, RemoteError, Traffic};
pub use roots::{RootsError, parse_roots};
pub use tls::TlsFault;

/// Maximum number of redirects that [`fetch_found`] follows, the same as Android.
const MAX_REDIRECTS: usize = 20;

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The absolute address, sent exactly as it is.
    pub url: &'a str,
    /// JSON to send by POST; `None` sends a GET.
    pub post: Option<&'a str>,
    /// A file to store by PUT; `None` stores nothing.
    pub put: Option<&'a [u8]>,
    /// Requests the headers alone, by HEAD.
    pub head: bool,
    /// One more header: its name and its value.
    pub header: Option<(&'a str, &'a str)>,
    /// The first and the last byte to request.
    pub range: Option<(u64, u64)>,
    /// Requests the range only if the file still has this `ETag` or `Last-Modified`, otherwise the
    /// whole file.
    pub if_range: Option<&'a str>,
    /// Accept gzip. The body is not decoded.
    pub accept_gzip: bool,
    /// The media type to ask for; `None` accepts all.
    pub accept: Option<&'a str>,
    /// The token to send as `Authorization: Bearer`. [`follow`] sends it to the host of the first
    /// address only.
    pub token: Option<&'a str>,
    /// Maximum number of bytes of the body to read.
    pub max_body: usize,
    /// The first address, if this request follows a redirect. Redirects from a public host may only
    /// lead to public hosts.
    pub redirected_from: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// Makes a GET request for a whole file of at most `max_body` bytes.
    #[must_use]
    pub fn get(url: &'a str, max_body: usize) -> Request<'a> {
        Request {
            url,
            post: None,
            put: None,
            head: false,
            header: None,
            range: None,
            if_range: None,
            accept_gzip: false,
            accept: None,
            token: None,
            max_body,
            redirected_from: None,
        }
    }
}

/// One response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The requested address.
    pub url: String,
    /// The status.
    pub status: u16,
    /// Names in lower case with their values, in order; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The body as sent, up to [`Request::max_body`].
    pub body: Vec<u8>,
    /// The body is longer than what was read.
    pub is_cut: bool,
}

impl Response {
    /// Returns the first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(key, _)| key == name)?;
        Some(value)
    }

    /// Returns `Location` as it was sent, if the status is 3xx.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        (300..400)
            .contains(&self.status)
            .then(|| self.header("location"))
            .flatten()
    }
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The address is not a web address.
    #[error("`{}` is not a web address: {reason}", .url.escape_debug())]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder is published at another address.
    #[error("`{}` is not below {}", .url.escape_debug(), .base.escape_debug())]
    Elsewhere {
        /// The requested address.
        url: String,
        /// Where the folder is published.
        base: String,
    },
    /// The name of the host cannot be looked up.
    #[error("the host name `{}` is unknown", .host.escape_debug())]
    Name {
        /// The host.
        host: String,
    },
    /// The host is not on the public internet, and only public hosts are allowed.
    #[error("`{}` is inside a private network or not https; only public https addresses are read", .host.escape_debug())]
    NotPublic {
        /// The host.
        host: String,
    },
    /// A public host redirects to a host that is not public.
    #[error("a public address redirects to `{}`, which is inside a private network", .host.escape_debug())]
    RedirectedInside {
        /// The host that the redirect leads to.
        host: String,
    },
    /// The host accepts no connection, or the connection broke.
    #[error("the connection failed: {}", .reason.escape_debug())]
    Connection {
        /// The message of the operating system.
        reason: String,
    },
    /// Phones do not trust the certificate, or TLS failed in another way.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The file in the folder cannot be read.
    #[error("the file cannot be read: {reason}")]
    File {
        /// The message of the operating system.
        reason: String,
    },
    /// The host reports a failure of the server.
    #[error("the host fails with status {status}")]
    Host {
        /// The status, 500 or more.
        status: u16,
    },
    /// There are too many redirects.
    #[error("there are more than {max} redirects")]
    Redirects {
        /// The number of redirects that were followed.
        max: usize,
    },
    /// The request took too long.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// The host answered with something that is not HTTP.
    #[error("the answer is not HTTP: {}", .reason.escape_debug())]
    Protocol {
        /// What is wrong.
        reason: String,
    },
}

impl Fault {
    /// Returns whether there was no answer, or only a part of one.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Fault::Connection { .. } | Fault::Timeout { .. })
    }
}

/// A source of responses: a live host, a folder, or a fake host in tests.
pub trait Fetch: Send + Sync {
    /// Answers one request, without following redirects.
    ///
    /// # Errors
    /// [`Fault`], if there is no response.
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault>;

    /// Returns the file behind an address, whether it exists or not.
    ///
    /// `None` for a live host, and for an address that no file can have.
    fn file(&self, _url: &str) -> Option<PathBuf> {
        None
    }

    /// Waits before a request is repeated.
    fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Sends a request, follows at most `max` redirects, and returns all responses in order.
///
/// The last one is itself a redirect if there are more than `max`, or if its `Location` is not an
/// address. The result is never empty.
///
/// # Errors
/// [`Fault`], if one of the requests got no response.
pub fn follow(
    fetch: &dyn Fetch,
    request: &Request<'_>,
    max: usize,
) -> Result<Vec<Response>, Fault> {
    let mut responses = vec![fetch.fetch(request)?];
    while responses.len() <= max {
        let Some(last) = responses.last() else { break };
        let Some(next) = last.location().and_then(|to| resolve(&last.url, to)) else {
            break;
        };
        let is_same_host = origin(&next).is_some_and(|next| Some(next) == origin(request.url));
        responses.push(fetch.fetch(&Request {
            url: &next,
            token: request.token.filter(|_| is_same_host),
            redirected_from: request.redirected_from.or(Some(request.url)),
            ..*request
        })?);
    }
    Ok(responses)
}

/// Fetches JSON of at most `max_body` bytes and follows redirects; `None` if there is no such JSON.
///
/// # Errors
/// [`Fault`], if there is no response, a status of 500 or more, or an endless redirect.
pub fn fetch_json<T: DeserializeOwned>(
    fetch: &dyn Fetch,
    url: &str,
    max_body: usize,
) -> Result<Option<T>, Fault> {
    let found = fetch_found(fetch, url, max_body)?;
    Ok(found.and_then(|response| serde_json::from_slice(&response.body).ok()))
}

/// Fetches a file of at most `max_body` bytes and follows redirects; `None` if the status is not 200.
///
/// # Errors
/// The same as [`fetch_json`].
pub fn fetch_found(
    fetch: &dyn Fetch,
    url: &str,
    max_body: usize,
) -> Result<Option<Response>, Fault> {
    let mut responses = follow(fetch, &Request::get(url, max_body), MAX_REDIRECTS)?;
    if responses.len() > MAX_REDIRECTS && responses.last().is_some_and(|a| a.location().is_some()) {
        return Err(Fault::Redirects { max: MAX_REDIRECTS });
    }
    if let Some(status) = responses.last().map(|a| a.status).filter(|s| *s >= 500) {
        return Err(Fault::Host { status });
    }
    Ok(responses.pop().filter(|response| response.status == 200))
}

/// Resolves a `Location` against an address (RFC 3986, 5.2) and drops its fragment.
///
/// `None` if the result is not an address.
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

/// Returns scheme, host and port of an address, in lower case.
#[must_use]
pub fn origin(url: &str) -> Option<String> {
    let uri: ureq::http::Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    Some(origin.to_ascii_lowercase())
}

/// Returns an address for messages: without user name and query, which may be secret.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (base, dots) = (&url[..end], if end < url.len() { "?…" } else { "" });
    let (scheme, rest) = match base.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), base),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}{path}{dots}")
}

/// Returns whether an address has a scheme and a host (RFC 3986, 4.3).
#[must_use]
pub fn is_absolute(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| {
        let is_of_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        !scheme.is_empty() && scheme.bytes().all(is_of_scheme)
    })
}

/// Returns whether packages may be read from this address: https, or http on this machine.
#[must_use]
pub fn is_askable(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare == "localhost"
        || bare
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") && is_loopback
}

/// Removes `.` and `..` from a path (RFC 3986, 5.2.4).
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
    fn locations_are_resolved_against_the_address() {
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

    #[test]
    fn messages_show_addresses_without_user_names_and_queries() {
        for (url, expected) in [
            ("https://h:8/a/b.zip", "https://h:8/a/b.zip"),
            ("https://h/a?X-Amz-Signature=secret", "https://h/a?…"),
            ("https://h?sig=secret", "https://h?…"),
            ("https://me:secret@h/a@b#x", "https://h/a@b?…"),
            ("x?secret", "x?…"),
        ] {
            assert_eq!(without_secrets(url), expected, "{url}");
        }
    }

    #[test]
    fn packages_are_read_over_https_or_from_this_machine() {
        for url in [
            "https://h/a.zip",
            "HTTPS://h/a.zip",
            "https://10.0.0.1/a.zip",
            "http://localhost:8080/a.zip",
            "http://127.0.0.1/a.zip",
            "http://[::1]:80/a.zip",
        ] {
            assert!(is_askable(url), "{url}");
        }
        for url in [
            "http://h/a.zip",
            "http://10.0.0.1/a.zip",
            "http://localhost.example/a.zip",
            "http://127.0.0.1@h/a.zip",
            "http://127.0.0.1:80@h/a.zip",
            "ftp://localhost/a.zip",
            "a.zip",
        ] {
            assert!(!is_askable(url), "{url}");
        }
    }
}
