//! `catalog import` of the feeds of other families: facts, devices, variants, and texts for people.

use serde_json::{Value, json};

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const MD5: &str = "00112233445566778899aabbccddeeff";
const SHA: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const DATE: i64 = 1_720_000_000;

/// Imports a feed with its own path into an empty catalog.
fn import_as(path: &str, feed: &Value, flags: &[&str]) -> (RomDir, Run) {
    let dir = RomDir::new().file(path, feed.to_string());
    let run = dir.run(&[&["catalog", "import", path], flags].concat());
    (dir, run)
}

fn read_json(dir: &RomDir, path: &str) -> Value {
    serde_json::from_slice(&dir.read(path)).unwrap()
}

fn records(dir: &RomDir) -> Vec<Value> {
    read_json(dir, "catalog.json")["builds"]
        .as_array()
        .unwrap()
        .clone()
}

fn has(dir: &RomDir, path: &str) -> bool {
    dir.path().join(path).exists()
}

/// Returns the only build of a feed that must be imported without a flag.
fn only_build(path: &str, feed: &Value) -> Value {
    let (dir, run) = import_as(path, feed, &[]);
    run.expect(0);
    let records = records(&dir);
    assert_eq!(records.len(), 1, "{feed}");
    records[0].clone()
}

fn url(name: &str) -> String {
    format!("https://dl.example.org/{name}")
}

/// One object for the build, as PixelOS, Elixir and Havoc publish it.
fn one_object(name: &str) -> Value {
    json!({
        "error": false, "version": "fourteen", "filename": name, "datetime": DATE, "size": 1234,
        "url": url(name), "filehash": MD5, "id": SHA,
    })
}

/// Returns facts of a record by the keys of the catalog.
fn assert_facts(record: &Value, expected: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&record[key], value, "{key} of {record}");
    }
}

#[test]
fn one_object_is_one_build() {
    let name = "ExampleOS_bacon-14.0-20240703-0930.zip";
    let facts = json!({
        "device": "bacon", "version": "fourteen", "datetime": DATE, "size": 1234, "url": url(name),
        "md5": MD5, "id": SHA,
    });
    assert_facts(&only_build("feed.json", &one_object(name)), &facts);
    assert_facts(&only_build("feed.json", &json!([one_object(name)])), &facts);
    // An id is a digest of the package only if the caller says so.
    let (dir, run) = import_as("feed.json", &one_object(name), &["--ids-are-sha256"]);
    run.expect(0);
    assert_facts(&records(&dir)[0], &json!({"sha256": SHA, "id": null}));
}

#[test]
fn lists_of_other_families_are_read() {
    let name = |text: &str| format!("exampleos-{text}-bacon-20240703.zip");
    let paranoid = json!({"updates": [{
        "date": "2024-07-03", "datetime": " 1720000000", "filename": name("beta"),
        "url": url(&name("beta")), "id": "beta-7", "size": "1234", "build_type": "Beta",
        "version": "Uvite", "android_spl": "2024-06-05",
    }]});
    assert_facts(
        &only_build("bacon", &paranoid),
        &json!({"device": "bacon", "datetime": DATE, "size": 1234, "id": "beta-7",
                "romtype": "Beta", "version": "Uvite", "security_patch": "2024-06-05"}),
    );
    let dotos = json!({
        "codename": "bacon", "deviceName": "One", "brandName": "OnePlus", "latestVersion": "v5",
        "links": {"telegram": "https://t.me/example"},
        "releases": [{
            "type": "vanilla", "generatedAt": DATE, "fileName": name("v5"), "url": url(&name("v5")),
            "hash": MD5, "size": 1234, "version": "v5", "images": null,
        }],
    });
    assert_facts(
        &only_build("feed.json", &dotos),
        &json!({"device": "bacon", "datetime": DATE, "md5": MD5, "id": MD5, "variant": null}),
    );
    let flamingo = json!({
        "version": "2.2", "date": "1720000000000", "download_sources": {"Mirror": url(&name("x"))},
        "file_name": name("x"), "file_size": "1234", "sha_512": SHA.repeat(2),
    });
    assert_facts(
        &only_build("bacon/Example/ota.json", &flamingo),
        &json!({"device": "bacon", "datetime": DATE, "size": 1234, "url": url(&name("x")),
                "id": SHA.repeat(2)}),
    );
    let xperience = json!({"files": [{
        "file": name("y"), "filemd5": MD5, "filesize": "1234", "filelink": url(&name("y")),
        "fileTimestamp": "1720000000", "version": "17.0", "romtype": "OFFICIAL",
    }]});
    assert_facts(
        &only_build("bacon.json", &xperience),
        &json!({"device": "bacon", "datetime": DATE, "md5": MD5, "version": "17.0", "kind": "full"}),
    );
    let mixed = json!({"response": [{
        "filename": name("z"), "url": url(&name("z")), "timestamp": DATE, "md5sum": MD5,
        "size": 1234, "version": "10.0", "romtype": "Official",
    }]});
    assert_facts(
        &only_build("bacon.json", &mixed),
        &json!({"datetime": DATE, "md5": MD5, "id": MD5, "romtype": "Official"}),
    );
}

