//! Runs the fuzz target over its seeds, without a fuzzer.

mod seeds;
mod target;

use std::path::Path;

use testkit::fuzz::Target;

const TARGETS: [Target; 1] = [("lanes", target::lanes)];

testkit::fuzz_tests! {
    TARGETS, seeds::all(), &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    lanes
}
