//! How the clients of forks and of other projects read a body, in tables.
//!
//! Each row is a change of a good entry; the outcomes come from the clients' source code.

use romfeed::clients::updaters::{ListFault, Listing, Reason, assess};

use super::tests::{V1_ENTRY, feed, phone};
use super::*;

const CRDROID: &str = r#"{"maintainer":"m","oem":"o","device":"d","filename":"a.zip","download":"https://h/a.zip","timestamp":1700000100,"md5":"00000000000000000000000000000001","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1000000,"version":"11.4","buildtype":"Monthly","forum":"","gapps":"","firmware":"","modem":"","bootloader":"","recovery":"","paypal":"","telegram":""}"#;

const PIXELOS_14: &str = r#"{"error":false,"version":"14","filename":"a.zip","datetime":1700000100,"size":1000000,"url":"https://h/a.zip","filehash":"0","id":"a"}"#;

const PIXELOS_17: &str = r#"{"datetime":1700000100,"files":[{"filename":"a.zip","os_patch_level":"2026-06-01","os_sdk_level":37,"ota_property_files":"payload_metadata.bin:10:20,payload.bin:10:500,payload_properties.txt:700:50","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1000000,"url":"https://h/a.zip"}],"version":"17"}"#;

const CUSTOTA: &str = r#"{"version":2,"full":{"location_ota":"a.zip","location_csig":"a.zip.csig"},"incremental":{"0d":{"location_ota":"https://h/d.zip","location_csig":"d.zip.csig"}}}"#;

const GRAPHENEOS: &str = "2026112900 1700000100 dev NIGHTLY";

pub(super) fn good_entry(generation: Generation) -> &'static str {
    match generation {
        Generation::PixelOs14 => PIXELOS_14,
        Generation::PixelOs17 => PIXELOS_17,
        Generation::Custota => CUSTOTA,
        Generation::GrapheneOs => GRAPHENEOS,
        Generation::DerpFest16 | Generation::Axion | Generation::LmoDroid14 => V1_ENTRY,
        _ => CRDROID,
    }
}

/// The outcome of the first entry: `offer`, `block` or `hide` with the reason, `drop` or `fail`
/// with the error.
fn outcome(generation: Generation, body: &str, phone: &Phone) -> String {
    match assess(generation, body.as_bytes(), phone) {
        Err(fault) => format!("fail: {fault}"),
        Ok(Listing { rows, dropped }) => match (&rows[..], &dropped[..]) {
            ([row, ..], _) => match &row.verdict {
                Verdict::Offered => "offer".to_owned(),
                Verdict::Blocked(reason) => format!("block: {reason}"),
                Verdict::Hidden(reason) => format!("hide: {reason}"),
            },
            ([], [dropped, ..]) => format!("drop: {}", dropped.fault),
            ([], []) => "none".to_owned(),
        },
    }
}

fn changed(generation: Generation, from: &str, to: &str) -> String {
    let good = good_entry(generation);
    assert!(good.contains(from), "{generation}: {from}");
    feed(generation, &[&good.replacen(from, to, 1)])
}

/// All except Custota, which compares no dates; the phone given for Custota is irrelevant here.
fn phone_of(generation: Generation) -> Phone {
    Phone {
        sdk: match generation {
            Generation::PixelOs17 => 37,
            _ => 34,
        },
        ..phone()
    }
}

#[test]
fn a_good_entry_is_offered_by_each_fork() {
    for generation in Generation::ALL {
        if generation <= Generation::Kotlin23 {
            continue;
        }
        let body = feed(generation, &[good_entry(generation)]);
        let phone = phone_of(generation);
        assert_eq!(outcome(generation, &body, &phone), "offer", "{generation}");
        let listing = assess(generation, body.as_bytes(), &phone).unwrap();
        let entry = &listing.rows[0].entry;
        assert!(entry.url.ends_with(".zip") && entry.filename.ends_with(".zip"));
        assert_eq!(
            entry.datetime,
            if generation.reads_date() {
                1_700_000_100
            } else {
                0
            }
        );
        assert_eq!(entry.size, generation.reads_size().then_some(1_000_000));
        assert_eq!(listing.rows[0].warnings, [], "{generation}");
        if generation != Generation::Custota && generation != Generation::GrapheneOs {
            let same = Phone {
                datetime: 1_700_000_100,
                ..phone
            };
            let found = outcome(generation, &body, &same);
            assert!(
                found.starts_with("hide: its datetime"),
                "{generation}: {found}"
            );
        }
    }
}

