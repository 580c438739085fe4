//! Which updater a ROM has: by API level, then date, then version; and the consequences for the
//! files that are written, checked and simulated.

use serde_json::Value;
use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const IN_2025: i64 = 1_745_323_616;

fn with_base(settings: &str) -> RomDir {
    RomDir::new().file(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{settings}"),
    )
}

fn put(dir: &RomDir, name: &str, props: Props) {
    dir.put(&format!("builds/{name}"), Package::files(props).build());
}

fn names(dir: &RomDir, path: &str) -> Vec<String> {
    let list: Value = serde_json::from_slice(&dir.read(&format!("out/{path}"))).unwrap();
    let entries = match list.get("response").or(list.get("result")) {
        Some(entries) => entries.clone(),
        None => list,
    };
    let name = |entry: &Value| {
        let name = entry.get("filename").or(entry["files"][0].get("filename"));
        name.unwrap().as_str().unwrap().to_owned()
    };
    entries.as_array().unwrap().iter().map(name).collect()
}

#[test]
fn small_version_numbers_of_other_roms_are_not_cyanogenmods() {
    for (version, is_with_sdk) in [
        ("11.4", true),
        ("9.5", true),
        ("2.7", true),
        ("11.0", false),
        ("12.1", false),
    ] {
        let dir = with_base("");
        let mut props = Props::new()
            .set("ro.crdroid.device", "bacon")
            .set(
                "ro.crdroid.display.version",
                &format!("v{version}-20250422"),
            )
            .set("ro.build.date.utc", &IN_2025.to_string())
            .set("ro.build.version.incremental", "611");
        if is_with_sdk {
            props = props.set("ro.build.version.sdk", "35");
        }
        let name = format!("crDroidAndroid-15.0-20250422-bacon-v{version}.zip");
        put(&dir, &name, props);
        dir.generate().expect(0);
        assert!(!dir.path().join("out/legacy").exists(), "{version}");
        let run = dir.run(&["check"]).expect(0);
        // Without an API level, updater 23.2 hides the build.
        assert_eq!(run.stderr.contains("entry-sdk"), !is_with_sdk, "{run:?}");
        assert!(!format!("{run:?}").contains("legacy"), "{run:?}");
        // Nor when nothing of it is offered any more.
        dir.run(&["catalog", "yank", &name, "--reason", "x"])
            .expect(0);
        dir.generate().expect(0);
        assert!(!dir.path().join("out/legacy").exists(), "{version}");
        dir.run(&["check"]).expect(0);
    }
}

#[test]
fn written_answers_for_cyanogenmod_pass_check() {
    let dir = with_base("same_lane = true\n");
    let cm = Props::cm("12.1", "NIGHTLY", "i9100", 1_440_000_000, "abc", 22, "");
    let name = "cm-12.1-20150819-NIGHTLY-i9100.zip";
    put(&dir, name, cm);
    dir.generate().expect(0);
    let folder = "legacy/i9100/nightly";
    assert_eq!(names(&dir, &format!("{folder}/index.json")), [name]);
    dir.run(&["check"]).expect(0);
    // A newer Android in the same channel is not for these phones, and they still get an answer.
    let newer = Props::lineage(
        "16.0",
        "NIGHTLY",
        "i9100",
        1_580_000_000,
        "def",
        28,
        "2020-01-05",
    );
    put(&dir, "lineage-16.0-20200126-NIGHTLY-i9100.zip", newer);
    dir.generate().expect(0);
    assert_eq!(names(&dir, &format!("{folder}/index.json")), [name]);
    dir.run(&["check"]).expect(0);
    dir.run(&["catalog", "yank", name, "--reason", "x"])
        .expect(0);
    dir.generate().expect(0);
    assert_eq!(names(&dir, &format!("{folder}/index.json")), [""; 0]);
    dir.run(&["check"]).expect(0);
    dir.remove(&format!("out/{folder}/v1/build/get_delta"));
    let run = dir.run(&["check"]).expect(1);
    assert!(
        run.stderr.contains("get_delta") || run.stdout.contains("get_delta"),
        "{run:?}"
    );
}

