//! Zips that a source lists and phones cannot download.

use super::folder_host::{Files, Form, web_server};
use super::support::{RomDir, bacon, bacon_name};

/// A host that no name server is asked for: the label is longer than names may have.
fn nowhere() -> String {
    format!("https://{}.invalid", "x".repeat(64))
}

#[test]
fn zip_of_a_source_that_is_not_online_stops_no_publication() {
    let host = web_server(Files::from([(bacon_name(0), bacon(0))]), Form::Json);
    let settings = format!(
        "base_url = \"https://ota.example.org\"\n[[source]]\nlisting = \"{}\"\nhash = \"download\"\n\
         url = \"{}/{{path}}\"\n",
        host.url("/"),
        nowhere()
    );
    let dir = RomDir::new().file("romfeed.toml", &settings);
    dir.run(&["generate"]).expect(0);
    let check = || dir.run(&["check", "--zips"]);
    check()
        .expect(0)
        .says("zip-of-source")
        .says("(zip-unreachable); the rest can be published, since source listing lists it");
    // A zip of this machine is not known to be online.
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    let url = format!("url = \"{}/{{filename}}\"\n{settings}", nowhere());
    dir.put("romfeed.toml", url);
    dir.run(&["generate"]).expect(0);
    check().expect(1).says("error").says(&bacon_name(1));
    // Nor is one whose source the settings no longer have.
    let local = format!(
        "base_url = \"https://ota.example.org\"\nurl = \"{}/{{filename}}\"\n",
        nowhere()
    );
    dir.put("romfeed.toml", local);
    std::fs::remove_file(dir.path().join("builds").join(bacon_name(1))).unwrap();
    check().expect(1).lacks("zip-of-source");
}