#[test]
fn each_fork_requires_its_keys() {
    let all = [
        "maintainer",
        "oem",
        "device",
        "filename",
        "download",
        "timestamp",
        "md5",
        "sha256",
        "size",
        "version",
        "buildtype",
        "forum",
        "gapps",
        "firmware",
        "modem",
        "bootloader",
        "recovery",
        "paypal",
        "telegram",
    ];
    let core = [
        "filename",
        "download",
        "timestamp",
        "md5",
        "size",
        "version",
    ];
    for (generation, more, is_whole_list) in [
        (Generation::Voltage14, &[][..], false),
        (
            Generation::EvolutionX15,
            &["maintainer", "forum", "firmware", "paypal"],
            false,
        ),
        (
            Generation::EvolutionX14,
            &["maintainer", "buildtype", "forum", "firmware", "paypal"],
            false,
        ),
        (
            Generation::CrDroid14,
            &[
                "maintainer",
                "buildtype",
                "forum",
                "telegram",
                "gapps",
                "firmware",
                "modem",
                "bootloader",
                "recovery",
                "paypal",
            ],
            false,
        ),
        (Generation::CrDroid16, &["sha256"], true),
    ] {
        for key in all {
            let is_core = core.contains(&key) && !(key == "md5" && is_whole_list);
            let body = changed(generation, &format!("\"{key}\""), "\"other\"");
            let expected = match (is_core || more.contains(&key), is_whole_list) {
                (false, _) => "offer".to_owned(),
                (true, false) => format!("drop: it has no `{key}`"),
                (true, true) => format!(
                    "fail: entry 0 makes the updater refuse the whole list: it has no `{key}`"
                ),
            };
            assert_eq!(
                outcome(generation, &body, &phone()),
                expected,
                "{generation} {key}"
            );
        }
    }
    for key in [
        "version", "filename", "datetime", "size", "url", "filehash", "id",
    ] {
        let body = changed(Generation::PixelOs14, &format!("\"{key}\""), "\"other\"");
        let expected = format!("drop: it has no `{key}`");
        assert_eq!(outcome(Generation::PixelOs14, &body, &phone()), expected);
    }
    for (key, expected) in [
        ("romtype", "offer"),
        (
            "id",
            "fail: entry 0 makes the updater refuse the whole list: it has no `id`",
        ),
    ] {
        let body = changed(Generation::DerpFest16, &format!("\"{key}\""), "\"other\"");
        assert_eq!(outcome(Generation::DerpFest16, &body, &phone()), expected);
    }
}

#[test]
fn most_forks_compare_dates_only() {
    for generation in [
        Generation::CrDroid14,
        Generation::CrDroid16,
        Generation::EvolutionX14,
        Generation::EvolutionX15,
        Generation::Voltage14,
    ] {
        let body = changed(generation, "11.4", "1.0").replace("Monthly", "Weekly");
        assert_eq!(
            outcome(generation, &body, &phone()),
            "offer",
            "{generation}"
        );
    }
    let other = changed(Generation::DerpFest16, "nightly", "weekly").replace("21.0", "1");
    assert_eq!(outcome(Generation::DerpFest16, &other, &phone()), "offer");
    let back = Phone {
        datetime: 1_800_000_000,
        allow_downgrading: true,
        ..phone()
    };
    for (generation, expected) in [
        (Generation::CrDroid14, "offer"),
        (Generation::CrDroid16, "offer"),
        (Generation::EvolutionX15, "offer"),
        (Generation::DerpFest16, "offer"),
        (
            Generation::Voltage14,
            "hide: its datetime 1700000100 is not later than the phone's 1800000000",
        ),
        (
            Generation::PixelOs14,
            "hide: its datetime 1700000100 is not later than the phone's 1800000000",
        ),
    ] {
        let body = feed(generation, &[good_entry(generation)]);
        assert_eq!(outcome(generation, &body, &back), expected, "{generation}");
    }
}

