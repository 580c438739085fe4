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
        .says("another device has this file name")
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
