//! Catalogs that are read again and again.

use std::fs;
use std::path::PathBuf;

use romfeed::catalog::{Catalogs, Parsed};
use romfeed::model::config::Config;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A record whose package is elsewhere; no two have the same number.
fn record(device: &str, number: u32) -> Value {
    json!({
        "device": device,
        "romtype": "nightly",
        "version": "21.0",
        "datetime": 1_500_000_000 + number,
        "kind": "full",
        "url": format!("https://dl.example.org/{device}{number}.zip"),
        "path": format!("{device}{number}.zip"),
        "size": 5,
        "sha256": format!("{number:064}"),
    })
}

fn tombstone(device: &str, number: u32) -> Value {
    json!({
        "device": device,
        "romtype": "nightly",
        "version": "21.0",
        "datetime": 1_500_000_000 + number,
        "filename": format!("{device}{number}.zip"),
        "sha256": format!("{number:064}"),
        "reason": "removed",
    })
}

fn moved(device: &str, number: u32, former: &str) -> Value {
    let mut record = record(device, number);
    record["former"] = json!([{ "device": former, "romtype": "nightly" }]);
    record
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(TempDir::new().unwrap());
        fs::create_dir(folder.0.path().join("catalog")).unwrap();
        folder
    }

    fn file(&self, device: &str) -> PathBuf {
        self.0.path().join(format!("catalog/{device}.json"))
    }

    fn put(&self, device: &str, builds: &[Value], tombstones: &[Value]) {
        let text = json!({
            "schema": 1,
            "aliases": { device: [format!("{device}_{}", builds.len())] },
            "builds": builds,
            "tombstones": tombstones,
        });
        fs::write(self.file(device), text.to_string()).unwrap();
    }

    fn settings(&self) -> Config {
        let limits = ota_view::io::Limits::new(std::env::temp_dir(), std::time::Instant::now);
        Config {
            catalogs: vec![self.0.path().join("catalog/")],
            ..Config::for_folder(self.0.path(), limits)
        }
    }
}

/// Whether both catalogs have the same record in memory.
fn is_shared(one: &Catalogs, other: &Catalogs, number: u32) -> bool {
    let record = |catalogs: &Catalogs| {
        let record = catalogs.own.builds.get(&format!("{number:064}"));
        std::ptr::from_ref(record.unwrap())
    };
    record(one) == record(other)
}

#[test]
fn what_changed_step_by_step_is_what_is_read_at_once() {
    let folder = Folder::new();
    let mut parsed = Parsed::default();
    let mut check = |step: &str| {
        let changed = Catalogs::load_changed(&folder.settings(), &mut parsed).unwrap();
        let read = Catalogs::load(&folder.settings()).unwrap();
        assert_eq!(changed.own, read.own, "{step}");
    };
    check("nothing");
    folder.put("mako", &[record("mako", 1), record("mako", 2)], &[]);
    folder.put("onyx", &[record("onyx", 3)], &[tombstone("onyx", 4)]);
    check("two devices");
    folder.put("mako", &[record("mako", 1)], &[tombstone("mako", 2)]);
    check("a build was removed");
    folder.put("lark", &[record("lark", 5)], &[]);
    check("a new device");
    folder.put("onyx", &[record("onyx", 3), moved("onyx", 1, "mako")], &[]);
    check("a build is in two files while it moves");
    folder.put("onyx", &[record("onyx", 3)], &[]);
    check("the file it moved to is as it was before");
    folder.put("onyx", &[record("onyx", 3), moved("onyx", 1, "mako")], &[]);
    folder.put("mako", &[], &[tombstone("mako", 2)]);
    check("a build has moved");
    fs::remove_file(folder.file("lark")).unwrap();
    check("a device is gone");
    folder.put("lark", &[record("lark", 5)], &[]);
    check("and is back");
}

#[test]
fn only_changed_files_are_read() {
    let folder = Folder::new();
    folder.put("mako", &[record("mako", 1)], &[]);
    folder.put("onyx", &[record("onyx", 2)], &[]);
    let mut parsed = Parsed::default();
    let first = Catalogs::load_changed(&folder.settings(), &mut parsed).unwrap();
    folder.put("mako", &[record("mako", 1), record("mako", 3)], &[]);
    let second = Catalogs::load_changed(&folder.settings(), &mut parsed).unwrap();
    assert_eq!(second.own.builds.len(), 3);
    assert!(is_shared(&first, &second, 2) && !is_shared(&first, &second, 1));
    let again = Catalogs::load(&folder.settings()).unwrap();
    assert!(!is_shared(&again, &second, 2));
}

#[test]
fn after_an_error_only_the_faulty_file_is_read_again() {
    let folder = Folder::new();
    folder.put("mako", &[record("mako", 1)], &[]);
    folder.put("onyx", &[record("onyx", 2)], &[]);
    let mut parsed = Parsed::default();
    let first = Catalogs::load_changed(&folder.settings(), &mut parsed).unwrap();
    fs::write(folder.file("mako"), "{").unwrap();
    Catalogs::load_changed(&folder.settings(), &mut parsed).expect_err("half a file");
    folder.put("mako", &[record("mako", 3)], &[]);
    let second = Catalogs::load_changed(&folder.settings(), &mut parsed).unwrap();
    assert_eq!(second.own.builds.len(), 2);
    assert!(is_shared(&first, &second, 2));
}
