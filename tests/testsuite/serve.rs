//! The server over real sockets: each test has its own, in this process or as the program.

mod api;
mod bad_input;
mod catalog_lost;
mod catalogs;
mod files;
mod manage;
mod program;
mod wire;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use romfeed::model::config::Config;
use romfeed::serve::{Hooks, Limits, Settings, Watched};

use super::support::{BASE_URL, RomDir};

/// 2026, so that no build of these tests is in the future.
const NOW: i64 = 1_780_000_000;

struct Silent;

impl Hooks for Silent {}

fn config(dir: &RomDir) -> Config {
    let limits = ota_view::io::Limits::new(std::env::temp_dir(), Instant::now);
    Config {
        base_url: Some(BASE_URL.to_owned()),
        ..Config::for_folder(dir.path(), limits)
    }
}

/// Time between two checks of the catalog, short for tests that wait for one.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

fn limits() -> Limits {
    Limits {
        watch_interval: WATCH_INTERVAL,
        ..Limits::default()
    }
}

/// Serves a folder until the tests end.
fn serve(dir: &RomDir) -> SocketAddr {
    serve_with(config(dir), limits(), || NOW)
}

fn serve_with(config: Config, limits: Limits, clock: fn() -> i64) -> SocketAddr {
    serve_asking(config, limits, clock, None)
}

/// As [`serve_with`], with these settings for requests to other hosts.
fn serve_asking(
    config: Config,
    limits: Limits,
    clock: fn() -> i64,
    fetch: Option<romfeed::fetch::Settings>,
) -> SocketAddr {
    serve_settings(
        Settings {
            config,
            watched: Watched::default(),
            tls: None,
            fetch,
            limits,
            clock,
        },
        Arc::new(Silent),
    )
}

/// Serves a site, and reports events to `hooks`.
fn serve_for(config: Config, hooks: Arc<dyn Hooks>) -> SocketAddr {
    serve_settings(
        Settings {
            config,
            watched: Watched::default(),
            tls: None,
            fetch: None,
            limits: limits(),
            clock: || NOW,
        },
        hooks,
    )
}

fn serve_settings(settings: Settings, hooks: Arc<dyn Hooks>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let stop = || std::future::pending();
        romfeed::serve::run(listener, settings, hooks, stop).unwrap();
    });
    addr
}

/// An answer, unparsed.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    fn parse(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        Answer {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Sends bytes, and reads until the server closes the connection.
fn send(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(addr);
    // A server that refuses may close the connection before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[track_caller]
fn ask(addr: SocketAddr, method: &str, target: &str, headers: &[&str], body: &str) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str(&format!("\r\n{body}"));
    Answer::parse(&send(addr, request.as_bytes()))
}

#[track_caller]
fn get(addr: SocketAddr, target: &str) -> Answer {
    ask(addr, "GET", target, &[], "")
}

/// Waits until a condition holds, for as long as a slow machine may need.
#[track_caller]
fn wait_for(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "it did not come true");
        std::thread::sleep(Duration::from_millis(50));
    }
}
