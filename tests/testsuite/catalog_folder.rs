//! A catalog with one file for each device.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use romfeed::catalog::{save, store};
use romfeed::files::{Disk, Place};

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

/// The SHA-256 of a build whose package is elsewhere.
fn sha(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

/// Adds a build of a device whose package is elsewhere.
fn add(dir: &RomDir, device: &str, number: u8) -> super::support::Run {
    let name = format!("lineage-21.0-202406{number:02}-nightly-{device}.zip");
    let date = format!("2024-06-{number:02}T00:00:00Z");
    let url = format!("https://dl.example.org/{name}");
    dir.run(&[
        "catalog",
        "add",
        "--device",
        device,
        "--romtype",
        "nightly",
        "--version",
        "21.0",
        "--datetime",
        &date,
        "--filename",
        &name,
        "--size",
        "9",
        "--sha256",
        &sha(number),
        "--incremental",
        &number.to_string(),
        "--url",
        &url,
    ])
}

/// A published site with builds of two devices, and a tombstone.
fn published(catalog: &str) -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"{catalog}\"\n");
    dir.put("romfeed.toml", settings);
    add(&dir, "bacon", 1).expect(0);
    add(&dir, "FP5", 2).expect(0);
    add(&dir, "FP5", 3).expect(0);
    dir.run(&["catalog", "remove", &sha(3)]).expect(0);
    dir.run(&["generate"]).expect(0);
    dir
}

fn rename(dir: &RomDir, from: &str, to: &str) {
    fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
}

/// Lists what is in a folder and not hidden.
fn names(dir: &RomDir, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(dir.path().join(folder)).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let names = entries.map(|entry| name(entry.unwrap()));
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn use_catalog(dir: &RomDir, catalog: &str) {
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"{catalog}\"\n");
    dir.put("romfeed.toml", settings);
}

#[test]
fn the_site_is_the_same_as_with_one_file() {
    let (file, folder) = (published("catalog.json"), published("catalog/"));
    assert_eq!(names(&folder, "catalog"), ["bacon.json", "fp5.json"]);
    assert_eq!(file.tree("out"), folder.tree("out"));
    for args in [&["check"][..], &["catalog", "list"], &["generate"]] {
        let [one, many] = [&file, &folder].map(|dir| dir.run(args).expect(0));
        assert_eq!(one.stdout, many.stdout, "{args:?}");
    }
    assert_eq!(file.tree("out"), folder.tree("out"));
}

#[test]
fn splitting_and_joining_loses_nothing() {
    let dir = published("catalog.json");
    let (site, whole) = (dir.tree("out"), dir.read("catalog.json"));
    dir.put("publish", "git add -- catalog.json\necho my-catalog.json\n");
    dir.run(&["catalog", "split"])
        .expect(0)
        .says("moved catalog.json to catalog/: 3 builds, 1 removed")
        .says("set `catalog = \"catalog/\"` in romfeed.toml")
        .says("next: change publish:1: git add -- catalog.json\n      to: git add -- catalog/\n")
        .lacks("publish:2");
    assert!(!dir.path().join("catalog.json").exists());
    use_catalog(&dir, "catalog/");
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), site);
    dir.run(&["catalog", "split"])
        .expect(0)
        .says("already has a file for each device");
    dir.run(&["catalog", "join"])
        .expect(0)
        .says("moved catalog/ to catalog.json");
    assert!(!dir.path().join("catalog").exists());
    assert_eq!(dir.read("catalog.json"), whole);
}

#[test]
fn a_stopped_split_is_completed_and_two_different_catalogs_are_not() {
    let dir = published("catalog.json");
    let whole = dir.read("catalog.json");
    dir.run(&["catalog", "split"]).expect(0);
    dir.put("catalog.json", &whole);
    for catalog in ["catalog.json", "catalog/"] {
        use_catalog(&dir, catalog);
        dir.run(&["generate"])
            .expect(2)
            .says("both catalog.json and catalog/ are there");
    }
    fs::remove_file(dir.path().join("catalog/fp5.json")).unwrap();
    for (catalog, command) in [
        ("catalog.json", "split"),
        ("catalog.json", "join"),
        ("catalog/", "split"),
        ("catalog/", "join"),
    ] {
        use_catalog(&dir, catalog);
        dir.run(&["catalog", command])
            .expect(2)
            .says(
                "both catalog.json and catalog/ are there, and differ: only catalog.json has 1 build \
                 (lineage-21.0-20240602-nightly-FP5.zip)\n",
            )
            .says("hint: remove the older one: `rm catalog.json`, or `rm catalog/*.json`; ");
        assert_eq!(dir.read("catalog.json"), whole);
    }
    use_catalog(&dir, "catalog.json");
    fs::remove_dir_all(dir.path().join("catalog")).unwrap();
    dir.run(&["catalog", "split"]).expect(0);
    dir.put("catalog.json", &whole);
    dir.run(&["catalog", "split"]).expect(0);
    assert!(!dir.path().join("catalog.json").exists());
}

