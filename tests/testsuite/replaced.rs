//! A published package whose place another one takes: it is no longer offered, even if the
//! other one is left out.

use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

/// A site of one package.
fn published() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.run(&["generate"]).expect(0);
    assert!(offers(&dir));
    dir
}

/// Whether the list of the device names the package.
fn offers(dir: &RomDir) -> bool {
    let list = String::from_utf8(dir.read("out/api/v1/bacon/nightly.json")).unwrap();
    list.contains(&bacon_name(0))
}

#[test]
fn a_package_of_another_device_in_its_place() {
    let dir = published();
    let props = Props::lineage(
        "21.0",
        "nightly",
        "mako",
        1_700_000_000,
        "other",
        34,
        "2024-01-01",
    );
    let other = Package::files(props).build();
    dir.put(&format!("builds/{}", bacon_name(0)), other);
    dir.run(&["generate"])
        .expect(1)
        .says("it is for mako, and a published build of bacon has its file name")
        .says("retired");
    assert!(!offers(&dir));
    // It is offered again when it is back.
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate"]).expect(0);
    assert!(offers(&dir));
}

#[test]
fn two_packages_of_its_name_one_in_its_place() {
    let dir = published();
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(1));
    dir.put(&format!("builds/other/{}", bacon_name(0)), bacon(2));
    dir.run(&["generate"])
        .expect(1)
        .says("a different package has the same file name")
        .says("retired");
    assert!(!offers(&dir));
}

/// Returns the file names of the builds in the catalog.
fn listed(dir: &RomDir) -> Vec<String> {
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).stdout;
    let lines = list.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["filename"].as_str().unwrap().to_owned()
    });
    let mut names: Vec<String> = lines.collect();
    names.sort();
    names
}

fn rename(dir: &RomDir, from: &str, to: &str) {
    let at = |name: &str| dir.path().join("builds").join(name);
    std::fs::rename(at(from), at(to)).unwrap();
}

/// A site whose package was replaced by a later one under its name.
fn superseded() -> RomDir {
    let dir = published();
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(1));
    dir.run(&["generate"])
        .expect(0)
        .says("changed under its old name");
    dir
}

#[test]
fn a_superseded_package_returns_once_the_new_one_has_another_name() {
    let back = |dir: &RomDir, name: &str| dir.put(&format!("builds/{name}"), bacon(0));
    let both = [bacon_name(0), bacon_name(1)];

    // In one go.
    let dir = superseded();
    rename(&dir, &bacon_name(0), &bacon_name(1));
    back(&dir, &bacon_name(0));
    dir.run(&["generate"]).expect(0).lacks("passed over");
    assert_eq!(listed(&dir), both);
    assert!(offers(&dir));

    // The new one first.
    let dir = superseded();
    rename(&dir, &bacon_name(0), &bacon_name(1));
    dir.run(&["generate"]).expect(0);
    back(&dir, &bacon_name(0));
    dir.run(&["generate"]).expect(0).lacks("passed over");
    assert_eq!(listed(&dir), both);

    // Under another name, as if that had been its name when it was replaced.
    let dir = superseded();
    back(&dir, &bacon_name(5));
    dir.run(&["generate"]).expect(0).lacks("passed over");
    assert_eq!(listed(&dir), [bacon_name(0), bacon_name(5)]);
    // Nothing changes from then on.
    let before = dir.tree("out");
    dir.run(&["generate"]).expect(0);
    assert_eq!(dir.tree("out"), before);
}

#[test]
fn a_superseded_package_stays_away_while_another_one_has_its_name() {
    let dir = superseded();
    let name = format!("builds/{}", bacon_name(0));
    dir.put(&format!("builds/old/{}", bacon_name(0)), bacon(0));
    let passed_over = format!("passed over old/{}", bacon_name(0));
    dir.run(&["generate", "-v"]).expect(0).says(&passed_over);
    // One that supersedes the superseder is no less in its place.
    dir.put(&name, bacon(2));
    dir.run(&["generate", "-v"]).expect(0).says(&passed_over);
    assert_eq!(listed(&dir), [bacon_name(0)]);
    // What was removed by hand stays removed, whatever its name is.
    dir.remove(&format!("builds/old/{}", bacon_name(0)));
    dir.run(&["catalog", "remove", &bacon_name(0)]).expect(0);
    rename(&dir, &bacon_name(0), &bacon_name(3));
    dir.run(&["generate"]).expect(0).says("passed over");
    assert_eq!(listed(&dir), [""; 0]);
}
