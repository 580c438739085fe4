//! `init`: which files it writes to which folder, and which it leaves alone.

use crate::support::{RomDir, Run, bacon, bacon_name};

const ORIGIN: &str = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = ";

fn with_remote(url: &str) -> RomDir {
    RomDir::new().file(".git/config", format!("{ORIGIN}{url}\n"))
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(path)).unwrap()
}

/// Returns the paths that `init` wrote.
fn written(dir: &RomDir) -> Vec<String> {
    let tree = dir.tree("").into_keys();
    let is_ours = |path: &String| !path.starts_with(".git/") && !path.starts_with("builds/");
    tree.filter(is_ours).collect()
}

/// Returns the lines about files, by result.
fn fates<'a>(run: &'a Run, fate: &str) -> Vec<&'a str> {
    let lines = run.stderr.lines();
    lines
        .filter_map(|line| Some(line.strip_prefix(fate)?.trim()))
        .collect()
}

#[test]
fn a_folder_without_remote_gets_the_common_files_and_a_note() {
    let dir = RomDir::new();
    let run = dir
        .run(&["init"])
        .expect(0)
        .says("romfeed init --host nginx --base-url https://ota.example.org\n");
    assert_eq!(run.stdout, "");
    assert_eq!(
        written(&dir),
        [".gitattributes", ".gitignore", "romfeed.toml"]
    );
    // There is nothing to publish yet, but the settings are valid.
    dir.run(&["generate"]).expect(0);
}

#[test]
fn a_github_remote_sets_host_and_addresses() {
    for url in [
        "https://github.com/You/ota.git",
        "git@github.com:You/ota.git",
        "ssh://git@github.com/You/ota",
        "https://you:secret@github.com/You/ota",
    ] {
        let dir = with_remote(url);
        let run = dir.run(&["init"]).expect(0);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
        let settings = text(&dir, "romfeed.toml");
        assert!(
            settings.contains("\nbase_url = \"https://you.github.io/ota\"\n"),
            "{settings}"
        );
        assert!(
            settings.contains(
                "\nurl = \"https://github.com/You/ota/releases/download/{device}-{datetime}/{filename}\"\n"
            ),
            "{settings}"
        );
        assert_eq!(
            written(&dir),
            [
                ".gitattributes",
                ".github/workflows/pages.yml",
                ".gitignore",
                "publish",
                "romfeed.toml"
            ]
        );
        assert!(text(&dir, "publish").contains("\nzips=github:You/ota\n"));
        run.says("lineage.updater.uri=https://you.github.io/ota/api/v1/{device}/{type}.json");
    }
}

#[test]
fn a_gitlab_remote_gets_a_pipeline() {
    let dir = with_remote("git@gitlab.com:group/sub/ota.git");
    dir.run(&["init"]).expect(0);
    assert!(text(&dir, "romfeed.toml").contains("\"https://group.gitlab.io/sub/ota\""));
    let rules = text(&dir, "host/_redirects");
    assert!(
        rules.contains("\n/sub/ota/api/v1/devices /sub/ota/api/v1/devices.json 200\n"),
        "{rules}"
    );
    assert!(text(&dir, ".gitlab-ci.yml").contains("romfeed check --out public --zips"));
}

#[test]
fn a_cname_file_sets_the_address() {
    let dir = with_remote("git@github.com:you/ota.git").file("CNAME", "ota.example.org\n");
    dir.run(&["init"]).expect(0);
    assert!(text(&dir, "romfeed.toml").contains("\nbase_url = \"https://ota.example.org\"\n"));
}

#[test]
fn the_remote_is_found_from_worktrees_and_submodules() {
    let dir = RomDir::new()
        .file(".git", "gitdir: real/worktrees/x\n")
        .file("real/worktrees/x/commondir", "../..\n")
        .file(
            "real/config",
            format!("{ORIGIN}git@github.com:you/ota.git\n"),
        );
    dir.run(&["init"]).expect(0);
    assert!(text(&dir, "publish").contains("\nzips=github:you/ota\n"));
    let dir = RomDir::new().file(".git", "nonsense");
    dir.run(&["init"])
        .expect(0)
        .says("cannot read the settings of git");
}

