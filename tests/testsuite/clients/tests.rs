//! What a published feed may rely on: the strict reading compared with the clients'.

use super::*;

pub(super) fn phone() -> Phone {
    Phone {
        device: "dev".to_owned(),
        release_type: "NIGHTLY".to_owned(),
        version: "21.0".to_owned(),
        incremental: "eng.1".to_owned(),
        datetime: 1_700_000_000,
        sdk: 34,
        ..Phone::default()
    }
}

/// Clients that read `response`.
pub(super) const V1: [Generation; 6] = [
    Generation::Cm14,
    Generation::First15,
    Generation::Template14,
    Generation::Java22,
    Generation::Java23,
    Generation::KotlinV1,
];

/// Clients that read an array.
pub(super) const V2: [Generation; 2] = [Generation::KotlinVersion, Generation::Kotlin23];

/// Good entries, as text to change one value in.
pub(super) const CM12_ENTRY: &str = r#"{"api_level":34,"changes":"https://h/a.txt","channel":"nightly","filename":"a.zip","incremental":"eng.2","md5sum":"00","timestamp":1700000100,"url":"https://h/a.zip"}"#;

pub(super) const V1_ENTRY: &str = r#"{"datetime":1700000100,"filename":"a.zip","id":"a","romtype":"nightly","size":1000000,"url":"https://h/a.zip","version":"21.0"}"#;

pub(super) const V2_ENTRY: &str = r#"{"datetime":1700000100,"files":[{"filename":"a.zip","os_patch_level":"2026-06-01","os_sdk_level":34,"ota_property_files":"payload_metadata.bin:10:20,payload.bin:10:500,payload_properties.txt:700:50  ","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1000000,"url":"https://h/a.zip"}],"type":"nightly","version":"21.0"}"#;

pub(super) fn good_entry(generation: Generation) -> &'static str {
    match generation {
        _ if generation.is_post() => CM12_ENTRY,
        _ if generation > Generation::Kotlin23 => super::forks::good_entry(generation),
        Generation::KotlinVersion | Generation::Kotlin23 => V2_ENTRY,
        _ => V1_ENTRY,
    }
}

