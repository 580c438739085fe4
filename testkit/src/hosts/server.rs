//! A small HTTP server on this machine.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Maximum size of the head of a request, in bytes.
const MAX_HEAD: u64 = 64 << 10;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path as it was sent, without the query.
    pub path: String,
    /// The query, without `?`; empty if there is none.
    pub query: String,
    /// Names in lower case with their values.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// Returns the first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }

    /// Returns a parameter of the query as it was sent.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.query.split('&').filter_map(|one| one.split_once('='));
        let (_, value) = parameters.find(|(key, _)| *key == name)?;
        Some(value)
    }

    /// Returns the first and the last byte of the requested range.
    pub(super) fn range(&self) -> Option<(usize, usize)> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        let (first, last) = range.split_once('-')?;
        let last = if last.is_empty() {
            usize::MAX
        } else {
            last.parse().ok()?
        };
        Some((first.parse().ok()?, last))
    }
}

/// The answer to a request.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn body(mut self, body: &[u8]) -> Answer {
        self.body = body.to_vec();
        self
    }

    pub(super) fn text(self, text: &str) -> Answer {
        self.body(text.as_bytes())
    }
}

/// A server that stops when it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    addr: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    is_stopped: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server on a free port of this machine.
    pub(super) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let (log, is_stopped) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let server = Server {
            addr,
            log: Arc::clone(&log),
            is_stopped: Arc::clone(&is_stopped),
        };
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_stopped.load(Ordering::Relaxed) {
                    break;
                }
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                // A client may close the connection early.
                thread::spawn(move || stream.and_then(|stream| talk(&stream, &log, &*answer)));
            }
        });
        server
    }

    /// Returns the address, without a closing slash.
    pub(super) fn address(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // Wakes the thread, which then closes the port.
        let _ = TcpStream::connect(self.addr);
    }
}

/// Answers one request of a connection, and closes it.
fn talk(
    stream: &TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request) -> Answer,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream).take(MAX_HEAD).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(());
    };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::new(),
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        let header = (name.to_ascii_lowercase(), value.to_owned());
        request.headers.push(header);
    }
    let Answer {
        status,
        headers,
        body,
    } = answer(&request);
    let is_head = request.method == "HEAD";
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let mut head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = stream;
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    match is_head {
        true => Ok(()),
        false => stream.write_all(&body),
    }
}