#[test]
fn a_hostile_remote_reaches_no_file() {
    for url in [
        "https://github.com/mallory/$(touch${IFS}pwned)",
        "https://github.com/mallory/`id`",
        "https://github.com/mallory/\"; id; \"",
        "https://github.com/mallory/ota';id;'",
        "https://github.com/mallory/../../x",
        "git@github.com:-you/ota",
        "https://example.org/mallory/ota",
    ] {
        let dir = with_remote(url);
        dir.run(&["init"])
            .expect(0)
            .says("is not a repository of github.com");
        assert_eq!(
            written(&dir),
            [".gitattributes", ".gitignore", "romfeed.toml"],
            "{url}"
        );
        let all = dir
            .tree("")
            .into_iter()
            .filter(|(path, _)| !path.starts_with(".git/"));
        for (path, bytes) in all {
            assert!(
                !String::from_utf8(bytes).unwrap().contains("mallory"),
                "{path}"
            );
        }
    }
    // A line that begins like another setting is not part of the address.
    let dir = with_remote("git@github.com:you/ota\nurl = $(id)");
    dir.run(&["init"]).expect(0);
    assert!(!text(&dir, "publish").contains("$(id)"));
}

#[test]
fn hostile_addresses_and_folders_are_refused() {
    for args in [
        ["--base-url", "https://h.example/$(id)"],
        ["--base-url", "https://h.example/a;b"],
        ["--base-url", "http://h.example"],
        ["--builds", "my builds"],
        ["--out", "$(id)"],
        ["--catalog", "../catalog.json"],
    ] {
        let dir = RomDir::new();
        dir.run(&[&["init", "--host", "nginx"], &args[..]].concat())
            .expect(2);
        assert_eq!(written(&dir), [""; 0], "{args:?}");
    }
}

#[test]
fn existing_files_are_left_and_reported() {
    let dir = with_remote("git@github.com:you/ota.git")
        .file("romfeed.toml", "# mine\nkeep = 3\n")
        .file("publish", "mine")
        .file(".gitattributes", "*.zip binary\n")
        .file(".gitignore", "/out\n/builds/\n");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(
        fates(&run, "kept"),
        [
            "romfeed.toml: it lacks `base_url = \"https://you.github.io/ota\"`; it lacks `url = \
             \"https://github.com/you/ota/releases/download/{device}-{datetime}/{filename}\"`",
            ".gitignore: it lacks `/.romfeed/`",
            ".gitattributes: it lacks `/catalog.json merge=romfeed`",
            "publish: edited, or not from init: line 1 is `mine`, where init writes `#!/bin/sh`",
        ]
    );
    let put = "put this line at the top of romfeed.toml: ";
    let run = run.says(&format!("{put}base_url = \"https://you.github.io/ota\""));
    run.says(&format!("{put}url = \"https://github.com/you/ota/releases"));
    assert_eq!(text(&dir, "romfeed.toml"), "# mine\nkeep = 3\n");
    assert_eq!(text(&dir, "publish"), "mine");
    let printed = dir.run(&["init", "--print", "publish"]).expect(0).stdout;
    assert!(printed.starts_with("#!/bin/sh\n"), "{printed}");
    dir.run(&["init", "--print", "nothing"])
        .expect(2)
        .says("they are romfeed.toml, ");
}

#[test]
fn existing_settings_take_precedence_over_guesses() {
    let dir = with_remote("git@github.com:you/ota.git").file(
        "romfeed.toml",
        "base_url = \"https://ota.example.org\"\nurl = \"https://h.example/{filename}\"\n",
    );
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(
        fates(&run, "kept"),
        ["romfeed.toml: edited, and it lacks nothing"]
    );
    let script = text(&dir, "publish");
    assert!(script.contains("\nzips=none\n"), "{script}");
}

#[test]
fn a_second_run_keeps_the_host_and_changes_nothing() {
    let dir = with_remote("git@github.com:you/ota.git");
    let base = "https://ota.example.org";
    dir.run(&["init", "--host", "nginx", "--base-url", base])
        .expect(0);
    let before = dir.tree("");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(dir.tree(""), before);
    let all = [
        "romfeed.toml",
        ".gitignore",
        ".gitattributes",
        "host/nginx.conf",
        "publish",
    ];
    assert_eq!(fates(&run, "unchanged"), all);
}

