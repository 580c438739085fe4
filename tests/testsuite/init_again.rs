//! `init` in a folder that has files already: what it replaces, what it keeps, and what it says about both.

use testkit::package::Package;

use crate::support::{RomDir, Run, bacon, bacon_name, bacon_props};

const BASE: &str = "https://ota.example.org";

/// Runs `init` for a host and the usual address.
#[track_caller]
fn init(dir: &RomDir, host: &str) -> Run {
    dir.run(&["init", "--host", host, "--base-url", BASE])
        .expect(0)
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(path)).unwrap()
}

/// Edits a file as a user would.
fn edit(dir: &RomDir, path: &str, from: &str, to: &str) {
    let before = text(dir, path);
    assert!(before.contains(from), "{path}: {before}");
    dir.put(path, before.replacen(from, to, 1));
}

/// Returns the lines that begin with a word.
fn lines<'a>(run: &'a Run, word: &str) -> Vec<&'a str> {
    let lines = run.stderr.lines();
    lines
        .filter_map(|line| Some(line.strip_prefix(word)?.trim()))
        .collect()
}

/// Returns a text without the line that has the digest.
fn without_digest(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| !line.contains("As romfeed init wrote it: "))
        .collect()
}

#[test]
fn host_and_address_are_completed_and_changed_as_long_as_nothing_was_edited() {
    let dir = RomDir::new();
    dir.run(&["init"]).expect(0);
    assert_eq!(lines(&init(&dir, "nginx"), "changed"), ["romfeed.toml"]);
    let other = ["init", "--base-url", "https://roms.example.org/x"];
    let run = dir.run(&other).expect(0);
    assert_eq!(
        lines(&run, "changed"),
        ["romfeed.toml", "host/nginx.conf", "publish"]
    );
    let run = init(&dir, "s3");
    assert_eq!(lines(&run, "changed"), ["romfeed.toml", "publish"]);
    assert_eq!(lines(&run, "kept"), [""; 0]);
    assert!(text(&dir, "publish").contains("\n# Written by: romfeed init --host s3\n"));
    let before = dir.tree("");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(lines(&run, "changed"), [""; 0]);
    assert_eq!(dir.tree(""), before);
}

#[test]
fn an_address_that_was_written_by_hand_is_taken_over() {
    let dir = RomDir::new();
    dir.run(&["init"]).expect(0);
    let example = "# base_url = \"https://ota.example.org\"";
    edit(
        &dir,
        "romfeed.toml",
        example,
        "base_url = \"https://own.example.org\"",
    );
    let run = dir.run(&["init", "--host", "caddy"]).expect(0);
    assert_eq!(
        lines(&run, "unchanged"),
        ["romfeed.toml", ".gitignore", ".gitattributes"]
    );
    assert!(text(&dir, "host/Caddyfile").contains("\nown.example.org {\n"));
    // It is the only line that differs from what init wrote, so it can be changed again.
    let run = init(&dir, "caddy");
    assert!(lines(&run, "changed").contains(&"romfeed.toml"));
    assert!(text(&dir, "romfeed.toml").contains("\nbase_url = \"https://ota.example.org\"\n"));
}

#[test]
fn edited_settings_are_kept_and_the_line_to_change_is_named() {
    let dir = RomDir::new();
    init(&dir, "nginx");
    edit(&dir, "romfeed.toml", "# keep = 5", "keep = 5");
    let before = text(&dir, "romfeed.toml");
    let number = 1 + before
        .lines()
        .position(|line| line.starts_with("base_url"))
        .unwrap();
    let call = ["init", "--base-url", "https://roms.example.org"];
    let run = dir.run(&call).expect(0);
    let line = "base_url = \"https://roms.example.org\"";
    assert_eq!(
        lines(&run, "kept"),
        [format!("romfeed.toml: line {number} has to be `{line}`")]
    );
    run.says(&format!(
        "\n  change line {number} of romfeed.toml to: {line}\n"
    ));
    assert_eq!(text(&dir, "romfeed.toml"), before);
    // The line as it is named is what was missing.
    edit(
        &dir,
        "romfeed.toml",
        "base_url = \"https://ota.example.org\"",
        line,
    );
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(
        lines(&run, "kept"),
        ["romfeed.toml: edited, and it lacks nothing"]
    );
}

