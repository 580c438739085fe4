//! A request to its answer.
//!
//! In: method, path, query, headers and body. Out: an [`Answer`]. A page or file of the site goes
//! before what is made for the request. Paths are decoded once; hidden parts, `..`, backslashes
//! and control characters lead nowhere.

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

use super::answer::{self, Answer, Content};
use super::files;
use super::lists::{self, Wanted};
use super::manage::{self, Order};
use super::site::{Current, Site};
use crate::hosting::{PAGE_POLICY, REFERRER_POLICY};

/// Longest body of a request; those of clients have some hundred bytes.
const MAX_BODY: u64 = 64 << 10;
/// How CMUpdater begins to name itself; after it came clients that refuse keys they do not know.
const CMUPDATER: &[u8] = b"com.cyanogenmod.updater";

/// Most bytes of a request's head; those of clients have less than one KiB. `connection` bounds
/// what is read of one, which may be more.
pub(super) const MAX_HEAD: usize = 32 << 10;

/// What is wrong with the head of a request that other servers would read otherwise (RFC 9112, 2.2
/// and 3.2); `is_bare` tells that a line of it ended in a line feed alone.
pub(super) fn head_fault<B>(request: &Request<B>, is_bare: bool) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte);
    match host {
        _ if is_bare => Some("a line of the head ends without a carriage return"),
        None if request.version() == Version::HTTP_11 => Some("the header Host is missing"),
        Some(_) if hosts.next().is_some() => Some("there is more than one header Host"),
        Some(host) if !host.as_bytes().iter().copied().all(is_host) => {
            Some("the header Host names no host")
        }
        _ => None,
    }
}

/// Refuses a request by its head; where it ends is not certain, so the connection ends.
pub(super) fn refuse_head(fault: &str) -> Answer {
    let mut refused = answer::error(StatusCode::BAD_REQUEST, fault);
    answer::set(&mut refused, header::CONNECTION, "close");
    refused
}

