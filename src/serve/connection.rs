//! Sockets: who may connect, how many, for how long.
//!
//! In: a listening socket. Out: each request to [`route`], its answer to the client. A client
//! that sends or takes nothing loses its connection; beyond the limit of connections, others
//! wait until one ends.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::connection_limits::{Place, Places};
use super::heads::Heads;
use super::redact::redact;
use super::route;
use super::site::Site;
use super::{Access, Hooks, Limits, reload};

/// How long to wait when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) site: Arc<Site>,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) limits: Limits,
}

impl Server {
    /// Accepts connections until the process is to stop, and then lets answers that are on
    /// their way come to an end.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (stopping, stopped) = watch::channel(());
        let num_places = self.limits.max_connections;
        let places = Places::new(num_places, self.limits.max_of_client);
        tokio::select! {
            () = self.accept_all(&listener, &places, &stopped) => {}
            () = stop => {}
        }
        drop(listener);
        drop(stopping);
        let _ = timeout(self.limits.stop_time, places.all_free(num_places)).await;
        Ok(())
    }

    async fn accept_all(
        &self,
        listener: &tokio::net::TcpListener,
        places: &Places,
        stopped: &watch::Receiver<()>,
    ) {
        loop {
            let Some(permit) = places.free().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // A client with too many is not answered.
                    if let Some(place) = places.give(permit, peer.ip()) {
                        let server = self.clone();
                        tokio::spawn(server.keep(stream, peer, place, stopped.clone()));
                    }
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Keeps one connection until it ends; how it ends is the client's matter.
    async fn keep(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        _place: Place,
        stopped: watch::Receiver<()>,
    ) {
        // Without it, small answers wait for the client to confirm the one before.
        let _ = stream.set_nodelay(true);
        let stream = Unstalled::new(stream, self.limits.stall_time);
        match &self.acceptor {
            None => self.talk(&self.http(), stream, peer, stopped).await,
            Some(acceptor) => {
                let shaken = timeout(self.limits.body_time, acceptor.accept(stream)).await;
                if let Ok(Ok(stream)) = shaken {
                    self.talk(&self.http(), stream, peer, stopped).await;
                }
            }
        }
    }

    /// How connections are read.
    pub(super) fn http(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_buf_size(route::MAX_HEAD);
        http
    }

    /// Answers one client until it has no more to ask.
    pub(super) async fn talk<S>(
        &self,
        http: &http1::Builder,
        stream: S,
        peer: SocketAddr,
        mut stopped: watch::Receiver<()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let has_bare_line = Arc::new(AtomicBool::new(false));
        let stream = Heads::new(stream, Arc::clone(&has_bare_line));
        let service = service_fn(|request| {
            let is_bare = has_bare_line.load(Ordering::Relaxed);
            self.answer(request, peer, is_bare)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(
        &self,
        request: hyper::Request<hyper::body::Incoming>,
        peer: SocketAddr,
        is_bare: bool,
    ) -> Result<super::answer::Answer, Infallible> {
        let method = request.method().clone();
        let target = request.uri().clone();
        let mut answer = match route::head_fault(&request, is_bare) {
            Some(fault) => route::refuse_head(fault),
            None => route::answer(&self.site, request, self.limits.body_time).await,
        };
        let status = answer.status().as_u16();
        if reload::is_poll(&self.site, target.path()) {
            return Ok(answer);
        }
        let (site, hooks) = (Arc::clone(&self.site), Arc::clone(&self.hooks));
        answer.body_mut().tell_sent(move |len| {
            hooks.answered(&|| Access {
                peer,
                time: (site.clock)(),
                method: method.to_string(),
                target: redact(&target.to_string()).into_owned(),
                status,
                len,
            });
        });
        Ok(answer)
    }
}

/// Waits until the process is told to end, by SIGINT or SIGTERM.
pub async fn told_to_stop() {
    let told = async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                _ = terminate.recv() => Ok(()),
                told = tokio::signal::ctrl_c() => told,
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    };
    // Where signals cannot be had, they end the process in their own way.
    if io::Result::is_err(&told.await) {
        std::future::pending().await
    }
}

/// A stream that breaks when the other side takes nothing for too long.
struct Unstalled {
    stream: TcpStream,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Unstalled {
    fn new(stream: TcpStream, patience: Duration) -> Unstalled {
        Unstalled {
            stream,
            patience,
            stalled: None,
        }
    }

    /// Passes on what a write came to, unless too many came to nothing.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Unstalled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Unstalled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
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
