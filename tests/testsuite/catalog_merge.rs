//! Catalogs of several machines that meet in git: markers, `catalog merge`, the merge driver.

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

const DRIVER: [&str; 7] = [
    "catalog",
    "merge",
    "--name",
    "catalog.json",
    "base",
    "ours",
    "theirs",
];

/// Creates a folder with one build; its catalog is `base`.
fn with_base() -> RomDir {
    let dir = RomDir::new();
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    dir.generate().expect(0);
    dir.put("base", dir.read("catalog.json"));
    dir
}

/// Adds a build to `base`, and stores the catalog as `name`.
fn side(dir: &RomDir, name: &str, number: i64) {
    dir.put("catalog.json", dir.read("base"));
    let zip = format!("builds/{}", bacon_name(number));
    dir.put(&zip, bacon(number));
    dir.run(&["catalog", "add", "--zip", &zip]).expect(0);
    dir.put(name, dir.read("catalog.json"));
}

/// Changes `base` by a command, and stores the catalog as `name`.
fn side_by(dir: &RomDir, name: &str, verb: &[&str]) {
    dir.put("catalog.json", dir.read("base"));
    dir.run(&[&["catalog"], verb].concat()).expect(0);
    dir.put(name, dir.read("catalog.json"));
}

/// Returns what git's default style makes of two sides.
fn conflict(dir: &RomDir) -> String {
    let text = |name| String::from_utf8(dir.read(name)).unwrap();
    let (ours, theirs) = (text("ours"), text("theirs"));
    format!("<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> origin/main\n")
}

fn listed(dir: &RomDir) -> Vec<String> {
    let listed = dir.run(&["catalog", "list", "--json"]).expect(0).stdout;
    let lines = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut names: Vec<String> = lines
        .map(|line: serde_json::Value| line["filename"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_catalog_with_conflict_markers_is_recognised_and_merged() {
    let dir = with_base();
    side(&dir, "ours", 2);
    side(&dir, "theirs", 3);
    let text = conflict(&dir);
    dir.put("catalog.json", &text);
    for verb in [
        &["generate"][..],
        &["catalog", "list"],
        &["catalog", "remove", "x"],
    ] {
        dir.run(verb)
            .expect(2)
            .says("catalog.json holds two versions that git could not merge, the first at line 1")
            .says("romfeed catalog merge");
        assert_eq!(dir.read("catalog.json"), text.as_bytes());
    }
    dir.run(&["catalog", "merge"])
        .expect(0)
        .says("merged catalog.json: 3 builds, 0 removed")
        .says("next: git add catalog.json");
    assert_eq!(listed(&dir), [1, 2, 3].map(bacon_name));
    dir.generate().expect(0);
    let united = dir.read("catalog.json");
    dir.run(&["catalog", "merge"])
        .expect(0)
        .says("no catalog is in conflict");
    assert_eq!(dir.read("catalog.json"), united);
}

#[test]
fn the_merge_driver_writes_to_the_second_file() {
    let dir = with_base();
    side(&dir, "ours", 2);
    side_by(&dir, "theirs", &["remove", &bacon_name(1)]);
    dir.run(&DRIVER).expect(0);
    dir.put("catalog.json", dir.read("ours"));
    assert_eq!(listed(&dir), [bacon_name(2)]);
    assert!(
        String::from_utf8(dir.read("ours"))
            .unwrap()
            .contains("\"removed\"")
    );
}

#[test]
fn a_contradiction_is_reported_and_left_in_the_file_for_a_choice() {
    let dir = with_base();
    let name = bacon_name(1);
    side_by(&dir, "ours", &["yank", &name, "--reason", "no sound"]);
    side_by(&dir, "theirs", &["yank", &name, "--reason", "no boot"]);
    let message = format!(
        "catalog.json: {name}: both sides changed `yanked`: `no sound` in ours, `no boot` in theirs"
    );
    dir.run(&DRIVER).expect(1).says(&message);
    dir.put("catalog.json", dir.read("ours"));
    dir.run(&["generate"])
        .expect(2)
        .says("romfeed catalog merge");
    let run = dir.run(&["catalog", "merge"]).expect(1).says(&message);
    run.says("--prefer ours (this branch), or --prefer theirs (the other branch)");
    assert_eq!(dir.read("catalog.json"), dir.read("ours"));
    dir.run(&["catalog", "merge", "--prefer", "theirs"])
        .expect(0);
    assert_eq!(dir.read("catalog.json"), dir.read("theirs"));
}

#[test]
fn two_packages_of_one_name_contradict_each_other() {
    let dir = with_base();
    side(&dir, "ours", 2);
    let ours = String::from_utf8(dir.read("ours")).unwrap();
    side(&dir, "theirs", 3);
    let renamed = |number: i64| bacon_name(number);
    let theirs = String::from_utf8(dir.read("theirs"))
        .unwrap()
        .replace(&renamed(3), &renamed(2));
    dir.put("theirs", theirs);
    dir.run(&DRIVER).expect(1).says(&format!(
        "{}: two packages have the same file name: `",
        renamed(2)
    ));
    dir.put("ours", ours);
    dir.run(&[&DRIVER[..], &["--prefer", "ours"]].concat())
        .expect(0);
    let united = String::from_utf8(dir.read("ours")).unwrap();
    assert!(united.contains("\"superseded\""), "{united}");
}

#[test]
fn a_key_of_a_later_romfeed_is_never_dropped() {
    let dir = with_base();
    side(&dir, "theirs", 2);
    let ours = String::from_utf8(dir.read("base")).unwrap();
    let ours = ours.replacen("\"device\"", "\"colour\": \"red\",\n      \"device\"", 1);
    dir.put("ours", &ours);
    dir.run(&DRIVER)
        .expect(1)
        .says("catalog.json (ours): unknown field `colour`");
    assert!(String::from_utf8(dir.read("ours")).unwrap().contains(&ours));
}

#[test]
fn damaged_markers_change_nothing() {
    let dir = with_base();
    side(&dir, "ours", 2);
    side(&dir, "theirs", 3);
    let text = conflict(&dir).replace("=======\n", "");
    dir.put("catalog.json", &text);
    dir.run(&["catalog", "merge"])
        .expect(1)
        .says("a conflict marker of git is missing");
    assert_eq!(dir.read("catalog.json"), text.as_bytes());
}
