//! Many runs on one folder: `generate --catalog-only` for a part of the packages, and what runs do when others change the
//! catalog meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use romfeed::generate::edit;
use romfeed::model::config::Config;
use serde_json::{Value, json};
use testkit::faults::Random;
use testkit::package::Package;
use testkit::props::{Props, day};

use super::folder_host::{Files, Form, answer, web_server};
use super::remote::host::Host;
use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const DEVICES: [&str; 4] = ["bacon", "FP5", "oriole", "tokay"];
const NUM_WORKERS: usize = 8;
const NUM_BUILDS: usize = 10;

/// A package of a device and its file name; each number is another day.
pub(crate) fn package(device: &str, number: usize) -> (String, Vec<u8>) {
    let timestamp = 1_600_000_000 + i64::try_from(number).unwrap() * 86_400;
    let incremental = format!("inc{number}");
    let level = "2023-11-05";
    let props = Props::lineage(
        "21.0",
        "nightly",
        device,
        timestamp,
        &incremental,
        34,
        level,
    );
    let name = format!("lineage-21.0-{}-nightly-{device}.zip", day(timestamp));
    (name, Package::files(props).build())
}

/// A site whose zips are served elsewhere.
fn site(catalog: &str) -> RomDir {
    let url = "https://dl.example.org/{filename}";
    let settings = format!("base_url = \"{BASE_URL}\"\nurl = \"{url}\"\ncatalog = \"{catalog}\"\n");
    RomDir::new().file("romfeed.toml", settings)
}

/// A site with a zip of two devices, which it serves itself.
fn two_devices() -> RomDir {
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"catalog/\"\n");
    let dir = RomDir::new().file("romfeed.toml", settings);
    for device in ["bacon", "FP5"] {
        let (name, zip) = package(device, 0);
        dir.put(&format!("builds/{device}/{name}"), zip);
    }
    dir
}

fn catalog_only(dir: &RomDir, more: &[&str]) -> Run {
    dir.run(&[&["generate", "--catalog-only"], more].concat())
}

fn start(dir: &RomDir, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_romfeed"));
    command.current_dir(dir.path()).args(args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Returns the catalog of one device, or that of all in one file.
fn catalog(dir: &RomDir, file: &str) -> Value {
    serde_json::from_slice(&dir.read(file)).unwrap()
}

/// Returns the file names of the builds in all files of a catalog that are offered; each must be there once.
fn offered(dir: &RomDir) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let files = dir.tree("catalog").into_keys();
    let files = files.filter(|file| file.ends_with(".json") && !file.contains("/."));
    let files: Vec<String> = files.collect();
    let files = match files.is_empty() {
        true => vec!["catalog.json".to_owned()],
        false => files,
    };
    for file in files {
        for build in catalog(dir, &file)["builds"].as_array().unwrap() {
            let path = build["path"].as_str().unwrap();
            let name = path.rsplit('/').next().unwrap().to_owned();
            assert!(names.insert(name), "{build} is there twice");
            assert!(build["retired"].is_null(), "{build}");
        }
    }
    names
}

#[test]
fn a_run_for_the_catalog_alone_writes_catalogs_and_texts_but_no_site() {
    let dir = two_devices();
    let (name, _) = package("bacon", 0);
    let text = format!("builds/bacon/{}.txt", name.trim_end_matches(".zip"));
    dir.put(&text, "What is new.");
    let run = catalog_only(&dir, &[]).expect(0);
    run.says("catalog/ is written, with 2 new builds")
        .says("next: romfeed generate");
    assert!(!dir.path().join("out").exists());
    let texts: Vec<Vec<u8>> = dir.tree("changelogs").into_values().collect();
    assert_eq!(texts, [b"What is new."]);
    let files = dir.tree("catalog");
    catalog_only(&dir, &[])
        .expect(0)
        .says("catalog/ is up to date");
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("catalog"), files);
    let twin = two_devices();
    twin.put(&text, "What is new.");
    twin.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), twin.tree("out"));
}

