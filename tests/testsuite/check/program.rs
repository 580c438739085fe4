//! The program: on a folder, and on a live site over real sockets.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;
use crate::support::{BASE_URL, Run, bacon, bacon_name, native};

#[test]
fn builds_lost_since_publication_are_reported() {
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(1)), bacon(1));
    let live = Folder {
        base: String::new(),
        root: dir.path().join("live"),
        builds: dir.path().join("builds"),
    };
    let base = serve(live);
    let generate = |flags: &[&str]| {
        let url = ["generate", "--url", "https://h/{filename}"];
        dir.run(&[&url, flags].concat()).expect(0);
    };
    let ids = |base: &str| {
        let run = dir.run(&["check", "--json", "--url", base]);
        let rule = |line: &str| {
            let finding: serde_json::Value = serde_json::from_str(line).unwrap();
            finding["id"].as_str().unwrap().to_owned()
        };
        run.stdout.lines().map(rule).collect::<Vec<String>>()
    };
    let has = |base: &str, id: &str| ids(base).iter().any(|found| found == id);
    // No build was published yet.
    generate(&[]);
    assert!(!has(&base, "builds-lost"));
    generate(&["--out", "live"]);
    assert!(!has(&base, "builds-lost"));
    // A machine with another catalog, which generates the folder again.
    dir.remove(&format!("builds/{}", bacon_name(0)));
    dir.remove("catalog.json");
    std::fs::remove_dir_all(dir.path().join("out")).unwrap();
    generate(&[]);
    assert!(has(&base, "builds-lost"));
    assert!(has("http://127.0.0.1:1", "site-not-compared"));
}

#[test]
fn file_names_that_windows_or_macos_cannot_store_are_reported() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate", "--base-url", BASE_URL]).expect(0);
    dir.put("out/Bacon/x.txt", "");
    dir.put("out/api/aux.txt", "");
    let run = dir
        .run(&["check", "--json", "--base-url", BASE_URL])
        .expect(0);
    for (id, path) in [("name-case", "bacon"), ("name-reserved", "api/aux.txt")] {
        let lines = run.stdout.lines();
        let mut lines = lines.filter(|line| line.contains(&format!("\"{id}\"")));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("{id}: {}", run.stdout));
        assert!(
            line.contains(path) && lines.next().is_none(),
            "{}",
            run.stdout
        );
    }
    // The ids, for a text search: "name-case" and "name-reserved".
}

/// Serves a folder over plain http until the test ends; returns its address.
fn serve(folder: Folder) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let folder = Folder {
        base: base.clone(),
        ..folder
    };
    let address = base.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let range = head
                .lines()
                .find_map(|line| line.strip_prefix("range: bytes="));
            let range = range.and_then(|range| range.split_once('-'));
            let url = format!("{address}{path}");
            let ask = Request {
                post: head.starts_with("POST").then_some(""),
                range: range.map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())),
                ..Request::get(&url, 1 << 20)
            };
            let found = folder.fetch(&ask).unwrap();
            let mut reply = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", found.status);
            for (name, value) in found
                .headers
                .iter()
                .filter(|(name, _)| name != "content-length")
            {
                reply += &format!("{name}: {value}\r\n");
            }
            reply += &format!("content-length: {}\r\n\r\n", found.body.len());
            let _ = stream.write_all(reply.as_bytes());
            let _ = stream.write_all(&found.body);
        }
    });
    base
}