#[test]
fn a_dry_run_writes_nothing() {
    let dir = with_remote("git@github.com:you/ota.git");
    let run = dir.run(&["init", "--dry-run"]).expect(0);
    assert_eq!(written(&dir), [""; 0]);
    assert_eq!(fates(&run, "to create").len(), 5);
}

#[cfg(unix)]
#[test]
fn only_the_script_is_executable() {
    use std::os::unix::fs::PermissionsExt;
    let dir = with_remote("git@github.com:you/ota.git");
    dir.run(&["init"]).expect(0);
    let mode = |path: &str| {
        dir.path()
            .join(path)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o111
    };
    assert_eq!((mode("publish"), mode("romfeed.toml")), (0o111, 0));
}

#[cfg(unix)]
#[test]
fn a_broken_link_is_left_alone() {
    let dir = RomDir::new();
    std::os::unix::fs::symlink("nowhere", dir.path().join("romfeed.toml")).unwrap();
    dir.run(&["init"])
        .expect(0)
        .says("romfeed.toml: it is a link to a missing file");
    assert!(!dir.path().join("nowhere").exists());
}

#[test]
fn devices_json_lists_the_devices_of_the_builds() {
    let dir = with_remote("git@github.com:you/ota.git")
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(1)), bacon(1))
        .file("builds/broken.zip", "not a zip");
    dir.run(&["init"]).expect(0).says("1 zip names no device");
    let devices: serde_json::Value = serde_json::from_str(&text(&dir, "devices.json")).unwrap();
    assert_eq!(devices.as_array().unwrap().len(), 1);
    assert_eq!(devices[0]["model"], "bacon");
    assert!(devices[0]["name"].is_string() && devices[0]["oem"].is_string());
    dir.remove("builds/broken.zip");
    dir.run(&["generate"])
        .expect(0)
        .says("out: 2 builds for 1 device");
    let feed = text(&dir, "out/api/v1/bacon/nightly.json");
    assert!(
        feed.contains("https://github.com/you/ota/releases/download/bacon-17"),
        "{feed}"
    );
    let run = dir.run(&["init"]).expect(0);
    assert!(
        fates(&run, "unchanged").contains(&"devices.json"),
        "{}",
        run.stderr
    );
    // A name that was corrected by hand stays.
    dir.put(
        "devices.json",
        r#"[{"model":"bacon","oem":"OnePlus","name":"One"}]"#,
    );
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(
        fates(&run, "kept"),
        ["devices.json: edited, and it lacks nothing"]
    );
}

#[test]
fn devices_json_has_the_model_numbers_of_packages() {
    let package = |model: &str, of_vendor: &str| {
        let props = crate::support::bacon_props(0)
            .set("ro.product.model", model)
            .set("ro.product.vendor.model", of_vendor);
        testkit::package::Package::files(props).build()
    };
    for (model, of_vendor, expected) in [
        ("Galaxy S5", "SM-G900F", serde_json::json!(["SM-G900F"])),
        ("SM-G900F", "SM-G900F", serde_json::json!(["SM-G900F"])),
        ("Galaxy S5", "mainline", serde_json::Value::Null),
    ] {
        let file = format!("builds/{}", bacon_name(0));
        let dir = RomDir::new().file(&file, package(model, of_vendor));
        dir.run(&["init"]).expect(0);
        let devices: serde_json::Value = serde_json::from_str(&text(&dir, "devices.json")).unwrap();
        assert_eq!(devices[0]["name"], model);
        assert_eq!(devices[0]["models"], expected, "{model} {of_vendor}");
    }
}

