//! Devices, release types and variants: whose list a build is in, and what happens when it moves.

use super::*;

#[test]
fn device_names_come_from_settings_and_builds() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let renamed = props("22.2", 1).set("ro.updater.next_device", "fajita");
    dir.put(
        &format!("builds/{}", name("22.2", 1)),
        Package::files(renamed).build(),
    );
    generate(
        &dir,
        "keep = 5\n[device.enchilada]\naliases = [\"OnePlus6\"]\nmajor_upgrades = \"list\"",
    )
    .expect(0);
    for path in ["enchilada", "OnePlus6"] {
        assert_eq!(
            listed(&dir, &format!("api/v1/{path}/unofficial/eng.0")),
            [name("22.2", 1)]
        );
        assert_eq!(listed(&dir, &format!("{path}.json")).len(), 2);
    }
    assert_eq!(listed(&dir, "fajita.json"), [name("22.2", 1)]);
    assert_eq!(
        json_of(&dir, "api/v1/fajita/unofficial/eng.1"),
        json!({"response": []})
    );
    assert!(
        !dir.path()
            .join("out/api/v1/fajita/unofficial/eng.0")
            .exists()
    );
    for (settings, text) in [
        (
            "[device.a]\naliases = [\"x\"]\n[device.b]\naliases = [\"x\"]",
            "the alias `x` is in both [device.a] in romfeed.toml and [device.b] in romfeed.toml",
        ),
        ("[device.a]\naliases = [\"a\"]", "`a` is the device itself"),
        (
            "[device.a]\naliases = [\"a/b\"]",
            "cannot be part of a feed's address",
        ),
    ] {
        generate(&dir, settings).expect(2).says(text);
    }
}

#[test]
fn the_list_of_allowed_devices_adds_no_device_names() {
    use testkit::metadata::Metadata;
    let package = Package::files(props("22.2", 0));
    let metadata: Metadata = package.derived_metadata().device("enchilada,fajita");
    let dir = RomDir::new().file(
        &format!("builds/{}", name("22.2", 0)),
        package.metadata(metadata).build(),
    );
    generate(&dir, "").expect(0);
    assert!(!dir.path().join("out/fajita.json").exists());
    let zip = format!("builds/{}", name("22.2", 0));
    let seen = dir.run(&["inspect", &zip]).expect(0).stdout;
    assert!(
        seen.contains("enchilada, fajita") && seen.contains("`aliases` in romfeed.toml"),
        "{seen}"
    );
}

#[test]
fn each_variant_has_its_own_paths() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let gapps = name("22.2", 1).replace(".zip", "-GAPPS.zip");
    dir.put(
        &format!("builds/{gapps}"),
        Package::files(props("22.2", 1)).build(),
    );
    let micro = props("22.2", 2).set("ro.my.variant", "microg");
    dir.put(
        &format!("builds/{}", name("22.2", 2)),
        Package::files(micro).build(),
    );
    let settings = "[[variant]]\nname = \"gapps\"\npackage = \"*-GAPPS*\"\n\
                    [[variant]]\nname = \"microg\"\nproperty = \"ro.my.variant=microg\"\n";
    for _ in 0..2 {
        generate(&dir, settings).expect(0);
        assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
        assert_eq!(
            listed(&dir, "gapps/enchilada.json"),
            std::slice::from_ref(&gapps)
        );
        assert_eq!(listed(&dir, "microg/enchilada.json"), [name("22.2", 2)]);
        assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
        assert_eq!(
            json_of(&dir, "gapps/api/v1/devices.json"),
            json!({"22.2": ["enchilada"]})
        );
        assert_eq!(
            json_of(&dir, "gapps/api/v1/types/enchilada.json"),
            json!({"response": ["unofficial"]})
        );
        for path in [
            "api/v1/enchilada/unofficial/eng.1",
            "api/v2/devices/enchilada/builds.json",
            "api/v2/oems.json",
            "api/v2/devices/enchilada.json",
        ] {
            assert!(dir.path().join("out/gapps").join(path).exists(), "{path}");
        }
    }
    // A pattern applies to builds whose zips are gone; a property was in the zip.
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    let other = RomDir::new().file("catalog.json", &catalog);
    generate(
        &other,
        "[[variant]]\nname = \"google\"\npackage = \"*-GAPPS*\"",
    )
    .expect(0);
    assert_eq!(listed(&other, "google/enchilada.json"), [gapps]);
    assert_eq!(listed(&other, "microg/enchilada.json"), [name("22.2", 2)]);
    for (settings, text) in [
        (
            "[[variant]]\nname = \"api\"\npackage = \"*\"",
            "the name is taken by the feed tree",
        ),
        (
            "[[variant]]\nname = \"x.json\"\npackage = \"*\"",
            "it ends like a file of the site",
        ),
        (
            "[[variant]]\nname = \"x\"",
            "needs a package pattern or a property",
        ),
    ] {
        generate(&dir, settings).expect(2).says(text);
    }
}

