//! What one server is to do, and its limits.

use std::time::Duration;

use super::tls::Tls;
use super::watch::Watched;
use crate::fetch;
use crate::model::config::Config;

/// What one server is to do.
#[derive(Debug)]
pub struct Settings {
    /// The site; its `base_url` is the address of the server.
    pub config: Config,
    /// The folders that are watched for changed packages and templates.
    pub watched: Watched,
    /// Certificate and key for https.
    pub tls: Option<Tls>,
    /// How to connect to other hosts for the facts of packages that a client with a key adds.
    /// Without it, the server connects to no other host.
    pub fetch: Option<fetch::Settings>,
    /// The limits of connections.
    pub limits: Limits,
    /// Returns the time in seconds since the epoch.
    pub clock: fn() -> i64,
}

/// The limits of connections, and how often the catalog and the folders are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections; further ones wait to be accepted. A connection takes about 600 KiB at
    /// most: a head, a body or two parts of a file, and the buffers of TLS. The lists of all builds
    /// are shared by all connections, and other lists have a limit for all of them together.
    pub max_connections: usize,
    /// Most connections of one client, which is an IPv4 address or an IPv6 network of 64 bits;
    /// further ones are closed. Clients on the same machine may use all connections: they are
    /// proxies.
    pub max_of_client: usize,
    /// Longest time for the head of a request, from the end of the last request on. It ends idle
    /// connections, and those that send a byte at a time.
    pub head_time: Duration,
    /// Longest time for a TLS handshake or the body of a request.
    pub body_time: Duration,
    /// Longest time that a client may take no bytes of a response.
    pub stall_time: Duration,
    /// Longest time for responses that are being sent when the server stops.
    pub stop_time: Duration,
    /// The time between two looks at the catalog and the watched folders. A change is read once two
    /// looks agree.
    pub watch_interval: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // 600 MiB if all of them download, and about 20 MiB if all are idle.
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