#[test]
fn only_the_file_of_a_changed_device_is_written() {
    let dir = published("catalog/");
    let modified = |name: &str| {
        let file = dir.path().join("catalog").join(name);
        file.metadata().unwrap().modified().unwrap()
    };
    let before = [modified("bacon.json"), modified("fp5.json")];
    add(&dir, "FP5", 4).expect(0);
    assert_eq!(modified("bacon.json"), before[0]);
    assert_ne!(modified("fp5.json"), before[1]);
}

#[test]
fn a_build_that_moves_to_another_device_is_in_one_file() {
    let dir = published("catalog/");
    let device = "\n[[override]]\npackage = \"*.zip\"\ndevice = \"onyx\"\n";
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    let former = dir.read("catalog/bacon.json");
    dir.put("romfeed.toml", settings + device);
    dir.run(&["generate", "--rehash"]).expect(0);
    let names_now = names(&dir, "catalog");
    assert!(names_now.contains(&"onyx.json".to_owned()), "{names_now:?}");
    let site = dir.tree("out");
    // As if the run had been killed before it wrote the file that loses the build.
    let moved = dir.read("catalog/bacon.json");
    dir.put("catalog/bacon.json", former);
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), site);
    // The next change removes what is out of date.
    add(&dir, "FP5", 4).expect(0);
    assert_eq!(dir.read("catalog/bacon.json"), moved);
}

#[test]
fn damaged_files_stop_the_run_and_name_the_file() {
    let dir = published("catalog/");
    let site = dir.tree("out");
    let fp5 = dir.read("catalog/fp5.json");
    let half = &fp5[..fp5.len() / 2];
    dir.put("catalog/fp5.json", half);
    dir.run(&["generate"]).expect(2).says("catalog/fp5.json");
    dir.put("catalog/fp5.json", &fp5);
    rename(&dir, "catalog/fp5.json", "catalog/onyx.json");
    dir.run(&["generate"])
        .expect(2)
        .says("catalog/onyx.json has records of `FP5`, whose file is fp5.json")
        .says("rename this one");
    rename(&dir, "catalog/onyx.json", "catalog/FP5.json");
    dir.run(&["generate"])
        .expect(2)
        .says("whose file is fp5.json");
    rename(&dir, "catalog/FP5.json", "catalog/fp5.json");
    let later = String::from_utf8(fp5.clone()).unwrap();
    dir.put(
        "catalog/fp5.json",
        later.replacen("\"schema\": 1", "\"schema\": 2", 1),
    );
    dir.run(&["generate"]).expect(2).says("schema 2");
    // A file that is missing altogether has lost builds.
    fs::remove_file(dir.path().join("catalog/fp5.json")).unwrap();
    dir.run(&["generate"])
        .expect(2)
        .says("of a published build");
    dir.put("catalog/fp5.json", &fp5);
    dir.put("catalog/README.md", "Other files may be here.\n");
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), site);
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error_of_the_settings() {
    let dir = published("catalog.json");
    use_catalog(&dir, "catalog.json/");
    dir.run(&["generate"])
        .expect(2)
        .says("is a file, not a folder")
        .says("without `/` at its end");
    // A folder needs no slash.
    dir.run(&["catalog", "split", "--catalog", "catalog.json"])
        .expect(0);
    use_catalog(&dir, "catalog");
    dir.run(&["generate"]).expect(0);
}

#[test]
fn a_catalog_is_never_moved_into_itself() {
    let dir = published("catalog/");
    let before = dir.tree("catalog");
    for to in [
        "catalog/",
        "catalog/all.json",
        "./catalog/../catalog/all.json",
    ] {
        dir.run(&["catalog", "join", to])
            .expect(2)
            .says("one is in the other");
        assert_eq!(dir.tree("catalog"), before);
    }
    dir.run(&["catalog", "join", "data/all.json"]).expect(0);
    use_catalog(&dir, "data/all.json");
    let before = dir.read("data/all.json");
    dir.run(&["catalog", "split", "data"])
        .expect(2)
        .says("one is in the other");
    assert_eq!(dir.read("data/all.json"), before);
    dir.run(&["generate"]).expect(0);
}

