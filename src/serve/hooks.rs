//! Events of a running server, for the program that started it.

use std::net::SocketAddr;

use crate::generate;
use crate::model::config::Config;

/// A request that was answered, for the log. The texts that clients sent are not escaped.
#[derive(Clone, Debug)]
pub struct Access {
    /// The address of the client.
    pub peer: SocketAddr,
    /// The name of its key, if it sent a valid one.
    pub user: Option<String>,
    /// The time in seconds since the epoch.
    pub time: i64,
    /// The method.
    pub method: String,
    /// Path and query, without the values of credentials.
    pub target: String,
    /// The status of the response.
    pub status: u16,
    /// The bytes of the body that were handed to the connection: fewer than the body has if a
    /// download broke off.
    pub len: u64,
}

/// Receives the events of a running server, from several threads.
pub trait Hooks: Send + Sync + 'static {
    /// Called when clients are accepted from now on, with the report on the site.
    fn ready(&self, _report: &generate::Report) {}
    /// Called when a request was answered: for a file, at its end or when the client gave up. The
    /// entry for the log is built on demand. Must not block.
    fn answered(&self, _access: &dyn Fn() -> Access) {}
    /// Called when the catalog changed, and the site in memory with it; or when a file that had caused an error has its former
    /// contents again.
    fn refreshed(&self) {}
    /// Called when the site could not be brought up to date; the old one is served. The server
    /// tries again, so this may be called many times for one error.
    fn failed(&self, _error: &generate::Error) {}
    /// Called when packages or templates changed. Brings the catalog up to date and returns the
    /// current settings; none if that failed, and the server tries again.
    fn changed(&self) -> Option<Config> {
        None
    }
    /// Called when the server stops and waits for this number of downloads.
    fn stopping(&self, _num_downloads: usize) {}
}
