//! Answers that a static host cannot give, as LineageOTA and the official backend give them.

use std::sync::atomic::{AtomicI64, Ordering};

use romfeed::clients::updaters::{self, Generation, Phone, Verdict};
use serde_json::Value;

use super::*;
use crate::support::{bacon, bacon_name};

const DAY: i64 = 86_400;

/// Full builds of CyanogenMod for one phone, with a delta between them.
const CATALOG: &str = r#"{"schema":1,"builds":[
{"device":"mako","romtype":"NIGHTLY","version":"12.1","datetime":1440000000,"incremental":"a1","kind":"full",
 "sdk_level":22,"path":"mako/cm-12.1-20150819-NIGHTLY-mako.zip","size":11,
 "md5":"11111111111111111111111111111111","sha256":"1111111111111111111111111111111111111111111111111111111111111111"},
{"device":"mako","romtype":"NIGHTLY","version":"12.1","datetime":1440086400,"incremental":"a2","kind":"full",
 "sdk_level":22,"path":"mako/cm-12.1-20150820-NIGHTLY-mako.zip","size":12,
 "md5":"22222222222222222222222222222222","sha256":"2222222222222222222222222222222222222222222222222222222222222222"},
{"device":"mako","romtype":"NIGHTLY","version":"12.1","datetime":1440086400,"incremental":"a2","kind":"delta",
 "source_incremental":"a1","block_based":true,"sdk_level":22,"path":"mako/delta.zip","size":3,
 "md5":"33333333333333333333333333333333","sha256":"3333333333333333333333333333333333333333333333333333333333333333"},
{"device":"mako","romtype":"UNOFFICIAL","version":"13.0","datetime":1460000000,"kind":"full",
 "path":"mako/cm-13.0-20160407-UNOFFICIAL-mako.zip","size":13,"url":"https://elsewhere.example/13.zip",
 "md5":"44444444444444444444444444444444","sha256":"4444444444444444444444444444444444444444444444444444444444444444"}
]}"#;

/// LineageOTA's answer for the two nightlies: thirteen keys in this order, the API level as text.
const NIGHTLIES: &str = r#"
{"incremental":"a2","api_level":"22","url":"https://example.org/ota/builds/mako/cm-12.1-20150820-NIGHTLY-mako.zip","timestamp":1440086400,"md5sum":"22222222222222222222222222222222","changes":"https://example.org/ota/builds/mako/cm-12.1-20150820-NIGHTLY-mako.txt","channel":"nightly","filename":"cm-12.1-20150820-NIGHTLY-mako.zip","romtype":"nightly","datetime":1440086400,"version":"12.1","id":"2222222222222222222222222222222222222222222222222222222222222222","size":12},
{"incremental":"a1","api_level":"22","url":"https://example.org/ota/builds/mako/cm-12.1-20150819-NIGHTLY-mako.zip","timestamp":1440000000,"md5sum":"11111111111111111111111111111111","changes":"","channel":"nightly","filename":"cm-12.1-20150819-NIGHTLY-mako.zip","romtype":"nightly","datetime":1440000000,"version":"12.1","id":"1111111111111111111111111111111111111111111111111111111111111111","size":11}
"#;

/// The user agent of its test client.
const CMUPDATER: [&str; 2] = [
    "User-Agent: com.cyanogenmod.updater/2.3",
    "Content-Type: application/json",
];

fn mako() -> (RomDir, SocketAddr) {
    let dir = RomDir::new()
        .file("catalog.json", CATALOG)
        .file("builds/mako/cm-12.1-20150820-NIGHTLY-mako.txt", "new");
    let config = Config {
        block_deltas: true,
        ..config(&dir)
    };
    let addr = serve_with(config, limits(), || NOW);
    (dir, addr)
}

fn post(addr: SocketAddr, target: &str, body: &str) -> Answer {
    ask(addr, "POST", target, &CMUPDATER, body)
}

