//! The server without a socket: what one client would get.
//!
//! In: all that a client sends on a connection. Out: all that it gets until the connection ends. The
//! way is that of a socket, by the same limits; so that a test or a fuzzer can send anything,
//! thousands of times a second, without a port or a wait.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::connection::Server;
use super::site::Site;
use super::{Error, Hooks, Settings};

/// A server that no network leads to.
pub struct Offline {
    server: Server,
    runtime: Runtime,
}

impl Offline {
    /// Makes the site. TLS, watching for changes and asking other hosts belong to servers that run,
    /// and are left out.
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

    /// What a client gets that sends this, and then says that it has no more to send.
    #[must_use]
    pub fn answer(&self, sent: &[u8]) -> Vec<u8> {
        let mut stream = Memory {
            sent,
            got: Vec::new(),
        };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (_stopping, stopped) = watch::channel(());
        let mut http = self.server.http();
        // All is sent before the first answer is made.
        http.half_close(true);
        let talk = self.server.talk(&http, &mut stream, peer, stopped);
        self.runtime.block_on(talk);
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
