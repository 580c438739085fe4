//! The ROM family of a build: where the catalog has it from, what depends on it when the package is
//! missing, and where a build is published when its family reads better keys.

use romfeed::model::family::{FAMILIES, UpdaterAddress, updater_addresses};
use romfeed::publish::feed::template::SHIPPED;
use serde_json::{Value, json};
use testkit::package::Package;
use testkit::props::Props;

use crate::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const DATE: i64 = 1_700_000_000;

fn generate(dir: &RomDir, settings: &str) -> Run {
    let settings = format!(
        "base_url = \"{BASE_URL}\"\nurl = \"https://dl.example.org/{{filename}}\"\n{settings}"
    );
    dir.put("romfeed.toml", settings);
    dir.run(&["generate"])
}

fn record(dir: &RomDir) -> Value {
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    catalog["builds"][0].clone()
}

/// A build from LineageOS's sources with these properties instead of the usual ones.
fn build(days: i64, sdk: u32, props: &[(&str, &str)]) -> Vec<u8> {
    let incremental = format!("i.{days}");
    let mut all = Props::lineage(
        "23.0",
        "UNOFFICIAL",
        "fuxi",
        DATE + days * 86_400,
        &incremental,
        sdk,
        "2023-11-05",
    );
    for key in ["device", "build.version", "releasetype", "version"] {
        all = all.remove(&format!("ro.lineage.{key}"));
    }
    all = all.remove("ro.modversion");
    for (key, value) in props {
        all = all.set(key, value);
    }
    Package::files(all).without_metadata().build()
}

const CRDROID: &str = "builds/crDroidAndroid-16.0-20231114-fuxi-v12.9.zip";

fn crdroid() -> Vec<u8> {
    let props = [
        ("ro.crdroid.device", "fuxi"),
        ("ro.crdroid.build.version", "12.9"),
    ];
    build(0, 36, &props)
}

const CRDROID_LINE: &str = "  crDroid: its updater has its address built in";

#[test]
fn the_family_is_stored_for_when_the_package_is_gone() {
    let dir = RomDir::new().file(CRDROID, crdroid());
    generate(&dir, "").expect(0).says(CRDROID_LINE);
    assert_eq!(record(&dir)["family"], "crDroid");
    dir.remove(CRDROID);
    std::fs::remove_dir_all(dir.path().join("out")).unwrap();
    let run = generate(&dir, "").expect(0);
    run.says(&format!("{CRDROID_LINE}; build it with {BASE_URL}/{{device}}.json, and set device_feed = \"crdroid-16\""));
    let played = dir.run(&["simulate", "--device", "fuxi"]);
    assert!(
        played
            .stdout
            .contains("updater  crdroid-16 (of the ROM's family"),
        "{}{}",
        played.stdout,
        played.stderr
    );
    // The settings take precedence.
    let run = generate(&dir, "[device.fuxi]\nfamily = \"LineageOS\"").expect(0);
    assert!(!run.stderr.contains("built in"), "{}", run.stderr);
    let played = dir.run(&["simulate", "--device", "fuxi"]);
    assert!(!played.stdout.contains("crdroid"), "{}", played.stdout);
}

#[test]
fn a_catalog_without_families_is_read_and_completed() {
    let dir = RomDir::new().file(CRDROID, crdroid());
    generate(&dir, "").expect(0);
    let complete = String::from_utf8(dir.read("catalog.json")).unwrap();
    let older = complete.replace("      \"family\": \"crDroid\",\n", "");
    assert_ne!(complete, older);
    dir.put("catalog.json", &older);
    generate(&dir, "").expect(0);
    assert_eq!(
        String::from_utf8(dir.read("catalog.json")).unwrap(),
        complete
    );
}

#[test]
fn the_catalog_of_a_lineageos_build_has_no_family() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    generate(&dir, "").expect(0);
    assert_eq!(record(&dir).get("family"), None);
}