/// Versions of LineageOS from the last one that installs only its own on, with their API levels.
const VERSIONS: [(&str, u32); 6] = [
    ("21.0", 34),
    ("22.0", 35),
    ("22.1", 35),
    ("22.2", 35),
    ("23.0", 36),
    ("23.2", 36),
];

fn lineage(version: &str, day: i64) -> String {
    let date = testkit::props::day(IN_2025 + day * 86_400);
    format!("lineage-{version}-{date}-UNOFFICIAL-bacon.zip")
}

#[test]
fn lists_of_an_incremental_have_newer_minor_versions_from_22_1_on() {
    let settings = "[[feed]]\ntemplate = \"v2-incremental\"\n";
    let dir = with_base(settings);
    for (day, (version, sdk)) in (0..).zip(VERSIONS) {
        let incremental = format!("inc-{version}");
        let date = IN_2025 + day * 86_400;
        let props = Props::lineage(
            version,
            "UNOFFICIAL",
            "bacon",
            date,
            &incremental,
            sdk,
            "2025-04-05",
        );
        put(&dir, &lineage(version, day), props);
    }
    dir.generate().expect(0);
    for (installed, expected) in [
        ("21.0", vec![]),
        ("22.0", vec![]),
        ("22.1", vec![lineage("22.2", 3)]),
        ("22.2", vec![]),
        ("23.0", vec![lineage("23.2", 5)]),
        ("23.2", vec![]),
    ] {
        let v1 = format!("api/v1/bacon/unofficial/inc-{installed}");
        assert_eq!(names(&dir, &v1), expected, "{installed}");
        let v2 = format!("api/v2/devices/bacon/unofficial/inc-{installed}.json");
        assert_eq!(names(&dir, &v2), expected, "{installed}");
    }
    dir.run(&["check"]).expect(0);
    // The phone installs the builds in its list.
    let uri = format!("{BASE_URL}/api/v1/{{device}}/{{type}}/{{incr}}");
    for (installed, sdk, expected) in [
        ("22.1", "35", "sees 1 update: 22.2 of 2025-04-25 (offered)"),
        ("22.0", "35", "the list is empty"),
    ] {
        let incremental = format!("inc-{installed}");
        let args = [
            "simulate",
            "--device",
            "bacon",
            "--type",
            "UNOFFICIAL",
            "--version",
            installed,
            "--sdk",
            sdk,
            "--incr",
            &incremental,
            "--date",
            "1745400000",
            "--uri",
            &uri,
        ];
        let run = dir.run(&args).expect(0);
        assert!(run.stdout.contains(expected), "{}", run.stdout);
    }
}

#[test]
fn a_forgotten_build_of_22_1_still_gets_newer_minor_versions() {
    let known = "[device.bacon.known_incrementals]\nunofficial = [\n\
                 {incremental = \"a\", version = \"22.1\"}, {incremental = \"b\", version = \"22.0\"},\n\
                 {incremental = \"c\", version = \"2.1\"}]\n";
    let dir = with_base(known);
    let props = Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "bacon",
        IN_2025,
        "new",
        35,
        "2025-04-05",
    );
    put(&dir, &lineage("22.2", 0), props);
    dir.generate().expect(0);
    for (incremental, expected) in [
        ("a", vec![lineage("22.2", 0)]),
        ("b", vec![]),
        ("c", vec![]),
    ] {
        let path = format!("api/v1/bacon/unofficial/{incremental}");
        assert_eq!(names(&dir, &path), expected, "{incremental}");
    }
}

/// A site of `bacon(0)` and `bacon(1)`.
fn site(settings: &str) -> RomDir {
    let dir = with_base(settings);
    for day in [0, 1] {
        dir.put(&format!("builds/{}", bacon_name(day)), bacon(day));
    }
    dir.generate().expect(0);
    dir
}

