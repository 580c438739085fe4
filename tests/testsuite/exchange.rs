//! `catalog import` and `catalog export`: moving from and to another server.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const SHA: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const MD5: &str = "00112233445566778899aabbccddeeff";
const NAME: &str = "lineage-21.0-20240801-nightly-bacon.zip";

fn v1_entry() -> Value {
    json!({
        "datetime": 1_722_470_400, "filename": NAME, "id": "published-1", "romtype": "nightly",
        "size": 1234, "url": format!("https://old.example.org/{NAME}"), "version": "21.0",
    })
}

fn second_entry() -> Value {
    json!({
        "datetime": 1_723_075_200, "filename": "lineage-21.0-20240808-nightly-bacon.zip",
        "id": "published-2", "romtype": "nightly", "size": 1235,
        "url": "https://old.example.org/lineage-21.0-20240808-nightly-bacon.zip", "version": "21.0",
    })
}

fn v1(entries: &[Value]) -> String {
    json!({ "response": entries }).to_string()
}

/// Imports a feed in a new folder.
fn import(feed: &str, flags: &[&str]) -> (RomDir, Run) {
    let dir = RomDir::new().file("feed.json", feed);
    let run = dir.run(&[&["catalog", "import", "feed.json"], flags].concat());
    (dir, run)
}

fn records(dir: &RomDir) -> Vec<Value> {
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    catalog["builds"].as_array().unwrap().clone()
}

fn has_catalog(dir: &RomDir) -> bool {
    dir.path().join("catalog.json").exists()
}

#[test]
fn a_v1_feed_keeps_the_ids_that_phones_have() {
    let (dir, run) = import(&v1(&[v1_entry(), second_entry()]), &[]);
    let lines = format!(
        "added {NAME}\nadded lineage-21.0-20240808-nightly-bacon.zip\nfeed.json (v1): 2 added\n\
         2 builds are without an incremental; list the incrementals of your phones under known_incrementals if they ask with {{incr}}\n\
         2 builds are without a sha256, so the feeds of LineageOS 23.2 on leave them out until the zip is in builds\n\
         next: romfeed generate\n"
    );
    assert_eq!(run.expect(0).stderr, lines);
    dir.run(&["generate"]).expect(0);
    let published: Value = serde_json::from_slice(&dir.read("out/bacon.json")).unwrap();
    assert_eq!(published, json!({"response": [second_entry(), v1_entry()]}));
    // The second time, nothing is new and nothing is written.
    let before = dir.read("catalog.json");
    let again = dir.run(&["catalog", "import", "feed.json"]).expect(0);
    assert_eq!(
        again.stderr,
        format!(
            "already known {NAME}\nalready known lineage-21.0-20240808-nightly-bacon.zip\n\
             feed.json (v1): 2 already known\n"
        )
    );
    assert_eq!(dir.read("catalog.json"), before);
}

