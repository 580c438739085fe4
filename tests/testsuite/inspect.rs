//! `inspect`: the facts of packages and their sources, for people and programs.

use serde_json::{Value, json};
use testkit::metadata::Metadata;
use testkit::package::Package;
use testkit::payload::sha256;
use testkit::props::Props;
use testkit::zip::{Entry, Zip};

use super::support::{RomDir, Run, bacon, bacon_name, bacon_props};

const PB: &str = "META-INF/com/android/metadata.pb";
const TEXT: &str = "META-INF/com/android/metadata";
/// The message about a system image that is only noise.
const NO_IMAGE: &str =
    "partition `system`: its file system is unknown; its properties are not known";
const BUILD_PROP: &str = "system/build.prop";
/// The keys of a package's object, sorted.
const KEYS: [&str; 22] = [
    "datetime",
    "device",
    "devices",
    "file",
    "file_systems",
    "files",
    "incremental",
    "kind",
    "layout",
    "md5",
    "read",
    "romtype",
    "sdk_level",
    "security_patch",
    "sha256",
    "signer",
    "size",
    "source_incremental",
    "sources",
    "variant",
    "version",
    "warnings",
];

fn lineage(sdk: u32) -> Props {
    Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        1_748_736_000,
        "eng.me.20250601",
        sdk,
        "2025-05-05",
    )
}

/// Inspects one package and returns its object.
#[track_caller]
fn inspect(name: &str, zip: impl AsRef<[u8]>) -> Value {
    let dir = RomDir::new().file(name, zip);
    let object = dir.run(&["inspect", "--json", name]).expect(0).json();
    assert_eq!(object["file"], *name);
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    let mut keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, KEYS);
    object
}

/// Fails unless the object has all these values.
#[track_caller]
fn has(object: &Value, expected: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&object[key], value, "{key} of {object:#}");
    }
}

/// Every fact from one place.
fn all_from(place: &str, facts: &[&str]) -> Value {
    facts.iter().map(|fact| (*fact, json!(place))).collect()
}

const COMMON: [&str; 6] = [
    "device",
    "version",
    "romtype",
    "datetime",
    "incremental",
    "sdk_level",
];

#[test]
fn a_file_based_package_is_described_by_its_build_prop() {
    let props = Props::cm(
        "11",
        "NIGHTLY",
        "i9100",
        1_404_804_127,
        "3f6ac1dd25",
        19,
        "",
    );
    let zip = Package::files(props).build();
    let object = inspect("cm-11-20140708-NIGHTLY-i9100.zip", &zip);
    assert_eq!(
        object,
        json!({
            "file": "cm-11-20140708-NIGHTLY-i9100.zip",
            "kind": "full",
            "layout": "files",
            "device": "i9100",
            "devices": ["i9100"],
            "variant": null,
            "version": "11",
            "romtype": "NIGHTLY",
            "datetime": 1_404_804_127,
            "files": ["system/build.prop"],
            "file_systems": {},
            "read": object["read"],
            "incremental": "3f6ac1dd25",
            "source_incremental": null,
            "sdk_level": 19,
            "security_patch": null,
            "size": zip.len(),
            "md5": null,
            "sha256": null,
            "signer": null,
            "sources": all_from(BUILD_PROP, &COMMON),
            "warnings": [],
        })
    );
}

#[test]
fn a_block_package_is_described_by_its_build_prop() {
    let zip = Package::block(lineage(28)).build();
    let object = inspect("any.zip", &zip);
    let all = [&COMMON[..], &["security_patch"]].concat();
    has(
        &object,
        &json!({
            "kind": "full",
            "layout": "block",
            "device": "enchilada",
            "version": "22.2",
            "romtype": "UNOFFICIAL",
            "datetime": 1_748_736_000,
            "incremental": "eng.me.20250601",
            "sdk_level": 28,
            "security_patch": "2025-05-05",
            "size": zip.len(),
            "sources": all_from(BUILD_PROP, &all),
            "warnings": [NO_IMAGE],
        }),
    );
}