#[test]
fn a_catalog_that_has_been_moved_is_not_empty() {
    for (from, to, command) in [
        ("catalog.json", "catalog/", "split"),
        ("catalog/", "catalog.json", "join"),
        ("catalog", "catalog.json", "join"),
    ] {
        let dir = published("catalog/");
        if command == "split" {
            dir.run(&["catalog", "join"]).expect(0);
        }
        use_catalog(&dir, from);
        dir.run(&["catalog", command]).expect(0);
        let before = dir.tree("out");
        for args in [
            &["generate"][..],
            &["generate", "--new-catalog"],
            &["catalog", "list"],
            &["catalog", "list", "--json"],
            &["catalog", "export", "--output", "list.json"],
            &["catalog", "yank", &sha(1), "--reason", "x"],
            &["check"],
            &["files", "zips"],
            &["serve", "--listen", "127.0.0.1:0"],
        ] {
            dir.run(args)
                .expect(2)
                .says(&format!("is not there: it has been moved to {to}\n"))
                .says(&format!("set `catalog = \"{to}\"` in romfeed.toml"));
        }
        if from == "catalog" {
            let run = dir.run(&["catalog", "join"]).expect(2);
            run.says("it has been moved to catalog.json");
        }
        dir.run(&["simulate", "--device", "bacon"])
            .says(&format!("it has been moved to {to}; set"));
        assert_eq!(dir.tree("out"), before);
        use_catalog(&dir, to);
        dir.run(&["check"]).expect(0);
    }
}

#[test]
fn of_two_equal_forms_the_wanted_one_stays() {
    for setting in ["catalog.json", "catalog/"] {
        for (command, stays, goes) in [
            ("split", "catalog/", "catalog.json"),
            ("join", "catalog.json", "catalog/"),
        ] {
            let dir = published("catalog.json");
            let whole = dir.read("catalog.json");
            dir.run(&["catalog", "split"]).expect(0);
            dir.put("catalog.json", whole);
            use_catalog(&dir, setting);
            let run = dir.run(&["catalog", command]).expect(0);
            let run = run.says(&format!(
                "removed {goes}: {stays} has the same 3 builds, 1 removed\n"
            ));
            match setting == stays {
                true => run.lacks("next: set"),
                false => run.says(&format!(
                    "next: set `catalog = \"{stays}\"` in romfeed.toml\n"
                )),
            };
            assert!(!dir.path().join(goes).exists());
            use_catalog(&dir, stays);
            dir.run(&["check"]).expect(0);
        }
    }
}

#[test]
fn what_differs_between_two_forms_is_named() {
    let dir = published("catalog.json");
    let former = dir.read("catalog.json");
    add(&dir, "onyx", 5).expect(0);
    add(&dir, "onyx", 6).expect(0);
    dir.run(&["catalog", "yank", &sha(1), "--reason", "no sound"])
        .expect(0);
    dir.run(&["catalog", "split"]).expect(0);
    dir.put("catalog.json", former);
    dir.run(&["catalog", "split"]).expect(2).says(
        "differ: only catalog/ has 2 builds (for example lineage-21.0-20240605-nightly-onyx.zip); they have \
         different facts of 1 build (lineage-21.0-20240601-nightly-bacon.zip)\n",
    );
    // The way out.
    fs::remove_file(dir.path().join("catalog.json")).unwrap();
    use_catalog(&dir, "catalog/");
    dir.run(&["generate"]).expect(0);
}

#[test]
fn a_moved_build_that_git_merged_back_stays_withdrawn() {
    let dir = published("catalog/");
    let former = dir.read("catalog/bacon.json");
    dir.run(&["catalog", "yank", &bacon_name(0), "--reason", "no sound"])
        .expect(0);
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    let device = "\n[[override]]\npackage = \"*.zip\"\ndevice = \"onyx\"\n";
    dir.put("romfeed.toml", settings + device);
    dir.run(&["generate", "--rehash"]).expect(0);
    dir.put("catalog/bacon.json", former);
    let listed = dir.run(&["catalog", "list"]).expect(0).stdout;
    assert!(
        listed.contains("yanked") && listed.contains("(no sound)"),
        "{listed}"
    );
}

