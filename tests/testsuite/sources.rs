//! Zips on other hosts: `[[source]]`, `romfeed sources`, and what happens when hosts misbehave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::remote::host::{Answer, Asked, Host};
use super::support::{RomDir, Run, bacon, bacon_name};

/// Where phones download from: not this machine, which has no certificate.
const FOR_PHONES: &str = "https://dl.example.org/roms/";

/// A fake of GitHub: the API, and downloads that redirect to addresses of another kind.
struct GitHub {
    host: Host,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Releases, and their files by name.
    releases: BTreeMap<String, Release>,
    /// The status of the API, if it fails.
    broken: Option<u16>,
    /// The next asset's number.
    next_id: u64,
    gives_digests: bool,
}

#[derive(Default)]
struct Release {
    notes: String,
    assets: BTreeMap<String, (u64, Vec<u8>)>,
}

impl GitHub {
    fn start() -> GitHub {
        let state = Arc::new(Mutex::new(State {
            gives_digests: true,
            ..State::default()
        }));
        let seen = Arc::clone(&state);
        let host = Host::new(move |asked, _| answer(&seen.lock().unwrap(), asked));
        GitHub { host, state }
    }

    fn put(&self, tag: &str, name: &str, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.next_id += 1;
        let id = state.next_id;
        let release = state.releases.entry(tag.to_owned()).or_default();
        release
            .assets
            .insert(name.to_owned(), (id, bytes.to_owned()));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// Returns the number of requests so far, of the API and of downloads.
    fn asked(&self) -> (usize, usize) {
        let asked = self.host.asked();
        let of_api = asked.iter().filter(|asked| asked.path.starts_with("/api/"));
        let num = of_api.count();
        (num, asked.len() - num)
    }

    fn settings(&self, more: &str) -> String {
        let api = self.host.url("/api");
        format!(
            "base_url = \"https://ota.example.org\"\n[[source]]\ngithub = \"me/roms\"\napi = \"{api}\"\n\
             url = \"{FOR_PHONES}{{path}}\"\n{more}"
        )
    }

    fn project(&self, more: &str) -> RomDir {
        RomDir::new().file("romfeed.toml", self.settings(more))
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn answer(state: &State, asked: &Asked) -> Answer {
    let path = asked.path.split('?').next().unwrap_or_default();
    if let Some(status) = state.broken.filter(|_| path.starts_with("/api/")) {
        return Answer::new(status).body(b"{\"message\":\"out of order\"}");
    }
    if path == "/api/repos/me/roms/releases" {
        let host = asked.header("host").unwrap();
        let releases: Vec<Value> = state
            .releases
            .iter()
            .enumerate()
            .map(|(nth, (tag, release))| to_json(host, tag, release, nth, state.gives_digests))
            .collect();
        let body = serde_json::to_vec(&releases).unwrap();
        return Answer::new(200)
            .with("content-type", "application/json")
            .body(&body);
    }
    if let Some(rest) = path.strip_prefix("/download/") {
        return Answer::new(302).with("location", &format!("/signed/{rest}"));
    }
    let file = path.strip_prefix("/signed/").and_then(|rest| {
        let (tag, name) = rest.split_once('/')?;
        Some(&state.releases.get(tag)?.assets.get(name)?.1)
    });
    match file {
        Some(file) => Answer::of_range(asked, file),
        None => Answer::new(404),
    }
}

fn to_json(host: &str, tag: &str, release: &Release, nth: usize, gives_digests: bool) -> Value {
    let assets: Vec<Value> = release
        .assets
        .iter()
        .map(|(name, (id, bytes))| {
            json!({
                "id": id, "name": name, "state": "uploaded", "size": bytes.len(),
                "digest": gives_digests.then(|| format!("sha256:{}", sha256(bytes))),
                "updated_at": format!("2024-09-01T00:00:{:02}Z", id % 60),
                "browser_download_url": format!("http://{host}/download/{tag}/{name}"),
            })
        })
        .collect();
    json!({
        "id": nth + 1, "tag_name": tag, "name": tag, "draft": false, "prerelease": false,
        "published_at": format!("2024-09-{:02}T00:00:00Z", nth + 1),
        "body": release.notes, "assets": assets,
    })
}

fn generate(dir: &RomDir) -> Run {
    dir.run(&["generate"])
}

/// Returns the builds of the catalog by path.
fn builds(dir: &RomDir) -> BTreeMap<String, Value> {
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    let builds = catalog["builds"].as_array().unwrap().clone();
    let path = |build: &Value| build["path"].as_str().unwrap().to_owned();
    builds
        .into_iter()
        .map(|build| (path(&build), build))
        .collect()
}

#[test]
fn zips_of_releases_are_published_without_being_downloaded_or_read_twice() {
    let github = GitHub::start();
    let (one, two) = (bacon(0), bacon(1));
    github.put("r1", &bacon_name(0), &one);
    github.put("r2", &bacon_name(1), &two);
    let dir = github.project("");
    generate(&dir).expect(0);
    let known = builds(&dir);
    let path = format!("github/r1/{}", bacon_name(0));
    let build = &known[&path];
    assert_eq!(build["sha256"], sha256(&one));
    let url = format!("{FOR_PHONES}r1/{}", bacon_name(0));
    assert_eq!(build["url"], url);
    assert_eq!(build["origin"]["source"], "github");
    let (num_lists, num_reads) = github.asked();
    assert_eq!(num_lists, 1);
    assert!(num_reads <= 8, "{num_reads}");
    // Another machine knows nothing but the catalog.
    std::fs::remove_dir_all(dir.path().join(".romfeed")).unwrap();
    let before = dir.tree("out");
    generate(&dir).expect(0);
    assert_eq!(github.asked(), (2, num_reads));
    assert_eq!(dir.tree("out"), before);
    dir.run(&["check"]).expect(0);
    // Without the host, nothing changes.
    github.change(|state| state.broken = Some(500));
    dir.run(&["generate", "--offline"]).expect(0);
    assert_eq!(dir.tree("out"), before);
}

#[test]
fn failing_host_is_an_error_and_changes_nothing_of_its_builds() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    let dir = github.project("");
    generate(&dir).expect(0);
    let before = dir.tree("out");
    github.change(|state| state.broken = Some(502));
    generate(&dir)
        .expect(1)
        .says("github")
        .says("502")
        .says("; 1 source failed")
        .lacks("left out");
    assert_eq!(dir.tree("out"), before);
    // The rest is published.
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    generate(&dir).expect(1).says("502");
    assert_eq!(builds(&dir).len(), 2);
}

#[test]
fn zip_that_is_gone_is_retired_unless_most_are() {
    let github = GitHub::start();
    for day in 0..4 {
        github.put(&format!("r{day}"), &bacon_name(day), &bacon(day));
    }
    let dir = github.project("");
    generate(&dir).expect(0);
    github.change(|state| drop(state.releases.remove("r0")));
    generate(&dir).expect(0).says("retired");
    let path = |day: i64| format!("github/r{day}/{}", bacon_name(day));
    assert_eq!(builds(&dir)[&path(0)]["retired"], true);
    github.change(|state| state.releases.retain(|tag, _| tag == "r3"));
    let run = generate(&dir).expect(1);
    run.says("2 of its 3 builds are gone")
        .says("--accept-loss github");
    assert_eq!(builds(&dir)[&path(1)].get("retired"), None);
    dir.run(&["generate", "--accept-loss", "github"]).expect(0);
    assert_eq!(builds(&dir)[&path(1)]["retired"], true);
    // It is back.
    github.put("r1", &bacon_name(1), &bacon(1));
    generate(&dir).expect(0);
    assert_eq!(builds(&dir)[&path(1)].get("retired"), None);
}

#[test]
fn one_name_in_two_releases_is_two_builds() {
    let github = GitHub::start();
    let name = "lineage-21.0-nightly-bacon-signed.zip";
    github.put("r1", name, &bacon(0));
    github.change(|state| state.releases.get_mut("r1").unwrap().notes = "First notes".to_owned());
    let dir = github.project("");
    generate(&dir).expect(0);
    let path = format!("github/r1/{name}");
    assert!(builds(&dir).contains_key(&path));
    github.put("r2", name, &bacon(1));
    github.change(|state| state.releases.get_mut("r2").unwrap().notes = "Second notes".to_owned());
    generate(&dir).expect(0);
    let known = builds(&dir);
    let renamed = "github/r2/lineage-21.0-nightly-bacon-signed-r2.zip";
    assert_eq!(
        known.keys().map(String::as_str).collect::<Vec<_>>(),
        [&*path, renamed]
    );
    let url = format!("{FOR_PHONES}r2/{name}");
    assert_eq!(known[renamed]["url"], url);
    let pages = dir.tree("out");
    let texts: Vec<String> = pages
        .iter()
        .filter(|(path, _)| path.contains("builds") && path.ends_with(".html"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    for notes in ["First notes", "Second notes"] {
        assert!(texts.iter().any(|text| text.contains(notes)), "{notes}");
    }
    generate(&dir).expect(0);
    assert_eq!(builds(&dir), known);
}

#[test]
fn newest_builds_without_a_digest_are_downloaded_once() {
    let github = GitHub::start();
    github.change(|state| state.gives_digests = false);
    for day in 0..3 {
        github.put(&format!("r{day}"), &bacon_name(day), &bacon(day));
    }
    let dir = github.project("");
    generate(&dir).expect(0).says("hash = \"download\"");
    let known = builds(&dir);
    assert_eq!(known.len(), 2);
    for day in [1, 2] {
        let path = format!("github/r{day}/{}", bacon_name(day));
        assert_eq!(known[&path]["sha256"], sha256(&bacon(day)));
    }
    let before = github.asked();
    dir.run(&["sources"]).expect(0);
    dir.put("romfeed.toml", github.settings("hash = \"download\"\n"));
    generate(&dir).expect(0);
    assert_eq!(builds(&dir).len(), 3);
    let after = github.asked();
    generate(&dir).expect(0);
    assert_eq!(github.asked(), (after.0 + 1, after.1));
    assert!(after.1 > before.1);
}

#[test]
fn limit_of_a_run_is_respected_and_the_next_run_goes_on() {
    let github = GitHub::start();
    github.change(|state| state.gives_digests = false);
    for day in 0..2 {
        github.put(&format!("r{day}"), &bacon_name(day), &bacon(day));
    }
    let limit = format!("{}", bacon(0).len() + bacon(1).len() / 2);
    let settings = format!("max_download = \"{limit}\"\n{}", github.settings(""));
    let dir = RomDir::new().file("romfeed.toml", settings);
    generate(&dir).says("max_download");
    assert_eq!(builds(&dir).len(), 1);
    generate(&dir).expect(0);
    assert_eq!(builds(&dir).len(), 2);
}

#[test]
fn contradicting_digests_keep_a_build_out() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    let sum = format!("{}  {}\n", sha256(b"other"), bacon_name(0));
    github.put(
        "r1",
        &format!("{}.sha256sum", bacon_name(0)),
        sum.as_bytes(),
    );
    github.put("r2", &bacon_name(1), &bacon(1));
    let dir = github.project("");
    generate(&dir)
        .expect(1)
        .says(&format!("{}.sha256sum says", bacon_name(0)));
    assert_eq!(builds(&dir).len(), 1);
}

#[test]
fn replaced_zip_is_read_again_and_takes_the_place_of_the_old_one() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    let dir = github.project("");
    generate(&dir).expect(0);
    github.put("r1", &bacon_name(0), &bacon(1));
    generate(&dir).expect(0);
    let known = builds(&dir);
    assert_eq!(known.len(), 1);
    let (path, build) = known.first_key_value().unwrap();
    assert_eq!(path, &format!("github/r1/{}", bacon_name(0)));
    assert_eq!(build["sha256"], sha256(&bacon(1)));
}

#[test]
fn files_next_to_a_zip_are_found_in_its_release() {
    let github = GitHub::start();
    let name = bacon_name(0);
    let stem = name.strip_suffix(".zip").unwrap();
    github.put("r1", &name, &bacon(0));
    github.put("r1", &format!("{stem}.txt"), b"What changed\n");
    github.put("r1", "recovery.img", b"the recovery");
    let dir = github.project("");
    generate(&dir).expect(0);
    let build = &builds(&dir)[&format!("github/r1/{name}")];
    assert_eq!(build["images"][0]["sha256"], sha256(b"the recovery"));
    assert_eq!(
        dir.read(&format!("changelogs/{stem}.txt")),
        b"What changed\n"
    );
    let pages = dir.tree("out");
    let url = format!("{FOR_PHONES}r1/recovery.img");
    let links = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains(&url);
    assert!(pages.values().any(links));
}

#[test]
fn removed_build_does_not_come_back_and_is_not_read_again() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    github.put("r2", &bacon_name(1), &bacon(1));
    let dir = github.project("");
    generate(&dir).expect(0);
    dir.run(&["catalog", "remove", &bacon_name(0)]).expect(0);
    let before = github.asked();
    std::fs::remove_dir_all(dir.path().join(".romfeed")).unwrap();
    generate(&dir).expect(0);
    assert_eq!(builds(&dir).len(), 1);
    assert_eq!(github.asked(), (before.0 + 1, before.1));
}

#[test]
fn only_the_newest_releases_are_read() {
    let github = GitHub::start();
    for day in 0..3 {
        github.put(&format!("r{day}"), &bacon_name(day), &bacon(day));
    }
    let dir = github.project("newest = 1\n");
    generate(&dir).expect(0);
    let paths: Vec<String> = builds(&dir).into_keys().collect();
    assert_eq!(paths, [format!("github/r2/{}", bacon_name(2))]);
    // What was read stays when newer ones come.
    github.put("r3", &bacon_name(3), &bacon(3));
    generate(&dir).expect(0);
    assert_eq!(builds(&dir).len(), 2);
    let run = dir.run(&["sources", "--json"]).expect(0);
    let json = run.json();
    assert_eq!(json["sources"][0]["left_out"], 2);
}

#[test]
fn verbose_runs_say_what_each_source_has_cost() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    let dir = github.project("");
    let run = dir.run(&["generate", "-v"]).expect(0);
    let num_requests: usize = {
        let (num_lists, num_reads) = github.asked();
        num_lists + num_reads
    };
    run.says("reading 1 zip on another host")
        .says(&format!("asked github: {num_requests} requests, "));
    for command in ["generate", "sources"] {
        let run = dir.run(&[command, "-v"]).expect(0);
        run.says("asked github: 1 request, ");
        dir.run(&[command]).expect(0).lacks("asked github");
    }
}

