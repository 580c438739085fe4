//! Sockets: the number of connections and their time limits.
//!
//! In: a listening socket. Out: each request goes to [`route`], and its response to the client. A
//! client that neither sends nor reads loses its connection; beyond the limit of connections,
//! further clients wait until one ends.

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

use super::connection_limits::{ConnectionLimits, Slot};
use super::heads::Heads;
use super::hooks::{Access, Hooks};
use super::manage::User;
use super::redact::redact;
use super::response::Response;
use super::settings::Limits;
use super::site::Site;
use super::{reload, route};

/// How long to wait when the system has no more sockets.
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
    /// Accepts connections until `stop` ends, and then waits for the responses that are being sent.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (stopping, stopped) = watch::channel(());
        let max = self.limits.max_connections;
        let slots = ConnectionLimits::new(max, self.limits.max_of_client);
        tokio::select! {
            () = self.accept_all(&listener, &slots, &stopped) => {}
            () = stop => {}
        }
        drop(listener);
        drop(stopping);
        let _ = timeout(self.limits.stop_time, slots.wait_until_free(max)).await;
        Ok(())
    }

    async fn accept_all(
        &self,
        listener: &tokio::net::TcpListener,
        slots: &ConnectionLimits,
        stopped: &watch::Receiver<()>,
    ) {
        loop {
            let Some(permit) = slots.acquire().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // The connection of a client with too many is closed.
                    if let Some(slot) = slots.assign(permit, peer.ip()) {
                        let server = self.clone();
                        tokio::spawn(server.serve(stream, peer, slot, stopped.clone()));
                    }
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Serves one connection until it ends. Its errors concern the client alone.
    async fn serve(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        _slot: Slot,
        stopped: watch::Receiver<()>,
    ) {
        // Without it, a small response waits until the client confirms the one before.
        let _ = stream.set_nodelay(true);
        let stream = Unstalled::new(stream, self.limits.stall_time);
        match &self.acceptor {
            None => self.serve_http(&self.http(), stream, peer, stopped).await,
            Some(acceptor) => {
                let accepted = timeout(self.limits.body_time, acceptor.accept(stream)).await;
                if let Ok(Ok(stream)) = accepted {
                    self.serve_http(&self.http(), stream, peer, stopped).await;
                }
            }
        }
    }

    /// Returns the settings of HTTP connections.
    pub(super) fn http(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_buf_size(route::MAX_HEAD);
        http
    }

    /// Answers the requests of one client until the connection ends.
    pub(super) async fn serve_http<S>(
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
            let has_bare_line = has_bare_line.load(Ordering::Relaxed);
            self.answer(request, peer, has_bare_line)
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
        has_bare_line: bool,
    ) -> Result<Response, Infallible> {
        let method = request.method().clone();
        let target = request.uri().clone();
        let mut response = match route::validate_head(&request, has_bare_line) {
            Err(reason) => route::refuse_head(reason),
            Ok(()) => route::answer(&self.site, request, self.limits.body_time).await,
        };
        let status = response.status().as_u16();
        if self.site.reload_at.is_some() && reload::is_poll(target.path()) {
            return Ok(response);
        }
        let (site, hooks) = (Arc::clone(&self.site), Arc::clone(&self.hooks));
        let user = response.extensions().get::<User>().cloned();
        response.body_mut().on_sent(move |len| {
            hooks.answered(&|| Access {
                peer,
                user: user.as_ref().map(|User(name)| name.clone()),
                time: (site.clock)(),
                method: method.to_string(),
                target: redact(&target.to_string()).into_owned(),
                status,
                len,
            });
        });
        Ok(response)
    }
}

/// Waits for the next SIGINT, SIGTERM or SIGHUP of the process.
pub async fn stop_signal() {
    let signal = async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                _ = terminate.recv() => Ok(()),
                hung_up = hang_up() => hung_up,
                interrupted = tokio::signal::ctrl_c() => interrupted,
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    };
    // Without a handler, the signals end the process by themselves.
    if io::Result::is_err(&signal.await) {
        std::future::pending().await
    }
}

/// Waits for the next SIGHUP of the process, unless it ignores that.
#[cfg(unix)]
async fn hang_up() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    if ignores_hang_up() {
        return std::future::pending().await;
    }
    signal(SignalKind::hangup())?.recv().await;
    Ok(())
}

/// Whether the process ignores SIGHUP, as under `nohup`; true if the system does not say, because a handler would override
/// `nohup`.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first bit is that of SIGHUP.
    mask.is_none_or(|mask| mask & 1 == 1)
}

/// A stream that breaks when the other side reads nothing for too long.
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

    /// Passes on the result of a write; an error once writes have been pending for too long.
    fn limit_stall<T>(
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
        self.limit_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.limit_stall(cx, written)
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
