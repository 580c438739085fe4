//! Which builds are offered to whom: lists of single builds, deltas, retention, names, variants,
//! and which builds may join a channel.

use serde_json::{Value, json};
use testkit::package::Package;
use testkit::props::Props;
use testkit::signing::Key;

use crate::clients::{Generation, Phone, offered};
use romfeed::clients::updaters::request;

use crate::support::{BASE_URL, RomDir, Run, bacon, bacon_name, bacon_props};

const ENCHILADA: i64 = 1_749_896_318;

/// A build of `enchilada` this many days after a fixed one, with incremental `eng.{day}`.
fn props(version: &str, day: i64) -> Props {
    let incremental = format!("eng.{day}");
    let timestamp = ENCHILADA + day * 86_400;
    Props::lineage(
        version,
        "UNOFFICIAL",
        "enchilada",
        timestamp,
        &incremental,
        35,
        "2025-06-05",
    )
}

fn name(version: &str, day: i64) -> String {
    let date = testkit::props::day(ENCHILADA + day * 86_400);
    format!("lineage-{version}-{date}-UNOFFICIAL-enchilada.zip")
}

fn put_full(dir: &RomDir, version: &str, day: i64) {
    let zip = Package::files(props(version, day)).build();
    dir.put(&format!("builds/{}", name(version, day)), zip);
}

fn put_delta(dir: &RomDir, from: &str, day: i64) -> String {
    let zip = Package::payload(props("22.2", day))
        .delta(from, "a/b/c")
        .build();
    let filename = name("22.2", day).replace(".zip", &format!("-from-{from}.zip"));
    dir.put(&format!("builds/{filename}"), zip);
    filename
}

fn json_of(dir: &RomDir, path: &str) -> Value {
    serde_json::from_slice(&dir.read(&format!("out/{path}"))).unwrap()
}

/// Returns the file names in a v1 feed, in its order.
#[track_caller]
fn listed(dir: &RomDir, path: &str) -> Vec<String> {
    let feed = json_of(dir, path);
    let entries = feed["response"].as_array().unwrap().iter();
    let names = entries.map(|entry| entry["filename"].as_str().unwrap().to_owned());
    names.collect()
}

fn list_of(incremental: &str) -> String {
    format!("api/v1/enchilada/unofficial/{incremental}")
}

fn generate(dir: &RomDir, settings: &str) -> Run {
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{settings}"),
    );
    dir.run(&["generate"])
}

#[test]
fn a_phone_is_offered_builds_of_its_version_by_default() {
    let dir = RomDir::new();
    for (version, day) in [("21.0", 0), ("21.0", 2), ("22.2", 1), ("22.2", 3)] {
        put_full(&dir, version, day);
    }
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("21.0", 2)]);
    assert_eq!(listed(&dir, &list_of("eng.1")), [name("22.2", 3)]);
    assert_eq!(json_of(&dir, &list_of("eng.2")), json!({"response": []}));
    let all = [
        name("22.2", 3),
        name("21.0", 2),
        name("22.2", 1),
        name("21.0", 0),
    ];
    assert_eq!(listed(&dir, "api/v1/enchilada/unofficial.json"), all);
    for settings in [
        "major_upgrades = \"list\"",
        "[device.enchilada]\nmajor_upgrades = \"list\"",
    ] {
        generate(&dir, settings).expect(0);
        assert_eq!(listed(&dir, &list_of("eng.0")), all[..3]);
        assert_eq!(listed(&dir, &list_of("eng.2")), all[..1]);
    }
}

#[test]
fn every_known_incremental_has_a_list() {
    let dir = RomDir::new();
    for day in [1, 2, 3] {
        put_full(&dir, "22.2", day);
    }
    generate(&dir, "").expect(0);
    dir.run(&["catalog", "remove", &name("22.2", 1)]).expect(0);
    let rebuilt = props("22.2", 2).set("ro.build.version.incremental", "rebuilt");
    dir.put(
        &format!("builds/{}", name("22.2", 2)),
        Package::files(rebuilt).build(),
    );
    let known = "[device.enchilada.known_incrementals]\n\
                 UNOFFICIAL = [\"unseen\", { incremental = \"other\", version = \"21.0\" }, \
                 { incremental = \"late\", datetime = 1760000000 }]\nweekly = [\"w\"]";
    generate(&dir, known).expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.1")),
        [name("22.2", 3), name("22.2", 2)]
    );
    assert_eq!(listed(&dir, &list_of("eng.2")), [name("22.2", 3)]);
    assert_eq!(listed(&dir, &list_of("rebuilt")), [name("22.2", 3)]);
    assert_eq!(
        listed(&dir, &list_of("unseen")),
        [name("22.2", 3), name("22.2", 2)]
    );
    for current in ["eng.3", "other", "late"] {
        assert_eq!(
            json_of(&dir, &list_of(current)),
            json!({"response": []}),
            "{current}"
        );
    }
    assert_eq!(
        json_of(&dir, "api/v1/enchilada/weekly/w"),
        json!({"response": []})
    );
    for bad in ["a/b", "a b", "", "../x"] {
        generate(
            &dir,
            &format!("[device.enchilada.known_incrementals]\nx = [\"{bad}\"]"),
        )
        .expect(2)
        .says(&format!(
            "known_incrementals: incremental `{bad}` cannot be a file"
        ));
    }
}

