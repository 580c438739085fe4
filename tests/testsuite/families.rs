//! Where a build is published: by the properties of its ROM, its file name, and the address that
//! phones in the field already ask.

use serde_json::{Value, json};
use testkit::package::Package;
use testkit::props::Props;

use crate::support::{BASE_URL, RomDir, Run, bacon_props};

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

fn generate(dir: &RomDir, settings: &str) -> Run {
    let settings = format!("base_url = \"{BASE_URL}\"\n{settings}");
    dir.put("romfeed.toml", settings);
    dir.run(&["generate"])
}

/// Writes a package with these properties to the folder.
fn put(dir: &RomDir, filename: &str, props: Props) {
    let zip = Package::files(props).without_metadata().build();
    dir.put(&format!("builds/{filename}"), zip);
}

fn day(days: i64) -> String {
    testkit::props::day(1_700_000_000 + days * 86_400)
}

/// A build of AxionOS for `fuxi`, which keeps the properties of the LineageOS it is made from.
fn axion(days: i64, version: &str, lineage: &str) -> Props {
    let timestamp = 1_700_000_000 + days * 86_400;
    let incremental = format!("a.{days}");
    Props::lineage(
        lineage,
        "NIGHTLY",
        "fuxi",
        timestamp,
        &incremental,
        36,
        "2023-11-05",
    )
    .set("ro.axion.device", "fuxi")
    .set("ro.axion.build.version", version)
    .set("ro.axion.releasetype", "OFFICIAL")
}

fn axion_name(days: i64, version: &str) -> String {
    format!(
        "axion-{version}-NIGHTLY-{}-OFFICIAL-GMS-fuxi.zip",
        day(days)
    )
}

#[test]
fn a_new_device_is_published_by_the_properties_of_its_fork() {
    let dir = RomDir::new();
    put(&dir, &axion_name(0, "2.3"), axion(0, "2.3", "23.0"));
    generate(&dir, "").expect(0).says(
        "AxionOS has properties of its own: version is `2.3` by ro.axion.build.version, not `23.0` by \
         ro.lineage.build.version; romtype is `OFFICIAL` by ro.axion.releasetype, not `NIGHTLY` by \
         ro.lineage.releasetype",
    );
    let list = json_of(&dir, "api/v1/fuxi/official.json");
    assert_eq!(list["response"][0]["version"], "2.3");
    assert!(!dir.path().join("out/api/v1/fuxi/nightly.json").exists());
}

#[test]
fn published_facts_stay_until_the_settings_change_them() {
    let dir = RomDir::new();
    put(&dir, &axion_name(0, "2.3"), axion(0, "2.3", "23.0"));
    generate(&dir, "[device.fuxi]\nfamily = \"LineageOS\"").expect(0);
    assert_eq!(
        listed(&dir, "api/v1/fuxi/nightly.json"),
        [axion_name(0, "2.3")]
    );
    // Neither the known package nor a later one, with another version in both, moves.
    let run = generate(&dir, "").expect(0).says("up to date");
    run.says(
        "would be `fuxi`, `2.3`, `OFFICIAL` by the properties of AxionOS, but was published as `fuxi`, \
         `23.0`, `NIGHTLY` by those of LineageOS: phones in the field ask \
         https://example.org/ota/api/v1/fuxi/nightly/, so it stays there; `family = \"AxionOS\"` under \
         [device.fuxi] in romfeed.toml moves it",
    );
    put(&dir, &axion_name(1, "2.4"), axion(1, "2.4", "23.2"));
    generate(&dir, "")
        .expect(0)
        .says("and 1 more of its list would be");
    let both = [axion_name(1, "2.4"), axion_name(0, "2.3")];
    assert_eq!(listed(&dir, "api/v1/fuxi/nightly.json"), both);
    assert!(!dir.path().join("out/api/v1/fuxi/official.json").exists());
    // The same with only the catalog, when the packages are elsewhere.
    dir.remove(&format!("builds/{}", axion_name(0, "2.3")));
    dir.remove(&format!("builds/{}", axion_name(1, "2.4")));
    put(&dir, &axion_name(2, "2.5"), axion(2, "2.5", "24.0"));
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, "api/v1/fuxi/nightly.json"),
        [axion_name(2, "2.5")]
    );
    let moved = generate(&dir, "[device.fuxi]\nfamily = \"AxionOS\"").expect(0);
    assert!(!moved.stderr.contains("in the field"), "{}", moved.stderr);
    assert_eq!(
        listed(&dir, "api/v1/fuxi/official.json"),
        [axion_name(2, "2.5")]
    );
    // Then the fork's property decides, and it stays there.
    generate(&dir, "").expect(0).says("up to date");
    put(&dir, &axion_name(3, "2.6"), axion(3, "2.6", "24.1"));
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, "api/v1/fuxi/official.json"),
        [axion_name(3, "2.6"), axion_name(2, "2.5")]
    );
}

