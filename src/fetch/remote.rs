//! A file on a live host, read by range requests.
//!
//! In: an address. Out: a [`Remote`], which implements [`ReadAt`]. It reads blocks of 64 KiB. Adjacent
//! missing blocks become one request, and the longer a file is read in sequence, the more each request
//! asks for. Blocks are cached up to a limit.
//!
//! Each response is checked (RFC 9110, 14 and 13.1.5): its range, the total length, and `ETag` or
//! `Last-Modified`, which `If-Range` repeats, so that two versions of a file are never mixed. A
//! redirect is followed once, and again when the address that it led to has expired. A request that fails
//! for a passing reason is repeated twice. No lock is held during a request.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Fault, Fetch, MAX_REDIRECTS, Request, Response, origin, resolve};
use ota_view::io::{Exceeded, ReadAt, ReadError};

/// Size of a block, in bytes; the comment and the directory of most zips fit into one.
const BLOCK_LEN: u64 = 64 << 10;
/// Maximum number of blocks in one request.
const MAX_RUN: u64 = (8 << 20) / BLOCK_LEN;
/// After this many reads of one length in sequence, such as of a decoder, a request reads ahead.
const STREAM_READS: u64 = 4;
/// After this many blocks in sequence, every request reads ahead.
const LONG_RUN: u64 = (4 << 20) / BLOCK_LEN;
/// After this many blocks in sequence, a request for a single block doubles what was read so far.
const SHORT_RUN: u64 = (256 << 10) / BLOCK_LEN;
/// Maximum number of cached blocks: 32 MiB.
const MAX_CACHED: usize = 512;
/// Maximum number of bytes read from one file, unless the caller sets another limit. The facts of the
/// largest packages seen take 7 MiB.
const MAX_BYTES: u64 = 16 << 20;
/// Statuses that hosts send for an address whose signature has expired.
const EXPIRED: [u16; 4] = [401, 403, 404, 410];

/// The pauses before a request is repeated. A host that is out of order for longer is left to the next
/// run.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// No request is repeated later than this after the first one.
const MAX_REPEAT_TIME: Duration = Duration::from_secs(90);
/// Longest pause that a host may ask for, in seconds.
const MAX_WAIT: u64 = 60;
/// After a timeout, this part of the bytes is requested: a slow connection may send them in time.
const SLOW_DIVISOR: u64 = 4;

/// Why a file on a host cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// There is no response.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The host refuses the request.
    #[error("the host answers with status {0}")]
    Status(u16),
    /// The host limits the number of requests.
    #[error("the host accepts no more requests for {seconds} s")]
    Limited {
        /// How long it accepts none, in seconds.
        seconds: u64,
    },
    /// The host sends a web page.
    #[error("the host answers with a web page instead of the file")]
    Page,
    /// The host sends the whole file instead of a part.
    #[error("the host does not answer requests for a part of the file (status 200 to a Range)")]
    NoRanges,
    /// The host compresses the file, so byte positions are not those of the file.
    #[error("the host compresses the file (Content-Encoding: {})", .0.escape_debug())]
    Encoded(String),
    /// The host sends another part than the requested one.
    #[error("for bytes {first}-{last} the host sends {num_bytes} bytes with Content-Range `{}`", .range.escape_debug())]
    WrongRange {
        /// The first requested byte.
        first: u64,
        /// The last requested byte.
        last: u64,
        /// The number of received bytes.
        num_bytes: usize,
        /// `Content-Range`; empty if there is none.
        range: String,
    },
    /// The file is another version than before.
    #[error("the file changed on its host while it was read")]
    Changed,
    /// The host did not answer for other files.
    #[error("it is not asked, because its host did not answer {0} times in a row")]
    NotAsked(usize),
    /// A redirect leads from https to plain http, which others can tamper with.
    #[error("it redirects from https to another scheme")]
    Downgrade,
}

impl RemoteError {
    /// Finds the error of a host that caused another error.
    #[must_use]
    pub fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a RemoteError> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            let shared = error.downcast_ref::<Arc<io::Error>>().map(|e| &**e);
            let wrapped = shared.or(error.downcast_ref()).and_then(io::Error::get_ref);
            next = match wrapped {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    /// Returns whether there was no answer at all.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, RemoteError::Fault(fault) if fault.is_silence())
    }

    /// Returns the pause before another try that may succeed, at least `pause`; `None` if it would fail in
    /// the same way. `is_known` means that the host has sent other parts of the file.
    fn pause(&self, pause: Duration, is_known: bool) -> Option<Duration> {
        match self {
            RemoteError::Fault(fault) if fault.is_silence() => Some(pause),
            RemoteError::Status(500..) => Some(pause),
            RemoteError::Limited { seconds } if *seconds <= MAX_WAIT => {
                Some(pause.max(Duration::from_secs(*seconds)))
            }
            // Some hosts send a page about their troubles with status 200.
            RemoteError::Page if is_known => Some(pause),
            RemoteError::WrongRange { .. } if self.is_cut() => Some(pause),
            _ => None,
        }
    }

