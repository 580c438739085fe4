//! `catalog.json` and the commands that change it by hand.

use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, bacon, bacon_name, bacon_props};

const SHA: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// `catalog add` with all facts, some of them replaced.
fn add(dir: &RomDir, changes: &[(&str, &str)]) -> super::support::Run {
    let mut flags: Vec<&str> = changes
        .iter()
        .flat_map(|(flag, value)| [*flag, *value])
        .collect();
    for [flag, value] in [
        ["--size", "1234"],
        ["--sha256", SHA],
        ["--incremental", "abc"],
        ["--url", "https://dl.example.org/a%20b.zip"],
    ] {
        if !flags.contains(&flag) {
            flags.extend([flag, value]);
        }
    }
    dir.add_build(&flags)
}

fn feed(dir: &RomDir, path: &str) -> serde_json::Value {
    serde_json::from_slice(&dir.read(&format!("out/{path}"))).unwrap()
}

#[test]
fn a_build_is_added_by_its_facts_and_published_without_its_zip() {
    let dir = RomDir::new();
    add(&dir, &[]).expect(0).says("added lineage-21.0");
    dir.run(&["generate"]).expect(0);
    let entry = &feed(&dir, "api/v1/bacon/nightly.json")["response"][0];
    assert_eq!(entry["url"], "https://dl.example.org/a%20b.zip");
    assert_eq!(entry["id"], SHA);
    let listed = dir.run(&["catalog", "list", "--json"]).expect(0).json();
    assert_eq!(listed["state"], "offered");
    assert_eq!(listed["incremental"], "abc");
}

#[test]
fn facts_that_no_client_can_use_are_refused() {
    for (flag, value, word) in [
        ("--device", "../x", "cannot be part"),
        ("--romtype", "a b", "cannot be part"),
        ("--datetime", "1722470400000", "milliseconds"),
        ("--sha256", "abc", "hex"),
        ("--md5", "zz", "hex"),
        ("--size", "0", "size"),
        ("--filename", "a/b.zip", "separator"),
        ("--version", " 21.0", "blanks"),
        ("--version", "latest", "such as 21.0"),
        ("--url", "http://h/x.zip", "https"),
    ] {
        let dir = RomDir::new();
        add(&dir, &[(flag, value)]).expect(1).says(word);
        assert!(!dir.path().join("catalog.json").exists(), "{flag}");
    }
    let dir = RomDir::new();
    dir.run(&["catalog", "add", "--device", "bacon"]).expect(2);
}

#[test]
fn a_build_without_an_api_level_is_pointed_out() {
    let warning = "lineage-21.0-20240801-nightly-bacon.zip: its API level is unknown";
    let dir = RomDir::new();
    add(&dir, &[]).expect(0).says(warning);
    let run = add(&dir, &[("--sdk-level", "34")]).expect(0);
    assert!(!run.stderr.contains(warning), "{}", run.stderr);
}

#[test]
fn changes_that_were_not_written_are_not_reported() {
    let dir = RomDir::new();
    add(&dir, &[]).expect(0);
    // A folder blocks the new file.
    dir.put(".catalog.json.romfeed-tmp/x", "");
    let yank = ["catalog", "yank", SHA, "--reason", "r"];
    let remove = ["catalog", "remove", SHA];
    let other = add(&dir, &[("--url", "https://other.example.org/x.zip")]);
    let runs = [other, dir.run(&yank), dir.run(&remove)];
    for run in runs {
        let run = run.expect(1).says("error: cannot write catalog.json");
        for word in ["added", "yanked", "removed"] {
            assert!(!run.stderr.contains(word), "{}", run.stderr);
        }
    }
}

