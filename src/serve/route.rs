//! From a request to its response.
//!
//! In: method, path, query, headers and body. Out: a [`Response`]. The first of these that exists
//! answers a GET: a page of the site, from memory; a response made for the request; a file on disk. A
//! list that is made takes precedence over its page if the request has a query or comes from
//! CMUpdater.
//!
//! Paths are decoded once; a path with a hidden part, `..`, a backslash or a control character is not
//! found.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::{HeaderMap, Method, Request, StatusCode, Version};
use percent_encoding::percent_decode_str;
use tokio::task::spawn_blocking;

use super::files;
use super::lists::{self, ChannelRequest, ListRequest};
use super::manage::{self, Order};
use super::response::{self, Content, Response};
use super::site::{Current, Site};
use crate::hosting::{PAGE_POLICY, REFERRER_POLICY};

/// Longest body of a request; clients send a few hundred bytes.
const MAX_BODY: u64 = 64 << 10;
/// How the user agent of CMUpdater begins. It gets lists in the form of LineageOTA, whose further keys
/// later clients refuse.
const CMUPDATER: &[u8] = b"com.cyanogenmod.updater";
/// In the path of each list whose form depends on the updater.
const LISTS: &str = "api/v1/";

/// Most bytes of a request's head; clients send less than 1 KiB. `connection` limits what is read of
/// a head, which may be more.
pub(super) const MAX_HEAD: usize = 32 << 10;

/// Checks that a proxy in front of this server reads the head of a request in the same way (RFC 9112,
/// 2.2 and 3.2). `has_bare_line` says that a line of the head ended in a line feed alone.
///
/// # Errors
/// The reason to refuse the request.
pub(super) fn validate_head<B>(
    request: &Request<B>,
    has_bare_line: bool,
) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte);
    match host {
        _ if has_bare_line => Err("a line of the head ends without a carriage return"),
        None if request.version() == Version::HTTP_11 => Err("the header Host is missing"),
        Some(_) if hosts.next().is_some() => Err("there is more than one header Host"),
        Some(host) if !host.as_bytes().iter().copied().all(is_host) => {
            Err("the header Host is not the name of a host")
        }
        _ => Ok(()),
    }
}

/// Refuses a request because of its head. Where the request ends is not certain, so the connection is
/// closed.
pub(super) fn refuse_head(reason: &str) -> Response {
    let mut refused = response::error(StatusCode::BAD_REQUEST, reason);
    response::set(&mut refused, header::CONNECTION, "close");
    refused
}

/// Answers a request; waits for its body no longer than `body_time`.
pub(super) async fn answer(
    site: &Arc<Site>,
    request: Request<Incoming>,
    body_time: Duration,
) -> Response {
    let is_head = request.method() == Method::HEAD;
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = dispatch(site, request, body_time).await;
    if is_chunked {
        // The line ends of a head after such a body are not checked.
        response::set(&mut response, header::CONNECTION, "close");
    }
    response::set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    response::set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response::set(&mut response, header::REFERRER_POLICY, REFERRER_POLICY);
    if ![StatusCode::NOT_MODIFIED, StatusCode::NO_CONTENT].contains(&response.status()) {
        let len = HeaderValue::from(response.body().len());
        response.headers_mut().insert(header::CONTENT_LENGTH, len);
    }
    if is_head {
        *response.body_mut() = Content::Whole(None);
    }
    response
}

async fn dispatch(site: &Arc<Site>, request: Request<Incoming>, body_time: Duration) -> Response {
    let current = site.current();
    let (mut head, body) = request.into_parts();
    if head_len(&head) > MAX_HEAD {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return response::error(status, "the head is longer than 32 KiB");
    }
    if head.method != Method::GET {
        // Parts are defined for GET alone (RFC 9110, 14.2).
        head.headers.remove(header::RANGE);
    }
    let Some(path) = decode(&site.base_path, head.uri.path()) else {
        return not_found(&current);
    };
    let key = head.headers.get("apikey").map(HeaderValue::as_bytes);
    let key = key.map(Bytes::copy_from_slice);
    match head.method {
        Method::GET | Method::HEAD => answer_get(site, current, path, head, key).await,
        Method::POST => {
            let Some(post) = Post::parse(&current, &path) else {
                return refuse_method(&current, &path);
            };
            match read_body(body, body_time).await {
                Ok(body) => post.answer(site, &current, key, body).await,
                Err(refused) => *refused,
            }
        }
        Method::DELETE => match RoutePath::parse(&current, &path).strip_prefix(&["api", "v1"]) {
            Some(&[filename]) => {
                let order = Order::Delete(filename.to_owned());
                carry_out(site, order, key, Bytes::new()).await
            }
            _ => refuse_method(&current, &path),
        },
        Method::OPTIONS => preflight(),
        _ => refuse_method(&current, &path),
    }
}

