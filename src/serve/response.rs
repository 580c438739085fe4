//! Responses: a status, headers, and a body from memory or from a file.
//!
//! In: bytes, or an open file. Out: a [`Response`] whose body can be sent in pieces, and which reports
//! at its end how many bytes were sent.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use serde_json::json;
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes of a file that are read at a time. Fewer bytes cost more changes of threads, and more bytes
/// cost memory for each download.
const CHUNK_LEN: u64 = 256 << 10;

/// Most bytes that are handed to a connection at a time, from a body in memory.
const MAX_FRAME: usize = 64 << 10;

/// A response to a request.
pub(super) type Response = hyper::Response<Content>;

/// The body of a response.
#[derive(Debug)]
pub(super) enum Content {
    /// Bytes in memory; none once they are sent.
    Whole(Option<Bytes>),
    /// A part of a file.
    Part(Part),
}

/// A number of bytes of a file, from its current position.
#[derive(Debug)]
pub(super) struct Part {
    file: Option<File>,
    left: u64,
    reading: Option<JoinHandle<io::Result<Chunk>>>,
    sent: u64,
    /// Receives the number of bytes that were sent, at the end or when the client gave up.
    at_end: Option<AtEnd>,
    /// Counts this download while it runs.
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
        if let Some(AtEnd(report)) = self.at_end.take() {
            report(self.sent);
        }
    }
}

/// A file, and the bytes that were read of it.
type Chunk = (File, Vec<u8>);

impl Part {
    /// Sends `len` bytes. `running` is shared by all downloads and counts them.
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

    /// Reads the next bytes on a thread that may wait for the disk.
    fn start_reading(&mut self) {
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
            self.start_reading();
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
        // The file was shortened while it was sent: the connection ends, so that the client notices.
        if chunk.is_empty() {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        let len = u64::try_from(chunk.len()).unwrap_or(self.left);
        self.left -= len;
        self.sent += len;
        self.file = Some(file);
        self.start_reading();
        Poll::Ready(Some(Ok(chunk.into())))
    }
}

impl Content {
    /// Calls `report` with the number of bytes that were sent: at once for a body in memory, else at
    /// its end.
    pub(super) fn on_sent(&mut self, report: impl FnOnce(u64) + Send + 'static) {
        match self {
            Content::Whole(_) => report(self.len()),
            Content::Part(part) => part.at_end = Some(AtEnd(Box::new(report))),
        }
    }

    /// Returns the number of bytes that are left to send.
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
                // A connection that copies the bytes copies no more than this at a time.
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

/// Makes a response from bytes.
pub(super) fn from_bytes(
    status: StatusCode,
    content_type: &'static str,
    bytes: impl Into<Bytes>,
) -> Response {
    let mut response = Response::new(Content::Whole(Some(bytes.into())));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, content_type);
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    response
}

/// Makes a response of plain text.
pub(super) fn text(text: &'static str) -> Response {
    from_bytes(StatusCode::OK, "text/plain; charset=utf-8", text)
}

/// Makes a response of JSON.
pub(super) fn json(bytes: impl Into<Bytes>) -> Response {
    from_bytes(StatusCode::OK, "application/json", bytes)
}

/// Makes an error response, in the form of the official backend.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let body = format!("{}\n", json!({ "error": message }));
    from_bytes(status, "application/json", body)
}

/// Makes the response to a request whose work ended in a panic.
pub(super) fn failure() -> Response {
    let message = "the server failed while it worked on this request";
    error(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// Makes the response to a method that the address does not support.
pub(super) fn not_allowed(allowed: &'static str) -> Response {
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("this address supports {allowed}"),
    );
    set(&mut response, header::ALLOW, allowed);
    response
}

/// Sets a header.
pub(super) fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}
