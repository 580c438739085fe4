//! Servers whose catalogs change: one file, a file for each device, several catalogs, several servers.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::program::Running;
use super::*;

/// The two forms of a catalog, and in each the file of the device `mako`.
const FORMS: [(&str, &str); 2] = [
    ("catalog.json", "catalog.json"),
    ("catalog/", "catalog/mako.json"),
];

/// A record whose package is elsewhere; no two have the same number.
fn record(device: &str, number: u32) -> Value {
    let name = format!("lineage-14.1-2017{number:04}-nightly-{device}.zip");
    json!({
        "device": device,
        "romtype": "nightly",
        "version": "14.1",
        "datetime": 1_500_000_000 + number,
        "incremental": number.to_string(),
        "kind": "full",
        "url": format!("https://dl.example.org/{name}"),
        "path": name,
        "size": 5,
        "sha256": format!("{number:064}"),
    })
}

/// The text of a catalog.
fn text(records: &[Value]) -> String {
    json!({ "schema": 1, "builds": records, "tombstones": [] }).to_string()
}

/// Replaces a file in one step, since servers read it at any moment.
fn replace(dir: &RomDir, file: &str, text: impl AsRef<[u8]>) {
    dir.put(".replacement", text);
    let file = dir.path().join(file);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::rename(dir.path().join(".replacement"), file).unwrap();
}

/// Writes these records as the catalog.
fn put(dir: &RomDir, catalog: &str, records: &[Value]) {
    if !catalog.ends_with('/') {
        return replace(dir, catalog, text(records));
    }
    let mut devices: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for record in records {
        let device = record["device"].as_str().unwrap();
        devices.entry(device).or_default().push(record.clone());
    }
    for (device, records) in devices {
        replace(dir, &format!("{catalog}{device}.json"), text(&records));
    }
}

fn config_of(dir: &RomDir, catalogs: &[&str]) -> Config {
    let catalogs = catalogs.iter().map(|path| dir.path().join("").join(path));
    Config {
        catalogs: catalogs.collect(),
        ..config(dir)
    }
}

/// Whether the server offers the build of this number.
fn offers(addr: SocketAddr, device: &str, number: u32) -> bool {
    let list = get(addr, &format!("/api/v1/{device}/nightly.json"));
    list.text().contains(&format!("{number:064}"))
}

/// Stores why the site could not be brought up to date.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Hooks for Recorder {
    fn failed(&self, error: &romfeed::generate::Error) {
        use std::error::Error as _;
        let cause = error.source().map_or(String::new(), |e| format!(": {e}"));
        self.0.lock().unwrap().push(format!("{error}{cause}"));
    }
}

#[test]
fn an_unusable_catalog_leaves_the_site_as_it_is_until_the_next_usable_one() {
    for (catalog, file) in FORMS {
        let dir = RomDir::new();
        let two = [record("mako", 1), record("onyx", 2)];
        put(&dir, catalog, &two);
        let recorder = Arc::new(Recorder::default());
        let addr = serve_for(config_of(&dir, &[catalog]), Arc::clone(&recorder) as _);
        assert!(offers(addr, "mako", 1));
        let whole = String::from_utf8(dir.read(file)).unwrap();
        let other_device = text(&[record("lark", 3)]);
        let unusable = [
            ("half of it", &whole[..whole.len() / 2], "catalog"),
            ("nothing", "", "catalog"),
            (
                "a later schema",
                "{\"schema\":2,\"devices\":{}}",
                "has schema 2",
            ),
            (
                "what git could not merge",
                "<<<<<<< a\n=======\n>>>>>>> b\n",
                "two versions",
            ),
            ("another device", &other_device, "lark"),
        ];
        for (step, (what, bad, message)) in (3..).zip(unusable) {
            // Another device is one more device for a catalog in one file, which then lacks builds.
            recorder.0.lock().unwrap().clear();
            replace(&dir, file, bad);
            wait_for(|| !recorder.0.lock().unwrap().is_empty());
            std::thread::sleep(5 * WATCH_INTERVAL);
            let mut failures = std::mem::take(&mut *recorder.0.lock().unwrap());
            failures.dedup();
            assert_eq!(failures.len(), 1, "{catalog}, {what}: {failures:?}");
            let is_lost = what == "another device" && catalog == "catalog.json";
            let message = if is_lost { "lacks" } else { message };
            assert!(
                failures[0].contains(message),
                "{catalog}, {what}: {failures:?}"
            );
            assert!(offers(addr, "mako", 1) && offers(addr, "onyx", 2), "{what}");
            let mut next = vec![record("mako", 1), record("mako", step)];
            next.extend((3..step).map(|number| record("mako", number)));
            next.push(record("onyx", 2));
            put(&dir, catalog, &next);
            wait_for(|| offers(addr, "mako", step));
        }
    }
}

