//! Inputs that the fuzzers start with, in the folder `corpus` of each fuzz workspace.
//!
//! They are the seeds of the tests and the tracked inputs.

#[path = "../../crates/digest-lanes/tests/fuzz/seeds.rs"]
mod digest_lanes_seeds;
#[path = "../../crates/ota-view/tests/fuzz/seeds/mod.rs"]
mod ota_view_seeds;
#[path = "../../tests/testsuite/fuzz_seeds/mod.rs"]
mod romfeed_seeds;

use std::path::Path;

use testkit::fuzz::Inputs;

use crate::tools::Result;

/// Writes the inputs of every target; other files there are left alone.
pub(crate) fn write_all() -> Result<()> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = xtask.parent().expect("xtask lies in the repository");
    let digest_lanes = root.join("crates/digest-lanes");
    let ota_view = root.join("crates/ota-view");
    for (seeds, tracked, fuzz) in [
        (
            digest_lanes_seeds::all(),
            digest_lanes.join("tests/corpus"),
            digest_lanes.join("fuzz"),
        ),
        (
            ota_view_seeds::all(root)?,
            ota_view.join("tests/corpus"),
            ota_view.join("fuzz"),
        ),
        (
            romfeed_seeds::all(root)?,
            root.join("tests/fixtures/corpus"),
            root.join("fuzz"),
        ),
    ] {
        Inputs::new(seeds, &tracked)?.write(&fuzz.join("corpus"))?;
    }
    Ok(())
}
