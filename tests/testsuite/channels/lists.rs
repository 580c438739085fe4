//! Which full builds are in a list: by version, number, age and state.

use super::*;

#[test]
fn a_phone_is_offered_builds_of_its_version_by_default() {
    let dir = RomDir::new();
    for (version, day) in [("21.0", 0), ("21.0", 2), ("22.2", 1), ("22.2", 3)] {
        put_full(&dir, version, day);
    }
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("21.0", 2)]);
    assert_eq!(listed(&dir, &list_of("eng.1")), [name("22.2", 3)]);
    assert_eq!(json_of(&dir, &list_of("eng.2")), json!({"response": []}));
    let all = [
        name("22.2", 3),
        name("21.0", 2),
        name("22.2", 1),
        name("21.0", 0),
    ];
    assert_eq!(listed(&dir, "api/v1/enchilada/unofficial.json"), all);
    for settings in [
        "major_upgrades = \"list\"",
        "[device.enchilada]\nmajor_upgrades = \"list\"",
    ] {
        generate(&dir, settings).expect(0);
        assert_eq!(listed(&dir, &list_of("eng.0")), all[..3]);
        assert_eq!(listed(&dir, &list_of("eng.2")), all[..1]);
    }
}

#[test]
fn every_known_incremental_has_a_list() {
    let dir = RomDir::new();
    for day in [1, 2, 3] {
        put_full(&dir, "22.2", day);
    }
    generate(&dir, "").expect(0);
    dir.run(&["catalog", "remove", &name("22.2", 1)]).expect(0);
    let rebuilt = props("22.2", 2).set("ro.build.version.incremental", "rebuilt");
    dir.put(
        &format!("builds/{}", name("22.2", 2)),
        Package::files(rebuilt).build(),
    );
    let known = "[device.enchilada.known_incrementals]\n\
                 UNOFFICIAL = [\"unseen\", { incremental = \"other\", version = \"21.0\" }, \
                 { incremental = \"late\", datetime = 1760000000 }]\nweekly = [\"w\"]";
    generate(&dir, known).expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.1")),
        [name("22.2", 3), name("22.2", 2)]
    );
    assert_eq!(listed(&dir, &list_of("eng.2")), [name("22.2", 3)]);
    assert_eq!(listed(&dir, &list_of("rebuilt")), [name("22.2", 3)]);
    assert_eq!(
        listed(&dir, &list_of("unseen")),
        [name("22.2", 3), name("22.2", 2)]
    );
    for current in ["eng.3", "other", "late"] {
        assert_eq!(
            json_of(&dir, &list_of(current)),
            json!({"response": []}),
            "{current}"
        );
    }
    assert_eq!(
        json_of(&dir, "api/v1/enchilada/weekly/w"),
        json!({"response": []})
    );
    for bad in ["a/b", "a b", "", "../x"] {
        generate(
            &dir,
            &format!("[device.enchilada.known_incrementals]\nx = [\"{bad}\"]"),
        )
        .expect(2)
        .says(&format!(
            "known_incrementals: incremental `{bad}` cannot be a file"
        ));
    }
}

#[test]
fn keep_lists_the_newest_and_two_of_each_version() {
    let dir = RomDir::new();
    for (version, day) in [
        ("21.0", 0),
        ("21.0", 1),
        ("21.0", 2),
        ("22.2", 3),
        ("22.2", 4),
        ("22.2", 5),
        ("22.2", 6),
    ] {
        put_full(&dir, version, day);
    }
    let all = "api/v1/enchilada/unofficial.json";
    for settings in [
        "keep = 3",
        "keep = 9\n[romtype.unofficial]\nkeep = 3",
        "keep = 9\n[device.enchilada]\nkeep = 3",
        "[device.enchilada]\nkeep = 9\n[device.enchilada.romtype.UNOFFICIAL]\nkeep = 3",
    ] {
        generate(&dir, settings)
            .expect(0)
            .says("5 builds for 1 device")
            .says("; 2 builds no longer listed (keep)");
        let remaining = [
            name("22.2", 6),
            name("22.2", 5),
            name("22.2", 4),
            name("21.0", 2),
            name("21.0", 1),
        ];
        assert_eq!(listed(&dir, all), remaining, "{settings}");
        assert_eq!(
            json_of(&dir, "api/v2/devices/enchilada/builds.json")
                .as_array()
                .unwrap()
                .len(),
            5
        );
        assert_eq!(listed(&dir, &list_of("eng.0")), remaining[3..]);
        assert_eq!(listed(&dir, &list_of("eng.3")), remaining[..3]);
        generate(&dir, "").expect(0);
        assert_eq!(listed(&dir, all).len(), 7);
    }
    generate(&dir, "keep = 0").expect(0);
    assert_eq!(listed(&dir, all).len(), 4);
    let list = dir.run(&["catalog", "list"]).expect(0).stdout;
    assert_eq!(list.matches(" unlisted ").count(), 3, "{list}");
}