#[test]
fn a_romfeed_site_can_be_imported_from_its_feeds() {
    let old = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(7)), bacon(7));
    old.generate().expect(0);
    let v1 = old.read("out/api/v1/bacon/nightly.json");
    let v2 = old.read("out/api/v2/devices/bacon/builds.json");

    let new = RomDir::new().file("bacon.json", &v1).file("v2.json", &v2);
    new.run(&["catalog", "import", "bacon.json"]).expect(0);
    new.run(&["generate"]).expect(0);
    assert_eq!(new.read("out/api/v1/bacon/nightly.json"), v1);
    assert_eq!(new.read("out/api/v2/devices/bacon/builds.json"), b"[]\n");
    // The other feed has the digests, which turn out to be these ids.
    let run = new.run(&["catalog", "import", "v2.json"]).expect(0);
    run.says(&format!("completed {}: sha256, ", bacon_name(0)));
    new.run(&["generate"]).expect(0);
    assert_eq!(new.read("out/api/v1/bacon/nightly.json"), v1);
    assert_eq!(new.read("out/api/v2/devices/bacon/builds.json"), v2);

    let other = RomDir::new().file("v2.json", &v2);
    other.run(&["catalog", "import", "v2.json"]).expect(0);
    other.run(&["generate"]).expect(0);
    assert_eq!(other.read("out/api/v1/bacon/nightly.json"), v1);
    assert_eq!(other.read("out/api/v2/devices/bacon/builds.json"), v2);

    let trusting = RomDir::new().file("v1.json", &v1);
    let flags = ["catalog", "import", "v1.json", "--ids-are-sha256"];
    trusting.run(&flags).expect(0);
    assert_eq!(records(&trusting)[0]["id"], Value::Null);
    assert_eq!(records(&trusting)[0]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_build_that_is_scanned_later_keeps_its_id() {
    let zip = bacon(0);
    let mut entry = v1_entry();
    entry["filename"] = json!(bacon_name(0));
    entry["size"] = json!(zip.len());
    entry["url"] = json!(format!("https://old.example.org/{}", bacon_name(0)));
    let (dir, run) = import(&v1(std::slice::from_ref(&entry)), &[]);
    run.expect(0);
    dir.put(&format!("builds/{}", bacon_name(0)), &zip);
    dir.generate().expect(0);
    let record = &records(&dir)[0];
    assert_eq!(record["id"], "published-1");
    assert_eq!(record["sha256"].as_str().unwrap().len(), 64);

    // The other order: scanned first, imported later.
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), &zip)
        .file("feed.json", v1(&[entry]));
    dir.generate().expect(0);
    let run = dir.run(&["catalog", "import", "feed.json"]).expect(0);
    assert_eq!(
        run.stderr,
        format!(
            "id kept {name}\n\
             warning: entry 1 ({name}): the feed has datetime `1722470400`; the catalog's `1700000000` stays\n\
             feed.json (v1): 1 completed\nnext: romfeed generate\n",
            name = bacon_name(0)
        )
    );
    dir.generate().expect(0);
    let feed: Value = serde_json::from_slice(&dir.read("out/bacon.json")).unwrap();
    assert_eq!(feed["response"][0]["id"], "published-1");
    // It is on this site, and stays there.
    let url = feed["response"][0]["url"].as_str().unwrap();
    assert!(url.starts_with(BASE_URL), "{url}");
}

#[test]
fn answers_of_lineageota_are_imported() {
    let entry = json!({
        "incremental": "0f1e2d3c4b", "api_level": "34", "url": "https://old.example.org/a.zip",
        "timestamp": 1_722_470_400, "md5sum": MD5, "changes": "https://old.example.org/a.txt",
        "channel": "nightly", "filename": NAME, "romtype": "nightly", "datetime": 1_722_470_400,
        "version": "21.0", "id": SHA, "size": 1234,
    });
    for list in ["result", "response"] {
        let feed = json!({"id": null, list: [entry], "error": null}).to_string();
        let (dir, run) = import(&feed, &[]);
        run.expect(0).says("feed.json (lineageota): 1 added");
        let record = &records(&dir)[0];
        assert_eq!(record["id"], SHA);
        assert_eq!(record["sha256"], Value::Null);
        assert_eq!(record["md5"], MD5);
        assert_eq!(record["sdk_level"], 34);
        assert_eq!(record["incremental"], "0f1e2d3c4b");
        let (dir, run) = import(&feed, &["--ids-are-sha256"]);
        run.expect(2).says("are not SHA-256 of files");
        assert!(!has_catalog(&dir));
    }
    // As CyanogenMod's clients know it.
    let mut old = entry;
    for key in ["romtype", "datetime", "version", "id"] {
        old[key] = Value::Null;
    }
    old["incremental"] = json!("");
    let (dir, run) = import(&json!({"id": null, "result": [old]}).to_string(), &[]);
    run.expect(0);
    assert_eq!(records(&dir)[0]["id"], MD5);
    assert_eq!(records(&dir)[0]["version"], "21.0");
    assert_eq!(records(&dir)[0]["incremental"], Value::Null);
}