#[test]
fn names_that_people_do_not_know_are_a_next_step_until_they_are_corrected() {
    let package = |model: &str| {
        let props = crate::support::bacon_props(0).set("ro.product.model", model);
        testkit::package::Package::files(props).build()
    };
    let step = "under \"name\" in devices.json, write what people call these devices: ONEPLUS A0001 (bacon)";
    let call = [
        "init",
        "--host",
        "nginx",
        "--base-url",
        "https://ota.example.org",
    ];
    let file = format!("builds/{}", bacon_name(0));
    let dir = RomDir::new().file(&file, package("ONEPLUS A0001"));
    dir.run(&call).expect(0).says(&format!("next:\n  {step}\n"));
    dir.put(
        "devices.json",
        r#"[{"model":"bacon","oem":"OnePlus","name":"One"}]"#,
    );
    let run = dir.run(&call).expect(0);
    assert!(!run.stderr.contains("people call"), "{}", run.stderr);
    let dir = RomDir::new().file(&file, package("OnePlus One"));
    let run = dir.run(&call).expect(0);
    assert!(!run.stderr.contains("people call"), "{}", run.stderr);
}

#[test]
fn every_host_gets_files_with_valid_settings() {
    for host in [
        "github",
        "gitlab",
        "netlify",
        "cloudflare",
        "nginx",
        "apache",
        "caddy",
        "s3",
    ] {
        let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
        let base = "https://ota.example.org";
        dir.run(&["init", "--host", host, "--base-url", base])
            .expect(0)
            .says("./publish");
        dir.run(&["generate"]).expect(0);
    }
}

#[test]
fn init_is_for_the_current_folder() {
    let dir = RomDir::new().file("x/romfeed.toml", "");
    dir.run(&["init", "-c", "x/romfeed.toml"])
        .expect(2)
        .says("leave out --config");
}

#[test]
fn the_next_step_is_the_script_that_publishes() {
    let dir = RomDir::new().file(
        "builds/lineage-21.0-20231114-nightly-bacon.zip",
        crate::support::bacon(0),
    );
    let base = "https://ota.example.org";
    let init = ["init", "--host", "nginx", "--base-url", base];
    dir.run(&init).expect(0);
    let run = dir.run(&["generate"]).expect(0).says("next: ./publish\n");
    assert!(
        !run.stderr.contains("lineage.updater.uri"),
        "{}",
        run.stderr
    );
    dir.put(
        "builds/lineage-21.0-20231115-nightly-bacon.zip",
        crate::support::bacon(1),
    );
    let run = dir.run(&["generate", "--no-next"]).expect(0);
    assert!(!run.stderr.contains("next:"), "{}", run.stderr);
    // In a script, the check before the feeds go up prints the lines for the ROM last.
    let run = dir.run(&["check", "--zips"]);
    assert!(!run.stderr.contains("for the ROM"), "{}", run.stderr);
}

#[test]
fn the_first_next_step_completes_what_init_wrote() {
    let dir = RomDir::new();
    let run = dir.run(&["init"]).expect(0);
    let step = run.stderr.lines().find_map(|line| {
        let (_, call) = line.split_once("for example: romfeed ")?;
        Some(call.to_owned())
    });
    let step = step.unwrap();
    let call: Vec<&str> = step.split(' ').collect();
    let run = dir.run(&call).expect(0);
    assert_eq!(fates(&run, "changed"), ["romfeed.toml"]);
    let run = run.lacks("put this line");
    run.lacks("kept");
    assert!(text(&dir, "romfeed.toml").contains("\nbase_url = \"https://ota.example.org\"\n"));
    dir.run(&["generate"]).expect(0);
}

#[test]
fn edited_settings_are_kept() {
    let dir = RomDir::new();
    dir.run(&["init"]).expect(0);
    let edited = format!("{}keep = 3\n", text(&dir, "romfeed.toml"));
    dir.put("romfeed.toml", &edited);
    let call = ["init", "--host", "nginx", "--base-url", "https://h.example"];
    let run = dir.run(&call).expect(0);
    assert_eq!(
        fates(&run, "kept"),
        ["romfeed.toml: line 6 has to be `base_url = \"https://h.example\"`"]
    );
    run.says("  change line 6 of romfeed.toml to: base_url = \"https://h.example\"\n");
    assert_eq!(text(&dir, "romfeed.toml"), edited);
}