#[test]
fn a_run_for_a_device_leaves_the_builds_of_others_alone() {
    let dir = two_devices();
    catalog_only(&dir, &["--device", "bacon"]).expect(0);
    assert!(!dir.path().join("catalog/fp5.json").exists());
    catalog_only(&dir, &["--device", "FP5", "--device", "bacon"]).expect(0);
    // A zip that is gone is retired by runs for its device alone.
    fs::remove_dir_all(dir.path().join("builds/FP5")).unwrap();
    let before = dir.read("catalog/fp5.json");
    catalog_only(&dir, &["--device", "bacon"]).expect(0);
    assert_eq!(dir.read("catalog/fp5.json"), before);
    catalog_only(&dir, &["--device", "FP5"])
        .expect(0)
        .says("retired");
    assert_eq!(
        catalog(&dir, "catalog/fp5.json")["builds"][0]["retired"],
        true
    );
}

#[test]
fn a_run_for_a_source_asks_no_other_and_leaves_the_folder_alone() {
    let hosts: Vec<_> = [("bacon", 1), ("FP5", 2)]
        .map(|(device, number)| {
            let (name, zip) = package(device, number);
            web_server(Files::from([(name, zip)]), Form::Html)
        })
        .into();
    let dir = two_devices();
    let mut settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    for (name, host) in ["ann", "ben"].iter().zip(&hosts) {
        let listing = host.url("/");
        settings += &format!(
            "[[source]]\nname = \"{name}\"\nlisting = \"{listing}\"\nurl = \"https://{name}.example.org/{{path}}\"\n"
        );
    }
    dir.put("romfeed.toml", settings);
    catalog_only(&dir, &["--source", "ann"]).expect(0);
    assert_eq!(offered(&dir), BTreeSet::from([package("bacon", 1).0]));
    assert!(hosts[1].asked().is_empty());
    // Builds of the folder stay, though this run does not look at the folder.
    catalog_only(&dir, &["--device", "bacon"]).expect(0);
    fs::remove_dir_all(dir.path().join("builds")).unwrap();
    catalog_only(&dir, &["--source", "ann", "--source", "ben"]).expect(0);
    let names = [("bacon", 1), ("bacon", 0), ("FP5", 2)].map(|(d, n)| package(d, n).0);
    assert_eq!(offered(&dir), BTreeSet::from(names));
    catalog_only(&dir, &["--source", "bem"])
        .expect(2)
        .says("--source: there is no source `bem`")
        .says("the sources of romfeed.toml are: ann, ben");
}

/// A site whose zip is on two hosts, until it is removed from one.
fn two_hosts() -> (RomDir, [Arc<Mutex<Files>>; 2], [Host; 2]) {
    let (name, zip) = package("bacon", 1);
    let files = [(); 2].map(|()| Arc::new(Mutex::new(Files::from([(name.clone(), zip.clone())]))));
    let hosts = files
        .clone()
        .map(|files| Host::new(move |asked, _| answer(&files.lock().unwrap(), Form::Html, asked)));
    let dir = RomDir::new();
    let mut settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"catalog/\"\n");
    for (name, host) in ["ann", "ben"].iter().zip(&hosts) {
        let listing = host.url("/");
        settings += &format!(
            "[[source]]\nname = \"{name}\"\nlisting = \"{listing}\"\nurl = \"https://{name}.example.org/{{path}}\"\n"
        );
    }
    dir.put("romfeed.toml", settings);
    (dir, files, hosts)
}

