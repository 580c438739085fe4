//! The server without sockets, for tests and fuzzers.
//!
//! In: all bytes that a client sends on a connection. Out: all bytes that it receives until the
//! connection ends. Requests are handled as those of a socket, with the same limits, but thousands of
//! times a second, without a port and without waiting.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::connection::Server;
use super::error::Error;
use super::hooks::Hooks;
use super::settings::Settings;
use super::site::Site;

/// A server without sockets.
pub struct Offline {
    server: Server,
    runtime: Runtime,
}

impl Offline {
    /// Makes the site. TLS, watching for changes and requests to other hosts are left out.
    ///
    /// # Errors
    /// [`Error`] if the site cannot be made.
    pub fn new(settings: Settings, hooks: Arc<dyn Hooks>) -> Result<Offline, Error> {
        let site = Site::new(settings.config, settings.clock, false, None)?;
        let server = Server {
            site: Arc::new(site),
            hooks,
            acceptor: None,
            limits: settings.limits,
        };
        let runtime = Builder::new_current_thread().enable_time().build()?;
        Ok(Offline { server, runtime })
    }

    /// Returns what a client receives that sends these bytes and then closes its side.
    #[must_use]
    pub fn answer(&self, sent: &[u8]) -> Vec<u8> {
        let mut stream = Memory {
            sent,
            got: Vec::new(),
        };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (_stopping, stopped) = watch::channel(());
        let mut http = self.server.http();
        // All bytes are sent before the first response is made.
        http.half_close(true);
        let served = self.server.serve_http(&http, &mut stream, peer, stopped);
        self.runtime.block_on(served);
        stream.got
    }
}

/// Both directions of a connection.
struct Memory<'s> {
    sent: &'s [u8],
    got: Vec<u8>,
}

impl AsyncRead for Memory<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (now, later) = self.sent.split_at(buf.remaining().min(self.sent.len()));
        buf.put_slice(now);
        self.sent = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.got.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
