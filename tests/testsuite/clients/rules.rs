//! The rules of [`romfeed::clients::updaters`], compared with the observed behaviour of the
//! clients.
//!
//! "Observed" means: run, with the parsers and filters of CMUpdater cm-14.1 and of Updater 15.0,
//! cm-14.1, 16.0 and 22.0 over Android 10's `org.json`. For the oldest client and the revisions in
//! Kotlin, the source code was read.

use std::collections::BTreeSet;

use romfeed::clients::updaters::{EntryFault, Listing, assess, read as read_list};

use super::tests::{CM12_ENTRY, V1, V1_ENTRY, V2, V2_ENTRY, feed, good_entry, phone};
use super::*;

/// The columns of the tables: clients that read `response`, newest in Java first.
const COLUMNS: [Generation; 5] = [
    Generation::Java22,
    Generation::Template14,
    Generation::First15,
    Generation::Cm14,
    Generation::KotlinV1,
];

/// The outcome of an entry that is followed by a good one, and of the good one where that differs.
fn outcome(generation: Generation, body: &[u8]) -> String {
    let listing = match assess(generation, body, &phone()) {
        Ok(listing) => listing,
        Err(_) => return "fail".to_owned(),
    };
    let verdict = |index: usize| {
        let mut rows = listing.rows.iter();
        let row = rows.find(|row| row.entry.index == index)?;
        Some(match row.verdict {
            Verdict::Offered => "offer",
            Verdict::Blocked(_) => "block",
            Verdict::Hidden(_) => "hide",
        })
    };
    let second = verdict(1);
    match verdict(0) {
        Some(first) => {
            assert!(second.is_none_or(|second| second == "offer"), "{listing:?}");
            first
        }
        None if second.is_some() => "drop",
        None => "cut",
    }
    .to_owned()
}

/// The outcomes of one changed entry, in the order of [`COLUMNS`].
fn outcomes(entry: &str) -> String {
    let second = V1_ENTRY.replace(r#""a""#, r#""b""#);
    let columns = COLUMNS.map(|generation| {
        let body = feed(generation, &[entry, &second]);
        outcome(generation, body.as_bytes())
    });
    columns.join(" ")
}

/// Returns the good entry with this part replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(V1_ENTRY.contains(from), "{from}");
    V1_ENTRY.replacen(from, to, 1)
}