#[test]
fn a_script_is_printed_only_with_what_it_needs() {
    let dir = RomDir::new();
    let run = dir.run(&["init", "--print", "publish"]).expect(2);
    assert_eq!(run.stdout, "");
    run.says("error: publish depends on the host and the address of the site\n").says(
        "  hint: name them, for example: romfeed init --print publish --host nginx --base-url https://ota.example.org\n",
    );
    let call = [
        "init",
        "--print",
        "publish",
        "--host",
        "caddy",
        "--base-url",
        "https://h.example",
        "--changelogs",
        "texts",
    ];
    let run = dir.run(&call).expect(0);
    assert!(run.stdout.starts_with("#!/bin/sh\n"));
    run.says(
        "warning: for publish, put this line at the top of romfeed.toml: base_url = \"https://h.example\"\n",
    )
    .says("warning: for publish, put this line at the top of romfeed.toml: changelogs = \"texts\"\n");
    // The settings that init writes have all of them.
    let mut call = call.to_vec();
    call.drain(1..3);
    dir.run(&call).expect(0).lacks("put this line");
    assert!(text(&dir, "romfeed.toml").contains("\nchangelogs = \"texts\"\n"));
}

#[test]
fn a_new_project_gets_a_catalog_for_each_device() {
    let dir = with_remote("git@github.com:you/ota.git")
        .file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["init"]).expect(0);
    assert!(text(&dir, "romfeed.toml").contains("\ncatalog = \"catalog/\"\n"));
    assert!(text(&dir, ".gitattributes").contains("\n/catalog/*.json merge=romfeed\n"));
    assert!(text(&dir, ".github/workflows/pages.yml").contains(" [ ! -e catalog/ ] || "));
    dir.run(&["generate"]).expect(0);
    assert!(dir.path().join("catalog/bacon.json").is_file());
    // Settings that got lost are written again for the catalog that is there.
    dir.remove("romfeed.toml");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(fates(&run, "created"), ["romfeed.toml"]);
    let again = dir.run(&["generate"]).expect(0);
    again.says("out is up to date");
}

#[test]
fn a_catalog_in_one_file_stays_and_nobody_is_told_to_split_it() {
    // A first try without settings, as in the README.
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate", "--base-url", "https://ota.example.org"])
        .expect(0);
    let call = ["init", "--host", "nginx", "--base-url", "https://h.example"];
    dir.run(&call).expect(0).lacks("catalog");
    assert!(!text(&dir, "romfeed.toml").contains("\ncatalog"));
    assert!(text(&dir, ".gitattributes").contains("\n/catalog.json merge=romfeed\n"));
    // A project that an earlier init set up, before its first build.
    let dir = RomDir::new().file("romfeed.toml", "keep = 3\n");
    dir.run(&call)
        .expect(0)
        .lacks("put this line at the top of romfeed.toml: catalog");
    assert!(text(&dir, ".gitattributes").contains("\n/catalog.json merge=romfeed\n"));
    // And one that is asked for.
    let dir = RomDir::new();
    dir.run(&[&call[..], &["--catalog", "catalog.json"]].concat())
        .expect(0);
    assert!(!text(&dir, "romfeed.toml").contains("\ncatalog"));
}

#[test]
fn a_new_project_keeps_its_hands_off_a_folder_that_has_other_files() {
    let call = ["init", "--host", "nginx", "--base-url", "https://h.example"];
    for (file, flag) in [
        ("catalog", None),
        ("catalog/spring.json", None),
        ("x", Some("--builds")),
        ("x", Some("--out")),
    ] {
        let dir = RomDir::new().file(file, "[]\n");
        let flags = flag.map(|flag| [flag, "catalog"]);
        let flags = flags.as_ref().map_or(&[][..], |flags| &flags[..]);
        dir.run(&[&call[..], flags].concat()).expect(0);
        assert!(!text(&dir, "romfeed.toml").contains("\ncatalog"), "{file}");
        dir.run(&["generate"]).expect(0);
    }
}