async fn answer_get(
    site: &Arc<Site>,
    current: Arc<Current>,
    path: String,
    head: request::Parts,
    key: Option<Bytes>,
) -> Response {
    let query = head.uri.query().unwrap_or_default();
    let mut response = match find(&current, &path, query, &head.headers) {
        Found::Response(response) => response,
        Found::List(request) => lists::answer(site, current, request).await,
        Found::Auth => return carry_out(site, Order::Auth, key, Bytes::new()).await,
        Found::Nothing => {
            let file = files::FileRequest {
                path,
                is_folder: head.uri.path().ends_with('/'),
                base_path: site.base_path.clone(),
            };
            return from_disk(current, file, head.headers).await;
        }
    };
    if path.contains(LISTS) {
        response::set(&mut response, header::VARY, "User-Agent");
    }
    response
}

/// Returns about how many bytes a head had when it was sent.
fn head_len(head: &request::Parts) -> usize {
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    target + head.headers.iter().map(header).sum::<usize>()
}

/// Decodes the path of a request, and removes its empty parts and `base_path`, the path of the server's
/// own address; none for a path that no site has. Some proxies have removed `base_path` already.
fn decode(base_path: &str, path: &str) -> Option<String> {
    let below_base = path.strip_prefix(base_path);
    let below_base = below_base.filter(|below| below.is_empty() || below.starts_with('/'));
    let path = percent_decode_str(below_base.unwrap_or(path))
        .decode_utf8()
        .ok()?;
    let mut plain = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let is_forbidden = |c: char| c.is_control() || c == '\\' || (cfg!(windows) && c == ':');
        let is_known = plain.is_empty() && part == ".well-known";
        if part.contains(is_forbidden) || (part.starts_with('.') && !is_known) {
            return None;
        }
        if !plain.is_empty() {
            plain.push('/');
        }
        plain.push_str(part);
    }
    Some(plain)
}

/// A path below the server's address, split into its parts.
#[derive(Debug)]
struct RoutePath<'p> {
    /// The variant whose tree of feeds it is in.
    variant: Option<&'p str>,
    /// The parts below that tree.
    parts: Vec<&'p str>,
}

impl<'p> RoutePath<'p> {
    fn parse(current: &Current, path: &'p str) -> RoutePath<'p> {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let variant = parts
            .first()
            .copied()
            .filter(|name| current.variants.contains(*name));
        if variant.is_some() {
            parts.remove(0);
        }
        RoutePath { variant, parts }
    }

    /// Returns the parts after these, if the path begins with them.
    fn strip_prefix(&self, start: &[&'p str]) -> Option<&[&'p str]> {
        self.parts.strip_prefix(start)
    }

    /// Returns a page of the same tree.
    fn page<'c>(&self, current: &'c Current, path: &str) -> Option<&'c super::stored::Stored> {
        match self.variant {
            Some(variant) => current.pages.get(&*format!("{variant}/{path}")),
            None => current.pages.get(path),
        }
        .map(|page| &**page)
    }
}

/// What answers a GET.
enum Found {
    /// This response.
    Response(Response),
    /// A list that is still to be made.
    List(ListRequest),
    /// Whether the key is valid.
    Auth,
    /// A file on disk, if there is one.
    Nothing,
}

/// Finds what answers a GET.
fn find(current: &Current, path: &str, query: &str, headers: &HeaderMap) -> Found {
    let user_agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
    let is_cmupdater = user_agent.is_some_and(|name| name.starts_with(CMUPDATER));
    let has_own_list = path.contains(LISTS) && (is_cmupdater || !query.is_empty());
    let index = format!("{path}/index.html");
    let pages = &current.pages;
    let page = pages
        .get(path)
        .or_else(|| pages.get(index.trim_start_matches('/')));
    if let Some(page) = page.filter(|_| !has_own_list) {
        return Found::Response(files::answer_page(page, headers));
    }
    let route = RoutePath::parse(current, path);
    match (make(current, &route, is_cmupdater, query), page) {
        (Found::Nothing, Some(page)) => Found::Response(files::answer_page(page, headers)),
        (made, _) => made,
    }
}