fn official() -> Value {
    json!({
        "bacon": [{
            "date": "2024-08-01", "datetime": 1_722_470_400,
            "files": [
                {"filename": "boot.img", "filepath": "/full/bacon/boot.img", "sha1": "x", "sha256": SHA.replace('0', "1"), "size": 5},
                {"filename": NAME, "filepath": format!("/full/bacon/{NAME}"), "sha1": "x", "sha256": SHA, "size": 1234},
            ],
            "os_patch_level": "2024-07-05", "os_sdk_level": 34, "ota_property_files": "metadata:69:683  ",
            "type": "nightly", "version": "21.0",
        }],
        "mako": [{
            "date": "2024-08-01", "datetime": 1_722_470_400, "filename": "lineage-14.1-20240801-nightly-mako.zip",
            "filepath": "/full/mako/x.zip", "sha1": "x", "sha256": SHA.replace('0', "2"), "size": 99,
            "type": "nightly", "version": "14.1",
        }],
    })
}

#[test]
fn official_lists_are_imported_in_both_forms() {
    let feed = official().to_string();
    let (dir, run) = import(&feed, &[]);
    run.expect(2).says("add --url-base URL");
    assert!(!has_catalog(&dir));
    let base = ["--url-base", "https://old.example.org/"];
    let (dir, run) = import(&feed, &base);
    run.expect(0).says("feed.json (official): 2 added");
    let [bacon, mako] = &records(&dir)[..] else {
        panic!("{:?}", records(&dir));
    };
    assert_eq!(
        bacon["url"],
        format!("https://old.example.org/full/bacon/{NAME}")
    );
    assert_eq!(bacon["sha256"], SHA);
    assert_eq!(bacon["security_patch"], "2024-07-05");
    assert_eq!(bacon["ota_property_files"], "metadata:69:683");
    assert_eq!(mako["device"], "mako");
    assert_eq!(mako["size"], 99);
    let (dir, run) = import(&feed, &[&base[..], &["--device", "mako"]].concat());
    run.expect(0).says("1 entry of other devices passed over");
    assert_eq!(records(&dir).len(), 1);
    let mut without_slash = official();
    without_slash["mako"][0]["filepath"] = json!("x.zip");
    let (_, run) = import(&without_slash.to_string(), &base);
    run.expect(1)
        .says("mako, entry 1 (lineage-14.1-20240801-nightly-mako.zip): filepath `x.zip` does not begin with a slash");
}

#[test]
fn feeds_like_crdroids_are_imported() {
    // Some have numbers as text, and the device is its marketing name.
    let entry = json!({
        "maintainer": "x", "oem": "Xiaomi", "device": "Mi 11 Lite 5G",
        "filename": "crDroidAndroid-15.0-20250302-renoir-v11.2.zip",
        "download": "https://old.example.org/r.zip", "timestamp": "1740919940", "md5": MD5,
        "sha256": SHA, "size": "1590332287", "version": "11.2", "buildtype": "Monthly",
    });
    let (dir, run) = import(&v1(std::slice::from_ref(&entry)), &[]);
    run.expect(0).says("feed.json (crdroid): 1 added");
    let record = records(&dir)[0].clone();
    assert_eq!(record["device"], "renoir");
    assert_eq!(record["romtype"], "Monthly");
    assert_eq!(record["size"], 1_590_332_287);
    assert_eq!(record["id"], Value::Null);
    // Without a stronger digest, the phones' own key is used.
    let mut old = entry;
    old["sha256"] = Value::Null;
    let (dir, run) = import(
        &v1(&[old]),
        &["--romtype", "official", "--variant", "gapps"],
    );
    run.expect(0);
    let record = records(&dir)[0].clone();
    assert_eq!(record["id"], MD5);
    assert_eq!(record["romtype"], "official");
    assert_eq!(record["variant"], "gapps");
}