#[test]
fn a_feed_names_the_family_when_it_is_certain() {
    let entry = |name: &str, extra: Value| {
        let url = format!("https://dl.example.org/{name}");
        let mut entry = json!({
            "filename": name, "size": 1234, "version": "12.9",
            "md5": "0123456789abcdef0123456789abcdef",
        });
        let entry_map = entry.as_object_mut().unwrap();
        entry_map.extend(extra.as_object().unwrap().clone());
        let keys = entry_map.contains_key("timestamp");
        entry_map.insert(if keys { "download" } else { "url" }.to_owned(), json!(url));
        entry
    };
    let crdroid = "crDroidAndroid-16.0-20231114-fuxi-v12.9.zip";
    let fork = json!({"timestamp": DATE});
    let lineage = json!({"datetime": DATE, "romtype": "unofficial", "id": "x"});
    let single = json!({"datetime": DATE, "filehash": "0123456789abcdef0123456789abcdef"});
    for (feed, expected) in [
        (
            json!({"response": [entry(crdroid, fork.clone())]}),
            Some("crDroid"),
        ),
        (
            json!({"response": [entry("EvolutionX-16.0-20231114-fuxi-11.2-Official.zip", fork.clone())]}),
            Some("Evolution X"),
        ),
        (
            entry("PixelOS_fuxi-14.0-20231114-1348.zip", single),
            Some("PixelOS"),
        ),
        // Any ROM may have a feed of that form, or this name.
        (
            json!({"response": [entry("Example-16.0-20231114-fuxi.zip", fork)]}),
            None,
        ),
        (json!({"response": [entry(crdroid, lineage)]}), None),
    ] {
        let dir = RomDir::new().file("fuxi.json", feed.to_string());
        dir.run(&["catalog", "import", "fuxi.json"]).expect(0);
        let family = record(&dir).get("family").cloned();
        assert_eq!(family, expected.map(Value::from), "{feed}");
        let shown = generate(&dir, "").expect(0).stderr;
        let is_lineage = shown.contains("lineage.updater.uri");
        assert_eq!(is_lineage, expected.is_none(), "{shown}");
    }
}

#[test]
fn each_feed_of_an_updater_is_a_shipped_template() {
    for family in FAMILIES.iter() {
        for (_, address) in updater_addresses(&family.name, None) {
            if let UpdaterAddress::BuiltIn(feed) = address {
                assert!(SHIPPED.iter().any(|(name, _)| *name == feed), "{feed}");
            }
        }
    }
}

#[test]
fn a_new_key_of_the_family_does_not_move_what_is_published() {
    let pixelos = |days, props: &[(&str, &str)]| {
        let own = [
            ("ro.custom.device", "fuxi"),
            ("ro.build.version.release", "17"),
        ];
        build(days, 37, &[&own[..], props].concat())
    };
    let name = |days: i64| {
        format!(
            "PixelOS_fuxi-17.0-{}-1348.zip",
            testkit::props::day(DATE + days * 86_400)
        )
    };
    let typed = [("net.pixelos.build_type", "ci")];
    let dir = RomDir::new().file(&format!("builds/{}", name(0)), pixelos(0, &[]));
    generate(&dir, "").expect(0);
    assert!(dir.path().join("out/api/v1/fuxi/unofficial.json").exists());
    dir.put(&format!("builds/{}", name(1)), pixelos(1, &typed));
    generate(&dir, "").expect(0).says(
        "would be `fuxi`, `17`, `ci` by the properties of PixelOS, but was published as `fuxi`, `17`, \
         `UNOFFICIAL` by its other properties: phones in the field ask \
         https://example.org/ota/api/v1/fuxi/unofficial/, so it stays there; `family = \"PixelOS\"` under \
         [device.fuxi] in romfeed.toml moves it",
    );
    let listed = |romtype: &str| {
        let path = format!("out/api/v1/fuxi/{romtype}.json");
        let feed: Value = serde_json::from_slice(&dir.read(&path)).unwrap();
        feed["response"].as_array().unwrap().len()
    };
    assert_eq!(listed("unofficial"), 2);
    assert!(!dir.path().join("out/api/v1/fuxi/ci.json").exists());
    let moved = generate(&dir, "[device.fuxi]\nfamily = \"PixelOS\"").expect(0);
    assert!(!moved.stderr.contains("in the field"), "{}", moved.stderr);
    assert_eq!(listed("ci"), 1);
    // Then phones ask there.
    dir.put(&format!("builds/{}", name(2)), pixelos(2, &typed));
    let then = generate(&dir, "").expect(0);
    assert!(!then.stderr.contains("in the field"), "{}", then.stderr);
    assert_eq!(listed("ci"), 2);
}

#[test]
fn device_and_version_stay_with_the_key_they_had() {
    let derp = |days, props: &[(&str, &str)]| build(days, 36, props);
    let older = [("ro.derp.device", "fuxi"), ("ro.derp.build.version", "16")];
    let newer = [
        ("ro.derpfest.device", "FuXi"),
        ("ro.derpfest.version", "Sixteen"),
    ];
    let dir = RomDir::new().file("builds/DerpFest-16-20231114-fuxi.zip", derp(0, &older));
    generate(&dir, "").expect(0);
    let both = [older, newer].concat();
    dir.put("builds/DerpFest-16-20231115-fuxi.zip", derp(1, &both));
    generate(&dir, "")
        .expect(0)
        .says("would be `FuXi`, `Sixteen`, `?` by the properties of DerpFest, but was published as `fuxi`, `16`, ");
    let list: Value = serde_json::from_slice(&dir.read("out/api/v1/fuxi/unofficial.json")).unwrap();
    assert_eq!(list["response"].as_array().unwrap().len(), 2);
}