/// Makes the responses that are not files of the site.
fn make(current: &Current, route: &RoutePath<'_>, is_cmupdater: bool, query: &str) -> Found {
    let page_or = |path: &str, otherwise: &'static str| match route.page(current, path) {
        Some(page) => response::json(page.bytes()),
        None => response::json(otherwise),
    };
    let is_file = route
        .parts
        .last()
        .is_some_and(|name| name.ends_with(".json"));
    Found::Response(match route.parts[..] {
        // A feed whose name ends in `.json` is a file of the site or does not exist.
        _ if is_file => return Found::Nothing,
        ["api"] => {
            return Found::List(ListRequest::Post {
                variant: route.variant.map(str::to_owned),
                body: Bytes::new(),
            });
        }
        ["api", "v1", "auth"] => return Found::Auth,
        ["api", "v1", "requestfile", id] => manage::request_file(current, id),
        ["api", "v1", "add_build" | "del_build" | "purgecache"]
        | ["api", "v1", "build", "get_delta"] => response::not_allowed("POST"),
        ["api", "v1", "types", device] => page_or(
            &format!("api/v1/types/{device}.json"),
            "{\"response\":[\"nightly\"]}\n",
        ),
        ["api", "v1", "devices"] => page_or("api/v1/devices.json", "{}\n"),
        // The official backend's list of changes in the source code, which romfeed does not have.
        ["api", "v1", "changes", ..] => response::json("{\"last\":0,\"res\":[]}\n"),
        ["api", "v2", "changes"] => response::json("[]\n"),
        ["api", "v2", "oems"] => page_or("api/v2/oems.json", "[]\n"),
        ["api", "v2", "devices", device] => {
            match route.page(current, &format!("api/v2/devices/{device}.json")) {
                Some(page) => response::json(page.bytes()),
                None => response::error(StatusCode::BAD_REQUEST, "This device does not exist"),
            }
        }
        ["api", "v2", "devices", device, "builds"] => {
            page_or(&format!("api/v2/devices/{device}/builds.json"), "[]\n")
        }
        // A device; further parts are its release type and the incremental of the phone.
        ["api", "v1", device, ref rest @ ..] if rest.len() <= 2 => {
            let romtype = rest.first().copied();
            let wanted = ChannelRequest::new(route.variant, device, romtype);
            if !is_cmupdater {
                let query = query.to_owned();
                return Found::List(ListRequest::Get { wanted, query });
            }
            let page = rest.get(1).and_then(|incremental| {
                let romtype = romtype.unwrap_or_default().to_lowercase();
                route.page(current, &format!("api/v1/{device}/{romtype}/{incremental}"))
            });
            let page = page.map(|page| page.bytes());
            return Found::List(ListRequest::CmUpdater { wanted, page });
        }
        _ => return Found::Nothing,
    })
}

async fn from_disk(
    current: Arc<Current>,
    file: files::FileRequest,
    headers: HeaderMap,
) -> Response {
    let shared = Arc::clone(&current);
    let read = spawn_blocking(move || files::answer(&shared, &file, &headers));
    match read.await {
        Ok(Ok(Some(response))) => response,
        Ok(Ok(None)) => not_found(&current),
        // The system cannot open more files, or the disk fails: the file may exist.
        _ => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let mut response = response::error(status, "the file cannot be read now; try again");
            response::set(&mut response, header::RETRY_AFTER, "5");
            response
        }
    }
}