#[test]
fn a_build_is_added_from_its_zip() {
    let dir = RomDir::new().file("elsewhere/x.zip", bacon(0));
    let zip_args = ["catalog", "add", "--zip", "elsewhere/x.zip"];
    dir.run(&zip_args).expect(1).says("--url");
    dir.run(&[&zip_args[..], &["--url", "https://h/x.zip"]].concat())
        .expect(0);
    dir.run(&["generate"]).expect(0);
    assert_eq!(feed(&dir, "bacon.json")["response"][0]["filename"], "x.zip");
}

#[test]
fn a_removed_build_is_never_added_again_and_its_phones_are_answered() {
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(7)), bacon(7));
    dir.generate().expect(0);
    dir.run(&["catalog", "remove", &bacon_name(0)])
        .expect(0)
        .says("removed");
    dir.generate()
        .expect(0)
        .says("1 zip of a removed build passed over");
    let all = feed(&dir, "bacon.json");
    assert_eq!(all["response"].as_array().unwrap().len(), 1);
    // A phone that runs the removed build still gets the newer one.
    let answer = feed(&dir, "api/v1/bacon/nightly/inc0");
    assert_eq!(answer["response"][0]["filename"], bacon_name(7));
    // Only an explicit `catalog add` brings it back.
    let zip = format!("builds/{}", bacon_name(0));
    dir.run(&["catalog", "add", "--zip", &zip, "--base-url", BASE_URL])
        .expect(0)
        .says("is added again");
    dir.generate().expect(0);
    assert_eq!(
        feed(&dir, "bacon.json")["response"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn remove_accepts_exactly_one_build() {
    let dir = RomDir::new();
    add(&dir, &[]).expect(0);
    dir.run(&["catalog", "remove", "nothing.zip"])
        .expect(1)
        .says("is neither a file name");
    dir.run(&["catalog", "remove", "0011"])
        .expect(1)
        .says("is neither a file name");
    dir.run(&["catalog", "remove", "00112233"]).expect(0);
    dir.run(&["catalog", "list"]).expect(0).says("empty");
}

#[test]
fn a_new_build_changes_only_its_lines_of_the_catalog() {
    let dir = RomDir::new();
    for day in [0, 14] {
        dir.put(&format!("builds/{}", bacon_name(day)), bacon(day));
    }
    dir.generate().expect(0);
    let before = String::from_utf8(dir.read("catalog.json")).unwrap();
    // One in the middle, one at the end.
    for day in [7, 21] {
        dir.put(&format!("builds/{}", bacon_name(day)), bacon(day));
    }
    dir.generate().expect(0);
    let after = String::from_utf8(dir.read("catalog.json")).unwrap();
    // Every old line is still there, in the same order.
    let mut lines = after.lines();
    for line in before.lines() {
        assert!(lines.any(|new| new == line), "changed: {line}");
    }
    assert_eq!(after.matches("\"sha256\"").count(), 4);
}

#[test]
fn catalogs_of_several_machines_make_one_site() {
    let one = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    one.generate().expect(0);
    let two = RomDir::new().file(&format!("builds/{}", bacon_name(7)), bacon(7));
    let other = one.path().join("catalog.json");
    let other = other.to_str().unwrap();
    let args = [
        "generate",
        "--base-url",
        BASE_URL,
        "--catalog",
        "catalog.json",
        "--catalog",
        other,
    ];
    two.run(&args).expect(0);
    assert_eq!(
        feed(&two, "bacon.json")["response"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // The other machine's builds stay in its own catalog.
    let own = String::from_utf8(two.read("catalog.json")).unwrap();
    assert_eq!(own.matches("\"sha256\"").count(), 1);
}

#[test]
fn a_contradiction_between_catalogs_names_both() {
    let dir = RomDir::new();
    add(&dir, &[]).expect(0);
    let text = String::from_utf8(dir.read("catalog.json")).unwrap();
    dir.put("other.json", text.replace("1722470400", "1722470401"));
    let args = [
        "generate",
        "--catalog",
        "catalog.json",
        "--catalog",
        "other.json",
    ];
    dir.run(&args)
        .expect(2)
        .says("catalog.json and other.json disagree");
    dir.put("other.json", text.replace(SHA, &SHA.replace("00", "ff")));
    dir.run(&args).expect(2).says("have this name");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn every_field_of_the_schema_survives_a_run() {
    let dir = RomDir::new();
    let record = r#"{"device":"bacon","variant":"gapps","romtype":"nightly","version":"21.0","datetime":1722470400,
        "incremental":"abc","kind":"delta","source_incremental":"ab","sdk_level":34,"security_patch":"2024-07-05",
        "url":"https://h/x","ota_url":"https://h/y","ota_property_files":"metadata:0:1","block_based":true,
        "next_device":"bacon2","csig":{"vbmeta_digest":"SHA"},"signer":"SHA","retired":true,
        "yanked":"does not boot","path":"a/b.zip","size":1,"md5":"00112233445566778899aabbccddeeff","sha256":"SHA","id":"key"}"#;
    let tombstone = r#"{"device":"bacon","variant":"gapps","romtype":"nightly","version":"21.0","datetime":1722470400,
        "incremental":"old","next_device":"bacon3","filename":"c.zip","reason":"superseded","superseded_by":"SHA","sha256":"TOMB","id":"old key"}"#;
    let text = format!("{{\"schema\":1,\"builds\":[{record}],\"tombstones\":[{tombstone}]}}")
        .replace("SHA", SHA)
        .replace("TOMB", &SHA.replace('0', "9"));
    dir.put("catalog.json", &text);
    dir.run(&["generate"]).expect(0);
    let compact = |bytes: &[u8]| -> serde_json::Value { serde_json::from_slice(bytes).unwrap() };
    assert_eq!(compact(&dir.read("catalog.json")), compact(text.as_bytes()));
    // Withdrawn builds are not offered anywhere, and a variant has its own tree.
    assert_eq!(
        feed(&dir, "gapps/api/v1/bacon/nightly.json")["response"],
        serde_json::json!([])
    );
    // Phones that run them get an answer under each name, and so do those that run a delta's
    // source.
    for known in [
        "bacon/nightly/abc",
        "bacon/nightly/ab",
        "bacon/nightly/old",
        "bacon2/nightly/abc",
        "bacon3/nightly/old",
    ] {
        let feed = feed(&dir, &format!("gapps/api/v1/{known}"));
        assert_eq!(feed["response"], serde_json::json!([]), "{known}");
    }
    assert!(!dir.path().join("out/bacon.json").exists());
}

#[test]
fn a_catalog_that_is_only_read_must_exist() {
    let dir = RomDir::new();
    add(&dir, &[]).expect(0);
    let args = [
        "generate",
        "--catalog",
        "catalog.json",
        "--catalog",
        "typo.json",
    ];
    dir.run(&args).expect(2).says("typo.json");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_name_belongs_to_one_device() {
    let dir = RomDir::new();
    add(&dir, &[]).expect(0);
    let other = SHA.replace("00", "ff");
    add(&dir, &[("--device", "mako"), ("--sha256", &other)])
        .expect(1)
        .says("it is for mako, and a build of bacon has its file name");
    // The same holds for a scan: the first device loses nothing.
    let mako = bacon_props(0).set("ro.lineage.device", "mako");
    let zip = Package::files(mako).without_metadata().build();
    dir.put("builds/lineage-21.0-20240801-nightly-bacon.zip", zip);
    dir.run(&["generate", "--base-url", BASE_URL])
        .expect(1)
        .says("it is for mako, and a published build of bacon has its file name");
    assert_eq!(feed(&dir, "bacon.json")["response"][0]["id"], SHA);
}

#[test]
fn a_build_without_a_zip_to_serve_needs_an_address() {
    let dir = RomDir::new();
    add(&dir, &[("--url", "")]).expect(1);
    let facts = dir.add_build(&[
        "--filename",
        "x.zip",
        "--sha256",
        SHA,
        "--base-url",
        BASE_URL,
    ]);
    facts.expect(1).says("--url URL");
}

#[test]
fn list_shows_offered_and_held_builds() {
    let props = Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        1_749_896_318,
        "eng.2",
        35,
        "2025-06-05",
    );
    let delta = Package::payload(props).delta("eng.1", "a/b/c").build();
    let dir = RomDir::new().file(
        "builds/lineage-22.2-20250614-UNOFFICIAL-enchilada-from-eng.1.zip",
        delta,
    );
    dir.generate()
        .expect(0)
        .says("the full build that this delta leads to is not offered")
        .says("1 build held back");
    let list = dir.run(&["catalog", "list"]).expect(0).stdout;
    assert!(list.contains("2025-06-14 10:18 UTC  delta held"), "{list}");
}

#[test]
fn records_that_phones_cannot_distinguish_are_refused() {
    let record = |sha256: &str, id: &str, filename: &str| {
        format!(
            r#"{{"device":"bacon","romtype":"nightly","version":"21.0","datetime":1722470400,"kind":"full",
            "url":"https://h/x","path":"{filename}","size":1,"sha256":"{sha256}"{id}}}"#
        )
    };
    let other = SHA.replace("00", "ff");
    for (second, reason) in [
        (
            record(SHA, "", "b.zip"),
            "another record has the same sha256 or id",
        ),
        (
            record(&other, "", "a.zip"),
            "another record has the same file name",
        ),
        (
            record(&other, &format!(",\"id\":\"{SHA}\""), "b.zip"),
            "another record has the same id, by which phones tell builds apart",
        ),
        (
            record(&other, ",\"id\":\"local\"", "b.zip"),
            "id `local` means something else to phones",
        ),
    ] {
        let first = record(SHA, "", "a.zip");
        let text = format!("{{\"schema\":1,\"builds\":[{first},{second}]}}");
        let dir = RomDir::new().file("catalog.json", text);
        let run = dir.run(&["generate"]).expect(2).says(reason);
        assert_eq!(run.stderr.matches("error:").count(), 1);
        assert!(!dir.path().join("out").exists());
    }
}

const MD5: &str = "00112233445566778899aabbccddeeff";

#[test]
fn a_build_with_only_an_md5_is_missing_just_from_feeds_that_need_more() {
    let dir = RomDir::new();
    let facts = ["--datetime", "2024-08-01 00:00:00", "--md5", MD5];
    let url = ["--url", "https://dl.example.org/a.zip"];
    let add = |more: &[&str]| dir.add_build(&[&facts[..], &url, more].concat());
    add(&[])
        .expect(0)
        .says("its SHA-256 is unknown")
        .says("its API level is unknown");
    dir.run(&["generate"]).expect(0);
    let list = feed(&dir, "api/v1/bacon/nightly.json");
    assert_eq!(list["response"][0]["id"], MD5);
    assert_eq!(list["response"][0]["datetime"], 1_722_470_400);
    assert_eq!(
        feed(&dir, "api/v2/devices/bacon/builds.json"),
        serde_json::json!([])
    );
    let page = dir.read("out/bacon/builds/lineage-21.0-20240801-nightly-bacon.html");
    assert!(String::from_utf8_lossy(&page).contains(MD5));
    dir.run(&["check", "--base-url", BASE_URL]).expect(0);
    dir.run(&["catalog", "export"])
        .expect(1)
        .says("its sha256 is not known");
    // Found by its digest, like other builds.
    dir.run(&["catalog", "yank", MD5, "--reason", "r"])
        .expect(0);
    dir.run(&["catalog", "unyank", MD5]).expect(0);

    // When more is known, phones still know the build by its MD5, and it stays one build.
    add(&["--sha256", SHA, "--sdk-level", "34"]).expect(0);
    dir.run(&["generate"]).expect(0);
    let list = feed(&dir, "api/v1/bacon/nightly.json");
    assert_eq!(list["response"].as_array().unwrap().len(), 1);
    assert_eq!(list["response"][0]["id"], MD5);
    let list = feed(&dir, "api/v2/devices/bacon/builds.json");
    assert_eq!(list[0]["files"][0]["sha256"], SHA);
    // Nor is it forgotten when a script passes only the MD5 again.
    add(&[]).expect(0);
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).json();
    assert_eq!((&list["sha256"], &list["id"]), (&SHA.into(), &MD5.into()));
}