#[test]
fn a_delta_is_offered_to_the_phones_of_its_source_alone() {
    let dir = RomDir::new();
    for day in [0, 1, 2] {
        put_full(&dir, "22.2", day);
    }
    let delta = put_delta(&dir, "eng.1", 2);
    generate(&dir, "")
        .expect(0)
        .says("3 builds for 1 device")
        .says("; 1 delta");
    assert_eq!(
        listed(&dir, &list_of("eng.1")),
        [delta.clone(), name("22.2", 2)]
    );
    let entries = json_of(&dir, &list_of("eng.1"))["response"].clone();
    assert_eq!(entries[0]["datetime"], entries[1]["datetime"]);
    assert_ne!(entries[0]["id"], entries[1]["id"]);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [name("22.2", 2), name("22.2", 1)]
    );
    let full = [name("22.2", 2), name("22.2", 1), name("22.2", 0)];
    assert_eq!(listed(&dir, "api/v1/enchilada/unofficial.json"), full);
    assert_eq!(listed(&dir, "enchilada.json"), full);
    // Either can be installed, and other phones do not see the delta.
    let phone = |day: i64| Phone {
        device: "enchilada".to_owned(),
        release_type: "UNOFFICIAL".to_owned(),
        version: "22.2".to_owned(),
        incremental: format!("eng.{day}"),
        datetime: ENCHILADA + day * 86_400,
        sdk: 35,
        ..Phone::default()
    };
    for generation in [
        Generation::First15,
        Generation::Template14,
        Generation::Java22,
    ] {
        for (day, num_offered) in [(0, 2), (1, 2), (2, 0)] {
            let body = dir.read(&format!("out/{}", list_of(&format!("eng.{day}"))));
            let offered = offered(generation, &body, &phone(day)).unwrap();
            assert_eq!(offered.len(), num_offered, "{generation:?} {day}");
        }
    }
    // Forks of the newest client read it if the feed is for a known fork.
    let v2 = json_of(&dir, "api/v2/devices/enchilada/builds.json");
    assert_eq!(v2[0]["incremental"][0]["filename"], delta);
    assert_eq!(v2[0]["incremental"].as_array().unwrap().len(), 1);
    assert_eq!(v2[0]["files"][0]["filename"], full[0]);
    assert!(v2[1].get("incremental").is_none());
    let list = dir.run(&["catalog", "list"]).expect(0).stdout;
    assert!(list.contains("delta offered"), "{list}");
}

#[test]
fn the_delta_with_the_newest_source_is_listed_with_a_build() {
    let dir = RomDir::new();
    for day in [0, 1, 2] {
        put_full(&dir, "22.2", day);
    }
    let from = ["eng.0", "eng.1", "unseen"].map(|from| put_delta(&dir, from, 2));
    generate(&dir, "").expect(0);
    let v2 = json_of(&dir, "api/v2/devices/enchilada/builds.json");
    assert_eq!(v2[0]["incremental"][0]["filename"], from[1]);
    assert_eq!(listed(&dir, &list_of("eng.0"))[0], from[0]);
    // The source of a delta is in use, or the delta would be useless.
    assert_eq!(
        listed(&dir, &list_of("unseen")),
        [
            from[2].clone(),
            name("22.2", 2),
            name("22.2", 1),
            name("22.2", 0)
        ]
    );
}