#[test]
fn phones_of_a_moved_build_are_answered_at_its_old_address() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let gapps = name("22.2", 1).replace(".zip", "-gapps.zip");
    dir.put(
        &format!("builds/{gapps}"),
        Package::files(props("22.2", 1)).build(),
    );
    generate(&dir, "same_lane = true").expect(0);
    put_full(&dir, "22.2", 2);
    let settings = "[[variant]]\nname = \"gapps\"\npackage = \"*-gapps*\"\n";
    generate(&dir, settings).expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 2)]);
    assert_eq!(
        listed(&dir, "gapps/enchilada.json"),
        std::slice::from_ref(&gapps)
    );
    // Nothing is here for them: the others are now of another kind.
    for _ in 0..2 {
        assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
        generate(&dir, settings).expect(0).says("up to date");
    }
    dir.run(&["catalog", "remove", &gapps]).expect(0);
    generate(&dir, settings).expect(0);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    // A corrected release type is one more such path.
    let weekly = format!("{settings}[[override]]\npackage = \"*\"\nromtype = \"WEEKLY\"\n");
    generate(&dir, &weekly).expect(0);
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
    assert_eq!(
        listed(&dir, "api/v1/enchilada/weekly/eng.0"),
        [name("22.2", 2)]
    );
    generate(&dir, settings).expect(0);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 2)]);
}

#[test]
fn release_types_that_differ_in_case_share_a_path() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    generate(&dir, "").expect(0);
    let lower =
        "major_upgrades = \"list\"\n[[override]]\npackage = \"*\"\nromtype = \"unofficial\"";
    let run = generate(&dir, lower).expect(0).says("changed ");
    assert!(!run.stderr.contains("moved lineage"), "{}", run.stderr);
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 1)]);
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert!(!catalog.contains("former"), "{catalog}");
}

#[test]
fn a_variant_removed_from_the_settings_keeps_its_builds_with_a_note() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    generate(&dir, "[[variant]]\nname = \"x\"\npackage = \"*\"")
        .expect(0)
        .says("moved lineage-22.2-20250614-UNOFFICIAL-enchilada.zip to x/enchilada/unofficial")
        .says("no longer part of the site, though phones may still ask for it: ");
    generate(&dir, "").expect(0).says("1 warning");
    dir.run(&["generate", "-v"])
        .expect(0)
        .says("it stays in variant `x`, which no [[variant]] names");
    assert_eq!(listed(&dir, "x/enchilada.json").len(), 1);
    // The remedy that the warning names.
    let zip = name("22.2", 0);
    dir.run(&["catalog", "remove", &zip]).expect(0);
    dir.run(&["catalog", "add", "--zip", &format!("builds/{zip}")])
        .expect(0);
    dir.run(&["generate"]).expect(0);
    assert_eq!(listed(&dir, "enchilada.json"), [zip]);
}

#[test]
fn a_new_site_prints_the_address_of_each_variant() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "[[variant]]\nname = \"gapps\"\npackage = \"*\"")
        .expect(0)
        .says("lineage.updater.uri=https://example.org/ota/gapps/api/v1/{device}/{type}.json");
    let long = format!(
        "[[variant]]\nname = \"{}\"\npackage = \"*\"",
        "g".repeat(40)
    );
    generate(
        &RomDir::new().file(&format!("builds/{}", name("22.2", 0)), bacon(0)),
        &long,
    )
    .expect(0)
    .says("Android takes no more than 91");
}