#[test]
fn settings_of_sources_that_cannot_be_used_are_named() {
    for (table, message) in [
        ("github = \"me\"", "`me` is not owner/name"),
        ("", "it needs one of github"),
        ("github = \"me/x\"\nlisting = \"https://h/\"", "only one of"),
        ("listing = \"http://h/\"", "is not an https address"),
        ("files = \"x.json\"", "`files` needs `base`"),
        (
            "github = \"me/x\"\ntoken = \"ghp-secret\"",
            "never the token itself",
        ),
        ("github = \"me/x\"\nname = \"../x\"", "may have letters"),
        ("github = \"me/x\"\nhash = \"maybe\"", "maybe"),
        (
            "listing = \"https://h/\"\npath = \"/x\"",
            "`path` does not belong",
        ),
    ] {
        let dir = RomDir::new().file("romfeed.toml", format!("[[source]]\n{table}\n"));
        dir.run(&["generate"])
            .expect(2)
            .says(message)
            .lacks("ghp-secret");
    }
}

#[test]
fn github_json_of_lineageota_is_a_list_of_sources() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    let dir = RomDir::new()
        .file("github.json", "[{\"name\": \"me/roms\"}]")
        .file(
            "romfeed.toml",
            github
                .settings("")
                .replace("\"me/roms\"", "\"github.json\""),
        );
    generate(&dir).expect(0);
    let paths: Vec<String> = builds(&dir).into_keys().collect();
    assert_eq!(paths, [format!("me-roms/r1/{}", bacon_name(0))]);
    dir.put("github.json", "[{\"repo\": \"me/roms\"}]");
    generate(&dir).expect(2).says("github.json").says("name");
}