fn causes(run: Run) -> Vec<String> {
    let json = run.json();
    let advice = json["advice"].as_array().unwrap().iter();
    advice
        .map(|one| one["cause"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_version_of_another_rom_does_not_choose_an_updater_of_2013() {
    let dir = site("");
    for version in ["10.9", "2.7", "9.5", "11.4"] {
        let args = [
            "simulate",
            "--device",
            "bacon",
            "--type",
            "nightly",
            "--version",
            version,
            "--date",
            "1729000000",
            "--sdk",
            "34",
        ];
        let run = dir.run(&args);
        let why =
            "updater  22 (by the phone's API level, date and version; --client chooses others)\n";
        assert!(run.stdout.contains(why), "{}", run.stdout);
        assert!(!run.stdout.contains("POST"), "{}", run.stdout);
    }
}

#[test]
fn advice_looks_at_the_whole_address_and_at_what_is_known() {
    let dir = site("");
    let play = |uri: &str, incremental: &str, more: &[&str]| {
        let uri = format!("{BASE_URL}/{uri}");
        let args = [
            "simulate",
            "--device",
            "bacon",
            "--type",
            "NIGHTLY",
            "--version",
            "21.0",
            "--date",
            "1600000000",
            "--sdk",
            "34",
            "--uri",
            &uri,
            "--incr",
            incremental,
        ];
        dir.run(&[&args[..], more].concat())
    };
    let right = "api/v1/{device}/{type}/{incr}";
    let run = play("los/21.0/{device}/{type}/{incr}", "inc0", &[]).expect(1);
    for text in [
        "the address has a folder los/21.0 that romfeed never writes: the phone's list is at",
        "lineage.updater.uri=https://example.org/ota/api/v1/{device}/{type}/{incr}\n",
        "lineage.updater.uri=https://example.org/ota/api/v1/{device}/{type}.json\n",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("known_incrementals"), "{}", run.stdout);
    for (uri, incremental, expected) in [
        ("{device}/{type}/{incr}", "inc0", "other-folder"),
        ("los/{device}/{type}/{incr}", "never", "other-folder"),
        (right, "never", "unknown-incremental"),
    ] {
        let found = causes(play(uri, incremental, &["--json"]));
        assert_eq!(found, [expected], "{uri} {incremental}");
    }
    // The catalog knows the build, but its list is missing.
    dir.remove("out/api/v1/bacon/nightly/inc0");
    assert_eq!(causes(play(right, "inc0", &["--json"])), ["not-uploaded"]);
    // It exists for another release type.
    dir.put("out/api/v1/bacon/weekly/inc0", "{\"response\":[]}");
    assert_eq!(causes(play(right, "inc0", &["--json"])), ["other-lane"]);
}

#[test]
fn advice_for_posts_omits_appended_paths() {
    let dir = site("");
    let args = [
        "simulate",
        "--client",
        "cm12",
        "--type",
        "NIGHTLY",
        "--version",
        "11",
    ];
    let run = dir.run(&args).expect(1);
    let advice = "what to change:\n  - unknown facts about the phone: ro.cm.device; give it with --device, or use --props.\n";
    assert!(run.stdout.ends_with(advice), "{}", run.stdout);
    let args = [
        &args[..],
        &[
            "--device", "bacon", "--incr", "x", "--date", "1", "--sdk", "19",
        ],
    ]
    .concat();
    for uri in ["/legacy/<device>/<romtype>", "/legacy/{device}/{type}"] {
        let uri = format!("{BASE_URL}{uri}");
        let run = dir.run(&[&args[..], &["--uri", &uri]].concat());
        assert!(
            run.stdout
                .contains("replaces no placeholders and appends no path"),
            "{}",
            run.stdout
        );
        assert!(!run.stdout.contains("appends /v1/"), "{}", run.stdout);
        let line = "cm.updater.uri=https://example.org/ota/legacy/bacon/nightly\n";
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
}

/// The properties of a phone with crDroid that runs a build before `bacon(1)`.
const CRDROID: &str = "ro.crdroid.device=bacon\nro.crdroid.build.version=12.1\nro.build.date.utc=1700000000\n\
                       ro.build.version.sdk=36\nro.lineage.device=wrong\nro.lineage.releasetype=wrong\n";

#[test]
fn a_fork_is_simulated_with_the_file_of_its_template() {
    let dir = site("device_feed = \"crdroid-16\"\n");
    dir.put("phone.prop", CRDROID);
    let run = dir.run(&["simulate", "--props", "phone.prop"]).expect(0);
    for text in [
        "phone    bacon, 12.1 ?,",
        "updater  crdroid-16 (of the ROM's family; --client chooses others)\n",
        "asks     GET https://example.org/ota/bacon.json\n",
        "crDroid 16: sees 1 update: 21.0 of 2023-11-15 (offered)",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("what to change"), "{}", run.stdout);
    // Without the template, the advice is to set it.
    let dir = site("");
    dir.put("phone.prop", CRDROID);
    let run = dir.run(&["simulate", "--props", "phone.prop"]).expect(1);
    assert!(
        run.stdout.contains("      device_feed = \"crdroid-16\"\n"),
        "{}",
        run.stdout
    );
    let uri = format!("{BASE_URL}/{{device}}.json");
    let found = dir.run(&["simulate", "--props", "phone.prop", "--uri", &uri, "--json"]);
    assert_eq!(causes(found), ["no-template"]);
}

#[test]
fn each_fork_updater_offers_the_entries_of_its_template() {
    for (template, clients) in [
        ("crdroid", &["crdroid-14", "crdroid-16", "voltage-14"][..]),
        ("crdroid-16", &["crdroid-16"]),
        ("evolution-x", &["evolution-x-14", "evolution-x-15"]),
        ("pixelos", &["pixelos-14"]),
        ("pixelos-17", &["pixelos-17"]),
        ("v1", &["derpfest-16", "axion", "22", "22.1"]),
    ] {
        let dir = site(&format!("device_feed = \"{template}\"\n"));
        for client in clients {
            let uri = format!("{BASE_URL}/{{device}}.json");
            let args = [
                "simulate",
                "--device",
                "bacon",
                "--type",
                "nightly",
                "--version",
                "21.0",
                "--date",
                "1700000000",
                "--sdk",
                "34",
                "--client",
                client,
                "--uri",
                &uri,
                "--json",
            ];
            let run = dir.run(&args).expect(0);
            let json = run.json();
            let entry = &json["clients"][0]["entries"][0];
            assert_eq!(entry["verdict"], "offered", "{template} {client}: {json:#}");
            assert_eq!(entry["warnings"].as_array().unwrap().len(), 0, "{json:#}");
        }
    }
}

#[test]
fn one_ui_roms_are_simulated_by_their_properties() {
    let dir = with_base("");
    let props = |date: i64, incremental: &str| {
        Props::new()
            .set("ro.rom.device", "r8q")
            .set("ro.rom.build.version", "2.7")
            .set("ro.rom.releasetype", "OFFICIAL")
            .set("ro.build.date.utc", &date.to_string())
            .set("ro.build.version.incremental", incremental)
            .set("ro.build.version.sdk", "34")
    };
    put(
        &dir,
        "OneUI-2.7-20231120-OFFICIAL-r8q.zip",
        props(1_700_500_000, "new"),
    );
    dir.generate().expect(0);
    dir.put("phone.prop", props(1_700_000_000, "old").text());
    let run = dir.run(&["simulate", "--props", "phone.prop"]).expect(0);
    for text in [
        "phone    r8q, 2.7 OFFICIAL,",
        "updater  22 (of the ROM's family",
        "sees 1 update: 2.7 of 2023-11-20 (offered)",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
}
