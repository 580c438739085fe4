//! What pages need to compare a downloaded file with the site's: digests, and lists of all files.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::package::Package;

use crate::support::{RomDir, bacon, bacon_name, bacon_props};

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

fn json(dir: &RomDir, path: &str) -> Value {
    serde_json::from_slice(&dir.read(&format!("out/{path}"))).unwrap()
}

/// Returns the builds in the list of a device.
fn builds(dir: &RomDir, device: &str) -> Vec<Value> {
    let list = json(dir, &format!("assets/digests/{device}.json"));
    list["builds"].as_array().unwrap().clone()
}

/// Returns the files in the list of a device, with their digests.
fn files(dir: &RomDir, device: &str) -> BTreeMap<String, Value> {
    let of_build = |build: &Value| build["files"].as_object().unwrap().clone();
    builds(dir, device).iter().flat_map(of_build).collect()
}

/// Adds a build of another device that is elsewhere.
fn add_build(dir: &RomDir, device: &str, file: &str) {
    let facts = ["--device", device, "--filename", file, "--sha256"];
    let address = format!("https://dl.example.org/{file}");
    let rest = ["--incremental", file, "--url", &address];
    let digest = sha256(file.as_bytes());
    dir.add_build(&[&facts[..], &[&digest], &rest].concat())
        .expect(0);
}

#[test]
fn the_list_of_a_device_has_the_digest_of_every_file_that_people_can_download() {
    let name = bacon_name(1);
    let image = name.replace(".zip", "-recovery.img");
    let dir = RomDir::new()
        .file(
            "devices.json",
            r#"[{"model": "bacon", "oem": "OnePlus", "name": "One"}]"#,
        )
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{name}"), bacon(1))
        .file(&format!("builds/{image}"), b"an image")
        .file(
            "builds/delta.zip",
            Package::payload(bacon_props(1))
                .delta("inc0", "a/b/c")
                .build(),
        );
    dir.run(&["generate", "--base-url", "https://example.org/ota"])
        .expect(0);
    let listed = files(&dir, "bacon");
    for name in [&bacon_name(0), &name, &image, "delta.zip"] {
        let bytes = dir.read(&format!("builds/{name}"));
        assert_eq!(listed[name], sha256(&bytes), "{name}");
    }
    assert_eq!(listed.len(), 4, "{listed:?}");
    for build in builds(&dir, "bacon") {
        assert_eq!(build["device"], "One");
        assert_eq!(build["model"], "bacon");
        let path = build["page"].as_str().unwrap();
        let page = text(&dir, path);
        let own =
            format!("<div class=\"verify\" data-model=\"bacon\" data-page=\"{path}\" hidden>");
        assert!(page.contains(&own), "{page}");
    }
    let page = text(&dir, "bacon.html");
    let own = "<section class=\"verify\" data-model=\"bacon\" aria-labelledby=\"check\" hidden>";
    assert!(page.contains(own), "{page}");
}

#[test]
fn every_device_has_a_list_of_its_own_files_and_the_index_names_it() {
    let dir = RomDir::new()
        .file(
            "devices.json",
            r#"[{"model": "FP5", "name": "Fairphone 5"}]"#,
        )
        .file("romfeed.toml", "[device.bacon]\naliases = [\"A0001\"]\n")
        .file(&format!("builds/{}", bacon_name(0)), bacon(0));
    add_build(&dir, "FP5", "fairphone.zip");
    add_build(&dir, "oneplus3", "oneplus.zip");
    dir.run(&["generate", "--base-url", "https://example.org/ota"])
        .expect(0);
    let index = json(&dir, "assets/digests.json");
    assert_eq!(
        index,
        serde_json::json!({ "devices": [
            { "model": "FP5", "name": "Fairphone 5" },
            { "model": "bacon", "name": "bacon" },
            { "model": "oneplus3", "name": "oneplus3" },
        ]})
    );
    for (device, file) in [
        ("FP5", "fairphone.zip"),
        ("bacon", &bacon_name(0)),
        ("oneplus3", "oneplus.zip"),
    ] {
        assert_eq!(files(&dir, device).keys().collect::<Vec<_>>(), [file]);
        let mut builds = builds(&dir, device).into_iter();
        assert!(builds.all(|build| build["model"] == device), "{device}");
    }
    // Another name of a device is not a device.
    let lists = dir.tree("out").into_keys();
    let lists = lists.filter(|path| path.starts_with("out/assets/digests/"));
    assert_eq!(lists.count(), 3);
}

#[test]
fn a_new_build_changes_the_list_of_its_device_alone() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    add_build(&dir, "FP5", "fairphone.zip");
    let digests = || {
        let mut tree = dir.tree("out");
        tree.retain(|path, _| path.starts_with("out/assets/digests"));
        tree
    };
    let base = ["generate", "--base-url", "https://example.org/ota"];
    dir.run(&base).expect(0);
    let before = digests();
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    dir.run(&base).expect(0);
    let mut changed = digests();
    changed.retain(|path, bytes| before.get(path) != Some(bytes));
    assert_eq!(
        changed.into_keys().collect::<Vec<_>>(),
        ["out/assets/digests/bacon.json"]
    );
    assert_eq!(files(&dir, "bacon").len(), 2);
}

