//! Builds that were replaced under their file name, and come back.

use serde_json::Value;

use super::support::{BASE_URL, RomDir, bacon};

const OTHER_DEVICE: &str = "[[override]]\npackage = \"rom.zip\"\ndevice = \"bacon2\"\n";

fn set(dir: &RomDir, settings: &str) {
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{settings}"),
    );
}

fn catalog(dir: &RomDir) -> Value {
    serde_json::from_slice(&dir.read("catalog.json")).unwrap()
}

/// A site whose build was corrected to another device, replaced under its file name, and is back.
fn returned() -> RomDir {
    let dir = RomDir::new().file("builds/rom.zip", bacon(0));
    set(&dir, "");
    dir.run(&["generate"]).expect(0);
    set(&dir, OTHER_DEVICE);
    dir.run(&["generate"]).expect(0);
    dir.put("builds/rom.zip", bacon(1));
    dir.run(&["generate"]).expect(0);
    let stones = catalog(&dir)["tombstones"].clone();
    assert_eq!(stones[0]["former"][0]["device"], "bacon", "{stones}");
    dir.put("builds/rom.zip", bacon(0));
    dir.run(&["generate"]).expect(0);
    dir
}

#[test]
fn phones_of_the_former_channel_keep_their_feed() {
    let dir = returned();
    let catalog = catalog(&dir);
    let (builds, stones) = (&catalog["builds"], &catalog["tombstones"]);
    assert_eq!(builds.as_array().unwrap().len(), 1);
    assert_eq!(builds[0]["device"], "bacon2");
    assert_eq!(builds[0]["former"][0]["device"], "bacon", "{builds}");
    assert_eq!(stones.as_array().unwrap().len(), 1, "{stones}");
    assert_eq!(stones[0]["superseded_by"], builds[0]["sha256"]);
    for feed in ["bacon/nightly/inc0", "bacon2/nightly/inc0"] {
        assert!(dir.path().join("out/api/v1").join(feed).exists(), "{feed}");
    }
    dir.run(&["check"]).expect(0);
}

#[test]
fn a_build_that_is_back_keeps_its_id() {
    let dir = RomDir::new().file("builds/rom.zip", bacon(0));
    set(&dir, "");
    dir.run(&["generate"]).expect(0);
    let mut known = catalog(&dir);
    known["builds"][0]["id"] = "first".into();
    dir.put("catalog.json", known.to_string());
    dir.run(&["generate"]).expect(0);
    for day in [1, 0] {
        dir.put("builds/rom.zip", bacon(day));
        dir.run(&["generate"]).expect(0);
    }
    assert_eq!(catalog(&dir)["builds"][0]["id"], "first");
    let feed: Value = serde_json::from_slice(&dir.read("out/api/v1/bacon/nightly.json")).unwrap();
    assert_eq!(feed["response"][0]["id"], "first");
}