#[test]
fn a_build_with_only_an_md5_is_in_every_feed_that_needs_no_more() {
    let name = "lineage-21.0-20240801-nightly-bacon.zip";
    for (device_feed, is_listed) in [
        ("v1", true),
        ("crdroid", true),
        ("evolution-x", true),
        ("pixelos", true),
        ("v2", false),
        ("crdroid-16", false),
        ("pixelos-17", false),
    ] {
        let settings = format!("base_url = \"{BASE_URL}\"\ndevice_feed = \"{device_feed}\"\n");
        let dir = RomDir::new().file("romfeed.toml", settings);
        let facts = ["--filename", name, "--md5", MD5, "--url", "https://h/a.zip"];
        dir.add_build(&facts).expect(0);
        dir.run(&["generate"]).expect(0);
        let out = dir.tree("out");
        let feed = out.get("out/bacon.json").map_or(&[][..], |bytes| bytes);
        let feed = String::from_utf8_lossy(feed);
        assert_eq!(
            feed.contains(MD5) || feed.contains(name),
            is_listed,
            "{device_feed}: {feed}"
        );
        let list = String::from_utf8_lossy(&out["out/api/v1/bacon/nightly.json"]);
        assert!(list.contains(MD5), "{device_feed}");
    }
}

#[test]
fn a_build_removed_when_only_its_md5_was_known_keeps_its_id() {
    let dir = RomDir::new();
    let with_md5 = |sha256: &str| {
        let mut flags = vec![
            "--filename",
            "a.zip",
            "--url",
            "https://h/a.zip",
            "--md5",
            MD5,
        ];
        if !sha256.is_empty() {
            flags.extend(["--sha256", sha256]);
        }
        dir.add_build(&flags)
    };
    with_md5("").expect(0);
    dir.run(&["catalog", "remove", "a.zip"]).expect(0);
    with_md5(SHA).expect(0).says("it was removed before");
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).json();
    assert_eq!((&list["sha256"], &list["id"]), (&SHA.into(), &MD5.into()));
    // Phones cannot distinguish two files with one name.
    dir.add_build(&[
        "--filename",
        "b.zip",
        "--url",
        "https://h/b.zip",
        "--md5",
        MD5,
    ])
    .expect(1)
    .says("`a.zip` has its md5");
    dir.run(&["generate"]).expect(0);
}

