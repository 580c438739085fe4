//! `check` accepts what `generate` writes: every form of feed, every ROM family, every version; and
//! what the manifest records for each file.

use std::collections::BTreeSet;

use romfeed::model::family::{FAMILIES, Rule};
use romfeed::publish::feed::template::front_matter::{self, Scope};
use romfeed::publish::feed::template::{FOR_PEOPLE, SHIPPED};
use testkit::package::Package;
use testkit::props::Props;

use crate::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const DATE: i64 = 1_745_323_616;

/// Runs `generate`, then `check`, which finds nothing.
#[track_caller]
fn publish(dir: &RomDir, what: &str) -> Run {
    let run = dir.generate();
    assert_eq!(run.code, Some(0), "{what}: {}", run.stderr);
    check(dir, what)
}

#[track_caller]
fn check(dir: &RomDir, what: &str) -> Run {
    let run = dir.run(&["check", "--base-url", BASE_URL]);
    assert_eq!(run.code, Some(0), "{what}: {}", run.stderr);
    assert!(
        run.stderr.contains("nothing wrong in"),
        "{what}: {}",
        run.stderr
    );
    run
}

fn device_feeds() -> BTreeSet<&'static str> {
    let of_devices = SHIPPED.into_iter().filter(|(_, text)| {
        let front = front_matter::parse(text).unwrap_or_else(|fault| panic!("{fault:?}"));
        front.scope == Scope::Device
    });
    let names = of_devices.map(|(name, _)| name);
    names.chain(["v1", "v2"]).collect()
}

fn bacons() -> RomDir {
    RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(7)), bacon(7))
}

#[test]
fn every_form_of_a_devices_feed_is_accepted() {
    for name in device_feeds() {
        let dir = bacons().file("romfeed.toml", format!("device_feed = \"{name}\"\n"));
        publish(&dir, name);
    }
}

#[test]
fn every_shipped_feed_is_accepted() {
    let dir = bacons();
    let names = SHIPPED.map(|(name, _)| name);
    let others = names.into_iter().filter(|name| !FOR_PEOPLE.contains(name));
    // Each at its own path instead of the path in its template.
    let feed = |name: &str| format!("[[feed]]\ntemplate = \"{name}\"\n");
    dir.put("romfeed.toml", others.map(feed).collect::<String>());
    publish(&dir, "all templates");
}

/// Returns the properties of a build of the family, at the keys that its updater reads.
fn props_of(family: &romfeed::model::family::Family, version: &str, device: &str) -> Props {
    let day = testkit::props::day(DATE);
    let mut props = Props::lineage(
        "22.1",
        "UNOFFICIAL",
        device,
        DATE,
        "eng.1",
        35,
        "2025-04-05",
    );
    if family.name != "LineageOS" {
        for key in ["device", "build.version", "releasetype", "version"] {
            props = props.remove(&format!("ro.lineage.{key}"));
        }
        props = props.remove("ro.modversion");
    }
    let composite = format!("{version}-{day}-UNOFFICIAL-{device}");
    for (rules, whole) in [
        (&family.romtype, "UNOFFICIAL"),
        (&family.version, version),
        (&family.device, device),
    ] {
        for rule in rules {
            let value = match rule {
                Rule::Whole(_) => whole,
                _ => &composite,
            };
            props = props.set(rule.key(), value);
        }
    }
    let date = DATE.to_string();
    for rule in &family.datetime {
        props = props.set(rule.key(), &date);
    }
    props.set(&format!("{}x", family.markers[0]), "1")
}

#[test]
fn every_family_and_small_versions_are_accepted() {
    for family in FAMILIES.iter() {
        let dir = RomDir::new();
        let mut settings = String::new();
        for (at, version) in ["2.7", "9.5", "11.4", "15"].into_iter().enumerate() {
            let device = format!("phone{at}");
            let day = testkit::props::day(DATE);
            let name = format!("builds/rom-{version}-{day}-UNOFFICIAL-{device}.zip");
            let props = props_of(family, version, &device);
            dir.put(&name, Package::files(props).build());
            if family.version.is_empty() {
                settings += &format!(
                    "[[override]]\npackage = \"*-{device}.zip\"\nversion = \"{version}\"\n"
                );
            }
        }
        dir.put("romfeed.toml", settings);
        publish(&dir, &family.name);
    }
}

#[test]
fn a_custom_template_is_not_a_lineageos_list() {
    let template =
        "{#\nscope = \"device\"\npath = \"{device}.json\"\n#}\n{\"news\": {{ builds | length }}}\n";
    let dir = bacons()
        .file("romfeed.toml", "device_feed = \"mine\"\n")
        .file("templates/feeds/mine.j2", template);
    publish(&dir, "an own template");
    dir.put("out/bacon.json", "{\"news\": 2");
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    run.says("error feed-unreadable bacon.json: it is not JSON: the text ends in the middle of ")
        .says("fix: run romfeed generate");
}

