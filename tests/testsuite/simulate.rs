//! `romfeed simulate`: why a phone does not see an update, for problems that people have reported.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name, bacon_props};

/// The time of `bacon(0)`.
const BUILT: i64 = 1_700_000_000;

/// Returns the output of `adb shell getprop` on a phone that runs `bacon(days)`, with these
/// properties added.
fn getprop(days: i64, more: &[(&str, &str)]) -> String {
    let text = bacon_props(days).text();
    let own = text.lines().filter_map(|line| line.split_once('='));
    let is_replaced = |key: &str| more.iter().any(|(other, _)| *other == key);
    let own = own.filter(|(key, _)| !is_replaced(key));
    own.chain(more.iter().copied())
        .map(|(key, value)| format!("[{key}]: [{value}]\r\n"))
        .collect()
}

const URI: &str = "lineage.updater.uri";
const TEMPLATE: &str = "https://example.org/ota/api/v1/{device}/{type}.json";

/// A site with the builds of `bacon` of these days, with settings.
fn site(days: &[i64], settings: &str) -> RomDir {
    let dir = RomDir::new().file(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\n{settings}"),
    );
    for day in days {
        dir.put(&format!("builds/{}", bacon_name(*day)), bacon(*day));
    }
    dir.run(&["generate"]).expect(0);
    dir
}

/// The length of the 404 page changes with its look.
fn without_page_sizes(text: &str) -> String {
    let is_page = |line: &&str| line.contains("text/html; charset=utf-8, ");
    let cut = |line: &str| match line.rfind(", ").filter(|_| is_page(&line)) {
        Some(at) => format!("{}, [size]\n", &line[..at]),
        None => format!("{line}\n"),
    };
    text.lines().map(cut).collect()
}

/// Simulates a phone with these properties.
fn play(dir: &RomDir, props: &str, args: &[&str]) -> Run {
    dir.put("phone.txt", props);
    let mut all = vec!["simulate", "--props", "phone.txt"];
    all.extend(args);
    let run = dir.run(&all);
    assert_eq!(run.stderr, "");
    run
}

