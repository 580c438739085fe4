//! The site as an HTTP server: what a static host does, and what it cannot do.
//!
//! In: the settings, a listening socket, and [`Hooks`] that are told of what happens. Out: the
//! pages of the site from memory, packages and other files from disk, and answers made for each
//! request: LineageOTA's API by POST and GET, lists for any incremental, the paths of the official
//! backend, and changes of the catalog for those who have a key.
//!
//! - `site`: what is served, kept up to date with the catalog;
//! - `route`: a request to its answer;
//! - `lists`, `manage`: the answers made for one request;
//! - `files`, `conditional`: files, and the parts of HTTP that spare sending them;
//! - `connection`, `places`, `heads`: sockets, limits, line ends; `tls`: certificate and key; `offline`: neither;
//! - `watch`: what changes on disk;
//! - `redact`: what must not be in the log;
//! - [`mod@keys`]: who may change the catalog.
//!
//! This is the only module with async in it. HTTP/2 is left out: no updater speaks it.

mod answer;
mod conditional;
mod connection;
mod connection_limits;
mod files;
mod heads;
pub mod keys;
mod lists;
mod manage;
mod offline;
mod redact;
mod reload;
mod route;
mod site;
mod tls;
mod watch;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::fetch;
use crate::generate;
use crate::model::config::Config;

pub use connection::told_to_stop;
pub use offline::Offline;
pub use tls::Tls;
pub use watch::Watched;

/// What one server is to do.
#[derive(Debug)]
pub struct Settings {
    /// The site; its `base_url` is the address of the server.
    pub config: Config,
    /// Folders that are looked at for changes of packages and templates.
    pub watched: Watched,
    /// Certificate and key for https.
    pub tls: Option<Tls>,
    /// How to ask other hosts for the facts of packages that a client with a key adds; without it,
    /// no host is asked.
    pub fetch: Option<fetch::Settings>,
    /// What connections may cost.
    pub limits: Limits,
    /// The time in seconds since the epoch.
    pub clock: fn() -> i64,
}

/// What connections may cost, and how often the catalog and the folders are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections; further ones wait to be accepted. One takes some 600 KiB at most: a head,
    /// a body or two parts of a file, and what TLS keeps. Lists of all builds are shared by all, and
    /// others have a bound for all together.
    pub max_connections: usize,
    /// Most connections of one client, which is an IPv4 address or an IPv6 network of 64 bits;
    /// further ones are closed. Clients on the same machine may have all: they are proxies.
    pub max_of_client: usize,
    /// Longest time for the head of a request, from the end of the last one on: it ends idle
    /// connections, and those that send a byte at a time.
    pub head_time: Duration,
    /// Longest time for a TLS handshake or the body of a request.
    pub body_time: Duration,
    /// Longest time that a client may take nothing of an answer.
    pub stall_time: Duration,
    /// Longest time for running answers when the server is to stop.
    pub stop_time: Duration,
    /// Time between two looks at the catalog and the watched folders. A change is read once two
    /// looks agree.
    pub watch_interval: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // 600 MiB if all of them download, and some 20 MiB if all are idle.
            max_connections: 1024,
            max_of_client: 256,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(15),
            stall_time: Duration::from_secs(60),
            stop_time: Duration::from_secs(10),
            watch_interval: Duration::from_secs(1),
        }
    }
}

/// A request that was answered, for the log; what clients sent is not escaped.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who asked.
    pub peer: SocketAddr,
    /// Seconds since the epoch.
    pub time: i64,
    /// The method.
    pub method: String,
    /// Path and query, without the values of credentials.
    pub target: String,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the answer's body that were handed to the connection: fewer than it has, if a
    /// download broke off.
    pub len: u64,
}

/// What is told while the server runs; called from several threads.
pub trait Hooks: Send + Sync + 'static {
    /// Clients are accepted from now on; what the site is made of.
    fn ready(&self, _report: &generate::Report) {}
    /// A request was answered, a file to its end or as far as the client took it; what is known of
    /// it is put together on demand. Must not block.
    fn answered(&self, _access: &dyn Fn() -> Access) {}
    /// The catalog changed, and the site in memory with it.
    fn refreshed(&self) {}
    /// The site could not be brought up to date; the old one is served. It is tried again, so
    /// this may come many times for one fault.
    fn failed(&self, _error: &generate::Error) {}
    /// Packages or templates changed; gives the settings as they are now, once the catalog is
    /// up to date, or none if that failed, which is tried again.
    fn changed(&self) -> Option<Config> {
        None
    }
    /// The server is to stop, and waits for so many downloads.
    fn stopping(&self, _num_downloads: usize) {}
}

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Answers on their way were finished, or took too long.
    Stopped,
    /// It was told a second time, and waited no more.
    Broken,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The site cannot be made.
    #[error(transparent)]
    Generate(#[from] generate::Error),
    /// The folder of the site cannot be understood.
    #[error(transparent)]
    Writer(#[from] crate::publish::writer::Error),
    /// Certificate or key cannot be used.
    #[error("{}: {reason}", .file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// The system refused.
    #[error("cannot serve")]
    Io(#[from] io::Error),
}

/// Serves until `stop` comes true, as [`told_to_stop`] does, and then until answers on their way
/// are done, or `stop` comes true once more.
///
/// # Errors
/// [`Error`] if the site cannot be made; what goes wrong later is told to `hooks`.
pub fn run(
    listener: TcpListener,
    settings: Settings,
    hooks: Arc<dyn Hooks>,
    stop: impl AsyncFn(),
) -> Result<End, Error> {
    let acceptor = settings.tls.as_ref().map(Tls::acceptor).transpose()?;
    let (limits, watched) = (settings.limits, settings.watched);
    let is_watched = watched.is_any();
    let known = watch::Known::look(&settings.config, watched);
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
    let told = Notify::new();
    let first = async {
        stop().await;
        told.notify_one();
    };
    let second = async {
        told.notified().await;
        let mut again = std::pin::pin!(stop());
        let tell = async { hooks.stopping(site.num_downloads()) };
        // Listening comes before telling, so that nothing said in between is missed.
        tokio::select! {
            biased;
            () = again.as_mut() => return,
            () = tell => {}
        }
        again.await;
    };
    let interval = limits.watch_interval;
    let watcher = watch::start(Arc::clone(&site), Arc::clone(&hooks), known, interval);
    let end = runtime.block_on(async {
        tokio::select! {
            served = server.run(listener, first) => served.map(|()| End::Stopped),
            () = second => Ok(End::Broken),
        }
    });
    watcher.stop();
    // A thread that waits for a disk must not keep the process.
    runtime.shutdown_background();
    Ok(end?)
}