#[test]
fn settings_apply_when_the_manifest_is_from_an_earlier_version() {
    let dir = bacons().file("romfeed.toml", "device_feed = \"crdroid\"\n");
    publish(&dir, "crdroid");
    let manifest = "out/.romfeed/manifest.json";
    let mut old: serde_json::Value = serde_json::from_slice(&dir.read(manifest)).unwrap();
    let made_by = old.as_object_mut().unwrap().remove("made_by").unwrap();
    let crdroid = made_by.as_array().unwrap().iter();
    let crdroid: Vec<_> = crdroid
        .filter(|made| made["template"] == "crdroid")
        .collect();
    assert_eq!(crdroid.len(), 1, "{made_by}");
    assert_eq!(crdroid[0]["files"], serde_json::json!(["bacon.json"]));
    dir.put(manifest, old.to_string());
    check(&dir, "an earlier manifest");
    // The manifest takes precedence over the settings, which may have changed since.
    dir.generate().expect(0);
    dir.put("romfeed.toml", "");
    check(&dir, "settings that changed since");
}

#[test]
fn the_same_fault_in_many_entries_is_one_line() {
    let dir = bacons();
    dir.generate().expect(0);
    let path = "out/api/v1/bacon/nightly.json";
    let mut list: serde_json::Value = serde_json::from_slice(&dir.read(path)).unwrap();
    for entry in list["response"].as_array_mut().unwrap() {
        entry["datetime"] = 20_240_214.into();
    }
    dir.put(path, list.to_string());
    let line = "error entry-field api/v1/bacon/nightly.json: 2 entries: datetime `20240214` is a \
                calendar date";
    let check = ["check", "--base-url", BASE_URL];
    let run = dir.run(&check).expect(1).says(line);
    let each = format!("{}: datetime", bacon_name(7));
    assert!(!run.stderr.contains(&each), "{}", run.stderr);
    // The zips themselves have other dates.
    run.says("out: 3 errors in");
    let run = dir
        .run(&[&check[..], &["-v"]].concat())
        .expect(1)
        .says(line);
    for days in [0, 7] {
        let each = format!(
            "    api/v1/bacon/nightly.json: {}: datetime",
            bacon_name(days)
        );
        assert!(run.stderr.contains(&each), "{}", run.stderr);
    }
    // Scripts get each of them.
    let run = dir.run(&[&check[..], &["--json"]].concat()).expect(1);
    let lines = run.stdout.matches("\"id\":\"entry-field\"").count();
    assert_eq!(lines, 2, "{}", run.stdout);
}

#[test]
fn rom_settings_depend_on_the_family() {
    let publish = |family: &str| {
        let family = FAMILIES.iter().find(|known| known.name == family).unwrap();
        let package = Package::files(props_of(family, "11.4", "bacon")).build();
        let dir = RomDir::new().file("builds/rom-11.4-20250422-UNOFFICIAL-bacon.zip", package);
        let first = dir.generate().expect(0).stderr;
        [first, publish(&dir, &family.name).stderr]
    };
    for text in publish("crDroid") {
        let line = format!(
            "  crDroid: its updater has its address built in; build it with \
             {BASE_URL}/{{device}}.json, and set device_feed = \"crdroid\"\n"
        );
        assert_eq!(text.contains(&line), text.contains("ROM:"), "{text}");
        assert!(!text.contains("lineage.updater.uri"), "{text}");
    }
    let [first, then] = publish("LineageOS");
    for text in [first, then] {
        assert!(text.contains("lineage.updater.uri="), "{text}");
        assert!(!text.contains("built in"), "{text}");
    }
    let [first, _] = publish("Paranoid Android");
    assert!(
        first.contains("Paranoid Android: where its updater has its address is unknown"),
        "{first}"
    );
    assert!(first.contains("lineage.updater.uri="), "{first}");
}

#[test]
fn catalog_add_applies_the_rules_for_entries() {
    let add = |date: &str, url: &str| {
        let sha256 = "0".repeat(64);
        let facts = [
            ["--filename", "a.zip"],
            ["--datetime", date],
            ["--sha256", &sha256],
            ["--sdk-level", "34"],
            ["--url", url],
        ];
        RomDir::new().add_build(facts.as_flattened())
    };
    let sound = add("1710779489", "https://h/a.zip").expect(0);
    assert!(!sound.stderr.contains("warning"), "{}", sound.stderr);
    add("20240214", "https://h/a.zip")
        .expect(1)
        .says("datetime `20240214` is a calendar date")
        .says("1707868800");
    add("0", "https://h/a.zip")
        .expect(1)
        .says("datetime `0` is not a date");
    add("1710779489", "https://h/b.zip")
        .expect(0)
        .says("url ends in `b.zip`, and filename is `a.zip`");
}
