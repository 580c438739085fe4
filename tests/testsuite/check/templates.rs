//! Feeds of templates, shipped and custom.

use romfeed::markup::template::Format;
use romfeed::publish::makers::makers_of;
use romfeed::publish::page::Maker;

use super::*;

#[test]
fn a_custom_template_only_has_to_be_valid() {
    let mut findings = Findings::default();
    let own = |format| Maker::Own {
        name: "mine".to_owned(),
        format,
    };
    let path = "api/v1/dev/nightly.json";
    for (format, sound, broken) in [
        (Format::Json, "{\"my\": [1, 2]}", "{\"my\": [1, 2}"),
        (Format::Xml, "<a/>", "<a>"),
    ] {
        let own = own(format);
        let makers = makers_of([(path, &own), (PATHS[2], &Maker::LineageOs)]);
        let check = |body: &str| {
            Host::sound().file(path, body).check_with(|task| {
                task.feeds = feeds(BASE, &[path, PATHS[2]].map(str::to_owned), Some(&makers));
            })
        };
        assert_eq!(ids(&check(sound)), [""; 0]);
        findings.only(&check(broken), "feed-unreadable");
    }
    insta::assert_snapshot!(findings.0);
}

/// Judges a body that a template made as its clients do; returns ids of rules, with the entries.
fn judge_template(name: &str, body: &str) -> Vec<String> {
    let path = "feeds/dev.json";
    let makers = makers_of([(path, &Maker::Shipped(name.to_owned()))]);
    let report = Host::sound().file(path, body).check_with(|task| {
        task.zips = None;
        task.feeds = feeds(BASE, &[path.to_owned()], Some(&makers));
    });
    let found = report.findings.iter();
    found
        .map(|found| format!("{} {}", found.rule.id, found.text()))
        .collect()
}

#[test]
fn feeds_of_templates_are_judged_by_their_clients() {
    let sha256 = "0".repeat(64);
    let core = serde_json::json!({
        "filename": "a.zip", "download": ZIP_URL, "timestamp": DATE, "size": 5, "version": "11.4",
        "md5": "x", "maintainer": "", "buildtype": "", "forum": "", "telegram": "", "gapps": "",
        "firmware": "", "modem": "", "bootloader": "", "recovery": "", "paypal": "",
        "sha256": sha256,
    });
    let response = |entry: serde_json::Value| serde_json::json!({ "response": [entry] });
    let single = serde_json::json!({
        "version": "16", "filename": "a.zip", "datetime": DATE, "size": 5, "url": ZIP_URL,
        "filehash": "x", "id": "x",
    });
    let array = serde_json::json!([{
        "datetime": DATE, "version": "16", "type": "x", "files": [{
            "filename": "a.zip", "os_patch_level": "2025-04-05", "os_sdk_level": 37,
            "sha256": sha256, "size": 5, "url": ZIP_URL,
        }],
    }]);
    let custota = serde_json::json!({
        "version": 2, "full": { "location_ota": "a.zip", "location_csig": "a.zip.csig" },
    });
    let without = |value: &serde_json::Value, key: &str| {
        let mut value = value.clone();
        let at = match value.pointer_mut("/0/files/0") {
            Some(file) => file,
            None => &mut value,
        };
        drop(at.as_object_mut().unwrap().remove(key));
        value
    };
    let mut dated = core.clone();
    dated["timestamp"] = 20_240_214.into();
    for (template, sound, broken, rule) in [
        (
            "crdroid",
            response(core.clone()),
            response(without(&core, "telegram")),
            "feed-entry-dropped",
        ),
        (
            "crdroid",
            response(core.clone()),
            response(dated),
            "entry-field",
        ),
        (
            "crdroid-16",
            response(without(&core, "telegram")),
            response(without(&core, "sha256")),
            "feed-unreadable",
        ),
        (
            "evolution-x",
            response(without(&core, "telegram")),
            response(without(&core, "forum")),
            "feed-entry-dropped",
        ),
        (
            "pixelos",
            single.clone(),
            without(&single, "filehash"),
            "feed-entry-dropped",
        ),
        (
            "pixelos-17",
            array.clone(),
            without(&array, "os_patch_level"),
            "feed-unreadable",
        ),
        (
            "v2-incremental",
            array.clone(),
            without(&array, "sha256"),
            "feed-unreadable",
        ),
        (
            "custota",
            custota.clone(),
            without(&custota, "version"),
            "feed-unreadable",
        ),
    ] {
        let found = judge_template(template, &sound.to_string());
        assert_eq!(found, [""; 0], "{template}");
        let found = judge_template(template, &broken.to_string());
        assert!(!found.is_empty(), "{template}");
        for found in found {
            assert!(found.starts_with(rule), "{template}: {found}");
        }
    }
    let line = format!("eng.2 {DATE} dev stable\n");
    assert_eq!(judge_template("grapheneos", &line), [""; 0]);
    let found = judge_template("grapheneos", "eng.2 dev stable\n");
    assert!(found[0].starts_with("feed-unreadable"), "{found:?}");
}

#[test]
fn lineageos_older_list_is_also_judged_by_the_forks_that_read_it() {
    let entry = serde_json::json!({
        "datetime": DATE, "filename": "a.zip", "id": "x", "romtype": "nightly", "size": 5,
        "url": ZIP_URL, "version": "21.0",
    });
    let judge = |entry: &serde_json::Value| {
        let list = serde_json::json!({ "response": [entry] });
        judge_template("v1", &list.to_string())
    };
    let without = |key: &str| {
        let mut entry = entry.clone();
        drop(entry.as_object_mut().unwrap().remove(key));
        judge(&entry)
    };
    assert_eq!(judge(&entry), [""; 0]);
    let found = without("id");
    let is_of =
        |found: &&String| found.starts_with("feed-unreadable") && found.contains("DerpFest 16");
    assert_eq!(found.iter().filter(is_of).count(), 1, "{found:?}");
    // DerpFest reads no release type; the others leave the entry out.
    let found = without("romtype");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("feed-entry-dropped"), "{found:?}");
    for name in ["AxionOS", "LMODroid 14", "LineageOS 16.0 to 22.0"] {
        assert!(found[0].contains(name), "{found:?}");
    }
    assert!(!found[0].contains("DerpFest"), "{found:?}");
}
