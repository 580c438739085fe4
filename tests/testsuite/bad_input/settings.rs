//! Settings, flags and device names that are wrong or missing.

use super::*;
use crate::support::native;

/// Fails unless the settings are refused with exit code 2 and no file is written.
#[track_caller]
fn settings_are_refused(toml: &str, message: &str) {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file("romfeed.toml", toml);
    let run = dir.run(&["generate"]).expect(2);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    let run = run.says(&format!("error: romfeed.toml{message}"));
    is_escaped(&run);
    assert!(!dir.path().join("out").exists());
    assert!(!dir.path().join("catalog.json").exists());
}

#[test]
fn broken_settings_show_line_and_column() {
    settings_are_refused("# one\nbase_url = \n", ", line 2, column ");
    settings_are_refused("base_url = \"https://h\n", ", line 1, column ");
    settings_are_refused("jobs = 2\njobs = 3\n", ", line 2, column 1: duplicate key");
    settings_are_refused("base_url = 5\n", ", line 1, column 12: invalid type");
    settings_are_refused("[[override]]\ndevice = \"x\"\n", ", line 1, column ");
    settings_are_refused(
        "device_feed = \"v3\"\n",
        &format!(
            ": device_feed: cannot read {}: ",
            native("templates/feeds/v3.j2")
        ),
    );
}

#[test]
fn an_unknown_setting_is_refused_with_its_place() {
    settings_are_refused(
        "jobs = 2\nbase-url = \"https://h\"\n",
        ", line 2, column 1: unknown key `base-url`; did you mean `base_url`?",
    );
    settings_are_refused(
        "[device.bacon]\nuri = \"x\"\n",
        ", line 2, column 1: unknown key `uri`",
    );
}

#[test]
fn addresses_that_phones_reject_are_refused() {
    for (toml, message) in [
        (
            "url = \"https://h/{file}\"",
            ": url: `https://h/{file}` is not a usable address: `{file}` is unknown; there are {device}",
        ),
        (
            "url = \"https://h/{filename\"",
            ": url: `https://h/{filename` is not a usable address: a `{` is never closed",
        ),
        (
            "url = \"https://h/{device}\"",
            ": url: `https://h/{device}` is not a usable address: it gives every build the same",
        ),
        (
            "base_url = \"http://h\"",
            ": base_url: `http://h` is not a usable address: it must begin with https://",
        ),
        (
            "[device.bacon]\nurl = \"http://h/{path}\"",
            ": [device.bacon] url: `http://h/",
        ),
    ] {
        settings_are_refused(toml, message);
    }
    let dir = RomDir::new().file(&good(0), bacon(0));
    for args in [
        ["generate", "--base-url", "http://h"],
        ["generate", "--url", "https://h/{nothing}"],
    ] {
        dir.run(&args)
            .expect(2)
            .says(&format!("error: {} or ROMFEED_", args[1]));
    }
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_missing_settings_file_given_by_flag_is_an_error() {
    let dir = RomDir::new().file(&good(0), bacon(0));
    dir.run(&["generate", "-c", "none.toml"])
        .expect(2)
        .says("error: cannot read none.toml: ");
}

#[test]
fn broken_device_names_show_line_and_column_and_the_rest_is_published() {
    for text in [
        "[\n  {\"model\": }\n]",
        "[\n  {\"name\": \"One\"}\n]",
        "[\n  5",
    ] {
        let (dir, run) = next_to_good(|dir| dir.put("devices.json", text));
        let run = run.expect(1);
        one_error(&run, "devices.json: ", "correct it");
        let run = run.says(" at line 2 column ");
        assert!(run.json()["errors"].as_array().unwrap().len() <= 1);
        offers_both_good_builds(&dir);
    }
}

#[test]
fn without_any_address_the_flag_and_the_line_to_set_are_shown() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&good(1), bacon(1));
    let run = dir.run(&["generate"]).expect(2);
    one_error(
        &run,
        &format!(
            "no setting says where phones will download bacon/{} and 1 other build",
            bacon_name(0)
        ),
        "--base-url https://",
    );
    run.says("base_url = \"https://")
        .says("--url 'https://")
        .says("url = \"https://");
    for path in ["out", "catalog.json", ".romfeed/cache.json"] {
        assert!(!dir.path().join(path).exists(), "{path}");
    }
}

#[test]
fn settings_errors_do_not_mention_rust_types() {
    for (settings, message) in [
        (
            "bulds = \"x\"\n",
            "unknown key `bulds`; did you mean `builds`?",
        ),
        (
            "[device.bacon]\ninstal = \"x\"\n",
            "unknown key `instal`; did you mean `install`?",
        ),
        (
            "[require]\nunheard_of = true\n",
            "unknown key `unheard_of`; known are signature, ",
        ),
        ("keep = \"x\"\n", "the text \"x\", expected a whole number"),
        ("exclude = 5\n", "the number `5`, expected a list"),
        ("catalog = 5\n", "expected a path or a list of paths"),
        (
            "follow_links = 1\n",
            "the number `1`, expected true or false",
        ),
    ] {
        let dir = RomDir::new().file("romfeed.toml", settings);
        dir.run(&["generate"]).expect(2).says(message);
    }
}