fn v2_with_delta(source: Option<&str>) -> String {
    let file = |name: &str, sha256: &str| {
        json!({"filename": name, "sha256": sha256, "size": 1234, "url": format!("https://h/{name}"),
               "os_sdk_level": 36, "os_patch_level": "2024-07-05"})
    };
    let mut delta = file("delta.zip", &SHA.replace('0', "3"));
    if let Some(source) = source {
        delta["preBuildIncremental"] = json!(source);
    }
    json!([{"datetime": 1_722_470_400, "files": [file(NAME, SHA)], "incremental": [delta],
            "type": "nightly", "version": "23.2"}])
    .to_string()
}

#[test]
fn deltas_are_imported_when_their_source_is_known() {
    let flags = ["--device", "bacon"];
    let (dir, run) = import(&v2_with_delta(None), &flags);
    run.expect(0).says(&format!(
        "warning: entry 1 ({NAME}): its delta delta.zip is left out: the feed does not name the build it starts from"
    ));
    assert_eq!(records(&dir).len(), 1);
    let (dir, run) = import(&v2_with_delta(Some("inc0")), &flags);
    run.expect(0).says("2 added");
    let delta = records(&dir)
        .into_iter()
        .find(|record| record["path"] == "delta.zip");
    let delta = delta.unwrap();
    assert_eq!(delta["kind"], "delta");
    assert_eq!(delta["source_incremental"], "inc0");
}

#[test]
fn a_bad_entry_is_reported_and_nothing_is_imported() {
    let path =
        "cannot be part of a feed's address: only letters, digits and . _ ~ + @ - are allowed";
    for (key, value, message) in [
        (
            "datetime",
            json!(1_722_470_400_000_i64),
            "datetime `1722470400000` is in milliseconds, so the build is offered forever; in seconds it is 1722470400",
        ),
        (
            "datetime",
            json!("1722470400000"),
            "datetime `1722470400000` is in milliseconds, so the build is offered forever; in seconds it is 1722470400",
        ),
        (
            "datetime",
            json!(4_000_000_000_i64),
            "datetime `4000000000` is in the future (2096-10-02), so the build is offered forever; check the clock of the machine that built it, and of this one",
        ),
        (
            "datetime",
            json!("2024-08-01"),
            "datetime `2024-08-01` is not a whole number",
        ),
        (
            "datetime",
            json!(0),
            "datetime `0` is not a date, so no phone takes the build for a newer one",
        ),
        ("datetime", json!(null), "it has no datetime"),
        ("size", json!(null), "it has no size"),
        ("size", json!(0), "size `0` is not the length of a package"),
        ("size", json!(-1), "size `-1` is negative"),
        ("size", json!("big"), "size `big` is not a whole number"),
        ("url", json!(null), "it has no url; add --url-base"),
        (
            "url",
            json!("http://h/a.zip"),
            "`http://h/a.zip` is not a usable address: it must begin with https:// (phones refuse plain http)",
        ),
        (
            "url",
            json!("https://h/a b.zip"),
            "`https://h/a b.zip` is not a usable address: it holds characters that must be percent-encoded",
        ),
        (
            "url",
            json!("a.zip"),
            "`a.zip` is not a usable address: it must begin with https:// (phones refuse plain http)",
        ),
        ("id", json!(null), "it has neither a sha256 nor an id"),
        (
            "id",
            json!("local"),
            "id `local` means something else to phones",
        ),
        ("id", json!({}), "id is an object, not text"),
        (
            "version",
            json!(" 21.0"),
            "version ` 21.0` begins or ends with a blank, and phones compare blanks too",
        ),
        ("version", json!(null), "it has no version; add --version"),
        ("romtype", json!(null), "it has no romtype; add --romtype"),
        ("romtype", json!("a b"), &format!("romtype `a b` {path}")),
        (
            "sha256",
            json!("abc"),
            "sha256 `abc` is not 64 lower-case hex digits",
        ),
        (
            "md5",
            json!("abc"),
            "md5 `abc` is not 32 lower-case hex digits",
        ),
        (
            "incremental",
            json!("a/b"),
            &format!("incremental `a/b` {path}"),
        ),
        (
            "incremental",
            json!("a\u{1b}[2Jb"),
            &format!("incremental `a\\u{{1b}}[2Jb` {path}"),
        ),
    ] {
        let mut bad = v1_entry();
        bad[key] = value;
        let feed = v1(&[second_entry(), bad]);
        let (dir, run) = import(&feed, &[]);
        let expected = format!(
            "error: feed.json: entry 2 ({NAME}): {message}\n\
             feed.json: 1 entry is bad, so nothing was imported; --skip-bad imports the rest\n"
        );
        assert_eq!(run.expect(1).stderr, expected);
        assert!(!has_catalog(&dir));
        dir.run(&["catalog", "import", "feed.json", "--skip-bad"])
            .expect(1)
            .says("feed.json (v1): 1 added, 1 left out");
        assert_eq!(records(&dir).len(), 1);
    }
}

