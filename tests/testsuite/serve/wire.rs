//! HTTP on the wire.

use super::*;
use crate::support::{bacon, bacon_name};

fn site() -> (RomDir, SocketAddr) {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    dir.put("out/mine.txt", "0123456789");
    let addr = serve(&dir);
    (dir, addr)
}

#[track_caller]
fn status(addr: SocketAddr, request: &str) -> u16 {
    Answer::parse(&send(addr, request.as_bytes())).status
}

#[test]
fn requests_need_one_host_and_crlf_line_ends() {
    let (_dir, addr) = site();
    let close = "Connection: close\r\n\r\n";
    for (head, expected) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n", 200),
        ("GET / HTTP/1.0\r\n", 200),
        ("GET / HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n", 400),
        ("GET / HTTP/1.1\nHost: h\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\n", 400),
    ] {
        assert_eq!(
            status(addr, &format!("{head}{close}")),
            expected,
            "{head:?}"
        );
    }
    assert_eq!(status(addr, "GET / HTTP/1.1\nHost: h\n\n"), 400);
    // The connection ends here, so the bytes that follow are not read as a request.
    let smuggled = "GET / HTTP/1.1\nHost: h\n\nGET /mine.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let answered = send(addr, smuggled.as_bytes());
    let heads = answered
        .windows(9)
        .filter(|bytes| bytes.starts_with(b"HTTP/1.1 "));
    assert_eq!(heads.count(), 1);
    // A body may have any line ends, and another request may follow it.
    let post = "POST /api HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n\n{}\n";
    let last = format!("GET / HTTP/1.1\r\nHost: h\r\n{close}");
    let answered = send(addr, format!("{post}{last}").as_bytes());
    let heads = answered
        .windows(12)
        .filter(|bytes| *bytes == b"HTTP/1.1 200");
    assert_eq!(heads.count(), 2);
}

#[test]
fn a_bare_line_feed_after_a_body_is_refused() {
    let (_dir, addr) = site();
    let bare = "GET /mine.txt HTTP/1.1\nHost: h\n\n";
    let zeros = "0".repeat(80);
    for post in [
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_owned(),
        format!(
            "Content-Length: {zeros}31\r\n\r\nContent-Length: 9999999\r\n\r\n{}",
            "{}  "
        ),
    ] {
        let request = format!("POST /api HTTP/1.1\r\nHost: h\r\n{post}{bare}");
        let answered = send(addr, request.as_bytes());
        let answered = String::from_utf8_lossy(&answered);
        assert!(!answered.contains("0123456789"), "{post}: {answered}");
    }
}

#[test]
fn head_is_answered_like_get_without_a_body() {
    let (_dir, addr) = site();
    let package = format!("/builds/{}", bacon_name(0));
    for target in [
        "/",
        "/mine.txt",
        &package,
        "/api",
        "/api/v1/bacon/nightly/any",
        "/api/v1/bacon/nightly.json",
        "/no-such-page",
        "/api/v1/bacon/nightly/any?after=soon",
    ] {
        let get = ask(addr, "GET", target, &[], "");
        let head = ask(addr, "HEAD", target, &[], "");
        let (mut of_get, mut of_head) = (get.headers.clone(), head.headers.clone());
        of_get.remove("date");
        of_head.remove("date");
        assert_eq!((head.status, of_head), (get.status, of_get), "{target}");
        assert_eq!(
            get.header("content-length"),
            get.body.len().to_string(),
            "{target}"
        );
        assert!(head.body.is_empty(), "{target}");
        // The length in the answer to HEAD is not that of a range.
        let part = ask(addr, "HEAD", target, &["Range: bytes=0-0"], "");
        assert_eq!(part.status, get.status, "{target}");
    }
}

#[test]
fn ranges_apply_only_to_the_file_that_the_client_knows() {
    let (dir, addr) = site();
    for target in ["/mine.txt", "/api/v1/bacon/nightly.json"] {
        let whole = get(addr, target);
        let etag = whole.header("etag").to_owned();
        let get = |headers: &[&str]| ask(addr, "GET", target, headers, "");
        let size = whole.body.len();
        for (range, from, to) in [
            ("bytes=0-0", 0, 1),
            ("bytes=2-4", 2, 5),
            ("bytes=3-", 3, size),
            ("bytes=-4", size - 4, size),
            ("bytes=1-99999999", 1, size),
        ] {
            let part = get(&[&format!("Range: {range}")]);
            assert_eq!(part.status, 206, "{range}");
            assert_eq!(part.body, whole.body[from..to], "{range}");
            let expected = format!("bytes {from}-{}/{size}", to - 1);
            assert_eq!(part.header("content-range"), expected);
            assert_eq!(part.header("etag"), etag);
        }
        let beyond = get(&[&format!("Range: bytes={size}-")]);
        assert_eq!(beyond.status, 416);
        assert_eq!(beyond.header("content-range"), format!("bytes */{size}"));
        for (if_range, status) in [
            (etag.as_str(), 206),
            ("\"another\"", 200),
            ("Mon, 07 Nov 1994 08:49:37 GMT", 200),
        ] {
            let answer = get(&["Range: bytes=2-4", &format!("If-Range: {if_range}")]);
            assert_eq!(answer.status, status, "{if_range}");
            if status == 200 {
                assert_eq!(answer.body, whole.body);
            }
        }
        assert_eq!(get(&[&format!("If-None-Match: {etag}")]).status, 304);
    }
    let etag = get(addr, "/mine.txt").header("etag").to_owned();
    dir.put("out/mine.txt", "another text");
    let if_range = format!("If-Range: {etag}");
    let answer = ask(
        addr,
        "GET",
        "/mine.txt",
        &["Range: bytes=2-4", &if_range],
        "",
    );
    assert_eq!((answer.status, answer.text()), (200, "another text"));
}

#[test]
fn a_list_longer_than_a_frame_is_sent_whole() {
    let dir = RomDir::new();
    let build = |nth: usize| {
        serde_json::json!({
            "device": "bacon", "romtype": "nightly", "version": "21.0", "kind": "full",
            "datetime": 1_600_000_000 + nth, "incremental": format!("e.{nth}"), "sdk_level": 34,
            "path": format!("l-{nth}.zip"), "size": 9, "md5": "a".repeat(32),
            "sha256": format!("{nth:064x}"), "url": format!("https://dl.example.org/l-{nth}.zip"),
        })
    };
    let builds: Vec<_> = (1..1001).map(build).collect();
    let catalog = serde_json::json!({"schema": 1, "builds": builds, "tombstones": []});
    dir.put("catalog.json", catalog.to_string());
    let addr = serve_with(
        Config {
            same_lane: true,
            ..config(&dir)
        },
        limits(),
        || NOW,
    );
    for (method, target) in [
        ("GET", "/api"),
        ("POST", "/api"),
        ("POST", "/legacy/bacon/nightly"),
    ] {
        let list = ask(addr, method, target, &[], "");
        assert!(list.body.len() > 100_000, "{target}: {}", list.body.len());
        let entries = list.json();
        let entries = entries["result"].as_array();
        assert_eq!(entries.unwrap().len(), 1000, "{target}");
    }
}