#[test]
fn a_delta_without_its_full_build_is_held_and_reported() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let delta = put_delta(&dir, "eng.0", 1);
    let held = format!("held {delta}: the full build that this delta leads to is not offered");
    generate(&dir, "")
        .expect(0)
        .says(&held)
        .says("; 1 build held back");
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
    // Its own phones get an answer, though nothing names their source.
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    put_full(&dir, "22.2", 1);
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [delta.clone(), name("22.2", 1)]
    );
    dir.run(&["catalog", "yank", "--reason", "no", &name("22.2", 1)])
        .expect(0);
    dir.run(&["generate", "-v"]).expect(0).says(&held);
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
}

#[test]
fn a_delta_to_an_old_build_is_no_longer_offered() {
    let dir = RomDir::new();
    for day in [0, 1, 2] {
        put_full(&dir, "22.2", day);
    }
    let delta = put_delta(&dir, "eng.0", 1);
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [name("22.2", 2), delta.clone(), name("22.2", 1)]
    );
    put_full(&dir, "22.2", 3);
    generate(&dir, "").expect(0);
    dir.run(&["generate", "-v"]).expect(0).says(&format!(
        "held {delta}: the delta leads to a build that is not among the 2 newest; the newest is {}",
        name("22.2", 3)
    ));
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [name("22.2", 3), name("22.2", 2), name("22.2", 1)]
    );
}

#[test]
fn deltas_backwards_or_in_a_circle_are_errors() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    put_delta(&dir, "eng.0", 1);
    let back = put_delta(&dir, "eng.1", 0);
    let nowhere = put_delta(&dir, "eng.1", 1);
    let run = generate(&dir, "").expect(1);
    for delta in [back, nowhere] {
        let error =
            format!("error: {delta}: the delta starts from incremental eng.1, which is not older");
        assert!(run.stderr.contains(&error), "{}", run.stderr);
    }
    assert_eq!(listed(&dir, &list_of("eng.0")).len(), 2);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
}

#[test]
fn a_block_based_delta_is_offered_on_request() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    let delta = name("22.2", 1).replace(".zip", "-delta.zip");
    let zip = Package::block(props("22.2", 1))
        .delta("eng.0", "a/b/c")
        .build();
    dir.put(&format!("builds/{delta}"), zip);
    generate(&dir, "").expect(0).says("block_deltas = true");
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 1)]);
    for settings in [
        "block_deltas = true",
        "[device.enchilada]\nblock_deltas = true",
    ] {
        generate(&dir, settings).expect(0);
        assert_eq!(
            listed(&dir, &list_of("eng.0")),
            [delta.clone(), name("22.2", 1)]
        );
    }
}

#[test]
fn a_delta_of_any_name_takes_its_facts_from_its_full_build() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    let zip = Package::payload(props("22.2", 1))
        .delta("eng.0", "a/b/c")
        .build();
    dir.put("builds/deltas/eng.0-eng.1.zip", zip);
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        ["eng.0-eng.1.zip".to_owned(), name("22.2", 1)]
    );
    // Known from the catalog as well, when only the delta is in the folder.
    let other = RomDir::new().file("catalog.json", dir.read("catalog.json"));
    let text = String::from_utf8(other.read("catalog.json")).unwrap();
    assert!(text.contains("\"version\": \"22.2\""));
}

#[test]
fn keep_lists_the_newest_and_two_of_each_version() {
    let dir = RomDir::new();
    for (version, day) in [
        ("21.0", 0),
        ("21.0", 1),
        ("21.0", 2),
        ("22.2", 3),
        ("22.2", 4),
        ("22.2", 5),
        ("22.2", 6),
    ] {
        put_full(&dir, version, day);
    }
    let all = "api/v1/enchilada/unofficial.json";
    for settings in [
        "keep = 3",
        "keep = 9\n[romtype.unofficial]\nkeep = 3",
        "keep = 9\n[device.enchilada]\nkeep = 3",
        "[device.enchilada]\nkeep = 9\n[device.enchilada.romtype.UNOFFICIAL]\nkeep = 3",
    ] {
        generate(&dir, settings)
            .expect(0)
            .says("5 builds for 1 device")
            .says("; 2 builds no longer listed (keep)");
        let remaining = [
            name("22.2", 6),
            name("22.2", 5),
            name("22.2", 4),
            name("21.0", 2),
            name("21.0", 1),
        ];
        assert_eq!(listed(&dir, all), remaining, "{settings}");
        assert_eq!(
            json_of(&dir, "api/v2/devices/enchilada/builds.json")
                .as_array()
                .unwrap()
                .len(),
            5
        );
        assert_eq!(listed(&dir, &list_of("eng.0")), remaining[3..]);
        assert_eq!(listed(&dir, &list_of("eng.3")), remaining[..3]);
        generate(&dir, "").expect(0);
        assert_eq!(listed(&dir, all).len(), 7);
    }
    generate(&dir, "keep = 0").expect(0);
    assert_eq!(listed(&dir, all).len(), 4);
    let list = dir.run(&["catalog", "list"]).expect(0).stdout;
    assert_eq!(list.matches(" unlisted ").count(), 3, "{list}");
}

