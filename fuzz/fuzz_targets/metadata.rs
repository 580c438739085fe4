//! Fuzzes the body `metadata` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("metadata");
