//! Which phones are offered a delta.

use super::*;

fn put_delta(dir: &RomDir, from: &str, day: i64) -> String {
    let zip = Package::payload(props("22.2", day))
        .delta(from, "a/b/c")
        .build();
    let filename = name("22.2", day).replace(".zip", &format!("-from-{from}.zip"));
    dir.put(&format!("builds/{filename}"), zip);
    filename
}

#[test]
fn a_delta_is_offered_to_the_phones_of_its_source_alone() {
    let dir = RomDir::new();
    for day in [0, 1, 2] {
        put_full(&dir, "22.2", day);
    }
    let delta = put_delta(&dir, "eng.1", 2);
    generate(&dir, "")
        .expect(0)
        .says("3 builds for 1 device")
        .says("; 1 delta");
    assert_eq!(
        listed(&dir, &list_of("eng.1")),
        [delta.clone(), name("22.2", 2)]
    );
    let entries = json_of(&dir, &list_of("eng.1"))["response"].clone();
    assert_eq!(entries[0]["datetime"], entries[1]["datetime"]);
    assert_ne!(entries[0]["id"], entries[1]["id"]);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [name("22.2", 2), name("22.2", 1)]
    );
    let full = [name("22.2", 2), name("22.2", 1), name("22.2", 0)];
    assert_eq!(listed(&dir, "api/v1/enchilada/unofficial.json"), full);
    assert_eq!(listed(&dir, "enchilada.json"), full);
    // Either can be installed, and other phones do not see the delta.
    let phone = |day: i64| Phone {
        device: "enchilada".to_owned(),
        release_type: "UNOFFICIAL".to_owned(),
        version: "22.2".to_owned(),
        incremental: format!("eng.{day}"),
        datetime: ENCHILADA + day * 86_400,
        sdk: 35,
        ..Phone::default()
    };
    for generation in [
        Generation::First15,
        Generation::Template14,
        Generation::Java22,
    ] {
        for (day, num_offered) in [(0, 2), (1, 2), (2, 0)] {
            let body = dir.read(&format!("out/{}", list_of(&format!("eng.{day}"))));
            let offered = offered(generation, &body, &phone(day)).unwrap();
            assert_eq!(offered.len(), num_offered, "{generation:?} {day}");
        }
    }
    // Forks of the newest client read it if the feed is for a known fork.
    let v2 = json_of(&dir, "api/v2/devices/enchilada/builds.json");
    assert_eq!(v2[0]["incremental"][0]["filename"], delta);
    assert_eq!(v2[0]["incremental"].as_array().unwrap().len(), 1);
    assert_eq!(v2[0]["files"][0]["filename"], full[0]);
    assert!(v2[1].get("incremental").is_none());
    let list = dir.run(&["catalog", "list"]).expect(0).stdout;
    assert!(list.contains("delta offered"), "{list}");
}

#[test]
fn the_delta_with_the_newest_source_is_listed_with_a_build() {
    let dir = RomDir::new();
    for day in [0, 1, 2] {
        put_full(&dir, "22.2", day);
    }
    let from = ["eng.0", "eng.1", "unseen"].map(|from| put_delta(&dir, from, 2));
    generate(&dir, "").expect(0);
    let v2 = json_of(&dir, "api/v2/devices/enchilada/builds.json");
    assert_eq!(v2[0]["incremental"][0]["filename"], from[1]);
    assert_eq!(listed(&dir, &list_of("eng.0"))[0], from[0]);
    // The source of a delta is in use, or the delta would be useless.
    assert_eq!(
        listed(&dir, &list_of("unseen")),
        [
            from[2].clone(),
            name("22.2", 2),
            name("22.2", 1),
            name("22.2", 0)
        ]
    );
}

#[test]
fn a_delta_without_its_full_build_is_held_and_reported() {
    let dir = RomDir::new();
    put_full(&dir, "22.2", 0);
    let delta = put_delta(&dir, "eng.0", 1);
    let held = format!("held {delta}: the full build that this delta leads to is not offered");
    generate(&dir, "")
        .expect(0)
        .says(&held)
        .says("; 1 build held back");
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
    // Its own phones get an answer, though nothing names their source.
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
    put_full(&dir, "22.2", 1);
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [delta.clone(), name("22.2", 1)]
    );
    dir.run(&["catalog", "yank", "--reason", "no", &name("22.2", 1)])
        .expect(0);
    dir.run(&["generate", "-v"]).expect(0).says(&held);
    assert_eq!(json_of(&dir, &list_of("eng.0")), json!({"response": []}));
}

