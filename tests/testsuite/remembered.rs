//! What a run remembers of a site in `.romfeed/pages.json` makes the next one faster, and never another.

use std::fs;

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

/// A site of two devices whose zips are elsewhere, with a catalog file for each.
fn site(settings: &str) -> RomDir {
    let head = format!("base_url = \"{BASE_URL}\"\ncatalog = \"catalog/\"\n");
    let dir = RomDir::new().file("romfeed.toml", head + settings);
    fs::create_dir(dir.path().join("builds")).unwrap();
    for (device, digit) in [("FP5", "5"), ("oneplus3", "3")] {
        let name = name(device);
        let url = format!("https://dl.example.org/{name}");
        let facts = ["--device", device, "--filename", &name, "--url", &url];
        let sha256 = digit.repeat(64);
        let facts = [&facts[..], &["--sha256", &sha256]].concat();
        dir.add_build(&facts).expect(0);
    }
    dir.run(&["generate"]).expect(0);
    dir.run(&["generate"]).expect(0);
    dir
}

fn name(device: &str) -> String {
    format!("lineage-21.0-20240801-nightly-{device}.zip")
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(path)).unwrap()
}

#[test]
fn a_site_without_an_address_is_refused() {
    let dir = site("");
    dir.put("romfeed.toml", "catalog = \"catalog/\"\n");
    let catalog = text(&dir, "catalog/fp5.json");
    let lines = catalog.lines().filter(|line| !line.contains("\"url\""));
    dir.put("catalog/fp5.json", lines.collect::<Vec<_>>().join("\n"));
    let before = dir.tree("out");
    dir.run(&["generate"])
        .expect(2)
        .says("no setting says where phones will download");
    assert!(dir.tree("out") == before);
}
