//! Devices and folders in place of files that romfeed stores.

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
        dir.generate().expect(3).says("not a regular file");
    }
}

/// Makes a named pipe that no program writes to. Apple's systems have no safe call for one.
#[cfg(not(target_vendor = "apple"))]
fn make_pipe(path: &std::path::Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap();
}

#[cfg(not(target_vendor = "apple"))]
#[test]
fn settings_that_are_a_pipe_are_refused_at_once() {
    let dir = published();
    make_pipe(&dir.path().join("romfeed.toml"));
    dir.generate()
        .expect(2)
        .says("cannot read romfeed.toml: not a regular file");
    make_pipe(&dir.path().join("other.toml"));
    dir.run(&["--config", "other.toml", "check"])
        .expect(2)
        .says("cannot read other.toml: not a regular file");
}

#[test]
fn settings_that_are_a_device_or_too_long_are_refused() {
    let dir = published();
    let settings = dir.path().join("romfeed.toml");
    // Reading it would never end.
    symlink("/dev/zero", &settings).unwrap();
    dir.generate()
        .expect(2)
        .says("cannot read romfeed.toml: not a regular file");
    std::fs::remove_file(&settings).unwrap();
    dir.put("romfeed.toml", "#".repeat((1 << 20) + 1));
    dir.generate()
        .expect(2)
        .says("cannot read romfeed.toml: it has more than 1024 KiB");
}
