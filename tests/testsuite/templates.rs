//! Feed templates: the shipped ones, read as their clients read them, a user's own, and their
//! errors.

mod announcements;
mod errors;
mod own;
mod shipped;

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::package::Package;
use testkit::props::Props;

use crate::clients::offered;
use crate::support::{RomDir, Run, bacon, bacon_name};

/// A folder with two builds of bacon and these settings.
fn bacons(settings: &str) -> RomDir {
    RomDir::new()
        .file(&format!("builds/bacon/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/bacon/{}", bacon_name(7)), bacon(7))
        .file("romfeed.toml", settings)
}

fn enable(names: &[&str]) -> String {
    let feed = |name: &&str| format!("[[feed]]\ntemplate = \"{name}\"\n");
    names.iter().map(feed).collect()
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

fn json(dir: &RomDir, path: &str) -> Value {
    let text = text(dir, path);
    assert!(text.is_ascii() && text.ends_with('\n') && !text.ends_with("\n\n"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const ENCHILADA: [(i64, &str); 2] = [(1_747_476_863, "eng.1"), (1_749_896_318, "eng.2")];

fn enchilada_name(timestamp: i64) -> String {
    let day = testkit::props::day(timestamp);
    format!("builds/lineage-22.2-{day}-UNOFFICIAL-enchilada.zip")
}

const DELTA: &str = "builds/lineage-22.2-20250614-UNOFFICIAL-enchilada-from-eng.1.zip";

/// Two builds of an A/B device and the delta between them, all with signature files.
fn enchilada(settings: &str) -> RomDir {
    let dir = RomDir::new().file("romfeed.toml", settings);
    let props = |(timestamp, incremental): (i64, &str)| {
        let (device, patch) = ("enchilada", "2025-05-05");
        Props::lineage(
            "22.2",
            "UNOFFICIAL",
            device,
            timestamp,
            incremental,
            35,
            patch,
        )
    };
    let csig = |digit: &str| {
        let digest = digit.repeat(64);
        format!("\x30\x01{{\"version\":2,\"files\":[],\"vbmeta_digest\":\"{digest}\"}}\x00")
    };
    for (build, digit) in ENCHILADA.into_iter().zip(["1", "2"]) {
        let name = enchilada_name(build.0);
        dir.put(&format!("{name}.prop"), props(build).text());
        dir.put(&format!("{name}.csig"), csig(digit));
        dir.put(&name, Package::payload(props(build)).build());
    }
    let delta = Package::payload(props(ENCHILADA[1])).delta("eng.1", "a/b/c");
    dir.put(DELTA, delta.build());
    dir.put(&format!("{DELTA}.csig"), csig("2"));
    dir
}

/// Returns everything that a run may change.
fn state(dir: &RomDir) -> (BTreeMap<String, Vec<u8>>, Vec<u8>) {
    (dir.tree("out"), dir.read("catalog.json"))
}

/// Fails unless a run over an existing site fails with this error and changes nothing.
#[track_caller]
fn refuses(template: &str, messages: &[&str]) -> Run {
    refuses_with(template, "[[feed]]\ntemplate = \"mine\"\n", messages)
}

#[track_caller]
fn refuses_with(template: &str, settings: &str, messages: &[&str]) -> Run {
    let dir = bacons("");
    dir.generate().expect(0);
    let before = state(&dir);
    // A new build, which would be written if the run went on.
    dir.put(&format!("builds/bacon/{}", bacon_name(9)), bacon(9));
    dir.put("templates/feeds/mine.j2", template);
    dir.put("romfeed.toml", settings);
    let mut run = dir.generate().expect(2);
    assert_eq!(state(&dir), before, "{}", run.stderr);
    for message in messages {
        run = run.says(message);
    }
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    // Without a site before, none is made.
    std::fs::remove_dir_all(dir.path().join("out")).unwrap();
    dir.remove("catalog.json");
    dir.generate().expect(2);
    assert!(!dir.path().join("out").exists() && !dir.path().join("catalog.json").exists());
    run
}