/// Returns the lines of the settings from `[[source]]` on that are not comments.
fn source_lines(dir: &RomDir) -> Vec<String> {
    let settings = text(dir, "romfeed.toml");
    let lines = settings
        .lines()
        .skip_while(|line| *line != "[[source]]")
        .skip(1);
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn zips_on_github_get_a_source_and_a_workflow_that_looks_for_them() {
    let dir = with_remote("git@github.com:you/ota.git");
    dir.run(&["init", "--zips", "github"])
        .expect(0)
        .says("upload zips to the releases of you/ota\n")
        .says("phones see a new release within minutes")
        .says("  ./publish once, or make a release\n")
        .says("had no activity for 60 days")
        .lacks("put zips into");
    assert_eq!(source_lines(&dir), ["github = \"you/ota\""]);
    let workflow = text(&dir, ".github/workflows/pages.yml");
    for part in [
        "schedule: [{ cron: \"17 * * * *\" }]\n",
        "\n  release:\n    types: [published, ",
        "gh workflow run pages.yml",
        "contents: write\n",
        "GITHUB_TOKEN: ${{ github.token }}\n",
        "[ -z \"$(git status --porcelain -- catalog/)\" ]; then\n              romfeed check\n",
        "\n          until git push; do\n",
        "\n              git pull --quiet --no-rebase --no-edit || {\n                  romfeed catalog merge\n",
        "\n          faults=$(romfeed generate --no-next --faults \"$@\") || {\n",
        "\n  faults:\n    needs: [site, deploy]\n",
    ] {
        assert!(workflow.contains(part), "{part}: {workflow}");
    }
    assert!(!workflow.contains("needs: catalog"), "{workflow}");
    let script = text(&dir, "publish");
    assert!(script.contains("\nzips=none\n"), "{script}");
    // Without the flag, the settings say where the zips are.
    let before = dir.tree("");
    let run = dir.run(&["init"]).expect(0);
    assert_eq!(fates(&run, "unchanged").len(), 5, "{}", run.stderr);
    assert_eq!(dir.tree(""), before);
}

#[test]
fn the_workflow_without_source_only_reads_the_repository() {
    let dir = with_remote("git@github.com:you/ota.git");
    dir.run(&["init"]).expect(0);
    let workflow = text(&dir, ".github/workflows/pages.yml");
    assert!(!workflow.contains("contents: write"), "{workflow}");
    assert!(!workflow.contains("git push"), "{workflow}");
}

#[test]
fn releases_of_another_repository_start_no_workflow() {
    let dir = with_remote("git@github.com:you/ota.git");
    dir.run(&["init", "--zips", "github:me/roms"]).expect(0);
    assert_eq!(source_lines(&dir), ["github = \"me/roms\""]);
    let workflow = text(&dir, ".github/workflows/pages.yml");
    assert!(!workflow.contains("release:"), "{workflow}");
    assert!(workflow.contains("cron"), "{workflow}");
}

#[test]
fn zips_on_gitlab_get_a_pipeline_that_commits_the_catalog() {
    let dir = with_remote("git@gitlab.com:group/ota.git");
    dir.run(&["init", "--zips", "gitlab"]).expect(0);
    assert_eq!(source_lines(&dir), ["gitlab = \"group/ota\""]);
    let pipeline = text(&dir, ".gitlab-ci.yml");
    for part in [
        "- if: $CI_COMMIT_TAG\n",
        "GITLAB_TOKEN",
        "push.pushOption ci.skip",
        "\n      until git push; do\n",
        "\n      set -- --out public\n",
        "\nfaults:\n  stage: .post\n",
    ] {
        assert!(pipeline.contains(part), "{part}: {pipeline}");
    }
}

#[test]
fn zips_on_sourceforge_are_uploaded_whatever_the_host() {
    let url = "https://downloads.sourceforge.net/project/my-rom/bacon/{path}";
    for host in ["github", "netlify", "nginx", "s3"] {
        let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
        let call = [
            "init",
            "--host",
            host,
            "--base-url",
            "https://ota.example.org",
            "--zips",
            "sourceforge:my-rom/bacon",
        ];
        dir.run(&call).expect(0);
        assert_eq!(
            source_lines(&dir),
            ["sourceforge = \"my-rom\"", "path = \"/bacon\""]
        );
        let script = text(&dir, "publish");
        assert!(script.contains("my-rom/bacon"), "{host}: {script}");
        assert!(text(&dir, "romfeed.toml").contains(&format!("\nurl = \"{url}\"\n")));
        // A local zip gets the address that the project's list has, too.
        dir.run(&["generate", "--offline"]).expect(0);
        let feed = text(&dir, "out/api/v1/bacon/nightly.json");
        assert!(
            feed.contains(&url.replace("{path}", &bacon_name(0))),
            "{feed}"
        );
    }
}

#[test]
fn a_source_completes_what_init_wrote_and_is_only_shown_for_edited_settings() {
    let dir = with_remote("git@github.com:you/ota.git");
    dir.run(&["init"]).expect(0);
    let run = dir.run(&["init", "--zips", "github"]).expect(0);
    assert_eq!(
        fates(&run, "changed"),
        ["romfeed.toml", ".github/workflows/pages.yml", "publish"]
    );
    assert_eq!(source_lines(&dir), ["github = \"you/ota\""]);

    let edited = format!("{}keep = 3\n", text(&dir, "romfeed.toml"));
    dir.put(
        "romfeed.toml",
        edited.replace("keep = 3\n", "prereleases = true\n"),
    );
    let web = ["init", "--zips", "https://dl.example.org/roms"];
    let run = dir.run(&web).expect(0);
    assert_eq!(
        fates(&run, "kept"),
        ["romfeed.toml: it lacks `[[source]]` with `listing = \"https://dl.example.org/roms/\"`"]
    );
    run.says("put these lines at the end of romfeed.toml:\n    [[source]]\n    listing = \"https://dl.example.org/roms/\"\n");
    // What the settings have already is not missed, whatever else the source sets.
    let run = dir.run(&["init", "--zips", "github"]).expect(0);
    run.lacks("put these lines");
}

#[test]
fn unusable_places_of_zips_are_refused_with_what_works() {
    for (place, hint) in [
        ("roms", "name one of github, github:OWNER/REPO, "),
        (
            "github",
            "name the repository: --zips github:OWNER/REPO; or ",
        ),
        ("gitlab:x", "name one of github, "),
        ("sourceforge:$(id)", "name one of github, "),
        ("http://h.example/x", "name one of github, "),
        (
            "https://drive.google.com/drive/folders/1AbC?usp=sharing",
            "copy the zips to where phones can download, ",
        ),
        ("https://pixeldrain.com/d/x", "rclone can list it: "),
    ] {
        let dir = RomDir::new();
        dir.run(&["init", "--zips", place])
            .expect(2)
            .says(&format!("hint: {hint}"));
        assert_eq!(written(&dir), [""; 0], "{place}");
    }
}

#[test]
fn what_sourceforge_needs_is_among_the_next_steps() {
    let call = [
        "init",
        "--host",
        "nginx",
        "--base-url",
        "https://h.example",
        "--zips",
    ];
    let run = RomDir::new().run(&[&call[..], &["sourceforge:my-rom/bacon"]].concat());
    run.expect(0)
        .says("make my-rom/bacon at https://sourceforge.net/projects/my-rom/files/\n")
        .says("to the folder /bacon of the project my-rom on SourceForge, ")
        .says("  SOURCEFORGE_USER=YOU ./publish, now and after each build\n");
    let run = RomDir::new().run(&[&call[..], &["sourceforge:my-rom"]].concat());
    run.expect(0).lacks("; make ").says("public SSH key");
}

#[test]
fn the_call_of_publish_has_the_variables_that_the_script_needs() {
    for (host, base, call) in [
        ("s3", "https://h.example", "BUCKET=NAME ./publish"),
        ("cloudflare", "https://h.example", "PROJECT=NAME ./publish"),
        ("cloudflare", "https://roms.pages.dev", "./publish"),
        ("netlify", "https://h.example", "./publish"),
    ] {
        RomDir::new()
            .run(&["init", "--host", host, "--base-url", base])
            .expect(0)
            .says(&format!("\n  {call}, now and after each build\n"));
    }
    let call = [
        "init",
        "--host",
        "caddy",
        "--base-url",
        "https://h.example/ota",
    ];
    RomDir::new()
        .run(&call)
        .expect(0)
        .says("\n    to h.example:/srv/ota/ota by rsync and SSH; ");
}
