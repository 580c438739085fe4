//! Devices and folders in the place of files that romfeed keeps.

use std::os::unix::fs::symlink;

use super::support::{RomDir, bacon, bacon_name};

fn published() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    dir
}

#[test]
fn a_catalog_that_is_a_device_is_refused_before_it_is_read() {
    let dir = published();
    let site = dir.tree("out");
    let catalog = dir.path().join("catalog.json");
    std::fs::remove_file(&catalog).unwrap();
    // Reading it would never end.
    symlink("/dev/zero", &catalog).unwrap();
    dir.generate().expect(2).says("not a regular file");
    assert_eq!(dir.tree("out"), site);
}

#[test]
fn a_lock_that_is_not_a_file_is_refused() {
    for lock in [".romfeed/lock", "out/.romfeed/lock"] {
        let dir = published();
        let place = dir.path().join(lock);
        std::fs::remove_file(&place).unwrap();
        symlink("/dev/null", &place).unwrap();
        dir.generate().expect(1).says("not a regular file");
    }
}
