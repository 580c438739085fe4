//! `check`: each rule is broken once, on simulated hosts; and the program over real sockets.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use romfeed::clients::check::target::{Feed, Kind, feeds};
use romfeed::clients::check::{self, CatalogFacts, Installed, Report, Task, rules};
use romfeed::fetch::{Fault, Fetch, Folder, Request, Response, TlsFault};
use romfeed::markup::template::Format;
use romfeed::publish::makers::Makers;
use romfeed::publish::page::Maker;
use romfeed::publish::writer::Manifest;
use testkit::package::Package;
use testkit::props::Props;

use crate::support::{BASE_URL, RomDir, Run, bacon, bacon_name, native};

const BASE: &str = "https://h";
const ZIP_URL: &str = "https://h/builds/a.zip";
const PATHS: [&str; 3] = [
    "api/v1/dev/nightly.json",
    "api/v1/dev/nightly/eng.1",
    "api/v2/devices/dev/builds.json",
];
const DATE: i64 = 1_700_000_000;

/// The answer of a host for a missing path.
type Other = fn(&Request<'_>) -> Response;

/// A host in memory: static, apart from the answers that a test sets.
struct Host {
    files: BTreeMap<String, Vec<u8>>,
    set: BTreeMap<String, Result<Response, Fault>>,
    other: Other,
}

fn answer(url: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let headers = headers.iter();
    Response {
        url: url.to_owned(),
        status,
        headers: headers
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        body: body.to_owned(),
        is_cut: false,
    }
}

impl Fetch for Host {
    fn fetch(&self, ask: &Request<'_>) -> Result<Response, Fault> {
        if let Some(set) = self.set.get(ask.url) {
            return set.clone();
        }
        if ask.post.is_some() {
            return Ok(answer(ask.url, 405, &[], b""));
        }
        let Some(bytes) = self.files.get(ask.url) else {
            return Ok((self.other)(ask));
        };
        let kind = match ask.url.ends_with(".json") {
            true => "application/json",
            false => "application/octet-stream",
        };
        let Some((first, last)) = ask.range else {
            let mut whole = answer(ask.url, 200, &[("content-type", kind)], bytes);
            whole.is_cut = whole.body.len() > ask.max_body;
            whole.body.truncate(ask.max_body);
            return Ok(whole);
        };
        let size = u64::try_from(bytes.len()).unwrap();
        let last = last.min(size - 1);
        let range = format!("bytes {first}-{last}/{size}");
        let [from, to] = [first, last + 1].map(|at| usize::try_from(at).unwrap());
        Ok(answer(
            ask.url,
            206,
            &[("content-range", &range)],
            &bytes[from..to],
        ))
    }
}

fn package() -> Vec<u8> {
    let props = Props::lineage("21.0", "nightly", "dev", DATE, "eng.2", 34, "2023-11-05");
    Package::files(props).build()
}

/// An entry of `{type}.json`.
fn v1(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut entry = serde_json::json!({
        "datetime": DATE, "filename": "a.zip", "id": "1", "romtype": "nightly",
        "size": package().len(), "url": ZIP_URL, "version": "21.0",
    });
    change(&mut entry);
    serde_json::json!({ "response": [entry] })
        .to_string()
        .into_bytes()
}

fn v2(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut file = serde_json::json!({
        "filename": "a.zip", "sha256": "0".repeat(64), "size": package().len(),
        "url": ZIP_URL, "os_sdk_level": 34,
    });
    change(&mut file);
    let build = serde_json::json!({
        "datetime": DATE, "files": [file], "type": "nightly", "version": "21.0",
    });
    serde_json::json!([build]).to_string().into_bytes()
}

fn url(path: &str) -> String {
    format!("{BASE}/{path}")
}

impl Host {
    fn sound() -> Host {
        let files = [
            (url(PATHS[0]), v1(|_| ())),
            (url(PATHS[1]), v1(|_| ())),
            (url(PATHS[2]), v2(|_| ())),
            (ZIP_URL.to_owned(), package()),
        ];
        Host {
            files: files.into(),
            set: BTreeMap::new(),
            other: |ask| answer(ask.url, 404, &[], b"gone"),
        }
    }

    fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Host {
        self.files.insert(url(path), bytes.into());
        self
    }

    fn answers(mut self, url: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Host {
        self.set
            .insert(url.to_owned(), Ok(answer(url, status, headers, body)));
        self
    }

    fn fails(mut self, url: &str, fault: Fault) -> Host {
        self.set.insert(url.to_owned(), Err(fault));
        self
    }

    fn check_with<'a>(self, change: impl FnOnce(&mut Task<'a>)) -> Report {
        let host: Arc<dyn Fetch> = Arc::new(self);
        let mut task = Task {
            base: BASE,
            value: None,
            feeds: feeds(BASE, &PATHS.map(str::to_owned), None),
            site: Arc::clone(&host),
            zips: Some(host),
            local: None,
            paths: &[],
            expected: BTreeMap::new(),
            required: Vec::new(),
            catalog_facts: BTreeMap::new(),
            is_live: true,
            now: DATE + 86_400,
        };
        change(&mut task);
        check::check(&task)
    }

    fn check(self) -> Report {
        self.check_with(|_| ())
    }
}

