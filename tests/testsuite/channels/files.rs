//! The files that phones ask for, and those that are never touched.

use romfeed::clients::updaters::request;

use super::*;
use crate::support::{bacon_name, bacon_props};

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