#[test]
fn a_build_waits_for_its_age() {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let young = props("22.2", 1).set("ro.build.date.utc", &(now - 3_600).to_string());
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    dir.put(
        "builds/enchilada.zip",
        Package::files(young).without_metadata().build(),
    );
    let same_lane = "same_lane = true\n";
    generate(&dir, &format!("{same_lane}min_age = \"2h\""))
        .expect(0)
        .says("held enchilada.zip: held back by min_age until 2");
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    for settings in [
        "min_age = \"30m\"",
        "min_age = \"2h\"\n[romtype.unofficial]\nmin_age = 0",
    ] {
        generate(&dir, &format!("{same_lane}{settings}")).expect(0);
        assert_eq!(listed(&dir, &list_of("eng.0")), ["enchilada.zip"]);
    }
    for bad in ["\"2 hours\"", "\"h\"", "\"\"", "\"-1h\"", "\"2é\""] {
        generate(&dir, &format!("min_age = {bad}"))
            .expect(2)
            .says("min_age");
    }
}

#[test]
fn a_build_from_the_future_is_an_error() {
    for (datetime, text) in [
        ("4000000000", "datetime `4000000000` is in the future"),
        ("1749896318000", "milliseconds instead of seconds?"),
    ] {
        let dir = RomDir::new();
        put_full(&dir, "22.2", 0);
        let zip = Package::files(props("22.2", 1).set("ro.build.date.utc", datetime));
        dir.put(
            &format!("builds/{}", name("22.2", 1)),
            zip.without_metadata().build(),
        );
        generate(&dir, "").expect(1).says(text);
        assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
    }
}

#[test]
fn a_yanked_build_is_offered_again_on_request() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    generate(&dir, "").expect(0);
    let newest = name("22.2", 1);
    dir.run(&["catalog", "yank", &newest])
        .expect(2)
        .says("--reason");
    dir.run(&["catalog", "yank", &newest, "--reason", " "])
        .expect(1)
        .says("--reason is empty");
    dir.run(&["catalog", "yank", &newest, "--reason", "no sound"])
        .expect(0)
        .says(&format!("yanked {newest}"));
    dir.run(&["generate"]).expect(0);
    assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).stdout;
    assert!(
        list.contains("\"state\":\"yanked\",\"yanked\":\"no sound\""),
        "{list}"
    );
    dir.run(&["catalog", "unyank", &newest])
        .expect(0)
        .says("is offered again");
    dir.run(&["catalog", "unyank", &newest])
        .expect(0)
        .says("was not yanked");
    dir.run(&["generate"]).expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 2);
    dir.run(&["catalog", "yank", "nothing.zip", "--reason", "x"])
        .expect(1)
        .says("`nothing.zip` is neither a file name");
}

#[test]
fn device_names_come_from_settings_and_builds() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let renamed = props("22.2", 1).set("ro.updater.next_device", "fajita");
    dir.put(
        &format!("builds/{}", name("22.2", 1)),
        Package::files(renamed).build(),
    );
    generate(
        &dir,
        "keep = 5\n[device.enchilada]\naliases = [\"OnePlus6\"]\nmajor_upgrades = \"list\"",
    )
    .expect(0);
    for path in ["enchilada", "OnePlus6"] {
        assert_eq!(
            listed(&dir, &format!("api/v1/{path}/unofficial/eng.0")),
            [name("22.2", 1)]
        );
        assert_eq!(listed(&dir, &format!("{path}.json")).len(), 2);
    }
    assert_eq!(listed(&dir, "fajita.json"), [name("22.2", 1)]);
    assert_eq!(
        json_of(&dir, "api/v1/fajita/unofficial/eng.1"),
        json!({"response": []})
    );
    assert!(
        !dir.path()
            .join("out/api/v1/fajita/unofficial/eng.0")
            .exists()
    );
    for (settings, text) in [
        (
            "[device.a]\naliases = [\"x\"]\n[device.b]\naliases = [\"x\"]",
            "`x` is an alias of both a and b",
        ),
        ("[device.a]\naliases = [\"a\"]", "`a` is the device itself"),
        (
            "[device.a]\naliases = [\"a/b\"]",
            "cannot be part of a feed's address",
        ),
    ] {
        generate(&dir, settings).expect(2).says(text);
    }
}