fn ids(report: &Report) -> Vec<&'static str> {
    let mut ids: Vec<_> = report.findings.iter().map(|found| found.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The findings of a test as `check` prints them, for a snapshot.
#[derive(Default)]
struct Findings(String);

impl Findings {
    /// Fails unless all findings in the report are of this rule.
    #[track_caller]
    fn only(&mut self, report: &Report, id: &str) {
        assert_eq!(ids(report), [id], "{:#?}", report.findings);
        for found in &report.findings {
            let place = [Some(&found.place), found.entry.as_ref()];
            let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
            let (place, message, fix) = (place.join(": "), &found.message, found.fix());
            self.0
                .push_str(&format!("{id} {place}: {message}\n  fix: {fix}\n"));
        }
    }
}

#[test]
fn a_valid_site_has_no_findings() {
    let report = Host::sound().check();
    assert_eq!(report.findings, []);
    assert_eq!((report.num_feeds, report.num_zips), (3, 1));
}

#[test]
fn a_bad_site_address_is_reported() {
    let mut findings = Findings::default();
    let plain = Host::sound().check_with(|task| task.base = "http://h");
    findings.only(&plain, "site-not-https");
    let none = Host::sound().check_with(|task| task.feeds.clear());
    findings.only(&none, "site-empty");
    let long = "https://a-rather-long-name.of-some-host.example.org/and/a/path/that/is/long";
    let long = Host::sound().check_with(|task| task.base = long);
    findings.only(&long, "property-too-long");
    // Only the known facts of a ROM are judged.
    let value = format!("https://h/{}/{{device}}/{{type}}.json", "x".repeat(65));
    let with = |value: &str| Host::sound().check_with(|task| task.value = Some(value));
    findings.only(&with(&value), "property-too-long");
    assert_eq!(ids(&with("https://h/{device}.json")), [""; 0]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn a_page_in_place_of_404_is_reported() {
    let mut findings = Findings::default();
    let mut host = Host::sound();
    host.other = |ask| answer(ask.url, 200, &[], b"<!doctype html>");
    findings.only(&host.check(), "site-unknown-answered");
    // Most clients follow a redirect to such a page.
    let mut host = Host::sound().file("home", "<!doctype html>");
    host.other = |ask| answer(ask.url, 302, &[("location", "/home")], b"");
    findings.only(&host.check(), "site-unknown-answered");
    let mut host = Host::sound();
    host.files
        .insert("http://h/home".to_owned(), b"<p>".to_vec());
    host.other = |ask| answer(ask.url, 302, &[("location", "http://h/home")], b"");
    assert_eq!(ids(&host.check()), [""; 0]);
    // A server that answers every incremental knows none.
    let mut host = Host::sound();
    host.other = |ask| answer(ask.url, 200, &[], br#"{"response":[]}"#);
    assert_eq!(ids(&host.check()), [""; 0]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn unreachable_and_redirected_feeds_are_reported() {
    let mut findings = Findings::default();
    let v1_url = url(PATHS[0]);
    let v2_url = url(PATHS[2]);
    let timeout = Fault::Timeout { seconds: 10 };
    findings.only(
        &Host::sound().fails(&v1_url, timeout).check(),
        "feed-unreachable",
    );
    findings.only(
        &Host::sound().answers(&v1_url, 503, &[], b"").check(),
        "feed-status",
    );
    let moved = |from: &str, to: &str| {
        Host::sound()
            .file("moved", v2(|_| ()))
            .file("moved-v1", v1(|_| ()))
            .answers(from, 301, &[("location", to)], b"")
    };
    findings.only(&moved(&v2_url, "/moved").check(), "feed-redirect");
    assert_eq!(ids(&moved(&v1_url, "/moved-v1").check()), [""; 0]);
    let mut downgraded = moved(&v1_url, "http://h/moved-v1");
    downgraded
        .files
        .insert("http://h/moved-v1".to_owned(), v1(|_| ()));
    findings.only(&downgraded.check(), "feed-scheme");
    let text = [("content-type", "text/plain")];
    let raw = Host::sound().answers(&v2_url, 200, &text, &v2(|_| ()));
    findings.only(&raw.check(), "feed-content-type");
    let mut long = v2(|_| ());
    long.extend([b' '; 40 << 10]);
    findings.only(&Host::sound().file(PATHS[2], long).check(), "feed-too-long");
    let endless = vec![b'['; 5 << 20];
    findings.only(
        &Host::sound().file(PATHS[0], endless).check(),
        "feed-too-long",
    );
    insta::assert_snapshot!(findings.0);
}

#[test]
fn wrong_letter_case_is_reported() {
    let mut findings = Findings::default();
    let mut host = Host::sound();
    let feed = host.files.remove(&url(PATHS[0])).unwrap();
    let report = host.file("api/v1/dev/NIGHTLY.json", feed).check();
    assert_eq!(ids(&report), ["feed-case", "feed-status"]);
    let report = Host::sound().file("api/v1/dev/Nightly.json", v1(|_| ()));
    let report = report.check_with(|task| {
        task.feeds = feeds(BASE, &["api/v1/dev/Nightly.json".to_owned()], None);
    });
    findings.only(&report, "feed-case");
    // On the site itself, the case of the rest of the path is checked too.
    let there = ["api/v1/DEV/nightly/Eng.1".to_owned()];
    let mut host = Host::sound();
    host.files.remove(&url(PATHS[1]));
    let report = host.check_with(|task| task.paths = &there);
    assert_eq!(ids(&report), ["feed-case", "feed-status"]);
    let mut host = Host::sound();
    host.files.remove(&url(PATHS[1]));
    let report = host.check_with(|task| {
        task.paths = &there;
        task.feeds.remove(1);
        task.expected = [(PATHS[1].to_owned(), None)].into();
    });
    assert_eq!(ids(&report), ["feed-case", "feed-incremental-missing"]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn malformed_feeds_are_reported() {
    let mut findings = Findings::default();
    let with = |bytes: &[u8]| Host::sound().file(PATHS[0], bytes).check();
    let page = with(b"<!doctype html>");
    assert_eq!(ids(&page), ["feed-not-strict", "feed-unreadable"]);
    findings.only(
        &with(&v1(|entry| {
            drop(entry.as_object_mut().unwrap().remove("id"))
        })),
        "feed-entry-dropped",
    );
    let umlaut = b"{\"response\":[],\"\xc3\xbc\":1}";
    findings.only(&with(umlaut), "feed-not-strict");
    // Clients of the other list read UTF-8.
    let body = String::from_utf8(v2(|_| ())).unwrap();
    let body = body.replacen('{', "{\"ü\":1,", 1);
    let host = Host::sound().file(PATHS[2], body);
    assert_eq!(ids(&host.check()), [""; 0]);
    let bom = [b"\xef\xbb\xbf".as_slice(), &v1(|_| ())].concat();
    findings.only(&with(&bom), "feed-not-strict");
    let list = format!("{{\"response\":[{}]}}", "[".repeat(5_000));
    assert!(ids(&with(list.as_bytes())).contains(&"feed-unreadable"));
    insta::assert_snapshot!(findings.0);
}

#[test]
fn bad_entries_are_reported() {
    let mut findings = Findings::default();
    let v1_with = |key: &str, value: serde_json::Value| {
        let body = v1(|entry| entry[key] = value.clone());
        Host::sound().file(PATHS[0], body).check()
    };
    findings.only(&v1_with("romtype", "weekly".into()), "entry-romtype");
    let report = v1_with("filename", "../a.zip".into());
    assert_eq!(ids(&report), ["entry-field", "entry-url-name"]);
    let report = v1_with("url", "builds/a.zip".into());
    assert!(ids(&report).contains(&"entry-url"), "{report:#?}");
    let v2_with = |key: &str, value: serde_json::Value| {
        let body = v2(|file| file[key] = value.clone());
        Host::sound().file(PATHS[2], body).check()
    };
    findings.only(&v2_with("sha256", "A".repeat(64).into()), "entry-digest");
    findings.only(
        &v2_with("os_sdk_level", serde_json::Value::Null),
        "entry-sdk",
    );
    let one = serde_json::from_slice::<serde_json::Value>(&v1(|_| ())).unwrap();
    let mut other = one["response"][0].clone();
    other["url"] = "https://h/builds/b.zip".into();
    other["filename"] = "b.zip".into();
    let two = serde_json::json!({ "response": [one["response"][0], other] });
    let host = Host::sound().file("builds/b.zip", package());
    findings.only(
        &host.file(PATHS[0], two.to_string()).check(),
        "entry-duplicate-id",
    );
    insta::assert_snapshot!(findings.0);
}

#[test]
fn the_same_redirect_of_many_lists_is_reported_once() {
    let mut findings = Findings::default();
    let paths = ["a", "b"].map(|device| format!("api/v2/devices/{device}/builds.json"));
    let mut host = Host::sound();
    for path in &paths {
        let to = format!("https://www.h/{path}");
        host = host.answers(&url(path), 301, &[("location", &to)], b"");
        host.files.insert(to, v2(|_| ()));
    }
    let report = host.check_with(|task| task.feeds = feeds(BASE, &paths, None));
    findings.only(&report, "feed-redirect");
    let [found, other] = &report.findings[..] else {
        panic!("{:#?}", report.findings)
    };
    assert_eq!([&found.place, &other.place], [&paths[0], &paths[1]]);
    assert!(found.message.contains("to `https://www.h/…`"), "{found:?}");
    assert_eq!(found.message, other.message);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn an_unreachable_host_is_reported_with_its_cause() {
    let manifest = url(".romfeed/manifest.json");
    let refused = Fault::Connection {
        reason: "refused".to_owned(),
    };
    let host = Host::sound().fails(&manifest, refused.clone());
    let found = check::files_of_site(BASE, &host).unwrap_err();
    assert_eq!((found.rule.id, &*found.place), ("site-unreachable", BASE));
    assert!(found.message.contains("refused"), "{found:?}");
    let around = Host::sound().answers(&manifest, 302, &[("location", &manifest)], b"");
    let found = check::files_of_site(BASE, &around).unwrap_err();
    assert!(
        found.message.contains("more than 20 redirects"),
        "{found:?}"
    );
    let broken = Host::sound().answers(&manifest, 503, &[], b"");
    let found = check::files_of_site(BASE, &broken).unwrap_err();
    assert!(found.message.contains("status 503"), "{found:?}");
    // A host without such a list answers all the same.
    assert_eq!(
        check::files_of_site(BASE, &Host::sound()),
        Ok(Manifest::default())
    );
    let lists = Host::sound()
        .file("api/v1/devices.json", r#"{"21.0":["dev"]}"#)
        .file("api/v1/types/dev.json", r#"{"response":["nightly"]}"#);
    let listed = check::files_of_site(BASE, &lists).unwrap();
    assert_eq!(listed.files, [PATHS[0], PATHS[2]]);
    // The advice depends on the cause, for zips as well.
    let fix = |fault: Fault| Host::sound().fails(ZIP_URL, fault).check().findings[0].fix();
    let of_certificate = fix(Fault::Tls(TlsFault::Authority));
    assert!(of_certificate.contains("CA:FALSE"), "{of_certificate}");
    assert!(fix(refused).contains("firewall"));
    let host = "h".to_owned();
    assert!(fix(Fault::Name { host }).contains("DNS"));
}

#[test]
fn missing_lists_of_known_incrementals_are_reported() {
    let mut findings = Findings::default();
    let with = |host: Host| {
        host.check_with(|task| {
            task.required = ["api/v1/devices.json", PATHS[0]].map(str::to_owned).into();
        })
    };
    findings.only(&with(Host::sound()), "feed-status");
    let there = Host::sound().file("api/v1/devices.json", "{}");
    assert_eq!(ids(&with(there)), [""; 0]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn the_site_is_checked_against_the_catalog() {
    let mut findings = Findings::default();
    let with = |path: &str, timestamp| {
        let installed = Installed {
            filename: "a.zip".to_owned(),
            timestamp,
        };
        let expected = [(path.to_owned(), Some(installed))];
        Host::sound().check_with(|task| task.expected = expected.into())
    };
    assert_eq!(ids(&with(PATHS[1], DATE)), [""; 0]);
    findings.only(&with(PATHS[1], DATE - 60), "feed-offers-installed");
    findings.only(
        &with("api/v1/dev/nightly/eng.0", DATE),
        "feed-incremental-missing",
    );
    // Phones follow a redirect to the list, so it is not missing.
    let path = "api/v1/dev/nightly/eng.0";
    let moved = Host::sound().answers(&url(path), 301, &[("location", "eng.1")], b"");
    let moved = moved.check_with(|task| task.expected = [(path.to_owned(), None)].into());
    assert_eq!(ids(&moved), [""; 0]);
    let dir = RomDir::new().file(PATHS[0], "{}");
    let local = Folder {
        base: BASE.to_owned(),
        root: dir.path().to_owned(),
        builds: dir.path().join("builds"),
    };
    let report = Host::sound().check_with(|task| {
        task.local = Some(&local);
        task.feeds.truncate(1);
    });
    findings.only(&report, "feed-stale");
    insta::assert_snapshot!(findings.0);
}

#[test]
fn a_host_that_refuses_post_is_reported() {
    let mut findings = Findings::default();
    let path = "legacy/dev/nightly/index.json";
    let list = br#"{"id":null,"result":[],"error":null}"#;
    let with = |host: Host| {
        host.file(path, list.as_slice())
            .check_with(|task| task.feeds = feeds(BASE, &[path.to_owned()], None))
    };
    findings.only(&with(Host::sound()), "feed-post");
    let answering = Host::sound().answers(&url("legacy/dev/nightly"), 200, &[], list);
    assert_eq!(ids(&with(answering)), [""; 0]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn bad_downloads_are_reported() {
    let mut findings = Findings::default();
    let with = |status, headers: &[(&str, &str)], body: &[u8]| {
        Host::sound()
            .answers(ZIP_URL, status, headers, body)
            .check()
    };
    let refused = Fault::Connection {
        reason: "refused".to_owned(),
    };
    findings.only(
        &Host::sound().fails(ZIP_URL, refused).check(),
        "zip-unreachable",
    );
    let address = Fault::Address {
        url: ZIP_URL.to_owned(),
        reason: "odd".to_owned(),
    };
    findings.only(
        &Host::sound().fails(ZIP_URL, address).check(),
        "zip-unreachable",
    );
    findings.only(&with(403, &[], b""), "zip-status");
    let endless = [("content-range", "bytes 0-0/18446744073709551615")];
    findings.only(&with(206, &endless, b"P"), "zip-content-range");
    let length = package().len().to_string();
    let whole = [("content-length", length.as_str())];
    findings.only(&with(200, &whole, &package()[..16]), "zip-no-range");
    let short = [("content-length", "7")];
    assert_eq!(
        ids(&with(200, &short, b"PK")),
        ["zip-length", "zip-no-range"]
    );
    findings.only(
        &with(206, &[("content-range", "bytes 0-1/9")], b"PK"),
        "zip-content-range",
    );
    findings.only(
        &with(206, &[("content-encoding", "gzip")], b"\x1f"),
        "zip-gzip",
    );
    let page = [("content-type", "text/html")];
    findings.only(&with(200, &page, b"<html>"), "zip-is-page");
    let mut cut = package();
    cut.truncate(cut.len() / 2);
    let report = Host::sound().file("builds/a.zip", cut).check();
    assert_eq!(ids(&report), ["zip-broken", "zip-length"]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn bad_download_redirects_are_reported() {
    let mut findings = Findings::default();
    let to = |location: &str| {
        let host = Host::sound().file("real.zip", package());
        let mut host = host.answers(ZIP_URL, 302, &[("location", location)], b"");
        host.files.insert("http://h/real.zip".to_owned(), package());
        host
    };
    // The facts are also read behind the redirect.
    assert_eq!(ids(&to("https://h/real.zip").check()), [""; 0]);
    findings.only(&to("/real.zip").check(), "zip-redirect");
    let mut query = to("/real.zip?u=https://x/y");
    query
        .files
        .insert("https://h/real.zip?u=https://x/y".to_owned(), package());
    findings.only(&query.check(), "zip-redirect");
    findings.only(&to("http://h/real.zip").check(), "zip-redirect");
    findings.only(&to(ZIP_URL).check(), "zip-redirect");
    insta::assert_snapshot!(findings.0);
}

#[test]
fn facts_are_read_from_the_zip_itself() {
    let mut findings = Findings::default();
    let with = |device: &str, date| {
        let props = Props::lineage("21.0", "nightly", device, date, "eng.2", 34, "2023-11-05");
        let zip = Package::files(props).build();
        let size = zip.len();
        let [one, two] = [
            v1(|entry| entry["size"] = size.into()),
            v2(|f| f["size"] = size.into()),
        ];
        let host = Host::sound()
            .file("builds/a.zip", zip)
            .file(PATHS[0], &*one);
        host.file(PATHS[1], &*one).file(PATHS[2], two).check()
    };
    findings.only(&with("dev", DATE - 3_600), "zip-datetime");
    findings.only(&with("other", DATE), "zip-device");
    insta::assert_snapshot!(findings.0);
}

#[test]
fn the_catalog_takes_precedence_over_the_zip() {
    let mut findings = Findings::default();
    let known = |timestamp| {
        let devices = ["dev", "dev2"].map(str::to_owned).into();
        let known = CatalogFacts { timestamp, devices };
        BTreeMap::from([("a.zip".to_owned(), known)])
    };
    let later = |entry: &mut serde_json::Value| entry["datetime"] = (DATE + 60).into();
    let with = |known| {
        let host = Host::sound().file(PATHS[0], v1(later));
        host.check_with(|task| {
            task.feeds.truncate(1);
            task.catalog_facts = known;
        })
    };
    findings.only(&with(BTreeMap::new()), "zip-datetime");
    findings.only(&with(known(DATE + 61)), "zip-datetime");
    assert_eq!(ids(&with(known(DATE + 60))), [""; 0]);
    let other_name = |known| {
        let path = "api/v1/dev2/nightly.json".to_owned();
        let host = Host::sound().file(&path, v1(|_| ()));
        host.check_with(|task| {
            task.feeds = feeds(BASE, &[path], None);
            task.catalog_facts = known;
        })
    };
    findings.only(&other_name(BTreeMap::new()), "zip-device");
    assert_eq!(ids(&other_name(known(DATE))), [""; 0]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn every_list_is_compared_with_the_zip() {
    let mut findings = Findings::default();
    let path = "api/v1/dev2/nightly.json";
    let with = |key: &str, value: u64| {
        let wrong = v1(|entry| entry[key] = value.into());
        // The correct list comes first.
        let paths = [PATHS[0], path].map(str::to_owned);
        let host = Host::sound().file(path, wrong);
        host.check_with(|task| task.feeds = feeds(BASE, &paths, None))
    };
    findings.only(&with("size", 7), "zip-length");
    findings.only(&with("datetime", 1_700_000_060), "zip-datetime");
    // A list under another name of the device is not an error.
    assert_eq!(ids(&with("datetime", 1_700_000_000)), [""; 0]);
    insta::assert_snapshot!(findings.0);
}

#[test]
fn known_hosts_have_their_own_findings() {
    let mut findings = Findings::default();
    let zip_at = |url: &str, size: u64| {
        let body = v1(|entry| {
            entry["url"] = url.into();
            entry["size"] = size.into();
        });
        // Detected from the address alone, without a connection.
        Host::sound().file(PATHS[0], body).check_with(|task| {
            task.zips = None;
            task.feeds.truncate(1);
        })
    };
    let asset = "https://github.com/o/r/releases/download/t";
    findings.only(
        &zip_at(&format!("{asset}/a.zip"), 2 << 30),
        "host-github-size",
    );
    assert_eq!(
        ids(&zip_at(&format!("{asset}/a~b.zip"), 9)),
        ["entry-url-name", "host-github-name"]
    );
    findings.only(
        &zip_at("https://github.com/o/r/raw/main/a.zip", 9),
        "host-github-raw",
    );
    findings.only(
        &zip_at("https://sourceforge.net/projects/p/files/a.zip/download", 9),
        "host-sourceforge",
    );
    assert_eq!(
        ids(&zip_at("https://mega.nz/file/x", 9)),
        ["entry-url-name", "host-page"]
    );
    let base = "https://raw.githubusercontent.com/o/r/main";
    let mut host = Host::sound();
    host.files
        .insert(format!("{base}/{}", PATHS[2]), v2(|_| ()));
    let report = host.check_with(|task| task.feeds = feeds(base, &[PATHS[2].to_owned()], None));
    findings.only(&report, "host-raw-type");
    insta::assert_snapshot!(findings.0);
}

#[test]
fn entries_follow_the_rules_of_import() {
    let with = |key: &str, value: serde_json::Value| {
        let body = v1(|entry| entry[key] = value.clone());
        let report = Host::sound().file(PATHS[0], body).check_with(|task| {
            task.zips = None;
            task.feeds.truncate(1);
        });
        let found = report.findings.into_iter();
        let found = found.map(|found| format!("{} {}", found.rule.id, found.text()));
        found.collect::<Vec<String>>()
    };
    for (key, value, expected) in [
        (
            "datetime",
            0.into(),
            "entry-field a.zip: datetime `0` is not a date",
        ),
        (
            "datetime",
            20_240_214.into(),
            "entry-field a.zip: datetime `20240214` is a calendar date",
        ),
        (
            "datetime",
            4_070_908_800_i64.into(),
            "entry-field a.zip: datetime `4070908800` is in the future (2099-01-01)",
        ),
        (
            "datetime",
            1_700_000_000_000_i64.into(),
            "entry-field a.zip: datetime `1700000000000` is in milliseconds",
        ),
        (
            "romtype",
            "nightly ".into(),
            "entry-field a.zip: romtype `nightly ` begins or ends",
        ),
        (
            "romtype",
            "gapps".into(),
            "entry-romtype a.zip: romtype `gapps` is not `nightly`",
        ),
        (
            "version",
            "21.0 ".into(),
            "entry-field a.zip: version `21.0 ` begins or ends",
        ),
        (
            "version",
            21.into(),
            "entry-field a.zip: version is the number 21",
        ),
        (
            "size",
            0.into(),
            "entry-field a.zip: size `0` is not the length",
        ),
        (
            "url",
            "https://h/builds/b.zip".into(),
            "entry-url-name a.zip: url ends in `b.zip`, and filename is `a.zip`",
        ),
    ] {
        let found = with(key, value);
        let [found] = &found[..] else {
            panic!("{found:?}")
        };
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(with("version", "21.0".into()), [""; 0]);
}

#[test]
fn a_list_without_an_entry_for_its_phones_is_reported() {
    let mut findings = Findings::default();
    let path = "dev.json";
    let ask = |romtypes: [&str; 2]| {
        let entries = romtypes.map(|romtype| {
            let body = v1(|entry| {
                entry["romtype"] = romtype.into();
                entry["id"] = romtype.into();
            });
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            body["response"][0].clone()
        });
        let body = serde_json::json!({ "response": entries }).to_string();
        let host = Host::sound().file(path, body);
        host.check_with(|task| {
            task.feeds = vec![Feed::from_url(
                &url(path),
                Kind::Device,
                "dev",
                Some("nightly"),
            )];
        })
    };
    assert_eq!(ids(&ask(["NIGHTLY", "weekly"])), [""; 0]);
    findings.only(&ask(["weekly", "gapps"]), "entry-romtype");
    insta::assert_snapshot!(findings.0);
}

#[test]
fn a_sourceforge_address_is_a_warning_until_it_is_asked_for() {
    let mut findings = Findings::default();
    let at = "https://sourceforge.net/projects/p/files/a.zip/download";
    let host = || Host::sound().file(PATHS[0], v1(|entry| entry["url"] = at.into()));
    let unasked = host().check_with(|task| {
        task.zips = None;
        task.feeds.truncate(1);
    });
    findings.only(&unasked, "host-sourceforge");
    assert!(!ota_view::finding::has_errors(&unasked.findings));
    let asked = |body: Vec<u8>| {
        let mut host = host();
        host.files.insert(at.to_owned(), body);
        host.check_with(|task| task.feeds.truncate(1))
    };
    assert_eq!(ids(&asked(package())), [""; 0]);
    findings.only(&asked(b"<!doctype html>".to_vec()), "zip-is-page");
    insta::assert_snapshot!(findings.0);
}

#[test]
fn a_custom_template_only_has_to_be_valid() {
    let mut findings = Findings::default();
    let own = |format| Maker::Own {
        name: "mine".to_owned(),
        format,
    };
    let path = "api/v1/dev/nightly.json";
    for (format, sound, broken) in [
        (Format::Json, "{\"my\": [1, 2]}", "{\"my\": [1, 2}"),
        (Format::Xml, "<a/>", "<a>"),
    ] {
        let list = (PATHS[2].to_owned(), Maker::LineageOs);
        let makers: Makers = [(path.to_owned(), own(format)), list].into();
        let check = |body: &str| {
            Host::sound().file(path, body).check_with(|task| {
                task.feeds = feeds(BASE, &[path, PATHS[2]].map(str::to_owned), Some(&makers));
            })
        };
        assert_eq!(ids(&check(sound)), [""; 0]);
        findings.only(&check(broken), "feed-unreadable");
    }
    insta::assert_snapshot!(findings.0);
}

/// Judges a body that a template made as its clients do; returns ids of rules, with the entries.
fn judge_template(name: &str, body: &str) -> Vec<String> {
    let path = "feeds/dev.json";
    let makers: Makers = [(path.to_owned(), Maker::Shipped(name.to_owned()))].into();
    let report = Host::sound().file(path, body).check_with(|task| {
        task.zips = None;
        task.feeds = feeds(BASE, &[path.to_owned()], Some(&makers));
    });
    let found = report.findings.iter();
    found
        .map(|found| format!("{} {}", found.rule.id, found.text()))
        .collect()
}

#[test]
fn feeds_of_templates_are_judged_by_their_clients() {
    let sha256 = "0".repeat(64);
    let core = serde_json::json!({
        "filename": "a.zip", "download": ZIP_URL, "timestamp": DATE, "size": 5, "version": "11.4",
        "md5": "x", "maintainer": "", "buildtype": "", "forum": "", "telegram": "", "gapps": "",
        "firmware": "", "modem": "", "bootloader": "", "recovery": "", "paypal": "",
        "sha256": sha256,
    });
    let response = |entry: serde_json::Value| serde_json::json!({ "response": [entry] });
    let single = serde_json::json!({
        "version": "16", "filename": "a.zip", "datetime": DATE, "size": 5, "url": ZIP_URL,
        "filehash": "x", "id": "x",
    });
    let array = serde_json::json!([{
        "datetime": DATE, "version": "16", "type": "x", "files": [{
            "filename": "a.zip", "os_patch_level": "2025-04-05", "os_sdk_level": 37,
            "sha256": sha256, "size": 5, "url": ZIP_URL,
        }],
    }]);
    let custota = serde_json::json!({
        "version": 2, "full": { "location_ota": "a.zip", "location_csig": "a.zip.csig" },
    });
    let without = |value: &serde_json::Value, key: &str| {
        let mut value = value.clone();
        let at = match value.pointer_mut("/0/files/0") {
            Some(file) => file,
            None => &mut value,
        };
        drop(at.as_object_mut().unwrap().remove(key));
        value
    };
    let mut dated = core.clone();
    dated["timestamp"] = 20_240_214.into();
    for (template, sound, broken, rule) in [
        (
            "crdroid",
            response(core.clone()),
            response(without(&core, "telegram")),
            "feed-entry-dropped",
        ),
        (
            "crdroid",
            response(core.clone()),
            response(dated),
            "entry-field",
        ),
        (
            "crdroid-16",
            response(without(&core, "telegram")),
            response(without(&core, "sha256")),
            "feed-unreadable",
        ),
        (
            "evolution-x",
            response(without(&core, "telegram")),
            response(without(&core, "forum")),
            "feed-entry-dropped",
        ),
        (
            "pixelos",
            single.clone(),
            without(&single, "filehash"),
            "feed-entry-dropped",
        ),
        (
            "pixelos-17",
            array.clone(),
            without(&array, "os_patch_level"),
            "feed-unreadable",
        ),
        (
            "v2-incremental",
            array.clone(),
            without(&array, "sha256"),
            "feed-unreadable",
        ),
        (
            "custota",
            custota.clone(),
            without(&custota, "version"),
            "feed-unreadable",
        ),
    ] {
        let found = judge_template(template, &sound.to_string());
        assert_eq!(found, [""; 0], "{template}");
        let found = judge_template(template, &broken.to_string());
        assert!(!found.is_empty(), "{template}");
        for found in found {
            assert!(found.starts_with(rule), "{template}: {found}");
        }
    }
    let line = format!("eng.2 {DATE} dev stable\n");
    assert_eq!(judge_template("grapheneos", &line), [""; 0]);
    let found = judge_template("grapheneos", "eng.2 dev stable\n");
    assert!(found[0].starts_with("feed-unreadable"), "{found:?}");
}

#[test]
fn lineageos_older_list_is_also_judged_by_the_forks_that_read_it() {
    let entry = serde_json::json!({
        "datetime": DATE, "filename": "a.zip", "id": "x", "romtype": "nightly", "size": 5,
        "url": ZIP_URL, "version": "21.0",
    });
    let judge = |entry: &serde_json::Value| {
        let list = serde_json::json!({ "response": [entry] });
        judge_template("v1", &list.to_string())
    };
    let without = |key: &str| {
        let mut entry = entry.clone();
        drop(entry.as_object_mut().unwrap().remove(key));
        judge(&entry)
    };
    assert_eq!(judge(&entry), [""; 0]);
    let found = without("id");
    let is_of =
        |found: &&String| found.starts_with("feed-unreadable") && found.contains("DerpFest 16");
    assert_eq!(found.iter().filter(is_of).count(), 1, "{found:?}");
    // DerpFest reads no release type; the others leave the entry out.
    let found = without("romtype");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("feed-entry-dropped"), "{found:?}");
    for name in ["AxionOS", "LMODroid 14", "LineageOS 16.0 to 22.0"] {
        assert!(found[0].contains(name), "{found:?}");
    }
    assert!(!found[0].contains("DerpFest"), "{found:?}");
}

#[test]
fn builds_lost_since_publication_are_reported() {
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(1)), bacon(1));
    let live = Folder {
        base: String::new(),
        root: dir.path().join("live"),
        builds: dir.path().join("builds"),
    };
    let base = serve(live);
    let generate = |flags: &[&str]| {
        let url = ["generate", "--url", "https://h/{filename}"];
        dir.run(&[&url, flags].concat()).expect(0);
    };
    let ids = |base: &str| {
        let run = dir.run(&["check", "--json", "--url", base]);
        let rule = |line: &str| {
            let finding: serde_json::Value = serde_json::from_str(line).unwrap();
            finding["id"].as_str().unwrap().to_owned()
        };
        run.stdout.lines().map(rule).collect::<Vec<String>>()
    };
    let has = |base: &str, id: &str| ids(base).iter().any(|found| found == id);
    // No build was published yet.
    generate(&[]);
    assert!(!has(&base, "builds-lost"));
    generate(&["--out", "live"]);
    assert!(!has(&base, "builds-lost"));
    // A machine with another catalog, which generates the folder again.
    dir.remove(&format!("builds/{}", bacon_name(0)));
    dir.remove("catalog.json");
    std::fs::remove_dir_all(dir.path().join("out")).unwrap();
    generate(&[]);
    assert!(has(&base, "builds-lost"));
    assert!(has("http://127.0.0.1:1", "site-not-compared"));
}

#[test]
fn file_names_that_windows_or_macos_cannot_store_are_reported() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate", "--base-url", BASE_URL]).expect(0);
    dir.put("out/Bacon/x.txt", "");
    dir.put("out/api/aux.txt", "");
    let run = dir
        .run(&["check", "--json", "--base-url", BASE_URL])
        .expect(0);
    for (id, path) in [("name-case", "bacon"), ("name-reserved", "api/aux.txt")] {
        let lines = run.stdout.lines();
        let mut lines = lines.filter(|line| line.contains(&format!("\"{id}\"")));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("{id}: {}", run.stdout));
        assert!(
            line.contains(path) && lines.next().is_none(),
            "{}",
            run.stdout
        );
    }
    // The ids, for a text search: "name-case" and "name-reserved".
}

#[test]
fn every_rule_has_a_test() {
    let tests = include_str!("check.rs");
    for rule in rules::ALL {
        assert!(tests.contains(&format!("\"{}\"", rule.id)), "{}", rule.id);
    }
}

/// Serves a folder over plain http until the test ends; returns its address.
fn serve(folder: Folder) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let folder = Folder {
        base: base.clone(),
        ..folder
    };
    let address = base.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let range = head
                .lines()
                .find_map(|line| line.strip_prefix("range: bytes="));
            let range = range.and_then(|range| range.split_once('-'));
            let url = format!("{address}{path}");
            let ask = Request {
                post: head.starts_with("POST").then_some(""),
                range: range.map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())),
                ..Request::get(&url, 1 << 20)
            };
            let found = folder.fetch(&ask).unwrap();
            let mut reply = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", found.status);
            for (name, value) in found
                .headers
                .iter()
                .filter(|(name, _)| name != "content-length")
            {
                reply += &format!("{name}: {value}\r\n");
            }
            reply += &format!("content-length: {}\r\n\r\n", found.body.len());
            let _ = stream.write_all(reply.as_bytes());
            let _ = stream.write_all(&found.body);
        }
    });
    base
}

fn site() -> RomDir {
    let dir = RomDir::new().file("builds/lineage-21.0-20231114-nightly-dev.zip", package());
    dir.generate().expect(0);
    dir
}

/// Returns the ids in the output of `--json`.
fn ids_of(run: &Run) -> Vec<String> {
    let lines = run.stdout.lines();
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_folder_is_checked_offline() {
    let dir = site();
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(0);
    assert_eq!(run.stdout, "");
    run.says("out: nothing wrong in 7 feeds and 1 zip");
    dir.put("out/api/v1/dev/nightly/eng.2", "<html>");
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    run.says("error feed-unreadable api/v1/dev/nightly/eng.2: the body is text, not an object");
    dir.remove("out/api/v1/dev/nightly/eng.2");
    let run = dir
        .run(&["check", "--base-url", BASE_URL, "--json"])
        .expect(1);
    let line: serde_json::Value = run.json();
    assert_eq!(line["id"], "feed-incremental-missing");
    assert_eq!(line["severity"], "error");
    for key in ["place", "message", "source", "fix"] {
        assert!(
            line[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}"
        );
    }
}

#[test]
fn missing_files_are_reported() {
    let check = |dir: &RomDir| dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    let dir = site();
    for path in ["404.html", "dev.json", "api/v1/dev/nightly.json"] {
        dir.remove(&format!("out/{path}"));
    }
    check(&dir)
        .says("error site-file-missing 404.html and 2 more: there is no such file")
        .says("fix: run romfeed generate\nout: 1 error");
    // Missing lists that the catalog needs are reported without romfeed's own list of files.
    dir.remove("out/.romfeed/manifest.json");
    check(&dir).says("error site-file-missing api/v1/dev/nightly.json and 1 more");
    let dir = site();
    dir.remove("out/dev.json");
    dir.put("out/dev.json/x", "");
    check(&dir)
        .says("error site-file-missing dev.json: it is a folder, not a file")
        .says("fix: remove what is there, and run romfeed generate");
    // Without any list, it is still a site.
    let dir = site();
    std::fs::remove_dir_all(dir.path().join("out/api")).unwrap();
    dir.remove("out/dev.json");
    let run = dir.run(&["check", "--base-url", BASE_URL, "--json"]);
    let ids = ids_of(&run.expect(1));
    assert!(ids.contains(&"site-file-missing".to_owned()), "{ids:?}");
    assert!(ids.contains(&"site-empty".to_owned()), "{ids:?}");
    dir.put("out/.romfeed/manifest.json", "{");
    dir.run(&["check", "--base-url", BASE_URL])
        .expect(2)
        .says("manifest.json cannot be read")
        .says("hint: restore the last valid one from git or from the live site");
    // Paths that lead out of the site are ignored.
    let dir = site();
    dir.put(
        "out/.romfeed/manifest.json",
        r#"{"schema":1,"files":["../gone","/gone","a//b"]}"#,
    );
    dir.run(&["check", "--base-url", BASE_URL]).expect(0);
}

#[test]
fn findings_in_a_folder_do_not_mention_a_host() {
    let check = |dir: &RomDir| dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    let dir = site();
    let zip = "builds/lineage-21.0-20231114-nightly-dev.zip";
    dir.put("out/api/v1/dev/nightly.json", "{\"a\":1,\"a\":2");
    let run = check(&dir).says("feed-unreadable").says("feed-not-strict");
    assert_eq!(run.stderr.matches("fix: run romfeed generate\n").count(), 2);
    dir.generate().expect(0);
    dir.remove(zip);
    let run = check(&dir);
    assert!(!run.stderr.contains("404"), "{}", run.stderr);
    run.says(&format!("{}: there is no such file", native(zip)));
    let run = dir.run(&["check", "--base-url", BASE_URL, "--json"]);
    assert_eq!(ids_of(&run.expect(1)), ["zip-file-missing"]);
}

#[cfg(unix)]
#[test]
fn broken_links_and_unreadable_files_are_reported() {
    use std::os::unix::fs::symlink;
    let check = |dir: &RomDir| dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    let dir = site();
    let list = "api/v1/dev/nightly.json";
    let file = dir.path().join("out").join(list);
    std::fs::remove_file(&file).unwrap();
    symlink("nothing", &file).unwrap();
    check(&dir).says(&format!(
        "site-file-missing {list}: it is a link to a file that does not exist"
    ));
    std::fs::remove_file(&file).unwrap();
    symlink("..", &file).unwrap();
    check(&dir).says(&format!(
        "site-file-missing {list}: it is a link to a folder, not a file"
    ));
    std::fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    check(&dir).says(&format!(
        "site-file-missing {list}: it is a named pipe, not a file"
    ));
    // Permissions do not stop the superuser; a link to itself does.
    std::fs::remove_file(&file).unwrap();
    symlink(&file, &file).unwrap();
    let run = dir
        .run(&["check", "--base-url", BASE_URL, "--json"])
        .expect(1);
    let line = run.json();
    assert_eq!(line["id"], "file-unreadable");
    assert_eq!(line["place"], list);
}

#[test]
fn a_date_from_the_settings_is_accepted() {
    let dir = RomDir::new().file("builds/lineage-21.0-20231114-nightly-dev.zip", package());
    dir.put(
        "romfeed.toml",
        "[[override]]\npackage = \"*.zip\"\ndatetime = 1700000060\n",
    );
    dir.generate().expect(0);
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(0);
    run.says("nothing wrong");
}

#[test]
fn the_rom_settings_are_printed_for_each_variant() {
    let dir = RomDir::new()
        .file(
            "builds/gapps/lineage-21.0-20231114-nightly-dev.zip",
            package(),
        )
        .file(
            "romfeed.toml",
            "[[variant]]\nname = \"gapps\"\npackage = \"gapps/**\"\n",
        );
    dir.generate().expect(0);
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(0);
    run.says(&format!("lineage.updater.uri={BASE_URL}/gapps/api/v1/"))
        .says("-v shows the overlay");
    let run = dir.run(&["check", "-v", "--base-url", BASE_URL]).expect(0);
    run.says(&format!("{BASE_URL}/%1$s/changes.html"))
        .says(&format!("{BASE_URL}/gapps/api/v2/"));
}

#[test]
fn a_live_site_is_checked_with_or_without_a_folder() {
    let dir = site();
    let base = serve(Folder {
        base: String::new(),
        root: dir.path().join("out"),
        builds: dir.path().join("builds"),
    });
    // Plain http is the only finding: the settings give another address for the zip.
    let run = dir
        .run(&["check", "--url", &base, "--json", "--timeout", "2"])
        .expect(1);
    let ids = ids_of(&run);
    assert!(ids.contains(&"site-not-https".to_owned()), "{ids:?}");
    assert!(!ids.iter().any(|id| id.starts_with("feed-")), "{ids:?}");
    let nowhere = RomDir::new();
    let run = nowhere
        .run(&["check", "--url", &base, "--timeout", "2"])
        .expect(1);
    run.says("in 7 feeds and");
    let phone = ["--device", "dev", "--type", "NIGHTLY", "--incr", "eng.2"];
    let template = format!("{base}/api/v1/{{device}}/{{type}}/{{incr}}");
    let args = [&["check", "--url", &template, "--timeout", "2"], &phone[..]].concat();
    nowhere.run(&args).expect(1).says("in 1 feed and");
    let template = format!("{base}/api/v1/{{device}}/{{type}}/{{incr}}x");
    let args = [&["check", "--url", &template, "--timeout", "2"], &phone[..]].concat();
    nowhere.run(&args).expect(1).says("feed-status");
}

#[test]
fn invalid_arguments_are_refused() {
    let dir = RomDir::new();
    dir.run(&["check"])
        .expect(2)
        .says("there is no site in out");
    dir.run(&["check", "--url", "ftp://h"])
        .expect(2)
        .says("https://");
    let run = dir
        .run(&["check", "--url", "https://h\u{1b}[31m\n/"])
        .expect(1);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    run.says("site-unreachable https://h\\u{1b}[31m\\n: ");
    dir.run(&["check", "--url", "https://h/{device}"])
        .expect(2)
        .says("--device");
    dir.run(&["check", "--ca", "none.pem"])
        .expect(2)
        .says("none.pem");
    dir.put("empty.pem", "nothing");
    dir.run(&["check", "--ca", "empty.pem"])
        .expect(2)
        .says("no certificate");
    let listed = dir.run(&["check", "--rules"]).expect(0).stdout;
    for rule in rules::ALL {
        assert!(
            listed.contains(rule.id) && listed.contains(rule.source),
            "{}",
            rule.id
        );
    }
}
