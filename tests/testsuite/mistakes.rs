//! Mistakes in calls and settings: each is reported once, with the way out.

use testkit::zip::Zip;

use crate::support::{RomDir, bacon, bacon_name};

/// A folder with one build of `bacon`, and these settings.
fn with_bacon(settings: &str) -> RomDir {
    RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(
            "romfeed.toml",
            format!("base_url = \"https://example.org/ota\"\n{settings}"),
        )
}

/// Returns the lines of warnings.
fn warnings(dir: &RomDir) -> Vec<String> {
    let run = dir.run(&["generate"]).expect(0);
    let warnings = run.stderr.lines().filter_map(|line| {
        let text = line.strip_prefix("warning: romfeed.toml: ")?;
        Some(text.to_owned())
    });
    warnings.collect()
}

#[test]
fn a_file_in_place_of_a_folder_is_a_wrong_call() {
    let dir = with_bacon("");
    for flag in ["out", "changelogs"] {
        let run = dir.run(&["generate", &format!("--{flag}"), "romfeed.toml"]);
        run.expect(2).says(&format!(
            "error: --{flag} or ROMFEED_{}: `romfeed.toml` is a file, not a folder\n  hint: name a folder",
            flag.to_uppercase()
        ));
        dir.put("other.toml", format!("{flag} = \"romfeed.toml\"\n"));
        let run = dir.run(&["--config", "other.toml", "generate"]).expect(2);
        run.says(&format!(
            "error: other.toml: {flag}: `romfeed.toml` is a file, not a folder\n"
        ));
    }
    dir.run(&["generate", "--catalog", "builds"]).expect(2).says(
        "error: --catalog or ROMFEED_CATALOG: `builds/` is the folder of zips\n  hint: name a file",
    );
    dir.put("other.toml", "catalog = \"builds/\"\n");
    let run = dir.run(&["--config", "other.toml", "generate"]).expect(2);
    run.says("error: other.toml: catalog: `builds/` is the folder of zips\n");
}

#[test]
fn settings_for_a_device_without_builds_are_a_warning_with_the_nearest_name() {
    let dir = with_bacon("[device.bacno]\nkeep = 5\n[device.fajita]\nkeep = 5\n");
    assert_eq!(
        warnings(&dir),
        [
            "[device.bacno]: no build is for this device; did you mean `bacon`?",
            "[device.fajita]: no build is for this device",
        ]
    );
    let json = dir.run(&["generate", "--json"]).expect(0).json();
    let first = &json["warnings"][0];
    assert_eq!(first["file"], "romfeed.toml");
    let message = first["message"].as_str().unwrap();
    assert!(message.starts_with("[device.bacno]: "), "{message}");
}

#[test]
fn settings_for_known_devices_and_before_the_first_build_are_no_mistake() {
    let listed = r#"[{"model": "fajita", "oem": "OnePlus", "name": "6T"}]"#;
    let settings = "[device.bacon]\nkeep = 5\n[device.fajita]\nkeep = 5\n";
    assert_eq!(
        warnings(&with_bacon(settings).file("devices.json", listed)),
        [""; 0]
    );
    // The builds are of a phone with another codename.
    let alias = "[device.oneplus-one]\naliases = [\"bacon\"]\n";
    assert_eq!(warnings(&with_bacon(alias)), [""; 0]);
    let empty = RomDir::new().file("romfeed.toml", "[device.bacon]\nkeep = 5\n");
    assert_eq!(warnings(&empty), [""; 0]);
}

#[test]
fn patterns_that_match_no_package_are_warnings() {
    let dir = with_bacon(
        "[[variant]]\nname = \"gapps\"\npackage = \"*gapps*\"\n\
         [[override]]\npackage = \"*BACON*\"\nromtype = \"nightly\"\n\
         [[override]]\npackage = \"*bacon*\"\nromtype = \"nightly\"\n",
    );
    assert_eq!(
        warnings(&dir),
        [
            "[[variant]] gapps: the pattern `*gapps*` matches no package".to_owned(),
            format!(
                "[[override]]: the pattern `*BACON*` matches no package; `{}` differs only in upper and lower case",
                bacon_name(0)
            ),
        ]
    );
}

