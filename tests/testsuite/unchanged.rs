//! Pages of devices that are as they were are not made again, and are never out of date.

use std::collections::BTreeMap;
use std::fs;

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

fn settings(more: &str) -> String {
    format!("base_url = \"{BASE_URL}\"\n{more}")
}

/// A site of three devices, generated twice, so that the second run has compared every page.
fn site() -> RomDir {
    let dir = RomDir::new().file("romfeed.toml", settings(""));
    for days in [0, 1] {
        dir.put(&format!("builds/{}", bacon_name(days)), bacon(days));
    }
    for (device, digit) in [("FP5", '5'), ("oneplus3", '3')] {
        let name = format!("lineage-21.0-20240801-nightly-{device}.zip");
        let sha256 = digit.to_string().repeat(64);
        let url = format!("https://dl.example.org/{name}");
        let facts = ["--device", device, "--filename", &name, "--sha256", &sha256];
        dir.add_build(&[&facts[..], &["--url", &url, "--incremental", device]].concat())
            .expect(0);
    }
    dir.run(&["generate"]).expect(0);
    dir.run(&["generate"]).expect(0);
    dir
}

/// The files of the site without what romfeed notes for itself.
fn pages(dir: &RomDir) -> BTreeMap<String, Vec<u8>> {
    let mut tree = dir.tree("out");
    tree.retain(|path, _| !path.starts_with("out/.romfeed/"));
    tree
}

/// Changes a site, generates it, and requires that making every page again changes nothing.
#[track_caller]
fn is_up_to_date(what: &str, dir: &RomDir, change: impl FnOnce(&RomDir)) {
    let before = pages(dir);
    change(dir);
    dir.run(&["generate"]);
    let found = pages(dir);
    dir.run(&["generate", "--full"]);
    assert!(found == pages(dir), "{what}: a page is out of date");
    assert!(found != before, "{what}: nothing changed");
}

#[test]
fn every_kind_of_change_reaches_the_pages_at_once() {
    let dir = site();
    let name = bacon_name(1);
    is_up_to_date("a new build", &dir, |dir| {
        dir.put(&format!("builds/{}", bacon_name(2)), bacon(2));
    });
    is_up_to_date("a withdrawn build", &dir, |dir| {
        dir.run(&["catalog", "yank", &name, "--reason", "it does not boot"])
            .expect(0);
    });
    is_up_to_date("a changelog", &dir, |dir| {
        dir.put(&format!("builds/{}.txt", bacon_name(2)), "It boots.");
    });
    is_up_to_date("another changelog of the same length", &dir, |dir| {
        dir.put(&format!("builds/{}.txt", bacon_name(2)), "It shoot.");
    });
    is_up_to_date("an image", &dir, |dir| {
        dir.put("builds/recovery.img", "ANDROID!");
        let stem = bacon_name(2).replace(".zip", "");
        dir.put(&format!("builds/{stem}-recovery.img"), "ANDROID!");
    });
    is_up_to_date("the name of a device", &dir, |dir| {
        let devices = r#"[{"model":"FP5","name":"Fairphone 5","oem":"Fairphone"}]"#;
        dir.put("devices.json", devices);
    });
    is_up_to_date("a setting", &dir, |dir| {
        dir.put(
            "romfeed.toml",
            settings("url = \"https://two.example.org/{filename}\"\n"),
        );
    });
    is_up_to_date("an alias", &dir, |dir| {
        dir.put(
            "romfeed.toml",
            settings("[device.bacon]\naliases = [\"A0001\"]\n"),
        );
    });
    is_up_to_date("a template", &dir, |dir| {
        fs::create_dir_all(dir.path().join("templates")).unwrap();
        dir.put("templates/device.html", "{{ device.model }}");
    });
    is_up_to_date("a template that shows other devices", &dir, |dir| {
        let text = "{# scope = \"device\"\npath = \"mine/{device}\"\nformat = \"text\" #}\n\
                    {{ site.devices | length }} {{ site[\"updated\"] }}";
        dir.put("templates/feeds/mine.j2", text);
        let feed = "[[feed]]\ntemplate = \"mine\"\n";
        dir.put("romfeed.toml", settings(feed));
    });
    is_up_to_date("another device in such a template", &dir, |dir| {
        let sha256 = "9".repeat(64);
        let facts = ["--device", "zippo", "--sha256", &sha256];
        let name = "lineage-21.0-20240901-nightly-zippo.zip";
        let place = [
            "--filename",
            name,
            "--url",
            "https://dl.example.org/zippo.zip",
        ];
        dir.add_build(&[&facts[..], &place, &["--datetime", "1725148800"]].concat())
            .expect(0);
    });
    is_up_to_date("a removed build", &dir, |dir| {
        dir.run(&["catalog", "remove", &bacon_name(0)]).expect(0);
    });
}

