//! The shipped templates, read as their clients read them.

use super::*;
use crate::clients::{Generation, Phone};
use crate::support::BASE_URL;

/// Reads a value as Android's `getString` and `getLong` do, depending on the key.
#[track_caller]
fn require(entry: &Value, texts: &[&str], numbers: &[&str]) {
    for key in texts {
        assert!(entry[key].is_string(), "{key} of {entry}");
    }
    for key in numbers {
        assert!(entry[key].is_u64(), "{key} of {entry}");
    }
}

#[test]
fn crdroid_and_evolution_x_find_every_key_they_require() {
    let dir = bacons(&format!(
        "{}[device.bacon.info]\nmaintainer = \"J\u{f6}rg \\\"J\\\"\"\nforum = \"https://example.org/f\"\n",
        enable(&["crdroid", "evolution-x"])
    ))
    .file(
        "devices.json",
        r#"[{"model":"bacon","oem":"OnePlus","name":"One"}]"#,
    );
    dir.generate().expect(0);
    for path in ["crdroid/bacon.json", "evolution-x/bacon.json"] {
        let feed = json(&dir, path);
        let [entry] = &feed["response"].as_array().unwrap()[..] else {
            panic!("{feed}");
        };
        let both = [
            "filename",
            "md5",
            "sha256",
            "download",
            "version",
            "maintainer",
            "forum",
            "firmware",
            "paypal",
            "oem",
            "device",
            "telegram",
            "buildtype",
        ];
        require(entry, &both, &["timestamp", "size"]);
        assert_eq!(entry["filename"], bacon_name(7));
        assert_eq!(entry["timestamp"], 1_700_000_000 + 7 * 86_400);
        assert_eq!(entry["maintainer"], "J\u{f6}rg \"J\"");
        assert_eq!(
            (&entry["oem"], &entry["device"]),
            (&"OnePlus".into(), &"One".into())
        );
    }
    let crdroid = json(&dir, "crdroid/bacon.json");
    require(
        &crdroid["response"][0],
        &["gapps", "modem", "bootloader", "recovery"],
        &[],
    );
    let evolution = json(&dir, "evolution-x/bacon.json");
    assert_eq!(evolution["response"][0]["currently_maintained"], true);
    assert!(evolution["response"][0]["initial_installation_images"].is_array());
}

/// Adds a build that is elsewhere, with only some facts known.
fn add_elsewhere(dir: &RomDir, name: &str, more: &[&str]) -> Run {
    let facts = ["--filename", name, "--datetime", "1710000000"];
    dir.add_build(&[&facts, more].concat())
}

/// The newest build in the tests of unknown facts.
const NEWEST: &str = "lineage-21.0-20240310-nightly-bacon.zip";

#[test]
fn crdroid_16_needs_the_sha256_but_no_md5() {
    let sha256 = "a".repeat(64);
    let dir = bacons(&enable(&["crdroid", "crdroid-16"]));
    let more = ["--sha256", &sha256, "--url", "https://example.org/x.zip"];
    add_elsewhere(&dir, NEWEST, &more).expect(0);
    let run = dir.generate().expect(0);
    run.says(&format!(
        "template `crdroid` leaves out `{NEWEST}`, which has no md5; "
    ));
    let feed = json(&dir, "crdroid-16/bacon.json");
    let entry = &feed["response"][0];
    require(
        entry,
        &["filename", "download", "sha256", "version"],
        &["timestamp", "size"],
    );
    assert_eq!(entry["filename"], NEWEST);
    assert!(entry.get("md5").is_none() && entry.get("os_sdk_level").is_none());
    // The updater of 14.0 knows builds by their MD5, so it is offered the newest build that has
    // one.
    let feed = json(&dir, "crdroid/bacon.json");
    assert_eq!(feed["response"][0]["filename"], bacon_name(7));
}

#[test]
fn pixelos_17_lists_only_complete_builds() {
    let dir = enchilada(&enable(&["pixelos-17"]));
    dir.put(&format!("builds/bacon/{}", bacon_name(7)), bacon(7));
    for (name, digit, more) in [
        (
            "lineage-21.0-20240308-nightly-bacon.zip",
            "b",
            ["--security-patch", "2024-03-05"],
        ),
        (
            "lineage-21.0-20240309-nightly-bacon.zip",
            "c",
            ["--sdk-level", "34"],
        ),
    ] {
        let url = format!("https://example.org/{name}");
        let sha256 = digit.repeat(64);
        let args = ["--sha256", &sha256, "--url", &url];
        add_elsewhere(&dir, name, &[&args[..], &more].concat()).expect(0);
    }
    let run = dir.generate().expect(0);
    let run = run.says("template `pixelos-17` leaves out `lineage-21.0-20240308-nightly-bacon.zip`, which has no sdk_level; ");
    run.says("template `pixelos-17` leaves out `lineage-21.0-20240309-nightly-bacon.zip`, which has no security_patch; ");

    let list = json(&dir, "pixelos-17/enchilada.json");
    let builds = list.as_array().unwrap();
    assert_eq!(builds.len(), 2);
    for build in builds {
        require(build, &["version"], &["datetime"]);
        assert_eq!(build["files"].as_array().unwrap().len(), 1);
        let file = &build["files"][0];
        require(
            file,
            &["filename", "os_patch_level", "sha256", "url"],
            &["os_sdk_level", "size"],
        );
        let parts = file["ota_property_files"].as_str().unwrap();
        for part in [
            "payload_metadata.bin",
            "payload.bin",
            "payload_properties.txt",
        ] {
            let mut names = parts.split(',').filter_map(|part| part.split(':').next());
            assert!(names.any(|name| name == part), "no {part} in {parts}");
        }
    }
    let delta = &builds[0]["incremental"];
    assert_eq!(delta.as_array().unwrap().len(), 1, "{delta}");
    assert_eq!(
        format!("builds/{}", delta[0]["filename"].as_str().unwrap()),
        DELTA
    );
    require(&delta[0], &["os_patch_level", "sha256"], &["os_sdk_level"]);
    assert!(builds[1].get("incremental").is_none());

    // A block-based package's property files name no payload, and would fail the whole list.
    let list = json(&dir, "pixelos-17/bacon.json");
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list[0]["files"][0]["filename"], bacon_name(7));
    assert!(list[0]["files"][0].get("ota_property_files").is_none());
}