#[test]
fn an_edited_script_stays_and_names_the_host() {
    let dir = RomDir::new();
    init(&dir, "apache");
    edit(&dir, "publish", "set -eu\n", "set -eu\necho hello\n");
    let before = text(&dir, "publish");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(
        lines(&run, "kept"),
        ["publish: you edited it: line 7 is `echo hello`, which init does not write"]
    );
    assert!(lines(&run, "unchanged").contains(&"host/apache.conf"));
    assert_eq!(text(&dir, "publish"), before);
    let printed = dir.run(&["init", "--print", "publish"]).expect(0).stdout;
    assert_eq!(printed, before.replace("echo hello\n", ""));
}

#[test]
fn files_of_the_host_before_are_named() {
    let dir = RomDir::new();
    init(&dir, "github");
    edit(
        &dir,
        ".github/workflows/pages.yml",
        "name: Pages",
        "name: Site",
    );
    let run = init(&dir, "netlify");
    assert_eq!(
        lines(&run, "left over"),
        [
            ".github/workflows/pages.yml: for GitHub Pages; you edited it; delete it if you need nothing of it; until \
             then it publishes there, too"
        ]
    );
    let run = init(&dir, "gitlab");
    assert_eq!(lines(&run, "left over").len(), 2);
    run.says("left over  host/_headers: for Netlify and Cloudflare Pages; not edited, so you may delete it: rm host/_headers\n");
    // Both remain, and are named as long as they are there.
    dir.remove("host/_headers");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(lines(&run, "left over").len(), 1);
    dir.remove(".github/workflows/pages.yml");
    dir.run(&["init"]).expect(0).lacks("left over");
}

#[test]
fn files_that_are_not_from_init_are_not_named_as_left_over() {
    let dir = RomDir::new().file(".gitlab-ci.yml", "build: { script: [make] }\n");
    init(&dir, "nginx").lacks("left over");
    init(&dir, "gitlab")
        .says("kept       .gitlab-ci.yml: edited, or not from init: ")
        .lacks(".gitlab-ci.yml: for");
}

#[test]
fn files_from_before_they_had_a_digest_are_recognised() {
    let dir = RomDir::new();
    let paths = ["romfeed.toml", ".gitignore", "host/nginx.conf", "publish"];
    init(&dir, "nginx");
    for path in paths {
        dir.put(path, without_digest(&text(&dir, path)));
    }
    let call = [
        "init",
        "--host",
        "s3",
        "--base-url",
        "https://roms.example.org",
    ];
    let run = dir.run(&call).expect(0);
    assert_eq!(
        lines(&run, "changed"),
        ["romfeed.toml", ".gitignore", "publish"]
    );
    assert_eq!(
        lines(&run, "left over"),
        ["host/nginx.conf: for nginx; not edited, so you may delete it: rm host/nginx.conf"]
    );
    // The files have a digest now.
    for path in ["romfeed.toml", ".gitignore", "publish"] {
        assert!(
            text(&dir, path).contains("As romfeed init wrote it: "),
            "{path}"
        );
    }
    // One byte more, and the file is the user's.
    let own = without_digest(&text(&dir, "publish")) + "\n";
    dir.put("publish", &own);
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(lines(&run, "kept").len(), 1, "{}", run.stderr);
    assert_eq!(text(&dir, "publish"), own);
}

#[test]
fn the_address_of_zips_goes_with_the_host_that_it_was_for() {
    let remote = "[remote \"origin\"]\n\turl = git@github.com:you/ota.git\n";
    let dir = RomDir::new().file(".git/config", remote);
    dir.run(&["init"]).expect(0);
    init(&dir, "nginx");
    assert!(!text(&dir, "romfeed.toml").contains("\nurl = "));
    dir.run(&["init", "--host", "github"]).expect(0);
    assert!(text(&dir, "romfeed.toml").contains("\nurl = \"https://github.com/you/ota/"));
    // Without the remote, init does not know that address, and keeps it.
    dir.remove(".git/config");
    let before = text(&dir, "romfeed.toml");
    let run = dir.run(&["init", "--host", "netlify"]).expect(0);
    assert_eq!(text(&dir, "romfeed.toml"), before, "{}", run.stderr);
}