/// Returns a feed with these entries in the generation's format.
pub(super) fn feed(generation: Generation, entries: &[&str]) -> String {
    let entries = entries.join(",");
    match generation {
        _ if generation.is_post() => format!(r#"{{"id":null,"result":[{entries}],"error":null}}"#),
        Generation::KotlinVersion | Generation::Kotlin23 | Generation::PixelOs17 => {
            format!("[{entries}]")
        }
        Generation::PixelOs14 | Generation::Custota | Generation::GrapheneOs => entries,
        _ => format!(r#"{{"response":[{entries}]}}"#),
    }
}

/// Returns the strict verdict on the good entry with this part replaced.
fn verdict(generation: Generation, from: &str, to: &str) -> Result<Verdict, String> {
    let entry = good_entry(generation);
    assert!(entry.contains(from), "{from}");
    let body = feed(generation, &[&entry.replacen(from, to, 1)]);
    let mut rows = read(generation, body.as_bytes(), &phone())?;
    assert_eq!(rows.len(), 1);
    Ok(rows.remove(0).verdict)
}

#[test]
fn good_entry_is_offered() {
    for generation in Generation::LINEAGE {
        let body = feed(generation, &[good_entry(generation)]);
        let rows = read(generation, body.as_bytes(), &phone()).unwrap();
        let [row] = &rows[..] else {
            panic!("{rows:?}");
        };
        let id = match generation {
            _ if generation <= Generation::Cm14 => "a.zip".to_owned(),
            _ if V2.contains(&generation) => "a".repeat(64),
            _ => "a".to_owned(),
        };
        let entry = &row.entry;
        assert_eq!(entry.id, id);
        assert_eq!(entry.filename, "a.zip");
        assert_eq!(entry.url, "https://h/a.zip");
        assert_eq!(entry.datetime, 1_700_000_100);
        let reads_size = generation > Generation::First15;
        assert_eq!(entry.size, reads_size.then_some(1_000_000));
        assert_eq!(row.verdict, Verdict::Offered);
        assert!(row.warnings.is_empty());
    }
}

#[test]
fn empty_list_offers_nothing_and_is_valid() {
    for generation in Generation::LINEAGE {
        let ids = offered(generation, feed(generation, &[]).as_bytes(), &phone());
        assert_eq!(ids, Ok(Vec::new()));
    }
}

#[test]
fn unknown_keys_fail_the_list() {
    for generation in Generation::LINEAGE {
        let unknown = verdict(generation, "{", r#"{"maintainer":{"id":null},"#);
        assert!(unknown.is_err_and(|fault| fault.contains("unknown key `maintainer`")));
    }
    let within = r#""files":[{"sha1":"","#;
    assert!(verdict(Generation::Kotlin23, r#""files":[{"#, within).is_err());
    let body = format!(r#"{{"id":null,"response":[{V1_ENTRY}],"result":[]}}"#);
    for generation in V1 {
        assert!(offered(generation, body.as_bytes(), &phone()).is_err());
    }
}

#[test]
fn lenient_json_fails_the_list() {
    for generation in Generation::LINEAGE {
        let good = feed(generation, &[good_entry(generation)]);
        for body in [
            String::new(),
            "<!doctype html><title>Not found</title>".to_owned(),
            format!("\u{feff}{good}"),
            format!("{good}\0"),
            format!("{good} {good}"),
            format!("// builds\n{good}"),
            good.replace("]", ",]"),
            good.replace("}]", ",}]"),
            good.replace('"', "'"),
            good.replace("1700000100", "01700000100"),
            good.replace("1700000100", "0x65540F64"),
            good.replace("1700000100", "NaN"),
        ] {
            let rows = read(generation, body.as_bytes(), &phone());
            assert!(rows.is_err(), "{body}");
        }
        let latin_1 = [good.as_bytes(), b"\xfc"].concat();
        assert!(read(generation, &latin_1, &phone()).is_err());
        let pretty = good.replace('[', "\r\n\t[ ");
        assert!(read(generation, pretty.as_bytes(), &phone()).is_ok());
    }
}

#[test]
fn repeated_keys_fail_the_list() {
    for generation in Generation::LINEAGE {
        for key in [r#""url""#, r#""u\u0072l""#] {
            let twice = verdict(generation, r#""url""#, &format!(r#"{key} : "","url""#));
            assert!(twice.is_err_and(|fault| fault.contains("twice")));
        }
    }
    // Neither the value nor another object's key counts as a repetition.
    assert_eq!(check_keys(br#"{"a":["url",{"url":"a:"}],"url":1}"#), Ok(()));
}

#[test]
fn missing_and_null_keys_fail_the_list() {
    for generation in Generation::LINEAGE {
        let keys = match generation {
            _ if generation.is_post() => vec![CM12_KEYS],
            _ if V2.contains(&generation) => vec![V2_KEYS, FILE_KEYS],
            _ => vec![V1_KEYS],
        };
        for (key, _, is_optional) in keys.concat() {
            let is = format!(r#""{key}":"#);
            let entry = good_entry(generation).replacen(&is, r#""no_key":"#, 1);
            let body = feed(generation, &[&entry]);
            assert!(
                read(generation, body.as_bytes(), &phone()).is_err(),
                "{key}"
            );
            let mut entry: Value = serde_json::from_str(good_entry(generation)).unwrap();
            let object = entry.as_object_mut().unwrap();
            let object = match object.contains_key(key) {
                true => object,
                false => object["files"][0].as_object_mut().unwrap(),
            };
            object[key] = Value::Null;
            let null = feed(generation, &[&entry.to_string()]);
            assert!(
                read(generation, null.as_bytes(), &phone()).is_err(),
                "{key}"
            );
            let mut entry: Value = serde_json::from_str(good_entry(generation)).unwrap();
            let object = entry.as_object_mut().unwrap();
            match object.remove(key) {
                Some(_) => {}
                None => drop(object["files"][0].as_object_mut().unwrap().remove(key)),
            }
            let without = feed(generation, &[&entry.to_string()]);
            let rows = read(generation, without.as_bytes(), &phone());
            assert_eq!(rows.is_ok(), is_optional, "{key}");
        }
        for entry in ["null", "[]", "1"] {
            let body = feed(generation, &[entry]);
            assert!(read(generation, body.as_bytes(), &phone()).is_err());
        }
    }
}

#[test]
fn values_of_the_wrong_type_fail_the_list() {
    for generation in Generation::LINEAGE {
        for datetime in [
            r#""1700000100""#,
            "1700000100.0",
            r#""2023-11-14T22:15:00Z""#,
            "1700000100000",
            "-1",
            "true",
        ] {
            assert!(verdict(generation, "1700000100", datetime).is_err());
        }
        assert!(verdict(generation, r#""a.zip""#, "1").is_err());
        assert!(verdict(generation, r#""nightly""#, "1").is_err());
        assert!(verdict(generation, r#""nightly""#, r#""nightly ""#).is_err());
    }
    for generation in V1.into_iter().chain(V2) {
        for size in [
            r#""1000000""#,
            "1e6",
            "0",
            "-1",
            "null",
            "9223372036854775808",
        ] {
            assert!(verdict(generation, "1000000", size).is_err(), "{size}");
        }
        let large = verdict(generation, "1000000", "3221225472");
        assert_eq!(large, Ok(Verdict::Offered));
        for version in ["21", "21.0"] {
            assert!(verdict(generation, r#""21.0""#, version).is_err());
        }
    }
    for level in [r#""34""#, "34.0", "-1", "null", "9223372036854775808"] {
        let level = format!(r#""os_sdk_level":{level}"#);
        let read = verdict(Generation::Kotlin23, r#""os_sdk_level":34"#, &level);
        assert!(read.is_err(), "{level}");
    }
}

#[test]
fn unclean_names_ids_and_addresses_fail_the_list() {
    for generation in Generation::LINEAGE {
        for filename in ["", "a/b.zip", "..", "/a.zip"] {
            let filename = format!(r#""filename":"{filename}""#);
            assert!(verdict(generation, r#""filename":"a.zip""#, &filename).is_err());
        }
        for url in [
            "",
            "a.zip",
            "/a.zip",
            "//h/a.zip",
            "https://",
            "https:///a.zip",
            "https://h/a b.zip",
            r"https://h/\u00fc.zip",
        ] {
            assert!(
                verdict(generation, "https://h/a.zip", url).is_err(),
                "{url}"
            );
        }
        // No successor of the oldest client reads its feed and refuses cleartext.
        let cleartext = verdict(generation, "https://h/a.zip", "http://h/a.zip");
        assert_eq!(cleartext.is_ok(), generation.is_post());
    }
    for id in [r#""""#, r#""local""#, "null", "123"] {
        for generation in V1 {
            assert!(verdict(generation, r#""a""#, id).is_err());
        }
    }
    let digest = "a".repeat(64);
    for id in ["", "local", "a", &digest.to_uppercase(), &"g".repeat(64)] {
        for generation in V2 {
            assert!(verdict(generation, &digest, id).is_err());
        }
    }
}

#[test]
fn repeated_id_fails_the_list() {
    for generation in Generation::LINEAGE {
        let entry = good_entry(generation);
        let other = entry.replace("https://h/a.zip", "https://h/b.zip");
        let body = feed(generation, &[entry, &other]);
        assert!(read(generation, body.as_bytes(), &phone()).is_err());
    }
}

#[test]
fn ranges_outside_the_package_fail_the_list() {
    let good = r#"payload_metadata.bin:10:20,payload.bin:10:500,payload_properties.txt:700:50  "#;
    for (ranges, is_good) in [
        ("metadata:999000:1000    ", true),
        ("metadata:69:683,metadata.pb:820:1352", true),
        ("", false),
        ("metadata:69", false),
        ("metadata:69:683,", false),
        ("metadata:69:683, metadata.pb:820:1352", false),
        ("metadata:+69:683", false),
        ("metadata:69:683:1", false),
        ("metadata:999000:1001", false),
        ("metadata:18446744073709551615:1", false),
    ] {
        for generation in V2 {
            let read = verdict(generation, good, ranges);
            assert_eq!(read.is_ok(), is_good, "{ranges}");
        }
    }
}

#[test]
fn a_build_with_several_files_fails_the_list() {
    let second = r#"},{"filename":"b.zip","sha256":"b","size":1,"url":"https://h/b.zip"}]"#;
    let both = V2_ENTRY.replace("}]", second);
    let none = r#"{"datetime":1700000100,"files":[],"type":"nightly","version":"23.2"}"#;
    for entry in [&*both, none] {
        let body = feed(Generation::Kotlin23, &[entry]);
        assert!(read(Generation::Kotlin23, body.as_bytes(), &phone()).is_err());
    }
}

#[test]
fn long_bodies_are_refused() {
    for generation in V1.iter().chain(&V2) {
        let limit = match V2.contains(generation) {
            true => MAX_V2_LEN,
            false => MAX_V1_LEN,
        };
        let body = feed(*generation, &[good_entry(*generation)]);
        let full = body.clone() + &" ".repeat(limit - body.len());
        assert!(read(*generation, full.as_bytes(), &phone()).is_ok());
        let long = full + " ";
        assert!(read(*generation, long.as_bytes(), &phone()).is_err());
    }
}

#[test]
fn offers_are_newest_first() {
    for generation in &V1[1..] {
        let newer = V1_ENTRY
            .replace("1700000100", "1700000200")
            .replace(r#""a""#, r#""b""#);
        let hidden = V1_ENTRY
            .replace("nightly", "weekly")
            .replace(r#""a""#, r#""c""#);
        let body = feed(*generation, &[V1_ENTRY, &hidden, &newer]);
        let ids = offered(*generation, body.as_bytes(), &phone());
        assert_eq!(ids, Ok(vec!["b".to_owned(), "a".to_owned()]));
    }
}
