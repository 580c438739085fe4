//! The line ends of requests.
//!
//! In: the bytes of a connection. Out: the same bytes, and whether a line of a head ended in a line
//! feed alone. The library that parses heads accepts such lines, as RFC 9112, 2.2, allows. A proxy
//! before the server may not, and a difference between two servers can hide one request in another.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that are stored of a line: enough for the length of a body.
const MAX_STORED: usize = 64;
const CONTENT_LENGTH: &[u8] = b"content-length:";

/// A stream that checks the line ends of the heads it passes on.
pub(super) struct Heads<S> {
    stream: S,
    reader: Reader,
    has_bare_line: Arc<AtomicBool>,
}

impl<S> Heads<S> {
    /// Checks the bytes of `stream`; sets `has_bare_line` when a line ends in a line feed alone.
    pub(super) fn new(stream: S, has_bare_line: Arc<AtomicBool>) -> Heads<S> {
        Heads {
            stream,
            reader: Reader::default(),
            has_bare_line,
        }
    }
}

/// The position of the next byte within the requests of a connection.
#[derive(Debug, Default)]
struct Reader {
    /// The beginning of the line.
    line: Vec<u8>,
    /// The previous byte.
    last: u8,
    /// Whether the head has a line already.
    has_lines: bool,
    /// The bytes of the body that are still to come.
    body: u64,
    /// Whether the next byte belongs to the body.
    is_body: bool,
    /// Whether a body of unknown length follows. Nothing after it is checked, since the connection
    /// ends with the response.
    is_chunked: bool,
}

impl Reader {
    /// Reads more bytes; returns whether a line of a head ended in a line feed alone.
    fn read(&mut self, mut bytes: &[u8]) -> bool {
        let mut is_bare = false;
        while !bytes.is_empty() {
            if self.is_body && self.is_chunked {
                break;
            }
            if self.is_body {
                let len = usize::try_from(self.body).unwrap_or(usize::MAX);
                let (skipped, rest) = bytes.split_at(len.min(bytes.len()));
                self.body = self.body.saturating_sub(skipped.len() as u64);
                bytes = rest;
                self.is_body = self.body > 0;
                continue;
            }
            let (byte, rest) = (bytes[0], &bytes[1..]);
            bytes = rest;
            if byte == b'\n' {
                is_bare |= self.last != b'\r';
                self.end_line();
            } else if self.line.len() < MAX_STORED && !self.is_padding(byte) {
                self.line.push(byte.to_ascii_lowercase());
            }
            self.last = byte;
        }
        is_bare
    }

    /// Returns whether a byte of a line has no meaning: blanks, and zeros before a length. There could
    /// be more of them than are stored.
    fn is_padding(&self, byte: u8) -> bool {
        matches!(byte, b' ' | b'\t') || (byte == b'0' && self.line == CONTENT_LENGTH)
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if let Some(len) = line.strip_prefix(CONTENT_LENGTH) {
            let len = std::str::from_utf8(len).unwrap_or_default();
            self.body = len.parse().unwrap_or(0);
        }
        self.is_chunked |= line.starts_with(b"transfer-encoding:");
        match line.is_empty() {
            false => self.has_lines = true,
            // Empty lines before a request are ignored.
            true if !self.has_lines => {}
            true => {
                self.has_lines = false;
                self.is_body = self.body > 0 || self.is_chunked;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let heads = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut heads.stream).poll_read(cx, buf);
        if heads.reader.read(&buf.filled()[before..]) {
            heads.has_bare_line.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_found_in_heads_only() {
        for (sent, expected) in [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", false),
            ("GET / HTTP/1.1\nHost: h\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: h\r\n\n", true),
            ("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", false),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na\nbGET / HTTP/1.1\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length:3\r\n\r\na\nbGET / HTTP/1.1\n",
                true,
            ),
            (
                // A length after more zeros and blanks than are stored.
                &format!(
                    "POST / HTTP/1.1\r\nContent-Length:{}{}31\r\n\r\n\
                     Content-Length: 9999999\r\n\r\n{{}}  GET / HTTP/1.1\n",
                    " ".repeat(80),
                    "0".repeat(80)
                ),
                true,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n",
                false,
            ),
        ] {
            assert_eq!(
                Reader::default().read(sent.as_bytes()),
                expected,
                "{sent:?}"
            );
            let mut reader = Reader::default();
            let found = sent
                .bytes()
                .fold(false, |found, byte| found | reader.read(&[byte]));
            assert_eq!(found, expected, "{sent:?}, byte by byte");
        }
    }
}