#[test]
fn entries_are_read_as_observed() {
    let datetime = |value: &str| changed("1700000100", value);
    let size = |value: &str| changed("1000000", value);
    let version = |value: &str| changed(r#""21.0""#, value);
    let romtype = |value: &str| changed(r#""nightly""#, value);
    let id = |value: &str| changed(r#""a""#, value);
    let rename = |key: &str| changed(&format!(r#""{key}":"#), r#""no_key":"#);
    //                                         22    14    15    CM14  23-v1
    for (name, entry, expected) in [
        ("good", V1_ENTRY.to_owned(), "offer offer offer offer offer"),
        (
            "datetime as text",
            datetime(r#""1700000100""#),
            "offer offer offer offer offer",
        ),
        (
            "datetime as float",
            datetime("1700000100.5"),
            "offer offer offer offer fail",
        ),
        (
            "datetime with exponent",
            datetime("1.7000001e9"),
            "offer offer offer offer fail",
        ),
        (
            "datetime as ISO text",
            datetime(r#""2023-11-14T22:15:00Z""#),
            "drop drop drop cut fail",
        ),
        ("datetime true", datetime("true"), "drop drop drop cut fail"),
        ("datetime null", datetime("null"), "drop drop drop cut fail"),
        (
            "datetime beyond 2^63",
            datetime("9999999999999999999"),
            "offer offer offer offer fail",
        ),
        (
            "datetime in milliseconds",
            datetime("1700000000000"),
            "offer offer offer offer offer",
        ),
        ("datetime NaN", datetime("NaN"), "fail fail fail fail fail"),
        (
            "datetime octal",
            datetime("014524772144"),
            "offer offer offer offer offer",
        ),
        (
            "datetime hexadecimal",
            datetime("0x6553F164"),
            "offer offer offer offer fail",
        ),
        (
            "datetime equal",
            datetime("1700000000"),
            "hide hide offer hide hide",
        ),
        (
            "datetime earlier",
            datetime("1699999999"),
            "hide hide hide hide hide",
        ),
        (
            "datetime missing",
            rename("datetime"),
            "drop drop drop cut fail",
        ),
        (
            "filename missing",
            rename("filename"),
            "drop drop drop cut fail",
        ),
        ("url missing", rename("url"), "drop drop drop cut fail"),
        ("size missing", rename("size"), "drop drop offer offer fail"),
        (
            "size of 3 GiB",
            size("3221225472"),
            "offer offer offer offer offer",
        ),
        (
            "size as text",
            size(r#""1000000""#),
            "offer offer offer offer offer",
        ),
        ("size null", size("null"), "drop drop offer offer fail"),
        ("size true", size("true"), "drop drop offer offer fail"),
        ("size 0", size("0"), "offer offer offer offer offer"),
        (
            "unknown key",
            changed("{", r#"{"x":{"y":[1]},"#),
            "offer offer offer offer fail",
        ),
        (
            "romtype in capitals",
            romtype(r#""NightLY""#),
            "offer offer offer offer offer",
        ),
        (
            "romtype other",
            romtype(r#""weekly""#),
            "hide hide hide offer hide",
        ),
        (
            "romtype with blank",
            romtype(r#""nightly ""#),
            "hide hide hide offer hide",
        ),
        (
            "romtype missing",
            rename("romtype"),
            "drop drop drop cut fail",
        ),
        (
            "version 22.0",
            version(r#""22.0""#),
            "block block block block hide",
        ),
        (
            "version 20.0",
            version(r#""20.0""#),
            "hide block block block hide",
        ),
        (
            "version 21",
            version(r#""21""#),
            "hide block block block hide",
        ),
        (
            "version 21.1",
            version(r#""21.1""#),
            "block block block block offer",
        ),
        (
            "version 9.0",
            version(r#""9.0""#),
            "block block block block hide",
        ),
        (
            "version 100.0",
            version(r#""100.0""#),
            "hide block block block hide",
        ),
        (
            "version with blank",
            version(r#""21.0 ""#),
            "block block block block hide",
        ),
        (
            "version as number 21",
            version("21"),
            "hide block block block fail",
        ),
        (
            "version as number 21.0",
            version("21.0"),
            "offer offer offer block fail",
        ),
        (
            "version missing",
            rename("version"),
            "drop drop drop cut fail",
        ),
        ("id null", id("null"), "offer offer offer offer fail"),
        ("id 123", id("123"), "offer offer offer offer fail"),
        ("id empty", id(r#""""#), "offer offer offer offer offer"),
        ("id missing", rename("id"), "drop drop drop offer fail"),
        (
            "url relative",
            changed("https://h/a.zip", "a.zip"),
            "offer offer offer offer offer",
        ),
        (
            "key twice",
            changed("{", r#"{"datetime":1,"#),
            "offer offer offer offer offer",
        ),
        ("entry null", "null".to_owned(), "drop drop drop drop fail"),
        ("entry a number", "1".to_owned(), "drop drop drop cut fail"),
        ("entry an array", "[]".to_owned(), "drop drop drop cut fail"),
    ] {
        assert_eq!(outcomes(&entry), expected, "{name}");
    }
}

#[test]
fn bodies_are_read_as_observed() {
    let good = feed(Generation::Java22, &[V1_ENTRY]);
    let within = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin_1 = within("a.zip", "%.zip");
    let latin_1: Vec<u8> = latin_1
        .iter()
        .map(|b| if *b == b'%' { 0xfc } else { *b })
        .collect();
    //                                         22    14    15    CM14  23-v1
    for (name, body, expected) in [
        (
            "bare array",
            format!("[{V1_ENTRY}]").into_bytes(),
            "fail fail fail fail fail",
        ),
        (
            "response an object",
            br#"{"response":{}}"#.to_vec(),
            "fail fail fail fail fail",
        ),
        (
            "response null",
            br#"{"response":null}"#.to_vec(),
            "fail fail fail fail fail",
        ),
        (
            "response text",
            br#"{"response":"[]"}"#.to_vec(),
            "fail fail fail fail fail",
        ),
        (
            "response in capitals",
            br#"{"Response":[]}"#.to_vec(),
            "fail fail fail fail fail",
        ),
        ("empty object", b"{}".to_vec(), "fail fail fail fail fail"),
        ("empty file", Vec::new(), "fail fail fail fail fail"),
        (
            "HTML",
            b"<!doctype html><title>404</title>".to_vec(),
            "fail fail fail fail fail",
        ),
        ("UTF-16", utf_16, "fail fail fail fail fail"),
        (
            "byte order mark",
            within("{", "\u{feff}{"),
            "offer offer offer offer fail",
        ),
        (
            "trailing comma in array",
            within("}]", "},]"),
            "offer offer offer offer fail",
        ),
        (
            "trailing comma in object",
            within("}]", ",}]"),
            "fail fail fail fail fail",
        ),
        (
            "comment on its own line",
            within("{", "// b\n{"),
            "fail fail fail offer fail",
        ),
        (
            "comment with hash",
            within("{", "# b\r\n{"),
            "fail fail fail offer fail",
        ),
        (
            "comment in the middle",
            within("[", "[/* b */"),
            "offer offer offer offer fail",
        ),
        (
            "single quotes",
            good.replace('"', "'").into_bytes(),
            "offer offer offer offer fail",
        ),
        (
            "no quotes on keys",
            within(r#""url""#, "url"),
            "offer offer offer offer fail",
        ),
        (
            "equals sign",
            within(":[", "=>["),
            "offer offer offer offer fail",
        ),
        (
            "semicolons",
            good.replace(',', ";").into_bytes(),
            "offer offer offer offer fail",
        ),
        (
            "garbage behind",
            (good.clone() + "}garbage").into_bytes(),
            "offer offer offer offer fail",
        ),
        (
            "NUL behind",
            (good.clone() + "\0").into_bytes(),
            "offer offer offer offer fail",
        ),
        (
            "CRLF and blanks",
            within("[", "\r\n\t[ "),
            "offer offer offer offer offer",
        ),
        ("Latin-1", latin_1, "offer offer offer offer offer"),
        (
            "another key before the list",
            within("{", r#"{"id":null,"#),
            "offer offer offer offer fail",
        ),
        (
            "an empty result before the list",
            within("{", r#"{"result":[],"#),
            "offer offer offer offer fail",
        ),
        (
            "NaN in an array before the list",
            within("{", r#"{"x":[NaN],"#),
            "offer offer offer fail fail",
        ),
    ] {
        let columns = COLUMNS.map(|generation| outcome(generation, &body));
        assert_eq!(columns.join(" "), expected, "{name}");
    }
}

/// Returns a list with these entries.
fn listing(generation: Generation, entries: &[&str]) -> Listing {
    assess(generation, feed(generation, entries).as_bytes(), &phone()).unwrap()
}

#[test]
fn an_empty_list_is_not_an_error() {
    for generation in Generation::LINEAGE {
        assert_eq!(listing(generation, &[]), Listing::default());
    }
}

#[test]
fn a_repeated_id_shows_the_first_entry_with_the_last_address() {
    let other = V1_ENTRY.replace("a.zip", "b.zip");
    for generation in V1 {
        let listing = listing(generation, &[V1_ENTRY, &other]);
        let shown = listing.rows.iter().filter(|row| row.verdict.is_shown());
        let shown: Vec<_> = shown
            .map(|row| (&*row.entry.filename, &*row.entry.url))
            .collect();
        let expected = match generation {
            Generation::Cm14 => vec![("b.zip", "https://h/b.zip"), ("a.zip", "https://h/a.zip")],
            Generation::KotlinV1 => vec![("b.zip", "https://h/b.zip")],
            _ => vec![("a.zip", "https://h/b.zip")],
        };
        assert_eq!(shown, expected, "{generation}");
    }
}

#[test]
fn cmupdater_stops_at_a_bad_entry() {
    let [first, third] = ["1", "3"].map(|id| V1_ENTRY.replace(r#""a""#, &format!(r#""{id}""#)));
    let bad = V1_ENTRY.replace("version", "was");
    for (generation, expected) in [
        (Generation::Java22, vec![0, 2]),
        (Generation::Template14, vec![0, 2]),
        (Generation::First15, vec![0, 2]),
        (Generation::Cm14, vec![0]),
    ] {
        let listing = listing(generation, &[&first, &bad, &third]);
        let read: Vec<usize> = listing.rows.iter().map(|row| row.entry.index).collect();
        assert_eq!(read, expected, "{generation}");
        let missing = EntryFault::Missing { key: "version" };
        assert_eq!(listing.dropped[0].fault, missing);
    }
}

#[test]
fn the_oldest_client_reads_its_keys() {
    let second = CM12_ENTRY.replace("a.zip", "b.zip");
    let taken = |from: &str, to: &str| {
        assert!(CM12_ENTRY.contains(from), "{from}");
        let entry = CM12_ENTRY.replacen(from, to, 1);
        let body = feed(Generation::Cm12, &[&entry, &second]);
        outcome(Generation::Cm12, body.as_bytes())
    };
    for (from, to, expected) in [
        ("34", "34", "offer"),
        ("34", r#""34""#, "offer"),
        ("34", r#""""#, "cut"),
        ("34", "33", "hide"),
        ("34", "35", "offer"),
        ("1700000100", "1700000000", "hide"),
        ("1700000100", r#""1700000100""#, "offer"),
        (r#""changes""#, r#""no_changes""#, "cut"),
        (r#""https://h/a.txt""#, "null", "offer"),
        (r#""https://h/a.txt""#, r#""""#, "offer"),
        ("nightly", "weekly", "offer"),
        (r#""md5sum""#, r#""no_md5sum""#, "cut"),
    ] {
        assert_eq!(taken(from, to), expected, "{from} to {to}");
    }
    // With both lists in it, a body suits every generation.
    let both = format!(r#"{{"result":[{CM12_ENTRY}],"response":[{V1_ENTRY}]}}"#);
    for generation in Generation::LINEAGE {
        let expected = match generation.id().starts_with("23") {
            true => "fail",
            false => "offer",
        };
        assert_eq!(outcome(generation, both.as_bytes()), expected);
    }
    let only_v1 = feed(Generation::Cm14, &[V1_ENTRY]);
    assert_eq!(outcome(Generation::Cm12, only_v1.as_bytes()), "fail");
}

#[test]
fn one_bad_entry_fails_the_whole_array() {
    let digest = "a".repeat(64);
    let second = V2_ENTRY.replace(&digest, &"b".repeat(64));
    let outcomes = |entry: &str| {
        let columns = V2
            .map(|generation| outcome(generation, feed(generation, &[entry, &second]).as_bytes()));
        columns.join(" ")
    };
    let ranges = "payload_metadata.bin:10:20,payload.bin:10:500,payload_properties.txt:700:50  ";
    //                              version sdk
    for (from, to, expected) in [
        ("", "", "offer offer"),
        ("{", r#"{"maintainer":null,"#, "offer offer"),
        (r#""files":[{"#, r#""files":[{"sha1":1,"#, "offer offer"),
        ("1700000100", r#""1700000100""#, "offer offer"),
        ("1700000100", "1700000100.0", "fail fail"),
        ("1700000100", "1700000000", "hide hide"),
        (r#""nightly""#, r#""Nightly""#, "offer offer"),
        (r#""nightly""#, r#""weekly""#, "hide hide"),
        (r#""21.0""#, r#""21.1""#, "offer offer"),
        (r#""21.0""#, r#""20.0""#, "hide offer"),
        (r#""21.0""#, r#""22.0""#, "hide offer"),
        (r#""21.0""#, r#""21""#, "hide offer"),
        (r#""21.0""#, "21.0", "fail fail"),
        (r#""21.0""#, "null", "fail fail"),
        (r#""version""#, r#""no_version""#, "fail fail"),
        (r#""files""#, r#""no_files""#, "fail fail"),
        (r#""sha256""#, r#""no_sha256""#, "fail fail"),
        (r#""size""#, r#""no_size""#, "fail fail"),
        ("1000000", r#""1000000""#, "offer offer"),
        (r#""os_sdk_level":34"#, r#""os_sdk_level":33"#, "offer hide"),
        (
            r#""os_sdk_level":34"#,
            r#""os_sdk_level":35"#,
            "offer block",
        ),
        (
            r#""os_sdk_level":34"#,
            r#""os_sdk_level":null"#,
            "offer hide",
        ),
        (
            r#""os_sdk_level":34"#,
            r#""os_sdk_level":"34""#,
            "offer offer",
        ),
        (r#""os_sdk_level":34"#, r#""os_sdk_level":"x""#, "fail fail"),
        (r#""os_sdk_level":34,"#, "", "offer hide"),
        (r#""2026-06-01""#, "null", "offer offer"),
        (r#""2026-06-01""#, "20260601", "fail fail"),
        (ranges, "", "fail fail"),
        (ranges, "metadata:1", "fail fail"),
        (ranges, "metadata : 1 : 2 ", "offer offer"),
    ] {
        assert!(V2_ENTRY.contains(from), "{from}");
        let entry = V2_ENTRY.replacen(from, to, 1);
        assert_eq!(outcomes(&entry), expected, "{from} to {to}");
    }
    for entry in ["null", "[]", "1", "{}"] {
        assert_eq!(outcomes(entry), "fail fail");
    }
    let lenient = [
        format!("[{V2_ENTRY},]"),
        format!("[{V2_ENTRY}] [{V2_ENTRY}]"),
        format!("// builds\n[{V2_ENTRY}]"),
        format!("{{\"response\":[{V2_ENTRY}]}}"),
        format!("[{V2_ENTRY}]").replace('"', "'"),
    ];
    for body in lenient {
        for generation in V2 {
            assert_eq!(outcome(generation, body.as_bytes()), "fail", "{body}");
        }
    }
}

#[test]
fn the_first_of_several_files_counts_and_all_must_be_valid() {
    let second = r#"},{"filename":"b.img","sha256":"b","size":1,"url":"https://h/b.img"}]"#;
    let both = V2_ENTRY.replace("}]", second);
    let list = listing(Generation::Kotlin23, &[&both]);
    assert_eq!(list.rows[0].entry.filename, "a.zip");
    let unsound = both.replace(r#""size":1,"#, "");
    let body = feed(Generation::Kotlin23, &[&unsound]);
    assert!(read_list(Generation::Kotlin23, body.as_bytes()).is_err());
}

#[test]
fn no_client_compares_the_device() {
    let elsewhere = Phone {
        device: "other".to_owned(),
        ..phone()
    };
    for generation in Generation::LINEAGE {
        let body = feed(generation, &[good_entry(generation)]);
        let listing = assess(generation, body.as_bytes(), &elsewhere).unwrap();
        assert_eq!(listing.rows[0].verdict, Verdict::Offered);
    }
}

#[test]
fn versions_are_compared_in_any_case_but_by_cmupdater() {
    let entry = V1_ENTRY.replace("21.0", "Vanilla");
    let installed = Phone {
        version: "VANILLA-20170203-NIGHTLY-dev".to_owned(),
        ..phone()
    };
    let updater = Phone {
        version: "VANILLA".to_owned(),
        ..phone()
    };
    for (generation, phone, is_offered) in [
        (Generation::Java22, &updater, true),
        (Generation::Template14, &updater, true),
        (Generation::Template14, &installed, false),
        // The phone's value is compared from its start in lower case, and the entry's unchanged.
        (Generation::Cm14, &installed, false),
    ] {
        let body = feed(generation, &[&entry]);
        let listing = assess(generation, body.as_bytes(), phone).unwrap();
        assert_eq!(listing.rows[0].verdict == Verdict::Offered, is_offered);
    }
    let lower = feed(Generation::Cm14, &[&entry.to_lowercase()]);
    let listing = assess(Generation::Cm14, lower.as_bytes(), &installed).unwrap();
    assert_eq!(listing.rows[0].verdict, Verdict::Offered);
}

#[test]
fn base_and_template_lead_to_one_address() {
    let template = "https://h/api/v1/{device}/{type}/{incr}";
    for generation in V1 {
        let property = match generation {
            Generation::Cm14 | Generation::First15 => "https://h/api",
            _ => template,
        };
        let url = url(generation, property, &phone());
        assert_eq!(url, Ok("https://h/api/v1/dev/nightly/eng.1".to_owned()));
    }
    // A template in place of a base address.
    assert_eq!(
        url(Generation::First15, template, &phone()),
        Ok(format!("{template}/v1/dev/nightly/eng.1"))
    );
    assert!(url(Generation::Cm14, template, &phone()).is_err());
}

/// Clients that fill in a template.
fn fillers() -> impl Iterator<Item = Generation> {
    let all = Generation::LINEAGE.into_iter();
    all.filter(|generation| *generation >= Generation::Template14)
}

#[test]
fn placeholders_are_replaced_everywhere_and_keep_case() {
    let mixed = Phone {
        device: "Dev".to_owned(),
        incremental: "Eng.1".to_owned(),
        ..phone()
    };
    for generation in fillers() {
        for (template, expected) in [
            ("https://h/{device}/{device}.json", "https://h/Dev/Dev.json"),
            ("https://h/api", "https://h/api"),
            (
                "https://h/{type}/{incr}?{type}",
                "https://h/nightly/Eng.1?nightly",
            ),
            ("https://h/{DEVICE}/{Type}", "https://h/{DEVICE}/{Type}"),
        ] {
            let url = url(generation, template, &mixed);
            assert_eq!(url.as_deref(), Ok(expected));
        }
    }
    // In this order, so that placeholders in an earlier value are replaced as well.
    let odd = Phone {
        device: "{incr}".to_owned(),
        ..mixed
    };
    assert_eq!(
        url(Generation::Java22, "https://h/{device}", &odd).as_deref(),
        Ok("https://h/Eng.1")
    );
}

#[test]
fn unset_property_leads_to_the_official_server() {
    let v1 = "https://download.lineageos.org/api/v1/dev/nightly/eng.1";
    let v2 = "https://download.lineageos.org/api/v2/devices/dev/builds";
    for (generation, expected) in [
        (Generation::Cm14, v1),
        (Generation::First15, v1),
        (Generation::Template14, v1),
        (Generation::Java22, v1),
        (Generation::KotlinV1, v1),
        (Generation::KotlinVersion, v2),
        (Generation::Kotlin23, v2),
    ] {
        assert_eq!(url(generation, "", &phone()).as_deref(), Ok(expected));
    }
}

#[test]
fn values_are_not_escaped_and_cmupdater_throws() {
    let odd = Phone {
        device: "My Dev".to_owned(),
        release_type: "test ü".to_owned(),
        incremental: "eng.ü 1/2?x#y".to_owned(),
        ..phone()
    };
    let raw = "https://h/api/v1/My Dev/test ü/eng.ü 1/2?x#y";
    let template = "https://h/api/v1/{device}/{type}/{incr}";
    assert_eq!(
        url(Generation::First15, "https://h/api", &odd).as_deref(),
        Ok(raw)
    );
    for generation in fillers() {
        assert_eq!(url(generation, template, &odd).as_deref(), Ok(raw));
    }
    assert!(url(Generation::Cm14, "https://h/api", &odd).is_err());
    // Only letters are legal there, and they are sent escaped.
    let letters = Phone {
        incremental: "ü".to_owned(),
        ..phone()
    };
    assert_eq!(
        url(Generation::Cm14, "https://h/api", &letters).as_deref(),
        Ok("https://h/api/v1/dev/nightly/%C3%BC")
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
        url(Generation::Cm14, "https://h/api", &empty).as_deref(),
        Ok("https://h/api/v1/dev/unofficial/")
    );
    assert_eq!(
        url(Generation::First15, "https://h/api", &empty).as_deref(),
        Ok("https://h/api/v1/dev//")
    );
    for generation in fillers() {
        let url = url(
            generation,
            "https://h/api/v1/{device}/{type}/{incr}",
            &empty,
        );
        assert_eq!(url.as_deref(), Ok("https://h/api/v1/dev//"));
    }
}

#[test]
fn cleartext_is_refused_by_newer_clients() {
    for generation in Generation::LINEAGE {
        let is_refused = url(generation, "http://h/api", &phone()).is_err();
        assert_eq!(is_refused, generation >= Generation::Java22, "{generation}");
    }
    let trimmed = url(Generation::Kotlin23, " https://h/{device}.json\n", &phone());
    assert_eq!(trimmed.as_deref(), Ok("https://h/dev.json"));
    assert!(url(Generation::Kotlin23, "HTTPS://h/", &phone()).is_err());
}

#[test]
fn names_of_generations_are_distinct() {
    let names: BTreeSet<&str> = Generation::LINEAGE.map(Generation::name).into();
    assert_eq!(names.len(), Generation::LINEAGE.len());
}
