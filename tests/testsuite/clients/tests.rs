//! The rules of the copy, held against what the clients themselves were seen to do.

use super::*;

fn phone() -> Phone {
    Phone {
        device: "dev".to_owned(),
        release_type: "NIGHTLY".to_owned(),
        version: "21.0".to_owned(),
        incremental: "eng.1".to_owned(),
        datetime: 1_700_000_000,
        sdk: 34,
    }
}

const V1: [Generation; 4] = [
    Generation::Cm14,
    Generation::First15,
    Generation::Template14,
    Generation::Java22,
];

/// A good entry, as text to change one value in.
const V1_ENTRY: &str = r#"{"datetime":1700000100,"filename":"a.zip","id":"a","romtype":"nightly","size":1000000,"url":"https://h/a.zip","version":"21.0"}"#;

const V2_ENTRY: &str = r#"{"datetime":1700000100,"files":[{"filename":"a.zip","os_patch_level":"2026-06-01","os_sdk_level":34,"ota_property_files":"payload_metadata.bin:10:20,payload.bin:10:500,payload_properties.txt:700:50  ","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1000000,"url":"https://h/a.zip"}],"type":"nightly","version":"23.2"}"#;

fn good_entry(generation: Generation) -> &'static str {
    match generation {
        Generation::Kotlin23 => V2_ENTRY,
        _ => V1_ENTRY,
    }
}

/// A feed of these entries in the generation's format.
fn feed(generation: Generation, entries: &[&str]) -> String {
    match generation {
        Generation::Kotlin23 => format!("[{}]", entries.join(",")),
        _ => format!(r#"{{"response":[{}]}}"#, entries.join(",")),
    }
}

/// The verdict on the good entry with this part of it replaced.
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
    for generation in Generation::ALL {
        let is_v2 = generation == Generation::Kotlin23;
        let body = feed(generation, &[good_entry(generation)]);
        let rows = read(generation, body.as_bytes(), &phone()).unwrap();
        let [row] = &rows[..] else {
            panic!("{rows:?}");
        };
        let id = match generation {
            Generation::Cm14 => "a.zip".to_owned(),
            Generation::Kotlin23 => "a".repeat(64),
            _ => "a".to_owned(),
        };
        assert_eq!(row.id, id);
        assert_eq!(row.filename, "a.zip");
        assert_eq!(row.url, "https://h/a.zip");
        assert_eq!(row.version, if is_v2 { "23.2" } else { "21.0" });
        assert_eq!((row.datetime, row.size), (1_700_000_100, 1_000_000));
        assert_eq!(row.verdict, Verdict::Offered);
    }
}

