//! Catalogs that are missing, or have lost published builds.

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

const SHA: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// `catalog add` of a build whose package is elsewhere.
fn add(dir: &RomDir, flags: &[&str]) -> super::support::Run {
    let facts = [
        ["--size", "9"],
        ["--sha256", SHA],
        ["--incremental", "remote"],
        ["--url", "https://dl.example.org/r.zip"],
    ];
    dir.add_build(&[facts.as_flattened(), flags].concat())
}

/// A site with one package in this folder and one elsewhere.
fn published() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    add(&dir, &[]).expect(0);
    dir.run(&["generate"]).expect(0);
    dir
}

fn has_remote(dir: &RomDir) -> bool {
    dir.path().join("out/api/v1/bacon/nightly/remote").exists()
}

#[test]
fn a_missing_catalog_is_not_treated_as_empty() {
    let dir = published();
    let site = dir.tree("out");
    std::fs::rename(dir.path().join("catalog.json"), dir.path().join("saved")).unwrap();
    for args in [
        &["generate"][..],
        &["generate", "--dry-run"],
        &["catalog", "remove", SHA],
    ] {
        dir.run(args)
            .expect(2)
            .says("there is no catalog catalog.json, and the site in out was published from one")
            .says("--new-catalog");
    }
    add(&dir, &[]).expect(2);
    dir.put("feed.json", "{\"response\":[]}");
    let import = [
        "catalog",
        "import",
        "feed.json",
        "--device",
        "bacon",
        "--romtype",
        "nightly",
    ];
    dir.run(&import).expect(2);
    // Even without packages, the folder is not treated as one that was never published.
    dir.run(&["generate", "--builds", "."]).expect(2);
    assert_eq!(dir.tree("out"), site);
    assert!(!dir.path().join("catalog.json").exists());
    std::fs::rename(dir.path().join("saved"), dir.path().join("catalog.json")).unwrap();
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), site);
}

#[test]
fn every_published_build_must_be_in_the_catalog() {
    let dir = published();
    let site = dir.tree("out");
    let whole = dir.read("catalog.json");
    let mut shrunk: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    shrunk["builds"]
        .as_array_mut()
        .unwrap()
        .retain(|b| b["sha256"] != SHA);
    dir.put("catalog.json", shrunk.to_string());
    dir.run(&["generate"])
        .expect(2)
        .says(&format!(
            "catalog.json lacks the sha256 or id `{SHA}` of a published build"
        ))
        .says("git log -p -- catalog.json");
    assert_eq!(dir.tree("out"), site);
    // A build in another catalog is known, and so is a tombstone.
    dir.put("other.json", &whole);
    dir.run(&[
        "generate",
        "--catalog",
        "catalog.json",
        "--catalog",
        "other.json",
    ])
    .expect(0);
    dir.put("catalog.json", &whole);
    dir.run(&["catalog", "remove", SHA]).expect(0);
    dir.run(&["generate"]).expect(0);
    // A merge that loses the tombstone would offer the build again.
    let mut merged: serde_json::Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    merged["tombstones"] = serde_json::json!([]);
    dir.put("catalog.json", merged.to_string());
    dir.run(&["generate"])
        .expect(2)
        .says("of a published build");
}

#[test]
fn a_new_catalog_is_created_on_request() {
    let dir = published();
    dir.remove("catalog.json");
    dir.run(&["generate", "--new-catalog"]).expect(0);
    assert!(!has_remote(&dir));
    dir.run(&["generate"]).expect(0);
    dir.remove("catalog.json");
    add(&dir, &["--new-catalog"]).expect(0);
    dir.run(&["generate"])
        .expect(2)
        .says("of a published build");
    dir.run(&["generate", "--new-catalog"]).expect(0);
    assert!(has_remote(&dir));
}

#[test]
fn the_manifest_of_an_earlier_version_proves_that_a_site_was_published() {
    let dir = published();
    let manifest = "out/.romfeed/manifest.json";
    let mut old: serde_json::Value = serde_json::from_slice(&dir.read(manifest)).unwrap();
    assert_eq!(old["builds"].as_array().unwrap().len(), 2);
    old.as_object_mut().unwrap().remove("builds");
    dir.put(manifest, old.to_string());
    let catalog = dir.read("catalog.json");
    dir.remove("catalog.json");
    dir.run(&["generate"]).expect(2).says("there is no catalog");
    dir.put("catalog.json", catalog);
    dir.run(&["generate"]).expect(0);
    let new: serde_json::Value = serde_json::from_slice(&dir.read(manifest)).unwrap();
    assert_eq!(new["builds"].as_array().unwrap().len(), 2);
}

#[test]
fn a_catalog_that_is_named_twice_is_read_once() {
    let dir = published();
    dir.remove(&format!("builds/{}", bacon_name(0)));
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    // An earlier state of the catalog would offer the build that is retired now.
    let run = dir.run(&[
        "generate",
        "--catalog",
        "catalog.json",
        "--catalog",
        "./catalog.json",
    ]);
    run.expect(0).says("retired");
    let list = dir.read("out/api/v1/bacon/nightly.json");
    let list = String::from_utf8(list).unwrap();
    assert!(!list.contains(&bacon_name(0)), "{list}");
    dir.run(&["generate"]).expect(0).says("is up to date");
}

#[test]
fn edited_id_of_a_published_build_is_noticed() {
    let dir = RomDir::new();
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put(
        "feed.json",
        format!(
            r#"{{"response":[{{"datetime":1722470400,"filename":"lineage-21.0-20240801-nightly-bacon.zip",
            "id":"known-to-phones","sha256":"{SHA}","romtype":"nightly","size":5,
            "url":"https://h.example.org/x.zip","version":"21.0"}}]}}"#
        ),
    );
    dir.run(&["catalog", "import", "feed.json"]).expect(0);
    dir.run(&["generate"]).expect(0);
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert!(
        catalog.contains("known-to-phones") && catalog.contains(SHA),
        "{catalog}"
    );
    dir.put("catalog.json", catalog.replace("known-to-phones", "edited"));
    dir.run(&["generate"])
        .expect(2)
        .says("catalog.json lacks the sha256 or id `known-to-phones` of a published build")
        .lacks("more");
    dir.put("catalog.json", catalog);
    dir.run(&["generate"]).expect(0).says("is up to date");
}
