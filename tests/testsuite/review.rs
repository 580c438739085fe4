//! Guarantees that hold in any order of runs, zips and settings.

use serde_json::{Value, json};
use testkit::package::Package;
use testkit::props::Props;
use testkit::signing::Key;

use super::support::{BASE_URL, RomDir, Run};

const START: i64 = 1_749_896_318;

fn props(day: i64) -> Props {
    Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        START + day * 86_400,
        &format!("eng.{day}"),
        35,
        "2025-06-05",
    )
}

fn name(day: i64) -> String {
    let date = testkit::props::day(START + day * 86_400);
    format!("lineage-22.2-{date}-UNOFFICIAL-enchilada.zip")
}

fn gapps_name(day: i64) -> String {
    name(day).replace(".zip", "-gapps.zip")
}

fn put(dir: &RomDir, name: &str, props: Props) {
    dir.put(&format!("builds/{name}"), Package::files(props).build());
}

fn put_signed(dir: &RomDir, day: i64, key: Key) {
    let zip = Package::files(props(day)).signed(key).build();
    dir.put(&format!("builds/{}", name(day)), zip);
}

fn generate(dir: &RomDir, settings: &str) -> Run {
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{settings}"),
    );
    dir.run(&["generate"])
}

fn has(dir: &RomDir, path: &str) -> bool {
    dir.path().join("out").join(path).is_file()
}

#[track_caller]
fn listed(dir: &RomDir, path: &str) -> Vec<String> {
    let feed: Value = serde_json::from_slice(&dir.read(&format!("out/{path}"))).unwrap();
    let entries = feed["response"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["filename"].as_str().unwrap().to_owned())
        .collect()
}

fn list_of(incremental: &str) -> String {
    format!("api/v1/enchilada/unofficial/{incremental}")
}

#[test]
fn a_new_signer_stays_out_though_the_previous_zip_is_gone() {
    let dir = RomDir::new();
    put_signed(&dir, 0, Key::Alice);
    generate(&dir, "").expect(0);
    dir.remove(&format!("builds/{}", name(0)));
    put_signed(&dir, 1, Key::Bob);
    for _ in 0..3 {
        generate(&dir, "").expect(1).says("it is signed by");
        assert_eq!(listed(&dir, &list_of("eng.0")), [""; 0]);
    }
    generate(
        &dir,
        &format!("accept_new_signer = [\"{}\"]", Key::Bob.fingerprint()),
    )
    .expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name(1)]);
}

#[test]
fn a_new_signer_stays_out_though_the_previous_build_is_yanked_or_removed() {
    for verb in [&["yank", "--reason", "no sound"][..], &["remove"]] {
        let dir = RomDir::new();
        put_signed(&dir, 0, Key::Alice);
        generate(&dir, "").expect(0);
        let name_0 = name(0);
        dir.run(&[&["catalog", verb[0], &name_0], &verb[1..]].concat())
            .expect(0);
        put_signed(&dir, 1, Key::Bob);
        generate(&dir, "").expect(1).says("it is signed by");
        assert_eq!(listed(&dir, &list_of("eng.0")), [""; 0]);
    }
}

#[test]
fn a_new_variant_stays_out_though_the_previous_zip_is_gone() {
    let dir = RomDir::new();
    put(&dir, &name(0), props(0));
    generate(&dir, "").expect(0);
    dir.remove(&format!("builds/{}", name(0)));
    put(&dir, &gapps_name(1), props(1));
    for _ in 0..3 {
        generate(&dir, "").expect(1).says("its name differs");
        assert_eq!(listed(&dir, &list_of("eng.0")), [""; 0]);
    }
}

#[test]
fn the_source_of_a_removed_delta_is_answered() {
    let dir = RomDir::new();
    put(&dir, &name(1), props(1));
    let delta = name(1).replace(".zip", "-from-unseen.zip");
    let zip = Package::payload(props(1)).delta("unseen", "a/b/c").build();
    dir.put(&format!("builds/{delta}"), zip);
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, &list_of("unseen")), [delta.clone(), name(1)]);
    dir.run(&["catalog", "remove", &delta]).expect(0);
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, &list_of("unseen")), [name(1)]);
}