    /// Returns whether the host announced the requested part and sent less of it.
    fn is_cut(&self) -> bool {
        let RemoteError::WrongRange {
            first,
            last,
            num_bytes,
            range,
        } = self
        else {
            return false;
        };
        parse_range(range).is_some_and(|(from, to, total)| {
            let is_requested = from == *first && to == (*last).min(total.saturating_sub(1));
            is_requested
                && to
                    .checked_sub(from)
                    .is_some_and(|len| len >= *num_bytes as u64)
        })
    }
}

/// The number of requests and bytes that reading a file has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The number of requests, including redirects.
    pub num_requests: u64,
    /// The size of all bodies, in bytes.
    pub num_bytes: u64,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traffic {
            num_requests,
            num_bytes,
        } = self;
        let s = if *num_requests == 1 { "" } else { "s" };
        write!(f, "{num_requests} request{s}, {num_bytes} bytes")
    }
}

/// A file on a host that supports range requests.
pub struct Remote {
    fetch: Arc<dyn Fetch>,
    url: String,
    /// Where the address was found, if not given by the user: it may lead to private hosts only if that
    /// is on one.
    listed_at: Option<String>,
    size: u64,
    max_bytes: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The address that redirects led to.
    target: Option<String>,
    version: Option<Version>,
    blocks: BTreeMap<u64, Arc<[u8]>>,
    /// The numbers of the cached blocks, oldest first.
    order: VecDeque<u64>,
    traffic: Traffic,
}

/// The headers that identify one version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    /// Where it was read: mirrors give one version of a file tags of their own.
    origin: Option<String>,
    etag: Option<String>,
    modified: Option<String>,
}

impl Version {
    fn new(response: &Response) -> Version {
        let header = |name| response.header(name).map(str::to_owned);
        Version {
            origin: origin(&response.url),
            etag: header("etag"),
            modified: header("last-modified"),
        }
    }

    /// Returns the value for `If-Range` in a request to an address; weak tags are not allowed.
    fn validator(&self, url: &str) -> Option<&str> {
        if self.origin != origin(url) {
            return None;
        }
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.modified.as_deref())
    }

    /// Returns whether a response shows another version.
    fn differs(&self, response: &Response) -> bool {
        let differs = |known: &Option<String>, name| {
            let pair = known.as_deref().zip(response.header(name));
            pair.is_some_and(|(known, now)| known != now)
        };
        match self.origin == origin(&response.url) && self.etag.is_some() {
            true => differs(&self.etag, "etag"),
            false => differs(&self.modified, "last-modified"),
        }
    }
}

/// A part of a file, and the size of the whole file in bytes.
struct Part {
    bytes: Vec<u8>,
    total: u64,
}