#[test]
fn the_published_address_is_that_of_the_variant() {
    let dir = RomDir::new();
    put(&dir, &axion_name(0, "2.3"), axion(0, "2.3", "23.0"));
    let variant = "[[variant]]\nname = \"gms\"\npackage = \"*-GMS-*\"\n";
    generate(
        &dir,
        &format!("{variant}[device.fuxi]\nfamily = \"LineageOS\""),
    )
    .expect(0);
    generate(&dir, variant)
        .expect(0)
        .says("phones in the field ask https://example.org/ota/gms/api/v1/fuxi/nightly/, so");
}

#[test]
fn another_rom_for_the_device_is_not_an_earlier_build() {
    let dir = RomDir::new();
    let lineage = Props::lineage(
        "23.0",
        "nightly",
        "fuxi",
        1_700_000_000,
        "l.0",
        36,
        "2023-11-05",
    );
    put(&dir, "lineage-23.0-20231114-nightly-fuxi.zip", lineage);
    generate(&dir, "").expect(0);
    put(&dir, &axion_name(1, "2.3"), axion(1, "2.3", "23.0"));
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, "api/v1/fuxi/official.json"),
        [axion_name(1, "2.3")]
    );
    assert_eq!(listed(&dir, "api/v1/fuxi/nightly.json").len(), 1);
}

#[test]
fn an_unknown_family_in_the_settings_is_refused() {
    let dir = RomDir::new();
    put(&dir, &axion_name(0, "2.3"), axion(0, "2.3", "23.0"));
    generate(&dir, "[device.fuxi]\nfamily = \"Axion\"")
        .expect(2)
        .says("`Axion` is not a known ROM family; known are Evolution X");
}

/// Adds a build of `victim` whose phones will ask for `bacon`.
fn put_renamed(dir: &RomDir, days: i64) -> String {
    let filename = format!("lineage-21.0-{}-nightly-victim.zip", day(days));
    let props = bacon_props(days)
        .set("ro.lineage.device", "victim")
        .set("ro.product.device", "victim")
        .set("ro.build.product", "victim")
        .set("ro.build.version.incremental", &format!("v.{days}"))
        .set("ro.updater.next_device", "bacon");
    put(dir, &filename, props);
    filename
}

fn put_bacon(dir: &RomDir, days: i64) -> String {
    let filename = crate::support::bacon_name(days);
    put(dir, &filename, bacon_props(days));
    filename
}

#[test]
fn a_property_cannot_move_a_build_to_another_device() {
    let dir = RomDir::new();
    let bacon = put_bacon(&dir, 0);
    let victim = put_renamed(&dir, 30);
    for _ in 0..2 {
        generate(&dir, "")
            .expect(1)
            .says(&format!(
                "error: {victim}: its ro.updater.next_device is `bacon`, and bacon has builds of its own"
            ))
            .says("set same_lane = true under [device.<that name>]");
        assert_eq!(listed(&dir, "bacon.json"), [bacon.as_str()]);
        assert!(!dir.path().join("out/victim.json").exists());
    }
    let run = dir.run(&["catalog", "add", "--zip", &format!("builds/{victim}")]);
    run.expect(1).says("has builds of its own");
    generate(&dir, "[device.bacon]\nsame_lane = true").expect(0);
    assert_eq!(
        listed(&dir, "bacon.json"),
        [victim.as_str(), bacon.as_str()]
    );
    // Phones ask there now.
    let later = put_renamed(&dir, 31);
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "bacon.json")[0], later);
}

#[test]
fn a_published_name_keeps_its_builds_when_its_own_device_appears() {
    let dir = RomDir::new();
    let first = put_renamed(&dir, 0);
    generate(&dir, "").expect(0);
    let bacon = put_bacon(&dir, 1);
    let second = put_renamed(&dir, 2);
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "bacon.json"), [second, bacon, first]);
}

