//! A catalog in a bucket that several machines share.

mod store;

use std::thread;

use store::{KEYS, Store, error};

use super::remote::host::{Answer, Asked};
use super::secure_host;
use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

/// The line of the settings that says where zips are: on another host, as each machine has others.
const URL: &str = "url = \"https://dl.example.org/{filename}\"\n";

/// Returns the folder of a machine that shares the catalog of a store.
fn machine(store: &Store) -> RomDir {
    RomDir::new().file(
        "romfeed.toml",
        format!(
            "base_url = \"{BASE_URL}\"\n{URL}catalog = \"s3://roms/catalog/\"\n[s3]\nendpoint = \"{}\"\n",
            store.url()
        ),
    )
}

fn run(machine: &RomDir, args: &[&str]) -> Run {
    let run = machine.run_with(args, &KEYS);
    for secret in ["the/secret", "X-Amz", "AKIDEXAMPLE"] {
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(!text.contains(secret), "{text}");
    }
    run
}

/// Publishes a build of bacon from a machine.
fn generate(machine: &RomDir, day: i64) -> Run {
    machine.put(&format!("builds/{}", bacon_name(day)), bacon(day));
    run(machine, &["generate"])
}

/// Adds a build whose zip is elsewhere.
fn add(machine: &RomDir, device: &str, number: u32) -> Run {
    let name = format!("lineage-21.0-{}-nightly-{device}.zip", 20_240_000 + number);
    add_named(machine, device, number, &name)
}

/// Adds a build of this file name.
fn add_named(machine: &RomDir, device: &str, number: u32, name: &str) -> Run {
    let (sha256, url) = (
        format!("{number:064x}"),
        format!("https://dl.example.org/{name}"),
    );
    let date = (1_722_470_400 + i64::from(number)).to_string();
    let facts = [
        ["--device", device],
        ["--romtype", "nightly"],
        ["--version", "21.0"],
        ["--datetime", &date],
        ["--filename", name],
        ["--size", "9"],
        ["--sha256", &sha256],
        ["--incremental", &date],
        ["--url", &url],
    ];
    let args: Vec<&str> = ["catalog", "add"]
        .into_iter()
        .chain(facts.into_iter().flatten())
        .collect();
    run(machine, &args)
}

/// Returns how many builds a catalog in the bucket has.
fn count(store: &Store, key: &str) -> usize {
    let text = store.get(key).unwrap_or_default();
    text.matches("\"sha256\"").count()
}

#[test]
fn machines_that_share_a_bucket_see_the_builds_of_all() {
    let store = Store::new();
    let [one, two, three] = [(); 3].map(|()| machine(&store));
    generate(&one, 0).expect(0);
    add(&two, "FP5", 1).expect(0);
    generate(&two, 1).expect(0);
    assert_eq!(store.keys(), ["catalog/bacon.json", "catalog/fp5.json"]);
    let listed = run(&three, &["catalog", "list"]).expect(0);
    for name in [bacon_name(0), bacon_name(1), "nightly-FP5".to_owned()] {
        assert!(listed.stdout.contains(&name), "{}", listed.stdout);
    }
    run(
        &three,
        &["catalog", "yank", "--reason", "bad", &bacon_name(1)],
    )
    .expect(0);
    run(&one, &["generate"]).expect(0);
    let feed = String::from_utf8(one.read("out/bacon.json")).unwrap();
    assert!(
        feed.contains(&bacon_name(0)) && !feed.contains(&bacon_name(1)),
        "{feed}"
    );
    run(&one, &["check"]).expect(0);
}

#[test]
fn site_is_the_same_as_with_a_catalog_in_a_folder() {
    let store = Store::new();
    let shared = machine(&store);
    let local = RomDir::new().file(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{URL}catalog = \"catalog/\"\n"),
    );
    for dir in [&shared, &local] {
        dir.put(&format!("builds/{}.txt", &bacon_name(0)), "- news\n");
        generate(dir, 0).expect(0);
        add(dir, "FP5", 1).expect(0);
        run(dir, &["generate"]).expect(0);
    }
    assert!(shared.tree("out") == local.tree("out"));
    let files = local.tree("catalog").into_iter();
    for (name, text) in files.filter(|(name, _)| name.ends_with(".json")) {
        let name = name.rsplit(['/', '\\']).next().unwrap().to_owned();
        let there = store.get(&format!("catalog/{name}")).unwrap();
        assert_eq!(there.as_bytes(), text, "{name}");
    }
}