#[test]
fn unknown_keys_are_ignored() {
    for generation in Generation::ALL {
        let good = verdict(generation, "{", r#"{"maintainer":{"id":null},"#);
        assert_eq!(good, Ok(Verdict::Offered));
    }
    let body = format!(r#"{{"id":null,"response":[{V1_ENTRY}],"result":[]}}"#);
    for generation in V1 {
        let ids = offered(generation, body.as_bytes(), &phone()).unwrap();
        assert_eq!(ids.len(), 1);
    }
}

#[test]
fn empty_list_offers_nothing_and_is_no_fault() {
    for generation in Generation::ALL {
        let ids = offered(generation, feed(generation, &[]).as_bytes(), &phone());
        assert_eq!(ids, Ok(Vec::new()));
    }
}

#[test]
fn other_frames_fail_the_list() {
    let v1_entries = format!("[{V1_ENTRY}]");
    for generation in V1 {
        for body in [
            &*v1_entries,
            "{}",
            r#"{"response":{}}"#,
            r#"{"response":null}"#,
            r#"{"response":"[]"}"#,
            r#"{"Response":[]}"#,
            r#"{"result":[]}"#,
        ] {
            assert!(read(generation, body.as_bytes(), &phone()).is_err());
        }
    }
    for body in ["{}", "null", r#"{"response":[]}"#] {
        assert!(read(Generation::Kotlin23, body.as_bytes(), &phone()).is_err());
    }
}

#[test]
fn lenient_json_fails_the_list() {
    for generation in Generation::ALL {
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
    for generation in Generation::ALL {
        for key in [r#""datetime""#, r#""d\u0061tetime""#] {
            let twice = verdict(generation, "{", &format!("{{{key} : 1,"));
            assert!(twice.is_err_and(|fault| fault.contains("twice")));
        }
        // Neither the value nor another object's key is a repetition.
        let once = verdict(generation, "{", r#"{"a":["datetime",{"datetime":"a:"}],"#);
        assert_eq!(once, Ok(Verdict::Offered));
    }
}

#[test]
fn missing_and_null_keys_fail_the_list() {
    let rename = |key: &str| format!(r#""no_{key}":"#);
    for generation in V1 {
        for key in ["datetime", "filename", "romtype", "url", "version"] {
            let is = format!(r#""{key}":"#);
            assert!(verdict(generation, &is, &rename(key)).is_err(), "{key}");
            let null = format!(r#"{is}null,"was":"#);
            assert!(verdict(generation, &is, &null).is_err(), "{key}");
        }
    }
    for key in [
        "datetime", "files", "filename", "sha256", "size", "url", "type", "version",
    ] {
        let is = format!(r#""{key}":"#);
        assert!(verdict(Generation::Kotlin23, &is, &rename(key)).is_err());
        let null = format!(r#"{is}null,"was":"#);
        assert!(verdict(Generation::Kotlin23, &is, &null).is_err());
    }
    for entry in ["null", "[]", "1"] {
        for generation in Generation::ALL {
            let body = feed(generation, &[entry]);
            assert!(read(generation, body.as_bytes(), &phone()).is_err());
        }
    }
}

#[test]
fn size_is_asked_for_from_2018_on_and_id_from_2017() {
    let without = |generation, key: &str| {
        verdict(
            generation,
            &format!(r#""{key}":"#),
            &format!(r#""no_{key}":"#),
        )
    };
    for generation in [Generation::Cm14, Generation::First15] {
        assert_eq!(without(generation, "size"), Ok(Verdict::Offered));
    }
    for generation in [Generation::Template14, Generation::Java22] {
        assert!(without(generation, "size").is_err());
    }
    assert_eq!(without(Generation::Cm14, "id"), Ok(Verdict::Offered));
    for generation in &V1[1..] {
        assert!(without(*generation, "id").is_err());
    }
}

#[test]
fn numbers_are_numbers_and_text_is_text() {
    for generation in Generation::ALL {
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
        assert!(verdict(generation, r#""a.zip""#, "1").is_err());
        assert!(verdict(generation, r#""nightly""#, "1").is_err());
    }
    for version in ["21", "21.0"] {
        for generation in V1 {
            assert!(verdict(generation, r#""21.0""#, version).is_err());
        }
    }
}

#[test]
fn names_ids_and_addresses_are_clean() {
    for generation in Generation::ALL {
        for filename in ["", "a/b.zip", "..", "/a.zip"] {
            let filename = format!(r#""filename":"{filename}""#);
            assert!(verdict(generation, r#""filename":"a.zip""#, &filename).is_err());
        }
        for url in [
            "",
            "a.zip",
            "/a.zip",
            "//h/a.zip",
            "http://h/a.zip",
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
    }
    for id in [r#""""#, r#""local""#, "null", "123"] {
        for generation in V1 {
            assert!(verdict(generation, r#""a""#, id).is_err());
        }
    }
    let digest = "a".repeat(64);
    for id in ["", "local", "a", &digest.to_uppercase(), &"g".repeat(64)] {
        assert!(verdict(Generation::Kotlin23, &digest, id).is_err());
    }
}

#[test]
fn repeated_id_fails_the_list() {
    for generation in Generation::ALL {
        let entry = good_entry(generation);
        let other = entry.replace("a.zip", "b.zip");
        let body = feed(generation, &[entry, &other]);
        assert!(read(generation, body.as_bytes(), &phone()).is_err());
    }
}

#[test]
fn older_and_equal_datetimes_are_hidden_but_for_the_first_updater() {
    for generation in Generation::ALL {
        let older = verdict(generation, "1700000100", "1699999999");
        assert_eq!(older, Ok(Verdict::Hidden(OLDER)));
        let equal = verdict(generation, "1700000100", "1700000000");
        assert_eq!(
            equal,
            Ok(match generation {
                Generation::First15 => Verdict::Offered,
                _ => Verdict::Hidden(OLDER),
            })
        );
    }
}

#[test]
fn romtype_is_compared_in_any_case_and_not_at_all_by_cmupdater() {
    for generation in Generation::ALL {
        let same = verdict(generation, r#""nightly""#, r#""NightLy""#);
        assert_eq!(same, Ok(Verdict::Offered));
        for other in [r#""unofficial""#, r#""nightly ""#] {
            assert_eq!(
                verdict(generation, r#""nightly""#, other),
                Ok(match generation {
                    Generation::Cm14 => Verdict::Offered,
                    _ => Verdict::Hidden(OTHER_TYPE),
                })
            );
        }
    }
}

#[test]
fn other_versions_are_blocked_and_lower_strings_hidden_since_16() {
    let blocked = Verdict::Blocked(OTHER_VERSION);
    let hidden = Verdict::Hidden(LOWER_VERSION);
    for (version, java22) in [
        ("22.0", &blocked),
        ("20.0", &hidden),
        ("21", &hidden),
        ("9.0", &blocked),
        ("100.0", &hidden),
        ("21.0 ", &blocked),
    ] {
        let version = format!(r#""{version}""#);
        for generation in V1 {
            let expected = match generation {
                Generation::Java22 => java22,
                _ => &blocked,
            };
            let found = verdict(generation, r#""21.0""#, &version);
            assert_eq!(found.as_ref(), Ok(expected), "{version} {generation:?}");
        }
        let found = verdict(Generation::Kotlin23, r#""23.2""#, &version);
        assert_eq!(found, Ok(Verdict::Offered));
    }
}

#[test]
fn case_of_the_version_matters_to_cmupdater_alone() {
    let lettered = Phone {
        version: "21.0-B".to_owned(),
        ..phone()
    };
    for (generation, version, expected) in [
        (Generation::Cm14, "21.0", Verdict::Offered),
        (Generation::Cm14, "21.0-B", Verdict::Blocked(OTHER_VERSION)),
        (Generation::First15, "21.0-b", Verdict::Offered),
        (Generation::Template14, "21.0-b", Verdict::Offered),
        (Generation::Java22, "21.0-b", Verdict::Offered),
    ] {
        let entry = V1_ENTRY.replace("21.0", version);
        let body = feed(generation, &[&entry]);
        let rows = read(generation, body.as_bytes(), &lettered).unwrap();
        assert_eq!(rows[0].verdict, expected, "{generation:?}");
    }
}

#[test]
fn sdk_level_hides_lower_and_blocks_higher() {
    let judge = |to: &str| verdict(Generation::Kotlin23, r#""os_sdk_level":34,"#, to);
    let hidden = Ok(Verdict::Hidden(LOWER_SDK));
    assert_eq!(judge(r#""os_sdk_level":33,"#), hidden);
    assert_eq!(judge(""), hidden);
    assert_eq!(
        judge(r#""os_sdk_level":35,"#),
        Ok(Verdict::Blocked(HIGHER_SDK))
    );
    for level in ["null", r#""34""#, "-1", "2147483648"] {
        assert!(judge(&format!(r#""os_sdk_level":{level},"#)).is_err());
    }
}

#[test]
fn property_files_are_right_or_left_out() {
    let good = "payload_metadata.bin:10:20,payload.bin:10:500,payload_properties.txt:700:50  ";
    let absent = verdict(
        Generation::Kotlin23,
        r#""ota_property_files":"#,
        r#""no_property_files":"#,
    );
    assert_eq!(absent, Ok(Verdict::Offered));
    for fine in ["metadata:69:683", "a:0:1000000     "] {
        assert_eq!(
            verdict(Generation::Kotlin23, good, fine),
            Ok(Verdict::Offered)
        );
    }
    for bad in [
        "",
        " ",
        "a:1",
        "a:1:2:3",
        ":1:2",
        "a:1:2,",
        "a:1:2 ,b:3:4",
        " a:1:2",
        "a:1:2, b:3:4",
        "a:x:2",
        "a:+1:2",
        "a::2",
        "a:-1:2",
        "a:1:1000000",
        "a:18446744073709551615:1",
    ] {
        assert!(verdict(Generation::Kotlin23, good, bad).is_err(), "{bad}");
    }
}

#[test]
fn first_file_counts_and_every_file_is_checked() {
    let digest = "b".repeat(64);
    let second = format!(
        r#"}},{{"filename":"b.zip","sha256":"{digest}","size":1,"url":"https://h/b.zip"}}]"#
    );
    let both = V2_ENTRY.replace("}]", &second);
    let body = feed(Generation::Kotlin23, &[&both]);
    let ids = offered(Generation::Kotlin23, body.as_bytes(), &phone());
    assert_eq!(ids, Ok(vec!["a".repeat(64)]));
    let body = body.replace(&digest, "b");
    assert!(read(Generation::Kotlin23, body.as_bytes(), &phone()).is_err());
    let none = r#"[{"datetime":1700000100,"files":[],"type":"nightly","version":"23.2"}]"#;
    assert!(read(Generation::Kotlin23, none.as_bytes(), &phone()).is_err());
}

#[test]
fn long_bodies_are_refused_by_the_newest_client_alone() {
    for generation in Generation::ALL {
        let entry = good_entry(generation);
        let body = feed(generation, &[entry]);
        let full = body.clone() + &" ".repeat(MAX_BODY_LEN - body.len());
        assert!(read(generation, full.as_bytes(), &phone()).is_ok());
        let long = full + " ";
        let is_err = read(generation, long.as_bytes(), &phone()).is_err();
        assert_eq!(is_err, generation == Generation::Kotlin23);
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

#[test]
fn base_and_template_meet_at_one_address() {
    let template = "https://h/api/v1/{device}/{type}/{incr}";
    for generation in V1 {
        let property = match generation {
            Generation::Cm14 | Generation::First15 => "https://h/api",
            _ => template,
        };
        let url = generation.url(property, &phone());
        assert_eq!(url, Ok("https://h/api/v1/dev/nightly/eng.1".to_owned()));
    }
    // A template where a base belongs.
    assert_eq!(
        Generation::First15.url(template, &phone()),
        Ok(format!("{template}/v1/dev/nightly/eng.1"))
    );
    assert!(Generation::Cm14.url(template, &phone()).is_err());
}

#[test]
fn placeholders_are_replaced_everywhere_in_their_own_case() {
    let mixed = Phone {
        device: "Dev".to_owned(),
        incremental: "Eng.1".to_owned(),
        ..phone()
    };
    for generation in &Generation::ALL[2..] {
        for (template, expected) in [
            ("https://h/{device}/{device}.json", "https://h/Dev/Dev.json"),
            ("https://h/api", "https://h/api"),
            (
                "https://h/{type}/{incr}?{type}",
                "https://h/nightly/Eng.1?nightly",
            ),
            ("https://h/{DEVICE}/{Type}", "https://h/{DEVICE}/{Type}"),
        ] {
            let url = generation.url(template, &mixed);
            assert_eq!(url.as_deref(), Ok(expected));
        }
    }
}

#[test]
fn blank_property_leads_to_the_official_server() {
    let v1 = "https://download.lineageos.org/api/v1/dev/nightly/eng.1";
    for generation in V1 {
        assert_eq!(generation.url(" ", &phone()).as_deref(), Ok(v1));
    }
    assert_eq!(
        Generation::Kotlin23.url("", &phone()).as_deref(),
        Ok("https://download.lineageos.org/api/v2/devices/dev/builds")
    );
}

#[test]
fn nothing_is_escaped_and_cmupdater_throws() {
    let odd = Phone {
        device: "My Dev".to_owned(),
        release_type: "test ü".to_owned(),
        incremental: "eng.ü 1/2?x#y".to_owned(),
        ..phone()
    };
    let raw = "https://h/api/v1/My Dev/test ü/eng.ü 1/2?x#y";
    let template = "https://h/api/v1/{device}/{type}/{incr}";
    assert_eq!(
        Generation::First15.url("https://h/api", &odd).as_deref(),
        Ok(raw)
    );
    for generation in &Generation::ALL[2..] {
        assert_eq!(generation.url(template, &odd).as_deref(), Ok(raw));
    }
    assert!(Generation::Cm14.url("https://h/api", &odd).is_err());
    for bad in [
        "https://h/%zz",
        "https://h/%a",
        "https://h/#a#b",
        "https://h/a|b",
    ] {
        assert!(Generation::Cm14.url(bad, &phone()).is_err(), "{bad}");
    }
    assert!(
        Generation::Cm14
            .url("https://h:8443/a%20b/~c", &phone())
            .is_ok()
    );
}

#[test]
fn empty_values_leave_empty_segments() {
    let empty = Phone {
        release_type: String::new(),
        incremental: String::new(),
        ..phone()
    };
    assert_eq!(
        Generation::Cm14.url("https://h/api", &empty).as_deref(),
        Ok("https://h/api/v1/dev/unofficial/")
    );
    assert_eq!(
        Generation::First15.url("https://h/api", &empty).as_deref(),
        Ok("https://h/api/v1/dev//")
    );
    for generation in &Generation::ALL[2..] {
        let url = generation.url("https://h/api/v1/{device}/{type}/{incr}", &empty);
        assert_eq!(url.as_deref(), Ok("https://h/api/v1/dev//"));
    }
}

#[test]
fn cleartext_is_refused_by_newer_clients() {
    for generation in Generation::ALL {
        let is_refused = generation.url("http://h/api", &phone()).is_err();
        let is_newer = matches!(generation, Generation::Java22 | Generation::Kotlin23);
        assert_eq!(is_refused, is_newer, "{generation:?}");
    }
    let trimmed = Generation::Kotlin23.url(" https://h/{device}.json\n", &phone());
    assert_eq!(trimmed.as_deref(), Ok("https://h/dev.json"));
    assert!(Generation::Kotlin23.url("HTTPS://h/", &phone()).is_err());
}