#[test]
fn init_writes_its_files_again_for_the_other_form() {
    let dir = published("catalog.json");
    dir.run(&["init", "--host", "gitlab"]).expect(0);
    let attributes = String::from_utf8(dir.read(".gitattributes")).unwrap();
    let pipeline = String::from_utf8(dir.read(".gitlab-ci.yml")).unwrap();
    dir.put(".gitlab-ci.yml", format!("{pipeline}# mine\n"));
    dir.run(&["catalog", "split"])
        .expect(0)
        .says("\nnext: romfeed init, which writes .gitattributes again\n")
        .says(": exists: [catalog.json]\n      to: exists: [catalog/*.json]\n")
        .lacks("change .gitattributes");
    use_catalog(&dir, "catalog/");
    dir.put(".gitlab-ci.yml", &pipeline);
    dir.run(&["init"]).expect(0);
    let new = String::from_utf8(dir.read(".gitattributes")).unwrap();
    assert!(new.contains("\n/catalog/*.json merge=romfeed\n"), "{new}");
    let new = String::from_utf8(dir.read(".gitlab-ci.yml")).unwrap();
    assert!(new.contains(" exists: [catalog/*.json]\n"), "{new}");
    // And back, of files that were edited.
    dir.put(".gitattributes", "/catalog/*.json merge=romfeed\n");
    dir.run(&["catalog", "join"]).expect(0).says(
        "next: change .gitattributes:1: /catalog/*.json merge=romfeed\n      to: /catalog.json merge=romfeed\n",
    );
    use_catalog(&dir, "catalog.json");
    dir.remove(".gitattributes");
    dir.run(&["init"]).expect(0);
    assert_eq!(
        String::from_utf8(dir.read(".gitattributes")).unwrap(),
        attributes
    );
}

#[test]
fn settings_of_init_keep_the_slash_of_a_folder() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    let call = [
        "init",
        "--host",
        "nginx",
        "--base-url",
        BASE_URL,
        "--catalog",
        "catalog/",
    ];
    dir.run(&call).expect(0).lacks("put this line");
    dir.run(&["init"]).expect(0).lacks("changed    ");
    dir.run(&["generate"]).expect(0);
    assert_eq!(names(&dir, "catalog"), ["bacon.json"]);
}

#[test]
fn what_lies_next_to_a_catalog_is_moved_by_a_next_step() {
    let script =
        "git add -- catalog.json\n[ ! -d changelogs ] || git add changelogs\nls .romfeed\n";
    let dir = published("catalog.json")
        .file(
            &format!("builds/{}", bacon_name(0).replace(".zip", ".md")),
            "New\n",
        )
        .file("publish", script)
        .file(".gitignore", "/.romfeed/\n");
    dir.run(&["generate"]).expect(0);
    dir.run(&["serve", "--new-key", "ann"]).expect(0);
    let site = dir.tree("out");
    // In the same folder, they stay.
    dir.run(&["catalog", "split"]).expect(0).lacks("next: mv");
    dir.run(&["catalog", "join"]).expect(0).lacks("next: mv");
    let run = dir.run(&["catalog", "split", "data/all"]).expect(0);
    let steps: Vec<&str> = run
        .stderr
        .split("next: ")
        .skip(1)
        .map(str::trim_end)
        .collect();
    assert_eq!(
        steps,
        [
            "mv changelogs .romfeed data",
            "set `catalog = \"data/all/\"` in romfeed.toml",
            "change .gitignore:1: /.romfeed/\n      to: /data/.romfeed/",
            "change publish:1: git add -- catalog.json\n      to: git add -- data/all/",
            "change publish:2: [ ! -d changelogs ] || git add changelogs\n      \
             to: [ ! -d data/changelogs ] || git add data/changelogs",
        ]
    );
    rename(&dir, "changelogs", "data/changelogs");
    rename(&dir, ".romfeed", "data/.romfeed");
    use_catalog(&dir, "data/all/");
    dir.run(&["generate"]).expect(0).says("out is up to date");
    assert_eq!(dir.tree("out"), site);
    dir.run(&["serve", "--list-keys"]).expect(0);
    assert!(dir.path().join("data/.romfeed/keys.json").is_file());
    // What has a name of its own in the settings stays, and nothing is moved over files.
    dir.put(".romfeed/cache.json", "{}");
    dir.put(
        "romfeed.toml",
        format!(
            "base_url = \"{BASE_URL}\"\ncatalog = \"data/all/\"\nchangelogs = \"data/changelogs\"\n"
        ),
    );
    dir.run(&["catalog", "join", "all.json"])
        .expect(0)
        .says("next: .romfeed is there already; move the files of data/.romfeed there that it lacks\n")
        .lacks("next: mv");
}

