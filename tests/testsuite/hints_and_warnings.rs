//! What maintainers stumble over: messages that name the thing, the reason and what to do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

/// The forms of a catalog: one file, and one for each device.
const FORMS: [(&str, &str); 2] = [
    ("catalog.json", "catalog.json"),
    ("catalog/", "catalog/bacon.json"),
];

/// Returns a folder whose catalog has builds of bacon of these days, whose zips are elsewhere.
fn listed(catalog: &str, days: &[i64]) -> RomDir {
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"{catalog}\"\n");
    let dir = RomDir::new().file("romfeed.toml", settings);
    for day in days {
        add(&dir, "bacon", *day);
    }
    dir
}

/// Returns the date of the build of a day, in seconds.
fn seconds(day: i64) -> String {
    (1_722_470_400 + day * 86_400).to_string()
}

fn name(device: &str, day: i64) -> String {
    format!("lineage-21.0-{}-nightly-{device}.zip", 20_240_801 + day)
}

fn add(dir: &RomDir, device: &str, day: i64) {
    let name = name(device, day);
    let url = format!("https://dl.example.org/{name}");
    let sha256 = format!("{day:032x}{:032x}", device.len());
    let flags = [
        ["--device", device],
        ["--filename", &name],
        ["--url", &url],
        ["--datetime", &seconds(day)],
        ["--sha256", &sha256],
        ["--sdk-level", "34"],
        ["--incremental", &format!("{device}{day}")],
    ];
    dir.add_build(&flags.concat()).expect(0);
}

fn generate(dir: &RomDir) -> Run {
    dir.run(&["generate"])
}

/// Dates a build of the catalog anew, as a machine with a wrong clock would.
fn date(dir: &RomDir, file: &str, day: i64, seconds_since_1970: u64) {
    let text = String::from_utf8(dir.read(file)).unwrap();
    let before = format!("\"datetime\": {}", seconds(day));
    assert!(text.contains(&before), "{text}");
    let after = format!("\"datetime\": {seconds_since_1970}");
    dir.put(file, text.replace(&before, &after));
}

#[test]
fn a_build_dated_in_the_future_is_warned_of_once() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let in_hours = |hours: u64| (now + Duration::from_secs(hours * 3600)).as_secs();
    for (catalog, file) in FORMS {
        let dir = listed(catalog, &[0, 1, 2]);
        generate(&dir).expect(0).lacks("in the future");
        // A clock may be wrong by hours, or of another time zone.
        date(&dir, file, 1, in_hours(23));
        generate(&dir).expect(0).lacks("in the future");
        date(&dir, file, 2, 4_083_955_200);
        for _ in 0..2 {
            let run = generate(&dir).expect(0).says(&format!(
                "warning: feeds: `{0}` is dated 2099-06-01 00:00 UTC, which is in the future: phones that install it \
                 see no newer build; if this machine's clock is right, run `romfeed catalog yank --reason \"wrong \
                 date\" {0}`, and build it again\n",
                name("bacon", 2)
            ));
            assert_eq!(run.stderr.matches("in the future").count(), 1);
        }
        dir.run(&[
            "catalog",
            "yank",
            "--reason",
            "wrong date",
            &name("bacon", 2),
        ])
        .expect(0);
        generate(&dir).expect(0).lacks("in the future");
    }
    let dir = listed("catalog/", &[0]);
    for device in ["mako", "hammerhead"] {
        add(&dir, device, 1);
        date(&dir, &format!("catalog/{device}.json"), 1, in_hours(25));
    }
    let run = generate(&dir).expect(0);
    let run = run.says(
        ", which is in the future, and so are builds of 1 other device: phones that install it",
    );
    assert_eq!(run.stderr.matches("in the future").count(), 1);
    assert!(
        run.stderr.contains(&name("hammerhead", 1)),
        "{}",
        run.stderr
    );
}

#[test]
fn memory_that_cannot_be_written_is_warned_of() {
    let zips = RomDir::new()
        .file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"))
        .file(&format!("builds/{}", bacon_name(0)), bacon(0));
    for dir in [listed("catalog/", &[0]), listed("catalog.json", &[0]), zips] {
        let memory = dir.path().join(".romfeed/pages.json");
        std::fs::create_dir_all(&memory).unwrap();
        for _ in 0..2 {
            let run = generate(&dir).expect(0);
            let lines = run.stderr.lines();
            let lines: Vec<&str> = lines.filter(|line| line.contains("pages.json")).collect();
            let text = "warning: pages.json: cannot be written to .romfeed, so the next run takes longer: ";
            assert!(
                matches!(&lines[..], [line] if line.starts_with(text)),
                "{lines:?}"
            );
        }
        std::fs::remove_dir(&memory).unwrap();
        generate(&dir).expect(0).lacks("pages.json");
        assert!(memory.is_file());
    }
}

