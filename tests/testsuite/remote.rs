//! Packages on other hosts, read by ranges: `inspect`, `check` and `catalog add` with an address,
//! and hosts that misbehave.

pub(crate) mod host;

use std::sync::Arc;

use ota_view::io::ReadAt;
use romfeed::fetch::{Http, Reach, Remote, RemoteError, Settings};
use testkit::package::Package;

use super::support::{RomDir, bacon, bacon_name, bacon_props, fixture};
use host::{Answer, Asked, Host};

const BLOCK: usize = 64 << 10;

fn http() -> Arc<Http> {
    Arc::new(Http::new(&Settings {
        timeout: std::time::Duration::from_secs(20),
        user_agent: "test".to_owned(),
        roots: Vec::new(),
        reach: Reach::Any,
    }))
}

/// Returns bytes that differ from block to block.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 251 + at / BLOCK) as u8).collect()
}

fn read(remote: &Remote, offset: usize, len: usize) -> Vec<u8> {
    let mut buf = vec![0; len];
    remote.read_exact_at(offset as u64, &mut buf).unwrap();
    buf
}

#[test]
fn neighbouring_blocks_share_a_request_and_are_not_requested_twice() {
    let file = bytes(40 * BLOCK + 77);
    let host = Host::of_file(file.clone());
    let remote = Remote::open(http(), &host.url("/a.zip")).unwrap();
    assert_eq!(remote.size(), file.len() as u64);
    assert_eq!(read(&remote, 10, 100), file[10..110]);
    assert_eq!(host.num_asked(), 1);
    // Ten blocks at once, then a part of them again, then past both ends.
    assert_eq!(
        read(&remote, 20 * BLOCK, 10 * BLOCK),
        file[20 * BLOCK..30 * BLOCK]
    );
    assert_eq!(host.num_asked(), 2);
    assert_eq!(
        read(&remote, 25 * BLOCK + 5, BLOCK),
        file[25 * BLOCK + 5..26 * BLOCK + 5]
    );
    assert_eq!(host.num_asked(), 2);
    assert_eq!(
        read(&remote, 18 * BLOCK, 14 * BLOCK),
        file[18 * BLOCK..32 * BLOCK]
    );
    assert_eq!(host.num_asked(), 4);
    // After that many blocks in sequence, the rest of the file came with them.
    let end = file.len() - 5;
    assert_eq!(read(&remote, end, 5), file[end..]);
    assert!(remote.read_exact_at(end as u64, &mut [0; 6]).is_err());
    assert_eq!(remote.traffic().num_requests, 4);
    assert_eq!(remote.traffic().num_bytes, (23 * BLOCK + 77) as u64);
}

#[test]
fn a_stream_is_requested_in_growing_parts() {
    let file = bytes(400 * BLOCK);
    let host = Host::of_file(file.clone());
    let remote = Remote::open(http(), &host.url("/a.zip")).unwrap();
    let remote = remote.with_max_bytes(u64::MAX);
    for at in (0..file.len()).step_by(8192) {
        assert_eq!(read(&remote, at, 8192), file[at..at + 8192]);
    }
    assert!(host.num_asked() < 14, "{}", host.num_asked());
    assert_eq!(remote.traffic().num_bytes, file.len() as u64);
}

#[test]
fn excessive_downloads_are_stopped() {
    let host = Host::of_file(bytes(40 * BLOCK));
    let remote = Remote::open(http(), &host.url("/a.zip")).unwrap();
    let remote = remote.with_max_bytes(5 * BLOCK as u64);
    read(&remote, 4 * BLOCK, 4 * BLOCK);
    let error = remote
        .read_exact_at(20 * BLOCK as u64, &mut [0; 9])
        .unwrap_err();
    assert_eq!(error.kind(), ota_view::error_kind::ErrorKind::Limit);
    assert!(error.to_string().contains("bytes to download"), "{error}");
}

