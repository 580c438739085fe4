//! Texts and images next to packages, which are published: no link among them is followed.

#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

const SECRET: &str = "a secret of this machine";

fn dir() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put("secret", SECRET);
    dir
}

fn link(dir: &RomDir, from: &str, to: &str) {
    let from = dir.path().join(from);
    std::fs::create_dir_all(from.parent().unwrap()).unwrap();
    symlink(dir.path().join(to), from).unwrap();
}

#[track_caller]
fn leaks_nothing(dir: &RomDir) {
    for folder in ["out", "changelogs"] {
        for (path, bytes) in dir.tree(folder) {
            let text = String::from_utf8_lossy(&bytes);
            let is_link = dir.path().join(folder).join(&path).is_symlink();
            assert!(is_link || !text.contains(SECRET), "{path}");
        }
    }
}

fn stem() -> String {
    bacon_name(0).replace(".zip", "")
}

#[test]
fn texts_that_are_links_are_reported_and_not_published() {
    let dir = dir();
    dir.put("boot", SECRET);
    let names = [
        "txt",
        "manifest.xml",
        "zip.prop",
        "zip.sha256sum",
        "zip.csig",
    ];
    for end in names {
        link(&dir, &format!("builds/{}.{end}", stem()), "secret");
    }
    link(&dir, &format!("builds/{}-boot.img", stem()), "boot");
    let run = dir.run(&["generate", "-v"]).expect(0);
    for end in names {
        assert!(
            run.stderr.contains(&format!("{}.{end}", stem())),
            "{end}: {}",
            run.stderr
        );
    }
    assert!(
        run.stderr
            .contains("a symbolic link, which is not followed")
    );
    assert!(!String::from_utf8_lossy(&dir.read("catalog.json")).contains("boot"));
    leaks_nothing(&dir);
    // A regular file in the same place is published.
    dir.remove(&format!("builds/{}.txt", stem()));
    dir.put(&format!("builds/{}.txt", stem()), "what is new");
    dir.run(&["generate"]).expect(0);
    assert!(String::from_utf8_lossy(&dir.read("out/bacon/changes.html")).contains("what is new"));
}

#[test]
fn stored_changelogs_that_are_links_are_not_published() {
    let dir = dir();
    dir.run(&["generate"]).expect(0);
    for end in ["txt", "projects"] {
        link(&dir, &format!("changelogs/{}.{end}", stem()), "secret");
    }
    dir.remove(&format!("builds/{}", bacon_name(0)));
    dir.run(&["generate", "--out", "public"])
        .expect(0)
        .says("a symbolic link");
    for (path, bytes) in dir.tree("public") {
        assert!(!String::from_utf8_lossy(&bytes).contains(SECRET), "{path}");
    }
}

#[test]
fn a_temporary_file_that_is_a_link_is_not_written_through() {
    let dir = dir();
    dir.put(&format!("builds/{}.txt", stem()), "what is new");
    for folder in [
        "changelogs/.romfeed-tmp",
        "out/.romfeed/tmp",
        ".catalog.json.romfeed-tmp",
    ] {
        link(&dir, folder, "secret");
    }
    dir.run(&["generate", "--adopt"]).expect(0);
    assert_eq!(dir.read("secret"), SECRET.as_bytes());
}

#[test]
fn logos_and_templates_that_are_links_are_refused() {
    let dir = dir();
    link(&dir, "logo.svg", "secret");
    dir.put(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n[site]\nlogo = \"logo.svg\"\n"),
    );
    dir.run(&["generate"])
        .expect(2)
        .says("logo: `logo.svg`: a symbolic link");
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    link(&dir, "templates/home.html", "secret");
    dir.run(&["generate"])
        .expect(2)
        .says("home.html: a symbolic link");
}

#[test]
fn the_folder_of_builds_may_be_a_link_without_a_warning() {
    let dir = RomDir::new();
    dir.put(&format!("elsewhere/{}", bacon_name(0)), bacon(0));
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    link(&dir, "builds", "elsewhere");
    let run = dir.generate().expect(0).says("1 build for 1 device");
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
}

#[test]
fn links_to_folders_are_followed_with_follow_links() {
    let dir = dir();
    dir.put("elsewhere/x.zip", bacon(1));
    dir.put("elsewhere/x.txt", SECRET);
    link(&dir, "builds/linked", "elsewhere");
    let run = dir.run(&["generate"]).expect(0);
    let run = run.says("`linked` is a link that is not followed");
    assert!(run.stderr.contains("follow_links = true"));
    leaks_nothing(&dir);
    let feed = |dir: &RomDir| {
        let feed = dir.read("out/api/v1/bacon/nightly.json");
        let feed: serde_json::Value = serde_json::from_slice(&feed).unwrap();
        feed["response"].as_array().unwrap().len()
    };
    assert_eq!(feed(&dir), 1);
    let settings = format!("base_url = \"{BASE_URL}\"\n");
    let same = "same_lane = true\n";
    dir.put(
        "romfeed.toml",
        format!("{settings}{same}follow_links = true\n"),
    );
    dir.run(&["generate"]).expect(0);
    assert_eq!(feed(&dir), 2);
    // Without following the link, its builds are reported and stay, as with a disk that is not
    // mounted.
    dir.put("romfeed.toml", format!("{settings}{same}"));
    for _ in 0..2 {
        dir.run(&["generate"])
            .expect(1)
            .says("linked: a link that is not followed, with a published build behind it")
            .says("follow_links = true");
        assert_eq!(feed(&dir), 2);
        let _ = std::fs::rename(dir.path().join("elsewhere"), dir.path().join("away"));
    }
}

#[test]
fn a_link_that_hides_all_packages_is_reported() {
    let dir = RomDir::new().file("elsewhere/x.zip", bacon(0));
    link(&dir, "builds/linked", "elsewhere");
    dir.run(&["generate", "--base-url", BASE_URL])
        .expect(0)
        .says("`linked` is a link that is not followed")
        .says("nothing to publish");
}

#[test]
fn links_to_parent_folders_and_cycles_cost_no_time() {
    let dir = dir();
    let settings = format!("base_url = \"{BASE_URL}\"\n");
    symlink("/", dir.path().join("builds/root")).unwrap();
    let began = std::time::Instant::now();
    dir.run(&["generate"]).expect(0).says("`root` is a link");
    dir.put("romfeed.toml", format!("{settings}follow_links = true\n"));
    dir.run(&["generate"])
        .expect(1)
        .says("root: a symbolic link leads back to a folder above it");
    dir.remove("builds/root");
    // Each of these leads to all others: the number of paths is astronomical.
    for from in 0..12 {
        for to in 0..12 {
            std::fs::create_dir_all(dir.path().join(format!("web/{from}"))).unwrap();
            let name = dir.path().join(format!("web/{from}/{to}"));
            symlink(dir.path().join(format!("web/{to}")), name).unwrap();
        }
    }
    link(&dir, "builds/web", "web/0");
    dir.run(&["generate"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
}