#[test]
fn a_superseded_build_returns_when_its_zip_does() {
    let path = format!("builds/{}", name("22.2", 0));
    let zip = |day| Package::files(props("22.2", day)).build();
    let dir = RomDir::new().file(&path, zip(0));
    generate(&dir, "").expect(0);
    dir.put(&path, zip(1));
    generate(&dir, "")
        .expect(0)
        .says("changed under its old name");
    dir.put(&path, zip(0));
    generate(&dir, "").expect(0);
    let entries = json_of(&dir, "enchilada.json")["response"].clone();
    assert_eq!(entries.as_array().unwrap().len(), 1);
    assert_eq!(entries[0]["datetime"], ENCHILADA);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
}

#[test]
fn the_list_of_allowed_devices_adds_no_device_names() {
    use testkit::metadata::Metadata;
    let package = Package::files(props("22.2", 0));
    let metadata: Metadata = package.derived_metadata().device("enchilada,fajita");
    let dir = RomDir::new().file(
        &format!("builds/{}", name("22.2", 0)),
        package.metadata(metadata).build(),
    );
    generate(&dir, "").expect(0);
    assert!(!dir.path().join("out/fajita.json").exists());
    let zip = format!("builds/{}", name("22.2", 0));
    let seen = dir.run(&["inspect", &zip]).expect(0).stdout;
    assert!(
        seen.contains("enchilada, fajita") && seen.contains("`aliases` in romfeed.toml"),
        "{seen}"
    );
}

#[test]
fn each_variant_has_its_own_paths() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let gapps = name("22.2", 1).replace(".zip", "-GAPPS.zip");
    dir.put(
        &format!("builds/{gapps}"),
        Package::files(props("22.2", 1)).build(),
    );
    let micro = props("22.2", 2).set("ro.my.variant", "microg");
    dir.put(
        &format!("builds/{}", name("22.2", 2)),
        Package::files(micro).build(),
    );
    let settings = "[[variant]]\nname = \"gapps\"\npackage = \"*-GAPPS*\"\n\
                    [[variant]]\nname = \"microg\"\nproperty = \"ro.my.variant=microg\"\n";
    for _ in 0..2 {
        generate(&dir, settings).expect(0);
        assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
        assert_eq!(
            listed(&dir, "gapps/enchilada.json"),
            std::slice::from_ref(&gapps)
        );
        assert_eq!(listed(&dir, "microg/enchilada.json"), [name("22.2", 2)]);
        assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
        assert_eq!(
            json_of(&dir, "gapps/api/v1/devices.json"),
            json!({"22.2": ["enchilada"]})
        );
        assert_eq!(
            json_of(&dir, "gapps/api/v1/types/enchilada.json"),
            json!({"response": ["unofficial"]})
        );
        for path in [
            "api/v1/enchilada/unofficial/eng.1",
            "api/v2/devices/enchilada/builds.json",
            "api/v2/oems.json",
            "api/v2/devices/enchilada.json",
        ] {
            assert!(dir.path().join("out/gapps").join(path).exists(), "{path}");
        }
    }
    // A pattern applies to builds whose zips are gone; a property was in the zip.
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    let other = RomDir::new().file("catalog.json", &catalog);
    generate(
        &other,
        "[[variant]]\nname = \"google\"\npackage = \"*-GAPPS*\"",
    )
    .expect(0);
    assert_eq!(listed(&other, "google/enchilada.json"), [gapps]);
    assert_eq!(listed(&other, "microg/enchilada.json"), [name("22.2", 2)]);
    for (settings, text) in [
        (
            "[[variant]]\nname = \"api\"\npackage = \"*\"",
            "the name is taken by the feed tree",
        ),
        (
            "[[variant]]\nname = \"x.json\"\npackage = \"*\"",
            "it ends like a file of the site",
        ),
        (
            "[[variant]]\nname = \"x\"",
            "needs a package pattern or a property",
        ),
    ] {
        generate(&dir, settings).expect(2).says(text);
    }
}

