//! The site as an HTTP server: what a static host does, and what it cannot do.
//!
//! In: [`Settings`], a listening socket, and [`Hooks`] that receive events. Out: the pages of the
//! site from memory, packages and other files from disk, and responses made for each request:
//! LineageOTA's API by POST and GET, lists for any incremental, the paths of the official backend,
//! and changes of the catalog for clients with a key.
//!
//! - `site`: the pages in memory, kept up to date with the catalog; `stored`: one of them; `reload`:
//!   the script that reloads them in a browser;
//! - `route`: from a request to its response;
//! - `lists`, `list_bounds`, `manage`: the responses made for one request;
//! - `files`, `conditional`: files, and the parts of HTTP that avoid sending them;
//! - `connection`, `connection_limits`, `heads`: sockets, limits, line ends; `tls`: certificate and
//!   key; `offline`: a server without sockets;
//! - `watch`: changes on disk;
//! - `redact`: what must not be in the log;
//! - [`mod@keys`]: the clients that may change the catalog.
//!
//! This is the only module with async code. HTTP/2 is left out: no updater uses it.

mod conditional;
mod connection;
mod connection_limits;
mod error;
mod files;
mod heads;
mod hooks;
pub mod keys;
mod list_bounds;
mod lists;
mod manage;
mod offline;
mod redact;
mod reload;
mod response;
mod route;
mod settings;
mod site;
mod stored;
mod tls;
mod watch;

use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::Notify;

pub use connection::stop_signal;
pub use error::Error;
pub use hooks::{Access, Hooks};
pub use offline::Offline;
pub use settings::{Limits, Settings};
pub use tls::Tls;
pub use watch::Watched;

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Responses that were being sent were finished, or took too long.
    Stopped,
    /// A second signal came, and the server waited no longer.
    Interrupted,
}

/// Serves until `stop` ends, for example [`stop_signal`]; then until all responses are sent, or `stop`
/// ends a second time.
///
/// # Errors
/// [`Error`] if the server cannot start; later errors are reported to `hooks`.
pub fn run(
    listener: TcpListener,
    settings: Settings,
    hooks: Arc<dyn Hooks>,
    stop: impl AsyncFn(),
) -> Result<End, Error> {
    let acceptor = settings.tls.as_ref().map(Tls::acceptor).transpose()?;
    let (limits, watched) = (settings.limits, settings.watched);
    let is_watched = watched.is_any();
    let known = watch::Known::new(&settings.config, watched);
    let site = Arc::new(site::Site::new(
        settings.config,
        settings.clock,
        is_watched,
        settings.fetch.as_ref(),
    )?);
    hooks.ready(&site.current().snapshot.report);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let server = connection::Server {
        site: Arc::clone(&site),
        hooks: Arc::clone(&hooks),
        acceptor,
        limits,
    };
    let stopping = Notify::new();
    let first = async {
        stop().await;
        stopping.notify_one();
    };
    let second = async {
        stopping.notified().await;
        let mut again = std::pin::pin!(stop());
        let report = async { hooks.stopping(site.num_downloads()) };
        // Listening comes before the report, so that no signal in between is missed.
        tokio::select! {
            biased;
            () = again.as_mut() => return,
            () = report => {}
        }
        again.await;
    };
    let interval = limits.watch_interval;
    let watcher = watch::start(Arc::clone(&site), Arc::clone(&hooks), known, interval);
    let end = runtime.block_on(async {
        tokio::select! {
            served = server.run(listener, first) => served.map(|()| End::Stopped),
            () = second => Ok(End::Interrupted),
        }
    });
    watcher.stop();
    // A thread that waits for a disk must not keep the process alive.
    runtime.shutdown_background();
    Ok(end?)
}
