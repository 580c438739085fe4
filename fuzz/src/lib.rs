//! What the fuzz targets need besides the functions in `tests/testsuite/fuzz_bodies/`, which the
//! test suite also runs, over the tracked inputs. Panics are treated as ota-view's fuzz targets
//! treat them.

#[path = "../../tests/testsuite/fuzz_bodies/mod.rs"]
mod bodies;

/// All targets.
pub const TARGETS: &[testkit::fuzz::Target] = &bodies::TARGETS;

/// Defines the fuzzer of the target called `$name`.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(
            init: ota_view_fuzz::begin($crate::TARGETS, $name, env!("CARGO_MANIFEST_DIR")),
            |data: &[u8]| ota_view_fuzz::run(data)
        );
    };
}