#[test]
fn a_build_waits_for_its_age() {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let young = props("22.2", 1).set("ro.build.date.utc", &(now - 3_600).to_string());
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    dir.put(
        "builds/enchilada.zip",
        Package::files(young).without_metadata().build(),
    );
    let same_lane = "same_lane = true\n";
    generate(&dir, &format!("{same_lane}min_age = \"2h\""))
        .expect(0)
        .says("held enchilada.zip: held back by min_age until 2");
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    for settings in [
        "min_age = \"30m\"",
        "min_age = \"2h\"\n[romtype.unofficial]\nmin_age = 0",
    ] {
        generate(&dir, &format!("{same_lane}{settings}")).expect(0);
        assert_eq!(listed(&dir, &list_of("eng.0")), ["enchilada.zip"]);
    }
    for bad in ["\"2 hours\"", "\"h\"", "\"\"", "\"-1h\"", "\"2é\""] {
        generate(&dir, &format!("min_age = {bad}"))
            .expect(2)
            .says("min_age");
    }
}

#[test]
fn a_build_from_the_future_is_an_error() {
    for (datetime, text) in [
        ("4000000000", "datetime `4000000000` is in the future"),
        ("1749896318000", "milliseconds instead of seconds?"),
    ] {
        let dir = RomDir::new();
        put_full(&dir, "22.2", 0);
        let zip = Package::files(props("22.2", 1).set("ro.build.date.utc", datetime));
        dir.put(
            &format!("builds/{}", name("22.2", 1)),
            zip.without_metadata().build(),
        );
        generate(&dir, "").expect(1).says(text);
        assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
    }
}

#[test]
fn a_yanked_build_is_offered_again_on_request() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    generate(&dir, "").expect(0);
    let newest = name("22.2", 1);
    dir.run(&["catalog", "yank", &newest])
        .expect(2)
        .says("--reason");
    dir.run(&["catalog", "yank", &newest, "--reason", " "])
        .expect(1)
        .says("--reason is empty");
    dir.run(&["catalog", "yank", &newest, "--reason", "no sound"])
        .expect(0)
        .says(&format!("yanked {newest}"));
    dir.run(&["generate"]).expect(0);
    assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).stdout;
    assert!(
        list.contains("\"state\":\"yanked\",\"yanked\":\"no sound\""),
        "{list}"
    );
    dir.run(&["catalog", "unyank", &newest])
        .expect(0)
        .says("is offered again");
    dir.run(&["catalog", "unyank", &newest])
        .expect(0)
        .says("was not yanked");
    dir.run(&["generate"]).expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 2);
    dir.run(&["catalog", "yank", "nothing.zip", "--reason", "x"])
        .expect(1)
        .says("`nothing.zip` is neither a file name");
}

#[test]
fn a_superseded_build_returns_when_its_zip_does() {
    let path = format!("builds/{}", name("22.2", 0));
    let zip = |day| Package::files(props("22.2", day)).build();
    let dir = RomDir::new().file(&path, zip(0));
    generate(&dir, "").expect(0);
    dir.put(&path, zip(1));
    generate(&dir, "")
        .expect(0)
        .says("changed under its old name");
    dir.put(&path, zip(0));
    generate(&dir, "").expect(0);
    let entries = json_of(&dir, "enchilada.json")["response"].clone();
    assert_eq!(entries.as_array().unwrap().len(), 1);
    assert_eq!(entries[0]["datetime"], ENCHILADA);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
}