const SHARED: &str = "the first build of bacon in a list that has builds of victim";

#[test]
fn the_first_build_in_another_devices_list_is_warned_about_once() {
    let dir = RomDir::new();
    put_renamed(&dir, 0);
    generate(&dir, "").expect(0).lacks(SHARED);
    let bacon = put_bacon(&dir, 1);
    generate(&dir, "")
        .expect(0)
        .says(&format!("warning: feeds: {bacon} is {SHARED}"))
        .says("same_lane = true under [device.bacon]");
    put_bacon(&dir, 2);
    generate(&dir, "").expect(0).lacks(SHARED);
}

#[test]
fn a_rename_declared_in_the_settings_is_not_warned_about() {
    let dir = RomDir::new();
    put_renamed(&dir, 0);
    generate(&dir, "").expect(0);
    put_bacon(&dir, 1);
    generate(&dir, "[device.bacon]\nsame_lane = true")
        .expect(0)
        .lacks(SHARED);
}

#[test]
fn a_shared_list_is_also_warned_about_by_add_and_import() {
    let dir = RomDir::new();
    put_renamed(&dir, 0);
    generate(&dir, "").expect(0);
    let catalog = dir.read("catalog.json");
    let bacon = put_bacon(&dir, 1);
    dir.run(&["catalog", "add", "--zip", &format!("builds/{bacon}")])
        .expect(0)
        .says(SHARED);
    dir.put("catalog.json", catalog);
    let feed = serde_json::json!({"response": [{
        "datetime": 1_722_470_400, "filename": bacon, "id": "a".repeat(64), "romtype": "nightly",
        "size": 9, "url": format!("https://dl.example.org/{bacon}"), "version": "21.0",
    }]});
    dir.put("feed.json", feed.to_string());
    dir.run(&["catalog", "import", "feed.json", "--device", "bacon"])
        .expect(0)
        .says(SHARED);
}

/// Adds a build of `enchilada` to the folder.
fn put_enchilada(dir: &RomDir, days: i64) -> String {
    let filename = format!("lineage-21.0-{}-nightly-enchilada.zip", day(days));
    let props = bacon_props(days)
        .set("ro.lineage.device", "enchilada")
        .set("ro.product.device", "enchilada")
        .set("ro.build.product", "enchilada")
        .set("ro.build.version.incremental", &format!("e.{days}"));
    put(dir, &filename, props);
    filename
}

const ALIAS: &str = "[device.enchilada]\naliases = [\"bacon\"]\n";

#[test]
fn an_alias_cannot_move_a_build_to_another_device() {
    let dir = RomDir::new();
    let bacon = put_bacon(&dir, 0);
    let enchilada = put_enchilada(&dir, 1);
    generate(&dir, "").expect(0);
    let later = put_enchilada(&dir, 2);
    for _ in 0..2 {
        generate(&dir, ALIAS).expect(0).says(&format!(
            "bacon is an alias of enchilada and has builds of its own, so phones that ask for bacon are \
             not offered {enchilada} and {later}"
        ));
        assert_eq!(listed(&dir, "bacon.json"), [bacon.as_str()]);
        assert_eq!(listed(&dir, "enchilada.json").len(), 2);
        // Phones that run them and ask there get an answer.
        assert_eq!(
            json_of(&dir, "api/v1/bacon/nightly/e.2"),
            json!({"response": []})
        );
    }
    generate(&dir, &format!("{ALIAS}[device.bacon]\nsame_lane = true"))
        .expect(0)
        .says("phones that ask for bacon are offered both");
    assert_eq!(listed(&dir, "bacon.json").len(), 3);
    // Published builds are not withdrawn, and the aliases of the settings stay too.
    generate(&dir, ALIAS).expect(0);
    assert_eq!(listed(&dir, "bacon.json").len(), 3);
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "bacon.json").len(), 1);
    generate(&dir, ALIAS).expect(0);
    assert_eq!(listed(&dir, "bacon.json").len(), 1);
}

#[test]
fn a_published_alias_keeps_its_builds_when_its_own_device_appears() {
    let dir = RomDir::new();
    let first = put_enchilada(&dir, 0);
    generate(&dir, ALIAS).expect(0);
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert!(catalog.contains("\"enchilada\": [\"bacon\"]"), "{catalog}");
    let bacon = put_bacon(&dir, 1);
    generate(&dir, ALIAS)
        .expect(0)
        .says("phones that ask for bacon are offered both");
    assert_eq!(listed(&dir, "bacon.json"), [bacon, first]);
    generate(&dir, ALIAS).expect(0).says("up to date");
}

