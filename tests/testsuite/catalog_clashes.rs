//! Catalog files of devices that contradict each other, as a merge of git may leave them.

use serde_json::Value;

use super::support::{BASE_URL, RomDir, Run};
use super::workers::package;

fn put_package(dir: &RomDir, device: &str, number: usize) {
    let (name, zip) = package(device, number);
    dir.put(&format!("builds/{device}/{name}"), zip);
}

fn catalog_only(dir: &RomDir, more: &[&str]) -> Run {
    dir.run(&[&["generate", "--catalog-only"], more].concat())
}

/// A site with a build of each of three devices. Its zips are served elsewhere.
fn three_devices() -> RomDir {
    let url = "https://dl.example.org/{filename}";
    let settings = format!("base_url = \"{BASE_URL}\"\nurl = \"{url}\"\ncatalog = \"catalog/\"\n");
    let dir = RomDir::new().file("romfeed.toml", settings);
    for device in ["bacon", "FP5", "oriole"] {
        put_package(&dir, device, 0);
    }
    catalog_only(&dir, &[]).expect(0);
    dir
}

fn builds(dir: &RomDir, file: &str) -> Vec<Value> {
    let catalog: Value = serde_json::from_slice(&dir.read(file)).unwrap();
    catalog["builds"].as_array().unwrap().clone()
}

/// Adds a record to the file of another device.
fn add_record(dir: &RomDir, file: &str, mut record: Value, device: &str) {
    let mut catalog: Value = serde_json::from_slice(&dir.read(file)).unwrap();
    record["device"] = device.into();
    catalog["builds"].as_array_mut().unwrap().push(record);
    dir.put(file, catalog.to_string());
}

#[test]
fn files_that_contradict_each_other_stop_the_runs_of_their_devices_alone() {
    let same_build = |_: &mut Value| {};
    let same_name = |record: &mut Value| record["sha256"] = "ab".repeat(32).into();
    let same_id = |record: &mut Value| {
        record["id"] = record["sha256"].clone();
        record["sha256"] = "ab".repeat(32).into();
        record["path"] = "other.zip".into();
    };
    for change in [&same_build as &dyn Fn(&mut Value), &same_name, &same_id] {
        let dir = three_devices();
        let sound = dir.read("catalog/fp5.json");
        let mut record = builds(&dir, "catalog/bacon.json").swap_remove(0);
        change(&mut record);
        add_record(&dir, "catalog/fp5.json", record, "FP5");
        for device in ["bacon", "FP5", "oriole"] {
            put_package(&dir, device, 1);
        }
        let [bacon, fp5] = ["bacon", "fp5"].map(|name| dir.read(&format!("catalog/{name}.json")));
        catalog_only(&dir, &["--device", "oriole"])
            .expect(0)
            .lacks("error:");
        assert_eq!(builds(&dir, "catalog/oriole.json").len(), 2);
        put_package(&dir, "oriole", 2);
        catalog_only(&dir, &[])
            .expect(1)
            .says("error: catalog/bacon.json: both this file and catalog/fp5.json have ")
            .says("error: catalog/fp5.json: both this file and catalog/bacon.json have ")
            .says("2 packages of bacon wait until that is corrected")
            .says("hint: remove the wrong one of the two records from its file");
        assert_eq!(builds(&dir, "catalog/oriole.json").len(), 3);
        assert_eq!(dir.read("catalog/bacon.json"), bacon);
        assert_eq!(dir.read("catalog/fp5.json"), fp5);
        // A site without these builds is not made.
        dir.run(&["generate"])
            .expect(2)
            .says("catalog/bacon.json and catalog/fp5.json both have ");
        assert!(!dir.path().join("out").exists());
        dir.put("catalog/fp5.json", sound);
        dir.run(&["generate"]).expect(0);
    }
}

#[test]
fn all_files_that_have_the_same_build_are_left_out() {
    let dir = three_devices();
    let record = builds(&dir, "catalog/bacon.json").swap_remove(0);
    add_record(&dir, "catalog/fp5.json", record.clone(), "FP5");
    add_record(&dir, "catalog/oriole.json", record, "oriole");
    put_package(&dir, "tokay", 1);
    let catalog = dir.tree("catalog");
    for device in ["bacon", "FP5", "oriole"] {
        catalog_only(&dir, &["--device", device])
            .expect(1)
            .says(&format!("1 package of {device} waits"));
    }
    assert_eq!(dir.tree("catalog"), catalog);
    catalog_only(&dir, &["--device", "tokay"]).expect(0);
    assert_eq!(builds(&dir, "catalog/tokay.json").len(), 1);
}
