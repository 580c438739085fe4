//! Runs fuzz targets over their inputs without a fuzzer.
//!
//! A fuzz target is a function that takes any bytes and must not panic. Its inputs are *seeds*,
//! which are made by code, and *tracked* files. [`fuzz_tests`](crate::fuzz_tests) makes a test of
//! each target; [`Inputs::write`] gives the same inputs to a fuzzer.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name of a fuzz target, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Inputs that are made by code, by target and file name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seeds(BTreeMap<(&'static str, String), Vec<u8>>);

impl Seeds {
    /// Adds an input of a target.
    ///
    /// # Panics
    /// If the target already has an input with this name.
    pub fn add(&mut self, target: &'static str, name: &str, bytes: &[u8]) {
        let key = (target, format!("seed-{name}"));
        let previous = self.0.insert(key, bytes.to_vec());
        assert!(previous.is_none(), "{target} has two seeds `{name}`");
    }
}

/// All inputs of a package's fuzz targets.
#[derive(Debug)]
pub struct Inputs {
    seeds: Seeds,
    /// Files by target.
    tracked: BTreeMap<String, Vec<PathBuf>>,
}

impl Inputs {
    /// Combines seeds with the files in `tracked`, a folder with a subfolder for each target; it
    /// may be missing.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub fn new(seeds: Seeds, tracked: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        if tracked.exists() {
            for folder in list(tracked)?.iter().filter(|path| path.is_dir()) {
                files.insert(file_name(folder), list(folder)?);
            }
        }
        Ok(Self {
            seeds,
            tracked: files,
        })
    }

    /// Runs a target over all its inputs. If it fails, the last input that was printed is the cause.
    ///
    /// # Panics
    /// If the target panics or has no inputs.
    pub fn run(&self, (target, body): Target) {
        let mut num_inputs = 0;
        for ((_, name), bytes) in self.seeds.0.iter().filter(|((of, _), _)| *of == target) {
            eprintln!("{name}");
            body(bytes);
            num_inputs += 1;
        }
        for path in self.tracked.get(target).into_iter().flatten() {
            eprintln!("{}", path.display());
            body(&fs::read(path).expect("a tracked input can be read"));
            num_inputs += 1;
        }
        assert!(num_inputs > 0, "{target} has no inputs");
    }

    /// Checks that each input belongs to one of the targets, and that no name is a hash.
    ///
    /// # Panics
    /// If an input is out of place.
    pub fn check(&self, targets: &[Target]) {
        let seeded = self.seeds.0.keys().map(|(target, _)| *target);
        for used in seeded.chain(self.tracked.keys().map(String::as_str)) {
            let is_target = targets.iter().any(|(target, _)| *target == used);
            assert!(is_target, "`{used}` is not a target");
        }
        let is_hash = |name: &str| name.len() >= 32 && name.bytes().all(|b| b.is_ascii_hexdigit());
        for path in self.tracked.values().flatten() {
            let path_text = path.display();
            assert!(
                !is_hash(&file_name(path)),
                "{path_text}: name it by its contents"
            );
        }
    }

    /// Writes the inputs to `folder`, in a subfolder for each target; other files there stay.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for ((target, name), bytes) in &self.seeds.0 {
            fs::create_dir_all(folder.join(target))?;
            fs::write(folder.join(target).join(name), bytes)?;
        }
        for (target, paths) in &self.tracked {
            fs::create_dir_all(folder.join(target))?;
            for path in paths {
                fs::copy(path, folder.join(target).join(file_name(path)))?;
            }
        }
        Ok(())
    }
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Defines a test for each fuzz target, and tests of their inputs.
///
/// `$targets` is the array of all [`Target`]s, `$seeds` an expression for the [`Seeds`], and
/// `$tracked` the [`Path`] of the folder with the tracked inputs. The names of the targets follow,
/// in the order of the array.
#[macro_export]
macro_rules! fuzz_tests {
    ($targets:expr, $seeds:expr, $tracked:expr; $($target:ident)*) => {
        static INPUTS: std::sync::LazyLock<$crate::fuzz::Inputs> = std::sync::LazyLock::new(|| {
            $crate::fuzz::Inputs::new($seeds, $tracked).expect("the inputs can be listed")
        });

        $(
            #[test]
            fn $target() {
                let target = $targets.into_iter().find(|(name, _)| *name == stringify!($target));
                INPUTS.run(target.expect("it is one of the targets"));
            }
        )*

        #[test]
        fn every_target_is_tested() {
            assert_eq!($targets.map(|(name, _)| name), [$(stringify!($target)),*]);
        }

        #[test]
        fn every_input_belongs_to_a_target_and_is_named_by_its_contents() {
            INPUTS.check(&$targets);
        }

        #[test]
        fn seeds_are_the_same_each_time() {
            assert!($seeds == $seeds);
        }
    };
}
