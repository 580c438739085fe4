//! Changes of the catalog through the server.

use serde_json::{Value, json};

use super::*;
use crate::support::{bacon, bacon_name};

fn site() -> (RomDir, SocketAddr, String) {
    let dir = RomDir::new().file(format!("builds/{}", bacon_name(0)).as_str(), bacon(0));
    dir.generate().expect(0);
    let made = dir.run(&["serve", "--new-key", "ci"]).expect(0);
    let key = format!("Apikey: {}", made.stdout.trim());
    let addr = serve(&dir);
    (dir, addr, key)
}

fn facts() -> Value {
    json!({
        "device": "mako",
        "filename": "lineage-14.1-20170801-nightly-mako.zip",
        "md5sum": "A".repeat(32),
        "romtype": "nightly",
        "url": "https://elsewhere.example/x.zip",
        "version": "14.1",
        "datetime": 1_501_600_000,
        "size": 5,
        "sha256": "b".repeat(64),
        "incremental": "c0ffee",
    })
}

fn add(addr: SocketAddr, key: &str, body: &str) -> Answer {
    ask(addr, "POST", "/api/v1/add_build", &[key], body)
}

#[test]
fn a_build_is_added_found_and_removed() {
    let (dir, addr, key) = site();
    let added = add(addr, &key, &facts().to_string());
    assert_eq!((added.status, added.text()), (200, "ok"));
    // It is served before the answer comes.
    let list = get(addr, "/api/v1/mako/nightly/c0ffee0").json();
    assert_eq!(
        list["response"][0]["url"],
        "https://elsewhere.example/x.zip"
    );
    let id = "b".repeat(64);
    let file = get(addr, &format!("/api/v1/requestfile/{id}")).json();
    let expected = json!({"url": "https://elsewhere.example/x.zip", "md5sum": "a".repeat(32)});
    assert_eq!(file, expected);
    assert!(
        dir.run(&["catalog", "list"])
            .expect(0)
            .stdout
            .contains("mako")
    );

    let delete = |body: &str| ask(addr, "POST", "/api/v1/del_build", &[&key], body);
    assert_eq!(delete("").status, 400);
    assert_eq!(delete("{").status, 400);
    assert_eq!(delete("{\"id\":5}").status, 406);
    assert_eq!(delete("{\"id\":\"unknown\"}").status, 404);
    assert_eq!(delete(&json!({ "id": id }).to_string()).text(), "ok");
    assert_eq!(get(addr, &format!("/api/v1/requestfile/{id}")).status, 404);

    let target = format!("/api/v1/{}", bacon_name(0));
    let removed = ask(addr, "DELETE", &target, &[&key], "");
    assert_eq!((removed.status, removed.text()), (200, ""));
    assert_eq!(ask(addr, "DELETE", &target, &[&key], "").status, 404);
    let list = get(addr, "/api/v1/bacon/nightly/any").json();
    assert_eq!(list["response"], json!([]));
    assert_eq!(
        ask(addr, "POST", "/api/v1/purgecache", &[&key], "").text(),
        "ok"
    );
}

