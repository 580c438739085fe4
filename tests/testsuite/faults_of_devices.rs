//! Faults of zips in runs for single devices.

use super::support::{BASE_URL, RomDir, Run};
use super::workers::package;

/// A site with a zip of two devices in its catalog; that of FP5 has no codename in its file name.
fn site() -> RomDir {
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"catalog/\"\n");
    let dir = RomDir::new().file("romfeed.toml", settings);
    let (name, zip) = package("bacon", 0);
    dir.put(&format!("builds/{name}"), zip);
    dir.put("builds/rom.zip", package("FP5", 0).1);
    dir.run(&["generate", "--catalog-only"]).expect(0);
    dir
}

fn run_for(dir: &RomDir, device: &str) -> Run {
    dir.run(&["generate", "--catalog-only", "--device", device])
}

/// Requires that a zip with a fault fails the runs for its device and for all, but not that for another.
#[track_caller]
fn expect_fault_of(dir: &RomDir, device: &str, other: &str, zip: &str) {
    run_for(dir, other).expect(0).lacks("error:");
    let error = format!("error: {zip}: ");
    run_for(dir, device).expect(1).says(&error);
    dir.run(&["generate", "--catalog-only"])
        .expect(1)
        .says(&error);
}

#[test]
fn a_broken_zip_with_the_codename_of_another_device_fails_no_run() {
    let dir = site();
    let (name, zip) = package("FP5", 1);
    dir.put(&format!("builds/{name}"), &zip[..zip.len() / 2]);
    expect_fault_of(&dir, "FP5", "bacon", &name);
}

#[test]
fn a_published_zip_of_another_device_that_was_broken_fails_no_run() {
    let dir = site();
    dir.put("builds/rom.zip", "not a zip");
    expect_fault_of(&dir, "FP5", "bacon", "rom.zip");
}

#[test]
fn a_broken_zip_under_an_alias_is_one_of_the_device() {
    let dir = site();
    let mut settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    settings += "[device.bacon]\naliases = [\"A0001\"]\n";
    dir.put("romfeed.toml", settings);
    let name = "lineage-21.0-20240801-nightly-A0001.zip";
    dir.put(&format!("builds/{name}"), "not a zip");
    // No build has this codename yet.
    let mut settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    settings += "[device.A0001]\nkeep = 2\n";
    dir.put(
        "romfeed.toml",
        settings.replace("aliases = [\"A0001\"]", "keep = 2"),
    );
    run_for(&dir, "bacon").expect(0).lacks("error:");
    dir.put(
        "romfeed.toml",
        settings.replace("[device.A0001]\nkeep = 2\n", ""),
    );
    run_for(&dir, "bacon").expect(1).says(name);
}

#[test]
fn a_broken_zip_of_an_unknown_device_fails_all_runs() {
    for name in ["new.zip", "lineage-21.0-20240801-nightly-unknown.zip"] {
        let dir = site();
        dir.put(&format!("builds/{name}"), "not a zip");
        for device in ["bacon", "FP5"] {
            run_for(&dir, device)
                .expect(1)
                .says(&format!("error: {name}: "));
        }
    }
}