#[test]
fn builds_that_lack_the_same_fact_share_one_line() {
    let dir = bacons(&enable(&["custota"]));
    let run = dir.generate().expect(0);
    run.says(&format!(
        "template `custota` leaves out 2 builds that have no csig_url: `{}` and 1 older; put its \
         .csig next to the zip",
        bacon_name(7)
    ));
}

#[test]
fn pixelos_reads_one_object_and_grapheneos_one_line() {
    let dir = bacons(&enable(&["pixelos", "grapheneos"]));
    dir.generate().expect(0);
    let object = json(&dir, "pixelos/bacon.json");
    require(
        &object,
        &["filename", "id", "url", "version", "filehash"],
        &["datetime", "size"],
    );
    assert_eq!(object["error"], false);
    let line = text(&dir, "bacon-nightly");
    let fields: Vec<&str> = line.trim_end().split(' ').collect();
    assert_eq!(fields, ["inc7", "1700604800", "bacon", "nightly"]);
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn custota_gets_the_full_build_and_its_delta() {
    let dir = enchilada(&enable(&["custota"]));
    dir.generate().expect(0);
    let info = json(&dir, "custota/enchilada.json");
    let address = |path: &str| format!("{BASE_URL}/{path}");
    let full = enchilada_name(ENCHILADA[1].0);
    let expected = serde_json::json!({
        "version": 2,
        "full": {
            "location_ota": address(&full),
            "location_csig": address(&format!("{full}.csig")),
        },
        "incremental": {
            "1".repeat(64): {
                "location_ota": address(DELTA),
                "location_csig": address(&format!("{DELTA}.csig")),
            },
        },
    });
    assert_eq!(info, expected);

    // A source that is no longer offered is still known by its digest.
    let gone = enchilada_name(ENCHILADA[0].0);
    dir.run(&[
        "catalog",
        "yank",
        gone.strip_prefix("builds/").unwrap(),
        "--reason",
        "bad",
    ])
    .expect(0);
    dir.generate().expect(0);
    assert_eq!(json(&dir, "custota/enchilada.json"), expected);

    // Without signature files, Custota has nothing.
    let dir = bacons(&enable(&["custota"]));
    dir.generate().expect(0);
    assert!(!dir.path().join("out/custota").exists());
}

#[test]
fn lineageota_entries_have_thirteen_keys_in_order() {
    let dir = bacons(&enable(&["lineageota"]));
    dir.generate().expect(0);
    let feed = json(&dir, "api/v1/bacon_nightly");
    let entries = feed["response"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    let texts = [
        "incremental",
        "api_level",
        "url",
        "md5sum",
        "changes",
        "channel",
        "filename",
        "romtype",
        "version",
        "id",
    ];
    for entry in entries {
        require(entry, &texts, &["timestamp", "datetime", "size"]);
        assert_eq!(entry.as_object().unwrap().len(), 13);
        assert_eq!(entry["api_level"], "34");
    }
    let text = text(&dir, "api/v1/bacon_nightly");
    let order = [
        "incremental",
        "api_level",
        "url",
        "timestamp",
        "md5sum",
        "changes",
        "channel",
        "filename",
        "romtype",
        "datetime",
        "version",
        "id",
        "size",
    ];
    let mut places = order
        .map(|key| text.find(&format!("\"{key}\":")).unwrap())
        .to_vec();
    let sorted = places.clone();
    places.sort_unstable();
    assert_eq!(places, sorted);
    let phone = Phone {
        device: "bacon".into(),
        release_type: "nightly".into(),
        version: "21.0".into(),
        incremental: "inc0".into(),
        datetime: 1_700_000_000,
        sdk: 34,
        ..Phone::default()
    };
    // The second reading knows only the keys that the client does.
    let known = [
        "datetime", "filename", "id", "romtype", "size", "url", "version",
    ];
    let mut known_alone = feed;
    for entry in known_alone["response"].as_array_mut().unwrap() {
        let entry = entry.as_object_mut().unwrap();
        entry.retain(|key, _| known.contains(&key.as_str()));
    }
    let body = known_alone.to_string().into_bytes();
    assert_eq!(offered(Generation::Java22, &body, &phone).unwrap().len(), 1);
}

#[test]
fn each_incremental_has_a_list_with_its_deltas() {
    let dir = enchilada(&enable(&["v2-incremental"]));
    dir.generate().expect(0);
    let folder = "api/v2/devices/enchilada/unofficial";
    let phone = |index: usize| Phone {
        device: "enchilada".into(),
        release_type: "UNOFFICIAL".into(),
        version: "22.2".into(),
        incremental: ENCHILADA[index].1.into(),
        datetime: ENCHILADA[index].0,
        sdk: 35,
        ..Phone::default()
    };
    let names = |path: &str| -> Vec<String> {
        let feed = json(&dir, path);
        let entries = feed.as_array().unwrap().iter();
        let name = |entry: &Value| entry["files"][0]["filename"].as_str().unwrap().to_owned();
        entries.map(name).collect()
    };
    let bare = |path: &str| path.strip_prefix("builds/").unwrap().to_owned();
    let first = format!("{folder}/eng.1.json");
    let full = enchilada_name(ENCHILADA[1].0);
    assert_eq!(names(&first), [bare(DELTA), bare(&full)]);
    let body = dir.read(&format!("out/{first}"));
    assert_eq!(
        offered(Generation::Kotlin23, &body, &phone(0))
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        json(&dir, &format!("{folder}/eng.2.json")),
        serde_json::json!([])
    );
    let body = dir.read(&format!("out/{folder}/eng.2.json"));
    assert!(
        offered(Generation::Kotlin23, &body, &phone(1))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn atom_feeds_have_what_readers_require() {
    let dir = bacons(&format!(
        "{}[device.bacon.info]\nmaintainer = \"A & <B>\"\n",
        enable(&["atom", "atom-site"])
    ));
    dir.generate().expect(0);
    for (path, author) in [
        ("bacon.atom", "A &amp; &lt;B&gt;"),
        ("builds.atom", "Downloads"),
    ] {
        let feed = text(&dir, path);
        // RFC 4287: a feed has an id, a title, a date, an author; an entry the same
        // but for the author, and either contents or a link.
        let (head, entries) = feed.split_once("<entry>").unwrap();
        assert!(head.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">"));
        for part in [
            format!("<id>{BASE_URL}/{path}</id>"),
            "<updated>2023-11-21T22:13:20Z</updated>".to_owned(),
            format!("<author><name>{author}</name></author>"),
            format!("href=\"{BASE_URL}/{path}\""),
            "<title>".to_owned(),
        ] {
            assert!(head.contains(&part), "no {part} in {head}");
        }
        let entries: Vec<&str> = entries.split("<entry>").collect();
        assert_eq!(entries.len(), 2);
        for entry in &entries {
            for part in [
                "<id>urn:sha256:",
                "<title>",
                "<updated>2023-11-",
                "rel=\"alternate\" type=\"text/html\"",
                "rel=\"enclosure\" type=\"application/zip\" length=\"",
                "</entry>",
            ] {
                assert!(entry.contains(part), "no {part} in {entry}");
            }
        }
        assert_eq!(feed.matches("<id>").count(), 3);
    }
    // Nothing in them depends on today's date.
    let before = dir.tree("out");
    dir.generate().expect(0).says("up to date");
    assert_eq!(dir.tree("out"), before);
}

#[test]
fn all_shipped_templates_can_be_enabled_together_in_every_variant() {
    let names: Vec<&str> = romfeed::publish::feed::template::SHIPPED
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let settings = format!(
        "{}[[variant]]\nname = \"gapps\"\npackage = \"gapps/**\"\n",
        enable(&names)
    );
    let dir = enchilada(&settings).file(&format!("builds/gapps/{}", bacon_name(3)), bacon(3));
    dir.generate().expect(0);
    for path in [
        "builds.atom",
        "enchilada.atom",
        "enchilada-unofficial",
        "crdroid/enchilada.json",
        "gapps/builds.atom",
        "gapps/bacon.atom",
        "gapps/bacon-nightly",
        "gapps/crdroid/bacon.json",
        "gapps/api/v1/bacon_nightly",
        "gapps/api/v2/devices/bacon/nightly/inc3.json",
    ] {
        assert!(dir.path().join("out").join(path).exists(), "{path}");
    }
    assert!(!text(&dir, "builds.atom").contains("bacon"));
    assert!(text(&dir, "gapps/bacon.atom").contains(&format!("{BASE_URL}/gapps/bacon.atom")));
    // Without an address of the site, they are still made.
    dir.remove(DELTA);
    dir.put(
        "romfeed.toml",
        format!("url = \"https://example.org/{{filename}}\"\n{settings}"),
    );
    dir.run(&["generate"]).expect(0);
    assert!(text(&dir, "builds.atom").contains("<id>urn:romfeed:builds.atom</id>"));
}
