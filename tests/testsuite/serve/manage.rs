//! Changes to the catalog through the server.

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
    // The build is served before the answer arrives.
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
fn an_unusable_build_is_refused_with_the_expected_form() {
    let (dir, addr, key) = site();
    let before = dir.read("catalog.json");
    let with = |name: &str, value: Value| {
        let mut facts = facts();
        facts[name] = value;
        facts.to_string()
    };
    for (body, status, says) in [
        (String::new(), 400, "there is no body"),
        ("{".to_owned(), 400, "not a JSON object"),
        ("[]".to_owned(), 400, "not a JSON object"),
        ("{}".to_owned(), 406, "`device` is missing"),
        (with("size", Value::Null), 406, "`size` is missing"),
        (with("datetime", Value::Null), 406, "`datetime` is missing"),
        (with("datetime", json!("soon")), 406, "2017-01-14 13:59:25"),
        (
            with("datetime", json!(1.5)),
            406,
            "`datetime` is not a date",
        ),
        (
            with("size", json!("5")),
            406,
            "`size` is not a whole number",
        ),
        (with("version", json!(14)), 406, "`version` is not a string"),
        (with("extra", json!(1)), 406, "`extra` is unknown"),
    ] {
        let answer = add(addr, &key, &body);
        assert_eq!(answer.status, status, "{body}");
        let answer = answer.json();
        assert!(answer["error"].as_str().unwrap().contains(says), "{answer}");
        assert_eq!(answer["schema"]["md5sum"]["required"], true);
    }
    for (name, value, says) in [
        ("device", json!("../x"), "cannot be part"),
        ("url", json!("http://h/x.zip"), "https"),
        ("url", json!(""), "`url` must be its address"),
        ("md5sum", json!("x"), "hex digits"),
        ("version", json!("latest"), "such as 21.0"),
        ("size", json!(0), "size `0` is not the length"),
        ("size", json!(u64::MAX), "more than phones can read"),
        ("sdk_level", json!(3_000_000_000_u32), "is not an API level"),
        ("datetime", json!(1_501_600_000_000_u64), "milliseconds"),
        ("datetime", json!(NOW + 2 * 86_400), "future"),
        ("filename", json!("x.img"), "does not end in `.zip`"),
        ("filename", json!("a/x.zip"), "separator"),
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
fn requests_without_a_key_change_nothing() {
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
    // A removed key is refused without a restart.
    dir.run(&["serve", "--remove-key", "ci"]).expect(0);
    assert_eq!(auth(&[&key]).status, 403);
}

#[test]
fn a_locked_catalog_is_answered_with_retry_later() {
    let (dir, addr, key) = site();
    let _held = romfeed::generate::lock_catalog(&config(&dir)).unwrap();
    let answer = add(addr, &key, &facts().to_string());
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
}

#[test]
fn keys_are_created_listed_and_removed() {
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

/// The six keys of the backend of 2017, for [`bacon`] on its first day.
fn six(url: &str, md5: &str) -> Value {
    json!({
        "device": "bacon",
        "filename": bacon_name(0),
        "md5sum": md5,
        "romtype": "nightly",
        "url": url,
        "version": "21.0",
    })
}

fn empty_site() -> (RomDir, String) {
    let dir = RomDir::new();
    let made = dir.run(&["serve", "--new-key", "ci"]).expect(0);
    let key = format!("Apikey: {}", made.stdout.trim());
    (dir, key)
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    let bytes = digest.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn md5(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    hex(Md5::digest(bytes))
}

#[test]
fn six_keys_are_enough_for_a_zip_in_builds() {
    use sha2::{Digest, Sha256};
    let zip = bacon(0);
    let (dir, key) = empty_site();
    dir.put(&format!("builds/sub/{}", bacon_name(0)), &zip);
    let addr = serve(&dir);
    let mut body = six("", &md5(&zip));
    // The server's clock is behind.
    body["datetime"] = json!("2023-11-14 21:00:00");
    let added = add(addr, &key, &body.to_string());
    assert_eq!((added.status, added.text()), (200, "ok"));
    let list = get(addr, "/api/v1/bacon/nightly/any").json();
    let entry = &list["response"][0];
    assert_eq!(entry["datetime"], 1_700_000_000);
    assert_eq!(entry["size"], zip.len());
    assert_eq!(entry["id"], hex(Sha256::digest(&zip)).as_str());
    let url = format!("{BASE_URL}/builds/sub/{}", bacon_name(0));
    assert_eq!(entry["url"], url.as_str());
    for (name, value, says) in [
        ("md5sum", json!("0".repeat(32)), "md5 `00"),
        (
            "device",
            json!("mako"),
            "device `mako` is not that of the package",
        ),
        ("romtype", json!("unofficial"), "so phones would refuse it"),
        ("size", json!(5), "size `5` is not that of the package"),
    ] {
        let mut body = six("", &md5(&zip));
        body[name] = value;
        let answer = add(addr, &key, &body.to_string());
        assert_eq!(answer.status, 406, "{body}");
        assert!(answer.text().contains(says), "{}", answer.text());
    }
}

#[test]
fn a_zip_that_phones_of_its_channel_would_reject_is_refused() {
    let (dir, addr, key) = site();
    let gapps = bacon_name(0).replace("nightly-bacon", "nightly-gapps-bacon");
    let zip = bacon(0);
    dir.put(&format!("builds/{gapps}"), &zip);
    dir.put("builds/rom-bacon.zip", b"PK no zip");
    let mut body = six("", &md5(&bacon(1)));
    body["filename"] = json!("rom-bacon.zip");
    let answer = add(addr, &key, &body.to_string());
    assert_eq!(answer.status, 406, "{}", answer.text());
    let zip = bacon(1);
    dir.put(&format!("builds/{gapps}"), &zip);
    body["filename"] = json!(gapps);
    let answer = add(addr, &key, &body.to_string());
    assert_eq!(answer.status, 406);
    assert!(
        answer.text().contains("another variant"),
        "{}",
        answer.text()
    );
}

/// A folder served by https on this machine, and the client to request it.
fn serve_tls(dir: &RomDir) -> (SocketAddr, romfeed::fetch::Settings) {
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
    let tls = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| tls.join(name));
    let root = CertificateDer::from_pem_file(&cert).unwrap().to_vec();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let settings = Settings {
        config: config(dir),
        watched: Watched::default(),
        tls: Some(romfeed::serve::Tls { cert, key }),
        fetch: None,
        limits: limits(),
        clock: || NOW,
    };
    std::thread::spawn(move || {
        let stop = || std::future::pending();
        romfeed::serve::run(listener, settings, Arc::new(Silent), stop).unwrap();
    });
    let fetch = romfeed::fetch::Settings {
        timeout: Duration::from_secs(20),
        user_agent: "test".to_owned(),
        roots: vec![root],
        reach: romfeed::fetch::Reach::Any,
    };
    (addr, fetch)
}

#[test]
fn six_keys_are_enough_for_a_zip_on_another_host() {
    let zip = bacon(0);
    let host = RomDir::new().file(&format!("builds/{}", bacon_name(0)), &zip);
    host.generate().expect(0);
    let (other, fetch) = serve_tls(&host);
    let (dir, key) = empty_site();
    let addr = serve_asking(config(&dir), limits(), || NOW, Some(fetch));
    let url = format!("https://{other}/builds/{}", bacon_name(0));
    let added = add(addr, &key, &six(&url, &md5(&zip)).to_string());
    assert_eq!((added.status, added.text()), (200, "ok"));
    // Everything except the SHA-256 is known; computing it reads the whole file.
    let list = get(addr, "/api/v1/bacon/nightly/any").json();
    let entry = &list["response"][0];
    assert_eq!(entry["datetime"], 1_700_000_000);
    assert_eq!(entry["size"], zip.len());
    assert_eq!(entry["id"], md5(&zip).as_str());
    assert_eq!(entry["url"], url.as_str());
    let v2 = get(addr, "/api/v2/devices/bacon/builds").json();
    assert_eq!(v2, json!([]));
    let file = get(addr, &format!("/api/v1/requestfile/{}", md5(&zip))).json();
    assert_eq!(file["url"], url.as_str());

    let gone = format!("https://{other}/builds/gone.zip");
    let mut body = six(&gone, &md5(&zip));
    body["filename"] = json!("lineage-21.0-20231120-nightly-bacon.zip");
    let answer = add(addr, &key, &body.to_string());
    assert_eq!(answer.status, 406);
    let answer = answer.json();
    let error = answer["error"].as_str().unwrap();
    assert!(
        error.contains("`datetime` is missing") && error.contains("status 404"),
        "{error}"
    );
    assert_eq!(answer["schema"]["datetime"]["required"], false);
    assert_eq!(answer["schema"]["url"]["required"], true);
}

#[test]
fn addresses_in_the_servers_own_network_are_refused() {
    let (dir, key) = empty_site();
    let fetch = romfeed::fetch::Settings {
        timeout: Duration::from_secs(20),
        user_agent: "test".to_owned(),
        roots: Vec::new(),
        reach: romfeed::fetch::Reach::Public,
    };
    let addr = serve_asking(config(&dir), limits(), || NOW, Some(fetch));
    let inner = TcpListener::bind("127.0.0.1:0").unwrap();
    inner.set_nonblocking(true).unwrap();
    let port = inner.local_addr().unwrap().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
    ] {
        let url = format!("https://{host}:{port}/a.zip");
        let answer = add(addr, &key, &six(&url, &"0".repeat(32)).to_string());
        assert_eq!(answer.status, 406, "{url}");
        assert!(
            answer.text().contains("only public https"),
            "{url}: {}",
            answer.text()
        );
    }
    assert!(inner.accept().is_err());
}

#[test]
fn many_changes_at_once_wait_for_each_other() {
    let (_dir, addr, key) = site();
    let add_all = |who: &str| {
        for nth in 0..10 {
            let mut body = facts();
            body["filename"] = json!(format!("{who}{nth}.zip"));
            body["url"] = json!(format!("https://elsewhere.example/{who}{nth}.zip"));
            body["sha256"] = json!(format!("{nth:063}{who}"));
            assert_eq!(add(addr, &key, &body.to_string()).status, 200);
        }
    };
    std::thread::scope(|scope| {
        for who in ["a", "b", "c", "d"] {
            let add_all = &add_all;
            scope.spawn(move || add_all(who));
        }
    });
    // All builds are served before the answers arrive.
    for who in ["a", "b", "c", "d"] {
        for nth in 0..10 {
            let target = format!("/api/v1/requestfile/{nth:063}{who}");
            assert_eq!(get(addr, &target).status, 200, "{target}");
        }
    }
}

#[test]
fn a_key_of_one_device_changes_no_other() {
    let (dir, addr, key) = site();
    let made = dir.run(&[
        "serve",
        "--new-key",
        "ann",
        "--device",
        "mako",
        "--device",
        "onyx",
    ]);
    let own = format!("Apikey: {}", made.expect(0).stdout.trim());
    let listed = dir.run(&["serve", "--list-keys"]).expect(0).stdout;
    assert!(listed.ends_with(" mako,onyx\n"), "{listed}");
    assert_eq!(add(addr, &own, &facts().to_string()).status, 200);
    let mut other = facts();
    other["device"] = json!("lark");
    other["filename"] = json!("lineage-14.1-20170801-nightly-lark.zip");
    other["sha256"] = json!("c".repeat(64));
    let refused = add(addr, &own, &other.to_string());
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("only for mako, onyx"),
        "{}",
        refused.text()
    );
    let path = format!("/api/v1/{}", bacon_name(0));
    assert_eq!(ask(addr, "DELETE", &path, &[&own], "").status, 403);
    let id = json!({ "id": "b".repeat(64) }).to_string();
    assert_eq!(
        ask(addr, "POST", "/api/v1/del_build", &[&own], &id).status,
        200
    );
    assert_eq!(ask(addr, "DELETE", &path, &[&key], "").status, 200);
    dir.run(&["serve", "--device", "mako"]).expect(2);
}

#[test]
fn a_key_of_one_device_cannot_take_over_a_build_of_another() {
    let (dir, addr, _) = site();
    let made = dir.run(&["serve", "--new-key", "ann", "--device", "mako"]);
    let own = format!("Apikey: {}", made.expect(0).stdout.trim());
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    let mut stolen = facts();
    stolen["sha256"] = catalog["builds"][0]["sha256"].clone();
    stolen["size"] = catalog["builds"][0]["size"].clone();
    let before = dir.read("catalog.json");
    let refused = add(addr, &own, &stolen.to_string());
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(dir.read("catalog.json"), before);
}

#[test]
fn a_key_of_one_device_cannot_claim_the_file_name_of_a_build_of_another() {
    let (dir, addr, key) = site();
    let made = dir.run(&["serve", "--new-key", "ann", "--device", "mako"]);
    let own = format!("Apikey: {}", made.expect(0).stdout.trim());
    let named = |name: &str, number: u32| {
        let mut facts = facts();
        facts["filename"] = json!(name);
        facts["url"] = json!(format!("https://elsewhere.example/{number}.zip"));
        facts["sha256"] = json!(format!("{number:064x}"));
        facts.to_string()
    };
    let future = bacon_name(7);
    let refused = add(addr, &own, &named(&future, 1));
    assert_eq!(refused.status, 406, "{}", refused.text());
    let text =
        format!("`{future}` is a file name of builds for bacon, and this key is only for mako");
    assert!(refused.text().contains(&text), "{}", refused.text());
    // The codename of a device may be a word in the names of others, and no form needs to have one.
    for (number, name) in [
        (2, "bacon-rom-for-mako-20240801.zip"),
        (3, "lineage-21.0-20240801-nightly-bacon-mako.zip"),
        (4, "lineage-21.0-20240802-nightly-mako-bacon.zip"),
        (5, "lineage-21.0-20240803-nightly-unknown.zip"),
        (6, "BaconROM-20240801.zip"),
    ] {
        let added = add(addr, &own, &named(name, number));
        assert_eq!(added.status, 200, "{name}: {}", added.text());
    }
    // A key for all devices is not held back.
    let mut facts: Value = serde_json::from_str(&named(&future, 7)).unwrap();
    facts["datetime"] = json!(1_501_700_000);
    let added = add(addr, &key, &facts.to_string());
    assert_eq!(added.status, 200, "{}", added.text());
    // The build of the other device names what keeps it out.
    dir.put(&format!("builds/{future}"), bacon(7));
    let text =
        format!("it is for bacon, and a published build of mako has its file name `{future}`");
    dir.generate()
        .expect(1)
        .says(&text)
        .says("hint: give this zip another name; if the published build is wrong, run `romfeed catalog remove FILENAME` first");
    dir.run(&["catalog", "remove", &future]).expect(0);
    dir.generate().expect(0);
}

#[test]
fn a_key_that_cannot_be_stored_is_not_printed() {
    let dir = RomDir::new();
    std::fs::create_dir_all(dir.path().join(".romfeed/keys.tmp/x")).unwrap();
    let refused = dir.run(&["serve", "--new-key", "ci"]).expect(1);
    assert_eq!(refused.stdout, "");
    refused
        .says("error: cannot write .romfeed/keys.json")
        .says("no key was changed")
        .lacks("save it now");
}
