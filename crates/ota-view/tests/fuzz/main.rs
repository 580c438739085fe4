//! Runs every fuzz target over its seeds and its tracked inputs, without a fuzzer.
//!
//! The seeds are made in `seeds`; the tracked inputs are in `tests/corpus/`, in one folder per
//! target. See the `README.md` there.

mod seeds;
mod targets;

use std::path::Path;

use targets::TARGETS;
use testkit::fuzz::Seeds;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

fn all_seeds() -> Seeds {
    seeds::all(&Path::new(CRATE).join("../..")).expect("the fixtures can be read")
}

testkit::fuzz_tests! {
    TARGETS, all_seeds(), &Path::new(CRATE).join("tests/corpus");
    package zip payload transfer_list sparse super_image ext4 erofs props metadata codec signature
    verify
}