#[test]
fn changelogs_go_with_the_catalog() {
    let store = Store::new();
    let [one, two] = [(); 2].map(|()| machine(&store));
    one.put(
        &format!("builds/{}.txt", bacon_name(0)),
        "- fixed the camera\n",
    );
    generate(&one, 0).expect(0);
    run(&two, &["generate"]).expect(0);
    assert!(one.tree("out") == two.tree("out"));
    // Another form of it takes the place of the first.
    one.remove(&format!("builds/{}.txt", bacon_name(0)));
    one.put(
        &format!("builds/{}.md", bacon_name(0)),
        "- fixed the *torch*\n",
    );
    run(&one, &["generate"]).expect(0);
    run(&two, &["generate"]).expect(0);
    assert!(one.tree("out") == two.tree("out"));
    one.remove(&format!("builds/{}.md", bacon_name(0)));
    one.put(&format!("builds/{}.txt", bacon_name(0)), "- fixed it\n");
    run(&one, &["generate"]).expect(0);
    run(&two, &["generate"]).expect(0);
    assert!(one.tree("out") == two.tree("out"));
}

#[test]
fn builds_that_are_added_at_the_same_time_are_all_there() {
    let store = Store::new();
    let machines: Vec<RomDir> = (0..6).map(|_| machine(&store)).collect();
    thread::scope(|scope| {
        for (number, machine) in (0..).zip(&machines) {
            scope.spawn(move || {
                for build in 0..3 {
                    add(machine, "bacon", 1000 + number * 10 + build).expect(0);
                }
                generate(machine, i64::from(number)).expect(0);
            });
        }
    });
    assert_eq!(count(&store, "catalog/bacon.json"), 6 * 4);
}

#[test]
fn unchanged_bucket_costs_a_request_for_its_list() {
    let store = Store::new();
    let dir = machine(&store);
    generate(&dir, 0).expect(0);
    let num_asked = store.num_asked();
    run(&dir, &["catalog", "list"]).expect(0);
    assert_eq!(store.num_asked(), num_asked + 1);
    // A damaged copy, or none, is read again.
    std::fs::remove_dir_all(dir.path().join(".romfeed")).unwrap();
    let listed = run(&dir, &["catalog", "list"]).expect(0);
    assert!(listed.stdout.contains(&bacon_name(0)), "{}", listed.stdout);
    dir.put(".romfeed/s3/roms/catalog/.state.json", "{");
    dir.put(".romfeed/s3/roms/catalog/bacon.json", "{");
    run(&dir, &["catalog", "list"]).expect(0);
}