#[test]
fn the_test_client_of_lineageota_is_answered() {
    let (_dir, addr) = mako();
    let body = r#"{"method":"get_all_builds","params":{"device":"mako","channels":["stable","snapshot","RC","nightly"],"source_incremental":"a0"}}"#;
    // For LineageOTA the build of 13.0 is a nightly too, but it lacks keys that CMUpdater requires.
    let list = post(addr, "/api", body);
    assert_eq!(
        list.text(),
        format!("{{\"id\":null,\"result\":[{NIGHTLIES}],\"error\":null}}\n")
    );
    assert_eq!(list.header("content-type"), "application/json");
    for target in ["/", "/ota", "/ota/api/", "/legacy/mako/nightly"] {
        assert_eq!(post(addr, target, body).text(), list.text(), "{target}");
    }
    for (params, num) in [
        (r#"{"device":"mako","channels":["stable"]}"#, 0),
        (r#"{"device":"MAKO","channels":["nightly"]}"#, 0),
        (r#"{"device":"mako","channels":["NIGHTLY"]}"#, 2),
        (r#"{"device":"mako"}"#, 2),
        ("null", 2),
    ] {
        let answer = post(addr, "/api", &format!(r#"{{"params":{params}}}"#));
        let num_found = answer.json()["result"].as_array().unwrap().len();
        assert_eq!(num_found, num, "{params}");
    }
    assert_eq!(post(addr, "/api", "").text(), list.text());
    assert_eq!(get(addr, "/api").text(), list.text());
}

#[test]
fn the_test_client_of_lineageota_gets_a_delta() {
    let (_dir, addr) = mako();
    let expected = "{\"date_created_unix\":1440086400,\"filename\":\"delta.zip\",\
        \"download_url\":\"https://example.org/ota/builds/mako/delta.zip\",\"api_level\":22,\
        \"md5sum\":\"33333333333333333333333333333333\",\"incremental\":\"a2\"}\n";
    let none = "{\"errors\":{\"message\":\"Unable to find delta\"}}\n";
    for target in [
        "/api/v1/build/get_delta",
        "/legacy/mako/nightly/v1/build/get_delta",
    ] {
        let ask = |body: &str| post(addr, target, body);
        let plain = r#"{"source_incremental":"a1","target_incremental":"a2"}"#;
        assert_eq!(ask(plain).text(), expected);
        assert_eq!(ask(&format!(r#"{{"params":{plain}}}"#)).text(), expected);
        let back = r#"{"source_incremental":"a2","target_incremental":"a1"}"#;
        assert_eq!((ask(back).status, ask(back).text()), (200, none));
        assert_eq!(ask("{}").text(), none);
    }
}

#[test]
fn the_test_client_of_lineageota_gets_a_list_by_get() {
    let (_dir, addr) = mako();
    let ask_as = |target: &str, agent: &str| ask(addr, "GET", target, &[agent], "");
    for incremental in ["68fb067fc8", "a%20b"] {
        let target = format!("/api/v1/mako/nightly/{incremental}");
        let answer = ask_as(&target, "User-Agent: com.cyanogenmod.updater/3.0");
        assert_eq!(
            answer.text(),
            format!("{{\"id\":null,\"response\":[{NIGHTLIES}],\"error\":null}}\n")
        );
        assert_eq!(answer.header("vary"), "User-Agent");
        // One generation refuses unknown keys.
        let seven = ask_as(&target, "User-Agent: Dalvik/2.1.0").json();
        let keys: Vec<&String> = seven["response"][0].as_object().unwrap().keys().collect();
        let expected = [
            "datetime", "filename", "id", "romtype", "size", "url", "version",
        ];
        assert_eq!(keys, expected);
    }
    // A phone with a known build gets its own list, including the delta.
    let own = ask_as("/api/v1/mako/nightly/a1", CMUPDATER[0]).json();
    let names: Vec<&str> = own["response"]
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .collect();
    assert_eq!(names, ["cm-12.1-20150820-NIGHTLY-mako.zip", "delta.zip"]);
    for (target, num) in [
        ("/api/v1/mako", 3),
        ("/api/v1/mako/NIGHTLY", 2),
        ("/api/v1/mako/unofficial/", 1),
        ("/api/v1/mako/weekly/x", 0),
        ("/api/v1/other", 0),
    ] {
        for agent in [CMUPDATER[0], "User-Agent: other"] {
            let answer = ask_as(target, agent);
            assert_eq!(answer.status, 200);
            let num_found = answer.json()["response"].as_array().unwrap().len();
            assert_eq!(num_found, num, "{target} {agent}");
        }
    }
}

fn name(entry: &Value) -> &str {
    entry["filename"].as_str().unwrap()
}

#[test]
fn clients_accept_the_answers() {
    let (_dir, addr) = mako();
    let mut phone = Phone {
        device: "mako".to_owned(),
        release_type: "NIGHTLY".to_owned(),
        version: "12.1".to_owned(),
        incremental: "unknown".to_owned(),
        datetime: 1_440_000_000,
        sdk: 22,
        ..Phone::default()
    };
    let offered = |body: &[u8], generation, phone: &Phone| {
        let listing = updaters::assess(generation, body, phone).unwrap();
        assert!(listing.dropped.is_empty(), "{:?}", listing.dropped);
        let rows = listing.rows.into_iter();
        let rows = rows.filter(|row| row.verdict == Verdict::Offered);
        rows.map(|row| row.entry.filename).collect::<Vec<_>>()
    };
    let request =
        updaters::request(Generation::Cm12, &format!("http://{addr}/api"), &phone).unwrap();
    let body = post(addr, "/api", &request.body.unwrap()).body;
    assert_eq!(
        offered(&body, Generation::Cm12, &phone),
        ["cm-12.1-20150820-NIGHTLY-mako.zip"]
    );
    phone.release_type = "UNOFFICIAL".to_owned();
    phone.version = "13.0".to_owned();
    let request =
        updaters::request(Generation::Cm14, &format!("http://{addr}/api"), &phone).unwrap();
    let target = request.url.strip_prefix(&format!("http://{addr}")).unwrap();
    let body = ask(addr, "GET", target, &CMUPDATER, "").body;
    assert_eq!(
        offered(&body, Generation::Cm14, &phone),
        ["cm-13.0-20160407-UNOFFICIAL-mako.zip"]
    );
}

fn bacon_site() -> RomDir {
    let dir = RomDir::new();
    for days in 0..3 {
        dir.put(&format!("builds/{}", bacon_name(days)), bacon(days));
    }
    dir.generate().expect(0);
    dir
}

#[test]
fn lists_are_filtered_by_date_and_version_like_the_official_backend() {
    let dir = bacon_site();
    let addr = serve(&dir);
    let at = |days: i64| 1_700_000_000 + days * DAY;
    let all = [bacon_name(2), bacon_name(1), bacon_name(0)];
    for (query, expected) in [
        (String::new(), &all[..]),
        (format!("?after={}", at(0)), &all[..2]),
        (format!("?after={}", at(0) - 1), &all[..]),
        // The first is of the 14th of November, so that is the date.
        ("?after=2023-11-14".to_owned(), &all[..2]),
        ("?after=2023-11-13".to_owned(), &all[..]),
        ("?version=21.0".to_owned(), &all[..]),
        ("?version=21".to_owned(), &[]),
        (format!("?version=21.0&after={}", at(2)), &[]),
    ] {
        let answer = get(addr, &format!("/api/v1/bacon/nightly/any{query}")).json();
        let names = answer["response"].as_array().unwrap().iter().map(name);
        assert_eq!(names.collect::<Vec<_>>(), expected, "{query}");
    }
    let bad = get(addr, "/api/v1/bacon/nightly/any?after=soon");
    assert_eq!(bad.status, 400);
    assert!(bad.json()["error"].as_str().unwrap().contains("`soon`"));
}

#[test]
fn the_paths_of_the_official_backend_are_answered() {
    let dir = bacon_site();
    let addr = serve(&dir);
    for (path, file) in [
        ("/api/v1/types/bacon/", "api/v1/types/bacon.json"),
        ("/api/v1/devices", "api/v1/devices.json"),
        ("/api/v2/oems", "api/v2/oems.json"),
        ("/api/v2/devices/bacon", "api/v2/devices/bacon.json"),
        (
            "/api/v2/devices/bacon/builds/",
            "api/v2/devices/bacon/builds.json",
        ),
        ("/api/v1/bacon/nightly/inc1", "api/v1/bacon/nightly/inc1"),
    ] {
        let answer = get(addr, path);
        assert_eq!(answer.body, dir.read(&format!("out/{file}")), "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    for (path, status, body) in [
        ("/api/v1/types/other", 200, "{\"response\":[\"nightly\"]}\n"),
        (
            "/api/v2/devices/other",
            400,
            "{\"error\":\"This device does not exist\"}\n",
        ),
        ("/api/v2/devices/other/builds", 200, "[]\n"),
        ("/api/v1/other/nightly/x", 200, "{\"response\":[]}\n"),
        (
            "/api/v1/changes/bacon/-1/",
            200,
            "{\"last\":0,\"res\":[]}\n",
        ),
        ("/api/v1/changes/all", 200, "{\"last\":0,\"res\":[]}\n"),
        ("/api/v2/changes?page=1", 200, "[]\n"),
    ] {
        let answer = get(addr, path);
        assert_eq!((answer.status, answer.text()), (status, body), "{path}");
    }
    for path in [
        "/api/v1/other/nightly.json",
        "/api/v2/devices/other.json",
        "/other.json",
    ] {
        assert_eq!(get(addr, path).status, 404, "{path}");
    }
}

#[test]
fn a_changed_catalog_is_served() {
    let dir = bacon_site();
    let addr = serve(&dir);
    let offers = |name: &str| {
        get(addr, "/api/v1/bacon/nightly.json")
            .text()
            .contains(name)
    };
    assert!(offers(&bacon_name(2)));
    dir.run(&["catalog", "yank", "--reason", "bad", &bacon_name(2)])
        .expect(0);
    wait_for(|| !offers(&bacon_name(2)));
    // A broken one is not, however often the catalog is checked.
    dir.put("catalog.json", "{");
    std::thread::sleep(10 * WATCH_INTERVAL);
    assert!(offers(&bacon_name(1)));
}

#[test]
fn a_held_build_is_offered_once_min_age_is_over() {
    static CLOCK: AtomicI64 = AtomicI64::new(1_700_000_000 + 2 * DAY + 3_599);
    let dir = bacon_site();
    let mut config = config(&dir);
    config.retention.min_age = Some(3_600);
    let addr = serve_with(config, limits(), || CLOCK.load(Ordering::Relaxed));
    let offers = || {
        get(addr, "/api/v1/bacon/nightly.json")
            .text()
            .contains(&bacon_name(2))
    };
    assert!(!offers());
    CLOCK.fetch_add(1, Ordering::Relaxed);
    wait_for(offers);
}

#[test]
fn each_variant_has_its_own_paths() {
    let dir = RomDir::new().file(
        "romfeed.toml",
        "[[variant]]\nname = \"gapps\"\npackage = \"gapps/*\"\n",
    );
    dir.put(&format!("builds/gapps/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    let addr = serve(&dir);
    let num = |target| {
        let answer = post(addr, target, "").json();
        answer["result"].as_array().unwrap().len()
    };
    assert_eq!((num("/gapps/api"), num("/gapps"), num("/api")), (1, 1, 0));
    let list = |target| {
        get(addr, target).json()["response"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(list("/gapps/api/v1/bacon/nightly/any"), 1);
    assert_eq!(list("/api/v1/bacon/nightly/any"), 0);
    assert_eq!(
        get(addr, "/gapps/api/v1/devices").text(),
        "{\"21.0\":[\"bacon\"]}\n"
    );
}