#[test]
fn deltas_are_not_counted_as_builds() {
    let dir = published("catalog.json");
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    let (first, rest) = catalog.split_once("\"kind\": \"full\"").unwrap();
    dir.put(
        "catalog.json",
        format!("{first}\"kind\": \"delta\",\n      \"source_incremental\": \"1\"{rest}"),
    );
    dir.run(&["catalog", "split"])
        .expect(0)
        .says("moved catalog.json to catalog/: 2 builds and 1 delta, 1 removed\n");
}

/// A disk on which a process is killed before it has changed so many files.
#[derive(Debug)]
struct Killed(Mutex<usize>);

impl Killed {
    fn count(&self) -> io::Result<()> {
        let mut left = self.0.lock().unwrap();
        *left = left
            .checked_sub(1)
            .ok_or_else(|| io::Error::other("killed"))?;
        Ok(())
    }
}

impl Place for Killed {
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.count()?;
        Disk.write(file, bytes)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.count()?;
        Disk.remove(file)
    }
}

#[test]
fn a_removed_build_that_is_added_for_another_device_survives_a_kill_between_any_two_files() {
    for (first, then, has_others) in [
        ("alpha", "beta", false),
        ("beta", "alpha", false),
        ("alpha", "beta", true),
        ("beta", "alpha", true),
    ] {
        let dir = RomDir::new();
        use_catalog(&dir, "catalog/");
        add(&dir, first, 1).expect(0);
        if has_others {
            add(&dir, first, 2).expect(0);
            add(&dir, then, 3).expect(0);
        }
        dir.run(&["catalog", "remove", &sha(1)]).expect(0);
        let (path, before) = (dir.path().join("catalog/"), dir.tree("catalog"));
        add(&dir, then, 1).expect(0);
        let (after, files) = (store::load(&path).unwrap(), names(&dir, "catalog"));
        let mut num_changes = 0;
        loop {
            fs::remove_dir_all(&path).unwrap();
            for (file, bytes) in &before {
                dir.put(file, bytes);
            }
            let saved = save(&Killed(Mutex::new(num_changes)), &path, &after);
            let now = store::load(&path).unwrap();
            let is_offered = now.builds.contains_key(&sha(1));
            assert_ne!(is_offered, now.tombstones.contains_key(&sha(1)));
            assert_eq!(is_offered, saved.is_ok());
            add(&dir, then, 1).expect(0);
            assert_eq!(store::load(&path).unwrap(), after);
            assert_eq!(names(&dir, "catalog"), files);
            if saved.is_ok() {
                break;
            }
            num_changes += 1;
        }
        assert!(num_changes >= 3, "{num_changes}");
    }
}

#[test]
fn of_a_build_and_its_removal_in_two_files_only_a_later_removal_counts() {
    let dir = RomDir::new();
    use_catalog(&dir, "catalog/");
    add(&dir, "alpha", 1).expect(0);
    let build = dir.read("catalog/alpha.json");
    dir.run(&["catalog", "remove", &sha(1)]).expect(0);
    let stone = dir.read("catalog/alpha.json");
    add(&dir, "beta", 1).expect(0);
    // As git merges a removal with a correction of the device: the build may be the earlier.
    dir.put("catalog/alpha.json", &stone);
    dir.run(&["catalog", "list"])
        .expect(2)
        .says("catalog/alpha.json and catalog/beta.json both have");
    fs::remove_file(dir.path().join("catalog/alpha.json")).unwrap();
    dir.run(&["catalog", "remove", &sha(1)]).expect(0);
    for earlier in [build, stone] {
        dir.put("catalog/alpha.json", earlier);
        let listed = dir.run(&["catalog", "list"]).expect(0).stdout;
        assert_eq!(listed, "");
        add(&dir, "beta", 2).expect(0);
        assert_eq!(names(&dir, "catalog"), ["beta.json"]);
        dir.run(&["catalog", "remove", &sha(2)]).expect(0);
    }
}
