//! Which new builds may join a channel: by name and by signer.

use testkit::signing::Key;

use super::*;

#[test]
fn a_build_with_an_extra_word_in_its_name_stays_out_of_the_channel() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    let gapps = name("22.2", 1).replace(".zip", "-gapps.zip");
    dir.put(
        &format!("builds/{gapps}"),
        Package::files(props("22.2", 1)).build(),
    );
    let error = format!(
        "error: {gapps}: its name differs from that of {} in more than date and version (`gapps`)",
        name("22.2", 0)
    );
    // Nor does it join in the second run, or after a zip of the channel.
    generate(&dir, "")
        .expect(1)
        .says(&error)
        .says("        [[variant]]\n        name = \"gapps\"\n        package = \"*-gapps*\"\n");
    put_full(&dir, "22.2", 2);
    generate(&dir, "").expect(1).says(&error);
    assert_eq!(
        listed(&dir, "enchilada.json"),
        [name("22.2", 2), name("22.2", 0)]
    );
    generate(&dir, "[device.enchilada]\nsame_lane = true").expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 3);
    // A published build is not withdrawn.
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 3);
}

#[test]
fn false_friends_in_names_are_no_variants() {
    let dir = RomDir::new();
    let names = [
        "lineage-22.2-20250614-UNOFFICIAL-enchilada.zip",
        "LineageOS-22.2-20250615-UNOFFICIAL-enchilada.zip",
        "lineage-22.2-20250616-enchilada.zip",
        "lineage-22.2-17June2025-UNOFFICIAL-enchilada-test3.zip",
    ];
    for (day, name) in (0..).zip(names) {
        let zip = Package::files(props("22.2", day)).build();
        dir.put(&format!("builds/{name}"), zip);
    }
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), names.len());
}

#[test]
fn the_settings_for_many_variants_are_advised_once_and_work() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    generate(&dir, "").expect(0);
    for (day, word) in [(1, "GApps"), (2, "GApps"), (3, "microG")] {
        let name = name("22.2", day).replace(".zip", &format!("-{word}.zip"));
        let zip = Package::files(props("22.2", day)).build();
        dir.put(&format!("builds/{name}"), zip);
    }
    let rules = "        [[variant]]\n        name = \"gapps\"\n        package = \"*-GApps*\"\n        \
                 [[variant]]\n        name = \"microg\"\n        package = \"*-microG*\"\n";
    let run = generate(&dir, "").expect(1).says(rules);
    assert_eq!(
        run.stderr.matches("[[variant]]").count(),
        2,
        "{}",
        run.stderr
    );
    assert_eq!(
        run.stderr.matches("error: lineage").count(),
        3,
        "{}",
        run.stderr
    );
    generate(&dir, rules).expect(0);
    assert_eq!(listed(&dir, "gapps/enchilada.json").len(), 2);
    assert_eq!(listed(&dir, "microg/enchilada.json").len(), 1);
    assert_eq!(listed(&dir, "enchilada.json").len(), 1);
}

#[test]
fn names_that_differ_only_in_date_share_a_channel() {
    let dir = RomDir::new();
    for (day, name) in [
        (0, "lineage-22.2-20250614-UNOFFICIAL-enchilada.zip"),
        (
            1,
            "lineage-22.2-20250615_101112-unofficial-enchilada-signed.zip",
        ),
        (2, "lineage-23.0-20250616-RC1-UNOFFICIAL-enchilada-v2.zip"),
        (3, "lineage-23.0-eng.3-UNOFFICIAL-enchilada.zip"),
    ] {
        dir.put(
            &format!("builds/{name}"),
            Package::files(props("22.2", day)).build(),
        );
    }
    generate(&dir, "").expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 4);
}

#[test]
fn a_new_signer_stays_out_of_the_channel_until_accepted() {
    let signed = |day, key| Package::files(props("22.2", day)).signed(key).build();
    let path = |day| format!("builds/{}", name("22.2", day));
    let dir = RomDir::new().file(&path(0), signed(0, Key::Alice));
    generate(&dir, "").expect(0);
    let (alice, bob) = (Key::Alice.fingerprint(), Key::Bob.fingerprint());
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    assert!(
        catalog.contains(&format!("\"signer\": \"{alice}\"")),
        "{catalog}"
    );
    dir.put(&path(1), signed(1, Key::Bob));
    generate(&dir, "").expect(1).says(&format!(
        "error: {}: it is signed by {bob}, but {} before it is signed by {alice}, so phones would refuse it",
        name("22.2", 1),
        name("22.2", 0)
    ));
    put_full(&dir, "22.2", 2);
    generate(&dir, "").expect(1).says("it is not signed, but");
    assert_eq!(listed(&dir, "enchilada.json"), [name("22.2", 0)]);
    let json = dir.run(&["generate", "--json"]).expect(1).json();
    assert_eq!(json["errors"][0]["class"], "bad_signature");
    // Named by its fingerprint, in openssl's notation too.
    dir.remove(&path(2));
    let colons: Vec<&str> = (0..32).map(|at| &bob[2 * at..2 * at + 2]).collect();
    generate(
        &dir,
        &format!(
            "accept_new_signer = [\"{}\"]",
            colons.join(":").to_uppercase()
        ),
    )
    .expect(0);
    assert_eq!(listed(&dir, "enchilada.json").len(), 2);
    // From then on the channel has this signer.
    dir.put(&path(3), signed(3, Key::Bob));
    generate(&dir, "").expect(0);
    dir.put(&path(4), signed(4, Key::Alice));
    generate(&dir, "")
        .expect(1)
        .says(&format!("it is signed by {alice}"));
    // A single package may be named instead.
    generate(
        &dir,
        &format!("accept_new_signer = [\"{}\"]", name("22.2", 4)),
    )
    .expect(0);
    generate(&dir, "accept_new_signer = [\"abc\"]")
        .expect(2)
        .says("write 8 to 64 of its digits");
}

#[test]
fn a_package_rebuilt_with_another_key_is_not_offered_under_the_old_hash() {
    let path = format!("builds/{}", name("22.2", 0));
    let zip = |day, key| Package::files(props("22.2", day)).signed(key).build();
    let dir = RomDir::new().file(&path, zip(0, Key::Alice));
    generate(&dir, "").expect(0);
    dir.put(&path, zip(1, Key::Bob));
    generate(&dir, "").expect(1).says("it is signed by");
    assert_eq!(json_of(&dir, "enchilada.json"), json!({"response": []}));
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
}
