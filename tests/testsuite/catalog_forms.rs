//! `romfeed catalog split` and `join` next to other files, and where there is no catalog.

use std::fs;

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

fn use_catalog(dir: &RomDir, catalog: &str) {
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"{catalog}\"\n");
    dir.put("romfeed.toml", settings);
}

/// A site with builds of two devices.
fn published() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    use_catalog(&dir, "catalog.json");
    dir.add_build(&[
        "--device",
        "FP5",
        "--sha256",
        &"5a".repeat(32),
        "--url",
        "https://dl.example.org/x.zip",
    ])
    .expect(0);
    dir.run(&["generate"]).expect(0);
    dir
}

#[test]
fn a_catalog_is_split_next_to_other_files() {
    let dir = published();
    let (site, whole) = (dir.tree("out"), dir.read("catalog.json"));
    dir.put("catalog/README.md", "One file for each device.\n");
    dir.put("catalog/old/notes.json", "{}");
    dir.run(&["catalog", "split"])
        .expect(0)
        .says("moved catalog.json to catalog/: 2 builds");
    assert!(!dir.path().join("catalog.json").exists());
    assert_eq!(
        dir.read("catalog/README.md"),
        b"One file for each device.\n"
    );
    use_catalog(&dir, "catalog/");
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), site);
    dir.run(&["catalog", "join"]).expect(0);
    assert_eq!(dir.read("catalog.json"), whole);
    let left: Vec<String> = dir.tree("catalog").into_keys().collect();
    assert_eq!(left, ["catalog/README.md", "catalog/old/notes.json"]);
}

#[test]
fn a_split_that_was_stopped_between_two_files_is_completed() {
    let dir = published();
    let whole = dir.read("catalog.json");
    dir.put("catalog/README.md", "Mine.\n");
    dir.run(&["catalog", "split"]).expect(0);
    let files = dir.tree("catalog");
    let stop = || {
        dir.put("catalog.json", &whole);
        let rest = dir.path().join(".catalog.romfeed-tmp");
        fs::create_dir(&rest).unwrap();
        fs::rename(dir.path().join("catalog/fp5.json"), rest.join("fp5.json")).unwrap();
    };
    stop();
    dir.run(&["catalog", "split"])
        .expect(0)
        .says("removed catalog.json: catalog/ has the same 2 builds");
    assert_eq!(dir.tree("catalog"), files);
    assert!(!dir.path().join(".catalog.romfeed-tmp").exists());
    // What is left of another catalog is not moved.
    stop();
    let rest = ".catalog.romfeed-tmp/fp5.json";
    let other = String::from_utf8(dir.read(rest))
        .unwrap()
        .replace("5a5a", "6b6b");
    dir.put(rest, other);
    dir.run(&["catalog", "split"])
        .expect(2)
        .says("differ: only catalog.json has 1 build");
    assert!(!dir.path().join("catalog/fp5.json").exists());
}

#[test]
fn a_file_that_is_not_a_catalog_is_named_with_what_to_do() {
    let dir = published();
    let whole = dir.read("catalog.json");
    for text in ["{\"todo\": []}", "[1, 2]", "\"text\""] {
        dir.put("catalog/notes.json", text);
        use_catalog(&dir, "catalog.json");
        let refused = dir.run(&["catalog", "split"]).expect(2);
        assert_eq!(
            refused.stderr,
            "error: catalog/notes.json is not a catalog\n  hint: move it to another folder, or give it another ending: \
             in a folder of catalogs, whatever ends in .json is one; nothing was written\n"
        );
        assert_eq!(dir.read("catalog.json"), whole);
    }
    dir.remove("catalog/notes.json");
    dir.run(&["catalog", "split"]).expect(0);
    use_catalog(&dir, "catalog/");
    dir.put("catalog/notes.json", "{}");
    for args in [&["generate"][..], &["catalog", "list"]] {
        dir.run(args)
            .expect(2)
            .says("catalog/notes.json is not a catalog");
    }
    // Half a catalog is one.
    dir.put("catalog/notes.json", "{\"schema\": 1}");
    dir.run(&["generate"]).expect(2).lacks("is not a catalog");
}

#[test]
fn without_a_catalog_the_commands_say_so() {
    let dir = RomDir::new();
    for (setting, command, code, text) in [
        (
            "catalog.json",
            "split",
            2,
            "error: there is no catalog yet: catalog.json is not there\n  hint: set `catalog = \"catalog/\"` in romfeed.toml; the first build makes it\n",
        ),
        (
            "catalog/",
            "join",
            2,
            "error: there is no catalog yet: catalog/ is not there\n  hint: set `catalog = \"catalog.json\"` in romfeed.toml; the first build makes it\n",
        ),
        (
            "catalog.json",
            "join",
            0,
            "catalog.json is not there yet; the first build makes it\n",
        ),
        (
            "catalog/",
            "split",
            0,
            "catalog/ is not there yet; the first build makes it\n",
        ),
    ] {
        use_catalog(&dir, setting);
        let run = dir.run(&["catalog", command]).expect(code);
        assert_eq!(run.stderr, text, "{command} {setting}");
        let left: Vec<String> = dir.tree("").into_keys().collect();
        assert_eq!(left, ["romfeed.toml"]);
    }
}

#[test]
fn init_names_the_setting_of_a_catalog_that_has_been_moved() {
    let dir = published();
    dir.run(&["catalog", "split"]).expect(0);
    let before = dir.tree("");
    for args in [&["init"][..], &["init", "--host", "nginx"]] {
        dir.run(args)
            .expect(2)
            .says("error: catalog.json is not there: it has been moved to catalog/\n")
            .says("hint: set `catalog = \"catalog/\"` in romfeed.toml");
    }
    assert_eq!(dir.tree(""), before);
    use_catalog(&dir, "catalog/");
    dir.run(&["init", "--host", "nginx"]).expect(0);
}
