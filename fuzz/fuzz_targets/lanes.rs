//! Fuzzes the body `lanes` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("lanes");
