//! Several packages with one name, address or content, and packages that take another one's place.

use super::*;

#[test]
fn a_different_zip_in_place_of_a_published_build_is_an_error() {
    let dir = RomDir::new();
    dir.put(&good(0), bacon(0));
    dir.put(&good(1), bacon(1));
    dir.generate().expect(0);
    dir.put(&good(0), Zip::new().stored("module.prop", "x").build());
    let run = dir.generate().expect(1);
    run.says(": not an installable ROM package: a Magisk or KernelSU module");
}

#[test]
fn different_packages_of_one_name_are_both_left_out_until_one_is_published() {
    let (a, b) = ("a/update.zip", "b/update.zip");
    let (dir, run) = next_to_good(|dir| {
        dir.put(&format!("builds/{a}"), bacon(2));
        dir.put(&format!("builds/{b}"), bacon(3));
    });
    let run = run
        .expect(1)
        .says(&format!(
            "error: {a}: a different package has the same file name: {b}\n  hint: rename or remove one"
        ))
        .says(&format!(
            "error: {b}: a different package has the same file name: {a}\n  hint: rename or remove one"
        ));
    is_escaped(&run);
    offers_both_good_builds(&dir);
    // The published one stays, wherever it is.
    let (dir, run) = next_to_good(|dir| {
        dir.put(&format!("builds/a/{}", bacon_name(0)), bacon(2));
    });
    one_error(
        &run.expect(1),
        "a different package has the same file name: bacon/",
        "rename or remove one",
    );
    offers_both_good_builds(&dir);
}

#[test]
fn the_same_bytes_under_two_paths_are_one_build() {
    let (dir, run) = next_to_good(|dir| {
        dir.put(&format!("builds/mirror/{}", bacon_name(1)), bacon(1));
        dir.put("builds/a copy.zip", bacon(0));
    });
    run.expect(0)
        .says(&format!(
            "passed over mirror/{0}: the same bytes as bacon/{0}",
            bacon_name(1)
        ))
        .says("passed over a copy.zip: the same bytes as bacon/");
    offers_both_good_builds(&dir);
}

#[test]
fn a_copy_with_an_uninformative_name_hides_no_build() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&good(1), bacon(1))
        .file("builds/a-latest.zip", bacon(1));
    dir.generate().expect(0).says(&format!(
        "passed over a-latest.zip: the same bytes as bacon/{}",
        bacon_name(1)
    ));
    offers_both_good_builds(&dir);
    // Unless it was the only one, and phones have been offered it.
    let dir = RomDir::new().file("builds/latest.zip", bacon(1));
    dir.generate().expect(0);
    dir.put(&good(1), bacon(1));
    dir.generate()
        .expect(0)
        .says("the same bytes as latest.zip");
}

#[test]
fn a_package_renamed_next_to_its_rebuild_stays_published() {
    for old in ["old-rom.zip", "rom_old.zip"] {
        let dir = RomDir::new().file("builds/rom.zip", bacon(0));
        dir.generate().expect(0);
        dir.remove("builds/rom.zip");
        dir.put(&format!("builds/{old}"), bacon(0));
        dir.put("builds/rom.zip", bacon(1));
        dir.generate().expect(0);
        let feed = dir.read("out/api/v1/bacon/nightly.json");
        let feed: Value = serde_json::from_slice(&feed).unwrap();
        assert_eq!(feed["response"].as_array().unwrap().len(), 2, "{old}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_the_latest_package_hides_no_older_one() {
    for alias in ["a-latest.zip", "latest.zip"] {
        let dir = RomDir::new().file(&good(0), bacon(0));
        let link = dir.path().join("builds").join(alias);
        let point = |days| {
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(dir.path().join(good(days)), &link).unwrap();
        };
        point(0);
        dir.generate().expect(0);
        dir.put(&good(1), bacon(1));
        point(1);
        dir.generate().expect(0);
        offers_both_good_builds(&dir);
    }
}

#[test]
fn a_package_that_takes_the_name_of_one_that_is_gone_is_published() {
    for url in ["https://h/{filename}", "https://h/{sha256}"] {
        let dir = RomDir::new()
            .file("builds/lineage-1-bacon.zip", bacon(0))
            .file("builds/lineage-2-bacon.zip", bacon(1));
        let generate = || dir.run(&["generate", "--url", url]);
        generate().expect(0);
        dir.remove("builds/lineage-1-bacon.zip");
        dir.put("builds/lineage-1-bacon.zip", bacon(1));
        dir.remove("builds/lineage-2-bacon.zip");
        generate().expect(0);
        generate().expect(0);
        let feed = dir.read("out/api/v1/bacon/nightly.json");
        let feed: Value = serde_json::from_slice(&feed).unwrap();
        assert_eq!(
            feed["response"][0]["filename"], "lineage-1-bacon.zip",
            "{feed}"
        );
        assert_eq!(feed["response"][0]["datetime"], 1_700_086_400, "{feed}");
    }
}

#[test]
fn one_address_in_two_packages_stops_neither_the_run_nor_the_rest() {
    let own = ("ro.build.ota.url", "https://host.example/latest.zip");
    let zip = |days| {
        let props = bacon_props(days).set(own.0, own.1);
        Package::files(props.set("ro.lineage.device", "mako"))
            .without_metadata()
            .build()
    };
    let (dir, run) = next_to_good(|dir| {
        dir.put("builds/mako-2.zip", zip(2));
        dir.put("builds/mako-3.zip", zip(3));
    });
    run.expect(1).says("https://host.example/latest.zip");
    let feed = dir.read("out/api/v1/bacon/nightly.json");
    let feed: Value = serde_json::from_slice(&feed).unwrap();
    assert_eq!(feed["response"].as_array().unwrap().len(), 2);
}

#[test]
fn a_published_package_that_is_damaged_is_not_offered_until_repaired() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&good(1), bacon(1));
    dir.generate().expect(0);
    let (catalog, site) = (dir.read("catalog.json"), dir.tree("out"));
    for rotten in [&b""[..], b"PK\x03\x04 cut", b"rot"] {
        dir.put(&good(0), rotten);
        let run = dir.run(&GENERATE).expect(1);
        one_error(&run, &format!("bacon/{}: ", bacon_name(0)), "");
        // Its bytes differ from what the feed promises; its phones still get an answer.
        let feed = dir.read("out/api/v1/bacon/nightly.json");
        let feed: Value = serde_json::from_slice(&feed).unwrap();
        assert_eq!(feed["response"].as_array().unwrap().len(), 1);
        assert!(dir.path().join("out/api/v1/bacon/nightly/inc0").exists());
        dir.put(&good(0), bacon(0));
        dir.generate().expect(0).says("offered again");
        assert_eq!(dir.read("catalog.json"), catalog);
        assert_eq!(dir.tree("out"), site);
    }
}
