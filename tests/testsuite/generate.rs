//! `generate`: from packages to a site that every client reads.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::package::Package;
use testkit::payload::Partition;
use testkit::props::Props;

use super::clients::{Generation, Phone, Verdict, offered, read, url};
use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name, bacon_props, fixture};

fn feed(dir: &RomDir, path: &str) -> Value {
    serde_json::from_slice(&dir.read(&format!("out/{path}"))).unwrap()
}

fn filenames(dir: &RomDir, path: &str) -> Vec<String> {
    let feed = feed(dir, path);
    let entries = feed["response"].as_array().unwrap();
    entries
        .iter()
        .map(|e| e["filename"].as_str().unwrap().to_owned())
        .collect()
}

/// Two builds a week apart.
fn two_builds() -> RomDir {
    RomDir::new()
        .file(&format!("builds/bacon/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/bacon/{}", bacon_name(7)), bacon(7))
}

/// The phone that runs [`bacon`].
fn phone(days: i64) -> Phone {
    Phone {
        device: "bacon".into(),
        release_type: "nightly".into(),
        version: "21.0".into(),
        incremental: format!("inc{days}"),
        datetime: 1_700_000_000 + days * 86_400,
        sdk: 34,
        ..Phone::default()
    }
}

/// Returns the site's answer to the URL that a client requests.
fn answer(dir: &RomDir, url: &str) -> Vec<u8> {
    let path = url.strip_prefix(BASE_URL).expect("asks this site");
    dir.read(&format!("out{path}"))
}

/// A site with every layout, two romtypes, a delta and two device generations.
fn sample_site() -> RomDir {
    let a_b = |timestamp: i64, incremental: &str| {
        Props::lineage(
            "22.2",
            "UNOFFICIAL",
            "enchilada",
            timestamp,
            incremental,
            35,
            "2025-05-05",
        )
    };
    let dir = two_builds()
        .file(
            "builds/i9100/cm-11-20140708-NIGHTLY-i9100.zip",
            Package::files(Props::cm(
                "11",
                "NIGHTLY",
                "i9100",
                1_404_804_127,
                "3f6ac1dd25",
                19,
                "",
            ))
            .build(),
        )
        .file(
            "builds/bacon/lineage-20.0-20230301-microg-x-bacon.zip",
            Package::block(Props::lineage(
                "20.0",
                "microg-x",
                "bacon",
                1_677_661_200,
                "mg1",
                33,
                "2023-02-05",
            ))
            .build(),
        );
    for (timestamp, incremental) in [(1_747_476_863, "eng.1"), (1_749_896_318, "eng.2")] {
        let props = a_b(timestamp, incremental);
        let name = format!(
            "builds/enchilada/lineage-22.2-{}-UNOFFICIAL-enchilada.zip",
            testkit::props::day(timestamp)
        );
        dir.put(&format!("{name}.prop"), props.text());
        dir.put(&name, Package::payload(props).build());
    }
    dir.put(
        "builds/enchilada/lineage-22.2-20250614-UNOFFICIAL-enchilada-from-eng.1.zip",
        Package::payload(a_b(1_749_896_318, "eng.2"))
            .delta("eng.1", "a/b/c")
            .build(),
    );
    dir
}

#[test]
fn whole_site_is_as_it_was() {
    let dir = sample_site();
    dir.generate().expect(0);
    let mut text = String::new();
    for (path, bytes) in dir.tree("out") {
        // How pages look may change; `pages` tests what they have to show.
        let is_page = [".html", ".css", ".js", ".svg", ".atom"]
            .iter()
            .any(|end| path.ends_with(end));
        let text_of = String::from_utf8(bytes).unwrap();
        let shown = if is_page { "" } else { text_of.as_str() };
        text.push_str(&format!("=== {path}\n{shown}"));
    }
    insta::assert_snapshot!(redact(&text));
}