#[test]
fn a_payload_package_is_described_by_metadata_and_name() {
    let zip = Package::payload(lineage(35)).build();
    let object = inspect("lineage-22.2-20250601-UNOFFICIAL-enchilada.zip", zip);
    has(
        &object,
        &json!({
            "kind": "full",
            "layout": "payload",
            "device": "enchilada",
            "devices": ["enchilada"],
            "version": "22.2",
            "romtype": "UNOFFICIAL",
            "datetime": 1_748_736_000,
            "incremental": "eng.me.20250601",
            "source_incremental": null,
            "sdk_level": 35,
            "security_patch": "2025-05-05",
            "sources": {
                "device": PB,
                "version": "file name",
                "romtype": "file name",
                "datetime": PB,
                "incremental": PB,
                "sdk_level": PB,
                "security_patch": PB,
            },
            "warnings": [NO_IMAGE],
        }),
    );
}

#[test]
fn metadata_text_is_read_without_protobuf() {
    let zip = Package::payload(lineage(29)).build();
    let object = inspect("lineage-22.2-20250601-UNOFFICIAL-enchilada.zip", zip);
    assert_eq!(object["sources"]["datetime"], TEXT);
    assert_eq!(object["sources"]["sdk_level"], TEXT);
    // Before Android 9 the metadata had only device and time.
    let zip = Package::payload(lineage(27)).build();
    let object = inspect("lineage-22.2-20250601-UNOFFICIAL-enchilada.zip", zip);
    has(
        &object,
        &json!({
            "datetime": 1_748_736_000,
            "incremental": null,
            "sdk_level": null,
            "security_patch": null,
        }),
    );
}

#[test]
fn a_property_sidecar_takes_precedence_over_metadata() {
    let name = "lineage-22.2-20250601-UNOFFICIAL-enchilada.zip";
    let sidecar = format!("{name}.prop");
    let dir = RomDir::new()
        .file(name, Package::payload(lineage(35)).build())
        .file(&sidecar, lineage(35).text());
    let object = dir.run(&["inspect", "--json", name]).expect(0).json();
    let all = [&COMMON[..], &["security_patch"]].concat();
    assert_eq!(object["sources"], all_from(&sidecar, &all));
    dir.put(
        &sidecar,
        lineage(35).set("ro.lineage.device", "fajita").text(),
    );
    let object = dir.run(&["inspect", "--json", name]).expect(0).json();
    assert_eq!(object["device"], "fajita");
    let warnings = object["warnings"].as_array().unwrap();
    assert!(
        warnings.iter().any(|warning| {
            let warning = warning.as_str().unwrap();
            warning.contains("device is `fajita`") && warning.contains("`enchilada`")
        }),
        "{warnings:?}"
    );
}

#[test]
fn a_build_prop_inside_takes_precedence_over_a_sidecar() {
    let name = "any.zip";
    let dir = RomDir::new()
        .file(name, bacon(0))
        .file("any.zip.prop", bacon_props(9).text());
    let object = dir.run(&["inspect", "--json", name]).expect(0).json();
    assert_eq!(object["datetime"], 1_700_000_000);
    assert_eq!(object["sources"]["datetime"], BUILD_PROP);
    assert!(object["warnings"].to_string().contains("any.zip.prop says"));
}

#[test]
fn deltas_of_each_layout_are_recognised() {
    let fingerprint = "OnePlus/enchilada/enchilada:15/AP/1:user/release-keys";
    for (zip, layout) in [
        (Package::payload(lineage(35)), "payload"),
        (Package::block(lineage(28)), "block"),
        (Package::files(lineage(19)), "metadata"),
    ] {
        let zip = zip.delta("eng.me.20250501", fingerprint).build();
        let object = inspect(
            "lineage-22.2-20250601-UNOFFICIAL-enchilada-from-20250501.zip",
            zip,
        );
        has(
            &object,
            &json!({
                "kind": "delta",
                "layout": layout,
                "device": "enchilada",
                "romtype": "UNOFFICIAL",
                "source_incremental": "eng.me.20250501",
            }),
        );
        let place = &object["sources"]["source_incremental"];
        assert!(*place == PB || *place == TEXT, "{place}");
    }
}

