//! What the host does: addresses, redirects, missing pages, letter case, and the limits of known hosts.

use romfeed::fetch::TlsFault;
use romfeed::publish::writer::Manifest;

use super::*;

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
    assert!(listed.files.iter().eq([PATHS[0], PATHS[2]]));
    // The advice depends on the cause, for zips as well.
    let fix = |fault: Fault| Host::sound().fails(ZIP_URL, fault).check().findings[0].fix();
    let of_certificate = fix(Fault::Tls(TlsFault::Authority));
    assert!(of_certificate.contains("CA:FALSE"), "{of_certificate}");
    assert!(fix(refused).contains("firewall"));
    let host = "h".to_owned();
    assert!(fix(Fault::Name { host }).contains("DNS"));
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