#[test]
fn runs_for_two_sources_with_the_same_zip_leave_it_to_the_first_while_that_has_it() {
    let (dir, files, _hosts) = two_hosts();
    let (name, zip) = package("bacon", 1);
    catalog_only(&dir, &["--source", "ben"]).expect(0);
    let first = dir.read("catalog/bacon.json");
    for source in ["ann", "ben", "ann"] {
        let run = catalog_only(&dir, &["--source", source]).expect(0);
        if source == "ann" {
            run.says(&format!(
                "passed over ann/{name}: the same bytes as ben/{name}"
            ));
        }
        assert_eq!(dir.read("catalog/bacon.json"), first, "{source}");
    }
    // Once it is gone from the first, the other has it, and keeps it.
    files[1].lock().unwrap().clear();
    catalog_only(&dir, &["--source", "ben", "--accept-loss", "ben"]).expect(0);
    catalog_only(&dir, &["--source", "ann"]).expect(0);
    assert_eq!(offered(&dir), BTreeSet::from([name.clone()]));
    files[1].lock().unwrap().insert(name, zip);
    let second = dir.read("catalog/bacon.json");
    catalog_only(&dir, &["--source", "ben"]).expect(0);
    assert_eq!(dir.read("catalog/bacon.json"), second);
    let build = &catalog(&dir, "catalog/bacon.json")["builds"][0];
    assert_eq!(build["origin"]["source"], "ann");
    // A source that the settings no longer have keeps nothing.
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    dir.put("romfeed.toml", settings.replace("\"ann\"", "\"other\""));
    catalog_only(&dir, &["--source", "ben"]).expect(0);
    let build = &catalog(&dir, "catalog/bacon.json")["builds"][0];
    assert_eq!(build["origin"]["source"], "ben");
}

#[test]
fn a_build_with_a_copy_in_its_source_keeps_its_address() {
    let (dir, files, _hosts) = two_hosts();
    catalog_only(&dir, &["--source", "ben"]).expect(0);
    let first = dir.read("catalog/bacon.json");
    let (name, zip) = package("bacon", 1);
    files[1]
        .lock()
        .unwrap()
        .insert("a-copy.zip".to_owned(), zip);
    for _ in 0..3 {
        catalog_only(&dir, &["--source", "ben"])
            .expect(0)
            .says(&format!(
                "passed over ben/a-copy.zip: the same bytes as ben/{name}"
            ));
        assert_eq!(dir.read("catalog/bacon.json"), first);
    }
}

#[test]
fn two_jobs_that_find_the_same_zip_first_can_be_merged() {
    let (dir, _files, _hosts) = two_hosts();
    let found = ["ann", "ben"].map(|source| {
        catalog_only(&dir, &["--source", source]).expect(0);
        let found = dir.read("catalog/bacon.json");
        fs::remove_dir_all(dir.path().join("catalog")).unwrap();
        found
    });
    for [ours, theirs] in [[0, 1], [1, 0]] {
        dir.put("base", "");
        dir.put("ours", &found[ours]);
        dir.put("theirs", &found[theirs]);
        let driver = [
            "catalog",
            "merge",
            "--name",
            "bacon.json",
            "base",
            "ours",
            "theirs",
        ];
        dir.run(&driver).expect(0);
        assert_eq!(dir.read("ours"), found[0]);
    }
}

#[test]
fn a_zip_whose_device_is_corrected_moves_to_the_other_file() {
    let dir = two_devices();
    catalog_only(&dir, &[]).expect(0);
    let mut settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    settings += "[[override]]\npackage = \"bacon/*\"\ndevice = \"bacon2\"\n";
    dir.put("romfeed.toml", settings);
    // A run for the former device must not take the zip for one that is gone.
    catalog_only(&dir, &["--device", "bacon"]).expect(0);
    assert_eq!(offered(&dir).len(), 2);
    catalog_only(&dir, &["--device", "bacon2"]).expect(0);
    assert!(!dir.path().join("catalog/bacon.json").exists());
    let moved = catalog(&dir, "catalog/bacon2.json");
    assert_eq!(moved["builds"][0]["former"][0]["device"], "bacon");
}