#[test]
fn image_without_a_digest_is_reported_and_not_asked_for_again() {
    let github = GitHub::start();
    github.change(|state| state.gives_digests = false);
    github.put("r1", &bacon_name(0), &bacon(0));
    github.put("r1", "recovery.img", b"the recovery");
    let dir = github.project("");
    let text = "image recovery.img is left out: its host does not say its SHA-256";
    generate(&dir).expect(0).says(text);
    let before = github.asked();
    generate(&dir).expect(0);
    assert_eq!(github.asked(), (before.0 + 1, before.1));
}

#[test]
fn zip_replaced_by_a_copy_of_another_build_is_retired() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    github.put("r2", &bacon_name(1), &bacon(1));
    let dir = github.project("");
    generate(&dir).expect(0);
    github.put("r1", &bacon_name(0), &bacon(1));
    generate(&dir).says("retired");
    let known = builds(&dir);
    assert_eq!(
        known[&format!("github/r1/{}", bacon_name(0))]["retired"],
        true
    );
    assert_eq!(
        known[&format!("github/r2/{}", bacon_name(1))].get("retired"),
        None
    );
}

#[test]
fn names_of_sources_that_the_settings_lack_are_reported() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    let dir = github.project("");
    dir.run(&["generate", "--accept-loss", "nonsense"])
        .expect(2)
        .says("there is no source `nonsense`")
        .says("the sources of romfeed.toml are: github");
    generate(&dir).expect(0);
    dir.put("romfeed.toml", "base_url = \"https://ota.example.org\"\n");
    generate(&dir)
        .expect(0)
        .says("the catalog offers 1 of the source `github`, which romfeed.toml does not have");
    assert_eq!(builds(&dir).len(), 1);
}