#[test]
fn a_redirect_is_followed_once_and_again_after_it_expires() {
    let file = bytes(10 * BLOCK);
    let served = file.clone();
    let host = Host::new(move |asked, nth| match (asked.path.as_str(), nth) {
        ("/a.zip", _) => Answer::new(302).with("location", &format!("/signed?at={nth}")),
        // The signature of the first redirect expires after two requests.
        ("/signed?at=0", 3..) => Answer::new(403),
        _ => Answer::of_range(asked, &served),
    });
    let remote = Remote::open(http(), &host.url("/a.zip")).unwrap();
    for block in [2, 4, 6, 8] {
        assert_eq!(read(&remote, block * BLOCK, 9), file[block * BLOCK..][..9]);
    }
    let asked = host.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    let first = "/signed?at=0";
    let second = "/signed?at=4";
    assert_eq!(
        paths,
        [
            "/a.zip", first, first, first, "/a.zip", second, second, second
        ]
    );
}

#[test]
fn two_versions_of_a_file_are_never_mixed() {
    let file = bytes(10 * BLOCK);
    let longer = bytes(11 * BLOCK);
    for (what, validator, change) in [
        ("etag", Some("\"1\""), "tag"),
        (
            "last-modified",
            Some("Sat, 01 Jan 2022 00:00:00 GMT"),
            "tag",
        ),
        // Only the length reveals it.
        ("x-nothing", None, "length"),
        // A host that does not know `If-Range` still sends its tag.
        ("etag", Some("W/\"1\""), "answer"),
    ] {
        let (file, longer) = (file.clone(), longer.clone());
        let host = Host::new(move |asked, nth| {
            let tag = validator.unwrap_or("x");
            let is_new = nth > 0;
            match (is_new, change) {
                (true, "tag") if asked.header("if-range") == Some(tag) => {
                    Answer::new(200).with(what, "\"2\"").body(&longer)
                }
                (true, "length") => Answer::of_range(asked, &longer),
                (true, _) => Answer::of_range(asked, &file).with(what, "W/\"2\""),
                (false, _) => Answer::of_range(asked, &file).with(what, tag),
            }
        });
        let remote = Remote::open(http(), &host.url("/a.zip")).unwrap();
        let error = remote
            .read_exact_at(5 * BLOCK as u64, &mut [0; 9])
            .unwrap_err();
        let chain = ota_view::error_kind::chain(&error);
        assert!(
            chain.contains("the file changed on its host"),
            "{what} {change}: {chain}"
        );
        let asked = host.asked();
        let sent = asked[1].header("if-range");
        assert_eq!(
            sent,
            validator.filter(|tag| !tag.starts_with("W/")),
            "{what} {change}"
        );
    }
}