#[test]
fn phones_of_a_build_that_became_a_variant_are_answered_at_the_old_address() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put(&dir, &gapps_name(day), props(day));
    }
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [gapps_name(1)]);
    put(&dir, &name(2), props(2));
    put(&dir, &gapps_name(3), props(3));
    let settings = "[[variant]]\nname = \"gapps\"\npackage = \"*-gapps*\"\n";
    generate(&dir, settings).expect(0);
    let gapps = format!("gapps/{}", list_of("eng.0"));
    assert_eq!(listed(&dir, &gapps), [gapps_name(3), gapps_name(1)]);
    // "Not found" would be an error on the phone, and a vanilla zip would not start.
    assert!(has(&dir, &list_of("eng.0")), "the file is gone");
    assert!(!listed(&dir, &list_of("eng.0")).contains(&name(2)));
    generate(&dir, &format!("major_upgrades = \"list\"\n{settings}")).expect(0);
    assert!(!listed(&dir, &list_of("eng.0")).contains(&name(2)));
}

#[test]
fn a_variant_from_a_property_outlives_its_zip() {
    let dir = RomDir::new();
    put(&dir, &name(0), props(0));
    put(&dir, "two.zip", props(1).set("ro.my.variant", "gapps"));
    let settings = "[[variant]]\nname = \"gapps\"\nproperty = \"ro.my.variant=gapps\"\n\
                    [[variant]]\nname = \"vanilla\"\npackage = \"*\"\n";
    generate(&dir, settings).expect(0);
    assert_eq!(listed(&dir, "gapps/enchilada.json"), ["two.zip"]);
    let other = RomDir::new().file("catalog.json", dir.read("catalog.json"));
    generate(&other, settings).expect(0);
    assert_eq!(listed(&other, "vanilla/enchilada.json"), [name(0)]);
    assert_eq!(listed(&other, "gapps/enchilada.json"), ["two.zip"]);
}

#[test]
fn a_build_stays_in_its_channel_when_its_variant_leaves_the_settings() {
    let dir = RomDir::new();
    put(&dir, &name(0), props(0));
    put(&dir, &gapps_name(1), props(1));
    let variant = |name: &str| format!("[[variant]]\nname = \"{name}\"\npackage = \"*-{name}*\"\n");
    generate(&dir, &variant("gapps")).expect(0);
    for settings in [variant("microg"), String::new()] {
        generate(&dir, &settings);
        assert_eq!(listed(&dir, "enchilada.json"), [name(0)], "{settings}");
        assert_eq!(listed(&dir, &list_of("eng.0")), [""; 0], "{settings}");
    }
}

#[test]
fn adding_a_known_build_again_keeps_what_phones_know() {
    let dir = RomDir::new();
    put(&dir, &name(0), props(0));
    put(&dir, &name(1), props(1));
    generate(&dir, "").expect(0);
    let mut catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    catalog["builds"][0]["id"] = json!("published-1");
    dir.put("catalog.json", catalog.to_string());
    dir.run(&["catalog", "yank", &name(0), "--reason", "no sound"])
        .expect(0);
    let sha256 = catalog["builds"][0]["sha256"].as_str().unwrap().to_owned();
    let size = catalog["builds"][0]["size"].to_string();
    let facts = [
        ["--filename", &name(0)],
        ["--device", "enchilada"],
        ["--version", "22.2"],
        ["--romtype", "UNOFFICIAL"],
        ["--datetime", &START.to_string()],
        ["--size", &size],
        ["--sha256", &sha256],
        ["--url", "https://h/x.zip"],
    ];
    dir.add_build(facts.as_flattened()).expect(0);
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    let record = &catalog["builds"][0];
    assert_eq!(record["id"], "published-1");
    assert_eq!(record["incremental"], "eng.0");
}

#[test]
fn a_zip_with_a_new_signer_cannot_be_added_by_hand() {
    let dir = RomDir::new();
    put_signed(&dir, 0, Key::Alice);
    generate(&dir, "").expect(0);
    put_signed(&dir, 1, Key::Bob);
    let zip = format!("builds/{}", name(1));
    dir.run(&["catalog", "add", "--zip", &zip])
        .expect(1)
        .says("signed by");
    let accept = format!("accept_new_signer = [\"{}\"]", Key::Bob.fingerprint());
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{accept}"),
    );
    dir.run(&["catalog", "add", "--zip", &zip]).expect(0);
}