/// Returns the causes of the advice.
fn causes(dir: &RomDir, props: &str, args: &[&str]) -> Vec<String> {
    let args = [args, &["--json"]].concat();
    let json = play(dir, props, &args).json();
    let advice = json["advice"].as_array().unwrap().iter();
    advice
        .map(|one| one["cause"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_update_is_seen() {
    let dir = site(&[0, 1], "");
    let run = play(&dir, &getprop(0, &[(URI, TEMPLATE)]), &[]).expect(0);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
    let run = play(&dir, &getprop(0, &[(URI, TEMPLATE)]), &["-v"]).expect(0);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
}

#[test]
fn a_phone_with_the_newest_build_sees_no_update() {
    let dir = site(&[0, 1], "");
    let run = play(&dir, &getprop(1, &[(URI, TEMPLATE)]), &[]).expect(0);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
}

/// LineageOTA#30: the time of the file instead of the build's.
#[test]
fn the_installed_build_offered_for_ever_is_recognised() {
    let name = bacon_name(0);
    let later = BUILT + 3 * 3600;
    let wrong = format!("[[override]]\npackage = \"{name}\"\ndatetime = {later}\n");
    let dir = site(&[0], &wrong);
    let run = play(&dir, &getprop(0, &[(URI, TEMPLATE)]), &[]).expect(0);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
    let zip = format!("builds/{name}");
    let run = dir
        .run(&["simulate", "--zip", &zip, "--uri", TEMPLATE])
        .expect(0);
    assert!(
        run.stdout
            .contains(&format!("{name} is the build the phone runs")),
        "{}",
        run.stdout
    );
}

/// docker-lineage-cicd#171: "the installed version is available as an update".
#[test]
fn the_first_updater_lists_the_build_it_runs() {
    let dir = site(&[0], "");
    let list = dir.read("out/api/v1/bacon/nightly.json");
    dir.put("out/api/v1/bacon/nightly/inc0", list);
    let props = getprop(0, &[(URI, "https://example.org/ota/api")]);
    assert_eq!(
        causes(&dir, &props, &["--client", "15.0"]),
        ["offers-itself"]
    );
}

/// Archfx/duo-de#105: one list for builds with and without GApps.
#[test]
fn variants_in_one_list_are_pointed_out() {
    let dir = RomDir::new().file(
        "romfeed.toml",
        format!("base_url = \"{BASE_URL}\"\nsame_lane = true\n"),
    );
    dir.put(
        "builds/a/lineage-21.0-20231115-nightly-bacon-vanilla.zip",
        bacon(1),
    );
    let gapps = bacon_props(1).set("ro.build.date.utc", &(BUILT + 86_400 + 7200).to_string());
    let gapps = testkit::package::Package::files(gapps.set("x.gapps", "1")).build();
    dir.put(
        "builds/b/lineage-21.0-20231115-nightly-bacon-gapps.zip",
        gapps,
    );
    dir.run(&["generate"]).expect(0);
    let run = play(&dir, &getprop(1, &[(URI, TEMPLATE)]), &[]).expect(0);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
}

/// docker-lineage-cicd#198: a release type with a dash, cut in the file name; and plain http.
#[test]
fn an_unknown_release_type_and_plain_http_are_reported() {
    let dir = site(&[0], "");
    let props = getprop(
        0,
        &[(URI, TEMPLATE), ("ro.lineage.releasetype", "nightly-mine")],
    );
    let run = play(&dir, &props, &[]).expect(1);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
    let http = TEMPLATE.replace("https", "http");
    let run = play(&dir, &getprop(0, &[(URI, &http)]), &[]).expect(1);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
}

/// LineageOTA#105: "Updater isn't finding any updates".
#[test]
fn an_unknown_build_is_reported() {
    let dir = site(&[0], "");
    let uri = "https://example.org/ota/api/v1/{device}/{type}/{incr}";
    let run = play(&dir, &getprop(-1, &[(URI, uri)]), &[]).expect(1);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
    // After the advised change, the problem is gone.
    let known = "[device.bacon.known_incrementals]\nnightly = [\"inc-1\"]\n";
    let dir = site(&[0], known);
    play(&dir, &getprop(-1, &[(URI, uri)]), &[]).expect(0);
}

/// lineageos-infra/updater#74: `api/v1///incr`.
#[test]
fn a_phone_without_device_and_type_is_reported() {
    let dir = site(&[0], "");
    let uri = "https://example.org/ota/api/v1/{device}/{type}/{incr}";
    let bare = [
        (URI, uri),
        ("ro.lineage.device", ""),
        ("ro.lineage.releasetype", ""),
    ];
    let run = play(&dir, &getprop(0, &bare), &[]).expect(1);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
}

/// docker-lineage-cicd#777 and #895: a wrong address, or that of another variant.
#[test]
fn addresses_of_other_sites_and_variants_are_reported() {
    let dir = site(&[0, 1], "");
    let props = getprop(
        0,
        &[(URI, "https://old.example.net/api/v1/{device}/{type}/{incr}")],
    );
    let run = play(&dir, &props, &[]).expect(1);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
    let variant = "[[variant]]\nname = \"gapps\"\npackage = \"*\"\n";
    let dir = site(&[0, 1], variant);
    let run = play(&dir, &getprop(0, &[(URI, TEMPLATE)]), &[]).expect(1);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
    let run = play(&dir, &getprop(0, &[]), &["--variant", "gapps"]).expect(0);
    assert!(
        run.stdout.contains("/ota/gapps/api/v1/bacon/nightly.json"),
        "{}",
        run.stdout
    );
}

#[test]
fn each_other_cause_has_its_advice() {
    let dir = site(&[0, 1], "[device.bacon]\naliases = [\"A0001\"]\n");
    dir.put("out/page.json", "<!doctype html><p>Welcome</p>");
    dir.put(
        "out/ms.json",
        dir_list(|entry| entry["datetime"] = json!(BUILT * 1000)),
    );
    dir.put(
        "out/type.json",
        dir_list(|entry| entry["romtype"] = json!("unofficial")),
    );
    dir.put(
        "out/old.json",
        dir_list(|entry| entry["version"] = json!("20.0")),
    );
    dir.put(
        "out/new.json",
        dir_list(|entry| entry["version"] = json!("22.0")),
    );
    dir.put(
        "out/gone.json",
        dir_list(|entry| entry["size"] = Value::Null),
    );
    dir.put("out/none.json", "{\"response\":[]}");
    let at = |path: &str| format!("https://example.org/ota{path}");
    for (client, uri, more, expected) in [
        ("22", " ".to_owned(), [""; 2], "official-server"),
        (
            "22",
            at("/api/v2/devices/{device}/builds.json"),
            [""; 2],
            "v2-list",
        ),
        ("23", at("/api/v1/{device}/{type}.json"), [""; 2], "v1-list"),
        ("22", at("/{device}"), [""; 2], "no-json-end"),
        ("22", at("/api/v1/{DEVICE}/{type}.json"), [""; 2], "braces"),
        (
            "15.0",
            at("/api/v1/{device}/{type}/{incr}"),
            [""; 2],
            "braces",
        ),
        ("15.0", at("/ota"), [""; 2], "not-a-base"),
        (
            "22",
            TEMPLATE.to_owned(),
            ["--device", "a0001"],
            "letter-case",
        ),
        (
            "22",
            TEMPLATE.to_owned(),
            ["--device", "cheese"],
            "unknown-device",
        ),
        ("22", at("/elsewhere.json"), [""; 2], "not-found"),
        ("22", at("/page.json"), [""; 2], "not-json"),
        ("22", at("/ms.json"), [""; 2], "milliseconds"),
        ("22", at("/type.json"), [""; 2], "other-type"),
        ("22", at("/old.json"), [""; 2], "version-before"),
        ("22", at("/new.json"), [""; 2], "other-version"),
        ("22", at("/gone.json"), [""; 2], "dropped-entry"),
        ("22", at("/none.json"), [""; 2], "empty-list"),
        (
            "22",
            at(&format!("/{}", "x".repeat(80))),
            [""; 2],
            "long-property",
        ),
        (
            "23",
            at("/api/v2/devices/{device}/builds.json"),
            ["--sdk", "35"],
            "older-android",
        ),
        ("cm12", at("/legacy/bacon/nightly"), [""; 2], "post-refused"),
    ] {
        let mut args = vec!["--client", client, "--uri", &uri];
        args.extend(more.into_iter().filter(|flag| !flag.is_empty()));
        let found = causes(&dir, &getprop(0, &[]), &args);
        assert_eq!(
            found.first().map(String::as_str),
            Some(expected),
            "{client} {uri} {found:?}"
        );
    }
}

/// A list of one build, later than `bacon(0)`, with a change.
fn dir_list(change: impl Fn(&mut Value)) -> String {
    let mut entry = json!({
        "datetime": BUILT + 1_000_000, "filename": "a.zip", "id": "a", "romtype": "nightly",
        "size": 5, "url": "https://h/a.zip", "version": "21.0",
    });
    change(&mut entry);
    json!({"response": [entry]}).to_string()
}

#[test]
fn properties_come_from_standard_input_and_several_files() {
    let dir = site(&[0, 1], "");
    dir.put("product.prop", format!("{URI}={TEMPLATE}\n"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_romfeed"))
        .current_dir(dir.path())
        .args([
            "simulate",
            "--props",
            "-",
            "--props",
            "product.prop",
            "--json",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut wide = vec![0xff, 0xfe];
    wide.extend(getprop(0, &[]).encode_utf16().flat_map(u16::to_le_bytes));
    child.stdin.take().unwrap().write_all(&wide).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["clients"][0]["from"], "phone");
    assert_eq!(json["clients"][0]["entries"][0]["verdict"], "offered");
}

#[test]
fn an_impossible_simulation_is_a_usage_error() {
    let dir = site(&[0], "");
    dir.put("zip.txt", bacon(0));
    dir.put("page.txt", "<!doctype html>\n<a href=\"x\">");
    dir.put("part.prop", "ro.opa.eligible_device=true\n");
    dir.put("huge.txt", vec![b'a'; 5 << 20]);
    for (args, message) in [
        (
            &["simulate"][..],
            "error: which phone? give --props, --zip or --device\n",
        ),
        (&["simulate", "--props", "none.txt"], "error: none.txt: "),
        (
            &["simulate", "--props", "zip.txt"],
            "error: zip.txt: it is not text\n",
        ),
        (
            &["simulate", "--props", "page.txt"],
            "error: page.txt: it has no line with a property",
        ),
        (
            &["simulate", "--props", "huge.txt"],
            "error: huge.txt: more than 4194304 bytes",
        ),
        (
            &["simulate", "--props", "part.prop"],
            "error: the properties name neither device",
        ),
        (&["simulate", "--zip", "page.txt"], "error: page.txt: "),
        (
            &["simulate", "--device", "x", "--client", "99"],
            "error: --client: there is no updater `99`",
        ),
        (
            &["simulate", "--device", "x", "--variant", "a/b"],
            "error: --variant: ",
        ),
        (
            &["simulate", "--device", "x", "--url", "ota.example.org"],
            "error: --url: ",
        ),
        (
            &["simulate", "--device", "x", "--out", "nowhere"],
            "error: there is no site in nowhere\n",
        ),
        (
            &["simulate", "--device", "x", "--previous", "none"],
            "error: none: ",
        ),
        (
            &["simulate", "--props", "a", "--zip", "b"],
            "error: the argument '--props <FILE>' cannot",
        ),
        (
            &["simulate", "--device", "x", "--ca", "f"],
            "error: the following required arguments",
        ),
        (
            &[
                "simulate",
                "--device",
                "x",
                "--url",
                "https://h",
                "--ca",
                "page.txt",
            ],
            "error: --ca page.txt: it has no certificate",
        ),
    ] {
        let run = dir.run(args).expect(2);
        assert!(run.stderr.starts_with(message), "{args:?}\n{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn the_json_has_one_form() {
    let dir = site(&[0, 1], "");
    dir.put("last.json", "{\"response\":[]}");
    let props = getprop(0, &[(URI, TEMPLATE)]);
    let run = play(&dir, &props, &["--json", "--previous", "last.json"]).expect(0);
    let mut json = run.json();
    let entry = json["clients"][0]["entries"][0].take();
    assert_eq!(entry["reason"], Value::Null, "{entry}");
    let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "date",
            "datetime",
            "filename",
            "id",
            "index",
            "reason",
            "romtype",
            "sdk_level",
            "size",
            "streams",
            "url",
            "verdict",
            "version",
            "warnings"
        ]
    );
    json["clients"][0]["entries"].take();
    let size = json["clients"][0]["answers"][0]["size"].take();
    assert!(size.as_u64().unwrap() > 300);
    assert_eq!(
        json,
        json!({
            "schema": 1,
            "ok": true,
            "site": {"base": BASE_URL, "live": false},
            "clients": [{
                "client": "22",
                "name": "LineageOS 16.0 to 22.0",
                "verdict": "LineageOS 16.0 to 22.0: sees 1 update: 21.0 of 2023-11-15 (offered)",
                "phone": {
                    "device": "bacon", "next_device": null, "romtype": "nightly", "version": "21.0",
                    "incremental": "inc0", "datetime": BUILT, "sdk_level": 34, "ab": false,
                    "allow_downgrading": false, "allow_major_upgrades": false,
                },
                "property": URI,
                "from": "phone",
                "value": TEMPLATE,
                "request": {
                    "method": "GET", "url": format!("{BASE_URL}/api/v1/bacon/nightly.json"), "body": null,
                },
                "answers": [{
                    "url": format!("{BASE_URL}/api/v1/bacon/nightly.json"), "status": 200,
                    "content_type": "application/json", "size": null, "location": null,
                }],
                "outcome": "list",
                "fault": null,
                "entries": null,
                "dropped": [],
                "notifies": true,
                "delta": null,
                "instead": null,
            }],
            "advice": [],
        })
    );
}

#[test]
fn a_stuck_updater_cache_is_reported() {
    let dir = site(&[0, 1], "");
    dir.put("last.html", "<!doctype html>");
    let props = getprop(0, &[(URI, TEMPLATE)]);
    let run = play(&dir, &props, &["--previous", "last.html"]).expect(1);
    for text in [
        "sees nothing new, because the stored body",
        "notifies no: with the last body every check fails until the updater's data",
        "what to change:",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    assert_eq!(
        causes(&dir, &props, &["--previous", "last.html"]),
        ["unreadable-previous"]
    );
}

#[test]
fn standard_input_is_read_once() {
    let dir = site(&[0], "");
    for second in [["--previous", "-"], ["--props", "-"]] {
        dir.run(&[&["simulate", "--props", "-"], &second[..]].concat())
            .expect(2)
            .says("only once");
    }
}

#[test]
fn text_of_a_list_is_escaped_for_the_terminal() {
    let dir = site(&[0], "");
    dir.put(
        "out/bad.json",
        dir_list(|entry| {
            entry["filename"] = json!("\u{1b}[2J\u{202e}.zip");
            entry["romtype"] = json!("\u{1b}]0;x\u{7}");
        }),
    );
    let uri = format!("{BASE_URL}/bad.json");
    let run = play(&dir, &getprop(0, &[]), &["--uri", &uri, "-v"]).expect(0);
    assert!(
        !run.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{:?}",
        run.stdout
    );
}

/// A host that gives this answer once.
fn host(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let len = stream.read(&mut buffer).unwrap();
            assert!(len > 0);
            request.extend(&buffer[..len]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, thread)
}

#[test]
fn a_live_site_is_asked_as_the_phone_asks() {
    let dir = RomDir::new();
    let (url, thread) =
        host("HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"response\":[]}");
    let run = play(
        &dir,
        &getprop(0, &[]),
        &["--url", &url, "--client", "15.1", "--version", "15.1"],
    );
    let run = run.expect(0);
    let request = thread.join().unwrap();
    assert!(
        request.starts_with("GET /api/v1/bacon/nightly.json HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        run.stdout.contains(&format!("site     {url}, live\n")),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("sees nothing, because the list is empty"),
        "{}",
        run.stdout
    );
    // Later updaters refuse plain http, so no request is made; nor without an address.
    let (url, _thread) = host("");
    let found = causes(&dir, &getprop(0, &[]), &["--url", &url]);
    assert_eq!(found[..2], ["no-property", "cleartext"]);
    let elsewhere = [
        "--url",
        &url,
        "--uri",
        "https://other.example.org/x",
        "--client",
        "22",
    ];
    assert_eq!(causes(&dir, &getprop(0, &[]), &elsewhere)[0], "elsewhere");
}

#[test]
fn an_unreachable_host_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let args = ["--url", &url, "--client", "15.1", "--timeout", "5"];
    let run = play(&RomDir::new(), &getprop(0, &[]), &args).expect(1);
    assert!(
        run.stdout
            .contains("there was no response: the connection failed"),
        "{}",
        run.stdout
    );
}

#[test]
fn an_unknown_updater_is_reported() {
    let dir = site(&[0, 1], "");
    let own = "ro.aospa.device=bacon\nro.aospa.version=15\nro.build.date.utc=5\n\
               ro.build.version.sdk=35\nro.build.version.incremental=7\n";
    assert_eq!(causes(&dir, own, &[]), ["other-updater", "empty-part"]);
    let flags = [
        "--device",
        "bacon",
        "--type",
        "nightly",
        "--version",
        "21.0",
    ];
    assert_eq!(causes(&dir, own, &flags), ["other-updater"]);
}

#[test]
fn cyanogenmod_needs_a_host_that_answers_posts() {
    let props = testkit::props::Props::cm("11", "NIGHTLY", "i9100", 1_400_000_000, "one", 19, "");
    let newer = testkit::props::Props::cm("11", "NIGHTLY", "i9100", 1_404_000_000, "two", 19, "");
    let zip = testkit::package::Package::files(newer).build();
    let dir = RomDir::new()
        .file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"))
        .file("builds/cm-11-20140628-NIGHTLY-i9100.zip", zip);
    dir.run(&["generate"]).expect(0);
    let uri = format!("{BASE_URL}/legacy/i9100/nightly");
    let run = play(&dir, &props.text(), &["--uri", &uri]).expect(1);
    insta::assert_snapshot!(without_page_sizes(&run.stdout));
    dir.remove("out/legacy/i9100/nightly/v1/build/get_delta");
    let found = causes(&dir, &props.text(), &["--uri", &uri]);
    assert_eq!(found, ["post-refused", "delta-refused"]);
}

#[test]
fn phones_without_an_address_ask_the_server_of_their_era() {
    let cm = testkit::props::Props::cm("11", "NIGHTLY", "i9100", 1_404_000_000, "two", 19, "");
    let zip = testkit::package::Package::files(cm).build();
    let name = "builds/cm-11-20140628-NIGHTLY-i9100.zip";
    let dir = site(&[0], "").file(name, zip);
    dir.run(&["generate"]).expect(0);
    for (zip, server) in [
        (name, "CyanogenMod's own server (download.cyanogenmod.org)"),
        (
            &format!("builds/{}", bacon_name(0)),
            "LineageOS's own server (download.lineageos.org)",
        ),
    ] {
        let run = dir.run(&["simulate", "--zip", zip]);
        let text: Vec<&str> = run.stdout.split_whitespace().collect();
        let expected = format!("this phone asks {server} and never this site");
        assert!(text.join(" ").contains(&expected), "{}", run.stdout);
    }
}

#[test]
fn an_updater_that_lists_the_installed_build_is_not_an_error() {
    let props = testkit::props::Props::cm("11", "NIGHTLY", "i9100", 1_404_000_000, "two", 19, "");
    let zip = testkit::package::Package::files(props.clone()).build();
    let dir = RomDir::new()
        .file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"))
        .file("builds/cm-11-20140628-NIGHTLY-i9100.zip", zip);
    dir.run(&["generate"]).expect(0);
    let uri = format!("{BASE_URL}/legacy/i9100/nightly");
    assert_eq!(
        causes(&dir, &props.text(), &["--uri", &uri]),
        ["post-refused"]
    );
}

#[test]
fn a_phone_known_by_its_device_gets_the_published_facts() {
    let dir = site(&[0, 1], "");
    let args = ["simulate", "--device", "bacon"];
    let run = dir.run(&args).expect(0);
    for text in [
        "phone    bacon, 21.0 nightly,",
        "API level 34\n",
        "(--type, --version and --sdk not given: taken from the published builds",
        "sees 2 updates",
        "; give them with",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("the ROM must set"), "{}", run.stdout);
    let run = dir.run(&[&args[..], &["--client", "cm12", "--date", "1"]].concat());
    let text = "no build for bacon is of Android 7 or older";
    assert!(run.stdout.contains(text), "{}", run.stdout);
    // With several, one must be named.
    add(&dir, "old.zip", "20.0", "nightly");
    dir.run(&args)
        .expect(2)
        .says("error: --version is not given: 20.0, 21.0 are published for bacon\n");
    add(&dir, "mine.zip", "20.0", "unofficial");
    dir.run(&args)
        .expect(2)
        .says("error: --type is not given: nightly, unofficial are published for bacon\n");
    let run = dir.run(&["simulate", "--device", "cheese", "--client", "22"]);
    let run = run.expect(1);
    assert!(
        run.stdout.contains("no builds for `cheese`"),
        "{}",
        run.stdout
    );
}

#[test]
fn an_unknown_sdk_level_is_not_sent_to_updater_23() {
    let dir = site(&[0, 1], "");
    let date = "1700000000";
    let call = ["simulate", "--device", "bacon", "--date", date, "--client"];
    let run = dir.run(&[&call[..], &["23"]].concat()).expect(0);
    assert!(run.stdout.contains("offered "), "{}", run.stdout);
    assert!(!run.stdout.contains("SDK level"), "{}", run.stdout);
}

/// Adds a build by its facts.
fn add(dir: &RomDir, name: &str, version: &str, romtype: &str) {
    let sha256 = format!("{:064x}", name.len());
    let url = format!("https://h/{name}");
    let facts = [
        ["--filename", name],
        ["--version", version],
        ["--romtype", romtype],
        ["--datetime", "1700000001"],
        ["--sha256", &sha256],
        ["--url", &url],
    ];
    dir.add_build(facts.as_flattened()).expect(0);
    dir.run(&["generate"]).expect(0);
}

#[test]
fn a_test_server_without_https_is_not_built_into_the_rom() {
    let dir = site(&[0], "");
    let run = dir.run(&[
        "simulate",
        "--zip",
        &format!("builds/{}", bacon_name(0)),
        "--url",
        "http://127.0.0.1:9",
    ]);
    let run = run.expect(1);
    let line = "lineage.updater.uri=https://127.0.0.1:9/";
    assert_eq!(run.stdout.matches(line).count(), 1, "{}", run.stdout);
    assert!(!run.stdout.contains("uri=http://"), "{}", run.stdout);
}

#[test]
fn verdicts_are_coloured_on_terminals_alone() {
    let dir = site(&[0, 7], "");
    let props = getprop(0, &[]);
    let plain = play(&dir, &props, &[]).stdout;
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let colored = play(&dir, &props, &["--color", "always"]).stdout;
    for text in [
        "\u{1b}[1;32mLineageOS ",
        "  \u{1b}[32moffered \u{1b}[0m lineage-",
        "  \u{1b}[2mhidden  \u{1b}[0m lineage-",
        "\n\u{1b}[1mwhat to change:\u{1b}[0m\n",
    ] {
        assert!(colored.contains(text), "{colored}");
    }
    // The text is the same.
    let pieces = colored.split('\u{1b}');
    let words: String = pieces
        .map(|piece| match piece.strip_prefix('[') {
            Some(rest) => rest.split_once('m').unwrap().1,
            None => piece,
        })
        .collect();
    assert_eq!(words, plain);
}
