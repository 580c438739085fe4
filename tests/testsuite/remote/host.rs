//! A web host in this process with the answers that a test chooses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Whether the headers alone are requested, by HEAD.
    pub(crate) is_head: bool,
    /// What is sent by PUT.
    pub(crate) put: Option<Vec<u8>>,
    /// Path and query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// First and last byte of the requested range.
    fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self
            .header("range")?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        Some((first.parse().unwrap(), last.parse().unwrap()))
    }
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    is_broken_off: bool,
    is_stalled: bool,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            is_broken_off: false,
            is_stalled: false,
        }
    }

    /// Closes the connection in the middle of the body.
    pub(crate) fn broken_off(mut self) -> Answer {
        self.is_broken_off = true;
        self
    }

    /// Sends half of the body, and the rest after three seconds.
    pub(crate) fn stalled(mut self) -> Answer {
        self.is_stalled = true;
        self
    }

    /// Returns the requested part of a file, as hosts send it; or all of it.
    pub(crate) fn of_range(asked: &Asked, file: &[u8]) -> Answer {
        let Some((first, last)) = asked.range() else {
            return Answer::new(200).body(file);
        };
        let last = last.min(file.len() - 1);
        let range = format!("bytes {first}-{last}/{}", file.len());
        Answer::new(206)
            .with("content-range", &range)
            .body(&file[first..=last])
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn replace(mut self, name: &str, value: &str) -> Answer {
        self.headers.retain(|(known, _)| known != name);
        self.with(name, value)
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Answer {
        self.body = body.to_owned();
        self
    }
}

type Log = Arc<Mutex<Vec<Asked>>>;

/// A host on this machine that runs until the tests end.
pub(crate) struct Host {
    addr: SocketAddr,
    log: Log,
}

impl Host {
    /// Answers by the request and its number, starting at 0.
    pub(crate) fn new(answer: impl Fn(&Asked, usize) -> Answer + Send + 'static) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let log = Log::default();
        let seen = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client may close the connection early.
                let _ = talk(&stream.unwrap(), &seen, &answer);
            }
        });
        Host { addr, log }
    }

    /// Answers with parts of this file, whatever the requested name.
    pub(crate) fn of_file(file: Vec<u8>) -> Host {
        Host::new(move |asked, _| Answer::of_range(asked, &file))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn num_asked(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

/// Handles one request per connection.
fn talk(
    stream: &TcpStream,
    log: &Log,
    answer: &impl Fn(&Asked, usize) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().take(1 << 16).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let Some(path) = first.split(' ').nth(1) else {
        return Ok(());
    };
    let mut asked = Asked {
        is_head: first.starts_with("HEAD "),
        put: None,
        path: path.to_owned(),
        headers: Vec::new(),
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        asked
            .headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
    }
    if first.starts_with("PUT ") {
        let len: usize = asked.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; len];
        reader.read_exact(&mut body)?;
        asked.put = Some(body);
    }
    let nth = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.len() - 1
    };
    let Answer {
        status,
        headers,
        body,
        is_broken_off,
        is_stalled,
    } = answer(&asked, nth);
    let mut head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = stream;
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if asked.is_head {
        return Ok(());
    }
    let (now, later) = body.split_at(body.len() / 2);
    stream.write_all(now)?;
    if is_broken_off {
        return Ok(());
    }
    if is_stalled {
        // Until the client closes the connection.
        let _ = stream.read(&mut [0]);
    }
    stream.write_all(later)
}