#[test]
fn a_pattern_for_a_package_that_is_left_out_is_used() {
    let dir = with_bacon("[[override]]\npackage = \"*other*\"\nromtype = \"nightly\"\n")
        .file("builds/other.zip", "PK");
    let run = dir.run(&["generate"]).expect(1);
    run.lacks("matches no package");
}

#[test]
fn a_keep_below_two_says_that_two_stay() {
    let dir = with_bacon(
        "keep = 0\n[romtype.nightly]\nkeep = 1\n[device.bacon]\nkeep = 2\n[device.bacon.romtype.weekly]\nkeep = 1\n",
    );
    let stay = "the two newest builds of each version stay listed in any case";
    assert_eq!(
        warnings(&dir),
        [
            format!("keep = 0: {stay}"),
            format!("[romtype.nightly] keep = 1: {stay}"),
            format!("[device.bacon.romtype.weekly] keep = 1: {stay}"),
            "[device.bacon.romtype.weekly]: no build is of this release type".to_owned(),
        ]
    );
}

#[test]
fn settings_for_what_does_not_exist_get_the_nearest_name() {
    let dir = with_bacon(
        "[romtype.nigthly]\nkeep = 3\n[device.bacon.romtype.stable]\nkeep = 3\n\
         [[override]]\npackage = \"*-bacn.zip\"\nversion = \"21.0\"\n",
    );
    assert_eq!(
        warnings(&dir),
        [
            "[romtype.nigthly]: no build is of this release type; did you mean `nightly`?",
            "[device.bacon.romtype.stable]: no build is of this release type",
            "[[override]]: the pattern `*-bacn.zip` matches no package; did you mean `bacon`?",
        ]
    );
}

#[test]
fn a_changed_address_of_the_site_says_that_roms_ask_the_old_one() {
    let dir = with_bacon("");
    let text = "the address of the site was https://example.org/ota and becomes https://new.example.org: ROMs in the \
                field still ask the old one";
    dir.run(&["generate"]).expect(0).lacks("still ask");
    let moved = ["generate", "--base-url", "https://new.example.org"];
    let mut dry = moved.to_vec();
    dry.push("--dry-run");
    dir.run(&dry).expect(0).says(text);
    dir.run(&moved).expect(0).says(text);
    // It is said once, and the way back is another change.
    dir.run(&moved).expect(0).lacks("still ask");
    dir.run(&["generate"])
        .expect(0)
        .says("was https://new.example.org and becomes");
}

#[cfg(unix)]
#[test]
fn a_narrow_umask_makes_a_site_that_everyone_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = with_bacon("out = \"www/ota\"\n").file(
        &format!("builds/{}", bacon_name(0).replace(".zip", ".md")),
        "Fixed.",
    );
    let mut command = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_romfeed");
    command.args(["-c", "umask 077; exec \"$0\" generate", program]);
    let output = command.current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let mut folders = vec![dir.path().join("www")];
    let mut num_files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o755, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                // The lock is not part of the site.
                false if path.ends_with(".romfeed/lock") => assert_eq!(mode(&path), 0o600),
                false => {
                    assert_eq!(mode(&path), 0o644, "{}", path.display());
                    num_files += 1;
                }
            }
        }
    }
    assert!(num_files > 10, "{num_files} files");
    for own in ["catalog.json", "changelogs", ".romfeed", ".romfeed/lock"] {
        assert_eq!(mode(&dir.path().join(own)) & 0o077, 0, "{own}");
    }
}

#[test]
fn a_misspelled_template_or_command_gets_the_nearest_name() {
    let dir = with_bacon("").file("templates/feeds/mine.j2", "{}");
    for (wrong, right) in [("crdoid", "crdroid"), ("mien", "mine")] {
        dir.put("other.toml", format!("device_feed = \"{wrong}\"\n"));
        let run = dir.run(&["--config", "other.toml", "generate"]).expect(2);
        run.says(&format!(
            "error: other.toml: device_feed: there is no template `{wrong}`; did you mean `{right}`?\n"
        ));
    }
    dir.put("other.toml", "device_feed = \"unheard-of\"\n");
    let run = dir.run(&["--config", "other.toml", "generate"]).expect(2);
    run.says("romfeed itself has ");

    let man = |names: &[&str]| dir.run(&[&["man"], names].concat()).expect(2);
    man(&["inspct"]).says("error: unknown command `inspct`\n  hint: did you mean `inspect`?\n");
    man(&["catalog", "lst"]).says("hint: did you mean `list`?\n");
    man(&["nope"]).says("hint: known are init, generate, ");
    man(&["inspect", "it"]).says("hint: `inspect` has no commands\n");
}

