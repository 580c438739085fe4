//! Publish scripts written by `romfeed init`, run with stand-ins for the hosts' programs.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use super::secure_host;
use super::support::{RomDir, bacon, bacon_name};

fn put_program(dir: &RomDir, name: &str, text: &str) {
    let path = format!("bin/{name}");
    dir.put(&path, text);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path().join(path), mode).unwrap();
}

fn run_script(dir: &RomDir, args: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap();
    Command::new("./publish")
        .args(args)
        .current_dir(dir.path())
        .env(
            "PATH",
            format!("{}:{path}", dir.path().join("bin").display()),
        )
        .env("ROMFEED", env!("CARGO_BIN_EXE_romfeed"))
        .env("ROMFEED_CA", secure_host::authority())
        .output()
        .unwrap()
}

/// Returns the address in the settings.
fn base_of(dir: &RomDir) -> String {
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    let line = settings.lines().find(|line| line.starts_with("base_url"));
    line.unwrap().split('"').nth(1).unwrap().to_owned()
}

/// Sets up a folder whose script publishes to a host on this machine, and records in `deployed` that it did. The zips are
/// online already.
fn site_on_netlify() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    for nth in 0..2 {
        dir.put(&format!("www/builds/{}", bacon_name(nth)), bacon(nth));
    }
    let base = secure_host::serve(dir.path().join("www"));
    let init = [
        "init",
        "--host",
        "netlify",
        "--base-url",
        "https://h.example",
        "--zips",
        "https://dl.example.org/roms",
    ];
    dir.run(&init).expect(0);
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    dir.put("romfeed.toml", settings.replace("https://h.example", &base));
    put_program(&dir, "romfeed", "#!/bin/sh\nexec \"$ROMFEED\" \"$@\"\n");
    put_program(
        &dir,
        "netlify",
        "#!/bin/sh\ncp -R out/. www/\n: >deployed\n",
    );
    dir
}

/// Runs the script, and returns its exit code, whether it went on to the host, and its messages.
fn try_to_publish(dir: &RomDir, args: &[&str]) -> (i32, bool, String) {
    let mark = dir.path().join("deployed");
    let _ = std::fs::remove_file(&mark);
    let output = run_script(dir, args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), mark.exists(), stderr)
}

const LEFT_OUT: &str = "error: the rest is published, but this was left out:\n";

#[test]
fn a_faulty_zip_is_named_at_the_end_and_the_rest_is_published() {
    let dir = site_on_netlify();
    let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
    assert_eq!((code, is_deployed), (0, true), "{stderr}");
    assert!(!stderr.contains(LEFT_OUT), "{stderr}");
    dir.put("builds/broken-bacon.zip", "not a zip");
    dir.put("builds/other-bacon.zip", "not a zip either");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
    assert_eq!((code, is_deployed), (1, true), "{stderr}");
    let (_, end) = stderr.split_once(LEFT_OUT).unwrap();
    let lines: Vec<&str> = end.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("- broken-bacon.zip: "), "{stderr}");
    assert!(lines[1].starts_with("- other-bacon.zip: "), "{stderr}");
}

#[test]
fn a_strict_run_publishes_all_or_nothing() {
    let dir = site_on_netlify();
    let strict = ["--offline", "--strict"];
    assert_eq!(try_to_publish(&dir, &strict).0, 0);
    dir.put("builds/broken-bacon.zip", "not a zip");
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    let before = dir.tree("out");
    let catalog = dir.read("catalog/bacon.json");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &strict);
    assert_eq!((code, is_deployed), (3, false), "{stderr}");
    assert!(
        stderr.contains("nothing was published, because of --strict"),
        "{stderr}"
    );
    assert_eq!(dir.tree("out"), before);
    assert_eq!(dir.read("catalog/bacon.json"), catalog);
    // Entries of devices.json that cannot be used are faults, too.
    dir.remove("builds/broken-bacon.zip");
    dir.put("devices.json", "[1]");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &strict);
    assert_eq!((code, is_deployed), (3, false), "{stderr}");
    assert_eq!(dir.read("catalog/bacon.json"), catalog);
}

#[test]
fn wrong_settings_and_damaged_catalogs_stop_the_script() {
    let dir = site_on_netlify();
    assert_eq!(try_to_publish(&dir, &["--offline"]).0, 0);
    let settings = dir.read("romfeed.toml");
    for (file, text) in [
        ("romfeed.toml", "keeep = 3\n".to_owned()),
        ("catalog/bacon.json", "{".to_owned()),
        (
            "catalog/bacon.json",
            String::from_utf8(dir.read("catalog/bacon.json"))
                .unwrap()
                .replace("\"sha256\"", "\"md5\""),
        ),
    ] {
        let sound = dir.read(file);
        dir.put(file, &text);
        let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
        assert_eq!((code, is_deployed), (2, false), "{file}: {stderr}");
        dir.put(file, sound);
    }
    assert_eq!(dir.read("romfeed.toml"), settings);
}

#[test]
fn a_site_that_cannot_be_written_stops_the_script() {
    let dir = site_on_netlify();
    dir.put(".romfeed", "a file where the folder of the cache belongs");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
    assert_eq!((code, is_deployed), (3, false), "{stderr}");
}

#[test]
fn a_source_that_cannot_be_listed_does_not_stop_the_rest() {
    let dir = site_on_netlify();
    // Nothing listens there.
    dir.put(
        "romfeed.toml",
        format!(
            "base_url = \"{}\"\n[[source]]\nlisting = \"http://127.0.0.1:9/\"\n\
             url = \"https://dl.example.org/{{path}}\"\n",
            base_of(&dir)
        ),
    );
    let (code, is_deployed, stderr) = try_to_publish(&dir, &[]);
    assert_eq!((code, is_deployed), (1, true), "{stderr}");
    let (_, end) = stderr.split_once(LEFT_OUT).unwrap();
    assert!(end.starts_with("- listing: "), "{stderr}");
    assert!(dir.path().join("out/api/v1/bacon/nightly.json").exists());
}