#[test]
fn phones_of_a_moved_build_are_answered_at_its_old_address() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let gapps = name("22.2", 1).replace(".zip", "-gapps.zip");
    dir.put(
        &format!("builds/{gapps}"),
        Package::files(props("22.2", 1)).build(),
    );
    generate(&dir, "same_lane = true").expect(0);
    put_full(&dir, "22.2", 2);
    let settings = "[[variant]]\nname = \"gapps\"\npackage = \"*-gapps*\"\n";
    generate(&dir, settings).expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 2)]);
    assert_eq!(
        listed(&dir, "gapps/enchilada.json"),
        std::slice::from_ref(&gapps)
    );
    // Nothing is here for them: the others are now of another kind.
    for _ in 0..2 {
        assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
        generate(&dir, settings).expect(0).says("up to date");
    }
    dir.run(&["catalog", "remove", &gapps]).expect(0);
    generate(&dir, settings).expect(0);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    // A corrected release type is one more such path.
    let weekly = format!("{settings}[[override]]\npackage = \"*\"\nromtype = \"WEEKLY\"\n");
    generate(&dir, &weekly).expect(0);
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
    assert_eq!(
        listed(&dir, "api/v1/enchilada/weekly/eng.0"),
        [name("22.2", 2)]
    );
    generate(&dir, settings).expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 2)]);
}

#[test]
fn release_types_that_differ_in_case_share_a_path() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    generate(&dir, "").expect(0);
    let lower =
        "major_upgrades = \"list\"\n[[override]]\npackage = \"*\"\nromtype = \"unofficial\"";
    let run = generate(&dir, lower).expect(0).says("changed ");
    assert!(!run.stderr.contains("moved lineage"), "{}", run.stderr);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 1)]);
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert!(!catalog.contains("former"), "{catalog}");
}

#[test]
fn a_delta_belongs_to_the_variant_of_its_full_build() {
    let dir = RomDir::new();
    for day in [0, 1] {
        let props = props("22.2", day).set("ro.my.variant", "microg");
        dir.put(
            &format!("builds/{}", name("22.2", day)),
            Package::files(props).build(),
        );
    }
    let delta = put_delta(&dir, "eng.0", 1);
    let settings = "[[variant]]\nname = \"microg\"\nproperty = \"ro.my.variant\"\n";
    for _ in 0..2 {
        generate(&dir, settings).expect(0);
        let list = format!("microg/{}", list_of("eng.0"));
        assert_eq!(listed(&dir, &list), [delta.clone(), name("22.2", 1)]);
    }
}

#[test]
fn a_build_with_an_extra_word_in_its_name_stays_out_of_the_channel() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    let gapps = name("22.2", 1).replace(".zip", "-gapps.zip");
    dir.put(
        &format!("builds/{gapps}"),
        Package::files(props("22.2", 1)).build(),
    );
    let error = format!(
        "error: {gapps}: its name differs from that of {} in more than date and version (`gapps`)",
        name("22.2", 0)
    );
    // Nor does it join in the second run, or after a zip of the channel.
    generate(&dir, "")
        .expect(1)
        .says(&error)
        .says("hint: set up [[variant]]");
    put_full(&dir, "22.2", 2);
    generate(&dir, "").expect(1).says(&error);
    assert_eq!(
        listed(&dir, "enchilada.json"),
        [name("22.2", 2), name("22.2", 0)]
    );
    generate(&dir, "[device.enchilada]\nsame_lane = true").expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 3);
    // A published build is not withdrawn.
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 3);
}

#[test]
fn names_that_differ_only_in_date_share_a_channel() {
    let dir = RomDir::new();
    for (day, name) in [
        (0, "lineage-22.2-20250614-UNOFFICIAL-enchilada.zip"),
        (
            1,
            "lineage-22.2-20250615_101112-unofficial-enchilada-signed.zip",
        ),
        (2, "lineage-23.0-20250616-RC1-UNOFFICIAL-enchilada-v2.zip"),
        (3, "lineage-23.0-eng.3-UNOFFICIAL-enchilada.zip"),
    ] {
        dir.put(
            &format!("builds/{name}"),
            Package::files(props("22.2", day)).build(),
        );
    }
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 4);
}

