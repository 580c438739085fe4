//! What a run remembers of a site in `.romfeed/pages.json` makes the next one faster, and never another.

use std::fs;

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const MEMORY: &str = ".romfeed/pages.json";

/// A site of two devices whose zips are elsewhere, with a catalog file for each.
fn site(settings: &str) -> RomDir {
    let head = format!("base_url = \"{BASE_URL}\"\ncatalog = \"catalog/\"\n");
    let dir = RomDir::new().file("romfeed.toml", head + settings);
    fs::create_dir(dir.path().join("builds")).unwrap();
    for (device, digit) in [("FP5", "5"), ("oneplus3", "3")] {
        let name = name(device);
        let url = format!("https://dl.example.org/{name}");
        let facts = ["--device", device, "--filename", &name, "--url", &url];
        let sha256 = digit.repeat(64);
        let facts = [&facts[..], &["--sha256", &sha256]].concat();
        dir.add_build(&facts).expect(0);
    }
    dir.run(&["generate"]).expect(0);
    dir.run(&["generate"]).expect(0);
    dir
}

fn name(device: &str) -> String {
    format!("lineage-21.0-20240801-nightly-{device}.zip")
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(path)).unwrap()
}

/// Generates the site; whatever was remembered, it must be as `--full` makes it.
#[track_caller]
fn generate(dir: &RomDir) -> Run {
    let run = dir.run(&["generate"]);
    let (found, catalog) = (dir.tree("out"), dir.tree("catalog"));
    dir.run(&["generate", "--full"]);
    assert!(found == dir.tree("out"), "a page is out of date");
    assert!(catalog == dir.tree("catalog"), "the catalog is out of date");
    run
}

#[test]
fn a_text_that_cannot_be_read_is_reported_in_every_run() {
    let dir = site("");
    for device in ["FP5", "oneplus3"] {
        let stem = name(device).replace(".zip", "");
        fs::create_dir(dir.path().join(format!("builds/{stem}.md"))).unwrap();
    }
    let first = dir.run(&["generate"]).expect(0);
    let first = first
        .says("FP5.md cannot be read")
        .says("oneplus3.md cannot be read");
    for _ in 0..3 {
        let again = dir.run(&["generate"]).expect(0);
        assert_eq!(again.stderr, first.stderr);
    }
}

#[test]
fn patterns_of_variants_are_the_same_settings_in_the_next_run() {
    let dir = site("[[variant]]\nname = \"gapps\"\npackage = \"*-gapps*.zip\"\n");
    let before = dir.read(MEMORY);
    dir.run(&["generate"]).expect(0);
    assert!(dir.read(MEMORY) == before, "all was made again");
}

#[test]
fn damaged_memory_is_no_memory() {
    let dir = site("");
    let memory = text(&dir, MEMORY);
    let damages = [
        ("\"offers\":[0", "\"offers\":[7"),
        ("\"num_offered\":1", "\"num_offered\":18446744073709551615"),
        ("\"num_elsewhere\":1", "\"num_elsewhere\":-1"),
        ("FP5/builds/", "FP6/builds/"),
        ("\"held\":{}", "\"held\":[]"),
        ("{", "["),
    ];
    for (before, after) in damages {
        assert!(memory.contains(before), "{before}");
        dir.put(MEMORY, memory.replace(before, after));
        generate(&dir).expect(0);
        // The next runs remember again.
        dir.run(&["generate"]).expect(0);
        assert_eq!(text(&dir, MEMORY), memory, "{before}");
    }
    dir.put(MEMORY, "[".repeat(1 << 20));
    generate(&dir).expect(0);
}

#[test]
fn a_lost_alias_of_a_device_without_packages_returns() {
    let settings = "[device.FP5]\naliases = [\"fairphone\"]\n";
    let dir = site(settings);
    let catalog = text(&dir, "catalog/fp5.json");
    let (head, rest) = catalog.split_once("  \"aliases\"").unwrap();
    let (_, rest) = rest.split_once("},\n").unwrap();
    dir.put("catalog/fp5.json", format!("{head}{rest}"));
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    generate(&dir).expect(0);
    assert_eq!(text(&dir, "catalog/fp5.json"), catalog);
}

#[test]
fn builds_are_not_missing_while_no_zip_is_seen() {
    let dir = site("[[variant]]\nname = \"gapps\"\npackage = \"*-gapps*.zip\"\n");
    // By its name the build is of another variant now, which the catalog has to learn.
    let catalog = text(&dir, "catalog/fp5.json");
    let catalog = catalog.replace(
        "-FP5.zip\",\n      \"size\"",
        "-FP5-gapps.zip\",\n      \"size\"",
    );
    dir.put("catalog/fp5.json", catalog);
    let run = dir.run(&["generate"]).expect(0);
    run.says("to gapps/FP5/nightly")
        .lacks("offered from elsewhere");
}

#[test]
fn builds_are_published_although_the_only_zip_is_of_no_device() {
    let dir = site("");
    dir.put("builds/notes.zip", "not a zip");
    let yank = [
        "catalog",
        "yank",
        &name("FP5"),
        "--reason",
        "It does not boot.",
    ];
    dir.run(&yank).expect(0);
    generate(&dir).expect(1).lacks("nothing to publish");
    assert!(!text(&dir, "out/FP5.json").contains(&name("FP5")));
}

#[test]
fn a_site_without_an_address_is_refused() {
    let dir = site("");
    dir.put("romfeed.toml", "catalog = \"catalog/\"\n");
    let catalog = text(&dir, "catalog/fp5.json");
    let lines = catalog.lines().filter(|line| !line.contains("\"url\""));
    dir.put("catalog/fp5.json", lines.collect::<Vec<_>>().join("\n"));
    let before = dir.tree("out");
    dir.run(&["generate"])
        .expect(2)
        .says("no setting says where phones will download");
    assert!(dir.tree("out") == before);
}

#[test]
fn zips_do_not_bring_back_a_lost_catalog_file() {
    let dir = site("");
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate"]).expect(0);
    dir.remove("catalog/bacon.json");
    dir.run(&["generate"])
        .expect(2)
        .says("of a published build");
    assert!(!dir.path().join("catalog/bacon.json").exists());
}

#[cfg(unix)]
#[test]
fn a_pipe_among_the_catalog_files_is_refused() {
    let dir = site("");
    let pipe = dir.path().join("catalog/pipe.json");
    let made = std::process::Command::new("mkfifo").arg(pipe).status();
    assert!(made.unwrap().success());
    dir.run(&["generate"])
        .expect(2)
        .says("pipe.json: not a regular file");
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate"])
        .expect(2)
        .says("pipe.json: not a regular file");
}

#[cfg(target_os = "linux")]
#[test]
fn a_catalog_file_whose_name_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = site("");
    let name = std::ffi::OsStr::from_bytes(b"catalog/fp\xff.json");
    let path = dir.path().join(name);
    fs::copy(dir.path().join("catalog/fp5.json"), path).unwrap();
    dir.run(&["generate"])
        .expect(2)
        .says("has records of `FP5`");
}