#[test]
fn a_device_without_builds_has_no_list_and_is_not_in_the_index() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    add_build(&dir, "FP5", "fairphone.zip");
    let base = ["generate", "--base-url", "https://example.org/ota"];
    dir.run(&base).expect(0);
    assert_eq!(files(&dir, "FP5").len(), 1);
    dir.run(&[
        "catalog",
        "yank",
        "fairphone.zip",
        "--reason",
        "it does not boot",
    ])
    .expect(0);
    dir.run(&base).expect(0);
    assert!(!dir.path().join("out/assets/digests/FP5.json").exists());
    let devices = &json(&dir, "assets/digests.json")["devices"];
    assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");
    assert_eq!(devices[0]["model"], "bacon");
}

#[test]
fn every_digest_on_a_page_has_its_file_and_a_button_to_copy_it() {
    let name = bacon_name(0);
    let image = name.replace(".zip", "-boot.img");
    let dir = RomDir::new()
        .file(&format!("builds/{name}"), bacon(0))
        .file(&format!("builds/{image}"), b"an image");
    dir.generate().expect(0);
    let page = text(
        &dir,
        &format!("bacon/builds/{}", name.replace(".zip", ".html")),
    );
    let listed = files(&dir, "bacon");
    for name in [&name, &image] {
        let digest = listed[name].as_str().unwrap();
        let row = page.split("<div class=\"hash\"");
        let row = row.into_iter().find(|row| row.contains(digest)).unwrap();
        assert!(row.starts_with(&format!(" data-file=\"{name}\">")), "{row}");
        assert!(row.contains(&format!("data-copy=\"{digest}\"")), "{row}");
    }
    let rows = page.matches("<div class=\"hash\"").count();
    assert_eq!(page.matches("class=\"copy js\"").count(), rows, "{page}");
    // The MD5 is not one of the digests that the script compares.
    assert_eq!((rows, page.matches("data-file=").count()), (3, 2), "{page}");
}

#[test]
fn a_build_whose_sha256_is_unknown_says_so() {
    let record = |name: &str, md5: Option<&str>| {
        serde_json::json!({
            "device": "bacon", "romtype": "nightly", "version": "21.0", "datetime": 1_700_000_000,
            "kind": "full", "path": name, "size": 5, "id": name, "md5": md5,
            "url": format!("https://h.example/{name}"),
        })
    };
    let md5 = "0123456789abcdef0123456789abcdef";
    let records = [record("md5.zip", Some(md5)), record("none.zip", None)];
    let catalog = serde_json::json!({ "schema": 1, "builds": records });
    let dir = RomDir::new().file("catalog.json", catalog.to_string());
    dir.generate();
    assert_eq!(
        files(&dir, "bacon"),
        BTreeMap::from([
            ("md5.zip".to_owned(), Value::Null),
            ("none.zip".to_owned(), Value::Null)
        ])
    );
    for (page, message) in [
        ("md5", "The SHA-256 of this package is unknown."),
        ("none", "The digests of this package are unknown."),
    ] {
        let page = text(&dir, &format!("bacon/builds/{page}.html"));
        assert!(page.contains(message), "{page}");
        // There is nothing to compare a file with.
        assert!(!page.contains("class=\"verify\""), "{page}");
        assert!(!page.contains("<dl class=\"hashes\">\n  </dl>"), "{page}");
    }
}

#[test]
fn names_of_files_stay_text_in_the_list_and_on_pages() {
    let name = "lineage-21.0-20231114-nightly-bacon \"><b>.zip";
    let dir = RomDir::new().file(
        "catalog.json",
        serde_json::json!({ "schema": 1, "builds": [{
            "device": "bacon", "romtype": "nightly", "version": "21.0", "datetime": 1_700_000_000,
            "kind": "full", "path": name, "size": 5, "id": "x", "sha256": "ab".repeat(32),
            "url": "https://h.example/x.zip",
        }]})
        .to_string(),
    );
    dir.generate();
    assert_eq!(files(&dir, "bacon")[name], "ab".repeat(32));
    let path = builds(&dir, "bacon")[0]["page"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = text(&dir, &path);
    assert!(!page.contains("\"><b>"), "{page}");
}

#[test]
fn the_worker_is_a_file_of_the_site_and_can_be_replaced() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    assert!(text(&dir, "assets/script.js").contains("assets/sha256.js"));
    assert!(text(&dir, "assets/sha256.js").contains("onmessage"));
    dir.put("templates/sha256.js", "// {{ mine }}");
    dir.generate().expect(0);
    assert_eq!(text(&dir, "assets/sha256.js"), "// {{ mine }}");
    dir.put("romfeed.toml", "[site]\npages = false\n");
    dir.generate().expect(0);
    assert!(!dir.path().join("out/assets").exists());
}
