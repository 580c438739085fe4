//! The zips behind the lists: their addresses, and the facts inside them.

use romfeed::clients::check::{CatalogFacts, LinkedImage};

use super::*;

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
fn bad_images_are_reported() {
    const URL: &str = "https://dl/recovery.img";
    let mut findings = Findings::default();
    let check = |host: Host| {
        host.check_with(|task| {
            let url = URL.to_owned();
            task.images = vec![LinkedImage { url, size: 12 }];
        })
    };
    let with = |status, headers: &[(&str, &str)], body: &[u8]| {
        check(Host::sound().answers(URL, status, headers, body))
    };
    let range = |range| [("content-range", range)];
    assert_eq!(ids(&with(206, &range("bytes 0-0/12"), b"A")), [""; 0]);
    assert_eq!(ids(&with(206, &range("bytes 0-0/*"), b"A")), [""; 0]);
    assert_eq!(ids(&with(200, &[], b"ANDROID!")), [""; 0]);
    // Browsers follow redirects that updaters do not.
    let redirected = Host::sound().answers(URL, 302, &[("location", "/there.img")], b"");
    let there = ("https://dl/there.img", 206, &range("bytes 0-0/12"));
    let redirected = redirected.answers(there.0, there.1, there.2, b"A");
    assert_eq!(ids(&check(redirected)), [""; 0]);

    findings.only(&check(Host::sound()), "image-missing");
    let page = [("content-type", "text/html; charset=utf-8")];
    findings.only(&with(200, &page, b"<html>"), "image-missing");
    let refused = Fault::Connection {
        reason: "refused".to_owned(),
    };
    let unreachable = Host::sound().fails(URL, refused);
    findings.only(&check(unreachable), "image-missing");
    findings.only(&with(206, &range("bytes 0-0/13"), b"A"), "image-length");
    findings.only(&with(200, &[("content-length", "7")], b"A"), "image-length");
    insta::assert_snapshot!(findings.0);
}