#[test]
fn a_build_that_phones_could_not_use_is_refused_with_what_is_expected() {
    let (dir, addr, key) = site();
    let before = dir.read("catalog.json");
    let with = |name: &str, value: Value| {
        let mut facts = facts();
        facts[name] = value;
        facts.to_string()
    };
    for (body, status, says) in [
        (String::new(), 400, "there is no body"),
        ("{".to_owned(), 400, "no JSON"),
        ("[]".to_owned(), 400, "no JSON object"),
        ("{}".to_owned(), 406, "`device` is missing"),
        (with("sha256", Value::Null), 406, "`sha256` is missing"),
        (with("size", json!("5")), 406, "`size` is no whole number"),
        (with("version", json!(14)), 406, "`version` is no string"),
        (with("extra", json!(1)), 406, "`extra` is unknown"),
        (with("device", json!("../x")), 406, "cannot be part"),
    ] {
        let answer = add(addr, &key, &body);
        assert_eq!(answer.status, status, "{body}");
        let answer = answer.json();
        assert!(answer["error"].as_str().unwrap().contains(says), "{answer}");
        assert_eq!(answer["schema"]["md5sum"]["required"], true);
    }
    for (name, value, says) in [
        ("url", json!("http://h/x.zip"), "https"),
        ("url", json!(""), "`url` must be its address"),
        ("md5sum", json!("x"), "hex digits"),
        ("version", json!("latest"), "as 21.0 does"),
        ("size", json!(0), "size `0` is that of no package"),
        ("size", json!(u64::MAX), "more than phones can read"),
        ("sdk_level", json!(3_000_000_000_u32), "no API level"),
        ("datetime", json!(1_501_600_000_000_u64), "milliseconds"),
        ("datetime", json!(NOW + 2 * 86_400), "future"),
        ("filename", json!(bacon_name(0)), "a build of bacon has"),
        ("incremental", json!("a/b"), "cannot be part"),
    ] {
        let mut body = facts();
        if name == "url" && value == "" {
            body["filename"] = json!("other.zip");
        }
        body[name] = value;
        let answer = add(addr, &key, &body.to_string());
        assert_eq!(answer.status, 406, "{body}");
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    assert_eq!(dir.read("catalog.json"), before);
}

#[test]
fn without_a_key_nothing_is_changed() {
    let (dir, addr, key) = site();
    let auth = |headers: &[&str]| ask(addr, "GET", "/api/v1/auth", headers, "");
    assert_eq!(auth(&[&key]).text(), "pass");
    let wrong = format!("Apikey: {}", "0".repeat(64));
    for headers in [&[][..], &["Apikey:"], &["Apikey: ci"], &[&wrong]] {
        assert_eq!(auth(headers).status, 403, "{headers:?}");
    }
    let facts = facts().to_string();
    let target = format!("/api/v1/{}", bacon_name(0));
    for (method, target) in [
        ("POST", "/api/v1/add_build"),
        ("POST", "/api/v1/del_build"),
        ("POST", "/api/v1/purgecache"),
        ("DELETE", &target),
    ] {
        assert_eq!(ask(addr, method, target, &[&wrong], &facts).status, 403);
        assert_eq!(ask(addr, method, target, &[], &facts).status, 403);
    }
    // A key that is taken away counts no more, without a restart.
    dir.run(&["serve", "--remove-key", "ci"]).expect(0);
    assert_eq!(auth(&[&key]).status, 403);
}

#[test]
fn a_catalog_that_is_at_work_is_waited_for_by_the_client() {
    let (dir, addr, key) = site();
    let _lock = romfeed::generate::lock_state(&dir.path().join(".romfeed")).unwrap();
    let answer = add(addr, &key, &facts().to_string());
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
}

#[test]
fn keys_are_made_listed_and_removed() {
    let dir = RomDir::new();
    let made = dir.run(&["serve", "--new-key", "phone-farm"]).expect(0);
    assert_eq!(made.stdout.trim().len(), 64);
    dir.run(&["serve", "--new-key", "phone-farm"])
        .expect(1)
        .says("already");
    let text = String::from_utf8(dir.read(".romfeed/keys.json")).unwrap();
    assert!(!text.contains(made.stdout.trim()));
    let listed = dir.run(&["serve", "--list-keys"]).expect(0).stdout;
    assert!(listed.starts_with("phone-farm "), "{listed}");
    dir.run(&["serve", "--remove-key", "other"]).expect(1);
    dir.run(&["serve", "--remove-key", "phone-farm"]).expect(0);
    dir.run(&["serve", "--list-keys"])
        .expect(0)
        .says("there are no keys");
    dir.run(&["serve", "--new-key", "a b"])
        .expect(1)
        .says("only letters");
}