#[test]
fn line_endings_of_windows_are_no_edit() {
    let dir = RomDir::new();
    init(&dir, "nginx");
    for path in ["romfeed.toml", "host/nginx.conf", ".gitignore"] {
        dir.put(path, text(&dir, path).replace('\n', "\r\n"));
    }
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(lines(&run, "unchanged").len(), 5, "{}", run.stderr);
    let run = dir
        .run(&["init", "--base-url", "https://roms.example.org"])
        .expect(0);
    assert_eq!(lines(&run, "changed").len(), 3, "{}", run.stderr);
}

#[test]
fn devices_json_grows_with_the_builds_until_it_is_edited() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["init"]).expect(0);
    let one = text(&dir, "devices.json");
    dir.put("devices.json", "[]\n");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(lines(&run, "changed"), ["devices.json"]);
    assert_eq!(text(&dir, "devices.json"), one);
    dir.put("devices.json", "[ ]\n");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(lines(&run, "kept"), ["devices.json: it lacks `bacon`"]);
}

#[test]
fn builds_may_be_outside_the_folder() {
    let roms = RomDir::new().file(&format!("roms/{}", bacon_name(0)), bacon(0));
    let path = roms.path().join("roms");
    let path = path.to_str().unwrap();
    if cfg!(windows) {
        return;
    }
    let dir = RomDir::new();
    let slash = format!("{path}/");
    let call = [
        "init",
        "--host",
        "nginx",
        "--base-url",
        BASE,
        "--builds",
        &slash,
    ];
    dir.run(&call).expect(0);
    assert!(text(&dir, "romfeed.toml").contains(&format!("\nbuilds = \"{path}\"\n")));
    assert!(!text(&dir, ".gitignore").contains(".zip"));
    dir.run(&["generate"])
        .expect(0)
        .says("1 build for 1 device");
    // A path into this folder is written as one.
    let here = dir.path().join("zips");
    std::fs::create_dir(&here).unwrap();
    dir.run(&["init", "--builds", here.to_str().unwrap()])
        .expect(0);
    assert!(text(&dir, "romfeed.toml").contains("\nbuilds = \"zips\"\n"));
}