#[test]
fn hosts_with_unexpected_answers_are_refused_with_the_reason() {
    let file = bytes(3 * BLOCK);
    let whole = |asked: &Asked| Answer::of_range(asked, &bytes(3 * BLOCK));
    type Change = Box<dyn Fn(&Asked) -> Answer + Send>;
    let cases: Vec<(&str, Change)> = vec![
        (
            "status 200 to a Range",
            Box::new(move |_| Answer::new(200).body(&file)),
        ),
        (
            "a web page instead of the file",
            Box::new(|_| {
                Answer::new(200)
                    .with("content-type", "text/html; charset=utf-8")
                    .body(b"<html>")
            }),
        ),
        ("status 404", Box::new(|_| Answer::new(404))),
        ("status 503", Box::new(|_| Answer::new(503))),
        (
            "status 416",
            Box::new(|_| Answer::new(416).with("content-range", "bytes */196608")),
        ),
        (
            "compresses the file",
            Box::new(move |asked| whole(asked).with("content-encoding", "gzip")),
        ),
        (
            "the host sends 65536 bytes with Content-Range `bytes 1-65536/196608`",
            Box::new(move |asked| whole(asked).replace("content-range", "bytes 1-65536/196608")),
        ),
        (
            "Content-Range `bytes 0-65535/*`",
            Box::new(move |asked| whole(asked).replace("content-range", "bytes 0-65535/*")),
        ),
        (
            "Content-Range ``",
            Box::new(move |asked| whole(asked).replace("content-range", "")),
        ),
        (
            "the host sends 9 bytes",
            Box::new(move |asked| whole(asked).body(b"123456789")),
        ),
        (
            "there are more than",
            Box::new(|_| Answer::new(302).with("location", "/a.zip")),
        ),
    ];
    for (says, answer) in cases {
        let host = Host::new(move |asked, _| answer(asked));
        let error = Remote::open(http(), &host.url("/a.zip")).err().unwrap();
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    let error = Remote::open(http(), "http://127.0.0.1:1/a.zip")
        .err()
        .unwrap();
    assert!(matches!(error, RemoteError::Fault(_)), "{error}");
}

#[test]
fn a_body_that_breaks_off_or_stalls_is_one_error_line() {
    let part = |asked: &Asked| Answer::of_range(asked, &bytes(3 * BLOCK));
    let broken = Host::new(move |asked, _| part(asked).broken_off());
    let error = Remote::open(http(), &broken.url("/a.zip")).err().unwrap();
    assert!(matches!(error, RemoteError::Fault(_)), "{error:?}");
    assert!(!error.to_string().contains('\n'), "{error}");
    let slow = Host::new(move |asked, _| part(asked).stalled());
    let impatient: Arc<Http> = Arc::new(Http::new(&Settings {
        timeout: std::time::Duration::from_secs(1),
        user_agent: "test".to_owned(),
        roots: Vec::new(),
        reach: Reach::Any,
    }));
    let error = Remote::open(impatient, &slow.url("/a.zip")).err().unwrap();
    assert_eq!(error.to_string(), "no answer within 1 s");
}

#[test]
fn an_empty_file_is_read_as_empty() {
    for answer in [
        Answer::new(200),
        Answer::new(416).with("content-range", "bytes */0"),
    ] {
        let host = Host::new(move |_, _| answer.clone());
        let remote = Remote::open(http(), &host.url("/a.zip")).unwrap();
        assert_eq!(remote.size(), 0);
    }
}

/// Packages of every layout.
fn packages() -> Vec<(&'static str, Vec<u8>)> {
    let props = || bacon_props(0);
    vec![
        ("files.zip", bacon(0)),
        (
            "block.zip",
            Package::block(props())
                .image(fixture("ext4-android"))
                .build(),
        ),
        (
            "payload.zip",
            Package::payload(props())
                .image(fixture("ext4-android"))
                .build(),
        ),
        (
            "images.zip",
            Package::images(props())
                .image(fixture("ext4-android"))
                .build(),
        ),
        (
            "delta.zip",
            Package::payload(props()).delta("eng.1", "a/b/c").build(),
        ),
    ]
}

#[test]
fn a_package_has_the_same_facts_over_http_as_on_disk() {
    for (name, zip) in packages() {
        let dir = RomDir::new().file(name, &zip);
        let host = Host::of_file(zip);
        let url = host.url(&format!("/{name}"));
        let mut lines = [name, &url].map(|zip| {
            let run = dir.run(&["inspect", "--json", zip]);
            assert!(run.stdout.starts_with('{'), "{name}: {}", run.stderr);
            run.json()
        });
        let read = |line: &serde_json::Value| line["read"]["bytes"].as_u64().unwrap();
        assert!(read(&lines[1]) <= read(&lines[0]), "{name}");
        for line in &mut lines {
            line.as_object_mut().unwrap().remove("file");
            line.as_object_mut().unwrap().remove("read");
        }
        assert_eq!(lines[0], lines[1], "{name}");
        let shown = dir.run(&["inspect", "-v", &url]).expect(0).stdout;
        assert!(shown.contains("asked its host"), "{shown}");
        assert!(shown.contains(" request"), "{shown}");
    }
}

#[test]
fn a_package_can_be_explored_at_an_address() {
    let zip = Package::payload(bacon_props(0))
        .image(fixture("ext4-android"))
        .build();
    let dir = RomDir::new().file("a.zip", &zip);
    let host = Host::of_file(zip);
    let url = host.url("/a.zip");
    for look in [&["--ls", ":"][..], &["--props"]] {
        let [disk, http] = ["a.zip", &url].map(|zip| {
            dir.run(&[&["inspect"], look, &[zip]].concat())
                .expect(0)
                .stdout
        });
        assert_eq!(disk, http);
    }
    dir.run(&["inspect", "-v", "--ls", ":", &url])
        .expect(0)
        .says("asked its host: ");
    dir.run(&["inspect", "--hash", &url])
        .expect(2)
        .says("romfeed check URL");
}

#[test]
fn check_reads_a_remote_package_to_its_end() {
    let zip = bacon(0);
    let dir = RomDir::new().file("a.zip", &zip);
    let host = Host::of_file(zip);
    let url = host.url("/a.zip");
    let on_disk = dir.run(&["check", "a.zip"]);
    let on_host = dir.run(&["check", "-v", &url]).says("asked its host: ");
    assert_eq!(on_disk.code, on_host.code);
    assert_eq!(on_disk.stdout.replace("a.zip", &url), on_host.stdout);
    let gone = Host::new(|_, _| Answer::new(404));
    let run = dir.run(&["check", &gone.url("/a.zip")]).expect(1);
    assert!(
        run.stderr.contains("status 404") || run.stdout.contains("status 404"),
        "{run:?}"
    );
}

#[test]
fn an_address_must_be_https_or_this_machine() {
    let dir = RomDir::new();
    for command in [&["inspect"][..], &["check"]] {
        let run = dir
            .run(&[command, &["http://h.example/a.zip"]].concat())
            .expect(1);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            said.contains("http:// is only for addresses of this machine"),
            "{said}"
        );
    }
}