#[test]
fn file_names_that_phones_cannot_save_are_refused() {
    for (name, label, message) in [
        (
            json!("a/b.zip"),
            " (a/b.zip)",
            "file name `a/b.zip` holds a path separator",
        ),
        (
            json!("../b.zip"),
            " (../b.zip)",
            "file name `../b.zip` begins with a dot",
        ),
        (
            json!("a\u{7}.zip"),
            " (a\\u{7}.zip)",
            "file name `a\\u{7}.zip` holds control characters",
        ),
        (json!(null), "", "it has no filename"),
        (
            json!("update.zip"),
            " (update.zip)",
            "neither the feed nor the file name names its device; add --device",
        ),
    ] {
        let mut bad = v1_entry();
        bad["filename"] = name;
        let (dir, run) = import(&v1(&[bad]), &[]);
        run.expect(1)
            .says(&format!("error: feed.json: entry 1{label}: {message}\n"));
        assert!(!has_catalog(&dir));
    }
    let (_, run) = import(&v1(&[json!(5), Value::Null]), &[]);
    run.expect(1).says("entry 1: it is not a JSON object\n");
    let (_, run) = import(&json!([{"files": [], "type": "x"}]).to_string(), &[]);
    run.expect(1).says("entry 1: it has no object in files\n");
}

#[test]
fn entries_with_the_same_id_or_name_are_refused() {
    let with = |changes: &[(&str, Value)]| {
        let mut entry = second_entry();
        for (key, value) in changes {
            entry[*key] = value.clone();
        }
        v1(&[v1_entry(), entry])
    };
    for (changes, message) in [
        (
            vec![("id", json!("published-1"))],
            format!("it has the id of entry 1 ({NAME})"),
        ),
        (
            vec![("filename", json!(NAME))],
            format!("it has the file name of entry 1 ({NAME})"),
        ),
    ] {
        let (dir, run) = import(&with(&changes), &[]);
        run.expect(1).says(&format!(": {message}\n"));
        assert!(!has_catalog(&dir));
    }
    // The same entry twice is the same build.
    let (dir, run) = import(&v1(&[v1_entry(), v1_entry()]), &[]);
    run.expect(0).says("the feed has it twice");
    assert_eq!(records(&dir).len(), 1);
}