#[test]
fn names_that_differ_in_date_and_build_share_a_channel() {
    for (one, other) in [
        (
            "evolution_enchilada-ota-tq2a.230505.002-05151234.zip",
            "evolution_enchilada-ota-tq3a.230805.001-08151234.zip",
        ),
        (
            "lineage_enchilada-ota-eng.me.20240801.120000.zip",
            "lineage_enchilada-ota-eng.me.20240808.130000.zip",
        ),
        (
            "cm-12.1-20150901-SNAPSHOT-YOG4PAO237-enchilada.zip",
            "cm-12.1-20151117-SNAPSHOT-YOG7DAO1K2-enchilada.zip",
        ),
        (
            "aosp_enchilada-ota-BP1A.250505.005.zip",
            "aosp_enchilada-ota-BP2A.250605.031.A2.zip",
        ),
        (
            "Rom-v1.0-beta2-enchilada.zip",
            "Rom-v1.0-beta3-enchilada.zip",
        ),
    ] {
        let dir = RomDir::new();
        put(&dir, one, props(0));
        put(&dir, other, props(1));
        generate(&dir, "");
        assert_eq!(listed(&dir, "enchilada.json").len(), 2, "{other}");
    }
}

#[test]
fn the_answers_of_the_cyanogenmod_era_stay_when_nothing_is_offered() {
    let props = Props::cm("11", "NIGHTLY", "i9100", 1_404_777_600, "abc", 19, "");
    let dir = RomDir::new();
    put(&dir, "cm-11-20140708-NIGHTLY-i9100.zip", props);
    generate(&dir, "").expect(0);
    assert!(has(&dir, "legacy/i9100/nightly/index.json"));
    let name = "cm-11-20140708-NIGHTLY-i9100.zip";
    dir.run(&["catalog", "yank", name, "--reason", "x"])
        .expect(0);
    generate(&dir, "").expect(0);
    assert!(has(&dir, "legacy/i9100/nightly/index.json"));
    assert!(has(&dir, "legacy/i9100/nightly/v1/build/get_delta"));
}

#[test]
fn a_delta_is_published_where_phones_of_its_full_build_ask() {
    let dir = RomDir::new();
    let full = props(1).set("ro.updater.next_device", "fajita");
    put(&dir, &name(1), full);
    let delta = name(1).replace(".zip", "-from-unseen.zip");
    let zip = Package::payload(props(1)).delta("unseen", "a/b/c").build();
    dir.put(&format!("builds/{delta}"), zip);
    generate(&dir, "").expect(0);
    let list = "api/v1/fajita/unofficial/unseen";
    assert!(has(&dir, list));
    assert_eq!(listed(&dir, list), [delta, name(1)]);
}

#[test]
fn known_incrementals_are_answered_at_plain_paths_next_to_variants() {
    let dir = RomDir::new();
    put(&dir, &gapps_name(0), props(0));
    let settings = "[[variant]]\nname = \"gapps\"\npackage = \"*-gapps*\"\n\
                    [device.enchilada.known_incrementals]\nunofficial = [\"old\"]\nUNOFFICIAL = [\"older\"]\n";
    generate(&dir, settings).expect(0);
    assert!(has(&dir, &list_of("older")));
    assert!(has(&dir, &format!("gapps/{}", list_of("old"))));
    assert!(has(&dir, &list_of("old")));
}

#[test]
fn two_tombstones_of_one_build_are_refused_or_kept() {
    let dir = RomDir::new();
    put(&dir, &name(0), props(0));
    put(&dir, &name(1), props(1));
    generate(&dir, "").expect(0);
    dir.run(&["catalog", "remove", &name(0)]).expect(0);
    let mut catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    let mut stone = catalog["tombstones"][0].clone();
    stone["incremental"] = json!("other");
    catalog["tombstones"].as_array_mut().unwrap().push(stone);
    dir.put("catalog.json", catalog.to_string());
    let run = generate(&dir, "");
    assert!(run.code != Some(0) || has(&dir, &list_of("eng.0")) && has(&dir, &list_of("other")));
}

struct Quiet;
impl romfeed::generate::Observer for Quiet {}

#[test]
fn a_clock_set_back_removes_no_build_from_the_feeds() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put(&dir, &name(day), props(day));
    }
    generate(&dir, "min_age = \"2h\"").expect(0);
    let all = [name(1), name(0)];
    assert_eq!(listed(&dir, "enchilada.json"), all);
    // A board without a battery starts in 1970.
    let limits = ota_view::io::Limits::new(std::env::temp_dir(), std::time::Instant::now);
    let mut config = romfeed::model::config::Config::for_folder(dir.path(), limits);
    config.base_url = Some(BASE_URL.to_owned());
    config.retention.min_age = Some(7_200);
    romfeed::generate::generate(&config, None, &Quiet, 0).unwrap();
    assert_eq!(listed(&dir, "enchilada.json"), all);
}
