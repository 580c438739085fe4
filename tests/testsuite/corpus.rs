//! Runs every fuzz target of romfeed itself over its seeds and its tracked inputs, without a fuzzer.
//!
//! The seeds are made in `fuzz_seeds`; the tracked inputs are in `tests/fixtures/corpus/`, in one
//! folder per target. See the `README.md` there.

use std::path::Path;

use testkit::fuzz::Seeds;

use crate::fuzz_bodies::TARGETS;
use crate::fuzz_seeds;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn all_seeds() -> Seeds {
    fuzz_seeds::all(Path::new(ROOT)).unwrap()
}

testkit::fuzz_tests! {
    TARGETS, all_seeds(), &Path::new(ROOT).join("tests/fixtures/corpus");
    manifest catalog conflict config http changelog names feeds exchange template
    github forgejo gitlab listing sourceforge file_list s3
}