#[test]
fn a_build_that_is_no_longer_listed_counts_once() {
    let aliases = "[device.bacon]\naliases = [\"one\", \"two\"]\n";
    for (more, text) in [
        ("", "; 2 builds no longer listed (keep)"),
        // One that is listed under any name is listed.
        (
            "[device.two]\nkeep = 3\n",
            "; 1 build no longer listed (keep)",
        ),
        ("[device.two]\nkeep = 4\n", ""),
    ] {
        for (catalog, _) in FORMS {
            let dir = listed(catalog, &[0, 1, 2, 3]);
            let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
            dir.put(
                "romfeed.toml",
                format!("{settings}keep = 2\n{aliases}{more}"),
            );
            let run = generate(&dir).expect(0).says(text);
            assert_eq!(
                run.stderr.contains("(keep)"),
                !text.is_empty(),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn zips_of_removed_builds_are_counted_and_named_on_request() {
    let settings = format!("base_url = \"{BASE_URL}\"\n");
    let dir = RomDir::new().file("romfeed.toml", settings);
    for day in 0..3 {
        dir.put(&format!("builds/{}", bacon_name(day)), bacon(day));
    }
    generate(&dir).expect(0).lacks("passed over");
    for (day, text) in [
        (
            0,
            "; 1 zip of a removed build passed over (-v shows which)\n",
        ),
        (
            1,
            "; 2 zips of removed builds passed over (-v shows which)\n",
        ),
    ] {
        let name = bacon_name(day);
        let stays =
            format!("removed {name}; builds/{name} stays, and romfeed generate passes over it");
        dir.run(&["catalog", "remove", &name])
            .expect(0)
            .says(&super::support::native(&stays));
        for _ in 0..2 {
            generate(&dir).expect(0).says(text).lacks(&name);
        }
    }
    dir.run(&["generate", "-v"])
        .expect(0)
        .says(&format!(
            "passed over {}: it was removed or superseded before",
            bacon_name(0)
        ))
        .says("; 2 zips of removed builds passed over\n");
    dir.remove(&format!("builds/{}", bacon_name(0)));
    dir.remove(&format!("builds/{}", bacon_name(1)));
    generate(&dir).expect(0).lacks("passed over");
}

#[test]
fn a_second_catalog_that_is_missing_is_named_with_what_to_do() {
    for other in ["other.json", "others/"] {
        let error = format!(
            "error: there is no catalog {other}\n  hint: bring it back, for example from git, or correct the name in \
             `catalog = …` of romfeed.toml or after --catalog, or begin that catalog: `romfeed catalog add \
             --new-catalog --catalog {other} …`; only the first of several may be missing; nothing was written\n"
        );
        let dir = listed("catalog/", &[0]);
        let flags = ["--catalog", "catalog/", "--catalog", other];
        for command in [
            &["generate"][..],
            &["catalog", "list"],
            &["catalog", "export"],
            &["catalog", "remove", &name("bacon", 0)],
        ] {
            dir.run(&[command, &flags].concat()).expect(2).says(&error);
        }
        let settings =
            format!("base_url = \"{BASE_URL}\"\ncatalog = [\"catalog/\", \"{other}\"]\n");
        dir.put("romfeed.toml", settings);
        let before = dir.tree("");
        generate(&dir).expect(2).says(&error);
        let sha256 = "a".repeat(64);
        let begin = [
            ["--filename", "x.zip"],
            ["--url", "https://dl.example.org/x.zip"],
            ["--sha256", &sha256],
        ]
        .concat();
        dir.add_build(&begin).expect(2).says(&error);
        assert_eq!(dir.tree(""), before);
        // What the hint says works.
        dir.add_build(&[&begin[..], &["--catalog", other]].concat())
            .expect(0);
        generate(&dir).expect(0).says("out: ");
    }
}

#[test]
fn the_hint_for_a_damaged_manifest_offers_a_download_first() {
    for damage in ["", "{", "{\"schema\": 1, \"files\": [\"index.h", "\0\0\0\0"] {
        let dir = listed("catalog/", &[0]);
        generate(&dir).expect(0);
        dir.put("out/.romfeed/manifest.json", damage);
        let file = super::support::native("out/.romfeed/manifest.json");
        for command in ["generate", "check"] {
            dir.run(&[command]).expect(2).says(&format!(
                "\n  hint: take the one of the live site: `curl -fo {file} \
                 https://ADDRESS-OF-THE-SITE/.romfeed/manifest.json`; or, if that has none, the last one from a backup \
                 or git; if there is none anywhere, remove {file} and run romfeed generate --adopt\n"
            ));
        }
        dir.remove("out/.romfeed/manifest.json");
        dir.run(&["generate", "--adopt"]).expect(0);
        generate(&dir).expect(0).says("out is up to date");
    }
}

#[test]
fn what_is_in_the_way_of_a_page_is_named_with_a_place_to_move_it_to() {
    for (path, name) in [("bacon.json", "bacon.json"), ("api/v1/bacon", "bacon")] {
        let dir = listed("catalog/", &[0]);
        generate(&dir).expect(0);
        let thing = dir.path().join("out").join(path);
        std::fs::rename(&thing, dir.path().join("before")).unwrap();
        match name {
            "bacon" => dir.put(&format!("out/{path}"), "mine"),
            _ => std::fs::create_dir(&thing).unwrap(),
        }
        let file = super::support::native("out/") + path;
        generate(&dir).expect(1).says(&format!(
            "  hint: move it out of the site, or give it another name there, and run again: `mv {file} {name}.old`\n"
        ));
        std::fs::rename(&thing, dir.path().join(format!("{name}.old"))).unwrap();
        generate(&dir).expect(0);
        generate(&dir).expect(0).says("out is up to date");
    }
}
