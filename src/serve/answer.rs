//! Answers: a status, headers, and a body from memory or from a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes of a file read at a time: fewer cost a change of threads each, more are memory for each
/// download.
const CHUNK_LEN: u64 = 256 << 10;

/// Most bytes from memory that are handed to a connection at a time.
const MAX_FRAME: usize = 64 << 10;

/// An answer.
pub(super) type Answer = Response<Content>;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Content {
    /// From memory; none when it is sent.
    Whole(Option<Bytes>),
    /// From a file.
    Part(Part),
}

/// So many bytes of a file, from where it stands.
#[derive(Debug)]
pub(super) struct Part {
    file: Option<File>,
    left: u64,
    reading: Option<JoinHandle<io::Result<Chunk>>>,
    sent: u64,
    /// Told how much was sent when this ends, be it before its time.
    at_end: Option<AtEnd>,
    /// Counts this download until it ends.
    _running: Option<Arc<()>>,
}

struct AtEnd(Box<dyn FnOnce(u64) + Send>);

impl fmt::Debug for AtEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtEnd")
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(AtEnd(tell)) = self.at_end.take() {
            tell(self.sent);
        }
    }
}

/// A file, and what was read of it.
type Chunk = (File, Vec<u8>);

impl Part {
    /// `running` is shared by all downloads, which are counted by it.
    pub(super) fn new(file: File, len: u64, running: &Weak<()>) -> Part {
        Part {
            _running: running.upgrade(),
            file: Some(file),
            left: len,
            reading: None,
            sent: 0,
            at_end: None,
        }
    }

    /// Has the next bytes read on a thread that may wait for the disk.
    fn read_on(&mut self) {
        let wanted = self.left.min(CHUNK_LEN);
        if let Some(mut file) = self.file.take().filter(|_| wanted > 0) {
            self.reading = Some(spawn_blocking(move || {
                let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
                (&mut file).take(wanted).read_to_end(&mut chunk)?;
                Ok((file, chunk))
            }));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.reading.is_none() {
            self.read_on();
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let done = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let (file, chunk) = match done.map_err(io::Error::other).flatten() {
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        // It was cut while it was sent: the connection ends, so that the client knows.
        if chunk.is_empty() {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        let len = u64::try_from(chunk.len()).unwrap_or(self.left);
        self.left -= len;
        self.sent += len;
        self.file = Some(file);
        self.read_on();
        Poll::Ready(Some(Ok(chunk.into())))
    }
}

impl Content {
    /// Has somebody told how many bytes were sent: at once if they are in memory, else at the end.
    pub(super) fn tell_sent(&mut self, tell: impl FnOnce(u64) + Send + 'static) {
        match self {
            Content::Whole(_) => tell(self.len()),
            Content::Part(part) => part.at_end = Some(AtEnd(Box::new(tell))),
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Content::Whole(None) => 0,
            Content::Whole(Some(bytes)) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Content::Part(part) => part.left,
        }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Content::Whole(bytes) => {
                let Some(left) = bytes else {
                    return Poll::Ready(None);
                };
                // Where a connection copies what it is to send, it copies no more than this.
                let chunk = left.split_to(left.len().min(MAX_FRAME));
                if left.is_empty() {
                    *bytes = None;
                }
                Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk))))
            }
            Content::Part(part) => {
                let chunk = ready!(part.poll(cx));
                Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

/// An answer of these bytes.
pub(super) fn of_bytes(
    status: StatusCode,
    content_type: &'static str,
    bytes: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Content::Whole(Some(bytes.into())));
    *answer.status_mut() = status;
    set(&mut answer, header::CONTENT_TYPE, content_type);
    set(&mut answer, header::CACHE_CONTROL, "no-cache");
    answer
}

/// Text for a person or a script.
pub(super) fn text(text: &'static str) -> Answer {
    of_bytes(StatusCode::OK, "text/plain; charset=utf-8", text)
}

/// JSON that was made for this request.
pub(super) fn json(bytes: impl Into<Bytes>) -> Answer {
    of_bytes(StatusCode::OK, "application/json", bytes)
}

/// An error, in the form of the official backend.
pub(super) fn error(status: StatusCode, message: &str) -> Answer {
    let body = format!("{}\n", json!({ "error": message }));
    of_bytes(status, "application/json", body)
}

/// Refuses a method.
pub(super) fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = error(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("this address takes {allowed}"),
    );
    set(&mut answer, header::ALLOW, allowed);
    answer
}

/// Sets a header.
pub(super) fn set(answer: &mut Answer, name: HeaderName, value: &'static str) {
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}