#[test]
fn flags_supply_facts_that_the_zip_lacks() {
    let dir = RomDir::new().file("elsewhere/x.zip", bacon(0));
    let add = |more: &[&str]| {
        let args = [
            "catalog",
            "add",
            "--zip",
            "elsewhere/x.zip",
            "--url",
            "https://h/x.zip",
        ];
        dir.run(&[&args[..], more].concat())
    };
    add(&["--variant", "gapps", "--version", "22.0"])
        .expect(0)
        .says("version `22.0` was given, but the package has `21.0`");
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).json();
    assert_eq!(
        (&list["variant"], &list["version"]),
        (&"gapps".into(), &"21.0".into())
    );
    add(&["--sha256", SHA])
        .expect(1)
        .says("is not that of the package");
    add(&["--size", "5"])
        .expect(1)
        .says("size `5` is not that of the package");
    add(&["--variant", "a/b"]).expect(2).says("--variant");
    add(&["--filename", "y.zip"]).expect(2);
}

/// Two folders whose catalogs are links to the same file.
#[cfg(unix)]
fn linked(has_catalog: bool) -> RomDir {
    let dir = RomDir::new();
    for folder in ["shared", "a", "b"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    if has_catalog {
        dir.put("shared/catalog.json", "{\"schema\":1,\"builds\":[]}");
    }
    for folder in ["a", "b"] {
        let link = dir.path().join(folder).join("catalog.json");
        std::os::unix::fs::symlink("../shared/catalog.json", link).unwrap();
    }
    dir
}

#[cfg(unix)]
fn add_in(dir: &RomDir, folder: &str, nth: usize) -> super::support::Run {
    let name = format!("{folder}{nth}.zip");
    let catalog = format!("{folder}/catalog.json");
    let sha256 = format!("{nth:063}{folder}");
    let url = format!("https://h/{name}");
    let facts = [
        ["--catalog", &catalog],
        ["--filename", &name],
        ["--sha256", &sha256],
        ["--url", &url],
    ];
    dir.add_build(facts.as_flattened())
}

#[cfg(unix)]
#[test]
fn a_catalog_has_one_lock_through_every_link() {
    let dir = linked(true);
    std::thread::scope(|scope| {
        for folder in ["a", "b"] {
            let dir = &dir;
            scope.spawn(move || (0..8).for_each(|nth| drop(add_in(dir, folder, nth).expect(0))));
        }
    });
    let text = String::from_utf8(dir.read("shared/catalog.json")).unwrap();
    assert_eq!(text.matches("\"path\"").count(), 16);
    for folder in ["a", "b"] {
        let link = dir.path().join(folder).join("catalog.json");
        assert!(link.is_symlink());
        assert!(!dir.path().join(folder).join(".romfeed").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_missing_catalog_stays_a_link() {
    let dir = linked(false);
    add_in(&dir, "a", 1).expect(0);
    add_in(&dir, "b", 1).expect(0);
    assert!(dir.path().join("a/catalog.json").is_symlink());
    let text = String::from_utf8(dir.read("shared/catalog.json")).unwrap();
    assert_eq!(text.matches("\"path\"").count(), 2);
}

#[test]
fn catalog_commands_wait_for_a_short_lock() {
    let dir = RomDir::new();
    add(&dir, &[]).expect(0);
    let lock = std::fs::File::options()
        .write(true)
        .open(dir.path().join(".romfeed/catalog.json.lock"))
        .unwrap();
    lock.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(700));
            lock.unlock().unwrap();
        });
        dir.run(&["catalog", "remove", SHA])
            .expect(0)
            .says("removed");
    });
}