#[cfg(unix)]
#[test]
fn builds_that_scripts_cannot_name_need_a_link() {
    let roms = RomDir::new().file(&format!("my 'roms'/{}", bacon_name(0)), bacon(0));
    let path = roms.path().join("my 'roms'");
    let dir = RomDir::new();
    let run = dir
        .run(&["init", "--builds", path.to_str().unwrap()])
        .expect(2)
        .says("has characters other than letters, digits and . _ - ~\n");
    let (_, command) = run.stderr.split_once("use that: ").unwrap();
    let (link, _) = command
        .split_once(" && romfeed init --builds builds\n")
        .unwrap();
    let done = std::process::Command::new("sh")
        .args(["-c", link])
        .current_dir(dir.path())
        .status();
    assert!(done.unwrap().success(), "{link}");
    dir.run(&["init", "--builds", "builds"]).expect(0);
    dir.generate().expect(0).says("1 build for 1 device");
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay_and_the_script_can_be_run_again() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = RomDir::new();
    dir.run(&["init"]).expect(0);
    let at = |path: &str| dir.path().join(path);
    let mode = |path: &str| at(path).metadata().unwrap().permissions().mode() & 0o777;
    let set = |path: &str, mode| {
        std::fs::set_permissions(at(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::rename(at("romfeed.toml"), at("real.toml")).unwrap();
    symlink("real.toml", at("romfeed.toml")).unwrap();
    set("real.toml", 0o640);
    init(&dir, "nginx");
    assert!(at("romfeed.toml").is_symlink());
    assert!(text(&dir, "real.toml").contains("\nbase_url = "));
    assert_eq!(mode("real.toml"), 0o640);
    set("publish", 0o644);
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(lines(&run, "changed"), ["publish"]);
    assert_eq!(mode("publish"), 0o755);
}

#[test]
fn packages_of_other_families_get_the_feed_that_their_updater_reads() {
    let crdroid = |sdk: &str| {
        let props = bacon_props(0)
            .set("ro.build.version.sdk", sdk)
            .set("ro.crdroid.device", "bacon")
            .set("ro.crdroid.build.version", "12.4");
        Package::files(props).without_metadata().build()
    };
    let name = "builds/crDroidAndroid-16.0-20231114-bacon-v12.4.zip";
    let dir = RomDir::new().file(name, crdroid("36"));
    init(&dir, "nginx")
        .says("  crDroid: its updater has its address built in; build it with https://ota.example.org/{device}.json")
        .lacks("lineage.updater.uri");
    assert!(text(&dir, "romfeed.toml").contains("\ndevice_feed = \"crdroid-16\"\n"));
    dir.run(&["generate"]).expect(0);
    dir.run(&["simulate", "--device", "bacon"]).expect(0);
    // Phones in the field read it, so it stays when the package is gone or reads another one.
    dir.remove(name);
    let run = init(&dir, "nginx");
    assert_eq!(lines(&run, "changed"), [""; 0]);
    dir.put(name, crdroid("34"));
    let run = init(&dir, "nginx");
    assert_eq!(lines(&run, "changed"), [""; 0]);
    // Settings that were edited are not changed.
    edit(
        &dir,
        "romfeed.toml",
        "device_feed = \"crdroid-16\"\n",
        "# mine\n",
    );
    let run = init(&dir, "nginx");
    assert_eq!(
        lines(&run, "kept"),
        ["romfeed.toml: it lacks `device_feed = \"crdroid\"`"]
    );
}

#[test]
fn the_next_steps_are_those_of_the_script_that_is_there() {
    let dir = RomDir::new();
    init(&dir, "nginx").says("\n    to ota.example.org:/srv/ota by rsync and SSH; ");
    edit(&dir, "publish", "set -eu\n", "set -eu\necho hello\n");
    init(&dir, "nginx")
        .says("\n  ./publish, now and after each build\n")
        .lacks("by rsync and SSH");
    let call = "--host s3 --base-url https://ota.example.org";
    init(&dir, "s3")
        .says(&format!(
            "\n  publish was kept, and still publishes to nginx: change it to what `romfeed init --print publish {call}` \
             prints, or remove it and run: romfeed init {call}\n"
        ))
        .lacks("BUCKET=NAME")
        .says("lineage.updater.uri");
    dir.remove("publish");
    init(&dir, "s3").says("\n  BUCKET=NAME ./publish, now and after each build\n");
    dir.put("publish", "#!/bin/sh\n");
    init(&dir, "s3")
        .says("\n  publish was kept, and is not from init: ")
        .lacks("BUCKET=NAME");
}

#[test]
fn a_host_without_an_address_writes_nothing() {
    let dir = RomDir::new();
    for more in [&[][..], &["--dry-run"]] {
        dir.run(&[&["init", "--host", "s3"], more].concat())
            .expect(2)
            .says("error: the files for S3 and CloudFront need the address of the site\n")
            .says("--base-url, for example: romfeed init --host s3 --base-url https://ota.example.org\n");
        assert!(dir.tree("").is_empty());
    }
    // What every host needs can be printed.
    dir.run(&["init", "--host", "s3", "--print", ".gitignore"])
        .expect(0);
    // The host of a script needs no flag, so only its address is asked for.
    init(&dir, "s3");
    dir.remove("romfeed.toml");
    dir.run(&["init"])
        .expect(0)
        .says("\n  name your address, for example: romfeed init --host s3 --base-url https://ota.example.org\n")
        .lacks("hosts: ");
}
