//! Hosts that misbehave while lists and zips are read: what is tried again, what is reported, and what stays.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ota_view::io::ReadAt;
use romfeed::fetch::{Fault, Fetch, Remote, RemoteError, Request, Response};
use romfeed::source::{Listing, RemoteFile, RemoteFolder};
use serde_json::{Value, json};
use testkit::hosts::{FakeHost, Forge, Release};
use testkit::package::Package;
use testkit::zip::{Entry, Zip};

use super::folder_host::{Files, Form, answer};
use super::remote::host::{Answer, Asked, Host};
use super::support::{RomDir, Run, bacon, bacon_name, bacon_props};

const BLOCK: usize = 64 << 10;
const MIB: usize = 1 << 20;
const TOKEN: &str = "ghp_verysecrettoken";
const SIGNATURE: &str = "verysecretsignature";

/// A response, or a fault.
type Outcome = Result<Response, Fault>;

/// Answers a request by its number, starting at 0.
type Answering = dyn Fn(&Request<'_>, usize) -> Outcome + Send + Sync;

/// A host in memory that records what it was asked for, and waits for nothing.
struct Fake {
    answer: Box<Answering>,
    urls: Mutex<Vec<String>>,
    pauses: Mutex<Vec<Duration>>,
}

impl Fake {
    fn new(answer: impl Fn(&Request<'_>, usize) -> Outcome + Send + Sync + 'static) -> Arc<Fake> {
        Arc::new(Fake {
            answer: Box::new(answer),
            urls: Mutex::default(),
            pauses: Mutex::default(),
        })
    }

    fn urls(&self) -> Vec<String> {
        self.urls.lock().unwrap().clone()
    }

    fn pauses(&self) -> Vec<Duration> {
        self.pauses.lock().unwrap().clone()
    }
}

impl Fetch for Fake {
    fn fetch(&self, request: &Request<'_>) -> Outcome {
        let nth = {
            let mut urls = self.urls.lock().unwrap();
            urls.push(request.url.to_owned());
            urls.len() - 1
        };
        let response = (self.answer)(request, nth)?;
        let url = request.url.to_owned();
        Ok(Response { url, ..response })
    }

    fn pause(&self, duration: Duration) {
        self.pauses.lock().unwrap().push(duration);
    }
}

fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Response {
        status,
        headers: headers.collect(),
        body: body.to_vec(),
        ..Response::default()
    }
}

/// Returns the requested part of a file.
fn part(request: &Request<'_>, file: &[u8]) -> Response {
    let (first, last) = request.range.unwrap();
    let (first, last) = (first as usize, (last as usize).min(file.len() - 1));
    let range = format!("bytes {first}-{last}/{}", file.len());
    response(206, &[("content-range", &range)], &file[first..=last])
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 251 + at / BLOCK) as u8).collect()
}

fn broken() -> Fault {
    let reason = "reset".to_owned();
    Fault::Connection { reason }
}

