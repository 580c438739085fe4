//! Zips that were on this machine, and are on another host from now on.

use serde_json::Value;

use super::folder_host::{Files, Form, web_server};
use super::support::{RomDir, bacon, bacon_name};

/// The address of zips in all settings.
const FOR_PHONES: &str = "https://dl.example.org/roms/{path}";

/// A site whose zip was in `builds/`, and is on a host with this address for phones.
fn moved(for_phones: &str) -> (super::remote::host::Host, RomDir) {
    let files = Files::from([(bacon_name(0), bacon(0))]);
    let host = web_server(files, Form::Json);
    let settings = format!("base_url = \"https://ota.example.org\"\nurl = \"{FOR_PHONES}\"\n");
    let dir = RomDir::new().file("romfeed.toml", &settings);
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate"]).expect(0);
    dir.remove(&format!("builds/{}", bacon_name(0)));
    let source = format!(
        "[[source]]\nlisting = \"{}\"\nurl = \"{for_phones}\"\n",
        host.url("/")
    );
    dir.put("romfeed.toml", settings + &source);
    (host, dir)
}

fn build(dir: &RomDir) -> Value {
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    assert_eq!(catalog["builds"].as_array().unwrap().len(), 1);
    catalog["builds"][0].clone()
}

#[test]
fn a_zip_at_the_address_that_the_settings_give_it_is_not_read_again() {
    let (host, dir) = moved(FOR_PHONES);
    let (before, site) = (build(&dir), dir.tree("out"));
    dir.run(&["generate"]).expect(0);
    assert_eq!(build(&dir)["origin"]["source"], "listing");
    assert_eq!(build(&dir)["md5"], before["md5"]);
    assert_eq!(dir.read("out/bacon.json"), site["out/bacon.json"]);
    // A fresh machine asks for the list alone.
    std::fs::remove_dir_all(dir.path().join(".romfeed")).unwrap();
    let num_asked = host.num_asked();
    dir.run(&["generate"]).expect(0);
    assert_eq!(host.num_asked() - num_asked, 1);
}

#[test]
fn a_digest_that_the_host_does_not_state_stays_in_the_catalog() {
    let (_host, dir) = moved("https://elsewhere.example.org/{path}");
    let before = build(&dir);
    assert!(before["md5"].is_string());
    dir.run(&["generate"]).expect(0);
    assert_eq!(build(&dir)["md5"], before["md5"]);
    assert_eq!(build(&dir)["sha256"], before["sha256"]);
}