impl Remote {
    /// Makes a reader for the file at an address; `size` is in bytes.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>, url: &str, size: u64) -> Remote {
        Remote {
            fetch,
            url: url.to_owned(),
            listed_at: None,
            size,
            max_bytes: MAX_BYTES,
            state: Mutex::default(),
        }
    }

    /// Reads the start of the file at an address, which also gives its size.
    ///
    /// # Errors
    /// [`RemoteError`], if the host does not send that part of the file.
    pub fn open(fetch: Arc<dyn Fetch>, url: &str) -> Result<Remote, RemoteError> {
        Remote::new(fetch, url, 0).begin()
    }

    /// Reads the start of a file whose address was found at another address: it may lead to private hosts
    /// only if that one does.
    ///
    /// # Errors
    /// As for [`open`](Remote::open).
    pub fn open_listed(
        fetch: Arc<dyn Fetch>,
        url: &str,
        listed_at: &str,
    ) -> Result<Remote, RemoteError> {
        let remote = Remote {
            listed_at: Some(listed_at.to_owned()),
            ..Remote::new(fetch, url, 0)
        };
        remote.begin()
    }

    fn begin(self) -> Result<Remote, RemoteError> {
        let mut remote = self;
        let part = remote.request(0, BLOCK_LEN - 1, None)?;
        remote.size = part.total;
        insert(&mut remote.lock(), 0, &part.bytes);
        Ok(remote)
    }

    /// Sets the maximum number of bytes to read.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: u64) -> Remote {
        Remote { max_bytes, ..self }
    }

    /// Returns what reading has cost so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.lock().traffic
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests the bytes from `first` to `last`, or fewer after a timeout; `size` is the size of the file,
    /// if known. A failure that may pass is followed by up to two more tries.
    fn request(&self, first: u64, last: u64, size: Option<u64>) -> Result<Part, RemoteError> {
        let begin = Instant::now();
        let mut last = last;
        for pause in PAUSES {
            let error = match self.request_once(first, last, size) {
                Ok(part) => return Ok(part),
                Err(error) => error,
            };
            let is_known = self.lock().version.is_some();
            let Some(pause) = error.pause(pause, is_known) else {
                return Err(error);
            };
            if begin.elapsed() >= MAX_REPEAT_TIME {
                return Err(error);
            }
            if matches!(error, RemoteError::Fault(Fault::Timeout { .. })) {
                let num_blocks = (last - first + 1) / SLOW_DIVISOR / BLOCK_LEN;
                last = last.min(first + num_blocks.max(1) * BLOCK_LEN - 1);
            }
            // Another mirror may answer.
            self.lock().target = None;
            self.fetch.pause(pause);
        }
        self.request_once(first, last, size)
    }

    fn request_once(&self, first: u64, last: u64, size: Option<u64>) -> Result<Part, RemoteError> {
        let (target, version) = {
            let state = self.lock();
            (state.target.clone(), state.version.clone())
        };
        let num_bytes = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let request = Request {
            range: Some((first, last)),
            ..Request::get(&self.url, num_bytes)
        };
        let version = version.as_ref();
        let response = match &target {
            None => self.follow(&request, version)?,
            Some(target) => {
                let request_target = Request {
                    url: target,
                    ..request
                };
                let response = self.follow(&request_target, version)?;
                let is_expired = EXPIRED.contains(&response.status) && limit(&response).is_none();
                match is_expired && *target != self.url {
                    true => self.follow(&request, version)?,
                    false => response,
                }
            }
        };
        let part = validate(&response, first, last, version)?;
        if size.is_some_and(|size| size != part.total) {
            return Err(RemoteError::Changed);
        }
        let mut state = self.lock();
        state.version.get_or_insert_with(|| Version::new(&response));
        state.target = Some(response.url);
        Ok(part)
    }

    /// Follows redirects and returns the last response.
    fn follow(
        &self,
        request: &Request<'_>,
        version: Option<&Version>,
    ) -> Result<Response, RemoteError> {
        let is_https = |url: &str| {
            url.get(..8)
                .is_some_and(|s| s.eq_ignore_ascii_case("https://"))
        };
        let mut url = request.url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            if is_https(&self.url) && !is_https(&url) {
                return Err(RemoteError::Downgrade);
            }
            let response = self.fetch.fetch(&Request {
                url: &url,
                if_range: version.and_then(|version| version.validator(&url)),
                redirected_from: self
                    .listed_at
                    .as_deref()
                    .or((url != self.url).then_some(&*self.url)),
                ..*request
            })?;
            let mut state = self.lock();
            state.traffic.num_requests += 1;
            state.traffic.num_bytes += response.body.len() as u64;
            drop(state);
            match response.location().and_then(|to| resolve(&url, to)) {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        let max = MAX_REDIRECTS;
        Err(Fault::Redirects { max }.into())
    }

    /// Returns how many blocks to request from `first`, which is missing, if those up to `last` are
    /// needed.
    fn plan(&self, state: &State, first: u64, last: u64) -> u64 {
        let is_cached = |block: &u64| state.blocks.contains_key(block);
        let wanted = (first..=last).take_while(|block| !is_cached(block));
        let wanted = wanted.take(usize::try_from(MAX_RUN).unwrap_or(usize::MAX));
        let wanted = wanted.count() as u64;
        let before = (0..first).rev().take_while(is_cached).count() as u64;
        let is_stream = wanted == 1 || before >= LONG_RUN.min(wanted * STREAM_READS);
        let ahead = match is_stream {
            true if before >= SHORT_RUN => before,
            true => before / 2,
            false => 0,
        };
        let allowed = self.max_bytes.saturating_sub(state.traffic.num_bytes) / BLOCK_LEN;
        let ahead = ahead.min(allowed.saturating_sub(wanted));
        let end = first.saturating_add((wanted.saturating_add(ahead)).min(MAX_RUN));
        let end = end.min(self.size.div_ceil(BLOCK_LEN));
        (first..end).take_while(|block| !is_cached(block)).count() as u64
    }

    /// Reads blocks from `first`, which is missing.
    fn read_blocks(&self, first: u64, last: u64) -> Result<Vec<u8>, ReadError> {
        let (num_blocks, num_bytes) = {
            let state = self.lock();
            (self.plan(&state, first, last), state.traffic.num_bytes)
        };
        let start = first * BLOCK_LEN;
        let end = start.saturating_add(num_blocks * BLOCK_LEN).min(self.size);
        if num_bytes.saturating_add(end - start) > self.max_bytes {
            let limit = self.max_bytes;
            return Err(Exceeded::Fetched { limit }.into());
        }
        let part = self.request(start, end - 1, Some(self.size));
        let part = part.map_err(|error| ReadError::Io {
            offset: start,
            source: Arc::new(io::Error::other(error)),
        })?;
        insert(&mut self.lock(), first, &part.bytes);
        Ok(part.bytes)
    }
}