#[test]
fn a_delta_without_a_named_source_is_still_a_delta() {
    let zip = Package::payload(lineage(35))
        .delta("eng.me.20250501", "f")
        .metadata(Metadata::new().ota_type("AB").device("enchilada"))
        .build();
    let object = inspect("any.zip", zip);
    has(
        &object,
        &json!({"kind": "delta", "source_incremental": null, "datetime": null}),
    );
}

#[test]
fn a_full_package_that_names_a_source_is_still_full() {
    let package = Package::block(lineage(28));
    let metadata = package.derived_metadata().pre_incremental("stock.1");
    let object = inspect("any.zip", package.metadata(metadata).build());
    has(
        &object,
        &json!({"kind": "full", "source_incremental": null}),
    );
}

#[test]
fn each_family_is_read_by_its_keys() {
    let cm = Props::cm(
        "14.1",
        "UNOFFICIAL",
        "X00I",
        1_538_552_000,
        "i",
        25,
        "2018-09-05",
    );
    let zip = Package::block(cm).build();
    has(
        &inspect("any.zip", zip),
        &json!({"device": "X00I", "version": "14.1", "romtype": "UNOFFICIAL", "sdk_level": 25}),
    );
    let crdroid = lineage(35)
        .set("ro.crdroid.device", "enchilada")
        .set("ro.modversion", "11.2");
    let zip = Package::files(crdroid).build();
    has(
        &inspect("any.zip", zip),
        &json!({"device": "enchilada", "version": "11.2", "romtype": null}),
    );
}

#[test]
fn a_list_of_devices_is_shown_whole() {
    let zip = Package::payload(lineage(35))
        .metadata(
            Metadata::new()
                .ota_type("AB")
                .device("fog,wind|rain")
                .timestamp(1_748_736_000),
        )
        .build();
    let object = inspect("lineage-22.2-20250601-UNOFFICIAL-wind.zip", &zip);
    has(
        &object,
        &json!({"device": "wind", "devices": ["fog", "wind", "rain"], "warnings": [
            NO_IMAGE,
            "no source has its incremental; phones that run it and ask with {incr} get an error",
            "no source has its API level; LineageOS 23.2 on does not show it",
        ]}),
    );
    let dir = RomDir::new().file("lineage-22.2-20250601-UNOFFICIAL-wind.zip", zip);
    let run = dir.run(&["inspect", "lineage-22.2-20250601-UNOFFICIAL-wind.zip"]);
    assert!(run.expect(0).stdout.contains("fog, wind, rain"));
}

#[test]
fn missing_facts_are_null() {
    let zip = Package::payload(lineage(35)).without_metadata().build();
    has(
        &inspect("update.zip", &zip),
        &json!({
            "kind": "full",
            "layout": "payload",
            "device": null,
            "devices": [],
            "version": null,
            "romtype": null,
            "datetime": null,
            "incremental": null,
            "source_incremental": null,
            "sdk_level": null,
            "security_patch": null,
            "size": zip.len(),
            "sources": {},
            "warnings": [
                NO_IMAGE,
                format!("it cannot be published: no source has its device, version, romtype, datetime; {NO_IMAGE}"),
            ],
        }),
    );
}

#[test]
fn an_invalid_number_is_null_without_a_source() {
    let props = lineage(28)
        .set("ro.build.date.utc", "yesterday")
        .set("ro.build.version.sdk", "Tiramisu");
    let zip = Package::files(props).without_metadata().build();
    let object = inspect("update.zip", zip);
    has(&object, &json!({"datetime": null, "sdk_level": null}));
    assert_eq!(object["sources"]["datetime"], Value::Null);
    assert_eq!(object["sources"]["sdk_level"], Value::Null);
}

#[test]
fn a_fingerprint_is_never_a_source() {
    let props = Props::new().set(
        "ro.build.fingerprint",
        "google/cheetah/cheetah:13/TQ/9000:user/release-keys",
    );
    let zip = Package::files(props)
        .metadata(Metadata::new().fingerprint("google/cheetah/cheetah:13/TQ/9000:user/x"))
        .build();
    has(
        &inspect("update.zip", zip),
        &json!({"device": null, "incremental": null, "sources": {}}),
    );
}