#[test]
fn a_delta_of_another_family_keeps_its_source() {
    let name = "exampleos-v2-bacon-20240703-incremental.zip";
    let mut delta = json!({
        "version": "2.2", "date": "1720000000000", "download_sources": {"Mirror": url(name)},
        "file_name": name, "file_size": "1234", "sha_512": SHA.repeat(2),
        "pre_build_incremental": "eng.me.1",
    });
    assert_facts(
        &only_build("bacon.json", &delta),
        &json!({"kind": "delta", "source_incremental": "eng.me.1"}),
    );
    // Without it, phones would be offered a delta as a full package.
    delta["pre_build_incremental"] = Value::Null;
    let (dir, run) = import_as("bacon.json", &delta, &[]);
    run.expect(1)
        .says("by its name it is a delta, and the feed does not name the build it starts from")
        .says("there are no builds in it");
    assert!(!has(&dir, "catalog.json"));
}

#[test]
fn lists_by_codename_may_have_calendar_dates() {
    let build = |device: &str| {
        json!([{
            "date": "2024-07-03", "datetime": "20240703", "type": "official", "version": "v13.0",
            "filename": format!("Example-v13.0-{device}-OFFICIAL-20240703.zip"),
            "filepath": format!("/13/{device}/x.zip"), "sha256": SHA, "size": "1234",
            "maintainer": "Ada", "model": "One", "oem": "OnePlus", "changelog": null,
        }])
    };
    let mut feed = json!({"bacon": build("bacon"), "mako": build("mako")});
    feed["mako"][0]["sha256"] = json!(SHA.replace('0', "1"));
    let (_, run) = import_as("feed.json", &feed, &[]);
    run.expect(2).says("add --url-base URL");
    let base = ["--url-base", "https://dl.example.org"];
    let (dir, run) = import_as("feed.json", &feed, &base);
    run.expect(0)
        .says("datetime is only a day; its midnight in UTC is used")
        .says("(official): 2 added");
    assert_facts(
        &records(&dir)[0],
        &json!({"device": "bacon", "datetime": 1_719_964_800, "sha256": SHA,
                "url": "https://dl.example.org/13/bacon/x.zip"}),
    );
    let (dir, run) = import_as(
        "feed.json",
        &feed,
        &[&base[..], &["--device", "mako"]].concat(),
    );
    run.expect(0).says("1 entry of other devices passed over");
    assert_eq!(records(&dir).len(), 1);
    let (_, run) = import_as(
        "feed.json",
        &feed,
        &[&base[..], &["--device", "hero"]].concat(),
    );
    run.expect(1)
        .says("2 entries of other devices passed over")
        .says("there are no builds in it");
}

