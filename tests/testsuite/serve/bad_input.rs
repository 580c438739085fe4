//! Clients that send too much, too slowly, or nothing at all.

use super::*;

fn site() -> RomDir {
    RomDir::new().file("out/a.txt", "a")
}

fn short() -> Limits {
    Limits {
        head_time: Duration::from_millis(400),
        body_time: Duration::from_millis(400),
        stall_time: Duration::from_millis(400),
        ..limits()
    }
}

#[test]
fn long_or_malformed_requests_are_refused() {
    let dir = site();
    let addr = serve(&dir);
    let head = "POST /api HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
    let long = "x".repeat(100_000);
    for (request, status) in [
        (
            format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
            [414, 431],
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
            [431; 2],
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: {}\r\n\r\n",
                "x".repeat(33 << 10)
            ),
            [431; 2],
        ),
        (
            format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500)),
            [431; 2],
        ),
        (
            format!("{head}Content-Length: 99999999999\r\n\r\n"),
            [413; 2],
        ),
        (
            format!("{head}Content-Length: 100000\r\n\r\n{long}"),
            [413; 2],
        ),
        (
            format!("{head}Transfer-Encoding: chunked\r\n\r\n186a0\r\n{long}\r\n0\r\n\r\n"),
            [413; 2],
        ),
        (format!("{head}Content-Length: 2\r\n\r\n{{x"), [400; 2]),
        (format!("{head}Content-Length: -1\r\n\r\n"), [400; 2]),
        (
            format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            [400; 2],
        ),
        ("GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), [400; 2]),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), [400; 2]),
    ] {
        let answer = Answer::parse(&send(addr, request.as_bytes()));
        let start = &request[..request.len().min(60)];
        assert!(
            status.contains(&answer.status),
            "{}: {start}",
            answer.status
        );
    }
    let nested = "[".repeat(60_000);
    for path in ["/api", "/api/v1/build/get_delta"] {
        let answer = ask(addr, "POST", path, &[], &nested);
        assert_eq!(answer.status, 400, "{path}");
    }
    assert_eq!(get(addr, "/a.txt").text(), "a");
}

/// Sends a byte now and then until the server closes the connection, and returns its answer.
fn trickle(addr: SocketAddr, start: &[u8]) -> Vec<u8> {
    let mut stream = connect(addr);
    stream.write_all(start).unwrap();
    let begun = Instant::now();
    while stream.write_all(b"x").is_ok() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the connection stayed open"
    );
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn a_client_that_sends_a_byte_at_a_time_is_disconnected() {
    let dir = site();
    let addr = serve_with(config(&dir), short(), || NOW);
    trickle(addr, b"GET / HTTP/1.1\r\nX: ");
    let head = b"POST /api HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n";
    let mut stream = connect(addr);
    stream.write_all(head).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(Answer::parse(&answer).status, 408);
    trickle(addr, head);
    assert_eq!(get(addr, "/a.txt").text(), "a");
}

#[test]
fn a_connection_is_reused_up_to_a_limit() {
    let dir = site();
    let addr = serve_with(config(&dir), short(), || NOW);
    let mut stream = connect(addr);
    for _ in 0..2 {
        stream
            .write_all(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\na") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let begun = Instant::now();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_client_that_stalls_a_download_is_disconnected() {
    let dir = site();
    let file = std::fs::File::create(dir.path().join("out/big.zip")).unwrap();
    file.set_len(64 << 20).unwrap();
    let limits = Limits {
        max_connections: 1,
        ..short()
    };
    let addr = serve_with(config(&dir), limits, || NOW);
    let mut stream = connect(addr);
    stream
        .write_all(b"GET /big.zip HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    // The only connection is free again once the server closes it.
    assert_eq!(get(addr, "/a.txt").text(), "a");
    drop(stream);
}

#[test]
fn a_thousand_idle_connections_block_no_client() {
    const NUM: usize = 1000;
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        // macOS refuses to open the maximum number of connections.
        limit.current = Some(limit.maximum.map_or(4096, |maximum| maximum.min(4096)));
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let dir = site();
    // They last longer than a client waits.
    let limits = Limits {
        head_time: Duration::from_secs(60),
        ..limits()
    };
    let addr = serve_with(config(&dir), limits, || NOW);
    let mut idle: Vec<TcpStream> = (0..NUM).map(|_| connect(addr)).collect();
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"GET /a.txt HT").unwrap();
    }
    assert_eq!(get(addr, "/a.txt").text(), "a");
    drop(idle);
}

#[test]
fn connections_above_the_limit_wait() {
    let dir = site();
    let limits = Limits {
        max_connections: 4,
        ..short()
    };
    let addr = serve_with(config(&dir), limits, || NOW);
    let idle: Vec<TcpStream> = (0..8).map(|_| connect(addr)).collect();
    assert_eq!(get(addr, "/a.txt").text(), "a");
    drop(idle);
}

#[test]
fn truncating_a_file_during_a_download_closes_the_connection() {
    let dir = site();
    let file = std::fs::File::create(dir.path().join("out/big.zip")).unwrap();
    file.set_len(64 << 20).unwrap();
    let addr = serve(&dir);
    let mut stream = connect(addr);
    stream
        .write_all(b"GET /big.zip HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    file.set_len(0).unwrap();
    let mut seen = Vec::new();
    let _ = stream.read_to_end(&mut seen);
    assert!(seen.len() < 64 << 20, "{}", seen.len());
    assert_eq!(get(addr, "/a.txt").text(), "a");
}
