//! Inputs that the fuzzers start with, under `fuzz/corpus/`.
//!
//! They are the seeds of the test suite and the tracked inputs.

#[path = "../../tests/testsuite/fuzz_seeds/mod.rs"]
mod fuzz_seeds;

use crate::tools::Result;
use std::{fs, path::Path};

/// Writes the inputs of every target; other files there are left alone.
pub(crate) fn write_all() -> Result<()> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = xtask.parent().expect("xtask lies in the repository");
    let corpus = root.join("fuzz/corpus");
    for seed in fuzz_seeds::all(root)? {
        let folder = corpus.join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), seed.bytes)?;
    }
    for target in fs::read_dir(root.join("tests/fixtures/corpus"))? {
        let target = target?;
        if target.file_type()?.is_dir() {
            let folder = corpus.join(target.file_name());
            fs::create_dir_all(&folder)?;
            for file in fs::read_dir(target.path())? {
                let file = file?;
                fs::copy(file.path(), folder.join(file.file_name()))?;
            }
        }
    }
    Ok(())
}
