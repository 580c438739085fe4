//! A connection of ordinary speed: a proxy that lets each request wait, and limits the rate.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Bytes that are sent at once; the rate is that of several such parts.
const PART: usize = 16 << 10;

/// The speed of a connection.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// The time that a new connection and each request wait.
    pub(super) round_trip: Duration,
    /// The rate of all responses together, in bytes a second.
    pub(super) rate: f64,
}

/// Requests, and bytes of responses with their heads.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Count {
    pub(super) num_requests: u64,
    pub(super) num_bytes: u64,
}

/// A proxy in front of a server on this machine. It stops when it is dropped.
pub(super) struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    line: Line,
    /// When the line has sent what it was given so far.
    free_at: Mutex<Instant>,
    num_requests: AtomicU64,
    num_bytes: AtomicU64,
    is_stopped: AtomicBool,
}

impl Proxy {
    /// Starts a proxy on a free port.
    pub(super) fn start(server: SocketAddr, line: Line) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            line,
            free_at: Mutex::new(Instant::now()),
            num_requests: AtomicU64::new(0),
            num_bytes: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let proxy = Proxy {
            addr,
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.is_stopped.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // Either side may close the connection at any time.
                thread::spawn(move || client.and_then(|client| shared.connect(client)));
            }
        });
        Ok(proxy)
    }

    /// Returns its address, with a closing slash.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// Returns what has passed through it so far.
    pub(super) fn count(&self) -> Count {
        Count {
            num_requests: self.shared.num_requests.load(Ordering::Relaxed),
            num_bytes: self.shared.num_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        // Wakes the thread, which then closes the port.
        let _ = TcpStream::connect(self.addr);
    }
}

impl Shared {
    /// Passes on what the two sides send, until one of them closes.
    fn connect(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        thread::sleep(self.line.round_trip);
        let server = TcpStream::connect(self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from, to) = (server.try_clone()?, client.try_clone()?);
        let this = Arc::clone(&self);
        let back = thread::spawn(move || {
            let sent = this.pass_responses(&from, &to);
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
            sent
        });
        let asked = self.pass_requests(&client, &server);
        let _ = server.shutdown(Shutdown::Write);
        let _ = back.join();
        asked
    }

    /// Passes on requests, which have no bodies.
    fn pass_requests(&self, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let (mut head, mut part) = (Vec::new(), [0; PART]);
        loop {
            let len = from.read(&mut part)?;
            if len == 0 {
                return Ok(());
            }
            head.extend_from_slice(&part[..len]);
            if head.ends_with(b"\r\n\r\n") {
                self.num_requests.fetch_add(1, Ordering::Relaxed);
                thread::sleep(self.line.round_trip);
                to.write_all(&head)?;
                head.clear();
            }
        }
    }

    fn pass_responses(&self, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let mut part = [0; PART];
        loop {
            let len = from.read(&mut part)?;
            if len == 0 {
                return Ok(());
            }
            self.wait_for_line(len);
            to.write_all(&part[..len])?;
            self.num_bytes.fetch_add(len as u64, Ordering::Relaxed);
        }
    }

    /// Waits as long as the line needs to send this many bytes after all others.
    fn wait_for_line(&self, num_bytes: usize) {
        let now = Instant::now();
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let seconds = num_bytes as f64 / self.line.rate;
            *free_at = (*free_at).max(now) + Duration::from_secs_f64(seconds);
            *free_at
        };
        thread::sleep(until.saturating_duration_since(now));
    }
}
