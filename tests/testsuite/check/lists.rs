//! What the lists say: form, entries, missing lists, and the catalog they are made from.

use romfeed::clients::check::Installed;
use romfeed::clients::check::target::{Feed, Kind};

use super::*;

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