#[test]
fn a_list_without_dates_and_addresses_is_completed() {
    let name = "ExampleOS_bacon-9.0-20190703-1200-OFFICIAL.zip";
    let feed = json!({"pie": [{"md5": MD5, "file_size": 1234, "file_name": name}]});
    let (_, run) = import_as("bacon.json", &feed, &[]);
    run.expect(1)
        .says("pie, entry 1 (")
        .says("it has no url; add --url-base");
    let (dir, run) = import_as(
        "bacon.json",
        &feed,
        &["--url-base", "https://dl.example.org/x"],
    );
    run.expect(0)
        .says("it has no date; the date in its file name is used");
    assert_facts(
        &records(&dir)[0],
        &json!({"device": "bacon", "datetime": 1_562_155_200, "version": "9.0", "md5": MD5,
                "url": format!("https://dl.example.org/x/{name}")}),
    );
}

#[test]
fn any_key_can_name_the_device() {
    let name = "exampleos-x-20240703.zip";
    let with = |key: &str, device: &str, name: &str| {
        let mut feed = one_object(name);
        feed[key] = json!(device);
        feed
    };
    for (path, feed, device) in [
        ("feed.json", with("device_codename", "bacon", name), "bacon"),
        ("feed.json", with("codename", "bacon", name), "bacon"),
        ("feed.json", with("device", "bacon", name), "bacon"),
        ("bacon.json", one_object(name), "bacon"),
        // A marketing name is not a codename, with or without spaces.
        ("bacon.json", with("device", "One Plus", name), "bacon"),
        ("bacon.json", with("device", "Pixel", name), "bacon"),
        (
            "ota/bacon/feed.json",
            one_object("Example-5-Soda-bacon-20240703.zip"),
            "bacon",
        ),
        (
            "bacon/GApps/ota.json",
            one_object("Example-5-bacon-20240703.zip"),
            "bacon",
        ),
        // A part of the feed's name counts less than a key of the entry.
        (
            "mako-11.json",
            with("device_codename", "bacon", "Example-5-mako-20240703.zip"),
            "bacon",
        ),
        (
            "walleye.json",
            one_object("crDroidAndroid-12.1-20220408-walleye-GMS-v8.4.zip"),
            "walleye",
        ),
        (
            "lineage.json",
            one_object("lineage-18.1-20210626-UNOFFICIAL-bacon.zip"),
            "bacon",
        ),
        (
            "GAPPS_bacon.json",
            one_object("Example-5-bacon-20240703.zip"),
            "bacon",
        ),
        (
            "X00T.json",
            one_object("Example-5-x00t-20240703.zip"),
            "X00T",
        ),
        // The first part of a name, or a word with another meaning, is not a device.
        (
            "example.json",
            with("device", "mako", "Example-5-mako-20240703.zip"),
            "mako",
        ),
        (
            "official.json",
            with("device", "mako", "Example-OFFICIAL-mako-20240703.zip"),
            "mako",
        ),
        (
            "fourteen/mako.json",
            one_object("Example-fourteen-mako-20240703.zip"),
            "mako",
        ),
    ] {
        assert_eq!(only_build(path, &feed)["device"], device, "{path} {feed}");
    }
    for (path, feed, message) in [
        (
            "feed.json",
            one_object("update.zip"),
            "neither the feed nor the file name names its device; add --device",
        ),
        (
            "mako.json",
            with("codename", "bacon", "Example-5-mako-20240703.zip"),
            "the feed has device `bacon`, and its file name is of `mako`; add --device",
        ),
        (
            "poplar.json",
            one_object("lineage-18.1-20210626-UNOFFICIAL-poplar_dsds.zip"),
            "the feed's name is `poplar`, and its file name is of `poplar_dsds`; add --device",
        ),
        (
            "mako.json",
            one_object("lineage-18.1-20210626-UNOFFICIAL-bacon.zip"),
            "the feed's name is `mako`, and its file name is of `bacon`; add --device",
        ),
        (
            "b.json",
            one_object("update.zip"),
            "neither the feed nor the file name names its device; add --device",
        ),
        (
            "incremental_ota.json",
            one_object("update.zip"),
            "neither the feed nor the file name names its device; add --device",
        ),
    ] {
        let (dir, run) = import_as(path, &feed, &[]);
        run.expect(1).says(message);
        assert!(!has(&dir, "catalog.json"));
    }
    let feed = with("codename", "bacon", "Example-5-mako-20240703.zip");
    let (dir, run) = import_as("mako.json", &feed, &["--device", "mako"]);
    run.expect(0)
        .says("the feed has device `bacon`; --device mako takes precedence");
    assert_eq!(records(&dir)[0]["device"], "mako");
}