#[test]
fn the_catalog_takes_precedence_over_a_feed() {
    let (dir, run) = import(&v1(&[v1_entry()]), &[]);
    run.expect(0);
    let before = dir.read("catalog.json");
    for (key, value, message) in [
        (
            "size",
            json!(99),
            format!("the catalog has it as {NAME}, with 1234 bytes"),
        ),
        (
            "id",
            json!("other"),
            format!("the catalog has it as {NAME}, with the id `published-1`"),
        ),
        (
            "filename",
            json!("lineage-21.0-20240801-nightly-mako.zip"),
            format!("the catalog has it as {NAME}, with device bacon"),
        ),
    ] {
        let mut entry = v1_entry();
        entry[key] = value;
        dir.put("feed.json", v1(&[second_entry(), entry]));
        dir.run(&["catalog", "import", "feed.json"])
            .expect(1)
            .says(&format!(": {message}\n"));
        assert_eq!(dir.read("catalog.json"), before);
    }
    let mut other = v1_entry();
    (other["size"], other["id"]) = (json!(99), json!("other"));
    dir.put("feed.json", v1(&[other]));
    dir.run(&["catalog", "import", "feed.json"])
        .expect(1)
        .says(": another build has this file name in the catalog: of bacon, with 1234 bytes\n");
    assert_eq!(dir.read("catalog.json"), before);
}

#[test]
fn a_removed_build_is_not_imported_again() {
    let (dir, run) = import(&v1(&[v1_entry()]), &[]);
    run.expect(0);
    dir.run(&["catalog", "remove", NAME]).expect(0);
    let before = dir.read("catalog.json");
    dir.run(&["catalog", "import", "feed.json"])
        .expect(0)
        .says(&format!(
            "passed over {NAME}: it was removed or superseded before"
        ));
    assert_eq!(dir.read("catalog.json"), before);
    // Nor by its name, if the catalog knew it by its digest.
    let zip = bacon(0);
    let mut entry = v1_entry();
    entry["filename"] = json!(bacon_name(0));
    entry["size"] = json!(zip.len());
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), &zip)
        .file("feed.json", v1(&[entry]));
    dir.generate().expect(0);
    dir.run(&["catalog", "remove", &bacon_name(0)]).expect(0);
    dir.run(&["catalog", "import", "feed.json"])
        .expect(0)
        .says("passed over");
    assert!(records(&dir).is_empty());
}

#[test]
fn a_build_of_another_catalog_is_not_imported() {
    let (other, run) = import(&v1(&[v1_entry()]), &[]);
    run.expect(0);
    let dir = RomDir::new()
        .file("other.json", other.read("catalog.json"))
        .file("feed.json", v1(&[v1_entry(), second_entry()]));
    let args = ["--catalog", "catalog.json", "--catalog", "other.json"];
    dir.run(&[&["catalog", "import", "feed.json"], &args[..]].concat())
        .expect(0)
        .says("another catalog has it");
    assert_eq!(records(&dir).len(), 1);
}

#[test]
fn a_file_that_is_not_a_feed_is_reported() {
    for (feed, message) in [
        (
            "",
            "feed.json: it is not JSON: the text ends in the middle of a value at line 1 column 0",
        ),
        ("<!DOCTYPE html>", "feed.json: it is a web page, not a feed"),
        (
            "{\"response\":[],}",
            "feed.json: it is not JSON: trailing comma at line 1 column 16",
        ),
        (
            "{\"response\":{}}",
            "feed.json: it is not a feed that can be read: no entry names a file and its address or size",
        ),
        (
            "3",
            "feed.json: it is not a feed that can be read: no entry names a file and its address or size",
        ),
    ] {
        let (dir, run) = import(feed, &[]);
        assert_eq!(run.expect(1).stderr, format!("error: {message}\n"));
        assert!(!has_catalog(&dir));
    }
    let (_, run) = import("3", &["--format", "v1"]);
    run.expect(1).says(
        "error: feed.json: it is not a feed of the format v1: it is neither a list of builds nor one build\n",
    );
    let (_, run) = import(&"[".repeat(100_000), &[]);
    run.expect(1).says("recursion limit exceeded");
    let (dir, run) = import("{\"response\":[]}", &[]);
    let message = "error: feed.json (v1): there are no builds in it\n";
    assert_eq!(run.expect(1).stderr, message);
    assert!(!has_catalog(&dir));
    let dir = RomDir::new();
    dir.run(&["catalog", "import", "nothing.json"])
        .expect(2)
        .says("cannot read nothing.json");
    for (flags, message) in [
        (
            ["--device", "../x"],
            "--device: device `../x` cannot be part",
        ),
        (
            ["--romtype", "a b"],
            "--romtype: romtype `a b` cannot be part",
        ),
        (
            ["--variant", "api"],
            "--variant: variant `api` cannot be part",
        ),
        (
            ["--url-base", "http://h"],
            "--url-base: `http://h` is not a usable address",
        ),
        (["--format", "v3"], "invalid value 'v3'"),
    ] {
        let (dir, run) = import(&v1(&[v1_entry()]), &flags);
        run.expect(2).says(message);
        assert!(!has_catalog(&dir));
    }
}