#[test]
fn the_source_of_one_device_publishes_for_no_other() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    github.put("r2", &bacon_name(1), &bacon(1));
    let settings = github.settings("");
    let (start, source) = settings.split_once("[[source]]").unwrap();
    let dir = RomDir::new()
        .file("romfeed.toml", start)
        .file("devices.d/bacon.toml", format!("[[source]]{source}"));
    generate(&dir).expect(0);
    assert!(!dir.read("out/bacon.json").is_empty());
    let other = RomDir::new()
        .file("romfeed.toml", start)
        .file("devices.d/onyx.toml", format!("[[source]]{source}"));
    generate(&other)
        .expect(1)
        .says("it is for `bacon`, and the source `onyx-github` is only for `onyx`")
        .says("take it out of that source");
    assert!(!other.path().join("out/bacon.json").exists());
}

#[test]
fn the_maintainer_of_a_device_cannot_reach_another_by_alias_or_digest() {
    let github = GitHub::start();
    github.put("r1", &bacon_name(0), &bacon(0));
    let settings = github.settings("");
    let (start, source) = settings.split_once("[[source]]").unwrap();
    let source = format!("[[source]]{source}");
    // An alias that is a device with settings of its own.
    let dir = RomDir::new()
        .file("romfeed.toml", start)
        .file("devices.d/bacon.toml", "keep = 3\n")
        .file(
            "devices.d/onyx.toml",
            format!("aliases = [\"bacon\"]\n{source}"),
        );
    assert_ne!(generate(&dir).code, Some(0));
    assert!(!dir.path().join("out/bacon.json").exists());
    // The digest of a build of another device.
    let dir = RomDir::new()
        .file("romfeed.toml", start)
        .file("devices.d/bacon.toml", &*source);
    let facts = [
        "catalog",
        "add",
        "--device",
        "onyx",
        "--romtype",
        "nightly",
        "--version",
        "21.0",
        "--datetime",
        "2023-11-01T00:00:00Z",
        "--filename",
        "lineage-21.0-20231101-nightly-onyx.zip",
        "--size",
        "9",
        "--sha256",
        &sha256(&bacon(0)),
        "--incremental",
        "1",
        "--url",
        "https://dl.example.org/onyx.zip",
    ];
    dir.run(&facts).expect(0);
    generate(&dir)
        .expect(1)
        .says("the SHA-256 that is given for it is that of lineage-21.0-20231101-nightly-onyx.zip, a build for `onyx`");
    assert!(dir.path().join("out/onyx.json").exists());
    assert!(!dir.path().join("out/bacon.json").exists());
}