#[test]
fn the_list_of_kotlin_forks_may_be_absent_and_not_null() {
    for generation in [Generation::CrDroid16, Generation::DerpFest16] {
        assert_eq!(outcome(generation, "{}", &phone()), "none");
        assert_eq!(outcome(generation, r#"{"other":[1,]}"#, &phone()), "none");
        let null = outcome(generation, r#"{"response":null}"#, &phone());
        assert_eq!(null, "fail: `response` is null, not an array");
        let array = outcome(generation, "[]", &phone());
        assert_eq!(array, "fail: the body is an array, not an object");
    }
    for generation in [
        Generation::CrDroid14,
        Generation::EvolutionX15,
        Generation::Axion,
    ] {
        assert_eq!(
            outcome(generation, "{}", &phone()),
            "fail: the body has no `response`"
        );
    }
}

#[test]
fn pixelos_17_fails_the_list_for_any_fault() {
    let phone = phone_of(Generation::PixelOs17);
    let digest = "a".repeat(64);
    let second = r#"},{"filename":"b.zip","os_patch_level":"x","os_sdk_level":1,"sha256":"b","size":1,"url":"https://h/b"}]"#;
    for (from, to, fault) in [
        ("1700000100", "0", "its `datetime` is 0, not above 0"),
        (
            r#""17""#,
            r#"" ""#,
            "its `version` is ` `, not a text that is not blank",
        ),
        (
            r#""2026-06-01""#,
            r#""""#,
            "its `os_patch_level` is ``, not a text that is not blank",
        ),
        (
            r#""2026-06-01""#,
            "null",
            "its `os_patch_level` is null, not text",
        ),
        (
            r#""os_patch_level""#,
            r#""patch""#,
            "it has no `os_patch_level`",
        ),
        (r#""os_sdk_level""#, r#""sdk""#, "it has no `os_sdk_level`"),
        (
            r#""os_sdk_level":37"#,
            r#""os_sdk_level":0"#,
            "its `os_sdk_level` is 0, not above 0",
        ),
        ("1000000", "0", "its `size` is 0, not above 0"),
        (
            &digest,
            "A",
            "its `sha256` is `A`, not 64 hexadecimal digits in lower case",
        ),
        (
            "https://",
            "http://",
            "its `url` is `http://h/a.zip`, not an https address",
        ),
        (
            "https://h/a.zip",
            "https://h/a b.zip",
            "its `url` is `https://h/a b.zip`, not an https address",
        ),
        (
            "700:50",
            "700:999999",
            "its `ota_property_files` is `payload_properties.txt:700:999999`, not a range within the package",
        ),
        (
            "payload_metadata.bin:10:20",
            "metadata:10:20",
            "its `ota_property_files` has no `payload_metadata.bin`",
        ),
        (
            "700:50",
            "700",
            "its `ota_property_files` has `payload_properties.txt:700`, which is not a name, an offset and a size",
        ),
        (
            "}]",
            second,
            "its `files` is a list of 2, not a list of exactly one",
        ),
    ] {
        let body = changed(Generation::PixelOs17, from, to);
        let expected = format!("fail: entry 0 makes the updater refuse the whole list: {fault}");
        assert_eq!(
            outcome(Generation::PixelOs17, &body, &phone),
            expected,
            "{from} {to}"
        );
    }
    let ranges = r#""ota_property_files":"payload_metadata.bin:10:20,payload.bin:10:500,payload_properties.txt:700:50","#;
    let without = changed(Generation::PixelOs17, ranges, "");
    assert_eq!(outcome(Generation::PixelOs17, &without, &phone), "offer");
    let newer = Phone { sdk: 38, ..phone };
    assert_eq!(
        outcome(Generation::PixelOs17, &without, &newer),
        "hide: its SDK level 37 is lower than the phone's 38"
    );
}

#[test]
fn lmodroid_compares_the_first_number() {
    for (version, phone_version, allow_major_upgrades, expected) in [
        ("14.9", "14", false, "offer"),
        ("14", "14.1", false, "offer"),
        (
            "15",
            "14.1",
            false,
            "block: its version `15` is not the phone's `14.1`",
        ),
        ("15", "14.1", true, "offer"),
        (
            "9.0",
            "14.1",
            true,
            "hide: its version `9.0` is not a permitted upgrade of the phone's `14.1`",
        ),
        (
            "Vanilla",
            "14.1",
            false,
            "hide: the version `Vanilla` does not begin with a whole number, so the updater crashes",
        ),
    ] {
        let phone = Phone {
            version: phone_version.to_owned(),
            allow_major_upgrades,
            ..phone()
        };
        let body = changed(Generation::LmoDroid14, "21.0", version);
        assert_eq!(
            outcome(Generation::LmoDroid14, &body, &phone),
            expected,
            "{version}"
        );
    }
}

#[test]
fn newer_minor_versions_install_from_22_1_on() {
    for (version, installed, expected) in [
        ("22.1", "22.1", "offer"),
        ("22.2", "22.1", "offer"),
        ("22.1", "22.2", "hide"),
        ("23.0", "22.2", "block"),
        ("23.2", "23.0", "offer"),
        ("22", "22.1", "hide"),
        ("22.1", "22", "block"),
    ] {
        let phone = Phone {
            version: installed.to_owned(),
            ..phone()
        };
        let body = feed(Generation::Java23, &[&V1_ENTRY.replace("21.0", version)]);
        for generation in [Generation::Java23, Generation::Axion] {
            let found = outcome(generation, &body, &phone);
            assert!(
                found.starts_with(expected),
                "{version} {installed}: {found}"
            );
        }
        let upgrades = Phone {
            allow_major_upgrades: true,
            ..phone
        };
        let found = outcome(Generation::Java23, &body, &upgrades);
        let is_offered = expected == "offer" || (version, installed) == ("23.0", "22.2");
        assert_eq!(
            found == "offer",
            is_offered,
            "{version} {installed}: {found}"
        );
    }
}

#[test]
fn custota_reads_one_package_and_deltas_by_their_source() {
    let listing = assess(Generation::Custota, CUSTOTA.as_bytes(), &phone()).unwrap();
    let [full, delta] = &listing.rows[..] else {
        panic!("{listing:?}");
    };
    assert_eq!(full.entry.csig_url.as_deref(), Some("a.zip.csig"));
    assert_eq!(full.verdict, Verdict::Offered);
    assert_eq!(delta.entry.filename, "d.zip");
    assert!(matches!(
        delta.verdict,
        Verdict::Hidden(Reason::OtherSource { .. })
    ));
    let source = Phone {
        vbmeta_digest: "0d".to_owned(),
        ..phone()
    };
    let listing = assess(Generation::Custota, CUSTOTA.as_bytes(), &source).unwrap();
    assert_eq!(listing.rows[1].verdict, Verdict::Offered);
    for (from, to, expected) in [
        (
            r#""version":2"#,
            r#""version":1"#,
            "its `version` is 1, not 2",
        ),
        ("location_csig", "csig", "it has no `location_csig`"),
        (r#""full""#, r#""whole""#, "it has no `full`"),
        (r#""a.zip""#, "null", "its `location_ota` is null, not text"),
    ] {
        let body = CUSTOTA.replacen(from, to, 1);
        let expected = format!("fail: the updater refuses the body: {expected}");
        assert_eq!(outcome(Generation::Custota, &body, &phone()), expected);
    }
    let without = r#"{"version":2,"full":{"location_ota":"a.zip","location_csig":"b"},"x":[,]}"#;
    assert_eq!(outcome(Generation::Custota, without, &phone()), "offer");
    assert!(outcome(Generation::Custota, "[]", &phone()).starts_with("fail: the body is an array"));
}

#[test]
fn grapheneos_compares_date_device_and_channel() {
    for (line, expected) in [
        (GRAPHENEOS, "offer"),
        (
            "2026 1700000000 dev NIGHTLY",
            "hide: its datetime 1700000000 is not later than the phone's 1700000000",
        ),
        (
            "2026 1700000100 other NIGHTLY",
            "hide: its device `other` is not the phone's `dev`",
        ),
        (
            "2026 1700000100 dev beta",
            "hide: its romtype `beta` is not the phone's `NIGHTLY`",
        ),
        (
            "{}",
            "fail: the first line is `{}`, not an incremental, a date in seconds, a device and a channel",
        ),
    ] {
        assert_eq!(outcome(Generation::GrapheneOs, line, &phone()), expected);
    }
}

#[test]
fn numbers_are_parsed_as_in_kotlin() {
    let body = |from: &str, to: &str| changed(Generation::CrDroid16, from, to);
    for (from, to, expected) in [
        ("1700000100", "17000001E2", "offer"),
        ("1700000100", "01700000100", "offer"),
        ("1700000100", r#""1700000100""#, "offer"),
        ("1000000", "-0", "offer"),
        (r#""m""#, "\"m\u{1}\"", "offer"),
        ("{", r#"{"x":NaN,"#, "offer"),
        ("{", r#"{"x":bare,"#, "offer"),
        ("{", r#"{"x":[1,],"#, "offer"),
        ("1700000100", "1700000100.0", "fail"),
    ] {
        let found = outcome(Generation::CrDroid16, &body(from, to), &phone());
        assert!(found.starts_with(expected), "{to}: {found}");
    }
}

#[test]
fn placeholders_are_replaced_like_each_fork_does() {
    let phone = Phone {
        next_device: Some("next".to_owned()),
        variant: "VANILLA".to_owned(),
        branch: "seventeen".to_owned(),
        ..phone()
    };
    for (generation, template, expected) in [
        (
            Generation::CrDroid14,
            "https://h/{device}.json",
            "https://h/next.json",
        ),
        (
            Generation::Voltage14,
            "https://h/{device}.json",
            "https://h/dev.json",
        ),
        (
            Generation::EvolutionX15,
            "https://h/{type}/{device}",
            "https://h/{type}/next",
        ),
        (
            Generation::Axion,
            "https://h/OTA/{variant}/{device}.json",
            "https://h/OTA/VANILLA/next.json",
        ),
        (
            Generation::PixelOs17,
            "https://h/{branch}/{device}.json",
            "https://h/seventeen/dev.json",
        ),
        (
            Generation::LmoDroid14,
            "https://h/{device}/{type}/{incr}",
            "https://h/next/nightly/eng.1",
        ),
        (
            Generation::Custota,
            "https://h/custota/",
            "https://h/custota/dev.json",
        ),
        (Generation::GrapheneOs, "https://h", "https://h/dev-NIGHTLY"),
    ] {
        assert_eq!(
            url(generation, template, &phone).as_deref(),
            Ok(expected),
            "{generation}"
        );
        let cleartext = template.replace("https", "http");
        let is_taken = generation == Generation::Custota;
        assert_eq!(
            url(generation, &cleartext, &phone).is_ok(),
            is_taken,
            "{generation}"
        );
    }
}

#[test]
fn the_intermediate_body_checks_types_of_the_keys_it_reads() {
    let entry = |from: &str, to: &str| super::tests::V2_ENTRY.replacen(from, to, 1);
    for (key, is_read) in [
        (r#""os_sdk_level":36,"type""#, true),
        (r#""os_sdk_level":null,"type""#, true),
        (r#""os_sdk_level":"x","type""#, false),
        (r#""os_patch_level":20260601,"type""#, false),
    ] {
        let body = feed(Generation::KotlinVersion, &[&entry(r#""type""#, key)]);
        let found = romfeed::clients::updaters::read(Generation::KotlinVersion, body.as_bytes());
        assert_eq!(found.is_ok(), is_read, "{key}");
        assert!(romfeed::clients::updaters::read(Generation::Kotlin23, body.as_bytes()).is_ok());
        if let Err(fault) = found {
            assert!(matches!(fault, ListFault::Entry { index: 0, .. }));
        }
    }
}

#[test]
fn older_cyanogenmod_versions_read_and_show_more() {
    let older = super::tests::CM12_ENTRY.replace("1700000100", "1600000000");
    let body = feed(Generation::Cm11, &[&older]);
    let snapshot = Phone {
        release_type: "SNAPSHOT".to_owned(),
        ..phone()
    };
    for (generation, phone, is_shown) in [
        (Generation::Cm10, &phone(), false),
        (Generation::Cm11, &phone(), true),
        (Generation::Cm11, &snapshot, false),
        (Generation::Cm12, &phone(), false),
    ] {
        let listing = assess(generation, body.as_bytes(), phone).unwrap();
        assert_eq!(listing.rows[0].verdict.is_shown(), is_shown, "{generation}");
    }
    let without = super::tests::CM12_ENTRY.replace(r#""changes":"https://h/a.txt","#, "");
    let body = feed(Generation::Cm10, &[&without]);
    let listing = assess(Generation::Cm10, body.as_bytes(), &phone()).unwrap();
    assert_eq!(
        listing.rows[0].warnings,
        [romfeed::clients::updaters::Warning::NoChanges]
    );
    let listing = assess(Generation::Cm11, body.as_bytes(), &phone()).unwrap();
    assert_eq!(listing.dropped.len(), 1);
}
