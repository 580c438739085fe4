//! What the fuzzers found worth keeping, run again without a fuzzer.
//!
//! The inputs under `tests/fixtures/corpus/` are in a folder for each target; see
//! CONTRIBUTING.md for how they come there. Names that begin with `crash-`,
//! `timeout-` or `slow-` are of inputs that were too much once.

use std::path::Path;

use crate::fuzz_bodies::ALL;

/// Runs all inputs of a target, sorted by name.
fn run_again(target: &str) {
    let (_, body) = ALL.iter().find(|(name, _)| *name == target).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus");
    let entries = std::fs::read_dir(folder.join(target)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        // Told if the test fails: the last one is the culprit.
        eprintln!("{}", path.display());
        body(&std::fs::read(path).unwrap());
    }
}

macro_rules! run_again {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                run_again(stringify!($target));
            }
        )*

        #[test]
        fn every_target_has_its_inputs_run() {
            let targets = [$(stringify!($target)),*];
            assert_eq!(ALL.map(|(name, _)| name), targets);
        }
    };
}

run_again! {
    package zip payload transfer_list sparse super_image ext4 erofs props metadata codec signature
    verify manifest catalog conflict config http changelog names feeds exchange template lanes
}