fn not_found(current: &Current) -> Response {
    let mut response = match current.pages.get("404.html") {
        Some(page) => response::from_bytes(StatusCode::NOT_FOUND, page.content_type, page.bytes()),
        None => response::error(StatusCode::NOT_FOUND, "there is no such page"),
    };
    response::set(&mut response, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

/// A request by POST.
enum Post {
    /// The list that the body asks for.
    List { variant: Option<String> },
    /// The list of a channel; the body is ignored.
    Channel(ChannelRequest),
    /// The delta between two builds.
    Delta,
    /// A change of the catalog.
    Order(Order),
}

impl Post {
    fn parse(current: &Current, path: &str) -> Option<Post> {
        let route = RoutePath::parse(current, path);
        let variant = route.variant.map(str::to_owned);
        Some(match route.parts[..] {
            [] | ["api"] => Post::List { variant },
            // Phones append this to the address that their ROM has.
            ["api" | "legacy", .., "v1", "build", "get_delta"] | ["v1", "build", "get_delta"] => {
                Post::Delta
            }
            ["legacy", device, romtype] => {
                Post::Channel(ChannelRequest::new(route.variant, device, Some(romtype)))
            }
            ["api", "v1", "add_build"] => Post::Order(Order::Add),
            ["api", "v1", "del_build"] => Post::Order(Order::DeleteById),
            ["api", "v1", "purgecache"] => Post::Order(Order::Purge),
            _ => return None,
        })
    }

    async fn answer(
        self,
        site: &Arc<Site>,
        current: &Arc<Current>,
        key: Option<Bytes>,
        body: Bytes,
    ) -> Response {
        let list = |request| lists::answer(site, Arc::clone(current), request);
        match self {
            Post::List { variant } => list(ListRequest::Post { variant, body }).await,
            Post::Delta => lists::delta(current, &body),
            Post::Order(order) => carry_out(site, order, key, body).await,
            Post::Channel(wanted) => list(ListRequest::Channel(wanted)).await,
        }
    }
}

async fn carry_out(site: &Arc<Site>, order: Order, key: Option<Bytes>, body: Bytes) -> Response {
    let site = Arc::clone(site);
    let work = spawn_blocking(move || manage::carry_out(&site, &order, key.as_deref(), &body));
    work.await.unwrap_or_else(|_| response::failure())
}

/// Refuses a method, and names those that the address supports.
fn refuse_method(current: &Current, path: &str) -> Response {
    let route = RoutePath::parse(current, path);
    match (Post::parse(current, path), &route.parts[..]) {
        (Some(Post::Order(_) | Post::Delta), _) => response::not_allowed("POST"),
        (Some(_), _) => response::not_allowed("GET, HEAD, POST"),
        (None, ["api", "v1", _]) => response::not_allowed("GET, HEAD, DELETE"),
        _ => response::not_allowed("GET, HEAD"),
    }
}

/// Allows pages of other sites to read the feeds.
fn preflight() -> Response {
    let mut response = response::from_bytes(StatusCode::NO_CONTENT, "text/plain", Bytes::new());
    let methods = "GET, HEAD, POST, DELETE, OPTIONS";
    response::set(&mut response, header::ALLOW, methods);
    response::set(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    response::set(
        &mut response,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Apikey, Content-Type, Range",
    );
    response
}

/// Reads a body within limits. The rest of a refused body may still arrive, so the connection is
/// closed.
async fn read_body(body: Incoming, time: Duration) -> Result<Bytes, Box<Response>> {
    let refuse = |status, message| {
        let mut refused = response::error(status, message);
        response::set(&mut refused, header::CONNECTION, "close");
        Err(Box::new(refused))
    };
    let too_large = "the body is longer than 64 KiB";
    if body.size_hint().lower() > MAX_BODY {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, too_large);
    }
    match tokio::time::timeout(time, collect(body)).await {
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        Ok(Err(_)) => refuse(StatusCode::BAD_REQUEST, "the body cannot be read"),
        Ok(Ok(None)) => refuse(StatusCode::PAYLOAD_TOO_LARGE, too_large),
        Ok(Ok(Some(body))) => Ok(body),
    }
}

/// Reads a whole body; none if it is too long.
async fn collect(mut body: Incoming) -> hyper::Result<Option<Bytes>> {
    let max_len = usize::try_from(MAX_BODY).unwrap_or(usize::MAX);
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > max_len {
            return Ok(None);
        }
        whole.extend_from_slice(&data);
    }
    Ok(Some(whole.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once_and_stay_inside() {
        for (path, expected) in [
            ("/a/b", Some("a/b")),
            ("/ota/a", Some("a")),
            ("/otaku", Some("otaku")),
            ("/ota", Some("")),
            ("//api//v1/", Some("api/v1")),
            ("/a%2fb%20c", Some("a/b c")),
            ("/.well-known/x", Some(".well-known/x")),
            ("/a/.well-known", None),
            ("/.romfeed/keys.json", None),
            ("/../x", None),
            ("/%2e%2e/x", None),
            ("/a/..%2f..%2fx", None),
            ("/a%5c..%5cx", None),
            ("/a%00", None),
            ("/a%0d%0ab", None),
            ("/%ff", None),
            ("/%252e%252e/x", Some("%2e%2e/x")),
        ] {
            assert_eq!(decode("/ota", path).as_deref(), expected, "{path}");
        }
    }
}