#[test]
fn a_catalog_that_is_there_in_both_forms_or_was_moved_leaves_the_site_as_it_is() {
    let two = [record("mako", 1), record("onyx", 2)];
    let more = [record("mako", 1), record("onyx", 2), record("onyx", 3)];
    for [here, there] in [["catalog.json", "catalog/"], ["catalog/", "catalog.json"]] {
        let dir = RomDir::new();
        put(&dir, here, &two);
        let recorder = Arc::new(Recorder::default());
        let addr = serve_for(config_of(&dir, &[here]), Arc::clone(&recorder) as _);
        assert!(offers(addr, "onyx", 2));
        put(&dir, there, &more);
        put(&dir, here, &more);
        let failed_with = |text: &str| {
            recorder
                .0
                .lock()
                .unwrap()
                .iter()
                .any(|failure| failure.contains(text))
        };
        wait_for(|| failed_with("both"));
        assert!(offers(addr, "onyx", 2) && !offers(addr, "onyx", 3));
        let path = dir.path().join(here);
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
        wait_for(|| failed_with("has been moved"));
        assert!(offers(addr, "onyx", 2) && !offers(addr, "onyx", 3));
        put(&dir, here, &more);
        let path = dir.path().join(there);
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
        wait_for(|| offers(addr, "onyx", 3));
    }
}

#[test]
fn each_of_several_catalogs_is_followed() {
    let dir = RomDir::new();
    put(&dir, "catalog/", &[record("mako", 1), record("onyx", 2)]);
    put(&dir, "ann.json", &[record("lark", 3)]);
    put(&dir, "bob/", &[record("hero", 4), record("zeus", 5)]);
    let recorder = Arc::new(Recorder::default());
    let catalogs = ["catalog/", "ann.json", "bob/"];
    let addr = serve_for(config_of(&dir, &catalogs), Arc::clone(&recorder) as _);
    assert!(offers(addr, "zeus", 5));
    put(&dir, "bob/", &[record("hero", 4), record("hero", 6)]);
    wait_for(|| offers(addr, "hero", 6));
    put(&dir, "ann.json", &[record("lark", 3), record("lark", 7)]);
    wait_for(|| offers(addr, "lark", 7));
    put(&dir, "catalog/", &[record("mako", 1), record("mako", 8)]);
    wait_for(|| offers(addr, "mako", 8));
    // Two maintainers say different things about one build.
    let mut other = record("mako", 8);
    other["size"] = json!(6);
    put(
        &dir,
        "ann.json",
        &[record("lark", 3), record("lark", 7), other],
    );
    wait_for(|| !recorder.0.lock().unwrap().is_empty());
    let failures = recorder.0.lock().unwrap().clone();
    assert!(failures[0].contains("disagree"), "{failures:?}");
    for (device, number) in [
        ("mako", 1),
        ("onyx", 2),
        ("lark", 7),
        ("hero", 6),
        ("zeus", 5),
    ] {
        assert!(offers(addr, device, number), "{device} {number}");
    }
}

#[test]
fn a_build_that_moves_to_another_device_is_followed() {
    let dir = RomDir::new();
    put(&dir, "catalog/", &[record("mako", 1), record("onyx", 2)]);
    let addr = serve_for(config_of(&dir, &["catalog/"]), Arc::new(Silent));
    assert!(offers(addr, "mako", 1));
    // It is in both files while it moves.
    let mut moved = record("onyx", 1);
    moved["former"] = json!([{ "device": "mako", "romtype": "nightly" }]);
    put(&dir, "catalog/", &[moved.clone(), record("onyx", 2)]);
    wait_for(|| offers(addr, "onyx", 1) && !offers(addr, "mako", 1));
    replace(&dir, "catalog/mako.json", text(&[]));
    put(
        &dir,
        "catalog/",
        &[moved, record("onyx", 2), record("onyx", 3)],
    );
    wait_for(|| offers(addr, "onyx", 3));
    assert!(offers(addr, "onyx", 1) && !offers(addr, "mako", 1));
}

#[test]
fn two_servers_on_one_catalog_lose_no_build_that_is_added_to_either() {
    for (catalog, _) in FORMS {
        let dir = RomDir::new();
        let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"{catalog}\"\n");
        dir.put("romfeed.toml", settings);
        put(&dir, catalog, &[record("mako", 1), record("onyx", 2)]);
        let keys = ["mako", "onyx"].map(|device| {
            let made = dir.run(&["serve", "--new-key", device, "--device", device]);
            format!("Apikey: {}", made.expect(0).stdout.trim())
        });
        let servers = [Running::start(&dir, &[]), Running::start(&dir, &[])];
        let addrs = servers.each_ref().map(|server| server.addr);
        std::thread::scope(|scope| {
            for ((device, key), first) in ["mako", "onyx"].iter().zip(&keys).zip([100, 300]) {
                for (addr, first) in addrs.iter().zip([first, first + 100]) {
                    scope.spawn(move || {
                        (first..first + 3).for_each(|number| add(*addr, key, device, number));
                    });
                }
            }
        });
        for addr in addrs {
            for (device, first) in [("mako", 100), ("mako", 200), ("onyx", 300), ("onyx", 400)] {
                (first..first + 3).for_each(|number| wait_for(|| offers(addr, device, number)));
            }
        }
    }
}

/// Adds a build through a server; while another one changes the catalog, it asks again.
fn add(addr: SocketAddr, key: &str, device: &str, number: u32) {
    let record = record(device, number);
    let body = json!({
        "device": device,
        "filename": record["path"],
        "md5sum": format!("{number:032}"),
        "romtype": "nightly",
        "url": record["url"],
        "version": "14.1",
        "datetime": record["datetime"],
        "size": 5,
        "sha256": record["sha256"],
        "incremental": record["incremental"],
    });
    wait_for(|| {
        let answer = ask(addr, "POST", "/api/v1/add_build", &[key], &body.to_string());
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
        answer.status == 200
    });
}
