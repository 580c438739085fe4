//! Disturbed runs: no published file is lost, and the next run repairs the rest.
//!
//! The engine is `testkit::faults`; `cargo xtask faults` injects many more faults, including those
//! that need Linux, root or other programs.

mod clash;
mod damage;
mod garbage;
mod kills;
#[cfg(target_os = "linux")]
mod names;

use testkit::faults::scenario::{Step, steps};
use testkit::faults::{Site, Stage};

/// A folder for a site, removed when dropped.
struct Folder {
    site: Site,
    _dir: tempfile::TempDir,
}

impl Folder {
    fn new() -> Folder {
        let dir = tempfile::tempdir().unwrap();
        Folder {
            site: Site::new(dir.path(), env!("CARGO_BIN_EXE_romfeed")),
            _dir: dir,
        }
    }
}

/// Runs the scenario up to its step `last`, which is passed to `disturb`.
fn at_step(last: usize, disturb: impl Fn(&Stage)) {
    let folder = Folder::new();
    let steps: Vec<Step> = steps();
    for step in &steps[..last] {
        Stage::set(&folder.site, step).unwrap();
    }
    disturb(&Stage::set(&folder.site, &steps[last]).unwrap());
}

/// Checks what the fault left, and the result of one more run.
#[track_caller]
fn is_safe(stage: &Stage, what: &str) {
    let (losses, _) = stage.losses().unwrap();
    assert!(losses.is_empty(), "{}, {what}: {losses:#?}", stage.name);
    let wrong = stage.recover().unwrap();
    assert!(wrong.is_empty(), "{}, {what}: {wrong:#?}", stage.name);
}