#[test]
fn other_lists_are_not_feeds() {
    for feed in [
        json!({"updates": [{"text": "x", "version": "1"}]}),
        json!({"bacon": [{"name": "Ada", "telegram": "x"}]}),
        json!([{"name": "One", "codename": "bacon", "supported_versions": []}]),
        json!({"codename": "bacon", "maintainer": "Ada"}),
    ] {
        let (dir, run) = import_as("feed.json", &feed, &["--device", "bacon"]);
        run.expect(1).says("it is not a feed that can be read");
        assert!(!has(&dir, "catalog.json"));
    }
    let custota =
        json!({"version": 2, "full": {"location_ota": "x.zip", "location_csig": "x.csig"}});
    let (_, run) = import_as("bacon.json", &custota, &[]);
    run.expect(1)
        .says("it is a feed of Custota, which has neither the size nor the version of a build; put the zips");
    for (feed, message) in [
        (
            "2024070300 1720000000 bacon stable\n",
            "it is a feed of GrapheneOS, which",
        ),
        (
            "<?xml version=\"1.0\"?><feed></feed>",
            "it is XML for newsreaders",
        ),
    ] {
        let dir = RomDir::new().file("bacon-stable", feed);
        dir.run(&["catalog", "import", "bacon-stable"])
            .expect(1)
            .says(message);
    }
}

fn v1(name: &str, id: &str, date: i64) -> Value {
    json!({"response": [{
        "datetime": date, "filename": name, "id": id, "romtype": "OFFICIAL", "size": 1234,
        "url": url(name), "version": "2.7",
    }]})
}

#[test]
fn a_second_variant_needs_its_own_list() {
    let name = |variant: &str| format!("exampleos-2.7-20240703-OFFICIAL-{variant}-bacon.zip");
    let dir = RomDir::new()
        .file("gms/bacon.json", v1(&name("GMS"), "a", DATE).to_string())
        .file(
            "vanilla/bacon.json",
            v1(&name("VANILLA"), "b", DATE + 60).to_string(),
        );
    dir.run(&["catalog", "import", "gms/bacon.json"]).expect(0);
    let before = dir.read("catalog.json");
    let vanilla = ["catalog", "import", "vanilla/bacon.json"];
    dir.run(&vanilla)
        .expect(1)
        .says("entry 1 (exampleos-2.7-20240703-OFFICIAL-VANILLA-bacon.zip): its name differs")
        .says("add --variant, for example --variant vanilla, or set same_lane = true under [device.bacon]");
    assert_eq!(dir.read("catalog.json"), before);
    dir.run(&[&vanilla[..], &["--variant", "vanilla"]].concat())
        .expect(0);
    assert_eq!(records(&dir).len(), 2);
    // If phones install either, there is no problem.
    dir.put("catalog.json", &before);
    dir.put("romfeed.toml", "same_lane = true\n");
    dir.run(&vanilla).expect(0);
}

