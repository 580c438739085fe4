//! Feed templates: the shipped ones, read as their clients read them, a user's own, and their
//! errors.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::package::Package;
use testkit::props::Props;

use super::clients::{Generation, Phone, offered};
use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name, native};

/// A folder with two builds of bacon and these settings.
fn bacons(settings: &str) -> RomDir {
    RomDir::new()
        .file(&format!("builds/bacon/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/bacon/{}", bacon_name(7)), bacon(7))
        .file("romfeed.toml", settings)
}

/// The same with a user's template, enabled.
fn with_template(text: &str) -> RomDir {
    bacons("[[feed]]\ntemplate = \"mine\"\n").file("templates/feeds/mine.j2", text)
}

fn enable(names: &[&str]) -> String {
    let feed = |name: &&str| format!("[[feed]]\ntemplate = \"{name}\"\n");
    names.iter().map(feed).collect()
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

fn json(dir: &RomDir, path: &str) -> Value {
    let text = text(dir, path);
    assert!(text.is_ascii() && text.ends_with('\n') && !text.ends_with("\n\n"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Reads a value as Android's `getString` and `getLong` do, depending on the key.
#[track_caller]
fn require(entry: &Value, texts: &[&str], numbers: &[&str]) {
    for key in texts {
        assert!(entry[key].is_string(), "{key} of {entry}");
    }
    for key in numbers {
        assert!(entry[key].is_u64(), "{key} of {entry}");
    }
}

const ENCHILADA: [(i64, &str); 2] = [(1_747_476_863, "eng.1"), (1_749_896_318, "eng.2")];

fn enchilada_name(timestamp: i64) -> String {
    let day = testkit::props::day(timestamp);
    format!("builds/lineage-22.2-{day}-UNOFFICIAL-enchilada.zip")
}

const DELTA: &str = "builds/lineage-22.2-20250614-UNOFFICIAL-enchilada-from-eng.1.zip";

/// Two builds of an A/B device and the delta between them, all with signature files.
fn enchilada(settings: &str) -> RomDir {
    let dir = RomDir::new().file("romfeed.toml", settings);
    let props = |(timestamp, incremental): (i64, &str)| {
        let (device, patch) = ("enchilada", "2025-05-05");
        Props::lineage(
            "22.2",
            "UNOFFICIAL",
            device,
            timestamp,
            incremental,
            35,
            patch,
        )
    };
    let csig = |digit: &str| {
        let digest = digit.repeat(64);
        format!("\x30\x01{{\"version\":2,\"files\":[],\"vbmeta_digest\":\"{digest}\"}}\x00")
    };
    for (build, digit) in ENCHILADA.into_iter().zip(["1", "2"]) {
        let name = enchilada_name(build.0);
        dir.put(&format!("{name}.prop"), props(build).text());
        dir.put(&format!("{name}.csig"), csig(digit));
        dir.put(&name, Package::payload(props(build)).build());
    }
    let delta = Package::payload(props(ENCHILADA[1])).delta("eng.1", "a/b/c");
    dir.put(DELTA, delta.build());
    dir.put(&format!("{DELTA}.csig"), csig("2"));
    dir
}

/// Returns everything that a run may change.
fn state(dir: &RomDir) -> (BTreeMap<String, Vec<u8>>, Vec<u8>) {
    (dir.tree("out"), dir.read("catalog.json"))
}

/// Fails unless a run over an existing site fails with this error and changes nothing.
#[track_caller]
fn refuses(template: &str, messages: &[&str]) -> Run {
    refuses_with(template, "[[feed]]\ntemplate = \"mine\"\n", messages)
}

#[track_caller]
fn refuses_with(template: &str, settings: &str, messages: &[&str]) -> Run {
    let dir = bacons("");
    dir.generate().expect(0);
    let before = state(&dir);
    // A new build, which would be written if the run went on.
    dir.put(&format!("builds/bacon/{}", bacon_name(9)), bacon(9));
    dir.put("templates/feeds/mine.j2", template);
    dir.put("romfeed.toml", settings);
    let mut run = dir.generate().expect(2);
    assert_eq!(state(&dir), before, "{}", run.stderr);
    for message in messages {
        run = run.says(message);
    }
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    // Without a site before, none is made.
    std::fs::remove_dir_all(dir.path().join("out")).unwrap();
    dir.remove("catalog.json");
    dir.generate().expect(2);
    assert!(!dir.path().join("out").exists() && !dir.path().join("catalog.json").exists());
    run
}

#[test]
fn crdroid_and_evolution_x_find_every_key_they_require() {
    let dir = bacons(&format!(
        "{}[device.bacon.info]\nmaintainer = \"J\u{f6}rg \\\"J\\\"\"\nforum = \"https://example.org/f\"\n",
        enable(&["crdroid", "evolution-x"])
    ))
    .file(
        "devices.json",
        r#"[{"model":"bacon","oem":"OnePlus","name":"One"}]"#,
    );
    dir.generate().expect(0);
    for path in ["crdroid/bacon.json", "evolution-x/bacon.json"] {
        let feed = json(&dir, path);
        let [entry] = &feed["response"].as_array().unwrap()[..] else {
            panic!("{feed}");
        };
        let both = [
            "filename",
            "md5",
            "sha256",
            "download",
            "version",
            "maintainer",
            "forum",
            "firmware",
            "paypal",
            "oem",
            "device",
            "telegram",
            "buildtype",
        ];
        require(entry, &both, &["timestamp", "size"]);
        assert_eq!(entry["filename"], bacon_name(7));
        assert_eq!(entry["timestamp"], 1_700_000_000 + 7 * 86_400);
        assert_eq!(entry["maintainer"], "J\u{f6}rg \"J\"");
        assert_eq!(
            (&entry["oem"], &entry["device"]),
            (&"OnePlus".into(), &"One".into())
        );
    }
    let crdroid = json(&dir, "crdroid/bacon.json");
    require(
        &crdroid["response"][0],
        &["gapps", "modem", "bootloader", "recovery"],
        &[],
    );
    let evolution = json(&dir, "evolution-x/bacon.json");
    assert_eq!(evolution["response"][0]["currently_maintained"], true);
    assert!(evolution["response"][0]["initial_installation_images"].is_array());
}

/// Adds a build that is elsewhere, with only some facts known.
fn add_elsewhere(dir: &RomDir, name: &str, more: &[&str]) -> Run {
    let facts = ["--filename", name, "--datetime", "1710000000"];
    dir.add_build(&[&facts, more].concat())
}

/// The newest build in the tests of unknown facts.
const NEWEST: &str = "lineage-21.0-20240310-nightly-bacon.zip";

#[test]
fn crdroid_16_needs_the_sha256_but_no_md5() {
    let sha256 = "a".repeat(64);
    let dir = bacons(&enable(&["crdroid", "crdroid-16"]));
    let more = ["--sha256", &sha256, "--url", "https://example.org/x.zip"];
    add_elsewhere(&dir, NEWEST, &more).expect(0);
    let run = dir.generate().expect(0);
    run.says(&format!(
        "template `crdroid` leaves out `{NEWEST}`, which has no md5; "
    ));
    let feed = json(&dir, "crdroid-16/bacon.json");
    let entry = &feed["response"][0];
    require(
        entry,
        &["filename", "download", "sha256", "version"],
        &["timestamp", "size"],
    );
    assert_eq!(entry["filename"], NEWEST);
    assert!(entry.get("md5").is_none() && entry.get("os_sdk_level").is_none());
    // The updater of 14.0 knows builds by their MD5, so it is offered the newest build that has
    // one.
    let feed = json(&dir, "crdroid/bacon.json");
    assert_eq!(feed["response"][0]["filename"], bacon_name(7));
}

#[test]
fn pixelos_17_lists_only_complete_builds() {
    let dir = enchilada(&enable(&["pixelos-17"]));
    dir.put(&format!("builds/bacon/{}", bacon_name(7)), bacon(7));
    for (name, digit, more) in [
        (
            "lineage-21.0-20240308-nightly-bacon.zip",
            "b",
            ["--security-patch", "2024-03-05"],
        ),
        (
            "lineage-21.0-20240309-nightly-bacon.zip",
            "c",
            ["--sdk-level", "34"],
        ),
    ] {
        let url = format!("https://example.org/{name}");
        let sha256 = digit.repeat(64);
        let args = ["--sha256", &sha256, "--url", &url];
        add_elsewhere(&dir, name, &[&args[..], &more].concat()).expect(0);
    }
    let run = dir.generate().expect(0);
    let run = run.says("template `pixelos-17` leaves out `lineage-21.0-20240308-nightly-bacon.zip`, which has no sdk_level; ");
    run.says("template `pixelos-17` leaves out `lineage-21.0-20240309-nightly-bacon.zip`, which has no security_patch; ");

    let list = json(&dir, "pixelos-17/enchilada.json");
    let builds = list.as_array().unwrap();
    assert_eq!(builds.len(), 2);
    for build in builds {
        require(build, &["version"], &["datetime"]);
        assert_eq!(build["files"].as_array().unwrap().len(), 1);
        let file = &build["files"][0];
        require(
            file,
            &["filename", "os_patch_level", "sha256", "url"],
            &["os_sdk_level", "size"],
        );
        let parts = file["ota_property_files"].as_str().unwrap();
        for part in [
            "payload_metadata.bin",
            "payload.bin",
            "payload_properties.txt",
        ] {
            let mut names = parts.split(',').filter_map(|part| part.split(':').next());
            assert!(names.any(|name| name == part), "no {part} in {parts}");
        }
    }
    let delta = &builds[0]["incremental"];
    assert_eq!(delta.as_array().unwrap().len(), 1, "{delta}");
    assert_eq!(
        format!("builds/{}", delta[0]["filename"].as_str().unwrap()),
        DELTA
    );
    require(&delta[0], &["os_patch_level", "sha256"], &["os_sdk_level"]);
    assert!(builds[1].get("incremental").is_none());

    // A block-based package's property files name no payload, and would fail the whole list.
    let list = json(&dir, "pixelos-17/bacon.json");
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list[0]["files"][0]["filename"], bacon_name(7));
    assert!(list[0]["files"][0].get("ota_property_files").is_none());
}

#[test]
fn builds_that_lack_the_same_fact_share_one_line() {
    let dir = bacons(&enable(&["custota"]));
    let run = dir.generate().expect(0);
    run.says(&format!(
        "template `custota` leaves out 2 builds that have no csig_url: `{}` and 1 older; put its \
         .csig next to the zip",
        bacon_name(7)
    ));
}

#[test]
fn lineageos_lists_can_have_a_custom_path() {
    let settings = "[[feed]]\ntemplate = \"v1\"\npath = \"{version}/{device}.json\"\n\
         [[feed]]\ntemplate = \"v2\"\n";
    let dir = enchilada(settings);
    dir.generate().expect(0);
    let v1 = dir.read("out/enchilada.json");
    assert_eq!(dir.read("out/22.2/enchilada.json"), v1);
    let v2 = dir.read("out/api/v2/devices/enchilada/builds.json");
    assert_eq!(dir.read("out/v2/enchilada.json"), v2);
    // The address stays for phones whose version is no longer offered.
    for build in ENCHILADA {
        let name = enchilada_name(build.0);
        dir.run(&["catalog", "remove", &name["builds/".len()..]])
            .expect(0);
    }
    dir.generate().expect(0);
    assert_eq!(
        json(&dir, "22.2/enchilada.json"),
        serde_json::json!({"response": []})
    );
}

#[test]
fn paths_spell_variants_like_the_rom() {
    let variant = "[[variant]]\nname = \"gapps\"\npackage = \"gapps/**\"\n";
    let feed = "[[feed]]\ntemplate = \"v1\"\npath = \"OTA/{variant}/{device}.json\"\n";
    let dir = bacons("").file(&format!("builds/gapps/{}", bacon_name(3)), bacon(3));
    dir.put(
        "romfeed.toml",
        format!("{feed}variants = {{ gapps = \"GMS\", \"\" = \"VANILLA\" }}\n{variant}"),
    );
    dir.generate().expect(0);
    assert_eq!(
        dir.read("out/OTA/VANILLA/bacon.json"),
        dir.read("out/bacon.json")
    );
    assert_eq!(
        dir.read("out/OTA/GMS/bacon.json"),
        dir.read("out/gapps/bacon.json")
    );
    assert!(!dir.path().join("out/gapps/OTA").exists());

    for (settings, message) in [
        (
            format!("{feed}{variant}"),
            "builds without a variant have no {variant}; give them one",
        ),
        (
            format!("{feed}variants = {{ gapps = \"a/b\" }}\n{variant}"),
            "variants: `a/b` cannot be part of a path",
        ),
        (
            "[[feed]]\ntemplate = \"v1\"\nvariants = { gapps = \"GMS\" }\n".to_owned(),
            "it has no {variant}, so `variants` means nothing",
        ),
    ] {
        dir.put("romfeed.toml", settings);
        dir.generate().expect(2).says(message);
    }
}

#[test]
fn a_user_template_can_replace_a_built_in_list() {
    let list = "{#\nscope = \"romtype\"\npath = \"x/{device}/{romtype}\"\nlist = \"v1\"\n#}\n";
    let dir = with_template(list);
    dir.generate().expect(0);
    assert_eq!(
        dir.read("out/x/bacon/nightly"),
        dir.read("out/api/v1/bacon/nightly.json")
    );
    refuses(
        &format!("{list}[]"),
        &["mine.j2, line 4: a template with a `list` has no text of its own"],
    );
}

#[test]
fn pixelos_reads_one_object_and_grapheneos_one_line() {
    let dir = bacons(&enable(&["pixelos", "grapheneos"]));
    dir.generate().expect(0);
    let object = json(&dir, "pixelos/bacon.json");
    require(
        &object,
        &["filename", "id", "url", "version", "filehash"],
        &["datetime", "size"],
    );
    assert_eq!(object["error"], false);
    let line = text(&dir, "bacon-nightly");
    let fields: Vec<&str> = line.trim_end().split(' ').collect();
    assert_eq!(fields, ["inc7", "1700604800", "bacon", "nightly"]);
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn custota_gets_the_full_build_and_its_delta() {
    let dir = enchilada(&enable(&["custota"]));
    dir.generate().expect(0);
    let info = json(&dir, "custota/enchilada.json");
    let address = |path: &str| format!("{BASE_URL}/{path}");
    let full = enchilada_name(ENCHILADA[1].0);
    let expected = serde_json::json!({
        "version": 2,
        "full": {
            "location_ota": address(&full),
            "location_csig": address(&format!("{full}.csig")),
        },
        "incremental": {
            "1".repeat(64): {
                "location_ota": address(DELTA),
                "location_csig": address(&format!("{DELTA}.csig")),
            },
        },
    });
    assert_eq!(info, expected);

    // A source that is no longer offered is still known by its digest.
    let gone = enchilada_name(ENCHILADA[0].0);
    dir.run(&[
        "catalog",
        "yank",
        gone.strip_prefix("builds/").unwrap(),
        "--reason",
        "bad",
    ])
    .expect(0);
    dir.generate().expect(0);
    assert_eq!(json(&dir, "custota/enchilada.json"), expected);

    // Without signature files, Custota has nothing.
    let dir = bacons(&enable(&["custota"]));
    dir.generate().expect(0);
    assert!(!dir.path().join("out/custota").exists());
}

#[test]
fn lineageota_entries_have_thirteen_keys_in_order() {
    let dir = bacons(&enable(&["lineageota"]));
    dir.generate().expect(0);
    let feed = json(&dir, "api/v1/bacon_nightly");
    let entries = feed["response"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    let texts = [
        "incremental",
        "api_level",
        "url",
        "md5sum",
        "changes",
        "channel",
        "filename",
        "romtype",
        "version",
        "id",
    ];
    for entry in entries {
        require(entry, &texts, &["timestamp", "datetime", "size"]);
        assert_eq!(entry.as_object().unwrap().len(), 13);
        assert_eq!(entry["api_level"], "34");
    }
    let text = text(&dir, "api/v1/bacon_nightly");
    let order = [
        "incremental",
        "api_level",
        "url",
        "timestamp",
        "md5sum",
        "changes",
        "channel",
        "filename",
        "romtype",
        "datetime",
        "version",
        "id",
        "size",
    ];
    let mut places = order
        .map(|key| text.find(&format!("\"{key}\":")).unwrap())
        .to_vec();
    let sorted = places.clone();
    places.sort_unstable();
    assert_eq!(places, sorted);
    let phone = Phone {
        device: "bacon".into(),
        release_type: "nightly".into(),
        version: "21.0".into(),
        incremental: "inc0".into(),
        datetime: 1_700_000_000,
        sdk: 34,
        ..Phone::default()
    };
    // The second reading knows only the keys that the client does.
    let known = [
        "datetime", "filename", "id", "romtype", "size", "url", "version",
    ];
    let mut known_alone = feed;
    for entry in known_alone["response"].as_array_mut().unwrap() {
        let entry = entry.as_object_mut().unwrap();
        entry.retain(|key, _| known.contains(&key.as_str()));
    }
    let body = known_alone.to_string().into_bytes();
    assert_eq!(offered(Generation::Java22, &body, &phone).unwrap().len(), 1);
}

#[test]
fn each_incremental_has_a_list_with_its_deltas() {
    let dir = enchilada(&enable(&["v2-incremental"]));
    dir.generate().expect(0);
    let folder = "api/v2/devices/enchilada/unofficial";
    let phone = |index: usize| Phone {
        device: "enchilada".into(),
        release_type: "UNOFFICIAL".into(),
        version: "22.2".into(),
        incremental: ENCHILADA[index].1.into(),
        datetime: ENCHILADA[index].0,
        sdk: 35,
        ..Phone::default()
    };
    let names = |path: &str| -> Vec<String> {
        let feed = json(&dir, path);
        let entries = feed.as_array().unwrap().iter();
        let name = |entry: &Value| entry["files"][0]["filename"].as_str().unwrap().to_owned();
        entries.map(name).collect()
    };
    let bare = |path: &str| path.strip_prefix("builds/").unwrap().to_owned();
    let first = format!("{folder}/eng.1.json");
    let full = enchilada_name(ENCHILADA[1].0);
    assert_eq!(names(&first), [bare(DELTA), bare(&full)]);
    let body = dir.read(&format!("out/{first}"));
    assert_eq!(
        offered(Generation::Kotlin23, &body, &phone(0))
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        json(&dir, &format!("{folder}/eng.2.json")),
        serde_json::json!([])
    );
    let body = dir.read(&format!("out/{folder}/eng.2.json"));
    assert!(
        offered(Generation::Kotlin23, &body, &phone(1))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn atom_feeds_have_what_readers_require() {
    let dir = bacons(&format!(
        "{}[device.bacon.info]\nmaintainer = \"A & <B>\"\n",
        enable(&["atom", "atom-site"])
    ));
    dir.generate().expect(0);
    for (path, author) in [
        ("bacon.atom", "A &amp; &lt;B&gt;"),
        ("builds.atom", "Downloads"),
    ] {
        let feed = text(&dir, path);
        // RFC 4287: a feed has an id, a title, a date, an author; an entry the same
        // but for the author, and either contents or a link.
        let (head, entries) = feed.split_once("<entry>").unwrap();
        assert!(head.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">"));
        for part in [
            format!("<id>{BASE_URL}/{path}</id>"),
            "<updated>2023-11-21T22:13:20Z</updated>".to_owned(),
            format!("<author><name>{author}</name></author>"),
            format!("href=\"{BASE_URL}/{path}\""),
            "<title>".to_owned(),
        ] {
            assert!(head.contains(&part), "no {part} in {head}");
        }
        let entries: Vec<&str> = entries.split("<entry>").collect();
        assert_eq!(entries.len(), 2);
        for entry in &entries {
            for part in [
                "<id>urn:sha256:",
                "<title>",
                "<updated>2023-11-",
                "rel=\"alternate\" type=\"text/html\"",
                "rel=\"enclosure\" type=\"application/zip\" length=\"",
                "</entry>",
            ] {
                assert!(entry.contains(part), "no {part} in {entry}");
            }
        }
        assert_eq!(feed.matches("<id>").count(), 3);
    }
    // Nothing in them depends on today's date.
    let before = dir.tree("out");
    dir.generate().expect(0).says("up to date");
    assert_eq!(dir.tree("out"), before);
}

#[test]
fn all_shipped_templates_can_be_enabled_together_in_every_variant() {
    let names: Vec<&str> = romfeed::publish::feed::template::SHIPPED
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let settings = format!(
        "{}[[variant]]\nname = \"gapps\"\npackage = \"gapps/**\"\n",
        enable(&names)
    );
    let dir = enchilada(&settings).file(&format!("builds/gapps/{}", bacon_name(3)), bacon(3));
    dir.generate().expect(0);
    for path in [
        "builds.atom",
        "enchilada.atom",
        "enchilada-unofficial",
        "crdroid/enchilada.json",
        "gapps/builds.atom",
        "gapps/bacon.atom",
        "gapps/bacon-nightly",
        "gapps/crdroid/bacon.json",
        "gapps/api/v1/bacon_nightly",
        "gapps/api/v2/devices/bacon/nightly/inc3.json",
    ] {
        assert!(dir.path().join("out").join(path).exists(), "{path}");
    }
    assert!(!text(&dir, "builds.atom").contains("bacon"));
    assert!(text(&dir, "gapps/bacon.atom").contains(&format!("{BASE_URL}/gapps/bacon.atom")));
    // Without an address of the site, they are still made.
    dir.remove(DELTA);
    dir.put(
        "romfeed.toml",
        format!("url = \"https://example.org/{{filename}}\"\n{settings}"),
    );
    dir.run(&["generate"]).expect(0);
    assert!(text(&dir, "builds.atom").contains("<id>urn:romfeed:builds.atom</id>"));
}

#[test]
fn user_templates_can_use_every_scope_and_escape_values() {
    let scopes = [
        (
            "site",
            "x/all",
            "{{ site.devices | map(attribute='model') | join(' ') }} {{ builds | length }}",
        ),
        (
            "device",
            "x/{device}",
            "{{ device.model }} {{ device.romtypes | join }} {{ build.version }}",
        ),
        (
            "romtype",
            "x/{device}_{romtype}",
            "{{ romtype }} {{ build.datetime | date('%Y-%m') }}",
        ),
        (
            "incremental",
            "x/{device}.{romtype}.{incremental}",
            "{{ incremental }} {{ installed.datetime | rfc3339 }} {{ builds | length }} {{ deltas | length }}",
        ),
        (
            "build",
            "y/{device}/{romtype}/{version}/{datetime}-{incremental}",
            "{{ build.filename }} {{ page.path }}",
        ),
    ];
    let names: Vec<&str> = scopes.iter().map(|(scope, ..)| *scope).collect();
    let dir = bacons(&enable(&names));
    for (scope, path, body) in scopes {
        dir.put(
            &format!("templates/feeds/{scope}.j2"),
            format!(
                "{{#\nscope = \"{scope}\"\npath = \"{path}\"\nformat = \"text\"\n#}}\n{body}\n"
            ),
        );
    }
    dir.generate().expect(0);
    for (path, expected) in [
        ("x/all", "bacon 2\n".to_owned()),
        ("x/bacon", "bacon nightly 21.0\n".to_owned()),
        ("x/bacon_nightly", "nightly 2023-11\n".to_owned()),
        (
            "x/bacon.nightly.inc0",
            "inc0 2023-11-14T22:13:20Z 1 0\n".to_owned(),
        ),
        (
            "x/bacon.nightly.inc7",
            "inc7 2023-11-21T22:13:20Z 0 0\n".to_owned(),
        ),
        (
            "y/bacon/nightly/21.0/1700000000-inc0",
            format!("{} y/bacon/nightly/21.0/1700000000-inc0\n", bacon_name(0)),
        ),
    ] {
        assert_eq!(text(&dir, path), expected, "{path}");
    }
    // Removing a template removes its pages.
    dir.put("romfeed.toml", "");
    dir.generate().expect(0);
    assert!(!dir.path().join("out/x").exists());
}

#[test]
fn values_cannot_break_out_of_json() {
    let template = "{#\nscope = \"device\"\npath = \"x.json\"\n#}\n\
        {% macro m(v) %}[{{ v }}]{% endmacro %}\
        {% set s %}{{ device.info.odd }}{% endset %}\
        {\"a\": {{ device.info.odd }}, \"b\": {{ m(device.info.odd) }}, \"c\": {{ s }}, \
        \"d\": {{ \"\u{e4} \" ~ device.info.odd }}, \"e\": {{ device.info }}, \"\u{f6}\": {{ build.deltas }}, \
        \"g\": {{ true }}, \"h\": {{ 1.5 }}, \"i\": {{ device.info.odd | tojson }}}\n";
    let dir = with_template(template);
    dir.put(
        "romfeed.toml",
        "[[feed]]\ntemplate = \"mine\"\n[device.bacon.info]\nodd = \"\\\", \\\"x\\\": \\\\ \u{1F600}\\n\"\n",
    );
    dir.generate().expect(0);
    let odd = "\", \"x\": \\ \u{1F600}\n";
    let expected = serde_json::json!({
        "a": odd, "b": [odd], "c": odd, "d": format!("\u{e4} {odd}"), "e": {"odd": odd},
        "\u{f6}": [], "g": true, "h": 1.5, "i": odd,
    });
    assert_eq!(json(&dir, "x.json"), expected);
}

#[test]
fn a_user_template_replaces_a_shipped_one() {
    let own = "{#\nscope = \"device\"\npath = \"own/{device}\"\nformat = \"text\"\n#}\nown\n";
    let dir = bacons(&enable(&["crdroid"])).file("templates/feeds/crdroid.j2", own);
    dir.generate().expect(0);
    assert_eq!(text(&dir, "own/bacon"), "own\n");
    assert!(!dir.path().join("out/crdroid").exists());

    let dir = bacons("[[feed]]\ntemplate = \"crdroid\"\npath = \"14/{device}.json\"\n");
    dir.generate().expect(0);
    assert!(json(&dir, "14/bacon.json")["response"].is_array());
    assert!(!dir.path().join("out/crdroid").exists());
}

#[test]
fn a_device_file_can_come_from_a_template() {
    let dir = bacons("device_feed = \"crdroid\"\n");
    dir.generate().expect(0);
    assert_eq!(
        json(&dir, "bacon.json")["response"][0]["filename"],
        bacon_name(7)
    );
    assert!(!dir.path().join("out/crdroid").exists());

    // Next to the built-in pages, and in their exact place.
    for (path, extra) in [
        ("crdroid/bacon.json", ""),
        ("bacon.json", "path = \"{device}.json\"\n"),
    ] {
        let dir = bacons(&format!(
            "[[feed]]\ntemplate = \"crdroid\"\n{extra}[device.bacon]\ndevice_feed = \"crdroid\"\n"
        ));
        dir.generate().expect(0);
        assert_eq!(dir.read("out/bacon.json"), dir.read(&format!("out/{path}")));
    }
    let run = bacons("device_feed = \"grapheneos\"\n")
        .generate()
        .expect(2);
    run.says("device_feed = \"grapheneos\" needs a template with scope = \"device\"; grapheneos.j2 (of romfeed) has scope = \"romtype\"");
    // One that is taken by no device is checked as well.
    let run = bacons("[device.other]\ndevice_feed = \"atom-site\"\n")
        .generate()
        .expect(2);
    run.says("has scope = \"site\"");
}

#[test]
fn pages_without_builds_are_written_unless_the_template_opts_out() {
    let dir = bacons(&enable(&["crdroid", "pixelos", "lineageota", "grapheneos"]));
    dir.generate().expect(0);
    for days in [0, 7] {
        dir.run(&["catalog", "yank", &bacon_name(days), "--reason", "bad"])
            .expect(0);
    }
    dir.generate().expect(0);
    for path in ["crdroid/bacon.json", "api/v1/bacon_nightly"] {
        assert_eq!(
            json(&dir, path),
            serde_json::json!({"response": []}),
            "{path}"
        );
    }
    for path in ["pixelos/bacon.json", "bacon-nightly"] {
        assert!(!dir.path().join("out").join(path).exists(), "{path}");
    }
}

#[test]
fn a_page_stays_inside_the_site() {
    let mine = |scope: &str, path: &str| {
        format!("{{#\nscope = \"{scope}\"\npath = '{path}'\nformat = \"text\"\n#}}\nx\n")
    };
    for (path, message) in [
        ("../x", "part . or .."),
        ("a/../../x", "part . or .."),
        ("/etc/x", "begins with a slash"),
        (".romfeed/manifest.json", "hidden"),
        ("a\\x", "holds"),
        ("a//x", "empty part"),
    ] {
        refuses(&mine("site", path), &["mine.j2, line 3: path: ", message]);
    }
    // The same in the settings.
    let settings = "[[feed]]\ntemplate = \"mine\"\npath = \"../x\"\n";
    refuses_with(
        &mine("site", "x"),
        settings,
        &["[[feed]] mine: path `../x`: "],
    );
    let settings = "[[feed]]\ntemplate = \"mine\"\npath = \"CON/x.json\"\n";
    refuses_with(
        &mine("site", "x"),
        settings,
        &["[[feed]] mine: path `CON/x.json`: `CON` is a name that Windows reserves"],
    );
    refuses(
        &mine("site", "{device}.x"),
        &["line 3: path: a template of scope site has no {device}; there are {variant}"],
    );
    refuses(
        &mine("device", "{romtyp}"),
        &["a template of scope device has no {romtyp}; there are {device}, {version}, {variant}"],
    );
    // By a value: the version of a build is free text.
    let template = mine("build", "v/{version}");
    let settings =
        "[[feed]]\ntemplate = \"mine\"\n[[override]]\npackage = \"*\"\nversion = \"../../x\"\n";
    refuses_with(
        &template,
        settings,
        &[
            "line 3: path: {version} is `../../x`, which cannot be part of a path",
            "(for device bacon, romtype nightly, lineage-21.0-",
        ],
    );
}

#[test]
fn two_pages_at_one_path_are_refused() {
    let mine = |scope: &str, path: &str| {
        format!("{{#\nscope = \"{scope}\"\npath = \"{path}\"\nformat = \"text\"\n#}}\nx\n")
    };
    for path in [
        "api/v1/devices.json",
        "404.html",
        "bacon.json",
        "api/v1/bacon/nightly/inc0",
    ] {
        let message = format!(
            "`{path}` would have to be two pages at once: one is made by romfeed itself, the other by "
        );
        refuses(&mine("site", path), &[&message, "mine.j2 for the site"]);
    }
    refuses(
        &mine("build", "x"),
        &[
            "`x` would have to be two pages at once: one is made by ",
            "mine.j2 for device bacon",
        ],
    );
    refuses(
        &mine("site", "api"),
        &[
            "`api` would have to be both a file and the folder of `api/v1/",
            "mine.j2 for the site",
        ],
    );
    refuses(
        &mine("site", "404.html/x"),
        &["`404.html` would have to be both a file and the folder of `404.html/x`"],
    );
    // Two devices.
    let dir = bacons("[[feed]]\ntemplate = \"mine\"\n[device.bacon]\naliases = [\"ham\"]\n")
        .file("templates/feeds/mine.j2", mine("device", "x"));
    dir.generate()
        .expect(2)
        .says("mine.j2 for device bacon, the other by ")
        .says("for device ham");
    assert!(!dir.path().join("out").exists());
    // Another template.
    let dir = bacons(&enable(&["mine", "crdroid"])).file(
        "templates/feeds/mine.j2",
        mine("device", "crdroid/{device}.json/x"),
    );
    dir.generate()
        .expect(2)
        .says("crdroid.j2 (of romfeed) for device bacon")
        .says("mine.j2 for device bacon");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn template_errors_name_their_line() {
    let mine = |body: &str| {
        format!(
            "{{#\nscope = \"device\"\npath = \"x/{{device}}\"\nformat = \"json\"\n#}}\n{body}\n"
        )
    };
    let file = format!("error: {}", native("templates/feeds/mine.j2"));
    let at = |line: usize| format!("{file}, line {line}: ");
    for (body, line, message) in [
        (
            "{\n{{ build.speed }}\n}",
            7,
            "`build.speed` is undefined (for device bacon)",
        ),
        (
            "{\n{{ build.signer }}\n}",
            7,
            "`build.signer` is undefined: signer of lineage-21.0-20231123-nightly-bacon.zip is unknown",
        ),
        (
            "{{ device.info.maintainer }}",
            6,
            "set it under [device.<codename>.info]",
        ),
        ("{{ nothing }}", 6, "`nothing` is undefined"),
        ("{{ {\"a\": build.signer} }}", 6, "`a` is undefined"),
        ("{{ [build.signer] }}", 6, "is undefined"),
        (
            "{{ build.datetime | date('%Q') }}",
            6,
            "`%Q` is not a date format",
        ),
        (
            "{{ build.nothing.deeper }}",
            6,
            "`build.nothing` is undefined",
        ),
        ("{\n{% if %}\n}", 7, "syntax error"),
        ("{{ x | nofilter }}", 6, "nofilter"),
        ("{% for i in builds %}", 6, "syntax error"),
        ("{% include 'other.j2' %}", 6, "other.j2"),
        ("{{ range(1000000) }}", 6, "range has too many elements"),
        (
            "\n{{ 'x' * 9000000 }}",
            7,
            "the page is longer than 4194304 bytes",
        ),
        (
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            6,
            "recursion limit",
        ),
        (
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            6,
            "more than 10000000 steps; is there a loop that does not end?",
        ),
    ] {
        refuses(&mine(body), &[&at(line), message]);
    }
    for (body, message) in [
        (
            "{% for a in range(1000) %}{% for b in range(1000) %}xxxxx{% endfor %}{% endfor %}",
            "mine.j2: the page is longer than 4194304 bytes (for device bacon)",
        ),
        (
            "{\"a\": 1,\n \"b\" 2}",
            "mine.j2: the page is not valid JSON: expected `:` at line 2, column 6 of the page: \\\"b\\\" 2} (for device bacon)",
        ),
        (
            "{\"a\": \"{{ build.version }}\"}",
            "the page is not valid JSON: expected `,` or `}` at line 1",
        ),
        ("", "the page is not valid JSON"),
        ("[1] 2", "trailing characters"),
    ] {
        refuses(&mine(body), &[message]);
    }
    let xml = mine("<a>{{ build.version }}\n</b>").replace("json", "xml");
    refuses(
        &xml,
        &["the page is not valid XML: </b> instead of </a> at line 2, column 1 of the page: </b>"],
    );
    let list = mine("{{ builds }}").replace("json", "text");
    refuses(
        &list,
        &["line 6: invalid operation: a sequence cannot be printed"],
    );
    for (head, message) in [
        ("", "mine.j2, line 1: a feed template begins with {#"),
        (
            "{#\nscope = \"device\"\npath = \"x\"\npaht = \"x\"\n#}",
            "mine.j2, line 4: unknown field `paht`",
        ),
        (
            "{#\nscope = \"phone\"\npath = \"x\"\n#}",
            "mine.j2, line 2: unknown variant `phone`",
        ),
        ("{#\nscope = \"site\"\n#}", "missing field `path`"),
        ("{#\nscope = \"site\"\npath = \n#}", "mine.j2, line 3: "),
    ] {
        refuses(head, &[message]);
    }
}

#[test]
fn optional_facts_can_be_tested_and_defaulted() {
    let dir = with_template(
        "{#\nscope = \"device\"\npath = \"x\"\n#}\n\
         [{{ build.signer | default(\"none\") }}, {{ build.signer is defined }}, \
         {{ device.info.a | default(5) }}]\n",
    );
    dir.generate().expect(0);
    assert_eq!(text(&dir, "x"), "[\"none\", false, 5]\n");
}

#[test]
fn reading_an_endless_template_stops_at_a_limit() {
    let long = " ".repeat((1 << 20) + 1);
    refuses(&long, &["mine.j2: it has more than 1024 KiB"]);
}

#[test]
fn the_template_in_the_book_works_unchanged() {
    let page =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/reference/templates.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, sample) = page.split_once("\n{#\n").unwrap();
    let (sample, _) = sample.split_once("```\n").unwrap();
    let dir = RomDir::new()
        .file("templates/feeds/mine.j2", format!("{{#\n{sample}"))
        .file("romfeed.toml", "[[feed]]\ntemplate = \"mine\"\n");
    for days in [0, 7] {
        dir.put(&format!("builds/{}", bacon_name(days)), bacon(days));
    }
    dir.generate().expect(0);
    let page: serde_json::Value = serde_json::from_slice(&dir.read("out/mine/bacon.json")).unwrap();
    assert_eq!(page["builds"].as_array().unwrap().len(), 2, "{page}");
    assert_eq!(page["builds"][0]["file"], bacon_name(7));
}