/// Digests, sizes and offsets depend on the compressor, not on romfeed.
fn redact(text: &str) -> String {
    let mut redacted = String::new();
    for part in text.split_inclusive('"') {
        let inner = part.trim_end_matches('"');
        if inner.len() == 64 && inner.bytes().all(|b| b.is_ascii_hexdigit()) {
            redacted.push_str("[sha256]\"");
        } else if inner.starts_with("payload_metadata.bin:") {
            redacted.push_str("[property files]\"");
        } else {
            redacted.push_str(part);
        }
    }
    let mut out = String::new();
    let mut rest = redacted.as_str();
    while let Some((before, after)) = rest.split_once("\"size\":") {
        out.push_str(before);
        out.push_str("\"size\":[size]");
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

#[test]
fn two_runs_give_identical_bytes_and_the_second_writes_nothing() {
    let dir = sample_site();
    dir.generate().expect(0).says("6 builds for 3 devices");
    let before = dir.tree("");
    let stamps = |dir: &RomDir| -> BTreeMap<String, std::time::SystemTime> {
        dir.tree("out")
            .into_keys()
            .map(|path| {
                let modified = std::fs::metadata(dir.path().join(&path))
                    .unwrap()
                    .modified();
                (path, modified.unwrap())
            })
            .collect()
    };
    let stamps_before = stamps(&dir);
    dir.generate().expect(0).says("up to date");
    assert_eq!(stamps(&dir), stamps_before);
    // The cache of digests has settled files only; everything else is the same.
    let strip = |mut tree: BTreeMap<String, Vec<u8>>| {
        tree.remove(".romfeed/cache.json");
        tree.remove(".romfeed/pages.json");
        tree
    };
    assert_eq!(strip(dir.tree("")), strip(before));
    let again = sample_site();
    again.generate().expect(0);
    assert_eq!(again.tree("out"), dir.tree("out"));
    assert_eq!(again.read("catalog.json"), dir.read("catalog.json"));
}

#[test]
fn every_client_generation_gets_the_newer_build_and_no_other() {
    let dir = two_builds();
    dir.generate().expect(0);
    let base = format!("{BASE_URL}/api");
    let template = format!("{BASE_URL}/api/v1/{{device}}/{{type}}.json");
    let exact = format!("{BASE_URL}/api/v1/{{device}}/{{type}}/{{incr}}");
    let by_device = format!("{BASE_URL}/{{device}}.json");
    let kotlin = format!("{BASE_URL}/api/v2/devices/{{device}}/builds.json");
    let properties: [(Generation, &[&str]); 7] = [
        (Generation::Cm14, &[&base]),
        (Generation::First15, &[&base]),
        (Generation::Template14, &[&template, &exact, &by_device]),
        (Generation::Java22, &[&template, &exact, &by_device]),
        (Generation::KotlinV1, &[&template, &exact, &by_device]),
        (Generation::KotlinVersion, &[&kotlin]),
        (Generation::Kotlin23, &[&kotlin]),
    ];
    for (generation, uris) in properties {
        for uri in uris {
            let ask = |phone: &Phone| {
                let url = url(generation, uri, phone).unwrap();
                let body = answer(&dir, &url);
                let rows = read(generation, &body, phone).unwrap();
                let names: Vec<String> = rows
                    .into_iter()
                    .filter(|row| row.verdict == Verdict::Offered)
                    .map(|row| row.entry.filename)
                    .collect();
                names
            };
            assert_eq!(ask(&phone(0)), [bacon_name(7)], "{generation:?} {uri}");
            // The first updater compares with >=: only a separate list of the incremental keeps the
            // installed build out, which a list by romtype cannot.
            assert!(ask(&phone(7)).is_empty(), "{generation:?} {uri}");
        }
    }
}

#[test]
fn every_published_feed_is_read_by_its_clients() {
    let dir = sample_site();
    dir.generate().expect(0);
    for (path, body) in dir.tree("out") {
        // Only pages read these.
        if path.starts_with("out/assets/") {
            continue;
        }
        let is_upstream = path.contains("/api/v1/types/") || path.contains("/api/v1/devices");
        if is_upstream || path.contains("/legacy/") || path.ends_with("oems.json") {
            continue;
        }
        if path.contains("/api/v2/") {
            if !path.ends_with("/builds.json") {
                continue;
            }
            assert!(body.len() <= 32 << 10);
            offered(Generation::Kotlin23, &body, &phone(0))
                .unwrap_or_else(|e| panic!("{path}: {e}"));
        } else if path.contains("/api/v1/") || path.ends_with(".json") && !path.contains(".romfeed")
        {
            assert!(body.len() <= 4 << 10);
            for generation in [Generation::Cm14, Generation::First15, Generation::Java22] {
                offered(generation, &body, &phone(0)).unwrap_or_else(|e| panic!("{path}: {e}"));
            }
        }
    }
}

#[test]
fn feeds_stay_within_what_clients_read() {
    let dir = RomDir::new();
    for day in 0..100 {
        dir.put(&format!("builds/{}", bacon_name(day)), bacon(day));
    }
    // An old version keeps its two newest builds, however many newer ones there are.
    for (day, incremental) in [(1, "old1"), (2, "old2"), (3, "old3")] {
        let props = Props::lineage(
            "20.0",
            "nightly",
            "bacon",
            1_600_000_000 + day * 86_400,
            incremental,
            33,
            "2020-09-05",
        );
        dir.put(
            &format!("builds/lineage-20.0-2020091{day}-nightly-bacon.zip"),
            Package::files(props).build(),
        );
    }
    dir.generate().expect(0);
    for (path, cap) in [
        ("bacon.json", 4 << 10),
        ("api/v1/bacon/nightly.json", 4 << 10),
        ("api/v2/devices/bacon/builds.json", 32 << 10),
    ] {
        let size = dir.read(&format!("out/{path}")).len();
        assert!(size <= cap && size > cap - 500, "{path}: {size}");
    }
    let listed = filenames(&dir, "bacon.json");
    assert_eq!(listed[0], bacon_name(99));
    let old: Vec<&String> = listed
        .iter()
        .filter(|name| name.contains("-20.0-"))
        .collect();
    assert_eq!(
        old,
        [
            "lineage-20.0-20200913-nightly-bacon.zip",
            "lineage-20.0-20200912-nightly-bacon.zip"
        ]
    );
}

#[test]
fn tree_of_docker_lineage_cicd_generates_as_it_is() {
    let props = Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        1_749_896_318,
        "eng.2",
        35,
        "2025-06-05",
    );
    let zip = Package::payload(props.clone()).build();
    let name = "lineage-22.2-20250614-UNOFFICIAL-enchilada";
    let sha256: String = testkit::payload::sha256(&zip)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let dir = RomDir::new()
        .file(&format!("builds/enchilada/{name}.zip"), &zip)
        .file(&format!("builds/enchilada/{name}.zip.prop"), props.text())
        .file(
            &format!("builds/enchilada/{name}.zip.sha256sum"),
            format!("{sha256}  {name}.zip\n"),
        )
        .file(&format!("builds/enchilada/{name}-recovery.img"), "ANDROID!")
        .file(
            &format!("builds/enchilada/{name}-recovery.img.sha256sum"),
            "x",
        );
    dir.generate().expect(0);
    assert_eq!(
        filenames(&dir, "api/v1/enchilada/unofficial/eng.2"),
        [""; 0]
    );
    let entry = &feed(&dir, "api/v1/enchilada/unofficial.json")["response"][0];
    assert_eq!(entry["id"], sha256);
    assert_eq!(entry["romtype"], "UNOFFICIAL");
    assert_eq!(entry["size"], zip.len());
    let file = &feed(&dir, "api/v2/devices/enchilada/builds.json")[0]["files"][0];
    assert_eq!(file["os_sdk_level"], 35);
    assert_eq!(file["os_patch_level"], "2025-06-05");
    assert!(
        file["ota_property_files"]
            .as_str()
            .unwrap()
            .contains("payload.bin:")
    );
}

#[test]
fn a_ci_runner_with_the_catalog_alone_makes_the_same_site() {
    let dir = sample_site();
    dir.generate().expect(0);
    for builds in [None, Some("builds/.keep")] {
        let runner = RomDir::new().file("catalog.json", dir.read("catalog.json"));
        if let Some(path) = builds {
            runner.put(path, "");
        }
        runner.generate().expect(0);
        assert_eq!(runner.tree("out"), dir.tree("out"));
        assert_eq!(runner.read("catalog.json"), dir.read("catalog.json"));
    }
}

#[test]
fn without_packages_no_files_are_written() {
    let dir = RomDir::new();
    dir.generate().expect(0).says("nothing to publish");
    dir.put("builds/note.txt", "x");
    dir.generate().expect(0);
    for path in ["out", "catalog.json", ".romfeed"] {
        assert!(!dir.path().join(path).exists(), "{path}");
    }
    dir.run(&["generate", "--builds", "nope"])
        .expect(2)
        .says("there is no folder nope");
}

#[test]
fn a_vanished_zip_is_retired_or_offered_from_elsewhere_with_a_note() {
    let gone = format!("builds/bacon/{}", bacon_name(0));
    let dir = two_builds();
    dir.generate().expect(0);
    dir.remove(&gone);
    dir.generate()
        .expect(0)
        .says("retired")
        .says(&bacon_name(0));
    assert_eq!(filenames(&dir, "bacon.json"), [bacon_name(7)]);
    // Its phones still get the newer build.
    assert_eq!(
        filenames(&dir, "api/v1/bacon/nightly/inc0"),
        [bacon_name(7)]
    );
    // It returns with its zip.
    dir.put(&gone, bacon(0));
    dir.generate().expect(0).says("offered again");
    assert_eq!(filenames(&dir, "bacon.json").len(), 2);

    let dir = two_builds();
    let elsewhere = |dir: &RomDir| {
        dir.run(&[
            "generate",
            "--url",
            "https://dl.example.org/{device}/{filename}",
        ])
    };
    elsewhere(&dir).expect(0);
    dir.remove(&gone);
    elsewhere(&dir)
        .expect(0)
        .says("1 build is not in the builds folder and offered from elsewhere; -v lists it");
    assert_eq!(filenames(&dir, "bacon.json").len(), 2);
}

#[test]
fn a_rebuild_under_an_old_name_supersedes_it() {
    let name = format!("builds/bacon/{}", bacon_name(0));
    let dir = two_builds();
    dir.generate().expect(0);
    let rebuilt = bacon_props(0)
        .set("ro.build.version.incremental", "rebuilt")
        .set("ro.build.date.utc", "1700003600");
    dir.put(&name, Package::files(rebuilt).build());
    dir.generate().expect(0).says("changed under its old name");
    // The phones of the first one are offered the rebuild and the later build.
    assert_eq!(
        filenames(&dir, "api/v1/bacon/nightly/inc0"),
        [bacon_name(7), bacon_name(0)]
    );
    assert_eq!(
        filenames(&dir, "api/v1/bacon/nightly/rebuilt"),
        [bacon_name(7)]
    );
    // The first one returns with its zip, and the phones of the rebuild are answered.
    dir.put(&name, bacon(0));
    dir.generate().expect(0).says("changed under its old name");
    assert_eq!(
        filenames(&dir, "api/v1/bacon/nightly/rebuilt"),
        [bacon_name(7)]
    );
    assert_eq!(filenames(&dir, "bacon.json").len(), 2);
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert_eq!(catalog.matches("superseded_by").count(), 1);
}

#[test]
fn dry_run_writes_nothing_and_reports_staleness() {
    let dir = two_builds();
    let dry = |dir: &RomDir| {
        dir.run(&[
            "generate",
            "--base-url",
            BASE_URL,
            "--dry-run",
            "--exit-code",
            "--json",
        ])
    };
    let stale = dry(&dir).expect(1).says("+ api/v1/bacon/nightly.json");
    assert_eq!(stale.json()["stale"], true);
    assert_eq!(stale.json()["added"].as_array().unwrap().len(), 2);
    assert!(!dir.path().join("out").exists() && !dir.path().join("catalog.json").exists());
    dir.generate().expect(0);
    assert_eq!(dry(&dir).expect(0).json()["stale"], false);
    dir.put("out/bacon.json", "tampered");
    assert_eq!(
        dry(&dir).expect(1).json()["files"]["changed"][0],
        "bacon.json"
    );
}

#[test]
fn settings_come_from_flags_then_environment_then_file() {
    let url = |dir: &RomDir| {
        feed(dir, "bacon.json")["response"][0]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let dir = two_builds().file(
        "site/romfeed.toml",
        "base_url = \"https://file.example/\"\nbuilds = \"../builds\"\n",
    );
    let run = |args: &[&str], vars: &[(&str, &str)]| -> Run {
        dir.run_with(
            &[
                &["generate", "-c", "site/romfeed.toml", "--out", "out"],
                args,
            ]
            .concat(),
            vars,
        )
    };
    run(&[], &[]).expect(0);
    assert!(url(&dir).starts_with("https://file.example/builds/bacon/"));
    // Paths in the file are relative to the file.
    assert!(dir.path().join("site/catalog.json").exists());
    run(&[], &[("ROMFEED_BASE_URL", "https://env.example")]).expect(0);
    assert!(url(&dir).starts_with("https://env.example/builds/bacon/"));
    run(
        &["--base-url", "https://flag.example"],
        &[("ROMFEED_BASE_URL", "https://env.example")],
    )
    .expect(0);
    assert!(url(&dir).starts_with("https://flag.example/builds/bacon/"));
}

#[test]
fn addresses_follow_their_precedence() {
    let props = bacon_props(0).set("ro.build.ota.url", "https://prop.example/rom.zip");
    let name = bacon_name(0);
    let dir = RomDir::new().file(&format!("builds/{name}"), Package::files(props).build());
    let url = |dir: &RomDir| {
        feed(dir, "bacon.json")["response"][0]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    dir.generate().expect(0);
    assert_eq!(url(&dir), "https://prop.example/rom.zip");
    let zip = format!("builds/{name}");
    dir.run(&[
        "catalog",
        "add",
        "--zip",
        &zip,
        "--url",
        "https://catalog.example/rom.zip",
    ])
    .expect(0);
    dir.generate().expect(0);
    assert_eq!(url(&dir), "https://catalog.example/rom.zip");
    dir.put("romfeed.toml", "url = \"https://all.example/{filename}\"\n");
    dir.generate().expect(0);
    assert_eq!(url(&dir), format!("https://all.example/{name}"));
    dir.put("romfeed.toml", "url = \"https://all.example/{filename}\"\n[device.bacon]\nurl = \"https://{device}.example/{romtype}/{path}\"\n");
    dir.generate().expect(0);
    assert_eq!(url(&dir), format!("https://bacon.example/nightly/{name}"));
}

#[test]
fn an_explicit_setting_gives_a_device_the_newer_shape() {
    let dir = two_builds();
    dir.generate().expect(0);
    assert!(feed(&dir, "bacon.json")["response"].is_array());
    dir.put("romfeed.toml", "[device.bacon]\ndevice_feed = \"v2\"\n");
    dir.generate().expect(0);
    assert_eq!(
        dir.read("out/bacon.json"),
        dir.read("out/api/v2/devices/bacon/builds.json")
    );
}

#[test]
fn a_romtype_is_verbatim_in_json_and_lower_case_in_paths() {
    let loud = bacon_props(0).set("ro.lineage.releasetype", "NIGHTLY");
    let dir = RomDir::new()
        .file("builds/lineage-1-bacon.zip", Package::files(loud).build())
        .file("builds/lineage-2-bacon.zip", bacon(7));
    dir.generate().expect(0);
    let entries = feed(&dir, "api/v1/bacon/nightly.json");
    let types: Vec<&Value> = entries["response"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["romtype"])
        .collect();
    assert_eq!(types, ["nightly", "NIGHTLY"]);
}

#[test]
fn second_run_uses_the_cache_unless_rehash_is_given() {
    let dir = two_builds();
    dir.settle(&format!("builds/bacon/{}", bacon_name(0)));
    dir.generate().expect(0);
    let cache = String::from_utf8(dir.read(".romfeed/cache.json")).unwrap();
    assert!(cache.contains(&bacon_name(0)));
    // A wrong digest in the cache is trusted, but not with --rehash.
    let start = cache.find("\"sha256\":\"").unwrap() + 10;
    let real = &cache[start..start + 64];
    let fake = "f".repeat(64);
    dir.put_cache(&cache.replace(real, &fake));
    let run = |args: &[&str]| {
        let base = ["generate", "--base-url", BASE_URL, "--dry-run", "--json"];
        dir.run(&[&base[..], args].concat()).expect(0).json()["stale"].clone()
    };
    assert_eq!(run(&[]), true);
    assert_eq!(run(&["--rehash"]), false);
}

#[test]
fn facts_from_partitions_are_cached() {
    let name = "lineage-22.2-20250614-UNOFFICIAL-enchilada.zip";
    let props = Props::lineage("22.2", "UNOFFICIAL", "enchilada", 1, "x", 35, "2025-06-05");
    let zip = Package::payload(props)
        .without_metadata()
        .partition(Partition::new("system").replace(fixture("erofs-lz4hc")))
        .build();
    let dir = RomDir::new().file(&format!("builds/{name}"), zip);
    dir.settle(&format!("builds/{name}"));
    dir.generate().expect(0);
    let site = dir.tree("out");
    dir.generate().expect(0);
    assert_eq!(dir.tree("out"), site);
    // A wrong property in the cache is trusted, but not with --rehash.
    let cache = String::from_utf8(dir.read(".romfeed/cache.json")).unwrap();
    let real = "\"ro.build.date.utc\":\"1749896318\"";
    assert!(cache.contains(real), "{cache}");
    assert!(!cache.contains("dalvik"), "{cache}");
    let fake = cache.replace(real, "\"ro.build.date.utc\":\"1749896319\"");
    dir.put_cache(&fake);
    let run = |args: &[&str]| {
        let base = ["generate", "--base-url", BASE_URL, "--dry-run", "--json"];
        dir.run(&[&base[..], args].concat()).expect(0).json()["stale"].clone()
    };
    assert_eq!(run(&[]), true);
    assert_eq!(run(&["--rehash"]), false);
    // Other families may read other properties.
    dir.put(
        "romfeed.toml",
        "[[family]]\nname = \"M\"\nmarkers = [\"ro.m.\"]\ndevice = [\"ro.m.device\"]\n",
    );
    assert_eq!(run(&[]), false);
}

#[test]
fn a_restored_file_is_never_offered_with_another_files_digest() {
    let name = format!("builds/bacon/{}", bacon_name(0));
    let dir = two_builds();
    dir.generate().expect(0);
    let rebuilt = bacon_props(0).set("ro.build.date.utc", "1700003600");
    dir.put(&name, Package::files(rebuilt).without_metadata().build());
    dir.generate().expect(0);
    dir.put(&name, bacon(0));
    dir.generate().expect(0);
    let entries = feed(&dir, "bacon.json")["response"].clone();
    let sha256: String = testkit::payload::sha256(&bacon(0))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(entries[1]["id"], sha256);
    assert_eq!(entries[1]["filename"], bacon_name(0));
}

#[test]
fn an_address_that_lacks_a_fact_keeps_only_that_build_out() {
    let bare = bacon_props(0).remove("ro.build.version.security_patch");
    let dir = RomDir::new()
        .file(
            &format!("builds/{}", bacon_name(0)),
            Package::files(bare).without_metadata().build(),
        )
        .file(&format!("builds/{}", bacon_name(7)), bacon(7));
    let url = "https://h/{security_patch}/{filename}";
    dir.run(&["generate", "--url", url]).expect(1).says("lacks");
    assert_eq!(filenames(&dir, "bacon.json"), [bacon_name(7)]);
    dir.put(
        "romfeed.toml",
        format!(
            "[[override]]\npackage = \"{}\"\nsecurity_patch = \"2023-11-05\"\n",
            bacon_name(0)
        ),
    );
    dir.run(&["generate", "--url", url]).expect(0);
    assert_eq!(filenames(&dir, "bacon.json").len(), 2);
}

#[test]
fn a_catalog_that_is_a_link_stays_one() {
    let dir = two_builds().file(
        "repo/catalog.json",
        "{\"schema\":1,\"builds\":[],\"tombstones\":[]}",
    );
    #[cfg(unix)]
    std::os::unix::fs::symlink("repo/catalog.json", dir.path().join("catalog.json")).unwrap();
    #[cfg(not(unix))]
    std::fs::copy(
        dir.path().join("repo/catalog.json"),
        dir.path().join("catalog.json"),
    )
    .unwrap();
    dir.generate().expect(0);
    let written = if cfg!(unix) {
        "repo/catalog.json"
    } else {
        "catalog.json"
    };
    assert!(
        String::from_utf8(dir.read(written))
            .unwrap()
            .contains(&bacon_name(7))
    );
}

#[test]
fn an_unchanged_run_leaves_even_the_cache_alone() {
    let dir = two_builds();
    for days in [0, 7] {
        dir.settle(&format!("builds/bacon/{}", bacon_name(days)));
    }
    dir.generate().expect(0);
    let modified = || {
        std::fs::metadata(dir.path().join(".romfeed/cache.json"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = modified();
    dir.generate().expect(0);
    assert_eq!(modified(), before);
}

#[test]
fn an_address_too_long_for_a_property_is_warned_about() {
    let dir = two_builds();
    let base = format!("https://{}.example", "a".repeat(50));
    let run = dir.run(&["generate", "--base-url", &base]).expect(0);
    // 66 bytes and 28 make 94; 91 are allowed.
    let run = run.says("/api/v1/{device}/{type}.json has 94 bytes; Android takes no more than 91");
    run.says("/api/v2/devices/{device}/builds.json has 102 bytes");
    let short = dir.generate().expect(0);
    assert!(
        !short.stderr.contains("no more than 91"),
        "{}",
        short.stderr
    );
}

#[test]
fn colour_is_used_on_terminals_or_on_request() {
    let dir = two_builds();
    assert!(!dir.generate().expect(0).stderr.contains('\u{1b}'));
    dir.put("builds/bad.zip", "");
    let always = [
        "generate",
        "--base-url",
        BASE_URL,
        "--color",
        "always",
        "--json",
    ];
    let run = dir.run_with(&always, &[("NO_COLOR", "1")]).expect(1);
    assert!(run.stderr.contains("\u{1b}[1;31merror:"), "{}", run.stderr);
    assert!(!run.stdout.contains('\u{1b}'));
}

#[test]
fn each_list_that_cannot_be_shortened_is_warned_about_once() {
    let dir = RomDir::new();
    for version in 11..=20 {
        for half in 0..2 {
            let timestamp = 1_500_000_000 + (version * 2 + half) * 86_400;
            let (text, incremental) = (format!("{version}.0"), format!("i{version}.{half}"));
            let props = Props::lineage(
                &text,
                "nightly",
                "bacon",
                timestamp,
                &incremental,
                28,
                "2020-01-05",
            );
            dir.put(
                &format!("builds/{version}-{half}.zip"),
                Package::files(props).without_metadata().build(),
            );
        }
    }
    let run = dir
        .generate()
        .expect(0)
        .says("api/v1/bacon/nightly.json has ");
    assert_eq!(
        run.stderr.matches("some updaters read no more").count(),
        2,
        "{}",
        run.stderr
    );
    assert_eq!(filenames(&dir, "bacon.json").len(), 20);
}
