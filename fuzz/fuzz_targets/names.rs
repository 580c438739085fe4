//! Fuzzes the body `names` of `tests/testsuite/fuzz_bodies/`.

#![no_main]

romfeed_fuzz::target!("names");