#[test]
fn variants_in_addresses_and_keys_are_distinguished() {
    let name = "exampleos-2.7-bacon-20240703.zip";
    let mut gapps = v1(name, "a", DATE);
    gapps["response"][0]["url"] = json!(format!("https://dl.example.org/GApps/{name}"));
    let later = "exampleos-2.7-bacon-20240704.zip";
    let mut vanilla = v1(later, "b", DATE + 60);
    vanilla["response"][0]["url"] = json!(format!("https://dl.example.org/vanilla/{later}"));
    let dir = RomDir::new()
        .file("1/bacon.json", gapps.to_string())
        .file("2/bacon.json", vanilla.to_string());
    dir.run(&["catalog", "import", "1/bacon.json"]).expect(0);
    dir.run(&["catalog", "import", "2/bacon.json"])
        .expect(1)
        .says("(`gapps`, `vanilla`)");
    // A warning about a folder without packages: nothing can be compared with it later.
    let (_, run) = import_as("OTA/GMS/bacon.json", &v1(name, "a", DATE), &[]);
    run.expect(0).says(
        "warning: the feed has the variant `gapps`, which the names of its packages do not show",
    );
    // Both in one feed.
    let release = |variant: &str, day: i64| {
        let romtype = if day == 1 { "OFFICIAL" } else { "GAPPS" };
        let name = format!("dotOS-R-v5.1-bacon-{romtype}-2024070{day}-0930.zip");
        json!({"type": variant, "generatedAt": DATE + day, "fileName": name, "url": url(&name),
               "hash": format!("{day:032}"), "size": 1234 + day, "version": "v5"})
    };
    let both =
        json!({"codename": "bacon", "releases": [release("vanilla", 1), release("gapps", 2)]});
    let (dir, run) = import_as("bacon.json", &both, &[]);
    run.expect(1)
        .says(
            "entry 2 (dotOS-R-v5.1-bacon-GAPPS-20240702-0930.zip): its variant is `gapps`, and that of entry 1",
        )
        .says("import each with its own --variant, for example --variant gapps");
    for variant in ["vanilla", "gapps"] {
        dir.run(&["catalog", "import", "bacon.json", "--variant", variant])
            .expect(0)
            .says("1 entry of other variants passed over");
    }
    let variants: Vec<Value> = records(&dir).iter().map(|r| r["variant"].clone()).collect();
    assert_eq!(variants.len(), 2);
    assert!(variants.contains(&json!("gapps")) && variants.contains(&json!("vanilla")));
    // Package names count as much as a key.
    let entry = |variant: &str, day: i64| {
        let mut entry = crdroid_entry(&format!("example-5-{variant}-2024070{day}.zip"));
        entry["md5"] = json!(format!("{day:032}"));
        entry["sha256"] = json!(format!("{day:064}"));
        entry
    };
    let both = json!({"response": [entry("GMS", 1), entry("Vanilla", 2)]});
    let (dir, run) = import_as("bacon.json", &both, &[]);
    run.expect(1).says("import each with its own --variant");
    for variant in ["vanilla", "gms"] {
        dir.run(&["catalog", "import", "bacon.json", "--variant", variant])
            .expect(0)
            .says("1 entry of other variants passed over");
    }
}

fn crdroid_entry(name: &str) -> Value {
    json!({
        "maintainer": "Ada Lovelace", "oem": "Example", "device": "Phone 8a", "filename": name,
        "download": url(name), "timestamp": DATE, "md5": MD5, "sha256": SHA, "size": 1234,
        "version": "11.2", "buildtype": "Monthly", "forum": "https://forum.example.org/1",
        "gapps": "https://gapps.example.org", "firmware": "", "modem": "", "bootloader": "",
        "recovery": "https://dl.example.org/recovery.img", "paypal": "https://pay.example.org",
        "telegram": "https://t.me/example", "dt": "https://git.example.org/dt",
        "common-dt": "https://git.example.org/common", "kernel": "https://git.example.org/kernel",
        "currently_maintained": false, "own-key": {"a": [1, 2]},
    })
}

