//! Runs every fuzz target over its seeds and its tracked inputs, without a fuzzer.
//!
//! The seeds are made in `fuzz_seeds`; the tracked inputs are in `tests/fixtures/corpus/`, in one
//! folder per target. See the `README.md` there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::fuzz_bodies::ALL;
use crate::fuzz_seeds::{self, Seed};

static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| fuzz_seeds::all(root()).unwrap());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the tracked files by target.
fn tracked() -> BTreeMap<String, Vec<PathBuf>> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    list(&root().join("tests/fixtures/corpus"))
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|folder| {
            let target = folder.file_name().unwrap().to_str().unwrap().to_owned();
            (target, list(&folder))
        })
        .collect()
}

/// Runs a target over all its inputs; if it fails, the last printed input is the cause.
fn run_target(target: &str) {
    let (_, body) = ALL.iter().find(|(name, _)| *name == target).unwrap();
    let mut num_inputs = 0;
    for seed in &*SEEDS {
        if seed.target == target {
            eprintln!("{}", seed.name);
            body(&seed.bytes);
            num_inputs += 1;
        }
    }
    for path in tracked().remove(target).unwrap_or_default() {
        eprintln!("{}", path.display());
        body(&std::fs::read(path).unwrap());
        num_inputs += 1;
    }
    assert!(num_inputs > 0, "{target} has no inputs");
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                run_target(stringify!($target));
            }
        )*

        #[test]
        fn every_target_is_tested() {
            let targets = [$(stringify!($target)),*];
            assert_eq!(ALL.map(|(name, _)| name), targets);
        }
    };
}

targets! {
    package zip payload transfer_list sparse super_image ext4 erofs props metadata codec signature
    verify manifest catalog conflict config http changelog names feeds exchange template lanes
}

#[test]
fn every_input_belongs_to_a_target() {
    let targets = ALL.map(|(name, _)| name);
    for seed in &*SEEDS {
        assert!(targets.contains(&seed.target), "{}", seed.target);
    }
    for target in tracked().keys() {
        assert!(targets.contains(&target.as_str()), "{target}");
    }
}

#[test]
fn no_tracked_input_is_named_by_a_hash() {
    let is_hash = |name: &str| name.len() >= 32 && name.bytes().all(|b| b.is_ascii_hexdigit());
    for path in tracked().values().flatten() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            !is_hash(name),
            "{}: name it by its contents",
            path.display()
        );
    }
}

#[test]
fn seeds_are_the_same_each_time_and_their_names_differ() {
    let inputs = |seeds: &[Seed]| -> BTreeMap<_, _> {
        let inputs = seeds.iter().map(|seed| {
            let key = (seed.target, seed.name.clone());
            (key, seed.bytes.clone())
        });
        inputs.collect()
    };
    let once = inputs(&SEEDS);
    assert!(once == inputs(&fuzz_seeds::all(root()).unwrap()));
    assert_eq!(once.len(), SEEDS.len());
}