#[test]
fn requests_that_fail_for_a_passing_reason_are_repeated_twice_after_growing_pauses() {
    let file = bytes(3 * BLOCK);
    type Failure = fn(&Request<'_>, &[u8]) -> Outcome;
    let passing: [(&str, Failure, [u64; 2]); 5] = [
        ("reset", |_, _| Err(broken()), [250, 1000]),
        (
            "no answer",
            |_, _| Err(Fault::Timeout { seconds: 60 }),
            [250, 1000],
        ),
        (
            "status 503",
            |_, _| Ok(response(503, &[], b"")),
            [250, 1000],
        ),
        (
            "accepts no more requests for 7 s",
            |_, _| Ok(response(429, &[("retry-after", "7")], b"")),
            [7000, 7000],
        ),
        (
            "the host sends 9 bytes",
            |request, file| {
                let mut cut = part(request, file);
                cut.body.truncate(9);
                Ok(cut)
            },
            [250, 1000],
        ),
    ];
    for (says, failure, pauses) in passing {
        for num_failures in [2, 3] {
            let served = file.clone();
            let host = Fake::new(move |request, nth| match nth < num_failures {
                true => failure(request, &served),
                false => Ok(part(request, &served)),
            });
            let opened = Remote::open(host.clone(), "https://h/a.zip");
            assert_eq!(host.pauses(), pauses.map(Duration::from_millis), "{says}");
            match num_failures {
                2 => assert_eq!(opened.unwrap().size(), file.len() as u64, "{says}"),
                _ => {
                    let error = opened.err().unwrap().to_string();
                    assert!(error.contains(says), "{says}: {error}");
                }
            }
        }
    }
    let lasting: [(&str, Failure); 7] = [
        ("status 404", |_, _| Ok(response(404, &[], b""))),
        ("is unknown", |_, _| {
            Err(Fault::Name {
                host: "h".to_owned(),
            })
        }),
        ("accepts no more requests for 3600 s", |_, _| {
            Ok(response(403, &[("retry-after", "3600")], b""))
        }),
        ("status 200 to a Range", |_, file| {
            Ok(response(200, &[], file))
        }),
        ("a web page", |_, _| {
            Ok(response(200, &[("content-type", "text/html")], b"<html>"))
        }),
        ("from https to another scheme", |_, _| {
            Ok(response(302, &[("location", "http://h/a.zip")], b""))
        }),
        ("Content-Range `bytes 5-9/20`", |_, _| {
            Ok(response(
                206,
                &[("content-range", "bytes 5-9/20")],
                b"56789",
            ))
        }),
    ];
    for (says, failure) in lasting {
        let served = file.clone();
        let host = Fake::new(move |request, _| failure(request, &served));
        let error = Remote::open(host.clone(), "https://h/a.zip").err().unwrap();
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(host.urls().len(), 1, "{says}");
    }
}

#[test]
fn a_slow_connection_is_asked_for_smaller_parts() {
    let file = bytes(9 * MIB);
    let served = file.clone();
    let host = Fake::new(move |request, _| {
        let (first, last) = request.range.unwrap();
        match last - first < MIB as u64 {
            true => Ok(part(request, &served)),
            false => Err(Fault::Timeout { seconds: 60 }),
        }
    });
    let remote = Remote::open(host.clone(), "https://h/a.zip").unwrap();
    let remote = remote.with_max_bytes(u64::MAX);
    let mut read = vec![0; file.len()];
    remote.read_exact_at(0, &mut read).unwrap();
    assert!(read == file);
}

#[test]
fn a_mirror_that_fails_is_replaced_by_another_with_the_same_version() {
    for (modified, is_same) in [("Sat, 01 Jan 2022 00:00:00 GMT", true), ("later", false)] {
        let file = bytes(9 * BLOCK);
        let served = file.clone();
        let host = Fake::new(move |request, nth| {
            let send = |etag, modified: &str| {
                let mut part = part(request, &served);
                for (name, value) in [("etag", etag), ("last-modified", modified)] {
                    part.headers.push((name.to_owned(), value.to_owned()));
                }
                Ok(part)
            };
            match request.url {
                "https://h/a.zip" => {
                    let mirror = if nth < 2 { "one" } else { "two" };
                    let to = format!("https://{mirror}/a.zip");
                    Ok(response(302, &[("location", &to)], b""))
                }
                "https://one/a.zip" if nth > 1 => Err(broken()),
                "https://one/a.zip" => send("\"1\"", "Sat, 01 Jan 2022 00:00:00 GMT"),
                // Tags of another server mean nothing here.
                _ if request.if_range.is_some() => Ok(response(200, &[], &served)),
                _ => send("\"2\"", modified),
            }
        });
        let remote = Remote::open(host, "https://h/a.zip").unwrap();
        let mut read = vec![0; 99];
        let result = remote.read_exact_at(5 * BLOCK as u64, &mut read);
        match is_same {
            true => assert_eq!(read, file[5 * BLOCK..][..99]),
            false => {
                let error = result.unwrap_err();
                assert_eq!(RemoteError::inside(&error), Some(&RemoteError::Changed));
            }
        }
    }
}

/// Where phones download from.
const FOR_PHONES: &str = "https://dl.example.org/roms/";

/// A web server with folders, whose files may be changed.
struct Server {
    host: Host,
    files: Arc<Mutex<Files>>,
}

impl Server {
    /// Answers with `change` where that has an answer for the request and its number.
    fn new(
        form: Form,
        change: impl Fn(&Asked, usize) -> Option<Answer> + Send + 'static,
    ) -> Server {
        let files: Arc<Mutex<Files>> = Arc::default();
        let served = Arc::clone(&files);
        let host = Host::new(move |asked, nth| {
            change(asked, nth).unwrap_or_else(|| answer(&served.lock().unwrap(), form, asked))
        });
        Server { host, files }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.to_owned(), bytes.to_vec());
    }

    /// Makes a project with this source.
    fn project(&self, more: &str) -> RomDir {
        let url = self.host.url("/");
        let settings = format!(
            "base_url = \"https://ota.example.org\"\n{more}\n[[source]]\nlisting = \"{url}\"\n\
             hash = \"download\"\nurl = \"{FOR_PHONES}{{path}}\"\n"
        );
        RomDir::new().file("romfeed.toml", settings)
    }
}