#[test]
fn a_delta_to_an_old_build_is_no_longer_offered() {
    let dir = RomDir::new();
    for day in [0, 1, 2] {
        put_full(&dir, "22.2", day);
    }
    let delta = put_delta(&dir, "eng.0", 1);
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [name("22.2", 2), delta.clone(), name("22.2", 1)]
    );
    put_full(&dir, "22.2", 3);
    generate(&dir, "").expect(0);
    dir.run(&["generate", "-v"]).expect(0).says(&format!(
        "held {delta}: the delta leads to a build that is not among the 2 newest; the newest is {}",
        name("22.2", 3)
    ));
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        [name("22.2", 3), name("22.2", 2), name("22.2", 1)]
    );
}

#[test]
fn deltas_backwards_or_in_a_circle_are_errors() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    put_delta(&dir, "eng.0", 1);
    let back = put_delta(&dir, "eng.1", 0);
    let nowhere = put_delta(&dir, "eng.1", 1);
    let run = generate(&dir, "").expect(1);
    for delta in [back, nowhere] {
        let error =
            format!("error: {delta}: the delta starts from incremental eng.1, which is not older");
        assert!(run.stderr.contains(&error), "{}", run.stderr);
    }
    assert_eq!(listed(&dir, &list_of("eng.0")).len(), 2);
    assert_eq!(json_of(&dir, &list_of("eng.1")), json!({"response": []}));
}

#[test]
fn a_block_based_delta_is_offered_on_request() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    let delta = name("22.2", 1).replace(".zip", "-delta.zip");
    let zip = Package::block(props("22.2", 1))
        .delta("eng.0", "a/b/c")
        .build();
    dir.put(&format!("builds/{delta}"), zip);
    generate(&dir, "").expect(0).says("block_deltas = true");
    assert_eq!(listed(&dir, &list_of("eng.0")), [name("22.2", 1)]);
    for settings in [
        "block_deltas = true",
        "[device.enchilada]\nblock_deltas = true",
    ] {
        generate(&dir, settings).expect(0);
        assert_eq!(
            listed(&dir, &list_of("eng.0")),
            [delta.clone(), name("22.2", 1)]
        );
    }
}

#[test]
fn a_delta_of_any_name_takes_its_facts_from_its_full_build() {
    let dir = RomDir::new();
    for day in [0, 1] {
        put_full(&dir, "22.2", day);
    }
    let zip = Package::payload(props("22.2", 1))
        .delta("eng.0", "a/b/c")
        .build();
    dir.put("builds/deltas/eng.0-eng.1.zip", zip);
    generate(&dir, "").expect(0);
    assert_eq!(
        listed(&dir, &list_of("eng.0")),
        ["eng.0-eng.1.zip".to_owned(), name("22.2", 1)]
    );
    // Known from the catalog as well, when only the delta is in the folder.
    let other = RomDir::new().file("catalog.json", dir.read("catalog.json"));
    let text = String::from_utf8(other.read("catalog.json")).unwrap();
    assert!(text.contains("\"version\": \"22.2\""));
}

#[test]
fn a_delta_belongs_to_the_variant_of_its_full_build() {
    let dir = RomDir::new();
    for day in [0, 1] {
        let props = props("22.2", day).set("ro.my.variant", "microg");
        dir.put(
            &format!("builds/{}", name("22.2", day)),
            Package::files(props).build(),
        );
    }
    let delta = put_delta(&dir, "eng.0", 1);
    let settings = "[[variant]]\nname = \"microg\"\nproperty = \"ro.my.variant\"\n";
    for _ in 0..2 {
        generate(&dir, settings).expect(0);
        let list = format!("microg/{}", list_of("eng.0"));
        assert_eq!(listed(&dir, &list), [delta.clone(), name("22.2", 1)]);
    }
}