#[test]
fn changelogs_survive_an_import() {
    let name = "crDroidAndroid-15.0-20240703-bacon-v11.2.zip";
    let entry = crdroid_entry(name);
    let (dir, run) = import_as("bacon.json", &json!({"response": [entry]}), &[]);
    run.expect(0).says("devices_local.json: bacon: name, oem, ");
    assert!(!has(&dir, "romfeed.toml"));
    let local = read_json(&dir, "devices_local.json");
    assert_eq!(local[0]["model"], "bacon");
    assert_eq!(local[0]["name"], "Phone 8a");
    assert_eq!(local[0]["info"]["own-key"], json!({"a": [1, 2]}));
    assert_eq!(local[0]["info"]["currently_maintained"], false);
    assert_eq!(
        local[0]["info"]["firmware"],
        Value::Null,
        "empty texts are left out"
    );
    for build_fact in [
        "filename",
        "download",
        "size",
        "md5",
        "sha256",
        "version",
        "timestamp",
    ] {
        assert_eq!(local[0]["info"][build_fact], Value::Null, "{build_fact}");
    }
    let settings = format!("base_url = \"{BASE_URL}\"\ndevice_feed = \"crdroid\"\n");
    dir.put("romfeed.toml", &settings);
    dir.run(&["generate"]).expect(0);
    let published = read_json(&dir, "out/bacon.json");
    for (key, value) in published["response"][0].as_object().unwrap() {
        assert_eq!(value, &entry[key], "{key}");
    }
    assert_eq!(published["response"][0].as_object().unwrap().len(), 22);
    // A setting takes precedence.
    let own = "[device.bacon.info]\nmaintainer = \"Grace\"\n";
    dir.put("romfeed.toml", format!("{settings}{own}"));
    dir.run(&["generate"]).expect(0);
    let published = read_json(&dir, "out/bacon.json");
    assert_eq!(published["response"][0]["maintainer"], "Grace");
    assert_eq!(published["response"][0]["forum"], entry["forum"]);
}

#[test]
fn known_device_facts_are_not_overwritten() {
    let name = "crDroidAndroid-15.0-20240703-bacon-v11.2.zip";
    let devices = json!([{"model": "bacon", "name": "One", "oem": "OnePlus", "wiki": "https://wiki.example.org"}]);
    let local = json!([
        {"model": "mako", "name": "Nexus 4", "own": 1},
        {"model": "bacon", "info": {"maintainer": "Grace"}},
    ]);
    let dir = RomDir::new()
        .file("devices.json", devices.to_string())
        .file("devices_local.json", local.to_string())
        .file(
            "bacon.json",
            json!({"response": [crdroid_entry(name)]}).to_string(),
        );
    dir.run(&["catalog", "import", "bacon.json"])
        .expect(0)
        .says("warning: the feed has other values for maintainer of bacon; those in devices_local.json stay");
    let stored = read_json(&dir, "devices_local.json");
    assert_eq!(stored[0], local[0]);
    assert_eq!(stored[1]["info"]["maintainer"], "Grace");
    assert_eq!(stored[1]["info"]["forum"], "https://forum.example.org/1");
    assert_eq!(stored[1]["name"], Value::Null);
    // The facts of the other file still apply.
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\ndevice_feed = \"crdroid\"\n"),
    );
    dir.run(&["generate"]).expect(0);
    let published = read_json(&dir, "out/bacon.json")["response"][0].clone();
    assert_eq!(
        (&published["device"], &published["oem"]),
        (&json!("One"), &json!("OnePlus"))
    );
    assert_eq!(published["maintainer"], "Grace");
    // The same feed again changes nothing.
    let before = dir.read("devices_local.json");
    dir.run(&["catalog", "import", "bacon.json"]).expect(0);
    assert_eq!(dir.read("devices_local.json"), before);
}

#[test]
fn a_broken_list_of_devices_is_left_alone() {
    let name = "crDroidAndroid-15.0-20240703-bacon-v11.2.zip";
    let dir = RomDir::new()
        .file("devices_local.json", "[{\"model\": \"mako\"},]")
        .file(
            "bacon.json",
            json!({"response": [crdroid_entry(name)]}).to_string(),
        );
    dir.run(&["catalog", "import", "bacon.json"])
        .expect(0)
        .says("warning: the feed's texts about devices are not stored: ");
    assert_eq!(dir.read("devices_local.json"), b"[{\"model\": \"mako\"},]");
    assert_eq!(records(&dir).len(), 1);
}

#[test]
fn device_facts_come_from_the_newest_entry() {
    let entry = |day: i64, maintainer: &str| {
        let mut entry = crdroid_entry(&format!("crDroidAndroid-15.0-2024070{day}-bacon-v11.2.zip"));
        entry["timestamp"] = json!(DATE + day);
        entry["md5"] = json!(format!("{day:032}"));
        entry["sha256"] = json!(format!("{day:064}"));
        entry["maintainer"] = json!(maintainer);
        entry
    };
    let feed = json!({"response": [entry(2, "Grace"), entry(1, "Ada")]});
    let (dir, run) = import_as("bacon.json", &feed, &[]);
    run.expect(0);
    let local = read_json(&dir, "devices_local.json");
    assert_eq!(local[0]["info"]["maintainer"], "Grace");
}

