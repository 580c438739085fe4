//! Sites with file names that some file systems do not allow, or cannot distinguish.

use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

fn package(device: &str, incremental: &str, days: i64) -> Vec<u8> {
    let timestamp = 1_700_000_000 + days * 86_400;
    Package::files(Props::lineage(
        "21.0",
        "nightly",
        device,
        timestamp,
        incremental,
        34,
        "2023-11-05",
    ))
    .build()
}

fn dir() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\nsame_lane = true\n"),
    );
    dir
}

/// Shows a folder as a file system that ignores case would.
#[cfg(unix)]
fn ignore_case(dir: &RomDir) {
    use std::os::unix::fs::symlink;
    let out = dir.path().join("out");
    std::fs::create_dir_all(out.join(".romfeed")).unwrap();
    symlink(".romfeed", out.join(".ROMFEED")).unwrap();
    symlink("lock", out.join(".romfeed/LOCK")).unwrap();
}

#[test]
fn names_reserved_by_windows_are_refused_and_the_rest_is_published() {
    let dir = dir();
    for (nth, (device, incremental)) in [
        ("con", "inc"),
        ("Aux.x", "inc"),
        ("mako", "nul"),
        ("mako", "eng.1."),
    ]
    .iter()
    .enumerate()
    {
        dir.put(
            &format!("builds/{nth}.zip"),
            package(device, incremental, 1),
        );
    }
    dir.put("builds/lpt1.zip", package("mako", "inc", 1));
    let run = dir.run(&["generate"]).expect(1);
    for text in [
        "0.zip: device `con` is a name that Windows reserves",
        "1.zip: device `Aux.x` is a name that Windows reserves",
        "2.zip: incremental `nul` is a name that Windows reserves",
        "3.zip: incremental `eng.1.` ends in a dot or a space",
        "lpt1.zip: file name `lpt1.zip` is a name that Windows reserves",
    ] {
        assert!(run.stderr.contains(text), "no `{text}` in:\n{}", run.stderr);
    }
    assert!(dir.path().join("out/bacon.json").exists());
    assert!(!dir.path().join("out/mako.json").exists());
    let sha256 = "a".repeat(64);
    let facts = [
        ["--device", "prn"],
        ["--sha256", &sha256],
        ["--url", "https://dl.example.org/r.zip"],
    ];
    dir.add_build(facts.as_flattened())
        .expect(1)
        .says("device `prn` is a name that Windows reserves");
}

#[test]
fn a_published_build_keeps_a_name_that_new_builds_may_not_have() {
    let dir = dir();
    dir.put("builds/x.zip", package("mako", "inc", 1));
    dir.run(&["generate"]).expect(0);
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    dir.put("catalog.json", catalog.replace("\"inc\"", "\"aux\""));
    dir.put("builds/x.zip", package("mako", "inc", 1));
    dir.put(
        "romfeed.toml",
        format!(
            "base_url = \"{BASE_URL}\"\n[[override]]\npackage = \"x.zip\"\nincremental = \"aux\"\n"
        ),
    );
    dir.run(&["generate"]).expect(0);
    assert!(dir.path().join("out/api/v1/mako/nightly/aux").exists());
}

#[test]
fn pages_that_differ_only_in_case_are_reported() {
    let dir = dir();
    dir.put("builds/b.zip", package("Bacon", "inc0", 1));
    let run = dir.run(&["generate"]).expect(0);
    let run = run.says("differ only in the case of letters");
    assert!(run.stderr.contains("Windows, macOS"), "{}", run.stderr);
    dir.run(&["check"]).expect(0).says("name-case");
}

#[cfg(unix)]
#[test]
fn pages_that_differ_only_in_case_are_refused_where_case_is_ignored() {
    for (device, incremental) in [("Bacon", "x"), ("bacon", "INC0"), ("Index", "x")] {
        let dir = dir();
        ignore_case(&dir);
        dir.put("builds/b.zip", package(device, incremental, 1));
        dir.run(&["generate", "--adopt"])
            .expect(2)
            .says("differ only in the case of letters, and out ignores case")
            .says("--out");
        assert!(!dir.path().join("out/index.html").exists(), "{device}");
        assert!(!dir.path().join("catalog.json").exists(), "{device}");
        dir.run(&["generate", "--out", "other"]).expect(0);
    }
}