#[test]
fn missing_settings_are_named_with_the_command_that_writes_them() {
    let run = RomDir::new().run(&["--config", "nope.toml", "generate"]);
    let run = run.expect(2).says("error: cannot read nope.toml: ");
    run.says(
        "\n  hint: check the path; `romfeed init` writes a romfeed.toml to the current folder\n",
    );
}

#[test]
fn a_wrong_address_of_the_site_is_not_called_a_download_address() {
    let run = RomDir::new().run(&["generate", "--base-url", "http://example.org"]);
    run.expect(2)
        .says("--base-url or ROMFEED_BASE_URL: `http://example.org` is not a usable address: ");
}

#[test]
fn one_pattern_is_advised_for_many_zips_that_are_no_builds() {
    let module = Zip::new().stored("module.prop", "x").build();
    let mut dir = with_bacon("");
    for name in [
        "NikGapps-core-1.zip",
        "old/NikGapps-core-2.zip",
        "lineage-1.zip",
        "lineage-2.zip",
        "a[1].zip",
    ] {
        dir = dir.file(&format!("builds/{name}"), &module);
    }
    let run = dir.run(&["generate"]).expect(0);
    let advice = r#"exclude = ["NikGapps*", "a[[]1[]].zip", "lineage-1.zip", "lineage-2.zip"]"#;
    let run = run.says(advice);
    run.says("out: 1 build for 1 device");
    // The advice passes over all of them, and over no build.
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    dir.put("romfeed.toml", format!("{settings}{advice}\n"));
    let run = dir.run(&["generate"]).expect(0).lacks("passed over");
    run.says("out is up to date: 1 build for 1 device");
    // The next advice has the patterns that are there already.
    dir.put("builds/magisk.zip", &module);
    let next = advice.replace("2.zip\"]", "2.zip\", \"magisk.zip\"]");
    dir.run(&["generate"]).expect(0).says(&next);
    dir.put("romfeed.toml", format!("{settings}{next}\n"));
    dir.run(&["generate"]).expect(0).lacks("passed over");
}

#[test]
fn verbosity_is_advised_only_for_reasons_that_were_not_printed() {
    let dir = with_bacon("min_age = \"30000d\"\n");
    let first = dir.run(&["generate"]).expect(0);
    first
        .says("held lineage-21.0-")
        .says("; 1 build held back")
        .lacks("-v shows why");
    let second = dir.run(&["generate"]).expect(0);
    second
        .says("; 1 build held back (-v shows why)")
        .lacks("held lineage");
    let verbose = dir.run(&["generate", "-v"]).expect(0);
    verbose.says("held lineage-21.0-").lacks("-v shows why");
}

#[test]
fn the_help_of_a_command_has_only_what_belongs_to_it() {
    let dir = RomDir::new();
    let help = |command: &[&str]| dir.run(&[command, &["--help"]].concat()).expect(0).stdout;
    for command in [&["check"][..], &["files"], &["catalog", "list"]] {
        assert!(!help(command).contains("--changelogs"), "{command:?}");
    }
    assert!(help(&["generate"]).contains("--changelogs"));
    for command in [
        &["init"][..],
        &["check"],
        &["files"],
        &["catalog", "import"],
    ] {
        let help = help(command);
        for text in ["Write the site", "Publish the site", "Scan this folder"] {
            assert!(!help.contains(text), "{command:?}: {text}");
        }
    }
    let simulate = help(&["simulate"]);
    let (_, of_all) = simulate.split_once("Global options:").unwrap();
    assert!(of_all.contains("only results and errors"), "{of_all}");
}