#[test]
fn a_new_signer_stays_out_of_the_channel_until_accepted() {
    let signed = |day, key| Package::files(props("22.2", day)).signed(key).build();
    let path = |day| format!("builds/{}", name("22.2", day));
    let dir = RomDir::new().file(&path(0), signed(0, Key::Alice));
    generate(&dir, "").expect(0);
    let (alice, bob) = (Key::Alice.fingerprint(), Key::Bob.fingerprint());
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert!(
        catalog.contains(&format!("\"signer\": \"{alice}\"")),
        "{catalog}"
    );
    dir.put(&path(1), signed(1, Key::Bob));
    generate(&dir, "").expect(1).says(&format!(
        "error: {}: it is signed by {bob}, but {} before it is signed by {alice}, so phones would refuse it",
        name("22.2", 1),
        name("22.2", 0)
    ));
    put_full(&dir, "22.2", 2);
    generate(&dir, "").expect(1).says("it is not signed, but");
    assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
    let json = dir.run(&["generate", "--json"]).expect(1).json();
    assert_eq!(json["errors"][0]["class"], "bad_signature");
    // Named by its fingerprint, in openssl's notation too.
    dir.remove(&path(2));
    let colons: Vec<&str> = (0..32).map(|at| &bob[2 * at..2 * at + 2]).collect();
    generate(
        &dir,
        &format!(
            "accept_new_signer = [\"{}\"]",
            colons.join(":").to_uppercase()
        ),
    )
    .expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 2);
    // From then on the channel has this signer.
    dir.put(&path(3), signed(3, Key::Bob));
    generate(&dir, "").expect(0);
    dir.put(&path(4), signed(4, Key::Alice));
    generate(&dir, "")
        .expect(1)
        .says(&format!("it is signed by {alice}"));
    // A single package may be named instead.
    generate(
        &dir,
        &format!("accept_new_signer = [\"{}\"]", name("22.2", 4)),
    )
    .expect(0);
    generate(&dir, "accept_new_signer = [\"abc\"]")
        .expect(2)
        .says("write 8 to 64 of its digits");
}

#[test]
fn a_package_rebuilt_with_another_key_is_not_offered_under_the_old_hash() {
    let path = format!("builds/{}", name("22.2", 0));
    let zip = |day, key| Package::files(props("22.2", day)).signed(key).build();
    let dir = RomDir::new().file(&path, zip(0, Key::Alice));
    generate(&dir, "").expect(0);
    dir.put(&path, zip(1, Key::Bob));
    generate(&dir, "").expect(1).says("it is signed by");
    assert_eq!(json_of(&dir, "enchilada.json"), json!({"response": []}));
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
}

#[test]
fn answers_of_the_official_server_are_published_as_files() {
    let devices = r#"[{"model":"enchilada","oem":"OnePlus","name":"OnePlus 6","wiki":"https://w/e"},{"model":"bacon","oem":"OnePlus","name":"One"}]"#;
    let dir = RomDir::new()
        .file("devices.json", devices)
        .file(
            "device_deps.json",
            r#"{"enchilada":["android_device_oneplus_enchilada"]}"#,
        )
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(
            "builds/mako.zip",
            Package::files(bacon_props(1).set("ro.lineage.device", "mako"))
                .without_metadata()
                .build(),
        );
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    let nightly = json!({"response": ["nightly"]});
    for (path, expected) in [
        ("api/v1/types/bacon.json", &nightly),
        (
            "api/v1/devices.json",
            &json!({"21.0": ["bacon", "mako"], "22.2": ["enchilada"]}),
        ),
        (
            "api/v2/oems.json",
            &json!([
                {"devices": [{"model": "bacon", "name": "One"}, {"model": "enchilada", "name": "OnePlus 6"}], "name": "OnePlus"},
                {"devices": [{"model": "mako", "name": "mako"}], "name": "Other"},
            ]),
        ),
        (
            "api/v2/devices/enchilada.json",
            &json!({
                "dependencies": ["android_device_oneplus_enchilada"], "info_url": "https://w/e",
                "model": "enchilada", "name": "OnePlus 6", "oem": "OnePlus", "versions": ["22.2"],
            }),
        ),
    ] {
        assert_eq!(json_of(&dir, path), *expected, "{path}");
    }
}

