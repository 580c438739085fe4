//! Damaged files in a folder of catalogs: what each command says, that nothing published is lost, and that the
//! next run goes on as before.

use std::fs;

use super::support::{BASE_URL, RomDir};

/// Commands that read all catalogs; the last ones would change one that is sound.
const COMMANDS: [&[&str]; 8] = [
    &["generate"],
    &["generate", "--dry-run"],
    &["check"],
    &["catalog", "list"],
    &["catalog", "export", "--output", "list.json"],
    &["serve", "--listen", "127.0.0.1:0"],
    &[
        "catalog",
        "yank",
        "lineage-21.0-20240801-nightly-bacon.zip",
        "--reason",
        "no sound",
    ],
    &[
        "catalog",
        "remove",
        "lineage-21.0-20240801-nightly-bacon.zip",
    ],
];

/// A published site with builds of two devices.
fn published() -> RomDir {
    let dir = RomDir::new();
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"catalog/\"\n");
    dir.put("romfeed.toml", settings);
    for (device, digit) in [("bacon", "a"), ("onyx", "b")] {
        let name = format!("lineage-21.0-20240801-nightly-{device}.zip");
        let url = format!("https://dl.example.org/{name}");
        let sha256 = digit.repeat(64);
        let facts = ["--device", device, "--filename", &name, "--url", &url];
        let digests = ["--sha256", &sha256, "--incremental", digit];
        dir.add_build(&[&facts[..], &digests[..]].concat())
            .expect(0);
    }
    dir.run(&["generate"]).expect(0);
    dir
}

/// Damages a catalog, and checks that each command stops and says `problem`, that nothing is changed, and that the
/// site is the same once `repair` has undone it.
fn damaged(problem: &str, damage: impl Fn(&RomDir), repair: impl Fn(&RomDir)) {
    let dir = published();
    let site = dir.tree("out");
    damage(&dir);
    let catalogs = || {
        ["bacon", "onyx"]
            .map(|device| fs::read(dir.path().join(format!("catalog/{device}.json"))).ok())
    };
    let before = catalogs();
    for args in COMMANDS {
        let run = dir.run(args).expect(2).says(problem);
        let errors = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("  hint: "), "{args:?}: {}", run.stderr);
        assert_eq!(dir.tree("out"), site, "{args:?}");
        assert_eq!(catalogs(), before, "{args:?}");
    }
    repair(&dir);
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), site);
}

/// Writes a text in place of a catalog, and takes it back.
fn replaced(problem: &str, change: impl Fn(&str) -> String) {
    let file = "catalog/onyx.json";
    let sound = published().read(file);
    let bad = change(std::str::from_utf8(&sound).unwrap());
    damaged(
        problem,
        |dir| dir.put(file, &bad),
        |dir| dir.put(file, &sound),
    );
}

#[test]
fn half_a_file() {
    replaced(
        "catalog/onyx.json: the text ends in the middle of",
        |sound| sound[..sound.len() / 2].to_owned(),
    );
}

#[test]
fn an_empty_file() {
    replaced("catalog/onyx.json is empty", |_| String::new());
}

#[test]
fn a_file_of_a_later_version() {
    replaced("catalog/onyx.json has schema 2", |sound| {
        sound.replacen("\"schema\": 1", "\"schema\": 2", 1)
    });
}

#[test]
fn a_file_with_two_versions_of_git() {
    replaced("catalog/onyx.json holds two versions", |sound| {
        format!("<<<<<<< ours\n{sound}=======\n{sound}>>>>>>> theirs\n")
    });
}

#[test]
fn a_file_of_another_device() {
    replaced(
        "catalog/onyx.json has records of `bacon`, whose file is bacon.json",
        |_| String::from_utf8(published().read("catalog/bacon.json")).unwrap(),
    );
}

#[test]
fn a_copy_under_another_name() {
    damaged(
        "catalog/lark.json has records of `onyx`, whose file is onyx.json",
        |dir| dir.put("catalog/lark.json", dir.read("catalog/onyx.json")),
        |dir| dir.remove("catalog/lark.json"),
    );
}

#[test]
fn both_forms() {
    damaged(
        "both catalog.json and catalog/ are there",
        |dir| dir.put("catalog.json", dir.read("catalog/onyx.json")),
        |dir| dir.remove("catalog.json"),
    );
}

#[test]
fn a_folder_in_place_of_a_file() {
    let folder = |dir: &RomDir| dir.path().join("catalog/more.json");
    damaged(
        "cannot read catalog/more.json",
        |dir| fs::create_dir(folder(dir)).unwrap(),
        |dir| fs::remove_dir(folder(dir)).unwrap(),
    );
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_an_empty_catalog() {
    damaged(
        "cannot read catalog/lark.json: it was removed meanwhile, or is a link that leads nowhere",
        |dir| std::os::unix::fs::symlink("gone", dir.path().join("catalog/lark.json")).unwrap(),
        |dir| fs::remove_file(dir.path().join("catalog/lark.json")).unwrap(),
    );
}