/// Returns the ids in the output of `--json`.
fn ids_of(run: &Run) -> Vec<String> {
    let lines = run.stdout.lines();
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_folder_is_checked_offline() {
    let dir = site();
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(0);
    assert_eq!(run.stdout, "");
    run.says("out: nothing wrong in 7 feeds and 1 zip");
    dir.put("out/api/v1/dev/nightly/eng.2", "<html>");
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    run.says("error feed-unreadable api/v1/dev/nightly/eng.2: the body is text, not an object");
    dir.remove("out/api/v1/dev/nightly/eng.2");
    let run = dir
        .run(&["check", "--base-url", BASE_URL, "--json"])
        .expect(1);
    let line: serde_json::Value = run.json();
    assert_eq!(line["id"], "feed-incremental-missing");
    assert_eq!(line["severity"], "error");
    for key in ["place", "message", "source", "fix"] {
        assert!(
            line[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}"
        );
    }
}

#[test]
fn missing_files_are_reported() {
    let check = |dir: &RomDir| dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    let dir = site();
    for path in ["404.html", "dev.json", "api/v1/dev/nightly.json"] {
        dir.remove(&format!("out/{path}"));
    }
    check(&dir)
        .says("error site-file-missing 404.html and 2 more: there is no such file")
        .says("fix: run romfeed generate\nout: 1 error");
    // Missing lists that the catalog needs are reported without romfeed's own list of files.
    dir.remove("out/.romfeed/manifest.json");
    check(&dir).says("error site-file-missing api/v1/dev/nightly.json and 1 more");
    let dir = site();
    dir.remove("out/dev.json");
    dir.put("out/dev.json/x", "");
    check(&dir)
        .says("error site-file-missing dev.json: it is a folder, not a file")
        .says("fix: remove what is there, and run romfeed generate");
    // Without any list, it is still a site.
    let dir = site();
    std::fs::remove_dir_all(dir.path().join("out/api")).unwrap();
    dir.remove("out/dev.json");
    let run = dir.run(&["check", "--base-url", BASE_URL, "--json"]);
    let ids = ids_of(&run.expect(1));
    assert!(ids.contains(&"site-file-missing".to_owned()), "{ids:?}");
    assert!(ids.contains(&"site-empty".to_owned()), "{ids:?}");
    dir.put("out/.romfeed/manifest.json", "{");
    dir.run(&["check", "--base-url", BASE_URL])
        .expect(2)
        .says("manifest.json cannot be read")
        .says("hint: take the one of the live site: `curl -fo ");
    // Paths that lead out of the site are ignored.
    let dir = site();
    dir.put(
        "out/.romfeed/manifest.json",
        r#"{"schema":1,"files":["../gone","/gone","a//b"]}"#,
    );
    dir.run(&["check", "--base-url", BASE_URL]).expect(0);
}

#[test]
fn findings_in_a_folder_do_not_mention_a_host() {
    let check = |dir: &RomDir| dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    let dir = site();
    let zip = "builds/lineage-21.0-20231114-nightly-dev.zip";
    dir.put("out/api/v1/dev/nightly.json", "{\"a\":1,\"a\":2");
    let run = check(&dir).says("feed-unreadable").says("feed-not-strict");
    assert_eq!(run.stderr.matches("fix: run romfeed generate\n").count(), 2);
    dir.generate().expect(0);
    dir.remove(zip);
    let run = check(&dir);
    assert!(!run.stderr.contains("404"), "{}", run.stderr);
    run.says(&format!("{}: there is no such file", native(zip)));
    let run = dir.run(&["check", "--base-url", BASE_URL, "--json"]);
    assert_eq!(ids_of(&run.expect(1)), ["zip-file-missing"]);
}

#[cfg(unix)]
#[test]
fn broken_links_and_unreadable_files_are_reported() {
    use std::os::unix::fs::symlink;
    let check = |dir: &RomDir| dir.run(&["check", "--base-url", BASE_URL]).expect(1);
    let dir = site();
    let list = "api/v1/dev/nightly.json";
    let file = dir.path().join("out").join(list);
    std::fs::remove_file(&file).unwrap();
    symlink("nothing", &file).unwrap();
    check(&dir).says(&format!(
        "site-file-missing {list}: it is a link to a file that does not exist"
    ));
    std::fs::remove_file(&file).unwrap();
    symlink("..", &file).unwrap();
    check(&dir).says(&format!(
        "site-file-missing {list}: it is a link to a folder, not a file"
    ));
    std::fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    check(&dir).says(&format!(
        "site-file-missing {list}: it is a named pipe, not a file"
    ));
    // Permissions do not stop the superuser; a link to itself does.
    std::fs::remove_file(&file).unwrap();
    symlink(&file, &file).unwrap();
    let run = dir
        .run(&["check", "--base-url", BASE_URL, "--json"])
        .expect(1);
    let line = run.json();
    assert_eq!(line["id"], "file-unreadable");
    assert_eq!(line["place"], list);
}

#[test]
fn a_date_from_the_settings_is_accepted() {
    let dir = RomDir::new().file("builds/lineage-21.0-20231114-nightly-dev.zip", package());
    dir.put(
        "romfeed.toml",
        "[[override]]\npackage = \"*.zip\"\ndatetime = 1700000060\n",
    );
    dir.generate().expect(0);
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(0);
    run.says("nothing wrong");
}

#[test]
fn the_rom_settings_are_printed_for_each_variant() {
    let dir = RomDir::new()
        .file(
            "builds/gapps/lineage-21.0-20231114-nightly-dev.zip",
            package(),
        )
        .file(
            "romfeed.toml",
            "[[variant]]\nname = \"gapps\"\npackage = \"gapps/**\"\n",
        );
    dir.generate().expect(0);
    let run = dir.run(&["check", "--base-url", BASE_URL]).expect(0);
    run.says(&format!("lineage.updater.uri={BASE_URL}/gapps/api/v1/"))
        .says("-v shows the overlay");
    let run = dir.run(&["check", "-v", "--base-url", BASE_URL]).expect(0);
    run.says(&format!("{BASE_URL}/%1$s/changes.html"))
        .says(&format!("{BASE_URL}/gapps/api/v2/"));
}

#[test]
fn a_live_site_is_checked_with_or_without_a_folder() {
    let dir = site();
    let base = serve(Folder {
        base: String::new(),
        root: dir.path().join("out"),
        builds: dir.path().join("builds"),
    });
    // Plain http is the only finding: the settings give another address for the zip.
    let run = dir
        .run(&["check", "--url", &base, "--json", "--timeout", "2"])
        .expect(1);
    let ids = ids_of(&run);
    assert!(ids.contains(&"site-not-https".to_owned()), "{ids:?}");
    assert!(!ids.iter().any(|id| id.starts_with("feed-")), "{ids:?}");
    let nowhere = RomDir::new();
    let run = nowhere
        .run(&["check", "--url", &base, "--timeout", "2"])
        .expect(1);
    run.says("in 7 feeds and");
    let phone = ["--device", "dev", "--type", "NIGHTLY", "--incr", "eng.2"];
    let template = format!("{base}/api/v1/{{device}}/{{type}}/{{incr}}");
    let args = [&["check", "--url", &template, "--timeout", "2"], &phone[..]].concat();
    nowhere.run(&args).expect(1).says("in 1 feed and");
    let template = format!("{base}/api/v1/{{device}}/{{type}}/{{incr}}x");
    let args = [&["check", "--url", &template, "--timeout", "2"], &phone[..]].concat();
    nowhere.run(&args).expect(1).says("feed-status");
}

#[test]
fn invalid_arguments_are_refused() {
    let dir = RomDir::new();
    dir.run(&["check"])
        .expect(2)
        .says("there is no site in out");
    dir.run(&["check", "--url", "ftp://h"])
        .expect(2)
        .says("https://");
    let run = dir
        .run(&["check", "--url", "https://h\u{1b}[31m\n/"])
        .expect(1);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    run.says("site-unreachable https://h\\u{1b}[31m\\n: ");
    dir.run(&["check", "--url", "https://h/{device}"])
        .expect(2)
        .says("--device");
    dir.run(&["check", "--ca", "none.pem"])
        .expect(2)
        .says("none.pem");
    dir.put("empty.pem", "nothing");
    dir.run(&["check", "--ca", "empty.pem"])
        .expect(2)
        .says("no certificate");
    let listed = dir.run(&["check", "--rules"]).expect(0).stdout;
    for rule in rules::ALL {
        assert!(
            listed.contains(rule.id) && listed.contains(rule.source),
            "{}",
            rule.id
        );
    }
}

#[test]
fn images_are_asked_for_with_the_zips() {
    let dir = RomDir::new()
        .file(&format!("builds/bacon/{}", bacon_name(0)), bacon(0))
        .file("builds/bacon/recovery.img", "the recovery");
    let check = |flags: &[&str]| {
        let args = [&["check", "--base-url", BASE_URL], flags].concat();
        dir.run(&args)
    };
    dir.run(&["generate", "--base-url", BASE_URL]).expect(0);
    check(&[]).expect(0).says("1 zip and 1 image");
    dir.put("builds/bacon/recovery.img", "another");
    let run = check(&[]).expect(1);
    run.says("it has 7 bytes, and the catalog says 12");
    dir.remove("builds/bacon/recovery.img");
    let run = check(&[]).expect(1);
    run.says("image-missing").says("fix: put it back");

    // At another host, they are asked for only with --zips.
    let url = "url = \"https://127.0.0.1:1/all/{filename}\"\n";
    dir.put("romfeed.toml", url);
    dir.put("builds/bacon/recovery.img", "the recovery");
    dir.run(&["generate", "--base-url", BASE_URL]).expect(0);
    check(&[]).expect(0).lacks("image");
    let run = check(&["--zips"]).expect(1);
    let image = bacon_name(0).replace(".zip", "-recovery.img");
    let place = format!("image-missing https://127.0.0.1:1/all/{image}");
    run.says(&place).says("zip-unreachable");
}