#[test]
fn phones_of_the_cyanogenmod_era_find_their_answers() {
    let cm = Props::cm(
        "11",
        "NIGHTLY",
        "i9100",
        1_404_804_127,
        "3f6ac1dd25",
        19,
        "",
    );
    let zip = Package::files(cm).build();
    let dir = RomDir::new().file("builds/cm-11-20140708-NIGHTLY-i9100.zip", &zip);
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    let folder = "legacy/i9100/nightly";
    let list = json_of(&dir, &format!("{folder}/index.json"));
    let entry = list["result"][0].clone();
    assert_eq!(list, json!({"id": null, "result": [entry], "error": null}));
    let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "api_level",
            "changes",
            "channel",
            "filename",
            "incremental",
            "md5sum",
            "timestamp",
            "url"
        ]
    );
    assert_eq!(entry["api_level"], 19);
    assert_eq!(entry["changes"], format!("{BASE_URL}/{folder}/changes.txt"));
    assert_eq!(
        json_of(&dir, &format!("{folder}/v1/build/get_delta")),
        json!({"errors": {"message": "Unable to find delta"}})
    );
    assert!(
        dir.path()
            .join("out")
            .join(folder)
            .join("changes.txt")
            .exists()
    );
    // As the phone does: a host answers its POST with the file below.
    let phone = Phone {
        device: "i9100".to_owned(),
        release_type: "NIGHTLY".to_owned(),
        version: "11-20140601-NIGHTLY-i9100".to_owned(),
        incremental: "old".to_owned(),
        datetime: 1_401_600_000,
        sdk: 19,
        ..Phone::default()
    };
    let property = format!("{BASE_URL}/{folder}");
    let request = request(Generation::Cm12, &property, &phone).unwrap();
    assert_eq!(request.url, property);
    assert_eq!(
        request.delta_url.unwrap(),
        format!("{property}/v1/build/get_delta")
    );
    let body = dir.read(&format!("out/{folder}/index.json"));
    assert_eq!(
        offered(Generation::Cm12, &body, &phone).unwrap(),
        ["cm-11-20140708-NIGHTLY-i9100.zip"]
    );
    // Phones that could ask so run at most Android 7.
    assert!(!dir.path().join("out/legacy/enchilada").exists());
}

#[test]
fn removed_pages_are_never_ones_that_phones_request() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    let run = generate(&dir, "[site]\npages = false").expect(0);
    assert!(!dir.path().join("out/index.html").exists());
    assert!(
        !run.stderr.contains("phones may still ask"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_variant_removed_from_the_settings_keeps_its_builds_with_a_note() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    generate(&dir, "[[variant]]\nname = \"x\"\npackage = \"*\"")
        .expect(0)
        .says("moved lineage-22.2-20250614-UNOFFICIAL-enchilada.zip to x/enchilada/unofficial")
        .says("no longer part of the site, though phones may still ask for it: ");
    generate(&dir, "").expect(0).says("1 warning");
    dir.run(&["generate", "-v"])
        .expect(0)
        .says("it stays in variant `x`, which no [[variant]] names");
    assert_eq!(listed(&dir, "x/enchilada.json").len(), 1);
    // The remedy that the warning names.
    let zip = name("22.2", 0);
    dir.run(&["catalog", "remove", &zip]).expect(0);
    dir.run(&["catalog", "add", "--zip", &format!("builds/{zip}")])
        .expect(0);
    dir.run(&["generate"]).expect(0);
    assert_eq!(listed(&dir, "enchilada.json"), [zip]);
}

#[test]
fn a_new_site_prints_the_address_of_each_variant() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "[[variant]]\nname = \"gapps\"\npackage = \"*\"")
        .expect(0)
        .says("lineage.updater.uri=https://example.org/ota/gapps/api/v1/{device}/{type}.json");
    let long = format!(
        "[[variant]]\nname = \"{}\"\npackage = \"*\"",
        "g".repeat(40)
    );
    generate(
        &RomDir::new().file(&format!("builds/{}", name("22.2", 0)), bacon(0)),
        &long,
    )
    .expect(0)
    .says("Android takes no more than 91");
}

#[cfg(unix)]
#[test]
fn files_behind_a_link_in_the_site_are_left_alone() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    let api = dir.path().join("out/api");
    let outside = dir.path().join("outside");
    std::fs::rename(&api, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &api).unwrap();
    let before = dir.tree("outside");
    put_full(&dir, "22.2", 1);
    generate(&dir, "")
        .expect(1)
        .says("a file or link that romfeed did not write is in the way");
    assert_eq!(dir.tree("outside"), before);
}

#[test]
fn a_published_feed_does_not_change_its_form_silently() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    let settings = "[device.enchilada]\ndevice_feed = \"v2\"";
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{settings}"),
    );
    let warning = "enchilada.json was a list for LineageOS 15.1 to 22.x and becomes an array for LineageOS 23.2 on";
    dir.run(&["generate", "--dry-run"]).expect(0).says(warning);
    dir.run(&["generate"]).expect(0).says(warning);
    let run = dir.run(&["generate"]).expect(0);
    assert!(!run.stderr.contains("becomes"), "{}", run.stderr);
}