/// Answers a request; its body is waited for as long as `body_time`.
pub(super) async fn answer(
    site: &Arc<Site>,
    request: Request<Incoming>,
    body_time: Duration,
) -> Answer {
    let is_head = request.method() == Method::HEAD;
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut answer = dispatch(site, request, body_time).await;
    if is_chunked {
        // The line ends of a head behind such a body are not looked at.
        answer::set(&mut answer, header::CONNECTION, "close");
    }
    answer::set(&mut answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    answer::set(&mut answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    answer::set(&mut answer, header::REFERRER_POLICY, REFERRER_POLICY);
    if ![StatusCode::NOT_MODIFIED, StatusCode::NO_CONTENT].contains(&answer.status()) {
        let len = HeaderValue::from(answer.body().len());
        answer.headers_mut().insert(header::CONTENT_LENGTH, len);
    }
    if is_head {
        *answer.body_mut() = Content::Whole(None);
    }
    answer
}

async fn dispatch(site: &Arc<Site>, request: Request<Incoming>, body_time: Duration) -> Answer {
    let current = site.current();
    let (mut head, body) = request.into_parts();
    if head_len(&head) > MAX_HEAD {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return answer::error(status, "the head is longer than 32 KiB");
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
        Method::GET | Method::HEAD => {
            let query = head.uri.query().unwrap_or_default();
            match get(&current, &path, query, &head.headers) {
                Found::Answer(answer) => answer,
                Found::List(request) => {
                    let mut answer = lists::answer(site, current, request).await;
                    if path.contains("api/v1/") {
                        answer::set(&mut answer, header::VARY, "User-Agent");
                    }
                    answer
                }
                Found::Auth => carry_out(site, Order::Auth, key, Bytes::new()).await,
                Found::Nothing => {
                    let file = files::Wanted {
                        path,
                        is_folder: head.uri.path().ends_with('/'),
                        base_path: site.base_path.clone(),
                    };
                    from_disk(current, file, head.headers).await
                }
            }
        }
        Method::POST => {
            let Some(post) = Post::of(&current, &path) else {
                return refuse_method(&current, &path);
            };
            match read_body(body, body_time).await {
                Ok(body) => post.answer(site, &current, key, body).await,
                Err(refused) => *refused,
            }
        }
        Method::DELETE => match Place::of(&current, &path).at(&["api", "v1"]) {
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

/// About the bytes of a head as it was sent.
fn head_len(head: &request::Parts) -> usize {
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    target + head.headers.iter().map(header).sum::<usize>()
}

/// The path below the server's address, without empty parts; none for one that is no path of a
/// site. Proxies may or may not take the path of the address away.
fn decode(base_path: &str, path: &str) -> Option<String> {
    let below = path.strip_prefix(base_path);
    let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
    let path = percent_decode_str(below.unwrap_or(path))
        .decode_utf8()
        .ok()?;
    let mut plain = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let is_odd = |c: char| c.is_control() || c == '\\' || (cfg!(windows) && c == ':');
        let is_known = plain.is_empty() && part == ".well-known";
        if part.contains(is_odd) || (part.starts_with('.') && !is_known) {
            return None;
        }
        if !plain.is_empty() {
            plain.push('/');
        }
        plain.push_str(part);
    }
    Some(plain)
}

/// A path, taken apart.
#[derive(Debug)]
struct Place<'p> {
    /// The tree of feeds it is in.
    variant: Option<&'p str>,
    /// Its parts below that.
    parts: Vec<&'p str>,
}

impl<'p> Place<'p> {
    fn of(current: &Current, path: &'p str) -> Place<'p> {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let variant = parts
            .first()
            .copied()
            .filter(|name| current.variants.contains(*name));
        if variant.is_some() {
            parts.remove(0);
        }
        Place { variant, parts }
    }

    /// What follows these parts, if it begins with them.
    fn at(&self, start: &[&'p str]) -> Option<&[&'p str]> {
        self.parts.strip_prefix(start)
    }

    /// A page in the same tree.
    fn page<'c>(&self, current: &'c Current, path: &str) -> Option<&'c super::site::Stored> {
        match self.variant {
            Some(variant) => current.pages.get(&format!("{variant}/{path}")),
            None => current.pages.get(path),
        }
    }
}

/// What a GET leads to, before the disk is looked at.
enum Found {
    Answer(Answer),
    List(lists::Request),
    Auth,
    Nothing,
}

fn get(current: &Current, path: &str, query: &str, headers: &HeaderMap) -> Found {
    let user_agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
    let is_cmupdater = user_agent.is_some_and(|name| name.starts_with(CMUPDATER));
    let is_list = path.contains("api/v1/");
    let index = || {
        let index = format!("{path}/index.html");
        current.pages.get(index.trim_start_matches('/'))
    };
    let page = current.pages.get(path).or_else(index);
    let mut answer = match page {
        Some(page) if !(is_list && (is_cmupdater || !query.is_empty())) => {
            files::answer_page(page, headers)
        }
        _ => {
            let place = Place::of(current, path);
            let made = make(current, &place, is_cmupdater, query);
            match (made, page) {
                (Found::Answer(answer), _) => answer,
                (Found::Nothing, Some(page)) => files::answer_page(page, headers),
                (found, _) => return found,
            }
        }
    };
    if is_list {
        answer::set(&mut answer, header::VARY, "User-Agent");
    }
    Found::Answer(answer)
}

/// The answers that no file of the site gives.
fn make(current: &Current, place: &Place<'_>, is_cmupdater: bool, query: &str) -> Found {
    let page_or = |path: &str, otherwise: &'static str| match place.page(current, path) {
        Some(page) => answer::json(page.bytes.clone()),
        None => answer::json(otherwise),
    };
    let is_file = place
        .parts
        .last()
        .is_some_and(|name| name.ends_with(".json"));
    Found::Answer(match place.parts[..] {
        // Where feeds end in `.json`, what is not there is not found.
        _ if is_file => return Found::Nothing,
        ["api"] => {
            return Found::List(lists::Request::Post {
                variant: place.variant.map(str::to_owned),
                body: Bytes::new(),
            });
        }
        ["api", "v1", "auth"] => return Found::Auth,
        ["api", "v1", "requestfile", id] => manage::request_file(current, id),
        ["api", "v1", "add_build" | "del_build" | "purgecache"]
        | ["api", "v1", "build", "get_delta"] => answer::not_allowed("POST"),
        ["api", "v1", "types", device] => page_or(
            &format!("api/v1/types/{device}.json"),
            "{\"response\":[\"nightly\"]}\n",
        ),
        ["api", "v1", "devices"] => page_or("api/v1/devices.json", "{}\n"),
        // The official backend's list of changes in the source, of which nothing is known here.
        ["api", "v1", "changes", ..] => answer::json("{\"last\":0,\"res\":[]}\n"),
        ["api", "v2", "changes"] => answer::json("[]\n"),
        ["api", "v2", "oems"] => page_or("api/v2/oems.json", "[]\n"),
        ["api", "v2", "devices", device] => {
            match place.page(current, &format!("api/v2/devices/{device}.json")) {
                Some(page) => answer::json(page.bytes.clone()),
                None => answer::error(StatusCode::BAD_REQUEST, "This device does not exist"),
            }
        }
        ["api", "v2", "devices", device, "builds"] => {
            page_or(&format!("api/v2/devices/{device}/builds.json"), "[]\n")
        }
        ["api", "v1", device, ref rest @ ..] if rest.len() <= 2 => {
            let romtype = rest.first().copied();
            let wanted = Wanted::new(place.variant, device, romtype);
            if !is_cmupdater {
                let query = query.to_owned();
                return Found::List(lists::Request::Get { wanted, query });
            }
            let own = rest.get(1).and_then(|incremental| {
                let romtype = romtype.unwrap_or_default().to_lowercase();
                place.page(current, &format!("api/v1/{device}/{romtype}/{incremental}"))
            });
            let page = own.map(|page| page.bytes.clone());
            return Found::List(lists::Request::CmUpdater { wanted, page });
        }
        _ => return Found::Nothing,
    })
}

async fn from_disk(current: Arc<Current>, file: files::Wanted, headers: HeaderMap) -> Answer {
    let held = Arc::clone(&current);
    let read = spawn_blocking(move || files::answer(&held, &file, &headers));
    match read.await {
        Ok(Ok(Some(answer))) => answer,
        Ok(Ok(None)) => not_found(&current),
        // The system has no more files to open, or the disk fails: the file may well be there.
        _ => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let mut answer = answer::error(status, "the file cannot be read now; try again");
            answer::set(&mut answer, header::RETRY_AFTER, "5");
            answer
        }
    }
}

fn not_found(current: &Current) -> Answer {
    let mut answer = match current.pages.get("404.html") {
        Some(page) => {
            answer::of_bytes(StatusCode::NOT_FOUND, page.content_type, page.bytes.clone())
        }
        None => answer::error(StatusCode::NOT_FOUND, "there is no such page"),
    };
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer::set(&mut answer, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    answer
}

/// What is sent by POST.
enum Post {
    List { variant: Option<String> },
    Channel { path: String },
    Delta,
    Order(Order),
}

impl Post {
    fn of(current: &Current, path: &str) -> Option<Post> {
        let place = Place::of(current, path);
        let variant = place.variant.map(str::to_owned);
        Some(match place.parts[..] {
            [] | ["api"] => Post::List { variant },
            ["api" | "legacy", .., "v1", "build", "get_delta"] | ["v1", "build", "get_delta"] => {
                Post::Delta
            }
            ["legacy", _, _] => Post::Channel {
                path: path.to_owned(),
            },
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
    ) -> Answer {
        let list = |request| lists::answer(site, Arc::clone(current), request);
        match self {
            Post::List { variant } => list(lists::Request::Post { variant, body }).await,
            Post::Delta => lists::delta(current, &body),
            Post::Order(order) => carry_out(site, order, key, body).await,
            Post::Channel { path } => {
                let place = Place::of(current, &path);
                let wanted = Wanted::new(place.variant, place.parts[1], Some(place.parts[2]));
                list(lists::Request::Channel(wanted)).await
            }
        }
    }
}

async fn carry_out(site: &Arc<Site>, order: Order, key: Option<Bytes>, body: Bytes) -> Answer {
    let site = Arc::clone(site);
    let work = spawn_blocking(move || manage::carry_out(&site, &order, key.as_deref(), &body));
    work.await.unwrap_or_else(|_| {
        let message = "the server failed over this request";
        answer::error(StatusCode::INTERNAL_SERVER_ERROR, message)
    })
}

/// Refuses a method where another is taken.
fn refuse_method(current: &Current, path: &str) -> Answer {
    let place = Place::of(current, path);
    match (Post::of(current, path), &place.parts[..]) {
        (Some(Post::Order(_) | Post::Delta), _) => answer::not_allowed("POST"),
        (Some(_), _) => answer::not_allowed("GET, HEAD, POST"),
        (None, ["api", "v1", _]) => answer::not_allowed("GET, HEAD, DELETE"),
        _ => answer::not_allowed("GET, HEAD"),
    }
}

/// Pages elsewhere may read the feeds.
fn preflight() -> Answer {
    let mut answer = answer::of_bytes(StatusCode::NO_CONTENT, "text/plain", Bytes::new());
    let methods = "GET, HEAD, POST, DELETE, OPTIONS";
    answer::set(&mut answer, header::ALLOW, methods);
    answer::set(&mut answer, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    answer::set(
        &mut answer,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Apikey, Content-Type, Range",
    );
    answer
}

/// Reads a body within limits; what is refused may still be on its way, so the connection ends.
async fn read_body(body: Incoming, time: Duration) -> Result<Bytes, Box<Answer>> {
    let refuse = |status, message| {
        let mut refused = answer::error(status, message);
        answer::set(&mut refused, header::CONNECTION, "close");
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

/// All of a body; none if it is too long.
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
