//! The errors and findings of `check`.
//!
//! Findings on misbehaving hosts are pinned in the tests of each rule, by their messages.

use std::os::unix::fs::symlink;

use super::{BASE_URL, RomDir, Transcript, bacon, published, zip_path};

const CHECK: [&str; 3] = ["check", "--base-url", BASE_URL];

#[test]
fn errors_on_the_command_line() {
    let mut transcript = Transcript::default();
    let dir = RomDir::new().file("empty.pem", "nothing");
    for (title, args) in [
        ("there is no site", &["check"][..]),
        (
            "a scheme that phones cannot use",
            &["check", "--url", "ftp://h"],
        ),
        (
            "control characters in an address",
            &["check", "--url", "https://h\u{1b}[31m\n/"],
        ),
        (
            "a placeholder without its value",
            &["check", "--url", "https://h/{device}"],
        ),
        (
            "a certificate that does not exist",
            &["check", "--ca", "none.pem"],
        ),
        (
            "a file without a certificate",
            &["check", "--ca", "empty.pem"],
        ),
        ("an unknown flag", &["check", "--uri", "https://h"]),
        ("a zip that does not exist", &["check", "gone.zip"]),
    ] {
        transcript.run(title, &dir, args);
    }
    insta::assert_snapshot!(transcript.0);
}

/// Every rule with its reason and its fix.
#[test]
fn the_list_of_rules() {
    let mut transcript = Transcript::default();
    transcript.run("all rules", &RomDir::new(), &["check", "--rules"]);
    insta::assert_snapshot!(transcript.0);
}

#[test]
fn findings_in_a_folder() {
    let mut transcript = Transcript::default();
    transcript.run("a sound site", &published(), &CHECK);
    let list = "out/api/v1/bacon/nightly.json";
    let sound = String::from_utf8(published().read(list)).unwrap();
    let other = |from: &str, to: &str| {
        assert!(sound.contains(from), "no {from} in {sound}");
        sound.replace(from, to)
    };
    for (title, text) in [
        ("a page in the place of a list", "<html>".to_owned()),
        (
            "a list that is cut short",
            sound[..sound.len() / 2].to_owned(),
        ),
        (
            "a list with a key twice",
            sound.replacen('{', "{\"response\":[],", 1),
        ),
        ("a list without its key", "{}".to_owned()),
        (
            "an entry of another release type",
            other("\"nightly\"", "\"weekly\""),
        ),
        ("an address without https", other("https://", "http://")),
        ("an address of another file", other(".zip\",", "x.zip\",")),
        ("a date that is a text", other("1700000000", "\"soon\"")),
        (
            "a date in milliseconds",
            other("1700000000", "1700000000000"),
        ),
        ("an earlier date", other("1700000000", "1600000000")),
        ("a later date", other("1700000000", "1700000060")),
    ] {
        let dir = published();
        dir.put(list, text);
        transcript.run(title, &dir, &CHECK);
    }
    let dir = published();
    for path in ["404.html", "bacon.json", "api/v1/bacon/nightly.json"] {
        dir.remove(&format!("out/{path}"));
    }
    transcript.run("files are missing", &dir, &CHECK);
    let dir = published();
    dir.remove("out/api/v1/bacon/nightly/inc0");
    transcript.run("the list of an incremental is missing", &dir, &CHECK);
    let dir = published();
    dir.remove("out/bacon.json");
    dir.put("out/bacon.json/x", "");
    transcript.run("a folder in the place of a file", &dir, &CHECK);
    let dir = published();
    std::fs::remove_dir_all(dir.path().join("out/api")).unwrap();
    dir.remove("out/bacon.json");
    transcript.run("no list is left", &dir, &CHECK);
    let dir = published();
    dir.put("out/.romfeed/manifest.json", "{");
    transcript.run("a damaged manifest", &dir, &CHECK);
    let dir = published();
    dir.remove(&zip_path(0));
    transcript.run("a package is gone", &dir, &CHECK);
    let dir = published();
    dir.put(&zip_path(0), &bacon(0)[1..]);
    transcript.run("a package of another length", &dir, &CHECK);
    let dir = published();
    dir.put(&zip_path(0), bacon(1));
    transcript.run("a package of another build", &dir, &CHECK);
    for (title, target) in [
        ("a link to nothing", "nothing"),
        ("a link to itself", "nightly.json"),
    ] {
        let dir = published();
        dir.remove(list);
        symlink(target, dir.path().join(list)).unwrap();
        transcript.run(title, &dir, &CHECK);
    }
    let dir = published();
    dir.put("catalog.json", "{");
    transcript.run("a damaged catalog", &dir, &CHECK);
    let long = format!("https://example.org/{}", "long/".repeat(12));
    let dir = published();
    transcript.run(
        "an address too long for a property",
        &dir,
        &["check", "--base-url", &long],
    );
    insta::assert_snapshot!(transcript.0);
}

#[test]
fn findings_in_zips() {
    let mut transcript = Transcript::default();
    let dir = RomDir::new()
        .file("rot.zip", "rot")
        .file("empty.zip", "")
        .file("unsigned.zip", bacon(0));
    for (title, name) in [
        ("not a zip", "rot.zip"),
        ("an empty file", "empty.zip"),
        ("a package without a signature", "unsigned.zip"),
    ] {
        transcript.run(title, &dir, &["check", name]);
    }
    insta::assert_snapshot!(transcript.0);
}