#[test]
fn digests_are_computed_only_when_asked_for() {
    let zip = bacon(0);
    let hex: String = sha256(&zip).iter().map(|b| format!("{b:02x}")).collect();
    let dir = RomDir::new().file("any.zip", &zip);
    let object = dir
        .run(&["inspect", "--json", "--hash", "any.zip"])
        .expect(0)
        .json();
    assert_eq!(object["sha256"], *hex);
    assert_eq!(object["md5"].as_str().unwrap().len(), 32);
    let run = dir.run(&["inspect", "--hash", "any.zip"]).expect(0);
    assert!(run.stdout.contains(&hex), "{}", run.stdout);
    let run = dir.run(&["inspect", "any.zip"]).expect(0);
    assert!(!run.stdout.contains("sha256"), "{}", run.stdout);
    let object = dir.run(&["inspect", "--json", "any.zip"]).expect(0).json();
    has(&object, &json!({"md5": null, "sha256": null}));
}

#[test]
fn md5_and_sha256_match_other_tools() {
    // Computed by coreutils' sha256sum and md5sum for the same stored zip.
    let zip = Zip::new()
        .stored("payload.bin", testkit::payload::Payload::new().build())
        .stored("payload_properties.txt", "")
        .build();
    let dir = RomDir::new().file("any.zip", &zip);
    let object = dir
        .run(&["inspect", "--json", "--hash", "any.zip"])
        .expect(0)
        .json();
    has(
        &object,
        &json!({"size": zip.len(), "md5": MD5, "sha256": SHA256}),
    );
}

const MD5: &str = "04422231959b8df78794af9c18693e39";
const SHA256: &str = "224373bf6e1749733e29ca5d3ae63e89b324fcea1a5587ec57aa6b7c289a18f1";

/// Inspects an unreadable file, and returns class and message.
#[track_caller]
fn fails(name: &str, bytes: impl AsRef<[u8]>) -> (String, String) {
    let dir = RomDir::new().file(name, bytes);
    let object = dir.run(&["inspect", "--json", name]).expect(1).json();
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["error", "file"]);
    assert_eq!(object["file"], *name);
    let error = object["error"].as_object().unwrap();
    assert_eq!(error.len(), 2);
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    assert!(!text("message").contains('\n'), "{error:?}");
    // The same for people, with a hint.
    let run = dir.run(&["inspect", name]).expect(1);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], format!("error: {name}: {}", text("message")));
    assert!(lines[1].starts_with("  hint: "), "{}", run.stderr);
    assert_eq!((lines.len(), run.stdout.as_str()), (2, ""));
    (text("class"), text("message"))
}