#[test]
fn standard_input_is_read() {
    let dir = RomDir::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_romfeed"))
        .current_dir(dir.path())
        .args(["catalog", "import", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Some editors write a byte order mark.
    let feed = format!("\u{feff}{}", v1(&[v1_entry()]));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(feed.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(records(&dir).len(), 1);
}

/// Keys that the backend's code reads from a build and its file: without one of them it answers
/// with error 500.
const BUILD_KEYS: [&str; 8] = [
    "date",
    "datetime",
    "files",
    "os_patch_level",
    "os_sdk_level",
    "ota_property_files",
    "type",
    "version",
];
const FILE_KEYS: [&str; 4] = ["filename", "filepath", "sha256", "size"];

#[test]
fn the_backend_can_read_an_export() {
    let dir = RomDir::new()
        .file(&format!("builds/old/{}", bacon_name(7)), bacon(7))
        .file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    dir.run(&["catalog", "export", "-o", "builds.json"])
        .expect(0)
        .says("builds.json: 2 builds")
        .says("DOWNLOAD_BASE_URL=the address of the files in builds");
    let export: Value = serde_json::from_slice(&dir.read("builds.json")).unwrap();
    let builds = export["bacon"].as_array().unwrap();
    assert_eq!(builds.len(), 2);
    for build in builds {
        for key in BUILD_KEYS {
            assert!(build.get(key).is_some(), "{key}");
        }
        for key in FILE_KEYS {
            assert!(build["files"][0].get(key).is_some(), "{key}");
        }
        assert_eq!(build["files"][0].get("sha1"), None);
    }
    assert_eq!(builds[0]["date"], "2023-11-14");
    assert_eq!(
        builds[0]["files"][0]["filepath"],
        format!("/{}", bacon_name(0))
    );
    assert_eq!(
        builds[1]["files"][0]["filepath"],
        format!("/old/{}", bacon_name(7))
    );
    // The same bytes go to standard output.
    let printed = dir.run(&["catalog", "export"]).expect(0);
    assert_eq!(printed.stdout.as_bytes(), dir.read("builds.json"));
    assert_eq!(printed.stderr, "");
    dir.run(&["catalog", "export", "-o", "catalog.json"])
        .expect(2)
        .says("names the catalog");
}

#[test]
fn an_export_can_be_imported_again() {
    let dir = RomDir::new()
        .file(&format!("builds/a b/{}", bacon_name(7)), bacon(7))
        .file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    let address = format!("{BASE_URL}/builds");
    let flags = ["--base-url", BASE_URL, "--url-base", &address];
    let export = dir
        .run(&[&["catalog", "export"], &flags[..]].concat())
        .expect(0);
    let new = RomDir::new().file("builds.json", export.stdout);
    new.run(&["catalog", "import", "builds.json", "--url-base", &address])
        .expect(0);
    let published = dir.read("out/bacon.json");
    new.run(&["generate"]).expect(0);
    assert_eq!(new.read("out/bacon.json"), published);
    let v2 = "out/api/v2/devices/bacon/builds.json";
    assert_eq!(new.read(v2), dir.read(v2));
}

#[test]
fn an_export_computes_the_sha1_of_the_zip() {
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(7)), bacon(7));
    dir.generate().expect(0);
    let run = dir.run(&["catalog", "export", "--sha1"]).expect(0);
    let sha1 = run.json()["bacon"][0]["files"][0]["sha1"].clone();
    assert_eq!(sha1.as_str().unwrap().len(), 40);
    dir.remove(&format!("builds/{}", bacon_name(0)));
    dir.put(&format!("builds/{}", bacon_name(7)), "other bytes");
    let run = dir.run(&["catalog", "export", "--sha1"]).expect(1);
    assert_eq!(run.json(), json!({}));
    run.says(&format!("error: {}: no sha1: ", bacon_name(0)))
        .says("leave out --sha1")
        .says("is not its zip, by its sha256");
}

#[test]
fn facts_lost_in_an_export_are_reported() {
    let (dir, run) = import(&v1(&[v1_entry()]), &[]);
    run.expect(0);
    let run = dir.run(&["catalog", "export"]).expect(1);
    assert_eq!(run.stdout, "{}\n");
    run.says(&format!(
        "error: {NAME}: its sha256 is not known; put its zip into the builds folder and run romfeed generate\n"
    ));

    let mut entry = v1_entry();
    entry["sha256"] = json!(SHA);
    entry["url"] = json!("https://old.example.org/a.zip");
    let (dir, run) = import(&v1(&[entry, second_entry()]), &["--variant", "gapps"]);
    run.expect(0);
    let run = dir.run(&["catalog", "export"]).expect(0);
    assert_eq!(run.stdout, "{}\n");
    run.says("2 builds of other variants left out (gapps)");
    dir.run(&["catalog", "export", "--variant", "gapps"])
        .expect(1)
        .says("does not end in its path under builds; add --url-base");
    let base = "https://old.example.org";
    let run = dir
        .run(&[
            "catalog",
            "export",
            "--variant",
            "gapps",
            "--url-base",
            base,
        ])
        .expect(1);
    assert_eq!(run.json()["bacon"].as_array().unwrap().len(), 1);
    let run = run
        .says("phones know it as `published-1`; that server will tell them its sha256")
        .says("its API level is not known, so LineageOS 23.2 on will not show it");
    assert_eq!(run.json()["bacon"][0]["os_sdk_level"], Value::Null);
    dir.run(&[
        "catalog",
        "export",
        "--variant",
        "gapps",
        "--url-base",
        "https://x",
    ])
    .expect(1)
    .says("its address https://old.example.org/a.zip is not below https://x\n");
    // Withdrawn builds are not offered there either, whatever a feed says.
    dir.run(&["catalog", "yank", NAME, "--reason", "broken"])
        .expect(0);
    let run = dir
        .run(&["catalog", "export", "--variant", "gapps"])
        .expect(1);
    assert_eq!(run.json(), json!({}));
    dir.run(&["catalog", "import", "feed.json"])
        .expect(0)
        .says("it is yanked in the catalog, and stays so");
}

#[test]
fn deltas_are_left_out_of_an_export() {
    let props = Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        1_749_896_318,
        "eng.2",
        35,
        "2025-06-05",
    );
    let full = Package::payload(props.clone()).build();
    let delta = Package::payload(props).delta("eng.1", "a/b/c").build();
    let dir = RomDir::new()
        .file(
            "builds/lineage-22.2-20250614-UNOFFICIAL-enchilada.zip",
            full,
        )
        .file(
            "builds/lineage-22.2-20250614-UNOFFICIAL-enchilada-from-eng.1.zip",
            delta,
        );
    dir.generate();
    let run = dir.run(&["catalog", "export"]).expect(0);
    assert_eq!(run.json()["enchilada"].as_array().unwrap().len(), 1);
    // Clients ask in lower case, and the backend compares case-sensitively.
    assert_eq!(run.json()["enchilada"][0]["type"], "unofficial");
    run.says("1 delta left out: that server offers no deltas\n");
}