/// Gives each worker a folder of its own, with builds of all devices.
fn fill(dir: &RomDir) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for worker in 0..NUM_WORKERS {
        for build in 0..NUM_BUILDS {
            let device = DEVICES[(worker + build) % DEVICES.len()];
            let (name, zip) = package(device, worker * NUM_BUILDS + build);
            dir.put(&format!("worker{worker}/{name}"), zip);
            dir.put(
                &format!("worker{worker}/{}.txt", &name[..name.len() - 4]),
                &name,
            );
            names.insert(name);
        }
    }
    names
}

/// Starts the worker of this number.
fn start_worker(dir: &RomDir, worker: usize) -> Child {
    let folder = format!("worker{worker}");
    start(dir, &["generate", "--catalog-only", "--builds", &folder])
}

#[track_caller]
fn expect_success(child: Child) {
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{status}: {stderr}");
}

/// Requires that all builds and texts are there, and nothing else, and that a site can be made of them.
#[track_caller]
fn expect_all(dir: &RomDir, names: &BTreeSet<String>) {
    assert_eq!(offered(dir), *names);
    let mut texts = dir.tree("changelogs");
    // What killed runs left half-written is removed once it is old.
    texts.retain(|path, _| !path.contains("/.romfeed-tmp/"));
    assert_eq!(texts.len(), names.len());
    for (path, text) in texts {
        let stem = path
            .trim_start_matches("changelogs/")
            .trim_end_matches(".txt");
        assert_eq!(format!("{stem}.zip").as_bytes(), text);
    }
    for folder in [".romfeed", "catalog", "."] {
        let tree = dir.tree(folder);
        let leftover = tree.keys().find(|path| path.ends_with("romfeed-tmp"));
        assert_eq!(leftover, None);
    }
    dir.run(&["generate"]).expect(0);
    dir.run(&["check"]).expect(0);
}

#[test]
fn no_build_of_eight_workers_is_lost_in_a_folder_or_a_file() {
    for form in ["catalog/", "catalog.json"] {
        let dir = site(form);
        let names = fill(&dir);
        let workers: Vec<Child> = (0..NUM_WORKERS).map(|w| start_worker(&dir, w)).collect();
        // Runs for the site, of which one at a time may work, see whole files, and lose nothing either.
        for _ in 0..3 {
            expect_success(start(&dir, &["generate"]));
        }
        workers.into_iter().for_each(expect_success);
        expect_all(&dir, &names);
    }
}