#[test]
fn every_class_of_error_is_named() {
    let text = bacon_props(0).text();
    let without = || Package::files(bacon_props(0)).with_build_prop(false);
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("not_a_zip", b"no zip at all".to_vec(), "no zip archive"),
        ("not_a_zip", Vec::new(), "the file is empty"),
        ("truncated", bacon(0)[..900].to_vec(), "cut short"),
        (
            "not_a_rom",
            Zip::new().stored("a", "b").build(),
            "not an installable ROM package",
        ),
        (
            "corrupt",
            Package::files(bacon_props(0))
                .add(Entry::stored("system/build.prop", "x=y"))
                .build(),
            "occurs more than once",
        ),
        (
            "corrupt",
            Package::payload(bacon_props(0))
                .payload_bin(vec![7; 4096])
                .build(),
            "payload magic",
        ),
        (
            "corrupt",
            without().add(Entry::stored("../evil", "x")).build(),
            "points outside the package",
        ),
        (
            "corrupt",
            without()
                .add(Entry::stored("system/build.prop", text.clone()).crc(1))
                .build(),
            "system/build.prop",
        ),
        (
            "limit",
            without()
                .add(Entry::deflated("system/build.prop", vec![b'#'; 2 << 20]))
                .build(),
            "longer than 1048576 bytes",
        ),
        (
            "unsupported",
            without()
                .add(Entry::stored("system/build.prop", text).encrypted())
                .build(),
            "is encrypted",
        ),
        (
            "unsupported",
            Package::payload(bacon_props(0))
                .payload_bin([&b"CrAU\0\0\0\0\0\0\0\x01"[..], &[0; 12]].concat())
                .build(),
            "payload version 1",
        ),
    ];
    for (class, bytes, word) in cases {
        let (found, message) = fails("update.zip", bytes);
        assert_eq!(found, class, "{message}");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn an_unsupported_compression_is_named() {
    let zip = Package::files(bacon_props(0))
        .with_build_prop(false)
        .add(Entry::stored("system/build.prop", bacon_props(0).text()).method(14))
        .build();
    let (class, message) = fails("update.zip", zip);
    assert!(message.contains("14"), "{message}");
    assert_eq!(class, "unsupported", "{message}");
}

#[test]
fn a_conflict_names_both_values_and_places() {
    let zip = Package::payload(bacon_props(0))
        .metadata(Metadata::new().ota_type("AB").device("mako"))
        .build();
    let (class, message) = fails(&bacon_name(0), zip);
    assert_eq!(class, "conflict");
    assert_eq!(
        message,
        format!("device is `mako` by {PB} and `bacon` by file name, and no build.prop decides")
    );
}

#[test]
fn a_digest_sidecar_is_checked_with_hash_only() {
    let wrong = "0".repeat(64);
    let dir = RomDir::new()
        .file("any.zip", bacon(0))
        .file("any.zip.sha256sum", format!("{wrong}  any.zip\n"));
    let object = dir
        .run(&["inspect", "--json", "--hash", "any.zip"])
        .expect(1)
        .json();
    assert_eq!(object["error"]["class"], "hash_mismatch");
    assert!(object["error"]["message"].to_string().contains(&wrong));
    dir.run(&["inspect", "--json", "any.zip"]).expect(0);
}

#[test]
fn an_unreadable_file_is_an_io_error() {
    let dir = RomDir::new().file("folder/x", "");
    for name in ["none.zip", "folder"] {
        let object = dir.run(&["inspect", "--json", name]).expect(1).json();
        assert_eq!(object["error"]["class"], "io", "{name}");
        assert_eq!(object["file"], name);
    }
}

#[test]
fn one_bad_package_does_not_hide_the_others() {
    let dir = RomDir::new()
        .file("a.zip", bacon(0))
        .file("b.zip", "rot")
        .file("c.zip", bacon(1));
    let run = dir
        .run(&["inspect", "--json", "a.zip", "b.zip", "c.zip"])
        .expect(1);
    let objects: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let files: Vec<&str> = objects
        .iter()
        .map(|object| object["file"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["a.zip", "b.zip", "c.zip"]);
    assert_eq!(objects[1]["error"]["class"], "not_a_zip");
    assert_eq!(run.stderr, "", "{}", run.stderr);
}

#[test]
fn no_package_is_a_usage_error() {
    let dir = RomDir::new();
    dir.run(&["inspect"]).expect(2).says("<ZIP|URL>");
    dir.run(&["inspect", "--jason", "x.zip"]).expect(2);
}

#[test]
fn an_override_is_shown_as_the_source() {
    let dir = RomDir::new()
        .file("builds/bacon/any.zip", bacon(0))
        .file(
            "romfeed.toml",
            "[[override]]\npackage = \"bacon/*\"\nromtype = \"weekly\"\ndatetime = 1700000001\nsdk_level = 33\n",
        );
    let object = dir
        .run(&["inspect", "--json", "builds/bacon/any.zip"])
        .expect(0)
        .json();
    has(
        &object,
        &json!({"romtype": "weekly", "datetime": 1_700_000_001, "sdk_level": 33, "device": "bacon"}),
    );
    for fact in ["romtype", "datetime", "sdk_level"] {
        assert_eq!(object["sources"][fact], "romfeed.toml", "{fact}");
    }
    assert_eq!(object["sources"]["device"], BUILD_PROP);
    let warnings = object["warnings"].to_string();
    assert!(
        warnings.contains(
            "romtype is `weekly` by romfeed.toml, though system/build.prop says `nightly`"
        ),
        "{warnings}"
    );
}

#[test]
fn codenames_from_devices_json_cut_file_names() {
    let zip = Package::payload(lineage(35)).without_metadata().build();
    let name = "lineage-22.2-20250601-UNOFFICIAL-foo-bar.zip";
    let dir = RomDir::new()
        .file(name, zip)
        .file("devices.json", "[{\"model\": \"foo-bar\"}]");
    let object = dir.run(&["inspect", "--json", name]).expect(0).json();
    has(
        &object,
        &json!({"device": "foo-bar", "romtype": "UNOFFICIAL"}),
    );
    assert!(object["warnings"].to_string().contains("file name"));
}

#[test]
fn text_output_shows_each_fact_with_its_source() {
    let name = bacon_name(0);
    let dir = RomDir::new().file(&name, bacon(0));
    let run = dir.run(&["inspect", &name]).expect(0);
    let size = bacon(0).len();
    assert_eq!(
        run.stdout,
        format!(
            "\
{name}
  full package, layout files, LineageOS
  device             bacon                             ro.lineage.device in system/build.prop
  version            21.0                              ro.lineage.build.version in system/build.prop
  romtype            nightly                           ro.lineage.releasetype in system/build.prop
  datetime           1700000000 (2023-11-14 22:13 UTC) ro.build.date.utc in system/build.prop
  incremental        inc0                              ro.build.version.incremental in system/build.prop
  sdk_level          34                                ro.build.version.sdk in system/build.prop
  security_patch     2023-11-05                        ro.build.version.security_patch in system/build.prop
  signer             -                                 not signed as a whole
  files read         system/build.prop
  size               {size}
"
        )
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn missing_facts_and_warnings_are_printed() {
    let zip = Package::payload(bacon_props(0)).without_metadata().build();
    let dir = RomDir::new().file("lineage-21.0-20231114-nightly-bacon.zip", zip);
    let run = dir
        .run(&["inspect", "lineage-21.0-20231114-nightly-bacon.zip"])
        .expect(0);
    assert!(
        run.stdout.contains("\n  sdk_level          -\n"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("\n  warning: datetime 1699920000 is only the date in the file name"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("source_incremental"));
}

#[track_caller]
fn is_tame(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let wild = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(wild, None, "{text:?}");
    }
}

#[test]
fn values_are_escaped_for_people_and_verbatim_in_json() {
    let device = "ba\u{1b}[31mcon\u{9b}";
    let props = bacon_props(0).set("ro.lineage.device", device);
    let zip = Package::files(props).build();
    let dir = RomDir::new().file("any.zip", zip);
    let run = dir.run(&["inspect", "any.zip"]).expect(0);
    is_tame(&run);
    assert!(
        run.stdout.contains("ba\\u{1b}[31mcon\\u{9b}"),
        "{}",
        run.stdout
    );
    let run = dir.run(&["inspect", "--json", "any.zip"]).expect(0);
    assert_eq!(run.json()["device"], *device);
}

#[cfg(unix)]
#[test]
fn file_names_are_escaped_wherever_they_are_named() {
    let name = "a\u{1b}[31m\nb.zip";
    let dir = RomDir::new()
        .file(name, bacon(0))
        .file(&format!("{name}.prop"), bacon_props(3).text())
        .file(&format!("{name}.md5sum"), "garbage")
        .file(&format!("{name}.sha256sum"), "0".repeat(64));
    is_tame(&dir.run(&["inspect", name]).expect(0));
    is_tame(&dir.run(&["inspect", "--hash", name]).expect(1));
    dir.remove(&format!("{name}.sha256sum"));
    is_tame(&dir.run(&["inspect", "--hash", name]).expect(0));
}

#[test]
fn packages_are_printed_in_the_order_of_the_arguments() {
    let dir = RomDir::new()
        .file("b.zip", bacon(1))
        .file("a.zip", bacon(0));
    let run = dir.run(&["inspect", "b.zip", "a.zip"]).expect(0);
    assert!(run.stdout.starts_with("b.zip\n"));
    assert!(run.stdout.contains("\n\na.zip\n"), "{}", run.stdout);
}
