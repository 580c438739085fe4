//! The catalog, the manifest and the output folder: damaged, foreign or in use.

use super::*;

#[test]
fn a_foreign_output_folder_is_refused_unless_adopted() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file("out/thesis.txt", "mine")
        .file("out/bacon.json", "old")
        .file("out/.git/HEAD", "ref");
    let run = dir.generate().expect(2);
    one_error(
        &run,
        "out is not empty and was not made by romfeed (it has bacon.json, for example)",
        "choose another --out, or take over the folder with romfeed generate --adopt",
    );
    assert_eq!(dir.tree("out").len(), 3);
    assert!(!dir.path().join("catalog.json").exists());
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0);
    assert_eq!(dir.read("out/thesis.txt"), b"mine");
    assert_eq!(dir.read("out/.git/HEAD"), b"ref");
    assert!(dir.read("out/bacon.json").starts_with(b"{\"response\""));
    dir.generate().expect(0);
}

#[test]
fn a_damaged_catalog_stops_the_run_and_nothing_is_written() {
    let (dir, _) = next_to_good(|_| ());
    let site = dir.tree("out");
    let sound = String::from_utf8(dir.read("catalog.json")).unwrap();
    let cut = &sound[..sound.len() / 2];
    for (text, message) in [
        (
            cut.to_owned(),
            "catalog.json: the text ends in the middle of",
        ),
        (
            sound.replacen("\"datetime\"", "\"date\"", 1),
            "catalog.json: unknown field `date`",
        ),
    ] {
        dir.put("catalog.json", &text);
        dir.put(&good(2), bacon(2));
        let run = dir.run(&GENERATE).expect(2);
        one_error(
            &run,
            message,
            "correct that place: `git log -p` shows how it was; in a merge of git, `romfeed catalog merge` unites both sides; nothing was written",
        );
        run.says(" at line ").says(" column ");
        assert_eq!(dir.read("catalog.json"), text.as_bytes());
        assert_eq!(dir.tree("out"), site);
    }
    dir.put(
        "catalog.json",
        sound.replacen("\"romtype\": \"nightly\"", "\"romtype\": \"../x\"", 1),
    );
    let run = dir.run(&GENERATE).expect(2);
    one_error(
        &run,
        "catalog.json: the record of bacon/",
        "correct that place",
    );
    assert_eq!(dir.tree("out"), site);
}

#[test]
fn a_catalog_of_a_newer_schema_is_refused() {
    let dir = RomDir::new().file(&good(0), bacon(0)).file(
        "catalog.json",
        "{\"schema\": 2, \"builds\": {\"some\": \"thing\"}}",
    );
    let run = dir.generate().expect(2);
    one_error(
        &run,
        "catalog.json has schema 2, this romfeed reads schema 1",
        "",
    );
    assert!(
        run.stderr.contains("update romfeed"),
        "the hint names the remedy:\n{}",
        run.stderr
    );
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_catalog_inside_the_output_folder_is_refused() {
    for catalog in [
        "out/catalog.json",
        "./out/deep/catalog.json",
        "builds/../out/c.json",
    ] {
        let dir = RomDir::new().file(&good(0), bacon(0));
        let run = dir
            .run(&["generate", "--base-url", BASE_URL, "--catalog", catalog])
            .expect(2);
        one_error(
            &run,
            "lies inside the output folder out",
            "keep the catalog next to romfeed.toml",
        );
        assert!(!dir.path().join("out").exists(), "{catalog}");
    }
}

#[test]
fn a_damaged_manifest_is_refused() {
    let (dir, _) = next_to_good(|_| ());
    dir.put("out/.romfeed/manifest.json", "{\"schema\":1,\n\"files\":[");
    dir.put(&good(2), bacon(2));
    let site = dir.tree("out");
    let run = dir.run(&GENERATE).expect(2);
    one_error(
        &run,
        "manifest.json cannot be read: the text ends in the middle of a list at line 2",
        "take the one of the live site: `curl -fo ",
    );
    assert_eq!(dir.tree("out"), site);
    // The suggested fix works.
    dir.remove("out/.romfeed/manifest.json");
    let unknown = "does not know which builds were published";
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0)
        .says(unknown);
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0)
        .lacks(unknown)
        .says("up to date");
}

#[test]
fn a_manifest_that_names_files_outside_removes_nothing_there() {
    let (dir, _) = next_to_good(|_| ());
    dir.put("mine.txt", "mine");
    let victim = dir.path().join("mine.txt");
    let manifest = serde_json::json!({
        "schema": 1,
        "files": ["../mine.txt", victim.to_str().unwrap(), "api/../../mine.txt"],
    });
    dir.put("out/.romfeed/manifest.json", manifest.to_string());
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0);
    assert_eq!(dir.read("mine.txt"), b"mine");
}

#[test]
fn a_foreign_file_at_a_pages_path_is_left_and_reported() {
    let dir = RomDir::new().file(&good(0), bacon(0));
    dir.generate().expect(0);
    dir.put(&good(1), bacon(1));
    dir.put("out/api/v1/bacon/nightly/inc1", "theirs");
    let run = dir.run(&GENERATE).expect(1);
    one_error(
        &run,
        "api/v1/bacon/nightly/inc1: a file or link that romfeed did not write is in the way",
        "",
    );
    assert_eq!(dir.read("out/api/v1/bacon/nightly/inc1"), b"theirs");
    offers_both_good_builds(&dir);
}

#[test]
fn a_second_concurrent_run_is_refused() {
    let (dir, _) = next_to_good(|_| ());
    let before = dir.tree("out");
    dir.put(&good(2), bacon(2));
    for (lock, args, code) in [
        ("lock", &GENERATE[..], 3),
        ("catalog.json.lock", &["catalog", "remove", "inc0"], 1),
    ] {
        let lock = std::fs::File::options()
            .write(true)
            .open(dir.path().join(".romfeed").join(lock))
            .unwrap();
        lock.lock().unwrap();
        let run = dir.run(args).expect(code);
        one_error(
            &run,
            "another romfeed is running here",
            "wait until it ends",
        );
    }
    assert_eq!(dir.tree("out"), before);
    dir.generate().expect(0);
}