#[test]
fn builds_that_phones_cannot_distinguish_are_pointed_out() {
    let dir = RomDir::new();
    for days in 0..3 {
        put_bacon(&dir, days);
    }
    let run = generate(&dir, "").expect(0);
    assert!(!run.stderr.contains("never see"), "{}", run.stderr);
    let again = |days: i64, hour: u32| {
        let filename = format!("lineage-21.0-{}_{hour:02}0000-nightly-bacon.zip", day(days));
        let props = bacon_props(days).set("ro.build.version.incremental", &format!("r.{days}"));
        put(&dir, &filename, props);
        filename
    };
    let [first, second] = [again(0, 9), again(2, 9)];
    let run = generate(&dir, "").expect(0);
    run.says(&format!(
        "warning: feeds: {} and {first} have one build date (bacon/nightly, 2023-11-14 22:13:20 UTC), and \
         so has 1 other group of builds: phones that run one of them never see the other; `m \
         installclean` before a build sets a new ro.build.date.utc, or take one out with `romfeed \
         catalog remove`",
        crate::support::bacon_name(0),
    ));
    dir.remove(&format!("builds/{first}"));
    dir.remove(&format!("builds/{second}"));
    put(
        &dir,
        "lineage-21.0-20231120-nightly-bacon.zip",
        bacon_props(6).set("ro.build.version.incremental", "inc1"),
    );
    let run = generate(&dir, "").expect(0);
    assert!(!run.stderr.contains("one build date"), "{}", run.stderr);
    run.says("have one ro.build.version.incremental (bacon/nightly, inc1): phones");
}

#[test]
fn a_guess_from_a_file_name_is_a_codename() {
    let dir = RomDir::new();
    let name = "ExampleOS_4.1_bacon-14.0-20240111-2101-OFFICIAL.zip";
    let feed = json!({"response": [{
        "datetime": 1_705_000_000, "filename": name, "id": "a1", "romtype": "OFFICIAL", "size": 1000,
        "url": format!("https://h.example.org/{name}"), "version": "14.0",
    }]});
    dir.put("feed.json", feed.to_string());
    dir.run(&["catalog", "import", "feed.json"]).expect(0);
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    assert_eq!(catalog["builds"][0]["device"], "bacon");
    // The name of such a zip agrees with its metadata.
    let dir = RomDir::new();
    let props = Props::new()
        .set("ro.modversion", "14.0")
        .set("ro.product.device", "bacon")
        .set("ro.build.date.utc", "1705000000")
        .set("ro.build.version.incremental", "1")
        .set("ro.build.version.sdk", "34")
        .set("ro.build.version.release", "14")
        .set("ro.build.version.security_patch", "2024-01-05");
    let zip = Package::files(props).with_build_prop(false).build();
    dir.put(&format!("builds/{name}"), zip);
    dir.generate().expect(0);
    assert_eq!(listed(&dir, "bacon.json"), [name]);
}

#[test]
fn the_device_or_its_model_is_not_published_as_a_romtype() {
    let dir = RomDir::new();
    for (days, version) in [(0, "10.1-NIGHTLY-bacon"), (1, "9.0.0-RC0-BACON_X-KANG")] {
        let props = Props::new()
            .set("ro.cm.device", "bacon")
            .set("ro.cm.version", version)
            .set("ro.build.date.utc", &(1_372_876_296 + days).to_string())
            .set("ro.build.version.incremental", &format!("c.{days}"))
            .set("ro.build.version.release", "4.2")
            .set("ro.build.version.sdk", "17");
        put(&dir, &format!("rom{days}.zip"), props);
    }
    generate(&dir, "").expect(0);
    for (romtype, file) in [("nightly", "rom0.zip"), ("kang", "rom1.zip")] {
        assert_eq!(
            listed(&dir, &format!("api/v1/bacon/{romtype}.json")),
            [file]
        );
    }
    assert!(!dir.path().join("out/api/v1/bacon/bacon.json").exists());
    assert!(!dir.path().join("out/api/v1/bacon/bacon_x.json").exists());
}