/// Returns the paths of the builds in the catalog that are offered.
fn offered(dir: &RomDir) -> Vec<String> {
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    let builds = catalog["builds"].as_array().unwrap().iter();
    let offered = builds.filter(|build| build.get("retired").is_none());
    let mut paths: Vec<String> = offered
        .map(|build| build["path"].as_str().unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}

fn path_of(day: i64) -> String {
    format!("listing/{}", bacon_name(day))
}

/// Fails unless there is one error about a file that says this, with a hint.
#[track_caller]
fn has_error(run: &Run, file: &str, says: &str) {
    let lines: Vec<&str> = run.stderr.lines().collect();
    let about: Vec<usize> = (0..lines.len())
        .filter(|&at| lines[at].contains(file))
        .collect();
    assert_eq!(about.len(), 1, "{file}:\n{}", run.stderr);
    let (error, hint) = (lines[about[0]], lines[about[0] + 1]);
    assert!(
        error.contains("error") && error.contains(says),
        "{file} {says}: {error}"
    );
    assert!(hint.trim_start().starts_with("hint: "), "{file}: {hint}");
    assert!(!hint.contains("permissions"), "{file}: {hint}");
}

#[test]
fn each_broken_zip_is_one_line_with_a_hint_and_the_others_are_published() {
    let zip = bacon(9);
    let served = zip.clone();
    let server = Server::new(Form::Json, move |asked, nth| {
        let part = || Answer::of_range(asked, &served);
        let whole = Answer::new(200).body(&served);
        let len = served.len();
        Some(match asked.path.as_str() {
            "/cut.zip" => part().broken_off(),
            "/range.zip" => part().replace("content-range", &format!("bytes 1-{len}/{len}")),
            "/total.zip" => {
                let longer = format!("bytes 0-{}/{}", len - 1, len + 7);
                part().replace("content-range", &longer)
            }
            "/size.zip" => Answer::of_range(asked, &served[..len - 1]),
            "/loop.zip" => Answer::new(302).with("location", "/loop.zip"),
            "/login.zip" => Answer::new(200)
                .with("content-type", "text/html")
                .body(b"<html>log in"),
            "/whole.zip" => whole,
            "/gzip.zip" => part().with("content-encoding", "gzip"),
            "/gone.zip" => Answer::new(404),
            "/down.zip" => Answer::new(502),
            "/limit.zip" => Answer::new(429).with("retry-after", "3600"),
            "/swapped.zip" => part().with("etag", &format!("\"{nth}\"")),
            _ => return None,
        })
    });
    server.put(&bacon_name(0), &bacon(0));
    let dir = server.project("");
    dir.run(&["generate"]).expect(0);
    server.put(&bacon_name(1), &bacon(1));
    let cases = [
        ("cut", "the connection failed"),
        ("range", "Content-Range `bytes 1-"),
        ("total", "Content-Range"),
        ("size", "but its host lists"),
        ("loop", "more than 20 redirects"),
        ("login", "a web page instead of the file"),
        ("whole", "status 200 to a Range"),
        ("gzip", "compresses the file"),
        ("gone", "status 404"),
        ("down", "status 502"),
        ("limit", "accepts no more requests for 3600 s"),
    ];
    for (name, _) in cases {
        server.put(&format!("{name}.zip"), &zip);
    }
    server.put("empty.zip", b"");
    let run = dir.run(&["generate"]).expect(1);
    for (name, says) in cases {
        has_error(&run, &format!("{name}.zip"), says);
    }
    has_error(&run, "empty.zip", "");
    assert_eq!(offered(&dir), [path_of(0), path_of(1)]);
    dir.run(&["check"]).expect(0);
}

#[test]
fn a_zip_that_is_replaced_while_it_is_read_is_a_fault_and_the_next_run_takes_it() {
    // Long enough for several requests.
    let long = |day| padded(day, MIB);
    let (old, new) = (long(0), long(1));
    let (before, after) = (old.clone(), new.clone());
    let swapped_at = Arc::new(Mutex::new(None));
    let swap = Arc::clone(&swapped_at);
    let name = format!("/{}", bacon_name(0));
    let server = Server::new(Form::Html, move |asked, nth| {
        if asked.path != name {
            return None;
        }
        let mut swapped_at = swap.lock().unwrap();
        if asked.is_head {
            let (file, tag) = match *swapped_at {
                None => (&before, "\"old\""),
                Some(_) => (&after, "\"new\""),
            };
            return Some(Answer::new(200).with("etag", tag).body(file));
        }
        let first = *swapped_at.get_or_insert(nth);
        let (file, tag) = match nth {
            _ if nth == first => (&before, "\"old\""),
            _ => (&after, "\"new\""),
        };
        let is_same = asked.header("if-range").is_none_or(|known| known == tag);
        Some(match is_same {
            true => Answer::of_range(asked, file).with("etag", tag),
            false => Answer::new(200).with("etag", tag).body(file),
        })
    });
    server.put(&bacon_name(0), &old);
    let dir = server.project("");
    let run = dir.run(&["generate"]).expect(1);
    has_error(&run, &bacon_name(0), "the file changed on its host");
    dir.run(&["generate"]).expect(0);
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    assert_eq!(catalog["builds"][0]["size"], new.len());
}

#[test]
fn a_zip_that_is_not_a_rom_is_a_note_and_is_not_read_again() {
    for form in [Form::Html, Form::Json] {
        let server = Server::new(form, |_, _| None);
        server.put(&bacon_name(0), &bacon(0));
        let other = Zip::new().stored("system/app/Store.apk", "x").build();
        server.put("gapps.zip", &other);
        let dir = server.project("");
        dir.run(&["generate"]).expect(0).says("gapps.zip");
        let num = |server: &Server| {
            let asked = server.host.asked();
            asked
                .iter()
                .filter(|asked| asked.path == "/gapps.zip")
                .count()
        };
        let before = num(&server);
        dir.run(&["generate"]).expect(0).says("gapps.zip");
        // A page of HTML has no sizes, so the zip is asked for its own.
        let expected = match form {
            Form::Html => before + 1,
            Form::Json => before,
        };
        assert_eq!(num(&server), expected, "{form:?}");
    }
}

#[test]
fn a_list_that_is_cut_short_or_fails_in_a_folder_changes_nothing() {
    let fails = Arc::new(Mutex::new(""));
    let how = Arc::clone(&fails);
    let server = Server::new(Form::Html, move |asked, _| match *how.lock().unwrap() {
        "cut" if asked.path == "/old/" => Some(
            Answer::new(200)
                .with("content-type", "text/html")
                .body(b"<html><title>Index of /old</title><a href=\"x.zip\">"),
        ),
        "broken" if asked.path == "/old/" => Some(Answer::new(500)),
        "login" if asked.path == "/old/" => Some(
            Answer::new(200)
                .with("content-type", "text/html")
                .body(b"<html><title>Log in</title></html>"),
        ),
        _ => None,
    });
    for day in 0..3 {
        server.put(&bacon_name(day), &bacon(day));
    }
    server.put(&format!("old/{}", bacon_name(3)), &bacon(3));
    let dir = server.project("");
    dir.run(&["generate"]).expect(0);
    let before = dir.tree("out");
    server.put(&bacon_name(4), &bacon(4));
    for (failure, says) in [
        ("cut", "ends early"),
        ("broken", "status 500"),
        ("login", "not a listing"),
    ] {
        *fails.lock().unwrap() = failure;
        let run = dir.run(&["generate"]).expect(1);
        has_error(&run, "/old/", says);
        assert_eq!(dir.tree("out"), before, "{failure}");
    }
    *fails.lock().unwrap() = "";
    dir.run(&["generate"]).expect(0);
    assert_eq!(offered(&dir).len(), 5);
}

#[test]
fn a_list_that_fails_on_its_second_page_changes_nothing() {
    let release = |number: i64| {
        let release = Release::new(&format!("v{number}"));
        match number {
            0 | 119 => release.with_file(&bacon_name(number), &bacon(number)),
            _ => release,
        }
    };
    let releases = || (0..120).map(release).collect();
    let host = FakeHost::start(Forge::GitHub, "me/roms", releases());
    let settings = format!(
        "base_url = \"https://ota.example.org\"\n[[source]]\ngithub = \"me/roms\"\napi = \"{}\"\n\
         url = \"{FOR_PHONES}{{path}}\"\n",
        host.address
    );
    let dir = RomDir::new().file("romfeed.toml", settings);
    dir.run(&["generate"]).expect(0);
    assert_eq!(offered(&dir).len(), 2);
    let before = dir.tree("out");
    host.set_num_left(1);
    let run = dir.run(&["generate"]).expect(1);
    has_error(&run, "error: github", "accepts no more requests for");
    assert_eq!(dir.tree("out"), before);
}

/// GitHub whose downloads lead to signed addresses, which `signed` answers.
fn signing_github(zips: BTreeMap<String, Vec<u8>>, signed: Host, api_fails: bool) -> Host {
    let storage = signed.url("");
    Host::new(move |asked, _| {
        let path = asked.path.split('?').next().unwrap_or_default();
        if path.starts_with("/api/") && api_fails {
            let message = format!("bad token {}", asked.header("authorization").unwrap_or(""));
            let body = json!({ "message": message }).to_string();
            return Answer::new(401).body(body.as_bytes());
        }
        if path.starts_with("/api/") {
            let host = asked.header("host").unwrap();
            let assets: Vec<Value> = zips
                .iter()
                .enumerate()
                .map(|(id, (name, zip))| {
                    json!({
                        "id": id, "name": name, "state": "uploaded", "size": zip.len(), "digest": null,
                        "updated_at": "2024-09-01T00:00:00Z",
                        "browser_download_url": format!("http://{host}/download/{name}"),
                    })
                })
                .collect();
            let releases = json!([{
                "id": 1, "tag_name": "v1", "name": "v1", "draft": false, "prerelease": false,
                "published_at": "2024-09-01T00:00:00Z", "body": "", "assets": assets,
            }]);
            return Answer::new(200)
                .with("content-type", "application/json")
                .body(releases.to_string().as_bytes());
        }
        let name = path.strip_prefix("/download/").unwrap_or_default();
        let to = match name {
            "bad.zip" => format!("http://[bad/x?X-Amz-Signature={SIGNATURE}"),
            "unreachable.zip" => format!("http://127.0.0.1:1/x?sig={SIGNATURE}"),
            name => format!("{storage}/{name}?X-Amz-Signature={SIGNATURE}"),
        };
        Answer::new(302).with("location", &to)
    })
}

fn settings_of_github(host: &Host) -> String {
    let api = host.url("/api");
    format!(
        "base_url = \"https://ota.example.org\"\n[[source]]\ngithub = \"me/roms\"\napi = \"{api}\"\n\
         token = \"MY_TOKEN\"\nhash = \"download\"\nurl = \"{FOR_PHONES}{{path}}\"\n"
    )
}

#[test]
fn tokens_and_signatures_appear_nowhere_and_the_token_goes_to_no_other_host() {
    let good = bacon(0);
    let names = ["bad.zip", "unreachable.zip", "refused.zip", "login.zip"];
    let mut zips: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    zips.insert(bacon_name(0), good.clone());
    for name in names {
        zips.insert(name.to_owned(), good.clone());
    }
    let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let seen = Arc::clone(&log);
    let storage = Host::new(move |asked, _| {
        seen.lock().unwrap().push(asked.clone());
        match asked.path.split('?').next().unwrap() {
            "/refused.zip" => Answer::new(403).body(SIGNATURE.as_bytes()),
            "/login.zip" => Answer::new(200)
                .with("content-type", "text/html")
                .body(SIGNATURE.as_bytes()),
            _ => Answer::of_range(asked, &good),
        }
    });
    let host = signing_github(zips.clone(), storage, false);
    let dir = RomDir::new().file("romfeed.toml", settings_of_github(&host));
    let vars = [("MY_TOKEN", TOKEN)];
    let mut texts = Vec::new();
    for (args, code) in [
        (&["generate", "-v", "-v"][..], 1),
        (&["generate", "--json", "-v"], 1),
        (&["sources", "-v", "-v"], 0),
        (&["sources", "--json"], 0),
    ] {
        let run = dir.run_with(args, &vars).expect(code);
        texts.push(run.stdout + &run.stderr);
    }
    for name in names {
        assert!(texts[0].contains(name), "{name}: {}", texts[0]);
    }
    assert_eq!(offered(&dir).len(), 1);
    let of_api = host.asked();
    let of_api: Vec<&Asked> = of_api
        .iter()
        .filter(|a| a.path.starts_with("/api/"))
        .collect();
    let bearer = format!("Bearer {TOKEN}");
    assert!(!of_api.is_empty());
    for asked in of_api {
        assert_eq!(asked.header("authorization"), Some(&*bearer));
    }
    let of_storage = log.lock().unwrap().clone();
    assert!(!of_storage.is_empty());
    for asked in of_storage {
        assert_eq!(asked.header("authorization"), None);
    }
    let failing = signing_github(zips, Host::of_file(vec![0]), true);
    dir.put("romfeed.toml", settings_of_github(&failing));
    for args in [&["generate", "-v", "-v"][..], &["sources", "--json"]] {
        let run = dir.run_with(args, &vars).expect(1);
        let text = run.stdout + &run.stderr;
        assert!(text.contains("bad token"), "{text}");
        texts.push(text);
    }
    for (path, bytes) in dir.tree("") {
        texts.push(format!("{path}: {}", String::from_utf8_lossy(&bytes)));
    }
    for text in texts {
        for secret in [TOKEN, SIGNATURE] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_list_that_redirects_to_another_host_gets_no_token_there() {
    let other = Host::new(|_, _| {
        Answer::new(200)
            .with("content-type", "application/json")
            .body(b"[]")
    });
    let to = other.url("/api/repos/me/roms/releases");
    let host = Host::new(move |_, _| Answer::new(302).with("location", &to));
    let dir = RomDir::new().file("romfeed.toml", settings_of_github(&host));
    dir.run_with(&["sources"], &[("MY_TOKEN", TOKEN)]);
    assert!(host.asked()[0].header("authorization").is_some());
    assert!(other.num_asked() > 0);
    for asked in other.asked() {
        assert_eq!(asked.header("authorization"), None);
    }
}

/// Returns a package with this number of bytes that no fact is in.
fn padded(day: i64, len: usize) -> Vec<u8> {
    let package = Package::files(bacon_props(day));
    package.add(Entry::stored("data", bytes(len))).build()
}

#[test]
fn a_download_goes_on_after_broken_connections_and_expired_signatures() {
    let zip = padded(0, 9 * MIB);
    let served = zip.clone();
    let uses: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let host = Host::new(move |asked, nth| {
        let name = bacon_name(0);
        match asked.path.split('?').next().unwrap() {
            "/" => {
                let list = json!([{"name": name, "type": "file", "size": served.len()}]);
                Answer::new(200)
                    .with("content-type", "application/json")
                    .body(list.to_string().as_bytes())
            }
            "/signed" => {
                let mut uses = uses.lock().unwrap();
                let num = uses.entry(asked.path.clone()).or_default();
                *num += 1;
                match (*num, nth % 4) {
                    // Each address is good for two requests.
                    (3.., _) => Answer::new(403),
                    (_, 3) => Answer::of_range(asked, &served).broken_off(),
                    _ => Answer::of_range(asked, &served),
                }
            }
            _ => Answer::new(302).with("location", &format!("/signed?nth={nth}")),
        }
    });
    let url = host.url("/");
    let settings = format!(
        "base_url = \"https://ota.example.org\"\n[[source]]\nlisting = \"{url}\"\n\
         url = \"{FOR_PHONES}{{path}}\"\n"
    );
    let dir = RomDir::new().file("romfeed.toml", settings);
    dir.run(&["generate"]).expect(0);
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    let here = RomDir::new().file("a.zip", &zip);
    let run = here.run(&["hash", "a.zip"]).expect(0);
    let sha256 = catalog["builds"][0]["sha256"].as_str().unwrap();
    assert!(run.stdout.contains(sha256), "{sha256}: {}", run.stdout);
}

/// Starts the program without waiting for it.
fn start(dir: &RomDir) -> std::process::Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_romfeed"))
        .current_dir(dir.path())
        .arg("generate")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_run_that_is_killed_during_a_download_keeps_each_finished_digest() {
    let stalls = Arc::new(Mutex::new(true));
    let is_stalled = Arc::clone(&stalls);
    let served = padded(1, MIB);
    let slow = format!("/{}", bacon_name(1));
    // The second request of the download; facts are at both ends of the zip.
    let is_late = |asked: &Asked| {
        let range = asked.header("range").unwrap_or_default();
        range.starts_with(&format!("bytes={BLOCK}-"))
    };
    let server = Server::new(Form::Json, move |asked, _| {
        let is_slow = asked.path == slow && is_late(asked) && *is_stalled.lock().unwrap();
        is_slow.then(|| Answer::of_range(asked, &served).stalled())
    });
    // The newest is downloaded first.
    server.put(&bacon_name(2), &bacon(2));
    server.put(&bacon_name(1), &padded(1, MIB));
    let dir = server.project("");
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    let mut child = start(&dir);
    let num = |path: &str| {
        let asked = server.host.asked();
        asked.iter().filter(|asked| asked.path == path).count()
    };
    let (one, two) = (format!("/{}", bacon_name(1)), format!("/{}", bacon_name(2)));
    let is_stalled = || {
        let asked = server.host.asked();
        asked
            .iter()
            .any(|asked| asked.path == one && is_late(asked))
    };
    for _ in 0..1000 {
        if is_stalled() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(is_stalled());
    // A second run does not get in its way.
    let run = dir.run(&["generate"]);
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("another"), "{}", run.stderr);
    child.kill().unwrap();
    child.wait().unwrap();
    *stalls.lock().unwrap() = false;
    let before = num(&two);
    dir.run(&["generate"]).expect(0);
    // Its facts are read again, its digest is known.
    assert!(num(&two) <= before + 1, "{} {before}", num(&two));
    assert_eq!(offered(&dir).len(), 3);
}

#[test]
fn a_cache_that_cannot_be_written_costs_nothing_but_time() {
    let server = Server::new(Form::Json, |_, _| None);
    server.put(&bacon_name(0), &bacon(0));
    let dir = server.project("");
    dir.put(".romfeed/cache.json/in-the-way", b"");
    dir.run(&["generate"]).expect(0);
    assert_eq!(offered(&dir), [path_of(0)]);
    let before = server.host.num_asked();
    dir.run(&["generate"]).expect(0);
    assert_eq!(server.host.num_asked(), before + 1);
}

#[test]
fn a_host_that_is_silent_is_not_asked_for_every_zip() {
    let (asked, answers) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(false)));
    let (num, is_up) = (Arc::clone(&asked), Arc::clone(&answers));
    let host = Fake::new(move |request, _| {
        *num.lock().unwrap() += 1;
        match *is_up.lock().unwrap() {
            true => Ok(part(request, b"zip")),
            false => Err(broken()),
        }
    });
    let folder = RemoteFolder::new(host, "https://h", Listing::default());
    let file = RemoteFile {
        url: "https://h/a.zip".to_owned(),
        ..RemoteFile::default()
    };
    // One answer in between, and it counts anew.
    for up in [false, false, true] {
        *answers.lock().unwrap() = up;
        assert_eq!(folder.open(&file).is_ok(), up);
    }
    *answers.lock().unwrap() = false;
    for _ in 0..8 {
        assert!(folder.open(&file).err().unwrap().is_silence());
    }
    let before = *asked.lock().unwrap();
    let error = folder.open(&file).err().unwrap();
    assert_eq!(error, RemoteError::NotAsked(8));
    assert_eq!(*asked.lock().unwrap(), before);
}