#[test]
fn a_refused_feed_names_the_flag() {
    let mut feed = one_object("exampleos-x-20240703.zip");
    feed["version"] = Value::Null;
    let (_, run) = import_as("bacon.json", &feed, &[]);
    run.expect(1)
        .says("it has no version; add --version")
        .says("nothing was imported; correct the feed, or put the zips into the builds folder");
    let (dir, run) = import_as("bacon.json", &feed, &["--version", "14"]);
    run.expect(0);
    assert_eq!(records(&dir)[0]["version"], "14");
    let name = "ExampleOS_bacon-14.0-20240703-0930.zip";
    feed = one_object(name);
    feed["version"] = Value::Null;
    let (dir, run) = import_as("bacon.json", &feed, &[]);
    run.expect(0)
        .says("it has no version; the version in its file name is used");
    assert_eq!(records(&dir)[0]["version"], "14.0");
    // Updaters of such feeds compare no release type.
    let (dir, run) = import_as("feed.json", &one_object(name), &[]);
    run.expect(0)
        .says("it has no romtype; `UNOFFICIAL` is used, which its updater does not compare");
    assert_eq!(records(&dir)[0]["romtype"], "UNOFFICIAL");
}

/// Feeds of the shipped templates with too few facts about a build to be read, and why.
const NOT_READ: [(&str, &str); 6] = [
    ("atom", "it is XML for newsreaders"),
    ("atom-site", "it is XML for newsreaders"),
    ("custota", "it is a feed of Custota"),
    ("forum", "it is not JSON"),
    ("grapheneos", "it is a feed of GrapheneOS"),
    ("telegram", "it is a web page"),
];

#[test]
fn every_feed_of_romfeed_can_be_imported() {
    let mut num_read = 0;
    for (template, _) in romfeed::publish::feed::template::SHIPPED {
        let settings = format!(
            "base_url = \"{BASE_URL}\"\n[[feed]]\ntemplate = \"{template}\"\n[device.bacon.info]\nmaintainer = \"Ada\"\n"
        );
        let site = RomDir::new()
            .file(&format!("builds/{}", bacon_name(0)), bacon(0))
            .file(&format!("builds/{}", bacon_name(7)), bacon(7));
        site.generate().expect(0);
        let before = site.tree("out");
        let original = records(&site);
        site.put("romfeed.toml", settings);
        site.run(&["generate"]).expect(0);
        let pages = site.tree("out").into_iter();
        let is_new = |page: &str| !before.contains_key(page) && !page.contains(".romfeed");
        for (page, bytes) in pages.filter(|(page, _)| is_new(page)) {
            let new = RomDir::new().file(&page, bytes);
            let run = new.run(&["catalog", "import", &page]);
            if let Some((_, reason)) = NOT_READ.iter().find(|(known, _)| *known == template) {
                run.expect(1).says(reason);
                continue;
            }
            let text = String::from_utf8(site.read(&page)).unwrap();
            if text.split_whitespace().collect::<String>() == "[]" {
                run.expect(1).says("there are no builds in it");
                continue;
            }
            run.expect(0);
            num_read += 1;
            for record in records(&new) {
                let mut all = original.iter();
                let known = all.find(|known| known["path"] == record["path"]).unwrap();
                for key in ["device", "version", "datetime", "size"] {
                    assert_eq!(record[key], known[key], "{key} in {page}");
                }
                let digests = ["sha256", "id", "md5"].iter();
                assert!(
                    digests.clone().any(|key| record[*key] == known["sha256"])
                        || record["md5"] == known["md5"],
                    "{page}: {record}"
                );
            }
        }
    }
    assert!(num_read >= 4, "{num_read}");
}