#[test]
fn no_build_is_lost_by_workers_that_are_killed_and_run_again() {
    let dir = site("catalog/");
    let names = fill(&dir);
    let mut random = Random::new(7);
    for _ in 0..4 {
        let workers = (0..NUM_WORKERS).map(|worker| start_worker(&dir, worker));
        let mut workers: Vec<Child> = workers.collect();
        for worker in &mut workers {
            std::thread::sleep(Duration::from_millis(random.below(60)));
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
        // What they have written is whole.
        dir.run(&["catalog", "list"]).expect(0);
    }
    let workers: Vec<Child> = (0..NUM_WORKERS).map(|w| start_worker(&dir, w)).collect();
    workers.into_iter().for_each(expect_success);
    expect_all(&dir, &names);
}

#[test]
fn a_change_while_a_run_reads_zips_waits_for_nothing_and_stays() {
    let dir = two_devices();
    catalog_only(&dir, &[]).expect(0);
    let (name, zip) = package("bacon", 1);
    let rate = (zip.len() / 3).to_string();
    dir.put(&format!("builds/{name}"), zip);
    let mut run = start(&dir, &["generate", "--io-limit", &rate]);
    let begun = dir.path().join(".romfeed/lock");
    while !begun.exists() {
        assert!(run.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    let [bacon, fp5] = ["bacon", "FP5"].map(|device| package(device, 0).0);
    dir.run(&["catalog", "remove", &bacon]).expect(0);
    dir.run(&["catalog", "yank", &fp5, "--reason", "no sound"])
        .expect(0);
    let (added, zip) = package("FP5", 2);
    dir.put(&format!("builds/FP5/{added}"), zip);
    catalog_only(&dir, &["--device", "FP5"]).expect(0);
    assert!(run.try_wait().unwrap().is_none(), "the run was too fast");
    expect_success(run);
    assert_eq!(offered(&dir), BTreeSet::from([name, fp5, added.clone()]));
    let of_bacon = catalog(&dir, "catalog/bacon.json");
    assert_eq!(of_bacon["tombstones"].as_array().unwrap().len(), 1);
    let of_fp5 = catalog(&dir, "catalog/fp5.json");
    assert_eq!(of_fp5["builds"][0]["yanked"], "no sound");
    let page = String::from_utf8(dir.read("out/FP5.html")).unwrap();
    assert!(
        page.contains(&added),
        "the site is of the catalog as it was written"
    );
}

#[test]
fn what_a_program_without_locks_writes_meanwhile_stays() {
    let dir = two_devices();
    catalog_only(&dir, &[]).expect(0);
    let limits = ota_view::io::Limits::new(std::env::temp_dir(), std::time::Instant::now);
    let config = Config {
        catalogs: vec![dir.path().join("catalog/")],
        ..Config::for_folder(dir.path(), limits)
    };
    let yank = |text: &str, reason: &str| {
        let yanked = format!("\"yanked\": \"{reason}\",\n      \"datetime\"");
        text.replace("\"datetime\"", &yanked)
    };
    let mut num_edits = 0;
    edit::change(&config, |catalogs| {
        num_edits += 1;
        if num_edits == 1 {
            let text = String::from_utf8(dir.read("catalog/bacon.json")).unwrap();
            dir.put("catalog/bacon.json", yank(&text, "by hand"));
        }
        let builds = &mut catalogs.own.builds;
        let known: Vec<String> = builds.keys().map(str::to_owned).collect();
        for identity in known {
            builds.get_mut(&identity).unwrap().retired = true;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(num_edits, 2);
    let build = &catalog(&dir, "catalog/bacon.json")["builds"][0];
    assert_eq!(
        (&build["yanked"], &build["retired"]),
        (&json!("by hand"), &json!(true))
    );
}

#[test]
fn the_file_that_a_living_process_writes_is_left_alone() {
    let dir = two_devices();
    catalog_only(&dir, &[]).expect(0);
    let path = dir.path().join("catalog/.romfeed/catalog.lock");
    let lock = fs::File::options().write(true).open(path).unwrap();
    lock.lock().unwrap();
    dir.put("catalog/.bacon.json.romfeed-tmp", "half");
    let mut worker = start(&dir, &["generate", "--catalog-only"]);
    let mut run = start(&dir, &["generate"]);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(worker.try_wait().unwrap().is_none() && run.try_wait().unwrap().is_none());
    assert_eq!(dir.read("catalog/.bacon.json.romfeed-tmp"), b"half");
    drop(lock);
    expect_success(worker);
    expect_success(run);
    assert!(!dir.path().join("catalog/.bacon.json.romfeed-tmp").exists());
}

#[test]
fn half_a_catalog_file_stops_the_runs_of_its_device_alone() {
    let dir = two_devices();
    catalog_only(&dir, &[]).expect(0);
    let whole = dir.read("catalog/bacon.json");
    let half = &whole[..whole.len() / 2];
    dir.put("catalog/bacon.json", half);
    let (name, zip) = package("FP5", 3);
    dir.put(&format!("builds/FP5/{name}"), zip);
    for args in [&[][..], &["--device", "bacon"]] {
        let run = catalog_only(&dir, args).expect(1);
        run.says("error: catalog/bacon.json: ")
            .says("1 package of bacon waits until that is corrected")
            .says("hint: correct that place");
    }
    catalog_only(&dir, &["--device", "FP5"]).expect(0);
    assert_eq!(dir.read("catalog/bacon.json"), half);
    let of_fp5 = catalog(&dir, "catalog/fp5.json");
    assert_eq!(of_fp5["builds"].as_array().unwrap().len(), 2);
    // A site without these builds is not made.
    dir.run(&["generate"]).expect(2).says("catalog/bacon.json");
    assert!(!dir.path().join("out").exists());
    dir.put("catalog/bacon.json", &whole);
    dir.run(&["generate"]).expect(0);
}

#[test]
fn flags_and_devices_that_make_no_sense_are_refused() {
    let dir = two_devices();
    for (args, text) in [
        (&["generate", "--device", "bacon"][..], "--catalog-only"),
        (&["generate", "--source", "x"], "--catalog-only"),
        (&["generate", "--catalog-only", "--dry-run"], "--dry-run"),
        (
            &["generate", "--catalog-only", "--exit-code"],
            "--exit-code",
        ),
        (&["generate", "--catalog-only", "--full"], "--full"),
        (
            &["generate", "--catalog-only", "--device", "../x"],
            "--device",
        ),
        (
            &["generate", "--catalog-only", "--source", "x"],
            "romfeed.toml has no [[source]]",
        ),
        (
            &["generate", "--catalog-only", "--device", "bacom"],
            "no package, catalog or setting has a device `bacom`",
        ),
        (
            &["generate", "--catalog-only", "--device", "bacom"],
            "did you mean `bacon`?",
        ),
    ] {
        dir.run(args).expect(2).says(text);
    }
    assert!(!dir.path().join("catalog").exists());
    catalog_only(&dir, &[]).expect(0);
    dir.put("catalog.json", "{}");
    catalog_only(&dir, &[])
        .expect(2)
        .says("both catalog.json and catalog/ are there");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let dir = two_devices();
    catalog_only(&dir, &[]).expect(0);
    let (name, zip) = package("bacon", 3);
    dir.put(&format!("builds/{name}"), zip);
    let files = dir.tree("catalog");
    let folder = dir.path().join("catalog");
    let set = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    if fs::write(folder.join("x"), "").is_ok() {
        // The super user may write everywhere: a file in place of the folder stops it, too.
        set(0o755);
        fs::remove_file(folder.join("x")).unwrap();
        fs::remove_dir_all(folder.join(".romfeed")).unwrap();
        dir.put("catalog/.romfeed", "");
        catalog_only(&dir, &[])
            .expect(3)
            .says("error: cannot write catalog/.romfeed");
        return;
    }
    let run = catalog_only(&dir, &[]).expect(3);
    set(0o755);
    run.says("error: cannot write catalog/bacon.json");
    assert_eq!(dir.tree("catalog"), files);
    catalog_only(&dir, &[]).expect(0);
}

#[test]
fn two_packages_of_one_name_cannot_come_into_one_catalog() {
    let dir = site("catalog/");
    let [(_, one), (_, other)] = ["bacon", "FP5"].map(|device| package(device, 0));
    dir.put("one/rom.zip", one);
    dir.put("other/rom.zip", other);
    catalog_only(&dir, &["--builds", "one"]).expect(0);
    catalog_only(&dir, &["--builds", "other"])
        .expect(1)
        .says("it is for FP5, and a published build of bacon has its file name `rom.zip`");
    dir.run(&["generate", "--builds", "one"]).expect(0);
}

#[test]
fn moving_the_catalog_to_the_other_form_and_back_works_after_it_was_locked() {
    let dir = site("catalog.json");
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    catalog_only(&dir, &[]).expect(0);
    let text = dir.read("catalog.json");
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    for _ in 0..2 {
        dir.run(&["catalog", "split"]).expect(0);
        dir.put("romfeed.toml", settings.replace("catalog.json", "catalog/"));
        catalog_only(&dir, &[]).expect(0);
        dir.run(&["catalog", "join"]).expect(0);
        assert!(!dir.path().join("catalog").exists());
        dir.put("romfeed.toml", &settings);
        catalog_only(&dir, &[]).expect(0);
        assert_eq!(dir.read("catalog.json"), text);
    }
}
