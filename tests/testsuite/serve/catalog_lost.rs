//! A server whose catalog disappears for a moment.

use super::*;
use crate::support::{bacon, bacon_name};

#[test]
fn a_server_whose_catalog_vanishes_keeps_its_builds_and_creates_no_new_one() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    let made = dir.run(&["serve", "--new-key", "ci"]).expect(0);
    let key = format!("Apikey: {}", made.stdout.trim());
    let post = |addr, path: &str, body: &str| ask(addr, "POST", path, &[&key], body);
    let num_offered = |addr| {
        let list = get(addr, "/api/v1/bacon/nightly.json").json();
        list["response"].as_array().unwrap().len()
    };
    let build = serde_json::json!({
        "device": "mako",
        "filename": "lineage-14.1-20170801-nightly-mako.zip",
        "md5sum": "a".repeat(32),
        "romtype": "nightly",
        "url": "https://elsewhere.example/x.zip",
        "version": "14.1",
        "datetime": 1_501_600_000,
        "size": 5,
        "sha256": "b".repeat(64),
    });
    let catalog = dir.read("catalog.json");
    let lost = "{\"schema\":1,\"builds\":[],\"tombstones\":[]}";
    // Once with the manifest of the site, and once where only the server knows which builds it
    // serves.
    for has_site in [true, false] {
        let addr = serve(&dir);
        assert_eq!(num_offered(addr), 1);
        if !has_site {
            std::fs::remove_dir_all(dir.path().join("out")).unwrap();
        }
        for left in [None, Some(lost)] {
            match left {
                None => dir.remove("catalog.json"),
                Some(left) => dir.put("catalog.json", left),
            }
            let answers = [
                post(addr, "/api/v1/purgecache", ""),
                post(addr, "/api/v1/add_build", &build.to_string()),
                ask(
                    addr,
                    "DELETE",
                    &format!("/api/v1/{}", bacon_name(0)),
                    &[&key],
                    "",
                ),
            ];
            for answer in answers {
                assert_eq!(answer.status, 503, "{}", answer.text());
                assert!(answer.headers.contains_key("retry-after"));
            }
            assert_eq!(num_offered(addr), 1);
            let now = std::fs::read_to_string(dir.path().join("catalog.json")).ok();
            assert_eq!(now.as_deref(), left);
        }
        dir.put("catalog.json", &catalog);
        assert_eq!(post(addr, "/api/v1/purgecache", "").status, 200);
        assert_eq!(num_offered(addr), 1);
    }
}

#[test]
fn a_server_does_not_start_without_the_catalog_of_its_site() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    dir.remove("catalog.json");
    dir.run(&["serve", "--listen", "127.0.0.1:0"])
        .expect(2)
        .says("there is no catalog catalog.json")
        .says("git checkout -- catalog.json");
}