#[test]
fn catalog_add_reads_missing_facts_from_the_address() {
    let zip = bacon(0);
    let sha256 = {
        use sha2::{Digest, Sha256};
        Sha256::digest(&zip)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let name = bacon_name(0);
    let (served, sum) = (zip.clone(), format!("{sha256}  {name}\n"));
    let host = Host::new(move |asked, _| match asked.path.ends_with(".sha256sum") {
        true => Answer::of_range(asked, sum.as_bytes()),
        false if asked.path.ends_with(".zip") => Answer::of_range(asked, &served),
        false => Answer::new(404),
    });
    let url = host.url(&format!("/roms/{name}"));
    // Phones get it from another address, because they refuse plain http.
    let dir = RomDir::new().file("romfeed.toml", "url = \"https://dl.example/{filename}\"\n");
    dir.run(&["catalog", "add", "-v", "--url", &url])
        .expect(0)
        .says("read from its address: 1 request")
        .says("added lineage-21.0");
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).json();
    assert_eq!(list["datetime"], 1_700_000_000);
    assert_eq!(list["size"], zip.len());
    assert_eq!(list["sha256"], sha256.as_str());
    assert_eq!(list["url"], format!("https://dl.example/{name}").as_str());
    // A digest is required from some source.
    let host = Host::new(move |asked, _| match asked.path.ends_with(".zip") {
        true => Answer::of_range(asked, &zip),
        false => Answer::new(404),
    });
    let url = host.url(&format!("/{name}"));
    dir.run(&["catalog", "add", "--url", &url])
        .expect(1)
        .says("`sha256` is missing")
        .says("--sha256");
    // The answer is not a package, whatever facts are given.
    let page = Host::new(|_, _| {
        Answer::new(200)
            .with("content-type", "text/html")
            .body(b"<html>")
    });
    dir.run(&[
        "catalog",
        "add",
        "--url",
        &page.url("/a.zip"),
        "--sha256",
        &sha256,
    ])
    .expect(1)
    .says("a web page instead of the file");
}