/// A fault of some requests, and what is said about it.
type Case = (fn(&Asked) -> bool, fn() -> Answer, &'static str);

const IS_LIST: fn(&Asked) -> bool = |asked| asked.path.starts_with("/roms/?");
const IS_READ: fn(&Asked) -> bool = |asked| !IS_LIST(asked) && asked.put.is_none();
const IS_WRITE: fn(&Asked) -> bool = |asked| asked.put.is_some();

#[test]
fn faults_of_the_bucket_are_reported_and_lose_nothing() {
    let cases: [Case; 14] = [
        (
            IS_LIST,
            || error(403, "AccessDenied"),
            "403: AccessDenied: no; the key must be allowed to list the bucket, and to read and write its objects",
        ),
        (
            IS_LIST,
            || error(403, "InvalidAccessKeyId"),
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            IS_LIST,
            || error(403, "RequestTimeTooSkewed"),
            "set the clock of this machine right",
        ),
        (
            IS_LIST,
            || error(404, "NoSuchBucket"),
            "check the name of the bucket, `endpoint` and `region`",
        ),
        (
            IS_LIST,
            || error(503, "SlowDown"),
            "answers with status 503: SlowDown: no",
        ),
        (
            IS_LIST,
            || error(301, "PermanentRedirect"),
            "set `region`, and `endpoint` if there is one, to those of the bucket",
        ),
        (
            IS_LIST,
            || Answer::new(200).body(b"<html>hello</html>"),
            "does not answer with a list of objects (XML)",
        ),
        (
            IS_LIST,
            || Answer::new(200).body(&[b'<'; 200]).broken_off(),
            "cannot be read",
        ),
        (
            IS_READ,
            || error(403, "AccessDenied"),
            "to read and write its objects",
        ),
        (
            IS_READ,
            || Answer::new(200).body(&[b'{'; 200]).broken_off(),
            "cannot be read",
        ),
        (
            IS_READ,
            || error(503, "SlowDown"),
            "answers with status 503: SlowDown: no",
        ),
        (
            IS_WRITE,
            || error(403, "AccessDenied"),
            "to read and write its objects",
        ),
        (
            IS_WRITE,
            || error(507, "InsufficientStorage"),
            "free space in the bucket, or raise its quota",
        ),
        (
            IS_WRITE,
            || error(503, "SlowDown"),
            "answers with status 503: SlowDown: no",
        ),
    ];
    let store = Store::new();
    generate(&machine(&store), 0).expect(0);
    for (number, (is_it, answer, text)) in (1..).zip(cases) {
        let dir = machine(&store);
        let before = store.get("catalog/bacon.json");
        store.set_fault(move |asked, _| is_it(asked).then(answer));
        let failed = add(&dir, "bacon", number).expect(1).says(text);
        let errors = failed.stderr.matches("error:").count();
        assert_eq!(errors, 1, "{}", failed.stderr);
        store.heal();
        assert_eq!(store.get("catalog/bacon.json"), before);
        add(&dir, "bacon", number).expect(0);
    }
    assert_eq!(count(&store, "catalog/bacon.json"), 15);
}

#[test]
fn run_that_fails_at_any_request_is_completed_by_the_next() {
    let store = Store::new();
    let other = machine(&store);
    generate(&other, 0).expect(0);
    add(&other, "FP5", 1).expect(0);
    let before = store.objects();
    for step in 0.. {
        store.set_objects(before.clone());
        let dir = machine(&store);
        dir.put(&format!("builds/{}.txt", bacon_name(1)), "- news\n");
        store.set_fault(move |_, number| (number >= step).then(|| error(403, "AccessDenied")));
        let failed = generate(&dir, 1);
        store.heal();
        // What fails after the site is written costs warnings at most.
        if failed.code == Some(0) {
            assert!(step > 6, "{step}");
            break;
        }
        assert!(!dir.path().join("out/bacon.json").exists());
        // What the store has is whole at any moment.
        run(&machine(&store), &["catalog", "list"]).expect(0);
        run(&dir, &["generate"]).expect(0);
        assert_eq!(count(&store, "catalog/bacon.json"), 2, "{step}");
        assert_eq!(count(&store, "catalog/fp5.json"), 1, "{step}");
    }
}

#[test]
fn answer_that_is_lost_does_not_add_a_build_twice() {
    let store = Store::new();
    let dir = machine(&store);
    add(&dir, "bacon", 1).expect(0);
    store.lose_answers(1);
    add(&dir, "bacon", 2).expect(0);
    assert_eq!(count(&store, "catalog/bacon.json"), 2);
    store.lose_answers(9);
    add(&dir, "bacon", 3).expect(0);
    assert_eq!(count(&store, "catalog/bacon.json"), 3);
    store.lose_answers(1);
    let name = "lineage-21.0-20240001-nightly-bacon.zip";
    run(&dir, &["catalog", "remove", name]).expect(0);
    let listed = run(&dir, &["catalog", "list"]).expect(0);
    assert!(!listed.stdout.contains(name), "{}", listed.stdout);
}

#[test]
fn file_name_that_two_machines_use_at_the_same_time_is_taken_by_one() {
    for device in ["alpha", "FP5"] {
        let (other, store) = (Store::new(), Store::new());
        add_named(&machine(&other), "beta", 1, "same.zip").expect(0);
        let dir = machine(&store);
        // The file of the device is new, or has a build.
        if device == "FP5" {
            add(&dir, device, 2).expect(0);
        }
        let key = format!("catalog/{}.json", device.to_lowercase());
        let num = count(&store, &key);
        store.put_meanwhile(
            "catalog/beta.json",
            &other.get("catalog/beta.json").unwrap(),
        );
        let refused = add_named(&dir, device, 3, "same.zip");
        assert_ne!(refused.code, Some(0));
        refused.says("a build of beta has its file name");
        assert_eq!(count(&store, &key), num);
        let listed = run(&machine(&store), &["catalog", "list"]).expect(0);
        assert!(listed.stdout.contains("same.zip"), "{}", listed.stdout);
        add(&dir, device, 4).expect(0);
        assert_eq!(count(&store, &key), num + 1);
    }
}

#[test]
fn import_is_made_again_if_another_machine_writes_meanwhile() {
    let feed = serde_json::json!({"response": [{
        "datetime": 1_722_480_000,
        "filename": "lineage-21.0-20240802-nightly-bacon.zip",
        "id": "c".repeat(64),
        "romtype": "nightly",
        "size": 9,
        "url": "https://dl.example.org/lineage-21.0-20240802-nightly-bacon.zip",
        "version": "21.0",
    }]});
    for nums in [0, 1] {
        let (other, store) = (Store::new(), Store::new());
        let dir = machine(&store).file("feed.json", feed.to_string());
        // The file of the device is new, or has a build.
        for number in 0..nums {
            add(&machine(&other), "bacon", number).expect(0);
            add(&dir, "bacon", number).expect(0);
        }
        add(&machine(&other), "bacon", 7).expect(0);
        let key = "catalog/bacon.json";
        store.put_meanwhile(key, &other.get(key).unwrap());
        let args = ["catalog", "import", "--device", "bacon", "feed.json"];
        let run = run(&dir, &args).expect(0);
        let run = run.says("feed.json (v1): 1 added");
        assert_eq!(run.stderr.matches("added lineage").count(), 1);
        let text = store.get(key).unwrap();
        assert!(
            text.contains("20240802") && text.contains("20240007"),
            "{text}"
        );
        assert_eq!(
            text.matches("\"filename\"")
                .count()
                .max(text.matches("\"path\"").count()),
            nums as usize + 2
        );
    }
}

#[test]
fn machines_that_use_one_file_name_never_leave_it_to_two() {
    let store = Store::new();
    let devices = ["alpha", "beta", "gamma", "delta"];
    let machines = devices.map(|device| (device, machine(&store)));
    thread::scope(|scope| {
        for (number, (device, machine)) in (1..).zip(&machines) {
            scope.spawn(move || add_named(machine, device, number, "same.zip"));
        }
    });
    let keys = store.keys();
    assert_eq!(keys.iter().map(|key| count(&store, key)).sum::<usize>(), 1);
    run(&machine(&store), &["catalog", "list"]).expect(0);
}

#[test]
fn store_without_strong_tags_is_refused() {
    let good = Store::new();
    add(&machine(&good), "bacon", 1).expect(0);
    let good = good.get("catalog/bacon.json").unwrap();
    let [weak, none, other] = [Some("W/\"1\""), None, Some("\"of-another\"")];
    for (tag, is_there) in [
        (weak, true),
        (none, true),
        (weak, false),
        (none, false),
        (other, false),
    ] {
        let store = Store::new();
        if is_there {
            store.put("catalog/bacon.json", &good);
        }
        let text = good.clone();
        store.set_fault(move |asked, _| {
            let answer = Answer::new(200).body(text.as_bytes());
            IS_READ(asked).then(|| match tag {
                Some(tag) => answer.with("etag", tag),
                None => answer,
            })
        });
        add(&machine(&store), "bacon", 2)
            .expect(1)
            .says("sends no strong `ETag` that `If-Match` takes");
        assert_eq!(count(&store, "catalog/bacon.json"), usize::from(is_there));
    }
}

#[test]
fn changelogs_whose_names_differ_in_letter_case_stop_nothing() {
    let store = Store::new();
    let [one, two] = [(); 2].map(|()| machine(&store));
    store.put("catalog/changelogs/Rom.md", "");
    store.put("catalog/changelogs/rOm.md", "- first\n");
    store.put("catalog/changelogs/rom.md", "- second\n");
    generate(&one, 0).expect(0);
    run(&two, &["generate"]).expect(0);
    assert!(one.tree("out") == two.tree("out"));
    let copies = two.path().join(".romfeed/s3/roms/catalog/changelogs");
    let copies = std::fs::read_dir(copies).unwrap();
    let names: Vec<_> = copies.map(|copy| copy.unwrap().file_name()).collect();
    assert_eq!(names, ["rOm.md"]);
}

#[test]
fn store_that_ignores_conditions_is_refused() {
    for header in ["if-match", "if-none-match"] {
        let store = Store::ignoring(header);
        let dir = machine(&store);
        let name = header
            .replace("if-", "If-")
            .replace("-none-", "-None-")
            .replace("match", "Match");
        add(&dir, "bacon", 1).expect(1).says(&format!(
            "writes objects whatever `{name}` demands, so two machines could overwrite"
        ));
        assert!(store.keys().is_empty());
    }
    let store = Store::new();
    store.set_fault(|asked, _| IS_WRITE(asked).then(|| error(501, "NotImplemented")));
    add(&machine(&store), "bacon", 1)
        .expect(1)
        .says("writes objects whatever `If-None-Match` demands");
}

#[test]
fn objects_that_are_not_catalogs_are_refused_or_passed_over() {
    let store = Store::new();
    let dir = machine(&store);
    add(&dir, "bacon", 1).expect(0);
    let good = store.get("catalog/bacon.json").unwrap();
    for name in [
        "catalog/notes.txt",
        "catalog/old/x.json",
        "catalog/.x.json",
        "catalog/a/../b.json",
        "catalog/",
    ] {
        store.put(name, "{");
    }
    run(&dir, &["catalog", "list"]).expect(0);
    for (name, text, expected) in [
        (
            "catalog/bacon.json",
            &good[..good.len() / 2],
            "this is the copy of s3://roms/catalog/bacon.json",
        ),
        (
            "catalog/fp5.json",
            &good,
            "has records of `bacon`, whose file is bacon.json",
        ),
        (
            "catalog/Bacon.json",
            &good,
            "two objects whose names differ from `bacon.json` in letter case alone",
        ),
        (
            "catalog/bacon.json",
            "",
            "this is the copy of s3://roms/catalog/bacon.json: put the earlier version of that object back",
        ),
        (
            "catalog/bacon.json",
            "<<<<<<< ours\n",
            "this is the copy of s3://roms/catalog/bacon.json: correct that object",
        ),
        (
            "catalog/bacon.json",
            "{\"schema\":99}",
            "a newer version wrote s3://roms/catalog/bacon.json",
        ),
        (
            "catalog/fp5.json",
            &good.replace("\"bacon\"", "\"FP5\""),
            "these are the copies of s3://roms/catalog/bacon.json and s3://roms/catalog/fp5.json: remove the wrong one",
        ),
        (
            "catalog/fp5.json",
            &good
                .replace("\"bacon\"", "\"FP5\"")
                .replace(&format!("{:064x}", 1), &format!("{:064x}", 2)),
            "these are the copies of s3://roms/catalog/bacon.json and s3://roms/catalog/fp5.json: remove the wrong one",
        ),
    ] {
        let store = Store::new();
        let dir = machine(&store);
        store.put("catalog/bacon.json", &good);
        store.put(name, text);
        let run = run(&dir, &["catalog", "list"]);
        assert_ne!(run.code, Some(0));
        run.says(expected);
    }
}

#[test]
fn missing_object_loses_no_published_build() {
    let store = Store::new();
    let dir = machine(&store);
    generate(&dir, 0).expect(0);
    let site = dir.tree("out");
    dir.remove(&format!("builds/{}", bacon_name(0)));
    let empty = Store::new();
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    dir.put("romfeed.toml", settings.replace(&store.url(), &empty.url()));
    run(&dir, &["generate"]).says("put its objects back into s3://roms/catalog/");
    assert_eq!(dir.tree("out"), site);
}

#[test]
fn commands_for_catalogs_on_this_machine_say_what_to_do() {
    let store = Store::new();
    let dir = machine(&store);
    add(&dir, "bacon", 1).expect(0);
    let shown = format!("{}/roms/catalog/", store.url());
    for (args, text) in [
        (&["catalog", "split"][..], "copy its objects to a folder"),
        (&["catalog", "join"], "copy its objects to a folder"),
        (
            &["publish", "--to", "git"],
            "name another destination with --to",
        ),
        (&["init"], "romfeed generate --catalog-only"),
    ] {
        run(&dir, args).expect(2).says(&shown).says(text);
    }
    run(&dir, &["catalog", "merge"]).expect(0);
    let file = dir.path().join("builds.json");
    let args = ["catalog", "export", "--output", file.to_str().unwrap()];
    run(&dir, &args).expect(0);
}

#[test]
fn mistakes_in_the_settings_of_a_bucket_are_reported() {
    let store = Store::new();
    for (catalog, more, text) in [
        (
            "\"s3:/roms\"",
            "",
            "catalog: `s3:/roms` is not s3://bucket or s3://bucket/folder",
        ),
        (
            "\"s3://\"",
            "",
            "catalog: `s3://` is not s3://bucket or s3://bucket/folder",
        ),
        (
            "\"s3://roms/catalog.json\"",
            "",
            "catalog = \"s3://roms/catalog/\"",
        ),
        (
            "[\"catalog.json\", \"s3://roms/catalog/\"]",
            "",
            "one in a bucket stands alone",
        ),
        (
            "\"s3://roms/\"",
            "[s3]\nendpoint = \"http://minio.lan\"\n",
            "endpoint: `http://minio.lan` is not an https address",
        ),
        (
            "\"s3://roms/\"",
            "[s3]\nregion = \"\"\n",
            "region: `` is not a region",
        ),
        ("\"s3://roms/\"", "[s3]\nsecret = \"\"\n", "secret"),
    ] {
        let settings = format!("catalog = {catalog}\n{more}");
        let dir = RomDir::new().file("romfeed.toml", settings);
        run(&dir, &["catalog", "list"]).expect(2).says(text);
    }
    let dir = machine(&store);
    dir.run_with(&["catalog", "list"], &KEYS.map(|(name, _)| (name, "")))
        .says("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    dir.run_with(&["catalog", "list"], &[KEYS[0], (KEYS[1].0, "")])
        .expect(2)
        .says("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
}

#[test]
fn a_store_with_a_certificate_of_its_own_is_trusted_if_the_settings_say_so() {
    let dir = RomDir::new();
    let endpoint = secure_host::serve(dir.path().to_owned());
    let set = |ca: Option<&str>| {
        let ca = ca.map(|file| format!("ca = '{file}'\n"));
        let ca = ca.unwrap_or_default();
        let settings = format!("catalog = \"s3://roms/\"\n[s3]\nendpoint = \"{endpoint}\"\n{ca}");
        dir.put("romfeed.toml", settings);
    };
    dir.put("feed.json", "{\"response\": []}");
    let commands = [
        &["catalog", "list"][..],
        &["catalog", "import", "--device", "bacon", "feed.json"],
        &[
            "generate",
            "--base-url",
            BASE_URL,
            "--url",
            "https://dl.example.org/{filename}",
        ],
    ];
    for args in commands {
        set(None);
        run(&dir, args)
            .says("certificate")
            .says("`ca = \"FILE.pem\"` under [s3] in romfeed.toml");
        set(Some(secure_host::authority()));
        run(&dir, args).says("404").lacks("certificate");
        std::fs::copy(secure_host::authority(), dir.path().join("own.pem")).unwrap();
        set(Some("own.pem"));
        run(&dir, args).says("404").lacks("certificate");
        set(Some("missing.pem"));
        run(&dir, args)
            .expect(2)
            .says("error: [s3]: ca missing.pem: ");
        set(Some("feed.json"));
        run(&dir, args)
            .expect(2)
            .says("error: [s3]: ca feed.json: ");
    }
}