#[test]
fn files_changed_by_others_are_repaired() {
    let dir = site();
    let before = pages(&dir);
    let file = dir.path().join("out/FP5.json");
    let old = fs::metadata(&file).unwrap().modified().unwrap();
    let length = fs::metadata(&file).unwrap().len() as usize;
    dir.put("out/FP5.json", " ".repeat(length));
    let opened = fs::File::options().write(true).open(&file).unwrap();
    opened.set_modified(old).unwrap();
    dir.remove("out/bacon.html");
    fs::remove_dir_all(dir.path().join("out/api/v1/oneplus3")).unwrap();
    dir.run(&["generate"]).expect(0);
    // Where the system does not tell when a file was changed last, only `--full` finds the first.
    if cfg!(not(unix)) {
        dir.run(&["generate", "--full"]).expect(0);
    }
    assert_eq!(pages(&dir), before);
}

#[test]
fn damaged_notes_do_no_harm() {
    let dir = site();
    let before = pages(&dir);
    for notes in ["", "{", "[]", r#"{"schema":2,"out":"","parts":{}}"#] {
        dir.put(".romfeed/pages.json", notes);
        dir.put("out/FP5.json", "[]");
        dir.run(&["generate"]).expect(0);
        assert_eq!(pages(&dir), before, "{notes}");
    }
    dir.remove(".romfeed/pages.json");
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    dir.run(&["generate"]).expect(0);
    assert_eq!(pages(&dir), before);
}

#[test]
fn another_folder_gets_a_whole_site() {
    let dir = site();
    dir.run(&["generate", "--out", "second"]).expect(0);
    let second = dir.tree("second");
    let names = second.keys().map(|path| path.replacen("second", "out", 1));
    assert!(names.eq(dir.tree("out").keys().cloned()));
}

#[test]
fn a_path_of_two_pages_names_both_makers_every_time() {
    let dir = site();
    let feed = "[[feed]]\ntemplate = \"mine\"\n";
    dir.put("romfeed.toml", settings(feed));
    let head = "{# scope = \"device\"\npath = \"mine/{device}\"\nformat = \"text\" #}\nx";
    dir.put("templates/feeds/mine.j2", head);
    dir.run(&["generate"]).expect(0);
    dir.put(
        "templates/feeds/mine.j2",
        head.replace("mine/{device}", "same"),
    );
    for _ in 0..2 {
        let run = dir.run(&["generate"]);
        assert_ne!(run.code, Some(0));
        run.says("one is made by").says("mine.j2 for device");
    }
}

#[test]
fn files_of_others_stay_and_are_reported_by_every_run() {
    let dir = site();
    dir.put("out/mako.json", "mine");
    let sha256 = "8".repeat(64);
    let place = [
        "--filename",
        "mako.zip",
        "--url",
        "https://dl.example.org/mako.zip",
    ];
    dir.add_build(&[&["--device", "mako", "--sha256", &sha256][..], &place].concat())
        .expect(0);
    for _ in 0..3 {
        dir.run(&["generate"])
            .expect(1)
            .says("mako.json: a file or link that romfeed did not write is in the way");
        assert_eq!(dir.read("out/mako.json"), b"mine");
    }
    dir.run(&["catalog", "remove", "mako.zip"]).expect(0);
    dir.run(&["generate"]);
    assert_eq!(dir.read("out/mako.json"), b"mine");
}

#[test]
fn a_short_list_of_the_newest_builds_shows_those_that_have_what_it_needs() {
    let dir = site();
    dir.put(&format!("builds/{}.txt", bacon_name(0)), "It boots.");
    let text = "{# scope = \"site\"\npath = \"mine\"\nformat = \"text\"\n\
                requires = [\"changelog\"]\nlimit = 1 #}\n\
                {% for build in builds %}{{ build.changelog }}{% endfor %}";
    dir.put("templates/feeds/mine.j2", text);
    let settings = settings("[[feed]]\ntemplate = \"mine\"\n[site]\npages = false\n");
    dir.put("romfeed.toml", settings);
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.read("out/mine").trim_ascii(), b"It boots.");
}
