//! Fuzzes the body `manifest` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("manifest");
