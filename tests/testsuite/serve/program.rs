//! The program with its options, signals and log.

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use romfeed::fetch::{Fetch, Http, Reach, Request};

use super::*;
use crate::support::{bacon, bacon_name};

/// The program while it serves; it is stopped when the test ends.
pub(super) struct Running {
    child: Child,
    lines: Receiver<String>,
    pub(super) addr: SocketAddr,
}

impl Running {
    #[track_caller]
    pub(super) fn start(dir: &RomDir, args: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_romfeed"));
        command.current_dir(dir.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Running::spawn(command.args(args))
    }

    #[track_caller]
    fn spawn(command: &mut Command) -> Running {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let mut running = Running {
            child,
            lines,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let line = running.line("serving ");
        let addr = line.split("://").nth(1).unwrap().split(';').next().unwrap();
        running.addr = addr.parse().unwrap();
        running
    }

    /// Returns the next line with this text.
    #[track_caller]
    fn line(&self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(30)) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no `{text}` in {seen:#?}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn site() -> RomDir {
    let dir = RomDir::new().file(format!("builds/{}", bacon_name(0)).as_str(), bacon(0));
    dir.generate().expect(0);
    dir
}

#[test]
fn serve_prints_its_address_and_the_rom_settings() {
    let dir = site();
    let server = Running::start(&dir, &[]);
    server.line("only this machine can reach it");
    server.line("refuse plain http");
    let addr = server.addr;
    server.line(&format!(
        "lineage.updater.uri=http://{addr}/api/v1/{{device}}/{{type}}.json"
    ));
    let list = get(addr, "/api/v1/bacon/nightly.json").json();
    let url = list["response"][0]["url"].as_str().unwrap();
    assert_eq!(url, format!("http://{addr}/builds/{}", bacon_name(0)));
    let package = get(addr, url.strip_prefix(&format!("http://{addr}")).unwrap());
    assert!(package.body == dir.read(&format!("builds/{}", bacon_name(0))));
    server.line("\"GET /api/v1/bacon/nightly.json\" 200 ");
    // Files generated for the real address stay.
    let page = String::from_utf8(dir.read("out/api/v1/bacon/nightly.json")).unwrap();
    assert!(page.contains(BASE_URL));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_opened_for_now_is_not_answered_with_404() {
    let dir = site();
    let package = format!("/builds/{}", bacon_name(0));
    let romfeed = env!("CARGO_BIN_EXE_romfeed");
    let server = Running::spawn(Command::new("sh").current_dir(dir.path()).args([
        "-c",
        &format!("ulimit -n 32 && exec '{romfeed}' serve --listen 127.0.0.1:0"),
    ]));
    // Separate connections are held back by the limit.
    let mut held = Vec::new();
    let mut statuses = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let mut stream = connect(server.addr);
        stream
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let request = format!("GET {package} HTTP/1.1\r\nHost: h\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 12];
        if stream.read_exact(&mut head).is_ok() {
            statuses.insert(String::from_utf8_lossy(&head[9..]).into_owned());
        }
        held.push(stream);
    }
    assert!(!statuses.contains("404"), "{statuses:?}");
    assert!(statuses.contains("200"), "{statuses:?}");
}

#[test]
fn feeds_behind_a_tunnel_have_its_address() {
    let dir = site();
    let server = Running::start(&dir, &["--public-url", "https://tunnel.example/x/"]);
    server.line("lineage.updater.uri=https://tunnel.example/x/api/v1/");
    for path in ["/x/bacon.json", "/bacon.json"] {
        let list = get(server.addr, path);
        assert!(
            list.text().contains("https://tunnel.example/x/builds/"),
            "{path}"
        );
    }
}

#[test]
fn requests_are_escaped_in_the_log() {
    let dir = site();
    let server = Running::start(&dir, &[]);
    let _ = send(
        server.addr,
        b"GET /\xc2\x9b31m HTTP/1.1\r\nConnection: close\r\n\r\n",
    );
    get(server.addr, "/end");
    let line = server.line("GET /");
    assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
}

#[test]
fn a_key_in_an_address_does_not_reach_the_log() {
    let dir = site();
    let server = Running::start(&dir, &[]);
    get(server.addr, "/api/v1/auth?apikey=c0ffee&x=1");
    let line = server.line("/api/v1/auth");
    assert!(line.contains("?apikey=[redacted]&x=1\""), "{line}");
}

#[cfg(unix)]
#[test]
fn a_signal_stops_serve_after_running_downloads() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = site();
    let file = std::fs::File::create(dir.path().join("out/big.zip")).unwrap();
    file.set_len(32 << 20).unwrap();
    let mut server = Running::start(&dir, &[]);
    let mut stream = connect(server.addr);
    stream
        .write_all(b"GET /big.zip HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).unwrap();
    let _idle = connect(server.addr);
    kill_process(Pid::from_child(&server.child), Signal::TERM).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > (32 << 20) - 1000, "{}", rest.len());
    let status = server.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn check_explains_a_bad_certificate() {
    let dir = site();
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/");
    let [authority, cert, key] =
        ["authority.pem", "cert.pem", "key.pem"].map(|name| format!("{tls}{name}"));
    let nowhere = RomDir::new();
    let check = |base: &str, ca: &str| {
        nowhere
            .run(&["check", "--url", base, "--ca", ca])
            .expect(1)
            .says(&format!("error site-unreachable {base}: "))
    };
    let server = Running::start(&dir, &["--tls-cert", &authority, "--tls-key", &key]);
    let base = format!("https://{}", server.addr);
    check(&base, &authority)
        .says("is marked as an authority (CA:TRUE)")
        .says("basicConstraints=CA:FALSE");
    let server = Running::start(&dir, &["--tls-cert", &cert, "--tls-key", &key]);
    let base = format!("https://{}", server.addr);
    check(&base, &authority)
        .says("no trusted authority has signed")
        .says("give its certificate with --ca");
    check(&format!("https://localhost:{}", server.addr.port()), &cert)
        .says("is for 127.0.0.1, not for this name");
    let plain = Running::start(&dir, &[]);
    check(&format!("https://{}", plain.addr), &cert).says("does not use TLS");
}

#[test]
fn serve_uses_https_with_a_certificate() {
    let dir = site();
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| format!("{tls}{name}"));
    let server = Running::start(&dir, &["--tls-cert", &cert, "--tls-key", &key]);
    let http = Http::new(&romfeed::fetch::Settings {
        timeout: Duration::from_secs(20),
        user_agent: "test".to_owned(),
        roots: vec![der(&cert)],
        reach: Reach::Any,
    });
    let base = format!("https://{}", server.addr);
    let answer = http
        .fetch(&Request::get(&format!("{base}/bacon.json"), 9999))
        .unwrap();
    assert_eq!(answer.status, 200);
    assert!(
        String::from_utf8(answer.body)
            .unwrap()
            .contains(&format!("{base}/builds/"))
    );
    // Plain text on that port does not stop the server.
    assert!(!send(server.addr, b"GET / HTTP/1.1\r\n\r\n").starts_with(b"HTTP"));
    let page = http.fetch(&Request::get(&base, 9999)).unwrap();
    assert_eq!(
        (page.status, page.body.starts_with(b"<!doctype html>")),
        (200, true)
    );
    let bad = dir.run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        &key,
        "--tls-key",
        &key,
    ]);
    bad.expect(2).says("no certificate");
    for (name, says) in [
        ("other-key.pem", "it is not the key of"),
        ("p521-key.pem", "its kind is not supported"),
        ("encrypted-key.pem", "openssl pkey"),
        ("cert.pem", "BEGIN PRIVATE KEY"),
    ] {
        let key = format!("{tls}{name}");
        dir.run(&[
            "serve",
            "--listen",
            "0",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ])
        .expect(2)
        .says(says);
    }
}

#[test]
fn an_empty_site_is_reported_with_the_folders_searched() {
    let dir = RomDir::new();
    let server = Running::start(&dir, &["--catalog", "nope.json", "--builds", "gone"]);
    server.line("there is no folder gone");
    server.line("there is none in nope.json");
    get(server.addr, "/end");
    let mut lines = server.lines.try_iter();
    assert!(!lines.any(|line| line.contains("into the ROM")));
}

#[test]
fn the_log_shows_how_much_of_a_download_was_sent() {
    let dir = site();
    let size = 256 << 20;
    let file = std::fs::File::create(dir.path().join("out/big.zip")).unwrap();
    file.set_len(size).unwrap();
    let server = Running::start(&dir, &[]);
    let mut stream = connect(server.addr);
    stream
        .write_all(b"GET /big.zip HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    drop(stream);
    let line = server.line("\"GET /big.zip\" 200 ");
    let sent: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((1..size).contains(&sent), "{line}");
}

#[cfg(unix)]
#[test]
fn a_second_signal_stops_serve_at_once() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = site();
    let file = std::fs::File::create(dir.path().join("out/big.zip")).unwrap();
    file.set_len(1 << 30).unwrap();
    let mut server = Running::start(&dir, &[]);
    let mut stream = connect(server.addr);
    stream
        .write_all(b"GET /big.zip HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    let interrupt = || kill_process(Pid::from_child(&server.child), Signal::INT).unwrap();
    interrupt();
    server.line("waiting for 1 download; press Ctrl-C again to end at once");
    interrupt();
    let status = server.child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
}

fn der(pem: &str) -> Vec<u8> {
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
    CertificateDer::from_pem_file(pem).unwrap().to_vec()
}

#[test]
fn with_watch_a_new_zip_is_published() {
    let dir = RomDir::new().file("builds/README", "zips come here");
    let server = Running::start(&dir, &["--watch", "--base-url", BASE_URL]);
    let list = || get(server.addr, "/api/v1/bacon/nightly/any");
    assert_eq!(list().json()["response"].as_array().unwrap().len(), 0);
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    server.line("1 build for 1 device");
    wait_for(|| list().text().contains(&bacon_name(0)));
    assert!(dir.tree("out").contains_key("out/bacon.json"));
    // A broken one is reported, and the rest is served.
    dir.put("builds/broken.zip", "PK");
    server.line("broken.zip");
    assert!(list().text().contains(&bacon_name(0)));
}

#[test]
fn with_watch_a_failed_change_is_tried_again() {
    let dir = RomDir::new()
        .file("builds/README", "zips come here")
        .file("romfeed.toml", "keep = 3\n");
    let server = Running::start(&dir, &["--watch", "--base-url", BASE_URL]);
    dir.put("romfeed.toml", "keep = \n");
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    server.line("romfeed.toml");
    dir.put("romfeed.toml", "keep = 3\n");
    let list = || get(server.addr, "/api/v1/bacon/nightly/any");
    wait_for(|| list().text().contains(&bacon_name(0)));
}

#[test]
fn with_watch_an_error_that_is_corrected_is_logged() {
    let settings = format!("base_url = \"{BASE_URL}\"\n[[feed]]\ntemplate = \"mine\"\n");
    let head = "{#\nscope = \"device\"\npath = \"x/{device}\"\n#}\n";
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file("templates/feeds/mine.j2", format!("{head}1"))
        .file("romfeed.toml", &settings);
    let server = Running::start(&dir, &["--watch"]);
    let corrected = "the error is corrected; serving the site as it is now";
    for (file, wrong, error, right) in [
        (
            "templates/feeds/mine.j2",
            format!("{head}{{{{ nothing }}}}"),
            "`nothing` is undefined",
            format!("{head}2"),
        ),
        (
            "romfeed.toml",
            format!("keep = \n{settings}"),
            "romfeed.toml",
            format!("source_jobs = 2\n{settings}"),
        ),
    ] {
        // Once with other contents, and once with the file as it was.
        dir.put(file, &wrong);
        server.line(error);
        dir.put(file, &right);
        server.line(corrected);
        let file = dir.path().join(file);
        std::fs::rename(&file, dir.path().join("right")).unwrap();
        std::fs::write(&file, &wrong).unwrap();
        server.line(error);
        std::fs::rename(dir.path().join("right"), &file).unwrap();
        server.line(corrected);
    }
}

#[test]
fn with_watch_entries_of_devices_that_cannot_be_used_are_named() {
    let dir = site();
    let server = Running::start(&dir, &["--watch", "--base-url", BASE_URL]);
    dir.put("devices.json", "[{");
    server.line("devices.json");
    server.line("correct it; without it, codenames");
}

#[test]
fn with_watch_a_failed_first_run_is_tried_again() {
    let dir = site();
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    let lock = romfeed::generate::lock_state(&config(&dir).state).unwrap();
    let server = Running::start(&dir, &["--watch", "--base-url", BASE_URL]);
    let list = || get(server.addr, "/api/v1/bacon/nightly/any");
    assert!(!list().text().contains(&bacon_name(1)));
    drop(lock);
    wait_for(|| list().text().contains(&bacon_name(1)));
}

#[test]
fn a_catalog_that_cannot_be_watched_at_first_is_watched_later() {
    let dir = site();
    let server = Running::start(&dir, &[]);
    let manifest = dir.read("out/.romfeed/manifest.json");
    dir.put("out/.romfeed/manifest.json", "{");
    dir.run(&["catalog", "remove", &bacon_name(0)]).expect(0);
    server.line("as it was before");
    dir.put("out/.romfeed/manifest.json", manifest);
    server.line("the error is corrected; serving the site as it is now");
    let list = get(server.addr, "/api/v1/bacon/nightly/any");
    assert!(!list.text().contains(&bacon_name(0)));
}

#[test]
fn invalid_arguments_are_refused() {
    let dir = site();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    dir.run(&["serve", "--listen", &taken])
        .expect(2)
        .says("cannot listen on");
    dir.run(&["serve", "--listen", "0.0.0.0:0"])
        .expect(2)
        .says("--public-url");
    dir.run(&["serve", "--public-url", "ftp://h"])
        .expect(2)
        .says("https://");
    for listen in ["localhost:x", "nowhere", "70000"] {
        dir.run(&["serve", "--listen", listen])
            .expect(2)
            .says("write it as 127.0.0.1:8080");
    }
    dir.run(&["serve", "--new-key", "x", "--watch"]).expect(2);
    dir.run(&["serve", "--tls-cert", "x"]).expect(2);
    let dir = RomDir::new().file("catalog.json", "{");
    dir.run(&["serve", "--listen", "127.0.0.1:0"])
        .expect(2)
        .says("catalog.json");
}

#[test]
fn a_watched_site_reloads_pages_but_writes_plain_files() {
    let dir = RomDir::new()
        .file("builds/lineage-21.0-20231114-nightly-bacon.zip", bacon(0))
        .file("templates/home.html", "<h1>One</h1>");
    let server = Running::start(&dir, &["--watch"]);
    let page = |path: &str| {
        let answer = get(server.addr, path);
        (answer.status, answer.text().to_owned())
    };
    let (status, home) = page("/");
    assert_eq!(status, 200);
    assert!(
        home.starts_with("<h1>One</h1>") && home.contains("assets/reload.js"),
        "{home}"
    );
    assert_eq!(page("/assets/reload.js").0, 200);
    let (_, before) = page("/assets/version");
    dir.put("templates/home.html", "<h1>Other</h1>");
    wait_for(|| page("/").1.contains("Other"));
    assert_ne!(page("/assets/version").1, before);
    let written = String::from_utf8(dir.read("out/index.html")).unwrap();
    assert_eq!(written, "<h1>Other</h1>\n");
}