#[test]
fn a_byte_order_mark_before_the_catalog_or_the_devices_changes_nothing() {
    let devices = "[{\"model\": \"bacon\", \"oem\": \"OnePlus\", \"name\": \"One\"}]";
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file("devices.json", devices);
    dir.generate().expect(0);
    let site = dir.tree("out");
    for file in ["catalog.json", "devices.json"] {
        let text = std::fs::read_to_string(dir.path().join(file)).unwrap();
        dir.put(file, format!("\u{feff}{text}"));
    }
    dir.generate().expect(0);
    assert_eq!(dir.tree("out"), site);
}

#[test]
fn a_value_of_the_wrong_type_in_the_catalog_is_reported_without_rust_names() {
    for (text, message) in [
        (
            "[]",
            "catalog.json: invalid length 0, expected an object at line 1 column 2",
        ),
        (
            "{\"schema\": \"1\"}",
            "catalog.json: invalid type: the text \"1\", expected a whole number at line 1 column 14",
        ),
        (
            "{\"schema\": 1, \"builds\": {}}",
            "catalog.json: invalid type: an object, expected a list at line 1 column 24",
        ),
    ] {
        let dir = RomDir::new()
            .file(&format!("builds/{}", bacon_name(0)), bacon(0))
            .file("catalog.json", text);
        dir.generate().expect(2).says(message);
    }
}