/// Caches bytes that begin with block `first`, and drops the oldest blocks beyond the limit.
fn insert(state: &mut State, first: u64, bytes: &[u8]) {
    let chunks = bytes.chunks(usize::try_from(BLOCK_LEN).unwrap_or(usize::MAX));
    for (block, chunk) in (first..).zip(chunks) {
        if state.blocks.insert(block, chunk.into()).is_none() {
            state.order.push_back(block);
        }
    }
    while state.blocks.len() > MAX_CACHED {
        let Some(oldest) = state.order.pop_front() else {
            break;
        };
        state.blocks.remove(&oldest);
    }
}

/// Returns how long a host accepts no requests, in seconds (RFC 9110, 10.2.3), if it limits their number.
fn limit(response: &Response) -> Option<u64> {
    let is_limit = [403, 429, 503].contains(&response.status);
    let seconds = response.header("retry-after").filter(|_| is_limit)?;
    seconds.trim().parse().ok()
}

/// Checks a response and returns its part of the file.
fn validate(
    response: &Response,
    first: u64,
    last: u64,
    version: Option<&Version>,
) -> Result<Part, RemoteError> {
    let encoding = response.header("content-encoding").unwrap_or("identity");
    let is_encoded = !encoding.eq_ignore_ascii_case("identity");
    let range = response.header("content-range").unwrap_or_default();
    let empty = Part {
        bytes: Vec::new(),
        total: 0,
    };
    match response.status {
        200 | 206 if is_encoded => return Err(RemoteError::Encoded(encoding.to_owned())),
        206 => {}
        // nginx sends this for a range of an empty file.
        200 if response.header("content-length") == Some("0") && first == 0 => return Ok(empty),
        200 if is_page(response) => return Err(RemoteError::Page),
        // The `If-Range` condition failed: the file has changed.
        200 if version.is_some() => return Err(RemoteError::Changed),
        200 => return Err(RemoteError::NoRanges),
        416 if range == "bytes */0" && first == 0 => return Ok(empty),
        416 if version.is_some() => return Err(RemoteError::Changed),
        status => {
            let limited = limit(response).map(|seconds| RemoteError::Limited { seconds });
            return Err(limited.unwrap_or(RemoteError::Status(status)));
        }
    }
    let wrong = || RemoteError::WrongRange {
        first,
        last,
        num_bytes: response.body.len(),
        range: range.to_owned(),
    };
    let (from, to, total) = parse_range(range).ok_or_else(wrong)?;
    // Updaters count bytes in signed 64-bit numbers.
    let is_sound = from == first
        && to == last.min(total.saturating_sub(1))
        && i64::try_from(total).is_ok()
        && !response.is_cut
        && to.checked_sub(from).map(|len| len + 1) == Some(response.body.len() as u64);
    if !is_sound {
        return Err(wrong());
    }
    if version.is_some_and(|version| version.differs(response)) {
        return Err(RemoteError::Changed);
    }
    Ok(Part {
        bytes: response.body.clone(),
        total,
    })
}

fn is_page(response: &Response) -> bool {
    let kind = response.header("content-type").unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/html")
}

/// Parses `bytes 0-9/20` into the first byte, the last byte and the total.
fn parse_range(range: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = range.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

impl ReadAt for Remote {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        let end = offset.checked_add(len).filter(|end| *end <= self.size);
        let Some(end) = end else {
            return Err(ReadError::OutOfBounds {
                offset,
                end: offset.saturating_add(len),
                size: self.size,
            });
        };
        let (mut at, mut rest) = (offset, buf);
        while at < end {
            let block = at / BLOCK_LEN;
            let cached = self.lock().blocks.get(&block).cloned();
            let read;
            let bytes = match &cached {
                Some(bytes) => &bytes[..],
                None => {
                    read = self.read_blocks(block, (end - 1) / BLOCK_LEN)?;
                    &read[..]
                }
            };
            let skip = usize::try_from(at % BLOCK_LEN).unwrap_or(usize::MAX);
            let part = bytes.get(skip..).unwrap_or_default();
            let part = &part[..part.len().min(rest.len())];
            if part.is_empty() {
                let size = self.size;
                return Err(ReadError::OutOfBounds { offset, end, size });
            }
            let (now, later) = rest.split_at_mut(part.len());
            now.copy_from_slice(part);
            at += part.len() as u64;
            rest = later;
        }
        Ok(())
    }
}
